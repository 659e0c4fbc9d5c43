//! Runs: started, listed, shown, waited for, cancelled, retried.

pub(crate) mod again;
mod searching;
mod starting;

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use futures_util::future::select;
use jiff::civil::Date;
use serde::Deserialize;
use tokio::time::Instant;
use utoipa::{IntoParams, ToSchema};
use yizhan_engine::library::TextError;
use yizhan_engine::live;
use yizhan_engine::store::{self, Reads, RunFilter, RunState, TaskFilter};
use yizhan_workflow::id::{Millis, RunId, TextHash};
use yizhan_workflow::people::bare;
use yizhan_workflow::people::rights::Role;
use yizhan_workflow::run::event::Event;
use yizhan_workflow::run::{self, Now, Refusal as RunRefusal};

pub(crate) use starting::{Request, Wanted, came_before, current, start};

use super::standing::of_run;
use super::{Looking, PageOf, Words, days, in_a_list};
use crate::body::{Answer, Asked, Given, Named};
use crate::caller::{Asker, Caller, Who};
use crate::desk::Desk;
use crate::house::Language;
use crate::noted::{Standing, standing};
use crate::refusal::Refusal;
use crate::view::{
    Eyes, JournalLine, Listing, Look, MigrationView, Replay, RunRow, RunView, Shown, Teller, Texts, Titles,
    WhyView, given_before, journal_line, plain_title, run_row, run_view,
};
use crate::why::Reader;

/// So many that are not for whoever asks are passed over; then their list is at its end.
const LEFT_OUT_MOST: usize = 2_000;

#[derive(Debug, Default, Deserialize, IntoParams)]
pub(crate) struct Filter {
    /// Of this workflow alone.
    pub(crate) workflow: Option<String>,
    /// `open`, `closing`, `done`, `failed` or `cancelled`.
    #[param(value_type = Option<String>)]
    pub(crate) state: Option<RunState>,
    /// Words, each of which is found in the key, the workflow's name or title, or the title of a task. Small and large
    /// letters are the same.
    pub(crate) text: Option<String>,
    /// Whose key holds this text, as it is written.
    pub(crate) key: Option<String>,
    /// The whole id of the run that started them.
    #[param(value_type = Option<String>)]
    pub(crate) parent: Option<RunId>,
    /// Only those that are not over.
    #[serde(default)]
    pub(crate) open: bool,
    /// Only those that are late, have a task that is late, or were late when they ended.
    #[serde(default)]
    pub(crate) late: bool,
    /// What they wait for, as `waits` of a run in a list.
    pub(crate) waits: Option<String>,
    /// Only those that whoever asks began.
    #[serde(default)]
    pub(crate) mine: bool,
    /// Begun on this day of the house or later: `2026-11-22`.
    #[param(value_type = Option<String>)]
    pub(crate) since: Option<Date>,
    /// Begun on this day of the house or before.
    #[param(value_type = Option<String>)]
    pub(crate) until: Option<Date>,
    /// How many of them at most, 1 to 500; 50 where nothing is said.
    pub(crate) limit: Option<usize>,
    /// `next` of the page before this one.
    pub(crate) cursor: Option<String>,
}

impl Filter {
    /// The newest that whoever asks began.
    pub(crate) fn of_own(most: usize) -> Self {
        Self { mine: true, limit: Some(most), ..Self::default() }
    }
}

pub(crate) async fn list(
    State(desk): State<Arc<Desk>>,
    caller: Caller,
    Asked(asked): Asked<Filter>,
    Asked(looking): Asked<Looking>,
) -> Result<Answer<Listing<RunRow>>, Refusal> {
    listed(&desk, caller, asked, looking).await.map(Answer)
}

/// The runs that a caller may see; of those that they began, all.
pub(crate) async fn listed(
    desk: &Arc<Desk>,
    caller: Caller,
    asked: Filter,
    looking: Looking,
) -> Result<Listing<RunRow>, Refusal> {
    let page = PageOf { limit: asked.limit, cursor: asked.cursor };
    let Filter { workflow, state, text, key, parent, open, late, waits, mine, since, until, .. } = asked;
    let now = desk.shared().now();
    let (own, among) = match mine {
        true => (Some(caller.acting(None, &desk.shared().world())?), None),
        false => (None, desk.workflows_for(&caller, Role::Viewer)),
    };
    let [since, until] = days(&desk.shared().world().zone, since, until);
    let late = late.then_some(now);
    let by = looking.name(&caller, &desk.shared().world())?;
    let listing = desk.read(move |desk| {
        let library = desk.shared().library.workflows();
        let title = |name: &str| {
            library.get(name).and_then(|entry| entry.workflow.as_ref()).map(|text| text.title.clone())
        };
        let words = searching::words(text.as_deref().unwrap_or_default(), &library);
        let filter = RunFilter {
            workflow,
            among,
            state,
            words,
            key,
            parent,
            open,
            waits,
            late,
            by: own,
            since,
            until,
        };
        let shows = |row: &store::RunRow| {
            if !caller.rights.lets(Role::Viewer, &row.workflow) {
                return None;
            }
            let mut shown = run_row(row, title(&row.workflow).unwrap_or_default(), now);
            shown.late |= has_late_task(desk, row, now);
            let viewer = looking.viewer(&by, &caller, &row.workflow);
            shown.key = shown.key.map(|key| in_a_list(desk, row.id, viewer, Words::Key(&key)));
            // Whoever may not read a key or a title does not learn either that a guess of it is right.
            let found = filter.key.as_deref().zip(shown.key.as_deref());
            let told = found.is_none_or(|(asked, key)| key.contains(asked))
                && searching::is_told(desk, (row, &filter.words), shown.key.as_deref(), viewer);
            let may_ask = caller.person().is_none() && caller.rights.may(Role::Operator, &row.workflow);
            (told || may_ask).then_some(shown)
        };
        // Only a key or words are asked for by what may be hidden, and not from whoever operates the house.
        let operates = caller.person().is_none() && caller.rights.may_everywhere(Role::Operator);
        let guesses = !operates && (filter.key.is_some() || !filter.words.is_empty());
        shown_of(desk.reads(), &filter, (&page, guesses), shows)
    });
    listing.await
}

/// A page of what is shown. Where rows are left out for what they hide it is as if they were not there: what comes next is told
/// only if it will be shown. `guesses`: what is asked for may be hidden.
fn shown_of(
    reads: &dyn Reads,
    filter: &RunFilter,
    (page, guesses): (&PageOf, bool),
    shows: impl Fn(&store::RunRow) -> Option<RunRow>,
) -> Result<Listing<RunRow>, Refusal> {
    let limit = page.limit();
    let (mut items, mut cursor, mut left_out) = (Vec::new(), page.cursor.clone(), 0);
    let mut next = None;
    loop {
        // Never beyond what is asked for, so that the cursor is that of the last that is shown.
        let most = if items.len() < limit { limit - items.len() } else { limit };
        let rows = reads.runs(filter, cursor.as_deref(), most)?;
        let shown: Vec<RunRow> = rows.rows.iter().filter_map(&shows).collect();
        left_out += rows.rows.len() - shown.len();
        if items.len() < limit {
            items.extend(shown);
            next = rows.next.clone();
            if !guesses {
                return Ok(Listing { items, next });
            }
        } else if !shown.is_empty() {
            return Ok(Listing { items, next });
        }
        cursor = rows.next;
        if cursor.is_none() || left_out >= LEFT_OUT_MOST {
            return Ok(Listing { items, next: None });
        }
    }
}

/// An open task that is late makes its case late; what cannot be read is not said to be.
fn has_late_task(desk: &Desk, row: &store::RunRow, now: Millis) -> bool {
    let filter = TaskFilter { run: Some(row.id), late: Some(now), who: None };
    let open = matches!(row.state, RunState::Open | RunState::Closing);
    open && desk.reads().tasks(&filter, None, 1).is_ok_and(|page| !page.rows.is_empty())
}

/// A run as a list shows it to a caller.
pub(crate) async fn row_of(desk: &Arc<Desk>, caller: &Caller, run: RunId) -> Result<RunRow, Refusal> {
    let caller = caller.clone();
    let view = desk.read(move |desk| {
        let id = run_named(desk, &caller, Role::Viewer, &run.to_string())?;
        view_of(desk, id, (&caller, &Looking::default()))
    });
    serde_json::from_str(view.await?.get())
        .map_err(|error| Refusal::bug("a run's view cannot be read", &error))
}

/// The run that is meant: its whole id, or the first characters of it. One that the caller may not even see is not there;
/// whoever began one may look at it.
pub(crate) fn run_named(desk: &Desk, caller: &Caller, role: Role, name: &str) -> Result<RunId, Refusal> {
    let no_such = || Refusal::NoSuch { kind: "run", name: name.to_owned() };
    let id = meant(desk, name)?;
    let row = desk.reads().row(id)?.ok_or_else(no_such)?;
    if !may_look(caller, &row.workflow, &row.by) {
        return Err(no_such());
    }
    // Whoever only began it learns no more of it than that it is not theirs to change.
    match (caller.rights.may(Role::Viewer, &row.workflow), role) {
        (false, Role::Viewer) => Ok(id),
        (false, _) => Err(no_such()),
        (true, _) => caller.must(role, &row.workflow).map(|()| id),
    }
}

/// Whether somebody may look at a run: a viewer of its workflow, and who began it.
pub(crate) fn may_look(caller: &Caller, workflow: &str, by: &str) -> bool {
    let began = caller.person().is_some_and(|own| bare(by) == own);
    caller.rights.may(Role::Viewer, workflow) || (began && caller.rights.lets(Role::Viewer, workflow))
}

fn meant(desk: &Desk, name: &str) -> Result<RunId, Refusal> {
    let no_such = || Refusal::NoSuch { kind: "run", name: name.to_owned() };
    if let Ok(id) = name.parse::<RunId>() {
        return Ok(id);
    }
    let begins = name.strip_prefix("run_").unwrap_or(name);
    let (first, last) = RunId::beginning_with(begins).ok_or_else(no_such)?;
    match desk.reads().runs_between(first, last, 2)?.as_slice() {
        [] => Err(no_such()),
        [one] => Ok(*one),
        _ => Err(Refusal::Ambiguous(name.to_owned())),
    }
}

fn view_of(desk: &Desk, id: RunId, (caller, asked): (&Caller, &Looking)) -> Result<Shown<RunView>, Refusal> {
    looked_at(desk, id, (caller, asked), |look, row| look.veiled(&run_view(&look, row)))
}

/// A run as it is, for the eyes of whoever asks.
pub(super) fn looked_at<T>(
    desk: &Desk,
    id: RunId,
    (caller, asked): (&Caller, &Looking),
    show: impl FnOnce(Look<'_>, &store::RunRow) -> Result<T, Refusal>,
) -> Result<T, Refusal> {
    let loaded = live::load(id, desk.reads())?;
    let text = desk.shared().library.text(loaded.run.text(), desk.reads())?;
    let (world, now) = (desk.shared().world(), desk.shared().now());
    let by = asked.name(caller, &world)?;
    let viewer = asked.viewer(&by, caller, &text.name);
    let look = Look { run: &loaded.run, text: &text, world: &world, now, viewer, before: &[] };
    let before = given_before(&look, desk)?;
    show(Look { before: &before, ..look }, &loaded.row)
}

pub(crate) async fn show(
    State(desk): State<Arc<Desk>>,
    caller: Caller,
    Named(name): Named<String>,
    Asked(asked): Asked<Looking>,
) -> Result<Answer<Shown<RunView>>, Refusal> {
    view_for(&desk, &caller, name, asked).await.map(Answer)
}

/// A run as a caller may see it.
pub(crate) async fn view_for(
    desk: &Arc<Desk>,
    caller: &Caller,
    name: String,
    asked: Looking,
) -> Result<Shown<RunView>, Refusal> {
    let caller = caller.clone();
    let view = desk.read(move |desk| {
        let id = run_named(desk, &caller, Role::Viewer, &name)?;
        view_of(desk, id, (&caller, &asked))
    });
    view.await
}

#[derive(Debug, Deserialize, IntoParams)]
pub(crate) struct Patience {
    /// How many seconds at most, up to 60; 25 where nothing is said.
    #[serde(default = "some_patience")]
    seconds: u64,
}

fn some_patience() -> u64 {
    25
}

/// Answers the run when it is over or the time is up, whichever is first.
pub(crate) async fn wait(
    State(desk): State<Arc<Desk>>,
    asker: Asker,
    Named(name): Named<String>,
    Asked(patience): Asked<Patience>,
    Asked(asked): Asked<Looking>,
) -> Result<Answer<Shown<RunView>>, Refusal> {
    let (caller, mut held) = (asker.still(&desk).await?, None);
    let looks = caller.clone();
    let id = desk.read(move |desk| run_named(desk, &looks, Role::Viewer, &name)).await?;
    let end = Instant::now() + Duration::from_secs(patience.seconds.min(60));
    let waiting = desk.ends.wait_for(id);
    let mut closes = desk.closes.clone();
    loop {
        let over = waiting.over();
        let row = desk.read(move |desk| Ok(desk.reads().row(id)?)).await?;
        let is_over = row.is_none_or(|row| !matches!(row.state, RunState::Open | RunState::Closing));
        if is_over || Instant::now() >= end || *closes.borrow() {
            // It is for those eyes that whoever asked has now, and not for those of a minute ago.
            let caller = asker.still(&desk).await?;
            return view_for(&desk, &caller, id.to_string(), asked).await.map(Answer);
        }
        // Each holds a line: one caller must not hold all of them. Nobody but its owner comes over the socket.
        if held.is_none() && caller.who != Some(Who::Owner) {
            held = Some(desk.waits.open(&caller.name()).map_err(|_| Refusal::Busy)?);
        }
        let (over, stopping) = (std::pin::pin!(over), std::pin::pin!(closes.wait_for(|closing| *closing)));
        // Whichever it was, the store is asked again.
        drop(tokio::time::timeout_at(end, select(over, stopping)).await);
    }
}

/// The part of a journal that is wanted, and for whom it is told.
#[derive(Debug, Default, Deserialize, IntoParams)]
pub(crate) struct JournalPart {
    /// How many lines at most, 1 to 500; 50 where nothing is said.
    pub(crate) limit: Option<usize>,
    /// `next` of the page before this one.
    pub(crate) cursor: Option<String>,
    /// Steps are called by their titles in `text`, with their ids behind them in `⟨ ⟩`, and people by their names.
    #[serde(default)]
    pub(crate) titles: bool,
}

pub(crate) async fn journal(
    State(desk): State<Arc<Desk>>,
    caller: Caller,
    Named(name): Named<String>,
    Asked(part): Asked<JournalPart>,
    Asked(asked): Asked<Looking>,
) -> Result<Answer<Shown<Listing<JournalLine>>>, Refusal> {
    let page = PageOf { limit: part.limit, cursor: part.cursor };
    let listing = desk.read(move |desk| {
        let id = run_named(desk, &caller, Role::Viewer, &name)?;
        let after = page.number()?;
        looked_at(desk, id, (&caller, &asked), |look, _| {
            let sight = look.sight();
            let lines = desk.reads().journal(id, after, page.limit() + 1)?;
            let more = lines.len() > page.limit();
            let language = desk.language(asked.lang);
            let upto = lines.last().map_or(after, |line| line.seq);
            let texts = Texts::of(look.run, upto, &desk.shared().library, desk.reads())?;
            let shown = lines.iter().take(page.limit());
            let mut replay = match part.titles {
                true => Replay::upto(id, after, &texts, desk.reads())?,
                false => None,
            };
            let told = shown.map(|line| {
                let (world, own) = (look.world, texts.at(line.seq));
                let eyes = &Eyes::of(&look, own);
                if let Some(replay) = &mut replay {
                    replay.go_on(line);
                }
                let then = |at, round| replay.as_ref()?.title(&look, own, eyes.own(), (at, round));
                let called = |at, round| plain_title(own, eyes.own(), at).or_else(|| then(at, round));
                let titles = Some(&called as Titles<'_>).filter(|_| part.titles);
                journal_line(line, &Teller { text: own, language, eyes, sight: &sight, world, titles })
            });
            let items: Vec<_> = told.collect();
            let next = items.last().filter(|_| more).map(|line| line.seq.to_string());
            look.veiled(&Listing { items, next })
        })
    });
    listing.await.map(Answer)
}

#[derive(Debug, Default, Deserialize, IntoParams)]
pub(crate) struct Tongue {
    /// In which language sentences are: `zh` or `en`.
    #[param(value_type = Option<String>)]
    pub lang: Option<Language>,
}

pub(crate) async fn why(
    State(desk): State<Arc<Desk>>,
    caller: Caller,
    Named(name): Named<String>,
    Asked(asked): Asked<Looking>,
) -> Result<Answer<Shown<WhyView>>, Refusal> {
    let answer = desk.read(move |desk| {
        let id = run_named(desk, &caller, Role::Viewer, &name)?;
        let language = desk.language(asked.lang);
        looked_at(desk, id, (&caller, &asked), |look, row| {
            let reader = Reader { look, language, titles: asked.titles, reads: desk.reads() };
            reader.look.veiled(&WhyView {
                id: id.to_string(),
                state: crate::view::word_of(&row.state),
                sentences: reader.sentences(),
            })
        })
    });
    answer.await.map(Answer)
}

#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct Cancel {
    pub(crate) reason: Option<String>,
    /// Of an operator that is no person: in whose name.
    pub(crate) by: Option<String>,
}

pub(crate) async fn cancel(
    State(desk): State<Arc<Desk>>,
    caller: Caller,
    Named(name): Named<String>,
    Given(given): Given<Cancel>,
) -> Result<Answer<Shown<RunView>>, Refusal> {
    let by = caller.acting(given.by.as_deref(), &desk.shared().world())?.into();
    let looks = caller.clone();
    let reason = given.reason.unwrap_or_else(|| "cancelled by hand".to_owned()).into();
    let found = desk.read(move |desk| {
        let id = run_named(desk, &caller, Role::Operator, &name)?;
        Ok((id, of_run(desk, id)))
    });
    let (id, before) = found.await?;
    // Opening 0: the one that is there now.
    desk.engine.act(id, Event::Cancelled { opening: 0, by, reason }).await?;
    desk.read(move |desk| changed(desk, id, &looks, before)).await.map(Answer)
}

/// The run as it is now, which the audit tells too.
fn changed(desk: &Desk, id: RunId, caller: &Caller, before: Standing) -> Result<Shown<RunView>, Refusal> {
    caller.noted.case(id);
    caller.noted.changed("run", before, of_run(desk, id));
    view_of(desk, id, (caller, &Looking::default()))
}

#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct RetryFrom {
    /// The step to begin again from; none: where it failed.
    pub(crate) from: Option<String>,
    pub(crate) by: Option<String>,
}

pub(crate) async fn retry(
    State(desk): State<Arc<Desk>>,
    caller: Caller,
    Named(name): Named<String>,
    Given(given): Given<RetryFrom>,
) -> Result<Answer<Shown<RunView>>, Refusal> {
    let by = caller.acting(given.by.as_deref(), &desk.shared().world())?.into();
    let looks = caller.clone();
    let (id, from, before) = desk
        .read(move |desk| {
            let id = run_named(desk, &caller, Role::Operator, &name)?;
            let before = of_run(desk, id);
            let Some(step) = given.from else { return Ok((id, None, before)) };
            let row = desk.reads().row(id)?.ok_or(Refusal::NoSuch { kind: "run", name })?;
            let text = desk.shared().library.text(&row.text, desk.reads())?;
            match text.step_named(&step) {
                Some(no) => Ok((id, Some(no), before)),
                None => Err(Refusal::NoSuch { kind: "step", name: step }),
            }
        })
        .await?;
    desk.engine.act(id, Event::Retried { opening: 0, by, from }).await?;
    // What it did, though by now it may have failed again.
    looks.noted.case(id);
    looks.noted.changed("run", before, standing([("state", Some("open".into()))]));
    desk.read(move |desk| view_of(desk, id, (&looks, &Looking::default()))).await.map(Answer)
}

#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct Migrate {
    /// The whole hash of a text of the run's workflow; without it the one in force.
    to: Option<String>,
    /// Says what would come of it, and does nothing.
    #[serde(default)]
    dry_run: bool,
    by: Option<String>,
}

/// Lets an open run go on under another text of its workflow, or says what stands in the way.
pub(crate) async fn migrate(
    State(desk): State<Arc<Desk>>,
    caller: Caller,
    Named(name): Named<String>,
    Given(given): Given<Migrate>,
) -> Result<Answer<MigrationView>, Refusal> {
    let by: Arc<str> = caller.acting(given.by.as_deref(), &desk.shared().world())?.into();
    let tried = by.clone();
    let (to, dry_run, noted) = (given.to, given.dry_run, caller.noted.clone());
    let trying = desk.read(move |desk| {
        let id = run_named(desk, &caller, Role::Operator, &name)?;
        try_migration(desk, id, to.as_deref(), &tried)
    });
    let (view, to) = trying.await?;
    if dry_run || view.same || !view.in_the_way.is_empty() {
        return Ok(Answer(view));
    }
    let id = view.id.parse().map_err(|_| Refusal::Unreadable(view.id.clone()))?;
    desk.engine.act(id, Event::Migrated { to, by }).await?;
    noted.case(id);
    let text = |hash: &str| standing([("version", Some(hash.into()))]);
    noted.changed("run", text(&view.from), text(&view.to));
    Ok(Answer(MigrationView { done: true, ..view }))
}

/// Looks what would come of it, on a copy.
fn try_migration(
    desk: &Desk,
    id: RunId,
    to: Option<&str>,
    by: &Arc<str>,
) -> Result<(MigrationView, TextHash), Refusal> {
    let loaded = live::load(id, desk.reads())?;
    let mut run = loaded.run;
    let (library, world) = (&desk.shared().library, desk.shared().world());
    let from = library.text(run.text(), desk.reads())?;
    let target = match to {
        None | Some("latest") => {
            let name = run.started.workflow.to_string();
            library.current(&name).ok_or(Refusal::NoSuch { kind: "workflow", name })?
        }
        Some(hash) => {
            let found = match library.text(&TextHash(hash.into()), desk.reads()) {
                Err(TextError::Missing(_)) => None,
                found => Some(found?).filter(|text| text.name == run.started.workflow),
            };
            found.ok_or_else(|| Refusal::NoSuch { kind: "text", name: hash.to_owned() })?
        }
    };
    let now = Now { world: &world, at: desk.shared().now(), room: 0 };
    let (hash, same) = (target.hash.clone(), target.hash == *run.text());
    let mut view = MigrationView {
        id: run.id.to_string(),
        from: run.text().to_string(),
        to: hash.to_string(),
        same,
        done: false,
        in_the_way: vec![],
    };
    if !same {
        match run::migrate::migrate(&mut run, &from, &target, &now, by) {
            Ok(_) => {}
            Err(RunRefusal::DoesNotMap(why)) => view.in_the_way = why,
            Err(other) => return Err(other.into()),
        }
    }
    Ok((view, hash))
}
