//! Schedules in a house without the world: their slots come as its clock is turned over them, as the daemon's do.

use std::sync::Arc;

use serde_json::{Map, Value as Json, json};
use yizhan_workflow::id::Millis;
use yizhan_workflow::plan::{Starts, Workflow};
use yizhan_workflow::run::event::Raw;
use yizhan_workflow::schedule::{self, Overlap, Schedule};
use yizhan_workflow::testing::Firing;

use super::past::Happening;
use super::{Begun, House};

/// One schedule of a workflow in force.
#[derive(Debug)]
pub(super) struct Watched {
    text: Arc<Workflow>,
    trigger: Arc<str>,
    next: Option<Millis>,
    /// The slot that waits until the run of the one before is over.
    queued: Option<Millis>,
    /// The last slot of which something came, and its runs.
    began: Option<Millis>,
    latest: Vec<usize>,
}

impl Watched {
    fn schedule(&self) -> Option<&Schedule> {
        let starts = &self.text.trigger(&self.trigger)?.starts;
        if let Starts::Schedule(schedule) = starts { Some(schedule) } else { None }
    }
}

impl House<'_> {
    /// From now on the schedules of this text are looked at, and those of an earlier one no more.
    pub(super) fn watch(&mut self, text: &Arc<Workflow>) {
        self.watched.retain(|watched| watched.text.name != text.name);
        for trigger in text.triggers.iter().filter(|one| matches!(one.starts, Starts::Schedule(_))) {
            self.watched.push(Watched {
                text: text.clone(),
                trigger: trigger.name.clone(),
                next: None,
                queued: None,
                began: None,
                latest: Vec::new(),
            });
            self.look_ahead(self.watched.len() - 1);
        }
    }

    fn look_ahead(&mut self, at: usize) {
        let watched = &self.watched[at];
        let calendar = self.world().calendars.named(watched.text.calendar.as_deref());
        let slots = watched.schedule().zip(calendar);
        let slots =
            slots.map(|(schedule, days)| schedule::preview(schedule, days, self.now, Millis(i64::MAX), 1));
        self.watched[at].next = slots.and_then(|slots| slots.first().copied());
    }

    pub(super) fn next_of_schedules(&self) -> Option<Millis> {
        self.watched.iter().filter_map(|watched| watched.next).min()
    }

    /// Fires what is due now.
    pub(super) fn fire_schedules(&mut self) {
        for at in 0..self.watched.len() {
            let Some(slot) = self.watched[at].next.filter(|slot| *slot <= self.now) else { continue };
            self.look_ahead(at);
            let watched = &self.watched[at];
            let gathers = watched.text.trigger(&watched.trigger).is_some_and(|one| one.gather.is_some());
            let overlap = watched.schedule().map_or(Overlap::Allow, |schedule| schedule.overlap);
            let busy = !gathers && overlap != Overlap::Allow && self.is_busy(at);
            match overlap {
                Overlap::Queue if busy => self.watched[at].queued = Some(slot),
                Overlap::Skip if busy => self.tell_slot(at, slot, "skipped"),
                Overlap::Queue | Overlap::Skip | Overlap::Allow => self.fire_slot(at, slot),
            }
        }
    }

    /// Fires a slot that waited, once the runs before it are over. False if there is none.
    pub(super) fn fire_queued(&mut self) -> bool {
        let is_due = |at: &usize| self.watched[*at].queued.is_some() && !self.is_busy(*at);
        let Some(at) = (0..self.watched.len()).find(is_due) else { return false };
        if let Some(slot) = self.watched[at].queued.take() {
            self.fire_slot(at, slot);
        }
        true
    }

    fn is_busy(&self, at: usize) -> bool {
        self.watched[at].latest.iter().any(|run| !self.runs[*run].run.is_over())
    }

    fn fire_slot(&mut self, at: usize, slot: Millis) {
        let (text, trigger) = (self.watched[at].text.clone(), self.watched[at].trigger.clone());
        let with = Raw::from(&Json::Object(self.told_of_slot(at, slot)));
        let bodies = match text.trigger(&trigger).filter(|trigger| trigger.dates().is_some()) {
            None => vec![Raw::from(&json!({}))],
            Some(own) => match self.entries_of_slot(&text, own, slot) {
                Ok(entries) => entries.iter().filter_map(|one| Raw::new(one.row.json().to_owned())).collect(),
                Err(error) => return self.tell_slot(at, slot, &error.to_string()),
            },
        };
        let mut began = Vec::new();
        for body in bodies {
            let firing = Firing { trigger: trigger.clone(), body, with: with.clone() };
            match self.set_off(&text.name, &firing, None) {
                Ok(begun) => began.extend(begun),
                // As in the daemon it is noted, and the next slot is another one.
                Err(hindrance) => self.tell_slot(at, slot, &hindrance.to_string()),
            }
        }
        if !began.is_empty() {
            let run = |one: Begun| match one {
                Begun::Started(run) | Begun::Joined(run) => Some(run),
                Begun::Kept => None,
            };
            self.watched[at].latest = began.into_iter().filter_map(run).collect();
            self.watched[at].began = Some(slot);
        }
    }

    fn tell_slot(&mut self, at: usize, slot: Millis, why: &str) {
        let detail = format!("{} {slot} {why}", self.watched[at].trigger);
        let line = Happening { at: self.now, run: None, step: String::new(), word: "slot", detail };
        self.past.lines.push(line);
    }

    /// What `trigger` holds in a run of a slot.
    fn told_of_slot(&self, at: usize, slot: Millis) -> Map<String, Json> {
        let watched = &self.watched[at];
        let mut with = Map::new();
        with.insert("at".to_owned(), json!(slot.to_string()));
        with.insert("late".to_owned(), json!(false));
        let calendar = self.world().calendars.named(watched.text.calendar.as_deref());
        if let (Some(schedule), Some(calendar)) = (watched.schedule(), calendar) {
            let moment = schedule::Moments::of(schedule, calendar).moment_of(slot);
            with.insert("moment".to_owned(), json!(moment.to_string()));
            let from = watched.began.or_else(|| schedule::before(schedule, calendar, slot));
            let window = json!({ "from": from.map(|at| at.to_string()), "to": slot.to_string() });
            with.insert("window".to_owned(), window);
        }
        with
    }

    /// A schedule that a test sets off by hand is one of this instant.
    pub(super) fn told_of_now(&self, workflow: &str, trigger: &str) -> Map<String, Json> {
        let is_it = |one: &Watched| &*one.text.name == workflow && &*one.trigger == trigger;
        let at = self.watched.iter().position(is_it);
        at.map(|at| self.told_of_slot(at, self.now)).unwrap_or_default()
    }
}
