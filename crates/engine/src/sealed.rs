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

/// `chats`: there are group chats, which may get them as well.
pub(crate) fn as_their_readers_may_see(
    letters: Vec<Letter>,
    (run, text): (&Run, &Workflow),
    world: &World,
    chats: bool,
) -> Vec<Letter> {
    if letters.is_empty() || !guards(text) {
        return letters;
    }
    let people = world.people_at(run.last);
    let readers = |letter: &Letter| -> Vec<String> {
        letter.who.iter().flat_map(|who| people.told_each(who)).map(|(who, _)| who).collect()
    };
    let sight = |viewer| Sight::of(run, text, world, run.last, viewer);
    let anybody = sight(ANYBODY);
    let who: Vec<Vec<String>> = letters.iter().map(readers).collect();
    // Many letters of one decision have the same readers.
    let all: BTreeSet<&str> = who.iter().flatten().map(String::as_str).collect();
    let sights: BTreeMap<&str, Sight<'_>> =
        all.into_iter().map(|who| (who, sight(Viewer::Person(who)))).collect();
    let sealed = letters.iter().zip(&who).map(|(letter, who)| {
        let theirs: Vec<&Sight<'_>> = who.iter().filter_map(|who| sights.get(who.as_str())).collect();
        let theirs = if theirs.is_empty() { vec![&anybody] } else { theirs };
        let aloud = chats.then(|| Box::new(seal(letter, &[&anybody], false)));
        // A title is written for whoever is asked.
        Letter { aloud, ..seal(letter, &theirs, letter.is_answered()) }
    });
    sealed.collect()
}

fn seal(letter: &Letter, sights: &[&Sight<'_>], asked: bool) -> Letter {
    let note = |said: &str| sights.iter().fold(said.to_owned(), |said, sight| sight.note(&said));
    let key = |key: &str| sights.iter().try_fold(key.to_owned(), |key, sight| sight.key(&key));
    let title = |said: &Arc<str>| {
        let told = || sights.iter().try_fold(said.to_string(), |said, sight| sight.title(&said));
        if asked { Arc::clone(said) } else { told().map_or_else(|| letter.step.clone(), Arc::from) }
    };
    Letter {
        key: letter.key.as_deref().and_then(key).map(Arc::from),
        asked: letter.asked.as_ref().map(title),
        known: letter
            .known
            .as_ref()
            .map(|known| Failure { message: note(&known.message).into(), ..known.clone() }),
        passed: letter.passed.as_ref().map(|passed| Passed {
            note: passed.note.as_deref().map(|words| note(words).into()),
            ..passed.clone()
        }),
        ..letter.clone()
    }
}
