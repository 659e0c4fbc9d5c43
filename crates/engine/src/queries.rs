//! `query.runs` and `query.tasks`: read beside the loop, from rows that the store keeps for it and not from journals.

use yizhan_workflow::query::{Case, Of, Query, Standpoint};
use yizhan_workflow::run::World;

use crate::registers::{LookError, MOST_OUTPUT, MOST_ROWS};
use crate::store::{CaseFilter, CaseReads};
use yizhan_workflow::id::Millis;

/// Rows that are read at once.
const PAGE: usize = 1_000;

/// The output of a question.
///
/// # Errors
/// A question that means nothing, or one about more than can be looked at.
pub fn figures(
    reads: &(impl CaseReads + ?Sized),
    world: &World,
    now: Millis,
    (of, query): (Of, &Query),
) -> Result<String, LookError> {
    let asking = query.ask(of)?;
    let calendar = world.calendars.named(query.calendar.as_deref()).ok_or_else(|| {
        let name = query.calendar.as_deref().unwrap_or_default();
        LookError::Ask(format!("there is no calendar `{name}`"))
    })?;
    let period_of = query.period_of;
    let standpoint = Standpoint { now, zone: &world.zone, calendar, people: &world.people, period_of };
    let bounds = query.bounds(now, &world.zone)?;
    let filter = CaseFilter { of, workflows: query.workflows(), bounds, period_of };
    let (mut rows, mut seen, mut last): (Vec<_>, usize, Option<Case>) = (Vec::new(), 0, None);
    loop {
        let page = reads.cases(&filter, last.as_ref(), PAGE)?;
        seen += page.len();
        if seen > MOST_ROWS {
            return Err(too_many(of, MOST_ROWS));
        }
        for case in &page {
            rows.extend(asking.row(case, standpoint)?);
        }
        if page.len() < PAGE {
            break;
        }
        last = page.into_iter().next_back();
    }
    let output = asking.found(&rows)?;
    if output.len() > MOST_OUTPUT { Err(too_many(of, rows.len())) } else { Ok(output) }
}

fn too_many(of: Of, count: usize) -> LookError {
    let what = match of {
        Of::Runs => "runs",
        Of::Tasks => "tasks",
    };
    LookError::Ask(format!(
        "{count} {what} or more are too many: say a shorter `period`, a `workflow` in `where`, or `show` and `first`"
    ))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use yizhan_workflow::calendar::Calendars;
    use yizhan_workflow::catalogue::Catalogue;
    use yizhan_workflow::id::RunId;
    use yizhan_workflow::moment::Span;
    use yizhan_workflow::people::People;
    use yizhan_workflow::plan::Retry;

    use super::*;
    use crate::store::StoreError;

    fn world() -> World {
        let moment = Span { ms: 10_000 };
        World {
            number: 1,
            zone: jiff::tz::TimeZone::UTC,
            catalogue: Arc::new(Catalogue::built_in()),
            people: Arc::new(People::default()),
            calendars: Arc::new(Calendars::built_in(&jiff::tz::TimeZone::UTC)),
            registers: Arc::default(),
            retry: Retry { times: 1, first: moment, factor: 1.0, most: moment, jitter: 0.0 },
            owner: None,
            url: None,
        }
    }

    /// A store with so many runs, one a second.
    struct Many(i64);

    fn run(second: i64) -> Case {
        Case {
            run: RunId::mint(Millis(second * 1_000), None),
            workflow: "t".into(),
            key: None,
            task: None,
            step: None,
            title: None,
            state: "done".into(),
            outcome: None,
            person: None,
            who: vec![],
            parent: None,
            began: Millis(second * 1_000),
            ended: Some(Millis(second * 1_000 + 1)),
            due: None,
            stands: false,
            round: 1,
        }
    }

    impl CaseReads for Many {
        fn cases(&self, _: &CaseFilter, after: Option<&Case>, most: usize) -> Result<Vec<Case>, StoreError> {
            let first = after.map_or(0, |case| case.began.0 / 1_000 + 1);
            Ok((first..self.0).take(most).map(run).collect())
        }
    }

    fn ask(store: &Many, with: &str) -> Result<String, LookError> {
        figures(store, &world(), Millis(0), (Of::Runs, &Query::read(with).unwrap()))
    }

    #[test]
    fn all_pages_are_read_and_no_run_twice() {
        let told = ask(&Many(2_500), r#"{"show": {"n": "count"}}"#).unwrap();
        assert_eq!(told, r#"{"count":2500,"figures":{"n":2500},"rows":[{"n":2500}]}"#);
    }

    #[test]
    fn more_than_can_be_looked_at_is_refused_with_a_way_out() {
        let error = ask(&Many(300_000), r#"{"show": {"n": "count"}}"#).unwrap_err();
        assert!(
            error.to_string().starts_with("200000 runs or more are too many: say a shorter `period`"),
            "{error}"
        );
    }

    #[test]
    fn more_than_a_step_may_be_given_is_refused() {
        let error = ask(&Many(5_000), "{}").unwrap_err();
        assert!(error.to_string().starts_with("5000 runs or more are too many"), "{error}");
        assert!(ask(&Many(5_000), r#"{"first": 10}"#).is_ok());
    }

    #[test]
    fn a_calendar_that_there_is_not_is_named() {
        assert_eq!(
            ask(&Many(1), r#"{"calendar": "x"}"#).unwrap_err().to_string(),
            "there is no calendar `x`"
        );
    }
}
