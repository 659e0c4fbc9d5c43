//! Who may do what: a route names what it needs as a value of its own type, so one that names nothing does not compile.
//!
//! ```
//! use yizhan_console::rights::{Operator, Routes};
//! async fn runs() {}
//! fn for_operators(routes: Routes) -> Routes {
//!     routes.get("/api/v1/runs", Operator, runs)
//! }
//! ```
//!
//! ```compile_fail
//! use yizhan_console::rights::{Operator, Routes};
//! async fn runs() {}
//! fn for_whom(routes: Routes) -> Routes {
//!     routes.get("/api/v1/runs", runs)
//! }
//! ```

use std::marker::PhantomData;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::Router;
use axum::extract::{Request, State};
use axum::handler::Handler;
use axum::http::request::Parts;
use axum::http::{Method, header};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodFilter, on};
use futures_util::FutureExt;
use yizhan_access::{Asked, Outcome};
use yizhan_workflow::people::rights::Role;

use crate::caller::{Caller, Peer, Who};
use crate::desk::Desk;
use crate::noted::Noted;
use crate::pages::{self, Way};
use crate::refusal::Refusal;

/// What a route asks of its caller.
pub trait Needs: Copy + Send + Sync + 'static {
    const NAME: &'static str;

    /// # Errors
    /// What a caller is told who may not.
    fn met_by(caller: &Caller) -> Result<(), Refusal>;
}

/// Whoever can reach us. What a handler then asks (a webhook its signature) is its own matter.
#[derive(Clone, Copy, Debug)]
pub struct Anyone;

/// Somebody on this machine, or somebody known.
#[derive(Clone, Copy, Debug)]
pub struct Near;

/// Somebody known: what is theirs (their tasks) the handler looks for.
#[derive(Clone, Copy, Debug)]
pub struct Known;

/// Somebody known who brings a file: for a task or a start form a person needs no role, but a token that was made to look
/// writes nothing.
#[derive(Clone, Copy, Debug)]
pub struct Bringer;

/// A viewer of some workflow: the handler shows what belongs to those.
#[derive(Clone, Copy, Debug)]
pub struct Viewer;

/// A worker of some workflow; the handler asks for which.
#[derive(Clone, Copy, Debug)]
pub struct Worker;

/// An operator of some workflow; the handler asks for which.
#[derive(Clone, Copy, Debug)]
pub struct Operator;

/// An operator of all workflows: for what belongs to none of them.
#[derive(Clone, Copy, Debug)]
pub struct HouseOperator;

/// An author of all workflows.
#[derive(Clone, Copy, Debug)]
pub struct Author;

/// An administrator of the whole house.
#[derive(Clone, Copy, Debug)]
pub struct Admin;

impl Needs for Anyone {
    const NAME: &'static str = "anyone";

    fn met_by(_: &Caller) -> Result<(), Refusal> {
        Ok(())
    }
}

impl Needs for Near {
    const NAME: &'static str = "near";

    fn met_by(caller: &Caller) -> Result<(), Refusal> {
        if caller.near || caller.who.is_some() { Ok(()) } else { Err(Refusal::Far) }
    }
}

impl Needs for Known {
    const NAME: &'static str = "known";

    fn met_by(caller: &Caller) -> Result<(), Refusal> {
        caller.who.as_ref().map(drop).ok_or(Refusal::Unknown)
    }
}

impl Needs for Bringer {
    const NAME: &'static str = "bringer";

    fn met_by(caller: &Caller) -> Result<(), Refusal> {
        Known::met_by(caller)?;
        let role = Role::Worker;
        if caller.rights.lets_somewhere(role) { Ok(()) } else { Err(Refusal::NoRight { role, on: None }) }
    }
}

fn somewhere(caller: &Caller, role: Role) -> Result<(), Refusal> {
    Known::met_by(caller)?;
    if caller.rights.may_somewhere(role) { Ok(()) } else { Err(Refusal::NoRight { role, on: None }) }
}

fn everywhere(caller: &Caller, role: Role) -> Result<(), Refusal> {
    Known::met_by(caller)?;
    if caller.rights.may_everywhere(role) { Ok(()) } else { Err(Refusal::NoRight { role, on: None }) }
}

macro_rules! needs {
    ($($need:ident: $name:literal, $where:ident $role:ident;)*) => {$(
        impl Needs for $need {
            const NAME: &'static str = $name;

            fn met_by(caller: &Caller) -> Result<(), Refusal> {
                $where(caller, Role::$role)
            }
        }
    )*};
}

needs! {
    Viewer: "viewer", somewhere Viewer;
    Worker: "worker", somewhere Worker;
    Operator: "operator", somewhere Operator;
    HouseOperator: "house operator", everywhere Operator;
    Author: "author", everywhere Author;
    Admin: "admin", everywhere Admin;
}

/// A route as the matrix test sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub method: Method,
    pub path: &'static str,
    pub needs: &'static str,
    /// What it does is an act, and stands in the audit.
    pub acts: bool,
}

/// The router in the making. The only way to a handler.
pub struct Routes {
    desk: Arc<Desk>,
    router: Router<Arc<Desk>>,
    table: Vec<Entry>,
}

impl std::fmt::Debug for Routes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Routes").field("table", &self.table).finish_non_exhaustive()
    }
}

impl Routes {
    pub(crate) fn new(desk: &Arc<Desk>) -> Self {
        Self { desk: desk.clone(), router: Router::new(), table: vec![] }
    }

    #[must_use]
    pub fn get<N: Needs, H, T>(self, path: &'static str, needs: N, handler: H) -> Self
    where
        H: Handler<T, Arc<Desk>>,
        T: 'static,
    {
        self.on((Method::GET, MethodFilter::GET, false), path, needs, handler)
    }

    /// What is asked so changes something: known callers are written into the audit first.
    #[must_use]
    pub fn post<N: Needs, H, T>(self, path: &'static str, needs: N, handler: H) -> Self
    where
        H: Handler<T, Arc<Desk>>,
        T: 'static,
    {
        self.on((Method::POST, MethodFilter::POST, true), path, needs, handler)
    }

    /// A look that brings along what somebody types, which has no place in an address. It changes nothing and is no act.
    #[must_use]
    pub fn look<N: Needs, H, T>(self, path: &'static str, needs: N, handler: H) -> Self
    where
        H: Handler<T, Arc<Desk>>,
        T: 'static,
    {
        self.on((Method::POST, MethodFilter::POST, false), path, needs, handler)
    }

    #[must_use]
    pub fn put<N: Needs, H, T>(self, path: &'static str, needs: N, handler: H) -> Self
    where
        H: Handler<T, Arc<Desk>>,
        T: 'static,
    {
        self.on((Method::PUT, MethodFilter::PUT, true), path, needs, handler)
    }

    fn on<N: Needs, H, T>(
        mut self,
        (method, filter, acts): (Method, MethodFilter, bool),
        path: &'static str,
        _: N,
        handler: H,
    ) -> Self
    where
        H: Handler<T, Arc<Desk>>,
        T: 'static,
    {
        let door = Door { desk: self.desk.clone(), path, acts, needs: PhantomData::<N> };
        let guarded = on(filter, handler).route_layer(from_fn_with_state(door, guard::<N>));
        self.router = self.router.route(path, guarded);
        self.table.push(Entry { method, path, needs: N::NAME, acts });
        self
    }

    pub(crate) fn into_parts(self) -> (Router, Vec<Entry>) {
        let Self { desk, router, table } = self;
        let router = router.fallback(nothing_here).method_not_allowed_fallback(not_done_here);
        let router = router.layer(from_fn(crate::refusal::language::in_theirs));
        (router.with_state(desk), table)
    }
}

/// What stands before each handler.
#[derive(Clone)]
struct Door<N> {
    desk: Arc<Desk>,
    path: &'static str,
    acts: bool,
    needs: PhantomData<N>,
}

async fn guard<N: Needs>(
    State(door): State<Door<N>>,
    mut request: Request,
    next: Next,
) -> Result<Response, Refusal> {
    let desk = &door.desk;
    desk.counts.requests.fetch_add(1, Ordering::Relaxed);
    // Without a peer the request did not come over one of our lines: nobody.
    let peer = request.extensions().get::<Peer>().copied().ok_or(Refusal::Unknown)?;
    let way = Way::of(desk, &request);
    let programs = N::NAME == Near::NAME || pages::is_for_programs(door.path);
    let caller = match Caller::of(desk, peer, request.headers(), request.method()).await {
        Ok(caller) => caller,
        Err(refusal) => {
            desk.counts.refused.fetch_add(1, Ordering::Relaxed);
            return if programs {
                Err(refusal)
            } else {
                Ok(pages::turned_away(desk, &refusal, request).await)
            };
        }
    };
    let around = |answer: Response, caller: &Caller| match &way {
        Some(way) => way.around(desk, caller, answer),
        None => answer,
    };
    if let Err(refusal) = N::met_by(&caller) {
        desk.counts.refused.fetch_add(1, Ordering::Relaxed);
        if programs {
            return Err(refusal);
        }
        return Ok(around(pages::turned_away(desk, &refusal, request).await, &caller));
    }
    let act = match &caller.who {
        Some(who) if door.acts => Some(asked(desk, door.path, &caller, who, &request)),
        Some(_) | None => None,
    };
    request.extensions_mut().insert(caller.clone());
    let answer = match act {
        Some(act) => {
            let carried = carried_out(desk, act, caller.noted.clone(), next.run(request)).await;
            carried.unwrap_or_else(Refusal::into_response)
        }
        None => next.run(request).await,
    };
    Ok(around(answer, &caller))
}

/// What somebody known does is done to its end, also when they hang up meanwhile: or one act of two would be done, and the
/// line in the audit would have no answer. No more of them than there are lines, or hanging up would be a way around that.
pub(crate) async fn carried_out(
    desk: &Arc<Desk>,
    asked: Asked,
    noted: Noted,
    act: impl Future<Output = Response> + Send + 'static,
) -> Result<Response, Refusal> {
    let place = desk.acts.clone().acquire_owned().await.map_err(|_| Refusal::Stopping)?;
    let desk = desk.clone();
    let acting = tokio::spawn(async move {
        let _place = place;
        let of = desk.access.asked(asked).await?;
        let done = AssertUnwindSafe(act).catch_unwind().await;
        let answer = done.unwrap_or_else(|_| Refusal::bug("an act panicked", &of).into_response());
        let (in_case, before, after) = noted.take();
        let (at, status) = (desk.shared().now(), answer.status().as_u16());
        let outcome = Outcome { at, of, status, in_case, before, after };
        // What was done is done: the answer does not wait for its line, and a line that fails is in the log.
        tokio::spawn(async move { drop(desk.access.answered(outcome).await) });
        Ok(answer)
    });
    acting.await.unwrap_or_else(|error| Err(Refusal::bug("an act ended early", &error)))
}

fn asked(desk: &Desk, path: &str, caller: &Caller, who: &Who, request: &Request) -> Asked {
    let session = match who {
        Who::Person { session, .. } => Some(session.to_string()),
        Who::Owner | Who::Token { .. } => None,
    };
    Asked {
        at: desk.shared().now(),
        who: caller.name(),
        from: caller.from.map(|from| from.to_string()).unwrap_or_default(),
        session,
        act: path.to_owned(),
        on: of_audit(path, request.uri().path()),
    }
}

/// A word that lets in stands in no line that others read.
fn of_audit(route: &str, path: &str) -> String {
    let lets_in = ["{token}", "{word}"].iter().any(|word| route.contains(word));
    if lets_in { route.to_owned() } else { path.chars().take(500).collect() }
}

async fn nothing_here(State(desk): State<Arc<Desk>>, request: Request) -> Response {
    let refusal = Refusal::NoSuchPage(request.uri().path().chars().take(200).collect());
    no_route(&desk, request, refusal).await
}

async fn not_done_here(State(desk): State<Arc<Desk>>, request: Request) -> Response {
    let refusal = Refusal::NotDoneHere(request.method().to_string());
    no_route(&desk, request, refusal).await
}

/// A browser says that it wants a page; programs are answered in theirs.
async fn no_route(desk: &Arc<Desk>, request: Request, refusal: Refusal) -> Response {
    let (parts, _) = request.into_parts();
    let asks = parts.headers.get(header::ACCEPT).and_then(|wanted| wanted.to_str().ok());
    let path = parts.uri.path();
    if !asks.is_some_and(|wanted| wanted.contains("text/html")) || path == "/api" || path.starts_with("/api/")
    {
        return stranger_at_the_api(desk, &parts).await.unwrap_or(refusal).into_response();
    }
    let page = pages::refused(&refusal, pages::spoken(desk, &parts.headers));
    let Some(peer) = parts.extensions.get::<Peer>().copied() else { return page };
    let caller = Caller::of(desk, peer, &parts.headers, &Method::GET).await;
    let way = Way::of(desk, &Request::from_parts(parts, axum::body::Body::empty()));
    match way.zip(caller.ok()) {
        Some((way, caller)) => way.around(desk, &caller, page),
        None => page,
    }
}

/// Strangers do not learn what the API has and what it has not.
async fn stranger_at_the_api(desk: &Desk, parts: &Parts) -> Option<Refusal> {
    if !parts.uri.path().starts_with("/api") {
        return None;
    }
    let Some(peer) = parts.extensions.get::<Peer>().copied() else { return Some(Refusal::Unknown) };
    match Caller::of(desk, peer, &parts.headers, &Method::GET).await {
        Ok(caller) => Known::met_by(&caller).err(),
        Err(refusal) => Some(refusal),
    }
}
