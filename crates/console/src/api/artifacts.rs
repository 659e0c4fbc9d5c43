//! Files that came with a request, kept by their hash.

use std::io::ErrorKind;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Value as Json, json};
use sha2::{Digest, Sha256};
use utoipa::IntoParams;

use super::{Looking, runs, tasks};
use crate::body::{Asked, Created, File, Named};
use crate::caller::{Caller, SOCKET};
use crate::desk::Desk;
use crate::noted::{Standing, standing};
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
    caller: Caller,
    Asked(named): Asked<Name>,
    File(bytes): File,
) -> Result<Created<ArtifactView>, Refusal> {
    let size = bytes.len();
    let artifact = kept(&desk, &caller.name(), bytes).await?;
    // Not what it is called: a name of a file may say what nobody else is to know.
    let told = standing([("file", Some(json!(artifact))), ("size", Some(json!(size)))]);
    caller.noted.changed(&artifact, Standing::new(), told);
    Ok(Created(ArtifactView { artifact, name: named.name.unwrap_or_default(), size }))
}

/// Keeps a file that somebody sends, by whom it may be named from then on. Whoever has the socket has the disk as well.
pub(crate) async fn kept(desk: &Arc<Desk>, who: &str, bytes: Bytes) -> Result<String, Refusal> {
    if who != SOCKET {
        let (content, most) = (bytes.clone(), desk.settings.uploads_most);
        let hash = desk.read(move |_| Ok(sha256_of(&content))).await?;
        if !desk.access.sends(who, (&hash, bytes.len()), most, desk.shared().now()).await? {
            return Err(Refusal::TooManyFiles { files: most.files, megabytes: most.bytes / 1_000_000 });
        }
    }
    let kept = desk.read(move |desk| {
        desk.house.put_artifact(&bytes).map_err(|error| {
            if matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded) {
                return Refusal::DiskFull;
            }
            Refusal::bug("a file could not be kept", &error)
        })
    });
    kept.await
}

/// In small letters.
pub(crate) fn sha256_of(content: &[u8]) -> String {
    Sha256::digest(content).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What the house is asked for: never a path.
pub(super) fn is_hash(name: &str) -> bool {
    name.len() == 64 && name.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// A file to be kept, never a page: what people send us is not ours to show.
pub(crate) struct Kept {
    desk: Arc<Desk>,
    sha256: String,
    size: u64,
}

/// So much of it is in memory while it goes out.
const PIECE: u64 = 256 * 1024;

impl Kept {
    /// From this byte on.
    async fn piece(self, from: u64) -> Option<(std::io::Result<Bytes>, (Self, u64))> {
        if from >= self.size {
            return None;
        }
        let name = self.sha256.clone();
        let piece = self.desk.read(move |desk| Ok(desk.house.artifact(&name, from, PIECE))).await;
        let piece = piece.unwrap_or_else(|_| Err(std::io::Error::other("it was not read")));
        let piece =
            piece.and_then(|piece| piece.filter(|piece| !piece.is_empty()).ok_or(ErrorKind::NotFound.into()));
        // Whoever gets less than was announced knows that it broke off.
        let next = piece.as_ref().map_or(self.size, |piece| from + piece.len() as u64);
        Some((piece, (self, next)))
    }
}

impl IntoResponse for Kept {
    fn into_response(self) -> Response {
        let length = [(header::CONTENT_LENGTH, self.size.to_string())];
        let pieces = futures_util::stream::unfold((self, 0), |(kept, from)| kept.piece(from));
        let headers = [
            (header::CONTENT_TYPE, "application/octet-stream"),
            (header::CONTENT_DISPOSITION, "attachment"),
            (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
            (header::CONTENT_SECURITY_POLICY, "default-src 'none'; sandbox"),
            (header::CACHE_CONTROL, "private, no-store"),
        ];
        (length, headers, Body::from_stream(pieces)).into_response()
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
    if !is_hash(&sha256) || !shows_file(view, &sha256) {
        return Err(no_such());
    }
    let name = sha256.clone();
    let found = desk.read(move |desk| {
        desk.house.artifact_size(&name).map_err(|error| Refusal::bug("an artifact could not be read", &error))
    });
    let size = found.await?.ok_or_else(no_such)?;
    Ok(Kept { desk: desk.clone(), sha256, size })
}

/// Whether a task shows a file to somebody; a draft may name anything.
pub(super) fn shows_file(view: &str, sha256: &str) -> bool {
    let Ok(mut view) = serde_json::from_str::<Json>(view) else { return false };
    if let Some(view) = view.as_object_mut() {
        view.remove("draft");
    }
    names_file(&view, sha256)
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
