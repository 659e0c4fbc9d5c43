//! What people do with tasks: claim, give back, hand over, delegate, comment, answer. Who acted, for whom and by which
//! word is a fact of the journal.

use std::sync::Arc;

use super::choosing::CHOOSING;
use super::event::{Event, Fact, Output, Raw, Standing, TaskSheet};
use super::names::Standpoint;
use super::state::Phase;
use super::{COMMENTS_MAX, Deciding, Refusal};
use crate::id::Attempt;
use crate::people::rights::{Rights, Role};
use crate::people::{Acts, How, bare};
use crate::plan::{Ask, Work};

/// Who acts for the house itself: the owner of the socket.
pub const OPERATOR: &str = "operator";

const NOT_OPEN: Refusal = Refusal::Echo("the task is over");

/// An outsider is nobody of the house: only a link that was sent to the address acts in its name.
pub(super) fn outsider(by: &str, sheet: &TaskSheet) -> Option<Acts> {
    let asked = by.starts_with("mail:") && sheet.who.iter().any(|who| *who == *by);
    let kept_out = sheet.not.iter().any(|who| *who == *by);
    (asked && !kept_out).then(|| Acts { by: by.into(), for_whom: None, through: by.into(), how: How::Named })
}

/// A task goes to somebody else.
pub(super) struct HandOver<'h> {
    pub(super) by: &'h Arc<str>,
    pub(super) to: &'h [String],
    /// Whoever gave it stays among those who may do it, and the answer is given for them.
    pub(super) delegate: bool,
}

impl Deciding<'_> {
    pub(super) fn sheet(&self, of: Attempt) -> Result<Box<TaskSheet>, Refusal> {
        let Standing::Asked { mut task, .. } = self.standing(of)? else { return Err(NOT_OPEN) };
        // It is nobody's until it is known whose.
        if task.choose.is_some() {
            task.who = vec![CHOOSING.to_owned()];
        }
        Ok(task)
    }

    /// For whom and by which word somebody may act; nothing more is to be said of the house itself.
    fn may(&self, of: Attempt, by: &Arc<str>, sheet: &TaskSheet) -> Result<Option<Acts>, Refusal> {
        if &**by == OPERATOR {
            return Ok(None);
        }
        if self.has_signed(of.item, by) {
            return Err(Refusal::HasSigned(by.clone()));
        }
        let people = self.now.world.people_at(self.at);
        let may = people.may_but(by, &sheet.who, &sheet.not).or_else(|| outsider(by, sheet));
        let Some(mut acts) = may else {
            if let Some(acts) = self.decides_closing(by) {
                return Ok(Some(acts));
            }
            return Err(if people.may(by, &sheet.who).is_some() {
                Refusal::Excluded { by: by.clone(), not: sheet.not.clone() }
            } else {
                Refusal::NotYours { by: by.clone(), who: sheet.who.clone() }
            });
        };
        if let Some(delegator) = sheet.delegated_by.as_ref().filter(|delegator| **delegator != acts.by) {
            acts.for_whom = Some(delegator.clone());
        }
        if let Some(whom) = acts.for_whom.as_ref().filter(|whom| self.has_signed(of.item, whom)) {
            return Err(Refusal::HasSigned(whom.clone()));
        }
        match self.claimed_by(of) {
            Some(other) if *other != *by => Err(Refusal::ClaimedBy(other.clone())),
            Some(_) | None => Ok(Some(acts)),
        }
    }

    /// A closing run must come to its end: who answers for it may do what is still to be done.
    fn decides_closing(&self, by: &str) -> Option<Acts> {
        if self.run.top.phase == Phase::Open {
            return None;
        }
        self.answers_for(by)?
    }

    /// Whether somebody answers for the workflow: its owner, an operator of it by `[right.…]`, or the house itself, of
    /// which nothing more is to be said.
    #[expect(clippy::option_option, reason = "nobody, the house itself, or a person")]
    pub(super) fn answers_for(&self, by: &str) -> Option<Option<Acts>> {
        if by == OPERATOR {
            return Some(None);
        }
        if let Some(acts) = self.as_owner(by) {
            return Some(Some(acts));
        }
        let world = self.now.world;
        let present = world.people_at(self.at);
        let operates = present.person(bare(by)).is_some()
            && Rights::of(bare(by), &world.people, &present).may(Role::Operator, &self.run.started.workflow);
        let person: Arc<str> = format!("person:{}", bare(by)).into();
        operates.then(|| Some(Acts { by: person.clone(), for_whom: None, through: person, how: How::Named }))
    }

    pub(super) fn as_owner(&self, by: &str) -> Option<Acts> {
        let owner = self.text.owner.as_deref().or(self.now.world.owner.as_deref())?;
        self.now.world.people_at(self.at).may(by, &[owner])
    }

    fn claimed_by(&self, of: Attempt) -> Option<&Arc<str>> {
        self.run.item(of.item)?.claimed.as_ref()
    }

    pub(super) fn acted(&mut self, of: Attempt, acts: Option<Acts>) {
        if let Some(acts) = acts {
            self.did(Fact::Acted { at: of.item, acts: Box::new(acts) });
        }
    }

    pub(super) fn claimed(&mut self, of: Attempt, by: &Arc<str>) -> Result<(), Refusal> {
        let sheet = self.sheet(of)?;
        let acts = self.may(of, by, &sheet)?;
        if self.claimed_by(of) == Some(by) {
            return Err(Refusal::Echo("the task is claimed"));
        }
        self.acted(of, acts);
        self.did(Fact::TaskClaimed { at: of.item, by: by.clone() });
        Ok(())
    }

    pub(super) fn released(&mut self, of: Attempt, by: &Arc<str>) -> Result<(), Refusal> {
        let sheet = self.sheet(of)?;
        let acts = self.may(of, by, &sheet)?;
        if self.claimed_by(of).is_none() {
            return Err(Refusal::Echo("nobody has claimed the task"));
        }
        self.acted(of, acts);
        self.did(Fact::TaskReleased { at: of.item });
        Ok(())
    }

    pub(super) fn handed_over(&mut self, of: Attempt, over: &HandOver<'_>) -> Result<(), Refusal> {
        let sheet = self.sheet(of)?;
        // Its owner may give a task to somebody else that he may not do himself.
        let acts = match self.may(of, over.by, &sheet) {
            Err(refusal) if over.delegate => return Err(refusal),
            Err(refusal) => Some(self.as_owner(over.by).ok_or(refusal)?),
            Ok(acts) => acts,
        };
        let people = &self.now.world.people;
        if over.to.is_empty() {
            return Err(Refusal::NobodyCalled("".into()));
        }
        for who in over.to {
            if who == "starter" || !people.known(who) {
                return Err(Refusal::NobodyCalled(who.as_str().into()));
            }
            let taken = self.has_signed(of.item, who);
            if taken {
                return Err(Refusal::HasSigned(who.as_str().into()));
            }
            let alone = who.starts_with("person:");
            if alone && self.now.world.people_at(self.at).may_but(who, &[who], &sheet.not).is_none() {
                return Err(Refusal::Excluded { by: who.as_str().into(), not: sheet.not });
            }
        }
        let mut who = over.to.to_vec();
        let delegated_by = if over.delegate {
            let by = acts.as_ref().map_or_else(|| over.by.clone(), |acts| acts.by.clone());
            if !who.contains(&by.to_string()) {
                who.push(by.to_string());
            }
            Some(by)
        } else {
            None
        };
        let theirs = sheet.who == who && sheet.delegated_by == delegated_by;
        // Handed to those who have it, a task that somebody claimed is free again.
        if theirs && self.claimed_by(of).is_none() {
            return Err(Refusal::Echo("the task is theirs"));
        }
        self.acted(of, acts);
        self.did(Fact::TaskHandedOver { at: of.item, who, delegated_by });
        Ok(())
    }

    pub(super) fn commented(&mut self, of: Attempt, by: &Arc<str>, text: &str) -> Result<(), Refusal> {
        let sheet = match self.standing(of)? {
            Standing::Asked { task, .. } => Some(task),
            Standing::Unknown { .. } | Standing::Asking { .. } => None,
            Standing::Queued {}
            | Standing::Running { .. }
            | Standing::Stopping { .. }
            | Standing::Resting { .. }
            | Standing::Sleeping { .. }
            | Standing::Child { .. }
            | Standing::StoppingChild { .. }
            | Standing::Slot { .. }
            | Standing::Listening { .. }
            | Standing::Holding { .. } => return Err(NOT_OPEN),
        };
        if text.trim().is_empty() {
            return Err(Refusal::NoWords);
        }
        let known = self.run.item(of.item).map_or(0, |state| state.comments.len());
        if known >= COMMENTS_MAX || text.chars().count() > super::COMMENT_LONGEST {
            return Err(Refusal::TooManyWords);
        }
        let acts = if &**by == OPERATOR {
            None
        } else {
            let who = sheet.as_ref().map_or(&[][..], |sheet| &sheet.who);
            // Of a question to the owner whoever may answer it in the owner's place may speak, too.
            let in_place =
                || if sheet.is_some() { self.as_owner(by) } else { self.answers_for(by).flatten() };
            let acts = self.now.world.people_at(self.at).may(by, who).or_else(in_place);
            Some(acts.ok_or_else(|| Refusal::NotYours { by: by.clone(), who: who.to_vec() })?)
        };
        self.acted(of, acts);
        self.did(Fact::Commented { at: of.item });
        Ok(())
    }

    pub(super) fn may_answer(&self, of: Attempt, by: &Arc<str>) -> Result<(), Refusal> {
        let sheet = self.sheet(of)?;
        self.may(of, by, &sheet).map(drop)
    }

    pub(super) fn answered(&mut self, of: Attempt, by: &Arc<str>, fields: &Raw) -> Result<(), Refusal> {
        let sheet = self.sheet(of)?;
        let acts = self.may(of, by, &sheet)?;
        self.take_answer((of, by), acts, fields)
    }

    /// An outsider answered on paper, and somebody of the house enters it.
    pub(super) fn answered_for(
        &mut self,
        of: Attempt,
        by: &Arc<str>,
        whom: &Arc<str>,
        fields: &Raw,
    ) -> Result<(), Refusal> {
        let sheet = self.sheet(of)?;
        let Some(theirs) = outsider(whom, &sheet) else {
            return Err(Refusal::NotYours { by: whom.clone(), who: sheet.who });
        };
        if self.has_signed(of.item, whom) {
            return Err(Refusal::HasSigned(whom.clone()));
        }
        let people = self.now.world.people_at(self.at);
        let own = people.may(by, &sheet.who).or_else(|| self.as_owner(by));
        if own.is_none() && &**by != OPERATOR {
            return Err(Refusal::NotYours { by: by.clone(), who: sheet.who });
        }
        // Nor may anybody enter the paper of somebody else who must not do this.
        if sheet.not.iter().any(|word| people.members(word).iter().any(|id| bare(by) == id)) {
            return Err(Refusal::Excluded { by: by.clone(), not: sheet.not });
        }
        let acts = Acts { by: by.clone(), for_whom: Some(whom.clone()), ..theirs };
        self.take_answer((of, by), Some(acts), fields)
    }

    fn take_answer(
        &mut self,
        (of, by): (Attempt, &str),
        acts: Option<Acts>,
        fields: &Raw,
    ) -> Result<(), Refusal> {
        let text = self.text.clone();
        let ask = self.asked_by(&text, of)?;
        // What is read is let go at once: else the step would be copied when its item changes.
        let accepted = ask
            .form
            .accept_from(by, fields.get(), &self.scope(Standpoint::Item(of.item)))
            .map_err(Refusal::Form)?;
        let accepted = Raw::new(accepted.json).ok_or(Refusal::Impossible("a form gave no JSON"))?;
        self.correct_input(of.item, &ask.form, &accepted)?;
        // The journal keeps the answer as it was accepted.
        if let Event::Answered { fields, .. } | Event::AnsweredFor { fields, .. } = &mut self.event {
            *fields = accepted.clone();
        }
        self.acted(of, acts);
        self.done(of.item, None, Output::OfEvent, Some(&accepted));
        Ok(())
    }

    fn asked_by<'t>(&self, text: &'t crate::plan::Workflow, of: Attempt) -> Result<&'t Ask, Refusal> {
        if let Work::Ask(ask) = text.step(of.item.step).work_of(of.item) {
            Ok(ask)
        } else {
            Err(Refusal::Impossible("the step asks nobody"))
        }
    }
}
