//! Which text of each workflow was good last: a daemon that starts again over a broken file goes on with that one.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use yizhan_engine::library::Workflows;
use yizhan_engine::store::Reads;
use yizhan_workflow::definition;
use yizhan_workflow::id::TextHash;
use yizhan_workflow::plan::{Source, Workflow};

use crate::artifacts::write_whole;
use crate::home::Home;

/// Names with the hashes of their texts; the texts are in the store.
pub(super) struct Good {
    path: PathBuf,
    hashes: BTreeMap<String, TextHash>,
}

impl Good {
    pub(super) fn read(home: &Home) -> Self {
        let path = home.data.join("in-force.json");
        let hashes =
            std::fs::read(&path).ok().and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_default();
        Self { path, hashes }
    }

    pub(super) fn stored(&self, name: &str, reads: &dyn Reads) -> Option<(Arc<Workflow>, Arc<Source>)> {
        let hash = self.hashes.get(name)?;
        let source = reads
            .text(hash)
            .inspect_err(|error| tracing::warn!(workflow = name, %error, "its last good text cannot be read"))
            .ok()??;
        let read = definition::read(&source, &source.files).ok()?;
        Some((read.workflow, Arc::new(source)))
    }

    /// Keeps what is in force, once its texts are in the store.
    pub(super) fn remember(&mut self, workflows: &Workflows) {
        let good = workflows
            .iter()
            .filter_map(|(name, entry)| Some((name.clone(), entry.workflow.as_ref()?.hash.clone())));
        let hashes: BTreeMap<String, TextHash> = good.collect();
        if hashes == self.hashes {
            return;
        }
        let written =
            serde_json::to_vec(&hashes).map_err(Into::into).and_then(|text| write_whole(&self.path, &text));
        match written {
            Ok(()) => self.hashes = hashes,
            Err(error) => tracing::warn!(%error, "which texts are in force could not be written down"),
        }
    }
}
