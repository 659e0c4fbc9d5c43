//! Tells a damaged row from a sound one: what a disk gives back years later is not always what it was given.

use xxhash_rust::xxh3::xxh3_128_with_seed;

/// 128 bits over a body and the numbers of its row, so that a sound body in the wrong row is found as well. It is
/// against decay, not against people, and costs next to nothing beside the insertion.
pub(crate) fn checksum(body: &[u8], run: i64, seq: u32, at: i64) -> [u8; 16] {
    let seed = (run as u64).rotate_left(32) ^ (at as u64) ^ (u64::from(seq) << 40);
    xxh3_128_with_seed(body, seed).to_le_bytes()
}
