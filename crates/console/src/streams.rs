//! How many streams are open, in all and of one caller: each holds a connection for as long as a page is looked at. The same of
//! those who wait for the end of a run.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::refusal::Refusal;

/// Of one caller: some windows on some screens.
pub(crate) const OF_ONE: usize = 30;

#[derive(Debug)]
pub(crate) struct Streams {
    most: usize,
    of_one: usize,
    open: Mutex<BTreeMap<String, usize>>,
}

/// Held as long as a stream lives.
#[derive(Debug)]
pub(crate) struct Held {
    who: String,
    of: Arc<Streams>,
}

impl Streams {
    pub(crate) fn new(most: usize, of_one: usize) -> Self {
        Self { most, of_one, open: Mutex::default() }
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
        if all >= self.most || own >= self.of_one {
            return Err(Refusal::TooManyStreams {
                most: if own >= self.of_one { self.of_one } else { self.most },
            });
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
