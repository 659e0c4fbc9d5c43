//! An engine in this process with one plugin, on either carrier, that is driven as fast as it goes.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

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

use super::machine::{resident, used};
use super::report::{COUNT, Commits, Part, RESIDENT, THROUGHPUT};
use super::{Ground, Problem, say};

/// What fills a store: of one step each, as many at once as go together into a commit.
const STORED: &str = "title = \"stored\"\n[step.one]\nuse = \"echo.noop\"\n";
const FILLING: usize = 512;

/// What is measured.
#[derive(Clone, Debug)]
pub(crate) struct Drive {
    /// The workflow, and what each run of it begins with, as JSON.
    pub(crate) text: String,
    pub(crate) input: String,
    /// At once.
    pub(crate) runs: usize,
    pub(crate) time: Duration,
    /// So many runs of one step each are in the store before.
    pub(crate) stored: u64,
}

/// When no more runs are begun.
#[derive(Clone, Copy, Debug)]
enum Until {
    Over(Duration),
    Begun(u64),
}

struct Wall;

impl Clock for Wall {
    fn now(&self) -> Millis {
        Millis(jiff::Timestamp::now().as_millisecond())
    }
}

fn plugin() -> Result<PathBuf, Problem> {
    let plugin = std::env::current_exe()?.with_file_name("libyizhan_plugin_echo.so");
    if plugin.exists() {
        return Ok(plugin);
    }
    let place = plugin.display();
    Err(format!("the plugin that the bench calls is not at {place}; build the whole workspace").into())
}

fn plugin_host(
    folder: &Path,
    isolation: Isolation,
    completions: Arc<dyn yizhan_engine::carrier::Completions>,
) -> Result<PluginHost, Problem> {
    let settings = Settings {
        folders: vec![],
        files: vec![plugin()?],
        plugins: BTreeMap::new(),
        isolation,
        child: ChildCommand { program: std::env::current_exe()?, arguments: vec!["plugin-host".into()] },
        http: HttpSettings::default(),
        limits: Limits::default(),
        secrets: Arc::new(FolderSecrets { folders: vec![] }),
        artifacts: Arc::new(FolderArtifacts { folder: folder.join("artifacts") }),
        lines: Arc::new(yizhan_plugin_host::NoLines),
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

/// Drives it on one carrier, in a store of its own.
pub(crate) async fn driven(drive: &Drive, isolation: Isolation, ground: &Ground) -> Result<Part, Problem> {
    let folder = tempfile::Builder::new().prefix(".yizhan-bench").tempdir_in(&ground.dir)?;
    let mut store = Sqlite::open(&folder.path().join("bench.db"))?;
    ground.disk.apply(&mut store)?;
    let reads = store.reads();
    let opened = Opened::default();
    let host = Arc::new(plugin_host(folder.path(), isolation, opened.completions())?);
    let world = world(&host);
    let engine = opened.start(EngineConfig::default(), store, reads, host.clone(), world, Arc::new(Wall))?;
    let local = tokio::task::LocalSet::new();
    if drive.stored > 0 {
        let stored = load_workflow(&engine, STORED).await?;
        let filling = Drive { input: "{}".to_owned(), runs: FILLING, ..drive.clone() };
        local.run_until(drive_it(&engine, &stored, &filling, Until::Begun(drive.stored))).await;
    }
    let workflow = load_workflow(&engine, &drive.text).await?;
    let (own, done) = (std::process::id(), || engine.shared.figures.attempts_done.load(Ordering::Relaxed));
    let (before, written, done_before, begin) = (used(own), commits(&engine), done(), Instant::now());
    let times = local.run_until(drive_it(&engine, &workflow, drive, Until::Over(drive.time))).await;
    let (took, after) = (begin.elapsed(), used(own));
    let steps = done() - done_before;
    let part = Part::new(isolation.name())
        .with(THROUGHPUT, steps as f64 / took.as_secs_f64())
        .with(COUNT, steps as f64)
        .times(times)
        .commits(written, commits(&engine), took)
        .used(before, after, steps)
        .with(RESIDENT, resident(own));
    engine.stop(Duration::from_secs(1)).await;
    host.close();
    Ok(part)
}

fn commits(engine: &Engine) -> Commits {
    let load = |figure: &AtomicU64| figure.load(Ordering::Relaxed) as f64;
    let writer = &engine.writer;
    Commits {
        commits: load(&writer.commits),
        changes: load(&writer.changes),
        commit_us: load(&writer.commit_us),
    }
}

async fn load_workflow(engine: &Engine, text: &str) -> Result<Arc<Workflow>, Problem> {
    let source = Source { name: "bench".to_owned(), text: text.to_owned(), files: BTreeMap::new() };
    let read = definition::read(&source, &source.files).map_err(|_| "the bench's own workflow has faults")?;
    let workflow = read.workflow;
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

async fn drive_it(engine: &Engine, workflow: &Arc<Workflow>, drive: &Drive, until: Until) -> Vec<Duration> {
    let course = Rc::new(RefCell::new(Course::default()));
    let mut ended = engine.shared.ended.subscribe();
    let began = Instant::now();
    let (mut said, mut begun) = (began, drive.runs as u64);
    let input: Arc<str> = drive.input.as_str().into();
    let another = || begin(engine.clone(), workflow.clone(), input.clone(), course.clone());
    for _ in 0..drive.runs {
        tokio::task::spawn_local(another());
    }
    let mut under_way = drive.runs;
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
        let more = match until {
            Until::Over(time) => now - began < time,
            Until::Begun(wanted) => begun < wanted,
        };
        if more {
            begun += 1;
            tokio::task::spawn_local(another());
        } else {
            under_way -= 1;
        }
        if said.elapsed() > Duration::from_millis(200) {
            said = now;
            let done = engine.shared.figures.attempts_done.load(Ordering::Relaxed);
            say(&format!("{done} steps"));
        }
    }
    course.take().times
}

async fn begin(engine: Engine, workflow: Arc<Workflow>, input: Arc<str>, course: Rc<RefCell<Course>>) {
    let began = Instant::now();
    let world = engine.shared.world();
    let Ok(prepared) = intake::prepare(&workflow, &input, None, &world, engine.shared.now()) else { return };
    let started = Started { prepared, by: "operator".into(), firing: None };
    if let Ok(StartReply::Started(run)) = engine.start(started).await {
        let mut course = course.borrow_mut();
        match course.early.remove(&run) {
            Some(over) => course.times.push(over - began),
            None => drop(course.open.insert(run, began)),
        }
    }
}
