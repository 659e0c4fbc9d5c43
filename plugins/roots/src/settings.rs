//! The setting `roots = { files = "/srv/files" }`; the order counts, the first root is the default.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, Visitor};
use yizhan_plugin_api::prelude::JsonSchema;
use yizhan_plugin_api::prelude::schemars::{Schema, SchemaGenerator, json_schema};

/// Name and folder of each root, in the order of the settings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RootFolders(pub Vec<(String, String)>);

impl<'de> Deserialize<'de> for RootFolders {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = RootFolders;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a table of root names and folders")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut folders = Vec::new();
                while let Some((name, folder)) = map.next_entry::<String, String>()? {
                    if !is_root_name(&name) {
                        return Err(A::Error::custom(format!(
                            "`{name}` is no name for a root: a small letter, then small letters, digits, `_` or `-`"
                        )));
                    }
                    folders.push((name, folder));
                }
                Ok(RootFolders(folders))
            }
        }
        deserializer.deserialize_map(InOrder)
    }
}

impl JsonSchema for RootFolders {
    fn schema_name() -> Cow<'static, str> {
        "RootFolders".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "object", "additionalProperties": { "type": "string" } })
    }
}

/// Also decides whether the part of a path before `:` is meant as a root.
pub(crate) fn is_root_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || c == '-')
}
