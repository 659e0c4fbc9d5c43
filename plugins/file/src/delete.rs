//! `file.delete`: a file, or a folder with all that is in it.

use rustix::fs::{AtFlags, Dir, FileType, unlinkat};
use rustix::io::Errno;
use yizhan_plugin_api::prelude::*;
use yizhan_plugin_roots::{Spot, fault};

use crate::history::forget;
use crate::{Files, go_on};

/// Deeper than any tree that people make.
const DEPTH_MAX: u32 = 128;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Delete {
    #[schemars(extend("format" = "path-below-root"))]
    path: String,
    /// A folder goes with all that is in it
    #[serde(default)]
    recursive: bool,
}

#[derive(Serialize, JsonSchema)]
pub(crate) struct Deleted {
    path: String,
    /// How many files were deleted now; 0 when there was nothing left to do
    files: u64,
}

pub(crate) fn delete(files: &Files, ctx: &Ctx, input: &Delete) -> Result<Deleted> {
    let place = files.place(&input.path, "/path")?;
    let mut count = 0;
    match place.spot() {
        Ok(spot) => {
            remove(ctx, &spot, input.recursive, DEPTH_MAX, &mut count)?;
            spot.sync_folder().map_err(|error| error.happened(Happened::Maybe))?;
        }
        // The folder it was in has gone as well.
        Err(error) if error.code == "file.not_found" => {}
        Err(error) => return Err(error),
    }
    Ok(Deleted { path: place.path().to_owned(), files: count })
}

/// A link is deleted, not what it leads to.
fn remove(ctx: &Ctx, spot: &Spot, recursive: bool, depth: u32, count: &mut u64) -> Result<()> {
    let Some(stat) = spot.stat()? else { return Ok(()) };
    let failed = |errno: Errno| fault(spot.path(), errno);
    if FileType::from_raw_mode(stat.st_mode) != FileType::Directory {
        forget(spot)?;
        gone(unlinkat(&spot.folder, spot.name.as_str(), AtFlags::empty())).map_err(failed)?;
        *count += 1;
        return Ok(());
    }
    if !recursive {
        return Err(failed(Errno::ISDIR).at("/path"));
    }
    if depth == 0 {
        return Err(Error::refused("file.too_deep", format!("`{}` is too deep a folder", spot.path())));
    }
    let folder = spot.folder()?;
    for entry in Dir::read_from(&folder).map_err(failed)? {
        go_on(ctx)?;
        let entry = entry.map_err(failed)?;
        let name = entry.file_name().to_bytes();
        if matches!(name, b"." | b"..") {
            continue;
        }
        match std::str::from_utf8(name) {
            Ok(name) => remove(ctx, &folder.spot(name)?, true, depth - 1, count)?,
            // A name of an older system; it is a plain file or stays in the way.
            Err(_) => gone(unlinkat(&folder, entry.file_name(), AtFlags::empty())).map_err(failed)?,
        }
    }
    gone(unlinkat(&spot.folder, spot.name.as_str(), AtFlags::REMOVEDIR)).map_err(failed)
}

/// Somebody else may have been quicker.
fn gone(end: Result<(), Errno>) -> Result<(), Errno> {
    match end {
        Err(Errno::NOENT) => Ok(()),
        end => end,
    }
}
