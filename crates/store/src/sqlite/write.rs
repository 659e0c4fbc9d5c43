//! Writes batches in one transaction, the first of them ahead of the others where there is time.

use std::time::{Duration, Instant};

use rusqlite::{CachedStatement, Connection, OptionalExtension, params};
use yizhan_engine::store::{
    Acks, Batch, Change, Claim, DIGEST, Firing, FiringOutcome, Note, Notice, Refused, RunRow, Start,
    StoreError, TaskChange, TaskRow, Timing,
};
use yizhan_workflow::id::{Millis, RunId};

use super::fault::{Fault, is_taken};
use super::rows::{State, kind_word, outcome_and_run, outcome_word, run_id};

use super::counted::Counted;
use super::{cases, drafts, gathered, lots, pauses, registers, waiting};
use crate::checksum::checksum;
use crate::sense::{begins, twice};

/// What of the next transaction is written, and not committed.
#[derive(Debug, Default)]
pub(super) struct Begun {
    /// One answer for each batch that is written.
    acks: Vec<Acks>,
    /// There is more that runs are found by.
    entered: bool,
    counted: Counted,
    took: Duration,
}

impl Begun {
    /// Those of the batches that are not written.
    pub(super) fn rest<'b>(&self, batches: &'b [Batch]) -> &'b [Batch] {
        batches.get(self.acks.len()..).unwrap_or_default()
    }

    /// Writes what is not written yet; where that fails, nothing is.
    pub(super) fn write_ahead(&mut self, connection: &Connection, batches: &[Batch]) -> Result<(), Fault> {
        let written = self.write(connection, batches);
        if written.is_err() { self.take_back(connection).and(written) } else { written }
    }

    /// Everything or nothing.
    pub(super) fn commit(
        &mut self,
        connection: &Connection,
        batches: &[Batch],
    ) -> Result<(Vec<Acks>, Timing), Fault> {
        let written = self.write(connection, batches).and_then(|()| self.end(connection));
        if written.is_err() {
            self.take_back(connection)?;
        }
        written
    }

    fn write(&mut self, connection: &Connection, batches: &[Batch]) -> Result<(), Fault> {
        let rest = self.rest(batches);
        let begin = Instant::now();
        if connection.is_autocommit() && !rest.iter().all(Batch::is_empty) {
            if yizhan_faults::fails("store.begin") {
                return Err(at_a_point());
            }
            // IMMEDIATE: a transaction that begins by reading could not be made a writing one without an error.
            connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
        }
        let line = "INSERT INTO event(run, seq, at, body, sum) VALUES (?1, ?2, ?3, ?4, ?5)";
        let line = connection.prepare_cached(line)?;
        let (entered, counted) = (&mut self.entered, &mut self.counted);
        let mut writing = Writing { connection, line, entered, counted };
        for batch in rest {
            self.acks.push(writing.batch(batch)?);
        }
        self.took += begin.elapsed();
        Ok(())
    }

    /// What all batches have in common is written last, and the commit made.
    fn end(&mut self, connection: &Connection) -> Result<(Vec<Acks>, Timing), Fault> {
        let Self { acks, entered, counted, took } = std::mem::take(self);
        if connection.is_autocommit() {
            return Ok((acks, Timing::default()));
        }
        let begin = Instant::now();
        if entered {
            lots::gather(connection)?;
        }
        counted.write(connection)?;
        if yizhan_faults::fails("store.written") {
            return Err(at_a_point());
        }
        let apply = begin.elapsed();
        let end = if yizhan_faults::seeded("store.rolled-back") { "ROLLBACK" } else { "COMMIT" };
        connection.prepare_cached(end)?.execute([])?;
        // Durable, and nobody heard of it.
        if yizhan_faults::fails("store.committed") {
            return Err(at_a_point());
        }
        Ok((acks, Timing { apply: took + apply, commit: begin.elapsed() - apply }))
    }

    /// As if nothing had been written.
    pub(super) fn take_back(&mut self, connection: &Connection) -> Result<(), Fault> {
        *self = Self::default();
        if connection.is_autocommit() {
            return Ok(());
        }
        connection.execute_batch("ROLLBACK").map_err(|error| {
            // Half a transaction is open and cannot be left.
            StoreError::Broken(format!("what could not be written could not be taken back: {error}")).into()
        })
    }
}

/// What a fault run asks for: as after a failed sync, nobody knows what is on the disk.
fn at_a_point() -> Fault {
    StoreError::Broken("as a fault run asks".into()).into()
}

/// What of a run's row changes. One that was damaged before keeps a sum that does not fit.
macro_rules! changed {
    ($state:literal) => {
        concat!(
            "UPDATE run SET text = ?3, ",
            $state,
            " outcome = ?4, waits = ?5, ended = ?6, due = ?7, stands = ?8, rounds = ?9, sum = iif(
               sum = row_sum(id, workflow, text, state, outcome, key, waits, started, ended, by, parent, due, stands, rounds),
               row_sum(id, workflow, ?3, ?2, ?4, key, ?5, started, ?6, by, parent, ?7, ?8, ?9), sum)
             WHERE id = ?1"
        )
    };
}

struct Writing<'c> {
    connection: &'c Connection,
    /// Kept at hand: it is the one statement of every step.
    line: CachedStatement<'c>,
    entered: &'c mut bool,
    counted: &'c mut Counted,
}

impl Writing<'_> {
    fn batch(&mut self, batch: &Batch) -> Result<Acks, Fault> {
        let acks = batch.changes.iter().map(|change| self.change(change)).collect::<Result<_, _>>()?;
        batch.notes.iter().try_for_each(|note| self.note(note))?;
        Ok(acks)
    }

    fn run(&self, sql: &str, values: impl rusqlite::Params) -> Result<usize, Fault> {
        Ok(self.connection.prepare_cached(sql)?.execute(values)?)
    }

    fn change(&mut self, change: &Change) -> Result<Result<(), Refused>, Fault> {
        if begins(change)
            && let Some(refused) = self.refusal(change)?
        {
            return Ok(Err(refused));
        }
        if !begins(change) && yizhan_faults::seeded("store.change-lost") {
            return Ok(Ok(()));
        }
        self.line(change)?;
        let run = change.run.number();
        if let Some(row) = &change.row {
            if begins(change) {
                self.new_row(row)?;
                self.counted.begins(row);
                lots::run(self.connection, row)?;
                *self.entered = true;
            } else {
                self.row(row)?;
            }
        }
        if let Some(body) = &change.snapshot {
            let seq = change.seq + u32::from(yizhan_faults::seeded("store.snapshot-ahead"));
            let sum = checksum(body, run, seq, 0);
            self.run(
                "INSERT INTO snapshot(run, seq, body, sum) VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT(run) DO UPDATE SET seq = excluded.seq, body = excluded.body, sum = excluded.sum",
                params![run, seq, &body[..], &sum[..]],
            )?;
        }
        match change.wake {
            None => {}
            Some(None) => drop(self.run("DELETE FROM wake WHERE run = ?1", [run])?),
            Some(Some(Millis(at))) => {
                let sql = "INSERT INTO wake(run, at, sum) VALUES (?1, ?2, row_sum(?1, ?2))
                           ON CONFLICT(run) DO UPDATE SET at = excluded.at, sum = excluded.sum";
                let off = i64::from(yizhan_faults::seeded("store.wake-wrong")) * 60_000;
                self.run(sql, [run, at + off])?;
            }
        }
        change.tasks.iter().try_for_each(|task| self.task(task))?;
        change.notices.iter().try_for_each(|notice| self.notice(notice))?;
        change.slots.iter().try_for_each(|slot| waiting::slot(self.connection, slot))?;
        change.grant.iter().try_for_each(|grant| waiting::grant(self.connection, grant))?;
        change.listeners.iter().try_for_each(|listens| waiting::listens(self.connection, listens))?;
        if let Some(start) = &change.start {
            self.start(change, start)?;
        }
        self.tell(change)?;
        Ok(Ok(()))
    }

    fn line(&mut self, change: &Change) -> Result<(), Fault> {
        let (run, seq, at) = (change.run.number(), change.seq, change.at.0);
        if yizhan_faults::seeded("store.line-lost") {
            return Ok(());
        }
        let sum = checksum(&change.line, run, seq, at + i64::from(yizhan_faults::seeded("store.sum-wrong")));
        match self.line.execute(params![run, seq, at, &change.line[..], &sum[..]]) {
            Ok(_) => Ok(()),
            Err(error) if is_taken(&error) => Err(twice(change).into()),
            Err(error) => Err(error.into()),
        }
    }

    fn new_row(&self, row: &RunRow) -> Result<(), Fault> {
        self.run(
            "INSERT INTO run(id, workflow, text, state, outcome, key, waits, started, ended, by, parent, due, stands, rounds, sum)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14,
                     row_sum(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14))",
            params![
                row.id.number(),
                row.workflow,
                row.text.0,
                State(row.state),
                row.outcome,
                row.key,
                row.waits,
                row.started.0,
                row.ended.map(|at| at.0),
                row.by,
                row.parent.map(RunId::number),
                row.due.map(|at| at.0),
                row.stands,
                row.rounds,
            ],
        )?;
        Ok(())
    }

    /// What a run is called, where it comes from and when it began never change. State and text mostly stay as well, and
    /// then the indexes over the one are not touched, and nothing is counted.
    fn row(&mut self, row: &RunRow) -> Result<(), Fault> {
        if yizhan_faults::seeded("store.row-stale") {
            return Ok(());
        }
        let values = params![
            row.id.number(),
            State(row.state),
            row.text.0,
            row.outcome,
            row.waits,
            row.ended.map(|at| at.0),
            row.due.map(|at| at.0),
            row.stands,
            row.rounds,
        ];
        let same = self.run(concat!(changed!(""), " AND state = ?2 AND text = ?3"), values)?;
        if same == 0 {
            self.counted.changes(self.connection, row)?;
            self.run(changed!("state = ?2,"), values)?;
        }
        Ok(())
    }

    fn task(&mut self, task: &TaskChange) -> Result<(), Fault> {
        match task {
            TaskChange::Open(row) => {
                // An opening carried out again replaces the first; what somebody filled in meanwhile stays.
                self.drop_task(row.id.as_str())?;
                self.run("DELETE FROM notice WHERE task = ?1", [row.id.as_str()])?;
                self.put_task(row)?;
                *self.entered = true;
                lots::task(self.connection, row)
            }
            TaskChange::Changed(row) => {
                self.drop_task(row.id.as_str())?;
                self.put_task(row)
            }
            TaskChange::Claimed { id, by } => {
                self.run("UPDATE task SET claimed_by = ?2 WHERE id = ?1", params![id.as_str(), by]).map(drop)
            }
            TaskChange::Closed { id } => self.close_task(id.as_str()),
            TaskChange::Ended { id, end } => {
                cases::keep(self.connection, id, end)?;
                self.close_task(id.as_str())
            }
        }
    }

    fn put_task(&self, row: &TaskRow) -> Result<(), Fault> {
        let who = serde_json::to_string(&row.who).map_err(|error| StoreError::Failed(error.to_string()))?;
        self.run(
            "INSERT INTO task(id, run, workflow, of, step, kind, title, who, due, stands, opened, claimed_by)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
            params![
                row.id.as_str(),
                row.run.number(),
                row.workflow,
                row.of,
                row.step,
                kind_word(row.kind),
                row.title,
                who,
                row.due.map(|at| at.0),
                row.stands,
                row.opened.0,
                row.claimed_by,
            ],
        )?;
        row.who.iter().try_for_each(|who| {
            self.run(
                "INSERT OR IGNORE INTO task_who(who, task) VALUES (?1, ?2)",
                params![who, row.id.as_str()],
            )
            .map(drop)
        })
    }

    fn close_task(&self, id: &str) -> Result<(), Fault> {
        self.drop_task(id)?;
        drafts::closed(self.connection, id)?;
        self.run("DELETE FROM notice WHERE task = ?1", [id]).map(drop)
    }

    fn drop_task(&self, id: &str) -> Result<(), Fault> {
        let sql = "DELETE FROM task_who WHERE task = ?1
                   AND who IN (SELECT value FROM task, json_each(task.who) WHERE task.id = ?1)";
        self.run(sql, [id])?;
        self.run("DELETE FROM task WHERE id = ?1", [id]).map(drop)
    }

    fn seen(&self, workflow: &str, trigger: &str, at: Millis) -> Result<(), Fault> {
        let sql = "INSERT INTO schedule(workflow, trigger, at) VALUES (?1, ?2, ?3)
                   ON CONFLICT(workflow, trigger) DO UPDATE SET at = excluded.at";
        self.run(sql, params![workflow, trigger, at.0]).map(drop)
    }

    fn notice(&self, notice: &Notice) -> Result<(), Fault> {
        let sql = "INSERT OR IGNORE INTO notice(key, task, at, letter) VALUES (?1, ?2, ?3, ?4)";
        self.run(sql, params![notice.key, notice.task.as_str(), notice.at.0, &notice.letter[..]])?;
        Ok(())
    }

    fn tell(&self, change: &Change) -> Result<(), Fault> {
        if let Some(tell) = &change.tell_parent {
            self.run(
                "INSERT INTO tell(child, parent, event) VALUES (?1, ?2, ?3)
                 ON CONFLICT(child) DO UPDATE SET parent = excluded.parent, event = excluded.event",
                params![tell.child.number(), tell.parent.number(), &tell.event[..]],
            )?;
        }
        match change.told_by {
            Some(child) => self.told(child),
            None => Ok(()),
        }
    }

    fn told(&self, child: RunId) -> Result<(), Fault> {
        self.run("DELETE FROM tell WHERE child = ?1", [child.number()]).map(drop)
    }

    /// Why a first line is not written, if it is not. That it exists or was fired before says more than that its key is
    /// held: it is usually held by that very run.
    fn refusal(&self, change: &Change) -> Result<Option<Refused>, Fault> {
        if self.has("SELECT 1 FROM run WHERE id = ?1", [change.run.number()])? {
            return Ok(Some(Refused::Exists));
        }
        let Some(start) = &change.start else { return Ok(None) };
        if let Some(firing) = &start.firing
            && let Some((outcome, run)) = self.fired(firing)?
            && outcome != FiringOutcome::Queued
            && !yizhan_faults::seeded("store.firing-forgotten")
        {
            return Ok(Some(Refused::FiredBefore { run }));
        }
        match &start.claim {
            Some(claim) => Ok(self.claimed(claim)?.map(|by| Refused::KeyHeld { by })),
            None => Ok(None),
        }
    }

    fn has(&self, sql: &str, values: impl rusqlite::Params) -> Result<bool, Fault> {
        Ok(self.connection.prepare_cached(sql)?.exists(values)?)
    }

    fn fired(&self, firing: &Firing) -> Result<Option<(FiringOutcome, Option<RunId>)>, Fault> {
        let sql = "SELECT outcome, run FROM firing WHERE workflow = ?1 AND trigger = ?2 AND firing = ?3";
        let mut statement = self.connection.prepare_cached(sql)?;
        Ok(statement
            .query_row(params![firing.workflow, firing.trigger, firing.id], outcome_and_run)
            .optional()?)
    }

    fn claimed(&self, claim: &Claim) -> Result<Option<RunId>, Fault> {
        let Some(Millis(since)) = claim.since else {
            let mut statement = self.connection.prepare_cached(super::reads::HOLDER)?;
            let found = statement.query_row(params![claim.workflow, claim.key], |row| run_id(row, 0));
            return Ok(found.optional()?);
        };
        let sql =
            "SELECT id FROM run INDEXED BY run_by_key WHERE workflow = ?1 AND key = ?2 AND started >= ?3 AND parent IS NULL
                   ORDER BY started DESC, id DESC LIMIT 1";
        let mut statement = self.connection.prepare_cached(sql)?;
        Ok(statement.query_row(params![claim.workflow, claim.key, since], |row| run_id(row, 0)).optional()?)
    }

    fn start(&self, change: &Change, start: &Start) -> Result<(), Fault> {
        if let Some(firing) = &start.firing {
            self.firing(firing, Some(change.run))?;
        }
        start.takes.iter().try_for_each(|takes| gathered::taken(self.connection, takes, change.run))
    }

    /// What was decided about a firing stays; only one that waits for its turn gets its answer later.
    fn firing(&self, firing: &Firing, run: Option<RunId>) -> Result<(), Fault> {
        self.run(
            "INSERT INTO firing(workflow, trigger, firing, at, outcome, run) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
             ON CONFLICT(workflow, trigger, firing) DO UPDATE
             SET at = excluded.at, outcome = excluded.outcome, run = excluded.run WHERE outcome = 'queued'",
            params![
                firing.workflow,
                firing.trigger,
                firing.id,
                firing.at.0,
                outcome_word(firing.outcome),
                run.map(RunId::number),
            ],
        )?;
        Ok(())
    }

    fn note(&self, note: &Note) -> Result<(), Fault> {
        match note {
            Note::Text { hash, source } => {
                // Looked up first: writing it as JSON is the dear part, and mostly it is known.
                if self.has("SELECT 1 FROM text WHERE hash = ?1", [&hash.0])? {
                    return Ok(());
                }
                let source = serde_json::to_string(&**source)
                    .map_err(|error| StoreError::Failed(error.to_string()))?;
                self.run("INSERT INTO text(hash, source) VALUES (?1, ?2)", params![hash.0, source])?;
            }
            Note::Firing(firing) => self.firing(firing, None)?,
            Note::FiredInto { firing, run, takes } => {
                self.firing(firing, Some(*run))?;
                takes.iter().try_for_each(|takes| gathered::taken(self.connection, takes, *run))?;
            }
            Note::Gathered(gathered) => {
                let known = gathered.firing.as_ref().map(|firing| self.fired(firing)).transpose()?.flatten();
                if known.is_none_or(|(outcome, _)| outcome == FiringOutcome::Queued) {
                    gathered.firing.iter().try_for_each(|firing| self.firing(firing, None))?;
                    gathered::keep(self.connection, gathered)?;
                }
            }
            Note::ScheduleSeen { workflow, trigger, at } => self.seen(workflow, trigger, *at)?,
            Note::Digest { at, letters } => {
                let (workflow, trigger) = DIGEST;
                self.seen(workflow, trigger, *at)?;
                letters.iter().try_for_each(|letter| self.notice(letter))?;
            }
            Note::Told { child } => self.told(*child)?,
            Note::Apart { key, letters } => {
                if self.run("DELETE FROM notice WHERE key = ?1", [key])? > 0 {
                    letters.iter().try_for_each(|letter| self.notice(letter))?;
                }
            }
            Note::Noticed { key } => drop(self.run("DELETE FROM notice WHERE key = ?1", [key])?),
            Note::Draft(draft) => drafts::keep(self.connection, draft)?,
            Note::DraftDropped { of, by } => drafts::drop(self.connection, of, by)?,
            Note::TriggerPaused(pause) => pauses::keep(self.connection, pause)?,
            Note::TriggerResumed { workflow, trigger } => pauses::drop(self.connection, workflow, trigger)?,
            Note::Published(event) => waiting::published(self.connection, event)?,
            Note::Entry(new) => registers::written(self.connection, new)?,
            Note::Number(taken) => registers::taken(self.connection, taken)?,
            Note::CalendarsSeen { digest } => waiting::calendars_seen(self.connection, digest)?,
            Note::EventsSeen { number } => waiting::events_seen(self.connection, *number)?,
            Note::ForgetEvents { before } => waiting::forget_events(self.connection, *before)?,
            Note::ForgetDrafts { before } => drafts::forget(self.connection, *before)?,
            Note::Room { at } => {
                self.run(
                    "INSERT INTO meta(name, value) VALUES ('room', ?1)
                     ON CONFLICT(name) DO UPDATE SET value = excluded.value",
                    [at.to_string()],
                )?;
            }
            Note::ForgetBefore { at } => {
                self.run("DELETE FROM firing WHERE at < ?1", [at.0])?;
            }
        }
        Ok(())
    }
}
