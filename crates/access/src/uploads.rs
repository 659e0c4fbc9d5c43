//! Who sent which file, and when: so that a file is named only by whoever had it, and nobody fills the disk.

use rusqlite::params;
use yizhan_workflow::id::Millis;

use crate::book::{Access, AccessError};

const DAY: i64 = 86_400_000;
/// As long as drafts are kept: then a file that nobody named is sent once more.
const KEPT: i64 = 31 * DAY;

pub(crate) const TABLE: &str = "
    CREATE TABLE IF NOT EXISTS upload (
        who TEXT NOT NULL, sha256 TEXT NOT NULL, at INTEGER NOT NULL, bytes INTEGER NOT NULL, PRIMARY KEY (who, sha256)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS upload_of_day ON upload (who, at, bytes);
    CREATE INDEX IF NOT EXISTS upload_by_time ON upload (at);
";

/// What one sender may send within a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UploadsMost {
    pub files: u64,
    pub bytes: u64,
}

impl Access {
    /// Notes that somebody sends a file; whether that is within their day. The same file counts once.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn sends(
        &self,
        who: &str,
        (sha256, bytes): (&str, usize),
        most: UploadsMost,
        now: Millis,
    ) -> Result<bool, AccessError> {
        let (who, sha256) = (who.to_owned(), sha256.to_owned());
        let signed = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        let (bytes, files_most, bytes_most) = (signed(bytes as u64), signed(most.files), signed(most.bytes));
        self.write(move |book| {
            let sql = "SELECT count(*), coalesce(sum(bytes), 0) FROM upload WHERE who = ?1 AND at > ?2 AND sha256 <> ?3";
            let (files, sent): (i64, i64) = book
                .prepare_cached(sql)?
                .query_row(params![who, now.0 - DAY, sha256], |row| Ok((row.get(0)?, row.get(1)?)))?;
            if files >= files_most || bytes > bytes_most.saturating_sub(sent) {
                return Ok(false);
            }
            let sql = "INSERT INTO upload (who, sha256, at, bytes) VALUES (?1, ?2, ?3, ?4)
                       ON CONFLICT (who, sha256) DO UPDATE SET at = excluded.at";
            book.prepare_cached(sql)?.execute(params![who, sha256, now.0, bytes])?;
            book.prepare_cached("DELETE FROM upload WHERE at < ?1")?.execute([now.0 - KEPT])?;
            Ok(true)
        })
        .await
    }

    /// Whether somebody sent this file.
    ///
    /// # Errors
    /// When the file of accounts cannot be read.
    pub fn has_sent(&self, who: &str, sha256: &str) -> Result<bool, AccessError> {
        let sql = "SELECT 1 FROM upload WHERE who = ?1 AND sha256 = ?2";
        self.read(|book| book.prepare_cached(sql)?.exists([who, sha256]))
    }
}
