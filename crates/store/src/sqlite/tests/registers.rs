//! A tamperer who writes into the file past the store.

use yizhan_engine::registers::{Signet, Witness, verify};
use yizhan_engine::store::PresentFilter;
use yizhan_workflow::register::{ChainFault, Entry, EntryKind, Head, OneOf};

use super::InFile;
use crate::contract::House;
use crate::contract::registers::{next, write};

/// Five entries, the second of them amended and the third void; and what was written down of the last line.
fn ledger() -> (InFile, Head) {
    let mut house = InFile::new();
    for card in ["A", "B", "C", "D", "E"] {
        let entry = next(&house, EntryKind::Entry, None, &format!(r#"{{"card":"{card}"}}"#));
        write(&mut house, entry, Some(card));
    }
    let amend = next(&house, EntryKind::Amend, Some(2), r#"{"card":"B2"}"#);
    write(&mut house, amend, Some("B2"));
    let void = next(&house, EntryKind::Void, Some(3), "{}");
    let last = write(&mut house, void, Some("C"));
    (house, last.head())
}

fn faults(house: &InFile, known: &Head) -> Vec<ChainFault> {
    let witness = Witness { name: "registers.heads".into(), head: known.clone() };
    let verified = verify(&*house.reads(), None, &[witness], None).unwrap();
    verified.into_iter().flat_map(|one| one.faults).collect()
}

#[track_caller]
fn found(sql: &str, fits: fn(&ChainFault) -> bool) {
    let (mut house, known) = ledger();
    assert_eq!(faults(&house, &known), []);
    house.spoil(sql);
    let faults = faults(&house, &known);
    assert!(faults.iter().any(fits), "{sql}: {faults:?}");
}

#[test]
fn an_entry_that_was_edited_is_found() {
    found("UPDATE entry SET body = '{\"card\":\"X\"}' WHERE seq = 4", |fault| {
        matches!(fault, ChainFault::Changed { place: 4, .. })
    });
    found("UPDATE entry SET at = at + 1 WHERE seq = 1", |fault| {
        matches!(fault, ChainFault::Changed { place: 1, .. })
    });
    found("UPDATE entry SET number = 'FD2026-9' WHERE seq = 5", |fault| {
        matches!(fault, ChainFault::Changed { place: 5, .. })
    });
}

#[test]
fn an_entry_that_was_deleted_is_found_in_the_middle_at_the_end_and_all_of_them() {
    found("DELETE FROM entry WHERE seq = 4", |fault| matches!(fault, ChainFault::Gone { from: 4, to: 4 }));
    found("DELETE FROM entry WHERE seq = 7", |fault| matches!(fault, ChainFault::Cut { place: 7, .. }));
    found("DELETE FROM entry", |fault| matches!(fault, ChainFault::Cut { place: 7, .. }));
}

#[test]
fn an_entry_that_was_put_in_or_swapped_is_found() {
    found(
        "INSERT INTO entry(register, seq, kind, number, series, count, at, by, key, part, body, before, hash, shown)
         SELECT register, 8, 0, 'FD2026-6', series, 6, at, by, 'forged', 0, body, hash, hash, 8 FROM entry WHERE seq = 7",
        |fault| matches!(fault, ChainFault::Changed { place: 8, .. }),
    );
    found(
        "UPDATE entry SET seq = 100 WHERE seq = 4; UPDATE entry SET seq = 4 WHERE seq = 5; UPDATE entry SET seq = 5 WHERE seq = 100",
        |fault| matches!(fault, ChainFault::Changed { place: 4, .. }),
    );
}

#[test]
fn what_is_shown_otherwise_than_it_was_amended_is_found() {
    found("UPDATE entry SET shown = 2 WHERE seq = 2", |fault| {
        matches!(fault, ChainFault::Standing { place: 2, .. })
    });
    found("UPDATE entry SET shown = 3 WHERE seq = 3", |fault| {
        matches!(fault, ChainFault::Standing { place: 3, .. })
    });
}

#[test]
fn an_entry_that_was_hidden_from_those_who_look_for_it_is_found() {
    found("DELETE FROM entry_term WHERE seq = 4", |fault| {
        matches!(fault, ChainFault::Hidden { place: 4, .. })
    });
    found("UPDATE entry_term SET value = 'Z' WHERE value = 'B2'", |fault| {
        matches!(fault, ChainFault::Hidden { place: 2, .. })
    });
}

/// He has the store, and knows how a line is hashed; the key is elsewhere.
#[test]
fn a_register_that_was_written_anew_as_a_whole_is_found_by_the_signatures_alone() {
    let (mut house, _) = ledger();
    let signet = Signet::new([7; 32]);
    let faults = |house: &InFile, signet: &Signet| {
        let verified = verify(&*house.reads(), None, &[], Some(signet)).unwrap();
        verified.into_iter().flat_map(|one| one.faults).collect::<Vec<_>>()
    };
    assert_eq!(faults(&house, &signet).len(), 7, "no line is signed yet");
    for line in house.reads().register_lines("罚单", 0, 99).unwrap() {
        let sign = signet.sign(&line.entry.hash);
        house.spoil(&format!("UPDATE entry SET sign = '{sign}' WHERE seq = {}", line.entry.seq));
    }
    assert_eq!(faults(&house, &signet), []);
    assert_eq!(faults(&house, &Signet::new([8; 32])).len(), 7, "another house's");
    write_anew(&mut house);
    let found = faults(&house, &signet);
    assert!(
        matches!(
            found.as_slice(),
            [ChainFault::Unsigned { place: 1, .. }, .., ChainFault::Unsigned { place: 7, .. }]
        ),
        "{found:?}"
    );
    house.spoil("UPDATE entry SET sign = NULL");
    assert_eq!(faults(&house, &signet).len(), 7, "to take the signatures away does not help either");
}

/// The table of terms came later than the lines.
#[test]
fn the_entries_of_an_older_store_are_indexed_when_it_is_opened() {
    let (mut house, known) = ledger();
    house.forget_sums();
    house.spoil(
        "DROP TABLE state_count; DROP TABLE open_count; DROP TABLE found_by; DROP TABLE found_by_lot; DROP INDEX run_by_whom; DROP INDEX run_waiting; DROP INDEX run_late_open; DROP INDEX run_late_over; DROP INDEX firing_by_age;
         CREATE INDEX run_with_due ON run(started, id, due) WHERE due IS NOT NULL; DROP TABLE trigger_pause;
         DROP TABLE draft; DROP TABLE past_task; DROP INDEX task_by_opening; DROP INDEX run_by_end; ALTER TABLE run DROP COLUMN rounds;
         ALTER TABLE entry DROP COLUMN sign; DROP TABLE entry_term; DROP INDEX entry_by_time; CREATE INDEX entry_by_time ON entry(register, at) WHERE kind = 0;
         PRAGMA user_version = 8",
    );
    house.crash();
    assert_eq!(faults(&house, &known), []);
    let has = vec![OneOf { column: "card".into(), values: vec!["B2".into()] }];
    let filter = PresentFilter { register: "罚单".into(), has, ..PresentFilter::default() };
    let found = house.reads().register_present(&filter, 0, 9).unwrap().entries;
    assert_eq!(found.iter().map(|entry| entry.seq).collect::<Vec<_>>(), [2]);
}

/// Everything fits, but somebody knows how it was.
#[test]
fn a_register_that_was_written_anew_as_a_whole_is_found_by_a_head_that_was_kept() {
    let (mut house, known) = ledger();
    write_anew(&mut house);
    assert!(matches!(faults(&house, &known).as_slice(), [ChainFault::Other { place: 7, .. }]));
}

/// Says another who wrote it, in all lines, so that all of them fit.
fn write_anew(house: &mut InFile) {
    let lines = house.reads().register_lines("罚单", 0, 99).unwrap();
    let mut before = yizhan_workflow::register::BEGINNING.into();
    for line in lines {
        let entry = Entry { by: "run_y/forged/1/0".into(), before, ..line.entry }.chained();
        before = entry.hash.clone();
        let Entry { by, before, hash, seq, .. } = &entry;
        house.spoil(&format!(
            "UPDATE entry SET by = '{by}', before = '{before}', hash = '{hash}' WHERE seq = {seq}"
        ));
    }
}
