//! Draws a workflow: its steps and what leads from one to the other.

use yizhan_workflow::id::StepNo;
use yizhan_workflow::plan::{Ending, Goes, OnError, OutcomePattern, Section, Step, Work, Workflow};
use yizhan_workflow::problem::Lang;
use yizhan_workflow::prose::answer;

use crate::words::{Text, catalogue as t, outcome_word, say};

mod layout;
pub(crate) mod run;
pub mod svg;

/// A way that is no `needs`: back to a step, or to an end.
pub(crate) struct Way {
    pub(crate) from: StepNo,
    /// `None`: it ends.
    pub(crate) to: Option<StepNo>,
    pub(crate) label: String,
}

pub(crate) fn label(workflow: &Workflow, no: StepNo) -> String {
    let step = workflow.step(no);
    step.title.as_ref().map_or_else(|| step.id.to_string(), |title| plain(title.source()))
}

/// A title without what stands between its braces.
fn plain(title: &str) -> String {
    let mut said = String::new();
    let mut rest = title;
    while let Some((before, after)) = rest.split_once("{{") {
        said.push_str(before);
        said.push('…');
        rest = after.split_once("}}").map_or("", |(_, rest)| rest);
    }
    said + rest
}

/// The steps of the main section that stand beside each other in this one, or in none.
pub(crate) fn steps_in(workflow: &Workflow, holder: Option<StepNo>) -> Vec<StepNo> {
    workflow.steps_in(holder).to_vec()
}

/// A section that runs beside the undos when a run ends badly: its name in files, what it is for people, its steps.
pub(crate) type Closing = (&'static str, Text, Vec<StepNo>);

/// Those that have steps.
pub(crate) fn closing(workflow: &Workflow) -> Vec<Closing> {
    let sections =
        [("on_failure", t::ON_FAILURE, Section::OnFailure), ("on_cancel", t::ON_CANCEL, Section::OnCancel)];
    let steps = |section| workflow.numbers().filter(|no| workflow.step(*no).section == section).collect();
    let all = sections.map(|(name, words, section)| (name, words, steps(section)));
    all.into_iter().filter(|(_, _, steps): &Closing| !steps.is_empty()).collect()
}

pub(crate) fn ways(workflow: &Workflow, language: Lang) -> Vec<Way> {
    let mut ways = Vec::new();
    for from in workflow.numbers().filter(|no| workflow.step(*no).section == Section::Main) {
        let step = workflow.step(from);
        for on in &step.on {
            let outcome = match &on.outcome {
                OutcomePattern::Word(word) => outcome_word(language, word),
                OutcomePattern::Field { field, value } => answered(step, field, value, language),
            };
            match &on.goes {
                Goes::Back(back) => {
                    let most = back.most.map(|most| format!(" ≤{most}")).unwrap_or_default();
                    ways.push(Way { from, to: Some(back.target), label: format!("{outcome}{most}") });
                }
                Goes::End(ending) => {
                    ways.push(Way {
                        from,
                        to: None,
                        label: format!("{outcome} → {}", end_word(ending, language)),
                    });
                }
            }
        }
        if let OnError::BackTo(back) = &step.on_error {
            ways.push(Way { from, to: Some(back.target), label: "✗".to_owned() });
        }
        if let Work::End { ending } = &step.work {
            ways.push(Way { from, to: None, label: end_word(ending, language) });
        }
    }
    ways
}

/// An answer in the words of its form.
fn answered(step: &Step, field: &str, value: &str, language: Lang) -> String {
    let form = if let Work::Ask(ask) = &step.work { ask.form.field(field) } else { None };
    form.map_or_else(
        || format!("{field}: {value}"),
        |form| format!("{}: {}", form.label(), answer(form, value, language)),
    )
}

fn end_word(ending: &Ending, language: Lang) -> String {
    let done = say(language, t::ENDS_DONE);
    match ending {
        Ending::Done { outcome } if &**outcome == "done" => done.to_owned(),
        Ending::Done { outcome } => format!("{done}: {}", outcome_word(language, outcome)),
        Ending::Cancel { reason } => format!("{}{reason}", say(language, t::ENDS_CANCELLED)),
        Ending::Fail { reason } => format!("{}{reason}", say(language, t::ENDS_FAILED)),
    }
}

fn when(workflow: &Workflow, no: StepNo) -> bool {
    workflow.step(no).when.is_some()
}

/// For GitHub, wikis and everything else that draws Mermaid.
#[must_use]
pub fn mermaid(workflow: &Workflow, language: Lang) -> String {
    let mut lines = vec!["flowchart TD".to_owned()];
    mermaid_steps(workflow, &steps_in(workflow, None), "  ", &mut lines);
    for (section, _, steps) in closing(workflow) {
        lines.push(format!("  subgraph {section}[\"{section}\"]"));
        mermaid_steps(workflow, &steps, "    ", &mut lines);
        lines.push("  end".to_owned());
    }
    for no in workflow.numbers() {
        for need in &workflow.step(no).needs {
            let label = if when(workflow, no) { "|when|" } else { "" };
            lines.push(format!("  {} -->{label} {}", name(workflow, *need), name(workflow, no)));
        }
    }
    for (at, way) in ways(workflow, language).iter().enumerate() {
        let (from, label) = (name(workflow, way.from), quoted(&way.label));
        match way.to {
            Some(to) => lines.push(format!("  {from} -. {label} .-> {}", name(workflow, to))),
            None => lines.push(format!("  {from} --> end{at}([{label}])")),
        }
    }
    lines.join("\n")
}

fn mermaid_steps(workflow: &Workflow, steps: &[StepNo], indent: &str, lines: &mut Vec<String>) {
    for no in steps.iter().copied() {
        let (name, label) = (name(workflow, no), quoted(&label(workflow, no)));
        let step = workflow.step(no);
        match &step.work {
            Work::Hold { .. } => {
                lines.push(format!("{indent}subgraph {name}[{label}]"));
                mermaid_steps(workflow, &steps_in(workflow, Some(no)), &format!("{indent}  "), lines);
                lines.push(format!("{indent}end"));
            }
            Work::Check { .. } => lines.push(format!("{indent}{name}{{{label}}}")),
            Work::Ask(_) => lines.push(format!("{indent}{name}[/{label}/]")),
            Work::Use { .. } | Work::Wait { .. } | Work::Run { .. } | Work::Await(_) | Work::End { .. } => {
                lines.push(format!("{indent}{name}[{label}]"))
            }
        }
    }
}

/// An id that Mermaid and DOT take for one: `end` is a word of theirs.
fn name(workflow: &Workflow, no: StepNo) -> String {
    format!("s_{}", workflow.step(no).path().replace('.', "_"))
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('"', "'"))
}

/// For Graphviz.
#[must_use]
pub fn dot(workflow: &Workflow, language: Lang) -> String {
    let mut lines = vec!["digraph workflow {".to_owned(), "  node [shape=box, style=rounded];".to_owned()];
    dot_steps(workflow, &steps_in(workflow, None), "  ", &mut lines);
    for (section, _, steps) in closing(workflow) {
        lines.push(format!("  subgraph cluster_{section} {{ label={};", quoted(section)));
        dot_steps(workflow, &steps, "    ", &mut lines);
        lines.push("  }".to_owned());
    }
    for no in workflow.numbers() {
        for need in &workflow.step(no).needs {
            lines.push(format!("  {} -> {};", name(workflow, *need), name(workflow, no)));
        }
    }
    for (at, way) in ways(workflow, language).iter().enumerate() {
        let (from, label) = (name(workflow, way.from), quoted(&way.label));
        match way.to {
            Some(to) => lines.push(format!(
                "  {from} -> {} [style=dashed, constraint=false, label={label}];",
                name(workflow, to)
            )),
            None => lines.push(format!("  end{at} [shape=oval, label={label}];\n  {from} -> end{at};")),
        }
    }
    lines.push("}".to_owned());
    lines.join("\n")
}

fn dot_steps(workflow: &Workflow, steps: &[StepNo], indent: &str, lines: &mut Vec<String>) {
    for no in steps.iter().copied() {
        let (name, label) = (name(workflow, no), quoted(&label(workflow, no)));
        lines.push(format!("{indent}{name} [label={label}];"));
        if let Work::Hold { .. } = &workflow.step(no).work {
            lines.push(format!("{indent}subgraph cluster_{name} {{ label={label};"));
            dot_steps(workflow, &steps_in(workflow, Some(no)), &format!("{indent}  "), lines);
            lines.push(format!("{indent}}}"));
        }
    }
}

#[cfg(test)]
mod tests;
