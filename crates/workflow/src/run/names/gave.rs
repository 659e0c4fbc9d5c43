//! What a step gave, as expressions read it: one item's fields, the items of an `each`, the steps that a step holds.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use jiff::tz::TimeZone;
use minijinja::value::{Enumerator, Object, ObjectRepr, Value};

use super::super::approve::settling;
use super::super::clock::{ClockState, StoppedBy};
use super::super::event::{ItemEnd, Raw};
use super::super::state::{At, Done, ItemState, StepState};
use super::{Inner, item_word, state_word};
use crate::expression;
use crate::id::{Millis, ScopeNo, StepNo};
use crate::people::People;
use crate::plan::{Work, Workflow};

pub(super) fn readable(state: &Arc<StepState>, as_it_stands: bool) -> Option<Arc<StepState>> {
    if state.is_over() || (as_it_stands && state.over > 0) {
        return Some(state.clone());
    }
    state.earlier.clone()
}

/// Reads what a step gave.
pub(super) struct Reader<'s> {
    pub(super) text: &'s Arc<Workflow>,
    pub(super) people: &'s Arc<People>,
    pub(super) inner: &'s Inner,
    pub(super) step: StepNo,
    pub(super) now: Millis,
    pub(super) zone: &'s TimeZone,
    /// The scope of the open item whose own words these are: it reads the steps that it holds as they stand.
    pub(super) own: Option<ScopeNo>,
}

impl Reader<'_> {
    pub(super) fn value(&self, now: &StepState, read: Option<Arc<StepState>>) -> Value {
        let each = self.text.step(self.step).each.is_some();
        match (read, each) {
            (Some(state), true) => {
                let (text, people, inner) = (self.text.clone(), self.people.clone(), self.inner.clone());
                let (step, now, zone) = (self.step, self.now, self.zone.clone());
                Value::from_object(Answers { of: state, text, people, inner, step, now, zone })
            }
            (read, _) => Value::from_object(self.of_step(now, read.as_deref())),
        }
    }

    /// What a step gave that holds steps: theirs, by their ids.
    fn inside(&self, scope: Option<ScopeNo>) -> Option<Inside> {
        let Work::Hold { .. } = &self.text.step(self.step).work else { return None };
        let (text, people, inner) = (self.text.clone(), self.people.clone(), self.inner.clone());
        let (holder, now, zone) = (self.step, self.now, self.zone.clone());
        Some(Inside { text, people, inner, holder, scope, now, zone })
    }

    /// What a task's form took, with its people as people.
    fn output(&self, output: Option<&Raw>) -> Option<Value> {
        let value = expression::value_of_text(output?.clone());
        Some(match &self.text.step(self.step).work {
            Work::Ask(ask) => super::people::read(value, &ask.form, self.people),
            Work::Use { .. }
            | Work::Await(_)
            | Work::Wait { .. }
            | Work::Run { .. }
            | Work::Check { .. }
            | Work::End { .. }
            | Work::Hold { .. } => value,
        })
    }

    fn by(&self, by: Option<&Arc<str>>) -> Option<Value> {
        by.map(|by| expression::person(by, self.people))
    }
}

#[derive(Clone)]
struct Inside {
    text: Arc<Workflow>,
    people: Arc<People>,
    inner: Inner,
    holder: StepNo,
    scope: Option<ScopeNo>,
    now: Millis,
    zone: TimeZone,
}

impl Inside {
    fn step(&self, id: &str) -> Option<Value> {
        let step =
            *self.text.steps_in(Some(self.holder)).iter().find(|no| &*self.text.step(**no).id == id)?;
        let state = self.scope.and_then(|scope| self.inner.get(&scope)).and_then(|scope| scope.step(step));
        let (text, people, inner) = (&self.text, &self.people, &self.inner);
        let reader = Reader { text, people, inner, step, now: self.now, zone: &self.zone, own: None };
        Some(match state {
            Some(state) => reader.value(state, readable(state, true)),
            // Not begun: a step of which nothing is known.
            None => reader.value(&StepState::default(), None),
        })
    }
}

/// What one item gave, with the fields that every step has. Fields of a step that gave nothing are empty.
pub(super) struct Answer {
    output: Option<Value>,
    by: Option<Value>,
    opened: Option<Millis>,
    ended: Option<Millis>,
    due: Option<Millis>,
    late: bool,
    clock: Option<Timed>,
    state: &'static str,
    outcome: Option<Arc<str>>,
    round: u32,
    item: Option<u32>,
    inside: Option<Inside>,
    /// Who signed what and when, where several sign.
    signatures: Option<Vec<Value>>,
    zone: TimeZone,
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Answer({:?})", self.output)
    }
}

impl Reader<'_> {
    fn of_step(&self, now: &StepState, read: Option<&StepState>) -> Answer {
        let signed = self.text.step(self.step).approve().is_some();
        let item = read.and_then(|step| if signed { settling(step) } else { step.items.first() });
        // Of several who sign, the one who must be first.
        let standing = || {
            let open = now.items.iter().filter(|item| !signed || !item.is_over());
            open.min_by_key(|item| item.due.map_or(i64::MAX, |due| due.0))
        };
        let standing = if now.is_over() { None } else { standing() };
        Answer {
            signatures: signed.then(|| read.into_iter().flat_map(|step| self.signatures(step)).collect()),
            output: self.output(item.and_then(|item| item.output.as_ref())),
            by: self.by(item.and_then(|item| item.by.as_ref())),
            opened: read.and_then(|step| step.opened),
            ended: read.and_then(|step| step.ended),
            due: standing.or(item).and_then(|item| item.due),
            late: if signed {
                // Late is the step as soon as one of those who signed or sign was.
                let of = if now.is_over() { read } else { Some(now) };
                of.is_some_and(|step| step.items.iter().any(|item| item.late))
            } else {
                standing.or(item).is_some_and(|item| item.late)
            },
            clock: standing.or(item).and_then(|item| Timed::of(item, self.now)),
            state: state_word(now),
            outcome: item.and_then(|item| item.outcome.clone()),
            round: read.map_or(now.round, |step| step.round),
            item: None,
            inside: self.inside(self.own.or_else(|| item.and_then(|item| item.scope))),
            zone: self.zone.clone(),
        }
    }

    fn of_item(&self, step: &StepState, number: u32, item: &ItemState) -> Answer {
        Answer {
            signatures: None,
            output: self.output(item.output.as_ref()),
            by: self.by(item.by.as_ref()),
            opened: item.opened,
            ended: item.ended,
            due: item.due,
            late: item.late,
            clock: Timed::of(item, self.now),
            state: item_word(item),
            outcome: item.outcome.clone(),
            round: step.round,
            item: Some(number),
            inside: self.inside(item.scope),
            zone: self.zone.clone(),
        }
    }

    pub(super) fn of_done(&self, done: &Done) -> Answer {
        Answer {
            signatures: None,
            output: self.output(done.output.as_ref()),
            by: self.by(done.by.as_ref()),
            opened: done.opened,
            ended: done.ended,
            due: None,
            late: false,
            clock: None,
            state: "done",
            outcome: done.outcome.clone(),
            round: done.of.round,
            item: Some(done.of.item),
            inside: self.inside(done.scope),
            zone: self.zone.clone(),
        }
    }

    /// The signatures of a step, each with what its signer filled in.
    fn signatures(&self, step: &StepState) -> Vec<Value> {
        let signed = step.items.iter().filter(|item| item.is_over() && item.by.is_some());
        signed
            .map(|item| {
                let said = self.output(item.output.as_ref());
                let keys = said.iter().flat_map(|said| said.try_iter().into_iter().flatten());
                let fields = keys.filter_map(|key| {
                    let value = said.as_ref()?.get_item(&key).ok()?;
                    Some((key.to_string(), value))
                });
                let who = |who: Option<&Arc<str>>| self.by(who).unwrap_or_else(expression::empty);
                let at = instant(item.ended, self.zone);
                let own = [("by", who(item.by.as_ref())), ("for", who(item.for_whom.as_ref())), ("at", at)];
                let own = own.into_iter().map(|(key, value)| (key.to_owned(), value));
                fields.chain(own).collect::<BTreeMap<_, _>>().into()
            })
            .collect()
    }
}

/// In the house's zone, as `now` and `run.started` are.
fn instant(at: Option<Millis>, zone: &TimeZone) -> Value {
    at.and_then(Millis::timestamp).map_or_else(expression::empty, |at| {
        Value::from(at.to_zoned(zone.clone()).strftime("%Y-%m-%dT%H:%M:%S%.f%:z").to_string())
    })
}

/// The clock of an item, and when it is looked at: when the item was over, at the latest.
struct Timed {
    clock: Arc<ClockState>,
    at: Millis,
}

impl Timed {
    fn of(item: &ItemState, now: Millis) -> Option<Self> {
        Some(Self { clock: item.clock.clone()?, at: item.ended.unwrap_or(now) })
    }
}

impl Answer {
    /// What is used and left, in hours, and when and why it stood.
    fn clock_value(&self, Timed { clock, at }: &Timed) -> Value {
        let hours = |ms: i64| expression::hours_of(i128::from(ms)).unwrap_or_else(expression::empty);
        let mut stood: Vec<Value> = clock
            .stood
            .iter()
            .map(|stood| {
                self.line((stood.from, Some(stood.to)), stood.file.as_deref(), stood.person.as_ref())
            })
            .collect();
        let stands = clock.stands.as_deref();
        stood.extend(
            stands.map(|stands| {
                self.line((stands.since, None), stands.file.as_deref(), stands.person.as_ref())
            }),
        );
        let left = self.due.map_or_else(expression::empty, |due| hours(clock.left(due, *at)));
        super::map([
            ("due", instant(self.due, &self.zone)),
            ("left", left),
            ("used", hours(clock.used(*at))),
            ("late", Value::from(self.late)),
            ("stands", Value::from(stands.is_some())),
            ("stood", Value::from(stood)),
        ])
    }

    /// A line of the ledger.
    fn line(
        &self,
        (from, to): (Millis, Option<Millis>),
        file: Option<&str>,
        person: Option<&StoppedBy>,
    ) -> Value {
        let text = |text: Option<&str>| text.map_or_else(expression::empty, Value::from);
        super::map([
            ("from", instant(Some(from), &self.zone)),
            ("to", instant(to, &self.zone)),
            ("why", text(file.or_else(|| person.map(|person| &*person.reason)))),
            ("by", text(person.map(|person| &*person.by))),
        ])
    }
}

impl Object for Answer {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Map
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let text = |text: &Option<Arc<str>>| text.as_deref().map_or_else(expression::empty, Value::from);
        Some(match key.as_str()? {
            "by" => self.by.clone().unwrap_or_else(expression::empty),
            "opened" => instant(self.opened, &self.zone),
            "ended" => instant(self.ended, &self.zone),
            "due" => instant(self.due, &self.zone),
            "late" => Value::from(self.late),
            "clock" => self.clock.as_ref().map_or_else(expression::empty, |clock| self.clock_value(clock)),
            "state" => Value::from(self.state),
            "outcome" => text(&self.outcome),
            "round" => Value::from(self.round),
            "item" => self.item.map_or_else(expression::empty, Value::from),
            "signatures" if self.signatures.is_some() => Value::from(self.signatures.clone()?),
            // A name that the step does not declare was found when the file was checked; so what is not there is empty.
            name if self.inside.is_some() => self.inside.as_ref().and_then(|inside| inside.step(name))?,
            name => self
                .output
                .as_ref()
                .and_then(|output| output.get_attr(name).ok())
                .filter(|value| !value.is_undefined())
                .unwrap_or_else(expression::empty),
        })
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        if let Some(inside) = &self.inside {
            let ids = inside.text.steps_in(Some(inside.holder)).iter().map(|no| &inside.text.step(*no).id);
            return Enumerator::Values(ids.map(|id| Value::from(&**id)).collect());
        }
        match self.output.as_ref().and_then(|output| output.try_iter().ok()) {
            Some(keys) => Enumerator::Values(keys.collect()),
            None => Enumerator::Empty,
        }
    }
}

/// The items of an `each`: a list, and by a field's name the list of that field.
struct Answers {
    of: Arc<StepState>,
    text: Arc<Workflow>,
    people: Arc<People>,
    inner: Inner,
    step: StepNo,
    now: Millis,
    zone: TimeZone,
}

impl fmt::Debug for Answers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Answers({})", self.of.items.len())
    }
}

impl Answers {
    fn at(&self, number: usize) -> Option<Value> {
        let item = self.of.items.get(number)?;
        let number = u32::try_from(number).ok()?;
        let (text, people, inner, zone) = (&self.text, &self.people, &self.inner, &self.zone);
        let reader = Reader { text, people, inner, step: self.step, now: self.now, zone, own: None };
        Some(match &item.at {
            At::Over(ItemEnd::Done) => Value::from_object(reader.of_item(&self.of, number, item)),
            // Its owner said what it would have given.
            At::Over(ItemEnd::Skipped) if item.output.is_some() => {
                Value::from_object(reader.of_item(&self.of, number, item))
            }
            // Places are kept; what an item did not give is empty.
            At::Over(_) | At::Is(_) => expression::empty(),
        })
    }
}

impl Object for Answers {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Seq
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        if let Some(at) = key.as_usize() {
            return self.at(at);
        }
        let name = key.as_str()?;
        match name {
            "state" => Some(Value::from(state_word(&self.of))),
            "round" => Some(Value::from(self.of.round)),
            _ => {
                let all = (0..self.of.items.len()).map(|at| self.at(at)?.get_attr(name).ok());
                let all: Vec<Value> = all.collect::<Option<_>>()?;
                let holds = matches!(self.text.step(self.step).work, Work::Hold { .. });
                Some(if holds { Value::from_object(Many(all)) } else { Value::from(all) })
            }
        }
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Seq(self.of.items.len())
    }
}

/// What a step gave in each item of the one that holds it: a list, and by a field's name the list of that field.
#[derive(Debug)]
struct Many(Vec<Value>);

impl Object for Many {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Seq
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        if let Some(at) = key.as_usize() {
            return self.0.get(at).cloned();
        }
        let name = key.as_str()?;
        self.0.iter().map(|one| one.get_attr(name).ok()).collect::<Option<Vec<_>>>().map(Value::from)
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Seq(self.0.len())
    }
}
