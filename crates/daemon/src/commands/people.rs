//! `yizhan people …`: who is who at an instant, and who has which shift in a month. It reads the file itself.

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use serde_json::{Value, json};
use yizhan_workflow::calendar::Calendars;
use yizhan_workflow::id::Millis;
use yizhan_workflow::people::{People, Present, Roster};
use yizhan_workflow::problem::nearest;

use super::{Context, what_if};
use crate::calendars;
use crate::exit::{Exit, Failure};
use crate::show::{list, table, text};

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Action {
    /// Who somebody is, whom a group or a role means, or everybody
    #[command(
        after_help = "Examples:\n  yizhan people show\n  yizhan people show li.na\n  yizhan people show role:值班经理 --at '2026-10-01 20:00'"
    )]
    Show {
        /// `person:li.na` or the bare id, `group:…`, `role:…`
        who: Option<String>,
        /// As of when, as `2026-10-01 20:00`
        #[arg(long, value_name = "TIME")]
        at: Option<String>,
    },
    /// Who has which shift of a roster, and when nobody has
    #[command(after_help = "Example:\n  yizhan people roster 热线 --month 2026-10")]
    Roster {
        /// The roster's name
        name: String,
        /// As `2026-10`; this one, if none is said
        #[arg(long, value_name = "MONTH")]
        month: Option<String>,
    },
}

/// What is read of the home.
struct House {
    people: People,
    calendars: std::sync::Arc<Calendars>,
    zone: TimeZone,
}

pub(crate) fn run(action: &Action, context: &Context) -> Result<Exit, Failure> {
    let house = house(context)?;
    match action {
        Action::Show { who, at } => {
            let at = instant(at.as_deref(), &house.zone)?;
            let now = house.people.at(at, &house.zone).by(&house.calendars);
            let answer = match who {
                None => everybody(&house, &now),
                Some(who) => somebody(who, &house, &now)?,
            };
            context.answer(&answer, |answer| shown(answer, context));
        }
        Action::Roster { name, month } => {
            let known = house.people.rosters.keys();
            let roster = house.people.rosters.get(name).ok_or_else(|| {
                let failure = Failure::new(Exit::Failed, "YZ0641", format!("there is no roster `{name}`"));
                match nearest(name, known) {
                    Some(near) => failure.help(format!("did you mean `{near}`?")),
                    None => failure,
                }
            })?;
            let first = first_of(month.as_deref(), &house.zone)?;
            let answer = plan_of(roster, name, first, &house, context);
            context.answer(&answer, |answer| in_days(answer, context));
        }
    }
    Ok(Exit::Ok)
}

fn house(context: &Context) -> Result<House, Failure> {
    let home = context.home()?;
    let config = home.config(None)?;
    let text = match std::fs::read_to_string(home.people()) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        read => read?,
    };
    let people = People::read(&text).map_err(|_| {
        let failure = Failure::new(Exit::Faults, "YZ0519", "config/people.toml has faults");
        failure.help("`yizhan check` says which")
    })?;
    Ok(House { people, calendars: calendars::in_force(Some(&home), &config)?, zone: context.zone() })
}

fn wrong_time(written: &str, example: &str) -> Failure {
    Failure::new(Exit::Usage, "YZ0534", format!("`{written}` is no time such as `{example}`"))
}

/// Now, where nothing is written.
fn instant(written: Option<&str>, zone: &TimeZone) -> Result<Millis, Failure> {
    let Some(written) = written else {
        return Ok(Millis(jiff::Timestamp::now().as_millisecond()));
    };
    let local = written.replacen(' ', "T", 1).parse::<DateTime>().ok();
    let zoned = local.and_then(|local| local.to_zoned(zone.clone()).ok());
    let zoned = zoned.ok_or_else(|| wrong_time(written, "2026-10-01 20:00"))?;
    Ok(Millis(zoned.timestamp().as_millisecond()))
}

fn first_of(month: Option<&str>, zone: &TimeZone) -> Result<Date, Failure> {
    match month {
        None => Ok(jiff::Timestamp::now().to_zoned(zone.clone()).date().first_of_month()),
        Some(month) => format!("{month}-01").parse().map_err(|_| wrong_time(month, "2026-10")),
    }
}

/// The name with the id behind it, so that two of one name are told apart.
fn named(id: &str, house: &House) -> String {
    match house.people.people.get(id) {
        Some(person) if person.name != id => format!("{} ({id})", person.name),
        Some(_) | None => id.to_owned(),
    }
}

fn all_named(ids: &[String], house: &House) -> Vec<String> {
    ids.iter().map(|id| named(id, house)).collect()
}

fn everybody(house: &House, now: &Present<'_>) -> Value {
    let people = house.people.people.keys().filter_map(|id| Some(person(id, house, now, now.person(id)?)));
    let roles = house.people.roles.keys().map(|name| word(&format!("role:{name}"), house, now));
    json!({ "people": people.collect::<Vec<_>>(), "roles": roles.collect::<Vec<_>>() })
}

fn somebody(who: &str, house: &House, now: &Present<'_>) -> Result<Value, Failure> {
    let asked = if who.contains(':') { who.to_owned() } else { format!("person:{who}") };
    if !house.people.known(&asked) || asked == "starter" {
        let kind = asked.split(':').next().unwrap_or_default();
        let failure = Failure::new(Exit::Failed, "YZ0185", format!("nobody is called `{asked}`"));
        return Err(match nearest(&asked, house.people.names(kind)) {
            Some(near) => failure.help(format!("did you mean `{near}`?")),
            None => failure,
        });
    }
    let id = asked.strip_prefix("person:").and_then(|id| Some((id, house.people.people.get(id)?)));
    Ok(match id {
        Some((id, known)) => json!({ "person": person(id, house, now, known) }),
        None => json!({ "word": word(&asked, house, now) }),
    })
}

fn person(id: &str, house: &House, now: &Present<'_>, known: &yizhan_workflow::people::Person) -> Value {
    let deputies: Vec<String> = now.deputies(id).map(|deputy| named(deputy, house)).collect();
    let words: Vec<String> = now
        .words_of(id)
        .into_iter()
        .filter(|word| word.contains(':') && !word.starts_with("person:"))
        .collect();
    json!({
        "id": id, "name": known.name, "mail": known.mail, "phone": known.phone, "unit": known.unit,
        "here": now.person(id).is_some(), "superiors": all_named(&now.superiors(id), house),
        "deputies": deputies, "may_act_as": words, "shifts": now.shifts(id, now.today()),
    })
}

/// Whom a group or a role means now.
fn word(asked: &str, house: &House, now: &Present<'_>) -> Value {
    let found = now.found(asked);
    json!({ "word": asked, "people": all_named(&found.people, house), "nobody_on_duty": found.gap.is_some() })
}

fn shown(answer: &Value, context: &Context) -> String {
    if answer["person"].is_object() {
        return of_person(&answer["person"], context);
    }
    let one = std::slice::from_ref(&answer["word"]);
    let roles = answer["roles"].as_array().map_or(one, Vec::as_slice);
    let rows: Vec<Vec<String>> =
        roles.iter().map(|role| vec![text(role, "word"), said_of(role, context)]).collect();
    let roles = table(&context.language.pick(["组或岗位", "现在是"], ["GROUP OR ROLE", "NOW"]), &rows);
    let Some(people) = answer["people"].as_array() else { return roles };
    let row = |person: &Value| {
        let joined = |key: &str| list(&person[key], "、");
        vec![
            text(person, "id"),
            text(person, "name"),
            text(person, "unit"),
            joined("superiors"),
            joined("deputies"),
            joined("shifts"),
        ]
    };
    let rows: Vec<Vec<String>> = people.iter().map(row).collect();
    let head = context.language.pick(
        ["编号", "姓名", "单位", "上级", "代理人", "今天的班"],
        ["ID", "NAME", "UNIT", "SUPERIORS", "DEPUTIES", "SHIFT TODAY"],
    );
    format!("{}\n{roles}", table(&head, &rows))
}

/// A gap is said, and to whom it goes.
fn said_of(role: &Value, context: &Context) -> String {
    let people = list(&role["people"], "、");
    match (role["nobody_on_duty"].as_bool().unwrap_or(false), people.is_empty()) {
        (false, _) => people,
        (true, true) => {
            context.language.pick("没有人当班,也没有上级", "nobody on duty, and no superior").to_owned()
        }
        (true, false) => context
            .language
            .pick(format!("没有人当班,找上级 {people}"), format!("nobody on duty; the superior: {people}")),
    }
}

fn of_person(person: &Value, context: &Context) -> String {
    let labels = context.language.pick(
        ["编号", "姓名", "邮箱", "电话", "单位", "上级", "代理人", "可以办", "今天的班"],
        ["id", "name", "mail", "phone", "unit", "superiors", "deputies", "may act as", "shift today"],
    );
    let keys = ["id", "name", "mail", "phone", "unit", "superiors", "deputies", "may_act_as", "shifts"];
    let said = |key: &str| if person[key].is_array() { list(&person[key], "、") } else { text(person, key) };
    let rows: Vec<Vec<String>> =
        labels.iter().zip(keys).map(|(label, key)| vec![(*label).to_owned(), said(key)]).collect();
    let here = person["here"].as_bool().unwrap_or(true);
    let gone = context.language.pick("这一天不在职,不能办事。", "Not employed on this day: may do nothing.");
    format!("{}{}", table(&["", ""], &rows).trim_start(), if here { "" } else { gone })
}

fn plan_of(roster: &Roster, name: &str, first: Date, house: &House, context: &Context) -> Value {
    let days = first.series(jiff::Span::new().days(1)).take_while(|day| *day <= first.last_of_month());
    let now = house.people.on(first).by(&house.calendars);
    let day = |day: Date| {
        let (shifts, gaps) = now.around(|around| (roster.day(day, around), roster.gaps(day, day, around)));
        let shifts = shifts.iter().filter(|duty| !duty.who.is_empty()).map(|duty| {
            json!({ "shift": &*duty.shift, "from": duty.from.to_string(), "until": duty.until.to_string(),
                "who": all_named(&duty.who, house), "ids": &duty.who })
        });
        let gaps = gaps.iter().map(|gap| {
            json!({ "shift": &*gap.shift, "from": gap.from.to_string(), "until": gap.until.to_string() })
        });
        json!({ "day": day.to_string(), "weekday": what_if::weekday(day.weekday(), context),
            "shifts": shifts.collect::<Vec<_>>(), "gaps": gaps.collect::<Vec<_>>() })
    };
    json!({ "roster": name, "title": roster.title, "month": first.strftime("%Y-%m").to_string(),
        "days": days.map(day).collect::<Vec<_>>() })
}

/// A line for each day; a gap stands where somebody should.
fn in_days(answer: &Value, context: &Context) -> String {
    let hours = |duty: &Value| {
        let time =
            |key: &str| duty[key].as_str().and_then(|at| at.get(11..16)).unwrap_or_default().to_owned();
        format!("{}-{}", time("from"), time("until"))
    };
    let mut rows = Vec::new();
    let mut open = 0;
    for day in answer["days"].as_array().into_iter().flatten() {
        let mut said: Vec<(String, String)> = Vec::new();
        for duty in day["shifts"].as_array().into_iter().flatten() {
            said.push((
                text(duty, "from"),
                format!("{} {} {}", text(duty, "shift"), hours(duty), list(&duty["who"], "、")),
            ));
        }
        for gap in day["gaps"].as_array().into_iter().flatten() {
            open += 1;
            let nobody = context.language.pick("【空班】", "[NOBODY]");
            said.push((
                text(gap, "from"),
                format!("{} {} {nobody}", text(gap, "shift"), hours(gap)).trim_start().to_owned(),
            ));
        }
        said.sort();
        let said: Vec<String> = said.into_iter().map(|(_, said)| said).collect();
        rows.push(vec![text(day, "day"), text(day, "weekday"), said.join(context.language.pick(";", "; "))]);
    }
    let head = context.language.pick(["日期", "星期", "班次"], ["DAY", "WEEKDAY", "SHIFTS"]);
    let gaps = match open {
        0 => context.language.pick("没有空班。".to_owned(), "Nobody is missing.".to_owned()),
        _ => context.language.pick(format!("有 {open} 处空班。"), format!("Nobody is on duty {open} times.")),
    };
    format!("{}\n{gaps}", table(&head, &rows))
}
