//! What comes over the border of plugins, read with nobody behind it: for those who try whether any bytes do harm.

use serde_json::Value;

use crate::described::Described;
use crate::frame::{Garbage, Reader};
use crate::note::{Abi, Note, read};
use crate::refusal::Fault;

/// What a library's note names, read from the bytes of its file.
///
/// # Errors
/// As when a plugin is refused.
pub fn note(file: &[u8]) -> Result<String, Fault> {
    read(file).map(|note| note.id)
}

/// Names of the actions that a plugin's description has, as they are taken in behind a note that names the same.
///
/// # Errors
/// As when a plugin is refused.
pub fn description(document: &[u8]) -> Result<Vec<String>, Fault> {
    let value: Value = serde_json::from_slice(document).unwrap_or_default();
    let actions: Vec<String> =
        value["actions"].as_object().map(|actions| actions.keys().cloned().collect()).unwrap_or_default();
    let (abi, none) = (Abi { major: 0, min: 0 }, Vec::new);
    let note = Note {
        id: "made".to_owned(),
        version: "0.0.0".to_owned(),
        abi,
        requires: none(),
        capabilities: none(),
        actions: actions.clone(),
    };
    Described::read(document, &note).map(|_| actions)
}

/// Type, flags, call and payload of a frame.
pub type Heard = (u8, u8, u64, Vec<u8>);

/// The frames of what a child sends in pieces of so many bytes, and what made it the last.
///
/// # Errors
/// The frames before it, and what it was.
pub fn frames(mut bytes: &[u8], piece: usize) -> Result<Vec<Heard>, (Vec<Heard>, String)> {
    let mut reader = Reader::new();
    let mut heard = Vec::new();
    while !bytes.is_empty() {
        let (mut now, later) = bytes.split_at(piece.clamp(1, bytes.len()));
        // A read of what is in memory does not fail; it takes what there is room for.
        let there = now.len();
        drop(reader.fill(&mut now));
        bytes = &bytes[there - now.len()..];
        debug_assert!(bytes.len() >= later.len());
        loop {
            match reader.frame() {
                Ok(Some(frame)) => {
                    heard.push((frame.kind as u8, frame.flags, frame.call, frame.payload.to_vec()));
                }
                Ok(None) => break,
                Err(garbage @ (Garbage::TooLong(_) | Garbage::UnknownKind(_))) => {
                    return Err((heard, garbage.to_string()));
                }
            }
        }
    }
    Ok(heard)
}
