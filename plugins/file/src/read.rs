//! `file.read`: a file's text, rows, JSON, or the whole of it as an artifact.

use std::io::Read as _;

use serde_json::{Map, Value};
use yizhan_plugin_api::prelude::*;
use yizhan_plugin_roots::fault;

use crate::Files;
use crate::digest::sha256;
use crate::encoding::Encoding;

/// What a step may give; larger files become artifacts.
const INLINE_MAX: u64 = 1 << 20;
const ARTIFACT_MAX: u64 = 10 << 20;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Read {
    path: String,
    #[serde(default, rename = "as")]
    shape: Shape,
    #[serde(default)]
    encoding: Encoding,
    /// Refuses a larger file
    #[serde(default)]
    max_bytes: Option<u64>,
}

#[derive(Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Shape {
    #[default]
    Text,
    Json,
    /// A list of rows, by the names in the first line
    Csv,
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
    /// Its id
    #[serde(skip_serializing_if = "Option::is_none")]
    artifact: Option<String>,
}

pub(crate) fn read(files: &Files, ctx: &Ctx, input: &Read) -> Result<ReadOut> {
    let place = files.place(&input.path, "/path")?;
    let spot = place.spot().map_err(|error| error.at("/path"))?;
    let most = if input.shape == Shape::Artifact { ARTIFACT_MAX } else { INLINE_MAX };
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
        artifact: None,
    };
    let text = || input.encoding.decode(&bytes, spot.path());
    match input.shape {
        Shape::Text => out.text = Some(text()?),
        Shape::Json => out.json = Some(json(&text()?, spot.path())?),
        Shape::Csv => out.rows = Some(rows(&text()?, spot.path())?),
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

fn rows(text: &str, path: &str) -> Result<Vec<Map<String, Value>>> {
    let bad = |error: csv::Error| {
        Error::refused("file.bad_csv", format!("`{path}` is not a csv with one line of names: {error}"))
            .help("every row needs as many cells as the first line")
    };
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let names = reader.headers().map_err(bad)?.clone();
    let row = |record: csv::StringRecord| {
        names.iter().zip(&record).map(|(name, cell)| (name.to_owned(), Value::from(cell))).collect()
    };
    reader.records().map(|record| record.map(row).map_err(bad)).collect()
}
