//! Stories of seeds. `YIZHAN_LONG=1` plays more of them.

use super::play;

/// Seeds of every day, and of a long run.
fn seeds() -> u64 {
    if std::env::var("YIZHAN_LONG").is_ok_and(|long| long == "1") { 100_000 } else { 150 }
}

#[test]
fn the_same_seed_is_the_same_story() {
    let mut traces = std::collections::BTreeSet::new();
    for seed in 1..=10 {
        let (first, second) = (play(seed).unwrap(), play(seed).unwrap());
        assert_eq!(first.trace, second.trace, "seed {seed}");
        assert_eq!((first.runs, first.deeds), (second.runs, second.deeds), "seed {seed}");
        traces.insert(first.trace);
    }
    assert!(traces.len() == 10, "other seeds are other stories");
}

#[test]
fn whatever_the_world_does_nothing_is_lost_doubled_or_stuck() {
    let (seeds, mut runs, mut crashes) = (seeds(), 0, 0);
    for seed in 1..=seeds {
        let story = play(seed).unwrap();
        assert!(story.violations.is_empty(), "seed {seed}: {:#?}", story.violations);
        runs += story.runs;
        crashes += u64::from(story.crashes);
    }
    println!("{seeds} seeds, {runs} runs, {crashes} crashes");
    assert!(runs as u64 > 5 * seeds && crashes > seeds, "{runs} runs, {crashes} crashes");
}
