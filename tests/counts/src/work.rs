//! The operations, each set up once and then done as often as is asked.

use std::hint::black_box;

use yizhan_engine::store::{Batch, Change, Store};
use yizhan_store::Sqlite;
use yizhan_workflow::expression::Template;
use yizhan_workflow::id::{Attempt, Millis, RunId};
use yizhan_workflow::run::event::{AttemptResult, Event, Raw, Started};
use yizhan_workflow::run::names::{Names, Standpoint};
use yizhan_workflow::run::state::Run;
use yizhan_workflow::run::{Command, Decision, Now, decide, start};

use crate::Problem;
use crate::house::{INPUT, NOW, chain, world};

/// Something that happens for every step.
pub struct Operation {
    pub name: &'static str,
    pub what: &'static str,
    /// Counted so often: enough that what varies from start to start does not show.
    pub rounds: u32,
    /// How many of it one round does.
    pub each: u32,
    pub set_up: fn() -> Result<Round, Problem>,
}

/// Does it once more.
pub type Round = Box<dyn FnMut() -> Result<(), Problem>>;

/// Calls that go out in one write, and lines in one transaction: as many as a batch of the engine has.
pub(crate) const TOGETHER: u32 = 32;

fn raw(json: &str) -> Result<Raw, Problem> {
    Raw::new(json.to_owned()).ok_or_else(|| "not JSON".into())
}

fn started() -> Result<Started, Problem> {
    let (text, _) = chain()?;
    Ok(Started {
        workflow: text.name.clone(),
        text: text.hash.clone(),
        input: raw(INPUT)?,
        key: None,
        trigger: None,
        by: "operator".into(),
        parent: None,
        origin: None,
    })
}

/// The attempt that a decision starts.
fn begun(decision: &Decision) -> Option<Attempt> {
    decision.commands.iter().find_map(|command| match command {
        Command::Start { of, .. } => Some(*of),
        Command::Stop { .. }
        | Command::OpenTask { .. }
        | Command::CloseTask { .. }
        | Command::StartChild { .. }
        | Command::AskSlot { .. }
        | Command::Listen { .. }
        | Command::StopListening { .. }
        | Command::StopChild { .. } => None,
    })
}

fn with_of(run: &Run, of: Attempt) -> Result<Raw, Problem> {
    let first = run.item(of.item).and_then(|item| item.first.as_ref());
    Ok(first.ok_or("an attempt without an input")?.with.clone())
}

/// One run of the chain, decided to its end.
pub(crate) fn decisions() -> Result<Round, Problem> {
    let ((text, _), world, started) = (chain()?, world(), started()?);
    let mut number = 0;
    Ok(Box::new(move || {
        number += 1;
        let now = Now { world: &world, at: NOW, room: 1_000 };
        let (mut run, mut decision) = start(RunId::from_number(number), &text, &now, started.clone());
        while let Some(of) = begun(&decision) {
            let result = AttemptResult::Done { output: with_of(&run, of)? };
            decision = decide(&mut run, &text, &now, Event::Ended { of, result, took_us: Some(7) })?;
        }
        if run.is_over() { Ok(()) } else { Err("the run is not over".into()) }
    }))
}

/// A text as a mail has it, seen from a run in the middle of its chain.
pub(crate) fn texts() -> Result<Round, Problem> {
    let ((text, _), world) = (chain()?, world());
    let now = Now { world: &world, at: NOW, room: 1_000 };
    let (mut run, decision) = start(RunId::from_number(1), &text, &now, started()?);
    let of = begun(&decision).ok_or("nothing began")?;
    let result = AttemptResult::Done { output: with_of(&run, of)? };
    decide(&mut run, &text, &now, Event::Ended { of, result, took_us: None })?;
    let template = Template::parse(
        "Dear {{ input.who }},\n\nyour case {{ run.id }} ({{ step.s0.text }}) has come to {{ step.s0.said }}.\n\n\
         {{ input.who | upper }}",
    )
    .map_err(|fault| format!("{fault:?}"))?;
    Ok(Box::new(move || {
        let scope = Names::of(&run, &text, &world, NOW, Standpoint::Run);
        let written = black_box(template.text(&scope)?);
        if written.ends_with("WORLD") { Ok(()) } else { Err(format!("not what was meant: {written}").into()) }
    }))
}

/// Lines of the length that the steps of the chain have, of runs that take turns.
pub(crate) fn commits() -> Result<Round, Problem> {
    let folder = tempfile::tempdir()?;
    let mut store = Sqlite::open(&folder.path().join("counts.db"))?;
    let line: Box<[u8]> = vec![b'x'; 420].into();
    let mut turn = 0_u32;
    Ok(Box::new(move || {
        // It goes away with the store.
        let _folder = &folder;
        turn += 1;
        let change = |run: u32| Change {
            run: RunId::from_number(i64::from(run) + 1),
            seq: turn + 1,
            at: Millis(NOW.0 + i64::from(turn)),
            line: line.clone(),
            row: None,
            snapshot: None,
            wake: None,
            tasks: vec![],
            notices: vec![],
            slots: vec![],
            grant: None,
            listeners: vec![],
            start: None,
            tell_parent: None,
            told_by: None,
        };
        let batch = Batch { changes: (0..TOGETHER).map(change).collect(), ..Batch::default() };
        let acks = store.commit(&[batch])?;
        if acks.iter().flatten().all(Result::is_ok) { Ok(()) } else { Err("a line was refused".into()) }
    }))
}

#[cfg(test)]
mod tests {
    use yizhan_workflow::plan::Work;

    use super::*;
    use crate::OPERATIONS;
    use crate::house::STEPS;

    #[test]
    fn every_operation_does_what_it_is_counted_for_as_often_as_it_is_asked() {
        let (text, _) = chain().unwrap();
        assert_eq!(text.steps.len(), usize::from(STEPS));
        assert!(text.steps.iter().all(|step| matches!(step.work, Work::Use { .. })));
        for operation in OPERATIONS {
            let mut round = (operation.set_up)().unwrap();
            for _ in 0..3 {
                round().unwrap();
            }
        }
    }

    #[test]
    fn what_is_allowed_is_said_for_every_operation_and_for_nothing_else() {
        let allowed: std::collections::BTreeMap<String, u64> =
            toml::from_str(include_str!("../allowed.toml")).unwrap();
        let mut names: Vec<&str> = OPERATIONS.iter().map(|operation| operation.name).collect();
        names.sort_unstable();
        assert_eq!(allowed.keys().map(String::as_str).collect::<Vec<_>>(), names);
    }
}
