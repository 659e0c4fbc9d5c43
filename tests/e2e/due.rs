//! Due times of a running daemon: calendars that change under it, clocks that people stop and move, what is late in lists.

use jiff::civil::{Date, Weekday};
use mailparse::MailHeaderMap as _;
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

const REPAIR: &str = r#"
title = "修管"
owner = "person:wang.wei"
[input]
mail = { label = "客户邮箱", type = "email" }
[step.repair]
title = "修管"
ask = "person:li.na"
due = "4h"
form.result = { label = "结果", type = "text" }
[step.repair.extend]
title = "修管延期"
approve = "person:wang.wei"
form.until = { label = "改到", type = "datetime" }
form.why   = { label = "原因", type = "text" }
use = "email.send"
with.to = "{{ input.mail }}"
with.subject = "修管改期"
with.text = "因{{ why }},改到 {{ until }} 前办完。"
"#;

#[test]
fn more_time_is_asked_for_from_the_command_line_and_once_it_is_granted_the_customer_gets_a_mail() {
    let mut house = House::with("timezone = \"Asia/Shanghai\"\n[tell]\ntasks = false\n");
    house.write(
        "config/people.toml",
        format!("{PEOPLE}[person.\"wang.wei\"]\nname = \"王伟\"\nmail = \"wang.wei@example.com\"\n"),
    );
    house.workflow("repair", REPAIR);
    house.start();
    let run = house.run("repair", &json!({ "mail": "customer@example.com" }));
    let tasks = || house.get(&format!("/api/v1/tasks?run={run}"))["items"].as_array().unwrap().clone();
    let of = |tasks: &[Value], is_repair: bool| {
        tasks.iter().find(|task| (task["title"] == "修管") == is_repair).cloned()
    };
    let repair = until("the task", || of(&tasks(), true));
    let (task, first) = (repair["id"].as_str().unwrap(), repair["due"].clone());
    let ask = |until: &str, by: &str| {
        let fields = ["--set", &format!("until={until}"), "--set", "why=等配件"];
        house.call(&[&["clock", "extend", task, "--by", by, "--lang", "zh"], &fields[..]].concat())
    };
    assert!(ask("2099-12-31T18:00", "person:li.na").ok().out.contains("已申请延期"));
    let grant = until("the question", || of(&tasks(), false));
    assert_eq!((&grant["who"], &of(&tasks(), true).unwrap()["due"]), (&json!(["person:wang.wei"]), &first));
    assert_eq!(house.mails().len(), 0, "nobody is told before it is granted");
    let twice = ask("2099-12-31T19:00", "person:li.na");
    assert!(twice.code != 0, "one at a time: {twice:?}");
    let grant = grant["id"].as_str().unwrap();
    let others = house.call(&["task", "answer", grant, "--by", "person:li.na", "--set", "approved=true"]);
    assert!(others.code != 0, "who asks does not grant: {others:?}");
    house.call(&["task", "answer", grant, "--by", "person:wang.wei", "--set", "approved=true"]).ok();

    let due = until("the new due time", || {
        of(&tasks(), true).map(|task| task["due"].clone()).filter(|due| *due != first)
    });
    assert_eq!(due, "2099-12-31T10:00:00Z");
    let mail = until("the mail", || house.mails().pop());
    let mail = mailparse::parse_mail(&mail).unwrap();
    let to = mail.headers.get_first_value("To").unwrap();
    assert_eq!(to, "customer@example.com");
    let journal = house.call(&["show", &run, "--journal", "--lang", "zh"]).ok().out;
    assert!(
        journal.contains("person:li.na 申请延期 repair → 到 2099-12-31 18:00")
            && journal.contains("person:wang.wei 答复"),
        "{journal}"
    );
    let answered = house.call(&["task", "answer", task, "--by", "person:li.na", "--set", "result=好"]);
    assert_eq!(answered.code, 0, "{answered:?}");
    house.ends(&run, "done");
    assert_eq!(house.mails().len(), 1, "once");
}
