//! Many tasks with due times, all waiting, while the daemon is killed again and again: each rung and each due time is
//! acted on once and not before its time, no task and no answer is lost, and each run comes to its end.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use yizhan_engine::store::RunState;
use yizhan_workflow::id::{Millis, RunId, TaskId};

use super::{Options, Outcome};
use crate::checker::{Violation, check_answer, check_run};
use crate::client::{Client, ClientError};
use crate::daemon::Daemon;
use crate::evidence::{Ack, each_run};
use crate::load::{Dice, FaultError, Findings};

/// Rungs before and after the due time; the last one decides for whoever has not answered.
const WORKFLOW: &str = r#"
title = "等人办"
[input]
case = { label = "案例", type = "text" }
due = { label = "期限", type = "datetime" }
until = { label = "到点", type = "datetime" }
[step.look]
title = "看一看"
ask = "person:a"
due = "{{ input.due }}"
form.ok = { label = "好", type = "yesno" }
escalate = [
  { at = "-4s", tell = "person:b" },
  { at = "+0s", reassign = "person:b" },
  { at = "+3s", decide = { ok = false } },
]
[step.nap]
wait = "{{ input.until }}"
"#;

const SETTINGS: &str = "timezone = \"Asia/Shanghai\"\n[tell]\nuse = \"\"\n";
const PEOPLE: &str = "[person.a]\nname = \"甲\"\n[person.b]\nname = \"乙\"\n";
/// So many are due when they begin: they show how fast this machine takes starts in.
const FIRST: u64 = 200;
/// How long the time of a kill is, with its start.
const CYCLE_S: u64 = 2;
/// From a due time to the end of its run.
const TAIL_S: i64 = 6;
/// One task in so many is answered, close to its due time or to the decision after it.
const ANSWERED: usize = 10;
/// All runs must be over within this, once their times have passed.
const END: Duration = Duration::from_secs(180);

/// One of those that wait.
#[derive(Clone, Debug)]
struct Waits {
    ack: Ack,
    due: Millis,
}

/// What the process used when it was looked at.
#[derive(Clone, Copy, Debug, Default)]
struct Used {
    resident_kib: u64,
    cpu_ticks: u64,
}

/// # Errors
/// When the run could not be carried out.
pub fn run(options: &Options) -> Outcome {
    let began = Instant::now();
    let folder = tempfile::Builder::new().prefix("yizhan-chaos").tempdir()?;
    let home = folder.path().join("home");
    Daemon::init(&options.binary, &home)?;
    std::fs::write(home.join("config/yizhan.toml"), SETTINGS)?;
    std::fs::write(home.join("config/people.toml"), PEOPLE)?;
    std::fs::write(home.join("workflows/waits.toml"), WORKFLOW)?;
    let daemon = Daemon::start(&options.binary, &home)?;
    let all = Arc::new(start_all(&daemon.client(), options)?);
    let idle = idle(&daemon);
    let started_s = began.elapsed().as_secs();
    daemon.kill();

    let answerers = Answerers::begin(&home, &all, options);
    let (starts, resident) = kills(options, &home)?;
    let daemon = Daemon::start(&options.binary, &home)?;
    until_all_are_over(&daemon.client(), &all)?;
    let said = answerers.end()?;
    daemon.stop();

    let judged = judge(&home.join("data/yizhan.db"), &all, &said.taken)?;
    let keep = options.keep || !judged.violations.is_empty();
    let findings = Findings {
        acknowledged: all.len(),
        told: json!({ "answers": said.taken.len() }),
        runs: judged.runs,
        arrivals: 0,
        slots: 0,
        entries: 0,
        failed: 0,
        settled: 0,
        seconds: began.elapsed().as_secs(),
        violations: judged.violations,
        kept: keep.then(|| folder.keep()),
    };
    let counted = json!({
        "cycles": options.cycles, "tasks": all.len(), "answers": said.taken.len(), "late": judged.late,
        "answer_ms_median": middle(&said.took_ms), "answer_ms_most": said.took_ms.last(),
        "seconds_of_starts": started_s, "start_ms_median": middle(&starts), "start_ms_most": starts.last(),
        "resident_kib_waiting": idle.resident_kib, "cpu_ms_per_s_waiting": idle.cpu_ticks,
        "resident_kib_median": middle(&resident), "resident_kib_most": resident.last(),
    });
    Ok((findings, counted))
}

fn now() -> Millis {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

fn sleep_until(at: Millis) {
    let left = at.0.saturating_sub(now().0);
    std::thread::sleep(Duration::from_millis(u64::try_from(left).unwrap_or(0))); // A time from the seed.
}

/// Starts them all; gives them in the order of their due times. The first due time comes when all starts are acknowledged, at
/// the pace of the first of them, and the last one with the last kill.
fn start_all(client: &Client, options: &Options) -> Result<Vec<Waits>, FaultError> {
    let (first, tasks) = (FIRST.min(u64::from(options.tasks) / 10), u64::from(options.tasks));
    let began = Instant::now();
    let mut all = start_some(client, options, 0..first, |_| now())?;
    let each = began.elapsed() / u32::try_from(first.max(1)).unwrap_or(u32::MAX);
    let all_began = each * u32::try_from(tasks - first).unwrap_or(u32::MAX) * 5 / 4 + Duration::from_secs(5);
    let from = now().plus(i64::try_from(all_began.as_millis()).unwrap_or(i64::MAX));
    let span = u64::from(options.cycles) * CYCLE_S * 1_000 + 1_000;
    let due = |number| {
        let after = Dice::new(options.seed ^ (number + 1)).below(span);
        from.plus(i64::try_from(after).unwrap_or(0))
    };
    all.extend(start_some(client, options, first..tasks, due)?);
    all.sort_by_key(|waits| waits.due);
    Ok(all)
}

fn start_some(
    client: &Client,
    options: &Options,
    numbers: std::ops::Range<u64>,
    due: impl Fn(u64) -> Millis + Sync,
) -> Result<Vec<Waits>, FaultError> {
    let (next, all) = (AtomicU64::new(numbers.start), Mutex::new(Vec::new()));
    let fail = Mutex::new(None);
    std::thread::scope(|scope| {
        for _ in 0..options.clients {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= numbers.end || lock(&fail).is_some() {
                        return;
                    }
                    match start(client, number, due(number)) {
                        Ok(waits) => lock(&all).push(waits),
                        Err(error) => drop(lock(&fail).replace(error)),
                    }
                }
            });
        }
    });
    let fail = fail.into_inner().unwrap_or_else(PoisonError::into_inner);
    fail.map_or_else(|| Ok(all.into_inner().unwrap_or_else(PoisonError::into_inner)), Err)
}

fn start(client: &Client, number: u64, due: Millis) -> Result<Waits, FaultError> {
    let case = format!("c{number}");
    let time = |at: Millis| at.timestamp().map(|at| at.to_string());
    let input = json!({ "case": case, "due": time(due), "until": time(due.plus(TAIL_S * 1_000)) });
    let answer = client.post("/api/v1/workflows/waits/runs", &json!({ "input": input }))?;
    let run: Option<RunId> = answer["id"].as_str().and_then(|id| id.parse().ok());
    let run = run.ok_or_else(|| std::io::Error::other(format!("no run began: {answer}")))?;
    Ok(Waits { ack: Ack { run, case }, due })
}

/// Kills it after 20 to 400 ms, again and again. How long each start took and how much memory it had, in order.
fn kills(options: &Options, home: &Path) -> Result<(Vec<u64>, Vec<u64>), FaultError> {
    let mut dice = Dice::new(options.seed);
    let (mut starts, mut resident) = (vec![], vec![]);
    for cycle in 0..options.cycles {
        let begin = Instant::now();
        let daemon = Daemon::start(&options.binary, home)?;
        starts.push(u64::try_from(begin.elapsed().as_millis()).unwrap_or(u64::MAX));
        std::thread::sleep(Duration::from_millis(dice.between(20, 400))); // The time under load, from the seed.
        resident.push(used(&daemon).resident_kib);
        daemon.kill();
        if cycle % 10 == 9 {
            eprintln!("{} of {} kills", cycle + 1, options.cycles);
        }
    }
    starts.sort_unstable();
    resident.sort_unstable();
    Ok((starts, resident))
}

/// People who answer close to the due time, some of them at the very instant at which it is decided for them.
struct Answerers {
    stop: Arc<AtomicBool>,
    said: Arc<Mutex<Said>>,
    people: Vec<std::thread::JoinHandle<()>>,
}

/// What people were told.
#[derive(Debug, Default)]
struct Said {
    taken: BTreeSet<RunId>,
    /// How long each word took, taken or refused, from the last time it was sent.
    took_ms: Vec<u64>,
}

impl Answerers {
    fn begin(home: &Path, all: &Arc<Vec<Waits>>, options: &Options) -> Self {
        let (stop, said) = (Arc::new(AtomicBool::new(false)), Arc::default());
        let people = (0..options.clients as usize).map(|person| {
            let (client, all, seed) = (Client::of_home(home), Arc::clone(all), options.seed);
            let (stop, said, people) = (Arc::clone(&stop), Arc::clone(&said), options.clients as usize);
            std::thread::spawn(move || {
                let mut dice = Dice::new(seed.wrapping_add(person as u64 + 1));
                for waits in all.iter().skip(person * ANSWERED).step_by(people * ANSWERED) {
                    let near = if dice.below(2) == 0 { 0 } else { 3_000 };
                    let off = i64::try_from(dice.below(200)).unwrap_or(0) - 100;
                    sleep_until(waits.due.plus(near + off));
                    if stop.load(Ordering::Relaxed) {
                        return;
                    }
                    answer(&client, waits, (&said, &stop));
                }
            })
        });
        let people = people.collect();
        Self { stop, said, people }
    }

    fn end(self) -> Result<Said, FaultError> {
        self.stop.store(true, Ordering::Relaxed);
        for person in self.people {
            person.join().map_err(|_| FaultError::ClientPanicked)?;
        }
        let mut said = std::mem::take(&mut *lock(&self.said));
        said.took_ms.sort_unstable();
        Ok(said)
    }
}

/// Somebody who hears nothing tries again: the answer may have been taken or not. What is refused was decided before; nobody
/// counts on that.
fn answer(client: &Client, waits: &Waits, (said, stop): (&Mutex<Said>, &AtomicBool)) {
    let task = TaskId::of(&format!("{}/look/1/0", waits.ack.run), 1);
    let (path, body) = (format!("/api/v1/tasks/{task}/answer"), json!({ "fields": { "ok": true } }));
    while !stop.load(Ordering::Relaxed) {
        let sent = Instant::now();
        let heard = client.post(&path, &body);
        let took = u64::try_from(sent.elapsed().as_millis()).unwrap_or(u64::MAX);
        match heard {
            Ok(_) => {
                let mut said = lock(said);
                said.taken.insert(waits.ack.run);
                said.took_ms.push(took);
                return;
            }
            Err(ClientError::Refused { .. }) => {
                lock(said).took_ms.push(took);
                return;
            }
            Err(ClientError::NoAnswer(_) | ClientError::NoHttp(_)) => {
                std::thread::sleep(Duration::from_millis(5))
            }
        }
    }
}

fn until_all_are_over(client: &Client, all: &[Waits]) -> Result<(), FaultError> {
    if let Some(last) = all.last() {
        sleep_until(last.due.plus(TAIL_S * 1_000));
    }
    let end = Instant::now() + END;
    loop {
        let open = client.get("/api/v1/runs?open=true&limit=3")?;
        if open["items"].as_array().is_some_and(Vec::is_empty) {
            return Ok(());
        }
        if Instant::now() > end {
            return Err(FaultError::TooLate {
                what: "runs are still open",
                within: END,
                shown: open.to_string(),
            });
        }
        std::thread::sleep(Duration::from_millis(100)); // Between two looks at a state, with a deadline.
    }
}

#[derive(Default)]
struct Judged {
    runs: usize,
    late: usize,
    violations: Vec<Violation>,
}

fn judge(store: &Path, all: &[Waits], answers: &BTreeSet<RunId>) -> Result<Judged, FaultError> {
    let mut judged = Judged::default();
    let (mut found, mut seen, mut done) = (BTreeSet::new(), BTreeSet::new(), 0);
    let said = each_run(store, |run| {
        let id = run.row.id;
        seen.insert(id);
        found.extend(check_run(&run));
        if answers.contains(&id) {
            found.extend(check_answer(&run));
        }
        judged.late += usize::from(run.lines.iter().any(|(_, line)| line.did.iter().any(is_late)));
        done += usize::from(run.row.state == RunState::Done);
    })?;
    let lost = all.iter().map(|waits| waits.ack.run).filter(|run| !seen.contains(run));
    found.extend(lost.map(Violation::AckedRunLost));
    found.extend(said.into_iter().map(Violation::Store));
    if done < all.len() {
        found.insert(Violation::TooFewDone(done, all.len()));
    }
    judged.runs = seen.len();
    judged.violations = found.into_iter().collect();
    Ok(judged)
}

fn is_late(fact: &yizhan_workflow::run::event::Fact) -> bool {
    matches!(fact, yizhan_workflow::run::event::Fact::Late { .. })
}

/// Nothing is due yet: its memory, and the milliseconds of processor time of one second.
fn idle(daemon: &Daemon) -> Used {
    const LOOKED_S: u64 = 3;
    let before = used(daemon);
    std::thread::sleep(Duration::from_secs(LOOKED_S)); // What is measured.
    let after = used(daemon);
    // A tick is 10 ms.
    Used { cpu_ticks: after.cpu_ticks.saturating_sub(before.cpu_ticks) * 10 / LOOKED_S, ..after }
}

fn used(daemon: &Daemon) -> Used {
    let read =
        |file: &str| std::fs::read_to_string(format!("/proc/{}/{file}", daemon.pid())).unwrap_or_default();
    let status = read("status");
    let resident =
        status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.split_whitespace().next()?.parse().ok());
    let stat = read("stat");
    // The fields after the name in brackets, which may hold anything.
    let fields: Vec<&str> = stat.rsplit_once(')').map_or("", |(_, rest)| rest).split_whitespace().collect();
    let ticks = [11, 12].iter().filter_map(|at| fields.get(*at)?.parse::<u64>().ok()).sum();
    Used { resident_kib: resident.unwrap_or(0), cpu_ticks: ticks }
}

fn middle(sorted: &[u64]) -> Value {
    sorted.get(sorted.len() / 2).copied().into()
}

fn lock<T>(what: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    what.lock().unwrap_or_else(PoisonError::into_inner)
}
