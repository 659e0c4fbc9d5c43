//! Holds the manual to the program: every example checks, every wrong one says what the page says, no key is left out.
//!
//! What stands behind ```` ```toml ````: nothing for a whole file, `part` for what a small frame completes, `wrong=YZ0123` for
//! what must give that code and no other, `people`, `registers` and `settings` for those files, `tests` for tests of the
//! page's workflow (which the engine's tests play). ```` ```text,said ```` is what the check says of
//! the example above it; ```` ```text,what-if ```` is what the commands of the page print, as a story of the program sees.
//! The first line of a whole file may name it: `# workflows/refund.toml`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test reads its files itself"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use yizhan_workflow::calendar::Calendars;
use yizhan_workflow::catalogue::Catalogue;
use yizhan_workflow::definition::{self, FileOf, Files, House, Neighbours, Survey};
use yizhan_workflow::people::People;
use yizhan_workflow::plan::Source;
use yizhan_workflow::problem::{Lang, Problem, render};
use yizhan_workflow::register::Registers;

const LANGUAGES: [&str; 2] = ["zh", "en"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn manual() -> PathBuf {
    root().join("docs/manual/src")
}

fn house_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/house")
}

/// A fenced block of a page.
#[derive(Clone, Debug)]
struct Block {
    page: String,
    line: usize,
    /// What stands behind the fence: `toml,part,wrong=YZ0123`.
    info: Vec<String>,
    text: String,
}

impl Block {
    fn is(&self, word: &str) -> bool {
        self.info.iter().any(|one| one == word)
    }

    fn wrong(&self) -> Option<&str> {
        self.info.iter().find_map(|one| one.strip_prefix("wrong="))
    }

    fn is_workflow(&self) -> bool {
        self.is("toml")
            && !self.is("people")
            && !self.is("settings")
            && !self.is("calendar")
            && !self.is("registers")
            && !self.is("tests")
    }

    fn place(&self) -> String {
        format!("{}:{}", self.page, self.line)
    }

    /// The name of its workflow.
    fn name(&self) -> &str {
        let first = self.text.lines().next().unwrap_or_default();
        let named = first.strip_prefix("# workflows/").and_then(|rest| rest.strip_suffix(".toml"));
        named.unwrap_or("example")
    }

    /// The file that is checked: a part is completed by what stands around it in every file.
    fn whole(&self) -> String {
        if !self.is("part") {
            return self.text.clone();
        }
        let has = |heading: &str| self.text.lines().any(|line| line.starts_with(heading));
        let (mut before, mut after) = (String::new(), String::new());
        if !has("owner") {
            before.push_str("owner = \"group:客户服务中心\"\n");
        }
        if !has("[input]") {
            after.push_str(FRAME_INPUT);
        }
        if !has("[step.") {
            after.push_str(FRAME_STEP);
        }
        // Behind the part: what stands at the top of a file must stay there.
        format!("{before}{}{after}", self.text)
    }
}

const FRAME_INPUT: &str = r#"
[input]
name    = { label = "姓名", required = false }
phone   = { label = "电话", type = "phone", required = false }
address = { label = "地址", required = false }
reason  = { label = "事由", required = false }
area    = { label = "区域", options = ["城南", "城北"], default = "城南" }
days    = { label = "天数", type = "whole", default = 1 }
amount  = { label = "金额", type = "money", default = 0 }
"#;

const FRAME_STEP: &str = r#"
[step.note]
wait = "1h"
"#;

fn pages(language: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![manual().join(language)];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

fn blocks_of(path: &Path) -> Vec<Block> {
    let text = std::fs::read_to_string(path).unwrap();
    let page = path.strip_prefix(manual()).unwrap().display().to_string();
    let mut blocks: Vec<Block> = Vec::new();
    let mut open = false;
    for (at, line) in text.lines().enumerate() {
        match (line.strip_prefix("```"), open) {
            (Some(info), false) => {
                let info = info.split(',').map(str::to_owned).collect();
                blocks.push(Block { page: page.clone(), line: at + 1, info, text: String::new() });
                open = true;
            }
            (Some(_), true) => open = false,
            (None, true) => {
                let block = blocks.last_mut().unwrap();
                block.text.push_str(line);
                block.text.push('\n');
            }
            (None, false) => {}
        }
    }
    assert!(!open, "{page}: a block that never ends");
    blocks
}

fn blocks(language: &str) -> Vec<Block> {
    pages(language).iter().flat_map(|path| blocks_of(path)).collect()
}

/// Mail texts and tables that the examples name.
struct Beside;

impl Files for Beside {
    fn read(&self, path: &str) -> Result<String, String> {
        std::fs::read_to_string(house_folder().join(path)).map_err(|_| "it is not there".to_owned())
    }
}

/// The plugins that ship, the people that ship, and the manual's own workflows.
struct Town {
    catalogue: Catalogue,
    people: People,
    calendars: Calendars,
    workflows: Neighbours,
    registers: Registers,
}

impl Town {
    fn of(language: &str) -> Self {
        let mut catalogue = Catalogue::built_in();
        let plugins = std::fs::read_to_string(house_folder().join("plugins.json")).unwrap();
        let plugins: BTreeMap<String, serde_json::Value> = serde_json::from_str(&plugins).unwrap();
        for (plugin, describe) in plugins {
            catalogue.add(&plugin, &describe.to_string()).unwrap();
        }
        let people =
            People::read(&std::fs::read_to_string(root().join("config/people.toml")).unwrap()).unwrap();
        let whole = |block: &Block| block.is_workflow() && block.wrong().is_none() && !block.is("part");
        let blocks: Vec<Block> = blocks(language).into_iter().filter(whole).collect();
        let reads: Vec<_> =
            blocks.iter().map(|block| (block.place(), survey(block.name(), &block.text).read)).collect();
        let files = blocks.iter().zip(&reads);
        let files =
            files.map(|(block, (path, read))| FileOf { name: block.name(), path, read: read.as_ref() });
        let workflows = Neighbours::of(files, &catalogue);
        let registers = std::fs::read_to_string(root().join("config/registers.toml")).unwrap();
        let registers = Registers::read(&registers).unwrap();
        Self { catalogue, people, calendars: calendars(language), workflows, registers }
    }

    fn problems(&self, name: &str, text: &str) -> Vec<Problem> {
        let Survey { read, mut problems } = survey(name, text);
        if let Some(read) = read {
            let house = House {
                catalogue: &self.catalogue,
                people: Some(&self.people),
                calendars: Some(&self.calendars),
                workflows: &self.workflows,
                registers: Some(&self.registers),
                today: None,
            };
            problems.extend(definition::check(&read, house));
            problems.extend(read.warnings);
        }
        problems.sort_by(|one, other| one.place.cmp(&other.place).then(one.code.cmp(other.code)));
        problems.dedup();
        problems
    }
}

/// The calendars that the manual shows, by the names in their first lines.
fn calendars(language: &str) -> Calendars {
    let blocks = blocks(language).into_iter().filter(|block| block.is("calendar"));
    let texts: BTreeMap<String, String> = blocks
        .map(|block| {
            let name = block.text.lines().next().and_then(|line| line.strip_prefix("# config/calendars/"));
            let name = name
                .and_then(|name| name.strip_suffix(".toml"))
                .unwrap_or_else(|| panic!("{}", block.place()));
            (name.to_owned(), block.text.clone())
        })
        .collect();
    let (calendars, faults) = Calendars::read(&texts, &jiff::tz::TimeZone::UTC);
    assert!(faults.is_empty() && !texts.is_empty(), "{language}: {faults:?}");
    calendars
}

fn survey(name: &str, text: &str) -> Survey {
    let source = Source { name: name.to_owned(), text: text.to_owned(), files: BTreeMap::new() };
    definition::survey(&source, &Beside)
}

fn said(problems: &[Problem], name: &str, text: &str, language: &str) -> String {
    let texts = BTreeMap::from([(String::new(), text.to_owned())]);
    let language = if language == "zh" { Lang::Zh } else { Lang::En };
    render(problems, &format!("{name}.toml"), &texts, language, false)
}

#[test]
fn every_example_of_the_manual_checks_without_a_fault_or_a_warning() {
    let mut wrong = Vec::new();
    let mut count = 0;
    for language in LANGUAGES {
        let town = Town::of(language);
        for block in blocks(language) {
            if !block.is_workflow() || block.wrong().is_some() {
                continue;
            }
            count += 1;
            let text = block.whole();
            let problems = town.problems(block.name(), &text);
            if !problems.is_empty() {
                wrong.push(format!("{}\n{}", block.place(), said(&problems, block.name(), &text, language)));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(count >= 60, "only {count} examples were found");
}

#[test]
fn the_registers_that_the_manual_shows_can_be_read() {
    for language in LANGUAGES {
        let blocks = blocks(language);
        let shown: Vec<&Block> = blocks.iter().filter(|block| block.is("registers")).collect();
        assert!(!shown.is_empty(), "{language} shows none");
        for block in shown {
            let read = Registers::read(&block.text);
            assert!(read.is_ok(), "{}: {read:?}", block.place());
        }
    }
}

#[test]
fn every_wrong_example_gives_the_code_that_its_page_says_and_no_other() {
    let mut different = Vec::new();
    for language in LANGUAGES {
        let town = Town::of(language);
        for block in blocks(language) {
            let Some(code) = block.wrong() else { continue };
            let text = block.whole();
            let problems = town.problems(block.name(), &text);
            let codes: BTreeSet<&str> = problems.iter().map(|problem| problem.code).collect();
            if codes != BTreeSet::from([code]) {
                let shown = said(&problems, block.name(), &text, language);
                different.push(format!("{} wants {code}, got {codes:?}\n{shown}", block.place()));
            }
        }
    }
    assert!(different.is_empty(), "{}", different.join("\n"));
}

#[test]
fn what_the_manual_shows_of_a_check_is_what_the_check_says() {
    for language in LANGUAGES {
        let town = Town::of(language);
        let blocks = blocks(language);
        let shown: Vec<(&Block, &Block)> =
            blocks.iter().zip(blocks.iter().skip(1)).filter(|(_, next)| next.is("said")).collect();
        assert!(!shown.is_empty(), "{language} shows none");
        for (example, shown) in shown {
            let text = example.whole();
            let said = said(&town.problems(example.name(), &text), example.name(), &text, language);
            assert_eq!(said.trim(), shown.text.trim(), "{}", shown.place());
        }
    }
}

#[test]
fn both_languages_show_the_same_examples() {
    // Comments may be in the reader's language, and so may what the check says.
    let bare = |block: &Block| {
        let lines = block.text.lines().map(|line| line.split(" #").next().unwrap_or_default().trim_end());
        (block.info.clone(), lines.filter(|line| !line.is_empty()).map(str::to_owned).collect::<Vec<_>>())
    };
    let name_of = |path: &PathBuf, language: &str| {
        path.strip_prefix(manual().join(language)).unwrap().display().to_string()
    };
    let zh: Vec<String> = pages("zh").iter().map(|path| name_of(path, "zh")).collect();
    let en: Vec<String> = pages("en").iter().map(|path| name_of(path, "en")).collect();
    assert_eq!(zh, en);
    for page in zh {
        let of = |language: &str| -> Vec<_> {
            let blocks = blocks_of(&manual().join(language).join(&page));
            blocks.iter().filter(|block| !block.is("said") && !block.is("what-if")).map(bare).collect()
        };
        assert_eq!(of("zh"), of("en"), "{page}");
    }
}

#[test]
fn every_page_is_in_the_contents_and_every_link_leads_to_a_file() {
    let contents = std::fs::read_to_string(manual().join("SUMMARY.md")).unwrap();
    let listed: BTreeSet<PathBuf> = links(&contents).iter().map(|link| manual().join(link)).collect();
    let mut all: Vec<PathBuf> = LANGUAGES.iter().flat_map(|language| pages(language)).collect();
    for page in &all {
        assert!(listed.contains(page), "{} is not in SUMMARY.md", page.display());
    }
    all.extend([manual().join("SUMMARY.md"), manual().join("README.md")]);
    for page in &all {
        let text = std::fs::read_to_string(page).unwrap();
        for link in links(&text) {
            let path = page.parent().unwrap().join(link.split('#').next().unwrap());
            assert!(path.is_file(), "{}: no {link}", page.display());
        }
    }
}

/// Where `[…](…)` lead within the repository.
fn links(text: &str) -> Vec<String> {
    let ends = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    ends.filter(|link| !link.contains("://") && !link.starts_with('#')).map(str::to_owned).collect()
}

#[test]
fn the_settings_and_people_that_the_manual_shows_can_be_read() {
    let shipped = std::fs::read_to_string(root().join("config/yizhan.toml")).unwrap();
    let shipped: toml::Table = toml::from_str(&shipped).unwrap();
    for language in LANGUAGES {
        let blocks = blocks(language);
        let people: Vec<&Block> = blocks.iter().filter(|block| block.is("people")).collect();
        let settings: Vec<&Block> = blocks.iter().filter(|block| block.is("settings")).collect();
        assert!(!people.is_empty() && !settings.is_empty(), "{language}");
        for block in people {
            People::read(&block.text).unwrap_or_else(|faults| panic!("{}: {faults:?}", block.place()));
        }
        for block in settings {
            let table: toml::Table = toml::from_str(&block.text).unwrap();
            for (key, value) in table {
                let known = shipped.get(&key).unwrap_or_else(|| panic!("{}: no `{key}`", block.place()));
                // What stands there is named by plugins and by the house.
                if ["plugin", "mail"].contains(&key.as_str()) {
                    continue;
                }
                for inner in value.as_table().into_iter().flat_map(toml::Table::keys) {
                    assert!(known.get(inner).is_some(), "{}: no `{key}.{inner}`", block.place());
                }
            }
        }
    }
}

/// The keys that the reference must show, by the table in which they stand.
const KEYS: &[(&str, &[&str])] = &[
    (
        "",
        &[
            "title",
            "note",
            "owner",
            "readers",
            "implements",
            "calendar",
            "key",
            "unique",
            "on_duplicate",
            "on_error",
            "due",
            "remind",
            "escalate",
            "limit",
            "priority",
            "let",
            "input",
            "trigger",
            "table",
            "step",
            "output",
            "on_failure",
            "on_cancel",
        ],
    ),
    (
        "input.*",
        &[
            "label", "type", "required", "default", "value", "options", "min", "max", "pattern", "when",
            "check", "message", "help", "private", "lines", "like", "fields", "by", "witness", "kinds",
            "size", "updates",
        ],
    ),
    (
        "trigger.*",
        &[
            "schedule", "webhook", "files", "mail", "event", "by_hand", "with", "where", "each", "as",
            "gather", "complete",
        ],
    ),
    (
        "trigger.*.schedule",
        &[
            "timezone",
            "holiday",
            "ahead",
            "missed",
            "missed_within",
            "overlap",
            "gap",
            "fold",
            "register",
            "date",
            "yearly",
            "at",
        ],
    ),
    ("trigger.*.files", &["per"]),
    ("trigger.*.webhook", &["signature", "secret", "header", "publish", "key"]),
    ("trigger.*.mail", &["account", "folder", "from", "fields", "done", "failed"]),
    ("trigger.*.mail.fields", &["subject", "body"]),
    ("table.*", &["key", "rows", "file"]),
    (
        "step.*",
        &[
            "use", "ask", "wait", "await", "run", "check", "end", "step", "title", "note", "needs", "when",
            "each", "as", "at_once", "let", "on", "on_error", "undo", "limit", "priority", "timeout",
            "give_up", "retry", "effect", "with", "form", "calendar", "due", "remind", "escalate", "pause",
            "extend", "hours", "where", "key", "detach", "approve", "not", "tell", "private", "readers",
        ],
    ),
    ("step.*.needs", &["first"]),
    ("step.*.limit", &["key", "most", "rate"]),
    ("step.*.retry", &["times", "first", "factor", "most", "jitter"]),
    ("step.*.undo", &["use", "with", "title", "retry", "timeout", "effect", "keep"]),
    ("step.*.extend", &["form", "approve", "use", "with", "title", "retry", "timeout", "effect"]),
    ("step.*.on", &["back_to", "go", "most", "after", "then"]),
    ("step.*.due", &["within", "before", "of"]),
];

/// The table of `KEYS` that a key at a path belongs to.
fn home(path: &[&str]) -> String {
    match path {
        ["trigger", _, key]
            if KEYS.iter().any(|(table, keys)| *table == "trigger.*.schedule" && keys.contains(key)) =>
        {
            "trigger.*.schedule".to_owned()
        }
        ["trigger", _, "per"] => "trigger.*.files".to_owned(),
        ["trigger", _, "publish" | "key"] => "trigger.*.webhook".to_owned(),
        ["input", _, _] | ["step", _, "form", _, _] => "input.*".to_owned(),
        // The columns of a table are fields.
        ["input", _, "fields", _, _] | ["step", _, "form", _, "fields", _, _] => "input.*".to_owned(),
        ["step", _, "step", rest @ ..] if rest.len() > 1 => home(&[&["step"], rest].concat()),
        ["step", _, "on" | "on_error", .., _] if path.len() > 3 => "step.*.on".to_owned(),
        ["step", _, "wait", _] => "step.*.due".to_owned(),
        [above @ .., _] => {
            let mut above = above.to_vec();
            if above.len() > 1 {
                above[1] = "*";
            }
            above.join(".")
        }
        [] => String::new(),
    }
}

fn keys_of(path: &[&str], value: &toml::Value, found: &mut BTreeSet<(String, String)>) {
    let Some(table) = value.as_table() else { return };
    for (key, value) in table {
        let path = [path, &[key.as_str()]].concat();
        found.insert((home(&path), key.clone()));
        keys_of(&path, value, found);
    }
}

fn reference_keys() -> BTreeSet<(String, String)> {
    let mut found = BTreeSet::new();
    let blocks = blocks("zh");
    let shown = |block: &&Block| block.page.starts_with("zh/reference") && block.is_workflow();
    for block in blocks.iter().filter(shown).filter(|block| block.wrong().is_none()) {
        let table: toml::Table = toml::from_str(&block.text).unwrap();
        keys_of(&[], &toml::Value::Table(table), &mut found);
    }
    found
}

#[test]
fn every_key_of_the_language_stands_in_an_example_of_the_reference() {
    let found = reference_keys();
    let mut lacking = Vec::new();
    for (table, keys) in KEYS {
        for key in *keys {
            if !found.contains(&((*table).to_owned(), (*key).to_owned())) {
                lacking.push(format!("{table}.{key}"));
            }
        }
    }
    assert!(lacking.is_empty(), "the reference has no example of {lacking:?}");
}

/// Texts with a key that nobody knows: the check then lists those that it does know.
const PROBES: &[(&str, &str)] = &[
    ("", "zzzzzz = 1\n[step.a]\nwait = \"1h\"\n"),
    ("input.*", "[input]\na = { zzzzzz = 1 }\n[step.a]\nwait = \"1h\"\n"),
    ("trigger.*", "[trigger.a]\nby_hand = [\"starter\"]\nzzzzzz = 1\n[step.a]\nwait = \"1h\"\n"),
    ("trigger.*.schedule", "[trigger.a]\nschedule = \"18:00\"\nzzzzzz = 1\n[step.a]\nwait = \"1h\"\n"),
    (
        "trigger.*.schedule",
        "[trigger.a]\nschedule = { register = \"大客户\", date = \"birthday\", zzzzzz = 1 }\n[step.a]\nwait = \"1h\"\n",
    ),
    (
        "trigger.*.webhook",
        "[trigger.a]\nwebhook = { signature = \"none\", zzzzzz = 1 }\n[step.a]\nwait = \"1h\"\n",
    ),
    ("trigger.*", "[trigger.a]\nwebhook = { signature = \"none\" }\nzzzzzz = 1\n[step.a]\nwait = \"1h\"\n"),
    ("trigger.*", "[trigger.a]\nevent = \"paid\"\nzzzzzz = 1\n[step.a]\nwait = \"1h\"\n"),
    ("trigger.*.mail", "[trigger.a]\nmail = { zzzzzz = 1 }\n[step.a]\nwait = \"1h\"\n"),
    ("table.*", "[table.a]\nzzzzzz = 1\n[step.a]\nwait = \"1h\"\n"),
    ("step.*", "[step.a]\nuse = \"echo.noop\"\nzzzzzz = 1\n"),
    ("step.*", "[step.a]\nask = \"starter\"\nzzzzzz = 1\n"),
    ("step.*", "[step.a]\nwait = \"1h\"\nzzzzzz = 1\n"),
    ("step.*", "[step.a]\nrun = \"child\"\nzzzzzz = 1\n"),
    ("step.*", "[step.a]\nawait = \"event\"\nzzzzzz = 1\n"),
    ("step.*.limit", "[step.a]\nwait = \"1h\"\nlimit = { zzzzzz = 1 }\n"),
    ("step.*.retry", "[step.a]\nuse = \"echo.noop\"\nretry = { zzzzzz = 1 }\n"),
    ("step.*.undo", "[step.a]\nwait = \"1h\"\nundo = { use = \"echo.noop\", zzzzzz = 1 }\n"),
    ("step.*.extend", "[step.a]\nask = \"starter\"\ndue = \"1h\"\nextend = { zzzzzz = 1 }\n"),
    ("step.*.on", "[step.a]\nwait = \"1h\"\non.done = { back_to = \"a\", zzzzzz = 1 }\n"),
    ("step.*.due", "[step.a]\nask = \"starter\"\ndue = { within = \"1h\", of = \"a\", zzzzzz = 1 }\n"),
];

/// Which keys the reader itself says that it knows and has built.
fn known_by_the_reader(probe: &str) -> BTreeSet<String> {
    let problems = survey("probe", probe).problems;
    let told = problems.iter().find(|problem| {
        problem.code == "YZ0105" && problem.names.get("key").is_some_and(|key| key == "zzzzzz")
    });
    let told = told.unwrap_or_else(|| panic!("{probe}: {problems:?}"));
    let known = told.names.get("known").unwrap_or_else(|| panic!("{probe}: {told:?}"));
    let keys = known.split(", ").map(|key| key.trim_matches('`').to_owned());
    // The list is cut where it gets long. Keys of later versions stand in it as well, and are told by another code.
    keys.filter(|key| key != "…").filter(|key| !is_of_a_later_version(probe, key)).collect()
}

fn is_of_a_later_version(probe: &str, key: &str) -> bool {
    let problems = survey("probe", &probe.replace("zzzzzz", key)).problems;
    problems
        .iter()
        .any(|problem| problem.code == "YZ0106" && problem.names.get("key").is_some_and(|it| it == key))
}

#[test]
fn no_key_that_the_reader_knows_is_missing_from_the_list_of_the_reference() {
    let mut missing = BTreeSet::new();
    for (table, probe) in PROBES {
        // Of a trigger and a due time the keys of all kinds are asked for together.
        let listed: BTreeSet<&str> = KEYS
            .iter()
            .filter(|(known, _)| known == table || table.starts_with(known) || known.starts_with(table))
            .flat_map(|(_, keys)| keys.iter().copied())
            .collect();
        for key in known_by_the_reader(probe) {
            if !listed.contains(key.as_str()) {
                missing.insert(format!("{table}.{key}"));
            }
        }
    }
    assert!(missing.is_empty(), "the manual says nothing of {missing:?}");
}

#[test]
fn the_codes_that_pages_explain_are_there() {
    let codes: BTreeSet<&str> = yizhan_workflow::problem::codes().into_iter().collect();
    for block in LANGUAGES.iter().flat_map(|language| blocks(language)).filter(|block| block.is("sh")) {
        for word in block.text.split_whitespace().filter(|word| word.starts_with("YZ")) {
            assert!(codes.contains(word), "{}: {word}", block.place());
        }
    }
}
