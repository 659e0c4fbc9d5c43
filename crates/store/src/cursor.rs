//! Where a page of a list ended: an instant and an id, as the text that a client hands back.

use yizhan_engine::store::{Page, RunRow, StoreError, TaskRow};
use yizhan_workflow::id::{Millis, RunId, TaskId};

fn split(text: &str) -> Option<(Millis, &str)> {
    let (at, id) = text.split_once('.')?;
    Some((Millis(at.parse().ok()?), id))
}

fn unreadable(text: &str) -> StoreError {
    StoreError::Failed(format!("`{text}` is not a cursor: take it from the page before as it is"))
}

pub(crate) fn run_cursor(row: &RunRow) -> String {
    format!("{}.{}", row.started.0, row.id)
}

pub(crate) fn read_run_cursor(text: &str) -> Result<(Millis, RunId), StoreError> {
    split(text).and_then(|(at, id)| Some((at, id.parse().ok()?))).ok_or_else(|| unreadable(text))
}

pub(crate) fn task_cursor(row: &TaskRow) -> String {
    format!("{}.{}.{}", row.presses().0, row.opened.0, row.id)
}

/// By when the last one was due, when it opened, and which it was.
pub(crate) type TaskPlace = (Millis, Millis, TaskId);

pub(crate) fn read_task_cursor(text: &str) -> Result<TaskPlace, StoreError> {
    let place = split(text).and_then(|(presses, rest)| {
        let (opened, id) = split(rest)?;
        Some((presses, opened, id.parse().ok()?))
    });
    place.ok_or_else(|| unreadable(text))
}

/// Makes a page of at most `most` of `rows`, which were asked for with one more to know whether there is a next one.
pub(crate) fn page<T>(mut rows: Vec<T>, most: usize, cursor: impl Fn(&T) -> String) -> Page<T> {
    let more = rows.len() > most;
    rows.truncate(most);
    Page { next: rows.last().filter(|_| more).map(cursor), rows }
}
