//! A table: its columns, the cells of its rows, and the totals below.

use jiff::tz::TimeZone;
use rust_decimal::Decimal;
use yizhan_plugin_api::prelude::*;

use crate::cell::{Cell, Digits, Format};
use crate::records::{Record, Rows};

const MOST_COLUMNS: usize = 200;

/// One column of a report
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Column {
    /// The name of the value in each row
    pub(crate) field: String,
    /// Its heading; left out, the name
    #[serde(default)]
    pub(crate) title: Option<String>,
    #[serde(default)]
    pub(crate) format: Format,
    /// Digits behind the point
    #[serde(default)]
    pub(crate) places: Option<u32>,
    /// In characters; left out, as wide as its content
    #[serde(default)]
    pub(crate) width: Option<f64>,
    /// Each value as its part of the sum of the column
    #[serde(default)]
    pub(crate) share: bool,
    /// What stands below it
    #[serde(default)]
    pub(crate) total: Option<Total>,
}

/// What is made of all values of a column
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Total {
    Sum,
    Mean,
    Count,
}

pub(crate) struct Table {
    pub(crate) columns: Vec<Column>,
    pub(crate) rows: Vec<Vec<Cell>>,
    /// None where no column has one.
    pub(crate) totals: Option<Vec<Cell>>,
}

impl Column {
    pub(crate) fn heading(&self) -> &str {
        self.title.as_deref().unwrap_or(&self.field)
    }

    /// A share is told in percent unless another format is said.
    fn settled(self) -> Self {
        if !self.share || self.format != Format::Auto {
            return self;
        }
        Self { format: Format::Percent, ..self }
    }

    pub(crate) fn digits(&self) -> Digits {
        Digits::of(self.format, self.places)
    }

    /// Of the totals: a count has no places and is no share.
    pub(crate) fn total_digits(&self) -> Digits {
        if self.total == Some(Total::Count) { Digits::of(Format::Whole, None) } else { self.digits() }
    }

    fn total_of(&self, cells: &[&Cell]) -> Option<Cell> {
        let total = self.total?;
        let numbers = cells
            .iter()
            .filter_map(|cell| if let Cell::Number(number) = cell { Some(*number) } else { None });
        let sum = || numbers.clone().try_fold(Decimal::ZERO, Decimal::checked_add);
        Some(match total {
            Total::Count => Cell::Number(cells.iter().filter(|cell| ***cell != Cell::Empty).count().into()),
            Total::Sum => Cell::Number(sum()?),
            Total::Mean => match numbers.clone().count() {
                0 => Cell::Empty,
                count => Cell::Number(sum()?.checked_div(count.into())?),
            },
        })
    }
}

/// Without columns, all names in the order they first appear.
fn columns_of(rows: &[Record]) -> Vec<Column> {
    let mut columns: Vec<Column> = Vec::new();
    for (name, _) in rows.iter().flat_map(|row| &row.0) {
        if columns.iter().all(|known| known.field != *name) {
            columns.push(Column {
                field: name.clone(),
                title: None,
                format: Format::Auto,
                places: None,
                width: None,
                share: false,
                total: None,
            });
        }
    }
    columns
}

impl Table {
    pub(crate) fn read(
        rows: &Rows,
        columns: Option<&[Column]>,
        (total, pointer): (Option<&str>, &str),
        zone: &TimeZone,
    ) -> Result<Self> {
        let records = rows.read(&format!("{pointer}/rows"))?;
        let columns = columns.map_or_else(|| columns_of(&records), <[Column]>::to_vec);
        if columns.len() > MOST_COLUMNS {
            let words = format!("{} columns are too many: at most {MOST_COLUMNS}", columns.len());
            return Err(Error::refused("report.bad_columns", words).at(format!("{pointer}/columns")));
        }
        known(&columns, &records, pointer)?;
        let columns: Vec<Column> = columns.into_iter().map(Column::settled).collect();
        let mut rows = Vec::with_capacity(records.len());
        for (at, record) in records.iter().enumerate() {
            let cell = |column: &Column| {
                let json = record.get(&column.field).unwrap_or("null");
                Cell::of(json, column.format, zone).map_err(|why| {
                    let words = format!("row {}, {}: {why}", at + 1, column.heading());
                    Error::refused("report.bad_value", words).at(format!("{pointer}/rows/{at}"))
                })
            };
            rows.push(columns.iter().map(cell).collect::<Result<Vec<_>>>()?);
        }
        (0..columns.len()).filter(|at| columns[*at].share).for_each(|at| shared(&mut rows, at));
        let totals = totals(&columns, &rows, total)?;
        Ok(Self { columns, rows, totals })
    }

    /// Whether a column is read as numbers, which stand to the right.
    pub(crate) fn is_of_numbers(&self, column: usize) -> bool {
        let own = &self.columns[column];
        let format = matches!(own.format, Format::Whole | Format::Number | Format::Money | Format::Percent);
        format || self.rows.iter().any(|row| row[column].is_number())
    }
}

/// The numbers of a column as parts of their sum; of nothing there are none.
fn shared(rows: &mut [Vec<Cell>], at: usize) {
    let number = |cell: &Cell| if let Cell::Number(number) = cell { Some(*number) } else { None };
    let sum = rows.iter().filter_map(|row| number(&row[at])).try_fold(Decimal::ZERO, Decimal::checked_add);
    for row in rows {
        if let Some(own) = number(&row[at]) {
            let part = sum.and_then(|sum| own.checked_div(sum));
            row[at] = part.map_or(Cell::Empty, Cell::Number);
        }
    }
}

/// A column that no row has is a slip of the pen, unless there are no rows.
fn known(columns: &[Column], records: &[Record], pointer: &str) -> Result<()> {
    let missing = columns
        .iter()
        .enumerate()
        .find(|(_, column)| records.iter().all(|row| row.get(&column.field).is_none()));
    match missing {
        Some((at, column)) if !records.is_empty() => {
            let names: Vec<&str> = columns_names(records);
            let words = format!("no row has a value `{}`", column.field);
            Err(Error::refused("report.bad_columns", words)
                .at(format!("{pointer}/columns/{at}/field"))
                .help(format!("the rows have {}", names.join(", "))))
        }
        _ => Ok(()),
    }
}

fn columns_names(records: &[Record]) -> Vec<&str> {
    let mut names: Vec<&str> = Vec::new();
    for (name, _) in records.iter().flat_map(|row| &row.0) {
        if !names.contains(&name.as_str()) {
            names.push(name);
        }
    }
    names
}

fn totals(columns: &[Column], rows: &[Vec<Cell>], label: Option<&str>) -> Result<Option<Vec<Cell>>> {
    if columns.iter().all(|column| column.total.is_none()) {
        return Ok(None);
    }
    let mut totals = Vec::with_capacity(columns.len());
    for (at, column) in columns.iter().enumerate() {
        let cells: Vec<&Cell> = rows.iter().map(|row| &row[at]).collect();
        let total = match column.total {
            None => Cell::Empty,
            Some(_) => column.total_of(&cells).ok_or_else(|| {
                let words = format!("the total of {} has more than 28 digits", column.heading());
                Error::refused("report.bad_value", words)
            })?,
        };
        totals.push(total);
    }
    if let Some(first) = totals.iter_mut().find(|cell| **cell == Cell::Empty) {
        *first = Cell::Text(label.unwrap_or("合计").to_owned());
    }
    Ok(Some(totals))
}
