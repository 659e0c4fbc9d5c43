//! A hasher for numbers that we counted up ourselves: nobody can choose them so that they meet.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// A map whose keys are such numbers.
pub type MapById<K, V> = HashMap<K, V, BuildHasherDefault<ById>>;

/// Multiplying spreads numbers that follow one another well enough.
#[derive(Clone, Copy, Debug, Default)]
pub struct ById(u64);

impl Hasher for ById {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    fn write_u64(&mut self, id: u64) {
        self.0 = (self.0 ^ id).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29);
    }
}
