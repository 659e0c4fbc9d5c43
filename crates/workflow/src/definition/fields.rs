//! Reads the fields of a form.

#![expect(clippy::wildcard_enum_match_arm, reason = "TOML has no more kinds, and each key takes one")]

use std::sync::Arc;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::section::{Section, Text, home_of};
use super::{given, name_ok, tree};
use crate::expression::Tree;
use crate::form::{Choice, Field, Form, Kind, Options, Required, Witness};
use crate::problem::{Place, listed, nearest};

/// What a step says of itself: no field of its form may be called so.
pub(crate) const RESERVED: &[&str] = &crate::run::names::RESERVED;

const WITNESS: &[(&str, Witness)] = &[("refused", Witness::Refused), ("always", Witness::Always)];

/// How long a chain of `like` may be.
const MOST_LIKE: u8 = 8;

pub(super) fn form(section: &Section<'_, '_>, reserved: &[&str]) -> Form {
    let mut fields = Vec::new();
    for (key, item) in section.entries() {
        if reserved.contains(&key.value) {
            tree::reserved(section, &key);
            continue;
        }
        if item.get_ref().as_table().is_none()
            && let Some(home) = home_of(key.value, &section.path)
        {
            let problem = section.error("YZ0105", key.span).name("key", key.value);
            section.say(problem.name("where", section.name()).name("belongs", home));
            continue;
        }
        if !name_ok(section, key.value, &key.span) {
            // Whoever reads it may have used the name that it should have.
            section.reader.lose(&section.path);
        }
        if let Some(label) = item.get_ref().as_str() {
            let problem =
                section.error("YZ0107", item.span()).name("key", key.value).name("wanted", "a table");
            let problem = problem.name("found", "a text");
            section.say(problem.name("fixed", format!("{} = {{ label = \"{label}\" }}", key.value)));
            section.reader.lose(&section.at(key.value));
            continue;
        }
        match section.sub(key.value, item) {
            Some(own) => fields.push(field(&own, key.value, 0)),
            None => section.reader.lose(&section.at(key.value)),
        }
    }
    Form { fields }
}

fn field(own: &Section<'_, '_>, name: &str, depth: u8) -> Field {
    let like = own.text("like").and_then(|like| like_of(own, &like, depth));
    let options = options(own);
    let kind = kind(own, like.as_ref(), &options);
    let known = kind.is_some();
    let kind = own.reader.whole(&own.path, kind).unwrap_or(Kind::Text);
    let field = Field {
        name: name.into(),
        kind,
        label: own.string("label"),
        required: required(own),
        default: tree_of(own, "default"),
        value: tree_of(own, "value"),
        options,
        min: tree_of(own, "min"),
        max: tree_of(own, "max"),
        pattern: pattern(own),
        when: own.expression("when"),
        check: own.expression("check"),
        message: own.template("message"),
        help: own.string("help"),
        private: own.boolean("private").unwrap_or(false),
        lines: own.whole("lines", 1..=200),
        columns: columns(own),
        by: own.template("by"),
        witness: own.word("witness", WITNESS).unwrap_or_default(),
        kinds: kinds(own),
        most_bytes: size(own),
        updates: updates(own),
    };
    own.close(&[]);
    let field = match like {
        Some(like) => merged(field, like, own),
        None => field,
    };
    if known {
        fits(own, &field);
    }
    field
}

/// What a page calls the columns of a table are fields of their own.
fn columns(own: &Section<'_, '_>) -> Form {
    let Some(columns) = own.section("fields") else { return Form::default() };
    let form = form(&columns, &[]);
    for (key, item) in columns.entries() {
        let inner = item.get_ref().as_table().and_then(|column| column.get("type"));
        if let Some(inner) = inner.filter(|inner| inner.get_ref().as_str() == Some("table")) {
            let names: Vec<&str> =
                Kind::ALL.iter().map(|(name, _)| *name).filter(|name| *name != "table").collect();
            let problem = own.error("YZ0116", inner.span()).name("key", "type").name("value", "table");
            own.say(problem.name("known", listed(&names)).name("where", key.value));
        }
    }
    form
}

/// Endings of files, without their dot.
fn kinds(own: &Section<'_, '_>) -> Arc<[Arc<str>]> {
    let kinds = own.texts("kinds").unwrap_or_default();
    kinds.iter().map(|kind| kind.value.trim_start_matches('.').to_lowercase().into()).collect()
}

/// `10 MB`.
fn size(own: &Section<'_, '_>) -> Option<u64> {
    let text = own.text("size")?;
    let bytes = bytes_of(text.value);
    if bytes.is_none()
        && let Some(item) = own.get("size")
    {
        own.reader.wrong_type("size", "a size such as \"10 MB\"", item);
    }
    bytes
}

fn bytes_of(text: &str) -> Option<u64> {
    let text = text.trim();
    let digits = text.find(|sign: char| !sign.is_ascii_digit()).unwrap_or(text.len());
    let unit: u64 = match text[digits..].trim().to_ascii_uppercase().as_str() {
        "B" => 1,
        "K" | "KB" => 1 << 10,
        "M" | "MB" => 1 << 20,
        "G" | "GB" => 1 << 30,
        _ => return None,
    };
    text[..digits].parse::<u64>().ok().filter(|size| *size > 0)?.checked_mul(unit)
}

/// The field of the input that an answer corrects. Whether there is one, and of this type, is asked when all is read.
fn updates(own: &Section<'_, '_>) -> Option<Arc<str>> {
    let text = own.text("updates")?;
    let name = text.value.strip_prefix("input.").filter(|name| !name.contains('.'));
    if name.is_none() || !own.path.contains("form.") || own.path.contains(".fields.") {
        own.say(own.error("YZ0169", text.span).name("field", text.value).case("place"));
        return None;
    }
    name.map(Arc::from)
}

fn tree_of(own: &Section<'_, '_>, key: &'static str) -> Option<Tree> {
    own.get(key).map(|item| tree::tree(own, key, item))
}

fn kind(own: &Section<'_, '_>, like: Option<&Field>, options: &Options) -> Option<Kind> {
    let Some(text) = own.text("type") else {
        if own.has("type") {
            return None;
        }
        return Some(match (like, options) {
            (Some(like), _) => like.kind,
            (None, Options::None) if own.has("fields") => Kind::Table,
            (None, Options::None) => Kind::Text,
            (None, Options::Fixed(_) | Options::Worked(_)) => Kind::Choice,
        });
    };
    let kind = Kind::named(text.value);
    if kind.is_none() {
        let names: Vec<&str> = Kind::ALL.iter().map(|(name, _)| *name).collect();
        own.bad_word("type", &text, &names);
    }
    kind
}

fn required(own: &Section<'_, '_>) -> Required {
    match own.get("required").map(|item| (item.get_ref(), item.span())) {
        Some((DeValue::String(text), _)) if !text.contains("{{") => {
            own.boolean("required");
            Required::Always(true)
        }
        Some((DeValue::String(text), span)) => {
            own.reader.template(text, &span).map_or(Required::Always(true), Required::Worked)
        }
        Some(_) => Required::Always(own.boolean("required").unwrap_or(true)),
        None => Required::Always(true),
    }
}

fn options(own: &Section<'_, '_>) -> Options {
    let Some(item) = own.get("options") else { return Options::None };
    let choices = match item.get_ref() {
        DeValue::String(text) => {
            return own.reader.template(text, &item.span()).map_or(Options::None, Options::Worked);
        }
        DeValue::Array(_) => listed_choices(own),
        DeValue::Table(table) => labelled_choices(own, table),
        _ => {
            own.reader.wrong_type("options", "a list, or a table of codes and labels", item);
            return Options::None;
        }
    };
    if choices.is_empty() && !matches!(item.get_ref(), DeValue::Array(list) if !list.is_empty()) {
        own.say(own.error("YZ0162", item.span()).name("field", own.name()));
    }
    Options::Fixed(choices.into())
}

fn listed_choices(own: &Section<'_, '_>) -> Vec<Choice> {
    let texts = own.texts("options").unwrap_or_default();
    for (at, text) in texts.iter().enumerate() {
        if texts[..at].iter().any(|earlier| earlier.value == text.value) {
            own.say(own.error("YZ0163", text.span.clone()).name("code", text.value));
        }
    }
    texts.iter().map(|text| Choice { code: text.value.into(), label: text.value.into() }).collect()
}

fn labelled_choices(own: &Section<'_, '_>, table: &DeTable<'_>) -> Vec<Choice> {
    let mut choices = Vec::with_capacity(table.len());
    for (code, label) in table {
        match label.get_ref().as_str() {
            Some(label) => choices.push(Choice { code: code.get_ref().as_ref().into(), label: label.into() }),
            None => own.reader.wrong_type(code.get_ref(), "a text", label),
        }
    }
    choices
}

fn pattern(own: &Section<'_, '_>) -> Option<Arc<str>> {
    let text = own.text("pattern")?;
    match regex_lite::Regex::new(text.value) {
        Ok(_) => Some(text.value.into()),
        Err(error) => {
            let cause = error.to_string();
            own.say(own.error("YZ0164", text.span).name("pattern", text.value).name("cause", cause));
            None
        }
    }
}

/// The field that `like = "step.repair.result"` names, read from where it stands.
fn like_of(own: &Section<'_, '_>, like: &Text<'_>, depth: u8) -> Option<Field> {
    let parts: Vec<&str> = like.value.split('.').collect();
    let column = |path: &[&str], table: &str| -> Vec<String> {
        path.iter().copied().chain([table, "fields"]).map(str::to_owned).collect()
    };
    let (path, name): (Vec<String>, &str) = match parts.as_slice() {
        ["input", name] => (vec!["input".to_owned()], name),
        ["input", table, name] => (column(&["input"], table), name),
        ["step", step, name] => (form_of(own, step), name),
        ["step", step, table, name] => {
            let form = form_of(own, step);
            (column(&form.iter().map(String::as_str).collect::<Vec<_>>(), table), name)
        }
        _ => {
            own.say(own.error("YZ0166", like.span.clone()).name("like", like.value));
            return None;
        }
    };
    let path: Vec<&str> = path.iter().map(String::as_str).collect();
    let found = own.reader.at_path(&path).and_then(|table| {
        let (key, item) = table.iter().find(|(key, _)| key.get_ref() == name)?;
        let DeValue::Table(table) = item.get_ref() else { return None };
        Some(Section::of(own.reader, format!("{}.{name}", path.join(".")), key.span(), table))
    });
    let field = match found {
        Some(section) if depth < MOST_LIKE => Some(field(&section, name, depth + 1)),
        _ => None,
    };
    let is_lost = own.reader.lost.borrow().has(&format!("{}.{name}", path.join(".")));
    if field.is_none() && is_lost {
        own.reader.lose(&own.path);
    } else if field.is_none() {
        let known = own.reader.at_path(&path).into_iter().flatten().map(|(key, _)| key.get_ref().as_ref());
        let near = nearest(name, known).map(|near| like.value.replacen(name, &near, 1));
        own.say(own.error("YZ0166", like.span.clone()).name("like", like.value).near(near));
    }
    field
}

/// Where the form of a step stands, also of one that another step holds.
fn form_of(own: &Section<'_, '_>, step: &str) -> Vec<String> {
    let mut places = vec![vec!["step".to_owned()]];
    while let Some(mut place) = places.pop() {
        let steps = own.reader.at_path(&place.iter().map(String::as_str).collect::<Vec<_>>());
        for (id, inner) in steps.into_iter().flatten() {
            if id.get_ref() == step {
                place.extend([step.to_owned(), "form".to_owned()]);
                return place;
            }
            if inner.get_ref().as_table().is_some_and(|inner| inner.contains_key("step")) {
                places.push([&place[..], &[id.get_ref().to_string(), "step".to_owned()]].concat());
            }
        }
    }
    vec!["step".to_owned(), step.to_owned(), "form".to_owned()]
}

/// What the field itself does not say, it takes from the one that it is like.
fn merged(field: Field, like: Field, own: &Section<'_, '_>) -> Field {
    Field {
        label: field.label.or(like.label),
        required: if own.has("required") { field.required } else { like.required },
        default: field.default.or(like.default),
        value: field.value,
        options: if matches!(field.options, Options::None) { like.options } else { field.options },
        min: field.min.or(like.min),
        max: field.max.or(like.max),
        pattern: field.pattern.or(like.pattern),
        help: field.help.or(like.help),
        lines: field.lines.or(like.lines),
        private: field.private || like.private,
        check: field.check.or(like.check),
        message: field.message.or(like.message),
        columns: if field.columns.fields.is_empty() { like.columns } else { field.columns },
        by: field.by.or(like.by),
        witness: if own.has("witness") { field.witness } else { like.witness },
        kinds: if field.kinds.is_empty() { like.kinds } else { field.kinds },
        most_bytes: field.most_bytes.or(like.most_bytes),
        ..field
    }
}

/// Keys that mean nothing for the field's type, and defaults that it would not take.
fn fits(own: &Section<'_, '_>, field: &Field) {
    use Kind::{
        Choice, Choices, Date, Datetime, File, Files, Money, Number, Phone, Signature, Table, Text, Time,
        Whole,
    };
    let bounded = matches!(
        field.kind,
        Text | Number | Whole | Money | Date | Time | Datetime | Choices | Files | Table
    );
    let is_file = matches!(field.kind, File | Files);
    let wrong = [
        ("lines", field.kind == Text),
        ("pattern", matches!(field.kind, Text | Phone)),
        ("min", bounded),
        ("max", bounded),
        ("options", field.kind.has_options()),
        ("fields", field.kind == Table),
        ("by", field.kind == Signature),
        ("witness", field.kind == Signature),
        ("kinds", is_file),
        ("size", is_file),
    ];
    for (key, fine) in wrong {
        if own.has(key) && !fine {
            let problem =
                own.error("YZ0165", own.key_span(key)).name("key", key).name("code", field.kind.as_str());
            own.say(problem);
        }
    }
    if field.kind.has_options() && matches!(field.options, Options::None) && !own.has("options") {
        own.say(own.error("YZ0162", own.span.clone()).name("field", field.name.to_string()));
    }
    if field.kind == Table && field.columns.fields.is_empty() && !own.has("fields") {
        own.missing("fields");
    }
    if own.has("message") && field.check.is_none() && !own.has("check") {
        own.say(own.error("YZ0108", own.key_span("message")).name("key", "check").name("where", own.name()));
    }
    let place = |key: &'static str| Place::at(own.get(key).map_or(own.span.clone(), Spanned::span));
    for problem in given::of_field(field, &place) {
        own.say(problem);
    }
    if let (Choice, Options::Fixed(choices), Some(Tree::Text(default))) =
        (field.kind, &field.options, &field.default)
        && default.is_literal()
        && !choices.iter().any(|choice| &*choice.code == default.source())
    {
        let codes: Vec<&str> = choices.iter().map(|choice| &*choice.code).collect();
        let problem = own.error("YZ0167", own.get("default").map_or(own.span.clone(), Spanned::span));
        let problem = problem.name("value", default.source()).name("known", listed(&codes));
        let by_label = choices.iter().find(|choice| &*choice.label == default.source());
        let by_label = by_label.map(|choice| choice.code.to_string());
        own.say(problem.near(by_label.or_else(|| nearest(default.source(), &codes))));
    }
}
