//! Tests of workflows, as a person and a CI run them.

use std::path::Path;

use crate::house::{House, program};

const TASK: &str =
    "title = 'x'\n[step.say]\nuse = 'echo.echo'\nwith.value = 'hello'\n[step.a]\nwait = '1h'\n";

#[test]
fn the_tests_of_the_shipped_workflows_hold() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut command = program();
    command.args(["--home", "."]).args(["test", "workflows", "--json"]).current_dir(&root);
    let output = command.output().unwrap();
    let said: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(output.status.success(), "{said:#}");
    let files: std::collections::BTreeSet<&str> =
        said["tests"].as_array().unwrap().iter().filter_map(|test| test["file"].as_str()).collect();
    assert!(files.len() >= 6, "{files:?}");
}

#[test]
fn a_test_that_does_not_hold_ends_with_one_and_says_what_happened_instead() {
    let home = House::new();
    home.write("workflows/x.toml", TASK);
    let right = "[[test]]\nname = 'waits'\nplay = [{ expect = 'echo.echo', value = 'hello' }, { pass = '1h' }]\nstate = 'done'\n";
    home.write("workflows/x.test.toml", right);
    assert!(home.call(&["test"]).ok().out.contains("1 test passed"));
    home.write(
        "workflows/x.test.toml",
        format!("{right}[[test]]\nname = 'a < b'\nplay = [{{ expect = 'echo.echo', value = 'bye' }}]\n"),
    );
    let said = home.call(&["test", "--junit", "junit.xml"]);
    assert_eq!(said.code, 1, "{said:?}");
    for words in
        ["FAILED workflows/x.test.toml:7  a < b", "expected bye, and it is hello", "say  call echo.echo"]
    {
        assert!(said.out.contains(words), "{words}: {said:?}");
    }
    let chinese = home.call(&["test", "--lang", "zh", "--filter", "a <"]);
    assert!(chinese.out.contains("未通过") && chinese.out.contains("期望 bye,实际 hello"), "{chinese:?}");
    let junit = home.read("junit.xml");
    assert!(junit.contains("<testsuites tests=\"2\" failures=\"1\" errors=\"0\">"), "{junit}");
    assert!(junit.contains("name=\"a &lt; b\"") && junit.contains("<failure message="), "{junit}");
    assert_eq!(home.call(&["test", "--filter", "nothing"]).code, 3);
    assert_eq!(home.call(&["test", "--filter", "waits", "--json"]).ok().json()["tests"][0]["passed"], true);
}

#[test]
fn a_slip_in_a_file_of_tests_is_told_as_one_in_a_workflow_and_is_no_workflow_itself() {
    let home = House::new();
    home.write("workflows/x.toml", TASK);
    home.write("workflows/x.test.toml", "[[test]]\nname = 'waits'\nplay = [{ expct = 'echo.echo' }]\n");
    let said = home.call(&["test"]);
    assert!(said.code == 3 && said.out.contains("did you mean `expect`"), "{said:?}");
    home.call(&["check"]).ok();
    home.write("workflows/lonely.test.toml", "[[test]]\nname = 'x'\n");
    let said = home.call(&["test", "workflows/lonely.test.toml"]);
    assert!(said.code == 3 && said.out.contains("no workflow `lonely`"), "{said:?}");
}

#[test]
fn what_if_says_the_weekday_and_the_working_days_of_each_date() {
    let home = House::new();
    home.write(
        "workflows/x.toml",
        "title = 'x'\nowner = 'person:li'\n[step.a]\nask = 'person:li'\ndue = '3 days'\nform.ok = { type = 'yesno' }\n[step.b]\nwait = '24h'\n",
    );
    home.write("config/people.toml", "[person.li]\nname = '李'\n");
    let said = home.call(&["what-if", "x", "--at", "2026-09-30 16:55", "--lang", "en"]).ok();
    let lines: Vec<Vec<&str>> = said.out.lines().map(|line| line.split_whitespace().collect()).collect();
    // A Wednesday; the third day after it is a Saturday, two working days on.
    assert!(lines.iter().any(|line| line.starts_with(&["2026-09-30", "16:55", "Wed", "0"])), "{said:?}");
    assert!(
        lines.iter().any(|line| line.starts_with(&["2026-10-03", "24:00", "Sat", "2", "off", "due"])),
        "{said:?}"
    );
    assert!(
        lines.iter().any(|line| line.starts_with(&["2026-10-01", "16:55", "Thu", "1", "waits"])),
        "{said:?}"
    );
}

/// Every line that the manual shows is among what its commands print in the home that ships.
#[test]
fn what_if_prints_the_dates_around_the_holiday_as_the_manual_shows_them() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let words = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    for language in ["zh", "en"] {
        let page = root.join(format!("docs/manual/src/{language}/task/test.md"));
        let page = std::fs::read_to_string(page).unwrap();
        let mut printed = Vec::new();
        for line in page.lines().filter(|line| line.starts_with("yizhan what-if")) {
            let mut command = program();
            let arguments = arguments_of(line.strip_prefix("yizhan ").unwrap());
            command.args(["--home", ".", "--lang", language]).args(arguments).current_dir(&root);
            let output = command.output().unwrap();
            assert!(output.status.success(), "{output:?}");
            printed.extend(String::from_utf8(output.stdout).unwrap().lines().map(words));
        }
        let (mut inside, mut shown) = (false, 0);
        for line in page.lines() {
            if line.starts_with("```") {
                inside = line == "```text,what-if";
            } else if inside {
                shown += 1;
                assert!(printed.contains(&words(line)), "{line}\n{printed:#?}");
            }
        }
        assert_eq!(shown, 5, "{language}");
    }
}

/// The arguments of a command line whose only quotes are around whole arguments.
fn arguments_of(line: &str) -> Vec<String> {
    let parts = line.split('"').enumerate();
    let parts = parts.flat_map(|(at, part)| match at % 2 {
        0 => part.split_whitespace().map(str::to_owned).collect(),
        _ => vec![part.to_owned()],
    });
    parts.collect()
}

/// A complaint that comes in at 16:55 on the day before the National Day holiday, 25 minutes after the cut-off: it counts as having
/// come in on October 8th. The 10th is a Saturday that is worked.
#[test]
fn what_if_of_a_fault_before_a_holiday_has_every_date_right() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let folder = tempfile::tempdir().unwrap();
    let answers = folder.path().join("answers.toml");
    std::fs::write(
        &answers,
        "repair = { result = 'complex', cause = '主管爆裂' }\ncomplex = { plan = '更换主管', until = '2026-10-30' }\n\
         callback = { satisfied = true }\n",
    )
    .unwrap();
    let mut command = program();
    command.args(["--home", ".", "--json", "what-if", "fault-dispatch", "--late", "--by", "person:li.na"]);
    command.args(["--at", "2026-09-30 16:55", "--set", "caller=李娜", "--set", "phone=13800000000"]);
    command.args(["--set", "address=白沙路119号", "--set", "area=城南", "--set", "category=service"]);
    command.args(["--set", "matter=态度不好", "--answers"]).arg(&answers).current_dir(&root);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let said: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let dates: Vec<String> = said["dates"]
        .as_array()
        .unwrap()
        .iter()
        .map(|date| {
            let off = if date["off"] == true { " off" } else { "" };
            let text = |key: &str| date[key].as_str().unwrap_or_default().to_owned();
            format!("{} {}{off} {} {}", text("local"), date["workdays"], text("what"), text("step"))
        })
        .collect();
    let expected = [
        "2026-09-30 16:55 0 begins ",
        // 24 hours from the dispatch, holidays too; the word two hours before, those of the rungs after.
        "2026-10-01 14:55 0 off reminds callback.remind[0]",
        "2026-10-01 16:55 0 off due callback",
        "2026-10-01 16:55 0 off tells callback.escalate[0]",
        "2026-10-01 17:55 0 off tells callback.escalate[1]",
        // Five working days after the 8th: 9, 10, 12, 13, 14.
        "2026-10-14 17:00 6 reminds repair.remind[0]",
        "2026-10-14 17:30 6 due repair",
        "2026-10-14 17:30 6 tells repair.escalate[0]",
        "2026-10-14 18:30 6 tells repair.escalate[1]",
        "2026-10-14 19:30 6 reassigns repair.escalate[2]",
        // Answered after the cut-off of the 14th, so from the 15th: two working days are 16 and, over the weekend, 19.
        "2026-10-16 17:30 8 reminds complex.remind[0]",
        "2026-10-19 17:30 9 due complex",
        "2026-10-19 17:30 9 due inform",
        "2026-10-19 17:30 9 tells complex.escalate[0]",
        "2026-10-19 17:30 9 tells inform.escalate[0]",
        // The day that the customer was told; a working day before it.
        "2026-10-29 24:00 17 reminds solve.remind[0]",
        "2026-10-30 24:00 18 due solve",
        "2026-10-30 24:00 18 tells solve.escalate[0]",
    ];
    let (ends, dates): (Vec<&String>, Vec<&String>) = dates.iter().partition(|date| date.contains(" ends "));
    assert_eq!(dates, expected);
    assert_eq!(
        ends,
        ["2026-10-30 23:59:59 18 ends "],
        "the last task is answered at the last instant in time"
    );
}
