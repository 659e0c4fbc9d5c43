//! What one click can answer: an approval, or a form that asks for one choice.

use std::sync::Arc;

use serde_json::Value as Json;
use yizhan_workflow::form::{Field, Kind, Options, Required};
use yizhan_workflow::id::Item;
use yizhan_workflow::plan::{Work, Workflow};

use crate::letter::Offer;
use crate::link::Choice;

/// More choices are no buttons any more.
const OFFERS_MAX: usize = 7;

pub(crate) fn offers_of(text: &Workflow, item: Item) -> Vec<Offer> {
    let Work::Ask(ask) = text.step(item.step).work_of(item) else { return vec![] };
    let approval = ask.approve.as_ref().and_then(|_| ask.form.field("approved"));
    let Some(field) = approval.or_else(|| the_one(&ask.form.fields)) else { return vec![] };
    let offers = choices(field);
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

fn choices(field: &Field) -> Vec<Offer> {
    let offer =
        |value: Json, label: Option<Arc<str>>| Offer { choice: Choice(field.name.clone(), value), label };
    match (field.kind, &field.options) {
        (Kind::Yesno, _) => vec![offer(Json::Bool(true), None), offer(Json::Bool(false), None)],
        (Kind::Choice, Options::Fixed(choices)) => {
            choices.iter().map(|one| offer(Json::from(&*one.code), Some(one.label.clone()))).collect()
        }
        _ => vec![],
    }
}
