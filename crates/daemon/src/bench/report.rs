//! What every workload answers with: the same figures under the same names, as JSON and as a table for people.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::Disk;
use super::machine::Used;
use crate::language::Language;

/// A figure: its name in JSON, and how a table says it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Figure {
    key: &'static str,
    zh: &'static str,
    en: &'static str,
    digits: usize,
}

const fn figure(key: &'static str, zh: &'static str, en: &'static str, digits: usize) -> Figure {
    Figure { key, zh, en, digits }
}

pub(crate) const THROUGHPUT: Figure = figure("throughput", "次/秒", "a second", 0);
pub(crate) const COUNT: Figure = figure("count", "次", "times", 0);
pub(crate) const SECONDS: Figure = figure("seconds", "秒", "seconds", 2);
pub(crate) const P50: Figure = figure("p50_ms", "毫秒,p50", "ms at p50", 2);
pub(crate) const P95: Figure = figure("p95_ms", "毫秒,p95", "ms at p95", 2);
pub(crate) const P99: Figure = figure("p99_ms", "毫秒,p99", "ms at p99", 2);
pub(crate) const MOST: Figure = figure("most_ms", "毫秒,最长", "ms at most", 2);
pub(crate) const COMMITS: Figure = figure("commits_per_s", "次提交/秒", "commits a second", 0);
pub(crate) const CHANGES: Figure = figure("changes_per_commit", "行/次提交", "lines a commit", 1);
pub(crate) const COMMIT: Figure = figure("commit_us", "微秒/次提交", "us a commit", 0);
pub(crate) const CPU: Figure = figure("cpu_us_each", "微秒 CPU,每次", "us of CPU each, all processes", 1);
pub(crate) const BYTES: Figure = figure("bytes_each", "字节写盘,每次", "bytes written each", 0);
pub(crate) const CPU_SHARE: Figure = figure("cpu_ms_per_s", "毫秒 CPU/秒", "ms of CPU a second", 2);
pub(crate) const RESIDENT: Figure = figure("resident_mib", "MiB 内存", "MiB in memory", 1);
pub(crate) const CHILDREN: Figure =
    figure("children_mib", "MiB 内存,各子进程合计", "MiB in memory, all child processes", 1);
pub(crate) const WAKEUPS: Figure = figure("wakeups_per_s", "次唤醒/秒", "wake-ups a second", 1);
pub(crate) const BEYOND: Figure =
    figure("beyond_disk_us", "微秒/步,在磁盘提交之外", "us a step beyond the disk's own commit", 1);
pub(crate) const EARLY: Figure = figure("early", "次过早", "too early", 0);
pub(crate) const LOST: Figure = figure("lost", "次没有等到", "that never came", 0);
pub(crate) const STORED: Figure = figure("stored_mib", "MiB 在盘上", "MiB on the disk", 0);
pub(crate) const READY: Figure = figure("ready_ms", "毫秒,到就绪", "ms until it is ready", 1);
pub(crate) const ACCEPTED: Figure =
    figure("accepted_ms", "毫秒,到第一个 webhook 得到应答", "ms until the first webhook is answered", 1);
pub(crate) const LIVE: Figure =
    figure("live_ms", "毫秒,到停下时正在做的每一步都做完", "ms until every step that was cut is done", 1);

/// One part of a workload with what came of it.
#[derive(Clone, Debug)]
pub(crate) struct Part {
    name: String,
    figures: Vec<(Figure, f64)>,
}

impl Part {
    pub(crate) fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), figures: vec![] }
    }

    pub(crate) fn with(mut self, figure: Figure, value: f64) -> Self {
        self.figures.push((figure, value));
        self
    }

    /// How long each one took.
    pub(crate) fn times(self, mut times: Vec<Duration>) -> Self {
        times.sort_unstable();
        let last = times.len().saturating_sub(1);
        let at = |share: usize| times.get(last * share / 100).map_or(0.0, |time| time.as_secs_f64() * 1e3);
        self.with(P50, at(50)).with(P95, at(95)).with(P99, at(99)).with(MOST, at(100))
    }

    /// What was used between two looks, for each of so many.
    pub(crate) fn used(self, before: Used, after: Used, each: u64) -> Self {
        let each = each.max(1) as f64;
        let cpu = after.cpu.saturating_sub(before.cpu).as_secs_f64() * 1e6 / each;
        self.with(CPU, cpu).with(BYTES, after.bytes.saturating_sub(before.bytes) as f64 / each)
    }

    /// What the writer did meanwhile.
    pub(crate) fn commits(self, before: Commits, after: Commits, took: Duration) -> Self {
        let commits = after.commits - before.commits;
        let each = |sum: f64| if commits > 0.0 { sum / commits } else { 0.0 };
        self.with(COMMITS, commits / took.as_secs_f64())
            .with(CHANGES, each(after.changes - before.changes))
            .with(COMMIT, each(after.commit_us - before.commit_us))
    }

    pub(crate) fn get(&self, wanted: Figure) -> Option<f64> {
        self.figures.iter().find(|(figure, _)| figure.key == wanted.key).map(|(_, value)| *value)
    }

    fn json(&self) -> Value {
        let name = std::iter::once(("name".to_owned(), json!(self.name)));
        name.chain(self.figures.iter().map(|(figure, value)| (figure.key.to_owned(), json!(value)))).collect()
    }
}

/// What the writer has done so far.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Commits {
    pub(crate) commits: f64,
    pub(crate) changes: f64,
    pub(crate) commit_us: f64,
}

/// A workload with its parts.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) workload: &'static str,
    /// What it was told: its flags.
    pub(crate) settings: Value,
    pub(crate) parts: Vec<Part>,
    /// What stands for the whole of it, beside the parts.
    pub(crate) whole: Map<String, Value>,
}

impl Report {
    pub(crate) fn new(workload: &'static str, settings: Value) -> Self {
        Self { workload, settings, parts: vec![], whole: Map::new() }
    }

    /// `commit`: how long the disk itself takes for one.
    pub(crate) fn json(&self, commit: Duration, disk: Disk) -> Value {
        let mut value = json!({
            "workload": self.workload, "settings": self.settings,
            "disk_commit_us": commit.as_secs_f64() * 1e6, "fsync_delay_ms": disk.fsync_delay.as_secs_f64() * 1e3,
            "synchronous": disk.synchronous.name(),
            "parts": self.parts.iter().map(Part::json).collect::<Vec<_>>(),
        });
        if let Value::Object(value) = &mut value {
            value.extend(self.whole.clone());
        }
        value
    }

    pub(crate) fn table(&self, commit: Duration, disk: Disk, language: Language) -> String {
        let commit = commit.as_secs_f64() * 1e6;
        let mut text = language.pick(
            format!("{}:这块盘自己提交一页要 {commit:.0} 微秒", self.workload),
            format!("{}: a commit of one page takes this disk {commit:.0} us", self.workload),
        );
        if !disk.fsync_delay.is_zero() {
            let delay = disk.fsync_delay.as_secs_f64() * 1e3;
            text.push_str(
                &language.pick(format!(",每次另等 {delay} 毫秒"), format!(", and {delay} ms more")),
            );
        }
        for part in &self.parts {
            text.push_str(&format!("\n\n{}", part.name));
            for (figure, value) in &part.figures {
                let said = language.pick(figure.zh, figure.en);
                text.push_str(&format!("\n  {value:>12.*} {said}", figure.digits));
            }
        }
        text
    }
}
