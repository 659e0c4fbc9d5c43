//! What the core works out, against independent answers from another language.

#[cfg(test)]
mod china;
#[cfg(test)]
mod figures;
#[cfg(test)]
mod moments;
#[cfg(test)]
mod schedule;

/// Whether all must run: then a missing tool is a failure instead of a skipped test.
#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "the tests are told by the environment whether all must run")]
fn all_tests() -> bool {
    std::env::var("YIZHAN_TESTS").is_ok_and(|tests| tests == "all")
}

/// Whether what takes minutes is to run as well.
#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "the tests are told by the environment how long they may take")]
fn long_tests() -> bool {
    std::env::var("YIZHAN_LONG").is_ok_and(|long| long == "1")
}
