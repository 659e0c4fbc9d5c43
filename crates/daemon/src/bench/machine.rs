//! What the machine says of itself: CPU, memory, bytes and wake-ups of our processes, and how long its disk takes for a
//! commit.

use std::fs::File;
use std::io::{Seek, Write};
use std::path::Path;
use std::time::{Duration, Instant};

/// What a process and its children have used so far.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Used {
    pub(crate) cpu: Duration,
    /// To the disk, as the kernel counts them.
    pub(crate) bytes: u64,
    /// How often a thread was put on a processor after it had slept or had to make room.
    pub(crate) wakeups: u64,
}

/// A process and its children.
pub(crate) fn used(pid: u32) -> Used {
    let mut used = of_process(pid);
    for child in children(pid) {
        let more = of_process(child);
        used.cpu += more.cpu;
        used.bytes += more.bytes;
        used.wakeups += more.wakeups;
    }
    used
}

pub(crate) fn children(pid: u32) -> Vec<u32> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str().and_then(|name| name.parse().ok()));
    pids.filter(|found| parent_of(*found) == Some(pid)).collect()
}

/// The memory that a process has in use, in MiB.
pub(crate) fn resident(pid: u32) -> f64 {
    of_status(&format!("/proc/{pid}/status"), "VmRSS:") as f64 / 1_024.0
}

/// A number of a `status` file.
fn of_status(path: &str, name: &str) -> u64 {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let number =
        text.lines().find_map(|line| line.strip_prefix(name)?.split_whitespace().next()?.parse().ok());
    number.unwrap_or(0)
}

/// The fields of `/proc/<pid>/stat` behind the name, which may hold anything.
fn stat(pid: u32) -> Option<Vec<String>> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    Some(text.rsplit_once(')')?.1.split_whitespace().map(str::to_owned).collect())
}

fn parent_of(pid: u32) -> Option<u32> {
    stat(pid)?.get(1)?.parse().ok()
}

fn of_process(pid: u32) -> Used {
    let ticks: u64 = stat(pid)
        .map(|fields| [11, 12].iter().filter_map(|at| fields.get(*at)?.parse::<u64>().ok()).sum())
        .unwrap_or(0);
    let io = std::fs::read_to_string(format!("/proc/{pid}/io")).unwrap_or_default();
    let bytes = io.lines().find_map(|line| line.strip_prefix("write_bytes: ")?.parse().ok()).unwrap_or(0);
    let threads = std::fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let switches = ["voluntary_ctxt_switches:", "nonvoluntary_ctxt_switches:"];
    let wakeups = threads.map(|thread| {
        let status = thread.path().join("status").display().to_string();
        switches.iter().map(|name| of_status(&status, name)).sum::<u64>()
    });
    // A hundred ticks a second on every Linux that we run on.
    Used { cpu: Duration::from_millis(ticks * 10), bytes, wakeups: wakeups.sum() }
}

/// The median time of writing one page and syncing it, as a commit does.
pub(crate) fn disk_commit(folder: &Path) -> std::io::Result<Duration> {
    const TIMES: usize = 200;
    let mut file = tempfile::Builder::new().prefix(".yizhan-commit").tempfile_in(folder)?;
    let page = [7_u8; 4096];
    let write = |file: &mut File| {
        file.rewind()?;
        file.write_all(&page)?;
        file.sync_data()
    };
    write(file.as_file_mut())?;
    let mut times = Vec::with_capacity(TIMES);
    for _ in 0..TIMES {
        let begin = Instant::now();
        write(file.as_file_mut())?;
        times.push(begin.elapsed());
    }
    times.sort_unstable();
    Ok(times[TIMES / 2])
}
