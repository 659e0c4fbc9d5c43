//! The ledger of a clock, for every page that shows one.

use maud::{Markup, html};

use super::shell::Reader;
use crate::view::ClockView;
use crate::words::{catalogue as t, say};

/// When the clock stood and who gave another due time, and why.
pub(super) fn ledger(reader: &Reader<'_>, clock: &ClockView) -> Markup {
    let lang = reader.lang;
    html! {
        @if !clock.ledger.is_empty() {
            h3 { (say(lang, t::WHAT_MOVED_THE_DUE_TIME)) }
            ul.ledger { @for stood in &clock.ledger {
                li {
                    (reader.time(&stood.from))
                    @match &stood.to {
                        Some(to) if *to == stood.from => {}
                        Some(to) => { " – " (reader.time(to)) }
                        None => { " – " (say(lang, t::NOW)) }
                    }
                    @if let Some(reason) = stood.reason.as_ref().or(stood.file.as_ref()) { ": " (reason) }
                    @if let Some(by) = &stood.by { " (" (reader.who(by)) ")" }
                    @if let (Some(was), Some(due)) = (&stood.was, &stood.due) { " · " (reader.time(was)) " → " (reader.time(due)) }
                }
            } }
        }
    }
}
