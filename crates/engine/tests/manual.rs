//! Plays the tests that the manual shows, against the workflow of their page.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test reads its files itself"
)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use yizhan_engine::rehearsal::house::Ground;
use yizhan_engine::rehearsal::trial::{Stage, play};
use yizhan_store::Memory;
use yizhan_workflow::calendar::Calendars;
use yizhan_workflow::catalogue::Catalogue;
use yizhan_workflow::definition::{Among, read, read_tests};
use yizhan_workflow::moment::Span;
use yizhan_workflow::people::People;
use yizhan_workflow::plan::{ActionName, Retry, Source, Workflow};
use yizhan_workflow::problem::{Lang, render};
use yizhan_workflow::register::Registers;
use yizhan_workflow::run::World;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn world() -> Arc<World> {
    let mut catalogue = Catalogue::built_in();
    let plugins = root().join("crates/workflow/tests/corpus/house/plugins.json");
    let plugins: BTreeMap<String, serde_json::Value> =
        serde_json::from_str(&std::fs::read_to_string(plugins).unwrap()).unwrap();
    for (plugin, describe) in plugins {
        catalogue.add(&plugin, &describe.to_string()).unwrap();
    }
    let people = std::fs::read_to_string(root().join("config/people.toml")).unwrap();
    let registers = std::fs::read_to_string(root().join("config/registers.toml")).unwrap();
    let zone = jiff::tz::TimeZone::get("Asia/Shanghai").unwrap();
    Arc::new(World {
        number: 1,
        calendars: Arc::new(Calendars::built_in(&zone)),
        registers: Arc::new(Registers::read(&registers).unwrap()),
        zone,
        catalogue: Arc::new(catalogue),
        people: Arc::new(People::read(&people).unwrap()),
        retry: Retry {
            times: 5,
            first: Span { ms: 5000 },
            factor: 3.0,
            most: Span { ms: 600_000 },
            jitter: 0.0,
        },
        owner: None,
        url: None,
    })
}

/// The fenced blocks of a page that begin so.
fn blocks<'p>(page: &'p str, fence: &str) -> Vec<&'p str> {
    let begin = format!("```{fence}\n");
    page.split(begin.as_str()).skip(1).map(|rest| rest.split("\n```").next().unwrap()).collect()
}

fn page_plays(page: &str, world: &Arc<World>) -> usize {
    let text = blocks(page, "toml")[0];
    let source = Source { name: "fault".to_owned(), text: text.to_owned(), files: BTreeMap::new() };
    let workflow: Arc<Workflow> = read(&source, &source.files).unwrap().workflow;
    let among = Among {
        workflow: &workflow,
        catalogue: &world.catalogue,
        people: Some(&world.people),
        registers: Some(&world.registers),
        others: &[],
    };
    let mut played = 0;
    for tests in blocks(page, "toml,tests") {
        let read = read_tests(tests, among).unwrap_or_else(|problems| {
            let texts = BTreeMap::from([(String::new(), tests.to_owned())]);
            panic!("{}", render(&problems, "fault.test.toml", &texts, Lang::En, false))
        });
        let (made_up, refuses) = (BTreeMap::new(), |_: &ActionName, _: &str| None);
        let ground = Ground {
            world,
            refuses: &refuses,
            made_up: &made_up,
            lang: yizhan_workflow::problem::Lang::Zh,
            tells_tasks: true,
            shelf: Some(&Memory::shelf),
        };
        for test in &read.tests {
            let stage = Stage { ground, own: &workflow, others: &|_| None };
            if let Err(failed) = play(test, stage) {
                panic!("{}\n{}\n{:?}", test.name, &tests[failed.place], failed.miss);
            }
            played += 1;
        }
    }
    played
}

#[test]
fn the_tests_that_the_manual_shows_hold() {
    let world = world();
    for (page, tests) in
        [("zh/task/test", 3), ("en/task/test", 3), ("zh/task/registers", 1), ("en/task/registers", 1)]
    {
        let text = std::fs::read_to_string(root().join(format!("docs/manual/src/{page}.md"))).unwrap();
        assert_eq!(page_plays(&text, &world), tests, "{page}");
    }
}
