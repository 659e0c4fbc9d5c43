//! What a run is found by: the name of its workflow, its key, and the titles of its tasks, each title with what stands
//! beside it in lists. Small and large letters are the same.

use memchr::memmem::{self, Finder};
use yizhan_engine::store::{RunFilter, Word};

/// Characters as they are compared, each for itself: a part of a text is folded as the whole is.
pub(crate) fn folded(text: &str) -> String {
    text.chars().flat_map(char::to_lowercase).collect()
}

/// One entry: `fault-dispatch⏎gz-2026-17⏎call mr li back⏎`. A word has no line in it, so it is found in one of them.
pub(crate) fn entry(workflow: &str, key: Option<&str>, title: Option<&str>) -> String {
    let mut entry = format!("{workflow}\n");
    for part in [key, title].into_iter().flatten() {
        entry.push_str(&folded(part));
        entry.push('\n');
    }
    entry
}

/// A word, ready to be looked for.
pub(crate) struct Needle {
    pub(crate) word: Finder<'static>,
    /// The first lines of entries that have it in the title of their workflow.
    pub(crate) workflows: Vec<String>,
}

impl Needle {
    fn of(word: &Word) -> Self {
        let workflows = word.workflows.iter().map(|name| format!("{name}\n")).collect();
        Self { word: Finder::new(&folded(&word.text)).into_owned(), workflows }
    }

    fn is_in(&self, entry: &[u8]) -> bool {
        self.word.find(entry).is_some()
            || self.workflows.iter().any(|name| entry.starts_with(name.as_bytes()))
    }
}

/// More passes over the text of many entries than this cost as much as looking at each of them.
const PASSES: usize = 4;
/// Of more workflows than this it is the row that says whether a run is of one.
const NAMED: usize = 16;
/// So few places in many entries are looked at as they are.
const FEW: usize = 32;

/// All that an entry must have.
pub(crate) struct Needles {
    words: Vec<Needle>,
    /// First lines, of which it has one: those of the workflows that are asked for. None: any.
    of: Option<Vec<String>>,
}

impl Needles {
    /// None where nothing is looked for. A part of a key is a part of the entry that has the key.
    pub(crate) fn of(filter: &RunFilter) -> Option<Self> {
        let part = filter.key.iter().map(|key| Word { text: key.clone(), workflows: vec![] });
        let all = part.chain(filter.words.iter().cloned()).filter(|word| !word.text.is_empty());
        let all: Vec<_> = all.map(|word| Needle::of(&word)).collect();
        let one = filter.workflow.as_ref().map(std::slice::from_ref);
        let of = one.or(filter.among.as_deref()).filter(|names| names.len() <= NAMED);
        let of = of.map(|names| names.iter().map(|name| format!("{name}\n")).collect());
        (!all.is_empty()).then_some(Self { words: all, of })
    }

    pub(crate) fn are_in(&self, entry: &[u8]) -> bool {
        let starts = |name: &String| entry.starts_with(name.as_bytes());
        self.of.as_ref().is_none_or(|of| of.iter().any(starts))
            && self.words.iter().all(|needle| needle.is_in(entry))
    }

    /// Where in many entries, one behind the other, one may be that has all: a place in each of them at least. None: in
    /// any of them. The longest word is the rarest, as far as can be said; where it is not, the workflow may be.
    pub(crate) fn places(&self, entries: &[u8]) -> Option<Vec<usize>> {
        let places = self.with_a_word(entries);
        let of = self.of.as_ref().filter(|of| of.len() < PASSES);
        match of.filter(|_| places.as_ref().is_none_or(|places| places.len() > FEW)) {
            None => places,
            Some(of) => {
                let mut own: Vec<usize> =
                    of.iter().flat_map(|name| memmem::find_iter(entries, name)).collect();
                own.sort_unstable();
                match places {
                    Some(places) if places.len() <= own.len() => Some(places),
                    Some(_) | None => Some(own),
                }
            }
        }
    }

    fn with_a_word(&self, entries: &[u8]) -> Option<Vec<usize>> {
        let few = self.words.iter().filter(|needle| needle.workflows.len() < PASSES);
        let rarest =
            few.min_by_key(|needle| (needle.workflows.len(), usize::MAX - needle.word.needle().len()))?;
        let mut places: Vec<usize> = rarest.word.find_iter(entries).collect();
        for name in &rarest.workflows {
            places.extend(memmem::find_iter(entries, name));
        }
        places.sort_unstable();
        Some(places)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn needles(words: &[&str]) -> Needles {
        let word = |word: &&str| Word { text: (*word).to_owned(), workflows: vec![] };
        Needles::of(&RunFilter { words: words.iter().map(word).collect(), ..RunFilter::default() }).unwrap()
    }

    #[test]
    fn a_part_of_a_text_is_folded_as_the_whole_is() {
        // At the end of a word, a language would write the last of them in another way.
        let whole = folded("ΟΔΟΣ");
        assert!(whole.contains(&folded("ΟΔΟΣ")[..2]) && folded("ΟΔΟΣΑ").contains(&whole));
        assert_eq!(folded("退款 Straße É"), "退款 straße é");
    }

    #[test]
    fn every_word_is_in_one_entry_and_in_one_line_of_it() {
        let entry = entry("refund", Some("A-7\nb"), Some("回电 李明"));
        let has = |words: &[&str]| needles(words).are_in(entry.as_bytes());
        assert!(has(&["a-7"]) && has(&["李", "REF"]) && has(&["电 李"]));
        assert!(!has(&["李", "张"]) && !has(&["refunda"]) && !has(&["7b"]));
    }
}
