//! Lines in the making, each chained to the one before, and what a step is told of them.

use std::sync::Arc;

use serde_json::json;
use yizhan_workflow::id::Millis;
use yizhan_workflow::register::{BEGINNING, Body, Entry, EntryKind, Head, Nth};
use yizhan_workflow::run::event::Raw;

use super::{Advance, Signet, Written};
use crate::carrier::Call;
use crate::store::{NewEntry, Note};

pub(super) struct Writing<'c> {
    call: &'c Call,
    place: Place,
    signet: Option<Signet>,
    lines: Vec<NewEntry>,
}

/// Where and when is written: behind the head.
pub(super) struct Place {
    pub register: Arc<str>,
    pub series: Arc<str>,
    pub at: Millis,
    pub head: Option<Head>,
}

/// What a line says; its place and its hash follow from where it stands.
pub(super) struct Line {
    pub kind: EntryKind,
    pub of: Option<u64>,
    pub number: Arc<str>,
    pub count: u64,
    pub why: Option<Arc<str>>,
    pub body: Body,
    pub card: Option<Arc<str>>,
}

impl<'c> Writing<'c> {
    pub(super) fn new(call: &'c Call, place: Place, signet: Option<Signet>) -> Self {
        Self { call, place, signet, lines: vec![] }
    }

    pub(super) fn series(&self) -> &Arc<str> {
        &self.place.series
    }

    pub(super) fn line(&mut self, line: Line, forgets: Vec<(u64, Option<Raw>)>) {
        let Call { run, step, round, item, .. } = self.call;
        let own = line.kind == EntryKind::Entry;
        let entry = Entry {
            register: self.place.register.clone(),
            seq: self.place.head.as_ref().map_or(1, |head| head.seq + 1),
            kind: line.kind,
            of: line.of,
            number: line.number,
            series: if own { self.place.series.clone() } else { "".into() },
            count: line.count,
            at: self.place.at,
            by: if step.is_empty() { run.clone() } else { format!("{run}/{step}/{round}/{item}").into() },
            key: self.call.key.clone(),
            part: u32::try_from(self.lines.len()).unwrap_or(u32::MAX),
            why: line.why,
            body: line.body.body,
            private: line.body.private,
            before: match &self.place.head {
                Some(head) if !yizhan_faults::seeded("registers.chain-broken") => head.hash.clone(),
                Some(_) | None => BEGINNING.into(),
            },
            hash: "".into(),
            sign: None,
        };
        let entry = entry.chained();
        let sign = self.signet.as_ref().map(|signet| signet.sign(&entry.hash));
        let entry = Entry { sign, ..entry };
        self.place.head = Some(entry.head());
        self.lines.push(NewEntry { entry, card: line.card, forgets });
    }

    pub(super) fn entries(&self) -> Vec<Entry> {
        self.lines.iter().map(|line| line.entry.clone()).collect()
    }

    pub(super) fn done(self, output: String) -> Written {
        let Place { register, series, head, .. } = self.place;
        let counted = self.lines.last().map(|line| line.entry.count).filter(|count| *count > 0);
        let advance = Advance {
            count: counted.map(|count| (register, series, count)),
            head: head.filter(|_| !self.lines.is_empty()),
            replaces: self
                .lines
                .iter()
                .any(|line| line.card.is_some() || line.entry.kind != EntryKind::Entry),
            sequence: None,
        };
        let notes = self.lines.into_iter().map(|line| Note::Entry(Box::new(line))).collect();
        Written { output, notes, advance }
    }
}

/// What `register.append` gives. The head in it is what `verify` holds against the register.
pub(super) fn appended(entries: &[Entry], nths: &[Nth]) -> String {
    let numbers: Vec<&str> = entries.iter().map(|entry| &*entry.number).collect();
    let first = nths.first();
    let told = json!({
        "result": "appended",
        "number": numbers.first(),
        "numbers": numbers,
        "nth": first.map(|nth| nth.nth),
        "total": first.map(|nth| nth.total),
        "nths": nths.iter().map(|nth| nth.nth).collect::<Vec<_>>(),
    });
    with_head(&told, entries.last())
}

/// What a step that is about an entry gives.
pub(super) fn about_output(entry: &Entry) -> String {
    with_head(&json!({ "number": &*entry.number }), Some(entry))
}

/// Written by hand, as the mark in journals wants it: the register first.
fn with_head(told: &serde_json::Value, last: Option<&Entry>) -> String {
    let told = told.to_string();
    let Some(Entry { register, seq, hash, sign, .. }) = last else { return told };
    let register = json!(&**register);
    let open = told.strip_suffix('}').unwrap_or(&told);
    let sign = sign.as_ref().map(|sign| format!(",\"sign\":\"{sign}\"")).unwrap_or_default();
    format!("{open},\"head\":{{\"register\":{register},\"seq\":{seq},\"hash\":\"{hash}\"{sign}}}}}")
}
