//! The trigger `files`: what is dropped into a folder starts runs once it is whole, and is moved to `done/` or
//! `failed/` with the reason.

mod aside;
mod beneath;
pub(crate) mod content;
mod pattern;
mod take;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use notify::RecursiveMode;
use tokio::sync::Notify;
use yizhan_engine::Engine;
use yizhan_workflow::plan::{FilePer, Starts, Workflow};

use super::watch::Watch;
use crate::artifacts::Artifacts;
use crate::config::Config;
use crate::home::Home;
use crate::plugins::span;
use crate::workflows::Stamp;
use take::{Taken, Taker};

pub(crate) use content::{by_labels, rows_of};
pub(crate) use take::{Came, Miss, passes, start_each};

/// Files that one look takes on; the rest waits for the next, so that no flood holds up the others.
const AT_ONCE: usize = 200;
/// After a look that had to leave files for the time being.
const SOON: Duration = Duration::from_millis(500);

/// A trigger with what it needs to be fired.
#[derive(Clone, Debug)]
pub(crate) struct Slot {
    pub(crate) workflow: Arc<Workflow>,
    pub(crate) trigger: Arc<str>,
    pub(crate) pattern: String,
    pub(crate) per: FilePer,
}

/// What was seen of a file that is not whole yet.
#[derive(Clone, Copy, Debug)]
struct Seen {
    stamp: Stamp,
    since: Instant,
}

/// All folders of all triggers.
pub(crate) struct Folders {
    work: PathBuf,
    settle: Duration,
    rescan: Duration,
    engine: Engine,
    taker: Taker,
    seen: BTreeMap<PathBuf, Seen>,
}

impl Folders {
    pub(crate) fn new(home: &Home, config: &Config, engine: Engine) -> Self {
        let artifacts = Artifacts::new(home.artifacts());
        Self {
            work: home.work.clone(),
            settle: span(config.files.settle),
            rescan: span(config.files.rescan),
            taker: Taker {
                engine: engine.clone(),
                artifacts,
                work: home.work.clone(),
                size_max: config.files.size_max,
                language: config.language,
            },
            engine,
            seen: BTreeMap::new(),
        }
    }

    /// Goes on until dropped.
    pub(crate) async fn keep(mut self) {
        let bell = Arc::new(Notify::new());
        let mut watch = Watch::new(bell.clone());
        loop {
            let slots = self.slots();
            self.prepare(&slots, &mut watch);
            let again = self.look(&slots, &watch).await;
            tokio::select! {
                () = bell.notified() => {}
                () = tokio::time::sleep(again.unwrap_or(self.rescan)) => {}
            }
        }
    }

    fn slots(&self) -> Vec<Slot> {
        let workflows = self.engine.shared.library.workflows();
        let texts = workflows.values().filter_map(|entry| entry.workflow.as_ref());
        texts
            .flat_map(|workflow| workflow.triggers.iter().map(move |trigger| (workflow, trigger)))
            // What is dropped meanwhile lies there until it goes on.
            .filter(|(workflow, trigger)| self.engine.shared.paused(&workflow.name, &trigger.name).is_none())
            .filter_map(|(workflow, trigger)| match &trigger.starts {
                Starts::Files { pattern, per } => Some(Slot {
                    workflow: workflow.clone(),
                    trigger: trigger.name.clone(),
                    pattern: pattern.clone(),
                    per: *per,
                }),
                Starts::Schedule(_)
                | Starts::Webhook(_)
                | Starts::Mail(_)
                | Starts::ByHand { .. }
                | Starts::Event { .. } => None,
            })
            .collect()
    }

    /// Makes the folders that triggers name, so that something can be dropped, and watches them.
    fn prepare(&self, slots: &[Slot], watch: &mut Watch) {
        watch.forget_gone();
        for slot in slots {
            let fixed = pattern::fixed(&slot.pattern);
            let folder = self.work.join(&fixed);
            if !folder.is_dir()
                && let Err(error) = beneath::Folder::make_all(&self.work, &fixed)
            {
                tracing::warn!(folder = %folder.display(), %error, "a trigger's folder cannot be made");
            }
            watch.add(folder, RecursiveMode::Recursive);
        }
    }

    /// Takes what is whole. Says when to look again, where that is soon.
    async fn look(&mut self, slots: &[Slot], watch: &Watch) -> Option<Duration> {
        let mut found: BTreeMap<PathBuf, Vec<&Slot>> = BTreeMap::new();
        for slot in slots {
            for path in pattern::find(&self.work, &slot.pattern) {
                found.entry(path).or_default().push(slot);
            }
        }
        self.seen.retain(|path, _| found.contains_key(path));
        let renamed = watch.renamed();
        let now = Instant::now();
        let (mut soonest, mut taken) = (None::<Duration>, 0);
        for (path, slots) in found {
            let Some(left) = self.left(&path, renamed.contains(&path), now) else { continue };
            if !left.is_zero() || taken >= AT_ONCE {
                soonest = Some(soonest.map_or(left, |soonest| soonest.min(left)));
                continue;
            }
            taken += 1;
            match self.taker.take(&path, &slots).await {
                Taken::Done => drop(self.seen.remove(&path)),
                Taken::Later => soonest = Some(SOON),
            }
        }
        soonest
    }

    /// How long until the file is whole; `None` where it is gone.
    fn left(&mut self, path: &Path, renamed: bool, now: Instant) -> Option<Duration> {
        let stamp = Stamp::at(path)?;
        let seen = self.seen.entry(path.to_owned()).or_insert(Seen { stamp, since: now });
        if seen.stamp != stamp {
            *seen = Seen { stamp, since: now };
        }
        if renamed {
            // Whoever renames a file into the folder has written it before. From here on it counts as still.
            seen.since = now.checked_sub(self.settle).unwrap_or(seen.since);
        }
        Some(self.settle.saturating_sub(now.duration_since(seen.since)))
    }
}
