//! What a letter may say: no more of a case than all of its readers may see, and in a group chat no more than anybody may.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use yizhan_workflow::plan::Workflow;
use yizhan_workflow::run::World;
use yizhan_workflow::run::event::Failure;
use yizhan_workflow::run::sight::{Sight, Viewer, guards};
use yizhan_workflow::run::state::Run;

use crate::letter::{Letter, Passed};

/// The house as anybody of it sees the case.
const ANYBODY: Viewer<'static> = Viewer::House { private: false };

/// A letter with words that not everybody may read has them for those who read it now, by name; for anybody else, such as
/// who is on duty when it goes out, it has itself as anybody may read it.
pub(crate) fn as_their_readers_may_see(
    letters: Vec<Letter>,
    (run, text): (&Run, &Workflow),
    world: &World,
) -> Vec<Letter> {
    if letters.is_empty() || !guards(text) {
        return letters;
    }
    let people = world.people_at(run.last);
    let sight = |viewer| Sight::of(run, text, world, run.last, viewer);
    let anybody = sight(ANYBODY);
    let aloud: Vec<Letter> = letters.iter().map(|letter| seal(letter, &[&anybody])).collect();
    let readers = |letter: &Letter| -> BTreeSet<String> {
        letter.who.iter().flat_map(|who| people.told_each(who)).map(|(who, _)| who).collect()
    };
    // What anybody may read, its readers may: nobody has to be looked at.
    let who: Vec<BTreeSet<String>> = std::iter::zip(&letters, &aloud)
        .map(|(letter, aloud)| if letter == aloud { BTreeSet::new() } else { readers(letter) })
        .collect();
    // Many letters of one decision have the same readers.
    let all: BTreeSet<&str> = who.iter().flatten().map(String::as_str).collect();
    let sights: BTreeMap<&str, Sight<'_>> =
        all.into_iter().map(|who| (who, sight(Viewer::Person(who)))).collect();
    let sealed = letters.iter().zip(aloud).zip(&who).map(|((letter, aloud), who)| {
        let theirs: Vec<&Sight<'_>> = who.iter().filter_map(|who| sights.get(who.as_str())).collect();
        if theirs.is_empty() {
            return aloud;
        }
        match seal(letter, &theirs) {
            sealed if sealed == aloud => sealed,
            sealed => Letter { aloud: Some(Box::new(aloud)), for_whom: who.clone(), ..sealed },
        }
    });
    sealed.collect()
}

fn seal(letter: &Letter, sights: &[&Sight<'_>]) -> Letter {
    let note = |said: &str| sights.iter().fold(said.to_owned(), |said, sight| sight.note(&said));
    let noted =
        |by: &str, said: &str| sights.iter().fold(said.to_owned(), |said, sight| sight.words_of(by, &said));
    let key = |key: &str| sights.iter().try_fold(key.to_owned(), |key, sight| sight.key(&key));
    let title = |said: &Arc<str>| {
        let told = sights.iter().try_fold(said.to_string(), |said, sight| sight.title(&said));
        told.map_or_else(|| letter.step.clone(), Arc::from)
    };
    Letter {
        key: letter.key.as_deref().and_then(key).map(Arc::from),
        asked: letter.asked.as_ref().map(title),
        known: letter
            .known
            .as_ref()
            .map(|known| Failure { message: note(&known.message).into(), ..known.clone() }),
        passed: letter.passed.as_ref().map(|passed| Passed {
            note: passed.note.as_deref().map(|words| noted(&passed.by, words).into()),
            ..passed.clone()
        }),
        ..letter.clone()
    }
}
