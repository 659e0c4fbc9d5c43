//! A JSON object of which only the fields are read that are named.
//!
//! Most expressions name one field of an output that may have many. The first few are looked up in the text; who names
//! more, or lists them all, gets the whole parsed once.

use std::fmt;
use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use minijinja::Value;
use minijinja::value::{Enumerator, Object, ObjectRepr};

use super::{empty, json, value_of_json};

/// Looking a field up passes over the whole text, so it pays for so many.
const LOOKED_UP_MOST: u32 = 3;

/// `text` gives JSON that we wrote ourselves, or that the border has checked; anything else reads as empty.
#[must_use]
pub fn value_of_text<T: AsRef<str> + fmt::Debug + Send + Sync + 'static>(text: T) -> Value {
    if !text.as_ref().starts_with('{') {
        return value_of_json(text.as_ref());
    }
    Value::from_object(Fields { text, looked_up: AtomicU32::new(0), whole: OnceLock::new() })
}

struct Fields<T> {
    text: T,
    looked_up: AtomicU32,
    /// `None`: it cannot be read as a whole, though single fields of it may be.
    whole: OnceLock<Option<Value>>,
}

impl<T: fmt::Debug> fmt::Debug for Fields<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.text, f)
    }
}

impl<T: AsRef<str>> Fields<T> {
    fn whole(&self) -> Option<&Value> {
        self.whole.get_or_init(|| json::value(self.text.as_ref())).as_ref()
    }

    fn named(&self, name: &str) -> Option<Value> {
        let known = self.whole.get().is_some();
        if !known && self.looked_up.fetch_add(1, Ordering::Relaxed) < LOOKED_UP_MOST {
            return self.look_up(name);
        }
        match self.whole() {
            Some(whole) => whole.get_attr(name).ok().filter(|value| !value.is_undefined()),
            // A number beyond all bounds in another field: the hundredth look gives what the first gave.
            None => self.look_up(name),
        }
    }

    fn look_up(&self, name: &str) -> Option<Value> {
        // What cannot be read is empty.
        json::field(self.text.as_ref(), name).unwrap_or_else(|| Some(empty()))
    }
}

impl<T: AsRef<str> + fmt::Debug + Send + Sync + 'static> Object for Fields<T> {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Map
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.named(key.as_str()?)
    }

    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Value> {
        self.named(key)
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        match self.whole().and_then(|whole| whole.try_iter().ok()) {
            Some(keys) => Enumerator::Values(keys.collect()),
            None => Enumerator::Empty,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expression::{Expression, json_of_value};

    const TEXT: &str = r#"{"a":1,"b":{"c":[1,2]},"naïve \"x\"":true,"nothing":null,"a":2}"#;

    fn both(text: &str) -> [Value; 2] {
        [value_of_text(text.to_owned()), value_of_json(text)]
    }

    #[test]
    fn a_field_that_is_looked_up_is_the_one_that_the_whole_has() {
        for name in ["a", "b", "naïve \"x\"", "nothing", "absent", ""] {
            let [few, whole] = both(TEXT);
            assert_eq!(few.get_attr(name).unwrap(), whole.get_attr(name).unwrap(), "{name}");
            assert_eq!(
                few.get_attr(name).unwrap().is_undefined(),
                whole.get_attr(name).unwrap().is_undefined(),
                "{name}"
            );
        }
    }

    #[test]
    fn the_hundredth_look_gives_what_the_first_gave() {
        let [few, _] = both(TEXT);
        for _ in 0..100 {
            assert_eq!(few.get_attr("a").unwrap(), Value::from(2));
            assert!(few.get_attr("absent").unwrap().is_undefined());
        }
    }

    /// Such text passes the border where no schema looks at the field.
    #[test]
    fn a_field_that_cannot_be_read_takes_the_others_with_it_neither_at_first_nor_later() {
        let deep = format!("{}{}", "[".repeat(300), "]".repeat(300));
        for other in ["1e999", "\"\\ud800\"", &deep] {
            let value = value_of_text(format!(r#"{{"a":1,"other":{other},"b":2}}"#));
            let looks: Vec<_> = (0..10).map(|_| json_of_value(&value.get_attr("b").unwrap())).collect();
            assert!(looks.iter().all(|look| *look == looks[0]), "{other}: {looks:?}");
        }
    }

    #[test]
    fn expressions_cannot_tell_it_from_a_map_that_was_parsed() {
        let texts = [TEXT, "{}", "[1,2]", "null", "\"text\"", "7"];
        let expressions = [
            "v",
            "v is mapping",
            "v|length",
            "v == v",
            "'a' in v",
            "v|list",
            "v.b.c[0]",
            "v['a']",
            "v|string",
        ];
        for (text, expression) in texts.iter().flat_map(|text| expressions.map(|e| (*text, e))) {
            let expression = Expression::parse(expression).unwrap();
            let [few, whole] = both(text).map(|v| {
                let scope: Value =
                    [("v", v)].into_iter().collect::<std::collections::BTreeMap<_, _>>().into();
                expression.value(&scope).map(|value| json_of_value(&value)).map_err(|error| error.message)
            });
            assert_eq!(few, whole, "{text}: {}", expression.source());
        }
    }
}
