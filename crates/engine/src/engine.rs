//! The one loop: takes what is there, decides, hands it to the writer, and acts on what is on disk.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use yizhan_workflow::id::{Attempt, Millis, RunId, TaskId, TextHash};
use yizhan_workflow::plan::Workflow;
use yizhan_workflow::run::event::{AttemptResult, Event, Raw, Standing};
use yizhan_workflow::run::state::At;
use yizhan_workflow::run::{Command, Decision, Now, Refusal, World, decide, migrate};

use crate::by_id::MapById;
use crate::calendars::Following;
use crate::carrier::{Call, CancelReason, Carriers, Completion, Outcome};
use crate::change::{Telling, change_of};
use crate::changed::Changed;
use crate::chats::with_chats;
use crate::choosing::Choices;
use crate::events::Events;
use crate::handle::{ActError, Message, Reply, Shared, StartError, StartRequest};
use crate::inbox::Inbox;
use crate::intake::Prepared;
use crate::limits::Limits;
use crate::live::{Live, LoadError};
use crate::notices::Notices;
use crate::outgoing::{Whose, call_of};
use crate::pausing::Pausing;
use crate::recovery::Recovery;
use crate::refusals::Refusals;
use crate::registers::Ledgers;
use crate::store::{
    Acks, Batch, Firing, FiringOutcome, Note, Notice, Published, Refused, SlotChange, StoreError, TaskChange,
};
use crate::writer::{Job, Writer, Written};

/// Records per job: as many as keep engine and writer busy at the same time.
pub(crate) const JOB_RECORDS: usize = 32;

/// What happens once a batch is on disk.
#[derive(Debug, Default)]
pub(crate) struct After {
    pub number: u64,
    /// One per change, in its order.
    pub acts: Vec<Acts>,
    pub replies: Vec<Reply>,
    /// Events that are now to be offered.
    pub published: Vec<Published>,
    /// Words to people that hang on no run.
    pub letters: Vec<Notice>,
    /// Triggers that are now to start nothing, or to go on.
    pub pauses: Vec<Pausing>,
    /// Calls of built-in actions whose rows are written, and what they gave.
    pub built_in: Vec<(u64, Box<str>)>,
}

/// What happens once one change is on disk.
#[derive(Debug)]
pub(crate) struct Acts {
    pub run: RunId,
    pub calls: Vec<Call>,
    /// Attempts that must wait for a place.
    waiting: Vec<Attempt>,
    others: Vec<Command>,
    pub reply: Option<Reply>,
    pub started: Option<Box<Pending>>,
    tell: Option<(RunId, Event)>,
    notices: Vec<Notice>,
    /// Tasks that are over: nobody need be told of them any more.
    closed: Vec<TaskId>,
    slots: Vec<SlotChange>,
    /// It opened tasks, closed or changed them.
    pub tasks: bool,
    /// The item of another run that begins this one and does not wait for it.
    pub began: Option<(RunId, Attempt)>,
}

impl Acts {
    /// Plugin calls that the commit sets free.
    pub(crate) fn released(&self) -> u32 {
        u32::try_from(self.calls.len()).unwrap_or(0)
    }
}

/// A start whose claims the store has yet to grant.
#[derive(Debug)]
pub(crate) struct Pending {
    pub on_join: bool,
    pub prepared: Prepared,
    pub by: Arc<str>,
    /// What came twice must not join twice.
    pub firing: Option<Firing>,
    /// The run that held the key when it was tried before.
    pub met: Option<RunId>,
}

/// The loop's own state. One thread owns it.
pub(crate) struct Loop {
    pub inbox: Arc<Inbox<Message>>,
    pub jobs: Arc<Inbox<Option<Job>>>,
    pub carriers: Arc<dyn Carriers>,
    pub shared: Arc<Shared>,
    pub house: String,
    pub last_run: Option<RunId>,
    pub live: MapById<RunId, Live>,
    /// Runs that wait for something slow, longest first; looked at when too many are in memory.
    pub idle: VecDeque<RunId>,
    pub calls: MapById<u64, (RunId, Attempt)>,
    pub ledgers: Ledgers,
    pub next_call: u64,
    pub notices: Notices,
    pub limits: Limits,
    pub events: Events,
    pub following: Following,
    pub choices: Choices,
    /// Attempts that are decided and have no place yet.
    pub queue: VecDeque<(RunId, Attempt)>,
    /// What a crash cut and does not go on yet.
    pub recovery: Recovery,
    pub wakes: BTreeSet<(Millis, RunId)>,
    /// Wake-ups up to here are in memory.
    pub horizon: Millis,
    /// The jobs that end the last two full lots of wake-ups.
    pub lots: [u64; 2],
    pub batch: Batch,
    pub after: After,
    pub job: u64,
    pub written: u64,
    returned: u32,
    pub stopping: bool,
    broken: bool,
    /// The writer waits for space; it said so last.
    pub full: bool,
    /// Who asks whether work goes on, each with the job that must be on disk before it is answered.
    probes: Vec<(u64, Reply)>,
    pub refusals: Refusals,
}

impl Loop {
    #[expect(clippy::too_many_arguments, reason = "the parts of the loop, each named at the one call")]
    pub(crate) fn new(
        inbox: Arc<Inbox<Message>>,
        jobs: Arc<Inbox<Option<Job>>>,
        carriers: Arc<dyn Carriers>,
        shared: Arc<Shared>,
        house: String,
        last_run: Option<RunId>,
    ) -> Self {
        let ledgers = Ledgers::signed_by(shared.config.signet.clone());
        Self {
            inbox,
            jobs,
            carriers,
            shared,
            house,
            last_run,
            live: MapById::default(),
            idle: VecDeque::new(),
            calls: MapById::default(),
            ledgers,
            next_call: 1,
            notices: Notices::default(),
            limits: Limits::default(),
            events: Events::default(),
            following: Following::default(),
            choices: Choices::default(),
            queue: VecDeque::new(),
            recovery: Recovery::default(),
            wakes: BTreeSet::new(),
            horizon: Millis(0),
            lots: [0, 0],
            batch: Batch::default(),
            after: After::default(),
            job: 1,
            written: 0,
            returned: 0,
            stopping: false,
            broken: false,
            full: false,
            probes: vec![],
            refusals: Refusals::default(),
        }
    }

    /// The loop of an engine that takes from this inbox and has this writer write.
    pub(crate) fn over(
        inbox: &Arc<Inbox<Message>>,
        writer: &Writer,
        carriers: Arc<dyn Carriers>,
        shared: &Arc<Shared>,
    ) -> Result<Self, StoreError> {
        let (house, last) = (shared.reads.house()?, shared.reads.last_run()?);
        Ok(Self::new(inbox.clone(), writer.jobs.clone(), carriers, shared.clone(), house, last))
    }

    pub(crate) fn run(mut self) {
        let mut messages = VecDeque::new();
        let mut goes_on = self.begin();
        while goes_on {
            self.inbox.take(&mut messages, self.patience());
            goes_on = self.turn(&mut messages);
        }
    }

    /// From here on it takes in what comes, and what a crash cut goes on. False where the store cannot be read.
    pub(crate) fn begin(&mut self) -> bool {
        if let Err(error) = self.recover() {
            tracing::error!(%error, "recovery failed");
            self.shared.break_down(error.to_string());
            return false;
        }
        self.shared.takes_in.store(true, Ordering::Release);
        true
    }

    /// One turn with all that came. False where it was the last.
    pub(crate) fn turn(&mut self, messages: &mut VecDeque<Message>) -> bool {
        let world = self.shared.world();
        while let Some(message) = messages.pop_front() {
            self.handle(message, &world);
            if self.batch.changes.len() >= JOB_RECORDS {
                self.hand_over();
            }
        }
        self.keep_registers(&world);
        self.recover_some(&world);
        self.fire_due(&world);
        self.let_in_due(&world);
        self.bring_events(&world);
        self.follow_calendars(&world);
        self.choose_people(&world);
        self.send_notices(&world);
        self.hand_over();
        self.evict();
        self.look_for_more_notices();
        self.shared.figures.turns.fetch_add(1, Ordering::Relaxed);
        self.shared.figures.live.store(self.live.len() as u64, Ordering::Relaxed);
        self.shared.figures.calls.store(self.calls.len() as u64, Ordering::Relaxed);
        self.shared.figures.queued.store(self.queue.len() as u64, Ordering::Relaxed);
        if self.broken || (self.stopping && self.is_idle()) {
            yizhan_faults::point("engine.stopped");
            self.jobs.push(None);
            self.shared.stopped.store(true, Ordering::Release);
            return false;
        }
        true
    }

    fn is_idle(&self) -> bool {
        self.calls.is_empty() && self.notices.under_way().is_empty() && self.written + 1 == self.job
    }

    /// How long the loop may sleep: to the next wake-up, and never past the horizon.
    fn patience(&self) -> Duration {
        let now = self.shared.now();
        let next = match self.wakes.first() {
            // The writer's word wakes the loop.
            _ if self.lets_due_wait() => Millis(i64::MAX),
            Some((at, _)) => (*at).min(self.horizon),
            None => self.horizon,
        };
        if self.events.are_waiting() && !self.stopping || self.may_follow_calendars() || self.ledgers.go_on()
        {
            return Duration::ZERO;
        }
        let next = self.limits.next_wake().filter(|_| !self.stopping).map_or(next, |at| at.min(next));
        let next = self.notices.next().filter(|_| !self.stopping).map_or(next, |at| at.min(next));
        Duration::from_millis(u64::try_from(next.0.saturating_sub(now.0)).unwrap_or(0).min(5_000))
    }

    /// Whoever watches the house hears of it: nothing else is said while nothing is written.
    fn is_full(&mut self, full: bool) {
        if std::mem::replace(&mut self.full, full) != full {
            self.shared.changes.say(Changed::House);
        }
    }

    fn handle(&mut self, message: Message, world: &World) {
        match message {
            Message::Completed(completions) => {
                for completion in completions {
                    self.completed(completion, world);
                    if self.batch.changes.len() >= JOB_RECORDS {
                        self.hand_over();
                    }
                }
            }
            Message::Written(Written::Done(jobs)) => {
                self.is_full(false);
                for (after, acks) in jobs {
                    self.act(after, acks, world);
                }
                self.answer_probes(self.written);
                self.refuse_written();
            }
            Message::Written(Written::Full(taken_out)) => {
                self.is_full(true);
                taken_out.into_iter().for_each(|acts| self.never_began(acts));
                self.fill_places(world);
                self.answer_probes(u64::MAX);
            }
            Message::Written(Written::Broken(error)) => {
                tracing::error!(%error, "the store failed; nothing more is acknowledged");
                self.broken = true;
                self.shared.break_down(error.to_string());
            }
            Message::Failed { run, of, failure } => {
                let event = Event::Ended { of, result: AttemptResult::Failed(failure), took_us: None };
                self.feed_quietly(run, event, world);
            }
            Message::Start(request) => self.start(*request, world),
            Message::Act(act) => self.take_act(*act, world),
            Message::Publish(event, reply) => self.publish(*event, reply),
            Message::Gather(gathered, reply) => self.gather(*gathered, reply),
            Message::Note(note, reply) => {
                if let Note::Digest { letters, .. } = &note {
                    self.after.letters.extend(letters.iter().cloned());
                }
                self.batch.notes.push(note);
                self.after.replies.extend(reply);
            }
            Message::Pause(pausing, reply) => self.pause(*pausing, reply),
            Message::Keep(call, reply) => self.keep_by_hand(*call, reply),
            Message::Judged(turn, judged) => self.judged(turn, judged, world),
            Message::Ping(reply) => reply.pong(),
            // While the disk is full the next word of the writer answers.
            Message::Probe(reply) => self.probes.push((self.job, reply)),
            Message::Stop => {
                yizhan_faults::point("engine.stopping");
                self.stopping = true;
                self.queue.clear();
            }
            Message::Drain => {
                let ids = [self.calls.keys().copied().collect(), self.notices.under_way()].concat();
                self.carriers.cancel(&ids, CancelReason::Stopping);
                self.calls.clear();
                self.notices.give_up_calls();
            }
        }
    }

    /// Places for attempts that nobody waits for.
    pub(crate) fn room(&self) -> usize {
        if self.stopping || !self.queue.is_empty() {
            return 0;
        }
        self.shared.config.attempts_max.saturating_sub(self.calls.len())
    }

    // ---- events of runs -------------------------------------------------------------------------------------------

    pub(crate) fn completed(&mut self, completion: Completion, world: &World) {
        if self.noticed(completion.id, &completion.outcome) {
            return;
        }
        yizhan_faults::point("engine.completed");
        self.returned += 1;
        let Some((run, of)) = self.calls.remove(&completion.id) else { return };
        if yizhan_faults::seeded("engine.result-forgotten") {
            return;
        }
        if let Some(live) = self.live.get_mut(&run) {
            live.calls.retain(|(_, id)| *id != completion.id);
        }
        let took_us = u64::try_from(completion.took.as_micros()).ok();
        let result = match completion.outcome {
            Outcome::Done { output } => match Raw::new(output.into()) {
                Some(output) => AttemptResult::Done { output },
                None => AttemptResult::Failed(crate::carrier::bad_output()),
            },
            Outcome::Failed(failure) => AttemptResult::Failed(failure),
            Outcome::Lost { how, message } => AttemptResult::Lost { how, message },
        };
        self.shared.figures.count(&result);
        let event = Event::Ended { of, result, took_us };
        self.feed_quietly(run, event, world);
        self.fill_places(world);
    }

    /// Whose call this is, if anybody still waits for it.
    pub(crate) fn run_of_call(&self, call: u64) -> Option<RunId> {
        self.calls.get(&call).map(|(run, _)| *run)
    }

    /// Attempts that waited for a place go out now.
    fn fill_places(&mut self, world: &World) {
        while !self.stopping && self.calls.len() < self.shared.config.attempts_max {
            let Some((run, of)) = self.queue.pop_front() else { return };
            let Some(live) = self.live.get(&run) else { continue };
            let begun = live.run.item(of.item).is_some_and(
                |item| matches!(item.at, At::Is(Standing::Running { a, begun: true, .. }) if a == of.attempt),
            );
            if begun || yizhan_faults::seeded("engine.begun-unsaid") {
                if let Some(call) = self.call(run, of) {
                    self.send(vec![call]);
                }
            } else {
                yizhan_faults::point("engine.begun");
                // A call that must happen once says first, on disk, that it goes out.
                self.feed_quietly(run, Event::Begun { of }, world);
            }
        }
    }

    fn call(&mut self, run: RunId, of: Attempt) -> Option<Call> {
        let now = self.shared.now();
        let live = self.live.get_mut(&run)?;
        let whose = Whose { run: &live.run, text: &live.text, shown: &live.shown, house: &self.house };
        let call = call_of(whose, of, self.next_call, now)?;
        live.calls.push((of, call.id));
        self.calls.insert(call.id, (run, of));
        self.next_call += 1;
        Some(call)
    }

    /// For events that nobody waits for: an echo is nothing, a damaged run is said once.
    pub(crate) fn feed_quietly(&mut self, run: RunId, event: Event, world: &World) {
        match self.feed(run, event, world) {
            Ok(_) | Err(ActError::Refused(Refusal::Echo(_))) => {}
            Err(error) => tracing::warn!(%run, %error, "an event was not taken"),
        }
    }

    /// Decides one event. The clock speaks first.
    pub(crate) fn feed(&mut self, id: RunId, event: Event, world: &World) -> Result<usize, ActError> {
        self.bring(id)?;
        let at = self.shared.now();
        let mut room = self.room();
        let Some(live) = self.live.get_mut(&id) else { return Err(ActError::NoSuchRun(id)) };
        if live.is_due(at) && !matches!(event, Event::Woke {}) {
            match decided(live, &Now { world, at, room }, Event::Woke {}) {
                Ok(decision) => {
                    self.record(id, decision, world);
                    room = self.room();
                }
                Err(error @ ActError::Unreadable(_)) => return Err(self.let_go(id, error)),
                Err(_) => {} // Nothing was due after all.
            }
        }
        let to = if let Event::Migrated { to, .. } = &event { Some(self.text_of(to)?) } else { None };
        let Some(live) = self.live.get_mut(&id) else { return Err(ActError::NoSuchRun(id)) };
        let now = Now { world, at, room };
        let outcome = match (to, event) {
            (Some(text), Event::Migrated { by, .. }) => migrated(live, &now, text, &by),
            (_, event) => decided(live, &now, event),
        };
        match outcome {
            Ok(decision) => Ok(self.record(id, decision, world)),
            Err(error @ ActError::Unreadable(_)) => Err(self.let_go(id, error)),
            Err(error) => Err(error),
        }
    }

    fn text_of(&self, hash: &TextHash) -> Result<Arc<Workflow>, ActError> {
        let text = self.shared.library.text(hash, &*self.shared.reads);
        text.map_err(|error| ActError::Unreadable(error.to_string()))
    }

    /// A run whose decision broke off in the middle leaves memory: what the store has of it is whole.
    fn let_go(&mut self, id: RunId, error: ActError) -> ActError {
        tracing::error!(run = %id, %error, "this run stands still; please report it, the others go on");
        self.live.remove(&id);
        error
    }

    /// Has the run in memory.
    pub(crate) fn bring(&mut self, id: RunId) -> Result<(), ActError> {
        if !self.live.contains_key(&id) {
            let live =
                Live::load(id, &*self.shared.reads, &self.shared.library).map_err(|error| match error {
                    LoadError::NoSuchRun(id) => ActError::NoSuchRun(id),
                    other @ (LoadError::Damaged { .. } | LoadError::Text(_) | LoadError::Store(_)) => {
                        ActError::Unreadable(other.to_string())
                    }
                })?;
            self.live.insert(id, live);
            self.idle.push_back(id);
            self.go_on(id);
        }
        Ok(())
    }

    /// Puts a decision into the job in the making. Returns its place there.
    pub(crate) fn record(&mut self, id: RunId, decision: Decision, world: &World) -> usize {
        let Some(live) = self.live.get_mut(&id) else { return 0 };
        let mut change = change_of(live, &decision, world, Telling::of(&self.shared.config));
        change.notices = with_chats(&self.shared.config, change.notices);
        live.job = self.job;
        if !live.run.is_accounted_for() {
            tracing::error!(run = %id, "this run waits for nothing: a fault of the rules, please report it");
        }
        if let Some(Some(at)) = change.wake
            && at <= self.horizon
            && !live.unborn
        {
            self.wakes.insert((at, id));
        }
        if live.run.is_over() || live.run.standing.attempts == 0 {
            self.idle.push_back(id);
        }
        let mut acts = Acts {
            run: id,
            // Mostly one: a list that grows makes room for four.
            calls: Vec::with_capacity(decision.commands.len().min(1)),
            waiting: vec![],
            others: vec![],
            reply: None,
            started: None,
            tell: None,
            notices: change.notices.clone(),
            closed: change.tasks.iter().filter_map(closed).collect(),
            slots: change.slots.clone(),
            tasks: !change.tasks.is_empty(),
            began: None,
        };
        if let Some(tell) = &change.tell_parent
            && let Ok(event) = serde_json::from_slice(&tell.event)
        {
            acts.tell = Some((tell.parent, event));
        }
        for command in decision.commands {
            match command {
                Command::Start { of, begun } => {
                    let place = self.calls.len() < self.shared.config.attempts_max;
                    match if begun && place && !self.stopping { self.call(id, of) } else { None } {
                        Some(call) => self.goes_out(call, &mut acts.calls),
                        None => acts.waiting.push(of),
                    }
                }
                Command::OpenTask { of, .. } if self.is_to_be_chosen(id, of) => acts.others.push(command),
                // The rows say it.
                Command::OpenTask { .. }
                | Command::CloseTask { .. }
                | Command::AskSlot { .. }
                | Command::StopListening { .. } => {}
                Command::Stop { .. }
                | Command::StartChild { .. }
                | Command::StopChild { .. }
                | Command::Listen { .. } => acts.others.push(command),
            }
        }
        self.batch.released += acts.released();
        change.row.iter().for_each(|row| self.events.run_began(row.started));
        self.batch.changes.push(change);
        self.after.acts.push(acts);
        self.after.acts.len() - 1
    }

    /// It is decided, and goes out once that is on disk.
    fn goes_out(&mut self, call: Call, after: &mut Vec<Call>) {
        if yizhan_faults::seeded("engine.call-early") {
            return self.send(vec![call]);
        }
        if yizhan_faults::seeded("engine.call-forgotten") {
            return;
        }
        if yizhan_faults::seeded("engine.call-twice") {
            after.push(call.clone());
        }
        after.push(call);
    }

    pub(crate) fn hand_over(&mut self) {
        // One that asks whether work goes on goes the same way as work, as an empty batch.
        let asked = !self.full && self.probes.iter().any(|(job, _)| *job == self.job);
        let owed = !self.after.replies.is_empty() || !self.after.built_in.is_empty();
        if self.batch.is_empty() && !owed && !asked {
            return;
        }
        self.after.number = self.job;
        self.job += 1;
        // The next one will be about as large.
        let changes = Vec::with_capacity(self.batch.changes.len());
        let acts = Vec::with_capacity(self.after.acts.len());
        let job = Job {
            batch: std::mem::replace(&mut self.batch, Batch { changes, ..Batch::default() }),
            after: std::mem::replace(&mut self.after, After { acts, ..After::default() }),
            returned: std::mem::take(&mut self.returned),
        };
        yizhan_faults::point("engine.handing_over");
        self.jobs.push(Some(job));
    }

    // ---- after the commit -----------------------------------------------------------------------------------------

    fn act(&mut self, after: After, acks: Acks, world: &World) {
        self.written = after.number;
        let mut calls = vec![];
        yizhan_faults::point("engine.acting");
        for (acts, ack) in after.acts.into_iter().zip(acks) {
            match ack {
                Ok(()) => self.act_on(acts, &mut calls, world),
                Err(refused) => self.refused(acts, refused, world),
            }
        }
        yizhan_faults::point("engine.calling");
        self.send(calls);
        yizhan_faults::point("engine.called");
        if !yizhan_faults::seeded("engine.event-unoffered") {
            after.published.into_iter().for_each(|event| self.events.offer(event));
        }
        self.notice(after.letters);
        after.built_in.into_iter().for_each(|(call, output)| self.built_in_done(call, output, world));
        after.pauses.into_iter().for_each(|pausing| self.shared.pause_or_go_on(pausing));
        yizhan_faults::point("engine.answering");
        after.replies.into_iter().for_each(Reply::committed);
        self.fill_places(world);
    }

    fn act_on(&mut self, acts: Acts, calls: &mut Vec<Call>, world: &World) {
        if acts.started.is_some() {
            self.born(acts.run);
        }
        self.say_changed(&acts);
        // A stop is a later line, so it comes after its call went out.
        calls.extend(acts.calls);
        if !self.stopping && !yizhan_faults::seeded("engine.attempt-unqueued") {
            self.queue.extend(acts.waiting.into_iter().map(|of| (acts.run, of)));
        }
        for command in acts.others {
            match command {
                Command::Stop { of } => self.stop_attempt(acts.run, of, calls),
                Command::StartChild { of, child } => self.start_child(acts.run, of, child, world),
                Command::StopChild { of, child } => self.stop_child(acts.run, of, child, world),
                Command::Listen { of } => self.events.look(acts.run, of),
                Command::OpenTask { of, .. } => self.choices.add(acts.run, of),
                Command::Start { .. }
                | Command::CloseTask { .. }
                | Command::AskSlot { .. }
                | Command::StopListening { .. } => {}
            }
        }
        self.slots_changed(acts.slots, world);
        if let Some((parent, of)) = acts.began {
            self.feed_quietly(parent, Event::ChildStarted { of, child: acts.run }, world);
        }
        acts.closed.iter().for_each(|task| self.no_notice(task));
        if !yizhan_faults::seeded("engine.notice-forgotten") {
            self.notice(acts.notices);
        }
        if let Some((parent, event)) = acts.tell
            && !yizhan_faults::seeded("engine.parent-untold")
        {
            self.tell(parent, event, world);
        }
        yizhan_faults::point("engine.answering_run");
        if let Some(reply) = acts.reply {
            reply.committed();
        }
        // A run that is over and on disk is not needed in memory.
        if self.live.get(&acts.run).is_some_and(|live| live.run.is_over() && live.job <= self.written) {
            self.live.remove(&acts.run);
            drop(self.shared.ended.send(acts.run)); // Nobody listening is fine.
        }
    }

    /// The first line was granted what it claims: from now on time passes for the run.
    fn born(&mut self, run: RunId) {
        let Some(live) = self.live.get_mut(&run) else { return };
        live.unborn = false;
        if let Some(at) = live.wake.filter(|at| *at <= self.horizon) {
            self.wakes.insert((at, run));
        }
    }

    fn answer_probes(&mut self, written: u64) {
        let (answered, waiting) =
            std::mem::take(&mut self.probes).into_iter().partition(|(job, _)| *job <= written);
        self.probes = waiting;
        let answered: Vec<(u64, Reply)> = answered;
        answered.into_iter().for_each(|(_, reply)| reply.pong());
    }

    /// A first line that the full disk did not take, taken out of what waits for space: the run never was.
    fn never_began(&mut self, acts: Acts) {
        for call in &acts.calls {
            self.calls.remove(&call.id);
        }
        self.live.remove(&acts.run);
        if let Some(reply) = acts.reply {
            reply.failed(ActError::DiskFull);
        }
    }

    /// A first line whose claims were taken: the run never was.
    fn refused(&mut self, acts: Acts, refused: Refused, world: &World) {
        for call in &acts.calls {
            self.calls.remove(&call.id);
        }
        self.live.remove(&acts.run);
        let Some(pending) = acts.started else { return };
        if let Some(began) = acts.began {
            return self.not_begun(began, acts.run, *pending, refused, world);
        }
        let Some(reply) = acts.reply else { return };
        match refused {
            Refused::KeyHeld { by } if pending.on_join => self.join(by, *pending, reply, world),
            Refused::KeyHeld { by } => reply.start_failed(StartError::KeyHeld { by }),
            Refused::FiredBefore { run } => reply.start_failed(StartError::FiredBefore { run }),
            Refused::Exists => reply.start_failed(StartError::FiredBefore { run: Some(acts.run) }),
        }
    }

    /// The firing becomes an event of the run that holds its key.
    fn join(&mut self, by: RunId, pending: Pending, reply: Reply, world: &World) {
        match self.feed_joined(by, &pending, world) {
            Ok(place) => self.after.acts[place].reply = Some(reply.joined(by)),
            // It ended meanwhile, so the key is free, unless it is one for longer than its run.
            Err(ActError::Refused(Refusal::Echo(_))) if pending.met != Some(by) => {
                let Pending { prepared, by: who, firing, .. } = pending;
                self.start(StartRequest { prepared, by: who, firing, met: Some(by), reply }, world);
            }
            Err(ActError::Refused(Refusal::Echo(_))) => reply.start_failed(StartError::KeyHeld { by }),
            Err(error) => self.refuse(by, reply, error),
        }
    }

    /// Puts the input on the run that holds its key.
    pub(crate) fn feed_joined(
        &mut self,
        by: RunId,
        pending: &Pending,
        world: &World,
    ) -> Result<usize, ActError> {
        let Pending { prepared, firing, .. } = pending;
        let (trigger, input) = (prepared.trigger_name.clone(), prepared.input.clone());
        let place = self.feed(by, Event::Joined { trigger, input }, world)?;
        let joined = firing.clone().map(|firing| Firing { outcome: FiringOutcome::Joined, ..firing });
        let joined = joined.map(|firing| Note::FiredInto { firing, run: by, takes: prepared.takes() });
        self.batch.notes.extend(joined);
        self.publish_joined(by, prepared, &firing.as_ref().map(|firing| firing.id.clone()));
        Ok(place)
    }

    fn stop_attempt(&mut self, run: RunId, of: Attempt, calls: &mut Vec<Call>) {
        if let Some(at) = self.queue.iter().position(|waiting| *waiting == (run, of)) {
            self.queue.remove(at);
            let message = "it was withdrawn before it went out".into();
            let failure = crate::carrier::not_sent(message);
            self.inbox.push(Message::Failed { run, of, failure });
            return;
        }
        let id = self.live.get(&run).and_then(|live| live.calls.iter().find(|(known, _)| *known == of));
        if let Some((_, id)) = id {
            let id = *id;
            self.send(std::mem::take(calls));
            self.carriers.cancel(&[id], CancelReason::Withdrawn);
        }
    }
}

fn closed(task: &TaskChange) -> Option<TaskId> {
    match task {
        TaskChange::Closed { id } | TaskChange::Ended { id, .. } => Some(id.clone()),
        TaskChange::Open(_) | TaskChange::Changed(_) | TaskChange::Claimed { .. } => None,
    }
}

/// Takes a run over to another text of its workflow.
fn migrated(
    live: &mut Live,
    now: &Now<'_>,
    text: Arc<Workflow>,
    by: &Arc<str>,
) -> Result<Decision, ActError> {
    let (run, from) = (&mut live.run, &live.text);
    let decision = unbroken(|| migrate::migrate(run, from, &text, now, by))?;
    live.text = text;
    Ok(decision)
}

/// Decides one event. A fault of ours in the rules of one run must not end the others, nor meet them again at each start.
fn decided(live: &mut Live, now: &Now<'_>, event: Event) -> Result<Decision, ActError> {
    let (run, text) = (&mut live.run, &live.text);
    if matches!(event, Event::Woke {}) && yizhan_faults::seeded("engine.timer-early") {
        let early = Now { at: now.at.plus(3_600_000), ..*now };
        return unbroken(|| decide(run, text, &early, event)).map(|early| Decision { at: now.at, ..early });
    }
    unbroken(|| decide(run, text, now, event))
}

fn unbroken(rules: impl FnOnce() -> Result<Decision, Refusal>) -> Result<Decision, ActError> {
    // What a panic leaves half changed is thrown away by the caller.
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(rules))
        .map_err(|_| {
            ActError::Unreadable("the rules broke off in this run: a fault of the program".to_owned())
        })?
        .map_err(ActError::Refused)
}
