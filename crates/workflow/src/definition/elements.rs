//! What the elements of a list are like, so far as the file says it: for the name that an `each` gives.

#![expect(clippy::wildcard_enum_match_arm, reason = "most types of fields are no lists")]

use super::Checker;
use super::parts;
use super::uses::{Own, Stand};
use crate::expression::{Name, Sort, Tree, sort_of_elements};
use crate::form::Kind;

impl Checker<'_> {
    /// The sort of the name that an `each` gives: of the step's own, else of the nearest that holds it.
    pub(super) fn of_element(&self, stand: &Stand<'_>, root: &str, left: u8) -> Option<Sort> {
        let workflow = &self.read.workflow;
        let left = left.checked_sub(1)?;
        let mut next = stand.step;
        while let Some(no) = next {
            let step = workflow.step(no);
            let is_seen = Some(no) != stand.step || stand.own.each.is_some();
            let each = step.each.as_ref().filter(|each| is_seen && (*each.name == *root || root == "item"));
            if let Some(each) = each {
                let before = Stand { step: Some(no), own: Own::default(), ..*stand };
                return self.elements(&before, each.list.expression()?.source(), left);
            }
            next = step.holder;
        }
        None
    }

    fn elements(&self, stand: &Stand<'_>, source: &str, left: u8) -> Option<Sort> {
        let known = |name: &Name| self.sort(stand, name, left);
        sort_of_elements(source, &known, &|name| self.elements_of_name(stand, name, left))
    }

    fn elements_of_name(&self, stand: &Stand<'_>, name: &Name, left: u8) -> Option<Sort> {
        let workflow = &self.read.workflow;
        let left = left.checked_sub(1)?;
        if let Some(found) = parts::field_at(workflow, stand, &name.path) {
            return match found.field.kind {
                Kind::Choices if found.rest.is_empty() => Some(Sort::Text),
                Kind::Table | Kind::Files if found.rest.is_empty() => Some(Sort::Map),
                _ => None,
            };
        }
        let lets = stand.own.lets.iter().chain(workflow.lets.iter());
        let own = lets.clone().find(|own| name.path.len() == 1 && own.name == name.path[0]);
        if let Some(Tree::Text(value)) = own.map(|own| &own.value) {
            return self.elements(stand, value.expression()?.source(), left);
        }
        (name.path.len() == 2 && &*name.path[0] == "table" && name.call.is_none()).then_some(Sort::Map)
    }
}
