//! A real HTTP server that logs every arrival, and readers for what the file and mail plugins left behind.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::evidence::Arrival;

/// The largest body that is read.
const BODY_MAX: usize = 1024 * 1024;

/// How the sink treats its callers. Every n-th call; 0: never.
#[derive(Clone, Copy, Debug, Default)]
pub struct Mood {
    /// Answers 503 before taking the call in.
    pub refuse_every: u32,
    /// Takes the call in and cuts the line without an answer.
    pub cut_every: u32,
    /// Answers calls that say they are a `/pay` so long after it took them in.
    pub pay: Duration,
}

/// One request as it came in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Call {
    pub method: String,
    pub path: String,
    /// The `Idempotency-Key`, without its quotes.
    pub key: String,
    /// The `X-Item`: what the caller says this is.
    pub item: String,
    pub body: Vec<u8>,
}

/// Answers on loopback with 200 and remembers every call.
#[derive(Debug)]
pub struct HttpSink {
    pub address: SocketAddr,
    calls: Arc<Mutex<Vec<Call>>>,
}

impl HttpSink {
    pub fn start(mood: Mood) -> std::io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let calls = Arc::new(Mutex::new(Vec::new()));
        let (log, counter) = (calls.clone(), Arc::new(AtomicU32::new(0)));
        std::thread::Builder::new().name("http-sink".into()).spawn(move || {
            for stream in listener.incoming().flatten() {
                let (log, counter) = (log.clone(), counter.clone());
                // A caller that hangs up in the middle is its own affair.
                drop(std::thread::spawn(
                    move || while let Ok(true) = answer(&stream, &log, &counter, mood) {},
                ));
            }
        })?;
        Ok(Self { address, calls })
    }

    /// Everything that was taken in, in its order.
    #[must_use]
    pub fn calls(&self) -> Vec<Call> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The same by what each caller says it is.
    #[must_use]
    pub fn arrivals(&self) -> Vec<Arrival> {
        self.calls().into_iter().map(|call| Arrival { key: call.key, item: call.item }).collect()
    }
}

/// One request. `true`: the line stays open for the next.
fn answer(
    stream: &TcpStream,
    log: &Mutex<Vec<Call>>,
    counter: &AtomicU32,
    mood: Mood,
) -> std::io::Result<bool> {
    let mut reader = BufReader::new(stream);
    let (mut length, mut taken) = (0, Call::default());
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        return Ok(false);
    }
    let mut words = line.split_whitespace();
    words.next().unwrap_or("").clone_into(&mut taken.method);
    words.next().unwrap_or("").clone_into(&mut taken.path);
    loop {
        line.clear();
        if reader.read_line(&mut line)? == 0 {
            return Ok(false);
        }
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.trim().parse().unwrap_or(0),
            "idempotency-key" => value.trim().trim_matches('"').clone_into(&mut taken.key),
            "x-item" => value.trim().clone_into(&mut taken.item),
            _ => {}
        }
    }
    taken.body = vec![0; length.min(BODY_MAX)];
    reader.read_exact(&mut taken.body)?;
    let call = counter.fetch_add(1, Ordering::Relaxed) + 1;
    let every = |n: u32| n > 0 && call.is_multiple_of(n);
    let mut out = stream;
    if every(mood.refuse_every) {
        out.write_all(b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\nretry-after: 0\r\n\r\n")?;
        return Ok(true);
    }
    let is_pay = taken.item.ends_with("/pay");
    log.lock().unwrap_or_else(PoisonError::into_inner).push(taken);
    if is_pay {
        std::thread::sleep(mood.pay);
    }
    if every(mood.cut_every) {
        stream.shutdown(std::net::Shutdown::Both)?;
        return Ok(false);
    }
    out.write_all(
        b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 11\r\n\r\n{\"ok\":true}",
    )?;
    Ok(true)
}

/// The lines of a file that `file.append` wrote, each `item` in its first column: a line must never be there twice.
pub fn appended(path: &Path) -> std::io::Result<Vec<Arrival>> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(vec![]),
        Err(error) => return Err(error),
    };
    let lines = text.lines().map(|line| line.split(',').next().unwrap_or("").trim_matches('"').to_owned());
    Ok(lines.filter(|item| item.contains('/')).map(|item| Arrival { key: item.clone(), item }).collect())
}

/// A mail as its reader sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Letter {
    pub id: String,
    pub to: String,
    pub subject: String,
}

/// The mails of a folder, decoded.
pub fn letters(folder: &Path) -> std::io::Result<Vec<Letter>> {
    use mailparse::MailHeaderMap as _;
    let mut found = vec![];
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_none_or(|end| end != "eml") {
            continue;
        }
        let bytes = std::fs::read(&path)?;
        let (headers, _) = mailparse::parse_headers(&bytes).map_err(std::io::Error::other)?;
        let header = |name| headers.get_first_value(name).unwrap_or_default();
        found.push(Letter { id: header("Message-ID"), to: header("To"), subject: header("Subject") });
    }
    Ok(found)
}

/// The mails of a folder: the key is the `Message-ID`, the item the subject.
pub fn mails(folder: &Path) -> std::io::Result<Vec<Arrival>> {
    let mut found = vec![];
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_none_or(|end| end != "eml") {
            continue;
        }
        let text = std::fs::read_to_string(path)?;
        let header = |name: &str| {
            let line =
                text.lines().take_while(|line| !line.is_empty()).find_map(|line| line.strip_prefix(name));
            line.map(|value| value.trim().to_owned()).unwrap_or_default()
        };
        found.push(Arrival { key: header("Message-ID:"), item: header("Subject:") });
    }
    Ok(found)
}
