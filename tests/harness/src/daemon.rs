//! The real binary in a home of its own: started, waited for, ended by its process id.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

pub use rustix::process::Signal;
use rustix::process::{Pid, kill_process};

use crate::client::Client;

/// A daemon that this process started. Dropped, it is killed.
#[derive(Debug)]
pub struct Daemon {
    child: Child,
    pub home: PathBuf,
}

#[derive(Debug, thiserror::Error)]
pub enum DaemonError {
    #[error("`{0}` cannot be started: {1}")]
    Start(String, std::io::Error),
    #[error("the daemon was not ready in {0:?}; its log is {1}")]
    NotReady(Duration, String),
    #[error("the daemon ended before it was ready, by {0}; its log is {1}")]
    EndedEarly(ExitStatus, String),
    #[error("`yizhan {0}` failed: {1}")]
    Command(String, String),
}

/// To one process.
pub fn signal_to(pid: u32, signal: Signal) -> Option<()> {
    kill_process(Pid::from_raw(i32::try_from(pid).ok()?)?, signal).ok()
}

/// Longer than a slow machine needs; nothing is timed with it.
const READY: Duration = Duration::from_secs(60);

impl Daemon {
    /// Makes a home with `yizhan init`.
    pub fn init(binary: &Path, home: &Path) -> Result<(), DaemonError> {
        let output = Command::new(binary)
            .args(["init".as_ref(), home.as_os_str()])
            .output()
            .map_err(|error| DaemonError::Start(binary.display().to_string(), error))?;
        if output.status.success() {
            return Ok(());
        }
        Err(DaemonError::Command("init".into(), String::from_utf8_lossy(&output.stderr).into_owned()))
    }

    /// Starts `yizhan serve` and waits until it is ready. Its log goes to `serve.log` in the home.
    pub fn start(binary: &Path, home: &Path) -> Result<Self, DaemonError> {
        Self::start_as(Command::new(binary), home)
    }

    /// The same with surroundings of the caller's choice.
    pub fn start_as(program: Command, home: &Path) -> Result<Self, DaemonError> {
        Self::start_with(program, &[], home)
    }

    /// The same with these flags.
    ///
    /// # Errors
    /// When it does not become ready.
    pub fn start_with(program: Command, flags: &[&str], home: &Path) -> Result<Self, DaemonError> {
        let mut daemon = Self::begin_with(program, flags, home)?;
        daemon.becomes_ready()?;
        Ok(daemon)
    }

    /// Starts it and waits for nothing.
    pub fn begin(program: Command, home: &Path) -> Result<Self, DaemonError> {
        Self::begin_with(program, &[], home)
    }

    fn begin_with(mut program: Command, flags: &[&str], home: &Path) -> Result<Self, DaemonError> {
        let name = program.get_program().to_string_lossy().into_owned();
        let failed = |error| DaemonError::Start(name.clone(), error);
        let log = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(home.join("serve.log"))
            .map_err(failed)?;
        let child = program
            .arg("serve")
            .args(flags)
            .env("YIZHAN_HOME", home)
            .stdin(Stdio::null())
            .stdout(log.try_clone().map_err(failed)?)
            .stderr(log)
            .spawn()
            .map_err(failed)?;
        Ok(Self { child, home: home.to_owned() })
    }

    fn becomes_ready(&mut self) -> Result<(), DaemonError> {
        let (client, end) = (self.client(), Instant::now() + READY);
        while Instant::now() < end {
            if client.get("/health/ready").is_ok() {
                return Ok(());
            }
            if let Ok(Some(status)) = self.child.try_wait() {
                return Err(DaemonError::EndedEarly(status, self.last_words()));
            }
            std::thread::sleep(Duration::from_millis(10)); // Between two looks at a state, with a deadline.
        }
        Err(DaemonError::NotReady(READY, self.last_words()))
    }

    /// The end of its log.
    fn last_words(&self) -> String {
        let log = std::fs::read_to_string(self.home.join("serve.log")).unwrap_or_default();
        log.lines().rev().take(20).collect::<Vec<_>>().into_iter().rev().collect::<Vec<_>>().join("\n")
    }

    #[must_use]
    pub fn client(&self) -> Client {
        Client::of_home(&self.home)
    }

    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// SIGKILL: no goodbye.
    pub fn kill(mut self) {
        self.end();
    }

    /// SIGTERM, and waits for the end.
    pub fn stop(self) -> Option<i32> {
        self.signal(Signal::TERM)?;
        self.ended()
    }

    /// To this process alone.
    pub fn signal(&self, signal: Signal) -> Option<()> {
        signal_to(self.child.id(), signal)
    }

    /// Waits for its end; how it ended, and None where it did not within this. Then it is still this process's.
    pub fn ends_within(&mut self, within: Duration) -> Option<ExitStatus> {
        let end = Instant::now() + within;
        loop {
            match self.child.try_wait() {
                Ok(Some(status)) => return Some(status),
                Ok(None) | Err(_) if Instant::now() >= end => return None,
                Ok(None) | Err(_) => std::thread::sleep(Duration::from_millis(5)), // Between two looks at a state.
            }
        }
    }

    /// The processes that it started and that are not gone.
    #[must_use]
    pub fn children(&self) -> Vec<u32> {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", self.pid()));
        tasks
            .into_iter()
            .flatten()
            .flatten()
            .filter_map(|task| std::fs::read_to_string(task.path().join("children")).ok())
            .flat_map(|text| text.split_whitespace().filter_map(|pid| pid.parse().ok()).collect::<Vec<_>>())
            .collect()
    }

    /// Whether it has ended, by itself or by somebody.
    pub fn has_ended(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(Some(_)))
    }

    /// Waits for an end that comes by itself or was asked for; its exit code.
    pub fn ended(mut self) -> Option<i32> {
        self.child.wait().ok()?.code()
    }

    fn end(&mut self) {
        // It may have ended by itself; then there is nothing to kill.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if let Ok(None) = self.child.try_wait() {
            self.end();
        }
    }
}
