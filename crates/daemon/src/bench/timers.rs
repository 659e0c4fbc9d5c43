//! Very many runs that sleep: what they cost, and how late those wake whose time comes. Some times are spread evenly,
//! some lie on one second; how late is told from the moment that was meant to the end of the step that follows it.

use std::time::{Duration, Instant};

use futures_util::future::try_join_all;
use serde_json::json;
use yizhan_engine::store::Reads as _;
use yizhan_store::Sqlite;
use yizhan_workflow::id::{Millis, RunId};

use super::daemon::Daemon;
use super::place::Place;
use super::report::{COUNT, CPU_SHARE, EARLY, LOST, Part, READY, RESIDENT, SECONDS, STORED};
use super::stored::{Case, Filling};
use super::{Ground, Problem, Report, say};

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  yizhan bench timers\n  yizhan bench timers --runs 100000 --fsync-delay 2ms --json\n\nA million runs that sleep take some 2 GB in the folder; all of it goes away again."
)]
pub(crate) struct Args {
    /// Runs that sleep for years
    #[arg(long, default_value_t = 1_000_000)]
    runs: u64,
    /// Runs that wake, evenly spread over twenty seconds
    #[arg(long, default_value_t = 10_000)]
    spread: u64,
    /// Runs that wake on one second after that
    #[arg(long, default_value_t = 10_000)]
    together: u64,
}

const AT_ONCE: usize = 512;
/// From the end of filling to the first wake-up: so long a start may take.
const LEAD: i64 = 10_000;
const SPREAD: i64 = 20_000;
/// Between the last of the spread ones and those on one second.
const PAUSE: i64 = 5_000;
/// All have woken within this, or never do.
const WAKE: Duration = Duration::from_secs(120);
const YEARS: i64 = 5 * 366 * 86_400_000;

const TEXT: &str = "title = \"sleeps\"\n[input]\nuntil = { type = \"datetime\" }\n[step.look]\nuse = \"echo.echo\"\nwith.text = \"{{ input.until }}\"\n\
     [step.nap]\nwait = \"{{ input.until }}\"\n[step.then]\nuse = \"echo.noop\"\n";

type Slept = (RunId, Millis);

pub(crate) async fn run(args: &Args, ground: &Ground) -> Result<Report, Problem> {
    let settings = json!({ "runs": args.runs, "spread": args.spread, "together": args.together });
    let mut report = Report::new("timers", settings);
    let place = Place::make(&ground.dir, "")?;
    place.workflow("sleeps", TEXT)?;
    let began = Instant::now();
    let (spread, together) = fill(&place, args).await?;
    let filled =
        Part::new("stored").with(COUNT, args.runs as f64).with(SECONDS, began.elapsed().as_secs_f64());
    report.parts.push(filled.with(STORED, place.stored()));
    let mut daemon = Daemon::start(&place, ground)?;
    let ready = daemon.ready().await?;
    if spread.iter().chain(&together).any(|(_, due)| *due < now()) {
        return Err("the start took so long that some were due before it".into());
    }
    let asleep =
        Part::new("asleep").with(READY, ready.as_secs_f64() * 1e3).with(RESIDENT, daemon.resident().0);
    let (before, looked) = (daemon.used(), Instant::now());
    let all = (spread.len() + together.len()) as f64;
    let first = spread.iter().chain(&together).map(|(_, due)| due.0).min().unwrap_or_default();
    tokio::time::sleep(Duration::from_millis(u64::try_from(first - now().0).unwrap_or(0) / 2)).await;
    let share = (daemon.used().cpu - before.cpu).as_secs_f64() * 1e3 / looked.elapsed().as_secs_f64();
    report.parts.push(asleep.with(CPU_SHARE, share));
    while daemon.done().await? < all && looked.elapsed() < WAKE {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let resident = daemon.resident().0;
    daemon.stop()?;
    let store = Sqlite::open(&place.home.data.join(place.home.config(None)?.store.path))?;
    for (name, slept) in [("spread", spread), ("together", together)] {
        report.parts.push(lateness(name, &slept, &store)?.with(RESIDENT, resident));
    }
    Ok(report)
}

fn now() -> Millis {
    Millis(jiff::Timestamp::now().as_millisecond())
}

async fn fill(place: &Place, args: &Args) -> Result<(Vec<Slept>, Vec<Slept>), Problem> {
    let filling = Filling::begin(place, now()).await?;
    let later = now().plus(YEARS);
    many(&filling, args.runs, |i| later.plus(i64::try_from(i).unwrap_or(0) * 1_000)).await?;
    // While these are stored the clock stands, so that none of them wakes already.
    let from = now().plus(LEAD + i64::try_from((args.spread + args.together) / 2)?);
    let apart = SPREAD / i64::try_from(args.spread.max(1))?.min(SPREAD);
    let spread =
        many(&filling, args.spread, |i| from.plus(i64::try_from(i).unwrap_or(0) * apart % SPREAD)).await?;
    let at = from.plus(SPREAD + PAUSE);
    let together = many(&filling, args.together, |_| at).await?;
    filling.close().await?;
    Ok((spread, together))
}

async fn many(filling: &Filling, runs: u64, until: impl Fn(u64) -> Millis) -> Result<Vec<Slept>, Problem> {
    let mut all = Vec::new();
    for first in (0..runs).step_by(AT_ONCE) {
        say(&format!("stored: {first}"));
        let lot = (first..runs.min(first + AT_ONCE as u64)).map(&until);
        let started = lot.map(|due| async move { Ok::<_, Problem>((filling.start(case(due)?).await?, due)) });
        all.extend(try_join_all(started).await?);
    }
    Ok(all)
}

fn case(until: Millis) -> Result<Case, Problem> {
    let until = jiff::Timestamp::from_millisecond(until.0)?.to_string();
    let input = json!({ "until": until }).to_string();
    Ok(Case { workflow: "sleeps".to_owned(), input, by: "operator".to_owned(), firing: None })
}

fn lateness(name: &str, slept: &[Slept], store: &Sqlite) -> Result<Part, Problem> {
    let reads = store.reads();
    let (mut times, mut early, mut lost) = (Vec::new(), 0_u64, 0_u64);
    for (run, due) in slept {
        match reads.row(*run)?.and_then(|row| row.ended) {
            None => lost += 1,
            Some(ended) if ended < *due => early += 1,
            Some(ended) => times.push(Duration::from_millis((ended.0 - due.0).unsigned_abs())),
        }
    }
    let part = Part::new(name).with(COUNT, slept.len() as f64).times(times);
    Ok(part.with(EARLY, early as f64).with(LOST, lost as f64))
}
