//! Tells people that a run asks them: each notice is a row until the action of the settings has carried it, and goes out
//! under one key, however often. Who gets it is looked up when it goes out.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use yizhan_workflow::id::{Millis, TaskId, outward_key};
use yizhan_workflow::run::event::Failure;
use yizhan_workflow::run::{World, rest_ms};

use crate::carrier::{Call, Outcome};
use crate::engine::Loop;
use crate::letter::{self, Letter};
use crate::store::{Note, Notice, StoreError};

/// Notices in memory; what is more waits in the store.
const KEPT: usize = 1_000;
/// Notices under way at once: people's mail must not take the places of the steps.
const AT_ONCE: usize = 8;
/// Even where the settings let steps be tried again at once.
const REST_LEAST: i64 = 100;
/// After this a notice that cannot go out yet, for a reason of ours, is looked at again.
const REST_OURS: i64 = 60_000;

/// The loop's own notes of what is to be told.
#[derive(Debug, Default)]
pub(crate) struct Notices {
    waiting: BTreeMap<TaskId, Waiting>,
    calls: HashMap<u64, TaskId>,
    /// The earliest instant at which one may go out.
    next: Option<Millis>,
    /// The store has some that are not in memory.
    more: bool,
    /// The world in which they were tried last: another may know the address that was missing.
    world: u64,
}

#[derive(Debug)]
struct Waiting {
    notice: Notice,
    letter: Letter,
    tries: u32,
    next: Millis,
    under_way: bool,
}

/// What anybody may know of notices that do not go out.
#[derive(Debug, Default)]
pub struct Untold(Mutex<BTreeMap<Arc<str>, Arc<str>>>);

impl Untold {
    /// Why the notice of this key did not go out when it was tried last.
    #[must_use]
    pub fn why(&self, key: &str) -> Option<Arc<str>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(key).cloned()
    }

    /// True if that is news.
    fn set(&self, key: &Arc<str>, why: &str) -> bool {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let news = all.get(key).is_none_or(|known| **known != *why);
        if news {
            all.insert(key.clone(), why.into());
        }
        news
    }

    fn forget(&self, key: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(key);
    }
}

impl Notices {
    pub(crate) fn next(&self) -> Option<Millis> {
        self.next
    }

    pub(crate) fn under_way(&self) -> Vec<u64> {
        self.calls.keys().copied().collect()
    }

    /// We stop: what is under way goes out again after the next start, under the same key.
    pub(crate) fn give_up_calls(&mut self) {
        self.calls.clear();
    }

    fn take(&mut self, notice: Notice) {
        if self.waiting.len() >= KEPT {
            self.more = true;
            return;
        }
        match serde_json::from_slice(&notice.letter) {
            Ok(letter) => {
                let (task, next) = (notice.task.clone(), notice.at);
                let waiting = Waiting { notice, letter, tries: 0, next, under_way: false };
                self.waiting.entry(task).or_insert(waiting);
                self.next = Some(self.next.map_or(next, |at| at.min(next)));
            }
            Err(error) => tracing::error!(key = %notice.key, %error, "a notice cannot be read"),
        }
    }
}

impl Loop {
    /// After a start: what the store has of them.
    pub(crate) fn recover_notices(&mut self) -> Result<(), StoreError> {
        if self.shared.config.tell.is_some() {
            let found = self.shared.reads.notices(KEPT + 1)?;
            self.notices.more = found.len() > KEPT;
            found.into_iter().take(KEPT).for_each(|notice| self.notices.take(notice));
        }
        Ok(())
    }

    /// It is on disk, so it may go out.
    pub(crate) fn notice(&mut self, notices: Vec<Notice>) {
        notices.into_iter().for_each(|notice| self.notices.take(notice));
    }

    /// Its task is over: the row fell with it.
    pub(crate) fn no_notice(&mut self, task: &TaskId) {
        if let Some(gone) = self.notices.waiting.remove(task) {
            self.shared.untold.forget(&gone.notice.key);
        }
    }

    /// Lets what is due go out.
    pub(crate) fn send_notices(&mut self, world: &World) {
        let now = self.shared.now();
        let changed = std::mem::replace(&mut self.notices.world, world.number) != world.number;
        let due = self.notices.next.is_some_and(|next| next <= now);
        if self.stopping || !(due || changed) {
            return;
        }
        if changed {
            let resting = self.notices.waiting.values_mut().filter(|waiting| !waiting.under_way);
            resting.for_each(|waiting| waiting.next = now);
        }
        let room = AT_ONCE.saturating_sub(self.notices.calls.len());
        let ready = self.notices.waiting.iter().filter(|(_, one)| !one.under_way && one.next <= now);
        let ready: Vec<TaskId> = ready.map(|(task, _)| task.clone()).take(room).collect();
        for task in ready {
            self.send_notice(&task, now, world);
        }
        self.look_at_notices();
    }

    /// When the next may go out. With all places taken that is when one comes back.
    fn look_at_notices(&mut self) {
        let resting = self.notices.waiting.values().filter(|waiting| !waiting.under_way);
        let next = resting.map(|waiting| waiting.next).min();
        self.notices.next = next.filter(|_| self.notices.calls.len() < AT_ONCE);
    }

    fn send_notice(&mut self, task: &TaskId, now: Millis, world: &World) {
        let config = &self.shared.config;
        let Some(waiting) = self.notices.waiting.get_mut(task) else { return };
        let who = &waiting.letter.who;
        let mut to: Vec<String> = who.iter().flat_map(|who| world.people.addresses(who)).collect();
        to.sort();
        to.dedup();
        let hindered = letter::fault(config.tell.as_ref(), &world.catalogue).or_else(|| {
            let who = who.join(", ");
            to.is_empty().then(|| format!("nobody of `{who}` has a mail address in `config/people.toml`"))
        });
        let (Some(action), None) = (&config.tell, &hindered) else {
            waiting.next = now.plus(REST_OURS);
            let why = hindered.unwrap_or_default();
            if self.shared.untold.set(&waiting.notice.key, &why) {
                tracing::error!(run = %waiting.letter.run, task = %task, why, "a run asks and nobody is told");
            }
            return;
        };
        let Letter { run, workflow, step, of, .. } = &waiting.letter;
        let id = self.next_call;
        let call = Call {
            id,
            plugin: action.plugin.clone(),
            action: action.action.clone(),
            key: outward_key(&self.house, &waiting.notice.key).into(),
            run: run.to_string().into(),
            workflow: workflow.clone(),
            step: step.clone(),
            round: of.item.round,
            item: of.item.item,
            attempt: waiting.tries + 1,
            now_ms: now.0,
            timeout: None,
            input: waiting.letter.input(&to, config.lang),
            secrets: vec![],
        };
        waiting.under_way = true;
        self.next_call += 1;
        self.notices.calls.insert(id, task.clone());
        self.carriers.start(vec![call]);
    }

    /// Whether that was the call of a notice; then it is dealt with here.
    pub(crate) fn noticed(&mut self, call: u64, outcome: &Outcome) -> bool {
        let Some(task) = self.notices.calls.remove(&call) else { return false };
        let gone_out = matches!(outcome, Outcome::Done { .. });
        if let Some(waiting) = self.notices.waiting.get_mut(&task) {
            let key = waiting.notice.key.clone();
            if gone_out {
                tracing::info!(run = %waiting.letter.run, %task, "told that the run asks");
                self.notices.waiting.remove(&task);
                self.shared.untold.forget(&key);
                self.batch.notes.push(Note::Noticed { key });
            } else {
                let now = self.shared.now();
                let (why, rest) = self.rest_of(&task, outcome);
                tracing::warn!(%key, why, "a notice did not go out; it is tried again");
                self.shared.untold.set(&key, &why);
                if let Some(waiting) = self.notices.waiting.get_mut(&task) {
                    waiting.under_way = false;
                    waiting.tries += 1;
                    waiting.next = now.plus(rest);
                }
            }
        }
        self.shared.figures.count_notice(gone_out);
        self.look_at_notices();
        true
    }

    /// What went wrong, and how long to wait: as for a step, but for ever, as nobody else would tell.
    fn rest_of(&self, task: &TaskId, outcome: &Outcome) -> (String, i64) {
        let retry = self.shared.world().retry;
        let most = retry.most.ms.max(REST_LEAST);
        let (tries, key) =
            self.notices.waiting.get(task).map_or((0, ""), |waiting| (waiting.tries, &*waiting.notice.key));
        let rest = rest_ms(&retry, tries + 1, key, tries + 1).max(REST_LEAST);
        match outcome {
            Outcome::Done { .. } => (String::new(), rest),
            Outcome::Failed(Failure { code, message, retry, retry_after_ms, .. }) => {
                let rest = if *retry { rest.max(retry_after_ms.unwrap_or(0)) } else { most };
                (format!("{code}: {message}"), rest)
            }
            Outcome::Lost { message, .. } => (format!("the attempt was lost: {message}"), rest),
        }
    }

    /// The rest of those in the store, once all that is in memory went out and nothing of it is still to be written.
    pub(crate) fn look_for_more_notices(&mut self) {
        let all_written = self.written + 1 == self.job && self.batch.notes.is_empty();
        if !self.notices.more || !self.notices.waiting.is_empty() || !all_written {
            return;
        }
        if let Err(error) = self.recover_notices() {
            tracing::error!(%error, "notices cannot be read; they are looked for after the next start");
            self.notices.more = false;
        }
    }
}
