//! How long decisions take. Not looked at every day: `cargo test --release -p yizhan-workflow pace -- --ignored --nocapture`.
#![expect(clippy::disallowed_methods, reason = "measures")]

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::time::{Duration, Instant};

use super::super::event::{AttemptResult, Event, Raw, Started};
use super::super::{Command, Line, Now, RULES, decide, start};
use super::{MORNING, workflow, world};
use crate::id::{RunId, TextHash};

/// Plays a run to its end; all goes well. How many decisions there were, and what they took with their journal lines.
fn play(toml: &str, input: &str, cancel: bool) -> (u32, Duration) {
    let (text, world) = (workflow(toml), world());
    let started = Started {
        workflow: text.name.clone(),
        text: TextHash("text".into()),
        input: Raw::new(input.to_owned()).unwrap(),
        key: None,
        trigger: None,
        by: "person:li".into(),
        parent: None,
        origin: None,
    };
    let now = Now { world: &world, at: MORNING, room: usize::MAX };
    let output = Raw::new(r#"{"x":1}"#.to_owned()).unwrap();
    let fields = Raw::new("{}".to_owned()).unwrap();
    let began = Instant::now();
    let (mut run, decision) = start(RunId::mint(MORNING, None), &text, &now, started);
    let mut owed: VecDeque<Command> = decision.commands.into();
    let mut decisions = 1;
    while !run.is_over() {
        let event = match owed.pop_front() {
            Some(Command::Start { of, .. }) => {
                let output = output.clone();
                Event::Ended { of, result: AttemptResult::Done { output }, took_us: Some(7) }
            }
            Some(Command::OpenTask { of, .. }) => {
                Event::Answered { of, by: "operator".into(), via: "t".into(), fields: fields.clone() }
            }
            Some(_) => continue,
            None => break,
        };
        let decision = decide(&mut run, &text, &now, event).unwrap();
        decisions += 1;
        let line = Line { rules: RULES, world: 1, event: decision.event, did: decision.did };
        assert!(serde_json::to_string(&line).unwrap().len() > 10);
        owed.extend(decision.commands);
        if cancel && owed.len() == 1 && run.standing.tasks == 1 {
            let reason = "enough".into();
            let event = Event::Cancelled { opening: 1, by: "operator".into(), reason };
            owed = decide(&mut run, &text, &now, event).unwrap().commands.into();
        }
    }
    assert!(run.is_over());
    (decisions, began.elapsed())
}

fn each_of(n: usize, keys: &str, cancel: bool) -> Duration {
    let list: Vec<String> = (0..n).map(|number| format!("{{\"n\":{number}}}")).collect();
    let toml = format!(
        "[input]\nall = {{ type = \"choices\", options = [\"a\"] }}\n\
         [step.a]\neach = \"{{{{ input.all }}}}\"\n{keys}\n[step.z]\nask = \"group:热线\"\n"
    );
    let input = format!("{{\"all\":[{}]}}", list.join(","));
    (0..3).map(|_| play(&toml, &input, cancel).1).min().unwrap()
}

#[test]
#[ignore = "measures time"]
fn twice_the_items_take_about_twice_the_time() {
    let with = "use = \"t.keyed\"\nwith.n = \"{{ item.n }}\"";
    let shapes = [
        ("all at once", with.to_owned(), false),
        ("ten at once", format!("at_once = 10\n{with}"), false),
        ("asked", "ask = \"group:热线\"\ntitle = \"{{ item.n }}\"".to_owned(), false),
        ("skipped", format!("at_once = 1\nwhen = \"item.n < 0\"\n{with}"), false),
        ("taken back", format!("{with}\nundo.use = \"t.keyed\"\nundo.with.n = \"{{{{ item.n }}}}\""), true),
    ];
    for (name, keys, cancel) in shapes {
        let (some, twice) = (each_of(10_000, &keys, cancel), each_of(20_000, &keys, cancel));
        println!("{name}: {some:?} for 10,000 items, {twice:?} for 20,000");
        assert!(twice < some * 3, "{name}: {some:?}, then {twice:?}");
    }
}

#[test]
#[ignore = "measures time"]
fn a_step_of_a_chain_is_decided_in_microseconds() {
    for steps in [10_u32, 1_000] {
        let mut toml = String::new();
        for number in 0..steps {
            write!(toml, "[step.s{number}]\nuse = \"t.keyed\"\nwith.n = \"{{{{ input.n }}}}\"\n").unwrap();
            if number > 0 {
                writeln!(toml, "with.x = \"{{{{ step.s{}.x }}}}\"", number - 1).unwrap();
            }
        }
        let toml = format!("[input]\nn = {{ type = \"whole\" }}\n{toml}");
        let text = (0..if steps == 10 { 300 } else { 5 }).map(|_| play(&toml, "{\"n\":1}", false));
        let least = text.map(|(decisions, took)| took / decisions).min().unwrap();
        println!("{steps} steps: {least:?} for a step");
    }
}
