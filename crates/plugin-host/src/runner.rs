//! One build of one plugin and its life: starting, ready, restarting after a crash, put aside, leaving.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use yizhan_engine::carrier::{Call, CancelReason, Completion, Outcome};
use yizhan_workflow::run::event::Happened;

use crate::cost::Cost;
use crate::described::Described;
use crate::handles::Stored;
use crate::house::House;
use crate::instance::{Carrier, Ending, Instance, Ready, fail, try_later};
use crate::kept::Kept;
use crate::library::Sealed;
use crate::pace::{Line, Pace};
use crate::refusal::Fault;
use crate::scrub::Scrub;
use crate::settings::Isolation;
use crate::{process, thread};

/// What stays the same for all instances of one build.
pub(crate) struct Plugin {
    pub(crate) id: Arc<str>,
    pub(crate) sealed: Sealed,
    pub(crate) described: Arc<Described>,
    /// JSON, checked.
    pub(crate) config: String,
    /// Secrets that the note declares or the settings name.
    pub(crate) secrets: Vec<String>,
    pub(crate) scrub: Scrub,
    pub(crate) house: Arc<House>,
    pub(crate) violation_told: Mutex<Option<Instant>>,
    pub(crate) pace: Mutex<Pace>,
    pub(crate) cost: Cost,
}

impl Plugin {
    /// Whether it may say one more line now.
    pub(crate) fn may_tell(&self) -> bool {
        let line = self.pace.lock().unwrap_or_else(PoisonError::into_inner).take(Instant::now());
        if let Line::FirstDropped(until) = line {
            self.house.supervisor.wake_by(until);
        }
        line == Line::Told
    }

    /// Says how many lines were dropped, once their second is over; else when that will be.
    fn tell_dropped(&self, now: Instant) -> Option<Instant> {
        let dropped = self.pace.lock().unwrap_or_else(PoisonError::into_inner).dropped(now);
        if let Ok(lines @ 1..) = dropped {
            tracing::warn!(plugin = &*self.id, lines, "it says too much: {lines} lines were dropped");
        }
        dropped.err()
    }

    /// Whether the last word about a violation is old enough for another one.
    pub(crate) fn violation_told(&self) -> bool {
        let mut told = self.violation_told.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let tell = told.is_none_or(|before| now.duration_since(before) >= Duration::from_secs(60));
        if tell {
            *told = Some(now);
        }
        tell
    }
}

pub(crate) struct Runner {
    pub(crate) plugin: Arc<Plugin>,
    state: Mutex<State>,
    changed: Condvar,
    /// As the settings say; a wedged plugin moves to a child whatever they say.
    configured: Isolation,
    pub(crate) calls: AtomicU64,
    crashes: AtomicU64,
}

struct State {
    phase: Phase,
    isolation: Isolation,
    /// Calls that came while nothing was ready.
    waiting: Vec<Arc<Ready>>,
    /// Instances that take no new calls.
    leaving: Vec<Arc<Instance>>,
    crashes: VecDeque<Instant>,
    /// It was ready once.
    ran: bool,
}

enum Phase {
    /// Nothing runs; the next instance starts then.
    Resting {
        until: Instant,
    },
    Starting {
        instance: Arc<Instance>,
        until: Instant,
    },
    Ready(Arc<Instance>),
    /// Too many crashes.
    Aside {
        words: String,
    },
    Refused(Fault),
    /// A newer build took over, or the daemon stops.
    Over,
}

/// A runner as the console shows it.
#[derive(Clone, Debug)]
pub(crate) struct Standing {
    pub(crate) state: &'static str,
    pub(crate) isolation: Isolation,
    pub(crate) words: Option<String>,
    pub(crate) pid: Option<u32>,
    pub(crate) open: usize,
    pub(crate) crashes: u64,
}

impl Runner {
    pub(crate) fn new(plugin: Arc<Plugin>, isolation: Isolation) -> Arc<Self> {
        Arc::new(Self {
            plugin,
            state: Mutex::new(State {
                phase: Phase::Resting { until: Instant::now() },
                isolation,
                waiting: Vec::new(),
                leaving: Vec::new(),
                crashes: VecDeque::new(),
                ran: false,
            }),
            changed: Condvar::new(),
            configured: isolation,
            calls: AtomicU64::new(0),
            crashes: AtomicU64::new(0),
        })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn configured(&self) -> Isolation {
        self.configured
    }

    fn house(&self) -> &House {
        &self.plugin.house
    }

    /// Checks the calls at the door, and hands on what passes.
    pub(crate) fn start(self: &Arc<Self>, calls: Vec<Call>, now: Instant) {
        self.calls.fetch_add(calls.len() as u64, Ordering::Relaxed);
        let mut refused = Vec::new();
        let mut batch = Vec::with_capacity(calls.len());
        for call in calls {
            let id = call.id;
            match self.admit(call, now) {
                Ok(ready) => batch.push(ready),
                Err(outcome) => refused.push(Completion { id, outcome, took: Duration::ZERO }),
            }
        }
        yizhan_faults::point("host.handing_on");
        self.hand_on(batch, &mut refused);
        self.house().completed(refused);
    }

    fn admit(&self, call: Call, now: Instant) -> Result<Arc<Ready>, Outcome> {
        let Some(action) = self.plugin.described.actions.get(&*call.action) else {
            let words = format!("the plugin `{}` has no action `{}`", self.plugin.id, call.action);
            return Err(fail("plugin.unknown_action", &words, Happened::No));
        };
        let findings = action.input.check(&call.input).map_err(|mismatch| {
            fail("plugin.input_invalid", &format!("the input of `{}`: {mismatch}", call.action), Happened::No)
        })?;
        let timeout = call.timeout.or(action.timeout).unwrap_or(self.house().limits.timeout);
        let (action, secrets) = (Arc::clone(action), findings.secrets);
        Ok(Arc::new(Ready {
            call,
            action,
            secrets,
            received: now,
            deadline: now + timeout,
            timeout,
            kept: Kept::default(),
            stored: Stored::default(),
        }))
    }

    fn hand_on(&self, mut batch: Vec<Arc<Ready>>, refused: &mut Vec<Completion>) {
        let mut gone: Option<Arc<Instance>> = None;
        while !batch.is_empty() {
            let instance = {
                let mut state = self.lock();
                match &state.phase {
                    // The one that has just refused is dying or leaving; what follows takes the waiting calls along.
                    Phase::Ready(instance)
                        if gone.as_ref().is_none_or(|gone| !Arc::ptr_eq(gone, instance)) =>
                    {
                        Arc::clone(instance)
                    }
                    Phase::Ready(_) | Phase::Resting { .. } | Phase::Starting { .. } => {
                        self.wait(&mut state, batch, refused);
                        return;
                    }
                    Phase::Aside { .. } | Phase::Refused(_) | Phase::Over => {
                        let outcome = not_running(&state.phase);
                        refused.extend(batch.iter().map(|ready| refusal(ready, outcome.clone())));
                        return;
                    }
                }
            };
            match instance.start(batch) {
                Ok(()) => return,
                Err(back) => {
                    batch = back;
                    gone = Some(instance);
                }
            }
        }
    }

    fn wait(&self, state: &mut State, batch: Vec<Arc<Ready>>, refused: &mut Vec<Completion>) {
        let room = self.house().limits.waiting.saturating_sub(state.waiting.len());
        for (index, ready) in batch.into_iter().enumerate() {
            if index < room {
                self.house().supervisor.wake_by(ready.deadline);
                state.waiting.push(ready);
            } else {
                let words = "too many calls wait for the plugin to come up";
                refused.push(refusal(&ready, try_later("plugin.busy", words)));
            }
        }
    }

    pub(crate) fn cancel(&self, ids: &[u64], why: CancelReason, now: Instant) -> Vec<u64> {
        let (instances, gone) = {
            let mut state = self.lock();
            let gone: Vec<_> = state.waiting.extract_if(.., |ready| ids.contains(&ready.call.id)).collect();
            (state.instances(), gone)
        };
        let mut found: Vec<u64> = gone.iter().map(|ready| ready.call.id).collect();
        let cancelled = try_later("plugin.cancelled", "cancelled before it was begun");
        self.house().completed(gone.iter().map(|ready| refusal(ready, cancelled.clone())).collect());
        for id in ids {
            if instances.iter().any(|instance| instance.cancel(*id, why, now)) {
                found.push(*id);
            }
        }
        found
    }

    /// The supervisor's look: starts, limits, graces, ends. Gives the time of the next one.
    pub(crate) fn tend(self: &Arc<Self>, now: Instant) -> Option<Instant> {
        let mut next = Vec::new();
        next.extend(self.tend_phase(now));
        let instances = self.lock().instances();
        for instance in instances {
            let due = instance.tend(now);
            next.extend(due.next);
            if due.doomed {
                self.end_doomed(&instance, now);
            }
            if due.kill {
                self.kill(&instance, now);
            }
        }
        self.let_go();
        next.extend(self.plugin.tell_dropped(now));
        next.extend(self.tend_waiting(now));
        next.into_iter().min()
    }

    fn tend_phase(self: &Arc<Self>, now: Instant) -> Option<Instant> {
        let mut state = self.lock();
        match &state.phase {
            Phase::Resting { until } if *until > now => Some(*until),
            Phase::Resting { .. } => {
                let instance = Instance::new(Arc::clone(&self.plugin), Arc::downgrade(self));
                let until = now + self.house().limits.create;
                state.phase = Phase::Starting { instance: Arc::clone(&instance), until };
                let isolation = state.isolation;
                drop(state);
                self.launch(&instance, isolation);
                Some(until)
            }
            Phase::Starting { until, .. } if *until > now => Some(*until),
            Phase::Starting { instance, .. } => {
                let instance = Arc::clone(instance);
                let limit_ms = self.house().limits.create.as_millis();
                let fault = Fault::Unresponsive { what: "starting it", limit_ms };
                let refused = self.not_created(&mut state, fault, now);
                drop(state);
                self.changed.notify_all();
                instance.kill();
                self.house().completed(refused);
                None
            }
            Phase::Ready(_) | Phase::Aside { .. } | Phase::Refused(_) | Phase::Over => None,
        }
    }

    fn launch(self: &Arc<Self>, instance: &Arc<Instance>, isolation: Isolation) {
        let launched = match isolation {
            Isolation::Process => process::launch(instance),
            Isolation::InProcess => thread::launch(instance),
        };
        if let Err(error) = launched {
            let ending = Ending { code: "plugin.crashed", words: format!("could not be started: {error}") };
            self.died(instance, &ending);
        }
    }

    /// A call does not obey: alone, its instance is killed; with others, these may end first.
    fn end_doomed(&self, instance: &Arc<Instance>, now: Instant) {
        if !instance.has_siblings() {
            self.kill(instance, now);
            return;
        }
        if !instance.is_leaving() {
            instance.leave(now + self.house().limits.drain);
            self.part_with(instance, now);
        }
    }

    /// A new instance takes the place of one that is leaving.
    fn part_with(&self, instance: &Arc<Instance>, now: Instant) {
        let mut state = self.lock();
        if matches!(&state.phase, Phase::Ready(current) if Arc::ptr_eq(current, instance)) {
            state.phase = Phase::Resting { until: now };
        }
        if !state.leaving.iter().any(|known| Arc::ptr_eq(known, instance)) {
            state.leaving.push(Arc::clone(instance));
        }
        self.house().supervisor.wake_by(now);
    }

    fn kill(&self, instance: &Arc<Instance>, now: Instant) {
        instance.leave(now);
        self.part_with(instance, now);
        if instance.kill() {
            return;
        }
        // In the daemon: its calls are given up, and the plugin moves to a child.
        let plugin = &*self.plugin.id;
        tracing::error!(
            plugin,
            code = "plugin.wedged",
            "a call cannot be ended; the plugin moves to a child process"
        );
        self.lock().isolation = Isolation::Process;
        self.house().completed(instance.abandon_doomed(now));
    }

    /// Instances that were leaving and have no calls left.
    fn let_go(&self) {
        let gone: Vec<_> = {
            let mut state = self.lock();
            state.leaving.extract_if(.., |instance| instance.calls_open() == 0).collect()
        };
        for instance in gone {
            self.see_off(instance);
        }
    }

    /// It has nothing to do any more and is told so. Whoever stays all the same, in its own `destroy`, is killed.
    fn see_off(&self, instance: Arc<Instance>) {
        instance.end();
        self.house().supervisor.kill_later(instance);
    }

    /// Calls whose time is over before they could begin.
    fn tend_waiting(&self, now: Instant) -> Option<Instant> {
        let (late, next) = {
            let mut state = self.lock();
            let late: Vec<_> = state.waiting.extract_if(.., |ready| ready.deadline <= now).collect();
            (late, state.waiting.iter().map(|ready| ready.deadline).min())
        };
        let outcome = try_later("plugin.timeout", "its time was over before the plugin was ready");
        self.house().completed(late.iter().map(|ready| refusal(ready, outcome.clone())).collect());
        next
    }

    /// The instance said that it is ready, or why it is not.
    pub(crate) fn created(self: &Arc<Self>, instance: &Arc<Instance>, result: Result<(), Fault>) {
        let mut state = self.lock();
        if !matches!(&state.phase, Phase::Starting { instance: current, .. } if Arc::ptr_eq(current, instance))
        {
            return;
        }
        let mut refused = Vec::new();
        match result {
            Ok(()) => {
                state.phase = Phase::Ready(Arc::clone(instance));
                state.ran = true;
                let waiting = std::mem::take(&mut state.waiting);
                drop(state);
                self.changed.notify_all();
                self.hand_on(waiting, &mut refused);
            }
            Err(fault) => {
                refused = self.not_created(&mut state, fault, Instant::now());
                drop(state);
                self.changed.notify_all();
                self.see_off(Arc::clone(instance));
            }
        }
        self.house().completed(refused);
    }

    /// What does not come up at first is refused. What ran before may run again once the reason is gone (a disk that is
    /// full, a machine that is too busy): that is one more crash. Gives the calls that wait no longer.
    fn not_created(&self, state: &mut State, fault: Fault, now: Instant) -> Vec<Completion> {
        let (plugin, code) = (&*self.plugin.id, fault.code());
        if state.ran {
            self.crashes.fetch_add(1, Ordering::Relaxed);
            tracing::error!(plugin, code, "the plugin did not come up again: {fault}");
            return self.restart(state, &Ending { code, words: format!("did not come up: {fault}") }, now);
        }
        tracing::error!(plugin, code, "the plugin is refused: {fault}");
        state.phase = Phase::Refused(fault);
        state.refuse_waiting()
    }

    /// The instance ended without being asked, or because it was killed.
    pub(crate) fn died(self: &Arc<Self>, instance: &Arc<Instance>, ending: &Ending) {
        let now = Instant::now();
        let killed = instance.was_killed();
        let mut refused = instance.bury(ending, killed, now);
        {
            let mut state = self.lock();
            state.leaving.retain(|other| !Arc::ptr_eq(other, instance));
            let current = match &state.phase {
                Phase::Starting { instance: current, .. } | Phase::Ready(current) => {
                    Arc::ptr_eq(current, instance)
                }
                Phase::Resting { .. } | Phase::Aside { .. } | Phase::Refused(_) | Phase::Over => false,
            };
            if !killed && !self.house().is_closed() {
                self.crashes.fetch_add(1, Ordering::Relaxed);
                let (plugin, lost) = (&*self.plugin.id, refused.len());
                tracing::error!(plugin, code = ending.code, lost, "the plugin {}", ending.words);
                if current {
                    refused.extend(self.restart(&mut state, ending, now));
                }
            } else if current {
                state.phase = Phase::Resting { until: now };
                self.house().supervisor.wake_by(now);
            }
        }
        self.changed.notify_all();
        self.house().completed(refused);
    }

    /// Later with each crash, and not at all after too many.
    fn restart(&self, state: &mut State, ending: &Ending, now: Instant) -> Vec<Completion> {
        let limits = &self.house().limits;
        state.crashes.push_back(now);
        while state.crashes.front().is_some_and(|at| now.duration_since(*at) > limits.crashes_within) {
            state.crashes.pop_front();
        }
        let recent = state.crashes.len();
        if recent >= limits.crashes {
            let build = &self.plugin.sealed.sha256[..12];
            let within = limits.crashes_within.as_secs();
            let words =
                format!("{recent} crashes in {within} s; build {build} is put aside. Last: {}", ending.words);
            tracing::error!(plugin = &*self.plugin.id, code = "plugin.quarantined", "{words}");
            state.phase = Phase::Aside { words };
            return state.refuse_waiting();
        }
        let doublings = u32::try_from(recent.saturating_sub(1)).unwrap_or(u32::MAX).min(16);
        let until = now + (limits.backoff * 2u32.pow(doublings)).min(limits.backoff_most);
        state.phase = Phase::Resting { until };
        self.house().supervisor.wake_by(until);
        Vec::new()
    }

    /// Waits until the plugin runs or is refused. Its own limits end this.
    pub(crate) fn wait_settled(&self) -> Result<(), Fault> {
        let mut state = self.lock();
        loop {
            match &state.phase {
                Phase::Ready(_) | Phase::Over => return Ok(()),
                Phase::Refused(fault) => return Err(fault.clone()),
                Phase::Aside { words } => return Err(Fault::Crashed(words.clone())),
                Phase::Resting { .. } | Phase::Starting { .. } => {}
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// A plugin put aside may try again.
    pub(crate) fn release(&self) -> bool {
        let mut state = self.lock();
        if !matches!(state.phase, Phase::Aside { .. }) {
            return false;
        }
        state.crashes.clear();
        state.phase = Phase::Resting { until: Instant::now() };
        self.house().supervisor.wake_by(Instant::now());
        true
    }

    /// A newer build takes over: open calls may end within `within`, waiting ones go with the answer.
    pub(crate) fn retire(&self, within: Duration) -> Vec<Call> {
        let now = Instant::now();
        let (current, waiting) = {
            let mut state = self.lock();
            let current = match std::mem::replace(&mut state.phase, Phase::Over) {
                Phase::Starting { instance, .. } | Phase::Ready(instance) => Some(instance),
                Phase::Resting { .. } | Phase::Aside { .. } | Phase::Refused(_) | Phase::Over => None,
            };
            (current, std::mem::take(&mut state.waiting))
        };
        self.changed.notify_all();
        if let Some(instance) = current {
            instance.leave(now + within);
            self.part_with(&instance, now);
            self.let_go();
        }
        waiting.iter().map(|ready| ready.call.clone()).collect()
    }

    /// Whether somebody of it still has to be seen off.
    pub(crate) fn has_instances(&self) -> bool {
        !self.lock().instances().is_empty()
    }

    pub(crate) fn calls_open(&self) -> usize {
        let state = self.lock();
        state.waiting.len() + state.instances().iter().map(|instance| instance.calls_open()).sum::<usize>()
    }

    /// The daemon goes: children with open calls are killed, the others end by themselves.
    pub(crate) fn close(&self) {
        let instances = {
            let mut state = self.lock();
            let instances = state.instances();
            state.phase = Phase::Over;
            state.waiting.clear();
            instances
        };
        for instance in instances {
            instance.leave(Instant::now());
            if instance.calls_open() > 0 {
                instance.kill();
            } else {
                instance.end();
            }
        }
    }

    pub(crate) fn standing(&self) -> Standing {
        let state = self.lock();
        let (name, words) = match &state.phase {
            Phase::Resting { .. } => ("restarting", None),
            Phase::Starting { .. } => ("starting", None),
            Phase::Ready(_) => ("ready", None),
            Phase::Aside { words } => ("quarantined", Some(words.clone())),
            Phase::Refused(fault) => ("refused", Some(fault.to_string())),
            Phase::Over => ("leaving", None),
        };
        let pid = match &state.phase {
            Phase::Ready(instance) => instance.carrier().and_then(Carrier::pid),
            Phase::Resting { .. }
            | Phase::Starting { .. }
            | Phase::Aside { .. }
            | Phase::Refused(_)
            | Phase::Over => None,
        };
        let open = state.instances().iter().map(|instance| instance.calls_open()).sum();
        let crashes = self.crashes.load(Ordering::Relaxed);
        Standing { state: name, isolation: state.isolation, words, pid, open, crashes }
    }
}

impl State {
    fn instances(&self) -> Vec<Arc<Instance>> {
        let current = match &self.phase {
            Phase::Starting { instance, .. } | Phase::Ready(instance) => Some(instance),
            Phase::Resting { .. } | Phase::Aside { .. } | Phase::Refused(_) | Phase::Over => None,
        };
        current.into_iter().chain(&self.leaving).map(Arc::clone).collect()
    }

    /// As the phase says.
    fn refuse_waiting(&mut self) -> Vec<Completion> {
        let outcome = not_running(&self.phase);
        std::mem::take(&mut self.waiting).iter().map(|ready| refusal(ready, outcome.clone())).collect()
    }
}

fn refusal(ready: &Ready, outcome: Outcome) -> Completion {
    Completion { id: ready.call.id, outcome, took: ready.received.elapsed() }
}

fn not_running(phase: &Phase) -> Outcome {
    match phase {
        Phase::Aside { words } => try_later("plugin.quarantined", words),
        Phase::Refused(fault) => try_later(fault.code(), &fault.to_string()),
        Phase::Resting { .. } | Phase::Starting { .. } | Phase::Ready(_) | Phase::Over => {
            try_later("plugin.stopping", "the plugin is being stopped")
        }
    }
}
