//! Makes a home of a backup: whole or not at all.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, BufReader, Read as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use zip::ZipArchive;

use super::{ABOUT, About, FORMAT, Progress, not_whole};
use crate::exit::{Exit, Failure};

type Archive = ZipArchive<BufReader<File>>;

/// What a backup says of itself may not be longer.
const ABOUT_MOST: u64 = 64 << 20;

/// Reads all of it, and writes nothing.
pub(crate) fn look(file: &Path, tell: &mut dyn FnMut(Progress)) -> Result<About, Failure> {
    let (mut archive, about) = open(file)?;
    each(file, &mut archive, tell, |_, entry| io::copy(entry, &mut io::sink()))?;
    Ok(about)
}

/// Makes the folder `home`, which is not there or empty.
pub(crate) fn unpack(file: &Path, home: &Path, tell: &mut dyn FnMut(Progress)) -> Result<About, Failure> {
    let home = std::path::absolute(home)?;
    if home.exists() && (!home.is_dir() || home.read_dir()?.next().is_some()) {
        let said = format!("`{}` is not empty", home.display());
        return Err(Failure::new(Exit::Failed, "YZ0545", said)
            .help("name a folder that is not there yet: what is there stays as it is"));
    }
    let (mut archive, about) = open(file)?;
    let parent = home.parent().unwrap_or(Path::new("/"));
    DirBuilder::new().recursive(true).create(parent)?;
    // Beside it first: half a home would start as if nothing were missing. Dropped, it goes away.
    let making = tempfile::Builder::new().prefix(".yizhan-restore-").tempdir_in(parent)?;
    let root = making.path().join("home");
    folder(&root)?;
    each(file, &mut archive, tell, |name, entry| {
        if name == Path::new(ABOUT) { Ok(0) } else { put(&root.join(name), entry) }
    })?;
    std::fs::rename(&root, &home)?;
    File::open(parent)?.sync_all()?;
    Ok(about)
}

fn open(file: &Path) -> Result<(Archive, About), Failure> {
    let opened = File::open(file)?;
    let mut archive = ZipArchive::new(BufReader::new(opened)).map_err(|why| not_whole(file, why))?;
    let mut text = String::new();
    let read = archive.by_name(ABOUT).map_err(io::Error::from);
    read.and_then(|about| about.take(ABOUT_MOST).read_to_string(&mut text))
        .map_err(|why| not_whole(file, why))?;
    let about: About = serde_json::from_str(&text).map_err(|why| not_whole(file, why))?;
    if about.format > FORMAT {
        let why = format!("it was written by version {}, which is newer", about.version);
        return Err(not_whole(file, why).help("restore it with that version or a later one"));
    }
    Ok((archive, about))
}

/// Every file of it, by its name; what was read must add up.
fn each(
    file: &Path,
    archive: &mut Archive,
    tell: &mut dyn FnMut(Progress),
    mut take: impl FnMut(&Path, &mut zip::read::ZipFile<'_, BufReader<File>>) -> io::Result<u64>,
) -> Result<(), Failure> {
    let (mut files, mut bytes) = (0, 0);
    for place in 0..archive.len() {
        let mut entry = archive.by_index(place).map_err(|why| not_whole(file, why))?;
        // A name that leads elsewhere is none that we wrote.
        let name: PathBuf =
            entry.enclosed_name().ok_or_else(|| not_whole(file, "a name in it leads out of the home"))?;
        bytes +=
            take(&name, &mut entry).map_err(|why| not_whole(file, format!("`{}`: {why}", name.display())))?;
        files += u64::from(!entry.is_dir());
        tell(Progress::Files { files, bytes });
    }
    Ok(())
}

fn put(path: &Path, entry: &mut zip::read::ZipFile<'_, BufReader<File>>) -> io::Result<u64> {
    if entry.is_dir() {
        return folder(path).map(|()| 0);
    }
    path.parent().map_or(Ok(()), folder)?;
    let mode = entry.unix_mode().unwrap_or(0o600) & 0o777;
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?;
    let bytes = io::copy(entry, &mut file)?;
    file.sync_all()?;
    Ok(bytes)
}

/// What is in a home is its owner's alone.
fn folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}
