//! `where`: whether values are those that are meant. A column is a value, one of a list, or a window of them.

use minijinja::value::ValueKind;
use minijinja::{Error, Value};

use crate::expression::{empty, is_empty, operators, value_of_json};

/// What a window may say beside a value.
pub const WINDOW: [&str; 7] = ["from", "to", "before", "after", "not", "empty", "contains"];

/// Values that cannot be compared with those that are meant.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{column}`: {why}")]
pub struct FilterError {
    pub column: String,
    pub why: String,
}

/// Whether the values (JSON text of an object) are those that the filter means (JSON text of column = what is meant).
///
/// # Errors
/// When unlike kinds would have to be compared.
pub fn passes(filter: &str, values: &str) -> Result<bool, FilterError> {
    let (filter, values) = (value_of_json(filter), value_of_json(values));
    let Ok(columns) = filter.try_iter() else { return Ok(true) };
    for column in columns {
        let wanted = filter.get_item(&column).unwrap_or_else(|_| empty());
        let value = values.get_item(&column).ok().filter(|value| !value.is_undefined());
        let value = value.unwrap_or_else(empty);
        let holds = column_holds(&value, &wanted)
            .map_err(|error| FilterError { column: column.to_string(), why: operators::told(&error) })?;
        if !holds {
            return Ok(false);
        }
    }
    Ok(true)
}

fn column_holds(value: &Value, wanted: &Value) -> Result<bool, Error> {
    if wanted.kind() != ValueKind::Map {
        return is_one_of(value, wanted);
    }
    for word in wanted.try_iter()? {
        let bound = wanted.get_item(&word)?;
        if !word_holds(value, word.as_str().unwrap_or_default(), &bound)? {
            return Ok(false);
        }
    }
    Ok(true)
}

fn word_holds(value: &Value, word: &str, bound: &Value) -> Result<bool, Error> {
    let order = || operators::order(value, bound);
    Ok(match word {
        "from" => order()?.is_some_and(std::cmp::Ordering::is_ge),
        "to" => order()?.is_some_and(std::cmp::Ordering::is_le),
        "before" => order()?.is_some_and(std::cmp::Ordering::is_lt),
        "after" => order()?.is_some_and(std::cmp::Ordering::is_gt),
        "not" => !is_one_of(value, bound)?,
        "empty" => (is_empty(value) || value.as_str() == Some("")) == bound.is_true(),
        "contains" => operators::contained(bound, value)?,
        // `check` has refused it; what nobody knows is not fulfilled.
        _ => false,
    })
}

/// A list means one of its values; that of another kind is none of them.
fn is_one_of(value: &Value, wanted: &Value) -> Result<bool, Error> {
    if wanted.kind() != ValueKind::Seq || value.kind() == ValueKind::Seq {
        return operators::equal(value, wanted);
    }
    for one in wanted.try_iter()? {
        if operators::equal(value, &one).unwrap_or(false) {
            return Ok(true);
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAID: &str = r#"{"amount":7,"state":"partly","on":"2026-11-22","note":"","tags":["vip","old"]}"#;

    #[track_caller]
    fn holds(filter: &str, expected: bool) {
        assert_eq!(passes(filter, PAID), Ok(expected), "{filter}");
    }

    #[test]
    fn a_column_is_a_value_or_one_of_a_list() {
        holds(r#"{}"#, true);
        holds(r#"{"amount":7}"#, true);
        holds(r#"{"amount":7.0}"#, true);
        holds(r#"{"amount":8}"#, false);
        holds(r#"{"state":["whole","partly"]}"#, true);
        holds(r#"{"state":["whole"]}"#, false);
        holds(r#"{"amount":7,"state":"whole"}"#, false);
    }

    #[test]
    fn a_window_counts_its_ends_in_with_from_and_to_and_out_with_after_and_before() {
        holds(r#"{"amount":{"from":7,"to":7}}"#, true);
        holds(r#"{"amount":{"after":7}}"#, false);
        holds(r#"{"amount":{"before":7}}"#, false);
        holds(r#"{"amount":{"after":6,"before":8}}"#, true);
        holds(r#"{"on":{"from":"2026-11-01","before":"2026-12-01"}}"#, true);
        holds(r#"{"on":{"from":"2026-12-01"}}"#, false);
    }

    #[test]
    fn what_is_not_there_is_empty_and_fits_no_window() {
        holds(r#"{"other":{"empty":true}}"#, true);
        holds(r#"{"note":{"empty":true}}"#, true);
        holds(r#"{"amount":{"empty":true}}"#, false);
        holds(r#"{"amount":{"empty":false}}"#, true);
        holds(r#"{"other":{"from":1}}"#, false);
        holds(r#"{"other":5}"#, false);
    }

    #[test]
    fn a_text_contains_a_part_and_a_list_a_value() {
        holds(r#"{"state":{"contains":"art"}}"#, true);
        holds(r#"{"tags":{"contains":"vip"}}"#, true);
        holds(r#"{"tags":{"contains":"new"}}"#, false);
        holds(r#"{"state":{"not":"whole"}}"#, true);
        holds(r#"{"state":{"not":["whole","partly"]}}"#, false);
    }

    #[test]
    fn unlike_kinds_are_said_and_not_guessed() {
        let error = passes(r#"{"amount":"7"}"#, PAID).unwrap_err();
        assert_eq!(error.column, "amount");
        assert!(error.why.contains("cannot be compared"), "{error}");
        assert!(passes(r#"{"state":{"from":3}}"#, PAID).is_err());
    }
}
