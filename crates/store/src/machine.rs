//! Whatever is done to a store, it says what its port says: both stores against a model that knows neither of them, and against
//! each other in what the model does not tell.
//!
//! 32 sequences of up to 100 deeds; `YIZHAN_CASES=10000` plays so many, `YIZHAN_SEED=7` draws others. A failure names its seed
//! and the shortest sequence that fails.

mod deeds;
mod model;

use std::sync::Arc;

use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed, TestRunner};
use proptest_state_machine::{ReferenceStateMachine, StateMachineTest};
use yizhan_engine::store::{
    Acks, Batch, DraftOf, Page, Reads, RunFilter, RunRow, RunState, StoreError, TaskFilter,
};
use yizhan_workflow::id::{Millis, TaskId};

use self::deeds::{Deed, NAMES, REGISTER, RUNS, any_deed, batch, entry};
use self::model::Model;
use crate::contract::losses::everything;
use crate::contract::{House, at};
use crate::memory::Memory;
use crate::sqlite::tests::InFile;

/// What was done last, for the stores to do.
#[derive(Debug, Clone, Default)]
struct Last {
    batches: Arc<Vec<Batch>>,
    acks: Vec<Acks>,
}

#[derive(Debug, Clone, Default)]
struct Reference {
    model: Model,
    last: Last,
}

impl ReferenceStateMachine for Reference {
    type State = Self;
    type Transition = Deed;

    fn init_state() -> BoxedStrategy<Self> {
        Just(Self::default()).boxed()
    }

    fn transitions(_: &Self) -> BoxedStrategy<Deed> {
        any_deed().boxed()
    }

    fn apply(mut state: Self, deed: &Deed) -> Self {
        let batches = match deed {
            Deed::Commit { batches, .. } => in_order(&state.model, batches),
            Deed::Entry { kind, about } => vec![entry(&state.model.entries(), *kind, *about)],
            Deed::Crash { ahead } => in_order(&state.model, std::slice::from_ref(ahead)),
        };
        let acks = match deed {
            Deed::Commit { .. } | Deed::Entry { .. } => state.model.commit(again(&batches)),
            // Its commit never comes.
            Deed::Crash { .. } => vec![],
        };
        state.last = Last { batches: Arc::new(batches), acks };
        state
    }
}

fn in_order(model: &Model, all: &[Vec<deeds::Does>]) -> Vec<Batch> {
    let mut batches = Vec::new();
    for does in all {
        batches.push(batch(model, &batches, does));
    }
    batches
}

fn again(batches: &[Batch]) -> Vec<Batch> {
    let one =
        |batch: &Batch| Batch { changes: batch.changes.clone(), notes: batch.notes.clone(), released: 0 };
    batches.iter().map(one).collect()
}

/// Both stores.
struct Both {
    file: InFile,
    memory: Memory,
}

impl StateMachineTest for Both {
    type SystemUnderTest = Self;
    type Reference = Reference;

    fn init_test(_: &Reference) -> Self {
        Self { file: InFile::new(), memory: Memory::new() }
    }

    fn apply(mut both: Self, after: &Reference, deed: Deed) -> Self {
        let Last { batches, acks } = &after.last;
        let houses: [&mut dyn House; 2] = [&mut both.file, &mut both.memory];
        for house in houses {
            match &deed {
                Deed::Commit { ahead, .. } => {
                    (1..=*ahead.min(&batches.len())).for_each(|so| house.store().write_ahead(&batches[..so]));
                    assert_eq!(house.store().commit(batches).unwrap(), *acks, "what is refused");
                }
                Deed::Entry { .. } => assert_eq!(house.store().commit(batches).unwrap(), *acks),
                Deed::Crash { .. } => {
                    house.store().write_ahead(batches);
                    house.crash();
                }
            }
        }
        both
    }

    fn check_invariants(both: &Self, reference: &Reference) {
        says(&*both.file.reads(), &reference.model);
        says(&both.memory, &reference.model);
        assert_eq!(everything(&*both.file.reads()), everything(&both.memory));
    }
}

/// All rows of a list, page by page.
fn pages<T>(page: impl Fn(Option<&str>) -> Result<Page<T>, StoreError>) -> Vec<T> {
    let (mut all, mut cursor) = (vec![], None::<String>);
    loop {
        let page = page(cursor.as_deref()).unwrap();
        all.extend(page.rows);
        match page.next {
            Some(next) => cursor = Some(next),
            None => return all,
        }
    }
}

/// The store answers each question as the model does.
fn says(store: &dyn Reads, model: &Model) {
    runs(store, model);
    lists(store, model);
    tasks(store, model);
    waiting(store, model);
}

fn runs(store: &dyn Reads, model: &Model) {
    for number in RUNS {
        let run = crate::contract::run(number);
        assert_eq!(store.run(run).unwrap(), model.stored(run), "{run}");
        assert_eq!(store.row(run).unwrap(), model.row(run));
        assert_eq!(store.journal(run, 1, 99_999).unwrap(), model.journal(run, 1));
        assert_eq!(
            store.journal(run, 0, 2).unwrap(),
            model.journal(run, 0).into_iter().take(2).collect::<Vec<_>>()
        );
    }
    let wakes: Vec<_> = model.wakes().into_iter().collect();
    assert_eq!(store.wakes(at(1_000), 99).unwrap(), wakes);
    assert_eq!(
        store.wakes(at(2), 99).unwrap(),
        wakes.iter().filter(|wake| wake.0 <= at(2)).copied().collect::<Vec<_>>()
    );
    assert_eq!(store.next_wake().unwrap(), wakes.first().map(|wake| wake.0));
    assert_eq!(store.open_runs(None, 99).unwrap(), model.open());
    assert_eq!(store.last_run().unwrap(), model.runs().into_iter().rfind(|run| !run.is_child()));
    for key in 0..3 {
        assert_eq!(
            store.holder("refund", &key.to_string()).unwrap(),
            model.holder("refund", &key.to_string()),
            "{key}"
        );
    }
}

fn lists(store: &dyn Reads, model: &Model) {
    let list = |filter: RunFilter, fits: &dyn Fn(&RunRow) -> bool| {
        let mut rows: Vec<RunRow> = model.rows().into_iter().filter(fits).collect();
        rows.sort_by_key(|row| std::cmp::Reverse((row.started, row.id)));
        assert_eq!(pages(|cursor| store.runs(&filter, cursor, 2)), rows, "{filter:?}");
        rows.len() as u64
    };
    let any = RunFilter::default;
    let is_open = |row: &RunRow| matches!(row.state, RunState::Open | RunState::Closing);
    list(any(), &|_| true);
    list(RunFilter { open: true, ..any() }, &is_open);
    list(RunFilter { waits: Some("time".into()), ..any() }, &|row| row.waits.as_deref() == Some("time"));
    list(RunFilter { key: Some("1".into()), ..any() }, &|row| row.key.as_deref() == Some("1"));
    list(RunFilter { since: Some(at(1)), until: Some(at(2)), ..any() }, &|row| row.started == at(1));
    let parent = crate::contract::run(1);
    list(RunFilter { parent: Some(parent), ..any() }, &|row| row.parent == Some(parent));
    let states = [RunState::Open, RunState::Closing, RunState::Done, RunState::Failed, RunState::Cancelled];
    let counts = states.map(|state| {
        let filter = RunFilter { workflow: Some("refund".into()), state: Some(state), ..any() };
        (state, list(filter, &|row| row.state == state))
    });
    let counts: Vec<_> = counts.into_iter().filter(|(_, count)| *count > 0).collect();
    assert_eq!(store.count_by_state().unwrap(), counts);
    let open: u64 = store.open_by_text("refund").unwrap().into_iter().map(|(_, runs)| runs).sum();
    assert_eq!(open, model.open().len() as u64);
}

fn tasks(store: &dyn Reads, model: &Model) {
    let all = model.tasks();
    for who in [None, Some("ann"), Some("bob"), Some("role:班长")] {
        let may = |row: &&yizhan_engine::store::TaskRow| {
            who.is_none_or(|who| {
                row.who.iter().any(|one| one == who) || row.claimed_by.as_deref() == Some(who)
            })
        };
        let filter = TaskFilter { who: who.map(|who| vec![who.to_owned()]), ..TaskFilter::default() };
        let rows: Vec<_> = all.iter().filter(may).cloned().collect();
        assert_eq!(pages(|cursor| store.tasks(&filter, cursor, 2)), rows, "{who:?}");
    }
    for name in RUNS.flat_map(|number| NAMES.map(move |name| format!("{number}/{name}"))) {
        let id = TaskId::of(&name, 1);
        assert_eq!(store.task(&id).unwrap(), all.iter().find(|row| row.id == id).cloned());
        assert_eq!(
            store.draft(&DraftOf::Task(id.clone()), "ann").unwrap(),
            model.draft(&id, "ann"),
            "{name}"
        );
    }
    assert_eq!(store.notices(None, 999).unwrap(), model.notices());
    assert_eq!(store.tells().unwrap(), model.tells());
}

fn waiting(store: &dyn Reads, model: &Model) {
    assert_eq!(store.firings("refund", "order", 99).unwrap(), model.firings());
    for id in ["0", "1", "2", "3"] {
        let known = model.firing(id).map(|(firing, run)| (firing.outcome, run));
        assert_eq!(store.firing("refund", "order", id).unwrap(), known, "{id}");
    }
    assert_eq!(store.gathered("refund", "order", Millis(i64::MAX), 999).unwrap(), model.gathered());
    assert_eq!(store.schedule_seen("refund", "daily").unwrap(), model.schedule_seen());
    assert_eq!(store.slot_holders(None).unwrap(), model.holders_of_places());
    assert_eq!(store.slot_line("crm", 999).unwrap(), model.line());
    for now in [at(0), at(12), at(30)] {
        assert_eq!(store.grants(now).unwrap(), model.grants(now));
    }
    assert_eq!(store.events_after(0, 999).unwrap(), model.events());
    assert_eq!(store.events_seen().unwrap(), model.events_seen());
    assert_eq!(store.listeners("paid", "A-7", 0, 999).unwrap(), model.listeners());
    assert_eq!(store.listeners_behind(0, 999).unwrap(), model.listeners_behind());
    let lines = store.register_lines(REGISTER, 0, 999).unwrap();
    assert_eq!(lines.into_iter().map(|line| line.entry).collect::<Vec<_>>(), model.entries());
}

#[test]
fn both_stores_say_what_the_model_says_whatever_is_done() {
    let number = |name, else_: u64| std::env::var(name).map_or(else_, |number| number.parse().unwrap());
    let (seed, cases) = (number("YIZHAN_SEED", 1), number("YIZHAN_CASES", 32));
    let config = Config {
        cases: u32::try_from(cases).unwrap(),
        rng_seed: RngSeed::Fixed(seed),
        max_shrink_iters: 2_000,
        failure_persistence: None,
        ..Config::default()
    };
    let mut runner = TestRunner::new(config.clone());
    let played = runner.run(&Reference::sequential_strategy(1..100), |(begin, deeds, seen)| {
        Both::test_sequential(config.clone(), begin, deeds, seen);
        Ok(())
    });
    played.unwrap_or_else(|error| panic!("YIZHAN_SEED={seed}: {error}"));
}
