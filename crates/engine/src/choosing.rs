//! Chooses whose a task is that goes to whoever has fewest, or to the next in turn.
//!
//! What others have is read from the disk: one choice at a time, and the next when the one before is there.

use std::collections::VecDeque;

use yizhan_workflow::id::{Attempt, RunId};
use yizhan_workflow::plan::Choose;
use yizhan_workflow::run::choosing::{CHOOSING, pick};
use yizhan_workflow::run::event::Event;
use yizhan_workflow::run::{Refusal, World};

use crate::engine::Loop;
use crate::handle::ActError;
use crate::store::{Note, StoreError, TakenNumber, TaskFilter};

/// Tasks of somebody are counted up to here.
const TASKS_MOST: usize = 1_000;
/// Rows that are read at once after a start.
const BEHIND: usize = 500;
/// The series of turns are kept as numbers are; no file can write this name.
const TURNS: &str = "\u{1}in_turn";

/// Tasks that have nobody yet.
#[derive(Debug, Default)]
pub(crate) struct Choices {
    waiting: VecDeque<(RunId, Attempt)>,
    /// The job that has the last choice.
    job: u64,
}

impl Choices {
    pub(crate) fn add(&mut self, run: RunId, of: Attempt) {
        self.waiting.push_back((run, of));
    }
}

impl Loop {
    pub(crate) fn recover_choices(&mut self) -> Result<(), StoreError> {
        let filter = TaskFilter { who: Some(vec![CHOOSING.to_owned()]), ..TaskFilter::default() };
        let mut cursor = None;
        loop {
            let page = self.shared.reads.tasks(&filter, cursor.as_deref(), BEHIND)?;
            for row in &page.rows {
                if let Ok(of) = serde_json::from_str(&row.of) {
                    self.choices.add(row.run, of);
                }
            }
            cursor = page.next;
            if cursor.is_none() {
                return Ok(());
            }
        }
    }

    pub(crate) fn is_to_be_chosen(&self, run: RunId, of: Attempt) -> bool {
        self.live.get(&run).is_some_and(|live| live.run.choice(of).is_some())
    }

    pub(crate) fn choose_people(&mut self, world: &World) {
        while !self.stopping && self.choices.job <= self.written {
            let Some((run, of)) = self.choices.waiting.pop_front() else { return };
            match self.choose(run, of, world) {
                Ok(()) => {}
                // It is over, or somebody gave it away.
                Err(ActError::Refused(Refusal::Echo(_))) => {}
                Err(error) => {
                    tracing::error!(%run, %error, "nobody could be chosen; it is tried again at the next start");
                }
            }
        }
    }

    fn choose(&mut self, run: RunId, of: Attempt, world: &World) -> Result<(), ActError> {
        self.bring(run)?;
        let Some((rule, sheet)) = self.live.get(&run).and_then(|live| live.run.choice(of)) else {
            return Ok(());
        };
        let now = self.shared.now();
        let reads = &self.shared.reads;
        let unreadable = |error: StoreError| ActError::Unreadable(error.to_string());
        let series = sheet.who.join(" ");
        let count = match rule {
            Choose::InTurn => reads.sequence_count(TURNS, &series).map_err(unreadable)?,
            Choose::Fewest => 0,
        };
        let last = match rule {
            Choose::InTurn => reads.sequence_taken(&turn(&series, count)).map_err(unreadable)?,
            Choose::Fewest => None,
        };
        let mut fault = None;
        let tasks = |person: &str| {
            let filter = TaskFilter { who: Some(vec![person.to_owned()]), ..TaskFilter::default() };
            match reads.tasks(&filter, None, TASKS_MOST) {
                Ok(page) => page.rows.len(),
                Err(error) => {
                    fault = Some(error);
                    0
                }
            }
        };
        let last = last.map(|taken| taken.number);
        let to = pick((rule, sheet), &world.people_at(now), last.as_deref(), tasks);
        if let Some(error) = fault {
            return Err(unreadable(error));
        }
        self.feed(run, Event::Assigned { of, to: to.clone() }, world)?;
        self.choices.job = self.job;
        if let (Choose::InTurn, Some(to)) = (rule, to) {
            let count = count + 1;
            let key = turn(&series, count).into();
            let taken = TakenNumber {
                sequence: TURNS.into(),
                series: series.into(),
                count,
                number: to,
                key,
                at: now,
            };
            self.batch.notes.push(Note::Number(Box::new(taken)));
        }
        Ok(())
    }
}

/// The key of a turn.
fn turn(series: &str, count: u64) -> String {
    format!("{TURNS}/{series}/{count}")
}
