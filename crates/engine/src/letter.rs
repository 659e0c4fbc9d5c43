//! What a run's owner reads when it asks: which step, what is known, how to answer. In the house's language.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};
use yizhan_workflow::catalogue::Catalogue;
use yizhan_workflow::id::{Attempt, Millis, RunId, TaskId};
use yizhan_workflow::plan::{ActionName, Effect};
use yizhan_workflow::problem::{Lang, nearest, reason};
use yizhan_workflow::run::event::{Failure, Happened, Question};
use yizhan_workflow::run::guess::Guess;

use crate::link::{Choice, Links};

/// Characters of the case in a subject.
const SUBJECT_MOST: usize = 120;

/// What is kept of the asking until it was told: the facts, not yet the words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Letter {
    pub run: RunId,
    pub workflow: Arc<str>,
    pub title: Arc<str>,
    /// The case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<Arc<str>>,
    pub step: Arc<str>,
    pub of: Attempt,
    /// Which of several its item is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub which: Option<Which>,
    pub task: TaskId,
    /// Selectors as written; who that is, is asked when the letter goes out.
    pub who: Vec<String>,
    pub asks: Asks,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub known: Option<Failure>,
    /// The due time, on the house's clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due: Option<Arc<str>>,
    /// Its calendar does not know a year that it counts over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guess: Option<Guess>,
    /// Of what a due time sets off: the title of the task, where it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked: Option<Arc<str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub passed: Option<Passed>,
    /// What a link can answer, where one thing is asked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub offers: Vec<Offer>,
    /// Of a digest: what its reader has to do, and how much more.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lines: Vec<Line>,
    #[serde(default, skip_serializing_if = "is_none_more")]
    pub more: usize,
    /// Whoever `who` names gets it, and nobody for them: the links in it are theirs.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub alone: bool,
    /// It goes to this group chat, once for all in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chat: Option<Arc<str>>,
    /// As anybody may read it, such as a group chat, where that is less than those may whom it was written for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aloud: Option<Box<Self>>,
    /// Whom it was written for, where anybody else gets it `aloud`.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub for_whom: BTreeSet<String>,
}

fn is_none_more(more: &usize) -> bool {
    *more == 0
}

/// One item of an `each`. What the element is, is not said: it may hold what not all may read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Which {
    /// Counted as people count.
    pub number: u32,
    pub of: usize,
}

/// One of the open tasks of a digest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    pub task: TaskId,
    pub title: Arc<str>,
    /// On the house's clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due: Option<Arc<str>>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub late: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guess: Option<Guess>,
}

/// One of the answers to a form that asks one thing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offer {
    pub choice: Choice,
    /// As its reader knows it; without it yes or no.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<Arc<str>>,
}

/// The links of one reader's letter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Doors {
    /// What each answers, with its address; the whole form where nothing is said.
    doors: Vec<(Option<Offer>, String)>,
    /// On the house's clock.
    until: String,
    /// Its reader is not of the house.
    outsider: bool,
}

/// Somebody handed the task over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Passed {
    pub by: Arc<str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<Arc<str>>,
}

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Asks {
    /// Whether it happened.
    Unknown,
    /// How to go on without what failed.
    Failed,
    /// Whether what cannot be taken back stays.
    UndoFailed,
    /// Whether the flow goes back once more.
    WayUsedUp,
    /// A form of a closing section: the run cannot end without it.
    Form,
    /// Whether what a due time set off and failed is done again.
    RungFailed,
    /// Nothing: it reminds of what is to be done.
    Reminds,
    /// Nothing: it tells that a due time comes or is past.
    Tells,
    TellsLate,
    /// An everyday task.
    Task,
    /// Nothing any more: what was claimed is no more to be done.
    Gone,
    /// Nothing: it lists what is open.
    Digest,
}

impl From<&Question> for Asks {
    fn from(why: &Question) -> Self {
        match why {
            Question::Failed { .. } => Self::Failed,
            Question::UndoFailed { .. } => Self::UndoFailed,
            Question::RungFailed { .. } => Self::RungFailed,
            Question::WayUsedUp { .. } => Self::WayUsedUp,
        }
    }
}

/// Both languages stand side by side, so that neither is forgotten.
macro_rules! say {
    ($lang:expr, $zh:literal, $en:literal) => {
        match $lang {
            Lang::Zh => format!($zh),
            Lang::En => format!($en),
        }
    };
}

pub(crate) use say;

/// Why the action that the settings name for letters cannot carry them.
#[must_use]
pub fn fault(tell: Option<&ActionName>, catalogue: &Catalogue, lang: Lang) -> Option<String> {
    let Some(name) = tell else {
        return Some(say!(
            lang,
            "`[tell] use` 没有写动作:有事要问 `owner` 时,没有人会收到信",
            "`[tell] use` names no action: nobody is told when a run asks its owner"
        ));
    };
    let Some(action) = catalogue.action(name) else {
        let meant = nearest(&name.to_string(), catalogue.actions.keys())
            .map_or_else(String::new, |near| say!(lang, ";是不是 `{near}`?", "; did you mean `{near}`?"));
        return Some(say!(
            lang,
            "`[tell] use` 写的 `{name}` 不在已加载的插件里{meant};有事要问 `owner` 时,没有人会收到信",
            "`[tell] use` names `{name}`, which no loaded plugin offers{meant}; nobody is told when a run asks its owner"
        ));
    };
    (action.effect == Effect::Once).then(|| {
        say!(
            lang,
            "`[tell] use` 写的 `{name}` 只能办一次,失败了不能重试:没有人会收到信",
            "`[tell] use` names `{name}`, which must happen once and so cannot be tried again; nobody is told"
        )
    })
}

impl Letter {
    /// The input of the action: to whom, with these words.
    #[must_use]
    pub(crate) fn input(&self, to: &[String], lang: Lang, doors: Option<&Doors>) -> Arc<str> {
        let input = json!({ "to": to, "subject": self.subject(lang), "text": self.text(lang, doors) });
        input.to_string().into()
    }

    /// As these may read it.
    pub(crate) fn as_read_by<'r>(&self, mut readers: impl Iterator<Item = &'r str>) -> Self {
        if readers.all(|who| self.for_whom.contains(who)) {
            Self { aloud: None, for_whom: BTreeSet::new(), ..self.clone() }
        } else {
            self.as_anybody_reads_it()
        }
    }

    pub(crate) fn as_anybody_reads_it(&self) -> Self {
        let said = self.aloud.as_deref().unwrap_or(self).clone();
        Self { aloud: None, for_whom: BTreeSet::new(), ..said }
    }

    /// It is answered by whoever gets it.
    pub(crate) fn is_answered(&self) -> bool {
        match self.asks {
            Asks::Task | Asks::Form => true,
            Asks::Reminds => self.asked.is_some(),
            Asks::Unknown
            | Asks::Failed
            | Asks::UndoFailed
            | Asks::WayUsedUp
            | Asks::RungFailed
            | Asks::Tells
            | Asks::TellsLate
            | Asks::Gone
            | Asks::Digest => false,
        }
    }

    /// The links for one of its readers: one for each answer where one thing is asked; an outsider, who has no other
    /// way, gets one to the whole form.
    pub(crate) fn doors(&self, links: &Links, who: &str, at: Millis, zone: &TimeZone) -> Option<Doors> {
        let outsider = who.starts_with("mail:");
        if !self.is_answered() || self.offers.is_empty() && !outsider {
            return None;
        }
        let address = |choice| links.address((self.run, &self.task), who, choice, at);
        let mut doors: Vec<(Option<Offer>, String)> = self
            .offers
            .iter()
            .map(|offer| (Some(offer.clone()), address(Some(offer.choice.clone()))))
            .collect();
        if doors.is_empty() {
            doors.push((None, address(None)));
        }
        let until = links.until(at).timestamp()?.to_zoned(zone.clone());
        Some(Doors { doors, until: until.strftime("%Y-%m-%d %H:%M").to_string(), outsider })
    }

    fn case(&self, lang: Lang) -> String {
        let title = &self.title;
        self.key.as_ref().filter(|key| !key.trim().is_empty()).map_or_else(
            || say!(lang, "“{title}”", "“{title}”"),
            |key| say!(lang, "“{title}”({key})", "“{title}” ({key})"),
        )
    }

    pub(crate) fn subject(&self, lang: Lang) -> String {
        let (case, step) = (one_line(&self.case(lang)), &self.step);
        match self.asks {
            Asks::Unknown => say!(
                lang,
                "【驿站】{case}:步骤“{step}”是否办成,请确认",
                "[Yizhan] {case}: did step `{step}` happen?"
            ),
            Asks::Failed => say!(
                lang,
                "【驿站】{case}:步骤“{step}”失败,请决定如何继续",
                "[Yizhan] {case}: step `{step}` failed; how shall it go on?"
            ),
            Asks::UndoFailed => say!(
                lang,
                "【驿站】{case}:步骤“{step}”未能撤回,请决定",
                "[Yizhan] {case}: step `{step}` could not be taken back"
            ),
            Asks::WayUsedUp => say!(
                lang,
                "【驿站】{case}:步骤“{step}”退回次数已用完,请决定",
                "[Yizhan] {case}: step `{step}` went back as often as it may"
            ),
            Asks::Form => say!(
                lang,
                "【驿站】{case}:收尾步骤“{step}”等您办理",
                "[Yizhan] {case}: the closing step `{step}` waits for you"
            ),
            Asks::RungFailed => say!(
                lang,
                "【驿站】{case}:步骤“{step}”到时要办的事失败了,请决定",
                "[Yizhan] {case}: what the due time of step `{step}` set off failed"
            ),
            Asks::Reminds => {
                let what = one_line(self.what());
                say!(lang, "【驿站】催办:{case}“{what}”", "[Yizhan] reminder: {case}, “{what}”")
            }
            Asks::Tells => {
                let what = one_line(self.what());
                say!(lang, "【驿站】{case}“{what}”未办", "[Yizhan] {case}: “{what}” is not done")
            }
            Asks::TellsLate => {
                let what = one_line(self.what());
                say!(lang, "【驿站】超时:{case}“{what}”", "[Yizhan] late: {case}, “{what}”")
            }
            Asks::Task => {
                let title = one_line(self.what());
                say!(lang, "【驿站】待办:{title} {case}", "[Yizhan] To do: {title}, {case}")
            }
            Asks::Digest => self.digest_subject(lang),
            Asks::Gone => say!(
                lang,
                "【驿站】{case}:您认领的“{step}”不用再办了",
                "[Yizhan] {case}: `{step}`, which you claimed, is no more to be done"
            ),
        }
    }

    fn text(&self, lang: Lang, doors: Option<&Doors>) -> String {
        if self.asks == Asks::Digest {
            return self.digest(lang);
        }
        let (run, workflow) = (self.run, &self.workflow);
        let mut text = self.sentence(lang);
        text.push_str("\n\n");
        if let Some(due) = self.due_line(lang) {
            text.push_str(&due);
            text.push_str("\n\n");
        }
        if let Some(known) = self.known(lang) {
            text.push_str(&known);
            text.push_str("\n\n");
        }
        match doors {
            // Whoever is not of the house has no commands.
            Some(doors) if doors.outsider => {
                text.push_str(&doors.text(lang));
                return text;
            }
            Some(doors) => {
                text.push_str(&doors.text(lang));
                text.push('\n');
            }
            None => {}
        }
        text.push_str(&self.answers(lang));
        text.push_str(&say!(
            lang,
            "\n来龙去脉:\n  yizhan why {run}\n\n流程 {workflow},办理编号 {run}。\n",
            "\nHow it came to this:\n  yizhan why {run}\n\nWorkflow {workflow}, run {run}.\n"
        ));
        text
    }

    pub(crate) fn sentence(&self, lang: Lang) -> String {
        let sentence = self.happened(lang);
        match self.which {
            Some(Which { number, of }) => {
                say!(
                    lang,
                    "{sentence}是 {of} 项中的第 {number} 项。",
                    "{sentence} It is item {number} of {of}."
                )
            }
            None => sentence,
        }
    }

    fn happened(&self, lang: Lang) -> String {
        let (case, step) = (self.case(lang), &self.step);
        match self.asks {
            Asks::Unknown => say!(
                lang,
                "{case}的步骤“{step}”没有得到明确的结果,是否已经办成不得而知。它在等您的答复,不会自行重做。",
                "Step `{step}` of {case} ended without a clear answer: nobody knows whether it happened. It waits for your word and is not done again by itself."
            ),
            Asks::Failed => say!(
                lang,
                "{case}的步骤“{step}”失败了,流程停在这里等您决定。",
                "Step `{step}` of {case} failed, and the run waits for your word how to go on."
            ),
            Asks::UndoFailed => say!(
                lang,
                "{case}的步骤“{step}”应当撤回,但撤回失败了。",
                "Step `{step}` of {case} was to be taken back, and that failed."
            ),
            Asks::WayUsedUp => say!(
                lang,
                "{case}从步骤“{step}”退回的次数已经用完。",
                "{case} went back from step `{step}` as often as it may."
            ),
            Asks::Form => say!(
                lang,
                "{case}正在收尾,步骤“{step}”要有人答复才能结束。",
                "{case} is closing, and its step `{step}` needs an answer before it can end."
            ),
            Asks::Task => {
                let title = self.what();
                let passed = self.passed(lang);
                say!(
                    lang,
                    "{case}有一件待办:{title}。{passed}",
                    "{case} has a task for you: {title}.{passed}"
                )
            }
            Asks::Digest => self.digest_subject(lang),
            Asks::Gone => say!(
                lang,
                "您认领的步骤“{step}”({case})不用再办了:流程已经结束、退回,或者别人的结果已经够了。",
                "Step `{step}` of {case}, which you claimed, is no more to be done: the run ended, went back, or others were enough."
            ),
            Asks::RungFailed => say!(
                lang,
                "{case}的步骤“{step}”到时要办的一件事失败了。",
                "Something that the due time of step `{step}` of {case} set off failed."
            ),
            Asks::Reminds | Asks::Tells | Asks::TellsLate => self.by_when(&case, lang),
        }
    }

    /// Of a task; other words say it in their sentence.
    pub(crate) fn due_line(&self, lang: Lang) -> Option<String> {
        let due = self.due.as_ref().filter(|_| self.asks == Asks::Task)?;
        let doubt = self.doubt(lang);
        Some(say!(lang, "期限:{due}{doubt}", "Due: {due}{doubt}"))
    }

    fn doubt(&self, lang: Lang) -> String {
        doubt(self.guess.as_ref(), lang)
    }

    /// What is to be done: of a task its title, else the step; of the whole file the case.
    fn what(&self) -> &str {
        let named = self.asked.as_ref().or(Some(&self.step)).filter(|what| !what.is_empty());
        named.unwrap_or(&self.title)
    }

    fn by_when(&self, case: &str, lang: Lang) -> String {
        let (what, doubt) = (self.what(), self.doubt(lang));
        match (&self.due, self.asks) {
            (Some(due), Asks::TellsLate) => say!(
                lang,
                "{case}的“{what}”应于 {due} 前办完{doubt},现已超时,还没有办完。",
                "“{what}” of {case} was due at {due}{doubt}; it is late and not done."
            ),
            (Some(due), _) => say!(
                lang,
                "{case}的“{what}”应于 {due} 前办完{doubt},还没有办完。",
                "“{what}” of {case} is due at {due}{doubt} and not done yet."
            ),
            (None, _) => {
                say!(lang, "{case}的“{what}”还没有办完。", "“{what}” of {case} is not done yet.")
            }
        }
    }

    /// Who handed it over, and why.
    fn passed(&self, lang: Lang) -> String {
        let Some(Passed { by, note }) = &self.passed else { return String::new() };
        let note = note.as_ref().map_or_else(String::new, |note| say!(lang, ":{note}", ": {note}"));
        say!(lang, "{by} 转交给您{note}。", " {by} handed it over to you{note}.")
    }

    pub(crate) fn known(&self, lang: Lang) -> Option<String> {
        let Failure { code, message, happened, .. } = self.known.as_ref()?;
        let message = reason(code, message, lang);
        let evidence = match (self.asks, lang, happened) {
            (
                Asks::Failed
                | Asks::UndoFailed
                | Asks::RungFailed
                | Asks::WayUsedUp
                | Asks::Form
                | Asks::Task
                | Asks::Gone
                | Asks::Digest
                | Asks::Reminds
                | Asks::Tells
                | Asks::TellsLate,
                ..,
            ) => "",
            (Asks::Unknown, Lang::Zh, Happened::Yes) => "(对方说已经办成)",
            (Asks::Unknown, Lang::Zh, Happened::Maybe | Happened::No) => "(可能已经办成)",
            (Asks::Unknown, Lang::En, Happened::Yes) => " (it says that it happened)",
            (Asks::Unknown, Lang::En, Happened::Maybe | Happened::No) => " (it may have happened)",
        };
        Some(say!(lang, "已知:{code} {message}{evidence}", "What is known: {code}, {message}{evidence}"))
    }

    fn answers(&self, lang: Lang) -> String {
        let task = &self.task;
        let show =
            say!(lang, "先看情况:\n  yizhan task show {task}\n", "Look at it:\n  yizhan task show {task}\n");
        let settle =
            |verdict: &str, means: String| format!("  yizhan task settle {task} {verdict}    # {means}\n");
        let again = |zh: &str, en: &str| settle("again", say!(lang, "{zh}", "{en}"));
        let answers = match self.asks {
            Asks::Unknown => [
                settle(
                    "happened",
                    say!(
                        lang,
                        "已办成;结果用 --set 字段=值 补上",
                        "it happened; results with --set FIELD=VALUE"
                    ),
                ),
                again("没有办成,再办一次", "it did not; do it again"),
                settle("fail", say!(lang, "算失败", "it failed")),
            ]
            .concat(),
            Asks::Failed => [
                again("再办一次", "try it again"),
                settle(
                    "skip",
                    say!(
                        lang,
                        "跳过这一步;后面要用的值用 --set 字段=值 补上",
                        "go on without it; values that later steps read with --set FIELD=VALUE"
                    ),
                ),
                settle("fail", say!(lang, "算失败", "it failed")),
            ]
            .concat(),
            Asks::RungFailed => [
                again("再办一次", "try it again"),
                settle("leave", say!(lang, "就这样算了,记录在案", "leave it, on record")),
            ]
            .concat(),
            Asks::UndoFailed => [
                again("再撤一次", "take it back again"),
                settle("leave", say!(lang, "就此保留,记录在案", "leave it, on record")),
            ]
            .concat(),
            Asks::WayUsedUp => [
                again("再来一轮", "one more round"),
                settle("leave", say!(lang, "照此继续", "go on as it is")),
                settle("fail", say!(lang, "算失败", "fail")),
            ]
            .concat(),
            Asks::Gone | Asks::Digest => return String::new(),
            // Whoever is told is mostly not who answers.
            Asks::Reminds | Asks::Tells | Asks::TellsLate if self.asked.is_none() => return String::new(),
            Asks::Tells | Asks::TellsLate => return show,
            Asks::Form | Asks::Task | Asks::Reminds => say!(
                lang,
                "  yizhan task answer {task} --set 字段=值\n",
                "  yizhan task answer {task} --set FIELD=VALUE\n"
            ),
        };
        say!(lang, "{show}然后答复:\n{answers}", "{show}Then answer:\n{answers}")
    }
}

/// Of a digest.
impl Letter {
    fn digest_subject(&self, lang: Lang) -> String {
        let all = self.lines.len() + self.more;
        match self.lines.iter().filter(|line| line.late).count() {
            0 => say!(lang, "【驿站】您有 {all} 件待办", "[Yizhan] Open tasks: {all}"),
            late => {
                say!(
                    lang,
                    "【驿站】您有 {all} 件待办,{late} 件已超时",
                    "[Yizhan] Open tasks: {all}, {late} of them late"
                )
            }
        }
    }

    fn digest(&self, lang: Lang) -> String {
        let mut text = say!(lang, "等您办的,先急后缓:\n\n", "What waits for you, the most urgent first:\n\n");
        for Line { task, title, due, late, guess } in &self.lines {
            let (title, doubt) = (one_line(title), doubt(guess.as_ref(), lang));
            let due = match (due, late) {
                (Some(due), true) => say!(lang, "已超时,应于 {due}", "late, was due at {due}"),
                (Some(due), false) => say!(lang, "期限 {due}", "due at {due}"),
                (None, _) => say!(lang, "没有期限", "no due time"),
            };
            text.push_str(&say!(
                lang,
                "- {title}({due}){doubt}\n  yizhan task show {task}\n",
                "- {title} ({due}){doubt}\n  yizhan task show {task}\n"
            ));
        }
        if self.more > 0 {
            let more = self.more;
            text.push_str(&say!(lang, "另有 {more} 件。\n", "And {more} more.\n"));
        }
        text.push_str(&say!(lang, "\n全部:\n  yizhan tasks\n", "\nAll of them:\n  yizhan tasks\n"));
        text
    }
}

impl Doors {
    fn text(&self, lang: Lang) -> String {
        let mut text = say!(
            lang,
            "点开链接,看过确认页后按按钮答复(打开链接本身不算答复):\n",
            "To answer, open a link and press the button on its page (to open it answers nothing):\n"
        );
        for (offer, address) in &self.doors {
            let label =
                offer.as_ref().map_or_else(|| say!(lang, "填写", "Fill in"), |offer| offer.label(lang));
            text.push_str(&say!(lang, "  {label}:\n  {address}\n", "  {label}:\n  {address}\n"));
        }
        let until = &self.until;
        text.push_str(&say!(
            lang,
            "链接只给您本人用,{until} 前有效,请勿转发。\n",
            "The links are for you alone and hold until {until}; do not pass them on.\n"
        ));
        text
    }
}

impl Offer {
    fn label(&self, lang: Lang) -> String {
        let Choice(field, value) = &self.choice;
        let approves = &**field == "approved";
        match (&self.label, value) {
            (Some(label), _) => one_line(label),
            (None, Json::Bool(true)) if approves => say!(lang, "同意", "Approve"),
            (None, Json::Bool(false)) if approves => say!(lang, "不同意", "Refuse"),
            (None, Json::Bool(true)) => say!(lang, "是", "Yes"),
            (None, Json::Bool(false)) => say!(lang, "否", "No"),
            (None, Json::Null | Json::Number(_) | Json::String(_) | Json::Array(_) | Json::Object(_)) => {
                value.as_str().map_or_else(|| value.to_string(), one_line)
            }
        }
    }
}

/// That a due time is a guess.
fn doubt(guess: Option<&Guess>, lang: Lang) -> String {
    let Some(Guess { calendar, year }) = guess else { return String::new() };
    say!(
        lang,
        "(日历“{calendar}”没有 {year} 年的节假日,期限是估计的)",
        " (a guess: the calendar `{calendar}` does not know the holidays of {year})"
    )
}

/// A key may have lines and be long, and no mail takes either in its subject: then nobody would ever be told.
fn one_line(text: &str) -> String {
    let words = text.split(|c: char| c.is_control() || c.is_whitespace());
    let line = words.filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(SUBJECT_MOST) {
        Some((at, _)) => format!("{}…", &line[..at]),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use yizhan_workflow::id::{Item, ScopeNo, StepNo};

    use super::*;

    fn letter(asks: Asks) -> Letter {
        Letter {
            run: RunId::from_number(7),
            workflow: "refund".into(),
            title: "退款".into(),
            key: Some("A-7".into()),
            step: "pay".into(),
            of: Attempt {
                item: Item {
                    step: StepNo(0),
                    scope: ScopeNo::RUN,
                    round: 1,
                    item: 0,
                    undo: false,
                    rung: None,
                },
                attempt: 2,
            },
            which: None,
            task: TaskId::of("run/pay/1/0", 2),
            who: vec!["group:财务".into()],
            asks,
            due: None,
            guess: None,
            passed: None,
            offers: vec![],
            lines: vec![],
            more: 0,
            alone: false,
            chat: None,
            aloud: None,
            for_whom: BTreeSet::new(),
            known: Some(Failure {
                code: "bank.silent".into(),
                message: "no answer".into(),
                retry: false,
                retry_after_ms: None,
                happened: Happened::Maybe,
            }),
            asked: None,
        }
    }

    /// What a person may say to each question is what the letter offers, no less and no more.
    #[test]
    fn each_letter_offers_the_answers_that_its_question_takes() {
        let all = [
            (Asks::Unknown, &["settle T happened", "settle T again", "settle T fail"][..]),
            (Asks::Failed, &["settle T again", "settle T skip", "settle T fail"]),
            (Asks::UndoFailed, &["settle T again", "settle T leave"]),
            (Asks::RungFailed, &["settle T again", "settle T leave"]),
            (Asks::WayUsedUp, &["settle T again", "settle T leave", "settle T fail"]),
            (Asks::Form, &["answer T"]),
            (Asks::Task, &["answer T"]),
        ];
        for (asks, offered) in all {
            for lang in [Lang::Zh, Lang::En] {
                let letter = letter(asks);
                let text = letter.text(lang, None);
                for word in ["show T"].iter().chain(offered) {
                    let word = format!("yizhan task {}", word.replace('T', letter.task.as_str()));
                    assert!(text.contains(&word), "{asks:?}: `{word}` is missing in\n{text}");
                }
                assert_eq!(text.matches("yizhan task ").count(), offered.len() + 1, "{text}");
                assert!(text.contains("bank.silent") && text.contains("A-7"), "{text}");
            }
        }
    }

    #[test]
    fn a_word_about_a_due_time_says_what_is_to_be_done_by_when_and_offers_no_verdict() {
        let due = Some("2026-09-30 20:55".into());
        let late = Letter { due, asked: Some("停水".into()), known: None, ..letter(Asks::TellsLate) };
        assert_eq!(late.subject(Lang::Zh), "【驿站】超时:“退款”(A-7)“停水”");
        let text = late.text(Lang::En, None);
        assert!(text.contains("was due at 2026-09-30 20:55") && text.contains("task show"), "{text}");
        assert!(!text.contains("settle") && !text.contains("answer"), "{text}");
        // Of what is no task nothing can be shown but its run.
        let text = Letter { asked: None, ..late }.text(Lang::En, None);
        assert!(!text.contains("yizhan task") && text.contains("yizhan why"), "{text}");
    }

    #[test]
    fn a_letter_about_one_item_of_several_says_which_it_is() {
        let which = Some(Which { number: 2, of: 3 });
        let letter = Letter { which, ..letter(Asks::Failed) };
        let text = letter.text(Lang::Zh, None);
        assert!(text.contains("等您决定。是 3 项中的第 2 项。\n\n"), "{text}");
        let text = letter.text(Lang::En, None);
        assert!(text.contains("how to go on. It is item 2 of 3.\n\n"), "{text}");
    }

    #[test]
    fn a_due_time_that_is_a_guess_is_said_to_be_one() {
        let guess = Some(Guess { calendar: "china".into(), year: 2027 });
        let due = Some("2027-01-05 17:30".into());
        let task = Letter { due, guess, asked: Some("派工".into()), known: None, ..letter(Asks::Task) };
        for asks in [Asks::Task, Asks::Reminds, Asks::Tells, Asks::TellsLate] {
            let letter = Letter { asks, ..task.clone() };
            let (zh, en) = (letter.text(Lang::Zh, None), letter.text(Lang::En, None));
            assert!(zh.contains("(日历“china”没有 2027 年的节假日,期限是估计的)"), "{zh}");
            assert!(
                en.contains("17:30 (a guess: the calendar `china` does not know the holidays of 2027)"),
                "{en}"
            );
            let known = Letter { guess: None, ..letter }.text(Lang::Zh, None);
            assert!(known.contains("17:30") && !known.contains("估计"), "{known}");
        }
    }

    #[test]
    fn a_letter_speaks_one_language() {
        let input = letter(Asks::Unknown).input(&["a@example.com".to_owned()], Lang::En, None);
        let input: serde_json::Value = serde_json::from_str(&input).unwrap();
        assert_eq!(input["to"], json!(["a@example.com"]));
        assert_eq!(input["subject"], "[Yizhan] “退款” (A-7): did step `pay` happen?");
        assert!(letter(Asks::Unknown).subject(Lang::Zh).contains("请确认"));
    }

    #[test]
    fn a_subject_is_one_short_line_whatever_the_key_is() {
        let key = format!("first\r\nBcc: x@example.com\u{2028}\tlast{}", "很长".repeat(1_000));
        let subject = Letter { key: Some(key.into()), ..letter(Asks::Unknown) }.subject(Lang::En);
        assert!(subject.starts_with("[Yizhan] “退款” (first Bcc: x@example.com last很长"), "{subject}");
        assert!(!subject.contains(char::is_control) && !subject.contains('\u{2028}'), "{subject}");
        assert!(subject.len() < 900 && subject.ends_with("…: did step `pay` happen?"), "{subject}");
    }

    #[test]
    fn an_action_that_cannot_carry_letters_is_named_with_the_reason() {
        let name = |action: &str| ActionName { plugin: "email".into(), action: action.into() };
        let mut catalogue = Catalogue::default();
        let describe = r#"{"actions":{"send":{"effect":"keyed"},"shout":{"effect":"once"}}}"#;
        catalogue.add("email", describe).unwrap();
        assert_eq!(fault(Some(&name("send")), &catalogue, Lang::En), None);
        let said = |tell: Option<&ActionName>| fault(tell, &catalogue, Lang::En).unwrap();
        assert!(said(None).contains("names no action"));
        assert!(said(Some(&name("sent"))).contains("did you mean `email.send`?"));
        assert!(said(Some(&name("shout"))).contains("must happen once"));
    }

    #[test]
    fn whoever_reads_a_letter_that_was_not_written_for_them_gets_it_as_anybody_may_read_it() {
        let anybody = Letter { asked: Some("加薪 ***".into()), ..letter(Asks::Reminds) };
        let own = Letter { asked: Some("加薪 48500".into()), ..anybody.clone() };
        let for_whom = ["person:li".to_owned(), "person:wang".to_owned()].into();
        let kept = Letter { aloud: Some(Box::new(anybody.clone())), for_whom, ..own.clone() };
        assert_eq!(kept.as_read_by(["person:li", "person:wang"].into_iter()), own);
        assert_eq!(kept.as_read_by(["person:li"].into_iter()), own);
        // On duty since: nobody has looked what they may read.
        assert_eq!(kept.as_read_by(["person:li", "person:chen"].into_iter()), anybody);
        assert_eq!(kept.as_anybody_reads_it(), anybody);
        assert_eq!(own.as_read_by(["person:chen"].into_iter()), own, "nothing in it is kept from anybody");
    }

    /// Rows outlive the version that wrote them.
    #[test]
    fn a_letter_is_read_as_it_was_written() {
        let kept = serde_json::to_string(&letter(Asks::Form)).unwrap();
        assert_eq!(serde_json::from_str::<Letter>(&kept).unwrap(), letter(Asks::Form));
    }
}
