//! `yizhan test`: plays the tests that lie beside workflows, under a clock of their own. Needs no daemon, acts on nothing.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use yizhan_engine::rehearsal::trial::{Failed, play};
use yizhan_workflow::testing::{ENDING, Tests};

use super::Context;
use super::check::of;
use crate::exit::{Exit, Failure};
use crate::workflows::walk_tests;

mod junit;
mod report;
mod town;

use town::{TestFile, Town};

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  yizhan test\n  yizhan test workflows/water/fault-dispatch.test.toml --filter late\n  yizhan test workflows/ --junit tests.xml\n\nExit codes: 0 every test passed, 1 a test failed, 3 there is no test or a file has faults.\nThe tests of `returns.toml` are in `returns.test.toml` beside it; no mail is sent, nothing is called, no time goes by."
)]
pub(crate) struct Args {
    /// Files of tests, workflows that have one, or folders; else `workflows/` of the home
    paths: Vec<PathBuf>,
    /// Only tests whose name, or whose file's name, holds this text
    #[arg(long, value_name = "TEXT")]
    filter: Option<String>,
    /// Writes the results for a CI
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
}

/// What became of one test.
pub(super) struct Outcome {
    pub(super) file: usize,
    pub(super) test: usize,
    pub(super) took: Duration,
    pub(super) result: Result<(), Failed>,
}

pub(crate) fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let began = Instant::now();
    let paths = files_of(args, context)?;
    let town = Town::of(context, &paths)?;
    let files: Vec<TestFile> = paths.iter().map(|path| town.read(path)).collect();
    let faults: Vec<String> = files.iter().flat_map(|file| file.rendered(context)).collect();
    let sound: Vec<(usize, &Tests)> =
        files.iter().enumerate().filter_map(|(at, file)| Some((at, file.tests.as_ref().ok()?))).collect();
    let wanted = |file: usize, name: &str| {
        let filter = args.filter.as_deref().unwrap_or_default();
        name.contains(filter) || files[file].shown.contains(filter)
    };
    let all: Vec<(usize, usize)> = sound
        .iter()
        .flat_map(|(file, tests)| (0..tests.tests.len()).map(move |test| (*file, test, tests)))
        .filter(|(file, test, tests)| wanted(*file, &tests.tests[*test].name))
        .map(|(file, test, _)| (file, test))
        .collect();
    let outcomes = play_all(&all, &files, &town);
    if let Some(path) = &args.junit {
        std::fs::write(path, junit::written(&outcomes, &files, &town, context))?;
    }
    context.answer(&as_json(&outcomes, &files, &town, context), |_| {
        let mut texts = faults.clone();
        let failed = outcomes.iter().filter_map(|outcome| Some((outcome, outcome.result.as_ref().err()?)));
        texts.extend(failed.map(|(outcome, failed)| {
            report::failed(&files[outcome.file], outcome.test, failed, &town, context)
        }));
        texts.push(summary(&outcomes, faults.len(), began.elapsed(), context));
        texts.join("\n\n")
    });
    if outcomes.is_empty() && faults.is_empty() {
        let failure = Failure::new(Exit::Faults, "YZ0519", "no test is called like that");
        return Err(failure.help("tests are `[[test]]` in `<workflow>.test.toml` beside the workflow"));
    }
    Ok(match (faults.is_empty(), outcomes.iter().all(|outcome| outcome.result.is_ok())) {
        (true, true) => Exit::Ok,
        (false, _) => Exit::Faults,
        (true, false) => Exit::Failed,
    })
}

/// The files of tests that were named: themselves, by their workflow, or all below a folder.
fn files_of(args: &Args, context: &Context) -> Result<BTreeSet<PathBuf>, Failure> {
    let own = context.home().ok().map(|home| home.workflows());
    let paths = match (args.paths.as_slice(), own) {
        ([], Some(own)) => vec![own],
        ([], None) => vec![std::env::current_dir()?],
        (paths, _) => paths.to_vec(),
    };
    let mut files = BTreeSet::new();
    for path in &paths {
        let full = std::fs::canonicalize(path).map_err(|error| {
            Failure::of(Exit::Faults, "YZ0519", &error)
                .help(format!("`{}` is what was named", path.display()))
        })?;
        if full.is_dir() {
            files.extend(walk_tests(&full));
        } else {
            files.insert(beside(&full)?);
        }
    }
    if files.is_empty() {
        let failure = Failure::new(Exit::Faults, "YZ0519", "there are no tests");
        return Err(failure.help("the tests of `returns.toml` are in `returns.test.toml` beside it"));
    }
    Ok(files)
}

fn beside(file: &Path) -> Result<PathBuf, Failure> {
    let name = file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    if name.ends_with(ENDING) {
        return Ok(file.to_owned());
    }
    let tests = file.with_extension(ENDING.trim_start_matches('.'));
    if tests.exists() {
        return Ok(tests);
    }
    let failure = Failure::new(Exit::Faults, "YZ0519", format!("`{name}` has no tests"));
    Err(failure.help(format!("write them into `{}`", tests.display())))
}

/// Plays them side by side; gives them back in their order.
fn play_all(all: &[(usize, usize)], files: &[TestFile], town: &Town) -> Vec<Outcome> {
    let next = AtomicUsize::new(0);
    let done: Mutex<Vec<Outcome>> = Mutex::default();
    let work = || {
        while let Some((file, test)) = all.get(next.fetch_add(1, Ordering::Relaxed)).copied() {
            let Some(outcome) = play_one(file, test, files, town) else { continue };
            if let Ok(mut done) = done.lock() {
                done.push(outcome);
            }
        }
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(all.len()).max(1);
    std::thread::scope(|scope| {
        for _ in 1..threads {
            scope.spawn(work);
        }
        work();
    });
    let mut done = done.into_inner().unwrap_or_default();
    done.sort_by_key(|outcome| (outcome.file, outcome.test));
    done
}

fn play_one(file: usize, test: usize, files: &[TestFile], town: &Town) -> Option<Outcome> {
    let own = files[file].workflow.as_ref()?;
    let told = files[file].tests.as_ref().ok()?.tests.get(test)?;
    let began = Instant::now();
    let stage = town.stage(own);
    let result = catch_unwind(AssertUnwindSafe(|| play(told, stage.of())));
    let result = result.unwrap_or_else(|_| Err(Failed::broken_off(told.place.clone())));
    Some(Outcome { file, test, took: began.elapsed(), result })
}

fn as_json(outcomes: &[Outcome], files: &[TestFile], town: &Town, context: &Context) -> Value {
    let one = |outcome: &Outcome| {
        let file = &files[outcome.file];
        let mut told = json!({
            "file": file.shown,
            "name": file.name_of(outcome.test),
            "line": file.line_of(outcome.test),
            "passed": outcome.result.is_ok(),
            "took_us": u64::try_from(outcome.took.as_micros()).unwrap_or(u64::MAX),
        });
        if let Err(failed) = &outcome.result {
            told["failed_at"] = json!(file.line_at(failed.place.start));
            told["why"] = json!(report::why(failed, town, context));
            told["journal"] = json!(report::journal(failed, town, context));
        }
        told
    };
    let faults: Vec<Value> = files.iter().flat_map(|file| file.faults_as_json(context)).collect();
    json!({ "tests": outcomes.iter().map(one).collect::<Value>(), "faults": faults })
}

fn summary(outcomes: &[Outcome], faults: usize, took: Duration, context: &Context) -> String {
    let failed = outcomes.iter().filter(|outcome| outcome.result.is_err()).count();
    let (passed, ms) = (outcomes.len() - failed, took.as_millis());
    let faulty = match faults {
        0 => String::new(),
        faults => context
            .language
            .pick(format!(",测试文件有 {faults} 处错误"), format!(", {}", of(faults, "fault"))),
    };
    context.language.pick(
        format!("{passed} 项测试通过,{failed} 项未通过{faulty}({ms} 毫秒)"),
        format!("{} passed, {failed} failed{faulty} ({ms} ms)", of(passed, "test")),
    )
}
