//! An SMTP server on loopback that logs every mail that came whole, and treats its callers as it is told.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};

use crate::evidence::Arrival;

/// A mail that came whole: up to its final dot.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mail {
    /// Its `Message-ID`.
    pub id: String,
    /// Its `X-Yizhan-Key`.
    pub key: String,
    pub subject: String,
}

impl Mail {
    #[must_use]
    pub fn arrival(self) -> Arrival {
        Arrival { key: self.id, item: self.subject }
    }

    fn header(&mut self, line: &str) {
        let Some((name, value)) = line.split_once(':') else { return };
        let field = match name.to_ascii_lowercase().as_str() {
            "message-id" => &mut self.id,
            "x-yizhan-key" => &mut self.key,
            "subject" => &mut self.subject,
            _ => return,
        };
        value.trim().clone_into(field);
    }
}

/// Whether the line is cut after this mail, given those that came before it.
pub type Cut = Arc<dyn Fn(&Mail, &[Mail]) -> bool + Send + Sync>;

/// How a server treats its callers.
#[derive(Clone)]
pub enum Habit {
    RefusesRecipients,
    SaysNothing,
    /// Takes a mail whole and cuts the line instead of saying so.
    Cuts(Cut),
}

impl Habit {
    pub fn cuts(is_cut: impl Fn(&Mail, &[Mail]) -> bool + Send + Sync + 'static) -> Self {
        Self::Cuts(Arc::new(is_cut))
    }
}

/// Listens for as long as the process lives.
#[derive(Clone, Debug)]
pub struct SmtpSink {
    pub address: SocketAddr,
    mails: Arc<Mutex<Vec<Mail>>>,
}

impl SmtpSink {
    /// # Errors
    /// When nobody can listen there. Port 0 is a free one.
    pub fn start(at: SocketAddr, habit: Habit) -> std::io::Result<Self> {
        let listener = TcpListener::bind(at)?;
        let (address, mails) = (listener.local_addr()?, Arc::new(Mutex::new(Vec::new())));
        let kept = mails.clone();
        std::thread::Builder::new().name("smtp-sink".into()).spawn(move || {
            for line in listener.incoming().flatten() {
                let (mails, habit) = (kept.clone(), habit.clone());
                // A caller that hangs up in the middle is its own affair.
                std::thread::spawn(move || drop(talk(&line, &habit, &mails)));
            }
        })?;
        Ok(Self { address, mails })
    }

    /// Every mail that came whole, in its order.
    #[must_use]
    pub fn mails(&self) -> Vec<Mail> {
        self.mails.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn talk(line: &TcpStream, habit: &Habit, mails: &Mutex<Vec<Mail>>) -> std::io::Result<()> {
    let (mut reader, mut writer) = (BufReader::new(line), line);
    if matches!(habit, Habit::SaysNothing) {
        // Reads until the other side has gone.
        return std::io::copy(&mut reader, &mut std::io::sink()).map(drop);
    }
    writer.write_all(b"220 mail.example.com ESMTP\r\n")?;
    let mut command = String::new();
    loop {
        command.clear();
        if reader.read_line(&mut command)? == 0 {
            return Ok(());
        }
        let answer = match command.get(..4).unwrap_or("") {
            "EHLO" => "250-mail.example.com\r\n250 8BITMIME",
            "RCPT" if matches!(habit, Habit::RefusesRecipients) => "550 5.1.1 no such mailbox",
            "DATA" => "354 go on",
            "QUIT" => "221 bye",
            _ => "250 ok",
        };
        writer.write_all(format!("{answer}\r\n").as_bytes())?;
        if command.starts_with("DATA") {
            let Some(mail) = whole(&mut reader)? else { return Ok(()) };
            if log(mail, habit, mails) {
                return line.shutdown(std::net::Shutdown::Both);
            }
            writer.write_all(b"250 queued\r\n")?;
        }
    }
}

/// The mail, once its final dot is there.
fn whole(reader: &mut impl BufRead) -> std::io::Result<Option<Mail>> {
    let (mut mail, mut row, mut is_head) = (Mail::default(), String::new(), true);
    loop {
        row.clear();
        if reader.read_line(&mut row)? == 0 {
            return Ok(None);
        }
        is_head &= row != "\r\n";
        if is_head {
            mail.header(&row);
        }
        if row == ".\r\n" {
            return Ok(Some(mail));
        }
    }
}

/// Whether the line is to be cut.
fn log(mail: Mail, habit: &Habit, mails: &Mutex<Vec<Mail>>) -> bool {
    let mut mails = mails.lock().unwrap_or_else(PoisonError::into_inner);
    let cut = match habit {
        Habit::Cuts(is_cut) => is_cut(&mail, &mails),
        Habit::RefusesRecipients | Habit::SaysNothing => false,
    };
    mails.push(mail);
    cut
}
