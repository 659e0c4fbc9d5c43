//! Registers and sequences of a house without the world: the code of the daemon, on a store that is gone afterwards.

use std::sync::Arc;

use serde_json::json;
use yizhan_workflow::id::{Attempt, Millis};
use yizhan_workflow::register::Row;
use yizhan_workflow::run::event::{AttemptResult, Raw};

use super::House;
use crate::carrier::{Call, Outcome};
use crate::outgoing::{Whose, call_of};
use crate::registers::{Alone, LookError};

/// Goes into the keys of steps, as a store's own name does.
const HOUSE: &str = "rehearsal";

impl House<'_> {
    /// A step writes into a register, reads one, or takes a number.
    pub(super) fn ledger_step(&mut self, at: usize, of: Attempt) -> Option<AttemptResult> {
        let member = &self.runs[at];
        let shown = member.run.id.to_string().into();
        let whose = Whose { run: &member.run, text: &member.text, shown: &shown, house: HOUSE };
        let call = call_of(whose, of, 0, self.now)?;
        let (world, now) = (self.ground.world, self.now);
        Some(match self.registers()?.carry_out(call, world, now) {
            Outcome::Done { output } => AttemptResult::Done { output: Raw::new(output.into())? },
            Outcome::Failed(failure) => AttemptResult::Failed(failure),
            Outcome::Lost { how, message } => AttemptResult::Lost { how, message },
        })
    }

    /// Entries that were there before the case, written at an instant; why they are not taken.
    pub fn write_before(&mut self, register: &str, entries: &[Raw], at: Millis) -> Result<(), String> {
        self.given += 1;
        let entries: Vec<&str> = entries.iter().map(Raw::get).collect();
        let input = format!("{{\"register\":{},\"entries\":[{}]}}", json!(register), entries.join(","));
        let call = Call {
            id: 0,
            plugin: "register".into(),
            action: "append".into(),
            key: format!("given/{}", self.given).into(),
            run: "given".into(),
            workflow: "".into(),
            step: "".into(),
            round: 1,
            item: 0,
            attempt: 1,
            now_ms: at.0,
            timeout: None,
            input: input.into(),
            secrets: Vec::new(),
        };
        let world = self.ground.world;
        let Some(registers) = self.registers() else { return Ok(()) };
        match registers.carry_out(call, world, at) {
            Outcome::Done { .. } => Ok(()),
            Outcome::Failed(failure) => Err(failure.message.to_string()),
            Outcome::Lost { message, .. } => Err(message.to_string()),
        }
    }

    /// What `register.find` would find of all that is there.
    pub fn entries(&mut self, register: &Arc<str>) -> Result<Vec<Row>, LookError> {
        let world = self.ground.world;
        self.registers().map_or(Ok(Vec::new()), |registers| registers.entries(world, register))
    }

    fn registers(&mut self) -> Option<&mut Alone> {
        let shelf = self.ground.shelf?;
        Some(self.registers.get_or_insert_with(|| Alone::new(shelf())))
    }
}
