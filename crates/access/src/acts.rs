//! Acts, found again in the audit: each line that asks has a row beside it, worked out from the line and its answer.
//!
//! What is shown is the line as it was chained; the rows only say which. A verification holds them against the lines.

use rusqlite::{Connection, OptionalExtension, Row, ToSql, params};
use serde::Serialize;
use utoipa::ToSchema;
use yizhan_workflow::id::Millis;

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

/// The rows beside the lines. They can be worked out anew at any time.
pub(crate) const TABLE: &str = "
    DROP TABLE IF EXISTS act;
    CREATE TABLE act (
        seq INTEGER PRIMARY KEY, at INTEGER NOT NULL, who TEXT NOT NULL, kind TEXT NOT NULL, about TEXT NOT NULL,
        in_case TEXT NOT NULL DEFAULT '', answer INTEGER
    ) STRICT;
    CREATE INDEX act_by_who ON act (who, kind);
    CREATE INDEX act_of_who ON act (who);
    CREATE INDEX act_by_kind ON act (kind);
    CREATE INDEX act_by_about ON act (about);
    CREATE INDEX act_by_case ON act (in_case) WHERE in_case <> '';
    CREATE INDEX act_by_time ON act (at);
";

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
        other => other
            .strip_prefix("workflows/triggers/")
            .map_or(other.to_owned(), |act| format!("triggers/{act}")),
    }
}

/// What the path names first; nothing where that is a word that lets in.
pub(crate) fn about_of<'a>(route: &str, on: &'a str) -> &'a str {
    // Whoever signs in is named, and no path.
    if !on.starts_with('/') {
        return on;
    }
    let named = parts(route).zip(parts(on)).find(|(part, _)| part.starts_with('{'));
    named.map_or("", |(part, name)| if part == name { "" } else { name })
}

/// Writes or completes the row of a line.
pub(crate) fn note(book: &Connection, seq: i64, said: &Said) -> rusqlite::Result<()> {
    match said {
        Said::Asked(asked) => {
            let sql = "INSERT INTO act (seq, at, who, kind, about) VALUES (?1, ?2, ?3, ?4, ?5)";
            let about = about_of(&asked.act, &asked.on);
            let values = params![seq, asked.at.0, asked.who, kind_of(&asked.act), about];
            book.prepare_cached(sql)?.execute(values)?;
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
            let about = about_of(&asked.act, &asked.on).to_owned();
            (Some(asked.at.0), asked.who, kind_of(&asked.act), about)
        }
        Said::Answered(outcome) => {
            (Some(seq), outcome.in_case.unwrap_or_default(), String::new(), String::new())
        }
    };
    Ok(noted == Some(wanted))
}

impl Wanted {
    /// The conditions, each with what stands for its `?`.
    fn conditions(&self) -> (String, Vec<Box<dyn ToSql>>) {
        let (mut sql, mut values) = (String::from("a.seq < ?"), Vec::<Box<dyn ToSql>>::new());
        values.push(Box::new(self.before.unwrap_or(i64::MAX)));
        // `+`: of one thing there is little, so its index leads; the time is narrowed down by the lines' numbers.
        let led = if self.about.is_some() { "+" } else { "" };
        if let Some(who) = &self.who {
            sql.push_str(&format!(" AND {led}a.who = ?"));
            values.push(Box::new(who.clone()));
        }
        if !self.kinds.is_empty() {
            let marks = vec!["?"; self.kinds.len()].join(", ");
            sql.push_str(&format!(" AND {led}a.kind IN ({marks})"));
            values.extend(self.kinds.iter().map(|kind| Box::new(kind.clone()) as Box<dyn ToSql>));
        }
        if let Some(about) = &self.about {
            // An empty case is not in the index: it is said again that it is none.
            sql.push_str(" AND (a.about = ? OR (a.in_case = ? AND a.in_case <> ''))");
            values.extend([Box::new(about.clone()) as Box<dyn ToSql>, Box::new(about.clone())]);
        }
        for (bound, text) in [(self.since, " AND +a.at >= ?"), (self.until, " AND +a.at < ?")] {
            if let Some(at) = bound {
                sql.push_str(text);
                values.push(Box::new(at.0));
            }
        }
        (sql, values)
    }
}

impl Access {
    /// Acts that are wanted, the newest first.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn acts(&self, wanted: &Wanted, limit: usize) -> Result<Vec<Act>, AccessError> {
        // Lines stand in the order of their coming, whatever the clock said: between the first and the last of the time. `+`: by the
        // index of times, not by looking at line after line.
        let edge = |sql: &str, at: Millis| {
            self.read(|book| book.query_row(sql, [at.0], |row| row.get::<_, Option<i64>>(0)))
        };
        let mut wanted = wanted.clone();
        if let Some(until) = wanted.until {
            let Some(last) = edge("SELECT max(+seq) FROM act WHERE at < ?", until)? else {
                return Ok(vec![]);
            };
            // One bound: of two, only the first leads.
            wanted.before = Some(wanted.before.map_or(last + 1, |before| before.min(last + 1)));
        }
        let (mut conditions, mut values) = wanted.conditions();
        if let Some(since) = wanted.since {
            let first = edge("SELECT min(+seq) FROM act WHERE at >= ?", since)?;
            let Some(first) = first else { return Ok(vec![]) };
            conditions.push_str(" AND a.seq >= ?");
            values.push(Box::new(first));
        }
        values.push(Box::new(i64::try_from(limit).unwrap_or(500)));
        let sql = format!(
            "SELECT a.seq, a.kind, a.about, asked.line, answered.line FROM act a JOIN audit asked ON asked.seq = a.seq
             LEFT JOIN audit answered ON answered.seq = a.answer WHERE {conditions} ORDER BY a.seq DESC LIMIT ?"
        );
        self.read(|book| {
            let mut acts = book.prepare_cached(&sql)?;
            let values = rusqlite::params_from_iter(values.iter());
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
