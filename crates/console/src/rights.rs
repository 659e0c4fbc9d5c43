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
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::Router;
use axum::extract::{FromRequestParts, Request, State};
use axum::handler::Handler;
use axum::http::request::Parts;
use axum::http::uri::Authority;
use axum::http::{HeaderMap, Method, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use axum::routing::{MethodFilter, on};

use crate::desk::Desk;
use crate::refusal::Refusal;

/// Where a request came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer {
    /// The home's socket, which only its owner can open.
    Socket,
    Tcp(SocketAddr),
}

/// Who asks, as far as we know.
#[derive(Clone, Debug)]
pub struct Caller {
    /// On this machine, and not in the name of somebody elsewhere.
    pub near: bool,
    /// `socket` or `token:<name>`; none for a stranger.
    pub via: Option<Arc<str>>,
}

/// What a route asks of its caller.
pub trait Needs: Copy + Send + Sync + 'static {
    const NAME: &'static str;

    fn met_by(caller: &Caller) -> bool;
}

/// Whoever can reach us. What a handler then asks (a webhook its signature) is its own matter.
#[derive(Clone, Copy, Debug)]
pub struct Anyone;

/// Somebody on this machine, or an operator.
#[derive(Clone, Copy, Debug)]
pub struct Near;

/// The owner of the socket, or a token of the config.
#[derive(Clone, Copy, Debug)]
pub struct Operator;

impl Needs for Anyone {
    const NAME: &'static str = "anyone";

    fn met_by(_: &Caller) -> bool {
        true
    }
}

impl Needs for Near {
    const NAME: &'static str = "near";

    fn met_by(caller: &Caller) -> bool {
        caller.near || Operator::met_by(caller)
    }
}

impl Needs for Operator {
    const NAME: &'static str = "operator";

    fn met_by(caller: &Caller) -> bool {
        caller.via.is_some()
    }
}

/// A route as the matrix test sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub method: Method,
    pub path: &'static str,
    pub needs: &'static str,
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
        self.on((Method::GET, MethodFilter::GET), path, needs, handler)
    }

    #[must_use]
    pub fn post<N: Needs, H, T>(self, path: &'static str, needs: N, handler: H) -> Self
    where
        H: Handler<T, Arc<Desk>>,
        T: 'static,
    {
        self.on((Method::POST, MethodFilter::POST), path, needs, handler)
    }

    fn on<N: Needs, H, T>(
        mut self,
        (method, filter): (Method, MethodFilter),
        path: &'static str,
        _: N,
        handler: H,
    ) -> Self
    where
        H: Handler<T, Arc<Desk>>,
        T: 'static,
    {
        let guarded = on(filter, handler)
            .route_layer(from_fn_with_state((self.desk.clone(), PhantomData::<N>), guard::<N>));
        self.router = self.router.route(path, guarded);
        self.table.push(Entry { method, path, needs: N::NAME });
        self
    }

    pub(crate) fn into_parts(self) -> (Router, Vec<Entry>) {
        let Self { desk, router, table } = self;
        let router = router.fallback(nothing_here).method_not_allowed_fallback(not_done_here);
        (router.with_state(desk), table)
    }
}

async fn guard<N: Needs>(
    State((desk, _)): State<(Arc<Desk>, PhantomData<N>)>,
    mut request: Request,
    next: Next,
) -> Result<Response, Refusal> {
    desk.counts.requests.fetch_add(1, Ordering::Relaxed);
    // Without a peer the request did not come over one of our lines: nobody.
    let peer = request.extensions().get::<Peer>().copied().ok_or(Refusal::Unknown)?;
    let caller = Caller { near: is_near(peer, &request), via: via(&desk, peer, request.headers()) };
    if !N::met_by(&caller) {
        desk.counts.refused.fetch_add(1, Ordering::Relaxed);
        return Err(if N::NAME == Near::NAME { Refusal::Far } else { Refusal::Unknown });
    }
    request.extensions_mut().insert(caller);
    Ok(next.run(request).await)
}

/// A proxy on this machine speaks for others, and a page in somebody's browser asks us under a name of its own.
fn is_near(peer: Peer, request: &Request) -> bool {
    let Peer::Tcp(from) = peer else { return true };
    let headers = request.headers();
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

fn via(desk: &Desk, peer: Peer, headers: &HeaderMap) -> Option<Arc<str>> {
    if peer == Peer::Socket {
        return Some("socket".into());
    }
    let given = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, given) = given.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return None;
    }
    // All are looked at, so that the time does not tell which one it was.
    let known: Vec<_> = desk.settings.tokens.iter().filter(|token| token.is(given.trim())).collect();
    known.first().map(|token| format!("token:{}", token.name).into())
}

async fn nothing_here(State(desk): State<Arc<Desk>>, request: Request) -> Refusal {
    stranger_at_the_api(&desk, &request)
        .unwrap_or_else(|| Refusal::NoSuchPage(request.uri().path().chars().take(200).collect()))
}

async fn not_done_here(State(desk): State<Arc<Desk>>, request: Request) -> Refusal {
    stranger_at_the_api(&desk, &request).unwrap_or_else(|| Refusal::NotDoneHere(request.method().to_string()))
}

/// Strangers do not learn what the API has and what it has not.
fn stranger_at_the_api(desk: &Desk, request: &Request) -> Option<Refusal> {
    let peer = request.extensions().get::<Peer>().copied();
    let known = peer.is_some_and(|peer| via(desk, peer, request.headers()).is_some());
    (!known && request.uri().path().starts_with("/api")).then_some(Refusal::Unknown)
}

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refusal> {
        parts.extensions.get::<Self>().cloned().ok_or(Refusal::Unknown)
    }
}
