//! Decision tables: rows are read from the top, and the first that fits is the answer.

use std::ops::Range;
use std::sync::Arc;

use minijinja::value::{Enumerator, Kwargs, Object, ObjectRepr};
use minijinja::{Error, ErrorKind, State, Value};
use rust_decimal::Decimal;

use crate::expression::{Sort, Sorts, empty, exact, is_empty, number_of_words, print, same, sorts_of_value};
use crate::problem::{listed, nearest};

/// A table as the file wrote it.
#[derive(Clone, Debug)]
pub struct Table {
    pub name: Arc<str>,
    /// The columns that a call names.
    pub key: Vec<Arc<str>>,
    pub columns: Vec<Arc<str>>,
    /// A cell per column.
    pub rows: Vec<Arc<[Cell]>>,
}

/// What stands in a cell.
#[derive(Clone, Debug)]
pub enum Cell {
    Value(Value),
    /// In a key column: one of these.
    OneOf(Arc<[Value]>),
    /// In a key column: from and to, both counted in.
    Range(Decimal, Decimal),
    /// In a key column: `>= 3`.
    Compare(Comparison, Decimal),
    /// In a key column: anything.
    Any,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    Below,
    AtMost,
    Above,
    AtLeast,
}

impl Comparison {
    /// The longer signs first, or `>=` would be read as `>`.
    const SIGNS: [(&str, Self); 4] =
        [(">=", Self::AtLeast), ("<=", Self::AtMost), (">", Self::Above), ("<", Self::Below)];

    fn holds(self, value: Decimal, bound: Decimal) -> bool {
        match self {
            Self::Below => value < bound,
            Self::AtMost => value <= bound,
            Self::Above => value > bound,
            Self::AtLeast => value >= bound,
        }
    }
}

impl Cell {
    /// What a value in a key column fits: `*`, `15..25`, `>= 3`, or itself.
    #[must_use]
    pub fn key(value: Value) -> Self {
        let Some(text) = value.as_str().map(str::trim) else { return Self::Value(value) };
        if text == "*" {
            return Self::Any;
        }
        if let Some((from, to)) = text.split_once("..")
            && let (Some(from), Some(to)) = (decimal(from), decimal(to))
        {
            return Self::Range(from, to);
        }
        for (sign, comparison) in Comparison::SIGNS {
            if let Some(bound) = text.strip_prefix(sign).and_then(decimal) {
                return Self::Compare(comparison, bound);
            }
        }
        Self::Value(value)
    }

    /// Whether a code of a choice fits.
    pub(crate) fn takes(&self, code: &str) -> bool {
        self.fits(&Value::from(code))
    }

    /// What a value must be to be found here.
    pub(crate) fn finds(&self) -> Sorts {
        // A text and another value are alike where they print alike.
        let of = |value: &Value| match value.as_str() {
            None => sorts_of_value(value).or(Sort::Text.into()),
            Some(text) => {
                let number = decimal(text).map(|_| Sort::Number.into());
                let flag = ["是", "否", "yes", "no"].contains(&text).then(|| Sort::Flag.into());
                [number, flag].into_iter().flatten().fold(Sorts::from(Sort::Text), Sorts::or)
            }
        };
        match self {
            Self::Any => Sorts::UNKNOWN,
            Self::Value(own) => of(own),
            Self::OneOf(all) => Sorts::of_any(all.iter().map(of)),
            Self::Range(..) | Self::Compare(..) => Sorts::from(Sort::Number).or(Sort::Text.into()),
        }
    }

    fn fits(&self, value: &Value) -> bool {
        match self {
            Self::Any => true,
            Self::Value(own) => alike(own, value),
            Self::OneOf(all) => all.iter().any(|own| alike(own, value)),
            Self::Range(from, to) => number(value).is_some_and(|value| *from <= value && value <= *to),
            Self::Compare(comparison, bound) => {
                number(value).is_some_and(|value| comparison.holds(value, *bound))
            }
        }
    }

    /// As an expression reads it.
    fn value(&self) -> Value {
        match self {
            Self::Value(value) => value.clone(),
            Self::OneOf(all) => Value::from(all.to_vec()),
            Self::Range(from, to) => Value::from(format!("{from}..{to}")),
            Self::Compare(comparison, bound) => {
                let sign =
                    Comparison::SIGNS.iter().find(|(_, own)| own == comparison).map_or("", |(sign, _)| sign);
                Value::from(format!("{sign} {bound}"))
            }
            Self::Any => Value::from("*"),
        }
    }
}

fn number(value: &Value) -> Option<Decimal> {
    match value.as_str() {
        Some(text) => decimal(text),
        None => exact(value),
    }
}

fn decimal(text: &str) -> Option<Decimal> {
    exact(&number_of_words(text)?)
}

/// A number in a csv file may be a text in a form, and the other way round: what reads alike is the same.
fn alike(one: &Value, other: &Value) -> bool {
    if same(one, other) {
        return true;
    }
    let mixed = one.as_str().is_some() != other.as_str().is_some();
    mixed && !is_empty(other) && {
        let (mut left, mut right) = (String::new(), String::new());
        print(one, &mut left);
        print(other, &mut right);
        left == right
    }
}

/// One row, as an expression reads it: `table.branch(area = input.area).unit`.
#[derive(Debug)]
struct Row {
    table: Arc<Table>,
    at: usize,
}

impl Object for Row {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.get_value_by_str(key.as_str()?)
    }

    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Value> {
        let column = self.table.columns.iter().position(|column| &**column == key)?;
        self.table.rows[self.at].get(column).map(Cell::value)
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Values(self.table.columns.iter().map(|column| Value::from(&**column)).collect())
    }
}

impl Object for Table {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Seq
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let at = key.as_usize().filter(|at| *at < self.rows.len())?;
        Some(self.row(at))
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Seq(self.rows.len())
    }

    fn call(self: &Arc<Self>, _: &mut State<'_, '_>, args: &[Value]) -> Result<Value, Error> {
        let (words,): (Kwargs,) = minijinja::value::from_args(args)?;
        self.look_up(&words)
    }

    fn call_method(
        self: &Arc<Self>,
        _: &mut State<'_, '_>,
        method: &str,
        args: &[Value],
    ) -> Result<Value, Error> {
        if method != "column" {
            return Err(Error::from(ErrorKind::UnknownMethod));
        }
        let (name,): (&str,) = minijinja::value::from_args(args)?;
        let at =
            self.columns.iter().position(|column| &**column == name).ok_or_else(|| self.no_column(name))?;
        Ok(self.rows.iter().filter_map(|row| row.get(at)).map(Cell::value).collect())
    }
}

impl Table {
    fn row(self: &Arc<Self>, at: usize) -> Value {
        Value::from_object(Row { table: Arc::clone(self), at })
    }

    fn no_column(&self, name: &str) -> Error {
        let near =
            nearest(name, &self.columns).map_or(String::new(), |near| format!("; did you mean `{near}`?"));
        Error::new(ErrorKind::InvalidOperation, format!("table `{}` has no column `{name}`{near}", self.name))
    }

    /// The first row that fits. With an empty argument and no row for it the answer is empty too.
    fn look_up(self: &Arc<Self>, words: &Kwargs) -> Result<Value, Error> {
        for word in words.args() {
            if !self.key.iter().any(|key| &**key == word) {
                return Err(self.no_column(word));
            }
        }
        let mut wanted = Vec::with_capacity(self.key.len());
        for key in &self.key {
            let value: Value = words.get(key).map_err(|_| {
                let all = listed(&self.key);
                Error::new(ErrorKind::MissingArgument, format!("table `{}` is asked by {all}", self.name))
            })?;
            if value.is_undefined() {
                return Err(Error::from(ErrorKind::UndefinedError));
            }
            let column = self.columns.iter().position(|column| column == key);
            wanted.push((column.unwrap_or_default(), value));
        }
        let fits = |row: &Arc<[Cell]>| {
            wanted.iter().all(|(column, value)| row.get(*column).is_some_and(|cell| cell.fits(value)))
        };
        if let Some(at) = self.rows.iter().position(fits) {
            return Ok(self.row(at));
        }
        if wanted.iter().any(|(_, value)| is_empty(value)) {
            return Ok(empty());
        }
        let shown = |value: &Value| {
            let mut text = String::new();
            print(value, &mut text);
            text
        };
        let asked = self.key.iter().zip(&wanted).map(|(key, (_, value))| format!("{key} = {}", shown(value)));
        let asked: Vec<String> = asked.collect();
        let message = format!("table `{}` has no row for {}", self.name, asked.join(", "));
        Err(Error::new(ErrorKind::InvalidOperation, message))
    }
}

/// The header and the rows of a csv text (RFC 4180), or where and why it is none.
pub(crate) type CsvRows = (Vec<String>, Vec<Vec<String>>);

pub(crate) fn csv_rows(text: &str) -> Result<CsvRows, (Range<usize>, String)> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut records = Vec::new();
    let mut at = 0;
    while at < text.len() {
        let start = at;
        let (record, next) = record(text, at)?;
        at = next;
        if record.len() > 1 || !record[0].is_empty() {
            records.push((start..next, record));
        }
    }
    let mut records = records.into_iter();
    let Some((_, header)) = records.next() else { return Err((0..0, "it is empty".to_owned())) };
    let header: Vec<String> = header.iter().map(|name| name.trim().to_owned()).collect();
    let mut rows = Vec::new();
    for (span, row) in records {
        if row.len() != header.len() {
            let cause = format!("the row has {} cells, and the header {}", row.len(), header.len());
            return Err((span.start..text[..span.end].trim_end().len().max(span.start), cause));
        }
        rows.push(row);
    }
    Ok((header, rows))
}

/// One record from `at` on, and where the next begins.
fn record(text: &str, mut at: usize) -> Result<(Vec<String>, usize), (Range<usize>, String)> {
    let mut cells = Vec::new();
    loop {
        let mut cell = String::new();
        if text[at..].starts_with('"') {
            let open = at;
            at += 1;
            loop {
                let Some(quote) = text[at..].find('"').map(|found| found + at) else {
                    return Err((open..open + 1, "a quote is not closed".to_owned()));
                };
                cell.push_str(&text[at..quote]);
                at = quote + 1;
                if !text[at..].starts_with('"') {
                    break;
                }
                cell.push('"');
                at += 1;
            }
        }
        let end = text[at..].find([',', '\n']).map_or(text.len(), |found| found + at);
        cell.push_str(text[at..end].trim_end_matches('\r'));
        cells.push(cell.trim().to_owned());
        at = end + 1;
        if !text[end..].starts_with(',') {
            return Ok((cells, at.min(text.len())));
        }
    }
}

#[cfg(test)]
mod tests;
