//! One created plugin, in a child or in the daemon: its open calls, and what becomes of each.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::{Duration, Instant};

use serde::Deserialize;
use tokio::task::AbortHandle;
use yizhan_engine::by_id::MapById;
use yizhan_engine::carrier::{Call, CancelReason, Completion, Outcome};
use yizhan_plugin_api::abi::{
    YZ_BAD_DOCUMENT, YZ_CANCEL_ASKED, YZ_CANCEL_SHUTDOWN, YZ_CANCEL_TIMEOUT, YZ_CANCELLED, YZ_DONE,
    YZ_FAILED, YZ_TOO_LARGE, YZ_UNKNOWN_CALL, YZ_UNSUPPORTED,
};
use yizhan_workflow::plan::Effect;
use yizhan_workflow::run::event::{Failure, Happened, Lost};

use crate::described::Action;
use crate::handles::{self, Stored};
use crate::kept::Kept;
use crate::runner::{Plugin, Runner};

/// A call that passed the checks at the door.
pub(crate) struct Ready {
    pub(crate) call: Call,
    pub(crate) action: Arc<Action>,
    /// Secrets that its input names.
    pub(crate) secrets: Vec<String>,
    pub(crate) received: Instant,
    pub(crate) deadline: Instant,
    pub(crate) timeout: Duration,
    /// Of what is said while it is carried.
    pub(crate) kept: Kept,
    /// The files that it kept.
    pub(crate) stored: Stored,
}

/// Where an instance runs. The same tests hold for every implementation.
pub(crate) trait Carrier: Send + Sync {
    fn start(&self, batch: &[Arc<Ready>]);
    fn cancel(&self, call: u64, reason: u32);
    /// Lets it go, when no call is open.
    fn end(&self);
    /// Ends it with whatever it does. `false` where that cannot be done.
    fn kill(&self) -> bool;
    fn pid(&self) -> Option<u32>;
}

pub(crate) struct Instance {
    pub(crate) plugin: Arc<Plugin>,
    pub(crate) runner: Weak<Runner>,
    carrier: OnceLock<Box<dyn Carrier>>,
    open: Mutex<Open>,
    /// New calls go elsewhere; the last one to end lets the supervisor know.
    leaving: AtomicBool,
    /// A call was cancelled or ran out of time, ever: most instances are spared the look.
    cancels: AtomicBool,
    /// We ended it ourselves: its end is no crash.
    killed: AtomicBool,
    violations: AtomicU64,
}

#[derive(Default)]
struct Open {
    calls: MapById<u64, OpenCall>,
    /// Nothing is due before this; may be too early, never too late.
    nearest: Option<Instant>,
    /// It died, or its slots were given up.
    closed: bool,
    /// When it is killed, whatever still runs.
    kill_at: Option<Instant>,
}

struct OpenCall {
    ready: Arc<Ready>,
    phase: Phase,
    /// What the host does for it; ends with it.
    tasks: Vec<AbortHandle>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Running,
    Cancelling {
        why: Why,
        until: Instant,
    },
    /// It did not obey; the instance is to be killed for it.
    Doomed {
        why: Why,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Why {
    Timeout,
    Withdrawn,
    Stopping,
}

/// What the supervisor has to do with an instance now.
#[derive(Debug, Default)]
pub(crate) struct Due {
    /// A call passed its grace: kill it when alone, else let the others end first.
    pub(crate) doomed: bool,
    pub(crate) kill: bool,
    pub(crate) next: Option<Instant>,
}

/// How an instance came to its end without being asked.
#[derive(Clone, Debug)]
pub(crate) struct Ending {
    pub(crate) code: &'static str,
    pub(crate) words: String,
}

/// The error document of the ABI.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ErrorDocument {
    code: String,
    message: String,
    help: Option<String>,
    retry: bool,
    retry_after_s: Option<f64>,
    happened: Option<Happened>,
    pointer: Option<String>,
}

impl Instance {
    pub(crate) fn new(plugin: Arc<Plugin>, runner: Weak<Runner>) -> Arc<Self> {
        Arc::new(Self {
            plugin,
            runner,
            carrier: OnceLock::new(),
            open: Mutex::default(),
            leaving: AtomicBool::new(false),
            cancels: AtomicBool::new(false),
            killed: AtomicBool::new(false),
            violations: AtomicU64::new(0),
        })
    }

    pub(crate) fn carried_by(&self, carrier: Box<dyn Carrier>) {
        // Called once, by whoever made the instance.
        drop(self.carrier.set(carrier));
    }

    pub(crate) fn carrier(&self) -> Option<&dyn Carrier> {
        self.carrier.get().map(|carrier| &**carrier)
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn calls_open(&self) -> usize {
        self.open().calls.len()
    }

    /// Takes the calls in and hands them to the carrier; gives them back when the instance is gone.
    pub(crate) fn start(&self, batch: Vec<Arc<Ready>>) -> Result<(), Vec<Arc<Ready>>> {
        {
            let mut open = self.open();
            if open.closed || self.leaving.load(Ordering::Relaxed) {
                return Err(batch);
            }
            for ready in &batch {
                open.nearest =
                    Some(open.nearest.map_or(ready.deadline, |nearest| nearest.min(ready.deadline)));
                let call = OpenCall { ready: Arc::clone(ready), phase: Phase::Running, tasks: Vec::new() };
                open.calls.insert(ready.call.id, call);
            }
            if let Some(nearest) = open.nearest {
                self.plugin.house.supervisor.wake_by(nearest);
            }
        }
        if let Some(carrier) = self.carrier() {
            carrier.start(&batch);
            if yizhan_faults::seeded("host.call-twice") {
                carrier.start(&batch);
            }
        }
        Ok(())
    }

    /// Asks a call to stop. `false` when it is not here.
    pub(crate) fn cancel(&self, id: u64, why: CancelReason, now: Instant) -> bool {
        let (why, reason) = match why {
            CancelReason::Withdrawn => (Why::Withdrawn, YZ_CANCEL_ASKED),
            CancelReason::Stopping => (Why::Stopping, YZ_CANCEL_SHUTDOWN),
        };
        {
            let mut open = self.open();
            let Open { calls, nearest, .. } = &mut *open;
            let Some(call) = calls.get_mut(&id) else { return false };
            if call.phase != Phase::Running {
                return true;
            }
            let until = now + self.grace(&call.ready);
            call.phase = Phase::Cancelling { why, until };
            self.cancels.store(true, Ordering::Release);
            *nearest = Some(nearest.map_or(until, |nearest| nearest.min(until)));
            self.plugin.house.supervisor.wake_by(until);
        }
        if let Some(carrier) = self.carrier() {
            carrier.cancel(id, reason);
        }
        true
    }

    fn grace(&self, ready: &Ready) -> Duration {
        ready.action.grace.unwrap_or(self.plugin.house.limits.grace)
    }

    /// Moves every call that is due up the ladder.
    pub(crate) fn tend(&self, now: Instant) -> Due {
        let mut expired = Vec::new();
        let mut due = Due::default();
        {
            let mut open = self.open();
            due.kill = open.kill_at.is_some_and(|at| at <= now);
            if open.nearest.is_some_and(|nearest| nearest <= now) {
                let mut nearest = None;
                for (id, call) in &mut open.calls {
                    let next = self.tend_call(*id, call, now, &mut expired);
                    due.doomed |= matches!(call.phase, Phase::Doomed { .. });
                    nearest = [nearest, next].into_iter().flatten().min();
                }
                open.nearest = nearest;
            } else {
                due.doomed = open.calls.values().any(|call| matches!(call.phase, Phase::Doomed { .. }));
            }
            due.next = [open.nearest, open.kill_at.filter(|at| *at > now)].into_iter().flatten().min();
        }
        if let Some(carrier) = self.carrier() {
            for id in expired {
                carrier.cancel(id, YZ_CANCEL_TIMEOUT);
            }
        }
        due
    }

    fn tend_call(
        &self,
        id: u64,
        call: &mut OpenCall,
        now: Instant,
        expired: &mut Vec<u64>,
    ) -> Option<Instant> {
        let plugin = &*self.plugin.id;
        let (run, step, action) = (&*call.ready.call.run, &*call.ready.call.step, &*call.ready.call.action);
        match call.phase {
            Phase::Running if call.ready.deadline <= now => {
                tracing::info!(plugin, action, run, step, "a call passed its time limit and is cancelled");
                let until = now + self.grace(&call.ready);
                call.phase = Phase::Cancelling { why: Why::Timeout, until };
                self.cancels.store(true, Ordering::Release);
                expired.push(id);
                Some(until)
            }
            Phase::Running => Some(call.ready.deadline),
            Phase::Cancelling { why, until } if until <= now => {
                tracing::warn!(plugin, action, run, step, "a call did not obey cancel and will be killed");
                call.phase = Phase::Doomed { why };
                None
            }
            Phase::Cancelling { until, .. } => Some(until),
            Phase::Doomed { .. } => None,
        }
    }

    /// Whether a call still runs that nobody wants to kill.
    pub(crate) fn has_siblings(&self) -> bool {
        self.open().calls.values().any(|call| !matches!(call.phase, Phase::Doomed { .. }))
    }

    /// From now on new calls go to another instance; this one ends with its last call, at the latest at `kill_at`.
    pub(crate) fn leave(&self, kill_at: Instant) {
        self.leaving.store(true, Ordering::Relaxed);
        let mut open = self.open();
        open.kill_at = Some(open.kill_at.map_or(kill_at, |before| before.min(kill_at)));
        self.plugin.house.supervisor.wake_by(kill_at);
    }

    pub(crate) fn is_leaving(&self) -> bool {
        self.leaving.load(Ordering::Relaxed)
    }

    pub(crate) fn kill(&self) -> bool {
        self.killed.store(true, Ordering::Release);
        self.carrier().is_some_and(Carrier::kill)
    }

    /// Lets it go; it has no calls.
    pub(crate) fn end(&self) {
        self.killed.store(true, Ordering::Release);
        if let Some(carrier) = self.carrier() {
            carrier.end();
        }
    }

    pub(crate) fn was_killed(&self) -> bool {
        self.killed.load(Ordering::Acquire)
    }

    /// A plugin says that a call is over. The completion, when it was one of ours.
    pub(crate) fn complete(&self, id: u64, status: i32, document: &[u8], now: Instant) -> Option<Completion> {
        let call = self.open().calls.remove(&id);
        let Some(call) = call else {
            self.violation(&format!("completed call {id}, which is not open"));
            return None;
        };
        self.over(&call);
        if self.is_leaving() {
            self.plugin.house.supervisor.wake_by(now);
        }
        let outcome = self.without_secrets(self.outcome(&call, status, document));
        let took = now.saturating_duration_since(call.ready.received);
        self.plugin.cost.note(took, !matches!(outcome, Outcome::Done { .. }));
        Some(Completion { id, outcome, took })
    }

    /// What is wrong with a document is often told with the value that is wrong.
    fn without_secrets(&self, outcome: Outcome) -> Outcome {
        match outcome {
            Outcome::Failed(failure) => Outcome::Failed(Failure {
                message: self.plugin.scrub.text(&failure.message).into(),
                ..failure
            }),
            other @ (Outcome::Done { .. } | Outcome::Lost { .. }) => other,
        }
    }

    fn over(&self, call: &OpenCall) {
        for task in &call.tasks {
            task.abort();
        }
    }

    /// Counted, and told once a minute at most.
    pub(crate) fn violation(&self, words: &str) {
        let before = self.violations.fetch_add(1, Ordering::Relaxed);
        if self.plugin.violation_told() {
            let plugin = &*self.plugin.id;
            tracing::warn!(
                plugin,
                code = "plugin.protocol_violation",
                times = before + 1,
                "the plugin {words}"
            );
        }
    }

    fn outcome(&self, call: &OpenCall, status: i32, document: &[u8]) -> Outcome {
        let Ok(text) = std::str::from_utf8(document) else {
            return fail(
                "plugin.protocol_violation",
                "it answered with bytes that are not UTF-8",
                Happened::Maybe,
            );
        };
        match status {
            YZ_DONE => self.done(call, text),
            YZ_FAILED | YZ_CANCELLED => self.failed(call, status, text),
            YZ_UNSUPPORTED => {
                let words = format!("the plugin does not know the action `{}`", call.ready.call.action);
                fail("plugin.unsupported", &words, Happened::No)
            }
            YZ_TOO_LARGE => fail(
                "plugin.output_too_large",
                "its answer is larger than 16 MiB; use an artifact",
                Happened::Yes,
            ),
            YZ_BAD_DOCUMENT => fail(
                "plugin.protocol_violation",
                "it answered with a buffer that cannot be one",
                Happened::Maybe,
            ),
            other => fail(
                "plugin.protocol_violation",
                &format!("it ended with the unknown status {other}"),
                Happened::Maybe,
            ),
        }
    }

    fn done(&self, call: &OpenCall, text: &str) -> Outcome {
        // Empty means "nothing to say", which every C author writes.
        let text = if text.is_empty() { "{}" } else { text };
        match call.ready.action.output.check(text) {
            Ok(_) => self.kept(call, self.plugin.scrub.document(text).into()),
            Err(mismatch) => fail(
                "plugin.output_invalid",
                &format!("the output of `{}` is not as described: {mismatch}", call.ready.call.action),
                Happened::Yes,
            ),
        }
    }

    fn kept(&self, call: &OpenCall, output: String) -> Outcome {
        let (artifacts, ready) = (self.plugin.house.services.artifacts(), &call.ready);
        let Ok(output) = handles::own_alone(output, &ready.call.input, &ready.stored, artifacts) else {
            return fail(
                "plugin.output_invalid",
                "its output names a file that the call neither kept nor was given",
                Happened::Yes,
            );
        };
        match crate::large::shrunk(output, &ready.call.action, artifacts) {
            Ok(output) => Outcome::Done { output: output.into() },
            Err(error) => fail(
                "plugin.output_not_stored",
                &format!("its output is larger than 1 MiB and cannot be stored as an artifact: {error}"),
                Happened::Yes,
            ),
        }
    }

    fn failed(&self, call: &OpenCall, status: i32, text: &str) -> Outcome {
        let error: ErrorDocument = match serde_json::from_str(text) {
            Ok(error) => error,
            Err(_) if status == YZ_CANCELLED && text.is_empty() => ErrorDocument::default(),
            Err(fault) => {
                let words = format!("it failed with a document that is no error: {fault}");
                return fail("plugin.protocol_violation", &words, Happened::Maybe);
            }
        };
        let harmless = matches!(call.ready.action.effect, Effect::Pure | Effect::Idempotent);
        let happened = error.happened.unwrap_or(if harmless { Happened::No } else { Happened::Maybe });
        if status == YZ_CANCELLED || error.code == "plugin.cancelled" {
            return self.cancelled(call, happened);
        }
        let code = if error.code.is_empty() { "plugin.failed" } else { &error.code };
        let mut message = error.message;
        if let Some(pointer) =
            error.pointer.filter(|pointer| !pointer.is_empty() && !message.contains(pointer))
        {
            message = format!("{message} (at {pointer})");
        }
        if let Some(help) = error.help {
            message = format!("{message}; {help}");
        }
        let retry_after_ms =
            error.retry_after_s.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()).map(millis);
        Outcome::Failed(Failure {
            code: self.plugin.scrub.text(code).into(),
            message: self.plugin.scrub.text(&message).into(),
            retry: error.retry,
            retry_after_ms,
            happened,
        })
    }

    /// A cancel obeyed, in the words of why it was sent.
    fn cancelled(&self, call: &OpenCall, happened: Happened) -> Outcome {
        let (code, message) = match call.phase {
            Phase::Cancelling { why: Why::Timeout, .. } | Phase::Doomed { why: Why::Timeout } => {
                let limit = call.ready.timeout;
                ("plugin.timeout", format!("`{}` passed its {limit:?} limit", call.ready.call.action))
            }
            Phase::Cancelling { .. } | Phase::Doomed { .. } => ("plugin.cancelled", "cancelled".to_owned()),
            Phase::Running => ("plugin.cancelled", "the plugin gave up by itself".to_owned()),
        };
        Outcome::Failed(Failure {
            code: code.into(),
            message: message.into(),
            retry: true,
            retry_after_ms: None,
            happened,
        })
    }

    /// The instance is gone: what each of its calls comes to. With `killed` we ended it for those that did not obey.
    pub(crate) fn bury(&self, ending: &Ending, killed: bool, now: Instant) -> Vec<Completion> {
        let calls = {
            let mut open = self.open();
            open.closed = true;
            std::mem::take(&mut open.calls)
        };
        let others = calls.len().saturating_sub(1);
        let completions = calls.into_iter().map(|(id, call)| {
            self.over(&call);
            let took = now.saturating_duration_since(call.ready.received);
            Completion { id, outcome: buried(&call, ending, killed, others, took), took }
        });
        completions.collect()
    }

    /// Gives up the calls that did not obey where they cannot be killed.
    pub(crate) fn abandon_doomed(&self, now: Instant) -> Vec<Completion> {
        let mut open = self.open();
        let doomed = open.calls.extract_if(|_, call| matches!(call.phase, Phase::Doomed { .. }));
        let gone = doomed.map(|(id, call)| {
            self.over(&call);
            let took = now.saturating_duration_since(call.ready.received);
            let words = "it runs in the daemon, where it cannot be killed; later calls go to a child";
            let message = format!("{}; {words}", disobeyed(&call, took)).into();
            Completion { id, outcome: Outcome::Lost { how: Lost::Killed, message }, took }
        });
        gone.collect()
    }

    pub(crate) fn is_cancelled(&self, id: u64) -> bool {
        self.cancels.load(Ordering::Acquire)
            && self.open().calls.get(&id).is_some_and(|call| call.phase != Phase::Running)
    }

    /// The call behind an id the plugin used; `None` for one that is over or never was.
    pub(crate) fn find(&self, id: u64) -> Option<Arc<Ready>> {
        self.open().calls.get(&id).map(|call| Arc::clone(&call.ready))
    }

    /// Ties the host's own work to the call; ends it at once where the call is over.
    pub(crate) fn tie(&self, id: u64, task: AbortHandle) {
        if id == 0 {
            return;
        }
        match self.open().calls.get_mut(&id) {
            Some(call) => {
                call.tasks.retain(|task| !task.is_finished());
                call.tasks.push(task);
            }
            None => task.abort(),
        }
    }

    /// Refuses what a plugin asks for calls that are not open.
    pub(crate) fn known(&self, id: u64) -> i32 {
        if id == 0 || self.open().calls.contains_key(&id) { YZ_DONE } else { YZ_UNKNOWN_CALL }
    }
}

fn buried(call: &OpenCall, ending: &Ending, killed: bool, others: usize, took: Duration) -> Outcome {
    match (killed, call.phase) {
        (true, Phase::Doomed { .. }) => {
            let message = format!("{} and was killed", disobeyed(call, took)).into();
            Outcome::Lost { how: Lost::Killed, message }
        }
        (true, Phase::Running | Phase::Cancelling { .. }) => Outcome::Failed(Failure {
            code: "plugin.killed_with_sibling".into(),
            message: "its process had to be killed for another call, or for a newer build".into(),
            retry: true,
            retry_after_ms: None,
            happened: Happened::Maybe,
        }),
        (false, _) if yizhan_faults::seeded("host.crash-denied") => {
            try_later("plugin.crashed", &ending.words)
        }
        (false, _) => {
            let Ending { code, words } = ending;
            let action = &call.ready.call.action;
            let attempt = call.ready.call.attempt;
            let seconds = took.as_secs_f64();
            let more = match others {
                0 => String::new(),
                1 => "; 1 other call was lost".to_owned(),
                others => format!("; {others} other calls were lost"),
            };
            let message =
                format!("{code}: {words} during `{action}` (attempt {attempt}, {seconds:.1} s in){more}");
            Outcome::Lost { how: Lost::Crash, message: message.into() }
        }
    }
}

fn disobeyed(call: &OpenCall, took: Duration) -> String {
    let action = &call.ready.call.action;
    match call.phase {
        Phase::Doomed { why: Why::Timeout } | Phase::Cancelling { why: Why::Timeout, .. } => {
            let over = took.saturating_sub(call.ready.timeout);
            format!(
                "plugin.unresponsive: `{action}` passed its {:?} limit; it ignored cancel for {over:.1?}",
                call.ready.timeout
            )
        }
        Phase::Doomed { .. } | Phase::Cancelling { .. } | Phase::Running => {
            format!("plugin.unresponsive: `{action}` ignored cancel")
        }
    }
}

/// A failure that a retry of the same attempt would meet again.
pub(crate) fn fail(code: &str, message: &str, happened: Happened) -> Outcome {
    Outcome::Failed(Failure {
        code: code.into(),
        message: message.into(),
        retry: false,
        retry_after_ms: None,
        happened,
    })
}

/// A failure before the plugin was reached, that may pass.
pub(crate) fn try_later(code: &str, message: &str) -> Outcome {
    Outcome::Failed(Failure {
        code: code.into(),
        message: message.into(),
        retry: true,
        retry_after_ms: None,
        happened: Happened::No,
    })
}

fn millis(span: Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX)
}
