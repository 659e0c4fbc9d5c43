//! What the machine says of itself: CPU and bytes of all our processes, and how long its disk takes for a commit.

use std::fs::File;
use std::io::{Seek, Write};
use std::path::Path;
use std::time::{Duration, Instant};

/// What the processes of this bench have used so far.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Used {
    pub(crate) cpu: Duration,
    /// To the disk, as the kernel counts them.
    pub(crate) bytes: u64,
}

/// This process and its children.
pub(crate) fn used() -> Used {
    let own = std::process::id();
    let mut used = of_process(own);
    for entry in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
        let pid = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok());
        if let Some(pid) = pid
            && parent_of(pid) == Some(own)
        {
            let child = of_process(pid);
            used.cpu += child.cpu;
            used.bytes += child.bytes;
        }
    }
    used
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
    // A hundred ticks a second on every Linux that we run on.
    Used { cpu: Duration::from_millis(ticks * 10), bytes }
}

/// The median time of writing one page and syncing it, as a commit does.
pub(crate) fn disk_commit(folder: &Path) -> std::io::Result<Duration> {
    const TIMES: usize = 200;
    let path = folder.join("commit-time");
    let mut file = File::create(&path)?;
    let page = [7_u8; 4096];
    file.write_all(&page)?;
    file.sync_data()?;
    let mut times = Vec::with_capacity(TIMES);
    for _ in 0..TIMES {
        let begin = Instant::now();
        file.rewind()?;
        file.write_all(&page)?;
        file.sync_data()?;
        times.push(begin.elapsed());
    }
    std::fs::remove_file(&path)?;
    times.sort_unstable();
    Ok(times[TIMES / 2])
}
