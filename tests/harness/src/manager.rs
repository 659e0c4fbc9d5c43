//! The service manager as far as a daemon hears of it: whom it tells that it is ready, who waits for its sign of life, and
//! what is done to one that gives none.

use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

#[derive(Debug)]
struct Heard {
    began: Instant,
    /// When the daemon last gave a sign of life; none before it is ready.
    fed: Option<Instant>,
    signs: u64,
}

/// Hears what daemons say, in a thread of its own: a socket that is full would hold them up.
#[derive(Debug)]
pub struct Manager {
    socket: PathBuf,
    within: Duration,
    heard: Arc<Mutex<Heard>>,
}

/// A daemon may take so long to become ready.
const START: Duration = Duration::from_secs(30);

impl Manager {
    /// `within`: how long a daemon may be silent.
    ///
    /// # Errors
    /// When the socket cannot be made.
    pub fn listen(socket: &Path, within: Duration) -> std::io::Result<Self> {
        let listening = UnixDatagram::bind(socket)?;
        listening.set_read_timeout(Some(Duration::from_millis(200)))?;
        let heard = Arc::new(Mutex::new(Heard { began: Instant::now(), fed: None, signs: 0 }));
        let all = Arc::downgrade(&heard);
        std::thread::Builder::new().name("manager".into()).spawn(move || hear(&listening, &all))?;
        Ok(Self { socket: socket.to_owned(), within, heard })
    }

    /// What a daemon finds in its surroundings, as one that systemd starts. It begins anew.
    pub fn takes(&self, program: &mut Command) {
        let mut heard = lock(&self.heard);
        (heard.began, heard.fed) = (Instant::now(), None);
        program.env("NOTIFY_SOCKET", &self.socket).env("WATCHDOG_USEC", self.within.as_micros().to_string());
    }

    /// Whether the daemon was silent for too long.
    #[must_use]
    pub fn bites(&self) -> bool {
        let heard = lock(&self.heard);
        match heard.fed {
            Some(fed) => fed.elapsed() > self.within,
            None => heard.began.elapsed() > START,
        }
    }

    #[must_use]
    pub fn is_ready(&self) -> bool {
        lock(&self.heard).fed.is_some()
    }

    /// Signs of life of all daemons.
    #[must_use]
    pub fn signs(&self) -> u64 {
        lock(&self.heard).signs
    }
}

fn lock(heard: &Mutex<Heard>) -> std::sync::MutexGuard<'_, Heard> {
    heard.lock().unwrap_or_else(PoisonError::into_inner)
}

fn hear(socket: &UnixDatagram, all: &Weak<Mutex<Heard>>) {
    let mut bytes = [0; 4_096];
    while let Some(heard) = all.upgrade() {
        // Nothing for a while: nobody may be interested any more.
        let Ok(length) = socket.recv(&mut bytes) else { continue };
        let text = String::from_utf8_lossy(&bytes[..length]);
        for line in text.lines() {
            let mut heard = lock(&heard);
            match line {
                "READY=1" => heard.fed = Some(Instant::now()),
                "WATCHDOG=1" => {
                    heard.fed = Some(Instant::now());
                    heard.signs += 1;
                }
                _ => {}
            }
        }
    }
}
