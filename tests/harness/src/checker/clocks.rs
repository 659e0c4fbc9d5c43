//! What must hold of due times, rungs, waits and open tasks, told from the journal's facts and the store's rows.

use std::collections::{BTreeMap, BTreeSet};

use yizhan_engine::store::{Listener, SlotRow, TaskRow};
use yizhan_workflow::id::{Attempt, Item, Millis, RunId};
use yizhan_workflow::run::Line;
use yizhan_workflow::run::clock::ClockSet;
use yizhan_workflow::run::event::{Event, Fact, ItemEnd, Standing};
use yizhan_workflow::run::state::{At, Run};

use super::Violation;
use crate::evidence::RunEvidence;

/// A due time as the journal worked it out, and what of it is still ahead.
struct Clock {
    n: u16,
    due: Option<Millis>,
    late: bool,
    /// Each rung with its instant and how often it fired before.
    ahead: BTreeMap<u16, (Millis, u32)>,
    stands: bool,
}

impl Clock {
    fn of(set: &ClockSet) -> Self {
        let ahead = set.ahead.iter().map(|ahead| (ahead.rung, (ahead.at, ahead.nth))).collect();
        Self { n: set.n, due: set.due, late: false, ahead, stands: false }
    }

    /// Its item is over at this instant: nothing that was due before may be left.
    fn left(&self, now: Millis) -> Option<String> {
        if self.stands {
            return None;
        }
        let rung = self.ahead.iter().find(|(_, (at, _))| *at < now).map(|(rung, _)| format!("rung {rung}"));
        let late = self.due.is_some_and(|due| due < now) && !self.late;
        rung.or_else(|| late.then(|| "late".to_owned()))
    }
}

/// The clocks and waits of one run, line by line.
#[derive(Default)]
struct Clocks {
    clocks: BTreeMap<Item, Clock>,
    sleeps: BTreeMap<Item, Millis>,
    found: Vec<Violation>,
}

/// Due times, rungs and waits: none before its time, none twice, none left out.
pub(super) fn check_clocks(run: &RunEvidence) -> Vec<Violation> {
    let mut clocks = Clocks::default();
    for (stored, line) in &run.lines {
        for fact in &line.did {
            clocks.fact(run.row.id, stored.at, fact);
        }
    }
    clocks.found
}

impl Clocks {
    #[expect(clippy::wildcard_enum_match_arm, reason = "no other fact is about time")]
    fn fact(&mut self, id: RunId, now: Millis, fact: &Fact) {
        match fact {
            Fact::Clock { at, set } => drop(self.clocks.insert(*at, Clock::of(set))),
            Fact::Stands { at, .. } => {
                if let Some(clock) = self.clocks.get_mut(at) {
                    clock.stands = true;
                }
            }
            Fact::Late { at } => self.late(id, now, *at),
            Fact::Rung { at, n, rung, next, .. } => {
                let twice = Violation::LateTwice(id, *at, format!("rung {rung} of due time {n}"));
                let known = self.clocks.get_mut(at).filter(|clock| clock.n == *n);
                match known.and_then(|clock| Some((clock.ahead.remove(rung)?, clock))) {
                    None => self.found.push(twice),
                    Some(((due, nth), clock)) => {
                        if let Some(next) = next {
                            clock.ahead.insert(*rung, (*next, nth + 1));
                        }
                        if now < due {
                            self.found.push(Violation::LateEarly(id, *at, format!("rung {rung}")));
                        }
                    }
                }
            }
            Fact::Entered { at, state: Standing::Sleeping { until, .. } } => {
                self.sleeps.insert(*at, *until);
            }
            Fact::Over { at, end, .. } => self.over(id, now, (*at, end)),
            _ => {}
        }
    }

    fn late(&mut self, id: RunId, now: Millis, at: Item) {
        let Some(clock) = self.clocks.get_mut(&at) else { return };
        if std::mem::replace(&mut clock.late, true) {
            self.found.push(Violation::LateTwice(id, at, "late".to_owned()));
        }
        if clock.due.is_none_or(|due| now < due) {
            self.found.push(Violation::LateEarly(id, at, "late".to_owned()));
        }
    }

    fn over(&mut self, id: RunId, now: Millis, (at, end): (Item, &ItemEnd)) {
        if let Some(until) = self.sleeps.remove(&at)
            && now < until
            && *end == ItemEnd::Done
        {
            self.found.push(Violation::LateEarly(id, at, "wait".to_owned()));
        }
        if let Some(what) = self.clocks.remove(&at).and_then(|clock| clock.left(now)) {
            self.found.push(Violation::LateMissing(id, at, what));
        }
    }
}

/// What the store's rows say of one run beside its journal.
#[derive(Clone, Debug, Default)]
pub struct Rows {
    pub tasks: Vec<TaskRow>,
    pub wake: Option<Millis>,
    /// Places that it waits for or holds.
    pub slots: Vec<SlotRow>,
    /// Events that it waits for.
    pub listeners: Vec<Listener>,
}

/// Each open task has its row and each row its task; the run is woken when its next timer says.
pub(super) fn check_rows(id: RunId, folded: &Run, rows: &Rows) -> Vec<Violation> {
    let open = folded.standing_items().filter_map(|(at, state)| match &state.at {
        At::Is(Standing::Asked { a, .. } | Standing::Asking { a, .. } | Standing::Unknown { a }) => {
            Some(Attempt { item: at, attempt: *a })
        }
        At::Is(_) | At::Over(_) => None,
    });
    let open: BTreeSet<Attempt> = if folded.is_over() { BTreeSet::new() } else { open.collect() };
    let mut stands: BTreeSet<Attempt> = BTreeSet::new();
    let mut found = vec![];
    for row in &rows.tasks {
        match serde_json::from_str::<Attempt>(&row.of) {
            Ok(of) if open.contains(&of) && stands.insert(of) => {}
            Ok(_) | Err(_) => found.push(Violation::TaskStray(id, row.id.to_string())),
        }
    }
    found.extend(open.difference(&stands).map(|of| Violation::TaskLost(id, of.item)));
    let timer = folded.next_timer().filter(|_| !folded.is_over()).map(|timer| timer.at);
    if timer != rows.wake {
        found.push(Violation::WakeDiffers(id));
    }
    found
}

/// An answer that was acknowledged is in the journal, and it ended its task.
#[must_use]
pub fn check_answer(run: &RunEvidence) -> Option<Violation> {
    let ends = |line: &Line| {
        let Event::Answered { of, .. } = &line.event else { return false };
        line.did.iter().any(|fact| matches!(fact, Fact::Over { at, .. } if *at == of.item))
    };
    (!run.lines.iter().any(|(_, line)| ends(line))).then_some(Violation::AnswerLost(run.row.id))
}
