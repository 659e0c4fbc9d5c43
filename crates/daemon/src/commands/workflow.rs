//! `yizhan workflow diff`: what differs between two texts of a workflow, as a person reads them.

use serde::Serialize;
use yizhan_workflow::definition;
use yizhan_workflow::plan::{Source, Workflow};
use yizhan_workflow::problem::Lang;
use yizhan_workflow::prose::{Reading, Said, reading};

use super::Context;
use super::plan::registers_of;
use super::read::{named, sound};
use crate::client::escaped;
use crate::exit::{Exit, Failure};

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Action {
    /// Show what differs between the text of a run, or the one in force, and the file as it is now
    #[command(
        after_help = "Examples:\n  yizhan workflow diff returns\n  yizhan workflow diff returns --from 01hsk3\n  yizhan workflow diff workflows/shop/returns.toml --json"
    )]
    Diff {
        /// A workflow's file, or its name
        file: String,
        /// A run, or a text's hash; without it the text in force
        #[arg(long, value_name = "RUN|HASH")]
        from: Option<String>,
    },
}

pub(crate) fn run(action: &Action, context: &Context) -> Result<Exit, Failure> {
    let Action::Diff { file, from } = action;
    let home = context.home().ok();
    let read = named(file, home.as_ref())?;
    let now = sound(&read, context)?;
    let source = before(&now.name, from.as_deref(), context)?;
    let old = definition::read(&source, &source.files).map_err(|_| {
        Failure::new(Exit::Failed, "YZ0519", "the earlier text cannot be read by this version".to_owned())
    })?;
    let language = context.language.lang();
    let registers = home.as_ref().and_then(|home| registers_of(home).ok()).unwrap_or_default();
    let told = |workflow: &Workflow| reading(workflow, &registers, language);
    let diff = Diff::between(told(&old.workflow), told(now));
    context.answer(&serde_json::json!(diff), |_| diff.text(language));
    Ok(Exit::Ok)
}

/// The text that the file is compared with.
fn before(name: &str, from: Option<&str>, context: &Context) -> Result<Source, Failure> {
    let client = context.client()?;
    let is_hash = |from: &str| from.len() == 64 && from.bytes().all(|byte| byte.is_ascii_hexdigit());
    let hash = match from {
        Some(hash) if is_hash(hash) => hash.to_owned(),
        Some(run) => {
            let view = client.get(format!("/api/v1/runs/{}", escaped(run))).send()?;
            view["text"].as_str().unwrap_or_default().to_owned()
        }
        None => {
            let view = client.get(format!("/api/v1/workflows/{}", escaped(name))).send()?;
            view["hash"].as_str().unwrap_or_default().to_owned()
        }
    };
    let source = client.get(format!("/api/v1/texts/{}", escaped(&hash))).send()?;
    serde_json::from_value(source).map_err(|error| {
        Failure::new(Exit::Failed, "YZ0519", format!("the daemon's text cannot be read: {error}"))
    })
}

/// Sentences that went and sentences that came, under what they speak of.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
struct Diff {
    same: bool,
    changed: Vec<Change>,
}

#[derive(Debug, PartialEq, Eq, Serialize)]
struct Change {
    /// A step's id, or `title`, `about`, `starts`, `input`.
    of: String,
    /// `added`, `removed` or `changed`.
    how: &'static str,
    gone: Vec<String>,
    come: Vec<String>,
}

impl Diff {
    fn between(old: Reading, new: Reading) -> Self {
        let mut changed = vec![];
        let title = |reading: &Reading| vec![reading.title.clone()];
        for (of, was, is) in [
            ("title", title(&old), title(&new)),
            ("about", old.about, new.about),
            ("starts", old.starts, new.starts),
            ("input", old.input, new.input),
        ] {
            changed.extend(change(of, "changed", &was, &is));
        }
        let all = |steps: [Vec<Said>; 3]| steps.into_iter().flatten().collect::<Vec<_>>();
        let was = all([old.steps, old.on_cancel, old.on_failure]);
        let is = all([new.steps, new.on_cancel, new.on_failure]);
        for step in &was {
            match is.iter().find(|other| other.step == step.step) {
                Some(other) => changed.extend(change(&step.step, "changed", &words(step), &words(other))),
                None => changed.extend(change(&step.step, "removed", &words(step), &[])),
            }
        }
        for step in is.iter().filter(|step| !was.iter().any(|other| other.step == step.step)) {
            changed.extend(change(&step.step, "added", &[], &words(step)));
        }
        Self { same: changed.is_empty(), changed }
    }

    fn text(&self, language: Lang) -> String {
        let word = |zh: &'static str, en: &'static str| if language == Lang::Zh { zh } else { en };
        if self.same {
            return word("没有差别。", "Nothing differs.").to_owned();
        }
        let mut lines = vec![];
        for change in &self.changed {
            let how = match change.how {
                "added" => word("新增", "added"),
                "removed" => word("去掉", "removed"),
                _ => word("改动", "changed"),
            };
            lines.push(format!("{} {how}", change.of));
            lines.extend(change.gone.iter().map(|gone| format!("  - {gone}")));
            lines.extend(change.come.iter().map(|come| format!("  + {come}")));
        }
        lines.join("\n")
    }
}

fn words(step: &Said) -> Vec<String> {
    std::iter::once(step.title.clone()).chain(step.sentences.iter().cloned()).collect()
}

/// What is in the one and not in the other, in their order.
fn change(of: &str, how: &'static str, was: &[String], is: &[String]) -> Option<Change> {
    let without = |these: &[String], those: &[String]| {
        these.iter().filter(|one| !those.contains(one)).cloned().collect::<Vec<_>>()
    };
    let (gone, come) = (without(was, is), without(is, was));
    (!gone.is_empty() || !come.is_empty()).then(|| Change { of: of.to_owned(), how, gone, come })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use yizhan_workflow::register::Registers;

    use super::*;

    fn workflow(steps: &str) -> std::sync::Arc<Workflow> {
        let text = format!("title = \"t\"\nowner = \"group:热线\"\n{steps}");
        let source = Source { name: "t".into(), text, files: BTreeMap::new() };
        definition::read(&source, &source.files).unwrap().workflow
    }

    fn said(workflow: &Workflow, language: Lang) -> Reading {
        reading(workflow, &Registers::default(), language)
    }

    #[test]
    fn a_step_that_came_went_or_was_reworded_is_told_and_the_rest_is_not() {
        let old = workflow("[step.a]\nwait = \"1h\"\n[step.b]\nwait = \"2h\"\n[step.c]\nwait = \"3h\"\n");
        let new = workflow("[step.a]\nwait = \"1h\"\n[step.c]\nwait = \"4h\"\n[step.d]\nwait = \"5h\"\n");
        let diff = Diff::between(said(&old, Lang::En), said(&new, Lang::En));
        let told: Vec<_> = diff.changed.iter().map(|change| (&*change.of, change.how)).collect();
        assert_eq!(told, [("b", "removed"), ("c", "changed"), ("d", "added")]);
        let (gone, come) = (&diff.changed[1].gone, &diff.changed[1].come);
        assert!(
            gone.iter().any(|line| line.contains('3')) && come.iter().any(|line| line.contains('4')),
            "{diff:?}"
        );
        assert_eq!(Diff::between(said(&new, Lang::Zh), said(&new, Lang::Zh)).text(Lang::Zh), "没有差别。");
    }
}
