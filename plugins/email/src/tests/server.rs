//! A mail server for the stories: speaks real SMTP over real sockets, and misbehaves as told.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// What it does instead of the ordinary at a place of the talk.
#[derive(Clone, Copy, Debug)]
pub(super) enum Answer {
    Says(&'static str),
    /// Closes the line without a word.
    Cuts,
    /// Says nothing more until the other side gives up.
    Stalls,
}

/// The first answer whose word the command begins with is given. Beside commands: `connect`, and `.` for a whole mail.
pub(super) type Habits = &'static [(&'static str, Answer)];

#[derive(Clone, Debug, Default)]
pub(super) struct Received {
    pub(super) from: String,
    pub(super) to: Vec<String>,
    pub(super) bytes: Vec<u8>,
    pub(super) is_safe: bool,
    pub(super) login: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Safety {
    Plain,
    Tls,
    Starttls,
}

pub(super) struct Server {
    pub(super) port: u16,
    /// Its certificate, in PEM.
    pub(super) certificate: String,
    state: Arc<State>,
}

struct State {
    habits: Habits,
    safety: Safety,
    tls: Arc<ServerConfig>,
    mails: Mutex<Vec<Received>>,
    lines: AtomicUsize,
    commands: Mutex<Vec<String>>,
}

impl Server {
    pub(super) fn new(safety: Safety, habits: Habits) -> Self {
        let names = vec!["127.0.0.1".to_owned(), "localhost".to_owned()];
        let made = rcgen::generate_simple_self_signed(names).unwrap();
        let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)
            .unwrap();
        let state = Arc::new(State {
            habits,
            safety,
            tls: Arc::new(tls),
            mails: Mutex::default(),
            lines: AtomicUsize::new(0),
            commands: Mutex::default(),
        });
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let serving = Arc::clone(&state);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                serving.lines.fetch_add(1, Ordering::SeqCst);
                let state = Arc::clone(&serving);
                std::thread::spawn(move || state.serve(stream));
            }
        });
        Self { port, certificate: made.cert.pem(), state }
    }

    pub(super) fn mails(&self) -> Vec<Received> {
        self.state.mails.lock().unwrap().clone()
    }

    /// How many lines were opened to it.
    pub(super) fn lines(&self) -> usize {
        self.state.lines.load(Ordering::SeqCst)
    }

    pub(super) fn commands(&self) -> Vec<String> {
        self.state.commands.lock().unwrap().clone()
    }

    /// Waits until it has heard a command that begins so.
    pub(super) fn wait_for(&self, word: &str) {
        let until = Instant::now() + Duration::from_secs(20);
        while !self.commands().iter().any(|command| command.starts_with(word)) {
            assert!(Instant::now() < until, "no {word} within 20 s: {:?}", self.commands());
            std::thread::yield_now();
        }
    }
}

trait Line: Read + Write {}
impl<T: Read + Write> Line for T {}

impl State {
    fn serve(&self, stream: TcpStream) {
        let line: Box<dyn Line> = match self.safety {
            Safety::Tls => Box::new(self.safe(stream)),
            Safety::Plain => Box::new(stream),
            Safety::Starttls => {
                let again = stream.try_clone().unwrap();
                if self.talk(Box::new(stream), false) {
                    self.talk(Box::new(self.safe(again)), true);
                }
                return;
            }
        };
        self.talk(line, self.safety == Safety::Tls);
    }

    fn safe(&self, stream: TcpStream) -> StreamOwned<ServerConnection, TcpStream> {
        StreamOwned::new(ServerConnection::new(Arc::clone(&self.tls)).unwrap(), stream)
    }

    /// Whether to go on with TLS. Every end of the line ends the talk.
    fn talk(&self, line: Box<dyn Line>, is_safe: bool) -> bool {
        let mut line = BufReader::new(line);
        let is_new = !(is_safe && self.safety == Safety::Starttls);
        if is_new && !self.answer(&mut line, "connect", "220 mail.example.com ESMTP") {
            return false;
        }
        let mut mail = Received { is_safe, ..Received::default() };
        loop {
            let mut command = String::new();
            if line.read_line(&mut command).unwrap_or_default() == 0 {
                return false;
            }
            let command = command.trim_end().to_owned();
            self.commands.lock().unwrap().push(command.clone());
            let answer = match command.split([' ', ':']).next().unwrap_or_default() {
                "EHLO" => self.offers(is_safe),
                "AUTH" => {
                    mail.login = Some(command.clone());
                    "235 welcome".to_owned()
                }
                "MAIL" => {
                    mail = Received {
                        is_safe,
                        login: mail.login.clone(),
                        from: command.clone(),
                        ..Received::default()
                    };
                    "250 ok".to_owned()
                }
                "RCPT" => {
                    mail.to.push(command.clone());
                    "250 ok".to_owned()
                }
                "DATA" => "354 go on".to_owned(),
                "STARTTLS" => "220 go on".to_owned(),
                "QUIT" => "221 bye".to_owned(),
                _ => "250 ok".to_owned(),
            };
            if !self.answer(&mut line, &command, &answer) {
                return false;
            }
            match command.as_str() {
                "DATA" if !self.refuses("DATA") && !self.take(&mut line, &mut mail) => return false,
                "STARTTLS" => return true,
                "QUIT" => return false,
                _ => {}
            }
        }
    }

    fn offers(&self, is_safe: bool) -> String {
        let starttls = if self.safety == Safety::Starttls && !is_safe { "250-STARTTLS\r\n" } else { "" };
        format!("250-mail.example.com\r\n{starttls}250-8BITMIME\r\n250 AUTH PLAIN LOGIN")
    }

    fn refuses(&self, command: &str) -> bool {
        self.habits.iter().any(|(word, answer)| {
            command.starts_with(word)
                && matches!(answer, Answer::Says(words) if words.starts_with(['4', '5']))
        })
    }

    fn take(&self, line: &mut BufReader<Box<dyn Line>>, mail: &mut Received) -> bool {
        if self.habits.iter().any(|(word, _)| *word == "in the middle") {
            let mut little = [0; 100];
            line.read_exact(&mut little).unwrap();
            return false;
        }
        loop {
            let mut piece = Vec::new();
            if line.read_until(b'\n', &mut piece).unwrap_or_default() == 0 {
                return false;
            }
            if piece == b".\r\n" {
                break;
            }
            mail.bytes.extend(piece.strip_prefix(b".").unwrap_or(&piece));
        }
        self.commands.lock().unwrap().push(".".to_owned());
        if !self.refuses(".") {
            self.mails.lock().unwrap().push(mail.clone());
        }
        self.answer(line, ".", "250 queued")
    }

    /// Whether the talk goes on.
    fn answer(&self, line: &mut BufReader<Box<dyn Line>>, at: &str, ordinary: &str) -> bool {
        let habit = self.habits.iter().find(|(word, _)| at.starts_with(word)).map(|(_, answer)| *answer);
        match habit {
            Some(Answer::Cuts) => false,
            Some(Answer::Stalls) => {
                // Reads until the other side has gone.
                std::io::copy(line, &mut std::io::sink()).unwrap_or_default();
                false
            }
            Some(Answer::Says(words)) => say(line, words),
            None => say(line, ordinary),
        }
    }
}

fn say(line: &mut BufReader<Box<dyn Line>>, words: &str) -> bool {
    let line = line.get_mut();
    line.write_all(format!("{words}\r\n").as_bytes()).and_then(|()| line.flush()).is_ok()
}
