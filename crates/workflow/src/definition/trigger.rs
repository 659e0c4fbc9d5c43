//! Reads what starts a workflow.

use jiff::civil::Time;

use super::section::{Section, Text};
use super::{ask, mail, name_ok, step, time, tree};
use crate::plan::{Each, FilePer, Publish, Starts, Trigger, WebhookAuth};
use crate::problem::{Place, nearest};
use crate::schedule::{Days, Fold, Gap, Holiday, Missed, OfRegister, Overlap, Pattern, Schedule};

const KINDS: &[&str] = &["schedule", "webhook", "files", "mail", "by_hand", "event"];

pub(super) fn triggers(root: &Section<'_, '_>) -> Vec<Trigger> {
    let Some(all) = root.section("trigger") else { return Vec::new() };
    let mut triggers = Vec::new();
    for (key, item) in all.entries() {
        if item.get_ref().as_table().is_none() {
            all.say(all.error("YZ0115", key.span).name("key", key.value).name("section", "trigger"));
            continue;
        }
        name_ok(&all, key.value, &key.span);
        let Some(own) = all.sub(key.value, item) else { continue };
        let starts = starts(&own, key.value);
        let with = own.get("with").map(|item| tree::tree(&own, "with", item));
        // A firing of another kind brings no fields that could be compared.
        let of_register = matches!(&starts, Some(Starts::Schedule(schedule)) if schedule.of.is_some());
        let brings = of_register
            || matches!(
                starts,
                Some(Starts::Webhook(_) | Starts::Files { .. } | Starts::Mail(_) | Starts::Event { .. })
            );
        let filter = if brings { tree::filter(&own) } else { None };
        let publish = if matches!(starts, Some(Starts::Webhook(_))) { publish(&own) } else { None };
        let each = step::listed(&own).map(|(list, name)| Each { list, name, at_once: None });
        for key in ["each", "overlap"] {
            if of_register && own.has(key) {
                let problem = own.error("YZ0133", own.key_span(key)).name("one", "schedule = { register }");
                own.say(problem.name("other", key).cause(Place::at(own.key_span("schedule"))));
            }
        }
        if publish.is_some() && each.is_some() {
            let problem = own.error("YZ0133", own.key_span("each")).name("one", "publish");
            own.say(problem.name("other", "each").cause(Place::at(own.key_span("publish"))));
        }
        let gather = gather(&own, starts.as_ref());
        let complete = own.texts("complete").unwrap_or_default();
        let complete: Vec<String> = complete.iter().map(|who| who.value.to_owned()).collect();
        for (key, is_said) in [("gather", gather.is_some()), ("complete", !complete.is_empty())] {
            if publish.is_some() && is_said {
                let problem = own.error("YZ0133", own.key_span(key)).name("one", "publish");
                own.say(problem.name("other", key).cause(Place::at(own.key_span("publish"))));
            }
        }
        own.close(&[]);
        if let Some(starts) = starts {
            triggers.push(Trigger {
                name: key.value.into(),
                starts,
                with,
                filter,
                each,
                gather,
                complete,
                publish,
            });
        }
    }
    triggers
}

fn starts(own: &Section<'_, '_>, name: &str) -> Option<Starts> {
    let said: Vec<&'static str> = KINDS.iter().copied().filter(|kind| own.get(kind).is_some()).collect();
    match said.as_slice() {
        ["schedule"] => schedule(own).map(|schedule| Starts::Schedule(Box::new(schedule))),
        ["webhook"] => webhook(own).map(Starts::Webhook),
        ["files"] => files(own),
        ["mail"] => mail::rule(own).map(|rule| Starts::Mail(Box::new(rule))),
        ["event"] => {
            let name = own.text("event")?;
            if name.value.trim().is_empty() {
                own.say(own.error("YZ0620", name.span.clone()).name("key", "event"));
            }
            Some(Starts::Event { name: name.value.into() })
        }
        [_] => by_hand(own),
        [] => {
            // Keys of the kinds are known, though none of the kinds is there.
            for key in [
                "timezone",
                "holiday",
                "ahead",
                "missed",
                "missed_within",
                "overlap",
                "gap",
                "fold",
                "per",
                "where",
                "publish",
                "key",
            ] {
                own.get(key);
            }
            let misspelled =
                own.entries().any(|(key, _)| !own.knows(key.value) && nearest(key.value, KINDS).is_some());
            if !misspelled {
                let problem = own.error("YZ0119", own.span.clone()).name("trigger", name);
                let near = own.entries().find_map(|(key, _)| nearest(key.value, KINDS));
                own.say(problem.near(near));
            }
            None
        }
        [first, second, ..] => {
            let problem =
                own.error("YZ0121", own.key_span(second)).name("one", *first).name("other", *second);
            own.say(problem.name("step", name).cause(Place::at(own.key_span(first))));
            None
        }
    }
}

/// At which times what came is made one run. Every one of them counts, whatever the clock does.
fn gather(own: &Section<'_, '_>, starts: Option<&Starts>) -> Option<Box<Schedule>> {
    let text = own.text("gather")?;
    let mut schedule = Schedule::new(time::pattern(own, &text)?);
    if let Some(Starts::Schedule(own)) = starts {
        schedule.zone = own.zone.clone();
    }
    Some(Box::new(schedule))
}

fn publish(own: &Section<'_, '_>) -> Option<Publish> {
    let name = own.template("publish")?;
    Some(Publish { name, key: own.template("key") })
}

/// Days of a register's entries: `{ register, date, yearly, at }`.
fn of_register(own: &Section<'_, '_>) -> Option<(Pattern, OfRegister)> {
    let of = own.section("schedule")?;
    let (register, date) = (of.text("register"), of.text("date"));
    let yearly = of.boolean("yearly").unwrap_or_default();
    let time = of.text("at");
    let at = time.as_ref().map_or(Some(Time::midnight()), |text| time_of_day(&of, text));
    of.close(&[]);
    for key in ["register", "date"] {
        if !of.has(key) {
            of.missing(key);
        }
    }
    let pattern = Pattern::On { days: Days::Every, time: Some(at?) };
    Some((pattern, OfRegister { register: register?.value.into(), date: date?.value.into(), yearly }))
}

fn time_of_day(of: &Section<'_, '_>, text: &Text<'_>) -> Option<Time> {
    let pattern = time::pattern(of, text)?;
    if let Pattern::On { days: Days::Every, time: Some(time) } = pattern {
        return Some(time);
    }
    of.bad_word("at", text, &["08:30"]);
    None
}

fn schedule(own: &Section<'_, '_>) -> Option<Schedule> {
    let is_table = own.get("schedule").is_some_and(|item| item.get_ref().as_table().is_some());
    let dates = if is_table { of_register(own) } else { None };
    let text = if is_table { None } else { own.text("schedule") };
    let zone = own.text("timezone").and_then(|text| match crate::schedule::zone(text.value) {
        Ok(zone) => Some(zone),
        Err(unknown) => {
            own.say(own.error("YZ0160", text.span).name("zone", unknown.name).near(unknown.nearest));
            None
        }
    });
    let missed = own.word("missed", &[("none", Missed::None), ("one", Missed::One), ("all", Missed::All)]);
    let within = time::span(own, "missed_within");
    let overlap =
        own.word("overlap", &[("queue", Overlap::Queue), ("skip", Overlap::Skip), ("allow", Overlap::Allow)]);
    let gap = own.word("gap", &[("after", Gap::After), ("skip", Gap::Skip)]);
    let fold = own.word("fold", &[("first", Fold::First), ("second", Fold::Second), ("both", Fold::Both)]);
    let known = [
        ("keep", Holiday::Keep),
        ("skip", Holiday::Skip),
        ("next", Holiday::Next),
        ("previous", Holiday::Previous),
    ];
    let holiday = own.word("holiday", &known);
    let ahead = time::length_of(own, "ahead");
    let (pattern, of) = match dates {
        Some((pattern, of)) => (pattern, Some(of)),
        None => (time::pattern(own, &text?)?, None),
    };
    if !pattern.has_days() && holiday.is_some_and(|holiday| holiday != Holiday::Keep) {
        let problem = own.error("YZ0696", own.key_span("holiday")).name("pattern", pattern.to_string());
        own.say(problem);
    }
    let mut schedule = Schedule::new(pattern);
    schedule.holiday = holiday.unwrap_or_default();
    schedule.ahead = ahead;
    schedule.zone = zone;
    schedule.missed = missed.unwrap_or_default();
    schedule.missed_within = within.unwrap_or(schedule.missed_within);
    // An entry does not wait for the run of another.
    let usual = if of.is_some() { Overlap::Allow } else { Overlap::default() };
    schedule.overlap = overlap.unwrap_or(usual);
    schedule.of = of;
    schedule.gap = gap.unwrap_or_default();
    schedule.fold = fold.unwrap_or_default();
    Some(schedule)
}

fn webhook(own: &Section<'_, '_>) -> Option<WebhookAuth> {
    let rule = own.section("webhook")?;
    let signature = rule.text("signature");
    let secret = rule.text("secret");
    let header = rule.text("header");
    rule.close(&["secrets"]);
    let Some(signature) = signature else {
        if !rule.has("signature") {
            rule.missing("signature");
        }
        return None;
    };
    let known = ["standard", "github", "hmac", "token", "none"];
    if !known.contains(&signature.value) {
        rule.bad_word("signature", &signature, &known);
        return None;
    }
    if signature.value == "none" {
        if let Some(secret) = secret {
            rule.say(
                rule.error("YZ0133", secret.span).name("one", "signature = \"none\"").name("other", "secret"),
            );
        }
        return Some(WebhookAuth::None);
    }
    let Some(secret) = secret.map(|text| text.value.to_owned()) else {
        rule.missing("secret");
        return None;
    };
    let header = header.map(|text| text.value.to_owned());
    Some(match signature.value {
        "standard" => WebhookAuth::Standard { secret },
        "github" => WebhookAuth::Github { secret },
        "hmac" => match header {
            Some(header) => WebhookAuth::Hmac { secret, header },
            None => {
                rule.missing("header");
                return None;
            }
        },
        _ => WebhookAuth::Token { secret, header },
    })
}

fn files(own: &Section<'_, '_>) -> Option<Starts> {
    let per = own.word("per", &[("file", FilePer::File), ("row", FilePer::Row)]).unwrap_or_default();
    let pattern = own.text("files")?;
    let climbs = pattern.value.starts_with('/') || pattern.value.split('/').any(|part| part == "..");
    if pattern.value.is_empty() || climbs {
        own.say(own.error("YZ0168", pattern.span).name("pattern", pattern.value));
        return None;
    }
    Some(Starts::Files { pattern: pattern.value.to_owned(), per })
}

fn by_hand(own: &Section<'_, '_>) -> Option<Starts> {
    let who = own.texts("by_hand")?;
    for name in &who {
        ask::check_who(own, name);
    }
    Some(Starts::ByHand { who: who.iter().map(|text| text.value.to_owned()).collect() })
}
