//! Who is who at one instant: who is here, who is on duty, who may act, for whom and through which word.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use super::roster::{Around, DayKind, Duty};
use super::{People, Person, bare, unit_of};
use crate::calendar::{Calendars, Special};
use crate::id::Millis;

/// The people as they stand at an instant.
#[derive(Clone, Debug)]
pub struct Present<'p> {
    people: &'p People,
    /// Without them every day from Monday to Friday is worked.
    calendars: Option<&'p Calendars>,
    at: Timestamp,
    zone: TimeZone,
    day: Date,
}

/// Somebody may act: who, for whom, and through which word of those that were asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acts {
    /// `person:wang.wei`.
    pub by: Arc<str>,
    /// The person whose deputy acts.
    #[serde(default, rename = "for", skip_serializing_if = "Option::is_none")]
    pub for_whom: Option<Arc<str>>,
    /// The word that names them: `role:班长`.
    pub through: Arc<str>,
    pub how: How,
}

/// How a word comes to mean a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum How {
    /// The word names the person.
    Named,
    /// One of the group.
    Member,
    /// Holds the post, and is on duty.
    OnDuty,
    /// Superior of a post for which nobody is on duty.
    Superior,
}

/// Whom a word names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// Ids, each once, in the order of the file.
    pub people: Vec<String>,
    /// A post for which nobody is on duty: `people` are those to whom it goes instead.
    pub gap: Option<Gap>,
}

/// Nobody is on duty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gap {
    /// `role:班长`.
    pub role: String,
    /// The id of the superior who stands in; nobody if there is none.
    pub superior: Option<String>,
}

impl People {
    /// The people as they stand at an instant; days are those of `zone`.
    #[must_use]
    pub fn at(&self, at: Millis, zone: &TimeZone) -> Present<'_> {
        let at = at.timestamp().unwrap_or(Timestamp::UNIX_EPOCH);
        Present { people: self, calendars: None, at, zone: zone.clone(), day: zone.to_datetime(at).date() }
    }

    /// The people on a day, where the time does not matter.
    #[must_use]
    pub fn on(&self, day: Date) -> Present<'_> {
        Present { people: self, calendars: None, at: Timestamp::UNIX_EPOCH, zone: TimeZone::UTC, day }
    }
}

impl<'p> Present<'p> {
    /// With the calendars that rosters go by.
    #[must_use]
    pub fn by(self, calendars: &'p Calendars) -> Self {
        Self { calendars: Some(calendars), ..self }
    }

    /// The day that it is.
    #[must_use]
    pub fn today(&self) -> Date {
        self.day
    }

    /// Somebody of the file who is employed on this day.
    #[must_use]
    pub fn person(&self, id: &str) -> Option<&'p Person> {
        self.people.people.get(bare(id)).filter(|person| person.days.has(self.day))
    }

    /// Whether `person` (`person:li.na`, or the bare id) is one of those that `who` names or stands in for one, and how.
    /// An own right comes before one that is lent.
    #[must_use]
    pub fn may<W: AsRef<str>>(&self, person: &str, who: &[W]) -> Option<Acts> {
        self.may_but(person, who, &[] as &[&str])
    }

    /// The same, where those that `not` names may not act, nor anybody for them.
    #[must_use]
    pub fn may_but<W: AsRef<str>, N: AsRef<str>>(&self, person: &str, who: &[W], not: &[N]) -> Option<Acts> {
        let id = bare(person);
        self.person(id)?;
        let out: Vec<String> = not.iter().flat_map(|word| self.members(word.as_ref())).collect();
        if out.iter().any(|one| one == id) {
            return None;
        }
        let found = |word| {
            let mut found = self.found(word);
            found.people.retain(|one| !out.contains(one));
            (word, found)
        };
        let found: Vec<(&str, Found)> = who.iter().map(|word| found(word.as_ref())).collect();
        let acts = |word: &str, found: &Found, for_whom: Option<&str>| Acts {
            by: format!("person:{id}").into(),
            for_whom: for_whom.map(|whom| format!("person:{whom}").into()),
            through: word.into(),
            how: how(word, found),
        };
        let own = found.iter().find(|(_, found)| found.people.iter().any(|one| one == id));
        if let Some((word, found)) = own {
            return Some(acts(word, found, None));
        }
        found.iter().find_map(|(word, found)| {
            let whom = found.people.iter().find(|whom| self.stands_in(id, whom))?;
            Some(acts(word, found, Some(whom)))
        })
    }

    /// Whether `id` is a deputy of `whom` on this day.
    #[must_use]
    pub fn stands_in(&self, id: &str, whom: &str) -> bool {
        self.deputies(whom).any(|deputy| deputy == id)
    }

    /// The deputies of somebody who are in force and here.
    pub fn deputies(&self, whom: &str) -> impl Iterator<Item = &'p str> + use<'p> {
        let (people, day) = (self.people, self.day);
        let all = people.people.get(bare(whom)).map(|person| &*person.deputies).unwrap_or_default();
        let here = move |id: &str| people.people.get(id).is_some_and(|person| person.days.has(day));
        all.iter()
            .filter(move |deputy| deputy.days.has(day) && here(&deputy.person))
            .map(|deputy| deputy.person.as_str())
    }

    /// The ids of those that a word names: `person:li.na`, `group:热线`, `role:班长` (whoever is on duty, else the
    /// superior to whom it goes).
    #[must_use]
    pub fn members(&self, who: &str) -> Vec<String> {
        self.found(who).people
    }

    /// The same, with what is to be said of it.
    #[must_use]
    pub fn found(&self, who: &str) -> Found {
        match who.split_once(':') {
            Some(("person", id)) if self.person(id).is_some() => {
                Found { people: vec![id.to_owned()], gap: None }
            }
            Some(("group", name)) => {
                let (mut people, mut seen) = (Vec::new(), BTreeSet::new());
                self.gather(name, &mut people, &mut seen);
                Found { people, gap: None }
            }
            Some(("role", name)) => self.of_role(name),
            _ => Found::default(),
        }
    }

    /// Groups may hold groups; one that is seen twice, or within itself, is gone through once.
    fn gather<'g>(&self, group: &'g str, people: &mut Vec<String>, seen: &mut BTreeSet<&'g str>)
    where
        'p: 'g,
    {
        if !seen.insert(group) {
            return;
        }
        for member in self.people.groups.get(group).into_iter().flatten() {
            let named = match member.split_once(':') {
                Some(("group", inner)) => {
                    self.gather(inner, people, seen);
                    continue;
                }
                Some(("role", role)) => self.on_duty(role),
                _ => self.person(member).map(|_| bare(member).to_owned()).into_iter().collect(),
            };
            for one in named {
                if !people.contains(&one) {
                    people.push(one);
                }
            }
        }
    }

    fn of_role(&self, name: &str) -> Found {
        if !self.people.roles.contains_key(name) {
            return Found::default();
        }
        let people = self.on_duty(name);
        if !people.is_empty() {
            return Found { people, gap: None };
        }
        let superior = self.superior_of_role(name);
        let gap = Gap { role: format!("role:{name}"), superior: superior.clone() };
        Found { people: superior.into_iter().collect(), gap: Some(gap) }
    }

    /// Whoever is on duty in a post; nobody in a gap.
    #[must_use]
    pub fn on_duty(&self, role: &str) -> Vec<String> {
        let Some(role) = self.people.roles.get(role) else { return Vec::new() };
        if let Some(roster) = &role.roster {
            let mut all: Vec<String> = Vec::new();
            for one in self.duties(roster).into_iter().flat_map(|duty| duty.who) {
                if !all.contains(&one) {
                    all.push(one);
                }
            }
            return all;
        }
        let here = role.members.iter().find(|id| self.person(id).is_some());
        here.map(|id| bare(id).to_owned()).into_iter().collect()
    }

    /// Who has which shift of a roster at this instant.
    #[must_use]
    pub fn duties(&self, roster: &str) -> Vec<Duty> {
        let roster = self.people.rosters.get(roster);
        roster
            .map_or_else(Vec::new, |roster| self.around(|around| roster.on_duty(self.at, &self.zone, around)))
    }

    /// The shifts that somebody has on a day, by all rosters, the earliest first.
    #[must_use]
    pub fn shifts(&self, id: &str, day: Date) -> Vec<String> {
        let duties =
            self.people.rosters.values().flat_map(|roster| self.around(|around| roster.day(day, around)));
        let mut own: Vec<Duty> = duties.filter(|duty| duty.who.iter().any(|one| one == bare(id))).collect();
        own.sort_by_key(|duty| duty.from);
        let mut shifts: Vec<String> = Vec::new();
        for duty in own {
            if !shifts.iter().any(|known| **known == *duty.shift) {
                shifts.push(duty.shift.to_string());
            }
        }
        shifts
    }

    /// Asks a roster with what these people and calendars say.
    pub fn around<T>(&self, ask: impl FnOnce(&Around<'_>) -> T) -> T {
        let here =
            |id: &str, day: Date| self.people.people.get(id).is_some_and(|person| person.days.has(day));
        let kind = |name: Option<&str>, day: Date| self.kind_of(name, day);
        ask(&Around { here: &here, kind: &kind })
    }

    fn kind_of(&self, calendar: Option<&str>, day: Date) -> DayKind {
        let worked = day.weekday().to_monday_zero_offset() < 5;
        let calendar = self.calendars.and_then(|all| all.named(calendar));
        match calendar {
            None if worked => DayKind::Workday,
            None => DayKind::Off,
            Some(known) if known.dates.get(&day).is_some_and(|dated| dated.what == Special::Holiday) => {
                DayKind::Holiday
            }
            Some(known) if known.is_workday(day) => DayKind::Workday,
            Some(_) => DayKind::Off,
        }
    }

    /// The superior of a post: as written, else the head of its unit or of one above it. Who is not here is passed over
    /// for their own superior.
    #[must_use]
    pub fn superior_of_role(&self, name: &str) -> Option<String> {
        let written = self.people.roles.get(name).and_then(|role| role.superior.as_deref());
        let first = match written {
            Some(superior) => bare(superior).to_owned(),
            None => self.head_from(unit_of(name)?, None)?,
        };
        if self.person(&first).is_some() { Some(first) } else { self.superior(&first) }
    }

    /// Who heads a unit or the nearest one above it.
    #[must_use]
    pub fn head_of(&self, unit: &str) -> Option<String> {
        self.head_from(unit, None)
    }

    /// Who heads a unit, or the nearest one above it that has a head other than `not`.
    fn head_from(&self, unit: &str, not: Option<&str>) -> Option<String> {
        let mut at = self.people.units.get(unit);
        // No more steps than there are units: the check refuses circles, a value made otherwise may have one.
        for _ in 0..=self.people.units.len() {
            let unit = at?;
            if let Some(head) = unit.head.as_deref().map(bare).filter(|head| Some(*head) != not) {
                return Some(head.to_owned());
            }
            at = self.people.units.get(unit.above.as_deref()?);
        }
        None
    }

    /// Who stands above somebody: as written, else the head of their unit or of one above it. Who is not here is passed
    /// over.
    #[must_use]
    pub fn superior(&self, id: &str) -> Option<String> {
        let mut seen = BTreeSet::from([bare(id).to_owned()]);
        let mut at = bare(id).to_owned();
        loop {
            let next = self.written_superior(&at)?;
            if self.person(&next).is_some() {
                return Some(next).filter(|next| next != bare(id));
            }
            if !seen.insert(next.clone()) {
                return None;
            }
            at = next;
        }
    }

    fn written_superior(&self, id: &str) -> Option<String> {
        let person = self.people.people.get(id)?;
        match &person.superior {
            Some(superior) => Some(bare(superior).to_owned()),
            None => self.head_from(person.unit.as_deref()?, Some(id)),
        }
    }

    /// All who stand above somebody, the nearest first.
    #[must_use]
    pub fn superiors(&self, id: &str) -> Vec<String> {
        let mut all: Vec<String> = Vec::new();
        let mut at = bare(id).to_owned();
        while let Some(next) = self.superior(&at) {
            if next == bare(id) || all.contains(&next) {
                break;
            }
            all.push(next.clone());
            at = next;
        }
        all
    }

    /// Every word that names a person or somebody they stand in for: what a list of their tasks is asked with.
    #[must_use]
    pub fn words_of(&self, person: &str) -> Vec<String> {
        let id = bare(person);
        if self.person(id).is_none() {
            return Vec::new();
        }
        let lent = self.people.people.keys().filter(|whom| self.stands_in(id, whom));
        let acting: Vec<&str> = std::iter::once(id).chain(lent.map(String::as_str)).collect();
        let bodies = self.people.groups.keys().map(|name| format!("group:{name}"));
        let bodies = bodies.chain(self.people.roles.keys().map(|name| format!("role:{name}")));
        let bodies =
            bodies.filter(|word| self.members(word).iter().any(|member| acting.contains(&&**member)));
        let own = acting.iter().flat_map(|id| [format!("person:{id}"), (*id).to_owned()]);
        own.chain(bodies).collect()
    }

    /// The posts for which nobody is on duty.
    #[must_use]
    pub fn gaps(&self) -> Vec<Gap> {
        self.people.roles.keys().filter_map(|name| self.of_role(name).gap).collect()
    }

    /// The gaps that are to be told: a shift is written for now that nobody has, or nobody can take what comes. Beyond the
    /// hours of a roster its superior is meant to be asked.
    #[must_use]
    pub fn open_posts(&self) -> Vec<Gap> {
        let mut gaps = self.gaps();
        gaps.retain(|gap| gap.superior.is_none() || !self.is_beyond_hours(&gap.role));
        gaps
    }

    fn is_beyond_hours(&self, role: &str) -> bool {
        let role = self.people.roles.get(role.strip_prefix("role:").unwrap_or(role));
        let Some(roster) = role.and_then(|role| self.people.rosters.get(role.roster.as_ref()?)) else {
            return false;
        };
        let local = self.zone.to_datetime(self.at);
        let yesterday = self.day.saturating_sub(jiff::Span::new().days(1));
        let gaps = self.around(|around| roster.gaps(yesterday, self.day, around));
        !gaps.iter().any(|gap| gap.from <= local && local < gap.until)
    }

    /// The mail addresses of those that `who` names, each once; an address stands for itself.
    #[must_use]
    pub fn addresses(&self, who: &str) -> Vec<String> {
        addresses_of(self.mailed(who))
    }

    /// Whoever is to be told that something waits for `who`: beside those that it names, whoever stands in for one of
    /// them for a time. A deputy for always is told nothing: they would get all of it twice.
    #[must_use]
    pub fn told(&self, who: &str) -> Vec<String> {
        addresses_of(self.told_each(who))
    }

    /// The same, each with the word that names them alone: `person:li.na`, or `mail:` and the address.
    #[must_use]
    pub fn told_each(&self, who: &str) -> Vec<(String, String)> {
        let members = self.members(who);
        let deputies = members.iter().filter_map(|id| self.people.people.get(id)).flat_map(|person| {
            person.deputies.iter().filter(|deputy| !deputy.days.always() && deputy.days.has(self.day))
        });
        let deputies = deputies.map(|deputy| deputy.person.as_str()).filter(|id| self.person(id).is_some());
        let mut told = self.mailed(who);
        for one in self.mails(deputies) {
            if !told.contains(&one) {
                told.push(one);
            }
        }
        told
    }

    fn mailed(&self, who: &str) -> Vec<(String, String)> {
        let outsider = match who.strip_prefix("mail:") {
            Some(address) => Some(address),
            None => (who.contains('@') && !who.contains(':')).then_some(who),
        };
        if let Some(address) = outsider {
            return vec![(format!("mail:{address}"), address.to_owned())];
        }
        self.mails(self.members(who).iter().map(String::as_str))
    }

    fn mails<'i>(&self, ids: impl Iterator<Item = &'i str>) -> Vec<(String, String)> {
        let known = |id: &str| {
            Some((format!("person:{}", bare(id)), self.people.people.get(bare(id))?.mail.clone()?))
        };
        ids.filter_map(known).collect()
    }
}

fn how(word: &str, found: &Found) -> How {
    match (word.split_once(':'), &found.gap) {
        (_, Some(_)) => How::Superior,
        (Some(("role", _)), None) => How::OnDuty,
        (Some(("group", _)), None) => How::Member,
        (_, None) => How::Named,
    }
}

fn addresses_of(told: Vec<(String, String)>) -> Vec<String> {
    let mut addresses = Vec::new();
    for (_, address) in told {
        if !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    addresses
}
