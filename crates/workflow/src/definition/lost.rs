//! What of a file could not be read, so that no fault is guessed from another one.

use std::collections::BTreeSet;

/// Dotted paths whose own fault was told already.
#[derive(Clone, Debug, Default)]
pub(super) struct Lost {
    paths: BTreeSet<String>,
    /// Some `needs` could not be followed, so nobody can say which steps stand beside each other.
    pub(super) order: bool,
}

impl Lost {
    pub(super) fn add(&mut self, path: &str) {
        self.paths.insert(path.to_owned());
    }

    /// Whether anything at or below the path could not be read.
    pub(super) fn touches(&self, path: &str) -> bool {
        self.has(path)
            || self.paths.iter().any(|lost| lost.strip_prefix(path).is_some_and(|rest| rest.starts_with('.')))
    }

    /// Whether the path, or anything that it is part of, could not be read.
    pub(super) fn has(&self, path: &str) -> bool {
        let mut path = path;
        loop {
            if self.paths.contains(path) {
                return true;
            }
            match path.rfind('.') {
                Some(at) => path = &path[..at],
                None => return false,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_part_of_something_lost_is_lost_too_and_nothing_else() {
        let mut lost = Lost::default();
        lost.add("step.a");
        assert!(lost.has("step.a") && lost.has("step.a.form.x"));
        assert!(!lost.has("step.ab") && !lost.has("step"));
    }
}
