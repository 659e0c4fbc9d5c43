//! `yizhan fmt`: lays workflow files out as the shipped ones are. A file with faults is left alone.

use std::io::{IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::Context;
use super::check::{of, read_all};
use crate::exit::{Exit, Failure};
use crate::formatting::formatted;
use crate::workflows::FileRead;

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  yizhan fmt\n  yizhan fmt workflows/shop/returns.toml\n  yizhan fmt --check            (changes nothing, for CI)"
)]
pub(crate) struct Args {
    /// Files or folders; else `workflows/` of the home
    paths: Vec<PathBuf>,
    /// Change nothing, and name the files that would be
    #[arg(long)]
    check: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Same,
    Changed,
    Faulty,
}

pub(crate) fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let home = context.home().ok();
    let files = read_all(&args.paths, home.as_ref())?;
    let mut outcomes = Vec::new();
    for file in &files {
        outcomes.push((file, lay_out(file, args.check)?));
    }
    let items: Vec<Value> = outcomes
        .iter()
        .map(|(file, outcome)| json!({ "file": file.shown, "state": word(*outcome) }))
        .collect();
    context
        .answer(&json!({ "items": items, "changed": !args.check }), |_| said(&outcomes, args.check, context));
    let left = |outcome: &Outcome| match outcome {
        Outcome::Same => false,
        Outcome::Changed => args.check,
        Outcome::Faulty => true,
    };
    Ok(if outcomes.iter().any(|(_, outcome)| left(outcome)) { Exit::Faults } else { Exit::Ok })
}

fn lay_out(file: &FileRead, only_look: bool) -> Result<Outcome, Failure> {
    let text = file.texts().get("").map(String::as_str).unwrap_or_default();
    let Some(new) = file.outcome.as_ref().ok().and_then(|_| formatted(text)) else {
        return Ok(Outcome::Faulty);
    };
    if new == text {
        return Ok(Outcome::Same);
    }
    if !only_look {
        replace(&file.path, &new)?;
    }
    Ok(Outcome::Changed)
}

/// A reader sees the old text or the new one, never half of it.
fn replace(path: &Path, text: &str) -> Result<(), Failure> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::Builder::new().prefix(".fmt").tempfile_in(folder)?;
    file.write_all(text.as_bytes())?;
    file.as_file().set_permissions(std::fs::metadata(path)?.permissions())?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| Failure::from(error.error))?;
    Ok(())
}

fn word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Same => "same",
        Outcome::Changed => "changed",
        Outcome::Faulty => "faulty",
    }
}

fn said(outcomes: &[(&FileRead, Outcome)], only_look: bool, context: &Context) -> String {
    let colour = std::io::stdout().is_terminal();
    let mut lines = Vec::new();
    for (file, outcome) in outcomes {
        match outcome {
            Outcome::Same => {}
            Outcome::Changed => lines.push(match only_look {
                true => context
                    .language
                    .pick(format!("{} 待整理", file.shown), format!("{} would change", file.shown)),
                false => context
                    .language
                    .pick(format!("{} 已整理", file.shown), format!("{} laid out", file.shown)),
            }),
            Outcome::Faulty => {
                let problems = file.outcome.as_ref().err().map(Vec::as_slice).unwrap_or_default();
                lines.extend(file.render(problems, context.language, colour));
                lines.push(context.language.pick(
                    format!("{} 有错,没有改动", file.shown),
                    format!("{} has faults and was left alone", file.shown),
                ));
            }
        }
    }
    let count = |wanted| outcomes.iter().filter(|(_, outcome)| *outcome == wanted).count();
    let (all, changed, faulty) = (outcomes.len(), count(Outcome::Changed), count(Outcome::Faulty));
    lines.push(match only_look {
        true => context.language.pick(
            format!("{all} 个文件,{changed} 个待整理,{faulty} 个有错"),
            format!("{}, {changed} would change, {faulty} with faults", of(all, "file")),
        ),
        false => context.language.pick(
            format!("{all} 个文件,整理了 {changed} 个,{faulty} 个有错"),
            format!("{}, {changed} laid out, {faulty} with faults", of(all, "file")),
        ),
    });
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workflows::read_file;

    #[test]
    fn a_file_is_laid_out_once_and_one_with_faults_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            path
        };
        let good = write("good.toml", "title='x'\n[step.a]\nend='done:x'\n");
        let bad = write("bad.toml", "title='x'\n[step.a]\nend='nothing'\n");
        let look =
            |path: &Path, only: bool| lay_out(&read_file(path, folder.path(), folder.path()), only).unwrap();
        assert!(look(&good, true) == Outcome::Changed);
        assert_eq!(std::fs::read_to_string(&good).unwrap(), "title='x'\n[step.a]\nend='done:x'\n");
        assert!(look(&good, false) == Outcome::Changed);
        assert_eq!(std::fs::read_to_string(&good).unwrap(), "title = 'x'\n[step.a]\nend = 'done:x'\n");
        assert!(look(&good, false) == Outcome::Same);
        assert!(look(&bad, false) == Outcome::Faulty);
        assert!(std::fs::read_to_string(&bad).unwrap().starts_with("title='x'"));
    }
}
