//! Watches a run from outside and objects as soon as something is not as it must always be.
#![expect(clippy::wildcard_enum_match_arm, reason = "it watches some facts and not the others")]

use std::collections::{BTreeMap, BTreeSet};

use super::super::super::event::{AttemptResult, EndState, Event, Fact, Happened, ItemEnd, Standing};
use super::super::super::state::{At, Phase, Run, Want};
use super::super::super::{Command, Decision, Line, RULES};
use super::{by_item, key};
use crate::id::{Attempt, Item, RunId, StepNo};
use crate::plan::{Effect, Goes, OnError, Section, Workflow};

pub(super) struct Watch {
    id: RunId,
    /// The run as its journal tells it.
    replayed: Option<Run>,
    /// Keys that were done.
    done: BTreeSet<Item>,
    /// Attempts that were handed out, and children.
    issued: BTreeSet<Attempt>,
    /// `once` keys of which nobody knows whether they happened.
    unclear: BTreeSet<Item>,
    /// Attempts that went out.
    begun: BTreeSet<Attempt>,
    /// What is done and can be taken back, in the order of doing.
    undoable: Vec<Item>,
    undoing: Option<Item>,
    undone: BTreeSet<Item>,
    left: BTreeSet<Item>,
    cover: BTreeSet<StepNo>,
    /// How the run closes, if it does.
    closing_well: Option<bool>,
    ended: BTreeSet<u32>,
    opening: u32,
    sent: BTreeMap<Item, String>,
    moved: bool,
}

impl Watch {
    pub(super) fn new(id: RunId) -> Self {
        Self {
            id,
            replayed: None,
            done: BTreeSet::new(),
            issued: BTreeSet::new(),
            unclear: BTreeSet::new(),
            begun: BTreeSet::new(),
            undoable: vec![],
            undoing: None,
            undone: BTreeSet::new(),
            left: BTreeSet::new(),
            cover: BTreeSet::new(),
            closing_well: None,
            ended: BTreeSet::new(),
            opening: 1,
            sent: BTreeMap::new(),
            moved: false,
        }
    }

    pub(super) fn issued(&self) -> impl Iterator<Item = &Attempt> {
        self.issued.iter()
    }

    pub(super) fn is_undone(&self, item: Item) -> bool {
        self.undone.contains(&item) || self.left.contains(&item)
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
            Event::Begun { of } => {
                self.begun.insert(*of);
            }
            _ => {}
        }
    }

    fn fact(&mut self, text: &Workflow, fact: &Fact) {
        match fact {
            Fact::Entered { at, state } => self.entered(text, *at, state),
            Fact::Over { at, end: ItemEnd::Done, .. } => {
                assert!(self.done.insert(*at), "{} is done twice", key(self.id, text, *at));
                self.unclear.remove(at);
                if at.undo {
                    self.taken_back(Item { undo: false, ..*at });
                    self.undone.insert(Item { undo: false, ..*at });
                } else if text.step(at.step).undo.is_some() {
                    self.undoable.push(*at);
                }
            }
            // The owner would not have what was done: it failed, and can be taken back.
            Fact::Over { at, undo: true, .. } => self.undoable.push(*at),
            Fact::Left { at } => {
                self.taken_back(Item { undo: false, ..*at });
                self.left.insert(Item { undo: false, ..*at });
            }
            Fact::GoingBack { cover, .. } => self.cover.extend(cover),
            Fact::Round { .. } => self.cover.clear(),
            Fact::Closing { ending, .. } => {
                assert_eq!(self.closing_well, None, "a run closes twice");
                self.closing_well = Some(matches!(ending, crate::plan::Ending::Done { .. }));
            }
            Fact::Ended { state, .. } => {
                assert!(self.ended.insert(self.opening), "a run ends twice");
                if *state != EndState::Done {
                    assert_eq!(self.undoable, vec![], "something stands that can be taken back");
                }
            }
            Fact::Reopened { opening, .. } => {
                assert_eq!(*opening, self.opening + 1);
                (self.opening, self.closing_well) = (*opening, None);
            }
            _ => {}
        }
    }

    fn taken_back(&mut self, main: Item) {
        self.undoable.retain(|item| *item != main);
        self.undoing = None;
    }

    fn entered(&mut self, text: &Workflow, item: Item, state: &Standing) {
        let name = || key(self.id, text, item);
        let begins = matches!(
            state,
            Standing::Running { .. }
                | Standing::Child { .. }
                | Standing::Asked { .. }
                | Standing::Sleeping { .. }
        );
        if begins {
            assert!(!self.done.contains(&item), "{} begins again though it is done", name());
        }
        if let Standing::Running { a, begun, first } = state {
            assert!(
                !self.unclear.contains(&item) || !uses(text, item, "once"),
                "{} begins again unasked",
                name()
            );
            if let Some(first) = first {
                let sent = self.sent.entry(item).or_insert_with(|| first.with.get().to_owned());
                assert_eq!(sent, first.with.get(), "two attempts of one key send different things");
            }
            if *begun {
                self.begun.insert(Attempt { item, attempt: *a });
            }
        }
        let main = Item { undo: false, ..item };
        if item.undo && self.undoing != Some(main) {
            assert_eq!(self.undoing, None, "{} begins beside another undo", name());
            let may = |done: &&Item| {
                let keep = text.step(done.step).undo.as_ref().is_some_and(|undo| undo.keep);
                self.closing_well == Some(false) || self.cover.contains(&done.step) && !keep
            };
            assert_eq!(self.undoable.iter().rev().find(may), Some(&main), "undone out of order");
            self.undoing = Some(main);
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
            if let Some(Want::Task { a, .. }) = before {
                expected.push(Command::CloseTask { of: of(*a) });
            }
            expected.extend(match after {
                Some(Want::Attempt { a, begun }) => Some(Command::Start { of: of(*a), begun: *begun }),
                Some(Want::Stop { a }) => Some(Command::Stop { of: of(*a) }),
                Some(Want::Task { a, kind }) => Some(Command::OpenTask { of: of(*a), kind: *kind }),
                Some(Want::Child { a, child }) => Some(Command::StartChild { of: of(*a), child: *child }),
                Some(Want::StopChild { a, child }) => Some(Command::StopChild { of: of(*a), child: *child }),
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
                Command::OpenTask { .. } | Command::CloseTask { .. } => {}
            }
        }
    }

    fn state(&self, run: &Run, text: &Workflow) {
        assert!(run.is_accounted_for(), "the run waits for nothing");
        assert!(run.next_timer().is_none_or(|timer| timer.at > run.last), "a due timer is left behind");
        if let Phase::Over { .. } = run.phase {
            assert!(
                run.next_timer().is_none() && by_item(run).is_empty(),
                "a run that is over wants something"
            );
        }
        assert_eq!(run.undoable.iter().map(|done| done.of).collect::<Vec<_>>(), self.undoable);
        self.items(run, text);
        for step in &text.steps {
            let on = step.on.iter().filter_map(|on| match &on.goes {
                Goes::Back(back) => Some(back),
                Goes::End(_) => None,
            });
            let on_error = match &step.on_error {
                OnError::BackTo(back) => Some(back),
                OnError::Fail | OnError::Continue => None,
            };
            for back in on.chain(on_error) {
                let taken = run.ways.get(&back.way).copied().unwrap_or(0);
                assert!(back.most.is_none_or(|most| taken <= most), "a way back was taken too often");
            }
        }
    }

    fn items(&self, run: &Run, text: &Workflow) {
        for no in text.numbers() {
            let (step, state) = (text.step(no), run.step(no));
            let open = state.items.iter().filter(|item| !item.is_over());
            let begun = open.filter(|item| item.at != At::default()).count();
            if let Some(at_once) = step.each.as_ref().and_then(|each| each.at_once) {
                assert!(begun <= at_once as usize, "more items at once than allowed");
            }
            if begun > 0 {
                let early = step.before.iter().find(|before| !run.step(**before).is_over());
                assert_eq!(early, None, "`{}` runs though a step before it is not over", step.id);
            }
            let over = state.items.iter().filter(|item| item.is_over()).count();
            assert_eq!(over, state.over as usize, "the count of items that are over is wrong");
            if run.is_over() {
                assert_eq!(over, state.items.len(), "`{}` has open items in a run that is over", step.id);
                for item in &state.items {
                    let once = item.first.as_ref().is_some_and(|first| first.effect == Effect::Once);
                    let known = !item.doubt || !(once || step.undo.is_some());
                    assert!(known, "`{}` is in doubt at the end", step.id);
                }
            }
            let bad = matches!(&run.phase, Phase::Over { state, .. } if *state != EndState::Done);
            if bad && step.section == Section::OnFailure && self.closing_well == Some(false) {
                let ran = state.is_over();
                let failed = matches!(&run.phase, Phase::Over { state: EndState::Failed, .. });
                assert_eq!(ran, failed, "the closing section of a failure runs when a run fails");
            }
        }
    }
}

/// Whether the item calls this action of the test's plugin.
pub(super) fn uses(text: &Workflow, item: Item, wanted: &str) -> bool {
    let step = text.step(item.step);
    let work = match (&step.undo, item.undo) {
        (Some(undo), true) => &undo.work,
        _ => &step.work,
    };
    matches!(work, crate::plan::Work::Use { action, .. } if &*action.action == wanted)
}
