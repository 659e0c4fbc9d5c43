//! Words of people in a view. Each is veiled by itself, for what its author may read counts as well; until the view is whole it
//! is covered, so that the veil over the view leaves it as it is.

use yizhan_workflow::run::event::Raw;
use yizhan_workflow::run::sight::{Sight, each_text};

/// A byte of what is covered is one of the 256 characters from here on, which no script has.
const COVER: u32 = 0xF_0000;

/// What somebody said, for whoever looks.
pub(crate) fn spoken(sight: &Sight<'_>, by: &str, said: &str) -> String {
    if sight.veil().is_empty() {
        return said.to_owned();
    }
    sight.words_of(by, said).bytes().filter_map(|byte| char::from_u32(COVER + u32::from(byte))).collect()
}

/// The texts of what somebody gave.
pub(super) fn given(sight: &Sight<'_>, by: Option<&str>, values: Raw) -> Raw {
    let Some(by) = by.filter(|_| !sight.veil().is_empty()) else { return values };
    Raw::new(each_text(values.get(), |said| spoken(sight, by, said))).unwrap_or(values)
}

/// JSON with its covered words in clear.
pub(super) fn uncovered(json: String) -> String {
    let byte = |one: char| u32::from(one).checked_sub(COVER).and_then(|byte| u8::try_from(byte).ok());
    if !json.chars().any(|one| byte(one).is_some()) {
        return json;
    }
    let (mut told, mut covered) = (String::with_capacity(json.len()), Vec::new());
    let clear = |covered: &mut Vec<u8>, told: &mut String| {
        let said = serde_json::Value::from(&*String::from_utf8_lossy(covered)).to_string();
        told.push_str(&said[1..said.len() - 1]);
        covered.clear();
    };
    for one in json.chars() {
        match byte(one) {
            Some(byte) => covered.push(byte),
            None => {
                clear(&mut covered, &mut told);
                told.push(one);
            }
        }
    }
    clear(&mut covered, &mut told);
    told
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_looks_covered_and_is_not_breaks_no_view() {
        let quote = char::from_u32(COVER + u32::from(b'"')).unwrap();
        let odd = char::from_u32(COVER + 0xff).unwrap();
        let told = uncovered(format!(r#"{{"a":"{quote}b{odd}"}}"#));
        assert_eq!(serde_json::from_str::<serde_json::Value>(&told).unwrap()["a"], "\"b\u{fffd}");
    }
}
