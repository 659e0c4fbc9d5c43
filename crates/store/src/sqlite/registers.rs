//! Rows of registers and sequences.

use rusqlite::types::Value;
use rusqlite::{Connection, Row, params, params_from_iter};
use yizhan_engine::store::{
    HEAD_MARK, NewEntry, Present, PresentFilter, RegisterReads, Standing, StoreError, TakenNumber, heads_in,
};
use yizhan_workflow::id::RunId;
use yizhan_workflow::register::{Entry, EntryKind, Head};
use yizhan_workflow::run::event::Raw;

use super::fault::Fault;
use super::reads::SqliteReads;
use super::rows::{instant, run_id, text, unreadable};
use super::waiting::{number, signed};

const LINE: &str = "register, seq, kind, of, number, series, count, at, by, key, part, why, body, private, before, hash, shown, card";

fn kind_number(kind: EntryKind) -> i64 {
    match kind {
        EntryKind::Entry => 0,
        EntryKind::Amend => 1,
        EntryKind::Void => 2,
        EntryKind::Erase => 3,
    }
}

fn kind(row: &Row<'_>, column: usize) -> rusqlite::Result<EntryKind> {
    let found = row.get::<_, i64>(column)?;
    [EntryKind::Entry, EntryKind::Amend, EntryKind::Void, EntryKind::Erase]
        .into_iter()
        .find(|kind| kind_number(*kind) == found)
        .ok_or_else(|| unreadable(column, StoreError::Failed(format!("{found} is no kind of entry"))))
}

fn raw(row: &Row<'_>, column: usize) -> rusqlite::Result<Raw> {
    let json = row.get_ref(column)?.as_str()?;
    Raw::new(json.to_owned())
        .ok_or_else(|| unreadable(column, StoreError::Failed("it is no JSON".to_owned())))
}

fn if_there<T>(
    row: &Row<'_>,
    column: usize,
    read: impl FnOnce(&Row<'_>, usize) -> rusqlite::Result<T>,
) -> rusqlite::Result<Option<T>> {
    let null = row.get_ref(column)? == rusqlite::types::ValueRef::Null;
    if null { Ok(None) } else { read(row, column).map(Some) }
}

fn line(row: &Row<'_>) -> rusqlite::Result<Standing> {
    let entry = Entry {
        register: text(row, 0)?,
        seq: number(row, 1)?,
        kind: kind(row, 2)?,
        of: if_there(row, 3, number)?,
        number: text(row, 4)?,
        series: text(row, 5)?,
        count: number(row, 6)?,
        at: instant(row, 7)?,
        by: text(row, 8)?,
        key: text(row, 9)?,
        part: row.get(10)?,
        why: if_there(row, 11, text)?,
        body: raw(row, 12)?,
        private: if_there(row, 13, raw)?,
        before: text(row, 14)?,
        hash: text(row, 15)?,
    };
    Ok(Standing { entry, shown: if_there(row, 16, number)?, card: if_there(row, 17, text)? })
}

/// A new line, and what it does to the entry that it is about.
pub(super) fn written(connection: &Connection, new: &NewEntry) -> Result<(), Fault> {
    let NewEntry { entry, card, forgets } = new;
    let own = entry.kind == EntryKind::Entry;
    let sql = format!(
        "INSERT INTO entry({LINE}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18)"
    );
    connection.prepare_cached(&sql)?.execute(params![
        entry.register,
        signed(entry.seq),
        kind_number(entry.kind),
        entry.of.map(signed),
        entry.number,
        entry.series,
        signed(entry.count),
        entry.at.0,
        entry.by,
        entry.key,
        entry.part,
        entry.why,
        entry.body.get(),
        entry.private.as_ref().map(Raw::get),
        entry.before,
        entry.hash,
        own.then(|| signed(entry.seq)),
        card.as_ref().filter(|_| own),
    ])?;
    let stands = |shown: Option<i64>| -> Result<(), Fault> {
        let sql = "UPDATE entry SET shown = ?3, card = ?4 WHERE register = ?1 AND seq = ?2";
        let of = entry.of.map(signed);
        connection.prepare_cached(sql)?.execute(params![entry.register, of, shown, card])?;
        Ok(())
    };
    match entry.kind {
        EntryKind::Amend => stands(Some(signed(entry.seq)))?,
        EntryKind::Void => stands(None)?,
        EntryKind::Entry | EntryKind::Erase => {}
    }
    for (seq, private) in forgets {
        let sql = "UPDATE entry SET private = ?3 WHERE register = ?1 AND seq = ?2";
        let private = private.as_ref().map(Raw::get);
        connection.prepare_cached(sql)?.execute(params![entry.register, signed(*seq), private])?;
    }
    Ok(())
}

pub(super) fn taken(connection: &Connection, taken: &TakenNumber) -> Result<(), Fault> {
    let sql = "INSERT INTO sequence_number(key, sequence, series, count, number, at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    connection.prepare_cached(sql)?.execute(params![
        taken.key,
        taken.sequence,
        taken.series,
        signed(taken.count),
        taken.number,
        taken.at.0
    ])?;
    Ok(())
}

fn present(row: &Row<'_>) -> rusqlite::Result<Present> {
    Ok(Present {
        seq: number(row, 0)?,
        number: text(row, 1)?,
        at: instant(row, 2)?,
        card: if_there(row, 3, text)?,
        shown: number(row, 4)?,
        body: raw(row, 5)?,
        private: if_there(row, 6, raw)?,
    })
}

fn question(filter: &PresentFilter, after: u64, most: usize) -> (String, Vec<Value>) {
    let mut sql = "SELECT b.seq, b.number, b.at, b.card, b.shown, v.body, v.private
                   FROM entry b JOIN entry v ON v.register = b.register AND v.seq = b.shown
                   WHERE b.register = ? AND b.kind = 0 AND b.shown IS NOT NULL AND b.seq > ?
                   AND NOT EXISTS (SELECT 1 FROM entry l WHERE l.register = b.register AND l.card = b.card
                   AND l.seq > b.seq AND l.kind = 0 AND l.shown IS NOT NULL AND l.card IS NOT NULL)"
        .to_owned();
    let mut values: Vec<Value> = vec![filter.register.to_string().into(), signed(after).into()];
    let mut and = |term: &str, value: Value| {
        sql.push_str(term);
        values.push(value);
    };
    if let Some(from) = filter.bounds.from {
        and(" AND b.at >= ?", from.0.into());
    }
    if let Some(until) = filter.bounds.until {
        and(" AND b.at < ?", until.0.into());
    }
    for (column, text) in &filter.equal {
        and(" AND json_extract(v.body, '$.' || ?", format!("\"{column}\"").into());
        and(") = ?", text.clone().into());
    }
    and(" ORDER BY b.seq LIMIT ?", i64::try_from(most).unwrap_or(i64::MAX).into());
    (sql, values)
}

impl RegisterReads for SqliteReads {
    fn register_head(&self, register: &str) -> Result<Option<Head>, StoreError> {
        let sql = "SELECT register, seq, hash FROM entry WHERE register = ?1 ORDER BY seq DESC LIMIT 1";
        self.one(sql, [register], head)
    }

    fn register_heads(&self) -> Result<Vec<Head>, StoreError> {
        let sql = "SELECT e.register, e.seq, e.hash FROM entry e
                   JOIN (SELECT register, max(seq) AS seq FROM entry GROUP BY register) last
                   ON last.register = e.register AND last.seq = e.seq ORDER BY e.register";
        self.many(sql, [], head)
    }

    fn register_count(&self, register: &str, series: &str) -> Result<u64, StoreError> {
        let sql =
            "SELECT coalesce(max(count), 0) FROM entry WHERE register = ?1 AND series = ?2 AND kind = 0";
        Ok(self.one(sql, [register, series], |row| number(row, 0))?.unwrap_or(0))
    }

    fn register_line(&self, register: &str, seq: u64) -> Result<Option<Standing>, StoreError> {
        let sql = format!("SELECT {LINE} FROM entry WHERE register = ?1 AND seq = ?2");
        self.one(&sql, params![register, signed(seq)], line)
    }

    fn register_numbered(&self, register: &str, number: &str) -> Result<Option<Standing>, StoreError> {
        let sql = format!("SELECT {LINE} FROM entry WHERE register = ?1 AND number = ?2 AND kind = 0");
        self.one(&sql, [register, number], line)
    }

    fn register_written(&self, key: &str) -> Result<Vec<Standing>, StoreError> {
        self.many(&format!("SELECT {LINE} FROM entry WHERE key = ?1 ORDER BY part"), [key], line)
    }

    fn register_lines(&self, register: &str, after: u64, most: usize) -> Result<Vec<Standing>, StoreError> {
        let sql = format!("SELECT {LINE} FROM entry WHERE register = ?1 AND seq > ?2 ORDER BY seq LIMIT ?3");
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        self.many(&sql, params![register, signed(after), most], line)
    }

    fn register_about(&self, register: &str, seq: u64) -> Result<Vec<Standing>, StoreError> {
        let sql = format!("SELECT {LINE} FROM entry WHERE register = ?1 AND of = ?2 ORDER BY seq");
        self.many(&sql, params![register, signed(seq)], line)
    }

    fn register_present(
        &self,
        filter: &PresentFilter,
        after: u64,
        most: usize,
    ) -> Result<Vec<Present>, StoreError> {
        let (sql, values) = question(filter, after, most);
        self.many(&sql, params_from_iter(values), present)
    }

    fn sequence_count(&self, sequence: &str, series: &str) -> Result<u64, StoreError> {
        let sql = "SELECT coalesce(max(count), 0) FROM sequence_number WHERE sequence = ?1 AND series = ?2";
        Ok(self.one(sql, [sequence, series], |row| number(row, 0))?.unwrap_or(0))
    }

    fn sequence_taken(&self, key: &str) -> Result<Option<TakenNumber>, StoreError> {
        let sql = "SELECT key, sequence, series, count, number, at FROM sequence_number WHERE key = ?1";
        self.one(sql, [key], |row| {
            Ok(TakenNumber {
                key: text(row, 0)?,
                sequence: text(row, 1)?,
                series: text(row, 2)?,
                count: number(row, 3)?,
                number: text(row, 4)?,
                at: instant(row, 5)?,
            })
        })
    }

    fn heads_in_journals(&self) -> Result<Vec<(RunId, Head)>, StoreError> {
        self.read(|connection| {
            let sql = "SELECT run, body FROM event WHERE instr(body, CAST(?1 AS BLOB)) > 0 ORDER BY run, seq";
            let mut statement = connection.prepare(sql)?;
            let mut rows = statement.query([HEAD_MARK])?;
            let mut heads = Vec::new();
            while let Some(row) = rows.next()? {
                let run = run_id(row, 0)?;
                let body = row.get_ref(1)?.as_blob().map_err(rusqlite::Error::from)?;
                heads.extend(heads_in(body).into_iter().map(|head| (run, head)));
            }
            Ok(heads)
        })
    }
}

fn head(row: &Row<'_>) -> rusqlite::Result<Head> {
    Ok(Head { register: text(row, 0)?, seq: number(row, 1)?, hash: text(row, 2)? })
}
