//! Shift rosters: who has which shift on a day, and who is on duty at an instant.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};

use super::Days;

/// A list of shifts and who has them, by weeks, by turns, and on single days.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Roster {
    pub title: Option<String>,
    pub shifts: Vec<Shift>,
    /// The days on which it holds.
    pub days: Days,
    /// One week, or as many as the cycle has.
    pub weeks: Vec<Week>,
    /// The Monday of the first week of the cycle.
    pub first_week: Option<Date>,
    pub turns: Vec<Turn>,
    /// Whose days off and holidays are meant; the house's, if none is named.
    pub calendar: Option<Arc<str>>,
    /// Instead of weeks and turns, on every day that the calendar does not work.
    pub day_off: Option<Plan>,
    /// On its holidays, before `day_off`.
    pub holiday: Option<Plan>,
    /// Single days, shift by shift: a swap.
    pub single: BTreeMap<Date, Plan>,
    /// What must be manned each day; nothing: every shift that is written.
    pub cover: Vec<Hours>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shift {
    pub name: Arc<str>,
    pub hours: Vec<Hours>,
}

/// From one time of the day to another; one that is not later is of the day after.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hours {
    pub from: Time,
    pub until: Time,
}

/// Which place in `Roster::shifts`.
pub type ShiftNo = usize;

/// Who has which shift; a shift that is written and has nobody is not manned on purpose.
pub type Plan = BTreeMap<ShiftNo, Vec<String>>;

/// From Monday; a day that is not written was forgotten.
pub type Week = [Option<Plan>; 7];

/// A row of days that comes again and again from `start` on: `None` is a day off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Turn {
    pub who: String,
    pub start: Date,
    pub days: Vec<Option<ShiftNo>>,
}

/// Somebody has a shift, or nobody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Duty {
    /// Ids; nobody in a gap.
    pub who: Vec<String>,
    /// Empty where the gap is of no shift but of the hours that must be manned.
    pub shift: Arc<str>,
    /// The day on which it begins.
    pub day: Date,
    pub from: DateTime,
    pub until: DateTime,
}

/// What a calendar says of a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DayKind {
    Workday,
    /// Not worked, such as a Sunday.
    Off,
    /// Not worked because it is a holiday.
    Holiday,
}

/// What a roster is asked with beside a day.
pub struct Around<'a> {
    /// Whether somebody is employed on a day.
    pub here: &'a dyn Fn(&str, Date) -> bool,
    /// What a calendar says of a day.
    pub kind: &'a dyn Fn(Option<&str>, Date) -> DayKind,
}

/// `2026-10-03 08:30-17:30 白班`.
impl fmt::Display for Duty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}-{}", self.day, self.from.strftime("%H:%M"), self.until.strftime("%H:%M"))?;
        if self.shift.is_empty() { Ok(()) } else { write!(f, " {}", self.shift) }
    }
}

impl Hours {
    fn of(self, day: Date) -> (DateTime, DateTime) {
        let last = if self.until <= self.from { after(day, 1) } else { day };
        (day.to_datetime(self.from), last.to_datetime(self.until))
    }
}

fn after(day: Date, days: i64) -> Date {
    day.saturating_add(Span::new().days(days))
}

fn days_from(start: Date, day: Date) -> i64 {
    start.until(day).map_or(0, |span| i64::from(span.get_days()))
}

/// A remainder as a place in a row of `length`.
fn place(days: i64, length: usize) -> Option<usize> {
    let length = i64::try_from(length).ok().filter(|length| *length > 0)?;
    usize::try_from(days.rem_euclid(length)).ok()
}

#[must_use]
pub fn monday_of(day: Date) -> Date {
    after(day, -i64::from(day.weekday().to_monday_zero_offset()))
}

impl Roster {
    /// Who has which shift on a day, as written: also those who are not here.
    #[must_use]
    pub fn plan(&self, day: Date, around: &Around<'_>) -> Plan {
        if !self.days.has(day) {
            return Plan::new();
        }
        let mut plan = match self.free_day(day, around) {
            Some(free) => free.clone(),
            None => {
                let mut plan = self.of_week(day).cloned().unwrap_or_default();
                for (turn, shift) in self.turns.iter().filter_map(|turn| Some((turn, turn.shift(day)?))) {
                    plan.entry(shift).or_default().push(turn.who.clone());
                }
                plan
            }
        };
        for (shift, who) in self.single.get(&day).into_iter().flatten() {
            plan.insert(*shift, who.clone());
        }
        plan
    }

    /// What holds instead of weeks and turns on a day that the calendar does not work.
    fn free_day(&self, day: Date, around: &Around<'_>) -> Option<&Plan> {
        if self.holiday.is_none() && self.day_off.is_none() {
            return None;
        }
        match (around.kind)(self.calendar.as_deref(), day) {
            DayKind::Workday => None,
            DayKind::Off => self.day_off.as_ref(),
            DayKind::Holiday => self.holiday.as_ref().or(self.day_off.as_ref()),
        }
    }

    fn of_week(&self, day: Date) -> Option<&Plan> {
        let weeks = match self.first_week {
            Some(first) => days_from(first, day).div_euclid(7),
            None => 0,
        };
        let week = self.weeks.get(place(weeks, self.weeks.len())?)?;
        week[place(i64::from(day.weekday().to_monday_zero_offset()), 7)?].as_ref()
    }

    /// The shifts of a day with those who are here for them; one that is manned by nobody on purpose is left out, one
    /// that nobody has although it must be is a gap.
    #[must_use]
    pub fn day(&self, day: Date, around: &Around<'_>) -> Vec<Duty> {
        let plan = self.plan(day, around);
        let mut duties = Vec::new();
        for (no, shift) in self.shifts.iter().enumerate() {
            let written = plan.get(&no);
            let meant_to_be_empty = written.is_some_and(Vec::is_empty);
            if meant_to_be_empty || (written.is_none() && !self.needs(no, day, around)) {
                continue;
            }
            let mut who: Vec<String> = Vec::new();
            for one in written.into_iter().flatten() {
                if (around.here)(one, day) && !who.contains(one) {
                    who.push(one.clone());
                }
            }
            for hours in &shift.hours {
                let (from, until) = hours.of(day);
                duties.push(Duty { who: who.clone(), shift: shift.name.clone(), day, from, until });
            }
        }
        duties.sort_by_key(|duty| duty.from);
        duties
    }

    /// Whether a shift of which the day says nothing must be manned all the same: its turns leave a day out, or the
    /// week has no such day.
    fn needs(&self, shift: ShiftNo, day: Date, around: &Around<'_>) -> bool {
        if !self.days.has(day) || !self.cover.is_empty() || self.free_day(day, around).is_some() {
            return false;
        }
        let in_turns = |turn: &Turn| turn.start <= day && turn.days.contains(&Some(shift));
        let forgotten = !self.weeks.is_empty() && self.turns.is_empty() && self.of_week(day).is_none();
        forgotten || self.turns.iter().any(in_turns)
    }

    /// Who is on duty at an instant, each with the shift.
    #[must_use]
    pub fn on_duty(&self, at: Timestamp, zone: &TimeZone, around: &Around<'_>) -> Vec<Duty> {
        let today = zone.to_datetime(at).date();
        let instant = |local: DateTime| local.to_zoned(zone.clone()).map(|zoned| zoned.timestamp());
        let days = [after(today, -1), today];
        let duties = days.into_iter().flat_map(|day| self.day(day, around));
        let is_now = |duty: &Duty| match (instant(duty.from), instant(duty.until)) {
            (Ok(from), Ok(until)) => from <= at && at < until,
            _ => false,
        };
        duties.filter(|duty| !duty.who.is_empty() && is_now(duty)).collect()
    }

    /// Where nobody is on duty who should be, on each day from `first` to `last`.
    #[must_use]
    pub fn gaps(&self, first: Date, last: Date, around: &Around<'_>) -> Vec<Duty> {
        let days = first.series(Span::new().days(1)).take_while(|day| *day <= last);
        let mut gaps = Vec::new();
        for day in days.filter(|day| self.days.has(*day)) {
            let open = self.day(day, around).into_iter().filter(|duty| duty.who.is_empty());
            gaps.extend(open);
            gaps.extend(self.uncovered(day, around));
        }
        gaps
    }

    /// What is left of the hours that must be manned.
    fn uncovered(&self, day: Date, around: &Around<'_>) -> Vec<Duty> {
        if self.cover.is_empty() {
            return Vec::new();
        }
        let days = [after(day, -1), day, after(day, 1)];
        let manned: Vec<(DateTime, DateTime)> = days
            .into_iter()
            .flat_map(|day| self.day(day, around))
            .filter(|duty| !duty.who.is_empty())
            .map(|duty| (duty.from, duty.until))
            .collect();
        let mut left: Vec<(DateTime, DateTime)> = self.cover.iter().map(|hours| hours.of(day)).collect();
        for (from, until) in manned {
            left = left
                .into_iter()
                .flat_map(|(start, end)| [(start, end.min(from)), (start.max(until), end)])
                .filter(|(start, end)| start < end)
                .collect();
        }
        left.sort_unstable();
        left.dedup();
        let gap = |(from, until)| Duty { who: Vec::new(), shift: "".into(), day, from, until };
        left.into_iter().map(gap).collect()
    }

    /// Everybody whom it names, as written.
    pub fn everybody(&self) -> impl Iterator<Item = &str> {
        let weeks = self.weeks.iter().flatten().flatten();
        let plans = weeks.chain(&self.day_off).chain(&self.holiday).chain(self.single.values());
        let planned = plans.flat_map(BTreeMap::values).flatten().map(String::as_str);
        planned.chain(self.turns.iter().map(|turn| turn.who.as_str()))
    }
}

impl Turn {
    fn shift(&self, day: Date) -> Option<ShiftNo> {
        if day < self.start {
            return None;
        }
        *self.days.get(place(days_from(self.start, day), self.days.len())?)?
    }
}
