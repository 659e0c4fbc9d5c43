//! The audit: a line before each act, a line when it was answered, each with the hash of the one before.
//!
//! An act that cannot be written down is not done. What a run did stands in its journal; here stands who asked for it,
//! from where, and what they were told. Each line is marked with a key that is not in the file, so that nobody who can write
//! the file can write it anew; and heads that were seen before tell of lines that were cut off.

use std::collections::BTreeMap;
use std::sync::PoisonError;

use hmac::{Hmac, KeyInit as _, Mac as _};
use rusqlite::{Connection, OptionalExtension, params};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use sha2::{Digest, Sha256};
use utoipa::ToSchema;
use yizhan_workflow::id::Millis;

use crate::acts;
use crate::book::{Access, AccessError};

type Hash = [u8; 32];

/// What somebody is about to do.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = AuditAsked)]
pub struct Asked {
    /// In milliseconds since 1970.
    #[schema(value_type = i64)]
    pub at: Millis,
    /// `person:li.na`, `token:crm`, `socket`.
    pub who: String,
    /// An address; empty for the socket.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub from: String,
    /// The session, by the name that lists show.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    /// The route: `POST /api/v1/runs/{id}/cancel`.
    pub act: String,
    /// What it is done to: the path as it was asked for.
    pub on: String,
}

/// How it ended.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = AuditAnswered)]
pub struct Outcome {
    /// In milliseconds since 1970.
    #[schema(value_type = i64)]
    pub at: Millis,
    /// The line that it answers.
    pub of: i64,
    pub status: u16,
    /// The case that it changed or began, by its whole id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_case: Option<String>,
    /// What was, and what is now, of what the act changed: what is small, and nothing that is private.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub before: Option<Json>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub after: Option<Json>,
}

/// A line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Said {
    Asked(Asked),
    Answered(Outcome),
}

/// What a verification found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Verified {
    pub lines: i64,
    /// The last line's hash: written down elsewhere, it holds all before it.
    pub head: String,
    /// The first line that is not what it was.
    pub broken: Option<Broken>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Broken {
    /// A number is missing before this line.
    Gap { seq: i64 },
    /// The line, or one before it, was changed.
    Changed { seq: i64 },
    /// Whoever wrote the line does not have the house's key.
    Unmarked { seq: i64 },
    /// The line was seen before, and is not there any more or is another.
    Gone { seq: i64 },
    /// The line is what it was, but searches do not find it as what it is.
    Hidden { seq: i64 },
}

/// The number and the hash of a line that was the newest once: they hold all before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    pub seq: i64,
    pub hash: String,
}

/// With which the lines are marked.
#[derive(Clone)]
pub(crate) struct Mark(Hmac<Sha256>);

impl Mark {
    pub(crate) fn new(key: &[u8; 32]) -> Option<Self> {
        Hmac::new_from_slice(key).ok().map(Self)
    }

    fn of(&self, hash: &Hash) -> Hash {
        self.0.clone().chain_update(hash).finalize().into_bytes().into()
    }

    fn is(&self, hash: &Hash, mark: Option<&[u8]>) -> bool {
        mark.is_some_and(|mark| self.0.clone().chain_update(hash).verify_slice(mark).is_ok())
    }
}

/// Lines of before there were marks: what stands when the file is taken over is taken to be right.
pub(crate) fn mark_all(book: &Connection, mark: &Mark) -> rusqlite::Result<()> {
    let mut lines = book.prepare("SELECT seq, hash FROM audit WHERE mark IS NULL")?;
    let all: Vec<(i64, Hash)> =
        lines.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<Result<_, _>>()?;
    let mut write = book.prepare("UPDATE audit SET mark = ?2 WHERE seq = ?1")?;
    for (seq, hash) in all {
        write.execute(params![seq, mark.of(&hash)])?;
    }
    Ok(())
}

fn chained(before: &Hash, line: &str) -> Hash {
    Sha256::new().chain_update(before).chain_update(line.as_bytes()).finalize().into()
}

fn hex(hash: &Hash) -> String {
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn append(book: &Connection, said: &Said, mark: Option<&Mark>) -> rusqlite::Result<Head> {
    let last = "SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1";
    let last: Option<(i64, Hash)> =
        book.query_row(last, [], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
    let (mut seq, mut before) = last.unwrap_or((0, [0; 32]));
    if yizhan_faults::seeded("access.chain-broken") {
        before = [0; 32];
    }
    if yizhan_faults::seeded("access.number-skipped") {
        seq += 1;
    }
    let mark = mark.filter(|_| !yizhan_faults::seeded("access.line-unmarked"));
    let line =
        serde_json::to_string(said).map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
    let hash = chained(&before, &line);
    let sql = "INSERT INTO audit (seq, line, hash, mark) VALUES (?1, ?2, ?3, ?4)";
    book.execute(sql, params![seq + 1, line, hash, mark.map(|mark| mark.of(&hash))])?;
    if !yizhan_faults::seeded("access.act-hidden") {
        acts::note(book, seq + 1, said)?;
    }
    Ok(Head { seq: seq + 1, hash: hex(&hash) })
}

impl Access {
    /// Writes down what is asked for, and answers its number once that is on disk.
    ///
    /// # Errors
    /// When it cannot be written: then it must not be done.
    pub async fn asked(&self, asked: Asked) -> Result<i64, AccessError> {
        if yizhan_faults::seeded("access.act-unwritten") {
            return Ok(0);
        }
        self.append(Said::Asked(asked)).await
    }

    async fn append(&self, said: Said) -> Result<i64, AccessError> {
        let mark = self.mark.clone();
        let head = self.write(move |book| append(book, &said, mark.as_ref())).await?;
        let seq = head.seq;
        let mut newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        if newest.as_ref().is_none_or(|newest| newest.seq < seq) {
            *newest = Some(head);
        }
        Ok(seq)
    }

    /// The newest line, to be written down elsewhere. None: there is none yet.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn head(&self) -> Result<Option<Head>, AccessError> {
        self.read(|book| {
            let sql = "SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1";
            let head = |row: &rusqlite::Row<'_>| Ok(Head { seq: row.get(0)?, hash: hex(&row.get(1)?) });
            book.query_row(sql, [], head).optional()
        })
    }

    /// Writes down what came of it.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn answered(&self, outcome: Outcome) -> Result<(), AccessError> {
        if yizhan_faults::seeded("access.answer-unwritten") {
            return Ok(());
        }
        self.append(Said::Answered(outcome)).await.map(drop)
    }

    /// Reads all of it and says whether each line is what it was. `seen`: heads that were written down elsewhere.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn verify(&self, seen: &[Head]) -> Result<Verified, AccessError> {
        let mut seen: BTreeMap<i64, &str> = seen.iter().map(|head| (head.seq, &*head.hash)).collect();
        let newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner).clone();
        seen.extend(newest.iter().map(|head| (head.seq, &*head.hash)));
        self.read_at_length(|book| verify(book, self.mark.as_ref(), &seen))
    }
}

fn verify(book: &Connection, mark: Option<&Mark>, seen: &BTreeMap<i64, &str>) -> rusqlite::Result<Verified> {
    let mut lines = book.prepare("SELECT seq, line, hash, mark FROM audit ORDER BY seq")?;
    let mut rows = lines.query([])?;
    let (mut count, mut head): (i64, Hash) = (0, [0; 32]);
    let mut broken = None;
    while let (None, Some(row)) = (&broken, rows.next()?) {
        let (seq, line, hash): (i64, String, Hash) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let (wanted, marked): (Hash, Option<Vec<u8>>) = (chained(&head, &line), row.get(3)?);
        broken = match () {
            () if seq != count + 1 => Some(Broken::Gap { seq }),
            () if wanted != hash => Some(Broken::Changed { seq }),
            () if mark.is_some_and(|mark| !mark.is(&hash, marked.as_deref())) => {
                Some(Broken::Unmarked { seq })
            }
            () if seen.get(&seq).is_some_and(|seen| *seen != hex(&hash)) => Some(Broken::Gone { seq }),
            () if !acts::is_noted(book, seq, &line)? => Some(Broken::Hidden { seq }),
            () => None,
        };
        (count, head) = (count + 1, hash);
    }
    let broken = match broken {
        None => acts::lot_that_lies(book)?.map(|seq| Broken::Hidden { seq }),
        Some(_) => broken,
    };
    let broken = broken.or_else(|| {
        let (gone, _) = seen.range(count + 1..).next()?;
        Some(Broken::Gone { seq: *gone })
    });
    Ok(Verified { lines: count, head: hex(&head), broken })
}
