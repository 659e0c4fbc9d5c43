//! Lists and pages of the store in memory.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::Arc;

use yizhan_engine::store::{
    Answers, Draft, DraftOf, Firing, FiringOutcome, Gathered, Grant, Heap, Line, Listener, Notice,
    PAST_LOOKED, Page, Published, Reads, RunFilter, RunRow, RunState, SlotRow, SlotStands, StoreError,
    Stored, TaskEnd, TaskFilter, TaskRow, TaskState, Tell, TriggerPause,
};
use yizhan_workflow::id::{Item, Millis, RunId, TaskId, TextHash};
use yizhan_workflow::plan::Source;

use super::{Kept, Memory, Run};
use crate::cursor::{page, read_run_cursor, read_task_cursor, run_cursor, task_cursor};
use crate::finding::{Finding, tell};
use crate::search::Needles;
use crate::sense::over;

fn fits(kept: &Kept, row: &RunRow, filter: &RunFilter) -> bool {
    filter.workflow.as_ref().is_none_or(|wanted| **wanted == *row.workflow)
        && filter.among.as_ref().is_none_or(|among| among.iter().any(|name| **name == *row.workflow))
        && filter.state.is_none_or(|wanted| wanted == row.state)
        && filter.key.as_ref().is_none_or(|part| row.key.as_ref().is_some_and(|key| key.contains(part)))
        && filter.parent.is_none_or(|wanted| row.parent == Some(wanted))
        && !(filter.open && over(row.state))
        && filter.late.is_none_or(|now| row.is_late(now) || has_late_task(kept, row, now))
        && filter.waits.as_ref().is_none_or(|wanted| row.waits.as_deref() == Some(wanted))
        && filter.by.as_ref().is_none_or(|wanted| **wanted == *row.by)
        && filter.since.is_none_or(|since| row.started >= since)
        && filter.until.is_none_or(|until| row.started < until)
}

fn has_late_task(kept: &Kept, row: &RunRow, now: Millis) -> bool {
    !over(row.state) && kept.tasks.values().any(|task| task.run == row.id && task.is_late(now))
}

fn is_for(row: &TaskRow, filter: &TaskFilter) -> bool {
    filter.run.is_none_or(|run| row.run == run)
        && filter.late.is_none_or(|now| row.is_late(now))
        && filter.who.as_ref().is_none_or(|wanted| {
            wanted.iter().any(|one| row.who.contains(one) || row.claimed_by.as_deref() == Some(one))
        })
}

impl Run {
    fn lines_after(&self, after: u32) -> impl Iterator<Item = &Line> {
        self.lines.iter().filter(move |line| line.seq > after)
    }
}

impl Kept {
    fn is_found_by(&self, run: RunId, needles: &Needles) -> bool {
        self.found_by.get(&run).into_iter().flatten().any(|entry| needles.are_in(entry.as_bytes()))
    }

    fn findings(&self) -> Vec<Vec<Finding>> {
        let gaps = self.runs.values().filter_map(|run| {
            let (lines, last) = (run.lines.len() as u64, u64::from(run.lines.last()?.seq));
            (lines != last).then_some(Finding::Gap { run: run.row.id, lines, last })
        });
        let open = || self.open.iter().filter_map(|id| self.runs.get(id));
        let stuck = open().filter(|run| run.row.waits.is_none() && run.wake.is_none());
        let wakes = self.wakes.iter().map(|(_, run)| *run).filter(|run| !self.open.contains(run));
        let tasks = self.tasks.values().filter(|task| !self.open.contains(&task.run));
        let over = |run: &RunId| !self.open.contains(run);
        let places: BTreeSet<_> =
            self.waiting.slots.keys().map(|(run, _)| *run).filter(|run| over(run)).collect();
        let listen: BTreeSet<_> =
            self.waiting.listeners.values().map(|row| row.run).filter(|run| over(run)).collect();
        vec![
            gaps.collect(),
            stuck.map(|run| Finding::Stuck { run: run.row.id }).collect(),
            wakes.map(|run| Finding::WakesNoMore { run }).collect(),
            tasks.map(|task| Finding::TaskOfNone { task: task.id.clone(), run: task.run }).collect(),
            places.into_iter().map(|run| Finding::PlaceOfNone { run }).collect(),
            listen.into_iter().map(|run| Finding::ListensNoMore { run }).collect(),
        ]
    }
}

impl Reads for Memory {
    fn run(&self, id: RunId) -> Result<Option<Stored>, StoreError> {
        Ok(self.kept().runs.get(&id).map(|run| {
            let (seq, snapshot) = run.snapshot.clone().unzip();
            let lines = run.lines_after(seq.unwrap_or(0)).cloned().collect();
            Stored { row: run.row.clone(), snapshot, lines }
        }))
    }

    fn row(&self, id: RunId) -> Result<Option<RunRow>, StoreError> {
        Ok(self.kept().runs.get(&id).map(|run| run.row.clone()))
    }

    fn runs_between(&self, first: RunId, last: RunId, most: usize) -> Result<Vec<RunId>, StoreError> {
        Ok(self.kept().runs.range(first..=last).take(most).map(|(id, _)| *id).collect())
    }

    fn journal(&self, id: RunId, after: u32, most: usize) -> Result<Vec<Line>, StoreError> {
        let kept = self.kept();
        let lines = kept.runs.get(&id).into_iter().flat_map(|run| run.lines_after(after));
        Ok(lines.take(most).cloned().collect())
    }

    fn runs(
        &self,
        filter: &RunFilter,
        cursor: Option<&str>,
        most: usize,
    ) -> Result<Page<RunRow>, StoreError> {
        let after = cursor.map(read_run_cursor).transpose()?;
        let kept = self.kept();
        let mut found: Vec<_> =
            kept.runs.values().map(|run| &run.row).filter(|row| fits(&kept, row, filter)).collect();
        if let Some(needles) = Needles::of(filter) {
            found.retain(|row| kept.is_found_by(row.id, &needles));
        }
        found.retain(|row| after.is_none_or(|after| (row.started, row.id) < after));
        found.sort_by_key(|row| Reverse((row.started, row.id)));
        let rows = found.into_iter().take(most.saturating_add(1)).cloned().collect();
        Ok(page(rows, most, run_cursor))
    }

    fn count_by_state(&self) -> Result<Vec<(RunState, u64)>, StoreError> {
        let kept = self.kept();
        let count = |state| kept.runs.values().filter(|run| run.row.state == state).count() as u64;
        let all = [RunState::Open, RunState::Closing, RunState::Done, RunState::Failed, RunState::Cancelled];
        Ok(all.into_iter().map(|state| (state, count(state))).filter(|(_, count)| *count > 0).collect())
    }

    fn open_by_text(&self, workflow: &str) -> Result<Vec<(TextHash, u64)>, StoreError> {
        let kept = self.kept();
        let mut counts = BTreeMap::<TextHash, u64>::new();
        let open = kept.open.iter().filter_map(|id| kept.runs.get(id));
        for run in open.filter(|run| &*run.row.workflow == workflow) {
            *counts.entry(run.row.text.clone()).or_default() += 1;
        }
        Ok(counts.into_iter().collect())
    }

    fn open_runs(&self, after: Option<RunId>, most: usize) -> Result<Vec<RunId>, StoreError> {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        Ok(self.kept().open.range((from, Bound::Unbounded)).take(most).copied().collect())
    }

    fn runs_in_flight(&self) -> Result<Vec<RunId>, StoreError> {
        let kept = self.kept();
        let in_flight = |id: &&RunId| {
            let run = kept.runs.get(id);
            run.and_then(|run| run.row.waits.as_deref())
                .is_some_and(|waits| waits == "step" || waits == "child")
        };
        Ok(kept.open.iter().filter(in_flight).copied().collect())
    }

    fn holder(&self, workflow: &str, key: &str) -> Result<Option<RunId>, StoreError> {
        Ok(self.kept().holder(workflow, key))
    }

    fn text(&self, hash: &TextHash) -> Result<Option<Source>, StoreError> {
        Ok(self.kept().texts.get(hash).map(|source| (**source).clone()))
    }

    fn wakes(&self, until: Millis, most: usize) -> Result<Vec<(Millis, RunId)>, StoreError> {
        Ok(self.kept().wakes.iter().take_while(|(at, _)| *at <= until).take(most).copied().collect())
    }

    fn next_wake(&self) -> Result<Option<Millis>, StoreError> {
        Ok(self.kept().wakes.first().map(|(at, _)| *at))
    }

    fn task(&self, id: &TaskId) -> Result<Option<TaskRow>, StoreError> {
        Ok(self.kept().tasks.get(id).cloned())
    }

    fn tasks(
        &self,
        filter: &TaskFilter,
        cursor: Option<&str>,
        most: usize,
    ) -> Result<Page<TaskRow>, StoreError> {
        let after = cursor.map(read_task_cursor).transpose()?;
        let kept = self.kept();
        let mut found: Vec<_> = kept.tasks.values().filter(|row| is_for(row, filter)).collect();
        let place = |row: &TaskRow| (row.presses(), row.opened, row.id.clone());
        found.retain(|row| after.as_ref().is_none_or(|after| place(row) > *after));
        found.sort_by_key(|row| place(row));
        let rows = found.into_iter().take(most.saturating_add(1)).cloned().collect();
        Ok(page(rows, most, task_cursor))
    }

    fn pauses(&self) -> Result<Vec<TriggerPause>, StoreError> {
        Ok(self.kept().pauses.values().cloned().collect())
    }

    fn past_task(&self, task: &TaskId) -> Result<Option<(TaskRow, TaskEnd)>, StoreError> {
        Ok(self.kept().past_tasks.get(task).cloned())
    }

    fn answers_of(
        &self,
        by: &str,
        before: Option<(Millis, &TaskId)>,
        most: usize,
    ) -> Result<Answers, StoreError> {
        let kept = self.kept();
        let place = |(id, (_, end)): &(&TaskId, &(TaskRow, TaskEnd))| (end.at, (*id).clone());
        let mut all: Vec<_> = kept.past_tasks.iter().collect();
        all.retain(|one| before.is_none_or(|(at, id)| place(one) < (at, id.clone())));
        all.sort_by_key(|one| std::cmp::Reverse(place(one)));
        let stops = all.get(PAST_LOOKED - 1).map(|(id, (_, end))| (end.at, (*id).clone()));
        let looked = all.into_iter().take(PAST_LOOKED).map(|(_, past)| past);
        let own = looked.filter(|(_, end)| end.state == TaskState::Answered && end.by.as_deref() == Some(by));
        let found: Vec<_> = own.take(most).cloned().collect();
        let last = found.last().filter(|_| found.len() == most).map(|(row, end)| (end.at, row.id.clone()));
        Ok((found, last.or(stops)))
    }

    fn draft(&self, of: &DraftOf, by: &str) -> Result<Option<Draft>, StoreError> {
        Ok(self.kept().drafts.get(&(of.clone(), Arc::from(by))).cloned())
    }

    fn tells(&self) -> Result<Vec<Tell>, StoreError> {
        Ok(self.kept().tells.values().cloned().collect())
    }

    fn notices(&self, after: Option<(Millis, &str)>, most: usize) -> Result<Vec<Notice>, StoreError> {
        let kept = self.kept();
        let wanted = |one: &&Notice| after.is_none_or(|after| (one.at, &*one.key) > after);
        let mut found: Vec<Notice> = kept.notices.values().filter(wanted).cloned().collect();
        found.sort_by(|a, b| (a.at, &a.key).cmp(&(b.at, &b.key)));
        found.truncate(most);
        Ok(found)
    }

    fn slot_holders(&self, key: Option<&str>) -> Result<Vec<SlotRow>, StoreError> {
        let kept = self.kept();
        let holds =
            |row: &&SlotRow| row.stands != SlotStands::Waits && key.is_none_or(|key| *row.ask.key == *key);
        Ok(kept.waiting.slots.values().filter(holds).cloned().collect())
    }

    fn slot_line(&self, key: &str, most: usize) -> Result<Vec<SlotRow>, StoreError> {
        Ok(self.kept().waiting.line(key).into_iter().take(most).cloned().collect())
    }

    fn slot_keys(&self) -> Result<Vec<Arc<str>>, StoreError> {
        let kept = self.kept();
        let waiting = kept.waiting.slots.values().filter(|row| row.stands == SlotStands::Waits);
        let keys: BTreeSet<_> = waiting.map(|row| row.ask.key.clone()).collect();
        Ok(keys.into_iter().collect())
    }

    fn slot(&self, run: RunId, item: Item) -> Result<Option<(SlotRow, u64)>, StoreError> {
        let kept = self.kept();
        let Some(row) = kept.waiting.slots.get(&(run, item)) else { return Ok(None) };
        let line = kept.waiting.line(&row.ask.key);
        let ahead = line.iter().position(|one| *one == row).unwrap_or(0);
        Ok(Some((row.clone(), ahead as u64)))
    }

    fn grants(&self, now: Millis) -> Result<Vec<Grant>, StoreError> {
        let kept = self.kept();
        let mut grants: Vec<Grant> =
            kept.waiting.grants.iter().filter(|grant| grant.until > now).cloned().collect();
        // The clock may have gone back between two of them.
        grants.sort_by_key(|grant| grant.at);
        Ok(grants)
    }

    fn event(&self, name: &str, id: &str) -> Result<Option<Published>, StoreError> {
        Ok(self.kept().waiting.event(name, id))
    }

    fn events(
        &self,
        name: &str,
        key: &str,
        since: Millis,
        after: u64,
        most: usize,
    ) -> Result<Vec<Published>, StoreError> {
        let kept = self.kept();
        let later =
            kept.waiting.events.range((Bound::Excluded(after), Bound::Unbounded)).map(|(_, event)| event);
        let of_it = later.filter(|event| (&*event.name, &*event.key) == (name, key) && event.at >= since);
        Ok(of_it.take(most).cloned().collect())
    }

    fn events_after(&self, after: u64, most: usize) -> Result<Vec<Published>, StoreError> {
        let kept = self.kept();
        let later = kept.waiting.events.range((Bound::Excluded(after), Bound::Unbounded));
        Ok(later.take(most).map(|(_, event)| event.clone()).collect())
    }

    fn calendars_seen(&self) -> Result<Option<Arc<str>>, StoreError> {
        Ok(self.kept().calendars.clone())
    }

    fn events_seen(&self) -> Result<u64, StoreError> {
        Ok(self.kept().waiting.seen)
    }

    fn listeners(&self, name: &str, key: &str, after: u64, most: usize) -> Result<Vec<Listener>, StoreError> {
        let kept = self.kept();
        let later = kept.waiting.listeners.range((Bound::Excluded(after), Bound::Unbounded));
        let of_it = later.map(|(_, row)| row).filter(|row| (&*row.name, &*row.key) == (name, key));
        Ok(of_it.take(most).cloned().collect())
    }

    fn listener(&self, run: RunId, item: Item) -> Result<Option<Listener>, StoreError> {
        let kept = self.kept();
        Ok(kept.waiting.listeners.values().find(|row| (row.run, row.of.item) == (run, item)).cloned())
    }

    fn listeners_behind(&self, after: u64, most: usize) -> Result<Vec<Listener>, StoreError> {
        let kept = self.kept();
        let later = kept.waiting.listeners.range((Bound::Excluded(after), Bound::Unbounded));
        let is_behind = |row: &&Listener| {
            let mut events = kept.waiting.events.values();
            events.any(|event| event.name == row.name && event.key == row.key && event.at >= row.since)
        };
        Ok(later.map(|(_, row)| row).filter(is_behind).take(most).cloned().collect())
    }

    fn gathered(
        &self,
        workflow: &str,
        trigger: &str,
        before: Millis,
        most: usize,
    ) -> Result<Vec<Gathered>, StoreError> {
        Ok(self.kept().gathered(workflow, trigger, before).take(most).cloned().collect())
    }

    fn gathered_since(&self, workflow: &str, trigger: &str) -> Result<Option<Millis>, StoreError> {
        Ok(self.kept().gathered(workflow, trigger, Millis(i64::MAX)).map(|one| one.at).min())
    }

    fn gathered_count(&self, workflow: &str, trigger: &str, most: usize) -> Result<usize, StoreError> {
        Ok(self.kept().gathered(workflow, trigger, Millis(i64::MAX)).take(most).count())
    }

    fn heaps(&self) -> Result<Vec<Heap>, StoreError> {
        Ok(self.kept().heaps())
    }

    fn schedule_seen(&self, workflow: &str, trigger: &str) -> Result<Option<Millis>, StoreError> {
        Ok(self.kept().schedules.get(&(workflow.into(), trigger.into())).copied())
    }

    fn firing(
        &self,
        workflow: &str,
        trigger: &str,
        id: &str,
    ) -> Result<Option<(FiringOutcome, Option<RunId>)>, StoreError> {
        Ok(self.kept().fired(workflow, trigger, id).map(|(firing, run)| (firing.outcome, *run)))
    }

    fn firings(
        &self,
        workflow: &str,
        trigger: &str,
        most: usize,
    ) -> Result<Vec<(Firing, Option<RunId>)>, StoreError> {
        let kept = self.kept();
        let of_it = |(_, (firing, _)): &(&u64, &(Firing, _))| {
            *firing.workflow == *workflow && *firing.trigger == *trigger
        };
        let mut found: Vec<_> = kept.fired.iter().filter(of_it).collect();
        found.sort_by_key(|(place, (firing, _))| Reverse((firing.at, **place)));
        Ok(found.into_iter().take(most).map(|(_, fired)| fired.clone()).collect())
    }

    fn last_run(&self) -> Result<Option<RunId>, StoreError> {
        Ok(self.kept().runs.keys().rev().find(|id| !id.is_child()).copied())
    }

    /// Always the same, so that a rehearsal told twice is told with the same keys.
    fn house(&self) -> Result<String, StoreError> {
        Ok("memory".into())
    }

    fn verify(&self) -> Result<Vec<String>, StoreError> {
        Ok(self.kept().findings().into_iter().flat_map(tell).collect())
    }
}
