//! What a plugin's calls cost: how many ended how, how long they took, and what its child uses of the machine.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Four to a doubling, from a microsecond to some hours: what is told of times is right within a fifth.
const STEPS: usize = 140;
/// Of the times that the kernel tells of a process, on every machine that we run on.
const TICKS_A_SECOND: u64 = 100;

/// Counted as calls end; nothing waits for it.
#[derive(Debug)]
pub(crate) struct Cost {
    since_ms: u64,
    failed: AtomicU64,
    busy_us: AtomicU64,
    took: [AtomicU64; STEPS],
}

/// What calls cost so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CostInfo {
    /// Since when it is counted, in milliseconds since 1970.
    pub since_ms: u64,
    pub ended: u64,
    /// Among them: with a failure.
    pub failed: u64,
    /// Of all calls together, from when they came until they ended.
    pub busy: Duration,
    /// Half of the calls took no longer; none: none ended yet.
    pub p50: Option<Duration>,
    pub p95: Option<Duration>,
    /// Of the child that runs now, since it was started.
    pub cpu: Option<Duration>,
    pub memory_bytes: Option<u64>,
}

impl Default for Cost {
    fn default() -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self {
            since_ms: u64::try_from(since.as_millis()).unwrap_or_default(),
            failed: AtomicU64::default(),
            busy_us: AtomicU64::default(),
            took: std::array::from_fn(|_| AtomicU64::default()),
        }
    }
}

fn micros(took: Duration) -> u64 {
    u64::try_from(took.as_micros()).unwrap_or(u64::MAX).max(1)
}

/// The place of a time: its power of two, and which quarter of the way to the next.
fn step(us: u64) -> usize {
    let power = us.ilog2();
    let quarter = if power < 2 { 0 } else { (us >> (power - 2)) & 3 };
    (power as usize * 4 + usize::try_from(quarter).unwrap_or(0)).min(STEPS - 1)
}

/// The longest time of a place.
fn longest(step: usize) -> Duration {
    let (power, quarter) = (step / 4, step as u64 % 4);
    let us = if power < 2 { (1_u64 << (power + 1)) - 1 } else { ((5 + quarter) << (power - 2)) - 1 };
    Duration::from_micros(us)
}

impl Cost {
    pub(crate) fn note(&self, took: Duration, failed: bool) {
        let us = micros(took);
        self.took[step(us)].fetch_add(1, Ordering::Relaxed);
        self.busy_us.fetch_add(us, Ordering::Relaxed);
        if failed {
            self.failed.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(crate) fn info(&self, pid: Option<u32>) -> CostInfo {
        let took: Vec<u64> = self.took.iter().map(|count| count.load(Ordering::Relaxed)).collect();
        let ended: u64 = took.iter().sum();
        let within = |share: u64| {
            let wanted = (ended * share).div_ceil(100);
            let mut seen = 0;
            let found = took.iter().position(|count| {
                seen += count;
                seen >= wanted
            });
            found.filter(|_| ended > 0).map(longest)
        };
        CostInfo {
            since_ms: self.since_ms,
            ended,
            failed: self.failed.load(Ordering::Relaxed),
            busy: Duration::from_micros(self.busy_us.load(Ordering::Relaxed)),
            p50: within(50),
            p95: within(95),
            cpu: pid.and_then(cpu),
            memory_bytes: pid.and_then(memory),
        }
    }
}

/// Of a process that is there: what it used in its own code and in the kernel for it.
fn cpu(pid: u32) -> Option<Duration> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // Its name may hold anything, and ends with the last parenthesis.
    let mut fields = stat[stat.rfind(')')? + 1..].split_ascii_whitespace().skip(11);
    let mut ticks = || fields.next()?.parse::<u64>().ok();
    Some(Duration::from_millis((ticks()? + ticks()?) * 1_000 / TICKS_A_SECOND))
}

fn memory(pid: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    Some(line.split_ascii_whitespace().next()?.parse::<u64>().ok()? * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_told_within_a_fifth_and_failures_are_counted() {
        let cost = Cost::default();
        assert_eq!((cost.info(None).ended, cost.info(None).p50), (0, None));
        for ms in 1..=100 {
            cost.note(Duration::from_millis(ms), ms % 10 == 0);
        }
        let info = cost.info(None);
        assert_eq!((info.ended, info.failed, info.busy), (100, 10, Duration::from_millis(5_050)));
        let near = |told: Option<Duration>, is: u128| {
            let told = told.unwrap().as_millis();
            assert!(told >= is && told <= is * 6 / 5, "{told} for {is}");
        };
        near(info.p50, 50);
        near(info.p95, 95);
    }

    #[test]
    fn every_time_has_a_place_whose_longest_is_no_shorter() {
        for us in (0..61).flat_map(|power| [1_u64 << power, (1 << power) + 1, (1 << power) * 7 / 4]) {
            let place = step(us);
            assert!(place == STEPS - 1 || longest(place) >= Duration::from_micros(us), "{us}");
            assert!(
                place == 0 || longest(place - 1) < Duration::from_micros(us) || place == STEPS - 1,
                "{us}"
            );
        }
    }

    #[test]
    fn a_process_that_is_there_has_memory_and_one_that_is_not_has_nothing() {
        assert!(memory(std::process::id()).unwrap() > 1 << 20);
        assert!(cpu(std::process::id()).is_some());
        assert_eq!((cpu(u32::MAX), memory(u32::MAX)), (None, None));
    }
}
