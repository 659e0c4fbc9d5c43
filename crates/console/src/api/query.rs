//! Figures of runs and tasks.

use std::cell::Cell;
use std::sync::Arc;

use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use utoipa::openapi::{RefOr, Schema};
use yizhan_engine::queries::figures;
use yizhan_engine::registers::LookError;
use yizhan_engine::store::{CaseFilter, CaseReads, StoreError};
use yizhan_workflow::query::{Case, Of, Query};
use yizhan_workflow::run::event::Raw;
use yizhan_workflow::run::sight::{Viewer, guards};

use super::registers::unlooked;
use super::{Words, in_a_list};
use crate::body::{Answer, Given, Named};
use crate::caller::Caller;
use crate::desk::Desk;
use crate::openapi::{Schemas, Shape, any};
use crate::refusal::Refusal;

/// What is asked, as `with` of the action.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub(crate) struct Question(pub Json);

impl Shape for Question {
    fn shape(_: &mut Schemas) -> RefOr<Schema> {
        any("What `with` of the action (`query.runs`, `query.tasks`, `register.find`) takes: an object.")
    }
}

/// What the action would give.
#[derive(Debug, Serialize)]
#[serde(transparent)]
pub(crate) struct Figures(Raw);

impl Figures {
    pub(crate) fn of(found: String) -> Result<Self, Refusal> {
        Raw::new(found).map(Self).ok_or(Refusal::Bug)
    }
}

impl Shape for Figures {
    fn shape(_: &mut Schemas) -> RefOr<Schema> {
        any(
            "What the action gives: `count`, and `entries`, or `rows` and `figures`, with the columns asked for.",
        )
    }
}

/// What `query.runs` or `query.tasks` would give.
pub(crate) async fn ask(
    State(desk): State<Arc<Desk>>,
    caller: Caller,
    Named(what): Named<String>,
    Given(asked): Given<Question>,
) -> Result<Answer<Figures>, Refusal> {
    let of = Of::named(&what).ok_or(Refusal::NoSuch { kind: "query", name: what })?;
    let found = desk.read(move |desk| {
        let text = asked.0.to_string();
        let query = Query::read(&text).map_err(|fault| Refusal::Unreadable(fault.0))?;
        let (world, now) = (desk.shared().world(), desk.shared().now());
        // A program has the keys of the house; a person reads what the lists show them.
        let found = match caller.person().filter(|_| reads_words(&asked.0, &text)) {
            None => figures(desk.reads(), &world, now, (of, &query)).map_err(unlooked)?,
            Some(person) => {
                let seen = Seen { desk, person: format!("person:{person}"), opened: Cell::new(0) };
                seen.found(figures(&seen, &world, now, (of, &query)))?
            }
        };
        Figures::of(found)
    });
    found.await.map(Answer)
}

/// Whether a key or a title may come out of it: where nothing is said, all columns do.
fn reads_words(asked: &Json, text: &str) -> bool {
    asked["show"].is_null() || ["key", "title"].iter().any(|word| text.contains(word))
}

/// Cases of workflows that keep something are opened to see what of their words is for somebody; no more of them at once.
const OPENED_MOST: usize = 5_000;

/// Runs and tasks as a person may see them: also where they are only compared or counted by.
struct Seen<'a> {
    desk: &'a Desk,
    person: String,
    opened: Cell<usize>,
}

impl Seen<'_> {
    fn see(&self, case: &mut Case) -> Result<(), StoreError> {
        let Some(row) = self.desk.reads().row(case.run)? else { return Ok(()) };
        // A text that cannot be read any more may have kept anything.
        let text = self.desk.shared().library.text(&row.text, self.desk.reads());
        if text.is_ok_and(|text| !guards(&text)) {
            return Ok(());
        }
        self.opened.set(self.opened.get() + 1);
        // Beyond it there is no answer.
        if self.opened.get() > OPENED_MOST {
            return Ok(());
        }
        let viewer = Viewer::Person(&self.person);
        let seen = |words: Words<'_>| Arc::from(in_a_list(self.desk, case.run, viewer, words));
        let key = case.key.as_deref().map(|key| seen(Words::Key(key)));
        let title = case.title.as_deref().map(|title| seen(Words::PastTitle(title)));
        (case.key, case.title) = (key, title);
        Ok(())
    }

    fn found(&self, found: Result<String, LookError>) -> Result<String, Refusal> {
        if self.opened.get() > OPENED_MOST {
            return Err(Refusal::Unreadable(format!(
                "more than {OPENED_MOST} of these cases keep something from others: say a shorter `period` or a `workflow` in \
                 `where`, or `show` without `key` and `title`"
            )));
        }
        found.map_err(unlooked)
    }
}

impl CaseReads for Seen<'_> {
    fn cases(&self, filter: &CaseFilter, after: Option<&Case>, most: usize) -> Result<Vec<Case>, StoreError> {
        let mut cases = self.desk.reads().cases(filter, after, most)?;
        for case in cases.iter_mut().filter(|case| case.key.is_some() || case.title.is_some()) {
            self.see(case)?;
        }
        Ok(cases)
    }
}
