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
        Self { socket: home.join("data/yizhan.sock") }
    }

    pub fn get(&self, path: &str) -> Result<Value, ClientError> {
        self.call("GET", path, None)
    }

    pub fn post(&self, path: &str, body: &Value) -> Result<Value, ClientError> {
        self.call("POST", path, Some(body))
    }

    fn call(&self, method: &str, path: &str, body: Option<&Value>) -> Result<Value, ClientError> {
        let body = body.map(ToString::to_string).unwrap_or_default();
        let mut stream = UnixStream::connect(&self.socket)?;
        stream.set_read_timeout(Some(Duration::from_secs(60)))?;
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nhost: yizhan\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        )?;
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
