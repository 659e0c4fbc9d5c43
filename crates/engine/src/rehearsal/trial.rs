//! Plays a test of a workflow in a house without the world, and says where what happens is not what was expected.

use std::ops::Range;
use std::sync::Arc;

use serde_json::json;
use yizhan_workflow::calendar::Calendar;
use yizhan_workflow::expression::ExpressionError;
use yizhan_workflow::id::Millis;
use yizhan_workflow::moment::{Anchored, Moment, Standpoint};
use yizhan_workflow::plan::Workflow;
use yizhan_workflow::run::event::{EndState, Event, Raw, Standing, Verdict};
use yizhan_workflow::run::state::Phase;
use yizhan_workflow::run::{OPERATOR, Refusal};
use yizhan_workflow::testing::{Begins, Case, Expected, Line, Play, Refused, StepPath, TELL, Test, Word};

use super::house::{Ground, Happening, Hindrance, House};
use crate::intake;

mod act;
mod compare;
mod entries;
mod expect;
mod look;

pub use compare::Differs;
pub use entries::Kept;
pub use expect::Near;

/// Lines of the journal that are shown with a failure.
const AROUND: usize = 14;

/// What a test is played with.
#[derive(Clone, Copy)]
pub struct Stage<'w> {
    pub ground: Ground<'w>,
    /// The workflow whose test it is.
    pub own: &'w Arc<Workflow>,
    pub others: &'w (dyn Fn(&str) -> Option<Arc<Workflow>> + Sync),
}

/// Where a test did not hold.
#[derive(Clone, Debug)]
pub struct Failed {
    /// The line of the file.
    pub place: Range<usize>,
    pub at: Millis,
    pub miss: Box<Miss>,
    /// The end of the journal so far.
    pub around: Vec<Happening>,
}

/// What happened instead.
#[derive(Clone, Debug)]
pub enum Miss {
    NoCall {
        action: String,
        near: Vec<Near>,
    },
    /// So many were wanted, so many fit.
    Times {
        action: String,
        wanted: u32,
        found: usize,
        near: Vec<Near>,
    },
    UnexpectedCall {
        call: Near,
    },
    Differs {
        what: String,
        all: Vec<Differs>,
    },
    /// No task is open there; how the step stands, and the tasks that are open.
    NoTask {
        step: String,
        stands: String,
        open: Vec<String>,
    },
    ATask {
        step: String,
        who: String,
    },
    /// The step does not stand as it would have to.
    NotSo {
        step: String,
        stands: String,
    },
    NoSuchItem {
        step: String,
    },
    NoRun {
        workflow: String,
        runs: Vec<String>,
    },
    ARun {
        workflow: String,
    },
    NoEvent {
        name: String,
        events: Vec<String>,
    },
    /// So many entries were wanted, so many fit, of so many that are there.
    Entry {
        register: String,
        wanted: Option<u32>,
        found: usize,
        count: usize,
        near: Vec<Kept>,
    },
    Refused(Refusal),
    Hindered(String),
    NotRefused,
    OtherReason {
        wanted: String,
        found: String,
    },
    Unreadable(String),
    RunFailed {
        error: String,
    },
    /// The rules broke off: a fault of ours.
    BrokenOff,
}

impl Failed {
    /// The test that stands there brought the program to a panic.
    #[must_use]
    pub fn broken_off(place: Range<usize>) -> Self {
        Self { place, at: Millis(0), miss: Box::new(Miss::BrokenOff), around: Vec::new() }
    }
}

impl From<Hindrance> for Miss {
    fn from(hindrance: Hindrance) -> Self {
        match hindrance {
            Hindrance::Refused(refusal) => Self::Refused(refusal),
            other @ (Hindrance::Endless | Hindrance::NotTaken(_) | Hindrance::KeyHeld(_)) => {
                Self::Hindered(other.to_string())
            }
        }
    }
}

/// Plays a test from its beginning to its end.
///
/// # Errors
/// The first line that does not hold.
pub fn play(test: &Test, stage: Stage<'_>) -> Result<(), Failed> {
    let zero = Millis(0);
    let begins = instant(&test.at, zero, stage, true);
    let unreadable = |why| Failed {
        place: test.place.clone(),
        at: zero,
        miss: Box::new(Miss::Unreadable(why)),
        around: Vec::new(),
    };
    let now = begins.map_err(unreadable)?;
    let mut house = House::new(stage.ground, now, test.fakes.clone());
    house.load(stage.own.clone());
    for text in test.load.iter().filter_map(|name| (stage.others)(name)) {
        house.load(text);
    }
    let mut trial = Trial { test, stage, house, speaks_of_the_end: !test.ends.is_empty() };
    trial.write_before()?;
    trial.begin().map_err(|found| trial.failed(&test.place, found))?;
    for line in test.play.iter().chain(&test.ends) {
        trial.line(line).map_err(|found| trial.failed(&line.place, found))?;
    }
    trial.at_the_end().map_err(|found| trial.failed(&test.place, found))
}

/// The instant that a moment means at `now`, in the days and hours of the workflow.
fn instant(moment: &Moment, now: Millis, stage: Stage<'_>, as_wait: bool) -> Result<Millis, String> {
    in_calendar(moment, now, calendar(stage, stage.own.calendar.as_deref()), as_wait)
}

fn calendar<'w>(stage: Stage<'w>, name: Option<&str>) -> &'w Calendar {
    let all = &stage.ground.world.calendars;
    all.named(name).unwrap_or_else(|| all.house())
}

fn in_calendar(moment: &Moment, now: Millis, calendar: &Calendar, as_wait: bool) -> Result<Millis, String> {
    let none = |_: &yizhan_workflow::expression::Template| {
        Err(ExpressionError::new("YZ0312", "a test has no expressions"))
    };
    let standpoint =
        Standpoint { opened: now, now, calendar, as_wait, ended: &|_| Anchored::NotYet, value: &none };
    let instant = moment.instant(&standpoint).map_err(|error| error.to_string())?;
    instant.ok_or_else(|| "its clock has not begun".to_owned())
}

struct Trial<'t, 'w> {
    test: &'t Test,
    stage: Stage<'w>,
    house: House<'w>,
    /// Some line says how the run ends, so that a failed one is no surprise.
    speaks_of_the_end: bool,
}

impl Trial<'_, '_> {
    fn begin(&mut self) -> Result<(), Miss> {
        match &self.test.begins {
            Begins::Later => Ok(()),
            Begins::Input(input) => self.start(&self.test.by, input, &Case::default()),
            Begins::Fired(firing) => {
                let own = self.stage.own.name.clone();
                Ok(self.house.fire_trigger(&own, firing, Some(&self.test.by)).map(drop)?)
            }
        }
    }

    fn start(&mut self, by: &str, input: &Raw, of: &Case) -> Result<(), Miss> {
        let text = match &of.workflow {
            None => self.stage.own.clone(),
            Some(name) => {
                (self.stage.others)(name).ok_or_else(|| Miss::Hindered(format!("`{name}` has faults")))?
            }
        };
        let prepared = intake::prepare(&text, input.get(), None, self.house.world(), self.house.now)
            .map_err(|error| Miss::Hindered(error.to_string()))?;
        Ok(self.house.begin(prepared, by).map(drop)?)
    }

    fn failed(&self, place: &Range<usize>, miss: Miss) -> Failed {
        Failed { place: place.clone(), at: self.house.now, miss: Box::new(miss), around: self.around() }
    }

    fn around(&self) -> Vec<Happening> {
        let lines = &self.house.past.lines;
        lines[lines.len().saturating_sub(AROUND)..].to_vec()
    }

    /// Calls that no line expected, and a run that failed unexpectedly.
    fn at_the_end(&self) -> Result<(), Miss> {
        if self.test.strict
            && let Some(call) =
                self.house.past.calls.iter().find(|call| !call.expected && *call.action != *TELL)
        {
            return Err(Miss::UnexpectedCall { call: Near::of(call, Vec::new()) });
        }
        let Some(member) = self.house.runs.first().filter(|_| !self.speaks_of_the_end) else { return Ok(()) };
        match (&member.run.top.phase, &member.run.top.error) {
            (Phase::Over { state: EndState::Failed, outcome, .. }, error) => {
                let error = error.as_ref().map_or_else(
                    || outcome.to_string(),
                    |error| format!("{}: {} {}", error.step, error.code, error.message),
                );
                Err(Miss::RunFailed { error })
            }
            (Phase::Over { .. } | Phase::Open | Phase::Stopping | Phase::Finishing, _) => Ok(()),
        }
    }

    fn line(&mut self, line: &Line) -> Result<(), Miss> {
        match &line.what {
            Play::Act { step, by, act, refused } => {
                let done = self.act(&line.of, step, by.as_deref(), act);
                as_refused(refused, done)
            }
            Play::Settle { step, by, verdict, values } => {
                self.settle(&line.of, step, by.as_deref(), (*verdict, values))
            }
            Play::Keep { keeping, by, refused } => {
                let done = self.keep(keeping, by.as_deref());
                as_refused(refused, done)
            }
            Play::Cancel { reason, by } => {
                let run = self.case(&line.of)?;
                let opening = self.house.runs[run].run.top.opening;
                let by = by.clone().unwrap_or_else(|| OPERATOR.into());
                Ok(self.house.act(run, Event::Cancelled { opening, by, reason: reason.clone() })?)
            }
            Play::Retry { from, by } => self.retry(&line.of, from.as_deref(), by.as_deref()),
            Play::Pass { moment, .. } => {
                let until = instant(moment, self.house.now, self.stage, true).map_err(Miss::Unreadable)?;
                if until < self.house.now {
                    let why = format!("{until} is past: it is {}", self.house.now);
                    return Err(Miss::Unreadable(why));
                }
                Ok(self.house.turn_to(until)?)
            }
            Play::Event { .. }
            | Play::Fire { .. }
            | Play::Begin { .. }
            | Play::Load { .. }
            | Play::Fake(_) => self.outside(line),
            Play::Expect(expected) => {
                self.speaks_of_the_end |= matches!(expected, Expected::Stands { .. });
                self.expect(&line.of, expected)
            }
        }
    }

    /// Something comes in from outside.
    #[expect(clippy::wildcard_enum_match_arm, reason = "the other lines are those of people and time")]
    fn outside(&mut self, line: &Line) -> Result<(), Miss> {
        match &line.what {
            Play::Event { name, key, payload } => {
                Ok(self.house.publish_from_outside(name, key, payload.clone())?)
            }
            Play::Fire { firing, refused } => {
                let name = line.of.workflow.clone().unwrap_or_else(|| self.stage.own.name.clone());
                let done = self.house.fire_trigger(&name, firing, None).map(drop).map_err(Miss::from);
                as_refused(refused, done)
            }
            Play::Begin { input, by, refused } => {
                let by = by.clone().unwrap_or_else(|| self.test.by.clone());
                as_refused(refused, self.start(&by, input, &line.of))
            }
            Play::Load { workflow } => {
                let text = (self.stage.others)(workflow);
                let text = text.ok_or_else(|| Miss::Hindered(format!("`{workflow}` has faults")))?;
                self.house.load(text);
                Ok(())
            }
            Play::Fake(fakes) => {
                self.house.fake(fakes.clone());
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn settle(
        &mut self,
        case: &Case,
        step: &StepPath,
        by: Option<&str>,
        (word, values): (Word, &Raw),
    ) -> Result<(), Miss> {
        let spot = self.spot(case, step)?;
        let Some((of, Standing::Asking { .. } | Standing::Unknown { .. })) = self.standing(&spot) else {
            return Err(self.not_so(&spot, step));
        };
        let verdict = match word {
            Word::Again => Verdict::Again {},
            Word::Happened => Verdict::Happened { values: values.clone() },
            Word::Skip => Verdict::Skip { values: values.clone() },
            Word::Fail => Verdict::Fail {},
            Word::Leave => Verdict::Leave {},
        };
        let by = by.map_or_else(|| OPERATOR.into(), Arc::from);
        Ok(self.house.act(spot.run, Event::Settled { of, by, via: "test".into(), verdict })?)
    }

    fn retry(&mut self, case: &Case, from: Option<&str>, by: Option<&str>) -> Result<(), Miss> {
        let run = self.case(case)?;
        let member = &self.house.runs[run];
        let opening = member.run.top.opening;
        let from = match from {
            None => None,
            Some(id) => {
                let named = member.text.step_named(id);
                Some(named.ok_or_else(|| Miss::NoSuchItem { step: id.to_owned() })?)
            }
        };
        let by = by.map_or_else(|| OPERATOR.into(), Arc::from);
        Ok(self.house.act(run, Event::Retried { opening, by, from })?)
    }
}

/// An act that must be refused was, and with these words.
fn as_refused(refused: &Refused, done: Result<(), Miss>) -> Result<(), Miss> {
    let why = match (refused, done) {
        (Refused::No, done) => return done,
        (Refused::Yes | Refused::Because(_), Ok(())) => return Err(Miss::NotRefused),
        (_, Err(Miss::Refused(Refusal::Form(faults)))) => {
            let all: Vec<String> = faults.iter().map(ToString::to_string).collect();
            all.join("; ")
        }
        (_, Err(Miss::Refused(refusal))) => refusal.to_string(),
        (_, Err(Miss::Hindered(why))) => why,
        // A task that is gone refuses whoever comes to it.
        (_, Err(Miss::NoTask { stands, .. })) => stands,
        (_, Err(other)) => return Err(other),
    };
    match refused {
        Refused::Because(words) if !why.contains(&**words) => {
            Err(Miss::OtherReason { wanted: words.to_string(), found: why })
        }
        Refused::Because(_) | Refused::Yes | Refused::No => Ok(()),
    }
}

/// As a value that can be compared.
fn number(count: impl Into<u64>) -> serde_json::Value {
    json!(count.into())
}

#[cfg(test)]
mod tests;
