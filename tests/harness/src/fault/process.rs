//! What the kernel says of a process and of its children.

use std::path::{Path, PathBuf};

fn of(pid: u32) -> PathBuf {
    Path::new("/proc").join(pid.to_string())
}

/// Its children, those that ended and were not taken leave of among them.
pub(super) fn children(pid: u32) -> Vec<u32> {
    let tasks = std::fs::read_dir(of(pid).join("task")).into_iter().flatten().flatten();
    let texts = tasks.filter_map(|task| std::fs::read_to_string(task.path().join("children")).ok());
    texts
        .flat_map(|text| text.split_whitespace().filter_map(|pid| pid.parse().ok()).collect::<Vec<u32>>())
        .collect()
}

/// A number of its `status`, as `VmRSS:` or `Threads:`.
pub(super) fn status(pid: u32, name: &str) -> Option<u64> {
    let text = std::fs::read_to_string(of(pid).join("status")).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}

pub(super) fn descriptors(pid: u32) -> std::io::Result<usize> {
    Ok(std::fs::read_dir(of(pid).join("fd"))?.count())
}

/// Whether it has ended and waits for somebody to take leave of it.
pub(super) fn is_zombie(pid: u32) -> bool {
    let stat = std::fs::read_to_string(of(pid).join("stat")).unwrap_or_default();
    // The state stands behind the name in brackets, which may hold anything.
    stat.rsplit_once(')').is_some_and(|(_, rest)| rest.trim_start().starts_with('Z'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_child_is_seen_while_it_runs_when_it_has_ended_and_no_more_after_the_leave() {
        let me = std::process::id();
        let mut child = std::process::Command::new("sleep").arg("600").spawn().unwrap();
        assert!(children(me).contains(&child.id()) && !is_zombie(child.id()));
        assert!(status(child.id(), "VmSize:").unwrap() > 0 && descriptors(me).unwrap() > 2);
        child.kill().unwrap();
        let end = std::time::Instant::now() + std::time::Duration::from_secs(30);
        while !is_zombie(child.id()) {
            assert!(std::time::Instant::now() < end);
            std::thread::yield_now();
        }
        assert!(children(me).contains(&child.id()));
        child.wait().unwrap();
        assert!(!children(me).contains(&child.id()) && !is_zombie(child.id()));
    }
}
