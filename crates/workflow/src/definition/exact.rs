//! TOML values as JSON, with every digit that the file has.

use serde_json::{Map, Number, Value};
use toml::de::{DeInteger, DeTable, DeValue};

/// Reads fields that were written as TOML.
///
/// # Errors
/// In the parser's words, where it is no TOML.
pub fn fields_of_toml(text: &str) -> Result<Map<String, Value>, String> {
    let table = DeTable::parse(text).map_err(|error| error.to_string())?;
    fields(table.get_ref()).ok_or_else(|| "a number in it is not finite".to_owned())
}

fn fields(table: &DeTable<'_>) -> Option<Map<String, Value>> {
    let one = |(key, value): (&toml::Spanned<toml::de::DeString<'_>>, &toml::Spanned<DeValue<'_>>)| {
        Some((key.get_ref().to_string(), json(value.get_ref())?))
    };
    table.iter().map(one).collect()
}

/// `None`: it holds a number that JSON has not.
pub(super) fn json(value: &DeValue<'_>) -> Option<Value> {
    Some(match value {
        DeValue::String(text) => Value::from(text.as_ref()),
        DeValue::Boolean(flag) => Value::from(*flag),
        DeValue::Datetime(instant) => Value::from(instant.to_string()),
        DeValue::Integer(number) => digits(&whole(number)?)?,
        DeValue::Float(number) => digits(number.as_str())?,
        DeValue::Array(list) => list.iter().map(|one| json(one.get_ref())).collect::<Option<_>>()?,
        DeValue::Table(table) => Value::Object(fields(table)?),
    })
}

/// The digits of a whole number, however many; `None`: it is written to another base and has more than 128 bits.
pub(super) fn whole(number: &DeInteger<'_>) -> Option<String> {
    let text = number.as_str().replace('_', "");
    if number.radix() == 10 {
        return Some(text.trim_start_matches('+').to_owned());
    }
    u128::from_str_radix(&text, number.radix()).ok().map(|number| number.to_string())
}

fn digits(written: &str) -> Option<Value> {
    let text = written.replace('_', "");
    serde_json::from_str::<Number>(text.trim_start_matches('+')).ok().map(Value::Number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_digit_of_a_file_comes_through() {
        let text = "order = 2026112200000000000012345\nprice = 0.10\nlong = 1_234.567890123456789012\nhex = 0xFF\n\
                    at = 2026-11-22\n[[line]]\nsum = +1.50\n";
        let json = Value::Object(fields_of_toml(text).unwrap()).to_string();
        let wanted = r#"{"order":2026112200000000000012345,"price":0.10,"long":1234.567890123456789012,"hex":255,"at":"2026-11-22","line":[{"sum":1.50}]}"#;
        assert_eq!(json, wanted);
    }

    #[test]
    fn a_number_that_is_none_is_refused() {
        assert!(fields_of_toml("a = nan").unwrap_err().contains("finite"));
        assert!(fields_of_toml("a = ").is_err());
    }
}
