//! What makes the links in mails.

use yizhan_engine::link::Links;

use crate::config::Config;
use crate::exit::Failure;
use crate::home::Home;
use crate::keys;

/// Nothing where the settings do not say under which address people find us.
pub(super) fn of(home: &Home, config: &Config) -> Result<Option<Links>, Failure> {
    if config.url.is_empty() {
        return Ok(None);
    }
    Ok(Some(Links::new(&config.url, keys::made(home, keys::LINKS)?, config.tell.links.ms)))
}
