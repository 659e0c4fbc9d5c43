//! The ELF note that says what a library is before any of its code runs, put together while compiling.

use crate::abi::{YZ_NOTE_NAME, YZ_NOTE_TYPE};

/// A note of `N` bytes in the layout of ELF: three words, the name and the document, each filled up to words.
#[repr(C, align(4))]
pub struct Note<const N: usize>(pub [u8; N]);

const HEADER: usize = 12;

/// How long the note is whose document is `parts` joined.
#[must_use]
pub const fn note_len(parts: &[&str]) -> usize {
    HEADER + words(YZ_NOTE_NAME.len()) + words(document_len(parts))
}

const fn document_len(parts: &[&str]) -> usize {
    let mut len = 0;
    let mut part = 0;
    while part < parts.len() {
        len += parts[part].len();
        part += 1;
    }
    len
}

const fn words(len: usize) -> usize {
    len.div_ceil(4) * 4
}

#[must_use]
pub const fn write_note<const N: usize>(parts: &[&str]) -> Note<N> {
    let mut note = [0; N];
    let at = put(&mut note, 0, &(YZ_NOTE_NAME.len() as u32).to_ne_bytes());
    let at = put(&mut note, at, &(document_len(parts) as u32).to_ne_bytes());
    let at = put(&mut note, at, &YZ_NOTE_TYPE.to_ne_bytes());
    put(&mut note, at, YZ_NOTE_NAME);
    let mut at = at + words(YZ_NOTE_NAME.len());
    let mut part = 0;
    while part < parts.len() {
        at = put(&mut note, at, parts[part].as_bytes());
        part += 1;
    }
    Note(note)
}

const fn put<const N: usize>(note: &mut [u8; N], at: usize, bytes: &[u8]) -> usize {
    let mut byte = 0;
    while byte < bytes.len() {
        note[at + byte] = bytes[byte];
        byte += 1;
    }
    at + bytes.len()
}

/// How many parts the JSON list of `items` has, without its brackets.
#[must_use]
pub const fn list_len(items: &[&str]) -> usize {
    items.len() * 3
}

/// The parts of the JSON list of `items`, without its brackets. Capabilities and services hold no quotes.
#[must_use]
pub const fn list<const N: usize>(items: &[&'static str]) -> [&'static str; N] {
    let mut parts = [""; N];
    let mut item = 0;
    while item < items.len() {
        parts[item * 3] = if item == 0 { "\"" } else { ",\"" };
        parts[item * 3 + 1] = items[item];
        parts[item * 3 + 2] = "\"";
        item += 1;
    }
    parts
}

#[must_use]
pub const fn join<const N: usize>(groups: &[&[&'static str]]) -> [&'static str; N] {
    let mut parts = [""; N];
    let mut at = 0;
    let mut group = 0;
    while group < groups.len() {
        let mut part = 0;
        while part < groups[group].len() {
            parts[at] = groups[group][part];
            at += 1;
            part += 1;
        }
        group += 1;
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_has_the_layout_of_elf() {
        const PARTS: &[&str] = &["{\"id\":", "\"x\"}"];
        let note: Note<{ note_len(PARTS) }> = write_note(PARTS);
        assert_eq!(note.0[..4], 9u32.to_ne_bytes());
        assert_eq!(note.0[4..8], 10u32.to_ne_bytes());
        assert_eq!(note.0[8..12], 1u32.to_ne_bytes());
        assert_eq!(&note.0[12..24], b"YZPLUGIN\0\0\0\0");
        assert_eq!(&note.0[24..34], b"{\"id\":\"x\"}");
        assert_eq!(note.0.len() % 4, 0);
    }
}
