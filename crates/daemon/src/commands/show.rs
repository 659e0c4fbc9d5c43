//! `yizhan show RUN`: a run with its steps, what they returned, and what it waits for.

use jiff::tz::TimeZone;
use serde_json::{Value, json};
use yizhan_workflow::problem::reason;

use super::Context;
use super::looks::Looks;
use super::run::wait_for;
use crate::client::escaped;
use crate::exit::{Exit, Failure};
use crate::language::Language;
use crate::show::{due, instant, ledger, text, value};

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  yizhan show run_01hsk3v9q2r4t\n  yizhan show 01hsk3 --journal\n  yizhan show 01hsk3 --wait --json"
)]
pub(crate) struct Args {
    /// The run, or a beginning of its id that fits one run alone
    run: String,
    /// Everything that happened to it, line by line
    #[arg(long)]
    journal: bool,
    /// Wait until it is over
    #[arg(long)]
    wait: bool,
    #[command(flatten)]
    looks: Looks,
}

pub(crate) fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let client = context.client()?;
    let path = format!("/api/v1/runs/{}", escaped(&args.run));
    if args.journal {
        let asked = args.looks.query(&[("limit", Some("500")), ("lang", Some(context.language.tag()))]);
        let lines = client.get(format!("{path}/journal{asked}")).send()?;
        context.answer(&lines, |lines| journal(lines, context));
        return Ok(Exit::Ok);
    }
    if args.wait {
        wait_for(&client, &args.run, None, context)?;
    }
    let run = client.get(format!("{path}{}", args.looks.query(&[]))).send()?;
    context.answer(&run, |run| shown(run, context));
    Ok(if args.wait { ended(&run) } else { Exit::Ok })
}

/// How a command that waited ends.
pub(crate) fn ended(run: &Value) -> Exit {
    match run["state"].as_str() {
        Some("done") => Exit::Ok,
        Some("failed" | "cancelled") => Exit::RunFailed,
        Some(_) | None => Exit::StillOpen,
    }
}

fn journal(lines: &Value, context: &Context) -> String {
    let zone = context.zone();
    let items = lines.get("items").unwrap_or(lines).as_array().cloned().unwrap_or_default();
    let lines = items.iter().map(|line| {
        let said = if line["text"].is_string() { text(line, "text") } else { text(line, "event") };
        format!("{:>5}  {}  {said}", text(line, "seq"), instant(line, "at", &zone))
    });
    lines.collect::<Vec<_>>().join("\n")
}

pub(crate) fn shown(run: &Value, context: &Context) -> String {
    let zone = context.zone();
    let say = |zh: &'static str, en: &'static str| context.language.pick(zh, en);
    let mut lines = vec![format!("{}  {}", text(run, "id"), text(run, "title"))];
    let mut line = |name: &str, said: String| {
        if !said.is_empty() {
            lines.push(format!("  {name}: {said}"));
        }
    };
    line(say("流程", "workflow"), text(run, "workflow"));
    line(say("案件", "case"), text(run, "key"));
    line(
        say("状态", "state"),
        [state(&text(run, "state"), context.language), outcome(run, context.language)]
            .join(" ")
            .trim()
            .to_owned(),
    );
    line(say("发起", "by"), text(run, "by"));
    line(say("开始", "started"), instant(run, "started", &zone));
    line(say("结束", "ended"), instant(run, "ended", &zone));
    line(say("期限", "due"), due(run, &zone, context.language));
    line(say("上级", "parent"), text(run, "parent"));
    line(say("在等", "waits for"), waits(&text(run, "waits"), context.language));
    if run["error"].is_object() {
        line(say("错误", "error"), fault(&run["error"], context.language));
    }
    lines.extend(ledger(&run["clock"], &zone, context.language).into_iter().map(|line| format!("  {line}")));
    for step in run["steps"].as_array().into_iter().flatten() {
        lines.extend(step_lines(step, &zone, context.language));
    }
    if !run["output"].is_null() {
        lines.push(format!("  {}: {}", say("结果", "output"), value(&run["output"], 4)));
    }
    lines.join("\n")
}

/// How it ended; of what failed the outcome is the reason.
fn outcome(run: &Value, language: Language) -> String {
    reason(&text(&run["error"], "code"), &text(run, "outcome"), language.lang())
}

fn fault(error: &Value, language: Language) -> String {
    let step = text(error, "step");
    let at = if step.is_empty() { String::new() } else { format!("{step}: ") };
    let code = text(error, "code");
    format!("{at}{} [{code}]", reason(&code, &text(error, "message"), language.lang()))
}

fn step_lines(step: &Value, zone: &TimeZone, language: Language) -> Vec<String> {
    let id = text(step, "id");
    let title = text(step, "title");
    let mark = mark_of(&text(step, "state"));
    let mut lines = vec![format!("  {mark} {id}  {title}").trim_end().to_owned()];
    if step["taken_back"] == json!(true) {
        lines.push(format!("      {}", language.pick("已撤回", "taken back")));
    }
    let items: Vec<&Value> = step["items"].as_array().into_iter().flatten().collect();
    for item in &items {
        // Which of several it is, counted as people count.
        if items.len() > 1 {
            let number = item["item"].as_u64().unwrap_or_default() + 1;
            lines.push(format!("      {} {number}", language.pick("第", "item")));
        }
        let word = text(item, "state");
        let details: Vec<String> = [
            ("", text(item, "outcome")),
            (language.pick("办理 ", "by "), text(item, "by")),
            (language.pick("任务 ", "task "), text(item, "task")),
            (language.pick("子流程 ", "child "), text(item, "child")),
        ]
        .iter()
        .filter(|(_, said)| !said.is_empty())
        .map(|(name, said)| format!("{name}{said}"))
        .collect();
        if let Value::Object(_) = item["failure"] {
            lines.push(format!("      {}", fault(&item["failure"], language)));
        }
        if !details.is_empty() || word == "running" {
            let (state, between) = (state(&word, language), language.pick(",", ", "));
            lines.push(format!("      {state} {}", details.join(between)).trim_end().to_owned());
        }
        let stood = ledger(&item["clock"], zone, language);
        lines.extend(stood.into_iter().map(|line| format!("      {line}")));
        if !item["output"].is_null() && item["output"] != json!({}) {
            lines.push(format!("      {}", value(&item["output"], 6)));
        }
        let inside =
            item["steps"].as_array().into_iter().flatten().flat_map(|step| step_lines(step, zone, language));
        lines.extend(inside.map(|line| format!("    {line}")));
    }
    lines
}

/// The API's word for how something stands, as the reader says it.
fn state(word: &str, language: Language) -> String {
    let chinese = match word {
        "open" => "进行中",
        "closing" => "收尾中",
        "done" => "已完成",
        "failed" => "失败",
        "cancelled" => "已取消",
        "waiting" => "未开始",
        "skipped" => "已跳过",
        "withdrawn" | "dropped" => "已撤下",
        "queued" => "待发出",
        "running" => "办理中",
        "stopping" => "停止中",
        "resting" => "等待重试",
        "unknown" => "结果不明",
        "asking" | "asked" => "等人答复",
        "sleeping" => "等时间",
        "child" => "等子流程",
        "stopping_child" => "停止子流程",
        "slot" => "等名额",
        "listening" => "等事件",
        other => other,
    };
    language.pick(chinese, word).to_owned()
}

fn waits(word: &str, language: Language) -> String {
    let chinese = match word {
        "step" => "系统办理",
        "child" => "子流程",
        "unknown" => "结果待确认",
        "task" => "人办理",
        "slot" => "名额",
        "event" => "事件",
        "time" => "时间",
        other => other,
    };
    language.pick(chinese, word).to_owned()
}

fn mark_of(state: &str) -> &'static str {
    match state {
        "done" => "✓",
        "failed" => "✗",
        "skipped" | "cancelled" | "withdrawn" => "–",
        "" | "waiting" | "idle" => " ",
        _ => "▶",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn why_a_step_failed_is_said_in_the_readers_language_and_a_plugins_words_stay() {
        let failed = |code, message| {
            let item = json!({ "state": "failed", "failure": { "code": code, "message": message } });
            json!({ "id": "a", "title": "", "state": "failed", "items": [item] })
        };
        let child = failed("YZ0315", "run_01k8 was cancelled: 客户撤回");
        assert_eq!(
            step_lines(&child, &TimeZone::UTC, Language::Zh)[1],
            "      子流程 run_01k8 已取消:客户撤回 [YZ0315]"
        );
        assert_eq!(
            step_lines(&child, &TimeZone::UTC, Language::En)[1],
            "      run_01k8 was cancelled: 客户撤回 [YZ0315]"
        );
        let plugin = failed("bank.silent", "no answer came");
        assert_eq!(
            step_lines(&plugin, &TimeZone::UTC, Language::Zh)[1],
            "      no answer came [bank.silent]"
        );
    }

    #[test]
    fn how_a_step_stands_is_said_in_the_readers_language() {
        let item = json!({ "state": "done", "by": "person:ann", "outcome": "yes", "output": null });
        let step = json!({ "id": "look", "title": "查看", "state": "done", "items": [item] });
        assert_eq!(
            step_lines(&step, &TimeZone::UTC, Language::Zh),
            ["  ✓ look  查看", "      已完成 yes,办理 person:ann"]
        );
        assert_eq!(
            step_lines(&step, &TimeZone::UTC, Language::En),
            ["  ✓ look  查看", "      done yes, by person:ann"]
        );
        let items = [
            json!({ "item": 0, "state": "done" }),
            json!({ "item": 1, "state": "asking", "task": "task_1" }),
        ];
        let step =
            json!({ "id": "call", "title": "call", "state": "open", "taken_back": true, "items": items });
        let said = step_lines(&step, &TimeZone::UTC, Language::En);
        let expected = [
            "  ▶ call  call",
            "      taken back",
            "      item 1",
            "      item 2",
            "      asking task task_1",
        ];
        assert_eq!(said, expected);
        assert_eq!((&*state("slot", Language::Zh), &*waits("task", Language::Zh)), ("等名额", "人办理"));
    }
}
