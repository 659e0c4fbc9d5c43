//! What is measured, of the store in memory.

use yizhan_engine::store::{CaseFilter, CaseReads, StoreError, TaskKind, case_of_run, case_of_task};
use yizhan_workflow::query::{Case, Of};

use super::{Kept, Memory};

/// By time, then by id.
type Place = (yizhan_workflow::id::Millis, i64, String);

fn place(filter: &CaseFilter, case: &Case) -> Option<Place> {
    let task = case.task.as_ref().map(|id| id.as_str().to_owned());
    let run = if task.is_some() { 0 } else { case.run.number() };
    Some((filter.instant(case)?, run, task.unwrap_or_default()))
}

impl Kept {
    fn all_cases(&self, of: Of) -> Vec<Case> {
        if of == Of::Runs {
            return self.runs.values().map(|run| case_of_run(&run.row)).collect();
        }
        let open = self.tasks.values().filter(|row| row.kind == TaskKind::Asked).map(|row| (row, None));
        let over = self.past_tasks.values().map(|(row, end)| (row, Some(end.clone())));
        let case = |(row, end): (&yizhan_engine::store::TaskRow, _)| {
            case_of_task(row.clone(), end, self.runs.get(&row.run).map(|run| &run.row))
        };
        open.chain(over).map(case).collect()
    }
}

impl CaseReads for Memory {
    fn cases(&self, filter: &CaseFilter, after: Option<&Case>, most: usize) -> Result<Vec<Case>, StoreError> {
        let after = after.and_then(|case| place(filter, case));
        let mut found: Vec<(Place, Case)> = self
            .kept()
            .all_cases(filter.of)
            .into_iter()
            .filter(|case| {
                filter.workflows.is_empty() || filter.workflows.iter().any(|name| **name == *case.workflow)
            })
            .filter_map(|case| Some((place(filter, &case)?, case)))
            .filter(|(place, _)| {
                filter.bounds.hold(place.0) && after.as_ref().is_none_or(|after| place > after)
            })
            .collect();
        found.sort_by(|(one, _), (two, _)| one.cmp(two));
        found.truncate(most);
        Ok(found.into_iter().map(|(_, case)| case).collect())
    }
}
