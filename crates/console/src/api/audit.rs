//! The audit as people read it: who did what, from where, to what, and what was before and after.

use std::sync::Arc;

use axum::extract::State;
use jiff::civil::Date;
use serde::Deserialize;
use utoipa::IntoParams;
use yizhan_access::{Act, Verified, Wanted};
use yizhan_engine::store::RunRow;
use yizhan_workflow::id::{RunId, TaskId};
use yizhan_workflow::people::bare;
use yizhan_workflow::run::World;

use super::runs::Tongue;
use super::{Looking, PageOf, Words, days, in_a_list};
use crate::body::{Answer, Asked};
use crate::caller::Caller;
use crate::desk::Desk;
use crate::refusal::Refusal;
use crate::view::Listing;
use crate::view::acts::{AboutView, ActView, Wording, what};

#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(default)]
pub(crate) struct Filter {
    /// By whom: the id of a person, with or without `person:`, or their name; `token:crm`, `socket`, `stranger`.
    pub(crate) who: Option<String>,
    /// Of this kind, as `kind` of an act.
    pub(crate) kind: Option<String>,
    /// About a case, a task, a workflow, a person, a token or a plugin, by its id; of a case also what was done with its tasks.
    pub(crate) about: Option<String>,
    /// Asked for on this day of the house or later: `2026-11-22`.
    #[param(value_type = Option<String>)]
    pub(crate) since: Option<Date>,
    /// Asked for on this day of the house or before.
    #[param(value_type = Option<String>)]
    pub(crate) until: Option<Date>,
}

impl Filter {
    fn wanted(self, world: &World, before: Option<i64>) -> Wanted {
        let [since, until] = days(&world.zone, self.since, self.until);
        let word =
            |word: Option<String>| word.map(|word| word.trim().to_owned()).filter(|word| !word.is_empty());
        let named = |name: &str| world.people.people.iter().find(|(_, person)| person.name == name);
        let who = word(self.who).map(|who| match who.as_str() {
            "socket" | "stranger" => who,
            _ if who.contains(':') => who,
            _ => format!("person:{}", named(&who).map_or(&who, |(id, _)| id)),
        });
        Wanted {
            who,
            kinds: word(self.kind).into_iter().collect(),
            about: word(self.about).map(|about| bare(&about).to_owned()),
            since,
            until,
            before,
        }
    }
}

/// The newest first.
pub(crate) async fn list(
    State(desk): State<Arc<Desk>>,
    caller: Caller,
    Asked(filter): Asked<Filter>,
    Asked(page): Asked<PageOf>,
    Asked(tongue): Asked<Tongue>,
) -> Result<Answer<Listing<ActView>>, Refusal> {
    let before = page.cursor.as_deref().map(str::parse::<i64>).transpose();
    let before = before.map_err(|_| Refusal::Address("`cursor` is no cursor of this list".to_owned()))?;
    let limit = page.limit();
    let language = desk.language(tongue.lang);
    let listing = desk.read(move |desk| {
        let world = desk.shared().world();
        let acts = desk.access.acts(&filter.wanted(&world, before), limit)?;
        let next =
            acts.last().filter(|act| acts.len() == limit && act.seq > 1).map(|act| act.seq.to_string());
        let teller =
            Teller { desk, caller: &caller, wording: Wording { lang: language.lang(), world: &world } };
        Ok(Listing { items: acts.into_iter().map(|act| teller.told(act)).collect(), next })
    });
    listing.await.map(Answer)
}

pub(crate) async fn verify(State(desk): State<Arc<Desk>>) -> Result<Answer<Verified>, Refusal> {
    desk.read(verified).await.map(Answer)
}

/// Against itself, the house's key, and the heads that were written down meanwhile.
pub(super) fn verified(desk: &Desk) -> Result<Verified, Refusal> {
    let seen = desk.house.audit_heads();
    let seen = seen.map_err(|error| Refusal::bug("the heads of the audit cannot be read", &error))?;
    Ok(desk.access.verify(&seen)?)
}

/// Finds the titles of what acts are about, as whoever reads may see them.
struct Teller<'t> {
    desk: &'t Desk,
    caller: &'t Caller,
    wording: Wording<'t>,
}

impl Teller<'_> {
    fn told(&self, act: Act) -> ActView {
        let Act { seq, kind, about, asked, answered } = act;
        let mut named: Vec<AboutView> = self.about(&kind, &about).into_iter().collect();
        let case = answered.as_ref().and_then(|outcome| outcome.in_case.as_deref());
        if let Some(case) = case.and_then(|case| self.case(case))
            && !named.iter().any(|one| one.id == case.id)
        {
            // The beginning of an id is what was asked with, and the case is what it means.
            named.retain(|one| !case.id.starts_with(&one.id));
            named.push(case);
        }
        let title = |name: &str| self.task(name).map_or_else(|| name.to_owned(), |task| task.title);
        let changes = answered.as_ref().map(|outcome| self.wording.changes(outcome, title));
        ActView {
            seq,
            what: what(self.wording.lang, &kind),
            by: self.wording.who(&asked.who),
            about: named,
            changes: changes.unwrap_or_default(),
            kind,
            asked,
            answered,
        }
    }

    fn about(&self, kind: &str, id: &str) -> Option<AboutView> {
        if id.is_empty() {
            return None;
        }
        let plain = |title: String, page: Option<String>| AboutView { id: id.to_owned(), title, page };
        Some(match kind.split('/').next().unwrap_or_default() {
            "runs" => self.case(id).unwrap_or_else(|| plain(id.to_owned(), None)),
            "tasks" | "m" => self.task(id).unwrap_or_else(|| plain(id.to_owned(), None)),
            "workflows" | "triggers" => plain(self.workflow(id), Some(format!("/workflows/{id}"))),
            "accounts" | "sign-in" => plain(self.wording.who(&format!("person:{}", bare(id))), None),
            "plugins" => plain(id.to_owned(), Some(format!("/system#plugin-{id}"))),
            _ => plain(id.to_owned(), None),
        })
    }

    fn workflow(&self, name: &str) -> String {
        let all = self.desk.shared().library.workflows();
        let text = all.get(name).and_then(|entry| entry.workflow.as_ref());
        text.map_or_else(|| name.to_owned(), |text| text.title.clone())
    }

    fn words(&self, row: &RunRow, words: Words<'_>) -> String {
        let looking = Looking::default();
        let Ok(by) = looking.name(self.caller, self.wording.world) else { return String::new() };
        in_a_list(self.desk, row.id, looking.viewer(&by, self.caller, &row.workflow), words)
    }

    fn case(&self, id: &str) -> Option<AboutView> {
        let row = self.desk.reads().row(id.parse::<RunId>().ok()?).ok()??;
        let workflow = self.workflow(&row.workflow);
        let title = match &row.key {
            Some(key) => format!("{workflow} · {}", self.words(&row, Words::Key(key))),
            None => workflow,
        };
        Some(AboutView { id: id.to_owned(), title, page: Some(format!("/runs/{id}")) })
    }

    fn task(&self, id: &str) -> Option<AboutView> {
        let (reads, task) = (self.desk.reads(), id.parse::<TaskId>().ok()?);
        let (row, page) = match reads.task(&task).ok()? {
            Some(row) => (row, format!("/tasks/{id}")),
            None => {
                let (row, _) = reads.past_task(&task).ok()??;
                let page = format!("/runs/{}", row.run);
                (row, page)
            }
        };
        let run = reads.row(row.run).ok()??;
        let title = self.words(&run, Words::PastTitle(&row.title));
        Some(AboutView { id: id.to_owned(), title, page: Some(page) })
    }
}
