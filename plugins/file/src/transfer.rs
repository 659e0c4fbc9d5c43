//! `file.copy` and `file.move`: from one place below the roots to another.

use std::io;

use rustix::fs::{AtFlags, FileType, RenameFlags, fsync, renameat, renameat_with, unlinkat};
use rustix::io::Errno;
use yizhan_plugin_api::prelude::*;
use yizhan_plugin_roots::{Put, Spot, fault, put};

use crate::Files;
use crate::digest::{Hashing, sha256_of};
use crate::write::{FILE_MODE, holds};

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Copy {
    #[schemars(extend("format" = "path-below-root"))]
    from: String,
    #[schemars(extend("format" = "path-below-root"))]
    to: String,
    /// Takes the place of another file that is there
    #[serde(default)]
    replace: bool,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Move {
    #[schemars(extend("format" = "path-below-root"))]
    from: String,
    #[schemars(extend("format" = "path-below-root"))]
    to: String,
    /// Takes the place of another file that is there
    #[serde(default)]
    replace: bool,
    /// What the file must be; for a file that an earlier attempt has moved, too
    #[serde(default)]
    sha256: Option<String>,
}

#[derive(Serialize, JsonSchema)]
pub(crate) struct Transferred {
    path: String,
    name: String,
    from: String,
    /// Empty for a folder
    sha256: String,
}

pub(crate) fn copy(files: &Files, ctx: &Ctx, input: &Copy) -> Result<Transferred> {
    let (from, to) = (files.place(&input.from, "/from")?, files.place(&input.to, "/to")?);
    let source = from.spot()?;
    let target = to.spot_made()?;
    let sha256 = copy_file(ctx, &source, &target, input.replace)?;
    Ok(Transferred { path: to.path().to_owned(), name: target.name, from: from.path().to_owned(), sha256 })
}

/// Gives the hash of what is now in the target.
fn copy_file(ctx: &Ctx, source: &Spot, target: &Spot, replace: bool) -> Result<String> {
    let mut reader = Hashing::new(source.read()?);
    let how = if replace { Put::Replace } else { Put::Create };
    let copied = put(target, ctx.key(), how, FILE_MODE, |file| {
        io::copy(&mut reader, file).map_err(|error| fault(target.path(), error))
    });
    match copied {
        Ok(_) => Ok(reader.end().0),
        // An earlier attempt may have done it and not lived to say so.
        Err(error) if error.code == "file.exists" => {
            let expected = hash(source)?;
            if holds(target, &expected)? { Ok(expected) } else { Err(error) }
        }
        Err(error) => Err(error),
    }
}

pub(crate) fn move_there(files: &Files, ctx: &Ctx, input: &Move) -> Result<Transferred> {
    let (from, to) = (files.place(&input.from, "/from")?, files.place(&input.to, "/to")?);
    let source = match from.spot() {
        Ok(spot) => spot.stat()?.map(|stat| (spot, FileType::from_raw_mode(stat.st_mode))),
        // The folder it was in has gone as well.
        Err(error) if error.code == "file.not_found" => None,
        Err(error) => return Err(error),
    };
    let target = to.spot_made()?;
    let sha256 = match source {
        None => moved_before(&target, from.path(), input)?,
        Some((source, FileType::Directory)) => {
            give_name(&source, &target, false)?;
            String::new()
        }
        Some((source, _)) => {
            let found = hash(&source)?;
            check(&found, input, from.path())?;
            move_file(ctx, &source, &target, input.replace, &found)?;
            found
        }
    };
    Ok(Transferred { path: to.path().to_owned(), name: target.name, from: from.path().to_owned(), sha256 })
}

fn moved_before(target: &Spot, from: &str, input: &Move) -> Result<String> {
    let there = target.stat()?.ok_or_else(|| fault(from, Errno::NOENT).at("/from"))?;
    if FileType::from_raw_mode(there.st_mode) == FileType::Directory {
        return Ok(String::new());
    }
    let found = hash(target)?;
    check(&found, input, target.path())?;
    Ok(found)
}

fn move_file(ctx: &Ctx, source: &Spot, target: &Spot, replace: bool, found: &str) -> Result<()> {
    let moved = match give_name(source, target, replace) {
        // Another disk: a durable copy first, only then is the source taken away.
        Err(Fault::OtherDisk) => {
            copy_file(ctx, source, target, replace)?;
            remove(source)
        }
        Err(Fault::Other(error)) => Err(error),
        Ok(()) => Ok(()),
    };
    match moved {
        // An earlier attempt copied it and did not live to take the source away.
        Err(error) if error.code == "file.exists" && holds(target, found)? => remove(source),
        end => end,
    }
}

enum Fault {
    OtherDisk,
    Other(Error),
}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::OtherDisk => Self::refused("file.other_disk", "a folder cannot be moved to another disk")
                .help("move its files one by one, with `each` over `file.list`"),
            Fault::Other(error) => error,
        }
    }
}

fn give_name(source: &Spot, target: &Spot, replace: bool) -> Result<(), Fault> {
    let (from, to) = (source.name.as_str(), target.name.as_str());
    let renamed = if replace {
        renameat(&source.folder, from, &target.folder, to)
    } else {
        renameat_with(&source.folder, from, &target.folder, to, RenameFlags::NOREPLACE)
    };
    match renamed {
        Ok(()) => {}
        Err(Errno::XDEV) => return Err(Fault::OtherDisk),
        // A folder cannot be moved into itself.
        Err(Errno::INVAL) => return Err(Fault::Other(into_itself(source, target))),
        Err(errno) => return Err(Fault::Other(fault(target.path(), errno))),
    }
    let synced = fsync(&target.folder).and_then(|()| fsync(&source.folder));
    synced.map_err(|errno| Fault::Other(fault(target.path(), errno).happened(Happened::Maybe)))
}

fn into_itself(source: &Spot, target: &Spot) -> Error {
    let words = format!("`{}` cannot be moved to `{}`, which is in it", source.path(), target.path());
    Error::refused("file.into_itself", words).at("/to")
}

fn remove(source: &Spot) -> Result<()> {
    unlinkat(&source.folder, source.name.as_str(), AtFlags::empty())
        .and_then(|()| fsync(&source.folder))
        .map_err(|errno| fault(source.path(), errno).happened(Happened::Maybe))
}

fn hash(spot: &Spot) -> Result<String> {
    Ok(sha256_of(spot.read()?).map_err(|error| fault(spot.path(), error))?.0)
}

fn check(found: &str, input: &Move, path: &str) -> Result<()> {
    match &input.sha256 {
        Some(expected) if !expected.eq_ignore_ascii_case(found) => Err(Error::refused(
            "file.changed",
            format!("`{path}` is not what it should be: its hash differs"),
        )
        .at("/sha256")
        .help("look at the file; it was written to since the hash was taken")),
        Some(_) | None => Ok(()),
    }
}
