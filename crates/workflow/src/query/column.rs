//! The columns of runs and tasks, and how each is worked out.

use jiff::civil::DateTime;
use serde_json::{Value as Json, json};

use super::{Case, PeriodOf, Standpoint};
use crate::id::Millis;
use crate::people::bare;
use crate::register::Row;

/// What a column holds: figures ask for one or the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holds {
    Text,
    Number,
    /// Yes or no.
    Flag,
}

#[derive(Debug)]
pub struct Column {
    pub name: &'static str,
    pub holds: Holds,
    of: What,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    Run,
    Task,
    Workflow,
    Key,
    Step,
    Title,
    State,
    Outcome,
    Person,
    Name,
    Group,
    Parent,
    Began,
    Ended,
    Due,
    Finished,
    InTime,
    Late,
    LateNow,
    FirstTime,
    Round,
    Hours,
    WorkHours,
    Part(&'static str),
}

const fn column(name: &'static str, holds: Holds, of: What) -> Column {
    Column { name, holds, of }
}

/// Those of runs, and those of tasks.
pub(crate) const STATES: ([&str; 5], [&str; 4]) =
    (["open", "closing", "done", "failed", "cancelled"], ["open", "answered", "decided", "withdrawn"]);

pub(crate) const RUNS: &[Column] = &[
    column("run", Holds::Text, What::Run),
    column("workflow", Holds::Text, What::Workflow),
    column("key", Holds::Text, What::Key),
    column("state", Holds::Text, What::State),
    column("outcome", Holds::Text, What::Outcome),
    column("starter", Holds::Text, What::Person),
    column("name", Holds::Text, What::Name),
    column("parent", Holds::Text, What::Parent),
    column("started", Holds::Text, What::Began),
    column("ended", Holds::Text, What::Ended),
    column("due", Holds::Text, What::Due),
    column("finished", Holds::Flag, What::Finished),
    column("in_time", Holds::Flag, What::InTime),
    column("late", Holds::Flag, What::Late),
    column("late_now", Holds::Flag, What::LateNow),
    column("first_time", Holds::Flag, What::FirstTime),
    column("rounds", Holds::Number, What::Round),
    column("hours", Holds::Number, What::Hours),
    column("workhours", Holds::Number, What::WorkHours),
    column("day", Holds::Text, What::Part("%Y-%m-%d")),
    column("week", Holds::Text, What::Part("%G-W%V")),
    column("month", Holds::Text, What::Part("%Y-%m")),
    column("year", Holds::Text, What::Part("%Y")),
    column("weekday", Holds::Number, What::Part("%u")),
    column("hour", Holds::Number, What::Part("%-H")),
];

pub(crate) const TASKS: &[Column] = &[
    column("task", Holds::Text, What::Task),
    column("run", Holds::Text, What::Run),
    column("workflow", Holds::Text, What::Workflow),
    column("key", Holds::Text, What::Key),
    column("step", Holds::Text, What::Step),
    column("title", Holds::Text, What::Title),
    column("state", Holds::Text, What::State),
    column("outcome", Holds::Text, What::Outcome),
    column("person", Holds::Text, What::Person),
    column("name", Holds::Text, What::Name),
    column("group", Holds::Text, What::Group),
    column("opened", Holds::Text, What::Began),
    column("ended", Holds::Text, What::Ended),
    column("due", Holds::Text, What::Due),
    column("finished", Holds::Flag, What::Finished),
    column("in_time", Holds::Flag, What::InTime),
    column("late", Holds::Flag, What::Late),
    column("late_now", Holds::Flag, What::LateNow),
    column("first_time", Holds::Flag, What::FirstTime),
    column("round", Holds::Number, What::Round),
    column("hours", Holds::Number, What::Hours),
    column("workhours", Holds::Number, What::WorkHours),
    column("day", Holds::Text, What::Part("%Y-%m-%d")),
    column("week", Holds::Text, What::Part("%G-W%V")),
    column("month", Holds::Text, What::Part("%Y-%m")),
    column("year", Holds::Text, What::Part("%Y")),
    column("weekday", Holds::Number, What::Part("%u")),
    column("hour", Holds::Number, What::Part("%-H")),
];

pub(super) fn row(case: &Case, from: Standpoint<'_>, columns: &[&Column]) -> Row {
    let mut text = String::from("{");
    for (at, column) in columns.iter().enumerate() {
        let comma = if at > 0 { "," } else { "" };
        // Numbers with places are written as text: a float would not keep them.
        let value = if column.of == What::Hours {
            hours(case.ended.map(|ended| ended.0 - case.began.0))
        } else if column.of == What::WorkHours {
            hours(case.ended.map(|ended| from.calendar.open_between(case.began, ended)))
        } else {
            value(case, from, column.of).to_string()
        };
        text.push_str(&format!("{comma}\"{}\":{value}", column.name));
    }
    text.push('}');
    Row::of_json(text)
}

/// In hours, to four places (0.36 seconds), half of the last one up.
fn hours(ms: Option<i64>) -> String {
    let Some(ms) = ms else { return "null".to_owned() };
    let places = (ms.max(0) + 180) / 360;
    let text = format!("{}.{:04}", places / 10_000, places % 10_000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn value(case: &Case, from: Standpoint<'_>, what: What) -> Json {
    let in_time = in_time(case, from.now);
    match what {
        What::Run => json!(case.run.to_string()),
        What::Task => json!(case.task.as_ref().map(crate::id::TaskId::as_str)),
        What::Workflow => json!(&*case.workflow),
        What::Key => json!(case.key.as_deref()),
        What::Step => json!(case.step.as_deref()),
        What::Title => json!(case.title.as_deref()),
        What::State => json!(&*case.state),
        What::Outcome => json!(case.outcome.as_deref()),
        What::Person => json!(case.person.as_deref()),
        What::Name => json!(case.person.as_deref().map(|person| name(person, from))),
        What::Group => json!(case.who.iter().find(|who| who.starts_with("group:"))),
        What::Parent => json!(case.parent.map(|run| run.to_string())),
        What::Began => json!(local(case.began, from, SECONDS)),
        What::Ended => json!(case.ended.and_then(|at| local(at, from, SECONDS))),
        What::Due => json!(case.due.and_then(|at| local(at, from, SECONDS))),
        What::Finished => json!(case.ended.is_some()),
        What::InTime => json!(in_time),
        What::Late => json!(in_time.map(|in_time| !in_time)),
        What::LateNow => json!(case.ended.is_none() && in_time == Some(false)),
        What::FirstTime => json!(first_time(case)),
        What::Round => json!(case.round),
        What::Hours | What::WorkHours => Json::Null,
        What::Part(pattern) => {
            let at = match from.period_of {
                PeriodOf::Started => Some(case.began),
                PeriodOf::Ended => case.ended,
            };
            let part = at.and_then(|at| local(at, from, pattern));
            let is_number = matches!(pattern, "%u" | "%-H");
            part.map_or(Json::Null, |part| match part.parse::<u32>() {
                Ok(number) if is_number => json!(number),
                _ => json!(part),
            })
        }
    }
}

/// As a clock of the house shows it.
const SECONDS: &str = "%Y-%m-%dT%H:%M:%S";

fn local(at: Millis, from: Standpoint<'_>, pattern: &str) -> Option<String> {
    let local: DateTime = from.zone.to_datetime(at.timestamp()?);
    Some(local.strftime(pattern).to_string())
}

fn name(word: &str, from: Standpoint<'_>) -> String {
    let id = bare(word);
    from.people.people.get(id).map_or(word, |person| &*person.name).to_owned()
}

/// Whether the due time was kept. Of what has none, and of what still has time, it is not known.
fn in_time(case: &Case, now: Millis) -> Option<bool> {
    let due = case.due?;
    match case.ended {
        Some(ended) => Some(case.stands || ended < due),
        None => (!case.stands && now >= due).then_some(false),
    }
}

/// Whether it was done without having to be done again; known at the end.
fn first_time(case: &Case) -> Option<bool> {
    case.ended?;
    let good = matches!(&*case.state, "done" | "answered");
    Some(good && case.round <= 1)
}
