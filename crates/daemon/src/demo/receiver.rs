//! Stands for the customer system and the warehouse: a small HTTP server on loopback that writes down what it is told.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};

/// The largest body that it reads; what the workflows send is far smaller.
const BODY_MAX: u64 = 1024 * 1024;

/// One call as it came in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Received {
    pub(crate) method: String,
    pub(crate) path: String,
}

#[derive(Debug)]
pub(crate) struct Receiver {
    pub(crate) address: SocketAddr,
    calls: Arc<Mutex<Vec<Received>>>,
}

impl Receiver {
    pub(crate) fn start() -> std::io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let calls = Arc::new(Mutex::new(Vec::new()));
        let log = calls.clone();
        std::thread::Builder::new().name("receiver".into()).spawn(move || {
            // One caller at a time: the daemon's host keeps its line open, so each gets a thread of its own.
            for stream in listener.incoming().flatten() {
                let log = log.clone();
                std::thread::spawn(move || while let Ok(true) = answer(&stream, &log) {});
            }
        })?;
        Ok(Self { address, calls })
    }

    pub(crate) fn calls(&self) -> Vec<Received> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Takes one call in. `true`: the line stays open.
fn answer(stream: &TcpStream, log: &Mutex<Vec<Received>>) -> std::io::Result<bool> {
    let mut reader = BufReader::new(stream);
    let mut first = String::new();
    if reader.read_line(&mut first)? == 0 {
        return Ok(false);
    }
    let mut words = first.split_whitespace();
    let (method, path) = (words.next().unwrap_or("").to_owned(), words.next().unwrap_or("").to_owned());
    let mut length = 0;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(false);
        }
        if line.trim().is_empty() {
            break;
        }
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().unwrap_or(0);
        }
    }
    std::io::copy(&mut reader.take(length.min(BODY_MAX)), &mut std::io::sink())?;
    log.lock().unwrap_or_else(PoisonError::into_inner).push(Received { method, path });
    let mut out = stream;
    out.write_all(
        b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 11\r\n\r\n{\"ok\":true}",
    )?;
    Ok(true)
}
