//! Accounts: people invited and shut out, sessions, tokens, the audit.

use std::sync::Arc;

use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use yizhan_access::{Line, NewToken, Session, Token, Verified};
use yizhan_workflow::id::Millis;
use yizhan_workflow::people::bare;
use yizhan_workflow::people::rights::Role;

use super::PageOf;
use crate::body::{Answer, Asked, Created, Given, Named};
use crate::caller::Caller;
use crate::desk::Desk;
use crate::refusal::Refusal;
use crate::view::Listing;

const DAY: i64 = 86_400_000;
const TOKEN_DAYS: i64 = 90;
const TOKEN_DAYS_MOST: i64 = 366;
const NAME_LONGEST: usize = 60;

/// Somebody of `people.toml` and how they come in.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AccountView {
    pub id: String,
    pub name: String,
    /// Since when there is a password; none: they were never invited, or have not chosen one.
    pub password_since: Option<String>,
    pub sessions: usize,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct InvitedView {
    pub person: String,
    /// To be given to the person alone, and good once: a page under which they choose a password.
    pub link: String,
    /// A mail address, where `people.toml` has one.
    pub mail: Option<String>,
}

/// Who has no session and no password any more.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ShutOutView {
    person: String,
}

/// The session that is over.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct EndedView {
    id: String,
}

/// The token that lets nobody in any more.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RevokedView {
    name: String,
}

pub(crate) async fn accounts(
    State(desk): State<Arc<Desk>>,
    Asked(page): Asked<PageOf>,
) -> Result<Answer<Listing<AccountView>>, Refusal> {
    let listing = desk.read(move |desk| {
        let (with, sessions) = (desk.access.with_password()?, desk.access.sessions(desk.shared().now())?);
        let world = desk.shared().world();
        let view = |(id, person): (&String, &yizhan_workflow::people::Person)| AccountView {
            id: id.clone(),
            name: person.name.clone(),
            password_since: with.iter().find(|(one, _)| one == id).map(|(_, since)| since.to_string()),
            sessions: sessions.iter().filter(|session| session.person == *id).count(),
        };
        Listing::part(world.people.people.iter().map(view).collect(), &page, |one| one.id.clone())
    });
    listing.await.map(Answer)
}

pub(crate) async fn invite(
    State(desk): State<Arc<Desk>>,
    caller: Caller,
    Named(name): Named<String>,
) -> Result<Answer<InvitedView>, Refusal> {
    let now = desk.shared().now();
    let id = bare(&name).to_owned();
    let world = desk.shared().world();
    let person = world.people_at(now).person(&id).cloned().ok_or(Refusal::NoSuch { kind: "person", name })?;
    let word = desk.access.invite(&id, &caller.name(), now).await?;
    let house = world.url.as_deref().unwrap_or_default().trim_end_matches('/');
    let link = format!("{house}/invitation/{}", word.reveal());
    Ok(Answer(InvitedView { person: format!("person:{id}"), link, mail: person.mail }))
}

pub(crate) async fn shut_out(
    State(desk): State<Arc<Desk>>,
    Named(name): Named<String>,
) -> Result<Answer<ShutOutView>, Refusal> {
    desk.access.shut_out(bare(&name)).await?;
    Ok(Answer(ShutOutView { person: format!("person:{}", bare(&name)) }))
}

pub(crate) async fn sessions(
    State(desk): State<Arc<Desk>>,
    Asked(page): Asked<PageOf>,
) -> Result<Answer<Listing<Session>>, Refusal> {
    let listing = desk.read(move |desk| {
        Listing::part(desk.access.sessions(desk.shared().now())?, &page, |one| one.id.clone())
    });
    listing.await.map(Answer)
}

pub(crate) async fn end_session(
    State(desk): State<Arc<Desk>>,
    Named(id): Named<String>,
) -> Result<Answer<EndedView>, Refusal> {
    if desk.access.end_one(&id).await? {
        return Ok(Answer(EndedView { id }));
    }
    Err(Refusal::NoSuch { kind: "session", name: id })
}

#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = TokenToMake)]
pub(crate) struct Making {
    /// 1 to 60 letters, figures, `-`, `_` or `.`.
    pub name: String,
    /// In whose name it acts.
    pub person: Option<String>,
    /// `viewer`, `worker`, `operator`, `author` or `admin`.
    #[schema(value_type = String)]
    pub may: Role,
    /// On which workflows; none: on all.
    #[serde(default)]
    pub on: Vec<String>,
    /// For how many days it lets in, 1 to 366; 90 where nothing is said.
    pub days: Option<i64>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MadeView {
    pub name: String,
    /// Shown this once.
    pub token: String,
    expires: String,
}

pub(crate) async fn make_token(
    State(desk): State<Arc<Desk>>,
    caller: Caller,
    Given(new): Given<Making>,
) -> Result<Created<MadeView>, Refusal> {
    made(&desk, &caller, new).await.map(Created)
}

/// Makes a token for whoever may.
pub(crate) async fn made(desk: &Arc<Desk>, caller: &Caller, new: Making) -> Result<MadeView, Refusal> {
    let now = desk.shared().now();
    let Making { name, person, may, on, days } = new;
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    if name.is_empty() || name.len() > NAME_LONGEST || !name.bytes().all(is_word) {
        let what = format!("`name` has 1 to {NAME_LONGEST} letters, figures, `-`, `_` or `.`");
        return Err(Refusal::Unreadable(what));
    }
    let days = days.unwrap_or(TOKEN_DAYS);
    if !(1..=TOKEN_DAYS_MOST).contains(&days) {
        return Err(Refusal::Unreadable(format!("`days` is 1 to {TOKEN_DAYS_MOST}")));
    }
    let person = person.map(|person| bare(&person).to_owned());
    if let Some(id) = person.as_ref().filter(|id| desk.shared().world().people_at(now).person(id).is_none()) {
        return Err(Refusal::NoSuch { kind: "person", name: id.clone() });
    }
    let expires: Millis = now.plus(days * DAY);
    let new = NewToken { name: name.clone(), person, may, on, expires };
    let Some(word) = desk.access.make_token(new, &caller.name(), now).await? else {
        return Err(Refusal::NotNow(format!(
            "there is a token `{name}`; take it back first, or choose another name"
        )));
    };
    Ok(MadeView { name, token: word.reveal().to_owned(), expires: expires.to_string() })
}

pub(crate) async fn tokens(
    State(desk): State<Arc<Desk>>,
    Asked(page): Asked<PageOf>,
) -> Result<Answer<Listing<Token>>, Refusal> {
    let all = desk.read(move |desk| Listing::part(desk.access.tokens()?, &page, |one| one.name.clone()));
    all.await.map(Answer)
}

pub(crate) async fn revoke(
    State(desk): State<Arc<Desk>>,
    Named(name): Named<String>,
) -> Result<Answer<RevokedView>, Refusal> {
    if desk.access.revoke(&name).await? {
        return Ok(Answer(RevokedView { name }));
    }
    Err(Refusal::NoSuch { kind: "token", name })
}

/// The newest lines first.
pub(crate) async fn audit(
    State(desk): State<Arc<Desk>>,
    Asked(page): Asked<PageOf>,
) -> Result<Answer<Listing<Line>>, Refusal> {
    let before = page.cursor.as_deref().map(str::parse::<i64>).transpose();
    let before = before.map_err(|_| Refusal::Unreadable("`cursor` is no cursor of this list".to_owned()))?;
    let limit = page.limit();
    let items = desk.read(move |desk| Ok(desk.access.audit(before, limit)?)).await?;
    let next =
        items.last().filter(|line| items.len() == limit && line.seq > 1).map(|line| line.seq.to_string());
    Ok(Answer(Listing { items, next }))
}

pub(crate) async fn verify(State(desk): State<Arc<Desk>>) -> Result<Answer<Verified>, Refusal> {
    desk.read(verified).await.map(Answer)
}

/// Against itself, the house's key, and the heads that were written down meanwhile.
pub(super) fn verified(desk: &Desk) -> Result<Verified, Refusal> {
    let seen = desk.house.audit_heads();
    let seen = seen.map_err(|error| Refusal::bug("the heads of the audit cannot be read", &error))?;
    Ok(desk.access.verify(&seen)?)
}
