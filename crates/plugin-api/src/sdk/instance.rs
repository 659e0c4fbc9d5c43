//! The plugin's table: decodes what comes over the border, runs the author's actions, and answers exactly once.

#![expect(unsafe_code, reason = "implements the plugin's C table")]

use std::collections::HashMap;
use std::ffi::c_void;
use std::future::Future;
use std::pin::Pin;
use std::ptr;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Context, Poll};
use std::thread;

use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;

use crate::abi::{
    Misfit, YZ_ABI_MAJOR, YZ_BAD_DOCUMENT, YZ_CANCELLED, YZ_DOCUMENT_MAX, YZ_DONE, YZ_FAILED, YZ_UNSUPPORTED,
    YzBuf, YzBytes, YzHeader, YzHost, YzPlugin, adopt_host,
};
use crate::sdk::call::{Ctx, Entered};
use crate::sdk::describe::{ActionSpec, Effect, Run, Running, describe};
use crate::sdk::error::{Error, Happened, Result};
use crate::sdk::host::Host;
use crate::sdk::pool::Pool;
use crate::sdk::{Plugin, log, panics};

/// The whole of a plugin between `create` and `destroy`.
struct Instance<P: Plugin> {
    plugin: Arc<P>,
    actions: Vec<ActionSpec<P>>,
    open: Arc<Open>,
    pool: Pool,
    runtime: OnceLock<Option<Runtime>>,
}

/// The calls that run, for cancel and for the end.
struct Open {
    host: Host,
    calls: Mutex<Calls>,
}

#[derive(Default)]
struct Calls {
    running: HashMap<u64, Ctx>,
    quiesced_by: Option<u64>,
}

/// One hidden thread with the plugin's own runtime; dropping it ends both.
struct Runtime {
    handle: Handle,
    _end: oneshot::Sender<()>,
}

impl Runtime {
    fn start() -> Option<Self> {
        let runtime = Builder::new_current_thread().enable_all().build().ok()?;
        let handle = runtime.handle().clone();
        let (end, ended) = oneshot::channel::<()>();
        thread::Builder::new()
            .name("yz-runtime".to_owned())
            .spawn(move || {
                // Ends with an error when the sender is dropped, which is the sign.
                runtime.block_on(async { drop(ended.await) });
            })
            .ok()?;
        Some(Self { handle, _end: end })
    }
}

impl Open {
    fn lock(&self) -> MutexGuard<'_, Calls> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn settle(&self, call: u64, result: Result<Vec<u8>>) {
        self.forget(call);
        self.tell(call, result);
    }

    fn forget(&self, call: u64) {
        let quiesced = {
            let mut calls = self.lock();
            calls.running.remove(&call);
            if calls.running.is_empty() { calls.quiesced_by.take() } else { None }
        };
        if let Some(by) = quiesced {
            self.host.complete(by, YZ_DONE, b"{}".to_vec());
        }
    }

    fn tell(&self, call: u64, result: Result<Vec<u8>>) {
        match result {
            Ok(output) if output.len() > YZ_DOCUMENT_MAX => {
                self.host.complete(call, YZ_FAILED, document(&too_large()))
            }
            Ok(output) => self.host.complete(call, YZ_DONE, output),
            Err(error) => self.host.complete(call, YZ_FAILED, document(&error)),
        };
    }

    /// An obeyed cancel: nothing can have happened when the action had not begun.
    fn cancelled(&self, call: u64, effect: Effect, begun: bool) {
        self.forget(call);
        let harmless = !begun || matches!(effect, Effect::Pure | Effect::Idempotent);
        let happened = if harmless { Happened::No } else { Happened::Maybe };
        self.host.complete(call, YZ_CANCELLED, document(&Error::cancelled().happened(happened)));
    }
}

fn document(error: &Error) -> Vec<u8> {
    serde_json::to_vec(error).unwrap_or_default()
}

fn too_large() -> Error {
    Error::new("plugin.output_too_large", "the output is larger than the host takes")
        .happened(Happened::Yes)
        .help("store large content as an artifact")
}

impl<P: Plugin> Instance<P> {
    fn start(&self, call: u64, action: &[u8], ctx: &[u8], input: &[u8]) -> i32 {
        let Some(action) = self.actions.iter().find(|known| known.name.as_bytes() == action) else {
            return YZ_UNSUPPORTED;
        };
        let ctx = Ctx::new(self.open.host.clone(), call, ctx);
        match action.run {
            Run::Inline(run) => {
                let result = run_here(&ctx, || run(&self.plugin, ctx.clone(), input));
                self.open.tell(call, result);
            }
            Run::Blocking(run) => self.start_blocking(ctx, action.effect, run, input.to_vec()),
            Run::Async(run) => self.start_async(ctx, action, run, input.to_vec()),
        }
        YZ_DONE
    }

    fn start_blocking(
        &self,
        ctx: Ctx,
        effect: Effect,
        run: fn(&P, Ctx, &[u8]) -> Result<Vec<u8>>,
        input: Vec<u8>,
    ) {
        let call = ctx.call().id;
        self.open.lock().running.insert(call, ctx.clone());
        let (open, plugin) = (Arc::clone(&self.open), Arc::clone(&self.plugin));
        let job = move || {
            if ctx.is_cancelled() {
                open.cancelled(call, effect, false);
                return;
            }
            let result = run_here(&ctx, || run(&plugin, ctx.clone(), &input));
            open.settle(call, result);
        };
        if self.pool.submit(Box::new(job)).is_err() {
            self.open.settle(call, Err(busy("its queue of blocking calls is full")));
        }
    }

    fn start_async(
        &self,
        ctx: Ctx,
        action: &ActionSpec<P>,
        run: fn(Arc<P>, Ctx, Vec<u8>) -> Running,
        input: Vec<u8>,
    ) {
        let call = ctx.call().id;
        let Some(runtime) = self.runtime.get_or_init(Runtime::start) else {
            self.open.tell(call, Err(busy("its runtime could not be started")));
            return;
        };
        self.open.lock().running.insert(call, ctx.clone());
        let plugin = Arc::clone(&self.plugin);
        runtime.handle.spawn(Driven {
            // Made at the first poll, so that the author's code never runs inside `start`.
            make: Some(Box::new(move |ctx| run(plugin, ctx, input))),
            running: None,
            ctx,
            effect: action.effect,
            cooperative: action.cooperative,
            open: Arc::clone(&self.open),
        });
    }

    fn cancel(&self, call: u64) {
        let ctx = self.open.lock().running.get(&call).cloned();
        if let Some(ctx) = ctx {
            ctx.cancel();
        }
    }

    fn quiesce(&self, by: u64) {
        let mut calls = self.open.lock();
        if !calls.running.is_empty() {
            calls.quiesced_by = Some(by);
            return;
        }
        drop(calls);
        self.open.host.complete(by, YZ_DONE, b"{}".to_vec());
    }
}

fn run_here(ctx: &Ctx, code: impl FnOnce() -> Result<Vec<u8>>) -> Result<Vec<u8>> {
    let _entered = Entered::new(ctx.clone());
    panics::contain(code).and_then(|result| result)
}

fn busy(why: &str) -> Error {
    Error::refused("plugin.busy", format!("the plugin cannot take the call: {why}")).retry()
}

/// Polls one async action: inside its call, with panics caught, dropped when cancelled.
struct Driven {
    make: Option<Box<dyn FnOnce(Ctx) -> Running + Send>>,
    running: Option<Running>,
    ctx: Ctx,
    effect: Effect,
    cooperative: bool,
    open: Arc<Open>,
}

impl Driven {
    fn poll_running(&mut self, cx: &mut Context<'_>) -> Poll<Result<Vec<u8>>> {
        let _entered = Entered::new(self.ctx.clone());
        let Self { make, running, ctx, .. } = self;
        panics::contain(|| {
            if let Some(make) = make.take() {
                *running = Some(make(ctx.clone()));
            }
            match running {
                Some(running) => running.as_mut().poll(cx),
                None => Poll::Pending,
            }
        })
        .unwrap_or_else(|panic| Poll::Ready(Err(panic)))
    }

    fn drop_running(&mut self) -> Result<()> {
        let _entered = Entered::new(self.ctx.clone());
        panics::contain(|| {
            self.running = None;
            self.make = None;
        })
    }
}

impl Future for Driven {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let call = self.ctx.call().id;
        if !self.cooperative && self.ctx.poll_cancelled(cx).is_ready() {
            let begun = self.make.is_none();
            match self.drop_running() {
                Ok(()) => self.open.cancelled(call, self.effect, begun),
                Err(panic) => self.open.settle(call, Err(panic)),
            }
            return Poll::Ready(());
        }
        let Poll::Ready(result) = self.poll_running(cx) else {
            return Poll::Pending;
        };
        let result = self.drop_running().and(result);
        self.open.settle(call, result);
        Poll::Ready(())
    }
}

/// Reads the input; a fault names its place: `input.shout: invalid type: string, expected a boolean`.
pub fn decode<T: DeserializeOwned>(input: &[u8]) -> Result<T> {
    // The plain reader is faster; only a fault pays for its place.
    serde_json::from_slice(input).or_else(|_| {
        let mut reader = serde_json::Deserializer::from_slice(input);
        serde_path_to_error::deserialize(&mut reader).map_err(|fault| misread("input", &fault))
    })
}

fn misread(what: &str, fault: &serde_path_to_error::Error<serde_json::Error>) -> Error {
    let path = fault.path().to_string();
    let place = if path == "." { what.to_owned() } else { format!("{what}.{path}") };
    // The reader's own position is of a text that nobody sees.
    let words = fault.inner().to_string();
    let words = words.split(" at line ").next().unwrap_or(&words);
    let pointer: String = fault.path().iter().map(|segment| format!("/{segment}")).collect();
    Error::refused(format!("plugin.{what}_invalid"), format!("{place}: {words}")).at(pointer)
}

pub fn encode<T: Serialize>(output: &T) -> Result<Vec<u8>> {
    serde_json::to_vec(output).map_err(|fault| {
        Error::new("plugin.output_invalid", format!("the output cannot be written as JSON: {fault}"))
            .happened(Happened::Yes)
    })
}

/// The entry symbol's code.
///
/// # Safety
/// `host` points to a header and `why` to a writable buffer, as the ABI promises; both may be null.
pub unsafe fn entry<P: Plugin>(host: *const YzHeader, why: *mut YzBuf) -> *const YzPlugin {
    // SAFETY: promised by the caller.
    let major = (!host.is_null()).then(|| unsafe { (*host).major });
    if major == Some(YZ_ABI_MAJOR) {
        return &raw const Table::<P>::TABLE.0;
    }
    let words = format!("{} {} speaks plugin ABI {YZ_ABI_MAJOR}, this host {major:?}", P::ID, P::VERSION);
    // SAFETY: promised by the caller.
    unsafe { give(why, words.into_bytes()) };
    ptr::null()
}

/// # Safety
/// `out` must be null or writable.
unsafe fn give(out: *mut YzBuf, bytes: Vec<u8>) {
    if !out.is_null() {
        // SAFETY: promised by the caller.
        unsafe { out.write(YzBuf::of(bytes)) };
    }
}

struct Table<P>(std::marker::PhantomData<P>);

struct Shared(YzPlugin);
// SAFETY: a header and function pointers, never written.
unsafe impl Sync for Shared {}

impl<P: Plugin> Table<P> {
    const TABLE: &'static Shared = &Shared(YzPlugin {
        hdr: YzHeader::of::<YzPlugin>(),
        describe: Some(describe_c::<P>),
        create: Some(create_c::<P>),
        start: Some(start_c::<P>),
        cancel: Some(cancel_c::<P>),
        quiesce: Some(quiesce_c::<P>),
        destroy: Some(destroy_c::<P>),
    });
}

unsafe extern "C" fn describe_c<P: Plugin>(out: *mut YzBuf) -> i32 {
    match panics::contain(|| describe::<P>().to_string()) {
        Ok(text) => {
            // SAFETY: the host's buffer is writable.
            unsafe { give(out, text.into_bytes()) };
            YZ_DONE
        }
        Err(panic) => {
            // SAFETY: as above.
            unsafe { give(out, document(&panic)) };
            YZ_FAILED
        }
    }
}

unsafe extern "C" fn create_c<P: Plugin>(
    host: *const YzHost,
    config: YzBytes,
    inst: *mut *mut c_void,
    err: *mut YzBuf,
) -> i32 {
    // SAFETY: the host hands over its table and bytes that outlast the call.
    let (host, config) = unsafe { (adopt_host(host), config.as_slice()) };
    match panics::contain(|| create::<P>(host, config)).and_then(|created| created) {
        Ok(instance) => {
            // SAFETY: the host's place for the instance is writable; `destroy` takes it back.
            unsafe { inst.write(Box::into_raw(Box::new(instance)).cast::<c_void>()) };
            YZ_DONE
        }
        Err(error) => {
            // SAFETY: the host's buffer is writable.
            unsafe { give(err, document(&error)) };
            YZ_FAILED
        }
    }
}

fn create<P: Plugin>(host: Result<YzHost, Misfit>, config: &[u8]) -> Result<Instance<P>> {
    let table =
        host.map_err(|misfit| Error::refused("plugin.abi", format!("the host's table: {misfit:?}")))?;
    // SAFETY: the host promises that its functions may be called from any thread until `destroy` returns, and
    // `destroy` closes this.
    let host = unsafe { Host::new(table) };
    log::install(&host);
    let mut reader = serde_json::Deserializer::from_slice(config);
    let config = serde_path_to_error::deserialize(&mut reader).map_err(|fault| misread("config", &fault))?;
    Ok(Instance {
        plugin: Arc::new(P::open(config, &host)?),
        actions: P::actions(),
        open: Arc::new(Open { host, calls: Mutex::default() }),
        pool: Pool::default(),
        runtime: OnceLock::new(),
    })
}

/// # Safety
/// `inst` was made by `create_c::<P>` and is not yet destroyed.
unsafe fn instance<'a, P: Plugin>(inst: *mut c_void) -> &'a Instance<P> {
    // SAFETY: promised by the caller.
    unsafe { &*inst.cast::<Instance<P>>() }
}

unsafe extern "C" fn start_c<P: Plugin>(
    inst: *mut c_void,
    call: u64,
    action: YzBytes,
    ctx: YzBytes,
    input: YzBytes,
) -> i32 {
    // SAFETY: the host's promise: a live instance, and bytes that outlast the call.
    let (instance, action, ctx, input) =
        unsafe { (instance::<P>(inst), action.as_slice(), ctx.as_slice(), input.as_slice()) };
    panics::contain(|| instance.start(call, action, ctx, input)).unwrap_or(YZ_BAD_DOCUMENT)
}

unsafe extern "C" fn cancel_c<P: Plugin>(inst: *mut c_void, call: u64, _reason: u32) {
    // SAFETY: the host's promise: a live instance.
    let instance = unsafe { instance::<P>(inst) };
    drop(panics::contain(|| instance.cancel(call)));
}

unsafe extern "C" fn quiesce_c<P: Plugin>(inst: *mut c_void, call: u64) {
    // SAFETY: the host's promise: a live instance.
    let instance = unsafe { instance::<P>(inst) };
    drop(panics::contain(|| instance.quiesce(call)));
}

unsafe extern "C" fn destroy_c<P: Plugin>(inst: *mut c_void) {
    // SAFETY: the host's promise: a live instance, and nothing is called on it afterwards.
    let instance = unsafe { Box::from_raw(inst.cast::<Instance<P>>()) };
    drop(panics::contain(move || {
        instance.open.host.close();
        instance.pool.close();
        drop(instance);
    }));
}
