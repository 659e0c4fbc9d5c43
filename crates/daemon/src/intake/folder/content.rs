//! What stands in a dropped file: fields, or rows of fields.

use std::borrow::Cow;
use std::path::Path;

use serde_json::{Map, Value};
use yizhan_cells::SheetError;
use yizhan_workflow::definition::fields_of_toml;
use yizhan_workflow::form::Form;

use crate::language::Language;

type Row = Map<String, Value>;

/// The content, as far as we read such files.
#[derive(Debug, PartialEq)]
pub(crate) enum Content {
    Fields(Row),
    Rows(Vec<Row>),
    /// A picture, a document: the run gets the file and no fields.
    Other,
}

/// Rows of one file; more are refused, as each may be a run.
pub(crate) const ROWS_MAX: usize = 100_000;

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ContentError {
    #[error("it is no {0}: {1}")]
    Unreadable(&'static str, String),
    #[error("it is neither an object with fields nor a list of such objects")]
    NoFields,
    #[error("row {0} is no object with fields")]
    NoRow(usize),
    #[error("it has more than {ROWS_MAX} rows")]
    TooMany,
}

impl ContentError {
    /// In the language of the house.
    pub(crate) fn said(&self, language: Language) -> String {
        let chinese = match self {
            Self::Unreadable(kind, why) => format!("它不是 {kind}:{why}"),
            Self::NoFields => "它既不是带字段的对象,也不是这种对象的列表".to_owned(),
            Self::NoRow(number) => format!("第 {number} 行不是带字段的对象"),
            Self::TooMany => format!("它超过 {ROWS_MAX} 行"),
        };
        language.pick(chinese, self.to_string())
    }
}

pub(crate) fn read(path: &Path, bytes: &[u8]) -> Result<Content, ContentError> {
    let ending = path.extension().map(|ending| ending.to_string_lossy().to_ascii_lowercase());
    match ending.as_deref() {
        Some("json") => {
            let unreadable = |error: serde_json::Error| ContentError::Unreadable("JSON", error.to_string());
            of_value(serde_json::from_slice(without_mark(bytes)).map_err(unreadable)?)
        }
        Some("toml") => {
            let text = std::str::from_utf8(without_mark(bytes))
                .map_err(|error| ContentError::Unreadable("TOML", error.to_string()))?;
            let fields = fields_of_toml(text).map_err(|why| ContentError::Unreadable("TOML", why))?;
            of_value(only_list(Value::Object(fields)))
        }
        Some("csv") => rows(bytes).map(Content::Rows),
        Some("xlsx") => {
            let sheet = yizhan_cells::sheet(bytes, None, ROWS_MAX).map_err(|error| match error {
                SheetError::TooManyRows(_) => ContentError::TooMany,
                SheetError::Unreadable(_)
                | SheetError::NoSheet { .. }
                | SheetError::TooLarge
                | SheetError::TwoColumns(_)
                | SheetError::NoNames => ContentError::Unreadable("xlsx", error.to_string()),
            })?;
            Ok(Content::Rows(sheet.lines.into_iter().map(|line| line.values).collect()))
        }
        Some(_) | None => Ok(Content::Other),
    }
}

/// The rows of a csv, xlsx, JSON or TOML file; of a single object, one.
pub(crate) fn rows_of(path: &Path, bytes: &[u8], language: Language) -> Result<Vec<Row>, String> {
    match read(path, bytes) {
        Ok(Content::Rows(rows)) => Ok(rows),
        Ok(Content::Fields(row)) => Ok(vec![row]),
        Ok(Content::Other) => Err(language.pick(
            "它没有行:csv、xlsx、json、toml 才有".to_owned(),
            "it has no rows: csv, xlsx, json and toml have".to_owned(),
        )),
        Err(error) => Err(error.said(language)),
    }
}

fn without_mark(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)
}

/// TOML has no list at its top: `[[row]]` and nothing else is one.
fn only_list(value: Value) -> Value {
    let only = value.as_object().filter(|map| map.len() == 1).and_then(|map| map.values().next());
    only.filter(|list| is_list_of_objects(list)).cloned().unwrap_or(value)
}

fn is_list_of_objects(value: &Value) -> bool {
    value.as_array().is_some_and(|list| !list.is_empty() && list.iter().all(Value::is_object))
}

fn of_value(value: Value) -> Result<Content, ContentError> {
    match value {
        Value::Object(fields) => Ok(Content::Fields(fields)),
        Value::Array(list) if list.len() > ROWS_MAX => Err(ContentError::TooMany),
        Value::Array(list) => {
            let row = |(number, value): (usize, Value)| {
                if let Value::Object(row) = value { Ok(row) } else { Err(ContentError::NoRow(number)) }
            };
            (1..).zip(list).map(row).collect::<Result<_, _>>().map(Content::Rows)
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Err(ContentError::NoFields),
    }
}

/// UTF-8, or what office programs here write instead.
fn text_of(bytes: &[u8]) -> Cow<'_, str> {
    let bytes = without_mark(bytes);
    match std::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => encoding_rs::GB18030.decode_without_bom_handling(bytes).0,
    }
}

fn rows(bytes: &[u8]) -> Result<Vec<Row>, ContentError> {
    let text = text_of(bytes);
    let head = text.lines().next().unwrap_or_default();
    // Office programs of some countries and copies from tables have other marks than the comma.
    let mark =
        [b',', b';', b'\t'].into_iter().max_by_key(|mark| head.bytes().filter(|byte| byte == mark).count());
    let unreadable = |error: csv::Error| ContentError::Unreadable("csv", error.to_string());
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(mark.unwrap_or(b','))
        .trim(csv::Trim::All)
        .from_reader(text.as_bytes());
    let names: Vec<String> = reader.headers().map_err(unreadable)?.iter().map(str::to_owned).collect();
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = record.map_err(unreadable)?;
        if rows.len() >= ROWS_MAX {
            return Err(ContentError::TooMany);
        }
        // An empty cell is a field that was not given: its default may stand in.
        let cells = names.iter().zip(record.iter()).filter(|(_, cell)| !cell.is_empty());
        rows.push(cells.map(|(name, cell)| (name.clone(), cell.into())).collect());
    }
    Ok(rows)
}

/// Columns may be headed by a field's label, as its form shows it, in place of its name.
pub(crate) fn by_labels(row: Row, form: &Form) -> Row {
    let named =
        |key: String| match form.fields.iter().find(|field| *field.name == *key || field.label() == key) {
            Some(field) => field.name.to_string(),
            None => key,
        };
    row.into_iter().map(|(key, value)| (named(key), value)).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn fields(value: Value) -> Row {
        value.as_object().unwrap().clone()
    }

    #[test]
    fn a_csv_may_come_from_any_office_program() {
        let wanted =
            Content::Rows(vec![fields(json!({"姓名": "李娜", "n": "3"})), fields(json!({"姓名": "王伟"}))]);
        let text = "姓名,n\r\n李娜,3\r\n王伟,\r\n";
        assert_eq!(read(Path::new("a.csv"), text.as_bytes()).unwrap(), wanted);
        assert_eq!(read(Path::new("a.CSV"), format!("\u{feff}{text}").as_bytes()).unwrap(), wanted);
        assert_eq!(read(Path::new("a.csv"), &encoding_rs::GB18030.encode(text).0).unwrap(), wanted);
        assert_eq!(read(Path::new("a.csv"), text.replace(',', ";").as_bytes()).unwrap(), wanted);
        assert_eq!(read(Path::new("a.csv"), text.replace(',', "\t").as_bytes()).unwrap(), wanted);
    }

    #[test]
    fn json_and_toml_are_fields_or_rows() {
        let one = Content::Fields(fields(json!({"n": 1})));
        let two = Content::Rows(vec![fields(json!({"n": 1})), fields(json!({"n": 2}))]);
        assert_eq!(read(Path::new("a.json"), br#"{"n": 1}"#).unwrap(), one);
        assert_eq!(read(Path::new("a.toml"), b"n = 1").unwrap(), one);
        assert_eq!(read(Path::new("a.json"), br#"[{"n": 1}, {"n": 2}]"#).unwrap(), two);
        assert_eq!(read(Path::new("a.toml"), b"[[row]]\nn = 1\n[[row]]\nn = 2\n").unwrap(), two);
    }

    #[test]
    fn no_digit_of_a_number_is_lost() {
        let shown = |name: &str, text: &str| {
            let read = read(Path::new(name), text.as_bytes()).unwrap();
            let Content::Fields(row) = read else { panic!("{read:?}") };
            Value::Object(row).to_string()
        };
        let json = r#"{"order":2026112200000000000012345,"price":0.10}"#;
        assert_eq!(shown("a.json", json), json);
        assert_eq!(shown("a.toml", "order = 2026112200000000000012345\nprice = 0.10"), json);
    }

    #[test]
    fn what_cannot_be_read_says_why() {
        assert!(matches!(read(Path::new("a.json"), b"{"), Err(ContentError::Unreadable("JSON", _))));
        assert_eq!(read(Path::new("a.json"), b"[1]"), Err(ContentError::NoRow(1)));
        assert_eq!(read(Path::new("a.json"), b"7"), Err(ContentError::NoFields));
        assert!(matches!(read(Path::new("a.toml"), b"\xff"), Err(ContentError::Unreadable("TOML", _))));
        assert!(read(Path::new("a.csv"), b"a,b\n1\n").is_err(), "a row that lacks a cell");
        assert_eq!(read(Path::new("photo.png"), b"\x89PNG").unwrap(), Content::Other);
    }
}
