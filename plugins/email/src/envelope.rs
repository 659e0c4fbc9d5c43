//! Who a mail is from and who gets it: addresses read strictly, each once.

use std::collections::BTreeSet;

use lettre::Address;
use lettre::message::Mailbox;
use yizhan_plugin_api::prelude::*;

use crate::Mail;
use crate::settings::Sender;

/// More in one mail is a newsletter, and servers refuse it.
const RECIPIENTS_MAX: usize = 500;

pub(crate) struct Envelope {
    pub(crate) from: Mailbox,
    pub(crate) to: Vec<Mailbox>,
    pub(crate) cc: Vec<Mailbox>,
    pub(crate) bcc: Vec<Mailbox>,
    pub(crate) reply_to: Vec<Mailbox>,
}

impl Envelope {
    pub(crate) fn of(input: &Mail, sender: &Sender) -> Result<Self> {
        let from = match &input.from {
            Some(text) => mailbox(text).map_err(|why| bad("/from".to_owned(), &why))?,
            None => sender.from.clone().ok_or_else(|| {
                Error::refused("email.no_sender", "nobody is set as the sender")
                    .help("set `from` in the settings of the plugin")
            })?,
        };
        // Who stands in two lists gets the mail once, as the first one says.
        let mut seen = BTreeSet::new();
        let mut once = |list: &Recipients, name: &str| -> Result<Vec<Mailbox>> {
            let mut mailboxes = read(list, name)?;
            mailboxes.retain(|mailbox| seen.insert(mailbox.email.to_string().to_lowercase()));
            Ok(mailboxes)
        };
        let (to, cc, bcc) = (once(&input.to, "to")?, once(&input.cc, "cc")?, once(&input.bcc, "bcc")?);
        match seen.len() {
            0 => Err(Error::refused("email.no_recipient", "there is nobody to send the mail to")
                .at("/to")
                .help("a group or a role may be empty: look in `config/people.toml`")),
            count if count > RECIPIENTS_MAX => {
                let words =
                    format!("{count} recipients are more than the {RECIPIENTS_MAX} that one mail may have");
                Err(Error::refused("email.too_many_recipients", words)
                    .at("/to")
                    .help("send several mails, with `each`"))
            }
            _ => Ok(Self { from, to, cc, bcc, reply_to: read(&input.reply_to, "reply_to")? }),
        }
    }

    pub(crate) fn recipients(&self) -> impl Iterator<Item = &Address> {
        self.to.iter().chain(&self.cc).chain(&self.bcc).map(|mailbox| &mailbox.email)
    }

    pub(crate) fn addresses(&self) -> Vec<String> {
        self.recipients().map(ToString::to_string).collect()
    }
}

fn read(list: &Recipients, name: &str) -> Result<Vec<Mailbox>> {
    let given = list.0.iter().enumerate().filter(|(_, text)| !text.trim().is_empty());
    given.map(|(at, text)| mailbox(text).map_err(|why| bad(format!("/{name}/{at}"), &why))).collect()
}

fn bad(pointer: String, why: &str) -> Error {
    Error::refused("email.bad_address", why)
        .at(pointer)
        .help("write `li@example.com` or `李娜 <li@example.com>`")
}

/// Reads one address, with or without a name; says what is wrong with it.
///
/// Stricter than the standard: no quoted local parts, no comments, no lists. They are where mail systems have let
/// people smuggle headers and further recipients in.
pub(crate) fn mailbox(text: &str) -> Result<Mailbox, String> {
    let shown: String = text.chars().take(100).flat_map(char::escape_debug).collect();
    let refuse = |why: &str| Err(format!("`{shown}` is no mail address: {why}"));
    if text.chars().any(is_line_or_control) {
        return refuse("it has a line end or another control character in it");
    }
    let text = text.trim();
    let (name, address) = match text.strip_suffix('>').and_then(|before| before.rsplit_once('<')) {
        Some((name, address)) => (unquoted(name.trim()), address.trim()),
        None => (None, text),
    };
    if name.as_ref().is_some_and(|name| name.contains(['<', '>'])) {
        return refuse("it has more than one `<` or `>`");
    }
    let Some((local, domain)) = address.rsplit_once('@') else { return refuse("it has no `@`") };
    let is_atom = |c: char| c.is_alphanumeric() || "!#$%&'*+-/=?^_`{|}~.".contains(c);
    if local.is_empty() || local.len() > 64 || !local.chars().all(is_atom) {
        return refuse("what stands before the `@` is not plain");
    }
    if domain.starts_with('-') || !domain.chars().all(|c| c.is_alphanumeric() || c == '.' || c == '-') {
        return refuse("what stands behind the `@` is no domain");
    }
    match Address::new(local, domain) {
        Ok(address) => Ok(Mailbox::new(name, address)),
        Err(error) => refuse(&error.to_string()),
    }
}

/// What may not stand in a header, not even encoded: readers differ in what they make of it.
pub(crate) fn is_line_or_control(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')
}

fn unquoted(name: &str) -> Option<String> {
    let name = name.strip_prefix('"').and_then(|name| name.strip_suffix('"')).unwrap_or(name).trim();
    (!name.is_empty()).then(|| name.replace("\\\"", "\"").replace("\\\\", "\\"))
}
