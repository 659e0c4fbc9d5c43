//! Items that wait alike: of a fan-out of forty one sentence says all, with the one that is due first.

use std::collections::BTreeMap;

use yizhan_workflow::id::{Item, Millis, StepNo};
use yizhan_workflow::run::event::Standing;
use yizhan_workflow::run::names::item_word;
use yizhan_workflow::run::state::{At, ItemState};

use super::Reader;
use crate::house::Language;

/// So many of a kind are still told one by one.
const APART: usize = 3;

/// What makes items wait alike: the step and what is done beside it, how they stand, and for whom.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Alike<'r> {
    step: StepNo,
    undo: bool,
    rung: Option<u16>,
    word: &'static str,
    who: Vec<&'r str>,
}

fn alike<'r>(of: Item, state: &'r ItemState) -> Alike<'r> {
    let who = match (&state.at, &state.claimed) {
        (_, Some(one)) => vec!["claimed", &**one],
        (At::Is(Standing::Asked { task, .. }), None) => task.who.iter().map(|one| &**one).collect(),
        (At::Is(_) | At::Over(_), None) => vec![],
    };
    Alike { step: of.step, undo: of.undo, rung: of.rung.map(|rung| rung.1), word: item_word(state), who }
}

impl Reader<'_> {
    /// One sentence for each that stands alone, one for all that wait alike, in the order of the first of each.
    pub(super) fn waiting<'r>(&self, items: impl Iterator<Item = (Item, &'r ItemState)>) -> Vec<String> {
        let mut places: BTreeMap<Alike<'r>, usize> = BTreeMap::new();
        let mut groups: Vec<Vec<(Item, &'r ItemState)>> = Vec::new();
        for (of, state) in items {
            let place = *places.entry(alike(of, state)).or_insert(groups.len());
            match groups.get_mut(place) {
                Some(group) => group.push((of, state)),
                None => groups.push(vec![(of, state)]),
            }
        }
        groups.into_iter().flat_map(|group| self.group(group)).collect()
    }

    fn group(&self, mut group: Vec<(Item, &ItemState)>) -> Vec<String> {
        if group.len() <= APART {
            return group.into_iter().map(|(of, state)| self.item(of, state)).collect();
        }
        // Stable: of those without a due time the first one stands for the others.
        group.sort_by_key(|(_, state)| state.due.unwrap_or(Millis(i64::MAX)));
        let all = group.len();
        let Some((of, state)) = group.first().copied() else { return vec![] };
        let (first, step) = (self.item(of, state), self.step(of.step));
        vec![match state.due {
            Some(_) => say!(
                self,
                "步骤“{step}”有 {all} 项同样在等,最早的一项:{first}",
                "Of step `{step}` {all} items wait alike; the first that is due: {first}"
            ),
            None => say!(
                self,
                "步骤“{step}”有 {all} 项同样在等,其中一项:{first}",
                "Of step `{step}` {all} items wait alike; one of them: {first}"
            ),
        }]
    }
}
