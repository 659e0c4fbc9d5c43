//! The transport `smtp`: one talk with the mail server per mail, said step by step, so that it is known where it broke.

use std::fmt::Display;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use lettre::transport::smtp::Error as SmtpError;
use lettre::transport::smtp::authentication::{Credentials, DEFAULT_MECHANISMS};
use lettre::transport::smtp::client::{AsyncSmtpConnection, Certificate, CertificateStore, TlsParameters};
use lettre::transport::smtp::commands::{Data, Mail, Noop, Rcpt};
use lettre::transport::smtp::extension::{ClientId, Extension, MailParameter};
use yizhan_plugin_api::prelude::*;

use crate::envelope::Envelope;
use crate::pool::{Line, Pool, close};
use crate::refusal::{is_unsafe, maybe_sent, refusal, stalled, unreachable, words};
use crate::settings::{Config, SecretRef, Tls, invalid};

pub(crate) struct Smtp {
    host: String,
    port: u16,
    tls: Option<(Tls, TlsParameters)>,
    login: Option<(String, SecretRef)>,
    hello: ClientId,
    timeout: Duration,
    accept_timeout: Duration,
    pool: Pool,
}

impl Smtp {
    pub(crate) fn new(config: Config) -> Result<Self> {
        let (port, timeout, accept_timeout) = (config.port(), config.timeout()?, config.accept_timeout()?);
        let host = config.host.ok_or_else(|| invalid("host", "the mail server's name is not set"))?;
        let login = match (config.user, config.password) {
            (Some(user), Some(password)) => Some((user, password)),
            (None, None) => None,
            (Some(_), None) => return Err(invalid("password", "`user` is set and this is not")),
            (None, Some(_)) => return Err(invalid("user", "`password` is set and this is not")),
        };
        if config.tls == Tls::None && login.is_some() && !is_loopback(&host) {
            return Err(invalid("tls", "with `none` the password would cross the net for all to read")
                .help("use `required` or `starttls`, or leave `user` and `password` out"));
        }
        if config.hello.as_ref().is_some_and(|name| name.contains(|c: char| c.is_control() || c == ' ')) {
            return Err(invalid("hello", "it is a name without blanks and line ends"));
        }
        let tls = match config.tls {
            Tls::None => None,
            tls @ (Tls::Required | Tls::Starttls) => {
                Some((tls, parameters(&host, config.ca_file.as_deref())?))
            }
        };
        Ok(Self {
            tls,
            port,
            login,
            hello: config.hello.map_or_else(ClientId::default, ClientId::Domain),
            timeout,
            accept_timeout,
            pool: Pool::default(),
            host,
        })
    }

    pub(crate) async fn send(&self, ctx: &Ctx, envelope: &Envelope, bytes: &[u8]) -> Result<()> {
        if let Some(mut line) = self.pool.take() {
            match self.introduce(&mut line.connection, envelope, true).await {
                Ok(()) => return self.hand_over(line, bytes).await,
                // The server is tired of this line, or has closed it; a new one tells whether it means the mail.
                Err(error) if error.retry => close(line),
                Err(error) => {
                    close(line);
                    return Err(error);
                }
            }
        }
        let mut line = Line { connection: self.connect(ctx).await?, mails: 0 };
        match self.introduce(&mut line.connection, envelope, false).await {
            Ok(()) => self.hand_over(line, bytes).await,
            Err(error) => {
                close(line);
                Err(error)
            }
        }
    }

    async fn connect(&self, ctx: &Ctx) -> Result<AsyncSmtpConnection> {
        let at_once = match &self.tls {
            Some((Tls::Required, parameters)) => Some(parameters.clone()),
            Some(_) | None => None,
        };
        let server = (self.host.as_str(), self.port);
        let connecting =
            AsyncSmtpConnection::connect_tokio1(server, Some(self.timeout), &self.hello, at_once, None);
        let connected = tokio::time::timeout(self.timeout * 2, connecting).await;
        let mut connection =
            connected.map_err(|_| stalled("the greeting", self.timeout * 2))?.map_err(|error| {
                if is_answer(&error) || is_unsafe(&error) {
                    refusal(&error, "the connection")
                } else {
                    unreachable(&self.host, self.port, &error)
                }
            })?;
        if let Some((Tls::Starttls, parameters)) = &self.tls {
            if !connection.can_starttls() {
                return Err(Error::refused(
                    "email.tls",
                    "the mail server offers no STARTTLS, and without it nothing is sent",
                )
                .help("look at `tls` in the settings, and whether somebody sits on the line"));
            }
            let starting = connection.starttls(parameters.clone(), &self.hello);
            let started = tokio::time::timeout(self.timeout, starting).await;
            started
                .map_err(|_| stalled("STARTTLS", self.timeout))?
                .map_err(|error| refusal(&error, "STARTTLS"))?;
        }
        self.log_in(ctx, &mut connection).await?;
        Ok(connection)
    }

    async fn log_in(&self, ctx: &Ctx, connection: &mut AsyncSmtpConnection) -> Result<()> {
        let Some((user, password)) = &self.login else { return Ok(()) };
        let password = ctx.secret(&password.secret.0).await?;
        let credentials =
            Credentials::new(user.clone(), password.expose().trim_end_matches(['\r', '\n']).to_owned());
        let logging_in = connection.auth(DEFAULT_MECHANISMS, &credentials);
        let end = tokio::time::timeout(self.timeout, logging_in).await;
        match end.map_err(|_| stalled("the login", self.timeout))? {
            Ok(_) => Ok(()),
            Err(error) if error.is_permanent() || error.is_client() => Err(Error::refused(
                "email.login",
                format!("the mail server refused the login: {}", words(&error)),
            )
            .help("look at `user` and `password` in the settings of the plugin")),
            Err(error) => Err(refusal(&error, "the login")),
        }
    }

    /// Names the sender and every recipient. One refused recipient refuses the mail: nobody gets it.
    async fn introduce(
        &self,
        connection: &mut AsyncSmtpConnection,
        envelope: &Envelope,
        is_used: bool,
    ) -> Result<()> {
        if is_used {
            self.say(connection, Noop, "a kept line").await?;
        }
        let is_plain = envelope.from.email.as_ref() as &str;
        let is_plain = is_plain.is_ascii() && envelope.addresses().iter().all(|address| address.is_ascii());
        let mut parameters = Vec::new();
        if !is_plain {
            if !connection.server_info().supports_feature(Extension::SmtpUtfEight) {
                let words =
                    "an address is not in plain letters, and the mail server takes no other (SMTPUTF8)";
                return Err(Error::refused("email.bad_address", words).at("/to"));
            }
            parameters.push(MailParameter::SmtpUtfEight);
        }
        let sender = &envelope.from.email;
        self.say(connection, Mail::new(Some(sender.clone()), parameters), &format!("the sender {sender}"))
            .await?;
        for recipient in envelope.recipients() {
            let command = Rcpt::new(recipient.clone(), Vec::new());
            self.say(connection, command, &format!("the recipient {recipient}")).await?;
        }
        self.say(connection, Data, "the mail").await
    }

    async fn say(
        &self,
        connection: &mut AsyncSmtpConnection,
        command: impl Display,
        doing: &str,
    ) -> Result<()> {
        let said = tokio::time::timeout(self.timeout, connection.command(command)).await;
        said.map_err(|_| stalled(doing, self.timeout))?.map_err(|error| refusal(&error, doing))?;
        Ok(())
    }

    /// The one moment that matters: from the final dot to the answer nobody knows whether the mail is sent.
    async fn hand_over(&self, mut line: Line, bytes: &[u8]) -> Result<()> {
        let dot_follows = AtomicBool::new(false);
        let mut content = Some(bytes);
        // Asked for more only when all before was written, so the dot cannot have gone out earlier.
        let pieces = std::iter::from_fn(|| {
            let piece = content.take();
            dot_follows.store(piece.is_none(), Ordering::Relaxed);
            piece
        });
        let handing_over = line.connection.message_iter(pieces);
        let end = tokio::time::timeout(self.accept_timeout, handing_over).await;
        let error = match end {
            Ok(Ok(_)) => {
                line.mails += 1;
                self.pool.keep(line);
                return Ok(());
            }
            Ok(Err(error)) if is_answer(&error) => refusal(&error, "the mail"),
            Ok(Err(error)) if dot_follows.load(Ordering::Relaxed) => {
                maybe_sent(&format!("the line broke ({})", words(&error)))
            }
            Ok(Err(error)) => refusal(&error, "the mail"),
            Err(_) if dot_follows.load(Ordering::Relaxed) => {
                maybe_sent(&format!("the server said nothing for {} s", self.accept_timeout.as_secs_f64()))
            }
            Err(_) => stalled("the mail", self.accept_timeout),
        };
        // Not even a goodbye: the server could take it for a part of the mail.
        drop(line);
        Err(error)
    }
}

fn is_answer(error: &SmtpError) -> bool {
    error.is_permanent() || error.is_transient()
}

fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse().is_ok_and(|address: IpAddr| address.is_loopback())
}

fn parameters(host: &str, ca_file: Option<&str>) -> Result<TlsParameters> {
    let mut builder = TlsParameters::builder(host.to_owned());
    if let Some(path) = ca_file {
        let wrong = |why: String| invalid("ca_file", &format!("`{path}`: {why}"));
        let pem = std::fs::read(path).map_err(|error| wrong(error.to_string()))?;
        let certificate = Certificate::from_pem(&pem).map_err(|error| wrong(error.to_string()))?;
        builder = builder.certificate_store(CertificateStore::None).add_root_certificate(certificate);
    }
    builder.build_rustls().map_err(|error| invalid("tls", &words(&error)))
}
