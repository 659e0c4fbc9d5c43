//! Keeps the last connection for the next mail, for a minute.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use lettre::transport::smtp::client::AsyncSmtpConnection;

/// Servers close idle lines themselves after some minutes.
const IDLE: Duration = Duration::from_secs(60);
/// Many servers take no more than 100 mails over one line.
const MAILS_MAX: u32 = 50;
const FAREWELL: Duration = Duration::from_secs(2);

pub(crate) struct Line {
    pub(crate) connection: AsyncSmtpConnection,
    /// Sent over it so far.
    pub(crate) mails: u32,
}

#[derive(Clone, Default)]
pub(crate) struct Pool(Arc<Mutex<Kept>>);

#[derive(Default)]
struct Kept {
    line: Option<Line>,
    /// Counts what was kept, so that a minute's end knows whether the line is still the same.
    turn: u64,
}

impl Pool {
    pub(crate) fn take(&self) -> Option<Line> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).line.take()
    }

    /// Must be called in the plugin's runtime.
    pub(crate) fn keep(&self, line: Line) {
        if line.mails >= MAILS_MAX {
            close(line);
            return;
        }
        let (turn, before) = {
            let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            kept.turn += 1;
            (kept.turn, kept.line.replace(line))
        };
        if let Some(before) = before {
            close(before);
        }
        let pool = self.clone();
        tokio::spawn(async move {
            tokio::time::sleep(IDLE).await;
            let idle = {
                let mut kept = pool.0.lock().unwrap_or_else(PoisonError::into_inner);
                if kept.turn == turn { kept.line.take() } else { None }
            };
            if let Some(idle) = idle {
                close(idle);
            }
        });
    }
}

/// Says goodbye beside the work, and waits for no answer for long.
pub(crate) fn close(mut line: Line) {
    tokio::spawn(async move {
        tokio::time::timeout(FAREWELL, line.connection.abort()).await.unwrap_or_default();
    });
}
