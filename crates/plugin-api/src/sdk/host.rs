//! The host as the plugin's copy of the SDK sees it: its table, closed once the instance is gone.

#![expect(unsafe_code, reason = "calls the host's C table")]

use std::ffi::c_void;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::task::{Context, Poll, Waker};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::abi::{YZ_DENIED, YZ_DOCUMENT_MAX, YZ_DONE, YZ_TOO_LARGE, YZ_UNSUPPORTED, YzBuf, YzBytes, YzHost};
use crate::sdk::error::{Error, Result};

/// The host's services. Cheap to clone.
#[derive(Clone)]
pub struct Host(Arc<Inner>);

struct Inner {
    table: YzHost,
    /// Set by `destroy`, after which the plugin must not call the host; readers hold it during a call.
    closed: RwLock<bool>,
}

// SAFETY: the ABI promises that the host's functions may be called from any thread with its `ctx`.
unsafe impl Send for Inner {}
// SAFETY: as above.
unsafe impl Sync for Inner {}

impl Host {
    /// # Safety
    /// The functions of `table` must be callable from any thread until [`Host::close`].
    pub(crate) unsafe fn new(table: YzHost) -> Self {
        Self(Arc::new(Inner { table, closed: RwLock::new(false) }))
    }

    pub(crate) fn close(&self) {
        *self.0.closed.write().unwrap_or_else(PoisonError::into_inner) = true;
    }

    fn with<T>(&self, call: impl FnOnce(&YzHost) -> Option<T>) -> Option<T> {
        let closed = self.0.closed.read().unwrap_or_else(PoisonError::into_inner);
        if *closed { None } else { call(&self.0.table) }
    }

    pub(crate) fn complete(&self, call: u64, status: i32, document: Vec<u8>) -> i32 {
        self.with(|table| {
            let complete = table.complete?;
            // SAFETY: the table is live (not closed) and the buffer is handed over whole.
            Some(unsafe { complete(table.ctx, call, status, YzBuf::of(document)) })
        })
        .unwrap_or(YZ_UNSUPPORTED)
    }

    pub(crate) fn emit(&self, call: u64, kind: u32, document: &[u8]) {
        self.with(|table| {
            let emit = table.emit?;
            // SAFETY: the table is live and the bytes outlast the call.
            Some(unsafe { emit(table.ctx, call, kind, YzBytes::of(document)) })
        });
    }

    pub(crate) fn is_cancelled(&self, call: u64) -> bool {
        self.with(|table| {
            let is_cancelled = table.is_cancelled?;
            // SAFETY: the table is live.
            Some(unsafe { is_cancelled(table.ctx, call) } == 1)
        })
        .unwrap_or(false)
    }

    /// Asks a service: `op` with its version, `http.fetch/1`. Both documents are in `docs/plugin-abi.md`.
    pub(crate) async fn request<A: Serialize, R: DeserializeOwned>(
        &self,
        call: u64,
        op: &'static str,
        args: &A,
    ) -> Result<R> {
        let args = serde_json::to_vec(args)?;
        if args.len() > YZ_DOCUMENT_MAX {
            return Err(too_large(op));
        }
        let (status, document) = self.ask(call, op, &args)?.await;
        match status {
            YZ_DONE => serde_json::from_slice(&document).map_err(|error| {
                Error::new(
                    "plugin.host_reply",
                    format!("the host's reply to {op} is not understood: {error}"),
                )
            }),
            YZ_UNSUPPORTED => Err(unsupported(op)),
            YZ_TOO_LARGE => Err(too_large(op)),
            _ => Err(serde_json::from_slice(&document).unwrap_or_else(|_| {
                let code = if status == YZ_DENIED { "plugin.denied" } else { "plugin.host_refused" };
                Error::refused(code, format!("the host refused {op} with status {status}"))
            })),
        }
    }

    fn ask(&self, call: u64, op: &str, args: &[u8]) -> Result<Answer> {
        let slot = Arc::new(Slot::default());
        let status = self.with(|table| {
            let request = table.request?;
            let user = Arc::into_raw(Arc::clone(&slot)).cast_mut().cast::<c_void>();
            // SAFETY: the table is live; `answered` takes back the `Arc` given as `user`, once.
            let status = unsafe {
                request(table.ctx, call, YzBytes::of(op.as_bytes()), YzBytes::of(args), user, Some(answered))
            };
            if status < 0 {
                // SAFETY: refused at once, so `answered` will not be called and the count is still ours.
                drop(unsafe { Arc::from_raw(user.cast_const().cast::<Slot>()) });
            }
            Some(status)
        });
        match status {
            Some(0..) => Ok(Answer(slot)),
            Some(YZ_UNSUPPORTED) | None => Err(unsupported(op)),
            Some(YZ_TOO_LARGE) => Err(too_large(op)),
            Some(status) => {
                Err(Error::refused("plugin.denied", format!("the host refused {op} with status {status}")))
            }
        }
    }
}

fn unsupported(op: &str) -> Error {
    Error::refused("plugin.unsupported", format!("this host does not offer `{op}`"))
}

fn too_large(op: &str) -> Error {
    Error::refused("plugin.too_large", format!("the request to `{op}` is larger than the host takes"))
        .help("store large content as an artifact")
}

#[derive(Default)]
struct Slot(Mutex<Waiting>);

#[derive(Default)]
struct Waiting {
    answer: Option<(i32, Vec<u8>)>,
    waker: Option<Waker>,
}

/// # Safety
/// `user` is the `Arc<Slot>` given away in `ask`, and this is called once.
unsafe extern "C" fn answered(user: *mut c_void, status: i32, out: YzBuf) {
    // SAFETY: given away by `ask` for this one call.
    let slot = unsafe { Arc::from_raw(user.cast_const().cast::<Slot>()) };
    // SAFETY: the host hands the buffer over.
    let document = unsafe { out.take(YZ_DOCUMENT_MAX) }.unwrap_or_default();
    let waker = {
        let mut waiting = slot.0.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.answer = Some((status, document));
        waiting.waker.take()
    };
    if let Some(waker) = waker {
        waker.wake();
    }
}

struct Answer(Arc<Slot>);

impl Future for Answer {
    type Output = (i32, Vec<u8>);

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut waiting = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(answer) = waiting.answer.take() {
            return Poll::Ready(answer);
        }
        waiting.waker = Some(cx.waker().clone());
        Poll::Pending
    }
}
