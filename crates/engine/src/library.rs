//! The workflows in force, and the texts that older runs still hold.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use yizhan_workflow::definition::{self, completing};
use yizhan_workflow::id::TextHash;
use yizhan_workflow::plan::{Source, Workflow};

use crate::store::{Reads, StoreError};

/// One workflow as it was last loaded.
#[derive(Clone, Debug)]
pub struct Entry {
    /// What new runs start with: the newest text that checks. None where no text of this file ever did.
    pub workflow: Option<Arc<Workflow>>,
    pub source: Option<Arc<Source>>,
    /// Where the file lies, as it is shown.
    pub path: String,
    /// What is wrong with the file as it lies there now, rendered; the last good text goes on.
    pub faults: Vec<String>,
    pub warnings: Vec<String>,
}

/// The set that is in force, replaced as a whole.
pub type Workflows = BTreeMap<String, Entry>;

/// Shared by the loop, the schedules and whoever answers questions.
#[derive(Debug)]
pub struct Library {
    now: RwLock<Arc<Workflows>>,
    texts: Mutex<HashMap<TextHash, Arc<Workflow>>>,
}

#[derive(Debug, thiserror::Error)]
pub enum TextError {
    #[error("the text {0} is not in the store")]
    Missing(TextHash),
    /// A text that was checked once can be read for ever; if not, this program has forgotten something.
    #[error("the text {0} of an earlier version can no longer be read: {1}")]
    Unreadable(TextHash, String),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Default for Library {
    fn default() -> Self {
        Self { now: RwLock::new(Arc::new(Workflows::new())), texts: Mutex::new(HashMap::new()) }
    }
}

impl Library {
    #[must_use]
    pub fn workflows(&self) -> Arc<Workflows> {
        self.now.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The text with which a run of this workflow begins now.
    #[must_use]
    pub fn current(&self, name: &str) -> Option<Arc<Workflow>> {
        self.workflows().get(name)?.workflow.clone()
    }

    /// Replaces the set. The texts must have been given to the store before (the engine does both).
    pub fn replace(&self, workflows: Workflows) {
        let mut texts = self.texts.lock().unwrap_or_else(PoisonError::into_inner);
        for workflow in workflows.values().filter_map(|entry| entry.workflow.as_ref()) {
            texts.insert(workflow.hash.clone(), workflow.clone());
            texts.extend(workflow.start_forms().map(|(_, form)| (form.hash.clone(), Arc::new(form))));
        }
        drop(texts);
        *self.now.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(workflows);
    }

    /// The workflow of a text: from memory, else read again from the store.
    pub fn text(&self, hash: &TextHash, reads: &dyn Reads) -> Result<Arc<Workflow>, TextError> {
        if let Some(known) = self.texts.lock().unwrap_or_else(PoisonError::into_inner).get(hash) {
            return Ok(known.clone());
        }
        let source = reads.text(hash)?.ok_or_else(|| TextError::Missing(hash.clone()))?;
        let workflow = read(hash, &source)?;
        self.texts.lock().unwrap_or_else(PoisonError::into_inner).insert(hash.clone(), workflow.clone());
        Ok(workflow)
    }
}

fn read(hash: &TextHash, source: &Source) -> Result<Arc<Workflow>, TextError> {
    let (trigger, source) = match completing::marked(source) {
        Some((trigger, whole)) => (Some(trigger), whole),
        None => (None, source.clone()),
    };
    let unreadable = |said: String| TextError::Unreadable(hash.clone(), said);
    let read = definition::read(&source, &source.files).map_err(|problems| {
        unreadable(problems.iter().map(|problem| problem.code).collect::<Vec<_>>().join(", "))
    })?;
    match trigger {
        None => Ok(read.workflow),
        Some(trigger) => completing::start_form(&read.workflow, &trigger)
            .map(Arc::new)
            .ok_or_else(|| unreadable(format!("`{trigger}` has no form to complete"))),
    }
}
