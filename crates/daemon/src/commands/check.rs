//! `yizhan check`: says everything that is wrong with workflow files. Needs no daemon.

use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use yizhan_workflow::people::People;
use yizhan_workflow::problem::render;

use super::Context;
use crate::exit::{Exit, Failure};
use crate::home::Home;
use crate::plugins;
use crate::workflows::{FileRead, find, read_file};

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  yizhan check\n  yizhan check workflows/shop/returns.toml\n  yizhan check --json | jq '.[] | .message'"
)]
pub(crate) struct Args {
    /// Files or folders; else `workflows/` of the home
    paths: Vec<PathBuf>,
    /// Warnings are faults too
    #[arg(long)]
    strict: bool,
}

pub(crate) fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let home = context.home().ok();
    let files = read_all(&args.paths, home.as_ref())?;
    let (people, people_faults) = read_people(home.as_ref(), context)?;
    let (catalogue, refused) = plugins::offline_catalogue(home.as_ref())?;
    let names = names(&files, home.as_ref());
    let (mut errors, mut warnings) = (people_faults.len(), 0);
    let (mut texts, mut found) = (people_faults, Vec::new());
    for refusal in refused {
        texts.push(refusal);
    }
    let colour = std::io::stdout().is_terminal();
    for file in &files {
        let checked = file.check(&catalogue, &people, &names);
        errors += checked.errors.len();
        warnings += checked.warnings.len();
        for problems in [&checked.errors, &checked.warnings] {
            texts.extend(file.render(problems, context.language, colour));
            if let Value::Array(list) = file.to_json(problems, context.language) {
                found.extend(list);
            }
        }
    }
    let count = (files.len(), errors, warnings);
    context.answer(&json!(found), |_| {
        texts.push(summary(count, context));
        texts.join("\n")
    });
    Ok(if errors > 0 || args.strict && warnings > 0 { Exit::Faults } else { Exit::Ok })
}

fn summary((files, errors, warnings): (usize, usize, usize), context: &Context) -> String {
    context.language.pick(
        format!("{files} 个文件,{errors} 处错误,{warnings} 处提醒"),
        format!("{files} files, {errors} errors, {warnings} warnings"),
    )
}

fn read_all(paths: &[PathBuf], home: Option<&Home>) -> Result<Vec<FileRead>, Failure> {
    let here = std::env::current_dir()?;
    let own = home.map(Home::workflows);
    let paths: Vec<PathBuf> = match (paths, &own) {
        ([], Some(own)) => vec![own.clone()],
        ([], None) => vec![here.clone()],
        (paths, _) => paths.to_vec(),
    };
    let mut files = Vec::new();
    for path in &paths {
        let full = std::fs::canonicalize(path).map_err(|error| {
            Failure::of(Exit::Faults, "YZ0519", &error)
                .help(format!("`{}` is what was named", path.display()))
        })?;
        let found = if full.is_dir() { find(&full) } else { vec![full.clone()] };
        for file in found {
            files.push(read_file(&file, &here, &root_of(&file, own.as_deref())));
        }
    }
    Ok(files)
}

/// The folder that the files a workflow names may lie in: that of all workflows, where it is one of them.
fn root_of(file: &Path, own: Option<&Path>) -> PathBuf {
    let own = own.and_then(|own| std::fs::canonicalize(own).ok()).filter(|own| file.starts_with(own));
    let folder = file.parent().unwrap_or(file);
    own.unwrap_or_else(|| {
        let named = folder.ancestors().find(|folder| folder.ends_with("workflows"));
        named.unwrap_or(folder).to_owned()
    })
}

/// Those of the files, and those of the home beside them: a child may be named that is not checked now.
fn names(files: &[FileRead], home: Option<&Home>) -> Vec<String> {
    let mut names: Vec<String> = files.iter().map(|file| file.name.clone()).collect();
    let checked: Vec<PathBuf> = files.iter().map(|file| file.path.clone()).collect();
    let others = home.map(|home| find(&home.workflows())).unwrap_or_default();
    for other in others {
        let full = std::fs::canonicalize(&other).unwrap_or(other);
        if !checked.contains(&full)
            && let Some(stem) = full.file_stem()
        {
            names.push(stem.to_string_lossy().into_owned());
        }
    }
    names
}

fn read_people(home: Option<&Home>, context: &Context) -> Result<(People, Vec<String>), Failure> {
    let Some(path) = home.map(Home::people).filter(|path| path.exists()) else {
        return Ok((People::default(), Vec::new()));
    };
    let text = std::fs::read_to_string(&path)?;
    Ok(match People::read(&text) {
        Ok(people) => (people, Vec::new()),
        Err(problems) => {
            let texts = [(String::new(), text)].into();
            let shown = path.display().to_string();
            let one = |problem| {
                render(std::slice::from_ref(problem), &shown, &texts, context.language.lang(), false)
            };
            (People::default(), problems.iter().map(one).collect())
        }
    })
}
