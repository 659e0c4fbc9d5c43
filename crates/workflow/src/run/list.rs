//! The list of an `each`, kept as it came: an element is read without reading those before it.

use std::sync::{Arc, OnceLock};

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

use super::event::Raw;

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
    fn an_element_is_found_by_its_place_whatever_stands_before_it() {
        let list = List::new(Raw::new(r#"[ {"a":[1,2]}, "x,]" ,null, 3.50]"#.to_owned()).unwrap());
        assert_eq!(list.element(0), Some(r#"{"a":[1,2]}"#));
        assert_eq!(list.element(1), Some(r#""x,]""#));
        assert_eq!(list.element(2), Some("null"));
        assert_eq!(list.element(3), Some("3.50"));
        assert_eq!(list.element(4), None);
    }
}
