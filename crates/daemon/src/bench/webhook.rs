//! Signed webhooks over HTTP: each begins a run, and is answered once that is on disk.

use std::rc::Rc;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::future::try_join_all;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;

use super::daemon::Daemon;
use super::http::{get, post};
use super::place::{Place, SECRET};
use super::report::{COUNT, LOST, Part, RESIDENT, THROUGHPUT};
use super::{Ground, Problem, Report};

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  yizhan bench webhook\n  yizhan bench webhook --connections 64 --fsync-delay 2ms --json"
)]
pub(crate) struct Args {
    /// Senders, each with a connection that it keeps and one delivery at a time
    #[arg(long, default_value_t = 64)]
    connections: usize,
    /// For how long they send
    #[arg(long, default_value_t = 10)]
    seconds: u64,
}

/// What one delivery begins: a run with one no-op step.
pub(crate) const TAKES: &str = "title = \"bench\"\nkey = \"{{ input.number }}\"\n[input]\nnumber = { type = \"text\" }\n[trigger.order]\n\
     webhook = { signature = \"standard\", secret = \"bench\" }\nwith.number = \"{{ trigger.body.number }}\"\n[step.take]\nuse = \"echo.noop\"\n";

/// Signs deliveries as a sender does.
pub(crate) struct Sender {
    key: Vec<u8>,
    path: String,
}

impl Sender {
    pub(crate) fn to(workflow: &str) -> Result<Self, Problem> {
        let key = STANDARD.decode(SECRET.1.trim_start_matches("whsec_"))?;
        Ok(Self { key, path: format!("/hooks/{workflow}/order") })
    }

    /// The whole request.
    pub(crate) fn delivery(&self, id: &str) -> Result<Vec<u8>, Problem> {
        let body = format!(
            "{{\"number\":\"{id}\",\"amount\":\"180.00\",\"note\":\"one of many orders of the bench\"}}"
        );
        let at = jiff::Timestamp::now().as_second();
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key)?;
        mac.update(format!("{id}.{at}.{body}").as_bytes());
        let signature = STANDARD.encode(mac.finalize().into_bytes());
        let heads =
            format!("webhook-id: {id}\r\nwebhook-timestamp: {at}\r\nwebhook-signature: v1,{signature}\r\n");
        Ok(post(&self.path, &heads, &body))
    }
}

pub(crate) async fn run(args: &Args, ground: &Ground) -> Result<Report, Problem> {
    let settings = json!({ "connections": args.connections, "seconds": args.seconds });
    let mut report = Report::new("webhook", settings);
    let place = Place::make(&ground.dir, "[http]\nconnections_max = 4000\n")?;
    place.workflow("bench", TAKES)?;
    let mut daemon = Daemon::start(&place, ground)?;
    daemon.ready().await?;
    let (before, written, began) = (daemon.used(), daemon.commits().await?, Instant::now());
    let sender = Rc::new(Sender::to("bench")?);
    let end = began + Duration::from_secs(args.seconds);
    let mut senders = Vec::new();
    for connection in 0..args.connections {
        senders.push(send(sender.clone(), daemon.far_line().await?, connection, end));
    }
    let times: Vec<Duration> = try_join_all(senders).await?.into_iter().flatten().collect();
    let (took, after, commits) = (began.elapsed(), daemon.used(), daemon.commits().await?);
    let count = times.len();
    let part = Part::new("webhook")
        .with(THROUGHPUT, count as f64 / took.as_secs_f64())
        .with(COUNT, count as f64)
        .times(times)
        .commits(written, commits, took)
        .used(before, after, count as u64)
        .with(LOST, count as f64 - runs(&daemon).await?)
        .with(RESIDENT, daemon.resident().0);
    report.parts.push(part);
    daemon.stop()?;
    Ok(report)
}

/// One sender: the next when the last was answered.
async fn send(
    sender: Rc<Sender>,
    mut line: super::http::Line,
    connection: usize,
    end: Instant,
) -> Result<Vec<Duration>, Problem> {
    let mut times = Vec::new();
    while Instant::now() < end {
        let request = sender.delivery(&format!("d-{connection}-{}", times.len()))?;
        let began = Instant::now();
        let reply = line.ask(&request).await?;
        times.push(began.elapsed());
        if !(200..300).contains(&reply.status) {
            return Err(format!("a delivery was answered {}", String::from_utf8_lossy(&reply.body)).into());
        }
    }
    Ok(times)
}

/// How many runs the store has.
async fn runs(daemon: &Daemon) -> Result<f64, Problem> {
    let reply = daemon.line().await?.ask(&get("/api/v1/health", None)).await?;
    let health: Value = serde_json::from_slice(&reply.body)?;
    let runs =
        health["figures"]["runs"].as_object().ok_or("the daemon does not say how many runs there are")?;
    Ok(runs.values().filter_map(Value::as_f64).sum())
}
