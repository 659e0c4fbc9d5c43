//! Reads what happens after a step: ways back, endings, retries.

#![expect(clippy::wildcard_enum_match_arm, reason = "TOML has no more kinds, and each key takes one")]

use std::cell::Cell;
use std::ops::Range;

use toml::Spanned;
use toml::de::DeValue;

use super::order::{Order, find, number};
use super::section::{Section, Text};
use super::step::Draft;
use super::time;
use crate::id::StepNo;
use crate::plan::{BackTo, Ending, Goes, On, OnError, OutcomePattern, Retry};
use crate::problem::{Place, nearest};

/// What reading a step's ways needs to know of the other steps.
pub(super) struct Ways<'s, 'a, 'r> {
    pub(super) root: &'s Section<'a, 'r>,
    pub(super) drafts: &'s [Draft<'a, 'r>],
    pub(super) order: &'s Order,
    /// What the file says at its top for all its steps.
    pub(super) default: OnError,
    /// Numbers the ways of the file.
    pub(super) next: Cell<u16>,
}

impl<'a, 'r> Ways<'_, 'a, 'r> {
    pub(super) fn on(&self, draft: &Draft<'a, 'r>, step: StepNo) -> Vec<On> {
        let Some(own) = draft.own.section("on") else { return Vec::new() };
        let mut rules = Vec::new();
        for (key, item) in own.entries() {
            match item.get_ref() {
                DeValue::Table(table) if table.contains_key("back_to") || table.contains_key("go") => {
                    if let Some(goes) = self.goes(&own, (&key, item), draft, step) {
                        rules.push(On { outcome: OutcomePattern::Word(key.value.into()), goes });
                    }
                }
                DeValue::Table(_) => {
                    let Some(values) = own.sub(key.value, item) else { continue };
                    for (value, item) in values.entries() {
                        if let Some(goes) = self.goes(&values, (&value, item), draft, step) {
                            let outcome =
                                OutcomePattern::Field { field: key.value.into(), value: value.value.into() };
                            rules.push(On { outcome, goes });
                        }
                    }
                }
                _ => own.reader.wrong_type(
                    key.value,
                    "`{ back_to = \"step\" }` or `{ go = \"done:word\" }`",
                    item,
                ),
            }
        }
        rules
    }

    fn goes(
        &self,
        own: &Section<'a, 'r>,
        (key, item): (&Text<'_>, &'r Spanned<DeValue<'a>>),
        draft: &Draft<'a, 'r>,
        step: StepNo,
    ) -> Option<Goes> {
        if !matches!(item.get_ref(), DeValue::Table(_)) {
            own.reader.wrong_type(key.value, "`{ back_to = \"step\" }` or `{ go = \"done:word\" }`", item);
            return None;
        }
        let rule = own.sub(key.value, item)?;
        // Known keys of a rule, also where what goes with them is missing.
        for key in ["back_to", "most", "after", "then"] {
            rule.get(key);
        }
        let go = rule.text("go");
        let goes = match (rule.has("back_to"), go) {
            (true, None) => self.back_to(&rule, draft, step).map(Goes::Back),
            (false, Some(go)) => ending(&rule, &go).map(Goes::End),
            (true, Some(go)) => {
                rule.say(rule.error("YZ0133", go.span).name("one", "back_to").name("other", "go"));
                None
            }
            (false, None) => {
                rule.missing("back_to");
                None
            }
        };
        rule.close(&["rung", "ask"]);
        goes
    }

    fn back_to(&self, rule: &Section<'a, 'r>, draft: &Draft<'a, 'r>, step: StepNo) -> Option<BackTo> {
        let target = rule.text("back_to");
        let most = rule.whole("most", 1..=1000);
        let after = time::span(rule, "after");
        let then = rule.section("then").and_then(|then| {
            let go = then.text("go");
            then.close(&[]);
            match go {
                Some(go) => ending(&then, &go),
                None => {
                    then.missing("go");
                    None
                }
            }
        });
        if rule.has("then") && !rule.has("most") {
            rule.say(
                rule.error("YZ0108", rule.key_span("then")).name("key", "most").name("where", rule.name()),
            );
        }
        let target = target?;
        let found = find(self.root, self.drafts, draft, target.value, &target.span)?;
        if found != step && !self.order.is_before(found, step) {
            if self.root.reader.lost.borrow().order {
                return None;
            }
            let known: Vec<&str> =
                self.order.before(step).iter().map(|no| self.drafts[no.index()].id).collect();
            let problem = rule.error("YZ0125", target.span).name("step", target.value).name("from", draft.id);
            let problem = problem.cause(Place::at(self.drafts[found.index()].span.clone()));
            rule.say(problem.near(nearest(target.value, known)));
            return None;
        }
        let way = self.next.get();
        self.next.set(way.saturating_add(1));
        Some(BackTo { way, target: found, most, after, then })
    }

    pub(super) fn on_error(&self, draft: &Draft<'a, 'r>, step: StepNo) -> OnError {
        let own = &draft.own;
        let closing = draft.section != crate::plan::Section::Main;
        let Some(item) = own.get("on_error") else {
            return if closing { OnError::Continue } else { self.default.clone() };
        };
        match item.get_ref() {
            DeValue::String(word) if closing && !["continue", "ask"].contains(&word.as_ref()) => {
                own.bad_word("on_error", &Text { value: word, span: item.span() }, &["continue", "ask"]);
                OnError::Continue
            }
            DeValue::String(word) => on_error_word(own, word, item.span()),
            DeValue::Table(_) => {
                let Some(rule) = own.sub("on_error", item) else { return OnError::Fail };
                if !rule.has("back_to") {
                    rule.missing("back_to");
                }
                let back = self.back_to(&rule, draft, step);
                rule.close(&[]);
                back.map_or(OnError::Fail, OnError::BackTo)
            }
            _ => {
                own.reader.wrong_type(
                    "on_error",
                    "\"fail\", \"continue\", \"ask\" or `{ back_to = \"step\" }`",
                    item,
                );
                OnError::Fail
            }
        }
    }

    /// The number of a step for what counts from its end.
    pub(super) fn named(&self, name: &str) -> Option<StepNo> {
        self.drafts.iter().position(|draft| draft.id == name).map(number)
    }
}

fn on_error_word(own: &Section<'_, '_>, word: &str, span: Range<usize>) -> OnError {
    match word {
        "fail" => OnError::Fail,
        "continue" => OnError::Continue,
        "ask" => OnError::Ask,
        other => {
            own.bad_word("on_error", &Text { value: other, span }, &["fail", "continue", "ask"]);
            OnError::Fail
        }
    }
}

/// `on_error` at the top of the file: the default of its steps.
pub(super) fn default_on_error(root: &Section<'_, '_>) -> OnError {
    let Some(text) = root.text("on_error") else { return OnError::Fail };
    on_error_word(root, text.value, text.span)
}

/// `done:word`, `cancel:reason`, `fail:reason`.
pub(super) fn ending(section: &Section<'_, '_>, text: &Text<'_>) -> Option<Ending> {
    let (kind, rest) = text.value.split_once(':').unwrap_or((text.value, ""));
    let rest = rest.trim();
    if rest.contains("{{") {
        let problem = section.error("YZ0623", text.span.clone()).name("value", text.value);
        section.say(if kind.trim() == "done" { problem.case("word") } else { problem });
        return None;
    }
    match (kind.trim(), rest) {
        ("done", "") => Some(Ending::Done { outcome: "done".into() }),
        ("done", outcome) => Some(Ending::Done { outcome: outcome.into() }),
        ("cancel", reason) if !reason.is_empty() => Some(Ending::Cancel { reason: reason.into() }),
        ("fail", reason) if !reason.is_empty() => Some(Ending::Fail { reason: reason.into() }),
        _ => {
            section.say(section.error("YZ0132", text.span.clone()).name("value", text.value));
            None
        }
    }
}

pub(super) fn retry(own: &Section<'_, '_>) -> Option<Retry> {
    let rule = own.section("retry")?;
    let times = rule.whole("times", 0..=1000);
    if !rule.has("times") {
        rule.missing("times");
    }
    let first = time::span(&rule, "first").unwrap_or(crate::moment::Span { ms: 10_000 });
    let factor = rule.number("factor", 1.0..=100.0).unwrap_or(2.0);
    let most = time::span(&rule, "most").unwrap_or(crate::moment::Span { ms: 30 * 60_000 });
    let jitter = rule.number("jitter", 0.0..=1.0).unwrap_or(0.1);
    rule.close(&[]);
    if most < first && rule.has("most") {
        let span: Range<usize> = rule.key_span("most");
        rule.say(rule.error("YZ0137", span).name("first", first.to_string()).name("most", most.to_string()));
    }
    Some(Retry { times: times?, first, factor, most: most.max(first), jitter })
}
