//! A form as whoever fills it in by a program must know it: each field with its type, what it must be, and what a table has.

use maud::{Markup, html};
use serde_json::Value as Json;
use yizhan_workflow::problem::{Lang, sort_word};

use super::super::fields::{Opt, Shown, told};
use crate::words::{Text, catalogue as t, say, say_with};

/// So many options are named; of more only how many they are.
const NAMED_OPTIONS: usize = 20;

pub(super) fn form(lang: Lang, all: &[Shown]) -> Markup {
    html! {
        @if !all.is_empty() {
            h2 { (say(lang, t::START_FORM)) }
            div.wide { table.rows {
                thead { tr { th { (say(lang, t::FIELD)) } th { (say(lang, t::NAME_IN_FILE)) } th { (say(lang, t::SORT)) } th { (say(lang, t::MUST)) } th { (say(lang, t::LIMITS)) } } }
                tbody { @for field in all {
                    (row(lang, field, None))
                    @for column in &field.fields { (row(lang, column, Some(field))) }
                } }
            } }
        }
    }
}

/// A field, or a column of a table.
fn row(lang: Lang, field: &Shown, of: Option<&Shown>) -> Markup {
    let must = if field.is_required() { t::YES } else { t::NO };
    html! {
        tr {
            td data-label=(say(lang, t::FIELD)) { @if of.is_some() { span.soft { "└ " } } (field.label) }
            td data-label=(say(lang, t::NAME_IN_FILE)) { code { @if let Some(table) = of { (table.name) "[]." } (field.name) } }
            td data-label=(say(lang, t::SORT)) { (sort_word(field.kind(), lang)) }
            td data-label=(say(lang, t::MUST)) { (say(lang, must)) }
            td data-label=(say(lang, t::LIMITS)) {
                @let limits = limits(lang, field);
                @if limits.is_empty() { span.soft { "—" } }
                @for limit in limits { p { (limit) } }
            }
        }
    }
}

fn limits(lang: Lang, field: &Shown) -> Vec<String> {
    let with = |text: Text, value: &str| say_with(lang, text, &[value]);
    let mut all = vec![];
    if !field.options.is_empty() {
        all.push(options(lang, &field.options));
    }
    let (least, most) = match field.kind() {
        "date" | "time" | "datetime" => (t::EARLIEST, t::LATEST),
        _ => (t::AT_LEAST, t::AT_MOST),
    };
    let bound = |text, bound: &Json| with(text, &counted(lang, field.kind(), &told(bound, lang)));
    all.extend(field.min.as_ref().map(|least_of| bound(least, least_of)));
    all.extend(field.max.as_ref().map(|most_of| bound(most, most_of)));
    all.extend(field.pattern.as_deref().map(|pattern| with(t::FITS_PATTERN, pattern)));
    all.extend(field.check.as_deref().map(|check| with(t::MUST_HOLD, check)));
    if !field.kinds.is_empty() {
        all.push(with(t::ENDINGS, &field.kinds.join(say(lang, t::LIST_COMMA))));
    }
    all.extend(field.size.map(|most| with(t::FILE_AT_MOST, &bytes(most))));
    all.extend(field.default.as_ref().map(|value| with(t::BY_DEFAULT, &told(value, lang))));
    all.extend(field.value.as_ref().map(|_| say(lang, t::WORKED_OUT).to_owned()));
    all.extend(field.when.as_deref().map(|when| with(t::ASKED_WHERE, when)));
    all.extend(field.by.as_deref().map(|who| with(t::SIGNED_BY, who)));
    all.extend(field.updates.as_deref().map(|name| with(t::CORRECTS, name)));
    all.extend(field.private.then(|| say(lang, t::IS_PRIVATE).to_owned()));
    // A bound that is worked out of other fields has no value before they are filled in.
    all.extend(field.unknown.keys().map(|key| with(t::HANGS_ON_OTHERS, key)));
    all
}

fn options(lang: Lang, all: &[Opt]) -> String {
    let one = |option: &Opt| {
        if option.code == option.label {
            option.code.clone()
        } else {
            format!("{} ({})", option.code, option.label)
        }
    };
    let named: Vec<String> = all.iter().take(NAMED_OPTIONS).map(one).collect();
    let named = named.join(say(lang, t::LIST_COMMA));
    if all.len() <= NAMED_OPTIONS {
        return say_with(lang, t::ONE_OF, &[&named]);
    }
    say_with(lang, t::ONE_OF_MANY, &[&all.len().to_string(), &named])
}

/// What a bound counts: signs of a text, entries of a list; a number and a date stand for themselves.
fn counted(lang: Lang, kind: &str, bound: &str) -> String {
    match kind {
        "text" | "phone" | "email" | "id_card" => say_with(lang, t::SIGNS, &[bound]),
        "choices" | "checklist" | "files" | "table" => say_with(lang, t::ENTRIES_OF_IT, &[bound]),
        _ => bound.to_owned(),
    }
}

fn bytes(most: u64) -> String {
    const KIB: u64 = 1 << 10;
    const MIB: u64 = 1 << 20;
    match most {
        most if most >= MIB && most % MIB == 0 => format!("{} MB", most / MIB),
        most if most >= KIB && most % KIB == 0 => format!("{} KB", most / KIB),
        most => format!("{most} B"),
    }
}
