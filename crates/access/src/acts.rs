//! Acts, found again in the audit: each line that asks has a row beside it, worked out from the line and its answer.
//!
//! What is shown is the line as it was chained; the rows only say which. A verification holds them against the lines.

use percent_encoding::percent_decode_str;
use rusqlite::{Connection, OptionalExtension, Row, ToSql, params};
use serde::Serialize;
use utoipa::ToSchema;
use yizhan_workflow::id::Millis;
use yizhan_workflow::people::bare;

use crate::audit::{Asked, Outcome, Said};
use crate::book::{Access, AccessError};

/// What was asked for, and what came of it.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Act {
    pub seq: i64,
    /// A word such as `runs/cancel`: the same for a page and for the API.
    pub kind: String,
    /// What the path names first: the id of a case, a task, a workflow, …; empty where nothing is named.
    pub about: String,
    pub asked: Asked,
    /// None: not yet, or the daemon ended meanwhile.
    pub answered: Option<Outcome>,
}

/// Which acts are wanted.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// As lines say it: `person:li.na`.
    pub who: Option<String>,
    /// One of these; none: all.
    pub kinds: Vec<String>,
    /// A case, a task, a workflow, a person, a token, by its id.
    pub about: Option<String>,
    /// Asked at or after this instant, and before that one.
    pub since: Option<Millis>,
    pub until: Option<Millis>,
    /// Only lines before this one.
    pub before: Option<i64>,
}

/// The rows beside the lines. They can be worked out anew at any time. Those of one thing, and of its case, hold all by which
/// acts are chosen, so that no row is looked up only to be passed over.
pub(crate) const TABLE: &str = "
    DROP TABLE IF EXISTS act;
    DROP TABLE IF EXISTS act_lot;
    CREATE TABLE act (
        seq INTEGER PRIMARY KEY, at INTEGER NOT NULL, who TEXT NOT NULL, kind TEXT NOT NULL, about TEXT NOT NULL,
        in_case TEXT NOT NULL DEFAULT '', answer INTEGER
    ) STRICT;
    CREATE INDEX act_by_who ON act (who, kind);
    CREATE INDEX act_of_who ON act (who);
    CREATE INDEX act_by_kind ON act (kind);
    CREATE INDEX act_by_about ON act (about, seq, who, kind, at);
    CREATE INDEX act_by_case ON act (in_case, seq, who, kind, at) WHERE in_case <> '';
    CREATE TABLE act_lot (lot INTEGER PRIMARY KEY, first INTEGER NOT NULL, last INTEGER NOT NULL) STRICT;
";

/// Lines of one lot, of which the first and the last instant are known.
const LOT: i64 = 1_000;

/// The parts of a route or a path, behind what only says where it was asked.
fn parts(path: &str) -> impl Iterator<Item = &str> {
    let path = path.find('/').map_or("", |at| &path[at..]);
    let path = path.strip_prefix("/api/v1").or_else(|| path.strip_prefix("/system")).unwrap_or(path);
    path.split('/').filter(|part| !part.is_empty())
}

/// The kind of what a route does. The same thing done on a page and through the API is one kind of act.
#[must_use]
pub fn kind_of(route: &str) -> String {
    let fixed: Vec<&str> = parts(route).filter(|part| !part.starts_with('{')).collect();
    match fixed.join("/").as_str() {
        "new" => "workflows/runs".to_owned(),
        "new/keep" => "workflows/draft".to_owned(),
        "new/drop" => "workflows/drop-draft".to_owned(),
        other => other
            .strip_prefix("workflows/triggers/")
            .map_or(other.to_owned(), |act| format!("triggers/{act}")),
    }
}

/// What the path names first, as lists show it; nothing where that is a word that lets in.
pub(crate) fn about_of(route: &str, on: &str) -> String {
    // Whoever signs in is named, and no path.
    let named = if on.starts_with('/') {
        let named = parts(route).zip(parts(on)).find(|(part, _)| part.starts_with('{'));
        named.map_or("", |(part, name)| if part == name { "" } else { name })
    } else {
        on
    };
    bare(&percent_decode_str(named).decode_utf8_lossy()).to_owned()
}

/// Writes or completes the row of a line.
pub(crate) fn note(book: &Connection, seq: i64, said: &Said) -> rusqlite::Result<()> {
    match said {
        Said::Asked(asked) => {
            let sql = "INSERT INTO act (seq, at, who, kind, about) VALUES (?1, ?2, ?3, ?4, ?5)";
            let about = about_of(&asked.act, &asked.on);
            let values = params![seq, asked.at.0, asked.who, kind_of(&asked.act), about];
            book.prepare_cached(sql)?.execute(values)?;
            let sql = "INSERT INTO act_lot (lot, first, last) VALUES (?1, ?2, ?2)
                       ON CONFLICT (lot) DO UPDATE SET first = min(first, ?2), last = max(last, ?2)";
            book.prepare_cached(sql)?.execute([seq / LOT, asked.at.0])?;
        }
        Said::Answered(outcome) => {
            let sql = "UPDATE act SET answer = ?2, in_case = ?3 WHERE seq = ?1";
            let in_case = outcome.in_case.as_deref().unwrap_or_default();
            book.prepare_cached(sql)?.execute(params![outcome.of, seq, in_case])?;
        }
    }
    Ok(())
}

/// The rows of all lines, anew.
pub(crate) fn note_all(book: &Connection) -> rusqlite::Result<()> {
    book.execute_batch(TABLE)?;
    let mut lines = book.prepare("SELECT seq, line FROM audit ORDER BY seq")?;
    let mut rows = lines.query([])?;
    while let Some(row) = rows.next()? {
        // A line that cannot be read has no row; that it was changed a verification says.
        if let Ok(said) = said(row, 1) {
            note(book, row.get(0)?, &said)?;
        }
    }
    Ok(())
}

fn said(row: &Row<'_>, column: usize) -> rusqlite::Result<Said> {
    let line: String = row.get(column)?;
    serde_json::from_str(&line).map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Text, Box::new(error))
    })
}

/// Whether the row beside a line says the same as the line.
pub(crate) fn is_noted(book: &Connection, seq: i64, line: &str) -> rusqlite::Result<bool> {
    let Ok(said) = serde_json::from_str(line) else { return Ok(false) };
    let (of, sql) = match &said {
        Said::Asked(_) => (seq, "SELECT at, who, kind, about FROM act WHERE seq = ?1"),
        Said::Answered(outcome) => (outcome.of, "SELECT answer, in_case, '', '' FROM act WHERE seq = ?1"),
    };
    let row = |row: &Row<'_>| {
        Ok((row.get(0)?, row.get::<_, String>(1)?, row.get::<_, String>(2)?, row.get::<_, String>(3)?))
    };
    let noted: Option<(Option<i64>, String, String, String)> =
        book.prepare_cached(sql)?.query_row([of], row).optional()?;
    let wanted = match said {
        Said::Asked(asked) => {
            let about = about_of(&asked.act, &asked.on);
            (Some(asked.at.0), asked.who, kind_of(&asked.act), about)
        }
        Said::Answered(outcome) => {
            (Some(seq), outcome.in_case.unwrap_or_default(), String::new(), String::new())
        }
    };
    Ok(noted == Some(wanted))
}

/// The first line of a lot whose instants are not those of its lines: searches by time would pass over some of them.
pub(crate) fn lot_that_lies(book: &Connection) -> rusqlite::Result<Option<i64>> {
    let sql = format!(
        "SELECT lot FROM (SELECT seq / {LOT} AS lot, min(at), max(at) FROM act GROUP BY 1
                          EXCEPT SELECT lot, first, last FROM act_lot) ORDER BY lot LIMIT 1"
    );
    let lot: Option<i64> = book.query_row(&sql, [], |row| row.get(0)).optional()?;
    lot.map(|lot| {
        let first = "SELECT min(seq) FROM act WHERE seq >= ?1";
        book.query_row(first, [lot * LOT], |row| row.get(0))
    })
    .transpose()
}

/// The first line of this instant or later, or the last of before: by its lot, so that no more than two of them are looked at.
fn edge(book: &Connection, at: Millis, lots: &str, lines: &str) -> rusqlite::Result<Option<i64>> {
    let lot: Option<i64> = book.prepare_cached(lots)?.query_row([at.0], |row| row.get(0))?;
    let Some(lot) = lot else { return Ok(None) };
    book.prepare_cached(lines)?.query_row([at.0, lot * LOT, (lot + 1) * LOT], |row| row.get(0))
}

fn first_since(book: &Connection, at: Millis) -> rusqlite::Result<Option<i64>> {
    let lots = "SELECT min(lot) FROM act_lot WHERE last >= ?1";
    edge(book, at, lots, "SELECT min(seq) FROM act WHERE at >= ?1 AND seq >= ?2 AND seq < ?3")
}

fn last_before(book: &Connection, at: Millis) -> rusqlite::Result<Option<i64>> {
    let lots = "SELECT max(lot) FROM act_lot WHERE first < ?1";
    edge(book, at, lots, "SELECT max(seq) FROM act WHERE at < ?1 AND seq >= ?2 AND seq < ?3")
}

/// A question with what stands for its places.
#[derive(Default)]
struct Question {
    conditions: String,
    values: Vec<Box<dyn ToSql>>,
}

impl Question {
    /// The place of a value.
    fn holds(&mut self, value: impl ToSql + 'static) -> String {
        self.values.push(Box::new(value));
        format!("?{}", self.values.len())
    }

    /// `condition` ends with what the value is compared with.
    fn and(&mut self, condition: &str, value: impl ToSql + 'static) {
        let place = self.holds(value);
        self.conditions.push_str(&format!(" AND {condition} {place}"));
    }
}

impl Wanted {
    fn question(&self, first: Option<i64>, end: i64) -> Question {
        let mut asked = Question::default();
        asked.and("a.seq <", end);
        if let Some(first) = first {
            asked.and("a.seq >=", first);
        }
        if let Some(who) = &self.who {
            asked.and("a.who =", who.clone());
        }
        if !self.kinds.is_empty() {
            let places: Vec<String> = self.kinds.iter().map(|kind| asked.holds(kind.clone())).collect();
            asked.conditions.push_str(&format!(" AND a.kind IN ({})", places.join(", ")));
        }
        for (bound, condition) in [(self.since, "+a.at >="), (self.until, "+a.at <")] {
            if let Some(at) = bound {
                asked.and(condition, at.0);
            }
        }
        asked
    }

    /// The numbers of the acts, the newest first. Of what they are about, and of the case that they are of, each for itself:
    /// both stand in order, and of neither more is looked at than is wanted.
    fn numbers(&self, asked: &mut Question, limit: &str) -> String {
        let newest = |from: &str, is: &str, conditions: &str| {
            format!("SELECT a.seq FROM act a {from} WHERE {is}{conditions} ORDER BY a.seq DESC LIMIT {limit}")
        };
        let Some(about) = &self.about else { return newest("", "true", &asked.conditions) };
        let about = asked.holds(about.clone());
        let arm = |index: &str, is: &str| newest(&format!("INDEXED BY {index}"), is, &asked.conditions);
        let named = arm("act_by_about", &format!("a.about = {about}"));
        let of_case = arm("act_by_case", &format!("a.in_case = {about} AND a.in_case <> ''"));
        format!("SELECT seq FROM ({named}) UNION SELECT seq FROM ({of_case})")
    }
}

impl Access {
    /// Acts that are wanted, the newest first.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn acts(&self, wanted: &Wanted, limit: usize) -> Result<Vec<Act>, AccessError> {
        self.list(|book| {
            // Lines stand in the order of their coming, whatever the clock said: between the first and the last of the time.
            let mut end = wanted.before.unwrap_or(i64::MAX);
            if let Some(until) = wanted.until {
                let Some(last) = last_before(book, until)? else { return Ok(vec![]) };
                end = end.min(last + 1);
            }
            let first = wanted.since.map(|since| first_since(book, since)).transpose()?;
            if first == Some(None) {
                return Ok(vec![]);
            }
            let mut asked = wanted.question(first.flatten(), end);
            let most = asked.holds(i64::try_from(limit).unwrap_or(500));
            let numbers = wanted.numbers(&mut asked, &most);
            let sql = format!(
                "SELECT a.seq, a.kind, a.about, asked.line, answered.line FROM act a
                 JOIN audit asked ON asked.seq = a.seq LEFT JOIN audit answered ON answered.seq = a.answer
                 WHERE a.seq IN ({numbers}) ORDER BY a.seq DESC LIMIT {most}"
            );
            let mut acts = book.prepare_cached(&sql)?;
            let values = rusqlite::params_from_iter(asked.values.iter());
            acts.query_map(values, act)?.filter_map(Result::transpose).collect()
        })
    }
}

/// None: the line does not ask for anything, so its row is not ours.
fn act(row: &Row<'_>) -> rusqlite::Result<Option<Act>> {
    let Said::Asked(asked) = said(row, 3)? else { return Ok(None) };
    let answered = match row.get::<_, Option<String>>(4)? {
        None => None,
        Some(_) => match said(row, 4)? {
            Said::Answered(outcome) => Some(outcome),
            Said::Asked(_) => None,
        },
    };
    Ok(Some(Act { seq: row.get(0)?, kind: row.get(1)?, about: row.get(2)?, asked, answered }))
}
