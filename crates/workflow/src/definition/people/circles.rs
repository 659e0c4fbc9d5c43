//! What leads back to itself, and deputies who stand in each other's way.

use std::collections::{BTreeMap, VecDeque};

use crate::definition::section::Section;
use crate::people::{People, bare};
use crate::problem::{Place, Problem};

/// Finds them in what the file says.
pub(super) fn check(root: &Section<'_, '_>, people: &People) {
    let above =
        people.people.iter().filter_map(|(id, person)| Some((id.clone(), vec![person.superior.clone()?])));
    report(root, &Chain { table: "person", key: "superior" }, above.collect());
    let above = people.units.iter().filter_map(|(id, unit)| Some((id.clone(), vec![unit.above.clone()?])));
    report(root, &Chain { table: "unit", key: "above" }, above.collect());
    let inner = |members: &Vec<String>| {
        members.iter().filter_map(|member| member.strip_prefix("group:").map(str::to_owned)).collect()
    };
    let groups = people.groups.iter().map(|(id, members)| (id.clone(), inner(members)));
    report(root, &Chain { table: "group", key: "members" }, groups.collect());
    deputies(root, people);
}

struct Chain {
    table: &'static str,
    key: &'static str,
}

/// Says each circle once, at the first of it in the order of names.
fn report(root: &Section<'_, '_>, chain: &Chain, of: BTreeMap<String, Vec<String>>) {
    let mut done: Vec<&str> = Vec::new();
    for start in of.keys() {
        let Some(circle) = circle_from(start, &of) else { continue };
        if circle.iter().any(|one| done.contains(one)) {
            continue;
        }
        let place = root.reader.spans.value(&format!("{}.{start}.{}", chain.table, chain.key));
        let mut shown = circle.clone();
        shown.push(start);
        let problem = root.error("YZ0640", place).name("circle", shown.join(" → "));
        root.say(problem.case(if circle.len() == 1 { "itself" } else { chain.table }));
        done.extend(circle);
    }
}

/// The way from a name back to it, if there is one: the shortest.
fn circle_from<'n>(start: &'n str, of: &'n BTreeMap<String, Vec<String>>) -> Option<Vec<&'n str>> {
    let mut came_from: BTreeMap<&str, &str> = BTreeMap::new();
    let mut next = VecDeque::from([start]);
    while let Some(at) = next.pop_front() {
        for one in of.get(at).into_iter().flatten() {
            if one == start {
                let mut way: Vec<&str> =
                    std::iter::successors(Some(at), |one| came_from.get(one).copied()).collect();
                way.reverse();
                return Some(way);
            }
            if !came_from.contains_key(one.as_str()) {
                came_from.insert(one, at);
                next.push_back(one);
            }
        }
    }
    None
}

/// Nobody stands in for themselves; of two who stand in for a time on the same days it is doubtful who is meant.
fn deputies(root: &Section<'_, '_>, people: &People) {
    for (id, person) in &people.people {
        for (at, deputy) in person.deputies.iter().enumerate() {
            let place = || {
                let path = format!("person.{id}.deputies[{at}]");
                Place::at(root.reader.spans.value(&path))
            };
            if bare(&deputy.person) == id {
                root.say(Problem::error("YZ0640", place()).name("circle", id).case("deputy"));
            }
            let dated = |one: &&crate::people::Deputy| !one.days.always();
            let earlier = person.deputies[..at].iter().filter(dated);
            let meets =
                earlier.into_iter().find(|one| one.person != deputy.person && one.days.meets(&deputy.days));
            if let (Some(other), false) = (meets, deputy.days.always()) {
                let problem = Problem::warning("YZ0649", place()).name("one", &deputy.person);
                root.say(problem.name("other", &other.person).name("whom", id));
            }
        }
    }
}
