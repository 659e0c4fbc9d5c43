//! Two requests with one id at the same time: the second learns that the first is still under way.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

/// Workflow, trigger and id of what is being started now. Bounded by the connections.
#[derive(Debug, Default)]
pub(crate) struct UnderWay(Mutex<HashSet<[String; 3]>>);

/// Held until the first has its answer.
#[derive(Debug)]
pub(crate) struct Mine {
    name: [String; 3],
    of: Arc<UnderWay>,
}

impl UnderWay {
    /// `None` while another has it.
    pub(crate) fn take(self: &Arc<Self>, workflow: &str, trigger: &str, id: &str) -> Option<Mine> {
        let name = [workflow.to_owned(), trigger.to_owned(), id.to_owned()];
        let new = self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(name.clone());
        new.then(|| Mine { name, of: self.clone() })
    }
}

impl Drop for Mine {
    fn drop(&mut self) {
        self.of.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_of_two_waits_until_the_first_has_its_answer() {
        let all = Arc::new(UnderWay::default());
        let first = all.take("refund", "hook", "1").unwrap();
        assert!(all.take("refund", "hook", "1").is_none());
        assert!(all.take("refund", "hook", "2").is_some() && all.take("refund", "api", "1").is_some());
        drop(first);
        assert!(all.take("refund", "hook", "1").is_some());
    }
}
