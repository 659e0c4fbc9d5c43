//! Puts a whole file in its place: readers see the old one or the new one, also after a power loss.

use std::fs::File;

use rustix::fs::{
    AtFlags, FileType, Mode, OFlags, RenameFlags, fchmod, fsync, renameat, renameat_with, unlinkat,
};
use rustix::io::Errno;
use yizhan_plugin_api::prelude::{Error, Happened, Result};

use crate::fault::fault;
use crate::place::Spot;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Put {
    /// Never over a file that is there.
    Create,
    Replace,
}

/// Fills a new file beside the place, makes it durable, gives it its mode and then its name.
///
/// The new file is named by the call's key, so a second attempt takes over what a killed one left behind.
pub fn put<T>(
    spot: &Spot,
    key: &str,
    how: Put,
    mode: Mode,
    fill: impl FnOnce(&mut File) -> Result<T>,
) -> Result<T> {
    if let Some(there) = spot.stat()? {
        let kind = FileType::from_raw_mode(there.st_mode);
        if kind == FileType::Directory {
            return Err(fault(spot.path(), Errno::ISDIR));
        }
        if kind == FileType::Symlink {
            return Err(fault(spot.path(), Errno::LOOP));
        }
        if how == Put::Create {
            return Err(fault(spot.path(), Errno::EXIST));
        }
    }
    let key: String = key.chars().filter(char::is_ascii_alphanumeric).take(64).collect();
    let new = spot.beside(&format!(".{key}.yztmp"))?;
    let filled = fill_new(&new, mode, fill);
    let filled = filled.map_err(|error| renamed(error, &new, spot));
    let named = filled.and_then(|done| give_name(&new, spot, how).map(|()| done));
    if named.is_err() {
        // Best effort: what is left is taken over by the next attempt.
        unlinkat(&new.folder, new.name.as_str(), AtFlags::empty()).unwrap_or_default();
    }
    named
}

fn fill_new<T>(new: &Spot, mode: Mode, fill: impl FnOnce(&mut File) -> Result<T>) -> Result<T> {
    match unlinkat(&new.folder, new.name.as_str(), AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => {}
        Err(errno) => return Err(fault(new.path(), errno)),
    }
    let mut file = new.open(OFlags::RDWR | OFlags::CREATE | OFlags::EXCL, Mode::RUSR | Mode::WUSR)?;
    let done = fill(&mut file)?;
    fchmod(&file, mode).map_err(|errno| fault(new.path(), errno))?;
    fsync(&file).map_err(|errno| fault(new.path(), errno))?;
    Ok(done)
}

fn give_name(new: &Spot, spot: &Spot, how: Put) -> Result<()> {
    let failed = |errno: Errno| fault(spot.path(), errno);
    let (from, to) = (new.name.as_str(), spot.name.as_str());
    match how {
        Put::Replace => renameat(&new.folder, from, &spot.folder, to).map_err(failed)?,
        Put::Create => match renameat_with(&new.folder, from, &spot.folder, to, RenameFlags::NOREPLACE) {
            // File systems without it: a second name that must not exist, then away with the first.
            Err(Errno::INVAL | Errno::NOSYS) => {
                rustix::fs::linkat(&new.folder, from, &spot.folder, to, AtFlags::empty()).map_err(failed)?;
                unlinkat(&new.folder, from, AtFlags::empty()).map_err(failed)?;
            }
            end => end.map_err(failed)?,
        },
    }
    spot.sync_folder().map_err(|error| error.happened(Happened::Maybe))
}

/// The reader knows the place, not the passing name.
fn renamed(mut error: Error, new: &Spot, spot: &Spot) -> Error {
    error.message = error.message.replace(new.path(), spot.path());
    error
}
