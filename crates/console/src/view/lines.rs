//! The lines of a journal, one after the other: a few are held at a time, however long it is.

use std::ops::ControlFlow;

use yizhan_engine::store::{Line, Reads};
use yizhan_workflow::id::RunId;

use crate::refusal::Refusal;

/// Lines that are read at a time.
const AT_ONCE: usize = 500;

/// Looks at each line behind one and up to another, until whoever looks has seen enough.
///
/// # Errors
/// When the journal cannot be read, or whoever looks says so.
pub(crate) fn each_line(
    reads: &dyn Reads,
    id: RunId,
    (after, upto): (u32, u32),
    mut look: impl FnMut(&Line) -> Result<ControlFlow<()>, Refusal>,
) -> Result<(), Refusal> {
    let mut read = after;
    while read < upto {
        let lines = reads.journal(id, read, AT_ONCE.min((upto - read) as usize))?;
        let Some(last) = lines.last() else { break };
        read = last.seq;
        for line in &lines {
            if look(line)?.is_break() {
                return Ok(());
            }
        }
    }
    Ok(())
}
