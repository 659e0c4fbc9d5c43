//! Lists and pages over a store with so many runs: what a person waits for who looks for a case.

mod questions;

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use futures_util::future::try_join_all;
use serde_json::{Value, json};
use yizhan_engine::store::{Firing, FiringOutcome};
use yizhan_workflow::id::{Millis, RunId};

use super::daemon::Daemon;
use super::http::{Line, get, post};
use super::place::Place;
use super::report::{COUNT, Part, RESIDENT, SECONDS, STORED};
use super::stored::{Case, Filling};
use super::{Ground, Problem, Report, say};
use questions::{NOTHING, Stored, Who, questions};

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  yizhan bench list\n  yizhan bench list --runs 100000 --asks 100 --json\n\nA million runs take some 3 GB in the folder and two minutes to be stored; all of it goes away again."
)]
pub(crate) struct Args {
    /// Runs that are stored, over ninety days; a twentieth of them are open
    #[arg(long, default_value_t = 1_000_000)]
    runs: u64,
    /// How often each question is asked
    #[arg(long, default_value_t = 40)]
    asks: usize,
}

const DAY: i64 = 86_400_000;
const DAYS: i64 = 90;
const PEOPLE: u64 = 100;
const KINDS: u64 = 20;
/// Of one kind there is only one run in so many: the list of it is found, or all others are read.
const RARE: u64 = 5_000;
/// Started at once while the store is filled.
const AT_ONCE: usize = 512;
/// A task is answered so many starts after it was opened, at least.
const LATER: u64 = 2_000;

/// What becomes of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Course {
    Done,
    Answered,
    Open,
    Failed,
    Cancelled,
}

fn course(i: u64) -> Course {
    match i % 100 {
        0..5 => Course::Open,
        5..15 => Course::Answered,
        15..18 => Course::Failed,
        18 => Course::Cancelled,
        _ => Course::Done,
    }
}

fn kind(i: u64) -> String {
    if i % RARE == 3 { "rare".to_owned() } else { format!("kind-{:02}", (i / 7) % KINDS) }
}

fn text(group: u64) -> String {
    format!(
        "title = \"Kind {group}\"\nkey = \"{{{{ input.number }}}}\"\ndue = \"5 days\"\n[input]\nnumber = {{ label = \"Number\", type = \"text\" }}\n\
         way = {{ label = \"Way\", type = \"text\" }}\n[trigger.order]\nwebhook = {{ signature = \"standard\", secret = \"bench\" }}\n\
         with.number = \"{{{{ trigger.body.number }}}}\"\nwith.way = \"{{{{ trigger.body.way }}}}\"\n[step.look]\nuse = \"echo.echo\"\nwith.text = \"{{{{ input.number }}}}\"\n\
         [step.sign]\ntitle = \"Sign {{{{ input.number }}}}\"\nwhen = \"input.way == 'sign'\"\nask = \"group:g{}\"\ndue = \"2 days\"\n\
         form.ok = {{ label = \"OK\", type = \"yesno\" }}\n[step.book]\nuse = \"echo.echo\"\nwith.text = \"{{{{ input.way }}}}\"\n",
        group % 10
    )
}

fn people() -> String {
    let person = |i: u64| format!("[person.p{i:02}]\nname = \"P{i:02}\"\n");
    let group = |i: u64| {
        let members: Vec<_> = (0..PEOPLE).filter(|p| p % 10 == i).map(|p| format!("\"p{p:02}\"")).collect();
        format!("[group.g{i}]\nmembers = [{}]\n", members.join(", "))
    };
    let right = "[right.one]\nwho = \"person:p99\"\nmay = \"operator\"\n".to_owned();
    (0..PEOPLE).map(person).chain((0..10).map(group)).chain([right]).collect()
}

pub(crate) async fn run(args: &Args, ground: &Ground) -> Result<Report, Problem> {
    let mut report = Report::new("list", json!({ "runs": args.runs, "asks": args.asks }));
    let place = Place::make(&ground.dir, "")?;
    place.people(&people())?;
    for group in 0..KINDS {
        place.workflow(&format!("kind-{group:02}"), &text(group))?;
    }
    place.workflow("rare", &text(3))?;
    let began = Instant::now();
    let today = jiff::Timestamp::now().as_millisecond();
    fill(&place, args.runs, Millis(today - DAYS * DAY)).await?;
    let filled =
        Part::new("stored").with(COUNT, args.runs as f64).with(SECONDS, began.elapsed().as_secs_f64());
    report.parts.push(filled.with(STORED, place.stored()));
    let mut daemon = Daemon::start(&place, ground)?;
    let ready = daemon.ready().await?;
    report.parts.push(Part::new("start").with(SECONDS, ready.as_secs_f64()));
    let lines = Lines::of(&daemon).await?;
    measure(args, (lines, &daemon), &mut report).await?;
    report.parts.push(Part::new("daemon").with(RESIDENT, daemon.resident().0));
    daemon.stop()?;
    Ok(report)
}

async fn fill(place: &Place, runs: u64, begin: Millis) -> Result<(), Problem> {
    let filling = Filling::begin(place, begin).await?;
    let apart = DAYS * DAY / i64::try_from(runs.max(1))?;
    let mut open: VecDeque<(u64, RunId)> = VecDeque::new();
    for first in (0..runs).step_by(AT_ONCE) {
        say(&format!("stored: {first}"));
        let lot: Vec<u64> = (first..runs.min(first + AT_ONCE as u64)).collect();
        let now = begin.plus(apart * i64::try_from(first)?);
        filling.turn(now);
        let began = try_join_all(lot.iter().map(|i| filling.start(case(*i, now)))).await?;
        let begun = || lot.iter().zip(&began);
        try_join_all(begun().map(|(i, run)| begun_by_hand(&filling, *i, *run))).await?;
        let cancelled = begun().filter(|(i, _)| course(**i) == Course::Cancelled);
        try_join_all(cancelled.map(|(_, run)| filling.cancel(*run))).await?;
        let asked = begun().filter(|(i, _)| course(**i) == Course::Answered);
        open.extend(asked.map(|(i, run)| (*i, *run)));
        // Some are answered in time and some are not: the later the more of them.
        let due = |i: u64| i + LATER.min(runs / 4) + i % 13 * runs / 150;
        let now: Vec<_> = open.iter().copied().filter(|(i, _)| due(*i) <= first).collect();
        open.retain(|(i, _)| due(*i) > first);
        try_join_all(now.iter().map(|(i, run)| answer(&filling, *i, *run))).await?;
    }
    filling.close().await
}

async fn answer(filling: &Filling, i: u64, run: RunId) -> Result<(), Problem> {
    // A member of the kind's group.
    let group = if i % RARE == 3 { 3 } else { (i / 7) % KINDS % 10 };
    let who = format!("person:p{:02}", group + 10 * (i % 10));
    filling.answer(run, &who, "{\"ok\":true}").await?;
    filling.noted(&who, "tasks/{id}/answer", (&format!("tasks/{run}-1/answer"), run)).await
}

/// What people begin stands in the audit.
async fn begun_by_hand(filling: &Filling, i: u64, run: RunId) -> Result<(), Problem> {
    let who = begins(i);
    if !who.starts_with("person:") {
        return Ok(());
    }
    filling.noted(&who, "workflows/{name}/runs", (&format!("workflows/{}/runs", kind(i)), run)).await
}

/// One of them begins little, and wants to find it.
fn begins(i: u64) -> String {
    match i {
        i if i % RARE == 7 => "person:p99".to_owned(),
        i if i.is_multiple_of(2) => "trigger:order".to_owned(),
        i => format!("person:p{:02}", i % (PEOPLE - 1)),
    }
}

fn case(i: u64, now: Millis) -> Case {
    let way = match course(i) {
        Course::Done => "straight",
        Course::Failed => "fail",
        Course::Answered | Course::Open | Course::Cancelled => "sign",
    };
    let workflow = kind(i);
    let firing = i.is_multiple_of(2).then(|| Firing {
        workflow: workflow.as_str().into(),
        trigger: "order".into(),
        id: format!("delivery-{i}"),
        at: now,
        outcome: FiringOutcome::Started,
    });
    Case { workflow, input: json!({ "number": number(i), "way": way }).to_string(), by: begins(i), firing }
}

fn number(i: u64) -> String {
    format!("N2026-{i:07}")
}

/// Who asks: whoever owns the home, a person, and somebody who may see one kind only.
struct Lines {
    owner: Line,
    far: Line,
    person: String,
    narrow: String,
}

impl Lines {
    async fn of(daemon: &Daemon) -> Result<Self, Problem> {
        let (mut owner, far) = (daemon.line().await?, daemon.far_line().await?);
        let person = json!({ "name": "p99", "person": "p99", "may": "operator" });
        let narrow = json!({ "name": "narrow", "may": "viewer", "on": ["rare"] });
        let person = token(&mut owner, &person).await?;
        let narrow = token(&mut owner, &narrow).await?;
        Ok(Self { owner, far, person, narrow })
    }

    async fn ask(&mut self, who: Who, path: &str) -> Result<Vec<u8>, Problem> {
        let reply = match who {
            Who::Owner => self.owner.ask(&get(path, None)).await?,
            Who::Person => self.far.ask(&get(path, Some(&self.person))).await?,
            Who::Narrow => self.far.ask(&get(path, Some(&self.narrow))).await?,
        };
        if reply.status == 200 {
            Ok(reply.body)
        } else {
            Err(format!("{path} was answered {}", reply.status).into())
        }
    }
}

async fn token(line: &mut Line, wanted: &Value) -> Result<String, Problem> {
    let reply = line.ask(&post("/api/v1/tokens", "", &wanted.to_string())).await?;
    let made: Value = serde_json::from_slice(&reply.body)?;
    Ok(made["token"].as_str().ok_or_else(|| format!("no token was made: {made}"))?.to_owned())
}

async fn measure(
    args: &Args,
    (mut lines, daemon): (Lines, &Daemon),
    report: &mut Report,
) -> Result<(), Problem> {
    let first_of = |listing: &Value| listing["items"][0]["id"].as_str().unwrap_or_default().to_owned();
    let of = |body: Vec<u8>| serde_json::from_slice::<Value>(&body);
    let run = first_of(&of(lines.ask(Who::Owner, "/api/v1/runs?open=true&waits=task").await?)?);
    let task = first_of(&of(lines.ask(Who::Owner, "/api/v1/tasks").await?)?);
    let mut worst = 0.0_f64;
    for (who, name, path) in questions(&Stored { runs: args.runs, run: &run, task: &task }) {
        say(name);
        // A line on which nobody said anything for a while is cut.
        (lines.owner, lines.far) = (daemon.line().await?, daemon.far_line().await?);
        let mut times = Vec::with_capacity(args.asks);
        for _ in 0..args.asks.max(1) {
            let (time, body) = timed(&mut lines, who, &path).await?;
            times.push(time);
            if times.len() == 1 && is_list(&path) {
                finds(name, &of(body)?)?;
            }
        }
        let part = Part::new(name).times(times);
        worst = worst.max(part.get(super::report::P95).unwrap_or(0.0));
        report.parts.push(part);
    }
    report.parts.push(pages(args, &mut lines).await?);
    report.whole.insert("worst_p95_ms".to_owned(), json!(worst));
    Ok(())
}

fn is_list(path: &str) -> bool {
    let path = path.split('?').next().unwrap_or_default();
    path == "/api/v1/runs" || path == "/api/v1/tasks"
}

/// What is quick because it finds nothing is no figure.
fn finds(name: &str, listing: &Value) -> Result<(), Problem> {
    let found = listing["items"].as_array().map_or(0, Vec::len);
    if (found == 0) == NOTHING.contains(&name) {
        return Ok(());
    }
    Err(format!("`{name}` finds {found}").into())
}

async fn timed(lines: &mut Lines, who: Who, path: &str) -> Result<(Duration, Vec<u8>), Problem> {
    let began = Instant::now();
    let body = lines.ask(who, path).await?;
    Ok((began.elapsed(), body))
}

/// Page after page by the cursor.
async fn pages(args: &Args, lines: &mut Lines) -> Result<Part, Problem> {
    let (mut times, mut path) = (Vec::new(), "/api/v1/runs".to_owned());
    for _ in 0..args.asks.max(1) {
        let (time, body) = timed(lines, Who::Owner, &path).await?;
        times.push(time);
        let listing: Value = serde_json::from_slice(&body)?;
        match listing["next"].as_str() {
            Some(next) => path = format!("/api/v1/runs?cursor={next}"),
            None => break,
        }
    }
    Ok(Part::new("runs, page after page").with(COUNT, times.len() as f64).times(times))
}
