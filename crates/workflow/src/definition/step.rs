//! Reads the steps of a file.

use std::cell::Cell;
use std::ops::Range;
use std::sync::Arc;

use super::flow::{self, Ways};
use super::order::{self, number};
use super::section::{Section, Text};
use super::{MOST_STEPS, advice, ask, clock, name_ok, time, tree};
use crate::expression::{Template, Tree};
use crate::plan::{
    ActionName, Await, Each, Effect, Guard, Limit, OnError, Rate, Section as Part, Step, Undo, Work,
};
use crate::problem::{Place, nearest};

/// A step whose place in the order is looked for.
pub(super) struct Draft<'a, 'r> {
    pub(super) id: &'r str,
    pub(super) section: Part,
    /// The draft of the step that holds this one.
    pub(super) holder: Option<usize>,
    pub(super) span: Range<usize>,
    pub(super) own: Section<'a, 'r>,
    /// `None`: the file says nothing.
    pub(super) needs: Option<Vec<(&'r str, Range<usize>)>>,
    /// `needs = { first = … }`.
    pub(super) first: bool,
}

const KINDS: &[&str] = &["use", "ask", "wait", "run", "await", "check", "end", "step"];

/// Keys that stand at a step, and are no values of its action.
pub(super) const COMMON: &[&str] = &[
    "needs", "when", "each", "as", "at_once", "let", "on", "on_error", "undo", "limit", "priority", "retry",
    "timeout", "give_up", "effect", "hours", "private", "readers",
];

/// A table that was meant for steps, which is said where it stands.
fn stray(key: &Text<'_>, item: &toml::de::DeValue<'_>) -> bool {
    let steps = advice::our_key(key.value, |_| true) == Some("[step.<name>]");
    steps || !["on_failure", "on_cancel", "step"].contains(&key.value) && advice::is_step(item)
}

/// All steps, the clock of the file itself, and what its steps do by default when they fail.
pub(super) fn steps(root: &Section<'_, '_>) -> (Vec<Step>, Option<Box<crate::plan::Clock>>, OnError) {
    let drafts = drafts(root);
    if drafts.len() > MOST_STEPS {
        let span = drafts[MOST_STEPS].span.clone();
        root.say(root.error("YZ0113", span).name("most", MOST_STEPS.to_string()));
        return (Vec::new(), None, OnError::Fail);
    }
    let told =
        root.reader.lost.borrow().order || root.entries().any(|(key, item)| stray(&key, item.get_ref()));
    if !drafts.iter().any(|draft| draft.section == Part::Main) && !root.has("step") && !told {
        root.say(root.error("YZ0117", 0..0));
    }
    let order = order::order(root, &drafts);
    let ways = Ways {
        root,
        drafts: &drafts,
        order: &order,
        default: flow::default_on_error(root),
        next: Cell::new(0),
    };
    let mut steps = Vec::with_capacity(drafts.len());
    for (at, draft) in drafts.iter().enumerate() {
        steps.push(step(&ways, draft, at));
        draft.own.close(&[]);
    }
    let whole = clock::clock(&ways, root, Some("step"));
    (steps, whole, ways.default)
}

fn drafts<'a, 'r>(root: &Section<'a, 'r>) -> Vec<Draft<'a, 'r>> {
    let mut drafts: Vec<Draft<'a, 'r>> = Vec::new();
    for (key, part) in [("step", Part::Main), ("on_failure", Part::OnFailure), ("on_cancel", Part::OnCancel)]
    {
        let Some(all) = root.section(key) else { continue };
        add_drafts(&all, key, part, None, &mut drafts);
    }
    drafts
}

/// The steps of a table, each followed by those that it holds.
fn add_drafts<'a, 'r>(
    all: &Section<'a, 'r>,
    key: &'static str,
    part: Part,
    holder: Option<usize>,
    drafts: &mut Vec<Draft<'a, 'r>>,
) {
    for (id, item) in all.entries() {
        if item.get_ref().as_table().is_none() {
            all.say(all.error("YZ0115", id.span).name("key", id.value).name("section", key));
            continue;
        }
        let Some(own) = all.sub(id.value, item) else { continue };
        name_ok(all, id.value, &id.span);
        if let Some(earlier) = drafts.iter().find(|draft| draft.id == id.value) {
            let problem = all.error("YZ0118", id.span.clone()).name("step", id.value);
            all.say(problem.cause(Place::at(earlier.span.clone())));
        }
        let (needs, first) = needs(&own);
        let at = drafts.len();
        let inside = own.section("step");
        drafts.push(Draft { id: id.value, section: part, holder, span: id.span, own, needs, first });
        match inside {
            Some(inside) if part == Part::Main && inside.entries().next().is_none() => {
                inside.say(inside.error("YZ0117", inside.span.clone()).case("inner").name("step", id.value));
            }
            Some(inside) if part == Part::Main => add_drafts(&inside, "step", part, Some(at), drafts),
            Some(inside) => {
                let problem = inside.error("YZ0134", inside.span.clone()).name("step", id.value);
                inside.say(problem.name("key", "step"));
            }
            None => {}
        }
    }
}

type Needs<'r> = Option<Vec<(&'r str, Range<usize>)>>;

/// What a step needs, and whether the first of them is enough.
fn needs<'r>(own: &Section<'_, 'r>) -> (Needs<'r>, bool) {
    let names = |texts: Option<Vec<Text<'r>>>| {
        texts.map(|texts| texts.into_iter().map(|text| (text.value, text.span)).collect())
    };
    let Some(item) = own.get("needs") else { return (None, false) };
    if item.get_ref().as_table().is_none() {
        return (names(own.texts("needs")), false);
    }
    let Some(table) = own.section("needs") else { return (Some(Vec::new()), true) };
    let first = table.texts("first");
    if first.is_none() && !table.has("first") {
        table.missing("first");
    }
    table.close(&[]);
    (Some(names(first).unwrap_or_default()), true)
}

fn step(ways: &Ways<'_, '_, '_>, draft: &Draft<'_, '_>, at: usize) -> Step {
    let own = &draft.own;
    let no = number(at);
    let title = own.template("title");
    let note = own.string("note");
    let when = own.expression("when");
    let each = each(own);
    let lets: Arc<[crate::plan::Let]> = tree::lets(own).into();
    let kind = kind(own, KINDS, draft.id);
    let work = match kind {
        Some("step") => Some(held(ways, at)),
        kind => kind.and_then(|kind| work(ways, own, kind, false)),
    };
    let (on, on_error) = (ways.on(draft, no), ways.on_error(draft, no));
    if draft.section != Part::Main {
        for key in ["on", "undo", "check", "end"].into_iter().filter(|key| own.has(key)) {
            own.say(own.error("YZ0134", own.key_span(key)).name("key", key).name("step", draft.id));
        }
    }
    if own.has("each") {
        for key in ["on", "check", "end", "approve"] {
            if own.has(key) {
                let problem = own.error("YZ0128", own.key_span(key)).name("key", key).name("step", draft.id);
                own.say(if key == "approve" { problem.case("approve") } else { problem });
            }
        }
    }
    let (timeout, give_up) = (time::span(own, "timeout"), time::span(own, "give_up"));
    let (retry, effect) = (flow::retry(own), effect(own));
    let calendar = own.string("calendar").map(Into::into);
    let hours = own.string("hours").map(Into::into);
    let undo = own.section("undo").and_then(|own| undo(ways, &own, draft.id));
    Step {
        id: draft.id.into(),
        section: draft.section,
        holder: draft.holder.map(number),
        title,
        note,
        needs: ways.order.needs[at].clone(),
        first_is_enough: draft.first,
        before: ways.order.before(no),
        after: ways.order.after(no),
        needed_by: ways.order.needed_by(no),
        when,
        each,
        lets,
        work: own.reader.whole(&own.path, work).unwrap_or_else(unreadable),
        on,
        on_error,
        retry,
        timeout,
        give_up,
        effect,
        undo,
        limit: limit(own),
        calendar,
        hours,
        clock: clock::clock(ways, own, kind),
        guard: guard(own, own.texts("private")),
    }
}

/// Who may see what not everybody may. Of the file itself nothing is private by name: its fields say so themselves.
pub(super) fn guard(own: &Section<'_, '_>, private: Option<Vec<Text<'_>>>) -> Guard {
    let readers = own.texts("readers").unwrap_or_default();
    for who in &readers {
        ask::check_who(own, who);
        if who.value.contains("{{") {
            own.say(own.error("YZ0186", who.span.clone()).name("value", who.value));
        }
    }
    let names = |texts: Vec<Text<'_>>| texts.into_iter().map(|text| text.value.into()).collect();
    Guard { private: names(private.unwrap_or_default()), readers: names(readers) }
}

/// Stands for work whose fault was said: such a file is never put in force.
fn unreadable() -> Work {
    Work::End { ending: crate::plan::Ending::Done { outcome: "done".into() } }
}

/// `limit = { key, most, rate }` and `priority`.
pub(super) fn limit(own: &Section<'_, '_>) -> Option<Limit> {
    let priority = match own.get("priority") {
        Some(item) if item.get_ref().as_integer().is_some() => {
            let number = own.whole("priority", 0..=1000)?;
            Template::parse(&format!("{{{{ {number} }}}}")).ok()
        }
        _ => own.template("priority"),
    };
    let Some(rule) = own.section("limit") else {
        if own.has("priority") {
            let problem = own.error("YZ0108", own.key_span("priority")).name("key", "limit");
            own.say(problem.name("where", own.name()));
        }
        return None;
    };
    let (key, most, rate) = (rule.template("key"), rule.whole("most", 1..=100_000), rate(&rule));
    if !rule.has("most") && !rule.has("rate") {
        rule.missing("most");
    }
    rule.close(&[]);
    Some(Limit { key, most, rate, priority })
}

/// `30 per 1h`.
fn rate(rule: &Section<'_, '_>) -> Option<Rate> {
    let text = rule.text("rate")?;
    let parts = text.value.split_once(" per ");
    let times = parts.and_then(|(times, _)| times.trim().parse::<u32>().ok()).filter(|times| *times > 0);
    let per = parts.and_then(|(_, per)| crate::moment::Span::parse(per.trim()).ok()).filter(|per| per.ms > 0);
    let (Some(times), Some(per)) = (times, per) else {
        rule.say(rule.error("YZ0161", text.span).name("value", text.value));
        return None;
    };
    Some(Rate { times, per_ms: per.ms })
}

/// The steps that a step holds, and how many there are with all that they hold.
fn held(ways: &Ways<'_, '_, '_>, at: usize) -> Work {
    let drafts = ways.drafts;
    let steps: Vec<_> = (0..drafts.len()).filter(|no| drafts[*no].holder == Some(at)).map(number).collect();
    // What it holds stands right behind it.
    let held =
        |no: &usize| std::iter::successors(drafts[*no].holder, |up| drafts[*up].holder).any(|up| up == at);
    let span = (at + 1..drafts.len()).take_while(held).count();
    Work::Hold { steps, span: u16::try_from(span).unwrap_or(u16::MAX) }
}

fn each(own: &Section<'_, '_>) -> Option<Each> {
    let at_once = own.whole("at_once", 1..=10_000);
    if own.has("at_once") && !own.has("each") {
        without_each(own, "at_once");
    }
    listed(own).map(|(list, name)| Each { list, name, at_once })
}

/// `each` with the name of its element.
pub(super) fn listed(own: &Section<'_, '_>) -> Option<(Template, Arc<str>)> {
    let list = own.text("each");
    let name = own.text("as");
    if own.has("as") && !own.has("each") {
        without_each(own, "as");
    }
    if let Some(name) = &name
        && (!name_ok(own, name.value, &name.span)
            || super::names::ROOTS.contains(&name.value) && name.value != "item")
    {
        tree::reserved(own, name);
    }
    let list = list?;
    if !list.value.contains("{{") {
        own.reader.wrong_type("each", "a list to work out: `\"{{ … }}\"`", own.get("each")?);
        return Some((Template::unreadable(), name_of(name)));
    }
    let list = own.reader.template(list.value, &list.span).unwrap_or_else(Template::unreadable);
    Some((list, name_of(name)))
}

fn without_each(own: &Section<'_, '_>, key: &'static str) {
    own.say(own.error("YZ0108", own.key_span(key)).name("key", "each").name("where", own.name()));
}

fn name_of(name: Option<Text<'_>>) -> Arc<str> {
    name.map_or("item", |name| name.value).into()
}

/// The one kind that a step has.
fn kind(own: &Section<'_, '_>, kinds: &[&'static str], id: &str) -> Option<&'static str> {
    let said: Vec<&'static str> = kinds.iter().copied().filter(|kind| own.get(kind).is_some()).collect();
    misplaced(own, said.first().copied().filter(|_| said.len() == 1));
    match said.as_slice() {
        [kind] => Some(kind),
        [] => {
            // A kind that comes later is named as such when the step is closed.
            let misspelled =
                own.entries().any(|(key, _)| !own.knows(key.value) && nearest(key.value, kinds).is_some());
            if !misspelled {
                own.say(own.error("YZ0120", own.span.clone()).name("step", id));
            }
            None
        }
        [first, second, ..] => {
            let problem =
                own.error("YZ0121", own.key_span(second)).name("one", *first).name("other", *second);
            own.say(problem.name("step", id).cause(Place::at(own.key_span(first))));
            None
        }
    }
}

/// Keys that only some kinds have.
pub(super) fn misplaced(own: &Section<'_, '_>, kind: Option<&str>) {
    misplaced_but(own, kind, &[]);
}

/// The same where some keys have a place of their own.
pub(super) fn misplaced_but(own: &Section<'_, '_>, kind: Option<&str>, free: &[&str]) {
    const OF: &[(&str, &[&str])] = &[
        ("with", &["use", "run"]),
        ("form", &["ask"]),
        ("approve", &["ask"]),
        ("not", &["ask"]),
        ("tell", &["ask"]),
        ("due", &["ask", "await", "step"]),
        ("remind", &["ask", "await", "step"]),
        ("escalate", &["ask", "await", "step"]),
        ("pause", &["ask", "await", "step"]),
        ("extend", &["ask", "await", "step"]),
        ("where", &["await"]),
        ("key", &["await"]),
        ("detach", &["run"]),
        ("limit", &["use", "ask", "run", "step"]),
        ("priority", &["use", "ask", "run", "step"]),
        ("retry", &["use", "run"]),
        ("timeout", &["use"]),
        ("give_up", &["use"]),
        ("effect", &["use"]),
        ("calendar", &["ask", "wait", "await", "step"]),
        ("hours", &["use", "ask", "wait", "await", "run", "step"]),
    ];
    for (key, kinds) in OF.iter().filter(|(key, _)| !free.contains(key)) {
        let said = own.get(key).is_some();
        if let Some(kind) = kind.filter(|kind| said && !kinds.contains(kind)) {
            let problem = own.error("YZ0127", own.key_span(key)).name("key", *key).name("kind", kind);
            let problem = problem.name("kinds", crate::problem::listed(*kinds));
            // How long people and events are waited for is a due time.
            let waits = ["timeout", "give_up"].contains(key) && ["ask", "await"].contains(&kind);
            own.say(if waits { problem.case("late") } else { problem });
        }
    }
}

pub(super) fn work(ways: &Ways<'_, '_, '_>, own: &Section<'_, '_>, kind: &str, undo: bool) -> Option<Work> {
    match kind {
        "use" => {
            let with = with(own);
            Some(Work::Use { action: action(own)?, with })
        }
        "run" => {
            let with = with(own);
            let detach = own.boolean("detach").unwrap_or(false);
            Some(Work::Run { workflow: own.text("run")?.value.into(), with, detach })
        }
        "ask" => ask::ask(ways, own, undo).map(|ask| Work::Ask(Box::new(ask))),
        "await" => listen(ways, own).map(|event| Work::Await(Box::new(event))),
        "wait" => Some(Work::Wait { until: time::moment(own, "wait", &|name| ways.named(name))? }),
        "check" => Some(Work::Check { holds: own.expression("check")? }),
        _ => Some(Work::End { ending: flow::ending(own, &own.text("end")?)? }),
    }
}

fn listen(ways: &Ways<'_, '_, '_>, own: &Section<'_, '_>) -> Option<Await> {
    let event = own.template("await");
    if event.as_ref().is_some_and(|event| event.is_literal() && event.source().trim().is_empty()) {
        own.say(own.error("YZ0620", own.get("await")?.span()).name("key", "await"));
    }
    let key = own.template("key");
    let filter = tree::filter(own);
    let due = time::moment(own, "due", &|name| ways.named(name));
    Some(Await { event: event?, key, filter, due })
}

fn with(own: &Section<'_, '_>) -> Tree {
    match own.get("with") {
        Some(item) if item.get_ref().as_table().is_some() => tree::tree(own, "with", item),
        Some(item) => {
            own.reader.wrong_type("with", "a table of the action's values", item);
            Tree::Text(Template::unreadable())
        }
        None => Tree::empty_map(),
    }
}

fn action(own: &Section<'_, '_>) -> Option<ActionName> {
    let text = own.text("use")?;
    match text.value.split_once('.') {
        Some((plugin, action)) if super::is_name(&plugin.replace('-', "_")) && super::is_name(action) => {
            Some(ActionName { plugin: plugin.into(), action: action.into() })
        }
        _ => {
            own.say(own.error("YZ0129", text.span).name("value", text.value));
            own.reader.lose(&own.path);
            Some(ActionName { plugin: "".into(), action: "".into() })
        }
    }
}

pub(super) fn effect(own: &Section<'_, '_>) -> Option<Effect> {
    own.word(
        "effect",
        &[
            ("pure", Effect::Pure),
            ("idempotent", Effect::Idempotent),
            ("keyed", Effect::Keyed),
            ("once", Effect::Once),
        ],
    )
}

fn undo(ways: &Ways<'_, '_, '_>, own: &Section<'_, '_>, id: &str) -> Option<Undo> {
    let kind = kind(own, &["use", "ask", "wait", "run", "await"], id);
    let work = kind.and_then(|kind| work(ways, own, kind, true));
    let undo = (
        own.template("title"),
        flow::retry(own),
        time::span(own, "timeout"),
        effect(own),
        own.boolean("keep").unwrap_or(false),
    );
    own.close(&[]);
    let (title, retry, timeout, effect, keep) = undo;
    Some(Undo { work: work?, title, retry, timeout, effect, keep })
}
