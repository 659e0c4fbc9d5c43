//! The clock of a step: what its due time sets off, what stops it, what moves it.

use std::sync::Arc;

use super::{Effect, Retry, Step, Undo, Work};
use crate::expression::{Expression, Template, Tree};
use crate::form::Form;
use crate::id::{Item, StepNo};
use crate::moment::{Moment, Offset, Span};
use crate::schedule::Pattern;

/// What the file says of a step's time, beside its due time where that belongs to its kind.
#[derive(Debug, Default)]
pub struct Clock {
    /// Of a step that holds steps, and of the file; a task and an await have theirs with their kind.
    pub due: Option<Moment>,
    /// Reminders and rungs, in file order: their places are their numbers.
    pub rungs: Vec<Rung>,
    pub pause: Option<Pause>,
    pub extend: Option<Box<Extend>>,
}

/// What happens at an instant before or after a due time.
#[derive(Debug)]
pub struct Rung {
    pub at: RungAt,
    pub does: Does,
    /// Of `remind`: dropped where its time is past, or the task late.
    pub reminds: bool,
    /// Where it stands below its step: `escalate[1]`.
    pub written: Arc<str>,
}

#[derive(Debug)]
pub enum RungAt {
    /// `+2h`, `-1 day`: from the due time.
    Due(Offset),
    /// As a due time is worked out itself, from the opening.
    Moment(Moment),
    /// Of a reminder: again and again while the task is open.
    Every(Pattern),
}

#[derive(Debug)]
pub enum Does {
    /// A word to somebody; nobody named means those whom the task asks.
    Tell(Vec<Template>),
    /// The task is these people's from now on.
    Reassign(Vec<Template>),
    /// The task is answered with these fields.
    Decide(Tree),
    /// A small step beside the task.
    Act(Box<Small>),
}

/// When the clock stands.
#[derive(Debug)]
pub enum Pause {
    /// While one of these steps is open.
    Steps(Vec<StepNo>),
    /// While this holds.
    While(Expression),
}

/// How more time is asked for.
#[derive(Debug)]
pub struct Extend {
    /// What whoever asks fills in; `until` is the new due time.
    pub form: Form,
    /// The task of those who must grant it; none: it is granted by being asked for.
    pub grant: Option<Small>,
    /// What is done once it is granted: a mail to the customer, say.
    pub then: Option<Small>,
}

/// A step beside a step: any kind but `check` and `end`, and nothing follows from its end.
#[derive(Debug)]
pub struct Small {
    pub work: Work,
    pub title: Option<Template>,
    pub retry: Option<Retry>,
    pub timeout: Option<Span>,
    pub effect: Option<Effect>,
}

/// What an item does, whether it is a step's own, takes one back or is beside one.
#[derive(Clone, Copy, Debug)]
pub struct Doing<'a> {
    pub work: &'a Work,
    pub title: Option<&'a Template>,
    pub retry: Option<Retry>,
    pub timeout: Option<Span>,
    pub effect: Option<Effect>,
}

/// The number under which what follows a granted extension stands among the rungs.
pub const EXTENDS: u16 = u16::MAX;

/// The number under which the task stands of those who grant it.
pub const GRANTS: u16 = u16::MAX - 1;

impl<'a> From<&'a Undo> for Doing<'a> {
    fn from(undo: &'a Undo) -> Self {
        let Undo { work, title, retry, timeout, effect, keep: _ } = undo;
        Self { work, title: title.as_ref(), retry: *retry, timeout: *timeout, effect: *effect }
    }
}

impl<'a> From<&'a Small> for Doing<'a> {
    fn from(small: &'a Small) -> Self {
        let Small { work, title, retry, timeout, effect } = small;
        Self { work, title: title.as_ref(), retry: *retry, timeout: *timeout, effect: *effect }
    }
}

impl Step {
    /// What an item of this step does; `None` where the file has no words for it.
    #[must_use]
    pub fn doing(&self, of: Item) -> Option<Doing<'_>> {
        if of.undo {
            return self.undo.as_ref().map(Doing::from);
        }
        let Some(rung) = of.rung else {
            let Self { work, title, retry, timeout, effect, .. } = self;
            let (title, retry) = (title.as_ref(), *retry);
            return Some(Doing { work, title, retry, timeout: *timeout, effect: *effect });
        };
        if matches!(rung.1, EXTENDS | GRANTS) {
            let extend = self.clock.as_ref()?.extend.as_ref()?;
            let small = if rung.1 == GRANTS { &extend.grant } else { &extend.then };
            return small.as_ref().map(Doing::from);
        }
        match &self.rung(rung.1)?.does {
            Does::Act(small) => Some(Doing::from(&**small)),
            Does::Tell(_) | Does::Reassign(_) | Does::Decide(_) => None,
        }
    }

    /// The work of an item; its step's own where the file has no words for what is beside it.
    #[must_use]
    pub fn work_of(&self, of: Item) -> &Work {
        self.doing(of).map_or(&self.work, |doing| doing.work)
    }

    #[must_use]
    pub fn rung(&self, number: u16) -> Option<&Rung> {
        self.clock.as_ref()?.rungs.get(usize::from(number))
    }

    /// The number of what a due time sets off, by its key and its place there: `escalate[1]`; without a place the only
    /// one; `grant`, the task of those who must grant an extension, and `extend`, what follows it.
    #[must_use]
    pub fn rung_named(&self, key: &str, place: Option<u32>) -> Option<u16> {
        let extend = self.clock.as_ref().and_then(|clock| clock.extend.as_ref());
        match (key, extend) {
            ("extend", extend) => return extend?.then.as_ref().map(|_| EXTENDS),
            ("grant", extend) => return extend?.grant.as_ref().map(|_| GRANTS),
            _ => {}
        }
        let written = place.map(|place| format!("{key}[{place}]"));
        let is_it = |rung: &&Rung| match &written {
            Some(written) => *rung.written == **written,
            None => rung.written.split('[').next() == Some(key),
        };
        let at = self.rungs().iter().position(|rung| is_it(&rung))?;
        let alone = place.is_some() || self.rungs().iter().filter(is_it).count() == 1;
        u16::try_from(at).ok().filter(|_| alone)
    }

    #[must_use]
    pub fn rungs(&self) -> &[Rung] {
        self.clock.as_ref().map_or(&[], |clock| &clock.rungs)
    }

    /// By when it is to be over, as the file says.
    #[must_use]
    pub fn due(&self) -> Option<&Moment> {
        match &self.work {
            Work::Ask(ask) => ask.due.as_ref(),
            Work::Await(event) => event.due.as_ref(),
            Work::Use { .. }
            | Work::Wait { .. }
            | Work::Run { .. }
            | Work::Check { .. }
            | Work::End { .. }
            | Work::Hold { .. } => self.clock.as_ref()?.due.as_ref(),
        }
    }

    /// The file itself, as the step that holds all others.
    #[must_use]
    pub fn whole(
        title: &str,
        steps: Vec<StepNo>,
        span: u16,
        (clock, limit): (Option<Box<Clock>>, Option<super::Limit>),
    ) -> Self {
        Self {
            id: "".into(),
            section: super::Section::Main,
            holder: None,
            title: Template::parse(title).ok().filter(|_| !title.contains("{{")),
            note: None,
            needs: vec![],
            first_is_enough: false,
            needed_by: vec![],
            before: vec![],
            after: vec![],
            when: None,
            each: None,
            lets: Arc::default(),
            work: Work::Hold { steps, span },
            on: vec![],
            on_error: super::OnError::Fail,
            retry: None,
            timeout: None,
            give_up: None,
            effect: None,
            undo: None,
            limit,
            calendar: None,
            hours: None,
            clock,
            guard: super::Guard::default(),
        }
    }
}
