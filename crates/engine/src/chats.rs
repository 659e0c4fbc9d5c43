//! Group chats: what people are told of tasks and due times goes to the robot of their group as well, once for all of
//! them. A chat's word is a notice of its own, so that mail and robot fail and are tried again apart.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use serde_json::{Map, Value as Json};
use yizhan_workflow::catalogue::Catalogue;
use yizhan_workflow::id::{Millis, TaskId, outward_key};
use yizhan_workflow::plan::ActionName;
use yizhan_workflow::problem::Lang;
use yizhan_workflow::run::World;

use crate::carrier::Call;
use crate::engine::Loop;
use crate::handle::EngineConfig;
use crate::letter::{Asks, Letter, say};
use crate::store::{Note, Notice};

/// Robots take some twenty messages a minute, and one of them then takes none for ten: a few are left for others.
const MOST: usize = 18;
const WITHIN_MS: i64 = 60_000;

/// One group chat.
#[derive(Clone, Debug)]
pub struct Chat {
    /// As the settings name it.
    pub name: Arc<str>,
    /// It gets `title`, `text` and `link` beside `with`.
    pub action: ActionName,
    pub with: Map<String, Json>,
    /// That `with` names.
    pub secrets: Vec<Arc<str>>,
    /// Whose words it gets, as workflows name them; empty: everybody's.
    pub whose: Vec<String>,
}

impl Chat {
    fn hears(&self, letter: &Letter) -> bool {
        // These two are nobody's business but their reader's.
        !matches!(letter.asks, Asks::Gone | Asks::Digest)
            && (self.whose.is_empty() || letter.who.iter().any(|who| self.whose.contains(who)))
    }
}

/// When each chat got its last messages. A restart forgets it; then the robot says itself that it is too much.
#[derive(Debug, Default)]
pub(crate) struct Pace(BTreeMap<Arc<str>, VecDeque<Millis>>);

impl Pace {
    /// Counts one more; or says when it may go out.
    fn take(&mut self, chat: &Arc<str>, now: Millis) -> Result<(), Millis> {
        let last = self.0.entry(Arc::clone(chat)).or_default();
        if last.len() >= MOST {
            let free = last.front().map_or(now, |first| first.plus(WITHIN_MS));
            if free > now {
                return Err(free);
            }
            last.pop_front();
        }
        last.push_back(now);
        Ok(())
    }
}

/// The notices as they are kept: for those who get mails, if anybody does, and for each chat that is concerned.
pub(crate) fn with_chats(config: &EngineConfig, notices: Vec<Notice>) -> Vec<Notice> {
    if config.chats.is_empty() {
        return notices;
    }
    let for_chats = notices.iter().filter_map(|notice| {
        let letter: Letter = serde_json::from_slice(&notice.letter).ok()?;
        let concerned = config.chats.iter().filter(|chat| chat.hears(&letter));
        Some(concerned.map(|chat| for_chat(notice, &letter, chat)).collect::<Vec<_>>())
    });
    let for_chats: Vec<Notice> = for_chats.flatten().collect();
    let mails = if config.tell.is_some() { notices } else { vec![] };
    mails.into_iter().chain(for_chats).collect()
}

fn for_chat(notice: &Notice, letter: &Letter, chat: &Chat) -> Notice {
    let key = format!("{}/chat/{}", notice.key, chat.name);
    let aloud = letter.as_anybody_reads_it();
    let letter = Letter { chat: Some(Arc::clone(&chat.name)), ..aloud };
    // Under an id of its own: the mail about the same task has the task's.
    Notice {
        task: TaskId::of(&key, 0),
        key: key.into(),
        at: notice.at,
        letter: serde_json::to_vec(&letter).unwrap_or_default().into(),
    }
}

/// Why one of the chats would get nothing, or, without mails, some people would.
pub(crate) fn fault(config: &EngineConfig, catalogue: &Catalogue, lang: Lang) -> Option<String> {
    let missing = config.chats.iter().find(|chat| catalogue.action(&chat.action).is_none());
    missing.map(|Chat { name, action, .. }| {
        say!(
            lang,
            "`[tell.chat.{name}]` 要用的动作 `{action}` 不在已加载的插件里:群里收不到消息",
            "`[tell.chat.{name}]` needs `{action}`, which no loaded plugin offers: the group is told nothing"
        )
    })
}

impl Letter {
    /// For a whole group to read: no commands, and no link that is one reader's alone.
    fn message(&self, lang: Lang) -> (String, String) {
        let mut lines = vec![self.sentence(lang)];
        lines.extend(self.due_line(lang));
        lines.extend(self.known(lang));
        let who: Vec<&str> =
            self.who.iter().map(|who| who.split_once(':').map_or(&**who, |(_, name)| name)).collect();
        let who = who.join(say!(lang, "、", ", ").as_str());
        lines.push(say!(lang, "归:{who}", "For: {who}"));
        (self.subject(lang), lines.join("\n"))
    }
}

impl Loop {
    /// Lets the word for a chat go out, unless what it asks was answered meanwhile.
    pub(crate) fn send_to_chat(&mut self, task: &TaskId, name: &Arc<str>, (now, world): (Millis, &World)) {
        let chat = self.shared.config.chats.iter().find(|chat| chat.name == *name);
        let Some(waiting) = self.notices.waiting.get(task) else { return };
        let (Some(chat), true) = (chat, self.still_stands(&waiting.letter)) else {
            return self.no_more(task);
        };
        if let Err(free) = self.notices.pace.take(name, now) {
            if let Some(waiting) = self.notices.waiting.get_mut(task) {
                waiting.next = free;
            }
            return;
        }
        let (title, text) = waiting.letter.message(self.shared.config.lang);
        let mut input = chat.with.clone();
        input.insert("title".to_owned(), title.into());
        input.insert("text".to_owned(), text.into());
        // Without an address of the house `url` is this machine's own, where nobody of the group gets in.
        if let Some(url) = world.url.as_ref().filter(|_| self.shared.config.links.is_some()) {
            input.insert("link".to_owned(), format!("{url}/runs/{}", waiting.letter.run).into());
        }
        let (action, secrets) = (chat.action.clone(), chat.secrets.clone());
        let key = outward_key(&self.house, &waiting.notice.key);
        let call = Call {
            secrets,
            ..waiting.call(&action, (key, self.next_call), (now, Json::from(input).to_string()))
        };
        self.hand_out(task, call);
    }

    /// A word about a task falls with it; others stand.
    pub(crate) fn still_stands(&self, letter: &Letter) -> bool {
        let of_no_task =
            matches!(letter.asks, Asks::Reminds | Asks::Tells | Asks::TellsLate) && letter.asked.is_none();
        of_no_task || self.shared.reads.task(&letter.task).map_or(true, |row| row.is_some())
    }

    pub(crate) fn no_more(&mut self, task: &TaskId) {
        self.shared.untold.forget(task);
        if let Some(waiting) = self.notices.waiting.remove(task) {
            self.batch.notes.push(Note::Noticed { key: waiting.notice.key });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chat_gets_no_more_in_any_minute_than_its_robot_takes() {
        let (mut pace, chat) = (Pace::default(), Arc::<str>::from("hotline"));
        for second in 0..MOST {
            let second = i64::try_from(second).unwrap();
            assert_eq!(pace.take(&chat, Millis(second * 1_000)), Ok(()));
        }
        assert_eq!(
            pace.take(&chat, Millis(30_000)),
            Err(Millis(60_000)),
            "the first one's minute is over then"
        );
        assert_eq!(pace.take(&"other".into(), Millis(30_000)), Ok(()));
        assert_eq!(pace.take(&chat, Millis(60_000)), Ok(()));
        assert_eq!(pace.take(&chat, Millis(60_000)), Err(Millis(61_000)));
    }
}
