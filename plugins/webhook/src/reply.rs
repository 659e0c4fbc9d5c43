//! Reads the reply: done, to be tried again, or refused.

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use yizhan_plugin_api::prelude::*;

use crate::input::{Call, Paths};
use crate::path::JsonPath;

/// A step may give 1 MiB, and a JSON reply stands in it twice; larger ones become an artifact.
const INLINE_MAX: usize = 256 << 10;
const SNIPPET: usize = 300;
const KEPT: [&str; 7] =
    ["content-type", "etag", "last-modified", "location", "request-id", "retry-after", "x-request-id"];
const FIELDS: [&str; 6] = ["status", "headers", "body", "json", "artifact", "output"];

#[derive(Serialize, JsonSchema)]
pub(crate) struct Replied {
    status: u16,
    /// The few that say something to a workflow
    headers: BTreeMap<String, String>,
    /// As text, where it is text and not long
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<String>,
    /// Where the body is JSON and not long
    #[serde(skip_serializing_if = "Option::is_none")]
    json: Option<Value>,
    /// The body, where it is long or no text
    #[serde(skip_serializing_if = "Option::is_none")]
    artifact: Option<String>,
    /// What the paths of `output` found
    #[serde(flatten)]
    outputs: Map<String, Value>,
}

/// What to read, checked before the call is made.
pub(crate) struct Outputs(Vec<(String, JsonPath)>);

impl Outputs {
    pub(crate) fn of(input: &Call) -> Result<Self> {
        let bad = |pointer: String, words: String| {
            Error::refused("webhook.bad_output", words)
                .at(pointer)
                .help("write a path as `$.customer.id` or `$.items[0]`")
        };
        let paths: Vec<(&str, &str, String)> = match &input.output {
            Paths::One(path) => vec![("output", path, "/output".to_owned())],
            Paths::Named(paths) => {
                if let Some(name) = paths.keys().find(|name| FIELDS.contains(&name.as_str())) {
                    let words = format!("`{name}` is a field of every reply; choose another name");
                    return Err(bad(format!("/output/{name}"), words));
                }
                paths
                    .iter()
                    .map(|(name, path)| (name.as_str(), path.as_str(), format!("/output/{name}")))
                    .collect()
            }
        };
        let parsed = paths.into_iter().map(|(name, path, pointer)| {
            let path = JsonPath::parse(path).map_err(|why| bad(pointer, format!("`{path}`: {why}")))?;
            Ok((name.to_owned(), path))
        });
        Ok(Self(parsed.collect::<Result<_>>()?))
    }

    fn read(self, json: Option<&Value>) -> Result<Map<String, Value>> {
        // The call is done; only reading it is not.
        let bad =
            |words: String| Error::new("webhook.bad_reply", words).happened(Happened::Yes).at("/output");
        if self.0.is_empty() {
            return Ok(Map::new());
        }
        let json =
            json.ok_or_else(|| bad("the reply is not JSON, so nothing can be read from it".to_owned()))?;
        let read = self.0.into_iter().map(|(name, path)| {
            let found = path.find(json).cloned();
            let found = found.ok_or_else(|| bad(format!("the reply has no `{}`", path.text())))?;
            Ok((name, found))
        });
        read.collect()
    }
}

pub(crate) async fn read(
    ctx: &Ctx,
    input: &Call,
    outputs: Outputs,
    response: &HttpResponse,
) -> Result<Replied> {
    if !input.expect.takes(response.status()) {
        return Err(failure(response));
    }
    let is_short = response.bytes().len() <= INLINE_MAX;
    let text = std::str::from_utf8(response.bytes()).ok();
    // Whatever its type says: many servers send JSON as text.
    let json: Option<Value> = text.and_then(|text| serde_json::from_str(text).ok());
    let found = outputs.read(json.as_ref())?;
    let artifact = match text {
        Some(_) if is_short => None,
        _ => Some(keep(ctx, response).await?),
    };
    Ok(Replied {
        status: response.status(),
        headers: KEPT
            .iter()
            .filter_map(|name| Some(((*name).to_owned(), response.header(name)?.to_owned())))
            .collect(),
        body: text.filter(|_| is_short).map(str::to_owned),
        json: json.filter(|_| is_short),
        artifact,
        outputs: found,
    })
}

async fn keep(ctx: &Ctx, response: &HttpResponse) -> Result<String> {
    let kind = response.header("content-type").unwrap_or("application/octet-stream");
    let stored = ctx.artifact_put("reply", kind, response.bytes()).await;
    Ok(stored.map_err(|error| error.happened(Happened::Yes))?.artifact)
}

/// Which statuses say that trying again may help, and which that nothing was done.
fn failure(response: &HttpResponse) -> Error {
    let status = response.status();
    let error = |code: &str, words: &str| {
        Error::new(code, format!("the reply is {status}, {words}{}", snippet(response)))
    };
    match status {
        408 | 425 | 429 => {
            let error =
                error("webhook.try_later", "it asks to try again later").happened(Happened::No).retry();
            later(error, response)
        }
        500.. => {
            let error =
                error("webhook.server_error", "the other side failed").happened(Happened::Maybe).retry();
            later(error, response)
        }
        410 => error("webhook.gone", "there is nobody any more")
            .happened(Happened::No)
            .help("ask for the new address, or take the step out"),
        400.. => error("webhook.refused", "the other side refuses the call")
            .happened(Happened::No)
            .help("correct what is sent, or say in `expect` that this status is fine"),
        300.. => error("webhook.redirected", "which leads elsewhere and is not followed")
            .happened(Happened::No)
            .help(format!(
                "write the address it leads to: {}",
                response.header("location").unwrap_or("it names none")
            )),
        _ => error("webhook.unexpected", "which is not expected")
            .happened(Happened::Yes)
            .help("say in `expect` that this status is fine"),
    }
}

fn later(error: Error, response: &HttpResponse) -> Error {
    match response.retry_after() {
        Some(after) => error.retry_after(after),
        None => error,
    }
}

/// The beginning of what the other side says, on one line.
fn snippet(response: &HttpResponse) -> String {
    let text = response.text();
    let text: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let text: String = text.chars().filter(|c| !c.is_control()).take(SNIPPET).collect();
    if text.is_empty() { text } else { format!(": {text}") }
}
