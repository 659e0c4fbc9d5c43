//! The carrier in a child process: frames over a socket, one write for what goes together, one thread that reads.

#![expect(unsafe_code, reason = "arranges the child's descriptors between fork and exec")]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::net::SendFlags;
use rustix::process::{Pid, PidfdFlags, Signal};
use serde::Deserialize;
use serde_json::value::RawValue;
use yizhan_plugin_api::abi::{YZ_DONE, YZ_FAILED};

use crate::child::{LIBRARY_FD, SOCKET_FD};
use crate::frame::{self, Frame, Kind, Reader};
use crate::instance::{Carrier, Ending, Instance, Ready};
use crate::library::Sealed;
use crate::refusal::Fault;
use crate::services::{Answer, Question};
use crate::settings::ChildCommand;

/// What waits for a child that does not read. Its calls run into their limits long before.
const BACKLOG_MAX: usize = 256 << 20;
const LINE_MAX: u64 = 8 << 10;
/// A child that was told goodbye gets so long.
pub(crate) const LEAVE_WITHIN: Duration = Duration::from_secs(2);

/// Starts the hidden subcommand with the socket and the plugin's bytes in their places.
fn spawn(
    command: &ChildCommand,
    library: BorrowedFd<'_>,
    output: Option<OwnedFd>,
) -> std::io::Result<(Child, UnixStream)> {
    let (ours, theirs) = UnixStream::pair()?;
    let mut child = Command::new(&command.program);
    child.args(&command.arguments).env_clear().stdin(Stdio::null());
    match output {
        Some(output) => child.stdout(output.try_clone()?).stderr(output),
        None => child.stdout(Stdio::null()).stderr(Stdio::null()),
    };
    let (socket, library) = (theirs.as_raw_fd(), library.as_raw_fd());
    // SAFETY: between fork and exec only calls that are safe there: dup, prctl, setsid, setrlimit.
    unsafe { child.pre_exec(move || arrange(socket, library)) };
    let child = child.spawn()?;
    Ok((child, ours))
}

fn arrange(socket: RawFd, library: RawFd) -> std::io::Result<()> {
    let checked = |result: libc::c_int| {
        if result < 0 { Err(std::io::Error::last_os_error()) } else { Ok(result) }
    };
    // SAFETY: plain system calls on descriptors that are open; first out of the way, then into place, because one
    // may stand where the other belongs.
    unsafe {
        let socket = checked(libc::fcntl(socket, libc::F_DUPFD_CLOEXEC, 10))?;
        let library = checked(libc::fcntl(library, libc::F_DUPFD_CLOEXEC, 10))?;
        checked(libc::dup2(socket, SOCKET_FD))?;
        checked(libc::dup2(library, LIBRARY_FD))?;
        checked(libc::setsid())?;
        checked(libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL))?;
        let none = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
        checked(libc::setrlimit(libc::RLIMIT_CORE, &raw const none))?;
    }
    Ok(())
}

/// Asks a plugin what it can do, in a child of its own that lives only for this.
pub(crate) fn describe(command: &ChildCommand, sealed: &Sealed, limit: Duration) -> Result<Vec<u8>, Fault> {
    let (mut child, mut socket) = spawn(command, sealed.bytes(), None)
        .map_err(|error| Fault::LoadFailed(format!("a child process could not be started: {error}")))?;
    let mut frames = Vec::new();
    frame::hello(&mut frames);
    frame::put(&mut frames, Kind::Describe, 0, 0, b"");
    let document = ask(&mut socket, &frames, limit);
    // It may hang in its own code; nothing of it is needed any more.
    drop(child.kill());
    let status = child.wait();
    match (document, status) {
        (Err(Silence::Gone), Ok(status)) => Err(Fault::Crashed(ending_of(status).words)),
        (Err(Silence::Gone), Err(error)) => Err(Fault::Crashed(error.to_string())),
        (Err(Silence::Late), _) => {
            Err(Fault::Unresponsive { what: "describing itself", limit_ms: limit.as_millis() })
        }
        (Err(Silence::Garbage(words)), _) => Err(Fault::BadDescribe(words)),
        (Ok(answer), _) => answer,
    }
}

enum Silence {
    Gone,
    Late,
    Garbage(String),
}

fn ask(socket: &mut UnixStream, frames: &[u8], limit: Duration) -> Result<Result<Vec<u8>, Fault>, Silence> {
    let until = Instant::now() + limit;
    socket.write_all(frames).map_err(|_| Silence::Gone)?;
    let mut reader = Reader::new();
    loop {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() || socket.set_read_timeout(Some(left)).is_err() {
            return Err(Silence::Late);
        }
        match reader.fill(socket) {
            Ok(true) => {}
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => return Err(Silence::Late),
            Ok(false) | Err(_) => return Err(Silence::Gone),
        }
        while let Some(frame) = reader.frame().map_err(|garbage| Silence::Garbage(garbage.to_string()))? {
            if frame.kind == Kind::Describe {
                let failed = frame.status() != YZ_DONE;
                return Ok(if failed { Err(told_fault(frame.payload)) } else { Ok(frame.payload.to_vec()) });
            }
        }
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Told {
    code: String,
    message: String,
}

/// A fault as the child tells it.
fn told_fault(document: &[u8]) -> Fault {
    let told: Told = serde_json::from_slice(document).unwrap_or_default();
    let message = told.message;
    match told.code.as_str() {
        "plugin.missing_library" => Fault::MissingLibrary(message),
        "plugin.static_tls" => Fault::StaticTls(message),
        "plugin.missing_symbol" => Fault::MissingSymbol(yizhan_plugin_api::abi::YZ_ENTRY_V1.to_owned()),
        "plugin.load_failed" => Fault::LoadFailed(message),
        "plugin.panic" => Fault::Crashed(message),
        _ => Fault::BadDescribe(message),
    }
}

/// What a refused `create` means: mostly that the settings are wrong.
pub(crate) fn create_fault(document: &[u8]) -> Fault {
    let told: Told = serde_json::from_slice(document).unwrap_or_default();
    match told.code.as_str() {
        "plugin.missing_library"
        | "plugin.static_tls"
        | "plugin.missing_symbol"
        | "plugin.load_failed"
        | "plugin.bad_describe"
        | "plugin.panic" => told_fault(document),
        _ if told.message.is_empty() => Fault::ConfigInvalid("the plugin gives no reason".to_owned()),
        _ => Fault::ConfigInvalid(told.message),
    }
}

pub(crate) fn launch(instance: &Arc<Instance>) -> std::io::Result<()> {
    if yizhan_faults::fails("host.launching") {
        return Err(std::io::Error::other("as a fault run asks"));
    }
    let plugin = &instance.plugin;
    let (lines, output) = std::io::pipe()?;
    let (child, socket) = spawn(&plugin.house.child, plugin.sealed.bytes(), Some(output.into()))?;
    let pid = Pid::from_child(&child);
    // Opened before the child can have been waited for, so it names this one for ever.
    let handle = rustix::process::pidfd_open(pid, PidfdFlags::empty())?;
    let out = Arc::new(Out { socket: socket.try_clone()?, state: Mutex::default(), more: Condvar::new() });
    let carrier = InChild { out: Arc::clone(&out), handle, pid: pid.as_raw_nonzero().get().cast_unsigned() };
    instance.carried_by(Box::new(carrier));
    yizhan_faults::point("host.launched");
    let mut frames = Vec::new();
    frame::hello(&mut frames);
    frame::put(&mut frames, Kind::Create, 0, 0, plugin.config.as_bytes());
    out.send(|buffer| buffer.extend_from_slice(&frames));
    let listener = Arc::clone(instance);
    thread::Builder::new().name(format!("yz-lines-{}", plugin.id)).spawn(move || listen(&listener, lines))?;
    let instance = Arc::clone(instance);
    thread::Builder::new()
        .name(format!("yz-read-{}", instance.plugin.id))
        .spawn(move || read(&instance, socket, &out, child))?;
    Ok(())
}

/// The way to the child. Nobody who sends ever waits: what the socket does not take is written by a thread.
pub(crate) struct Out {
    socket: UnixStream,
    state: Mutex<OutState>,
    more: Condvar,
}

#[derive(Default)]
struct OutState {
    frames: Vec<u8>,
    /// The thread that writes what is left has been started, and whether it has work.
    writer: bool,
    busy: bool,
    closed: bool,
}

impl Out {
    fn lock(&self) -> MutexGuard<'_, OutState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn send(self: &Arc<Self>, put: impl FnOnce(&mut Vec<u8>)) {
        let mut state = self.lock();
        if state.closed || state.frames.len() > BACKLOG_MAX {
            return;
        }
        put(&mut state.frames);
        if state.busy {
            return;
        }
        let mut sent = 0;
        while sent < state.frames.len() {
            match rustix::net::send(
                &self.socket,
                &state.frames[sent..],
                SendFlags::DONTWAIT | SendFlags::NOSIGNAL,
            ) {
                Ok(more) => sent += more,
                Err(rustix::io::Errno::INTR) => {}
                Err(rustix::io::Errno::AGAIN) => break,
                Err(_) => {
                    // The reader sees the end too and tells.
                    state.closed = true;
                    return;
                }
            }
        }
        state.frames.drain(..sent);
        if state.frames.is_empty() {
            if state.frames.capacity() > 4 * frame::READ_SIZE {
                state.frames = Vec::new();
            }
            return;
        }
        state.busy = true;
        if !state.writer {
            state.writer = true;
            let out = Arc::clone(self);
            if thread::Builder::new().name("yz-write".to_owned()).spawn(move || out.write()).is_err() {
                state.closed = true;
            }
        }
        self.more.notify_one();
    }

    fn write(&self) {
        let mut state = self.lock();
        while !state.closed {
            if state.frames.is_empty() {
                state.busy = false;
                state = self.more.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            let frames = std::mem::take(&mut state.frames);
            drop(state);
            let written = (&self.socket).write_all(&frames);
            state = self.lock();
            if written.is_err() {
                state.closed = true;
            }
        }
    }

    fn close(&self) {
        self.lock().closed = true;
        self.more.notify_all();
        // A writer that waits for the child to read must not wait for ever; the child is gone anyway.
        drop(self.socket.shutdown(std::net::Shutdown::Both));
    }
}

struct InChild {
    out: Arc<Out>,
    handle: OwnedFd,
    pid: u32,
}

impl InChild {
    fn signal(&self, signal: Signal) {
        // An error means that it is already gone.
        rustix::process::pidfd_send_signal(self.handle.as_fd(), signal).ok();
    }
}

impl Carrier for InChild {
    fn start(&self, batch: &[Arc<Ready>]) {
        yizhan_faults::point("host.sending");
        self.out.send(|frames| {
            for ready in batch {
                frame::put_start(frames, &ready.call, ready.timeout);
            }
        });
    }

    fn cancel(&self, call: u64, reason: u32) {
        let reason = u8::try_from(reason).unwrap_or(1);
        self.out.send(|frames| frame::put(frames, Kind::Cancel, reason, call, b""));
    }

    fn end(&self) {
        self.out.send(|frames| frame::put(frames, Kind::Bye, 0, 0, b""));
    }

    fn kill(&self) -> bool {
        self.signal(Signal::KILL);
        true
    }

    fn pid(&self) -> Option<u32> {
        Some(self.pid)
    }
}

/// Why reading came to an end.
enum End {
    Closed,
    Garbage(String),
}

fn read(instance: &Arc<Instance>, mut socket: UnixStream, out: &Arc<Out>, mut child: Child) {
    let end = read_frames(instance, &mut socket, out);
    let ending = match end {
        End::Garbage(words) => {
            drop(child.kill());
            drop(child.wait());
            Ending { code: "plugin.protocol_violation", words: format!("broke the protocol: {words}") }
        }
        End::Closed => match leave(&mut child) {
            Ok(Some(status)) => ending_of(status),
            Ok(None) => {
                Ending { code: "plugin.crashed", words: "closed its connection and was killed".to_owned() }
            }
            Err(error) => Ending { code: "plugin.crashed", words: format!("is gone: {error}") },
        },
    };
    out.close();
    if let Some(runner) = instance.runner.upgrade() {
        runner.died(instance, &ending);
    }
}

/// The socket is closed, so the process is ending or has closed it itself. `None` when it had to be killed.
fn leave(child: &mut Child) -> std::io::Result<Option<ExitStatus>> {
    let until = Instant::now() + LEAVE_WITHIN;
    let handle = rustix::process::pidfd_open(Pid::from_child(child), PidfdFlags::empty())?;
    let left = until.saturating_duration_since(Instant::now());
    let mut wait = [rustix::event::PollFd::new(&handle, rustix::event::PollFlags::IN)];
    let timeout = rustix::event::Timespec { tv_sec: i64::try_from(left.as_secs()).unwrap_or(2), tv_nsec: 0 };
    let ended = matches!(rustix::event::poll(&mut wait, Some(&timeout)), Ok(1..));
    if !ended {
        child.kill()?;
        child.wait()?;
        return Ok(None);
    }
    child.wait().map(Some)
}

fn ending_of(status: ExitStatus) -> Ending {
    match (status.signal(), status.code()) {
        (Some(signal), _) => {
            Ending { code: "plugin.crashed", words: format!("was killed by {}", signal_name(signal)) }
        }
        (None, Some(code)) => Ending {
            code: "plugin.exited",
            words: format!("exited with status {code}; plugins must not call exit()"),
        },
        (None, None) => Ending { code: "plugin.crashed", words: "ended in an unknown way".to_owned() },
    }
}

fn signal_name(signal: i32) -> String {
    let name = match signal {
        libc::SIGSEGV => "SIGSEGV",
        libc::SIGABRT => "SIGABRT",
        libc::SIGBUS => "SIGBUS",
        libc::SIGILL => "SIGILL",
        libc::SIGFPE => "SIGFPE",
        libc::SIGKILL => "SIGKILL",
        libc::SIGTERM => "SIGTERM",
        libc::SIGSYS => "SIGSYS",
        other => return format!("signal {other}"),
    };
    name.to_owned()
}

fn read_frames(instance: &Arc<Instance>, socket: &mut UnixStream, out: &Arc<Out>) -> End {
    let mut reader = Reader::new();
    let mut greeted = false;
    loop {
        if !matches!(reader.fill(socket), Ok(true)) {
            return End::Closed;
        }
        // As if the child had gone.
        if yizhan_faults::fails("host.reading") {
            return End::Garbage("as a fault run asks".to_owned());
        }
        let now = Instant::now();
        let mut ended = Vec::new();
        let fault = loop {
            match reader.frame() {
                Ok(Some(frame)) if frame.kind == Kind::Complete => {
                    ended.extend(instance.complete(frame.call, frame.status(), frame.payload, now));
                }
                Ok(Some(frame)) => {
                    if let Err(words) = handle(instance, out, &frame, &mut greeted) {
                        break Some(words);
                    }
                }
                Ok(None) => break None,
                Err(garbage) => break Some(garbage.to_string()),
            }
        };
        if !ended.is_empty() {
            // The effect is in the world, and only this process knows.
            yizhan_faults::point("host.completing");
        }
        instance.plugin.house.completed(ended);
        if let Some(words) = fault {
            return End::Garbage(words);
        }
    }
}

#[derive(Deserialize)]
struct Request<'a> {
    id: u64,
    #[serde(borrow)]
    op: std::borrow::Cow<'a, str>,
    #[serde(borrow)]
    args: &'a RawValue,
}

/// Everything but completions. An error is a breach that ends the child.
fn handle(
    instance: &Arc<Instance>,
    out: &Arc<Out>,
    frame: &Frame<'_>,
    greeted: &mut bool,
) -> Result<(), String> {
    match frame.kind {
        Kind::Hello => {
            frame::is_hello(frame.payload)?;
            *greeted = true;
        }
        _ if !*greeted => return Err("it spoke before its hello".to_owned()),
        Kind::Create => {
            let failed = frame.status() == YZ_FAILED;
            let result = if failed { Err(create_fault(frame.payload)) } else { Ok(()) };
            yizhan_faults::point("host.created");
            if let Some(runner) = instance.runner.upgrade() {
                runner.created(instance, result);
            }
        }
        Kind::Emit => instance.emitted(frame.call, u32::from(frame.flags), frame.payload),
        Kind::Request => {
            let request: Request<'_> = serde_json::from_slice(frame.payload)
                .map_err(|error| format!("its request is none: {error}"))?;
            let answer = Answer::Frame { out: Arc::clone(out), request: request.id };
            match instance.known(frame.call) {
                YZ_DONE => {
                    let question = Question { call: frame.call, op: &request.op, args: request.args.get() };
                    instance.plugin.house.services.ask(instance, &question, answer);
                }
                status => answer.give(status, Vec::new()),
            }
        }
        Kind::Ping => out.send(|frames| frame::put(frames, Kind::Pong, 0, frame.call, b"")),
        Kind::Describe | Kind::Pong | Kind::Bye => {}
        Kind::Start | Kind::Complete | Kind::Cancel | Kind::Reply | Kind::Quiesce => {
            return Err(format!("it sent a frame of the type {:?}, which only the daemon sends", frame.kind));
        }
    }
    Ok(())
}

/// Its standard output and error, line by line, for the log.
fn listen(instance: &Instance, lines: std::io::PipeReader) {
    let mut lines = BufReader::new(lines);
    let mut line = Vec::new();
    loop {
        line.clear();
        // A plugin that writes without line ends gets its output cut into pieces.
        match lines.by_ref().take(LINE_MAX).read_until(b'\n', &mut line) {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
        let text = String::from_utf8_lossy(&line);
        if !text.trim().is_empty() {
            instance.printed(text.trim_end());
        }
    }
}

#[cfg(test)]
mod tests;
