//! The real binary in a home of its own: started, waited for, ended by its process id.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
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
    #[error("`yizhan {0}` failed: {1}")]
    Command(String, String),
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
    pub fn start_as(mut program: Command, home: &Path) -> Result<Self, DaemonError> {
        let name = program.get_program().to_string_lossy().into_owned();
        let failed = |error| DaemonError::Start(name.clone(), error);
        let log = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(home.join("serve.log"))
            .map_err(failed)?;
        let child = program
            .arg("serve")
            .env("YIZHAN_HOME", home)
            .stdin(Stdio::null())
            .stdout(log.try_clone().map_err(failed)?)
            .stderr(log)
            .spawn()
            .map_err(failed)?;
        let mut daemon = Self { child, home: home.to_owned() };
        let (client, end) = (Client::of_home(home), Instant::now() + READY);
        while Instant::now() < end {
            if client.get("/health/ready").is_ok() {
                return Ok(daemon);
            }
            if let Ok(Some(_)) = daemon.child.try_wait() {
                break;
            }
            std::thread::sleep(Duration::from_millis(10)); // Between two looks at a state, with a deadline.
        }
        let log = std::fs::read_to_string(home.join("serve.log")).unwrap_or_default();
        let tail: String =
            log.lines().rev().take(20).collect::<Vec<_>>().into_iter().rev().collect::<Vec<_>>().join("\n");
        Err(DaemonError::NotReady(READY, tail))
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
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw)?;
        kill_process(pid, signal).ok()
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
