//! How many runs are in each state, and how many open ones go by each text of each workflow: counted as they come and go.

use std::collections::BTreeMap;
use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, params};
use yizhan_engine::store::RunRow;
use yizhan_workflow::id::TextHash;

use super::fault::Fault;
use super::rows::{State, state_number, text};
use crate::sense::over;

/// What one transaction changes of it.
#[derive(Debug, Default)]
pub(super) struct Counted {
    /// Open ones.
    by_text: BTreeMap<(Arc<str>, TextHash), i64>,
    /// By the numbers of the states.
    by_state: BTreeMap<i64, i64>,
}

impl Counted {
    pub(super) fn begins(&mut self, row: &RunRow) {
        *self.by_state.entry(state_number(row.state)).or_default() += 1;
        if !over(row.state) {
            self.add(row, row.text.clone(), 1);
        }
    }

    /// A run whose state or text is about to become that of the row.
    pub(super) fn changes(&mut self, connection: &Connection, row: &RunRow) -> Result<(), Fault> {
        let sql = "SELECT state, text FROM run WHERE id = ?1";
        let was = connection
            .prepare_cached(sql)?
            .query_row([row.id.number()], |row| Ok((row.get::<_, State>(0)?.0, text(row, 1)?)))
            .optional()?;
        if let Some((state, text)) = was {
            *self.by_state.entry(state_number(state)).or_default() -= 1;
            if !over(state) {
                self.add(row, TextHash(text), -1);
            }
            self.begins(row);
        }
        Ok(())
    }

    fn add(&mut self, row: &RunRow, text: TextHash, runs: i64) {
        *self.by_text.entry((row.workflow.clone(), text)).or_default() += runs;
    }

    pub(super) fn write(self, connection: &Connection) -> Result<(), Fault> {
        for (state, runs) in self.by_state.into_iter().filter(|(_, runs)| *runs != 0) {
            let sql = "INSERT INTO state_count(state, runs) VALUES (?1, ?2)
                       ON CONFLICT(state) DO UPDATE SET runs = runs + excluded.runs";
            connection.prepare_cached(sql)?.execute([state, runs])?;
        }
        for ((workflow, text), runs) in self.by_text.into_iter().filter(|(_, runs)| *runs != 0) {
            let sql = "INSERT INTO open_count(workflow, text, runs) VALUES (?1, ?2, ?3)
                       ON CONFLICT(workflow, text) DO UPDATE SET runs = runs + excluded.runs";
            connection.prepare_cached(sql)?.execute(params![workflow, text.0, runs])?;
            if runs < 0 {
                let sql = "DELETE FROM open_count WHERE workflow = ?1 AND text = ?2 AND runs = 0";
                connection.prepare_cached(sql)?.execute(params![workflow, text.0])?;
            }
        }
        Ok(())
    }
}
