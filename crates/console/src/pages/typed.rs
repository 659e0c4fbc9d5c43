//! What was typed into the form of an act that was not done. It comes back with the page that says why.

use super::given::Given;

#[derive(Default)]
pub(super) struct Typed {
    /// The last word of the form's address.
    act: &'static str,
    pub(super) given: Given,
    pub(super) faults: Vec<(String, String)>,
}

impl Typed {
    pub(super) fn of(act: &'static str, given: Given) -> Self {
        Self { act, given, faults: vec![] }
    }

    pub(super) fn is_for(&self, act: &str) -> bool {
        self.act == act
    }

    /// Of a form of which the page has one for each step.
    pub(super) fn is_for_step(&self, act: &str, step: Option<&str>) -> bool {
        self.is_for(act) && self.given.text("step") == step
    }

    /// Empty, where it is the form of another act.
    pub(super) fn text(&self, act: &str, name: &str) -> &str {
        self.given.text(name).filter(|_| self.is_for(act)).unwrap_or_default()
    }
}
