//! Files that came with a request, kept by their hash.

use std::io::ErrorKind;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use serde::Deserialize;
use serde_json::Value as Json;
use utoipa::IntoParams;

use super::{Looking, runs, tasks};
use crate::body::{Asked, Created, File, Named};
use crate::caller::Caller;
use crate::desk::Desk;
use crate::openapi::{Gives, Making, any};
use crate::refusal::Refusal;
use crate::view::ArtifactView;

#[derive(Debug, Deserialize, IntoParams)]
pub(crate) struct Name {
    /// What the file is called where it came from.
    name: Option<String>,
}

pub(crate) async fn put(
    State(desk): State<Arc<Desk>>,
    Asked(named): Asked<Name>,
    File(bytes): File,
) -> Result<Created<ArtifactView>, Refusal> {
    let size = bytes.len();
    let artifact = desk.read(move |desk| {
        desk.house.put_artifact(&bytes).map_err(|error| {
            if matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded) {
                return Refusal::DiskFull;
            }
            Refusal::bug("an artifact could not be kept", &error)
        })
    });
    Ok(Created(ArtifactView { artifact: artifact.await?, name: named.name.unwrap_or_default(), size }))
}

/// What the house is asked for: never a path.
pub(super) fn is_hash(name: &str) -> bool {
    name.len() == 64 && name.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// A file to be kept, never a page: what people send us is not ours to show.
pub(crate) struct Kept(Bytes);

impl IntoResponse for Kept {
    fn into_response(self) -> Response {
        let headers = [
            (header::CONTENT_TYPE, "application/octet-stream"),
            (header::CONTENT_DISPOSITION, "attachment"),
            (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
            (header::CONTENT_SECURITY_POLICY, "default-src 'none'; sandbox"),
            (header::CACHE_CONTROL, "private, no-store"),
        ];
        (headers, Body::from(self.0)).into_response()
    }
}

impl Gives for Kept {
    fn give(making: &mut Making<'_>) {
        let bytes = any("The bytes that were kept.");
        making.gives(StatusCode::OK, "application/octet-stream", bytes, "The file.");
    }
}

/// A file of a run, for whoever sees it there.
pub(crate) async fn of_run(
    State(desk): State<Arc<Desk>>,
    caller: Caller,
    Named((run, sha256)): Named<(String, String)>,
    Asked(asked): Asked<Looking>,
) -> Result<Kept, Refusal> {
    let view = runs::view_for(&desk, &caller, run, asked).await?;
    file_in(&desk, view.get(), sha256).await
}

/// A file of a task, for whoever sees it there.
pub(crate) async fn of_task(
    State(desk): State<Arc<Desk>>,
    caller: Caller,
    Named((task, sha256)): Named<(String, String)>,
    Asked(asked): Asked<Looking>,
) -> Result<Kept, Refusal> {
    let view = tasks::view_for(&desk, &caller, task, asked).await?;
    file_in(&desk, view.get(), sha256).await
}

/// Looks for it in what the view names.
async fn file_in(desk: &Arc<Desk>, view: &str, sha256: String) -> Result<Kept, Refusal> {
    let no_such = || Refusal::NoSuch { kind: "artifact", name: sha256.chars().take(64).collect() };
    let mut view: Json =
        serde_json::from_str(view).map_err(|error| Refusal::bug("a view is no JSON", &error))?;
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
    found.await?.map(Kept).ok_or_else(no_such)
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
