//! Inbound webhooks: verified over the raw bytes before anything is parsed, acknowledged only once they are on disk.

mod payload;
mod verify;

use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::extract::{Request, State};
use axum::http::HeaderMap;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::Map;
use utoipa::ToSchema;
use yizhan_engine::intake::each::{Elements, has_each};
use yizhan_engine::intake::{self, Fired, IntakeError};
use yizhan_engine::store::{Firing, FiringOutcome, Note};
use yizhan_engine::{PublishReply, StartError, StartReply, Started};
use yizhan_workflow::id::RunId;
use yizhan_workflow::plan::{Starts, WebhookAuth, Workflow};
use zeroize::Zeroizing;

use self::verify::{Window, verify};
use crate::api::files::{Sender, names_its_own};
use crate::body::{Bounded, Named, TakenIn};
use crate::desk::Desk;
use crate::each::{Came, came};
use crate::openapi::{Asks, JSON, Making, any};
use crate::refusal::Refusal;
use crate::strangers::Turn;
use crate::view::ElementView;

/// What a sender is told.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = Delivered)]
pub(crate) struct Taken {
    /// The run that this delivery started or joined; none where the trigger's `where` left it out.
    id: Option<String>,
    /// The event that it became, where the trigger publishes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    event: Option<String>,
    joined: bool,
    /// It is kept for the run of the trigger's next slot.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    gathered: bool,
    /// An earlier delivery with this id had this answer.
    repeated: bool,
    /// What came and was not asked for.
    dropped: Vec<String>,
    /// Of a trigger with `each`: what became of every element. `id` is the first run's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    each: Vec<ElementView>,
}

/// A delivery: signed over its bytes, so it is read only later.
impl Asks for Request {
    fn ask(making: &mut Making<'_>) {
        let says = "What the trigger's `with` and `where` read; signed as its `auth` says.";
        for media in [JSON, "application/x-www-form-urlencoded"] {
            making.takes(media, any("What the sender sends."), says);
        }
    }
}

pub(crate) async fn receive(
    State(desk): State<Arc<Desk>>,
    Named((workflow, trigger)): Named<(String, String)>,
    request: Request,
) -> Result<TakenIn<Taken>, Refusal> {
    let answer = take(&desk, &workflow, &trigger, request).await;
    let counts = &desk.counts;
    let counter = match &answer {
        Ok(taken) if taken.repeated => &counts.hooks_repeated,
        Ok(_) => &counts.hooks_taken,
        Err(_) => &counts.hooks_refused,
    };
    counter.fetch_add(1, Ordering::Relaxed);
    // Whoever sends looks at no run of ours.
    answer.map_err(Refusal::unnamed).map(|taken| TakenIn { repeated: taken.repeated, answer: taken })
}

async fn take(desk: &Arc<Desk>, workflow: &str, trigger: &str, request: Request) -> Result<Taken, Refusal> {
    let text = desk.shared().library.current(workflow).ok_or_else(|| no_such(workflow, trigger))?;
    let auth = auth_of(&text, trigger).ok_or_else(|| no_such(workflow, trigger))?;
    // Anybody may begin to send a body.
    let turn = Turn::of(desk, &request)?;
    let (parts, body) = request.into_parts();
    let limits = &desk.settings;
    let body = Bounded::of(&parts.headers, turn.counted(body), (limits.body_max, limits.body_timeout))?;
    let bytes = body.whole().await?;
    turn.came();
    let auth = auth.clone();
    let (bytes, headers) = verified(desk, auth.clone(), bytes, parts.headers).await?;
    // Whoever signed it is no stranger.
    drop(turn);
    // Whoever could not sign it does not learn that.
    if let Some(pause) = desk.shared().paused(workflow, trigger) {
        return Err(Refusal::Paused(pause.at.to_string()));
    }
    let id = delivery_id(&auth, &headers);
    let payload = payload::read(&headers, &bytes)?;
    // Whoever signs deliveries knows no file of ours, and gets none by its hash.
    match std::str::from_utf8(&bytes) {
        Ok(json) if payload.is_json => names_its_own(desk, Sender::stranger(), json).await?,
        // Fields of a form are those of the body as well.
        Ok(_) | Err(_) => names_its_own(desk, Sender::stranger(), &payload.value.to_string()).await?,
    }
    let delivery = Delivery { desk, text: &text, trigger, id };
    delivery.start(payload, payload::headers(&auth, &headers)).await
}

fn no_such(workflow: &str, trigger: &str) -> Refusal {
    let name: String = format!("{workflow}/{trigger}").chars().take(200).collect();
    Refusal::NoSuch { kind: "webhook", name }
}

fn auth_of<'a>(text: &'a Workflow, trigger: &str) -> Option<&'a WebhookAuth> {
    text.triggers.iter().find(|known| &*known.name == trigger).and_then(|known| match &known.starts {
        Starts::Webhook(auth) => Some(auth),
        Starts::Schedule(_)
        | Starts::Files { .. }
        | Starts::Mail(_)
        | Starts::ByHand { .. }
        | Starts::Event { .. } => None,
    })
}

fn publishes(text: &Workflow, trigger: &str) -> bool {
    text.triggers.iter().any(|known| &*known.name == trigger && known.publish.is_some())
}

/// So much is hashed sooner than another thread has woken up for it.
const CHECKED_AT_ONCE: usize = 16 * 1024;

/// An empty secret is none: anybody could sign with it.
pub(crate) fn secret(desk: &Desk, name: &str) -> Option<Zeroizing<Vec<u8>>> {
    desk.house.secret(name).filter(|secret| !secret.is_empty())
}

/// A secret is a small file, and a small body takes no time either; a mebibyte is hashed where it holds up nobody.
async fn verified(
    desk: &Arc<Desk>,
    auth: WebhookAuth,
    bytes: Bytes,
    headers: HeaderMap,
) -> Result<(Bytes, HeaderMap), Refusal> {
    let large = bytes.len() > CHECKED_AT_ONCE;
    let check = move |desk: &Desk| {
        let secret = |name: &str| secret(desk, name).ok_or(Refusal::NoSecret);
        let window = Window { now: desk.shared().now(), wide: desk.settings.webhook_window };
        verify(&auth, &headers, &bytes, secret, window)?;
        Ok((bytes, headers))
    };
    if large { desk.read(check).await } else { check(desk) }
}

/// What tells a delivery from others, where its sender says so. Without it every delivery is one of its own.
fn delivery_id(auth: &WebhookAuth, headers: &HeaderMap) -> Option<String> {
    let name = match auth {
        WebhookAuth::Github { .. } => "x-github-delivery",
        WebhookAuth::Standard { .. }
        | WebhookAuth::Hmac { .. }
        | WebhookAuth::Token { .. }
        | WebhookAuth::None => "webhook-id",
    };
    let id = headers.get(name)?.to_str().ok()?.trim();
    (!id.is_empty() && id.len() <= 255).then(|| id.to_owned())
}

struct Delivery<'a> {
    desk: &'a Arc<Desk>,
    text: &'a Arc<Workflow>,
    trigger: &'a str,
    id: Option<String>,
}

impl Delivery<'_> {
    async fn start(
        self,
        payload: payload::Payload,
        headers: Map<String, serde_json::Value>,
    ) -> Result<Taken, Refusal> {
        let _mine = match &self.id {
            Some(id) => {
                Some(self.desk.under_way.take(&self.text.name, self.trigger, id).ok_or(Refusal::Busy)?)
            }
            None => None,
        };
        let shared = self.desk.shared();
        let with = Map::from_iter([
            ("body".to_owned(), payload.value.clone()),
            ("headers".to_owned(), headers.into()),
        ]);
        let fired = Fired { trigger: self.trigger, with };
        let nothing = Map::new();
        let fields = payload.value.as_object().unwrap_or(&nothing);
        if publishes(self.text, self.trigger) {
            return self.publish(fired, fields).await;
        }
        if has_each(self.text, self.trigger) {
            return self.each(&fired, fields).await;
        }
        let prepared = match intake::from_trigger(self.text, fired, fields, &shared.world(), shared.now()) {
            Ok(prepared) => prepared,
            Err(IntakeError::LeftOut) => return self.left_out().await,
            Err(error) => return Err(error.into()),
        };
        let dropped = prepared.dropped.clone();
        let by = format!("trigger:{}", self.trigger).into();
        let firing = self.firing(FiringOutcome::Started);
        yizhan_faults::point("hook.starting");
        if yizhan_faults::seeded("hook.answered-early") {
            let engine = self.desk.engine.clone();
            drop(tokio::spawn(async move { engine.start(Started { prepared, by, firing }).await }));
            return Ok(taken(None, false, dropped));
        }
        match self.desk.engine.start(Started { prepared, by, firing }).await {
            Ok(StartReply::Started(run)) => {
                // It is on disk, and the sender will send it again.
                yizhan_faults::point("hook.started");
                Ok(taken(Some(run), false, dropped))
            }
            Ok(StartReply::Joined(run)) => Ok(taken(Some(run), true, dropped)),
            Ok(StartReply::Gathered { repeated: again }) => {
                let answer = if again { repeated(None) } else { taken(None, false, dropped) };
                Ok(Taken { gathered: true, ..answer })
            }
            Err(StartError::FiredBefore { run }) => Ok(repeated(run)),
            Err(error) => Err(error.into()),
        }
    }

    /// Every element starts a run, and is known by its number when the delivery comes again.
    async fn each(self, fired: &Fired<'_>, body: &Map<String, serde_json::Value>) -> Result<Taken, Refusal> {
        let shared = self.desk.shared();
        let elements = match Elements::of(self.text, fired, body, shared.world(), shared.now()) {
            Ok(elements) => elements,
            Err(IntakeError::LeftOut) => return self.left_out().await,
            Err(error) => return Err(error.into()),
        };
        let by = format!("trigger:{}", self.trigger).into();
        let firing = self.firing(FiringOutcome::Started);
        let engine = &self.desk.engine;
        let all = elements.start(engine, &by, firing.as_ref(), 0..elements.len()).await?;
        let Came { elements: each, first: id, joined, repeated, gathered } = came(all)?;
        Ok(Taken { id, event: None, joined, gathered, repeated, dropped: vec![], each })
    }

    /// It becomes an event, for whoever waits for one.
    async fn publish(
        self,
        fired: Fired<'_>,
        body: &Map<String, serde_json::Value>,
    ) -> Result<Taken, Refusal> {
        let shared = self.desk.shared();
        let (world, now) = (shared.world(), shared.now());
        match intake::publishing(self.text, fired, body, self.id.clone(), &world, now) {
            Ok(publishing) => {
                let PublishReply { id, repeated } = self.desk.engine.publish(publishing).await?;
                let event = Some(id.to_string());
                Ok(Taken { event, repeated, ..Taken::default() })
            }
            Err(IntakeError::LeftOut) => self.left_out().await,
            Err(error) => Err(error.into()),
        }
    }

    fn firing(&self, outcome: FiringOutcome) -> Option<Firing> {
        let at = self.desk.shared().now();
        let (workflow, trigger) = (self.text.name.clone(), self.trigger.into());
        if yizhan_faults::seeded("hook.repeat-unknown") {
            return None;
        }
        self.id.clone().map(|id| Firing { workflow, trigger, id, at, outcome })
    }

    /// The file does not want it: that is an answer, too, and the same when it comes again.
    async fn left_out(&self) -> Result<Taken, Refusal> {
        if let Some(firing) = self.firing(FiringOutcome::Skipped) {
            self.desk.engine.note(Note::Firing(firing)).await?;
        }
        Ok(taken(None, false, vec![]))
    }
}

fn taken(run: Option<RunId>, joined: bool, dropped: Vec<String>) -> Taken {
    let id = run.map(|run| run.to_string());
    Taken { id, joined, dropped, ..Taken::default() }
}

fn repeated(run: Option<RunId>) -> Taken {
    let id = run.map(|run| run.to_string());
    Taken { id, repeated: true, ..Taken::default() }
}
