//! What the other crates' tests rely on.

use serde_json::json;
use yizhan_plugin_api::Harness;

use super::*;

fn echo() -> Harness<Echo> {
    Harness::new(&json!({})).unwrap()
}

#[test]
fn echo_gives_its_input_back_as_it_was() {
    let input = json!({ "text": "你好", "list": [1, 2.5, null] });
    assert_eq!(echo().run("echo", &input).unwrap(), input);
}

#[test]
fn a_cancelled_sleep_ends_at_once_and_did_no_harm() {
    let echo = echo();
    let call = echo.start("sleep", &json!({ "ms": 3_600_000 })).unwrap();
    echo.cancel(call);
    let error = echo.end_of(call).unwrap_err();
    assert_eq!((error.code.as_str(), error.retry, error.happened), ("plugin.cancelled", true, Happened::No));
}

#[test]
fn a_cancelled_once_that_had_begun_may_have_happened() {
    let echo = echo();
    let call = echo.start("once", &json!({ "ms": 3_600_000 })).unwrap();
    // The order of the runtime is the order of starting, so the second one's end shows that the first has begun.
    echo.run("once", &json!({ "ms": 0 })).unwrap();
    echo.cancel(call);
    assert_eq!(echo.end_of(call).unwrap_err().happened, Happened::Maybe);
}

#[test]
fn a_panic_is_an_error_with_its_place() {
    let echo = echo();
    let error = echo.run("panic", &json!({ "message": "no such drawer" })).unwrap_err();
    assert_eq!(error.code, "plugin.panic");
    assert!(
        error.message.contains("src/lib.rs") && error.message.contains("no such drawer"),
        "{}",
        error.message
    );
    assert_eq!(echo.run("echo", &json!(1)).unwrap(), json!(1), "the plugin goes on");
}

#[test]
fn a_wrong_input_names_the_place() {
    let error = echo().run("sleep", &json!({ "ms": "ten" })).unwrap_err();
    assert_eq!(error.code, "plugin.input_invalid");
    assert_eq!(error.message, "input.ms: invalid type: string \"ten\", expected u64");
    assert_eq!((error.pointer.as_deref(), error.happened), (Some("/ms"), Happened::No));
}

#[test]
fn fail_fails_as_told() {
    let told =
        json!({ "code": "x.y", "message": "m", "retry": true, "retry_after_s": 2.5, "happened": "yes" });
    let error = echo().run("fail", &told).unwrap_err();
    let expected = Error::new("x.y", "m").happened(Happened::Yes).retry_after(Duration::from_millis(2500));
    assert_eq!(error, expected);
}

#[test]
fn an_unknown_action_is_refused() {
    assert_eq!(echo().run("nonsense", &json!({})).unwrap_err().code, "plugin.unsupported");
}

#[test]
fn a_setting_that_does_not_exist_is_refused() {
    let Err(error) = Harness::<Echo>::new(&json!({ "colour": "red" })) else { panic!("it was taken") };
    assert_eq!(error.code, "plugin.config_invalid");
    assert!(error.message.contains("colour"), "{}", error.message);
}

#[test]
fn a_log_line_reaches_the_host_with_its_level_and_fields() {
    let echo = echo();
    echo.run("log", &json!({ "message": "so far so good" })).unwrap();
    let logs = echo.logs();
    assert_eq!(logs.len(), 1, "{logs:?}");
    assert_eq!(logs[0]["level"], "info");
    assert_eq!(logs[0]["message"], "so far so good");
    assert_eq!(logs[0]["fields"]["step"], "test");
}
