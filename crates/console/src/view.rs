//! What the API shows, as types that the command line reads back. They may change apart from the journal.

pub(crate) mod acts;
mod attempts;
mod journal;
mod lines;
mod register;
mod replay;
mod run;
mod spoken;
mod task;
mod texts;
mod told;

use std::marker::PhantomData;
use std::sync::Arc;

use minijinja::Value;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use serde_json::value::RawValue;
use utoipa::ToSchema;
use yizhan_engine::store::Draft;
use yizhan_engine::store::TriggerPause;
use yizhan_workflow::form::Form;
use yizhan_workflow::id::Millis;
use yizhan_workflow::plan::Workflow;
use yizhan_workflow::run::World;
use yizhan_workflow::run::event::Raw;
use yizhan_workflow::run::names::{Names, Standpoint};
use yizhan_workflow::run::sight::{Sight, Viewer};
use yizhan_workflow::run::state::Run;

use crate::api::PageOf;
use crate::refusal::Refusal;

pub use attempts::{AttemptView, SaidView};
pub(crate) use attempts::{Of as AttemptsOf, attempts};
pub(crate) use journal::{Eyes, given_before, journal_line};
pub(crate) use lines::each_line;
pub use register::{LineView, RegisterColumn, RegisterView, VerifiedView};
pub(crate) use replay::{Replay, plain_title};
pub(crate) use run::{attempt_of, kind_of, run_row, run_view, section_word, title_at};
pub(crate) use spoken::spoken;
pub(crate) use task::{form_of as task_form, task_row, task_view};
pub(crate) use texts::Texts;
pub(crate) use told::{Teller, Titles, local};

/// A run as it is looked at, at one instant.
pub(crate) struct Look<'a> {
    pub run: &'a Run,
    pub text: &'a Arc<Workflow>,
    pub world: &'a World,
    pub now: Millis,
    pub viewer: Viewer<'a>,
    /// What its journal says was given, where something may have to be kept from this viewer.
    pub before: &'a [(Raw, Raw)],
}

impl Look<'_> {
    pub(crate) fn sight(&self) -> Sight<'_> {
        self.sight_of(self.text).with_before(self.before)
    }

    /// Of lines that were written under another text of the case: they name its steps.
    pub(crate) fn sight_of<'s>(&'s self, text: &'s Workflow) -> Sight<'s> {
        Sight::of(self.run, text, self.world, self.now, self.viewer)
    }

    /// A view of it, with nothing in any of its texts that this viewer is not to read.
    pub(crate) fn veiled<T: Serialize>(&self, view: &T) -> Result<Shown<T>, Refusal> {
        let sight = self.sight();
        Self::uncovered(sight.veil().over_json(as_it_is(view)?.get()))
    }

    /// A view of it as it was written for this viewer.
    pub(crate) fn as_written<T: Serialize>(&self, view: &T) -> Result<Shown<T>, Refusal> {
        Self::uncovered(as_it_is(view)?.get().to_owned())
    }

    /// What whoever looks has not sent, for a view of the case.
    pub(crate) fn draft(&self, draft: Draft) -> DraftView {
        let fields = spoken::given(&self.sight(), Some(&draft.by), draft.fields);
        DraftView::of(&Draft { fields, ..draft })
    }

    fn uncovered<T>(json: String) -> Result<Shown<T>, Refusal> {
        RawValue::from_string(spoken::uncovered(json))
            .map(|text| Shown { text, of: PhantomData })
            .map_err(|error| Refusal::bug("a veiled view is no JSON", &error))
    }

    pub(crate) fn scope(&self, standpoint: Standpoint) -> Value {
        Names::of(self.run, self.text, self.world, self.now, standpoint)
    }
}

/// A view as it is sent: its JSON, with what this reader may see.
#[derive(Clone, Debug, Serialize)]
#[serde(transparent)]
pub(crate) struct Shown<T> {
    text: Box<RawValue>,
    #[serde(skip)]
    of: PhantomData<fn() -> T>,
}

impl<T> Shown<T> {
    pub(crate) fn get(&self) -> &str {
        self.text.get()
    }
}

/// A view with all that is in it.
pub(crate) fn as_it_is<T: Serialize>(view: &T) -> Result<Shown<T>, Refusal> {
    let text = serde_json::value::to_raw_value(view);
    text.map(|text| Shown { text, of: PhantomData })
        .map_err(|error| Refusal::bug("a view has no JSON form", &error))
}

/// One page of a list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Listing<T> {
    pub items: Vec<T>,
    /// What to ask with for the next page.
    pub next: Option<String>,
}

impl<T> Listing<T> {
    pub(crate) fn whole(items: Vec<T>) -> Self {
        Self { items, next: None }
    }

    /// Of a list that is at hand, the part that is wanted; `name` tells one of its items from the others.
    pub(crate) fn part(all: Vec<T>, page: &PageOf, name: impl Fn(&T) -> String) -> Result<Self, Refusal> {
        let begin = match &page.cursor {
            None => 0,
            Some(last) => match all.iter().position(|one| name(one) == *last) {
                Some(at) => at + 1,
                None => return Err(Refusal::Address("`cursor` is no cursor of this list".to_owned())),
            },
        };
        let limit = page.limit_or(PageOf::MOST);
        let more = all.len() > begin + limit;
        let items: Vec<T> = all.into_iter().skip(begin).take(limit).collect();
        let next = items.last().filter(|_| more).map(name);
        Ok(Self { items, next })
    }
}

/// A run in a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RunRow {
    pub id: String,
    pub workflow: String,
    pub title: String,
    pub state: String,
    pub outcome: Option<String>,
    pub key: Option<String>,
    pub by: String,
    pub started: String,
    pub ended: Option<String>,
    /// The file's own due time.
    pub due: Option<String>,
    /// Not over by then.
    pub late: bool,
    pub waits: Option<String>,
    pub parent: Option<String>,
}

/// A run with everything in it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RunView {
    #[serde(flatten)]
    pub row: RunRow,
    pub input: Exact,
    pub error: Option<ErrorView>,
    pub opening: u32,
    /// The clock of the file's own due time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clock: Option<ClockView>,
    /// The hash of the text it runs by.
    pub text: String,
    pub steps: Vec<StepView>,
    #[schema(value_type = Exact)]
    pub output: Option<Exact>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ErrorView {
    pub step: String,
    pub code: String,
    pub message: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct StepView {
    pub id: String,
    pub section: String,
    pub title: String,
    /// `use`, `ask`, `wait`, `run`, `check`, `end`, `step` for one that holds steps.
    pub kind: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<String>,
    pub state: String,
    pub round: u32,
    /// Something of this round was done, and was taken back.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub taken_back: bool,
    pub items: Vec<ItemView>,
    /// How many items the step has, where not all are shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub items_in_all: Option<usize>,
}

impl StepView {
    /// The step as its keys name it.
    pub(crate) fn key(&self) -> String {
        match self.section.as_str() {
            "main" => self.id.clone(),
            section => format!("{section}.{}", self.id),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ItemView {
    pub item: u32,
    /// As `why` and the clock's acts name it: `visit`, `remind[3].flag`.
    #[serde(default)]
    pub path: String,
    pub state: String,
    pub attempts: u32,
    pub outcome: Option<String>,
    /// What each of its attempts was given: a mail, a call. The values of secrets are not in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input: Option<Exact>,
    #[schema(value_type = Exact)]
    pub output: Option<Exact>,
    pub failure: Option<FailureView>,
    pub by: Option<String>,
    pub opened: Option<String>,
    pub ended: Option<String>,
    pub due: Option<String>,
    pub late: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clock: Option<ClockView>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub child: Option<String>,
    /// The steps that it holds.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(no_recursion)]
    pub steps: Vec<StepView>,
    /// What takes it back, once that has begun.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(no_recursion)]
    pub undo: Option<Box<ItemView>>,
}

/// What comes of letting a run go on under another text of its workflow.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MigrationView {
    pub id: String,
    pub from: String,
    pub to: String,
    /// It has that text already.
    pub same: bool,
    pub done: bool,
    /// What must be otherwise before it can go over, a sentence each.
    pub in_the_way: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FailureView {
    pub code: String,
    pub message: String,
    /// Whether the effect came to be: `no`, `maybe`, `yes`.
    pub happened: String,
}

/// A task in a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TaskRow {
    pub id: String,
    pub run: String,
    pub workflow: String,
    pub step: String,
    /// `asked`, `unknown` or `asking`.
    pub kind: String,
    pub title: String,
    pub who: Vec<String>,
    pub due: Option<String>,
    pub late: bool,
    pub opened: String,
    pub claimed_by: Option<String>,
}

/// A task with its form and its case.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TaskView {
    #[serde(flatten)]
    pub row: TaskRow,
    /// Of a question to the owner it has no fields.
    pub form: FormView,
    /// Of a step with `each`: which element it is about, counted from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub item: Option<u32>,
    /// What can be answered: `answer`, or the verdicts that fit.
    pub answers: Vec<String>,
    /// What the step gives, to be said with `happened` and `skip`; empty where its plugin does not say so.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub outputs: Vec<OutputView>,
    /// What is known where nobody knows whether it happened.
    pub evidence: Option<FailureView>,
    /// Who may not do it, whoever else may.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub not: Vec<String>,
    /// Whoever gave it to those who have it now, and for whom they answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delegated_by: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub comments: Vec<CommentView>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clock: Option<ClockView>,
    /// With which more time can be asked for, where that can be done now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extend: Option<FormView>,
    /// What whoever looks has filled in and not sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub draft: Option<DraftView>,
    pub case: CaseView,
}

/// A value that a step gives.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OutputView {
    pub name: String,
    /// `text`, `whole`, `number`, `yesno`, else `json`.
    pub kind: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
}

/// A half-filled answer, as it came.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct DraftView {
    pub at: String,
    pub fields: Exact,
}

impl DraftView {
    pub(crate) fn of(draft: &Draft) -> Self {
        Self { at: draft.at.to_string(), fields: json_of(&draft.fields) }
    }
}

/// When a clock stood, and whether it does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ClockView {
    /// Which due time this is: each time it moves it is another.
    pub n: u16,
    pub ledger: Vec<StoodView>,
    /// How much of the time was used, and is left, in seconds; what it stood is not used.
    pub used_s: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left_s: Option<i64>,
    /// The due time counts working days of a year whose holidays the calendar does not know.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guess: Option<GuessView>,
}

/// Of whose working days nobody knows yet which they are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct GuessView {
    pub calendar: String,
    pub year: i16,
}

/// A line of the ledger: the clock stood, or, where `to` is `from`, somebody gave another due time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StoodView {
    pub from: String,
    /// None while it stands.
    pub to: Option<String>,
    /// The step or the expression of the file because of which it stood.
    pub file: Option<String>,
    pub by: Option<String>,
    pub reason: Option<String>,
    /// The due time before and after.
    pub was: Option<String>,
    pub due: Option<String>,
}

/// What somebody said of an open task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CommentView {
    pub by: String,
    pub at: String,
    pub text: String,
}

/// A form with everything worked out.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct FormView {
    pub fields: Vec<Exact>,
}

impl FormView {
    /// `known`: what was answered before, put into the fields that are asked.
    pub(crate) fn of(form: &Form, known: Option<&Raw>, scope: &Value) -> Result<Self, Refusal> {
        let view = form.view_of(known.map_or("{}", Raw::get), scope);
        let fields =
            serde_json::from_str(&view).map_err(|error| Refusal::bug("a form's view is no list", &error))?;
        Ok(Self { fields })
    }
}

/// JSON as it was kept: every number has its digits.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Exact(Box<RawValue>);

impl Exact {
    pub(crate) fn text(&self) -> &str {
        self.0.get()
    }

    fn of(text: String) -> Option<Self> {
        RawValue::from_string(text).ok().map(Self)
    }
}

impl PartialEq for Exact {
    fn eq(&self, other: &Self) -> bool {
        self.0.get() == other.0.get()
    }
}

/// What a task is about.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CaseView {
    pub run: String,
    pub workflow: String,
    pub title: String,
    pub key: Option<String>,
    pub by: String,
    pub started: String,
    pub input: Exact,
    /// What is over, in file order.
    pub story: Vec<StoryView>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct StoryView {
    pub step: String,
    pub title: String,
    pub state: String,
    pub by: Option<String>,
    pub ended: Option<String>,
    #[schema(value_type = Exact)]
    pub output: Option<Exact>,
}

/// One line of a journal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct JournalLine {
    pub seq: u32,
    pub at: String,
    /// What happened and what came of it, in one sentence.
    pub text: String,
    /// The event's name: `started`, `ended`, `answered`.
    pub event: String,
    /// Its particulars, with steps by name.
    #[schema(value_type = Value)]
    pub with: Json,
    /// What was decided: each with its name as `fact`.
    #[schema(value_type = Vec<Object>)]
    pub did: Vec<Json>,
}

/// Why a run is where it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WhyView {
    pub id: String,
    pub state: String,
    pub sentences: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WorkflowRow {
    pub name: String,
    pub title: String,
    pub path: String,
    pub owner: Option<String>,
    pub hash: Option<String>,
    /// `in force`, `faulty` (no text of it was ever good) or `old text in force`.
    pub state: String,
    pub faults: Vec<String>,
    pub warnings: Vec<String>,
    pub triggers: Vec<TriggerName>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TriggerName {
    pub name: String,
    /// `schedule`, `webhook`, `files`, `mail`, `event` or `by_hand`.
    pub kind: String,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub paused: bool,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct WorkflowView {
    #[serde(flatten)]
    pub row: WorkflowRow,
    pub note: Option<String>,
    pub implements: Vec<String>,
    /// The start form.
    pub form: FormView,
    pub steps: Vec<StepSketch>,
    pub source: Option<String>,
    pub open_runs: u64,
    /// The texts that open runs go by, and the one in force, first.
    #[serde(default)]
    pub versions: Vec<VersionView>,
}

/// A text of a workflow, and how many open runs go by it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct VersionView {
    pub hash: String,
    pub in_force: bool,
    pub open_runs: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StepSketch {
    pub id: String,
    pub section: String,
    pub title: String,
    pub kind: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<String>,
    pub needs: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TriggerView {
    pub workflow: String,
    pub trigger: String,
    pub kind: String,
    /// The workflow's title.
    #[serde(default)]
    pub title: String,
    /// The pattern of a schedule, the address of a webhook, the files that are watched.
    pub what: String,
    /// What starts it, in words: `every working day at 09:00`.
    #[serde(default)]
    pub said: String,
    /// The next firings of a schedule.
    pub next: Vec<String>,
    /// Of a schedule that follows the dates of a register: which entry fires when.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub entries: Vec<EntryAhead>,
    /// Of a trigger with `gather`: when what is gathered becomes a run, and how many firings wait for that.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gathers: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gathered: Option<usize>,
    pub last: Vec<FiringView>,
    /// Nothing starts by it now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paused: Option<PauseView>,
}

/// Who paused a trigger, since when and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PauseView {
    pub by: String,
    pub since: String,
    pub reason: String,
}

impl PauseView {
    pub(crate) fn of(pause: &TriggerPause) -> Self {
        let TriggerPause { by, at, reason, .. } = pause;
        Self { by: by.to_string(), since: at.to_string(), reason: reason.to_string() }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EntryAhead {
    pub at: String,
    /// The day that the entry holds.
    pub day: String,
    pub number: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FiringView {
    pub at: String,
    pub id: String,
    /// `started`, `joined`, `rejected`, `skipped`, `late`, `missed`, `queued`, `failed`, `gathered`.
    pub outcome: String,
    pub run: Option<String>,
}

/// A start that was taken in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StartedView {
    pub id: String,
    /// An open run with the same key took it in.
    pub joined: bool,
    /// Fields that were given and not asked for.
    #[serde(default)]
    pub dropped: Vec<String>,
    /// An earlier request with this id had this answer.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub repeated: bool,
    /// It is kept for the run of its trigger's next slot, and `id` is empty.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub gathered: bool,
    /// Of a trigger with `each`: what became of every element. `id` is the first run's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub each: Vec<ElementView>,
}

/// What became of one element of a trigger's list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ElementView {
    /// From 1 on.
    pub number: usize,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub joined: bool,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub repeated: bool,
    /// It is kept for the run of its trigger's next slot.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub gathered: bool,
    /// Why it started no run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DoctorView {
    pub ok: bool,
    pub findings: Vec<String>,
    /// How many runs were looked at one by one, and how many of them were played again.
    pub runs: usize,
    pub replayed: usize,
}

/// Runs that were under way, and how many of them do not go on yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RecoveringView {
    pub left: u64,
    pub of: u64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct HealthView {
    pub ready: bool,
    /// After a start, while runs that were under way do not go on yet; what comes is taken in all the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recovering: Option<RecoveringView>,
    pub disk_full: bool,
    pub broken: Option<String>,
    /// For viewers of the whole house; others get an empty object.
    #[schema(value_type = Object)]
    pub figures: Json,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ArtifactView {
    /// SHA-256 in hexadecimal.
    pub artifact: String,
    pub name: String,
    pub size: usize,
}

/// What is no JSON (a damaged store) as text, so that it can be seen.
pub(crate) fn json_of(raw: &Raw) -> Exact {
    let as_text = || Json::String(raw.get().to_owned()).to_string();
    Exact::of(raw.get().to_owned())
        .or_else(|| Exact::of(as_text()))
        .unwrap_or_else(|| Exact(RawValue::NULL.to_owned()))
}

pub(crate) fn owned(text: &Option<Arc<str>>) -> Option<String> {
    text.as_deref().map(str::to_owned)
}

/// The word that serde writes for a value without fields.
pub(crate) fn word_of(value: &impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(Json::String(word)) => word,
        Ok(other) => other.to_string(),
        Err(_) => String::new(),
    }
}
