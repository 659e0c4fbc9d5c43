//! A run begins on request, once per `Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header-07).

use std::sync::Arc;

use axum::extract::{FromRequestParts, State};
use axum::http::HeaderMap;
use axum::http::request::Parts;
use serde::Deserialize;
use serde_json::{Map, Value as Json, json};
use utoipa::ToSchema;
use utoipa::openapi::ObjectBuilder;
use utoipa::openapi::path::{ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::Type;
use yizhan_engine::intake::each::{Became, Elements, has_each};
use yizhan_engine::intake::{self, Fired, Prepared};
use yizhan_engine::store::{Firing, FiringOutcome};
use yizhan_engine::{StartError, StartReply, Started};
use yizhan_workflow::id::{Millis, RunId};
use yizhan_workflow::people::rights::Role;
use yizhan_workflow::plan::{Starts, Trigger, Workflow};
use yizhan_workflow::run::event::Event;
use yizhan_workflow::run::{self, OPERATOR, World};

use crate::api::artifacts::sha256_of;
use crate::api::files::{Sender, sized_input};
use crate::api::runs::run_named;
use crate::body::{Created, Given, Named};
use crate::caller::Caller;
use crate::desk::Desk;
use crate::each::{Came, came};
use crate::noted::Noted;
use crate::openapi::{Asks, Making};
use crate::refusal::Refusal;
use crate::view::StartedView;

/// The name of what starts a run without any trigger of its file.
const API: &str = "api";

/// Lines of a run that are searched for what a repeated request joined.
const LINES_SEARCHED: usize = 1_000;

#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(as = RunToStart)]
pub(crate) struct Request {
    /// The fields of the start form.
    #[serde(default)]
    #[schema(value_type = Object)]
    pub(crate) input: Json,
    /// Of an operator that is no person: in whose name.
    pub(crate) by: Option<String>,
    /// A trigger of the file, fired by hand: its `with` and `where` hold.
    pub(crate) trigger: Option<String>,
}

pub(crate) async fn start(
    State(desk): State<Arc<Desk>>,
    caller: Caller,
    Named(name): Named<String>,
    OnceKey(key): OnceKey,
    Given(request): Given<Request>,
) -> Result<Created<StartedView>, Refusal> {
    let wanted = Wanted::of(&desk, &caller, &name, request)?;
    match wanted.begin(&desk, key).await {
        Ok(started) => Ok(Created(started)),
        Err(refusal) => Err(named_to(&desk, caller, refusal).await),
    }
}

/// With the run that stands in the way for whoever may look at it, and for nobody else.
async fn named_to(desk: &Arc<Desk>, caller: Caller, refusal: Refusal) -> Refusal {
    let Some(run) = refusal.named() else { return refusal };
    let seen = desk.read(move |desk| run_named(desk, &caller, Role::Viewer, &run.to_string())).await;
    if seen.is_ok() { refusal } else { refusal.unnamed() }
}

/// A start that whoever asks for it may make.
pub(crate) struct Wanted {
    pub(crate) text: Arc<Workflow>,
    by: Arc<str>,
    request: Request,
    noted: Noted,
    sender: Sender,
}

impl Wanted {
    /// # Errors
    /// When there is no such workflow, or it is not for this caller.
    pub(crate) fn of(desk: &Desk, caller: &Caller, name: &str, request: Request) -> Result<Self, Refusal> {
        let text = current(desk, name)?;
        if !has_form(&text, &request, caller) {
            caller.must(Role::Worker, name)?;
        }
        let world = desk.shared().world();
        let by: Arc<str> = caller.acting(request.by.as_deref(), &world)?.into();
        may_start(&text, &request, &by, &world, desk.shared().now())?;
        Ok(Self { text, by, request, noted: caller.noted.clone(), sender: Sender::of(caller) })
    }

    /// The run that would begin, before it does; none, where each element of a list begins one.
    pub(crate) fn prepared(&self, desk: &Desk) -> Result<Option<Prepared>, Refusal> {
        if self.has_each() {
            return Ok(None);
        }
        let (world, now) = (desk.shared().world(), desk.shared().now());
        prepare(&self.text, &self.request, &world, now, None).map(Some)
    }

    fn has_each(&self) -> bool {
        self.request.trigger.as_deref().is_some_and(|name| has_each(&self.text, name))
    }

    /// Begins the run, once for the key if there is one.
    pub(crate) async fn begin(self, desk: &Arc<Desk>, key: Option<String>) -> Result<StartedView, Refusal> {
        let noted = self.noted.clone();
        let started = self.begun(desk, key).await?;
        if let Ok(run) = started.id.parse() {
            noted.case(run);
        }
        Ok(started)
    }

    async fn begun(self, desk: &Arc<Desk>, key: Option<String>) -> Result<StartedView, Refusal> {
        let each = self.has_each();
        let Self { text, by, mut request, sender, .. } = self;
        // What was sent tells it from another, not what we make of it.
        let payload = payload_of(&request, &by);
        request.input = sized_input(desk, sender, &text.input, request.input).await?;
        if let Some(trigger) = request.trigger.as_deref().filter(|_| each) {
            let whole = Whole { desk, text: &text, trigger, by, key, payload };
            return whole.start(&request.input).await;
        }
        let world = desk.shared().world();
        let known_by = key.as_ref().map(|_| payload.as_str());
        let prepared = prepare(&text, &request, &world, desk.shared().now(), known_by)?;
        let Some(key) = key else {
            let dropped = prepared.dropped.clone();
            yizhan_faults::point("console.starting");
            let reply = desk.engine.start(Started { prepared, by, firing: None }).await?;
            // It is on disk, and whoever asked has not heard of it.
            yizhan_faults::point("console.started");
            return Ok(created(reply, dropped, false));
        };
        let _mine = desk.under_way.take(&text.name, API, &key).ok_or(Refusal::UnderWay)?;
        let input = prepared.input.clone();
        let dropped = prepared.dropped.clone();
        let firing = Firing {
            workflow: text.name.clone(),
            trigger: API.into(),
            id: key,
            at: desk.shared().now(),
            outcome: FiringOutcome::Started,
        };
        yizhan_faults::point("console.starting_by_key");
        let firing = Some(firing).filter(|_| !yizhan_faults::seeded("console.key-ignored"));
        match desk.engine.start(Started { prepared, by, firing }).await {
            Ok(reply) => Ok(created(reply, dropped, false)),
            Err(StartError::FiredBefore { run: Some(run) }) => {
                let reply = desk.read(move |desk| first_answer(desk, run, &payload, input.get())).await?;
                Ok(created(reply, dropped, true))
            }
            Err(error) => Err(error.into()),
        }
    }
}

/// Whether a request with this key began something of the workflow.
pub(crate) async fn came_before(
    desk: &Arc<Desk>,
    workflow: &Arc<str>,
    key: Option<&str>,
) -> Result<bool, Refusal> {
    let Some(key) = key.map(str::to_owned) else { return Ok(false) };
    let workflow = workflow.clone();
    desk.read(move |desk| Ok(desk.reads().firing(&workflow, API, &key)?.is_some())).await
}

/// A request whose trigger starts a run for each element of a list.
struct Whole<'a> {
    desk: &'a Arc<Desk>,
    text: &'a Arc<Workflow>,
    trigger: &'a str,
    by: Arc<str>,
    key: Option<String>,
    payload: String,
}

impl Whole<'_> {
    async fn start(self, input: &Json) -> Result<StartedView, Refusal> {
        let Self { desk, text, trigger, by, key, payload } = self;
        let mut with = Map::from_iter([("body".to_owned(), input.clone())]);
        with.extend(key.as_ref().map(|_| ("payload".to_owned(), payload.as_str().into())));
        let body = input.as_object().cloned().unwrap_or_default();
        let (world, at) = (desk.shared().world(), desk.shared().now());
        let elements = Elements::of(text, &Fired { trigger, with }, &body, world, at)?;
        let length = elements.len();
        let Some(id) = key else {
            let all = elements.start(&desk.engine, &by, None, 0..length).await?;
            return Ok(all_created(came(all)?));
        };
        let _mine = desk.under_way.take(&text.name, API, &id).ok_or(Refusal::UnderWay)?;
        let workflow = text.name.clone();
        let firing = Firing { workflow, trigger: API.into(), id, at, outcome: FiringOutcome::Started };
        // The first alone: whether this is the request that came before is known before anything else begins.
        let first = (0..length).find_map(|at| Some((at, elements.prepare(at).ok()?)));
        let upto = first.as_ref().map_or(length, |(at, _)| at + 1);
        let mut all = elements.start(&desk.engine, &by, Some(&firing), 0..upto).await?;
        if let (Some(Became::Before(Some(run))), Some((_, prepared))) = (all.last(), first) {
            let run = *run;
            desk.read(move |desk| first_answer(desk, run, &payload, prepared.input.get())).await?;
        }
        all.extend(elements.start(&desk.engine, &by, Some(&firing), upto..length).await?);
        Ok(all_created(came(all)?))
    }
}

fn all_created(came: Came) -> StartedView {
    let Came { elements: each, first, joined, repeated, gathered } = came;
    StartedView { id: first.unwrap_or_default(), joined, dropped: vec![], repeated, gathered, each }
}

/// The text that new runs begin with.
pub(crate) fn current(desk: &Desk, name: &str) -> Result<Arc<Workflow>, Refusal> {
    let all = desk.shared().library.workflows();
    let entry = all.get(name).ok_or_else(|| Refusal::NoSuch { kind: "workflow", name: name.to_owned() })?;
    entry.workflow.clone().ok_or_else(|| Refusal::Faulty(name.to_owned()))
}

fn created(reply: StartReply, dropped: Vec<String>, repeated: bool) -> StartedView {
    let (id, joined) = match reply {
        StartReply::Started(id) => (id.to_string(), false),
        StartReply::Joined(id) => (id.to_string(), true),
        StartReply::Gathered { .. } => (String::new(), false),
    };
    let gathered = matches!(reply, StartReply::Gathered { .. });
    let repeated = repeated || reply == StartReply::Gathered { repeated: true };
    StartedView { id, joined, dropped, repeated, gathered, each: vec![] }
}

/// The `Idempotency-Key` of a request, if it has one.
#[derive(Debug)]
pub(crate) struct OnceKey(Option<String>);

impl<S: Send + Sync> FromRequestParts<S> for OnceKey {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refusal> {
        idempotency_key(&parts.headers).map(Self)
    }
}

impl Asks for OnceKey {
    fn ask(making: &mut Making<'_>) {
        let key = ObjectBuilder::new().schema_type(Type::String).min_length(Some(1)).max_length(Some(255));
        let header = ParameterBuilder::new().name("Idempotency-Key").parameter_in(ParameterIn::Header);
        let header = header.description(Some(
            "What tells this request from others: sent again with the same key and body it starts nothing anew and has the \
             first one's answer; with another body it is refused.",
        ));
        making.parameters.push(header.schema(Some(key)).build());
    }
}

/// A structured-field string, as the draft has it; a bare word is taken, too.
fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, Refusal> {
    let mut all = headers.get_all("idempotency-key").iter();
    let Some(given) = all.next() else { return Ok(None) };
    if all.next().is_some() {
        return Err(Refusal::BadKey("it is there twice"));
    }
    let given = given.to_str().map_err(|_| Refusal::BadKey("it holds more than printable ASCII"))?.trim();
    let key = match given.strip_prefix('"') {
        Some(rest) => rest.strip_suffix('"').ok_or(Refusal::BadKey("its closing quote is missing"))?,
        None => given,
    };
    if key.is_empty() || key.len() > 255 {
        return Err(Refusal::BadKey("it must have 1 to 255 characters"));
    }
    if key.contains(['"', '\\']) {
        return Err(Refusal::BadKey("it may hold no quotes and no backslashes"));
    }
    Ok(Some(key.to_owned()))
}

/// What two requests with one key must have in common.
fn payload_of(request: &Request, by: &str) -> String {
    let said = json!([request.input, by, request.trigger]);
    sha256_of(said.to_string().as_bytes())
}

/// A start form is for those that its trigger names, whatever role they have; `may_start` asks whether they are.
fn has_form(text: &Workflow, request: &Request, caller: &Caller) -> bool {
    let named = |trigger: &&Trigger| Some(&*trigger.name) == request.trigger.as_deref();
    let form = text.triggers.iter().find(named).map(|trigger| &trigger.starts);
    caller.person().is_some()
        && caller.rights.lets(Role::Worker, &text.name)
        && matches!(form, Some(Starts::ByHand { .. }))
}

/// A start form is for those that its trigger names.
fn may_start(
    text: &Workflow,
    request: &Request,
    by: &str,
    world: &World,
    now: Millis,
) -> Result<(), Refusal> {
    let Some(name) = &request.trigger else { return Ok(()) };
    let known = text.triggers.iter().find(|known| &*known.name == name.as_str());
    let known = known.ok_or_else(|| Refusal::NoSuch { kind: "trigger", name: name.clone() })?;
    if let Starts::ByHand { who } = &known.starts
        && by != OPERATOR
        && world.people_at(now).may(by, who).is_none()
    {
        let who = who.join(", ");
        return Err(Refusal::NotYours(format!("`{by}` is not among those who may start this: {who}")));
    }
    Ok(())
}

/// `payload`: what the owner of an `Idempotency-Key` sent is kept with the run, to tell the same request from another.
fn prepare(
    text: &Arc<Workflow>,
    request: &Request,
    world: &World,
    now: Millis,
    payload: Option<&str>,
) -> Result<Prepared, Refusal> {
    let mut with = Map::new();
    with.extend(payload.map(|payload| ("payload".to_owned(), payload.into())));
    let Some(trigger) = &request.trigger else {
        let fired = payload.map(|_| Fired { trigger: API, with });
        return Ok(intake::prepare(text, &request.input.to_string(), fired, world, now)?);
    };
    with.insert("body".to_owned(), request.input.clone());
    let body = request.input.as_object().cloned().unwrap_or_default();
    Ok(intake::from_trigger(text, Fired { trigger, with }, &body, world, now)?)
}

/// The answer that the first request with this key had, if it was this request.
fn first_answer(desk: &Desk, run: RunId, payload: &str, input: &str) -> Result<StartReply, Refusal> {
    let other = Refusal::OtherPayload { run: Some(run) };
    for line in desk.reads().journal(run, 0, LINES_SEARCHED)? {
        match serde_json::from_slice::<run::Line>(&line.body).map(|line| line.event) {
            Ok(Event::Started(started)) => {
                let trigger = started.trigger.and_then(|raw| serde_json::from_str::<Json>(raw.get()).ok());
                if trigger.is_some_and(|trigger| trigger["payload"] == payload) {
                    return Ok(StartReply::Started(run));
                }
            }
            Ok(Event::Joined { input: joined, .. }) if joined.get() == input => {
                return Ok(StartReply::Joined(run));
            }
            Ok(_) => {}
            Err(error) => return Err(Refusal::bug("a line of a journal cannot be read", &error)),
        }
    }
    Err(other)
}
