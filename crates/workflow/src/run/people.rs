//! What people do with tasks: claim, release, answer, and settle what nobody else can decide.

use std::sync::Arc;

use super::begin::{failure, rule_for};
use super::event::{Event, Fact, ItemEnd, Output, Question, Raw, Standing, TaskSheet, Verdict};
use super::scope::Standpoint;
use super::state::held_back;
use super::{Deciding, Refusal};
use crate::id::Attempt;
use crate::plan::{Goes, Work};

/// Who acts for the house itself: the owner of the socket.
pub const OPERATOR: &str = "operator";

const NOT_OPEN: Refusal = Refusal::Echo("the task is over");

impl Deciding<'_> {
    fn sheet(&self, of: Attempt) -> Result<Box<TaskSheet>, Refusal> {
        match self.standing(of)? {
            Standing::Asked { task, .. } => Ok(task),
            _ => Err(NOT_OPEN),
        }
    }

    fn may(&self, of: Attempt, by: &Arc<str>, sheet: &TaskSheet) -> Result<(), Refusal> {
        if &**by != OPERATOR && !self.now.world.people.may(by, &sheet.who) {
            return Err(Refusal::NotYours { by: by.clone(), who: sheet.who.clone() });
        }
        match self.run.item(of.item).and_then(|state| state.claimed.clone()) {
            Some(other) if other != *by && &**by != OPERATOR => Err(Refusal::ClaimedBy(other)),
            Some(_) | None => Ok(()),
        }
    }

    pub(super) fn claimed(&mut self, of: Attempt, by: &Arc<str>) -> Result<(), Refusal> {
        let sheet = self.sheet(of)?;
        self.may(of, by, &sheet)?;
        self.did(Fact::TaskClaimed { at: of.item, by: by.clone() });
        Ok(())
    }

    pub(super) fn released(&mut self, of: Attempt, by: &Arc<str>) -> Result<(), Refusal> {
        let sheet = self.sheet(of)?;
        self.may(of, by, &sheet)?;
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
        let given: serde_json::Value =
            serde_json::from_str(fields.get()).map_err(|_| Refusal::Impossible("the answer is not JSON"))?;
        let given = given.as_object().cloned().unwrap_or_default();
        let scope = self.scope(Standpoint::Item(of.item));
        let accepted = ask.form.accept(&given, &scope).map_err(Refusal::Form)?;
        let accepted = Raw::new(accepted.json).ok_or(Refusal::Impossible("a form gave no JSON"))?;
        // The journal keeps the answer as it was accepted.
        if let Event::Answered { fields, .. } = &mut self.event {
            *fields = accepted.clone();
        }
        self.done(of.item, None, Output::OfEvent, Some(&accepted));
        Ok(())
    }

    pub(super) fn settled(&mut self, of: Attempt, verdict: &Verdict) -> Result<(), Refusal> {
        match self.standing(of)? {
            Standing::Unknown { .. } => self.settle_unknown(of, verdict),
            Standing::Asking { why, .. } => self.settle_question(of, &why, verdict),
            _ => Err(NOT_OPEN),
        }
    }

    fn settle_unknown(&mut self, of: Attempt, verdict: &Verdict) -> Result<(), Refusal> {
        match verdict {
            Verdict::Happened { values } => {
                self.done(of.item, None, Output::OfEvent, Some(values));
                return Ok(());
            }
            Verdict::Leave {} => return Err(Refusal::WrongVerdict),
            Verdict::Again {} | Verdict::Fail {} => {}
        }
        self.did(Fact::Cleared { at: of.item });
        if self.is_withdrawn(of.item) {
            self.over(of.item, ItemEnd::Dropped, None, Output::None, None);
        } else if matches!(verdict, Verdict::Again {}) {
            self.begin(of.item);
        } else {
            let because = self.run.item(of.item).and_then(|state| state.failure.as_deref().cloned());
            self.fail(of.item, because.unwrap_or_else(|| failure("YZ0319", "a person said that it failed")));
        }
        Ok(())
    }

    fn settle_question(&mut self, of: Attempt, why: &Question, verdict: &Verdict) -> Result<(), Refusal> {
        match (why, verdict) {
            (Question::UndoFailed { .. }, Verdict::Again {}) => {
                self.did(Fact::Cleared { at: of.item });
                self.begin(of.item);
            }
            (Question::UndoFailed { .. }, Verdict::Leave {}) => self.did(Fact::Left { at: of.item }),
            (Question::UndoFailed { .. }, Verdict::Happened { .. } | Verdict::Fail {}) => {
                return Err(Refusal::WrongVerdict);
            }
            (Question::WayUsedUp { .. }, Verdict::Again {}) => {
                let Some((outcome, output)) = held_back(why) else { return Err(Refusal::WrongVerdict) };
                let rule = rule_for(self.text.step(of.item.step), outcome.as_deref(), output.as_ref());
                self.over(of.item, ItemEnd::Done, outcome, output.map_or(Output::None, Output::Is), None);
                // A person's word: one more round, which is not counted.
                if let Some(Goes::Back(back)) = rule {
                    let mut cover = vec![back.target];
                    cover.extend(&self.text.step(back.target).after);
                    self.go_back_over(None, cover, back.after.map_or(0, |span| span.ms));
                }
            }
            (Question::WayUsedUp { .. }, Verdict::Leave {}) => {
                let Some((outcome, output)) = held_back(why) else { return Err(Refusal::WrongVerdict) };
                self.over(of.item, ItemEnd::Done, outcome, output.map_or(Output::None, Output::Is), None);
            }
            (Question::WayUsedUp { .. }, Verdict::Fail {}) => {
                self.fail(of.item, failure("YZ0320", "the way back was taken as often as it may be"));
            }
            (Question::WayUsedUp { .. }, Verdict::Happened { .. }) => return Err(Refusal::WrongVerdict),
        }
        Ok(())
    }
}
