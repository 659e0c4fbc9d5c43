//! Somebody acts: on a task that is open, or on the clock of a step.

use std::sync::Arc;

use yizhan_workflow::id::Attempt;
use yizhan_workflow::run::OPERATOR;
use yizhan_workflow::run::event::{Event, Raw, Standing, TaskSheet};
use yizhan_workflow::testing::{Act, Case, StepPath};

use super::look::Spot;
use super::{Miss, Trial, instant};

impl Trial<'_, '_> {
    pub(super) fn act(
        &mut self,
        case: &Case,
        step: &StepPath,
        by: Option<&str>,
        act: &Act,
    ) -> Result<(), Miss> {
        let spot = self.spot(case, step)?;
        let (of, by) = match act {
            Act::Pause { .. } | Act::Resume { .. } | Act::MoveDue { .. } | Act::Extend { .. } => {
                let (of, _) = self.standing(&spot).ok_or_else(|| self.not_so(&spot, step))?;
                (of, by.map_or_else(|| OPERATOR.into(), Arc::from))
            }
            Act::Answer { .. }
            | Act::AnswerFor { .. }
            | Act::Claim
            | Act::Release
            | Act::HandOver { .. }
            | Act::Comment { .. } => {
                let (of, sheet) = self.task_for(&spot, by).ok_or_else(|| self.no_task(&spot, step))?;
                (of, by.map_or_else(|| self.house.somebody(spot.run, of.item, &sheet), Arc::from))
            }
        };
        let event = self.event_of(act, of, by)?;
        Ok(self.house.act(spot.run, event)?)
    }

    fn event_of(&self, act: &Act, of: Attempt, by: Arc<str>) -> Result<Event, Miss> {
        let via: Arc<str> = "test".into();
        Ok(match act.clone() {
            Act::Answer { with: fields } => Event::Answered { of, by, via, fields },
            Act::AnswerFor { whom, with: fields } => {
                Event::AnsweredFor { of, by, via, whom, paper: Raw::from(&serde_json::json!([])), fields }
            }
            Act::Claim => Event::Claimed { of, by, via },
            Act::Release => Event::Released { of, by, via },
            Act::HandOver { to, note, delegate } => Event::HandedOver { of, by, via, to, note, delegate },
            Act::Comment { text } => Event::Commented { of, by, via, text },
            Act::Pause { reason } => Event::Paused { of, by, via, reason },
            Act::Resume { reason } => Event::Resumed { of, by, via, reason },
            Act::Extend { with: fields } => Event::MoreTimeAsked { of, by, via, fields },
            Act::MoveDue { to, reason } => {
                let to = instant(&to, self.house.now, self.stage, false).map_err(Miss::Unreadable)?;
                Event::DueMoved { of, to, by, via, reason }
            }
        })
    }

    /// The open task that is meant: where several sign and no number says which, the one that this person may.
    pub(super) fn task_for(&self, spot: &Spot, by: Option<&str>) -> Option<(Attempt, Box<TaskSheet>)> {
        let asked = |spot: Spot| {
            let (of, standing) = self.standing(&spot)?;
            if let Standing::Asked { task, .. } = standing { Some((of, task)) } else { None }
        };
        let mut open: Vec<(Attempt, Box<TaskSheet>)> = self.spots(spot).filter_map(asked).collect();
        let people = self.stage.ground.world.people_at(self.house.now);
        let may = |task: &TaskSheet| by.is_some_and(|by| people.may_but(by, &task.who, &task.not).is_some());
        let meant = open.iter().position(|(_, task)| may(task)).unwrap_or(0);
        (meant < open.len()).then(|| open.swap_remove(meant))
    }
}
