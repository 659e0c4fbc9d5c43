//! What an owner decides where the file has no answer: whether something happened, and how to go on.

use std::sync::Arc;

use super::begin::{failure, rule_for};
use super::event::{Fact, ItemEnd, Output, Question, Standing, Verdict};
use super::item::used_up;
use super::{Deciding, Refusal};
use crate::id::{Attempt, StepAt};
use crate::plan::{BackTo, Goes};

const NOT_OPEN: Refusal = Refusal::Echo("the task is over");

impl Deciding<'_> {
    pub(super) fn settled(&mut self, of: Attempt, by: &str, verdict: &Verdict) -> Result<(), Refusal> {
        let standing = self.standing(of)?;
        let acts = self.answers_for(by).flatten();
        if let Standing::Asking { why, .. } = standing {
            self.settle_question(of, &why, verdict)?;
        } else if matches!(standing, Standing::Unknown { .. }) {
            self.settle_unknown(of, verdict)?;
        } else {
            return Err(NOT_OPEN);
        }
        self.acted(of, acts);
        Ok(())
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
            (Question::RungFailed { .. }, Verdict::Again {}) => {
                self.did(Fact::Cleared { at: of.item });
                self.rung_again(of.item);
            }
            (Question::UndoFailed { .. } | Question::RungFailed { .. }, Verdict::Leave {}) => {
                self.did(Fact::Left { at: of.item });
            }
            (
                Question::UndoFailed { .. } | Question::RungFailed { .. },
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
