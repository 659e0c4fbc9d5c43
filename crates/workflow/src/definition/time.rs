//! Reads lengths of time and moments.

use toml::Spanned;
use toml::de::DeValue;

use super::section::{Section, Text};
use crate::moment::{Anchor, Moment, MomentFault, MomentText, Span};
use crate::problem::Problem;

/// Steps by their ids, for what counts from the end of one.
pub(super) type StepNames<'s> = &'s dyn Fn(&str) -> Option<crate::id::StepNo>;

fn say(section: &Section<'_, '_>, text: &Text<'_>, fault: &MomentFault) {
    let code = if matches!(fault, MomentFault::NotYet { .. }) { "YZ0156" } else { "YZ0155" };
    let problem: Problem =
        section.error(code, text.span.clone()).name("value", text.value).name("cause", fault.to_string());
    section.say(match fault.help() {
        Some(help) => problem.name("write", help),
        None => problem,
    });
}

pub(super) fn span_of(section: &Section<'_, '_>, _key: &str, text: &Text<'_>) -> Option<Span> {
    match Span::parse(text.value) {
        Ok(span) => Some(span),
        Err(fault) => {
            say(section, text, &fault);
            None
        }
    }
}

pub(super) fn span(section: &Section<'_, '_>, key: &'static str) -> Option<Span> {
    let text = section.text(key)?;
    span_of(section, key, &text)
}

pub(super) fn pattern(section: &Section<'_, '_>, text: &Text<'_>) -> Option<crate::schedule::Pattern> {
    match crate::schedule::Pattern::parse(text.value) {
        Ok(pattern) => Some(pattern),
        Err(fault) => {
            say(section, text, &fault);
            None
        }
    }
}

pub(super) fn moment<'a, 'r>(
    section: &Section<'a, 'r>,
    key: &'static str,
    steps: StepNames<'_>,
) -> Option<Moment> {
    let item = section.get(key)?;
    of(section, key, item, steps)
}

fn of<'a, 'r>(
    section: &Section<'a, 'r>,
    key: &str,
    item: &'r Spanned<DeValue<'a>>,
    steps: StepNames<'_>,
) -> Option<Moment> {
    match item.get_ref() {
        DeValue::String(value) => plain(section, &Text { value, span: item.span() }),
        DeValue::Datetime(instant) => {
            let written = instant.to_string();
            plain(section, &Text { value: &written, span: item.span() })
        }
        DeValue::Array(list) => {
            let moments: Vec<Moment> = list.iter().filter_map(|one| of(section, key, one, steps)).collect();
            if list.is_empty() {
                section.reader.wrong_type(key, "a list with a moment in it", item);
            }
            (moments.len() == list.len() && !moments.is_empty()).then_some(Moment::Earliest(moments))
        }
        DeValue::Table(_) => within(&section.sub(key, item)?, steps),
        DeValue::Integer(_) | DeValue::Float(_) | DeValue::Boolean(_) => {
            section.reader.wrong_type(key, "a moment such as \"4h\" or \"3 days\"", item);
            None
        }
    }
}

fn plain(section: &Section<'_, '_>, text: &Text<'_>) -> Option<Moment> {
    if text.value.contains("{{") {
        return section.reader.template(text.value, &text.span).map(Moment::Worked);
    }
    match Moment::parse_text(text.value) {
        Ok(moment) => Some(moment.into()),
        Err(fault) => {
            say(section, text, &fault);
            None
        }
    }
}

/// `{ within = "24h", of = "dispatch" }`, `{ before = "15min", of = [...] }`.
fn within(section: &Section<'_, '_>, steps: StepNames<'_>) -> Option<Moment> {
    let within = section.text("within");
    let before = section.text("before");
    let anchors = section.texts("of");
    section.close(&[]);
    let (text, before) = match (within, before) {
        (Some(text), None) => (text, false),
        (None, Some(text)) => (text, true),
        (Some(_), Some(text)) => {
            section.say(section.error("YZ0133", text.span).name("one", "within").name("other", "before"));
            return None;
        }
        (None, None) => {
            section.missing("within");
            return None;
        }
    };
    let Some(anchors) = anchors else {
        section.missing("of");
        return None;
    };
    let span = length(section, &text)?;
    let mut of = Vec::new();
    for anchor in anchors {
        if anchor.value.contains("{{") {
            of.push(Anchor::Value(section.reader.template(anchor.value, &anchor.span)?));
        } else if let Some(step) = steps(anchor.value) {
            of.push(Anchor::Step(step));
        } else {
            section.say(
                section.error("YZ0122", anchor.span).name("step", anchor.value).name("where", section.name()),
            );
            return None;
        }
    }
    Some(Moment::Within { span: Box::new(span), of, before })
}

fn length(section: &Section<'_, '_>, text: &Text<'_>) -> Option<Moment> {
    match Moment::parse_text(text.value) {
        Ok(MomentText::Clock(span)) => Some(Moment::Clock(span)),
        Ok(MomentText::Calendar { n, unit }) => Some(Moment::Calendar { n, unit }),
        Ok(_) => {
            say(section, text, &MomentFault::NotALength { written: text.value.to_owned() });
            None
        }
        Err(fault) => {
            say(section, text, &fault);
            None
        }
    }
}
