//! The encodings of text files: UTF-8 with or without its mark, and GB18030 for programs that want it.

use encoding_rs::GB18030;
use yizhan_plugin_api::prelude::*;

const BOM: &[u8] = b"\xEF\xBB\xBF";

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Encoding {
    #[default]
    #[serde(rename = "utf-8")]
    Utf8,
    /// Excel takes a csv for UTF-8 only with the mark
    #[serde(rename = "utf-8-bom")]
    Utf8Bom,
    Gb18030,
}

impl Encoding {
    pub(crate) fn with_bom(self, bom: bool) -> Self {
        if bom && self == Self::Utf8 { Self::Utf8Bom } else { self }
    }

    /// What stands at the beginning of a new file.
    pub(crate) fn mark(self) -> &'static [u8] {
        if self == Self::Utf8Bom { BOM } else { b"" }
    }

    /// GB18030 has a place for every character, so nothing is lost.
    pub(crate) fn encode(self, text: &str) -> Vec<u8> {
        match self {
            Self::Utf8 | Self::Utf8Bom => text.as_bytes().to_vec(),
            Self::Gb18030 => GB18030.encode(text).0.into_owned(),
        }
    }

    /// The mark falls away.
    pub(crate) fn decode(self, bytes: &[u8], path: &str) -> Result<String> {
        let wrong = |other: &str| {
            Error::refused("file.encoding", format!("`{path}` is not written in {}", self.name())).help(other)
        };
        match self {
            Self::Utf8 | Self::Utf8Bom => {
                let bytes = bytes.strip_prefix(BOM).unwrap_or(bytes);
                let text = std::str::from_utf8(bytes);
                text.map(str::to_owned).map_err(|_| {
                    wrong("say `encoding = \"gb18030\"` if it comes from an older Chinese program")
                })
            }
            Self::Gb18030 => GB18030
                .decode_without_bom_handling_and_without_replacement(bytes)
                .map(std::borrow::Cow::into_owned)
                .ok_or_else(|| wrong("leave `encoding` out if it is UTF-8")),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Utf8 | Self::Utf8Bom => "UTF-8",
            Self::Gb18030 => "GB18030",
        }
    }
}
