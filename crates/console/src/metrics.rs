//! Figures for Prometheus, as text.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use utoipa::openapi::ObjectBuilder;
use utoipa::openapi::schema::Type;
use yizhan_engine::store::{RunState, StoreError, TaskFilter};
use yizhan_workflow::id::Millis;

use crate::desk::Desk;
use crate::house::PluginView;
use crate::openapi::{Gives, Making};
use crate::refusal::Refusal;
use crate::view::word_of;

/// Tasks are counted up to here.
const TASKS_COUNTED: usize = 10_000;
const NOTICES_COUNTED: usize = 1_000;

/// The text that Prometheus reads.
pub(crate) struct Figures(String);

impl IntoResponse for Figures {
    fn into_response(self) -> Response {
        ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], self.0).into_response()
    }
}

impl Gives for Figures {
    fn give(making: &mut Making<'_>) {
        let text = ObjectBuilder::new().schema_type(Type::String);
        making.gives(StatusCode::OK, "text/plain", text.into(), "The figures, as Prometheus reads them.");
    }
}

pub(crate) async fn metrics(State(desk): State<Arc<Desk>>) -> Result<Figures, Refusal> {
    let read = desk.read(|desk| {
        let reads = desk.reads();
        let count = |late: Option<Millis>| {
            let filter = TaskFilter { late, ..TaskFilter::default() };
            Ok::<_, StoreError>(reads.tasks(&filter, None, TASKS_COUNTED)?.rows.len() as u64)
        };
        let tasks = (count(None)?, count(Some(desk.shared().now()))?);
        let notices = reads.notices(None, NOTICES_COUNTED)?;
        let notices = (notices.len(), notices.first().map(|notice| notice.at));
        Ok((reads.count_by_state()?, tasks, reads.next_wake()?, notices, desk.house.plugins()))
    });
    let (runs, tasks, next_wake, notices, plugins) = read.await?;
    let mut page = Page::default();
    all_runs(&mut page, &runs, tasks);
    // How long the earliest wake-up has been due: above a second or two, the loop is behind.
    let late = next_wake.map_or(0, |at| (desk.shared().now().0 - at.0).max(0));
    page.one(
        "yizhan_wakeup_late_seconds",
        "gauge",
        "How long the earliest wake-up is overdue.",
        late as f64 / 1e3,
    );
    all_notices(&mut page, &desk, notices);
    engine(&mut page, &desk);
    http(&mut page, &desk);
    all_plugins(&mut page, &plugins);
    Ok(Figures(page.text))
}

/// The text in the making.
#[derive(Debug, Default)]
struct Page {
    text: String,
}

impl Page {
    fn head(&mut self, name: &str, kind: &str, help: &str) {
        self.text.push_str(&format!("# HELP {name} {help}\n# TYPE {name} {kind}\n"));
    }

    fn value(&mut self, name: &str, labels: &[(&str, &str)], value: f64) {
        let labels: Vec<_> =
            labels.iter().map(|(label, value)| format!("{label}=\"{}\"", escaped(value))).collect();
        let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
        self.text.push_str(&format!("{name}{labels} {value}\n"));
    }

    fn one(&mut self, name: &str, kind: &str, help: &str, value: f64) {
        self.head(name, kind, help);
        self.value(name, &[], value);
    }

    fn count(&mut self, name: &str, help: &str, counter: &AtomicU64) {
        self.one(name, "counter", help, get(counter));
    }
}

fn get(counter: &AtomicU64) -> f64 {
    counter.load(Ordering::Relaxed) as f64
}

fn escaped(label: &str) -> String {
    label.replace('\\', r"\\").replace('"', "\\\"").replace('\n', r"\n")
}

/// `tasks`: those that are open, and of these the late ones.
fn all_runs(page: &mut Page, runs: &[(RunState, u64)], (tasks, late): (u64, u64)) {
    page.head("yizhan_runs", "gauge", "Runs in the store by state.");
    for state in [RunState::Open, RunState::Closing, RunState::Done, RunState::Failed, RunState::Cancelled] {
        let count = runs.iter().find(|(known, _)| *known == state).map_or(0, |(_, count)| *count);
        page.value("yizhan_runs", &[("state", &word_of(&state))], count as f64);
    }
    page.one(
        "yizhan_tasks_open",
        "gauge",
        "Tasks that wait for a person, counted up to 10000.",
        tasks as f64,
    );
    page.one("yizhan_tasks_late", "gauge", "Those of them that are late, counted up to 10000.", late as f64);
}

/// Of each: how many stand, and since when the oldest does.
fn all_notices(page: &mut Page, desk: &Desk, (standing, oldest): (usize, Option<Millis>)) {
    let age = oldest.map_or(0, |at| (desk.shared().now().0 - at.0).max(0));
    page.one(
        "yizhan_notices_standing",
        "gauge",
        "Words to owners that did not go out yet, counted up to 1000.",
        standing as f64,
    );
    page.one(
        "yizhan_notice_oldest_seconds",
        "gauge",
        "How long the oldest of them has been waiting.",
        age as f64 / 1e3,
    );
    page.head("yizhan_notices_total", "counter", "Tries to tell an owner, by outcome.");
    let figures = &desk.shared().figures;
    for (outcome, counter) in [("sent", &figures.notices_sent), ("failed", &figures.notices_failed)] {
        page.value("yizhan_notices_total", &[("outcome", outcome)], get(counter));
    }
}

fn engine(page: &mut Page, desk: &Desk) {
    let (figures, writer) = (&desk.shared().figures, &desk.engine.writer);
    let health = desk.engine.health();
    page.one("yizhan_ready", "gauge", "1 once recovery is through.", f64::from(u8::from(health.ready)));
    let left = "Runs that were under way at the start and do not go on yet.";
    page.one("yizhan_recovering", "gauge", left, get(&figures.recovering));
    page.one(
        "yizhan_disk_full",
        "gauge",
        "1 while nothing can be written.",
        f64::from(u8::from(health.disk_full)),
    );
    page.count(
        "yizhan_doorbells_replaced_total",
        "Schedulers that fell silent or stood still, and were replaced.",
        &figures.bells_replaced,
    );
    page.one("yizhan_runs_live", "gauge", "Runs in memory.", get(&figures.live));
    page.one("yizhan_attempts_under_way", "gauge", "Attempts that plugins have.", get(&figures.calls));
    page.one("yizhan_attempts_waiting", "gauge", "Attempts that wait for a place.", get(&figures.queued));
    page.head("yizhan_attempts_total", "counter", "Attempts that came back, by outcome.");
    let outcomes = [
        ("done", &figures.attempts_done),
        ("failed", &figures.attempts_failed),
        ("lost", &figures.attempts_lost),
    ];
    for (outcome, counter) in outcomes {
        page.value("yizhan_attempts_total", &[("outcome", outcome)], get(counter));
    }
    page.count("yizhan_turns_total", "Turns of the engine's loop.", &figures.turns);
    page.count(
        "yizhan_engine_requests_total",
        "Starts and acts that were asked of the engine.",
        &figures.requests,
    );
    page.count("yizhan_commits_total", "Transactions on disk.", &writer.commits);
    page.count("yizhan_changes_total", "Journal lines on disk; by commits, the mean batch.", &writer.changes);
    page.count("yizhan_journal_bytes_total", "Bytes of journal lines on disk.", &writer.bytes);
    let seconds = |counter: &AtomicU64| get(counter) / 1e6;
    page.one(
        "yizhan_commit_seconds_total",
        "counter",
        "Time in COMMIT; by commits, its mean.",
        seconds(&writer.commit_us),
    );
    page.one("yizhan_apply_seconds_total", "counter", "Time writing rows.", seconds(&writer.apply_us));
}

fn http(page: &mut Page, desk: &Desk) {
    page.one(
        "yizhan_http_connections",
        "gauge",
        "Connections that are open.",
        desk.connections.open() as f64,
    );
    page.count(
        "yizhan_http_connections_evicted_total",
        "Silent connections that made room.",
        &desk.connections.evicted,
    );
    page.one("yizhan_http_streams", "gauge", "Streams of events that are open.", desk.streams.count() as f64);
    page.count("yizhan_http_requests_total", "Requests that reached a route.", &desk.counts.requests);
    page.count(
        "yizhan_http_refused_total",
        "Requests without the rights for their route.",
        &desk.counts.refused,
    );
    page.head("yizhan_webhooks_total", "counter", "Webhook deliveries by what became of them.");
    let counts = &desk.counts;
    let all = [
        ("taken", &counts.hooks_taken),
        ("repeated", &counts.hooks_repeated),
        ("refused", &counts.hooks_refused),
    ];
    for (outcome, counter) in all {
        page.value("yizhan_webhooks_total", &[("outcome", outcome)], get(counter));
    }
}

fn all_plugins(page: &mut Page, plugins: &[PluginView]) {
    page.head("yizhan_plugin_calls_total", "counter", "Attempts by plugin.");
    for plugin in plugins {
        page.value("yizhan_plugin_calls_total", &[("plugin", &plugin.id)], plugin.calls as f64);
    }
    page.head("yizhan_plugin_crashes_total", "counter", "Crashes by plugin.");
    for plugin in plugins {
        page.value("yizhan_plugin_crashes_total", &[("plugin", &plugin.id)], plugin.crashes as f64);
    }
}
