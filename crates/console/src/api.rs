//! The JSON API: one file per kind of thing, handlers of a few lines.

pub(crate) mod access;
pub(crate) mod artifacts;
pub(crate) mod attempts;
pub(crate) mod audit;
pub(crate) mod clock;
pub(crate) mod doctor;
pub(crate) mod drafts;
pub(crate) mod events;
pub(crate) mod files;
pub(crate) mod health;
pub(crate) mod log;
pub(crate) mod mine;
pub(crate) mod past;
pub(crate) mod pausing;
pub(crate) mod pictures;
pub(crate) mod plugins;
pub(crate) mod query;
pub(crate) mod registers;
pub(crate) mod runs;
pub(crate) mod same;
pub(crate) mod standing;
pub(crate) mod stream;
pub(crate) mod tasks;
pub(crate) mod trial;
pub(crate) mod triggers;
pub(crate) mod workflows;

use std::str::FromStr;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use yizhan_engine::live;
use yizhan_engine::store::RunRow;
use yizhan_workflow::id::{Millis, RunId};
use yizhan_workflow::people::rights::Role;
use yizhan_workflow::run::World;
use yizhan_workflow::run::sight::{HIDDEN, Viewer, guards};

use crate::caller::Caller;
use crate::desk::Desk;
use crate::house::Language;
use crate::refusal::Refusal;
use crate::view::{Look, given_before};

/// From the first instant of one day of the house to the first after another. A day that no clock can show is before or
/// after all that there is: not a bound left out.
pub(crate) fn days(zone: &TimeZone, since: Option<Date>, until: Option<Date>) -> [Option<Millis>; 2] {
    let begins = |day: Date| match day.to_zoned(zone.clone()) {
        Ok(at) => Millis(at.timestamp().as_millisecond()),
        Err(_) => Millis(if day.year() < 0 { i64::MIN } else { i64::MAX }),
    };
    let ends = |day: Date| day.tomorrow().map_or(Millis(i64::MAX), begins);
    [since.map(begins), until.map(ends)]
}

/// The part of a list that is wanted.
#[derive(Debug, Default, Deserialize, IntoParams)]
pub(crate) struct PageOf {
    /// How many of them at most, 1 to 500. Where nothing is said: 50 of runs, tasks, lines; of other lists 500.
    limit: Option<usize>,
    /// `next` of the page before this one.
    pub cursor: Option<String>,
}

impl PageOf {
    pub(crate) const MOST: usize = 500;

    pub(crate) fn of(most: usize, cursor: Option<String>) -> Self {
        Self { limit: Some(most), cursor }
    }

    pub(crate) fn limit(&self) -> usize {
        self.limit_or(50)
    }

    pub(crate) fn limit_or(&self, usual: usize) -> usize {
        self.limit.unwrap_or(usual).clamp(1, Self::MOST)
    }

    /// The cursor of a list whose places are numbers; 0 is its beginning.
    pub(crate) fn number<T: FromStr + Default>(&self) -> Result<T, Refusal> {
        self.cursor.as_ref().map_or(Ok(T::default()), |cursor| {
            cursor.parse().map_err(|_| Refusal::Address(format!("`{cursor}` is not a cursor")))
        })
    }
}

/// What a doing answers: the run it changed.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ChangedView {
    run: String,
}

impl ChangedView {
    pub(crate) fn of(run: RunId) -> Self {
        Self { run: run.to_string() }
    }
}

/// Who looks at a case: whoever asks, or a person whom an operator names.
#[derive(Debug, Default, Deserialize, IntoParams)]
pub(crate) struct Looking {
    /// Of an operator that is no person: with whose eyes (`person:li.na`).
    by: Option<String>,
    /// Of such an operator: with what is private.
    #[serde(default)]
    private: bool,
    /// In which language sentences are: `zh` or `en`; the house's where nothing is said.
    #[param(value_type = Option<String>)]
    pub(crate) lang: Option<Language>,
    /// On a page: steps are called by their titles.
    #[serde(skip)]
    #[param(ignore)]
    pub(crate) titles: bool,
}

impl Looking {
    /// For a page of whoever asks, in a language.
    pub(crate) fn in_language(lang: Language) -> Self {
        Self { lang: Some(lang), titles: true, ..Self::default() }
    }

    /// In the words of those who act.
    pub(crate) fn name(&self, caller: &Caller, world: &World) -> Result<String, Refusal> {
        caller.acting(self.by.as_deref(), world)
    }

    /// The house itself sees what is private where an operator says so.
    pub(crate) fn viewer<'n>(&self, name: &'n str, caller: &Caller, workflow: &str) -> Viewer<'n> {
        if name.starts_with("person:") {
            return Viewer::Person(name);
        }
        Viewer::House { private: self.private && caller.rights.may(Role::Operator, workflow) }
    }

    /// The same of what belongs to no workflow: who operates some workflows alone has nobody's eyes but their own there.
    pub(crate) fn viewer_of_all<'n>(&self, name: &'n str, caller: &Caller) -> Viewer<'n> {
        let operates = caller.rights.may_everywhere(Role::Operator);
        if name.starts_with("person:")
            && (operates || caller.person().is_some() && caller.rights.lets_everywhere(Role::Viewer))
        {
            return Viewer::Person(name);
        }
        Viewer::House { private: self.private && operates }
    }
}

/// Words of a case as a list shows them.
#[derive(Clone, Copy)]
pub(crate) enum Words<'w> {
    Key(&'w str),
    /// Of a task: whoever takes part reads it as it was written for them.
    Title(&'w str),
    /// Of one that may be over: it may be of a round of which the case itself keeps nothing.
    PastTitle(&'w str),
}

/// Whether the text that a run goes by keeps something from this reader, as far as can be said.
pub(crate) fn keeps_to_itself(desk: &Desk, row: &RunRow, viewer: Viewer<'_>) -> bool {
    let text = desk.shared().library.text(&row.text, desk.reads());
    viewer != (Viewer::House { private: true }) && text.map_or(true, |text| guards(&text))
}

/// By the rule of the case itself, which is opened where the text that it runs by keeps anything from anybody. What cannot
/// be opened is not shown.
pub(crate) fn in_a_list(desk: &Desk, run: RunId, viewer: Viewer<'_>, words: Words<'_>) -> String {
    seen_in_a_list(desk, run, viewer, words).unwrap_or_else(|_| HIDDEN.to_owned())
}

fn seen_in_a_list(desk: &Desk, run: RunId, viewer: Viewer<'_>, words: Words<'_>) -> Result<String, Refusal> {
    let (Words::Key(said) | Words::Title(said) | Words::PastTitle(said)) = words;
    let row = desk.reads().row(run)?.ok_or(Refusal::Bug)?;
    let text = desk.shared().library.text(&row.text, desk.reads())?;
    if viewer == (Viewer::House { private: true }) || !guards(&text) {
        return Ok(said.to_owned());
    }
    let loaded = live::load(run, desk.reads())?;
    let (world, now) = (desk.shared().world(), desk.shared().now());
    let look = Look { run: &loaded.run, text: &text, world: &world, now, viewer, before: &[] };
    let said = match words {
        Words::Key(key) => look.sight().key(key),
        Words::Title(title) => look.sight().title(title),
        Words::PastTitle(title) => {
            let before = given_before(&look, desk)?;
            Look { before: &before, ..look }.sight().title(title)
        }
    };
    Ok(said.unwrap_or_else(|| HIDDEN.to_owned()))
}
