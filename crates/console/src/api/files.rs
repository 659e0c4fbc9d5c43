//! Files that an answer or a start names: kept ones that whoever names them sent, or sees where they name them, with the size
//! that they have and not the one that is said. A hash is no key: it may be known, or guessed of what everybody has.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::value::RawValue;
use serde_json::{Value as Json, json};
use yizhan_workflow::form::{Form, Kind};
use yizhan_workflow::run::event::Raw;

use super::artifacts::{is_hash, shows_file};
use super::{Looking, tasks};
use crate::caller::{Caller, Who};
use crate::desk::Desk;
use crate::refusal::Refusal;

/// Whoever names files.
#[derive(Clone, Debug)]
pub(crate) struct Sender {
    /// By which files of theirs are known; none for whoever has the socket, and with it the disk.
    names: Option<Vec<String>>,
    /// What they see of the task that they answer.
    sees: String,
}

impl Sender {
    pub(crate) fn of(caller: &Caller) -> Self {
        let own = caller.person().map(|id| format!("person:{id}"));
        let names = [Some(caller.name()), own].into_iter().flatten();
        let is_owner = caller.who == Some(Who::Owner);
        Self { names: (!is_owner).then(|| names.collect()), sees: String::new() }
    }

    /// Somebody else's system: it has sent us no file.
    pub(crate) fn stranger() -> Self {
        Self { names: Some(vec![]), sees: String::new() }
    }

    /// The same, who answers a task. One that is not there shows nothing; that is said when it is answered.
    pub(super) async fn answering(desk: &Arc<Desk>, caller: &Caller, task: &str) -> Self {
        let sees = tasks::view_for(desk, caller, task.to_owned(), Looking::default()).await;
        Self { sees: sees.map(|view| view.get().to_owned()).unwrap_or_default(), ..Self::of(caller) }
    }

    fn may_name(&self, desk: &Desk, sha256: &str) -> Result<bool, Refusal> {
        let Some(names) = &self.names else { return Ok(true) };
        for name in names {
            if desk.access.has_sent(name, sha256)? {
                return Ok(true);
            }
        }
        Ok(shows_file(&self.sees, sha256))
    }
}

/// Whether fields may name a file at all. A letter of the key may be written as `\u0061` too.
fn may_name(json: &str) -> bool {
    json.contains("\"artifact\"") || json.contains("\\u")
}

/// Sets the size of each kept file in the fields of a form.
///
/// # Errors
/// When one is named that is not kept, or not for this sender to name.
pub(super) fn sized(desk: &Desk, sender: &Sender, fields: Raw) -> Result<Raw, Refusal> {
    if !may_name(fields.get()) {
        return Ok(fields);
    }
    let mut all: BTreeMap<String, Box<RawValue>> = crate::body::parse(fields.get().as_bytes())?;
    // A field of this name makes of all fields together what reads as a file.
    if let Some(value) = all.get("artifact") {
        let named: Json = crate::body::parse(value.get().as_bytes())?;
        each_is_own(desk, sender, &json!({ "artifact": named }))?;
    }
    for value in all.values_mut().filter(|value| may_name(value.get())) {
        let mut named: Json = crate::body::parse(value.get().as_bytes())?;
        size_of(desk, sender, &mut named)?;
        *value = serde_json::value::to_raw_value(&named)
            .map_err(|error| Refusal::bug("a field has no JSON form", &error))?;
    }
    let json =
        serde_json::to_string(&all).map_err(|error| Refusal::bug("fields have no JSON form", &error))?;
    Raw::new(json).ok_or(Refusal::Bug)
}

/// The same of what somebody says to a task: what they see of it they may name. It is looked at only where they name something.
///
/// # Errors
/// When a file is named that is not kept, or not for them to name.
pub(crate) async fn sized_said(
    desk: &Arc<Desk>,
    caller: &Caller,
    task: &str,
    fields: Raw,
) -> Result<Raw, Refusal> {
    if !may_name(fields.get()) {
        return Ok(fields);
    }
    let sender = Sender::answering(desk, caller, task).await;
    desk.read(move |desk| sized(desk, &sender, fields)).await
}

/// Sets the size of each kept file in what a case is to begin with, where its form asks for some; elsewhere `artifact` is a name as
/// any other, but what reads as a kept file in the case must be theirs.
///
/// # Errors
/// When one is named that is not kept, or not for this sender to name.
pub(super) async fn sized_input(
    desk: &Arc<Desk>,
    sender: Sender,
    form: &Form,
    mut input: Json,
) -> Result<Json, Refusal> {
    if !asks_for_files(form) {
        return desk.read(move |desk| each_is_own(desk, &sender, &input).map(|()| input)).await;
    }
    desk.read(move |desk| size_of(desk, &sender, &mut input).map(|()| input)).await
}

/// The same of a list of files.
///
/// # Errors
/// When one is named that is not kept, or not for this sender to name.
pub(super) async fn sized_list(desk: &Arc<Desk>, sender: Sender, files: Vec<Json>) -> Result<Json, Refusal> {
    let mut files = Json::Array(files);
    desk.read(move |desk| size_of(desk, &sender, &mut files).map(|()| files)).await
}

/// Looks through what somebody says whose shape is theirs: what a step makes a file of there must be one that they may name.
///
/// # Errors
/// When a file is named that is kept, and not theirs to name.
pub(crate) async fn names_its_own(desk: &Arc<Desk>, sender: Sender, json: &str) -> Result<(), Refusal> {
    if !may_name(json) {
        return Ok(());
    }
    let value: Json = crate::body::parse(json.as_bytes())?;
    desk.read(move |desk| each_is_own(desk, &sender, &value)).await
}

/// What is no hash of a kept file is a word as any other.
fn each_is_own(desk: &Desk, sender: &Sender, value: &Json) -> Result<(), Refusal> {
    match value {
        Json::Array(list) => list.iter().try_for_each(|one| each_is_own(desk, sender, one)),
        Json::Object(map) => {
            if let Some(hash) = map.get("artifact").and_then(Json::as_str).filter(|hash| is_hash(hash))
                && kept_size(desk, hash)?.is_some()
                && !sender.may_name(desk, hash)?
            {
                return Err(Refusal::NoSuch { kind: "artifact", name: hash.to_owned() });
            }
            map.values().try_for_each(|one| each_is_own(desk, sender, one))
        }
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => Ok(()),
    }
}

/// Elsewhere `artifact` is a name as any other.
fn asks_for_files(form: &Form) -> bool {
    form.fields.iter().any(|field| {
        matches!(field.kind, Kind::File | Kind::Files | Kind::Checklist | Kind::Signature)
            || asks_for_files(&field.columns)
    })
}

/// None: it is not kept.
fn kept_size(desk: &Desk, hash: &str) -> Result<Option<u64>, Refusal> {
    desk.house.artifact_size(hash).map_err(|error| Refusal::bug("an artifact could not be read", &error))
}

fn size_of(desk: &Desk, sender: &Sender, value: &mut Json) -> Result<(), Refusal> {
    match value {
        Json::Array(list) => list.iter_mut().try_for_each(|one| size_of(desk, sender, one)),
        Json::Object(map) => {
            // A file may stand inside of what looks like one.
            map.values_mut().try_for_each(|one| size_of(desk, sender, one))?;
            let Some(Json::String(hash)) = map.get("artifact") else { return Ok(()) };
            let no_such = || Refusal::NoSuch { kind: "artifact", name: hash.chars().take(64).collect() };
            // What is not theirs is told as what is not there.
            if !is_hash(hash) || !sender.may_name(desk, hash)? {
                return Err(no_such());
            }
            let size = kept_size(desk, hash)?.ok_or_else(no_such)?;
            map.insert("size".to_owned(), Json::from(size));
            Ok(())
        }
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => Ok(()),
    }
}
