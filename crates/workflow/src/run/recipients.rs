//! Turns `person:`, `group:` and `role:` into addresses where an action's schema says that a field holds recipients.
//!
//! It happens once, when the attempt is first rendered: who is on duty then gets the mail, and every attempt sends the
//! same bytes.

use serde_json::Value as Json;

use super::begin::failure;
use super::event::Failure;
use crate::people::Present;

/// The top-level fields of an input schema that hold recipients.
fn fields(schema: &Json) -> impl Iterator<Item = &str> {
    schema
        .get("properties")
        .and_then(Json::as_object)
        .into_iter()
        .flatten()
        .filter(|(_, field)| field.get("x-yz").and_then(Json::as_str) == Some("recipients"))
        .map(|(name, _)| name.as_str())
}

/// The input with every recipient an address. Text without such fields is given back as it is, and nobody is asked who
/// is here.
pub(super) fn prepare<'p>(
    with: String,
    schema: &Json,
    people: impl FnOnce() -> Present<'p>,
) -> Result<String, Failure> {
    if fields(schema).next().is_none() {
        return Ok(with);
    }
    let Ok(Json::Object(mut input)) = serde_json::from_str(&with) else { return Ok(with) };
    let people = people();
    for name in fields(schema) {
        let Some(given) = input.get_mut(name) else { continue };
        let written: Vec<String> = match &*given {
            Json::String(one) => vec![one.clone()],
            Json::Array(many) => many.iter().filter_map(Json::as_str).map(str::to_owned).collect(),
            Json::Null | Json::Bool(_) | Json::Number(_) | Json::Object(_) => continue,
        };
        let mut addresses: Vec<Json> = vec![];
        for who in written.iter().map(|who| who.trim()).filter(|who| !who.is_empty()) {
            let found = resolve(who, &people).ok_or_else(|| {
                failure("YZ0322", &format!("`{name}`: nobody of `{who}` has a mail address"))
            })?;
            for address in found {
                if !addresses.contains(&Json::String(address.clone())) {
                    addresses.push(Json::String(address));
                }
            }
        }
        *given = Json::Array(addresses);
    }
    Ok(Json::Object(input).to_string())
}

fn resolve(who: &str, people: &Present<'_>) -> Option<Vec<String>> {
    let named = ["person:", "group:", "role:"].iter().any(|kind| who.starts_with(kind));
    if !named {
        return Some(vec![who.to_owned()]); // An address; the plugin says what is wrong with it.
    }
    Some(people.addresses(who)).filter(|found| !found.is_empty())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::id::Millis;
    use crate::people::{People, Person, Role};

    fn house() -> People {
        let person = |mail: &str| Person { mail: Some(mail.to_owned()), ..Person::default() };
        People {
            people: BTreeMap::from([
                ("li.na".to_owned(), person("li@example.com")),
                ("wang".to_owned(), person("wang@example.com")),
            ]),
            groups: BTreeMap::from([("热线".to_owned(), vec!["li.na".to_owned(), "wang".to_owned()])]),
            roles: BTreeMap::from([("班长".to_owned(), Role::from(vec!["wang".to_owned()]))]),
            ..People::default()
        }
    }

    fn prepared(with: &str) -> Result<String, Failure> {
        let schema = serde_json::json!({ "properties": { "to": { "x-yz": "recipients" }, "text": {} } });
        let house = house();
        prepare(with.to_owned(), &schema, || house.at(Millis(0), &jiff::tz::TimeZone::UTC))
    }

    #[test]
    fn groups_and_roles_become_addresses_each_once_and_other_fields_stay() {
        let with = r#"{"to":["group:热线","role:班长","x@example.com"],"text":"group:热线"}"#;
        assert_eq!(
            prepared(with).unwrap(),
            r#"{"to":["li@example.com","wang@example.com","x@example.com"],"text":"group:热线"}"#
        );
    }

    #[test]
    fn a_name_without_an_address_is_an_error_that_says_so() {
        assert_eq!(&*prepared(r#"{"to":"group:夜班"}"#).unwrap_err().code, "YZ0322");
    }
}
