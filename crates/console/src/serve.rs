//! Takes connections in, with limits on their number, their time and their size, and lets them end when we stop.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::Request;
use futures_util::FutureExt;
use futures_util::future::{Either, select, select_all};
use hyper::body::Incoming;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::watch;

use crate::App;
use crate::caller::Peer;
use crate::connections::{Busy, Going, Held};
use crate::desk::Desk;

use crate::routes::router;

/// What is listened on. A Unix socket's file must be the owner's alone (mode 0600): whoever can open it is the operator.
#[derive(Debug, Default)]
pub struct Listeners {
    pub unix: Vec<UnixListener>,
    pub tcp: Vec<TcpListener>,
}

/// The head of a request may be no larger; hyper answers 431.
const HEAD_MAX: usize = 64 * 1024;

/// Places that only the home's socket has: whoever fills all others cannot keep the owner out.
const OF_THE_OWNER: usize = 32;

/// After a failed accept (no file descriptors): time for some to be given back.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves until `shutdown` ends, then lets answers under way end.
pub async fn serve(listeners: Listeners, app: App, shutdown: impl Future<Output = ()> + Send) {
    let (closing, closes) = watch::channel(false);
    let desk = Arc::new(Desk::new(app, closes));
    let router = router(&desk);
    let ends = desk.ends.clone();
    let ended = desk.shared().ended.subscribe();
    let passing_on = tokio::spawn(async move { ends.pass_on(ended).await });
    let unix = listeners.unix.into_iter().map(|listener| accept_unix(listener, &desk, &router).boxed());
    let tcp = listeners.tcp.into_iter().map(|listener| accept_tcp(listener, &desk, &router).boxed());
    let all: Vec<_> = unix.chain(tcp).collect();
    if all.is_empty() {
        shutdown.await;
    } else {
        let accepting = select_all(all);
        match select(std::pin::pin!(shutdown), accepting).await {
            Either::Left(((), accepting)) => drop(accepting),
            Either::Right((_, shutdown)) => shutdown.await,
        }
    }
    closing.send_replace(true);
    if tokio::time::timeout(desk.settings.drain, desk.connections.emptied()).await.is_err() {
        tracing::warn!(open = desk.connections.open(), "connections are cut: their answers took too long");
        desk.connections.cut();
    }
    passing_on.abort();
}

async fn accept_unix(listener: UnixListener, desk: &Arc<Desk>, router: &Router) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let held = desk.connections.place(desk.settings.connections_max + OF_THE_OWNER).await;
                attend(stream, Peer::Socket, held, desk, router);
            }
            Err(error) => refused(&error).await,
        }
    }
}

async fn accept_tcp(listener: TcpListener, desk: &Arc<Desk>, router: &Router) {
    loop {
        match listener.accept().await {
            Ok((stream, from)) => {
                // Answers are small and wanted at once; a line that cannot promise that is slower, not wrong.
                drop(stream.set_nodelay(true));
                let held = desk.connections.place(desk.settings.connections_max).await;
                attend(stream, Peer::Tcp(from), held, desk, router);
            }
            Err(error) => refused(&error).await,
        }
    }
}

async fn refused(error: &std::io::Error) {
    tracing::warn!(%error, "a connection could not be taken in");
    tokio::time::sleep(ACCEPT_PAUSE).await;
}

fn attend<S>(stream: S, peer: Peer, held: Held, desk: &Arc<Desk>, router: &Router)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (desk, router) = (desk.clone(), router.clone());
    tokio::spawn(async move {
        let place = held.place.clone();
        let (answering, connections) = (held.place.clone(), desk.connections.clone());
        let service = service_fn(move |mut request: Request<Incoming>| {
            let busy = Busy::new(answering.clone(), connections.clone());
            request.extensions_mut().insert(peer);
            request.extensions_mut().insert(answering.clone());
            let answer = TowerToHyperService::new(router.clone()).call(request);
            async move {
                let answer = answer.await.map(|answer| answer.map(|body| Going::of(&busy, body)));
                drop(busy);
                answer
            }
        });
        let mut server = hyper::server::conn::http1::Builder::new();
        server
            .timer(TokioTimer::new())
            .header_read_timeout(desk.settings.head_timeout)
            .max_buf_size(HEAD_MAX);
        let connection = std::pin::pin!(server.serve_connection(TokioIo::new(stream), service));
        let mut closes = desk.closes.clone();
        let closing = async move { drop(closes.wait_for(|closing| *closing).await) };
        // Whoever is silent longest leaves when there is no room for others.
        let leaving = std::pin::pin!(place.leave.notified());
        match select(connection, select(leaving, std::pin::pin!(closing))).await {
            Either::Left((ended, _)) => note(ended, peer),
            Either::Right((Either::Left(_), _)) => {}
            Either::Right((Either::Right(((), leaving)), mut connection)) => {
                connection.as_mut().graceful_shutdown();
                if let Either::Left((ended, _)) = select(connection, leaving).await {
                    note(ended, peer);
                }
            }
        }
        drop(held);
    });
}

fn note(ended: hyper::Result<()>, peer: Peer) {
    if let Err(error) = ended {
        tracing::debug!(?peer, %error, "a connection ended early");
    }
}
