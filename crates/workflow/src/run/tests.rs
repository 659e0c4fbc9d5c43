//! Stories about runs: a file, what happens, and what the world then owes. `Tale` is the only place that knows the API.

mod acts;
mod again;
mod approve;
mod back;
mod bounds;
mod choosing;
mod closing;
mod flow;
mod forms;
mod migration;
mod more_time;
mod outsiders;
mod pace;
mod people;
mod property;
mod rungs;
mod scopes;
mod sight;
mod trouble;
mod waiting;

use std::collections::BTreeMap;
use std::sync::Arc;

use super::clock::WHOLE;
use super::event::{AttemptResult, EndState, Event, Failure, Happened, Lost, Raw, Started, Verdict};
use super::names::state_word;
use super::state::{Phase, Run, TaskKind};
use super::{Command, Decision, Line, Now, PARENT, RULES, Refusal, World, decide, start, wants};
use crate::catalogue::{Action, Catalogue};
use crate::definition;
use crate::id::{Attempt, DueRung, Item, Millis, RunId, ScopeNo, StepAt, TextHash};
use crate::moment::Span;
use crate::people::{People, Person};
use crate::plan::{ActionName, Effect, Retry, Source, Workflow};

/// 2026-11-23 09:00 in Shanghai, a Monday.
pub(super) const MORNING: Millis = Millis(1_795_395_600_000);

/// Four actions, one of each class.
fn catalogue() -> Catalogue {
    let action = |name: &str, effect| {
        let full = ActionName { plugin: "t".into(), action: name.into() };
        let action = Action {
            name: full.clone(),
            summary: String::new(),
            effect,
            timeout_ms: None,
            outcome: None,
            input: serde_json::json!({}),
            output: serde_json::json!({}),
        };
        (full.to_string(), Arc::new(action))
    };
    Catalogue {
        actions: BTreeMap::from([
            action("pure", Effect::Pure),
            action("idem", Effect::Idempotent),
            action("keyed", Effect::Keyed),
            action("once", Effect::Once),
        ]),
    }
}

fn house() -> People {
    let person = |name: &str| Person { name: name.to_owned(), ..Person::default() };
    People {
        people: BTreeMap::from([("li".to_owned(), person("李娜")), ("wang".to_owned(), person("王伟"))]),
        groups: BTreeMap::from([("热线".to_owned(), vec!["li".to_owned()])]),
        roles: BTreeMap::from([("班长".to_owned(), vec!["wang".to_owned()].into())]),
        ..People::default()
    }
}

pub(super) fn world() -> World {
    World {
        number: 1,
        zone: jiff::tz::TimeZone::get("Asia/Shanghai").unwrap(),
        registers: Arc::default(),
        catalogue: Arc::new(catalogue()),
        people: Arc::new(house()),
        calendars: Arc::new(crate::calendar::Calendars::built_in(
            &jiff::tz::TimeZone::get("Asia/Shanghai").unwrap(),
        )),
        retry: Retry {
            times: 2,
            first: Span { ms: 5_000 },
            factor: 3.0,
            most: Span { ms: 600_000 },
            jitter: 0.0,
        },
        owner: Some("person:wang".into()),
        url: None,
    }
}

#[track_caller]
pub(super) fn workflow(toml: &str) -> Arc<Workflow> {
    let source =
        Source { name: "story".into(), text: format!("title = \"t\"\n{toml}"), files: BTreeMap::new() };
    match definition::read(&source, &source.files) {
        Ok(read) => read.workflow,
        Err(problems) => panic!("the story's file has faults: {problems:#?}"),
    }
}

/// One run and everything that happened to it.
pub(super) struct Tale {
    pub text: Arc<Workflow>,
    pub world: World,
    pub run: Run,
    pub now: Millis,
    pub room: usize,
    /// The journal, as it would be stored.
    pub lines: Vec<(Millis, String)>,
    pub told: String,
}

impl Tale {
    #[track_caller]
    pub(super) fn begin(toml: &str, input: &str) -> Self {
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
        let id = RunId::mint(MORNING, None);
        let (run, decision) =
            start(id, &text, &Now { world: &world, at: MORNING, room: usize::MAX }, started);
        let mut tale =
            Self { text, world, run, now: MORNING, room: usize::MAX, lines: vec![], told: String::new() };
        tale.tell("go", &decision);
        tale
    }

    /// Tells what happened: one event per line.
    #[track_caller]
    pub(super) fn hear(&mut self, events: &str) -> &mut Self {
        for word in events.split(';').map(str::trim).filter(|word| !word.is_empty()) {
            match self.happen(word) {
                Ok(decision) => self.tell(word, &decision),
                Err(refusal) => self.tell_refusal(word, &refusal),
            }
        }
        self
    }

    /// An event that was written down before is delivered now.
    #[track_caller]
    fn happen_again(&mut self, event: Event) {
        let now = Now { world: &self.world, at: self.now, room: self.room };
        match decide(&mut self.run, &self.text, &now, event) {
            Ok(decision) => self.tell("again", &decision),
            Err(refusal) => self.tell_refusal("again", &refusal),
        }
    }

    fn tell_refusal(&mut self, word: &str, refusal: &Refusal) {
        let said = if matches!(refusal, Refusal::Echo(_)) { "echo".to_owned() } else { refusal.to_string() };
        self.told.push_str(&format!("{word} -> ({said})\n"));
    }

    #[track_caller]
    fn happen(&mut self, word: &str) -> Result<Decision, Refusal> {
        let event = self.event(word);
        let now = Now { world: &self.world, at: self.now, room: self.room };
        decide(&mut self.run, &self.text, &now, event)
    }

    /// `a ok {…}` · `a fails [after 30s]` (no effect, may retry) · `a breaks` (for good) · `a maybe` (may have happened) ·
    /// `a lost` · `a restart` · `+5s`, `-5s` (the clock) · `b answer by person:x {…}` · `b claim by …` · `a settle again` ·
    /// `b pause by x why` · `b resume by x` · `b move +2h by x why` · `b extend by x {…}` ·
    /// `c child done {…}` · `cancel` · `retry [from a]`. An item is `a`, `a.2`, `a/undo`, `on_failure.t`; `a#1` names
    /// the attempt.
    #[track_caller]
    #[expect(clippy::too_many_lines, reason = "one arm per word, to be read as a table")]
    fn event(&mut self, word: &str) -> Event {
        if let Some(span) = word.strip_prefix('+') {
            self.now = self.now.plus(Span::parse(span).unwrap().ms);
            return Event::Woke {};
        }
        if let Some(span) = word.strip_prefix('-') {
            self.now = self.now.plus(-Span::parse(span).unwrap().ms);
            return Event::Woke {};
        }
        let (subject, rest) = word.split_once(' ').unwrap_or((word, ""));
        match subject {
            "cancel" => {
                return Event::Cancelled {
                    opening: self.run.top.opening,
                    by: "operator".into(),
                    reason: "told to".into(),
                };
            }
            "retry" => {
                let from = rest.strip_prefix("from ").map(|id| self.text.step_named(id).unwrap());
                return Event::Retried { opening: self.run.top.opening, by: PARENT.into(), from };
            }
            _ => {}
        }
        let of = self.attempt(subject);
        let (verb, rest) = rest.split_once(' ').unwrap_or((rest, ""));
        let ended = |result| Event::Ended { of, result, took_us: None };
        let retry_after_ms = rest.strip_prefix("after ").map(|span| Span::parse(span).unwrap().ms);
        let failed = |retry, happened| {
            ended(AttemptResult::Failed(Failure {
                code: "t.failed".into(),
                message: "no".into(),
                retry,
                retry_after_ms,
                happened,
            }))
        };
        let by = |rest: &str| -> (Arc<str>, Raw) {
            let rest = rest.strip_prefix("by ").unwrap_or(rest);
            let (by, fields) = rest.split_once(' ').unwrap_or((rest, "{}"));
            (by.into(), Raw::new(fields.to_owned()).unwrap())
        };
        match verb {
            "ok" => ended(AttemptResult::Done { output: json(rest) }),
            "fails" => failed(true, Happened::No),
            "breaks" => failed(false, Happened::No),
            "maybe" => failed(true, Happened::Maybe),
            "lost" => ended(AttemptResult::Lost { how: Lost::Crash, message: "".into() }),
            "restart" => ended(AttemptResult::Lost { how: Lost::Restart, message: "".into() }),
            "begun" => Event::Begun { of },
            "granted" => Event::SlotGranted { of },
            "started" => {
                Event::ChildStarted { of, child: RunId::child_of(&self.run.key_of(&self.text, of.item)) }
            }
            "event" => {
                let (id, payload) = rest.split_once(' ').unwrap_or((rest, "{}"));
                Event::EventTaken { of, id: id.into(), payload: json(payload) }
            }
            "answer" => {
                let (by, fields) = by(rest);
                Event::Answered { of, by, via: "test".into(), fields }
            }
            "extend" => {
                let (by, fields) = by(rest);
                Event::MoreTimeAsked { of, by, via: "test".into(), fields }
            }
            "pause" | "resume" | "move" => {
                let via: Arc<str> = "test".into();
                let (to, rest) = match rest.split_once(" by ") {
                    Some((to, rest)) => (to, rest),
                    None => ("+0h", rest.strip_prefix("by ").unwrap_or(rest)),
                };
                let (by, reason) = rest.split_once(' ').unwrap_or((rest, ""));
                let (by, reason): (Arc<str>, Arc<str>) = (by.into(), reason.into());
                let back = to.starts_with('-');
                let ms = Span::parse(to.trim_start_matches(['+', '-'])).unwrap().ms;
                let to = self.now.plus(if back { -ms } else { ms });
                match verb {
                    "pause" => Event::Paused { of, by, via, reason },
                    "resume" => Event::Resumed { of, by, via, reason },
                    _ => Event::DueMoved { of, to, by, via, reason },
                }
            }
            "for" => Event::Assigned { of, to: (rest != "nobody").then(|| rest.into()) },
            "claim" => Event::Claimed { of, by: by(rest).0, via: "test".into() },
            "hands" | "delegates" => {
                let (by, rest) = rest.strip_prefix("by ").unwrap().split_once(" to ").unwrap();
                let to = rest.split(' ').map(str::to_owned).collect();
                let (by, via) = (by.into(), "test".into());
                Event::HandedOver { of, by, via, to, note: Some("看".into()), delegate: verb == "delegates" }
            }
            "says" => {
                let (by, text) = rest.strip_prefix("by ").unwrap().split_once(' ').unwrap();
                Event::Commented { of, by: by.into(), via: "test".into(), text: text.into() }
            }
            // `t paper by person:li for mail:x {…}`
            "paper" => {
                let (by, rest) = rest.strip_prefix("by ").unwrap().split_once(" for ").unwrap();
                let (whom, fields) = rest.split_once(' ').unwrap_or((rest, "{}"));
                let (by, via, whom) = (by.into(), "test".into(), whom.into());
                Event::AnsweredFor { of, by, via, whom, paper: json("[]"), fields: json(fields) }
            }
            "release" => Event::Released { of, by: by(rest).0, via: "test".into() },
            "settle" => {
                let (by, rest) = match rest.strip_prefix("by ").and_then(|rest| rest.split_once(' ')) {
                    Some((by, rest)) => (by, rest),
                    None => ("person:wang", rest),
                };
                let (verdict, values) = rest.split_once(' ').unwrap_or((rest, "{}"));
                let verdict = match verdict {
                    "happened" => Verdict::Happened { values: json(values) },
                    "again" => Verdict::Again {},
                    "skip" => Verdict::Skip { values: json(values) },
                    "fail" => Verdict::Fail {},
                    "leave" => Verdict::Leave {},
                    other => panic!("no verdict `{other}`"),
                };
                Event::Settled { of, by: by.into(), via: "test".into(), verdict }
            }
            "child" => {
                let (state, output) = rest.split_once(' ').unwrap_or((rest, "null"));
                let state = match state {
                    "done" => EndState::Done,
                    "failed" => EndState::Failed,
                    "cancelled" => EndState::Cancelled,
                    other => panic!("no end `{other}`"),
                };
                let child = RunId::child_of(&self.run.key_of(&self.text, of.item));
                Event::ChildEnded {
                    of,
                    child,
                    state,
                    outcome: Some("done".into()),
                    output: Raw::new(output.to_owned()),
                }
            }
            other => panic!("no event `{other}` in `{word}`"),
        }
    }

    /// `a`, `a.2`, `a.2/b` (the step `b` in the third item of `a`), each with `/undo` and `#attempt` behind.
    #[track_caller]
    fn attempt(&self, subject: &str) -> Attempt {
        let (name, attempt) = subject.split_once('#').map_or((subject, None), |(name, a)| (name, Some(a)));
        if let Some((main, rung)) = name.split_once("/due") {
            let (n, rung) = rung.split_once('.').unwrap();
            let main = if main == "whole" { WHOLE } else { self.attempt(main).item };
            let of = Item { rung: Some(DueRung(n.parse().unwrap(), rung.parse().unwrap())), ..main };
            // What it is of may have gone on to another round.
            let known = self.run.beside.iter().find(|beside| {
                let known = beside.of;
                known.rung == of.rung && known.place() == of.place()
            });
            let of = known.map_or(of, |beside| beside.of);
            let current = || self.run.item(of).map_or(0, |state| state.attempt().unwrap_or(state.attempts));
            return Attempt { item: of, attempt: attempt.map_or_else(current, |a| a.parse().unwrap()) };
        }
        if name == "whole" {
            let state = self.run.item(WHOLE);
            let current = state.map_or(0, |state| state.attempt().unwrap_or(state.attempts));
            return Attempt { item: WHOLE, attempt: current };
        }
        let (name, undo) = name.strip_suffix("/undo").map_or((name, false), |name| (name, true));
        let (around, name) =
            name.rsplit_once('/').map_or((None, name), |(around, name)| (Some(around), name));
        let scope = around.map_or(ScopeNo::RUN, |around| {
            let holder = self.attempt(around).item;
            self.run
                .item(holder)
                .and_then(|item| item.scope)
                .unwrap_or_else(|| panic!("{around} is no scope"))
        });
        let named = self.text.step_named(name);
        let (step, number) = match (named, name.rsplit_once('.')) {
            (Some(step), _) => (step, 0),
            (None, Some((name, number))) => (self.text.step_named(name).unwrap(), number.parse().unwrap()),
            (None, None) => panic!("no step `{name}`"),
        };
        let at = StepAt { step, scope };
        // An undo is of the round that is taken back.
        let taken = self.run.undoable.iter().rev().find(|done| {
            let of = done.of;
            of.step == step && of.item == number && (around.is_none() || of.scope == scope)
        });
        let of = match (undo, taken) {
            (true, Some(done)) => Item { undo, ..done.of },
            (_, _) => Item { undo, ..at.item(self.run.step(at).round, number) },
        };
        // Of a place that is asked for, the attempt that then begins.
        let current = || self.run.item(of).map_or(0, |state| state.attempt().unwrap_or(state.attempts));
        Attempt { item: of, attempt: attempt.map_or_else(current, |a| a.parse().unwrap()) }
    }

    #[track_caller]
    fn tell(&mut self, word: &str, decision: &Decision) {
        let line = Line { rules: RULES, world: 1, event: decision.event.clone(), did: decision.did.clone() };
        self.lines.push((decision.at, serde_json::to_string(&line).unwrap()));
        let mut said: Vec<String> = decision.commands.iter().map(|command| self.show(*command)).collect();
        if let Some(timer) = self.run.next_timer().filter(|_| !self.run.is_over()) {
            said.push(format!("wake +{}s", (timer.at.0 - self.now.0) / 1000));
        }
        if let Phase::Over { state, outcome, .. } = &self.run.top.phase {
            said.push(format!("=> {state:?} {outcome}").to_lowercase());
        }
        self.told.push_str(format!("{word} -> {}", said.join(", ")).trim_end());
        self.told.push('\n');
        self.check();
    }

    /// What is always true (semantics.md 15).
    #[track_caller]
    fn check(&self) {
        let mut replayed: Option<Run> = None;
        for (at, line) in &self.lines {
            let line: Line = serde_json::from_str(line).unwrap();
            replayed = line.fold_into(replayed, self.run.id, *at);
        }
        assert_eq!(replayed.as_ref(), Some(&self.run), "replaying the journal gives another run");
        let mut stored: Run = serde_json::from_str(&serde_json::to_string(&self.run).unwrap()).unwrap();
        stored.derive();
        assert_eq!(stored, self.run, "a snapshot reads back as another run");
        assert!(self.run.is_accounted_for(), "the run waits for nothing:\n{}", self.told);
        if self.run.is_over() {
            assert_eq!(wants(&self.run), vec![], "a run that is over wants something");
        }
    }

    fn name(&self, of: Attempt) -> String {
        let part = |item: Item| {
            let step = self.text.step(item.step);
            let number = if step.each.is_some() || step.approve().is_some() {
                format!(".{}", item.item)
            } else {
                String::new()
            };
            let round = if item.round > 1 { format!("@{}", item.round) } else { String::new() };
            if item == WHOLE { "whole".to_owned() } else { format!("{}{number}{round}", step.path()) }
        };
        let mut parts: Vec<String> = self.run.holders(of.item.scope).map(part).collect();
        parts.reverse();
        parts.push(part(of.item));
        let undo = if of.item.undo { "/undo".to_owned() } else { String::new() };
        let undo = of.item.rung.map_or(undo, |DueRung(n, rung)| format!("/due{n}.{rung}"));
        format!("{}{undo}#{}", parts.join("/"), of.attempt)
    }

    fn show(&self, command: Command) -> String {
        match command {
            Command::Start { of, begun: true } => format!("start {}", self.name(of)),
            Command::Start { of, begun: false } => format!("queue {}", self.name(of)),
            Command::Stop { of } => format!("stop {}", self.name(of)),
            Command::OpenTask { of, kind: TaskKind::Asked } => format!("ask {}", self.name(of)),
            Command::OpenTask { of, kind: TaskKind::Unknown } => format!("unknown {}", self.name(of)),
            Command::OpenTask { of, kind: TaskKind::Asking } => format!("how {}", self.name(of)),
            Command::CloseTask { of } => format!("close {}", self.name(of)),
            Command::StartChild { of, .. } => format!("child {}", self.name(of)),
            Command::AskSlot { of } => format!("slot {}", self.name(of)),
            Command::Listen { of } => format!("listen {}", self.name(of)),
            Command::StopListening { of } => format!("deaf {}", self.name(of)),
            Command::StopChild { of, .. } => format!("stop child {}", self.name(of)),
        }
    }

    /// The states of the main steps: `a done, b waiting`.
    pub(super) fn states(&self) -> String {
        let main = self.text.main.iter().copied();
        main.map(|no| format!("{} {}", self.text.step(no).id, state_word(self.run.step(StepAt::run(no)))))
            .collect::<Vec<_>>()
            .join(", ")
    }

    /// What an attempt of this item sends.
    #[track_caller]
    pub(super) fn with(&self, subject: &str) -> String {
        let of = self.attempt(subject);
        self.run.item(of.item).unwrap().first.as_ref().unwrap().with.get().to_owned()
    }
}

#[track_caller]
fn json(text: &str) -> Raw {
    Raw::new(if text.is_empty() { "{}" } else { text }.to_owned()).unwrap()
}

/// Tells a whole story.
#[track_caller]
pub(super) fn story(toml: &str, events: &str) -> String {
    let mut tale = Tale::begin(toml, "{}");
    tale.hear(events);
    tale.told.clone()
}
