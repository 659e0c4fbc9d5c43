//! A home in a temporary folder and the daemon in it: started, waited for with a deadline, ended by its own id.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_yizhan");

/// Longer than anything takes on a busy machine; reached only where something hangs.
const DEADLINE: Duration = Duration::from_secs(60);

/// Settles soon, so that no test waits for what a person would not notice.
const SETTINGS: &str = r#"
[reload]
settle = "30ms"
rescan = "500ms"
[files]
settle = "100ms"
rescan = "500ms"
"#;

/// Asks again and again until there is an answer.
#[track_caller]
pub(crate) fn eventually<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + DEADLINE;
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(Instant::now() < end, "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// A new home, with the settings of tests and the plugins that were built.
pub(crate) struct Home {
    folder: tempfile::TempDir,
}

/// What a command said.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Said {
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

impl From<Output> for Said {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

/// The program without anything of the caller's surroundings that it listens to.
pub(crate) fn program() -> Command {
    let mut command = Command::new(PROGRAM);
    for name in ["YIZHAN_HOME", "YIZHAN_URL", "YIZHAN_TOKEN", "NOTIFY_SOCKET", "LISTEN_FDS", "LISTEN_PID"] {
        command.env_remove(name);
    }
    command.env("LANG", "C.UTF-8").env_remove("LC_ALL").env_remove("LC_MESSAGES");
    command
}

impl Home {
    pub(crate) fn new() -> Self {
        let beside = Path::new(PROGRAM).parent().unwrap();
        for plugin in ["echo", "file"] {
            let library = beside.join(format!("libyizhan_plugin_{plugin}.so"));
            assert!(
                library.exists(),
                "{} is missing: `cargo build --workspace` comes first",
                library.display()
            );
        }
        let home = Self { folder: tempfile::tempdir().unwrap() };
        let made = program().arg("init").arg(home.path()).output().unwrap();
        Said::from(made).ok();
        home.write("config/yizhan.toml", SETTINGS);
        home
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn file(&self, path: &str) -> PathBuf {
        self.path().join(path)
    }

    /// Under another name first and then renamed: whole at once.
    pub(crate) fn write(&self, path: &str, text: impl AsRef<[u8]>) {
        let path = self.file(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let making = path.with_file_name(format!(".{}.new", path.file_name().unwrap().to_string_lossy()));
        fs::write(&making, text).unwrap();
        fs::rename(&making, &path).unwrap();
    }

    pub(crate) fn read(&self, path: &str) -> String {
        fs::read_to_string(self.file(path)).unwrap_or_default()
    }

    /// The program's word for it, called in this home.
    pub(crate) fn call(&self, arguments: &[&str]) -> Said {
        program().args(arguments).current_dir(self.path()).stdin(Stdio::null()).output().unwrap().into()
    }

    pub(crate) fn command(&self) -> Command {
        let mut command = program();
        command.arg("serve").current_dir(self.path()).stdin(Stdio::null()).stdout(Stdio::null());
        command
    }

    pub(crate) fn start(&self) -> Daemon<'_> {
        self.start_as(self.command())
    }

    /// Waits until it answers.
    pub(crate) fn start_as(&self, mut command: Command) -> Daemon<'_> {
        let log = fs::OpenOptions::new().create(true).append(true).open(self.file("log")).unwrap();
        let child = command.stderr(log).spawn().unwrap();
        let mut daemon = Daemon { child, home: self };
        eventually("the daemon to answer", || {
            let ended = daemon.child.try_wait().unwrap();
            assert!(ended.is_none(), "it ended: {}", self.read("log"));
            (self.call(&["runs", "--json"]).code == 0).then_some(())
        });
        daemon
    }

    /// The state of a workflow: `in force`, `faulty`, `old text in force`.
    pub(crate) fn workflow(&self, name: &str) -> Option<Value> {
        let answer = self.get(&format!("/api/v1/workflows/{name}"));
        answer.get("name").is_some().then_some(answer)
    }

    /// Asks the API itself.
    pub(crate) fn get(&self, path: &str) -> Value {
        use std::io::{Read as _, Write as _};
        let mut stream = std::os::unix::net::UnixStream::connect(self.file("data/yizhan.sock")).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(!head.to_ascii_lowercase().contains("transfer-encoding: chunked"), "{head}");
        serde_json::from_str(body).unwrap()
    }

    pub(crate) fn runs(&self) -> Vec<Value> {
        let list = self.call(&["runs", "--json"]).ok().json();
        list["items"].as_array().unwrap().clone()
    }

    /// Starts a run and answers with its id.
    #[track_caller]
    pub(crate) fn run(&self, arguments: &[&str]) -> String {
        let said = self.call(&[&["run", "--json"], arguments].concat()).ok().json();
        said["id"].as_str().unwrap().to_owned()
    }

    /// Waits for the end of a run.
    #[track_caller]
    pub(crate) fn end_of(&self, run: &str) -> Value {
        self.call(&["show", run, "--wait", "--json"]).json()
    }
}

pub(crate) struct Daemon<'h> {
    child: Child,
    home: &'h Home,
}

impl Daemon<'_> {
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// A signal by its name, to this process alone.
    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("kill").arg(format!("-{name}")).arg(self.id().to_string()).status().unwrap();
        assert!(sent.success());
    }

    /// As a power cut would: nothing is said, nothing is waited for.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    #[track_caller]
    pub(crate) fn stop(mut self) -> ExitStatus {
        self.signal("TERM");
        self.ended()
    }

    #[track_caller]
    pub(crate) fn ended(&mut self) -> ExitStatus {
        eventually("the daemon to end", || self.child.try_wait().unwrap())
    }
}

impl Drop for Daemon<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let ended = self.child.try_wait();
            eprintln!("the daemon ended: {ended:?}; its log:\n{}", self.home.read("log"));
        }
        // Mostly ended already; then there is nothing to kill.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Says that a test was left out, and fails where nothing may be.
pub(crate) fn skipped(what: &str) {
    eprintln!("skipped: {what} is missing");
    assert!(
        std::env::var("YIZHAN_TESTS").as_deref() != Ok("all"),
        "{what} is missing, and nothing may be skipped"
    );
}
