//! What a case would do and by when, without anything being done: a form, and the walk that comes of it.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use jiff::Timestamp;
use maud::{Markup, html};
use yizhan_engine::rehearsal::{Dated, Rehearsal, Told, What};
use yizhan_workflow::id::Millis;
use yizhan_workflow::people::rights::Role;
use yizhan_workflow::plan::Workflow;
use yizhan_workflow::problem::{Lang, reason, sort_word};
use yizhan_workflow::run::names;

use super::super::fields::{self, Shown};
use super::super::given::{self, Given};
use super::super::runs::state_word;
use super::super::shell::{Place, Reader, page, weekday};
use super::super::{console, refused, sentence, spoken};
use super::answers;
use crate::api::runs::current;
use crate::api::trial::{self, Walk, Walked};
use crate::body::Named;
use crate::caller::Caller;
use crate::desk::Desk;
use crate::refusal::Refusal;
use crate::view::FormView;
use crate::words::{Text, catalogue as t, say, say_with};

/// When the case begins, and whether each task takes all of its time.
const AT: &str = "at";
const LATE: &str = "late";

#[derive(Default)]
struct Sheet {
    status: StatusCode,
    given: Given,
    faults: Vec<(String, String)>,
    said: Option<String>,
    walked: Option<Walked>,
}

fn asked(desk: &Desk, caller: &Caller, name: &str) -> Result<(Arc<Workflow>, Vec<Shown>), Refusal> {
    caller.must(Role::Viewer, name)?;
    let text = current(desk, name)?;
    let (world, now) = (desk.shared().world(), desk.shared().now());
    let seen = names::before_start(&text, &world, now, None, None);
    let fields = fields::of(&FormView::of(&text.input, None, &seen)?)?;
    Ok((text, fields))
}

pub(crate) async fn ask(
    State(desk): State<Arc<Desk>>,
    caller: Caller,
    headers: HeaderMap,
    Named(name): Named<String>,
) -> Response {
    shown(&desk, &caller, &headers, (&name, &Sheet::default()))
}

fn shown(desk: &Arc<Desk>, caller: &Caller, headers: &HeaderMap, (name, sheet): (&str, &Sheet)) -> Response {
    let lang = spoken(desk, headers);
    match asked(desk, caller, name) {
        Ok((text, fields)) => {
            let world = desk.shared().world();
            let reader = Reader::new(desk, lang, caller, &world);
            let content = content(&reader, &text, &fields, sheet);
            console(sheet.status, page(&reader, Place::Workflows, &text.title, &content))
        }
        Err(refusal) => refused(&refusal, lang),
    }
}

pub(crate) async fn walk(
    State(desk): State<Arc<Desk>>,
    caller: Caller,
    headers: HeaderMap,
    Named(name): Named<String>,
    request: Request,
) -> Response {
    let lang = spoken(&desk, &headers);
    let mut sheet = Sheet::default();
    match walked(&desk, &caller, &name, request, &mut sheet).await {
        Ok(walked) => sheet.walked = Some(walked),
        Err(Refusal::Fields(faults)) => {
            sheet.faults = faults.iter().map(|fault| (fault.field.clone(), fault.sentence(lang))).collect();
            sheet.status = StatusCode::UNPROCESSABLE_ENTITY;
        }
        Err(refusal) => {
            sheet.status = refusal.status();
            sheet.said = Some(sentence(&refusal, lang, &desk.shared().world().people));
        }
    }
    shown(&desk, &caller, &headers, (&name, &sheet))
}

async fn walked(
    desk: &Arc<Desk>,
    caller: &Caller,
    name: &str,
    request: Request,
    sheet: &mut Sheet,
) -> Result<Walked, Refusal> {
    let (text, fields) = asked(desk, caller, name)?;
    let headers = request.headers().clone();
    sheet.given = given::read(desk, &caller.name(), request, false).await?;
    let input = fields::answer(&fields, None, &sheet.given).to_string();
    let lang = spoken(desk, &headers);
    let (of, takes) = answers::chosen(&text, &sheet.given);
    let at = sheet.given.text(AT).map(str::to_owned);
    let late = sheet.given.text(LATE).is_some();
    trial::walked(desk, caller, text, Walk { input, at, late, of, takes, lang }).await
}

fn content(reader: &Reader<'_>, text: &Workflow, all: &[Shown], sheet: &Sheet) -> Markup {
    let lang = reader.lang;
    html! {
        p.crumbs { a href="/workflows" { (say(lang, t::WORKFLOWS)) } " › " a href={ "/workflows/" (text.name) } { (text.title) } " › " (say(lang, t::TRY_IT)) }
        h1 { (say(lang, t::TRY_IT)) ": " (text.title) }
        p.soft { (say(lang, t::NOTHING_HAPPENS)) }
        @if let Some(said) = &sheet.said { div.notice.bad role="alert" { p { (said) } } }
        @if !sheet.faults.is_empty() { div.notice.bad role="alert" { p { (say(lang, t::NOTHING_SENT_YET)) } } }
        div.split {
            form.sheet method="post" {
                div.field { label for=(AT) { (say(lang, t::BEGINS_AT)) span.hint { (say(lang, t::MAY_BE_LEFT_EMPTY)) } }
                    input type="datetime-local" id=(AT) name=(AT) value=(sheet.given.text(AT).unwrap_or_default());
                }
                label.pick { input type="checkbox" name=(LATE) value="yes" checked[sheet.given.text(LATE).is_some()]; span { (say(lang, t::EACH_AT_ITS_LAST)) } }
                (fields::asked(all, None, &sheet.faults, &sheet.given, lang))
                (answers::asked(text, &sheet.given, lang))
                button type="submit" { (say(lang, t::TRY_IT)) }
            }
            section.story aria-live="polite" { @if let Some(walked) = &sheet.walked { (course(reader, &walked.rehearsal)) } }
        }
        @if let Some(walked) = &sheet.walked { section { (calendar(lang, &walked.dates)) } }
    }
}

fn course(reader: &Reader<'_>, walked: &Rehearsal) -> Markup {
    let lang = reader.lang;
    html! {
        h2 { (say(lang, t::WHAT_WOULD_HAPPEN)) }
        ol.timeline {
            @for told in &walked.told { li {
                @if !told.within.is_empty() { span.soft { (told.within) " › " } }
                strong { (told.title) } @if told.round > 1 { " " span.soft { (say_with(lang, t::ROUND, &[&told.round.to_string()])) } }
                p.soft { (time(reader, told.at)) }
                @for line in lines(reader, told) { p { (line) } }
            } }
            li {
                @match &walked.stopped {
                    Some(why) => strong { (say(lang, t::NO_FURTHER)) (stopped(why, lang)) },
                    None => { strong { (say(lang, state_word(walked.end.state))) } " " (walked.end.outcome.as_deref().unwrap_or_default()) p.soft { (time(reader, walked.end.at)) } },
                }
            }
        }
    }
}

/// Its dates, with their working days: what hangs on the calendar is seen here.
fn calendar(lang: Lang, dates: &[Dated]) -> Markup {
    let head = |text| say(lang, text);
    html! {
        h2 { (head(t::ITS_DATES)) }
        div.wide { table.rows #dates {
            thead { tr { th { (head(t::WHEN_IT_IS)) } th { (head(t::WORKDAY_NO)) } th { (head(t::WHAT_COMES)) } th { (head(t::WHICH_STEP)) } } }
            tbody { @for date in dates { tr {
                td data-label=(head(t::WHEN_IT_IS)) { (date.local) " " (weekday(date.weekday, lang)) @for said in of_day(lang, date) { " " span.soft { (said) } } }
                td data-label=(head(t::WORKDAY_NO)) { (date.workdays) }
                td data-label=(head(t::WHAT_COMES)) { (head(date_word(date.what))) }
                td data-label=(head(t::WHICH_STEP)) { (date.title) @if !date.step.is_empty() { " " code.soft { (date.step) } } }
            } } }
        } }
    }
}

/// What the calendar says of the day.
fn of_day(lang: Lang, date: &Dated) -> Vec<String> {
    let off = date.off.then(|| say(lang, t::DAY_OFF).to_owned());
    let guess = date.guess.then(|| say(lang, t::YEAR_UNKNOWN).to_owned());
    date.day.clone().or(off).into_iter().chain(guess).collect()
}

fn date_word(what: &str) -> Text {
    match what {
        "begins" => t::BEGINS,
        "due" => t::DUE,
        "wait" => t::WAITS_UNTIL,
        "comes" => t::HAS_COME,
        "late" => t::STATE_LATE,
        "reminds" => t::REMINDS,
        "tells" => t::TELLS,
        "reassigns" => t::REASSIGNS,
        "decides" => t::DECIDES,
        "acts" => t::SETS_OFF,
        "ends" => t::ENDS_THEN,
        _ => t::BY_SCHEDULE,
    }
}

/// Why a walk goes no further.
fn stopped(why: &str, lang: Lang) -> String {
    if lang == Lang::Zh { sort_word(why, lang) } else { why.to_owned() }
}

fn time(reader: &Reader<'_>, at: Millis) -> String {
    let at = at.timestamp().unwrap_or(Timestamp::UNIX_EPOCH);
    reader.day(at)
}

fn lines(reader: &Reader<'_>, told: &Told) -> Vec<String> {
    let lang = reader.lang;
    let with = |text, with: &[&str]| vec![say_with(lang, text, with)];
    let value = |value| fields::told(value, lang);
    match &told.what {
        What::Call { action, with: given, undo } => {
            let text = if *undo { t::WOULD_TAKE_BACK } else { t::WOULD_CALL };
            vec![say_with(lang, text, &[action]), value(given)]
        }
        What::Task { who, due, answer, given } => {
            let who: Vec<String> = who.iter().map(|who| reader.who(who)).collect();
            let mut said = with(t::WOULD_ASK, &[&who.join(say(lang, t::LIST_COMMA))]);
            said.extend(due.map(|due| format!("{}{}", say(lang, t::DUE_BEFORE), time(reader, due))));
            let text = if *given { t::ANSWER_GIVEN } else { t::ANSWER_MADE_UP };
            said.push(say_with(lang, text, &[&value(answer)]));
            said
        }
        What::Child { workflow, with: given, .. } => {
            vec![say_with(lang, t::WOULD_BEGIN, &[workflow]), value(given)]
        }
        What::Event { event } => with(t::WOULD_HEAR, &[event]),
        What::Wait { until } => with(t::WOULD_WAIT, &[&time(reader, *until)]),
        What::Due { due } => vec![format!("{}{}", say(lang, t::DUE_BEFORE), time(reader, *due))],
        What::Rung { on, does, .. } => {
            with(t::WOULD_SET_OFF, &[&time(reader, *on), say(lang, date_word(does))])
        }
        What::Skipped { when, .. } => with(t::WOULD_SKIP, &[when]),
        What::Failed { code, message } => with(t::WOULD_FAIL, &[code, &reason(code, message, lang)]),
        What::Late => vec![say(lang, t::STATE_LATE).to_owned()],
        What::Back { to } => with(t::WOULD_GO_BACK, &[to]),
        What::Asked { question } => with(t::WOULD_ASK_OWNER, &[question]),
    }
}
