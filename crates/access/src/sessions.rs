//! A session: somebody signed in in a browser. Thirty minutes without a request end it, and twelve hours in any case.

use rusqlite::{OptionalExtension, Row, params};
use serde::Serialize;
use utoipa::ToSchema;
use yizhan_workflow::id::Millis;

use crate::book::{Access, AccessError};
use crate::secret::{Secret, hashed};

const IDLE: i64 = 30 * 60_000;
const LONGEST: i64 = 12 * 3_600_000;
/// How old what is written of `seen` may be: not each request is a commit.
const SEEN_EVERY: i64 = 60_000;
/// Of one person; the one not seen longest makes room.
const OF_ONE: i64 = 20;

/// Names a session to people, and lets nobody in: the first figures of its hash.
pub type SessionId = String;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Session {
    #[schema(value_type = String)]
    pub id: SessionId,
    /// The bare id of `people.toml`.
    pub person: String,
    /// In milliseconds since 1970.
    #[schema(value_type = i64)]
    pub begun: Millis,
    /// In milliseconds since 1970.
    #[schema(value_type = i64)]
    pub seen: Millis,
    pub address: String,
    /// What the browser says it is.
    pub agent: String,
}

const COLUMNS: &str = "lower(hex(substr(hash, 1, 6))), person, begun, seen, address, agent";

fn session(row: &Row<'_>) -> rusqlite::Result<Session> {
    Ok(Session {
        id: row.get(0)?,
        person: row.get(1)?,
        begun: Millis(row.get(2)?),
        seen: Millis(row.get(3)?),
        address: row.get(4)?,
        agent: row.get(5)?,
    })
}

impl Access {
    /// Begins a session; the word is for the cookie.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn begin(
        &self,
        person: &str,
        address: &str,
        agent: &str,
        now: Millis,
    ) -> Result<Secret, AccessError> {
        let secret = Secret::new("yzs").map_err(|_| AccessError::NoChance)?;
        let agent: String = agent.chars().take(200).collect();
        let (hash, person, address) = (secret.hashed(), person.to_owned(), address.to_owned());
        self.write(move |book| {
            let old = "DELETE FROM session WHERE seen < ?1 OR begun < ?2";
            book.execute(old, [now.0 - IDLE, now.0 - LONGEST])?;
            book.execute(
                "DELETE FROM session WHERE person = ?1 AND hash NOT IN
                 (SELECT hash FROM session WHERE person = ?1 ORDER BY seen DESC LIMIT ?2)",
                params![person, OF_ONE - 1],
            )?;
            book.execute(
                "INSERT INTO session (hash, person, begun, seen, address, agent) VALUES (?1, ?2, ?3, ?3, ?4, ?5)",
                params![hash, person, now.0, address, agent],
            )
        })
        .await?;
        Ok(secret)
    }

    /// Begins a session for whoever knew the password a moment ago. Another one chosen meanwhile, or a door that was shut,
    /// ended the sessions that there were; one that begins after that is none.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn enter(
        &self,
        (person, password): (&str, &str),
        address: &str,
        agent: &str,
        now: Millis,
    ) -> Result<Option<Secret>, AccessError> {
        let word = self.begin(person, address, agent, now).await?;
        if self.knows(person, password).await? {
            return Ok(Some(word));
        }
        self.end(word.reveal()).await?;
        Ok(None)
    }

    /// Whose session the word of a cookie is; nobody's if it is unknown or over.
    ///
    /// # Errors
    /// When the file cannot be read or written.
    pub async fn session(&self, word: &str, now: Millis) -> Result<Option<Session>, AccessError> {
        let found = self.session_as_it_is(word, now)?;
        if let Some(found) = &found
            && found.seen.0 + SEEN_EVERY < now.0
        {
            let hash = hashed(word);
            self.write(move |book| {
                book.execute("UPDATE session SET seen = ?2 WHERE hash = ?1", params![hash, now.0])
            })
            .await?;
        }
        Ok(found)
    }

    /// The same without its owner having been seen.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn session_as_it_is(&self, word: &str, now: Millis) -> Result<Option<Session>, AccessError> {
        let hash = hashed(word);
        let sql = format!("SELECT {COLUMNS} FROM session WHERE hash = ?1 AND seen > ?2 AND begun > ?3");
        self.read(|book| {
            book.query_row(&sql, params![hash, now.0 - IDLE, now.0 - LONGEST], session).optional()
        })
    }

    /// Ends the session of a cookie.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn end(&self, word: &str) -> Result<bool, AccessError> {
        let hash = hashed(word);
        self.write(move |book| Ok(book.execute("DELETE FROM session WHERE hash = ?1", [hash])? > 0)).await
    }

    /// Ends one session that a list showed.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn end_one(&self, id: &SessionId) -> Result<bool, AccessError> {
        let id = id.clone();
        let sql = "DELETE FROM session WHERE lower(hex(substr(hash, 1, 6))) = ?1";
        self.write(move |book| Ok(book.execute(sql, [id])? > 0)).await
    }

    /// Ends all sessions of a person; how many there were.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn end_all(&self, person: &str) -> Result<usize, AccessError> {
        let person = person.to_owned();
        self.write(move |book| book.execute("DELETE FROM session WHERE person = ?1", [person])).await
    }

    /// All that are not over.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn sessions(&self, now: Millis) -> Result<Vec<Session>, AccessError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM session WHERE seen > ?1 AND begun > ?2 ORDER BY person, begun LIMIT 100000"
        );
        self.list(|book| {
            book.prepare_cached(&sql)?.query_map([now.0 - IDLE, now.0 - LONGEST], session)?.collect()
        })
    }
}
