//! A client of the daemon's API on its socket that believes nothing but an acknowledgement.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;

/// Speaks to one home's socket.
#[derive(Clone, Debug)]
pub struct Client {
    socket: PathBuf,
    patience: Duration,
}

#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// No answer: it may have been taken or not.
    #[error("no answer: {0}")]
    NoAnswer(#[from] std::io::Error),
    #[error("answered {status}: {body}")]
    Refused { status: u16, body: String },
    #[error("the answer is no HTTP: {0}")]
    NoHttp(String),
}

impl Client {
    #[must_use]
    pub fn of_home(home: &Path) -> Self {
        Self { socket: home.join("data/yizhan.sock"), patience: Duration::from_secs(60) }
    }

    /// One that waits no longer than this for an answer.
    #[must_use]
    pub fn within(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    pub fn get(&self, path: &str) -> Result<Value, ClientError> {
        self.call("GET", path, &[], b"")
    }

    pub fn post(&self, path: &str, body: &Value) -> Result<Value, ClientError> {
        self.call("POST", path, &[("content-type", "application/json")], body.to_string().as_bytes())
    }

    /// A request that may be made again until it has an answer: the daemon tells repeats by the key.
    pub fn post_once(&self, path: &str, key: &str, body: &Value) -> Result<Value, ClientError> {
        let headers = [("content-type", "application/json"), ("idempotency-key", key)];
        self.call("POST", path, &headers, body.to_string().as_bytes())
    }

    /// Any request, as it is.
    pub fn call(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Result<Value, ClientError> {
        let mut stream = UnixStream::connect(&self.socket)?;
        stream.set_read_timeout(Some(self.patience))?;
        write!(stream, "{method} {path} HTTP/1.1\r\nhost: yizhan\r\nconnection: close\r\n")?;
        for (name, value) in headers {
            write!(stream, "{name}: {value}\r\n")?;
        }
        write!(stream, "content-length: {}\r\n\r\n", body.len())?;
        // Who refuses early need not read the rest: its answer is there all the same.
        drop(stream.write_all(body));
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        let answer = String::from_utf8_lossy(&answer).into_owned();
        let (head, body) = answer
            .split_once("\r\n\r\n")
            .ok_or_else(|| std::io::Error::new(std::io::ErrorKind::UnexpectedEof, "the line was cut"))?;
        let status = head.split(' ').nth(1).and_then(|word| word.parse().ok());
        let status: u16 = status.ok_or_else(|| ClientError::NoHttp(head.to_owned()))?;
        let length = head.lines().find_map(|line| {
            line.to_ascii_lowercase()
                .strip_prefix("content-length:")
                .and_then(|n| n.trim().parse::<usize>().ok())
        });
        if length.is_some_and(|length| body.len() < length) {
            return Err(std::io::Error::new(std::io::ErrorKind::UnexpectedEof, "the line was cut").into());
        }
        if !(200..300).contains(&status) {
            return Err(ClientError::Refused { status, body: body.to_owned() });
        }
        Ok(serde_json::from_str(body).unwrap_or(Value::String(body.to_owned())))
    }
}
