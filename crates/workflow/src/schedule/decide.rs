//! What is due, late or missed, and what comes: both from the same slots.

use super::{Decided, Missed, Schedule, Slot, Slots, WhyMissed};
use crate::calendar::Calendar;
use crate::id::Millis;
use crate::moment::{Length, Offset, Unit};

/// A slot that is looked at within this time is not late; a busy minute or a quick restart is no miss.
const IN_TIME: i64 = 60_000;

/// How many missed slots fire at once, and how many are named one by one.
const MOST: usize = 100;

/// What may be in time (a slot a second is the least), what fires late, and what is named.
const LOOKED_AT: u64 = 60 + 2 * MOST as u64;

/// Decides about all slots after `last` up to `now`. Working days are those of `calendar`, as is the zone of schedules
/// that name none.
///
/// A clock that went back finds nothing due until it has passed `last` again; one that went ahead finds slots missed.
#[must_use]
pub fn decide(schedule: &Schedule, calendar: &Calendar, last: Millis, now: Millis) -> Decided {
    let slots = Moments::of(schedule, calendar);
    let (before, due) = latest(&slots, last, now);
    let seen = due.last().copied().unwrap_or(last);
    let in_time = due.partition_point(|at| now.0.saturating_sub(at.0) >= IN_TIME);
    let (passed, in_time) = due.split_at(in_time);
    let (late, mut missed) = sort_passed(schedule, passed, in_time.first().copied(), now);

    let fire = late.into_iter().map(|at| Slot { at, late: true });
    let fire = fire.chain(in_time.iter().map(|at| Slot { at: *at, late: false })).collect();
    let beyond = missed.len().saturating_sub(MOST);
    missed.drain(..beyond);
    Decided { fire, missed, missed_before: before + beyond as u64, seen, next: slots.after(seen.max(now)) }
}

/// Which of the slots that passed fire late, and why the others do not. `taken` is a slot that is in time.
fn sort_passed(
    schedule: &Schedule,
    passed: &[Millis],
    taken: Option<Millis>,
    now: Millis,
) -> (Vec<Millis>, Vec<(Millis, WhyMissed)>) {
    let recent = passed.partition_point(|at| now.0.saturating_sub(at.0) > schedule.missed_within.ms);
    let (old, recent) = passed.split_at(recent);
    let fires = match schedule.missed {
        Missed::None => 0,
        // The slots of other days are those of other entries.
        Missed::One if schedule.of.is_some() => MOST,
        Missed::One => usize::from(taken.is_none()),
        Missed::All => MOST,
    };
    let (not, late) = recent.split_at(recent.len().saturating_sub(fires));
    let why = match schedule.missed {
        Missed::None => WhyMissed::NotWanted,
        Missed::One => taken.or(late.first().copied()).map_or(WhyMissed::NotWanted, WhyMissed::TakenBy),
        Missed::All => WhyMissed::TooMany,
    };
    let old = old.iter().map(|at| (*at, WhyMissed::TooLongAgo));
    (late.to_vec(), old.chain(not.iter().map(|at| (*at, why))).collect())
}

/// The latest slots after `from` and not after `until`, as many as are looked at one by one, and how many were before.
fn latest(slots: &Moments<'_>, from: Millis, until: Millis) -> (u64, Vec<Millis>) {
    // Slots are only found forwards, so the start is moved back until enough are between.
    let mut window = 3_600_000_i64;
    let mut start = Millis(until.0.saturating_sub(window)).max(from);
    while start > from && slots.count(start, until) < LOOKED_AT {
        window = window.saturating_mul(4);
        start = Millis(until.0.saturating_sub(window)).max(from);
    }
    let mut all = between(slots, start, until, usize::MAX);
    let beyond = all.len().saturating_sub(usize::try_from(LOOKED_AT).unwrap_or(usize::MAX));
    all.drain(..beyond);
    (slots.count(from, start) + beyond as u64, all)
}

fn between(slots: &Moments<'_>, from: Millis, until: Millis, most: usize) -> Vec<Millis> {
    std::iter::successors(slots.after(from), |at| slots.after(*at))
        .take_while(|at| *at <= until)
        .take(most)
        .collect()
}

/// The slots after `from` up to `until`, at most so many.
#[must_use]
pub fn preview(
    schedule: &Schedule,
    calendar: &Calendar,
    from: Millis,
    until: Millis,
    most: usize,
) -> Vec<Millis> {
    between(&Moments::of(schedule, calendar), from, until, most)
}

/// The same with the moment that each slot is ahead of.
#[must_use]
pub fn moments(
    schedule: &Schedule,
    calendar: &Calendar,
    from: Millis,
    until: Millis,
    most: usize,
) -> Vec<(Millis, Millis)> {
    let slots = Moments::of(schedule, calendar);
    let next = |after: Millis| slots.pair_after(after);
    std::iter::successors(next(from), |(at, _)| next(*at))
        .take_while(|(at, _)| *at <= until)
        .take(most)
        .collect()
}

/// The slot before an instant: where the window of a firing begins.
#[must_use]
pub fn before(schedule: &Schedule, calendar: &Calendar, at: Millis) -> Option<Millis> {
    let slots = Moments::of(schedule, calendar);
    let until = Millis(at.0.checked_sub(1)?);
    let mut window = 3_600_000_i64;
    while window < 100 * 366 * DAY {
        let start = Millis(until.0.checked_sub(window)?);
        if let Some(last) = between(&slots, start, until, usize::MAX).pop() {
            return Some(last);
        }
        window = window.saturating_mul(4);
    }
    None
}

const DAY: i64 = 24 * 3_600_000;

/// The slots of a schedule, with the moment of each.
pub struct Moments<'a> {
    slots: Slots<'a>,
    calendar: &'a Calendar,
    ahead: Option<Length>,
}

impl<'a> Moments<'a> {
    #[must_use]
    pub fn of(schedule: &'a Schedule, calendar: &'a Calendar) -> Self {
        Self { slots: Slots::of(schedule, calendar), calendar, ahead: schedule.ahead }
    }

    /// The moment of a slot: the slot itself, where nothing is done ahead of it.
    #[must_use]
    pub fn moment_of(&self, slot: Millis) -> Millis {
        let before = Millis(slot.0.saturating_sub(1));
        self.pair_after(before).filter(|(at, _)| *at == slot).map_or(slot, |(_, moment)| moment)
    }

    /// All moments of a slot: `ahead` counts working days from several days to the same one.
    pub(crate) fn moments_of(&self, slot: Millis) -> Vec<Millis> {
        let Some(length) = self.ahead else { return vec![slot] };
        let first = self.moment_of(slot);
        let next = |moment: &Millis| self.slots.after(*moment);
        let ahead = |moment: &Millis| Offset { before: true, length }.from_due(*moment, self.calendar).ok();
        std::iter::successors(Some(first), next).take_while(|moment| ahead(moment) == Some(slot)).collect()
    }

    fn after(&self, instant: Millis) -> Option<Millis> {
        self.pair_after(instant).map(|(at, _)| at)
    }

    fn pair_after(&self, instant: Millis) -> Option<(Millis, Millis)> {
        let Some(length) = self.ahead else {
            return self.slots.after(instant).map(|at| (at, at));
        };
        let mut moment = self.slots.after(instant.plus(at_least(length)))?;
        loop {
            let at = Offset { before: true, length }.from_due(moment, self.calendar).ok()?;
            if at > instant {
                return Some((at, moment));
            }
            moment = self.slots.after(moment)?;
        }
    }

    fn count(&self, from: Millis, until: Millis) -> u64 {
        match self.ahead {
            None => self.slots.count(from, until),
            Some(Length::Clock(span)) => self.slots.count(from.plus(span.ms), until.plus(span.ms)),
            Some(Length::Days { .. } | Length::Workdays(_) | Length::Open(_)) => {
                let all = std::iter::successors(self.after(from), |at| self.after(*at));
                all.take_while(|at| *at <= until).count() as u64
            }
        }
    }
}

/// A moment lies at least so far behind its slot.
fn at_least(length: Length) -> i64 {
    let days = |n: u32, long: i64| (i64::from(n) * long - 2).max(0) * DAY;
    match length {
        Length::Clock(span) | Length::Open(span) => span.ms,
        Length::Workdays(n) | Length::Days { n, unit: Unit::Days } => days(n, 1),
        Length::Days { n, unit: Unit::Weeks } => days(n, 7),
        Length::Days { n, unit: Unit::Months } => days(n, 28),
        Length::Days { n, unit: Unit::Years } => days(n, 365),
    }
}
