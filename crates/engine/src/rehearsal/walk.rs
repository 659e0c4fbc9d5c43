//! Drives a walk through the house: what is asked is answered, at once or when it is due, and the clock jumps.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::{Value as Json, json};
use yizhan_workflow::form::FieldFault;
use yizhan_workflow::id::{Attempt, Item, Millis};
use yizhan_workflow::moment::Offset;
use yizhan_workflow::plan::{ActionName, Work};
use yizhan_workflow::problem::Lang;
use yizhan_workflow::run::event::{EndState, Event, Raw, Standing, TaskSheet, Verdict};
use yizhan_workflow::run::names::{Names, Standpoint};
use yizhan_workflow::run::state::{At, Phase};
use yizhan_workflow::run::{OPERATOR, Refusal, World};

use super::house::{Ground, Hindrance, House};
use super::teller::{Seen, Teller};
use super::{Answers, End, Rehearsal, Takes, What, parsed, sample};
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
    house.teller = Some(Teller::new(answers, prepared.workflow.name.clone()));
    answers.others.iter().for_each(|text| house.put(text.clone()));
    let at = house.start(prepared.clone(), by);
    let later = Vec::new();
    let mut walk = Walk { house, at, answers, later, put_off: BTreeSet::new(), over: None };
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
    answers: &'w Answers,
    /// Answers that are given later, and the tasks whose answers these are.
    later: Vec<(Millis, usize, Event)>,
    put_off: BTreeSet<(usize, Attempt)>,
    /// When the walked run was over: those that it did not wait for may go on.
    over: Option<Millis>,
}

/// Something that waits for somebody, or for an event, in one of the runs.
type Open = (usize, Attempt, Standing);

impl Walk<'_> {
    /// Goes on until all is over; says why, where it cannot.
    fn on(&mut self) -> Option<String> {
        let mut heard = 0;
        if let Err(hindrance) = self.house.settle() {
            return Some(hindrance.to_string());
        }
        for _ in 0..MOST_ANSWERS {
            if self.over.is_none() && self.house.runs[self.at].run.is_over() {
                self.over = Some(self.house.now);
            }
            if self.house.runs.iter().all(|member| member.run.is_over()) && !self.house.gathers() {
                return None;
            }
            let told = self.house.teller.as_ref().map_or(&[][..], |teller| &teller.told);
            if told[heard..].iter().any(|told| told.round > MOST_ROUNDS) {
                return Some(format!("more than {MOST_ROUNDS} rounds with the same answers"));
            }
            heard = told.len();
            let done = match self.asked() {
                Some(open) => self.answer(open),
                None => self.by_itself(),
            };
            if let Err(stopped) = done {
                // What the walked run did not wait for may wait for somebody else.
                return self.over.is_none().then_some(stopped);
            }
        }
        Some("it goes round and round".to_owned())
    }

    fn asked(&self) -> Option<Open> {
        self.first(&|at, of, standing| self.asks(at, of, standing))
    }

    /// An event that others could have published, but all stand still.
    fn listening(&self) -> Option<Open> {
        self.first(&|_, _, standing| matches!(standing, Standing::Listening { .. }))
    }

    fn first(&self, wanted: &dyn Fn(usize, Attempt, &Standing) -> bool) -> Option<Open> {
        let open = self.house.runs.iter().enumerate().filter(|(_, member)| !member.run.is_over());
        open.flat_map(|(at, member)| member.run.standing_items().map(move |of| (at, of))).find_map(
            |(at, (item, state))| {
                let At::Is(standing) = &state.at else { return None };
                let of = Attempt { item, attempt: standing.attempt()? };
                let waits = wanted(at, of, standing) && !self.put_off.contains(&(at, of));
                waits.then(|| (at, of, standing.clone()))
            },
        )
    }

    /// Whether an answer must be given or made up. An event that others may publish comes by itself.
    #[expect(clippy::wildcard_enum_match_arm, reason = "the others do not ask")]
    fn asks(&self, at: usize, of: Attempt, standing: &Standing) -> bool {
        match standing {
            Standing::Asked { .. } | Standing::Asking { .. } => true,
            Standing::Listening { to, .. } => {
                let member = &self.house.runs[at];
                let given = self.house.teller.as_ref().is_some_and(|it| it.has_answer(member, of.item));
                given || !self.house.may_come(at, &to.event)
            }
            _ => false,
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "the others were not asked for")]
    fn answer(&mut self, (at, of, standing): Open) -> Result<(), String> {
        match standing {
            Standing::Asked { task, .. } => self.task((at, of), &task),
            Standing::Asking { why, .. } => {
                let question = serde_json::to_value(&*why).unwrap_or_default().to_string();
                self.tell((at, of.item), What::Asked { question });
                let (by, via) = (OPERATOR.into(), "plan".into());
                self.happen(at, Event::Settled { of, by, via, verdict: Verdict::Fail {} })
            }
            _ => {
                // An event that nobody gave is one without fields.
                let payload = Raw::from(&self.given((at, of.item)).unwrap_or_else(|| json!({})));
                let told = self.house.teller.as_ref().map_or(0, |teller| teller.told.len());
                self.happen(at, Event::EventTaken { of, id: format!("rehearsal/{told}").into(), payload })
            }
        }
    }

    fn task(&mut self, (at, of): (usize, Attempt), sheet: &TaskSheet) -> Result<(), String> {
        let given = self.given((at, of.item));
        let is_given = given.as_ref().is_some_and(|given| *given != json!({}));
        let mut fields = self.made_up((at, of.item));
        if let (Some(Json::Object(own)), Json::Object(all)) = (given, &mut fields) {
            all.extend(own);
        }
        let by = fields.as_object_mut().and_then(|fields| fields.remove("by"));
        let by = by.and_then(|by| by.as_str().map(Arc::from));
        let by = by.unwrap_or_else(|| self.house.somebody(at, of.item, sheet));
        let (who, due) = (sheet.who.clone(), sheet.due);
        self.tell((at, of.item), What::Task { who, due, answer: fields.clone(), given: is_given });
        let answer = Event::Answered { of, by, via: "plan".into(), fields: Raw::from(&fields) };
        match self.answered_at((at, of.item), due).filter(|when| *when > self.house.now) {
            Some(when) => {
                self.later.push((when, at, answer));
                self.put_off.insert((at, of));
                Ok(())
            }
            None => self.happen(at, answer),
        }
    }

    /// When a task is answered, where that is not at once.
    fn answered_at(&self, (at, of): (usize, Item), due: Option<Millis>) -> Option<Millis> {
        let (text, world) = (&self.house.runs[at].text, self.house.world());
        let usual = if self.answers.late { Takes::ToTheLast } else { Takes::AtOnce };
        let own = (at == self.at).then(|| self.answers.takes.get(&*text.step(of.step).path())).flatten();
        match own.copied().unwrap_or(usual) {
            Takes::AtOnce => None,
            // In time is before the due instant.
            Takes::ToTheLast => due.map(|due| due.plus(-1)),
            Takes::After(length) => {
                let calendar = world.calendars.named(text.calendar.as_deref())?;
                Offset { before: false, length }.from_due(self.house.now, calendar).ok()
            }
        }
    }

    /// The first answer that the form of a task allows.
    fn made_up(&self, (at, of): (usize, Item)) -> Json {
        let (member, now) = (&self.house.runs[at], self.house.now);
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
        let first = self.later.iter().enumerate().min_by_key(|(_, (when, ..))| *when);
        match (next, first.map(|(place, (when, ..))| (*when, place))) {
            (Some(next), first) if first.is_none_or(|(at, _)| next < at) => {
                self.house.turn_to(next).map_err(|hindrance| hindrance.to_string())
            }
            (_, Some((when, place))) => {
                self.house.now = self.house.now.max(when);
                let (_, at, answer) = self.later.swap_remove(place);
                self.happen(at, answer)
            }
            (_, None) => match self.listening().filter(|_| self.over.is_none()) {
                Some(open) => self.answer(open),
                None => Err("nothing goes on".to_owned()),
            },
        }
    }

    fn happen(&mut self, at: usize, event: Event) -> Result<(), String> {
        match self.house.act(at, event) {
            // Dealt with meanwhile: another step has ended the run.
            Ok(()) | Err(Hindrance::Refused(Refusal::Echo(_))) => Ok(()),
            Err(Hindrance::Refused(Refusal::Form(faults))) => {
                let said = |fault: &FieldFault| {
                    self.answers.lang.map_or_else(|| fault.to_string(), |lang| fault.sentence(lang))
                };
                let faults: Vec<String> = faults.iter().map(said).collect();
                let told = self.house.teller.as_ref().and_then(|teller| teller.told.last());
                let step = told.map(|told| told.step.clone()).unwrap_or_default();
                Err(format!("`{step}` cannot be answered so: {}", faults.join("; ")))
            }
            Err(hindrance) => Err(hindrance.to_string()),
        }
    }

    fn given(&mut self, (at, of): (usize, Item)) -> Option<Json> {
        self.house.teller.as_mut()?.given(&self.house.runs[at], of)
    }

    fn tell(&mut self, (at, of): (usize, Item), what: What) {
        let (world, now) = (self.house.world(), self.house.now);
        if let Some(teller) = &mut self.house.teller {
            let seen = Seen { member: &self.house.runs[at], world, now };
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
        End { state, outcome, output, at: self.over.unwrap_or(self.house.now) }
    }
}
