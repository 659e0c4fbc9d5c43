//! Approvals: the items of a step with `approve` are its signatures. They open stage by stage, until the result cannot
//! change; the one that settles it carries the outcome of the step.

use serde::{Deserialize, Serialize};

use super::begin::{failure, raw};
use super::event::{Fact, Failure, ItemEnd, Output, Raw, StepEnd};
use super::names::Standpoint;
use super::state::{At, ItemState, StepPhase, StepState};
use super::{Deciding, SIGNERS_MAX};
use crate::expression::Template;
use crate::id::{Item, StepAt};
use crate::people::bare;
use crate::plan::{Approve, Need};

/// One signature as it was worked out when its step opened; kept as the step's list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Seat {
    pub(super) who: Vec<String>,
    pub(super) stage: u16,
    /// Which signer of the file it is.
    pub(super) of: u16,
}

/// What an answer means where several sign.
pub(super) enum Signed {
    /// One person does this step.
    Alone,
    /// The result can still change.
    Counts,
    /// The word by which the step ends.
    Decides(&'static str),
}

/// The word that a signature is, and the outcome of the step.
pub(super) fn word(approved: bool) -> &'static str {
    if approved { "approved" } else { "refused" }
}

/// What a signer said; `None` where nothing was said.
pub(super) fn approved(output: Option<&Raw>) -> Option<bool> {
    #[derive(Deserialize)]
    struct Said {
        approved: Option<bool>,
    }
    serde_json::from_str::<Said>(output?.get()).ok()?.approved
}

/// The item whose signature settled the step; else the last that was given.
pub(super) fn settling(step: &StepState) -> Option<&ItemState> {
    let given = |item: &&ItemState| item.at == At::Over(ItemEnd::Done) || item.output.is_some();
    let of_step = step.items.iter().find(|item| given(item) && item.outcome.is_some());
    of_step.or_else(|| step.items.iter().rfind(given))
}

fn seats(step: &StepState) -> Vec<Seat> {
    let list = step.list.as_ref().map_or("[]", |list| list.raw().get());
    serde_json::from_str(list).unwrap_or_default()
}

impl Deciding<'_> {
    pub(super) fn seat(&self, item: Item) -> Option<Seat> {
        if item.is_beside() || self.text.step(item.step).approve().is_none() {
            return None;
        }
        let list = self.run.step(item.place()).list.as_ref()?;
        serde_json::from_str(list.element(item.item)?).ok()
    }

    /// The step's `when` holds: works out who must sign, and lets the first stage begin.
    pub(super) fn open_signers(&mut self, at: StepAt, approve: &Approve) {
        let StepAt { step: s, scope } = at;
        match self.work_out_seats(at, approve) {
            // None of them is to sign this time.
            Ok(seats) if seats.is_empty() => {
                self.did(Fact::StepOver { s, scope, state: StepEnd::Skipped });
                self.free_next(at);
            }
            Ok(seats) => match serde_json::to_string(&seats).map_err(|_| bug()).and_then(raw) {
                Ok(list) => {
                    let n = u32::try_from(seats.len()).unwrap_or(u32::MAX);
                    self.did(Fact::StepOpened { s, scope, n, list: Some(list), broken: false });
                    self.begin_more(at);
                }
                Err(failure) => self.open_failed(at, failure),
            },
            Err(failure) => self.open_failed(at, failure),
        }
    }

    fn work_out_seats(&self, at: StepAt, approve: &Approve) -> Result<Vec<Seat>, Failure> {
        let scope = self.scope(Standpoint::Step(at));
        let mut seats: Vec<Seat> = Vec::new();
        let (mut stage, mut of_file) = (0, None);
        for (of, signer) in (0..).zip(&approve.signers) {
            if let Some(when) = &signer.when
                && !when.truth(&scope)?
            {
                continue;
            }
            let mut next = |seats: &mut Vec<Seat>, who: Vec<String>, alone: bool| {
                // A list that a template yields in a row is a row of stages too.
                if of_file.is_some_and(|known| known != signer.stage) || alone {
                    stage += 1;
                }
                of_file = Some(signer.stage);
                seats.push(Seat { who, stage, of });
            };
            if let [only] = signer.who.as_slice() {
                for (place, who) in self.whom(only, &scope)?.into_iter().enumerate() {
                    let alone = place > 0 && approve.need == Need::InOrder && !signer.place.contains("][");
                    next(&mut seats, vec![who], alone);
                }
            } else {
                let mut any = Vec::new();
                for template in &signer.who {
                    any.extend(self.whom(template, &scope)?);
                }
                if !any.is_empty() {
                    next(&mut seats, any, false);
                }
            }
        }
        if seats.len() > SIGNERS_MAX {
            let message = format!("{} are to sign, and {SIGNERS_MAX} may at most", seats.len());
            return Err(failure("YZ0340", &message));
        }
        enough(approve.need, &seats)?;
        Ok(seats)
    }

    /// The people that a template yields, as they are written; nobody where it yields nothing.
    pub(super) fn whom(&self, template: &Template, scope: &minijinja::Value) -> Result<Vec<String>, Failure> {
        let value = template.value(scope)?;
        let mut who: Vec<String> = match value.try_iter() {
            Ok(many) if value.kind() == minijinja::value::ValueKind::Seq => {
                many.map(|one| word_of(&one)).collect()
            }
            _ => vec![word_of(&value)],
        };
        who.retain(|name| !name.trim().is_empty());
        for name in who.iter_mut().filter(|name| *name == "starter") {
            *name = self.run.started.by.to_string();
        }
        Ok(who)
    }

    /// Begins the signatures of the first stage that is not over.
    pub(super) fn begin_signers(&mut self, at: StepAt) {
        let seats = seats(self.run.step(at));
        loop {
            let state = self.run.step(at);
            let first = state.items.iter().position(|item| !item.is_over());
            let stage = first.and_then(|first| seats.get(first)).map(|seat| seat.stage);
            let (Some(first), Some(stage), StepPhase::Open) = (first, stage, state.phase) else { return };
            let mut of_stage =
                seats.iter().enumerate().skip(first).take_while(|(_, seat)| seat.stage == stage);
            let Some((next, _)) = of_stage.find(|(place, _)| state.items[*place].at == At::default()) else {
                return;
            };
            let item = at.item(state.round, u32::try_from(next).unwrap_or(u32::MAX));
            if self.is_withdrawn(item) {
                return;
            }
            self.begin(item);
        }
    }

    /// What this answer means for the step.
    pub(super) fn signed(&self, item: Item, outcome: Option<&str>, output: Option<&Raw>) -> Signed {
        let step = self.text.step(item.step);
        let Some(approve) = step.approve().filter(|_| !item.is_beside()) else { return Signed::Alone };
        if outcome == Some("late") {
            return Signed::Decides("late");
        }
        // One that says nothing does not approve.
        let says = approved(output).unwrap_or(false);
        let state = self.run.step(item.place());
        match tally(approve.need, &seats(state), state, (item.item, says)) {
            Some(result) => Signed::Decides(word(result)),
            None => Signed::Counts,
        }
    }

    /// A signature was given and the result can still change.
    pub(super) fn count_signature(&mut self, item: Item, output: Output) {
        self.did(Fact::Over {
            at: item,
            end: ItemEnd::Done,
            outcome: None,
            output,
            failure: None,
            undo: false,
        });
        let state = self.run.step(item.place());
        let seats = seats(state);
        let Some(stage) = seats.get(item.item as usize).map(|seat| seat.stage) else { return };
        let need = self.text.step(item.step).approve().map_or(Need::All, |approve| approve.need);
        if of_stage(need, &seats, state, stage, (item.item, true)) == Some(true) {
            self.let_go(item, Some((stage, &seats)));
        }
        self.after_item(item, None);
    }

    /// The others are not needed any more: of a stage, or of the whole step.
    pub(super) fn let_go(&mut self, item: Item, only: Option<(u16, &[Seat])>) {
        let state = self.run.step(item.place());
        let meant = |place: usize| {
            only.is_none_or(|(stage, seats)| seats.get(place).is_some_and(|seat| seat.stage == stage))
        };
        let open = state.items.iter().enumerate().filter(|(place, other)| !other.is_over() && meant(*place));
        let open: Vec<u32> = open.filter_map(|(place, _)| u32::try_from(place).ok()).collect();
        for other in open.into_iter().filter(|other| *other != item.item) {
            let at = Item { item: other, ..item };
            self.did(Fact::Over {
                at,
                end: ItemEnd::Skipped,
                outcome: None,
                output: Output::None,
                failure: None,
                undo: false,
            });
        }
    }

    /// Who has signed this step in this round, for themselves or for somebody.
    pub(super) fn has_signed(&self, item: Item, who: &str) -> bool {
        let signs = self.text.step(item.step).approve().is_some() && !item.is_beside();
        let is = |known: &Option<std::sync::Arc<str>>| {
            known.as_deref().is_some_and(|known| bare(known) == bare(who))
        };
        // Whoever enters the paper of an outsider has not signed.
        let enters =
            |other: &ItemState| other.for_whom.as_deref().is_some_and(|whom| whom.starts_with("mail:"));
        let of = |other: &ItemState| is(&other.by) && !enters(other) || is(&other.for_whom);
        signs && self.run.step(item.place()).items.iter().any(of)
    }
}

/// Fewer than must approve could never do so.
fn enough(need: Need, seats: &[Seat]) -> Result<(), Failure> {
    let Need::Count(count) = need else { return Ok(()) };
    let mut stages: Vec<u16> = seats.iter().map(|seat| seat.stage).collect();
    stages.dedup();
    let few = stages.iter().map(|stage| seats.iter().filter(|seat| seat.stage == *stage).count()).min();
    match few {
        Some(few) if few < count as usize => {
            let message = format!("{count} must approve, and only {few} may sign");
            Err(failure("YZ0341", &message))
        }
        Some(_) | None => Ok(()),
    }
}

/// The result, if nothing that is still to come can change it.
fn tally(need: Need, seats: &[Seat], state: &StepState, given: (u32, bool)) -> Option<bool> {
    let mut stages: Vec<u16> = seats.iter().map(|seat| seat.stage).collect();
    stages.dedup();
    let mut results = stages.into_iter().map(|stage| of_stage(need, seats, state, stage, given));
    if results.clone().any(|result| result == Some(false)) {
        return Some(false);
    }
    results.all(|result| result == Some(true)).then_some(true)
}

fn of_stage(need: Need, seats: &[Seat], state: &StepState, stage: u16, given: (u32, bool)) -> Option<bool> {
    let (mut all, mut yes, mut no) = (0, 0, 0);
    for (place, _) in seats.iter().enumerate().filter(|(_, seat)| seat.stage == stage) {
        all += 1;
        let says = match state.items.get(place).map(|item| (&item.at, item)) {
            Some((At::Is(_), _)) if place == given.0 as usize => Some(given.1),
            Some((At::Is(_), _)) | None => None,
            Some((At::Over(_), item)) => Some(approved(item.output.as_ref()).unwrap_or(false)),
        };
        match says {
            Some(true) => yes += 1,
            Some(false) => no += 1,
            None => {}
        }
    }
    let need = need.of(all);
    if all - no < need { Some(false) } else { (yes >= need).then_some(true) }
}

fn bug() -> Failure {
    failure("YZ0399", "who signs cannot be written down")
}

/// The word that names whom a value means: a person is asked by their id, and printed by their name.
fn word_of(value: &minijinja::Value) -> String {
    crate::expression::word_of(value).map_or_else(|| value.to_string(), |word| word.to_string())
}
