//! Runs a schema over a document while it is parsed: nothing is built but where a value must be compared.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

use crate::schema::{Additional, Mismatch, Node, Schema, kind};

/// What a run found beside the verdict.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    /// The names at places marked `x-yz: secret`.
    pub(crate) secrets: Vec<String>,
    /// Built from the inside out: the pointer grows at its front.
    mismatch: Option<Mismatch>,
}

impl Schema {
    /// Checks a text that must be one JSON document of this schema.
    pub(crate) fn check(&self, text: &str) -> Result<Findings, Mismatch> {
        let mut findings = Findings::default();
        let mut reader = serde_json::Deserializer::from_str(text);
        let seed = Check { schema: self, node: self.root, findings: &mut findings };
        let read = seed.deserialize(&mut reader).and_then(|()| reader.end());
        self.verdict(read, findings)
    }

    #[expect(clippy::unused_self, reason = "the verdict belongs to the schema")]
    fn verdict(&self, read: serde_json::Result<()>, mut findings: Findings) -> Result<Findings, Mismatch> {
        match (read, findings.mismatch.take()) {
            (Ok(()), _) => Ok(findings),
            (Err(_), Some(mismatch)) => Err(mismatch),
            (Err(error), None) => Err(Mismatch {
                pointer: String::new(),
                expected: "JSON".to_owned(),
                got: format!("something else ({error})"),
            }),
        }
    }
}

struct Check<'a> {
    schema: &'a Schema,
    node: usize,
    findings: &'a mut Findings,
}

impl<'a> Check<'a> {
    fn resolved(&self) -> &'a Node {
        let mut node = &self.schema.nodes[self.node];
        while let Some(alias) = node.alias {
            node = &self.schema.nodes[alias];
        }
        node
    }

    fn inner(&mut self, node: usize) -> Check<'_> {
        Check { schema: self.schema, node, findings: self.findings }
    }

    fn refuse<E: serde::de::Error>(&mut self, expected: impl Into<String>, got: impl Into<String>) -> E {
        self.findings.mismatch =
            Some(Mismatch { pointer: String::new(), expected: expected.into(), got: got.into() });
        E::custom("mismatch")
    }

    /// Says, on the way out, under which name the mismatch lies.
    fn beneath(&mut self, name: &str) {
        if let Some(mismatch) = &mut self.findings.mismatch {
            let name = name.replace('~', "~0").replace('/', "~1");
            mismatch.pointer.insert_str(0, &format!("/{name}"));
        }
    }

    fn kind<E: serde::de::Error>(&mut self, node: &Node, bit: u8, got: &str) -> Result<(), E> {
        match node.kinds {
            Some(kinds) if kinds & bit == 0 => Err(self.refuse(kind_names(kinds), got)),
            _ => Ok(()),
        }
    }

    fn number<E: serde::de::Error>(&mut self, node: &Node, number: f64) -> Result<(), E> {
        let limits = [
            ("at least", node.minimum, node.minimum.is_some_and(|limit| number < limit)),
            ("at most", node.maximum, node.maximum.is_some_and(|limit| number > limit)),
            ("more than", node.above, node.above.is_some_and(|limit| number <= limit)),
            ("less than", node.below, node.below.is_some_and(|limit| number >= limit)),
        ];
        match limits.into_iter().find(|(_, _, broken)| *broken) {
            Some((words, Some(limit), _)) => Err(self.refuse(format!("{words} {limit}"), "another number")),
            _ => Ok(()),
        }
    }

    fn text<E: serde::de::Error>(&mut self, node: &Node, text: &str) -> Result<(), E> {
        if node.length.least.is_some() || node.length.most.is_some() {
            let length = text.chars().count() as u64;
            if let Some(most) = node.length.most.filter(|most| length > *most) {
                return Err(self.refuse(format!("at most {most} characters"), format!("{length}")));
            }
            if let Some(least) = node.length.least.filter(|least| length < *least) {
                return Err(self.refuse(format!("at least {least} characters"), format!("{length}")));
            }
        }
        if let Some(pattern) = &node.pattern
            && !pattern.is_match(text)
        {
            return Err(self.refuse(format!("a text like {}", pattern.as_str()), "another text"));
        }
        if node.secret {
            self.findings.secrets.push(text.to_owned());
        }
        Ok(())
    }

    fn count<E: serde::de::Error>(&mut self, node: &Node, count: u64) -> Result<(), E> {
        let span = node.items_count;
        if let Some(most) = span.most.filter(|most| count > *most) {
            return Err(self.refuse(format!("at most {most} items"), format!("{count}")));
        }
        match span.least.filter(|least| count < *least) {
            Some(least) => Err(self.refuse(format!("at least {least} items"), format!("{count}"))),
            None => Ok(()),
        }
    }

    /// For places whose value must be seen whole: compared, or tried against several schemas.
    fn whole<E: serde::de::Error>(&mut self, node: &Node, value: &Value) -> Result<(), E> {
        if let Some(values) = &node.values
            && !values.contains(value)
        {
            let list = values.iter().map(Value::to_string).collect::<Vec<_>>().join(", ");
            return Err(self.refuse(format!("one of {list}"), format!("another {}", kind_of(value))));
        }
        let plain = Visit { check: self.inner(self.node), node };
        if value.deserialize_any_ref(plain).is_err() {
            return Err(E::custom("mismatch"));
        }
        self.choice(&node.one_of, value, true)?;
        self.choice(&node.any_of, value, false)
    }

    fn choice<E: serde::de::Error>(&mut self, choices: &[usize], value: &Value, one: bool) -> Result<(), E> {
        let mut fitting = 0;
        let mut nearest: Option<Mismatch> = None;
        for choice in choices {
            let mut findings = Findings::default();
            let check = Check { schema: self.schema, node: *choice, findings: &mut findings };
            if check.deserialize(value).is_ok() {
                fitting += 1;
                self.findings.secrets.append(&mut findings.secrets);
            } else if let Some(mismatch) = findings.mismatch {
                // The one that went deepest has its tag right, so its complaint is the useful one.
                let depth = |mismatch: &Mismatch| mismatch.pointer.matches('/').count();
                if nearest.as_ref().is_none_or(|before| depth(before) < depth(&mismatch)) {
                    nearest = Some(mismatch);
                }
            }
        }
        if choices.is_empty() || fitting == 1 || (fitting > 1 && !one) {
            return Ok(());
        }
        if fitting > 1 {
            return Err(self.refuse("exactly one of several forms", "a value of more than one"));
        }
        self.findings.mismatch = nearest;
        Err(E::custom("mismatch"))
    }
}

impl<'de> DeserializeSeed<'de> for Check<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(mut self, deserializer: D) -> Result<(), D::Error> {
        let node = self.resolved();
        if node.never {
            return Err(self.refuse("nothing", "a value"));
        }
        if node.values.is_some() || !node.one_of.is_empty() || !node.any_of.is_empty() {
            let value = serde::Deserialize::deserialize(deserializer)?;
            return self.whole(node, &value);
        }
        deserializer.deserialize_any(Visit { check: self, node })
    }
}

/// Lets a visitor run over a value by reference.
trait ByReference {
    fn deserialize_any_ref(&self, visitor: Visit<'_>) -> serde_json::Result<()>;
}

impl ByReference for Value {
    fn deserialize_any_ref(&self, visitor: Visit<'_>) -> serde_json::Result<()> {
        self.deserialize_any(visitor)
    }
}

/// Under this one key `serde_json` hands a number on that keeps all its digits.
const DIGITS: &str = "$serde_json::private::Number";

struct Visit<'a> {
    check: Check<'a>,
    node: &'a Node,
}

impl<'de> Visitor<'de> for Visit<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E: serde::de::Error>(mut self) -> Result<(), E> {
        self.check.kind(self.node, kind::NULL, "null")
    }

    fn visit_bool<E: serde::de::Error>(mut self, _: bool) -> Result<(), E> {
        self.check.kind(self.node, kind::BOOLEAN, "a boolean")
    }

    fn visit_i64<E: serde::de::Error>(mut self, number: i64) -> Result<(), E> {
        self.check.kind(self.node, kind::INTEGER | kind::NUMBER, "a number")?;
        self.check.number(self.node, number as f64)
    }

    fn visit_u64<E: serde::de::Error>(mut self, number: u64) -> Result<(), E> {
        self.check.kind(self.node, kind::INTEGER | kind::NUMBER, "a number")?;
        self.check.number(self.node, number as f64)
    }

    fn visit_f64<E: serde::de::Error>(mut self, number: f64) -> Result<(), E> {
        // 2.0 is an integer in JSON Schema.
        let bits = if number.fract() == 0.0 { kind::INTEGER | kind::NUMBER } else { kind::NUMBER };
        self.check.kind(self.node, bits, "a fractional number")?;
        self.check.number(self.node, number)
    }

    fn visit_str<E: serde::de::Error>(mut self, text: &str) -> Result<(), E> {
        self.check.kind(self.node, kind::STRING, "a text")?;
        self.check.text(self.node, text)
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut list: A) -> Result<(), A::Error> {
        self.check.kind(self.node, kind::ARRAY, "a list")?;
        let mut index = 0u64;
        loop {
            let more = match self.node.items {
                Some(items) => list.next_element_seed(self.check.inner(items)).map(|item| item.is_some()),
                None => list.next_element::<IgnoredAny>().map(|item| item.is_some()),
            };
            match more {
                Ok(true) => index += 1,
                Ok(false) => return self.check.count(self.node, index),
                Err(error) => {
                    self.check.beneath(&index.to_string());
                    return Err(error);
                }
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut object: A) -> Result<(), A::Error> {
        let mut next = object.next_key()?;
        if let Some(Name(name)) = &next
            && *name == DIGITS
        {
            let digits: String = object.next_value()?;
            return self.visit_f64(digits.parse().map_err(serde::de::Error::custom)?);
        }
        self.check.kind(self.node, kind::OBJECT, "an object")?;
        let node = self.node;
        // A bit for each required name; `compile` sees to it that they fit.
        let mut missing = u64::MAX.checked_shr(64 - node.required.len() as u32).unwrap_or(0);
        while let Some(Name(name)) = next {
            if let Some(at) = node.required.iter().position(|required| **required == *name) {
                missing &= !(1 << at);
            }
            let inner = match (node.properties.get(&*name), node.additional) {
                (Some(property), _) => Some(*property),
                (None, Additional::Free) => None,
                (None, Additional::Like(node)) => Some(node),
                (None, Additional::Refused) => {
                    let known = node.properties.keys().map(|known| &**known).collect::<Vec<_>>();
                    return Err(self.check.refuse(known_names(known), format!("the unknown `{name}`")));
                }
            };
            let value = match inner {
                Some(inner) => object.next_value_seed(self.check.inner(inner)),
                None => object.next_value::<IgnoredAny>().map(|_| ()),
            };
            if let Err(error) = value {
                self.check.beneath(&name);
                return Err(error);
            }
            next = object.next_key()?;
        }
        match node.required.get(missing.trailing_zeros() as usize) {
            Some(name) => Err(self.check.refuse(format!("`{name}`"), "an object without it")),
            None => Ok(()),
        }
    }
}

/// A property's name, borrowed from the text wherever it has no escapes.
struct Name<'de>(Cow<'de, str>);

impl<'de> serde::Deserialize<'de> for Name<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Borrow;
        impl<'de> Visitor<'de> for Borrow {
            type Value = Name<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a name")
            }

            fn visit_borrowed_str<E>(self, name: &'de str) -> Result<Name<'de>, E> {
                Ok(Name(Cow::Borrowed(name)))
            }

            fn visit_str<E>(self, name: &str) -> Result<Name<'de>, E> {
                Ok(Name(Cow::Owned(name.to_owned())))
            }
        }
        deserializer.deserialize_str(Borrow)
    }
}

fn known_names(mut names: Vec<&str>) -> String {
    names.sort_unstable();
    match names.as_slice() {
        [] => "no properties".to_owned(),
        names => format!("only {}", names.join(", ")),
    }
}

fn kind_names(kinds: u8) -> String {
    let names: Vec<&str> =
        kind::NAMES.iter().filter(|(_, bit)| kinds & bit != 0).map(|(name, _)| *name).collect();
    names.join(" or ")
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "text",
        Value::Array(_) => "list",
        Value::Object(_) => "object",
    }
}
