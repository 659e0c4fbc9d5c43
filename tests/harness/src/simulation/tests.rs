//! Stories of seeds. `YIZHAN_LONG=1` plays more of them.

use std::sync::atomic::{AtomicU64, Ordering};

use super::play;

/// Seeds of every day, and of a long run.
fn seeds() -> u64 {
    if std::env::var("YIZHAN_LONG").is_ok_and(|long| long == "1") { 100_000 } else { 2_000 }
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

/// What some of the seeds came to.
#[derive(Default)]
struct Sum {
    runs: usize,
    crashes: u64,
}

/// Says which seed it was, however its story fails: by a panic of the engine, too.
struct Playing(u64);

impl Drop for Playing {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("this was seed {}", self.0);
        }
    }
}

/// Takes one seed after the other until none is left.
fn play_from(next: &AtomicU64, seeds: u64) -> Sum {
    let mut sum = Sum::default();
    loop {
        let seed = next.fetch_add(1, Ordering::Relaxed);
        if seed > seeds {
            return sum;
        }
        let _playing = Playing(seed);
        let story = play(seed).unwrap();
        assert!(story.violations.is_empty(), "seed {seed}: {:#?}", story.violations);
        sum.runs += story.runs;
        sum.crashes += u64::from(story.crashes);
    }
}

#[test]
fn whatever_the_world_does_nothing_is_lost_doubled_or_stuck() {
    let (seeds, next) = (seeds(), AtomicU64::new(1));
    // Stories share nothing, so that each processor plays some.
    let players = std::thread::available_parallelism().map_or(1, usize::from);
    let all = std::thread::scope(|scope| {
        let playing: Vec<_> = (0..players).map(|_| scope.spawn(|| play_from(&next, seeds))).collect();
        playing.into_iter().map(|player| player.join().unwrap()).collect::<Vec<_>>()
    });
    let (runs, crashes) =
        all.iter().fold((0, 0), |(runs, crashes), sum| (runs + sum.runs, crashes + sum.crashes));
    println!("{seeds} seeds, {runs} runs, {crashes} crashes");
    assert!(runs as u64 > 5 * seeds && crashes > seeds, "{runs} runs, {crashes} crashes");
}
