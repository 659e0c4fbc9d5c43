//! Clocks of an open run that goes on under another text: rungs are found again by what they are.

use super::Deciding;
use super::clock::{Ahead, ClockWhy, WHOLE};
use super::event::{Fact, Mapping};
use super::state::{ItemState, Run};
use crate::id::{Item, StepNo};
use crate::plan::{Rung, Step, Workflow};

/// The rungs of a step that both texts have, old and new. A rung is known by its time and what it does; one of which only the
/// one was changed, by its time.
fn same_rungs(was: &Step, is: &Step) -> Vec<(u16, u16)> {
    let mut pairs: Vec<(u16, u16)> = vec![];
    let whole = |rung: &Rung| format!("{:?} {:?} {}", rung.at, rung.does, rung.reminds);
    let time = |rung: &Rung| format!("{:?} {}", rung.at, rung.reminds);
    for known in [&whole as &dyn Fn(&Rung) -> String, &time] {
        for (old, rung) in (0..).zip(was.rungs()) {
            let free = |new: u16| !pairs.iter().any(|(_, taken)| *taken == new);
            let fits = |(new, other): &(u16, &Rung)| free(*new) && known(other) == known(rung);
            if pairs.iter().all(|(taken, _)| *taken != old)
                && let Some((new, _)) = (0..).zip(is.rungs()).find(fits)
            {
                pairs.push((old, new));
            }
        }
    }
    pairs.sort_unstable();
    pairs
}

/// Whether a step's rungs stand where they stood.
fn rungs_stay(was: &Step, is: &Step) -> bool {
    let pairs = same_rungs(was, is);
    let exact = |rung: &Rung| format!("{:?} {:?}", rung.at, rung.does);
    pairs.len() == was.rungs().len()
        && pairs.len() == is.rungs().len()
        && pairs.iter().all(|(old, new)| old == new)
        && was.rungs().iter().zip(is.rungs()).all(|(was, is)| exact(was) == exact(is))
}

/// Of each step of the new text the rungs that it had, under their old and new numbers.
pub(super) fn rungs_of(
    from: &Workflow,
    to: &Workflow,
    steps: &[Option<StepNo>],
) -> Vec<(StepNo, Vec<(u16, u16)>)> {
    let known = to.numbers().filter_map(|no| Some((no, steps.get(no.index()).copied().flatten()?)));
    let all = known.chain([(StepNo::WHOLE, StepNo::WHOLE)]);
    let rungs = all.filter_map(|(new, old)| {
        let (was, is) = (from.step(old), to.step(new));
        (!rungs_stay(was, is)).then(|| (new, same_rungs(was, is)))
    });
    rungs.collect()
}

fn rename(state: &mut ItemState, pairs: &[(u16, u16)]) {
    let Some(clock) = state.clock.as_mut().map(std::sync::Arc::make_mut) else { return };
    let new = |old: u16| pairs.iter().find(|(was, _)| *was == old).map(|(_, is)| *is);
    clock.fired = clock.fired.iter().filter_map(|rung| new(*rung)).collect();
    let ahead = clock.ahead.iter().filter_map(|ahead| Some(Ahead { rung: new(ahead.rung)?, ..*ahead }));
    clock.ahead = ahead.collect();
}

impl Run {
    /// What fired, and what is ahead, goes by the numbers of the new text.
    pub(super) fn rename_rungs(&mut self, mapping: &Mapping) {
        for (step, pairs) in &mapping.rungs {
            let standing: Vec<Item> = self.standing_items().map(|(of, _)| of).collect();
            for of in standing.into_iter().filter(|of| of.step == *step && !of.is_beside()) {
                if let Some(state) = self.item_mut(of) {
                    rename(state, pairs);
                }
            }
        }
    }
}

impl Deciding<'_> {
    /// Where the rungs of an open item are others now, the times of all of them are worked out again. Its due time stays, under
    /// a number of its own: a key that an old rung had must not be that of another.
    pub(super) fn clocks_follow(&mut self, from: &Workflow) {
        let standing: Vec<Item> =
            self.run.standing_items().filter(|(_, state)| state.has_time()).map(|(of, _)| of).collect();
        for item in standing.into_iter().filter(|of| !of.is_beside()) {
            let is = self.text.step(item.step);
            let called = |no: &StepNo| from.dotted(*no) == self.text.dotted(item.step);
            let was = if item == WHOLE { Some(StepNo::WHOLE) } else { from.numbers().find(called) };
            let was = was.map(|no| from.step(no));
            if was.is_none_or(|was| rungs_stay(was, is)) {
                continue;
            }
            let Some(clock) = self.run.item(item).and_then(|state| state.clock.clone()) else { continue };
            // What cannot be worked out leaves what was mapped.
            if let Ok(set) = self.clock_with_due(item, &clock, clock.parts.clone(), ClockWhy::Migrated) {
                self.did(Fact::Clock { at: item, set: Box::new(set) });
            }
        }
    }
}
