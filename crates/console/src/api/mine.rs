//! A caller's own tasks as their page lists them: every one is looked through and counted, and a part of them shown.

use std::collections::BTreeSet;
use std::sync::Arc;

use yizhan_engine::store::{self, TaskFilter};
use yizhan_workflow::id::Millis;
use yizhan_workflow::people::rights::Role;
use yizhan_workflow::run::sight::Viewer;

use super::tasks::{belongs_to, is_theirs_now};
use super::{Looking, Words, in_a_list};
use crate::caller::Caller;
use crate::desk::Desk;
use crate::refusal::Refusal;
use crate::view::{TaskRow, task_row};

/// More than anybody works off is not looked through for one page. They are read at once: behind a place the store would
/// look for all of a person's tasks again.
const LOOKED_THROUGH: usize = 10_000;

/// A task and the case that it is of.
pub(crate) struct OfCase {
    pub task: TaskRow,
    /// The title of its workflow, and its key where it has one.
    pub case: String,
}

#[derive(Default)]
pub(crate) struct Mine {
    pub shown: Vec<OfCase>,
    /// How many fit what is looked for, and how many of them are late.
    pub count: usize,
    pub late: usize,
    /// There may be more than were looked through.
    pub is_part: bool,
    /// Of which workflows there are some, whatever is looked for.
    pub workflows: BTreeSet<String>,
    /// Behind which place the next page begins.
    pub next: Option<String>,
    /// Of the last one that is shown.
    last: Option<Place>,
}

/// Where a task stands among all of them: what presses first, then what was opened first.
type Place = (i64, i64, String);

fn place(row: &store::TaskRow) -> Place {
    (row.presses().0, row.opened.0, row.id.to_string())
}

fn read_place(text: &str) -> Option<Place> {
    let mut parts = text.splitn(3, '.');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?, parts.next()?.to_owned()))
}

/// What presses first, of those that fit, behind a place. `by_title`: what fits hangs on the title, as far as it is for them.
pub(crate) async fn mine(
    desk: &Arc<Desk>,
    caller: &Caller,
    (after, most): (&str, usize),
    by_title: bool,
    fits: impl Fn(&TaskRow) -> bool + Send + 'static,
) -> Result<Mine, Refusal> {
    let now = desk.shared().now();
    let who = match caller.person() {
        Some(person) => Some(belongs_to(&desk.shared().world().people_at(now), person)),
        None if caller.rights.may_somewhere(Role::Viewer) => None,
        None => return Err(Refusal::NoRight { role: Role::Viewer, on: None }),
    };
    let filter = TaskFilter { who, ..TaskFilter::default() };
    let by = Looking::default().name(caller, &desk.shared().world())?;
    let place = read_place(after);
    if place.is_none() && !after.is_empty() {
        return Err(Refusal::Address(format!("`{after}` is no place in this list")));
    }
    let (caller, after) = (caller.clone(), place);
    desk.read(move |desk| {
        let page = desk.reads().tasks(&filter, None, LOOKED_THROUGH)?;
        let mut mine = Mine { is_part: page.next.is_some(), ..Mine::default() };
        let world = desk.shared().world();
        let people = world.people_at(now);
        let is_seen = |row: &&store::TaskRow| match caller.person() {
            Some(_) => is_theirs_now(&people, &caller, row, Role::Viewer),
            None => caller.rights.may(Role::Viewer, &row.workflow),
        };
        for row in page.rows.iter().filter(is_seen) {
            let viewer = Looking::default().viewer(&by, &caller, &row.workflow);
            let seen = Seen { desk, viewer, by_title };
            mine.take(&seen, (row, now), (after.as_ref(), most), &fits);
        }
        Ok(mine)
    })
    .await
}

/// Who looks, and whether at titles before they are shown.
struct Seen<'s> {
    desk: &'s Desk,
    viewer: Viewer<'s>,
    by_title: bool,
}

impl Seen<'_> {
    /// No more than the list of the API says of it.
    fn title(&self, row: &store::TaskRow) -> String {
        in_a_list(self.desk, row.run, self.viewer, Words::Title(&row.title))
    }

    /// The case in a line: what it is about, and which one.
    fn case(&self, row: &store::TaskRow) -> String {
        let all = self.desk.shared().library.workflows();
        let entry = all.get(&*row.workflow).and_then(|entry| entry.workflow.as_ref());
        let title = entry.map_or_else(|| row.workflow.to_string(), |text| text.title.clone());
        let key = self.desk.reads().row(row.run).ok().flatten().and_then(|run| run.key);
        match key {
            Some(key) => {
                format!("{title} · {}", in_a_list(self.desk, row.run, self.viewer, Words::Key(&key)))
            }
            None => title,
        }
    }
}

impl Mine {
    fn take(
        &mut self,
        seen: &Seen<'_>,
        (row, now): (&store::TaskRow, Millis),
        (after, most): (Option<&Place>, usize),
        fits: &dyn Fn(&TaskRow) -> bool,
    ) {
        if !self.workflows.contains(&*row.workflow) {
            self.workflows.insert(row.workflow.to_string());
        }
        let mut task = task_row(row, now);
        if seen.by_title {
            task.title = seen.title(row);
        }
        if !fits(&task) {
            return;
        }
        self.count += 1;
        self.late += usize::from(task.late);
        if after.is_some_and(|after| place(row) <= *after) {
            return;
        }
        if self.shown.len() < most {
            if !seen.by_title {
                task.title = seen.title(row);
            }
            self.shown.push(OfCase { case: seen.case(row), task });
            self.last = Some(place(row));
        } else if let Some((presses, opened, id)) = self.last.take() {
            self.next = Some(format!("{presses}.{opened}.{id}"));
        }
    }
}
