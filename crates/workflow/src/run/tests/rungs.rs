//! Due times and what hangs on them: reminders, rungs, pauses, moved due times.

use super::super::clock::RungDid;
use super::super::event::{Event, Fact};
use super::super::{Line, Now, decide};
use super::{MORNING, Tale, story};
use crate::id::Millis;

const HOUR: i64 = 3_600_000;

const LADDER: &str = r#"
    [step.a]
    title = "派工"
    ask = "group:热线"
    due = "4h"
    form.result = { type = "choice", options = { fixed = "好", late = "没办" } }
    remind = ["-1h", "-5h"]
    escalate = [
      { at = "+0h", tell = "role:班长" },
      { at = "+2h", reassign = "person:wang" },
      { at = "+3h", use = "t.keyed", with = { who = "{{ step.a.late }}" } },
    ]
"#;

fn gap(nobody: &[String]) -> String {
    if nobody.is_empty() { String::new() } else { format!(" (nobody of {})", nobody.join(", ")) }
}

/// What became of the rungs, in the order of the journal.
pub(super) fn fired(tale: &Tale) -> String {
    let mut said = vec![];
    for (at, line) in &tale.lines {
        let line: Line = serde_json::from_str(line).unwrap();
        for fact in line.did {
            if let Fact::Rung { n, rung, did, .. } = fact {
                let what = match did {
                    RungDid::Told { who, nobody } => format!("told {}{}", who.join(", "), gap(&nobody)),
                    RungDid::Reassigned { who, nobody } => {
                        format!("given to {}{}", who.join(", "), gap(&nobody))
                    }
                    RungDid::Decided {} => "decided".to_owned(),
                    RungDid::Begun {} => "begun".to_owned(),
                    RungDid::Dropped {} => "dropped".to_owned(),
                    RungDid::Failed { failure } => format!("failed {}", failure.code),
                };
                said.push(format!("+{}min due{n}/{rung} {what}", (at.0 - MORNING.0) / 60_000));
            } else if let Fact::Clock { set, .. } = fact {
                let due =
                    set.due.map_or("none".to_owned(), |due| format!("+{}min", (due.0 - MORNING.0) / 60_000));
                let dropped = if set.dropped.is_empty() {
                    String::new()
                } else {
                    format!(", dropped {:?}", set.dropped)
                };
                said.push(format!("+{}min {:?} due {due}{dropped}", (at.0 - MORNING.0) / 60_000, set.why));
            } else if let Fact::Late { .. } = fact {
                said.push(format!("+{}min late", (at.0 - MORNING.0) / 60_000));
            }
        }
    }
    said.join("\n")
}

#[test]
fn each_rung_fires_once_at_its_time_and_a_reminder_that_is_past_is_dropped() {
    let mut tale = Tale::begin(LADDER, "{}");
    tale.hear("+3h; +1h; +1h; +1h; +1h; +1h");
    insta::assert_snapshot!(fired(&tale), @r#"
    +0min Opened due +240min, dropped [1]
    +180min due1/0 told group:热线
    +240min late
    +240min due1/2 told role:班长
    +360min due1/3 given to person:wang
    +420min due1/4 begun
    "#);
    insta::assert_snapshot!(tale.told, @r#"
    go -> ask a#1, wake +10800s
    +3h -> wake +3600s
    +1h -> wake +7200s
    +1h -> (echo)
    +1h -> wake +3600s
    +1h -> start a/due1.4#1
    +1h -> (echo)
    "#);
}

#[test]
fn after_a_long_stop_what_is_past_fires_in_the_order_of_time_and_a_reminder_of_what_is_late_is_dropped() {
    let mut tale = Tale::begin(LADDER, "{}");
    tale.hear("+9h");
    insta::assert_snapshot!(fired(&tale), @r#"
    +0min Opened due +240min, dropped [1]
    +540min due1/0 dropped
    +540min late
    +540min due1/2 told role:班长
    +540min due1/3 given to person:wang
    +540min due1/4 begun
    "#);
}

#[test]
fn rungs_that_are_past_when_the_task_opens_fire_at_once_in_order_of_time_then_of_the_file() {
    let tale = Tale::begin(
        r#"
        [step.a]
        ask = "group:热线"
        due = 2020-01-01
        escalate = [
          { at = "+2h", tell = "person:li" },
          { at = "+1h", tell = "role:班长" },
          { at = "+1h", tell = "person:wang" },
        ]
        "#,
        "{}",
    );
    insta::assert_snapshot!(fired(&tale), @r#"
    +0min Opened due +-3625020min
    +0min late
    +0min due1/1 told role:班长
    +0min due1/2 told person:wang
    +0min due1/0 told person:li
    "#);
}

#[test]
fn a_rung_that_decides_answers_the_task_and_the_answer_of_a_person_is_too_late() {
    insta::assert_snapshot!(story(
        r#"
        [step.a]
        ask = "group:热线"
        due = "4h"
        form.ok = { type = "yesno" }
        escalate = [{ at = "+1h", decide = { ok = true } }]
        on.ok.yes = { go = "done:默认同意" }
        "#,
        r#"+5h; a#1 answer by person:li {"ok":false}"#,
    ), @r#"
    go -> ask a#1, wake +14400s
    +5h -> close a#1, => done 默认同意
    a#1 answer by person:li {"ok":false} -> (echo)
    "#);
}

#[test]
fn what_a_rung_decides_must_pass_the_form_else_the_owner_is_asked_and_the_task_stays_open() {
    insta::assert_snapshot!(story(
        r#"
        [step.a]
        ask = "group:热线"
        due = "4h"
        form.n = { type = "whole", max = 3 }
        escalate = [{ at = "+1h", decide = { n = 9 } }]
        "#,
        r#"+5h; a/due1.0 settle again; a/due1.0 settle leave; a answer by person:li {"n":2}"#,
    ), @r#"
    go -> ask a#1, wake +14400s
    +5h -> how a/due1.0#1
    a/due1.0 settle again -> close a/due1.0#1, how a/due1.0#2
    a/due1.0 settle leave -> close a/due1.0#2
    a answer by person:li {"n":2} -> close a#1, => done done
    "#);
}

#[test]
fn a_rung_that_begins_a_step_goes_on_when_its_task_is_over_and_the_run_waits_for_it() {
    insta::assert_snapshot!(story(
        r#"
        [step.a]
        ask = "group:热线"
        due = "4h"
        escalate = [{ at = "+0h", use = "t.keyed" }, { at = "+1h", ask = "role:班长", title = "督办" }]
        "#,
        "+5h; a answer by person:li {}; a/due1.0 fails; +5s; a/due1.0 ok; a/due1.1 answer by person:wang {}",
    ), @r#"
    go -> ask a#1, wake +14400s
    +5h -> start a/due1.0#1, ask a/due1.1#1
    a answer by person:li {} -> close a#1
    a/due1.0 fails -> wake +5s
    +5s -> start a/due1.0#2
    a/due1.0 ok ->
    a/due1.1 answer by person:wang {} -> close a/due1.1#1, => done done
    "#);
}

#[test]
fn when_the_run_is_cancelled_what_rungs_began_is_withdrawn_with_the_rest() {
    insta::assert_snapshot!(story(
        r#"
        [step.a]
        ask = "group:热线"
        due = "4h"
        escalate = [{ at = "+0h", use = "t.keyed" }, { at = "+0h", ask = "role:班长" }]
        "#,
        "+4h; cancel; a/due1.0 ok",
    ), @r#"
    go -> ask a#1, wake +14400s
    +4h -> start a/due1.0#1, ask a/due1.1#1
    cancel -> close a#1, stop a/due1.0#1, close a/due1.1#1
    a/due1.0 ok -> => cancelled told to
    "#);
}

#[test]
fn going_back_over_a_task_withdraws_what_its_rungs_began_and_the_new_round_has_rungs_of_its_own() {
    insta::assert_snapshot!(story(
        r#"
        [step.a]
        ask = "group:热线"
        due = "4h"
        form.ok = { type = "yesno" }
        on.ok.no = { back_to = "a", most = 3 }
        escalate = [{ at = "+0h", ask = "role:班长" }]
        "#,
        r#"+4h; a answer by person:li {"ok":false}; +4h; a answer by person:li {"ok":true}; a/due1.0 answer by person:wang {}"#,
    ), @r#"
    go -> ask a#1, wake +14400s
    +4h -> ask a/due1.0#1
    a answer by person:li {"ok":false} -> close a#1, close a/due1.0#1, ask a@2#1, wake +14400s
    +4h -> ask a@2/due1.0#1
    a answer by person:li {"ok":true} -> close a@2#1
    a/due1.0 answer by person:wang {} -> close a@2/due1.0#1, => done done
    "#);
}

#[test]
fn what_a_rung_began_and_failed_asks_the_owner_again_or_leave() {
    insta::assert_snapshot!(story(
        r#"
        [step.a]
        ask = "group:热线"
        due = "4h"
        escalate = [{ at = "+0h", use = "t.keyed" }]
        "#,
        "+4h; a/due1.0 breaks; a/due1.0 settle skip; a/due1.0 settle again; a/due1.0 breaks; a answer by person:li {}; a/due1.0 settle leave",
    ), @r#"
    go -> ask a#1, wake +14400s
    +4h -> start a/due1.0#1
    a/due1.0 breaks -> how a/due1.0#2
    a/due1.0 settle skip -> (this is not an answer to that question)
    a/due1.0 settle again -> close a/due1.0#2, start a/due1.0#3
    a/due1.0 breaks -> how a/due1.0#4
    a answer by person:li {} -> close a#1
    a/due1.0 settle leave -> close a/due1.0#4, => done done
    "#);
}

#[test]
fn a_reminder_comes_again_and_again_until_the_task_is_late_or_over() {
    let mut tale = Tale::begin(
        r#"
        [step.a]
        ask = "group:热线"
        due = "10h"
        remind = [{ at = "every 4h", tell = "role:班长" }]
        "#,
        "{}",
    );
    tale.hear("+4h; +4h; +4h; +4h");
    insta::assert_snapshot!(fired(&tale), @r#"
    +0min Opened due +600min
    +240min due1/0 told role:班长
    +480min due1/0 told role:班长
    +720min late
    +720min due1/0 dropped
    "#);
}

#[test]
fn a_due_time_that_counts_from_a_step_begins_when_that_step_is_over() {
    let mut tale = Tale::begin(
        r#"
        [step.a]
        use = "t.pure"
        [step.b]
        needs = []
        ask = "group:热线"
        due = { within = "2h", of = "a" }
        remind = ["-1h"]
        "#,
        "{}",
    );
    tale.hear("+5h; a ok; +1h; +1h");
    insta::assert_snapshot!(fired(&tale), @r#"
    +0min Opened due none
    +300min Began due +420min
    +360min due1/0 told group:热线
    +420min late
    "#);
}

const PAUSED: &str = r#"
    [step.a]
    ask = "group:热线"
    due = "4h"
    remind = ["-1h"]
    pause = ["b"]
    [step.b]
    needs = []
    ask = "person:wang"
"#;

#[test]
fn while_a_named_step_is_open_the_clock_stands_and_what_is_to_come_moves_by_as_much() {
    let mut tale = Tale::begin(PAUSED, "{}");
    tale.hear("+2h; b answer by person:wang {}; +3h; +1h");
    insta::assert_snapshot!(fired(&tale), @r#"
    +0min Opened due +240min
    +120min Resumed due +360min
    +300min due1/0 told group:热线
    +360min late
    "#);
    let clock = tale.run.top.steps[0].items[0].clock.as_ref().unwrap();
    assert_eq!(clock.stood.len(), 1);
    assert_eq!(clock.stood[0].file.as_deref(), Some("b"));
    assert_eq!(clock.stood[0].to.0 - clock.stood[0].from.0, 2 * HOUR);
}

#[test]
fn a_fixed_date_does_not_move_and_days_move_by_days() {
    for (due, moved) in [("2026-11-24", 0), ("2 days", 24), ("3h", 25), ("2026-11-25 12:00", 0)] {
        let mut tale = Tale::begin(&format!("[step.a]\nask = \"group:热线\"\ndue = \"{due}\""), "{}");
        let before = tale.run.top.steps[0].items[0].due.unwrap();
        // From 10:00 to 11:00 of the next day.
        tale.hear("+1h; a pause by operator 等客户; +25h; a resume by operator");
        let after = tale.run.top.steps[0].items[0].due.unwrap();
        assert_eq!((after.0 - before.0) / HOUR, moved, "{due}");
    }
}

#[test]
fn a_limit_that_is_worked_out_moves_in_its_own_unit() {
    for (limit, moved) in [("2 days", 24), ("3h", 25)] {
        let file = format!(
            "[let]\nlimit = \"{limit}\"\n[step.z]\nuse = \"t.pure\"\n\
             [step.a]\nask = \"group:热线\"\ndue = {{ within = \"{{{{ limit }}}}\", of = \"z\" }}"
        );
        let mut tale = Tale::begin(&file, "{}");
        tale.hear("z ok");
        let before = tale.run.top.steps[1].items[0].due.unwrap();
        tale.hear("+1h; a pause by operator 等客户; +25h; a resume by operator");
        let after = tale.run.top.steps[1].items[0].due.unwrap();
        assert_eq!((after.0 - before.0) / HOUR, moved, "{limit}");
    }
}

#[test]
fn a_person_stops_a_clock_with_a_reason_and_lets_it_go_on() {
    insta::assert_snapshot!(story(
        "[step.a]\nask = \"group:热线\"\ndue = \"4h\"",
        "a pause by person:li ; a pause by person:li 等客户; a pause by person:li 等客户; +9h; a resume by person:li; a resume by person:li; +4h",
    ), @r#"
    go -> ask a#1, wake +14400s
    a pause by person:li -> (a reason is needed)
    a pause by person:li 等客户 ->
    a pause by person:li 等客户 -> (echo)
    +9h -> (echo)
    a resume by person:li -> wake +14400s
    a resume by person:li -> (echo)
    +4h ->
    "#);
}

#[test]
fn a_due_time_is_moved_with_a_reason_by_whoever_answers_for_the_workflow() {
    let mut tale = Tale::begin(LADDER, "{}");
    tale.hear("a move +9h by person:li 客户同意; a move +9h by person:wang ; a move -1h by person:wang x; +4h; a move +4h by person:wang 客户同意; +3h; +1h; +2h; +1h");
    insta::assert_snapshot!(tale.told, @r#"
    go -> ask a#1, wake +10800s
    a move +9h by person:li 客户同意 -> (`person:li` is not among those who may take this task: person:wang)
    a move +9h by person:wang -> (a reason is needed)
    a move -1h by person:wang x -> (2026-11-23T00:00:00Z is past; a due time can only be moved ahead of now)
    +4h -> wake +7200s
    a move +4h by person:wang 客户同意 -> wake +10800s
    +3h -> wake +3600s
    +1h -> wake +7200s
    +2h -> wake +3600s
    +1h -> start a/due2.4#1
    "#);
    insta::assert_snapshot!(fired(&tale), @r#"
    +0min Opened due +240min, dropped [1]
    +240min due1/0 dropped
    +240min late
    +240min due1/2 told role:班长
    +240min Moved due +480min, dropped [1]
    +420min due2/0 told group:热线
    +480min late
    +480min due2/2 told role:班长
    +600min due2/3 given to person:wang
    +660min due2/4 begun
    "#);
}

#[test]
fn steps_that_hold_steps_and_the_file_itself_have_due_times_and_rungs() {
    let mut tale = Tale::begin(
        r#"
        due = "9h"
        remind = ["-1h"]
        escalate = [{ at = "+0h", use = "t.keyed" }, { at = "+1h", tell = "person:li" }]
        [step.h]
        due = "2h"
        escalate = [{ at = "+0h", tell = "role:班长" }, { at = "+1h", use = "t.pure" }]
        [step.h.step.x]
        ask = "group:热线"
        "#,
        "{}",
    );
    tale.hear("+2h; +1h; h.0/x answer by person:li {}; +7h; h/due1.1 ok; whole/due1.1 ok");
    insta::assert_snapshot!(tale.told, @r#"
    go -> ask h/x#1, wake +7200s
    +2h -> wake +3600s
    +1h -> start h/due1.1#1, wake +18000s
    h.0/x answer by person:li {} -> close h/x#1, wake +18000s
    +7h -> start /due1.1#1
    h/due1.1 ok ->
    whole/due1.1 ok -> => done done
    "#);
    insta::assert_snapshot!(fired(&tale), @r#"
    +0min Opened due +540min
    +0min Opened due +120min
    +120min late
    +120min due1/0 told role:班长
    +180min due1/1 begun
    +600min due1/0 dropped
    +600min late
    +600min due1/1 begun
    +600min due1/2 told person:li
    "#);
}

/// An answer at the very instant of a deadline: whichever is decided first wins, and the other is told that it is over.
#[test]
fn of_an_answer_and_a_deadline_at_the_same_instant_exactly_one_wins() {
    let file = r#"
        [step.a]
        ask = "group:热线"
        due = "4h"
        form.ok = { type = "yesno" }
        escalate = [{ at = "+0h", decide = { ok = false } }]
        on.ok.yes = { go = "done:person" }
        on.ok.no = { go = "done:deadline" }
    "#;
    let begun = Tale::begin(file, "{}");
    let (mut people, mut deadlines) = (0, 0);
    for number in 0..10_000_i64 {
        let mut run = begun.run.clone();
        // From 50 ms before to 50 ms after, the doorbell before or behind the answer.
        let at = Millis(MORNING.0 + 4 * HOUR - 50 + number % 100);
        let of = begun.attempt("a");
        let fields = super::json(r#"{"ok":true}"#);
        let answer = Event::Answered { of, by: "person:li".into(), via: "test".into(), fields };
        let now = Now { world: &begun.world, at, room: 9 };
        let bell_first = number / 100 % 2 == 0;
        // The engine rings for what is due before it takes anything else.
        let due = run.next_timer().is_some_and(|timer| timer.at <= at);
        let mut taken = 0;
        if bell_first || due {
            taken += usize::from(decide(&mut run, &begun.text, &now, Event::Woke {}).is_ok());
        }
        let answered = decide(&mut run, &begun.text, &now, answer).is_ok();
        taken += usize::from(answered);
        if !bell_first {
            taken += usize::from(decide(&mut run, &begun.text, &now, Event::Woke {}).is_ok());
        }
        assert_eq!(taken, 1, "{number}");
        assert!(run.is_over());
        let super::Phase::Over { outcome, .. } = &run.top.phase else { panic!("{:?}", run.top.phase) };
        let in_time = at.0 < MORNING.0 + 4 * HOUR;
        assert_eq!(&**outcome, if in_time { "person" } else { "deadline" }, "{number}");
        assert_eq!(answered, in_time);
        if answered { people += 1 } else { deadlines += 1 }
    }
    assert_eq!((people, deadlines), (5_000, 5_000));
}

/// 2026-11-27 is a Friday; the calendar that comes along is open from 09:00 to 18:00 on weekdays.
#[test]
fn a_step_with_hours_begins_when_they_open_and_its_clock_counts_only_in_them() {
    let name = super::world().calendars.house().name.clone();
    let mut tale = Tale::begin(
        &format!(
            "[step.a]\nuse = \"t.pure\"\n[step.b]\nask = \"group:热线\"\ndue = \"4h\"\nhours = \"{name}\""
        ),
        "{}",
    );
    // Friday 19:00: it rests until Monday 09:00, and is due four open hours later.
    tale.hear("+106h; a ok");
    let wakes = tale.run.next_timer().map(|timer| timer.at.0 - MORNING.0);
    assert_eq!(wakes, Some(7 * 24 * HOUR), "{}", tale.told);
    tale.hear("+62h");
    let due = tale.run.top.steps[1].items[0].due.map(|due| due.0 - MORNING.0);
    assert_eq!(due, Some(7 * 24 * HOUR + 4 * HOUR));
}

#[test]
fn expressions_read_what_a_clock_used_has_left_and_why_it_stood() {
    let mut tale = Tale::begin(
        r#"
        [step.a]
        ask = "group:热线"
        due = "4h"
        [step.b]
        use = "t.keyed"
        with.left = "{{ step.a.clock.left }}"
        with.used = "{{ step.a.clock.used }}"
        with.late = "{{ step.a.clock.late }}"
        with.stands = "{{ step.a.clock.stands }}"
        with.stood = "{{ step.a.clock.stood }}"
        "#,
        "{}",
    );
    tale.hear(
        "+30min; a pause by person:li 等材料; +1h; a resume by person:li; +30min; a answer by person:li",
    );
    let first = tale.run.item(tale.attempt("b").item).unwrap().first.clone().unwrap();
    let with: serde_json::Value = serde_json::from_str(first.with.get()).unwrap();
    // An hour was used, half of it before it stood; the hour in which it stood is not used.
    assert_eq!((&with["used"], &with["left"]), (&serde_json::json!(1), &serde_json::json!(3)));
    assert_eq!((&with["late"], &with["stands"]), (&serde_json::json!(false), &serde_json::json!(false)));
    let stood = serde_json::json!([{
        "by": "person:li", "from": "2026-11-23T09:30:00+08:00", "to": "2026-11-23T10:30:00+08:00", "why": "等材料"
    }]);
    assert_eq!(with["stood"], stood);
}

#[test]
fn what_is_for_nobody_goes_to_the_superior_or_the_owner_and_the_journal_says_so() {
    let mut tale = Tale::begin(
        r#"
        [step.a]
        ask = ["person:gone", "group:热线"]
        due = "4h"
        escalate = [
          { at = "+0h", tell = "role:夜班" },
          { at = "+1h", tell = ["role:夜班", "person:li"] },
          { at = "+2h", reassign = "person:gone" },
          { at = "+3h", reassign = "role:夜班" },
        ]
        [step.b]
        ask = "role:夜班"
        "#,
        "{}",
    );
    let mut people = (*tale.world.people).clone();
    people.roles.insert("夜班".to_owned(), vec![].into());
    let days = crate::people::Days { until: Some(jiff::civil::date(2000, 1, 1)), ..Default::default() };
    let gone = crate::people::Person { days, superior: Some("li".to_owned()), ..Default::default() };
    people.people.insert("gone".to_owned(), gone);
    tale.world.people = std::sync::Arc::new(people);
    tale.hear("+4h; +1h; +1h; +1h");
    insta::assert_snapshot!(fired(&tale), @r"
    +0min Opened due +240min
    +240min late
    +240min due1/0 told role:夜班, person:wang (nobody of role:夜班)
    +300min due1/1 told role:夜班, person:li (nobody of role:夜班)
    +360min due1/2 given to person:gone, person:li (nobody of person:gone)
    +420min due1/3 given to role:夜班, person:wang (nobody of role:夜班)
    ");
    tale.hear("a answer by person:wang {}");
    let asked = tale.run.item(crate::id::StepAt::run(tale.text.main[1]).item(1, 0)).unwrap();
    assert!(
        format!("{:?}", asked.at).contains(r#"who: ["role:夜班", "person:wang"], nobody: ["role:夜班"]"#),
        "{asked:?}"
    );
}

#[test]
fn an_expression_that_finds_nobody_to_tell_goes_to_the_owner_and_the_journal_says_so() {
    let mut tale = Tale::begin(
        r#"
        [step.a]
        ask = "group:热线"
        due = "4h"
        escalate = [
          { at = "+0h", tell = "{{ superior('role:班长') }}" },
          { at = "+1h", tell = ["{{ superior('role:班长') }}", "person:li"] },
          { at = "+2h", reassign = "{{ superior('role:班长') }}" },
        ]
        "#,
        "{}",
    );
    tale.hear("+4h; +1h; +1h");
    insta::assert_snapshot!(fired(&tale), @r"
    +0min Opened due +240min
    +240min late
    +240min due1/0 told person:wang (nobody of {{ superior('role:班长') }})
    +300min due1/1 told person:li (nobody of {{ superior('role:班长') }})
    +360min due1/2 given to person:wang (nobody of {{ superior('role:班长') }})
    ");
}

#[test]
fn the_clock_of_a_step_that_holds_steps_stands_while_one_of_these_is_open() {
    for pause in [r#"["settle"]"#, r#""step.work.settle.state == 'open'""#] {
        let mut tale = Tale::begin(
            &r#"
            [step.work]
            due = "4h"
            pause = PAUSE
            [step.work.step.change]
            ask = "group:热线"
            [step.work.step.settle]
            ask = "group:热线"
            [step.work.step.back]
            ask = "group:热线"
            due = "{{ step.work.due }}"
            "#
            .replace("PAUSE", pause),
            "{}",
        );
        tale.hear("+1h; work/change answer by person:li {}; +3h; work/settle answer by person:li {}");
        let item = crate::id::StepAt::run(tale.text.main[0]).item(1, 0);
        let due = tale.run.item(item).unwrap().due.map(|due| (due.0 - MORNING.0) / HOUR);
        assert_eq!(due, Some(7), "three of seven hours it stood, {pause}: {}", fired(&tale));
        let back = tale.run.item(tale.attempt("work/back").item).unwrap();
        assert_eq!(back.due, tale.run.item(item).unwrap().due, "{pause}: what follows counts from that");
    }
}

#[test]
fn the_clock_of_a_step_stands_while_a_step_two_levels_down_is_open() {
    let mut tale = Tale::begin(
        r#"
        [step.work]
        due = "4h"
        pause = ["settle"]
        [step.work.step.change]
        ask = "group:热线"
        [step.work.step.part]
        each = "{{ [1, 2] }}"
        [step.work.step.part.step.settle]
        ask = "group:热线"
        [step.work.step.back]
        ask = "group:热线"
        "#,
        "{}",
    );
    tale.hear("+1h; work/change answer by person:li {}; +3h");
    let item = crate::id::StepAt::run(tale.text.main[0]).item(1, 0);
    assert!(tale.run.item(item).unwrap().clock.as_ref().unwrap().stands.is_some(), "{}", tale.told);
    tale.hear("work/part.0/settle answer by person:li {}; +1h");
    assert!(tale.run.item(item).unwrap().clock.as_ref().unwrap().stands.is_some(), "the other item is open");
    tale.hear("work/part.1/settle answer by person:li {}");
    let due = tale.run.item(item).unwrap().due.map(|due| (due.0 - MORNING.0) / HOUR);
    assert_eq!(due, Some(8), "four of eight hours it stood: {}", fired(&tale));
}

#[test]
fn the_times_of_a_step_are_those_of_the_house() {
    let mut tale = Tale::begin(
        r#"
        [step.a]
        ask = "group:热线"
        due = "4h"
        [step.b]
        use = "t.keyed"
        with.opened = "{{ step.a.opened | datetime }}"
        with.ended = "{{ step.a.ended | datetime }}"
        with.due = "{{ step.a.due }}"
        with.day = "{{ step.a.ended | date }}"
        with.began = "{{ run.started | datetime }}"
        "#,
        "{}",
    );
    tale.hear("+17h; a answer by person:li {}");
    // It began at nine in the morning; at two in the night another day has begun here, and none in Greenwich.
    assert_eq!(
        tale.with("b"),
        r#"{"opened":"2026-11-23 09:00","ended":"2026-11-24 02:00","due":"2026-11-23T13:00:00+08:00","day":"2026-11-24","began":"2026-11-23 09:00"}"#
    );
}
