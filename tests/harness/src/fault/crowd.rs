//! A thousand and more lines that send their heads a byte at a time, and somebody who guesses passwords: whoever speaks in earnest is
//! answered all the same (X11).

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;

use super::quiet::{share, spread};
use super::{Options, Outcome};
use crate::checker::Violation;
use crate::load::{FaultError, Load};

/// So many lines are open at any moment: more than the daemon has places for (`[http] connections_max`, 1,000).
const LINES: usize = 1_500;
/// Between two bytes of a line: slow enough to stay, quick enough not to be cut for its silence.
const BYTE: Duration = Duration::from_secs(1);
/// Between two tries of whoever guesses.
const GUESS: Duration = Duration::from_millis(20);
/// From one request in earnest to the next, whether it is answered by then or not: one that waits makes those behind it late.
const PACE: Duration = Duration::from_millis(50);
const PATIENCE: Duration = Duration::from_secs(30);
/// What the goal allows the slowest of a hundred, beside what it takes on this machine without a crowd.
const MOST_MS: u64 = 200;
/// A page that reads nothing, and one that looks into the store of accounts.
const PATHS: [&str; 2] = ["/health/live", "/api/v1/health"];

/// # Errors
/// When the run could not be carried out.
pub fn run(options: &Options) -> Outcome {
    let load = Load::begin(&options.binary, options.clients)?;
    load.pace(Duration::from_millis(100));
    let daemon = load.start()?;
    let address = std::fs::read_to_string(load.home.join("data/address"))?;
    let address: SocketAddr =
        address.trim().trim_start_matches("http://").parse().map_err(std::io::Error::other)?;
    let before = healthy(address, options.cycles.div_ceil(5))?;
    let (over, began_anew, guessed) = (AtomicBool::new(false), AtomicU64::new(0), AtomicU64::new(0));
    let (during, slowed) = std::thread::scope(|scope| {
        scope.spawn(|| crowd(address, &over, &began_anew));
        scope.spawn(|| guess(address, &over, &guessed));
        let there = stands(address, &began_anew);
        let during = there.and_then(|()| Ok(healthy(address, options.cycles)?));
        let slowed = is_slowed_down(address);
        over.store(true, Ordering::Relaxed);
        Ok::<_, FaultError>((during?, slowed?))
    })?;
    daemon.stop();
    let most = MOST_MS + share(&before, 99).unwrap_or(0);
    let last = share(&during, 99).unwrap_or(0);
    let mut findings = load.judge(1, options.keep)?;
    findings.violations.extend((last > most).then(|| {
        Violation::TookLong("the slowest of a hundred answers beside the crowd".to_owned(), last, most)
    }));
    findings.violations.extend((!slowed).then(|| {
        Violation::AnsweredWrongly("another guess at a password".to_owned(), "as the first one".to_owned())
    }));
    let counted = json!({
        "lines": LINES, "lines_begun": began_anew.load(Ordering::Relaxed), "guesses": guessed.load(Ordering::Relaxed),
        "ms_before": spread(&before), "ms_beside": spread(&during),
    });
    Ok((findings, counted))
}

/// How many milliseconds each of so many answers took from when it was to be asked for, each on a line of its own.
fn healthy(address: SocketAddr, asks: u32) -> std::io::Result<Vec<u64>> {
    let began = Instant::now();
    let ask = |number: u32| -> std::io::Result<u64> {
        let (path, due) = (PATHS[number as usize % PATHS.len()], began + PACE * number);
        std::thread::sleep(due.saturating_duration_since(Instant::now())); // The pace of those who ask.
        let answer = said(address, &format!("GET {path} HTTP/1.1"), "")?;
        if !answer.starts_with("HTTP/1.1 200") {
            return Err(std::io::Error::other(format!("{path} was answered: {answer}")));
        }
        Ok(u64::try_from(due.elapsed().as_millis()).unwrap_or(u64::MAX))
    };
    (0..asks).map(ask).collect()
}

fn said(address: SocketAddr, head: &str, body: &str) -> std::io::Result<String> {
    let mut line = TcpStream::connect_timeout(&address, PATIENCE)?;
    line.set_read_timeout(Some(PATIENCE))?;
    let kind = "content-type: application/x-www-form-urlencoded\r\nsec-fetch-site: same-origin";
    let length = body.len();
    write!(
        line,
        "{head}\r\nhost: {address}\r\nconnection: close\r\n{kind}\r\ncontent-length: {length}\r\n\r\n{body}"
    )?;
    let mut answer = vec![];
    line.read_to_end(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

/// Until all lines were begun.
fn stands(address: SocketAddr, begun: &AtomicU64) -> Result<(), FaultError> {
    let end = Instant::now() + PATIENCE;
    while begun.load(Ordering::Relaxed) < LINES as u64 {
        if Instant::now() > end {
            let shown = format!("{} of {LINES} lines to {address}", begun.load(Ordering::Relaxed));
            return Err(FaultError::TooLate { what: "the crowd is not there", within: PATIENCE, shown });
        }
        std::thread::sleep(Duration::from_millis(10)); // Between two looks at a state, with a deadline.
    }
    Ok(())
}

/// Keeps so many lines open, each with a head that does not end; one that was cut is begun anew.
fn crowd(address: SocketAddr, over: &AtomicBool, begun: &AtomicU64) {
    let begin = || {
        let mut line = TcpStream::connect_timeout(&address, PATIENCE).ok()?;
        line.write_all(b"GET /health/live HTTP/1.1\r\nhost: x\r\nx-slow: ").ok()?;
        begun.fetch_add(1, Ordering::Relaxed);
        Some(line)
    };
    let mut lines: Vec<Option<TcpStream>> = (0..LINES).map(|_| begin()).collect();
    while !over.load(Ordering::Relaxed) {
        let turn = Instant::now();
        for line in &mut lines {
            if line.as_mut().is_none_or(|line| line.write_all(b"a").is_err()) {
                *line = begin();
            }
        }
        std::thread::sleep(BYTE.saturating_sub(turn.elapsed())); // The pace of a slow line.
    }
}

fn guess(address: SocketAddr, over: &AtomicBool, tries: &AtomicU64) {
    while !over.load(Ordering::Relaxed) {
        let number = tries.fetch_add(1, Ordering::Relaxed);
        drop(said(address, "POST /sign-in HTTP/1.1", &guess_of(number)));
        std::thread::sleep(GUESS); // Their pace.
    }
}

fn guess_of(number: u64) -> String {
    format!("name=person-{}&password=guess-{number}", number % 4)
}

/// Whether somebody who has guessed often enough is told to wait.
fn is_slowed_down(address: SocketAddr) -> Result<bool, FaultError> {
    let end = Instant::now() + PATIENCE;
    while Instant::now() < end {
        if said(address, "POST /sign-in HTTP/1.1", &guess_of(0))?.starts_with("HTTP/1.1 429") {
            return Ok(true);
        }
    }
    Ok(false)
}
