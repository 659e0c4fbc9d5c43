//! `yizhan doctor`: looks for what is wrong with this home, its store and its daemon.

use std::path::PathBuf;

use serde_json::{Value, json};
use yizhan_engine::store::Reads as _;
use yizhan_store::Sqlite;

use super::Context;
use crate::client::query;
use crate::exit::{Exit, Failure};
use crate::home::Home;
use crate::language::Language;
use crate::secrets::Secrets;
use crate::workflows::find;

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  yizhan doctor\n  yizhan doctor --all --json\n\nWith a daemon it asks that one; without, it opens the store itself. It changes nothing."
)]
pub(crate) struct Args {
    /// Play every run's journal again, and not a sample
    #[arg(long)]
    all: bool,
}

pub(crate) fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let asked = query(&[("all", args.all.then_some("true")), ("lang", Some(context.language.tag()))]);
    let (mut findings, daemon) =
        match context.client().and_then(|client| client.get(format!("/api/v1/doctor{asked}")).send()) {
            Ok(answer) => (texts(&answer["findings"]), true),
            Err(failure) if failure.exit == Exit::NoDaemon && context.url.is_none() => {
                (store_alone(&context.home()?)?, false)
            }
            Err(failure) => return Err(failure),
        };
    if context.url.is_none() {
        findings.extend(of_home(&context.home()?, context.language));
    }
    let answer = json!({ "ok": findings.is_empty(), "daemon": daemon, "findings": findings });
    context.answer(&answer, |_| shown(&findings, daemon, context));
    Ok(if findings.is_empty() { Exit::Ok } else { Exit::Faults })
}

fn texts(list: &Value) -> Vec<String> {
    let text = |one: &Value| one.as_str().map_or_else(|| one.to_string(), str::to_owned);
    list.as_array().into_iter().flatten().map(text).collect()
}

/// What can be said of a store that no daemon holds.
fn store_alone(home: &Home) -> Result<Vec<String>, Failure> {
    let path = home.data.join(home.config(None)?.store.path);
    if !path.exists() {
        return Ok(Vec::new());
    }
    let store = match Sqlite::open(&path) {
        Ok(store) => store,
        Err(error) => return Ok(vec![format!("{}: {error}; {}", error.code(), error.help())]),
    };
    store.reads().verify().map_err(|error| Failure::of(Exit::Failed, "YZ0509", &error))
}

fn of_home(home: &Home, language: Language) -> Vec<String> {
    let mut findings = Vec::new();
    match home.config(None) {
        Ok(_) => {}
        Err(error) => findings.push(Failure::from(error).told(language)),
    }
    for path in Secrets::of(home.secrets()).too_open() {
        let path = path.display();
        findings.push(language.pick(
            format!("别人能读 `{path}`:运行 `chmod go= '{path}'`"),
            format!("others can read `{path}`: `chmod go= '{path}'` ends that"),
        ));
    }
    for folder in [home.workflows(), home.data.clone()] {
        if !folder.is_dir() {
            let folder = folder.display();
            findings.push(
                language.pick(format!("没有目录 `{folder}`"), format!("there is no folder `{folder}`")),
            );
        }
    }
    let closed = find(&home.workflows()).closed;
    findings.extend(closed.iter().map(|(folder, error)| {
        let folder = folder.display();
        language.pick(format!("无法读取 `{folder}`:{error}"), format!("`{folder}` cannot be read: {error}"))
    }));
    findings.extend(failed_files(&home.work.join("inbox")).iter().map(|path| {
        let path = path.display();
        language.pick(
            format!("有放入的文件等着改正,原因写在 `{path}`"),
            format!("a dropped file waits to be mended: `{path}`; the reason is beside it"),
        )
    }));
    findings
}

/// More are only counted by whoever mends them.
const FAILED_MOST: usize = 50;

/// Files in `failed/` folders with a reason beside them.
fn failed_files(folder: &std::path::Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![(folder.to_owned(), 8)];
    while let Some((folder, deeper)) = folders.pop() {
        for path in std::fs::read_dir(&folder).into_iter().flatten().flatten().map(|entry| entry.path()) {
            if path.is_dir() && !path.is_symlink() && deeper > 0 {
                folders.push((path, deeper - 1));
            } else if folder.ends_with("failed") && path.to_string_lossy().ends_with(".reason.txt") {
                found.push(path);
            }
        }
    }
    found.sort();
    found.truncate(FAILED_MOST);
    found
}

fn shown(findings: &[String], daemon: bool, context: &Context) -> String {
    let mut lines: Vec<String> = findings.iter().map(|finding| format!("- {finding}")).collect();
    lines.push(match (findings.is_empty(), daemon) {
        (true, true) => context.language.pick("一切正常", "all is well").to_owned(),
        (true, false) => {
            context.language.pick("一切正常(守护进程没有运行)", "all is well (no daemon runs)").to_owned()
        }
        (false, _) => context
            .language
            .pick(format!("{} 个问题", findings.len()), format!("{} findings", findings.len())),
    });
    lines.join("\n")
}
