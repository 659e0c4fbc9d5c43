//! Turns a decision into what the store writes: the line, and the rows that stand or fall with it.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::sync::Arc;

use serde::Serialize;
use yizhan_workflow::id::{Attempt, DueRung, Item, Millis, ScopeNo, TaskId};
use yizhan_workflow::plan::{Section, Step, Work, Workflow};
use yizhan_workflow::run::choosing::CHOOSING;
use yizhan_workflow::run::clock::{ClockWhy, RungDid, WHOLE};
use yizhan_workflow::run::event::{EndState, Event, Fact, ItemEnd, Question, SlotAsk, Standing};
use yizhan_workflow::run::guess::guess;
use yizhan_workflow::run::names::{Names, Standpoint};
use yizhan_workflow::run::state::{At, ItemState, Phase, Place, Run, TaskKind};
use yizhan_workflow::run::{Command, Decision, OPERATOR, RULES, World};

use crate::handle::EngineConfig;
use crate::letter::{Asks, Letter, Passed, Which};
use crate::live::{Live, Shown};
use crate::offers::offers_of;
use crate::sealed::as_their_readers_may_see;
use crate::store::{
    Change, Listener, ListenerChange, Notice, RunRow, RunState, SlotChange, SlotRow, SlotStands, TaskChange,
    TaskEnd, TaskRow, TaskState, Tell,
};

/// A snapshot is due after so many lines, so that loading folds a few facts at most,
const SNAPSHOT_LINES: u32 = 16;
/// or after so many bytes, where outputs are large.
const SNAPSHOT_BYTES: usize = 64 * 1024;

#[derive(Serialize)]
struct LineRef<'a> {
    rules: u32,
    world: u64,
    event: &'a Event,
    did: &'a [Fact],
}

/// Of what people are told.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Telling {
    /// That a run asks its owner, and that a claimed task was taken away.
    owners: bool,
    /// That a task opened for them.
    tasks: bool,
}

impl Telling {
    pub(crate) fn of(config: &EngineConfig) -> Self {
        let owners = config.tell.is_some() || !config.chats.is_empty();
        Self { owners, tasks: owners && config.tell_tasks }
    }
}

/// Everything that one decision writes. The live run's own notes of what the store knows are brought up to date.
///
/// `tells`: of what people are to be told.
pub(crate) fn change_of(live: &mut Live, decision: &Decision, world: &World, tells: Telling) -> Change {
    let woke = matches!(decision.event, Event::Woke {});
    let twice = woke && yizhan_faults::seeded("engine.timer-twice")
        || !woke && yizhan_faults::seeded("engine.result-twice");
    let did = if twice { &[&*decision.did, &*decision.did].concat() } else { &decision.did };
    let line = LineRef { rules: RULES, world: world.number, event: &decision.event, did };
    let line = to_json(&line);
    live.lines_since += 1;
    live.bytes_since += line.len();
    let run = &live.run;
    let shown = Shown::of(run);
    let row = (shown != live.row || matches!(decision.event, Event::Migrated { .. }))
        .then(|| Box::new(row_of(run)));
    let next = run.next_timer().filter(|_| !run.is_over()).map(|timer| timer.at);
    let wake = (next != live.wake && !yizhan_faults::seeded("engine.wake-unwritten")).then_some(next);
    let tell_parent = tell_of(run, &decision.did).filter(|_| !yizhan_faults::seeded("engine.tell-unwritten"));
    let tasks = tasks_of(run, &live.text, decision, world);
    let notices =
        if tells.owners { notices_of(run, &live.text, (decision, &tasks), (world, tells)) } else { vec![] };
    // A large state (a fan-out) waits until the lines since outweigh it: what snapshots cost stays in proportion to what
    // the lines cost, and loading reads at most as much again as the state.
    let due = live.lines_since >= SNAPSHOT_LINES || live.bytes_since > SNAPSHOT_BYTES;
    let snapshot = (due && live.bytes_since >= live.snapshot_bytes).then(|| to_json(&live.run));
    if let Some(snapshot) = &snapshot {
        (live.lines_since, live.bytes_since, live.snapshot_bytes) = (0, 0, snapshot.len());
    }
    live.row = shown;
    live.wake = next;
    Change {
        run: live.run.id,
        seq: decision.seq,
        at: if decision.seq > 1 && yizhan_faults::seeded("engine.time-back") {
            Millis(1)
        } else {
            decision.at
        },
        line,
        row,
        snapshot,
        wake,
        tasks,
        notices,
        slots: slots_of(run, &live.text, decision),
        grant: None,
        listeners: listeners_of(run, decision),
        start: None,
        tell_parent,
        told_by: None,
    }
}

/// Of a decision what figures are made of: the rows, without its line.
pub(crate) fn counted(run: &Run, text: &Arc<Workflow>, decision: &Decision, world: &World) -> Change {
    Change {
        run: run.id,
        seq: decision.seq,
        at: decision.at,
        line: Box::default(),
        row: Some(Box::new(row_of(run))),
        snapshot: None,
        wake: None,
        tasks: tasks_of(run, text, decision, world),
        notices: vec![],
        slots: vec![],
        grant: None,
        listeners: vec![],
        start: None,
        tell_parent: None,
        told_by: None,
    }
}

/// Our own values always have a JSON form: maps have text keys, numbers are finite.
fn to_json(value: &impl Serialize) -> Box<[u8]> {
    SCRATCH.with_borrow_mut(|bytes| {
        bytes.clear();
        let written = serde_json::to_writer(&mut *bytes, value);
        debug_assert!(written.is_ok(), "a line of the journal has no JSON form");
        let exact = Box::from(bytes.as_slice());
        if bytes.capacity() > SCRATCH_MOST {
            *bytes = Vec::new(); // One large snapshot must not hold its memory for ever.
        }
        exact
    })
}

const SCRATCH_MOST: usize = 1 << 20;

thread_local! {
    /// Where a line is written before its length is known: grown once, not for each line.
    static SCRATCH: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

pub(crate) fn row_of(run: &Run) -> RunRow {
    let (state, outcome) = match &run.top.phase {
        Phase::Open => (RunState::Open, None),
        Phase::Stopping | Phase::Finishing => (RunState::Closing, None),
        Phase::Over { state, outcome, .. } => (end_state(*state), Some(outcome.clone())),
    };
    RunRow {
        id: run.id,
        workflow: run.started.workflow.clone(),
        text: run.text().clone(),
        state,
        outcome,
        key: run.started.key.clone(),
        waits: run.waits().map(Arc::from),
        started: run.began,
        ended: run.is_over().then_some(run.last),
        by: run.started.by.clone(),
        parent: run.started.above().map(|above| above.run),
        due: run.whole.as_ref().and_then(|whole| whole.due),
        stands: run.whole.as_ref().is_some_and(|whole| stands(whole)),
        rounds: if run.is_over() { run.most_rounds() } else { 1 },
    }
}

/// Stopped before it was late: it cannot become late now.
fn stands(state: &ItemState) -> bool {
    state.stands_still() && !state.late
}

fn end_state(state: EndState) -> RunState {
    match state {
        EndState::Done => RunState::Done,
        EndState::Failed => RunState::Failed,
        EndState::Cancelled => RunState::Cancelled,
    }
}

/// The end of a child, for the item that waits for it.
fn tell_of(run: &Run, did: &[Fact]) -> Option<Box<Tell>> {
    let parent = run.started.parent?;
    let Some(Fact::Ended { scope: ScopeNo::RUN, .. }) = did.last() else { return None };
    let Phase::Over { state, outcome, output } = &run.top.phase else { return None };
    let event = Event::ChildEnded {
        of: parent.of,
        child: run.id,
        state: *state,
        outcome: Some(outcome.clone()),
        output: output.clone(),
    };
    Some(Box::new(Tell { child: run.id, parent: parent.run, event: to_json(&event) }))
}

fn tasks_of(run: &Run, text: &Arc<Workflow>, decision: &Decision, world: &World) -> Vec<TaskChange> {
    let mut changes = Vec::new();
    for command in &decision.commands {
        match command {
            Command::OpenTask { .. } if yizhan_faults::seeded("engine.task-unlisted") => {}
            Command::CloseTask { .. } if yizhan_faults::seeded("engine.task-unclosed") => {}
            Command::OpenTask { of, kind } => {
                changes.push(TaskChange::Open(Box::new(task_row(run, text, *of, *kind, world))));
            }
            Command::CloseTask { of } => {
                changes
                    .push(TaskChange::Ended { id: task_id(run, text, *of), end: end_of(run, decision, *of) });
            }
            Command::Start { .. }
            | Command::Stop { .. }
            | Command::StartChild { .. }
            | Command::StopChild { .. }
            | Command::AskSlot { .. }
            | Command::Listen { .. }
            | Command::StopListening { .. } => {}
        }
    }
    for of in changed_tasks(run, decision) {
        changes.push(TaskChange::Changed(Box::new(task_row(run, text, of, TaskKind::Asked, world))));
    }
    for fact in &decision.did {
        if let Fact::TaskClaimed { at, .. } | Fact::TaskReleased { at } = fact
            && let Some(state) = run.item(*at)
            && let Some(attempt) = state.attempt()
        {
            let id = task_id(run, text, Attempt { item: *at, attempt });
            changes.push(TaskChange::Claimed { id, by: state.claimed.clone() });
        }
        // For others now: its row is written anew.
        if let Fact::TaskHandedOver { at, .. } = fact
            && let Some(state) = run.item(*at)
            && let Some(attempt) = state.attempt()
        {
            let row = task_row(run, text, Attempt { item: *at, attempt }, TaskKind::Asked, world);
            let opened = state.opened.unwrap_or(row.opened);
            // Whoever it was for before need not be told any more.
            changes.push(TaskChange::Closed { id: row.id.clone() });
            changes.push(TaskChange::Open(Box::new(TaskRow { opened, ..row })));
        }
    }
    changes
}

/// How a task was over: as its item stands now, or as the decision left it that went back and began the next round.
fn end_of(run: &Run, decision: &Decision, of: Attempt) -> TaskEnd {
    let (done, by, outcome) = match run.item(of.item) {
        Some(state) => (state.at == At::Over(ItemEnd::Done), state.by.clone(), state.outcome.clone()),
        None => match decision.did.iter().find_map(|fact| done_in(fact, of)) {
            Some(outcome) => (true, answered_by(&decision.event, of), outcome),
            None => (false, None, None),
        },
    };
    let end = match (done, &by) {
        (true, Some(_)) => TaskState::Answered,
        (true, None) => TaskState::Decided,
        (false, _) => TaskState::Withdrawn,
    };
    let by = by.filter(|_| end == TaskState::Answered);
    // Any kind of step has the outcome `done`, where it has no word of its own.
    let outcome = outcome.or_else(|| (end != TaskState::Withdrawn).then(|| "done".into()));
    TaskEnd { at: run.last, state: end, by, outcome }
}

/// What a task came to, where this fact is that it is done.
fn done_in(fact: &Fact, of: Attempt) -> Option<Option<Arc<str>>> {
    let Fact::Over { at, end: ItemEnd::Done, outcome, .. } = fact else { return None };
    (*at == of.item).then(|| outcome.clone())
}

fn answered_by(event: &Event, of: Attempt) -> Option<Arc<str>> {
    let (Event::Answered { of: one, by, .. } | Event::AnsweredFor { of: one, by, .. }) = event else {
        return None;
    };
    (*one == of).then(|| by.clone())
}

/// Open tasks that have other people or another due time now.
fn changed_tasks(run: &Run, decision: &Decision) -> Vec<Attempt> {
    let mut changed = vec![];
    for fact in &decision.did {
        let at = if let Fact::Clock { at, set } = fact {
            Some(at).filter(|_| set.why != ClockWhy::Opened)
        } else if let Fact::Stands { at, .. } = fact {
            Some(at)
        } else if let Fact::Rung { at, did: RungDid::Reassigned { .. }, .. } = fact {
            Some(at)
        } else {
            None
        };
        let Some(at) = at else { continue };
        let state = run.item(*at).filter(|state| matches!(state.at, At::Is(Standing::Asked { .. })));
        let attempt = state.and_then(ItemState::attempt).map(|attempt| Attempt { item: *at, attempt });
        changed.extend(attempt.filter(|of| !changed.contains(of)));
    }
    changed
}

/// How the items that the decision touched stand to the limits of their steps.
pub(crate) fn slots_of(run: &Run, text: &Workflow, decision: &Decision) -> Vec<SlotChange> {
    let mut touched = BTreeSet::new();
    for fact in &decision.did {
        let at = if let Fact::Entered { at, .. } | Fact::Over { at, .. } = fact {
            *at
        } else if let Fact::Ended { scope: ScopeNo::RUN, .. } = fact {
            WHOLE // With the run ends what it holds as a whole.
        } else {
            continue;
        };
        if at.undo {
            continue;
        }
        let has = |state: &ItemState| state.limit.is_some();
        if text.step(at.step).limit.is_some() || run.item(at).is_some_and(has) {
            touched.insert(at);
        }
    }
    touched.into_iter().filter_map(|item| slot_of(run, item, decision)).collect()
}

fn slot_of(run: &Run, item: Item, decision: &Decision) -> Option<SlotChange> {
    let state = run.item(item);
    let place = state.map_or(Place::None, ItemState::place);
    let stands = match place {
        Place::None if yizhan_faults::seeded("engine.place-unfreed") => return None,
        Place::None => return Some(SlotChange::Free { run: run.id, item }),
        Place::Waits => SlotStands::Waits,
        // Taken once, by the event that gave it; what happens to its holder then changes nothing about it.
        Place::Holds => {
            let Event::SlotGranted { of } = decision.event else { return None };
            if of.item != item {
                return None;
            }
            SlotStands::Holds
        }
    };
    let state = state?;
    let At::Is(standing) = &state.at else { return None };
    let of = Attempt { item, attempt: standing.attempt()? };
    let ask = SlotAsk::clone(state.limit.as_deref()?);
    let asked = state.opened.unwrap_or(run.last);
    Some(SlotChange::Stands(Box::new(SlotRow { run: run.id, of, ask, asked, stands })))
}

fn listeners_of(run: &Run, decision: &Decision) -> Vec<ListenerChange> {
    let change = |command: &Command| match command {
        Command::Listen { .. } if yizhan_faults::seeded("engine.listener-unwritten") => None,
        Command::StopListening { .. } if yizhan_faults::seeded("engine.listener-left") => None,
        Command::Listen { of } => {
            let At::Is(Standing::Listening { to, .. }) = &run.item(of.item)?.at else { return None };
            Some(ListenerChange::Opened(Box::new(Listener {
                number: 0,
                run: run.id,
                of: *of,
                name: to.event.clone(),
                key: to.key.clone(),
                filter: to.filter.clone(),
                since: run.began,
            })))
        }
        Command::StopListening { of } => Some(ListenerChange::Closed { run: run.id, item: of.item }),
        Command::Start { .. }
        | Command::Stop { .. }
        | Command::OpenTask { .. }
        | Command::CloseTask { .. }
        | Command::StartChild { .. }
        | Command::StopChild { .. }
        | Command::AskSlot { .. } => None,
    };
    decision.commands.iter().filter_map(change).collect()
}

/// All that people are to be told because of a decision, as it would go out.
pub(crate) fn letters_of(
    run: &Run,
    text: &Arc<Workflow>,
    decision: &Decision,
    (world, tasks): (&World, bool),
) -> Vec<Letter> {
    let rows = tasks_of(run, text, decision, world);
    let notices = notices_of(run, text, (decision, &rows), (world, Telling { owners: true, tasks }));
    notices.iter().filter_map(|notice| serde_json::from_slice(&notice.letter).ok()).collect()
}

/// Under which key a letter goes out, and what it falls with.
struct Told {
    key: Arc<str>,
    task: TaskId,
    letter: Letter,
}

fn notices_of(
    run: &Run,
    text: &Arc<Workflow>,
    (decision, tasks): (&Decision, &[TaskChange]),
    (world, tells): (&World, Telling),
) -> Vec<Notice> {
    let mut told = of_tasks(run, text, (decision, tasks), (world, tells));
    told.extend(told_of(run, text, decision, world));
    let (letters, keys): (Vec<_>, Vec<_>) =
        told.into_iter().map(|Told { key, task, letter }| (letter, (key, task))).unzip();
    let sealed = as_their_readers_may_see(letters, (run, text), world);
    let notices = sealed.iter().zip(keys).map(|(letter, (key, task))| Notice {
        key,
        task,
        at: run.last,
        letter: to_json(letter),
    });
    notices.collect()
}

/// Who must be told of what the decision did with tasks: whoever must say how a run goes on that cannot by itself, those
/// for whom a task opened, those to whom one was handed over, and whoever had claimed one that is no more.
fn of_tasks(
    run: &Run,
    text: &Arc<Workflow>,
    (decision, tasks): (&Decision, &[TaskChange]),
    (world, tells): (&World, Telling),
) -> Vec<Told> {
    let opened = tasks.iter().filter_map(|task| match task {
        TaskChange::Open(row) => Some(&**row),
        TaskChange::Changed(_)
        | TaskChange::Claimed { .. }
        | TaskChange::Closed { .. }
        | TaskChange::Ended { .. } => None,
    });
    let bereft = decision.bereft.iter().map(|(of, by)| bereft_of(run, text, *of, by));
    opened.filter_map(|row| notice_of(run, text, (decision, row), (world, tells))).chain(bereft).collect()
}

fn notice_of(
    run: &Run,
    text: &Arc<Workflow>,
    (decision, row): (&Decision, &TaskRow),
    (world, tells): (&World, Telling),
) -> Option<Told> {
    let of: Attempt = serde_json::from_str(&row.of).ok()?;
    if run.choice(of).is_some() {
        return None; // Whoever gets it hears of it then.
    }
    let step = text.step(of.item.step);
    let state = run.item(of.item)?;
    let why = match &state.at {
        At::Is(Standing::Asking { why, .. }) => Some(&**why),
        At::Is(_) | At::Over(_) => None,
    };
    let asks = match (row.kind, why) {
        (TaskKind::Unknown, _) => Asks::Unknown,
        (TaskKind::Asking, Some(why)) => Asks::from(why),
        (TaskKind::Asked, _) if step.section != Section::Main => Asks::Form,
        (TaskKind::Asked, _) if tells.tasks && is_told(step, of.item.undo) => Asks::Task,
        (TaskKind::Asked | TaskKind::Asking, _) => return None,
    };
    let known = match why {
        Some(
            Question::UndoFailed { failure }
            | Question::RungFailed { failure }
            | Question::Failed { failure },
        ) => Some(failure.clone()),
        Some(_) | None => state.failure.as_deref().cloned(),
    };
    let (mut who, mut note, mut again) = (row.who.clone(), None, String::new());
    if let Event::HandedOver { of: task, by, to, note: words, .. } = &decision.event
        && *task == of
    {
        (who, note) = (to.clone(), Some(Passed { by: by.clone(), note: words.clone() }));
        again = format!("/to{}", decision.seq);
    }
    let everyday = asks == Asks::Task;
    let letter = Letter {
        who,
        asks,
        known: known.filter(|_| !matches!(asks, Asks::Form | Asks::Task)),
        due: row.due.filter(|_| everyday).and_then(|due| local(due, world)),
        guess: if everyday { guess(text, world, of.item, state) } else { None },
        asked: everyday.then(|| row.title.clone()),
        passed: note,
        offers: if row.kind == TaskKind::Asked { offers_of(run, text, world, of.item) } else { vec![] },
        ..letter_of(run, text, of)
    };
    let key = format!("{}/ask{}{again}", run.key_of(text, of.item), of.attempt).into();
    Some(Told { key, task: row.id.clone(), letter })
}

fn is_told(step: &Step, undo: bool) -> bool {
    let work = step.undo.as_ref().filter(|_| undo).map_or(&step.work, |undo| &undo.work);
    if let Work::Ask(ask) = work { ask.tell } else { false }
}

/// Whoever had claimed a task hears that it is no more.
fn bereft_of(run: &Run, text: &Workflow, of: Attempt, by: &Arc<str>) -> Told {
    let letter = Letter { who: vec![by.to_string()], asks: Asks::Gone, ..letter_of(run, text, of) };
    let key = format!("{}/gone{}", run.key_of(text, of.item), of.attempt).into();
    Told { key, task: letter.task.clone(), letter }
}

/// What every letter says of its case.
fn letter_of(run: &Run, text: &Workflow, of: Attempt) -> Letter {
    Letter {
        run: run.id,
        workflow: run.started.workflow.clone(),
        title: text.title.as_str().into(),
        key: run.started.key.clone(),
        step: run.path_of(text, of.item.place()).into(),
        of,
        which: which_of(run, text, of.item),
        task: task_id(run, text, of),
        who: vec![],
        asks: Asks::Form,
        known: None,
        due: None,
        guess: None,
        asked: None,
        passed: None,
        offers: vec![],
        lines: vec![],
        more: 0,
        alone: false,
        chat: None,
        aloud: None,
        for_whom: BTreeSet::new(),
    }
}

fn which_of(run: &Run, text: &Workflow, item: Item) -> Option<Which> {
    text.steps.get(item.step.index())?.each.as_ref()?;
    Some(Which { number: item.item + 1, of: run.step(item.place()).items.len() })
}

/// The words that due times send: each under the key of its rung, however often the task or the step is decided about.
fn told_of(run: &Run, text: &Arc<Workflow>, decision: &Decision, world: &World) -> Vec<Told> {
    let told = decision.did.iter().filter_map(|fact| {
        let Fact::Rung { at, n, rung, nth, did: RungDid::Told { who, .. }, .. } = fact else { return None };
        told(run, text, world, (*at, DueRung(*n, *rung), *nth), who)
    });
    told.collect()
}

fn told(
    run: &Run,
    text: &Arc<Workflow>,
    world: &World,
    (at, rung, nth): (Item, DueRung, u32),
    who: &[String],
) -> Option<Told> {
    let state = run.item(at)?;
    let asked = match &state.at {
        At::Is(Standing::Asked { task, .. }) => Some(task.title.clone()),
        At::Is(_) | At::Over(_) => None,
    };
    let reminds = text.step(at.step).rung(rung.1).is_some_and(|rung| rung.reminds);
    let late = state.late || state.due.is_some_and(|due| due <= run.last);
    let asks = match (reminds, late) {
        (true, _) => Asks::Reminds,
        (false, true) => Asks::TellsLate,
        (false, false) => Asks::Tells,
    };
    let again = if nth == 0 { String::new() } else { format!("/{nth}") };
    let key = format!("{}{again}", run.key_of(text, Item { rung: Some(rung), ..at }));
    let of = Attempt { item: at, attempt: state.attempts };
    let own = TaskId::of(&key, 0);
    let offers = if reminds && asked.is_some() { offers_of(run, text, world, at) } else { vec![] };
    let letter = Letter {
        task: if asked.is_some() { task_id(run, text, of) } else { own.clone() },
        who: who.to_vec(),
        asks,
        due: state.due.and_then(|due| local(due, world)),
        guess: guess(text, world, at, state),
        asked,
        offers,
        ..letter_of(run, text, of)
    };
    Some(Told { key: key.into(), task: own, letter })
}

/// As a clock of the house shows it.
pub(crate) fn local(at: Millis, world: &World) -> Option<Arc<str>> {
    let local = at.timestamp()?.to_zoned(world.zone.clone());
    Some(local.strftime("%Y-%m-%d %H:%M").to_string().into())
}

pub(crate) fn task_id(run: &Run, text: &Workflow, of: Attempt) -> TaskId {
    TaskId::of(&run.key_of(text, of.item), of.attempt)
}

pub(crate) fn task_row(
    run: &Run,
    text: &Arc<Workflow>,
    of: Attempt,
    kind: TaskKind,
    world: &World,
) -> TaskRow {
    let state = run.item(of.item);
    let sheet = state.and_then(|state| match &state.at {
        At::Is(Standing::Asked { task, .. }) => Some((task.clone(), state.due)),
        At::Is(_) | At::Over(_) => None,
    });
    let from = state.and_then(|state| state.clock.as_ref()).map(|clock| clock.from);
    let (title, who, due) = match sheet {
        Some((sheet, due)) if sheet.choose.is_some() => (sheet.title.clone(), vec![CHOOSING.to_owned()], due),
        Some((sheet, due)) => (sheet.title.clone(), sheet.who.clone(), due),
        None => (title_of(run, text, of.item, world), vec![owner_of(text, world)], None),
    };
    TaskRow {
        id: task_id(run, text, of),
        run: run.id,
        workflow: run.started.workflow.clone(),
        of: serde_json::to_string(&of).unwrap_or_default(),
        step: run.path_of(text, of.item.place()).into(),
        kind,
        title,
        who,
        due,
        stands: state.is_some_and(stands),
        opened: from.unwrap_or(run.last),
        claimed_by: state.and_then(|state| state.claimed.clone()),
    }
}

/// Whoever is asked about what nobody else can decide.
pub(crate) fn owner_of(text: &Workflow, world: &World) -> String {
    text.owner
        .clone()
        .or_else(|| world.owner.as_deref().map(str::to_owned))
        .unwrap_or_else(|| OPERATOR.to_owned())
}

fn title_of(run: &Run, text: &Arc<Workflow>, item: Item, world: &World) -> Arc<str> {
    let step = text.step(item.step);
    let Some(title) = &step.title else { return step.id.clone() };
    let scope = Names::of(run, text, world, run.last, Standpoint::Item(item));
    title.text(&scope).map_or_else(|_| title.source().into(), Arc::from)
}
