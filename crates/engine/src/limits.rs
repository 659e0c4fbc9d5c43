//! Who has a place among those that share a limit, and who is next: a table in memory, loaded from the store's rows.
//!
//! It decides nothing by itself that the rows do not say: what it loses in a crash they give back.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use yizhan_workflow::id::{Attempt, Item, Millis, RunId};
use yizhan_workflow::plan::Rate;
use yizhan_workflow::run::event::SlotAsk;

use crate::store::{Grant, SlotRow};

/// Of one key, so many that wait are in memory; the others are read from the store when these are through.
pub(crate) const WAITING_MOST: usize = 10_000;

/// The order in which places are given: priority, then who asked first.
type Rank = (Reverse<i32>, Millis, RunId, Item);
type Who = (RunId, Item);

#[derive(Debug, Default)]
pub(crate) struct Limits {
    lines: HashMap<Arc<str>, Line>,
    known: BTreeMap<Who, (Arc<str>, Option<Rank>)>,
    /// When a rate that is used up lets the next one in.
    wakes: BTreeSet<(Millis, Arc<str>)>,
}

#[derive(Debug, Default)]
struct Line {
    waiting: BTreeMap<Rank, (u32, SlotAsk)>,
    holders: BTreeSet<Who>,
    /// Places that were given, and how long they are counted.
    grants: VecDeque<(Millis, Millis)>,
    /// The store knows more that wait than are here.
    more: bool,
    wake: Option<Millis>,
}

/// What the head of a line may do.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Head {
    /// Nobody waits, or there is no place.
    Stays,
    /// It has a place now.
    Enters { run: RunId, of: Attempt, granted: Option<Grant> },
    /// Those that wait are in the store.
    Elsewhere,
}

impl Limits {
    /// Somebody asks. What it had before, it has no more.
    pub(crate) fn ask(&mut self, row: &SlotRow) {
        let who = (row.run, row.of.item);
        let rank = (Reverse(row.ask.priority), row.asked, row.run, row.of.item);
        self.forget(who);
        let line = self.lines.entry(row.ask.key.clone()).or_default();
        // Who comes behind those that are only in the store waits there, too.
        let behind = line.more && line.waiting.last_key_value().is_none_or(|(last, _)| *last < rank);
        if behind {
            return;
        }
        line.waiting.insert(rank, (row.of.attempt, row.ask.clone()));
        self.known.insert(who, (row.ask.key.clone(), Some(rank)));
        if line.waiting.len() > WAITING_MOST
            && let Some(((_, _, run, item), _)) = line.waiting.pop_last()
        {
            line.more = true;
            self.known.remove(&(run, item));
        }
    }

    /// Has a place already, says the store.
    pub(crate) fn hold(&mut self, row: &SlotRow) {
        self.enter((row.run, row.of.item), row.ask.key.clone());
    }

    pub(crate) fn count(&mut self, grant: &Grant) {
        self.lines.entry(grant.key.clone()).or_default().grants.push_back((grant.at, grant.until));
    }

    fn enter(&mut self, who: Who, key: Arc<str>) {
        self.lines.entry(key.clone()).or_default().holders.insert(who);
        self.known.insert(who, (key, None));
    }

    /// Has its place inside another's, which counts for both: it neither waits nor holds here.
    pub(crate) fn forget(&mut self, who: Who) -> Option<Arc<str>> {
        let (key, rank) = self.known.remove(&who)?;
        if let Some(line) = self.lines.get_mut(&key) {
            match rank {
                Some(rank) => drop(line.waiting.remove(&rank)),
                None => drop(line.holders.remove(&who)),
            }
        }
        Some(key)
    }

    /// Every line of which something is known, in order.
    pub(crate) fn keys(&self) -> Vec<Arc<str>> {
        let mut keys: Vec<Arc<str>> = self.lines.keys().cloned().collect();
        keys.sort_unstable();
        keys
    }

    pub(crate) fn is_held(&self, key: &str) -> bool {
        self.lines.get(key).is_some_and(|line| !line.holders.is_empty())
    }

    /// Looks at the head of this line, and lets it in where there is a place.
    pub(crate) fn next(&mut self, key: &Arc<str>, now: Millis) -> Head {
        let Some(line) = self.lines.get_mut(key) else { return Head::Stays };
        while line.grants.front().is_some_and(|(_, until)| *until <= now) {
            line.grants.pop_front();
        }
        if let Some(at) = line.wake.take() {
            self.wakes.remove(&(at, key.clone()));
        }
        let Some((rank, (attempt, ask))) = line.waiting.first_key_value() else {
            let elsewhere = line.more;
            if !elsewhere && line.holders.is_empty() && line.grants.is_empty() {
                self.lines.remove(key);
            }
            return if elsewhere { Head::Elsewhere } else { Head::Stays };
        };
        let full = ask.most.is_some_and(|most| line.holders.len() >= most as usize);
        if full && !yizhan_faults::seeded("engine.place-too-many") {
            return Head::Stays;
        }
        if let Some(at) = ask.rate.and_then(|rate| line.full_until(rate, now)) {
            line.wake = Some(at);
            self.wakes.insert((at, key.clone()));
            return Head::Stays;
        }
        let (rank, attempt) = (*rank, *attempt);
        let granted = ask.rate.map(|rate| Grant { key: key.clone(), at: now, until: now.plus(rate.per_ms) });
        line.waiting.remove(&rank);
        line.grants.extend(granted.as_ref().map(|grant| (grant.at, grant.until)));
        let (_, _, run, item) = rank;
        self.enter((run, item), key.clone());
        Head::Enters { run, of: Attempt { item, attempt }, granted }
    }

    /// Those that the store has, after those in memory are through. `again`: when to look for those that are not among them.
    pub(crate) fn refill(&mut self, key: &Arc<str>, rows: &[SlotRow], again: Option<Millis>) {
        self.lines.entry(key.clone()).or_default().more = false;
        for row in
            rows.iter().filter(|row| !self.known.contains_key(&(row.run, row.of.item))).collect::<Vec<_>>()
        {
            self.ask(row);
        }
        let line = self.lines.entry(key.clone()).or_default();
        if let Some(at) = again {
            line.more = true;
            if line.waiting.is_empty() {
                line.wake = Some(at);
                self.wakes.insert((at, key.clone()));
            }
        }
    }

    pub(crate) fn next_wake(&self) -> Option<Millis> {
        self.wakes.first().map(|(at, _)| *at)
    }

    /// A line whose rate lets the next one in by now.
    pub(crate) fn due(&mut self, now: Millis) -> Option<Arc<str>> {
        let (at, key) = self.wakes.first().filter(|(at, _)| *at <= now).cloned()?;
        self.wakes.remove(&(at, key.clone()));
        if let Some(line) = self.lines.get_mut(&key) {
            line.wake = None;
        }
        Some(key)
    }
}

impl Line {
    /// When the window has room again, where it has none now.
    fn full_until(&self, rate: Rate, now: Millis) -> Option<Millis> {
        let counted = self.grants.iter().rev().take_while(|(at, _)| at.plus(rate.per_ms) > now);
        // The window is full as long as so many lie in it: the next one enters when the first of these leaves it.
        let last = counted.take(rate.times as usize).enumerate().last()?;
        (last.0 + 1 == rate.times as usize).then(|| last.1.0.plus(rate.per_ms))
    }
}

#[cfg(test)]
mod tests {
    use yizhan_workflow::id::{ScopeNo, StepNo};

    use super::*;
    use crate::store::SlotStands;

    fn row(run: i64, asked: i64, most: Option<u32>, rate: Option<Rate>, priority: i32) -> SlotRow {
        let item = Item { step: StepNo(0), scope: ScopeNo::RUN, round: 1, item: 0, undo: false, rung: None };
        SlotRow {
            run: RunId::from_number(run),
            of: Attempt { item, attempt: 1 },
            ask: SlotAsk { key: "k".into(), most, rate, priority },
            asked: Millis(asked),
            stands: SlotStands::Waits,
        }
    }

    fn entering(limits: &mut Limits, now: i64) -> Vec<i64> {
        let mut runs = vec![];
        while let Head::Enters { run, .. } = limits.next(&"k".into(), Millis(now)) {
            runs.push(run.number());
        }
        runs
    }

    fn leaves(limits: &mut Limits, row: &SlotRow) {
        limits.forget((row.run, row.of.item));
    }

    #[test]
    fn the_higher_priority_goes_first_and_then_who_asked_first() {
        let mut limits = Limits::default();
        let rows = [row(1, 30, Some(1), None, 0), row(2, 20, Some(1), None, 0), row(3, 40, Some(1), None, 5)];
        rows.iter().for_each(|row| limits.ask(row));
        assert_eq!(entering(&mut limits, 50), [3]);
        leaves(&mut limits, &rows[2]);
        assert_eq!(entering(&mut limits, 50), [2]);
        leaves(&mut limits, &rows[1]);
        assert_eq!(entering(&mut limits, 50), [1]);
        leaves(&mut limits, &rows[0]);
        assert_eq!(entering(&mut limits, 50), [] as [i64; 0]);
        assert!(limits.lines.is_empty() && limits.known.is_empty(), "a line that nobody stands in is gone");
    }

    #[test]
    fn nobody_passes_the_head_even_if_there_were_a_place_for_the_next() {
        let mut limits = Limits::default();
        let holder = row(1, 10, None, None, 0);
        limits.hold(&holder);
        limits.ask(&row(2, 20, Some(1), None, 0));
        limits.ask(&row(3, 30, Some(9), None, 0));
        assert_eq!(entering(&mut limits, 50), [] as [i64; 0]);
        leaves(&mut limits, &holder);
        assert_eq!(entering(&mut limits, 50), [2, 3]);
    }

    #[test]
    fn a_rate_counts_what_was_given_in_the_window_before() {
        let rate = Some(Rate { times: 2, per_ms: 1_000 });
        let mut limits = Limits::default();
        (1..=5).for_each(|run| limits.ask(&row(run, run, None, rate, 0)));
        assert_eq!(entering(&mut limits, 100), [1, 2]);
        assert_eq!(limits.next_wake(), Some(Millis(1_100)));
        assert_eq!(limits.due(Millis(1_099)), None);
        assert_eq!(limits.due(Millis(1_100)), Some("k".into()));
        assert_eq!(entering(&mut limits, 1_100), [3, 4]);
        assert_eq!(entering(&mut limits, 2_099), [] as [i64; 0]);
        assert_eq!(entering(&mut limits, 2_100), [5]);
    }

    #[test]
    fn those_beyond_the_bound_wait_in_the_store_and_lose_no_turn() {
        let mut limits = Limits::default();
        let count = WAITING_MOST as i64 + 5;
        let rows: Vec<_> = (1..=count).map(|run| row(run, run, Some(1), None, 0)).collect();
        rows.iter().for_each(|row| limits.ask(row));
        assert_eq!(limits.known.len(), WAITING_MOST);
        for (at, turn) in (1..=count).zip(&rows) {
            if limits.next(&"k".into(), Millis(0)) == Head::Elsewhere {
                limits.refill(&"k".into(), &rows[at as usize - 1..], None);
                assert_eq!(entering(&mut limits, 0), [at]);
            } else {
                assert_eq!(limits.lines["k"].holders.first().unwrap().0.number(), at);
            }
            leaves(&mut limits, turn);
        }
    }
}
