//! Due times of a running daemon: calendars that change under it, clocks that people stop and move, what is late in lists.

use jiff::civil::{Date, Weekday};
use serde_json::{Value, json};

use crate::house::{House, until};

const PEOPLE: &str = "[person.\"li.na\"]\nname = \"李娜\"\nmail = \"li.na@example.com\"\n";

const WEEK: &str = "title = \"办公室\"\nyears = \"all\"\ntimezone = \"Asia/Shanghai\"\n[hours]\n\"monday..friday\" = [\"09:00-17:00\"]\n";

const FLOW: &str = "title = \"报修\"\nowner = \"person:li.na\"\ncalendar = \"office\"\n[step.visit]\ntitle = \"上门\"\n\
    ask = \"person:li.na\"\ndue = \"5 workdays\"\nform.ok = { type = \"yesno\" }\n";

fn day(due: &Value) -> Date {
    due.as_str().unwrap()[..10].parse().unwrap()
}

/// The next day of the week's five.
fn next_workday(day: Date) -> Date {
    let next = day.tomorrow().unwrap();
    let is_off = matches!(next.weekday(), Weekday::Saturday | Weekday::Sunday);
    if is_off { next_workday(next) } else { next }
}

#[test]
fn a_holiday_that_is_announced_moves_the_due_times_of_open_runs_and_the_journal_says_from_what_to_what() {
    let mut house =
        House::with("timezone = \"Asia/Shanghai\"\n[reload]\nsettle = \"50ms\"\nrescan = \"500ms\"\n");
    house.write("config/people.toml", PEOPLE);
    house.write("config/calendars/office.toml", WEEK);
    house.workflow("flow", FLOW);
    house.start();
    let run = house.run("flow", &json!({}));
    let first = day(&house.task(&run)["due"]);
    house.write("config/calendars/office.toml", format!("{WEEK}[holidays]\n{first} = \"停电\"\n"));
    let moved = next_workday(first);
    until(&format!("due on {moved}: {}", house.log()), || {
        (day(&house.task(&run)["due"]) == moved).then_some(())
    });
    let journal = house.call(&["show", &run, "--journal", "--lang", "zh"]).ok().out;
    let line = journal.lines().find(|line| line.contains("日历有变")).unwrap_or_else(|| panic!("{journal}"));
    let (from, to) = (line.find(&first.to_string()), line.find(&moved.to_string()));
    assert!(from.is_some() && from < to, "{line}");

    // What was announced stays over a kill; and a day that is taken back is worked again.
    house.kill();
    house.start();
    assert_eq!(day(&house.task(&run)["due"]), moved);
    house.write("config/calendars/office.toml", WEEK);
    until("due on the first day again", || (day(&house.task(&run)["due"]) == first).then_some(()));
    let answer = json!({ "by": "person:li.na", "fields": { "ok": true } });
    let path = format!("/api/v1/tasks/{}/answer", house.task(&run)["id"].as_str().unwrap());
    house.client().post(&path, &answer).unwrap();
    house.ends(&run, "done");
}

#[test]
fn people_stop_and_move_the_clock_of_a_run_from_the_command_line() {
    let mut house = House::with("");
    house.write("config/people.toml", PEOPLE);
    house.workflow(
        "paid",
        "title = \"收款\"\nowner = \"person:li.na\"\ndue = \"8h\"\n[step.paid]\nawait = \"paid\"\nkey = \"A1\"\ndue = \"4h\"\n",
    );
    house.start();
    let run = house.run("paid", &json!({}));
    let line = |words: &[&str]| house.call(&[words, &["--by", "person:li.na", "--lang", "zh"]].concat());
    assert!(
        line(&["clock", "pause", &run, "--step", "paid", "--reason", "银行停机"]).ok().out.contains("已暂停")
    );
    let why = house.call(&["why", &run, "--lang", "zh"]).ok().out;
    assert!(why.contains("李娜 暂停:银行停机") && why.contains("整个流程"), "{why}");
    let again = line(&["clock", "pause", &run, "--step", "paid", "--reason", "银行停机"]);
    assert!(again.code != 0 && again.all().contains("YZ0410"), "{again:?}");
    line(&["clock", "resume", &run, "--step", "paid"]).ok();
    line(&["clock", "move", &run, "2099-12-31", "--reason", "客户同意"]).ok();
    let listed = house.call(&["runs", "--lang", "zh"]).ok().out;
    // A day is due at its end, whatever clock the machine shows.
    assert!(listed.contains("2100-01-01") || listed.contains("2099-12-31"), "{listed}");
    assert!(!house.call(&["runs", "--late"]).ok().out.contains(&run), "it has time");
    let shown = house.call(&["show", &run, "--lang", "zh"]).ok().out;
    assert!(shown.contains("停表") && shown.contains("银行停机"), "{shown}");
    let nowhere = line(&["clock", "pause", &run, "--step", "nowhere", "--reason", "x"]);
    assert!(nowhere.all().contains("没有这样一个正在办、有期限的步骤"), "{nowhere:?}");
}
