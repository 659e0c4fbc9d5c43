//! The contract, kept in memory.

use std::sync::Arc;

use yizhan_engine::store::{Reads, Store};

use super::Memory;
use crate::contract::{House, contract};

impl House for Memory {
    fn store(&mut self) -> &mut dyn Store {
        self
    }

    fn reads(&self) -> Arc<dyn Reads> {
        Arc::new(self.clone())
    }

    fn crash(&mut self) {
        let left = self.clone_committed();
        left.fill(false);
        *self = left;
    }

    fn fill_disk(&mut self) {
        self.fill(true);
    }

    fn make_room(&mut self) {
        self.fill(false);
    }
}

contract!(Memory::new());
