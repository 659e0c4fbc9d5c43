//! What a test of a workflow finds.
