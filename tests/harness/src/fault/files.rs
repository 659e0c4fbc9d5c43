//! Files of workflows are dropped under load: right ones, and half-written, broken, too large, unreadable ones, links, pipes
//! and folders in their place. The load goes on, each right file is in force soon, each fault is told, and runs keep the
//! text they began with.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::fs::{CWD, FileType, Mode, RenameFlags, mknodat, renameat_with};
use serde_json::{Value, json};

use super::{Options, Outcome};
use crate::checker::Violation;
use crate::client::Client;
use crate::load::{Dice, FaultError, Load};

const SETTINGS: &str = "owner = \"person:a\"\n";
const RELOAD: &str = "[reload]\nsettle = \"50ms\"\nrescan = \"500ms\"\n";
const PEOPLE: &str = "[person.a]\nname = \"甲\"\nmail = \"a@example.com\"\n";

/// Between two starts of a client: the machine is not to be full.
const PACE: Duration = Duration::from_millis(100);
/// Workflows whose files change.
const NAMES: u64 = 12;
/// Files that are dropped together, at most.
const TOGETHER: u64 = 6;
/// D6 says two seconds; a machine that has other work takes longer, and the report says how long.
const KNOWN_WITHIN: Duration = Duration::from_secs(30);
/// So long no start of the load may be left without an acknowledgement.
const STANDSTILL_MS: u64 = 20_000;
/// Open runs of old texts that are kept waiting until the end.
const HELD_MOST: usize = 50;

/// What is wrong in many ways; none of these is a workflow.
const BROKEN: [&str; 8] = [
    "",
    "title = \"坏\"\n[step.a\nuse = \"echo.echo\"\n",
    "title = \"坏\"\n[step.a]\nuse = \"echo.nothing\"\n",
    "title = \"坏\"\n[step.a]\nuse = \"echo.echo\"\nneeds = [\"b\"]\n",
    "title = \"坏\"\n[step.a]\nuse = \"echo.echo\"\nneeds = [\"a\"]\n",
    "title = \"坏\"\ncolour = \"red\"\n[step.a]\nuse = \"echo.echo\"\n",
    "title = \"坏\"\n[step.a]\nuse = \"echo.echo\"\nwith.text = \"{{ step.b. }}\"\n",
    "title = \"坏\"\ntitle = \"坏\"\n",
];

fn right(version: u32) -> String {
    format!(
        "title = \"第{version}版\"\n[input]\nhold = {{ label = \"等\", type = \"yesno\", default = false }}\n\
         [step.hold]\nask = \"person:a\"\nwhen = \"input.hold\"\nform.ok = {{ label = \"可以\", type = \"yesno\" }}\n\
         [step.say]\nuse = \"echo.echo\"\nwith.version = \"{version}\"\n\
         [output]\nversion = \"{{{{ step.say.version }}}}\"\n"
    )
}

/// What is done with a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Put {
    RenamedOver,
    InPlace,
    /// Piece by piece, each soon after the other.
    Slowly,
    LinkToRight,
    HalfWritten,
    Broken,
    TooLarge,
    NotUtf8,
    LostLink,
    RingOfLinks,
    Device,
    Pipe,
    Folder,
    Removed,
}

impl Put {
    const ALL: [Self; 14] = [
        Self::RenamedOver,
        Self::InPlace,
        Self::Slowly,
        Self::LinkToRight,
        Self::HalfWritten,
        Self::Broken,
        Self::TooLarge,
        Self::NotUtf8,
        Self::LostLink,
        Self::RingOfLinks,
        Self::Device,
        Self::Pipe,
        Self::Folder,
        Self::Removed,
    ];

    /// Two of five are right: after each fault comes something to go on with.
    fn any(dice: &mut Dice) -> Self {
        let number = if dice.below(5) < 2 { dice.below(4) } else { dice.below(Self::ALL.len() as u64) };
        Self::ALL[usize::try_from(number).unwrap_or(0)]
    }

    fn is_right(self) -> bool {
        matches!(self, Self::RenamedOver | Self::InPlace | Self::Slowly | Self::LinkToRight)
    }
}

/// What is to be known of a name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Wanted {
    /// The text in force.
    version: Option<u32>,
    is_faulty: bool,
    is_there: bool,
}

impl Wanted {
    fn after(&mut self, what: Put, version: u32) {
        if what.is_right() {
            *self = Self { version: Some(version), is_faulty: false, is_there: true };
        } else if what == Put::Removed {
            *self = Self::default();
        } else {
            (self.is_faulty, self.is_there) = (true, true);
        }
    }

    /// Whether the row of its name says so.
    fn is_shown(&self, row: Option<&Value>) -> bool {
        let Some(row) = row else { return !self.is_there };
        let state = match (self.version, self.is_faulty) {
            (Some(_), false) => "in force",
            (Some(_), true) => "old text in force",
            (None, _) => "faulty",
        };
        let title = self.version.map_or_else(String::new, |version| format!("第{version}版"));
        let told = row["faults"].as_array().is_some_and(|faults| {
            let name = row["name"].as_str().unwrap_or("?");
            faults.iter().any(|one| one.as_str().is_some_and(|one| one.contains(&format!("{name}.toml"))))
        });
        self.is_there && row["state"] == state && row["title"] == title.as_str() && told == self.is_faulty
    }
}

/// # Errors
/// When the run could not be carried out.
pub fn run(options: &Options) -> Outcome {
    let load = Load::begin(&options.binary, options.clients)?;
    load.change("config/yizhan.toml", |text| format!("{SETTINGS}{text}\n{RELOAD}"))?;
    std::fs::write(load.home.join("config/people.toml"), PEOPLE)?;
    load.pace(PACE);
    let mut daemon = load.start()?;
    load.until_acknowledged(3)?;
    let mut drops = Drops::new(&load, options.seed);
    while drops.count < options.cycles && !daemon.has_ended() {
        drops.drop_some(options.cycles)?;
    }
    if daemon.has_ended() {
        drops.found.push(Violation::Ended);
        daemon = load.start()?;
    }
    drops.let_go()?;
    daemon.stop();
    let (found, counted) = drops.told();
    let mut findings = load.judge(1, options.keep)?;
    findings.violations.extend(found);
    Ok((findings, counted))
}

struct Drops<'a> {
    load: &'a Load,
    client: Client,
    dice: Dice,
    folder: PathBuf,
    /// Beside the folder of workflows.
    aside: PathBuf,
    count: u32,
    wanted: BTreeMap<String, Wanted>,
    kinds: BTreeMap<Put, u32>,
    known_ms: Vec<u64>,
    /// Runs that wait, with the version that each began with.
    held: Vec<(String, u32)>,
    started: u32,
    pulse: Pulse,
    found: Vec<Violation>,
}

impl<'a> Drops<'a> {
    fn new(load: &'a Load, seed: u64) -> Self {
        Self {
            load,
            client: Client::of_home(&load.home),
            dice: Dice::new(seed),
            folder: load.home.join("workflows"),
            aside: load.home.join("aside"),
            count: 0,
            wanted: BTreeMap::new(),
            kinds: BTreeMap::new(),
            known_ms: vec![],
            held: vec![],
            started: 0,
            pulse: Pulse::new(load.acknowledged()),
            found: vec![],
        }
    }

    /// A few files together, and then all of them are to be known for what they are.
    fn drop_some(&mut self, most: u32) -> Result<(), FaultError> {
        let together = self.dice.between(1, TOGETHER + 1);
        let mut dropped = BTreeSet::new();
        for _ in 0..together {
            let name = format!("w{}", self.dice.below(NAMES));
            if self.count >= most || dropped.contains(&name) {
                continue;
            }
            self.count += 1;
            let what = Put::any(&mut self.dice);
            *self.kinds.entry(what).or_default() += 1;
            self.put(&name, what)?;
            self.wanted.entry(name.clone()).or_default().after(what, self.count);
            dropped.insert(name);
        }
        self.until_known(&dropped)?;
        for name in dropped {
            self.start(&name);
        }
        eprintln!("{} of {most} files, {} starts acknowledged", self.count, self.load.acknowledged());
        Ok(())
    }

    fn put(&mut self, name: &str, what: Put) -> std::io::Result<()> {
        let (path, text) = (self.folder.join(format!("{name}.toml")), right(self.count));
        // Each name of its own: what lay there before must not be found again.
        let new = self.aside.join(format!("{}.new", self.count));
        std::fs::create_dir_all(&self.aside)?;
        match what {
            Put::InPlace => return in_place(&path, text.as_bytes()),
            Put::Slowly => return slowly(&path, text.as_bytes()),
            Put::HalfWritten if is_plain(&path) => return in_place(&path, half_of(&text)),
            Put::HalfWritten => std::fs::write(&new, half_of(&text))?,
            Put::Removed => return remove(&path),
            Put::RenamedOver => std::fs::write(&new, text)?,
            Put::LinkToRight => {
                let target = self.aside.join(format!("{}.toml", self.count));
                std::fs::write(&target, text)?;
                std::os::unix::fs::symlink(target, &new)?;
            }
            Put::Broken => {
                let at = usize::try_from(self.dice.below(BROKEN.len() as u64)).unwrap_or(0);
                std::fs::write(&new, BROKEN[at])?;
            }
            Put::TooLarge => std::fs::write(&new, text + &"#".repeat(2 << 20))?,
            Put::NotUtf8 => std::fs::write(&new, [text.as_bytes(), &[b'#', 0xff, 0xfe]].concat())?,
            Put::LostLink => std::os::unix::fs::symlink("nowhere.toml", &new)?,
            Put::RingOfLinks => std::os::unix::fs::symlink(&path, &new)?,
            Put::Device => std::os::unix::fs::symlink("/dev/zero", &new)?,
            Put::Pipe => mknodat(CWD, &new, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0)?,
            Put::Folder => std::fs::create_dir_all(new.join("inside"))?,
        }
        swap(&new, &path)
    }

    fn until_known(&mut self, names: &BTreeSet<String>) -> Result<(), FaultError> {
        let (began, mut left) = (Instant::now(), names.clone());
        loop {
            self.pulse.beat(self.load.acknowledged());
            let rows = self.client.get("/api/v1/workflows?limit=200")?;
            let row = |name: &str| rows["items"].as_array()?.iter().find(|row| row["name"] == name);
            let known =
                |name: &String| self.wanted.get(name).is_some_and(|wanted| wanted.is_shown(row(name)));
            let (now, later): (BTreeSet<_>, BTreeSet<_>) = left.into_iter().partition(known);
            left = later;
            let ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
            self.known_ms.extend(now.iter().map(|_| ms));
            if left.is_empty() {
                return Ok(());
            }
            if began.elapsed() > KNOWN_WITHIN {
                for name in &left {
                    let shown = format!("{:?} is wanted and there is {:?}", self.wanted.get(name), row(name));
                    self.found.push(Violation::FileNot(name.clone(), shown));
                }
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(20)); // Between two looks at a state, with a deadline.
        }
    }

    /// What has a text in force can be started; half of these wait until the end.
    fn start(&mut self, name: &str) {
        let Some(version) = self.wanted.get(name).and_then(|wanted| wanted.version) else { return };
        let hold = self.held.len() < HELD_MOST && self.dice.below(2) == 0;
        let path = format!("/api/v1/workflows/{name}/runs");
        match self.client.post(&path, &json!({ "input": { "hold": hold } })) {
            Ok(answer) => {
                let run = answer["id"].as_str().unwrap_or("").to_owned();
                self.started += 1;
                if hold {
                    self.held.push((run, version));
                } else {
                    self.said(&run, version);
                }
            }
            Err(error) => {
                self.found
                    .push(Violation::FileNot(name.to_owned(), format!("it cannot be started: {error}")));
            }
        }
    }

    /// The run comes to its end and says the version that it began with.
    fn said(&mut self, run: &str, version: u32) {
        let view = self.client.get(&format!("/api/v1/runs/{run}/wait?seconds=30")).unwrap_or_default();
        let said = &view["output"]["version"];
        let is_same = said.as_str().is_some_and(|said| said == version.to_string()) || *said == version;
        if view["state"] != "done" || !is_same {
            let shown = format!("{run} began with version {version}, is {} and says {said}", view["state"]);
            self.found.push(Violation::FileNot(view["workflow"].as_str().unwrap_or("?").to_owned(), shown));
        }
    }

    /// The answers that the runs waited for all the time.
    fn let_go(&mut self) -> Result<(), FaultError> {
        for (run, version) in std::mem::take(&mut self.held) {
            let task = self.load.until("a run that waited has no task", || {
                let tasks = self.client.get(&format!("/api/v1/tasks?run={run}")).ok()?;
                tasks["items"][0]["id"].as_str().map(str::to_owned)
            })?;
            let answer = json!({ "by": "person:a", "fields": { "ok": true } });
            self.client.post(&format!("/api/v1/tasks/{task}/answer"), &answer)?;
            self.said(&run, version);
        }
        Ok(())
    }

    fn told(mut self) -> (Vec<Violation>, Value) {
        self.known_ms.sort_unstable();
        let at =
            |share: usize| self.known_ms.get(self.known_ms.len().saturating_sub(1) * share / 100).copied();
        if self.pulse.longest_ms > STANDSTILL_MS {
            let what = "the load without a start".to_owned();
            self.found.push(Violation::TookLong(what, self.pulse.longest_ms, STANDSTILL_MS));
        }
        let kinds: BTreeMap<String, u32> =
            self.kinds.iter().map(|(what, times)| (format!("{what:?}"), *times)).collect();
        let counted = json!({
            "files": self.count, "kinds": kinds, "started": self.started,
            "known_ms": { "p50": at(50), "p99": at(99), "most": at(100) },
            "longest_without_a_start_ms": self.pulse.longest_ms,
        });
        (self.found, counted)
    }
}

/// The longest time within which nothing was acknowledged.
struct Pulse {
    acknowledged: usize,
    since: Instant,
    longest_ms: u64,
}

impl Pulse {
    fn new(acknowledged: usize) -> Self {
        Self { acknowledged, since: Instant::now(), longest_ms: 0 }
    }

    fn beat(&mut self, acknowledged: usize) {
        let ms = u64::try_from(self.since.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.longest_ms = self.longest_ms.max(ms);
        if acknowledged > self.acknowledged {
            (self.acknowledged, self.since) = (acknowledged, Instant::now());
        }
    }
}

/// It breaks off within the last quotes.
fn half_of(text: &str) -> &[u8] {
    &text.as_bytes()[..text.len() - 4]
}

/// Whether a file as others know it lies there, or nothing.
fn is_plain(path: &Path) -> bool {
    std::fs::symlink_metadata(path).map_or(true, |at| at.is_file())
}

/// As an editor that knows no better, or a copy that was broken off. What is no file is gone for a moment.
fn in_place(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    if !is_plain(path) {
        remove(path)?;
    }
    std::fs::write(path, bytes)
}

fn slowly(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    in_place(path, b"")?;
    let mut file = std::fs::File::options().append(true).open(path)?;
    for piece in bytes.chunks(bytes.len() / 4 + 1) {
        file.write_all(piece)?;
        std::thread::sleep(Duration::from_millis(15)); // Shorter than a file must stand still.
    }
    Ok(())
}

fn remove(path: &Path) -> std::io::Result<()> {
    match std::fs::symlink_metadata(path) {
        Ok(at) if at.is_dir() => std::fs::remove_dir_all(path),
        Ok(_) => std::fs::remove_file(path),
        Err(_) => Ok(()),
    }
}

/// In one moment, whatever the two are; a rename puts no folder in a file's place.
fn swap(new: &Path, path: &Path) -> std::io::Result<()> {
    if std::fs::symlink_metadata(path).is_err() {
        return std::fs::rename(new, path);
    }
    renameat_with(CWD, new, CWD, path, RenameFlags::EXCHANGE)?;
    remove(new)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_leaves_the_last_good_text_in_force_and_a_removal_none() {
        let mut wanted = Wanted::default();
        let row = |state: &str, title: &str, faults: Value| json!({ "name": "w1", "state": state, "title": title, "faults": faults });
        let told = json!(["workflows/w1.toml:1: …"]);
        assert!(wanted.is_shown(None));
        wanted.after(Put::Pipe, 1);
        assert!(wanted.is_shown(Some(&row("faulty", "", told.clone()))));
        assert!(!wanted.is_shown(Some(&row("faulty", "", json!([])))), "nobody said why");
        wanted.after(Put::RenamedOver, 2);
        assert!(wanted.is_shown(Some(&row("in force", "第2版", json!([])))));
        assert!(!wanted.is_shown(Some(&row("in force", "第1版", json!([])))));
        wanted.after(Put::NotUtf8, 3);
        assert!(wanted.is_shown(Some(&row("old text in force", "第2版", told.clone()))));
        assert!(!wanted.is_shown(None));
        wanted.after(Put::Removed, 4);
        assert!(wanted.is_shown(None) && !wanted.is_shown(Some(&row("old text in force", "第2版", told))));
    }

    #[test]
    fn a_file_is_put_in_the_place_of_anything_in_one_moment() {
        let folder = tempfile::tempdir().unwrap();
        let (path, new) = (folder.path().join("a"), folder.path().join("b"));
        std::fs::create_dir_all(path.join("inside")).unwrap();
        std::fs::write(&new, "right").unwrap();
        swap(&new, &path).unwrap();
        assert_eq!((std::fs::read_to_string(&path).unwrap().as_str(), new.exists()), ("right", false));
        std::fs::create_dir(&new).unwrap();
        swap(&new, &path).unwrap();
        assert!(path.is_dir() && !new.exists());
        in_place(&path, b"again").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"again");
    }
}
