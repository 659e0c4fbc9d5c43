//! Links in mails. A link says itself what it is for, signed with the key of the house, so nothing is stored until
//! somebody uses one; and it names the attempt, so that it is void when the task is over or opened anew.

use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use sha2::Sha256;
use subtle::ConstantTimeEq;
use yizhan_workflow::id::{Millis, RunId, TaskId};

/// Bytes of the key of a house.
pub const KEY_LENGTH: usize = 32;
/// Characters of a link's token. What is longer was not made here.
const LONGEST: usize = 2_000;
/// Characters of what a link chooses. What is longer is chosen on the page.
const CHOICE_LONGEST: usize = 200;

/// One thing for each use of the key, so that what is signed for one never passes for another.
const LINK: &[u8] = b"yizhan link 1\n";
const CONFIRM: &[u8] = b"yizhan confirm 1\n";

/// Makes links and reads them.
#[derive(Clone)]
pub struct Links {
    url: Arc<str>,
    key: [u8; KEY_LENGTH],
    lasts: i64,
}

impl fmt::Debug for Links {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Links").field("url", &self.url).finish_non_exhaustive()
    }
}

/// What a link is for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ticket {
    #[serde(rename = "r")]
    pub run: RunId,
    /// A hash of the item's key and the attempt.
    #[serde(rename = "t")]
    pub task: TaskId,
    /// To whom it was sent: `person:li.na`, `mail:wang@example.com`.
    #[serde(rename = "w")]
    pub who: Arc<str>,
    /// What it answers; without it the whole form is asked.
    #[serde(default, rename = "c", skip_serializing_if = "Option::is_none")]
    pub choice: Option<Choice>,
    #[serde(rename = "u")]
    pub until: Millis,
}

/// A field and what is chosen for it: yes, no, or the code of an option.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Choice(pub Arc<str>, pub Json);

impl Choice {
    /// Short enough for an address.
    #[must_use]
    pub fn fits(&self) -> bool {
        let Self(field, value) = self;
        field.len() + value.as_str().map_or(0, str::len) <= CHOICE_LONGEST
    }
}

/// The link is not one of this house, or was damaged on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the link is not one of ours")]
pub struct NotOurs;

impl Links {
    /// `url`: where people find this house. A link lasts so many milliseconds.
    #[must_use]
    pub fn new(url: &str, key: [u8; KEY_LENGTH], lasts: i64) -> Self {
        Self { url: url.trim_end_matches('/').into(), key, lasts }
    }

    /// The address for what was opened or said at `at`: the same however often it is made.
    #[must_use]
    pub fn address(&self, of: (RunId, &TaskId), who: &str, choice: Option<Choice>, at: Millis) -> String {
        let (run, task) = (of.0, of.1.clone());
        let ticket = Ticket { run, task, who: who.into(), choice, until: self.until(at) };
        format!("{}/m/{}", self.url, self.token(&ticket))
    }

    /// When a link that was made at `at` is void.
    #[must_use]
    pub fn until(&self, at: Millis) -> Millis {
        at.plus(self.lasts)
    }

    fn token(&self, ticket: &Ticket) -> String {
        let said = serde_json::to_vec(ticket).unwrap_or_default();
        let mac = self.sign(LINK, &said);
        format!("{}.{}", URL_SAFE_NO_PAD.encode(said), URL_SAFE_NO_PAD.encode(mac))
    }

    /// What a token says. Whether it is too late is the reader's matter: they are told so.
    ///
    /// # Errors
    /// When this house did not make it.
    pub fn read(&self, token: &str) -> Result<Ticket, NotOurs> {
        if token.len() > LONGEST {
            return Err(NotOurs);
        }
        let (said, mac) = token.split_once('.').ok_or(NotOurs)?;
        let said = URL_SAFE_NO_PAD.decode(said).map_err(|_| NotOurs)?;
        let mac = URL_SAFE_NO_PAD.decode(mac).map_err(|_| NotOurs)?;
        // In a time that does not tell how much of it was right.
        if !bool::from(self.sign(LINK, &said).as_slice().ct_eq(&mac)) {
            return Err(NotOurs);
        }
        serde_json::from_slice(&said).map_err(|_| NotOurs)
    }

    /// What the page of a link sends along, so that nothing but that page can answer.
    #[must_use]
    pub fn confirmation(&self, token: &str) -> String {
        URL_SAFE_NO_PAD.encode(self.sign(CONFIRM, token.as_bytes()))
    }

    #[must_use]
    pub fn confirms(&self, token: &str, given: &str) -> bool {
        self.confirmation(token).as_bytes().ct_eq(given.as_bytes()).into()
    }

    fn sign(&self, purpose: &[u8], said: &[u8]) -> Vec<u8> {
        signed(&self.key, purpose, said)
    }
}

/// What a key says of a text. Each purpose has words of its own, so that nothing is taken for something else.
pub(crate) fn signed(key: &[u8; KEY_LENGTH], purpose: &[u8], said: &[u8]) -> Vec<u8> {
    // Keys of any length are taken, so there is always one.
    let Ok(mut mac) = <Hmac<Sha256> as KeyInit>::new_from_slice(key) else { return vec![] };
    mac.update(purpose);
    mac.update(said);
    mac.finalize().into_bytes().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: Millis = Millis(1_795_312_800_000);

    fn house(seed: u8) -> Links {
        Links::new("https://yizhan.example.com/", [seed; KEY_LENGTH], 86_400_000)
    }

    fn ticket() -> Ticket {
        Ticket {
            run: RunId::from_number(7),
            task: TaskId::of("run/sign/1/0", 1),
            who: "person:li.na".into(),
            choice: Some(Choice("approved".into(), Json::Bool(true))),
            until: house(1).until(AT),
        }
    }

    #[test]
    fn a_link_says_what_it_was_made_for_and_only_to_its_own_house() {
        let (ours, ticket) = (house(1), ticket());
        let of = (ticket.run, &ticket.task);
        let address = ours.address(of, &ticket.who, ticket.choice.clone(), AT);
        let token = address.strip_prefix("https://yizhan.example.com/m/").unwrap();
        assert_eq!(ours.read(token), Ok(ticket));
        assert_eq!(house(2).read(token), Err(NotOurs));
        assert!(token.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte)), "{token}");
    }

    #[test]
    fn a_link_in_which_anything_was_changed_is_not_ours() {
        let ours = house(1);
        let token = ours.token(&ticket());
        for at in 0..token.len() {
            let mut other = token.clone().into_bytes();
            other[at] = if other[at] == b'A' { b'B' } else { b'A' };
            let other = String::from_utf8(other).unwrap();
            assert_eq!(ours.read(&other), Err(NotOurs), "the sign at {at}");
            assert_eq!(ours.read(&token[..at]), Err(NotOurs), "cut at {at}");
        }
        assert_eq!(ours.read(&format!("{token}A")), Err(NotOurs));
        assert_eq!(ours.read(&"A".repeat(100_000)), Err(NotOurs));
    }

    /// Otherwise whoever is sent a refusal could answer with an approval of their own making.
    #[test]
    fn the_signature_of_one_link_signs_no_other() {
        let ours = house(1);
        let one = ours.token(&ticket());
        let other = Ticket { who: "person:wang.wei".into(), ..ticket() };
        let other = ours.token(&other);
        let mixed = format!("{}.{}", other.split_once('.').unwrap().0, one.split_once('.').unwrap().1);
        assert_eq!(ours.read(&mixed), Err(NotOurs));
    }

    #[test]
    fn a_page_confirms_its_own_link_alone() {
        let ours = house(1);
        let token = ours.token(&ticket());
        assert!(ours.confirms(&token, &ours.confirmation(&token)));
        assert!(!ours.confirms(&token, &ours.confirmation("another")));
        assert!(!ours.confirms(&token, &house(2).confirmation(&token)));
        assert!(!ours.confirms(&token, ""));
        let mac = token.split_once('.').unwrap().1;
        assert!(!ours.confirms(&token, mac), "what signs a link confirms none");
    }
}
