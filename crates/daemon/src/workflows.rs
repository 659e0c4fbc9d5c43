//! Reads the folder of workflows: every file as it lies there now, and what is wrong with it.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::Metadata;
use std::io::Read as _;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt as _};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use yizhan_workflow::catalogue::Catalogue;
use yizhan_workflow::definition::{self, FileOf, Files, House, MOST_TEXT, Neighbours, Read, Survey};
use yizhan_workflow::plan::Source;
use yizhan_workflow::problem::{Place, Problem, render};
use yizhan_workflow::testing::ENDING;

use crate::language::Language;

/// Folders whose files belong to workflows and are none themselves.
const BESIDE: [&str; 3] = ["demo", "tables", "mail"];
/// Deeper than any department's folder; a ring of links ends here.
const DEEPEST: usize = 16;

/// What tells one state of a file from the next. The inode and its change time see even a replacement that kept size
/// and time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
    inode: u64,
}

impl Stamp {
    pub(crate) fn of(at: &Metadata) -> Self {
        Self {
            size: at.size(),
            modified: (at.mtime(), at.mtime_nsec()),
            changed: (at.ctime(), at.ctime_nsec()),
            inode: at.ino(),
        }
    }

    /// `None` where nothing is.
    pub(crate) fn at(path: &Path) -> Option<Self> {
        std::fs::metadata(path).ok().map(|at| Self::of(&at))
    }
}

/// A file with everything that it names, as it was read.
#[derive(Debug)]
pub(crate) struct FileRead {
    pub(crate) path: PathBuf,
    /// How people call it: from the home on.
    pub(crate) shown: String,
    /// The workflow's name.
    pub(crate) name: String,
    /// The file's own text under "", those that it names under the path as it writes them.
    texts: BTreeMap<String, String>,
    pub(crate) outcome: Result<Read, Vec<Problem>>,
    /// Of a file with faults what can be read in spite of them.
    partial: Option<Read>,
    /// Of the file and of all that it names: while they stand, it need not be read again.
    stamps: Vec<(PathBuf, Option<Stamp>)>,
}

impl FileRead {
    pub(crate) fn is_current(&self) -> bool {
        self.stamps.iter().all(|(path, stamp)| Stamp::at(path) == *stamp)
    }

    /// Everything that is wrong with it; errors first, as they keep it from being put in force.
    pub(crate) fn check(&self, house: House<'_>) -> Checked {
        let (read, mut problems) = match &self.outcome {
            Ok(read) => (Some(read), Vec::new()),
            Err(problems) => (self.partial.as_ref(), problems.clone()),
        };
        if let Some(read) = read {
            problems.extend(read.warnings.clone());
            problems.extend(definition::check(read, house));
        }
        let others: Vec<&String> =
            house.workflows.paths(&self.name).iter().filter(|path| **path != self.shown).collect();
        if let [other, ..] = others.as_slice() {
            let problem = Problem::error("YZ0194", Place::at(0..0)).name("name", &*self.name);
            problems.push(problem.name("other", *other));
        }
        problems.sort_by(|one, other| one.place.cmp(&other.place).then(one.code.cmp(other.code)));
        problems.dedup();
        if !is_name(&self.name) && !problems.iter().any(|problem| problem.code == "YZ0111") {
            problems.push(Problem::error("YZ0199", Place::at(0..0)).name("name", &*self.name));
        }
        let (errors, warnings) = problems.into_iter().partition(Problem::is_error);
        Checked { errors, warnings }
    }

    pub(crate) fn render(&self, problems: &[Problem], language: Language, colour: bool) -> Vec<String> {
        let one = |problem: &Problem| {
            render(std::slice::from_ref(problem), &self.shown, &self.texts, language.lang(), colour)
        };
        problems.iter().map(one).collect()
    }

    pub(crate) fn texts(&self) -> &BTreeMap<String, String> {
        &self.texts
    }
}

#[derive(Debug, Default)]
pub(crate) struct Checked {
    pub(crate) errors: Vec<Problem>,
    pub(crate) warnings: Vec<Problem>,
}

/// `[a-z0-9-]+`: it stands in addresses, keys and on the command line.
fn is_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|c| matches!(c, b'a'..=b'z' | b'0'..=b'9' | b'-'))
}

/// The files a workflow names, read from beside it and from nowhere above `root`.
struct Beside<'a> {
    folder: &'a Path,
    root: &'a Path,
    read: RefCell<Vec<(PathBuf, Option<Stamp>)>>,
    texts: RefCell<BTreeMap<String, String>>,
}

impl Files for Beside<'_> {
    fn read(&self, path: &str) -> Result<String, String> {
        let full = lexical(&self.folder.join(path));
        if Path::new(path).is_absolute() || !full.starts_with(self.root) {
            return Err("it lies outside the folder of workflows".to_owned());
        }
        self.read.borrow_mut().push((full.clone(), Stamp::at(&full)));
        let bytes = bytes_of(&full).map_err(|error| error.to_string())?;
        if bytes.len() > MOST_TEXT {
            return Err(format!("it is larger than {} MiB", MOST_TEXT >> 20));
        }
        let text = String::from_utf8(bytes).map_err(|_| "it is no UTF-8 text".to_owned())?;
        self.texts.borrow_mut().insert(path.to_owned(), text.clone());
        Ok(text)
    }
}

/// One byte more than may be, so that a larger file is known for one and not read whole. What is no file is not waited
/// for: a pipe that nobody writes into would hold up everything.
fn bytes_of(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let flags = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
    let file = std::fs::File::options().read(true).custom_flags(flags).open(path)?;
    if !file.metadata()?.is_file() {
        return Err(std::io::Error::other("it is no file"));
    }
    file.take(MOST_TEXT as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Without `.` and `..`, as the path is written: no look at the disk, so no link is followed.
fn lexical(path: &Path) -> PathBuf {
    path.components().fold(PathBuf::new(), |mut clean, part| {
        match part {
            Component::ParentDir => drop(clean.pop()),
            Component::CurDir => {}
            Component::Normal(_) | Component::RootDir | Component::Prefix(_) => clean.push(part),
        }
        clean
    })
}

/// Reads one file. `home` is what shown paths begin after, `root` what a workflow's files may not lead out of.
pub(crate) fn read_file(path: &Path, home: &Path, root: &Path) -> FileRead {
    let shown = path.strip_prefix(home).unwrap_or(path).display().to_string();
    let name = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    let stamp = Stamp::at(path);
    let folder = path.parent().unwrap_or(root);
    let files = Beside { folder, root, read: RefCell::default(), texts: RefCell::default() };
    let (own, survey) = read_text(path, &name, &files);
    let (outcome, partial) = match survey {
        Survey { read: Some(read), problems } if problems.is_empty() => (Ok(read), None),
        Survey { read, problems } => (Err(problems), read),
    };
    let mut texts = files.texts.into_inner();
    texts.insert(String::new(), own);
    let mut stamps = files.read.into_inner();
    stamps.push((path.to_owned(), stamp));
    FileRead { path: path.to_owned(), shown, name, texts, outcome, partial, stamps }
}

fn read_text(path: &Path, name: &str, files: &Beside<'_>) -> (String, Survey) {
    let nothing = |problem| Survey { read: None, problems: vec![problem] };
    let bytes = match bytes_of(path) {
        Ok(bytes) => bytes,
        Err(error) => {
            let problem = Problem::error("YZ0100", Place::at(0..0)).name("why", error.to_string());
            return (String::new(), nothing(problem));
        }
    };
    match definition::text_of(&bytes) {
        Err(problem) => (String::new(), nothing(*problem)),
        Ok(text) => {
            let source = Source { name: name.to_owned(), text: text.to_owned(), files: BTreeMap::new() };
            (text.to_owned(), definition::survey(&source, files))
        }
    }
}

/// The workflows' files below a folder.
#[derive(Debug, Default)]
pub(crate) struct Below {
    pub(crate) files: BTreeSet<PathBuf>,
    /// Folders that are there and cannot be looked into, with the reason: what lies in them is not known.
    pub(crate) closed: BTreeMap<PathBuf, String>,
}

impl Below {
    fn is_closed(&self, path: &Path) -> bool {
        self.closed.keys().any(|folder| path.starts_with(folder))
    }
}

pub(crate) fn find(folder: &Path) -> Below {
    let mut found = Below::default();
    walk(folder, DEEPEST, &mut found, &is_workflow);
    found
}

/// The files of tests below a folder.
pub(crate) fn walk_tests(folder: &Path) -> BTreeSet<PathBuf> {
    let mut found = Below::default();
    walk(folder, DEEPEST, &mut found, &|name| name.ends_with(ENDING));
    found.files
}

/// Files that were probably meant to be workflows, with the names that they should have: nobody reads them.
pub(crate) fn misnamed(folder: &Path) -> BTreeMap<PathBuf, String> {
    let mut found = Below::default();
    walk(folder, DEEPEST, &mut found, &|name| stem_of_misnamed(name).is_some());
    let stem = |path: &PathBuf| stem_of_misnamed(&path.file_name()?.to_string_lossy()).map(str::to_owned);
    found.files.into_iter().filter_map(|path| Some((path.clone(), stem(&path)?))).collect()
}

fn stem_of_misnamed(name: &str) -> Option<&str> {
    const SLIPS: [&str; 6] = [".toml.txt", ".toml", ".tml", ".tom", ".tolm", ".tmol"];
    let ends = |slip: &&&str| name.len() > slip.len() && name.to_ascii_lowercase().ends_with(**slip);
    let slip = SLIPS.iter().find(ends).filter(|_| !name.ends_with(".toml"))?;
    name.get(..name.len() - slip.len())
}

fn is_workflow(name: &str) -> bool {
    name.ends_with(".toml") && !name.ends_with(ENDING)
}

fn walk(folder: &Path, deeper: usize, found: &mut Below, wanted: &dyn Fn(&str) -> bool) {
    let entries: std::io::Result<Vec<_>> = std::fs::read_dir(folder).and_then(Iterator::collect);
    let entries = match entries {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return,
        Err(error) => return drop(found.closed.insert(folder.to_owned(), error.to_string())),
    };
    for entry in entries {
        let (path, name) = (entry.path(), entry.file_name());
        let name = name.to_string_lossy();
        if name.starts_with('.') {
            continue;
        }
        // A folder of a file's name stands where a workflow should be, and is told as what it is.
        if path.is_dir() && !wanted(&name) {
            if deeper > 0 && !BESIDE.contains(&&*name) {
                walk(&path, deeper - 1, found, wanted);
            }
        } else if wanted(&name) {
            found.files.insert(path);
        }
    }
}

/// All files of the folder, each read once for as long as it stands still.
#[derive(Debug, Default)]
pub(crate) struct Shelf {
    files: BTreeMap<PathBuf, Arc<FileRead>>,
    /// Folders that could not be looked into the last time.
    closed: BTreeMap<PathBuf, String>,
}

impl Shelf {
    /// Reads what is new or has changed, but for the files of `moving`: they stay as they were. Says whether anything
    /// is different now.
    pub(crate) fn look(&mut self, home: &Path, root: &Path, moving: &BTreeSet<PathBuf>) -> bool {
        let found = find(root);
        let before = self.files.len();
        // Of a folder that cannot be read (no right, no descriptor left) nobody knows that its files are gone.
        self.files.retain(|path, _| found.files.contains(path) || found.is_closed(path));
        let mut different = self.files.len() != before;
        for (folder, error) in found.closed.iter().filter(|(folder, _)| !self.closed.contains_key(*folder)) {
            tracing::error!(
                folder = %folder.display(),
                error,
                "this folder cannot be read: its workflows stay as they are until it can"
            );
        }
        self.closed = found.closed;
        for path in found.files {
            let current = self.files.get(&path).is_some_and(|known| known.is_current());
            if !current && !moving.contains(&path) {
                self.files.insert(path.clone(), Arc::new(read_file(&path, home, root)));
                different = true;
            }
        }
        different
    }

    /// Whether another look would find anything.
    pub(crate) fn has_news(&self, root: &Path) -> bool {
        let found = find(root);
        let known = self.files.iter().filter(|(path, _)| !found.is_closed(path));
        let (known, current) =
            known.fold((0, true), |(known, current), (_, file)| (known + 1, current && file.is_current()));
        found.files.len() != known || !current || found.closed != self.closed
    }

    pub(crate) fn files(&self) -> impl Iterator<Item = &Arc<FileRead>> {
        self.files.values()
    }

    /// What each file says of itself to the others.
    pub(crate) fn neighbours(&self, catalogue: &Catalogue) -> Neighbours {
        neighbours(self.files.values().map(|file| &**file), catalogue)
    }
}

pub(crate) fn neighbours<'f>(files: impl Iterator<Item = &'f FileRead>, catalogue: &Catalogue) -> Neighbours {
    let files =
        files.map(|file| FileOf { name: &file.name, path: &file.shown, read: file.outcome.as_ref().ok() });
    Neighbours::of(files, catalogue)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn home(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        folder
    }

    #[test]
    fn files_beside_workflows_tests_and_hidden_ones_are_no_workflows() {
        let home = home(&[
            ("workflows/a.toml", ""),
            ("workflows/shop/b.toml", ""),
            ("workflows/shop/b.test.toml", ""),
            ("workflows/shop/demo/c.toml", ""),
            ("workflows/tables/d.toml", ""),
            ("workflows/shop/mail/e.toml", ""),
            ("workflows/.f.toml", ""),
            ("workflows/.git/g.toml", ""),
            ("workflows/h.txt", ""),
        ]);
        let root = home.path().join("workflows");
        assert_eq!(find(&root).files, [root.join("a.toml"), root.join("shop/b.toml")].into());
    }

    #[test]
    fn a_workflow_reads_nothing_outside_the_folder_of_workflows() {
        let home =
            home(&[("secret", "x"), ("workflows/tables/t.csv", "t"), ("workflows/shop/mail/m.txt", "m")]);
        let (root, folder) = (home.path().join("workflows"), home.path().join("workflows/shop"));
        let files =
            Beside { folder: &folder, root: &root, read: RefCell::default(), texts: RefCell::default() };
        assert_eq!(files.read("mail/m.txt"), Ok("m".to_owned()));
        assert_eq!(files.read("../tables/t.csv"), Ok("t".to_owned()));
        for path in ["../../secret", "/etc/passwd", "../tables/../../secret"] {
            assert!(files.read(path).unwrap_err().contains("outside"), "{path}");
        }
    }

    #[test]
    fn a_binary_file_and_one_that_is_too_large_are_one_fault_each() {
        let home = home(&[("workflows/big.toml", &"#".repeat(10 << 20))]);
        let root = home.path().join("workflows");
        std::fs::write(root.join("binary.toml"), [0x7f, b'E', 0, 1]).unwrap();
        for (name, code) in [("big.toml", "YZ0103"), ("binary.toml", "YZ0102")] {
            let read = read_file(&root.join(name), home.path(), &root);
            let problems = read.outcome.unwrap_err();
            assert_eq!(problems.iter().map(|problem| problem.code).collect::<Vec<_>>(), [code], "{name}");
        }
    }

    #[test]
    fn what_is_no_file_is_one_fault_and_holds_nobody_up() {
        let home = home(&[("workflows/folder.toml/inner.toml", "")]);
        let root = home.path().join("workflows");
        let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
        rustix::fs::mknodat(rustix::fs::CWD, root.join("pipe.toml"), rustix::fs::FileType::Fifo, mode, 0)
            .unwrap();
        std::os::unix::fs::symlink("ring.toml", root.join("ring.toml")).unwrap();
        std::os::unix::fs::symlink("/dev/zero", root.join("device.toml")).unwrap();
        std::os::unix::fs::symlink("nowhere", root.join("lost.toml")).unwrap();
        let mut shelf = Shelf::default();
        assert!(shelf.look(home.path(), &root, &BTreeSet::new()));
        let told: Vec<(&str, &str)> =
            shelf.files().map(|file| (&*file.name, file.outcome.as_ref().unwrap_err()[0].code)).collect();
        let names = ["device", "folder", "lost", "pipe", "ring"];
        assert_eq!(told, names.map(|name| (name, "YZ0100")));
    }

    #[test]
    fn a_file_is_read_again_when_it_or_what_it_names_has_changed_and_only_then() {
        let workflow = "title = 'x'\n[step.a]\nuse = 'echo.echo'\nwith.text = { file = 'mail/a.txt' }\n";
        let home = home(&[("workflows/a.toml", workflow), ("workflows/mail/a.txt", "one")]);
        let root = home.path().join("workflows");
        let mut shelf = Shelf::default();
        let still = BTreeSet::new();
        assert!(shelf.look(home.path(), &root, &still));
        assert!(!shelf.look(home.path(), &root, &still));
        std::fs::write(root.join("mail/a.txt"), "another").unwrap();
        assert!(!shelf.look(home.path(), &root, &BTreeSet::from([root.join("a.toml")])), "it still moves");
        assert!(shelf.look(home.path(), &root, &still));
        std::fs::remove_file(root.join("a.toml")).unwrap();
        assert!(shelf.look(home.path(), &root, &still));
        assert_eq!(shelf.files().count(), 0);
    }

    /// A link to itself cannot be looked into whoever we are; no right and no descriptor left look the same.
    #[test]
    fn the_files_of_a_folder_that_cannot_be_read_stay_until_it_can() {
        let home = home(&[("workflows/shop/a.toml", "title = 'x'"), ("workflows/b.toml", "title = 'x'")]);
        let (root, aside) = (home.path().join("workflows"), home.path().join("aside"));
        let (mut shelf, still) = (Shelf::default(), BTreeSet::new());
        shelf.look(home.path(), &root, &still);
        std::fs::rename(&root, &aside).unwrap();
        std::os::unix::fs::symlink("workflows", &root).unwrap();
        assert!(shelf.has_news(&root));
        assert!(!shelf.look(home.path(), &root, &still));
        assert_eq!(shelf.files().count(), 2, "nobody said that they are gone");
        assert!(!shelf.has_news(&root));
        std::fs::remove_file(&root).unwrap();
        std::fs::rename(&aside, &root).unwrap();
        std::fs::remove_file(root.join("b.toml")).unwrap();
        assert!(shelf.has_news(&root) && shelf.look(home.path(), &root, &still));
        assert_eq!(shelf.files().count(), 1);
    }

    #[test]
    fn two_files_of_one_name_are_a_fault_of_both() {
        let home = home(&[("workflows/a/x.toml", "title = 'x'"), ("workflows/b/x.toml", "title = 'x'")]);
        let mut shelf = Shelf::default();
        shelf.look(home.path(), &home.path().join("workflows"), &BTreeSet::new());
        let catalogue = Catalogue::default();
        for file in shelf.files() {
            let house = House {
                catalogue: &catalogue,
                people: None,
                calendars: None,
                workflows: &shelf.neighbours(&catalogue),
                registers: None,
                today: None,
            };
            let checked = file.check(house);
            assert!(checked.errors.iter().any(|problem| problem.code == "YZ0194"), "{}", file.shown);
        }
    }
}
