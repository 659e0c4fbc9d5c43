//! What a workflow says about a call.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::{Map, Value};
use yizhan_plugin_api::prelude::schemars::{Schema, SchemaGenerator, json_schema};
use yizhan_plugin_api::prelude::*;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Call {
    #[schemars(extend("format" = "http-url"))]
    pub(crate) url: String,
    #[serde(default = "post")]
    #[schemars(extend("format" = "http-method"))]
    pub(crate) method: String,
    /// A value may be `{ secret = "name" }`
    #[serde(default)]
    pub(crate) headers: BTreeMap<String, HeaderValue>,
    /// Goes behind the `?`, escaped
    #[serde(default)]
    pub(crate) query: Map<String, Value>,
    #[serde(default)]
    pub(crate) json: Option<Value>,
    #[serde(default)]
    #[schemars(with = "Map<String, Value>")]
    pub(crate) form: Option<Map<String, Value>>,
    #[serde(default)]
    pub(crate) text: Option<TextFile>,
    #[serde(default)]
    pub(crate) multipart: Option<Vec<Part>>,
    /// A stored file as the whole body
    #[serde(default)]
    pub(crate) artifact: Option<Artifact>,
    /// What counts as done: statuses, or `2xx`
    #[serde(default)]
    pub(crate) expect: Expect,
    /// What to read from the reply: `$.id`, or names with their paths
    #[serde(default)]
    pub(crate) output: Paths,
    /// Signs the body as Standard Webhooks say
    #[serde(default)]
    #[schemars(with = "SecretRef")]
    pub(crate) sign: Option<SecretRef>,
    #[serde(default)]
    #[schemars(with = "SecretRef")]
    pub(crate) bearer: Option<SecretRef>,
    #[serde(default)]
    #[schemars(with = "Basic")]
    pub(crate) basic: Option<Basic>,
    /// How long to wait for the reply, in seconds
    #[serde(default = "thirty_seconds")]
    pub(crate) timeout_s: f64,
    /// Refuses a larger reply
    #[serde(default)]
    pub(crate) max_bytes: Option<u64>,
}

fn post() -> String {
    "POST".to_owned()
}

fn thirty_seconds() -> f64 {
    30.0
}

/// `{ secret = "name" }`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SecretRef {
    pub(crate) secret: SecretName,
}

#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Basic {
    pub(crate) user: String,
    /// The name of the secret that holds the password
    pub(crate) secret: SecretName,
}

/// One part of a form with files.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Part {
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) text: Option<String>,
    /// A file below the plugin's roots
    #[serde(default)]
    #[schemars(extend("format" = "path-below-root"))]
    pub(crate) path: Option<String>,
    #[serde(default)]
    pub(crate) artifact: Option<Artifact>,
    /// Left out, the name of the file
    #[serde(default)]
    pub(crate) filename: Option<String>,
    #[serde(default, rename = "type")]
    pub(crate) media_type: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum HeaderValue {
    Text(String),
    Secret(SecretRef),
}

impl JsonSchema for HeaderValue {
    fn schema_name() -> Cow<'static, str> {
        "HeaderValue".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": ["string", "object"],
            "properties": { "secret": { "type": "string", "x-yz": "secret" } },
            "additionalProperties": false,
        })
    }
}

/// One or many of: a status, or a class of them as `2xx`.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum Expect {
    One(Status),
    Many(Vec<Status>),
}

#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum Status {
    Code(u16),
    Class(String),
}

impl Default for Expect {
    fn default() -> Self {
        Self::One(Status::Class("2xx".to_owned()))
    }
}

impl Expect {
    pub(crate) fn statuses(&self) -> &[Status] {
        match self {
            Self::One(status) => std::slice::from_ref(status),
            Self::Many(statuses) => statuses,
        }
    }

    pub(crate) fn takes(&self, status: u16) -> bool {
        self.statuses().iter().any(|expected| match expected {
            Status::Code(code) => *code == status,
            Status::Class(class) => class.parse() == Ok(status) || class_of(class) == Some(status / 100),
        })
    }

    /// A class is `1xx` to `5xx`.
    pub(crate) fn check(&self) -> Result<()> {
        for status in self.statuses() {
            let fits = match status {
                Status::Code(code) => (100..600).contains(code),
                Status::Class(class) => {
                    class_of(class).is_some()
                        || class.parse().is_ok_and(|code: u16| (100..600).contains(&code))
                }
            };
            if !fits {
                let words = "a status is a number from 100 to 599, or a class as `2xx`";
                return Err(Error::refused("webhook.bad_expect", words).at("/expect"));
            }
        }
        Ok(())
    }
}

fn class_of(text: &str) -> Option<u16> {
    text.strip_suffix("xx")?.parse().ok().filter(|class| (1..=5).contains(class))
}

impl JsonSchema for Expect {
    fn schema_name() -> Cow<'static, str> {
        "Expect".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["integer", "string", "array"], "items": { "type": ["integer", "string"] } })
    }
}

/// One path, whose value is `output`, or a name for each.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum Paths {
    One(String),
    Named(BTreeMap<String, String>),
}

impl Default for Paths {
    fn default() -> Self {
        Self::Named(BTreeMap::new())
    }
}

impl JsonSchema for Paths {
    fn schema_name() -> Cow<'static, str> {
        "Paths".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["string", "object"], "additionalProperties": { "type": "string" } })
    }
}
