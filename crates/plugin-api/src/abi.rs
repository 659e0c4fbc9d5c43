//! The border itself: C tables, borrowed and owned bytes, and the numbers both sides agree on.
//!
//! No Rust type crosses it, so a plugin may use another compiler or another language. `docs/plugin-abi.md` is the
//! same in words. Inside a major version the tables only grow at the end.

#![expect(unsafe_code, reason = "this module is the C border")]

use core::ffi::c_void;
use core::mem::{MaybeUninit, offset_of, size_of};
use core::ptr;

pub const YZ_ABI_MAJOR: u16 = 1;
pub const YZ_ABI_MINOR: u16 = 0;

/// The exported symbol of this major version. One library may export several.
pub const YZ_ENTRY_V1: &str = "yz_plugin_entry_v1";

/// The ELF note that says what a library is before any of its code runs.
pub const YZ_NOTE_NAME: &[u8; 9] = b"YZPLUGIN\0";
pub const YZ_NOTE_TYPE: u32 = 1;

/// No document may be longer; larger things are artifacts.
pub const YZ_DOCUMENT_MAX: usize = 16 << 20;

// What became of a call (`complete`) or of a request (`YzReply`).
pub const YZ_DONE: i32 = 0;
pub const YZ_FAILED: i32 = 1;
pub const YZ_CANCELLED: i32 = 2;
// Refused by the border.
pub const YZ_UNKNOWN_CALL: i32 = -1;
pub const YZ_UNSUPPORTED: i32 = -2;
pub const YZ_BAD_DOCUMENT: i32 = -3;
pub const YZ_DENIED: i32 = -4;
pub const YZ_TOO_LARGE: i32 = -5;

// Kinds of `emit`. Unknown ones are ignored.
pub const YZ_EMIT_LOG: u32 = 1;
pub const YZ_EMIT_PROGRESS: u32 = 2;
pub const YZ_EMIT_HEARTBEAT: u32 = 3;
pub const YZ_EMIT_METRIC: u32 = 4;
pub const YZ_EMIT_CHUNK: u32 = 5;

// Why a call is cancelled. Unknown ones mean the first.
pub const YZ_CANCEL_ASKED: u32 = 1;
pub const YZ_CANCEL_TIMEOUT: u32 = 2;
pub const YZ_CANCEL_SHUTDOWN: u32 = 3;

/// Stands first in every table; its layout is the same in all majors.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct YzHeader {
    /// Of the whole table, as the side that made it was built.
    pub size: u32,
    pub major: u16,
    pub minor: u16,
    /// For changed behaviour only; a new function is seen by `size`.
    pub features: u64,
}

impl YzHeader {
    /// The header of a table of type `T` as built here.
    #[must_use]
    pub const fn of<T>() -> Self {
        Self { size: size_of::<T>() as u32, major: YZ_ABI_MAJOR, minor: YZ_ABI_MINOR, features: 0 }
    }
}

/// Borrowed until the function it was handed to returns.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct YzBytes {
    pub ptr: *const u8,
    pub len: usize,
}

impl YzBytes {
    #[must_use]
    pub const fn of(bytes: &[u8]) -> Self {
        Self { ptr: bytes.as_ptr(), len: bytes.len() }
    }

    /// # Safety
    /// `ptr` must point to `len` readable bytes for `'a`, or `len` be 0.
    #[must_use]
    pub unsafe fn as_slice<'a>(self) -> &'a [u8] {
        if self.ptr.is_null() || self.len == 0 {
            return &[];
        }
        // SAFETY: promised by the caller.
        unsafe { core::slice::from_raw_parts(self.ptr, self.len) }
    }
}

/// Gives an owned buffer's memory back: pointer, length, capacity.
pub type YzFree = unsafe extern "C" fn(*mut u8, usize, usize);

/// Owned by the receiver, who gives it back through `free`: the allocator travels along.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct YzBuf {
    pub ptr: *mut u8,
    pub len: usize,
    pub cap: usize,
    pub free: Option<YzFree>,
}

impl YzBuf {
    pub const EMPTY: Self = Self { ptr: ptr::null_mut(), len: 0, cap: 0, free: None };

    /// Hands `bytes` over; the receiver's `free` brings them back to this allocator.
    #[must_use]
    pub fn of(bytes: Vec<u8>) -> Self {
        let mut bytes = core::mem::ManuallyDrop::new(bytes);
        Self { ptr: bytes.as_mut_ptr(), len: bytes.len(), cap: bytes.capacity(), free: Some(free_vec) }
    }

    /// Whether pointer, length and capacity can belong together at all.
    #[must_use]
    pub fn is_plausible(&self) -> bool {
        if self.ptr.is_null() {
            self.len == 0
        } else {
            self.len <= self.cap && self.cap <= isize::MAX as usize
        }
    }

    /// # Safety
    /// `ptr` must point to `len` readable bytes until [`YzBuf::give_back`], or `len` be 0.
    #[must_use]
    pub unsafe fn as_slice<'a>(&self) -> &'a [u8] {
        // SAFETY: promised by the caller.
        unsafe { YzBytes { ptr: self.ptr, len: self.len }.as_slice() }
    }

    /// # Safety
    /// The buffer must be owned by the caller and not be used afterwards.
    pub unsafe fn give_back(self) {
        if let Some(free) = self.free
            && !self.ptr.is_null()
        {
            // SAFETY: the buffer came with this function for this purpose.
            unsafe { free(self.ptr, self.len, self.cap) }
        }
    }

    /// Copies the bytes out and gives the buffer back; `None` when it cannot be what it says.
    ///
    /// # Safety
    /// A plausible buffer must point to `len` readable bytes and be owned by the caller.
    #[must_use]
    pub unsafe fn take(self, max: usize) -> Option<Vec<u8>> {
        let fits = self.is_plausible() && self.len <= max;
        // SAFETY: promised by the caller.
        let bytes = fits.then(|| unsafe { self.as_slice() }.to_vec());
        if self.is_plausible() {
            // SAFETY: owned, and not used afterwards.
            unsafe { self.give_back() }
        }
        bytes
    }
}

/// Brings a buffer made by [`YzBuf::of`] back.
unsafe extern "C" fn free_vec(ptr: *mut u8, len: usize, cap: usize) {
    // SAFETY: these are the parts of the `Vec` taken apart in `YzBuf::of`.
    drop(unsafe { Vec::from_raw_parts(ptr, len, cap) });
}

/// Answers a request, once, from any thread.
pub type YzReply = Option<unsafe extern "C" fn(user: *mut c_void, status: i32, out: YzBuf)>;

/// What the host offers. Safe to call from any thread; never blocks.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct YzHost {
    pub hdr: YzHeader,
    pub ctx: *mut c_void,
    /// Exactly once a call; a late or second one gets -1.
    pub complete: Option<unsafe extern "C" fn(ctx: *mut c_void, call: u64, status: i32, out: YzBuf) -> i32>,
    pub emit: Option<unsafe extern "C" fn(ctx: *mut c_void, call: u64, kind: u32, json: YzBytes) -> i32>,
    pub request: Option<
        unsafe extern "C" fn(
            ctx: *mut c_void,
            call: u64,
            op: YzBytes,
            json: YzBytes,
            user: *mut c_void,
            done: YzReply,
        ) -> i32,
    >,
    pub is_cancelled: Option<unsafe extern "C" fn(ctx: *mut c_void, call: u64) -> i32>,
}

/// What a plugin offers. Nothing in it blocks, nothing unwinds out of it.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct YzPlugin {
    pub hdr: YzHeader,
    pub describe: Option<unsafe extern "C" fn(out: *mut YzBuf) -> i32>,
    pub create: Option<
        unsafe extern "C" fn(
            host: *const YzHost,
            config: YzBytes,
            inst: *mut *mut c_void,
            err: *mut YzBuf,
        ) -> i32,
    >,
    pub start: Option<
        unsafe extern "C" fn(
            inst: *mut c_void,
            call: u64,
            action: YzBytes,
            ctx: YzBytes,
            input: YzBytes,
        ) -> i32,
    >,
    pub cancel: Option<unsafe extern "C" fn(inst: *mut c_void, call: u64, reason: u32)>,
    /// Finish what is open, start nothing new, then complete this call.
    pub quiesce: Option<unsafe extern "C" fn(inst: *mut c_void, call: u64)>,
    pub destroy: Option<unsafe extern "C" fn(inst: *mut c_void)>,
}

/// The entry symbol; `why` carries the refusal in words when null comes back.
pub type YzEntryV1 = unsafe extern "C" fn(host: *const YzHeader, why: *mut YzBuf) -> *const YzPlugin;

/// Why a table of the other side cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Misfit {
    Null,
    Major { theirs: u16 },
    Size { theirs: u32 },
    Missing { function: &'static str },
}

/// Reads the plugin's table as far as both sides know it: what one side lacks is null, never a read out of bounds.
///
/// # Safety
/// `table` must be null or point to a table as large as its header says.
pub unsafe fn adopt(table: *const YzPlugin) -> Result<YzPlugin, Misfit> {
    // SAFETY: promised by the caller; every bit pattern of zero is a valid `YzPlugin`.
    let table: YzPlugin = unsafe { adopt_any(table)? };
    for (function, there) in [
        ("create", table.create.is_some()),
        ("start", table.start.is_some()),
        ("destroy", table.destroy.is_some()),
    ] {
        if !there {
            return Err(Misfit::Missing { function });
        }
    }
    Ok(table)
}

/// The same for the host's table, seen from the plugin.
///
/// # Safety
/// `table` must be null or point to a table as large as its header says.
pub unsafe fn adopt_host(table: *const YzHost) -> Result<YzHost, Misfit> {
    // SAFETY: promised by the caller; every bit pattern of zero is a valid `YzHost`.
    let table: YzHost = unsafe { adopt_any(table)? };
    if table.complete.is_none() {
        return Err(Misfit::Missing { function: "complete" });
    }
    Ok(table)
}

/// # Safety
/// `T` begins with a [`YzHeader`] and is valid when all its other bytes are zero; `table` is null or as large as its
/// header says.
unsafe fn adopt_any<T>(table: *const T) -> Result<T, Misfit> {
    if table.is_null() {
        return Err(Misfit::Null);
    }
    // SAFETY: each table begins with the header, in all majors.
    let header = unsafe { table.cast::<YzHeader>().read() };
    if header.major != YZ_ABI_MAJOR {
        return Err(Misfit::Major { theirs: header.major });
    }
    // A table of a header alone is as wrong as one of megabytes.
    let theirs = header.size as usize;
    if theirs < size_of::<YzHeader>() || theirs > 4096 {
        return Err(Misfit::Size { theirs: header.size });
    }
    let mut ours = MaybeUninit::<T>::zeroed();
    let both = theirs.min(size_of::<T>());
    // SAFETY: both are at least `both` bytes long, and do not overlap.
    unsafe { ptr::copy_nonoverlapping(table.cast::<u8>(), ours.as_mut_ptr().cast::<u8>(), both) };
    // SAFETY: zero where nothing was copied, which is null for a function and a pointer.
    Ok(unsafe { ours.assume_init() })
}

// The layout is a promise; a change of these numbers is a change of the major version.
const _: () = {
    assert!(size_of::<YzHeader>() == 16);
    assert!(offset_of!(YzHeader, major) == 4 && offset_of!(YzHeader, minor) == 6);
    assert!(offset_of!(YzHeader, features) == 8);
};
#[cfg(target_pointer_width = "64")]
const _: () = {
    assert!(size_of::<YzBytes>() == 16 && offset_of!(YzBytes, len) == 8);
    assert!(size_of::<YzBuf>() == 32 && offset_of!(YzBuf, len) == 8);
    assert!(offset_of!(YzBuf, cap) == 16 && offset_of!(YzBuf, free) == 24);
    assert!(offset_of!(YzHost, ctx) == 16 && offset_of!(YzHost, complete) == 24);
    assert!(offset_of!(YzHost, emit) == 32 && offset_of!(YzHost, request) == 40);
    assert!(offset_of!(YzHost, is_cancelled) == 48 && size_of::<YzHost>() == 56);
    assert!(offset_of!(YzPlugin, describe) == 16 && offset_of!(YzPlugin, create) == 24);
    assert!(offset_of!(YzPlugin, start) == 32 && offset_of!(YzPlugin, cancel) == 40);
    assert!(offset_of!(YzPlugin, quiesce) == 48 && offset_of!(YzPlugin, destroy) == 56);
    assert!(size_of::<YzPlugin>() == 64);
};
