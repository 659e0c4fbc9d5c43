//! The key with which the links in mails are signed. It stays in the data folder: whoever has it can answer for anybody.

use std::io::ErrorKind;

use yizhan_engine::link::{KEY_LENGTH, Links};

use crate::artifacts::write_whole;
use crate::config::Config;
use crate::exit::{Exit, Failure};
use crate::home::Home;

/// Nothing where the settings do not say under which address people find us.
pub(super) fn of(home: &Home, config: &Config) -> Result<Option<Links>, Failure> {
    if config.url.is_empty() {
        return Ok(None);
    }
    Ok(Some(Links::new(&config.url, key(home)?, config.tell.links.ms)))
}

/// Made once. Another key would make void what is in people's mailboxes.
fn key(home: &Home) -> Result<[u8; KEY_LENGTH], Failure> {
    let path = home.data.join("links.key");
    let known = match std::fs::read(&path) {
        Ok(known) => known,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let new = random()?;
            write_whole(&path, &new)?;
            new.to_vec()
        }
        Err(error) => return Err(error.into()),
    };
    <[u8; KEY_LENGTH]>::try_from(known).map_err(|_| {
        let what = format!("`{}` is no key of {KEY_LENGTH} bytes", path.display());
        Failure::new(Exit::Failed, "YZ0525", what)
            .help("take it away: a new one is made, and links that were sent before are void")
    })
}

fn random() -> std::io::Result<[u8; KEY_LENGTH]> {
    let mut key = [0; KEY_LENGTH];
    let mut filled = 0;
    while let Some(rest) = key.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        filled += rustix::rand::getrandom(rest, rustix::rand::GetRandomFlags::empty())?;
    }
    Ok(key)
}
