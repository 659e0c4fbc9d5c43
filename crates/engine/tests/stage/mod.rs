//! What the stories of the engine are played with: a clock that somebody turns, actions of which nothing is known, files
//! that are read, and a disk that takes so many commits and no more.

#![allow(dead_code, reason = "no story needs all of it")]

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Condvar, Mutex};

use yizhan_engine::Clock;
use yizhan_engine::library::{Entry, Workflows};
use yizhan_engine::store::Batch;
use yizhan_workflow::catalogue::{Action, Catalogue};
use yizhan_workflow::definition;
use yizhan_workflow::id::Millis;
use yizhan_workflow::plan::{ActionName, Effect, Retry, Source};
use yizhan_workflow::run::World;

/// 2026-11-22, 02:00 in UTC.
pub(crate) const START: i64 = 1_795_312_800_000;

/// A clock that stands until it is turned.
pub(crate) struct Hands(AtomicI64);

impl Hands {
    pub(crate) fn at(milliseconds: i64) -> Arc<Self> {
        Arc::new(Self(AtomicI64::new(milliseconds)))
    }

    pub(crate) fn pass(&self, milliseconds: i64) {
        self.0.fetch_add(milliseconds, Ordering::SeqCst);
    }

    pub(crate) fn turn_to(&self, milliseconds: i64) {
        self.0.store(milliseconds, Ordering::SeqCst);
    }
}

impl Clock for Hands {
    fn now(&self) -> Millis {
        Millis(self.0.load(Ordering::SeqCst))
    }
}

/// Actions of one plugin that have no effect and take whatever they are given.
pub(crate) fn actions<const N: usize>(plugin: &str, names: [&str; N]) -> Catalogue {
    let action = |name: &str| {
        let name = ActionName { plugin: plugin.into(), action: name.into() };
        let action = Action {
            name: name.clone(),
            summary: String::new(),
            effect: Effect::Pure,
            timeout_ms: None,
            outcome: None,
            input: serde_json::json!({}),
            output: serde_json::json!({}),
        };
        (name.to_string(), Arc::new(action))
    };
    Catalogue { actions: names.map(action).into() }
}

/// Nobody lives there, and nothing is tried twice.
pub(crate) fn world(catalogue: Catalogue) -> World {
    World {
        number: 1,
        zone: jiff::tz::TimeZone::UTC,
        catalogue: Arc::new(catalogue),
        people: Arc::default(),
        calendars: Arc::default(),
        registers: Arc::default(),
        retry: Retry::NONE,
        owner: None,
        url: None,
    }
}

/// These files, in force. One without a title gets one.
pub(crate) fn workflows(texts: &[(&str, &str)]) -> Workflows {
    let entry = |name: &str, text: &str| {
        let title = if text.trim_start().starts_with("title = ") { "" } else { "title = \"x\"\n" };
        let source = Source { name: name.into(), text: format!("{title}{text}"), files: BTreeMap::new() };
        let read = definition::read(&source, &source.files).unwrap_or_else(|problems| {
            panic!("{name}: {:?}", problems.iter().map(|problem| problem.code).collect::<Vec<_>>())
        });
        Entry {
            workflow: Some(read.workflow),
            source: Some(Arc::new(read.source)),
            path: name.into(),
            faults: vec![],
            warnings: vec![],
        }
    };
    texts.iter().map(|(name, text)| ((*name).to_owned(), entry(name, text))).collect()
}

/// How many commits with lines of runs the disk still takes.
#[derive(Clone)]
pub(crate) struct Gate(Arc<(Mutex<usize>, Condvar)>);

impl Gate {
    pub(crate) fn open() -> Self {
        Self(Arc::new((Mutex::new(usize::MAX), Condvar::new())))
    }

    pub(crate) fn set(&self, commits: usize) {
        *self.0.0.lock().unwrap() = commits;
        self.0.1.notify_all();
    }

    pub(crate) fn is_shut(&self) -> bool {
        *self.0.0.lock().unwrap() == 0
    }

    /// Waits until what is to be committed may be.
    pub(crate) fn pass(&self, batches: &[Batch]) {
        if batches.iter().any(|batch| !batch.changes.is_empty()) {
            self.enter();
        }
    }

    pub(crate) fn enter(&self) {
        let left = self.0.0.lock().unwrap();
        let mut left = self.0.1.wait_while(left, |left| *left == 0).unwrap();
        if *left != usize::MAX {
            *left -= 1;
        }
    }
}
