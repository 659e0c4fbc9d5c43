//! What was kept, stirred: bytes changed, cut out and doubled, words of the language put in, two of them put together. No
//! fuzzer: nothing watches where it leads. So it runs everywhere; `YIZHAN_LONG=1` stirs for longer, `YIZHAN_SEED=7` others.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::{fuzz, names};
use crate::TARGETS;

struct Chance(u64);

impl Chance {
    fn below(&mut self, most: usize) -> usize {
        // The generator of Marsaglia: three shifts.
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 16).unwrap() % most.max(1)
    }

    fn of<'a>(&mut self, all: &'a [Vec<u8>]) -> &'a [u8] {
        let at = self.below(all.len());
        all.get(at).map_or(&[], Vec::as_slice)
    }

    fn stirred(&mut self, kept: &[Vec<u8>], words: &[Vec<u8>]) -> Vec<u8> {
        let mut bytes = self.of(kept).to_vec();
        for _ in 0..=self.below(4) {
            let (at, end) = (self.below(bytes.len() + 1), self.below(bytes.len() + 1));
            let (from, to) = (at.min(end), at.max(end).min(at.min(end) + 24));
            match self.below(7) {
                0 => drop(bytes.drain(from..to)),
                1 => drop(bytes.splice(from..from, bytes[from..to].to_vec())),
                2 => {
                    let other = self.of(kept);
                    let start = self.below(other.len());
                    bytes.truncate(from);
                    bytes.extend_from_slice(&other[start..]);
                }
                3 => bytes.insert(from, [b'\n', b'"', b'{', b' ', b'9', 0, 0xff][self.below(7)]),
                4 if !bytes.is_empty() => {
                    let at = from.min(bytes.len() - 1);
                    bytes[at] ^= 1 << self.below(8);
                }
                5 => drop(bytes.splice(from..to, self.of(words).to_vec())),
                _ => drop(bytes.splice(from..from, self.of(words).to_vec())),
            }
        }
        bytes.truncate(8_192);
        bytes
    }
}

fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// The words of a language, as fuzzers write them; those with codes of bytes but for the line's end are left out.
fn words(name: &str) -> Vec<Vec<u8>> {
    let text = std::fs::read_to_string(fuzz().join("dictionaries").join(name)).unwrap_or_default();
    let lines = text.lines().map(|line| line.replace("\\x0a", "\\n"));
    lines.filter_map(|line| serde_json::from_str::<String>(&line).ok()).map(String::into_bytes).collect()
}

#[test]
fn what_was_kept_is_read_without_a_panic_however_it_is_stirred() {
    let (turns, seed) =
        (if setting("YIZHAN_LONG") == Some(1) { 20_000 } else { 200 }, setting("YIZHAN_SEED"));
    let only = std::env::var("YIZHAN_TARGET").ok();
    for (name, target) in TARGETS.iter().filter(|(name, _)| only.as_deref().is_none_or(|only| only == *name))
    {
        let folder = fuzz().join("corpus").join(name);
        let kept: Vec<Vec<u8>> =
            names(&folder).iter().map(|file| std::fs::read(folder.join(file)).unwrap()).collect();
        let words = words(name);
        let mut chance = Chance(seed.unwrap_or(20_261_122).max(1));
        for turn in 0..turns {
            let bytes = chance.stirred(&kept, &words);
            let read = catch_unwind(AssertUnwindSafe(|| target(&bytes)));
            assert!(read.is_ok(), "{name}, turn {turn}: {}", bytes.escape_ascii());
        }
    }
}
