//! What actions answer in a house without the world: what a fake says, else something that fits their schemas.

use std::sync::Arc;

use serde_json::{Map, Value as Json, json};
use yizhan_workflow::id::Attempt;
use yizhan_workflow::plan::{ActionName, Work};
use yizhan_workflow::run::event::{AttemptResult, Event, Failure, Happened, Lost, Raw};
use yizhan_workflow::testing::{Fake, Gives};

use super::{House, Known, Sent};
use crate::built_in::rendered;
use crate::registers::is_ours;
use crate::rehearsal::sample;
use crate::rehearsal::teller::Seen;

impl House<'_> {
    pub(super) fn call(&mut self, at: usize, of: Attempt) {
        let member = &self.runs[at];
        let Some(doing) = member.text.step(of.item.step).doing(of.item) else { return };
        let (timeout, Work::Use { action, .. }) = (doing.timeout, doing.work) else { return };
        let action = action.clone();
        let Some(first) = member.run.item(of.item).and_then(|item| item.first.clone()) else { return };
        let with = first.with.clone();
        let bound = timeout.map(|span| span.ms);
        let step = member.path_of(of.item);
        let (result, takes) = self.answer((at, of), &action, &with, bound);
        self.past.calls.push(Sent {
            at: self.now,
            run: at,
            step,
            of,
            action: action.to_string().into(),
            with: with.clone(),
            failed: match &result {
                AttemptResult::Failed(failure) => Some(failure.code.clone()),
                AttemptResult::Lost { .. } => Some("lost".into()),
                AttemptResult::Done { .. } => None,
            },
            expected: false,
        });
        let ended = Event::Ended { of, result, took_us: None };
        if takes > 0 {
            let turn = self.past.calls.len();
            self.later.insert((self.now.plus(takes), turn), (at, ended));
            return;
        }
        let done = matches!(&ended, Event::Ended { result: AttemptResult::Done { .. }, .. });
        self.feed_quietly(at, ended);
        if done && &*action.plugin == "event" && &*action.action == "publish" {
            self.publish_of_step(at, of, &with);
        }
    }

    /// What the action answers, and how long that takes.
    fn answer(
        &mut self,
        (at, of): (usize, Attempt),
        action: &ActionName,
        with: &Raw,
        bound: Option<i64>,
    ) -> (AttemptResult, i64) {
        if let Some(teller) = &mut self.teller {
            let seen = Seen { member: &self.runs[at], world: self.ground.world, now: self.now };
            if let Some(given) = teller.called(seen, of, (action, with)) {
                return (AttemptResult::Done { output: Raw::from(&given) }, 0);
            }
        }
        if let Some(why) = (self.ground.refuses)(action, with.get()) {
            let message = format!("the input of `{}`: {why}", action.action);
            return (failed("plugin.input_invalid", &message, false, Happened::No, None), 0);
        }
        let fake = self.fake_for(&action.to_string());
        let takes = fake.as_ref().and_then(|fake| fake.takes).unwrap_or(0);
        let known = self.world().catalogue.action(action).cloned();
        let bound = bound.or(known.as_ref().and_then(|known| known.timeout_ms));
        if let Some(bound) = bound.filter(|bound| takes > *bound) {
            return (failed("plugin.timeout", "it took too long", true, Happened::No, None), bound);
        }
        let made_up = || known.as_ref().map_or(json!({}), |known| sample::of_schema(&known.output));
        let result = match fake.map(|fake| fake.gives) {
            None => {
                let kept = if is_ours(&action.plugin) { self.ledger_step(at, of) } else { None };
                let text = if &*action.plugin == "render" { rendered(with.get()).ok() } else { None };
                let text = text.and_then(|text| Raw::new(text.into()));
                kept.or(text.map(|output| AttemptResult::Done { output }))
                    .unwrap_or_else(|| AttemptResult::Done { output: Raw::from(&made_up()) })
            }
            Some(Gives::Done { output, .. }) => AttemptResult::Done { output: over(made_up(), &output) },
            Some(Gives::Lost) => AttemptResult::Lost { how: Lost::Crash, message: "the plugin died".into() },
            Some(Gives::Failed { code, message, retry, happened, after_ms }) => {
                let happened =
                    happened.map_or(Happened::Maybe, |it| if it { Happened::Yes } else { Happened::No });
                failed(&code, &message, retry, happened, after_ms)
            }
        };
        (result, takes)
    }

    /// The answer that was given for this one, the first that is not used up.
    pub(super) fn fake_for(&mut self, name: &str) -> Option<Fake> {
        let fake = self.fakes.iter_mut().find(|fake| &*fake.of == name && fake.times != Some(0))?;
        if let Some(times) = &mut fake.times {
            *times -= 1;
        }
        Some(fake.clone())
    }

    pub(super) fn stop(&mut self, at: usize, of: Attempt) {
        let is_it = |(run, event): &(usize, Event)| {
            *run == at && matches!(event, Event::Ended { of: other, .. } if *other == of)
        };
        self.later.retain(|_, waiting| !is_it(waiting));
        let result = failed("stopped", "it was stopped", false, Happened::No, None);
        self.feed_quietly(at, Event::Ended { of, result, took_us: None });
    }

    /// `event.publish` is carried out by the house itself, as by the daemon.
    fn publish_of_step(&mut self, at: usize, of: Attempt, with: &Raw) {
        let given: Json = serde_json::from_str(with.get()).unwrap_or_default();
        let member = &self.runs[at];
        let id = member.run.key_of(&member.text, of.item);
        let key = match given.get("key") {
            None | Some(Json::Null) => String::new(),
            Some(Json::String(text)) => text.clone(),
            Some(other) => other.to_string(),
        };
        let name = given.get("name").and_then(Json::as_str).unwrap_or_default();
        let payload = given.get("payload").cloned().unwrap_or_else(|| json!({}));
        self.publish(Known {
            id: id.into(),
            name: name.into(),
            key: key.into(),
            payload: Raw::from(&payload),
            at: self.now,
        });
    }
}

fn failed(code: &str, message: &str, retry: bool, happened: Happened, after: Option<i64>) -> AttemptResult {
    let (code, message) = (Arc::from(code), Arc::from(message));
    AttemptResult::Failed(Failure { code, message, retry, retry_after_ms: after, happened })
}

/// Made-up fields with those that were given over them, every digit as given.
pub(super) fn over(made_up: Json, given: &Raw) -> Raw {
    let Ok(own) = serde_json::from_str::<BTreeOfRaw>(given.get()) else { return given.clone() };
    if own.is_empty() {
        return Raw::from(&made_up);
    }
    let mut all: BTreeOfRaw = BTreeOfRaw::new();
    for (name, value) in made_up.as_object().unwrap_or(&Map::new()) {
        if let Ok(raw) = serde_json::value::to_raw_value(value) {
            all.insert(name.clone(), raw);
        }
    }
    all.extend(own);
    serde_json::to_string(&all).ok().and_then(Raw::new).unwrap_or_else(|| given.clone())
}

type BTreeOfRaw = std::collections::BTreeMap<String, Box<serde_json::value::RawValue>>;
