//! Tests of workflows, as a person and a CI run them.

use std::path::Path;

use serde_json::Value;

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
fn the_shipped_workflows_have_no_faults() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut command = program();
    let output = command
        .args(["--home", "."])
        .args(["check", "workflows", "--json"])
        .current_dir(&root)
        .output()
        .unwrap();
    let found: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
    // Towards the end of a year it is told that the holidays of the next are not announced: that hangs on the day, not on the files.
    let faults: Vec<&Value> = found.iter().filter(|one| one["code"] != "YZ0697").collect();
    assert!(output.status.success() && faults.is_empty(), "{faults:#?}");
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

#[test]
fn what_does_not_fit_the_start_form_is_said_in_the_language_of_whoever_asks() {
    let home = House::new();
    let form =
        "[input]\namount = { label = '金额', type = 'money' }\nbill = { label = '账单', type = 'file' }\n";
    let text = TASK.replacen("[step", &format!("{form}[step"), 1);
    home.write("workflows/x.toml", text);
    for command in [&["plan", "x"][..], &["what-if", "x", "--at", "2026-09-30 16:55"]] {
        let said = |lang: &str| {
            let given = ["--set", "amount=很多", "--set", "bill=a.pdf", "--lang", lang];
            let said = home.call(&[command, &given].concat());
            assert_eq!(said.code, 6, "{said:?}");
            said.all()
        };
        let (zh, en) = (said("zh"), said("en"));
        assert!(
            zh.contains("“金额”:“很多”不是金额") && zh.contains("文件用 `--file bill=路径` 上传"),
            "{zh}"
        );
        assert!(en.contains("`金额`: `很多` is no money") && en.contains("`--file bill=PATH`"), "{en}");
    }
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

/// What a case of the home that ships would come to, begun at 16:55 on the day before the National Day holiday.
fn dates_of(arguments: &[&str]) -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut command = program();
    command.args(["--home", ".", "--json", "what-if", "--at", "2026-09-30 16:55", "--by", "person:li.na"]);
    let output = command.args(arguments).current_dir(&root).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let said: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let dates = said["dates"].as_array().unwrap().iter().map(|date| {
        let off = if date["off"] == true { " off" } else { "" };
        let text = |key: &str| date[key].as_str().unwrap_or_default().to_owned();
        format!("{} {}{off} {} {}", text("local"), date["workdays"], text("what"), text("step"))
    });
    dates.collect()
}

/// A complaint that comes in at 16:55 on the day before the National Day holiday, 25 minutes after the cut-off: it counts as having
/// come in on October 8th. The 10th is a Saturday that is worked.
#[test]
fn what_if_of_a_fault_before_a_holiday_has_every_date_right() {
    let folder = tempfile::tempdir().unwrap();
    let answers = folder.path().join("answers.toml");
    std::fs::write(
        &answers,
        "repair = { result = 'complex', cause = '主管爆裂' }\ncomplex = { plan = '更换主管', until = '2026-10-30' }\n\
         callback = { satisfied = true }\n",
    )
    .unwrap();
    let dates = dates_of(&[
        "fault-dispatch",
        "--late",
        "--set",
        "caller=李娜",
        "--set",
        "phone=13800000000",
        "--set",
        "address=白沙路119号",
        "--set",
        "area=城南",
        "--set",
        "category=service",
        "--set",
        "matter=态度不好",
        "--answers",
        answers.to_str().unwrap(),
    ]);
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

const CONNECTION: [&str; 5] = [
    "water-connection",
    "--input",
    "workflows/connection/what-if/application.json",
    "--answers",
    "workflows/connection/what-if/answers.json",
];

/// 001-51 to 61 through all their files, each task answered as soon as it is asked. The application of 16:55 is past the cut-off of
/// the 30th, so it counts as of October 8th, the first day after the holiday; the batch of design commissions that takes it is that of
/// the 8th at 16:30. The 10th is a Saturday that is worked. Partners (design, works) have no cut-off; for the water company 16:30 itself
/// is after it, so what follows from the batch counts as of the 9th.
const EVERY_DATE: [&str; 63] = [
    "2026-09-30 16:55 0 begins ",
    // One working day after the 8th.
    "2026-10-09 17:30 2 due review",
    "2026-10-09 17:30 2 tells review.escalate[0]",
    "2026-10-09 17:30 2 due fee",
    "2026-10-09 17:30 2 tells fee.escalate[0]",
    "2026-10-09 17:30 2 due commissioned",
    "2026-10-09 17:30 2 tells commissioned.escalate[0]",
    "2026-10-08 16:30 1 comes commissioned",
    // Five working days after the 8th: 9, 10, 12, 13, 14; two: 9, 10; one: 9.
    "2026-10-13 17:30 5 reminds design/survey.remind[0]",
    "2026-10-14 17:30 6 due design/survey",
    "2026-10-14 17:30 6 tells design/survey.escalate[0]",
    "2026-10-15 17:30 7 tells design/survey.escalate[1]",
    "2026-10-09 17:30 2 reminds design/budget.remind[0]",
    "2026-10-10 17:30 3 due design/budget",
    "2026-10-10 17:30 3 tells design/budget.escalate[0]",
    "2026-10-09 17:30 2 due design/handover",
    "2026-10-09 17:30 2 tells design/handover.escalate[0]",
    // At 16:30 of the 8th, which is of the 9th: one working day after it is the 10th.
    "2026-10-10 15:30 3 reminds informed.remind[0]",
    "2026-10-10 17:30 3 due informed",
    "2026-10-10 17:30 3 tells informed.escalate[0]",
    // Days are counted from the 8th: thirty to November 7th, a Saturday; sixty to December 7th.
    "2026-11-07 24:00 23 off due price",
    "2026-11-07 24:00 23 off tells price.escalate[0]",
    "2026-11-07 24:00 23 off due paid",
    "2026-11-07 24:00 23 off tells paid.escalate[0]",
    "2026-12-07 24:00 44 due road",
    "2026-12-07 24:00 44 tells road.escalate[0]",
    "2026-10-10 15:30 3 reminds order.remind[0]",
    "2026-10-10 17:30 3 due order",
    "2026-10-10 17:30 3 tells order.escalate[0]",
    // Three working days of the works: 9, 10, 12.
    "2026-10-12 17:30 4 due construction/schedule",
    "2026-10-12 17:30 4 tells construction/schedule.escalate[0]",
    // The 20th as agreed; two working days before its end is the end of the 16th, over a weekend.
    "2026-10-16 24:00 8 reminds construction/pipes.remind[0]",
    "2026-10-20 24:00 10 due construction/pipes",
    "2026-10-20 24:00 10 tells construction/pipes.escalate[0]",
    "2026-10-20 24:00 10 due construction/supervise",
    "2026-10-20 24:00 10 tells construction/supervise.escalate[0]",
    "2026-10-22 24:00 12 due construction/household",
    "2026-10-22 24:00 12 tells construction/household.escalate[0]",
    // At the desk of the water company, by its own calendar.
    "2026-10-10 17:30 3 due construction/checked",
    "2026-10-10 17:30 3 tells construction/checked.escalate[0]",
    "2026-10-14 17:30 6 due construction/fit",
    "2026-10-14 17:30 6 tells construction/fit.escalate[0]",
    "2026-10-22 24:00 12 due acceptance[1]/apply",
    "2026-10-22 24:00 12 tells acceptance[1]/apply.escalate[0]",
    "2026-10-10 15:30 3 reminds acceptance[1]/pipes.remind[0]",
    "2026-10-10 17:30 3 due acceptance[1]/pipes",
    "2026-10-10 17:30 3 tells acceptance[1]/pipes.escalate[0]",
    "2026-10-10 15:30 3 reminds acceptance[1]/meters.remind[0]",
    "2026-10-10 17:30 3 due acceptance[1]/meters",
    "2026-10-10 17:30 3 tells acceptance[1]/meters.escalate[0]",
    // Two after the 9th: 10, 12; three: 10, 12, 13.
    "2026-10-12 13:30 4 reminds acceptance[1]/filing.remind[0]",
    "2026-10-12 17:30 4 due acceptance[1]/filing",
    "2026-10-12 17:30 4 tells acceptance[1]/filing.escalate[0]",
    "2026-10-13 17:30 5 due acceptance[1]/card",
    "2026-10-13 17:30 5 tells acceptance[1]/card.escalate[0]",
    "2026-10-13 17:30 5 due acceptance[1]/papers",
    "2026-10-13 17:30 5 tells acceptance[1]/papers.escalate[0]",
    "2026-10-22 24:00 12 due bills",
    "2026-10-22 24:00 12 tells bills.escalate[0]",
    // Ten working days after the 9th: 10, 12 to 16, 19 to 22.
    "2026-10-20 17:30 10 reminds settle.remind[0]",
    "2026-10-22 17:30 12 due settle",
    "2026-10-22 17:30 12 tells settle.escalate[0]",
    "2026-10-08 16:30 1 ends ",
];

#[test]
fn what_if_of_a_connection_before_a_holiday_has_every_date_right_to_its_end() {
    let mut dates = dates_of(&CONNECTION);
    dates.sort();
    let mut expected = EVERY_DATE;
    expected.sort_unstable();
    assert_eq!(dates, expected);
}

/// The same with each task answered at the last instant in time, as far as the order for the works.
#[test]
fn what_if_of_a_connection_at_its_latest_moves_on_by_the_calendar_of_whoever_has_it() {
    let dates = dates_of(&[&CONNECTION[..], &["--late"]].concat());
    for expected in [
        "2026-10-09 17:30 2 due review",
        // Answered after the cut-off of the 9th, so it counts as of the 10th: the next working day is the 12th.
        "2026-10-12 17:30 4 due fee",
        // After the cut-off of the 12th; the next batch is that of the 13th, before its due time on the 14th.
        "2026-10-14 17:30 6 due commissioned",
        "2026-10-13 16:30 5 comes commissioned",
        // 14, 15, 16, 19, 20; then 21, 22; then 23.
        "2026-10-20 17:30 10 due design/survey",
        "2026-10-22 17:30 12 due design/budget",
        "2026-10-23 17:30 13 due design/handover",
        // After the cut-off of Friday the 23rd: of Monday the 26th, so the 27th.
        "2026-10-27 17:30 15 due informed",
        "2026-11-26 24:00 37 due price",
        // Paid on Saturday the 26th, which counts as of Monday: one working day after it.
        "2026-12-26 24:00 58 off due paid",
        "2026-12-29 17:30 60 due order",
    ] {
        assert!(dates.iter().any(|date| date == expected), "{expected}\n{dates:#?}");
    }
}
