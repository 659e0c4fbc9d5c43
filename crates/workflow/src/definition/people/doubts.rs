//! What will go wrong though nothing is written wrongly: shifts that nobody has, posts without a superior.

use jiff::Span;
use jiff::civil::Date;

use crate::calendar::Calendars;
use crate::definition::section::Section;
use crate::people::{People, Present, Roster, unit_of};
use crate::problem::{Place, Problem, listed, nearest};

/// So many days of a roster are looked at.
const AHEAD: i64 = 31;

pub(super) fn say(root: &Section<'_, '_>, people: &People, today: Date, calendars: Option<&Calendars>) {
    let here = match calendars {
        Some(calendars) => people.on(today).by(calendars),
        None => people.on(today),
    };
    for (name, roster) in &people.rosters {
        if let (Some(named), Some(all)) = (&roster.calendar, calendars)
            && all.named(Some(named)).is_none()
        {
            let place = Place::at(root.reader.spans.value(&format!("roster.{name}.calendar")));
            let known = || all.all().map(|known| &*known.name);
            let problem = Problem::error("YZ0655", place).name("calendar", &**named);
            root.say(problem.name("known", listed(known())).near(nearest(named, known())));
            continue;
        }
        gaps(root, (name, roster), &here, today);
    }
    for (name, role) in people.roles.iter().filter(|(_, role)| role.roster.is_some()) {
        if role.superior.is_none() && unit_of(name).is_none_or(|unit| here.head_of(unit).is_none()) {
            let place = Place::at(root.reader.spans.key(&format!("role.{name}")));
            root.say(Problem::warning("YZ0652", place).name("role", name));
        }
    }
}

fn gaps(root: &Section<'_, '_>, (name, roster): (&String, &Roster), here: &Present<'_>, today: Date) {
    let last = today.saturating_add(Span::new().days(AHEAD - 1));
    let gaps = here.around(|around| roster.gaps(today, last, around));
    let Some(first) = gaps.first() else { return };
    let place = Place::at(root.reader.spans.key(&format!("roster.{name}")));
    let problem = Problem::warning("YZ0650", place).name("roster", name).name("when", first.to_string());
    let more = gaps.len() - 1;
    let problem = problem.name("days", AHEAD.to_string()).name("more", more.to_string());
    root.say(problem.case(if more > 0 { "more" } else { "one" }));
}
