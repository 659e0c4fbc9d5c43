//! Reads a workflow's file: the text becomes a workflow, or every fault in it.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use toml::de::DeTable;

use crate::id::TextHash;
use crate::plan::{OnDuplicate, Source, Step, Unique, Workflow};
use crate::problem::{Place, Problem};
use lost::Lost;
use section::{Reader, Section};

mod advice;
mod approvals;
mod ask;
pub(crate) mod calendar;
mod calendars;
mod check;
mod clock;
pub mod completing;
mod damage;
mod elements;
mod exact;
mod extend;
mod fields;
mod flow;
mod formats;
mod given;
mod guards;
mod ledger;
mod lost;
mod mail;
mod names;
mod neighbours;
mod notation;
mod order;
mod outcomes;
pub(crate) mod parts;
pub(crate) mod people;
mod query;
pub(crate) mod register;
mod rows;
mod rungs;
mod schema;
mod section;
mod shown;
mod slips;
mod sorts;
mod step;
mod table;
mod testing;
mod time;
mod tree;
mod trigger;
mod updates;
mod uses;
mod warnings;
mod who;

pub use check::{House, check};
pub use exact::fields_of_toml;
pub use mail::PATTERN_MOST;
pub use neighbours::{FileOf, Neighbours};
pub use testing::{Among, read_tests};

use check::Checker;

/// No text of a workflow, a table or a template may be larger.
pub const MOST_TEXT: usize = 1024 * 1024;
pub const MOST_STEPS: usize = 1000;
/// So many faults are told of a file at once: nobody mends more before looking again.
pub const MOST_FAULTS: usize = 200;
/// How deep tables and lists may be nested.
pub const DEEPEST: usize = 32;

/// What the reader asks for beside the text: template files and tables, by the path as the workflow writes it.
pub trait Files {
    /// # Errors
    /// Says why the file cannot be read, for its author.
    fn read(&self, path: &str) -> Result<String, String>;
}

/// A workflow with what only a check needs of it.
#[derive(Debug)]
pub struct Read {
    /// Whoever puts it in force holds this very one.
    pub workflow: Arc<Workflow>,
    /// The text with all files that it names: what is kept.
    pub source: Source,
    pub spans: Spans,
    /// Which template came from which file, by its dotted path.
    pub from_file: BTreeMap<String, Arc<str>>,
    pub warnings: Vec<Problem>,
    /// What could not be read: nothing is said of it by guess.
    lost: Lost,
    damage: Option<damage::Mended>,
}

/// Where each key and value of the file stands, by its dotted path (`step.record.with.to`, `step.close.needs[0]`).
#[derive(Clone, Debug, Default)]
pub struct Spans {
    pub of: BTreeMap<String, (Range<usize>, Range<usize>)>,
}

/// The hash of a workflow's text and everything that is part of it.
#[must_use]
pub fn hash_of(source: &Source) -> TextHash {
    use sha2::{Digest, Sha256};
    let mut hash = Sha256::new();
    let mut add = |text: &str| {
        // The length goes first, so that no two sources run together to the same bytes.
        hash.update((text.len() as u64).to_be_bytes());
        hash.update(text.as_bytes());
    };
    add(&source.name);
    add(&source.text);
    for (path, text) in &source.files {
        add(path);
        add(text);
    }
    let digits: String = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    TextHash(digits.into())
}

/// The text of a file's bytes, or why they are none.
///
/// # Errors
/// One fault: a file that is no text has no more to say.
pub fn text_of(bytes: &[u8]) -> Result<&str, Box<Problem>> {
    let wrong = |code| Box::new(Problem::error(code, Place::at(0..0)).name("most", "1 MiB"));
    if bytes.len() > MOST_TEXT {
        return Err(wrong("YZ0103"));
    }
    if bytes.contains(&0) {
        return Err(wrong("YZ0102"));
    }
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let line = bytes[..error.valid_up_to()].iter().filter(|byte| **byte == b'\n').count() + 1;
        Box::new(wrong("YZ0104").name("line", line.to_string()))
    })?;
    // Editors on Windows write this mark before the text; it says nothing.
    Ok(text.strip_prefix('\u{feff}').unwrap_or(text))
}

/// Reads `source.text`; files that it names come from `files` and are part of the source that is given back.
///
/// # Errors
/// Every fault, not the first.
pub fn read(source: &Source, files: &dyn Files) -> Result<Read, Vec<Problem>> {
    let Survey { read, problems } = survey(source, files);
    match read {
        Some(read) if problems.is_empty() => Ok(read),
        _ => Err(problems),
    }
}

/// What a file says, as far as it can be read.
#[derive(Debug)]
pub struct Survey {
    /// Of a file with faults what stands in spite of them: enough to check it further, not to run it.
    pub read: Option<Read>,
    /// Without warnings, which are in `read`.
    pub problems: Vec<Problem>,
}

/// Reads as much of a file as can be read.
pub fn survey(source: &Source, files: &dyn Files) -> Survey {
    let nothing = |problems| Survey { read: None, problems };
    let text = match text_of(source.text.as_bytes()) {
        Ok(text) => text,
        Err(problem) => return nothing(vec![*problem]),
    };
    if let Some(span) = too_deep(text) {
        return nothing(vec![Problem::error("YZ0114", Place::at(span)).name("most", DEEPEST.to_string())]);
    }
    let (root, faults) = DeTable::parse_recoverable(text);
    let faults = toml_problems(text, &faults);
    let source = |text: &str| Source { text: text.to_owned(), ..source.clone() };
    if !faults.iter().any(|fault| fault.code == "YZ0101") {
        let (read, mut problems) = structure(source(text), root.get_ref(), files, None);
        problems.extend(faults);
        return sorted(read, problems);
    }
    drop(root);
    let Some(damage) = damage::mended(text) else { return nothing(bounded(faults)) };
    let mended = damage.text.clone();
    let (root, _) = DeTable::parse_recoverable(&mended);
    let (read, mut problems) = structure(source(text), root.get_ref(), files, Some(damage));
    let damage = read.damage.as_ref();
    problems.retain(|problem| problem.is_error() && !damage.is_some_and(|damage| damage.is_guess(problem)));
    problems.extend(faults);
    sorted(read, problems)
}

/// What the tables of a file say. Of a damaged file they were read from the mended text.
fn structure(
    source: Source,
    root: &DeTable<'_>,
    files: &dyn Files,
    damage: Option<damage::Mended>,
) -> (Read, Vec<Problem>) {
    let reader = Reader::new(&source.text, root, files);
    if let Some(damage) = &damage {
        *reader.lost.borrow_mut() = damage.lost.clone();
    }
    let workflow = whole(&reader, root, &source.name);
    let Reader { problems, read: named, from_file, spans, lost, .. } = reader;
    let mut problems = problems.into_inner();
    let (from_file, lost, files) = (from_file.into_inner(), lost.into_inner(), named.into_inner());
    let source = Source { files, ..source };
    let workflow = Arc::new(Workflow { hash: hash_of(&source), ..workflow });
    let read = Read { workflow, source, spans, from_file, lost, damage, warnings: Vec::new() };
    problems.extend(names::check(&read));
    problems.extend(outcomes::check(&read));
    problems.extend(approvals::check(&read));
    problems.extend(updates::check(&read));
    (read, problems)
}

fn sorted(mut read: Read, mut problems: Vec<Problem>) -> Survey {
    problems.sort_by(|one, other| one.place.cmp(&other.place).then(one.code.cmp(other.code)));
    problems.dedup();
    let (errors, warnings): (Vec<_>, Vec<_>) = problems.into_iter().partition(Problem::is_error);
    let errors = bounded(errors);
    read.warnings = bounded(warnings);
    Survey { read: Some(read), problems: errors }
}

/// Not more than anybody reads; the last one says how many are left.
fn bounded(mut problems: Vec<Problem>) -> Vec<Problem> {
    let left = problems.len().saturating_sub(MOST_FAULTS);
    if left > 0 {
        problems.truncate(MOST_FAULTS);
        if let Some(last) = problems.last() {
            let more = Problem::error("YZ0614", last.place.clone()).name("left", left.to_string());
            problems.push(Problem { severity: last.severity, ..more });
        }
    }
    problems
}

/// The first bracket that nests deeper than a file may. Looked for before parsing, whose recursion has no bound of ours.
fn too_deep(text: &str) -> Option<Range<usize>> {
    let mut depth = 0_usize;
    let mut quote: Option<u8> = None;
    for (at, byte) in text.bytes().enumerate() {
        match (quote, byte) {
            (Some(open), _) if byte == open || byte == b'\n' => quote = None,
            (Some(_), _) => {}
            (None, b'"' | b'\'') => quote = Some(byte),
            (None, b'#') => quote = Some(b'\n'),
            (None, b'[' | b'{') => {
                depth += 1;
                if depth > 2 * DEEPEST {
                    return Some(at..at + 1);
                }
            }
            (None, b']' | b'}') => depth = depth.saturating_sub(1),
            (None, b'\n') | (None, _) => {}
        }
    }
    None
}

fn toml_problems(text: &str, faults: &[toml::de::Error]) -> Vec<Problem> {
    let mut problems: Vec<Problem> = faults
        .iter()
        .filter(|fault| is_repeated(fault))
        .take(MOST_FAULTS)
        .map(|fault| repeated(text, fault))
        .collect();
    // What stands under a heading that is there twice is twice there as well: the heading says it.
    let headings: Vec<usize> =
        problems.iter().filter(|one| is_heading(text, one)).map(|one| one.place.start).collect();
    problems.retain(|one| {
        let above = text.get(..one.place.start).and_then(|before| before.rfind("\n["));
        let under =
            |heading: &usize| above.is_some_and(|above| line_around(text, above + 1).contains(heading));
        is_heading(text, one) || !headings.iter().any(under)
    });
    problems.extend(notation::problems(text, faults));
    problems
}

fn is_heading(text: &str, problem: &Problem) -> bool {
    problem.code == "YZ0110" && text[line_around(text, problem.place.start)].trim_start().starts_with('[')
}

/// A key that is there twice.
fn repeated(text: &str, fault: &toml::de::Error) -> Problem {
    let span = fault.span().unwrap_or(0..0);
    let key = text.get(span.clone()).unwrap_or_default().to_owned();
    let line = text[line_around(text, span.start)].trim();
    let problem = Problem::error("YZ0110", Place::at(span.clone())).name("key", key);
    let problem =
        if line.starts_with('[') && text[..span.start].contains(&format!("{}.", &text[span.clone()])) {
            problem.case("table")
        } else {
            problem
        };
    // Of a heading the first one is found by its own words.
    match text.find(line).filter(|first| line.starts_with('[') && first + line.len() < span.start) {
        Some(first) => problem.cause(Place::at(first..first + line.len())),
        None => match first_of(text, span.start, &text[span.clone()]) {
            Some(first) => problem.cause(Place::at(first)),
            None => problem,
        },
    }
}

/// The same key on a line of its own above, in the same table.
fn first_of(text: &str, at: usize, key: &str) -> Option<Range<usize>> {
    let head = &text[..line_around(text, at).start];
    let table = head.rfind("\n[").map_or(0, |start| start + 1);
    let mut from = table;
    for line in head[table..].split_inclusive('\n') {
        let indent = line.len() - line.trim_start().len();
        let rest = line.trim_start().strip_prefix(key).map(str::trim_start);
        if rest.is_some_and(|rest| rest.starts_with(['=', '.'])) {
            return Some(from + indent..from + indent + key.len());
        }
        from += line.len();
    }
    None
}

/// A key that is there twice is told by the parser, and breaks nothing.
fn is_repeated(fault: &toml::de::Error) -> bool {
    fault.message().contains("duplicate key")
}

fn line_around(text: &str, at: usize) -> Range<usize> {
    let at = text.floor_char_boundary(at.min(text.len()));
    let start = text[..at].rfind('\n').map_or(0, |found| found + 1);
    let end = text[at..].find('\n').map_or(text.len(), |found| at + found);
    start..end
}

fn whole(reader: &Reader<'_>, table: &DeTable<'_>, name: &str) -> Workflow {
    let root = Section::root(reader, table);
    if !is_workflow_name(name) {
        root.say(root.error("YZ0111", 0..0).name("name", name));
    }
    let title = root.string("title");
    let owner = root.text("owner");
    if let Some(owner) = &owner {
        ask::check_who(&root, owner);
    }
    let implements = root.texts("implements").unwrap_or_default();
    let lets = tree::lets(&root);
    let tables = table::tables(&root);
    let input = root.section("input").map(|input| fields::form(&input, &[])).unwrap_or_default();
    let triggers = trigger::triggers(&root);
    let (steps, clock, on_error) = step::steps(&root);
    let limit = step::limit(&root);
    let title = title.unwrap_or_else(|| name.to_owned());
    let span = u16::try_from(steps.len()).unwrap_or(u16::MAX);
    let workflow = Workflow {
        name: name.into(),
        hash: TextHash("".into()),
        whole: Box::new(Step {
            guard: step::guard(&root, None),
            on_error,
            ..Step::whole(&title, main_of(&steps), span, (clock, limit))
        }),
        title,
        note: root.string("note"),
        owner: owner.map(|owner| owner.value.to_owned()),
        implements: implements.iter().map(|text| text.value.to_owned()).collect(),
        calendar: root.string("calendar").map(Into::into),
        key: root.template("key"),
        on_duplicate: on_duplicate(&root),
        unique: unique(&root),
        lets: lets.into(),
        input,
        triggers,
        tables,
        main: main_of(&steps),
        steps,
        output: root.get("output").map(|item| tree::tree(&root, "output", item)),
        completes: None,
    };
    root.close(&[]);
    workflow
}

fn main_of(steps: &[Step]) -> Vec<crate::id::StepNo> {
    let main = |step: &Step| step.section == crate::plan::Section::Main && step.holder.is_none();
    (0..steps.len()).filter(|at| main(&steps[*at])).map(order::number).collect()
}

fn on_duplicate(root: &Section<'_, '_>) -> OnDuplicate {
    let known = [("allow", OnDuplicate::Allow), ("join", OnDuplicate::Join), ("reject", OnDuplicate::Reject)];
    let word = root.word("on_duplicate", &known);
    if word.is_some_and(|word| word != OnDuplicate::Allow) && !root.has("key") {
        let span = root.key_span("on_duplicate");
        root.say(root.error("YZ0108", span).name("key", "key").name("where", "on_duplicate"));
    }
    word.unwrap_or_default()
}

fn unique(root: &Section<'_, '_>) -> Unique {
    match root.text("unique") {
        None => Unique::Open,
        Some(text) if text.value == "open" => Unique::Open,
        Some(text) if text.value == "ever" => Unique::Ever,
        Some(text) => time::span_of(root, "unique", &text).map_or(Unique::Open, Unique::Within),
    }
}

/// A workflow is called by its file's name.
fn is_workflow_name(name: &str) -> bool {
    !name.is_empty()
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

/// Ids of steps, fields, tables and names: what expressions can say.
pub(crate) fn is_name(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
}

/// The table of the file that a step stands in: `step.remind.step.flag`.
fn path_of(workflow: &Workflow, no: crate::id::StepNo) -> String {
    let step = workflow.step(no);
    let above = match (step.holder, step.section) {
        (Some(holder), _) => format!("{}.step", path_of(workflow, holder)),
        (None, crate::plan::Section::Main) => "step".to_owned(),
        (None, crate::plan::Section::OnFailure) => "on_failure".to_owned(),
        (None, crate::plan::Section::OnCancel) => "on_cancel".to_owned(),
    };
    format!("{above}.{}", step.id)
}

/// The same, of a step whose number is not at hand.
fn own_path(workflow: &Workflow, step: &crate::plan::Step) -> String {
    let own = workflow.numbers().find(|no| std::ptr::eq(workflow.step(*no), step));
    own.map_or_else(|| format!("step.{}", step.id), |no| path_of(workflow, no))
}

/// Asks for a good name, and says so otherwise.
fn name_ok(section: &Section<'_, '_>, name: &str, span: &Range<usize>) -> bool {
    let good = is_name(name);
    if !good {
        section.say(section.error("YZ0109", span.clone()).name("name", name).near(advice::as_name(name)));
    }
    good
}

/// A stored source has all its files in itself.
impl Files for BTreeMap<String, String> {
    fn read(&self, path: &str) -> Result<String, String> {
        self.get(path).cloned().ok_or_else(|| "it is not there".to_owned())
    }
}

#[cfg(test)]
mod tests;
