//! What is wrong with the disk just now: a file of five numbers that the harness writes and every call looks at.
//!
//! Little-endian, 8 bytes each: the fault (0 none, 1 writes find it full, 2 writes fail, 3 syncs fail, 4 syncs are slow);
//! how many calls of that kind still go well; microseconds of a slow sync; how often the fault struck (written here); 1 where it
//! strikes the store's own files alone.

use std::ffi::c_int;
use std::os::fd::IntoRawFd;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

pub(crate) struct Control(&'static Page);

#[repr(C)]
struct Page {
    fault: AtomicU64,
    after: AtomicI64,
    delay_us: AtomicU64,
    struck: AtomicU64,
    store: AtomicU64,
}

/// What a call does.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    Write,
    Sync,
}

impl Control {
    pub(crate) fn open() -> Option<Self> {
        let path = std::env::var_os("YIZHAN_DISK_CONTROL")?;
        // Never closed: to close it here would come back to us before we are there.
        let file = std::fs::OpenOptions::new().read(true).write(true).open(path).ok()?.into_raw_fd();
        // SAFETY: a fresh mapping of a file that has the size of a page of numbers; it stays for as long as we do.
        let page = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                size_of::<Page>(),
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_SHARED,
                file,
                0,
            )
        };
        if page == libc::MAP_FAILED {
            return None;
        }
        // SAFETY: mapped above, aligned to a page, never unmapped; only atomics look at it.
        Some(Self(unsafe { &*page.cast::<Page>() }))
    }

    pub(crate) fn means_store(&self) -> bool {
        self.0.store.load(Ordering::Relaxed) == 1
    }

    /// The error of this call, if it fails. A slow sync is slept here.
    pub(crate) fn strikes(&self, on: Fault) -> Option<c_int> {
        let error = match (self.0.fault.load(Ordering::Relaxed), on) {
            (1, Fault::Write) => libc::ENOSPC,
            (2, Fault::Write) | (3, Fault::Sync) => libc::EIO,
            (4, Fault::Sync) => {
                std::thread::sleep(std::time::Duration::from_micros(self.0.delay_us.load(Ordering::Relaxed)));
                return None;
            }
            (_, Fault::Write | Fault::Sync) => return None,
        };
        if self.0.after.fetch_sub(1, Ordering::Relaxed) > 0 {
            return None;
        }
        self.0.struck.fetch_add(1, Ordering::Relaxed);
        Some(error)
    }
}
