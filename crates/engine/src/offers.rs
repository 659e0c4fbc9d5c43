//! What one click can answer: an approval, or a form that asks for one choice.

use std::sync::Arc;

use serde_json::Value as Json;
use yizhan_workflow::form::{self, Field, Kind, Required};
use yizhan_workflow::id::Item;
use yizhan_workflow::plan::{Work, Workflow};
use yizhan_workflow::run::World;
use yizhan_workflow::run::names::{Names, Standpoint};
use yizhan_workflow::run::state::Run;

use crate::letter::Offer;
use crate::link::Choice;

/// More choices are no buttons any more.
const OFFERS_MAX: usize = 7;

pub(crate) fn offers_of(run: &Run, text: &Arc<Workflow>, world: &World, item: Item) -> Vec<Offer> {
    let Work::Ask(ask) = text.step(item.step).work_of(item) else { return vec![] };
    let approval = ask.approve.as_ref().and_then(|_| ask.form.field("approved"));
    let Some(field) = approval.or_else(|| the_one(&ask.form.fields)) else { return vec![] };
    // Options that hang on what is filled in are no buttons: nothing is filled in yet.
    let worked = || {
        let scope = Names::of(run, text, world, run.last, Standpoint::Item(item));
        field.choices(&scope).unwrap_or_default()
    };
    let offers = choices(field, &worked);
    if offers.len() > OFFERS_MAX || !offers.iter().all(|offer| offer.choice.fits()) { vec![] } else { offers }
}

/// The only field that must be filled in.
fn the_one(fields: &[Field]) -> Option<&Field> {
    let asked = |field: &&Field| field.value.is_none() || field.kind == Kind::Table;
    let left_out = |field: &&Field| !matches!(field.required, Required::Always(false));
    let mut must = fields.iter().filter(asked).filter(left_out);
    let one = must.next()?;
    (must.next().is_none() && one.when.is_none()).then_some(one)
}

fn choices(field: &Field, worked: &dyn Fn() -> Vec<form::Choice>) -> Vec<Offer> {
    let offer =
        |value: Json, label: Option<Arc<str>>| Offer { choice: Choice(field.name.clone(), value), label };
    if field.kind == Kind::Yesno {
        return vec![offer(Json::Bool(true), None), offer(Json::Bool(false), None)];
    }
    if field.kind != Kind::Choice {
        return vec![];
    }
    worked().into_iter().map(|one| offer(Json::from(&*one.code), Some(one.label))).collect()
}
