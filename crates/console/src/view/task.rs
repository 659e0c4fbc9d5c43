//! A task as its reader needs it: what is asked, the form worked out, and the case so far.

use std::sync::Arc;

use yizhan_engine::store::{self, TaskKind};
use yizhan_workflow::id::{Attempt, Item, Millis, ScopeNo, StepAt};
use yizhan_workflow::plan::Work;
use yizhan_workflow::run::clock::StoppedBy;
use yizhan_workflow::run::event::{Question, Raw, Standing};
use yizhan_workflow::run::guess::guess;
use yizhan_workflow::run::names::{Standpoint, item_word};
use yizhan_workflow::run::sight::{HIDDEN, Sight};
use yizhan_workflow::run::state::{At, ItemState, Run, ScopeState};

use super::run::{Seen, failure_view, title_of};
use super::spoken::{given, spoken};
use super::{
    CaseView, ClockView, CommentView, FailureView, FormView, GuessView, Look, OutputView, StoodView,
    StoryView, TaskRow, TaskView, json_of, owned, word_of,
};
use crate::refusal::Refusal;

/// Answers of earlier steps that a case shows.
const STORY_SHOWN: usize = 200;

pub(crate) fn task_row(row: &store::TaskRow, now: Millis) -> TaskRow {
    TaskRow {
        id: row.id.to_string(),
        run: row.run.to_string(),
        workflow: row.workflow.to_string(),
        step: row.step.to_string(),
        kind: word_of(&row.kind),
        title: row.title.to_string(),
        who: row.who.clone(),
        due: row.due.map(|due| due.to_string()),
        late: row.is_late(now),
        opened: row.opened.to_string(),
        claimed_by: owned(&row.claimed_by),
    }
}

/// # Errors
/// When the task is over, or its form cannot be worked out.
pub(crate) fn task_view(
    row: &store::TaskRow,
    of: Attempt,
    look: &Look<'_>,
    asked: bool,
) -> Result<TaskView, Refusal> {
    let state = look.run.item(of.item).filter(|state| state.attempt() == Some(of.attempt));
    let state = state.ok_or_else(|| Refusal::NoSuch { kind: "task", name: row.id.to_string() })?;
    let mut task = task_row(row, look.now);
    let sight = look.sight();
    task.title = sight.title(&row.title).unwrap_or_else(|| HIDDEN.to_owned());
    // The row is as of the task's opening; what can move is taken from the run.
    task.due = state.due.map(|due| due.to_string());
    task.late = state.late || state.due.is_some_and(|due| due <= look.now) && !state.stands_still();
    task.claimed_by = owned(&state.claimed);
    let form = match row.kind {
        TaskKind::Asked => form_of(of, look, asked)?,
        TaskKind::Unknown | TaskKind::Asking => FormView::default(),
    };
    let (answers, question) = match &state.at {
        At::Is(Standing::Unknown { .. }) => (vec!["happened", "again", "fail"], None),
        At::Is(Standing::Asking { why, .. }) => match &**why {
            Question::Failed { failure } => (vec!["again", "skip", "fail"], Some(failure_view(failure))),
            Question::UndoFailed { failure } | Question::RungFailed { failure } => {
                (vec!["again", "leave"], Some(failure_view(failure)))
            }
            Question::WayUsedUp { .. } => (vec!["again", "leave", "fail"], None),
        },
        At::Is(_) | At::Over(_) => (vec!["answer"], None),
    };
    let sheet = if let At::Is(Standing::Asked { task, .. }) = &state.at { Some(task) } else { None };
    let comments = state.comments.iter().map(|said| CommentView {
        by: said.by.to_string(),
        at: said.at.to_string(),
        text: if asked { said.text.to_string() } else { spoken(&sight, &said.by, &said.text) },
    });
    let evidence = question.or_else(|| state.failure.as_deref().map(failure_view));
    let evidence: Option<FailureView> = evidence.filter(|_| row.kind != TaskKind::Asked);
    Ok(TaskView {
        row: task,
        item: look.text.step(of.item.step).each.is_some().then_some(of.item.item + 1),
        form,
        outputs: outputs(look, of.item, &answers),
        answers: answers.into_iter().map(str::to_owned).collect(),
        evidence,
        not: sheet.map_or_else(Vec::new, |sheet| sheet.not.clone()),
        delegated_by: sheet.and_then(|sheet| owned(&sheet.delegated_by)),
        comments: comments.collect(),
        clock: clock_view(&(look, &sight), of.item, state),
        extend: more_time(look, of.item, state)?,
        draft: None,
        case: case_of(look),
    })
}

/// What the action gives as its plugin declares it, where somebody may say it in its place.
fn outputs(look: &Look<'_>, of: Item, answers: &[&str]) -> Vec<OutputView> {
    let Work::Use { action, .. } = look.text.step(of.step).work_of(of) else { return vec![] };
    if !answers.iter().any(|verdict| matches!(*verdict, "happened" | "skip")) {
        return vec![];
    }
    let known = look.world.catalogue.actions.get(&action.to_string());
    let properties = known.and_then(|action| action.output.get("properties")?.as_object());
    let view = |(name, schema): (&String, &serde_json::Value)| OutputView {
        name: name.clone(),
        kind: match schema["type"].as_str() {
            Some("string") => "text",
            Some("integer") => "whole",
            Some("number") => "number",
            Some("boolean") => "yesno",
            Some(_) | None => "json",
        }
        .to_owned(),
        title: schema["title"].as_str().map(str::to_owned),
    };
    properties.into_iter().flatten().map(view).collect()
}

/// The form of `extend`, as long as what is open is in time and nothing was asked for.
fn more_time(look: &Look<'_>, of: Item, state: &ItemState) -> Result<Option<FormView>, Refusal> {
    let in_time = state.due.is_some_and(|due| due > look.now);
    let asked = state.clock.as_ref().is_some_and(|clock| !clock.asked.is_empty());
    let clock = look.text.step(of.step).clock.as_ref().filter(|_| in_time && !asked && !of.is_beside());
    let extend = clock.and_then(|clock| clock.extend.as_ref());
    extend.map(|extend| FormView::of(&extend.form, None, &look.scope(Standpoint::Item(of)))).transpose()
}

pub(super) fn clock_view((look, sight): &Seen<'_>, of: Item, state: &ItemState) -> Option<ClockView> {
    let now = look.now;
    let clock = state.clock.as_deref()?;
    let text = |at: Millis| at.to_string();
    let line = |from, to: Option<Millis>, file: &Option<Arc<str>>, person: &Option<StoppedBy>| StoodView {
        from: text(from),
        to: to.map(text),
        file: owned(file),
        by: person.as_ref().map(|person| person.by.to_string()),
        reason: person.as_ref().map(|person| spoken(sight, &person.by, &person.reason)),
        was: None,
        due: None,
    };
    let stood = clock.stood.iter().map(|stood| {
        let view = line(stood.from, Some(stood.to), &stood.file, &stood.person);
        (stood.from, StoodView { was: stood.was.map(text), due: stood.due.map(text), ..view })
    });
    let moved = clock.moved.iter().map(|moved| {
        let person = StoppedBy { by: moved.by.clone(), reason: moved.reason.clone() };
        let view = line(moved.at, Some(moved.at), &None, &Some(person));
        (moved.at, StoodView { was: moved.was.map(text), due: Some(text(moved.due)), ..view })
    });
    let mut ledger: Vec<_> = stood.chain(moved).collect();
    ledger.sort_by_key(|(at, _)| *at);
    let mut ledger: Vec<StoodView> = ledger.into_iter().map(|(_, view)| view).collect();
    ledger.extend(clock.stands.as_ref().map(|stands| line(stands.since, None, &stands.file, &stands.person)));
    Some(ClockView {
        n: clock.n,
        ledger,
        used_s: clock.used(now) / 1000,
        left_s: state.due.map(|due| clock.left(due, now) / 1000),
        guess: guess(look.text, look.world, of, state)
            .map(|guess| GuessView { calendar: guess.calendar.to_string(), year: guess.year }),
    })
}

/// It comes filled in with what was answered before; not for whoever gave that and is asked no more: for them it is veiled, and
/// what is hidden of their own words would tell what is private.
pub(crate) fn form_of(of: Attempt, look: &Look<'_>, asked: bool) -> Result<FormView, Refusal> {
    let Work::Ask(ask) = look.text.step(of.item.step).work_of(of.item) else {
        return Ok(FormView::default());
    };
    let sight = look.sight();
    let known = last_answer(look.run, of.item).filter(|_| !of.item.is_beside());
    let known = known.filter(|(by, _)| asked || !by.is_some_and(|by| sight.is_viewer(by)));
    let known = known.map(|(by, raw)| sight.filled_in(of.item, by, raw));
    FormView::of(&ask.form, known.as_ref(), &look.scope(Standpoint::Item(of.item)))
}

/// What the round before gave: in a new round a form comes filled in with it.
fn last_answer(run: &Run, item: Item) -> Option<(Option<&str>, &Raw)> {
    let own = run.step(item.place()).earlier.as_deref();
    let step = own.or_else(|| {
        // Inside a step that holds steps a new round is a scope of its own: the one before it is asked.
        let holder = run.scope(item.scope)?.holder?;
        let before = run.step(holder.place()).earlier.as_deref()?.items.get(holder.item as usize)?;
        run.scope(before.scope?)?.step(item.step).map(AsRef::as_ref)
    })?;
    let state = step.items.get(item.item as usize)?;
    Some((state.by.as_deref(), state.output.as_ref()?))
}

fn case_of(look: &Look<'_>) -> CaseView {
    let (run, text, sight) = (look.run, look.text, look.sight());
    let mut story = vec![];
    tell(look, &sight, ScopeNo::RUN, &mut story);
    CaseView {
        run: run.id.to_string(),
        workflow: text.name.to_string(),
        title: text.title.clone(),
        key: run.started.key.as_ref().and_then(|key| sight.key(key)),
        by: run.started.by.to_string(),
        started: run.began.to_string(),
        input: json_of(&given(&sight, Some(&run.started.by), sight.input(&run.started.input))),
        story,
    }
}

/// What was done in a run, or in an item that holds steps; these come behind it.
fn tell(look: &Look<'_>, sight: &Sight<'_>, scope: ScopeNo, story: &mut Vec<StoryView>) {
    let (run, text) = (look.run, look.text);
    let holder = run.scope(scope).and_then(ScopeState::holder_step);
    for no in text.numbers().filter(|no| text.step(*no).holder == holder) {
        let at = StepAt { step: no, scope };
        let state = run.step(at);
        // In a new round the answers of the one before are what the reader wants to see.
        let shown = if state.over > 0 { Some(state) } else { state.earlier.as_deref() };
        for (item, number) in shown.map_or(&[][..], |state| &state.items).iter().zip(0_u32..) {
            if story.len() >= STORY_SHOWN {
                return;
            }
            if item.is_over() {
                let title = title_of(look, at);
                let output = sight.output(at.item(state.round, number), item);
                story.push(StoryView {
                    step: run.path_of(text, at),
                    title: sight.title(&title).unwrap_or_else(|| HIDDEN.to_owned()),
                    state: item_word(item).to_owned(),
                    by: owned(&item.by),
                    ended: item.ended.map(|at| at.to_string()),
                    output: output.map(|output| json_of(&given(sight, item.by.as_deref(), output))),
                });
            }
            if let Some(inside) = item.scope {
                tell(look, sight, inside, story);
            }
        }
    }
}
