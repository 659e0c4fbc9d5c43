//! Files that steps, forms and the API hand to each other: kept by the hash of their content, whole or not at all.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use yizhan_plugin_host::StoredFile;

#[derive(Clone, Debug)]
pub(crate) struct Artifacts {
    folder: PathBuf,
}

/// What the first who brought the content said of it. The content is what counts; this is only shown.
#[derive(Default, Serialize, Deserialize)]
struct About {
    name: String,
    #[serde(default)]
    media_type: String,
}

impl Artifacts {
    pub(crate) fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// Keeps the bytes and answers with their SHA-256 once they are on disk.
    pub(crate) fn put(&self, name: &str, media_type: &str, content: &[u8]) -> io::Result<StoredFile> {
        self.put_on((name, media_type), content, &sync)
    }

    fn put_on(
        &self,
        (name, media_type): (&str, &str),
        content: &[u8],
        sync: &dyn Fn(&Path) -> io::Result<()>,
    ) -> io::Result<StoredFile> {
        let sha256: String = Sha256::digest(content).iter().map(|byte| format!("{byte:02x}")).collect();
        let path = self.path(&sha256).ok_or_else(|| io::Error::other("a hash is a name"))?;
        if !path.exists() {
            let about = About { name: name.to_owned(), media_type: media_type.to_owned() };
            write_whole(&path.with_extension("json"), &serde_json::to_vec(&about)?)?;
            // Last: what can be found is whole.
            write_whole(&path, content)?;
        }
        // Another may have brought it a moment ago, and both its name and its folder's may not be on disk yet.
        path.parent().into_iter().chain([self.folder.as_path()]).try_for_each(sync)?;
        let (name, media_type) = (name.to_owned(), media_type.to_owned());
        Ok(StoredFile { artifact: sha256.clone(), name, media_type, bytes: content.len() as u64, sha256 })
    }

    /// A piece of a file; `None` where there is none of this hash.
    pub(crate) fn get(
        &self,
        sha256: &str,
        offset: u64,
        length: u64,
    ) -> io::Result<Option<(StoredFile, Vec<u8>)>> {
        let Some(path) = self.path(sha256) else { return Ok(None) };
        let mut file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let bytes = file.metadata()?.len();
        let about = fs::read(path.with_extension("json")).ok();
        let about: About = about.and_then(|about| serde_json::from_slice(&about).ok()).unwrap_or_default();
        file.seek(SeekFrom::Start(offset))?;
        let mut piece = Vec::new();
        file.take(length).read_to_end(&mut piece)?;
        let sha256 = sha256.to_owned();
        let About { name, media_type } = about;
        Ok(Some((StoredFile { artifact: sha256.clone(), name, media_type, bytes, sha256 }, piece)))
    }

    /// A file without a name, gone with whoever has it.
    pub(crate) fn scratch(&self) -> io::Result<File> {
        make(&self.folder)?;
        tempfile::tempfile_in(&self.folder)
    }

    fn path(&self, sha256: &str) -> Option<PathBuf> {
        let fits = sha256.len() == 64 && sha256.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        fits.then(|| self.folder.join(&sha256[..2]).join(sha256))
    }
}

impl yizhan_plugin_host::Artifacts for Artifacts {
    fn put(&self, name: &str, media_type: &str, content: &[u8]) -> io::Result<StoredFile> {
        Self::put(self, name, media_type, content)
    }

    fn get(&self, artifact: &str, offset: u64, length: u64) -> io::Result<Option<(StoredFile, Vec<u8>)>> {
        Self::get(self, artifact, offset, length)
    }
}

/// There after a power cut, or not there; never half. Replaces what is there.
pub(crate) fn write_whole(path: &Path, content: &[u8]) -> io::Result<()> {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let folder = path.parent().ok_or_else(|| io::Error::other("a file lies in a folder"))?;
    make(folder)?;
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.{}.new", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed)));
    let making = folder.join(name);
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&making)?;
    let written =
        file.write_all(content).and_then(|()| file.sync_all()).and_then(|()| fs::rename(&making, path));
    if written.is_err() {
        // What could not be made whole is of no use to anybody.
        drop(fs::remove_file(&making));
    }
    written.and_then(|()| sync(folder))
}

/// Makes a folder with those that it lies in. What is new is a name in the folder above, so that one is synced.
fn make(folder: &Path) -> io::Result<()> {
    let missing: Vec<&Path> = folder.ancestors().take_while(|folder| !folder.exists()).collect();
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let above = missing.into_iter().filter_map(Path::parent);
    above.map(|above| if above.as_os_str().is_empty() { Path::new(".") } else { above }).try_for_each(sync)
}

fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_content_is_kept_once_and_comes_back_in_pieces() {
        let folder = tempfile::tempdir().unwrap();
        let artifacts = Artifacts::new(folder.path().join("artifacts"));
        let first = artifacts.put("报告.txt", "text/plain", b"hello").unwrap();
        let again = artifacts.put("b.txt", "", b"hello").unwrap();
        // sha256 of "hello", worked out by sha256sum.
        assert_eq!(first.artifact, "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824");
        assert_eq!(again.artifact, first.artifact);
        let (about, piece) = artifacts.get(&first.artifact, 1, 3).unwrap().unwrap();
        assert_eq!((about.name.as_str(), about.bytes, piece.as_slice()), ("报告.txt", 5, &b"ell"[..]));
    }

    #[test]
    fn what_another_brought_a_moment_ago_is_kept_once_its_name_and_its_folders_are_on_disk() {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("artifacts");
        let artifacts = Artifacts::new(folder.clone());
        let synced = std::cell::RefCell::new(Vec::new());
        let noted = |folder: &Path| {
            synced.borrow_mut().push(folder.to_owned());
            Ok(())
        };
        for turn in ["the first", "another with the same content"] {
            synced.borrow_mut().clear();
            artifacts.put_on(("a.txt", ""), b"hello", &noted).unwrap();
            assert_eq!(*synced.borrow(), [folder.join("2c"), folder.clone()], "{turn}");
        }
        let fails = |_: &Path| Err(io::Error::other("the disk is gone"));
        artifacts.put_on(("a.txt", ""), b"hello", &fails).unwrap_err();
    }

    #[test]
    fn what_is_no_hash_is_nowhere() {
        let folder = tempfile::tempdir().unwrap();
        let artifacts = Artifacts::new(folder.path().to_owned());
        for name in ["", "../../etc/passwd", &"A".repeat(64), &"0".repeat(64)] {
            assert!(artifacts.get(name, 0, 9).unwrap().is_none(), "{name}");
        }
    }
}
