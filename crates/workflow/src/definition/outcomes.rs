//! Finds rules of `on` that can never apply, and what a step should be warned of.

use super::Read;
use crate::catalogue::{Action, Catalogue};
use crate::form::{Form, Kind, Options};
use crate::id::StepNo;
use crate::plan::{Ending, Goes, On, OutcomePattern, Work, Workflow};
use crate::problem::{Place, Problem, listed, nearest};

pub(super) fn check(read: &Read) -> Vec<Problem> {
    let mut problems = Vec::new();
    for no in read.workflow.numbers() {
        for on in &read.workflow.step(no).on {
            problems.extend(wrong(read, no, on, None));
        }
        problems.extend(warnings(read, no));
    }
    problems
}

/// The outcomes of actions, which their plugins name.
pub(super) fn check_actions(read: &Read, catalogue: &Catalogue) -> Vec<Problem> {
    let mut problems = Vec::new();
    for no in read.workflow.numbers() {
        let step = read.workflow.step(no);
        if let Work::Use { action, .. } = &step.work
            && let Some(action) = catalogue.action(action)
        {
            problems.extend(step.on.iter().filter_map(|on| wrong(read, no, on, Some(action))));
        }
    }
    problems
}

fn wrong(read: &Read, no: StepNo, on: &On, action: Option<&Action>) -> Option<Problem> {
    let (step, path) = (read.workflow.step(no), super::path_of(&read.workflow, no));
    if read.lost.has(&format!("{path}.form")) {
        return None;
    }
    let lost_due = read.lost.has(&format!("{path}.due"));
    let written = match &on.outcome {
        OutcomePattern::Word(word) => word.to_string(),
        OutcomePattern::Field { field, value } => format!("{field}.{value}"),
    };
    let path = format!("{path}.on.{written}");
    let mut known = vec!["done".to_owned()];
    match (&step.work, action) {
        (Work::Check { .. }, _) => known.extend(["yes".to_owned(), "no".to_owned()]),
        (Work::Ask(ask), _) => {
            if ask.due.is_some() || lost_due {
                known.push("late".to_owned());
            }
            if ask.approve.is_some() {
                known.extend(["approved".to_owned(), "refused".to_owned()]);
            }
            known.extend(of_form(&ask.form)?);
        }
        (Work::Use { .. }, Some(action)) => known.extend(of_action(action)?),
        // Which words a child ends with, or an action names, is asked when they are at hand.
        // Nor which fields an event will have.
        (Work::Use { .. } | Work::Run { .. } | Work::Await(_), _) => return None,
        (Work::Hold { steps, .. }, _) => words_inside(&read.workflow, steps, &mut known),
        (Work::Wait { .. } | Work::End { .. }, _) => {}
    }
    if known.contains(&written) {
        return None;
    }
    let place = Place::at(read.spans.key(&path));
    let problem = Problem::error("YZ0126", place).name("outcome", &written).name("step", &*step.id);
    let whole = || known.iter().find(|known| known.ends_with(&format!(".{written}"))).cloned();
    let near = by_label(step, &on.outcome).or_else(whole).or_else(|| nearest(&written, &known));
    Some(problem.near(near).name("known", listed(&known)))
}

/// The outcome that somebody meant who wrote an option's label for its code.
fn by_label(step: &crate::plan::Step, outcome: &OutcomePattern) -> Option<String> {
    let (Work::Ask(ask), OutcomePattern::Field { field, value }) = (&step.work, outcome) else { return None };
    let Options::Fixed(choices) = &ask.form.field(field)?.options else { return None };
    let choice = choices.iter().find(|choice| choice.label == *value)?;
    Some(format!("{field}.{}", choice.code))
}

/// The words with which steps inside a holding step end it as done.
fn words_inside(workflow: &Workflow, steps: &[StepNo], known: &mut Vec<String>) {
    for no in steps {
        let step = workflow.step(*no);
        let ways = step.on.iter().map(|on| &on.goes).filter_map(|goes| match goes {
            Goes::End(ending) => Some(ending),
            Goes::Back(back) => back.then.as_ref(),
        });
        let own = if let Work::End { ending } = &step.work { Some(ending) } else { None };
        for ending in ways.chain(own) {
            if let Ending::Done { outcome } = ending {
                known.push(outcome.to_string());
            }
        }
    }
}

/// `None`: options are worked out when the task opens, so any word may occur.
fn of_form(form: &Form) -> Option<Vec<String>> {
    let mut known = Vec::new();
    for field in &form.fields {
        match (field.kind, &field.options) {
            (Kind::Choice, Options::Worked(_)) => return None,
            (Kind::Choice, Options::Fixed(choices)) => {
                known.extend(choices.iter().map(|choice| format!("{}.{}", field.name, choice.code)));
            }
            (kind, _) => known.extend(kind.outcomes().iter().map(|word| format!("{}.{word}", field.name))),
        }
    }
    Some(known)
}

/// Named outcomes, and the values of output fields that are a choice.
fn of_action(action: &Action) -> Option<Vec<String>> {
    let schema = super::schema::resolved(&action.output, &action.output);
    let properties = schema.get("properties")?.as_object()?;
    let mut known = Vec::new();
    for (field, schema) in properties {
        let own = super::schema::resolved(schema, &action.output);
        for value in super::schema::choices(own, &action.output) {
            if action.outcome.as_deref() == Some(field) {
                known.push(value.clone());
            }
            known.push(format!("{field}.{value}"));
        }
    }
    Some(known)
}

fn warnings(read: &Read, no: StepNo) -> Vec<Problem> {
    let (step, path) = (read.workflow.step(no), super::path_of(&read.workflow, no));
    let mut problems = Vec::new();
    if let Work::Ask(ask) = &step.work
        && ask.due.is_none()
        && !read.lost.has(&format!("{path}.due"))
    {
        let place = Place::at(read.spans.key(&path));
        problems.push(Problem::warning("YZ0195", place).name("step", &*step.id));
    }
    for on in &step.on {
        let Goes::Back(back) = &on.goes else { continue };
        let workflow = &read.workflow;
        let between = workflow.numbers().filter(|no| {
            *no == back.target
                || workflow.step(*no).id == step.id
                || workflow.step(back.target).after.contains(no) && step.before.contains(no)
        });
        let rests = between.map(|no| &workflow.step(no).work).any(|work| {
            matches!(
                work,
                Work::Ask(_) | Work::Await(_) | Work::Wait { .. } | Work::Run { .. } | Work::Hold { .. }
            )
        });
        if !rests && back.most.is_none() && back.after.is_none() {
            let place = Place::at(read.spans.key(&format!("{path}.on")));
            problems.push(Problem::warning("YZ0196", place).name("step", &*step.id));
        }
    }
    problems
}
