//! A steady load for a long time: memory, descriptors and the log stay as they are.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::process::{children, descriptors, status};
use super::quiet::{self, share, spread};
use super::{Options, Outcome};
use crate::checker::Violation;
use crate::daemon::Daemon;
use crate::load::{FaultError, Load};

/// Between two starts of a client: the machine is not to be full.
const PACE: Duration = Duration::from_millis(250);
const SAMPLE: Duration = Duration::from_secs(2);
const BETWEEN: Duration = Duration::from_millis(100);
/// This part of the time the daemon may grow into its size.
const WARM: f64 = 0.25;
/// What memory may rise in an hour, and once, for pages that the allocator keeps.
const KIB_PER_HOUR: f64 = 1_024.0;
const KIB_ONCE: f64 = 4_096.0;
/// Lines that come and go.
const DESCRIPTORS: f64 = 4.0;
/// The log is brought in at a quarter of this.
const LOG_BYTES: f64 = 64.0 * 1_048_576.0;
/// Of a hundred runs the slowest takes no longer in the last third than in the first, but for a tenth and what a machine
/// that has other work adds.
const DRIFT: f64 = 1.1;
const BUSY_MS: f64 = 250.0;

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

/// Where nobody says how long.
const MINUTES: f64 = 30.0;

/// # Errors
/// When the run could not be carried out.
pub fn run(options: &Options) -> Outcome {
    let minutes = options.minutes.unwrap_or(MINUTES);
    let load = Load::begin_wide(&options.binary, options.clients, 1)?;
    load.pace(PACE);
    quiet::add(&load.home)?;
    let began = Instant::now();
    let daemon = load.start()?;
    let (client, whole) = (daemon.client(), Duration::from_secs_f64(minutes * 60.0));
    let (mut samples, mut took) = (vec![], vec![]);
    while began.elapsed() < whole {
        let next = Instant::now() + SAMPLE;
        while Instant::now() < next {
            took.push(quiet::took(&client)?);
            std::thread::sleep(BETWEEN); // A steady load.
        }
        samples.push(Sample::of(&daemon, began)?);
        if samples.len().is_multiple_of(60) {
            eprintln!("{} s, {} starts acknowledged", began.elapsed().as_secs(), load.acknowledged());
        }
    }
    daemon.stop();
    let warm = samples.split_off((samples.len() as f64 * WARM) as usize);
    let (mut violations, mut counted) = judged(&warm);
    let took = took.split_off((took.len() as f64 * WARM) as usize);
    violations.extend(slower(&took));
    if let Value::Object(counted) = &mut counted {
        counted.insert("minutes".to_owned(), json!(minutes));
        counted.insert("samples".to_owned(), json!(warm.len()));
        counted.insert("run_ms".to_owned(), json!(thirds(&took).map(spread)));
    }
    let mut findings = load.judge(1, options.keep)?;
    findings.violations.extend(violations);
    Ok((findings, counted))
}

impl Sample {
    fn of(daemon: &Daemon, began: Instant) -> Result<Self, FaultError> {
        let of = |pid: u32, name: &str| status(pid, name).unwrap_or(0) as f64;
        let log = std::fs::metadata(daemon.home.join("data/yizhan.db-wal"));
        Ok(Self {
            hours: began.elapsed().as_secs_f64() / 3_600.0,
            resident_kib: of(daemon.pid(), "VmRSS:"),
            children_kib: children(daemon.pid()).into_iter().map(|child| of(child, "VmRSS:")).sum(),
            descriptors: descriptors(daemon.pid())? as f64,
            threads: of(daemon.pid(), "Threads:"),
            log_bytes: log.map_or(0.0, |file| file.len() as f64),
        })
    }
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

/// The first, the second and the last.
fn thirds(took: &[u64]) -> [&[u64]; 3] {
    let (first, rest) = took.split_at(took.len() / 3);
    let (second, last) = rest.split_at(rest.len() / 2);
    [first, second, last]
}

fn slower(took: &[u64]) -> Option<Violation> {
    // Of fewer the slowest of a hundred is whichever one stood out.
    if took.len() < 300 {
        return None;
    }
    let [first, _, last] = thirds(took).map(|third| share(third, 99).unwrap_or(0));
    let most = (first as f64 * DRIFT + BUSY_MS) as u64;
    (last > most)
        .then(|| Violation::TookLong("the slowest of a hundred runs, at the end,".to_owned(), last, most))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_that_become_slower_are_told_and_one_that_stands_out_is_not() {
        let at = |ms: u64| move |number: u64| 100 + ms * number / 900 + number % 7;
        assert_eq!(slower(&(0..900).map(at(200)).collect::<Vec<_>>()), None);
        let told = slower(&(0..900).map(at(600)).collect::<Vec<_>>());
        assert!(matches!(told, Some(Violation::TookLong(_, 690..=710, _))), "{told:?}");
        let mut one = vec![100; 900];
        one[899] = 60_000;
        assert_eq!(slower(&one), None);
    }

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
