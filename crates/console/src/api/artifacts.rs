//! Files that came with a request, kept by their hash.

use std::io::ErrorKind;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::Value as Json;
use serde_json::value::RawValue;

use super::{Looking, runs, tasks};
use crate::body::{Answer, Asked, Named, read_body};
use crate::caller::Caller;
use crate::desk::Desk;
use crate::refusal::Refusal;
use crate::view::ArtifactView;

#[derive(Debug, Deserialize)]
pub(crate) struct Name {
    name: Option<String>,
}

pub(crate) async fn put(
    State(desk): State<Arc<Desk>>,
    Asked(named): Asked<Name>,
    request: Request,
) -> Result<Response, Refusal> {
    let (parts, body) = request.into_parts();
    let limits = &desk.settings;
    let bytes = read_body(&parts.headers, body, limits.artifact_max, limits.body_timeout).await?;
    let size = bytes.len();
    let artifact = desk.read(move |desk| {
        desk.house.put_artifact(&bytes).map_err(|error| {
            if matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded) {
                return Refusal::DiskFull;
            }
            Refusal::bug("an artifact could not be kept", &error)
        })
    });
    let view = ArtifactView { artifact: artifact.await?, name: named.name.unwrap_or_default(), size };
    Ok((StatusCode::CREATED, Answer(view)).into_response())
}

/// What the house is asked for: never a path.
pub(super) fn is_hash(name: &str) -> bool {
    name.len() == 64 && name.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// A file of a run, for whoever sees it there.
pub(crate) async fn of_run(
    State(desk): State<Arc<Desk>>,
    caller: Caller,
    Named((run, sha256)): Named<(String, String)>,
    Asked(asked): Asked<Looking>,
) -> Result<Response, Refusal> {
    let view = runs::view_for(&desk, &caller, run, asked).await?;
    file_in(&desk, &view, sha256).await
}

/// A file of a task, for whoever sees it there.
pub(crate) async fn of_task(
    State(desk): State<Arc<Desk>>,
    caller: Caller,
    Named((task, sha256)): Named<(String, String)>,
    Asked(asked): Asked<Looking>,
) -> Result<Response, Refusal> {
    let view = tasks::view_for(&desk, &caller, task, asked).await?;
    file_in(&desk, &view, sha256).await
}

/// As a file to be kept, never as a page: what people send us is not ours to show.
async fn file_in(desk: &Arc<Desk>, view: &RawValue, sha256: String) -> Result<Response, Refusal> {
    let no_such = || Refusal::NoSuch { kind: "artifact", name: sha256.chars().take(64).collect() };
    let mut view: Json =
        serde_json::from_str(view.get()).map_err(|error| Refusal::bug("a view is no JSON", &error))?;
    // A draft may name anything: nobody has looked at it.
    if let Some(view) = view.as_object_mut() {
        view.remove("draft");
    }
    if !is_hash(&sha256) || !names_file(&view, &sha256) {
        return Err(no_such());
    }
    let name = sha256.clone();
    let found = desk.read(move |desk| {
        desk.house.artifact(&name).map_err(|error| Refusal::bug("an artifact could not be read", &error))
    });
    let bytes = found.await?.ok_or_else(no_such)?;
    let headers = [
        (header::CONTENT_TYPE, "application/octet-stream"),
        (header::CONTENT_DISPOSITION, "attachment"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; sandbox"),
        (header::CACHE_CONTROL, "private, no-store"),
    ];
    Ok((headers, Body::from(bytes)).into_response())
}

/// Whether a kept file stands there: `{ artifact = "…" }`.
fn names_file(view: &Json, sha256: &str) -> bool {
    match view {
        Json::Object(map) => {
            map.get("artifact").and_then(Json::as_str) == Some(sha256)
                || map.values().any(|one| names_file(one, sha256))
        }
        Json::Array(list) => list.iter().any(|one| names_file(one, sha256)),
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => false,
    }
}
