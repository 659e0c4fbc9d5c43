//! What an act changed, told by whoever carries it out, for its line in the audit.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::{Map, Value as Json};
use yizhan_workflow::id::RunId;

/// Changes of one act that are told; the rest of a long list is in the journals.
const TOLD_MOST: usize = 200;

/// The parts of a thing that an audit tells of.
pub(crate) type Standing = Map<String, Json>;

/// Goes with whoever asks through all that is done for them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Noted(Arc<Mutex<Told>>);

#[derive(Debug, Default)]
struct Told {
    in_case: Option<String>,
    /// What was changed, by its name, as it was and as it is.
    changes: Vec<(String, Standing, Standing)>,
}

impl Noted {
    fn told(&self) -> MutexGuard<'_, Told> {
        // Nothing is half done under this lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The case that the act is about, or began.
    pub(crate) fn case(&self, run: RunId) {
        self.told().in_case = Some(run.to_string());
    }

    /// What became of one thing. What stayed as it was is left out.
    pub(crate) fn changed(&self, name: &str, mut before: Standing, mut after: Standing) {
        let same: Vec<String> = before
            .iter()
            .filter(|(key, was)| after.get(*key) == Some(*was))
            .map(|(key, _)| key.clone())
            .collect();
        for key in same {
            before.remove(&key);
            after.remove(&key);
        }
        let mut told = self.told();
        let changes = &mut told.changes;
        if changes.len() < TOLD_MOST && !(before.is_empty() && after.is_empty()) {
            changes.push((name.to_owned(), before, after));
        }
    }

    /// The case, and all that was and is: of several things each under its name.
    pub(crate) fn take(&self) -> (Option<String>, Option<Json>, Option<Json>) {
        let told = std::mem::take(&mut *self.told());
        let some = |all: Standing| Some(Json::Object(all)).filter(|all| *all != Json::Object(Map::new()));
        let (before, after) = match <[_; 1]>::try_from(told.changes) {
            Ok([(_, before, after)]) => (before, after),
            Err(several) => {
                let (mut was, mut is) = (Map::new(), Map::new());
                for (name, before, after) in several {
                    was.insert(name.clone(), Json::Object(before));
                    is.insert(name, Json::Object(after));
                }
                (was, is)
            }
        };
        (told.in_case, some(before), some(after))
    }
}

/// A standing of so many parts; what there is none of is left out.
pub(crate) fn standing<const N: usize>(parts: [(&str, Option<Json>); N]) -> Standing {
    parts.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(word: &str, due: &str) -> Standing {
        standing([("state", Some(json!(word))), ("due", Some(json!(due)))])
    }

    #[test]
    fn only_what_changed_is_told_and_several_things_each_under_its_name() {
        let noted = Noted::default();
        noted.changed("a", of("open", "1"), of("done", "1"));
        assert_eq!(noted.take(), (None, Some(json!({"state": "open"})), Some(json!({"state": "done"}))));
        noted.changed("a", of("open", "1"), of("open", "1"));
        assert_eq!(noted.take(), (None, None, None));
        noted.changed("a", of("open", "1"), of("open", "2"));
        noted.changed("b", Standing::new(), of("open", "2"));
        let (_, before, after) = noted.take();
        assert_eq!(before, Some(json!({"a": {"due": "1"}, "b": {}})));
        assert_eq!(after, Some(json!({"a": {"due": "2"}, "b": {"state": "open", "due": "2"}})));
    }
}
