//! The house with one plugin in which the operations happen, and its workflow: a chain as that of `yizhan bench steps`.

use std::collections::BTreeMap;
use std::sync::Arc;

use yizhan_workflow::catalogue::{Action, Catalogue};
use yizhan_workflow::definition;
use yizhan_workflow::id::Millis;
use yizhan_workflow::people::People;
use yizhan_workflow::plan::{ActionName, Effect, Retry, Source, Workflow};
use yizhan_workflow::run::World;

use crate::Problem;

/// When all of it happens.
pub(crate) const NOW: Millis = Millis(1_795_312_800_000);

pub(crate) const STEPS: u16 = 10;

pub(crate) const INPUT: &str = r#"{"who":"world"}"#;

/// A text of every step, behind the name of whom it is about.
pub(crate) const SAID: &str =
    "this is a step of a chain whose input is some two hundred bytes, as that of a real step would be";

pub(crate) fn world() -> World {
    let name = ActionName { plugin: "echo".into(), action: "echo".into() };
    let action = Action {
        name: name.clone(),
        summary: String::new(),
        effect: Effect::Pure,
        timeout_ms: None,
        outcome: None,
        input: serde_json::json!({}),
        output: serde_json::json!({}),
    };
    World {
        number: 1,
        zone: jiff::tz::TimeZone::UTC,
        catalogue: Arc::new(Catalogue { actions: [(name.to_string(), Arc::new(action))].into() }),
        people: Arc::new(People::default()),
        calendars: Arc::default(),
        registers: Arc::default(),
        retry: Retry::NONE,
        owner: None,
        url: None,
    }
}

/// Its text, and what is read of it.
pub(crate) fn chain() -> Result<(Arc<Workflow>, Arc<Source>), Problem> {
    let step = |i: u16| {
        let before =
            if i == 0 { "input.who".to_owned() } else { format!("step.s{}.text", i.saturating_sub(1)) };
        format!(
            "[step.s{i}]\nuse = \"echo.echo\"\nwhen = \"input.who != 'nobody'\"\nwith.text = \"{{{{ {before} }}}}\"\n\
             with.said = \"{{{{ input.who }}}}, {SAID}\"\n"
        )
    };
    let head = "title = \"counts\"\n[input]\nwho = { type = \"text\" }\n".to_owned();
    let text = std::iter::once(head).chain((0..STEPS).map(step)).collect();
    let source = Source { name: "counts".into(), text, files: BTreeMap::new() };
    let read = definition::read(&source, &source.files).map_err(|faults| format!("{faults:?}"))?;
    Ok((read.workflow, Arc::new(read.source)))
}
