//! Reads lengths of time and moments.

use toml::Spanned;
use toml::de::DeValue;

use super::section::{Section, Text};
use crate::expression::Expression;
use crate::moment::{Anchor, Length, Measure, Moment, MomentFault, MomentText, Span};
use crate::problem::{Problem, nearest, wide};
use crate::schedule::CronFault;

/// Steps by their ids, for what counts from the end of one.
pub(super) type StepNames<'s> = &'s dyn Fn(&str) -> Option<crate::id::StepNo>;

pub(super) fn say(section: &Section<'_, '_>, text: &Text<'_>, fault: &MomentFault) {
    let problem = section.error("YZ0155", text.span.clone()).name("value", text.value);
    section.say(worded(problem, text.value, fault));
}

/// The fault in the words of the catalogue; one that it does not know speaks for itself.
fn worded(problem: Problem, value: &str, fault: &MomentFault) -> Problem {
    if let Some(right) = in_our_words(value) {
        return problem.case("narrow").name("right", right);
    }
    match fault {
        MomentFault::Empty | MomentFault::Unknown { .. } => match nearest_moment(value) {
            Some(right) => problem.case("near").name("right", right),
            None => problem.case("unknown"),
        },
        MomentFault::BareM { n, .. } => problem.case("bare_m").name("n", n.to_string()),
        MomentFault::UnknownUnit { unit, .. } => {
            let near = nearest(unit, UNITS).map(|near| value.replacen(unit.as_str(), &near, 1));
            let problem = problem.case("unit").name("unit", unit);
            near.into_iter().fold(problem, |problem, right| problem.name("right", right))
        }
        MomentFault::NoUnit { .. } => problem.case("no_unit"),
        MomentFault::Fraction { .. } => problem.case("fraction"),
        MomentFault::TooLong { most, .. } => problem.case("too_long").name("most", most.to_string()),
        MomentFault::TooShort { least, .. } => problem.case("too_short").name("least", least.to_string()),
        MomentFault::NotALength { .. } => problem.case("not_a_length"),
        MomentFault::Signed { .. } => problem.case("signed"),
        MomentFault::Unsigned { .. } => problem.case("unsigned"),
        MomentFault::NoSuchTime { .. } => problem.case("no_such"),
        MomentFault::Cron { why: CronFault::Fields(n), .. } => {
            problem.case("cron_fields").name("n", n.to_string())
        }
        MomentFault::Cron { why: CronFault::Comma, .. } => problem.case("cron_comma"),
        MomentFault::Cron { why: CronFault::Part { part, kind }, .. } => {
            problem.case("cron").name("part", part).name("kind", *kind)
        }
        MomentFault::ComesOnce { .. } => problem.case("once"),
        MomentFault::Never { .. } => problem.case("never"),
    }
}

const UNITS: &[&str] = &[
    "s",
    "sec",
    "seconds",
    "min",
    "minutes",
    "h",
    "hour",
    "hours",
    "day",
    "days",
    "week",
    "weeks",
    "month",
    "months",
    "year",
    "years",
    "workday",
    "workdays",
    "workhour",
    "workhours",
];

/// Chinese units, the longer words first.
const CHINESE: &[(&str, &str)] = &[
    ("个工作日", " workdays"),
    ("工作日", " workdays"),
    ("个小时", "h"),
    ("小时", "h"),
    ("分钟", "min"),
    ("分", "min"),
    ("秒钟", "s"),
    ("秒", "s"),
    ("个星期", " weeks"),
    ("星期", " weeks"),
    ("周", " weeks"),
    ("个月", " months"),
    ("年", " years"),
    ("天", " days"),
    ("日", " days"),
];

/// The moment that is nearest by its words, where there is one.
fn nearest_moment(value: &str) -> Option<String> {
    const WORDS: &[&str] = &[
        "monday",
        "tuesday",
        "wednesday",
        "thursday",
        "friday",
        "saturday",
        "sunday",
        "workday",
        "today",
        "next",
        "first",
        "second",
        "third",
        "fourth",
        "last",
        "every",
        "day",
        "week",
        "month",
        "year",
        "hour",
        "at",
        "of",
    ];
    let lower = value.trim().to_lowercase();
    let words = lower.split_whitespace().map(|word| {
        let plain = word.bytes().any(|byte| byte.is_ascii_digit());
        let near = if plain { None } else { nearest(word, WORDS) };
        near.unwrap_or_else(|| word.to_owned())
    });
    let right = words.collect::<Vec<_>>().join(" ");
    (right != lower && Moment::parse_text(&right).is_ok()).then_some(right)
}

/// What somebody meant who wrote `4小时` or `18：00`, where that is a moment.
fn in_our_words(value: &str) -> Option<String> {
    let mut right = wide::all_narrowed(value.trim());
    for (chinese, ours) in CHINESE {
        if let Some(number) = right.strip_suffix(chinese) {
            right = format!("{}{ours}", number.trim());
            break;
        }
    }
    (right != value.trim() && Moment::parse_text(&right).is_ok()).then_some(right)
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
    let length = match text.value.contains("{{") {
        true => Measure::Worked(section.reader.template(text.value, &text.span)?),
        false => length(section, &text)?.into(),
    };
    let mut of = Vec::new();
    for anchor in anchors {
        if anchor.value.contains("{{") {
            of.push(Anchor::Value(section.reader.template(anchor.value, &anchor.span)?));
        } else if let Some(step) = steps(anchor.value) {
            of.push(Anchor::Step(step));
        } else {
            let known = section.reader.at_path(&["step"]).into_iter().flatten();
            let near = nearest(anchor.value, known.map(|(key, _)| key.get_ref().as_ref()));
            let problem = section.error("YZ0122", anchor.span).name("step", anchor.value);
            let is_path = anchor.value.contains('.') && Expression::parse(anchor.value).is_ok();
            let problem = if is_path { problem.case("path") } else { problem };
            section.say(problem.name("where", section.name()).near(near));
            return None;
        }
    }
    Some(Moment::Within { length, of, before })
}

/// A length as a key of its own: `ahead = "1 day"`.
pub(super) fn length_of(section: &Section<'_, '_>, key: &'static str) -> Option<Length> {
    length(section, &section.text(key)?)
}

fn length(section: &Section<'_, '_>, text: &Text<'_>) -> Option<Length> {
    match Moment::parse_text(text.value) {
        Ok(MomentText::Length(length)) => Some(length),
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
