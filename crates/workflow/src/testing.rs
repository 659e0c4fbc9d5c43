//! Tests of a workflow as values: what a `*.test.toml` beside it says, each thing with its place in the file.

use std::ops::Range;
use std::sync::Arc;

use crate::moment::Moment;
use crate::run::event::Raw;

/// What stands behind a workflow's name in the name of its file of tests.
pub const ENDING: &str = ".test.toml";

/// A test begins here where it says nothing: a Monday morning.
pub const BEGINS: &str = "2026-01-05 09:00";

/// The steps of a start form that a person completes (`complete`), before there is a run.
pub const FORM_STEPS: [&str; 2] = ["form", "start"];

/// The file itself, whose own due time tells and acts like that of a step.
pub const WHOLE: &str = "run";

/// What is expected of those who are told is looked for among the calls, under this name, which no action has.
pub const TELL: &str = "tell";

/// The tests of one file, in file order.
#[derive(Clone, Debug, Default)]
pub struct Tests {
    pub tests: Vec<Test>,
}

/// One case that is played under a clock of its own.
#[derive(Clone, Debug)]
pub struct Test {
    pub name: String,
    pub place: Range<usize>,
    /// When it begins.
    pub at: Moment,
    pub by: Arc<str>,
    pub begins: Begins,
    pub fakes: Vec<Fake>,
    /// What stands in registers before it begins.
    pub entries: Vec<Given>,
    /// Workflows that are there beside its own.
    pub load: Vec<Arc<str>>,
    /// Every call must have been expected.
    pub strict: bool,
    pub play: Vec<Line>,
    /// How the case stands once all was played.
    pub ends: Vec<Line>,
}

/// Entries of a register that were there before.
#[derive(Clone, Debug)]
pub struct Given {
    pub place: Range<usize>,
    pub register: Arc<str>,
    /// When they were written: when the test begins, where nothing is said.
    pub at: Option<Moment>,
    /// So many that are the same.
    pub times: u32,
    pub values: Raw,
}

/// How the case comes to be.
#[derive(Clone, Debug)]
pub enum Begins {
    Input(Raw),
    Fired(Firing),
    /// Only by what is played.
    Later,
}

/// A trigger that is set off.
#[derive(Clone, Debug)]
pub struct Firing {
    pub trigger: Arc<str>,
    /// What the fields are taken from.
    pub body: Raw,
    /// What else `trigger` has: `headers`, `file`, `event`, `items`, as a JSON object.
    pub with: Raw,
}

/// One line of `play`.
#[derive(Clone, Debug)]
pub struct Line {
    pub place: Range<usize>,
    /// Of which run: the case's own, where it says nothing.
    pub of: Case,
    pub what: Play,
}

/// A run among several.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Case {
    pub workflow: Option<Arc<str>>,
    pub key: Option<Arc<str>>,
}

/// Something happens, or something must have happened.
#[derive(Clone, Debug)]
pub enum Play {
    /// Somebody acts on a task, or on the clock of a step.
    Act {
        step: StepPath,
        by: Option<Arc<str>>,
        act: Act,
        refused: Refused,
    },
    /// Somebody writes into a register by hand.
    Keep {
        keeping: Keep,
        by: Option<Arc<str>>,
        refused: Refused,
    },
    Settle {
        step: StepPath,
        by: Option<Arc<str>>,
        verdict: Word,
        values: Raw,
    },
    Cancel {
        reason: Arc<str>,
        by: Option<Arc<str>>,
    },
    Retry {
        from: Option<Arc<str>>,
        by: Option<Arc<str>>,
    },
    /// So much time goes by: a length, or to the next instant of a moment.
    Pass {
        moment: Moment,
        written: Arc<str>,
    },
    Event {
        name: Arc<str>,
        key: Arc<str>,
        payload: Raw,
    },
    Fire {
        firing: Firing,
        refused: Refused,
    },
    Begin {
        input: Raw,
        by: Option<Arc<str>>,
        refused: Refused,
    },
    Load {
        workflow: Arc<str>,
    },
    Fake(Vec<Fake>),
    Expect(Expected),
}

/// What is written into a register without a run.
#[derive(Clone, Debug)]
pub struct Keep {
    /// `append`, `amend`, `void`, `erase`.
    pub action: &'static str,
    /// As the `with` of that action's step.
    pub with: Raw,
}

/// What somebody does.
#[derive(Clone, Debug)]
pub enum Act {
    Answer {
        with: Raw,
    },
    /// What an outsider has written on paper.
    AnswerFor {
        whom: Arc<str>,
        with: Raw,
    },
    Claim,
    Release,
    HandOver {
        to: Vec<String>,
        note: Option<Arc<str>>,
        delegate: bool,
    },
    Comment {
        text: Arc<str>,
    },
    Pause {
        reason: Arc<str>,
    },
    Resume {
        reason: Arc<str>,
    },
    /// More time is asked for, with the fields of the step's `extend.form`.
    Extend {
        with: Raw,
    },
    /// The due time is this instant from now on.
    MoveDue {
        to: Moment,
        reason: Arc<str>,
    },
}

/// Whether an act must be refused, and with which words in the reason.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Refused {
    #[default]
    No,
    Yes,
    Because(Arc<str>),
}

/// What somebody says of an item that nobody else can decide.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Word {
    Again,
    Happened,
    Skip,
    Fail,
    Leave,
}

/// What must have happened.
#[derive(Clone, Debug)]
pub enum Expected {
    Call(CallExpected),
    /// No call, of that action or of any, that no line expected. Who is told of something is not called.
    NoCall(CallExpected),
    Due {
        step: StepPath,
        at: Option<Moment>,
        written: Arc<str>,
    },
    Late {
        step: StepPath,
        is: bool,
    },
    Task {
        step: StepPath,
        who: Vec<Arc<str>>,
        fields: Vec<Compared>,
    },
    NoTask {
        step: StepPath,
    },
    Wait {
        step: StepPath,
        until: Option<Moment>,
        written: Arc<str>,
    },
    Step {
        step: StepPath,
        fields: Vec<Compared>,
    },
    /// The run of a workflow, begun by a step, a trigger or an event.
    Run {
        workflow: Arc<str>,
        fields: Vec<Compared>,
    },
    NoRun {
        workflow: Arc<str>,
    },
    Event {
        name: Arc<str>,
        fields: Vec<Compared>,
    },
    /// An entry of a register, or so many.
    Entry {
        register: Arc<str>,
        /// So many that fit, no more and no fewer.
        times: Option<u32>,
        fields: Vec<Compared>,
    },
    /// How the run stands.
    Stands {
        fields: Vec<Compared>,
    },
}

#[derive(Clone, Debug, Default)]
pub struct CallExpected {
    /// `None`: any.
    pub action: Option<Arc<str>>,
    pub step: Option<StepPath>,
    /// So many that fit, no more and no fewer.
    pub times: Option<u32>,
    /// Texts that its input holds anywhere.
    pub contains: Vec<Arc<str>>,
    pub fields: Vec<Compared>,
}

/// A value that is looked at, and what it must be.
#[derive(Clone, Debug)]
pub struct Compared {
    pub name: Arc<str>,
    pub wanted: Raw,
    pub place: Range<usize>,
}

/// What an action or a child run answers in place of the world.
#[derive(Clone, Debug)]
pub struct Fake {
    /// An action's name, or a workflow's.
    pub of: Arc<str>,
    /// So many calls are answered like this; those that follow as if nothing had been said.
    pub times: Option<u32>,
    /// How long it takes.
    pub takes: Option<i64>,
    pub gives: Gives,
}

#[derive(Clone, Debug)]
pub enum Gives {
    /// These fields, beside made-up ones.
    Done {
        output: Raw,
        outcome: Option<Arc<str>>,
    },
    Failed {
        code: Arc<str>,
        message: Arc<str>,
        retry: bool,
        happened: Option<bool>,
        after_ms: Option<i64>,
    },
    /// The plugin died, nobody knows whether it happened.
    Lost,
}

/// A step as `yizhan show` writes it: `repair`, `remind[3].flag`, `on_failure.tell`; of a child run behind a stroke:
/// `refund/pay`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepPath {
    pub written: Arc<str>,
    /// The last are those of the step itself; each before it is the step that began the run it stands in.
    pub runs: Vec<Vec<Segment>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// With its section, where that is not the main one.
    pub step: Arc<str>,
    pub item: Option<u32>,
}

impl StepPath {
    /// `None` where the text has not the form of one.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let runs = text.split('/').map(segments).collect::<Option<Vec<_>>>()?;
        Some(Self { written: text.into(), runs })
    }
}

fn segments(text: &str) -> Option<Vec<Segment>> {
    let mut segments: Vec<Segment> = Vec::new();
    let mut section: Option<&str> = None;
    for part in text.split('.') {
        if segments.is_empty() && section.is_none() && matches!(part, "on_failure" | "on_cancel") {
            section = Some(part);
            continue;
        }
        let (name, item) = match part.split_once('[') {
            None => (part, None),
            Some((name, rest)) => (name, Some(rest.strip_suffix(']')?.parse().ok()?)),
        };
        if name.is_empty() {
            return None;
        }
        let step = section.take().map_or_else(|| name.into(), |section| format!("{section}.{name}").into());
        segments.push(Segment { step, item });
    }
    (!segments.is_empty()).then_some(segments)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_names_items_inner_steps_sections_and_child_runs() {
        let read = |text: &str| {
            let path = StepPath::parse(text)?;
            let one = |segment: &Segment| match segment.item {
                Some(item) => format!("{}#{item}", segment.step),
                None => segment.step.to_string(),
            };
            let run = |run: &Vec<Segment>| run.iter().map(one).collect::<Vec<_>>().join(" ");
            Some(path.runs.iter().map(run).collect::<Vec<_>>().join(" | "))
        };
        assert_eq!(read("repair").as_deref(), Some("repair"));
        assert_eq!(read("remind[3].flag").as_deref(), Some("remind#3 flag"));
        assert_eq!(read("on_failure.tell").as_deref(), Some("on_failure.tell"));
        assert_eq!(read("refund/pay").as_deref(), Some("refund | pay"));
        for wrong in ["", "a..b", "a[", "a[x]", "/a", "on_failure"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }
}
