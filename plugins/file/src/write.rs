//! `file.write`: a whole file, put in its place in one moment.

use std::io::Write as _;

use rustix::fs::Mode;
use serde_json::Value;
use yizhan_plugin_api::prelude::*;
use yizhan_plugin_roots::{Put, Spot, fault, put};

use crate::Files;
use crate::content::Content;
use crate::digest::{sha256, sha256_of};
use crate::encoding::Encoding;
use crate::rows::Guard;

/// Files that are made: the service writes, its group reads, others see nothing.
pub(crate) const FILE_MODE: Mode = Mode::from_raw_mode(0o640);

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Write {
    /// Below the first root, or `root:path`
    #[schemars(extend("format" = "path-below-root"))]
    path: String,
    /// The content as text
    #[serde(default)]
    text: Option<TextFile>,
    /// The content as JSON
    #[serde(default)]
    json: Option<Value>,
    /// The content as a csv: a list of rows
    #[serde(default)]
    csv: Option<Value>,
    /// The content as a stored file
    #[serde(default)]
    artifact: Option<Artifact>,
    /// What to do when the file is there: take its place, or refuse
    #[serde(default)]
    mode: How,
    #[serde(default)]
    encoding: Encoding,
    /// The same as `encoding = "utf-8-bom"`
    #[serde(default)]
    bom: bool,
    /// Keeps the cells of a csv from being run as formulas
    #[serde(default = "yes")]
    safe: bool,
}

pub(crate) fn yes() -> bool {
    true
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum How {
    Create,
    #[default]
    Replace,
}

#[derive(Serialize, JsonSchema)]
pub(crate) struct Written {
    path: String,
    name: String,
    bytes: u64,
    sha256: String,
}

pub(crate) fn write(files: &Files, ctx: &Ctx, input: &Write) -> Result<Written> {
    let place = files.place(&input.path, "/path")?;
    let content = Content {
        text: input.text.as_ref(),
        json: input.json.as_ref(),
        csv: input.csv.as_ref(),
        artifact: input.artifact.as_ref(),
    };
    let bytes = content.bytes(ctx, input.encoding.with_bom(input.bom), Guard::of(input.safe))?;
    let sha256 = sha256(&bytes);
    let spot = place.spot_made()?;
    let how = if input.mode == How::Create { Put::Create } else { Put::Replace };
    let end = put(&spot, ctx.key(), how, FILE_MODE, |file| {
        file.write_all(&bytes).map_err(|error| fault(spot.path(), error))
    });
    if let Err(error) = end {
        // An earlier attempt may have written it and not lived to say so.
        if error.code != "file.exists" || !holds(&spot, &sha256)? {
            return Err(error);
        }
    }
    Ok(Written { path: place.path().to_owned(), name: spot.name, bytes: bytes.len() as u64, sha256 })
}

/// Whether the file is there with this content.
pub(crate) fn holds(spot: &Spot, expected: &str) -> Result<bool> {
    let (found, _) = sha256_of(spot.read()?).map_err(|error| fault(spot.path(), error))?;
    Ok(found == expected)
}
