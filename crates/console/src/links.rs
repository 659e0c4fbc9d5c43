//! Links in mails, `/m/<token>`. To open one shows what it would decide and decides nothing: mail scanners open every
//! link. What is sent from the page decides.

mod page;

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde_json::Value as Json;
use yizhan_access::Asked as Act;
use yizhan_engine::link::Ticket;
use yizhan_engine::live;
use yizhan_workflow::form::FieldFault;
use yizhan_workflow::id::{Attempt, Item, Millis, ScopeNo, StepAt, TaskId};
use yizhan_workflow::plan::{Work, Workflow};
use yizhan_workflow::problem::Lang;
use yizhan_workflow::run::World;
use yizhan_workflow::run::event::{EndState, Event, Raw, Standing};
use yizhan_workflow::run::guess::guess;
use yizhan_workflow::run::sight::Viewer;
use yizhan_workflow::run::state::{At, ItemState, Phase, Run};

use crate::api::files::{Sender, names_its_own};
use crate::api::standing::note_task;
use crate::body::Named;
use crate::caller::Caller;
use crate::desk::Desk;
use crate::pages::fields::{self, Shown};
use crate::pages::given::{self, Given};
use crate::pages::{answered, console, labels, spoken};
use crate::refusal::Refusal;
use crate::rights::carried_out;
use crate::strangers::Turn;
use crate::view::{Look, attempt_of, task_form};

/// How an answer came in, for the journal.
const VIA: &str = "link";

/// Why a link leads to no form.
enum Shut {
    /// Nobody of this house made it.
    NotOurs,
    TooLate {
        title: String,
    },
    Over(Over),
    /// By whom.
    Claimed(String),
    /// It is for others to answer.
    NotYours,
}

type Met = Result<Box<Sheet>, Shut>;

/// How a task came to its end.
#[derive(Default)]
struct Over {
    /// Who answered, and what, where that is known.
    by: Option<String>,
    said: Option<Said>,
    at: Option<String>,
    cancelled: bool,
    /// Whoever opens the link gave that answer.
    own: bool,
}

/// What an approval came to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Said {
    Approved,
    Refused,
}

/// What is to be answered.
struct Sheet {
    ticket: Ticket,
    of: Attempt,
    house: String,
    title: String,
    key: Option<String>,
    due: Option<String>,
    late: bool,
    /// Of which holidays nobody knows: its due time is a guess.
    guess: Option<String>,
    /// What the case brought, for people of the house.
    case: Vec<(String, String)>,
    fields: Vec<Shown>,
    /// Bytes that an answer may have.
    most: usize,
    lang: Lang,
}

/// Opens a link.
pub(crate) async fn show(
    State(desk): State<Arc<Desk>>,
    Named(token): Named<String>,
    headers: HeaderMap,
) -> Response {
    let lang = spoken(&desk, &headers);
    match met(&desk, &token, lang).await {
        Ok(Ok(sheet)) => {
            let confirmation = confirmation(&desk, &token);
            asked(StatusCode::OK, &sheet, page::sheet(&sheet, &confirmation, &[], &Given::default()))
        }
        Ok(Err(shut)) => closed(&shut, lang),
        Err(refusal) => trouble(&refusal, lang),
    }
}

/// Takes what the page of a link sends.
pub(crate) async fn answer(
    State(desk): State<Arc<Desk>>,
    caller: Caller,
    Named(token): Named<String>,
    request: Request,
) -> Response {
    let lang = spoken(&desk, request.headers());
    take(&desk, &caller, (&token, request), lang).await.unwrap_or_else(|refusal| trouble(&refusal, lang))
}

async fn take(
    desk: &Arc<Desk>,
    caller: &Caller,
    (token, request): (&str, Request),
    lang: Lang,
) -> Result<Response, Refusal> {
    // Before anything is read: whoever may not answer sends nothing here.
    let sheet = match met(desk, token, lang).await? {
        Ok(sheet) => sheet,
        Err(shut) => return Ok(closed(&shut, lang)),
    };
    if !from_our_page(request.headers()) {
        return Ok(again(&sheet, &confirmation(desk, token)));
    }
    let mut given = {
        let _turn = Turn::of(desk, &request)?;
        given::read(desk, &sheet.ticket.who, request, fields::takes_files(&sheet.fields)).await?
    };
    let confirms = desk.shared().config.links.as_ref();
    if !confirms.is_some_and(|links| links.confirms(token, given.text(fields::CONFIRM).unwrap_or_default())) {
        return Ok(again(&sheet, &confirmation(desk, token)));
    }
    given::keep(desk, &sheet.ticket.who, &mut given).await?;
    let act = of_audit(desk, caller, &sheet.ticket);
    let noted = caller.noted.clone();
    let answering =
        Answering { desk: desk.clone(), caller: caller.clone(), token: token.to_owned(), sheet, given };
    let answer = async move { answering.done().await.unwrap_or_else(|refusal| trouble(&refusal, lang)) };
    // Of whoever is signed in beside it the act is in the audit already.
    if caller.who.is_some() { Ok(answer.await) } else { carried_out(desk, act, noted, answer).await }
}

/// Who answers what by the link, which itself lets in and stands nowhere.
fn of_audit(desk: &Desk, caller: &Caller, ticket: &Ticket) -> Act {
    Act {
        at: desk.shared().now(),
        who: ticket.who.to_string(),
        from: caller.from.map(|from| from.to_string()).unwrap_or_default(),
        session: None,
        act: "/m/{token}".to_owned(),
        on: ticket.task.to_string(),
    }
}

/// An answer that the page of a link sent, and that is looked through.
struct Answering {
    desk: Arc<Desk>,
    caller: Caller,
    token: String,
    sheet: Box<Sheet>,
    given: Given,
}

impl Answering {
    async fn done(self) -> Result<Response, Refusal> {
        let Self { desk, caller, token, sheet, given } = self;
        let (ticket, lang) = (&sheet.ticket, sheet.lang);
        let answer = fields::answer(&sheet.fields, ticket.choice.as_ref(), &given);
        // The files of the form came with it; whoever has a link knows no other of ours.
        let words = fields::without_files(&answer, &sheet.fields);
        names_its_own(&desk, Sender::stranger(), &words.to_string()).await?;
        let (of, by, fields) = (sheet.of, ticket.who.clone(), Raw::from(&answer));
        let event = Event::Answered { of, by, via: VIA.into(), fields };
        let task = ticket.task.clone();
        let before = desk.read(move |desk| Ok(desk.reads().task(&task)?)).await?;
        let shut = async || met(&desk, &token, lang).await.map(Result::err);
        match desk.engine.act(ticket.run, event).await.map_err(Refusal::from) {
            Ok(()) => {
                if let Some(before) = before {
                    note_task(&desk, &caller, before, None).await;
                }
                Ok(answered(StatusCode::OK, page::done(&sheet)))
            }
            Err(Refusal::Fields(faults)) => {
                let confirmation = confirmation(&desk, &token);
                let page = page::sheet(&sheet, &confirmation, &sentences(&faults, lang), &given);
                Ok(asked(StatusCode::UNPROCESSABLE_ENTITY, &sheet, page))
            }
            // Somebody was first, or who may answer changed: it is looked at again. The answer that was first may not be on
            // disk yet: then nobody can say whose it was.
            Err(Refusal::DealtWith(_)) => {
                Ok(closed(&shut().await?.unwrap_or_else(|| Shut::Over(Over::default())), lang))
            }
            Err(Refusal::NotYours(_)) => Ok(closed(&shut().await?.unwrap_or(Shut::NotYours), lang)),
            Err(other) => Err(other),
        }
    }
}

fn sentences(faults: &[FieldFault], lang: Lang) -> Vec<(String, String)> {
    faults.iter().map(|fault| (fault.field.clone(), fault.sentence(lang))).collect()
}

/// What did not come from the page is asked again, and decides nothing.
fn again(sheet: &Sheet, confirmation: &str) -> Response {
    let page = page::sheet(sheet, confirmation, &[], &Given::default());
    asked(StatusCode::FORBIDDEN, sheet, page)
}

/// A page with the form. No script runs in it unless files are to be sent.
fn asked(status: StatusCode, sheet: &Sheet, page: String) -> Response {
    if fields::takes_files(&sheet.fields) { console(status, page) } else { answered(status, page) }
}

/// Browsers say whether a page of ours sent it; one that says nothing is held to the confirmation alone.
fn from_our_page(headers: &HeaderMap) -> bool {
    headers.get("sec-fetch-site").is_none_or(|site| site == "same-origin")
}

fn confirmation(desk: &Desk, token: &str) -> String {
    desk.shared().config.links.as_ref().map(|links| links.confirmation(token)).unwrap_or_default()
}

fn closed(shut: &Shut, lang: Lang) -> Response {
    let status = match shut {
        Shut::NotOurs => StatusCode::NOT_FOUND,
        Shut::NotYours | Shut::Claimed(_) => StatusCode::FORBIDDEN,
        Shut::TooLate { .. } | Shut::Over(_) => StatusCode::GONE,
    };
    answered(status, page::closed(shut, lang))
}

fn trouble(refusal: &Refusal, lang: Lang) -> Response {
    answered(refusal.status(), page::trouble(refusal, lang))
}

async fn met(desk: &Arc<Desk>, token: &str, lang: Lang) -> Result<Met, Refusal> {
    let ticket = desk.shared().config.links.as_ref().and_then(|links| links.read(token).ok());
    let Some(ticket) = ticket else { return Ok(Err(Shut::NotOurs)) };
    desk.read(move |desk| look(desk, ticket, lang)).await
}

fn look(desk: &Desk, ticket: Ticket, lang: Lang) -> Result<Met, Refusal> {
    let loaded = match live::load(ticket.run, desk.reads()).map_err(Refusal::from) {
        Err(Refusal::NoSuch { .. }) => return Ok(Err(Shut::NotOurs)),
        loaded => loaded?,
    };
    let run = loaded.run;
    let text = desk.shared().library.text(run.text(), desk.reads())?;
    let (world, now) = (desk.shared().world(), desk.shared().now());
    let row = desk.reads().task(&ticket.task)?;
    let of = row.as_ref().and_then(attempt_of);
    let state = of.and_then(|of| run.item(of.item).filter(|state| state.attempt() == Some(of.attempt)));
    let (Some(row), Some(of), Some(state)) = (row, of, state) else {
        return Ok(Err(Shut::Over(over(&run, &text, &ticket, &world))));
    };
    let At::Is(Standing::Asked { task, .. }) = &state.at else {
        return Ok(Err(Shut::Over(over(&run, &text, &ticket, &world))));
    };
    if now >= ticket.until {
        return Ok(Err(Shut::TooLate { title: row.title.to_string() }));
    }
    if let Some(other) = state.claimed.as_ref().filter(|by| **by != ticket.who) {
        return Ok(Err(Shut::Claimed(name_of(&world, other))));
    }
    let outsider = ticket.who.starts_with("mail:");
    let asked = outsider && task.who.iter().any(|who| **who == *ticket.who);
    if !asked && world.people_at(now).may_but(&ticket.who, &task.who, &task.not).is_none() {
        return Ok(Err(Shut::NotYours));
    }
    let viewer = Viewer::Person(&ticket.who);
    let look = Look { run: &run, text: &text, world: &world, now, viewer, before: &[] };
    let form = task_form(of, &look, true)?;
    Ok(Ok(Box::new(Sheet {
        of,
        house: text.title.clone(),
        title: row.title.to_string(),
        key: run.started.key.as_ref().and_then(|key| look.sight().key(key)),
        due: state.due.and_then(|due| local(due, &world)),
        late: state.late || state.due.is_some_and(|due| due <= now),
        guess: guess(&text, &world, of.item, state).map(|guess| format!("{} {}", guess.calendar, guess.year)),
        case: if outsider { vec![] } else { brought(&look, lang) },
        fields: fields::of(&form)?,
        ticket,
        most: given::most(desk),
        lang,
    })))
}

/// The input of the case with the labels of its fields, without what is private.
fn brought(look: &Look<'_>, lang: Lang) -> Vec<(String, String)> {
    let input = look.sight().input(&look.run.started.input);
    let Some(Json::Object(mut input)) = fields::with_digits(input.get()) else { return vec![] };
    let form = &look.text.input;
    let is_shown = |name: &str| form.fields.iter().any(|field| *field.name == *name && !field.private);
    input.retain(|name, _| is_shown(name));
    let mut told = labels::under(input, form, (lang, &look.world.people));
    told.retain(|(_, value)| !value.is_empty());
    told
}

/// As a clock of the house shows it.
fn local(at: Millis, world: &World) -> Option<String> {
    Some(at.timestamp()?.to_zoned(world.zone.clone()).strftime("%Y-%m-%d %H:%M").to_string())
}

/// A person by name; an address as it is.
fn name_of(world: &World, who: &str) -> String {
    let id = who.strip_prefix("person:").unwrap_or(who);
    let known = world.people.people.get(id).map(|person| person.name.clone());
    known.unwrap_or_else(|| who.strip_prefix("mail:").unwrap_or(id).to_owned())
}

fn over(run: &Run, text: &Workflow, ticket: &Ticket, world: &World) -> Over {
    let own = item_of(run, text, &ticket.task);
    let answered = own.and_then(|at| {
        let of_item = run.item(at).filter(|item| item.by.is_some());
        // A signature that was not needed any more: whoever's settled it.
        of_item.or_else(|| {
            run.step(at.place()).items.iter().find(|item| item.by.is_some() && says(item).is_some())
        })
    });
    let cancelled = matches!(&run.top.phase, Phase::Over { state: EndState::Cancelled, .. });
    Over {
        by: answered.and_then(|item| item.by.as_ref()).map(|by| name_of(world, by)),
        said: answered.and_then(says),
        at: answered.and_then(|item| local(item.ended?, world)),
        cancelled,
        own: answered.is_some_and(|item| item.by.as_ref() == Some(&ticket.who)),
    }
}

/// Of a signature.
fn says(item: &ItemState) -> Option<Said> {
    let output: serde_json::Value = serde_json::from_str(item.output.as_ref()?.get()).ok()?;
    let approved = output.get("approved")?.as_bool()?;
    Some(if approved { Said::Approved } else { Said::Refused })
}

/// The item that a task was of, in the round that is under way.
fn item_of(run: &Run, text: &Workflow, task: &TaskId) -> Option<Item> {
    let scopes = std::iter::once(ScopeNo::RUN).chain(run.inner.keys().copied());
    scopes.into_iter().find_map(|scope| {
        let asked = text.numbers().filter(|no| matches!(text.step(*no).work, Work::Ask(_)));
        asked.into_iter().find_map(|step| {
            let at = StepAt { step, scope };
            let state = run.step(at);
            let items = state.items.iter().zip(0_u32..);
            let mut of = items.map(|(item, number)| (at.item(state.round, number), item.attempts));
            of.find_map(|(item, attempts)| {
                let key = run.key_of(text, item);
                (1..=attempts).any(|attempt| TaskId::of(&key, attempt) == *task).then_some(item)
            })
        })
    })
}
