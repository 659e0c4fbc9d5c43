//! A checked workflow as values: what the file said, with every name resolved.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::expression::{Expression, Template, Tree};
use crate::form::Form;
use crate::id::{StepNo, TextHash};
use crate::moment::{Moment, Schedule, Span};
use crate::table::Table;

pub use clock::{Clock, Does, Doing, EXTENDS, Extend, GRANTS, Pause, Rung, RungAt, Small};

mod clock;

/// What a workflow was read from: its file and everything that is part of its text. Kept by hash for as long as a run
/// holds it, so it must say all that reading needs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// The file's name without `.toml`: the workflow's name.
    pub name: String,
    pub text: String,
    /// Template files and tables, by the path as the workflow writes it.
    #[serde(default)]
    pub files: BTreeMap<String, String>,
}

/// A workflow that may run.
#[derive(Debug)]
pub struct Workflow {
    pub name: Arc<str>,
    pub hash: TextHash,
    pub title: String,
    pub note: Option<String>,
    pub owner: Option<String>,
    pub implements: Vec<String>,
    /// The name of the calendar of its moments; none: the house's.
    pub calendar: Option<Arc<str>>,
    /// The case: shown, searched, told from others.
    pub key: Option<Template>,
    pub on_duplicate: OnDuplicate,
    pub unique: Unique,
    /// Names for the whole file, in file order; one may read those above it.
    pub lets: Arc<[Let]>,
    pub input: Form,
    pub triggers: Vec<Trigger>,
    pub tables: Vec<Arc<Table>>,
    /// All sections, in file order, the steps that a step holds behind it; `StepNo` counts here.
    pub steps: Vec<Step>,
    /// Those of the main section that no other step holds.
    pub main: Vec<StepNo>,
    /// The file itself as the step that holds these, with its own due time: `StepNo::WHOLE`.
    pub whole: Box<Step>,
    /// What a parent reads when the run is over.
    pub output: Option<Tree>,
    /// It is the start form of another text: which of its triggers opened it.
    pub completes: Option<Arc<str>>,
}

impl Workflow {
    #[must_use]
    pub fn step(&self, no: StepNo) -> &Step {
        if no == StepNo::WHOLE { &self.whole } else { &self.steps[no.index()] }
    }

    /// The name of the calendar that a step's moments are worked out with: its own, else that of what holds it, else
    /// the file's; none: the house's.
    #[must_use]
    pub fn calendar_of(&self, no: StepNo) -> Option<&str> {
        let own =
            std::iter::once(no).chain(self.holders(no)).find_map(|no| self.step(no).calendar.as_deref());
        own.or(self.calendar.as_deref())
    }

    /// The steps that a step holds, or the main ones; in file order.
    #[must_use]
    pub fn steps_in(&self, holder: Option<StepNo>) -> &[StepNo] {
        match holder.map(|no| &self.step(no).work) {
            None => &self.main,
            Some(Work::Hold { steps, .. }) => steps,
            Some(_) => &[],
        }
    }

    /// A step's path within the file, with what holds it: `visit.look`, `on_failure.tell`.
    #[must_use]
    pub fn dotted(&self, no: StepNo) -> String {
        let mut path = self.step(no).path().into_owned();
        for holder in self.holders(no) {
            path = format!("{}.{path}", self.step(holder).path());
        }
        path
    }

    /// The step that holds this one, then the one that holds that, and so on.
    pub fn holders(&self, no: StepNo) -> impl Iterator<Item = StepNo> {
        std::iter::successors(self.step(no).holder, |holder| self.step(*holder).holder)
    }

    #[must_use]
    pub fn step_named(&self, id: &str) -> Option<StepNo> {
        // A step of another section is written with its section: `on_failure.tell`.
        self.steps.iter().position(|step| step.path() == id).and_then(|at| u16::try_from(at).ok()).map(StepNo)
    }

    #[must_use]
    pub fn trigger(&self, name: &str) -> Option<&Trigger> {
        self.triggers.iter().find(|trigger| &*trigger.name == name)
    }

    pub fn numbers(&self) -> impl Iterator<Item = StepNo> + use<> {
        (0..u16::try_from(self.steps.len()).unwrap_or(u16::MAX)).map(StepNo)
    }
}

/// A name that `let` gives to a template.
#[derive(Clone, Debug)]
pub struct Let {
    pub name: Arc<str>,
    pub value: Tree,
}

/// What happens to a firing whose key an earlier run holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnDuplicate {
    #[default]
    Allow,
    Join,
    Reject,
}

/// How far back `key` is compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Unique {
    #[default]
    Open,
    Ever,
    Within(Span),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Section {
    Main,
    OnFailure,
    OnCancel,
}

#[derive(Debug)]
pub struct Step {
    pub id: Arc<str>,
    pub section: Section,
    /// The step that holds this one.
    pub holder: Option<StepNo>,
    pub title: Option<Template>,
    pub note: Option<String>,
    /// What must be over before this starts, resolved (the step above where the file says nothing).
    pub needs: Vec<StepNo>,
    /// `needs = { first = … }`: one of them is enough, and the others are withdrawn.
    pub first_is_enough: bool,
    /// The steps that need this one themselves, in file order.
    pub needed_by: Vec<StepNo>,
    /// The steps before this one, over any number of `needs`, in file order.
    pub before: Vec<StepNo>,
    /// The steps after this one, over any number of `needs`, in file order.
    pub after: Vec<StepNo>,
    pub when: Option<Expression>,
    pub each: Option<Each>,
    pub lets: Arc<[Let]>,
    pub work: Work,
    pub on: Vec<On>,
    pub on_error: OnError,
    /// `None`: the house's default, which depends on the action's class.
    pub retry: Option<Retry>,
    pub timeout: Option<Span>,
    pub give_up: Option<Span>,
    /// Tightens the action's class.
    pub effect: Option<Effect>,
    pub undo: Option<Undo>,
    pub limit: Option<Limit>,
    /// The name of the calendar of its moments, where it is not the file's.
    pub calendar: Option<Arc<str>>,
    /// The name of the calendar in whose hours alone it starts and its clock runs.
    pub hours: Option<Arc<str>>,
    pub clock: Option<Box<Clock>>,
    pub guard: Guard,
}

/// What of a step not everybody who sees the run may see; of the whole file, who may see the case at all.
#[derive(Debug, Default)]
pub struct Guard {
    /// Names of what the step gives.
    pub private: Vec<Arc<str>>,
    /// Who may see it, as `ask` names them: what is private, else all that the step gives.
    pub readers: Vec<Arc<str>>,
}

/// How many may do it at once, over all runs, and how often.
#[derive(Debug)]
pub struct Limit {
    /// What they share; without it all runs of this step.
    pub key: Option<Template>,
    pub most: Option<u32>,
    pub rate: Option<Rate>,
    /// Who is let in first: the highest number, then the first that asked.
    pub priority: Option<Template>,
}

/// So often within a window that slides: `30 per 1h`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rate {
    pub times: u32,
    pub per_ms: i64,
}

impl Step {
    /// Several sign: then its items are the signatures.
    #[must_use]
    pub fn approve(&self) -> Option<&Approve> {
        if let Work::Ask(ask) = &self.work { ask.approve.as_ref() } else { None }
    }

    /// Its items are told apart by their numbers.
    #[must_use]
    pub fn has_items(&self) -> bool {
        self.each.is_some() || self.approve().is_some()
    }

    /// The step's name in keys: with its section, where that is not the main one.
    #[must_use]
    pub fn path(&self) -> std::borrow::Cow<'_, str> {
        match self.section {
            Section::Main => std::borrow::Cow::Borrowed(&self.id),
            Section::OnFailure => format!("on_failure.{}", self.id).into(),
            Section::OnCancel => format!("on_cancel.{}", self.id).into(),
        }
    }
}

#[derive(Debug)]
pub struct Each {
    pub list: Template,
    /// The name of the element in scope: `as`, else `item`.
    pub name: Arc<str>,
    /// How many items may be begun and not over.
    pub at_once: Option<u32>,
}

/// What a step does: exactly one kind.
#[derive(Debug)]
pub enum Work {
    Use {
        action: ActionName,
        with: Tree,
    },
    Ask(Box<Ask>),
    Wait {
        until: Moment,
    },
    Run {
        workflow: Arc<str>,
        with: Tree,
        /// Not waited for.
        detach: bool,
    },
    Await(Box<Await>),
    Check {
        holds: Expression,
    },
    End {
        ending: Ending,
    },
    /// Steps of its own: what they do is what it does. `span` counts them with all that they hold.
    Hold {
        steps: Vec<StepNo>,
        span: u16,
    },
}

impl Work {
    /// The key that says which kind it is.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Use { .. } => "use",
            Self::Ask(_) => "ask",
            Self::Wait { .. } => "wait",
            Self::Run { .. } => "run",
            Self::Await(_) => "await",
            Self::Check { .. } => "check",
            Self::End { .. } => "end",
            Self::Hold { .. } => "step",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ActionName {
    pub plugin: Arc<str>,
    pub action: Arc<str>,
}

impl std::fmt::Display for ActionName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.plugin, self.action)
    }
}

#[derive(Debug)]
pub struct Ask {
    /// Who may take it: `person:…`, `group:…`, `role:…`, `starter`, or a template that yields one or a list. Empty where
    /// several must sign: then `approve` has them.
    pub who: Vec<Template>,
    /// One of them gets it, by this rule.
    pub choose: Option<Choose>,
    /// Who may not, whoever else may (four eyes).
    pub not: Vec<Template>,
    pub approve: Option<Approve>,
    /// Its people get a mail when it opens, where the house sends such mails.
    pub tell: bool,
    pub form: Form,
    pub due: Option<Moment>,
}

/// Who of several gets a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Choose {
    /// Whoever has fewest open tasks.
    Fewest,
    /// One after the other.
    InTurn,
}

/// Several people sign, stage by stage; the step is over as soon as the result cannot change.
#[derive(Debug)]
pub struct Approve {
    pub need: Need,
    /// In the order of the file, stage by stage.
    pub signers: Vec<Signer>,
}

/// How many of a stage must approve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    One,
    All,
    /// All, one after the other.
    InOrder,
    Count(u32),
}

impl Need {
    /// Of so many that may sign.
    #[must_use]
    pub fn of(self, signers: usize) -> usize {
        match self {
            Self::One => 1,
            Self::All | Self::InOrder => signers,
            Self::Count(count) => count as usize,
        }
    }
}

/// One signature; what is in `who` may give it. A template that yields a list stands for a signature of each.
#[derive(Debug)]
pub struct Signer {
    /// Where it is written, below `ask`: `[1]`, `[1][0]`.
    pub place: String,
    pub stage: u16,
    pub who: Vec<Template>,
    pub when: Option<Expression>,
    pub due: Option<Moment>,
}

/// Waits for something that is published: by a webhook, a run, the API, a person.
#[derive(Debug)]
pub struct Await {
    pub event: Template,
    /// Without it the run's own key.
    pub key: Option<Template>,
    /// What the payload must be: columns and what they are compared with.
    pub filter: Option<Tree>,
    pub due: Option<Moment>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct On {
    pub outcome: OutcomePattern,
    pub goes: Goes,
}

/// What an outcome must be for `on` to take it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OutcomePattern {
    /// `done`, `yes`, `no`, `late`, or a word that the action or a child's `done:` names.
    Word(Arc<str>),
    /// A field of the answer or output has this value: `on.result.complex`, `on.result."复杂问题"`.
    Field { field: Arc<str>, value: Arc<str> },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Goes {
    Back(BackTo),
    End(Ending),
}

/// A way back. `way` numbers the ways of a file, so that each is counted for itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackTo {
    pub way: u16,
    pub target: StepNo,
    pub most: Option<u32>,
    pub after: Option<Span>,
    pub then: Option<Ending>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    Done { outcome: Arc<str> },
    Cancel { reason: Arc<str> },
    Fail { reason: Arc<str> },
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum OnError {
    #[default]
    Fail,
    Continue,
    /// The owner says how to go on.
    Ask,
    BackTo(BackTo),
}

/// How a step is tried again. `times` is how often *again*.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Retry {
    pub times: u32,
    pub first: Span,
    pub factor: f64,
    pub most: Span,
    /// The share of a rest that a hash of key and attempt may add.
    pub jitter: f64,
}

impl Retry {
    pub const NONE: Self = Self { times: 0, first: Span::ZERO, factor: 1.0, most: Span::ZERO, jitter: 0.0 };
}

/// What may have happened when an attempt ended without an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    Pure,
    Idempotent,
    Keyed,
    Once,
}

/// A small step that takes a finished one back.
#[derive(Debug)]
pub struct Undo {
    pub work: Work,
    pub title: Option<Template>,
    pub retry: Option<Retry>,
    pub timeout: Option<Span>,
    pub effect: Option<Effect>,
    /// Not when the flow goes back over it, only when the run is cancelled or fails.
    pub keep: bool,
}

#[derive(Debug)]
pub struct Trigger {
    pub name: Arc<str>,
    pub starts: Starts,
    /// Maps the firing to the input; without it the firing's own fields are the input.
    pub with: Option<Tree>,
    /// What the firing must bring: columns and what they are compared with.
    pub filter: Option<Tree>,
    /// A run for each element of a list. Nothing bounds how many are begun at once: that is the business of `limit`.
    pub each: Option<Each>,
    /// Collects what it brings for one run at each of these times.
    pub gather: Option<Box<Schedule>>,
    /// Who completes the start form before the run begins; nobody, where it is empty.
    pub complete: Vec<String>,
    /// It makes something known instead of starting a run.
    pub publish: Option<Publish>,
}

impl Trigger {
    /// The entries whose dates it follows, with its schedule.
    #[must_use]
    pub fn dates(&self) -> Option<(&Schedule, &crate::schedule::OfRegister)> {
        match &self.starts {
            Starts::Schedule(schedule) => schedule.of.as_ref().map(|of| (&**schedule, of)),
            Starts::Webhook(_)
            | Starts::Files { .. }
            | Starts::Mail(_)
            | Starts::ByHand { .. }
            | Starts::Event { .. } => None,
        }
    }
}

/// The event that a firing becomes.
#[derive(Debug)]
pub struct Publish {
    pub name: Template,
    pub key: Option<Template>,
}

#[derive(Debug)]
pub enum Starts {
    Schedule(Box<Schedule>),
    Webhook(WebhookAuth),
    Files {
        pattern: String,
        per: FilePer,
    },
    Mail(Box<MailRule>),
    ByHand {
        who: Vec<String>,
    },
    /// Something that was published.
    Event {
        name: Arc<str>,
    },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WebhookAuth {
    /// Standard Webhooks: `webhook-id`, `webhook-timestamp`, `webhook-signature`.
    Standard { secret: String },
    /// GitHub: `x-hub-signature-256` over the body.
    Github { secret: String },
    /// HMAC-SHA256 of the body in hexadecimal or base 64, in a header that the file names.
    Hmac { secret: String, header: String },
    /// `Authorization: Bearer …`, or the header that the file names.
    Token { secret: String, header: Option<String> },
    /// Said aloud: anybody may call it.
    None,
}

impl WebhookAuth {
    /// The name of what deliveries are known by.
    #[must_use]
    pub fn secret(&self) -> Option<&str> {
        match self {
            Self::Standard { secret }
            | Self::Github { secret }
            | Self::Hmac { secret, .. }
            | Self::Token { secret, .. } => Some(secret),
            Self::None => None,
        }
    }
}

/// Which mails start a run, and where they go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MailRule {
    /// By its name in the settings.
    pub account: String,
    pub folder: String,
    /// Addresses with `*`.
    pub from: Vec<String>,
    /// Regular expressions; each must be found, and its named groups are fields.
    pub subject: Vec<String>,
    pub body: Vec<String>,
    /// Where handled mails are moved; without it they are only marked.
    pub done: Option<String>,
    pub failed: String,
}

impl MailRule {
    /// Whether a mail of this sender is meant.
    #[must_use]
    pub fn admits(&self, address: &str) -> bool {
        let address = address.to_lowercase();
        self.from.iter().any(|rule| {
            let rule = rule.to_lowercase();
            match (rule.rsplit_once('@'), address.rsplit_once('@')) {
                (Some(rule), Some(of)) => fits(rule.0, of.0) && fits(rule.1, of.1),
                (None, _) => rule == "*",
                (Some(_), None) => false,
            }
        })
    }
}

/// Whether a text fits a pattern whose `*` stands for anything.
fn fits(pattern: &str, text: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else { return pattern == text };
    let Some(mut left) = text.strip_prefix(first) else { return false };
    let mut parts: Vec<&str> = rest.split('*').collect();
    let last = parts.pop().unwrap_or_default();
    for part in parts {
        match left.find(part) {
            Some(at) => left = &left[at + part.len()..],
            None => return false,
        }
    }
    left.ends_with(last)
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FilePer {
    #[default]
    File,
    Row,
}
