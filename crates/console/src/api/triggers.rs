//! What fires when, and what became of what fired.

use std::sync::Arc;

use axum::extract::State;
use serde::Deserialize;
use utoipa::IntoParams;
use yizhan_engine::gathering::KEPT_MOST;
use yizhan_engine::registers::{self, LookError, OnDay};
use yizhan_engine::store::{Firing, StoreError};
use yizhan_workflow::id::{Millis, RunId};
use yizhan_workflow::people::rights::Role;
use yizhan_workflow::plan::{Starts, Trigger, Workflow};
use yizhan_workflow::problem::Lang;
use yizhan_workflow::prose::occasion;
use yizhan_workflow::schedule;

use super::PageOf;
use super::runs::Tongue;
use super::workflows::trigger_kind;
use crate::body::{Answer, Asked};
use crate::caller::Caller;
use crate::desk::Desk;
use crate::refusal::Refusal;
use crate::view::{EntryAhead, FiringView, Listing, PauseView, TriggerView, word_of};

const DAY: i64 = 86_400_000;
/// Firings ahead and behind that are shown of a trigger.
const SHOWN: usize = 50;

#[derive(Debug, Deserialize, IntoParams)]
pub(crate) struct Filter {
    /// Of this workflow alone.
    workflow: Option<String>,
    /// How many days ahead firings are shown; 7 where nothing is said.
    days: Option<u16>,
}

impl Filter {
    /// Those of every workflow that may be seen, also where they fire seldom.
    pub(crate) fn all() -> Self {
        Self { workflow: None, days: Some(366) }
    }

    pub(crate) fn of(workflow: &str) -> Self {
        Self { workflow: Some(workflow.to_owned()), ..Self::all() }
    }
}

pub(crate) async fn list(
    State(desk): State<Arc<Desk>>,
    caller: Caller,
    Asked(asked): Asked<Filter>,
    Asked(page): Asked<PageOf>,
    Asked(tongue): Asked<Tongue>,
) -> Result<Answer<Listing<TriggerView>>, Refusal> {
    let all = desk.shared().library.workflows();
    if let Some(name) = &asked.workflow
        && !all.contains_key(name)
    {
        return Err(Refusal::NoSuch { kind: "workflow", name: name.clone() });
    }
    let wanted = move |name: &str| {
        asked.workflow.as_ref().is_none_or(|wanted| wanted == name) && caller.rights.may(Role::Viewer, name)
    };
    let days = i64::from(asked.days.unwrap_or(7).min(3_660));
    let lang = desk.language(tongue.lang).lang();
    let views = desk.read(move |desk| {
        let texts =
            all.iter().filter(|(name, _)| wanted(name)).filter_map(|(_, entry)| entry.workflow.as_ref());
        let triggers = texts.flat_map(|text| text.triggers.iter().map(move |trigger| (text, trigger)));
        let views: Result<_, _> =
            triggers.map(|(text, trigger)| view(desk, (text, trigger), days, lang)).collect();
        Listing::part(views?, &page, |one| format!("{}/{}", one.workflow, one.trigger))
    });
    views.await.map(Answer)
}

fn view(
    desk: &Desk,
    (text, trigger): (&Arc<Workflow>, &Trigger),
    days: i64,
    lang: Lang,
) -> Result<TriggerView, StoreError> {
    let shared = desk.shared();
    let now = shared.now();
    let calendar = shared.world().calendars.named(text.calendar.as_deref()).cloned();
    // Without its calendar a schedule does not fire.
    let slots = |schedule| match &calendar {
        Some(calendar) => schedule::preview(schedule, calendar, now, now.plus(days * DAY), SHOWN),
        None => vec![],
    };
    let entries = entries(desk, text, trigger, now.plus(days * DAY))?;
    let next = match &trigger.starts {
        Starts::Schedule(schedule) if schedule.of.is_some() => vec![],
        Starts::Schedule(schedule) => slots(schedule),
        Starts::Webhook(_)
        | Starts::Files { .. }
        | Starts::Mail(_)
        | Starts::ByHand { .. }
        | Starts::Event { .. } => vec![],
    };
    let gathers = trigger.gather.as_ref().map(|gather| slots(gather));
    let gathered = match gathers {
        Some(_) => Some(desk.reads().gathered_count(&text.name, &trigger.name, KEPT_MOST)?),
        None => None,
    };
    let last = desk.reads().firings(&text.name, &trigger.name, SHOWN)?;
    Ok(TriggerView {
        workflow: text.name.to_string(),
        trigger: trigger.name.to_string(),
        kind: trigger_kind(&trigger.starts).to_owned(),
        title: text.title.clone(),
        what: what(text, trigger),
        said: occasion(text, &shared.world().registers, trigger, lang),
        next: next.iter().map(ToString::to_string).collect(),
        entries,
        gathers: gathers.iter().flatten().map(ToString::to_string).collect(),
        gathered,
        last: last.iter().map(|(firing, run)| firing_view(firing, *run)).collect(),
        paused: shared.paused(&text.name, &trigger.name).map(|pause| PauseView::of(&pause)),
    })
}

/// The entries that fire next. Of a register that is not declared nothing fires.
fn entries(
    desk: &Desk,
    text: &Arc<Workflow>,
    trigger: &Trigger,
    until: Millis,
) -> Result<Vec<EntryAhead>, StoreError> {
    let (world, now) = (desk.shared().world(), desk.shared().now());
    let coming = match registers::ahead(desk.reads(), &world, (text, trigger), (now, until), SHOWN) {
        Ok(coming) => coming,
        Err(LookError::Store(error)) => return Err(error),
        Err(LookError::NoSuchRegister { .. } | LookError::Ask(_)) => vec![],
    };
    let view = |(at, one): (Millis, OnDay)| EntryAhead {
        at: at.to_string(),
        day: one.day.to_string(),
        number: one.row.number(),
    };
    Ok(coming.into_iter().map(view).collect())
}

fn what(text: &Workflow, trigger: &Trigger) -> String {
    match &trigger.starts {
        Starts::Schedule(schedule) => match &schedule.of {
            Some(of) => format!("{} / {} ({})", of.register, of.date, schedule.pattern),
            None => schedule.pattern.to_string(),
        },
        Starts::Webhook(_) => format!("/hooks/{}/{}", text.name, trigger.name),
        Starts::Files { pattern, .. } => pattern.clone(),
        Starts::Mail(rule) => format!("{}/{} ← {}", rule.account, rule.folder, rule.from.join(", ")),
        Starts::ByHand { who } => who.join(", "),
        Starts::Event { name } => name.to_string(),
    }
}

fn firing_view(firing: &Firing, run: Option<RunId>) -> FiringView {
    FiringView {
        at: firing.at.to_string(),
        id: firing.id.clone(),
        outcome: word_of(&firing.outcome),
        run: run.map(|run| run.to_string()),
    }
}
