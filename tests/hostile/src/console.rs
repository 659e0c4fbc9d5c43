//! Requests to the HTTP side: the API, webhooks and pages, over real sockets, with an engine on the store in memory
//! behind them.

use std::cell::RefCell;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::runtime::{Builder, Runtime};
use yizhan_access::Access;
use yizhan_console::house::{PluginView, Promise, Reloaded};
use yizhan_console::{App, House, HttpSettings, Listeners, serve};
use yizhan_engine::carrier::{Call, CancelReason, Carriers, Completion, Completions, Outcome};
use yizhan_engine::library::Entry;
use yizhan_engine::{Clock, Engine, EngineConfig, Opened};
use yizhan_store::Memory;
use yizhan_workflow::calendar::Calendars;
use yizhan_workflow::definition;
use yizhan_workflow::id::Millis;
use yizhan_workflow::people::People;
use yizhan_workflow::plan::{Retry, Source};
use yizhan_workflow::register::Registers;
use yizhan_workflow::run::World;
use zeroize::Zeroizing;

const SECRET: &[u8] = b"a-secret-of-the-house";
const PEOPLE: &str = "[person.\"li.na\"]\nname = \"李娜\"\n[person.\"wang.wei\"]\nname = \"王伟\"\n[group.\"热线\"]\nmembers = [\"li.na\"]\n";
const REGISTERS: &str = "[register.\"客户\"]\nfield.name = {}\nfield.card = { private = true }\n";
/// So many requests until the house is made anew: what they leave behind must not pile up.
const FRESH: usize = 2_000;
/// Whoever waits for an answer is sent away by a request that is over.
const PATIENCE: Duration = Duration::from_millis(500);

const CASE: &str = r#"
title = "报修 {{ input.phone }}"
owner = "group:热线"
[input]
phone = { label = "电话", type = "text" }
times = { label = "次数", type = "whole", required = false }
day   = { label = "日子", type = "date", required = false }
kind  = { label = "类别", type = "choice", options = ["leak", "outage"], required = false }
cost  = { label = "费用", type = "money", required = false }
goods = { label = "物品", type = "table", required = false, fields = { what = { type = "text" }, many = { type = "whole" } } }
[trigger.open]
webhook = { signature = "none" }
[trigger.hmac]
webhook = { signature = "hmac", secret = "signed", header = "x-mac" }
[trigger.github]
webhook = { signature = "github", secret = "signed" }
with.phone = "{{ trigger.headers['x-github-event'] }}"
[trigger.standard]
webhook = { signature = "standard", secret = "signed" }
[trigger.token]
webhook = { signature = "token", secret = "signed" }
[trigger.some]
webhook = { signature = "none" }
where = { kind = ["leak", "outer"], many = { from = 1 } }
each = "{{ trigger.body.all }}"
with.phone = "{{ item.phone }}"
[step.visit]
ask = "group:热线"
due = "24h"
form.result = { label = "结果", type = "choice", options = { fixed = "已修复", complex = "复杂" } }
form.minutes = { label = "用时", type = "whole", required = false }
form.goods = { like = "input.goods" }
form.photos = { label = "照片", type = "files", required = false }
[step.end]
when = "step.visit.result == 'fixed'"
ask = ["person:li.na", "person:wang.wei"]
approve = "all"
on.refused = { go = "cancel:refused" }
"#;

struct Still;

impl Clock for Still {
    fn now(&self) -> Millis {
        Millis(1_795_312_800_000)
    }
}

/// Nobody is called in these cases.
struct Nobody(Arc<dyn Completions>);

impl Carriers for Nobody {
    fn start(&self, calls: Vec<Call>) {
        let done = calls.into_iter().map(|call| Completion {
            id: call.id,
            outcome: Outcome::Done { output: "{}".into() },
            took: Duration::ZERO,
        });
        self.0.completed(done.collect());
    }

    fn cancel(&self, _: &[u64], _: CancelReason) {}
}

struct Rooms;

impl House for Rooms {
    fn plugins(&self) -> Vec<PluginView> {
        vec![]
    }

    fn secret(&self, name: &str) -> Option<Zeroizing<Vec<u8>>> {
        (name == "signed").then(|| Zeroizing::new(SECRET.to_vec()))
    }

    fn reload(&self) -> Promise<'_, Reloaded> {
        Box::pin(async { Reloaded { loaded: vec![], faults: vec![] } })
    }

    fn put_artifact(&self, bytes: &Bytes) -> std::io::Result<String> {
        use sha2::Digest as _;
        Ok(Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect())
    }

    fn artifact(&self, _: &str, _: u64, _: u64) -> std::io::Result<Option<Bytes>> {
        Ok(None)
    }

    fn artifact_size(&self, _: &str) -> std::io::Result<Option<u64>> {
        Ok(None)
    }

    fn scratch(&self) -> std::io::Result<std::fs::File> {
        Err(std::io::ErrorKind::StorageFull.into())
    }

    fn home(&self) -> String {
        "/srv/yizhan".to_owned()
    }
}

/// A console, with a case that waits for somebody.
struct Place {
    runtime: Runtime,
    engine: Engine,
    socket: PathBuf,
    tcp: std::net::SocketAddr,
    run: String,
    task: String,
    asked: usize,
    _folder: TempDir,
}

thread_local! {
    static PLACE: RefCell<Option<Place>> = const { RefCell::new(None) };
}

/// The first line is the request, with `socket` before it for the operator's own line; then its headers, an empty line
/// and the body. `{run}` and `{task}` are those of the case; a delivery to a signed trigger is signed.
pub(crate) fn request(bytes: &[u8]) {
    let status = status(bytes);
    assert!(status != Some(500), "{}", bytes.escape_ascii());
}

/// What is answered, at all; `None`: nobody could send it, or it is an answer that is long in coming.
fn status(bytes: &[u8]) -> Option<u16> {
    PLACE.with_borrow_mut(|kept| {
        if kept.as_ref().is_some_and(|place| place.asked >= FRESH)
            && let Some(old) = kept.take()
        {
            old.runtime.block_on(old.engine.stop(Duration::ZERO));
        }
        let place = kept.get_or_insert_with(Place::made);
        place.asked += 1;
        let answer = place.answer(&place.asked(bytes)?)?;
        let health = place.engine.health();
        assert!(health.ready && health.broken.is_none(), "{:?}", health.broken);
        let status = answer.get(9..12).and_then(|code| std::str::from_utf8(code).ok()?.parse().ok());
        assert!(status.is_some(), "no answer: {}", String::from_utf8_lossy(&answer));
        status
    })
}

struct Asked {
    by_socket: bool,
    bytes: Vec<u8>,
}

impl Place {
    #[expect(clippy::expect_used, reason = "a house that cannot be made ends the fuzzer")]
    fn made() -> Self {
        let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
        let folder = tempfile::tempdir().expect("a folder");
        let socket = folder.path().join("s");
        let entered = runtime.enter();
        let unix = UnixListener::bind(&socket).expect("a socket");
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        listener.set_nonblocking(true).expect("a port");
        let tcp = listener.local_addr().expect("a port");
        let listener = TcpListener::from_std(listener).expect("a port");
        let engine = engine();
        let access = Arc::new(Access::open(&folder.path().join("access.db")).expect("accounts"));
        let short = Duration::from_millis(200);
        let settings = HttpSettings { head_timeout: short, body_timeout: short, ..HttpSettings::default() };
        let app = App { engine: engine.clone(), house: Arc::new(Rooms), settings, access };
        let listeners = Listeners { unix: vec![unix], tcp: vec![listener] };
        drop(runtime.spawn(serve(listeners, app, std::future::pending())));
        drop(entered);
        runtime.block_on(engine.load([("case".to_owned(), entry())].into())).expect("a workflow");
        let (run, task) = (String::new(), String::new());
        let mut place = Self { runtime, engine, socket, tcp, run, task, asked: 0, _folder: folder };
        let input = json!({ "input": { "phone": "138" } });
        place.run = place.told("POST /api/v1/workflows/case/runs", &input.to_string())["id"]
            .as_str()
            .expect("a run")
            .to_owned();
        // The task is there before the start is answered or soon after.
        while place.task.is_empty() {
            let tasks = place.told("GET /api/v1/tasks", "");
            place.task = tasks["items"][0]["id"].as_str().unwrap_or_default().to_owned();
        }
        place
    }

    fn told(&self, line: &str, body: &str) -> Value {
        let asked = self.asked(format!("socket {line}\n\n{body}").as_bytes());
        let answer = asked.and_then(|asked| self.answer(&asked)).unwrap_or_default();
        let text = String::from_utf8_lossy(&answer);
        let body = text.split_once("\r\n\r\n").map_or("", |(_, body)| body);
        serde_json::from_str(body).unwrap_or_default()
    }

    /// The request as it goes over the line; `None`: no sender could send it.
    fn asked(&self, given: &[u8]) -> Option<Asked> {
        let split = given.windows(2).position(|two| two == b"\n\n");
        let (head, body) = split.map_or((given, &b""[..]), |at| (&given[..at], &given[at + 2..]));
        let head = std::str::from_utf8(head).ok()?;
        let mut lines = head.split('\n');
        let line = lines.next()?;
        let (by_socket, line) = match line.strip_prefix("socket ") {
            Some(line) => (true, line),
            None => (false, line),
        };
        let (method, path) = line.split_once(' ')?;
        let path = path.replace("{run}", &self.run).replace("{task}", &self.task);
        let plain = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
        let own = ["connection", "content-length", "expect", "transfer-encoding", "upgrade", "host"];
        if !plain(method) || !plain(&path) || !path.starts_with('/') {
            return None;
        }
        let mut bytes = format!("{method} {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n");
        bytes.push_str(&format!("content-length: {}\r\n", body.len()));
        let mut typed = false;
        for (name, value) in lines.filter_map(|line| line.split_once(": ")) {
            let name = name.to_ascii_lowercase();
            let is_name =
                plain(&name) && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
            if is_name && !own.contains(&&*name) && !value.chars().any(|c| c.is_control()) {
                typed |= name == "content-type";
                bytes.push_str(&format!("{name}: {value}\r\n"));
            }
        }
        if !typed {
            bytes.push_str("content-type: application/json\r\n");
        }
        bytes.push_str(&signed(&path, body));
        bytes.push_str("\r\n");
        let mut bytes = bytes.into_bytes();
        bytes.extend_from_slice(body);
        Some(Asked { by_socket, bytes })
    }

    fn answer(&self, asked: &Asked) -> Option<Vec<u8>> {
        self.runtime.block_on(async {
            let exchange = async {
                let mut answer = Vec::new();
                if asked.by_socket {
                    let mut line = UnixStream::connect(&self.socket).await?;
                    drop(line.write_all(&asked.bytes).await);
                    drop(line.read_to_end(&mut answer).await);
                } else {
                    let mut line = TcpStream::connect(self.tcp).await?;
                    drop(line.write_all(&asked.bytes).await);
                    drop(line.read_to_end(&mut answer).await);
                }
                std::io::Result::Ok(answer)
            };
            tokio::time::timeout(PATIENCE, exchange).await.ok().map(Result::unwrap_or_default)
        })
    }
}

/// The signature of a genuine sender.
fn signed(path: &str, body: &[u8]) -> String {
    let mac = |parts: &[&[u8]]| {
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(SECRET) else { return Vec::new() };
        parts.iter().for_each(|part| mac.update(part));
        mac.finalize().into_bytes().to_vec()
    };
    let hex = |bytes: Vec<u8>| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    match path.strip_prefix("/hooks/case/") {
        Some("hmac") => format!("x-mac: {}\r\n", hex(mac(&[body]))),
        Some("github") => format!("x-hub-signature-256: sha256={}\r\n", hex(mac(&[body]))),
        Some("standard") => {
            use base64::Engine as _;
            let seconds = (Still.now().0 / 1_000).to_string();
            let given = mac(&[b"made", b".", seconds.as_bytes(), b".", body]);
            let given = base64::engine::general_purpose::STANDARD.encode(given);
            format!("webhook-id: made\r\nwebhook-timestamp: {seconds}\r\nwebhook-signature: v1,{given}\r\n")
        }
        Some("token") => format!("authorization: Bearer {}\r\n", String::from_utf8_lossy(SECRET)),
        Some(_) | None => String::new(),
    }
}

#[expect(clippy::expect_used, reason = "a house that cannot be made ends the fuzzer")]
fn entry() -> Entry {
    let source = Source { name: "case".into(), text: CASE.into(), files: [].into() };
    let read =
        definition::read(&source, &source.files).map_err(|all| format!("{all:?}")).expect("a right file");
    Entry {
        workflow: Some(read.workflow),
        source: Some(Arc::new(read.source)),
        path: "workflows/case.toml".to_owned(),
        faults: vec![],
        warnings: vec![],
    }
}

#[expect(clippy::expect_used, reason = "a house that cannot be made ends the fuzzer")]
fn engine() -> Engine {
    let zone = jiff::tz::TimeZone::UTC;
    let world = World {
        number: 1,
        calendars: Arc::new(Calendars::built_in(&zone)),
        zone,
        registers: Arc::new(Registers::read(REGISTERS).expect("registers")),
        catalogue: Arc::default(),
        people: Arc::new(People::read(PEOPLE).expect("people")),
        retry: Retry::NONE,
        owner: Some("group:热线".into()),
        url: None,
    };
    let store = Memory::new();
    let opened = Opened::default();
    let carriers = Arc::new(Nobody(opened.completions()));
    let config = EngineConfig::default();
    opened.start(config, store.clone(), Arc::new(store), carriers, world, Arc::new(Still)).expect("an engine")
}
