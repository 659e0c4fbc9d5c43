//! What a file is to hold: a text, JSON, the rows of a csv or an artifact.

use serde_json::Value;
use yizhan_plugin_api::prelude::*;

use crate::encoding::Encoding;
use crate::rows::{Guard, table};

pub(crate) struct Content<'a> {
    pub(crate) text: Option<&'a TextFile>,
    pub(crate) json: Option<&'a Value>,
    pub(crate) csv: Option<&'a Value>,
    pub(crate) artifact: Option<&'a Artifact>,
}

impl Content<'_> {
    /// Exactly one of the four must be given.
    pub(crate) fn bytes(&self, ctx: &Ctx, encoding: Encoding, guard: Guard) -> Result<Vec<u8>> {
        let marked = |text: &str| [encoding.mark(), &encoding.encode(text)].concat();
        match (self.text, self.json, self.csv, self.artifact) {
            (Some(text), None, None, None) => Ok(marked(&text.0)),
            (None, Some(json), None, None) => Ok(marked(&(serde_json::to_string_pretty(json)? + "\n"))),
            (None, None, Some(csv), None) => Ok(marked(&table(csv, guard)?)),
            (None, None, None, Some(artifact)) => {
                Ok(ctx.block_on(ctx.artifact_get(&artifact.0)).map_err(|error| error.at("/artifact"))?.1)
            }
            _ => Err(Error::refused(
                "file.no_content",
                "give exactly one of `text`, `json`, `csv` and `artifact`",
            )),
        }
    }
}
