//! A disk for fault runs, loaded into the daemon by `LD_PRELOAD`: it keeps a second copy of every file below a folder
//! that holds only what was synced, and of every folder the names that stood in it when it was synced (`synced`); and its
//! writes and syncs fail or take long when the control file says so. What a sync that failed was to bring to the disk never
//! comes there, also when the next sync goes well, as with a page cache that takes it for written.
//!
//! `YIZHAN_DISK_ROOT` is the folder that it stands for, `YIZHAN_DISK_SYNCED` where the synced copies go (without it none
//! are kept), `YIZHAN_DISK_CONTROL` the control file (see `control`).

#![expect(unsafe_code, reason = "it stands between a program and its C library")]

mod control;
mod real;
mod synced;

use std::ffi::{c_int, c_void};
use std::sync::OnceLock;

use libc::{off64_t, size_t, ssize_t};

use control::{Control, Fault};
use real::Real;
use synced::Disk;

struct Shim {
    real: Real,
    control: Option<Control>,
    disk: Option<Disk>,
}

fn shim() -> &'static Shim {
    static SHIM: OnceLock<Shim> = OnceLock::new();
    SHIM.get_or_init(|| Shim { real: Real::find(), control: Control::open(), disk: Disk::open() })
}

fn fails(error: c_int) -> c_int {
    // SAFETY: errno is this thread's own.
    unsafe { *libc::__errno_location() = error };
    -1
}

impl Shim {
    /// What the control file wants of this call, if it goes to the disk that we stand for.
    fn fault(&self, fd: c_int, on: Fault) -> Option<c_int> {
        let control = self.control.as_ref()?;
        let disk = self.disk.as_ref()?;
        let is_meant = if control.means_store() { disk.is_store(fd) } else { disk.is_ours(fd) };
        if is_meant { control.strikes(on) } else { None }
    }

    fn wrote(&self, fd: c_int, end: i64, written: ssize_t) {
        if let (Some(disk), Ok(length)) = (&self.disk, i64::try_from(written))
            && length > 0
        {
            disk.wrote(fd, end - length, end);
        }
    }

    fn sync(&self, fd: c_int, sync: unsafe extern "C" fn(c_int) -> c_int) -> c_int {
        if let Some(error) = self.fault(fd, Fault::Sync) {
            if let Some(disk) = &self.disk {
                disk.forgets(fd);
            }
            return fails(error);
        }
        // Its own copy is what this disk keeps: waiting for the real one would only take time.
        let kept = self.disk.as_ref().filter(|disk| disk.keeps()).and_then(|disk| {
            if disk.is_ours(fd) { Some(disk.synced(&self.real, fd)) } else { disk.synced_names(fd) }
        });
        // SAFETY: the arguments are the caller's.
        kept.unwrap_or_else(|| unsafe { sync(fd) })
    }
}

/// # Safety
/// As `write(2)`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn write(fd: c_int, data: *const c_void, count: size_t) -> ssize_t {
    let shim = shim();
    if let Some(error) = shim.fault(fd, Fault::Write) {
        return fails(error) as ssize_t;
    }
    // SAFETY: the arguments are the caller's.
    let written = unsafe { (shim.real.write)(fd, data, count) };
    if shim.disk.as_ref().is_some_and(|disk| disk.is_ours(fd)) {
        // SAFETY: asks where the file stands and changes nothing.
        shim.wrote(fd, unsafe { libc::lseek64(fd, 0, libc::SEEK_CUR) }, written);
    }
    written
}

/// # Safety
/// As `pwrite(2)`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pwrite64(fd: c_int, data: *const c_void, count: size_t, at: off64_t) -> ssize_t {
    let shim = shim();
    if let Some(error) = shim.fault(fd, Fault::Write) {
        return fails(error) as ssize_t;
    }
    // SAFETY: the arguments are the caller's.
    let written = unsafe { (shim.real.pwrite64)(fd, data, count, at) };
    shim.wrote(fd, at.saturating_add(written as i64), written);
    written
}

/// # Safety
/// As `pwrite(2)`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pwrite(fd: c_int, data: *const c_void, count: size_t, at: off64_t) -> ssize_t {
    // SAFETY: the arguments are the caller's; an offset has 64 bits here.
    unsafe { pwrite64(fd, data, count, at) }
}

/// # Safety
/// As `fsync(2)`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fsync(fd: c_int) -> c_int {
    let shim = shim();
    shim.sync(fd, shim.real.fsync)
}

/// # Safety
/// As `fdatasync(2)`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fdatasync(fd: c_int) -> c_int {
    let shim = shim();
    shim.sync(fd, shim.real.fdatasync)
}

/// # Safety
/// As `close(2)`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn close(fd: c_int) -> c_int {
    let shim = shim();
    if let Some(disk) = &shim.disk {
        disk.closed(fd);
    }
    // SAFETY: the arguments are the caller's.
    unsafe { (shim.real.close)(fd) }
}
