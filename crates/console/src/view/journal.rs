//! A journal's line as a person reads it: the event and what was decided, with steps by their names.

use std::ops::ControlFlow;

use serde_json::{Map, Value as Json, json};
use yizhan_engine::store::Line as Stored;
use yizhan_workflow::id::{ScopeNo, StepAt, StepNo};
use yizhan_workflow::plan::Workflow;
use yizhan_workflow::run::Line;
use yizhan_workflow::run::event::Raw;
use yizhan_workflow::run::sight::{HIDDEN, Sight};

use super::{JournalLine, Look, Teller, Texts, each_line, spoken};
use crate::desk::Desk;
use crate::refusal::Refusal;

/// A line that cannot be read is shown as such: the others still tell their part.
pub(crate) fn journal_line(line: &Stored, teller: &Teller<'_>) -> JournalLine {
    let text = teller.text;
    let told = serde_json::from_slice::<Line>(&line.body).map(|line| teller.line(&line)).unwrap_or_default();
    let (seq, at) = (line.seq, line.at.to_string());
    let Ok(Json::Object(mut read)) = serde_json::from_slice::<Json>(&line.body) else {
        let said = String::from_utf8_lossy(&line.body).into_owned();
        return JournalLine {
            seq,
            at,
            text: told,
            event: "unreadable".to_owned(),
            with: Json::String(said),
            did: vec![],
        };
    };
    let event = read.remove("event").unwrap_or_default();
    let by = inside(&event, "by").and_then(Json::as_str).map(str::to_owned);
    let own = step_of(&event);
    let guarded = |variant: Json, is_event: bool| {
        let step = step_of(&variant).or(own);
        seen(variant, &Of { step, by: by.as_deref(), is_event, teller })
    };
    let (event, with) = named(guarded(event, true), text);
    let did = match read.remove("did") {
        Some(Json::Array(facts)) => facts,
        _ => vec![],
    };
    let did = did.into_iter().map(|fact| {
        let (name, with) = named(guarded(fact, false), text);
        let mut fact = Map::from_iter([("fact".to_owned(), Json::String(name))]);
        fact.extend(with);
        Json::Object(fact)
    });
    JournalLine { seq, at, text: told, event, with: Json::Object(with), did: did.collect() }
}

/// How whoever looks sees a line: by the text that it was written under, and by that of today where it is another. What either
/// keeps from them they do not see.
pub(crate) struct Eyes<'a> {
    own: Sight<'a>,
    under: &'a Workflow,
    today: Option<(Sight<'a>, &'a Workflow)>,
}

impl<'a> Eyes<'a> {
    pub(crate) fn of(look: &'a Look<'a>, under: &'a Workflow) -> Self {
        let is_old = under.hash != look.text.hash;
        let today = is_old.then(|| (look.sight(), &**look.text));
        Self { own: look.sight_of(under), under, today }
    }

    pub(crate) fn own(&self) -> &Sight<'a> {
        &self.own
    }

    fn keeps(&self) -> bool {
        self.own.keeps() || self.today.as_ref().is_some_and(|(today, _)| today.keeps())
    }

    fn input(&self, raw: &Raw) -> Raw {
        let seen = self.own.input(raw);
        self.today.as_ref().map(|(today, _)| today.input(&seen)).unwrap_or(seen)
    }

    fn given(&self, step: StepNo, by: Option<&str>, raw: &Raw) -> Raw {
        let of = |step: StepNo| StepAt { step, scope: ScopeNo::RUN }.item(1, 0);
        let known = self.under.steps.get(step.index());
        if known.is_none() && step != StepNo::WHOLE {
            return raw.clone();
        }
        let seen = self.own.given(of(step), by, raw);
        let today =
            self.today.as_ref().and_then(|(today, text)| Some((today, text.step_named(&known?.path())?)));
        today.map(|(today, step)| today.given(of(step), by, &seen)).unwrap_or(seen)
    }

    fn title(&self, title: &str) -> Option<String> {
        let seen = self.own.title(title)?;
        match &self.today {
            Some((today, _)) => today.title(&seen),
            None => Some(seen),
        }
    }
}

/// All that was given to a case, of each round: as it stands in the journal, and as whoever looks sees it. Nothing, where
/// there is nothing to keep from them.
pub(crate) fn given_before(look: &Look<'_>, desk: &Desk) -> Result<Vec<(Raw, Raw)>, Refusal> {
    let (id, mut found) = (look.run.id, vec![]);
    let texts = Texts::of(look.run, u32::MAX, &desk.shared().library, desk.reads())?;
    if !texts.all().any(|text| Eyes::of(look, text).keeps()) {
        return Ok(found);
    }
    each_line(desk.reads(), id, (0, u32::MAX), |line| {
        let eyes = Eyes::of(look, texts.at(line.seq));
        if let Ok(Json::Object(read)) = serde_json::from_slice::<Json>(&line.body) {
            let event = read.get("event");
            let by = event.and_then(|event| inside(event, "by")).and_then(Json::as_str);
            let own = event.and_then(step_of);
            let facts = read.get("did").and_then(Json::as_array).into_iter().flatten();
            for variant in event.into_iter().chain(facts) {
                given_in(variant, (step_of(variant).or(own), by), &eyes, &mut found);
            }
        }
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(found)
}

fn given_in(value: &Json, of: (Option<StepNo>, Option<&str>), eyes: &Eyes<'_>, found: &mut Vec<(Raw, Raw)>) {
    match value {
        Json::Object(map) => {
            for (name, value) in map {
                match masked((name, value), of, eyes) {
                    Some(seen) => found.push((Raw::from(value), seen)),
                    None => given_in(value, of, eyes, found),
                }
            }
        }
        Json::Array(list) => list.iter().for_each(|one| given_in(one, of, eyes, found)),
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => {}
    }
}

/// What is given, as it is seen; none of anything else.
fn masked(
    (name, value): (&str, &Json),
    (step, by): (Option<StepNo>, Option<&str>),
    eyes: &Eyes<'_>,
) -> Option<Raw> {
    match (name, step) {
        ("input", _) => Some(eyes.input(&Raw::from(value))),
        ("output" | "fields" | "values" | "payload", Some(step)) => match inside_is(name, value) {
            Some(inner) => Raw::new(format!("{{\"is\":{}}}", eyes.given(step, by, &Raw::from(inner)).get())),
            None => Some(eyes.given(step, by, &Raw::from(value))),
        },
        _ => None,
    }
}

/// An end says its output as `{"is": {…}}` where it is not that of its event.
fn inside_is<'j>(name: &str, value: &'j Json) -> Option<&'j Json> {
    let map = value.as_object().filter(|map| name == "output" && map.len() == 1)?;
    map.get("is").filter(|inner| inner.is_object())
}

/// A field of `{"ended": {…}}`.
fn inside<'j>(variant: &'j Json, name: &str) -> Option<&'j Json> {
    variant.as_object()?.values().next()?.get(name)
}

/// The step that an event or a fact is about.
fn step_of(variant: &Json) -> Option<StepNo> {
    let item = inside(variant, "of").or_else(|| inside(variant, "at"));
    let number = item.and_then(|item| item.get(0)).or_else(|| inside(variant, "s"))?;
    number.as_u64().and_then(|number| u16::try_from(number).ok()).map(StepNo)
}

/// A part of a line, and who is told of it.
struct Of<'o> {
    step: Option<StepNo>,
    by: Option<&'o str>,
    /// What happened, with what whoever did it gave; and not what came of it.
    is_event: bool,
    teller: &'o Teller<'o>,
}

/// Without the values that are not for this reader.
fn seen(value: Json, of: &Of<'_>) -> Json {
    let (eyes, sight) = (of.teller.eyes, of.teller.sight);
    match value {
        Json::Object(map) => {
            let author = map.get("by").and_then(Json::as_str).map(str::to_owned);
            let entries = map.into_iter().map(|(name, value)| {
                let shown = match (name.as_str(), &value, &author) {
                    ("trigger", ..) => sight.veil().over_made(without_hash(value)),
                    ("with" | "list" | "filter", ..) => sight.veil().over_made(value),
                    // Of a task: made of values, as it is in lists.
                    ("title", Json::String(title), _) => {
                        Json::String(eyes.title(title).unwrap_or_else(|| HIDDEN.to_owned()))
                    }
                    ("note" | "text" | "reason", Json::String(said), Some(author)) => {
                        Json::String(spoken::spoken(sight, author, said))
                    }
                    _ => match masked((&name, &value), (of.step, of.by), eyes) {
                        Some(shown) => {
                            let theirs = of.by.filter(|_| of.is_event);
                            let shown = spoken::given(sight, theirs, shown);
                            serde_json::from_str(shown.get()).unwrap_or_default()
                        }
                        None => seen(value, of),
                    },
                };
                (name, shown)
            });
            Json::Object(entries.collect())
        }
        Json::Array(list) => Json::Array(list.into_iter().map(|one| seen(one, of)).collect()),
        plain @ (Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_)) => plain,
    }
}

/// What a start with a key sent is told again by its hash: by that what is private could be guessed.
fn without_hash(mut value: Json) -> Json {
    if let Some(trigger) =
        value.as_object_mut().filter(|trigger| trigger.get("payload").is_some_and(Json::is_string))
    {
        trigger.remove("payload");
    }
    value
}

/// `{"ended": {"of": [2,1,0,1], …}}` as its name and its fields.
fn named(variant: Json, text: &Workflow) -> (String, Map<String, Json>) {
    match variant {
        Json::Object(map) => match map.into_iter().next() {
            Some((name, Json::Object(fields))) => (name, with_steps(fields, text)),
            Some((name, other)) => (name, Map::from_iter([("value".to_owned(), other)])),
            None => (String::new(), Map::new()),
        },
        Json::String(name) => (name, Map::new()),
        other @ (Json::Null | Json::Bool(_) | Json::Number(_) | Json::Array(_)) => {
            (other.to_string(), Map::new())
        }
    }
}

fn with_steps(fields: Map<String, Json>, text: &Workflow) -> Map<String, Json> {
    let mut shown = Map::new();
    for (name, value) in fields {
        match (name.as_str(), &value) {
            ("of" | "at", Json::Array(numbers)) => item_into(&mut shown, numbers, text),
            ("s", Json::Number(_)) => drop(shown.insert("step".to_owned(), step_name(&value, text))),
            ("by_step" | "from", Json::Number(_)) => drop(shown.insert(name, step_name(&value, text))),
            ("cover" | "steps" | "closing_steps", Json::Array(steps)) => {
                let names = steps.iter().map(|step| step_name(step, text)).collect();
                shown.insert(name, Json::Array(names));
            }
            _ => drop(shown.insert(name, value)),
        }
    }
    shown
}

/// `[step, round, item]`, with the attempt behind, and `true` for what takes back.
fn item_into(shown: &mut Map<String, Json>, numbers: &[Json], text: &Workflow) {
    let names = ["step", "round", "item", "attempt"];
    for (name, number) in names.into_iter().zip(numbers) {
        if name == "step" {
            shown.insert(name.to_owned(), step_name(number, text));
        } else if number.is_number() {
            shown.insert(name.to_owned(), number.clone());
        }
    }
    if numbers.last() == Some(&Json::Bool(true)) {
        shown.insert("undo".to_owned(), json!(true));
    }
}

fn step_name(number: &Json, text: &Workflow) -> Json {
    let no = number.as_u64().and_then(|no| u16::try_from(no).ok()).map(StepNo);
    match no.and_then(|no| text.steps.get(no.index())) {
        Some(step) => Json::String(step.path().into_owned()),
        None => number.clone(),
    }
}
