//! `file.read`: a file's text, rows, JSON, or the whole of it as an artifact.

use std::io::Read as _;

use serde_json::{Map, Value};
use yizhan_plugin_api::prelude::*;
use yizhan_plugin_roots::fault;

use crate::Files;
use crate::columns::{Bad, Column, Line, sorted};
use crate::digest::sha256;
use crate::encoding::Encoding;

/// What a step may give; larger files become artifacts.
const INLINE_MAX: u64 = 1 << 20;
const ARTIFACT_MAX: u64 = 10 << 20;
/// Of one xlsx.
const ROWS_MAX: usize = 50_000;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Read {
    #[schemars(extend("format" = "path-below-root"))]
    path: String,
    #[serde(default, rename = "as")]
    shape: Shape,
    #[serde(default)]
    encoding: Encoding,
    /// Refuses a larger file
    #[serde(default)]
    max_bytes: Option<u64>,
    /// Which columns of a csv or xlsx are wanted, and what their values are; rows that do not fit are told in `bad`
    #[serde(default)]
    columns: Option<Vec<Column>>,
    /// Of an xlsx; left out, its first
    #[serde(default)]
    sheet: Option<String>,
}

#[derive(Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Shape {
    #[default]
    Text,
    Json,
    /// A list of rows, by the names in the first line
    Csv,
    /// The same of one sheet; numbers, dates, yes and no are what they are
    Xlsx,
    /// Stored with the run, for mails and forms
    Artifact,
}

#[derive(Serialize, JsonSchema)]
pub(crate) struct ReadOut {
    path: String,
    name: String,
    bytes: u64,
    sha256: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    json: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rows: Option<Vec<Map<String, Value>>>,
    /// With `columns`: the first 200 rows that do not fit, and why
    #[serde(skip_serializing_if = "Option::is_none")]
    bad: Option<Vec<Bad>>,
    /// How many do not fit
    #[serde(skip_serializing_if = "Option::is_none")]
    bad_count: Option<u64>,
    /// Its id
    #[serde(skip_serializing_if = "Option::is_none")]
    artifact: Option<String>,
}

pub(crate) fn read(files: &Files, ctx: &Ctx, input: &Read) -> Result<ReadOut> {
    let place = files.place(&input.path, "/path")?;
    let spot = place.spot().map_err(|error| error.at("/path"))?;
    let most = if matches!(input.shape, Shape::Artifact | Shape::Xlsx) { ARTIFACT_MAX } else { INLINE_MAX };
    let max = input.max_bytes.map_or(most, |max| max.min(most));
    let mut bytes = Vec::new();
    let file = spot.read().map_err(|error| error.at("/path"))?;
    file.take(max + 1).read_to_end(&mut bytes).map_err(|error| fault(spot.path(), error))?;
    if bytes.len() as u64 > max {
        let words = format!("`{}` is larger than {max} bytes", spot.path());
        let help = "raise `max_bytes`, or say `as = \"artifact\"` for files up to 10 MiB";
        return Err(Error::refused("file.too_large", words).at("/path").help(help));
    }
    let mut out = ReadOut {
        path: place.path().to_owned(),
        name: spot.name.clone(),
        bytes: bytes.len() as u64,
        sha256: sha256(&bytes),
        text: None,
        json: None,
        rows: None,
        bad: None,
        bad_count: None,
        artifact: None,
    };
    let text = || input.encoding.decode(&bytes, spot.path());
    match input.shape {
        Shape::Text => out.text = Some(text()?),
        Shape::Json => out.json = Some(json(&text()?, spot.path())?),
        Shape::Csv => rows(&mut out, input, csv(&text()?, spot.path(), input.columns.is_some())?)?,
        Shape::Xlsx => rows(&mut out, input, xlsx(&bytes, input, spot.path())?)?,
        Shape::Artifact => {
            let put = ctx.artifact_put(&spot.name, "application/octet-stream", &bytes);
            out.artifact = Some(ctx.block_on(put)?.artifact);
        }
    }
    Ok(out)
}

fn json(text: &str, path: &str) -> Result<Value> {
    serde_json::from_str(text)
        .map_err(|error| Error::refused("file.bad_json", format!("`{path}` is not JSON: {error}")))
}

/// The names over the columns, and the rows below.
fn csv(text: &str, path: &str, by_columns: bool) -> Result<(Vec<String>, Vec<Line>)> {
    let bad = |error: csv::Error| {
        Error::refused("file.bad_csv", format!("`{path}` is not a csv with one line of names: {error}")).help(
            "every row needs as many cells as the first line; with `columns` such rows are told in `bad`",
        )
    };
    let mut reader = csv::ReaderBuilder::new().flexible(by_columns).from_reader(text.as_bytes());
    let names: Vec<String> = reader.headers().map_err(bad)?.iter().map(str::to_owned).collect();
    let mut lines = Vec::new();
    for (at, record) in reader.records().enumerate() {
        let record = record.map_err(bad)?;
        let broken = (record.len() != names.len())
            .then(|| format!("it has {} cells, and there are {} columns", record.len(), names.len()));
        let cells = names.iter().zip(&record);
        let values = cells.map(|(name, cell)| (name.clone(), Value::from(cell))).collect();
        lines.push(Line { row: at + 2, values, broken });
    }
    Ok((names, lines))
}

fn xlsx(bytes: &[u8], input: &Read, path: &str) -> Result<(Vec<String>, Vec<Line>)> {
    let bad = |error: yizhan_cells::SheetError| {
        Error::refused("file.bad_xlsx", format!("`{path}`: {error}")).at("/path")
    };
    let sheet = yizhan_cells::sheet(bytes, input.sheet.as_deref(), ROWS_MAX).map_err(bad)?;
    let line = |line: yizhan_cells::Line| Line { row: line.row, values: line.values, broken: None };
    Ok((sheet.names, sheet.lines.into_iter().map(line).collect()))
}

/// Rows as they stand, or by `columns` with those that do not fit apart.
fn rows(out: &mut ReadOut, input: &Read, (names, lines): (Vec<String>, Vec<Line>)) -> Result<()> {
    let Some(columns) = &input.columns else {
        out.rows = Some(lines.into_iter().map(|line| line.values).collect());
        return Ok(());
    };
    let sorted = sorted(columns, &names, lines)?;
    (out.rows, out.bad, out.bad_count) = (Some(sorted.rows), Some(sorted.bad), Some(sorted.bad_count));
    Ok(())
}
