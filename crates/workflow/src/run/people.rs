//! What people do with tasks: claim, release, answer, and settle what nobody else can decide.

use std::sync::Arc;

use super::begin::{failure, rule_for};
use super::event::{Event, Fact, ItemEnd, Output, Question, Raw, Standing, TaskSheet, Verdict};
use super::item::used_up;
use super::names::Standpoint;
use super::state::Phase;
use super::{Deciding, Refusal};
use crate::id::{Attempt, StepAt};
use crate::plan::{BackTo, Goes, Work};

/// Who acts for the house itself: the owner of the socket.
pub const OPERATOR: &str = "operator";

const NOT_OPEN: Refusal = Refusal::Echo("the task is over");

impl Deciding<'_> {
    fn sheet(&self, of: Attempt) -> Result<Box<TaskSheet>, Refusal> {
        if let Standing::Asked { task, .. } = self.standing(of)? { Ok(task) } else { Err(NOT_OPEN) }
    }

    fn may(&self, of: Attempt, by: &Arc<str>, sheet: &TaskSheet) -> Result<(), Refusal> {
        if &**by == OPERATOR || self.decides_closing(by) {
            return Ok(());
        }
        if self.has_signed(of.item, by) {
            return Err(Refusal::HasSigned(by.clone()));
        }
        let people = self.now.world.people_at(self.at);
        if people.may_but(by, &sheet.who, &sheet.not).is_none() {
            if people.may(by, &sheet.who).is_some() {
                return Err(Refusal::Excluded { by: by.clone(), not: sheet.not.clone() });
            }
            return Err(Refusal::NotYours { by: by.clone(), who: sheet.who.clone() });
        }
        match self.claimed_by(of) {
            Some(other) if *other != *by => Err(Refusal::ClaimedBy(other.clone())),
            Some(_) | None => Ok(()),
        }
    }

    /// A closing run must come to its end: its owner may do what is still to be done.
    fn decides_closing(&self, by: &str) -> bool {
        let owner = self.text.owner.as_deref().or(self.now.world.owner.as_deref());
        self.run.top.phase != Phase::Open
            && owner.is_some_and(|owner| self.now.world.people_at(self.at).may(by, &[owner]).is_some())
    }

    fn claimed_by(&self, of: Attempt) -> Option<&Arc<str>> {
        self.run.item(of.item)?.claimed.as_ref()
    }

    pub(super) fn claimed(&mut self, of: Attempt, by: &Arc<str>) -> Result<(), Refusal> {
        let sheet = self.sheet(of)?;
        self.may(of, by, &sheet)?;
        if self.claimed_by(of) == Some(by) {
            return Err(Refusal::Echo("the task is claimed"));
        }
        self.did(Fact::TaskClaimed { at: of.item, by: by.clone() });
        Ok(())
    }

    pub(super) fn released(&mut self, of: Attempt, by: &Arc<str>) -> Result<(), Refusal> {
        let sheet = self.sheet(of)?;
        self.may(of, by, &sheet)?;
        if self.claimed_by(of).is_none() {
            return Err(Refusal::Echo("nobody has claimed the task"));
        }
        self.did(Fact::TaskReleased { at: of.item });
        Ok(())
    }

    pub(super) fn answered(&mut self, of: Attempt, by: &Arc<str>, fields: &Raw) -> Result<(), Refusal> {
        let sheet = self.sheet(of)?;
        self.may(of, by, &sheet)?;
        let text = self.text.clone();
        let step = text.step(of.item.step);
        let work = match (&step.undo, of.item.undo) {
            (Some(undo), true) => &undo.work,
            (_, _) => &step.work,
        };
        let Work::Ask(ask) = work else { return Err(Refusal::Impossible("the step asks nobody")) };
        // What is read is let go at once: else the step would be copied when its item changes.
        let accepted = ask
            .form
            .accept_from(by, fields.get(), &self.scope(Standpoint::Item(of.item)))
            .map_err(Refusal::Form)?;
        let accepted = Raw::new(accepted.json).ok_or(Refusal::Impossible("a form gave no JSON"))?;
        self.correct_input(of.item, &ask.form, &accepted)?;
        // The journal keeps the answer as it was accepted.
        if let Event::Answered { fields, .. } = &mut self.event {
            *fields = accepted.clone();
        }
        self.done(of.item, None, Output::OfEvent, Some(&accepted));
        Ok(())
    }

    pub(super) fn settled(&mut self, of: Attempt, verdict: &Verdict) -> Result<(), Refusal> {
        let standing = self.standing(of)?;
        if let Standing::Asking { why, .. } = standing {
            self.settle_question(of, &why, verdict)
        } else if matches!(standing, Standing::Unknown { .. }) {
            self.settle_unknown(of, verdict)
        } else {
            Err(NOT_OPEN)
        }
    }

    fn settle_unknown(&mut self, of: Attempt, verdict: &Verdict) -> Result<(), Refusal> {
        match verdict {
            Verdict::Happened { values } => {
                self.done(of.item, None, Output::OfEvent, Some(values));
                return Ok(());
            }
            Verdict::Leave {} | Verdict::Skip { .. } => return Err(Refusal::WrongVerdict),
            Verdict::Again {} | Verdict::Fail {} => {}
        }
        self.did(Fact::Cleared { at: of.item });
        if self.is_withdrawn(of.item) {
            self.end(of.item, ItemEnd::Dropped, None);
        } else if matches!(verdict, Verdict::Again {}) {
            self.begin(of.item);
        } else {
            let because = self.run.item(of.item).and_then(|state| state.failure.as_deref().cloned());
            let because = because.unwrap_or_else(|| failure("YZ0319", "a person said that it failed"));
            self.fail_for_good(of.item, because);
        }
        Ok(())
    }

    fn settle_question(&mut self, of: Attempt, why: &Question, verdict: &Verdict) -> Result<(), Refusal> {
        match (why, verdict) {
            (Question::Failed { .. }, Verdict::Again {}) => {
                let place = of.item.place();
                if self.run.step(place).broken {
                    self.did(Fact::Anew { s: place.step, scope: place.scope });
                    self.ready.insert(place);
                } else {
                    self.did(Fact::Cleared { at: of.item });
                    self.begin(of.item);
                }
            }
            (Question::Failed { .. }, Verdict::Skip { values }) => self.skip(of.item, values),
            (Question::Failed { failure }, Verdict::Fail {}) => self.fail_for_good(of.item, failure.clone()),
            (Question::Failed { .. }, Verdict::Happened { .. } | Verdict::Leave {}) => {
                return Err(Refusal::WrongVerdict);
            }
            (Question::UndoFailed { .. }, Verdict::Again {}) => {
                self.did(Fact::Cleared { at: of.item });
                self.begin(of.item);
            }
            (Question::UndoFailed { .. }, Verdict::Leave {}) => self.did(Fact::Left { at: of.item }),
            (
                Question::UndoFailed { .. },
                Verdict::Happened { .. } | Verdict::Fail {} | Verdict::Skip { .. },
            ) => {
                return Err(Refusal::WrongVerdict);
            }
            (Question::WayUsedUp { way, outcome, output }, verdict) => {
                let rule = rule_for(self.text.step(of.item.step), outcome.as_deref(), output.as_ref());
                let back = match rule {
                    Some(Goes::Back(back)) if back.way == *way => Some(back),
                    Some(_) | None => None,
                };
                let outcome = outcome.clone();
                let output = output.clone().map_or(Output::None, Output::Is);
                return self.settle_used_up(of, back, (outcome, output), verdict);
            }
        }
        Ok(())
    }

    /// One more round, go on with this result, or fail.
    fn settle_used_up(
        &mut self,
        of: Attempt,
        back: Option<BackTo>,
        (outcome, output): (Option<Arc<str>>, Output),
        verdict: &Verdict,
    ) -> Result<(), Refusal> {
        match (verdict, back) {
            (Verdict::Again {}, Some(back))
                if self.has_rounds_left(StepAt { step: back.target, ..of.item.place() }) =>
            {
                self.finish_item(of.item, outcome, output, None);
                // A person's word: one more round, which is not counted.
                let after_ms = back.after.map_or(0, |span| span.ms);
                self.go_back_over(of.item.scope, None, self.cover(back.target), after_ms);
            }
            (Verdict::Leave {}, _) => self.finish_item(of.item, outcome, output, None),
            (Verdict::Fail {}, back) => {
                self.fail_with(
                    of.item,
                    used_up(),
                    output,
                    back.map(|back| back.target).or(Some(of.item.step)),
                );
            }
            (Verdict::Again {} | Verdict::Happened { .. } | Verdict::Skip { .. }, _) => {
                return Err(Refusal::WrongVerdict);
            }
        }
        Ok(())
    }
}
