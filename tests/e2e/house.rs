//! A home with the real program in it, and the waiting for what it should come to.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use yizhan_harness::client::{Client, ClientError};
use yizhan_harness::daemon::{Daemon, Signal};

/// Longer than a busy machine needs; nothing is measured with it.
pub(crate) const PATIENCE: Duration = Duration::from_secs(90);

/// Settles soon, so that no test waits for what a person would not notice.
const SOON: &str =
    "[reload]\nsettle = \"30ms\"\nrescan = \"500ms\"\n[files]\nsettle = \"100ms\"\nrescan = \"500ms\"\n";

pub(crate) fn binary() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_yizhan"))
}

/// The program without anything of the caller's surroundings that it listens to.
pub(crate) fn program() -> Command {
    let mut command = Command::new(binary());
    for name in ["YIZHAN_HOME", "YIZHAN_URL", "YIZHAN_TOKEN", "NOTIFY_SOCKET", "LISTEN_FDS", "LISTEN_PID"] {
        command.env_remove(name);
    }
    command.env("LANG", "C.UTF-8").env_remove("LC_ALL").env_remove("LC_MESSAGES");
    command
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
        eprintln!("skipped: {what} is missing");
        let all = std::env::var("YIZHAN_TESTS").as_deref() == Ok("all");
        assert!(!all, "{what} is missing, and nothing may be skipped");
    }
    is_there
}

/// Looks at a state until it is there. `None`: not yet.
#[track_caller]
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
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Said {
    /// Both streams: where a person looks.
    pub(crate) fn all(&self) -> String {
        format!("{}{}", self.out, self.err)
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error} in {self:?}"))
    }

    #[track_caller]
    pub(crate) fn ok(self) -> Self {
        assert_eq!(self.code, 0, "{self:?}");
        self
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
    /// A home as `init` makes it, with its sample, and no daemon yet.
    pub(crate) fn new() -> Self {
        see_plugins();
        let folder = tempfile::Builder::new().prefix("yizhan-e2e-").tempdir().unwrap();
        let home = folder.path().join("home");
        Daemon::init(binary(), &home).unwrap();
        let house = Self { home, daemon: None, _folder: folder };
        house.write("config/yizhan.toml", SOON);
        house
    }

    /// The home that a backup makes, with what was said of it, and no daemon yet.
    #[track_caller]
    pub(crate) fn restored(file: &Path) -> (Self, Said) {
        let folder = tempfile::Builder::new().prefix("yizhan-e2e-").tempdir().unwrap();
        let home = folder.path().join("home");
        let said = said(program().arg("restore").arg(file).arg(&home)).ok();
        (Self { home, daemon: None, _folder: folder }, said)
    }

    /// A home with these settings, no workflow, and no daemon yet.
    pub(crate) fn with(settings: &str) -> Self {
        let house = Self::new();
        std::fs::remove_file(house.file("workflows/hello.toml")).unwrap();
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

    pub(crate) fn file(&self, path: &str) -> PathBuf {
        self.home.join(path)
    }

    /// The mails that were put into the folder. One that is being written has another name.
    pub(crate) fn mails(&self) -> Vec<Vec<u8>> {
        let files =
            std::fs::read_dir(self.file("data/mail")).into_iter().flatten().flatten().map(|file| file.path());
        let whole = files.filter(|path| path.extension().is_some_and(|end| end == "eml"));
        whole.map(|path| std::fs::read(path).unwrap()).collect()
    }

    /// Under another name first and then renamed, as editors do it: it is never seen half written.
    pub(crate) fn write(&self, path: &str, content: impl AsRef<[u8]>) {
        let path = self.file(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        let making = path.with_file_name(format!(".{}.new", path.file_name().unwrap().to_string_lossy()));
        std::fs::write(&making, content).unwrap();
        std::fs::rename(&making, &path).unwrap();
    }

    pub(crate) fn read(&self, path: &str) -> String {
        std::fs::read_to_string(self.file(path)).unwrap_or_default()
    }

    pub(crate) fn workflow(&self, name: &str, text: &str) {
        self.write(&format!("workflows/{name}.toml"), text);
    }

    #[track_caller]
    pub(crate) fn start(&mut self) {
        self.start_as(program());
    }

    #[track_caller]
    pub(crate) fn start_as(&mut self, program: Command) {
        self.daemon = Some(Daemon::start_as(program, &self.home).unwrap());
    }

    pub(crate) fn pid(&self) -> u32 {
        self.daemon.as_ref().unwrap().pid()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        self.daemon.as_ref().unwrap().signal(signal).unwrap();
    }

    /// Waits for its end; its exit code.
    pub(crate) fn ended(&mut self) -> Option<i32> {
        self.daemon.take().unwrap().ended()
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

    /// What the program answers when it is called in this home.
    pub(crate) fn call(&self, words: &[&str]) -> Said {
        said(program().args(words).current_dir(&self.home))
    }

    /// Starts a run as a person does and answers with its id.
    #[track_caller]
    pub(crate) fn begin(&self, words: &[&str]) -> String {
        let said = self.call(&[&["run", "--json"], words].concat()).ok().json();
        said["id"].as_str().unwrap().to_owned()
    }

    /// Waits for the end of a run as a person does.
    #[track_caller]
    pub(crate) fn end_of(&self, run: &str) -> Value {
        self.call(&["show", run, "--wait", "--json"]).json()
    }

    pub(crate) fn runs(&self) -> Vec<Value> {
        self.get("/api/v1/runs")["items"].as_array().unwrap().clone()
    }

    pub(crate) fn log(&self) -> String {
        self.read("serve.log")
    }

    /// The row of `/api/v1/workflows` for one name.
    pub(crate) fn shelf(&self, name: &str) -> Option<Value> {
        let all = self.get("/api/v1/workflows");
        all["items"].as_array().unwrap().iter().find(|row| row["name"] == name).cloned()
    }
}

impl Drop for House {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the daemon's log:\n{}", self.log());
        }
    }
}

fn said(command: &mut Command) -> Said {
    let output = command.stdin(Stdio::null()).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    Said { code: output.status.code().unwrap_or(-1), out: text(output.stdout), err: text(output.stderr) }
}

pub(crate) fn is_over(view: &Value) -> bool {
    matches!(view["state"].as_str(), Some("done" | "failed" | "cancelled"))
}

/// The step of a run's view.
#[track_caller]
pub(crate) fn step<'a>(view: &'a Value, path: &str) -> &'a Value {
    let (id, inside) = path.split_once('.').map_or((path, None), |(id, inside)| (id, Some(inside)));
    let steps = view["steps"].as_array().unwrap();
    let step = steps.iter().find(|step| step["id"] == id);
    let step = step.unwrap_or_else(|| panic!("no step `{path}`: {view:#}"));
    match inside {
        None => step,
        Some(inside) => self::step(&step["items"][0], inside),
    }
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
