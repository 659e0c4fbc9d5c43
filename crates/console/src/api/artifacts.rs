//! Files that came with a request, kept by their hash.

use std::io::ErrorKind;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use crate::body::{Answer, Asked, Named, read_body};
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

/// As a file to be kept, never as a page: what people send us is not ours to show.
pub(crate) async fn get(
    State(desk): State<Arc<Desk>>,
    Named(sha256): Named<String>,
) -> Result<Response, Refusal> {
    let no_such = || Refusal::NoSuch { kind: "artifact", name: sha256.chars().take(64).collect() };
    if !is_hash(&sha256) {
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
