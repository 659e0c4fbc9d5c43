//! Reads what a step says of its time: reminders, rungs, what stops its clock, how it gets more.

use std::sync::Arc;

use toml::Spanned;
use toml::de::DeValue;

use super::flow::{self, Ways};
use super::section::{Section, Text};
use super::{ask, extend, step, time, tree};
use crate::expression::Template;
use crate::moment::{Moment, MomentText, Offset};
use crate::plan::{Clock, Does, Pause, Rung, RungAt, Small};
use crate::problem::nearest;

/// Kinds of a small step beside another.
const KINDS: &[&str] = &["use", "ask", "wait", "run", "await"];

/// What a rung does without a step of its own.
const PLAIN: [&str; 3] = ["tell", "reassign", "decide"];

/// The clock of a step. `kind`: which the step is; of the file itself `step`. Nothing where the file says nothing.
pub(super) fn clock(
    ways: &Ways<'_, '_, '_>,
    own: &Section<'_, '_>,
    kind: Option<&str>,
) -> Option<Box<Clock>> {
    let holds = kind == Some("step");
    let due = if holds { time::moment(own, "due", &|name| ways.named(name)) } else { None };
    let has_due = own.has("due");
    let mut lists = ["remind", "escalate"].map(|key| (own.key_span(key).start, key));
    // Their numbers are those of the file's order.
    lists.sort_unstable();
    let rungs = lists.into_iter().flat_map(|(_, key)| rungs(ways, own, (key, kind), has_due)).collect();
    let pause = if own.path.is_empty() { None } else { pause(ways, own) };
    let extend = if own.path.is_empty() { None } else { extend::extend(ways, own) };
    if own.has("extend") && !has_due {
        let problem = own.error("YZ0681", own.key_span("extend")).name("value", "`extend`");
        own.say(problem.name("where", own.name()).case("extend"));
    }
    let clock = Clock { due, rungs, pause, extend: extend.map(Box::new) };
    let says =
        clock.due.is_some() || !clock.rungs.is_empty() || clock.pause.is_some() || clock.extend.is_some();
    says.then(|| Box::new(clock))
}

fn no_due(own: &Section<'_, '_>, span: std::ops::Range<usize>, value: &str) {
    own.say(own.error("YZ0681", span).name("value", value).name("where", own.name()));
}

fn rungs(
    ways: &Ways<'_, '_, '_>,
    own: &Section<'_, '_>,
    (key, kind): (&'static str, Option<&str>),
    has_due: bool,
) -> Vec<Rung> {
    let Some(item) = own.get(key) else { return Vec::new() };
    let Some(list) = item.get_ref().as_array() else {
        let wanted = match key {
            "remind" => "a list of times: `[\"-1h\"]`",
            _ => "a list of rungs: `[{ at = \"+2h\", tell = \"role:…\" }]`",
        };
        own.reader.wrong_type(key, wanted, item);
        return Vec::new();
    };
    let reminds = key == "remind";
    let mut rungs = Vec::new();
    for (number, one) in list.iter().enumerate() {
        let written: Arc<str> = format!("{key}[{number}]").into();
        let path = own.at(&written);
        let rung = match one.get_ref() {
            DeValue::String(text) if reminds => {
                let text = Text { value: text, span: one.span() };
                let does = Does::Tell(vec![]);
                at_of(own, &text, reminds).map(|at| (at, does))
            }
            DeValue::Table(table) => {
                let section = Section::of(own.reader, path, one.span(), table);
                rung(ways, &section, reminds, kind)
            }
            DeValue::String(_)
            | DeValue::Integer(_)
            | DeValue::Float(_)
            | DeValue::Boolean(_)
            | DeValue::Datetime(_)
            | DeValue::Array(_) => {
                own.reader.wrong_type(key, "a rung: `{ at = \"+2h\", tell = \"role:…\" }`", one);
                None
            }
        };
        let Some((at, does)) = rung else { continue };
        if matches!(at, RungAt::Due(_)) && !has_due {
            no_due(own, one.span(), &written);
        }
        rungs.push(Rung { at, does, reminds, written });
    }
    rungs
}

/// `{ at = "+2h", tell = … }`.
fn rung(
    ways: &Ways<'_, '_, '_>,
    own: &Section<'_, '_>,
    reminds: bool,
    kind: Option<&str>,
) -> Option<(RungAt, Does)> {
    let at = match own.get("at") {
        None => {
            own.missing("at");
            None
        }
        Some(item) => instant(ways, own, item, reminds),
    };
    let does = if reminds { Some(Does::Tell(people(own, "tell"))) } else { does(ways, own, kind) };
    own.close(&["approve"]);
    Some((at?, does?))
}

fn instant<'a, 'r>(
    ways: &Ways<'_, '_, '_>,
    own: &Section<'a, 'r>,
    item: &'r Spanned<DeValue<'a>>,
    reminds: bool,
) -> Option<RungAt> {
    match item.get_ref().as_str() {
        Some(value) => at_of(own, &Text { value, span: item.span() }, reminds),
        None => time::moment(own, "at", &|name| ways.named(name)).map(RungAt::Moment),
    }
}

fn at_of(own: &Section<'_, '_>, text: &Text<'_>, reminds: bool) -> Option<RungAt> {
    if text.value.contains("{{") {
        let worked = own.reader.template(text.value, &text.span)?;
        return Some(RungAt::Moment(Moment::Worked(worked)));
    }
    let written = text.value.trim();
    let read = if written.starts_with(['+', '-']) {
        Offset::parse(written).map(RungAt::Due)
    } else {
        Moment::parse_text(written).map(|moment| match moment {
            MomentText::Next(pattern) if reminds => RungAt::Every(pattern),
            other @ (MomentText::Length(_)
            | MomentText::Next(_)
            | MomentText::AfterToday(_)
            | MomentText::Date(_)
            | MomentText::Local(_)
            | MomentText::Instant(_)) => RungAt::Moment(other.into()),
        })
    };
    match read {
        Ok(at) => Some(at),
        Err(fault) => {
            time::say(own, text, &fault);
            None
        }
    }
}

fn does(ways: &Ways<'_, '_, '_>, own: &Section<'_, '_>, kind: Option<&str>) -> Option<Does> {
    let said: Vec<&'static str> =
        PLAIN.iter().chain(KINDS).copied().filter(|key| own.get(key).is_some()).collect();
    match said.as_slice() {
        [] => {
            own.say(own.error("YZ0680", own.span.clone()).name("where", own.name()));
            None
        }
        [only] => {
            if let Some(kind) = kind.filter(|kind| matches!(*only, "reassign" | "decide") && *kind != "ask") {
                let problem = own.error("YZ0127", own.key_span(only)).name("key", *only).name("kind", kind);
                own.say(problem.name("kinds", "`ask`"));
            }
            match *only {
                "tell" => Some(Does::Tell(people(own, "tell"))),
                "reassign" => Some(Does::Reassign(people(own, "reassign"))),
                "decide" => {
                    let item = own.get("decide")?;
                    if item.get_ref().as_table().is_none() {
                        own.reader.wrong_type("decide", "a table of answers: `{ result = \"…\" }`", item);
                        return None;
                    }
                    Some(Does::Decide(tree::tree(own, "decide", item)))
                }
                kind => {
                    step::misplaced(own, Some(kind));
                    small(ways, own, kind).map(|small| Does::Act(Box::new(small)))
                }
            }
        }
        [first, second, ..] => {
            let problem =
                own.error("YZ0133", own.key_span(second)).name("one", *first).name("other", *second);
            own.say(problem);
            None
        }
    }
}

/// The small step of a kind.
pub(super) fn small(ways: &Ways<'_, '_, '_>, own: &Section<'_, '_>, kind: &str) -> Option<Small> {
    let work = step::work(ways, own, kind, true);
    let (title, retry) = (own.template("title"), flow::retry(own));
    let (timeout, effect) = (time::span(own, "timeout"), step::effect(own));
    Some(Small { work: work?, title, retry, timeout, effect })
}

/// Selectors and templates that yield some.
pub(super) fn people(own: &Section<'_, '_>, key: &'static str) -> Vec<Template> {
    let names = own.texts(key).unwrap_or_default();
    let mut who = Vec::with_capacity(names.len());
    for name in &names {
        ask::check_who(own, name);
        who.extend(own.reader.template(name.value, &name.span));
    }
    who
}

/// `pause = ["supplement"]`, or an expression.
fn pause(ways: &Ways<'_, '_, '_>, own: &Section<'_, '_>) -> Option<Pause> {
    let item = own.get("pause")?;
    if item.get_ref().as_str().is_some() {
        return own.expression("pause").map(Pause::While);
    }
    let mut steps = Vec::new();
    for name in own.texts("pause")? {
        match ways.named(name.value) {
            Some(_) if own.path.ends_with(&format!("step.{}", name.value)) => {
                own.say(own.error("YZ0682", name.span).name("step", name.value));
            }
            Some(step) => steps.push(step),
            None => {
                let near = nearest(name.value, ways.drafts.iter().map(|draft| draft.id));
                let problem = own.error("YZ0122", name.span).name("step", name.value);
                own.say(problem.name("where", own.name()).near(near));
            }
        }
    }
    (!steps.is_empty()).then_some(Pause::Steps(steps))
}
