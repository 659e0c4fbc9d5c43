//! Registers in a test: what stood in them before it begins, and what must stand in them.

use std::cmp::Reverse;
use std::sync::Arc;

use serde_json::{Map, Value as Json, json};
use yizhan_workflow::register::MOST_ENTRIES;
use yizhan_workflow::run::OPERATOR;
use yizhan_workflow::testing::{Compared, Given, Keep};

use super::compare::Differs;
use super::{Failed, Miss, Trial, instant};

/// So many entries that are not the one are shown.
const NEAREST: usize = 5;

/// An entry that is there, and in what it is not the one that was expected.
#[derive(Clone, Debug)]
pub struct Kept {
    pub number: String,
    pub values: String,
    pub differs: Vec<Differs>,
}

impl Trial<'_, '_> {
    pub(super) fn write_before(&mut self) -> Result<(), Failed> {
        for given in &self.test.entries {
            self.write(given).map_err(|miss| self.failed(&given.place, miss))?;
        }
        Ok(())
    }

    fn write(&mut self, given: &Given) -> Result<(), Miss> {
        let begins = self.house.now;
        let at = match &given.at {
            None => begins,
            Some(moment) => instant(moment, begins, self.stage, true).map_err(Miss::Unreadable)?,
        };
        if at > begins {
            return Err(Miss::Unreadable(format!("{at} is to come: the test begins at {begins}")));
        }
        let mut left = given.times as usize;
        while left > 0 {
            let now = left.min(MOST_ENTRIES);
            let same = vec![given.values.get(); now].join(",");
            let with = format!("{{\"register\":{},\"entries\":[{same}]}}", json!(&*given.register));
            let kept = self.house.keep("append", with, "before", at);
            kept.map_err(|failure| Miss::Hindered(failure.message.to_string()))?;
            left -= now;
        }
        Ok(())
    }

    /// Somebody writes into a register by hand.
    pub(super) fn keep(&mut self, keeping: &Keep, by: Option<&str>) -> Result<(), Miss> {
        let Keep { action, with } = keeping;
        let now = self.house.now;
        let kept = self.house.keep(action, with.get().to_owned(), by.unwrap_or(OPERATOR), now);
        kept.map_err(|failure| Miss::Hindered(failure.message.to_string()))
    }

    pub(super) fn expect_entry(
        &mut self,
        register: &Arc<str>,
        times: Option<u32>,
        fields: &[Compared],
    ) -> Result<(), Miss> {
        let rows = self.house.entries(register).map_err(|error| Miss::Hindered(error.to_string()))?;
        let mut kept: Vec<Kept> = Vec::with_capacity(rows.len());
        for row in rows {
            let entry: Map<String, Json> = serde_json::from_str(row.json()).unwrap_or_default();
            let differs = self.differing(fields, |name| entry.get(name).cloned().unwrap_or_default());
            let number = entry.get("number").and_then(Json::as_str).unwrap_or_default().to_owned();
            kept.push(Kept { number, values: row.json().to_owned(), differs });
        }
        let found = kept.iter().filter(|entry| entry.differs.is_empty()).count();
        if times.map_or(found > 0, |times| found == times as usize) {
            return Ok(());
        }
        let count = kept.len();
        let mut near: Vec<(usize, Kept)> = kept.into_iter().enumerate().collect();
        near.sort_by_key(|(at, entry)| (entry.differs.len(), Reverse(*at)));
        let near = near.into_iter().take(NEAREST).map(|(_, entry)| entry).collect();
        Err(Miss::Entry { register: register.to_string(), wanted: times, found, count, near })
    }
}
