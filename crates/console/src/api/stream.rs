//! What changes, as it changes: server-sent events that say no more than that somebody may want to look again. What there is
//! to see is asked for then, by the same rights as ever, so the stream can tell nobody what a list would not.

use std::collections::{BTreeMap, hash_map::DefaultHasher};
use std::convert::Infallible;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use serde::{Deserialize, Serialize};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::{RecvError, TryRecvError};
use tokio::time::{Instant, sleep_until, timeout_at};
use utoipa::{IntoParams, ToSchema};
use yizhan_engine::{Changed, ChangedRun};
use yizhan_workflow::id::RunId;
use yizhan_workflow::people::rights::Role;

use super::runs::{may_look, run_named};
use super::tasks::{rows_of_caller, run_of};
use crate::body::Asked;
use crate::caller::{Asker, Caller};
use crate::desk::Desk;
use crate::openapi::{Gives, Making, any};
use crate::refusal::Refusal;
use crate::streams::Held;
use crate::view::task_row;

pub(crate) const MEDIA: &str = "text/event-stream";
/// Between two words to one watcher: what changes meanwhile is said at once then.
const PAUSE: Duration = Duration::from_secs(1);
/// Runs that are named at once; beyond it anything may have changed.
const NAMED_MAX: usize = 100;
/// Tasks of somebody that are compared.
const TASKS: usize = 200;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    Run,
    Tasks,
    House,
}

/// What somebody wants to hear of.
#[derive(Debug, Default, Deserialize, IntoParams)]
pub(crate) struct Watched {
    /// Of this run alone.
    run: Option<String>,
    /// Of this task and its case alone: `tasks` is said whenever something of them changes.
    task: Option<String>,
    /// Of this kind alone: `run`, `tasks` or `house`.
    #[param(value_type = Option<String>)]
    only: Option<Kind>,
    /// After so many seconds the stream ends; where nothing is said, when either side leaves.
    seconds: Option<u32>,
}

/// One that is open.
struct Watcher {
    desk: Arc<Desk>,
    asker: Asker,
    caller: Caller,
    changes: Receiver<Changed>,
    run: Option<RunId>,
    /// The case of the task that is looked at.
    case: Option<RunId>,
    only: Option<Kind>,
    /// Of the caller's tasks, as they were at the last word.
    tasks: u64,
    /// No changes are looked at before.
    pause: Instant,
    /// Something is said then, if only that the line stands.
    beat: Instant,
    end: Option<Instant>,
    _held: Held,
}

/// What happened since the last word.
#[derive(Default)]
struct Lot {
    runs: BTreeMap<RunId, ChangedRun>,
    house: bool,
    /// Something was missed, or there is too much to be named.
    any: bool,
}

pub(crate) async fn watch(
    State(desk): State<Arc<Desk>>,
    caller: Caller,
    asker: Asker,
    Asked(asked): Asked<Watched>,
) -> Result<Events, Refusal> {
    if desk.is_closing() {
        return Err(Refusal::Stopping);
    }
    let held = desk.streams.open(&caller.name())?;
    let run = match asked.run {
        Some(name) => {
            let caller = caller.clone();
            Some(desk.read(move |desk| run_named(desk, &caller, Role::Viewer, &name)).await?)
        }
        None => None,
    };
    let case = match asked.task {
        Some(name) => {
            let caller = caller.clone();
            Some(desk.read(move |desk| run_of(desk, &caller, &name)).await?)
        }
        None => None,
    };
    let changes = desk.shared().changes.watch();
    let end = asked.seconds.map(|seconds| Instant::now() + Duration::from_secs(seconds.into()));
    let only = asked.only.or(run.map(|_| Kind::Run)).or(case.map(|_| Kind::Tasks));
    let (pause, beat) = (Instant::now(), Instant::now() + desk.settings.heartbeat);
    let mut watcher =
        Watcher { desk, asker, caller, changes, run, case, only, tasks: 0, pause, beat, end, _held: held };
    watcher.tasks = watcher.list().await;
    // Nobody kept what was missed by whoever comes back: they look again.
    let hello = format!("retry: 2000\n{}", said("refresh", &Nothing {}));
    let hello = stream::once(async move { Bytes::from(hello) });
    let words = hello.chain(stream::unfold(watcher, Watcher::next)).map(Ok::<_, Infallible>);
    Ok(Events(Body::from_stream(words)))
}

impl Watcher {
    /// The next words for this caller; none, once the stream is over.
    async fn next(mut self) -> Option<(Bytes, Self)> {
        let mut closes = self.desk.closes.clone();
        loop {
            let lot = tokio::select! {
                lot = timeout_at(self.beat, lot(&mut self.changes, self.pause)) => match lot {
                    Ok(lot) => lot?,
                    Err(_) => Lot::default(),
                },
                _ = closes.wait_for(|closing| *closing) => return None,
                () = at(self.end) => return None,
            };
            self.pause = Instant::now() + PAUSE;
            // Whose session is over, or who has left, hears no more; whoever may less hears less.
            self.caller = self.asker.still(&self.desk).await.ok()?;
            let words = self.words(&lot).await;
            if words.is_empty() && Instant::now() < self.beat {
                continue;
            }
            self.beat = Instant::now() + self.desk.settings.heartbeat;
            // That nobody hears any more is found out by speaking.
            return Some((if words.is_empty() { Bytes::from_static(b":\n\n") } else { words.into() }, self));
        }
    }

    async fn words(&mut self, lot: &Lot) -> String {
        let wants = |kind| self.only.is_none_or(|only| only == kind);
        let (mut words, tasks) = (String::new(), wants(Kind::Tasks));
        if lot.any {
            words += &said("refresh", &Nothing {});
        }
        if wants(Kind::Run) {
            let ours = lot.runs.values().filter(|changed| self.run.is_none_or(|run| run == changed.run));
            for ChangedRun { run, workflow, .. } in ours.filter(|changed| self.hears_of(changed)) {
                words += &said("run", &RunChanged { run: run.to_string(), workflow });
            }
        }
        if lot.house && wants(Kind::House) && self.caller.rights.may_somewhere(Role::Viewer) {
            words += &said("house", &Nothing {});
        }
        // What nobody touched becomes late by itself.
        let moved = |changed: &ChangedRun| changed.tasks || self.case == Some(changed.run);
        if tasks && (lot.is_nothing() || lot.any || lot.runs.values().any(moved)) {
            let list = self.list().await;
            let of_case = self.case.is_some_and(|case| lot.runs.contains_key(&case));
            if std::mem::replace(&mut self.tasks, list) != list || of_case {
                words += &said("tasks", &Nothing {});
            }
        }
        words
    }

    fn hears_of(&self, changed: &ChangedRun) -> bool {
        may_look(&self.caller, &changed.workflow, &changed.by)
    }

    /// What the caller's list of tasks looks like, for telling two of them apart.
    async fn list(&self) -> u64 {
        if self.only.is_some_and(|only| only != Kind::Tasks) {
            return 0;
        }
        let rows = rows_of_caller(&self.desk, &self.caller, TASKS).await.unwrap_or_default();
        let mut hasher = DefaultHasher::new();
        let now = self.desk.shared().now();
        for row in rows.iter().map(|row| task_row(row, now)) {
            (&row.id, &row.claimed_by, &row.due, &row.title, row.late, &row.who).hash(&mut hasher);
        }
        hasher.finish()
    }
}

async fn at(end: Option<Instant>) {
    match end {
        Some(end) => sleep_until(end).await,
        None => std::future::pending().await,
    }
}

/// All that there is once the pause is over. None: the engine is gone.
async fn lot(changes: &mut Receiver<Changed>, pause: Instant) -> Option<Lot> {
    let mut lot = Lot::default();
    sleep_until(pause).await;
    match changes.recv().await {
        Ok(changed) => lot.add(changed),
        Err(RecvError::Lagged(_)) => return Some(lot.of_anything(changes)),
        Err(RecvError::Closed) => return None,
    }
    loop {
        match changes.try_recv() {
            Ok(changed) => lot.add(changed),
            Err(TryRecvError::Lagged(_)) => return Some(lot.of_anything(changes)),
            Err(TryRecvError::Empty | TryRecvError::Closed) => break,
        }
    }
    Some(if lot.runs.len() > NAMED_MAX { lot.of_anything(changes) } else { lot })
}

impl Lot {
    fn add(&mut self, changed: Changed) {
        match changed {
            Changed::House => self.house = true,
            Changed::Run(changed) => {
                let tasks = changed.tasks;
                self.runs.entry(changed.run).or_insert(changed).tasks |= tasks;
            }
        }
    }

    /// What is there already is no news then.
    fn of_anything(self, changes: &mut Receiver<Changed>) -> Self {
        *changes = changes.resubscribe();
        Self { any: true, ..Self::default() }
    }

    fn is_nothing(&self) -> bool {
        self.runs.is_empty() && !self.house && !self.any
    }
}

/// `data` of a `run` event.
#[derive(Serialize)]
struct RunChanged<'c> {
    run: String,
    workflow: &'c str,
}

#[derive(Serialize)]
struct Nothing {}

fn said(name: &str, data: &impl Serialize) -> String {
    let data = serde_json::to_string(data).unwrap_or_default();
    format!("event: {name}\ndata: {data}\n\n")
}

/// An answer that goes on.
pub(crate) struct Events(Body);

impl IntoResponse for Events {
    fn into_response(self) -> Response {
        let headers = [
            (header::CONTENT_TYPE, MEDIA),
            (header::CACHE_CONTROL, "no-store"),
            (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        ];
        // A proxy that gathers answers before it passes them on would hold back each word.
        (headers, [("x-accel-buffering", "no")], self.0).into_response()
    }
}

impl Gives for Events {
    fn give(making: &mut Making<'_>) {
        let what = "Server-sent events: `refresh` (look again at all: at the beginning, and where something was missed), `run` \
                    (`data` names `run` and `workflow`), `tasks` (one's own list is another), `house` (workflows, or what starts \
                    them). Nothing is sent again: who comes back looks again.";
        making.gives(StatusCode::OK, MEDIA, any("Lines of `event` and `data`, JSON."), what);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::sync::broadcast::channel;
    use tokio::time::Instant;
    use yizhan_engine::{Changed, ChangedRun};
    use yizhan_workflow::id::RunId;

    use super::{NAMED_MAX, lot};

    fn run(number: usize, tasks: bool) -> Changed {
        let run = RunId::from_number(i64::try_from(number).unwrap());
        Changed::Run(ChangedRun { run, workflow: Arc::from("x"), by: Arc::from("operator"), tasks })
    }

    #[tokio::test]
    async fn what_came_meanwhile_is_one_word_and_each_run_is_named_once() {
        let (say, mut hear) = channel(16);
        for changed in [run(1, true), run(2, false), run(1, false), Changed::House] {
            say.send(changed).unwrap();
        }
        let lot = lot(&mut hear, Instant::now()).await.unwrap();
        let tasks: Vec<bool> = lot.runs.values().map(|changed| changed.tasks).collect();
        assert_eq!((tasks, lot.house, lot.any), (vec![true, false], true, false));
    }

    #[tokio::test]
    async fn who_missed_some_or_would_hear_of_too_many_is_told_to_look_at_all() {
        let (say, mut slow) = channel(4);
        (0..5).for_each(|number| drop(say.send(run(number + 1, false))));
        let told = lot(&mut slow, Instant::now()).await.unwrap();
        assert!(told.any && told.runs.is_empty() && slow.is_empty());
        let (say, mut hear) = channel(1_024);
        (0..=NAMED_MAX).for_each(|number| drop(say.send(run(number + 1, false))));
        let told = lot(&mut hear, Instant::now()).await.unwrap();
        assert!(told.any && told.runs.is_empty());
    }
}
