//! What may be done to a store, drawn at random, and the batches that come of it.

use proptest::prelude::*;
use yizhan_engine::store::{
    Batch, Change, Claim, Draft, DraftOf, Firing, FiringOutcome, Grant, Listener, ListenerChange, NewEntry,
    Note, Notice, RunRow, RunState, SlotChange, SlotStands, Start, TaskChange,
};
use yizhan_workflow::id::{Attempt, Millis};
use yizhan_workflow::register::{BEGINNING, Entry, EntryKind};

use super::model::Model;
use crate::contract::gathered;
use crate::contract::registers::raw;
use crate::contract::waiting::{event, item, slot};
use crate::contract::{at, becomes, begin, firing, line, notice, row, run, task, tell};

/// The runs that there may be.
pub(super) const RUNS: std::ops::Range<i64> = 1..6;
/// The tasks that each may have.
pub(super) const NAMES: std::ops::Range<u8> = 0..2;

#[derive(Debug, Clone)]
pub(super) enum Deed {
    /// So many of the batches are written ahead, and all are committed.
    Commit { batches: Vec<Vec<Does>>, ahead: usize },
    /// The next line of a register, chained to what is there.
    Entry { kind: EntryKind, about: u8 },
    /// The process dies after some of this was written ahead.
    Crash { ahead: Vec<Does> },
}

#[derive(Debug, Clone)]
pub(super) enum Does {
    Begin {
        run: i64,
        key: Option<u8>,
        since: Option<Option<i64>>,
        firing: Option<u8>,
        parent: Option<i64>,
    },
    /// The next line of a run; nothing, where there is no such run yet.
    Line {
        run: i64,
        more: More,
    },
    Note(Note),
}

#[derive(Debug, Clone)]
pub(super) enum More {
    Nothing,
    Snapshot(u8),
    Wake(Option<i64>),
    State(RunState),
    Waits(Option<&'static str>),
    Task { name: u8, who: &'static [&'static str] },
    Claimed { name: u8, by: Option<&'static str> },
    Closed { name: u8 },
    Notice { name: u8, second: i64 },
    Tell { parent: i64 },
    Told { child: i64 },
    Slot { stands: u8, priority: i32, item: u32 },
    Free { item: u32 },
    Listens { item: u32, filtered: bool },
    Deaf { item: u32 },
    Grant { second: i64, until: i64 },
}

fn any_outcome() -> impl Strategy<Value = FiringOutcome> {
    prop_oneof![Just(FiringOutcome::Queued), Just(FiringOutcome::Skipped), Just(FiringOutcome::Joined)]
}

fn any_more() -> impl Strategy<Value = More> {
    let state = prop_oneof![
        Just(RunState::Open),
        Just(RunState::Closing),
        Just(RunState::Done),
        Just(RunState::Failed)
    ];
    let waits = prop_oneof![Just(None), Just(Some("step")), Just(Some("child")), Just(Some("time"))];
    let who: [&'static [&'static str]; 3] = [&["ann"], &["role:班长", "bob"], &[]];
    prop_oneof![
        Just(More::Nothing),
        any::<u8>().prop_map(More::Snapshot),
        proptest::option::of(0..5_i64).prop_map(More::Wake),
        state.prop_map(More::State),
        waits.prop_map(More::Waits),
        (NAMES, proptest::sample::select(who.to_vec())).prop_map(|(name, who)| More::Task { name, who }),
        (NAMES, prop_oneof![Just(None), Just(Some("ann")), Just(Some("bob"))])
            .prop_map(|(name, by)| More::Claimed { name, by }),
        (NAMES).prop_map(|name| More::Closed { name }),
        (NAMES, 0..9_i64).prop_map(|(name, second)| More::Notice { name, second }),
        (RUNS).prop_map(|parent| More::Tell { parent }),
        (RUNS).prop_map(|child| More::Told { child }),
        (0..3_u8, -1..2_i32, 0..2_u32).prop_map(|(stands, priority, item)| More::Slot {
            stands,
            priority,
            item
        }),
        (0..2_u32).prop_map(|item| More::Free { item }),
        (0..2_u32, any::<bool>()).prop_map(|(item, filtered)| More::Listens { item, filtered }),
        (0..2_u32).prop_map(|item| More::Deaf { item }),
        (0..9_i64, 9..20_i64).prop_map(|(second, until)| More::Grant { second, until }),
    ]
}

fn any_note() -> impl Strategy<Value = Note> {
    let schedule =
        |second| Note::ScheduleSeen { workflow: "refund".into(), trigger: "daily".into(), at: at(second) };
    prop_oneof![
        4 => (0..4_u8, 0..9_i64, any_outcome())
            .prop_map(|(id, second, outcome)| Note::Firing(firing(&id.to_string(), second, outcome))),
        1 => (0..9_i64).prop_map(schedule),
        1 => (RUNS).prop_map(|child| Note::Told { child: run(child) }),
        1 => (RUNS, NAMES).prop_map(|(run, name)| Note::Noticed { key: notice_of(run, name, 0).key }),
        1 => (0..120_i64).prop_map(|second| Note::ForgetBefore { at: at(second) }),
        2 => (0..4_u8, 0..9_i64).prop_map(|(id, second)| Note::Published(event(0, &id.to_string(), second, 1))),
        1 => (0..6_u64).prop_map(|number| Note::EventsSeen { number }),
        1 => (0..9_i64).prop_map(|second| Note::ForgetEvents { before: at(second) }),
        2 => (proptest::option::of(0..4_u8), 0..9_i64).prop_map(|(id, second)| {
            Note::Gathered(gathered::item(0, id.map(|id| id.to_string()).as_deref(), second))
        }),
        3 => (RUNS, NAMES, 0..9_i64).prop_map(|(run, name, second)| Note::Draft(Draft {
            of: DraftOf::Task(notice_of(run, name, 0).task),
            by: "ann".into(),
            at: at(second),
            fields: raw("{}"),
        })),
        1 => (RUNS, NAMES).prop_map(|(run, name)| Note::DraftDropped {
            of: DraftOf::Task(notice_of(run, name, 0).task),
            by: "ann".into(),
        }),
    ]
}

fn any_does() -> impl Strategy<Value = Does> {
    let maybe = proptest::option::of::<std::ops::Range<u8>>;
    let begin = (RUNS, maybe(0..3), proptest::option::of(proptest::option::of(0..4_i64)), maybe(0..4));
    prop_oneof![
        4 => (begin, proptest::option::of(RUNS)).prop_map(|((run, key, since, firing), parent)| {
            Does::Begin { run, key, since, firing, parent }
        }),
        8 => (RUNS, any_more()).prop_map(|(run, more)| Does::Line { run, more }),
        2 => any_note().prop_map(Does::Note),
    ]
}

pub(super) fn any_deed() -> impl Strategy<Value = Deed> {
    let batches = proptest::collection::vec(proptest::collection::vec(any_does(), 0..4), 1..4);
    let kind = prop_oneof![Just(EntryKind::Entry), Just(EntryKind::Amend), Just(EntryKind::Void)];
    prop_oneof![
        8 => (batches, 0..4_usize).prop_map(|(batches, ahead)| Deed::Commit { batches, ahead }),
        1 => (kind, any::<u8>()).prop_map(|(kind, about)| Deed::Entry { kind, about }),
        1 => proptest::collection::vec(any_does(), 0..3).prop_map(|ahead| Deed::Crash { ahead }),
    ]
}

/// The batch of these doings, after what is there and what the batches before it bring.
pub(super) fn batch(model: &Model, before: &[Batch], all: &[Does]) -> Batch {
    let mut batch = Batch::default();
    for does in all {
        match does {
            Does::Begin { run, key, since, firing, parent } => {
                let start = start_of(*run, *key, *since, *firing);
                batch.changes.push(first_line(*run, *key, start, *parent));
            }
            // One that begins in the same commit may be refused: nothing follows it.
            Does::Line { run: number, more } => {
                let id = run(*number);
                let there = model.last_line(id);
                if there > 0 {
                    let coming = before.iter().chain([&batch]).flat_map(|batch| &batch.changes);
                    let own = coming.filter(|change| change.run == id && change.seq > 1).count();
                    let seq = there + u32::try_from(own).unwrap() + 1;
                    batch.changes.push(later_line(*number, seq, more));
                }
            }
            Does::Note(note) => batch.notes.push(note.clone()),
        }
    }
    batch
}

/// The next line of the register; about an entry that is not void, or an entry of its own.
pub(super) fn entry(lines: &[Entry], kind: EntryKind, about: u8) -> Batch {
    let (last, count) =
        (lines.len() as u64, lines.iter().filter(|line| line.kind == EntryKind::Entry).count());
    let void = |seq: u64| lines.iter().any(|line| line.kind == EntryKind::Void && line.of == Some(seq));
    let of = (last > 0 && kind != EntryKind::Entry).then(|| u64::from(about) % last.max(1) + 1);
    let of = of.and_then(|seq| lines.iter().find(|line| line.seq == seq));
    let of = of.filter(|line| line.kind == EntryKind::Entry && !void(line.seq));
    let entry = Entry {
        register: REGISTER.into(),
        seq: last + 1,
        kind: if of.is_some() { kind } else { EntryKind::Entry },
        of: of.map(|line| line.seq),
        number: of.map_or_else(|| format!("FD2026-{}", count + 1).into(), |line| line.number.clone()),
        series: if of.is_some() { "" } else { "2026" }.into(),
        count: if of.is_some() { 0 } else { count as u64 + 1 },
        at: at(i64::try_from(last).unwrap()),
        by: "run_x/fine/1/0".into(),
        key: format!("key{last}").into(),
        part: 0,
        why: of.map(|_| "misread".into()),
        body: raw(&format!("{{\"amount\":{about}}}")),
        private: None,
        before: lines.last().map_or(BEGINNING.into(), |line| line.hash.clone()),
        hash: "".into(),
        sign: None,
    };
    let new = NewEntry { entry: entry.chained(), card: Some("A".into()), forgets: vec![] };
    Batch { notes: vec![Note::Entry(Box::new(new))], ..Batch::default() }
}

pub(super) const REGISTER: &str = "罚单";

fn first_line(number: i64, key: Option<u8>, start: Start, parent: Option<i64>) -> Change {
    let key = key.map(|key| key.to_string().into());
    let row = RunRow { key, parent: parent.map(run), ..row(run(number), number % 3) };
    Change { row: Some(Box::new(row)), start: Some(Box::new(start)), ..begin(number) }
}

fn start_of(number: i64, key: Option<u8>, since: Option<Option<i64>>, fired: Option<u8>) -> Start {
    let claim = |(key, since): (u8, Option<i64>)| Claim {
        workflow: "refund".into(),
        key: key.to_string().into(),
        since: since.map(|second| if second == 3 { Millis(i64::MIN) } else { at(second) }),
    };
    let fired: Option<Firing> = fired.map(|id| firing(&id.to_string(), number, FiringOutcome::Started));
    Start { claim: key.zip(since).map(claim), firing: fired, takes: None }
}

/// Of the task of the same name.
fn notice_of(number: i64, name: u8, second: i64) -> Notice {
    notice(number, &format!("{number}/{name}"), second)
}

fn later_line(number: i64, seq: u32, more: &More) -> Change {
    let named = |name: u8, who: &[&str]| task(number, &format!("{number}/{name}"), who);
    let tasks = |change| Change { tasks: vec![change], ..line(run(number), seq) };
    match more {
        More::Nothing => line(run(number), seq),
        More::Snapshot(byte) => Change { snapshot: Some(vec![*byte; 3].into()), ..line(run(number), seq) },
        More::Wake(wake) => Change { wake: Some(wake.map(at)), ..line(run(number), seq) },
        More::State(state) => becomes(number, seq, *state),
        More::Waits(waits) => {
            let row = RunRow { waits: waits.map(Into::into), ..row(run(number), number) };
            Change { row: Some(Box::new(row)), ..line(run(number), seq) }
        }
        More::Task { name, who } => tasks(TaskChange::Open(Box::new(named(*name, who)))),
        More::Claimed { name, by } => {
            tasks(TaskChange::Claimed { id: named(*name, &[]).id, by: by.map(Into::into) })
        }
        More::Closed { name } => tasks(TaskChange::Closed { id: named(*name, &[]).id }),
        More::Notice { name, second } => {
            Change { notices: vec![notice_of(number, *name, *second)], ..line(run(number), seq) }
        }
        More::Tell { parent } => {
            Change { tell_parent: Some(Box::new(tell(number, *parent))), ..line(run(number), seq) }
        }
        More::Told { child } => Change { told_by: Some(run(*child)), ..line(run(number), seq) },
        More::Slot { stands, priority, item: which } => {
            let stands = [SlotStands::Waits, SlotStands::Holds, SlotStands::Inside][usize::from(*stands)];
            let mut row = slot(number, *priority, i64::from(seq), stands);
            row.of = Attempt { item: item(*which), attempt: seq };
            Change { slots: vec![SlotChange::Stands(Box::new(row))], ..line(run(number), seq) }
        }
        More::Free { item: which } => {
            let free = SlotChange::Free { run: run(number), item: item(*which) };
            Change { slots: vec![free], ..line(run(number), seq) }
        }
        More::Listens { item: which, filtered } => {
            let listener = Listener {
                number: 0,
                run: run(number),
                of: Attempt { item: item(*which), attempt: seq },
                name: "paid".into(),
                key: "A-7".into(),
                filter: filtered.then(|| raw("{\"amount\":2}")),
                since: at(number),
            };
            let opened = ListenerChange::Opened(Box::new(listener));
            Change { listeners: vec![opened], ..line(run(number), seq) }
        }
        More::Deaf { item: which } => {
            let closed = ListenerChange::Closed { run: run(number), item: item(*which) };
            Change { listeners: vec![closed], ..line(run(number), seq) }
        }
        More::Grant { second, until } => {
            let grant = Grant { key: "crm".into(), at: at(*second), until: at(*until) };
            Change { grant: Some(grant), ..line(run(number), seq) }
        }
    }
}
