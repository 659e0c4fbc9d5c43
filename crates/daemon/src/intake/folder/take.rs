//! Takes one whole file: starts its runs, then moves it to `done/` or, with the reason, to `failed/`.

use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use yizhan_engine::intake::each::{Became, Elements, has_each};
use yizhan_engine::intake::{Fired, IntakeError, from_trigger};
use yizhan_engine::store::{Firing, FiringOutcome};
use yizhan_engine::{ActError, Engine, StartError, StartReply, Started};
use yizhan_workflow::id::RunId;
use yizhan_workflow::plan::FilePer;

use super::Slot;
use super::aside::{give_back, moved, say_beside};
use super::beneath::Folder;
use super::content::{Content, by_labels, read};
use super::pattern::{DONE, FAILED};
use crate::artifacts::Artifacts;
use crate::intake::reason;
use crate::language::Language;

/// What became of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Taken {
    /// It is moved, or gone.
    Done,
    /// It lies where it lay: the disk is full, too much waits. Nothing that was started is started twice.
    Later,
}

pub(super) struct Taker {
    pub(super) engine: Engine,
    pub(super) artifacts: Artifacts,
    pub(super) work: PathBuf,
    pub(super) size_max: u64,
    pub(super) language: Language,
}

/// Why one firing started no run.
#[derive(Debug)]
pub(crate) enum Miss {
    Later,
    Refused(String),
}

/// What one firing started, and the elements of its list that started nothing.
#[derive(Debug, Default)]
pub(crate) struct Came {
    pub(crate) runs: Vec<RunId>,
    pub(crate) refused: Vec<String>,
    /// How many are kept for the run of a later slot.
    pub(crate) gathered: usize,
}

/// A file as it was read once.
struct Dropped {
    name: String,
    /// From the home on.
    shown: String,
    hash: String,
    size: usize,
    modified_ms: u128,
    content: Content,
}

/// A row that started nothing, and why.
pub(super) type Bad = (usize, Map<String, Value>, String);

/// What came of all triggers together.
#[derive(Default)]
struct Outcome {
    started: Vec<RunId>,
    bad: Vec<Bad>,
    refused: Vec<String>,
    /// Elements of a trigger's list that started nothing, while others did.
    elements: Vec<String>,
    left_out: usize,
    gathered: usize,
    later: bool,
}

impl Taker {
    pub(super) async fn take(&self, path: &Path, slots: &[&Slot]) -> Taken {
        let dropped = match self.open(path) {
            Ok(Ok(dropped)) => dropped,
            Ok(Err(why)) => return self.put_aside(path, &why),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Taken::Done,
            Err(error) => {
                tracing::warn!(path = %path.display(), %error, "a dropped file cannot be read");
                return Taken::Later;
            }
        };
        let mut outcome = Outcome::default();
        for slot in slots {
            self.fire(slot, &dropped, &mut outcome).await;
        }
        if outcome.later {
            return Taken::Later;
        }
        self.finish(path, &dropped, outcome)
    }

    /// The inner error is the sender's, the outer one ours.
    fn open(&self, path: &Path) -> io::Result<Result<Dropped, String>> {
        let (folder, name) = Folder::around(&self.work, path)?;
        let file = folder.file(name)?;
        let at = file.metadata()?;
        if at.len() > self.size_max {
            let (size, most) = (at.len(), self.size_max);
            return Ok(Err(self.language.pick(
                format!("文件有 {size} 字节,最多 {most} 字节(`[files] size_max`)"),
                format!("it has {size} bytes; {most} are allowed (`[files] size_max`)"),
            )));
        }
        let mut bytes = Vec::new();
        file.take(self.size_max + 1).read_to_end(&mut bytes)?;
        let since = at.modified()?.duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let content = match read(path, &bytes) {
            Ok(content) => content,
            Err(error) => return Ok(Err(error.said(self.language))),
        };
        let hash = match content {
            Content::Other => self.artifacts.put(&name, "", &bytes)?.sha256,
            Content::Fields(_) | Content::Rows(_) => {
                Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect()
            }
        };
        let shown = path.strip_prefix(&self.work).unwrap_or(path).display().to_string();
        Ok(Ok(Dropped { name, shown, hash, size: bytes.len(), modified_ms: since.as_millis(), content }))
    }

    async fn fire(&self, slot: &Slot, dropped: &Dropped, outcome: &mut Outcome) {
        let rows = match (&dropped.content, slot.per) {
            (Content::Rows(rows), FilePer::Row) => rows.iter().cloned().map(Some).collect(),
            (Content::Fields(fields), FilePer::Row) => vec![Some(fields.clone())],
            (Content::Other, FilePer::Row) => {
                let name = &dropped.name;
                outcome.refused.push(self.language.pick(
                    format!("`{name}` 没有行:csv、json、toml 才有"),
                    format!("`{name}` has no rows: csv, json and toml have"),
                ));
                return;
            }
            (_, FilePer::File) => vec![None],
        };
        for (number, row) in (1..).zip(rows) {
            let is_row = row.is_some();
            match self.start(slot, dropped, number, row.clone()).await {
                Ok(came) => {
                    outcome.left_out += usize::from(came.runs.is_empty() && came.gathered == 0);
                    outcome.gathered += came.gathered;
                    outcome.started.extend(came.runs);
                    let row = self.language.pick(format!("第 {number} 行,"), format!("row {number}, "));
                    let place = if is_row { row } else { String::new() };
                    outcome.elements.extend(came.refused.iter().map(|why| format!("{place}{why}")));
                }
                Err(Miss::Later) => {
                    outcome.later = true;
                    return;
                }
                Err(Miss::Refused(why)) => match row {
                    Some(row) => outcome.bad.push((number, row, why)),
                    None => outcome.refused.push(why),
                },
            }
        }
    }

    /// One firing. `row`: of a file whose rows are runs of their own.
    async fn start(
        &self,
        slot: &Slot,
        dropped: &Dropped,
        number: usize,
        row: Option<Map<String, Value>>,
    ) -> Result<Came, Miss> {
        let is_row = row.is_some();
        let (with, body) = told(slot, dropped, number, row);
        let shared = &self.engine.shared;
        let (world, now) = (shared.world(), shared.now());
        let fired = Fired { trigger: &slot.trigger, with };
        // The time tells a file that is dropped again, as every Monday's, from one that a crash left in the folder.
        let row = if is_row { format!("#{number}") } else { String::new() };
        let id = format!("{}@{}#{}{row}", dropped.name, dropped.modified_ms, &dropped.hash[..32]);
        let firing = Firing {
            workflow: slot.workflow.name.clone(),
            trigger: slot.trigger.clone(),
            id,
            at: now,
            outcome: FiringOutcome::Started,
        };
        let by = format!("trigger:{}", slot.trigger).into();
        if has_each(&slot.workflow, &slot.trigger) {
            return match Elements::of(&slot.workflow, &fired, &body, world, now) {
                Ok(elements) => start_each(&self.engine, &elements, &by, &firing, self.language).await,
                Err(IntakeError::LeftOut) => Ok(Came::default()),
                Err(error) => Err(Miss::Refused(reason::of_intake(&error, self.language))),
            };
        }
        let prepared = match from_trigger(&slot.workflow, fired, &body, &world, now) {
            Ok(prepared) => prepared,
            Err(IntakeError::LeftOut) => return Ok(Came::default()),
            Err(error) => return Err(Miss::Refused(reason::of_intake(&error, self.language))),
        };
        if !prepared.dropped.is_empty() {
            tracing::info!(file = dropped.shown, fields = ?prepared.dropped, "given and not asked for");
        }
        yizhan_faults::point("folder.starting");
        match self.engine.start(Started { prepared, by, firing: Some(firing) }).await {
            Ok(StartReply::Started(run) | StartReply::Joined(run))
            | Err(StartError::FiredBefore { run: Some(run) }) => {
                Ok(Came { runs: vec![run], ..Came::default() })
            }
            Ok(StartReply::Gathered { .. }) => Ok(Came { gathered: 1, ..Came::default() }),
            Err(StartError::FiredBefore { run: None }) => Ok(Came::default()),
            Err(error) if passes(&error) => Err(Miss::Later),
            Err(error) => Err(Miss::Refused(reason::of_start(&error, self.language))),
        }
    }

    fn finish(&self, path: &Path, dropped: &Dropped, outcome: Outcome) -> Taken {
        let Outcome { started, bad, refused, elements, gathered, .. } = outcome;
        tracing::info!(
            file = dropped.shown,
            runs = started.len(),
            gathered,
            bad = bad.len() + refused.len() + elements.len(),
            "a file was dropped"
        );
        let nothing_good = started.is_empty() && gathered == 0 && (!bad.is_empty() || !refused.is_empty());
        let mut reasons = refused;
        reasons.extend(bad.iter().map(|(number, _, why)| {
            self.language.pick(format!("第 {number} 行:{why}"), format!("row {number}: {why}"))
        }));
        if nothing_good {
            return self.put_aside(path, &reasons.join("\n"));
        }
        if !bad.is_empty()
            && let Err(error) = give_back(&self.work, path, &bad)
        {
            tracing::warn!(%error, file = dropped.shown, "the rows that are wrong cannot be written yet");
            return Taken::Later;
        }
        if !elements.is_empty()
            && let Err(error) = say_beside(&self.work, path, &elements)
        {
            tracing::warn!(%error, file = dropped.shown, "the elements that are wrong cannot be written yet");
            return Taken::Later;
        }
        moved(&self.work, path, DONE, None)
    }

    fn put_aside(&self, path: &Path, why: &str) -> Taken {
        tracing::warn!(path = %path.display(), "a dropped file started nothing: {why}");
        moved(&self.work, path, FAILED, Some(why))
    }
}

/// Starts a run for each element. All of them refused, the firing is.
pub(crate) async fn start_each(
    engine: &Engine,
    elements: &Elements,
    by: &std::sync::Arc<str>,
    firing: &Firing,
    language: Language,
) -> Result<Came, Miss> {
    let all = match elements.start(engine, by, Some(firing), 0..elements.len()).await {
        Ok(all) => all,
        Err(error) => {
            let error = StartError::from(error);
            return Err(if passes(&error) {
                Miss::Later
            } else {
                Miss::Refused(reason::of_start(&error, language))
            });
        }
    };
    let numbered = (1..).zip(&all);
    let refused = numbered.filter_map(|(number, became): (usize, _)| match became {
        Became::Refused(error) => {
            let why = reason::of_start(error, language);
            Some(language.pick(format!("第 {number} 项:{why}"), format!("element {number}: {why}")))
        }
        Became::Started(_) | Became::Joined(_) | Became::Gathered { .. } | Became::Before(_) => None,
    });
    let refused: Vec<String> = refused.collect();
    if !all.is_empty() && refused.len() == all.len() {
        return Err(Miss::Refused(refused.join("\n")));
    }
    let gathered = all.iter().filter(|became| matches!(became, Became::Gathered { .. })).count();
    Ok(Came { runs: all.iter().filter_map(Became::run).collect(), refused, gathered })
}

/// What the trigger's expressions see, and the fields where it maps none.
fn told(
    slot: &Slot,
    dropped: &Dropped,
    number: usize,
    row: Option<Map<String, Value>>,
) -> (Map<String, Value>, Map<String, Value>) {
    let form = &slot.workflow.input;
    let mut file = Map::from_iter([
        ("name".to_owned(), json!(dropped.name)),
        ("path".to_owned(), json!(dropped.shown)),
        ("size".to_owned(), json!(dropped.size)),
    ]);
    let body = match (&dropped.content, row) {
        (_, Some(row)) => {
            file.insert("row".to_owned(), json!(number));
            by_labels(row, form)
        }
        (Content::Fields(fields), None) => by_labels(fields.clone(), form),
        (Content::Rows(rows), None) => {
            // Rows that a table takes are headed as its columns are.
            let form = form.field("rows").map(|rows| &rows.columns).filter(|own| !own.fields.is_empty());
            let form = form.unwrap_or(&slot.workflow.input);
            let rows: Vec<Map<String, Value>> = rows.iter().map(|row| by_labels(row.clone(), form)).collect();
            file.insert("rows".to_owned(), json!(rows));
            Map::from_iter([("rows".to_owned(), json!(rows))])
        }
        (Content::Other, None) => {
            file.insert("artifact".to_owned(), json!(dropped.hash));
            Map::from_iter([("file".to_owned(), json!({ "artifact": dropped.hash, "name": dropped.name }))])
        }
    };
    let with = Map::from_iter([
        ("file".to_owned(), Value::Object(file)),
        ("body".to_owned(), Value::Object(body.clone())),
    ]);
    (with, body)
}

/// What goes by itself: the file only waits.
pub(crate) fn passes(error: &StartError) -> bool {
    match error {
        StartError::Act(error) => {
            matches!(error, ActError::Busy | ActError::DiskFull | ActError::Stopping | ActError::Paused(_))
        }
        StartError::NoSuchWorkflow(_)
        | StartError::Intake(_)
        | StartError::KeyHeld { .. }
        | StartError::FiredBefore { .. } => false,
        StartError::Gathered { .. } => true,
    }
}
