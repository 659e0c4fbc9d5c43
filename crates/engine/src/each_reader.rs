//! A mail with links has links of its reader's own: its notice becomes one notice for each reader, in one commit, before
//! any of them goes out. So who gets it is decided once, and whoever was told is not told again after a restart.

use yizhan_workflow::id::TaskId;

use crate::engine::Loop;
use crate::letter::Letter;
use crate::store::{Note, Notice};

/// For this reader alone.
fn for_reader(notice: &Notice, letter: &Letter, who: &str) -> Notice {
    let key = format!("{}/{who}", notice.key);
    let said = letter.as_read_by(std::iter::once(who));
    let letter = Letter { who: vec![who.to_owned()], alone: true, ..said };
    Notice {
        // Under an id of its own: there is one for each reader of the same task.
        task: TaskId::of(&key, 0),
        key: key.into(),
        at: notice.at,
        letter: serde_json::to_vec(&letter).unwrap_or_default().into(),
    }
}

impl Loop {
    /// They go out when they are on disk.
    pub(crate) fn split_for_readers(&mut self, task: &TaskId, who: &[String]) {
        self.shared.untold.forget(task);
        let Some(waiting) = self.notices.waiting.remove(task) else { return };
        let notice = waiting.notice;
        let letters: Vec<Notice> = who.iter().map(|who| for_reader(&notice, &waiting.letter, who)).collect();
        self.after.letters.extend(letters.iter().cloned());
        self.batch.notes.push(Note::Apart { key: notice.key, letters });
    }
}
