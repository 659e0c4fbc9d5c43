//! Hundreds of files that come and change at once while runs go on.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use yizhan_harness::client::Client;

use crate::house::{Ends, House, is_over, until};
use crate::reload::number;

/// As many as take a while even where nothing else is done; `YIZHAN_FILES` says another number, for measuring.
fn files() -> usize {
    std::env::var("YIZHAN_FILES").ok().and_then(|files| files.parse().ok()).unwrap_or(300)
}

/// Every file is one of its own, with what a checker has to look at.
fn text(number: usize, version: u32) -> String {
    format!(
        "title = \"第{version}版·{number}\"\n\
         [input]\n\
         amount = {{ label = \"金额\", type = \"money\", default = {number} }}\n\
         [step.say]\n\
         use = \"echo.echo\"\n\
         when = \"input.amount >= {number}\"\n\
         with.version = \"{version}\"\n\
         with.amount = \"{{{{ input.amount | money }}}}\"\n\
         [step.large]\n\
         check = \"input.amount > 10000\"\n\
         on.no = {{ go = \"done:平常\" }}\n\
         [output]\n\
         version = \"{{{{ step.say.version }}}}\"\n"
    )
}

const LOAD: &str = "title = \"一直在办\"\n[step.one]\nuse = \"echo.echo\"\n[step.two]\nuse = \"echo.echo\"\nneeds = [\"one\"]\n";

/// What one who starts run after run has seen, each with when it was.
#[derive(Default)]
struct Seen {
    started: Mutex<Vec<(Instant, String)>>,
    ended: Mutex<Vec<Instant>>,
}

/// One run after the other, each waited for: two steps of it are going on at nearly every moment.
fn keep_busy(house: &House, stop: &AtomicBool, seen: &Seen) {
    let client = Client::of_home(&house.home);
    while !stop.load(Ordering::Relaxed) {
        // Every start is taken: a reload refuses nobody.
        let answer = client.post("/api/v1/workflows/load/runs", &json!({ "input": {} })).unwrap();
        let run = answer["id"].as_str().unwrap().to_owned();
        seen.started.lock().unwrap().push((Instant::now(), run.clone()));
        let view = client.get(&format!("/api/v1/runs/{run}/wait?seconds=30")).unwrap();
        assert!(is_over(&view), "its steps stand still: {view:#}");
        seen.ended.lock().unwrap().push(Instant::now());
    }
}

/// The longest time within which nothing came.
fn longest_gap(moments: &[Instant], from: Instant, to: Instant) -> Duration {
    let inside = moments.iter().copied().filter(|at| (from..to).contains(at));
    let edges: Vec<Instant> = std::iter::once(from).chain(inside).chain([to]).collect();
    edges.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap()
}

/// How many of the files have this version in force.
fn in_force(rows: &Value, version: u32) -> usize {
    let begins = format!("第{version}版·");
    let is = |row: &&Value| {
        row["state"] == "in force" && row["title"].as_str().is_some_and(|title| title.starts_with(&begins))
    };
    rows["items"].as_array().unwrap().iter().filter(is).count()
}

/// Writes all files and waits until each is in force. How long that took, and the longest time without a start that was
/// acknowledged and without a run that ended.
fn brought_in(house: &House, version: u32, seen: &Seen) -> [Duration; 3] {
    let from = Instant::now();
    for number in 0..files() {
        house.workflow(&format!("w-{number}"), &text(number, version));
    }
    until(&format!("version {version} of every file: {}", house.log()), || {
        (in_force(&house.get("/api/v1/workflows"), version) == files()).then_some(())
    });
    let to = Instant::now();
    let started: Vec<Instant> = seen.started.lock().unwrap().iter().map(|(at, _)| *at).collect();
    let ended = seen.ended.lock().unwrap().clone();
    [to - from, longest_gap(&started, from, to), longest_gap(&ended, from, to)]
}

#[test]
fn hundreds_of_files_come_and_change_at_once_and_no_run_waits_for_them() {
    let mut house = House::with("[reload]\nsettle = \"50ms\"\nrescan = \"500ms\"\n");
    house.workflow("load", LOAD);
    house.start();
    let (stop, seen) = (AtomicBool::new(false), Seen::default());
    let told = std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| keep_busy(&house, &stop, &seen));
        }
        let _ends = Ends(&stop);
        until("some runs", || (seen.ended.lock().unwrap().len() > 3).then_some(()));
        [brought_in(&house, 1, &seen), brought_in(&house, 2, &seen)]
    });
    for (version, [whole, starts, ends]) in (1..).zip(told) {
        eprintln!(
            "version {version} of {} files in {whole:?}; at most {starts:?} without a start, {ends:?} without an end",
            files()
        );
        // Were the runs held up for the reading, there would be nothing for nearly all of its time.
        assert!(starts < whole / 2, "no start was acknowledged for {starts:?} of {whole:?}");
        assert!(ends < whole / 2, "no run ended for {ends:?} of {whole:?}");
    }
    let started = seen.started.into_inner().unwrap();
    eprintln!("{} runs were started meanwhile", started.len());
    for (_, run) in &started {
        house.ends(run, "done");
    }
    for one in [0, files() / 2, files() - 1] {
        let run = house.run(&format!("w-{one}"), &json!({}));
        assert_eq!(number(&house.ends(&run, "done")["output"]["version"]), 2);
    }
}
