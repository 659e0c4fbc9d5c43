//! A house without the world: several runs under one clock that is turned by hand, events between them, places under
//! limits, and answers in place of plugins. The same `decide` as the daemon; no disk, no network.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use serde_json::Value as Json;
use yizhan_workflow::id::{Attempt, Item, Millis, RunId};
use yizhan_workflow::people::bare;
use yizhan_workflow::plan::{ActionName, Choose, OnDuplicate, Workflow};
use yizhan_workflow::problem::Lang;
use yizhan_workflow::run::choosing::pick;
use yizhan_workflow::run::event::{Event, Raw, Standing, Started, TaskSheet};
use yizhan_workflow::run::state::{At, ItemState, Run};
use yizhan_workflow::run::{Command, Decision, Now, OPERATOR, Refusal, World, decide, start};
use yizhan_workflow::testing::Fake;

use super::reach::{asks_for_figures, publishes};
use super::teller::{Seen, Teller};
use crate::change::slots_of;
use crate::intake::{Gathers, Prepared};
use crate::limits::{Head, Limits};
use crate::registers::{Alone, Shelf};
use crate::slots::has_place;
use crate::store::{Gathered, SlotChange, SlotStands};

mod calls;
mod children;
mod events;
mod gathered;
mod past;
mod registers;
mod schedules;

pub use past::{Asked, Happening, Past, Sent};

/// A case that takes more decisions goes round and round.
const MOST_EVENTS: usize = 200_000;

/// What a plugin's schema says of an input, as the daemon would ask it: why it is refused.
pub type Refuses<'w> = &'w (dyn Fn(&ActionName, &str) -> Option<String> + Sync);

/// What the house stands on: the same for many.
#[derive(Clone, Copy)]
pub struct Ground<'w> {
    pub world: &'w Arc<World>,
    pub refuses: Refuses<'w>,
    /// What child runs give whose workflow is not there, by its name.
    pub made_up: &'w BTreeMap<String, Json>,
    /// The language in which people are told.
    pub lang: Lang,
    /// They are told of new tasks, too.
    pub tells_tasks: bool,
    /// An empty store for the registers of each house; without one, what they give is made up.
    pub shelf: Option<&'w (dyn Fn() -> Shelf + Sync)>,
}

/// One run of the house.
#[derive(Debug)]
pub struct Member {
    pub run: Run,
    pub text: Arc<Workflow>,
}

/// Something that was published.
#[derive(Clone, Debug)]
pub struct Known {
    pub id: Arc<str>,
    pub name: Arc<str>,
    pub key: Arc<str>,
    pub payload: Raw,
    pub at: Millis,
}

pub struct House<'w> {
    ground: Ground<'w>,
    pub now: Millis,
    pub runs: Vec<Member>,
    texts: BTreeMap<Arc<str>, Arc<Workflow>>,
    queue: VecDeque<(usize, Command)>,
    /// Answers that take their time, by their instant and in their order.
    later: BTreeMap<(Millis, usize), (usize, Event)>,
    limits: Limits,
    fakes: VecDeque<Fake>,
    pub events: Vec<Known>,
    gathered: Vec<Gathered>,
    watched: Vec<schedules::Watched>,
    pub past: Past,
    last: Option<RunId>,
    /// Who had the last turn of those that take turns.
    turns: BTreeMap<String, Arc<str>>,
    /// From the first step on that is about one.
    registers: Option<Alone>,
    /// Some workflow looks at runs and tasks, so they are counted.
    counts: bool,
    /// How often somebody wrote into one without a run.
    by_hand: usize,
    decisions: usize,
    /// Tells a walk, and gives the answers that were given for it.
    pub(super) teller: Option<Teller<'w>>,
}

/// Why something could not be done in the house.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Hindrance {
    #[error("{0}")]
    Refused(Refusal),
    #[error("it goes round and round")]
    Endless,
    /// The words of the intake.
    #[error("{0}")]
    NotTaken(String),
    #[error("an open run has the key `{0}`")]
    KeyHeld(String),
}

/// What became of a firing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begun {
    Started(usize),
    Joined(usize),
    /// It is kept for a slot.
    Kept,
}

impl<'w> House<'w> {
    #[must_use]
    pub fn new(ground: Ground<'w>, now: Millis, fakes: Vec<Fake>) -> Self {
        Self {
            ground,
            now,
            runs: Vec::new(),
            texts: BTreeMap::new(),
            queue: VecDeque::new(),
            later: BTreeMap::new(),
            limits: Limits::default(),
            fakes: fakes.into(),
            events: Vec::new(),
            gathered: Vec::new(),
            watched: Vec::new(),
            past: Past::default(),
            last: None,
            turns: BTreeMap::new(),
            registers: None,
            counts: false,
            by_hand: 0,
            decisions: 0,
            teller: None,
        }
    }

    #[must_use]
    pub fn world(&self) -> &'w World {
        self.ground.world
    }

    /// Puts a workflow in force.
    pub fn load(&mut self, text: Arc<Workflow>) {
        self.watch(&text);
        self.put(text);
    }

    /// The same, but its schedules begin nothing.
    pub(super) fn put(&mut self, text: Arc<Workflow>) {
        self.counts |= asks_for_figures(&text);
        self.texts.insert(text.name.clone(), text);
    }

    /// Whether anybody may yet publish an event: another run that is open, or one that a slot will begin.
    pub(super) fn may_come(&self, at: usize, event: &str) -> bool {
        let publishes = |text: &Workflow| publishes(text).any(|name| name == event);
        let others =
            self.runs.iter().enumerate().filter(|(place, member)| *place != at && !member.run.is_over());
        let gathered = self.gathered.iter().filter_map(|one| self.texts.get(&one.workflow));
        others.map(|(_, member)| &member.text).chain(gathered).any(|text| publishes(text))
    }

    /// Something is kept for a slot.
    pub(super) fn gathers(&self) -> bool {
        self.next_slot().is_some()
    }

    /// From now on these answers come first.
    pub fn fake(&mut self, fakes: Vec<Fake>) {
        for fake in fakes.into_iter().rev() {
            self.fakes.push_front(fake);
        }
    }

    /// Begins a run, or joins the open one with its key where the file says so.
    pub fn begin(&mut self, prepared: Prepared, by: &str) -> Result<Begun, Hindrance> {
        if prepared.gathers == Gathers::Kept {
            self.keep_for_slot(prepared);
            return Ok(Begun::Kept);
        }
        let text = prepared.workflow.clone();
        if let Some(holder) = self.holder(&prepared) {
            if text.on_duplicate == OnDuplicate::Reject {
                return Err(Hindrance::KeyHeld(prepared.key.unwrap_or_default().to_string()));
            }
            self.publish_joined(holder, &prepared);
            let joined = Event::Joined { trigger: prepared.trigger_name, input: prepared.input };
            self.act(holder, joined)?;
            return Ok(Begun::Joined(holder));
        }
        let at = self.start(prepared, by);
        self.settle()?;
        Ok(Begun::Started(at))
    }

    /// A run begins, whatever others there are.
    pub(super) fn start(&mut self, prepared: Prepared, by: &str) -> usize {
        let id = RunId::mint(self.now, self.last);
        self.last = Some(id);
        let text = prepared.workflow;
        self.counts |= asks_for_figures(&text);
        let started = Started {
            workflow: text.name.clone(),
            text: text.hash.clone(),
            input: prepared.input,
            key: prepared.key,
            trigger: prepared.trigger,
            by: by.into(),
            parent: None,
            origin: None,
        };
        self.open(id, text, started)
    }

    /// The open run that stands for the same case.
    fn holder(&self, prepared: &Prepared) -> Option<usize> {
        let text = &prepared.workflow;
        let key = prepared.key.as_ref().filter(|key| !key.trim().is_empty())?;
        if text.on_duplicate == OnDuplicate::Allow {
            return None;
        }
        self.runs.iter().rposition(|member| {
            let run = &member.run;
            let counts = !run.is_over() || prepared.since.is_some_and(|since| run.began >= since);
            let same = run.started.workflow == text.name && run.started.key.as_ref() == Some(key);
            counts && same && run.started.above().is_none()
        })
    }

    fn open(&mut self, id: RunId, text: Arc<Workflow>, started: Started) -> usize {
        let now = Now { world: self.ground.world, at: self.now, room: usize::MAX };
        let (run, decision) = start(id, &text, &now, started);
        self.runs.push(Member { run, text });
        let at = self.runs.len() - 1;
        self.hear(at, decision);
        at
    }

    /// Something happens to a run from outside, and all that follows from it.
    pub fn act(&mut self, at: usize, event: Event) -> Result<(), Hindrance> {
        self.feed(at, event).map_err(Hindrance::Refused)?;
        self.settle()
    }

    /// Decides an event.
    fn feed(&mut self, at: usize, event: Event) -> Result<(), Refusal> {
        self.decisions += 1;
        let now = Now { world: self.ground.world, at: self.now, room: usize::MAX };
        let member = &mut self.runs[at];
        let decision = decide(&mut member.run, &member.text, &now, event)?;
        self.hear(at, decision);
        Ok(())
    }

    /// Decides an event that may come too late.
    fn feed_quietly(&mut self, at: usize, event: Event) {
        if let Err(refusal) = self.feed(at, event) {
            tracing::debug!(%refusal, "not wanted any more");
        }
    }

    /// Takes what a decision asks for into the queue, and keeps what it did.
    fn hear(&mut self, at: usize, decision: Decision) {
        let member = &self.runs[at];
        self.past.take(at, member, &decision);
        self.past.tell(at, member, &decision, self.ground);
        if let Some(teller) = &mut self.teller {
            teller.hear(Seen { member, world: self.ground.world, now: self.now }, &decision);
        }
        if self.counts {
            self.count(at, &decision);
        }
        let member = &self.runs[at];
        let places = slots_of(&member.run, &member.text, &decision);
        self.queue.extend(decision.commands.iter().map(|command| (at, *command)));
        for change in places {
            self.place_changed(at, change);
        }
        self.tell_parent(at, &decision);
    }

    fn place_changed(&mut self, at: usize, change: SlotChange) {
        match change {
            SlotChange::Stands(row) if row.stands == SlotStands::Waits => {
                // One inside a place of those above is let in by its own question.
                if !self.is_inside(at, &row.ask.key) {
                    self.limits.ask(&row);
                }
            }
            SlotChange::Stands(_) => {}
            SlotChange::Free { run, item } => drop(self.limits.forget((run, item))),
        }
    }

    /// One of those above has a place of the same line, which counts for both.
    fn is_inside(&self, at: usize, key: &str) -> bool {
        let mut above = self.runs[at].run.started.parent;
        while let Some(parent) = above {
            let Some(member) = self.member(parent.run) else { return false };
            let run = &self.runs[member].run;
            if has_place(run, parent.of.item, key) {
                return true;
            }
            above = run.started.parent;
        }
        false
    }

    #[must_use]
    pub fn member(&self, run: RunId) -> Option<usize> {
        self.runs.iter().position(|member| member.run.id == run)
    }

    /// Does what is owed, until nothing more follows at this instant.
    pub fn settle(&mut self) -> Result<(), Hindrance> {
        loop {
            if self.decisions > MOST_EVENTS {
                return Err(Hindrance::Endless);
            }
            if let Some((at, command)) = self.queue.pop_front() {
                self.carry_out(at, command);
            } else if !self.let_in() && !self.fire_queued() {
                return Ok(());
            }
        }
    }

    fn carry_out(&mut self, at: usize, command: Command) {
        match command {
            Command::Start { of, begun } => {
                if begun || self.feed(at, Event::Begun { of }).is_ok() {
                    self.call(at, of);
                }
            }
            Command::Stop { of } => self.stop(at, of),
            Command::StartChild { of, child } => self.start_child(at, of, child),
            Command::StopChild { of, child } => self.stop_child(at, of, child),
            Command::Listen { of } => self.listen(at, of),
            Command::OpenTask { of, .. } if self.runs[at].run.choice(of).is_some() => self.assign(at, of),
            // Only of one inside a place of those above: the others wait in the line.
            Command::AskSlot { of } if self.waits_inside(at, of) => {
                self.feed_quietly(at, Event::SlotGranted { of });
            }
            // Who asks, who listens and whose task it is, is read from the run.
            Command::AskSlot { .. }
            | Command::OpenTask { .. }
            | Command::CloseTask { .. }
            | Command::StopListening { .. } => {}
        }
    }

    /// Gives a task to whoever of the house has fewest, or whose turn it is.
    fn assign(&mut self, at: usize, of: Attempt) {
        let Some((rule, sheet)) = self.runs[at].run.choice(of) else { return };
        let series = sheet.who.join(" ");
        let people = self.ground.world.people_at(self.now);
        let last = self.turns.get(&series).cloned();
        let to = pick((rule, sheet), &people, last.as_deref(), |person| self.tasks_of(person));
        if let (Choose::InTurn, Some(to)) = (rule, &to) {
            self.turns.insert(series, to.clone());
        }
        self.feed_quietly(at, Event::Assigned { of, to });
    }

    /// How many open tasks somebody has.
    fn tasks_of(&self, person: &str) -> usize {
        let theirs = |state: &ItemState| match &state.at {
            At::Is(Standing::Asked { task, .. }) => {
                task.choose.is_none()
                    && (task.who.iter().any(|who| who == person) || state.claimed.as_deref() == Some(person))
            }
            At::Is(_) | At::Over(_) => false,
        };
        self.runs
            .iter()
            .map(|member| member.run.standing_items().filter(|(_, state)| theirs(state)).count())
            .sum()
    }

    /// One of those who may answer a task, and who has not signed it yet.
    pub fn somebody(&self, at: usize, of: Item, sheet: &TaskSheet) -> Arc<str> {
        let people = self.ground.world.people_at(self.now);
        let signers = self.runs[at].text.step(of.step).approve().is_some() && !of.is_beside();
        let items = if signers { &self.runs[at].run.step(of.place()).items[..] } else { &[] };
        let signed: Vec<&str> = items.iter().filter_map(|item| item.by.as_deref()).collect();
        let all = sheet.who.iter().flat_map(|who| people.members(who));
        let mut may = all.filter(|id| people.may_but(id, &sheet.who, &sheet.not).is_some());
        let first = may.find(|id| !signed.iter().any(|signed| bare(signed) == id));
        first.map_or_else(|| OPERATOR.into(), |id| format!("person:{id}").into())
    }

    fn waits_inside(&self, at: usize, of: Attempt) -> bool {
        let state = self.runs[at].run.item(of.item);
        let key = state.and_then(|state| state.limit.as_ref()).map(|ask| ask.key.clone());
        key.is_some_and(|key| self.is_inside(at, &key))
    }

    /// Lets those in whose turn it is. False if nobody's is.
    fn let_in(&mut self) -> bool {
        while self.limits.due(self.now).is_some() {}
        let keys: Vec<Arc<str>> = self.limits.keys();
        for key in keys {
            if let Head::Enters { run, of, .. } = self.limits.next(&key, self.now)
                && let Some(at) = self.member(run)
            {
                self.feed_quietly(at, Event::SlotGranted { of });
                return true;
            }
        }
        false
    }

    /// When something next happens by itself.
    #[must_use]
    pub fn next(&self) -> Option<Millis> {
        let timers = self.runs.iter().filter(|member| !member.run.is_over());
        let timers = timers.filter_map(|member| Some(member.run.next_timer()?.at));
        let answers = self.later.first_key_value().map(|((at, _), _)| *at);
        let slot = self.next_slot().map(|(slot, ..)| slot);
        timers.chain(answers).chain(self.limits.next_wake()).chain(slot).chain(self.next_of_schedules()).min()
    }

    /// Turns the clock, and lets everything happen on the way, that instant included.
    pub fn turn_to(&mut self, until: Millis) -> Result<(), Hindrance> {
        self.settle()?;
        while let Some(next) = self.next().filter(|next| *next <= until) {
            self.now = self.now.max(next);
            self.fire()?;
        }
        self.now = self.now.max(until);
        Ok(())
    }

    /// What is due now: timers first, then answers.
    fn fire(&mut self) -> Result<(), Hindrance> {
        for at in 0..self.runs.len() {
            let due = self.runs[at].run.next_timer().is_some_and(|timer| timer.at <= self.now);
            if due && !self.runs[at].run.is_over() {
                self.feed(at, Event::Woke {}).map_err(Hindrance::Refused)?;
            }
        }
        self.settle()?;
        while let Some(entry) = self.later.first_entry().filter(|entry| entry.key().0 <= self.now) {
            let (at, event) = entry.remove();
            self.feed_quietly(at, event);
            self.settle()?;
        }
        self.make_runs()?;
        self.fire_schedules();
        self.settle()
    }

    /// Where an item of a run stands, if it is not over.
    fn standing(&self, at: usize, of: Attempt) -> Option<yizhan_workflow::run::event::Standing> {
        match &self.runs[at].run.item(of.item)?.at {
            At::Is(standing) if standing.attempt() == Some(of.attempt) => Some(standing.clone()),
            At::Is(_) | At::Over(_) => None,
        }
    }
}
