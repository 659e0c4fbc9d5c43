//! The house that files are checked in: that of the corpus of workflow files.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use yizhan_workflow::calendar::Calendars;
use yizhan_workflow::catalogue::Catalogue;
use yizhan_workflow::definition::{House, Neighbours};
use yizhan_workflow::people::People;
use yizhan_workflow::register::Registers;

const PEOPLE: &str = include_str!("../../../crates/workflow/tests/corpus/house/people.toml");
const PLUGINS: &str = include_str!("../../../crates/workflow/tests/corpus/house/plugins.json");
const REGISTERS: &str = include_str!("../../../crates/workflow/tests/corpus/house/registers.toml");

static ALL: LazyLock<All> = LazyLock::new(All::read);

struct All {
    catalogue: Catalogue,
    people: People,
    registers: Registers,
    calendars: Calendars,
}

impl All {
    fn read() -> Self {
        let mut catalogue = Catalogue::built_in();
        let plugins: BTreeMap<String, serde_json::Value> = serde_json::from_str(PLUGINS).unwrap_or_default();
        for (plugin, describe) in plugins {
            drop(catalogue.add(&plugin, &describe.to_string()));
        }
        Self {
            catalogue,
            people: People::read(PEOPLE).unwrap_or_default(),
            registers: Registers::read(REGISTERS).unwrap_or_default(),
            calendars: Calendars::built_in(&jiff::tz::TimeZone::UTC),
        }
    }
}

pub(crate) fn registers() -> &'static Registers {
    &ALL.registers
}

pub(crate) fn calendars() -> &'static Calendars {
    &ALL.calendars
}

pub(crate) fn of(neighbours: &Neighbours) -> House<'_> {
    House {
        catalogue: &ALL.catalogue,
        people: Some(&ALL.people),
        calendars: Some(&ALL.calendars),
        workflows: neighbours,
        registers: Some(&ALL.registers),
        today: Some(jiff::civil::date(2026, 11, 22)),
    }
}
