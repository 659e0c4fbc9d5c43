//! The child's side: loads one plugin and serves it over the socket it was started with.

#![expect(unsafe_code, reason = "takes over descriptors, leaves without running the plugin's exit handlers")]

use std::cell::Cell;
use std::collections::HashMap;
use std::io::Write as _;
use std::os::fd::{BorrowedFd, FromRawFd as _};
use std::os::unix::net::UnixStream;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde_json::json;
use serde_json::value::RawValue;
use yizhan_plugin_api::abi::{
    YZ_BAD_DOCUMENT, YZ_DONE, YZ_EMIT_LOG, YZ_FAILED, YZ_TOO_LARGE, YZ_UNKNOWN_CALL, YzPlugin,
};

use crate::frame::{self, Frame, Kind, Reader, Start};
use crate::library::{self, Created};
use crate::refusal::Fault;
use crate::table::{self, Callbacks, PluginAnswer};

/// The socket and the plugin's sealed bytes, where the daemon puts them.
pub(crate) const SOCKET_FD: i32 = 3;
pub(crate) const LIBRARY_FD: i32 = 4;

/// Log lines are dropped while so much waits for the daemon to read; completions never are.
const BACKLOG_MAX: usize = 8 << 20;
/// Answers wait no longer than this for more to go with them.
const HOLD_MOST: Duration = Duration::from_millis(1);
/// A `start` must return at once; longer than this is told.
pub(crate) const START_SLOW: Duration = Duration::from_millis(50);

/// The whole of the hidden subcommand `plugin-host`. It is of use only to the daemon, which sets up its descriptors.
#[must_use]
pub fn child_main() -> ExitCode {
    // SAFETY: asks the kernel whether the number is a socket; no ownership is taken.
    let is_socket = unsafe {
        let mut kind: libc::c_int = 0;
        let mut length = libc::socklen_t::try_from(size_of::<libc::c_int>()).unwrap_or(4);
        let out = (&raw mut kind).cast::<libc::c_void>();
        libc::getsockopt(SOCKET_FD, libc::SOL_SOCKET, libc::SO_TYPE, out, &raw mut length) == 0
    };
    if !is_socket {
        eprint("yizhan plugin-host is started by the daemon and is of no use by hand\n");
        return ExitCode::from(2);
    }
    // SAFETY: nothing else runs yet; the plugin must not inherit what the daemon may have left open.
    unsafe { libc::close_range(5, libc::c_uint::MAX, 0) };
    // SAFETY: the daemon gave us this descriptor for ourselves.
    let socket = unsafe { UnixStream::from_raw_fd(SOCKET_FD) };
    serve(socket);
    // SAFETY: leaves at once: exit handlers and threads of the plugin could hang or crash.
    unsafe { libc::_exit(0) }
}

fn eprint(words: &str) {
    // There is nobody left to tell when standard error is closed.
    drop(std::io::stderr().write_all(words.as_bytes()));
}

fn serve(mut socket: UnixStream) {
    let Ok(writing) = socket.try_clone() else { return };
    let daemon = Arc::new(Daemon::new(writing));
    daemon.greet();
    let mut session = Session { daemon, table: None, created: None };
    let mut reader = Reader::new();
    while matches!(reader.fill(&mut socket), Ok(true)) {
        // What is answered inside `start` goes out with one write, when all that was read is done.
        HOLDING.set(true);
        loop {
            match reader.frame() {
                Ok(Some(frame)) if session.handle(frame) => {}
                Ok(None) => break,
                Ok(Some(_)) | Err(_) => {
                    session.daemon.flush();
                    return;
                }
            }
        }
        HOLDING.set(false);
        session.daemon.flush();
    }
}

thread_local! {
    /// Whether this thread will flush by itself soon.
    static HOLDING: Cell<bool> = const { Cell::new(false) };
}

/// What this process has come to.
struct Session {
    daemon: Arc<Daemon>,
    table: Option<YzPlugin>,
    created: Option<Created>,
}

impl Session {
    /// `false` ends the process.
    fn handle(&mut self, frame: Frame<'_>) -> bool {
        match frame.kind {
            Kind::Hello => return frame::is_hello(frame.payload).is_ok(),
            Kind::Describe => self.describe(),
            Kind::Create => self.create(frame.payload),
            Kind::Start => self.start(frame.call, frame.payload),
            Kind::Cancel => self.cancel(frame.call, u32::from(frame.flags)),
            Kind::Reply => self.daemon.reply(frame.call, frame.status(), frame.payload),
            Kind::Ping => self.daemon.send(Kind::Pong, 0, frame.call, b""),
            Kind::Quiesce => self.quiesce(frame.call),
            Kind::Bye => {
                if let Some(created) = self.created.take() {
                    created.destroy();
                }
                return false;
            }
            // Of a newer daemon; what it cannot do without it would have asked for in its hello.
            Kind::Complete | Kind::Emit | Kind::Request | Kind::Pong => {}
        }
        true
    }

    fn table(&mut self) -> Result<YzPlugin, Fault> {
        if let Some(table) = self.table {
            return Ok(table);
        }
        // SAFETY: the daemon put the sealed bytes there, and nobody closes them.
        let table = library::load(unsafe { BorrowedFd::borrow_raw(LIBRARY_FD) })?;
        self.table = Some(table);
        Ok(table)
    }

    fn describe(&mut self) {
        match self.table().and_then(|table| library::describe(&table)) {
            Ok(document) => self.daemon.send(Kind::Describe, 0, 0, &document),
            Err(fault) => self.daemon.send(Kind::Describe, frame::status_flags(YZ_FAILED), 0, &tell(&fault)),
        }
    }

    fn create(&mut self, config: &[u8]) {
        let created = self.table().map_err(|fault| tell(&fault)).and_then(|table| {
            // SAFETY: the table is lent for ever.
            unsafe { Created::new(table, table::lend(Arc::clone(&self.daemon)), config) }
        });
        match created {
            Ok(created) => {
                self.created = Some(created);
                self.daemon.send(Kind::Create, 0, 0, b"{}");
            }
            Err(document) => self.daemon.send(Kind::Create, frame::status_flags(YZ_FAILED), 0, &document),
        }
    }

    fn start(&self, call: u64, payload: &[u8]) {
        let (Some(created), Ok(start)) = (&self.created, serde_json::from_slice::<Start<'_>>(payload)) else {
            self.daemon.send(Kind::Complete, frame::status_flags(YZ_BAD_DOCUMENT), call, b"");
            return;
        };
        self.daemon.calls().open.insert(call, false);
        let began = Instant::now();
        let (ctx, input) = (start.ctx.get().as_bytes(), start.input.get().as_bytes());
        let status = created.start(call, start.action.as_bytes(), ctx, input);
        let took = began.elapsed();
        if status < 0 {
            self.daemon.complete(call, status, b"");
        }
        if took > HOLD_MOST {
            // What others have already answered must not wait for a plugin that takes its time.
            self.daemon.flush();
        }
        if took > START_SLOW {
            let words =
                format!("start of `{}` took {} ms; it must return at once", start.action, took.as_millis());
            let line = json!({ "level": "warn", "target": "plugin.start_blocked", "message": words });
            self.daemon.send(Kind::Emit, 1, call, line.to_string().as_bytes());
        }
    }

    fn cancel(&self, call: u64, reason: u32) {
        match self.daemon.calls().open.get_mut(&call) {
            Some(cancelled) => *cancelled = true,
            // Its completion is on the way.
            None => return,
        }
        if let Some(created) = &self.created {
            created.cancel(call, reason);
        }
    }

    fn quiesce(&self, call: u64) {
        self.daemon.calls().open.insert(call, false);
        if !self.created.as_ref().is_some_and(|created| created.quiesce(call)) {
            self.daemon.complete(call, YZ_DONE, b"{}");
        }
    }
}

fn tell(fault: &Fault) -> Vec<u8> {
    json!({ "code": fault.code(), "message": fault.to_string() }).to_string().into_bytes()
}

/// The daemon as seen from here: the plugin's callbacks become frames.
struct Daemon {
    socket: UnixStream,
    out: Mutex<Out>,
    calls: Mutex<Calls>,
    requests: Mutex<HashMap<u64, PluginAnswer>>,
    next_request: AtomicU64,
}

#[derive(Default)]
struct Out {
    frames: Vec<u8>,
    /// Somebody writes and will take what is added meanwhile.
    writing: bool,
}

#[derive(Default)]
struct Calls {
    /// Whether the call is cancelled.
    open: HashMap<u64, bool>,
}

impl Daemon {
    fn new(socket: UnixStream) -> Self {
        Self {
            socket,
            out: Mutex::default(),
            calls: Mutex::default(),
            requests: Mutex::default(),
            next_request: AtomicU64::new(1),
        }
    }

    fn calls(&self) -> MutexGuard<'_, Calls> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn out(&self) -> MutexGuard<'_, Out> {
        self.out.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn send(&self, kind: Kind, flags: u8, call: u64, payload: &[u8]) {
        let mut out = self.out();
        frame::put(&mut out.frames, kind, flags, call, payload);
        if !HOLDING.get() {
            self.write(out);
        }
    }

    fn greet(&self) {
        let mut out = self.out();
        frame::hello(&mut out.frames);
        self.write(out);
    }

    fn flush(&self) {
        self.write(self.out());
    }

    /// Whoever finds nobody writing writes, and goes on until nothing is left: frames of many threads leave together.
    fn write<'a>(&'a self, mut out: MutexGuard<'a, Out>) {
        if out.writing {
            return;
        }
        out.writing = true;
        let mut spare = Vec::new();
        while !out.frames.is_empty() {
            std::mem::swap(&mut out.frames, &mut spare);
            drop(out);
            if (&self.socket).write_all(&spare).is_err() {
                // SAFETY: without the daemon there is nothing left to do.
                unsafe { libc::_exit(0) }
            }
            spare.clear();
            out = self.out();
        }
        if spare.capacity() > out.frames.capacity() && spare.capacity() <= 4 * frame::READ_SIZE {
            out.frames = spare;
        }
        out.writing = false;
    }

    fn reply(&self, request: u64, status: i32, document: &[u8]) {
        let answer = self.requests.lock().unwrap_or_else(PoisonError::into_inner).remove(&request);
        if let Some(answer) = answer {
            answer.give(status, document.to_vec());
        }
    }
}

impl Callbacks for Daemon {
    fn complete(&self, call: u64, status: i32, document: &[u8]) -> i32 {
        let known = self.calls().open.remove(&call).is_some();
        // An unknown one goes out as well: the daemon counts what a plugin does wrong.
        self.send(Kind::Complete, frame::status_flags(status), call, document);
        if known { YZ_DONE } else { YZ_UNKNOWN_CALL }
    }

    fn emit(&self, call: u64, kind: u32, document: &[u8]) -> i32 {
        let Ok(kind) = u8::try_from(kind) else { return YZ_DONE };
        if u32::from(kind) == YZ_EMIT_LOG && self.out().frames.len() > BACKLOG_MAX {
            return YZ_TOO_LARGE;
        }
        self.send(Kind::Emit, kind, call, document);
        YZ_DONE
    }

    fn request(&self, call: u64, op: &[u8], args: &[u8], answer: PluginAnswer) -> i32 {
        let (Ok(op), Ok(args)) = (std::str::from_utf8(op), serde_json::from_slice::<&RawValue>(args)) else {
            return YZ_BAD_DOCUMENT;
        };
        let request = self.next_request.fetch_add(1, Ordering::Relaxed);
        self.requests.lock().unwrap_or_else(PoisonError::into_inner).insert(request, answer);
        let op = serde_json::Value::from(op);
        let payload = format!("{{\"id\":{request},\"op\":{op},\"args\":{}}}", args.get());
        self.send(Kind::Request, 0, call, payload.as_bytes());
        YZ_DONE
    }

    fn is_cancelled(&self, call: u64) -> bool {
        self.calls().open.get(&call).copied().unwrap_or(false)
    }
}
