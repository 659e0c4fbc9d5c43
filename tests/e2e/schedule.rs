//! Slots of a schedule over a restart.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::house::{House, until};

const WORKFLOW: &str = "title = \"钟\"\n[trigger.tick]\nschedule = \"every 1s\"\noverlap = \"allow\"\n\
                        [step.say]\nuse = \"echo.echo\"\nwith.text = \"嗒\"\n";

/// The firings of the one trigger, newest first or last; each with its slot.
fn firings(house: &House) -> Vec<Value> {
    let triggers = house.get("/api/v1/triggers?workflow=tick");
    triggers["items"][0]["last"].as_array().unwrap().clone()
}

fn runs(house: &House) -> usize {
    house.get("/api/v1/runs?workflow=tick&limit=500")["items"].as_array().unwrap().len()
}

/// A slot is late only after a minute: what a quick restart passes over is fired as if nobody had been away.
#[test]
fn slots_that_came_while_the_daemon_was_down_are_each_fired_once() {
    let mut house = House::serving("", "tick", WORKFLOW);
    until("two slots", || (runs(&house) >= 2).then_some(()));
    house.kill();
    let away = std::time::Instant::now();
    until("some slots passed", || (away.elapsed().as_millis() > 2_500).then_some(()));
    house.start();
    let before = runs(&house);
    until("slots again", || (runs(&house) >= before + 2).then_some(()));
    let mut slots: Vec<i64> = vec![];
    let mut started = BTreeSet::new();
    for firing in firings(&house) {
        slots.push(firing["id"].as_str().unwrap().parse().unwrap());
        assert!(
            started.insert(firing["run"].as_str().unwrap().to_owned()),
            "two slots have one run: {firing}"
        );
    }
    slots.sort_unstable();
    assert!(slots.windows(2).all(|pair| pair[1] - pair[0] == 1_000), "a slot is lost or doubled: {slots:?}");
}
