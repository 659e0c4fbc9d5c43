//! The functions that we stand before.

use std::ffi::{CStr, c_int, c_void};

use libc::{off64_t, size_t, ssize_t};

#[derive(Clone, Copy)]
pub(crate) struct Real {
    pub(crate) write: Write,
    pub(crate) pwrite64: Pwrite,
    pub(crate) fsync: OfFd,
    pub(crate) fdatasync: OfFd,
    pub(crate) close: OfFd,
}

/// The next function of this name after ours. A C library that lacks one is no place to go on from.
fn next(name: &CStr) -> *mut c_void {
    // SAFETY: a name that ends, and a look-up that changes nothing.
    let found = unsafe { libc::dlsym(libc::RTLD_NEXT, name.as_ptr()) };
    if found.is_null() {
        std::process::abort();
    }
    found
}

type Write = unsafe extern "C" fn(c_int, *const c_void, size_t) -> ssize_t;
type Pwrite = unsafe extern "C" fn(c_int, *const c_void, size_t, off64_t) -> ssize_t;
type OfFd = unsafe extern "C" fn(c_int) -> c_int;

impl Real {
    pub(crate) fn find() -> Self {
        // SAFETY: the C library's own functions have these shapes.
        unsafe {
            Self {
                write: std::mem::transmute::<*mut c_void, Write>(next(c"write")),
                pwrite64: std::mem::transmute::<*mut c_void, Pwrite>(next(c"pwrite64")),
                fsync: std::mem::transmute::<*mut c_void, OfFd>(next(c"fsync")),
                fdatasync: std::mem::transmute::<*mut c_void, OfFd>(next(c"fdatasync")),
                close: std::mem::transmute::<*mut c_void, OfFd>(next(c"close")),
            }
        }
    }
}
