//! The keys of a house: made once, kept in the data folder and in no store.

use std::io::ErrorKind;

use yizhan_engine::link::KEY_LENGTH;

use crate::artifacts::write_whole;
use crate::exit::{Exit, Failure};
use crate::home::Home;

/// With which the links in mails are signed: whoever has it can answer for anybody.
pub(crate) const LINKS: &str = "links.key";

/// With which the lines of registers are signed.
pub(crate) const REGISTERS: &str = "registers.key";

/// With which the lines of the audit are marked.
pub(crate) const AUDIT: &str = "audit.key";

type Key = [u8; KEY_LENGTH];

/// The key of that name. Another one would make void what was signed before.
pub(crate) fn made(home: &Home, name: &str) -> Result<Key, Failure> {
    if let Some(key) = known(home, name)? {
        return Ok(key);
    }
    let new = random()?;
    write_whole(&home.data.join(name), &new)?;
    Ok(new)
}

/// The key, if it was made.
pub(crate) fn known(home: &Home, name: &str) -> Result<Option<Key>, Failure> {
    let path = home.data.join(name);
    let known = match std::fs::read(&path) {
        Ok(known) => known,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    Key::try_from(known).map(Some).map_err(|_| {
        let what = format!("`{}` is no key of {KEY_LENGTH} bytes", path.display());
        Failure::new(Exit::Failed, "YZ0541", what).help(
            "bring it back from a backup; with a new one, what was signed before does not count any more",
        )
    })
}

fn random() -> std::io::Result<Key> {
    let mut key = [0; KEY_LENGTH];
    let mut filled = 0;
    while let Some(rest) = key.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        filled += rustix::rand::getrandom(rest, rustix::rand::GetRandomFlags::empty())?;
    }
    Ok(key)
}
