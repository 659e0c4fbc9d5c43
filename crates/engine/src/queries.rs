//! `query.runs` and `query.tasks`: read beside the loop, from rows that the store keeps for it and not from journals.

use yizhan_workflow::query::{Case, Of, Query, Standpoint};
use yizhan_workflow::run::World;

use crate::registers::{LookError, MOST_OUTPUT, MOST_ROWS};
use crate::store::{CaseFilter, CaseReads};
use yizhan_workflow::id::Millis;

/// Rows that are read at once.
const PAGE: usize = 1_000;

/// The output of a question.
///
/// # Errors
/// A question that means nothing, or one about more than can be looked at.
pub fn figures(
    reads: &(impl CaseReads + ?Sized),
    world: &World,
    now: Millis,
    (of, query): (Of, &Query),
) -> Result<String, LookError> {
    let asking = query.ask(of)?;
    let calendar = world.calendars.named(query.calendar.as_deref()).ok_or_else(|| {
        let name = query.calendar.as_deref().unwrap_or_default();
        LookError::Ask(format!("there is no calendar `{name}`"))
    })?;
    let period_of = query.period_of;
    let standpoint = Standpoint { now, zone: &world.zone, calendar, people: &world.people, period_of };
    let bounds = query.bounds(now, &world.zone)?;
    let filter = CaseFilter { of, workflows: query.workflows(), bounds, period_of };
    let (mut rows, mut seen, mut last): (Vec<_>, usize, Option<Case>) = (Vec::new(), 0, None);
    loop {
        let page = reads.cases(&filter, last.as_ref(), PAGE)?;
        seen += page.len();
        if seen > MOST_ROWS {
            return Err(too_many(of, MOST_ROWS));
        }
        for case in &page {
            rows.extend(asking.row(case, standpoint)?);
        }
        if page.len() < PAGE {
            break;
        }
        last = page.into_iter().next_back();
    }
    let output = asking.found(&rows)?;
    if output.len() > MOST_OUTPUT { Err(too_many(of, rows.len())) } else { Ok(output) }
}

fn too_many(of: Of, count: usize) -> LookError {
    let what = match of {
        Of::Runs => "runs",
        Of::Tasks => "tasks",
    };
    LookError::Ask(format!(
        "{count} {what} or more are too many: say a shorter `period`, a `workflow` in `where`, or `show` and `first`"
    ))
}
