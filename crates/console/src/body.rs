//! Reads what came with a request: bounded in size and pace, and refused in our own words.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, BodyDataStream};
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::time::{Instant, timeout_at};

use crate::arriving::Arriving;
use crate::caller::Caller;
use crate::desk::Desk;
use crate::refusal::Refusal;
use crate::strangers::Turn;

/// A body must bring so many bytes a second, beside the time that it has for nothing: a slow line gets its file through, and one
/// that sends a byte now and then is not waited for.
const SLOWEST: u64 = 2 * 1024;

/// A body piece by piece, for as long as it keeps coming.
pub(crate) struct Pieces {
    stream: BodyDataStream,
    begun: Instant,
    /// For the first piece and between two of them.
    within: Duration,
    come: u64,
}

impl Pieces {
    pub(crate) fn of(body: Body, within: Duration) -> Self {
        Self { stream: body.into_data_stream(), begun: Instant::now(), within, come: 0 }
    }

    pub(crate) async fn next(&mut self) -> Option<Result<Bytes, Refusal>> {
        let earned = Duration::from_millis(self.come.saturating_mul(1_000) / SLOWEST);
        let until = (Instant::now() + self.within).min(self.begun + self.within + earned);
        let Ok(piece) = timeout_at(until, self.stream.next()).await else {
            return Some(Err(Refusal::TooSlow));
        };
        let piece = piece?.map_err(|error| Refusal::Unreadable(format!("the body broke off: {error}")));
        self.come += piece.as_ref().map_or(0, |piece| piece.len() as u64);
        Some(piece)
    }
}

/// A body of at most so many bytes.
pub(crate) struct Bounded {
    pieces: Pieces,
    most: usize,
    come: usize,
}

impl Bounded {
    pub(crate) fn of(
        headers: &HeaderMap,
        body: Body,
        (most, within): (usize, Duration),
    ) -> Result<Self, Refusal> {
        let announced =
            headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
        if announced.is_some_and(|length| length > most as u64) {
            return Err(Refusal::TooLarge { most });
        }
        Ok(Self { pieces: Pieces::of(body, within), most, come: 0 })
    }

    async fn next(&mut self) -> Option<Result<Bytes, Refusal>> {
        let piece = self.pieces.next().await?;
        self.come += piece.as_ref().map_or(0, Bytes::len);
        Some(if self.come > self.most { Err(Refusal::TooLarge { most: self.most }) } else { piece })
    }

    /// All of it, in memory while it comes: of whoever is counted otherwise.
    pub(crate) async fn whole(mut self) -> Result<Bytes, Refusal> {
        let mut whole = BytesMut::new();
        while let Some(piece) = self.next().await {
            whole.extend_from_slice(&piece?);
        }
        Ok(whole.freeze())
    }

    /// All of it, from somebody who is known.
    pub(crate) async fn whole_of(mut self, who: &str, desk: &Arc<Desk>) -> Result<Bytes, Refusal> {
        let mut arriving = Arriving::of(desk, who);
        while let Some(piece) = self.next().await {
            arriving.takes(&piece?).await?;
        }
        arriving.whole().await
    }
}

/// Whose body it is; before anybody is known, nobody's.
fn sender(parts: &Parts) -> String {
    parts.extensions.get::<Caller>().map(Caller::name).unwrap_or_default()
}

/// The media type without its parameters, in small letters.
pub(crate) fn media_type(headers: &HeaderMap) -> Option<String> {
    let written = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    let (name, _) = written.split_once(';').unwrap_or((written, ""));
    Some(name.trim().to_ascii_lowercase())
}

pub(crate) fn is_json(media: &str) -> bool {
    media == "application/json" || (media.starts_with("application/") && media.ends_with("+json"))
}

/// A JSON body. No body at all is an empty object, so that `curl -X POST` does.
#[derive(Debug)]
pub(crate) struct Given<T>(pub T);

impl<T: DeserializeOwned> FromRequest<Arc<Desk>> for Given<T> {
    type Rejection = Refusal;

    async fn from_request(request: Request, desk: &Arc<Desk>) -> Result<Self, Refusal> {
        let (parts, body) = request.into_parts();
        let limits = &desk.settings;
        let body = Bounded::of(&parts.headers, body, (limits.body_max, limits.body_timeout))?;
        let bytes = body.whole_of(&sender(&parts), desk).await?;
        if bytes.is_empty() {
            return parse(b"{}").map(Self);
        }
        match media_type(&parts.headers) {
            // A page of a stranger can send a form without being asked, JSON it cannot.
            Some(media) if !is_json(&media) => Err(Refusal::WrongType(media)),
            Some(_) | None => parse(&bytes).map(Self),
        }
    }
}

/// What a page's form sends: names with texts.
pub(crate) struct Form(
    Vec<(String, String)>,
    #[expect(dead_code, reason = "held as long as it is kept")] Option<Turn>,
);

impl Form {
    /// At most so many bytes and so many fields.
    pub(crate) async fn up_to(
        request: Request,
        desk: &Desk,
        (most, fields): (usize, usize),
    ) -> Result<Self, Refusal> {
        let turn = Turn::of_stranger(desk, &request)?;
        let (parts, body) = request.into_parts();
        let body = match &turn {
            Some(turn) => turn.counted(body),
            None => body,
        };
        let bytes = Bounded::of(&parts.headers, body, (most, desk.settings.body_timeout))?.whole().await?;
        turn.iter().for_each(Turn::came);
        match media_type(&parts.headers).as_deref() {
            Some("application/x-www-form-urlencoded") => {
                Ok(Self(form_urlencoded::parse(&bytes).into_owned().take(fields).collect(), turn))
            }
            other => Err(Refusal::WrongType(other.unwrap_or_default().to_owned())),
        }
    }

    /// All fields with their names, in order.
    pub(crate) fn fields(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, text)| (name.as_str(), text.as_str()))
    }

    pub(crate) fn text(&self, name: &str) -> &str {
        self.0.iter().find(|(known, _)| known == name).map_or("", |(_, text)| text)
    }

    /// Everything of one name, as ticked boxes send it.
    pub(crate) fn all<'f>(&'f self, name: &'f str) -> impl Iterator<Item = &'f str> {
        self.0.iter().filter(move |(known, _)| known == name).map(|(_, text)| text.as_str())
    }

    /// What was filled in; a field left empty says nothing.
    pub(crate) fn word(&self, name: &str) -> Option<String> {
        Some(self.text(name).trim().to_owned()).filter(|text| !text.is_empty())
    }
}

impl FromRequest<Arc<Desk>> for Form {
    type Rejection = Refusal;

    async fn from_request(request: Request, desk: &Arc<Desk>) -> Result<Self, Refusal> {
        // Forms of strangers come here: what a person types is small. A comment of 2,000 signs can take twelve bytes for each.
        Self::up_to(request, desk, (32 * 1024, 100)).await
    }
}

pub(crate) fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Refusal> {
    serde_json::from_slice(bytes).map_err(|error| Refusal::Unreadable(error.to_string()))
}

/// The query of the address.
#[derive(Debug)]
pub(crate) struct Asked<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Asked<T> {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refusal> {
        match Query::<T>::from_request_parts(parts, state).await {
            Ok(Query(asked)) => Ok(Self(asked)),
            Err(rejection) => Err(Refusal::Address(rejection.body_text())),
        }
    }
}

/// The names in the path.
#[derive(Debug)]
pub(crate) struct Named<T>(pub T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Named<T> {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refusal> {
        match Path::<T>::from_request_parts(parts, state).await {
            Ok(Path(named)) => Ok(Self(named)),
            Err(rejection) => Err(Refusal::Address(rejection.body_text())),
        }
    }
}

/// The body as it is: a file.
#[derive(Debug)]
pub(crate) struct File(pub Bytes);

impl FromRequest<Arc<Desk>> for File {
    type Rejection = Refusal;

    async fn from_request(request: Request, desk: &Arc<Desk>) -> Result<Self, Refusal> {
        let (parts, body) = request.into_parts();
        let limits = &desk.settings;
        let body = Bounded::of(&parts.headers, body, (limits.artifact_max, limits.body_timeout))?;
        body.whole_of(&sender(&parts), desk).await.map(Self)
    }
}

/// An answer of JSON that is not kept by whoever passes it on.
#[derive(Debug)]
pub(crate) struct Answer<T>(pub T);

impl<T: Serialize> IntoResponse for Answer<T> {
    fn into_response(self) -> Response {
        match serde_json::to_vec(&self.0) {
            Ok(body) => {
                let headers =
                    [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-store")];
                (headers, body).into_response()
            }
            Err(error) => Refusal::bug("an answer has no JSON form", &error).into_response(),
        }
    }
}

/// Something new.
#[derive(Debug)]
pub(crate) struct Created<T>(pub T);

impl<T: Serialize> IntoResponse for Created<T> {
    fn into_response(self) -> Response {
        (StatusCode::CREATED, Answer(self.0)).into_response()
    }
}

/// What was taken in now, or what became of it when it came before.
#[derive(Debug)]
pub(crate) struct TakenIn<T> {
    pub repeated: bool,
    pub answer: T,
}

impl<T: Serialize> IntoResponse for TakenIn<T> {
    fn into_response(self) -> Response {
        let status = if self.repeated { StatusCode::OK } else { StatusCode::ACCEPTED };
        (status, Answer(self.answer)).into_response()
    }
}
