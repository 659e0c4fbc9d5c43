//! Registers and sequences.

use std::sync::Arc;

use yizhan_engine::store::{NewEntry, Note, Present, PresentFilter, TakenNumber};
use yizhan_workflow::register::{BEGINNING, Bounds, Entry, EntryKind, OneOf, Term};
use yizhan_workflow::run::event::Raw;

use super::{House, at, begin, line, run};

pub(crate) fn raw(text: &str) -> Raw {
    Raw::new(text.to_owned()).unwrap()
}

/// The next line of a register, chained to what is there.
pub(crate) fn next(house: &dyn House, kind: EntryKind, of: Option<u64>, body: &str) -> Entry {
    let head = house.reads().register_head("罚单").unwrap();
    let seq = head.as_ref().map_or(1, |head| head.seq + 1);
    let count = house.reads().register_count("罚单", "2026").unwrap() + 1;
    let own = kind == EntryKind::Entry;
    let about = of.map(|of| house.reads().register_line("罚单", of).unwrap().unwrap().entry.number);
    let entry = Entry {
        register: "罚单".into(),
        seq,
        kind,
        of,
        number: about.unwrap_or_else(|| format!("FD2026-{count}").into()),
        series: if own { "2026".into() } else { "".into() },
        count: if own { count } else { 0 },
        at: at(i64::try_from(seq).unwrap()),
        by: "run_x/fine/1/0".into(),
        key: format!("key{seq}").into(),
        part: 0,
        why: of.map(|_| "misread".into()),
        body: raw(body),
        private: None,
        before: head.map_or(BEGINNING.into(), |head| head.hash),
        hash: "".into(),
        sign: None,
    };
    entry.chained()
}

pub(crate) fn write(house: &mut dyn House, entry: Entry, card: Option<&str>) -> Entry {
    let new = NewEntry { entry: entry.clone(), card: card.map(Arc::from), forgets: vec![] };
    house.note(Note::Entry(Box::new(new)));
    entry
}

fn present(house: &dyn House, filter: &PresentFilter) -> Vec<Present> {
    house
        .reads()
        .register_present(&PresentFilter { register: "罚单".into(), ..filter.clone() }, 0, 99)
        .unwrap()
        .entries
}

fn one_of(column: &str, values: &[&str]) -> OneOf {
    OneOf { column: column.into(), values: values.iter().map(|value| (*value).to_owned()).collect() }
}

fn places(rows: &[Present]) -> Vec<u64> {
    rows.iter().map(|row| row.seq).collect()
}

pub(crate) fn a_line_of_a_register_stays_what_it_was(house: &mut dyn House) {
    let first = next(house, EntryKind::Entry, None, r#"{"card":"A","amount":1.10}"#);
    let first = write(house, first, Some("A"));
    let amend = next(house, EntryKind::Amend, Some(1), r#"{"card":"B","amount":2.20}"#);
    let amend = write(house, amend, Some("B"));
    house.crash();
    let reads = house.reads();
    let lines = reads.register_lines("罚单", 0, 9).unwrap();
    assert_eq!(
        lines.iter().map(|line| line.entry.clone()).collect::<Vec<_>>(),
        [first.clone(), amend.clone()]
    );
    assert_eq!((lines[0].shown, lines[0].card.as_deref()), (Some(2), Some("B")));
    assert_eq!((lines[1].shown, lines[1].card.as_deref()), (None, None));
    assert_eq!(reads.register_lines("罚单", 1, 9).unwrap().len(), 1);
    assert_eq!(reads.register_numbered("罚单", "FD2026-1").unwrap().unwrap().entry, first);
    assert_eq!(reads.register_numbered("罚单", "FD2026-2").unwrap(), None);
    assert_eq!(reads.register_about("罚单", 1).unwrap()[0].entry, amend);
    assert_eq!(reads.register_written("key1").unwrap()[0].entry, first);
    assert_eq!(reads.register_written("key9").unwrap(), []);
    assert_eq!(reads.register_heads().unwrap(), [amend.head()]);
    assert_eq!(reads.register_head("水表").unwrap(), None);
    assert_eq!(
        (reads.register_count("罚单", "2026").unwrap(), reads.register_count("罚单", "2027").unwrap()),
        (1, 0)
    );
}

pub(crate) fn what_is_seen_of_a_register_is_amended_and_without_what_is_void(house: &mut dyn House) {
    for card in ["A", "B", "A", "C"] {
        let entry = next(house, EntryKind::Entry, None, &format!(r#"{{"card":"{card}"}}"#));
        write(house, entry, Some(card));
    }
    let all = PresentFilter::default();
    assert_eq!(places(&present(house, &all)), [2, 3, 4], "the later entry of a card is its state");
    let void = next(house, EntryKind::Void, Some(3), "{}");
    write(house, void, Some("A"));
    assert_eq!(places(&present(house, &all)), [1, 2, 4], "once it is void, the one before it counts again");
    let amend = next(house, EntryKind::Amend, Some(2), r#"{"card":"D"}"#);
    write(house, amend, Some("D"));
    house.crash();
    let rows = present(house, &all);
    assert_eq!((rows[1].seq, rows[1].shown, rows[1].body.get()), (2, 6, r#"{"card":"D"}"#));
    let equal = PresentFilter { has: vec![one_of("card", &["D"])], ..all.clone() };
    assert_eq!(places(&present(house, &equal)), [2]);
    let bounds = PresentFilter { bounds: Bounds { from: Some(at(2)), until: Some(at(4)) }, ..all.clone() };
    assert_eq!(places(&present(house, &bounds)), [2]);
    let page =
        house.reads().register_present(&PresentFilter { register: "罚单".into(), ..all }, 1, 1).unwrap();
    assert_eq!((places(&page.entries), page.looked_at, page.next), (vec![2], 1, Some(2)));
}

/// Whether what is there fits or not: who asks must be able to say how much a look may cost.
pub(crate) fn a_page_of_a_register_looks_at_no_more_places_than_it_may(house: &mut dyn House) {
    for day in 1..=6 {
        let card = if day == 3 { "B" } else { "A" };
        let entry = next(house, EntryKind::Entry, None, &format!(r#"{{"card":"{card}","day":{day}}}"#));
        write(house, entry, None);
    }
    house.crash();
    let ask = |filter: &PresentFilter, after, most| {
        let filter = PresentFilter { register: "罚单".into(), ..filter.clone() };
        let page = house.reads().register_present(&filter, after, most).unwrap();
        (places(&page.entries), page.looked_at, page.next)
    };
    let late = Bounds { from: Some(at(5)), until: None };
    let of_a = PresentFilter { bounds: late, has: vec![one_of("card", &["A"])], ..PresentFilter::default() };
    assert_eq!(ask(&of_a, 0, 3), (vec![], 3, Some(4)), "1, 2 and 4 have the term and are too early");
    assert_eq!(ask(&of_a, 4, 3), (vec![5, 6], 2, None));
    let either = PresentFilter { has: vec![one_of("card", &["B", "A", "B"])], ..PresentFilter::default() };
    assert_eq!(ask(&either, 1, 3), (vec![2, 3, 4], 3, Some(4)), "each once and in order");
    assert_eq!(ask(&PresentFilter::default(), 4, 9), (vec![5, 6], 2, None));
}

pub(crate) fn private_values_are_forgotten_and_nothing_else_of_a_line(house: &mut dyn House) {
    let mut first = next(house, EntryKind::Entry, None, r#"{"name":{"sealed":"ab"}}"#);
    first.private = Some(raw(r#"{"name":["salt","李娜"]}"#));
    write(house, first.clone(), None);
    let entry = next(house, EntryKind::Erase, Some(1), r#"{"fields":["name"]}"#);
    let new = NewEntry { entry, card: None, forgets: vec![(1, None)] };
    house.note(Note::Entry(Box::new(new)));
    house.crash();
    let line = house.reads().register_line("罚单", 1).unwrap().unwrap();
    assert_eq!(line.entry, Entry { private: None, ..first });
    assert_eq!(line.shown, Some(1), "it still holds");
}

/// Also once it was amended, voided or erased, and with a number however it is written.
pub(crate) fn entries_are_found_by_their_terms_as_they_stand(house: &mut dyn House) {
    for (name, born, paid) in
        [("甲", "1990-05-03", "1.50"), ("乙", "1984-02-29", "2"), ("丙", "2001-05-03", "1.5")]
    {
        let mut entry = next(
            house,
            EntryKind::Entry,
            None,
            &format!(r#"{{"name":{{"sealed":"ab"}},"born":"{born}","paid":{paid},"vip":true}}"#),
        );
        entry.private = Some(raw(&format!(r#"{{"name":["salt","{name}"]}}"#)));
        write(house, entry, None);
    }
    let found = |house: &dyn House, has: &[OneOf]| {
        places(&present(house, &PresentFilter { has: has.to_vec(), ..PresentFilter::default() }))
    };
    assert_eq!(found(house, &[one_of("paid", &["1.5"])]), [1, 3]);
    assert_eq!(found(house, &[one_of("born", &["--05-03", "--02-29"])]), [1, 2, 3], "days of any year");
    assert_eq!(found(house, &[one_of("born", &["--05-03"]), one_of("name", &["丙", "乙"])]), [3]);
    assert_eq!(found(house, &[one_of("vip", &["true"]), one_of("number", &["FD2026-2"])]), [2]);
    assert_eq!(found(house, &[one_of("vip", &[])]), [0; 0], "one of none");

    let amend = next(house, EntryKind::Amend, Some(1), r#"{"born":"1990-06-03","paid":7}"#);
    write(house, amend, None);
    let void = next(house, EntryKind::Void, Some(3), "{}");
    write(house, void, None);
    let erase = next(house, EntryKind::Erase, Some(2), r#"{"fields":["name"]}"#);
    let new = NewEntry { entry: erase, card: None, forgets: vec![(2, None)] };
    house.note(Note::Entry(Box::new(new)));
    house.crash();
    assert_eq!(found(house, &[one_of("born", &["--05-03"])]), [0; 0]);
    assert_eq!(found(house, &[one_of("born", &["1990-06-03"])]), [1]);
    assert_eq!(found(house, &[one_of("name", &["甲", "乙"])]), [0; 0], "amended without it, and erased");
    let terms = |place: u64| {
        let line = house.reads().register_line("罚单", place).unwrap().unwrap();
        (place, line.entry.terms())
    };
    // What stands are the lines 4 (for 1) and 2.
    let stands = [(1, terms(4).1), terms(2)];
    assert_eq!(house.reads().register_hidden("罚单", &stands).unwrap(), [0; 0]);
    assert!(stands[0].1.contains(&Term { column: "number".into(), value: "FD2026-1".into() }));
    let first = |from, until| {
        let bounds = Bounds { from: Some(at(from)), until: Some(at(until)) };
        house.reads().register_first("罚单", bounds).unwrap()
    };
    assert_eq!((first(2, 9), first(4, 9)), (Some(2), None), "lines about others are no entries");
}

pub(crate) fn a_sequence_gives_a_number_once_under_its_key(house: &mut dyn House) {
    let taken = |count: u64| TakenNumber {
        sequence: "合同".into(),
        series: "2026".into(),
        count,
        number: format!("HT{count}").into(),
        key: format!("key{count}").into(),
        at: at(1),
    };
    house.note(Note::Number(Box::new(taken(1))));
    house.note(Note::Number(Box::new(taken(2))));
    house.crash();
    let reads = house.reads();
    assert_eq!(reads.sequence_count("合同", "2026").unwrap(), 2);
    assert_eq!(reads.sequence_count("合同", "2027").unwrap(), 0);
    assert_eq!(reads.sequence_taken("key2").unwrap(), Some(taken(2)));
    assert_eq!(reads.sequence_taken("key3").unwrap(), None);
}

pub(crate) fn the_journals_know_what_steps_wrote(house: &mut dyn House) {
    let text = r#"{"did":[{"output":{"number":"1","head":{"register":"罚单","seq":7,"hash":"ab"}}}]}"#;
    let wrote = yizhan_engine::store::Change { line: text.as_bytes().into(), ..line(run(1), 2) };
    house.accept(vec![begin(1), wrote]);
    let heads = house.reads().heads_in_journals().unwrap();
    assert_eq!(heads.len(), 1);
    assert_eq!((heads[0].0, heads[0].1.seq, &*heads[0].1.register), (run(1), 7, "罚单"));
}
