//! Deliveries of other systems: what was acknowledged is there once, and nothing is there that nobody sent.

use std::collections::BTreeMap;

use yizhan_workflow::run::event::Event;

use super::Violation;
use crate::evidence::{Delivered, Evidence};

/// How often each case became a run or an event, and as which.
fn became(evidence: &Evidence) -> BTreeMap<String, Vec<String>> {
    let mut became: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for run in evidence.runs.values().filter(|run| ["came", "other"].contains(&&*run.row.workflow)) {
        let Some((_, line)) = run.lines.first() else { continue };
        let Event::Started(started) = &line.event else { continue };
        let input: serde_json::Value = serde_json::from_str(started.input.get()).unwrap_or_default();
        let case = input["case"].as_str().unwrap_or("?").to_owned();
        became.entry(case).or_default().push(run.row.id.to_string());
    }
    for event in evidence.published.iter().filter(|event| &*event.name == "told") {
        became.entry(event.key.to_string()).or_default().push(event.id.to_string());
    }
    became
}

pub(crate) fn check_deliveries(delivered: &Delivered, evidence: &Evidence) -> Vec<Violation> {
    let mut became = became(evidence);
    let mut found = vec![];
    let taken: BTreeMap<&String, &String> = delivered.taken.iter().map(|(case, id)| (case, id)).collect();
    // One that was answered twice was answered with the same.
    let otherwise = delivered.taken.iter().filter(|(case, id)| taken.get(case) != Some(&id));
    found.extend(otherwise.map(|(case, id)| Violation::AnsweredWrongly(case.clone(), id.clone())));
    for (case, id) in taken {
        let all = became.remove(case).unwrap_or_default();
        if all != [id.clone()] {
            found.push(Violation::DeliveredTimes(case.clone(), all.len()));
        }
    }
    // What got no answer came, or did not. Nobody who may has sent the others.
    let is_sound = |case: &String, all: &Vec<String>| delivered.open.contains(case) && all.len() == 1;
    let strays = became.into_iter().filter(|(case, all)| !is_sound(case, all));
    found.extend(strays.map(|(case, all)| Violation::DeliveredTimes(case, all.len())));
    found
}
