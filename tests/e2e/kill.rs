//! The four processes under a killer: whatever the moment, every case comes to the end that its script says.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime};

use serde_json::{Value, json};
use yizhan_harness::checker::check;
use yizhan_harness::client::{Client, ClientError};
use yizhan_harness::evidence::{Ack, Arrival, Evidence};
use yizhan_harness::sink::{HttpSink, Mood, letters};

use crate::house::{House, PATIENCE, is_over};

const KILLS: usize = 12;
/// Cases of one process that are under way at once.
const AT_ONCE: usize = 2;

fn repository() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

/// A small generator, so that a seed is the whole run.
struct Dice(u64);

impl Dice {
    /// `YIZHAN_SEED` moves the kills of all processes: a night of seeds finds what one does not.
    fn of(seed: u64) -> Self {
        let moved = std::env::var("YIZHAN_SEED").ok().and_then(|word| word.parse().ok()).unwrap_or(0_u64);
        Self((seed + 1_000 * moved).wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % n
    }
}

/// A script with what it takes to tell one case of it from another.
struct Script {
    file: &'static str,
    /// Words of the script that are another in each case, `{n}` standing for three digits.
    varied: &'static [(&'static str, &'static str)],
}

impl Script {
    fn case(&self, number: usize) -> Case {
        let path = repository().join("workflows").join(self.file);
        let mut text = std::fs::read_to_string(&path).unwrap();
        for (word, pattern) in self.varied {
            assert!(text.contains(word), "{}: nothing says `{word}`", self.file);
            text = text.replace(word, &pattern.replace("{n}", &format!("{number:03}")));
        }
        let script: Value = serde_json::from_str(&text).unwrap();
        Case { name: format!("{}-{number}", self.file), folder: path.parent().unwrap().to_owned(), script }
    }
}

struct Case {
    name: String,
    folder: std::path::PathBuf,
    script: Value,
}

impl Case {
    fn workflow(&self) -> &str {
        self.script["workflow"].as_str().unwrap()
    }

    fn set_up(&self, home: &Path) {
        for file in self.script["setup"]["files"].as_array().into_iter().flatten() {
            let path = home.join("data/files").join(file["path"].as_str().unwrap());
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, file["text"].as_str().unwrap()).unwrap();
            let since: jiff::Timestamp = file["modified"].as_str().unwrap().parse().unwrap();
            let since = Duration::from_secs(since.as_second().try_into().unwrap());
            let file = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
            file.set_modified(SystemTime::UNIX_EPOCH + since).unwrap();
        }
    }
}

/// A home with the whole library of processes, and a receiver that stands for the other systems.
fn office(sink: &HttpSink) -> House {
    let settings = format!(
        "timezone = \"Asia/Shanghai\"\n[egress]\nallow = [\"{}\"]\n[retry]\nfirst = \"100ms\"\n",
        sink.address
    );
    let house = House::with(&settings);
    for file in ["people.toml", "registers.toml"] {
        let config = std::fs::read(repository().join("config").join(file)).unwrap();
        house.write(&format!("config/{file}"), config);
    }
    copy(&repository().join("config/calendars"), &house.home.join("config/calendars"));
    copy(&repository().join("workflows"), &house.home.join("workflows"));
    let systems = format!("system,url\ncrm,http://{0}/crm\nwarehouse,http://{0}/warehouse\n", sink.address);
    house.write("workflows/tables/systems.csv", systems);
    for secret in ["crm", "warehouse", "shop", "hotline"] {
        house.write(&format!("secrets/{secret}"), "0123456789abcdef0123456789abcdef");
    }
    house
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_file() {
            std::fs::copy(entry.path(), target).unwrap();
        } else if entry.file_name() != "demo" {
            copy(&entry.path(), &target);
        }
    }
}

/// Somebody who does a case's part of the work and does not mind that the other side comes and goes.
struct Clerk<'a> {
    client: Client,
    case: &'a Case,
}

impl Clerk<'_> {
    /// Asks until there is an answer; being refused is one.
    fn insist<T>(
        &self,
        what: &str,
        ask: impl Fn(&Client) -> Result<T, ClientError>,
    ) -> Result<T, (u16, String)> {
        let end = Instant::now() + PATIENCE;
        loop {
            match ask(&self.client) {
                Ok(answer) => return Ok(answer),
                // Starting, stopping, or a repeated request that is still under way.
                Err(ClientError::Refused { status: 503 | 500, .. } | ClientError::NoAnswer(_)) => {}
                Err(ClientError::Refused { status: 409, body }) if body.contains("YZ0421") => {}
                Err(ClientError::Refused { status, body }) => return Err((status, body)),
                Err(error @ ClientError::NoHttp(_)) => panic!("{what}: {error}"),
            }
            assert!(Instant::now() < end, "{}: nobody answered: {what}", self.case.name);
            std::thread::sleep(Duration::from_millis(15)); // Between two tries, with a deadline.
        }
    }

    /// From the start to the end: the acknowledged run and how it ended.
    fn carry(&self) -> (Ack, Value) {
        let script = &self.case.script;
        let mut body = json!({ "input": script["input"] });
        if script["by"].is_string() {
            body["by"] = script["by"].clone();
        }
        let path = format!("/api/v1/workflows/{}/runs", self.case.workflow());
        let started = self.insist("start", |client| client.post_once(&path, &self.case.name, &body)).unwrap();
        let run = started["id"].as_str().unwrap().to_owned();
        let mut answered = BTreeSet::new();
        for answer in script["answers"].as_array().unwrap() {
            self.answer(&run, answer, &mut answered);
        }
        let path = format!("/api/v1/runs/{run}/wait?seconds=2");
        let end = Instant::now() + PATIENCE;
        loop {
            let view = self.insist("the end", |client| client.get(&path)).unwrap();
            if is_over(&view) {
                return (Ack { run: run.parse().unwrap(), case: self.case.name.clone() }, view);
            }
            assert!(Instant::now() < end, "{} does not end: {view:#}", self.case.name);
        }
    }

    fn answer(&self, run: &str, answer: &Value, answered: &mut BTreeSet<String>) {
        let end = Instant::now() + PATIENCE;
        let task = loop {
            if let Some(task) = self.open_task(run, answer, answered) {
                break task;
            }
            if Instant::now() > end {
                let view = self.insist("the run", |client| client.get(&format!("/api/v1/runs/{run}")));
                panic!("{}: `{}` did not open: {view:#?}", self.case.name, answer["step"]);
            }
            std::thread::sleep(Duration::from_millis(15)); // Between two looks at a state, with a deadline.
        };
        let body = json!({ "by": answer["by"], "fields": self.with_files(&answer["fields"]) });
        match self.insist("answer", |client| client.post(&format!("/api/v1/tasks/{task}/answer"), &body)) {
            Ok(_) => {}
            // The acknowledgement of an earlier try was lost with the daemon; what it acknowledged was not.
            Err((status, body)) => assert!(status == 409 && body.contains("YZ0410"), "{status}: {body}"),
        }
        answered.insert(task);
    }

    fn open_task(&self, run: &str, answer: &Value, answered: &BTreeSet<String>) -> Option<String> {
        // Several signatures of one step may be open: each clerk looks at their own.
        let theirs = format!("/api/v1/tasks?limit=500&who={}", answer["by"].as_str().unwrap());
        let open = self.insist("tasks", |client| client.get(&theirs)).unwrap();
        let of_child = answer["workflow"].as_str();
        let workflow = of_child.unwrap_or(self.case.workflow());
        let found = open["items"].as_array().unwrap().iter().find(|task| {
            let of_run = task["run"].as_str().unwrap();
            task["workflow"] == workflow
                && task["step"] == answer["step"]
                && !answered.contains(task["id"].as_str().unwrap())
                && if of_child.is_some() {
                    self.parent(of_run).as_deref() == Some(run)
                } else {
                    of_run == run
                }
        });
        found.map(|task| task["id"].as_str().unwrap().to_owned())
    }

    fn parent(&self, child: &str) -> Option<String> {
        let view = self.insist("a child", |client| client.get(&format!("/api/v1/runs/{child}"))).unwrap();
        view["parent"].as_str().map(str::to_owned)
    }

    fn with_files(&self, fields: &Value) -> Value {
        let mut fields = fields.clone();
        for value in fields.as_object_mut().unwrap().values_mut() {
            for file in value.as_array_mut().into_iter().flatten() {
                let Some(local) = file["file"].as_str() else { continue };
                let bytes = std::fs::read(self.case.folder.join(local)).unwrap();
                let headers = [("content-type", "application/octet-stream")];
                let upload = |client: &Client| {
                    client.call("POST", "/api/v1/artifacts?name=photo.png", &headers, &bytes)
                };
                *file = self.insist("upload", upload).unwrap();
            }
        }
        fields
    }
}

/// Carries cases of the scripts while the daemon is killed again and again, and looks at what came of it.
fn survives(seed: u64, scripts: &[Script], most: usize) {
    // The other systems take some calls in and do not say so: what comes again must carry the same key.
    let sink = HttpSink::start(Mood { cut_every: 3, ..Mood::default() }).unwrap();
    let mut house = office(&sink);
    let cases: Vec<Case> =
        (1..=most).flat_map(|n| scripts.iter().map(move |script| script.case(n))).collect();
    for case in &cases {
        case.set_up(&house.home);
    }
    let (home, next, stop) =
        (house.home.clone(), std::sync::atomic::AtomicUsize::new(0), AtomicBool::new(false));
    let stop = Arc::new(stop);
    let ended: Vec<(usize, Ack, Value)> = std::thread::scope(|scope| {
        let clerks: Vec<_> = (0..AT_ONCE)
            .map(|_| {
                let (home, next, stop, cases) = (&home, &next, stop.clone(), &cases);
                scope.spawn(move || {
                    let mut ended = vec![];
                    while !stop.load(Ordering::Relaxed) {
                        let number = next.fetch_add(1, Ordering::Relaxed);
                        let Some(case) = cases.get(number) else { break };
                        let (ack, view) = Clerk { client: Client::of_home(home), case }.carry();
                        ended.push((number, ack, view));
                    }
                    ended
                })
            })
            .collect();
        let mut dice = Dice::of(seed);
        for _ in 0..KILLS {
            house.start();
            std::thread::sleep(Duration::from_millis(dice.below(300))); // The moment of the kill, from the seed.
            house.kill();
        }
        house.start();
        // Whoever is at a case brings it to its end; nobody begins another.
        stop.store(true, Ordering::Relaxed);
        clerks.into_iter().flat_map(|clerk| clerk.join().unwrap()).collect()
    });
    assert_eq!(house.stop(), Some(0), "{}", house.log());
    let done: Vec<(&Case, &Value)> = ended.iter().map(|(number, _, view)| (&cases[*number], view)).collect();
    println!("{} cases of {} over {KILLS} kills", done.len(), scripts[0].file);
    check_runs(&done);
    check_mails(&house.home, &done);
    check_calls(&sink, &done);
    check_files(&house.home, &done);
    let acks = ended.iter().map(|(_, ack, _)| ack.clone()).collect();
    let mut evidence = Evidence { acks, ..Evidence::default() };
    evidence.read_store(&house.home.join("data/yizhan.db")).unwrap();
    evidence.arrivals = arrivals(&sink);
    let violations = check(&evidence, done.len().max(1));
    assert!(violations.is_empty(), "{violations:#?}");
}

fn check_runs(done: &[(&Case, &Value)]) {
    for (case, view) in done {
        assert_eq!(view["state"], case.script["expect"]["state"], "{}: {view:#}", case.name);
        for (id, rounds) in case.script["expect"]["rounds"].as_object().unwrap_or(&serde_json::Map::new()) {
            assert_eq!(&crate::house::step(view, id)["round"], rounds, "{}: rounds of `{id}`", case.name);
        }
    }
}

/// How often something is expected over all cases, each thing named by its words.
fn expected(
    done: &[(&Case, &Value)],
    list: &str,
    words: [&str; 2],
    number: &str,
) -> BTreeMap<[String; 2], usize> {
    let mut all = BTreeMap::new();
    for (case, _) in done {
        for one in case.script["expect"][list].as_array().into_iter().flatten() {
            let name = words.map(|word| one[word].as_str().unwrap_or("").to_owned());
            *all.entry(name).or_default() += usize::try_from(one[number].as_u64().unwrap_or(0)).unwrap();
        }
    }
    all
}

fn check_mails(home: &Path, done: &[(&Case, &Value)]) {
    let mails = letters(&home.join("data/mail")).unwrap();
    let ids: BTreeSet<_> = mails.iter().map(|mail| &mail.id).collect();
    assert_eq!(ids.len(), mails.len(), "a mail lies in the folder twice: {mails:#?}");
    for ([to, subject], times) in expected(done, "mails", ["to", "subject"], "times") {
        let fits = mails.iter().filter(|mail| mail.to.contains(&to) && mail.subject.contains(&subject));
        assert_eq!(fits.count(), times, "mails “{subject}” to {to}: {mails:#?}");
    }
}

/// A call may arrive again, with the same key: the receiver counts keys.
fn check_calls(sink: &HttpSink, done: &[(&Case, &Value)]) {
    let calls = sink.calls();
    for ([method, path], times) in expected(done, "calls", ["method", "path"], "times") {
        let fits = calls.iter().filter(|call| call.method == method && call.path.starts_with(&path));
        let keys: BTreeSet<_> = fits.map(|call| &call.key).collect();
        assert_eq!(keys.len(), times, "{method} {path}: {calls:#?}");
        assert!(!keys.iter().any(|key| key.is_empty()), "a call without a key: {method} {path}");
    }
}

fn check_files(home: &Path, done: &[(&Case, &Value)]) {
    let files = home.join("data/files");
    for ([path, _], rows) in expected(done, "files", ["path", ""], "rows") {
        let gone = done.iter().any(|(case, _)| {
            let files = case.script["expect"]["files"].as_array().unwrap();
            files.iter().any(|file| file["path"] == path.as_str() && file["gone"] == true)
        });
        assert_eq!(files.join(&path).exists(), !gone, "{path}");
        if rows > 0 {
            let text = std::fs::read_to_string(files.join(&path)).unwrap();
            // No cell of the cases holds a line break.
            assert_eq!(text.lines().count() - 1, rows, "rows of {path}:\n{text}");
        }
    }
}

/// One item is one thing to be done: what arrives for it again must carry the same key.
fn arrivals(sink: &HttpSink) -> Vec<Arrival> {
    let named = |call: yizhan_harness::sink::Call| {
        let body = String::from_utf8_lossy(&call.body).into_owned();
        // Without a slash: the checker would take what stands before it for the name of a case.
        Arrival { key: call.key, item: format!("{} {} {body}", call.method, call.path).replace('/', "|") }
    };
    sink.calls().into_iter().map(named).collect()
}

#[test]
fn a_new_customer_is_taken_on_although_the_daemon_is_killed_again_and_again() {
    let varied = &[("0127", "0{n}"), ("云溪木业有限公司", "云溪木业{n}有限公司")];
    survives(11, &[Script { file: "customer/demo/new-customer.json", varied }], 8);
}

#[test]
fn a_return_is_settled_although_the_daemon_is_killed_again_and_again() {
    survives(
        12,
        &[Script { file: "shop/demo/returns.json", varied: &[("TB20261120008", "TB20261120{n}")] }],
        8,
    );
}

#[test]
fn a_fault_is_repaired_although_the_daemon_is_killed_again_and_again() {
    survives(13, &[Script { file: "water/demo/fault-dispatch.json", varied: &[("119", "{n}")] }], 40);
}

#[test]
fn old_papers_are_destroyed_and_sealed_although_the_daemon_is_killed_again_and_again() {
    // A class of papers is gone through by one run at a time, so there is one case of each script.
    let destroyed = Script { file: "archive/demo/retention.json", varied: &[] };
    let sealed = Script { file: "archive/demo/retention-sealed.json", varied: &[] };
    survives(14, &[destroyed, sealed], 1);
}
