//! How many entries fit, as far as a register has been looked at: what is asked again costs what came since.
//!
//! The loop looks at a page's worth of places in one turn and no more. Where that is not enough, the reader's thread
//! counts, and the step keeps its turn meanwhile: nothing is written into its registers, so what was counted still holds
//! when the step is carried out.

use std::collections::BTreeMap;
use std::sync::Arc;

use yizhan_workflow::id::Millis;
use yizhan_workflow::register::{Bounds, Register};

use super::Fault;
use super::look::{EVER, LookError, PAGE, Question, page};
use crate::store::Reads;

/// Places that the loop looks at in one turn.
pub(super) const BUDGET: usize = PAGE;

/// Questions of one register that are remembered.
const REMEMBERED: usize = 10_000;

/// So many fit among the entries up to a place.
#[derive(Debug, Clone, Copy, Default)]
struct Tally {
    count: u64,
    up_to: u64,
}

type Asked = (String, Option<Millis>, Option<Millis>);

/// What is known, by register and question.
#[derive(Debug, Default)]
pub(crate) struct Tallies(BTreeMap<Arc<str>, BTreeMap<Asked, Tally>>);

impl Tallies {
    fn get(&self, register: &str, asked: &Asked) -> Tally {
        self.0.get(register).and_then(|known| known.get(asked)).copied().unwrap_or_default()
    }

    fn put(&mut self, register: &Arc<str>, asked: Asked, tally: Tally) {
        self.0.entry(register.clone()).or_default().insert(asked, tally);
    }

    /// An entry that was there is another one now, or none.
    pub(super) fn forget(&mut self, register: &str) {
        self.0.remove(register);
    }

    /// Each value that an entry is counted by is another question. Asked when no step is under way: one that is needs all.
    pub(super) fn keep_few(&mut self) {
        self.0.retain(|_, known| known.len() <= REMEMBERED);
    }

    /// Takes in what was counted for a step, all of which must be known when it is carried out.
    pub(super) fn take_in(&mut self, counted: Self) {
        for (register, tallies) in counted.0 {
            let known = self.0.entry(register).or_default();
            if known.len() + tallies.len() > REMEMBERED {
                known.clear();
            }
            known.extend(tallies);
        }
    }
}

/// Why a step is not carried out.
#[derive(Debug)]
pub(super) enum Halt {
    Fault(Fault),
    /// More would have to be looked at than the loop may.
    TooMuch,
}

impl<F: Into<Fault>> From<F> for Halt {
    fn from(fault: F) -> Self {
        Self::Fault(fault.into())
    }
}

/// How many places may be looked at; none: all there are.
#[derive(Debug, Clone, Copy)]
pub(super) struct Budget(pub Option<usize>);

impl Budget {
    /// Nobody has looked at anything yet.
    pub(super) fn is_whole(self) -> bool {
        self.0.is_none_or(|left| left == BUDGET)
    }

    fn page(self) -> Result<usize, Halt> {
        match self.0 {
            Some(0) => Err(Halt::TooMuch),
            left => Ok(left.unwrap_or(PAGE).min(PAGE)),
        }
    }

    /// A look that finds nothing costs something as well.
    fn spend(&mut self, looked_at: usize) {
        if let Some(left) = &mut self.0 {
            *left = left.saturating_sub(looked_at + 1);
        }
    }
}

/// Who counts, and how far they may look.
pub(super) struct Counting<'a> {
    pub reads: &'a dyn Reads,
    pub tallies: &'a mut Tallies,
    pub budget: &'a mut Budget,
    /// The last place of the register.
    pub head: u64,
}

impl Counting<'_> {
    /// How many fit; no more than `most` are looked for.
    pub(super) fn count(
        &mut self,
        register: &Register,
        filter: &str,
        bounds: Bounds,
        most: u64,
    ) -> Result<u64, Halt> {
        let asked = (filter.to_owned(), bounds.from, bounds.until);
        let mut tally = self.tallies.get(&register.name, &asked);
        if tally.up_to == 0 && self.budget.0.is_none() && bounds != EVER {
            let first = self.reads.register_first(&register.name, bounds)?;
            tally.up_to = first.map_or(self.head, |first| first - 1);
        }
        let question = Question::of(register, filter, bounds);
        question.columns_known()?;
        let counted = self.count_on(&question, &mut tally, most);
        self.tallies.put(&register.name, asked, tally);
        counted.map(|()| tally.count)
    }

    fn count_on(&mut self, question: &Question<'_>, tally: &mut Tally, most: u64) -> Result<(), Halt> {
        while tally.count < most && tally.up_to < self.head {
            let seen = page(self.reads, question, tally.up_to, self.budget.page()?)?;
            self.budget.spend(seen.looked_at);
            tally.up_to = seen.next.unwrap_or(self.head);
            for (place, _) in seen.rows {
                tally.count += 1;
                if tally.count == most {
                    tally.up_to = place;
                    break;
                }
            }
        }
        Ok(())
    }
}

impl From<LookError> for Fault {
    fn from(error: LookError) -> Self {
        match error {
            LookError::Store(error) => error.into(),
            LookError::Ask(why) => Self::new("YZ0327", why),
            LookError::NoSuchRegister { .. } => {
                Self { code: "YZ0350", message: error.to_string(), retry: true }
            }
        }
    }
}
