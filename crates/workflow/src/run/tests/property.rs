//! What is always true of a run (semantics.md 15), for random files in a world that crashes, repeats itself and lies late.
//!
//! `PROPTEST_CASES=200000 cargo test --release` looks longer than the few cases of every day.

mod files;
mod watch;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use proptest::prelude::*;

use super::super::event::{
    AttemptResult, EndState, Event, Failure, Happened, Lost, Question, Raw, Standing, Started, Verdict,
};
use super::super::state::{At, Phase, Run, TaskKind, Want};
use super::super::{Command, Now, PARENT, Refusal, decide, start, wants};
use super::{MORNING, World, world};
use crate::id::{Attempt, Item, Millis, RunId, StepNo, TextHash};
use crate::plan::Workflow;
use files::any_file;
use watch::Watch;

/// What the outside does next: three numbers, read against what the run then wants.
type Move = (u8, u8, u8);

/// A run and the world around it.
struct Life {
    text: Arc<Workflow>,
    world: World,
    run: Run,
    now: Millis,
    watch: Watch,
    /// What was accepted: all of it may come again.
    heard: Vec<Event>,
    /// Whether an attempt that ended without a clear answer had its effect: only the world knows.
    effects: BTreeMap<Item, BTreeSet<u32>>,
    told: Vec<String>,
}

impl Life {
    fn begin(toml: &str) -> Self {
        let (text, world) = (super::workflow(toml), world());
        let started = Started {
            workflow: text.name.clone(),
            text: TextHash("text".into()),
            input: Raw::new("{}".to_owned()).unwrap(),
            key: None,
            trigger: None,
            by: "person:li".into(),
            parent: None,
            origin: None,
        };
        let now = Now { world: &world, at: MORNING, room: usize::MAX };
        let (run, decision) = start(RunId::mint(MORNING, None), &text, &now, started);
        let mut watch = Watch::new();
        watch.decided(&run, &text, &decision, &BTreeMap::new());
        let told = vec![format!("{toml}\ngo -> {:?}", decision.did)];
        Self { text, world, run, now: MORNING, watch, heard: vec![], effects: BTreeMap::new(), told }
    }

    /// Decides an event as the engine does: the clock speaks first. True if it was accepted.
    fn hear(&mut self, event: Event, room: usize) -> bool {
        // The engine's clock may fall back; a run's never does.
        let at = self.now.max(self.run.last);
        if self.run.next_timer().is_some_and(|timer| timer.at <= at) && event != (Event::Woke {}) {
            assert!(self.decide(Event::Woke {}, room), "a timer was due and did not fire");
        }
        self.decide(event, room)
    }

    fn decide(&mut self, event: Event, room: usize) -> bool {
        let before = self.run.clone();
        let wanted = by_item(&before);
        let now = Now { world: &self.world, at: self.now, room };
        self.told.push(format!("{event:?} at +{}", self.now.0 - MORNING.0));
        match decide(&mut self.run, &self.text, &now, event) {
            Err(refusal) => {
                assert!(!matches!(refusal, Refusal::Impossible(_)), "{refusal}");
                assert_eq!(self.run, before, "a refused event changed the run");
                self.told.push(format!("   ({refusal})"));
                false
            }
            Ok(decision) => {
                self.told.push(format!("   {:?}", decision.did));
                self.watch.decided(&self.run, &self.text, &decision, &wanted);
                self.note_truth(&decision.event);
                self.check_end();
                self.doubled(decision.event.clone(), room);
                self.heard.push(decision.event);
                true
            }
        }
    }

    /// The same once more changes nothing.
    fn doubled(&mut self, event: Event, room: usize) {
        if matches!(event, Event::Joined { .. }) {
            return; // Told apart by the id of the message, which is not the run's business.
        }
        let before = self.run.clone();
        let again = decide(&mut self.run, &self.text, &Now { world: &self.world, at: self.now, room }, event);
        assert!(again.is_err(), "an echo was taken: {:?}", again.unwrap());
        assert_eq!(self.run, before, "an echo changed the run");
    }

    fn note_truth(&mut self, event: &Event) {
        if let Event::Ended { of, result: AttemptResult::Done { .. }, .. } = event {
            self.note_effect(*of);
        }
    }

    /// What is `pure` has no effect that could stand.
    fn note_effect(&mut self, of: Attempt) {
        if !watch::uses(&self.text, of.item, "pure") {
            self.effects.entry(of.item).or_default().insert(of.attempt);
        }
    }

    /// At a bad end nothing stands that happened and can be taken back, unless a person left it.
    fn check_end(&self) {
        let Phase::Over { state, .. } = &self.run.top.phase else { return };
        if *state == EndState::Done {
            return;
        }
        for item in self.effects.keys().filter(|item| !item.is_beside()) {
            if self.text.step(item.step).undo.is_some() {
                assert!(self.watch.is_undone(&self.text, *item), "{item:?} happened and stands");
            }
        }
    }

    fn happened(&self, item: Item) -> bool {
        self.effects.contains_key(&item)
    }

    fn act(&mut self, (what, which, how): Move) {
        let room = usize::from(how >> 6);
        let standing = wants(&self.run);
        match what % 16 {
            0..=8 if !standing.is_empty() => {
                let command = standing[usize::from(which) % standing.len()];
                self.answer(command, how, room);
            }
            9 => {
                let back = i64::from(which) * 60_000;
                self.now = self.now.plus(if how & 1 == 0 { back } else { -back });
                self.hear(Event::Woke {}, room);
            }
            10 | 0..=8 => {
                if let Some(timer) = self.run.next_timer() {
                    self.now = self.now.max(timer.at);
                    assert!(self.hear(Event::Woke {}, room), "a timer did not fire");
                }
            }
            11 => {
                let reason = "told to".into();
                self.hear(
                    Event::Cancelled { opening: self.run.top.opening, by: "operator".into(), reason },
                    room,
                );
            }
            12 => {
                let step = StepNo(u16::from(which) % u16::try_from(self.text.steps.len()).unwrap());
                let from = (how & 1 == 1).then_some(step);
                self.hear(Event::Retried { opening: self.run.top.opening, by: PARENT.into(), from }, room);
            }
            13 => self.restart(how, room),
            14 => self.late(which, how, room),
            _ if self.heard.is_empty() => {}
            _ => {
                let event = self.heard[usize::from(which) % self.heard.len()].clone();
                // A person may claim again what was given back; the rest can be true but once.
                let again = matches!(
                    event,
                    Event::Claimed { .. }
                        | Event::Released { .. }
                        | Event::HandedOver { .. }
                        | Event::Paused { .. }
                        | Event::Resumed { .. }
                        | Event::DueMoved { .. }
                        | Event::Woke {}
                );
                assert!(!self.hear(event, room) || again, "an old event was taken");
            }
        }
    }

    /// The daemon stops and starts: whatever ran is lost, and all is handed out again.
    fn restart(&mut self, how: u8, room: usize) {
        for command in wants(&self.run) {
            if let Command::Start { of, .. } | Command::Stop { of } = command {
                let begun = !matches!(command, Command::Start { begun: false, .. });
                if begun && how & 1 == 1 {
                    self.note_effect(of);
                }
                self.hear(ended(of, lost(Lost::Restart)), room);
            }
        }
    }

    /// An answer of an attempt that was given up long ago.
    fn late(&mut self, which: u8, how: u8, room: usize) {
        let attempts: Vec<Attempt> = self.watch.issued().copied().collect();
        if attempts.is_empty() {
            return;
        }
        let of = attempts[usize::from(which) % attempts.len()];
        let happened = self.effects.get(&of.item).is_some_and(|all| all.contains(&of.attempt));
        if happened {
            self.hear(ended(of, AttemptResult::Done { output: output(how) }), room);
        } else if self.run.item(of.item).is_none_or(|state| state.attempt() != Some(of.attempt)) {
            assert!(!self.hear(ended(of, lost(Lost::Killed)), room), "a late answer was taken");
        }
    }

    fn answer(&mut self, command: Command, how: u8, room: usize) {
        match command {
            Command::Start { of, begun: false } if how & 3 != 0 => {
                self.hear(Event::Begun { of }, room);
            }
            Command::Start { of, begun } => {
                let result = self.result(of, begun, how);
                self.hear(ended(of, result), room);
            }
            Command::Stop { of } => {
                let result = self.result(of, true, how);
                self.hear(ended(of, result), room);
            }
            Command::OpenTask { of, kind } => self.settle(of, kind, how, room),
            Command::AskSlot { of } => {
                self.hear(Event::SlotGranted { of }, room);
            }
            Command::Listen { of } => {
                let id = format!("e{}", how % 16).into();
                self.hear(Event::EventTaken { of, id, payload: output(how) }, room);
            }
            Command::StartChild { of, child } if how & 64 == 0 && self.is_detached(of) => {
                self.hear(Event::ChildStarted { of, child }, room);
            }
            Command::StartChild { of, child } | Command::StopChild { of, child } => {
                let state = [EndState::Done, EndState::Done, EndState::Failed, EndState::Cancelled]
                    [usize::from(how % 4)];
                let outcome = Some(if how & 4 == 0 { "done" } else { "other" }.into());
                self.hear(Event::ChildEnded { of, child, state, outcome, output: Some(output(how)) }, room);
            }
            Command::CloseTask { .. } | Command::StopListening { .. } => {}
        }
    }

    fn is_detached(&self, of: Attempt) -> bool {
        let step = self.text.step(of.item.step);
        !of.item.is_beside() && matches!(step.work, crate::plan::Work::Run { detach: true, .. })
    }

    fn result(&mut self, of: Attempt, begun: bool, how: u8) -> AttemptResult {
        let mut effect = begun && how & 16 != 0;
        let result = match how % 8 {
            0..=2 if begun => {
                effect = true;
                AttemptResult::Done { output: output(how) }
            }
            0..=3 => {
                effect = false;
                failed(how & 32 == 0, Happened::No)
            }
            4 if begun => failed(how & 32 == 0, Happened::Maybe),
            5 if begun => {
                effect = true;
                failed(how & 32 == 0, Happened::Yes)
            }
            6 => lost(Lost::Restart),
            _ => lost(if how & 64 == 0 { Lost::Crash } else { Lost::Killed }),
        };
        if effect {
            self.note_effect(of);
        }
        result
    }

    /// People say what is true of what happened; else they say anything.
    fn settle(&mut self, of: Attempt, kind: TaskKind, how: u8, room: usize) {
        let by: Arc<str> = if how & 64 == 0 { "person:li" } else { "person:wang" }.into();
        let via: Arc<str> = "test".into();
        let event = match (kind, how % 8) {
            (TaskKind::Asked, 0..=3) if self.run.choice(of).is_some() => {
                Event::Assigned { of, to: (how & 24 != 24).then_some(by) }
            }
            (TaskKind::Asked, 0..=4) => {
                Event::Answered { of, by, via, fields: self.fields(of, how & 8 == 0) }
            }
            (TaskKind::Asked, 5) => {
                Event::Answered { of, by, via, fields: Raw::new("{\"ok\":\"x\"}".into()).unwrap() }
            }
            // Stops its clock, lets it go on, gives it another due time.
            (TaskKind::Asked, 6) if how & 16 == 0 => {
                let reason: Arc<str> = "so".into();
                match how >> 5 & 3 {
                    0 => Event::Paused { of, by, via, reason },
                    1 => Event::Resumed { of, by, via, reason },
                    _ => Event::DueMoved { of, to: self.now.plus(5_400_000), by, via, reason },
                }
            }
            (TaskKind::Asked, 6) => Event::Claimed { of, by, via },
            (TaskKind::Asked, _) if how & 16 == 0 => {
                let to = vec![if how & 32 == 0 { "person:li" } else { "role:班长" }.to_owned()];
                Event::HandedOver { of, by, via, to, note: None, delegate: how & 8 == 0 }
            }
            (TaskKind::Asked, _) => Event::Released { of, by, via },
            (TaskKind::Unknown, _) if self.happened(of.item) => {
                Event::Settled { of, by, via, verdict: Verdict::Happened { values: output(how) } }
            }
            (TaskKind::Unknown, 0..=3) | (TaskKind::Asking, 0..=2) => {
                Event::Settled { of, by, via, verdict: Verdict::Again {} }
            }
            (TaskKind::Unknown, _) | (TaskKind::Asking, 3) => {
                Event::Settled { of, by, via, verdict: Verdict::Fail {} }
            }
            (TaskKind::Asking, 4 | 5) => {
                Event::Settled { of, by, via, verdict: Verdict::Skip { values: output(how) } }
            }
            (TaskKind::Asking, _) => Event::Settled { of, by, via, verdict: Verdict::Leave {} },
        };
        self.hear(event, room);
    }

    /// Of a signature it is said whether it approves.
    fn fields(&self, of: Attempt, ok: bool) -> Raw {
        let signs = !of.item.is_beside() && self.text.step(of.item.step).approve().is_some();
        let fields =
            if signs { format!("{{\"ok\":true,\"approved\":{ok}}}") } else { format!("{{\"ok\":{ok}}}") };
        Raw::new(fields).unwrap()
    }

    fn may_skip(&self, of: Attempt) -> bool {
        let asks = self.run.item(of.item).map(|state| &state.at);
        matches!(asks, Some(At::Is(Standing::Asking { why, .. })) if matches!(**why, Question::Failed { .. }))
    }

    /// A world in which all goes well brings every run to its end.
    fn end_well(&mut self) {
        for _ in 0..3_000 {
            if self.run.is_over() {
                return;
            }
            let Some(command) = wants(&self.run).first().copied() else {
                let timer = self.run.next_timer();
                self.now = self.now.max(timer.unwrap_or_else(|| panic!("the run waits for nothing")).at);
                assert!(self.hear(Event::Woke {}, usize::MAX), "a timer did not fire");
                continue;
            };
            let taken = match command {
                Command::Start { of, begun: false } => self.hear(Event::Begun { of }, usize::MAX),
                Command::Start { of, .. } => {
                    self.hear(ended(of, AttemptResult::Done { output: output(0) }), usize::MAX)
                }
                Command::Stop { of } => self.hear(ended(of, failed(true, Happened::No)), usize::MAX),
                Command::OpenTask { of, kind: TaskKind::Asked } => {
                    let fields = self.fields(of, true);
                    self.hear(
                        Event::Answered { of, by: "operator".into(), via: "test".into(), fields },
                        usize::MAX,
                    )
                }
                Command::OpenTask { of, kind } => {
                    let verdict = match kind {
                        TaskKind::Unknown if self.happened(of.item) => {
                            Verdict::Happened { values: output(0) }
                        }
                        TaskKind::Unknown => Verdict::Again {},
                        TaskKind::Asking if self.may_skip(of) => Verdict::Skip { values: output(0) },
                        TaskKind::Asked | TaskKind::Asking => Verdict::Leave {},
                    };
                    self.hear(
                        Event::Settled { of, by: "person:wang".into(), via: "test".into(), verdict },
                        usize::MAX,
                    )
                }
                Command::AskSlot { of } => self.hear(Event::SlotGranted { of }, usize::MAX),
                Command::Listen { of } => {
                    let id = format!("end{}", self.told.len()).into();
                    self.hear(Event::EventTaken { of, id, payload: output(0) }, usize::MAX)
                }
                Command::StartChild { of, child } | Command::StopChild { of, child } => {
                    let (state, outcome) = (EndState::Done, Some("done".into()));
                    self.hear(Event::ChildEnded { of, child, state, outcome, output: None }, usize::MAX)
                }
                Command::CloseTask { .. } | Command::StopListening { .. } => true,
            };
            assert!(taken || self.run.is_over() || self.watch.moved(), "what the run wanted was refused");
        }
        panic!("the run does not come to an end");
    }
}

fn ended(of: Attempt, result: AttemptResult) -> Event {
    Event::Ended { of, result, took_us: None }
}

fn lost(how: Lost) -> AttemptResult {
    AttemptResult::Lost { how, message: "".into() }
}

fn failed(retry: bool, happened: Happened) -> AttemptResult {
    let (code, message) = ("t.failed".into(), "no".into());
    AttemptResult::Failed(Failure { code, message, retry, retry_after_ms: None, happened })
}

/// What files read: a truth, a number to divide by, a list, a kind.
fn output(how: u8) -> Raw {
    let json = match how / 8 % 8 {
        0..=2 => r#"{"fine":true,"zero":1,"list":[1,2],"kind":"good"}"#,
        3 => r#"{"fine":false,"zero":1,"list":[],"kind":"bad"}"#,
        4 => r#"{"fine":true,"zero":0,"list":7,"kind":"bad"}"#,
        5 => r#"{"fine":false,"zero":1,"list":[null,3,4],"kind":"good"}"#,
        6 => r#"{"fine":true,"zero":1,"list":[1],"kind":"bad"}"#,
        _ => "null",
    };
    Raw::new(json.to_owned()).unwrap()
}

/// What each item wants.
fn by_item(run: &Run) -> BTreeMap<Item, Want> {
    run.standing_items()
        .map(|(item, state)| (item, state.want()))
        .filter(|(_, want)| *want != Want::Nothing)
        .collect()
}

fn any_moves() -> impl Strategy<Value = Vec<Move>> {
    prop::collection::vec(any::<Move>(), 0..40)
}

/// `PROPTEST_CASES` asks for more cases than those of every day.
fn config() -> ProptestConfig {
    ProptestConfig { failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn whatever_the_world_does_a_run_keeps_its_promises_and_comes_to_an_end(
        toml in any_file(),
        moves in any_moves(),
    ) {
        let told = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| Life::begin(&toml)));
        let mut life = told.map_err(|cause| TestCaseError::fail(format!("{}\n{toml}", said(&*cause))))?;
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            moves.iter().for_each(|what| life.act(*what));
            life.end_well();
        }));
        if let Err(cause) = outcome {
            return Err(TestCaseError::fail(format!("{}\n{}", said(&*cause), life.told.join("\n"))));
        }
    }
}

fn said(cause: &(dyn std::any::Any + Send)) -> String {
    let text = cause.downcast_ref::<String>().cloned();
    text.or_else(|| cause.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap_or_default()
}
