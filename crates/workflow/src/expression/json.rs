//! Reads JSON into values with every digit of its numbers, and single fields without reading the rest.
//!
//! The usual reader makes floats of what has a point, and `1.10` or a number of twenty digits would not come out as it
//! went in.

use std::borrow::Cow;

use minijinja::Value;

use super::number::number_of_text;

/// As deep as the reader of the border goes.
const DEEPEST: usize = 128;

/// `None`: it is no JSON.
pub(super) fn value(text: &str) -> Option<Value> {
    let mut reader = Reader { text, at: 0 };
    let value = reader.value(0)?;
    reader.is_over().then_some(value)
}

/// One field of an object, the last of that name. The outer `None`: the text is no object.
#[expect(clippy::option_option, reason = "a field that is absent is not a text that cannot be read")]
pub(super) fn field(text: &str, name: &str) -> Option<Option<Value>> {
    let mut reader = Reader { text, at: 0 };
    let mut found = None;
    reader.members(0, &mut |reader, key| {
        if *key == *name {
            found = Some(reader.value(1)?);
            return Some(());
        }
        reader.skip(1)
    })?;
    reader.is_over().then_some(found)
}

struct Reader<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Reader<'t> {
    fn next(&mut self) -> Option<u8> {
        let bytes = self.text.as_bytes();
        while let Some(b' ' | b'\n' | b'\t' | b'\r') = bytes.get(self.at) {
            self.at += 1;
        }
        bytes.get(self.at).copied()
    }

    fn is_over(&mut self) -> bool {
        self.next().is_none()
    }

    fn eat(&mut self, sign: u8) -> Option<()> {
        (self.next()? == sign).then(|| self.at += 1)
    }

    fn word<T>(&mut self, word: &str, value: T) -> Option<T> {
        self.text[self.at..].starts_with(word).then(|| self.at += word.len())?;
        Some(value)
    }

    fn value(&mut self, depth: usize) -> Option<Value> {
        match self.next()? {
            b'"' => self.string().map(|text| Value::from(&*text)),
            b'{' => {
                let mut pairs: Vec<(Value, Value)> = Vec::new();
                self.members(depth, &mut |reader, key| {
                    pairs.push((Value::from(&**key), reader.value(depth + 1)?));
                    Some(())
                })?;
                Some(Value::from_pairs(pairs))
            }
            b'[' => {
                let mut items: Vec<Value> = Vec::new();
                self.items(depth, &mut |reader| {
                    items.push(reader.value(depth + 1)?);
                    Some(())
                })?;
                Some(Value::from(items))
            }
            b't' => self.word("true", Value::from(true)),
            b'f' => self.word("false", Value::from(false)),
            b'n' => self.word("null", Value::from(())),
            _ => number_of_text(self.number()?),
        }
    }

    /// Steps over a value.
    fn skip(&mut self, depth: usize) -> Option<()> {
        match self.next()? {
            b'"' => self.raw_string().map(drop),
            b'{' => self.members(depth, &mut |reader, _| reader.skip(depth + 1)),
            b'[' => self.items(depth, &mut |reader| reader.skip(depth + 1)),
            b't' => self.word("true", ()),
            b'f' => self.word("false", ()),
            b'n' => self.word("null", ()),
            _ => self.number().map(drop),
        }
    }

    fn members(
        &mut self,
        depth: usize,
        take: &mut dyn FnMut(&mut Self, &Cow<'t, str>) -> Option<()>,
    ) -> Option<()> {
        self.eat(b'{')?;
        if depth >= DEEPEST {
            return None;
        }
        if self.next()? == b'}' {
            return self.eat(b'}');
        }
        loop {
            self.next()?;
            let key = self.string()?;
            self.eat(b':')?;
            take(self, &key)?;
            match self.next()? {
                b',' => self.at += 1,
                _ => return self.eat(b'}'),
            }
        }
    }

    fn items(&mut self, depth: usize, take: &mut dyn FnMut(&mut Self) -> Option<()>) -> Option<()> {
        self.eat(b'[')?;
        if depth >= DEEPEST {
            return None;
        }
        if self.next()? == b']' {
            return self.eat(b']');
        }
        loop {
            take(self)?;
            match self.next()? {
                b',' => self.at += 1,
                _ => return self.eat(b']'),
            }
        }
    }

    /// Up to the quote that ends it, quotes included, and whether a sign in it is escaped.
    fn raw_string(&mut self) -> Option<(&'t str, bool)> {
        let bytes = self.text.as_bytes();
        let start = self.at;
        if bytes.get(start) != Some(&b'"') {
            return None;
        }
        let (mut at, mut escaped) = (start + 1, false);
        loop {
            match *bytes.get(at)? {
                b'"' => break,
                b'\\' => {
                    escaped = true;
                    at += 2;
                }
                0..=0x1f => return None,
                _ => at += 1,
            }
        }
        self.at = at + 1;
        Some((self.text.get(start..=at)?, escaped))
    }

    fn string(&mut self) -> Option<Cow<'t, str>> {
        let (raw, escaped) = self.raw_string()?;
        if escaped {
            return serde_json::from_str(raw).ok().map(Cow::Owned);
        }
        Some(Cow::Borrowed(&raw[1..raw.len() - 1]))
    }

    fn number(&mut self) -> Option<&'t str> {
        let rest = &self.text[self.at..];
        let end =
            rest.bytes().position(|byte| !matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E'));
        let number = &rest[..end.unwrap_or(rest.len())];
        let digits = number.strip_prefix('-').unwrap_or(number).as_bytes();
        // JSON has no zeros in front; the rest of its grammar is checked where the number is made.
        if let [b'0', b'0'..=b'9', ..] = digits {
            return None;
        }
        digits.first().is_some_and(u8::is_ascii_digit).then(|| self.at += number.len())?;
        Some(number)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::expression::json_of_value;

    #[test]
    fn every_digit_comes_out_as_it_went_in() {
        for text in [
            "0",
            "-0",
            "7",
            "-12",
            "9007199254740993",
            "18446744073709551616",
            "1.10",
            "0.10",
            "-0.50",
            "1e3",
            "1.5E+2",
            "123456789012345678901234567890123456789012345678901234567890",
            "0.1234567890123456789012345678901234567890",
            "[1.0,2.50,{\"a\":100.00}]",
            "79228162514264337593543950335",
            "1e400",
        ] {
            assert_eq!(json_of_value(&value(text).unwrap()), text);
        }
    }

    #[test]
    fn what_is_no_json_is_not_read() {
        for text in [
            "",
            " ",
            "{",
            "[1,]",
            "{\"a\":}",
            "{\"a\" 1}",
            "{a:1}",
            "01",
            "1.",
            ".5",
            "1e",
            "+1",
            "--1",
            "1 2",
            "nul",
            "\"a",
            "\"\\x\"",
            "\"a\nb\"",
            "[1}",
            "1-2",
            "\u{feff}1",
            "{\"a\":1,}",
            "\"\\ud800\"",
        ] {
            assert!(value(text).is_none(), "{text}");
            assert!(serde_json::from_str::<serde_json::Value>(text).is_err(), "{text}");
        }
        assert!(value(&"[".repeat(100_000)).is_none());
    }

    fn any_json() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            Just(serde_json::Value::Null),
            any::<bool>().prop_map(Into::into),
            any::<i64>().prop_map(Into::into),
            any::<u64>().prop_map(Into::into),
            ".*".prop_map(Into::into),
        ];
        leaf.prop_recursive(4, 32, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Into::into),
                prop::collection::btree_map(".{0,6}", inner, 0..6)
                    .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn it_reads_what_the_usual_reader_reads(json in any_json(), pretty in any::<bool>()) {
            let text = if pretty { serde_json::to_string_pretty(&json) } else { serde_json::to_string(&json) }.unwrap();
            let read = value(&text).unwrap();
            prop_assert_eq!(serde_json::from_str::<serde_json::Value>(&json_of_value(&read)).unwrap(), json.clone());
            if let Some(map) = json.as_object() {
                for (key, one) in map {
                    let found = field(&text, key).unwrap().unwrap();
                    prop_assert_eq!(serde_json::from_str::<serde_json::Value>(&json_of_value(&found)).unwrap(), one.clone());
                }
                prop_assert!(field(&text, "a name that is not there").unwrap().is_none());
            }
        }

        #[test]
        fn it_takes_nothing_that_the_usual_reader_refuses(text in "[\\[\\]{},:\"0-9eE+.a \\\\-]{0,12}") {
            let usual = serde_json::from_str::<serde_json::Value>(&text).is_ok();
            let ours = value(&text).is_some();
            // A number that is too large for a float is one all the same.
            prop_assert!(usual == ours || ours && text.contains(['e', 'E']), "{}: {} {}", text, usual, ours);
        }
    }
}
