//! Who may see what of a case: one answer for every view of it.
//!
//! Private values are seen by whoever gave them and by the readers; readers of the whole file keep the case to themselves and
//! to those who take part in it.

mod words;

use std::cell::OnceCell;
use std::collections::BTreeSet;
use std::sync::Arc;

use super::World;
use super::acts::outsider;
use super::event::TaskSheet;
use super::event::{Raw, Standing};
use super::state::{At, ItemState, Run};
use crate::form::{Field, Form, Kind};
use crate::id::{Item, Millis, ScopeNo, StepAt, StepNo};
use crate::people::{Present, bare};
use crate::plan::{Does, Step, Work, Workflow};
use crate::register::Register;
use crate::register::seal::{object_of, pairs};

/// What is read in the place of a value that is not for this reader.
pub const HIDDEN: &str = "***";

/// A shorter private text is not looked for in others: it would be found in words that have nothing to do with it.
const SHORTEST: usize = 2;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Viewer<'v> {
    /// The house itself, which has the keys; what is private it sees where it says so.
    House { private: bool },
    /// `person:li.na`.
    Person(&'v str),
}

/// A value of a case, as far as it matters to who may see it.
#[derive(Clone, Copy, Debug)]
pub struct Kept<'k> {
    /// Readers of the step it is of, or that it is private; else it is a part of the case as any other.
    pub guarded: bool,
    /// Of the step, else of the file, else its owner.
    pub readers: &'k [Arc<str>],
    /// Who gave it.
    pub by: Option<&'k str>,
}

/// A case as somebody looks at it.
pub struct Sight<'s> {
    run: &'s Run,
    text: &'s Workflow,
    viewer: Viewer<'s>,
    people: Present<'s>,
    owner: Option<Arc<str>>,
    /// Nothing in this file is kept from anybody.
    open: bool,
    /// What was given before, as it is and as whoever looks sees it.
    before: &'s [(Raw, Raw)],
    // Both look at every item: only where it matters, and once.
    takes_part: OnceCell<bool>,
    veil: OnceCell<Veil>,
}

impl std::fmt::Debug for Sight<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sight").field("viewer", &self.viewer).finish_non_exhaustive()
    }
}

impl<'s> Sight<'s> {
    #[must_use]
    pub fn of(run: &'s Run, text: &'s Workflow, world: &'s World, at: Millis, viewer: Viewer<'s>) -> Self {
        let owner = text.owner.as_deref().or(world.owner.as_deref()).map(Arc::from);
        Self {
            run,
            text,
            viewer,
            people: world.people_at(at),
            owner,
            open: !guards(text),
            before: &[],
            takes_part: OnceCell::new(),
            veil: OnceCell::new(),
        }
    }

    /// The same of a case whose journal says more than the case itself: of what was given in each round.
    #[must_use]
    pub fn with_before(self, before: &'s [(Raw, Raw)]) -> Self {
        Self { before, ..self }
    }

    /// Whether something may have to be kept from whoever looks.
    #[must_use]
    pub fn keeps(&self) -> bool {
        !self.open && !matches!(self.viewer, Viewer::House { private: true })
    }

    /// The one rule.
    #[must_use]
    pub fn visible(&self, kept: &Kept<'_>) -> bool {
        let person = match self.viewer {
            Viewer::House { private } => return private || !self.is_kept(kept),
            Viewer::Person(person) => person,
        };
        if !self.is_kept(kept) || kept.by.is_some_and(|by| bare(by) == bare(person)) {
            return true;
        }
        let readers = if kept.readers.is_empty() { &self.text.whole.guard.readers } else { kept.readers };
        let reads = if readers.is_empty() { self.owner.as_slice() } else { readers };
        self.names(reads, person) || (!kept.guarded && self.is_part())
    }

    fn is_kept(&self, kept: &Kept<'_>) -> bool {
        kept.guarded || !self.text.whole.guard.readers.is_empty()
    }

    fn names(&self, who: &[Arc<str>], person: &str) -> bool {
        let starter = |who: &Arc<str>| &**who == "starter" && bare(&self.run.started.by) == bare(person);
        self.people.may(person, who).is_some() || who.iter().any(starter)
    }

    /// Whoever began it, is asked now or did something in it.
    fn takes_part(&self) -> bool {
        let Viewer::Person(person) = self.viewer else { return false };
        let did = |by: &Option<Arc<str>>| by.as_ref().is_some_and(|by| bare(by) == bare(person));
        let asked = |state: &ItemState| match &state.at {
            At::Is(Standing::Asked { task, .. }) => {
                self.people.may_but(person, &task.who, &task.not).is_some()
            }
            At::Is(_) | At::Over(_) => false,
        };
        bare(&self.run.started.by) == bare(person)
            || self.items().any(|(_, item)| did(&item.by) || did(&item.claimed) || asked(item))
    }

    /// Whether an open task like this asks whoever looks, who may be somebody outside.
    #[must_use]
    pub fn is_asked(&self, like: impl Fn(&TaskSheet) -> bool) -> bool {
        let Viewer::Person(person) = self.viewer else { return false };
        let claimed = |item: &ItemState| item.claimed.as_ref().is_some_and(|by| bare(by) == bare(person));
        let asks = |task: &TaskSheet, item: &ItemState| {
            claimed(item)
                || self.people.may_but(person, &task.who, &task.not).is_some()
                || person.starts_with("mail:") && outsider(person, task).is_some()
        };
        self.items().any(|(_, item)| match &item.at {
            At::Is(Standing::Asked { task, .. }) => like(task) && asks(task, item),
            At::Is(_) | At::Over(_) => false,
        })
    }

    /// Of all steps, those of the round before too. Only the step of what names them counts here.
    fn items(&self) -> impl Iterator<Item = (Item, &'s ItemState)> {
        let scopes = std::iter::once(&self.run.top).chain(self.run.inner.values().map(|scope| &**scope));
        let steps = scopes.flat_map(|scope| {
            let first = u16::try_from(scope.first.index()).unwrap_or(0);
            (first..).map(StepNo).zip(scope.steps.iter())
        });
        steps.flat_map(|(step, state)| {
            let earlier = state.earlier.iter().flat_map(|earlier| &earlier.items);
            let at = StepAt { step, scope: ScopeNo::RUN };
            state.items.iter().chain(earlier).map(move |item| (at.item(1, 0), item))
        })
    }

    /// Whether it is whoever looks.
    #[must_use]
    pub fn is_viewer(&self, by: &str) -> bool {
        matches!(self.viewer, Viewer::Person(person) if bare(person) == bare(by))
    }

    /// The same case for somebody else.
    fn for_whom<'o>(&'o self, person: &'o str) -> Sight<'o> {
        Sight {
            viewer: Viewer::Person(person),
            people: self.people.clone(),
            owner: self.owner.clone(),
            before: &[],
            takes_part: OnceCell::new(),
            veil: OnceCell::new(),
            ..*self
        }
    }

    fn of_input(&self, field: &Field) -> bool {
        self.visible(&Kept { guarded: field.private, readers: &[], by: Some(&self.run.started.by) })
    }

    /// What the case began with.
    #[must_use]
    pub fn input(&self, input: &Raw) -> Raw {
        if self.open {
            return input.clone();
        }
        let form = &self.text.input;
        let visible = |name: &str| match form.fields.iter().find(|field| *field.name == *name) {
            Some(field) => self.of_input(field),
            None => self.visible(&Kept { guarded: false, readers: &[], by: Some(&self.run.started.by) }),
        };
        masked(input, &[form], &visible, &|| {
            self.visible(&Kept { guarded: true, readers: &[], by: Some(&self.run.started.by) })
        })
    }

    /// What an item gave.
    #[must_use]
    pub fn output(&self, of: Item, state: &ItemState) -> Option<Raw> {
        Some(self.given(of, state.by.as_deref(), state.output.as_ref()?))
    }

    /// What somebody gives or gave to an item.
    #[must_use]
    pub fn given(&self, of: Item, by: Option<&str>, output: &Raw) -> Raw {
        if self.open {
            return output.clone();
        }
        let forms: Vec<&Form> = forms(self.text.step(of.step)).collect();
        let visible = |name: &str| self.of_step(of, by, Some(name));
        masked(output, &forms, &visible, &|| self.of_step(of, by, None))
    }

    /// What was answered before, for the form of the next round: what is not for this reader is asked anew.
    #[must_use]
    pub fn filled_in(&self, of: Item, by: Option<&str>, output: &Raw) -> Raw {
        let shown = pairs(self.given(of, by, output).get());
        let same = pairs(output.get()).into_iter().zip(shown).filter(|(one, other)| one == other);
        Raw::new(object_of(same.map(|(one, _)| one).collect::<Vec<_>>().iter()))
            .unwrap_or_else(|| output.clone())
    }

    /// Whether whoever looks began it, is asked in it now, or did something in it.
    #[must_use]
    pub fn is_part(&self) -> bool {
        *self.takes_part.get_or_init(|| self.takes_part())
    }

    /// A name of what a step gives, or all of it; the nearest step that says something of it counts.
    fn of_step(&self, of: Item, by: Option<&str>, name: Option<&str>) -> bool {
        let own = self.text.step(of.step);
        // What is asked of all of it is asked of the cells of its tables as well.
        let hides = |field: &Field| match name {
            Some(name) => *field.name == *name && field.private,
            None => field.hides(),
        };
        let private = forms(own).any(|form| form.fields.iter().any(hides));
        let guards = |step: &&Step| {
            let guard = &step.guard;
            match (guard.private.as_slice(), name) {
                ([], _) => !guard.readers.is_empty(),
                (private, Some(name)) => private.iter().any(|one| **one == *name),
                (_, None) => true,
            }
        };
        let steps =
            || std::iter::once(of.step).chain(self.text.holders(of.step)).map(|no| self.text.step(no));
        let guard = steps().find(guards);
        let readers = guard.or_else(|| steps().find(|step| !step.guard.readers.is_empty()));
        self.visible(&Kept {
            guarded: private || guard.is_some(),
            readers: readers.map_or(&[], |step| &step.guard.readers),
            by,
        })
    }

    /// Whether the words of the case, its key and titles, may be seen.
    #[must_use]
    pub fn case(&self) -> bool {
        self.visible(&Kept { guarded: false, readers: &[], by: Some(&self.run.started.by) })
    }

    /// Of private columns of a register: what nobody else is named for is the house's owner's.
    #[must_use]
    pub fn of_register(register: &Register, world: &World, at: Millis, viewer: Viewer<'_>) -> bool {
        let person = match viewer {
            Viewer::House { private } => return private,
            Viewer::Person(person) => person,
        };
        let read = if register.read.is_empty() { world.owner.as_slice() } else { &register.read };
        world.people_at(at).may(person, read).is_some()
    }

    /// What must not be read anywhere in what is said of this case: private texts get into titles, mails and reasons.
    #[must_use]
    pub fn veil(&self) -> &Veil {
        self.veil.get_or_init(|| {
            let given = self.items().filter_map(|(of, item)| {
                let output = item.output.as_ref()?;
                Some((item.by.as_deref(), output, self.output(of, item)?))
            });
            self.veil_of(given)
        })
    }

    /// Of what the case began with, and of these values: who gave them, as they are and as they are seen.
    fn veil_of<'r>(&self, given: impl Iterator<Item = (Option<&'r str>, &'r Raw, Raw)>) -> Veil {
        let mut veil = Veil { hidden: Vec::new(), numbers: BTreeSet::new() };
        if !self.keeps() {
            return veil;
        }
        let mut shown = BTreeSet::new();
        let mut look = |by: Option<&str>, all: &Raw, seen: &Raw| {
            let said = said_in(seen.get());
            if all.get() != seen.get() {
                let all = said_in(all.get());
                veil.numbers.extend(all.numbers.difference(&said.numbers).cloned());
                veil.hidden.extend(all.texts);
            }
            // Whoever looks may have guessed: what they give themselves makes nothing public.
            if !by.is_some_and(|by| self.is_viewer(by)) {
                shown.extend(said.texts);
            }
        };
        let input = &self.run.started.input;
        look(Some(&self.run.started.by), input, &self.input(input));
        given.for_each(|(by, output, seen)| look(by, output, &seen));
        // What an older line says in clear may be of a text that kept less to itself: it makes nothing public.
        for (output, seen) in self.before.iter().filter(|(output, seen)| output.get() != seen.get()) {
            let kept = said_in(seen.get());
            let said = said_in(output.get());
            veil.numbers.extend(said.numbers.difference(&kept.numbers).cloned());
            veil.hidden.extend(said.texts);
        }
        // What may be read in one place is no secret in another.
        veil.hidden.retain(|text| !shown.contains(text));
        // What plugins say of a value may have it as JSON writes it.
        let escaped: Vec<String> = veil.hidden.iter().filter_map(|text| escaped(text)).collect();
        veil.hidden.extend(escaped);
        // The longest first: a part of it may be another.
        veil.hidden.sort_by(|one, other| other.len().cmp(&one.len()).then_with(|| one.cmp(other)));
        veil.hidden.dedup();
        veil
    }
}

/// Whether anything in the file is not for everybody.
#[must_use]
pub fn guards(text: &Workflow) -> bool {
    let private = |form: &Form| form.fields.iter().any(Field::hides);
    let says = |step: &Step| {
        forms(step).any(private) || !step.guard.private.is_empty() || !step.guard.readers.is_empty()
    };
    private(&text.input) || says(&text.whole) || text.steps.iter().any(says)
}

/// What people fill in of a step: its own form, the one that asks for more time, and those of what a due time sets off.
fn forms(step: &Step) -> impl Iterator<Item = &Form> {
    let extend = step.clock.as_ref().and_then(|clock| clock.extend.as_ref());
    let grant = extend.and_then(|extend| extend.grant.as_ref()).map(|grant| &grant.work);
    let set_off = step
        .rungs()
        .iter()
        .filter_map(|rung| if let Does::Act(small) = &rung.does { Some(&small.work) } else { None });
    let works = std::iter::once(&step.work).chain(grant).chain(set_off);
    let asked = works.filter_map(|work| if let Work::Ask(ask) = work { Some(&ask.form) } else { None });
    asked.chain(extend.map(|extend| &extend.form))
}

/// The object with `***` for what is not visible; what is no object is shown or hidden whole.
fn masked(raw: &Raw, forms: &[&Form], visible: &dyn Fn(&str) -> bool, whole: &dyn Fn() -> bool) -> Raw {
    let quoted = || format!("\"{HIDDEN}\"");
    if !raw.get().trim_start().starts_with('{') {
        let shown = whole() || raw.get().trim() == "null";
        return if shown { raw.clone() } else { Raw::new(quoted()).unwrap_or_else(|| raw.clone()) };
    }
    let all: Vec<(String, String)> = pairs(raw.get())
        .into_iter()
        .map(|(name, value)| {
            if !visible(&name) && value != "null" {
                return (name, quoted());
            }
            let mut fields = forms.iter().flat_map(|form| &form.fields);
            let table = fields.find(|field| *field.name == *name && field.kind == Kind::Table);
            let value = table.map_or(value.clone(), |table| without_columns(&value, table, whole));
            (name, value)
        })
        .collect();
    Raw::new(object_of(all.iter())).unwrap_or_else(|| raw.clone())
}

/// Private columns of a table that is itself visible.
fn without_columns(rows: &str, table: &Field, whole: &dyn Fn() -> bool) -> String {
    if !table.hides() || whole() {
        return rows.to_owned();
    }
    let Ok(list) = serde_json::from_str::<Vec<&serde_json::value::RawValue>>(rows) else {
        return rows.to_owned();
    };
    let hides =
        |name: &str| table.columns.fields.iter().any(|column| column.private && *column.name == *name);
    let rows = list.into_iter().map(|row| {
        let cells = pairs(row.get()).into_iter().map(|(name, value)| {
            let hidden = hides(&name) && value != "null";
            (name, if hidden { format!("\"{HIDDEN}\"") } else { value })
        });
        object_of(cells.collect::<Vec<_>>().iter())
    });
    format!("[{}]", rows.collect::<Vec<_>>().join(","))
}

/// What can be found again elsewhere.
#[derive(Default)]
struct SaidIn {
    texts: Vec<String>,
    numbers: BTreeSet<String>,
}

fn said_in(json: &str) -> SaidIn {
    fn walk(value: &serde_json::Value, into: &mut SaidIn) {
        match value {
            serde_json::Value::String(text) if text.chars().count() >= SHORTEST => {
                into.texts.push(text.clone());
            }
            serde_json::Value::Number(number) if number.to_string().len() > SHORTEST => {
                into.numbers.insert(number.to_string());
            }
            serde_json::Value::Array(list) => list.iter().for_each(|one| walk(one, into)),
            serde_json::Value::Object(map) => map.values().for_each(|one| walk(one, into)),
            serde_json::Value::Null
            | serde_json::Value::Bool(_)
            | serde_json::Value::Number(_)
            | serde_json::Value::String(_) => {}
        }
    }
    let mut into = SaidIn::default();
    if let Ok(value) = serde_json::from_str(json) {
        walk(&value, &mut into);
    }
    into
}

/// Takes private texts out of what is said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Veil {
    hidden: Vec<String>,
    numbers: BTreeSet<String>,
}

/// As it stands between the quotes of a JSON text; none where that is the same.
fn escaped(text: &str) -> Option<String> {
    let json = serde_json::Value::from(text).to_string();
    let inner = &json[1..json.len() - 1];
    (inner != text).then(|| inner.to_owned())
}

impl Veil {
    /// Nothing is hidden from this reader.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.hidden.is_empty() && self.numbers.is_empty()
    }

    #[must_use]
    pub fn over(&self, text: &str) -> String {
        self.hidden.iter().fold(text.to_owned(), |text, hidden| text.replace(hidden.as_str(), HIDDEN))
    }

    /// Over a value that was made of others, such as what a call or a child was given: there a number is one of the case
    /// and no instant or count of ours.
    #[must_use]
    pub fn over_made(&self, value: serde_json::Value) -> serde_json::Value {
        use serde_json::Value as Json;
        match value {
            Json::Number(number) if self.numbers.contains(&number.to_string()) => HIDDEN.into(),
            Json::Array(list) => list.into_iter().map(|one| self.over_made(one)).collect(),
            Json::Object(map) => map.into_iter().map(|(name, one)| (name, self.over_made(one))).collect(),
            plain @ (Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_)) => plain,
        }
    }

    /// Over the texts of a JSON value, and not its names; what is a number there keeps its digits.
    #[must_use]
    pub fn over_json(&self, json: &str) -> String {
        if self.is_empty() { json.to_owned() } else { each_text(json, |said| self.over_sentence(said)) }
    }
}

/// JSON with its texts, and not its names, as this tells them.
#[must_use]
pub fn each_text(json: &str, tell: impl Fn(&str) -> String) -> String {
    let mut told = String::with_capacity(json.len());
    let mut rest = json;
    while let Some((plain, text, after)) = next_text(rest) {
        told.push_str(plain);
        let is_name = after.trim_start().starts_with(':');
        match serde_json::from_str::<String>(text) {
            Ok(said) if !is_name => told.push_str(&serde_json::Value::from(tell(&said)).to_string()),
            Ok(_) | Err(_) => told.push_str(text),
        }
        rest = after;
    }
    told.push_str(rest);
    told
}

/// What stands before the next text, the text with its quotes, and what comes behind.
fn next_text(json: &str) -> Option<(&str, &str, &str)> {
    let start = json.find('"')?;
    let mut escaped = false;
    for (at, one) in json[start + 1..].char_indices() {
        match one {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => {
                let end = start + 1 + at + 1;
                return Some((&json[..start], &json[start..end], &json[end..]));
            }
            _ => {}
        }
    }
    None
}
