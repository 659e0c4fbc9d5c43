//! How many open runs go by each text of each workflow: counted as they come and go.

use std::collections::BTreeMap;
use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, params};
use yizhan_engine::store::RunRow;
use yizhan_workflow::id::TextHash;

use super::fault::Fault;
use super::rows::{State, text};
use crate::sense::over;

/// What one transaction changes of it.
#[derive(Debug, Default)]
pub(super) struct Counted(BTreeMap<(Arc<str>, TextHash), i64>);

impl Counted {
    pub(super) fn begins(&mut self, row: &RunRow) {
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
            if !over(state) {
                self.add(row, TextHash(text), -1);
            }
            self.begins(row);
        }
        Ok(())
    }

    fn add(&mut self, row: &RunRow, text: TextHash, runs: i64) {
        *self.0.entry((row.workflow.clone(), text)).or_default() += runs;
    }

    pub(super) fn write(self, connection: &Connection) -> Result<(), Fault> {
        for ((workflow, text), runs) in self.0.into_iter().filter(|(_, runs)| *runs != 0) {
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
