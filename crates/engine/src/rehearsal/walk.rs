//! Drives a walk through the house: what is asked is answered, at once or when it is due, and the clock jumps.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::{Value as Json, json};
use yizhan_workflow::id::{Attempt, Item, Millis};
use yizhan_workflow::plan::{ActionName, Work};
use yizhan_workflow::problem::Lang;
use yizhan_workflow::run::event::{EndState, Event, Raw, Standing, TaskSheet, Verdict};
use yizhan_workflow::run::names::{Names, Standpoint};
use yizhan_workflow::run::state::{At, Phase};
use yizhan_workflow::run::{OPERATOR, Refusal, World};

use super::house::{Ground, Hindrance, House};
use super::teller::{Seen, Teller};
use super::{Answers, End, Rehearsal, What, parsed, sample};
use crate::intake::Prepared;

/// A walk that answers more often goes round and round.
const MOST_ANSWERS: usize = 20_000;
/// So many rounds of one step, with the same made-up answers, will be followed by as many more.
const MOST_ROUNDS: u32 = 20;

pub(super) fn walk(
    prepared: &Prepared,
    by: &str,
    (world, now): (&Arc<World>, Millis),
    answers: &Answers,
) -> Rehearsal {
    let refuses = |_: &ActionName, _: &str| None;
    let ground = Ground {
        world,
        refuses: &refuses,
        made_up: &answers.children,
        lang: Lang::En,
        tells_tasks: false,
        shelf: answers.shelf.as_ref().map(|shelf| shelf as _),
    };
    let mut house = House::new(ground, now, Vec::new());
    house.teller = Some(Teller::new(answers));
    let at = house.start(prepared.clone(), by);
    let mut walk = Walk { house, at, late: answers.late, later: Vec::new(), put_off: BTreeSet::new() };
    let stopped = walk.on();
    let (run, key) = (walk.house.runs[at].run.id.to_string(), prepared.key.as_ref().map(ToString::to_string));
    let end = walk.end();
    let told = walk.house.teller.map(|teller| teller.told).unwrap_or_default();
    Rehearsal { run, key, told, end, stopped }
}

struct Walk<'w> {
    house: House<'w>,
    /// Which of its runs is walked.
    at: usize,
    /// Tasks are answered when they are due.
    late: bool,
    /// Answers that are given then, and the tasks whose answers these are.
    later: Vec<(Millis, Event)>,
    put_off: BTreeSet<Attempt>,
}

impl Walk<'_> {
    /// Goes on until the run is over; says why, where it cannot.
    fn on(&mut self) -> Option<String> {
        let mut heard = 0;
        if let Err(hindrance) = self.house.settle() {
            return Some(hindrance.to_string());
        }
        for _ in 0..MOST_ANSWERS {
            if self.house.runs[self.at].run.is_over() {
                return None;
            }
            let told = self.house.teller.as_ref().map_or(&[][..], |teller| &teller.told);
            if told[heard..].iter().any(|told| told.round > MOST_ROUNDS) {
                return Some(format!("more than {MOST_ROUNDS} rounds with the same answers"));
            }
            heard = told.len();
            let done = match self.asked() {
                Some((of, standing)) => self.answer(of, standing),
                None => self.by_itself(),
            };
            if let Err(stopped) = done {
                return Some(stopped);
            }
        }
        Some("it goes round and round".to_owned())
    }

    /// What waits for somebody, or for an event.
    fn asked(&self) -> Option<(Attempt, Standing)> {
        self.house.runs[self.at].run.standing_items().find_map(|(item, state)| {
            let At::Is(standing) = &state.at else { return None };
            let of = Attempt { item, attempt: standing.attempt()? };
            let asks = matches!(
                standing,
                Standing::Asked { .. } | Standing::Asking { .. } | Standing::Listening { .. }
            );
            (asks && !self.put_off.contains(&of)).then(|| (of, standing.clone()))
        })
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "the others were not asked for")]
    fn answer(&mut self, of: Attempt, standing: Standing) -> Result<(), String> {
        match standing {
            Standing::Asked { task, .. } => self.task(of, &task),
            Standing::Asking { why, .. } => {
                let question = serde_json::to_value(&*why).unwrap_or_default().to_string();
                self.tell(of.item, What::Asked { question });
                self.happen(Event::Settled {
                    of,
                    by: OPERATOR.into(),
                    via: "plan".into(),
                    verdict: Verdict::Fail {},
                })
            }
            _ => {
                // An event that nobody gave is one without fields.
                let payload = Raw::from(&self.given(of.item).unwrap_or_else(|| json!({})));
                let told = self.house.teller.as_ref().map_or(0, |teller| teller.told.len());
                self.happen(Event::EventTaken { of, id: format!("rehearsal/{told}").into(), payload })
            }
        }
    }

    fn task(&mut self, of: Attempt, sheet: &TaskSheet) -> Result<(), String> {
        let given = self.given(of.item);
        let is_given = given.is_some();
        let mut fields = self.made_up(of.item);
        if let (Some(Json::Object(own)), Json::Object(all)) = (given, &mut fields) {
            all.extend(own);
        }
        let by = fields.as_object_mut().and_then(|fields| fields.remove("by"));
        let by = by.and_then(|by| by.as_str().map(Arc::from));
        let by = by.unwrap_or_else(|| self.house.somebody(self.at, of.item, sheet));
        let (who, due) = (sheet.who.clone(), sheet.due);
        self.tell(of.item, What::Task { who, due, answer: fields.clone(), given: is_given });
        let answer = Event::Answered { of, by, via: "plan".into(), fields: Raw::from(&fields) };
        match due.filter(|due| self.late && *due > self.house.now) {
            Some(due) => {
                // In time is before the due instant.
                self.later.push((due.plus(-1), answer));
                self.put_off.insert(of);
                Ok(())
            }
            None => self.happen(answer),
        }
    }

    /// The first answer that the form of a task allows.
    fn made_up(&self, of: Item) -> Json {
        let (member, now) = (&self.house.runs[self.at], self.house.now);
        let scope = Names::of(&member.run, &member.text, self.house.world(), now, Standpoint::Item(of));
        match member.text.step(of.step).work_of(of) {
            Work::Ask(ask) => sample::of_form(&parsed(&ask.form.view(&scope)), now),
            Work::Use { .. }
            | Work::Wait { .. }
            | Work::Await(_)
            | Work::Run { .. }
            | Work::Check { .. }
            | Work::End { .. }
            | Work::Hold { .. } => json!({}),
        }
    }

    /// What comes next in time: something of the house, or an answer that was put off.
    fn by_itself(&mut self) -> Result<(), String> {
        let next = self.house.next();
        let first = self.later.iter().enumerate().min_by_key(|(_, (at, _))| *at);
        match (next, first.map(|(place, (at, _))| (*at, place))) {
            (Some(next), first) if first.is_none_or(|(at, _)| next < at) => {
                self.house.turn_to(next).map_err(|hindrance| hindrance.to_string())
            }
            (_, Some((at, place))) => {
                self.house.now = self.house.now.max(at);
                let (_, answer) = self.later.swap_remove(place);
                self.happen(answer)
            }
            (_, None) => Err("nothing goes on".to_owned()),
        }
    }

    fn happen(&mut self, event: Event) -> Result<(), String> {
        match self.house.act(self.at, event) {
            // Dealt with meanwhile: another step has ended the run.
            Ok(()) | Err(Hindrance::Refused(Refusal::Echo(_))) => Ok(()),
            Err(Hindrance::Refused(Refusal::Form(faults))) => {
                let faults: Vec<String> = faults.iter().map(ToString::to_string).collect();
                let told = self.house.teller.as_ref().and_then(|teller| teller.told.last());
                let step = told.map(|told| told.step.clone()).unwrap_or_default();
                Err(format!("`{step}` cannot be answered so: {}", faults.join("; ")))
            }
            Err(hindrance) => Err(hindrance.to_string()),
        }
    }

    fn given(&mut self, of: Item) -> Option<Json> {
        self.house.teller.as_mut()?.given(&self.house.runs[self.at], of)
    }

    fn tell(&mut self, of: Item, what: What) {
        let (world, now) = (self.house.world(), self.house.now);
        if let Some(teller) = &mut self.house.teller {
            let seen = Seen { member: &self.house.runs[self.at], world, now };
            teller.tell(seen, of.place(), Some(of), what);
        }
    }

    fn end(&self) -> End {
        let none = (None, None);
        let (state, (outcome, output)) = match &self.house.runs[self.at].run.top.phase {
            Phase::Over { state, outcome, output } => {
                let state = match state {
                    EndState::Done => "done",
                    EndState::Failed => "failed",
                    EndState::Cancelled => "cancelled",
                };
                (state, (Some(outcome.to_string()), output.as_ref().map(|output| parsed(output.get()))))
            }
            Phase::Open | Phase::Stopping | Phase::Finishing => ("open", none),
        };
        End { state, outcome, output, at: self.house.now }
    }
}
