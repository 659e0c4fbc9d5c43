//! Lists and pages of the store in memory.

use std::cmp::Reverse;
use std::ops::Bound;

use yizhan_engine::store::{
    Firing, FiringOutcome, Line, Notice, Page, Reads, RunFilter, RunRow, RunState, StoreError, Stored,
    TaskFilter, TaskRow, Tell,
};
use yizhan_workflow::id::{Millis, RunId, TaskId, TextHash};
use yizhan_workflow::plan::Source;

use super::{Kept, Memory, Run};
use crate::cursor::{page, read_run_cursor, read_task_cursor, run_cursor, task_cursor};
use crate::finding::{Finding, tell};
use crate::sense::over;

fn fits(row: &RunRow, filter: &RunFilter) -> bool {
    filter.workflow.as_ref().is_none_or(|wanted| **wanted == *row.workflow)
        && filter.state.is_none_or(|wanted| wanted == row.state)
        && filter.key.as_ref().is_none_or(|part| row.key.as_ref().is_some_and(|key| key.contains(part)))
        && filter.parent.is_none_or(|wanted| row.parent == Some(wanted))
        && !(filter.open && over(row.state))
}

fn is_for(row: &TaskRow, filter: &TaskFilter) -> bool {
    filter.run.is_none_or(|run| row.run == run)
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
    fn findings(&self) -> Vec<Vec<Finding>> {
        let gaps = self.runs.values().filter_map(|run| {
            let (lines, last) = (run.lines.len() as u64, u64::from(run.lines.last()?.seq));
            (lines != last).then_some(Finding::Gap { run: run.row.id, lines, last })
        });
        let open = || self.open.iter().filter_map(|id| self.runs.get(id));
        let stuck = open().filter(|run| run.row.waits.is_none() && run.wake.is_none());
        let wakes = self.wakes.iter().map(|(_, run)| *run).filter(|run| !self.open.contains(run));
        let tasks = self.tasks.values().filter(|task| !self.open.contains(&task.run));
        vec![
            gaps.collect(),
            stuck.map(|run| Finding::Stuck { run: run.row.id }).collect(),
            wakes.map(|run| Finding::WakesNoMore { run }).collect(),
            tasks.map(|task| Finding::TaskOfNone { task: task.id.clone(), run: task.run }).collect(),
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
            kept.runs.values().map(|run| &run.row).filter(|row| fits(row, filter)).collect();
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
        found.retain(|row| after.as_ref().is_none_or(|(at, id)| (row.opened, &row.id) < (*at, id)));
        found.sort_by_key(|row| Reverse((row.opened, &row.id)));
        let rows = found.into_iter().take(most.saturating_add(1)).cloned().collect();
        Ok(page(rows, most, task_cursor))
    }

    fn tells(&self) -> Result<Vec<Tell>, StoreError> {
        Ok(self.kept().tells.values().cloned().collect())
    }

    fn notices(&self, most: usize) -> Result<Vec<Notice>, StoreError> {
        let mut found: Vec<Notice> = self.kept().notices.values().cloned().collect();
        found.sort_by(|a, b| (a.at, &a.key).cmp(&(b.at, &b.key)));
        found.truncate(most);
        Ok(found)
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
        trigger: Option<&str>,
        most: usize,
    ) -> Result<Vec<(Firing, Option<RunId>)>, StoreError> {
        let kept = self.kept();
        let of_it = |(_, (firing, _)): &(&u64, &(Firing, _))| {
            *firing.workflow == *workflow && trigger.is_none_or(|trigger| *firing.trigger == *trigger)
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
