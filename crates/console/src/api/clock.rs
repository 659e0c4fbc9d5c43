//! The clock of a task: stopped, let go on, given another due time. Each with a reason that the ledger keeps.

use std::sync::Arc;

use axum::extract::State;
use serde::Deserialize;
use serde_json::Value as Json;
use yizhan_workflow::id::Millis;
use yizhan_workflow::moment::{Moment, MomentText};
use yizhan_workflow::run::World;
use yizhan_workflow::run::event::{Event, Raw};

use super::tasks::{act, through};
use crate::body::{Answer, Given, Named};
use crate::caller::Caller;
use crate::desk::Desk;
use crate::refusal::Refusal;

/// Characters of a reason.
const REASON_LONGEST: usize = 500;

#[derive(Debug, Deserialize)]
pub(crate) struct Stopping {
    by: Option<String>,
    via: Option<String>,
    #[serde(default)]
    reason: String,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Moving {
    by: Option<String>,
    via: Option<String>,
    #[serde(default)]
    reason: String,
    /// `2026-11-30 18:00` on the house's clock, `2026-11-30` for the end of that day, or an instant.
    to: String,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Extending {
    by: Option<String>,
    via: Option<String>,
    /// Those of the step's `extend.form`.
    fields: Json,
}

pub(crate) async fn pause(
    State(desk): State<Arc<Desk>>,
    caller: Caller,
    Named(name): Named<String>,
    Given(given): Given<Stopping>,
) -> Result<Answer<Json>, Refusal> {
    let by = caller.acting(given.by.as_deref(), &desk.shared().world())?.into();
    let (via, reason) = (through(given.via.as_deref())?, reason(&given.reason)?);
    act(&desk, &caller, name, |of| Event::Paused { of, by, via, reason }).await
}

pub(crate) async fn resume(
    State(desk): State<Arc<Desk>>,
    caller: Caller,
    Named(name): Named<String>,
    Given(given): Given<Stopping>,
) -> Result<Answer<Json>, Refusal> {
    let by = caller.acting(given.by.as_deref(), &desk.shared().world())?.into();
    let (via, reason) = (through(given.via.as_deref())?, reason(&given.reason)?);
    act(&desk, &caller, name, |of| Event::Resumed { of, by, via, reason }).await
}

pub(crate) async fn due(
    State(desk): State<Arc<Desk>>,
    caller: Caller,
    Named(name): Named<String>,
    Given(given): Given<Moving>,
) -> Result<Answer<Json>, Refusal> {
    let world = desk.shared().world();
    let by = caller.acting(given.by.as_deref(), &world)?.into();
    let (via, reason) = (through(given.via.as_deref())?, reason(&given.reason)?);
    let to = instant(&given.to, &world).ok_or_else(|| {
        Refusal::Unreadable(
            "`to` is a time such as `2026-11-30 18:00`, or a day, which is due at its end".to_owned(),
        )
    })?;
    act(&desk, &caller, name, |of| Event::DueMoved { of, to, by, via, reason }).await
}

pub(crate) async fn extend(
    State(desk): State<Arc<Desk>>,
    caller: Caller,
    Named(name): Named<String>,
    Given(given): Given<Extending>,
) -> Result<Answer<Json>, Refusal> {
    let by = caller.acting(given.by.as_deref(), &desk.shared().world())?.into();
    let (via, fields) = (through(given.via.as_deref())?, Raw::from(&given.fields));
    act(&desk, &caller, name, |of| Event::MoreTimeAsked { of, by, via, fields }).await
}

fn reason(given: &str) -> Result<Arc<str>, Refusal> {
    let given = given.trim();
    if given.chars().count() > REASON_LONGEST {
        return Err(Refusal::Unreadable(format!("`reason` has at most {REASON_LONGEST} characters")));
    }
    Ok(given.into())
}

/// A day is due at its end.
fn instant(text: &str, world: &World) -> Option<Millis> {
    let local = match Moment::parse_text(text).ok()? {
        MomentText::Instant(instant) => return Some(instant),
        MomentText::Local(local) => local,
        MomentText::Date(day) => day.tomorrow().ok()?.at(0, 0, 0, 0),
        MomentText::Length(_) | MomentText::Next(_) | MomentText::AfterToday(_) => return None,
    };
    Some(Millis(local.to_zoned(world.zone.clone()).ok()?.timestamp().as_millisecond()))
}
