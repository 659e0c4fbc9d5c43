//! A small HTTP client: one connection per request, over either kind of socket.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderMap, Request};
use futures_util::StreamExt;
use hyper_util::rt::TokioIo;
use serde_json::Value as Json;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};

/// Headers: as a form of a page is sent, in which language, and from which page.
pub(super) const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");
pub(super) const EN: (&str, &str) = ("accept-language", "en");
pub(super) const OUR_PAGE: (&str, &str) = ("sec-fetch-site", "same-origin");

#[derive(Clone, Debug)]
pub(super) enum To {
    Socket(PathBuf),
    Tcp(SocketAddr),
}

#[derive(Clone, Debug)]
pub(super) struct Client {
    to: To,
    token: Option<String>,
    host: String,
    /// Sent with each request.
    own: Option<(String, String)>,
}

#[derive(Clone, Debug)]
pub(super) struct Reply {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: String,
}

impl Reply {
    pub(super) fn json(&self) -> Json {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// The code of a refusal, after looking that it is a whole one.
    #[track_caller]
    pub(super) fn code(&self) -> String {
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{self:?}");
        let problem = self.json();
        assert_eq!(problem["status"], self.status);
        for field in ["type", "title", "detail"] {
            assert!(problem[field].as_str().is_some_and(|text| !text.is_empty()), "{field}: {problem}");
        }
        problem["code"].as_str().unwrap().to_owned()
    }
}

impl Client {
    pub(super) fn new(to: To, token: Option<&str>) -> Self {
        Self { to, token: token.map(str::to_owned), host: "localhost".into(), own: None }
    }

    /// The same, with a header of its own.
    pub(super) fn with(&self, name: &str, value: &str) -> Self {
        Self { own: Some((name.to_owned(), value.to_owned())), ..self.clone() }
    }

    /// The header of its own.
    pub(super) fn header(&self) -> Option<(&str, &str)> {
        self.own.as_ref().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The same, asking for another host.
    pub(super) fn under(&self, host: &str) -> Self {
        Self { host: host.into(), ..self.clone() }
    }

    pub(super) async fn get(&self, path: &str) -> Reply {
        self.send("GET", path, &[], Vec::new()).await
    }

    pub(super) async fn post(&self, path: &str, body: &Json) -> Reply {
        self.send("POST", path, &[("content-type", "application/json")], body.to_string().into_bytes()).await
    }

    /// Sends it, and leaves the line to whoever may close it before the answer.
    pub(super) async fn asks(&self, path: &str, body: &Json) -> Box<dyn AsyncWrite + Send + Unpin> {
        let (body, token) = (body.to_string(), self.token.as_deref().unwrap_or_default());
        let head =
            format!("POST {path} HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {token}\r\n", self.host);
        let kind = format!("content-type: application/json\r\ncontent-length: {}\r\n\r\n", body.len());
        let mut line: Box<dyn AsyncWrite + Send + Unpin> = match &self.to {
            To::Socket(path) => Box::new(UnixStream::connect(path).await.unwrap()),
            To::Tcp(address) => Box::new(TcpStream::connect(address).await.unwrap()),
        };
        line.write_all([head, kind, body].concat().as_bytes()).await.unwrap();
        line
    }

    pub(super) async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Vec<u8>,
    ) -> Reply {
        let mut request = Request::builder().method(method).uri(path).header("host", &self.host);
        if let Some(token) = &self.token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        if let Some((name, value)) = &self.own {
            request = request.header(name, value);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Body::from(body)).unwrap();
        match &self.to {
            To::Socket(path) => exchange(UnixStream::connect(path).await.unwrap(), request).await,
            To::Tcp(address) => exchange(TcpStream::connect(address).await.unwrap(), request).await,
        }
    }
}

/// An answer that goes on.
pub(super) struct Listening {
    body: axum::body::BodyDataStream,
    rest: String,
    speaking: tokio::task::JoinHandle<hyper::Result<()>>,
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.speaking.abort();
    }
}

impl Listening {
    /// The next event with its data; none, once the stream is over.
    pub(super) async fn next(&mut self) -> Option<(String, Json)> {
        loop {
            while let Some((event, rest)) = self.rest.split_once("\n\n") {
                let field =
                    |name: &str| event.lines().find_map(|line| line.strip_prefix(name)).map(str::to_owned);
                let read = field("event: ").zip(field("data: "));
                self.rest = rest.to_owned();
                if let Some((name, data)) = read {
                    return Some((name, serde_json::from_str(&data).unwrap()));
                }
            }
            let more = tokio::time::timeout(Duration::from_secs(20), self.body.next())
                .await
                .expect("nothing is said");
            let more = more?.unwrap();
            self.rest += std::str::from_utf8(&more).unwrap();
        }
    }

    /// What is said until one of this name is.
    pub(super) async fn until(&mut self, name: &str) -> Json {
        loop {
            let (said, data) = self.next().await.expect("the stream is over");
            if said == name {
                return data;
            }
        }
    }
}

impl Client {
    /// Opens a stream of events, over TCP.
    pub(super) async fn listen(&self, path: &str) -> Listening {
        let To::Tcp(address) = self.to else { panic!("streams are listened to over TCP") };
        let stream = TcpStream::connect(address).await.unwrap();
        let mut request = Request::builder().uri(path).header("host", &self.host);
        request = request.header("accept", "text/event-stream");
        if let Some(token) = &self.token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        if let Some((name, value)) = &self.own {
            request = request.header(name, value);
        }
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
        let speaking = tokio::spawn(connection);
        let answer = sender.send_request(request.body(Body::empty()).unwrap()).await.unwrap();
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.headers()["content-type"], "text/event-stream");
        Listening { body: Body::new(answer.into_body()).into_data_stream(), rest: String::new(), speaking }
    }
}

async fn exchange<S>(stream: S, request: Request<Body>) -> Reply
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
    let speaking = tokio::spawn(connection);
    let answer = sender.send_request(request).await.unwrap();
    let (parts, body) = answer.into_parts();
    let bytes = axum::body::to_bytes(Body::new(body), usize::MAX).await.unwrap();
    speaking.abort();
    Reply {
        status: parts.status.as_u16(),
        headers: parts.headers,
        body: String::from_utf8(bytes.to_vec()).unwrap(),
    }
}
