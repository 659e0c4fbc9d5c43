//! What the elements of a list are like, so far as the file says it: for the name that an `each` gives.

#![expect(clippy::wildcard_enum_match_arm, reason = "most types of fields are no lists")]

use super::Checker;
use super::parts;
use super::uses::{Own, Stand};
use crate::expression::{Name, Sort, Sorts, Template, Tree, sorts_of_elements};
use crate::form::Kind;

impl Checker<'_> {
    /// What the name that an `each` gives may be: of the step's own, else of the nearest that holds it.
    pub(super) fn of_element(&self, stand: &Stand<'_>, root: &str, left: u8) -> Sorts {
        let workflow = &self.read.workflow;
        let Some(left) = left.checked_sub(1) else { return Sorts::UNKNOWN };
        let mut next = stand.step;
        while let Some(no) = next {
            let step = workflow.step(no);
            let is_seen = Some(no) != stand.step || stand.own.each.is_some();
            let each = step.each.as_ref().filter(|each| is_seen && (*each.name == *root || root == "item"));
            if let Some(each) = each {
                let before = Stand { step: Some(no), own: Own::default(), ..*stand };
                return self.elements(&before, &each.list, left);
            }
            next = step.holder;
        }
        Sorts::UNKNOWN
    }

    fn elements(&self, stand: &Stand<'_>, list: &Template, left: u8) -> Sorts {
        let Some(list) = list.expression() else { return Sorts::UNKNOWN };
        let known = |name: &Name| self.sorts(stand, name, left);
        sorts_of_elements(list.source(), &known, &|name| self.elements_of_name(stand, name, left))
    }

    fn elements_of_name(&self, stand: &Stand<'_>, name: &Name, left: u8) -> Sorts {
        let workflow = &self.read.workflow;
        let Some(left) = left.checked_sub(1) else { return Sorts::UNKNOWN };
        if let Some(found) = parts::field_at(workflow, stand, &name.path) {
            return match found.field.kind {
                Kind::Choices if found.rest.is_empty() => Sort::Text.into(),
                Kind::Table | Kind::Files if found.rest.is_empty() => Sort::Map.into(),
                _ => Sorts::UNKNOWN,
            };
        }
        let lets = stand.own.lets.iter().chain(workflow.lets.iter());
        let own = lets.clone().find(|own| name.path.len() == 1 && own.name == name.path[0]);
        if let Some(Tree::Text(value)) = own.map(|own| &own.value) {
            return self.elements(stand, value, left);
        }
        let is_table = name.path.len() == 2 && &*name.path[0] == "table" && name.call.is_none();
        is_table.then_some(Sort::Map).into()
    }
}
