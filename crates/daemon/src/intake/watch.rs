//! Hears that something changed below folders. Notices can be lost, so whoever listens also looks by itself.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use notify::event::{ModifyKind, RenameMode};
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::Notify;

/// Names that are kept of files that were renamed into place. With more, the others only wait a little longer.
const RENAMED_MOST: usize = 4_096;

/// As long as it lives, changes ring the bell.
pub(crate) struct Watch {
    watcher: Option<RecommendedWatcher>,
    watched: Vec<PathBuf>,
    renamed: Arc<Mutex<BTreeSet<PathBuf>>>,
}

impl Watch {
    pub(crate) fn new(bell: Arc<Notify>) -> Self {
        let renamed: Arc<Mutex<BTreeSet<PathBuf>>> = Arc::default();
        let names = renamed.clone();
        let watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
            if let Ok(event) = &event {
                // Reading a file is no change; without this every look would ring again.
                if event.kind.is_access() {
                    return;
                }
                keep_renamed(event, &names);
            }
            bell.notify_one();
        });
        let watcher = watcher.inspect_err(|error| {
            tracing::warn!(%error, "changes are not noticed at once, only at the next look around");
        });
        Self { watcher: watcher.ok(), watched: Vec::new(), renamed }
    }

    /// Adds a folder. One that is not there is tried again at the next call.
    pub(crate) fn add(&mut self, folder: PathBuf, mode: RecursiveMode) {
        let Some(watcher) = &mut self.watcher else { return };
        if self.watched.contains(&folder) || !folder.is_dir() {
            return;
        }
        match watcher.watch(&folder, mode) {
            Ok(()) => self.watched.push(folder),
            Err(error) => tracing::warn!(folder = %folder.display(), %error, "changes here are noticed late"),
        }
    }

    /// What was watched and is gone is watched anew when it comes back.
    pub(crate) fn forget_gone(&mut self) {
        self.watched.retain(|folder| folder.is_dir());
    }

    /// Files that were renamed into place since the last question.
    pub(crate) fn renamed(&self) -> BTreeSet<PathBuf> {
        std::mem::take(&mut *self.renamed.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn keep_renamed(event: &Event, names: &Mutex<BTreeSet<PathBuf>>) {
    if let EventKind::Modify(ModifyKind::Name(RenameMode::To | RenameMode::Both)) = event.kind
        && let Some(path) = event.paths.last()
    {
        let mut names = names.lock().unwrap_or_else(PoisonError::into_inner);
        if names.len() < RENAMED_MOST {
            names.insert(path.clone());
        }
    }
}
