//! Where each mailbox stood when it was first looked into: what a person had read by then is no business of ours.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use super::Place;
use crate::artifacts::write_whole;

/// The folder's numbers count under this validity; from `next` on every mail is ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Mark {
    validity: u32,
    next: u32,
}

type Marks = BTreeMap<String, BTreeMap<String, Mark>>;

pub(super) struct First {
    path: PathBuf,
    marks: Mutex<Marks>,
}

impl First {
    pub(super) fn read(path: PathBuf) -> Self {
        let kept = std::fs::read(&path).ok().and_then(|text| serde_json::from_slice(&text).ok());
        Self { path, marks: Mutex::new(kept.unwrap_or_default()) }
    }

    /// The first number that is ours. Blocks: a new mailbox is written down before anything is taken from it.
    pub(super) fn of(&self, place: &Place, validity: u32, next: u32) -> std::io::Result<u32> {
        let mut marks = self.marks.lock().unwrap_or_else(PoisonError::into_inner);
        let known = marks.get(&place.account).and_then(|folders| folders.get(&place.folder));
        if let Some(known) = known.filter(|known| known.validity == validity) {
            return Ok(known.next);
        }
        let mut all = marks.clone();
        all.entry(place.account.clone()).or_default().insert(place.folder.clone(), Mark { validity, next });
        write_whole(&self.path, &serde_json::to_vec(&all)?)?;
        *marks = all;
        Ok(next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_look_is_remembered_until_the_server_numbers_anew() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mailboxes.json");
        let place = |folder: &str| Place { account: "orders".to_owned(), folder: folder.to_owned() };
        let first = First::read(path.clone());
        assert_eq!(first.of(&place("INBOX"), 7, 100).unwrap(), 100);
        assert_eq!(first.of(&place("INBOX"), 7, 150).unwrap(), 100);
        assert_eq!(first.of(&place("Other"), 7, 3).unwrap(), 3);
        let again = First::read(path);
        assert_eq!(again.of(&place("INBOX"), 7, 200).unwrap(), 100);
        assert_eq!(again.of(&place("INBOX"), 8, 1).unwrap(), 1);
    }
}
