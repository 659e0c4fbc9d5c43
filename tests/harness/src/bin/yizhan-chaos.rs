//! Fault runs on the real binary: `yizhan-chaos kill --cycles 100` kills the daemon under load again and again, lets the
//! last one bring everything to its end, and looks for a loss.

#![expect(clippy::print_stdout, reason = "the report is what this program is for")]

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use yizhan_harness::checker::check;
use yizhan_harness::client::Client;
use yizhan_harness::daemon::Daemon;
use yizhan_harness::evidence::{Ack, Evidence};
use yizhan_harness::sink::{HttpSink, Mood, appended, mails};

const USAGE: &str = "\
usage: yizhan-chaos kill [--cycles N] [--clients N] [--seed N] [--binary PATH] [--report FILE] [--keep]

Starts the daemon in a home of its own, loads it from N clients, kills it after 20 to 400 ms with SIGKILL, and so on for N
cycles; then lets everything end and checks it. Exit 0: nothing was lost, nothing doubled, nothing stuck.";

struct Options {
    cycles: u32,
    clients: u32,
    seed: u64,
    binary: PathBuf,
    report: Option<PathBuf>,
    keep: bool,
}

fn options() -> Option<Options> {
    let mut words = std::env::args().skip(1);
    if words.next().as_deref() != Some("kill") {
        return None;
    }
    // The daemon lies beside this program.
    let beside = std::env::current_exe().ok()?.with_file_name("yizhan");
    let mut options = Options { cycles: 20, clients: 8, seed: 1, binary: beside, report: None, keep: false };
    while let Some(word) = words.next() {
        match word.as_str() {
            "--cycles" => options.cycles = words.next()?.parse().ok()?,
            "--clients" => options.clients = words.next()?.parse().ok()?,
            "--seed" => options.seed = words.next()?.parse().ok()?,
            "--binary" => options.binary = words.next()?.into(),
            "--report" => options.report = Some(words.next()?.into()),
            "--keep" => options.keep = true,
            _ => return None,
        }
    }
    Some(options)
}

fn main() -> ExitCode {
    let Some(options) = options() else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    match kill(&options) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("the fault run could not be carried out: {error}");
            ExitCode::from(3)
        }
    }
}

/// A small generator, so that a seed is the whole run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % n
    }
}

/// One step of each kind that must survive: a call with a key, a line in a file, a mail, a call that must happen once, a
/// wait.
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
         {}[step.nap]\nwait = \"1s\"\n{}",
        call("call", "retry = { times = 60, first = \"100ms\", factor = 1.2, most = \"1s\" }"),
        call("pay", "effect = \"once\""),
        call("last", "retry = { times = 60, first = \"100ms\", factor = 1.2, most = \"1s\" }"),
    )
}

fn prepare(options: &Options, home: &Path, sink: &HttpSink) -> Result<(), Box<dyn std::error::Error>> {
    Daemon::init(&options.binary, home)?;
    let config = format!("timezone = \"Asia/Shanghai\"\n\n[egress]\nallow = [\"{}\"]\n", sink.address);
    std::fs::write(home.join("config/yizhan.toml"), config)?;
    std::fs::write(home.join("workflows/chaos.toml"), workflow(sink))?;
    Ok(())
}

fn kill(options: &Options) -> Result<bool, Box<dyn std::error::Error>> {
    let folder = tempfile::Builder::new().prefix("yizhan-chaos").tempdir()?;
    let home = folder.path().join("home");
    let sink = HttpSink::start(Mood { refuse_every: 17, cut_every: 0 })?;
    prepare(options, &home, &sink)?;
    let begin = Instant::now();
    let acks = Arc::new(Mutex::new(Vec::new()));
    let stop = Arc::new(AtomicBool::new(false));
    let cases = Arc::new(AtomicU64::new(0));
    let clients: Vec<_> = (0..options.clients)
        .map(|_| {
            let (client, acks, stop, cases) =
                (Client::of_home(&home), acks.clone(), stop.clone(), cases.clone());
            std::thread::spawn(move || load(&client, &acks, &stop, &cases))
        })
        .collect();
    let mut dice = Dice(options.seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
    for cycle in 0..options.cycles {
        let daemon = Daemon::start(&options.binary, &home)?;
        std::thread::sleep(Duration::from_millis(20 + dice.below(380))); // The time under load, from the seed.
        daemon.kill();
        if cycle % 10 == 9 {
            eprintln!("{} of {} kills, {} starts acknowledged", cycle + 1, options.cycles, lock(&acks).len());
        }
    }
    stop.store(true, Ordering::Relaxed);
    for client in clients {
        client.join().map_err(|_| "a client panicked")?;
    }
    let daemon = Daemon::start(&options.binary, &home)?;
    let settled = bring_to_an_end(&daemon.client(), &sink, Duration::from_secs(120))?;
    let code = daemon.stop();
    let mut evidence = Evidence {
        acks: lock(&acks).clone(),
        once: vec!["/line".into(), "/pay".into()],
        ..Evidence::default()
    };
    evidence.read_store(&home.join("data/yizhan.db"))?;
    evidence.arrivals = sink.arrivals();
    evidence.arrivals.extend(appended(&home.join("data/files/lines.csv"))?);
    evidence.arrivals.extend(mails(&home.join("data/mail"))?);
    let violations = check(&evidence, (options.cycles as usize).min(evidence.acks.len()).max(1));
    let report = json!({
        "run": "kill", "seed": options.seed, "cycles": options.cycles, "seconds": begin.elapsed().as_secs(),
        "acknowledged": evidence.acks.len(), "runs": evidence.runs.len(), "arrivals": evidence.arrivals.len(),
        "settled_by_hand": settled, "stopped_with": code,
        "violations": violations.iter().map(ToString::to_string).collect::<Vec<_>>(),
    });
    println!("{report:#}");
    if let Some(path) = &options.report {
        std::fs::write(path, format!("{report:#}\n"))?;
    }
    if options.keep || !violations.is_empty() {
        eprintln!("the home is kept at {}", folder.keep().display());
    }
    Ok(violations.is_empty())
}

fn lock(acks: &Mutex<Vec<Ack>>) -> std::sync::MutexGuard<'_, Vec<Ack>> {
    acks.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Starts runs as fast as they are acknowledged. What gets no answer may have been taken or not: nobody counts on it.
fn load(client: &Client, acks: &Mutex<Vec<Ack>>, stop: &AtomicBool, cases: &AtomicU64) {
    while !stop.load(Ordering::Relaxed) {
        let case = format!("c{}", cases.fetch_add(1, Ordering::Relaxed));
        match client.post("/api/v1/workflows/chaos/runs", &json!({ "input": { "case": case } })) {
            Ok(answer) => {
                if let Some(run) = answer["id"].as_str().and_then(|id| id.parse().ok()) {
                    lock(acks).push(Ack { run, case });
                }
            }
            Err(_) => std::thread::sleep(Duration::from_millis(5)), // Nobody is there just now.
        }
    }
}

/// Looks at the receiver for every unknown outcome, as a person would, and says what it saw; until no run is open.
fn bring_to_an_end(
    client: &Client,
    sink: &HttpSink,
    within: Duration,
) -> Result<usize, Box<dyn std::error::Error>> {
    let (end, mut settled) = (Instant::now() + within, 0);
    while Instant::now() < end {
        let tasks = client.get("/api/v1/tasks?limit=200")?;
        for task in tasks["items"].as_array().into_iter().flatten() {
            let id = task["id"].as_str().unwrap_or("");
            let shown = client.get(&format!("/api/v1/tasks/{id}"))?;
            let item = format!("{}/pay", shown["case"]["input"]["case"].as_str().unwrap_or(""));
            let has_arrived = sink.calls().iter().any(|call| call.item == item);
            let verdict = if has_arrived {
                json!({ "verdict": "happened", "values": { "status": 200 } })
            } else {
                json!({ "verdict": "again" })
            };
            // Somebody (a late answer) may have been quicker.
            settled += usize::from(client.post(&format!("/api/v1/tasks/{id}/settle"), &verdict).is_ok());
        }
        let open = client.get("/api/v1/runs?open=true&limit=1")?;
        if open["items"].as_array().is_some_and(Vec::is_empty) {
            return Ok(settled);
        }
        std::thread::sleep(Duration::from_millis(50)); // Between two looks at a state, with a deadline.
    }
    let open: Value = client.get("/api/v1/runs?open=true&limit=3")?;
    Err(format!("runs are still open after {within:?}: {open}").into())
}
