//! Calls the daemon: on its socket, or by HTTP where an address is given.

use std::path::PathBuf;
use std::time::Duration;

use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use zeroize::Zeroizing;

use crate::exit::{Exit, Failure, FieldFault};
use crate::home::{Home, SOCKET};
use crate::socket;

/// A daemon that does not answer for so long does not answer; the long poll waits 25 s by itself.
const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Debug)]
enum At {
    Socket(PathBuf),
    Tcp { host: String, path: String },
}

pub(crate) struct Client {
    at: At,
    token: Option<Zeroizing<String>>,
    runtime: tokio::runtime::Runtime,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").field("at", &self.at).finish_non_exhaustive()
    }
}

/// What is asked of the daemon, built step by step.
pub(crate) struct Ask<'a> {
    client: &'a Client,
    method: Method,
    path: String,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
}

impl Client {
    pub(crate) fn of(home: &Home) -> Result<Self, Failure> {
        Self::at(At::Socket(home.data.clone()), None)
    }

    /// `http://127.0.0.1:8723`, with the token of `$YIZHAN_TOKEN`.
    pub(crate) fn by_url(url: &str) -> Result<Self, Failure> {
        let rest = url.strip_prefix("http://").ok_or_else(|| {
            Failure::new(Exit::Usage, "YZ0531", format!("`{url}` is no address as `http://127.0.0.1:8723`"))
        })?;
        let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
        let host = if host.contains(':') { host.to_owned() } else { format!("{host}:80") };
        let at = At::Tcp { host, path: path.trim_end_matches('/').to_owned() };
        Self::at(at, std::env::var("YIZHAN_TOKEN").ok().map(Zeroizing::new))
    }

    fn at(at: At, token: Option<Zeroizing<String>>) -> Result<Self, Failure> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        Ok(Self { at, token, runtime })
    }

    pub(crate) fn get(&self, path: impl Into<String>) -> Ask<'_> {
        self.ask(Method::GET, path.into())
    }

    pub(crate) fn post(&self, path: impl Into<String>) -> Ask<'_> {
        self.ask(Method::POST, path.into())
    }

    pub(crate) fn put(&self, path: impl Into<String>) -> Ask<'_> {
        self.ask(Method::PUT, path.into())
    }

    fn ask(&self, method: Method, path: String) -> Ask<'_> {
        Ask { client: self, method, path, headers: Vec::new(), body: Vec::new() }
    }

    fn nobody(&self, error: &dyn std::error::Error) -> Failure {
        let place = match &self.at {
            At::Socket(folder) => folder.join(SOCKET).display().to_string(),
            At::Tcp { host, .. } => host.clone(),
        };
        Failure::new(Exit::NoDaemon, "YZ0530", format!("no daemon answers at `{place}`: {error}"))
            .help("start one with `yizhan serve`, or name its home with `--home DIR`")
    }

    async fn send(&self, request: Request<Full<Bytes>>) -> Result<(u16, Bytes), Failure> {
        let lost = |error: hyper::Error| self.nobody(&error);
        let answer = match &self.at {
            At::Socket(folder) => {
                let stream = socket::connect(folder, SOCKET).map_err(|error| self.nobody(&error))?;
                stream.set_nonblocking(true)?;
                exchange(tokio::net::UnixStream::from_std(stream)?, request).await.map_err(lost)?
            }
            At::Tcp { host, .. } => {
                let stream =
                    tokio::net::TcpStream::connect(host).await.map_err(|error| self.nobody(&error))?;
                exchange(stream, request).await.map_err(lost)?
            }
        };
        Ok(answer)
    }
}

async fn exchange<S>(stream: S, request: Request<Full<Bytes>>) -> hyper::Result<(u16, Bytes)>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
{
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let connection = tokio::spawn(connection);
    let answer = sender.send_request(request).await?;
    let status = answer.status().as_u16();
    let body = answer.into_body().collect().await?.to_bytes();
    connection.abort();
    Ok((status, body))
}

impl Ask<'_> {
    pub(crate) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub(crate) fn json(mut self, body: &Value) -> Self {
        self.body = body.to_string().into_bytes();
        self.header("content-type", "application/json")
    }

    pub(crate) fn bytes(mut self, body: Vec<u8>) -> Self {
        self.body = body;
        self.header("content-type", "application/octet-stream")
    }

    /// The answer's JSON, or the refusal as a failure.
    pub(crate) fn send(self) -> Result<Value, Failure> {
        let (status, body) = self.exchange()?;
        let value = if body.is_empty() { Ok(Value::Null) } else { serde_json::from_slice(&body) };
        match (status, value) {
            (200..=299, Ok(value)) => Ok(value),
            (200..=299, Err(error)) => Err(Failure::of(Exit::Failed, "YZ0532", &error)),
            (_, Ok(problem)) => Err(refused(status, &problem)),
            (_, Err(_)) => Err(refused(status, &Value::Null)),
        }
    }

    fn exchange(self) -> Result<(u16, Bytes), Failure> {
        let (client, prefix) = match &self.client.at {
            At::Socket(_) => (self.client, ""),
            At::Tcp { path, .. } => (self.client, path.as_str()),
        };
        let host = match &client.at {
            At::Socket(_) => "localhost",
            At::Tcp { host, .. } => host,
        };
        let path = if prefix.is_empty() { self.path } else { format!("/{prefix}{}", self.path) };
        let mut request = Request::builder().method(self.method).uri(path).header("host", host);
        for (name, value) in self.headers {
            request = request.header(name, value);
        }
        if let Some(token) = &client.token {
            request = request.header("authorization", format!("Bearer {}", token.as_str()));
        }
        let request = request
            .body(Full::new(Bytes::from(self.body)))
            .map_err(|error| Failure::of(Exit::Usage, "YZ0533", &error))?;
        let sent = async { tokio::time::timeout(PATIENCE, client.send(request)).await };
        client.runtime.block_on(sent).unwrap_or_else(|late| Err(client.nobody(&late)))
    }
}

/// A problem document as what the command ends with.
fn refused(status: u16, problem: &Value) -> Failure {
    let text = |key: &str| problem.get(key).and_then(Value::as_str).map(str::to_owned);
    let exit = match status {
        404 => Exit::Faults,
        400 | 401 | 403 | 409 | 413 | 415 | 422 => Exit::Refused,
        _ => Exit::Failed,
    };
    let message =
        text("detail").or_else(|| text("title")).unwrap_or_else(|| format!("the daemon answered {status}"));
    let fields = problem.get("fields").and_then(Value::as_array).into_iter().flatten();
    Failure {
        exit,
        code: text("code"),
        message,
        help: text("help"),
        details: Vec::new(),
        fields: fields
            .filter_map(|field| {
                let text = |key: &str| Some(field.get(key)?.as_str()?.to_owned());
                let names = field.get("names").cloned().unwrap_or_default();
                Some(FieldFault {
                    field: text("field")?,
                    code: text("code").unwrap_or_default(),
                    message: text("message")?,
                    names: serde_json::from_value(names).unwrap_or_default(),
                })
            })
            .collect(),
    }
}

/// A piece of a path or query, with everything escaped that could end it.
pub(crate) fn escaped(text: &str) -> String {
    text.bytes().fold(String::with_capacity(text.len()), |mut escaped, byte| {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                escaped.push(char::from(byte))
            }
            _ => escaped.push_str(&format!("%{byte:02X}")),
        }
        escaped
    })
}

/// `?state=open&limit=50`, of those that are given.
pub(crate) fn query(parts: &[(&str, Option<&str>)]) -> String {
    let mut text = String::new();
    for (name, value) in parts {
        if let Some(value) = value {
            text.push(if text.is_empty() { '?' } else { '&' });
            text.push_str(name);
            text.push('=');
            text.push_str(&escaped(value));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::language::Language;

    #[test]
    fn what_could_end_a_path_or_a_query_is_escaped() {
        assert_eq!(
            query(&[("key", Some("a&b 城南/?")), ("open", None), ("limit", Some("5"))]),
            "?key=a%26b%20%E5%9F%8E%E5%8D%97%2F%3F&limit=5"
        );
    }

    #[test]
    fn a_refusal_is_told_in_the_language_of_whoever_asked() {
        let fields = json!([{"field": "day", "code": "YZ0331", "message": "`日期`: `x` is no date",
            "names": {"field": "日期", "value": "x", "type": "date"}}]);
        let problem = json!({"code": "YZ0412", "detail": "`日期`: `x` is no date", "fields": fields});
        let said = refused(422, &problem).told(Language::Zh);
        assert!(said.contains("“日期”:“x”不是日期") && said.contains("2026-10-01"), "{said}");
        assert!(!said.contains("is no date"), "{said}");
        let said = refused(422, &problem).told(Language::En);
        assert!(said.contains("`x` is no date") && said.contains("2026-10-01"), "{said}");
        let own = json!({"code": "plugin.own", "detail": "the printer is out of paper"});
        assert_eq!(refused(500, &own).told(Language::Zh), "error[plugin.own]: the printer is out of paper");
    }

    #[test]
    fn a_refusal_ends_with_the_code_that_fits_it_and_names_the_fields() {
        let problem = json!({"code": "YZ0422", "detail": "the form is not complete", "help": "mend it",
            "fields": [{"field": "phone", "code": "YZ0205", "message": "is no telephone number"}]});
        let failure = refused(422, &problem);
        assert_eq!(failure.exit, Exit::Refused);
        assert_eq!(
            failure.to_string(),
            "error[YZ0422]: the form is not complete\n  - phone: is no telephone number\n  help: mend it"
        );
        assert_eq!(refused(404, &Value::Null).exit, Exit::Faults);
        assert_eq!(refused(503, &Value::Null).exit, Exit::Failed);
    }
}
