//! The frames between the daemon and a child: sixteen bytes of header, then a JSON document.

use std::io::{ErrorKind, Read};
use std::time::Duration;

use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;
use yizhan_engine::carrier::Call;
use yizhan_plugin_api::abi::{YZ_ABI_MAJOR, YZ_ABI_MINOR, YZ_DOCUMENT_MAX};

use crate::call_context;

pub(crate) const HEADER: usize = 16;
const MAGIC: &str = "YZPLUGIN";
/// A document and what a frame puts around it.
pub(crate) const PAYLOAD_MAX: usize = YZ_DOCUMENT_MAX + (1 << 20);
/// How much is read at once, so that a busy connection costs few system calls.
pub(crate) const READ_SIZE: usize = 256 << 10;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Kind {
    Hello = 1,
    Describe = 2,
    Create = 3,
    Start = 4,
    Complete = 5,
    Cancel = 6,
    Emit = 7,
    Request = 8,
    Reply = 9,
    Ping = 10,
    Pong = 11,
    Quiesce = 12,
    Bye = 13,
}

impl Kind {
    fn of(byte: u8) -> Option<Self> {
        Some(match byte {
            1 => Self::Hello,
            2 => Self::Describe,
            3 => Self::Create,
            4 => Self::Start,
            5 => Self::Complete,
            6 => Self::Cancel,
            7 => Self::Emit,
            8 => Self::Request,
            9 => Self::Reply,
            10 => Self::Ping,
            11 => Self::Pong,
            12 => Self::Quiesce,
            13 => Self::Bye,
            _ => return None,
        })
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Frame<'a> {
    pub(crate) kind: Kind,
    /// The status of complete, create, describe and reply; the kind of emit; the reason of cancel.
    pub(crate) flags: u8,
    /// The call, or of a reply the request.
    pub(crate) call: u64,
    pub(crate) payload: &'a [u8],
}

impl Frame<'_> {
    /// A status is small and signed.
    pub(crate) fn status(&self) -> i32 {
        i32::from(self.flags.cast_signed())
    }
}

/// A status as a frame carries it; what does not fit is a bad document.
pub(crate) fn status_flags(status: i32) -> u8 {
    i8::try_from(status).unwrap_or(-3).cast_unsigned()
}

/// Begins a frame whose payload the caller appends; `end` fills its length in.
pub(crate) fn begin(out: &mut Vec<u8>, kind: Kind, flags: u8, call: u64) -> usize {
    let at = out.len();
    out.extend_from_slice(&[0, 0, 0, 0, kind as u8, flags, 0, 0]);
    out.extend_from_slice(&call.to_le_bytes());
    at
}

pub(crate) fn end(out: &mut [u8], at: usize) {
    let length = out.len() - at - HEADER;
    // Callers bound their documents far below 4 GiB; a longer one would be refused by the reader.
    let length = u32::try_from(length).unwrap_or(u32::MAX);
    out[at..at + 4].copy_from_slice(&length.to_le_bytes());
}

pub(crate) fn put(out: &mut Vec<u8>, kind: Kind, flags: u8, call: u64, payload: &[u8]) {
    let at = begin(out, kind, flags, call);
    out.extend_from_slice(payload);
    end(out, at);
}

/// A call, as the child reads it as a `Start`.
pub(crate) fn put_start(out: &mut Vec<u8>, call: &Call, timeout: Duration) {
    let at = begin(out, Kind::Start, 0, call.id);
    out.extend_from_slice(b"{\"action\":");
    call_context::text(out, &call.action);
    out.extend_from_slice(b",\"ctx\":");
    call_context::write(out, call, timeout);
    out.extend_from_slice(b",\"input\":");
    out.extend_from_slice(call.input.as_bytes());
    out.push(b'}');
    end(out, at);
}

#[derive(Deserialize)]
pub(crate) struct Start<'a> {
    pub(crate) action: &'a str,
    #[serde(borrow)]
    pub(crate) ctx: &'a RawValue,
    #[serde(borrow)]
    pub(crate) input: &'a RawValue,
}

/// The first frame of both sides.
#[derive(Deserialize)]
struct Hello<'a> {
    magic: &'a str,
    abi: Abi,
}

#[derive(Deserialize)]
struct Abi {
    major: u16,
}

pub(crate) fn hello(out: &mut Vec<u8>) {
    let hello =
        json!({ "magic": MAGIC, "abi": { "major": YZ_ABI_MAJOR, "minor": YZ_ABI_MINOR }, "features": 0 });
    put(out, Kind::Hello, 0, 0, hello.to_string().as_bytes());
}

/// Whether the other side speaks as we do; else what it said.
pub(crate) fn is_hello(payload: &[u8]) -> Result<(), String> {
    let hello: Hello<'_> =
        serde_json::from_slice(payload).map_err(|error| format!("its hello is none: {error}"))?;
    if hello.magic == MAGIC && hello.abi.major == YZ_ABI_MAJOR {
        Ok(())
    } else {
        Err(format!("its hello is of ABI {}", hello.abi.major))
    }
}

/// What the other side sent that is no frame.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Garbage {
    #[error("a frame of {0} bytes was announced")]
    TooLong(u32),
    #[error("a frame of the unknown type {0} was sent")]
    UnknownKind(u8),
}

/// Collects what is read and gives out whole frames.
pub(crate) struct Reader {
    buffer: Vec<u8>,
    /// Where the next frame begins, and where what was read ends.
    next: usize,
    filled: usize,
}

impl Reader {
    pub(crate) fn new() -> Self {
        Self { buffer: vec![0; READ_SIZE], next: 0, filled: 0 }
    }

    /// Takes what is there to read, waiting for it. `false`: the other side has ended.
    pub(crate) fn fill(&mut self, from: &mut impl Read) -> std::io::Result<bool> {
        loop {
            match from.read(self.room()) {
                Ok(more) => {
                    self.filled += more;
                    return Ok(more > 0);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Room for the next read; what is left of the last one moves to the front.
    fn room(&mut self) -> &mut [u8] {
        if self.next > 0 {
            self.buffer.copy_within(self.next..self.filled, 0);
            self.filled -= self.next;
            self.next = 0;
        }
        if self.buffer.len() - self.filled < READ_SIZE / 2 {
            self.buffer.resize(self.buffer.len() + READ_SIZE, 0);
        } else if self.filled == 0 && self.buffer.len() > 4 * READ_SIZE {
            // One large frame must not keep its memory for ever.
            self.buffer = vec![0; READ_SIZE];
        }
        &mut self.buffer[self.filled..]
    }

    /// The next whole frame, if one is there.
    pub(crate) fn frame(&mut self) -> Result<Option<Frame<'_>>, Garbage> {
        let bytes = &self.buffer[self.next..self.filled];
        let Some(header) = bytes.first_chunk::<HEADER>() else { return Ok(None) };
        let [l0, l1, l2, l3, kind, flags, _, _, call @ ..] = *header;
        let length = u32::from_le_bytes([l0, l1, l2, l3]);
        let known = Kind::of(kind).ok_or(Garbage::UnknownKind(kind))?;
        let payload = usize::try_from(length).ok().filter(|length| *length <= PAYLOAD_MAX);
        let end = HEADER + payload.ok_or(Garbage::TooLong(length))?;
        if bytes.len() < end {
            return Ok(None);
        }
        let frame =
            Frame { kind: known, flags, call: u64::from_le_bytes(call), payload: &bytes[HEADER..end] };
        self.next += end;
        Ok(Some(frame))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn feed(reader: &mut Reader, mut bytes: &[u8]) {
        assert!(reader.fill(&mut bytes).unwrap());
    }

    #[test]
    fn frames_come_out_whole_however_they_arrive() {
        let mut bytes = Vec::new();
        put(&mut bytes, Kind::Start, 0, 7, b"{\"a\":1}");
        put(&mut bytes, Kind::Complete, status_flags(-2), u64::MAX, b"");
        for piece in 1..=bytes.len() {
            let mut reader = Reader::new();
            let mut seen = Vec::new();
            for part in bytes.chunks(piece) {
                feed(&mut reader, part);
                while let Some(frame) = reader.frame().unwrap() {
                    seen.push((frame.kind, frame.status(), frame.call, frame.payload.to_vec()));
                }
            }
            let expected =
                vec![(Kind::Start, 0, 7, b"{\"a\":1}".to_vec()), (Kind::Complete, -2, u64::MAX, Vec::new())];
            assert_eq!(seen, expected, "in pieces of {piece}");
        }
    }

    #[test]
    fn garbage_is_told_before_memory_is_taken_for_it() {
        let mut reader = Reader::new();
        feed(&mut reader, &[0xff, 0xff, 0xff, 0xff, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(reader.frame(), Err(Garbage::TooLong(u32::MAX)));
        let mut reader = Reader::new();
        feed(&mut reader, b"hello, world, this is text");
        assert_eq!(reader.frame(), Err(Garbage::UnknownKind(b'o')));
    }
}
