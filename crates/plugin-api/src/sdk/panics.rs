//! Keeps a panic inside the plugin and tells it as an error with its place.

use std::backtrace::Backtrace;
use std::cell::{Cell, RefCell};
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;

use crate::sdk::error::Error;

thread_local! {
    static CATCHING: Cell<bool> = const { Cell::new(false) };
    static LAST: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Runs the author's code; a panic comes back as `plugin.panic`.
pub(crate) fn contain<T>(code: impl FnOnce() -> T) -> Result<T, Error> {
    watch();
    let outer = CATCHING.replace(true);
    let result = panic::catch_unwind(AssertUnwindSafe(code));
    CATCHING.set(outer);
    result.map_err(|payload| {
        let message = LAST.take().unwrap_or_else(|| "panicked".to_owned());
        // A payload may panic when dropped; forgetting it costs less than ending the process.
        std::mem::forget(payload);
        Error::new("plugin.panic", message).help("this is a fault of the plugin; report it to its author")
    })
}

/// The hook sees the place, which the payload does not carry. This copy of std belongs to the plugin alone.
fn watch() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if !CATCHING.get() {
                before(info);
                return;
            }
            let words = info.payload_as_str().unwrap_or("no message");
            let place = info.location().map(ToString::to_string).unwrap_or_default();
            LAST.set(Some(format!("panicked at {place}: {words}")));
            // Empty unless RUST_BACKTRACE is set, which a child's environment never has.
            let trace = Backtrace::capture();
            if trace.status() == std::backtrace::BacktraceStatus::Captured {
                tracing::error!(%trace, "panicked at {place}");
            }
        }));
    });
}
