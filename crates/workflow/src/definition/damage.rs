//! Goes on behind a broken line: it is blanked, so that the rest of the file can be checked too.

use std::collections::BTreeSet;
use std::ops::Range;

use toml::de::DeTable;

use super::line_around;
use super::lost::Lost;
use crate::problem::Problem;

/// After so many broken lines nobody knows what the file was meant to be.
const MOST_LINES: usize = 24;

/// What is wrong with one text by itself, whatever stands beside it.
const OF_ONE_TEXT: &[&str] =
    &["YZ0140", "YZ0141", "YZ0142", "YZ0143", "YZ0148", "YZ0149", "YZ0150", "YZ0155"];

/// A text of the same length in which the broken lines are blank.
#[derive(Debug)]
pub(super) struct Mended {
    pub(super) text: String,
    /// The tables that have a broken line: what is missing there may stand on it.
    damaged: Vec<Range<usize>>,
    /// What cannot be spoken of any more.
    pub(super) lost: Lost,
}

impl Mended {
    /// Whether a fault says something of a table that is not whole.
    pub(super) fn is_guess(&self, problem: &Problem) -> bool {
        problem.place.file.is_none()
            && !OF_ONE_TEXT.contains(&problem.code)
            && self.damaged.iter().any(|damaged| damaged.contains(&problem.place.start))
    }
}

/// `None`: too much is broken.
pub(super) fn mended(text: &str) -> Option<Mended> {
    let mut blanked = text.to_owned();
    let mut damaged = BTreeSet::new();
    let mut lost = Lost::default();
    for _ in 0..MOST_LINES {
        let (_, faults) = DeTable::parse_recoverable(&blanked);
        if faults.len() > super::MOST_FAULTS {
            return None;
        }
        // The first one only: what follows a bracket that is not closed seems broken too.
        let unclosed = faults.iter().any(|fault| fault.message().starts_with("unclosed"));
        let bracket = super::notation::open_bracket(&blanked).filter(|_| unclosed).map(|open| open.start);
        let first = faults
            .iter()
            .filter(|fault| !super::is_repeated(fault))
            .map(|fault| start_of(&blanked, fault))
            .min();
        let Some(first) = first else {
            let damaged = damaged.into_iter().map(|(start, end)| start..end).collect();
            return Some(Mended { text: blanked, damaged, lost });
        };
        let first = bracket.unwrap_or(first);
        let mut broken = line_around(text, first);
        let table = table_around(text, broken.start);
        if text[broken.clone()].trim_start().starts_with('[') {
            // Without its heading the whole table would be taken for a part of the one above.
            broken.end = table.end;
            lost.order = true;
        }
        lose(&mut lost, text, &table);
        damaged.insert((table.start, table.end));
        blank(&mut blanked, &broken);
    }
    None
}

/// Where the faulty part begins. What is missing at the very end belongs to the last line that says anything.
fn start_of(text: &str, fault: &toml::de::Error) -> usize {
    let start = fault.span().map_or(0, |span| span.start).min(text.len());
    if fault.message().starts_with("invalid multi-line") {
        return text.rfind("\"\"\"").or_else(|| text.rfind("'''")).unwrap_or(start);
    }
    if start == text.len() { text.trim_end().len() } else { start }
}

fn blank(text: &mut String, range: &Range<usize>) {
    let blank: String =
        text[range.clone()].bytes().map(|byte| if byte == b'\n' { '\n' } else { ' ' }).collect();
    text.replace_range(range.clone(), &blank);
}

/// From the heading above to the next one.
fn table_around(text: &str, at: usize) -> Range<usize> {
    let heading = |line: &str| line.trim_start().starts_with('[');
    let mut start = 0;
    let mut end = text.len();
    let mut from = 0;
    for line in text.split_inclusive('\n') {
        if heading(line) {
            if from <= at {
                start = from;
            } else {
                end = from;
                break;
            }
        }
        from += line.len();
    }
    start..end
}

fn lose(lost: &mut Lost, text: &str, table: &Range<usize>) {
    let first = text[table.clone()].lines().next().unwrap_or_default().trim_start();
    let path: String = first
        .trim_start_matches('[')
        .chars()
        .take_while(|sign| sign.is_alphanumeric() || matches!(sign, '_' | '.' | '-' | '"'))
        .filter(|sign| *sign != '"')
        .collect();
    if first.starts_with('[') && !path.is_empty() {
        lost.add(&path);
    }
    // The order of steps may have stood on the broken line.
    lost.order |= path.starts_with("step") || path.starts_with("on_failure");
}
