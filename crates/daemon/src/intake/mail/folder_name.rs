//! How IMAP writes the names of folders: what is not ASCII in a base 64 of its own (RFC 3501, 5.1.3).

use base64::Engine as _;
use base64::alphabet::IMAP_MUTF7;
use base64::engine::general_purpose::{GeneralPurpose, NO_PAD};

/// `Orders/2026` stays what it is, `处理失败` becomes `&WQR0BlkxjSU-`.
pub(super) fn on_the_wire(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    let mut other = Vec::new();
    for sign in name.chars() {
        if !matches!(sign, ' '..='~') {
            other.extend(sign.encode_utf16(&mut [0; 2]).iter().flat_map(|unit| unit.to_be_bytes()));
            continue;
        }
        end(&mut out, &mut other);
        out.push(sign);
        if sign == '&' {
            out.push('-');
        }
    }
    end(&mut out, &mut other);
    out
}

fn end(out: &mut String, other: &mut Vec<u8>) {
    if !other.is_empty() {
        out.push('&');
        out.push_str(&GeneralPurpose::new(&IMAP_MUTF7, NO_PAD).encode(&other));
        out.push('-');
        other.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::on_the_wire;

    #[test]
    fn a_folder_may_have_a_chinese_name() {
        // The first is RFC 3501's own example.
        assert_eq!(on_the_wire("~peter/mail/台北/日本語"), "~peter/mail/&U,BTFw-/&ZeVnLIqe-");
        assert_eq!(on_the_wire("Orders/2026"), "Orders/2026");
        assert_eq!(on_the_wire("R&D"), "R&-D");
        // A sign beyond the first plane is two units.
        assert_eq!(on_the_wire("📮"), "&2D3c7g-");
    }
}
