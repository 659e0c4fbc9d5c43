//! Writes down the head of each register and of the audit from time to time, beside the store and in the log: who writes one
//! anew as a whole, or cuts off its end, is found by what was written down before.

use std::collections::BTreeMap;
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use yizhan_access::{Access, AccessError, Head as AuditHead};
use yizhan_engine::Engine;
use yizhan_engine::store::StoreError;
use yizhan_workflow::id::Millis;
use yizhan_workflow::register::Head;

use crate::home::Home;

/// A day is what an inspection asks for; an hour costs nothing either.
const EVERY: Duration = Duration::from_secs(3600);

/// Where they are written: `2026-11-22T09:00:00Z 17 <hash> 来电登记`, a line each.
pub(crate) fn file(home: &Home) -> PathBuf {
    home.data.join("registers.heads")
}

/// The same of the audit, whose name is `audit` there.
pub(crate) fn of_audit(home: &Home) -> PathBuf {
    home.data.join("audit.heads")
}

/// The heads of the audit that were written down; none, if none was.
pub(crate) fn read_audit(path: &Path) -> std::io::Result<Vec<AuditHead>> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    // A line that was cut by a crash says nothing, nor does the one that was written on behind it.
    let heads = text.lines().filter_map(|line| read(line).ok()).flatten();
    let heads = heads.filter(|(_, head)| &*head.register == "audit");
    let head =
        |head: Head| Some(AuditHead { seq: i64::try_from(head.seq).ok()?, hash: head.hash.to_string() });
    Ok(heads.filter_map(|(_, known)| head(known)).collect())
}

/// Writes down the newest line of the audit, if there is one since the last time.
pub(crate) fn note_audit(home: &Home, access: &Access, now: Millis) {
    let noted = || -> Result<(), HeadsError> {
        let path = of_audit(home);
        let known = read_audit(&path)?.pop();
        let Some(head) = access.head()?.filter(|head| Some(head) != known.as_ref()) else { return Ok(()) };
        let AuditHead { seq, hash } = head;
        let mut file = std::fs::OpenOptions::new().append(true).create(true).open(path)?;
        writeln!(file, "{now} {seq} {hash} audit")?;
        tracing::info!(line = seq, hash, "the head of the audit");
        Ok(file.sync_all()?)
    };
    if let Err(error) = noted() {
        tracing::error!(%error, "the head of the audit could not be written down");
    }
}

/// The heads of such a file with their instants; the error is the line that is none.
pub(crate) fn read(text: &str) -> Result<Vec<(String, Head)>, usize> {
    let line = |(number, line): (usize, &str)| {
        let parts: Vec<&str> = line.splitn(4, ' ').collect();
        let [at, seq, hash, register] = parts.as_slice() else { return Err(number) };
        let seq = seq.parse().map_err(|_| number)?;
        let (register, hash): (Arc<str>, Arc<str>) = ((*register).into(), (*hash).into());
        Ok(((*at).to_owned(), Head { register, seq, hash }))
    };
    (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty()).map(line).collect()
}

/// Goes on until dropped.
pub(crate) async fn keep(home: Home, engine: Engine, access: Arc<Access>) {
    let mut known = BTreeMap::new();
    loop {
        let (place, accounts, now) = (home.clone(), access.clone(), engine.shared.now());
        drop(tokio::task::spawn_blocking(move || note_audit(&place, &accounts, now)).await);
        let (path, shared) = (file(&home), engine.shared.clone());
        let before = std::mem::take(&mut known);
        let wrote = tokio::task::spawn_blocking(move || write(&path, &*shared.reads, shared.now(), before));
        match wrote.await {
            Ok(Ok(heads)) => known = heads,
            Ok(Err(error)) => tracing::error!(%error, "the heads of the registers could not be written down"),
            Err(error) => tracing::error!(%error, "writing the heads of the registers broke off"),
        }
        tokio::time::sleep(EVERY).await;
    }
}

type Heads = BTreeMap<Arc<str>, u64>;

#[derive(Debug, thiserror::Error)]
enum HeadsError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Accounts(#[from] AccessError),
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

/// Those that have grown since the last time. What is there already is never touched.
fn write(
    path: &Path,
    reads: &dyn yizhan_engine::store::Reads,
    now: Millis,
    mut known: Heads,
) -> Result<Heads, HeadsError> {
    if known.is_empty() && path.exists() {
        let text = std::fs::read_to_string(path)?;
        // A line that was cut by a crash says nothing.
        let heads = text.lines().filter_map(|line| read(line).ok()).flatten();
        known.extend(heads.map(|(_, head)| (head.register, head.seq)));
    }
    let heads = reads.register_heads()?;
    let new: Vec<&Head> = heads.iter().filter(|head| known.get(&head.register) != Some(&head.seq)).collect();
    if !new.is_empty() {
        let mut file = std::fs::OpenOptions::new().append(true).create(true).open(path)?;
        for Head { register, seq, hash } in &new {
            writeln!(file, "{now} {seq} {hash} {register}")?;
            tracing::info!(register = &**register, line = seq, hash = &**hash, "the head of a register");
        }
        file.sync_all()?;
    }
    known.extend(heads.iter().map(|head| (head.register.clone(), head.seq)));
    Ok(known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_a_full_disk_cut_bears_no_witness_against_the_audit() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.heads");
        assert_eq!(read_audit(&path).unwrap(), []);
        let lines = "2026-11-22T09:00:00Z 17 ab12 audit\n2026-11-22T10:00:00Z 18 cd2026-11-22T11:00:00Z 19 ef56 audit\n\
                     2026-11-22T12:00:00Z 20 0a9b audit\n2026-11-22T13:00:00Z 2";
        std::fs::write(&path, lines).unwrap();
        let known = [(17, "ab12"), (20, "0a9b")].map(|(seq, hash)| AuditHead { seq, hash: hash.to_owned() });
        assert_eq!(read_audit(&path).unwrap(), known);
    }

    #[test]
    fn what_was_written_down_reads_back_with_names_in_any_language() {
        let text = "2026-11-22T09:00:00Z 17 ab12 来电 登记\n\n2026-11-23T09:00:00Z 18 cd34 罚单\n";
        let heads = read(text).unwrap();
        assert_eq!(&*heads[0].1.register, "来电 登记");
        assert_eq!(
            (heads[1].0.as_str(), heads[1].1.seq, &*heads[1].1.hash),
            ("2026-11-23T09:00:00Z", 18, "cd34")
        );
        assert_eq!(read("2026-11-22 x y z\n"), Err(1));
    }
}
