//! The operators of expressions: they know the empty value and refuse what cannot be compared or calculated.

use std::borrow::Cow;
use std::cmp::Ordering;

use minijinja::value::ValueKind;
use minijinja::{Environment, Error, ErrorKind, Value};

use super::functions;
use super::number::{self, Sign, is_number, number_of_text};
use super::people;
use super::print::{self, is_empty};

/// A code of our own goes before the words, and is taken off again where the error is told.
pub(super) const MARK: char = '\u{1}';

pub(super) fn add(environment: &mut Environment<'static>) {
    environment.add_function("_eq", |a: &Value, b: &Value| equal(a, b));
    environment.add_function("_lt", |a: &Value, b: &Value| {
        Ok::<_, Error>(order(a, b)?.is_some_and(Ordering::is_lt))
    });
    environment.add_function("_le", |a: &Value, b: &Value| {
        Ok::<_, Error>(order(a, b)?.is_some_and(Ordering::is_le))
    });
    environment.add_function("_gt", |a: &Value, b: &Value| {
        Ok::<_, Error>(order(a, b)?.is_some_and(Ordering::is_gt))
    });
    environment.add_function("_ge", |a: &Value, b: &Value| {
        Ok::<_, Error>(order(a, b)?.is_some_and(Ordering::is_ge))
    });
    environment.add_function("_in", |a: &Value, b: &Value| contained(a, b));
    environment.add_function("_add", |a: &Value, b: &Value| sum(a, b));
    for (name, sign) in [
        ("_sub", Sign::Subtract),
        ("_mul", Sign::Multiply),
        ("_div", Sign::Divide),
        ("_floor", Sign::Floor),
        ("_rem", Sign::Remainder),
        ("_pow", Sign::Power),
    ] {
        environment.add_function(name, move |a: &Value, b: &Value| calculate(sign, a, b));
    }
    environment.add_function("_neg", |a: &Value| calculate(Sign::Subtract, &Value::from(0), a));
    // A constant with a point, whose digits the machine would not keep.
    environment.add_function("_number", |text: &str| {
        number_of_text(text).ok_or_else(|| refused("YZ0310", format_args!("`{text}` is no number")))
    });
    environment.add_function("_concat", |a: &Value, b: &Value| concat(a, b));
}

pub(super) fn refused(code: &str, message: impl std::fmt::Display) -> Error {
    Error::new(ErrorKind::InvalidOperation, format!("{code}{MARK}{message}"))
}

/// What an error says, without the mark of its code.
pub(crate) fn told(error: &Error) -> String {
    let said = error.detail().map_or_else(|| error.to_string(), str::to_owned);
    said.split_once(MARK).map_or(said.clone(), |(_, words)| words.to_owned())
}

fn defined(values: [&Value; 2]) -> Result<(), Error> {
    if values.iter().any(|value| value.is_undefined()) {
        return Err(Error::from(ErrorKind::UndefinedError));
    }
    Ok(())
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sort {
    Flag,
    Number,
    Text,
    List,
    Map,
}

/// A person is compared as the word that names them: `person:li.na`.
fn compared(value: &Value) -> Cow<'_, Value> {
    let person = (value.kind() == ValueKind::Plain).then(|| people::word_of(value)).flatten();
    person.map_or(Cow::Borrowed(value), |word| Cow::Owned(Value::from(&*word)))
}

fn sort(value: &Value) -> Sort {
    match value.kind() {
        ValueKind::Bool => Sort::Flag,
        ValueKind::Number => Sort::Number,
        ValueKind::Seq | ValueKind::Iterable => Sort::List,
        ValueKind::String | ValueKind::Bytes => Sort::Text,
        ValueKind::Plain if is_number(value) => Sort::Number,
        ValueKind::Undefined | ValueKind::None | ValueKind::Map | ValueKind::Plain | ValueKind::Invalid => {
            Sort::Map
        }
        // What the template language may add is compared by itself only.
        _ => Sort::Map,
    }
}

fn in_words(sort: Sort) -> &'static str {
    match sort {
        Sort::Flag => "yes or no",
        Sort::Number => "a number",
        Sort::Text => "a text",
        Sort::List => "a list",
        Sort::Map => "a group of values",
    }
}

fn unlike(a: &Value, b: &Value) -> Error {
    let (left, right) = (in_words(sort(a)), in_words(sort(b)));
    refused(
        "YZ0323",
        format_args!("{left} (`{}`) cannot be compared with {right} (`{}`)", brief(a), brief(b)),
    )
}

fn brief(value: &Value) -> String {
    let mut text = String::new();
    print::print(value, &mut text);
    text.chars().take(40).collect()
}

/// Nothing equals nothing, and an empty text; an empty text is no number, and no other thing that there is.
pub(crate) fn equal(a: &Value, b: &Value) -> Result<bool, Error> {
    if let Some((left, right)) = number::both_whole(a, b) {
        return Ok(left == right);
    }
    defined([a, b])?;
    match (is_empty(a), is_empty(b)) {
        (true, true) => return Ok(true),
        (true, false) => return Ok(is_blank(b)),
        (false, true) => return Ok(is_blank(a)),
        (false, false) => {}
    }
    let (a, b) = (&*compared(a), &*compared(b));
    if sort(a) == sort(b) {
        return Ok(same(a, b));
    }
    match (is_blank(a), is_blank(b)) {
        (false, false) => Err(unlike(a, b)),
        both => Ok(both == (true, true)),
    }
}

/// Numbers by their size, also inside lists and groups: `1.50` is `1.5`.
pub(crate) fn same(a: &Value, b: &Value) -> bool {
    let (a, b) = (&*compared(a), &*compared(b));
    match (sort(a), sort(b)) {
        (Sort::Number, Sort::Number) => number::compare(a, b) == Some(Ordering::Equal),
        (Sort::List, Sort::List) => match (a.try_iter(), b.try_iter()) {
            (Ok(mut left), Ok(mut right)) => loop {
                match (left.next(), right.next()) {
                    (None, None) => return true,
                    (Some(one), Some(two)) if same(&one, &two) => {}
                    _ => return false,
                }
            },
            _ => false,
        },
        (Sort::Map, Sort::Map) if a.kind() == ValueKind::Map && b.kind() == ValueKind::Map => {
            a.len() == b.len()
                && a.try_iter().is_ok_and(|mut keys| {
                    keys.all(|key| match (a.get_item(&key), b.get_item(&key)) {
                        (Ok(one), Ok(two)) => same(&one, &two),
                        _ => false,
                    })
                })
        }
        _ => a == b,
    }
}

fn is_blank(value: &Value) -> bool {
    value.as_str() == Some("") || sort(value) == Sort::List && value.len() == Some(0)
}

/// `None`: one of them is nothing, so no order holds.
pub(crate) fn order(a: &Value, b: &Value) -> Result<Option<Ordering>, Error> {
    if let Some((left, right)) = number::both_whole(a, b) {
        return Ok(Some(left.cmp(&right)));
    }
    defined([a, b])?;
    if is_empty(a) || is_empty(b) {
        return Ok(None);
    }
    let (a, b) = (&*compared(a), &*compared(b));
    match (sort(a), sort(b)) {
        (Sort::Number, Sort::Number) => match number::compare(a, b) {
            Some(order) => Ok(Some(order)),
            None => {
                number::needed(a)?;
                number::needed(b)?;
                Ok(None)
            }
        },
        (Sort::Text, Sort::Text) => Ok(Some(a.cmp(b))),
        (one, other) if one != other && (is_blank(a) || is_blank(b)) => Ok(None),
        _ => Err(unlike(a, b)),
    }
}

pub(crate) fn contained(a: &Value, b: &Value) -> Result<bool, Error> {
    defined([a, b])?;
    if is_empty(a) || is_empty(b) {
        return Ok(false);
    }
    let a = &*compared(a);
    match (sort(a), sort(b)) {
        (Sort::Text, Sort::Text) => {
            Ok(b.as_str().zip(a.as_str()).is_some_and(|(text, part)| text.contains(part)))
        }
        (_, Sort::List) => {
            for item in b.try_iter()? {
                if same(&item, a) {
                    return Ok(true);
                }
            }
            Ok(false)
        }
        (Sort::Text, Sort::Map) => Ok(!b.get_item(a).unwrap_or(Value::UNDEFINED).is_undefined()),
        (_, Sort::Text) if is_blank(b) => Ok(false),
        _ => Err(unlike(a, b)),
    }
}

fn sum(a: &Value, b: &Value) -> Result<Value, Error> {
    if number::both_whole(a, b).is_some() {
        return calculate(Sign::Add, a, b);
    }
    defined([a, b])?;
    match (sort(&compared(a)), sort(&compared(b))) {
        (Sort::Text, Sort::Text) => concat(a, b),
        (Sort::List, Sort::List) if !is_empty(a) || !is_empty(b) => {
            functions::not_too_many(a.len().unwrap_or(0).saturating_add(b.len().unwrap_or(0)))?;
            Ok(a.try_iter()?.chain(b.try_iter()?).collect())
        }
        _ => calculate(Sign::Add, a, b),
    }
}

fn concat(a: &Value, b: &Value) -> Result<Value, Error> {
    defined([a, b])?;
    let mut text = String::new();
    print::print(a, &mut text);
    print::print(b, &mut text);
    if text.len() > super::MOST_OUTPUT {
        return Err(refused("YZ0313", "it gives more than 1 MiB"));
    }
    Ok(Value::from(text))
}

pub(super) fn calculate(sign: Sign, a: &Value, b: &Value) -> Result<Value, Error> {
    if let Some(result) = number::both_whole(a, b).and_then(|(left, right)| sign.of_whole(left, right)) {
        return Ok(Value::from(result));
    }
    defined([a, b])?;
    for value in [a, b] {
        if is_empty(value) {
            return Err(refused(
                "YZ0310",
                format_args!("one side of `{}` is empty; `| default(0)` gives it a value", sign.as_str()),
            ));
        }
        if sort(value) != Sort::Number {
            let found = in_words(sort(value));
            return Err(refused(
                "YZ0310",
                format_args!("`{}` needs numbers, and `{}` is {found}", sign.as_str(), brief(value)),
            ));
        }
    }
    number::calculate(sign, a, b)
}
