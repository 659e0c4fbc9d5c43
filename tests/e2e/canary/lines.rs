//! Receivers that say again whatever they were told, as some do when they refuse: calls, a mail server, a mailbox.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

fn listening(talk: impl Fn(TcpStream) -> std::io::Result<()> + Send + Sync + Copy + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for line in listener.incoming().flatten() {
            // Whoever hangs up has said all.
            std::thread::spawn(move || drop(talk(line)));
        }
    });
    address
}

/// A word in the ways in which receivers show it.
fn repeated(word: &str) -> String {
    let each = |form: &dyn Fn(u8) -> String| word.bytes().map(form).collect::<String>();
    let forms = [
        word.to_owned(),
        STANDARD.encode(word),
        STANDARD.encode(format!("user:{word}")),
        each(&|byte| format!("{byte:02x}")),
        each(&|byte| format!("{byte:02X}")),
        each(&|byte| format!("%{byte:02X}")),
        each(&|byte| format!("%{byte:02x}")),
        each(&|byte| {
            if byte.is_ascii_alphanumeric() { char::from(byte).into() } else { format!("%{byte:02x}") }
        }),
        each(&|byte| format!("&#{byte};")),
    ];
    forms.join(" | ")
}

/// Repeats the word of `Authorization`: in the answer of `/yes`, in the refusal of `/no`, where `/moved` leads, in the file
/// of `/file`, and in the head of all.
pub(super) fn calls() -> SocketAddr {
    listening(|line| {
        let (mut reader, mut writer) = (BufReader::new(line.try_clone()?), line);
        let (mut path, mut word, mut length) = (String::new(), String::new(), 0);
        loop {
            let mut row = String::new();
            if reader.read_line(&mut row)? == 0 || row == "\r\n" {
                break;
            }
            if path.is_empty() {
                row.split(' ').nth(1).unwrap_or_default().clone_into(&mut path);
            } else if let Some((name, value)) = row.trim().split_once(": ") {
                match name.to_ascii_lowercase().as_str() {
                    "authorization" => value.split(' ').next_back().unwrap_or_default().clone_into(&mut word),
                    "content-length" => length = value.parse().unwrap_or(0),
                    _ => {}
                }
            }
        }
        reader.take(length).read_to_end(&mut vec![])?;
        let said = repeated(&word);
        let (status, kind, body) = match path.as_str() {
            "/yes" => ("200 OK", "application/json", json!({ "you": said, word.clone(): true }).to_string()),
            // What is no text is kept as a file.
            "/file" => ("200 OK", "application/octet-stream", said),
            "/moved" => ("302 Found", "text/plain", String::new()),
            _ => ("403 Forbidden", "text/plain", said),
        };
        let begin: &[u8] = if path == "/file" { b"\xff" } else { b"" };
        write!(
            writer,
            "HTTP/1.1 {status}\r\ncontent-type: {kind}\r\nx-you: {word}\r\nlocation: http://127.0.0.1:9/?{word}\r\n\
             connection: close\r\ncontent-length: {}\r\n\r\n",
            begin.len() + body.len()
        )?;
        writer.write_all(&[begin, body.as_bytes()].concat())
    })
}

/// A mail server that knows nobody, and says with what they came.
pub(super) fn post() -> SocketAddr {
    listening(|line| {
        let (reader, mut writer) = (BufReader::new(line.try_clone()?), line);
        writer.write_all(b"220 mail.example.com ESMTP\r\n")?;
        for row in reader.lines() {
            let row = row?;
            let word = row.split(' ').next_back().unwrap_or_default();
            match row.get(..4).unwrap_or_default() {
                "EHLO" => write!(writer, "250-mail.example.com\r\n250 AUTH PLAIN\r\n")?,
                "AUTH" => {
                    let read = STANDARD.decode(word).unwrap_or_default();
                    let read = String::from_utf8_lossy(&read).replace('\0', " ");
                    write!(writer, "535 5.7.8 who is {word}: {read}\r\n")?;
                }
                "QUIT" => return writer.write_all(b"221 bye\r\n"),
                _ => writer.write_all(b"250 ok\r\n")?,
            }
        }
        Ok(())
    })
}

/// A mailbox that lets nobody in, and says with what they came.
pub(super) fn mailbox() -> SocketAddr {
    listening(|line| {
        let (reader, mut writer) = (BufReader::new(line.try_clone()?), line);
        writer.write_all(b"* OK IMAP4rev1\r\n")?;
        for row in reader.lines() {
            let row = row?;
            let (tag, rest) = row.split_once(' ').unwrap_or((&row, ""));
            if rest.to_ascii_uppercase().starts_with("LOGIN") {
                write!(writer, "{tag} NO who is {rest}\r\n")?;
            } else {
                write!(writer, "* CAPABILITY IMAP4rev1 IDLE\r\n{tag} OK done\r\n")?;
            }
        }
        Ok(())
    })
}
