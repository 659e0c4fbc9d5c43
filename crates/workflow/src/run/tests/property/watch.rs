//! Watches a run from outside and objects as soon as something is not as it must always be.
#![expect(clippy::wildcard_enum_match_arm, reason = "it watches some facts and not the others")]

use std::collections::{BTreeMap, BTreeSet};

use super::super::super::clock::WHOLE;
use super::super::super::event::{AttemptResult, EndState, Event, Fact, Happened, ItemEnd, Standing};
use super::super::super::state::{At, Phase, Run, ScopeState, Want};
use super::super::super::{Command, Decision, Line, RULES};
use super::by_item;
use crate::id::{Attempt, Item, ScopeNo, StepAt, StepNo};
use crate::plan::{Effect, Goes, OnError, Section, Workflow};

#[derive(Default)]
pub(super) struct Watch {
    /// The run as its journal tells it.
    replayed: Option<Run>,
    /// Keys that were done.
    done: BTreeSet<Item>,
    /// Attempts that were handed out, and children.
    issued: BTreeSet<Attempt>,
    /// `once` keys of which nobody knows whether they happened.
    unclear: BTreeSet<Item>,
    /// Attempts that were given a place.
    granted: BTreeSet<Attempt>,
    /// The run has the place that its file says it needs.
    has_begun: bool,
    /// Attempts that went out.
    begun: BTreeSet<Attempt>,
    /// What is done and can be taken back, in the order of doing.
    undoable: Vec<Item>,
    undoing: BTreeSet<Item>,
    undone: BTreeSet<Item>,
    left: BTreeSet<Item>,
    scopes: BTreeMap<ScopeNo, ScopeWatch>,
    sent: BTreeMap<Item, String>,
    moved: bool,
    /// Rungs that fired, each for one due time of one opening.
    fired: BTreeSet<(Item, u16, u16, u32)>,
}

/// What is known of a run or of a scope in it.
#[derive(Default)]
struct ScopeWatch {
    holder: Option<Item>,
    cover: BTreeSet<StepNo>,
    /// How it closes, if it does; withdrawn, it takes nothing back itself.
    closing_well: Option<bool>,
    withdrawn: bool,
    over: bool,
    ended: BTreeSet<u32>,
    /// How often it was opened again.
    reopened: u32,
}

impl Watch {
    pub(super) fn new() -> Self {
        Self { scopes: BTreeMap::from([(ScopeNo::RUN, ScopeWatch::default())]), ..Self::default() }
    }

    fn scope(&mut self, no: ScopeNo) -> &mut ScopeWatch {
        self.scopes.get_mut(&no).expect("nothing happens in a scope that never opened")
    }

    /// The scope of an item, then the one around it, up to the run.
    fn around(&self, item: Item) -> impl Iterator<Item = ScopeNo> {
        std::iter::successors(Some(item.scope), |no| self.scopes[no].holder.map(|holder| holder.scope))
    }

    fn lies_in(&self, item: Item, scope: ScopeNo) -> bool {
        self.around(item).any(|no| no == scope)
    }

    /// The step of `scope` in which the item lies.
    fn step_within(&self, item: Item, scope: ScopeNo) -> Option<StepNo> {
        let items = std::iter::successors(Some(item), |item| self.scopes[&item.scope].holder);
        items.into_iter().find(|item| item.scope == scope).map(|item| item.step)
    }

    /// Who takes an item back: the innermost scope around it that is not over.
    fn taker(&self, item: Item) -> ScopeNo {
        self.around(item).find(|no| !self.scopes[no].over).expect("somebody takes it back")
    }

    pub(super) fn issued(&self) -> impl Iterator<Item = &Attempt> {
        self.issued.iter()
    }

    /// Taken back, or left as it is; also as part of a holding step with an undo of its own.
    pub(super) fn is_undone(&self, text: &Workflow, item: Item) -> bool {
        let holders =
            std::iter::successors(self.scopes[&item.scope].holder, |of| self.scopes[&of.scope].holder);
        let whole = holders.into_iter().filter(|holder| text.step(holder.step).undo.is_some());
        std::iter::once(item).chain(whole).any(|of| self.undone.contains(&of) || self.left.contains(&of))
    }

    /// The clock spoke since this was last asked, so what was wanted may have gone.
    pub(super) fn moved(&mut self) -> bool {
        std::mem::take(&mut self.moved)
    }

    pub(super) fn decided(
        &mut self,
        run: &Run,
        text: &Workflow,
        decision: &Decision,
        wanted: &BTreeMap<Item, Want>,
    ) {
        self.moved |= matches!(decision.event, Event::Woke {});
        self.event(&decision.event);
        for fact in &decision.did {
            self.fact(text, fact);
        }
        self.replay(run, decision);
        self.commands(run, decision, wanted);
        self.state(run, text);
    }

    fn event(&mut self, event: &Event) {
        match event {
            Event::Ended { of, result, .. } => {
                let unclear = match result {
                    AttemptResult::Done { .. } => false,
                    AttemptResult::Failed(failure) => failure.happened != Happened::No,
                    AttemptResult::Lost { .. } => true,
                };
                if unclear && self.begun.contains(of) {
                    self.unclear.insert(of.item);
                }
            }
            Event::Settled { of, .. } => {
                self.unclear.remove(&of.item);
            }
            Event::SlotGranted { of } => {
                self.granted.insert(*of);
            }
            Event::Begun { of } => {
                self.begun.insert(*of);
            }
            _ => {}
        }
    }

    fn fact(&mut self, text: &Workflow, fact: &Fact) {
        match fact {
            Fact::Entered { at, state } => self.entered(text, *at, state),
            Fact::Over { at, end: ItemEnd::Done, outcome, .. } => {
                // Of several signatures the one that settles the step stands for it.
                let counts = !at.is_beside() && text.step(at.step).approve().is_some() && outcome.is_none();
                assert!(self.done.insert(*at), "{at:?} is done twice");
                self.unclear.remove(at);
                if at.undo {
                    self.taken_back(at.main());
                    self.undone.insert(at.main());
                } else if !at.is_beside() && !counts && text.step(at.step).undo.is_some() {
                    self.can_be_taken_back(*at);
                }
            }
            // The owner would not have what was done: it failed, and can be taken back.
            Fact::Over { at, undo: true, .. } => self.can_be_taken_back(*at),
            Fact::Left { at } if at.rung.is_some() => {}
            Fact::Left { at } => {
                self.taken_back(at.main());
                self.left.insert(at.main());
            }
            Fact::Rung { at, n, rung, nth, .. } => {
                assert!(self.fired.insert((*at, *n, *rung, *nth)), "{at:?} has a rung that fires twice");
            }
            Fact::GoingBack { scope, cover, .. } => self.scope(*scope).cover.extend(cover),
            Fact::Round { scope, .. } => self.scope(*scope).cover.clear(),
            Fact::Closing { scope, ending, withdrawn, .. } => {
                let of = self.scope(*scope);
                assert_eq!(of.closing_well, None, "a scope closes twice");
                of.closing_well = Some(matches!(ending, crate::plan::Ending::Done { .. }));
                of.withdrawn = *withdrawn;
            }
            Fact::Ended { scope, state, .. } => {
                let of = self.scope(*scope);
                assert!(of.ended.insert(of.reopened), "a scope ends twice");
                of.over = true;
                if *state != EndState::Done && !of.withdrawn {
                    let stands = self.undoable.iter().find(|item| self.lies_in(**item, *scope));
                    assert_eq!(stands, None, "something stands that can be taken back");
                }
            }
            Fact::Reopened { scope, opening, .. } => {
                let of = self.scope(*scope);
                of.reopened += 1;
                assert_eq!(*opening, of.reopened + 1);
                (of.closing_well, of.withdrawn, of.over) = (None, false, false);
                self.has_begun &= !scope.is_run();
            }
            _ => {}
        }
    }

    /// A holding step with an undo of its own stands for all that was done in it.
    fn can_be_taken_back(&mut self, item: Item) {
        let own = self.scopes.iter().find(|(_, scope)| scope.holder == Some(item)).map(|(no, _)| *no);
        if let Some(own) = own {
            let inside: Vec<Item> =
                self.undoable.iter().copied().filter(|of| self.lies_in(*of, own)).collect();
            self.undoable.retain(|of| !inside.contains(of));
        }
        self.undoable.push(item);
    }

    fn taken_back(&mut self, main: Item) {
        self.undoable.retain(|item| *item != main);
        self.undoing.remove(&main);
    }

    fn run_entered(&mut self, state: &Standing) {
        self.has_begun = matches!(state, Standing::Holding { .. });
        let of = state.attempt().map(|attempt| Attempt { item: WHOLE, attempt });
        assert!(!self.has_begun || of.is_some_and(|of| self.granted.contains(&of)), "begins without a place");
    }

    fn entered(&mut self, text: &Workflow, item: Item, state: &Standing) {
        if item == WHOLE {
            return self.run_entered(state);
        }
        if let Standing::Holding { scope, .. } = state {
            let known = self.scopes.entry(*scope).or_default();
            assert!(known.holder.is_none_or(|holder| holder == item), "two items are one scope");
            known.holder = Some(item);
        }
        let begins = matches!(
            state,
            Standing::Running { .. }
                | Standing::Child { .. }
                | Standing::Asked { .. }
                | Standing::Sleeping { .. }
                | Standing::Holding { .. }
                | Standing::Listening { .. }
        );
        let has = std::iter::successors(self.scopes[&item.scope].holder, |of| self.scopes[&of.scope].holder)
            .any(|holder| text.step(holder.step).limit.is_some());
        let in_place = text.whole.limit.is_some() && self.has_begun;
        if begins && text.step(item.step).section == Section::Main && text.whole.limit.is_some() {
            assert!(in_place, "{item:?} begins before the run has its place");
        }
        let has = has || in_place;
        if begins && text.step(item.step).limit.is_some() && !item.is_beside() && !has {
            let attempt = state.attempt().unwrap();
            assert!(self.granted.contains(&Attempt { item, attempt }), "{item:?} begins without a place");
        }
        if begins {
            assert!(!self.done.contains(&item), "{item:?} begins again though it is done");
        }
        if let Standing::Running { a, begun, first } = state {
            assert!(
                !self.unclear.contains(&item) || !uses(text, item, "once"),
                "{item:?} begins again unasked",
            );
            if let Some(first) = first {
                let sent = self.sent.entry(item).or_insert_with(|| first.with.get().to_owned());
                assert_eq!(sent, first.with.get(), "two attempts of one key send different things");
            }
            if *begun {
                self.begun.insert(Attempt { item, attempt: *a });
            }
        }
        let main = item.main();
        if item.undo && !self.undoing.contains(&main) {
            let taker = self.taker(main);
            let beside = self.undoing.iter().find(|other| self.taker(**other) == taker);
            assert_eq!(beside, None, "{item:?} begins beside another undo");
            let scope = &self.scopes[&taker];
            let may = |done: &&Item| {
                let Some(within) = self.step_within(**done, taker) else { return false };
                let keep = text.step(done.step).undo.as_ref().is_some_and(|undo| undo.keep);
                scope.closing_well == Some(false) && !scope.withdrawn
                    || scope.cover.contains(&within) && !keep
            };
            assert_eq!(self.undoable.iter().rev().find(may), Some(&main), "undone out of order");
            self.undoing.insert(main);
        }
    }

    fn replay(&mut self, run: &Run, decision: &Decision) {
        let line = Line { rules: RULES, world: 1, event: decision.event.clone(), did: decision.did.clone() };
        let line: Line = serde_json::from_str(&serde_json::to_string(&line).unwrap()).unwrap();
        self.replayed = line.fold_into(self.replayed.take(), run.id, decision.at);
        assert_eq!(self.replayed.as_ref(), Some(run), "replaying the journal gives another run");
        let mut stored: Run = serde_json::from_str(&serde_json::to_string(run).unwrap()).unwrap();
        stored.derive();
        assert_eq!(&stored, run, "a snapshot reads back as another run");
    }

    /// The commands are the difference of what was and is wanted, and nothing is stopped that never went out.
    fn commands(&mut self, run: &Run, decision: &Decision, wanted: &BTreeMap<Item, Want>) {
        let wants = by_item(run);
        let mut expected = vec![];
        for item in wanted.keys().chain(wants.keys()).collect::<BTreeSet<_>>() {
            let (before, after) = (wanted.get(item), wants.get(item));
            if before == after {
                continue;
            }
            let of = |attempt| Attempt { item: *item, attempt };
            match before {
                Some(Want::Task { a, .. }) => expected.push(Command::CloseTask { of: of(*a) }),
                Some(Want::Listen { a }) => expected.push(Command::StopListening { of: of(*a) }),
                _ => {}
            }
            expected.extend(match after {
                Some(Want::Attempt { a, begun }) => Some(Command::Start { of: of(*a), begun: *begun }),
                Some(Want::Stop { a }) => Some(Command::Stop { of: of(*a) }),
                Some(Want::Task { a, kind }) => Some(Command::OpenTask { of: of(*a), kind: *kind }),
                Some(Want::Child { a, child }) => Some(Command::StartChild { of: of(*a), child: *child }),
                Some(Want::StopChild { a, child }) => Some(Command::StopChild { of: of(*a), child: *child }),
                Some(Want::Slot { a }) => Some(Command::AskSlot { of: of(*a) }),
                Some(Want::Listen { a }) => Some(Command::Listen { of: of(*a) }),
                Some(Want::Nothing | Want::Time) | None => None,
            });
        }
        let sorted = |commands: &[Command]| {
            let mut shown: Vec<String> = commands.iter().map(|command| format!("{command:?}")).collect();
            shown.sort();
            shown
        };
        assert_eq!(sorted(&decision.commands), sorted(&expected), "commands are not the difference");
        for command in &decision.commands {
            match command {
                Command::Start { of, begun } => {
                    let new = self.issued.insert(*of);
                    assert!(new || *begun, "an attempt's number is used twice");
                }
                Command::StartChild { of, .. } => assert!(self.issued.insert(*of)),
                Command::Stop { of } | Command::StopChild { of, .. } => {
                    assert!(self.issued.contains(of), "stopped, but never started");
                }
                Command::OpenTask { .. }
                | Command::CloseTask { .. }
                | Command::AskSlot { .. }
                | Command::Listen { .. }
                | Command::StopListening { .. } => {}
            }
        }
    }

    fn state(&self, run: &Run, text: &Workflow) {
        assert!(run.is_accounted_for(), "the run waits for nothing");
        assert!(run.next_timer().is_none_or(|timer| timer.at > run.last), "a due timer is left behind");
        if let Phase::Over { .. } = run.top.phase {
            assert!(
                run.next_timer().is_none() && by_item(run).is_empty(),
                "a run that is over wants something"
            );
        }
        assert_eq!(run.undoable.iter().map(|done| done.of).collect::<Vec<_>>(), self.undoable);
        for no in std::iter::once(ScopeNo::RUN).chain(run.inner.keys().copied()) {
            self.items(run, text, no);
            let scope = run.scope(no).unwrap();
            Self::ways(text, scope);
        }
    }

    fn ways(text: &Workflow, scope: &ScopeState) {
        for step in &text.steps {
            let on = step.on.iter().filter_map(|on| match &on.goes {
                Goes::Back(back) => Some(back),
                Goes::End(_) => None,
            });
            let on_error = match &step.on_error {
                OnError::BackTo(back) => Some(back),
                OnError::Fail | OnError::Continue | OnError::Ask => None,
            };
            for back in on.chain(on_error) {
                let taken = scope.ways.get(&back.way).copied().unwrap_or(0);
                assert!(back.most.is_none_or(|most| taken <= most), "a way back was taken too often");
            }
        }
    }

    fn items(&self, run: &Run, text: &Workflow, scope: ScopeNo) {
        let of = run.scope(scope).unwrap();
        let holder = of.holder.map(|holder| holder.step);
        for no in text.numbers().filter(|no| text.step(*no).holder == holder) {
            let (step, state) = (text.step(no), run.step(StepAt { step: no, scope }));
            let open = state.items.iter().filter(|item| !item.is_over());
            let begun = open.filter(|item| item.at != At::default()).count();
            if let Some(at_once) = step.each.as_ref().and_then(|each| each.at_once) {
                assert!(begun <= at_once as usize, "more items at once than allowed");
            }
            if begun > 0 {
                let is_over = |step: &StepNo| run.step(StepAt { step: *step, scope }).is_over();
                let may = if step.first_is_enough {
                    step.needs.is_empty() || step.needs.iter().any(is_over)
                } else {
                    step.needs.iter().all(is_over)
                };
                assert!(may, "`{}` runs though what it needs is not over", step.id);
            }
            let over = state.items.iter().filter(|item| item.is_over()).count();
            assert_eq!(over, state.over as usize, "the count of items that are over is wrong");
            if of.is_over() {
                assert_eq!(over, state.items.len(), "`{}` has open items in a run that is over", step.id);
                for item in &state.items {
                    let once = item.first.as_ref().is_some_and(|first| first.effect == Effect::Once);
                    let known = !item.doubt || !(once || step.undo.is_some());
                    assert!(known, "`{}` is in doubt at the end", step.id);
                }
            }
            let bad = matches!(&run.top.phase, Phase::Over { state, .. } if *state != EndState::Done);
            if bad && step.section == Section::OnFailure && self.scopes[&scope].closing_well == Some(false) {
                let ran = state.is_over();
                let failed = matches!(&run.top.phase, Phase::Over { state: EndState::Failed, .. });
                assert_eq!(ran, failed, "the closing section of a failure runs when a run fails");
            }
        }
    }
}

/// Whether the item calls this action of the test's plugin.
pub(super) fn uses(text: &Workflow, item: Item, wanted: &str) -> bool {
    let work = text.step(item.step).work_of(item);
    matches!(work, crate::plan::Work::Use { action, .. } if &*action.action == wanted)
}
