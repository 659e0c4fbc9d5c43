//! Who asks: the owner over the home's socket, a program with a token, a person who signed in, or a stranger.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderName, Method, header};
use yizhan_access::Access;
use yizhan_workflow::id::Millis;
use yizhan_workflow::people::bare;
use yizhan_workflow::people::rights::{Rights, Role};
use yizhan_workflow::run::{OPERATOR, World};

use crate::api::stream;
use crate::desk::Desk;
use crate::noted::Noted;
use crate::refusal::Refusal;

/// The word of a session. The prefix has the browser take it over a safe line and from this host alone.
pub(crate) const COOKIE: &str = "__Host-yizhan";

/// Who came in last with this browser, as `written` has them. It opens nothing, and outlives the session: so that what somebody
/// typed before theirs was over is not sent on in the name of another.
pub(crate) const LAST: &str = "__Host-yizhan-last";

/// A person's id as a cookie and a form carry it.
pub(crate) fn written(id: &str) -> String {
    form_urlencoded::byte_serialize(id.as_bytes()).collect()
}

/// What the audit calls whoever can open the home's socket.
pub(crate) const SOCKET: &str = "socket";

/// Sent by a page that looks again because something changed, and by nobody who clicked.
pub(crate) const AGAIN: &str = "x-yizhan-again";

/// Where a request came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer {
    /// The home's socket, which only its owner can open.
    Socket,
    Tcp(SocketAddr),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Who {
    /// Whoever can open the socket.
    Owner,
    /// Of the config, or one that was made; a made one may act in somebody's name.
    Token { name: Arc<str>, person: Option<Arc<str>> },
    /// The bare id, and the session as lists show it.
    Person { id: Arc<str>, session: Arc<str> },
}

/// Who asks, as far as we know.
#[derive(Clone, Debug)]
pub struct Caller {
    /// On this machine, and not in the name of somebody elsewhere.
    pub near: bool,
    /// None: a stranger.
    pub who: Option<Who>,
    pub rights: Rights,
    pub from: Option<IpAddr>,
    /// What becomes of what they ask for.
    pub(crate) noted: Noted,
}

impl Caller {
    pub(crate) async fn of(
        desk: &Desk,
        peer: Peer,
        headers: &HeaderMap,
        method: &Method,
    ) -> Result<Self, Refusal> {
        // A proxy that names nobody may speak for anybody.
        let through_proxy = desk.settings.behind_proxy && peer != Peer::Socket;
        let near = is_near(peer, headers) && !through_proxy;
        let from = address(desk, peer, headers);
        let (who, rights) = match peer {
            Peer::Socket => (Some(Who::Owner), Rights::all()),
            Peer::Tcp(_) => match bearer(headers) {
                Some(word) => by_token(desk, word)?,
                None => by_session(desk, headers, method).await?,
            },
        };
        Ok(Self { near, who, rights, from, noted: Noted::default() })
    }

    /// `person:li.na`, `token:crm`, `socket`: for the audit.
    #[must_use]
    pub fn name(&self) -> String {
        match &self.who {
            None => "stranger".to_owned(),
            Some(Who::Owner) => SOCKET.to_owned(),
            Some(Who::Token { name, .. }) => format!("token:{name}"),
            Some(Who::Person { id, .. }) => format!("person:{id}"),
        }
    }

    /// The bare id of the person who asks, or in whose name a program does.
    #[must_use]
    pub fn person(&self) -> Option<&str> {
        match &self.who {
            Some(Who::Token { person: Some(id), .. } | Who::Person { id, .. }) => Some(id),
            Some(Who::Owner | Who::Token { person: None, .. }) | None => None,
        }
    }

    /// Says no to whoever may not do this with a workflow.
    pub(crate) fn must(&self, role: Role, workflow: &str) -> Result<(), Refusal> {
        if self.rights.may(role, workflow) {
            return Ok(());
        }
        Err(Refusal::NoRight { role, on: Some(workflow.to_owned()) })
    }

    /// In whose name an act stands in the journal. A person acts in their own; an operator that is no person may name
    /// one, by id with or without `person:`.
    pub(crate) fn acting(&self, by: Option<&str>, world: &World) -> Result<String, Refusal> {
        let by = by.map(str::trim).filter(|by| !by.is_empty());
        if let Some(own) = self.person() {
            return match by.map(bare) {
                None => Ok(format!("person:{own}")),
                Some(by) if by == own => Ok(format!("person:{own}")),
                Some(_) => Err(Refusal::NotYours("whoever is signed in acts in their own name".to_owned())),
            };
        }
        if !self.rights.may_somewhere(Role::Operator) {
            return match by {
                None => Ok(self.name()),
                Some(_) => Err(Refusal::NotYours("this token acts in nobody's name but its own".to_owned())),
            };
        }
        let Some(by) = by.filter(|by| *by != OPERATOR) else { return Ok(OPERATOR.to_owned()) };
        let person = format!("person:{}", bare(by));
        if world.people.known(&person) {
            Ok(person)
        } else {
            Err(Refusal::NoSuch { kind: "person", name: by.to_owned() })
        }
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, word) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(word.trim())
}

type Known = (Option<Who>, Rights);

fn by_token(desk: &Desk, word: &str) -> Result<Known, Refusal> {
    // All are looked at, so that the time does not tell which one it was.
    let known: Vec<_> = desk.settings.tokens.iter().filter(|token| token.is(word)).collect();
    if let Some(token) = known.first() {
        return Ok((Some(Who::Token { name: token.name.clone(), person: None }), Rights::all()));
    }
    let Some(token) = desk.access.token(word, desk.shared().now())? else { return Ok(stranger()) };
    let rights = match &token.person {
        None => Rights::all(),
        Some(id) => match rights_of(desk, id) {
            Some(rights) => rights,
            None => return Ok(stranger()),
        },
    };
    let grant = token.grant();
    let who = Who::Token { name: token.name.into(), person: token.person.map(Arc::from) };
    Ok((Some(who), rights.within(grant)))
}

/// A cookie counts for what a page of ours asks; for what changes something only if the browser says that it was one.
async fn by_session(desk: &Desk, headers: &HeaderMap, method: &Method) -> Result<Known, Refusal> {
    let Some(word) = cookie(headers) else { return Ok(stranger()) };
    if *method != Method::GET && *method != Method::HEAD && !same_origin(headers) {
        return Err(Refusal::CrossSite);
    }
    let now: Millis = desk.shared().now();
    let session = match of_its_own_accord(headers) {
        true => desk.access.session_as_it_is(word, now)?,
        false => desk.access.session(word, now).await?,
    };
    let Some(session) = session else { return Ok(stranger()) };
    let Some(rights) = rights_of(desk, &session.person) else { return Ok(stranger()) };
    Ok((Some(Who::Person { id: session.person.into(), session: session.id.into() }), rights))
}

fn stranger() -> Known {
    (None, Rights::default())
}

/// None for somebody who has left, whatever session or token they still have.
fn rights_of(desk: &Desk, id: &str) -> Option<Rights> {
    let (world, now) = (desk.shared().world(), desk.shared().now());
    let present = world.people_at(now);
    present.person(id)?;
    Some(Rights::of(id, &world.people, &present))
}

pub(crate) fn cookie(headers: &HeaderMap) -> Option<&str> {
    cookie_named(headers, COOKIE)
}

pub(crate) fn cookie_named<'h>(headers: &'h HeaderMap, wanted: &str) -> Option<&'h str> {
    let all = headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
    let mut ours = all.flat_map(|line| line.split(';')).filter_map(|one| one.trim().split_once('='));
    ours.find(|(name, _)| *name == wanted).map(|(_, word)| word)
}

/// Whether a page of this very host asks. `Sec-Fetch-Site` cannot be written by a page; a browser that does not send it
/// sends `Origin`; without either it is no.
pub(crate) fn same_origin(headers: &HeaderMap) -> bool {
    let word = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    if let Some(site) = word("sec-fetch-site") {
        return site == "same-origin";
    }
    let (Some(origin), Some(host)) = (word("origin"), word("host")) else { return false };
    origin.split_once("://").is_some_and(|(_, from)| from.eq_ignore_ascii_case(host))
}

/// A proxy on this machine speaks for others, and a page in somebody's browser asks us under a name of its own.
fn is_near(peer: Peer, headers: &HeaderMap) -> bool {
    let Peer::Tcp(from) = peer else { return true };
    let in_name_of = ["forwarded", "x-forwarded-for", "x-real-ip", "via"];
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()?.parse::<Authority>().ok());
    let ours = host.is_some_and(|host| {
        let name = host.host().trim_start_matches('[').trim_end_matches(']');
        name == "localhost" || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
    });
    from.ip().to_canonical().is_loopback()
        && ours
        && !in_name_of.iter().any(|name| headers.contains_key(*name))
}

/// The address that guesses are counted by and the audit names. Behind a proxy of this machine it is what the proxy adds
/// last, as what stands before may be anybody's word.
fn address(desk: &Desk, peer: Peer, headers: &HeaderMap) -> Option<IpAddr> {
    let Peer::Tcp(from) = peer else { return None };
    let told = headers.get_all("x-forwarded-for").iter().filter_map(|line| line.to_str().ok()).next_back();
    let told = told.and_then(|line| line.rsplit(',').next()?.trim().parse().ok());
    Some(told.filter(|_| desk.settings.behind_proxy).unwrap_or(from.ip()))
}

/// What a caller is known by, kept for as long as an answer goes on.
#[derive(Clone, Debug)]
pub(crate) struct Asker {
    peer: Peer,
    headers: HeaderMap,
}

impl Asker {
    /// Who asked, as they stand now: a session may have ended since, a token been taken back, a right given to others.
    pub(crate) async fn still(&self, desk: &Desk) -> Result<Caller, Refusal> {
        let caller = Caller::of(desk, self.peer, &self.headers, &Method::GET).await?;
        if caller.who.is_some() { Ok(caller) } else { Err(Refusal::Unknown) }
    }
}

impl<S: Sync> FromRequestParts<S> for Asker {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refusal> {
        let peer = parts.extensions.get::<Peer>().copied().ok_or(Refusal::Unknown)?;
        let mut headers = HeaderMap::new();
        let of_the_asker = [header::HOST, header::AUTHORIZATION, header::COOKIE, header::ACCEPT];
        for name in of_the_asker.into_iter().chain([HeaderName::from_static("x-forwarded-for")]) {
            for value in parts.headers.get_all(&name) {
                headers.append(&name, value.clone());
            }
        }
        Ok(Self { peer, headers })
    }
}

/// What a page asks by itself does not say that somebody still sits before it, so it keeps no session from ending.
fn of_its_own_accord(headers: &HeaderMap) -> bool {
    let accepts = headers.get(header::ACCEPT).and_then(|accepts| accepts.to_str().ok());
    headers.contains_key(AGAIN) || accepts == Some(stream::MEDIA)
}

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refusal> {
        parts.extensions.get::<Self>().cloned().ok_or(Refusal::Unknown)
    }
}

impl From<yizhan_access::AccessError> for Refusal {
    fn from(error: yizhan_access::AccessError) -> Self {
        if matches!(error, yizhan_access::AccessError::Full) {
            return Self::DiskFull;
        }
        tracing::error!(%error, "accounts could not be read or written");
        Self::Accounts
    }
}

/// For where accounts are opened.
pub type Accounts = Arc<Access>;
