//! Tells people that a run asks them: each notice is a row until the action of the settings has carried it, and goes out
//! under one key, however often. Who gets it is looked up when it goes out.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use yizhan_workflow::id::{Millis, TaskId, outward_key};
use yizhan_workflow::plan::ActionName;
use yizhan_workflow::problem::Lang;
use yizhan_workflow::run::event::Failure;
use yizhan_workflow::run::{World, rest_ms};

use crate::carrier::{Call, Outcome};
use crate::chats::Pace;
use crate::engine::Loop;
use crate::letter::{self, Letter};
use crate::link::Links;
use crate::store::{Note, Notice, StoreError};

/// Notices in memory; what is more waits in the store.
const KEPT: usize = 1_000;
/// Notices under way at once: people's mail must not take the places of the steps.
const AT_ONCE: usize = 8;
/// Even where the settings let steps be tried again at once.
const REST_LEAST: i64 = 100;
/// After this a notice that cannot go out yet, for a reason of ours, is looked at again.
const REST_OURS: i64 = 60_000;
/// Runs that the log names; of more it tells how many they are.
const LOGGED: usize = 20;
/// Addresses that `doctor` names of one notice.
const NAMED: usize = 20;

/// The loop's own notes of what is to be told.
#[derive(Debug, Default)]
pub(crate) struct Notices {
    pub(crate) waiting: BTreeMap<TaskId, Waiting>,
    pub(crate) pace: Pace,
    /// Which notice is under way: its task may have another by now.
    calls: HashMap<u64, (TaskId, Arc<str>)>,
    /// The earliest instant at which one may go out.
    next: Option<Millis>,
    /// The store has some that are not in memory.
    more: bool,
    /// How far the store was read in this round through it.
    read: Option<(Millis, Arc<str>)>,
    /// The next round does not begin before that.
    round: Millis,
    /// When the earliest of those that made room in this round has rested enough.
    left: Option<Millis>,
    /// Those whose people are told one by one.
    apart: BTreeMap<TaskId, Apart>,
    /// The world in which they were tried last: another may know the address that was missing.
    world: u64,
}

#[derive(Debug)]
pub(crate) struct Waiting {
    pub(crate) notice: Notice,
    pub(crate) letter: Letter,
    tries: u32,
    pub(crate) next: Millis,
    under_way: bool,
    /// To how many it went last.
    to: usize,
    /// How long those who are told one by one rest after this round.
    rest: Option<i64>,
}

/// Somebody who is told.
#[derive(Clone, Debug)]
struct Reader {
    /// By which they are told from the other readers.
    name: String,
    /// `person:li.na`, `mail:wang@example.com`.
    who: String,
    address: String,
}

impl Waiting {
    /// Each once: by address, or each person alone where the letter has links of their own.
    fn readers(&self, world: &World, now: Millis, alone: bool) -> Vec<Reader> {
        let people = world.people_at(now);
        let told = self.letter.who.iter().flat_map(|who| people.told_each(who));
        let mut readers: Vec<Reader> = told
            .map(|(who, address)| Reader {
                name: if alone { who.clone() } else { address.clone() },
                who,
                address,
            })
            .collect();
        if self.letter.alone {
            readers.retain(|one| self.letter.who.contains(&one.who));
        }
        readers.sort_by(|one, other| one.name.cmp(&other.name));
        readers.dedup_by(|one, other| one.name == other.name);
        readers
    }

    /// Those for whom there is to be a notice of their own, with links of their own.
    fn each_alone(&self, world: &World, now: Millis) -> Vec<String> {
        self.readers(world, now, true).into_iter().map(|one| one.who).collect()
    }

    /// Its readers get links of their own.
    fn has_doors(&self, links: Option<&Links>) -> bool {
        let outsider = || self.letter.who.iter().any(|who| who.starts_with("mail:"));
        links.is_some() && self.letter.is_answered() && (!self.letter.offers.is_empty() || outsider())
    }

    /// The call of the action that carries it.
    pub(crate) fn call(
        &self,
        action: &ActionName,
        (key, id): (impl Into<Arc<str>>, u64),
        (now, input): (Millis, impl Into<Arc<str>>),
    ) -> Call {
        let Letter { run, workflow, step, of, .. } = &self.letter;
        Call {
            id,
            plugin: action.plugin.clone(),
            action: action.action.clone(),
            key: key.into(),
            run: run.to_string().into(),
            workflow: workflow.clone(),
            step: step.clone(),
            undo: false,
            round: of.item.round,
            item: of.item.item,
            attempt: self.tries + 1,
            now_ms: now.0,
            timeout: None,
            input: input.into(),
            secrets: vec![],
        }
    }

    fn rests(&self, now: Millis) -> bool {
        !self.under_way && self.next > now
    }
}

/// A letter that was refused as a whole: one address that a server does not take must not keep it from the others. A
/// restart forgets this, and then who was told gets it again under the same key.
#[derive(Debug, Default)]
struct Apart {
    told: BTreeSet<String>,
    /// In this round of tries.
    refused: BTreeMap<String, String>,
    asked: Option<String>,
}

impl Apart {
    fn next<'a>(&self, to: &'a [Reader]) -> Option<&'a Reader> {
        to.iter().find(|one| !self.told.contains(&one.name) && !self.refused.contains_key(&one.name))
    }

    /// Who was not told, and why.
    fn why(&self) -> String {
        let named = self.refused.iter().take(NAMED).map(|(who, why)| format!("`{who}` ({why})"));
        let mut named = named.collect::<Vec<_>>().join(", ");
        if self.refused.len() > NAMED {
            named.push_str(", …");
        }
        format!("{} were told, but not {named}", self.told.len())
    }
}

/// What anybody may know of notices that do not go out.
#[derive(Debug, Default)]
pub struct Untold(Mutex<BTreeMap<TaskId, Arc<str>>>);

impl Untold {
    /// Why the notice of this task did not go out when it was tried last.
    #[must_use]
    pub fn why(&self, task: &TaskId) -> Option<Arc<str>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(task).cloned()
    }

    /// How many there are with it, if that is news. Of more than are kept nothing is news.
    fn set(&self, task: &TaskId, why: &str) -> Option<usize> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = all.get(task);
        let news = known.map_or(all.len() < KEPT, |known| **known != *why);
        if news {
            all.insert(task.clone(), why.into());
        }
        news.then_some(all.len())
    }

    pub(crate) fn forget(&self, task: &TaskId) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(task);
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

    /// False if there is no room: then it waits in the store.
    fn take(&mut self, notice: Notice, now: Millis) -> bool {
        if self.waiting.contains_key(&notice.task) {
            return true;
        }
        if self.waiting.len() >= KEPT && !self.make_room(now) {
            self.more = true;
            self.round = now;
            return false;
        }
        match serde_json::from_slice(&notice.letter) {
            Ok(letter) => {
                let (task, next) = (notice.task.clone(), notice.at);
                let waiting = Waiting { notice, letter, tries: 0, next, under_way: false, to: 0, rest: None };
                self.waiting.insert(task, waiting);
                self.next = Some(self.next.map_or(next, |at| at.min(next)));
            }
            Err(error) => tracing::error!(key = %notice.key, %error, "a notice cannot be read"),
        }
        true
    }

    /// One that was tried and rests goes back to the store, so that an owner who cannot be told keeps none from being told.
    fn make_room(&mut self, now: Millis) -> bool {
        let resting = self.waiting.iter().find(|(_, waiting)| waiting.rests(now));
        let Some((task, next)) = resting.map(|(task, waiting)| (task.clone(), waiting.next)) else {
            return false;
        };
        self.waiting.remove(&task);
        self.left = Some(self.left.map_or(next, |at| at.min(next)));
        self.more = true;
        true
    }
}

impl Loop {
    /// After a start, and where there are more than memory holds: those in the store that come next.
    pub(crate) fn recover_notices(&mut self) -> Result<(), StoreError> {
        if self.shared.config.tell.is_none() && self.shared.config.chats.is_empty() {
            return Ok(());
        }
        let now = self.shared.now();
        let after = self.notices.read.take();
        let found = self.shared.reads.notices(after.as_ref().map(|(at, key)| (*at, &**key)), KEPT)?;
        let all = found.len() < KEPT;
        self.notices.read = after;
        for notice in found {
            let place = (notice.at, notice.key.clone());
            if !self.notices.take(notice, now) {
                return Ok(());
            }
            self.notices.read = Some(place);
        }
        self.notices.more = !all;
        if all {
            // The end of a round: those that made room come again when they have rested.
            self.notices.read = None;
            if let Some(rested) = self.notices.left.take() {
                self.notices.more = true;
                self.notices.round = rested.max(now.plus(REST_OURS));
            }
        }
        Ok(())
    }

    /// It is on disk, so it may go out.
    pub(crate) fn notice(&mut self, notices: Vec<Notice>) {
        let now = self.shared.now();
        for notice in notices {
            self.notices.take(notice, now);
        }
    }

    /// Its task is over: the row fell with it.
    pub(crate) fn no_notice(&mut self, task: &TaskId) {
        self.notices.waiting.remove(task);
        self.notices.apart.remove(task);
        self.shared.untold.forget(task);
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
            self.notices.round = now;
        }
        let room = AT_ONCE.saturating_sub(self.notices.calls.len());
        let ready = self.notices.waiting.iter().filter(|(_, one)| !one.under_way && one.next <= now);
        let ready: Vec<TaskId> = ready.map(|(task, _)| task.clone()).take(room).collect();
        for task in ready {
            let chat = self.notices.waiting.get(&task).and_then(|waiting| waiting.letter.chat.clone());
            match chat {
                Some(chat) => self.send_to_chat(&task, &chat, (now, world)),
                None => self.send_notice(&task, now, world),
            }
        }
        self.look_at_notices();
    }

    /// When the next may go out. With all places taken that is when one comes back.
    fn look_at_notices(&mut self) {
        let resting = self.notices.waiting.values().filter(|waiting| !waiting.under_way);
        let round = self.notices.more.then_some(self.notices.round).filter(|at| *at > self.shared.now());
        let next = resting.map(|waiting| waiting.next).chain(round).min();
        self.notices.next = next.filter(|_| self.notices.calls.len() < AT_ONCE);
    }

    fn send_notice(&mut self, task: &TaskId, now: Millis, world: &World) {
        let config = &self.shared.config;
        let letter = self.notices.waiting.get(task).map(|waiting| &waiting.letter);
        if letter.is_some_and(|letter| letter.alone && !self.still_stands(letter)) {
            return self.no_more(task);
        }
        let Some(waiting) = self.notices.waiting.get_mut(task) else { return };
        let links = config.links.as_ref().filter(|links| waiting.has_doors(Some(links)));
        let mut to = waiting.readers(world, now, false);
        let hindered = letter::fault(config.tell.as_ref(), &world.catalogue, Lang::En).or_else(|| {
            let who = waiting.letter.who.join(", ");
            to.is_empty().then(|| format!("nobody of `{who}` has a mail address in `config/people.toml`"))
        });
        let (Some(action), None) = (&config.tell, &hindered) else {
            waiting.next = now.plus(REST_OURS);
            let why = hindered.unwrap_or_default();
            match self.shared.untold.set(task, &why) {
                Some(..=LOGGED) => {
                    tracing::error!(run = %waiting.letter.run, task = %task, why, "a run asks and nobody is told");
                }
                // After a start they may all come at once.
                Some(all) if all.is_power_of_two() => {
                    tracing::error!(all, why, "runs ask and nobody is told; `yizhan doctor` names them");
                }
                Some(_) | None => {}
            }
            return;
        };
        if links.is_some() && !waiting.letter.alone {
            let each = waiting.each_alone(world, now);
            return self.split_for_readers(task, &each);
        }
        let mut key = waiting.notice.key.to_string();
        let who = waiting.letter.who.first().filter(|_| waiting.letter.alone);
        let doors = links
            .zip(who)
            .and_then(|(links, who)| waiting.letter.doors(links, who, waiting.notice.at, &world.zone));
        if let Some(apart) = self.notices.apart.get_mut(task) {
            let next = apart.next(&to).cloned();
            apart.asked = next.as_ref().map(|one| one.name.clone());
            let Some(one) = next else {
                // Whoever was not told is not to be told any more.
                return self.went_out(task);
            };
            key = format!("{key}/{}", one.name);
            to = vec![one];
        }
        let letter = waiting.letter.as_read_by(to.iter().map(|one| &*one.who));
        let to: Vec<String> = to.into_iter().map(|one| one.address).collect();
        waiting.to = to.len();
        let input = letter.input(&to, config.lang, doors.as_ref());
        let call = waiting.call(action, (outward_key(&self.house, &key), self.next_call), (now, input));
        self.hand_out(task, call);
    }

    pub(crate) fn hand_out(&mut self, task: &TaskId, call: Call) {
        yizhan_faults::point("engine.notice_sending");
        let Some(waiting) = self.notices.waiting.get_mut(task) else { return };
        waiting.under_way = true;
        self.next_call += 1;
        self.notices.calls.insert(call.id, (task.clone(), waiting.notice.key.clone()));
        self.carriers.start(vec![call]);
    }

    /// Whether that was the call of a notice; then it is dealt with here.
    pub(crate) fn noticed(&mut self, call: u64, outcome: &Outcome) -> bool {
        let Some((task, key)) = self.notices.calls.remove(&call) else { return false };
        let gone_out = matches!(outcome, Outcome::Done { .. });
        let meant = self.notices.waiting.get_mut(&task).filter(|waiting| waiting.notice.key == key);
        if let Some(waiting) = meant {
            waiting.under_way = false;
            let all = !self.notices.apart.contains_key(&task);
            if gone_out && all {
                self.went_out(&task);
            } else if all {
                self.did_not_go_out(&task, outcome);
            } else {
                self.one_was_asked(&task, outcome);
            }
        }
        self.shared.figures.count_notice(gone_out);
        self.look_at_notices();
        true
    }

    fn went_out(&mut self, task: &TaskId) {
        yizhan_faults::point("engine.notice_sent");
        self.notices.apart.remove(task);
        self.shared.untold.forget(task);
        if let Some(Waiting { notice, letter, .. }) = self.notices.waiting.remove(task) {
            tracing::info!(run = %letter.run, %task, "told that the run asks");
            if !yizhan_faults::seeded("notices.left") {
                self.batch.notes.push(Note::Noticed { key: notice.key });
            }
        }
    }

    fn did_not_go_out(&mut self, task: &TaskId, outcome: &Outcome) {
        let (why, rest) = self.rest_of(task, outcome);
        let refused = matches!(outcome, Outcome::Failed(Failure { retry: false, .. }));
        let now = self.shared.now();
        let Some(waiting) = self.notices.waiting.get_mut(task) else { return };
        tracing::warn!(key = %waiting.notice.key, why, "a notice did not go out; it is tried again");
        self.shared.untold.set(task, &why);
        waiting.tries += 1;
        waiting.next = now.plus(rest);
        // Without room to remember who was told they would be told again and again.
        if refused && waiting.to > 1 && self.notices.apart.len() < KEPT {
            waiting.next = now;
            self.notices.apart.insert(task.clone(), Apart::default());
        }
    }

    /// One of those that are told one by one; the next comes at once.
    fn one_was_asked(&mut self, task: &TaskId, outcome: &Outcome) {
        let (why, rest) = self.rest_of(task, outcome);
        let now = self.shared.now();
        let to = self.readers(task);
        let (Some(waiting), Some(apart)) =
            (self.notices.waiting.get_mut(task), self.notices.apart.get_mut(task))
        else {
            return;
        };
        let Some(one) = apart.asked.take() else { return };
        if matches!(outcome, Outcome::Done { .. }) {
            apart.told.insert(one);
        } else {
            tracing::warn!(key = %waiting.notice.key, to = one, why, "one of several is not told");
            waiting.rest = Some(waiting.rest.map_or(rest, |known| known.min(rest)));
            apart.refused.insert(one, why);
        }
        waiting.next = now;
        if apart.next(&to).is_some() {
            return;
        }
        if apart.refused.is_empty() {
            return self.went_out(task);
        }
        self.shared.untold.set(task, &apart.why());
        apart.refused.clear();
        waiting.tries += 1;
        waiting.next = now.plus(waiting.rest.take().unwrap_or(REST_OURS));
    }

    fn readers(&self, task: &TaskId) -> Vec<Reader> {
        let (world, waiting) = (self.shared.world(), self.notices.waiting.get(task));
        waiting.map_or_else(Vec::new, |waiting| waiting.readers(&world, self.shared.now(), false))
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

    /// The next of those in the store, once all that is in memory was tried and nothing of it is still to be written.
    pub(crate) fn look_for_more_notices(&mut self) {
        let all_written = self.written + 1 == self.job && self.batch.notes.is_empty();
        if !self.notices.more || self.stopping || !all_written {
            return;
        }
        let now = self.shared.now();
        let begins = self.notices.read.is_none() && self.notices.round > now;
        if begins || self.notices.waiting.values().any(|waiting| !waiting.under_way && waiting.next <= now) {
            return;
        }
        if let Err(error) = self.recover_notices() {
            tracing::error!(%error, "notices cannot be read; they are looked for after the next start");
            self.notices.more = false;
        }
        self.look_at_notices();
    }
}
