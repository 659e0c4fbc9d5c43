//! Walks the tables of a file: takes keys by their types and, at the end, names those that nobody asked for.

#![expect(clippy::wildcard_enum_match_arm, reason = "TOML has no more kinds, and each key takes one")]

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::lost::Lost;
use super::{Files, Spans, advice, slips};
use crate::expression::{Expression, Template};
use crate::problem::{Place, Problem, listed, nearest};

/// A value of the file with its place.
pub(super) type Item<'a> = &'a Spanned<DeValue<'a>>;

/// What reading one file gathers.
pub(super) struct Reader<'a> {
    pub(super) text: &'a str,
    root: &'a DeTable<'a>,
    files: &'a dyn Files,
    pub(super) problems: RefCell<Vec<Problem>>,
    /// Every file that the workflow names, with its text.
    pub(super) read: RefCell<BTreeMap<String, String>>,
    /// Which template came from which file, by its dotted path.
    pub(super) from_file: RefCell<BTreeMap<String, Arc<str>>>,
    pub(super) spans: Spans,
    /// What others may name and could not be read.
    pub(super) lost: RefCell<Lost>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(text: &'a str, root: &'a DeTable<'a>, files: &'a dyn Files) -> Self {
        let mut spans = Spans::default();
        spans.add("", root);
        Self {
            text,
            root,
            files,
            problems: RefCell::default(),
            read: RefCell::default(),
            from_file: RefCell::default(),
            spans,
            lost: RefCell::default(),
        }
    }

    pub(super) fn say(&self, problem: Problem) {
        self.problems.borrow_mut().push(problem);
    }

    /// The table at a path from the top.
    pub(super) fn at_path(&self, path: &[&str]) -> Option<&'a DeTable<'a>> {
        path.iter().try_fold(self.root, |table, key| table.get(*key)?.get_ref().as_table())
    }

    pub(super) fn error(&self, code: &'static str, span: Range<usize>) -> Problem {
        Problem::error(code, Place::at(span))
    }

    /// Reads a file that the workflow names; its text becomes part of the workflow's.
    pub(super) fn file(&self, path: &str, span: &Range<usize>) -> Option<String> {
        if let Some(text) = self.read.borrow().get(path) {
            return Some(text.clone());
        }
        match self.files.read(path) {
            Ok(text) if text.len() <= super::MOST_TEXT => {
                self.read.borrow_mut().insert(path.to_owned(), text.clone());
                Some(text)
            }
            Ok(_) => {
                self.say(self.error("YZ0103", span.clone()).name("file", path).name("most", "1 MiB"));
                None
            }
            Err(cause) => {
                self.say(self.error("YZ0158", span.clone()).name("path", path).name("cause", cause));
                None
            }
        }
    }

    /// Where a part of a decoded string stands in the file: exactly, where the string is written as it reads.
    pub(super) fn within(&self, span: &Range<usize>, decoded: &str, part: &Range<usize>) -> Range<usize> {
        place_in(self.text, span, decoded, part)
    }

    pub(super) fn expression(&self, text: &str, span: &Range<usize>) -> Option<Expression> {
        if let Some(inner) = text.trim().strip_prefix("{{").and_then(|rest| rest.strip_suffix("}}"))
            && Expression::parse(inner).is_ok()
        {
            self.say(self.error("YZ0148", span.clone()).name("inner", inner.trim()));
            return None;
        }
        match Expression::parse(text) {
            Ok(expression) => Some(expression),
            Err(fault) => {
                self.say(slips::problem(&fault, Place::at(self.within(span, text, &fault.at)), text));
                None
            }
        }
    }

    pub(super) fn template(&self, text: &str, span: &Range<usize>) -> Option<Template> {
        if text.contains("{%") && text.contains("%}") {
            self.say(Problem::warning("YZ0198", Place::at(span.clone())));
        }
        match Template::parse(text) {
            Ok(template) => Some(template),
            Err(fault) => {
                self.say(slips::problem(&fault, Place::at(self.within(span, text, &fault.at)), text));
                None
            }
        }
    }

    /// A template file; `at` is the dotted path of the value that names it.
    pub(super) fn template_file(&self, path: &str, at: &str, span: &Range<usize>) -> Option<Template> {
        let text = self.file(path, span)?;
        match Template::parse_file(&text) {
            Ok(template) => {
                self.from_file.borrow_mut().insert(at.to_owned(), path.into());
                Some(template)
            }
            Err(fault) => {
                self.say(slips::problem(&fault, Place::of_file(&path.into(), fault.at.clone()), &text));
                None
            }
        }
    }

    /// Notes that what stands at a path could not be read; why, was said.
    pub(super) fn lose(&self, path: &str) {
        self.lost.borrow_mut().add(path);
    }

    /// Gives a thing back that others may name, and notes when there is none.
    pub(super) fn whole<T>(&self, path: &str, thing: Option<T>) -> Option<T> {
        if thing.is_none() {
            self.lose(path);
        }
        thing
    }

    /// Says that a value has the wrong type.
    pub(super) fn wrong_type(&self, key: &str, wanted: &str, item: Item<'_>) {
        let span = item.span();
        let problem = self.error("YZ0107", span.clone());
        let problem = problem.name("key", key).name("wanted", wanted).name("found", kind_of(item.get_ref()));
        let written = self.text.get(span).unwrap_or_default();
        self.say(match item.get_ref() {
            DeValue::Array(_) if written.starts_with("[[") => problem.case("array"),
            value => match advice::right_type(key, wanted, value, written) {
                Some(fixed) => problem.name("fixed", fixed),
                None => problem,
            },
        });
    }
}

/// Where a part of a decoded string stands in `text`, whose `span` holds the string as written.
pub(super) fn place_in(text: &str, span: &Range<usize>, decoded: &str, part: &Range<usize>) -> Range<usize> {
    let raw = text.get(span.clone()).unwrap_or_default();
    match raw.find(decoded) {
        Some(at) if !decoded.is_empty() => span.start + at + part.start..span.start + at + part.end,
        _ => span.clone(),
    }
}

/// A type in the words of TOML's readers.
pub(super) fn kind_of(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date or time",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

/// One table of the file, being read.
pub(super) struct Section<'a, 'r> {
    pub(super) reader: &'r Reader<'a>,
    /// Dotted, from the top: `step.record`.
    pub(super) path: String,
    pub(super) span: Range<usize>,
    table: &'r DeTable<'a>,
    asked: RefCell<BTreeSet<&'static str>>,
    /// Somebody has looked at every key there is.
    all_known: std::cell::Cell<bool>,
}

/// A string with its place.
#[derive(Clone, Debug)]
pub(super) struct Text<'r> {
    pub(super) value: &'r str,
    pub(super) span: Range<usize>,
}

impl<'a, 'r> Section<'a, 'r> {
    pub(super) fn root(reader: &'r Reader<'a>, table: &'r DeTable<'a>) -> Self {
        Self {
            reader,
            path: String::new(),
            span: 0..0,
            table,
            asked: RefCell::default(),
            all_known: false.into(),
        }
    }

    pub(super) fn of(
        reader: &'r Reader<'a>,
        path: String,
        span: Range<usize>,
        table: &'r DeTable<'a>,
    ) -> Self {
        Self { reader, path, span, table, asked: RefCell::default(), all_known: false.into() }
    }

    pub(super) fn at(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    pub(super) fn error(&self, code: &'static str, span: Range<usize>) -> Problem {
        self.reader.error(code, span)
    }

    pub(super) fn say(&self, problem: Problem) {
        self.reader.say(problem);
    }

    pub(super) fn key_span(&self, key: &str) -> Range<usize> {
        self.table.get_key_value(key).map_or_else(|| self.span.clone(), |(known, _)| known.span())
    }

    pub(super) fn get(&self, key: &'static str) -> Option<&'r Spanned<DeValue<'a>>> {
        self.asked.borrow_mut().insert(key);
        self.table.get(key)
    }

    /// For tables some of whose keys are named elsewhere: a plugin's fields beside our words.
    pub(super) fn all_known(&self) {
        self.all_known.set(true);
    }

    /// Whether somebody has asked for it.
    pub(super) fn knows(&self, key: &str) -> bool {
        self.asked.borrow().contains(key)
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.table.contains_key(key)
    }

    /// All entries, whatever their keys: for tables whose keys are the author's own names.
    pub(super) fn entries(&self) -> impl Iterator<Item = (Text<'r>, &'r Spanned<DeValue<'a>>)> + use<'a, 'r> {
        self.table
            .iter()
            .map(|(key, value)| (Text { value: key.get_ref().as_ref(), span: key.span() }, value))
    }

    pub(super) fn sub(&self, key: &str, item: &'r Spanned<DeValue<'a>>) -> Option<Section<'a, 'r>> {
        match item.get_ref() {
            DeValue::Table(table) => Some(Section {
                reader: self.reader,
                path: self.at(key),
                span: self.key_span(key),
                table,
                asked: RefCell::default(),
                all_known: false.into(),
            }),
            _ => {
                self.reader.wrong_type(key, "a table", item);
                None
            }
        }
    }

    pub(super) fn section(&self, key: &'static str) -> Option<Section<'a, 'r>> {
        let item = self.get(key)?;
        self.reader.whole(&self.at(key), self.sub(key, item))
    }

    pub(super) fn text(&self, key: &'static str) -> Option<Text<'r>> {
        let item = self.get(key)?;
        match item.get_ref().as_str() {
            Some(value) => Some(Text { value, span: item.span() }),
            None => {
                self.reader.wrong_type(key, "a text", item);
                None
            }
        }
    }

    pub(super) fn string(&self, key: &'static str) -> Option<String> {
        let text = self.text(key)?;
        // What a reader is told of the file itself is the same for every case.
        if ["title", "note", "label", "help"].contains(&key) && text.value.contains("{{") {
            self.say(Problem::warning("YZ0621", Place::at(text.span.clone())).name("key", key));
        }
        Some(text.value.to_owned())
    }

    pub(super) fn template(&self, key: &'static str) -> Option<Template> {
        let text = self.text(key)?;
        self.reader.template(text.value, &text.span)
    }

    pub(super) fn expression(&self, key: &'static str) -> Option<Expression> {
        let text = self.text(key)?;
        self.reader.expression(text.value, &text.span)
    }

    pub(super) fn boolean(&self, key: &'static str) -> Option<bool> {
        let item = self.get(key)?;
        let value = item.get_ref().as_bool();
        if value.is_none() {
            self.reader.wrong_type(key, "`true` or `false`", item);
        }
        value
    }

    /// A whole number within bounds.
    pub(super) fn whole(&self, key: &'static str, within: std::ops::RangeInclusive<u32>) -> Option<u32> {
        let item = self.get(key)?;
        let Some(number) = item.get_ref().as_integer() else {
            self.reader.wrong_type(key, "a whole number", item);
            return None;
        };
        let value = i64::from_str_radix(&number.as_str().replace('_', ""), number.radix()).ok();
        let value = value.and_then(|value| u32::try_from(value).ok()).filter(|value| within.contains(value));
        if value.is_none() {
            self.out_of_bounds(key, item.span(), &within.start().to_string(), &within.end().to_string());
        }
        value
    }

    pub(super) fn number(&self, key: &'static str, within: std::ops::RangeInclusive<f64>) -> Option<f64> {
        let item = self.get(key)?;
        let value = match item.get_ref() {
            DeValue::Integer(number) => number.as_str().replace('_', "").parse::<f64>().ok(),
            DeValue::Float(number) => number.as_str().replace('_', "").parse::<f64>().ok(),
            _ => {
                self.reader.wrong_type(key, "a number", item);
                return None;
            }
        };
        let value = value.filter(|value| within.contains(value));
        if value.is_none() {
            self.out_of_bounds(key, item.span(), &within.start().to_string(), &within.end().to_string());
        }
        value
    }

    fn out_of_bounds(&self, key: &str, span: Range<usize>, least: &str, most: &str) {
        self.say(self.error("YZ0136", span).name("key", key).name("least", least).name("most", most));
    }

    /// A list of texts; a single text counts as a list of one.
    pub(super) fn texts(&self, key: &'static str) -> Option<Vec<Text<'r>>> {
        let item = self.get(key)?;
        match item.get_ref() {
            DeValue::String(value) => Some(vec![Text { value: value.as_ref(), span: item.span() }]),
            DeValue::Array(list) => {
                let mut texts = Vec::with_capacity(list.len());
                for one in list {
                    match one.get_ref().as_str() {
                        Some(value) => texts.push(Text { value, span: one.span() }),
                        None => self.reader.wrong_type(key, "a list of texts", one),
                    }
                }
                Some(texts)
            }
            _ => {
                self.reader.wrong_type(key, "a list of texts", item);
                None
            }
        }
    }

    /// One of a few words.
    pub(super) fn word<T: Copy>(&self, key: &'static str, known: &[(&'static str, T)]) -> Option<T> {
        let text = self.text(key)?;
        let found = known.iter().find(|(word, _)| *word == text.value).map(|(_, value)| *value);
        if found.is_none() {
            self.bad_word(key, &text, &known.iter().map(|(word, _)| *word).collect::<Vec<_>>());
        }
        found
    }

    pub(super) fn bad_word(&self, key: &str, text: &Text<'_>, known: &[&str]) {
        let problem = self.error("YZ0116", text.span.clone()).name("key", key).name("value", text.value);
        let near = advice::our_word(text.value, known).or_else(|| nearest(text.value, known));
        self.say(problem.name("known", listed(known)).near(near));
    }

    pub(super) fn missing(&self, key: &'static str) {
        self.say(self.error("YZ0108", self.span.clone()).name("key", key).name("where", self.name()));
    }

    /// How a message calls this table.
    pub(super) fn name(&self) -> String {
        if self.path.is_empty() { "the file".to_owned() } else { format!("[{}]", self.path) }
    }

    /// Names every key that nobody asked for; `later` are keys of the language that are not built yet.
    pub(super) fn close(&self, later: &[&'static str]) {
        if self.all_known.get() {
            return;
        }
        let asked = self.asked.borrow();
        for (key, item) in self.entries() {
            if asked.contains(key.value) {
                continue;
            }
            if later.contains(&key.value) {
                let problem =
                    self.error("YZ0106", key.span).name("key", key.value).name("where", self.name());
                self.say(problem);
                continue;
            }
            // `step.mail.use` written as `[step] use = …`: the value tells that it is no step.
            let mut problem =
                self.error("YZ0105", key.span).name("key", key.value).name("where", self.name());
            let known = asked.iter().chain(later);
            let home = home_of(key.value, &self.path);
            // Beside an action `to` is one of its values.
            let calls = asked.contains("use") && self.has("use");
            let ours = advice::our_key(key.value, |ours| asked.contains(ours) && !(calls && ours == "tell"));
            let ours = ours.map(str::to_owned);
            let near = ours.or_else(|| nearest(key.value, known.clone()));
            problem = match (home, near) {
                (Some(home), _) => problem.name("belongs", home),
                (None, Some(near)) => problem.near(Some(near)),
                (None, None) if self.path.is_empty() && advice::is_step(item.get_ref()) => {
                    problem.near(Some(format!("[step.{}]", key.value)))
                }
                // What is not built yet would only be the next fault.
                (None, None) => problem.name("known", listed(asked.iter())),
            };
            if calls && !problem.names.contains_key("nearest") {
                problem = problem.name("within", format!("with.{}", key.value));
            }
            self.say(problem);
        }
    }
}

pub(super) const TOP: &str = "the top of the file, above the first `[…]`";

/// In which table a key that stands in the wrong one belongs.
pub(super) fn home_of(key: &str, path: &str) -> Option<&'static str> {
    let top = ["title", "owner", "implements", "key", "on_duplicate", "unique", "note"];
    let step =
        ["use", "ask", "with", "when", "needs", "retry", "undo", "on", "due", "form", "timeout", "each"];
    if top.contains(&key) && !path.is_empty() {
        return Some(TOP);
    }
    (step.contains(&key) && path.is_empty()).then_some("a step: `[step.<name>]`")
}

impl Spans {
    fn add(&mut self, path: &str, table: &DeTable<'_>) {
        for (key, value) in table {
            let path =
                if path.is_empty() { key.get_ref().to_string() } else { format!("{path}.{}", key.get_ref()) };
            self.add_value(&path, value);
            self.of.insert(path, (key.span(), value.span()));
        }
    }

    fn add_value(&mut self, path: &str, value: &Spanned<DeValue<'_>>) {
        match value.get_ref() {
            DeValue::Table(table) => self.add(path, table),
            DeValue::Array(list) => {
                for (at, item) in list.iter().enumerate() {
                    let path = format!("{path}[{at}]");
                    self.add_value(&path, item);
                    self.of.insert(path, (item.span(), item.span()));
                }
            }
            _ => {}
        }
    }

    /// Where the value at a path stands; of what is not written, the nearest thing above it that is.
    #[must_use]
    pub fn value(&self, path: &str) -> Range<usize> {
        self.find(path).map_or(0..0, |(_, value)| value.clone())
    }

    #[must_use]
    pub fn key(&self, path: &str) -> Range<usize> {
        self.find(path).map_or(0..0, |(key, _)| key.clone())
    }

    fn find(&self, path: &str) -> Option<&(Range<usize>, Range<usize>)> {
        let mut path = path;
        loop {
            if let Some(found) = self.of.get(path) {
                return Some(found);
            }
            path = &path[..path.rfind(['.', '['])?];
        }
    }
}
