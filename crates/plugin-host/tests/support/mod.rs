//! A host with a collector of completions, and plugins built for the tests.

#![allow(dead_code, unreachable_pub, reason = "each test file uses its part")]
#![allow(clippy::unwrap_used, reason = "a test may")]

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, OnceLock};
use std::time::{Duration, Instant};

use serde_json::Value;
use yizhan_engine::carrier::{Call, CancelReason, Carriers, Completion, Completions, Outcome};
use yizhan_plugin_host::{
    AttemptLine, AttemptLines, ChildCommand, FolderArtifacts, FolderSecrets, HttpSettings, Isolation, Limits,
    PluginHost, PluginSettings, Refusal, Settings,
};
use yizhan_workflow::run::event::Failure;

/// No test waits longer for anything.
pub const PATIENCE: Duration = Duration::from_secs(30);
pub const BOTH: [Isolation; 2] = [Isolation::Process, Isolation::InProcess];

#[derive(Default)]
pub struct Ends {
    seen: Mutex<Seen>,
    changed: Condvar,
}

#[derive(Default)]
struct Seen {
    ended: HashMap<u64, Completion>,
    twice: Vec<u64>,
    progress: Vec<(u64, f64, String)>,
}

impl Completions for Ends {
    fn completed(&self, batch: Vec<Completion>) {
        let mut seen = self.seen.lock().unwrap();
        for completion in batch {
            let id = completion.id;
            if seen.ended.insert(id, completion).is_some() {
                seen.twice.push(id);
            }
        }
        self.changed.notify_all();
    }

    fn progressed(&self, id: u64, share: f64, note: &str) {
        self.seen.lock().unwrap().progress.push((id, share, note.to_owned()));
        self.changed.notify_all();
    }
}

/// What plugins said while they carried attempts: the attempt, the level and the words.
#[derive(Default)]
pub struct Lines(pub Mutex<Vec<(u32, String, String)>>);

impl AttemptLines for Lines {
    fn said(&self, line: AttemptLine<'_>) {
        assert_eq!((line.run, line.key), ("run_test", "abcdefghijklmnopqrstuvwxyz234567"));
        assert!(line.at >= 1_795_000_000_000, "as the clock of the daemon has it");
        self.0.lock().unwrap().push((line.attempt, line.level.to_owned(), line.text.to_owned()));
    }
}

pub struct House {
    pub host: PluginHost,
    pub refusals: Vec<Refusal>,
    pub home: tempfile::TempDir,
    ends: Arc<Ends>,
    pub said: Arc<Lines>,
    next: AtomicU64,
}

/// What a test wants otherwise than usual.
pub struct Wish {
    pub isolation: Isolation,
    pub files: Vec<PathBuf>,
    pub folders: Vec<PathBuf>,
    pub plugins: BTreeMap<String, PluginSettings>,
    pub http: HttpSettings,
    pub limits: Limits,
}

impl Wish {
    pub fn of(isolation: Isolation, files: &[PathBuf]) -> Self {
        Self {
            isolation,
            files: files.to_vec(),
            folders: Vec::new(),
            plugins: BTreeMap::new(),
            http: HttpSettings::default(),
            limits: Limits {
                grace: Duration::from_millis(200),
                drain: Duration::from_millis(500),
                backoff: Duration::from_millis(10),
                ..Limits::default()
            },
        }
    }

    pub fn open(self) -> House {
        let home = tempfile::tempdir().unwrap();
        std::fs::create_dir(home.path().join("secrets")).unwrap();
        let said = Arc::new(Lines::default());
        let settings = Settings {
            folders: self.folders,
            files: self.files,
            plugins: self.plugins,
            isolation: self.isolation,
            child: child(),
            http: self.http,
            limits: self.limits,
            secrets: Arc::new(FolderSecrets { folders: vec![home.path().join("secrets")] }),
            artifacts: Arc::new(FolderArtifacts { folder: home.path().join("artifacts") }),
            lines: Arc::clone(&said) as _,
        };
        let ends = Arc::new(Ends::default());
        let completions: Arc<dyn Completions> = Arc::clone(&ends) as _;
        let (host, refusals) = PluginHost::open(settings, completions).unwrap();
        House { host, refusals, home, ends, said, next: AtomicU64::new(1) }
    }
}

pub fn child() -> ChildCommand {
    ChildCommand { program: env!("CARGO_BIN_EXE_yizhan-plugin-child").into(), arguments: Vec::new() }
}

impl House {
    pub fn call(&self, plugin: &str, action: &str, input: &Value) -> Call {
        Call {
            id: self.next.fetch_add(1, Ordering::Relaxed),
            plugin: plugin.into(),
            action: action.into(),
            key: "abcdefghijklmnopqrstuvwxyz234567".into(),
            run: "run_test".into(),
            workflow: "test".into(),
            step: "step".into(),
            undo: false,
            round: 0,
            item: 0,
            attempt: 1,
            now_ms: 1_795_000_000_000,
            timeout: Some(PATIENCE),
            input: input.to_string().into(),
            secrets: Vec::new(),
        }
    }

    pub fn start(&self, plugin: &str, action: &str, input: &Value) -> u64 {
        let call = self.call(plugin, action, input);
        let id = call.id;
        self.host.start(vec![call]);
        id
    }

    /// With a time limit of the call's own.
    pub fn start_within(&self, plugin: &str, action: &str, input: &Value, timeout: Duration) -> u64 {
        let mut call = self.call(plugin, action, input);
        call.timeout = Some(timeout);
        let id = call.id;
        self.host.start(vec![call]);
        id
    }

    pub fn end_of(&self, id: u64) -> Outcome {
        self.completion_of(id).outcome
    }

    pub fn completion_of(&self, id: u64) -> Completion {
        self.wait_for(|seen| seen.ended.get(&id).cloned(), &format!("the end of call {id}"))
    }

    pub fn has_ended(&self, id: u64) -> bool {
        self.ends.seen.lock().unwrap().ended.contains_key(&id)
    }

    pub fn run(&self, plugin: &str, action: &str, input: &Value) -> Outcome {
        self.end_of(self.start(plugin, action, input))
    }

    pub fn cancel(&self, id: u64) {
        self.host.cancel(&[id], CancelReason::Withdrawn);
    }

    /// The first progress of a call, with its words.
    pub fn progress_of(&self, id: u64) -> (f64, String) {
        let find = |seen: &Seen| seen.progress.iter().find(|(of, _, _)| *of == id).cloned();
        let (_, share, words) = self.wait_for(find, &format!("progress of call {id}"));
        (share, words)
    }

    pub fn ended_twice(&self) -> Vec<u64> {
        self.ends.seen.lock().unwrap().twice.clone()
    }

    fn wait_for<T>(&self, find: impl Fn(&Seen) -> Option<T>, what: &str) -> T {
        let until = Instant::now() + PATIENCE;
        let mut seen = self.ends.seen.lock().unwrap();
        loop {
            if let Some(found) = find(&seen) {
                return found;
            }
            let left = until.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "waited too long for {what}");
            seen = self.ends.changed.wait_timeout(seen, left).unwrap().0;
        }
    }

    /// Looks again and again until it is so: for states that nobody announces.
    pub fn until(&self, what: &str, is_so: impl Fn(&Self) -> bool) {
        let until = Instant::now() + PATIENCE;
        while !is_so(self) {
            assert!(Instant::now() < until, "waited too long until {what}");
            std::thread::yield_now();
        }
    }

    pub fn state(&self, plugin: &str) -> &'static str {
        self.host.plugins().iter().find(|info| info.id == plugin).map_or("absent", |info| info.state.name)
    }

    pub fn pid(&self, plugin: &str) -> Option<u32> {
        self.host.plugins().iter().find(|info| info.id == plugin).and_then(|info| info.pid)
    }
}

pub fn output(outcome: Outcome) -> Value {
    match outcome {
        Outcome::Done { ref output } => serde_json::from_str(output).unwrap(),
        Outcome::Failed(_) | Outcome::Lost { .. } => panic!("expected an output, got {outcome:?}"),
    }
}

pub fn failure(outcome: Outcome) -> Failure {
    match outcome {
        Outcome::Failed(failure) => failure,
        Outcome::Done { .. } | Outcome::Lost { .. } => panic!("expected a failure, got {outcome:?}"),
    }
}

/// The echo plugin, built from the source as it is now.
pub fn echo() -> PathBuf {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| build_plugin("yizhan-plugin-echo", "libyizhan_plugin_echo.so")).clone()
}

fn build_plugin(package: &str, library: &str) -> PathBuf {
    // Beside the binaries of this build.
    let child = Path::new(env!("CARGO_BIN_EXE_yizhan-plugin-child"));
    let library = child.parent().unwrap().join(library);
    // After `cargo build --workspace` it is there; building it alone would choose other features and take long.
    if !is_fresh(&library, package) {
        let built =
            Command::new(env!("CARGO")).args(["build", "--quiet", "--package", package]).status().unwrap();
        assert!(built.success(), "`{package}` does not build");
    }
    library
}

/// Whether a plugin is newer than its own source and the SDK's.
fn is_fresh(library: &Path, package: &str) -> bool {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let plugin = root.join("plugins").join(package.trim_start_matches("yizhan-plugin-"));
    let Ok(built) = std::fs::metadata(library).and_then(|metadata| metadata.modified()) else { return false };
    [plugin, root.join("crates/plugin-api")]
        .iter()
        .all(|folder| newest(folder).is_some_and(|newest| newest <= built))
}

fn newest(folder: &Path) -> Option<std::time::SystemTime> {
    let entries = std::fs::read_dir(folder).ok()?.flatten();
    entries
        .filter_map(|entry| match entry.metadata().ok()? {
            metadata if metadata.is_dir() => newest(&entry.path()),
            metadata => metadata.modified().ok(),
        })
        .max()
}

/// A fixture in C, compiled strictly.
pub fn c_plugin(name: &str) -> PathBuf {
    static BUILT: Mutex<BTreeMap<String, PathBuf>> = Mutex::new(BTreeMap::new());
    // A fixture that does not compile fails each test in its own words.
    let mut built = BUILT.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    if let Some(path) = built.get(name) {
        return path.clone();
    }
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let library = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}.so", std::process::id()));
    let compiled = Command::new("cc")
        .args(["-std=c11", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror", "-O1", "-shared", "-fPIC"])
        .arg("-I")
        .arg(here.join("include"))
        .arg(here.join("tests/fixtures").join(format!("{name}.c")))
        .arg("-o")
        .arg(&library)
        .arg("-lpthread")
        .status()
        .unwrap();
    assert!(compiled.success(), "{name}.c does not compile");
    built.insert(name.to_owned(), library.clone());
    library
}

/// The plugins that come with the product, where the workspace was built. A skip is told, and with
/// `YIZHAN_TESTS=all` it is a failure.
pub fn product_plugins() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_BIN_EXE_yizhan-plugin-child")).parent().unwrap();
    let libraries =
        ["email", "file", "webhook"].map(|name| folder.join(format!("libyizhan_plugin_{name}.so")));
    let (there, missing): (Vec<_>, Vec<_>) = libraries.into_iter().partition(|library| library.exists());
    if !missing.is_empty() {
        assert!(std::env::var("YIZHAN_TESTS").as_deref() != Ok("all"), "not built: {missing:?}");
        eprintln!("skipped, because the workspace is not built: {missing:?}");
    }
    there
}
