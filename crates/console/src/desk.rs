//! What every handler has at hand, and how it reads the store without holding up the others.

use std::sync::atomic::AtomicU64;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use tokio::sync::{Semaphore, watch};
use yizhan_access::Access;
use yizhan_engine::store::Reads;
use yizhan_engine::{Engine, Shared};
use yizhan_workflow::people::rights::Role;

use crate::App;
use crate::arriving;
use crate::caller::Caller;
use crate::connections::Connections;
use crate::ends::Ends;
use crate::house::{House, Language};
use crate::once::UnderWay;
use crate::refusal::Refusal;
use crate::settings::HttpSettings;
use crate::strangers::Strangers;
use crate::streams::{OF_ONE, Streams};

/// Threads that may read the store or the disk for us at once; more requests wait their turn.
const READING_MAX: usize = 8;

/// What strangers may have us keep of their bodies, all of them together.
const STRANGERS_BYTES: usize = 32 * 1024 * 1024;

pub struct Desk {
    pub(crate) engine: Engine,
    pub(crate) house: Arc<dyn House>,
    pub(crate) settings: HttpSettings,
    pub(crate) access: Arc<Access>,
    pub(crate) connections: Arc<Connections>,
    /// True once we stop: long answers end early.
    pub(crate) closes: watch::Receiver<bool>,
    pub(crate) strangers: Arc<Strangers>,
    /// Acts of the known that may be under way, also of those who have hung up.
    pub(crate) acts: Arc<Semaphore>,
    pub(crate) under_way: Arc<UnderWay>,
    pub(crate) ends: Arc<Ends>,
    pub(crate) streams: Arc<Streams>,
    /// Those who wait for the end of a run.
    pub(crate) waits: Arc<Streams>,
    /// Large bodies that are coming.
    pub(crate) arriving: Arc<Streams>,
    /// For whole bodies, in KiB.
    pub(crate) room: Arc<Semaphore>,
    pub(crate) counts: Counts,
    /// What the API is, once its routes are made.
    pub(crate) document: OnceLock<Bytes>,
    reading: Arc<Semaphore>,
    trying: Arc<Semaphore>,
}

/// What metrics show of the HTTP side.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub requests: AtomicU64,
    pub refused: AtomicU64,
    pub hooks_taken: AtomicU64,
    pub hooks_repeated: AtomicU64,
    pub hooks_refused: AtomicU64,
}

impl Desk {
    pub(crate) fn new(app: App, closes: watch::Receiver<bool>) -> Self {
        let App { engine, house, settings, access } = app;
        // Some of the largest always find room.
        let bytes = STRANGERS_BYTES.max(settings.body_max.saturating_mul(4));
        let strangers = Arc::new(Strangers::new((settings.connections_max / 4).max(1), bytes));
        let acts = Arc::new(Semaphore::new(settings.connections_max.max(1)));
        // The other half of the lines is for those that ask and go.
        let streams = Arc::new(Streams::new((settings.connections_max / 2).max(1), OF_ONE));
        let places = settings.connections_max;
        let waits = Arc::new(Streams::new((places / 4).max(1), (places / 8).max(1)));
        let room = Arc::new(Semaphore::new(arriving::room(settings.artifact_max.max(settings.body_max))));
        Self {
            engine,
            house,
            settings,
            access,
            connections: Arc::default(),
            closes,
            strangers,
            acts,
            under_way: Arc::default(),
            ends: Arc::default(),
            streams,
            waits,
            arriving: Arc::new(Streams::new((places / 4).max(1), arriving::OF_ONE)),
            room,
            counts: Counts::default(),
            document: OnceLock::new(),
            reading: Arc::new(Semaphore::new(READING_MAX)),
            trying: Arc::new(Semaphore::new(1)),
        }
    }

    /// In which language sentences are: the one that was asked for, else that of the house.
    pub(crate) fn language(&self, asked: Option<Language>) -> Language {
        asked.unwrap_or_else(|| self.house.language())
    }

    pub(crate) fn shared(&self) -> &Shared {
        &self.engine.shared
    }

    pub(crate) fn reads(&self) -> &dyn Reads {
        &*self.engine.shared.reads
    }

    /// The workflows on which a caller has a role; none: all.
    pub(crate) fn workflows_for(&self, caller: &Caller, role: Role) -> Option<Vec<String>> {
        if caller.rights.may_everywhere(role) {
            return None;
        }
        let mut names = caller.rights.named(role);
        let library = self.shared().library.workflows();
        names.extend(library.keys().filter(|name| caller.rights.may(role, name)).map(ToString::to_string));
        Some(names)
    }

    pub(crate) fn is_closing(&self) -> bool {
        *self.closes.borrow()
    }

    /// Does what may block where it holds up nobody else.
    pub(crate) async fn read<T: Send + 'static>(
        self: &Arc<Self>,
        read: impl FnOnce(&Self) -> Result<T, Refusal> + Send + 'static,
    ) -> Result<T, Refusal> {
        let turn = self.reading.clone().acquire_owned().await.map_err(|_| Refusal::Stopping)?;
        let desk = self.clone();
        let reading = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            read(&desk)
        });
        reading.await.unwrap_or_else(|error| Err(Refusal::bug("a reading panicked", &error)))
    }

    /// Walks through a case. That may take long, so one waits for the other and nobody else waits for them.
    pub(crate) async fn walk<T: Send + 'static>(
        self: &Arc<Self>,
        walk: impl FnOnce(&Self) -> Result<T, Refusal> + Send + 'static,
    ) -> Result<T, Refusal> {
        // Held until it is over, also where nobody waits for it any more.
        let turn = self.trying.clone().acquire_owned().await.map_err(|_| Refusal::Stopping)?;
        let walking = move |desk: &Self| {
            let _turn = turn;
            walk(desk)
        };
        self.read(walking).await
    }
}
