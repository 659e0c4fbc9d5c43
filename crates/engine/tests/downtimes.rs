//! Schedules over downtimes: what fires late and what stays missed, against an oracle that walks over the clock in steps
//! of five minutes and knows nothing of our evaluator; and many schedules on one second.
//!
//! 120 random cases with every change, 1,000 with `YIZHAN_LONG=1`.

#![expect(clippy::unwrap_used, reason = "a test may")]

mod stage;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use jiff::Timestamp;
use jiff::civil::{DateTime, Time, Weekday};
use jiff::tz::TimeZone;
use yizhan_engine::carrier::{Call, CancelReason, Carriers};
use yizhan_engine::schedules::Schedules;
use yizhan_engine::store::{FiringOutcome, Reads};
use yizhan_engine::{Driver, EngineConfig, Opened};
use yizhan_store::Memory;
use yizhan_workflow::catalogue::Catalogue;
use yizhan_workflow::id::Millis;

use stage::{Hands, workflows, world};

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
/// Every slot and every change of a clock of these zones falls on one of these.
const STEP: i64 = 5 * MINUTE;

struct Nobody;

impl Carriers for Nobody {
    fn start(&self, _: Vec<Call>) {}
    fn cancel(&self, _: &[u64], _: CancelReason) {}
}

/// An engine over a store, and a clock that stands where it is put.
struct House {
    driver: Driver<Memory>,
    schedules: Schedules,
    clock: Arc<Hands>,
    store: Memory,
    /// Transactions so far.
    written: u32,
}

fn house(store: Memory, at: Millis, texts: &[(String, String)]) -> House {
    let texts: Vec<_> = texts.iter().map(|(name, text)| (&**name, &**text)).collect();
    let clock = Hands::at(at.0);
    let world = world(Catalogue { actions: BTreeMap::new() });
    let opened = Opened::default().holding(workflows(&texts));
    let reads: Arc<dyn Reads> = Arc::new(store.clone());
    let (engine, driver) = opened
        .by_hand(EngineConfig::default(), store.clone(), reads, Arc::new(Nobody), world, clock.clone())
        .unwrap();
    let schedules = Schedules::new(engine);
    House { driver, schedules, clock, store, written: 0 }
}

impl House {
    /// Looks at all schedules at this instant; the loop and the disk have their turns meanwhile.
    fn look(&mut self, at: Millis) {
        self.clock.turn_to(at.0);
        let mut look = std::pin::pin!(self.schedules.look());
        let mut context = Context::from_waker(Waker::noop());
        while look.as_mut().poll(&mut context) == Poll::Pending {
            self.driver.turn();
            self.written += u32::from(self.driver.write());
            self.driver.turn();
        }
    }

    /// The process ends and another one begins over what was written.
    fn restarted(self, at: Millis, texts: &[(String, String)]) -> Self {
        house(self.store.clone_committed(), at, texts)
    }

    fn outcomes(&self, workflow: &str) -> BTreeMap<Millis, FiringOutcome> {
        let firings = self.store.firings(workflow, "t", 100_000).unwrap();
        let mut runs = BTreeSet::new();
        let all: BTreeMap<_, _> = firings
            .iter()
            .map(|(firing, run)| {
                let ran = matches!(firing.outcome, FiringOutcome::Started | FiringOutcome::Late);
                assert_eq!(run.is_some(), ran, "{firing:?}");
                assert!(run.is_none_or(|run| runs.insert(run)), "two slots of one run");
                (firing.at, firing.outcome)
            })
            .collect();
        assert_eq!(all.len(), firings.len(), "a slot has two rows");
        all
    }
}

// ---- the oracle -------------------------------------------------------------------------------------------------------

#[derive(Clone, Copy, Debug, PartialEq)]
enum Rhythm {
    /// So often in each hour, on the clock.
    EveryMinutes(i8),
    /// At a time of day, each day or on one day of the week.
    At(Time, Option<Weekday>),
}

#[derive(Clone, Debug)]
struct Case {
    words: &'static str,
    rhythm: Rhythm,
    zone: &'static str,
    missed: &'static str,
    within: i64,
    /// When it was seen first, and when it is looked at; at each `true` after a restart.
    first: Millis,
    looks: Vec<(Millis, bool)>,
}

fn local(zone: &TimeZone, at: i64) -> DateTime {
    Timestamp::from_millisecond(at).unwrap().to_zoned(zone.clone()).datetime()
}

impl Case {
    /// Step by step: an interval comes whenever the clock shows it, a time of day the first time that the clock shows it,
    /// or, on a day that lacks it, when the clock has jumped over it.
    fn slots(&self, until: Millis) -> Vec<i64> {
        let zone = TimeZone::get(self.zone).unwrap();
        let begin = (self.first.0 - 3 * DAY).div_euclid(STEP) * STEP;
        let (mut slots, mut days, mut before) = (vec![], BTreeSet::new(), local(&zone, begin - STEP));
        for at in (begin..=until.0).step_by(usize::try_from(STEP).unwrap()) {
            let now = local(&zone, at);
            let comes = match self.rhythm {
                Rhythm::EveryMinutes(minutes) => now.minute() % minutes == 0,
                Rhythm::At(time, weekday) => {
                    let wanted = now.date().to_datetime(time);
                    let shown = now == wanted || (before < wanted && wanted < now);
                    shown && weekday.is_none_or(|day| day == now.weekday()) && days.insert(now.date())
                }
            };
            if comes && at > self.first.0 {
                slots.push(at);
            }
            before = now;
        }
        slots
    }

    /// What each slot comes to, and how many have no row, look by look.
    fn expected(&self) -> (BTreeMap<Millis, FiringOutcome>, usize) {
        let slots = self.slots(self.looks.last().unwrap().0);
        let (mut rows, mut unnamed, mut last) = (BTreeMap::new(), 0, self.first.0);
        for (now, _) in &self.looks {
            let due: Vec<i64> = slots.iter().copied().filter(|at| *at > last && *at <= now.0).collect();
            let (mut fires, mut missed) = (vec![], vec![]);
            for at in due.iter().rev() {
                let passed = now.0 - at;
                let is_first_late = fires.is_empty();
                if passed < MINUTE {
                    rows.insert(Millis(*at), FiringOutcome::Started);
                    fires.push(*at);
                    continue;
                }
                let late = fires.iter().filter(|at| now.0 - **at >= MINUTE).count();
                let wanted = match self.missed {
                    "none" => false,
                    "one" => is_first_late,
                    _ => late < 100,
                };
                if wanted && passed <= self.within {
                    rows.insert(Millis(*at), FiringOutcome::Late);
                    fires.push(*at);
                } else {
                    missed.push(*at);
                }
            }
            unnamed += missed.len().saturating_sub(100);
            rows.extend(missed.into_iter().take(100).map(|at| (Millis(at), FiringOutcome::Missed)));
            last = due.last().copied().unwrap_or(last);
        }
        (rows, unnamed)
    }

    fn text(&self) -> String {
        format!(
            "title = \"T\"\n[trigger.t]\nschedule = \"{}\"\ntimezone = \"{}\"\nmissed = \"{}\"\nmissed_within = \"{}min\"\noverlap = \"allow\"\n[step.rest]\nwait = \"1 year\"\n",
            self.words,
            self.zone,
            self.missed,
            self.within / MINUTE
        )
    }
}

const RHYTHMS: [(&str, Rhythm); 8] = [
    ("02:30", Rhythm::At(Time::constant(2, 30, 0, 0), None)),
    ("01:30", Rhythm::At(Time::constant(1, 30, 0, 0), None)),
    ("09:05", Rhythm::At(Time::constant(9, 5, 0, 0), None)),
    ("00:00", Rhythm::At(Time::constant(0, 0, 0, 0), None)),
    ("sunday at 02:00", Rhythm::At(Time::constant(2, 0, 0, 0), Some(Weekday::Sunday))),
    ("every 15min", Rhythm::EveryMinutes(15)),
    ("every 1h", Rhythm::EveryMinutes(60)),
    ("*/20 * * * *", Rhythm::EveryMinutes(20)),
];
const ZONES: [&str; 7] = [
    "Asia/Shanghai",
    "America/New_York",
    "Europe/Berlin",
    "Australia/Sydney",
    "America/Santiago",
    "Asia/Kathmandu",
    "UTC",
];

struct Dice(u64);

impl Dice {
    fn below(&mut self, n: i64) -> i64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        i64::try_from(self.0 % u64::try_from(n).unwrap()).unwrap()
    }

    fn one_of<T: Copy>(&mut self, all: &[T]) -> T {
        all[usize::try_from(self.below(i64::try_from(all.len()).unwrap())).unwrap()]
    }

    /// Half of them begin in the days before a change of the zone's clock, where it has any.
    fn case(&mut self) -> Case {
        let (words, rhythm) = self.one_of(&RHYTHMS);
        let zone = self.one_of(&ZONES);
        let mut first = 1_577_836_800_000 + self.below(10 * 365 * DAY);
        let from = Timestamp::from_millisecond(first).unwrap();
        let changes = TimeZone::get(zone).unwrap();
        let change = changes.following(from).next().map(|change| change.timestamp());
        if let Some(change) = change.filter(|_| self.below(2) == 0) {
            first = change.as_millisecond() - self.below(3 * DAY);
        }
        let mut looks = vec![];
        let mut now = first;
        for _ in 0..self.below(4) {
            now += 1_000 + self.below(HOUR);
            looks.push((Millis(now), false));
        }
        now += self.below(72 * HOUR);
        // Who comes back at a slot or just after one finds it in time.
        if self.below(3) == 0 {
            now = now / (15 * MINUTE) * (15 * MINUTE) + self.below(90_000);
        }
        let now = now.max(looks.last().map_or(first, |(at, _)| at.0) + 1);
        looks.push((Millis(now), true));
        looks.push((Millis(now + self.below(2 * HOUR)), self.below(2) == 0));
        let missed = self.one_of(&["none", "one", "all"]);
        let within = self.one_of(&[0, 30 * MINUTE, 24 * HOUR, 72 * HOUR]);
        Case { words, rhythm, zone, missed, within, first: Millis(first), looks }
    }
}

#[test]
fn after_any_downtime_each_slot_has_the_outcome_that_the_file_asks_for() {
    let cases = if std::env::var_os("YIZHAN_LONG").is_some() { 1_000 } else { 120 };
    let (mut dice, mut seen) = (Dice(0x9E37_79B9_7F4A_7C15), BTreeMap::<String, usize>::new());
    for number in 0..cases {
        let case = dice.case();
        let texts = [("t".to_owned(), case.text())];
        let mut house = house(Memory::new(), case.first, &texts);
        house.look(case.first);
        for (at, restarts) in &case.looks {
            if *restarts {
                house = house.restarted(*at, &texts);
            }
            house.look(*at);
        }
        let (expected, unnamed) = case.expected();
        assert_eq!(house.outcomes("t"), expected, "case {number}: {case:#?}");
        for outcome in expected.values() {
            *seen.entry(format!("{outcome:?}")).or_default() += 1;
        }
        *seen.entry("unnamed".to_owned()).or_default() += unnamed;
    }
    assert!(seen.values().all(|count| *count > 0) && seen.len() == 4, "all kinds came: {seen:?}");
}

#[test]
fn a_day_that_lacks_a_time_has_it_once_and_one_that_has_it_twice_too() {
    let case = |words, rhythm, first: &str, until: &str| {
        let at = |text: &str| Millis(text.parse::<Timestamp>().unwrap().as_millisecond());
        let looks = vec![(at(until), true)];
        let zone = "America/New_York";
        Case { words, rhythm, zone, missed: "all", within: 72 * HOUR, first: at(first), looks }
    };
    let slots = |case: &Case| -> Vec<String> {
        let slots = case.slots(case.looks[0].0).into_iter();
        slots.map(|at| Timestamp::from_millisecond(at).unwrap().to_string()).collect()
    };
    // The oracle itself: known days of 2026.
    let gap = case(RHYTHMS[0].0, RHYTHMS[0].1, "2026-03-07T12:00:00Z", "2026-03-09T12:00:00Z");
    assert_eq!(slots(&gap), ["2026-03-08T07:00:00Z", "2026-03-09T06:30:00Z"]);
    let fold = case(RHYTHMS[1].0, RHYTHMS[1].1, "2026-10-31T12:00:00Z", "2026-11-02T12:00:00Z");
    assert_eq!(slots(&fold), ["2026-11-01T05:30:00Z", "2026-11-02T06:30:00Z"]);
    let hours = case(RHYTHMS[6].0, RHYTHMS[6].1, "2026-11-01T04:30:00Z", "2026-11-01T07:30:00Z");
    assert_eq!(slots(&hours), ["2026-11-01T05:00:00Z", "2026-11-01T06:00:00Z", "2026-11-01T07:00:00Z"]);
}

#[test]
fn a_thousand_schedules_on_one_second_each_fire_once_and_share_their_commits() {
    let text = "title = \"T\"\n[trigger.t]\nschedule = \"every 1min\"\noverlap = \"allow\"\n[step.rest]\nwait = \"1 year\"\n";
    let texts: Vec<_> = (0..1_000).map(|number| (format!("w{number}"), text.to_owned())).collect();
    let begin = Millis(1_795_312_800_000);
    let mut house = house(Memory::new(), begin, &texts);
    house.look(begin);
    let (slots, before) = (5, house.written);
    for minute in 1..=slots {
        house.look(begin.plus(minute * MINUTE));
        house.look(begin.plus(minute * MINUTE + 1_000));
    }
    let due: BTreeMap<_, _> =
        (1..=slots).map(|minute| (begin.plus(minute * MINUTE), FiringOutcome::Started)).collect();
    for (name, _) in &texts {
        assert_eq!(house.outcomes(name), due, "{name}");
    }
    // One after the other, each waiting for the disk twice, they would take seconds where a commit takes milliseconds.
    let each = (house.written - before) / u32::try_from(slots).unwrap();
    assert!(each < 100, "{each} commits for one second's thousand schedules");
}
