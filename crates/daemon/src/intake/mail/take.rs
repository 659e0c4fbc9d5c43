//! Takes one mail: its sender, its fields, its runs, and where it goes then.

use std::io;
use std::sync::Arc;

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use yizhan_engine::intake::each::{Elements, has_each};
use yizhan_engine::intake::{Fired, IntakeError, from_trigger};
use yizhan_engine::store::{Firing, FiringOutcome, Note};
use yizhan_engine::{Engine, StartError, StartReply, Started};
use yizhan_workflow::form::Form;
use yizhan_workflow::id::RunId;

use super::Slot;
use super::letter::{self, Letter, LetterError};
use super::line::{Head, Line, LineError};
use super::note;
use super::pattern::{NotFound, Patterns};
use crate::artifacts::Artifacts;
use crate::intake::folder::{self, Came, by_labels, passes, start_each};
use crate::intake::reason;
use crate::language::Language;

/// A larger mail is not fetched.
pub(super) const SIZE_MOST: u32 = 25 * 1024 * 1024;
/// A Message-ID that is longer is told by its hash.
const ID_MOST: usize = 200;

/// What became of a mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Taken {
    /// It is marked or moved, or gone.
    Done,
    /// No trigger means it: it stays as it is.
    Left,
    /// It can neither be taken nor put aside.
    Stuck,
    /// The disk is full, too much waits: it is looked at again.
    Later,
}

/// A trigger with its compiled patterns.
pub(super) struct Ready {
    pub(super) slot: Slot,
    pub(super) patterns: Patterns,
}

pub(super) struct Taker {
    pub(super) engine: Engine,
    pub(super) artifacts: Artifacts,
    pub(super) language: Language,
    /// Who writes the notes about mails that failed.
    pub(super) address: String,
}

/// Why one trigger started nothing.
enum Miss {
    Later,
    LeftOut,
    Refused(String),
}

impl From<folder::Miss> for Miss {
    fn from(miss: folder::Miss) -> Self {
        match miss {
            folder::Miss::Later => Self::Later,
            folder::Miss::Refused(why) => Self::Refused(why),
        }
    }
}

/// Which mail it is.
struct Which {
    head: Head,
    uid: u32,
    validity: u32,
    /// What makes a firing of it unique.
    id: String,
}

/// A mail that was read, with what each trigger found in it.
struct Opened {
    letter: Letter,
    attachments: Value,
    found: Vec<Result<Map<String, Value>, NotFound>>,
}

impl Taker {
    pub(super) async fn take(
        &self,
        line: &mut Line,
        uid: u32,
        ready: &Arc<Vec<Ready>>,
    ) -> Result<Taken, LineError> {
        let Some(head) = line.head(uid).await? else { return Ok(Taken::Done) };
        // Strangers wrote it, and a reader that panics over it must not end the watching of the folder.
        let Ok(senders) = std::panic::catch_unwind(|| letter::senders(&head.bytes)) else {
            tracing::error!(uid, "the head of a mail cannot be read: it is left");
            return Ok(Taken::Stuck);
        };
        let meant: Vec<usize> = (0..ready.len()).filter(|at| admitted(&ready[*at].slot, &senders)).collect();
        let admitted: Vec<&Ready> = meant.iter().map(|at| &ready[*at]).collect();
        if admitted.is_empty() {
            tracing::info!(uid, from = senders.join(", "), "a mail of this sender is not meant: it is left");
            return Ok(Taken::Left);
        }
        let id = id_of(&head, uid, line.validity);
        let mut which = Which { head, uid, validity: line.validity, id };
        let size = which.head.size;
        if size > SIZE_MOST {
            let why = self.language.pick(
                format!("邮件有 {size} 字节,最多 {SIZE_MOST} 字节"),
                format!("it has {size} bytes; {SIZE_MOST} are allowed"),
            );
            return self.failed(line, &which, &admitted, &why).await;
        }
        let Some(bytes) = line.whole(uid).await? else { return Ok(Taken::Done) };
        if letter::message_id(&which.head.bytes).is_none() {
            which.id = format!("{}#{}", which.id, &hash(&bytes)[..32]);
        }
        match self.open(bytes, ready.clone(), meant).await {
            Ok(Ok(opened)) => self.fire(line, &which, &admitted, opened).await,
            Ok(Err(why)) => self.failed(line, &which, &admitted, &why).await,
            Err(error) => {
                tracing::warn!(uid, %error, "a mail's attachments cannot be kept yet");
                Ok(Taken::Later)
            }
        }
    }

    /// Decodes, looks for the fields and keeps the attachments, where it holds up nobody. The inner error is the
    /// mail's, the outer one ours.
    async fn open(
        &self,
        bytes: Vec<u8>,
        ready: Arc<Vec<Ready>>,
        admitted: Vec<usize>,
    ) -> io::Result<Result<Opened, String>> {
        let artifacts = self.artifacts.clone();
        let opening = tokio::task::spawn_blocking(move || {
            let mut letter = match letter::read(&bytes) {
                Ok(letter) => letter,
                Err(error) => return Ok(Err(error.to_string())),
            };
            drop(bytes);
            let found: Vec<_> = admitted.iter().map(|at| ready[*at].patterns.fields(&letter)).collect();
            let mut kept = Vec::new();
            if found.iter().any(Result::is_ok) {
                for one in std::mem::take(&mut letter.attachments) {
                    let stored = artifacts.put(&one.name, &one.media, &one.content)?;
                    kept.push(json!({
                        "artifact": stored.artifact, "name": one.name, "type": one.media, "size": stored.bytes,
                    }));
                }
            }
            Ok(Ok(Opened { letter, attachments: Value::Array(kept), found }))
        });
        match opening.await {
            Err(error) if error.is_panic() => Ok(Err(LetterError::Unreadable.to_string())),
            opened => opened.map_err(io::Error::other)?,
        }
    }

    async fn fire(
        &self,
        line: &mut Line,
        which: &Which,
        admitted: &[&Ready],
        opened: Opened,
    ) -> Result<Taken, LineError> {
        let (mut runs, mut done) = (Vec::new(), None);
        let (mut refused, mut missed, mut left_out) = (Vec::new(), Vec::new(), 0);
        for (one, found) in admitted.iter().zip(&opened.found) {
            let fields = match found {
                Ok(fields) => fields,
                Err(not) => {
                    missed.push((*one, self.missed(not)));
                    continue;
                }
            };
            match self.start(&one.slot, which, &opened, fields.clone()).await {
                Ok(came) => {
                    runs.extend(came.runs);
                    done = done.or(Some(*one));
                    if !came.refused.is_empty() {
                        self.tell_refused(which, one, &came.refused.join("\n")).await;
                    }
                }
                Err(Miss::Later) => return Ok(Taken::Later),
                Err(Miss::LeftOut) => left_out += 1,
                Err(Miss::Refused(why)) => refused.push((*one, why)),
            }
        }
        if let Some(done) = done {
            // Whose patterns did not fit was not meant; whose form refused what was found must hear of it.
            for (one, why) in &refused {
                self.tell_refused(which, one, why).await;
            }
            return self.handled(line, which, done, &runs).await;
        }
        if refused.is_empty() {
            if left_out > 0 {
                return Ok(Taken::Left);
            }
            refused = missed;
        }
        let mut reasons: Vec<&str> = refused.iter().map(|(_, why)| why.as_str()).collect();
        reasons.dedup();
        let all: Vec<&Ready> = refused.iter().map(|(one, _)| *one).collect();
        self.failed(line, which, &all, &reasons.join("\n")).await
    }

    fn missed(&self, not: &NotFound) -> String {
        let NotFound { place, pattern } = not;
        let subject = *place == "subject";
        self.language.pick(
            format!("{}里找不到 `{pattern}`", if subject { "标题" } else { "正文" }),
            format!("its {} has nothing that fits `{pattern}`", if subject { "subject" } else { "text" }),
        )
    }

    async fn start(
        &self,
        slot: &Slot,
        which: &Which,
        opened: &Opened,
        fields: Map<String, Value>,
    ) -> Result<Came, Miss> {
        let (with, body, own) = told(&slot.workflow.input, opened, fields);
        let shared = &self.engine.shared;
        let (world, now) = (shared.world(), shared.now());
        let fired = Fired { trigger: &slot.trigger, with };
        let firing = Firing {
            workflow: slot.workflow.name.clone(),
            trigger: slot.trigger.clone(),
            id: which.id.clone(),
            at: now,
            outcome: FiringOutcome::Started,
        };
        let by = format!("trigger:{}", slot.trigger).into();
        if has_each(&slot.workflow, &slot.trigger) {
            return match Elements::of(&slot.workflow, &fired, &body, world, now) {
                Ok(elements) => Ok(start_each(&self.engine, &elements, &by, &firing, self.language).await?),
                Err(IntakeError::LeftOut) => Err(Miss::LeftOut),
                Err(error) => Err(Miss::Refused(reason::of_intake(&error, self.language))),
            };
        }
        let prepared = match from_trigger(&slot.workflow, fired, &body, &world, now) {
            Ok(prepared) => prepared,
            Err(IntakeError::LeftOut) => return Err(Miss::LeftOut),
            Err(error) => return Err(Miss::Refused(reason::of_intake(&error, self.language))),
        };
        // The mail's own parts are there for whoever asks; only what a pattern looked for was meant.
        let dropped: Vec<&String> = prepared.dropped.iter().filter(|name| own.contains(name)).collect();
        if !dropped.is_empty() {
            tracing::info!(mail = which.id, fields = ?dropped, "found and not asked for");
        }
        match self.engine.start(Started { prepared, by, firing: Some(firing) }).await {
            Ok(StartReply::Started(run) | StartReply::Joined(run)) => {
                Ok(Came { runs: vec![run], ..Came::default() })
            }
            Ok(StartReply::Gathered { .. }) => Ok(Came::default()),
            Err(StartError::FiredBefore { run }) => {
                tracing::info!(mail = which.id, "this mail was handled before");
                Ok(Came { runs: run.into_iter().collect(), ..Came::default() })
            }
            Err(error) if passes(&error) => Err(Miss::Later),
            Err(error) => Err(Miss::Refused(reason::of_start(&error, self.language))),
        }
    }

    async fn handled(
        &self,
        line: &mut Line,
        which: &Which,
        ready: &Ready,
        runs: &[RunId],
    ) -> Result<Taken, LineError> {
        let runs: Vec<String> = runs.iter().map(ToString::to_string).collect();
        tracing::info!(mail = which.id, runs = runs.join(", "), "a mail came in");
        // First: whatever becomes of the move, it is not looked at again.
        line.mark(which.uid).await?;
        if let Some(done) = &ready.slot.rule.done {
            match line.put_into(which.uid, done).await {
                Err(error) if error.is_refusal() => {
                    tracing::warn!(folder = done, %error, "a handled mail cannot be moved: it is only marked");
                }
                other => other?,
            }
        }
        Ok(Taken::Done)
    }

    /// Nothing came of it: the reason is in the log, with the trigger, and beside the mail.
    async fn failed(
        &self,
        line: &mut Line,
        which: &Which,
        refused: &[&Ready],
        why: &str,
    ) -> Result<Taken, LineError> {
        let Some(first) = refused.first() else { return Ok(Taken::Left) };
        let head = &which.head;
        for one in refused {
            self.tell_refused(which, one, why).await;
        }
        let folder = &first.slot.rule.failed;
        match line.put_into(which.uid, folder).await {
            Ok(()) => {}
            Err(error) if error.is_refusal() => {
                tracing::error!(folder, %error, "a mail that started nothing cannot be moved: it is left");
                return Ok(Taken::Stuck);
            }
            Err(error) => return Err(error),
        }
        let note = note::write(&note::About {
            language: self.language,
            from: &self.address,
            subject: &letter::subject(&head.bytes),
            message_id: letter::message_id(&head.bytes).as_deref(),
            workflow: &first.slot.workflow.name,
            trigger: &first.slot.trigger,
            why,
            now: self.engine.shared.now(),
        });
        match line.append(folder, note.as_bytes()).await {
            Err(error) if error.is_refusal() => {
                tracing::warn!(folder, %error, "the reason cannot be put beside the mail");
            }
            other => other?,
        }
        Ok(Taken::Done)
    }

    async fn tell_refused(&self, which: &Which, ready: &Ready, why: &str) {
        let Slot { workflow, trigger, .. } = &ready.slot;
        tracing::warn!(
            workflow = &*workflow.name,
            trigger = &**trigger,
            mail = which.id,
            "a mail started nothing: {why}"
        );
        let firing = Firing {
            workflow: workflow.name.clone(),
            trigger: trigger.clone(),
            // Not the mail's own: when it is put back, once the file is mended, it must start its run.
            id: format!("{}#failed:{}/{}", which.id, which.validity, which.uid),
            at: self.engine.shared.now(),
            outcome: FiringOutcome::Failed,
        };
        if let Err(error) = self.engine.note(Note::Firing(firing)).await {
            tracing::warn!(mail = which.id, %error, "the firing that failed cannot be noted");
        }
    }
}

/// All of them: a mail can say that it is from several.
fn admitted(slot: &Slot, senders: &[String]) -> bool {
    let nobody = [String::new()];
    let senders = if senders.is_empty() { &nobody[..] } else { senders };
    senders.iter().all(|sender| slot.rule.admits(sender))
}

fn id_of(head: &Head, uid: u32, validity: u32) -> String {
    match letter::message_id(&head.bytes) {
        Some(id) if id.len() <= ID_MOST => id,
        Some(id) => format!("sha256:{}", hash(id.as_bytes())),
        None => format!("uid:{validity}/{uid}"),
    }
}

fn hash(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What the trigger's expressions see, the fields where it maps none, and which of those a pattern found.
fn told(
    form: &Form,
    opened: &Opened,
    fields: Map<String, Value>,
) -> (Map<String, Value>, Map<String, Value>, Vec<String>) {
    let Opened { letter, attachments, .. } = opened;
    let with = json!({
        "from": letter.from,
        "from_name": letter.from_name,
        "to": letter.to,
        "cc": letter.cc,
        "subject": letter.subject,
        "date": letter.date,
        "text": letter.text,
        "html": letter.html,
        "message_id": letter.message_id,
        "attachments": attachments,
        "fields": fields,
    });
    let found = by_labels(fields, form);
    let own = found.keys().cloned().collect();
    let mut body = Map::from_iter([
        ("from".to_owned(), json!(letter.from)),
        ("subject".to_owned(), json!(letter.subject)),
        ("text".to_owned(), json!(letter.text)),
        ("attachments".to_owned(), attachments.clone()),
    ]);
    body.extend(found);
    let with = if let Value::Object(with) = with { with } else { Map::new() };
    (with, body, own)
}
