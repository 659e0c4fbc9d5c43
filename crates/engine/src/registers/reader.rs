//! The thread that reads registers beside the loop, one question after the other.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};

use super::look::seen;
use super::tally::{Budget, Halt, Tallies};
use super::work::{Task, Work};
use super::{Fault, Ledgers, completion, failed};
use crate::carrier::{Call, Completion, Outcome};
use crate::handle::{Message, Shared};
use crate::inbox::Inbox;

/// What is done beside the loop.
#[derive(Debug)]
pub(super) enum Ask {
    /// The output of a step that only reads.
    Look(Call),
    /// How many there are, for a step that keeps its turn.
    Judge { turn: u64, call: Call },
}

#[derive(Debug)]
pub(super) struct Reader {
    asks: Sender<Ask>,
}

impl Reader {
    /// The thread ends with the loop that asks it. It is never behind with more than the attempts that may be under way.
    pub(super) fn start(shared: Arc<Shared>, inbox: Arc<Inbox<Message>>) -> std::io::Result<Self> {
        let (asks, asked) = channel::<Ask>();
        let waiting = Waiting { asked, judges: VecDeque::new(), looks: VecDeque::new() };
        let work = move || waiting.for_each(|ask| inbox.push(answered(&shared, ask)));
        std::thread::Builder::new().name("registers".into()).spawn(work)?;
        Ok(Self { asks })
    }

    /// Gives back what nobody is there to answer.
    pub(super) fn ask(&self, ask: Ask) -> Option<Ask> {
        self.asks.send(ask).err().map(|unsent| unsent.0)
    }
}

/// Questions in the order of their answers. A step that keeps its turn shuts its registers meanwhile, so it goes before those
/// that only look.
struct Waiting {
    asked: Receiver<Ask>,
    judges: VecDeque<Ask>,
    looks: VecDeque<Ask>,
}

impl Waiting {
    fn line_up(&mut self, ask: Ask) {
        match ask {
            Ask::Judge { .. } => self.judges.push_back(ask),
            Ask::Look(_) => self.looks.push_back(ask),
        }
    }
}

impl Iterator for Waiting {
    type Item = Ask;

    fn next(&mut self) -> Option<Ask> {
        if self.judges.is_empty() && self.looks.is_empty() {
            let first = self.asked.recv().ok()?;
            self.line_up(first);
        }
        while let Ok(ask) = self.asked.try_recv() {
            self.line_up(ask);
        }
        self.judges.pop_front().or_else(|| self.looks.pop_front())
    }
}

fn answered(shared: &Shared, ask: Ask) -> Message {
    match ask {
        Ask::Look(call) => {
            let said = unbroken(|| Ok(answer(shared, &call)));
            Message::Completed(vec![said.unwrap_or_else(|fault| failed(call.id, fault))])
        }
        Ask::Judge { turn, call } => Message::Judged(turn, unbroken(|| judged(shared, call)).map(Box::new)),
    }
}

/// A fault of ours in one question must not end the thread: a step would keep its turn for ever, and its registers shut.
fn unbroken<T>(answer: impl FnOnce() -> Result<T, Fault>) -> Result<T, Fault> {
    let broken = |_| Fault::new("YZ0327", "the question broke off: a fault of the program");
    catch_unwind(AssertUnwindSafe(answer)).map_err(broken)?
}

fn answer(shared: &Shared, call: &Call) -> Completion {
    let (world, now) = (shared.world(), shared.now());
    match seen(&*shared.reads, &world, now, call) {
        Ok(output) => completion(call.id, Outcome::Done { output: output.into() }),
        Err(error) => failed(call.id, error.into()),
    }
}

fn judged(shared: &Shared, call: Call) -> Result<Tallies, Fault> {
    let (world, now) = (shared.world(), shared.now());
    let mut ledgers = Ledgers::default();
    let budget = &mut Budget(None);
    let work = Work { reads: &*shared.reads, world: &world, now, ledgers: &mut ledgers, budget };
    match work.judge_alone(&Task::read(call)?) {
        Err(Halt::Fault(fault)) => Err(fault),
        // It has all the places it wants.
        Ok(()) | Err(Halt::TooMuch) => Ok(ledgers.tallies),
    }
}
