//! What holds for a call wherever its plugin runs: every story is told on both carriers.

mod support;

use std::time::Duration;

use serde_json::json;
use support::{BOTH, Wish, c_plugin, echo, failure, output};
use yizhan_engine::carrier::{CancelReason, Carriers, Outcome};
use yizhan_plugin_host::Isolation;
use yizhan_workflow::run::event::{Happened, Lost};

#[test]
fn a_call_gives_back_its_output() {
    for isolation in BOTH {
        let house = Wish::of(isolation, &[echo()]).open();
        assert_eq!(house.refusals, []);
        let input = json!({ "text": "你好 \"quoted\" \\ \u{1}", "list": [1, -2.5, null, true] });
        assert_eq!(output(house.run("echo", "echo", &input)), input, "{isolation:?}");
    }
}

#[test]
fn an_output_too_large_for_the_journal_is_handed_on_as_an_artifact() {
    for isolation in BOTH {
        let house = Wish::of(isolation, &[echo()]).open();
        let input = json!({ "status": 200, "body": "水".repeat(1 << 20) });
        let output = output(house.run("echo", "echo", &input));
        assert_eq!((&output["status"], &output["body"]["name"]), (&json!(200), &json!("echo.body.txt")));
        assert_eq!(output["body"]["bytes"], json!(3 << 20), "{isolation:?}");
    }
}

#[test]
fn a_thousand_calls_each_get_their_own_answer() {
    for isolation in BOTH {
        let house = Wish::of(isolation, &[echo()]).open();
        let calls: Vec<_> = (0..1000).map(|n| house.call("echo", "echo", &json!({ "n": n }))).collect();
        let ids: Vec<u64> = calls.iter().map(|call| call.id).collect();
        for batch in calls.chunks(64) {
            house.host.start(batch.to_vec());
        }
        for (n, id) in ids.into_iter().enumerate() {
            assert_eq!(output(house.end_of(id)), json!({ "n": n }), "{isolation:?}");
        }
        assert!(house.ended_twice().is_empty());
        assert_eq!(house.host.calls_open(), 0);
    }
}

#[test]
fn a_failure_keeps_its_words_and_its_advice() {
    for isolation in BOTH {
        let house = Wish::of(isolation, &[echo()]).open();
        let told = json!({ "code": "shop.closed", "message": "come back", "retry": true, "retry_after_s": 1.5, "happened": "no" });
        let failed = failure(house.run("echo", "fail", &told));
        assert_eq!((&*failed.code, &*failed.message), ("shop.closed", "come back"), "{isolation:?}");
        assert_eq!((failed.retry, failed.retry_after_ms, failed.happened), (true, Some(1500), Happened::No));
    }
}

#[test]
fn a_panic_ends_the_call_and_nothing_else() {
    for isolation in BOTH {
        let house = Wish::of(isolation, &[echo()]).open();
        let failed = failure(house.run("echo", "panic", &json!({ "message": "no such drawer" })));
        assert_eq!(&*failed.code, "plugin.panic", "{isolation:?}");
        assert!(
            failed.message.contains("no such drawer") && failed.message.contains("lib.rs"),
            "{}",
            failed.message
        );
        assert_eq!(output(house.run("echo", "echo", &json!(1))), json!(1));
        assert_eq!(house.host.plugins()[0].crashes, 0);
    }
}

#[test]
fn an_input_that_breaks_the_schema_never_reaches_the_plugin() {
    for isolation in BOTH {
        let house = Wish::of(isolation, &[echo()]).open();
        let failed = failure(house.run("echo", "sleep", &json!({ "ms": "ten" })));
        assert_eq!(&*failed.code, "plugin.input_invalid", "{isolation:?}");
        assert_eq!(&*failed.message, "the input of `sleep`: /ms: expected integer, got a text");
        assert_eq!((failed.retry, failed.happened), (false, Happened::No));
    }
}

#[test]
fn what_does_not_exist_is_told_by_name() {
    let house = Wish::of(Isolation::Process, &[echo()]).open();
    assert_eq!(&*failure(house.run("echo", "shout", &json!({}))).code, "plugin.unknown_action");
    assert_eq!(&*failure(house.run("ehco", "echo", &json!({}))).code, "plugin.unknown");
}

#[test]
fn a_cancel_that_is_obeyed_did_no_harm() {
    for isolation in BOTH {
        let house = Wish::of(isolation, &[echo()]).open();
        let call = house.start("echo", "sleep", &json!({ "ms": 3_600_000 }));
        house.progress_of(call);
        house.cancel(call);
        let failed = failure(house.end_of(call));
        assert_eq!(&*failed.code, "plugin.cancelled", "{isolation:?}");
        assert_eq!((failed.retry, failed.happened), (true, Happened::No));
    }
}

#[test]
fn a_call_past_its_limit_is_cancelled_and_says_so() {
    for isolation in BOTH {
        let house = Wish::of(isolation, &[echo()]).open();
        let call =
            house.start_within("echo", "sleep", &json!({ "ms": 3_600_000 }), Duration::from_millis(50));
        let ended = house.completion_of(call);
        let failed = failure(ended.outcome);
        assert_eq!(&*failed.code, "plugin.timeout", "{isolation:?}");
        assert_eq!(&*failed.message, "`sleep` passed its 50ms limit");
        assert!(ended.took >= Duration::from_millis(50), "{:?}", ended.took);
    }
}

#[test]
fn once_that_had_begun_may_have_happened_when_it_is_cancelled() {
    for isolation in BOTH {
        let house = Wish::of(isolation, &[echo()]).open();
        let call = house.start("echo", "once", &json!({ "ms": 3_600_000 }));
        // The runtime polls in the order of starting: when the second has ended, the first has begun.
        output(house.run("echo", "once", &json!({ "ms": 0 })));
        house.cancel(call);
        assert_eq!(failure(house.end_of(call)).happened, Happened::Maybe, "{isolation:?}");
    }
}

#[test]
fn a_call_that_ignores_cancel_is_lost_and_the_plugin_goes_on() {
    for isolation in BOTH {
        let house = Wish::of(isolation, &[echo()]).open();
        let call = house.start("echo", "hang", &json!({}));
        house.progress_of(call);
        house.cancel(call);
        let Outcome::Lost { how: Lost::Killed, message } = house.end_of(call) else {
            panic!("{isolation:?}")
        };
        assert!(message.contains("`hang` ignored cancel"), "{message}");
        assert_eq!(output(house.run("echo", "echo", &json!(1))), json!(1), "{isolation:?}");
        assert_eq!(house.host.plugins()[0].crashes, 0, "a kill of ours is no crash");
        assert_eq!(
            house.host.plugins()[0].isolation,
            Isolation::Process,
            "what cannot be killed moves to a child"
        );
    }
}

#[test]
fn progress_reaches_the_engine() {
    for isolation in BOTH {
        let house = Wish::of(isolation, &[echo()]).open();
        let call = house.start("echo", "sleep", &json!({ "ms": 1 }));
        assert_eq!(house.progress_of(call), (0.0, "asleep".to_owned()), "{isolation:?}");
        output(house.end_of(call));
    }
}

#[test]
fn a_plugin_in_c_does_the_same() {
    for isolation in BOTH {
        let house = Wish::of(isolation, &[c_plugin("hello")]).open();
        assert_eq!(house.refusals, []);
        let input = json!({ "a": [1, "二"] });
        assert_eq!(output(house.run("hello", "give_back", &input)), input, "{isolation:?}");
        assert!(output(house.run("hello", "clock", &json!({})))["now"].as_i64().unwrap() > 1_700_000_000_000);
        let call = house.start("hello", "wait", &json!({}));
        house.cancel(call);
        assert_eq!(&*failure(house.end_of(call)).code, "plugin.cancelled", "{isolation:?}");
    }
}

#[test]
fn stopping_tells_nobody_what_it_cut_off() {
    for isolation in BOTH {
        let house = Wish::of(isolation, &[echo()]).open();
        let call = house.start("echo", "sleep", &json!({ "ms": 3_600_000 }));
        house.progress_of(call);
        house.host.cancel(&[], CancelReason::Stopping);
        house.host.close();
        assert!(!house.has_ended(call), "{isolation:?}");
    }
}

#[test]
fn a_child_inherits_nothing_but_its_socket_and_its_library() {
    let house = Wish::of(Isolation::Process, &[echo()]).open();
    let pid = house.pid("echo").expect("it runs in a child");
    assert_eq!(std::fs::read(format!("/proc/{pid}/environ")).expect("readable"), b"", "no environment");
    let open = std::fs::read_dir(format!("/proc/{pid}/fd")).expect("readable").flatten();
    let open: Vec<String> = open
        .filter_map(|entry| std::fs::read_link(entry.path()).ok())
        .map(|target| target.to_string_lossy().split(['[', '(']).next().unwrap_or_default().to_owned())
        .collect();
    // Input, output and errors; the socket; the sealed bytes, twice, since the one that was loaded stays open.
    let expected = [
        "/dev/null",
        "pipe:",
        "pipe:",
        "socket:",
        "/memfd:yz-libyizhan_plugin_echo ",
        "socket:",
        "/memfd:yz-libyizhan_plugin_echo ",
    ];
    let (mut open, mut expected) = (open, expected.map(str::to_owned).to_vec());
    open.sort();
    expected.sort();
    assert_eq!(open, expected);
}

#[test]
fn closing_the_host_ends_its_children() {
    let house = Wish::of(Isolation::Process, &[echo()]).open();
    let pid = house.pid("echo").expect("it runs in a child");
    house.host.close();
    house.until("the child is gone", |_| !std::path::Path::new(&format!("/proc/{pid}")).exists());
}
