//! The smallest client: one line that is kept, one request after the other. It must cost less than what it measures.

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

use super::Problem;

trait Stream: AsyncRead + AsyncWrite + Unpin {}
impl<S: AsyncRead + AsyncWrite + Unpin> Stream for S {}

/// A connection that is kept.
pub(crate) struct Line {
    stream: Box<dyn Stream>,
    read: Vec<u8>,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
}

impl Line {
    pub(crate) fn over(stream: impl AsyncRead + AsyncWrite + Unpin + 'static) -> Self {
        Self { stream: Box::new(stream), read: Vec::with_capacity(16 << 10) }
    }

    /// Sends a whole request and reads the whole answer.
    pub(crate) async fn ask(&mut self, request: &[u8]) -> Result<Reply, Problem> {
        self.stream.write_all(request).await?;
        let (head, status, length) = loop {
            if let Some(end) = self.read.windows(4).position(|four| four == b"\r\n\r\n") {
                let (status, length) = of_head(&self.read[..end])?;
                break (end + 4, status, length);
            }
            self.more().await?;
        };
        while self.read.len() < head + length {
            self.more().await?;
        }
        let body = self.read[head..head + length].to_vec();
        self.read.drain(..head + length);
        Ok(Reply { status, body })
    }

    async fn more(&mut self) -> Result<(), Problem> {
        if self.stream.read_buf(&mut self.read).await? == 0 {
            return Err("the daemon cut the line".into());
        }
        Ok(())
    }
}

/// The status, and how long the body is.
fn of_head(head: &[u8]) -> Result<(u16, usize), Problem> {
    let head = std::str::from_utf8(head)?;
    let status =
        head.split(' ').nth(1).and_then(|word| word.parse().ok()).ok_or("an answer without a status")?;
    let lines = head.lines().filter_map(|line| line.split_once(':'));
    let mut length = lines.filter(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    let length = length.next().map_or(Ok(0), |(_, value)| value.trim().parse())?;
    Ok((status, length))
}

/// A request for a page; a token says in whose name.
pub(crate) fn get(path: &str, token: Option<&str>) -> Vec<u8> {
    let token = token.map_or_else(String::new, |token| format!("authorization: Bearer {token}\r\n"));
    format!("GET {path} HTTP/1.1\r\nhost: yizhan\r\n{token}\r\n").into_bytes()
}

/// A request that brings something; `heads` are whole lines.
pub(crate) fn post(path: &str, heads: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!(
        "POST {path} HTTP/1.1\r\nhost: yizhan\r\ncontent-type: application/json\r\n{heads}content-length: {length}\r\n\r\n{body}"
    )
    .into_bytes()
}
