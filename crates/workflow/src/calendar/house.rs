//! All calendars of a house: those that come along, and the files of `config/calendars`, each over what it is based on.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::tz::TimeZone;

use super::{CHINA, Calendar, Special, WEEKDAYS, Written, Years};
use crate::definition::calendar::read;
use crate::problem::{Place, Problem, nearest};

/// The public holidays of mainland China; `tests/oracle/china.py` writes it.
const CHINA_TEXT: &str = include_str!("china.toml");

/// All calendars of a house.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Calendars {
    all: BTreeMap<Arc<str>, Arc<Calendar>>,
    house: Arc<Calendar>,
}

/// A calendar that no file and nothing that comes along is called.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no calendar is called `{name}`")]
pub struct UnknownCalendar {
    pub name: String,
    pub nearest: Option<String>,
}

/// The faults of files, by their names.
type Faults = BTreeMap<String, Vec<Problem>>;

impl Calendars {
    /// Those that come along, in the house's zone.
    #[must_use]
    pub fn built_in(zone: &TimeZone) -> Self {
        Self::read(&BTreeMap::new(), zone).0
    }

    /// Whether there is nothing to guess in this year, by whichever of them.
    #[must_use]
    pub fn all_know(&self, year: i16) -> bool {
        self.all.values().all(|calendar| calendar.knows(year))
    }

    /// Other calendars have another one; what is the same has the same, from one start to the next.
    #[must_use]
    pub fn digest(&self) -> Arc<str> {
        use sha2::{Digest, Sha256};
        use std::fmt::Write;
        let mut word = String::new();
        for byte in Sha256::digest(format!("{self:?}").as_bytes()).iter().take(16) {
            // Writing to a string does not fail.
            write!(word, "{byte:02x}").ok();
        }
        word.into()
    }

    /// Reads the files of `config/calendars`, by their names without `.toml`. One with faults is left out, as is what is
    /// based on it; one that is called as one that comes along takes its place.
    #[must_use]
    pub fn read(texts: &BTreeMap<String, String>, zone: &TimeZone) -> (Self, BTreeMap<String, Vec<Problem>>) {
        let mut faults = Faults::new();
        let mut written: BTreeMap<&str, Written> =
            read(CHINA_TEXT).into_iter().map(|own| (CHINA, own)).collect();
        for (name, text) in texts {
            match read(text) {
                Ok(own) => drop(written.insert(name, own)),
                Err(problems) => {
                    written.remove(name.as_str());
                    faults.insert(name.clone(), problems);
                }
            }
        }
        let mut building = Building { written: &written, zone, built: BTreeMap::new(), faults };
        for name in written.keys() {
            building.build(name, &mut Vec::new());
        }
        let weekdays = Arc::new(Calendar::weekdays(zone.clone()));
        let Building { mut built, faults, .. } = building;
        let house = built.entry(WEEKDAYS.into()).or_insert(weekdays).clone();
        (Self { all: built, house }, faults)
    }

    /// The same with that calendar for whoever names none.
    ///
    /// # Errors
    /// With the nearest known name.
    pub fn with_house(self, name: &str) -> Result<Self, UnknownCalendar> {
        let house = self.all.get(name).cloned();
        let house = house
            .ok_or_else(|| UnknownCalendar { name: name.to_owned(), nearest: nearest(name, self.names()) })?;
        Ok(Self { house, ..self })
    }

    /// The calendar of that name; without a name the house's.
    #[must_use]
    pub fn named(&self, name: Option<&str>) -> Option<&Arc<Calendar>> {
        match name {
            None => Some(&self.house),
            Some(name) => self.all.get(name),
        }
    }

    #[must_use]
    pub fn house(&self) -> &Arc<Calendar> {
        &self.house
    }

    pub fn all(&self) -> impl Iterator<Item = &Arc<Calendar>> {
        self.all.values()
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.all.keys().map(|name| &**name)
    }
}

impl Default for Calendars {
    fn default() -> Self {
        Self::built_in(&TimeZone::UTC)
    }
}

struct Building<'w> {
    written: &'w BTreeMap<&'w str, Written>,
    zone: &'w TimeZone,
    built: BTreeMap<Arc<str>, Arc<Calendar>>,
    faults: Faults,
}

impl<'w> Building<'w> {
    /// Builds a calendar after its base. `above` are those that wait for it.
    fn build(&mut self, name: &'w str, above: &mut Vec<&'w str>) -> Option<Arc<Calendar>> {
        if let Some(built) = self.built.get(name) {
            return Some(built.clone());
        }
        let own = self.written.get(name)?;
        if self.faults.contains_key(name) {
            return None;
        }
        let base = match &own.based_on {
            None => Calendar { week: Default::default(), ..Calendar::weekdays(self.zone.clone()) },
            Some((base, _)) if base == WEEKDAYS && !self.written.contains_key(WEEKDAYS) => {
                Calendar::weekdays(self.zone.clone())
            }
            Some((base, _)) => {
                above.push(name);
                let circle = above.contains(&base.as_str());
                let found = self.written.get_key_value(base.as_str()).map(|(base, _)| *base);
                let built = found.filter(|_| !circle).and_then(|base| self.build(base, above));
                above.pop();
                match built {
                    Some(base) => (*base).clone(),
                    None => {
                        self.no_base(name, own, circle);
                        return None;
                    }
                }
            }
        };
        let built = Arc::new(over(name, own, base));
        self.built.insert(name.into(), built.clone());
        Some(built)
    }

    fn no_base(&mut self, name: &str, own: &Written, circle: bool) {
        let Some((base, span)) = &own.based_on else { return };
        let problem = Problem::error("YZ0692", Place::at(span.clone())).name("base", base);
        let known = || self.written.keys().copied().chain([WEEKDAYS]).filter(|known| *known != name);
        let problem = if circle {
            problem.case("circle")
        } else if self.faults.contains_key(base) || self.written.contains_key(base.as_str()) {
            problem.case("faulty")
        } else {
            problem.near(nearest(base, known())).name("known", crate::problem::listed(known()))
        };
        self.faults.entry(name.to_owned()).or_default().push(problem);
    }
}

/// What a file says, over what it is based on.
fn over(name: &str, own: &Written, base: Calendar) -> Calendar {
    let mut week = base.week;
    for (hours, own) in week.iter_mut().zip(&own.week) {
        if let Some(own) = own {
            hours.clone_from(own);
        }
    }
    let years = match &own.years {
        Some((years, _)) => *years,
        None if own.based_on.is_some() => base.years,
        None => of_dates(own),
    };
    let mut dates = base.dates;
    dates.extend(own.dates.iter().map(|(day, (dated, _))| (*day, dated.clone())));
    Calendar {
        name: name.into(),
        title: own.title.clone().or(base.title),
        zone: own.zone.clone().unwrap_or(base.zone),
        week,
        dates,
        cut_off: own.cut_off.unwrap_or(base.cut_off),
        years,
    }
}

/// A file that says nothing of its years knows those that its holidays and make-up days lie in.
fn of_dates(own: &Written) -> Years {
    let announced = own.dates.iter().filter(|(_, (dated, _))| !matches!(dated.what, Special::Own(_)));
    let years: Vec<i16> = announced.map(|(day, _)| day.year()).collect();
    match (years.iter().min(), years.iter().max()) {
        (Some(first), Some(last)) => Years::Known(*first, *last),
        _ => Years::All,
    }
}
