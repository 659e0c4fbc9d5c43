//! Registers under kills: many runs write into one ledger and race for places, and the daemon is killed again and again.
//! Then no entry may be lost or written twice, no number may be missing, and nowhere may there be one too many.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use yizhan_engine::link::KEY_LENGTH;
use yizhan_engine::registers::{Signet, verify, witnesses};
use yizhan_engine::store::{Reads, RunFilter};
use yizhan_store::Sqlite;

use super::{Options, Outcome};
use crate::checker::Violation;
use crate::client::Client;
use crate::daemon::Daemon;
use crate::evidence::EvidenceError;
use crate::load::{Dice, FaultError, Findings};

/// Entries that are written for each kill.
const PER_KILL: u32 = 50;

/// Who asks for a place in each group, and how many there are.
const RACERS: u32 = 50;
const PLACES: usize = 5;

/// Clients that ask at the same time.
const AT_ONCE: usize = 16;

/// Once nothing disturbs the runs, each new entry must come within this. An append that counts (`per`, `only_if`) waits for
/// the sync of the one before it, so how long all of them take is the disk's matter.
const STANDSTILL: Duration = Duration::from_secs(60);

const REGISTERS: &str = r#"
[register."台账"]
number = "TZ{year}-{n:06}"
field.writer = { type = "whole" }
field.n      = { type = "whole" }
[register."名额"]
field.group = {}
"#;

const WRITER: &str = r#"
title = "逐条登记"
[input]
writer = { type = "whole" }
rows   = { type = "table", fields = { n = { type = "whole" } } }
[step.line]
each    = "{{ input.rows }}"
as      = "row"
at_once = 2
use     = "register.append"
with.register = "台账"
with.entry    = { writer = "{{ input.writer }}", n = "{{ row.n }}" }
with.per      = "writer"
"#;

const RACER: &str = r#"
title = "抢名额"
[input]
group = {}
[step.place]
use = "register.append"
with.register = "名额"
with.entry    = "{{ input }}"
with.only_if  = { where = { group = "{{ input.group }}" }, fewer = 5 }
on.refused    = { go = "done:refused" }
"#;

/// A start that is asked for until it is answered: the key tells the daemon that it is the same.
struct Start {
    workflow: &'static str,
    key: String,
    input: Value,
}

/// # Errors
/// When the run could not be carried out.
pub fn run(options: &Options) -> Outcome {
    let (began, folder) = (Instant::now(), tempfile::Builder::new().prefix("yizhan-chaos").tempdir()?);
    let home = folder.path().join("home");
    Daemon::init(&options.binary, &home)?;
    std::fs::write(home.join("config/yizhan.toml"), "timezone = \"Asia/Shanghai\"\n")?;
    std::fs::write(home.join("config/registers.toml"), REGISTERS)?;
    std::fs::write(home.join("workflows/writer.toml"), WRITER)?;
    std::fs::write(home.join("workflows/racer.toml"), RACER)?;

    let each = (options.cycles * PER_KILL).div_ceil(options.clients.max(1));
    let clients = starts(options, each, &Client::of_home(&home));
    let mut dice = Dice::new(options.seed);
    for cycle in 0..options.cycles {
        let daemon = Daemon::start(&options.binary, &home)?;
        std::thread::sleep(Duration::from_millis(dice.between(20, 400))); // The time under load, from the seed.
        daemon.kill();
        if cycle % 10 == 9 {
            eprintln!("{} of {} kills", cycle + 1, options.cycles);
        }
    }
    let daemon = Daemon::start(&options.binary, &home)?;
    for client in clients {
        client.join().map_err(|_| FaultError::ClientPanicked)?;
    }
    until_over(&daemon.client())?;
    daemon.stop();
    let (violations, counted) = judged(&home, options, each)?;
    let keep = options.keep || !violations.is_empty();
    let number = |name: &str| usize::try_from(counted[name].as_u64().unwrap_or(0)).unwrap_or(0);
    let findings = Findings {
        acknowledged: number("started"),
        told: Value::Null,
        runs: number("runs"),
        arrivals: number("entries"),
        slots: 0,
        entries: 0,
        failed: 0,
        settled: 0,
        seconds: began.elapsed().as_secs(),
        violations,
        kept: keep.then(|| folder.keep()),
    };
    Ok((findings, counted))
}

/// The clients; each takes the next start that nobody has taken.
fn starts(options: &Options, each: u32, client: &Client) -> Vec<JoinHandle<()>> {
    let rows: Vec<Value> = (1..=each).map(|n| json!({ "n": n })).collect();
    let writers = (1..=options.clients).map(|writer| Start {
        workflow: "writer",
        key: format!("writer-{writer}"),
        input: json!({ "writer": writer, "rows": rows }),
    });
    let racers = (1..=options.cycles).flat_map(|group| {
        (1..=RACERS).map(move |racer| Start {
            workflow: "racer",
            key: format!("racer-{group}-{racer}"),
            input: json!({ "group": format!("g{group}") }),
        })
    });
    let all: Arc<Mutex<Vec<Start>>> = Arc::new(Mutex::new(racers.rev().chain(writers).collect()));
    let work = |client: Client, all: Arc<Mutex<Vec<Start>>>| {
        move || {
            let next = || all.lock().unwrap_or_else(PoisonError::into_inner).pop();
            while let Some(start) = next() {
                let path = format!("/api/v1/workflows/{}/runs", start.workflow);
                while client.post_once(&path, &start.key, &json!({ "input": start.input })).is_err() {
                    std::thread::sleep(Duration::from_millis(5)); // Nobody is there just now.
                }
            }
        }
    };
    (0..AT_ONCE).map(|_| std::thread::spawn(work(client.clone(), all.clone()))).collect()
}

fn until_over(client: &Client) -> Result<(), FaultError> {
    let (mut end, mut written) = (Instant::now() + STANDSTILL, 0);
    let open = || client.get("/api/v1/runs?open=true&limit=3");
    while Instant::now() < end {
        if open()?["items"].as_array().is_some_and(Vec::is_empty) {
            return Ok(());
        }
        let registers = client.get("/api/v1/registers")?;
        let lines =
            registers["items"].as_array().into_iter().flatten().filter_map(|one| one["lines"].as_u64()).sum();
        if lines > written {
            (end, written) = (Instant::now() + STANDSTILL, lines);
        }
        std::thread::sleep(Duration::from_millis(50)); // Between two looks at a state, with a deadline.
    }
    Err(FaultError::TooLate { what: "runs are still open", within: STANDSTILL, shown: open()?.to_string() })
}

/// How often each value stands in a register.
fn counted(reads: &dyn Reads, register: &str) -> Result<BTreeMap<String, usize>, EvidenceError> {
    let mut counts = BTreeMap::new();
    for line in reads.register_lines(register, 0, usize::MAX)? {
        *counts.entry(line.entry.body.get().to_owned()).or_insert(0) += 1;
    }
    Ok(counts)
}

fn judged(
    home: &std::path::Path,
    options: &Options,
    each: u32,
) -> Result<(Vec<Violation>, Value), FaultError> {
    let store = Sqlite::open(&home.join("data/yizhan.db"));
    let store = store.map_err(|error| EvidenceError::Open(error.to_string()))?;
    let reads = store.reads();
    let key = <[u8; KEY_LENGTH]>::try_from(std::fs::read(home.join("data/registers.key"))?);
    let signet = key.ok().map(Signet::new);
    let known = witnesses(&*reads).map_err(EvidenceError::from)?;
    let verified = verify(&*reads, None, &known, signet.as_ref()).map_err(EvidenceError::from)?;
    let mut wrong: Vec<String> = Vec::new();
    for one in &verified {
        wrong.extend(one.faults.iter().map(|fault| format!("{}: {fault:?}", one.register)));
    }
    let (lines, places) = (counted(&*reads, "台账")?, counted(&*reads, "名额")?);
    let doubled = lines.iter().filter(|(_, count)| **count != 1);
    wrong.extend(doubled.map(|(line, count)| format!("{line} was written {count} times")));
    let wanted = (options.clients * each) as usize;
    if lines.len() != wanted {
        wrong.push(format!("{} of {wanted} entries are there", lines.len()));
    }
    let uneven = places.iter().filter(|(_, count)| **count != PLACES);
    wrong.extend(uneven.map(|(group, count)| format!("{group} has {count} places taken, not {PLACES}")));
    if places.len() != options.cycles as usize {
        wrong.push(format!("{} of {} groups have places", places.len(), options.cycles));
    }
    let runs = reads.runs(&RunFilter::default(), None, usize::MAX).map_err(EvidenceError::from)?.rows.len();
    let started = (options.clients + options.cycles * RACERS) as usize;
    if runs != started {
        wrong.push(format!("{started} runs were asked for, and there are {runs}"));
    }
    let report = json!({
        "cycles": options.cycles, "writers": options.clients, "entries": lines.values().sum::<usize>(),
        "raced": options.cycles * RACERS, "started": started, "runs": runs,
        "witnesses": known.len(), "signed": signet.is_some(),
    });
    Ok((wrong.into_iter().map(Violation::Store).collect(), report))
}
