//! How things stand before and after an act, as far as the audit tells it: states, owners and times, nothing that is private.

use std::sync::Arc;

use serde_json::json;
use yizhan_engine::live;
use yizhan_engine::store::{TaskEnd, TaskRow};
use yizhan_workflow::id::{Attempt, RunId};
use yizhan_workflow::run::clock::WHOLE;
use yizhan_workflow::run::event::{Event, Verdict};

use crate::caller::Caller;
use crate::desk::Desk;
use crate::noted::{Standing, standing};
use crate::view::word_of;

fn of_task(row: &TaskRow, end: Option<&TaskEnd>) -> Standing {
    let clock = if row.stands { "stopped" } else { "runs" };
    standing([
        ("state", Some(json!(end.map_or("open", |end| end.state.word())))),
        ("outcome", end.and_then(|end| end.outcome.as_deref()).map(|outcome| json!(outcome))),
        ("owner", row.claimed_by.as_deref().map(|by| json!(by))),
        ("for", Some(json!(row.who))),
        ("due", row.due.map(|due| json!(due.to_string()))),
        ("clock", row.due.map(|_| json!(clock))),
    ])
}

/// What somebody said of a step that could not go on by itself, whose question is no task that is kept.
pub(super) fn settled(event: &Event) -> Option<Standing> {
    let Event::Settled { verdict, .. } = event else { return None };
    let word = match verdict {
        Verdict::Happened { .. } => "happened",
        Verdict::Again {} => "again",
        Verdict::Skip { .. } => "skip",
        Verdict::Fail {} => "fail",
        Verdict::Leave {} => "leave",
    };
    Some(standing([("state", Some(json!("settled"))), ("outcome", Some(json!(word)))]))
}

/// Tells what became of a task that was as `before`; `gone`: how it stands that is kept nowhere.
pub(crate) async fn note_task(desk: &Arc<Desk>, caller: &Caller, before: TaskRow, gone: Option<Standing>) {
    let (id, run) = (before.id.clone(), before.run);
    let after = desk.read(move |desk| {
        if let Some(row) = desk.reads().task(&id)? {
            return Ok(of_task(&row, None));
        }
        let past = desk.reads().past_task(&id)?;
        let gone = gone.unwrap_or_else(|| standing([("state", Some(json!("closed")))]));
        Ok(past.map_or(gone, |(row, end)| of_task(&row, Some(&end))))
    });
    caller.noted.case(run);
    // It is done: an audit that cannot say what came of it still says that it was asked for.
    if let Ok(after) = after.await {
        caller.noted.changed(before.id.as_str(), of_task(&before, None), after);
    }
}

/// The state of a run, in its word.
pub(crate) fn of_run(desk: &Desk, run: RunId) -> Standing {
    let row = desk.reads().row(run).ok().flatten();
    standing([("state", row.map(|row| json!(word_of(&row.state))))])
}

/// The clock of what is open in a run, or of the run.
pub(crate) fn of_clock(desk: &Desk, run: RunId, of: Attempt) -> Standing {
    let Ok(loaded) = live::load(run, desk.reads()) else { return Standing::new() };
    let state = if of.item == WHOLE { loaded.run.whole.as_deref() } else { loaded.run.item(of.item) };
    let Some(state) = state else { return Standing::new() };
    let clock = if state.stands_still() { "stopped" } else { "runs" };
    standing([("due", state.due.map(|due| json!(due.to_string()))), ("clock", Some(json!(clock)))])
}
