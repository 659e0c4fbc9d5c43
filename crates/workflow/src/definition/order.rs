//! Works out in which order steps come: what each needs, what is before it and what after.

use std::ops::Range;

use super::section::Section;
use super::step::Draft;
use crate::id::StepNo;
use crate::problem::{Place, Problem, nearest};

/// For every step what it needs, and all that is before it.
pub(super) struct Order {
    pub(super) needs: Vec<Vec<StepNo>>,
    before: Vec<Set>,
}

/// A set of steps, a bit for each.
#[derive(Clone)]
struct Set(Vec<u64>);

impl Set {
    fn empty(count: usize) -> Self {
        Self(vec![0; count.div_ceil(64)])
    }

    fn insert(&mut self, at: usize) {
        self.0[at / 64] |= 1 << (at % 64);
    }

    fn has(&self, at: usize) -> bool {
        self.0[at / 64] & (1 << (at % 64)) != 0
    }

    fn join(&mut self, other: &Self) {
        for (own, other) in self.0.iter_mut().zip(&other.0) {
            *own |= other;
        }
    }
}

impl Order {
    pub(super) fn before(&self, step: StepNo) -> Vec<StepNo> {
        self.numbers(|at| self.before[step.index()].has(at))
    }

    pub(super) fn after(&self, step: StepNo) -> Vec<StepNo> {
        self.numbers(|at| self.before[at].has(step.index()))
    }

    /// Those that name it in their needs.
    pub(super) fn needed_by(&self, step: StepNo) -> Vec<StepNo> {
        self.numbers(|at| self.needs[at].contains(&step))
    }

    pub(super) fn is_before(&self, one: StepNo, other: StepNo) -> bool {
        self.before[other.index()].has(one.index())
    }

    fn numbers(&self, wanted: impl Fn(usize) -> bool) -> Vec<StepNo> {
        (0..self.before.len()).filter(|at| wanted(*at)).map(number).collect()
    }
}

pub(super) fn number(at: usize) -> StepNo {
    StepNo(u16::try_from(at).unwrap_or(u16::MAX))
}

pub(super) fn order(root: &Section<'_, '_>, drafts: &[Draft<'_, '_>]) -> Order {
    let mut needs = Vec::with_capacity(drafts.len());
    for (at, draft) in drafts.iter().enumerate() {
        let above = drafts[..at].iter().rposition(|other| together(other, draft));
        needs.push(match &draft.needs {
            None => above.map(number).into_iter().collect(),
            Some(named) => {
                let mut needs: Vec<StepNo> = Vec::new();
                for (name, span) in named {
                    if let Some(found) = find(root, drafts, draft, name, span)
                        && !needs.contains(&found)
                    {
                        needs.push(found);
                    }
                }
                needs
            }
        });
    }
    if let Some(cycle) = cycle(&needs) {
        say_cycle(root, drafts, &cycle);
        root.reader.lost.borrow_mut().order = true;
        // Without the arrow that closes the circle the rest can still be checked.
        needs.iter_mut().for_each(Vec::clear);
    }
    let before = reach(&needs);
    let order = Order { needs, before };
    side_branches(root, drafts, &order);
    order
}

/// Steps of one section that the same step holds, or none: only these can wait for each other.
fn together(one: &Draft<'_, '_>, other: &Draft<'_, '_>) -> bool {
    one.section == other.section && one.holder == other.holder
}

/// The step of that name in the same section.
pub(super) fn find(
    root: &Section<'_, '_>,
    drafts: &[Draft<'_, '_>],
    draft: &Draft<'_, '_>,
    name: &str,
    span: &Range<usize>,
) -> Option<StepNo> {
    let found = drafts.iter().position(|other| other.id == name);
    if found.is_none_or(|at| !together(&drafts[at], draft)) {
        // Which steps stand beside each other cannot be said without it.
        root.reader.lost.borrow_mut().order = true;
    }
    match found {
        Some(at) if together(&drafts[at], draft) => Some(number(at)),
        Some(at) => {
            let code = if drafts[at].section == draft.section { "YZ0139" } else { "YZ0135" };
            let problem = root.error(code, span.clone()).name("step", name).name("where", draft.own.name());
            let holder = drafts[at].holder.map_or("", |holder| drafts[holder].id);
            root.say(problem.name("holder", holder).cause(Place::at(drafts[at].span.clone())));
            None
        }
        None => {
            let known = drafts.iter().filter(|other| together(other, draft)).map(|other| other.id);
            let problem =
                root.error("YZ0122", span.clone()).name("step", name).name("where", draft.own.name());
            root.say(problem.near(nearest(name, known)));
            None
        }
    }
}

/// All that is before each step. The needs have no circle.
fn reach(needs: &[Vec<StepNo>]) -> Vec<Set> {
    let mut before: Vec<Option<Set>> = vec![None; needs.len()];
    for start in 0..needs.len() {
        // A stack of our own: a chain of 1,000 steps must not need 1,000 frames.
        let mut stack = vec![start];
        while let Some(&at) = stack.last() {
            if before[at].is_some() {
                stack.pop();
                continue;
            }
            let open: Vec<usize> =
                needs[at].iter().map(|need| need.index()).filter(|need| before[*need].is_none()).collect();
            if !open.is_empty() {
                stack.extend(open);
                continue;
            }
            let mut set = Set::empty(needs.len());
            for need in &needs[at] {
                set.insert(need.index());
                if let Some(earlier) = &before[need.index()] {
                    set.join(earlier);
                }
            }
            before[at] = Some(set);
            stack.pop();
        }
    }
    before.into_iter().map(|set| set.unwrap_or_else(|| Set::empty(needs.len()))).collect()
}

/// Steps that wait for each other, if there are such.
fn cycle(needs: &[Vec<StepNo>]) -> Option<Vec<usize>> {
    // Takes away what needs nothing that is left; what remains waits for itself.
    let mut left: Vec<usize> = needs.iter().map(Vec::len).collect();
    let mut ready: Vec<usize> = (0..needs.len()).filter(|at| left[*at] == 0).collect();
    let mut dependents: Vec<Vec<usize>> = vec![Vec::new(); needs.len()];
    for (at, all) in needs.iter().enumerate() {
        for need in all {
            dependents[need.index()].push(at);
        }
    }
    let mut gone = vec![false; needs.len()];
    while let Some(at) = ready.pop() {
        gone[at] = true;
        for dependent in &dependents[at] {
            left[*dependent] -= 1;
            if left[*dependent] == 0 {
                ready.push(*dependent);
            }
        }
    }
    let start = gone.iter().position(|gone| !gone)?;
    let mut path = vec![start];
    loop {
        let at = *path.last()?;
        let next = needs[at].iter().map(|need| need.index()).find(|need| !gone[*need])?;
        if let Some(from) = path.iter().position(|seen| *seen == next) {
            return Some(path.split_off(from));
        }
        path.push(next);
    }
}

fn say_cycle(root: &Section<'_, '_>, drafts: &[Draft<'_, '_>], cycle: &[usize]) {
    let mut arrows: Vec<&str> = cycle.iter().map(|at| drafts[*at].id).collect();
    arrows.push(drafts[cycle[0]].id);
    let place = |at: &usize| {
        let draft = &drafts[*at];
        let span = if draft.own.has("needs") { draft.own.key_span("needs") } else { draft.span.clone() };
        Place::at(span)
    };
    let first = cycle.iter().find(|at| drafts[**at].own.has("needs")).unwrap_or(&cycle[0]);
    let mut problem = Problem::error("YZ0123", place(first)).name("arrows", arrows.join(" → "));
    if cycle.len() == 1 {
        problem = problem.case("own").name("step", drafts[cycle[0]].id);
    }
    for at in cycle.iter().filter(|at| *at != first) {
        problem = problem.cause(place(at));
    }
    root.say(problem);
}

/// After a step that stands beside the one above it, nobody can guess what the next one needs.
fn side_branches(root: &Section<'_, '_>, drafts: &[Draft<'_, '_>], order: &Order) {
    for (at, draft) in drafts.iter().enumerate().filter(|(_, draft)| draft.needs.is_none()) {
        let mut above = drafts[..at].iter().enumerate().rev().filter(|(_, other)| together(other, draft));
        let (Some((branch, beside)), Some((main, other))) = (above.next(), above.next()) else { continue };
        if beside.needs.is_some() && !order.is_before(number(main), number(branch)) {
            let problem =
                root.error("YZ0124", draft.span.clone()).name("step", draft.id).name("branch", beside.id);
            let problem = problem.name("other", other.id);
            root.reader.lost.borrow_mut().order = true;
            root.say(problem.cause(Place::at(beside.own.key_span("needs"))));
        }
    }
}
