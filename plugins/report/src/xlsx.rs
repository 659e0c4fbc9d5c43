//! `report.xlsx`: a workbook, the same bytes for the same rows.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use rust_decimal::prelude::ToPrimitive as _;
use rust_xlsxwriter::{
    Color, DocProperties, ExcelDateTime, Format as Style, FormatAlign, FormatBorder, Workbook, Worksheet,
    XlsxError,
};
use unicode_width::UnicodeWidthStr as _;
use yizhan_plugin_api::prelude::*;

use crate::cell::{Cell, Digits, Format};
use crate::records::Rows;
use crate::table::{Column, Table};

/// In characters of a latin digit; a Chinese one takes two.
const WIDTHS: (f64, f64) = (6.0, 60.0);

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Xlsx {
    /// The file's name; left out, `report.xlsx`
    #[serde(default)]
    #[schemars(extend("format" = "file-name"))]
    pub(crate) name: Option<String>,
    /// The rows of the one sheet: tables of names and values
    #[serde(default)]
    #[schemars(with = "Option<Vec<serde_json::Value>>")]
    rows: Option<Rows>,
    /// Left out, all values of the rows under their names
    #[serde(default)]
    columns: Option<Vec<Column>>,
    /// Above the table
    #[serde(default)]
    title: Option<String>,
    /// The word before the totals; left out, 合计
    #[serde(default)]
    total: Option<String>,
    /// Several sheets, each with its own rows
    #[serde(default)]
    sheets: Vec<Sheet>,
}

/// One sheet of several
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Sheet {
    /// What stands on its tab
    name: String,
    #[schemars(with = "Vec<serde_json::Value>")]
    rows: Rows,
    #[serde(default)]
    columns: Option<Vec<Column>>,
    #[serde(default)]
    title: Option<String>,
    #[serde(default)]
    total: Option<String>,
}

/// The bytes of the file, and how many rows are in it.
pub(crate) fn workbook(input: &Xlsx, zone: &TimeZone, font: &str) -> Result<(Vec<u8>, usize)> {
    let mut book = Workbook::new();
    // Whenever it is made: an attempt that is repeated makes the same file.
    let made = ExcelDateTime::from_ymd(2000, 1, 1).map_err(unwritten)?;
    book.set_properties(&DocProperties::new().set_creation_datetime(&made));
    let mut count = 0;
    match (&input.rows, input.sheets.as_slice()) {
        (Some(rows), []) => {
            let total = (input.total.as_deref(), "");
            let table = Table::read(rows, input.columns.as_deref(), total, zone)?;
            count += table.rows.len();
            sheet(book.add_worksheet(), &table, input.title.as_deref(), font).map_err(unwritten)?;
        }
        (None, sheets @ [_, ..]) => {
            for (at, one) in sheets.iter().enumerate() {
                let pointer = format!("/sheets/{at}");
                let total = (one.total.as_deref(), pointer.as_str());
                let table = Table::read(&one.rows, one.columns.as_deref(), total, zone)?;
                count += table.rows.len();
                let own = book.add_worksheet();
                own.set_name(&one.name).map_err(|error| unwritten(error).at(format!("{pointer}/name")))?;
                sheet(own, &table, one.title.as_deref(), font).map_err(unwritten)?;
            }
        }
        _ => {
            let words = "give `rows`, or `sheets` with rows of their own";
            return Err(Error::refused("report.no_rows", words).at("/rows"));
        }
    }
    Ok((book.save_to_buffer().map_err(unwritten)?, count))
}

#[expect(clippy::needless_pass_by_value, reason = "given to `map_err`")]
fn unwritten(error: XlsxError) -> Error {
    Error::refused("report.no_spreadsheet", error.to_string())
}

fn sheet(
    sheet: &mut Worksheet,
    table: &Table,
    title: Option<&str>,
    font: &str,
) -> std::result::Result<(), XlsxError> {
    let plain = Style::new().set_font_name(font).set_font_size(11);
    let head =
        plain.clone().set_bold().set_background_color(Color::RGB(0xDD_E6_F0)).set_align(FormatAlign::Center);
    let head = head.set_border_bottom(FormatBorder::Thin);
    let last = u16::try_from(table.columns.len().saturating_sub(1)).unwrap_or(u16::MAX);
    let mut row = 0;
    if let Some(title) = title {
        let style = plain.clone().set_bold().set_font_size(14).set_align(FormatAlign::Center);
        if last > 0 {
            sheet.merge_range(row, 0, row, last, title, &style)?;
        } else {
            sheet.write_string_with_format(row, 0, title, &style)?;
        }
        row += 1;
    }
    for (at, column) in (0..).zip(&table.columns) {
        sheet.write_string_with_format(row, at, column.heading(), &head)?;
        sheet.set_column_width(at, width(table, usize::from(at)))?;
    }
    row += 1;
    sheet.set_freeze_panes(row, 0)?;
    sheet.set_repeat_rows(row - 1, row - 1)?;
    for cells in &table.rows {
        for ((at, column), cell) in (0..).zip(&table.columns).zip(cells) {
            write(sheet, (row, at), cell, &styled(&plain, cell, column.digits()))?;
        }
        row += 1;
    }
    let bold = plain.set_bold().set_border_top(FormatBorder::Thin);
    for ((at, column), cell) in (0..).zip(&table.columns).zip(table.totals.iter().flatten()) {
        write(sheet, (row, at), cell, &styled(&bold, cell, column.total_digits()))?;
    }
    Ok(())
}

/// The number format is that of the column; what is no number has none.
fn styled(style: &Style, cell: &Cell, digits: Digits) -> Style {
    let places =
        |most: u32| if most == 0 { String::new() } else { format!(".{}", "0".repeat(most as usize)) };
    let number = || match (digits.format, digits.places) {
        (Format::Money | Format::Whole, most) => format!("#,##0{}", places(most.unwrap_or_default())),
        (Format::Percent, most) => format!("0{}%", places(most.unwrap_or_default())),
        (_, Some(most)) => format!("0{}", places(most)),
        (_, None) => "General".to_owned(),
    };
    match cell {
        Cell::Number(_) => style.clone().set_num_format(number()),
        Cell::Date(_) => style.clone().set_num_format("yyyy-mm-dd"),
        Cell::Datetime(_) => style.clone().set_num_format("yyyy-mm-dd hh:mm"),
        Cell::Empty | Cell::Text(_) | Cell::Flag(_) => style.clone(),
    }
}

fn write(
    sheet: &mut Worksheet,
    (row, column): (u32, u16),
    cell: &Cell,
    style: &Style,
) -> std::result::Result<(), XlsxError> {
    match cell {
        Cell::Empty => sheet.write_blank(row, column, style)?,
        // Always a text: what begins like a formula is none.
        Cell::Text(text) => sheet.write_string_with_format(row, column, text, style)?,
        Cell::Flag(_) => {
            let text = cell.shown(Digits::of(Format::Auto, None), false);
            sheet.write_string_with_format(row, column, text, style)?
        }
        Cell::Number(number) => {
            sheet.write_number_with_format(row, column, number.to_f64().unwrap_or_default(), style)?
        }
        Cell::Date(date) => {
            sheet.write_datetime_with_format(row, column, excel(date.at(0, 0, 0, 0))?, style)?
        }
        Cell::Datetime(time) => sheet.write_datetime_with_format(row, column, excel(*time)?, style)?,
    };
    Ok(())
}

fn excel(time: DateTime) -> std::result::Result<ExcelDateTime, XlsxError> {
    let part = |part: i8| u8::try_from(part).unwrap_or_default();
    let day = ExcelDateTime::from_ymd(
        u16::try_from(time.year()).unwrap_or_default(),
        part(time.month()),
        part(time.day()),
    )?;
    day.and_hms(u16::from(part(time.hour())), part(time.minute()), f64::from(time.second()))
}

/// As wide as the widest of heading and cells, each character counted as wide as it is drawn.
fn width(table: &Table, at: usize) -> f64 {
    let column = &table.columns[at];
    if let Some(width) = column.width {
        return width;
    }
    let wide = |cell: &Cell| widest(&cell.shown(column.digits(), true));
    let cells = table.rows.iter().map(|row| wide(&row[at]));
    let totals = table.totals.iter().map(|row| wide(&row[at]));
    let most = cells.chain(totals).chain([widest(column.heading())]).max().unwrap_or_default();
    (f64::from(u32::try_from(most).unwrap_or(u32::MAX)) + 2.0).clamp(WIDTHS.0, WIDTHS.1)
}

fn widest(text: &str) -> usize {
    text.lines().map(|line| line.width_cjk()).max().unwrap_or_default()
}
