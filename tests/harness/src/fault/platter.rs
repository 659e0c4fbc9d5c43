//! What the disk that lies has of a home's data, and what is left of the data when the power goes: of each file what was
//! synced, and of each folder the names that were, or those that stand there now (a disk writes them by itself, too, and
//! in which order is its own affair).

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::UNIX_EPOCH;

use super::disk::{Control, library};
use crate::load::Dice;

/// What a disk writes whole or not at all.
const SECTOR: usize = 512;

/// Stands in a folder whose own name is on the disk.
const NAMED: &str = ".named";

/// Stays as it is: plugins write here, whose processes know nothing of this disk, and who call the kernel without the C
/// library where they are in the daemon's own. For the checker these are receivers outside of the house.
const OUTSIDE: [&str; 2] = ["files", "mail"];

/// An index in shared memory does not outlive a machine; it is made anew at the next start.
const SHARED: &str = "-shm";

pub(super) struct Platter {
    data: PathBuf,
    synced: PathBuf,
}

/// What went when the power did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Lost {
    /// Sectors that came to the disk though nobody synced them.
    pub torn: u64,
    /// Files whose content was not all there,
    pub shortened: u64,
    /// and names that came or went.
    pub names: u64,
}

impl Lost {
    pub(super) fn add(&mut self, other: Self) {
        self.torn += other.torn;
        self.shortened += other.shortened;
        self.names += other.names;
    }
}

impl Platter {
    /// Under a home that no daemon has written to yet: what is there is on the disk.
    pub(super) fn of(home: &Path) -> std::io::Result<Self> {
        let platter = Self { data: home.join("data"), synced: home.join("synced") };
        platter.take_as_synced()?;
        Ok(platter)
    }

    /// The program on this disk.
    pub(super) fn under(&self, mut program: Command, binary: &Path, control: &Control) -> Command {
        program
            .env("LD_PRELOAD", library(binary))
            .env("YIZHAN_DISK_ROOT", &self.data)
            .env("YIZHAN_DISK_SYNCED", &self.synced)
            .env("YIZHAN_DISK_CONTROL", &control.0);
        program
    }

    /// The power goes, and comes again: the data are what the disk has of them. Where it `tears`, sectors that were not
    /// synced may be there all the same.
    pub(super) fn lose(&self, dice: &mut Dice, tears: bool) -> std::io::Result<Lost> {
        let there = self.there()?;
        let kept = if dice.below(2) == 0 { self.names()? } else { self.names_of_now(&there)? };
        self.put_back(&there, &kept, dice, tears)
    }

    /// A sync failed and the program that asked for it has ended: the content that was not synced is gone, the names stay.
    pub(super) fn lose_content(&self, dice: &mut Dice) -> std::io::Result<Lost> {
        let there = self.there()?;
        self.put_back(&there, &self.names_of_now(&there)?, dice, true)
    }

    fn put_back(
        &self,
        there: &BTreeSet<PathBuf>,
        kept: &BTreeMap<PathBuf, PathBuf>,
        dice: &mut Dice,
        tears: bool,
    ) -> std::io::Result<Lost> {
        let mut lost = Lost::default();
        for (name, content) in kept {
            let (path, content) = (self.data.join(name), fs::read(content).or_else(none)?);
            let now = fs::read(&path).or_else(none)?;
            let mut left = content.clone();
            if tears && dice.below(4) > 0 && there.contains(name) {
                lost.torn += tear(&now, &mut left, dice);
            }
            lost.names += u64::from(!there.contains(name));
            if left != now || !there.contains(name) {
                lost.shortened += u64::from(there.contains(name));
                fs::create_dir_all(path.parent().unwrap_or(&self.data))?;
                File::create(&path)?.write_all(&left)?;
            }
        }
        for name in there.iter().filter(|name| !kept.contains_key(*name)) {
            lost.names += 1;
            fs::remove_file(self.data.join(name))?;
        }
        self.drop_shared()?;
        self.take_as_synced()?;
        Ok(lost)
    }

    fn drop_shared(&self) -> std::io::Result<()> {
        let mut shared = vec![];
        each_file(&self.data, &|_| false, &mut |file| {
            if file.to_string_lossy().ends_with(SHARED) {
                shared.push(file.to_owned());
            }
        })?;
        shared.iter().try_for_each(fs::remove_file)
    }

    /// All that is there is on the disk, as after a start of the machine.
    fn take_as_synced(&self) -> std::io::Result<()> {
        match fs::remove_dir_all(&self.synced) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
        let (contents, names) = (self.synced.join("content"), self.synced.join("names"));
        fs::create_dir_all(&contents)?;
        fs::create_dir_all(&names)?;
        for name in self.there()? {
            let path = self.data.join(&name);
            let content = contents.join(key(&path)?);
            fs::copy(&path, &content)?;
            let folders = name.ancestors().skip(1).filter(|folder| !folder.as_os_str().is_empty());
            for folder in folders.map(|folder| names.join(folder)) {
                fs::create_dir_all(&folder)?;
                fs::write(folder.join(NAMED), [])?;
            }
            fs::hard_link(&content, names.join(&name))?;
        }
        Ok(())
    }

    /// The files below the data of which the disk knows.
    fn there(&self) -> std::io::Result<BTreeSet<PathBuf>> {
        let mut found = BTreeSet::new();
        each_file(
            &self.data,
            &|folder| OUTSIDE.iter().any(|outside| folder == self.data.join(outside)),
            &mut |file| {
                if !file.to_string_lossy().ends_with(SHARED) {
                    found.extend(file.strip_prefix(&self.data).map(Path::to_owned));
                }
            },
        )?;
        Ok(found)
    }

    /// The names that were synced, each with where its content is. A folder that has no name is not to be found.
    fn names(&self) -> std::io::Result<BTreeMap<PathBuf, PathBuf>> {
        let (names, mut found) = (self.synced.join("names"), BTreeMap::new());
        each_file(&names, &|folder| !folder.join(NAMED).exists(), &mut |file| {
            if file.file_name().is_some_and(|name| name != NAMED)
                && !file.to_string_lossy().ends_with(SHARED)
                && let Ok(name) = file.strip_prefix(&names)
            {
                found.insert(name.to_owned(), file.to_owned());
            }
        })?;
        Ok(found)
    }

    /// The names as they stand there now. A file that was never synced is empty.
    fn names_of_now(&self, there: &BTreeSet<PathBuf>) -> std::io::Result<BTreeMap<PathBuf, PathBuf>> {
        let content = |name: &PathBuf| {
            Ok((name.clone(), self.synced.join("content").join(key(&self.data.join(name))?)))
        };
        there.iter().map(content).collect()
    }
}

fn none(error: std::io::Error) -> std::io::Result<Vec<u8>> {
    if error.kind() == ErrorKind::NotFound { Ok(vec![]) } else { Err(error) }
}

/// Every regular file below, but in folders that are passed over.
fn each_file(
    folder: &Path,
    passes: &dyn Fn(&Path) -> bool,
    show: &mut dyn FnMut(&Path),
) -> std::io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let (path, kind) = (entry.path(), entry.file_type()?);
        if kind.is_file() {
            show(&path);
        } else if kind.is_dir() && !passes(&path) {
            each_file(&path, passes, show)?;
        }
    }
    Ok(())
}

/// Which file this is, as the disk names it.
fn key(path: &Path) -> std::io::Result<String> {
    let file = fs::symlink_metadata(path)?;
    let born = file.created()?.duration_since(UNIX_EPOCH).unwrap_or_default();
    Ok(format!("{}-{}.{:09}", file.ino(), born.as_secs(), born.subsec_nanos()))
}

/// Some of the sectors that differ came to the disk before the power went.
fn tear(now: &[u8], left: &mut Vec<u8>, dice: &mut Dice) -> u64 {
    let mut torn = 0;
    for (number, sector) in now.chunks(SECTOR).enumerate() {
        let at = number * SECTOR;
        let same = left.get(at..at + sector.len()).is_some_and(|was| was == sector);
        if !same && dice.below(2) == 0 {
            left.resize(left.len().max(at + sector.len()), 0);
            left[at..at + sector.len()].copy_from_slice(sector);
            torn += 1;
        }
    }
    torn
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A home with what was synced, what was written since, and a folder whose name never came to the disk.
    fn home() -> (tempfile::TempDir, Platter) {
        let home = tempfile::tempdir().unwrap();
        let data = home.path().join("data");
        fs::create_dir_all(data.join("files")).unwrap();
        fs::write(data.join("a.db"), "old").unwrap();
        fs::write(data.join("files/sent"), "old").unwrap();
        let platter = Platter::of(home.path()).unwrap();
        fs::write(data.join("a.db"), "new, and longer").unwrap();
        fs::write(data.join("files/sent"), "new").unwrap();
        fs::create_dir_all(data.join("below")).unwrap();
        for name in ["b", "below/c", "a.db-shm"] {
            fs::write(data.join(name), "never synced").unwrap();
        }
        (home, platter)
    }

    #[test]
    fn what_was_not_synced_is_gone_or_empty_and_what_receivers_have_stays() {
        let (mut gone, mut empty) = (0, 0);
        for seed in 0..20 {
            let (home, platter) = home();
            let lost = platter.lose(&mut Dice::new(seed), false).unwrap();
            let read = |name: &str| fs::read_to_string(home.path().join("data").join(name)).ok();
            assert_eq!((read("a.db").as_deref(), read("files/sent").as_deref()), (Some("old"), Some("new")));
            assert_eq!(read("a.db-shm"), None);
            assert_eq!(read("b"), read("below/c"));
            match read("b").as_deref() {
                None => gone += 1,
                Some(left) => {
                    assert_eq!(left, "");
                    empty += 1;
                }
            }
            assert_eq!(lost.torn, 0);
            // What is left is on the disk: to lose the power again takes nothing more.
            assert_eq!(platter.lose(&mut Dice::new(seed), false).unwrap(), Lost::default());
        }
        assert!(gone > 0 && empty > 0, "{gone} {empty}");
    }

    #[test]
    fn after_a_sync_that_failed_the_names_are_there_and_the_content_is_that_of_the_last_sync_or_torn() {
        for seed in 0..20 {
            let (home, platter) = home();
            assert_eq!(platter.lose_content(&mut Dice::new(seed)).unwrap().names, 0);
            let left = fs::read_to_string(home.path().join("data/b")).unwrap();
            assert!(["", "never synced"].contains(&&*left), "{left}");
        }
    }

    #[test]
    fn sectors_that_nobody_synced_may_be_there_and_never_more_than_were_written() {
        let mut torn = 0;
        for seed in 0..20 {
            let (home, platter) = home();
            torn += platter.lose(&mut Dice::new(seed), true).unwrap().torn;
            let left = fs::read_to_string(home.path().join("data/a.db")).unwrap();
            assert!(["old", "new, and longer"].contains(&&*left), "{left}");
        }
        assert!(torn > 0);
    }
}
