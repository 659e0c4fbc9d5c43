//! A run as it is shown: every step with its items, titles worked out.

use yizhan_engine::store;
use yizhan_workflow::id::{Attempt, Item, Millis, RunId, ScopeNo, StepAt, TaskId};
use yizhan_workflow::plan::{Section, Work};
use yizhan_workflow::run::clock::WHOLE;
use yizhan_workflow::run::event::{Failure, Raw, Standing};
use yizhan_workflow::run::names::{Standpoint, item_word, state_word};
use yizhan_workflow::run::sight::Sight;
use yizhan_workflow::run::state::{At, ItemState, Phase, ScopeState, StepState, Want};

use super::spoken::given;
use super::task::clock_view;
use super::{
    ErrorView, Exact, FailureView, ItemView, Look, RunRow, RunView, StepView, json_of, owned, word_of,
};

/// Items of a step that are shown; a fan-out may have a hundred thousand.
const ITEMS_SHOWN: usize = 500;

pub(crate) fn run_row(row: &store::RunRow, title: String, now: Millis) -> RunRow {
    RunRow {
        id: row.id.to_string(),
        workflow: row.workflow.to_string(),
        title,
        state: word_of(&row.state),
        outcome: owned(&row.outcome),
        key: owned(&row.key),
        by: row.by.to_string(),
        started: row.started.to_string(),
        ended: row.ended.map(|at| at.to_string()),
        due: row.due.map(|at| at.to_string()),
        late: row.is_late(now),
        waits: owned(&row.waits),
        parent: row.parent.map(|parent| parent.to_string()),
    }
}

pub(crate) fn run_view(look: &Look<'_>, row: &store::RunRow) -> RunView {
    let (run, sight) = (look.run, look.sight());
    let output = match &run.top.phase {
        Phase::Over { output, .. } => {
            output.as_ref().filter(|_| sight.case()).map(|output| made(&sight, output))
        }
        Phase::Open | Phase::Stopping | Phase::Finishing => None,
    };
    let error = run.top.error.as_ref().map(|error| ErrorView {
        step: error.step.to_string(),
        code: error.code.to_string(),
        message: error.message.to_string(),
    });
    let mut words = run_row(row, look.text.title.clone(), look.now);
    words.key = words.key.and_then(|key| sight.key(&key));
    words.late |= run.standing_items().any(|(of, state)| of != WHOLE && state.late);
    RunView {
        row: words,
        input: json_of(&given(&sight, Some(&run.started.by), sight.input(&run.started.input))),
        error,
        opening: run.top.opening,
        clock: run.whole.as_deref().and_then(|whole| clock_view(&(look, &sight), WHOLE, whole)),
        text: run.text().to_string(),
        steps: steps_view(&(look, &sight), ScopeNo::RUN),
        output,
    }
}

/// A value that the file made of others.
pub(super) fn made(sight: &Sight<'_>, value: &Raw) -> Exact {
    match serde_json::from_str(value.get()) {
        Ok(value) => json_of(&Raw::from(&sight.veil().over_made(value))),
        Err(_) => json_of(value),
    }
}

fn path_of(look: &Look<'_>, of: Item) -> String {
    let path = look.run.path_of(look.text, of.place());
    if look.text.step(of.step).has_items() { format!("{path}[{}]", of.item) } else { path }
}

/// A case with what may be seen of it.
pub(super) type Seen<'s> = (&'s Look<'s>, &'s Sight<'s>);

/// The steps of a run, or of an item that holds steps.
fn steps_view(seen: &Seen<'_>, scope: ScopeNo) -> Vec<StepView> {
    let (look, _) = seen;
    let holder = look.run.scope(scope).and_then(ScopeState::holder_step);
    let numbers = look.text.numbers().filter(|no| look.text.step(*no).holder == holder);
    numbers.map(|step| StepAt { step, scope }).map(|at| step_view(seen, at, look.run.step(at))).collect()
}

fn step_view(seen: &Seen<'_>, at: StepAt, state: &StepState) -> StepView {
    let (look, _) = seen;
    let (run, step) = (look.run, look.text.step(at.step));
    let (kind, action) = kind_of(&step.work);
    let items = state.items.iter().take(ITEMS_SHOWN).zip(0_u32..).map(|(item, number)| {
        let of = at.item(state.round, number);
        let undo = run.done(of).and_then(|done| done.undo.as_ref());
        let undo = undo.map(|undo| Box::new(item_view(seen, Item { undo: true, ..of }, undo)));
        ItemView { undo, ..item_view(seen, of, item) }
    });
    StepView {
        id: step.id.to_string(),
        section: section_word(step.section).to_owned(),
        title: title_of(look, at),
        kind: kind.to_owned(),
        action,
        state: state_word(state).to_owned(),
        round: state.round,
        taken_back: state.taken_back,
        items: items.collect(),
        items_in_all: (state.items.len() > ITEMS_SHOWN).then_some(state.items.len()),
    }
}

/// What a step is called; none, where its title is of values that this scope does not have.
pub(crate) fn title_at(look: &Look<'_>, at: StepAt) -> Option<String> {
    look.run.scope(at.scope)?;
    look.text.step(at.step).title.as_ref()?.text(&look.scope(Standpoint::Step(at))).ok()
}

/// The title worked out; as it is written where that fails, and the id where there is none.
pub(super) fn title_of(look: &Look<'_>, at: StepAt) -> String {
    let step = look.text.step(at.step);
    let Some(title) = &step.title else { return step.id.to_string() };
    title.text(&look.scope(Standpoint::Step(at))).unwrap_or_else(|_| title.source().to_owned())
}

fn item_view(seen: &Seen<'_>, of: Item, state: &ItemState) -> ItemView {
    let (look, sight) = seen;
    let step = look.text.step(of.step);
    let instant = |at: Option<Millis>| at.map(|at| at.to_string());
    let readable = || look.run.key_of(look.text, of);
    let task = match state.want() {
        Want::Task { a, .. } => Some(TaskId::of(&readable(), a).to_string()),
        Want::Nothing
        | Want::Attempt { .. }
        | Want::Stop { .. }
        | Want::Child { .. }
        | Want::StopChild { .. }
        | Want::Slot { .. }
        | Want::Listen { .. }
        | Want::Time => None,
    };
    let is_child = matches!(step.work, Work::Run { .. }) && !of.is_beside() && state.attempts > 0;
    let child = match &state.at {
        At::Is(Standing::Child { child, .. } | Standing::StoppingChild { child, .. }) => Some(*child),
        At::Is(_) | At::Over(_) => is_child.then(|| RunId::child_of(&readable())),
    };
    ItemView {
        item: of.item,
        path: path_of(look, of),
        state: item_word(state).to_owned(),
        attempts: state.attempts,
        outcome: owned(&state.outcome),
        input: state.first.as_ref().filter(|_| sight.case()).map(|first| made(sight, &first.with)),
        output: sight.output(of, state).map(|output| json_of(&given(sight, state.by.as_deref(), output))),
        failure: state.failure.as_deref().map(failure_view),
        by: owned(&state.by),
        opened: instant(state.opened),
        ended: instant(state.ended),
        due: instant(state.due),
        late: state.late,
        clock: clock_view(seen, of, state),
        task,
        child: child.map(|child| child.to_string()),
        steps: state.scope.filter(|_| !of.is_beside()).map_or_else(Vec::new, |scope| steps_view(seen, scope)),
        undo: None,
    }
}

pub(crate) fn failure_view(failure: &Failure) -> FailureView {
    FailureView {
        code: failure.code.to_string(),
        message: failure.message.to_string(),
        happened: word_of(&failure.happened),
    }
}

pub(crate) fn section_word(section: Section) -> &'static str {
    match section {
        Section::Main => "main",
        Section::OnFailure => "on_failure",
        Section::OnCancel => "on_cancel",
    }
}

pub(crate) fn kind_of(work: &Work) -> (&'static str, Option<String>) {
    let of = match work {
        Work::Use { action, .. } => Some(action.to_string()),
        Work::Await(event) => Some(event.event.source().to_owned()),
        Work::Run { workflow, .. } => Some(workflow.to_string()),
        Work::Ask(_) | Work::Wait { .. } | Work::Hold { .. } | Work::Check { .. } | Work::End { .. } => None,
    };
    (work.kind(), of)
}

/// The attempt that a task's row names.
pub(crate) fn attempt_of(row: &store::TaskRow) -> Option<Attempt> {
    serde_json::from_str(&row.of).ok()
}
