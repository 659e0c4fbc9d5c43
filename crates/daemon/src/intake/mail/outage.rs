//! Which mailboxes are not read at the moment, since when and why: for whoever asks the doctor.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use yizhan_workflow::id::Millis;

use super::Place;
use crate::language::Language;

/// A line that is cut and comes back at the next try is nothing to tell.
const TRIES_LEAST: u32 = 2;

#[derive(Clone, Debug, Default)]
pub(crate) struct Outages(Arc<Mutex<BTreeMap<Place, Outage>>>);

#[derive(Debug)]
enum Outage {
    NoAccount,
    Line { since: Millis, why: String, tries: u32 },
}

impl Outages {
    fn all(&self) -> MutexGuard<'_, BTreeMap<Place, Outage>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn no_account(&self, place: &Place) {
        self.all().insert(place.clone(), Outage::NoAccount);
    }

    pub(super) fn down(&self, place: &Place, now: Millis, why: String) {
        let mut all = self.all();
        let (since, tries) = match all.get(place) {
            Some(Outage::Line { since, tries, .. }) => (*since, tries.saturating_add(1)),
            Some(Outage::NoAccount) | None => (now, 1),
        };
        all.insert(place.clone(), Outage::Line { since, why, tries });
    }

    /// It is read, or nobody wants it any more.
    pub(super) fn over(&self, place: &Place) {
        self.all().remove(place);
    }

    pub(crate) fn findings(&self, language: Language) -> Vec<String> {
        self.all().iter().filter_map(|(place, outage)| outage.said(place, language)).collect()
    }
}

impl Outage {
    fn said(&self, place: &Place, language: Language) -> Option<String> {
        let Place { account, folder } = place;
        match self {
            Self::NoAccount => Some(no_account(account, language)),
            Self::Line { tries, .. } if *tries < TRIES_LEAST => None,
            Self::Line { since, why, .. } => Some(language.pick(
                format!("邮箱 `{account}` 的目录 `{folder}` 从 {since} 起收不到信:{why}"),
                format!("the folder `{folder}` of the mailbox `{account}` is not read since {since}: {why}"),
            )),
        }
    }
}

/// What is said of a mailbox that a trigger names and the settings lack.
pub(crate) fn no_account(account: &str, language: Language) -> String {
    language.pick(
        format!("没有邮箱 `{account}`:设置里写上 `[mail.{account}]` 之前,触发器收不到信"),
        format!(
            "no mailbox is called `{account}`: nothing comes in from it until `[mail.{account}]` stands in the settings"
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_told_from_when_it_broke_until_it_holds_again() {
        let place = Place { account: "orders".to_owned(), folder: "INBOX".to_owned() };
        let outages = Outages::default();
        outages.down(&place, Millis(0), "cut".to_owned());
        assert_eq!(outages.findings(Language::En), Vec::<String>::new(), "it may come back at once");
        outages.down(&place, Millis(1_000), "refused".to_owned());
        let [said] = &outages.findings(Language::En)[..] else { panic!("one line, one finding") };
        for word in ["`INBOX`", "`orders`", &Millis(0).to_string(), "refused"] {
            assert!(said.contains(word), "`{word}` is missing in {said}");
        }
        outages.over(&place);
        assert_eq!(outages.findings(Language::Zh), Vec::<String>::new());
        outages.no_account(&place);
        assert!(outages.findings(Language::Zh)[0].contains("`[mail.orders]`"));
    }
}
