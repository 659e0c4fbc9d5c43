//! Reads what must have happened in a test.

use std::sync::Arc;

use super::values::{json, raw};
use super::{StepPath, Told};
use crate::catalogue::Action;
use crate::problem::{listed, nearest};
use crate::run::event::Raw;
use crate::testing::{CallExpected, Compared, Expected, TELL};

/// What is known of a task beside whom it asks.
const OF_TASK: &[&str] = &["title", "due", "claimed", "late", "round"];
/// What is known of a step.
const OF_STEP: &[&str] = &["state", "outcome", "round", "late", "by", "due", "output", "items"];
const OF_RUN: &[&str] = &["state", "outcome", "reason", "output", "input", "key", "late"];
const OF_EVENT: &[&str] = &["key", "payload"];
/// What is known of words to people beside whom they go to.
const OF_TELL: &[&str] = &["about", "subject", "text"];

/// What words to people can be about: a reminder, a due time, a task that is new or gone, what the owner must decide.
const ABOUT: &[&str] = &[
    "reminds",
    "tells",
    "tells_late",
    "task",
    "gone",
    "form",
    "unknown",
    "failed",
    "undo_failed",
    "rung_failed",
    "way_used_up",
];

impl Told<'_, '_, '_, '_> {
    pub(super) fn expected(&self, verb: &'static str) -> Option<Expected> {
        let own = self.own;
        match verb {
            "expect" => self.call(own.text("expect")?.value).map(Expected::Call),
            "expect_none" => {
                let action = own.get("expect_none").and_then(|item| item.get_ref().as_str());
                match action {
                    Some(action) => self.call(action).map(Expected::NoCall),
                    None => Some(Expected::NoCall(CallExpected::default())),
                }
            }
            "expect_tell" => self.tell(verb).map(Expected::Call),
            "expect_no_tell" => self.tell(verb).map(Expected::NoCall),
            "expect_due" => self.instant(verb, "at", |step, at, written| Expected::Due { step, at, written }),
            "expect_wait" => {
                self.instant(verb, "until", |step, until, written| Expected::Wait { step, until, written })
            }
            "expect_late" => {
                let is = own.boolean("is").unwrap_or(true);
                self.step(verb).map(|step| Expected::Late { step, is })
            }
            "expect_task" => {
                let who = own.texts("who").unwrap_or_default();
                who.iter().for_each(|who| self.somebody(who));
                let who = who.iter().map(|who| who.value.into()).collect();
                let fields = self.compared(OF_TASK);
                self.step(verb).map(|step| Expected::Task { step, who, fields })
            }
            "expect_no_task" => self.step(verb).map(|step| Expected::NoTask { step }),
            "expect_step" => {
                let fields = self.compared(OF_STEP);
                self.step(verb).map(|step| Expected::Step { step, fields })
            }
            "expect_run" => {
                let fields = self.compared(OF_RUN);
                let workflow = self.workflow(&own.text("expect_run")?)?;
                Some(Expected::Run { workflow, fields })
            }
            "expect_no_run" => {
                let workflow = self.workflow(&own.text("expect_no_run")?)?;
                Some(Expected::NoRun { workflow })
            }
            "expect_event" => {
                let name: Arc<str> = own.text("expect_event")?.value.into();
                Some(Expected::Event { name, fields: self.compared(OF_EVENT) })
            }
            "expect_entry" | "expect_no_entry" => self.entry(verb),
            _ => {
                let mut fields = self.compared(&["outcome", "reason", "output", "key", "late"]);
                if let Some(item) = own.get("expect_state") {
                    let (wanted, place) = (raw(json(own, "expect_state", item)), item.span());
                    fields.insert(0, Compared { name: "state".into(), wanted, place });
                }
                Some(Expected::Stands { fields })
            }
        }
    }

    /// How the case stands at its end.
    pub(super) fn standing(&self) -> Vec<Compared> {
        self.compared(&["state", "outcome", "reason", "output"])
    }

    fn instant(
        &self,
        verb: &'static str,
        key: &'static str,
        made: impl Fn(StepPath, Option<crate::moment::Moment>, Arc<str>) -> Expected,
    ) -> Option<Expected> {
        let written = self.written(key);
        let none = self.own.get(key).is_some_and(|item| item.get_ref().as_str() == Some("none"));
        if !self.own.has(key) {
            self.own.missing(key);
        }
        let at = if none { None } else { self.moment(key) };
        self.step(verb).map(|step| made(step, at, written))
    }

    fn compared(&self, known: &[&'static str]) -> Vec<Compared> {
        let mut fields = Vec::new();
        for name in known {
            if let Some(item) = self.own.get(name) {
                let wanted: Raw = raw(json(self.own, name, item));
                fields.push(Compared { name: (*name).into(), wanted, place: item.span() });
            }
        }
        fields
    }

    /// Words to people, of a step or (`true`) of any.
    fn tell(&self, verb: &'static str) -> Option<CallExpected> {
        let own = self.own;
        let any = own.get(verb).is_some_and(|item| item.get_ref().as_bool() == Some(true));
        let step = if any { None } else { Some(self.step(verb)?) };
        let to = own.texts("to").unwrap_or_default();
        to.iter().for_each(|who| self.somebody(who));
        let mut fields = self.compared(&["to"]);
        fields.extend(self.compared(OF_TELL));
        if let Some(about) = own.text("about")
            && !ABOUT.contains(&about.value)
        {
            own.bad_word("about", &about, ABOUT);
        }
        Some(CallExpected {
            action: Some(TELL.into()),
            step,
            times: own.whole("times", 1..=1_000_000),
            contains: self.contained(),
            fields,
        })
    }

    fn contained(&self) -> Vec<Arc<str>> {
        let texts = self.own.texts("contains").unwrap_or_default();
        texts.iter().map(|text| text.value.into()).collect()
    }

    /// A call of an action; what is neither ours nor a field of its input is a slip.
    fn call(&self, action: &str) -> Option<CallExpected> {
        let own = self.own;
        let verb = if own.has("expect") { "expect" } else { "expect_none" };
        let text = own.text(verb)?;
        let known = self.action(&text);
        let mut expected = CallExpected {
            action: Some(action.into()),
            step: self.step("step"),
            times: own.whole("times", 1..=1_000_000),
            contains: self.contained(),
            fields: Vec::new(),
        };
        let Some(known) = known else {
            self.forget_unknown();
            return None;
        };
        let ours = |key: &str| own.knows(key);
        let all: Vec<(String, std::ops::Range<usize>)> =
            own.entries().map(|(key, _)| (key.value.to_owned(), key.span)).collect();
        for ((key, span), (_, item)) in all.into_iter().zip(own.entries()) {
            if ours(&key) && key != "with" {
                continue;
            }
            if key == "with" && !takes(&known, "with") {
                self.with(&known, &mut expected);
                continue;
            }
            self.field(&known, &key, span);
            expected.fields.push(Compared {
                name: key.as_str().into(),
                wanted: raw(json(own, &key, item)),
                place: item.span(),
            });
        }
        self.forget_unknown();
        Some(expected)
    }

    /// `with = { … }`: fields whose names are also words of ours (`step`, `times`).
    fn with(&self, known: &Action, expected: &mut CallExpected) {
        let Some(with) = self.own.section("with") else { return };
        for (key, item) in with.entries() {
            self.field(known, key.value, key.span.clone());
            let wanted = raw(json(&with, key.value, item));
            expected.fields.push(Compared { name: key.value.into(), wanted, place: item.span() });
        }
    }

    fn field(&self, action: &Action, key: &str, span: std::ops::Range<usize>) {
        if takes(action, key) {
            return;
        }
        let known = action.input.get("properties").and_then(serde_json::Value::as_object);
        let known: Vec<&String> = known.into_iter().flat_map(|known| known.keys()).collect();
        let ours = ["step", "times", "contains", "with", "of", "case"];
        let all = known.iter().map(|name| name.as_str()).chain(ours);
        let problem = self.own.error("YZ0180", span).name("action", action.name.to_string());
        let problem = problem.name("key", key).near(nearest(key, all.clone()));
        self.own.say(problem.name("known", listed(all)));
    }

    /// What was looked at here is not named once more as unknown.
    fn forget_unknown(&self) {
        self.own.all_known();
    }
}

fn takes(action: &Action, key: &str) -> bool {
    let Some(known) = action.input.get("properties") else { return true };
    known.get(key).is_some() || action.input.get("additionalProperties").is_some_and(|more| *more == true)
}
