//! What the system says, in the words of the person who wrote the path.

use rustix::io::Errno;
use yizhan_plugin_api::prelude::{Error, Happened};

use crate::name::{bad, outside, shown};

/// The error for `path`. Nothing has happened yet, unless the caller says more with `happened`.
#[must_use]
pub fn fault(path: &str, errno: impl Into<std::io::Error>) -> Error {
    let source: std::io::Error = errno.into();
    let errno = Errno::from_io_error(&source).unwrap_or(Errno::IO);
    let path_shown = shown(path);
    let error = |code: &str, words: &str| Error::refused(code, format!("`{path_shown}` {words}"));
    match errno {
        Errno::NOENT => error("file.not_found", "does not exist")
            .help("look at the folder with `file.list`, or write the file first"),
        Errno::EXIST => {
            error("file.exists", "exists already").help("choose another name, or say that it may be replaced")
        }
        Errno::NOSPC | Errno::DQUOT => error("file.full", "cannot be written: the disk is full")
            .help("free some space; the step is tried again")
            .retry(),
        Errno::LOOP | Errno::XDEV => outside(path, "a link on the way leads elsewhere"),
        Errno::NOTDIR => error("file.not_a_folder", "goes through a file as if it were a folder")
            .help("one of the names before the last is a file"),
        Errno::ISDIR | Errno::NOTEMPTY => error("file.is_folder", "is a folder")
            .help("name a file in it, or say `recursive = true` where that is meant"),
        Errno::NAMETOOLONG => bad(path, "it is too long"),
        Errno::ACCESS | Errno::PERM => error("file.denied", "may not be touched by the service's user")
            .help("give the user that runs the service the right to it"),
        Errno::ROFS => error("file.denied", "is on a disk that is mounted read-only")
            .help("mount it for writing, or set another root"),
        Errno::FBIG => error("file.too_large", "is larger than the file system takes"),
        Errno::MFILE | Errno::NFILE => {
            error("file.busy", "cannot be opened: too many files are open").retry()
        }
        _ => Error::new("file.io", format!("`{path_shown}`: {source}"))
            .happened(Happened::No)
            .help("look at the disk and at the system's log")
            .retry(),
    }
}
