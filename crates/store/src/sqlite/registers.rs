//! Rows of registers and sequences.

use std::collections::BTreeSet;

use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension as _, Row, params, params_from_iter};
use yizhan_engine::store::{
    HEAD_MARK, NewEntry, Present, PresentFilter, PresentPage, RegisterReads, Standing, StoreError,
    TakenNumber, heads_in,
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
const COMPARED: usize = 1_000;

/// The places of entries with a term, in order.
const HOLDERS: &str = "SELECT seq FROM entry_term
    WHERE register = ?1 AND column = ?2 AND value = ?3 AND seq > ?4 ORDER BY seq LIMIT ?5";

const ALL: &str = "SELECT seq FROM entry WHERE register = ?1 AND seq > ?2 ORDER BY seq LIMIT ?3";

fn limit(most: usize) -> i64 {
    i64::try_from(most).unwrap_or(i64::MAX)
}

/// The first places that one term leads to.
fn holders(
    connection: &Connection,
    register: &str,
    one: &OneOf,
    (after, most): (u64, usize),
) -> Result<Vec<i64>, Fault> {
    let mut statement = connection.prepare_cached(HOLDERS)?;
    let mut places = BTreeSet::new();
    for value in &one.values {
        let found = params![register, one.column, value, signed(after), limit(most)];
        for place in statement.query_map(found, |row| row.get::<_, i64>(0))? {
            let place = place?;
            // Those behind come in order as well.
            if places.len() >= most && places.last().is_some_and(|last| place >= *last) {
                break;
            }
            places.insert(place);
            if places.len() > most {
                places.pop_last();
            }
        }
    }
    Ok(places.into_iter().collect())
}

/// The first places that can be meant, by the term that fewest have, and the other terms.
fn places<'f>(
    connection: &Connection,
    filter: &'f PresentFilter,
    (after, most): (u64, usize),
) -> Result<(Vec<i64>, Vec<&'f OneOf>), Fault> {
    let mut has: Vec<&OneOf> = filter.has.iter().collect();
    if has.len() > 1 {
        let mut counted = Vec::with_capacity(has.len());
        for one in has {
            counted.push((holders(connection, &filter.register, one, (after, COMPARED))?.len(), one));
        }
        counted.sort_by_key(|(count, _)| *count);
        has = counted.into_iter().map(|(_, one)| one).collect();
    }
    if has.is_empty() {
        let mut statement = connection.prepare_cached(ALL)?;
        let all =
            statement.query_map(params![filter.register, signed(after), limit(most)], |row| row.get(0))?;
        return Ok((all.collect::<Result<_, _>>()?, has));
    }
    let by = has.remove(0);
    Ok((holders(connection, &filter.register, by, (after, most))?, has))
}

/// The entries at these places (a JSON list, in order) that stand (they are neither void, nor replaced by a later one of the
/// same card) and are of the time and have the terms that are asked for.
const STANDS: &str = "SELECT b.seq, b.number, b.at, b.card, b.shown, v.body, v.private
    FROM json_each(?2) p CROSS JOIN entry b ON b.register = ?1 AND b.seq = p.value
    JOIN entry v ON v.register = b.register AND v.seq = b.shown
    WHERE b.kind = 0 AND b.at >= ?3 AND b.at < ?4
    AND NOT EXISTS (SELECT 1 FROM entry l WHERE l.register = b.register AND l.card = b.card
    AND l.seq > b.seq AND l.kind = 0 AND l.shown IS NOT NULL AND l.card IS NOT NULL)";

/// The question about some places. Its values are those of `STANDS` and then of the terms.
fn question(terms: &[&OneOf]) -> (String, Vec<Value>) {
    let (mut sql, mut values) = (STANDS.to_owned(), Vec::new());
    for one in terms {
        let marks = vec!["?"; one.values.len()].join(", ");
        sql.push_str(&format!(
            " AND EXISTS (SELECT 1 FROM entry_term t WHERE t.register = ?1 AND t.column = ? AND t.value IN ({marks}) AND t.seq = b.seq)"
        ));
        values.push(one.column.clone().into());
        values.extend(one.values.iter().map(|value| value.clone().into()));
    }
    (sql, values)
}

fn page(
    connection: &Connection,
    filter: &PresentFilter,
    (after, most): (u64, usize),
) -> Result<PresentPage, Fault> {
    let (places, others) = places(connection, filter, (after, most))?;
    let (sql, terms) = question(&others);
    let mut statement = connection.prepare_cached(&sql)?;
    let from = filter.bounds.from.map_or(i64::MIN, |from| from.0);
    let until = filter.bounds.until.map_or(i64::MAX, |until| until.0);
    let listed: Vec<String> = places.iter().map(ToString::to_string).collect();
    let listed = format!("[{}]", listed.join(","));
    let own: [Value; 4] = [filter.register.to_string().into(), listed.into(), from.into(), until.into()];
    let values = own.into_iter().chain(terms);
    let entries = statement.query_map(params_from_iter(values), present)?.collect::<Result<_, _>>()?;
    let last = places.last().map(|last| last.unsigned_abs());
    Ok(PresentPage { entries, looked_at: places.len(), next: last.filter(|_| places.len() >= most) })
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
    ) -> Result<PresentPage, StoreError> {
        self.read(|connection| page(connection, filter, (after, most)))
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
