//! Secrets: a file each, from systemd's credentials or the home's own folder; read when they are needed.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

/// No password, key or token is larger; a file that is was named by mistake.
const MOST: u64 = 64 * 1024;

/// Where secrets are looked for, in this order.
#[derive(Clone, Debug)]
pub(crate) struct Secrets {
    folders: Vec<PathBuf>,
}

impl Secrets {
    pub(crate) fn of(own: PathBuf) -> Self {
        let credentials = std::env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from);
        Self { folders: credentials.into_iter().chain([own]).collect() }
    }

    pub(crate) fn get(&self, name: &str) -> Option<Zeroizing<Vec<u8>>> {
        if !is_name(name) {
            return None;
        }
        self.folders.iter().find_map(|folder| read(&folder.join(name)))
    }

    /// What a person should know: files that others may read.
    pub(crate) fn too_open(&self) -> Vec<PathBuf> {
        let Some(own) = self.folders.last() else { return Vec::new() };
        let files = std::fs::read_dir(own).into_iter().flatten().flatten().map(|entry| entry.path());
        std::iter::once(own.clone())
            .chain(files)
            .filter(|path| std::fs::metadata(path).is_ok_and(|at| at.permissions().mode() & 0o077 != 0))
            .collect()
    }
}

impl yizhan_plugin_host::Secrets for Secrets {
    fn get(&self, name: &str) -> std::io::Result<Option<String>> {
        let Some(bytes) = Self::get(self, name) else { return Ok(None) };
        let text = std::str::from_utf8(&bytes).map_err(|_| std::io::Error::other("the secret is no text"))?;
        Ok(Some(text.to_owned()))
    }
}

/// A secret's name is a file's name and nothing else.
fn is_name(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with('.')
        && name.len() <= 128
        && name.chars().all(|c| c.is_alphanumeric() || matches!(c, '-' | '_' | '.'))
}

fn read(path: &Path) -> Option<Zeroizing<Vec<u8>>> {
    let size = std::fs::metadata(path).ok()?.len();
    if size > MOST {
        tracing::warn!(path = %path.display(), size, "this is too large to be a secret");
        return None;
    }
    let mut bytes = Zeroizing::new(std::fs::read(path).ok()?);
    // An editor ends a file with a newline; no secret does.
    while matches!(bytes.last(), Some(b'\n' | b'\r')) {
        bytes.pop();
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secrets() -> (tempfile::TempDir, Secrets) {
        let folder = tempfile::tempdir().unwrap();
        for (place, name, text) in
            [("credentials", "smtp", "from systemd\n"), ("own", "smtp", "own\n"), ("own", "crm", "s\r\n")]
        {
            std::fs::create_dir_all(folder.path().join(place)).unwrap();
            std::fs::write(folder.path().join(place).join(name), text).unwrap();
        }
        let folders = ["credentials", "own"].map(|place| folder.path().join(place)).to_vec();
        (folder, Secrets { folders })
    }

    #[test]
    fn what_systemd_hands_over_goes_before_the_homes_own_and_newlines_at_the_end_are_none_of_it() {
        let (_folder, secrets) = secrets();
        assert_eq!(secrets.get("smtp").unwrap().as_slice(), b"from systemd");
        assert_eq!(secrets.get("crm").unwrap().as_slice(), b"s");
        assert!(secrets.get("none").is_none());
    }

    #[test]
    fn a_name_never_leads_out_of_the_folder() {
        let (_folder, secrets) = secrets();
        for name in ["../own/crm", "/etc/passwd", "", ".", "..", "a/b", "a\0b"] {
            assert!(secrets.get(name).is_none(), "{name:?}");
        }
    }

    #[test]
    fn files_that_others_may_read_are_named() {
        let (folder, secrets) = secrets();
        let own = folder.path().join("own");
        let mode =
            |path: &Path, mode| std::fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
        mode(&own, 0o700);
        mode(&own.join("smtp"), 0o600);
        mode(&own.join("crm"), 0o640);
        assert_eq!(secrets.too_open(), [own.join("crm")]);
    }
}
