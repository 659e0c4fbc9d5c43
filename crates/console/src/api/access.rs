//! Accounts: people invited and shut out, sessions, tokens, the audit.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::{IntoParams, ToSchema};
use yizhan_access::{NewToken, Session, Token};
use yizhan_workflow::id::Millis;
use yizhan_workflow::people::bare;
use yizhan_workflow::people::rights::Role;
use yizhan_workflow::run::World;

use super::PageOf;
use crate::body::{Answer, Asked, Created, Given, Named};
use crate::caller::Caller;
use crate::desk::Desk;
use crate::noted::{Standing, standing};
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

/// Whose sessions are over, and how many that were.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AllEndedView {
    person: String,
    sessions: usize,
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

/// What somebody can come in with, read where it holds up nobody. Who is in no list and has nothing of it is nobody.
async fn standing_of(desk: &Arc<Desk>, id: &str) -> Result<Standing, Refusal> {
    let name = id.to_owned();
    desk.read(move |desk| {
        let has = of_account(desk, &name)?;
        let nothing = has.values().all(|value| *value == json!(0) || *value == json!(false));
        if nothing && !desk.shared().world().people.people.contains_key(&name) {
            return Err(Refusal::NoSuch { kind: "person", name });
        }
        Ok(has)
    })
    .await
}

/// The same after something of it was taken away.
async fn left_of(desk: &Arc<Desk>, id: &str) -> Result<Standing, Refusal> {
    let name = id.to_owned();
    desk.read(move |desk| of_account(desk, &name)).await
}

/// What somebody can come in with.
fn of_account(desk: &Desk, id: &str) -> Result<Standing, Refusal> {
    let password = desk.access.with_password()?.iter().any(|(one, _)| one == id);
    let sessions = desk.access.sessions(desk.shared().now())?;
    let sessions = sessions.iter().filter(|session| session.person == id).count();
    let tokens = desk.access.tokens()?;
    let tokens = tokens.iter().filter(|token| token.person.as_deref() == Some(id)).count();
    Ok(standing([
        ("password", Some(json!(password))),
        ("sessions", Some(json!(sessions))),
        ("tokens", Some(json!(tokens))),
    ]))
}

fn of_token(may: Role, on: &[String], person: Option<&str>, expires: Millis) -> Standing {
    standing([
        ("may", Some(json!(may.as_str()))),
        ("on", Some(json!(on)).filter(|_| !on.is_empty())),
        ("person", person.map(|person| json!(person))),
        ("expires", Some(json!(expires.to_string()))),
    ])
}

/// Which of a list are wanted.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(default)]
pub(crate) struct Sought {
    /// Part of a name or an id; small and large letters are the same.
    pub(crate) text: String,
}

impl Sought {
    fn fits(&self, words: &[&str]) -> bool {
        let text = self.text.trim().to_lowercase();
        text.is_empty() || words.iter().any(|word| word.to_lowercase().contains(&text))
    }
}

/// What somebody is called, if they are known.
fn called<'w>(world: &'w World, id: &str) -> &'w str {
    world.people.people.get(id).map_or("", |person| &person.name)
}

pub(crate) async fn accounts(
    State(desk): State<Arc<Desk>>,
    Asked(sought): Asked<Sought>,
    Asked(page): Asked<PageOf>,
) -> Result<Answer<Listing<AccountView>>, Refusal> {
    let listing = desk.read(move |desk| {
        let with: BTreeMap<String, Millis> = desk.access.with_password()?.into_iter().collect();
        let mut sessions = BTreeMap::<String, usize>::new();
        for session in desk.access.sessions(desk.shared().now())? {
            *sessions.entry(session.person).or_default() += 1;
        }
        let world = desk.shared().world();
        let all = world.people.people.iter().filter(|(id, person)| sought.fits(&[id, &person.name]));
        let view = |(id, person): (&String, &yizhan_workflow::people::Person)| AccountView {
            id: id.clone(),
            name: person.name.clone(),
            password_since: with.get(id).map(ToString::to_string),
            sessions: sessions.get(id).copied().unwrap_or_default(),
        };
        Listing::part(all.map(view).collect(), &page, |one| one.id.clone())
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
    caller.noted.changed(&id, Standing::new(), standing([("invited", Some(json!(true)))]));
    let house = world.url.as_deref().unwrap_or_default().trim_end_matches('/');
    let link = format!("{house}/invitation/{}", word.reveal());
    Ok(Answer(InvitedView { person: format!("person:{id}"), link, mail: person.mail }))
}

pub(crate) async fn shut_out(
    State(desk): State<Arc<Desk>>,
    caller: Caller,
    Named(name): Named<String>,
) -> Result<Answer<ShutOutView>, Refusal> {
    let before = standing_of(&desk, bare(&name)).await?;
    desk.access.shut_out(bare(&name)).await?;
    caller.noted.changed(bare(&name), before, left_of(&desk, bare(&name)).await?);
    Ok(Answer(ShutOutView { person: format!("person:{}", bare(&name)) }))
}

pub(crate) async fn end_sessions(
    State(desk): State<Arc<Desk>>,
    caller: Caller,
    Named(name): Named<String>,
) -> Result<Answer<AllEndedView>, Refusal> {
    let id = bare(&name);
    let before = standing_of(&desk, id).await?;
    let sessions = desk.access.end_all(id).await?;
    caller.noted.changed(id, before, left_of(&desk, id).await?);
    Ok(Answer(AllEndedView { person: format!("person:{id}"), sessions }))
}

pub(crate) async fn sessions(
    State(desk): State<Arc<Desk>>,
    Asked(sought): Asked<Sought>,
    Asked(page): Asked<PageOf>,
) -> Result<Answer<Listing<Session>>, Refusal> {
    let listing = desk.read(move |desk| {
        let (mut all, world) = (desk.access.sessions(desk.shared().now())?, desk.shared().world());
        all.retain(|one| sought.fits(&[&one.person, called(&world, &one.person)]));
        Listing::part(all, &page, |one| one.id.clone())
    });
    listing.await.map(Answer)
}

pub(crate) async fn end_session(
    State(desk): State<Arc<Desk>>,
    caller: Caller,
    Named(id): Named<String>,
) -> Result<Answer<EndedView>, Refusal> {
    let now = desk.shared().now();
    let all = desk.read(move |desk| Ok(desk.access.sessions(now)?)).await?;
    let whose = all.into_iter().find(|session| session.id == id).map(|session| session.person);
    if desk.access.end_one(&id).await? {
        let before = standing([("person", whose.map(|person| json!(person)))]);
        caller.noted.changed(&id, before, Standing::new());
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
    let after = of_token(may, &on, person.as_deref(), expires);
    let new = NewToken { name: name.clone(), person, may, on, expires };
    let Some(word) = desk.access.make_token(new, &caller.name(), now).await? else {
        return Err(Refusal::NotNow(format!(
            "there is a token `{name}`; take it back first, or choose another name"
        )));
    };
    caller.noted.changed(&name, Standing::new(), after);
    Ok(MadeView { name, token: word.reveal().to_owned(), expires: expires.to_string() })
}

pub(crate) async fn tokens(
    State(desk): State<Arc<Desk>>,
    Asked(sought): Asked<Sought>,
    Asked(page): Asked<PageOf>,
) -> Result<Answer<Listing<Token>>, Refusal> {
    let all = desk.read(move |desk| {
        let (mut all, world) = (desk.access.tokens()?, desk.shared().world());
        all.retain(|one| {
            let person = one.person.as_deref().unwrap_or_default();
            sought.fits(&[&one.name, person, called(&world, person)])
        });
        Listing::part(all, &page, |one| one.name.clone())
    });
    all.await.map(Answer)
}

pub(crate) async fn revoke(
    State(desk): State<Arc<Desk>>,
    caller: Caller,
    Named(name): Named<String>,
) -> Result<Answer<RevokedView>, Refusal> {
    let was = desk.read(|desk| Ok(desk.access.tokens()?)).await?.into_iter().find(|token| token.name == name);
    if desk.access.revoke(&name).await? {
        let before = was.map(|was| of_token(was.may, &was.on, was.person.as_deref(), was.expires));
        caller.noted.changed(&name, before.unwrap_or_default(), Standing::new());
        return Ok(Answer(RevokedView { name }));
    }
    Err(Refusal::NoSuch { kind: "token", name })
}
