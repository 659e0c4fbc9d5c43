//! Many runs at once, each a chain of no-op plugin steps: as soon as one is over the next begins.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};

use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde::Serialize;
use tokio::sync::broadcast::error::RecvError;
use yizhan_engine::library::{Entry, Workflows};
use yizhan_engine::{Clock, Engine, EngineConfig, Opened, StartReply, Started, intake};
use yizhan_plugin_host::{
    ChildCommand, FolderArtifacts, FolderSecrets, HttpSettings, Isolation, Limits, PluginHost, Settings,
};
use yizhan_store::Sqlite;
use yizhan_workflow::definition;
use yizhan_workflow::id::{Millis, RunId};
use yizhan_workflow::moment::Span;
use yizhan_workflow::people::People;
use yizhan_workflow::plan::{Retry, Source, Workflow};
use yizhan_workflow::run::World;

use super::machine::{Used, used};

/// What is measured.
#[derive(Clone, Debug)]
pub(crate) struct Load {
    pub(crate) runs: usize,
    pub(crate) steps: usize,
    pub(crate) time: Duration,
    /// A sleep after each commit: makes a disk honest that says "synced" too soon.
    pub(crate) fsync_delay: Duration,
}

/// What came out. Times of a run in milliseconds, of a commit in microseconds.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Figures {
    pub(crate) carrier: &'static str,
    pub(crate) throughput: f64,
    pub(crate) run_p50_ms: f64,
    pub(crate) run_p99_ms: f64,
    pub(crate) commits_per_s: f64,
    pub(crate) changes_per_commit: f64,
    pub(crate) commit_us: f64,
    pub(crate) cpu_us_per_step: f64,
    pub(crate) bytes_per_step: f64,
    pub(crate) steps: u64,
}

struct Wall;

impl Clock for Wall {
    fn now(&self) -> Millis {
        Millis(jiff::Timestamp::now().as_millisecond())
    }
}

/// Why the bench cannot run, in a sentence.
pub(crate) type Problem = Box<dyn std::error::Error + Send + Sync>;

/// A chain like a real one: each step reads the one before, decides whether it is taken, and renders two texts.
fn source(steps: usize) -> Source {
    let mut text = "title = \"bench\"\n[input]\nwho = { type = \"text\" }\n".to_owned();
    for step in 0..steps {
        let before = match step {
            0 => "{{ input.who }}".to_owned(),
            _ => format!("{{{{ step.s{}.text }}}}", step - 1),
        };
        text.push_str(&format!(
            "[step.s{step}]\nuse = \"echo.echo\"\nwhen = \"input.who != 'nobody'\"\nwith.text = \"{before}\"\n\
             with.said = \"{{{{ input.who }}}}, this is step {step} of a chain whose input is some two hundred bytes, as that of \
             a real step would be\"\n"
        ));
    }
    Source { name: "bench".to_owned(), text, files: BTreeMap::new() }
}

fn plugin_host(
    folder: &Path,
    plugin: PathBuf,
    isolation: Isolation,
    completions: Arc<dyn yizhan_engine::carrier::Completions>,
) -> Result<PluginHost, Problem> {
    let settings = Settings {
        folders: vec![],
        files: vec![plugin],
        plugins: BTreeMap::new(),
        isolation,
        child: ChildCommand { program: std::env::current_exe()?, arguments: vec!["plugin-host".into()] },
        http: HttpSettings::default(),
        limits: Limits::default(),
        secrets: Arc::new(FolderSecrets { folders: vec![] }),
        artifacts: Arc::new(FolderArtifacts { folder: folder.join("artifacts") }),
    };
    let (host, refused) = PluginHost::open(settings, completions)?;
    match refused.into_iter().next() {
        None => Ok(host),
        Some(refusal) => Err(refusal.to_string().into()),
    }
}

fn world(host: &PluginHost) -> World {
    World {
        number: 1,
        zone: jiff::tz::TimeZone::UTC,
        catalogue: Arc::new(host.catalogue()),
        people: Arc::new(People::default()),
        calendars: Arc::default(),
        registers: Arc::default(),
        retry: Retry {
            times: 5,
            first: Span { ms: 5_000 },
            factor: 3.0,
            most: Span { ms: 600_000 },
            jitter: 0.1,
        },
        owner: None,
        url: None,
    }
}

/// Runs the load on one carrier, in a store of its own below `folder`.
pub(crate) async fn run(
    load: &Load,
    isolation: Isolation,
    folder: &Path,
    plugin: PathBuf,
    mut progress: impl FnMut(u64),
) -> Result<Figures, Problem> {
    let folder = tempfile::Builder::new().prefix(".yizhan-bench").tempdir_in(folder)?;
    let mut store = Sqlite::open(&folder.path().join("bench.db"))?;
    store.delay_commits(load.fsync_delay);
    let reads = store.reads();
    let opened = Opened::default();
    let host = Arc::new(plugin_host(folder.path(), plugin, isolation, opened.completions())?);
    let world = world(&host);
    let engine = opened.start(EngineConfig::default(), store, reads, host.clone(), world, Arc::new(Wall))?;
    let workflow = load_workflow(&engine, load.steps).await?;
    let (before, begin) = (Snapshot::of(&engine), Instant::now());
    let local = tokio::task::LocalSet::new();
    let times = local.run_until(drive(&engine, &workflow, load, &mut progress)).await;
    let figures = figures(isolation, &engine, &before, begin.elapsed(), times);
    engine.stop(Duration::from_secs(1)).await;
    host.close();
    Ok(figures)
}

async fn load_workflow(engine: &Engine, steps: usize) -> Result<Arc<Workflow>, Problem> {
    let source = source(steps);
    let read = definition::read(&source, &source.files).map_err(|_| "the bench's own workflow has faults")?;
    let workflow = Arc::new(read.workflow);
    let entry = Entry {
        workflow: Some(workflow.clone()),
        source: Some(Arc::new(source)),
        path: String::new(),
        faults: vec![],
        warnings: vec![],
    };
    engine.load(Workflows::from([("bench".to_owned(), entry)])).await?;
    Ok(workflow)
}

/// Runs under way, and those whose end was heard before their start was answered.
#[derive(Default)]
struct Course {
    open: HashMap<RunId, Instant>,
    early: HashMap<RunId, Instant>,
    times: Vec<Duration>,
}

async fn drive(
    engine: &Engine,
    workflow: &Arc<Workflow>,
    load: &Load,
    progress: &mut impl FnMut(u64),
) -> Vec<Duration> {
    let course = Rc::new(RefCell::new(Course::default()));
    let mut ended = engine.shared.ended.subscribe();
    let end = Instant::now() + load.time;
    let mut said = Instant::now();
    for _ in 0..load.runs {
        tokio::task::spawn_local(begin(engine.clone(), workflow.clone(), course.clone()));
    }
    let mut under_way = load.runs;
    while under_way > 0 {
        let run = match ended.recv().await {
            Ok(run) => run,
            Err(RecvError::Lagged(_)) => continue,
            Err(RecvError::Closed) => break,
        };
        let now = Instant::now();
        let mut at = course.borrow_mut();
        match at.open.remove(&run) {
            Some(began) => at.times.push(now - began),
            None => drop(at.early.insert(run, now)),
        }
        drop(at);
        if now < end {
            tokio::task::spawn_local(begin(engine.clone(), workflow.clone(), course.clone()));
        } else {
            under_way -= 1;
        }
        if said.elapsed() > Duration::from_millis(200) {
            said = now;
            progress(engine.shared.figures.attempts_done.load(Ordering::Relaxed));
        }
    }
    course.take().times
}

async fn begin(engine: Engine, workflow: Arc<Workflow>, course: Rc<RefCell<Course>>) {
    let began = Instant::now();
    let world = engine.shared.world();
    let prepared = intake::prepare(&workflow, r#"{"who":"world"}"#, None, &world, engine.shared.now());
    let Ok(prepared) = prepared else { return };
    let started = Started { prepared, by: "operator".into(), firing: None };
    if let Ok(StartReply::Started(run)) = engine.start(started).await {
        let mut course = course.borrow_mut();
        match course.early.remove(&run) {
            Some(over) => course.times.push(over - began),
            None => drop(course.open.insert(run, began)),
        }
    }
}

struct Snapshot {
    used: Used,
    commits: u64,
    changes: u64,
    commit_us: u64,
}

impl Snapshot {
    fn of(engine: &Engine) -> Self {
        let load = |figure: &AtomicU64| figure.load(Ordering::Relaxed);
        let writer = &engine.writer;
        Self {
            used: used(),
            commits: load(&writer.commits),
            changes: load(&writer.changes),
            commit_us: load(&writer.commit_us),
        }
    }
}

fn figures(
    isolation: Isolation,
    engine: &Engine,
    before: &Snapshot,
    took: Duration,
    mut times: Vec<Duration>,
) -> Figures {
    let after = Snapshot::of(engine);
    let steps = engine.shared.figures.attempts_done.load(Ordering::Relaxed);
    let count = |n: u64| n as f64;
    let (commits, seconds) = (count(after.commits - before.commits).max(1.0), took.as_secs_f64());
    times.sort_unstable();
    let at = |share: usize| times.get(times.len() * share / 100).map_or(0.0, |time| time.as_secs_f64() * 1e3);
    Figures {
        carrier: isolation.name(),
        throughput: count(steps) / seconds,
        run_p50_ms: at(50),
        run_p99_ms: at(99),
        commits_per_s: commits / seconds,
        changes_per_commit: count(after.changes - before.changes) / commits,
        commit_us: count(after.commit_us - before.commit_us) / commits,
        cpu_us_per_step: (after.used.cpu - before.used.cpu).as_secs_f64() * 1e6 / count(steps.max(1)),
        bytes_per_step: count(after.used.bytes - before.used.bytes) / count(steps.max(1)),
        steps,
    }
}
