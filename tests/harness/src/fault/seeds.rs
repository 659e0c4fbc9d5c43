//! Faults that are seeded into the daemon itself, one after the other: each is switched on by its name, a house in which
//! everything happens that the daemon promises something of is carried to its end, and the checker must name what is wrong
//! with what is left. Without a fault it must find nothing. The list is made from the source when this is built.

mod house;
mod table;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use serde_json::json;

use super::points::has_points;
use super::{Options, Outcome};
use crate::checker::Violation;
use crate::load::{Dice, FaultError, Findings};
use house::{House, Left};
use table::{Seed, Story, TABLE};

include!(concat!(env!("OUT_DIR"), "/seeds.rs"));

/// Houses that are carried to their ends side by side: most of their time they wait.
const AT_ONCE: u32 = 8;
/// So often a seed is tried that is not noticed: some show in one moment alone, which a busy machine passes over.
const TRIES: u32 = 5;

/// What became of one seed.
struct Judged {
    seed: &'static Seed,
    found: BTreeSet<String>,
    /// The daemon says that it did something.
    came: bool,
    is_noticed: bool,
    /// How often it was tried.
    tries: u32,
    kept: Option<PathBuf>,
}

/// # Errors
/// When the run could not be carried out.
pub fn run(options: &Options) -> Outcome {
    if !has_points(&options.binary) {
        return Err(FaultError::NoPoints(options.binary.clone()));
    }
    let began = Instant::now();
    let mut sound = vec![];
    for story in [Story::Cut, Story::Hung] {
        sound.push(House::begin(options, None)?.carried_out(story)?);
    }
    let chosen = Dice::new(options.seed).some_of(TABLE.iter().collect(), options.cycles as usize);
    let judged = all_of(options, &chosen)?;
    let missed: Vec<&Judged> = judged.iter().filter(|one| !one.is_noticed).collect();
    let mut violations: Vec<Violation> = sound.iter().flat_map(|left| left.violations.clone()).collect();
    let named = |one: &&Judged| {
        let found = shown(&one.found);
        let found = if one.came { found } else { format!("it did nothing; {found}") };
        Violation::SeedMissed(one.seed.name.to_owned(), found)
    };
    violations.extend(missed.iter().map(named));
    violations
        .extend(untold().into_iter().map(|name| Violation::SeedMissed(name, "not in the table".to_owned())));
    let by: BTreeMap<&str, String> = judged.iter().map(|one| (one.seed.name, shown(&one.found))).collect();
    let counted = json!({
        "seeds": SEEDS.len(), "tried": judged.len(), "noticed": judged.len() - missed.len(), "came": judged.iter().filter(|one| one.came).count(),
        "kept": judged.iter().map(|one| (one.seed.name, &one.kept)).filter(|(_, kept)| kept.is_some()).collect::<BTreeMap<_, _>>(),
        "tried_again": judged.iter().filter(|one| one.tries > 1).map(|one| (one.seed.name, one.tries)).collect::<BTreeMap<_, _>>(),
        "missed": missed.iter().map(|one| one.seed.name).collect::<Vec<_>>(), "found": by,
        "not_all": (judged.len() < TABLE.len()).then_some("give --cycles 1000 for all"),
    });
    let findings = findings(&sound, violations, began.elapsed().as_secs());
    Ok((findings, counted))
}

fn shown(found: &BTreeSet<String>) -> String {
    found.iter().map(String::as_str).collect::<Vec<_>>().join(", ")
}

/// Seeds of the source of which the table says nothing.
fn untold() -> Vec<String> {
    let known: BTreeSet<&str> = TABLE.iter().map(|seed| seed.name).collect();
    SEEDS.iter().filter(|name| !known.contains(*name)).map(|name| (*name).to_owned()).collect()
}

fn all_of(options: &Options, seeds: &[&'static Seed]) -> Result<Vec<Judged>, FaultError> {
    let (left, judged) = (Mutex::new(seeds.to_vec()), Mutex::new(vec![]));
    let work = || -> Result<(), FaultError> {
        while let Some(seed) = { left.lock().unwrap_or_else(PoisonError::into_inner).pop() } {
            let mut one = judge(options, seed, 1)?;
            while !one.is_noticed && one.tries < TRIES {
                one = judge(options, seed, one.tries + 1)?;
            }
            eprintln!(
                "{}: {}",
                seed.name,
                if one.is_noticed {
                    shown(&one.found)
                } else {
                    format!("MISSED, found {}", shown(&one.found))
                }
            );
            judged.lock().unwrap_or_else(PoisonError::into_inner).push(one);
        }
        Ok(())
    };
    std::thread::scope(|scope| {
        let all: Vec<_> = (0..options.clients.clamp(1, AT_ONCE)).map(|_| scope.spawn(work)).collect();
        all.into_iter().try_for_each(|one| one.join().map_err(|_| FaultError::ClientPanicked)?)
    })?;
    let mut judged = judged.into_inner().unwrap_or_else(PoisonError::into_inner);
    judged.sort_by_key(|one| one.seed.name);
    Ok(judged)
}

fn judge(options: &Options, seed: &'static Seed, tries: u32) -> Result<Judged, FaultError> {
    let left = House::begin(options, Some((seed, tries)))?.carried_out(seed.story)?;
    let found: BTreeSet<String> = left.violations.iter().map(Violation::kind).collect();
    // What is found where the fault did nothing is something else.
    let is_noticed = left.came && seed.noticed.iter().any(|kind| found.contains(*kind));
    Ok(Judged { seed, found, came: left.came, is_noticed, tries, kept: left.kept })
}

fn findings(sound: &[Left], violations: Vec<Violation>, seconds: u64) -> Findings {
    let sum = |count: fn(&Left) -> usize| sound.iter().map(count).sum();
    Findings {
        acknowledged: sum(|left| left.evidence.acks.len()),
        told: json!({
            "answers": sum(|left| left.evidence.answered.len()),
            "deliveries": sum(|left| left.evidence.delivered.as_ref().map_or(0, |all| all.taken.len())),
        }),
        runs: sum(|left| left.evidence.runs.len()),
        arrivals: sum(|left| left.evidence.arrivals.len()),
        slots: sum(|left| left.evidence.schedules.iter().map(|slots| slots.firings.len()).sum()),
        entries: sum(|left| left.evidence.ledgers.iter().map(|ledger| ledger.lines.len()).sum()),
        failed: 0,
        settled: sum(|left| left.evidence.asked.len()),
        seconds,
        violations,
        kept: None,
    }
}

/// Whether a seeded fault must show as this kind and no other.
#[cfg(test)]
pub(crate) fn shows(kind: &str) -> bool {
    TABLE.iter().any(|seed| seed.noticed == [kind])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_names_each_seed_of_the_source_once_and_no_other() {
        assert_eq!(untold(), Vec::<String>::new());
        let names: Vec<&str> = TABLE.iter().map(|seed| seed.name).collect();
        assert!(names.is_sorted(), "{names:?}");
        assert_eq!(names, SEEDS);
        assert!(SEEDS.len() >= 30, "{}", SEEDS.len());
    }
}
