//! One step that writes into a register or takes a number: what it gives, and the rows of it.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Value as Json, json};
use yizhan_workflow::expression::value_of_json;
use yizhan_workflow::id::Millis;
use yizhan_workflow::register::{
    Amend, Append, Body, Bounds, EntryFault, EntryKind, Erase, Nth, OnlyIf, Register, Target, groups, meets,
    seal, seal_again, sealed,
};
use yizhan_workflow::run::World;
use yizhan_workflow::run::event::Raw;

use super::look;
use super::tally::{Budget, Counting, Halt};
use super::writing::{Line, Place, Writing, about_output, appended};
use super::{Advance, Fault, Ledgers, Written, salt};
use crate::carrier::Call;
use crate::handle::Reply;
use crate::store::{Note, Reads, Standing, TakenNumber};

/// What is said to an append.
enum Judgement {
    /// By this condition, counted from 1.
    Refused {
        because: usize,
    },
    Taken(Vec<Nth>),
}

/// A step that waits for its turn.
#[derive(Debug)]
pub(super) struct Task {
    pub call: Call,
    what: What,
    /// The registers that it looks at or writes into.
    pub registers: Vec<Arc<str>>,
    /// It must see all that was written before.
    pub looks: bool,
    /// Who is answered, where no run waits for it.
    pub reply: Option<Reply>,
    /// It is counted for beside the loop, and has its turn again when that is told.
    pub judged_in: Option<u64>,
}

#[derive(Debug)]
enum What {
    Append { append: Append, entries: Vec<Raw>, conditions: Vec<OnlyIf> },
    Amend(Amend),
    Void(Target),
    Erase(Erase),
    Next(Next),
}

#[derive(Debug, Deserialize)]
struct Next {
    sequence: Arc<str>,
}

fn unread(error: impl std::fmt::Display) -> Fault {
    Fault::new("YZ0327", error.to_string())
}

impl Task {
    pub(super) fn read(call: Call) -> Result<Self, Fault> {
        let what = match (&*call.plugin, &*call.action) {
            ("register", "append") => {
                let append = Append::read(&call.input).map_err(unread)?;
                let entries = append.entries().map_err(unread)?;
                let conditions = append.conditions().map_err(unread)?;
                What::Append { append, entries, conditions }
            }
            ("register", "amend") => What::Amend(serde_json::from_str(&call.input).map_err(unread)?),
            ("register", "void") => What::Void(serde_json::from_str(&call.input).map_err(unread)?),
            ("register", "erase") => What::Erase(serde_json::from_str(&call.input).map_err(unread)?),
            ("number", "next") => What::Next(serde_json::from_str(&call.input).map_err(unread)?),
            (plugin, action) => {
                return Err(unread(format!("there is no built-in action `{plugin}.{action}`")));
            }
        };
        let (registers, looks) = match &what {
            What::Append { append, conditions, .. } => {
                let mut registers = vec![append.register.clone()];
                registers.extend(conditions.iter().filter_map(|one| one.register.clone()));
                (registers, !conditions.is_empty() || !append.per.0.is_empty())
            }
            What::Amend(amend) => (vec![amend.register.clone()], true),
            What::Void(target) => (vec![target.register.clone()], true),
            What::Erase(erase) => (vec![erase.register.clone()], true),
            What::Next(_) => (vec![], false),
        };
        Ok(Self { call, what, registers, looks, reply: None, judged_in: None })
    }
}

/// What a step works with.
pub(super) struct Work<'a> {
    pub reads: &'a dyn Reads,
    pub world: &'a World,
    pub now: Millis,
    pub ledgers: &'a mut Ledgers,
    pub budget: &'a mut Budget,
}

impl Work<'_> {
    pub(super) fn carry_out(mut self, task: &Task) -> Result<Written, Halt> {
        let call = &task.call;
        if let What::Next(next) = &task.what {
            return Ok(self.next(call, &next.sequence)?);
        }
        // Begun anew after a crash: the first result comes back.
        let before: Vec<_> =
            self.reads.register_written(&call.key)?.into_iter().map(|line| line.entry).collect();
        match (&task.what, before.first()) {
            (What::Append { .. }, Some(_)) => Ok(Written::nothing(appended(&before, &[]))),
            (_, Some(first)) => Ok(Written::nothing(about_output(first))),
            (What::Append { append, entries, conditions }, None) => {
                self.append(call, append, entries, conditions)
            }
            (What::Amend(amend), None) => Ok(self.amend(call, amend)?),
            (What::Void(target), None) => Ok(self.void(call, target)?),
            (What::Erase(erase), None) => Ok(self.erase(call, erase)?),
            (What::Next(next), None) => Ok(self.next(call, &next.sequence)?),
        }
    }

    fn register(&self, name: &Arc<str>) -> Result<Arc<Register>, Fault> {
        Ok(look::declared(self.world, name)?.clone())
    }

    fn begin<'c>(&mut self, register: &Register, call: &'c Call) -> Result<Writing<'c>, Fault> {
        let head = self.ledgers.head(self.reads, &register.name)?;
        let series = register.number.series(self.now, &self.world.zone);
        let place = Place { register: register.name.clone(), series, at: self.now, head };
        Ok(Writing::new(call, place, self.ledgers.signet.clone()))
    }

    // ---- append ---------------------------------------------------------------------------------------------------

    fn append(
        &mut self,
        call: &Call,
        append: &Append,
        given: &[Raw],
        conditions: &[OnlyIf],
    ) -> Result<Written, Halt> {
        let register = self.register(&append.register)?;
        let values = accepted(&register, given)?;
        let nths = match self.judge(&register, append, conditions, &values)? {
            Judgement::Refused { because } => {
                return Ok(Written::nothing(json!({ "result": "refused", "because": because }).to_string()));
            }
            Judgement::Taken(nths) => nths,
        };
        let twice = yizhan_faults::seeded("registers.entry-twice");
        let values = if twice { [&*values, &*values].concat() } else { values };
        let mut writing = self.begin(&register, call)?;
        let mut count = self.ledgers.count(self.reads, &register.name, writing.series())?;
        for values in &values {
            count += if yizhan_faults::seeded("registers.number-skipped") { 2 } else { 1 };
            let line = Line {
                kind: EntryKind::Entry,
                of: None,
                number: register.number.number(count, self.now, &self.world.zone),
                count,
                why: None,
                body: sealed_body(&register, values)?,
                card: register.card(&value_of_json(values)),
            };
            writing.line(line, vec![]);
        }
        let output = appended(&writing.entries(), &nths);
        Ok(writing.done(output))
    }

    /// Counts what the step asks for and writes nothing.
    pub(super) fn judge_alone(mut self, task: &Task) -> Result<(), Halt> {
        let What::Append { append, entries, conditions } = &task.what else { return Ok(()) };
        let register = self.register(&append.register)?;
        let values = accepted(&register, entries)?;
        self.judge(&register, append, conditions, &values).map(drop)
    }

    fn judge(
        &mut self,
        register: &Register,
        append: &Append,
        conditions: &[OnlyIf],
        values: &[String],
    ) -> Result<Judgement, Halt> {
        if let Some(because) = self.against(append, conditions)? {
            return Ok(Judgement::Refused { because });
        }
        Ok(Judgement::Taken(self.nths(register, append, values)?))
    }

    fn counted(&mut self, register: &Register, filter: &str, bounds: Bounds, most: u64) -> Result<u64, Halt> {
        let head = self.ledgers.head(self.reads, &register.name)?.map_or(0, |head| head.seq);
        let (reads, tallies, budget) = (self.reads, &mut self.ledgers.tallies, &mut *self.budget);
        Counting { reads, tallies, budget, head }.count(register, filter, bounds, most)
    }

    /// The first condition that does not hold, counted from 1.
    fn against(&mut self, append: &Append, conditions: &[OnlyIf]) -> Result<Option<usize>, Halt> {
        for (at, condition) in conditions.iter().enumerate() {
            let register = self.register(condition.register.as_ref().unwrap_or(&append.register))?;
            let bounds = look::bounds(condition.period.as_ref(), self.now, self.world)?;
            let filter = condition.filter.as_ref().map_or("{}", Raw::get);
            if !meets(condition, self.counted(&register, filter, bounds, condition.enough())?) {
                return Ok(Some(at + 1));
            }
        }
        Ok(None)
    }

    /// Which of its like each entry is: those before it in the same step are counted as well.
    fn nths(&mut self, register: &Register, append: &Append, values: &[String]) -> Result<Vec<Nth>, Halt> {
        let columns = &append.per.0;
        if columns.is_empty() {
            return Ok(vec![]);
        }
        if let Some(column) = columns.iter().find(|column| !register.has_column(column)) {
            return Err(Fault::new("YZ0351", look::no_column(register, column).to_string()).into());
        }
        let bounds = look::bounds(append.period.as_ref(), self.now, self.world)?;
        let mut seen: BTreeMap<String, Nth> = BTreeMap::new();
        let mut nths = Vec::with_capacity(values.len());
        for values in values {
            let filter = groups(columns, values);
            let before = match seen.get(&filter) {
                Some(before) => *before,
                None => Nth {
                    nth: self.counted(register, &filter, bounds, u64::MAX)?,
                    total: self.counted(register, &filter, look::EVER, u64::MAX)?,
                },
            };
            let nth = Nth { nth: before.nth + 1, total: before.total + 1 };
            seen.insert(filter, nth);
            nths.push(nth);
        }
        Ok(nths)
    }

    // ---- about an entry -------------------------------------------------------------------------------------------

    fn target(&self, register: &Register, number: &Json) -> Result<Standing, Fault> {
        if number.is_null() {
            let message = format!("no number says which entry of the register `{}` is meant", register.name);
            return Err(Fault::new("YZ0352", message));
        }
        let number = number.as_str().map_or_else(|| number.to_string(), str::to_owned);
        self.reads.register_numbered(&register.name, &number)?.ok_or_else(|| {
            Fault::new("YZ0352", format!("the register `{}` has no entry `{number}`", register.name))
        })
    }

    /// The line with the entry's present values.
    fn standing(&self, register: &Register, target: &Standing) -> Result<Standing, Fault> {
        let Some(shown) = target.shown else {
            let message = format!("the entry `{}` of `{}` is void", target.entry.number, register.name);
            return Err(Fault::new("YZ0353", message));
        };
        self.reads.register_line(&register.name, shown)?.ok_or_else(|| {
            Fault::new("YZ0352", format!("line {shown} of the register `{}` is not there", register.name))
        })
    }

    fn amend(&mut self, call: &Call, amend: &Amend) -> Result<Written, Fault> {
        let register = self.register(&amend.register)?;
        if wrote_nothing(call, &amend.number) {
            return Ok(Written::nothing("{}".to_owned()));
        }
        let target = self.target(&register, &amend.number)?;
        let now = self.standing(&register, &target)?.entry;
        let present = Body::opened(&now.body, now.private.as_ref(), true);
        let values = register.amended(&present, amend.set.get()).map_err(|fault| unfit(fault, 0, 1))?;
        let body = seal_again(&register, &values, &sealed(now.body.get()), &mut salt).ok_or_else(no_table)?;
        let mut line = about(&target, EntryKind::Amend, amend.why.clone(), body);
        line.card = register.card(&value_of_json(&values));
        self.write_about(call, &register, line, vec![])
    }

    fn void(&mut self, call: &Call, given: &Target) -> Result<Written, Fault> {
        let register = self.register(&given.register)?;
        if wrote_nothing(call, &given.number) {
            return Ok(Written::nothing("{}".to_owned()));
        }
        let target = self.target(&register, &given.number)?;
        self.standing(&register, &target)?;
        let line = about(&target, EntryKind::Void, given.why.clone(), plain(&json!({})));
        self.write_about(call, &register, line, vec![])
    }

    /// Forgets private values in the entry and in all that amended it.
    fn erase(&mut self, call: &Call, erase: &Erase) -> Result<Written, Fault> {
        let register = self.register(&erase.register)?;
        let target = self.target(&register, &erase.number)?;
        let mut lines = self.reads.register_about(&register.name, target.entry.seq)?;
        lines.push(target.clone());
        let mut private: Vec<String> = lines.iter().flat_map(|line| sealed(line.entry.body.get())).collect();
        private.sort();
        private.dedup();
        if let Some(field) = erase.fields.0.iter().find(|field| !private.contains(field)) {
            let message = format!("`{field}` is no private column of the entry `{}`", target.entry.number);
            return Err(Fault::new("YZ0351", message));
        }
        let fields = if erase.fields.0.is_empty() { private } else { erase.fields.0.clone() };
        let forgets = lines.iter().filter_map(|line| {
            let private = line.entry.private.as_ref()?;
            Some((line.entry.seq, Body::without(private, &fields)))
        });
        let forgets = forgets.collect();
        let line = about(&target, EntryKind::Erase, erase.why.clone(), plain(&json!({ "fields": fields })));
        self.write_about(call, &register, line, forgets)
    }

    fn write_about(
        &mut self,
        call: &Call,
        register: &Register,
        line: Line,
        forgets: Vec<(u64, Option<Raw>)>,
    ) -> Result<Written, Fault> {
        let mut writing = self.begin(register, call)?;
        writing.line(line, forgets);
        let output = writing.entries().last().map_or_else(String::new, about_output);
        Ok(writing.done(output))
    }

    // ---- sequences ------------------------------------------------------------------------------------------------

    fn next(&mut self, call: &Call, name: &Arc<str>) -> Result<Written, Fault> {
        if let Some(taken) = self.reads.sequence_taken(&call.key)? {
            return Ok(Written::nothing(number_output(&taken.number, taken.count)));
        }
        let Some(numbered) = self.world.registers.sequences.get(name) else {
            let message = format!("config/registers.toml declares no sequence `{name}`");
            return Err(Fault { code: "YZ0350", message, retry: true });
        };
        let series = numbered.series(self.now, &self.world.zone);
        let count = self.ledgers.sequence(self.reads, name, &series)? + 1;
        let number = numbered.number(count, self.now, &self.world.zone);
        let output = number_output(&number, count);
        let (sequence, key) = (name.clone(), call.key.clone());
        let taken = TakenNumber { sequence, series: series.clone(), count, number, key, at: self.now };
        Ok(Written {
            output,
            notes: vec![Note::Number(Box::new(taken))],
            advance: Advance { sequence: Some((name.clone(), series, count)), ..Advance::default() },
        })
    }
}

fn number_output(number: &str, count: u64) -> String {
    json!({ "number": number, "count": count }).to_string()
}

/// The values as they are kept.
fn accepted(register: &Register, given: &[Raw]) -> Result<Vec<String>, Fault> {
    let accept =
        |(at, raw): (usize, &Raw)| register.accept(raw.get()).map_err(|fault| unfit(fault, at, given.len()));
    given.iter().enumerate().map(accept).collect()
}

fn unfit(fault: EntryFault, at: usize, of: usize) -> Fault {
    let message = if of > 1 { format!("entry {}: {fault}", at + 1) } else { fault.to_string() };
    Fault::new("YZ0351", message)
}

fn sealed_body(register: &Register, values: &str) -> Result<Body, Fault> {
    seal(register, values, &mut salt).ok_or_else(no_table)
}

fn no_table() -> Fault {
    Fault::new("YZ0351", "the values are no table")
}

fn plain(values: &Json) -> Body {
    Body { body: Raw::from(values), private: None }
}

/// What takes back an `append` that was refused finds nothing that it wrote.
fn wrote_nothing(call: &Call, number: &Json) -> bool {
    number.is_null() && call.undo
}

/// A line about an entry, which keeps its card.
fn about(target: &Standing, kind: EntryKind, why: Option<Arc<str>>, body: Body) -> Line {
    let (number, card) = (target.entry.number.clone(), target.card.clone());
    Line { kind, of: Some(target.entry.seq), number, count: 0, why, body, card }
}
