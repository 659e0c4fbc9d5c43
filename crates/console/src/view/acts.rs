//! An act in words: what was done, to what, and what was before and after.

use serde::Serialize;
use serde_json::{Map, Value as Json};
use utoipa::ToSchema;
use yizhan_access::{Asked, Outcome};
use yizhan_workflow::problem::Lang;
use yizhan_workflow::run::World;

use crate::words::{Text, called, catalogue as t, outcome_word, role_word, say};

/// A line of the audit with its answer.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AuditAct)]
pub(crate) struct ActView {
    pub(crate) seq: i64,
    /// As it was chained.
    pub(crate) asked: Asked,
    /// None: not yet, or the daemon ended meanwhile.
    pub(crate) answered: Option<Outcome>,
    /// By which acts of its kind are found: `runs/cancel`.
    pub(crate) kind: String,
    /// What was done, in the reader's language.
    pub(crate) what: String,
    /// Who did it, by name.
    pub(crate) by: String,
    /// What it was done to, and the case that it belongs to.
    pub(crate) about: Vec<AboutView>,
    pub(crate) changes: Vec<ChangeView>,
}

/// Something that acts are about.
#[derive(Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = AuditAbout)]
pub(crate) struct AboutView {
    /// By which acts about it are found.
    pub(crate) id: String,
    /// As people call it.
    pub(crate) title: String,
    /// Its page, where it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) page: Option<String>,
}

/// What was, and what is, in the reader's words.
#[derive(Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = AuditChange)]
pub(crate) struct ChangeView {
    pub(crate) what: String,
    /// Empty: there was none.
    pub(crate) before: String,
    /// Empty: there is none any more.
    pub(crate) after: String,
}

/// Every kind of act, as routes come to it, with its words.
pub(crate) const KINDS: &[(&str, Text)] = &[
    ("sign-in", t::ACT_SIGN_IN),
    ("sign-out", t::ACT_SIGN_OUT),
    ("invitation", t::ACT_INVITATION),
    ("m", t::ACT_BY_LINK),
    ("tasks/answer", t::ACT_ANSWER),
    ("tasks/claim", t::ACT_CLAIM),
    ("tasks/release", t::ACT_RELEASE),
    ("tasks/hand-over", t::ACT_HAND_OVER),
    ("tasks/comment", t::ACT_COMMENT),
    ("tasks/draft", t::ACT_DRAFT),
    ("tasks/settle", t::ACT_SETTLE),
    ("tasks/pause", t::ACT_PAUSE_CLOCK),
    ("tasks/resume", t::ACT_RESUME_CLOCK),
    ("tasks/due", t::ACT_DUE),
    ("tasks/extend", t::ACT_EXTEND),
    ("workflows/runs", t::ACT_START),
    ("workflows/draft", t::ACT_START_DRAFT),
    ("workflows/drop-draft", t::ACT_DROP_DRAFT),
    ("runs/cancel", t::ACT_CANCEL),
    ("runs/retry", t::ACT_RETRY),
    ("runs/migrate", t::ACT_MIGRATE),
    ("runs/pause", t::ACT_PAUSE_CASE),
    ("runs/resume", t::ACT_RESUME_CASE),
    ("runs/due", t::ACT_CASE_DUE),
    ("runs/extend", t::ACT_CASE_EXTEND),
    ("artifacts", t::ACT_UPLOAD),
    ("workflows/trial", t::ACT_TRIAL),
    ("triggers/pause", t::ACT_PAUSE_TRIGGER),
    ("triggers/resume", t::ACT_RESUME_TRIGGER),
    ("events", t::ACT_EVENT),
    ("registers/find", t::ACT_FIND),
    ("registers/by-hand", t::ACT_BY_HAND),
    ("query", t::ACT_QUERY),
    ("verify", t::ACT_VERIFY),
    ("reload", t::ACT_RELOAD),
    ("plugins/release", t::ACT_PLUGIN_RELEASE),
    ("accounts/invite", t::ACT_INVITE),
    ("accounts/shut-out", t::ACT_SHUT_OUT),
    ("accounts/end-sessions", t::ACT_END_SESSIONS),
    ("sessions/end", t::ACT_END_SESSION),
    ("tokens", t::ACT_TOKEN),
    ("tokens/revoke", t::ACT_REVOKE),
];

/// What was done, in words; the kind itself where a later version knows more.
pub(crate) fn what(lang: Lang, kind: &str) -> String {
    let known = KINDS.iter().find(|(known, _)| *known == kind);
    known.map_or_else(|| kind.to_owned(), |(_, text)| say(lang, *text).to_owned())
}

const PARTS: &[(&str, Text)] = &[
    ("state", t::STATE),
    ("outcome", t::PART_OUTCOME),
    ("owner", t::PART_OWNER),
    ("for", t::PART_FOR),
    ("due", t::DUE),
    ("clock", t::PART_CLOCK),
    ("version", t::PART_VERSION),
    ("from", t::FROM_STEP),
    ("paused", t::PART_PAUSED),
    ("person", t::WHO),
    ("password", t::PASSWORD),
    ("invited", t::PART_INVITED),
    ("sessions", t::SESSIONS),
    ("tokens", t::TOKENS),
    ("may", t::MAY),
    ("on", t::ON_WORKFLOWS),
    ("expires", t::EXPIRES),
    ("who", t::WHO),
    ("event", t::PART_EVENT),
    ("id", t::PART_ID),
    ("file", t::PART_FILE),
    ("size", t::PART_SIZE),
    ("number", t::PART_NUMBER),
];

const WORDS: &[(&str, Text)] = &[
    ("open", t::STATE_OPEN),
    ("closing", t::STATE_CLOSING),
    ("done", t::STATE_DONE),
    ("failed", t::STATE_FAILED),
    ("cancelled", t::STATE_CANCELLED),
    ("answered", t::WORD_ANSWERED),
    ("decided", t::WORD_DECIDED),
    ("withdrawn", t::WORD_WITHDRAWN),
    ("closed", t::WORD_CLOSED),
    ("settled", t::WORD_SETTLED),
    ("runs", t::WORD_RUNS),
    ("stopped", t::WORD_STOPPED),
    ("true", t::YES),
    ("false", t::NO),
    ("ready", t::WORD_READY),
    ("refused", t::WORD_REFUSED),
    ("none", t::WORD_NONE),
    ("happened", t::VERDICT_HAPPENED),
    ("again", t::VERDICT_AGAIN),
    ("skip", t::VERDICT_SKIP),
    ("fail", t::VERDICT_FAIL),
    ("leave", t::VERDICT_LEAVE),
];

/// Whoever reads, where people and times of the house have names.
pub(crate) struct Wording<'w> {
    pub(crate) lang: Lang,
    pub(crate) world: &'w World,
}

impl Wording<'_> {
    /// A person by name, a token or the machine by what it is.
    pub(crate) fn who(&self, who: &str) -> String {
        match who.split_once(':') {
            Some(("token", name)) => format!("{} {name}", say(self.lang, t::TOKEN)),
            _ if who == "socket" => say(self.lang, t::THE_MACHINE_ITSELF).to_owned(),
            _ if who == "stranger" => say(self.lang, t::A_STRANGER).to_owned(),
            _ => self.named(who),
        }
    }

    fn named(&self, who: &str) -> String {
        called(self.lang, &self.world.people, who)
    }

    /// All that changed, one line for each part of each thing.
    pub(crate) fn changes(&self, outcome: &Outcome, title: impl Fn(&str) -> String) -> Vec<ChangeView> {
        let empty = Map::new();
        let of = |side: &Option<Json>| side.as_ref().and_then(Json::as_object).cloned().unwrap_or_default();
        let (before, after) = (of(&outcome.before), of(&outcome.after));
        let several = before.values().chain(after.values()).any(Json::is_object);
        if !several {
            return self.parts("", &before, &after);
        }
        let names: std::collections::BTreeSet<&String> = before.keys().chain(after.keys()).collect();
        let part = |name: &String| {
            let side = |all: &Map<String, Json>| all.get(name).and_then(Json::as_object).cloned();
            let (before, after) = (side(&before), side(&after));
            let title = format!("{} · ", title(name));
            self.parts(&title, before.as_ref().unwrap_or(&empty), after.as_ref().unwrap_or(&empty))
        };
        names.into_iter().flat_map(part).collect()
    }

    fn parts(&self, of: &str, before: &Map<String, Json>, after: &Map<String, Json>) -> Vec<ChangeView> {
        let names: std::collections::BTreeSet<&String> = before.keys().chain(after.keys()).collect();
        let said = |side: &Map<String, Json>, name: &str| {
            side.get(name).map_or_else(String::new, |value| self.value(name, value))
        };
        let change = |name: &String| {
            let called = PARTS.iter().find(|(part, _)| part == name);
            let called = called.map_or_else(|| name.clone(), |(_, text)| say(self.lang, *text).to_owned());
            ChangeView { what: format!("{of}{called}"), before: said(before, name), after: said(after, name) }
        };
        names.into_iter().map(change).collect()
    }

    fn value(&self, part: &str, value: &Json) -> String {
        match value {
            Json::Array(all) => {
                let all: Vec<String> = all.iter().map(|one| self.value(part, one)).collect();
                all.join(if self.lang == Lang::Zh { "、" } else { ", " })
            }
            Json::String(text) => self.word(part, text),
            Json::Null => String::new(),
            Json::Bool(_) | Json::Number(_) => self.word(part, &value.to_string()),
            Json::Object(_) => value.to_string(),
        }
    }

    fn word(&self, part: &str, text: &str) -> String {
        match part {
            "owner" | "for" | "person" | "who" => self.named(text),
            "due" | "expires" => self.time(text),
            "version" => text.chars().take(12).collect(),
            "may" => {
                text.parse().map_or_else(|()| text.to_owned(), |role| role_word(role, self.lang).to_owned())
            }
            _ => {
                let of_outcome = |text: &str| {
                    if part == "outcome" { outcome_word(self.lang, text) } else { text.to_owned() }
                };
                let known = WORDS.iter().find(|(word, _)| *word == text);
                known.map_or_else(|| of_outcome(text), |(_, word)| say(self.lang, *word).to_owned())
            }
        }
    }

    /// On the house's clock.
    fn time(&self, text: &str) -> String {
        let at = text.parse::<jiff::Timestamp>().or_else(|error| match text.parse::<i64>() {
            Ok(ms) => jiff::Timestamp::from_millisecond(ms),
            Err(_) => Err(error),
        });
        at.map_or_else(
            |_| text.to_owned(),
            |at| at.to_zoned(self.world.zone.clone()).strftime("%Y-%m-%d %H:%M").to_string(),
        )
    }
}
