//! Where everything of one daemon lies: found from `--home`, `$YIZHAN_HOME`, the folders upward, or the system's places.

use std::path::{Path, PathBuf};

use crate::config::{Config, ConfigError};

/// What makes a folder a home.
const MARK: &str = "config/yizhan.toml";
const SYSTEM: &str = "/etc/yizhan";
const SYSTEM_STATE: &str = "/var/lib/yizhan";

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Home {
    /// Settings, workflows, plugins and secrets: read, never written by the daemon.
    pub(crate) root: PathBuf,
    /// What triggers' patterns start from: `inbox/…`.
    pub(crate) work: PathBuf,
    /// The daemon's own: store, artifacts, mails, socket.
    pub(crate) data: PathBuf,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum HomeError {
    #[error("`{}` is no home: it has no `{MARK}`", .0.display())]
    NoHome(PathBuf),
    #[error("no home was found here, upward from here, or in {SYSTEM}")]
    Nowhere,
    #[error("the settings `{}` cannot be read", .path.display())]
    Unreadable { path: PathBuf, source: std::io::Error },
    #[error("the settings `{}` do not hold", .path.display())]
    Config { path: PathBuf, source: ConfigError },
}

impl HomeError {
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::NoHome(_) => "YZ0510",
            Self::Nowhere => "YZ0511",
            Self::Unreadable { .. } => "YZ0512",
            Self::Config { source, .. } => source.code(),
        }
    }

    pub(crate) fn help(&self) -> &'static str {
        match self {
            Self::NoHome(_) | Self::Nowhere => {
                "make one with `yizhan init DIR`, or name one with `--home DIR`"
            }
            Self::Unreadable { .. } => "check that this user may read it",
            Self::Config { .. } => "the file that ships, config/yizhan.toml, lists every setting",
        }
    }
}

impl Home {
    pub(crate) fn in_folder(root: &Path) -> Self {
        Self { root: root.to_owned(), work: root.to_owned(), data: root.join("data") }
    }

    /// What a unit file installs. `state` is `$STATE_DIRECTORY`, where systemd gives one.
    fn of_system(state: Option<PathBuf>) -> Self {
        let state = state.unwrap_or_else(|| PathBuf::from(SYSTEM_STATE));
        Self { root: PathBuf::from(SYSTEM), work: state.clone(), data: state }
    }

    /// `named`: `--home` or `$YIZHAN_HOME`; `from`: where the command was called.
    pub(crate) fn find(named: Option<&Path>, from: &Path) -> Result<Self, HomeError> {
        if let Some(root) = named {
            let root = std::path::absolute(root).unwrap_or_else(|_| root.to_owned());
            return if root.join(MARK).is_file() {
                Ok(Self::in_folder(&root))
            } else {
                Err(HomeError::NoHome(root))
            };
        }
        if let Some(root) = from.ancestors().find(|folder| folder.join(MARK).is_file()) {
            return Ok(Self::in_folder(root));
        }
        let system = Self::of_system(std::env::var_os("STATE_DIRECTORY").map(PathBuf::from));
        if system.root.is_dir() { Ok(system) } else { Err(HomeError::Nowhere) }
    }

    /// The settings, laid over the defaults. The system's places need no file: there the defaults hold alone.
    pub(crate) fn config(&self, path: Option<&Path>) -> Result<Config, HomeError> {
        let path = path.map_or_else(|| self.config_file(), Path::to_owned);
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && self.root == Path::new(SYSTEM) => {
                String::new()
            }
            Err(source) => return Err(HomeError::Unreadable { path, source }),
        };
        Config::parse(&text).map_err(|source| HomeError::Config { path, source })
    }

    pub(crate) fn config_file(&self) -> PathBuf {
        self.root.join(MARK)
    }

    pub(crate) fn people(&self) -> PathBuf {
        self.root.join("config/people.toml")
    }

    pub(crate) fn registers(&self) -> PathBuf {
        self.root.join("config/registers.toml")
    }

    pub(crate) fn calendars(&self) -> PathBuf {
        self.root.join("config/calendars")
    }

    pub(crate) fn workflows(&self) -> PathBuf {
        self.root.join("workflows")
    }

    pub(crate) fn plugins(&self) -> PathBuf {
        self.root.join("plugins")
    }

    pub(crate) fn secrets(&self) -> PathBuf {
        self.root.join("secrets")
    }

    pub(crate) fn artifacts(&self) -> PathBuf {
        self.data.join("artifacts")
    }

    /// Where the daemon says which address it took.
    pub(crate) fn address(&self) -> PathBuf {
        self.data.join("address")
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.data.join(SOCKET)
    }
}

/// The socket's name below the data folder.
pub(crate) const SOCKET: &str = "yizhan.sock";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_folder_upward_with_settings_is_the_home() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("house");
        std::fs::create_dir_all(root.join("config")).unwrap();
        std::fs::write(root.join(MARK), "").unwrap();
        let below = root.join("workflows/shop");
        std::fs::create_dir_all(&below).unwrap();
        assert_eq!(Home::find(None, &below).unwrap().root, root);
        assert_eq!(Home::find(None, &below).unwrap().data, root.join("data"));
    }

    #[test]
    fn a_home_that_was_named_must_be_one() {
        let folder = tempfile::tempdir().unwrap();
        let error = Home::find(Some(folder.path()), Path::new("/")).unwrap_err();
        assert!(matches!(error, HomeError::NoHome(_)), "{error}");
        assert!(error.to_string().contains("has no `config/yizhan.toml`"), "{error}");
    }

    #[test]
    fn settings_that_do_not_hold_name_their_file() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder.path().join("config")).unwrap();
        std::fs::write(folder.path().join(MARK), "zzz = 1").unwrap();
        let error = Home::in_folder(folder.path()).config(None).unwrap_err();
        assert!(error.to_string().contains("yizhan.toml"), "{error}");
        assert_eq!(error.code(), "YZ0521");
    }
}
