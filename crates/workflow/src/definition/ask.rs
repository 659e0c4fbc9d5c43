//! Reads whom a step asks, and how they answer.

use super::flow::Ways;
use super::section::{Section, Text};
use super::{fields, time};
use crate::expression::Template;
use crate::plan::Ask;
use crate::problem::nearest;

pub(super) fn ask(ways: &Ways<'_, '_, '_>, own: &Section<'_, '_>) -> Option<Ask> {
    let form = own.section("form").map(|form| fields::form(&form, fields::RESERVED)).unwrap_or_default();
    let due = time::moment(own, "due", &|name| ways.named(name));
    if due.is_none() && own.has("due") {
        own.reader.lose(&own.at("due"));
    }
    if let Some(item) = own.get("ask").filter(|item| item.get_ref().as_table().is_some()) {
        let problem = own.error("YZ0106", item.span()).name("key", "ask = { … }").name("where", own.name());
        own.say(problem);
        return Some(Ask { who: Vec::new(), form, due });
    }
    let names = own.texts("ask").unwrap_or_default();
    if own
        .get("ask")
        .and_then(|item| item.get_ref().as_array())
        .is_some_and(|list| list.iter().next().is_none())
    {
        own.say(own.error("YZ0186", own.key_span("ask")).name("value", "[]"));
    }
    let mut who: Vec<Template> = Vec::new();
    for name in &names {
        check_who(own, name);
        who.extend(own.reader.template(name.value, &name.span));
    }
    Some(Ask { who, form, due })
}

/// Whether a text without templates has the form of somebody; who it is, the check asks.
pub(super) fn check_who(own: &Section<'_, '_>, who: &Text<'_>) {
    if who.value.contains("{{") || who.value == "starter" {
        return;
    }
    match who.value.split_once(':') {
        Some(("person" | "group" | "role", name)) if !name.is_empty() => {}
        Some(("mail", _)) => {
            let problem =
                own.error("YZ0106", who.span.clone()).name("key", "mail:…").name("where", own.name());
            own.say(problem);
        }
        _ => {
            let problem = own.error("YZ0186", who.span.clone()).name("value", who.value);
            own.say(match meant(who.value) {
                Some(right) => problem.name("right", right),
                None => problem,
            });
        }
    }
}

/// What somebody meant who wrote `group：热线`, `grop:热线` or only `热线`.
fn meant(who: &str) -> Option<String> {
    let who = crate::problem::wide::all_narrowed(who.trim());
    match who.split_once(':') {
        Some((kind, name)) if !name.trim().is_empty() => {
            let kind = nearest(kind.trim(), ["person", "group", "role"]).or_else(|| match kind.trim() {
                "组" | "team" | "部门" | "department" => Some("group".to_owned()),
                "人" | "人员" | "user" | "people" => Some("person".to_owned()),
                "岗位" | "角色" | "职务" | "position" => Some("role".to_owned()),
                _ => None,
            })?;
            Some(format!("{kind}:{}", name.trim()))
        }
        Some(_) => None,
        None => nearest(&who, ["starter"])
            .or_else(|| (!who.is_empty() && who != "[]").then(|| format!("{}:{who}", kind_of(&who)))),
    }
}

/// Whom a bare name means: the ids of people are mostly as `li.na`.
fn kind_of(name: &str) -> &'static str {
    if name.is_ascii() && name.contains('.') { "person" } else { "group" }
}
