//! A link that lets a person choose a password, once and for some days. Also for whoever forgot theirs.

use rusqlite::{OptionalExtension, params};
use yizhan_workflow::id::Millis;

use crate::book::{Access, AccessError};
use crate::password;
use crate::secret::{Secret, hashed};

const GOOD_FOR: i64 = 3 * 24 * 3_600_000;

/// Whom a link invites, and until when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invitation {
    pub person: String,
    pub expires: Millis,
}

impl Access {
    /// Makes a link's word for a person. The ones before no longer count.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn invite(&self, person: &str, by: &str, now: Millis) -> Result<Secret, AccessError> {
        let secret = Secret::new("yzi").map_err(|_| AccessError::NoChance)?;
        let (hash, person, by) = (secret.hashed(), person.to_owned(), by.to_owned());
        self.write(move |book| {
            book.execute("DELETE FROM invitation WHERE person = ?1 OR expires < ?2", params![person, now.0])?;
            book.execute(
                "INSERT INTO invitation (hash, person, made_by, made, expires) VALUES (?1, ?2, ?3, ?4, ?5)",
                params![hash, person, by, now.0, now.0 + GOOD_FOR],
            )
        })
        .await?;
        Ok(secret)
    }

    /// Whom a word invites; nobody if it is unknown, used up or too old.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn invitation(&self, word: &str, now: Millis) -> Result<Option<Invitation>, AccessError> {
        let hash = hashed(word);
        self.read(|book| {
            let sql = "SELECT person, expires FROM invitation WHERE hash = ?1 AND expires > ?2";
            let one = |row: &rusqlite::Row<'_>| {
                Ok(Invitation { person: row.get(0)?, expires: Millis(row.get(1)?) })
            };
            book.query_row(sql, params![hash, now.0], one).optional()
        })
    }

    /// Sets the password of whom the word invites, uses the word up, and ends every session there was. Whether the word
    /// was good: of two at once, one is.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn accept(
        &self,
        word: &str,
        new: &str,
        now: Millis,
    ) -> Result<Option<Invitation>, AccessError> {
        let Some(invitation) = self.invitation(word, now)? else { return Ok(None) };
        let kept = self.hash(new.to_owned()).await?;
        let (hash, person) = (hashed(word), invitation.person.clone());
        let good = self.write(move |book| {
            if book.execute("DELETE FROM invitation WHERE hash = ?1", [hash])? == 0 {
                return Ok(false);
            }
            book.execute("DELETE FROM session WHERE person = ?1", [&person])?;
            book.execute(
                "INSERT OR REPLACE INTO password (person, hash, since) VALUES (?1, ?2, ?3)",
                params![person, kept, now.0],
            )?;
            Ok(true)
        });
        Ok(good.await?.then_some(invitation))
    }

    /// Whether the password is this person's. Takes as long for those who have none.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn knows(&self, person: &str, given: &str) -> Result<bool, AccessError> {
        let kept: Option<String> = self.read(|book| {
            book.query_row("SELECT hash FROM password WHERE person = ?1", [person], |row| row.get(0))
                .optional()
        })?;
        let given = zeroize::Zeroizing::new(given.to_owned());
        self.work(move || password::is(&given, kept.as_deref())).await
    }

    /// Those who have a password, and since when.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn with_password(&self) -> Result<Vec<(String, Millis)>, AccessError> {
        self.list(|book| {
            let mut all = book.prepare_cached("SELECT person, since FROM password ORDER BY person")?;
            all.query_map([], |row| Ok((row.get(0)?, Millis(row.get(1)?))))?.collect()
        })
    }

    /// Takes password, invitation, sessions and tokens of a person away.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn shut_out(&self, person: &str) -> Result<(), AccessError> {
        let person = person.to_owned();
        self.write(move |book| {
            for table in ["password", "invitation", "session", "token"] {
                book.execute(&format!("DELETE FROM {table} WHERE person = ?1"), [&person])?;
            }
            Ok(())
        })
        .await
    }

    async fn hash(&self, new: String) -> Result<String, AccessError> {
        let new = zeroize::Zeroizing::new(new);
        let mut salt = [0_u8; 16];
        if rustix::rand::getrandom(&mut salt, rustix::rand::GetRandomFlags::empty()) != Ok(salt.len()) {
            return Err(AccessError::NoChance);
        }
        self.work(move || password::kept(&new, &salt)).await?.ok_or(AccessError::NoChance)
    }

    /// Slow work, few at once, on a thread where that holds up nobody.
    pub(crate) async fn work<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, AccessError> {
        let turn = self.hashing.clone().acquire_owned().await.map_err(|_| AccessError::NotWritten)?;
        // Whoever hangs up meanwhile does not end the work, so it keeps its place.
        let work = move || {
            let done = work();
            drop(turn);
            done
        };
        tokio::task::spawn_blocking(work).await.map_err(|_| AccessError::NotWritten)
    }
}
