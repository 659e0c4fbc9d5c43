//! Files that steps hand to each other by id.

use std::fs::{self, File};
use std::io::{ErrorKind, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// What is known of a stored file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredFile {
    /// Its id.
    pub artifact: String,
    pub name: String,
    #[serde(default)]
    pub media_type: String,
    pub bytes: u64,
    pub sha256: String,
}

/// May block; called on a thread for that.
pub trait Artifacts: Send + Sync {
    /// Stores a file durably. The same content under the same name may get the same id.
    fn put(&self, name: &str, media_type: &str, content: &[u8]) -> std::io::Result<StoredFile>;

    /// A piece of a file; `None` when there is none of this id.
    fn get(&self, artifact: &str, offset: u64, length: u64)
    -> std::io::Result<Option<(StoredFile, Vec<u8>)>>;
}

/// Two files for each: the content, and what is known of it. The id is a hash of both, so storing twice is harmless.
#[derive(Clone, Debug)]
pub struct FolderArtifacts {
    pub folder: PathBuf,
}

impl FolderArtifacts {
    fn path(&self, artifact: &str) -> Option<PathBuf> {
        let fits = artifact.len() == 64 && artifact.bytes().all(|byte| byte.is_ascii_hexdigit());
        fits.then(|| self.folder.join(&artifact[..2]).join(artifact))
    }
}

impl Artifacts for FolderArtifacts {
    fn put(&self, name: &str, media_type: &str, content: &[u8]) -> std::io::Result<StoredFile> {
        let sha256 = hex(&Sha256::digest(content));
        let mut id = Sha256::new();
        // The lengths keep two neighbours from being taken for another two.
        for part in [name.as_bytes(), media_type.as_bytes(), content] {
            id.update(part.len().to_le_bytes());
            id.update(part);
        }
        let artifact = hex(&id.finalize());
        let stored = StoredFile {
            artifact: artifact.clone(),
            name: name.to_owned(),
            media_type: media_type.to_owned(),
            bytes: content.len() as u64,
            sha256,
        };
        let path = self.path(&artifact).ok_or_else(|| std::io::Error::other("not an id"))?;
        let about = path.with_extension("json");
        if !about.exists() {
            write_durably(&path, content)?;
            // Last: a file that is known of is whole.
            write_durably(&about, &serde_json::to_vec(&stored)?)?;
        }
        Ok(stored)
    }

    fn get(
        &self,
        artifact: &str,
        offset: u64,
        length: u64,
    ) -> std::io::Result<Option<(StoredFile, Vec<u8>)>> {
        let Some(path) = self.path(artifact) else { return Ok(None) };
        let about = match fs::read(path.with_extension("json")) {
            Ok(about) => about,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let mut file = File::open(&path)?;
        file.seek(SeekFrom::Start(offset))?;
        let mut piece = Vec::new();
        file.take(length).read_to_end(&mut piece)?;
        Ok(Some((serde_json::from_slice(&about)?, piece)))
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// There after a power cut, or not there; never half.
fn write_durably(path: &Path, content: &[u8]) -> std::io::Result<()> {
    let folder = path.parent().ok_or_else(|| std::io::Error::other("no folder"))?;
    fs::create_dir_all(folder)?;
    static NEXT: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
    let next = NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or("artifact");
    let temporary = folder.join(format!(".{name}.{}.{next}", std::process::id()));
    let mut file = File::create(&temporary)?;
    file.write_all(content)?;
    file.sync_all()?;
    fs::rename(&temporary, path)?;
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stored_file_comes_back_whole_and_in_pieces() {
        let home = tempfile::tempdir().unwrap();
        let artifacts = FolderArtifacts { folder: home.path().join("artifacts") };
        let stored = artifacts.put("报告.txt", "text/plain", b"hello world").unwrap();
        assert_eq!((stored.bytes, stored.name.as_str()), (11, "报告.txt"));
        assert_eq!(artifacts.put("报告.txt", "text/plain", b"hello world").unwrap(), stored, "twice is once");
        assert_ne!(artifacts.put("b.txt", "text/plain", b"hello world").unwrap().artifact, stored.artifact);
        let (about, piece) = artifacts.get(&stored.artifact, 6, 3).unwrap().unwrap();
        assert_eq!((about, piece), (stored, b"wor".to_vec()));
        assert_eq!(artifacts.get("../../etc/passwd", 0, 9).unwrap(), None);
    }
}
