//! The transport `folder`: each mail is a file, for places without a mail server and for trying things out.

use std::io::Write as _;

use rustix::fs::Mode;
use yizhan_plugin_api::prelude::*;
use yizhan_plugin_roots::{Put, RootFolders, Roots, fault, put};

use crate::settings::{Config, invalid};

const MODE: Mode = Mode::from_raw_mode(0o640);

pub(crate) struct Folder(Roots);

impl Folder {
    pub(crate) fn open(config: &Config) -> Result<Self> {
        let folder = config.folder.clone().ok_or_else(|| {
            invalid("folder", "mails go into a folder, and none is set")
                .help("set `folder`, or `host` to send by a mail server")
        })?;
        let roots = Roots::open(&RootFolders(vec![("folder".to_owned(), folder)]));
        Ok(Self(roots.map_err(|mut error| {
            error.message = error.message.replace("config.roots.folder", "config.folder");
            error.at("/folder")
        })?))
    }

    /// Named by the key, so that a second attempt puts the same file in the same place.
    pub(crate) async fn keep(&self, key: &str, bytes: Vec<u8>) -> Result<String> {
        let name = format!("{key}.eml");
        let place = self.0.place(&name)?;
        let key = key.to_owned();
        let kept = tokio::task::spawn_blocking(move || {
            let spot = place.spot()?;
            put(&spot, &key, Put::Replace, MODE, |file| {
                file.write_all(&bytes).map_err(|error| fault(spot.path(), error))
            })
        });
        kept.await??;
        Ok(name)
    }
}
