//! One run of a workflow: give it an event, get what was decided and what the world now owes.
//!
//! `decide` is the only interpreter. It knows no clock, no randomness and no IO; whatever varies comes in with the event
//! or the world. Every decision is a list of facts, and a run changes only by applying them: replaying a journal cannot
//! differ from having lived it.

mod acts;
mod approve;
mod begin;
pub mod choosing;
pub mod clock;
mod closing;
mod correction;
mod due;
pub mod event;
mod fold;
pub mod guess;
mod item;
pub mod list;
pub mod migrate;
mod migrate_clock;
pub(crate) mod more_time;
mod moving;
pub mod names;
mod nobody;
mod people;
mod recipients;
pub mod scope;
pub mod sight;
pub mod state;
#[cfg(test)]
mod tests;
mod whole;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use minijinja::Value;
use serde::{Deserialize, Serialize};

use crate::calendar::Calendars;
use crate::catalogue::Catalogue;
use crate::expression::ExpressionError;
use crate::form::FieldFault;
use crate::id::{Attempt, Item, Millis, RunId, ScopeNo, StepAt};
use crate::people::{People, Present};
use crate::plan::{Retry, Workflow};
use crate::register::Registers;
pub use acts::OPERATOR;
pub use begin::rest_ms;
pub use closing::PARENT;
use event::{Event, Fact, Failure, Happened, ItemEnd, Started};
use names::{Names, Standpoint};
use state::{Run, TaskKind, Want};

/// The number of the rules in `semantics.md` by which this program decides. A journal replays under its own.
pub const RULES: u32 = 1;

/// Rounds of one step; beyond it a loop is taken for an error of the file.
pub const ROUNDS_MAX: u32 = 1_000;

/// Items of one `each`.
pub const ITEMS_MAX: usize = 100_000;

/// Items of a run in all its scopes, in the rounds that they are in: one `each` within another multiplies.
pub const ITEMS_OF_RUN_MAX: usize = 200_000;

/// Comments on one task, and the characters of one.
pub const COMMENTS_MAX: usize = 100;
pub const COMMENT_LONGEST: usize = 4_000;

/// Signatures of one step.
pub const SIGNERS_MAX: usize = 100;

/// Open tasks of one run.
pub const TASKS_MAX: u32 = 10_000;

/// What is in force outside the run: it may change while a run waits, the run's text may not.
#[derive(Clone, Debug)]
pub struct World {
    /// Rises when anything here changes; kept in every line.
    pub number: u64,
    /// The house's time zone.
    pub zone: jiff::tz::TimeZone,
    pub catalogue: Arc<Catalogue>,
    pub people: Arc<People>,
    /// In force now, as people are: what is worked out later goes by them.
    pub calendars: Arc<Calendars>,
    pub registers: Arc<Registers>,
    /// The default of steps that may be tried again.
    pub retry: Retry,
    /// Who is asked where a workflow names no owner.
    pub owner: Option<Arc<str>>,
    /// Where a person finds a run: `run.url`.
    pub url: Option<Arc<str>>,
}

impl World {
    /// Who is who at an instant.
    #[must_use]
    pub fn people_at(&self, at: Millis) -> Present<'_> {
        self.people.at(at, &self.zone).by(&self.calendars)
    }
}

/// The instant of a decision.
#[derive(Clone, Copy, Debug)]
pub struct Now<'a> {
    pub world: &'a World,
    pub at: Millis,
    /// So many attempts that start go out at once; the others wait in a queue and say when they leave it.
    pub room: usize,
}

/// What an event led to. `did` has been applied to the run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    pub seq: u32,
    pub at: Millis,
    pub event: Event,
    pub did: Vec<Fact>,
    /// What the world owes now and did not before, or owes no more. Carrying one out twice is harmless.
    pub commands: Vec<Command>,
    /// Tasks that were taken away from whoever had claimed them, not answered.
    pub bereft: Vec<(Attempt, Arc<str>)>,
}

/// What must now be done outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// `begun`: call it. Else it waits in a queue, and `Begun` must be decided before it is called.
    Start {
        of: Attempt,
        begun: bool,
    },
    Stop {
        of: Attempt,
    },
    OpenTask {
        of: Attempt,
        kind: TaskKind,
    },
    CloseTask {
        of: Attempt,
    },
    StartChild {
        of: Attempt,
        child: RunId,
    },
    AskSlot {
        of: Attempt,
    },
    /// Looks for an event, among those that came before too.
    Listen {
        of: Attempt,
    },
    StopListening {
        of: Attempt,
    },
    StopChild {
        of: Attempt,
        child: RunId,
    },
}

/// Why an event changed nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The item, attempt or opening has moved on: a late answer, a doubled delivery.
    #[error("this has been dealt with: {0}")]
    Echo(&'static str),
    #[error("the form is not complete")]
    Form(Vec<FieldFault>),
    #[error("`{by}` is not among those who may take this task: {}", .who.join(", "))]
    NotYours { by: Arc<str>, who: Vec<String> },
    #[error("`{0}` has signed already, and nobody signs twice")]
    HasSigned(Arc<str>),
    #[error("`{by}` may not do this: it is for others than {}", .not.join(", "))]
    Excluded { by: Arc<str>, not: Vec<String> },
    #[error("nobody is called `{0}`")]
    NobodyCalled(Arc<str>),
    #[error("a comment says something")]
    NoWords,
    #[error("a task has at most {COMMENTS_MAX} comments of {COMMENT_LONGEST} characters")]
    TooManyWords,
    #[error("`{0}` has claimed this task")]
    ClaimedBy(Arc<str>),
    #[error("the run is {0}, so it cannot be retried")]
    NotRetriable(&'static str),
    #[error("the run was ended by its step `{step}`, so a retry must say from which step")]
    FromRequired { step: Arc<str> },
    #[error("the workflow has no step `{0}` to go back to")]
    NoSuchStep(Arc<str>),
    #[error("this run belongs to {0}; retry that one")]
    ParentDecides(RunId),
    #[error("this is not an answer to that question")]
    WrongVerdict,
    #[error("this has no due time and nothing that waits for one")]
    NoClock,
    #[error("a reason is needed")]
    NoReason,
    #[error("{0} is past; a due time can only be moved ahead of now")]
    DuePast(Millis),
    #[error("the file says nothing of more time for this: it has no `extend`")]
    NoExtend,
    #[error("it was due at {0}; more time is asked for before that")]
    TooLateToAsk(Millis),
    #[error("more time has been asked for, and is not yet granted")]
    AskedAlready,
    #[error("{until} is not after {due}, when it is due already")]
    NotMoreTime { until: Millis, due: Millis },
    #[error("the clock stands because the file says so (`{0}`), and goes on by itself")]
    StandsByFile(Arc<str>),
    #[error("`{expression}`: {message}")]
    Expression { expression: Arc<str>, message: Arc<str> },
    /// What could never have been: a bug or a damaged store.
    #[error("the run cannot go on under the other text: {}", .0.join("; "))]
    DoesNotMap(Vec<String>),
    #[error("impossible: {0}")]
    Impossible(&'static str),
}

/// Begins a run.
pub fn start(id: RunId, text: &Arc<Workflow>, now: &Now<'_>, started: Started) -> (Run, Decision) {
    let shared = Arc::new(started.clone());
    let mut run = Run::begin(id, shared, now.at);
    let event = Event::Started(Box::new(started));
    let mut deciding = Deciding::new(&mut run, text, now, event);
    let steps = u16::try_from(text.steps.len()).unwrap_or(u16::MAX);
    deciding.did(Fact::Opened { steps });
    deciding.begin_whole();
    deciding.pass_time();
    let decision = deciding.finish();
    (run, decision)
}

/// Whether somebody may answer a task now, as it would be judged if they did.
///
/// # Errors
/// Why not.
pub fn may_answer(
    run: &mut Run,
    text: &Arc<Workflow>,
    now: &Now<'_>,
    of: Attempt,
    by: &Arc<str>,
) -> Result<(), Refusal> {
    Deciding::new(run, text, now, Event::Woke {}).may_answer(of, by)
}

/// The whole behaviour of a run that has begun. A refused event has changed nothing.
pub fn decide(run: &mut Run, text: &Arc<Workflow>, now: &Now<'_>, event: Event) -> Result<Decision, Refusal> {
    let mut deciding = Deciding::new(run, text, now, event.clone());
    match event {
        Event::Started(_) => return Err(Refusal::Echo("the run has begun")),
        Event::Woke {} => deciding.woke()?,
        Event::Begun { of } => deciding.begun(of)?,
        Event::Ended { of, result, took_us: _ } => deciding.ended(of, &result)?,
        Event::ChildEnded { of, child, state, outcome, output } => {
            deciding.child_ended(of, child, (state, outcome), output.as_ref())?;
        }
        Event::ChildStarted { of, child } => deciding.child_started(of, child)?,
        Event::EventTaken { of, id, payload } => deciding.event_taken(of, &id, &payload)?,
        Event::SlotGranted { of } => deciding.slot_granted(of)?,
        Event::Assigned { of, to } => deciding.assigned(of, to.as_ref())?,
        Event::Claimed { of, by, via: _ } => deciding.claimed(of, &by)?,
        Event::Released { of, by, via: _ } => deciding.released(of, &by)?,
        Event::Answered { of, by, via: _, fields } => deciding.answered(of, &by, &fields)?,
        Event::AnsweredFor { of, by, whom, fields, .. } => deciding.answered_for(of, &by, &whom, &fields)?,
        Event::HandedOver { of, by, to, delegate, .. } => {
            deciding.handed_over(of, &acts::HandOver { by: &by, to: &to, delegate })?;
        }
        Event::Commented { of, by, text, .. } => deciding.commented(of, &by, &text)?,
        Event::Settled { of, by, via: _, verdict } => deciding.settled(of, &by, &verdict)?,
        Event::Cancelled { opening, by, reason } => deciding.cancelled(opening, &by, &reason)?,
        Event::Retried { opening, by, from } => deciding.retried(opening, &by, from)?,
        Event::Joined { .. } => deciding.joined()?,
        Event::Paused { of, by, via: _, reason } => deciding.paused(of, &by, &reason)?,
        Event::Resumed { of, by, via: _, reason: _ } => deciding.resumed(of, &by)?,
        Event::DueMoved { of, to, by, via: _, reason } => deciding.due_moved(of, to, &by, &reason)?,
        Event::MoreTimeAsked { of, by, via: _, fields } => deciding.more_time_asked(of, &by, &fields)?,
        Event::CalendarsChanged {} => deciding.calendars_changed()?,
        // Needs both texts.
        Event::Migrated { .. } => return Err(Refusal::Impossible("a migration goes its own way")),
    }
    deciding.pass_time();
    Ok(deciding.finish())
}

/// Most decisions touch one item or two: a list that short is looked through faster than a tree.
const LOOKED_THROUGH: usize = 16;

/// A decision in the making: every fact is applied as soon as it is known, so what follows sees it.
struct Deciding<'a> {
    run: &'a mut Run,
    text: &'a Arc<Workflow>,
    now: &'a Now<'a>,
    at: Millis,
    /// Places that are left.
    room: usize,
    event: Event,
    did: Vec<Fact>,
    /// What each touched item wanted before.
    before: Vec<(Item, Want)>,
    /// Who had claimed the touched tasks.
    claims: Vec<(Attempt, Arc<str>)>,
    /// Where in `before` an item stands, once they are too many to look through.
    touched: BTreeMap<Item, usize>,
    /// Steps that may be able to start.
    ready: BTreeSet<StepAt>,
    /// Opened steps in which another item may be able to begin.
    more: BTreeSet<StepAt>,
    /// Scopes in which something changed, so that a way back, a close or the end may go on.
    stirred: BTreeSet<ScopeNo>,
}

impl<'a> Deciding<'a> {
    fn new(run: &'a mut Run, text: &'a Arc<Workflow>, now: &'a Now<'a>, event: Event) -> Self {
        let at = now.at.max(run.last);
        Self {
            run,
            text,
            now,
            at,
            room: now.room,
            event,
            did: vec![],
            before: vec![],
            claims: vec![],
            touched: BTreeMap::new(),
            ready: BTreeSet::new(),
            more: BTreeSet::new(),
            stirred: BTreeSet::from([ScopeNo::RUN]),
        }
    }

    fn did(&mut self, fact: Fact) {
        if let Fact::Entered { at: item, .. } | Fact::Over { at: item, .. } | Fact::Left { at: item } = fact {
            self.touch(item);
        }
        // What stood for the whole step goes with its question.
        if let Fact::Anew { s, scope } = fact {
            let at = StepAt { step: s, scope };
            self.touch(at.item(self.run.step(at).round, 0));
        }
        self.run.apply(self.at, &self.event, &fact);
        if let Some(scope) = fact.scope() {
            self.stir(scope);
        }
        self.did.push(fact);
    }

    /// Remembers what an item wanted before it first changed.
    fn touch(&mut self, item: Item) {
        if self.wanted_before(item).is_some() {
            return;
        }
        let want = self.run.item(item).map_or(Want::Nothing, state::ItemState::want);
        self.before.push((item, want));
        if let (Want::Task { a, kind: TaskKind::Asked }, Some(by)) =
            (want, self.run.item(item).and_then(|state| state.claimed.clone()))
        {
            self.claims.push((Attempt { item, attempt: a }, by));
        }
        if self.before.len() > LOOKED_THROUGH {
            let known = self.touched.len();
            self.touched
                .extend((known..).zip(&self.before[known..]).map(|(place, (item, _))| (*item, place)));
        }
    }

    /// Something changed in this scope, and so perhaps in those around it.
    fn stir(&mut self, scope: ScopeNo) {
        self.stirred.insert(scope);
        if !scope.is_run() {
            let run = &*self.run;
            self.stirred.extend(run.holders(scope).map(|holder| holder.scope));
        }
    }

    /// What this item wanted before the decision, if the decision has touched it.
    fn wanted_before(&self, item: Item) -> Option<Want> {
        if self.touched.is_empty() {
            return self.before.iter().find(|(touched, _)| *touched == item).map(|(_, want)| *want);
        }
        self.touched.get(&item).map(|place| self.before[*place].1)
    }

    /// Starts what can start and moves a way back or a close on, until nothing more follows.
    fn settle(&mut self) {
        loop {
            if let Some(step) = self.more.pop_first() {
                self.begin_more(step);
            } else if let Some(step) = self.ready.pop_first() {
                if self.can_start(step) {
                    self.open_step(step);
                }
            } else if let Some(scope) = self.stirred.pop_last() {
                // The innermost first: what ends there is news for those around it.
                if self.go_on(scope) {
                    self.stir(scope);
                }
            } else {
                return;
            }
        }
    }

    fn finish(self) -> Decision {
        self.run.seq += 1;
        self.run.last = self.at;
        let run = &*self.run;
        let commands = self
            .before
            .iter()
            .flat_map(|(item, before)| {
                let after = run.item(*item).map_or(Want::Nothing, state::ItemState::want);
                difference(*item, *before, after)
            })
            .flatten()
            .collect();
        let done =
            |of: &Attempt| run.item(of.item).is_some_and(|state| state.at == state::At::Over(ItemEnd::Done));
        let stands =
            |of: &Attempt| run.item(of.item).is_some_and(|state| state.attempt() == Some(of.attempt));
        let bereft = self.claims.into_iter().filter(|(of, _)| !stands(of) && !done(of)).collect();
        Decision { seq: run.seq, at: self.at, event: self.event, did: self.did, commands, bereft }
    }

    fn scope(&self, standpoint: Standpoint) -> Value {
        Names::of(self.run, self.text, self.now.world, self.at, standpoint)
    }

    fn readable(&self, item: Item) -> String {
        self.run.key_of(self.text, item)
    }
}

/// What one decision starts and stops is never handed out.
fn difference(item: Item, before: Want, after: Want) -> [Option<Command>; 2] {
    let of = |attempt| Attempt { item, attempt };
    let ends = match before {
        Want::Task { a, .. } if before != after => Some(Command::CloseTask { of: of(a) }),
        Want::Listen { a } if before != after => Some(Command::StopListening { of: of(a) }),
        Want::Nothing
        | Want::Attempt { .. }
        | Want::Stop { .. }
        | Want::Task { .. }
        | Want::Child { .. }
        | Want::StopChild { .. }
        | Want::Slot { .. }
        | Want::Listen { .. }
        | Want::Time => None,
    };
    let begins = match after {
        _ if after == before => None,
        Want::Attempt { a, begun } => Some(Command::Start { of: of(a), begun }),
        Want::Stop { a } => Some(Command::Stop { of: of(a) }),
        Want::Task { a, kind } => Some(Command::OpenTask { of: of(a), kind }),
        Want::Child { a, child } => Some(Command::StartChild { of: of(a), child }),
        Want::StopChild { a, child } => Some(Command::StopChild { of: of(a), child }),
        Want::Slot { a } => Some(Command::AskSlot { of: of(a) }),
        Want::Listen { a } => Some(Command::Listen { of: of(a) }),
        Want::Nothing | Want::Time => None,
    };
    [ends, begins]
}

/// Everything the world owes this run: what a restart hands out again.
#[must_use]
pub fn wants(run: &Run) -> Vec<Command> {
    run.standing_items()
        .flat_map(|(item, state)| difference(item, Want::Nothing, state.want()))
        .flatten()
        .collect()
}

/// One line of the journal, as it is kept: the event and its consequences.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Line {
    pub rules: u32,
    pub world: u64,
    pub event: Event,
    pub did: Vec<Fact>,
}

impl Line {
    /// Folds a journal's line into its run; the first line makes it.
    pub fn fold_into(&self, run: Option<Run>, id: RunId, at: Millis) -> Option<Run> {
        let mut run = match (run, &self.event) {
            (Some(run), _) => run,
            (None, Event::Started(started)) => Run::begin(id, Arc::new((**started).clone()), at),
            (None, _) => return None,
        };
        run.fold(at, &self.event, &self.did);
        Some(run)
    }
}

impl From<ExpressionError> for Failure {
    fn from(error: ExpressionError) -> Self {
        Self {
            code: error.code,
            message: error.message,
            retry: false,
            retry_after_ms: None,
            happened: Happened::No,
        }
    }
}
