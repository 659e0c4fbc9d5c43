//! Folders below the home and the files in them, looked up name by name from a folder that is open: whoever may drop files
//! there can put a link in the place of any name at any moment, and none is followed.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, ErrorKind, Write as _};
use std::os::fd::OwnedFd;
use std::path::{Component, Path};

use rustix::fs::{AtFlags, Mode, OFlags, mkdirat, open, openat, renameat, statat, unlinkat};
use rustix::io::Errno;

const FOLDER: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

/// An open folder.
#[derive(Debug)]
pub(super) struct Folder(OwnedFd);

impl Folder {
    /// The folder that a file below the home lies in, and the file's name there.
    pub(super) fn around<'p>(home: &Path, file: &'p Path) -> io::Result<(Self, &'p OsStr)> {
        let name = file.file_name().ok_or_else(elsewhere)?;
        let folders = file.parent().ok_or_else(elsewhere)?;
        let mut at = Self::home(home)?;
        for name in names(folders.strip_prefix(home).map_err(|_| elsewhere())?)? {
            at = at.folder(name)?;
        }
        Ok((at, name))
    }

    /// The home itself may be named by a link: it is the owner's.
    fn home(home: &Path) -> io::Result<Self> {
        Ok(Self(open(home, FOLDER, Mode::empty())?))
    }

    /// Makes the folders below the home that are missing.
    pub(super) fn make_all(home: &Path, folders: &Path) -> io::Result<()> {
        let mut at = Self::home(home)?;
        for name in names(folders)? {
            at = at.make(name)?;
        }
        Ok(())
    }

    fn folder(&self, name: &OsStr) -> io::Result<Self> {
        Ok(Self(openat(&self.0, name, FOLDER | OFlags::NOFOLLOW, Mode::empty())?))
    }

    /// The folder of this name, made if it is missing.
    pub(super) fn make(&self, name: &OsStr) -> io::Result<Self> {
        match mkdirat(&self.0, name, Mode::from_raw_mode(0o777)) {
            Ok(()) | Err(Errno::EXIST) => self.folder(name),
            Err(error) => Err(error.into()),
        }
    }

    /// A file's content. What is none counts as gone: a link, a folder, a pipe that nobody writes into.
    pub(super) fn file(&self, name: &OsStr) -> io::Result<File> {
        // A pipe would be waited for without NONBLOCK; to a file it is nothing.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = match openat(&self.0, name, flags, Mode::empty()) {
            Ok(file) => File::from(file),
            Err(Errno::LOOP | Errno::NXIO) => return Err(no_file()),
            Err(error) => return Err(error.into()),
        };
        if file.metadata()?.is_file() { Ok(file) } else { Err(no_file()) }
    }

    /// Whether anything has this name, be it a link that leads nowhere.
    pub(super) fn has(&self, name: &OsStr) -> bool {
        statat(&self.0, name, AtFlags::SYMLINK_NOFOLLOW).is_ok()
    }

    /// There after a power cut, or not there; never half. Replaces what is there.
    pub(super) fn write_whole(&self, name: &OsStr, content: &[u8]) -> io::Result<()> {
        let mut making = name.to_owned();
        making.push(format!(".{}.new", std::process::id()));
        // One task writes here; what lies there a crash has left.
        unlinkat(&self.0, &making, AtFlags::empty()).unwrap_or_default();
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mut file = File::from(openat(&self.0, &making, flags, Mode::from_raw_mode(0o600))?);
        let written = file.write_all(content).and_then(|()| file.sync_all());
        let written = written.and_then(|()| self.rename(&making, (self, name)));
        if written.is_err() {
            // What could not be made whole is of no use to anybody.
            unlinkat(&self.0, &making, AtFlags::empty()).unwrap_or_default();
        }
        written.and_then(|()| self.sync())
    }

    pub(super) fn rename(&self, name: &OsStr, (folder, to): (&Self, &OsStr)) -> io::Result<()> {
        Ok(renameat(&self.0, name, &folder.0, to)?)
    }

    pub(super) fn sync(&self) -> io::Result<()> {
        Ok(rustix::fs::fsync(&self.0)?)
    }
}

fn names(folders: &Path) -> io::Result<Vec<&OsStr>> {
    let name = |part| match part {
        Component::Normal(name) => Some(Ok(name)),
        Component::CurDir => None,
        Component::ParentDir | Component::RootDir | Component::Prefix(_) => Some(Err(elsewhere())),
    };
    folders.components().filter_map(name).collect()
}

fn elsewhere() -> io::Error {
    io::Error::new(ErrorKind::InvalidInput, "it is not below the home")
}

fn no_file() -> io::Error {
    io::Error::new(ErrorKind::NotFound, "it is no file any more")
}

/// `a.csv` and `.reason.txt` make `a.csv.reason.txt`.
pub(super) fn with_ending(name: &OsStr, ending: &str) -> OsString {
    let mut name = name.to_owned();
    name.push(ending);
    name
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;
    use std::os::unix::fs::symlink;
    use std::path::PathBuf;
    use std::time::{Duration, Instant};

    use super::*;

    fn home() -> (tempfile::TempDir, PathBuf) {
        let place = tempfile::tempdir().unwrap();
        let home = place.path().join("home");
        std::fs::create_dir_all(home.join("inbox/orders")).unwrap();
        std::fs::create_dir_all(place.path().join("outside")).unwrap();
        std::fs::write(place.path().join("outside/secret.csv"), "k\nsecret\n").unwrap();
        (place, home)
    }

    fn content(home: &Path, file: &str) -> io::Result<String> {
        let path = home.join(file);
        let (folder, name) = Folder::around(home, &path)?;
        let mut text = String::new();
        folder.file(name)?.read_to_string(&mut text)?;
        Ok(text)
    }

    #[test]
    fn a_file_is_read_and_no_link_is_followed_neither_of_a_file_nor_of_a_folder() {
        let (place, home) = home();
        std::fs::write(home.join("inbox/orders/a.csv"), "k\n1\n").unwrap();
        assert_eq!(content(&home, "inbox/orders/a.csv").unwrap(), "k\n1\n");
        symlink(place.path().join("outside/secret.csv"), home.join("inbox/orders/b.csv")).unwrap();
        assert_eq!(content(&home, "inbox/orders/b.csv").unwrap_err().kind(), ErrorKind::NotFound);
        symlink(place.path().join("outside"), home.join("inbox/linked")).unwrap();
        content(&home, "inbox/linked/secret.csv").unwrap_err();
        content(&home, "inbox/orders/../../../outside/secret.csv").unwrap_err();
        Folder::make_all(&home, Path::new("inbox/linked/made")).unwrap_err();
        assert!(!place.path().join("outside/made").exists());
        // The home itself is the owner's to link.
        symlink(&home, place.path().join("link")).unwrap();
        assert_eq!(content(&place.path().join("link"), "inbox/orders/a.csv").unwrap(), "k\n1\n");
    }

    #[test]
    fn a_pipe_that_nobody_writes_into_is_no_file_and_holds_up_nobody() {
        let (_place, home) = home();
        let pipe = home.join("inbox/orders/a.csv");
        let fifo = rustix::fs::FileType::Fifo;
        rustix::fs::mknodat(rustix::fs::CWD, &pipe, fifo, Mode::from_raw_mode(0o600), 0).unwrap();
        let (told, telling) = std::sync::mpsc::channel();
        std::thread::spawn(move || told.send(content(&home, "inbox/orders/a.csv").unwrap_err().kind()));
        assert_eq!(telling.recv_timeout(Duration::from_secs(10)), Ok(ErrorKind::NotFound));
    }

    #[test]
    fn however_links_and_files_change_places_nothing_from_outside_is_read() {
        let (place, home) = home();
        let inbox = home.join("inbox/orders");
        let (file, link) = (inbox.join(".file"), inbox.join(".link"));
        let (begun, racing) = (Instant::now(), Duration::from_millis(300));
        let mut read = 0;
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while begun.elapsed() < racing {
                    symlink(place.path().join("outside/secret.csv"), &link).unwrap();
                    std::fs::rename(&link, inbox.join("a.csv")).unwrap();
                    std::fs::write(&file, "k\n1\n").unwrap();
                    std::fs::rename(&file, inbox.join("a.csv")).unwrap();
                }
            });
            // The last to come is the file.
            while begun.elapsed() < racing || read == 0 {
                assert!(begun.elapsed() < Duration::from_secs(10), "none met the file");
                if let Ok(text) = content(&home, "inbox/orders/a.csv") {
                    assert_eq!(text, "k\n1\n");
                    read += 1;
                }
            }
        });
    }

    #[test]
    fn what_is_written_beside_goes_into_no_folder_that_a_link_names_and_over_no_file_that_one_names() {
        let (place, home) = home();
        let path = home.join("inbox/orders/a.csv");
        let (folder, _) = Folder::around(&home, &path).unwrap();
        symlink(place.path().join("outside"), home.join("inbox/orders/failed")).unwrap();
        folder.make(OsStr::new("failed")).unwrap_err();
        symlink(place.path().join("outside/secret.csv"), home.join("inbox/orders/why.txt")).unwrap();
        folder.write_whole(OsStr::new("why.txt"), b"because").unwrap();
        assert_eq!(std::fs::read_to_string(home.join("inbox/orders/why.txt")).unwrap(), "because");
        let outside = std::fs::read_to_string(place.path().join("outside/secret.csv")).unwrap();
        assert_eq!(outside, "k\nsecret\n");
    }
}
