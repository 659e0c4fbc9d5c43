//! `yizhan bench`, each workload at its smallest: it ends, says what the others say, and nothing of its own went wrong.

use std::process::Command;

use serde_json::Value;

/// What it answers with, at a size that says nothing about speed.
fn bench(words: &[&str]) -> Value {
    let dir = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_yizhan"))
        .args(["bench", words[0], "--json", "--dir"])
        .arg(dir.path())
        .args(&words[1..])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{words:?}: {said}");
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0, "it leaves nothing behind");
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["workload"], words[0]);
    assert!(report["disk_commit_us"].as_f64().unwrap() > 0.0, "{report}");
    report
}

fn part<'a>(report: &'a Value, name: &str) -> &'a Value {
    let parts = report["parts"].as_array().unwrap();
    parts.iter().find(|part| part["name"] == name).unwrap_or_else(|| panic!("no `{name}` in {report:#}"))
}

fn number(part: &Value, key: &str) -> f64 {
    part[key].as_f64().unwrap_or_else(|| panic!("no `{key}` in {part:#}"))
}

fn has_times(part: &Value) {
    let times = ["p50_ms", "p95_ms", "p99_ms", "most_ms"].map(|key| number(part, key));
    assert!(times[0] > 0.0 && times.is_sorted(), "{part:#}");
}

#[test]
fn chains_and_fan_outs_are_driven_on_both_carriers_and_say_what_a_step_costs() {
    let cases: [&[&str]; 2] = [
        &["steps", "--runs", "2", "--steps", "3", "--seconds", "1"],
        &["fanout", "--runs", "1", "--each", "30", "--seconds", "1"],
    ];
    for words in cases {
        let report = bench(words);
        for (carrier, whole) in [("in-process", "throughput"), ("process", "throughput_child")] {
            let part = part(&report, carrier);
            has_times(part);
            assert_eq!(report[whole], part["throughput"]);
            // Whole runs: what began came to its end.
            let each = if words[0] == "steps" { 3.0 } else { 30.0 };
            assert!(number(part, "count") > 0.0 && number(part, "count") % each == 0.0, "{part:#}");
            for key in ["commits_per_s", "changes_per_commit", "cpu_us_each", "bytes_each", "resident_mib"] {
                assert!(number(part, key) > 0.0, "{key}: {part:#}");
            }
        }
    }
    let alone =
        bench(&["steps", "--runs", "1", "--seconds", "1", "--carrier", "process", "--fsync-delay", "1ms"]);
    assert_eq!(alone["synchronous"], "full");
    let full = ["steps", "--runs", "2", "--seconds", "1", "--carrier", "in-process", "--stored", "700"];
    let full = bench(&full);
    assert_eq!(full["settings"]["stored"], 700);
    let steps = number(part(&full, "in-process"), "count");
    assert!(steps > 0.0 && steps % 10.0 == 0.0, "what was stored before is not counted: {full:#}");
    let unsynced =
        ["steps", "--runs", "1", "--seconds", "1", "--carrier", "process", "--synchronous", "normal"];
    assert_eq!(bench(&unsynced)["synchronous"], "normal");
    assert_eq!(alone["throughput"], Value::Null, "the other carrier was not asked for");
    assert!(number(part(&alone, "process"), "commit_us") >= 1_000.0, "the delay is in the commit: {alone:#}");
    assert!(part(&alone, "process")["beyond_disk_us"].is_f64());
}

#[test]
fn every_webhook_that_is_answered_is_a_run() {
    let report = bench(&["webhook", "--connections", "4", "--seconds", "1"]);
    let part = part(&report, "webhook");
    has_times(part);
    assert!(number(part, "count") >= 4.0 && number(part, "throughput") > 0.0);
    assert_eq!(number(part, "lost"), 0.0, "{part:#}");
}

#[test]
fn runs_that_sleep_wake_in_time_all_of_them_and_none_before_it() {
    let report = bench(&["timers", "--runs", "100", "--spread", "40", "--together", "60"]);
    assert_eq!(number(part(&report, "stored"), "count"), 100.0);
    for (name, count) in [("spread", 40.0), ("together", 60.0)] {
        let part = part(&report, name);
        assert_eq!([number(part, "count"), number(part, "early"), number(part, "lost")], [count, 0.0, 0.0]);
        has_times(part);
    }
}

#[test]
fn a_restart_is_timed_until_every_step_that_was_cut_is_done() {
    let report = bench(&["recover", "--runs", "200", "--steps", "2"]);
    assert_eq!(number(part(&report, "stored"), "count"), 200.0);
    let times = ["accepted_ms", "ready_ms", "live_ms"].map(|key| number(part(&report, "restart"), key));
    assert!(times[0] > 0.0 && times.is_sorted(), "{report:#}");
}

#[test]
fn every_list_and_page_answers_over_runs_of_all_kinds() {
    let report = bench(&["list", "--runs", "1500", "--asks", "2"]);
    assert_eq!(number(part(&report, "stored"), "count"), 1500.0);
    assert!(number(part(&report, "stored"), "stored_mib") >= 1.0);
    // A question that is not answered with 200, or finds no run where some must be, ends the bench.
    for name in ["runs", "a key that there is not", "a text that there is not", "runs that I began"] {
        has_times(part(&report, name));
    }
    assert!(number(part(&report, "runs, page after page"), "count") >= 2.0, "there is a second page");
    assert!(report["worst_p95_ms"].as_f64().unwrap() > 0.0);
}

#[test]
fn files_are_in_force_after_a_start_and_after_they_were_read_again_and_an_idle_daemon_sleeps() {
    let report = bench(&["load", "--files", "20"]);
    for name in ["first start", "another start", "all read again"] {
        assert_eq!([number(part(&report, name), "count"), number(part(&report, name), "lost")], [20.0, 0.0]);
    }
    let report = bench(&["idle", "--files", "3", "--seconds", "2"]);
    let idle = part(&report, "idle");
    assert!(number(idle, "resident_mib") > 1.0 && number(idle, "wakeups_per_s") > 0.0, "{idle:#}");
    assert!(number(idle, "cpu_ms_per_s") < 500.0, "it has nothing to do: {idle:#}");
}
