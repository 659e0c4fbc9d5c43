//! A home under load: clients that start runs as fast as they are acknowledged, the sinks that these runs go to, and how
//! everything is brought to its end and judged.

pub(crate) mod wide;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use yizhan_engine::store::RunState;
use yizhan_workflow::calendar::Calendar;
use yizhan_workflow::id::RunId;

use crate::checker::{Violation, check};
use crate::client::{Client, ClientError};
use crate::daemon::{Daemon, DaemonError};
use crate::evidence::{Ack, Evidence, EvidenceError};
use crate::fault::webhooks;
use crate::sink::{HttpSink, Mood, appended, mails};
use crate::smtp::SmtpSink;

/// So many runs of one client are open at once: what is only queued up proves nothing.
const OPEN_MOST: usize = 100;

/// Runs must come to their end within this, once nothing disturbs them.
const END: Duration = Duration::from_secs(600);

/// So many violations are named in a report.
const SHOWN: usize = 20;

#[derive(Debug, thiserror::Error)]
pub enum FaultError {
    #[error(transparent)]
    Daemon(#[from] DaemonError),
    #[error(transparent)]
    Client(#[from] ClientError),
    #[error(transparent)]
    Evidence(#[from] EvidenceError),
    #[error("{0}")]
    Io(#[from] std::io::Error),
    #[error(transparent)]
    Zone(#[from] yizhan_workflow::schedule::UnknownZone),
    #[error("`{}` has no points: take a build for development, or one with the feature `faults`", .0.display())]
    NoPoints(PathBuf),
    #[error("the audit cannot be read: {0}")]
    Audit(String),
    #[error("a client panicked")]
    ClientPanicked,
    #[error("{what} after {within:?}: {shown}")]
    TooLate { what: &'static str, within: Duration, shown: String },
}

/// A small generator, so that a seed is the whole run.
#[derive(Debug)]
pub struct Dice(u64);

impl Dice {
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    pub fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % n
    }

    pub fn between(&mut self, least: u64, most: u64) -> u64 {
        least + self.below(most - least)
    }

    /// So many of them, in an order that the seed says.
    pub fn some_of<T>(&mut self, mut all: Vec<T>, most: usize) -> Vec<T> {
        for last in (1..all.len()).rev() {
            all.swap(last, usize::try_from(self.below(last as u64 + 1)).unwrap_or(0));
        }
        all.truncate(most);
        all
    }
}

/// Starts that were acknowledged.
type Acks = Arc<Mutex<Vec<Ack>>>;

/// A home, its sinks and its clients.
#[derive(Debug)]
pub struct Load {
    pub home: PathBuf,
    pub binary: PathBuf,
    folder: tempfile::TempDir,
    sink: HttpSink,
    /// Where mails go; none: into a folder of the home.
    post: Option<SmtpSink>,
    /// What the daemon finds in its surroundings at each start.
    surroundings: Vec<(&'static str, OsString)>,
    acks: Acks,
    /// What a done run must have sent, by its workflow.
    sends: BTreeMap<String, BTreeSet<String>>,
    /// What others than the clients were told.
    words: wide::Words,
    stop: Arc<AtomicBool>,
    /// Milliseconds that a client waits between two starts.
    pace: Arc<AtomicU64>,
    clients: Vec<JoinHandle<()>>,
    began: Instant,
}

/// What the receiver has, as somebody who looks there finds it.
struct Receiver {
    /// Their ids by their subjects.
    mails: BTreeMap<String, String>,
    calls: BTreeSet<String>,
}

impl Receiver {
    fn verdict_on(&self, item: &str) -> Value {
        if let Some(id) = self.mails.get(item) {
            return json!({ "verdict": "happened", "values": { "message_id": id } });
        }
        if self.calls.contains(item) {
            return json!({ "verdict": "happened", "values": { "status": 200 } });
        }
        json!({ "verdict": "again" })
    }
}

/// What a fault run found.
#[derive(Debug)]
pub struct Findings {
    pub acknowledged: usize,
    /// Answers to tasks, deliveries and files that were acknowledged, and what was refused.
    pub told: Value,
    pub runs: usize,
    pub arrivals: usize,
    /// Slots of schedules that came,
    pub slots: usize,
    /// and entries of registers that were written.
    pub entries: usize,
    /// Runs that ended failed,
    pub failed: usize,
    /// and unknown outcomes that were looked up at the receiver, as a person would.
    pub settled: usize,
    pub seconds: u64,
    pub violations: Vec<Violation>,
    /// Where the home is, if it was kept.
    pub kept: Option<PathBuf>,
}

impl Findings {
    fn by_kind(&self) -> BTreeMap<String, usize> {
        let mut kinds = BTreeMap::new();
        for violation in &self.violations {
            *kinds.entry(violation.kind()).or_default() += 1;
        }
        kinds
    }

    /// The report, with what this kind of run counted beside.
    #[must_use]
    pub fn report(&self, run: &str, seed: u64, counted: Value) -> Value {
        let mut report = json!({
            "run": run, "seed": seed, "seconds": self.seconds, "acknowledged": self.acknowledged,
            "told": self.told, "runs": self.runs, "failed": self.failed, "arrivals": self.arrivals,
            "slots": self.slots, "entries": self.entries, "settled_by_hand": self.settled,
            "violations": self.violations.len(), "violations_by_kind": self.by_kind(),
            "first_violations": self.violations.iter().take(SHOWN).map(ToString::to_string).collect::<Vec<_>>(),
        });
        if let (Value::Object(report), Value::Object(counted)) = (&mut report, counted) {
            report.extend(counted);
        }
        report
    }
}

impl Load {
    /// Makes the home and starts the clients; nobody answers them yet.
    ///
    /// # Errors
    /// When the home cannot be made.
    pub fn begin(binary: &Path, clients: u32) -> Result<Self, FaultError> {
        Self::begin_at(binary, clients, Mood { refuse_every: 17, ..Mood::default() })
    }

    /// The same with a sink in this mood.
    ///
    /// # Errors
    /// When the home cannot be made.
    pub fn begin_at(binary: &Path, clients: u32, mood: Mood) -> Result<Self, FaultError> {
        let folder = tempfile::Builder::new().prefix("yizhan-chaos").tempdir()?;
        let home = folder.path().join("home");
        let sink = HttpSink::start(mood)?;
        Daemon::init(binary, &home)?;
        let config = format!("timezone = \"Asia/Shanghai\"\n\n[egress]\nallow = [\"{}\"]\n", sink.address);
        std::fs::write(home.join("config/yizhan.toml"), config)?;
        std::fs::write(home.join("config/registers.toml"), REGISTERS)?;
        std::fs::write(home.join("workflows/chaos.toml"), workflow(&sink))?;
        std::fs::write(home.join("workflows/sub.toml"), CHILD)?;
        std::fs::write(home.join("workflows/tick.toml"), TICK)?;
        let (acks, stop, cases) = (Arc::default(), Arc::new(AtomicBool::new(false)), Arc::default());
        let mut load = Self {
            binary: binary.to_owned(),
            folder,
            sink,
            post: None,
            surroundings: vec![],
            acks,
            sends: BTreeMap::from([("chaos".to_owned(), SENDS.map(str::to_owned).into())]),
            words: Arc::default(),
            stop,
            pace: Arc::default(),
            clients: vec![],
            began: Instant::now(),
            home,
        };
        load.clients = (0..clients).map(|_| load.client(&cases)).collect();
        Ok(load)
    }

    /// With more kinds of what comes in: webhooks, files, starts by a key, events that start runs, people who answer and
    /// hear of it. So many do all this; what each was told is judged as the starts are.
    ///
    /// # Errors
    /// When the home cannot be made.
    pub fn begin_wide(binary: &Path, clients: u32, visitors: u32) -> Result<Self, FaultError> {
        let mut load = Self::begin(binary, clients)?;
        // So few attempts at once that others wait for their turn.
        load.set("owner = \"person:a\"\nengine.attempts_max = 6")?;
        std::fs::write(load.home.join("config/people.toml"), wide::PEOPLE)?;
        std::fs::write(load.home.join("workflows/asked.toml"), wide::ASKED)?;
        std::fs::write(load.home.join("workflows/news.toml"), wide::news("1s"))?;
        std::fs::write(load.home.join("workflows/came.toml"), webhooks::CAME)?;
        std::fs::create_dir_all(load.home.join("secrets"))?;
        std::fs::write(load.home.join("secrets/ours"), webhooks::OURS)?;
        for who in 0..visitors {
            let visitor = wide::Visitor {
                who: (who, visitors),
                client: Client::of_home(&load.home),
                home: load.home.clone(),
                words: load.words.clone(),
                acks: load.acks.clone(),
            };
            let stop = load.stop.clone();
            load.clients.push(std::thread::spawn(move || visitor.come_and_go(&stop)));
        }
        Ok(load)
    }

    /// Writes a file of the home anew, before the daemon reads it.
    ///
    /// # Errors
    /// When it is not there, or cannot be written.
    pub fn change(&self, file: &str, change: impl FnOnce(&str) -> String) -> std::io::Result<()> {
        let path = self.home.join(file);
        let text = std::fs::read_to_string(&path)?;
        std::fs::write(path, change(&text))
    }

    /// Mails go to this server, which knows them by their subjects, `<case>/<step>`.
    ///
    /// # Errors
    /// When the settings cannot be written.
    pub fn post_to(&mut self, sink: SmtpSink) -> std::io::Result<()> {
        self.change("config/yizhan.toml", |text| {
            format!(
                "{text}\n[plugin.email]\nhost = \"127.0.0.1\"\nport = {}\ntls = \"none\"\nfrom = \"yizhan@example.com\"\n",
                sink.address.port()
            )
        })?;
        self.post = Some(sink);
        Ok(())
    }

    /// Each run of this workflow sends this, too.
    pub(crate) fn says_it_sends(&mut self, workflow: &str, steps: &[&str]) {
        self.sends
            .entry(workflow.to_owned())
            .or_default()
            .extend(steps.iter().map(|step| (*step).to_owned()));
    }

    /// The mails that came to the server.
    #[must_use]
    pub fn posted(&self) -> Vec<crate::smtp::Mail> {
        self.post.as_ref().map(SmtpSink::mails).unwrap_or_default()
    }

    fn client(&self, cases: &Arc<AtomicU64>) -> JoinHandle<()> {
        let (client, acks, words) = (Client::of_home(&self.home), self.acks.clone(), self.words.clone());
        let (stop, pace, cases) = (self.stop.clone(), self.pace.clone(), cases.clone());
        std::thread::spawn(move || {
            let mut open = VecDeque::new();
            while !stop.load(Ordering::Relaxed) {
                if open.len() < OPEN_MOST || first_is_over(&client, &mut open) {
                    open.extend(start_one(&client, &acks, &words, &cases));
                }
                // As a person comes back, or at once.
                std::thread::sleep(Duration::from_millis(pace.load(Ordering::Relaxed)));
            }
        })
    }

    /// From now on each client waits so long between two starts.
    pub fn pace(&self, pause: Duration) {
        self.pace.store(u64::try_from(pause.as_millis()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// From now on nobody asks for anything more.
    pub fn rest(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }

    /// From now on the daemon finds this in its surroundings, also when everything is judged.
    pub fn surround(&mut self, name: &'static str, value: impl Into<OsString>) {
        self.surroundings.push((name, value.into()));
    }

    /// A line above all others of the settings.
    ///
    /// # Errors
    /// When they cannot be written.
    pub fn set(&self, line: &str) -> std::io::Result<()> {
        let settings = self.home.join("config/yizhan.toml");
        let text = std::fs::read_to_string(&settings)?;
        std::fs::write(&settings, format!("{line}\n{text}"))
    }

    /// The daemon's program in its surroundings.
    #[must_use]
    pub fn program(&self) -> Command {
        let mut program = Command::new(&self.binary);
        program.envs(self.surroundings.iter().map(|(name, value)| (name, value)));
        program
    }

    /// Starts the daemon in its surroundings.
    ///
    /// # Errors
    /// When it does not become ready.
    pub fn start(&self) -> Result<Daemon, DaemonError> {
        Daemon::start_as(self.program(), &self.home)
    }

    /// What was acknowledged until now.
    #[must_use]
    pub fn acks(&self) -> Vec<Ack> {
        lock(&self.acks).clone()
    }

    /// A start that somebody beside the clients was told of.
    pub(crate) fn acknowledge(&self, ack: Ack) {
        lock(&self.acks).push(ack);
    }

    /// Leaves the home where it is.
    pub(crate) fn keep(self) -> PathBuf {
        self.folder.keep()
    }

    /// Where calls go.
    pub(crate) fn url(&self) -> String {
        format!("http://{}/", self.sink.address)
    }

    pub(crate) fn client_of_home(&self) -> Client {
        Client::of_home(&self.home)
    }

    /// What came to the sink of HTTP calls.
    pub(crate) fn calls(&self) -> Vec<crate::sink::Call> {
        self.sink.calls()
    }

    /// How much others than the clients were told.
    fn told_so_far(&self) -> Value {
        let words = wide::told(&self.words);
        json!({
            "answers": words.answered.len(), "files": words.kept.len(), "refused": words.refused,
            "deliveries": words.delivered.as_ref().map_or(0, |delivered| delivered.taken.len()),
        })
    }

    /// What was refused, how often with which status and code.
    #[must_use]
    pub fn refused(&self) -> BTreeMap<String, u32> {
        wide::told(&self.words).refused.clone()
    }

    #[must_use]
    pub fn acknowledged(&self) -> usize {
        lock(&self.acks).len()
    }

    /// Waits until so many more starts were acknowledged.
    ///
    /// # Errors
    /// When they are not within a minute.
    pub fn until_acknowledged(&self, more: usize) -> Result<(), FaultError> {
        let wanted = self.acknowledged() + more;
        self.until("starts are not acknowledged", || (self.acknowledged() >= wanted).then_some(()))
    }

    /// Looks again and again, with a deadline.
    ///
    /// # Errors
    /// When it does not come to be.
    pub fn until<T>(&self, what: &'static str, mut look: impl FnMut() -> Option<T>) -> Result<T, FaultError> {
        let (within, begin) = (Duration::from_secs(60), Instant::now());
        while begin.elapsed() < within {
            if let Some(seen) = look() {
                return Ok(seen);
            }
            std::thread::sleep(Duration::from_millis(5)); // Between two looks at a state, with a deadline.
        }
        Err(FaultError::TooLate { what, within, shown: format!("{} acknowledged", self.acknowledged()) })
    }

    /// Ends the load, brings every run to its end under an undisturbed daemon, and judges what is left. `least_done`: a
    /// system in which nothing succeeds must not pass.
    ///
    /// # Errors
    /// When the daemon does not start, or runs do not end.
    pub fn judge(self, least_done: usize, keep: bool) -> Result<Findings, FaultError> {
        self.judge_also(least_done, keep, |_| vec![])
    }

    /// The same with what this kind of run adds to the invariants.
    ///
    /// # Errors
    /// When the daemon does not start, or runs do not end.
    pub fn judge_also(
        mut self,
        least_done: usize,
        keep: bool,
        also: impl FnOnce(&Evidence) -> Vec<Violation>,
    ) -> Result<Findings, FaultError> {
        self.rest();
        for client in std::mem::take(&mut self.clients) {
            client.join().map_err(|_| FaultError::ClientPanicked)?;
        }
        let daemon = self.start()?;
        let broken = broken_audit(&daemon.client())?;
        let asked = self.bring_to_an_end(&daemon.client())?;
        daemon.stop();
        let evidence = self.evidence(asked)?;
        let mut violations = check(&evidence, least_done.min(evidence.acks.len()).max(1));
        violations.extend(broken);
        violations.append(&mut wide::told(&self.words).wrong);
        violations.extend(wide::lost_files(&wide::told(&self.words), &self.home));
        violations.extend(also(&evidence));
        let keep = keep || !violations.is_empty();
        Ok(Findings {
            acknowledged: evidence.acks.len(),
            told: self.told_so_far(),
            runs: evidence.runs.len(),
            arrivals: evidence.arrivals.len(),
            slots: evidence.schedules.iter().map(|slots| slots.firings.len()).sum(),
            entries: evidence.ledgers.iter().map(|ledger| ledger.lines.len()).sum(),
            failed: evidence.runs.values().filter(|run| run.row.state == RunState::Failed).count(),
            settled: evidence.asked.len(),
            seconds: self.began.elapsed().as_secs(),
            violations,
            kept: keep.then(|| self.folder.keep()),
        })
    }

    /// What is left when everything has ended.
    pub(crate) fn evidence(&self, asked: BTreeSet<String>) -> Result<Evidence, FaultError> {
        let mut evidence = Evidence { asked, ..evidence_of(&self.home, self.acks())? };
        evidence.clock_moves = self.surroundings.iter().any(|(name, _)| *name == "YIZHAN_FAULT_CLOCK");
        {
            let words = wide::told(&self.words);
            evidence.answered.clone_from(&words.answered);
            evidence.delivered.clone_from(&words.delivered);
        }
        evidence.sends.clone_from(&self.sends);
        evidence.arrivals = self.sink.arrivals();
        evidence.arrivals.extend(appended(&self.home.join("data/files/lines.csv"))?);
        let mails = match &self.post {
            Some(_) => self.posted().into_iter().map(crate::smtp::Mail::arrival).collect(),
            None => mails(&self.home.join("data/mail"))?,
        };
        // What tells people of their tasks is no step's mail.
        let (steps, letters): (Vec<_>, Vec<_>) = mails
            .into_iter()
            .partition(|mail| mail.item.ends_with("/mail") || mail.item.ends_with(ONCE_MAIL));
        evidence.arrivals.extend(steps);
        evidence.letters = letters.into_iter().map(|mail| mail.key).collect();
        Ok(evidence)
    }

    /// Looks at the receiver for every unknown outcome, as a person would, and says what it saw; until no run is open.
    /// Gives the items that were asked about.
    ///
    /// # Errors
    /// When they do not end.
    pub fn bring_to_an_end(&self, client: &Client) -> Result<BTreeSet<String>, FaultError> {
        self.bring(client, &self.words)
    }

    /// The same of another house, restored from this one: what it acknowledges is not this one's to keep.
    ///
    /// # Errors
    /// When they do not end.
    pub fn bring_another_to_an_end(&self, client: &Client) -> Result<BTreeSet<String>, FaultError> {
        self.bring(client, &wide::Words::default())
    }

    fn bring(&self, client: &Client, words: &wide::Words) -> Result<BTreeSet<String>, FaultError> {
        let (end, mut asked) = (Instant::now() + END, BTreeSet::new());
        while Instant::now() < end {
            for task in self.settle(client, &mut asked)? {
                wide::answer(client, &task, words);
            }
            // Of a schedule of every second one may always be open.
            let open = client.get("/api/v1/runs?open=true&limit=50")?;
            if open["items"].as_array().is_some_and(|runs| runs.iter().all(|run| run["workflow"] == "tick")) {
                return Ok(asked);
            }
            std::thread::sleep(Duration::from_millis(50)); // Between two looks at a state, with a deadline.
        }
        let open = client.get("/api/v1/runs?open=true&limit=3")?;
        Err(FaultError::TooLate { what: "runs are still open", within: END, shown: open.to_string() })
    }

    /// Settles the unknown outcomes among the open tasks. Gives the others.
    pub(crate) fn settle(
        &self,
        client: &Client,
        asked: &mut BTreeSet<String>,
    ) -> Result<Vec<Value>, ClientError> {
        let tasks = client.get("/api/v1/tasks?limit=200")?;
        let (receiver, mut others) = (self.receiver(), vec![]);
        for task in tasks["items"].as_array().into_iter().flatten() {
            let id = task["id"].as_str().unwrap_or("");
            // The clock may have been quicker.
            let Ok(shown) = client.get(&format!("/api/v1/tasks/{id}")) else { continue };
            let case = shown["case"]["input"]["case"].as_str().unwrap_or("");
            let item = format!("{case}/{}", task["step"].as_str().unwrap_or(""));
            let verdict = receiver.verdict_on(&item);
            // Somebody (a late answer) may have been quicker, or it asks for something else.
            if client.post(&format!("/api/v1/tasks/{id}/settle"), &verdict).is_ok() {
                asked.insert(item);
            } else {
                others.push(task.clone());
            }
        }
        Ok(others)
    }

    /// What has come to the receiver so far.
    fn receiver(&self) -> Receiver {
        Receiver {
            mails: self.posted().into_iter().map(|mail| (mail.subject, mail.id)).collect(),
            calls: self.sink.calls().into_iter().map(|call| call.item).collect(),
        }
    }
}

/// Whether the audit is not as it was written, by its own word.
///
/// # Errors
/// When it cannot be asked.
pub(crate) fn broken_audit(client: &Client) -> Result<Option<Violation>, ClientError> {
    let broken = client.get("/api/v1/audit/verify")?["broken"].take();
    Ok((!broken.is_null()).then(|| Violation::Audit(broken.to_string())))
}

/// What ends the name of a mail that must go out once.
pub(crate) const ONCE_MAIL: &str = "/notice";

/// What the store of a home says that no daemon holds, without what came to sinks.
///
/// # Errors
/// When it cannot be read.
pub fn evidence_of(home: &Path, acks: Vec<Ack>) -> Result<Evidence, FaultError> {
    let once = ["/line", "/pay", ONCE_MAIL].map(Into::into).into();
    let mut evidence = Evidence { acks, once, ..Evidence::default() };
    let store = home.join("data/yizhan.db");
    evidence.read_store(&store)?;
    let zone = yizhan_workflow::schedule::zone("Asia/Shanghai")?;
    evidence.read_schedules(&store, &Calendar::weekdays(zone))?;
    Ok(evidence)
}

const REGISTERS: &str = "[register.\"台账\"]\nnumber = \"TZ{n:06}\"\nfield.case = {}\n";

/// Says that it was there, to whoever waits for it.
const CHILD: &str = r#"
title = "下级流程"
[input]
case = {}
[step.book]
use = "register.append"
with.register = "台账"
with.entry    = { case = "{{ input.case }}" }
[step.say]
use = "event.publish"
with.name = "heard"
with.key  = "{{ input.case }}"
"#;

/// A slot every second, also of those that passed while the daemon was down.
const TICK: &str = r#"
title = "每秒一次"
[trigger.tick]
schedule = "every 1s"
missed   = "all"
overlap  = "allow"
[step.say]
use = "event.publish"
with.name = "ticked"
with.key  = "{{ trigger.at }}"
"#;

/// What comes to a sink of each run of the next.
const SENDS: [&str; 5] = ["call", "line", "mail", "pay", "last"];

/// One step of each kind that must survive: a call with a key, a line in a file, a mail, a call that must happen once, a
/// child with an entry in a register and an event, a place among few, a wait.
fn workflow(sink: &HttpSink) -> String {
    let url = format!("http://{}/", sink.address);
    let call = |name: &str, more: &str| {
        format!(
            "[step.{name}]\nuse = \"webhook.call\"\nwith.url = \"{url}\"\nwith.headers = {{ X-Item = \"{{{{ input.case }}}}/{name}\" }}\nwith.json = {{ case = \"{{{{ input.case }}}}\" }}\n{more}\n"
        )
    };
    format!(
        "title = \"故障演练\"\n[input]\ncase = {{ label = \"案例\", type = \"text\" }}\n\
         {}\n\
         [step.line]\nuse = \"file.append\"\nwith.path = \"lines.csv\"\nwith.text = \"{{{{ input.case }}}}/line,案例\\n\"\n\
         [step.mail]\nuse = \"email.send\"\nwith.to = \"a@example.com\"\nwith.subject = \"{{{{ input.case }}}}/mail\"\nwith.text = \"你好\"\n\
         {}[step.sub]\nrun = \"sub\"\nwith.case = \"{{{{ input.case }}}}\"\n\
         [step.heard]\nawait = \"heard\"\nkey = \"{{{{ input.case }}}}\"\n[step.nap]\nwait = \"1s\"\n{}",
        call("call", "retry = { times = 60, first = \"100ms\", factor = 1.2, most = \"1s\" }"),
        call("pay", "effect = \"once\""),
        call(
            "last",
            "limit = { most = 4 }\nretry = { times = 60, first = \"100ms\", factor = 1.2, most = \"1s\" }"
        ),
    )
}

fn lock(acks: &Mutex<Vec<Ack>>) -> std::sync::MutexGuard<'_, Vec<Ack>> {
    acks.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Starts a run. What gets no answer may have been taken or not: nobody counts on it.
fn start_one(
    client: &Client,
    acks: &Mutex<Vec<Ack>>,
    words: &Mutex<wide::Told>,
    cases: &AtomicU64,
) -> Option<RunId> {
    let case = format!("c{}", cases.fetch_add(1, Ordering::Relaxed));
    let answer = match client.post("/api/v1/workflows/chaos/runs", &json!({ "input": { "case": case } })) {
        Ok(answer) => answer,
        Err(error) => {
            wide::told(words).refusal("start", &error);
            std::thread::sleep(Duration::from_millis(5)); // Nobody is there just now.
            return None;
        }
    };
    let run = answer["id"].as_str()?.parse().ok()?;
    lock(acks).push(Ack { run, case });
    Some(run)
}

/// Takes the oldest of the open runs away, if it is over or waits for the world: a clock that was set back may hold it for hours.
fn first_is_over(client: &Client, open: &mut VecDeque<RunId>) -> bool {
    let Some(first) = open.front() else { return true };
    let run = client.get(&format!("/api/v1/runs/{first}")).unwrap_or_default();
    let waits = matches!(run["waits"].as_str(), Some("task" | "unknown" | "time" | "event"));
    let over = waits || run["state"].as_str().is_some_and(|state| state != "open");
    if over {
        open.pop_front();
    } else {
        std::thread::sleep(Duration::from_millis(5)); // Between two looks at a state.
    }
    over
}
