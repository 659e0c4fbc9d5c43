//! The command line as scripts see it: exit codes, JSON, languages.

use crate::house::{House, binary, program};

#[test]
fn every_ending_has_its_own_exit_code() {
    let mut home = House::new();
    home.write(
        "workflows/fails.toml",
        "title = 'x'\n[step.a]\nuse = 'echo.fail'\nwith = { code = 'echo.asked', retry = false }\n",
    );
    home.write("workflows/waits.toml", "title = 'x'\n[step.a]\nwait = '1h'\n");
    assert_eq!(home.call(&["runs"]).code, 4, "no daemon");
    home.start();
    for (arguments, code) in [
        (&["runs"][..], 0),
        (&["frobnicate"], 2),
        (&["run", "nothing"], 3),
        (&["show", "run_0000000000000"], 3),
        (&["explain", "YZ9999"], 3),
        (&["run", "hello", "--set", "name"], 2),
        (&["run", "hello"], 6),
        (&["run", "fails", "--wait"], 5),
        (&["run", "waits", "--wait", "--most", "1s"], 7),
        (&["plugin", "inspect", "nothing"], 3),
    ] {
        let said = home.call(arguments);
        assert_eq!(said.code, code, "{arguments:?}: {said:?}");
    }
}

#[test]
fn a_run_may_be_named_by_a_beginning_of_its_id_and_json_carries_what_scripts_need() {
    let mut home = House::new();
    home.start();
    let run = home.begin(&["hello", "--set", "name=A"]);
    let view = home.call(&["show", &run[..run.len() - 2], "--wait", "--json"]).ok().json();
    assert_eq!(view["id"], run);
    for key in ["id", "workflow", "state", "outcome", "steps"] {
        assert!(!view[key].is_null(), "{key} is missing in {view}");
    }
    let again =
        home.call(&["run", "hello", "--set", "name=A", "--idempotency-key", "k1", "--json"]).ok().json();
    let twice =
        home.call(&["run", "hello", "--set", "name=A", "--idempotency-key", "k1", "--json"]).ok().json();
    assert_eq!(again["id"], twice["id"]);
    assert!(home.call(&["show", &run, "--journal"]).ok().out.lines().count() >= 2);
}

#[test]
fn a_run_can_be_cancelled_and_a_failed_one_tried_again() {
    let mut home = House::new();
    home.write("workflows/waits.toml", "title = 'x'\n[step.a]\nwait = '1h'\n");
    home.write(
        "workflows/fails.toml",
        "title = 'x'\n[step.a]\nuse = 'echo.fail'\nwith = { code = 'echo.asked', retry = false }\n",
    );
    home.start();
    let run = home.begin(&["waits"]);
    home.call(&["cancel", &run, "--reason", "not needed"]).ok();
    assert_eq!(home.end_of(&run)["state"], "cancelled");
    let run = home.begin(&["fails"]);
    assert_eq!(home.end_of(&run)["error"]["code"], "echo.asked");
    home.call(&["retry", &run]).ok();
    let view = home.end_of(&run);
    assert_eq!(view["opening"], 2, "{view}");
}

#[test]
fn what_needs_no_daemon_works_without_one() {
    let home = House::new();
    assert_eq!(home.call(&["check"]).ok().code, 0);
    let echo = home.call(&["plugin", "inspect", "echo", "--json"]).ok().json();
    assert!(echo["actions"].as_array().unwrap().iter().any(|action| action["name"] == "sleep"), "{echo}");
    let library = binary().with_file_name("libyizhan_plugin_echo.so");
    let by_file = home.call(&["plugin", "inspect", library.to_str().unwrap(), "--json"]).ok().json();
    assert_eq!(by_file["id"], "echo");
    let other = home.call(&["plugin", "inspect", binary().to_str().unwrap()]);
    assert!(other.code == 3 && other.err.contains("plugin.not_a_plugin"), "{other:?}");
    home.write(
        "workflows/daily.toml",
        "title = 'x'\n[trigger.t]\nschedule = '09:00'\n[step.a]\nuse = 'echo.noop'\n",
    );
    assert_eq!(home.call(&["next", "--days", "3"]).ok().out.matches("daily").count(), 3);
    home.call(&["doctor"]).ok();
    assert!(home.call(&["explain", "YZ0530"]).ok().out.contains("data/yizhan.sock"));
    assert!(home.call(&["completions", "bash"]).ok().out.contains("yizhan"));
}

#[test]
fn a_command_speaks_the_language_of_its_caller() {
    let home = House::new();
    let help = |language: &str| {
        let out = program().env("LANG", language).args(["--help"]).output().unwrap().stdout;
        String::from_utf8(out).unwrap()
    };
    assert!(help("zh_CN.UTF-8").contains("退出码") && help("en_GB.UTF-8").contains("Exit codes"));
    home.write("workflows/bad.toml", "title = 'x'\n[step.a]\nuze = 'echo.noop'\n");
    assert!(home.call(&["check", "--lang", "zh"]).out.contains("错误"));
    assert!(home.call(&["check", "--lang", "en"]).out.contains("error"));
}

#[test]
fn a_misspelt_workflow_is_told_with_the_nearest() {
    let mut home = House::new();
    home.write("workflows/leave.toml", "title = '请假'\n[step.a]\nuse = 'echo.noop'\n");
    home.start();
    let said = home.call(&["run", "leav", "--lang", "en"]);
    assert!(said.code == 3 && format!("{said:?}").contains("did you mean `leave`?"), "{said:?}");
    let said = home.call(&["run", "leav", "--lang", "zh"]);
    assert!(format!("{said:?}").contains("是不是 `leave`?"), "{said:?}");
    let said = home.call(&["run", "leave", "--trigger", "none"]);
    assert!(said.code == 3 && !format!("{said:?}").contains("mean"), "the workflow is there: {said:?}");
    let said = home.call(&["run", "quite-another"]);
    assert!(said.code == 3 && !format!("{said:?}").contains("mean"), "{said:?}");
}

#[test]
fn a_slip_of_a_newcomer_is_told_with_the_way_on() {
    let home = House::new();
    home.write("workflows/orders.tml", "title = 'x'\n[step.a]\nwait = '1h'\n");
    home.write("workflows/hello.test.toml", "[[test]]\nname = 'x'\n");
    home.write("workflows/notes.txt", "nothing");
    let said = |words: &[&str]| home.call(words).all();
    let check = said(&["check", "--lang", "en"]);
    assert!(check.contains("orders.tml") && check.contains("call it `orders.toml`"), "{check}");
    assert!(!check.contains("notes.txt") && check.contains("1 warning"), "{check}");
    assert!(said(&["check", "hello", "--lang", "en"]).contains("1 file, 0 errors, 0 warnings"));
    assert!(said(&["fmt", "helo", "--lang", "en"]).contains("did you mean `hello`?"));
    let graph = said(&["graph", "workflows/hello.test.toml", "--lang", "en"]);
    assert!(graph.contains("a file of tests") && graph.contains("its workflow is `hello`"), "{graph}");
    let plan = said(&["plan", "hello", "--set", "nam=x", "--lang", "zh"]);
    assert!(plan.contains("给了 `nam`") && plan.contains("是不是 `name`?"), "{plan}");
    let nowhere = tempfile::tempdir().unwrap();
    let output = program().args(["check", "--lang", "en"]).current_dir(nowhere.path()).output().unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.code() == Some(3) && told.contains("yizhan init DIR"), "{told}");
}

#[test]
fn a_token_opens_the_api_by_http_and_nothing_else_does() {
    let mut home = House::new();
    let token = "a-token-of-more-than-sixteen";
    home.write("secrets/api", format!("{token}\n"));
    home.write("config/yizhan.toml", "[http]\ntokens = ['api']\n");
    home.start();
    let address = home.read("data/address").trim().to_owned();
    let call = |token: &str| {
        let mut command = program();
        command.args(["runs", "--json", "--url", &address]).env("YIZHAN_TOKEN", token);
        command.current_dir("/").output().unwrap().status.code()
    };
    assert_eq!(call(token), Some(0));
    assert_eq!(call("another-token-of-that-length"), Some(6));
    home.write("config/yizhan.toml", "[http]\ntokens = ['none']\n");
    let refused = House::call(&home, &["serve"]);
    assert!(refused.code == 1, "{refused:?}");
}
