//! What came to be in a house without the world: every call, and the journal in words' stead.

#![expect(clippy::wildcard_enum_match_arm, reason = "of most facts there is nothing to tell")]

use std::sync::Arc;

use serde_json::json;
use yizhan_workflow::id::{Attempt, DueRung, Item, Millis, StepNo};
use yizhan_workflow::plan::{EXTENDS, GRANTS, Work};
use yizhan_workflow::run::Decision;
use yizhan_workflow::run::clock::{ClockWhy, RungDid};
use yizhan_workflow::run::event::{Event, Fact, ItemEnd, Raw, Standing, StepEnd};
use yizhan_workflow::testing::{TELL, WHOLE};

use super::{Ground, Known, Member};
use crate::change::letters_of;
use crate::letter::Asks;

/// A call that went out; under the name of `TELL` words to people.
#[derive(Clone, Debug)]
pub struct Sent {
    pub at: Millis,
    /// Which of the house's runs.
    pub run: usize,
    pub step: String,
    pub of: Attempt,
    pub action: Arc<str>,
    pub with: Raw,
    /// The code of the failure that was answered.
    pub failed: Option<Arc<str>>,
    /// A line of a test has spoken of it.
    pub expected: bool,
}

/// A line of the journal, as a person reads it.
#[derive(Clone, Debug)]
pub struct Happening {
    pub at: Millis,
    /// `None`: of no run.
    pub run: Option<usize>,
    /// With what holds it and its number: `remind[3].flag`.
    pub step: String,
    /// One of our words: `started`, `call`, `task`, …
    pub word: &'static str,
    pub detail: String,
}

/// A child run that a step asked for.
#[derive(Clone, Debug)]
pub struct Asked {
    pub run: usize,
    pub step: String,
    pub workflow: Arc<str>,
    pub with: Raw,
}

#[derive(Clone, Debug, Default)]
pub struct Past {
    pub calls: Vec<Sent>,
    pub children: Vec<Asked>,
    pub lines: Vec<Happening>,
}

impl Past {
    pub(super) fn take(&mut self, at: usize, member: &Member, decision: &Decision) {
        let (run, text) = (&member.run, &member.text);
        let mut say = |step: String, word, detail: String| {
            self.lines.push(Happening { at: decision.at, run: Some(at), step, word, detail });
        };
        let path = |item: Item| member.path_of(item);
        if let Some((step, word, detail)) = of_event(&decision.event, path) {
            say(step, word, detail);
        }
        for fact in &decision.did {
            match fact {
                Fact::Entered { at, state } => {
                    if let Some((word, detail)) = entered(state, member, *at) {
                        say(path(*at), word, detail);
                    }
                }
                Fact::StepOver { s, scope, state: StepEnd::Skipped } => {
                    let at = yizhan_workflow::id::StepAt { step: *s, scope: *scope };
                    say(run.path_of(text, at), "skipped", String::new());
                }
                Fact::Over { at, end, outcome, failure, .. } => {
                    let because =
                        failure.as_ref().map(|failure| format!("{}: {}", failure.code, failure.message));
                    let detail = because.or_else(|| outcome.as_ref().map(ToString::to_string));
                    if let Some(word) = over(*end) {
                        say(path(*at), word, detail.unwrap_or_default());
                    }
                }
                Fact::Missed { of, failure, .. } => {
                    say(path(of.item), "missed", format!("{}: {}", failure.code, failure.message));
                }
                Fact::GoingBack { scope, cover, .. } => {
                    let first = cover
                        .iter()
                        .min()
                        .map(|step| yizhan_workflow::id::StepAt { step: *step, scope: *scope });
                    let to = first.map(|at| run.path_of(text, at)).unwrap_or_default();
                    say(to, "back", String::new());
                }
                Fact::Ended { scope, state, outcome, .. } if scope.is_run() => {
                    let word = match state {
                        yizhan_workflow::run::event::EndState::Done => "ended_done",
                        yizhan_workflow::run::event::EndState::Failed => "ended_failed",
                        yizhan_workflow::run::event::EndState::Cancelled => "ended_cancelled",
                    };
                    say(String::new(), word, outcome.to_string());
                }
                fact => {
                    if let Some((at, word, detail)) = of_time(fact) {
                        say(path(at), word, detail);
                    }
                }
            }
        }
    }

    /// Who is told what because of a decision. That a task is there is told by its own line.
    pub(super) fn tell(&mut self, run: usize, member: &Member, decision: &Decision, ground: Ground<'_>) {
        let Ground { world, lang, tells_tasks, .. } = ground;
        let at = decision.at;
        for letter in letters_of(&member.run, &member.text, decision, (world, tells_tasks)) {
            let people = world.people_at(at);
            let mut to: Vec<String> = letter.who.iter().flat_map(|who| people.told(who)).collect();
            to.sort();
            to.dedup();
            let said = letter.input(&to, lang, None);
            let said: serde_json::Value = serde_json::from_str(&said).unwrap_or_default();
            let step = member.path_of(letter.of.item);
            if letter.asks != Asks::Task {
                let detail =
                    format!("{} {}", letter.who.join(", "), said["subject"].as_str().unwrap_or_default());
                self.lines.push(Happening { at, run: Some(run), step: step.clone(), word: TELL, detail });
            }
            let with = json!({ "to": to, "who": letter.who, "about": letter.asks,
                "subject": said["subject"], "text": said["text"] });
            let (action, with) = (TELL.into(), Raw::from(&with));
            self.calls.push(Sent {
                at,
                run,
                step,
                of: letter.of,
                action,
                with,
                failed: None,
                expected: false,
            });
        }
    }

    pub(super) fn child(
        &mut self,
        at: usize,
        member: &Member,
        of: Attempt,
        (now, workflow, with): (Millis, &Arc<str>, &Raw),
    ) {
        let step = member.path_of(of.item);
        let detail = format!("{workflow} {}", with.get());
        self.lines.push(Happening { at: now, run: Some(at), step: step.clone(), word: "child", detail });
        self.children.push(Asked { run: at, step, workflow: workflow.clone(), with: with.clone() });
    }

    pub(super) fn published(&mut self, now: Millis, event: &Known) {
        let detail = format!("{} {} {}", event.name, event.key, event.payload.get());
        self.lines.push(Happening { at: now, run: None, step: String::new(), word: "event", detail });
    }
}

/// What an event tells of itself.
fn of_event(event: &Event, path: impl Fn(Item) -> String) -> Option<(String, &'static str, String)> {
    let none = String::new();
    Some(match event {
        Event::Started(started) => (none, "started", started.by.to_string()),
        Event::Answered { of, by, fields, .. } => {
            (path(of.item), "answered", format!("{by} {}", fields.get()))
        }
        Event::Claimed { of, by, .. } => (path(of.item), "claimed", by.to_string()),
        Event::Released { of, by, .. } => (path(of.item), "released", by.to_string()),
        Event::AnsweredFor { of, by, whom, fields, .. } => {
            (path(of.item), "answered", format!("{by} ({whom}) {}", fields.get()))
        }
        Event::HandedOver { of, by, to, .. } => {
            (path(of.item), "handed_over", format!("{by} → {}", to.join(", ")))
        }
        Event::Commented { of, by, text, .. } => (path(of.item), "commented", format!("{by} {text}")),
        Event::Resumed { of, by, .. } => (path(of.item), "clock_goes_on", by.to_string()),
        Event::DueMoved { of, by, reason, .. } => (path(of.item), "due_moved", format!("{by} {reason}")),
        Event::MoreTimeAsked { of, by, fields, .. } => {
            (path(of.item), "more_time", format!("{by} {}", fields.get()))
        }
        Event::Settled { of, by, .. } => (path(of.item), "settled", by.to_string()),
        Event::EventTaken { of, id, payload } => (path(of.item), "took", format!("{id} {}", payload.get())),
        Event::Cancelled { by, reason, .. } => (none, "cancelled", format!("{by} {reason}")),
        Event::Retried { by, .. } => (none, "retried", by.to_string()),
        Event::Joined { input, .. } => (none, "joined", input.get().to_owned()),
        _ => return None,
    })
}

fn entered(state: &Standing, member: &Member, at: Item) -> Option<(&'static str, String)> {
    Some(match state {
        Standing::Running { .. } => {
            let first = member.run.item(at).and_then(|item| item.first.clone());
            let Work::Use { action, .. } = member.text.step(at.step).work_of(at) else { return None };
            let with = first.map(|first| first.with.get().to_owned()).unwrap_or_default();
            ("call", format!("{action} {with}"))
        }
        Standing::Asked { task, .. } => {
            let due = task.due.map(|due| format!(" {due}")).unwrap_or_default();
            ("task", format!("{}{due}", task.who.join(", ")))
        }
        Standing::Asking { .. } => ("asking", String::new()),
        Standing::Unknown { .. } => ("unknown", String::new()),
        Standing::Sleeping { until, .. } => ("waits", until.to_string()),
        Standing::Resting { until } => ("rests", until.to_string()),
        Standing::Listening { to, .. } => ("listens", format!("{} {}", to.event, to.key)),
        _ => return None,
    })
}

fn over(end: ItemEnd) -> Option<&'static str> {
    match end {
        ItemEnd::Done => Some("done"),
        ItemEnd::Skipped => None,
        ItemEnd::Failed => Some("failed"),
        ItemEnd::Dropped => Some("dropped"),
    }
}

/// What due times did.
fn of_time(fact: &Fact) -> Option<(Item, &'static str, String)> {
    Some(match fact {
        Fact::Late { at } => (*at, "late", String::new()),
        Fact::Rung { at, n, rung, did, .. } => {
            let (word, detail) = rung_did(did)?;
            (Item { rung: Some(DueRung(*n, *rung)), ..*at }, word, detail)
        }
        Fact::Stands { at, file, person } => {
            let person = person.as_ref().map(|person| format!("{} {}", person.by, person.reason));
            let why = person.or_else(|| file.as_ref().map(ToString::to_string));
            (*at, "clock_stands", why.unwrap_or_default())
        }
        Fact::Clock { at, set } if set.why != ClockWhy::Opened => {
            (*at, "due", set.due.map(|due| due.to_string()).unwrap_or_default())
        }
        _ => return None,
    })
}

/// What a rung came to; words to people are told for themselves.
fn rung_did(did: &RungDid) -> Option<(&'static str, String)> {
    Some(match did {
        RungDid::Told { .. } | RungDid::Begun {} => return None,
        RungDid::Reassigned { who, .. } => ("reassigned", who.join(", ")),
        RungDid::Decided {} => ("decided", String::new()),
        RungDid::Dropped {} => ("dropped", String::new()),
        RungDid::Failed { failure } => ("failed", format!("{}: {}", failure.code, failure.message)),
    })
}

impl Member {
    /// As a test writes it: `remind[3].flag`, with its number where the step has several items, `repair.escalate[1]` of
    /// what its due time set off, `run` of the file itself.
    #[must_use]
    pub fn path_of(&self, item: Item) -> String {
        let step = self.text.step(item.step);
        let mut path = match item.step {
            StepNo::WHOLE => WHOLE.to_owned(),
            _ => self.run.path_of(&self.text, item.place()),
        };
        if step.has_items() {
            path.push_str(&format!("[{}]", item.item));
        }
        if item.undo {
            path.push_str(".undo");
        }
        match item.rung {
            Some(DueRung(_, EXTENDS)) => path.push_str(".extend"),
            Some(DueRung(_, GRANTS)) => path.push_str(".grant"),
            Some(DueRung(_, rung)) => {
                path.push_str(&step.rung(rung).map_or_else(String::new, |rung| format!(".{}", rung.written)));
            }
            None => {}
        }
        path
    }
}
