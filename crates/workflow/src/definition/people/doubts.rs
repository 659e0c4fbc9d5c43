//! What will go wrong though nothing is written wrongly: shifts that nobody has, posts without a superior.

use jiff::Span;
use jiff::civil::Date;

use crate::calendar::Calendars;
use crate::definition::section::Section;
use crate::people::People;
use crate::problem::{Place, Problem, listed, nearest};

/// So many days of a roster are looked at.
const AHEAD: i64 = 31;

pub(super) fn say(root: &Section<'_, '_>, people: &People, today: Date, calendars: &Calendars) {
    let place = |path: &str| Place::at(root.reader.spans.key(path));
    let here = people.on(today).by(calendars);
    let last = today.saturating_add(Span::new().days(AHEAD - 1));
    for (name, roster) in &people.rosters {
        if let Some(calendar) =
            roster.calendar.as_deref().filter(|name| calendars.named(Some(name)).is_none())
        {
            let place = Place::at(root.reader.spans.value(&format!("roster.{name}.calendar")));
            let known = || calendars.all().map(|known| &*known.name);
            let problem = Problem::error("YZ0655", place).name("calendar", calendar);
            root.say(problem.name("known", listed(known())).near(nearest(calendar, known())));
        }
        let gaps = here.around(|around| roster.gaps(today, last, around));
        let Some(first) = gaps.first() else { continue };
        let problem = Problem::warning("YZ0650", place(&format!("roster.{name}"))).name("roster", name);
        let problem = problem.name("when", first.to_string()).name("days", AHEAD.to_string());
        let more = gaps.len() - 1;
        root.say(problem.name("more", more.to_string()).case(if more > 0 { "more" } else { "one" }));
    }
    for (name, role) in people.roles.iter().filter(|(_, role)| role.roster.is_some()) {
        let unit = crate::people::unit_of(name);
        if role.superior.is_none() && unit.is_none_or(|unit| here.head_of(unit).is_none()) {
            let place = place(&format!("role.{name}"));
            root.say(Problem::warning("YZ0652", place).name("role", name));
        }
    }
}
