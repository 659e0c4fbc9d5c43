//! Once a day, or as the settings say: one mail for each person who has open tasks, those that are late first. Its slot
//! and its letters are one commit, so that a slot is told of once, whatever happens in between.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use yizhan_workflow::id::{Attempt, Item, Millis, RunId, ScopeNo, StepNo, TaskId};
use yizhan_workflow::run::World;
use yizhan_workflow::run::guess::{Guess, guess};
use yizhan_workflow::schedule;

use crate::handle::{ActError, Engine, Shared};
use crate::letter::{Asks, Letter, Line};
use crate::live;
use crate::store::{DIGEST, Note, Notice, StoreError, TaskFilter, TaskRow};

/// Tasks that one letter names; how many more there are it says.
const NAMED: usize = 100;
/// Tasks that are looked at. Whoever has more does not read them in a mail.
const LOOKED_AT: usize = 10_000;
const PAGE: usize = 500;
/// So often it is worked out anew when the next slot is: calendars change.
const LOOK_MS: i64 = 3_600_000;

/// Knows when to look again.
#[derive(Debug, Default)]
pub struct Digest {
    next: Option<Millis>,
}

impl Digest {
    /// Writes the letters of a slot that has come.
    pub async fn look(&mut self, engine: &Engine) {
        if let Err(error) = self.looked(engine).await {
            tracing::warn!(%error, "open tasks could not be told of; tried again");
        }
    }

    async fn looked(&mut self, engine: &Engine) -> Result<(), ActError> {
        let shared = &engine.shared;
        let (Some(schedule), Some(_)) = (&shared.config.digest, &shared.config.tell) else { return Ok(()) };
        let (world, now) = (shared.world(), shared.now());
        if self.next.is_some_and(|next| now < next) {
            return Ok(());
        }
        let Some(calendar) = world.calendars.named(None) else { return Ok(()) };
        let unreadable = |error: StoreError| ActError::Unreadable(error.to_string());
        let (workflow, trigger) = DIGEST;
        let Some(seen) = shared.reads.schedule_seen(workflow, trigger).map_err(unreadable)? else {
            // The first slot is the next one.
            return engine.note(Note::Digest { at: now, letters: vec![] }).await;
        };
        let decided = schedule::decide(schedule, calendar, seen, now);
        if decided.seen != seen {
            // Of several that passed while nobody looked the last one is told.
            let letters = match decided.fire.last() {
                Some(slot) => letters(shared, &world, slot.at, now).map_err(unreadable)?,
                None => vec![],
            };
            engine.note(Note::Digest { at: decided.seen, letters }).await?;
        }
        let again = now.plus(LOOK_MS);
        self.next = Some(decided.next.map_or(again, |next| next.min(again)));
        Ok(())
    }
}

/// One letter for each person who has something to do.
fn letters(shared: &Shared, world: &World, slot: Millis, now: Millis) -> Result<Vec<Notice>, StoreError> {
    let reads = &*shared.reads;
    let people = world.people_at(now);
    let mut each: BTreeMap<String, Vec<TaskRow>> = BTreeMap::new();
    let (mut cursor, mut looked_at) = (None, 0);
    while looked_at < LOOKED_AT {
        let page = reads.tasks(&TaskFilter::default(), cursor.as_deref(), PAGE)?;
        looked_at += page.rows.len();
        for row in page.rows {
            let who = row.claimed_by.as_ref().map_or_else(|| row.who.clone(), |by| vec![by.to_string()]);
            let mut told: Vec<String> =
                who.iter().flat_map(|who| people.told_each(who)).map(|(who, _)| who).collect();
            told.sort();
            told.dedup();
            // Somebody outside has the link of their own mail.
            let wants = |who: &String| who.starts_with("person:") && !world.people.wants_no_digest(who);
            for who in told.into_iter().filter(wants) {
                each.entry(who).or_default().push(row.clone());
            }
        }
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    let mut guesses: HashMap<TaskId, Option<Guess>> = HashMap::new();
    let mut guess = |task: &TaskRow| {
        guesses.entry(task.id.clone()).or_insert_with(|| guess_of(task, shared, world)).clone()
    };
    Ok(each.into_iter().map(|(who, tasks)| notice(&who, &tasks, &mut guess, (world, slot, now))).collect())
}

/// Whether its due time is a guess. Only what is due in a year that a calendar of the house does not know is opened for it.
fn guess_of(task: &TaskRow, shared: &Shared, world: &World) -> Option<Guess> {
    let year = |at: Millis| Some(at.timestamp()?.to_zoned(world.zone.clone()).year());
    let mut years = year(task.opened)?..=year(task.due?)?;
    if years.all(|year| world.calendars.all_know(year)) {
        return None;
    }
    let of: Attempt = serde_json::from_str(&task.of).ok()?;
    let loaded = live::load(task.run, &*shared.reads).ok()?;
    let text = shared.library.text(loaded.run.text(), &*shared.reads).ok()?;
    guess(&text, world, of.item, loaded.run.item(of.item)?)
}

/// `tasks`: what presses first.
fn notice(
    who: &str,
    tasks: &[TaskRow],
    guess: &mut dyn FnMut(&TaskRow) -> Option<Guess>,
    (world, slot, now): (&World, Millis, Millis),
) -> Notice {
    let mut line = |task: &TaskRow| Line {
        task: task.id.clone(),
        title: task.title.clone(),
        due: task.due.and_then(|due| crate::change::local(due, world)),
        late: task.is_late(now),
        guess: guess(task),
    };
    let key = format!("digest/{}/{who}", slot.0);
    let task = TaskId::of(&key, 0);
    let item = Item { step: StepNo(0), scope: ScopeNo::RUN, round: 1, item: 0, undo: false, rung: None };
    let letter = Letter {
        // It is of no run.
        run: RunId::from_number(0),
        workflow: "".into(),
        title: "".into(),
        key: None,
        which: None,
        step: "".into(),
        of: Attempt { item, attempt: 0 },
        task: task.clone(),
        who: vec![who.to_owned()],
        asks: Asks::Digest,
        known: None,
        due: None,
        guess: None,
        asked: None,
        passed: None,
        offers: vec![],
        chat: None,
        aloud: None,
        for_whom: BTreeSet::new(),
        alone: false,
        more: tasks.len().saturating_sub(NAMED),
        lines: tasks.iter().take(NAMED).map(&mut line).collect(),
    };
    let letter = serde_json::to_vec(&letter).unwrap_or_default();
    Notice { key: Arc::from(key), task, at: now, letter: letter.into() }
}
