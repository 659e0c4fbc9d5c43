//! `report.csv`: the table as programs read it.

use jiff::tz::TimeZone;
use yizhan_cells::{Guard, line};
use yizhan_plugin_api::prelude::*;

use crate::records::Rows;
use crate::table::{Column, Table};

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Csv {
    /// The file's name; left out, `report.csv`
    #[serde(default)]
    #[schemars(extend("format" = "file-name"))]
    pub(crate) name: Option<String>,
    /// Tables of names and values
    #[schemars(with = "Vec<serde_json::Value>")]
    rows: Rows,
    /// Left out, all values of the rows under their names
    #[serde(default)]
    columns: Option<Vec<Column>>,
    /// The word before the totals; left out, 合计
    #[serde(default)]
    total: Option<String>,
    /// A mark at the beginning, by which Excel knows that it is UTF-8
    #[serde(default)]
    bom: bool,
    /// Keeps cells from being run as formulas
    #[serde(default = "yes")]
    safe: bool,
}

fn yes() -> bool {
    true
}

pub(crate) fn csv(input: &Csv, zone: &TimeZone) -> Result<(String, usize)> {
    let table = Table::read(&input.rows, input.columns.as_deref(), (input.total.as_deref(), ""), zone)?;
    let guard = Guard::of(input.safe);
    let mut text = if input.bom { "\u{FEFF}".to_owned() } else { String::new() };
    text.push_str(&line(table.columns.iter().map(|column| guard.text(column.heading()))));
    for row in &table.rows {
        let cells = table.columns.iter().zip(row);
        text.push_str(&line(cells.map(|(column, cell)| guard.text(&cell.shown(column.digits(), false)))));
    }
    if let Some(totals) = &table.totals {
        let cells = table.columns.iter().zip(totals);
        text.push_str(&line(
            cells.map(|(column, cell)| guard.text(&cell.shown(column.total_digits(), false))),
        ));
    }
    Ok((text, table.rows.len()))
}
