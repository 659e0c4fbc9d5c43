//! A text in the list of runs: the words that the store is asked for, and whether what it found them in may be seen.

use std::collections::BTreeMap;

use yizhan_engine::library::Entry;
use yizhan_engine::store::{RunRow, TaskFilter, Word};
use yizhan_workflow::run::sight::Viewer;

use crate::api::{Words, in_a_list, keeps_to_itself};
use crate::desk::Desk;

/// Open tasks of a run whose titles are looked at.
const TITLES: usize = 200;

/// What white space parts. The store knows the names of workflows, not their titles.
pub(super) fn words(text: &str, library: &BTreeMap<String, Entry>) -> Vec<Word> {
    let word = |text: &str| {
        let has = |title: &str| folded(title).contains(&folded(text));
        let titled =
            library.iter().filter(|(_, entry)| entry.workflow.as_ref().is_some_and(|w| has(&w.title)));
        Word { text: text.to_owned(), workflows: titled.map(|(name, _)| name.clone()).collect() }
    };
    text.split_whitespace().map(word).collect()
}

/// As the store compares.
fn folded(text: &str) -> String {
    text.chars().flat_map(char::to_lowercase).collect()
}

/// Whether the words are found in what this reader may see of the run. Where its text keeps nothing from anybody they are;
/// else they must be in what is shown of it now, which is its key and the titles of its open tasks.
pub(super) fn is_told(
    desk: &Desk,
    (row, words): (&RunRow, &[Word]),
    key: Option<&str>,
    viewer: Viewer<'_>,
) -> bool {
    if words.is_empty() || !keeps_to_itself(desk, row, viewer) {
        return true;
    }
    let beside = format!("{}\n{}", row.workflow, folded(key.unwrap_or_default()));
    let all_in = |title: &str| {
        words.iter().all(|word| {
            let text = folded(&word.text);
            let titled = word.workflows.iter().any(|name| **name == *row.workflow);
            titled || beside.contains(&text) || folded(title).contains(&text)
        })
    };
    let filter = TaskFilter { run: Some(row.id), ..TaskFilter::default() };
    let tasks = || desk.reads().tasks(&filter, None, TITLES).map(|page| page.rows).unwrap_or_default();
    all_in("")
        || tasks().iter().any(|task| all_in(&in_a_list(desk, row.id, viewer, Words::Title(&task.title))))
}
