//! `yizhan audit`: who did what, and whether all of it is as it was written.

use serde_json::Value;

use super::Context;
use super::paging::{Paging, more};
use crate::exit::{Exit, Failure};
use crate::show::{table, text};

#[derive(Debug, clap::Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "Examples:\n  yizhan audit --limit 20\n  yizhan audit --who li.na --since 2026-11-01\n  yizhan audit --about run_06zv2k9q4m8t1\n  yizhan audit verify"
)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Option<Action>,
    #[command(flatten)]
    wanted: Wanted,
    #[command(flatten)]
    page: Paging,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Whether each line of the audit is what it was
    #[command(after_help = "Example:\n  yizhan audit verify")]
    Verify,
}

/// Which acts are wanted.
#[derive(Debug, clap::Args)]
struct Wanted {
    /// By whom: a person's id, token:NAME, socket or stranger
    #[arg(long, value_name = "WHO")]
    who: Option<String>,
    /// Of this kind, as --json shows it: tasks/answer, runs/cancel
    #[arg(long)]
    kind: Option<String>,
    /// About a case, task, workflow, person or token, by its id
    #[arg(long, value_name = "ID")]
    about: Option<String>,
    /// From this day on
    #[arg(long, value_name = "DAY")]
    since: Option<String>,
    /// Up to this day
    #[arg(long, value_name = "DAY")]
    until: Option<String>,
}

pub(crate) fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    match args.action {
        Some(Action::Verify) => verified(context),
        None => listed(args, context),
    }
}

fn listed(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let wanted = &args.wanted;
    let asked = [
        ("who", wanted.who.as_deref()),
        ("kind", wanted.kind.as_deref()),
        ("about", wanted.about.as_deref()),
        ("since", wanted.since.as_deref()),
        ("until", wanted.until.as_deref()),
        ("lang", Some(context.language.pick("zh", "en"))),
    ];
    let found = context.client()?.get(format!("/api/v1/audit{}", args.page.query(&asked))).send()?;
    context.answer(&found, |found| acts(found, context));
    Ok(Exit::Ok)
}

fn verified(context: &Context) -> Result<Exit, Failure> {
    let answer = context.client()?.get("/api/v1/audit/verify").send()?;
    let whole = answer["broken"].is_null();
    context.answer(&answer, |answer| {
        let pick = |zh: &'static str, en: &'static str| context.language.pick(zh, en);
        if whole {
            let (lines, head) = (&answer["lines"], text(answer, "head"));
            format!("{} {lines}, {} {head}", pick("完好,行数", "whole, lines"), pick("末尾", "head"))
        } else {
            format!("{} {}", pick("被改动过:", "tampered with:"), answer["broken"])
        }
    });
    Ok(if whole { Exit::Ok } else { Exit::Failed })
}

/// An act and what it changed: `李娜 改待办的期限 (装表 · 05): 期限 2026-11-23 10:00 → 2026-12-02 00:00`.
fn acts(found: &Value, context: &Context) -> String {
    let items = found["items"].as_array().into_iter().flatten();
    let side = |change: &Value, name: &str| {
        let said = text(change, name);
        if said.is_empty() { "—".to_owned() } else { said }
    };
    let line = |item: &Value| {
        let asked = &item["asked"];
        let about = item["about"].as_array().into_iter().flatten().map(|about| text(about, "title"));
        let about: Vec<String> = about.collect();
        let changes = item["changes"].as_array().into_iter().flatten().map(|change| {
            format!("{} {} → {}", text(change, "what"), side(change, "before"), side(change, "after"))
        });
        let mut what = text(item, "what");
        if let Some(status) = item["answered"]["status"].as_u64().filter(|status| *status >= 400) {
            what.push_str(&format!(" ({status})"));
        }
        let changes: Vec<String> = changes.collect();
        let at = asked["at"].as_i64().map_or_else(String::new, |at| {
            jiff::Timestamp::from_millisecond(at).map_or_else(|_| at.to_string(), |at| at.to_string())
        });
        vec![
            item["seq"].to_string(),
            at,
            text(item, "by"),
            text(asked, "from"),
            what,
            about.join(", "),
            changes.join("; "),
        ]
    };
    let rows: Vec<Vec<String>> = items.map(line).collect();
    let head = context.language.pick(
        ["行", "时间", "谁", "来自", "做了什么", "对象", "改前 → 改后"],
        ["LINE", "AT", "WHO", "FROM", "WHAT", "ABOUT", "BEFORE → AFTER"],
    );
    table(&head, &rows) + more(found, context.language)
}
