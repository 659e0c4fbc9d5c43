//! What strangers send, and what is done with it: one function for each thing that is read. The fuzzer in `fuzz/` makes
//! the bytes; the test below gives each function again what the fuzzer kept in `fuzz/corpus`.

mod border;
mod console;
mod house;
mod language;

/// Takes any bytes; panics where something is not as it must be.
pub type Target = fn(&[u8]);

/// Everything that is fuzzed, by the name of its folder in `fuzz/corpus`.
pub const TARGETS: &[(&str, Target)] = &[
    ("condition", language::condition),
    ("description", border::description),
    ("expression", language::expression),
    ("frame", border::frame),
    ("house", language::house),
    ("journal", language::journal),
    ("moment", language::moment),
    ("note", border::note),
    ("path", border::path),
    ("request", console::request),
    ("sheet", border::sheet),
    ("workflow", language::workflow),
];

/// The target of that name.
///
/// # Panics
/// When there is none.
#[must_use]
pub fn target(name: &str) -> Target {
    let found = TARGETS.iter().find(|(known, _)| *known == name);
    found.map_or_else(|| panic!("there is no target `{name}`"), |(_, target)| *target)
}

#[cfg(test)]
mod tests;
