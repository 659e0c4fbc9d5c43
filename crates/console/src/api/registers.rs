//! Registers: what there are, their entries and lines, whether they are whole, and what is written by hand.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{IntoParams, ToSchema};
use yizhan_engine::registers::{self, LookError, Witness};
use yizhan_engine::store::Standing;
use yizhan_engine::{KeepError, Keeping};
use yizhan_workflow::form::{Field, Options};
use yizhan_workflow::people::rights::Role;
use yizhan_workflow::register::{Body, Find, Head, Register, told};
use yizhan_workflow::run::event::Raw;
use yizhan_workflow::run::sight::{Sight, Viewer};

use super::query::{Figures, Question};
use super::runs::Tongue;
use super::{Looking, PageOf};
use crate::body::{Answer, Asked, Given, Named};
use crate::caller::Caller;
use crate::desk::Desk;
use crate::noted::{self, standing};
use crate::openapi::{Schemas, Shape, any};
use crate::refusal::Refusal;
use crate::view::{LineView, Listing, RegisterColumn, RegisterView, VerifiedView};

fn options(field: &Field) -> BTreeMap<String, String> {
    let fixed = if let Options::Fixed(all) = &field.options { &**all } else { &[] };
    fixed.iter().map(|one| (one.code.to_string(), one.label.to_string())).collect()
}

fn view(register: &Register, head: Option<Head>) -> RegisterView {
    let column = |field: &Field| RegisterColumn {
        name: field.name.to_string(),
        label: field.label().to_owned(),
        kind: field.kind.as_str().to_owned(),
        private: field.private,
        options: options(field),
    };
    RegisterView {
        name: register.name.to_string(),
        title: register.title.clone(),
        declared: true,
        number: register.number.source().to_owned(),
        key: register.key.iter().map(ToString::to_string).collect(),
        read: register.read.iter().map(ToString::to_string).collect(),
        keep: register.keep.clone(),
        columns: register.form.fields.iter().map(column).collect(),
        lines: head.as_ref().map_or(0, |head| head.seq),
        hash: head.map(|head| head.hash.to_string()),
    }
}

/// Those of the file, and those that have lines and are not in it any more.
pub(crate) async fn list(
    State(desk): State<Arc<Desk>>,
    Asked(page): Asked<PageOf>,
) -> Result<Answer<Listing<RegisterView>>, Refusal> {
    let listing = desk.read(move |desk| {
        let world = desk.shared().world();
        let mut heads: std::collections::BTreeMap<Arc<str>, Head> =
            desk.reads().register_heads()?.into_iter().map(|head| (head.register.clone(), head)).collect();
        let declared = world.registers.registers.values();
        let mut items: Vec<RegisterView> =
            declared.map(|register| view(register, heads.remove(&register.name))).collect();
        items.extend(heads.into_values().map(|head| RegisterView {
            name: head.register.to_string(),
            lines: head.seq,
            hash: Some(head.hash.to_string()),
            ..RegisterView::default()
        }));
        Listing::part(items, &page, |one| one.name.clone())
    });
    listing.await.map(Answer)
}

#[derive(Debug, Deserialize, IntoParams)]
pub(crate) struct Lines {
    /// `next` of the page before this one: the place of its last line.
    #[serde(alias = "after")]
    cursor: Option<u64>,
    /// How many of them at most, 1 to 1000; 500 where nothing is said.
    limit: Option<usize>,
    /// The entry of this number, and the lines about it.
    number: Option<String>,
}

/// Whether whoever asks sees private columns, if they may look at the register at all: its readers may, and operators of
/// the house, who see what is private as its readers or by saying that they want to.
fn opens(desk: &Desk, caller: &Caller, looking: &Looking, name: &str) -> Result<bool, Refusal> {
    let (world, now) = (desk.shared().world(), desk.shared().now());
    let by = looking.name(caller, &world)?;
    let operates = caller.rights.may_everywhere(Role::Operator);
    let viewer = looking.viewer_of_all(&by, caller);
    let opens = match world.registers.register(name) {
        Some(register) => Sight::of_register(register, &world, now, viewer),
        // Who its readers were nobody knows any more.
        None => matches!(viewer, Viewer::House { private: true }),
    };
    // Whether there is such a register, others do not learn.
    if opens || operates {
        Ok(opens)
    } else {
        Err(Refusal::NoSuch { kind: "register", name: name.to_owned() })
    }
}

/// The lines of a register as they were written, in order.
pub(crate) async fn lines(
    State(desk): State<Arc<Desk>>,
    caller: Caller,
    Named(name): Named<String>,
    Asked(asked): Asked<Lines>,
    Asked(looking): Asked<Looking>,
) -> Result<Answer<Listing<LineView>>, Refusal> {
    let listing = desk.read(move |desk| {
        let open = opens(desk, &caller, &looking, &name)?;
        if let Some(number) = asked.number {
            let no_such = Refusal::NoSuch { kind: "entry", name: number.clone() };
            let entry = desk.reads().register_numbered(&name, &number)?.ok_or(no_such)?;
            let mut lines = desk.reads().register_about(&name, entry.entry.seq)?;
            lines.insert(0, entry);
            return Ok(Listing::whole(lines.iter().map(|line| line_view(line, open)).collect()));
        }
        let limit = asked.limit.unwrap_or(500).clamp(1, 1_000);
        let after = asked.cursor.unwrap_or_default();
        let lines = desk.reads().register_lines(&name, after, limit + 1)?;
        if lines.is_empty() && after == 0 && desk.shared().world().registers.register(&name).is_none() {
            return Err(Refusal::NoSuch { kind: "register", name });
        }
        let more = lines.len() > limit;
        let items: Vec<LineView> = lines.iter().take(limit).map(|line| line_view(line, open)).collect();
        let next = items.last().filter(|_| more).map(|line| line.place.to_string());
        Ok(Listing { items, next })
    });
    listing.await.map(Answer)
}

fn line_view(line: &Standing, private: bool) -> LineView {
    let entry = &line.entry;
    let values = Body::opened(&entry.body, entry.private.as_ref(), private);
    LineView {
        register: entry.register.to_string(),
        place: entry.seq,
        kind: entry.kind.word().to_owned(),
        of: entry.of,
        number: entry.number.to_string(),
        series: entry.series.to_string(),
        count: entry.count,
        at: entry.at.0,
        by: entry.by.to_string(),
        key: entry.key.to_string(),
        part: entry.part,
        why: entry.why.as_deref().map(str::to_owned),
        values: Raw::new(values).unwrap_or_else(|| entry.body.clone()),
        body: entry.body.clone(),
        before: entry.before.to_string(),
        hash: entry.hash.to_string(),
        shown: line.shown,
        card: line.card.as_deref().map(str::to_owned),
    }
}

/// What `register.find` would give to whoever asks.
pub(crate) async fn find(
    State(desk): State<Arc<Desk>>,
    caller: Caller,
    Named(name): Named<String>,
    Asked(looking): Asked<Looking>,
    Given(Question(mut asked)): Given<Question>,
) -> Result<Answer<Figures>, Refusal> {
    if !asked.is_object() {
        return Err(Refusal::Unreadable("a question is an object".to_owned()));
    }
    asked["register"] = json!(name);
    let found = desk.read(move |desk| {
        let open = opens(desk, &caller, &looking, &name)?;
        let find = Find::read(&asked.to_string()).map_err(|fault| Refusal::Unreadable(fault.0))?;
        let (world, now) = (desk.shared().world(), desk.shared().now());
        let found = registers::found(desk.reads(), &world, now, (&find, open)).map_err(unlooked)?;
        Figures::of(found)
    });
    found.await.map(Answer)
}

pub(super) fn unlooked(error: LookError) -> Refusal {
    match error {
        LookError::NoSuchRegister { name, .. } => {
            Refusal::NoSuch { kind: "register", name: name.to_string() }
        }
        LookError::Ask(why) => Refusal::Unreadable(why),
        LookError::Store(error) => error.into(),
    }
}

#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct ToVerify {
    register: Option<String>,
    /// What somebody else knows of heads.
    #[serde(default)]
    heads: Vec<Known>,
}

#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = KnownHead)]
struct Known {
    /// Who knows it.
    witness: String,
    /// `register`, `seq` and `hash` of the newest line.
    #[serde(flatten)]
    #[schema(value_type = HashMap<String, Value>)]
    head: Head,
}

/// Looks for what was changed, taken out or put in: against itself, the runs' journals and the heads that are brought.
pub(crate) async fn verify(
    State(desk): State<Arc<Desk>>,
    Asked(tongue): Asked<Tongue>,
    Given(asked): Given<ToVerify>,
) -> Result<Answer<Listing<VerifiedView>>, Refusal> {
    let listing = desk.read(move |desk| {
        let mut witnesses = registers::witnesses(desk.reads())?;
        witnesses
            .extend(asked.heads.into_iter().map(|known| Witness { name: known.witness, head: known.head }));
        let verified = registers::verify(
            desk.reads(),
            asked.register.as_deref(),
            &witnesses,
            desk.shared().config.signet.as_ref(),
        )?;
        let language = desk.language(tongue.lang).lang();
        let items = verified.into_iter().map(|one| VerifiedView {
            register: one.register.to_string(),
            lines: one.lines,
            hash: one.head.map(|head| head.hash.to_string()),
            signatures: desk.shared().config.signet.is_some(),
            sentences: one.faults.iter().map(|fault| told(fault, language)).collect(),
            faults: one.faults,
        });
        Ok(Listing::whole(items.collect()))
    });
    listing.await.map(Answer)
}

#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = KeptByHand)]
pub(crate) struct ByHand {
    /// As the action's `with`, without the register.
    #[schema(value_type = Object)]
    with: Json,
    /// What comes twice with one id is written once.
    id: String,
    by: Option<String>,
}

/// What the action gives.
#[derive(Debug, Serialize)]
#[serde(transparent)]
pub(crate) struct Kept(Raw);

impl Shape for Kept {
    fn shape(_: &mut Schemas) -> RefOr<Schema> {
        any(
            "What `register.append`, `.amend`, `.void` or `.erase` gives: the entry with its number and place.",
        )
    }
}

/// Writes into a register without a run: entries that are brought in, an erasure that somebody asked for.
pub(crate) async fn keep(
    State(desk): State<Arc<Desk>>,
    caller: Caller,
    Named((name, action)): Named<(String, String)>,
    Given(given): Given<ByHand>,
) -> Result<Answer<Kept>, Refusal> {
    let action = match action.as_str() {
        "append" => "append",
        "amend" => "amend",
        "void" => "void",
        "erase" => "erase",
        _ => return Err(Refusal::NoSuch { kind: "action", name: action }),
    };
    let by = caller.acting(given.by.as_deref(), &desk.shared().world())?.into();
    let ByHand { mut with, id, .. } = given;
    if !with.is_object() {
        return Err(Refusal::Unreadable("`with` is a table".to_owned()));
    }
    with["register"] = json!(name);
    let key = format!("hand/{name}/{action}/{id}").into();
    let keeping = Keeping { action, with: with.to_string(), key, by };
    match desk.engine.keep(keeping).await {
        Ok(output) => {
            let given: Json = serde_json::from_str(&output).map_err(|_| Refusal::Bug)?;
            let numbers = given.get("numbers").or_else(|| given.get("number")).cloned();
            caller.noted.changed(&name, noted::Standing::new(), standing([("number", numbers)]));
            Raw::new(output.into()).map(Kept).map(Answer).ok_or(Refusal::Bug)
        }
        Err(KeepError::Act(error)) => Err(error.into()),
        Err(KeepError::Refused { code, message }) => {
            Err(Refusal::Expression { code: code.to_owned(), message })
        }
    }
}
