//! What was synced: `content/<file>` the content of each file as of its last sync, `names/<path>` a second link to that for
//! each name that stood in its folder when the folder was synced. A folder below has a name where `names/<path>/.named` is.

use std::collections::{HashMap, HashSet};
use std::ffi::{CString, OsString, c_int};
use std::io::ErrorKind;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::real::Real;

/// Descriptors above this are never ours.
const DESCRIPTORS: usize = 65_536;

/// What is known of a descriptor.
const UNKNOWN: u8 = 0;
const OTHER: u8 = 1;
const OURS: u8 = 2;
/// One of those whose names begin so: the store and what SQLite has beside it.
const STORE: u8 = 3;
const STORES: &str = "yizhan.db";

/// Stands in a folder whose own name is on the disk.
const NAMED: &str = ".named";

pub(crate) struct Disk {
    root: PathBuf,
    synced: Option<PathBuf>,
    known: Box<[AtomicU8]>,
    files: Mutex<HashMap<(u64, u64), File>>,
}

/// A file with what was written to it since it was last synced.
#[derive(Default)]
struct File {
    dirty: Vec<(i64, i64)>,
}

impl Disk {
    pub(crate) fn open() -> Option<Self> {
        let root = PathBuf::from(std::env::var_os("YIZHAN_DISK_ROOT")?);
        Some(Self {
            root,
            synced: std::env::var_os("YIZHAN_DISK_SYNCED").map(PathBuf::from),
            known: (0..DESCRIPTORS).map(|_| AtomicU8::new(UNKNOWN)).collect(),
            files: Mutex::default(),
        })
    }

    /// Whether synced copies are kept.
    pub(crate) fn keeps(&self) -> bool {
        self.synced.is_some()
    }

    pub(crate) fn is_ours(&self, fd: c_int) -> bool {
        [OURS, STORE].contains(&self.kind(fd))
    }

    /// Whether this is a file of the store.
    pub(crate) fn is_store(&self, fd: c_int) -> bool {
        self.kind(fd) == STORE
    }

    fn kind(&self, fd: c_int) -> u8 {
        let Some(known) = usize::try_from(fd).ok().and_then(|fd| self.known.get(fd)) else { return OTHER };
        match known.load(Ordering::Relaxed) {
            UNKNOWN => {
                let name = self.below_root(fd);
                let is_store = |name: &PathBuf| name.to_str().is_some_and(|name| name.starts_with(STORES));
                let kind = name.map_or(OTHER, |name| if is_store(&name) { STORE } else { OURS });
                known.store(kind, Ordering::Relaxed);
                kind
            }
            kind => kind,
        }
    }

    /// The path of a regular file below the folder that we stand for, as seen from there.
    fn below_root(&self, fd: c_int) -> Option<PathBuf> {
        if !is_regular(fd) {
            return None;
        }
        let path = path_of(fd)?;
        path.strip_prefix(&self.root).ok().map(Path::to_owned)
    }

    pub(crate) fn closed(&self, fd: c_int) {
        if let Some(known) = usize::try_from(fd).ok().and_then(|fd| self.known.get(fd)) {
            known.store(UNKNOWN, Ordering::Relaxed);
        }
    }

    pub(crate) fn wrote(&self, fd: c_int, from: i64, to: i64) {
        if !self.keeps() || !self.is_ours(fd) {
            return;
        }
        let Some((of, _)) = identity(fd) else { return };
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        let dirty = &mut files.entry(of).or_default().dirty;
        // Most writes go on where the last one ended.
        match dirty.last_mut() {
            Some(last) if last.1 == from => last.1 = to,
            Some(_) | None => dirty.push((from, to)),
        }
    }

    /// Brings the copy of this file to what the file is now.
    pub(crate) fn synced(&self, real: &Real, fd: c_int) -> c_int {
        let (Some(synced), Some((of, size))) = (&self.synced, identity(fd)) else { return 0 };
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        let mut dirty = std::mem::take(&mut files.entry(of).or_default().dirty);
        let copy = key(fd, c"").map(|key| synced.join("content").join(key));
        if copy.as_ref().is_some_and(|copy| !copy.exists()) {
            dirty = vec![(0, size)];
        }
        match copy.and_then(|copy| bring(real, fd, &copy, &dirty, size)) {
            Some(()) => 0,
            // A copy that cannot be kept would make every finding worthless.
            None => std::process::abort(),
        }
    }

    /// A sync of this file failed: the kernel takes what was to be written for written, and nobody writes it any more.
    pub(crate) fn forgets(&self, fd: c_int) {
        let Some((of, _)) = identity(fd) else { return };
        self.files.lock().unwrap_or_else(PoisonError::into_inner).entry(of).or_default().dirty.clear();
    }

    /// If this is a folder of ours, the names in it are on the disk from now on, whatever is in the files.
    pub(crate) fn synced_names(&self, fd: c_int) -> Option<c_int> {
        let synced = self.synced.as_ref()?;
        if stat(fd).is_none_or(|stat| stat.st_mode & libc::S_IFMT != libc::S_IFDIR) {
            return None;
        }
        let folder = path_of(fd)?;
        let names = synced.join("names").join(folder.strip_prefix(&self.root).ok()?);
        // One at a time, and no file's content comes into being meanwhile.
        let _files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        match bring_names(&folder, &names, &synced.join("content")) {
            Ok(()) => Some(0),
            Err(_) => std::process::abort(),
        }
    }
}

/// Only what stands in the folder now stands in its copy then.
fn bring_names(folder: &Path, names: &Path, contents: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(names)?;
    std::fs::create_dir_all(contents)?;
    let mut there = HashSet::from([OsString::from(NAMED)]);
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let (name, Ok(kind)) = (entry.file_name(), entry.file_type()) else { continue };
        if kind.is_dir() {
            std::fs::create_dir_all(names.join(&name))?;
            make_empty(&names.join(&name).join(NAMED))?;
        } else if kind.is_file() {
            // Gone in this moment: then it has no name.
            let Some(key) = CString::new(entry.path().as_os_str().as_bytes())
                .ok()
                .and_then(|path| key(libc::AT_FDCWD, &path))
            else {
                continue;
            };
            bring_name(&contents.join(key), &names.join(&name))?;
        }
        there.insert(name);
    }
    for entry in std::fs::read_dir(names)? {
        let entry = entry?;
        if there.contains(&entry.file_name()) {
            continue;
        }
        if entry.file_type()?.is_dir() {
            std::fs::remove_dir_all(entry.path())?;
        } else {
            std::fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// The name leads to this content. A file that was never synced is empty.
fn bring_name(content: &Path, name: &Path) -> std::io::Result<()> {
    make_empty(content)?;
    if std::fs::metadata(name)
        .is_ok_and(|named| std::fs::metadata(content).is_ok_and(|content| content.ino() == named.ino()))
    {
        return Ok(());
    }
    match std::fs::remove_file(name) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    std::fs::hard_link(content, name)
}

/// If it is not there already.
fn make_empty(path: &Path) -> std::io::Result<()> {
    std::fs::OpenOptions::new().append(true).create(true).open(path).map(drop)
}

/// Which file this is for as long as the disk lives: numbers are given anew when a file goes, with another hour of birth.
fn key(at: c_int, path: &std::ffi::CStr) -> Option<String> {
    let mut found = std::mem::MaybeUninit::<libc::statx>::zeroed();
    let flags = libc::AT_EMPTY_PATH | libc::AT_SYMLINK_NOFOLLOW;
    let wanted = libc::STATX_INO | libc::STATX_BTIME;
    // SAFETY: a path that ends and room for the answer, which is read only when it was given.
    let found = unsafe {
        (libc::statx(at, path.as_ptr(), flags, wanted, found.as_mut_ptr()) == 0).then(|| found.assume_init())
    }?;
    Some(format!("{}-{}.{:09}", found.stx_ino, found.stx_btime.tv_sec, found.stx_btime.tv_nsec))
}

fn is_regular(fd: c_int) -> bool {
    stat(fd).is_some_and(|stat| stat.st_mode & libc::S_IFMT == libc::S_IFREG)
}

fn stat(fd: c_int) -> Option<libc::stat64> {
    let mut stat = std::mem::MaybeUninit::<libc::stat64>::zeroed();
    // SAFETY: room for the answer, which is read only when it was given.
    unsafe { (libc::fstat64(fd, stat.as_mut_ptr()) == 0).then(|| stat.assume_init()) }
}

/// Device and number of the file, and its size.
fn identity(fd: c_int) -> Option<((u64, u64), i64)> {
    stat(fd).map(|stat| ((stat.st_dev, stat.st_ino), stat.st_size))
}

fn path_of(fd: c_int) -> Option<PathBuf> {
    let link = CString::new(format!("/proc/self/fd/{fd}")).ok()?;
    let mut path = vec![0_u8; 4_096];
    // SAFETY: a path that ends, and room of the size that is said.
    let length = unsafe { libc::readlink(link.as_ptr(), path.as_mut_ptr().cast(), path.len()) };
    path.truncate(usize::try_from(length).ok()?);
    Some(PathBuf::from(OsString::from_vec(path)))
}

/// Copies what changed. Only the C library's own functions are called: ours would come back here.
fn bring(real: &Real, from: c_int, copy: &Path, dirty: &[(i64, i64)], size: i64) -> Option<()> {
    std::fs::create_dir_all(copy.parent()?).ok()?;
    let to = CString::new(copy.as_os_str().as_bytes()).ok()?;
    // SAFETY: a path that ends; the descriptor is closed below.
    let to = unsafe { libc::open64(to.as_ptr(), libc::O_RDWR | libc::O_CREAT | libc::O_CLOEXEC, 0o600) };
    if to < 0 {
        return None;
    }
    // The caller's descriptor may be for writing only.
    let from = CString::new(format!("/proc/self/fd/{from}")).ok()?;
    // SAFETY: as above.
    let from = unsafe { libc::open64(from.as_ptr(), libc::O_RDONLY | libc::O_CLOEXEC) };
    let mut done = (from >= 0).then_some(());
    for (begin, end) in dirty {
        done = done.and_then(|()| copy_range(real, from, to, *begin, (*end).min(size)));
    }
    // SAFETY: descriptors of ours.
    unsafe {
        if libc::ftruncate64(to, size) != 0 {
            done = None;
        }
        (real.close)(from);
        (real.close)(to);
    }
    done
}

fn copy_range(real: &Real, from: c_int, to: c_int, begin: i64, end: i64) -> Option<()> {
    let mut at = begin;
    let mut buffer = vec![0_u8; 64 * 1024];
    while at < end {
        let wanted = usize::try_from(end - at).ok()?.min(buffer.len());
        // SAFETY: room of the size that is said, and descriptors that are open.
        let copied = unsafe {
            let got = libc::pread64(from, buffer.as_mut_ptr().cast(), wanted, at);
            if got <= 0 {
                return None;
            }
            (real.pwrite64)(to, buffer.as_ptr().cast(), usize::try_from(got).ok()?, at) as i64
        };
        if copied <= 0 {
            return None;
        }
        at += copied;
    }
    Some(())
}
