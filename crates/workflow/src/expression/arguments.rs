//! Finds what filters and functions will refuse whatever the values are: a word too few, a length that is none.

#![expect(clippy::wildcard_enum_match_arm, reason = "only what is written as a constant is tried")]

use minijinja::Value;
use minijinja::machinery::ast::{Call, CallArg, Expr, Filter, UnaryOpKind};

use super::sort::{Sort, Sorts};
use super::{Expression, names};

/// Why something written in a file cannot be worked out, ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    TooFew,
    TooMany,
    /// `add('5 wrokdays', …)`.
    Length,
    /// `| date('%Q')`.
    Pattern,
    /// The filter is for other values.
    Sort(Sort),
    Zero,
    /// One of its words is none.
    Word,
    /// A text that is neither a day nor a time.
    Day,
}

const DATES: &[&str] = &["date", "datetime", "time", "weekday", "year", "month", "day"];
const NUMBERS: &[&str] = &["abs", "round"];
const SUMS: &[&str] = &["sum", "mean"];
const LISTS: &[&str] = &[
    "batch",
    "chain",
    "count",
    "first",
    "groupby",
    "join",
    "last",
    "length",
    "map",
    "max",
    "min",
    "reject",
    "rejectattr",
    "reverse",
    "select",
    "selectattr",
    "slice",
    "sort",
    "unique",
    "zip",
];
const TEXTS: &[&str] = &[
    "bool",
    "capitalize",
    "csv",
    "default",
    "indent",
    "int",
    "lines",
    "lower",
    "money",
    "number",
    "replace",
    "split",
    "string",
    "title",
    "trim",
    "upper",
];

/// What stands before the `|`.
pub(super) fn of_receiver(filter: &str, sort: Sort) -> Option<Refused> {
    let fits = match filter {
        _ if NUMBERS.contains(&filter) => sort == Sort::Number,
        _ if SUMS.contains(&filter) => sort == Sort::List,
        _ if LISTS.contains(&filter) => !matches!(sort, Sort::Number | Sort::Flag),
        _ if DATES.contains(&filter) || filter == "money" => matches!(sort, Sort::Text | Sort::Number),
        _ => true,
    };
    (!fits).then_some(Refused::Sort(sort))
}

/// Tries a filter whose words are all constants on a value that it takes.
pub(super) fn of_filter(text: &str, filter: &Filter<'_>) -> Option<Refused> {
    let name = filter.name;
    let sample = match name {
        _ if DATES.contains(&name) => "'2026-10-01T09:05:00+08:00'",
        "money" | "int" | "number" => "1",
        _ if NUMBERS.contains(&name) => "1",
        _ if SUMS.contains(&name) || LISTS.contains(&name) => "[]",
        _ if TEXTS.contains(&name) => "'a'",
        _ => return None,
    };
    let words: Option<Vec<String>> = filter.args.iter().map(|word| written(text, word, None)).collect();
    let fault = tried(&format!("{sample} | {name}({})", words?.join(", ")))?;
    Some(match fault {
        Refused::Word if DATES.contains(&name) && name != "weekday" => Refused::Pattern,
        other => other,
    })
}

/// A word of a function of dates; the first one of `add` is a length.
pub(super) fn of_word(function: &str, at: usize, word: Sorts) -> Option<Refused> {
    let is_of_dates = matches!((function, at), ("days" | "hours" | "months", _) | ("add", 1..));
    let no_date = word.known().any(|sort| matches!(sort, Sort::Flag | Sort::List | Sort::Map));
    match is_of_dates {
        true if no_date => Some(Refused::Word),
        true if word.may_be_word() => Some(Refused::Day),
        _ => None,
    }
}

/// The same of a function; what is no constant stands for a day.
pub(super) fn of_call(text: &str, call: &Call<'_>) -> Option<Refused> {
    let Expr::Var(function) = &call.expr else { return None };
    let samples: &[&str] = match function.id {
        "days" | "hours" | "months" => &["'2026-10-01'"],
        "add" => &["'1 day'", "'2026-10-01'"],
        _ => return None,
    };
    let sample = |at: usize| samples.get(at).or(samples.last()).copied();
    let words = call.args.iter().enumerate().map(|(at, word)| written(text, word, sample(at)));
    let words: Option<Vec<String>> = words.collect();
    let fault = tried(&format!("{}({})", function.id, words?.join(", ")))?;
    Some(if function.id == "add" && fault == Refused::Word { Refused::Length } else { fault })
}

/// A constant zero behind a sign that divides.
pub(super) fn is_zero(expression: &Expr<'_>) -> bool {
    matches!(expression, Expr::Const(value) if f64::try_from(value.value.clone()).is_ok_and(|number| number == 0.0))
}

fn written(text: &str, word: &CallArg<'_>, sample: Option<&str>) -> Option<String> {
    match word {
        CallArg::Pos(value) => constant(text, value).or_else(|| sample.map(str::to_owned)),
        CallArg::Kwarg(name, value) => constant(text, value).map(|value| format!("{name}={value}")),
        CallArg::PosSplat(_) | CallArg::KwargSplat(_) => None,
    }
}

fn constant(text: &str, value: &Expr<'_>) -> Option<String> {
    let is_constant = match value {
        Expr::Const(_) => true,
        Expr::UnaryOp(unary) => matches!(unary.op, UnaryOpKind::Neg) && matches!(unary.expr, Expr::Const(_)),
        _ => false,
    };
    is_constant.then(|| text.get(names::span(&value.span())).map(str::to_owned)).flatten()
}

fn tried(expression: &str) -> Option<Refused> {
    let error = Expression::parse(expression).ok()?.value(&Value::UNDEFINED).err()?;
    Some(match &*error.message {
        // What needs more than constants fails for another reason.
        _ if !["YZ0310", "YZ0323"].contains(&&*error.code) => return None,
        message if message.contains("missing argument") => Refused::TooFew,
        message if message.contains("too many arguments") || message.contains("unknown keyword") => {
            Refused::TooMany
        }
        _ => Refused::Word,
    })
}
