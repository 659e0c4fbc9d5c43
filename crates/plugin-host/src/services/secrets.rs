//! Where secrets come from.

use std::io::ErrorKind;
use std::path::PathBuf;

/// May block; called on a thread for that.
pub trait Secrets: Send + Sync {
    /// `None` when there is no secret of this name.
    fn get(&self, name: &str) -> std::io::Result<Option<String>>;
}

/// A file per secret; of several folders the first that has it counts.
#[derive(Clone, Debug, Default)]
pub struct FolderSecrets {
    pub folders: Vec<PathBuf>,
}

impl Secrets for FolderSecrets {
    fn get(&self, name: &str) -> std::io::Result<Option<String>> {
        // A name is no path.
        let plain = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
        if name.is_empty() || name.len() > 128 || name.starts_with('.') || !name.chars().all(plain) {
            return Ok(None);
        }
        for folder in &self.folders {
            match std::fs::read_to_string(folder.join(name)) {
                Ok(text) => {
                    // Editors end a file with a line end that is not part of the secret.
                    let text = text.strip_suffix('\n').unwrap_or(&text);
                    return Ok(Some(text.strip_suffix('\r').unwrap_or(text).to_owned()));
                }
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_folder_that_has_a_secret_counts_and_no_name_leads_outside() {
        let home = tempfile::tempdir().unwrap();
        let folders: Vec<PathBuf> = ["first", "second"].map(|name| home.path().join(name)).into();
        for folder in &folders {
            std::fs::create_dir(folder).unwrap();
        }
        std::fs::write(folders[0].join("a"), "one\n").unwrap();
        std::fs::write(folders[1].join("a"), "two").unwrap();
        std::fs::write(folders[1].join("b"), "three \n\n").unwrap();
        std::fs::write(home.path().join("outside"), "no").unwrap();
        let secrets = FolderSecrets { folders };
        assert_eq!(secrets.get("a").unwrap().as_deref(), Some("one"));
        assert_eq!(secrets.get("b").unwrap().as_deref(), Some("three \n"));
        for name in ["c", "../outside", "..", "", "a/b"] {
            assert_eq!(secrets.get(name).unwrap(), None, "{name}");
        }
    }
}
