//! A steady load for a long time: memory, descriptors and the log stay as they are.

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{Options, Outcome};
use crate::checker::Violation;
use crate::daemon::Daemon;
use crate::load::{FaultError, Load};

/// Between two starts of a client: the machine is not to be full.
const PACE: Duration = Duration::from_millis(250);
const SAMPLE: Duration = Duration::from_secs(2);
/// This part of the time the daemon may grow into its size.
const WARM: f64 = 0.25;
/// What memory may rise in an hour, and once, for pages that the allocator keeps.
const KIB_PER_HOUR: f64 = 1_024.0;
const KIB_ONCE: f64 = 4_096.0;
/// Lines that come and go.
const DESCRIPTORS: f64 = 4.0;
/// The log is brought in at a quarter of this.
const LOG_BYTES: f64 = 64.0 * 1_048_576.0;

/// What the daemon and the children that carry its plugins used when they were looked at.
#[derive(Clone, Copy, Debug, Default)]
struct Sample {
    hours: f64,
    resident_kib: f64,
    children_kib: f64,
    descriptors: f64,
    threads: f64,
    log_bytes: f64,
}

/// # Errors
/// When the run could not be carried out.
pub fn run(options: &Options) -> Outcome {
    let load = Load::begin_wide(&options.binary, options.clients)?;
    load.pace(PACE);
    let began = Instant::now();
    let daemon = load.start()?;
    let (mut samples, whole) = (vec![], Duration::from_secs_f64(options.minutes * 60.0));
    while began.elapsed() < whole {
        std::thread::sleep(SAMPLE); // The time between two samples.
        samples.push(Sample::of(&daemon, began)?);
        if samples.len().is_multiple_of(60) {
            eprintln!("{} s, {} starts acknowledged", began.elapsed().as_secs(), load.acknowledged());
        }
    }
    daemon.stop();
    let warm = samples.split_off((samples.len() as f64 * WARM) as usize);
    let (violations, mut counted) = judged(&warm);
    if let Value::Object(counted) = &mut counted {
        counted.insert("minutes".to_owned(), json!(options.minutes));
        counted.insert("samples".to_owned(), json!(warm.len()));
    }
    let mut findings = load.judge(1, options.keep)?;
    findings.violations.extend(violations);
    Ok((findings, counted))
}

impl Sample {
    fn of(daemon: &Daemon, began: Instant) -> Result<Self, FaultError> {
        let process = Path::new("/proc").join(daemon.pid().to_string());
        let of_child =
            |child: &u32| status(&Path::new("/proc").join(child.to_string()), "VmRSS:").unwrap_or(0.0);
        let log = std::fs::metadata(daemon.home.join("data/yizhan.db-wal"));
        Ok(Self {
            hours: began.elapsed().as_secs_f64() / 3_600.0,
            resident_kib: status(&process, "VmRSS:").unwrap_or(0.0),
            children_kib: daemon.children().iter().map(of_child).sum(),
            descriptors: std::fs::read_dir(process.join("fd"))?.count() as f64,
            threads: status(&process, "Threads:").unwrap_or(0.0),
            log_bytes: log.map_or(0.0, |file| file.len() as f64),
        })
    }
}

fn status(process: &Path, name: &str) -> Option<f64> {
    let text = std::fs::read_to_string(process.join("status")).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}

/// A quantity over time, and the straight line through it.
struct Fit {
    mean: f64,
    per_hour: f64,
    most: f64,
    /// What the line rises from the first sample to the last.
    rise: f64,
}

fn fit(samples: &[Sample], of: impl Fn(&Sample) -> f64) -> Fit {
    let count = samples.len().max(1) as f64;
    let mean = samples.iter().map(&of).sum::<f64>() / count;
    let middle = samples.iter().map(|one| one.hours).sum::<f64>() / count;
    let together: f64 = samples.iter().map(|one| (one.hours - middle) * (of(one) - mean)).sum();
    let alone: f64 = samples.iter().map(|one| (one.hours - middle).powi(2)).sum();
    let per_hour = if alone > 0.0 { together / alone } else { 0.0 };
    let ends = samples.first().zip(samples.last());
    let rise = ends.map_or(0.0, |(first, last)| per_hour * (last.hours - first.hours));
    Fit { mean, per_hour, most: samples.iter().map(of).fold(0.0, f64::max), rise }
}

impl Fit {
    fn shown(&self) -> Value {
        let short = |number: f64| (number * 10.0).round() / 10.0;
        json!({ "mean": short(self.mean), "per_hour": short(self.per_hour), "most": short(self.most) })
    }
}

fn judged(samples: &[Sample]) -> (Vec<Violation>, Value) {
    let hours = samples.first().zip(samples.last()).map_or(0.0, |(first, last)| last.hours - first.hours);
    let memory = KIB_ONCE + KIB_PER_HOUR * hours;
    let (resident, children) = (fit(samples, |one| one.resident_kib), fit(samples, |one| one.children_kib));
    let (descriptors, threads) = (fit(samples, |one| one.descriptors), fit(samples, |one| one.threads));
    let log = fit(samples, |one| one.log_bytes);
    let grows = [
        ("memory in KiB", resident.rise, memory),
        ("memory of plugins in KiB", children.rise, memory),
        ("descriptors", descriptors.rise, DESCRIPTORS),
        ("threads", threads.rise, DESCRIPTORS),
        ("the log in bytes", log.most, LOG_BYTES),
    ];
    let violations = grows.iter().filter(|(_, rise, most)| rise > most);
    let violations =
        violations.map(|(what, rise, most)| Violation::Grew((*what).to_owned(), *rise as i64, *most as i64));
    let counted = json!({
        "resident_kib": resident.shown(), "children_kib": children.shown(), "descriptors": descriptors.shown(),
        "threads": threads.shown(), "log_bytes": log.shown(),
    });
    (violations.collect(), counted)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An hour of samples whose memory goes up and down around a line.
    fn samples(kib_per_hour: f64, descriptors: f64) -> Vec<Sample> {
        let one = |number: u32| {
            let hours = f64::from(number) / 1_800.0;
            let resident_kib = 40_000.0 + kib_per_hour * hours + 900.0 * f64::from(number % 7);
            let descriptors = 30.0 + descriptors * hours + f64::from(number % 3);
            Sample { hours, resident_kib, descriptors, log_bytes: 4e6, ..Sample::default() }
        };
        (0..1_800).map(one).collect()
    }

    #[test]
    fn what_rises_beyond_its_share_is_told_and_what_goes_up_and_down_is_not() {
        let (none, counted) = judged(&samples(900.0, 0.0));
        assert_eq!(none, []);
        assert!((counted["resident_kib"]["per_hour"].as_f64().unwrap() - 900.0).abs() < 20.0, "{counted}");
        let told = |samples: &[Sample]| judged(samples).0;
        let grew = |kib_per_hour, descriptors| match &told(&samples(kib_per_hour, descriptors))[..] {
            [Violation::Grew(what, by, _)] => (what.clone(), *by),
            others => panic!("{others:?}"),
        };
        let (what, by) = grew(9_000.0, 0.0);
        assert!(what == "memory in KiB" && (8_900..9_100).contains(&by), "{what} by {by}");
        let (what, by) = grew(0.0, 60.0);
        assert!(what == "descriptors" && (59..62).contains(&by), "{what} by {by}");
        let mut full = samples(0.0, 0.0);
        full[900].log_bytes = 7e7;
        assert_eq!(told(&full).len(), 1);
    }
}
