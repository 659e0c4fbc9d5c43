//! Says what is confidential, and who may see it.

use super::Teller;
use crate::plan::{Step, Work};

impl Teller<'_> {
    pub(super) fn readers(&self, step: &Step) -> Option<String> {
        let readers: Vec<String> = step.guard.readers.iter().map(|who| self.all_of(who)).collect();
        (!readers.is_empty()).then(|| readers.join(&self.pick("、", ", ")))
    }

    pub(super) fn guard(&self, step: &Step) -> Option<String> {
        let fields = step.guard.private.iter().map(|name| {
            let field = match &step.work {
                Work::Ask(ask) => ask.form.fields.iter().find(|field| field.name == *name),
                Work::Use { .. }
                | Work::Wait { .. }
                | Work::Await(_)
                | Work::Run { .. }
                | Work::Check { .. }
                | Work::End { .. }
                | Work::Hold { .. } => None,
            };
            field.map_or_else(|| name.to_string(), |field| field.label().to_owned())
        });
        let fields = fields.collect::<Vec<_>>().join(&self.pick("、", ", "));
        match (fields.is_empty(), self.readers(step)) {
            (true, None) => None,
            (true, Some(readers)) => Some(self.pick(
                format!("它给出的内容只有{readers}可以看。"),
                format!("What it gives, only {readers} may see."),
            )),
            (false, None) => Some(self.pick(format!("保密:{fields}。"), format!("Confidential: {fields}."))),
            (false, Some(readers)) => Some(self.pick(
                format!("保密,只有{readers}可以看:{fields}。"),
                format!("Confidential, only {readers} may see: {fields}."),
            )),
        }
    }
}
