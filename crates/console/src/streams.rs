//! How many streams are open, in all and of one caller: each holds a connection for as long as a page is looked at.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::refusal::Refusal;

/// Of one caller: some windows on some screens.
const OF_ONE: usize = 30;

#[derive(Debug)]
pub(crate) struct Streams {
    most: usize,
    open: Mutex<BTreeMap<String, usize>>,
}

/// Held as long as a stream lives.
#[derive(Debug)]
pub(crate) struct Held {
    who: String,
    of: Arc<Streams>,
}

impl Streams {
    pub(crate) fn new(most: usize) -> Self {
        Self { most, open: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, usize>> {
        // Nothing is half done under this lock.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn count(&self) -> usize {
        self.lock().values().sum()
    }

    pub(crate) fn open(self: &Arc<Self>, who: &str) -> Result<Held, Refusal> {
        let mut open = self.lock();
        let all: usize = open.values().sum();
        let own = open.get(who).copied().unwrap_or_default();
        if all >= self.most || own >= OF_ONE {
            return Err(Refusal::TooManyStreams { most: if own >= OF_ONE { OF_ONE } else { self.most } });
        }
        open.insert(who.to_owned(), own + 1);
        Ok(Held { who: who.to_owned(), of: self.clone() })
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut open = self.of.lock();
        if let Some(own) = open.get_mut(&self.who) {
            *own -= 1;
            if *own == 0 {
                open.remove(&self.who);
            }
        }
    }
}
