//! What a test of a workflow finds: small files, played.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde_json::Value as Json;
use yizhan_workflow::calendar::Calendars;
use yizhan_workflow::catalogue::Catalogue;
use yizhan_workflow::definition::{Among, read, read_tests};
use yizhan_workflow::moment::Span;
use yizhan_workflow::people::People;
use yizhan_workflow::plan::{ActionName, Retry, Source};
use yizhan_workflow::problem::Lang;
use yizhan_workflow::run::World;

use super::*;

const PEOPLE: &str = "[person.\"li\"]\nname = \"李\"\nmail = \"li@example.com\"\n[person.\"wang\"]\nname = \"王\"\n\
                      mail = \"wang@example.com\"\n[person.\"chen\"]\nname = \"陈\"\nmail = \"chen@example.com\"\n\
                      [group.\"desk\"]\nmembers = [\"li\"]\n[group.\"crew\"]\nmembers = [\"wang\"]\n";

static WORLD: LazyLock<Arc<World>> = LazyLock::new(|| {
    let mut catalogue = Catalogue::built_in();
    let describe = json!({ "actions": {
        "send": { "effect": "idempotent",
            "input": { "type": "object", "properties": {
                "to": { "type": ["string", "array"], "x-yz": "recipients" },
                "subject": { "type": "string" }, "text": { "type": "string" } } },
            "output": { "type": "object", "properties": { "id": { "type": "string" } } } },
        "call": { "effect": "keyed", "input": { "type": "object" },
            "output": { "type": "object", "properties": { "status": { "type": "integer" } } } },
        "once": { "effect": "once", "input": { "type": "object" }, "output": { "type": "object" } },
    } });
    catalogue.add("mail", &describe.to_string()).unwrap();
    Arc::new(World {
        number: 1,
        calendars: Arc::new(Calendars::built_in(&jiff::tz::TimeZone::UTC)),
        registers: Arc::default(),
        zone: jiff::tz::TimeZone::UTC,
        catalogue: Arc::new(catalogue),
        people: Arc::new(People::read(PEOPLE).unwrap()),
        retry: Retry {
            times: 1,
            first: Span { ms: 10_000 },
            factor: 1.0,
            most: Span { ms: 10_000 },
            jitter: 0.0,
        },
        owner: Some("group:desk".into()),
        url: None,
    })
});

fn workflow(name: &str, toml: &str) -> Arc<Workflow> {
    let text = format!("title = \"t\"\n{toml}");
    let source = Source { name: name.to_owned(), text, files: BTreeMap::new() };
    read(&source, &source.files).unwrap().workflow
}

/// Plays the tests; the first miss, with the line that has it.
fn played(files: &[(&str, &str)], tests: &str) -> Result<(), (String, Box<Miss>)> {
    let all: Vec<Arc<Workflow>> = files.iter().map(|(name, toml)| workflow(name, toml)).collect();
    let others: Vec<String> = files.iter().map(|(name, _)| (*name).to_owned()).collect();
    let among = Among {
        workflow: &all[0],
        catalogue: &WORLD.catalogue,
        people: Some(&WORLD.people),
        registers: None,
        others: &others,
    };
    let read = read_tests(tests, among).unwrap();
    let made_up = BTreeMap::from([("absent".to_owned(), json!({ "number": "‹number›" }))]);
    let refuses = |_: &ActionName, input: &str| {
        let input: Json = serde_json::from_str(input).ok()?;
        (input.get("subject").is_some_and(Json::is_number)).then(|| "/subject: expected a text".to_owned())
    };
    let ground = Ground {
        world: &WORLD,
        refuses: &refuses,
        made_up: &made_up,
        lang: Lang::Zh,
        tells_tasks: true,
        shelf: None,
    };
    let named = |name: &str| all.iter().find(|text| &*text.name == name).cloned();
    for test in &read.tests {
        play(test, Stage { ground, own: &all[0], others: &named })
            .map_err(|failed| (tests[failed.place].to_owned(), failed.miss))?;
    }
    Ok(())
}

#[track_caller]
fn holds(files: &[(&str, &str)], tests: &str) {
    if let Err((line, miss)) = played(files, tests) {
        panic!("{line}\n{miss:?}");
    }
}

#[track_caller]
fn misses(files: &[(&str, &str)], tests: &str) -> (String, Miss) {
    let (line, miss) = played(files, tests).expect_err("a line that does not hold");
    (line, *miss)
}

const DISPATCH: (&str, &str) = (
    "dispatch",
    r#"
[input]
area = { type = "text" }
[step.send]
use = "mail.send"
with.to = "group:crew"
with.subject = "派工 {{ input.area }}"
[step.repair]
title = "修 {{ input.area }}"
ask = "group:crew"
due = "4h"
form.result = { type = "choice", options = ["fixed", "complex"] }
on.result.complex = { back_to = "send", most = 1, then = { go = "cancel:放弃" } }
[step.callback]
needs = ["send"]
ask = "group:desk"
due = { within = "24h", of = "send" }
form.good = { type = "yesno" }
[step.close]
needs = ["repair", "callback"]
use = "mail.call"
with.result = "{{ step.repair.result }}"
[output]
result = "{{ step.repair.result }}"
"#,
);

fn test(play: &str) -> String {
    format!(
        "[[test]]\nname = \"x\"\nat = \"2026-09-30 16:55\"\ninput = {{ area = \"城南\" }}\nplay = [\n{play}\n]\n"
    )
}

#[test]
fn a_case_is_played_with_its_mails_tasks_limits_and_end() {
    holds(
        &[DISPATCH],
        &format!(
            "{}state = \"done\"\noutput = {{ result = \"fixed\" }}\n",
            test(
                r#"{ expect = "mail.send", to = "wang@example.com", subject = "派工 城南" },
                   { expect_none = true },
                   { expect_task = "repair", who = ["group:crew", "person:wang"], title = "修 城南", due = "2026-09-30 20:55" },
                   { expect_due = "repair", at = "4h" },
                   { expect_due = "callback", at = "2026-10-01 16:55" },
                   { claim = "repair" },
                   { expect_task = "repair", claimed = "person:wang" },
                   { answer = "repair", by = "person:wang", with = { result = "fixed" } },
                   { expect_no_task = "repair" },
                   { pass = "24h" },
                   { expect_late = "callback" },
                   { answer = "callback", with = { good = true } },
                   { expect = "mail.call", result = "fixed" },"#
            )
        ),
    );
}

#[test]
fn late_is_at_the_due_instant_and_not_before() {
    holds(
        &[DISPATCH],
        &test(
            "{ until = \"2026-09-30 20:54\" }, { expect_late = \"repair\", is = false }, { pass = \"1min\" }, { expect_late = \"repair\" }",
        ),
    );
    let (line, miss) = misses(&[DISPATCH], &test("{ pass = \"3h\" }, { expect_late = \"repair\" }"));
    assert_eq!(line, "{ expect_late = \"repair\" }");
    let Miss::Differs { all, .. } = miss else { panic!("{miss:?}") };
    assert_eq!(all, [Differs { name: "late".into(), wanted: "true".into(), found: "false".into() }]);
}

#[test]
fn a_call_that_is_not_there_is_shown_with_the_nearest_and_in_what_it_differs() {
    let (line, miss) = misses(
        &[DISPATCH],
        &test("{ expect = \"mail.send\", to = \"group:crew\", subject = \"派工 城北\" }"),
    );
    assert!(line.starts_with("{ expect = "), "{line}");
    let Miss::NoCall { action, near } = miss else { panic!("{miss:?}") };
    assert_eq!((action.as_str(), near.len()), ("mail.send", 1));
    let differs =
        Differs { name: "subject".into(), wanted: "派工 城北".into(), found: "派工 城南".into() };
    assert_eq!(near[0].differs, [differs]);
}

#[test]
fn a_call_is_expected_once_and_the_second_time_there_must_be_a_second() {
    let twice = "{ expect = \"mail.send\" }, { expect = \"mail.send\" }";
    assert!(matches!(misses(&[DISPATCH], &test(twice)).1, Miss::NoCall { near, .. } if near[0].taken));
    let back = format!(
        "{}, {}",
        "{ expect = \"mail.send\" }, { answer = \"repair\", with = { result = \"complex\" } }",
        "{ expect = \"mail.send\" }, { expect_step = \"repair\", round = 2 }"
    );
    holds(&[DISPATCH], &test(&back));
    let times = "{ expect = \"mail.send\", times = 2 }";
    assert!(matches!(misses(&[DISPATCH], &test(times)).1, Miss::Times { wanted: 2, found: 1, .. }));
}

#[test]
fn what_nobody_expected_is_a_miss_where_the_test_is_strict() {
    let strict = test("{ expect_task = \"repair\" }").replace("name = \"x\"", "name = \"x\"\nstrict = true");
    assert!(matches!(misses(&[DISPATCH], &strict).1, Miss::UnexpectedCall { call } if call.step == "send"));
    let expected = strict.replace("{ expect_task", "{ expect = \"mail.send\" }, { expect_task");
    holds(&[DISPATCH], &expected);
}

#[test]
fn an_act_that_must_be_refused_is_and_with_the_reason() {
    let by_li = "{ answer = \"repair\", by = \"person:li\", with = { result = \"fixed\" }";
    holds(&[DISPATCH], &test(&format!("{by_li}, refused = \"not among\" }}")));
    assert!(matches!(misses(&[DISPATCH], &test(&format!("{by_li} }}"))).1, Miss::Refused(_)));
    let other = misses(&[DISPATCH], &test(&format!("{by_li}, refused = \"the moon\" }}"))).1;
    assert!(matches!(other, Miss::OtherReason { .. }));
    let right = "{ answer = \"repair\", with = { result = \"fixed\" }, refused = true }";
    assert!(matches!(misses(&[DISPATCH], &test(right)).1, Miss::NotRefused));
    let bad = "{ answer = \"repair\", with = { result = \"lost\" }, refused = \"result\" }";
    holds(&[DISPATCH], &test(bad));
}

#[test]
fn a_failed_action_rests_and_is_tried_again_as_the_daemon_would() {
    let fake = "{ fake = { \"mail.call\" = { status = 503, times = 1 } } },";
    let play = format!(
        "{fake} {{ answer = \"repair\", with = {{ result = \"fixed\" }} }}, {{ answer = \"callback\", with = {{ good = true }} }},\
         {{ expect = \"mail.call\" }}, {{ expect_none = \"mail.call\" }}, {{ pass = \"10s\" }}, {{ expect = \"mail.call\" }}, {{ expect_state = \"done\" }}"
    );
    holds(&[DISPATCH], &test(&play));
    // Used up, and no line says that the run may fail.
    let (_, miss) = misses(
        &[DISPATCH],
        &test(&play.replace("times = 1", "times = 9").replace(", { expect_state = \"done\" }", "")),
    );
    assert!(matches!(&miss, Miss::RunFailed { error } if error.contains("mail.status_503")), "{miss:?}");
}

#[test]
fn an_input_that_the_plugin_would_refuse_fails_as_in_the_daemon() {
    let file =
        ("one", "[step.a]\nuse = \"mail.send\"\nwith.to = \"group:crew\"\nwith.subject = \"{{ 3 }}\"\n");
    let (_, miss) = misses(&[file], "[[test]]\nname = \"x\"\n");
    assert!(matches!(&miss, Miss::RunFailed { error } if error.contains("plugin.input_invalid")), "{miss:?}");
}

#[test]
fn a_call_takes_its_time_and_its_timeout_ends_it() {
    let file = (
        "slow",
        "[step.a]\nuse = \"mail.call\"\ntimeout = \"5min\"\nretry = { times = 0 }\non_error = \"continue\"\n",
    );
    let takes = |time: &str| {
        format!("[[test]]\nname = \"x\"\nfake = {{ \"mail.call\" = {{ takes = \"{time}\" }} }}\nplay = [")
    };
    holds(
        &[file],
        &format!(
            "{}{{ pass = \"2min\" }}, {{ expect_state = \"open\" }}, {{ pass = \"1min\" }}, {{ expect_state = \"done\" }}]\n",
            takes("3min")
        ),
    );
    holds(
        &[file],
        &format!("{}{{ pass = \"5min\" }}, {{ expect_step = \"a\", state = \"failed\" }}]\n", takes("1h")),
    );
}

#[test]
fn children_are_real_where_they_are_loaded_and_else_what_a_fake_says() {
    let parent =
        ("parent", "[step.pay]\nrun = \"child\"\nwith.n = 3\n[output]\nnumber = \"{{ step.pay.number }}\"\n");
    let child = (
        "child",
        "[input]\nn = { type = \"whole\" }\n[step.sign]\nask = \"group:desk\"\nform.number = { type = \"text\" }\n[output]\nnumber = \"{{ step.sign.number }}\"\n",
    );
    holds(
        &[parent, child],
        "[[test]]\nname = \"x\"\nload = \"child\"\nstate = \"done\"\noutput = { number = \"A7\" }\nplay = [\
         { expect_run = \"child\", input = { n = 3 }, state = \"open\" }, { expect_task = \"pay/sign\" },\
         { answer = \"pay/sign\", by = \"person:li\", with = { number = \"A7\" } }]\n",
    );
    holds(
        &[parent, child],
        "[[test]]\nname = \"x\"\nfake = { child = { number = \"B8\" } }\nstate = \"done\"\noutput = { number = \"B8\" }\nplay = [{ expect_run = \"child\", input = { n = 3 } }]\n",
    );
    holds(
        &[parent, child],
        "[[test]]\nname = \"x\"\nload = \"child\"\nstate = \"cancelled\"\nplay = [{ cancel = \"not wanted\" }, { expect_run = \"child\", state = \"cancelled\" }]\n",
    );
}

#[test]
fn the_same_person_as_before_is_asked_again() {
    let file = (
        "same",
        "[step.repair]\nask = [\"group:desk\", \"group:crew\"]\n[step.close]\nask = { same_as = \"repair\" }\n",
    );
    holds(
        &[file],
        "[[test]]\nname = \"x\"\nstate = \"done\"\nplay = [{ answer = \"repair\", by = \"person:wang\" },\
         { expect_task = \"close\", who = \"person:wang\" }, { answer = \"close\", by = \"person:li\", refused = true },\
         { answer = \"close\", by = \"person:wang\" }]\n",
    );
}

#[test]
fn rounds_inside_a_fan_out_inside_a_child_and_of_the_child_itself_are_each_their_own() {
    let parent = (
        "parent",
        "[step.visits]\nrun = \"child\"\n[step.ok]\nask = \"group:desk\"\nform.good = { type = \"yesno\" }\non.good.no = { back_to = \"visits\", most = 1 }\n[output]\nrounds = \"{{ step.visits.rounds }}\"\n",
    );
    let child = (
        "child",
        "[step.visit]\neach = \"{{ ['a', 'b'] }}\"\n[step.visit.step.send]\nuse = \"mail.send\"\nwith.to = \"group:crew\"\nwith.subject = \"{{ item }}{{ round }}\"\nundo = { use = \"mail.call\", with = { back = \"{{ item }}\" } }\n\
         [step.visit.step.look]\nask = \"group:crew\"\nform.good = { type = \"yesno\" }\non.good.no = { back_to = \"send\", most = 1 }\n[output]\nrounds = \"{{ step.visit.look.round }}\"\n",
    );
    holds(
        &[parent, child],
        "[[test]]\nname = \"x\"\nload = \"child\"\nstate = \"done\"\noutput = { rounds = [1, 1] }\nplay = [\
         { expect = \"mail.send\", subject = \"a1\" }, { expect = \"mail.send\", subject = \"b1\" },\
         { answer = \"visits/visit[0].look\", with = { good = false } },\
         { expect = \"mail.call\", back = \"a\" }, { expect = \"mail.send\", subject = \"a2\" }, { expect_none = true },\
         { answer = \"visits/visit[1].look\", with = { good = true } },\
         { expect_step = \"visits/visit[0]\", state = \"open\" },\
         { answer = \"visits/visit[0].look\", with = { good = true } },\
         { answer = \"ok\", with = { good = false } },\
         { expect = \"mail.send\", subject = \"a1\" }, { expect = \"mail.send\", subject = \"b1\" },\
         { answer = \"visits/visit[0].look\", with = { good = true } },\
         { answer = \"visits/visit[1].look\", with = { good = true } },\
         { expect_none = true }, { answer = \"ok\", with = { good = true } }]\n",
    );
}

#[test]
fn events_reach_who_listens_and_triggers_that_wait_for_them() {
    let file = (
        "order",
        "key = \"{{ input.order }}\"\n[input]\norder = { type = \"text\" }\n[trigger.new]\nevent = \"order.new\"\nwith.order = \"{{ trigger.body.order }}\"\n[step.paid]\nawait = \"paid\"\nwhere = { amount = { from = 10 } }\n[step.tell]\nuse = \"event.publish\"\nwith.name = \"shipped\"\nwith.key = \"{{ input.order }}\"\n",
    );
    holds(
        &[file],
        "[[test]]\nname = \"x\"\nbegins = \"later\"\nplay = [\
         { event = \"order.new\", payload = { order = \"A1\" } }, { event = \"order.new\", payload = { order = \"A2\" } },\
         { event = \"paid\", key = \"A1\", payload = { amount = 5 } }, { expect_step = \"paid\", state = \"open\", case = \"A1\" },\
         { event = \"paid\", key = \"A1\", payload = { amount = 50 } }, { expect_state = \"done\", case = \"A1\" },\
         { expect_event = \"shipped\", key = \"A1\" }, { expect_state = \"open\", case = \"A2\" }]\n",
    );
    let (_, miss) = misses(
        &[file],
        "[[test]]\nname = \"x\"\ninput = { order = \"A1\" }\nplay = [{ expect_event = \"shipped\" }]\n",
    );
    assert!(matches!(miss, Miss::NoEvent { .. }));
}

#[test]
fn items_of_an_each_and_what_holding_steps_hold_have_their_own_paths() {
    let file = (
        "remind",
        "[step.remind]\neach = \"{{ ['a', 'b'] }}\"\n[step.remind.step.flag]\nask = \"group:desk\"\nform.ok = { type = \"yesno\" }\n[step.sent]\neach = \"{{ [1, 2, 3] }}\"\nat_once = 1\nuse = \"mail.call\"\nwith.n = \"{{ item }}\"\n",
    );
    holds(
        &[file],
        "[[test]]\nname = \"x\"\nstate = \"done\"\nplay = [\
         { answer = \"remind[1].flag\", with = { ok = true } }, { expect_step = \"remind[1]\", state = \"done\" },\
         { expect_task = \"remind[0].flag\" }, { expect_no_task = \"remind[1].flag\" },\
         { answer = \"flag\", with = { ok = false } }, { expect = \"mail.call\", n = 2 }, { expect = \"mail.call\", step = \"sent\", times = 3 }]\n",
    );
}

#[test]
fn places_under_a_limit_are_given_as_by_the_daemon() {
    let file = (
        "limited",
        "[step.a]\nask = \"group:desk\"\nlimit = { key = \"crane\", most = 1 }\nform.ok = { type = \"yesno\" }\n",
    );
    holds(
        &[file],
        "[[test]]\nname = \"x\"\nplay = [{ start = {} }, { expect_task = \"a\" }, { expect_no_task = \"a\", of = \"limited\" },\
         { answer = \"a\", with = { ok = true } }, { expect_task = \"a\", of = \"limited\" }]\n",
    );
}

#[test]
fn nobody_knows_whether_it_happened_until_somebody_says_so() {
    let file = ("once", "[step.a]\nuse = \"mail.once\"\n");
    let begin = "[[test]]\nname = \"x\"\nfake = { \"mail.once\" = { lost = true, times = 1 } }\nplay = [{ expect_step = \"a\", state = \"open\" },";
    holds(
        &[file],
        &format!("{begin} {{ settle = \"a\", verdict = \"again\" }}, {{ expect_state = \"done\" }}]\n"),
    );
    let (_, miss) = misses(&[file], &format!("{begin} {{ answer = \"a\" }}]\n"));
    assert!(matches!(&miss, Miss::NoTask { stands, .. } if stands == "unknown"), "{miss:?}");
}

#[test]
fn a_miss_brings_the_journal_before_it() {
    let all = workflow(DISPATCH.0, DISPATCH.1);
    let among =
        Among { workflow: &all, catalogue: &WORLD.catalogue, people: None, registers: None, others: &[] };
    let read = read_tests(&test("{ pass = \"5h\" }, { expect_task = \"close\" }"), among).unwrap();
    let (made_up, refuses) = (BTreeMap::new(), |_: &ActionName, _: &str| None);
    let ground = Ground {
        world: &WORLD,
        refuses: &refuses,
        made_up: &made_up,
        lang: Lang::Zh,
        tells_tasks: true,
        shelf: None,
    };
    let failed = play(&read.tests[0], Stage { ground, own: &all, others: &|_| None }).unwrap_err();
    let lines: Vec<String> =
        failed.around.iter().map(|line| format!("{} {}", line.step, line.word)).collect();
    assert_eq!(lines, [" started", "send call", "send done", "repair task", "callback task", "repair late"]);
}

#[test]
fn what_a_trigger_gathers_is_one_run_at_its_slot_and_nothing_is_none() {
    let file = (
        "daily",
        "[input]\norders = { type = \"whole\" }\n[trigger.shop]\nevent = \"order\"\ngather = \"16:30\"\nwith.orders = \"{{ trigger.items | length }}\"\n[step.a]\nask = \"group:desk\"\nform.ok = { type = \"yesno\" }\n",
    );
    let order = "{ event = \"order\", payload = { n = 1 } }";
    holds(
        &[file],
        &format!(
            "[[test]]\nname = \"x\"\nat = \"2026-09-30 10:00\"\nbegins = \"later\"\nplay = [{order}, {{ pass = \"1h\" }}, {order}, \
             {{ expect_no_run = \"daily\" }}, {{ until = \"2026-09-30 16:30\" }}, {{ expect_run = \"daily\", input = {{ orders = 2 }} }}, \
             {{ answer = \"a\", with = {{ ok = true }} }}, {{ pass = \"48h\" }}, {{ expect_state = \"done\", of = \"daily\" }}]\n"
        ),
    );
}

#[test]
fn a_start_form_that_a_person_completes_is_answered_and_then_there_is_the_case() {
    let file = (
        "letter",
        "[input]\narea = { type = \"text\" }\n[trigger.mail]\nevent = \"letter\"\ncomplete = \"group:desk\"\n[step.a]\nask = \"group:crew\"\nform.ok = { type = \"yesno\" }\n",
    );
    holds(
        &[file],
        "[[test]]\nname = \"x\"\nbegins = \"later\"\nplay = [{ event = \"letter\", payload = {} }, { expect_task = \"form\", who = \"group:desk\" },\
         { answer = \"form\", by = \"person:li\", with = { area = \"城南\" } },\
         { expect_state = \"open\" }, { answer = \"a\", by = \"person:wang\", with = { ok = true } }, { expect_state = \"done\" }]\n",
    );
}

const RUNGS: (&str, &str) = (
    "rungs",
    r#"
due = "3 days"
escalate = [{ at = "+0h", tell = "person:li" }]
[step.repair]
title = "修管"
ask = "group:crew"
due = "4h"
remind = ["-1h"]
escalate = [
  { at = "+0h", tell = "group:desk" },
  { at = "+1h", use = "mail.send", with.to = "boss@example.com", with.subject = "逾期" },
  { at = "+2h", reassign = "group:desk" },
  { at = "+3h", ask = "group:desk", form.why = { type = "text" } },
  { at = "+20h", decide = { result = "complex" } },
]
form.result = { type = "choice", options = ["fixed", "complex"] }
[output]
result = "{{ step.repair.result }}"
"#,
);

#[test]
fn what_due_times_set_off_is_seen_rung_by_rung() {
    let all = r#"[[test]]
name = "nobody answers"
at = "2026-09-30 09:00"
state = "done"
output.result = "complex"
play = [ { expect_tell = "repair", about = "task", to = "person:wang", subject = { contains = "修管" } },
         { expect_no_tell = true }, { pass = "3h" },
         { expect_tell = "repair", about = "reminds", to = "group:crew", subject = { contains = "修管" } },
         { expect_no_tell = "repair", about = "tells_late" }, { pass = "1h" },
         { expect_tell = "repair", about = "tells_late", to = ["person:li"], contains = "li@example.com", times = 1 },
         { pass = "1h" }, { expect = "mail.send", step = "repair.escalate[1]", to = "boss@example.com" },
         { expect_step = "repair.escalate[1]", state = "done" },
         { expect_task = "repair", who = "group:crew" }, { pass = "1h" },
         { expect_task = "repair", who = "group:desk", late = true }, { pass = "1h" },
         { expect_task = "repair.escalate[3]", who = "person:li" },
         { answer = "repair.escalate[3]", by = "person:wang", with = { why = "x" }, refused = true },
         { answer = "repair.escalate[3]", by = "person:li", with = { why = "x" } },
         { expect_no_task = "repair.escalate[3]" }, { expect_task = "repair" },
         { pass = "17h" }, { expect_step = "repair", state = "done", output = { result = "complex" } } ]
"#;
    holds(&[RUNGS], all);
}

#[test]
fn the_files_own_due_time_tells_under_the_name_of_the_run() {
    let test = |at: &str| {
        format!(
            "[[test]]\nname = \"x\"\nplay = [{{ answer = \"repair\", with = {{ result = \"fixed\" }} }},\
             {{ expect_due = \"run\", at = \"3 days\" }}, {{ pass = \"{at}\" }}, {{ expect_tell = \"run\", to = \"person:li\" }}]\n"
        )
    };
    let open = RUNGS.1.replace("[output]", "[step.rest]\nwait = \"30 days\"\n[output]");
    holds(&[("rungs", &open)], &test("4 days"));
    let (_, miss) = misses(&[("rungs", &open)], &test("1 day"));
    assert!(matches!(miss, Miss::NoCall { action, .. } if action == "tell"));
}

#[test]
fn what_is_private_is_told_to_whoever_is_asked_and_not_to_those_who_only_hear_of_it() {
    let raise = (
        "raise",
        r#"
owner = "person:chen"
key = "{{ input.name }} {{ input.phone }}"
[input]
name  = { type = "text" }
phone = { type = "text", private = true }
sum   = { type = "number", private = true }
[step.talk]
title = "加薪 {{ input.sum }} {{ input.phone }}"
ask = "person:wang"
due = "2h"
remind = ["-1h", { at = "-30min", tell = "person:li" }]
escalate = [{ at = "+0h", tell = "group:desk" }, { at = "+1h", tell = "person:chen" }]
"#,
    );
    let test = r#"[[test]]
name = "x"
input = { name = "赵六", phone = "13800000000", sum = 48500 }
play = [ { expect_tell = "talk", about = "task", subject = { contains = "加薪 48500 13800000000 “t”(赵六 ***)" } },
         { pass = "1h" }, { expect_tell = "talk", about = "reminds", subject = { contains = "加薪 48500 13800000000" } },
         { pass = "30min" }, { expect_tell = "talk", about = "reminds", to = "person:li", subject = { contains = "(赵六 ***)“加薪 *** ***”" } },
         { pass = "30min" }, { expect_tell = "talk", about = "tells_late", to = "person:li", subject = { contains = "(赵六 ***)“加薪 *** ***”" } },
         { pass = "1h" }, { expect_tell = "talk", to = "person:chen", about = "tells_late", contains = "(赵六 13800000000)的“加薪 48500 13800000000”" } ]
"#;
    holds(&[raise], test);
    // A case for few says nothing of itself to those who are not among them.
    let few = (raise.0, &*raise.1.replace("owner =", "readers = [\"person:chen\"]\nowner ="));
    let told = r#"[[test]]
name = "x"
input = { name = "赵六", phone = "13800000000", sum = 48500 }
play = [ { pass = "2h" }, { expect_tell = "talk", to = "person:li", subject = "【驿站】超时:“t”“talk”" },
         { pass = "1h" }, { expect_tell = "talk", to = "person:chen", about = "tells_late", contains = "赵六" } ]
"#;
    holds(&[few], told);
}

#[test]
fn people_hand_over_delegate_comment_stop_the_clock_and_move_it() {
    let plain = "owner = \"person:li\"\n[step.repair]\nask = \"group:crew\"\ndue = \"4h\"\nform.result = { type = \"text\" }\n";
    let test = |play: &str| format!("[[test]]\nname = \"x\"\nat = \"2026-09-30 09:00\"\nplay = [{play}]\n");
    let play = r#"
         { comment = "repair", by = "person:wang", text = "在路上" },
         { delegate = "repair", by = "person:wang", to = "person:li" },
         { expect_task = "repair", who = ["person:li", "person:wang"] },
         { pause = "repair", by = "person:wang", reason = "等材料" }, { pass = "2h" },
         { resume = "repair", by = "person:wang" }, { expect_due = "repair", at = "2026-09-30 15:00" },
         { move_due = "repair", to = "2026-10-02 10:00", by = "person:wang", reason = "x", refused = true },
         { move_due = "repair", to = "2026-10-02 10:00", by = "person:li", reason = "客户要求" },
         { expect_due = "repair", at = "2026-10-02 10:00" },
         { hand_over = "repair", by = "person:wang", to = "group:desk", note = "转热线" },
         { answer = "repair", by = "person:wang", with = { result = "fixed" }, refused = true },
         { answer = "repair", by = "person:li", with = { result = "fixed" } }, { expect_state = "done" }"#;
    holds(&[("plain", plain)], &test(play));
    // Whoever answers for the workflow may hand over what is not theirs.
    let (_, miss) = misses(
        &[("plain", plain)],
        &test("{ hand_over = \"repair\", by = \"person:li\", to = \"group:desk\", refused = true }"),
    );
    assert!(matches!(miss, Miss::NotRefused));
}

#[test]
fn more_time_is_asked_for_granted_by_the_head_and_the_customer_is_told() {
    let file = r#"
[step.repair]
ask = "group:crew"
due = "4h"
form.result = { type = "text" }
[step.repair.extend]
approve = "person:li"
form.until = { type = "datetime" }
form.why = { type = "text" }
use = "mail.send"
with.to = "customer@example.com"
"#;
    let test = |play: &str| format!("[[test]]\nname = \"x\"\nat = \"2026-09-30 09:00\"\nplay = [{play}]\n");
    let ask = r#"{ extend = "repair", by = "person:wang", with = { until = "2026-10-08 17:00", why = "等配件" } },"#;
    holds(
        &[("plain", file)],
        &test(&format!(
            r#"{ask} {{ expect_task = "repair.grant", who = "person:li" }}, {{ expect_due = "repair", at = "4h" }},
               {{ answer = "repair.grant", by = "person:li", with = {{ approved = true }} }},
               {{ expect_due = "repair", at = "2026-10-08 17:00" }},
               {{ expect = "mail.send", step = "repair.extend", to = "customer@example.com" }},
               {{ extend = "repair", by = "person:wang", with = {{ until = "2026-10-01 17:00", why = "x" }}, refused = true }}"#
        )),
    );
    holds(
        &[("plain", file)],
        &test(&format!(
            r#"{ask} {{ answer = "repair.grant", with = {{ approved = false, opinion = "不行" }} }},
               {{ expect_due = "repair", at = "4h" }}, {{ expect_none = "mail.send" }}, {{ pass = "4h" }},
               {{ extend = "repair", by = "person:wang", with = {{ until = "2026-10-08 17:00", why = "x" }}, refused = true }}"#
        )),
    );
}

#[test]
fn several_sign_and_each_signature_is_found_by_its_person() {
    let sign = r#"
[step.sign]
ask = ["person:li", "person:wang"]
approve = "all"
on.refused = { go = "fail:no" }
"#;
    let test = |play: &str| format!("[[test]]\nname = \"x\"\nplay = [{play}]\n");
    holds(
        &[("sign", sign)],
        &test(
            r#"{ expect_task = "sign", who = "person:wang" }, { expect_task = "sign[0]", who = "person:li" },
          { answer = "sign", by = "person:wang", with = { approved = true } },
          { answer = "sign", by = "person:wang", with = { approved = true }, refused = true },
          { expect_task = "sign", who = "person:li" }, { expect_step = "sign", state = "open" },
          { answer = "sign", with = { approved = true } },
          { expect_step = "sign", state = "done", outcome = "approved" }, { expect_no_task = "sign" },
          { expect_state = "done" }"#,
        ),
    );
    let (line, _) = misses(
        &[("sign", sign)],
        &test(
            r#"{ answer = "sign", by = "person:wang", with = { approved = true } }, { expect_task = "sign", who = "person:wang" }"#,
        ),
    );
    assert!(line.contains("expect_task"), "{line}");
}

#[test]
fn who_has_read_that_a_run_asks_its_owner_is_told_too() {
    let fails = "[step.a]\nuse = \"mail.call\"\non_error = \"ask\"\n";
    holds(
        &[("fails", fails)],
        "[[test]]\nname = \"x\"\nfake = { \"mail.call\" = { error = \"x.y\" } }\nplay = [\
         { expect_tell = \"a\", about = \"failed\", to = \"group:desk\", contains = \"x.y\" }, { expect_none = \"mail.send\" }]\n",
    );
}

#[test]
fn schedules_come_as_the_clock_goes_over_them_with_their_window() {
    let file = |overlap: &str| {
        format!(
            "[input]\nfrom = {{ type = \"text\" }}\n[trigger.daily]\nschedule = \"30 16 * * *\"\noverlap = \"{overlap}\"\n\
             with.from = \"{{{{ trigger.window.from }}}}\"\n[step.a]\nask = \"group:desk\"\nform.ok = {{ type = \"yesno\" }}\n"
        )
    };
    let test = |play: &str| {
        format!("[[test]]\nname = \"x\"\nat = \"2026-09-30 16:30\"\nbegins = \"later\"\nplay = [{play}]\n")
    };
    let (skip, queue, allow) = (file("skip"), file("queue"), file("allow"));
    // The slot of the very beginning is past.
    let (_, miss) = misses(&[("slots", &skip)], &test("{ pass = \"23h\" }, { expect_run = \"slots\" }"));
    assert!(matches!(miss, Miss::NoRun { .. }));
    let first = "{ pass = \"24h\" }, { expect_run = \"slots\", input = { from = \"2026-09-30T16:30:00Z\" } }";
    let two = "{ pass = \"48h\" }";
    let answer = "{ answer = \"a\", with = { ok = true } }, { expect_state = \"done\" }";
    let second = "{ expect_run = \"slots\", state = \"open\" }";
    holds(&[("slots", &skip)], &test(first));
    // Two slots are over the run of the first: skipped they bring nothing, queued the newest comes once it is over.
    let (_, miss) = misses(&[("slots", &skip)], &test(&format!("{first}, {two}, {answer}, {second}")));
    assert!(matches!(miss, Miss::Differs { .. }), "{miss:?}");
    let newest = "{ expect_run = \"slots\", state = \"open\", input = { from = \"2026-10-01T16:30:00Z\" } }";
    holds(&[("slots", &queue)], &test(&format!("{first}, {two}, {answer}, {newest}")));
    let all = "{ expect_tell = true, about = \"task\", times = 3 }";
    holds(&[("slots", &allow)], &test(&format!("{first}, {two}, {all}")));
}

#[test]
fn a_text_that_is_worked_out_once_is_what_later_steps_send() {
    let file = "[input]\nname = { type = \"text\" }\n\
                [step.letter]\nuse = \"render.text\"\nwith.text = \"{{ input.name }} 您好\"\n\
                [step.send]\nuse = \"mail.send\"\nwith = { to = \"group:crew\", text = \"{{ step.letter.text }}!\" }\n";
    holds(
        &[("letter", file)],
        "[[test]]\nname = \"x\"\ninput = { name = \"李娜\" }\nplay = [{ expect = \"mail.send\", text = \"李娜 您好!\" }]\n",
    );
}

#[test]
fn until_when_a_step_waits_is_said_beside_it() {
    let file = ("rest", "[step.rest]\nwait = \"2h\"\n");
    let until = |time: &str| {
        let play = format!(
            "{{ expect_wait = \"rest\", until = \"2026-09-30 {time}\" }}, {{ until = \"2026-09-30 10:59\" }}, {{ expect_wait = \"rest\", until = \"2026-09-30 {time}\" }}"
        );
        format!("[[test]]\nname = \"x\"\nat = \"2026-09-30 09:00\"\nplay = [{play}]\n")
    };
    holds(&[file], &until("11:00"));
    let (line, _) = misses(&[file], &until("12:00"));
    assert!(line.starts_with("{ expect_wait"), "{line}");
}
