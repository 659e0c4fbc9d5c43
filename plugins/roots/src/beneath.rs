//! Opens names below an open folder, following no link: by one call of the kernel, or name by name where it is too old.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{AtFlags, FileType, Mode, OFlags, ResolveFlags, openat, openat2, statat};
use rustix::io::Errno;

/// The kernel answers "try again" when a rename crossed its way; nobody can rename for ever.
const TRIES_MAX: u32 = 64;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// `openat2`, since Linux 5.6.
    Kernel,
    NameByName,
}

impl Way {
    /// What this system offers. Old container runtimes answer EPERM for calls they do not know.
    pub(crate) fn of(folder: BorrowedFd<'_>) -> Self {
        match by_kernel(folder, ".", OFlags::PATH | OFlags::DIRECTORY, Mode::empty()) {
            Err(Errno::NOSYS | Errno::PERM) => Self::NameByName,
            Ok(_) | Err(_) => Self::Kernel,
        }
    }

    /// `parts` must be checked: no `..`, no slash. None at all is the folder itself.
    pub(crate) fn open(
        self,
        folder: BorrowedFd<'_>,
        parts: &[&str],
        flags: OFlags,
        mode: Mode,
    ) -> Result<OwnedFd, Errno> {
        let Some((last, before)) = parts.split_last() else {
            return openat(folder, ".", flags | OFlags::CLOEXEC, mode);
        };
        match self {
            Self::Kernel => by_kernel(folder, &parts.join("/"), flags, mode),
            Self::NameByName => {
                let mut at: Option<OwnedFd> = None;
                for part in before {
                    at = Some(step(at.as_ref().map_or(folder, AsFd::as_fd), part, FOLDER, Mode::empty())?);
                }
                step(at.as_ref().map_or(folder, AsFd::as_fd), last, flags, mode)
            }
        }
    }
}

pub(crate) const FOLDER: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY);

fn by_kernel(folder: BorrowedFd<'_>, path: &str, flags: OFlags, mode: Mode) -> Result<OwnedFd, Errno> {
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS | ResolveFlags::NO_SYMLINKS;
    // Not NOFOLLOW as well: with it, a link that should be a folder is told as "not a folder".
    let flags = flags | OFlags::CLOEXEC;
    let mut tries = 0;
    loop {
        match openat2(folder, path, flags, mode, resolve) {
            Err(Errno::AGAIN | Errno::INTR) if tries < TRIES_MAX => tries += 1,
            end => return end,
        }
    }
}

fn step(folder: BorrowedFd<'_>, part: &str, flags: OFlags, mode: Mode) -> Result<OwnedFd, Errno> {
    match openat(folder, part, flags | OFlags::CLOEXEC | OFlags::NOFOLLOW, mode) {
        // A link that should be a folder is told as "not a folder"; say what it is.
        Err(Errno::NOTDIR) if is_link(folder, part) => Err(Errno::LOOP),
        end => end,
    }
}

pub(crate) fn is_link(folder: BorrowedFd<'_>, part: &str) -> bool {
    statat(folder, part, AtFlags::SYMLINK_NOFOLLOW)
        .is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::Symlink)
}
