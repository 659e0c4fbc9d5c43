//! Writes the context document of a call by hand: it is made for every call, and a serializer costs thrice as much.

use std::io::Write as _;
use std::time::Duration;

use yizhan_engine::carrier::Call;

/// What plugins may log at; the host drops what its own filter does not want.
const LEVEL: &str = "info";

pub(crate) fn write(out: &mut Vec<u8>, call: &Call, timeout: Duration) {
    out.extend_from_slice(b"{\"key\":");
    text(out, &call.key);
    out.extend_from_slice(b",\"run\":");
    text(out, &call.run);
    out.extend_from_slice(b",\"workflow\":");
    text(out, &call.workflow);
    out.extend_from_slice(b",\"step\":");
    text(out, &call.step);
    let deadline = call.now_ms.saturating_add(millis(timeout));
    // Writing to memory does not fail.
    drop(write!(
        out,
        ",\"round\":{},\"item\":{},\"attempt\":{},\"now\":{},\"deadline\":{deadline},\"level\":\"{LEVEL}\"}}",
        call.round, call.item, call.attempt, call.now_ms
    ));
}

fn millis(span: Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX)
}

/// A JSON string. Names seldom need escapes, so the plain bytes go out at once.
pub(crate) fn text(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    let plain = |byte: &u8| *byte >= 0x20 && *byte != b'"' && *byte != b'\\';
    if text.as_bytes().iter().all(plain) {
        out.extend_from_slice(text.as_bytes());
    } else {
        for byte in text.bytes() {
            match byte {
                b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
                0..0x20 => drop(write!(out, "\\u{byte:04x}")),
                _ => out.push(byte),
            }
        }
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_text_comes_back_as_it_was() {
        for given in ["plain", "步骤", "quote \" slash \\ tab \t null \0 bell \u{7} emoji 🚉", ""] {
            let mut out = Vec::new();
            text(&mut out, given);
            assert_eq!(serde_json::from_slice::<String>(&out).unwrap(), given);
        }
    }
}
