//! API tokens: what a program shows instead of a password. One may no more than it was made for, and ends some day.

use rusqlite::{OptionalExtension, Row, params};
use serde::Serialize;
use utoipa::ToSchema;
use yizhan_workflow::id::Millis;
use yizhan_workflow::people::rights::{Grant, Role};

use crate::book::{Access, AccessError};
use crate::secret::{Secret, hashed};

/// A token as it is known here: without its word.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Token {
    pub name: String,
    /// In whose name it acts (a bare id): then it may no more than this person either.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub person: Option<String>,
    /// `viewer`, `worker`, `operator`, `author` or `admin`.
    #[schema(value_type = String)]
    pub may: Role,
    /// On which workflows, as in `on` of `[right.…]`.
    pub on: Vec<String>,
    pub made_by: String,
    /// In milliseconds since 1970.
    #[schema(value_type = i64)]
    pub made: Millis,
    /// In milliseconds since 1970.
    #[schema(value_type = i64)]
    pub expires: Millis,
}

/// What a new one is to be.
#[derive(Clone, Debug)]
pub struct NewToken {
    pub name: String,
    pub person: Option<String>,
    pub may: Role,
    pub on: Vec<String>,
    pub expires: Millis,
}

const COLUMNS: &str = "name, person, may, workflows, made_by, made, expires";

fn token(row: &Row<'_>) -> rusqlite::Result<Token> {
    let (may, on): (String, String) = (row.get(2)?, row.get(3)?);
    let bad =
        |column| rusqlite::Error::InvalidColumnType(column, "may".to_owned(), rusqlite::types::Type::Text);
    Ok(Token {
        name: row.get(0)?,
        person: row.get(1)?,
        may: may.parse().map_err(|_| bad(2))?,
        on: on.lines().map(str::to_owned).collect(),
        made_by: row.get(4)?,
        made: Millis(row.get(5)?),
        expires: Millis(row.get(6)?),
    })
}

impl Token {
    /// What it was made for.
    #[must_use]
    pub fn grant(&self) -> Grant {
        Grant { who: vec![], may: self.may, on: self.on.clone() }
    }
}

impl Access {
    /// Makes a token; `None` if there is one of this name.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn make_token(
        &self,
        new: NewToken,
        by: &str,
        now: Millis,
    ) -> Result<Option<Secret>, AccessError> {
        let secret = Secret::new("yzt").map_err(|_| AccessError::NoChance)?;
        let (hash, by) = (secret.hashed(), by.to_owned());
        let made = self.write(move |book| {
            book.execute("DELETE FROM token WHERE name = ?1 AND expires <= ?2", params![new.name, now.0])?;
            book.execute(
                "INSERT OR IGNORE INTO token (name, hash, person, may, workflows, made_by, made, expires)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
                params![
                    new.name,
                    hash,
                    new.person,
                    new.may.as_str(),
                    new.on.join("\n"),
                    by,
                    now.0,
                    new.expires.0
                ],
            )
        });
        Ok((made.await? > 0).then_some(secret))
    }

    /// Which token a word is; none if it is unknown or over.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn token(&self, word: &str, now: Millis) -> Result<Option<Token>, AccessError> {
        let sql = format!("SELECT {COLUMNS} FROM token WHERE hash = ?1 AND expires > ?2");
        self.read(|book| book.query_row(&sql, params![hashed(word), now.0], token).optional())
    }

    /// All there are, also those that are over.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn tokens(&self) -> Result<Vec<Token>, AccessError> {
        let sql = format!("SELECT {COLUMNS} FROM token ORDER BY name LIMIT 100000");
        self.list(|book| book.prepare_cached(&sql)?.query_map([], token)?.collect())
    }

    /// Takes a token back; whether there was one.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn revoke(&self, name: &str) -> Result<bool, AccessError> {
        let name = name.to_owned();
        self.write(move |book| Ok(book.execute("DELETE FROM token WHERE name = ?1", [name])? > 0)).await
    }
}
