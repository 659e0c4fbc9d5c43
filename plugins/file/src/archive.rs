//! `file.archive`: a file or a folder becomes one sealed tar with the hashes of all that is in it.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufWriter, Read as _, Seek as _, Write as _};

use jiff::Timestamp;
use rustix::fs::{AtFlags, Dir, FileType, Mode, Stat, fsync, unlinkat};
use rustix::io::Errno;
use yizhan_plugin_api::prelude::*;
use yizhan_plugin_roots::{Folder, Put, Spot, fault, is_own_name, put};

use crate::digest::{Hashing, sha256_of};
use crate::history::forget;
use crate::write::yes;
use crate::{Files, go_on};

/// The first entry; `sha256sum -c` reads it.
const MANIFEST: &str = "MANIFEST.sha256";
const MANIFEST_MAX: u64 = 64 << 20;
const FILES_MAX: usize = 100_000;
const DEPTH_MAX: u32 = 64;
/// Nobody writes it any more, the group may read it.
const SEALED: Mode = Mode::from_raw_mode(0o440);

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Archive {
    /// The file or folder
    #[schemars(extend("format" = "path-below-root"))]
    from: String,
    /// Of the archive, without `.tar`; left out, the name of what is archived
    #[serde(default)]
    name: Option<String>,
    /// Left out, this year
    #[serde(default)]
    year: Option<i16>,
    /// The folder of the archive
    #[serde(default = "archive_folder")]
    #[schemars(extend("format" = "path-below-root"))]
    to: String,
    /// Takes the source away once the archive is verified
    #[serde(default = "yes")]
    remove: bool,
}

fn archive_folder() -> String {
    "archive".to_owned()
}

#[derive(Serialize, JsonSchema)]
pub(crate) struct Archived {
    path: String,
    name: String,
    bytes: u64,
    sha256: String,
    /// How many files are in it
    files: u64,
    /// Whether the source is gone
    removed: bool,
}

/// Path in the tar and hash of each file.
type Manifest = BTreeMap<String, String>;

pub(crate) fn archive(files: &Files, ctx: &Ctx, input: &Archive) -> Result<Archived> {
    let from = files.place(&input.from, "/from")?;
    let source = match from.spot() {
        Ok(spot) => spot.stat()?.map(|stat| (spot, FileType::from_raw_mode(stat.st_mode))),
        Err(error) if error.code == "file.not_found" => None,
        Err(error) => return Err(error),
    };
    let target = target(files, ctx, input, from.path())?;
    let held = source.as_ref().map(|(spot, kind)| Source::of(ctx, spot, *kind)).transpose()?;
    let mut archived = match (&held, target.stat()?) {
        (None, None) => return Err(fault(from.path(), Errno::NOENT).at("/from")),
        // Only what this very step took away may be gone: a mistyped `from` must not be answered with another's archive.
        (None, Some(_)) if taken_by(&target)? == ctx.key() => {
            Archived { removed: true, ..sealed(&target)?.0 }
        }
        (None, Some(_)) => return Err(fault(from.path(), Errno::NOENT).at("/from")),
        (Some(source), Some(_)) => {
            let (archived, manifest) = sealed(&target)?;
            // A killed attempt may have taken some of the files away already.
            if source.files.iter().any(|file| manifest.get(&file.name) != Some(&file.hash)) {
                return Err(
                    fault(target.path(), Errno::EXIST).help("choose another `name`: it holds other files")
                );
            }
            archived
        }
        (Some(source), None) => {
            seal(ctx, source, &target)?;
            sealed(&target)?.0
        }
    };
    if let (Some(source), true) = (&held, input.remove) {
        mark(ctx, &target)?;
        archived.removed = source.remove()?;
    }
    Ok(archived)
}

/// Says beside the archive whose attempts take its source away, before they do.
fn mark(ctx: &Ctx, target: &Spot) -> Result<()> {
    let spot = target.beside(&format!(".{}.yzkey", target.name))?;
    put(&spot, ctx.key(), Put::Replace, SEALED, |file| {
        file.write_all(ctx.key().as_bytes()).map_err(|error| fault(target.path(), error))
    })
}

fn taken_by(target: &Spot) -> Result<String> {
    let spot = target.beside(&format!(".{}.yzkey", target.name))?;
    if spot.stat()?.is_none() {
        return Ok(String::new());
    }
    let mut key = String::new();
    spot.read()?.take(256).read_to_string(&mut key).map_err(|error| fault(target.path(), error))?;
    Ok(key)
}

/// Where the archive is to be, its folders made.
fn target(files: &Files, ctx: &Ctx, input: &Archive, from: &str) -> Result<Spot> {
    let last = from.rsplit(['/', ':']).next().unwrap_or(from);
    let name = input.name.as_deref().unwrap_or(last);
    if name.contains('/') {
        return Err(Error::refused("file.bad_name", "name: the archive's name is one name, without folders")
            .at("/name")
            .help("write folders into `to`"));
    }
    let this_year =
        || Timestamp::try_from(ctx.began()).map(|now| now.to_zoned(files.timezone.clone()).year());
    let year = match input.year {
        Some(year) => year,
        None => this_year()?,
    };
    let place = files.place(&input.to, "/to")?;
    place.below(&format!("{year}/{name}.tar")).map_err(|error| error.at("/name"))?.spot_made()
}

/// What is to be archived, with the hash of each file.
struct Source {
    top: Spot,
    is_folder: bool,
    files: Vec<Held>,
}

struct Held {
    /// In the tar
    name: String,
    spot: Spot,
    hash: String,
    bytes: u64,
    modified: u64,
    seen: Seen,
}

/// What changes when somebody writes to a file or puts another in its place. Not the time of its last change, which
/// moves when another name of it goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Seen {
    inode: u64,
    size: i64,
    written: (i64, i64),
}

impl Seen {
    fn of(stat: &Stat) -> Self {
        let nanoseconds = i64::try_from(stat.st_mtime_nsec).unwrap_or_default();
        Self { inode: stat.st_ino, size: stat.st_size, written: (stat.st_mtime, nanoseconds) }
    }
}

impl Source {
    fn of(ctx: &Ctx, top: &Spot, kind: FileType) -> Result<Self> {
        let is_folder = kind == FileType::Directory;
        let mut source = Self { top: top.beside(&top.name)?, is_folder, files: Vec::new() };
        if is_folder {
            source.take_folder(ctx, &top.folder()?, &top.name, DEPTH_MAX)?;
        } else {
            source.take_file(top.beside(&top.name)?, top.name.clone())?;
        }
        source.files.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(source)
    }

    fn take_folder(&mut self, ctx: &Ctx, folder: &Folder, name: &str, depth: u32) -> Result<()> {
        let failed = |errno: Errno| fault(folder.path(), errno);
        for entry in Dir::read_from(folder).map_err(failed)? {
            go_on(ctx)?;
            let entry = entry.map_err(failed)?;
            let bytes = entry.file_name().to_bytes();
            let part = std::str::from_utf8(bytes).ok().filter(|part| !part.chars().any(char::is_control));
            let Some(part) = part else {
                let words = format!("`{}` holds a file whose name is not plain UTF-8", folder.path());
                return Err(Error::refused("file.bad_name", words).help("rename that file first"));
            };
            if matches!(part, "." | "..") || is_own_name(part) {
                continue;
            }
            let spot = folder.spot(part)?;
            let Some(stat) = spot.stat()? else { continue };
            let inner = format!("{name}/{part}");
            if FileType::from_raw_mode(stat.st_mode) == FileType::Directory {
                if depth == 0 {
                    return Err(Error::refused(
                        "file.too_deep",
                        format!("`{}` is too deep a folder", spot.path()),
                    ));
                }
                self.take_folder(ctx, &spot.folder()?, &inner, depth - 1)?;
            } else {
                self.take_file(spot, inner)?;
            }
        }
        Ok(())
    }

    /// A link is refused: what it leads to is not part of the tree.
    fn take_file(&mut self, spot: Spot, name: String) -> Result<()> {
        if self.files.len() >= FILES_MAX {
            let words = format!("`{}` holds more than {FILES_MAX} files", self.top.path());
            return Err(Error::refused("file.too_many", words).help("archive its folders one by one"));
        }
        let file = spot.read()?;
        // Before it is read: what is written from here on shows.
        let stat = spot.stat()?.ok_or_else(|| fault(spot.path(), Errno::NOENT))?;
        let (hash, bytes) = sha256_of(file).map_err(|error| fault(spot.path(), error))?;
        let modified = u64::try_from(stat.st_mtime).unwrap_or_default();
        self.files.push(Held { name, spot, hash, bytes, modified, seen: Seen::of(&stat) });
        Ok(())
    }

    fn manifest(&self) -> String {
        self.files.iter().map(|file| format!("{}  {}\n", file.hash, file.name)).collect()
    }

    /// Takes away exactly what was archived; `false` when something else is in the folder and stays.
    fn remove(&self) -> Result<bool> {
        let unsure = |error: Error| error.happened(Happened::Maybe);
        for file in &self.files {
            // Sealing a large tree takes its time, and somebody may have gone on writing.
            if file.spot.stat().map_err(unsure)?.is_some_and(|now| Seen::of(&now) != file.seen) {
                let words = format!("`{}` was written to after it was archived; it stays", file.spot.path());
                let changed = Error::refused("file.changed", words)
                    .help("look at the file; archive what is left under another `name`");
                return Err(unsure(changed));
            }
            forget(&file.spot).map_err(unsure)?;
            unlink(&file.spot, AtFlags::empty()).map_err(unsure)?;
        }
        let emptied = !self.is_folder || remove_empty(&self.top, DEPTH_MAX).map_err(unsure)?;
        if !emptied {
            tracing::warn!(path = self.top.path(), "files came in while the folder was archived; they stay");
        }
        fsync(&self.top.folder).map_err(|errno| unsure(fault(self.top.path(), errno)))?;
        Ok(emptied)
    }
}

fn unlink(spot: &Spot, flags: AtFlags) -> Result<()> {
    match unlinkat(&spot.folder, spot.name.as_str(), flags) {
        Ok(()) | Err(Errno::NOENT) => Ok(()),
        Err(errno) => Err(fault(spot.path(), errno)),
    }
}

/// Whether the folder is gone: only empty ones go.
fn remove_empty(spot: &Spot, depth: u32) -> Result<bool> {
    let Some(stat) = spot.stat()? else { return Ok(true) };
    if depth == 0 || FileType::from_raw_mode(stat.st_mode) != FileType::Directory {
        return Ok(false);
    }
    let folder = spot.folder()?;
    let mut is_empty = true;
    for entry in Dir::read_from(&folder).map_err(|errno| fault(spot.path(), errno))? {
        let entry = entry.map_err(|errno| fault(spot.path(), errno))?;
        match std::str::from_utf8(entry.file_name().to_bytes()) {
            Ok("." | "..") => {}
            Ok(name) if is_own_name(name) => unlink(&folder.spot(name)?, AtFlags::empty())?,
            Ok(name) => is_empty &= remove_empty(&folder.spot(name)?, depth - 1)?,
            Err(_) => is_empty = false,
        }
    }
    if is_empty {
        unlink(spot, AtFlags::REMOVEDIR)?;
    }
    Ok(is_empty)
}

/// Writes the tar, reads it back, and only then gives it its name.
fn seal(ctx: &Ctx, source: &Source, target: &Spot) -> Result<()> {
    put(target, ctx.key(), Put::Create, SEALED, |file| {
        write_tar(ctx, source, file, target)?;
        file.rewind().map_err(|error| fault(target.path(), error))?;
        let manifest = verify(file, target)?;
        if manifest.len() == source.files.len() {
            Ok(())
        } else {
            Err(damaged(target, "files are missing in it"))
        }
    })
}

/// The same files give the same bytes: sorted, nobody's, with their own times.
fn write_tar(ctx: &Ctx, source: &Source, file: &mut File, target: &Spot) -> Result<()> {
    let failed = |error: io::Error| fault(target.path(), error);
    let mut tar = tar::Builder::new(BufWriter::new(file));
    let manifest = source.manifest();
    let newest = source.files.iter().map(|file| file.modified).max().unwrap_or_default();
    tar.append_data(&mut header(manifest.len() as u64, newest), MANIFEST, manifest.as_bytes())
        .map_err(failed)?;
    for held in &source.files {
        go_on(ctx)?;
        let mut reader = Hashing::new(held.spot.read()?.take(held.bytes));
        tar.append_data(&mut header(held.bytes, held.modified), &held.name, &mut reader).map_err(failed)?;
        if reader.end() != (held.hash.clone(), held.bytes) {
            let words = format!("`{}` was written to while it was archived", held.spot.path());
            return Err(Error::refused("file.changed", words).retry());
        }
    }
    tar.into_inner().and_then(|mut out| out.flush()).map_err(failed)
}

fn header(bytes: u64, modified: u64) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.set_size(bytes);
    header.set_mode(0o440);
    header.set_mtime(modified);
    header
}

/// What is in a sealed archive; every file of it is read.
fn sealed(target: &Spot) -> Result<(Archived, Manifest)> {
    let failed = |error: io::Error| fault(target.path(), error);
    let mut file = target.read()?;
    let (sha256, bytes) = sha256_of(&mut file).map_err(failed)?;
    file.rewind().map_err(failed)?;
    let manifest = verify(&mut file, target)?;
    let archived = Archived {
        path: target.path().to_owned(),
        name: target.name.clone(),
        bytes,
        sha256,
        files: manifest.len() as u64,
        removed: false,
    };
    Ok((archived, manifest))
}

fn verify(file: &mut File, target: &Spot) -> Result<Manifest> {
    let failed = |error: io::Error| damaged(target, &error.to_string());
    let mut tar = tar::Archive::new(io::BufReader::new(file));
    let mut entries = tar.entries().map_err(failed)?;
    let first = entries.next().ok_or_else(|| damaged(target, "it is empty"))?.map_err(failed)?;
    if first.path_bytes().as_ref() != MANIFEST.as_bytes() {
        return Err(damaged(target, "it does not begin with its list of hashes"));
    }
    let mut text = String::new();
    first.take(MANIFEST_MAX).read_to_string(&mut text).map_err(failed)?;
    let listed: Manifest = text
        .lines()
        .filter_map(|line| line.split_once("  "))
        .map(|(hash, name)| (name.to_owned(), hash.to_owned()))
        .collect();
    let mut found = Manifest::new();
    for entry in entries {
        let entry = entry.map_err(failed)?;
        let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        let (hash, _) = sha256_of(entry).map_err(failed)?;
        found.insert(name, hash);
    }
    if found == listed { Ok(found) } else { Err(damaged(target, "its files and its list of hashes differ")) }
}

fn damaged(target: &Spot, why: &str) -> Error {
    Error::refused("file.damaged", format!("`{}` is not a whole archive: {why}", target.path()))
        .help("move it out of the way and archive again; nothing was taken away")
}

#[cfg(test)]
mod tests {
    use yizhan_plugin_roots::{RootFolders, Roots};

    use super::*;

    #[test]
    fn a_file_that_is_written_to_while_it_is_sealed_is_not_taken_away() {
        let home = tempfile::tempdir().unwrap();
        let (kept, gone) = (home.path().join("kept.txt"), home.path().join("gone.txt"));
        let folders = vec![("files".to_owned(), home.path().to_str().unwrap().to_owned())];
        let roots = Roots::open(&RootFolders(folders)).unwrap();
        let spot = |name: &str| roots.place(name).unwrap().spot().unwrap();
        for path in [&kept, &gone] {
            std::fs::write(path, "as it was archived").unwrap();
        }
        let mut source = Source { top: spot("kept.txt"), is_folder: false, files: Vec::new() };
        source.take_file(spot("gone.txt"), "gone.txt".to_owned()).unwrap();
        source.take_file(spot("kept.txt"), "kept.txt".to_owned()).unwrap();
        // As long as before, and put in its place whole, as editors do.
        let other = home.path().join("other.txt");
        std::fs::write(&other, "as it was changed!").unwrap();
        std::fs::rename(&other, &kept).unwrap();
        let error = source.remove().unwrap_err();
        assert_eq!((error.code.as_str(), error.retry), ("file.changed", false));
        assert_eq!(std::fs::read_to_string(&kept).unwrap(), "as it was changed!");
        assert!(!gone.exists());
    }
}
