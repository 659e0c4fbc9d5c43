//! The host's table as a plugin calls it: checks what comes over the border and hands it to one of the carriers.

#![expect(unsafe_code, reason = "implements the host's C table")]

use std::ffi::c_void;
use std::sync::Arc;

use yizhan_plugin_api::abi::{
    YZ_BAD_DOCUMENT, YZ_DOCUMENT_MAX, YZ_TOO_LARGE, YzBuf, YzBytes, YzHeader, YzHost, YzReply,
};

/// What a carrier does with the plugin's calls. Nothing here may block or panic.
pub(crate) trait Callbacks: Send + Sync + 'static {
    fn complete(&self, call: u64, status: i32, document: &[u8]) -> i32;
    fn emit(&self, call: u64, kind: u32, document: &[u8]) -> i32;
    fn request(&self, call: u64, op: &[u8], args: &[u8], answer: PluginAnswer) -> i32;
    fn is_cancelled(&self, call: u64) -> bool;
}

/// Where a plugin waits for a reply. Dropped without one, the plugin waits for ever: give one.
pub(crate) struct PluginAnswer {
    user: *mut c_void,
    done: YzReply,
}

// SAFETY: the ABI lets a reply come from any thread; `user` is only handed back.
unsafe impl Send for PluginAnswer {}
// SAFETY: there is nothing to do with a shared one.
unsafe impl Sync for PluginAnswer {}

impl PluginAnswer {
    pub(crate) fn give(self, status: i32, document: Vec<u8>) {
        if let Some(done) = self.done {
            // SAFETY: taken by value, so called once; the buffer is handed over.
            unsafe { done(self.user, status, YzBuf::of(document)) }
        }
    }
}

/// The table for one instance. It is never freed: a plugin that calls after `destroy` must not read freed memory.
pub(crate) fn lend<C: Callbacks>(callbacks: Arc<C>) -> *const YzHost {
    Box::leak(Box::new(YzHost {
        hdr: YzHeader::of::<YzHost>(),
        ctx: Arc::into_raw(callbacks).cast_mut().cast::<c_void>(),
        complete: Some(complete::<C>),
        emit: Some(emit::<C>),
        request: Some(request::<C>),
        is_cancelled: Some(is_cancelled::<C>),
    }))
}

/// # Safety
/// `ctx` is the `Arc<C>` leaked in `lend`.
unsafe fn callbacks<'a, C: Callbacks>(ctx: *mut c_void) -> &'a C {
    // SAFETY: promised by the caller, and never freed.
    unsafe { &*ctx.cast_const().cast::<C>() }
}

unsafe extern "C" fn complete<C: Callbacks>(ctx: *mut c_void, call: u64, status: i32, out: YzBuf) -> i32 {
    // SAFETY: the plugin gives back our `ctx`.
    let callbacks = unsafe { callbacks::<C>(ctx) };
    if !out.is_plausible() {
        // Neither read nor given back: nothing it says can be believed.
        callbacks.complete(call, YZ_BAD_DOCUMENT, b"");
        return YZ_BAD_DOCUMENT;
    }
    let known = if out.len > YZ_DOCUMENT_MAX {
        callbacks.complete(call, YZ_TOO_LARGE, b"");
        YZ_TOO_LARGE
    } else {
        // SAFETY: plausible, and owned by us until given back.
        callbacks.complete(call, status, unsafe { out.as_slice() })
    };
    // SAFETY: owned, and not used afterwards.
    unsafe { out.give_back() };
    known
}

unsafe extern "C" fn emit<C: Callbacks>(ctx: *mut c_void, call: u64, kind: u32, json: YzBytes) -> i32 {
    if json.len > YZ_DOCUMENT_MAX || (json.ptr.is_null() && json.len > 0) {
        return YZ_BAD_DOCUMENT;
    }
    // SAFETY: the plugin gives back our `ctx`, and the bytes outlast the call.
    unsafe { callbacks::<C>(ctx).emit(call, kind, json.as_slice()) }
}

unsafe extern "C" fn request<C: Callbacks>(
    ctx: *mut c_void,
    call: u64,
    op: YzBytes,
    json: YzBytes,
    user: *mut c_void,
    done: YzReply,
) -> i32 {
    for bytes in [op, json] {
        if bytes.len > YZ_DOCUMENT_MAX {
            return YZ_TOO_LARGE;
        }
        if bytes.ptr.is_null() && bytes.len > 0 {
            return YZ_BAD_DOCUMENT;
        }
    }
    if done.is_none() {
        return YZ_BAD_DOCUMENT;
    }
    // SAFETY: the plugin gives back our `ctx`, and the bytes outlast the call.
    let (callbacks, op, json) = unsafe { (callbacks::<C>(ctx), op.as_slice(), json.as_slice()) };
    callbacks.request(call, op, json, PluginAnswer { user, done })
}

unsafe extern "C" fn is_cancelled<C: Callbacks>(ctx: *mut c_void, call: u64) -> i32 {
    // SAFETY: the plugin gives back our `ctx`.
    i32::from(unsafe { callbacks::<C>(ctx) }.is_cancelled(call))
}
