//! Keeps a line to one folder of a mailbox: takes what waits, waits for what comes, comes back when the line is cut.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, watch};

use super::first::First;
use super::line::{Line, LineError};
use super::pattern::Patterns;
use super::take::{Ready, Taken, Taker};
use super::{Place, Slots};
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

pub(super) struct Watcher {
    pub(super) place: Place,
    pub(super) account: MailAccount,
    pub(super) home: PathBuf,
    pub(super) secrets: Secrets,
    pub(super) slots: watch::Receiver<Slots>,
    pub(super) taker: Taker,
    pub(super) turn: Arc<Mutex<()>>,
    pub(super) first: Arc<First>,
}

/// Nobody wants this folder any more, or we stop.
struct Over;

impl Watcher {
    pub(super) async fn keep(mut self) {
        let mut pause = FIRST_PAUSE;
        loop {
            match Box::pin(self.stay(&mut pause)).await {
                Ok(Over) => return,
                Err(error) => {
                    let Place { account, folder } = &self.place;
                    tracing::warn!(
                        account,
                        folder,
                        "no line to the mailbox, tried again in {pause:?}: {error}"
                    );
                }
            }
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = over(self.slots.clone()) => return,
            }
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// For as long as the line holds.
    async fn stay(&mut self, pause: &mut Duration) -> Result<Over, LineError> {
        let opening = self.open();
        let mut line = tokio::select! {
            line = opening => line?,
            () = over(self.slots.clone()) => return Ok(Over),
        };
        let (first, place, at) = (self.first.clone(), self.place.clone(), (line.validity, line.next));
        let marking = tokio::task::spawn_blocking(move || first.of(&place, at.0, at.1));
        let marked = marking.await.unwrap_or_else(|error| Err(std::io::Error::other(error)));
        let mine = marked.map_err(|error| LineError::Imap(error.into()))?;
        let Place { account, folder } = &self.place;
        tracing::info!(account, folder, "the mailbox is watched");
        *pause = FIRST_PAUSE;
        let every = span(self.account.every);
        let mut left = BTreeSet::new();
        let mut ready = Arc::new(self.ready());
        loop {
            if self.slots.has_changed().is_err() {
                line.leave().await;
                return Ok(Over);
            }
            if self.slots.has_changed().unwrap_or(false) {
                // Another rule may mean what none meant before.
                left.clear();
                ready = Arc::new(self.ready());
            }
            let later = self.look(&mut line, mine, &ready, &mut left).await?;
            let wait = if later { SOON } else { every };
            let mut slots = self.slots.clone();
            let stop = async {
                // Changed or gone: either is seen above.
                drop(slots.changed().await);
            };
            if later {
                // Not the server is waited for, but our own disk.
                tokio::select! { () = tokio::time::sleep(wait) => {} () = stop => {} }
            } else {
                line = Box::pin(line.wait(wait, stop)).await?;
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
    async fn look(
        &self,
        line: &mut Line,
        mine: u32,
        ready: &Arc<Vec<Ready>>,
        left: &mut BTreeSet<u32>,
    ) -> Result<bool, LineError> {
        for uid in line.waiting(mine).await? {
            if left.contains(&uid) {
                continue;
            }
            // Between two mails is where we stop, and where another text comes into force.
            if self.slots.has_changed().unwrap_or(true) {
                return Ok(false);
            }
            let _turn = self.turn.lock().await;
            match Box::pin(self.taker.take(line, uid, ready)).await? {
                Taken::Done => {}
                Taken::Left => {
                    if left.len() < LEFT_MOST {
                        left.insert(uid);
                    }
                }
                Taken::Later => return Ok(true),
            }
        }
        Ok(false)
    }

    fn ready(&mut self) -> Vec<Ready> {
        let slots = self.slots.borrow_and_update().clone();
        let compiled = slots.iter().filter_map(|slot| {
            let patterns = Patterns::of(&slot.rule)
                .inspect_err(
                    |error| tracing::error!(trigger = &*slot.trigger, %error, "its patterns cannot be used"),
                )
                .ok()?;
            Some(Ready { slot: slot.clone(), patterns })
        });
        compiled.collect()
    }
}

/// Until nobody wants the folder any more.
async fn over(mut slots: watch::Receiver<Slots>) {
    while slots.changed().await.is_ok() {}
}
