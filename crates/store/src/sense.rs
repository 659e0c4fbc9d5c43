//! What no batch may say: found before anything of it is written, in the same way by every store.

use yizhan_engine::store::{Batch, Change, RunState, StoreError};

pub(crate) fn over(state: RunState) -> bool {
    match state {
        RunState::Open | RunState::Closing => false,
        RunState::Done | RunState::Failed | RunState::Cancelled => true,
    }
}

/// The line a run begins with is the only one that can be refused.
pub(crate) fn begins(change: &Change) -> bool {
    change.seq == 1
}

pub(crate) fn check(batches: &[Batch]) -> Result<(), StoreError> {
    batches.iter().flat_map(|batch| &batch.changes).try_for_each(check_change)
}

fn check_change(change: &Change) -> Result<(), StoreError> {
    let nonsense = |what: &str| {
        Err(StoreError::Failed(format!("line {} of {} {what}: nothing was written", change.seq, change.run)))
    };
    match &change.row {
        Some(row) if row.id != change.run => return nonsense("brings the row of another run"),
        None if begins(change) => return nonsense("begins a run without its row"),
        Some(_) | None => {}
    }
    let Some(start) = &change.start else { return Ok(()) };
    if !begins(change) {
        return nonsense("claims what only a first line may claim");
    }
    // The claim is the row's own key in an index: there is no second place that could disagree.
    let claimed = start.claim.as_ref().map(|claim| (&claim.workflow, Some(&claim.key)));
    let own = change.row.as_ref().map(|row| (&row.workflow, row.key.as_ref()));
    if claimed.is_some() && claimed != own {
        return nonsense("claims a key that is not its own");
    }
    Ok(())
}

/// A line that is there already: what the caller holds in memory and what is stored have parted.
pub(crate) fn twice(change: &Change) -> StoreError {
    StoreError::Broken(format!("line {} of {} is there already", change.seq, change.run))
}
