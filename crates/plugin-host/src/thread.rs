//! The carrier in the daemon: `start` is called on a thread of the instance's own, whole batches at a time.

use std::cell::Cell;
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Instant;

use yizhan_engine::carrier::Completion;
use yizhan_plugin_api::abi::{YZ_BAD_DOCUMENT, YZ_CANCEL_ASKED, YZ_CANCELLED, YZ_DONE, YZ_UNKNOWN_CALL};

use crate::call_context;
use crate::child::START_SLOW;
use crate::instance::{Carrier, Instance, Ready};
use crate::library::{self, Created};
use crate::process::create_fault;
use crate::services::{Answer, Question};
use crate::table::{self, Callbacks, PluginAnswer};

/// Batches that may wait for a `start` that takes its time. More means that it does not return at all.
const BATCHES_MAX: usize = 1024;

const NOT_BEGUN: &[u8] = br#"{"code":"plugin.cancelled","happened":"no"}"#;

pub(crate) fn launch(instance: &Arc<Instance>) -> std::io::Result<()> {
    let (sender, receiver) = mpsc::sync_channel(BATCHES_MAX);
    let created = Arc::new(OnceLock::new());
    let carrier = InDaemon { sender: Mutex::new(Some(sender)), created: Arc::clone(&created) };
    instance.carried_by(Box::new(carrier));
    let instance = Arc::clone(instance);
    std::thread::Builder::new().name(format!("yz-{}", instance.plugin.id)).spawn(move || {
        let callbacks = Arc::new(InDaemonCalls { instance: Arc::clone(&instance), ended: Mutex::default() });
        let Some(runner) = instance.runner.upgrade() else { return };
        match create(&instance, &callbacks) {
            Ok(plugin) => {
                let plugin = Arc::new(plugin);
                // Set once, here.
                drop(created.set(Arc::clone(&plugin)));
                runner.created(&instance, Ok(()));
                drop(runner);
                work(&receiver, &plugin, &callbacks);
            }
            Err(fault) => runner.created(&instance, Err(fault)),
        }
    })?;
    Ok(())
}

#[expect(unsafe_code, reason = "lends the host's table to the plugin")]
fn create(instance: &Instance, callbacks: &Arc<InDaemonCalls>) -> Result<Created, crate::refusal::Fault> {
    let plugin = &instance.plugin;
    let table = library::load(plugin.sealed.bytes())?;
    // SAFETY: the table is lent for ever.
    unsafe { Created::new(table, table::lend(Arc::clone(callbacks)), plugin.config.as_bytes()) }
        .map_err(|document| create_fault(&document))
}

fn work(batches: &Receiver<Vec<Arc<Ready>>>, plugin: &Created, calls: &InDaemonCalls) {
    let mut ctx = Vec::new();
    while let Ok(batch) = batches.recv() {
        HOLDING.set(true);
        for ready in batch {
            ctx.clear();
            call_context::write(&mut ctx, &ready.call, ready.timeout);
            let call = &ready.call;
            if calls.instance.is_cancelled(call.id) {
                calls.complete(call.id, YZ_CANCELLED, NOT_BEGUN);
                continue;
            }
            let began = Instant::now();
            let status = plugin.start(call.id, call.action.as_bytes(), &ctx, call.input.as_bytes());
            let took = began.elapsed();
            if took > START_SLOW {
                let (id, action) = (&*calls.instance.plugin.id, &*call.action);
                let took_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
                tracing::warn!(
                    plugin = id,
                    action,
                    took_ms,
                    code = "plugin.start_blocked",
                    "start must return at once"
                );
            }
            if status < 0 {
                calls.complete(call.id, status, b"");
            } else if calls.instance.is_cancelled(call.id) {
                // It was cancelled before the plugin knew of it, and must hear of it again.
                plugin.cancel(call.id, YZ_CANCEL_ASKED);
            }
        }
        HOLDING.set(false);
        calls.tell(calls.ended());
    }
}

thread_local! {
    /// Whether this thread will hand its completions on by itself soon.
    static HOLDING: Cell<bool> = const { Cell::new(false) };
}

struct InDaemon {
    sender: Mutex<Option<SyncSender<Vec<Arc<Ready>>>>>,
    created: Arc<OnceLock<Arc<Created>>>,
}

impl Carrier for InDaemon {
    fn start(&self, batch: &[Arc<Ready>]) {
        let sender = self.sender.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(sender) = &*sender {
            // A full queue means that `start` hangs: the calls run into their limits and up the ladder.
            drop(sender.try_send(batch.to_vec()));
        }
    }

    fn cancel(&self, call: u64, reason: u32) {
        if let Some(created) = self.created.get() {
            created.cancel(call, reason);
        }
    }

    fn end(&self) {
        // The thread leaves; the library stays loaded, and its instance too: a thread of its own may be inside.
        self.sender.lock().unwrap_or_else(PoisonError::into_inner).take();
    }

    fn kill(&self) -> bool {
        false
    }

    fn pid(&self) -> Option<u32> {
        None
    }
}

/// The daemon as the plugin calls it.
struct InDaemonCalls {
    instance: Arc<Instance>,
    ended: Mutex<Ended>,
}

#[derive(Default)]
struct Ended {
    batch: Vec<Completion>,
    /// Somebody hands them on and will take what is added meanwhile.
    telling: bool,
}

impl InDaemonCalls {
    fn ended(&self) -> MutexGuard<'_, Ended> {
        self.ended.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell<'a>(&'a self, mut ended: MutexGuard<'a, Ended>) {
        if ended.telling {
            return;
        }
        ended.telling = true;
        while !ended.batch.is_empty() {
            let batch = std::mem::take(&mut ended.batch);
            drop(ended);
            self.instance.plugin.house.completed(batch);
            ended = self.ended();
        }
        ended.telling = false;
    }
}

impl Callbacks for InDaemonCalls {
    fn complete(&self, call: u64, status: i32, document: &[u8]) -> i32 {
        let Some(completion) = self.instance.complete(call, status, document, Instant::now()) else {
            return YZ_UNKNOWN_CALL;
        };
        let mut ended = self.ended();
        ended.batch.push(completion);
        if !HOLDING.get() {
            self.tell(ended);
        }
        YZ_DONE
    }

    fn emit(&self, call: u64, kind: u32, document: &[u8]) -> i32 {
        self.instance.emitted(call, kind, document);
        YZ_DONE
    }

    fn request(&self, call: u64, op: &[u8], args: &[u8], answer: PluginAnswer) -> i32 {
        let (Ok(op), Ok(args)) = (std::str::from_utf8(op), std::str::from_utf8(args)) else {
            return YZ_BAD_DOCUMENT;
        };
        if self.instance.known(call) != YZ_DONE {
            return YZ_UNKNOWN_CALL;
        }
        let question = Question { call, op, args };
        self.instance.plugin.house.services.ask(&self.instance, &question, Answer::Plugin(answer));
        YZ_DONE
    }

    fn is_cancelled(&self, call: u64) -> bool {
        self.instance.is_cancelled(call)
    }
}
