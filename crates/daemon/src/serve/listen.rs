//! Where the daemon listens: sockets that systemd holds, else its own.

use std::net::SocketAddr;

use listenfd::ListenFd;
use yizhan_console::Listeners;

use crate::config::Config;
use crate::exit::{Exit, Failure};
use crate::home::{Home, SOCKET};
use crate::socket;

/// So many who came wait to be taken in, as far as the kernel lets them (`net.core.somaxconn`): whoever comes beyond them is
/// told nothing, and tries again after a second.
const WAITING_MOST: i32 = 4_096;

#[derive(Debug)]
pub(crate) struct Listening {
    pub(crate) listeners: Listeners,
    /// `http://127.0.0.1:8723`, where TCP is listened on.
    pub(crate) address: Option<String>,
    socket: String,
}

impl Listening {
    /// What is printed and written down: the address, or the socket where there is none.
    pub(crate) fn said(&self) -> String {
        self.address.clone().unwrap_or_else(|| format!("unix:{}", self.socket))
    }
}

pub(crate) fn open(home: &Home, config: &Config) -> Result<Listening, Failure> {
    let mut listeners = handed_over()?;
    if listeners.unix.is_empty() {
        let own = socket::listen(&home.data, SOCKET)
            .map_err(|error| taken(&home.socket().display().to_string(), &error))?;
        own.set_nonblocking(true)?;
        listeners.unix.push(tokio::net::UnixListener::from_std(own)?);
    }
    let address = config.http.address().map_err(|why| Failure::new(Exit::Failed, "YZ0522", why))?;
    if let (true, Some(address)) = (listeners.tcp.is_empty(), address) {
        let own =
            std::net::TcpListener::bind(address).map_err(|error| taken(&address.to_string(), &error))?;
        rustix::net::listen(&own, WAITING_MOST).map_err(std::io::Error::from)?;
        own.set_nonblocking(true)?;
        listeners.tcp.push(tokio::net::TcpListener::from_std(own)?);
    }
    let address = listeners.tcp.first().map(tokio::net::TcpListener::local_addr).transpose()?;
    let address = address.map(|address| format!("http://{address}"));
    Ok(Listening { listeners, address, socket: home.socket().display().to_string() })
}

/// What systemd listens on for us, so that a restart refuses nobody.
fn handed_over() -> Result<Listeners, Failure> {
    let mut handed = ListenFd::from_env();
    let mut listeners = Listeners::default();
    for place in 0..handed.len() {
        // Asked for the wrong kind, it says so and keeps the socket for the next question.
        if let Ok(Some(unix)) = handed.take_unix_listener(place) {
            unix.set_nonblocking(true)?;
            listeners.unix.push(tokio::net::UnixListener::from_std(unix)?);
        } else if let Some(tcp) = handed.take_tcp_listener(place)? {
            let address: SocketAddr = tcp.local_addr()?;
            if !address.ip().is_loopback() {
                let failure =
                    Failure::new(Exit::Failed, "YZ0525", format!("systemd listens on {address} for us"));
                return Err(failure.help(
                    "name a loopback address in the socket's unit, and put a proxy with TLS before it",
                ));
            }
            tcp.set_nonblocking(true)?;
            listeners.tcp.push(tokio::net::TcpListener::from_std(tcp)?);
        }
    }
    Ok(listeners)
}

fn taken(place: &str, error: &std::io::Error) -> Failure {
    let failure = Failure::new(Exit::Failed, "YZ0526", format!("cannot listen on `{place}`: {error}"));
    failure.help(if error.kind() == std::io::ErrorKind::PermissionDenied {
        "the user whom this runs as may not do that: give that user the folder, or take a port above 1023"
    } else {
        "another program may listen there: choose another `[http] listen`, or port 0 for a free one"
    })
}
