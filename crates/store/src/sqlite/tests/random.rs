//! Whatever is done to both, the store in a file and the store in memory say the same.
//!
//! `YIZHAN_LONG=1`: 10,000 stories of up to 100 deeds.

use proptest::prelude::*;
use yizhan_engine::store::{
    Batch, Change, Claim, Draft, DraftOf, Firing, FiringOutcome, Grant, Listener, ListenerChange, Note,
    Notice, RunRow, RunState, SlotChange, SlotStands, Start, Store, TaskChange,
};
use yizhan_workflow::id::{Attempt, Millis};
use yizhan_workflow::register::EntryKind;

use super::InFile;
use crate::contract::gathered;
use crate::contract::losses::everything;
use crate::contract::registers::{next, raw, write};
use crate::contract::waiting::{event, item, slot};
use crate::contract::{House, at, becomes, begin, firing, line, notice, row, run, task, tell};
use crate::memory::Memory;

#[derive(Debug, Clone)]
enum Deed {
    Begin {
        run: i64,
        key: Option<u8>,
        since: Option<Option<i64>>,
        firing: Option<u8>,
        parent: Option<i64>,
    },
    Line {
        run: i64,
        more: More,
    },
    Note(Note),
    /// The next line of a register, chained to what is there: all before it is committed.
    Entry(EntryKind, u8),
    /// What was gathered becomes one batch; true: and is committed with the batches before it.
    End(bool),
    Crash,
}

#[derive(Debug, Clone)]
enum More {
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
        (0..4_u8, proptest::sample::select(who.to_vec())).prop_map(|(name, who)| More::Task { name, who }),
        (0..4_u8, prop_oneof![Just(None), Just(Some("ann")), Just(Some("bob"))])
            .prop_map(|(name, by)| More::Claimed { name, by }),
        (0..4_u8).prop_map(|name| More::Closed { name }),
        (0..4_u8, 0..9_i64).prop_map(|(name, second)| More::Notice { name, second }),
        (1..8_i64).prop_map(|parent| More::Tell { parent }),
        (1..8_i64).prop_map(|child| More::Told { child }),
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
        1 => (1..8_i64).prop_map(|child| Note::Told { child: run(child) }),
        1 => (1..8_i64, 0..4_u8).prop_map(|(run, name)| Note::Noticed { key: notice_of(run, name, 0).key }),
        1 => (0..120_i64).prop_map(|second| Note::ForgetBefore { at: at(second) }),
        2 => (0..4_u8, 0..9_i64).prop_map(|(id, second)| Note::Published(event(0, &id.to_string(), second, 1))),
        1 => (0..6_u64).prop_map(|number| Note::EventsSeen { number }),
        1 => (0..9_i64).prop_map(|second| Note::ForgetEvents { before: at(second) }),
        2 => (proptest::option::of(0..4_u8), 0..9_i64).prop_map(|(id, second)| {
            Note::Gathered(gathered::item(0, id.map(|id| id.to_string()).as_deref(), second))
        }),
        1 => (1..8_i64, 0..4_u8, 0..9_i64).prop_map(|(run, name, second)| Note::Draft(Draft {
            of: DraftOf::Task(notice_of(run, name, 0).task),
            by: "ann".into(),
            at: at(second),
            fields: raw("{}"),
        })),
        1 => (1..8_i64, 0..4_u8).prop_map(|(run, name)| Note::DraftDropped {
            of: DraftOf::Task(notice_of(run, name, 0).task),
            by: "ann".into(),
        }),
    ]
}

fn any_deed() -> impl Strategy<Value = Deed> {
    let maybe = proptest::option::of::<std::ops::Range<u8>>;
    let begin = (1..8_i64, maybe(0..3), proptest::option::of(proptest::option::of(0..9_i64)), maybe(0..4));
    prop_oneof![
        4 => (begin, proptest::option::of(1..8_i64)).prop_map(|((run, key, since, firing), parent)| {
            Deed::Begin { run, key, since, firing, parent }
        }),
        8 => (1..8_i64, any_more()).prop_map(|(run, more)| Deed::Line { run, more }),
        2 => any_note().prop_map(Deed::Note),
        1 => (prop_oneof![Just(EntryKind::Entry), Just(EntryKind::Amend), Just(EntryKind::Void)], any::<u8>())
            .prop_map(|(kind, of)| Deed::Entry(kind, of)),
        4 => any::<bool>().prop_map(Deed::End),
        1 => Just(Deed::Crash),
    ]
}

fn first_line(number: i64, key: Option<u8>, start: Start, parent: Option<i64>) -> Change {
    let key = key.map(|key| key.to_string().into());
    let row = RunRow { key, parent: parent.map(run), ..row(run(number), number % 3) };
    Change { row: Some(Box::new(row)), start: Some(Box::new(start)), ..begin(number) }
}

fn start_of(number: i64, key: Option<u8>, since: Option<Option<i64>>, fired: Option<u8>) -> Start {
    let claim = |(key, since): (u8, Option<i64>)| Claim {
        workflow: "refund".into(),
        key: key.to_string().into(),
        since: since.map(|second| if second == 8 { Millis(i64::MIN) } else { at(second) }),
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

/// Both stores, and how far each accepted run has got.
struct Both {
    file: InFile,
    memory: Memory,
    lines: [u32; 8],
    /// Begun in what is not committed yet: it may be refused, so nothing may follow.
    open: Batch,
    batches: Vec<Batch>,
}

impl Both {
    fn do_it(&mut self, deed: Deed) {
        match deed {
            Deed::Begin { run, key, since, firing, parent } => {
                let start = start_of(run, key, since, firing);
                self.open.changes.push(first_line(run, key, start, parent));
            }
            Deed::Line { run, more } => {
                let lines = &mut self.lines[usize::try_from(run).unwrap()];
                if *lines > 0 {
                    *lines += 1;
                    self.open.changes.push(later_line(run, *lines, &more));
                }
            }
            Deed::Note(note) => self.open.notes.push(note),
            Deed::Entry(kind, of) => self.write_entry(kind, of),
            Deed::End(commit) => {
                self.batches.push(std::mem::take(&mut self.open));
                if commit {
                    self.commit();
                }
            }
            Deed::Crash => {
                self.commit();
                self.file.crash();
                self.memory.crash();
            }
        }
    }

    fn write_entry(&mut self, kind: EntryKind, of: u8) {
        self.do_it(Deed::End(true));
        let last = self.file.reads().register_head("罚单").unwrap().map_or(0, |head| head.seq);
        let about = (last > 0).then(|| u64::from(of) % last + 1).filter(|_| kind != EntryKind::Entry);
        // What is about another is about an entry.
        let about = about.filter(|seq| {
            let line = self.file.reads().register_line("罚单", *seq).unwrap().unwrap();
            line.entry.kind == EntryKind::Entry && line.shown.is_some()
        });
        let kind = if about.is_some() { kind } else { EntryKind::Entry };
        let entry = next(&self.file, kind, about, &format!("{{\"amount\":{of}}}"));
        write(&mut self.file, entry.clone(), Some("A"));
        write(&mut self.memory, entry, Some("A"));
        assert_eq!(everything(&*self.file.reads()), everything(&self.memory));
    }

    fn commit(&mut self) {
        let batches = std::mem::take(&mut self.batches);
        let (told, also) =
            (self.file.store().commit(&batches).unwrap(), self.memory.commit(&batches).unwrap());
        assert_eq!(told, also);
        for (batch, acks) in batches.iter().zip(told) {
            for (change, _) in
                batch.changes.iter().zip(acks).filter(|(change, ack)| change.seq == 1 && ack.is_ok())
            {
                let number = (1..8).find(|number| run(*number) == change.run).unwrap();
                self.lines[usize::try_from(number).unwrap()] = 1;
            }
        }
        assert_eq!(everything(&*self.file.reads()), everything(&self.memory));
    }
}

/// How many stories are told.
fn cases() -> u32 {
    if std::env::var("YIZHAN_LONG").is_ok_and(|long| long == "1") { 10_000 } else { 64 }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), max_shrink_iters: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn both_stores_say_the_same_whatever_is_done(deeds in proptest::collection::vec(any_deed(), 1..100)) {
        let mut both = Both {
            file: InFile::new(),
            memory: Memory::new(),
            lines: [0; 8],
            open: Batch::default(),
            batches: vec![],
        };
        for deed in deeds {
            both.do_it(deed);
        }
        both.do_it(Deed::End(true));
    }
}
