//! What is asked of a store with many runs, and by whom: the lists of the API, the search, and every page of the console.

use jiff::civil::Date;

use super::{DAYS, number};

/// Whoever owns the home, a person, and somebody who may see one kind only.
#[derive(Clone, Copy, Debug)]
pub(super) enum Who {
    Owner,
    Person,
    Narrow,
}

/// Questions that nothing answers: the whole of what they look at is read.
pub(super) const NOTHING: [&str; 10] = [
    "runs that wait for nobody knows",
    "a key that there is not",
    "a key among failed runs",
    "a key among done runs",
    "a key of a workflow",
    "a text that there is not",
    "two signs that there are not",
    "a text among failed runs that there is not",
    "a text of one kind in another",
    "a text that a person may not see",
];

/// One run and one task of the store, and how many runs there are.
pub(super) struct Stored<'s> {
    pub(super) runs: u64,
    pub(super) run: &'s str,
    pub(super) task: &'s str,
}

pub(super) fn questions(stored: &Stored<'_>) -> Vec<(Who, &'static str, String)> {
    let of = |who: Who, asked: Vec<(&'static str, String)>| {
        asked.into_iter().map(move |(name, path)| (who, name, path))
    };
    of(Who::Owner, lists(stored.runs))
        .chain(of(Who::Owner, search(stored.runs)))
        .chain(of(Who::Owner, singles(stored)))
        .chain(of(Who::Owner, pages(stored)))
        .chain(of(Who::Person, of_a_person()))
        .chain(of(Who::Narrow, narrow()))
        .collect()
}

fn middle() -> Date {
    jiff::Zoned::now().date().saturating_sub(jiff::Span::new().days(DAYS / 2))
}

fn lists(runs: u64) -> Vec<(&'static str, String)> {
    let middle = middle();
    let late = middle.saturating_sub(jiff::Span::new().days(20));
    let (one, none) = (number(runs / 2), "no+such+number");
    vec![
        ("runs", "/api/v1/runs".to_owned()),
        ("runs of the middle", format!("/api/v1/runs?until={middle}")),
        ("runs of a workflow", "/api/v1/runs?workflow=kind-07".to_owned()),
        ("runs of a rare workflow", "/api/v1/runs?workflow=rare".to_owned()),
        ("failed runs", "/api/v1/runs?state=failed".to_owned()),
        ("failed runs of a workflow", "/api/v1/runs?workflow=kind-07&state=failed".to_owned()),
        ("open runs", "/api/v1/runs?open=true".to_owned()),
        ("runs that wait for a task", "/api/v1/runs?open=true&waits=task".to_owned()),
        ("runs that wait for nobody knows", "/api/v1/runs?open=true&waits=unknown".to_owned()),
        ("late runs", "/api/v1/runs?late=true".to_owned()),
        ("late runs of a rare workflow", "/api/v1/runs?late=true&workflow=rare".to_owned()),
        ("late runs of long ago", format!("/api/v1/runs?late=true&until={late}")),
        ("late open runs", "/api/v1/runs?late=true&open=true".to_owned()),
        ("a key", format!("/api/v1/runs?key={one}")),
        ("a key that there is not", format!("/api/v1/runs?key={none}")),
        ("a key among failed runs", format!("/api/v1/runs?key={one}&state=failed")),
        ("a key among done runs", format!("/api/v1/runs?key={none}&state=done")),
        ("a key of a workflow", format!("/api/v1/runs?key={none}&workflow=kind-07")),
    ]
}

/// `Sign …` is the title of a task, `Kind …` that of a workflow.
fn search(runs: u64) -> Vec<(&'static str, String)> {
    let one = number(runs / 2).to_lowercase();
    let signed = number(runs / 200 * 100 + 7);
    vec![
        ("a text that all have", "/api/v1/runs?text=n2026".to_owned()),
        ("a text that one has", format!("/api/v1/runs?text={one}")),
        ("a text that the title of a past task has", format!("/api/v1/runs?text=sign+{signed}")),
        ("a text that the title of a workflow has", "/api/v1/runs?text=Kind+7".to_owned()),
        ("a text that there is not", "/api/v1/runs?text=no+such+number".to_owned()),
        ("two signs that there are not", "/api/v1/runs?text=%E9%80%80%E6%AC%BE".to_owned()),
        ("a text among failed runs that there is not", "/api/v1/runs?text=sign&state=failed".to_owned()),
        ("a text that all have, in a rare workflow", "/api/v1/runs?text=n2026&workflow=rare".to_owned()),
        ("a text of one kind in another", "/api/v1/runs?text=kind-03&workflow=kind-07".to_owned()),
    ]
}

fn singles(Stored { run, task, .. }: &Stored<'_>) -> Vec<(&'static str, String)> {
    vec![
        ("a run", format!("/api/v1/runs/{run}")),
        ("its journal", format!("/api/v1/runs/{run}/journal")),
        ("why it waits", format!("/api/v1/runs/{run}/why")),
        ("a task", format!("/api/v1/tasks/{task}")),
        ("tasks", "/api/v1/tasks".to_owned()),
        ("late tasks", "/api/v1/tasks?late=true".to_owned()),
        ("tasks of a group", "/api/v1/tasks?who=group:g3".to_owned()),
        ("workflows", "/api/v1/workflows".to_owned()),
        ("a workflow", "/api/v1/workflows/kind-07".to_owned()),
        ("triggers", "/api/v1/triggers".to_owned()),
        ("counts", "/api/v1/health".to_owned()),
        ("figures for Prometheus", "/metrics".to_owned()),
        ("audit", "/api/v1/audit".to_owned()),
        ("audit of a person", "/api/v1/audit?who=p42".to_owned()),
        ("audit of one who did little", "/api/v1/audit?who=p99".to_owned()),
        ("audit of what nobody did", "/api/v1/audit?kind=runs/migrate".to_owned()),
        ("audit of a case", format!("/api/v1/audit?about={run}")),
        ("audit of the middle", format!("/api/v1/audit?until={}", middle())),
        ("accounts", "/api/v1/accounts".to_owned()),
        ("tokens", "/api/v1/tokens".to_owned()),
    ]
}

fn pages(Stored { runs, run, task }: &Stored<'_>) -> Vec<(&'static str, String)> {
    let middle = middle();
    let one = number(runs / 2);
    vec![
        ("page: cases", "/runs".to_owned()),
        ("page: open cases", "/runs?state=open".to_owned()),
        ("page: late cases", "/runs?state=late".to_owned()),
        ("page: cases that ask their owner", "/runs?state=unknown".to_owned()),
        ("page: cases that wait for people", "/runs?state=task".to_owned()),
        ("page: done cases", "/runs?state=done".to_owned()),
        ("page: failed cases", "/runs?state=failed".to_owned()),
        ("page: cancelled cases", "/runs?state=cancelled".to_owned()),
        ("page: cases of a workflow", "/runs?workflow=kind-07".to_owned()),
        ("page: cases since a day", format!("/runs?since={middle}")),
        ("page: cases until a day", format!("/runs?until={middle}&state=failed&workflow=kind-07")),
        ("page: cases by text", format!("/runs?text={one}")),
        ("page: cases by a text that there is not", "/runs?text=nowhere+to+be+found".to_owned()),
        ("page: late cases by text", format!("/runs?text={one}&state=late")),
        ("page: a case", format!("/runs/{run}")),
        ("page: attempts of a case", format!("/runs/{run}/attempts")),
        ("page: tasks", "/tasks".to_owned()),
        ("page: a task", format!("/tasks/{task}")),
        ("page: a new case", "/new/kind-07".to_owned()),
        ("page: workflows", "/workflows".to_owned()),
        ("page: a workflow", "/workflows/kind-07".to_owned()),
        ("page: trying a workflow", "/workflows/kind-07/trial".to_owned()),
        ("page: system", "/system".to_owned()),
        ("page: log", "/system/log".to_owned()),
        ("page: registers", "/registers".to_owned()),
        ("page: accounts", "/system/accounts".to_owned()),
        ("page: audit", "/system/audit".to_owned()),
        ("page: audit of a person", "/system/audit?who=p42".to_owned()),
        ("page: audit until a day", format!("/system/audit?until={middle}")),
    ]
}

/// One of those who begin little, and has a group's tasks.
fn of_a_person() -> Vec<(&'static str, String)> {
    vec![
        ("runs that I began", "/api/v1/runs?mine=true".to_owned()),
        ("my tasks", "/api/v1/tasks".to_owned()),
        ("page: new case", "/new".to_owned()),
        ("page: my tasks, as a person", "/tasks".to_owned()),
        ("page: what I answered", "/tasks?only=answered".to_owned()),
        ("page: cases that I began", "/runs?mine=true".to_owned()),
        ("page: cases by text, as a person", "/runs?text=nowhere".to_owned()),
    ]
}

fn narrow() -> Vec<(&'static str, String)> {
    vec![
        ("runs, for whoever sees one workflow", "/api/v1/runs".to_owned()),
        ("open runs, for whoever sees one workflow", "/api/v1/runs?open=true".to_owned()),
        ("a text that all have, for whoever sees one workflow", "/api/v1/runs?text=n2026".to_owned()),
        ("a text that a person may not see", "/api/v1/runs?text=kind-03".to_owned()),
        ("page: cases, for whoever sees one workflow", "/runs".to_owned()),
        ("page: a text that all have, for whoever sees one workflow", "/runs?text=n2026".to_owned()),
    ]
}
