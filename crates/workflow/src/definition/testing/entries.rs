//! Reads what a test says of registers: entries that were there before, and those that must be there.

use std::sync::Arc;

use super::values::{Fields, json, raw};
use super::{Section, Told, list, nothing};
use crate::definition::ledger::{no_column, no_register};
use crate::problem::Place;
use crate::register::Register;
use crate::testing::{Compared, Expected, Given, Keep, Play};

/// Of one line.
const MOST_GIVEN: u32 = 10_000;

impl Told<'_, '_, '_, '_> {
    /// `entries = [{ register = "罚单", at = "2026-03-01", with = { card = "A1" } }]`
    pub(super) fn entries(&self) -> Vec<Given> {
        let mut given = Vec::new();
        for (at, item) in list(self.own, "entries").into_iter().enumerate() {
            let Some(table) = item.get_ref().as_table() else {
                self.own.reader.wrong_type("entries", "a list of tables", item);
                continue;
            };
            let path = format!("{}[{at}]", self.own.at("entries"));
            let own = Section::of(self.own.reader, path, item.span(), table);
            let told = Told { own: &own, among: self.among };
            if !own.has("register") {
                own.missing("register");
            }
            given.extend(told.register("register").map(|(name, register)| Given {
                place: item.span(),
                register: name,
                at: told.moment("at"),
                times: own.whole("times", 1..=MOST_GIVEN).unwrap_or(1),
                values: told.values(register.as_deref()),
            }));
            own.close(&[]);
        }
        given
    }

    /// `expect_entry` with columns and a number; `expect_no_entry` is none that has them.
    pub(super) fn entry(&self, verb: &'static str) -> Option<Expected> {
        let own = self.own;
        let found = self.register(verb);
        let times = own.whole("times", 1..=1_000_000);
        let mut fields = Vec::new();
        if let Some(with) = own.section("with") {
            for (key, item) in with.entries() {
                let register = found.as_ref().and_then(|(_, register)| register.as_ref());
                if let Some(register) = register.filter(|register| !register.has_column(key.value)) {
                    with.say(no_column(register, key.value, Place::at(key.span.clone())));
                }
                let wanted = raw(json(&with, key.value, item));
                fields.push(Compared { name: key.value.into(), wanted, place: item.span() });
            }
        }
        if let Some(item) = own.get("number") {
            let wanted = raw(json(own, "number", item));
            fields.push(Compared { name: "number".into(), wanted, place: item.span() });
        }
        let times = if verb == "expect_no_entry" { Some(0) } else { times };
        found.map(|(register, _)| Expected::Entry { register, times, fields })
    }

    /// Somebody writes by hand: `append` a new entry, `amend` or `void` one, `erase` what is private in it.
    pub(super) fn keep(&self, verb: &'static str) -> Option<Play> {
        let own = self.own;
        let (found, by, refused) = (self.register(verb), self.who("by"), self.refused());
        let mut with = Fields::default();
        if verb != "append" {
            if !own.has("number") {
                own.missing("number");
            }
            for key in ["number", "why"] {
                if let Some(item) = own.get(key) {
                    with.add(key, json(own, key, item));
                }
            }
        }
        let register = found.as_ref().and_then(|(_, register)| register.as_deref());
        match verb {
            "append" => with.add("entry", self.values(register).get().to_owned()),
            "amend" => with.add("set", self.values(register).get().to_owned()),
            "erase" => {
                if let Some(item) = own.get("fields") {
                    with.add("fields", json(own, "fields", item));
                }
            }
            _ => {}
        }
        let (name, _) = found?;
        with.add("register", serde_json::Value::from(&*name).to_string());
        Some(Play::Keep { keeping: Keep { action: verb, with: with.raw() }, by, refused })
    }

    /// The register that a text names, with its declaration where that can be read.
    fn register(&self, key: &'static str) -> Option<(Arc<str>, Option<Arc<Register>>)> {
        let text = self.own.text(key)?;
        let Some(registers) = self.among.registers else { return Some((text.value.into(), None)) };
        let found = registers.register(text.value).cloned();
        if found.is_none() {
            self.own.say(no_register(registers, text.value, Place::at(text.span)));
        }
        found.map(|register| (text.value.into(), Some(register)))
    }

    fn values(&self, register: Option<&Register>) -> crate::run::event::Raw {
        let Some(with) = self.own.section("with") else { return nothing() };
        for (key, _) in with.entries() {
            if let Some(register) = register.filter(|register| register.form.field(key.value).is_none()) {
                with.say(no_column(register, key.value, Place::at(key.span)));
            }
        }
        Fields::of(&with).raw()
    }
}
