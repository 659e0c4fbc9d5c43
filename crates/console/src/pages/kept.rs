//! What somebody typed into a form and sent when their session was over: carried through the sign-in, so that nothing is
//! typed twice. It is nowhere but in the pages that are exchanged: never in an address, never in a log, never in the store.

use std::sync::Arc;

use axum::extract::Request;
use axum::http::{StatusCode, header};
use axum::response::Response;
use futures_util::stream;
use maud::{Markup, html};
use yizhan_workflow::problem::Lang;

use super::given::Given;
use super::{answered, apart};
use crate::body::{Form, Pieces, media_type};
use crate::caller::{LAST, cookie_named, written};
use crate::desk::Desk;
use crate::refusal::Refusal;
use crate::strangers::Turn;
use crate::words::{catalogue as t, say, say_with};

/// Bytes of names and texts that are carried. A stranger sends them, so they are fewer than what a form of somebody who
/// is known may hold.
const LONGEST: usize = 256 * 1024;
const FIELDS_MAX: usize = 2_000;
/// What a sign-in that carries so much may have: each byte can take three on its way.
pub(crate) const SIGN_IN_MAX: (usize, usize) = (LONGEST * 3 + 64 * 1024, FIELDS_MAX + 20);

/// Where the form goes.
const TO: &str = "kept-to";
/// Who filled it in.
const BY: &str = "kept-by";
/// Files were chosen; they are not carried.
const FILES: &str = "kept-files";
/// It was more than is carried.
const LOST: &str = "kept-lost";
/// Before the names of the form's own fields.
const FIELD: &str = "kept.";
/// Sent with what was kept: the form is shown again, filled in, and nothing of it is done yet.
const LOOK: &str = "kept-look";

/// What was sent too late.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Kept {
    to: String,
    /// Whoever came in last with that browser, where it says so.
    by: Option<String>,
    texts: Vec<(String, String)>,
    files: bool,
    lost: bool,
}

impl Kept {
    /// Reads the form that a request brings. What cannot be carried is said to be lost, not hidden.
    pub(crate) async fn of(desk: &Arc<Desk>, request: Request) -> Self {
        let to = request.uri().path().to_owned();
        let by = cookie_named(request.headers(), LAST).map(str::to_owned);
        let multipart = media_type(request.headers()).as_deref() == Some("multipart/form-data");
        let read = if multipart { of_parts(desk, request).await } else { of_form(desk, request).await };
        match read {
            Ok((texts, files)) => Self { to, by, texts, files, lost: false },
            Err(_) => Self { to, by, lost: true, ..Self::default() },
        }
    }

    /// What the form of the sign-in carried. None: it carried nothing.
    pub(crate) fn in_form(form: &Form) -> Option<Self> {
        let to = form.text(TO);
        // Only a page of this house: it is put into a form's address.
        if super::door::within(to) != to || to.is_empty() {
            return None;
        }
        let texts = form.fields().filter_map(|(name, text)| Some((name.strip_prefix(FIELD)?, text)));
        let texts = texts.map(|(name, text)| (name.to_owned(), text.to_owned())).collect();
        let (files, lost) = (!form.text(FILES).is_empty(), !form.text(LOST).is_empty());
        Some(Self { to: to.to_owned(), by: form.word(BY), texts, files, lost })
    }

    /// For the form of the sign-in.
    pub(crate) fn hidden(&self) -> Markup {
        html! {
            input type="hidden" name=(TO) value=(self.to);
            @if let Some(by) = &self.by { input type="hidden" name=(BY) value=(by); }
            @if self.files { input type="hidden" name=(FILES) value="yes"; }
            @if self.lost { input type="hidden" name=(LOST) value="yes"; }
            @for (name, text) in &self.texts { (carried(&format!("{FIELD}{name}"), text)) }
        }
    }

    /// What somebody reads at the door.
    pub(crate) fn notice(&self, lang: Lang) -> Markup {
        html! {
            div.notice role="alert" {
                p { strong { (say(lang, t::SESSION_IS_OVER)) } }
                @if self.lost { p { (say(lang, t::TYPED_IS_TOO_MUCH)) } } @else { p { (say(lang, t::TYPED_IS_KEPT)) } }
                @if self.files { p { (say(lang, t::CHOOSE_FILES_AGAIN)) } }
            }
        }
    }

    /// The way back to the form, once its reader is known again.
    pub(crate) fn offered(&self, lang: Lang, name: &str) -> Response {
        let title = say(lang, t::SIGNED_IN_AGAIN);
        let content = html! {
            h1 { (title) }
            p { (say_with(lang, t::YOU_ARE, &[name])) }
            div.notice role="status" { p { (say(lang, t::NOTHING_DONE_YET)) } }
            form method="post" action=(self.to) {
                input type="hidden" name=(LOOK) value="yes";
                @for (name, text) in &self.texts { (carried(name, text)) }
                @if self.files { p { (say(lang, t::CHOOSE_FILES_AGAIN)) } }
                button type="submit" autofocus { (say(lang, t::GO_ON)) }
            }
            p { a href="/tasks" { (say(lang, t::BACK_TO_MY_TASKS)) } }
        };
        answered(StatusCode::OK, apart(lang, title, &content))
    }

    /// Whoever filled it in, where that is somebody else than this person.
    pub(crate) fn of_another(&self, id: &str) -> Option<&str> {
        self.by.as_deref().filter(|by| **by != written(id))
    }

    /// For somebody who is not the one who filled it in: it goes no further.
    pub(crate) fn withheld(lang: Lang, (own, theirs): (&str, &str)) -> Response {
        let title = say(lang, t::SIGNED_IN_AGAIN);
        let content = html! {
            h1 { (title) }
            p { (say_with(lang, t::YOU_ARE, &[own])) }
            div.notice role="status" { p { (say_with(lang, t::TYPED_BY_ANOTHER, &[theirs])) } }
            p { a href="/tasks" { (say(lang, t::BACK_TO_MY_TASKS)) } }
        };
        answered(StatusCode::OK, apart(lang, title, &content))
    }

    /// Nothing is left that could be offered.
    pub(crate) fn is_lost(&self) -> bool {
        self.lost
    }
}

fn carried(name: &str, text: &str) -> Markup {
    html! { input type="hidden" name=(name) value=(text); }
}

/// Whether a form comes back from the door and is to be looked at before it is sent.
pub(crate) fn is_looked_at(given: &Given) -> bool {
    given.text(LOOK).is_some()
}

/// Above a form that came back from the door.
pub(crate) fn unsent(lang: Lang) -> Markup {
    html! { div.notice role="status" { p { (say(lang, t::LOOK_AND_SEND)) } } }
}

type Read = Result<(Vec<(String, String)>, bool), Refusal>;

async fn of_form(desk: &Desk, request: Request) -> Read {
    let form = Form::up_to(request, desk, (LONGEST * 3, FIELDS_MAX + 1)).await?;
    let mut texts = Texts::default();
    for (name, text) in form.fields() {
        texts.add(name, text)?;
    }
    Ok((texts.all, false))
}

/// Bounded.
#[derive(Default)]
struct Texts {
    all: Vec<(String, String)>,
    size: usize,
}

impl Texts {
    fn add(&mut self, name: &str, text: &str) -> Result<(), Refusal> {
        self.size += name.len() + text.len();
        if self.size > LONGEST || self.all.len() >= FIELDS_MAX {
            return Err(Refusal::TooLarge { most: LONGEST });
        }
        self.all.push((name.to_owned(), text.to_owned()));
        Ok(())
    }
}

/// Files run past and are not kept: whoever sends them is not known.
async fn of_parts(desk: &Desk, request: Request) -> Read {
    let unreadable = |error: multer::Error| Refusal::Unreadable(error.to_string());
    let turn = Turn::of_stranger(desk, &request)?;
    let keeps = |bytes| turn.as_ref().map_or(Ok(()), |turn| turn.keeps(bytes));
    let limits = &desk.settings;
    let written = request.headers().get(header::CONTENT_TYPE).and_then(|written| written.to_str().ok());
    let boundary = multer::parse_boundary(written.unwrap_or_default()).map_err(unreadable)?;
    let whole = multer::SizeLimit::new().whole_stream(limits.artifact_max as u64);
    let bounds = multer::Constraints::new().size_limit(whole);
    let pieces = Pieces::of(request.into_body(), limits.body_timeout);
    let stream = stream::unfold(pieces, |mut pieces| async {
        let piece = pieces.next().await?.map_err(std::io::Error::other);
        Some((piece, pieces))
    });
    let mut parts = multer::Multipart::with_constraints(stream, boundary, bounds);
    let (mut texts, mut files) = (Texts::default(), false);
    while let Some(mut part) = parts.next_field().await.map_err(unreadable)? {
        let (is_file, mut text) = (part.file_name().is_some(), Vec::new());
        while let Some(piece) = part.chunk().await.map_err(unreadable)? {
            files |= is_file && !piece.is_empty();
            if !is_file {
                keeps(piece.len())?;
                text.extend_from_slice(&piece);
            }
            if text.len() > LONGEST {
                return Err(Refusal::TooLarge { most: LONGEST });
            }
        }
        if !is_file {
            texts.add(part.name().unwrap_or_default(), &String::from_utf8_lossy(&text))?;
        }
    }
    Ok((texts.all, files))
}
