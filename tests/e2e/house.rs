//! A home with the real program in it, and the waiting for what it should come to.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use yizhan_harness::client::{Client, ClientError};
use yizhan_harness::daemon::Daemon;

/// Longer than a busy machine needs; nothing is measured with it.
pub(crate) const PATIENCE: Duration = Duration::from_secs(90);

pub(crate) fn binary() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_yizhan"))
}

/// The plugins are no dependency of the program; a build of the workspace puts them beside it.
fn see_plugins() {
    for plugin in ["echo", "email", "file", "webhook"] {
        let library = binary().with_file_name(format!("libyizhan_plugin_{plugin}.so"));
        assert!(library.exists(), "{} is not built: cargo build --workspace", library.display());
    }
}

/// Whether a test that needs `what` may go on; says so where not, and fails where nothing may be skipped.
pub(crate) fn has(is_there: bool, what: &str) -> bool {
    if !is_there {
        crate::daemon::skipped(what);
    }
    is_there
}

/// Looks at a state until it is there. `None`: not yet.
pub(crate) fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < end, "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(15)); // Between two looks at a state, with a deadline.
    }
}

/// What a command said.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Said {
    /// Both streams: where a person looks.
    pub(crate) fn all(&self) -> String {
        format!("{}{}", self.out, self.err)
    }
}

/// Dropped, the daemon is killed and the home is gone.
#[derive(Debug)]
pub(crate) struct House {
    pub(crate) home: PathBuf,
    daemon: Option<Daemon>,
    _folder: tempfile::TempDir,
}

impl House {
    /// A home with these settings, no workflow, and no daemon yet.
    pub(crate) fn with(settings: &str) -> Self {
        see_plugins();
        let folder = tempfile::Builder::new().prefix("yizhan-e2e-").tempdir().unwrap();
        let home = folder.path().join("home");
        Daemon::init(binary(), &home).unwrap();
        std::fs::remove_file(home.join("workflows/hello.toml")).unwrap();
        let house = Self { home, daemon: None, _folder: folder };
        house.write("config/yizhan.toml", settings);
        house
    }

    /// The same with one workflow and its daemon.
    pub(crate) fn serving(settings: &str, name: &str, workflow: &str) -> Self {
        let mut house = Self::with(settings);
        house.workflow(name, workflow);
        house.start();
        house
    }

    pub(crate) fn write(&self, path: &str, content: impl AsRef<[u8]>) {
        let path = self.home.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }

    pub(crate) fn workflow(&self, name: &str, text: &str) {
        // Renamed into its place, as editors do it: it is never seen half written.
        self.write(&format!("workflows/.{name}.new"), text);
        let folder = self.home.join("workflows");
        std::fs::rename(folder.join(format!(".{name}.new")), folder.join(format!("{name}.toml"))).unwrap();
    }

    #[track_caller]
    pub(crate) fn start(&mut self) {
        self.daemon = Some(Daemon::start(binary(), &self.home).unwrap());
    }

    pub(crate) fn kill(&mut self) {
        self.daemon.take().unwrap().kill();
    }

    /// By SIGTERM; its exit code.
    pub(crate) fn stop(&mut self) -> Option<i32> {
        self.daemon.take().unwrap().stop()
    }

    pub(crate) fn client(&self) -> Client {
        Client::of_home(&self.home)
    }

    #[track_caller]
    pub(crate) fn get(&self, path: &str) -> Value {
        self.client().get(path).unwrap_or_else(|error| panic!("{path}: {error}\n{}", self.log()))
    }

    #[track_caller]
    pub(crate) fn run(&self, workflow: &str, input: &Value) -> String {
        let path = format!("/api/v1/workflows/{workflow}/runs");
        let started = self.client().post(&path, &json!({ "input": input }));
        let started = started.unwrap_or_else(|error| panic!("{error}\n{}", self.log()));
        started["id"].as_str().unwrap().to_owned()
    }

    /// Waits for the end; it must be this one.
    #[track_caller]
    pub(crate) fn ends(&self, run: &str, state: &str) -> Value {
        let view = until(&format!("the end of {run}\n{}", self.log()), || {
            let view = self.get(&format!("/api/v1/runs/{run}/wait?seconds=5"));
            is_over(&view).then_some(view)
        });
        assert_eq!(view["state"], state, "{view:#}\n{}", self.log());
        view
    }

    /// The one open task of a run.
    pub(crate) fn task(&self, run: &str) -> Value {
        until(&format!("a task of {run}"), || {
            self.get(&format!("/api/v1/tasks?run={run}"))["items"].get(0).cloned()
        })
    }

    pub(crate) fn settle(&self, task: &Value, verdict: &Value) {
        let id = task["id"].as_str().unwrap();
        self.client().post(&format!("/api/v1/tasks/{id}/settle"), verdict).unwrap();
    }

    pub(crate) fn yizhan(&self, words: &[&str]) -> Said {
        let mut command = Command::new(binary());
        command.args(["--lang", "en"]).args(words).env("YIZHAN_HOME", &self.home).stdin(Stdio::null());
        let output = command.output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Said { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }

    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.home.join("serve.log")).unwrap_or_default()
    }

    /// The row of `/api/v1/workflows` for one name.
    pub(crate) fn shelf(&self, name: &str) -> Option<Value> {
        let all = self.get("/api/v1/workflows");
        all["items"].as_array().unwrap().iter().find(|row| row["name"] == name).cloned()
    }
}

pub(crate) fn is_over(view: &Value) -> bool {
    matches!(view["state"].as_str(), Some("done" | "failed" | "cancelled"))
}

/// The step of a run's view.
#[track_caller]
pub(crate) fn step<'a>(view: &'a Value, id: &str) -> &'a Value {
    let steps = view["steps"].as_array().unwrap();
    steps.iter().find(|step| step["id"] == id).unwrap_or_else(|| panic!("no step `{id}`: {view:#}"))
}

/// How a request was refused: its status and its body.
#[track_caller]
pub(crate) fn refused(answer: Result<Value, ClientError>) -> (u16, Value) {
    match answer {
        Err(ClientError::Refused { status, body }) => (status, serde_json::from_str(&body).unwrap()),
        other => panic!("not refused: {other:?}"),
    }
}

/// Ends a load on every way out of a scope, so that nobody waits for it in vain.
pub(crate) struct Ends<'a>(pub(crate) &'a AtomicBool);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
