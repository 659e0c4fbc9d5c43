//! The rows of one sheet of an xlsx, by the names over its columns.

use std::io::Cursor;

use calamine::{Data, DataRef, ExcelDateTime, Reader as _, Xlsx};
use serde_json::{Map, Number, Value};

/// What all parts of the file may have together once unpacked: a small file can claim to be very large.
const MOST_UNPACKED: u64 = 128 << 20;

/// Lines in which the names are looked for: titles may stand above them.
const MOST_TITLES: usize = 10;

/// One row below the names.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// As the spreadsheet numbers it, from 1.
    pub row: usize,
    /// Without empty cells. Numbers, yes and no are what they are; dates and times are texts as forms take them.
    pub values: Map<String, Value>,
}

/// The names over the columns, and the rows below.
#[derive(Debug, Clone, PartialEq)]
pub struct Sheet {
    pub names: Vec<String>,
    pub lines: Vec<Line>,
}

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum SheetError {
    #[error("it is no xlsx: {0}")]
    Unreadable(String),
    #[error("it has no sheet `{name}`; there are {}", .known.join(", "))]
    NoSheet { name: String, known: Vec<String> },
    #[error("it has more than {0} rows")]
    TooManyRows(usize),
    #[error("unpacked it would be larger than {} MiB", MOST_UNPACKED >> 20)]
    TooLarge,
    #[error("the name `{0}` stands over two columns")]
    TwoColumns(String),
    #[error("it has no line of names")]
    NoNames,
}

type Cells = Vec<(u32, Value)>;

/// The rows of a sheet, or of the first one. The names over the columns are in the first line with more than one value;
/// titles above it are passed over, and so are columns without a name.
///
/// # Errors
/// When it cannot be read, or is too large.
pub fn sheet(bytes: &[u8], name: Option<&str>, most: usize) -> Result<Sheet, SheetError> {
    // Strangers send these: a library that breaks off over one must not take with it who reads the next.
    std::panic::catch_unwind(|| read(bytes, name, most))
        .unwrap_or_else(|_| Err(SheetError::Unreadable("reading it broke off".to_owned())))
}

fn read(bytes: &[u8], name: Option<&str>, most: usize) -> Result<Sheet, SheetError> {
    let unreadable = |error: &dyn std::fmt::Display| SheetError::Unreadable(error.to_string());
    bounded(bytes)?;
    let mut book: Xlsx<_> = Xlsx::new(Cursor::new(bytes)).map_err(|error| unreadable(&error))?;
    let known = book.sheet_names();
    let name = match name {
        Some(name) => known.iter().find(|one| *one == name).cloned(),
        None => known.first().cloned(),
    }
    .ok_or_else(|| SheetError::NoSheet { name: name.unwrap_or_default().to_owned(), known: known.clone() })?;
    let mut cells = book.worksheet_cells_reader(&name).map_err(|error| unreadable(&error))?;
    let mut lines: Vec<(usize, Cells)> = Vec::new();
    while let Some(cell) = cells.next_cell().map_err(|error| unreadable(&error))? {
        let (row, column) = cell.get_position();
        let Some(value) = value(cell.get_value()) else { continue };
        let row = row as usize + 1;
        if lines.last().is_none_or(|(last, _)| *last != row) {
            if lines.len() > most + MOST_TITLES {
                return Err(SheetError::TooManyRows(most));
            }
            lines.push((row, vec![]));
        }
        if let Some((_, cells)) = lines.last_mut() {
            cells.push((column, value));
        }
    }
    named(lines, most)
}

/// What the parts say of their size is checked before one of them is unpacked.
fn bounded(bytes: &[u8]) -> Result<(), SheetError> {
    let unreadable = |error: zip::result::ZipError| SheetError::Unreadable(error.to_string());
    let mut parts = zip::ZipArchive::new(Cursor::new(bytes)).map_err(unreadable)?;
    let mut size = 0_u64;
    for at in 0..parts.len() {
        size = size.saturating_add(parts.by_index_raw(at).map_err(unreadable)?.size());
    }
    if size > MOST_UNPACKED { Err(SheetError::TooLarge) } else { Ok(()) }
}

fn named(lines: Vec<(usize, Cells)>, most: usize) -> Result<Sheet, SheetError> {
    if lines.is_empty() {
        return Err(SheetError::NoNames);
    }
    let titles = lines.iter().take(MOST_TITLES).position(|(_, cells)| cells.len() > 1).unwrap_or(0);
    let mut lines = lines.into_iter().skip(titles);
    let mut names: Vec<(u32, String)> = Vec::new();
    for (column, value) in lines.next().map(|(_, cells)| cells).unwrap_or_default() {
        let name = told(&value);
        if names.iter().any(|(_, known)| *known == name) {
            return Err(SheetError::TwoColumns(name));
        }
        names.push((column, name));
    }
    let mut rows = Vec::new();
    for (row, cells) in lines {
        let named = cells.into_iter().filter_map(|(column, value)| {
            let (_, name) = names.iter().find(|(known, _)| *known == column)?;
            Some((name.clone(), value))
        });
        let values: Map<String, Value> = named.collect();
        if values.is_empty() {
            continue;
        }
        if rows.len() == most {
            return Err(SheetError::TooManyRows(most));
        }
        rows.push(Line { row, values });
    }
    Ok(Sheet { names: names.into_iter().map(|(_, name)| name).collect(), lines: rows })
}

fn told(value: &Value) -> String {
    match value {
        Value::String(text) => text.trim().to_owned(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            value.to_string()
        }
    }
}

/// None of an empty cell. What a formula could not work out is its error word (`#DIV/0!`), which fits no number.
fn value(cell: &DataRef<'_>) -> Option<Value> {
    match Data::from(cell.clone()) {
        Data::Empty => None,
        Data::String(text) => {
            let text = text.trim();
            (!text.is_empty()).then(|| text.into())
        }
        Data::Bool(flag) => Some(flag.into()),
        Data::Int(number) => Some(number.into()),
        Data::Float(number) => Some(number_of(number)),
        Data::DateTime(time) => Some(time_of(&time)),
        Data::DateTimeIso(text) | Data::DurationIso(text) => Some(text.into()),
        Data::Error(error) => Some(error.to_string().into()),
    }
}

/// All numbers of a spreadsheet are floats; one that is whole is written so.
fn number_of(number: f64) -> Value {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if number.fract() == 0.0 && number.abs() < EXACT {
        return Value::from(number as i64);
    }
    Number::from_f64(number).map_or(Value::Null, Value::Number)
}

/// `2026-11-20`, `2026-11-20T08:30:00`, and of less than a day `08:30`.
fn time_of(time: &ExcelDateTime) -> Value {
    let (year, month, day, hour, minute, second, _) = time.to_ymd_hms_milli();
    let days = time.as_f64();
    if !time.is_datetime() {
        return number_of(days);
    }
    if (0.0..1.0).contains(&days) {
        return format!("{hour:02}:{minute:02}").into();
    }
    let date = format!("{year:04}-{month:02}-{day:02}");
    if days.fract() == 0.0 { date.into() } else { format!("{date}T{hour:02}:{minute:02}:{second:02}").into() }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    const RELATIONS: &str = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
    const PACKAGE: &str = "http://schemas.openxmlformats.org/package/2006";

    /// A book with this one sheet.
    fn book(sheet: &str) -> Vec<u8> {
        let main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
        let related = |what: &str, to: &str| {
            format!(
                r#"<Relationships xmlns="{PACKAGE}/relationships"><Relationship Id="r1" Type="{RELATIONS}/{what}" Target="{to}"/></Relationships>"#
            )
        };
        let parts = [
            ("[Content_Types].xml", format!(r#"<Types xmlns="{PACKAGE}/content-types"/>"#)),
            ("_rels/.rels", related("officeDocument", "xl/workbook.xml")),
            (
                "xl/workbook.xml",
                format!(
                    r#"<workbook xmlns="{main}" xmlns:r="{RELATIONS}"><sheets><sheet name="S" sheetId="1" r:id="r1"/></sheets></workbook>"#
                ),
            ),
            ("xl/_rels/workbook.xml.rels", related("worksheet", "worksheets/sheet1.xml")),
            ("xl/worksheets/sheet1.xml", format!(r#"<worksheet xmlns="{main}">{sheet}</worksheet>"#)),
        ];
        let mut file = zip::ZipWriter::new(Cursor::new(vec![]));
        for (name, text) in parts {
            let stored =
                zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
            file.start_file(name, stored).unwrap();
            file.write_all(text.as_bytes()).unwrap();
        }
        file.finish().unwrap().into_inner()
    }

    /// <https://github.com/tafia/calamine/issues/692>
    #[test]
    fn a_sheet_that_says_where_it_is_from_its_end_to_its_beginning_is_read() {
        let cell = |at: &str, text: &str| format!(r#"<c r="{at}" t="str"><v>{text}</v></c>"#);
        let row = |at: u32, a: &str, b: &str| {
            format!(r#"<row r="{at}">{}{}</row>"#, cell(&format!("A{at}"), a), cell(&format!("B{at}"), b))
        };
        let cells = [row(1, "name", "city"), row(2, "Ann", "Ulm")].concat();
        let bytes = book(&format!(r#"<dimension ref="B2:A1"/><sheetData>{cells}</sheetData>"#));
        let sheet = sheet(&bytes, None, 9).unwrap();
        assert_eq!(sheet.names, ["name", "city"]);
        let values = [("name", "Ann"), ("city", "Ulm")];
        let values = values.map(|(name, value)| (name.to_owned(), value.into()));
        assert_eq!(sheet.lines, [Line { row: 2, values: Map::from_iter(values) }]);
    }
}
