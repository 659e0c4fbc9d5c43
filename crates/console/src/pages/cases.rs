//! *New case*: the start forms that are for whoever asks, a form with what was filled in of it before, and what is under way with
//! the same key before it is sent.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};
use serde_json::Value as Json;
use yizhan_engine::intake::so_far;
use yizhan_engine::library::Workflows;
use yizhan_workflow::people::rights::Role;
use yizhan_workflow::plan::{OnDuplicate, Starts, Workflow};
use yizhan_workflow::problem::Lang;
use yizhan_workflow::run::event::Raw;
use yizhan_workflow::run::names;

use super::assets;
use super::fields::{self, Shown};
use super::given::{self, Given};
use super::kept;
use super::runs::{rows, state};
use super::shell::{Place, Reader, page};
use super::{console, refused, sentence, spoken};
use crate::api::same::{Same, key_so_far, same};
use crate::api::{Looking, drafts, runs as api};
use crate::body::Named;
use crate::caller::Caller;
use crate::desk::Desk;
use crate::refusal::Refusal;
use crate::view::{DraftView, FormView, RunRow, StartedView};
use crate::words::{catalogue as t, say, say_with};

/// The hidden field that makes two clicks one case.
const ONCE: &str = "once";
/// What was shown to be under way, and is sent all the same.
const ANYWAY: &str = "anyway";
/// What the other buttons said on a page of an older version that is still open: it begins no case.
const ACT: &str = "act";
/// In the place of a trigger, in the addresses below a form's own.
const NO_TRIGGER: &str = "-";
const OWN_SHOWN: usize = 10;

/// What is done with a form that is sent.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Pressed {
    Begin,
    Keep,
    ThrowAway,
    /// By the page itself, while the form is filled in: whether there is such a case already.
    Look,
}

/// A form by which somebody may begin a case.
struct Entrance {
    workflow: String,
    trigger: Option<String>,
    title: String,
    note: Option<String>,
    /// Whoever looks has begun to fill it in.
    draft: bool,
}

impl Entrance {
    fn path(&self) -> String {
        path(&self.workflow, self.trigger.as_deref())
    }
}

fn path(workflow: &str, trigger: Option<&str>) -> String {
    trigger.map_or_else(|| format!("/new/{workflow}"), |trigger| format!("/new/{workflow}/{trigger}"))
}

/// Those that name the caller, and those of the workflows that they may start by right.
fn entrances(desk: &Desk, caller: &Caller, all: &Workflows) -> (Vec<Entrance>, Vec<Entrance>) {
    let (world, now) = (desk.shared().world(), desk.shared().now());
    let people = world.people_at(now);
    let (mut named, mut others) = (Vec::new(), Vec::new());
    for text in all.values().filter_map(|entry| entry.workflow.as_ref()) {
        let by_right = caller.rights.may(Role::Worker, &text.name);
        let lets = caller.rights.lets(Role::Worker, &text.name);
        let entrance = |trigger: Option<String>, title: String| Entrance {
            workflow: text.name.to_string(),
            trigger,
            title,
            note: text.note.clone(),
            draft: false,
        };
        let before = named.len();
        let forms = text.triggers.iter().filter_map(|trigger| match &trigger.starts {
            Starts::ByHand { who } => Some((trigger, who)),
            Starts::Schedule(_)
            | Starts::Webhook(_)
            | Starts::Files { .. }
            | Starts::Mail(_)
            | Starts::Event { .. } => None,
        });
        let forms: Vec<_> = forms.collect();
        for (trigger, who) in &forms {
            let is_named = caller.person().map_or(by_right, |own| lets && people.may(own, who).is_some());
            if is_named {
                let title = match forms.len() {
                    1 => text.title.clone(),
                    _ => format!("{} · {}", text.title, trigger.name),
                };
                named.push(entrance(Some(trigger.name.to_string()), title));
            }
        }
        if by_right && named.len() == before && text.completes.is_none() {
            others.push(entrance(None, text.title.clone()));
        }
    }
    (named, others)
}

pub(crate) async fn list(State(desk): State<Arc<Desk>>, caller: Caller, headers: HeaderMap) -> Response {
    let lang = spoken(&desk, &headers);
    let own = match caller.person() {
        Some(_) => {
            let filter = api::Filter::of_own(OWN_SHOWN);
            match api::listed(&desk, caller.clone(), filter, Looking::default()).await {
                Ok(listing) => listing.items,
                Err(refusal) => return refused(&refusal, lang),
            }
        }
        None => vec![],
    };
    let (mut named, mut others) = entrances(&desk, &caller, &desk.shared().library.workflows());
    for one in named.iter_mut().chain(&mut others) {
        let form = (&*one.workflow, one.trigger.as_deref());
        one.draft = draft_of(&desk, &caller, form).await.is_some();
    }
    let world = desk.shared().world();
    let reader = Reader::new(&desk, lang, &caller, &world);
    let content = listed(&reader, &named, &others, &own);
    console(StatusCode::OK, page(&reader, Place::Cases, say(lang, t::NEW_CASE), &content))
}

fn listed(reader: &Reader<'_>, named: &[Entrance], others: &[Entrance], own: &[RunRow]) -> Markup {
    let lang = reader.lang;
    html! {
        div.head { h1 { (say(lang, t::NEW_CASE)) } }
        @if named.is_empty() && others.is_empty() { p.empty { (say(lang, t::NOTHING_TO_START)) } }
        (entries(lang, named))
        @if !others.is_empty() {
            @if named.is_empty() { (entries(lang, others)) } @else {
                details.more { summary { (say(lang, t::OTHER_WORKFLOWS)) " · " (others.len()) } (entries(lang, others)) }
            }
        }
        @if !own.is_empty() {
            h2 { (say(lang, t::BEGUN_BY_ME)) }
            (rows(reader, own))
            p { a href="/runs?mine=true" { (say(lang, t::ALL_OF_MINE)) } }
        }
    }
}

fn entries(lang: Lang, all: &[Entrance]) -> Markup {
    html! {
        ul.entrances {
            @for one in all {
                li { a href=(one.path()) { strong { (one.title) @if one.draft { " " span.chip { (say(lang, t::HAS_DRAFT)) } } } @if let Some(note) = &one.note { span.soft { (note) } } } }
            }
        }
    }
}

/// What was sent and did not begin anything.
#[derive(Default)]
struct Sheet {
    status: StatusCode,
    given: Given,
    faults: Vec<(String, String)>,
    said: Option<Markup>,
    same: Option<Same>,
    /// It came back from the door, and was not looked at.
    back: bool,
    /// What was filled in before and not sent, since when it is kept.
    draft: Option<String>,
}

/// The form that is meant, if it is for the caller.
struct Door {
    text: Arc<Workflow>,
    trigger: Option<String>,
    fields: Vec<Shown>,
    /// The fields by which a case is told from another, as the page names them.
    known_by: Vec<String>,
}

impl Door {
    fn of(desk: &Desk, caller: &Caller, (workflow, trigger): (&str, Option<&str>)) -> Result<Self, Refusal> {
        let trigger = trigger.map(str::to_owned);
        let request = api::Request { trigger: trigger.clone(), ..api::Request::default() };
        let text = api::Wanted::of(desk, caller, workflow, request)?.text;
        let (world, now) = (desk.shared().world(), desk.shared().now());
        let seen = names::before_start(&text, &world, now, None, None);
        let fields = fields::of(&FormView::of(&text.input, None, &seen)?)?;
        let known_by = so_far::fields_of_key(&text, trigger.as_deref());
        let known_by = known_by.iter().map(|name| format!("f.{name}")).collect();
        Ok(Self { text, trigger, fields, known_by })
    }

    fn path(&self) -> String {
        path(&self.text.name, self.trigger.as_deref())
    }

    /// Where the form goes otherwise than to begin a case.
    fn beside(&self, word: &str) -> String {
        format!("/new/{}/{}/{word}", self.text.name, self.trigger.as_deref().unwrap_or(NO_TRIGGER))
    }
}

pub(crate) async fn show(
    State(desk): State<Arc<Desk>>,
    caller: Caller,
    headers: HeaderMap,
    Named(name): Named<String>,
) -> Response {
    shown(&desk, &caller, &headers, (&name, None)).await
}

pub(crate) async fn show_of(
    State(desk): State<Arc<Desk>>,
    caller: Caller,
    headers: HeaderMap,
    Named((name, trigger)): Named<(String, String)>,
) -> Response {
    shown(&desk, &caller, &headers, (&name, Some(&trigger))).await
}

async fn shown(
    desk: &Arc<Desk>,
    caller: &Caller,
    headers: &HeaderMap,
    named: (&str, Option<&str>),
) -> Response {
    let door = match Door::of(desk, caller, named) {
        Ok(door) => door,
        Err(refusal) => return elsewhere(desk, caller, named, (&refusal, spoken(desk, headers))),
    };
    let mut sheet = Sheet::default();
    if let Some(draft) = draft_of(desk, caller, named).await {
        sheet.given = Given::of(draft.fields.text());
        sheet.draft = Some(draft.at);
    }
    form_page(desk, caller, headers, &door, &sheet)
}

/// Whoever may begin it by a form of its own, and asks for it without the form's name, is led there.
fn elsewhere(
    desk: &Desk,
    caller: &Caller,
    (workflow, trigger): (&str, Option<&str>),
    (refusal, lang): (&Refusal, Lang),
) -> Response {
    if trigger.is_some() {
        return refused(refusal, lang);
    }
    let (named, _) = entrances(desk, caller, &desk.shared().library.workflows());
    let of: Vec<Entrance> = named.into_iter().filter(|one| one.workflow == workflow).collect();
    match of.as_slice() {
        [] => refused(refusal, lang),
        [one] => Redirect::to(&one.path()).into_response(),
        _ => Redirect::to("/new").into_response(),
    }
}

/// What the caller has filled in of a form. One that cannot be read keeps nobody from the form.
async fn draft_of(desk: &Arc<Desk>, caller: &Caller, form: (&str, Option<&str>)) -> Option<DraftView> {
    let filling = drafts::Filling::of(desk, caller, form, None).ok()?;
    filling.kept(desk).await.ok()?
}

fn form_page(desk: &Arc<Desk>, caller: &Caller, headers: &HeaderMap, door: &Door, sheet: &Sheet) -> Response {
    let lang = spoken(desk, headers);
    let world = desk.shared().world();
    let reader = Reader::new(desk, lang, caller, &world);
    let once = sheet.given.text(ONCE).map_or_else(|| once(desk), str::to_owned);
    let content = form(&reader, door, sheet, &once);
    console(sheet.status, page(&reader, Place::Cases, &door.text.title, &content))
}

/// A word that no other form of this caller has.
fn once(desk: &Desk) -> String {
    format!("{}-{}", desk.shared().now().0, desk.counts.requests.load(Ordering::Relaxed))
}

fn form(reader: &Reader<'_>, door: &Door, sheet: &Sheet, once: &str) -> Markup {
    let lang = reader.lang;
    let files = fields::takes_files(&door.fields);
    let wrong = !sheet.faults.is_empty();
    html! {
        p.crumbs { a href="/new" { (say(lang, t::NEW_CASE)) } " › " (door.text.title) }
        h1 { (door.text.title) }
        (looking(door))
        @if let Some(note) = &door.text.note { p.soft.note { (note) } }
        @if let Some(at) = &sheet.draft { p.hint { (say(lang, t::DRAFT_OF)) (reader.time(at)) (say(lang, t::DRAFT_UNTIL)) } }
        @if sheet.back { (kept::unsent(lang)) }
        @if let Some(said) = &sheet.said { div.notice.bad role="alert" { (said) } }
        @if wrong { div.notice.bad role="alert" { p { (say(lang, t::NOTHING_SENT_YET)) } } }
        @if (wrong || sheet.same.is_some()) && sheet.given.has_files() {
            p.hint data-files-again { (say(lang, t::CHOOSE_FILES_AGAIN)) }
        }
        form.sheet method="post" action=(door.path()) enctype=[files.then_some("multipart/form-data")]
            data-same=[(!door.known_by.is_empty()).then(|| door.known_by.join(" "))] data-look=(door.beside("same")) {
            input type="hidden" name=(ONCE) value=(once);
            div #same aria-live="polite" {
                @if let Some(same) = &sheet.same {
                    input type="hidden" name=(ANYWAY) value=(same.run);
                    (same_key(reader, same))
                }
            }
            @if door.fields.is_empty() { p.soft { (say(lang, t::NOTHING_IS_ASKED)) } }
            (fields::asked(&door.fields, None, &sheet.faults, &sheet.given, lang))
            div.buttons {
                button type="submit" { (send_word(sheet, lang)) }
                @if !door.fields.is_empty() {
                    button.plain type="submit" formaction=(door.beside("keep")) formnovalidate { (say(lang, t::KEEP_IT_FOR_LATER)) }
                }
                @if sheet.draft.is_some() {
                    button.plain type="submit" formaction=(door.beside("drop")) formnovalidate { (say(lang, t::DROP_DRAFT)) }
                }
            }
        }
    }
}

/// Looks for the same case while the form is filled in.
fn looking(door: &Door) -> Markup {
    html! { @if !door.known_by.is_empty() { script src={ "/assets/" (assets::named("same.js")) } defer {} } }
}

fn send_word(sheet: &Sheet, lang: Lang) -> &'static str {
    let text = match sheet.same.as_ref().map(|same| same.on_duplicate) {
        None => t::BEGIN_CASE,
        Some(OnDuplicate::Join) => t::ADD_TO_IT,
        Some(OnDuplicate::Allow) => t::SEND_ANYWAY,
        Some(OnDuplicate::Reject) => t::TRY_AGAIN_CHANGED,
    };
    say(lang, text)
}

fn same_key(reader: &Reader<'_>, same: &Same) -> Markup {
    let lang = reader.lang;
    let then = match same.on_duplicate {
        OnDuplicate::Allow => t::SAME_KEY_ALLOWED,
        OnDuplicate::Join => t::SAME_KEY_JOINED,
        OnDuplicate::Reject => t::SAME_KEY_REJECTED,
    };
    html! {
        // Nothing went wrong: there is something to know before it is sent.
        div.notice.known role="status" {
            p { strong { (say_with(lang, t::SAME_KEY, &[&same.key])) } " " (say(lang, then)) }
            @if let Some(row) = &same.row {
                p { a href={ "/runs/" (row.id) } { (row.title) } " " (state(reader, row)) " " span.soft { (say(lang, t::SINCE)) " " (reader.time(&row.started)) " · " (reader.who(&row.by)) } }
            }
        }
    }
}

pub(crate) async fn begin(
    State(desk): State<Arc<Desk>>,
    caller: Caller,
    Named(name): Named<String>,
    request: Request,
) -> Response {
    answered(&desk, &caller, (&name, None, Pressed::Begin), request).await
}

pub(crate) async fn begin_of(
    State(desk): State<Arc<Desk>>,
    caller: Caller,
    Named((name, trigger)): Named<(String, String)>,
    request: Request,
) -> Response {
    answered(&desk, &caller, (&name, Some(&trigger), Pressed::Begin), request).await
}

pub(crate) async fn look(
    State(desk): State<Arc<Desk>>,
    caller: Caller,
    Named((name, trigger)): Named<(String, String)>,
    request: Request,
) -> Response {
    answered(&desk, &caller, (&name, named(&trigger), Pressed::Look), request).await
}

pub(crate) async fn keep(
    State(desk): State<Arc<Desk>>,
    caller: Caller,
    Named((name, trigger)): Named<(String, String)>,
    request: Request,
) -> Response {
    answered(&desk, &caller, (&name, named(&trigger), Pressed::Keep), request).await
}

pub(crate) async fn throw_away(
    State(desk): State<Arc<Desk>>,
    caller: Caller,
    Named((name, trigger)): Named<(String, String)>,
    request: Request,
) -> Response {
    answered(&desk, &caller, (&name, named(&trigger), Pressed::ThrowAway), request).await
}

fn named(trigger: &str) -> Option<&str> {
    Some(trigger).filter(|trigger| *trigger != NO_TRIGGER)
}

async fn answered(
    desk: &Arc<Desk>,
    caller: &Caller,
    (name, trigger, pressed): (&str, Option<&str>, Pressed),
    request: Request,
) -> Response {
    let headers = request.headers().clone();
    let lang = spoken(desk, &headers);
    let door = match Door::of(desk, caller, (name, trigger)) {
        Ok(door) => door,
        Err(refusal) => return refused(&refusal, lang),
    };
    let mut sheet = Sheet::default();
    match sent(desk, caller, (&door, pressed), request, &mut sheet).await {
        Ok(Some(to)) => Redirect::to(&to).into_response(),
        Ok(None) => form_page(desk, caller, &headers, &door, &sheet),
        Err(refusal) => {
            sheet.status = refusal.status();
            sheet.said = Some(why_not(desk, caller, &refusal, &headers));
            form_page(desk, caller, &headers, &door, &sheet)
        }
    }
}

/// To its page; of what is kept for a later run there is none yet.
fn leads_to(started: &StartedView) -> String {
    if started.id.is_empty() { "/new".to_owned() } else { format!("/runs/{}", started.id) }
}

/// Begins the case or keeps what is filled in, and says where that leads; or leaves on the sheet why it is shown once more.
async fn sent(
    desk: &Arc<Desk>,
    caller: &Caller,
    (door, pressed): (&Door, Pressed),
    request: Request,
    sheet: &mut Sheet,
) -> Result<Option<String>, Refusal> {
    let lang = spoken(desk, request.headers());
    let filling = drafts::Filling::of(desk, caller, (&door.text.name, door.trigger.as_deref()), None)?;
    sheet.given = given::read(desk, &caller.name(), request, fields::takes_files(&door.fields)).await?;
    if pressed == Pressed::Look {
        look_so_far(desk, caller, door, sheet).await?;
        return Ok(None);
    }
    given::keep(desk, &caller.name(), &mut sheet.given).await?;
    if kept::is_looked_at(&sheet.given) || sheet.given.text(ACT).is_some() {
        sheet.back = true;
        return Ok(None);
    }
    if pressed == Pressed::ThrowAway {
        filling.drop(desk).await?;
        return Ok(Some(door.path()));
    }
    let input = fields::answer(&door.fields, None, &sheet.given);
    if pressed == Pressed::Keep {
        filling.keep(desk, Raw::from(&input)).await?;
        return Ok(Some(door.path()));
    }
    match begin_once(desk, caller, (door, input), sheet).await {
        Ok(Some(started)) => {
            if let Err(refusal) = filling.drop(desk).await {
                tracing::warn!(%refusal, "a draft of a case that has begun stays until it is forgotten");
            }
            Ok(Some(leads_to(&started)))
        }
        Ok(None) => Ok(None),
        Err(Refusal::Fields(faults)) => {
            sheet.faults = faults.iter().map(|fault| (fault.field.clone(), fault.sentence(lang))).collect();
            sheet.status = StatusCode::UNPROCESSABLE_ENTITY;
            Ok(None)
        }
        Err(refusal) => Err(refusal),
    }
}

/// Begins the case, once for each form that was opened; not unseen, where there is one with the same key.
async fn begin_once(
    desk: &Arc<Desk>,
    caller: &Caller,
    (door, input): (&Door, Json),
    sheet: &mut Sheet,
) -> Result<Option<StartedView>, Refusal> {
    let request = api::Request { input, trigger: door.trigger.clone(), by: None };
    let wanted = api::Wanted::of(desk, caller, &door.text.name, request)?;
    let key = sheet.given.text(ONCE).map(|once| format!("page:{}:{once}", caller.name()));
    let key = key.filter(|key| key.len() <= 200);
    let prepared = wanted.prepared(desk)?;
    let key_of = prepared.and_then(|prepared| prepared.key).filter(|key| !key.trim().is_empty());
    // What this form began itself is answered as it was then.
    let first = !api::came_before(desk, &door.text.name, key.as_deref()).await?;
    if let Some(key) = key_of.filter(|_| first) {
        sheet.same = same(desk, caller, &door.text, &key).await?;
        let known = sheet.same.as_ref().map(|same| same.run.to_string());
        if known.is_some() && known.as_deref() != sheet.given.text(ANYWAY) {
            sheet.status = StatusCode::CONFLICT;
            return Ok(None);
        }
    }
    wanted.begin(desk, key).await.map(Some)
}

/// Whether there is such a case, of a form that is not sent yet.
async fn look_so_far(
    desk: &Arc<Desk>,
    caller: &Caller,
    door: &Door,
    sheet: &mut Sheet,
) -> Result<(), Refusal> {
    let given = fields::answer(&door.fields, None, &sheet.given);
    let key = key_so_far(desk, &door.text, &given, door.trigger.as_deref());
    if let Some(key) = key {
        sheet.same = same(desk, caller, &door.text, &key).await?;
    }
    Ok(())
}

/// With the way to the case that stands in the way, for whoever may see it.
fn why_not(desk: &Arc<Desk>, caller: &Caller, refusal: &Refusal, headers: &HeaderMap) -> Markup {
    let lang = spoken(desk, headers);
    let seen =
        refusal.named().filter(|run| api::run_named(desk, caller, Role::Viewer, &run.to_string()).is_ok());
    html! {
        p {
            @if matches!(refusal, Refusal::OtherPayload { .. }) { (say(lang, t::SENT_BEFORE)) }
            @else if matches!(refusal, Refusal::KeyHeld(_)) { (say(lang, t::SAME_KEY_REJECTED)) }
            @else { (sentence(refusal, lang, &desk.shared().world().people)) }
            @if let Some(run) = seen { " " a href={ "/runs/" (run) } { (run) } }
        }
    }
}
