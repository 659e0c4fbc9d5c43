//! Says of an input what the host would say before a call, without one: for tests of workflows.

use serde_json::Value;

use crate::schema::Schema;

/// The schema of an action's input, compiled.
#[derive(Debug)]
pub struct InputSchema(Schema);

impl InputSchema {
    /// `None`: it is no schema that the host takes.
    #[must_use]
    pub fn compile(schema: &Value) -> Option<Self> {
        Schema::compile(schema).ok().map(Self)
    }

    /// Why a call with this input (JSON text) would be refused.
    #[must_use]
    pub fn mismatch(&self, input: &str) -> Option<String> {
        self.0.check(input).err().map(|mismatch| mismatch.to_string())
    }
}
