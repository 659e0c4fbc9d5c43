//! What runs in a simulation: steps of all kinds that must survive, and the house that they know.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use yizhan_engine::library::{Entry, Workflows};
use yizhan_workflow::catalogue::{Action, Catalogue};
use yizhan_workflow::definition;
use yizhan_workflow::moment::Span;
use yizhan_workflow::people::{People, Person};
use yizhan_workflow::plan::{ActionName, Effect, Retry, Source};
use yizhan_workflow::register::Registers;
use yizhan_workflow::run::World;

use super::SimulationError;

/// Those that are started from outside.
pub(super) const STARTED: &[&str] = &["all", "all", "alone", "hold"];

const REGISTERS: &str = "[register.\"台账\"]\nnumber = \"TZ{n:06}\"\nfield.case = {}\n";

const TEXTS: &[(&str, &str)] = &[
    (
        "all",
        r#"
title = "都有"
owner = "person:a"
[input]
case = {}
[step.call]
use   = "play.call"
retry = { times = 3, first = "1s" }
undo  = { use = "play.back" }
[step.pay]
use = "play.pay"
[step.sub]
run = "sub"
with.case = "{{ input.case }}"
[step.book]
use = "register.append"
with.register = "台账"
with.entry    = { case = "{{ input.case }}" }
[step.heard]
await = "heard"
key   = "k0"
[step.place]
use   = "play.call"
limit = { key = "p", most = 2 }
[step.many]
each    = "{{ [1, 2, 3] }}"
as      = "one"
at_once = 2
use     = "play.call"
[step.look]
ask     = "person:a"
due     = "2h"
form.ok = { type = "yesno" }
on.ok.no = { back_to = "place", most = 2 }
escalate = [{ at = "-30min", tell = "person:b" }, { at = "+1h", decide = { ok = true } }]
[step.nap]
wait = "90s"
"#,
    ),
    (
        "sub",
        r#"
title = "下级"
[input]
case = {}
[step.call]
use = "play.call"
retry = { times = 2, first = "5s" }
[step.say]
use = "event.publish"
with.name = "heard"
with.key  = "k1"
"#,
    ),
    (
        "alone",
        r#"
title = "独一份"
key = "one"
on_duplicate = "join"
[input]
case = {}
[step.pay]
use = "play.pay"
[step.heard]
await = "heard"
key   = "k1"
due   = "3h"
on.late = { go = "done" }
[step.nap]
wait = "10min"
"#,
    ),
    (
        "hold",
        r#"
title = "先排队"
limit = { key = "whole", most = 1 }
[input]
case = {}
[step.call]
use  = "play.call"
undo = { use = "play.back" }
[step.look]
ask     = "person:b"
due     = "1h"
form.ok = { type = "yesno" }
on.ok.no = { go = "fail:no" }
[on_failure.tell]
use = "play.call"
"#,
    ),
    (
        "tick",
        r#"
title = "半小时一次"
[trigger.tick]
schedule = "every 30min"
missed   = "all"
overlap  = "allow"
[step.call]
use = "play.call"
"#,
    ),
];

/// Read once for all stories: a text says the same each time, and every process of every story begins with it.
static READ: OnceLock<Workflows> = OnceLock::new();

pub(super) fn workflows() -> Result<Workflows, SimulationError> {
    if let Some(read) = READ.get() {
        return Ok(read.clone());
    }
    let read = read()?;
    Ok(READ.get_or_init(|| read).clone())
}

fn read() -> Result<Workflows, SimulationError> {
    let entry = |(name, text): &(&str, &str)| {
        let source = Source { name: (*name).into(), text: (*text).into(), files: BTreeMap::new() };
        let read = definition::read(&source, &source.files)
            .map_err(|faults| SimulationError::Text(format!("{name}: {faults:?}")))?;
        let entry = Entry {
            workflow: Some(read.workflow),
            source: Some(Arc::new(read.source)),
            path: (*name).into(),
            faults: vec![],
            warnings: vec![],
        };
        Ok(((*name).to_owned(), entry))
    };
    TEXTS.iter().map(entry).collect()
}

/// Made once, as reading its calendars takes longer than most stories.
static WORLD: OnceLock<World> = OnceLock::new();

pub(super) fn world() -> Result<World, SimulationError> {
    if let Some(world) = WORLD.get() {
        return Ok(world.clone());
    }
    let world = make_world()?;
    Ok(WORLD.get_or_init(|| world).clone())
}

fn make_world() -> Result<World, SimulationError> {
    let registers =
        Registers::read(REGISTERS).map_err(|faults| SimulationError::Text(format!("{faults:?}")))?;
    let person = |id: &str| (id.to_owned(), Person { name: id.to_owned(), ..Person::default() });
    let people = People { people: ["a", "b"].map(person).into(), ..People::default() };
    let mut catalogue = Catalogue::built_in();
    catalogue
        .actions
        .extend([("call", Effect::Keyed), ("pay", Effect::Once), ("back", Effect::Keyed)].map(action));
    Ok(World {
        number: 1,
        zone: jiff::tz::TimeZone::UTC,
        registers: Arc::new(registers),
        catalogue: Arc::new(catalogue),
        people: Arc::new(people),
        calendars: Arc::default(),
        retry: Retry {
            times: 2,
            first: Span { ms: 1_000 },
            factor: 2.0,
            most: Span { ms: 60_000 },
            jitter: 0.0,
        },
        owner: Some("person:a".into()),
        url: None,
    })
}

fn action((name, effect): (&str, Effect)) -> (String, Arc<Action>) {
    let name = ActionName { plugin: "play".into(), action: name.into() };
    let action = Action {
        name: name.clone(),
        summary: String::new(),
        effect,
        timeout_ms: None,
        outcome: None,
        input: serde_json::json!({}),
        output: serde_json::json!({}),
    };
    (name.to_string(), Arc::new(action))
}
