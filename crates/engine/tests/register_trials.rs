//! Registers in tests of workflows: the daemon's own code on a store that is gone afterwards.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by them")]

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use yizhan_engine::intake;
use yizhan_engine::rehearsal::house::Ground;
use yizhan_engine::rehearsal::trial::{Miss, Stage, play};
use yizhan_engine::rehearsal::{Answers, rehearse};
use yizhan_store::Memory;
use yizhan_workflow::calendar::Calendars;
use yizhan_workflow::catalogue::Catalogue;
use yizhan_workflow::definition::{Among, read, read_tests};
use yizhan_workflow::id::Millis;
use yizhan_workflow::moment::Span;
use yizhan_workflow::people::People;
use yizhan_workflow::plan::{ActionName, Retry, Source};
use yizhan_workflow::problem::{Lang, render};
use yizhan_workflow::register::Registers;
use yizhan_workflow::run::World;

const REGISTERS: &str = r#"
[register."fines"]
number = "F{year}{month}-{n:03}"
field.card   = { type = "text" }
field.amount = { type = "money" }
field.name   = { type = "text", private = true, required = false }

[register."meters"]
key    = "meter"
number = "M-{n:04}"
field.meter = { type = "text" }
field.state = { type = "text" }

[register."gauges"]
number = "G-{n}"
field.gauge = { type = "text" }
field.valid = { type = "date" }

[sequence."contract"]
number = "HT{year}-{n:04}"
"#;

static WORLD: LazyLock<Arc<World>> = LazyLock::new(|| {
    Arc::new(World {
        number: 1,
        calendars: Arc::new(Calendars::built_in(&jiff::tz::TimeZone::UTC)),
        registers: Arc::new(Registers::read(REGISTERS).unwrap()),
        zone: jiff::tz::TimeZone::UTC,
        catalogue: Arc::new(Catalogue::built_in()),
        people: Arc::new(People::default()),
        retry: Retry { times: 1, first: Span { ms: 1_000 }, ..Retry::NONE },
        owner: None,
        url: None,
    })
});

fn played(toml: &str, tests: &str) -> Result<(), (String, Box<Miss>)> {
    let source =
        Source { name: "story".into(), text: format!("title = \"t\"\n{toml}"), files: BTreeMap::new() };
    let workflow = read(&source, &source.files).unwrap().workflow;
    let among = Among {
        workflow: &workflow,
        catalogue: &WORLD.catalogue,
        people: Some(&WORLD.people),
        registers: Some(&WORLD.registers),
        others: &["story".to_owned()],
    };
    let read = read_tests(tests, among).unwrap_or_else(|problems| {
        let texts = BTreeMap::from([(String::new(), tests.to_owned())]);
        panic!("{}", render(&problems, "story.test.toml", &texts, Lang::En, false))
    });
    let (made_up, refuses) = (BTreeMap::new(), |_: &ActionName, _: &str| None);
    let ground = Ground {
        world: &WORLD,
        refuses: &refuses,
        made_up: &made_up,
        lang: Lang::En,
        tells_tasks: true,
        shelf: Some(&Memory::shelf),
    };
    for test in &read.tests {
        play(test, Stage { ground, own: &workflow, others: &|_| None })
            .map_err(|failed| (tests[failed.place].to_owned(), failed.miss))?;
    }
    Ok(())
}

#[track_caller]
fn holds(toml: &str, tests: &str) {
    if let Err((line, miss)) = played(toml, tests) {
        panic!("{line}\n{miss:?}");
    }
}

#[track_caller]
fn misses(toml: &str, tests: &str) -> Miss {
    *played(toml, tests).expect_err("a line that does not hold").1
}

const FINE: &str = r#"
[input]
card = { type = "text" }
[step.fine]
use = "register.append"
with.register = "fines"
with.entry = { card = "{{ input.card }}", amount = 120.50, name = "Li" }
with.per = ["card"]
with.period = "this year"
[step.second]
when = "step.fine.nth >= 2"
wait = "1 day"
[step.correct]
use = "register.amend"
with.register = "fines"
with.number = "{{ step.fine.number }}"
with.set = { amount = "{{ step.fine.nth * 100 }}" }
[output]
nth = "{{ step.fine.nth }}"
total = "{{ step.fine.total }}"
number = "{{ step.fine.number }}"
"#;

#[test]
fn an_entry_gets_its_number_and_counts_those_that_were_given_before() {
    holds(
        FINE,
        r#"
at = "2026-03-05 10:00"
[[test]]
name = "the first one of a card"
input = { card = "A" }
entries = [{ register = "fines", at = "2026-03-01", with = { card = "B", amount = 1 } }]
state = "done"
output = { nth = 1, total = 1, number = "F202603-002" }
play = [
  { expect_entry = "fines", number = "F202603-002", with = { card = "A", amount = 100, name = "Li" }, times = 1 },
  { expect_entry = "fines", times = 2 },
  { expect_no_entry = "fines", with = { card = "C" } },
  { expect_no_entry = "fines", with = { amount = 120.5 } },
]
[[test]]
name = "the third of this year, and the fifth of all"
input = { card = "A" }
state = "open"
[[test.entries]]
register = "fines"
at = "2025-12-31 12:00"
times = 2
with = { card = "A", amount = 5 }
[[test.entries]]
register = "fines"
at = "2026-03-04"
times = 2
with = { card = "A", amount = 7.10 }
[[test.play]]
expect_step = "fine"
output = { nth = 3, total = 5, number = "F202603-003" }
[[test.play]]
expect_entry = "fines"
with = { card = "A", amount = 7.1 }
times = 2
"#,
    );
}

#[test]
fn what_one_run_writes_the_next_one_finds() {
    holds(
        r#"
[input]
meter = { type = "text" }
[step.seen]
use = "register.find"
with.register = "meters"
with.where = { meter = "{{ input.meter }}" }
[step.out]
when = "step.seen.count == 0"
use = "register.append"
with.register = "meters"
with.entry = { meter = "{{ input.meter }}", state = "out" }
with.only_if = { where = { meter = "{{ input.meter }}" }, fewer = 1 }
[step.again]
when = "step.seen.count == 1"
use = "register.append"
with.register = "meters"
with.entry = { meter = "{{ input.meter }}", state = "back" }
[step.contract]
use = "number.next"
with.sequence = "contract"
[output]
contract = "{{ step.contract.number }}"
"#,
        r#"
[[test]]
name = "out, then back: the card has the latest of the two"
input = { meter = "S1" }
play = [
  { expect_state = "done", output = { contract = "HT2026-0001" } },
  { expect_entry = "meters", with = { meter = "S1", state = "out" }, number = "M-0001", times = 1 },
  { start = { meter = "S1" } },
  { expect_entry = "meters", with = { meter = "S1", state = "back" }, number = "M-0002", times = 1 },
  { expect_entry = "meters", times = 1 },
  { expect_run = "story", output = { contract = "HT2026-0002" } },
]
"#,
    );
}

/// A gauge must be calibrated before it expires: thirty days before June 30th is May 31st, before July 15th June 15th.
#[test]
fn what_expires_is_told_so_many_days_ahead_and_a_corrected_date_moves_it() {
    holds(
        r#"
key = "{{ input.gauge }}"
[input]
gauge = { type = "text" }
[trigger.expiry]
schedule = { register = "gauges", date = "valid", at = "09:00" }
ahead = "30 days"
with.gauge = "{{ entry.gauge }}"
[step.calibrate]
ask = "role:desk"
form.done = { type = "yesno" }
"#,
        r#"
[[test]]
name = "thirty days before"
at = "2026-05-01 08:00"
begins = "later"
entries = [{ register = "gauges", at = "2026-01-05", with = { gauge = "P1", valid = 2026-06-30 } }]
play = [
  { until = "2026-05-31 08:59" },
  { expect_no_run = "story" },
  { until = "2026-05-31 09:00" },
  { expect_run = "story", input = { gauge = "P1" } },
]
[[test]]
name = "calibrated meanwhile"
at = "2026-05-01 08:00"
begins = "later"
entries = [{ register = "gauges", at = "2026-01-05", with = { gauge = "P2", valid = 2026-06-30 } }]
play = [
  { amend = "gauges", number = "G-1", with = { valid = 2026-07-15 }, why = "calibrated" },
  { until = "2026-06-15 08:59" },
  { expect_no_run = "story" },
  { until = "2026-06-15 09:00" },
  { expect_run = "story", input = { gauge = "P2" } },
]
"#,
    );
}

/// The first one looks while it is the only one; the second one sees the first one's task, which was answered late.
#[test]
fn figures_of_runs_and_tasks_are_those_of_the_test() {
    let file = r#"
key = "{{ input.name }}"
[input]
name = { type = "text" }
[step.check]
ask = "role:desk"
due = "2h"
form.ok = { type = "yesno" }
[step.tasks]
use = "query.tasks"
with.where = { workflow = "story" }
with.by = "outcome"
with.show = { n = "count", timely = "share(in_time)" }
[step.runs]
use = "query.runs"
with.show = { n = "count", over = "count(finished)" }
[output]
tasks = "{{ step.tasks.rows }}"
runs = "{{ step.runs.figures }}"
"#;
    let test = |runs: &str| {
        format!(
            r#"
[[test]]
name = "two cases"
at = "2026-03-04 09:00"
input = {{ name = "A" }}
play = [
  {{ pass = "3h" }},
  {{ answer = "check", with = {{ ok = true }} }},
  {{ expect_state = "done", output = {{ runs = {{ n = 1, over = 0 }}, tasks = [{{ outcome = "done", n = 1, timely = 0 }}] }} }},
  {{ start = {{ name = "B" }} }},
  {{ answer = "check", with = {{ ok = true }}, case = "B" }},
  {{ expect_state = "done", case = "B", output = {{ runs = {runs}, tasks = [{{ outcome = "done", n = 2, timely = 0.5 }}] }} }},
]
"#
        )
    };
    holds(file, &test("{ n = 2, over = 1 }"));
    misses(file, &test("{ n = 2, over = 2 }"));
}

#[test]
fn a_condition_that_does_not_hold_writes_nothing_and_is_an_outcome() {
    let file = r#"
[step.take]
use = "register.append"
with.register = "fines"
with.entry = { card = "A", amount = 1 }
with.only_if = { where = { card = "A" }, fewer = 50 }
on.refused = { go = "cancel:enough" }
[step.rest]
wait = "1h"
"#;
    holds(
        file,
        r#"
[[test]]
name = "the fiftieth is taken"
entries = [{ register = "fines", times = 49, with = { card = "A", amount = 1 } }]
state = "open"
play = [{ expect_entry = "fines", times = 50 }]
[[test]]
name = "the fifty-first is not"
entries = [{ register = "fines", times = 50, with = { card = "A", amount = 1 } }]
state = "cancelled"
play = [{ expect_entry = "fines", times = 50 }]
"#,
    );
}

#[test]
fn what_is_taken_back_is_void_and_not_found_any_more() {
    holds(
        r#"
[step.take]
use = "register.append"
with.register = "fines"
with.entry = { card = "A", amount = 1 }
undo.use = "register.void"
undo.with = { register = "fines", number = "{{ step.take.number }}" }
[step.rest]
wait = "1h"
"#,
        r#"
[[test]]
name = "cancelled"
state = "cancelled"
play = [
  { expect_entry = "fines", times = 1 },
  { cancel = "a mistake" },
  { expect_no_entry = "fines" },
]
"#,
    );
}

#[test]
fn taking_back_an_append_that_was_refused_finds_nothing_to_void_or_amend() {
    let amend = r#"undo.use = "register.amend"
undo.with = { register = "fines", number = "{{ step.take.number }}", set = { amount = 0 } }"#;
    let void = r#"undo.use = "register.void"
undo.with = { register = "fines", number = "{{ step.take.number }}" }"#;
    for undo in [amend, void] {
        let file = format!(
            r#"
[step.which]
ask = "starter"
form.card = {{ type = "text" }}
[step.take]
use = "register.append"
with.register = "fines"
with.entry = {{ card = "{{{{ step.which.card }}}}", amount = 1 }}
with.only_if = {{ where = {{ card = "{{{{ step.which.card }}}}" }}, fewer = 1 }}
on.refused = {{ back_to = "which" }}
{undo}
"#
        );
        holds(
            &file,
            r#"
[[test]]
name = "the card that is taken goes back to whoever chose it"
state = "done"
entries = [{ register = "fines", with = { card = "A", amount = 1 } }]
play = [
  { answer = "which", with = { card = "A" } },
  { expect_step = "which", round = 2, state = "open" },
  { answer = "which", with = { card = "B" } },
  { expect_entry = "fines", with = { amount = 1 }, times = 2 },
  { void = "fines", number = "F202601-009", refused = "no entry" },
]
"#,
        );
    }
}

#[test]
fn an_entry_that_is_not_there_is_told_with_those_that_are() {
    let tests = r#"
[[test]]
name = "x"
input = { card = "A" }
entries = [{ register = "fines", with = { card = "B", amount = 3 } }]
play = [{ expect_entry = "fines", with = { card = "A", amount = 7 } }]
"#;
    let Miss::Entry { register, wanted: None, found: 0, count: 2, near } = misses(FINE, tests) else {
        panic!("another miss")
    };
    assert_eq!(register, "fines");
    // The one that differs least comes first: its amount alone is another.
    assert!(near[0].values.contains("\"A\"") && near[0].differs.len() == 1, "{near:?}");
    assert_eq!((near[0].differs[0].name.as_str(), near[0].differs[0].wanted.as_str()), ("amount", "7"));
    assert!(near[1].values.contains("\"B\"") && near[1].differs.len() == 2, "{near:?}");
}

#[test]
fn entries_that_cannot_have_been_there_are_told_at_their_place() {
    for (given, words) in [
        ("at = \"2027-01-01\", with = { card = \"A\", amount = 1 }", "to come"),
        ("with = { card = \"A\", amount = \"many\" }", "amount"),
        ("with = { card = \"A\" }", "amount"),
    ] {
        let tests = format!(
            "[[test]]\nname = \"x\"\ninput = {{ card = \"A\" }}\nentries = [{{ register = \"fines\", {given} }}]\n"
        );
        let (line, miss) = played(FINE, &tests).expect_err("entries that are not taken");
        let (Miss::Unreadable(why) | Miss::Hindered(why)) = *miss else { panic!("another miss") };
        assert!(why.contains(words) && line.starts_with('{'), "{line}: {why}");
    }
}

#[test]
fn what_is_corrected_and_voided_by_hand_is_seen_by_the_next_step() {
    holds(
        r#"
[step.rest]
wait = "1h"
[step.sum]
use = "register.find"
with.register = "fines"
with.show = { total = "sum(amount)", many = "count" }
[output]
total = "{{ step.sum.figures.total }}"
many = "{{ step.sum.figures.many }}"
"#,
        r#"
[[test]]
name = "x"
entries = [{ register = "fines", times = 3, with = { card = "A", amount = 5, name = "Li" } }]
state = "done"
output = { total = 107.5, many = 3 }
play = [
  { append = "fines", with = { card = "B", amount = 2.50 }, by = "operator" },
  { amend = "fines", number = "F202601-001", with = { amount = 100 }, why = "misread" },
  { void = "fines", number = "F202601-002", why = "entered twice" },
  { void = "fines", number = "F202601-002", why = "once more", refused = "void" },
  { append = "fines", with = { card = "B" }, refused = "amount" },
  { erase = "fines", number = "F202601-003", fields = "name", why = "the ten years are over" },
  { expect_entry = "fines", number = "F202601-003", with = { amount = 5, name = { empty = true } }, times = 1 },
  { pass = "1h" },
]
"#,
    );
}

#[test]
fn a_fake_goes_before_the_register() {
    holds(
        FINE,
        r#"
[[test]]
name = "the disk is full for a while"
input = { card = "A" }
fake = { "register.append" = { error = "YZ0327", retry = true, times = 1 } }
play = [
  { expect_no_entry = "fines" },
  { pass = "1min" },
  { expect_entry = "fines", times = 1 },
]
"#,
    );
}

#[test]
fn a_walk_counts_in_registers_of_its_own_and_speaks_of_entries_that_only_the_real_ones_have() {
    let toml = FINE.replace("[output]", "[step.old]\nuse = \"register.void\"\nwith.register = \"fines\"\nwith.number = \"F202501-001\"\n[output]");
    let source =
        Source { name: "story".into(), text: format!("title = \"t\"\n{toml}"), files: BTreeMap::new() };
    let workflow = read(&source, &source.files).unwrap().workflow;
    let now = Millis(1_772_704_800_000); // 2026-03-05
    let prepared = intake::prepare(&workflow, r#"{"card":"A"}"#, None, &WORLD, now).unwrap();
    let answers = Answers { shelf: Some(Memory::shelf), ..Answers::default() };
    let walk = rehearse(&prepared, "operator", &WORLD, now, &answers);
    assert_eq!((walk.stopped, walk.end.state), (None, "done"), "{:?}", walk.told);
    assert_eq!(walk.end.output, Some(serde_json::json!({ "nth": 1, "total": 1, "number": "F202603-001" })));
}
