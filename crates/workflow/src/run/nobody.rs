//! What is for words that name nobody now: it goes to the superior, else to whoever is responsible for the workflow.

use super::Deciding;
use crate::people::bare;

/// Whom something is for.
#[derive(Default)]
pub(super) struct Meant {
    /// As written; with those to whom it goes instead where none of them names anybody.
    pub(super) who: Vec<String>,
    /// Those of them that name nobody.
    pub(super) nobody: Vec<String>,
}

impl Deciding<'_> {
    /// Of the words that are written, which name nobody of those that the house knows; a post beyond its hours is its
    /// superior's and so names somebody. `empty`: what yielded no word at all, as the file has it.
    pub(super) fn meant(&self, mut who: Vec<String>, empty: Vec<String>) -> Meant {
        let known = &self.now.world.people;
        let people = self.now.world.people_at(self.at);
        let unmanned: Vec<String> =
            who.iter().filter(|word| known.known(word) && people.members(word).is_empty()).cloned().collect();
        let somebody = unmanned.len() < who.len();
        let nobody: Vec<String> = unmanned.into_iter().chain(empty).collect();
        if somebody || nobody.is_empty() {
            return Meant { who, nobody };
        }
        let above = nobody.iter().filter(|word| word.starts_with("person:"));
        let mut instead: Vec<String> =
            above.filter_map(|word| Some(format!("person:{}", people.superior(bare(word))?))).collect();
        if instead.is_empty() {
            let owner = self.text.owner.as_deref().or(self.now.world.owner.as_deref());
            instead.extend(owner.map(str::to_owned));
        }
        for one in instead {
            if !who.contains(&one) {
                who.push(one);
            }
        }
        Meant { who, nobody }
    }
}
