//! Registers and sequences: entries are decided by the loop, and written in one commit with the result of their step.
//!
//! The loop knows the head of each register, so numbers have no gap. What looks at a register before it writes (a
//! condition, which of its like an entry is, an amendment) waits until all that was written before is on disk, and whoever
//! comes after it waits behind it: two that ask at the same time cannot both be the fiftieth.

mod alone;
mod dates;
mod look;
mod reader;
mod signet;
mod tally;
mod verify;
mod work;
mod writing;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use yizhan_workflow::id::RunId;
use yizhan_workflow::register::Head;
use yizhan_workflow::run::World;
use yizhan_workflow::run::event::{Failure, Happened};

use crate::carrier::{Call, Completion, Outcome};
use crate::engine::{JOB_RECORDS, Loop};
use crate::handle::{ActError, KeepError, Reply};
use crate::store::{Note, StoreError};
pub(crate) use alone::Alone;
pub use alone::Shelf;
pub use dates::{OnDay, ahead, of_days};
pub use look::{LookError, MOST_OUTPUT, MOST_ROWS, found, look};
use reader::{Ask, Reader};
pub use signet::Signet;
pub(crate) use tally::Tallies;
use tally::{BUDGET, Budget, Halt};
pub use verify::{Verified, Witness, verify, witnesses};
use work::{Task, Work};

/// What the loop knows of registers and sequences.
#[derive(Debug, Default)]
pub(crate) struct Ledgers {
    queue: VecDeque<Task>,
    heads: BTreeMap<Arc<str>, Option<Head>>,
    /// The largest count of each register's series.
    counts: BTreeMap<(Arc<str>, Arc<str>), u64>,
    /// The same of sequences.
    sequences: BTreeMap<(Arc<str>, Arc<str>), u64>,
    /// The job with which the last line of a register goes to the disk.
    unwritten: BTreeMap<Arc<str>, u64>,
    tallies: Tallies,
    /// Of those whose counting is not done by the loop.
    turns: u64,
    /// Somebody waits for no more than the loop's next turn.
    again: bool,
    reader: Option<Reader>,
    /// Signs what is written; none: nothing is signed.
    signet: Option<Signet>,
}

/// Why a step got no result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    pub code: &'static str,
    pub message: String,
    /// It may go better later: the file may declare the register again.
    pub retry: bool,
}

impl Fault {
    pub(crate) fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), retry: false }
    }

    fn refused(self) -> KeepError {
        KeepError::Refused { code: self.code, message: self.message }
    }

    fn failure(self) -> Failure {
        Failure {
            code: self.code.into(),
            message: self.message.into(),
            retry: self.retry,
            retry_after_ms: None,
            happened: Happened::No,
        }
    }
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        Self { code: "YZ0327", message: error.to_string(), retry: true }
    }
}

/// The result of a step, and the rows that stand or fall with it.
#[derive(Debug)]
pub(crate) struct Written {
    pub output: String,
    pub notes: Vec<Note>,
    pub advance: Advance,
}

/// How far registers and sequences are once the rows are taken.
#[derive(Debug, Default)]
pub(crate) struct Advance {
    pub head: Option<Head>,
    pub count: Option<(Arc<str>, Arc<str>, u64)>,
    pub sequence: Option<(Arc<str>, Arc<str>, u64)>,
    /// Entries that were there are others now, or none.
    pub replaces: bool,
}

impl Written {
    pub(crate) fn nothing(output: String) -> Self {
        Self { output, notes: vec![], advance: Advance::default() }
    }
}

/// Whether a step is about a register or a sequence.
pub(crate) fn is_ours(plugin: &str) -> bool {
    matches!(plugin, "register" | "number" | "query")
}

/// It looks and writes nothing.
fn only_reads(call: &Call) -> bool {
    &*call.plugin == "query" || &*call.plugin == "register" && matches!(&*call.action, "find" | "count")
}

pub(crate) fn completion(id: u64, outcome: Outcome) -> Completion {
    Completion { id, outcome, took: Duration::ZERO }
}

pub(crate) fn failed(id: u64, fault: Fault) -> Completion {
    completion(id, Outcome::Failed(fault.failure()))
}

impl Loop {
    /// A step of ours that is about a register or a sequence. It is carried out in the loop's turn, not here: what it
    /// decides must not come between another's numbers.
    pub(crate) fn keep_later(&mut self, call: Call) -> Result<(), Fault> {
        if only_reads(&call) {
            return self.look_apart(call);
        }
        self.ledgers.queue.push_back(Task::read(call)?);
        Ok(())
    }

    /// Reading takes its time, so it is done beside the loop. What the run wrote before is on disk.
    fn look_apart(&mut self, call: Call) -> Result<(), Fault> {
        self.ask_reader(Ask::Look(call))
    }

    fn ask_reader(&mut self, ask: Ask) -> Result<(), Fault> {
        let unasked = match &self.ledgers.reader {
            Some(reader) => reader.ask(ask),
            None => Some(ask),
        };
        if let Some(ask) = unasked {
            let reader = Reader::start(self.shared.clone(), self.inbox.clone());
            let reader = reader.map_err(|error| Fault::new("YZ0327", error.to_string()))?;
            reader.ask(ask);
            self.ledgers.reader = Some(reader);
        }
        Ok(())
    }

    /// The same by hand: nobody's run waits for it.
    pub(crate) fn keep_by_hand(&mut self, call: Call, reply: Reply) {
        if self.full {
            return reply.failed(ActError::DiskFull);
        }
        match Task::read(call) {
            Ok(mut task) => {
                task.reply = Some(reply);
                // Another with the same id may be on its way to the disk.
                task.looks = true;
                self.ledgers.queue.push_back(task);
            }
            Err(fault) => reply.kept(Err(fault.refused())),
        }
    }

    /// Carries out what is there, in the order of its coming within each register.
    pub(crate) fn keep_registers(&mut self, world: &World) {
        self.ledgers.again = false;
        if self.ledgers.queue.is_empty() {
            return;
        }
        let mut budget = Budget(Some(BUDGET));
        let mut behind: BTreeSet<Arc<str>> = BTreeSet::new();
        let mut waiting = VecDeque::new();
        for task in std::mem::take(&mut self.ledgers.queue) {
            let written = self.written;
            let unwritten = &self.ledgers.unwritten;
            let is_unwritten = |name: &Arc<str>| unwritten.get(name).is_some_and(|job| *job > written);
            let waits = task.judged_in.is_some()
                || task.registers.iter().any(|name| behind.contains(name))
                || task.looks
                    && !yizhan_faults::seeded("registers.counted-too-soon")
                    && task.registers.iter().any(is_unwritten);
            let left = if waits { Some(task) } else { self.keep(task, &mut budget, world) };
            if let Some(task) = left {
                behind.extend(task.registers.iter().cloned());
                waiting.push_back(task);
            }
            if self.batch.changes.len() >= JOB_RECORDS {
                self.hand_over();
            }
        }
        // What came meanwhile came later.
        waiting.append(&mut self.ledgers.queue);
        self.ledgers.queue = waiting;
        self.ledgers.tallies.keep_few();
    }

    /// Gives the step back if it is not its turn yet: it is counted for first, or others have had what the loop looks at in
    /// one turn.
    fn keep(&mut self, mut task: Task, budget: &mut Budget, world: &World) -> Option<Task> {
        yizhan_faults::point("engine.entry_keeping");
        let run = self.run_of_call(task.call.id);
        if run.is_none() && task.reply.is_none() {
            return None; // Nobody waits for it any more.
        }
        let now = self.shared.now();
        let reads = self.shared.reads.clone();
        let was_whole = budget.is_whole();
        let work = Work { reads: &*reads, world, now, ledgers: &mut self.ledgers, budget };
        match work.carry_out(&task) {
            Ok(written) => self.kept(task, run, written, world),
            Err(Halt::Fault(fault)) => self.unkept(task, fault, world),
            Err(Halt::TooMuch) if !was_whole => {
                self.ledgers.again = true;
                return Some(task);
            }
            Err(Halt::TooMuch) => {
                let turn = self.ledgers.turns + 1;
                self.ledgers.turns = turn;
                task.judged_in = Some(turn);
                match self.ask_reader(Ask::Judge { turn, call: task.call.clone() }) {
                    Ok(()) => return Some(task),
                    Err(fault) => self.unkept(task, fault, world),
                }
            }
        }
        None
    }

    /// It has been counted for a step, which has its turn again.
    pub(crate) fn judged(&mut self, turn: u64, judged: Result<Box<Tallies>, Fault>, world: &World) {
        let place = self.ledgers.queue.iter().position(|task| task.judged_in == Some(turn));
        let Some(place) = place else { return };
        match judged {
            Ok(tallies) => {
                self.ledgers.tallies.take_in(*tallies);
                self.ledgers.queue[place].judged_in = None;
            }
            Err(fault) => {
                if let Some(task) = self.ledgers.queue.remove(place) {
                    self.unkept(task, fault, world);
                }
            }
        }
    }

    fn unkept(&mut self, task: Task, fault: Fault, world: &World) {
        match task.reply {
            Some(reply) => reply.kept(Err(fault.refused())),
            None => self.completed(failed(task.call.id, fault), world),
        }
    }

    fn kept(&mut self, task: Task, run: Option<RunId>, written: Written, world: &World) {
        let Written { output, notes, advance } = written;
        let (id, reply) = (task.call.id, task.reply);
        if let Some(reply) = reply {
            self.batch.notes.extend(notes);
            self.ledgers.advance(advance, self.job);
            self.after.replies.push(reply.giving(output.into()));
            return;
        }
        let Some(run) = run else { return };
        let before = self.batch.changes.len();
        self.completed(completion(id, Outcome::Done { output: output.into() }), world);
        // The run has moved on, and nothing was written.
        if !self.batch.changes[before..].iter().any(|change| change.run == run) {
            return;
        }
        if !yizhan_faults::seeded("registers.entry-unwritten") {
            self.batch.notes.extend(notes);
        }
        self.ledgers.advance(advance, self.job);
    }
}

impl Ledgers {
    pub(crate) fn signed_by(signet: Option<Signet>) -> Self {
        Self { signet, ..Self::default() }
    }

    /// Whether the loop has something to do here though nothing comes.
    pub(crate) fn go_on(&self) -> bool {
        self.again
    }

    fn advance(&mut self, advance: Advance, job: u64) {
        yizhan_faults::point("engine.entry_kept");
        if let Some(head) = advance.head {
            if advance.replaces {
                self.tallies.forget(&head.register);
            }
            self.unwritten.insert(head.register.clone(), job);
            self.heads.insert(head.register.clone(), Some(head));
        }
        if let Some((register, series, count)) = advance.count {
            self.counts.insert((register, series), count);
        }
        if let Some((sequence, series, count)) = advance.sequence {
            self.sequences.insert((sequence, series), count);
        }
    }

    fn head(
        &mut self,
        reads: &dyn crate::store::Reads,
        register: &Arc<str>,
    ) -> Result<Option<Head>, StoreError> {
        if let Some(known) = self.heads.get(register) {
            return Ok(known.clone());
        }
        let head = reads.register_head(register)?;
        self.heads.insert(register.clone(), head.clone());
        Ok(head)
    }

    fn count(
        &mut self,
        reads: &dyn crate::store::Reads,
        register: &Arc<str>,
        series: &Arc<str>,
    ) -> Result<u64, StoreError> {
        match self.counts.get(&(register.clone(), series.clone())) {
            Some(count) => Ok(*count),
            None => reads.register_count(register, series),
        }
    }

    fn sequence(
        &mut self,
        reads: &dyn crate::store::Reads,
        sequence: &Arc<str>,
        series: &Arc<str>,
    ) -> Result<u64, StoreError> {
        match self.sequences.get(&(sequence.clone(), series.clone())) {
            Some(count) => Ok(*count),
            None => reads.sequence_count(sequence, series),
        }
    }
}

/// Another salt for each private value, so that nobody can try out which value a seal is of.
fn salt() -> String {
    let mut bytes = [0_u8; 16];
    let mut filled = 0;
    while filled < bytes.len() {
        // The kernel gives some in one go; interrupted, it is asked again.
        filled +=
            rustix::rand::getrandom(&mut bytes[filled..], rustix::rand::GetRandomFlags::empty()).unwrap_or(0);
    }
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
