//! `yizhan register erase`: private values of an entry, or of all that were kept for as long as the file says.

use std::collections::BTreeMap;

use jiff::{Span, Timestamp, Zoned};
use serde_json::{Value, json};

use super::super::Context;
use crate::client::escaped;
use crate::exit::{Exit, Failure};
use crate::show::text;

pub(super) const HELP: &str = "Examples:\n  yizhan register erase 客户 KH-00017 --why \"the customer asked for it\"\n  yizhan register erase 客户 --due --dry-run\n\nThe entry stays with its number and its public columns, and `yizhan register verify` finds the register whole: the hashes\nare over seals, not over private values. Backups that were made before still have them.";

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The register's name
    register: String,
    /// The entry's number
    #[arg(required_unless_present = "due")]
    number: Option<String>,
    /// All entries that are older than the register's `keep`
    #[arg(long, conflicts_with = "number")]
    due: bool,
    /// Why: it is written into the register
    #[arg(long)]
    why: Option<String>,
    /// Who erases
    #[arg(long, value_name = "WHO")]
    by: Option<String>,
    /// Only say which
    #[arg(long)]
    dry_run: bool,
}

/// An entry that still holds private values.
#[derive(Debug, PartialEq, Eq)]
struct Held {
    number: String,
    at: i64,
    /// The last line with one: an amendment that comes later may bring new ones.
    last: u64,
}

pub(super) fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let keep = if args.due { Some(keep(args, context)?) } else { None };
    let mut all = held(&super::export::lines(&args.register, false, context)?);
    match (&args.number, &keep) {
        (Some(number), _) => all.retain(|one| one.number == *number),
        (None, Some(keep)) => match border(keep, &Timestamp::now().to_zoned(context.zone())) {
            Some(border) => all.retain(|one| one.at < border),
            None => all.clear(),
        },
        (None, None) => all.clear(),
    }
    if !args.dry_run {
        send(args, keep.as_deref(), &all, context)?;
    }
    let numbers: Vec<&str> = all.iter().map(|one| one.number.as_str()).collect();
    let erased = if args.dry_run { 0 } else { numbers.len() };
    let answer = json!({ "register": args.register, "keep": keep, "entries": numbers, "erased": erased });
    context.answer(&answer, |_| said(&numbers, args.dry_run, context));
    Ok(Exit::Ok)
}

fn keep(args: &Args, context: &Context) -> Result<String, Failure> {
    let declared = super::declared(&args.register, context)?;
    declared["keep"].as_str().map(str::to_owned).ok_or_else(|| {
        let message = format!("the register `{}` does not say for how long it keeps", args.register);
        Failure::new(Exit::Faults, "YZ0535", message)
            .help("write `keep = \"10 years\"` into config/registers.toml, or name one entry by its number")
    })
}

/// What was written before has been kept for long enough; none: it is kept for ever.
fn border(keep: &str, now: &Zoned) -> Option<i64> {
    let span: Span = keep.parse().ok()?;
    Some(now.checked_sub(span).ok()?.timestamp().as_millisecond())
}

/// Entries of which a private value is still there, voided and amended ones too.
fn held(lines: &[Value]) -> Vec<Held> {
    let mut held: BTreeMap<u64, Held> = BTreeMap::new();
    let entries = lines.iter().filter(|line| line["kind"] == json!("entry"));
    let by_place: BTreeMap<u64, &Value> =
        entries.filter_map(|line| Some((line["place"].as_u64()?, line))).collect();
    for line in lines.iter().filter(|line| holds(line)) {
        let Some(place) = line["place"].as_u64() else { continue };
        let of = line["of"].as_u64().unwrap_or(place);
        let Some(entry) = by_place.get(&of) else { continue };
        let at = entry["at"].as_i64().unwrap_or(i64::MAX);
        let one = held.entry(of).or_insert_with(|| Held { number: text(entry, "number"), at, last: place });
        one.last = place;
    }
    held.into_values().collect()
}

/// A seal whose value was erased reads as nothing.
fn holds(line: &Value) -> bool {
    let body = line["body"].as_object();
    body.into_iter().flatten().any(|(name, value)| {
        value.get("sealed").is_some_and(Value::is_string) && !line["values"][name.as_str()].is_null()
    })
}

/// Each in a commit of its own: cut short, the next call goes on.
fn send(args: &Args, keep: Option<&str>, all: &[Held], context: &Context) -> Result<(), Failure> {
    let client = context.client()?;
    let path = format!("/api/v1/registers/{}/by-hand/erase", escaped(&args.register));
    let past = || Some(format!("keep = {}", keep?));
    let why = args.why.clone().or_else(past);
    for Held { number, last, .. } in all {
        let id = format!("erase/{}/{number}/{last}", args.register);
        let mut body = json!({ "with": { "number": number, "why": why }, "id": id });
        if let Some(by) = &args.by {
            body["by"] = json!(by);
        }
        client.post(path.clone()).json(&body).send()?;
    }
    Ok(())
}

fn said(numbers: &[&str], dry_run: bool, context: &Context) -> String {
    let count = numbers.len();
    if count == 0 {
        return context.language.pick("没有要擦除的保密内容", "there is nothing private to erase").to_owned();
    }
    let list = numbers.join("\n  ");
    if dry_run {
        return context.language.pick(
            format!("会擦除 {count} 笔的保密内容:\n  {list}"),
            format!("private values of {count} entries would be erased:\n  {list}"),
        );
    }
    context.language.pick(
        format!("擦除了 {count} 笔的保密内容:\n  {list}"),
        format!("private values of {count} entries were erased:\n  {list}"),
    )
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;

    use super::*;

    fn at(text: &str) -> Zoned {
        text.parse::<jiff::civil::DateTime>().unwrap().to_zoned(TimeZone::UTC).unwrap()
    }

    #[test]
    fn a_border_goes_by_the_calendar_and_what_is_kept_for_ever_has_none() {
        let now = at("2026-03-31T10:00");
        let border = |keep| border(keep, &now).map(|at| Timestamp::from_millisecond(at).unwrap().to_string());
        assert_eq!(border("10 years").as_deref(), Some("2016-03-31T10:00:00Z"));
        assert_eq!(border("1 month").as_deref(), Some("2026-02-28T10:00:00Z"));
        assert_eq!(border("90 days").as_deref(), Some("2025-12-31T10:00:00Z"));
        assert_eq!(border("2 weeks").as_deref(), Some("2026-03-17T10:00:00Z"));
        assert_eq!(border("ever"), None);
    }

    #[test]
    fn held_are_entries_with_a_seal_whose_value_is_still_there() {
        let line = |place: u64, kind: &str, of: Option<u64>, name: Value| {
            json!({ "place": place, "kind": kind, "of": of, "number": format!("N{}", of.unwrap_or(place)),
                "at": 1_000 + place, "body": { "name": { "sealed": "ab" }, "card": "A" },
                "values": { "name": name, "card": "A" } })
        };
        let lines = [
            line(1, "entry", None, json!("***")),
            line(2, "entry", None, Value::Null),
            line(3, "amend", Some(1), json!("***")),
            line(4, "entry", None, Value::Null),
            // Given anew after it was erased.
            line(5, "amend", Some(4), json!("***")),
        ];
        let one = |number: &str, at, last| Held { number: number.into(), at, last };
        assert_eq!(held(&lines), [one("N1", 1_001, 3), one("N4", 1_004, 5)]);
        let open = json!({ "place": 1, "kind": "entry", "number": "1", "at": 1, "body": { "card": "***" },
            "values": { "card": "***" } });
        assert_eq!(held(&[open]), [], "a public column");
    }
}
