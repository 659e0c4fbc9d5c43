//! Files that an answer or a start names: kept ones, with the size that they have and not the one that is said.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value as Json;
use serde_json::value::RawValue;
use yizhan_workflow::form::{Form, Kind};
use yizhan_workflow::run::event::Raw;

use super::artifacts::is_hash;
use crate::desk::Desk;
use crate::refusal::Refusal;

/// Sets the size of each kept file in the fields of a form.
///
/// # Errors
/// When one is named that is not kept.
pub(super) fn sized(desk: &Desk, fields: Raw) -> Result<Raw, Refusal> {
    if !fields.get().contains("\"artifact\"") {
        return Ok(fields);
    }
    let mut all: BTreeMap<String, Box<RawValue>> = crate::body::parse(fields.get().as_bytes())?;
    for value in all.values_mut().filter(|value| value.get().contains("\"artifact\"")) {
        let mut named: Json = crate::body::parse(value.get().as_bytes())?;
        size_of(desk, &mut named)?;
        *value = serde_json::value::to_raw_value(&named)
            .map_err(|error| Refusal::bug("a field has no JSON form", &error))?;
    }
    let json =
        serde_json::to_string(&all).map_err(|error| Refusal::bug("fields have no JSON form", &error))?;
    Raw::new(json).ok_or(Refusal::Bug)
}

/// Sets the size of each kept file in what a case is to begin with, whose form asks for some.
///
/// # Errors
/// When one is named that is not kept.
pub(super) async fn sized_input(desk: &Arc<Desk>, form: &Form, mut input: Json) -> Result<Json, Refusal> {
    if !asks_for_files(form) {
        return Ok(input);
    }
    desk.read(move |desk| size_of(desk, &mut input).map(|()| input)).await
}

/// The same of a list of files.
///
/// # Errors
/// When one is named that is not kept.
pub(super) async fn sized_list(desk: &Arc<Desk>, files: Vec<Json>) -> Result<Json, Refusal> {
    let mut files = Json::Array(files);
    desk.read(move |desk| size_of(desk, &mut files).map(|()| files)).await
}

/// Elsewhere `artifact` is a name as any other.
fn asks_for_files(form: &Form) -> bool {
    form.fields.iter().any(|field| {
        matches!(field.kind, Kind::File | Kind::Files | Kind::Checklist | Kind::Signature)
            || asks_for_files(&field.columns)
    })
}

fn size_of(desk: &Desk, value: &mut Json) -> Result<(), Refusal> {
    match value {
        Json::Array(list) => list.iter_mut().try_for_each(|one| size_of(desk, one)),
        Json::Object(map) => {
            let Some(Json::String(hash)) = map.get("artifact") else {
                return map.values_mut().try_for_each(|one| size_of(desk, one));
            };
            let no_such = || Refusal::NoSuch { kind: "artifact", name: hash.chars().take(64).collect() };
            let kept = if is_hash(hash) { desk.house.artifact_size(hash) } else { Ok(None) };
            let kept = kept.map_err(|error| Refusal::bug("an artifact could not be read", &error))?;
            let size = kept.ok_or_else(no_such)?;
            map.insert("size".to_owned(), Json::from(size));
            Ok(())
        }
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => Ok(()),
    }
}
