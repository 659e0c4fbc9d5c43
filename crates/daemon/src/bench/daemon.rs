//! The daemon itself in a process of its own, as it is served: started, asked, looked at, stopped.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::http::{Line, get};
use super::machine::{self, Used};
use super::place::Place;
use super::report::Commits;
use super::{Ground, Problem};
use crate::home::SOCKET;
use crate::socket;

/// Longer than the recovery of a million runs takes.
const READY: Duration = Duration::from_secs(600);

/// Dropped, it is killed.
#[derive(Debug)]
pub(crate) struct Daemon {
    child: Child,
    pub(crate) began: Instant,
    data: PathBuf,
    address: PathBuf,
    log: PathBuf,
}

impl Daemon {
    /// Starts it; it is not ready yet.
    pub(crate) fn start(place: &Place, ground: &Ground) -> Result<Self, Problem> {
        let log = place.home.data.join("serve.log");
        let out = std::fs::File::create(&log)?;
        let began = Instant::now();
        let child = Command::new(std::env::current_exe()?)
            .args(["serve", "--fsync-delay", &format!("{}ms", ground.disk.fsync_delay.as_millis())])
            .args(["--synchronous", ground.disk.synchronous.name()])
            .env("YIZHAN_HOME", &place.home.root)
            .stdin(Stdio::null())
            .stdout(out.try_clone()?)
            .stderr(out)
            .spawn()?;
        Ok(Self { child, began, data: place.home.data.clone(), address: place.home.address(), log })
    }

    /// Waits until it is; how long that was from its start.
    pub(crate) async fn ready(&mut self) -> Result<Duration, Problem> {
        while self.began.elapsed() < READY {
            if let Ok(mut line) = self.line().await
                && line.ask(&get("/health/ready", None)).await.is_ok_and(|reply| reply.status == 200)
            {
                return Ok(self.began.elapsed());
            }
            if self.child.try_wait()?.is_some() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        Err(format!("the daemon was not ready: {}", std::fs::read_to_string(&self.log)?).into())
    }

    /// A line to its socket, as its owner has it.
    pub(crate) async fn line(&self) -> Result<Line, Problem> {
        let stream = socket::connect(&self.data, SOCKET)?;
        stream.set_nonblocking(true)?;
        Ok(Line::over(tokio::net::UnixStream::from_std(stream)?))
    }

    /// A line to its address, as those elsewhere have it.
    pub(crate) async fn far_line(&self) -> Result<Line, Problem> {
        let address = std::fs::read_to_string(&self.address)?;
        let address = address.trim().trim_start_matches("http://");
        let stream = tokio::net::TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Line::over(stream))
    }

    pub(crate) fn used(&self) -> Used {
        machine::used(self.child.id())
    }

    /// Of the daemon, and of all its children.
    pub(crate) fn resident(&self) -> (f64, f64) {
        let children = machine::children(self.child.id());
        (machine::resident(self.child.id()), children.into_iter().map(machine::resident).sum())
    }

    /// Attempts that were carried out since it began.
    pub(crate) async fn done(&self) -> Result<f64, Problem> {
        Ok(of(&self.metrics().await?, "yizhan_attempts_total{outcome=\"done\"}"))
    }

    pub(crate) async fn commits(&self) -> Result<Commits, Problem> {
        let text = self.metrics().await?;
        Ok(Commits {
            commits: of(&text, "yizhan_commits_total"),
            changes: of(&text, "yizhan_changes_total"),
            commit_us: of(&text, "yizhan_commit_seconds_total") * 1e6,
        })
    }

    async fn metrics(&self) -> Result<String, Problem> {
        let reply = self.line().await?.ask(&get("/metrics", None)).await?;
        Ok(String::from_utf8_lossy(&reply.body).into_owned())
    }

    /// SIGTERM, and waits for the end.
    pub(crate) fn stop(mut self) -> Result<(), Problem> {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        kill_process(pid.ok_or("the daemon has no process id")?, Signal::TERM)?;
        self.child.wait()?;
        Ok(())
    }
}

/// A figure of the text that Prometheus reads.
fn of(text: &str, name: &str) -> f64 {
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.and_then(|value| value.parse::<f64>().ok()).unwrap_or(0.0)
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if let Ok(None) = self.child.try_wait() {
            // It may have ended meanwhile; then there is nothing to kill.
            drop(self.child.kill());
            drop(self.child.wait());
        }
    }
}
