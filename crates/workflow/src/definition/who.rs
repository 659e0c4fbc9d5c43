//! Finds people, groups and roles in expressions that nobody is called.

use super::Checker;
use super::names::place;
use super::uses::{Use, Walk};
use crate::expression::{Name, NameKind, OF_WHO};
use crate::people::People;
use crate::problem::{Place, Problem, nearest};

pub(super) fn check(checker: &Checker<'_>) -> Vec<Problem> {
    let Some(people) = checker.house.people else { return Vec::new() };
    let mut problems = Vec::new();
    Walk::over(&checker.read.workflow, &mut |one| {
        for name in &one.names {
            problems.extend(called(checker, people, &one, name));
            // `step.fill.by == 'person:li.n'`.
            for (word, at) in name.against.iter().filter(|(word, _)| word.starts_with("person:")) {
                if !people.known(word) {
                    let at = place(checker.read, &one.path, one.source, at);
                    problems.push(nobody(people, word, at));
                }
            }
        }
    });
    problems
}

/// `members('group:热钱')`.
fn called(checker: &Checker<'_>, people: &People, one: &Use<'_>, name: &Name) -> Option<Problem> {
    let function = &**name.path.first().filter(|_| name.kind == NameKind::Function)?;
    let first = name.call.as_ref()?.first.as_deref()?;
    let at = place(checker.read, &one.path, one.source, &name.at);
    if function == "gaps" {
        let known = people.rosters.keys();
        let problem =
            Problem::error("YZ0641", at).name("where", "gaps").name("kind", "roster").name("name", first);
        let problem = problem.name("table", format!("[roster.\"{first}\"]")).near(nearest(first, known));
        return (!people.rosters.contains_key(first)).then_some(problem);
    }
    if !OF_WHO.contains(&function) {
        return None;
    }
    let kind = if function == "on_duty" { "role" } else { "person" };
    let word = if first.contains(':') { first.to_owned() } else { format!("{kind}:{first}") };
    let fits = function != "on_duty" || word.starts_with("role:");
    (!(fits && people.known(&word))).then(|| nobody(people, &word, at))
}

fn nobody(people: &People, word: &str, place: Place) -> Problem {
    let (kind, name) = word.split_once(':').unwrap_or(("person", word));
    let known = people.names(kind);
    let names = known.iter().filter_map(|known| known.split_once(':')).map(|(_, name)| name);
    let near = nearest(name, names).map(|near| format!("{kind}:{near}"));
    Problem::error("YZ0185", place).name("who", word).near(near)
}
