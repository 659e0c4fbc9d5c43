//! Words to people: each goes out under its key once, and none waits for a task that is over.

use std::collections::BTreeSet;

use yizhan_workflow::id::TaskId;

use super::Violation;
use crate::evidence::Evidence;

pub(super) fn check_notices(evidence: &Evidence) -> Vec<Violation> {
    let open: BTreeSet<_> =
        evidence.runs.values().flat_map(|run| &run.rows.tasks).map(|task| &task.id).collect();
    let mut found = vec![];
    let mut waiting = BTreeSet::new();
    for notice in &evidence.notices {
        // The word of a rung hangs on no task.
        let alone = notice.task == TaskId::of(&notice.key, 0);
        if !alone
            && !open.contains(&notice.task)
            && evidence.runs.keys().any(|run| is_of(&notice.key, &run.to_string()))
        {
            found.push(Violation::NoticeOfNone(notice.key.to_string()));
        }
        if !waiting.insert(&*notice.key) {
            found.push(Violation::NoticeTwice(notice.key.to_string()));
        }
    }
    let mut came = BTreeSet::new();
    for key in &evidence.letters {
        if !came.insert(&**key) {
            found.push(Violation::NoticeTwice(key.clone()));
        }
    }
    found
}

/// A key names its run first; a digest's names none.
fn is_of(key: &str, run: &str) -> bool {
    key.strip_prefix(run).is_some_and(|rest| rest.starts_with('/'))
}
