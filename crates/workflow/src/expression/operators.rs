//! The operators of expressions: they know the empty value and refuse what cannot be compared or calculated.

use std::cmp::Ordering;

use minijinja::value::ValueKind;
use minijinja::{Environment, Error, ErrorKind, Value};

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
    environment
        .add_function("_sub", |a: &Value, b: &Value| calculate("-", a, b, i128::checked_sub, |a, b| a - b));
    environment
        .add_function("_mul", |a: &Value, b: &Value| calculate("*", a, b, i128::checked_mul, |a, b| a * b));
    environment.add_function("_div", |a: &Value, b: &Value| divide(a, b));
    environment.add_function("_floor", |a: &Value, b: &Value| {
        not_zero(b)?;
        calculate("//", a, b, i128::checked_div_euclid, |a, b| (a / b).floor())
    });
    environment.add_function("_rem", |a: &Value, b: &Value| {
        not_zero(b)?;
        calculate("%", a, b, i128::checked_rem_euclid, f64::rem_euclid)
    });
    environment.add_function("_pow", |a: &Value, b: &Value| {
        let power = |a: i128, b: i128| u32::try_from(b).ok().and_then(|b| a.checked_pow(b));
        calculate("**", a, b, power, f64::powf)
    });
    environment.add_function("_concat", |a: &Value, b: &Value| concat(a, b));
}

fn refused(code: &str, message: impl std::fmt::Display) -> Error {
    Error::new(ErrorKind::InvalidOperation, format!("{code}{MARK}{message}"))
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

fn sort(value: &Value) -> Sort {
    match value.kind() {
        ValueKind::Bool => Sort::Flag,
        ValueKind::Number => Sort::Number,
        ValueKind::Seq | ValueKind::Iterable => Sort::List,
        ValueKind::String | ValueKind::Bytes => Sort::Text,
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

/// Nothing equals nothing, and an empty text.
pub(super) fn equal(a: &Value, b: &Value) -> Result<bool, Error> {
    defined([a, b])?;
    match (is_empty(a), is_empty(b)) {
        (true, true) => return Ok(true),
        (true, false) => return Ok(is_blank(b)),
        (false, true) => return Ok(is_blank(a)),
        (false, false) => {}
    }
    if sort(a) != sort(b) {
        return Err(unlike(a, b));
    }
    Ok(a == b)
}

fn is_blank(value: &Value) -> bool {
    value.as_str() == Some("") || sort(value) == Sort::List && value.len() == Some(0)
}

/// `None`: one of them is nothing, so no order holds.
pub(super) fn order(a: &Value, b: &Value) -> Result<Option<Ordering>, Error> {
    defined([a, b])?;
    if is_empty(a) || is_empty(b) {
        return Ok(None);
    }
    match (sort(a), sort(b)) {
        (Sort::Number, Sort::Number) | (Sort::Text, Sort::Text) => Ok(Some(a.cmp(b))),
        _ => Err(unlike(a, b)),
    }
}

pub(super) fn contained(a: &Value, b: &Value) -> Result<bool, Error> {
    defined([a, b])?;
    if is_empty(a) || is_empty(b) {
        return Ok(false);
    }
    match (sort(a), sort(b)) {
        (Sort::Text, Sort::Text) => {
            Ok(b.as_str().zip(a.as_str()).is_some_and(|(text, part)| text.contains(part)))
        }
        (_, Sort::List) => {
            for item in b.try_iter()? {
                if sort(&item) == sort(a) && item == *a {
                    return Ok(true);
                }
            }
            Ok(false)
        }
        (Sort::Text, Sort::Map) => Ok(!b.get_item(a).unwrap_or(Value::UNDEFINED).is_undefined()),
        _ => Err(unlike(a, b)),
    }
}

fn sum(a: &Value, b: &Value) -> Result<Value, Error> {
    defined([a, b])?;
    match (sort(a), sort(b)) {
        (Sort::Text, Sort::Text) => concat(a, b),
        (Sort::List, Sort::List) if !is_empty(a) || !is_empty(b) => {
            Ok(a.try_iter()?.chain(b.try_iter()?).collect())
        }
        _ => calculate("+", a, b, i128::checked_add, |a, b| a + b),
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

fn not_zero(b: &Value) -> Result<(), Error> {
    if f64::try_from(b.clone()).is_ok_and(|number| number == 0.0) {
        return Err(refused("YZ0324", "it divides by zero"));
    }
    Ok(())
}

fn divide(a: &Value, b: &Value) -> Result<Value, Error> {
    defined([a, b])?;
    not_zero(b)?;
    // Whole where it comes out even.
    let exact = |a: i128, b: i128| if a.checked_rem(b)? == 0 { a.checked_div(b) } else { None };
    calculate("/", a, b, exact, |a, b| a / b)
}

fn calculate(
    sign: &str,
    a: &Value,
    b: &Value,
    whole: impl Fn(i128, i128) -> Option<i128>,
    float: impl Fn(f64, f64) -> f64,
) -> Result<Value, Error> {
    defined([a, b])?;
    for value in [a, b] {
        if is_empty(value) {
            return Err(refused(
                "YZ0310",
                format_args!("one side of `{sign}` is empty; `| default(0)` gives it a value"),
            ));
        }
        if sort(value) != Sort::Number {
            let found = in_words(sort(value));
            return Err(refused(
                "YZ0310",
                format_args!("`{sign}` needs numbers, and `{}` is {found}", brief(value)),
            ));
        }
    }
    if a.is_integer()
        && b.is_integer()
        && let (Ok(left), Ok(right)) = (i128::try_from(a.clone()), i128::try_from(b.clone()))
        && let Some(result) = whole(left, right).and_then(|result| i64::try_from(result).ok())
    {
        return Ok(Value::from(result));
    }
    let result = float(f64::try_from(a.clone())?, f64::try_from(b.clone())?);
    if !result.is_finite() {
        return Err(refused("YZ0310", format_args!("`{sign}` gives a number that is too large")));
    }
    Ok(Value::from(tidy(result)))
}

/// Ten places are what people write; what binary numbers add beyond them (`0.1 + 0.2`) nobody means.
fn tidy(number: f64) -> f64 {
    const PLACES: f64 = 1e10;
    // From here on ten places are more than a float has.
    if number.abs() < 100_000.0 { (number * PLACES).round() / PLACES } else { (number * 1e4).round() / 1e4 }
}
