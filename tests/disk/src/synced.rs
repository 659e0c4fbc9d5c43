//! The copies that hold only what was synced.

use std::collections::HashMap;
use std::ffi::{CStr, CString, OsString, c_int};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
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
        let Some(known) = usize::try_from(fd).ok().and_then(|fd| self.known.get(fd)) else { return false };
        match known.load(Ordering::Relaxed) {
            OURS => true,
            OTHER => false,
            _ => {
                let ours = self.below_root(fd).is_some();
                known.store(if ours { OURS } else { OTHER }, Ordering::Relaxed);
                ours
            }
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
        let Some(name) = self.below_root(fd) else { return 0 };
        let (Some(synced), Some((of, size))) = (&self.synced, identity(fd)) else { return 0 };
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        let dirty = std::mem::take(&mut files.entry(of).or_default().dirty);
        match bring(real, fd, &synced.join(name), &dirty, size) {
            Some(()) => 0,
            // A copy that cannot be kept would make every finding worthless.
            None => std::process::abort(),
        }
    }

    pub(crate) fn removed(&self, real: &Real, path: &CStr) {
        let path = PathBuf::from(OsString::from_vec(path.to_bytes().to_vec()));
        let (Some(synced), Ok(name)) = (&self.synced, path.strip_prefix(&self.root)) else { return };
        let Ok(copy) = CString::new(synced.join(name).as_os_str().as_bytes()) else { return };
        // SAFETY: a path that ends. A copy that was never made cannot be removed, which is well.
        unsafe { (real.unlink)(copy.as_ptr()) };
    }
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
