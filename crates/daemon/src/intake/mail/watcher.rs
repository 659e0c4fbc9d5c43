//! Keeps a line to one folder of a mailbox: takes what waits, waits for what comes, comes back when the line is cut.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{Mutex, watch};

use super::first::First;
use super::line::{Line, LineError};
use super::outage::Outages;
use super::pattern::Patterns;
use super::take::{Ready, Taken, Taker};
use super::{Place, Slots, in_force, same};
use crate::config::MailAccount;
use crate::plugins::span;
use crate::secrets::Secrets;

/// Between two tries of a server that is away: it grows, as some lock out who comes too often.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(300);
/// After a look that had to leave a mail for the time being.
const SOON: Duration = Duration::from_secs(1);
/// Mails of others whose numbers are kept; more are looked at again each time.
const LEFT_MOST: usize = 100_000;
/// How long a mail is left that nobody meant, and one that can neither be taken nor put aside.
const LEFT_FOR: Duration = Duration::from_secs(24 * 3_600);
const STUCK_FOR: Duration = Duration::from_secs(600);
/// So often the line may break over one mail before the others go first.
const BREAKS: u8 = 3;

pub(super) struct Watcher {
    pub(super) place: Place,
    pub(super) account: MailAccount,
    pub(super) home: PathBuf,
    pub(super) secrets: Secrets,
    pub(super) slots: watch::Receiver<Slots>,
    pub(super) taker: Taker,
    pub(super) turn: Arc<Mutex<()>>,
    pub(super) first: Arc<First>,
    pub(super) outages: Outages,
}

/// What was seen of the folder, also across lines.
#[derive(Default)]
struct Memory {
    validity: u32,
    /// Mails that are passed over, until when.
    left: BTreeMap<u32, Instant>,
    /// The mail that was being taken when the line broke, and how often in a row.
    broke_at: (u32, u8),
    ready: Arc<Vec<Ready>>,
}

/// Nobody wants this folder any more, or we stop.
struct Over;

impl Watcher {
    pub(super) async fn keep(mut self) {
        let (mut pause, mut memory) = (FIRST_PAUSE, Memory::default());
        loop {
            match Box::pin(self.stay(&mut pause, &mut memory)).await {
                Ok(Over) => return self.outages.over(&self.place),
                Err(error) => {
                    let Place { account, folder } = &self.place;
                    self.outages.down(&self.place, self.taker.engine.shared.now(), error.to_string());
                    tracing::warn!(
                        account,
                        folder,
                        "no line to the mailbox, tried again in {pause:?}: {error}"
                    );
                }
            }
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = over(self.slots.clone()) => return self.outages.over(&self.place),
            }
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// For as long as the line holds.
    async fn stay(&mut self, pause: &mut Duration, memory: &mut Memory) -> Result<Over, LineError> {
        let mut line = tokio::select! {
            line = self.open() => line?,
            () = over(self.slots.clone()) => return Ok(Over),
        };
        let (first, place, at) = (self.first.clone(), self.place.clone(), (line.validity, line.next));
        let marking = tokio::task::spawn_blocking(move || first.of(&place, at.0, at.1));
        let marked = marking.await.unwrap_or_else(|error| Err(std::io::Error::other(error)));
        let mine = marked.map_err(|error| LineError::Imap(error.into()))?;
        if memory.validity != line.validity {
            // The server has numbered its mails anew.
            *memory = Memory { validity: line.validity, ..Memory::default() };
        }
        let Place { account, folder } = &self.place;
        tracing::info!(account, folder, "the mailbox is watched");
        loop {
            if self.slots.has_changed().is_err() {
                line.leave().await;
                return Ok(Over);
            }
            self.slots.mark_unchanged();
            let later = self.look(&mut line, mine, memory).await?;
            *pause = FIRST_PAUSE;
            self.outages.over(&self.place);
            let mut slots = self.slots.clone();
            let stop = async {
                // Changed or gone: either is seen above.
                drop(slots.changed().await);
            };
            if later {
                // Not the server is waited for, but our own disk.
                tokio::select! { () = tokio::time::sleep(SOON) => {} () = stop => {} }
            } else {
                line = Box::pin(line.wait(span(self.account.every), stop)).await?;
            }
        }
    }

    async fn open(&self) -> Result<Line, LineError> {
        let name = &self.account.password.secret;
        // Read anew each time: a password that was wrong can be mended without a restart.
        let secret = self.secrets.get(name).ok_or_else(|| LineError::NoSecret(name.clone()))?;
        let password = std::str::from_utf8(&secret).map_err(|_| LineError::NoSecret(name.clone()))?;
        Box::pin(Line::open(&self.account, &self.home, password, &self.place.folder)).await
    }

    /// Takes all that waits. Says whether something must be looked at again soon.
    async fn look(&self, line: &mut Line, mine: u32, memory: &mut Memory) -> Result<bool, LineError> {
        let now = Instant::now();
        memory.left.retain(|_, until| *until > now);
        self.refresh(memory);
        for uid in line.waiting(mine).await? {
            // Between two mails is where we stop.
            if self.slots.has_changed().is_err() {
                return Ok(false);
            }
            if memory.left.contains_key(&uid) {
                continue;
            }
            // A text that is in force holds for the next mail already.
            self.refresh(memory);
            let _turn = self.turn.lock().await;
            match self.take(line, uid, memory).await? {
                Taken::Done => {}
                Taken::Left => memory.leave(uid, LEFT_FOR),
                Taken::Stuck => memory.leave(uid, STUCK_FOR),
                Taken::Later => return Ok(true),
            }
        }
        Ok(false)
    }

    async fn take(&self, line: &mut Line, uid: u32, memory: &mut Memory) -> Result<Taken, LineError> {
        let times = if memory.broke_at.0 == uid { memory.broke_at.1 } else { 0 };
        if times >= BREAKS {
            memory.broke_at = (0, 0);
            tracing::error!(
                uid,
                "the line broke {BREAKS} times over this mail: it is left for {STUCK_FOR:?}"
            );
            return Ok(Taken::Stuck);
        }
        memory.broke_at = (uid, times + 1);
        let ready = memory.ready.clone();
        let taken = Box::pin(self.taker.take(line, uid, &ready)).await?;
        memory.broke_at = (0, 0);
        Ok(taken)
    }

    /// Compiles the patterns of another text that has come into force.
    fn refresh(&self, memory: &mut Memory) {
        let slots = in_force(&self.taker.engine).remove(&self.place).unwrap_or_default();
        if same(memory.ready.iter().map(|one| &one.slot), &slots) {
            return;
        }
        let compiled = slots.into_iter().filter_map(|slot| {
            let patterns = Patterns::of(&slot.rule)
                .inspect_err(
                    |error| tracing::error!(trigger = &*slot.trigger, %error, "its patterns cannot be used"),
                )
                .ok()?;
            Some(Ready { slot, patterns })
        });
        memory.ready = Arc::new(compiled.collect());
        // Another rule may mean what none meant before.
        memory.left.clear();
    }
}

impl Memory {
    fn leave(&mut self, uid: u32, time: Duration) {
        if self.left.len() < LEFT_MOST {
            self.left.insert(uid, Instant::now() + time);
        }
    }
}

/// Until nobody wants the folder any more.
async fn over(mut slots: watch::Receiver<Slots>) {
    while slots.changed().await.is_ok() {}
}
