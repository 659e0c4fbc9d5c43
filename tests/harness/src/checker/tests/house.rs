//! What stands beside single runs: children, events, places, slots of schedules, registers and words to people. One sound
//! house, and a table of faults that are put into it one at a time.

use std::collections::BTreeMap;
use std::sync::Arc;

use yizhan_engine::store::{
    Firing, FiringOutcome, Listener, Notice, Published, RunState, SlotRow, SlotStands, Standing as Written,
    Tell,
};
use yizhan_workflow::calendar::Calendar;
use yizhan_workflow::definition;
use yizhan_workflow::id::{Attempt, Item, Millis, RunId, ScopeNo, StepNo, TaskId, TextHash};
use yizhan_workflow::plan::{Source, Workflow};
use yizhan_workflow::register::{BEGINNING, ChainFault, Entry, EntryKind};
use yizhan_workflow::run::event::{AttemptResult, EndState, Event, Fact, Parent, Raw, Standing, Started};
use yizhan_workflow::run::state::{At, Run};
use yizhan_workflow::run::{Command, Decision, Line, Now, RULES, decide, start};
use yizhan_workflow::schedule::{Pattern, Schedule};

use super::{clocked, jiff_zone, row, world};
use crate::checker::{Hears, Ledger, Rows, Slots, Violation, check};
use crate::evidence::{Evidence, RunEvidence};

const BEGAN: Millis = Millis(1_795_395_600_000);
const DAY: i64 = 86_400_000;

const PARENT: &str = "title = \"p\"\n[step.sub]\nrun = \"c\"\n[step.news]\nawait = \"paid\"\nkey = \"A\"\n\
                      [step.more]\nawait = \"paid\"\nkey = \"A\"\n";
const CHILD: &str = "title = \"c\"\n[step.call]\nuse = \"t.once\"\n";
const PLACE: &str = "title = \"l\"\n[step.call]\nuse = \"t.once\"\nlimit = { key = \"k\", most = 1 }\n";
const TICK: &str = "title = \"d\"\n[step.call]\nuse = \"t.once\"\n";

fn text(name: &str, text: &str) -> Arc<Workflow> {
    let source = Source { name: name.into(), text: text.into(), files: BTreeMap::new() };
    definition::read(&source, &source.files).unwrap().workflow
}

fn raw(json: &str) -> Raw {
    Raw::new(json.to_owned()).unwrap()
}

fn item(step: u16) -> Item {
    Item { step: StepNo(step), scope: ScopeNo::RUN, round: 1, item: 0, undo: false, rung: None }
}

/// A run that is decided step by step, and what its journal says.
struct Told {
    text: Arc<Workflow>,
    run: Run,
    lines: Vec<Decision>,
}

impl Told {
    fn begin(id: RunId, name: &str, toml: &str, how: impl FnOnce(&mut Started)) -> Self {
        let text = text(name, toml);
        let mut started = Started {
            workflow: name.into(),
            text: TextHash(name.into()),
            input: raw("{}"),
            key: None,
            trigger: None,
            by: "operator".into(),
            parent: None,
            origin: None,
        };
        how(&mut started);
        let world = world();
        let (run, first) = start(id, &text, &Now { world: &world, at: BEGAN, room: usize::MAX }, started);
        Self { text, run, lines: vec![first] }
    }

    fn hear(&mut self, event: Event) {
        let world = world();
        let now = Now { world: &world, at: BEGAN, room: usize::MAX };
        self.lines.push(decide(&mut self.run, &self.text, &now, event).unwrap());
    }

    fn done(&mut self, output: &str) {
        let of = Attempt { item: item(0), attempt: 1 };
        let result = AttemptResult::Done { output: raw(output) };
        self.hear(Event::Ended { of, result, took_us: None });
    }

    /// Puts the run with its row into the evidence.
    fn into(self, evidence: &mut Evidence, rows: Rows) {
        let state = if self.run.is_over() { RunState::Done } else { RunState::Open };
        let parent = self.run.started.parent.map(|parent| parent.run);
        let id = self.run.id;
        let row = yizhan_engine::store::RunRow {
            state,
            workflow: self.text.name.clone(),
            parent,
            ..row(id, BEGAN)
        };
        let lines = self.lines.into_iter().map(|decision| {
            let line = Line { rules: RULES, world: 1, event: decision.event, did: decision.did };
            let body = serde_json::to_vec(&line).unwrap().into();
            (yizhan_engine::store::Line { seq: decision.seq, at: decision.at, body }, line)
        });
        let (lines, unreadable) = (lines.collect(), vec![]);
        let run = RunEvidence { row, lines, unreadable, rows, loads_otherwise: false };
        evidence.runs.insert(id, run);
    }
}

/// Ids after that of the run with a clock.
fn ids() -> [RunId; 6] {
    let mut last = Some(RunId::mint(BEGAN, None));
    [(); 6].map(|()| {
        last = Some(RunId::mint(BEGAN, last));
        last.unwrap()
    })
}

/// A parent whose child is over, who took one event and waits for the next.
fn family(evidence: &mut Evidence) {
    let [parent, ..] = ids();
    let mut above = Told::begin(parent, "p", PARENT, |_| {});
    let begun = above.lines[0].commands.iter().find_map(|command| {
        let Command::StartChild { of, child } = command else { return None };
        Some((*of, *child))
    });
    let (of, child) = begun.unwrap();
    let from = Parent { run: parent, of, depth: 1 };
    let mut below = Told::begin(child, "c", CHILD, |started| started.parent = Some(from));
    below.done("{}");
    let state = EndState::Done;
    above.hear(Event::ChildEnded { of, child, state, outcome: Some("done".into()), output: Some(raw("{}")) });
    let of = Attempt { item: item(1), attempt: 1 };
    above.hear(Event::EventTaken { of, id: "paid/1".into(), payload: raw("{}") });
    let listens = Attempt { item: item(2), attempt: 1 };
    let listener = Listener {
        number: 2,
        run: parent,
        of: listens,
        name: "paid".into(),
        key: "A".into(),
        filter: None,
        since: BEGAN,
    };
    above.into(evidence, Rows { listeners: vec![listener], ..Rows::default() });
    below.into(evidence, Rows::default());
    evidence.published.push(Published {
        number: 1,
        id: "1".into(),
        name: "paid".into(),
        key: "A".into(),
        payload: raw("{}"),
        at: BEGAN,
    });
}

/// A run that an event started, one of two that its trigger has seen.
fn heard(evidence: &mut Evidence) {
    let run = RunId::mint(BEGAN, ids().last().copied());
    let told = raw("{\"name\":\"news\",\"event\":{\"id\":\"2\"}}");
    let mut news = Told::begin(run, "n", CHILD, |started| started.trigger = Some(told));
    news.done("{}");
    news.into(evidence, Rows::default());
    let event = |number: u64| Published {
        number,
        id: number.to_string().into(),
        name: "news".into(),
        key: "B".into(),
        payload: raw("{}"),
        at: BEGAN,
    };
    evidence.published.extend([event(2), event(3)]);
    evidence.hears.push(Hears {
        workflow: "n".into(),
        trigger: "news".into(),
        event: "news".into(),
        seen: 3,
        firings: ["2".to_owned(), "3".to_owned()].into(),
    });
}

/// One run holds the place, another waits for it.
fn places(evidence: &mut Evidence) {
    let [_, _, holder, waiter, ..] = ids();
    for (id, stands) in [(holder, SlotStands::Holds), (waiter, SlotStands::Waits)] {
        let mut run = Told::begin(id, "l", PLACE, |_| {});
        let of = Attempt { item: item(0), attempt: 1 };
        let limit = run.run.item(of.item).unwrap().limit.clone();
        if stands == SlotStands::Holds {
            run.hear(Event::SlotGranted { of });
        }
        let ask = (*limit.unwrap()).clone();
        let slot = SlotRow { run: id, of, ask, asked: BEGAN, stands };
        run.into(evidence, Rows { slots: vec![slot], ..Rows::default() });
    }
}

/// A run wrote the first two entries of a register, and somebody brought in the third.
fn ledger(evidence: &mut Evidence) {
    let [_, _, _, _, writer, _] = ids();
    let mut lines: Vec<Written> = vec![];
    for seq in 1..=3 {
        let before = lines.last().map_or(BEGINNING.into(), |last| last.entry.hash.clone());
        let (by, part) = match seq {
            1 | 2 => (format!("{writer}/call/1/0"), seq as u32 - 1),
            _ => ("person:a".to_owned(), 0),
        };
        let entry = Entry {
            register: "台账".into(),
            seq,
            kind: EntryKind::Entry,
            of: None,
            number: format!("TZ-{seq}").into(),
            series: "".into(),
            count: seq,
            at: BEGAN,
            key: by.as_str().into(),
            by: by.into(),
            part,
            why: None,
            body: raw("{\"n\":1}"),
            private: None,
            before,
            hash: "".into(),
            sign: None,
        };
        lines.push(Written { entry: entry.chained(), shown: Some(seq), card: None });
    }
    let head = &lines[1].entry;
    let mut run = Told::begin(writer, "c", CHILD, |_| {});
    run.done(&format!(
        "{{\"number\":\"TZ-2\",\"head\":{{\"register\":\"台账\",\"seq\":2,\"hash\":\"{}\"}}}}",
        head.hash
    ));
    run.into(evidence, Rows::default());
    evidence.ledgers.push(Ledger { register: "台账".into(), lines });
}

/// Two days of a daily schedule: one started a run, one was missed.
fn schedule(evidence: &mut Evidence) {
    let [.., ticked] = ids();
    let at = Millis(BEGAN.0 - BEGAN.0 % DAY + DAY);
    let trigger = format!("{{\"name\":\"daily\",\"at\":\"{}\",\"window\":{{}}}}", at.timestamp().unwrap());
    let mut run = Told::begin(ticked, "d", TICK, |started| started.trigger = Some(raw(&trigger)));
    run.done("{}");
    run.into(evidence, Rows::default());
    evidence.runs.entry(ticked).and_modify(|run| run.row.started = at);
    let firing = |at: Millis, outcome| Firing {
        workflow: "d".into(),
        trigger: "daily".into(),
        id: at.0.to_string(),
        at,
        outcome,
    };
    evidence.schedules.push(Slots {
        workflow: "d".into(),
        trigger: "daily".into(),
        schedule: Schedule::new(Pattern::parse("00:00").unwrap()),
        calendar: Calendar::weekdays(jiff_zone()),
        from: Millis(at.0 - 1),
        seen: Millis(at.0 + DAY),
        firings: vec![
            (firing(at, FiringOutcome::Started), Some(ticked)),
            (firing(Millis(at.0 + DAY), FiringOutcome::Missed), None),
        ],
        plain: true,
    });
}

/// Everything side by side, and a task of which somebody is to be told.
fn house() -> Evidence {
    let mut evidence = clocked(2);
    let (run, task) = evidence
        .runs
        .values()
        .find_map(|run| Some((run.row.id, run.rows.tasks.first()?.id.clone())))
        .unwrap();
    let spoken = Evidence {
        notices: vec![Notice {
            key: format!("{run}/look/1/0/ask1").into(),
            task,
            at: BEGAN,
            letter: Box::default(),
        }],
        letters: vec!["one".into(), "two".into()],
        ..Evidence::default()
    };
    let clocks = std::mem::take(&mut evidence.runs);
    evidence = spoken;
    family(&mut evidence);
    heard(&mut evidence);
    places(&mut evidence);
    ledger(&mut evidence);
    schedule(&mut evidence);
    evidence.runs.extend(clocks.into_values().map(|run| (run.row.id, run)));
    evidence
}

/// The run of this workflow, the first of them.
fn of<'e>(evidence: &'e mut Evidence, workflow: &str) -> &'e mut RunEvidence {
    evidence.runs.values_mut().find(|run| &*run.row.workflow == workflow).unwrap()
}

fn is_child(run: &RunEvidence) -> bool {
    run.row.parent.is_some()
}

fn child(evidence: &mut Evidence) -> &mut RunEvidence {
    evidence.runs.values_mut().find(|run| is_child(run)).unwrap()
}

/// Takes the lines from this event on out of the journal.
fn cut(run: &mut RunEvidence, from: impl Fn(&Event) -> bool) {
    let at = run.lines.iter().position(|(_, line)| from(&line.event)).unwrap();
    run.lines.truncate(at);
}

fn again(run: &mut RunEvidence, which: impl Fn(&Event) -> bool) {
    let (stored, line) = run.lines.iter().find(|(_, line)| which(&line.event)).unwrap();
    let line = Line { did: vec![], ..line.clone() };
    let stored = yizhan_engine::store::Line { seq: run.lines.len() as u32 + 1, ..stored.clone() };
    run.lines.push((stored, line));
}

fn entry(evidence: &mut Evidence, at: usize) -> &mut Entry {
    &mut evidence.ledgers[0].lines[at].entry
}

fn ledger_says(violation: &Violation, fault: impl Fn(&ChainFault) -> bool) -> bool {
    matches!(violation, Violation::Ledger(_, found) if fault(found))
}

type Spoil = fn(&mut Evidence);
type Found = fn(&Violation) -> bool;

/// What is done to a sound house, and what the checker must say of it.
const FAULTS: &[(&str, Spoil, Found)] = &[
    (
        "the parent of a child is lost",
        |e| {
            let parent = child(e).row.parent.unwrap();
            e.runs.remove(&parent);
        },
        |v| matches!(v, Violation::ParentLost(..)),
    ),
    (
        "a child of a run that never began it",
        |e| {
            let other = of(e, "d").row.id;
            child(e).row.parent = Some(other);
        },
        |v| matches!(v, Violation::ChildUnknown(..)),
    ),
    (
        "the end of a child that nobody told",
        |e| cut(of(e, "p"), |event| matches!(event, Event::ChildEnded { .. })),
        |v| matches!(v, Violation::ChildUntold(..)),
    ),
    (
        "the end of a child that was told twice",
        |e| again(of(e, "p"), |event| matches!(event, Event::ChildEnded { .. })),
        |v| matches!(v, Violation::ChildToldTwice(..)),
    ),
    (
        "a parent that is over while its child is open",
        |e| {
            cut(of(e, "p"), |event| matches!(event, Event::ChildEnded { .. }));
            of(e, "p").row.state = RunState::Done;
            child(e).row.state = RunState::Open;
        },
        |v| matches!(v, Violation::ChildLeft(..)),
    ),
    (
        "the word of a child that is not there",
        |e| {
            let [parent, ..] = ids();
            e.tells.push(Tell { child: RunId::mint(Millis(1), None), parent, event: Box::default() });
        },
        |v| matches!(v, Violation::ToldOfNone(_)),
    ),
    (
        "an event that a run took twice",
        |e| again(of(e, "p"), |event| matches!(event, Event::EventTaken { .. })),
        |v| matches!(v, Violation::EventTwice(..)),
    ),
    (
        "an event that was never published",
        |e| e.published.clear(),
        |v| matches!(v, Violation::EventOfNone(..)),
    ),
    (
        "an event that was published and not brought to who waits for it",
        |e| {
            let next = Published { number: 2, id: "2".into(), ..e.published[0].clone() };
            e.published.push(next);
        },
        |v| matches!(v, Violation::EventMissed(..)),
    ),
    (
        "a listener that the store forgot",
        |e| of(e, "p").rows.listeners.clear(),
        |v| matches!(v, Violation::ListenerDiffers(..)),
    ),
    (
        "a listener of a run that does not listen",
        |e| {
            let row = of(e, "p").rows.listeners[0].clone();
            of(e, "d").rows.listeners.push(row);
        },
        |v| matches!(v, Violation::ListenerDiffers(..)),
    ),
    (
        "who waits for a place and stands in no line",
        |e| waiter(e).rows.slots.clear(),
        |v| matches!(v, Violation::PlaceWaitsDiffer(..)),
    ),
    (
        "who stands in line twice",
        |e| {
            let again = waiter(e).rows.slots[0].clone();
            waiter(e).rows.slots.push(again);
        },
        |v| matches!(v, Violation::PlaceWaitsDiffer(..)),
    ),
    (
        "a place that is held and counted for nobody",
        |e| holder(e).rows.slots.clear(),
        |v| matches!(v, Violation::PlaceHeldDiffers(..)),
    ),
    (
        "a place that is counted for a run that is over",
        |e| {
            let row = holder(e).rows.slots[0].clone();
            of(e, "d").rows.slots.push(row);
        },
        |v| matches!(v, Violation::PlaceHeldDiffers(..)),
    ),
    (
        "a slot of which nothing is known",
        |e| drop(e.schedules[0].firings.pop()),
        |v| matches!(v, Violation::SlotLost(..)),
    ),
    (
        "a slot that is in the table twice",
        |e| {
            let again = e.schedules[0].firings[0].clone();
            e.schedules[0].firings.push(again);
        },
        |v| matches!(v, Violation::SlotTwice(..)),
    ),
    (
        "a slot with two runs",
        |e| {
            let mut second = of(e, "d").clone();
            second.row.id = RunId::mint(Millis(BEGAN.0 + 1), None);
            e.runs.insert(second.row.id, second);
        },
        |v| matches!(v, Violation::SlotTwice(..)),
    ),
    (
        "a firing at an instant that is no slot",
        |e| e.schedules[0].firings[1].0.at.0 -= 60_000,
        |v| matches!(v, Violation::SlotOfNone(..)),
    ),
    (
        "a slot whose run is lost",
        |e| {
            let run = of(e, "d").row.id;
            e.runs.remove(&run);
        },
        |v| matches!(v, Violation::SlotRunLost(..)),
    ),
    (
        "a slot that was missed and has a run",
        |e| e.schedules[0].firings[0].0.outcome = FiringOutcome::Missed,
        |v| matches!(v, Violation::SlotRunLost(..)),
    ),
    (
        "an entry that was taken out",
        |e| drop(e.ledgers[0].lines.remove(1)),
        |v| ledger_says(v, |fault| matches!(fault, ChainFault::Gone { from: 2, to: 2 })),
    ),
    (
        "a number that is missing",
        |e| {
            let third = entry(e, 2);
            third.count = 4;
            *third = third.clone().chained();
        },
        |v| ledger_says(v, |fault| matches!(fault, ChainFault::Count { wanted: 3, found: 4, .. })),
    ),
    (
        "an entry that was edited",
        |e| entry(e, 0).body = raw("{\"n\":2}"),
        |v| ledger_says(v, |fault| matches!(fault, ChainFault::Changed { place: 1, .. })),
    ),
    (
        "an entry that was edited and chained anew",
        |e| {
            let last = entry(e, 2);
            last.before = BEGINNING.into();
            *last = last.clone().chained();
        },
        |v| ledger_says(v, |fault| matches!(fault, ChainFault::Torn { place: 3, .. })),
    ),
    (
        "the last entries cut off",
        |e| e.ledgers[0].lines.truncate(1),
        |v| ledger_says(v, |fault| matches!(fault, ChainFault::Cut { place: 2, .. })),
    ),
    (
        "a register written anew from its first entry",
        |e| {
            let mut before: Arc<str> = BEGINNING.into();
            for at in 0..3 {
                let line = entry(e, at);
                (line.body, line.before) = (raw("{\"n\":7}"), before);
                *line = line.clone().chained();
                before = line.hash.clone();
            }
        },
        |v| ledger_says(v, |fault| matches!(fault, ChainFault::Other { place: 2, .. })),
    ),
    (
        "a void that is still shown",
        |e| e.ledgers[0].lines[2].shown = None,
        |v| ledger_says(v, |fault| matches!(fault, ChainFault::Standing { place: 3, .. })),
    ),
    (
        "an intention that was written twice",
        |e| {
            let last = entry(e, 2).clone();
            let before = last.hash.clone();
            let twice = Entry { seq: 4, count: 4, before, ..last }.chained();
            e.ledgers[0].lines.push(Written { entry: twice, shown: Some(4), card: None });
        },
        |v| matches!(v, Violation::EntryTwice(..)),
    ),
    (
        "an entry of which its run knows nothing",
        |e| {
            let writer = ids()[4];
            e.runs.get_mut(&writer).unwrap().lines.truncate(1);
        },
        |v| matches!(v, Violation::EntryUnknown(..)),
    ),
    ("a register that is gone", |e| e.ledgers.clear(), |v| matches!(v, Violation::LedgerLost(_))),
    (
        "a word for a task that is over",
        |e| e.notices[0].task = TaskId::of("other", 1),
        |v| matches!(v, Violation::NoticeOfNone(_)),
    ),
    (
        "a word that waits twice",
        |e| {
            let again = e.notices[0].clone();
            e.notices.push(again);
        },
        |v| matches!(v, Violation::NoticeTwice(_)),
    ),
    (
        "an event that its trigger passed over",
        |e| e.hears[0].firings.retain(|id| id != "3"),
        |v| matches!(v, Violation::EventUnfired(_, id) if id == "3"),
    ),
    (
        "an event that started two runs",
        |e| {
            let mut again = of(e, "n").clone();
            again.row.id = RunId::mint(Millis(BEGAN.0 + DAY), None);
            e.runs.insert(again.row.id, again);
        },
        |v| matches!(v, Violation::EventFiredTwice(_, id) if id == "2"),
    ),
    (
        "a child that does not know who waits for it",
        |e| {
            cut(of(e, "p"), |event| matches!(event, Event::ChildEnded { .. }));
            child(e).row.parent = None;
        },
        |v| matches!(v, Violation::ChildOrphaned(..)),
    ),
    (
        "the end of a child that was told and is still to be told",
        |e| {
            let (child, parent) = (child(e).row.id, of(e, "p").row.id);
            let line =
                &of(e, "p").lines.iter().find(|(_, line)| matches!(line.event, Event::ChildEnded { .. }));
            let event = serde_json::to_vec(&line.unwrap().1.event).unwrap().into();
            e.tells.push(Tell { child, parent, event });
        },
        |v| matches!(v, Violation::TellLeft(..)),
    ),
    (
        "two in the place of one",
        |e| waiter(e).rows.slots[0].stands = SlotStands::Holds,
        |v| matches!(v, Violation::PlacesOver(_, 2, 1)),
    ),
    (
        "a run of a slot that has no firing",
        |e| drop(e.schedules[0].firings.remove(0)),
        |v| matches!(v, Violation::SlotLost(..)),
    ),
    (
        "a slot that fired before its time",
        |e| of(e, "d").row.started.0 -= 1,
        |v| matches!(v, Violation::SlotEarly(..)),
    ),
    (
        "a word that came twice",
        |e| e.letters.push("one".into()),
        |v| matches!(v, Violation::NoticeTwice(key) if key == "one"),
    ),
];

fn holder(evidence: &mut Evidence) -> &mut RunEvidence {
    let id = ids()[2];
    evidence.runs.get_mut(&id).unwrap()
}

fn waiter(evidence: &mut Evidence) -> &mut RunEvidence {
    let id = ids()[3];
    evidence.runs.get_mut(&id).unwrap()
}

#[test]
fn a_sound_house_passes() {
    assert_eq!(check(&house(), 1), vec![]);
    // What is looked at is there.
    let mut house = house();
    let parent = of(&mut house, "p").folded().unwrap();
    let listens = |run: &Run| {
        run.standing_items().any(|(_, state)| matches!(state.at, At::Is(Standing::Listening { .. })))
    };
    assert!(listens(&parent));
    assert!(of(&mut house, "p").lines[0].1.did.iter().any(|fact| matches!(fact, Fact::Entered { .. })));
}

#[test]
fn each_fault_that_is_put_into_a_house_is_found() {
    let missed = FAULTS.iter().filter_map(|(name, spoil, expected)| {
        let mut house = house();
        spoil(&mut house);
        let found = check(&house, 1);
        (!found.iter().any(expected)).then(|| format!("{name}: found only {found:?}"))
    });
    let missed: Vec<String> = missed.collect();
    assert!(missed.is_empty(), "{missed:#?}");
}
