//! Plugins that do what none may. After each: the daemon lives, other calls are unharmed, and the reason is told.

#![expect(clippy::unwrap_used, reason = "a test may")]

mod support;

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::json;
use support::{BOTH, House, Wish, c_plugin, failure, output};
use yizhan_engine::carrier::Outcome;
use yizhan_plugin_host::{Isolation, PluginSettings};
use yizhan_workflow::run::event::{Happened, Lost};

fn evil(isolation: Isolation) -> House {
    let house = Wish::of(isolation, &[c_plugin("evil")]).open();
    assert_eq!(house.refusals, []);
    house
}

fn crash_words(house: &House, action: &str) -> String {
    match house.run("evil", action, &json!({})) {
        Outcome::Lost { how: Lost::Crash, message } => message.to_string(),
        other @ (Outcome::Done { .. } | Outcome::Failed(_) | Outcome::Lost { .. }) => {
            panic!("{action}: {other:?}")
        }
    }
}

fn is_fine(house: &House) {
    assert_eq!(output(house.run("evil", "fine", &json!({}))), json!({ "fine": true }));
}

#[test]
fn a_crash_names_the_signal_and_the_action_and_a_new_child_takes_over() {
    for (action, words) in [
        ("segv", "plugin.crashed: was killed by SIGSEGV during `segv` (attempt 1, "),
        ("abort", "plugin.crashed: was killed by SIGABRT during `abort` (attempt 1, "),
        ("overflow", "plugin.crashed: was killed by SIGSEGV during `overflow` (attempt 1, "),
        (
            "exit",
            "plugin.exited: exited with status 0; plugins must not call exit() during `exit` (attempt 1, ",
        ),
    ] {
        let house = evil(Isolation::Process);
        let before = house.pid("evil");
        let told = crash_words(&house, action);
        assert!(told.starts_with(words), "{told}");
        is_fine(&house);
        assert_ne!(house.pid("evil"), before);
        assert_eq!(house.host.plugins()[0].crashes, 1);
    }
}

#[test]
fn calls_beside_a_crash_are_lost_with_it_and_counted() {
    let house = evil(Isolation::Process);
    let beside: Vec<u64> = (0..2).map(|_| house.start("evil", "deaf", &json!({}))).collect();
    let told = crash_words(&house, "segv");
    assert!(told.ends_with("; 2 other calls were lost"), "{told}");
    for id in beside {
        assert!(matches!(house.end_of(id), Outcome::Lost { how: Lost::Crash, .. }));
    }
}

#[test]
fn a_breach_of_the_protocol_ends_the_child() {
    for (action, words) in [
        ("garbage", "plugin.protocol_violation: broke the protocol: a frame of the unknown type"),
        (
            "silent_frame",
            "plugin.protocol_violation: broke the protocol: a frame of 4294967295 bytes was announced",
        ),
        ("close_socket", "plugin.crashed: closed its connection and was killed"),
    ] {
        let house = evil(Isolation::Process);
        let told = crash_words(&house, action);
        assert!(told.starts_with(words), "{told}");
        is_fine(&house);
    }
}

#[test]
fn an_endless_loop_in_start_is_killed_with_its_child() {
    let house = evil(Isolation::Process);
    let call = house.start_within("evil", "loop", &json!({}), Duration::from_millis(50));
    let Outcome::Lost { how: Lost::Killed, message } = house.end_of(call) else { panic!("not killed") };
    assert!(
        message.starts_with("plugin.unresponsive: `loop` passed its 50ms limit; it ignored cancel for"),
        "{message}"
    );
    assert!(message.ends_with("and was killed"), "{message}");
    is_fine(&house);
    assert_eq!(house.host.plugins()[0].crashes, 0);
}

#[test]
fn an_endless_loop_in_the_daemon_is_given_up_and_the_plugin_moves_out() {
    let house = evil(Isolation::InProcess);
    let call = house.start_within("evil", "loop", &json!({}), Duration::from_millis(50));
    assert!(matches!(house.end_of(call), Outcome::Lost { how: Lost::Killed, .. }));
    is_fine(&house);
    assert!(house.pid("evil").is_some(), "it runs in a child now");
}

#[test]
fn the_siblings_of_a_call_that_must_be_killed_may_end_first() {
    let house = evil(Isolation::Process);
    let sibling = house.start("evil", "deaf", &json!({}));
    let doomed = house.start("evil", "deaf", &json!({}));
    let before = house.pid("evil");
    house.cancel(doomed);
    // New calls find a fresh child at once, while the old one still has its time.
    house.until("a fresh child is there", |house| house.pid("evil").is_some_and(|pid| Some(pid) != before));
    assert!(!house.has_ended(sibling));
    is_fine(&house);
    let Outcome::Lost { how: Lost::Killed, message } = house.end_of(doomed) else { panic!("not killed") };
    assert!(message.contains("`deaf` ignored cancel"), "{message}");
    let failed = failure(house.end_of(sibling));
    assert_eq!((&*failed.code, failed.retry), ("plugin.killed_with_sibling", true));
    assert_eq!(failed.happened, Happened::Maybe);
}

#[test]
fn a_double_completion_counts_once_and_a_foreign_one_not_at_all() {
    for isolation in BOTH {
        let house = evil(isolation);
        let waiting = house.start("evil", "deaf", &json!({}));
        assert_eq!(
            output(house.run("evil", "double", &json!({}))),
            json!({ "first": true }),
            "{isolation:?}"
        );
        assert_eq!(output(house.run("evil", "foreign", &json!({}))), json!({}));
        is_fine(&house);
        assert!(house.ended_twice().is_empty() && !house.has_ended(waiting));
    }
}

#[test]
fn answers_that_are_none_end_the_call_with_the_reason() {
    for isolation in BOTH {
        let house = evil(isolation);
        for (action, code, words) in [
            ("null_buffer", "plugin.protocol_violation", "a buffer that cannot be one"),
            ("giant", "plugin.output_too_large", "larger than 16 MiB"),
            ("not_utf8", "plugin.protocol_violation", "not UTF-8"),
            ("strange", "plugin.protocol_violation", "unknown status 77"),
            ("bad_error", "plugin.protocol_violation", "a document that is no error"),
            ("wrong_output", "plugin.output_invalid", "the whole: expected object, got a list"),
        ] {
            let failed = failure(house.run("evil", action, &json!({})));
            assert_eq!(&*failed.code, code, "{action} {isolation:?}");
            assert!(failed.message.contains(words), "{action}: {}", failed.message);
            assert!(!failed.retry && failed.happened != Happened::No);
        }
        is_fine(&house);
    }
}

#[test]
fn noise_on_standard_output_is_tolerated() {
    let house = evil(Isolation::Process);
    assert_eq!(output(house.run("evil", "noise", &json!({}))), json!({}));
    is_fine(&house);
}

#[test]
fn a_child_that_hangs_in_its_destroy_is_killed_when_another_takes_over() {
    let house = evil(Isolation::Process);
    let old = house.pid("evil").unwrap();
    output(house.run("evil", "stay", &json!({})));
    let settings = PluginSettings { isolation: Some(Isolation::InProcess), config: json!({}) };
    house.host.set_plugins([("evil".to_owned(), settings)].into());
    assert_eq!(house.host.reload(), []);
    house.until("the old child is gone", |_| !Path::new(&format!("/proc/{old}")).exists());
    is_fine(&house);
}

#[test]
fn nonsense_for_the_log_is_tolerated() {
    for isolation in BOTH {
        let house = evil(isolation);
        assert_eq!(output(house.run("evil", "nonsense", &json!({}))), json!({}), "{isolation:?}");
        is_fine(&house);
    }
}

#[test]
fn a_plugin_that_declares_no_calls_makes_none() {
    for isolation in BOTH {
        let house = evil(isolation);
        assert_eq!(
            output(house.run("evil", "request", &json!({}))),
            json!({ "status": -4 }),
            "{isolation:?}"
        );
    }
}

#[test]
fn five_crashes_put_a_plugin_aside_until_it_is_released() {
    let house = evil(Isolation::Process);
    for _ in 0..5 {
        crash_words(&house, "segv");
    }
    assert_eq!(house.state("evil"), "quarantined");
    let failed = failure(house.run("evil", "fine", &json!({})));
    assert_eq!((&*failed.code, failed.retry, failed.happened), ("plugin.quarantined", true, Happened::No));
    assert!(failed.message.starts_with("5 crashes in 60 s; build "), "{}", failed.message);
    assert!(house.host.release("evil"));
    is_fine(&house);
}

/// A file in its way keeps it from coming up again, once at once and once by taking too long.
#[test]
fn a_plugin_that_ran_and_does_not_come_up_again_is_tried_until_it_does() {
    for stands_in_the_way in ["no", "slow"] {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("in-the-way");
        let mut wish = Wish::of(Isolation::Process, &[c_plugin("evil")]);
        wish.limits.create = Duration::from_secs(2);
        wish.limits.crashes = 1_000;
        wish.limits.backoff_most = Duration::from_millis(50);
        let config = json!({ "unless": file });
        wish.plugins.insert("evil".to_owned(), PluginSettings { isolation: None, config });
        let house = wish.open();
        assert_eq!(house.refusals, []);
        std::fs::write(&file, stands_in_the_way).unwrap();
        crash_words(&house, "segv");
        let waiting = house.start("evil", "fine", &json!({}));
        house.until("it failed to come up twice", |house| house.host.plugins()[0].crashes > 2);
        assert!(!house.has_ended(waiting), "it waits for the plugin");
        std::fs::remove_file(&file).unwrap();
        assert_eq!(output(house.end_of(waiting)), json!({ "fine": true }));
    }
}

#[test]
fn a_plugin_that_never_comes_up_again_is_put_aside() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("in-the-way");
    let mut wish = Wish::of(Isolation::Process, &[c_plugin("evil")]);
    let config = json!({ "unless": file });
    wish.plugins.insert("evil".to_owned(), PluginSettings { isolation: None, config });
    let house = wish.open();
    std::fs::write(&file, "no").unwrap();
    crash_words(&house, "segv");
    let failed = failure(house.run("evil", "fine", &json!({})));
    assert_eq!((&*failed.code, failed.happened), ("plugin.quarantined", Happened::No));
    assert!(
        failed.message.ends_with("Last: did not come up: its settings are wrong: not now"),
        "{}",
        failed.message
    );
    std::fs::remove_file(&file).unwrap();
    assert!(house.host.release("evil"));
    is_fine(&house);
}

/// The fixture with some of its bytes replaced by others of the same length.
fn patched(name: &str, from: &[u8], to: &[u8]) -> PathBuf {
    assert_eq!(from.len(), to.len());
    let mut bytes = std::fs::read(c_plugin("hello")).unwrap();
    let mut found = 0;
    for at in 0..bytes.len() - from.len() {
        if &bytes[at..at + from.len()] == from {
            bytes[at..at + from.len()].copy_from_slice(to);
            found += 1;
        }
    }
    assert!(found > 0, "nothing to patch for {name}");
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}.so", std::process::id()));
    std::fs::write(&path, bytes).unwrap();
    path
}

#[test]
fn what_cannot_be_loaded_is_refused_with_the_reason_and_stops_nobody_else() {
    let text = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("text.so");
    std::fs::write(&text, "just text").unwrap();
    let missing = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("missing.so");
    let cases = [
        (text, "plugin.not_a_plugin", "it has no YZPLUGIN note"),
        (missing, "plugin.unreadable", "No such file"),
        (machine(), "plugin.wrong_arch", "it is built for riscv64, this host is"),
        (
            patched("newer", br#""abi":{"major":1,"#, br#""abi":{"major":9,"#),
            "plugin.abi_too_new",
            "hello 1.0.0 needs plugin ABI 9.0 or later, this yizhan offers 1.0",
        ),
        (
            patched("older", br#""abi":{"major":1,"#, br#""abi":{"major":0,"#),
            "plugin.abi_too_old",
            "hello 1.0.0 was built for plugin ABI 0",
        ),
        (patched("service", b"clock/1", b"clock/9"), "plugin.missing_service", "the host service `clock/9`"),
        (
            patched("symbol", b"yz_plugin_entry_v1", b"yz_plugin_entry_vX"),
            "plugin.missing_symbol",
            "yz_plugin_entry_v1",
        ),
        (patched("note", br#""id":"hello""#, br#""id":"hello\"#), "plugin.bad_note", "its note is damaged"),
        (patched("lie", br#"["clock","#, br#"["block","#), "plugin.bad_describe", "its note names block"),
        (
            patched("subset", br#""type":"integer""#, br#""tpye":"integer""#),
            "plugin.bad_describe",
            "outside the subset",
        ),
    ];
    for (file, code, words) in cases {
        let house = Wish::of(Isolation::Process, &[file, c_plugin("evil")]).open();
        assert_eq!(house.refusals.len(), 1, "{code}: {:?}", house.refusals);
        let refusal = &house.refusals[0];
        assert_eq!(refusal.code(), code, "{refusal}");
        assert!(refusal.fault.to_string().contains(words), "{refusal}");
        is_fine(&house);
    }
}

/// The fixture with another machine in its header.
fn machine() -> PathBuf {
    let mut bytes = std::fs::read(c_plugin("hello")).unwrap();
    bytes[18..20].copy_from_slice(&243u16.to_le_bytes());
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("machine.so");
    std::fs::write(&path, bytes).unwrap();
    path
}

#[test]
fn a_scan_passes_over_ordinary_libraries_and_tells_of_broken_plugins() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("ordinary.so"), "not even a library").unwrap();
    std::fs::copy(c_plugin("evil"), folder.path().join("libevil.so")).unwrap();
    std::fs::copy(machine(), folder.path().join("other.so")).unwrap();
    let mut wish = Wish::of(Isolation::Process, &[]);
    wish.folders = vec![folder.path().join("absent"), folder.path().to_owned()];
    let house = wish.open();
    let codes: Vec<_> = house.refusals.iter().map(yizhan_plugin_host::Refusal::code).collect();
    assert_eq!(codes, ["plugin.wrong_arch"]);
    is_fine(&house);
}

#[test]
fn wrong_settings_are_told_in_the_plugins_words() {
    let mut wish = Wish::of(Isolation::Process, &[c_plugin("hello"), support::echo()]);
    for id in ["hello", "echo"] {
        let config = json!({ "colour": "red" });
        wish.plugins.insert(id.to_owned(), yizhan_plugin_host::PluginSettings { isolation: None, config });
    }
    let house = wish.open();
    let told: Vec<_> =
        house.refusals.iter().map(|refusal| (refusal.code(), refusal.fault.to_string())).collect();
    assert_eq!(
        told,
        [
            (
                "plugin.config_invalid",
                "its settings are wrong: config: expected no properties, got the unknown `colour`".to_owned()
            ),
            ("plugin.config_invalid", "its settings are wrong: hello takes no settings".to_owned()),
        ]
    );
}
