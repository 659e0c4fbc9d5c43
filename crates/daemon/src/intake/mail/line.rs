//! A line to a mail server with one folder open: every command has its time, and what comes is bounded.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_imap::types::{Fetch, Flag, UnsolicitedResponse};
use async_imap::{Client, Session};
use futures_util::TryStreamExt as _;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use yizhan_plugin_host::Scrub;

use super::folder_name::on_the_wire;
use crate::config::{MailAccount, MailTls};

/// Marks what was handled. Not `\Seen` alone: a person may read a mail before we do.
pub(super) const HANDLED: &str = "YizhanHandled";
/// For a command and its answer.
const COMMAND: Duration = Duration::from_secs(60);
/// For a whole mail over a slow line.
const WHOLE: Duration = Duration::from_secs(600);
/// A head that is longer is read so far: the sender stands in it long before.
const HEAD_MOST: u32 = 256 * 1024;

#[derive(Debug, thiserror::Error)]
pub(super) enum LineError {
    #[error("`{0}` cannot be reached: {1}")]
    Unreachable(String, std::io::Error),
    #[error("no line with TLS comes about: {0}")]
    Tls(String),
    #[error("there is no secret `{0}`")]
    NoSecret(String),
    #[error("the server refuses the login: {0}")]
    Login(String),
    #[error("the server said nothing for {} s", .0.as_secs())]
    Silent(Duration),
    #[error("{}", said(.0))]
    Imap(#[from] async_imap::error::Error),
}

/// What the server said, without the parser's inner life.
fn said(error: &async_imap::error::Error) -> String {
    let text = error.to_string();
    match text.split_once("during parsing of ") {
        Some((_, rest)) => format!("the server said what cannot be read: {rest}"),
        None => text,
    }
}

impl LineError {
    /// The server understood and said no; the line itself is good.
    pub(super) fn is_refusal(&self) -> bool {
        matches!(self, Self::Imap(async_imap::error::Error::No(_) | async_imap::error::Error::Append))
    }
}

trait Wire: AsyncRead + AsyncWrite + Unpin + Send + std::fmt::Debug {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send + std::fmt::Debug> Wire for T {}
type Boxed = Box<dyn Wire>;

/// What a mail is before it is fetched.
pub(super) struct Head {
    pub(super) bytes: Vec<u8>,
    pub(super) size: u32,
}

pub(super) struct Line {
    session: Session<Boxed>,
    idle: bool,
    moves: bool,
    expunges: bool,
    /// The server keeps keywords of ours.
    keywords: bool,
    /// Folders that are there.
    known: BTreeSet<String>,
    pub(super) validity: u32,
    /// The number that the next mail gets, when the folder was opened.
    pub(super) next: u32,
}

impl Line {
    /// Connects, logs in and opens the folder.
    pub(super) async fn open(
        account: &MailAccount,
        home: &Path,
        password: &str,
        folder: &str,
    ) -> Result<Self, LineError> {
        let client = within(COMMAND, connect(account, home)).await??;
        let login = within(COMMAND, client.login(&account.user, password)).await?;
        // Some servers repeat in their refusal what they were sent.
        let refused = |error| LineError::Login(Scrub::of(password).text(&said(&error)).into_owned());
        let mut session = login.map_err(|(error, _)| refused(error))?;
        let can = within(COMMAND, session.capabilities()).await??;
        if can.has_str("ID") {
            // Some providers let nobody in who does not say what they are.
            let own = [("name", Some("yizhan")), ("version", Some(env!("CARGO_PKG_VERSION")))];
            drop(within(COMMAND, session.id(own)).await?);
        }
        let (idle, moves, expunges) = (can.has_str("IDLE"), can.has_str("MOVE"), can.has_str("UIDPLUS"));
        let opened = within(COMMAND, session.select(on_the_wire(folder))).await??;
        let kept = &opened.permanent_flags;
        let keywords = kept.is_empty()
            || kept.iter().any(|flag| match flag {
                Flag::MayCreate => true,
                Flag::Custom(name) => name.eq_ignore_ascii_case(HANDLED),
                Flag::Seen | Flag::Answered | Flag::Flagged | Flag::Deleted | Flag::Draft | Flag::Recent => {
                    false
                }
            });
        let (validity, next) = (opened.uid_validity.unwrap_or(0), opened.uid_next.unwrap_or(1));
        Ok(Self { session, idle, moves, expunges, keywords, known: BTreeSet::new(), validity, next })
    }

    /// Mails that were not handled, the oldest first. Of those below `first` only what nobody has read.
    pub(super) async fn waiting(&mut self, first: u32) -> Result<Vec<u32>, LineError> {
        // What was told until now is in the answer.
        while self.session.unsolicited_responses.try_recv().is_ok() {}
        let asked = if self.keywords {
            format!("UNDELETED UNKEYWORD {HANDLED} OR UNSEEN UID {first}:{}", u32::MAX)
        } else {
            "UNDELETED UNSEEN".to_owned()
        };
        let mut found: Vec<u32> =
            within(COMMAND, self.session.uid_search(asked)).await??.into_iter().collect();
        found.sort_unstable();
        Ok(found)
    }

    /// `None` where it is gone.
    pub(super) async fn head(&mut self, uid: u32) -> Result<Option<Head>, LineError> {
        let asked = format!("(UID RFC822.SIZE BODY.PEEK[HEADER]<0.{HEAD_MOST}>)");
        let found = within(COMMAND, fetch(&mut self.session, uid, &asked)).await??;
        Ok(found
            .and_then(|one| Some(Head { bytes: one.header()?.to_vec(), size: one.size.unwrap_or(u32::MAX) })))
    }

    pub(super) async fn whole(&mut self, uid: u32) -> Result<Option<Vec<u8>>, LineError> {
        let found = within(WHOLE, fetch(&mut self.session, uid, "(UID BODY.PEEK[])")).await??;
        Ok(found.and_then(|one| one.body().map(<[u8]>::to_vec)))
    }

    /// Read and handled, for people and for us.
    pub(super) async fn mark(&mut self, uid: u32) -> Result<(), LineError> {
        let flags = if self.keywords { format!("\\Seen {HANDLED}") } else { "\\Seen".to_owned() };
        self.flag(uid, &flags).await
    }

    async fn flag(&mut self, uid: u32, flags: &str) -> Result<(), LineError> {
        let storing = async {
            let stored = self.session.uid_store(uid.to_string(), format!("+FLAGS.SILENT ({flags})")).await?;
            stored.try_for_each(|_| async { Ok(()) }).await
        };
        Ok(within(COMMAND, storing).await??)
    }

    /// Into a folder that is made where there is none. It is looked for first: servers name it in the refusal, and a
    /// name that is not ASCII there is more than the reading of answers takes.
    pub(super) async fn put_into(&mut self, uid: u32, folder: &str) -> Result<(), LineError> {
        let name = on_the_wire(folder);
        if !self.known.contains(&name) {
            if !self.is_there(&name).await? {
                within(COMMAND, self.session.create(&name)).await??;
                // Or some people's programs do not show it.
                drop(within(COMMAND, self.session.subscribe(&name)).await?);
            }
            self.known.insert(name.clone());
        }
        self.carry(uid, &name).await
    }

    async fn is_there(&mut self, name: &str) -> Result<bool, LineError> {
        let pattern = format!("\"{}\"", name.replace('\\', "\\\\").replace('"', "\\\""));
        let asking = async {
            let found = self.session.list(Some(""), Some(&pattern)).await?;
            found.try_fold(false, |_, _| async { Ok(true) }).await
        };
        Ok(within(COMMAND, asking).await??)
    }

    async fn carry(&mut self, uid: u32, folder: &str) -> Result<(), LineError> {
        let one = uid.to_string();
        if self.moves {
            return Ok(within(COMMAND, self.session.uid_mv(&one, folder)).await??);
        }
        within(COMMAND, self.session.uid_copy(&one, folder)).await??;
        self.flag(uid, "\\Deleted").await?;
        if self.expunges {
            // Without it other people's deleted mails would go as well, so ours stays and is passed over.
            let gone = async {
                let gone = self.session.uid_expunge(&one).await?;
                gone.try_for_each(|_| async { Ok(()) }).await
            };
            within(COMMAND, gone).await??;
        }
        Ok(())
    }

    pub(super) async fn append(&mut self, folder: &str, mail: &[u8]) -> Result<(), LineError> {
        Ok(within(COMMAND, self.session.append(on_the_wire(folder), None, None, mail)).await??)
    }

    /// Until the server tells of a mail, `most` is over or `stop` comes.
    pub(super) async fn wait(
        mut self,
        most: Duration,
        stop: impl Future<Output = ()>,
    ) -> Result<Self, LineError> {
        let until = async {
            tokio::select! { () = tokio::time::sleep(most) => {} () = stop => {} }
        };
        if !self.idle {
            until.await;
            return Ok(self);
        }
        let told = self.session.unsolicited_responses.clone();
        let mut idle = self.session.idle();
        within(COMMAND, idle.init()).await??;
        // What came since the search was told before the waiting began.
        let new = std::iter::from_fn(|| told.try_recv().ok())
            .any(|told| matches!(told, UnsolicitedResponse::Exists(_) | UnsolicitedResponse::Recent(_)));
        if !new {
            let (waiting, _hold) = idle.wait_with_timeout(most);
            tokio::select! { heard = waiting => drop(heard?), () = until => {} }
        }
        self.session = within(COMMAND, idle.done()).await??;
        Ok(self)
    }

    pub(super) async fn leave(mut self) {
        // The server notices by itself, only later.
        drop(within(Duration::from_secs(2), self.session.logout()).await);
    }
}

async fn within<T>(limit: Duration, work: impl Future<Output = T>) -> Result<T, LineError> {
    tokio::time::timeout(limit, work).await.map_err(|_| LineError::Silent(limit))
}

async fn fetch(
    session: &mut Session<Boxed>,
    uid: u32,
    what: &str,
) -> Result<Option<Fetch>, async_imap::error::Error> {
    let mut coming = session.uid_fetch(uid.to_string(), what).await?;
    let mut found = None;
    // To its end, or the next command would read the rest of this answer.
    while let Some(one) = coming.try_next().await? {
        if one.uid == Some(uid) && found.is_none() {
            found = Some(one);
        }
    }
    drop(coming);
    if found.is_none() {
        // An answer that ends with the line looks like one without a mail: only a line that lives says that it is gone.
        session.noop().await?;
    }
    Ok(found)
}

async fn connect(account: &MailAccount, home: &Path) -> Result<Client<Boxed>, LineError> {
    let address = format!("{}:{}", account.host, account.port());
    let plain = TcpStream::connect((account.host.as_str(), account.port()))
        .await
        .map_err(|error| LineError::Unreachable(address.clone(), error))?;
    let stream: Boxed = match account.tls {
        MailTls::Implicit => Box::new(over_tls(plain, account, home).await?),
        MailTls::Starttls => {
            let mut client = Client::new(plain);
            greeting(&mut client, &address).await?;
            client
                .run_command_and_check_ok("STARTTLS", None)
                .await
                .map_err(|error| LineError::Tls(format!("the server refuses STARTTLS: {error}")))?;
            // What came with the answer to it, before the line was safe, is thrown away with the client.
            let stream: Boxed = Box::new(over_tls(client.into_inner(), account, home).await?);
            return Ok(Client::new(stream));
        }
        MailTls::None => Box::new(plain),
    };
    let mut client = Client::new(stream);
    greeting(&mut client, &address).await?;
    Ok(client)
}

async fn greeting<S: AsyncRead + AsyncWrite + Unpin + Send + std::fmt::Debug>(
    client: &mut Client<S>,
    address: &str,
) -> Result<(), LineError> {
    let failed = |error| LineError::Unreachable(address.to_owned(), error);
    match client.read_response().await.map_err(failed)? {
        Some(_) => Ok(()),
        None => Err(failed(std::io::ErrorKind::UnexpectedEof.into())),
    }
}

async fn over_tls(
    plain: TcpStream,
    account: &MailAccount,
    home: &Path,
) -> Result<tokio_rustls::client::TlsStream<TcpStream>, LineError> {
    let failed = |error: String| LineError::Tls(error);
    let mut roots = RootCertStore::empty();
    // Some that we cannot read stand in every system's list.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if let Some(path) = &account.ca_file {
        let path = home.join(path);
        let unreadable = |error: &dyn std::fmt::Display| failed(format!("{}: {error}", path.display()));
        let found = CertificateDer::pem_file_iter(&path).map_err(|error| unreadable(&error))?;
        for certificate in found {
            let certificate = certificate.map_err(|error| unreadable(&error))?;
            roots.add(certificate).map_err(|error| unreadable(&error))?;
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| failed(error.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from(account.host.clone()).map_err(|error| failed(error.to_string()))?;
    TlsConnector::from(Arc::new(config)).connect(name, plain).await.map_err(|error| failed(error.to_string()))
}
