//! The words of steps and of what stands in them, for every page that shows some.

use super::{Text, catalogue as t};

pub(crate) fn step_word(state: &str) -> Text {
    match state {
        "open" => t::STEP_OPEN,
        "done" => t::STEP_DONE,
        "skipped" => t::STEP_SKIPPED,
        "failed" => t::STEP_FAILED,
        "withdrawn" => t::STEP_WITHDRAWN,
        _ => t::STEP_WAITING,
    }
}

pub(crate) fn item_word(state: &str) -> Text {
    match state {
        "queued" | "slot" => t::WAITS_SLOT,
        "running" => t::WAITS_STEP,
        "stopping" | "stopping_child" => t::ITEM_STOPPING,
        "resting" => t::ITEM_RESTING,
        "unknown" => t::WAITS_UNKNOWN,
        "asking" => t::ITEM_ASKING,
        "asked" => t::WAITS_TASK,
        "sleeping" => t::WAITS_TIME,
        "child" => t::WAITS_CHILD,
        "listening" => t::WAITS_EVENT,
        "dropped" => t::ITEM_DROPPED,
        other => step_word(other),
    }
}
