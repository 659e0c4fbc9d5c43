//! The list of an `each`, kept as it came: an element is read without reading those before it.

use std::sync::{Arc, OnceLock};

use minijinja::Value;
use minijinja::value::ValueKind;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

use super::ITEMS_MAX;
use super::event::Raw;
use crate::expression::{ExpressionError, Template, is_empty, json_of_value};

type Places = Box<[(usize, usize)]>;

#[derive(Clone, Debug)]
pub struct List {
    raw: Raw,
    /// Where each element stands in the text, found when the first one is wanted.
    places: Arc<OnceLock<Places>>,
}

impl List {
    #[must_use]
    pub fn new(raw: Raw) -> Self {
        Self { raw, places: Arc::new(OnceLock::new()) }
    }

    #[must_use]
    pub fn raw(&self) -> &Raw {
        &self.raw
    }

    /// The JSON of one element.
    #[must_use]
    pub fn element(&self, at: u32) -> Option<&str> {
        let text = self.raw.get();
        let places = self.places.get_or_init(|| {
            let elements: Vec<&RawValue> = serde_json::from_str(text).unwrap_or_default();
            let start = text.as_ptr() as usize;
            // The elements are borrowed from the text, so their addresses say where they stand in it.
            let place = |element: &&RawValue| {
                let from = (element.get().as_ptr() as usize).saturating_sub(start);
                (from, from + element.get().len())
            };
            elements.iter().map(place).collect()
        });
        let (from, to) = *places.get(at as usize)?;
        text.get(from..to)
    }
}

/// What an `each` is worked out to, and how many elements that has; nothing at all is an empty list.
///
/// # Errors
/// When it cannot be worked out, is no list or has too many elements.
pub fn worked_out(each: &Template, scope: &Value) -> Result<(Raw, usize), ExpressionError> {
    let value = each.value(scope)?;
    let refused = |code: &str, why: &str| ExpressionError::new(code, format!("`{}`: {why}", each.source()));
    if value.is_undefined() || is_empty(&value) {
        return Ok((Raw::from(&serde_json::Value::Array(vec![])), 0));
    }
    let no_list = || refused("YZ0311", "`each` needs a list");
    // What is counted out, `range(1, 4)`, becomes one.
    let value = if value.kind() == ValueKind::Iterable {
        let items = value.try_iter().map_err(|_| no_list())?;
        items.take(ITEMS_MAX.saturating_add(1)).collect()
    } else {
        value
    };
    if value.kind() != ValueKind::Seq {
        return Err(no_list());
    }
    let length = value.len().ok_or_else(no_list)?;
    if length > ITEMS_MAX {
        return Err(refused("YZ0312", &format!("`each` has more than {ITEMS_MAX} items")));
    }
    let raw = Raw::new(json_of_value(&value)).ok_or_else(no_list)?;
    Ok((raw, length))
}

impl PartialEq for List {
    fn eq(&self, other: &Self) -> bool {
        self.raw == other.raw
    }
}

impl Serialize for List {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        self.raw.serialize(to)
    }
}

impl<'de> Deserialize<'de> for List {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Raw::deserialize(from).map(Self::new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_counted_out_is_a_list_too() {
        let list = |each: &str| worked_out(&Template::parse(each).unwrap(), &Value::from(()));
        assert_eq!(
            list("{{ range(1, 4) }}").map(|(raw, many)| (raw.get().to_owned(), many)),
            Ok(("[1,2,3]".to_owned(), 3))
        );
        assert_eq!(list("{{ range(0) }}").unwrap().1, 0);
        assert_eq!(list("{{ 'ab' }}").unwrap_err().code.as_ref(), "YZ0311");
        // How many there would be is not counted to the end.
        let many = list("{{ range(100000) | chain([1], range(100000)) }}").unwrap_err();
        assert_eq!(many.code.as_ref(), "YZ0312");
        assert!(many.message.ends_with("`each` has more than 100000 items"), "{}", many.message);
    }

    #[test]
    fn an_element_is_found_by_its_place_whatever_stands_before_it() {
        let list = List::new(Raw::new(r#"[ {"a":[1,2]}, "x,]" ,null, 3.50]"#.to_owned()).unwrap());
        assert_eq!(list.element(0), Some(r#"{"a":[1,2]}"#));
        assert_eq!(list.element(1), Some(r#""x,]""#));
        assert_eq!(list.element(2), Some("null"));
        assert_eq!(list.element(3), Some("3.50"));
        assert_eq!(list.element(4), None);
    }
}
