//! The short forms of the fault runs; `yizhan-chaos RUN --cycles N` is the long one.

use serde_json::{Value, json};

use crate::house::binary;

/// Carries a fault run out: its exit code, its report, and all it said.
fn chaos(arguments: &[&str]) -> (Option<i32>, Value, String) {
    chaos_of(arguments, 2)
}

fn chaos_of(arguments: &[&str], clients: u32) -> (Option<i32>, Value, String) {
    let chaos = binary().with_file_name("yizhan-chaos");
    assert!(chaos.exists(), "{} is not built: cargo build --workspace", chaos.display());
    let clients = ["--clients".to_owned(), clients.to_string()];
    let output = std::process::Command::new(chaos).args(arguments).args(clients).output().unwrap();
    let report = serde_json::from_slice(&output.stdout).unwrap_or_default();
    let said =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    (output.status.code(), report, said)
}

/// Not only starts were acknowledged: what was judged is there.
#[track_caller]
fn tells(report: &Value, said: &str) {
    for word in ["answers", "deliveries", "files"] {
        assert!(report["told"][word].as_u64() > Some(0), "{word}: {said}");
    }
}

#[test]
fn fifteen_kills_under_load_lose_nothing_and_double_nothing() {
    let (code, report, said) = chaos(&["kill", "--cycles", "15", "--seed", "7"]);
    assert_eq!(code, Some(0), "{said}");
    // Whoever reads it later can do it again.
    assert_eq!((&report["seed"], &report["options"]["clients"]), (&json!(7), &json!(2)), "{said}");
    assert!(report["machine"]["processors"].as_u64() > Some(0), "{said}");
    assert!(report["commit"].as_str().is_some_and(|commit| commit.len() >= 7), "{said}");
}

#[test]
fn a_run_of_some_minutes_goes_on_with_the_next_seeds_until_they_are_over() {
    let (code, report, said) = chaos(&["kill", "--cycles", "1", "--seed", "40", "--minutes", "0.1"]);
    assert_eq!(code, Some(0), "{said}");
    let reports = report["reports"].as_array().unwrap();
    assert!(reports.len() > 1, "{said}");
    let seeds: Vec<_> = reports.iter().map(|report| report["seed"].as_u64().unwrap()).collect();
    assert_eq!(seeds, (40..).take(seeds.len()).collect::<Vec<_>>(), "{said}");
}

#[test]
fn a_daemon_that_is_killed_while_runs_write_registers_loses_and_doubles_no_entry() {
    let (code, report, said) = chaos(&["registers", "--cycles", "4", "--seed", "2"]);
    assert_eq!(code, Some(0), "{said}");
    assert_eq!((&report["entries"], &report["signed"]), (&json!(200), &json!(true)), "{report:#}");
}

#[test]
fn power_that_goes_on_a_disk_that_keeps_only_what_was_synced_loses_nothing() {
    let (code, report, said) = chaos(&["power", "--cycles", "12", "--seed", "3"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(report["torn_sectors"].as_u64().unwrap() > 0, "nothing was ever in the air: {said}");
    tells(&report, &said);
}

#[test]
fn the_same_run_finds_losses_where_the_log_is_not_synced() {
    let (code, report, said) = chaos(&["power", "--cycles", "3", "--seed", "3", "--control"]);
    assert_eq!(code, Some(1), "{said}");
    let lost = report["first_violations"][0].as_str().unwrap();
    assert!(lost.contains("was acknowledged and is not in the store"), "{said}");
    for kind in ["AckedRunLost", "AnswerLost", "DeliveredTimes"] {
        assert!(report["violations_by_kind"][kind].as_u64() > Some(0), "{kind}: {said}");
    }
}

#[test]
fn a_disk_that_fills_up_under_load_and_is_freed_loses_nothing_and_goes_on_by_itself() {
    let (code, report, said) = chaos(&["full", "--cycles", "5", "--seed", "5"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(report["struck"].as_u64().unwrap() >= 5, "{said}");
    tells(&report, &said);
}

#[test]
fn stops_under_load_asked_twice_in_a_start_and_with_a_hung_plugin_are_in_time_and_fail_nothing() {
    let (code, report, said) = chaos(&["stops", "--cycles", "12", "--seed", "2"]);
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(report["failed"], 0, "{said}");
    assert_eq!(report["kinds"].as_object().unwrap().len(), 4, "{said}");
}

#[test]
fn what_stands_still_is_noticed_and_started_again_or_replaced_and_loses_nothing() {
    let (code, report, said) = chaos(&["watchdog", "--cycles", "3", "--seed", "3"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(report["signs_of_life"].as_u64().unwrap() > 0, "{said}");
}

#[test]
fn backups_under_load_over_kills_and_on_a_full_disk_are_whole_or_not_there() {
    let (code, report, said) = chaos(&["backup", "--cycles", "4", "--seed", "1"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(report["restored"].as_u64().unwrap() > 0 && report["refused"] == 1, "{said}");
}

#[test]
fn a_daemon_that_ends_fails_or_waits_at_points_of_its_code_loses_nothing_and_goes_on() {
    let (code, report, said) = chaos(&["points", "--cycles", "6", "--seed", "8"]);
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(report["happened"], 6, "{said}");
}

#[test]
fn each_fault_that_is_seeded_into_the_daemon_is_noticed_and_without_one_nothing_is() {
    let (code, report, said) = chaos_of(&["seeds", "--cycles", "1000"], 8);
    assert_eq!(report["first_violations"], json!([]), "{said}");
    assert_eq!((&report["missed"], &report["noticed"]), (&json!([]), &report["seeds"]), "{said}");
    assert_eq!(report["came"], report["seeds"], "{said}");
    assert_eq!(code, Some(0), "{said}");
    assert!(report["noticed"].as_u64().unwrap() >= 60, "{said}");
}

#[test]
fn children_that_are_killed_stand_still_or_starve_lose_nothing_and_leave_nothing_behind() {
    let (code, report, said) = chaos(&["children", "--cycles", "14", "--seed", "2"]);
    assert_eq!(code, Some(0), "{said}");
    let strikes = report["strikes"].as_object().unwrap();
    assert!(strikes.contains_key("hang") && strikes.contains_key("starve"), "{said}");
}

#[test]
fn mails_whose_line_is_cut_go_out_again_as_the_same_mail_and_once_means_once() {
    let (code, report, said) = chaos(&["mails", "--cycles", "40", "--seed", "1"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(report["cut"].as_u64().unwrap() >= 40 && report["asked"].as_u64().unwrap() > 0, "{said}");
}

#[test]
fn deliveries_over_kills_are_taken_once_each_and_false_ones_never() {
    let (code, report, said) = chaos(&["webhooks", "--cycles", "300", "--seed", "1"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(report["kills"].as_u64().unwrap() > 0 && report["taken"].as_u64().unwrap() > 50, "{said}");
}

#[test]
fn a_thousand_slow_lines_and_guesses_at_passwords_keep_nobody_waiting() {
    let (code, report, said) = chaos(&["crowd", "--cycles", "300"]);
    assert_eq!(report["first_violations"], json!([]), "{said}");
    assert_eq!(code, Some(0), "{said}");
    assert!(report["ms_beside"]["count"] == 300 && report["guesses"].as_u64().unwrap() > 5, "{said}");
}

#[test]
fn files_that_are_dropped_under_load_are_in_force_or_told_of_and_stop_nothing() {
    let (code, report, said) = chaos(&["files", "--cycles", "40", "--seed", "1"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(report["kinds"].as_object().unwrap().len() > 8, "{said}");
}

#[test]
fn a_clock_that_jumps_ahead_and_back_around_summer_time_loses_no_slot_and_doubles_none() {
    let (code, report, said) = chaos(&["clock", "--cycles", "16", "--seed", "4"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(report["back"].as_u64().unwrap() > 0 && report["while_down"].as_u64().unwrap() > 0, "{said}");
    assert!(report["farthest_ms"].as_u64().unwrap() > 3_600_000, "{said}");
}

#[test]
fn a_thousand_schedules_on_one_second_all_fire_once() {
    let (code, report, said) = chaos(&["schedules", "--tasks", "1000", "--cycles", "3"]);
    assert_eq!(code, Some(0), "{said}");
    // Those that the end of the run cut off come with the next start.
    assert!(report["slots"].as_u64().unwrap() >= 2_000, "{said}");
}

#[test]
fn a_steady_load_leaves_memory_descriptors_and_the_log_as_they_are() {
    let (code, report, said) = chaos(&["soak", "--minutes", "0.4"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(report["samples"].as_u64().unwrap() >= 5, "{said}");
}

#[test]
fn a_bit_that_turned_over_in_the_store_is_told_of_or_changes_nothing() {
    let (code, report, said) = chaos(&["flips", "--cycles", "20", "--seed", "1"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(report["told"].as_u64().unwrap() > 0, "{said}");
}

#[test]
fn after_a_write_or_a_sync_that_failed_the_daemon_ends_and_starts_from_what_is_on_the_disk() {
    for run in ["write-error", "sync-error"] {
        let (code, report, said) = chaos(&[run, "--cycles", "3", "--seed", "9"]);
        assert_eq!(code, Some(0), "{said}");
        assert_eq!(report["ended_itself"], 3, "{said}");
    }
}

#[test]
fn tasks_that_wait_while_the_daemon_is_killed_are_late_once_and_not_before_their_time() {
    let (code, report, said) = chaos(&["waiting", "--tasks", "1000", "--cycles", "6", "--seed", "11"]);
    assert_eq!(code, Some(0), "{said}");
    // One in ten is answered, half of those close to its due time and perhaps before it.
    assert!(report["late"].as_u64().unwrap() >= 900, "{said}");
    assert!(report["answers"].as_u64().unwrap() > 0, "{said}");
}
