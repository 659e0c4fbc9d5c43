//! What is due, late or missed, and what comes: both from the same slots.

use jiff::tz::TimeZone;

use super::{Decided, Missed, Schedule, Slot, Slots, WhyMissed};
use crate::id::Millis;

/// A slot that is looked at within this time is not late; a busy minute or a quick restart is no miss.
const IN_TIME: i64 = 60_000;

/// How many missed slots fire at once, and how many are named one by one.
const MOST: usize = 100;

/// What may be in time (a slot a second is the least), what fires late, and what is named.
const LOOKED_AT: u64 = 60 + 2 * MOST as u64;

/// Decides about all slots after `last` up to `now`. `house` is the zone of schedules that name none.
///
/// A clock that went back finds nothing due until it has passed `last` again; one that went ahead finds slots missed.
#[must_use]
pub fn decide(schedule: &Schedule, house: &TimeZone, last: Millis, now: Millis) -> Decided {
    let slots = Slots::of(schedule, house);
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
fn latest(slots: &Slots<'_>, from: Millis, until: Millis) -> (u64, Vec<Millis>) {
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

fn between(slots: &Slots<'_>, from: Millis, until: Millis, most: usize) -> Vec<Millis> {
    std::iter::successors(slots.after(from), |at| slots.after(*at))
        .take_while(|at| *at <= until)
        .take(most)
        .collect()
}

/// The slots after `from` up to `until`, at most so many.
#[must_use]
pub fn preview(
    schedule: &Schedule,
    house: &TimeZone,
    from: Millis,
    until: Millis,
    most: usize,
) -> Vec<Millis> {
    between(&Slots::of(schedule, house), from, until, most)
}
