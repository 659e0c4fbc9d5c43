//! Rows of registers and sequences.

use std::collections::BTreeSet;

use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension as _, Row, params, params_from_iter};
use yizhan_engine::store::{
    HEAD_MARK, NewEntry, Present, PresentFilter, RegisterReads, Standing, StoreError, TakenNumber, heads_in,
};
use yizhan_workflow::id::RunId;
use yizhan_workflow::register::{Bounds, Entry, EntryKind, Head, OneOf, Term};
use yizhan_workflow::run::event::Raw;

use super::fault::Fault;
use super::reads::SqliteReads;
use super::rows::{instant, run_id, text, unreadable};
use super::waiting::{number, signed};

const LINE: &str = "register, seq, kind, of, number, series, count, at, by, key, part, why, body, private, before, hash, shown, card, sign";

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
        sign: if_there(row, 18, text)?,
    };
    Ok(Standing { entry, shown: if_there(row, 16, number)?, card: if_there(row, 17, text)? })
}

/// A new line, what it does to the entry that it is about, and what that one is looked for by from now on.
pub(super) fn written(connection: &Connection, new: &NewEntry) -> Result<(), Fault> {
    let place = new.entry.of.unwrap_or(new.entry.seq);
    let before = terms(connection, &new.entry.register, place)?;
    line_written(connection, new)?;
    let after = terms(connection, &new.entry.register, place)?;
    let own =
        |term: &Term| (new.entry.register.clone(), term.column.clone(), term.value.clone(), signed(place));
    for term in before.difference(&after) {
        let sql = "DELETE FROM entry_term WHERE register = ?1 AND column = ?2 AND value = ?3 AND seq = ?4";
        connection.prepare_cached(sql)?.execute(own(term))?;
    }
    for term in after.difference(&before) {
        connection.prepare_cached(NEW_TERM)?.execute(own(term))?;
    }
    Ok(())
}

/// The line with the present values of each entry, and the entry's own place. Its signature is of no matter here, and an
/// older store has none.
fn shown(rest: &str) -> String {
    let of_line = |column: &str| if column == "sign" { "NULL".to_owned() } else { format!("v.{column}") };
    let columns: Vec<String> = LINE.split(", ").map(of_line).collect();
    format!(
        "SELECT {}, b.seq FROM entry b JOIN entry v ON v.register = b.register AND v.seq = b.shown WHERE b.kind = 0{rest}",
        columns.join(", ")
    )
}

/// What an entry is looked for by, as it stands: nothing once it is void.
fn terms(connection: &Connection, register: &str, place: u64) -> Result<BTreeSet<Term>, Fault> {
    let mut of = connection.prepare_cached(&shown(" AND b.register = ?1 AND b.seq = ?2"))?;
    let shown = of.query_row(params![register, signed(place)], line).optional()?;
    Ok(shown.map(|shown| shown.entry.terms()).unwrap_or_default())
}

const NEW_TERM: &str = "INSERT INTO entry_term(register, column, value, seq) VALUES (?1, ?2, ?3, ?4)";

/// The entries of a store that had no index yet.
pub(super) fn index_all(connection: &Connection) -> rusqlite::Result<()> {
    let mut all = connection.prepare(&shown(""))?;
    let mut rows = all.query([])?;
    while let Some(row) = rows.next()? {
        let (entry, place) = (line(row)?.entry, row.get::<_, i64>(19)?);
        for Term { column, value } in entry.terms() {
            connection.prepare_cached(NEW_TERM)?.execute(params![entry.register, column, value, place])?;
        }
    }
    Ok(())
}

fn line_written(connection: &Connection, new: &NewEntry) -> Result<(), Fault> {
    let NewEntry { entry, card, forgets } = new;
    let own = entry.kind == EntryKind::Entry;
    let sql = format!(
        "INSERT INTO entry({LINE}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19)"
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
        entry.sign,
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

/// Looked at to see which of several terms fewest entries have.
const COMPARED: u64 = 1_000;

fn holders(filter: &PresentFilter, one: &OneOf) -> (String, Vec<Value>) {
    let marks = vec!["?"; one.values.len()].join(", ");
    let mut values: Vec<Value> = vec![filter.register.to_string().into(), one.column.clone().into()];
    values.extend(one.values.iter().map(|value| value.clone().into()));
    (format!("FROM entry_term t WHERE t.register = ? AND t.column = ? AND t.value IN ({marks})"), values)
}

/// The term that fewest have comes first: it is the one to go by.
fn by_rarity<'f>(connection: &Connection, filter: &'f PresentFilter) -> Result<Vec<&'f OneOf>, Fault> {
    let mut counted = Vec::with_capacity(filter.has.len());
    for one in &filter.has {
        let mut count = 0;
        if filter.has.len() > 1 {
            let (from, values) = holders(filter, one);
            let sql = format!("SELECT count(*) FROM (SELECT 1 {from} LIMIT {COMPARED})");
            let mut statement = connection.prepare_cached(&sql)?;
            count = statement.query_row(params_from_iter(values), |row| number(row, 0))?;
        }
        counted.push((count, one));
    }
    counted.sort_by_key(|(count, _)| *count);
    Ok(counted.into_iter().map(|(_, one)| one).collect())
}

const PRESENT: &str = "b.seq, b.number, b.at, b.card, b.shown, v.body, v.private";

/// Neither void, nor replaced by a later one of the same card.
const STANDS: &str = "b.kind = 0 AND b.shown IS NOT NULL
    AND NOT EXISTS (SELECT 1 FROM entry l WHERE l.register = b.register AND l.card = b.card
    AND l.seq > b.seq AND l.kind = 0 AND l.shown IS NOT NULL AND l.card IS NOT NULL)";

/// The entries that one term says to go by, in their order; or all.
fn gone_by(filter: &PresentFilter, by: Option<&OneOf>, after: u64) -> (String, Vec<Value>) {
    let values = "JOIN entry v ON v.register = b.register AND v.seq = b.shown";
    let all =
        format!("SELECT {PRESENT} FROM entry b {values} WHERE b.register = ? AND b.seq > ? AND {STANDS}");
    let mut given: Vec<Value> = vec![filter.register.to_string().into(), signed(after).into()];
    let Some(one) = by else { return (all, given) };
    let (from, mut own) = holders(filter, one);
    own.push(signed(after).into());
    if one.values.len() == 1 {
        // The index has them in their order: a page costs what it shows.
        let join = from.replace(
            "FROM entry_term t",
            &format!(
                "FROM entry_term t CROSS JOIN entry b ON b.register = t.register AND b.seq = t.seq {values}"
            ),
        );
        return (format!("SELECT {PRESENT} {join} AND t.seq > ? AND {STANDS}"), own);
    }
    given.extend(own);
    (format!("{all} AND b.seq IN (SELECT t.seq {from} AND t.seq > ?)"), given)
}

fn question(filter: &PresentFilter, has: &[&OneOf], after: u64, most: usize) -> (String, Vec<Value>) {
    let (by, others) = has.split_first().map_or((None, has), |(by, others)| (Some(*by), others));
    let (mut sql, mut values) = gone_by(filter, by, after);
    for one in others {
        let (from, own) = holders(filter, one);
        values.extend(own);
        sql.push_str(&format!(" AND EXISTS (SELECT 1 {from} AND t.seq = b.seq)"));
    }
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
    // Said of the table that is gone by: else all that fit would be sorted for each page.
    let order = if by.is_some_and(|one| one.values.len() == 1) { "t.seq" } else { "b.seq" };
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    and(&format!(" ORDER BY {order} LIMIT ?"), most.into());
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
        self.read(|connection| {
            let (sql, values) = question(filter, &by_rarity(connection, filter)?, after, most);
            let mut statement = connection.prepare_cached(&sql)?;
            let rows = statement.query_map(params_from_iter(values), present)?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    fn register_first(&self, register: &str, bounds: Bounds) -> Result<Option<u64>, StoreError> {
        let sql = "SELECT min(seq) FROM entry WHERE register = ?1 AND kind = 0 AND at >= ?2 AND at < ?3";
        let from = bounds.from.map_or(i64::MIN, |from| from.0);
        let until = bounds.until.map_or(i64::MAX, |until| until.0);
        let first = self.one(sql, params![register, from, until], |row| if_there(row, 0, number))?;
        Ok(first.flatten())
    }

    fn register_hidden(
        &self,
        register: &str,
        entries: &[(u64, BTreeSet<Term>)],
    ) -> Result<Vec<u64>, StoreError> {
        self.read(|connection| {
            let sql =
                "SELECT 1 FROM entry_term WHERE register = ?1 AND column = ?2 AND value = ?3 AND seq = ?4";
            let mut statement = connection.prepare_cached(sql)?;
            let mut hidden = Vec::new();
            for (seq, terms) in entries {
                for Term { column, value } in terms {
                    if !statement.exists(params![register, column, value, signed(*seq)])? {
                        hidden.push(*seq);
                        break;
                    }
                }
            }
            Ok(hidden)
        })
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
