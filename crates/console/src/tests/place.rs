//! An engine with a console before it. The carriers are played: an action of any plugin does what its name says.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use sha2::{Digest, Sha256};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use yizhan_access::Access;
use yizhan_engine::carrier::{Call, CancelReason, Carriers, Completion, Completions, Outcome};
use yizhan_engine::library::{Entry, Workflows};
use yizhan_engine::link::Links;
use yizhan_engine::{Clock, Engine, EngineConfig, Opened};
use yizhan_store::Memory;
use yizhan_workflow::catalogue::{Action, Catalogue};
use yizhan_workflow::definition;
use yizhan_workflow::id::{Millis, RunId};
use yizhan_workflow::moment::Span;
use yizhan_workflow::people::rights::{Grant, Role};
use yizhan_workflow::people::{People, Person};
use yizhan_workflow::plan::{ActionName, Effect, Retry, Source};
use yizhan_workflow::register::Registers;
use yizhan_workflow::run::World;
use yizhan_workflow::run::event::{Failure, Happened, Lost};
use zeroize::Zeroizing;

use super::client::{Client, To};
use crate::house::{ActionView, CostView, LogLevel, LogLine, PluginView, Promise, Reloaded, SaidLine};
use crate::{App, House, HttpSettings, Listeners, Token, serve};

/// The key of the house's links.
pub(super) const LINKS: [u8; 32] = [7; 32];
/// One with readers, and one that is the owner's.
const REGISTERS: &str = r#"
[register."客户"]
read = ["group:热线"]
field.name = {}
field.card = { private = true }
[register."证件"]
field.card = { private = true }
"#;
/// 10:00 in Shanghai.
pub(super) const TEN: i64 = 1_795_312_800_000;
pub(super) const TOKEN: &str = "a-token-of-the-config";
pub(super) const SECRET: &str = "whsec_bXkgb3duIGxpdHRsZSBzZWNyZXQga2V5";
pub(super) const PLAIN: &str = "plain-secret-of-the-house";

pub(super) struct Hands {
    now: AtomicI64,
}

impl Clock for Hands {
    fn now(&self) -> Millis {
        Millis(self.now.load(Ordering::SeqCst))
    }
}

/// Plays plugins: `play.say` gives back what it got, `play.fail` fails, `play.die` is lost, `play.hang` never answers.
struct Script {
    to: Arc<dyn Completions>,
}

impl Carriers for Script {
    fn start(&self, calls: Vec<Call>) {
        let done = calls.into_iter().filter_map(|call| {
            let failed = |code: &str, happened| {
                Outcome::Failed(Failure {
                    code: code.into(),
                    message: "as was asked for".into(),
                    retry: true,
                    retry_after_ms: None,
                    happened,
                })
            };
            let outcome = match &*call.action {
                "say" => Outcome::Done { output: (*call.input).into() },
                "fail" => failed("play.failed", Happened::No),
                "die" => Outcome::Lost { how: Lost::Crash, message: "it died".into() },
                _ => return None,
            };
            Some(Completion { id: call.id, outcome, took: Duration::from_millis(1) })
        });
        let done: Vec<_> = done.collect();
        if !done.is_empty() {
            self.to.completed(done);
        }
    }

    fn cancel(&self, ids: &[u64], _: CancelReason) {
        let failure = Failure {
            code: "plugin.cancelled".into(),
            message: "it obeyed".into(),
            retry: true,
            retry_after_ms: None,
            happened: Happened::No,
        };
        let done = ids.iter().map(|id| Completion {
            id: *id,
            outcome: Outcome::Failed(failure.clone()),
            took: Duration::ZERO,
        });
        self.to.completed(done.collect());
    }
}

struct Rooms {
    artifacts: Mutex<BTreeMap<String, Bytes>>,
    said: Arc<Mutex<Vec<SaidLine>>>,
    is_aside: Arc<AtomicBool>,
    engine: Engine,
}

impl House for Rooms {
    fn plugins(&self) -> Vec<PluginView> {
        let say = ActionView { name: "say".into(), effect: "pure".into(), ..ActionView::default() };
        let (calls, crashes) = (7, 1);
        vec![PluginView {
            id: "play".into(),
            hash: "ab".repeat(32),
            version: "1.0.0".into(),
            actions: vec![say],
            calls,
            crashes,
            state: if self.is_aside.load(Ordering::Relaxed) { "broken" } else { "ready" }.into(),
            cost: Some(CostView {
                since: "2026-11-22T01:00:00Z".into(),
                ended: 7,
                failed: 2,
                p50_us: Some(1_500),
                p95_us: Some(230_000),
                cpu_ms: Some(4_200),
                memory_bytes: Some(12 << 20),
                ..CostView::default()
            }),
            ..PluginView::default()
        }]
    }

    fn release(&self, id: &str) {
        if id == "play" {
            self.is_aside.store(false, Ordering::Relaxed);
        }
    }

    fn said(&self, _: RunId) -> Vec<SaidLine> {
        self.said.lock().unwrap().clone()
    }

    fn secret(&self, name: &str) -> Option<Zeroizing<Vec<u8>>> {
        let bytes = match name {
            "signed" => SECRET,
            "plain" => PLAIN,
            "empty" => "",
            _ => return None,
        };
        Some(Zeroizing::new(bytes.as_bytes().to_vec()))
    }

    fn reload(&self) -> Promise<'_, Reloaded> {
        // Somebody wrote another right into the file of people.
        let grant = Grant { who: vec!["person:new".into()], may: Role::Viewer, on: vec!["repair".into()] };
        self.engine.set_world(|world| {
            let mut people = (*world.people).clone();
            people.rights.insert("reloaded".to_owned(), grant);
            World { people: Arc::new(people), ..world.clone() }
        });
        Box::pin(async { Reloaded { loaded: vec!["repair".into()], faults: vec![] } })
    }

    fn log(&self) -> Vec<LogLine> {
        let line = |level, text: &str| LogLine {
            at: "2026-11-23T02:00:00Z".into(),
            level,
            of: "yizhan::play".into(),
            text: text.into(),
        };
        vec![
            line(LogLevel::Warn, "the disk <b>is slow</b>"),
            line(LogLevel::Info, "Ready"),
            line(LogLevel::Error, "broken"),
        ]
    }

    fn put_artifact(&self, bytes: &Bytes) -> std::io::Result<String> {
        let name: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        self.artifacts.lock().unwrap().insert(name.clone(), bytes.clone());
        Ok(name)
    }

    fn artifact(&self, sha256: &str, from: u64, most: u64) -> std::io::Result<Option<Bytes>> {
        assert!(sha256.len() == 64 && !sha256.contains(['.', '/']), "the house is asked for hashes alone");
        let all = self.artifacts.lock().unwrap();
        let end = |bytes: &Bytes| (from + most).min(bytes.len() as u64) as usize;
        Ok(all.get(sha256).map(|bytes| bytes.slice(from as usize..end(bytes))))
    }

    fn artifact_size(&self, sha256: &str) -> std::io::Result<Option<u64>> {
        Ok(self.artifacts.lock().unwrap().get(sha256).map(|bytes| bytes.len() as u64))
    }

    fn scratch(&self) -> std::io::Result<std::fs::File> {
        tempfile::tempfile()
    }

    fn home(&self) -> String {
        "/srv/yizhan".into()
    }
}

/// The whole of it, with clients for each of the ways in.
pub(super) struct Place {
    pub engine: Engine,
    pub store: Memory,
    pub socket: Client,
    /// TCP with the token, without one, and with a wrong one.
    pub token: Client,
    pub stranger: Client,
    pub wrong: Client,
    pub address: std::net::SocketAddr,
    pub access: Arc<Access>,
    /// What plugins said, whatever the run.
    pub said: Arc<Mutex<Vec<SaidLine>>>,
    /// Whether the plugin was put aside after too many crashes.
    pub is_aside: Arc<AtomicBool>,
    hands: Arc<Hands>,
    stop: Option<oneshot::Sender<()>>,
    serving: JoinHandle<()>,
    _folder: tempfile::TempDir,
}

fn action((plugin, name): (&str, &str), effect: Effect) -> (String, Arc<Action>) {
    let name = ActionName { plugin: plugin.into(), action: name.into() };
    let action = Action {
        name: name.clone(),
        summary: String::new(),
        effect,
        timeout_ms: None,
        outcome: None,
        input: serde_json::json!({}),
        output: serde_json::json!({}),
    };
    (name.to_string(), Arc::new(action))
}

pub(super) fn world() -> World {
    let all = [
        (("play", "say"), Effect::Pure),
        (("play", "fail"), Effect::Pure),
        (("play", "die"), Effect::Once),
        (("play", "hang"), Effect::Pure),
        (("email", "say"), Effect::Pure),
        (("webhook", "fail"), Effect::Pure),
    ];
    let mut catalogue = Catalogue { actions: all.map(|(name, effect)| action(name, effect)).into() };
    let (name, die) = action(("play", "die"), Effect::Once);
    let output = serde_json::json!({ "properties": {
        "text": { "type": "string", "title": "Receipt" }, "amount": { "type": "number" }, "parts": { "type": "array" },
    } });
    catalogue.actions.insert(name, Arc::new(Action { output, ..Arc::unwrap_or_clone(die) }));
    let person = |name: &str| Person { name: name.into(), ..Person::default() };
    let people = People {
        people: [("li.na".into(), person("李娜")), ("wang.wei".into(), person("王伟"))].into(),
        groups: [("热线".to_owned(), vec!["li.na".to_owned()])].into(),
        roles: [("班长".to_owned(), vec!["wang.wei".to_owned()].into())].into(),
        ..People::default()
    };
    World {
        number: 1,
        zone: jiff::tz::TimeZone::get("Asia/Shanghai").unwrap(),
        registers: Arc::new(Registers::read(REGISTERS).unwrap()),
        catalogue: Arc::new(catalogue),
        people: Arc::new(people),
        calendars: Arc::new(yizhan_workflow::calendar::Calendars::built_in(
            &jiff::tz::TimeZone::get("Asia/Shanghai").unwrap(),
        )),
        retry: Retry {
            times: 5,
            first: Span { ms: 5_000 },
            factor: 3.0,
            most: Span { ms: 600_000 },
            jitter: 0.0,
        },
        owner: Some("role:班长".into()),
        url: None,
    }
}

fn workflows(texts: &[(&str, &str)]) -> Workflows {
    texts.iter().map(|(name, text)| ((*name).to_owned(), entry(name, text))).collect()
}

pub(super) fn entry(name: &str, text: &str) -> Entry {
    let source = Source { name: name.into(), text: text.into(), files: BTreeMap::new() };
    let path = PathBuf::from("workflows").join(format!("{name}.toml")).display().to_string();
    match definition::read(&source, &source.files) {
        Ok(read) => Entry {
            workflow: Some(read.workflow),
            source: Some(Arc::new(read.source)),
            path,
            faults: vec![],
            warnings: vec![],
        },
        Err(problems) if text.contains("# wrong on purpose") => Entry {
            workflow: None,
            source: None,
            path,
            faults: problems.iter().map(|problem| problem.code.to_owned()).collect(),
            warnings: vec![],
        },
        Err(problems) => panic!("{name}: {problems:?}"),
    }
}

/// A console over these workflows.
pub(super) async fn place(texts: &[(&str, &str)]) -> Place {
    place_with(texts, HttpSettings::default()).await
}

pub(super) async fn place_with(texts: &[(&str, &str)], settings: HttpSettings) -> Place {
    let store = Memory::new();
    let hands = Arc::new(Hands { now: AtomicI64::new(TEN) });
    let opened = Opened::default();
    let carriers = Arc::new(Script { to: opened.completions() });
    let tell = ActionName { plugin: "play".into(), action: "say".into() };
    let links = Links::new("https://house.example.com", LINKS, 86_400_000);
    let engine = opened
        .start(
            EngineConfig { tell: Some(tell), links: Some(links), ..EngineConfig::default() },
            store.clone(),
            Arc::new(store.clone()),
            carriers,
            world(),
            hands.clone(),
        )
        .unwrap();
    engine.load(workflows(texts)).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("yizhan.sock");
    let unix = UnixListener::bind(&path).unwrap();
    let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = tcp.local_addr().unwrap();
    let settings = HttpSettings { tokens: vec![Token::new("ops", TOKEN)], ..settings };
    let said = Arc::<Mutex<Vec<SaidLine>>>::default();
    let is_aside = Arc::<AtomicBool>::default();
    let house = Rooms {
        artifacts: Mutex::default(),
        said: said.clone(),
        is_aside: is_aside.clone(),
        engine: engine.clone(),
    };
    let house = Arc::new(house);
    let access = Arc::new(Access::open(&folder.path().join("access.db")).unwrap());
    let app = App { engine: engine.clone(), house, settings, access: access.clone() };
    let (stop, stopped) = oneshot::channel::<()>();
    let listeners = Listeners { unix: vec![unix], tcp: vec![tcp] };
    let serving = tokio::spawn(serve(listeners, app, async move { drop(stopped.await) }));
    Place {
        engine,
        store,
        socket: Client::new(To::Socket(path), None),
        token: Client::new(To::Tcp(address), Some(TOKEN)),
        stranger: Client::new(To::Tcp(address), None),
        wrong: Client::new(To::Tcp(address), Some("another-token")),
        address,
        access,
        said,
        is_aside,
        hands,
        stop: Some(stop),
        serving,
        _folder: folder,
    }
}

impl Place {
    pub(super) fn now(&self) -> i64 {
        self.hands.now.load(Ordering::SeqCst)
    }

    /// Has time pass, and the engine notice.
    pub(super) async fn pass(&self, milliseconds: i64) {
        self.hands.now.fetch_add(milliseconds, Ordering::SeqCst);
        assert!(self.engine.turns(Duration::from_secs(5)).await);
    }

    /// Asks for the run until it looks as wanted.
    pub(super) async fn run_until(
        &self,
        id: &str,
        wanted: impl Fn(&serde_json::Value) -> bool,
    ) -> serde_json::Value {
        let end = tokio::time::Instant::now() + Duration::from_secs(10);
        loop {
            let run = self.socket.get(&format!("/api/v1/runs/{id}")).await.json();
            if wanted(&run) {
                return run;
            }
            assert!(tokio::time::Instant::now() < end, "it never came to be: {run:#}");
            tokio::task::yield_now().await;
        }
    }

    /// Puts other workflows in force.
    pub(super) async fn load(&self, texts: &[(&str, &str)]) {
        self.engine.load(workflows(texts)).await.unwrap();
    }

    /// How many requests have come so far, this one counted in.
    pub(super) async fn requests(&self) -> u64 {
        let page = self.stranger.get("/metrics").await.body;
        let line = page.lines().find_map(|line| line.strip_prefix("yizhan_http_requests_total "));
        line.unwrap().parse().unwrap()
    }

    /// Waits until a request came beside those that ask for it.
    pub(super) async fn another_request(&self, since: u64) {
        let end = tokio::time::Instant::now() + Duration::from_secs(10);
        for asked in 1.. {
            if self.requests().await > since + asked {
                return;
            }
            assert!(tokio::time::Instant::now() < end);
        }
    }

    /// Starts a run and answers with its id.
    pub(super) async fn start(&self, workflow: &str, input: serde_json::Value) -> String {
        let body = serde_json::json!({ "input": input });
        let answer = self.socket.post(&format!("/api/v1/workflows/{workflow}/runs"), &body).await;
        assert_eq!(answer.status, 201, "{answer:?}");
        answer.json()["id"].as_str().unwrap().to_owned()
    }

    /// The open task of a run.
    pub(super) async fn task(&self, run: &str) -> String {
        let end = tokio::time::Instant::now() + Duration::from_secs(10);
        loop {
            let list = self.socket.get(&format!("/api/v1/tasks?run={run}")).await.json();
            if let Some(id) = list["items"][0]["id"].as_str() {
                return id.to_owned();
            }
            assert!(tokio::time::Instant::now() < end, "{list:#}");
            tokio::task::yield_now().await;
        }
    }

    pub(super) async fn stop(mut self) {
        drop(self.stop.take());
        tokio::time::timeout(Duration::from_secs(10), &mut self.serving).await.unwrap().unwrap();
        self.engine.stop(Duration::from_secs(1)).await;
    }
}
