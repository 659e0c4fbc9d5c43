//! `file.append`: a text or a row at the end of a file, once per key.

use std::fs::File;
use std::os::unix::fs::FileExt as _;

use rustix::fs::OFlags;
use serde_json::{Map, Value};
use yizhan_plugin_api::prelude::*;
use yizhan_plugin_roots::{Spot, fault};

use crate::Files;
use crate::encoding::Encoding;
use crate::history::History;
use crate::rows::{Guard, Row, line, row};
use crate::write::{FILE_MODE, yes};

/// No header is longer.
const HEADER_MAX: u64 = 64 << 10;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Append {
    /// Below the first root, or `root:path`
    #[schemars(extend("format" = "path-below-root"))]
    path: String,
    /// Ends with a line end; one is added where it lacks
    #[serde(default)]
    text: Option<TextFile>,
    /// One row: a table of columns and values (a new file begins with their names), or a list of values
    #[serde(default)]
    csv: Option<Value>,
    #[serde(default)]
    encoding: Encoding,
    /// A new file begins with the mark that Excel needs for UTF-8
    #[serde(default)]
    bom: bool,
    /// Keeps cells from being run as formulas
    #[serde(default = "yes")]
    safe: bool,
}

#[derive(Serialize, JsonSchema)]
pub(crate) struct Appended {
    path: String,
    name: String,
    /// Where in the file it begins
    offset: u64,
    bytes: u64,
}

pub(crate) fn append(files: &Files, ctx: &Ctx, input: &Append) -> Result<Appended> {
    let place = files.place(&input.path, "/path")?;
    let key = ctx.key();
    if key.is_empty() || !key.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return Err(Error::refused(
            "file.bad_key",
            "the call has no key, so a second attempt could not be told",
        ));
    }
    let addition = addition(input)?;
    let spot = place.spot_made()?;
    let mut history = History::open(&files.histories, &spot, key)?;
    let is_new = spot.stat()?.is_none();
    // A done append stays done, also when somebody took the file away since.
    let record = if let Some(record) = history.done(key)? {
        record
    } else {
        let data = spot.open(OFlags::RDWR | OFlags::CREATE, FILE_MODE)?;
        if is_new {
            spot.sync_folder()?;
        }
        history.settle(&data)?;
        match history.done(key)? {
            Some(record) => record,
            None => {
                let bytes = bytes(&addition, input, &data, &spot)?;
                history.append(&data, key, &bytes).map_err(|error| named(error, &spot))?
            }
        }
    };
    Ok(Appended {
        path: place.path().to_owned(),
        name: spot.name,
        offset: record.offset,
        bytes: record.length,
    })
}

enum Addition<'a> {
    Text(&'a str),
    Row(Row<'a>),
}

fn addition(input: &Append) -> Result<Addition<'_>> {
    match (&input.text, &input.csv) {
        (Some(text), None) => Ok(Addition::Text(&text.0)),
        (None, Some(csv)) => Ok(Addition::Row(row(csv, "/csv")?)),
        _ => Err(Error::refused("file.no_content", "give either `text` or `csv`")),
    }
}

fn bytes(addition: &Addition<'_>, input: &Append, data: &File, spot: &Spot) -> Result<Vec<u8>> {
    let encoding = input.encoding.with_bom(input.bom);
    let guard = Guard::of(input.safe);
    let size = data.metadata().map_err(|error| fault(spot.path(), error))?.len();
    let (text, line_end) = match addition {
        Addition::Text(text) if text.ends_with('\n') => ((*text).to_owned(), "\n"),
        Addition::Text(text) => (format!("{text}\n"), "\n"),
        Addition::Row(Row::InOrder(cells)) => (line(cells.iter().map(|cell| guard.cell(cell))), "\r\n"),
        Addition::Row(Row::ByName(cells)) if size == 0 => {
            let header = line(cells.keys().map(|name| guard.text(name)));
            (header + &line(cells.values().map(|cell| guard.cell(cell))), "\r\n")
        }
        Addition::Row(Row::ByName(cells)) => {
            let columns = columns(data, encoding, spot)?;
            (line(in_columns(cells, &columns, guard, spot)?), "\r\n")
        }
    };
    let before: Vec<u8> = match size {
        0 => encoding.mark().to_vec(),
        // Somebody's editor left the last line open.
        _ if last_byte(data, size).map_err(|error| fault(spot.path(), error))? != b'\n' => line_end.into(),
        _ => Vec::new(),
    };
    Ok([before, encoding.encode(&text)].concat())
}

fn last_byte(data: &File, size: u64) -> std::io::Result<u8> {
    let mut last = [0];
    data.read_exact_at(&mut last, size - 1)?;
    Ok(last[0])
}

/// The names in the first line of the file.
fn columns(data: &File, encoding: Encoding, spot: &Spot) -> Result<Vec<String>> {
    let mut start = vec![0; usize::try_from(HEADER_MAX).unwrap_or_default()];
    let mut filled = 0;
    while filled < start.len() {
        match data.read_at(&mut start[filled..], filled as u64) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) => return Err(fault(spot.path(), error)),
        }
    }
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(&start[..filled]);
    let mut first = csv::ByteRecord::new();
    let read = reader.read_byte_record(&mut first);
    if !matches!(read, Ok(true)) {
        return Err(other_columns(spot, "its first line has no names of columns"));
    }
    first.iter().map(|cell| encoding.decode(cell, spot.path())).collect()
}

/// The cells in the order of the file.
fn in_columns(
    cells: &Map<String, Value>,
    columns: &[String],
    guard: Guard,
    spot: &Spot,
) -> Result<Vec<String>> {
    let foreign = cells.keys().find(|name| !columns.contains(&guard.text(name)));
    if let Some(name) = foreign {
        return Err(other_columns(spot, &format!("it has no column `{name}`"))
            .help(format!("its columns are {}; append to a new file when they change", columns.join(", "))));
    }
    let cell = |column: &String| {
        let found = cells.iter().find(|(name, _)| guard.text(name) == *column);
        found.map_or_else(String::new, |(_, value)| guard.cell(value))
    };
    Ok(columns.iter().map(cell).collect())
}

fn other_columns(spot: &Spot, why: &str) -> Error {
    Error::refused("file.columns", format!("`{}` cannot take the row: {why}", spot.path()))
        .at("/csv")
        .help("append to a new file, or say the `encoding` the file is written in")
}

/// The reader knows the file, not the one beside it.
fn named(mut error: Error, spot: &Spot) -> Error {
    let side = crate::history::log_name(&spot.name);
    error.message = error.message.replace(&side, &spot.name);
    error
}
