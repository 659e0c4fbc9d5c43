//! What a test expects, against what came to be.

use serde_json::{Value as Json, json};
use yizhan_workflow::id::Millis;
use yizhan_workflow::moment::Moment;
use yizhan_workflow::run::event::Standing;
use yizhan_workflow::testing::{CallExpected, Case, Compared, Expected, StepPath, TELL};

use super::compare::{Differs, fits, holds};
use super::look::Spot;
use super::{Miss, Trial, calendar, in_calendar, instant};
use crate::rehearsal::house::Sent;

/// So many calls that are not the one are shown.
const NEAREST: usize = 3;

/// A call that went out, and in what it is not the one that was expected.
#[derive(Clone, Debug)]
pub struct Near {
    pub at: Millis,
    pub step: String,
    pub action: String,
    pub with: String,
    pub differs: Vec<Differs>,
    /// Another line has spoken of it.
    pub taken: bool,
}

impl Near {
    pub(super) fn of(call: &Sent, differs: Vec<Differs>) -> Self {
        Self {
            at: call.at,
            step: call.step.clone(),
            action: call.action.to_string(),
            with: call.with.get().to_owned(),
            differs,
            taken: call.expected,
        }
    }
}

fn parsed(raw: &yizhan_workflow::run::event::Raw) -> Json {
    serde_json::from_str(raw.get()).unwrap_or_default()
}

impl Trial<'_, '_> {
    pub(super) fn expect(&mut self, case: &Case, expected: &Expected) -> Result<(), Miss> {
        match expected {
            Expected::Call(call) => self.expect_call(case, call),
            Expected::NoCall(call) => self.expect_no_call(case, call),
            Expected::Due { step, at, written } => {
                let spot = self.spot(case, step)?;
                let state = self.state(&spot).ok_or_else(|| self.not_so(&spot, step))?;
                let (due, opened) = (state.due, state.opened);
                self.expect_instant((&spot, "due"), due, (at.as_ref(), written), opened)
            }
            Expected::Wait { step, until, written } => {
                let spot = self.spot(case, step)?;
                let Some((_, Standing::Sleeping { until: found, .. })) = self.standing(&spot) else {
                    return Err(self.not_so(&spot, step));
                };
                let opened = self.state(&spot).and_then(|state| state.opened);
                self.expect_instant((&spot, "until"), Some(found), (until.as_ref(), written), opened)
            }
            Expected::Late { step, is } => {
                let spot = self.spot(case, step)?;
                self.compare_step(&spot, step, &[("late", json!(is))])
            }
            Expected::Task { step, who, fields } => self.expect_task(case, step, who, fields),
            Expected::NoTask { step } => {
                let Ok(spot) = self.spot(case, step) else { return Ok(()) };
                match self.task_for(&spot, None) {
                    Some((_, task)) => {
                        Err(Miss::ATask { step: step.written.to_string(), who: task.who.join(", ") })
                    }
                    None => Ok(()),
                }
            }
            Expected::Step { step, fields } => {
                let spot = self.spot(case, step)?;
                let wanted: Vec<(&str, Json)> =
                    fields.iter().map(|one| (&*one.name, parsed(&one.wanted))).collect();
                self.compare_step(&spot, step, &wanted)
            }
            Expected::Run { workflow, fields } => self.expect_run(workflow, fields),
            Expected::NoRun { workflow } => {
                let real = self.house.runs.iter().any(|member| member.run.started.workflow == *workflow);
                let asked = self.house.past.children.iter().any(|child| child.workflow == *workflow);
                if real || asked { Err(Miss::ARun { workflow: workflow.to_string() }) } else { Ok(()) }
            }
            Expected::Event { name, fields } => self.expect_event(name, fields),
            Expected::Entry { register, times, fields } => self.expect_entry(register, *times, fields),
            Expected::Stands { fields } => {
                let run = self.case(case)?;
                let all: Vec<Differs> = self.differing(fields, |name| self.of_run(run, name));
                if all.is_empty() { Ok(()) } else { Err(Miss::Differs { what: "run".to_owned(), all }) }
            }
        }
    }

    pub(super) fn differing(&self, fields: &[Compared], found: impl Fn(&str) -> Json) -> Vec<Differs> {
        let all = fields.iter().filter_map(|one| {
            let (wanted, found) = (parsed(&one.wanted), found(&one.name));
            (!fits(&wanted, &found)).then(|| Differs::new(&one.name, &wanted, &found))
        });
        all.collect()
    }

    // ---- calls ----------------------------------------------------------------------------------------------------

    /// In what a call is not the one.
    fn call_differs(&self, expected: &CallExpected, call: &Sent) -> Vec<Differs> {
        let with = parsed(&call.with);
        let mut all = Vec::new();
        if let Some(step) = &expected.step
            && !of_step(&call.step, &step.written)
        {
            all.push(Differs::new("step", &json!(&*step.written), &json!(call.step)));
        }
        for one in &expected.fields {
            let (wanted, found) = (parsed(&one.wanted), with.get(&*one.name).unwrap_or(&Json::Null));
            let is_told = || *call.action == *TELL && self.is_told(&wanted, &with);
            if !fits(&wanted, found) && !self.is_somebody(&wanted, found) && !is_told() {
                all.push(Differs::new(&one.name, &wanted, found));
            }
        }
        // The digits of a number are those of the text that was sent.
        let has = |text: &str| holds(&with, text) || call.with.get().contains(text);
        for text in expected.contains.iter().filter(|text| !has(text)) {
            all.push(Differs::new("contains", &json!(&**text), &Json::Null));
        }
        all
    }

    /// `group:热线` among recipients that are addresses by now.
    fn is_somebody(&self, wanted: &Json, found: &Json) -> bool {
        if let Some(all) = wanted.as_array().filter(|all| !all.is_empty()) {
            return all.iter().all(|one| fits(one, found) || self.is_somebody(one, found));
        }
        let Some(who) = wanted.as_str().filter(|who| who.contains(':')) else { return false };
        let addresses = self.stage.ground.world.people_at(self.house.now).addresses(who);
        !addresses.is_empty() && addresses.iter().all(|address| fits(&json!(address), found))
    }

    /// Whoever is told is named as in the file, or is one of those that are.
    fn is_told(&self, wanted: &Json, with: &Json) -> bool {
        if let Some(all) = wanted.as_array().filter(|all| !all.is_empty()) {
            return all.iter().all(|one| self.is_told(one, with));
        }
        let who: Vec<String> =
            with.get("who").and_then(|who| serde_json::from_value(who.clone()).ok()).unwrap_or_default();
        let people = self.stage.ground.world.people_at(self.house.now);
        let is_one = |wanted: &str| {
            let id = wanted.strip_prefix("person:");
            let member = |id: &str| who.iter().flat_map(|who| people.members(who)).any(|one| one == id);
            who.iter().any(|who| who == wanted) || id.is_some_and(member)
        };
        wanted.as_str().is_some_and(is_one)
    }

    fn calls_of<'s>(&'s self, case: &Case, expected: &'s CallExpected) -> Result<Vec<usize>, Miss> {
        let run = if *case == Case::default() { None } else { Some(self.case(case)?) };
        let calls = self.house.past.calls.iter().enumerate();
        let meant = calls.filter(|(_, call)| {
            expected.action.as_ref().map_or(*call.action != *TELL, |action| *action == call.action)
                && run.is_none_or(|run| run == call.run)
        });
        Ok(meant.map(|(at, _)| at).collect())
    }

    fn expect_call(&mut self, case: &Case, expected: &CallExpected) -> Result<(), Miss> {
        let meant = self.calls_of(case, expected)?;
        let differs: Vec<(usize, Vec<Differs>)> =
            meant.iter().map(|at| (*at, self.call_differs(expected, &self.house.past.calls[*at]))).collect();
        let right: Vec<usize> =
            differs.iter().filter(|(_, differs)| differs.is_empty()).map(|(at, _)| *at).collect();
        let action = expected.action.as_deref().unwrap_or_default().to_owned();
        let Some(times) = expected.times else {
            let new = right.iter().find(|at| !self.house.past.calls[**at].expected).copied();
            let Some(new) = new else {
                return Err(Miss::NoCall { action, near: self.nearest(differs) });
            };
            self.house.past.calls[new].expected = true;
            return Ok(());
        };
        if right.len() != times as usize {
            let found = right.len();
            return Err(Miss::Times { action, wanted: times, found, near: self.nearest(differs) });
        }
        right.into_iter().for_each(|at| self.house.past.calls[at].expected = true);
        Ok(())
    }

    fn expect_no_call(&self, case: &Case, expected: &CallExpected) -> Result<(), Miss> {
        for at in self.calls_of(case, expected)? {
            let call = &self.house.past.calls[at];
            if !call.expected && self.call_differs(expected, call).is_empty() {
                return Err(Miss::UnexpectedCall { call: Near::of(call, Vec::new()) });
            }
        }
        Ok(())
    }

    /// Those that differ least, the latest first among equals.
    fn nearest(&self, mut differs: Vec<(usize, Vec<Differs>)>) -> Vec<Near> {
        differs.sort_by_key(|(at, differs)| (differs.len(), std::cmp::Reverse(*at)));
        let nearest = differs.into_iter().take(NEAREST);
        nearest.map(|(at, differs)| Near::of(&self.house.past.calls[at], differs)).collect()
    }

    // ---- people and time ------------------------------------------------------------------------------------------

    fn compare_step(&self, spot: &Spot, step: &StepPath, wanted: &[(&str, Json)]) -> Result<(), Miss> {
        let all: Vec<Differs> = wanted
            .iter()
            .filter_map(|(name, wanted)| {
                let found = self.of_step(spot, name);
                let same = fits(wanted, &found) || (*name == "due" && self.is_instant(wanted, &found));
                (!same).then(|| Differs::new(name, wanted, &found))
            })
            .collect();
        if all.is_empty() { Ok(()) } else { Err(Miss::Differs { what: step.written.to_string(), all }) }
    }

    /// The same instant, however its seconds are written.
    fn is_instant(&self, wanted: &Json, found: &Json) -> bool {
        let read = |value: &Json| {
            let moment = Moment::parse_text(value.as_str()?).ok()?.into();
            instant(&moment, self.house.now, self.stage, false).ok()
        };
        read(wanted).is_some_and(|wanted| read(found) == Some(wanted))
    }

    fn expect_instant(
        &self,
        (spot, name): (&Spot, &str),
        found: Option<Millis>,
        (wanted, written): (Option<&Moment>, &str),
        opened: Option<Millis>,
    ) -> Result<(), Miss> {
        let from = opened.unwrap_or(self.house.now);
        let at = match wanted {
            None => None,
            Some(moment) => {
                let text = &self.house.runs[spot.run].text;
                let days = calendar(self.stage, text.calendar_of(spot.at.step));
                Some(in_calendar(moment, from, days, false).map_err(Miss::Unreadable)?)
            }
        };
        if at == found {
            return Ok(());
        }
        let shown = |at: Option<Millis>| json!(at.map(|at| self.told(at)));
        let mut differs = Differs::new(name, &shown(at), &shown(found));
        if differs.wanted != written && at.is_some() {
            differs.wanted = format!("{} ({written})", differs.wanted);
        }
        let member = &self.house.runs[spot.run];
        Err(Miss::Differs { what: member.run.path_of(&member.text, spot.at), all: vec![differs] })
    }

    fn expect_task(
        &self,
        case: &Case,
        step: &StepPath,
        who: &[std::sync::Arc<str>],
        fields: &[Compared],
    ) -> Result<(), Miss> {
        let spot = self.spot(case, step)?;
        let by = who.first().map(|who| &**who);
        let (of, task) = self.task_for(&spot, by).ok_or_else(|| self.no_task(&spot, step))?;
        let spot = Spot { item: Some(of.item.item), ..spot };
        let people = self.stage.ground.world.people_at(self.house.now);
        for one in who {
            let asked = task.who.iter().any(|asked| **asked == **one)
                || one.starts_with("person:") && people.may(one, &task.who).is_some();
            if !asked {
                let differs = Differs::new("who", &json!(&**one), &json!(task.who.join(", ")));
                return Err(Miss::Differs { what: step.written.to_string(), all: vec![differs] });
            }
        }
        let (title, rest): (Vec<_>, Vec<_>) = fields
            .iter()
            .map(|one| (&*one.name, parsed(&one.wanted)))
            .partition(|(name, _)| *name == "title");
        for (name, wanted) in &title {
            let found = json!(&*task.title);
            if !fits(wanted, &found) {
                let all = vec![Differs::new(name, wanted, &found)];
                return Err(Miss::Differs { what: step.written.to_string(), all });
            }
        }
        self.compare_step(&spot, step, &rest)
    }

    // ---- runs and events ------------------------------------------------------------------------------------------

    fn expect_run(&self, workflow: &str, fields: &[Compared]) -> Result<(), Miss> {
        let mut nearest: Option<Vec<Differs>> = None;
        let mut look = |all: Vec<Differs>| {
            let is_it = all.is_empty();
            if nearest.as_ref().is_none_or(|known| all.len() < known.len()) {
                nearest = Some(all);
            }
            is_it
        };
        for (at, member) in self.house.runs.iter().enumerate() {
            if *member.run.started.workflow == *workflow
                && look(self.differing(fields, |name| self.of_run(at, name)))
            {
                return Ok(());
            }
        }
        // One that a step asked for and whose workflow is not there has an input and nothing else.
        for child in self.house.past.children.iter().filter(|child| *child.workflow == *workflow) {
            let found = |name: &str| if name == "input" { parsed(&child.with) } else { Json::Null };
            if look(self.differing(fields, found)) {
                return Ok(());
            }
        }
        Err(match nearest {
            Some(all) => Miss::Differs { what: workflow.to_owned(), all },
            None => Miss::NoRun { workflow: workflow.to_owned(), runs: self.runs() },
        })
    }

    fn expect_event(&self, name: &str, fields: &[Compared]) -> Result<(), Miss> {
        let mut nearest: Option<Vec<Differs>> = None;
        for event in self.house.events.iter().filter(|event| *event.name == *name) {
            let found = |field: &str| match field {
                "key" => json!(&*event.key),
                _ => parsed(&event.payload),
            };
            let all = self.differing(fields, found);
            if all.is_empty() {
                return Ok(());
            }
            nearest = Some(all);
        }
        let events =
            || self.house.events.iter().map(|event| format!("{} {}", event.name, event.key)).collect();
        Err(match nearest {
            Some(all) => Miss::Differs { what: name.to_owned(), all },
            None => Miss::NoEvent { name: name.to_owned(), events: events() },
        })
    }
}

/// Without its number a path means each item of the step, and a step means what takes it back, too.
fn of_step(path: &str, wanted: &str) -> bool {
    let is_it = |path: &str| path == wanted || path.ends_with(&format!(".{wanted}"));
    let main = path.strip_suffix(".undo").unwrap_or(path);
    let bare = main.strip_suffix(']').and_then(|main| Some(main.rsplit_once('[')?.0));
    is_it(path) || is_it(main) || bare.is_some_and(is_it)
}

#[cfg(test)]
mod tests {
    use super::of_step;

    #[test]
    fn a_step_means_its_items_and_what_takes_them_back_and_a_rung_only_itself() {
        for (path, wanted, is_it) in [
            ("goods", "goods", true),
            ("goods.undo", "goods", true),
            ("goods", "goods.undo", false),
            ("goods[2]", "goods", true),
            ("goods[2].undo", "goods", true),
            ("goods[2]", "goods[1]", false),
            ("remind[3].flag", "flag", true),
            ("remind[3].flag", "remind[2].flag", false),
            ("repair.escalate[1]", "repair.escalate[1]", true),
            ("repair.escalate[1]", "repair", false),
            ("prepare", "pare", false),
        ] {
            assert_eq!(of_step(path, wanted), is_it, "{path} {wanted}");
        }
    }
}
