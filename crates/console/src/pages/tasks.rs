//! *My tasks*: the list, and a task with its form, its case so far, and what can be done with it.

mod acts;
mod past;
pub(super) mod settling;

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};
use serde::Deserialize;
use yizhan_workflow::people::bare;
use yizhan_workflow::plan::Workflow;
use yizhan_workflow::problem::{Lang, reason};
use yizhan_workflow::run::event::{Event, Raw};

pub(crate) use acts::{claim, comment, extend, hand_over, release};
pub(crate) use settling::settle;

use super::clock;
use super::fields::{self, Shown};
use super::given::{self, Given};
use super::kept;
use super::shell::{Place, Reader, following, page};
use super::typed::Typed;
use super::{console, refused, spoken};
use crate::api::files::sized_said;
use crate::api::mine::{Mine, OfCase, mine};
use crate::api::past::{OwnAnswer, answers, past};
use crate::api::{Looking, drafts, tasks as api};
use crate::body::{Asked, Form, Named};
use crate::caller::Caller;
use crate::desk::Desk;
use crate::refusal::Refusal;
use crate::view::{GuessView, TaskRow, TaskView};
use crate::words::{Text, catalogue as t, say, say_with};

/// How an act came in, for the journal.
const VIA: &str = "console";
const SHOWN: usize = 200;

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Filter {
    text: String,
    /// A word of `KINDS`.
    only: String,
    workflow: String,
    /// The place behind which the page begins.
    after: String,
    done: String,
    /// Tasks that somebody else had taken meanwhile.
    missed: usize,
}

/// Which of them are shown.
const KINDS: [(&str, Text); 5] = [
    ("", t::ALL_TASKS),
    ("mine", t::TAKEN_BY_ME),
    ("free", t::FREE_TO_TAKE),
    ("late", t::STATE_LATE),
    (ANSWERED, t::ANSWERED_BY_ME),
];
/// Those that are over, and were answered by whoever looks.
const ANSWERED: &str = "answered";

impl Filter {
    fn is_any(&self) -> bool {
        !(self.text.trim().is_empty() && self.only.is_empty() && self.workflow.is_empty())
    }

    /// The address of the page behind a place.
    fn after(&self, place: &str) -> String {
        let all =
            [("text", &*self.text), ("only", &self.only), ("workflow", &self.workflow), ("after", place)];
        let said = all.into_iter().filter(|(_, value)| !value.is_empty());
        format!("/tasks?{}", form_urlencoded::Serializer::new(String::new()).extend_pairs(said).finish())
    }

    fn fits(&self, row: &TaskRow, person: Option<&str>) -> bool {
        let text = self.text.trim().to_lowercase();
        let kind = match self.only.as_str() {
            "mine" => row.claimed_by.as_deref().map(bare) == person && row.claimed_by.is_some(),
            "free" => is_free(row),
            "late" => row.late,
            _ => true,
        };
        kind && (self.workflow.is_empty() || self.workflow == row.workflow)
            && (text.is_empty() || row.title.to_lowercase().contains(&text))
    }
}

/// Nobody has taken it yet, and others than one person may.
fn is_free(row: &TaskRow) -> bool {
    let all = row.who.iter().any(|who| !who.starts_with("person:"));
    row.claimed_by.is_none() && (all || row.who.len() > 1)
}

pub(crate) async fn list(
    State(desk): State<Arc<Desk>>,
    caller: Caller,
    headers: HeaderMap,
    Asked(filter): Asked<Filter>,
) -> Response {
    let lang = spoken(&desk, &headers);
    if !KINDS.iter().any(|(kind, _)| *kind == filter.only) {
        return refused(&Refusal::Address(format!("`{}` is no kind of task", filter.only)), lang);
    }
    if filter.only == ANSWERED {
        return answered(&desk, &caller, lang, &filter).await;
    }
    let (own, person) = (filter.clone(), caller.person().map(str::to_owned));
    let fits = move |row: &TaskRow| own.fits(row, person.as_deref());
    let mine = match mine(&desk, &caller, (&filter.after, SHOWN), !filter.text.trim().is_empty(), fits).await
    {
        Ok(mine) => mine,
        Err(refusal) => return refused(&refusal, lang),
    };
    let world = desk.shared().world();
    let reader = Reader::new(&desk, lang, &caller, &world);
    let all = desk.shared().library.workflows();
    let title = |name: &String| {
        let text = all.get(name.as_str()).and_then(|entry| entry.workflow.as_ref());
        (name.clone(), text.map_or_else(|| name.clone(), |text| text.title.clone()))
    };
    let workflows: Vec<(String, String)> = mine.workflows.iter().map(title).collect();
    console(
        StatusCode::OK,
        following(
            &reader,
            Place::Tasks,
            (say(lang, t::MY_TASKS), Some("/api/v1/events?only=tasks")),
            &listed(&reader, &mine, &workflows, &filter),
        ),
    )
}

fn listed(reader: &Reader<'_>, mine: &Mine, workflows: &[(String, String)], filter: &Filter) -> Markup {
    let lang = reader.lang;
    let free = reader.caller.person().is_some() && mine.shown.iter().any(|row| is_free(&row.task));
    html! {
        div.head {
            h1 { (say(lang, t::MY_TASKS)) }
            p #count .count data-live { (mine.count) @if mine.is_part { "+" } @if mine.late > 0 { " · " span.late { (mine.late) (say(lang, t::COUNT_LATE)) } } }
        }
        (search(reader, workflows, filter))
        @match &*filter.done {
            "" => {}
            "before" => div.notice.good role="status" { p { (say(lang, t::BEFORE_ALREADY)) } },
            _ => div.notice.good role="status" { p { (say(lang, t::DONE_NOW)) } },
        }
        @if filter.missed > 0 { div.notice.bad role="alert" { p { (say_with(lang, t::TAKEN_MEANWHILE, &[&filter.missed.to_string()])) } } }
        div #tasks data-live { @if mine.shown.is_empty() {
            p.empty { (say(lang, if filter.is_any() { t::NO_CASES } else { t::NO_TASKS })) }
        } @else {
            form method="post" action="/tasks/claim" {
                div.wide { table.rows {
                    thead { tr {
                        @if free { th.tick-cell { span.hidden { (say(lang, t::I_TAKE_IT)) } } }
                        th { (say(lang, t::TASK)) } th { (say(lang, t::CASE)) } th { (say(lang, t::DUE)) } th { (say(lang, t::WHOSE)) } th { (say(lang, t::SINCE)) }
                    } }
                    tbody { @for row in &mine.shown { (line(reader, row, free)) } }
                } }
                @if free { button type="submit" { (say(lang, t::TAKE_TICKED)) } }
            }
            @if let Some(next) = &mine.next { p.pages { a href=(filter.after(next)) rel="next" { (say(lang, t::NEXT_PAGE)) } } }
        } }
    }
}

/// What whoever looks answered.
async fn answered(desk: &Arc<Desk>, caller: &Caller, lang: Lang, filter: &Filter) -> Response {
    let (text, workflow) = (filter.text.trim().to_lowercase(), filter.workflow.clone());
    let fits = move |one: &OwnAnswer| {
        (workflow.is_empty() || *workflow == *one.workflow) && one.title.to_lowercase().contains(&text)
    };
    match answers(desk, caller, (&filter.after, SHOWN), fits).await {
        Ok((all, next)) => {
            let world = desk.shared().world();
            let reader = Reader::new(desk, lang, caller, &world);
            let content = html! {
                div.head { h1 { (say(lang, t::MY_TASKS)) } p.count { (say(lang, t::ANSWERED_BY_ME)) } }
                (search(&reader, &[], filter))
                (past::rows(&reader, &all))
                @if let Some(next) = &next { p.pages { a href=(filter.after(next)) rel="next" { (say(lang, t::FURTHER_BACK)) } } }
            };
            console(StatusCode::OK, page(&reader, Place::Tasks, say(lang, t::MY_TASKS), &content))
        }
        Err(refusal) => refused(&refusal, lang),
    }
}

fn search(reader: &Reader<'_>, workflows: &[(String, String)], filter: &Filter) -> Markup {
    let lang = reader.lang;
    html! {
        form.filters method="get" role="search" {
            label { span { (say(lang, t::FIND_BY_TITLE)) } input type="search" name="text" value=(filter.text); }
            label { span { (say(lang, t::WHICH)) }
                select name="only" { @for (kind, text) in KINDS { option value=(kind) selected[kind == filter.only] { (say(lang, text)) } } }
            }
            @if workflows.len() > 1 {
                label { span { (say(lang, t::WORKFLOW)) }
                    select name="workflow" {
                        option value="" { (say(lang, t::ANY_WORKFLOW)) }
                        @for (name, title) in workflows { option value=(name) selected[*name == filter.workflow] { (title) } }
                    }
                }
            }
            button.plain type="submit" { (say(lang, t::FIND)) }
        }
    }
}

fn line(reader: &Reader<'_>, OfCase { task: row, case }: &OfCase, ticks: bool) -> Markup {
    let lang = reader.lang;
    html! {
        tr id=(row.id) {
            @if ticks {
                td.tick-cell { @if is_free(row) { input type="checkbox" name="task" value=(row.id) aria-label={ (say(lang, t::I_TAKE_IT)) ": " (row.title) }; } }
            }
            td data-label=(say(lang, t::TASK)) { a href={ "/tasks/" (row.id) } { (row.title) } }
            td data-label=(say(lang, t::CASE)) { a.soft href={ "/runs/" (row.run) } { (case) } }
            td data-label=(say(lang, t::DUE)) { (due(reader, row)) }
            td data-label=(say(lang, t::WHOSE)) { (whose(reader, row)) }
            td.soft data-label=(say(lang, t::SINCE)) { (reader.time(&row.opened)) }
        }
    }
}

/// That its due time is a guess.
fn doubt(lang: Lang, view: &TaskView) -> Markup {
    let guess = view.clock.as_ref().and_then(|clock| clock.guess.as_ref());
    html! {
        @if let Some(GuessView { calendar, year }) = guess {
            (say_with(lang, t::DUE_IS_A_GUESS, &[&format!("{calendar} {year}")]))
        }
    }
}

/// Takes all that are ticked. What somebody else took meanwhile, or is nobody's of ours any more, is counted and said; any other
/// reason is told as it is, and the rest stays where it was.
pub(crate) async fn claim_all(
    State(desk): State<Arc<Desk>>,
    caller: Caller,
    headers: HeaderMap,
    form: Form,
) -> Response {
    let by = match by(&desk, &caller) {
        Ok(by) => by,
        Err(refusal) => return refused(&refusal, spoken(&desk, &headers)),
    };
    let mut missed = 0;
    for name in form.all("task") {
        let by = by.clone();
        let taken =
            api::act(&desk, &caller, name.to_owned(), |of| Event::Claimed { of, by, via: VIA.into() });
        match taken.await.map_err(|refusal| (refusal.status(), refusal)) {
            Ok(_) => {}
            Err((StatusCode::NOT_FOUND | StatusCode::CONFLICT | StatusCode::FORBIDDEN, _)) => missed += 1,
            Err((_, refusal)) => return refused(&refusal, spoken(&desk, &headers)),
        }
    }
    let to = if missed == 0 { "/tasks?only=mine".to_owned() } else { format!("/tasks?missed={missed}") };
    Redirect::to(&to).into_response()
}

fn due(reader: &Reader<'_>, row: &TaskRow) -> Markup {
    html! {
        @match &row.due {
            Some(due) if row.late => span.late { (say(reader.lang, t::LATE_SINCE)) (reader.time(due)) },
            Some(due) => (reader.time(due)),
            None => span.soft { "—" },
        }
    }
}

fn whose(reader: &Reader<'_>, row: &TaskRow) -> Markup {
    let all: Vec<String> = row.who.iter().map(|who| reader.who(who)).collect();
    html! {
        @match &row.claimed_by {
            Some(by) => span.taken { (reader.who(by)) },
            None => (all.join(say(reader.lang, t::LIST_COMMA))),
        }
    }
}

pub(crate) async fn show(
    State(desk): State<Arc<Desk>>,
    caller: Caller,
    headers: HeaderMap,
    Named(name): Named<String>,
) -> Response {
    let lang = spoken(&desk, &headers);
    shown(&desk, &caller, lang, &name, &Sheet::default()).await
}

/// The task as the caller may see it.
async fn seen(desk: &Arc<Desk>, caller: &Caller, name: &str) -> Result<TaskView, Refusal> {
    let view = api::view_for(desk, caller, name.to_owned(), Looking::default()).await?;
    serde_json::from_str(view.get()).map_err(|error| Refusal::bug("a task's view cannot be read", &error))
}

/// The text that a run goes by: what its values are called.
fn text_of(desk: &Desk, run: &str) -> Result<Arc<Workflow>, Refusal> {
    let no_such = || Refusal::NoSuch { kind: "run", name: run.to_owned() };
    let row = desk.reads().row(run.parse().map_err(|_| no_such())?)?.ok_or_else(no_such)?;
    Ok(desk.shared().library.text(&row.text, desk.reads())?)
}

/// What was sent and not taken.
#[derive(Default)]
struct Sheet {
    status: StatusCode,
    given: Given,
    faults: Vec<(String, String)>,
    said: Option<String>,
    typed: Typed,
    /// It came back from the door, and was not looked at.
    back: bool,
}

impl Sheet {
    /// Nothing was sent yet.
    fn is_new(&self) -> bool {
        self.given.is_nothing() && self.faults.is_empty() && self.said.is_none()
    }
}

async fn shown(desk: &Arc<Desk>, caller: &Caller, lang: Lang, name: &str, sheet: &Sheet) -> Response {
    let view = async {
        let view = seen(desk, caller, name).await?;
        let run = view.case.run.clone();
        let text = desk.read(move |desk| text_of(desk, &run)).await?;
        Ok((fields::of(&view.form)?, view, text))
    };
    let view: Result<_, Refusal> = view.await;
    let world = desk.shared().world();
    let reader = Reader::new(desk, lang, caller, &world);
    match view {
        Ok((fields, view, text)) => {
            let content = task(&reader, (&view, &text), &fields, sheet);
            // What was refused is said on a page that cannot be asked for again.
            let watch = sheet.is_new().then(|| format!("/api/v1/events?task={}", view.row.id));
            let title = (&*view.row.title, watch.as_deref());
            console(sheet.status, following(&reader, Place::Tasks, title, &content))
        }
        Err(refusal @ Refusal::NoSuch { .. }) => over(desk, &reader, (name, &refusal), sheet).await,
        Err(refusal) => refused(&refusal, lang),
    }
}

/// Of a task that is over, what became of it; whoever may not know is told that it is not there.
async fn over(
    desk: &Arc<Desk>,
    reader: &Reader<'_>,
    (name, refusal): (&str, &Refusal),
    sheet: &Sheet,
) -> Response {
    match past(desk, reader.caller, name).await {
        Ok(Some(past)) => {
            let status = if sheet.is_new() { StatusCode::OK } else { StatusCode::CONFLICT };
            let content = past::content(reader, &past, sheet.said.as_deref());
            console(status, page(reader, Place::Tasks, &past.title, &content))
        }
        Ok(None) => refused(refusal, reader.lang),
        Err(refusal) => refused(&refusal, reader.lang),
    }
}

fn task(
    reader: &Reader<'_>,
    (view, text): (&TaskView, &Workflow),
    fields: &[Shown],
    sheet: &Sheet,
) -> Markup {
    let lang = reader.lang;
    html! {
        p.crumbs { a href="/tasks" { (say(lang, t::MY_TASKS)) } " › " (view.case.title) @if let Some(key) = &view.case.key { " · " (key) } }
        h1 { (view.row.title) }
        div #standing data-live { (standing(reader, view)) }
        @if sheet.back { (kept::unsent(lang)) }
        @if let Some(said) = &sheet.said { div.notice.bad role="alert" { p { (said) } } }
        div.split {
            section.work aria-label=(say(lang, t::WHAT_IS_ASKED)) {
                div #asked data-live[sheet.is_new()] { (asked(reader, view, fields, sheet)) }
                div #acts data-live[sheet.is_new()] { (acts::offered(reader, view, &sheet.typed)) }
            }
            section.story aria-label=(say(lang, t::THE_CASE_SO_FAR)) { div #story data-live { (story(reader, view, text)) } }
        }
    }
}

/// Until when it is asked, of whom, and whether somebody else is at it.
fn standing(reader: &Reader<'_>, view: &TaskView) -> Markup {
    let (lang, own) = (reader.lang, reader.caller.person());
    let other = view.row.claimed_by.as_deref().filter(|by| own.is_some_and(|own| own != bare(by)));
    html! {
        p.due.late[view.row.late] { (say(lang, t::DUE_BEFORE)) (due(reader, &view.row)) (doubt(lang, view)) " · " (whose(reader, &view.row)) }
        @if let Some(by) = other { div.notice role="status" { p { (say_with(lang, t::TAKEN_BY, &[&reader.who(by)])) } } }
    }
}

/// The form, or the choices that its owner has.
fn asked(reader: &Reader<'_>, view: &TaskView, fields: &[Shown], sheet: &Sheet) -> Markup {
    let lang = reader.lang;
    let files = fields::takes_files(fields);
    let answer = format!("/tasks/{}/answer", view.row.id);
    let kept = view.draft.as_ref().map(|draft| Given::of(draft.fields.text())).unwrap_or_default();
    let given = if sheet.given.is_nothing() { &kept } else { &sheet.given };
    html! {
        @if let Some(draft) = view.draft.as_ref().filter(|_| sheet.given.is_nothing()) {
            p.hint { (say(lang, t::DRAFT_OF)) (reader.time(&draft.at)) }
        }
        @if let Some(evidence) = &view.evidence {
            div.notice.bad { p { strong { (evidence.code) } " " (reason(&evidence.code, &evidence.message, lang)) } }
        }
        @if view.answers.iter().any(|answer| answer == "answer") {
            form method="post" action=(answer) enctype=[files.then_some("multipart/form-data")] {
                @if !sheet.faults.is_empty() {
                    div.notice.bad role="alert" {
                        p { (say(lang, t::NOTHING_SENT_YET)) }
                        @if sheet.given.has_files() { p data-files-again { (say(lang, t::CHOOSE_FILES_AGAIN)) } }
                    }
                }
                (fields::asked(fields, None, &sheet.faults, given, lang))
                div.buttons {
                    button type="submit" { (say(lang, t::SEND)) }
                    button.plain type="submit" formaction={ "/tasks/" (view.row.id) "/draft" } formnovalidate {
                        (say(lang, t::KEEP_IT_FOR_LATER))
                    }
                }
                noscript { p.hint { (say(lang, t::KEEP_IT_FIRST)) } }
            }
        } @else {
            (settling::asked(reader, view, (&sheet.typed, false)))
        }
    }
}

fn story(reader: &Reader<'_>, view: &TaskView, text: &Workflow) -> Markup {
    let lang = reader.lang;
    html! {
        h2 { (say(lang, t::THE_CASE)) }
        dl {
            @for (label, value) in fields::brought(view.case.input.text(), Some(&text.input), reader) { dt { (label) } dd { (value) } }
        }
        @if let Some(stood) = &view.clock { (clock::ledger(reader, stood)) }
        @if !view.case.story.is_empty() {
            h2 { (say(lang, t::SO_FAR)) }
            ol.timeline {
                @for past in &view.case.story {
                    li {
                        strong { (past.title) }
                        p.soft {
                            @if let Some(by) = &past.by { (reader.who(by)) " · " }
                            @if let Some(ended) = &past.ended { (reader.time(ended)) }
                        }
                        // What a mail or a call answered says nothing to whoever works on the case.
                        @if let Some((output, form)) = past.output.as_ref().zip(fields::asked_by(text, &past.step)) {
                            dl { @for (label, value) in fields::brought(output.text(), Some(form), reader) { dt { (label) } dd { (value) } } }
                        }
                    }
                }
            }
        }
        @if !view.comments.is_empty() {
            h2 { (say(lang, t::COMMENTS)) }
            ul.comments { @for said in &view.comments {
                li { p.soft { (reader.who(&said.by)) " · " (reader.time(&said.at)) } p { (said.text) } }
            } }
        }
    }
}

/// Who acts, as the journal has them.
fn by(desk: &Desk, caller: &Caller) -> Result<Arc<str>, Refusal> {
    Ok(caller.acting(None, &desk.shared().world())?.into())
}

pub(crate) async fn answer(
    State(desk): State<Arc<Desk>>,
    caller: Caller,
    Named(name): Named<String>,
    request: Request,
) -> Response {
    let lang = spoken(&desk, request.headers());
    let mut sheet = Sheet::default();
    match take(&desk, &caller, (&name, request), &mut sheet).await {
        Ok(Some(done)) => return done.into_response(),
        Ok(None) => {}
        Err(Refusal::Fields(faults)) => {
            sheet.faults = faults.iter().map(|fault| (fault.field.clone(), fault.sentence(lang))).collect();
            sheet.status = StatusCode::UNPROCESSABLE_ENTITY;
        }
        // It arrived, and whoever sent it did not hear so.
        Err(_) if api::answered_by(&desk, &caller, &name).await => {
            return Redirect::to("/tasks?done=before").into_response();
        }
        Err(refusal) => {
            sheet.said = Some(super::sentence(&refusal, lang, &desk.shared().world().people));
            sheet.status = refusal.status();
        }
    }
    shown(&desk, &caller, lang, &name, &sheet).await
}

/// Sends the answer, or leaves on the sheet what is shown once more.
async fn take(
    desk: &Arc<Desk>,
    caller: &Caller,
    (name, request): (&str, Request),
    sheet: &mut Sheet,
) -> Result<Option<Redirect>, Refusal> {
    let answer = filled_in(desk, caller, (name, request), &mut sheet.given).await?;
    if kept::is_looked_at(&sheet.given) {
        sheet.back = true;
        return Ok(None);
    }
    let by = by(desk, caller)?;
    let event = |of| Event::Answered { of, by, via: VIA.into(), fields: answer };
    api::act(desk, caller, name.to_owned(), event).await?;
    Ok(Some(Redirect::to("/tasks?done=1")))
}

/// What a task's form sends, its files kept, and the answer that it makes.
async fn filled_in(
    desk: &Arc<Desk>,
    caller: &Caller,
    (name, request): (&str, Request),
    given: &mut Given,
) -> Result<Raw, Refusal> {
    let fields = fields::of(&seen(desk, caller, name).await?.form)?;
    *given = given::read(desk, &caller.name(), request, fields::takes_files(&fields)).await?;
    given::keep(desk, &caller.name(), given).await?;
    sized_said(desk, caller, name, Raw::from(&fields::answer(&fields, None, given))).await
}

/// Keeps what is filled in, for whoever filled it in alone.
pub(crate) async fn draft(
    State(desk): State<Arc<Desk>>,
    caller: Caller,
    Named(name): Named<String>,
    request: Request,
) -> Response {
    let lang = spoken(&desk, request.headers());
    let kept = async {
        let draft = filled_in(&desk, &caller, (&name, request), &mut Given::default()).await?;
        drafts::keep(&desk, caller.clone(), by(&desk, &caller)?, name.clone(), draft).await
    };
    match kept.await {
        Ok(_) => Redirect::to(&format!("/tasks/{name}")).into_response(),
        Err(refusal) => refused(&refusal, lang),
    }
}
