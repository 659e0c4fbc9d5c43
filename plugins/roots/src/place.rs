//! From the text of a path to an open folder and a name in it.

use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::sync::Arc;

use rustix::fs::{AtFlags, FileType, Mode, OFlags, Stat, fstat, fsync, mkdirat, open, statat};
use rustix::io::Errno;
use yizhan_plugin_api::prelude::{Error, Result};

use crate::beneath::{FOLDER, Way, is_link};
use crate::fault::fault;
use crate::name::{bad, outside, parts, shown};
use crate::settings::{RootFolders, is_root_name};

/// Folders that are made: the service writes, its group reads, others see nothing.
const FOLDER_MODE: Mode = Mode::from_raw_mode(0o750);

/// The open roots; the first one is meant where a path names none.
#[derive(Clone, Debug)]
pub struct Roots(Vec<Arc<Root>>);

#[derive(Debug)]
struct Root {
    name: String,
    folder: OwnedFd,
    way: Way,
}

impl Roots {
    /// Opens each folder, and makes those that are missing.
    pub fn open(folders: &RootFolders) -> Result<Self> {
        let roots = folders.0.iter().map(|(name, folder)| Root::open(name, folder).map(Arc::new));
        Ok(Self(roots.collect::<Result<_>>()?))
    }

    #[cfg(test)]
    pub(crate) fn name_by_name(mut self) -> Self {
        for root in &mut self.0 {
            if let Some(root) = Arc::get_mut(root) {
                root.way = Way::NameByName;
            }
        }
        self
    }

    /// `books/2026.csv` below the first root, or `exports:2026.csv` below the one of that name.
    pub fn place(&self, text: &str) -> Result<Place> {
        let (name, path) = match text.split_once(':') {
            Some((name, path)) if is_root_name(name) => (Some(name), path),
            Some(_) | None => (None, text),
        };
        let first = self.0.first().ok_or_else(|| {
            Error::refused("file.no_root", "no root is set, so there is no folder that files may be in")
                .help("set `roots = { files = \"/path/of/a/folder\" }` in the settings of the plugin")
        })?;
        let root = match name {
            None => first,
            Some(name) => {
                self.0.iter().find(|root| root.name == name).ok_or_else(|| self.unknown(name, text))?
            }
        };
        let path = parts(path).map_err(|error| retell(error, text))?.join("/");
        Ok(Place { path: root.shown(&path, Arc::ptr_eq(root, first)), root: Arc::clone(root), names: path })
    }

    fn unknown(&self, name: &str, text: &str) -> Error {
        let known: Vec<_> = self.0.iter().map(|root| format!("`{}`", root.name)).collect();
        Error::refused("file.unknown_root", format!("`{}`: there is no root `{name}`", shown(text)))
            .help(format!("the roots are {}", known.join(", ")))
    }
}

/// The message names the path with its root, as it was written.
fn retell(mut error: Error, text: &str) -> Error {
    if let Some((_, after)) = text.split_once(':') {
        error.message = error.message.replace(&format!("`{}`", shown(after)), &format!("`{}`", shown(text)));
    }
    error
}

impl Root {
    fn open(name: &str, folder: &str) -> Result<Self> {
        let refuse = |words: String| {
            Error::refused("plugin.config_invalid", format!("config.roots.{name}: {words}"))
                .at(format!("/roots/{name}"))
        };
        if !Path::new(folder).is_absolute() {
            return Err(refuse(format!("`{folder}` must be an absolute path")));
        }
        let opened = std::fs::create_dir_all(folder)
            .and_then(|()| Ok(open(folder, FOLDER | OFlags::CLOEXEC, Mode::empty())?));
        let opened = opened.map_err(|error| {
            refuse(format!("`{folder}` cannot be opened: {error}"))
                .help("make the folder, and let the user that runs the service write in it")
        })?;
        Ok(Self { name: name.to_owned(), way: Way::of(opened.as_fd()), folder: opened })
    }

    /// As `Roots::place` would read it again.
    fn shown(&self, path: &str, is_first: bool) -> String {
        let reads_as_root = path.split_once(':').is_some_and(|(name, _)| is_root_name(name));
        if is_first && !reads_as_root { path.to_owned() } else { format!("{}:{path}", self.name) }
    }
}

/// A checked path below a root. It may not exist.
#[derive(Clone, Debug)]
pub struct Place {
    root: Arc<Root>,
    /// Checked names joined by `/`; empty for the root itself.
    names: String,
    path: String,
}

impl Place {
    /// The path as a workflow may hand it on.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    #[must_use]
    pub fn is_root(&self) -> bool {
        self.names.is_empty()
    }

    fn parts(&self) -> Vec<&str> {
        self.names.split('/').filter(|part| !part.is_empty()).collect()
    }

    /// A place below this one.
    pub fn below(&self, path: &str) -> Result<Self> {
        let more = parts(path)?.join("/");
        let between = if self.is_root() || more.is_empty() { "" } else { "/" };
        let colon = if self.path.ends_with(':') { "" } else { between };
        Ok(Self {
            root: Arc::clone(&self.root),
            names: format!("{}{between}{more}", self.names),
            path: format!("{}{colon}{more}", self.path),
        })
    }

    pub fn folder(&self) -> Result<Folder> {
        let opened = self.root.way.open(self.root.folder.as_fd(), &self.parts(), FOLDER, Mode::empty());
        match opened {
            Ok(fd) => Ok(Folder { fd, path: self.path.clone() }),
            Err(Errno::NOTDIR) => Err(Error::refused(
                "file.not_a_folder",
                format!("`{}` is not a folder, or goes through one that is not", shown(&self.path)),
            )),
            Err(errno) => Err(fault(&self.path, errno)),
        }
    }

    /// The folder it is in, and its name there.
    pub fn spot(&self) -> Result<Spot> {
        let parts = self.parts();
        let (last, before) = parts.split_last().ok_or_else(|| self.no_name())?;
        let folder = self
            .root
            .way
            .open(self.root.folder.as_fd(), before, FOLDER, Mode::empty())
            .map_err(|errno| fault(&self.path, errno))?;
        Ok(Spot { folder, name: (*last).to_owned(), path: self.path.clone() })
    }

    /// As `spot`, and makes the folders on the way, durably.
    pub fn spot_made(&self) -> Result<Spot> {
        let parts = self.parts();
        let (last, before) = parts.split_last().ok_or_else(|| self.no_name())?;
        let failed = |errno: Errno| fault(&self.path, errno);
        let way = self.root.way;
        let mut folder = way.open(self.root.folder.as_fd(), &[], FOLDER, Mode::empty()).map_err(failed)?;
        for part in before {
            match mkdirat(&folder, *part, FOLDER_MODE) {
                Ok(()) => fsync(&folder).map_err(failed)?,
                Err(Errno::EXIST) => {}
                Err(errno) => return Err(failed(errno)),
            }
            folder = way.open(folder.as_fd(), &[part], FOLDER, Mode::empty()).map_err(failed)?;
        }
        Ok(Spot { folder, name: (*last).to_owned(), path: self.path.clone() })
    }

    fn no_name(&self) -> Error {
        if self.path.is_empty() {
            return bad("", "it is empty");
        }
        outside(&self.path, "it is the root itself")
    }

    /// Opens the file for reading; a folder, a pipe or a device is refused.
    pub fn read(&self) -> Result<File> {
        self.spot()?.read()
    }
}

/// An open folder, and how the reader calls it.
#[derive(Debug)]
pub struct Folder {
    fd: OwnedFd,
    path: String,
}

impl Folder {
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// A name read from this very folder.
    pub fn spot(&self, name: &str) -> Result<Spot> {
        let between = if self.path.is_empty() || self.path.ends_with(':') { "" } else { "/" };
        let path = format!("{}{between}{name}", self.path);
        let folder = rustix::io::fcntl_dupfd_cloexec(&self.fd, 0).map_err(|errno| fault(&path, errno))?;
        Ok(Spot { folder, name: name.to_owned(), path })
    }
}

impl AsFd for Folder {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// A name in an open folder: what is there may come and go, the folder stays the same.
#[derive(Debug)]
pub struct Spot {
    pub folder: OwnedFd,
    pub name: String,
    path: String,
}

impl Spot {
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Another name in the same folder.
    pub fn beside(&self, name: &str) -> Result<Self> {
        let path = match self.path.strip_suffix(&self.name) {
            Some(before) => format!("{before}{name}"),
            None => name.to_owned(),
        };
        let folder = rustix::io::fcntl_dupfd_cloexec(&self.folder, 0).map_err(|errno| fault(&path, errno))?;
        Ok(Self { folder, name: name.to_owned(), path })
    }

    /// What is there; a link is seen as a link.
    pub fn stat(&self) -> Result<Option<Stat>> {
        match statat(&self.folder, self.name.as_str(), AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => Ok(Some(stat)),
            Err(Errno::NOENT) => Ok(None),
            Err(errno) => Err(fault(&self.path, errno)),
        }
    }

    /// Opens an ordinary file with these flags; never waits for the other end of a pipe.
    pub fn open(&self, flags: OFlags, mode: Mode) -> Result<File> {
        let flags = flags | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOCTTY;
        let fd = rustix::fs::openat(&self.folder, self.name.as_str(), flags, mode).map_err(|errno| {
            // A pipe without a reader, or a socket.
            if errno == Errno::NXIO { self.not_a_file() } else { fault(&self.path, errno) }
        })?;
        let stat = fstat(&fd).map_err(|errno| fault(&self.path, errno))?;
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => Ok(File::from(fd)),
            FileType::Directory => Err(fault(&self.path, Errno::ISDIR)),
            FileType::Symlink
            | FileType::Fifo
            | FileType::Socket
            | FileType::CharacterDevice
            | FileType::BlockDevice
            | FileType::Unknown => Err(self.not_a_file()),
        }
    }

    pub fn read(&self) -> Result<File> {
        self.open(OFlags::RDONLY, Mode::empty())
    }

    /// The folder of this name.
    pub fn folder(&self) -> Result<Folder> {
        let flags = FOLDER | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        match rustix::fs::openat(&self.folder, self.name.as_str(), flags, Mode::empty()) {
            Ok(fd) => Ok(Folder { fd, path: self.path.clone() }),
            Err(Errno::NOTDIR) if is_link(self.folder.as_fd(), &self.name) => {
                Err(fault(&self.path, Errno::LOOP))
            }
            Err(errno) => Err(fault(&self.path, errno)),
        }
    }

    /// Makes what was done to names in this folder survive a power loss.
    pub fn sync_folder(&self) -> Result<()> {
        fsync(&self.folder).map_err(|errno| fault(&self.path, errno))
    }

    fn not_a_file(&self) -> Error {
        Error::refused(
            "file.not_a_file",
            format!("`{}` is a pipe or a device, not a file", shown(&self.path)),
        )
        .help("take it away; only ordinary files may be below a root")
    }
}
