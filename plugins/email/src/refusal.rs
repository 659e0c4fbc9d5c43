//! What the mail server's answers, and its silence, mean for the step.

use std::error::Error as _;
use std::time::Duration;

use lettre::transport::smtp;
use yizhan_plugin_api::prelude::*;

/// An error before the end of the mail was sent: nothing has gone out.
pub(crate) fn refusal(error: &smtp::Error, doing: &str) -> Error {
    let words = words(error);
    if error.is_permanent() {
        return Error::refused("email.refused", format!("the mail server refused {doing}: {words}"))
            .help("correct the address or the settings; the same mail would be refused again");
    }
    if error.is_transient() {
        return Error::refused(
            "email.try_later",
            format!("the mail server asks to try {doing} later: {words}"),
        )
        .retry();
    }
    if is_unsafe(error) {
        return Error::refused("email.tls", format!("no safe connection to the mail server: {words}"))
            .help("look at `host`, `port`, `tls` and `ca_file` in the settings of the plugin")
            .retry();
    }
    Error::refused("email.broken_off", format!("the line to the mail server broke at {doing}: {words}"))
        .retry()
}

/// A certificate that nobody vouches for is told as a broken line around it, so the causes are looked through.
pub(crate) fn is_unsafe(error: &smtp::Error) -> bool {
    let is_invalid = |cause: &(dyn std::error::Error + 'static)| {
        let io = cause.downcast_ref::<std::io::Error>();
        io.is_some_and(|io| io.kind() == std::io::ErrorKind::InvalidData && io.get_ref().is_some())
    };
    let mut cause = error.source();
    while let Some(at) = cause {
        if is_invalid(at) {
            return true;
        }
        cause = at.source();
    }
    error.is_tls()
}

/// An error after it: the server may have the mail, and nobody can tell.
pub(crate) fn maybe_sent(words: &str) -> Error {
    Error::new(
        "email.maybe_sent",
        format!("the mail was handed over whole, and then {words}; it may have been sent"),
    )
    .happened(Happened::Maybe)
    .help("look for its Message-ID in the mail server's log before it is sent again by hand")
    .retry()
}

pub(crate) fn stalled(doing: &str, limit: Duration) -> Error {
    let words = format!("the mail server said nothing for {} s at {doing}", limit.as_secs_f64());
    Error::refused("email.stalled", words)
        .help("raise `timeout_s` in the settings if the server is that slow")
        .retry()
}

pub(crate) fn unreachable(host: &str, port: u16, error: &smtp::Error) -> Error {
    Error::refused(
        "email.unreachable",
        format!("the mail server {host}:{port} cannot be reached: {}", words(error)),
    )
    .help("look at `host` and `port` in the settings of the plugin, and whether the server runs")
    .retry()
}

/// Both the code and what the server wrote beside it.
pub(crate) fn words(error: &smtp::Error) -> String {
    let source = error.source().map(ToString::to_string).unwrap_or_default();
    let code = error.status().map(|code| code.to_string()).unwrap_or_default();
    let words = match (code.is_empty(), source.is_empty()) {
        (false, _) => format!("{code} {source}"),
        (true, false) => source,
        (true, true) => error.to_string(),
    };
    let words: String = words.chars().filter(|c| !c.is_control()).take(300).collect();
    words.trim().to_owned()
}
