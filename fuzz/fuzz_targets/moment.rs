//! `moment` of `tests/hostile`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| yizhan_hostile::target("moment")(bytes));
