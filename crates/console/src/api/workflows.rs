//! Workflows: what is in force, what is wrong with the files, and reading them again.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use axum::extract::State;
use serde::Serialize;
use serde_json::json;
use utoipa::openapi::schema::Type;
use utoipa::openapi::{ObjectBuilder, RefOr, Schema};
use yizhan_engine::library::Entry;
use yizhan_workflow::definition::completing;
use yizhan_workflow::id::TextHash;
use yizhan_workflow::people::rights::{Grant, Role};
use yizhan_workflow::plan::{Source, Starts, Workflow};
use yizhan_workflow::run::names;

use super::PageOf;
use crate::body::{Answer, Asked, Named};
use crate::caller::Caller;
use crate::desk::Desk;
use crate::house::Reloaded;
use crate::noted::{Standing, standing};
use crate::openapi::{Schemas, Shape};
use crate::refusal::Refusal;
use crate::view::{
    FormView, Listing, StepSketch, TriggerName, VersionView, WorkflowRow, WorkflowView, kind_of, section_word,
};

pub(crate) async fn list(
    State(desk): State<Arc<Desk>>,
    caller: Caller,
    Asked(page): Asked<PageOf>,
) -> Result<Answer<Listing<WorkflowRow>>, Refusal> {
    Listing::part(rows_for(&desk, &caller), &page, |one| one.name.clone()).map(Answer)
}

/// All that somebody may look at.
pub(crate) fn rows_for(desk: &Desk, caller: &Caller) -> Vec<WorkflowRow> {
    let all = desk.shared().library.workflows();
    let seen = all.iter().filter(|(name, _)| caller.rights.may(Role::Viewer, name));
    seen.map(|(name, entry)| row(desk, name, entry)).collect()
}

pub(crate) async fn show(
    State(desk): State<Arc<Desk>>,
    caller: Caller,
    Named(name): Named<String>,
) -> Result<Answer<WorkflowView>, Refusal> {
    caller.must(Role::Viewer, &name)?;
    let all = desk.shared().library.workflows();
    let entry = all.get(&name).ok_or_else(|| Refusal::NoSuch { kind: "workflow", name: name.clone() })?;
    let row = row(&desk, &name, entry);
    let text = entry.workflow.clone();
    let source = entry.source.as_ref().map(|source| source.text.clone());
    let view = desk.read(move |desk| view(desk, row, text.as_ref(), source)).await?;
    Ok(Answer(view))
}

pub(crate) async fn reload(State(desk): State<Arc<Desk>>, caller: Caller) -> Answer<Reloaded> {
    let before = in_force(&desk);
    let reloaded = desk.house.reload().await;
    let after = in_force(&desk);
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    for name in names {
        let side = |all: &BTreeMap<String, Standing>| all.get(name).cloned().unwrap_or_default();
        caller.noted.changed(name, side(&before), side(&after));
    }
    Answer(reloaded)
}

/// The version of each workflow, and who may do what by which right.
fn in_force(desk: &Desk) -> BTreeMap<String, Standing> {
    let all = desk.shared().library.workflows();
    let version = |(name, entry): (&String, &Entry)| {
        let hash = entry.workflow.as_ref().map(|text| json!(text.hash.to_string()));
        (name.clone(), standing([("version", hash)]))
    };
    let right = |(name, grant): (&String, &Grant)| {
        let on = Some(json!(grant.on)).filter(|_| !grant.on.is_empty());
        let may = [("may", Some(json!(grant.may.as_str()))), ("on", on), ("who", Some(json!(grant.who)))];
        (format!("right.{name}"), standing(may))
    };
    let world = desk.shared().world();
    let rights = world.people.rights.iter().map(right);
    all.iter().map(version).chain(rights).collect()
}

fn row(desk: &Desk, name: &str, entry: &Entry) -> WorkflowRow {
    let state = match (&entry.workflow, entry.faults.is_empty()) {
        (Some(_), true) => "in force",
        (Some(_), false) => "old text in force",
        (None, _) => "faulty",
    };
    let text = entry.workflow.as_deref();
    let triggers = text.map_or(&[][..], |text| &text.triggers).iter();
    WorkflowRow {
        name: name.to_owned(),
        title: text.map_or_else(String::new, |text| text.title.clone()),
        path: entry.path.clone(),
        owner: text.and_then(|text| text.owner.clone()),
        hash: text.map(|text| text.hash.to_string()),
        state: state.to_owned(),
        faults: entry.faults.clone(),
        warnings: entry.warnings.clone(),
        triggers: triggers
            .map(|trigger| TriggerName {
                name: trigger.name.to_string(),
                kind: trigger_kind(&trigger.starts).to_owned(),
                paused: desk.shared().paused(name, &trigger.name).is_some(),
            })
            .collect(),
    }
}

/// A text and all files that are part of it: `name`, `text`, and `files` by their paths.
#[derive(Debug, Serialize)]
#[serde(transparent)]
pub(crate) struct TextView(Source);

impl Shape for TextView {
    fn shape(_: &mut Schemas) -> RefOr<Schema> {
        let text = || ObjectBuilder::new().schema_type(Type::String);
        let files = ObjectBuilder::new().additional_properties(Some(text()));
        let view = ObjectBuilder::new().property("name", text()).property("text", text());
        view.property("files", files).required("name").required("text").required("files").into()
    }
}

/// A text that a run went or goes under, with the files that are part of it.
pub(crate) async fn text(
    State(desk): State<Arc<Desk>>,
    Named(hash): Named<String>,
) -> Result<Answer<TextView>, Refusal> {
    let found = desk.read(move |desk| {
        let found = desk.reads().text(&TextHash(hash.as_str().into()))?;
        let found = found.map(|source| completing::marked(&source).map_or(source, |(_, whole)| whole));
        found.ok_or(Refusal::NoSuch { kind: "text", name: hash })
    });
    found.await.map(|source| Answer(TextView(source)))
}

pub(crate) fn trigger_kind(starts: &Starts) -> &'static str {
    match starts {
        Starts::Schedule(_) => "schedule",
        Starts::Webhook(_) => "webhook",
        Starts::Files { .. } => "files",
        Starts::Mail(_) => "mail",
        Starts::ByHand { .. } => "by_hand",
        Starts::Event { .. } => "event",
    }
}

fn view(
    desk: &Desk,
    row: WorkflowRow,
    text: Option<&Arc<Workflow>>,
    source: Option<String>,
) -> Result<WorkflowView, Refusal> {
    let versions = versions(desk, &row)?;
    let open_runs = versions.iter().map(|version| version.open_runs).sum();
    let mut view = WorkflowView {
        row,
        note: None,
        implements: vec![],
        form: FormView::default(),
        steps: vec![],
        source,
        open_runs,
        versions,
    };
    if let Some(text) = text {
        let world = desk.shared().world();
        let seen = names::before_start(text, &world, desk.shared().now(), None, None);
        view.form = FormView::of(&text.input, None, &seen)?;
        view.note.clone_from(&text.note);
        view.implements.clone_from(&text.implements);
        view.steps = sketches(text);
    }
    Ok(view)
}

/// The texts that open runs go by, the one in force first.
fn versions(desk: &Desk, row: &WorkflowRow) -> Result<Vec<VersionView>, Refusal> {
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    counts.extend(row.hash.clone().map(|hash| (hash, 0)));
    let open = desk.reads().open_by_text(&row.name)?;
    counts.extend(open.into_iter().map(|(text, runs)| (text.to_string(), runs)));
    let version = |(hash, open_runs)| {
        let in_force = row.hash.as_ref() == Some(&hash);
        VersionView { hash, in_force, open_runs }
    };
    let mut all: Vec<VersionView> = counts.into_iter().map(version).collect();
    all.sort_by_key(|version| (!version.in_force, std::cmp::Reverse(version.open_runs)));
    Ok(all)
}

fn sketches(text: &Workflow) -> Vec<StepSketch> {
    let sketch = |step: &yizhan_workflow::plan::Step| {
        let (kind, action) = kind_of(&step.work);
        StepSketch {
            id: step.id.to_string(),
            section: section_word(step.section).to_owned(),
            title: step.title.as_ref().map_or_else(|| step.id.to_string(), |title| title.source().to_owned()),
            kind: kind.to_owned(),
            action,
            needs: step.needs.iter().map(|no| text.step(*no).path().into_owned()).collect(),
        }
    };
    text.steps.iter().map(sketch).collect()
}
