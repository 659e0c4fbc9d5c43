//! The run itself as an item: it may have to wait for a place before its first step, and holds it until it is over.

use super::Deciding;
use super::clock::WHOLE;
use super::event::{Fact, ItemEnd, Output, Standing};
use super::state::{At, Place, Run, the_run};
use crate::id::{Item, ScopeNo};

impl Run {
    /// It has been started and may not begin: those that share its limit are as many as may be.
    #[must_use]
    pub fn waits_to_begin(&self) -> bool {
        self.whole.as_ref().is_some_and(|whole| matches!(whole.at, At::Is(Standing::Slot { .. })))
    }

    /// Whether an item has a place of this line.
    #[must_use]
    pub fn has_place(&self, item: Item, key: &str) -> bool {
        self.item(item).is_some_and(|state| {
            state.place() == Place::Holds && state.limit.as_ref().is_some_and(|held| *held.key == *key)
        })
    }

    /// Whether a scope lies in what has a place of this line: a step that holds steps, or the run itself.
    #[must_use]
    pub fn has_place_around(&self, scope: ScopeNo, key: &str) -> bool {
        self.holders(scope).chain([WHOLE]).any(|holder| self.has_place(holder, key))
    }
}

impl Deciding<'_> {
    /// The run begins, at once or when it has its place.
    pub(super) fn begin_whole(&mut self) {
        if !self.must_wait() {
            self.set_going();
        }
    }

    /// Asks for a place where the file has a limit of its own. True if the run must not begin now.
    pub(super) fn must_wait(&mut self) -> bool {
        match self.slot_to_ask_for(WHOLE) {
            Ok(None) => false,
            Ok(Some(ask)) => {
                let a = self.attempts_of_whole() + 1;
                self.did(Fact::Entered { at: WHOLE, state: Standing::Slot { a, ask: Box::new(ask) } });
                true
            }
            Err(failure) => {
                let error = self.run_error(WHOLE, failure);
                self.close_as_failed(ScopeNo::RUN, error, None);
                true
            }
        }
    }

    fn attempts_of_whole(&self) -> u32 {
        self.run.whole.as_ref().map_or(0, |whole| whole.attempts)
    }

    /// It has its place.
    pub(super) fn let_in(&mut self) {
        let a = self.attempts_of_whole() + 1;
        self.did(Fact::Entered { at: WHOLE, state: the_run(a) });
        self.set_going();
    }

    fn set_going(&mut self) {
        // One that is opened again has its clock.
        if self.run.whole.as_ref().is_none_or(|whole| whole.clock.is_none()) {
            self.start_whole();
        }
        let cover = self.run.top.back.as_ref().map(|back| back.cover.clone()).unwrap_or_default();
        self.go_on_outside(ScopeNo::RUN, None, &cover);
    }

    /// It closes before it began: it is in nobody's way any more.
    pub(super) fn leave_line(&mut self) {
        if self.run.waits_to_begin() {
            self.did(Fact::Over {
                at: WHOLE,
                end: ItemEnd::Dropped,
                outcome: None,
                output: Output::None,
                failure: None,
                undo: false,
            });
        }
    }
}
