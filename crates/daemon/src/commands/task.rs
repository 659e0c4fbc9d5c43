//! `yizhan task …`: looks at one task, takes it, gives it back, answers it, settles what nobody else can decide.

use std::path::PathBuf;

use serde_json::{Map, Value, json};
use yizhan_workflow::problem::reason;

use super::Context;
use super::fields::{Fields, upload};
use super::looks::Looks;
use crate::client::{Client, escaped, query};
use crate::exit::{Exit, Failure};
use crate::language::Language;
use crate::show::{due, instant, ledger, list, text, value};

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Action {
    /// Show a task: its form, its options, the case
    #[command(after_help = "Example:\n  yizhan task show task_01hsk3v9q2r4t")]
    Show {
        /// The task's id, as `yizhan tasks` lists it
        task: String,
        #[command(flatten)]
        looks: Looks,
    },
    /// Take a task, so that nobody else answers it
    #[command(after_help = "Example:\n  yizhan task claim task_01hsk3v9q2r4t --by person:li.na")]
    Claim(Whose),
    /// Give a task back
    #[command(after_help = "Example:\n  yizhan task release task_01hsk3v9q2r4t --by person:li.na")]
    Release(Whose),
    /// Hand a task over to others, who then do it
    #[command(
        after_help = "Example:\n  yizhan task hand-over task_01hsk3v9q2r4t group:供水管理部 --by person:li.na --note 不归我们管"
    )]
    HandOver {
        #[command(flatten)]
        given: Given,
    },
    /// Let others do a task for you; it stays yours as well
    #[command(
        after_help = "Example:\n  yizhan task delegate task_01hsk3v9q2r4t person:wang.wei --by person:li.na"
    )]
    Delegate {
        #[command(flatten)]
        given: Given,
    },
    /// Say something of a task to whoever does it
    #[command(
        after_help = "Example:\n  yizhan task comment task_01hsk3v9q2r4t 客户下午不在家 --by person:li.na"
    )]
    Comment {
        #[command(flatten)]
        whose: Whose,
        /// What to say
        text: String,
    },
    /// Keep what is filled in so far, for you alone; nothing given throws it away
    #[command(
        after_help = "Example:\n  yizhan task draft task_01hsk3v9q2r4t --by person:wang.wei --set cause=主管爆裂\n  yizhan task answer task_01hsk3v9q2r4t --by person:wang.wei --draft --set result=fixed"
    )]
    Draft {
        #[command(flatten)]
        whose: Whose,
        #[command(flatten)]
        fields: Fields,
    },
    /// Answer a task
    #[command(
        after_help = "Example:\n  yizhan task answer task_01hsk3v9q2r4t --by person:wang.wei --set result=fixed --set cause=主管爆裂\n  yizhan task answer task_01hsk3v9q2r4t --rows goods=goods.csv --set papers=card,slip\n  yizhan task answer task_01hsk3v9q2r4t --set 'sign:={\"refused\": true, \"witness\": \"person:zhao.min\"}'\n  yizhan task answer task_01hsk3v9q2r4t --on-behalf-of mail:li@example.com --paper fax.pdf --set approved=yes"
    )]
    Answer {
        #[command(flatten)]
        whose: Whose,
        /// The outsider (`mail:…`) who answered on paper or by fax; it is entered for them
        #[arg(long, value_name = "WHO", requires = "paper")]
        on_behalf_of: Option<String>,
        /// The fax or the scanned paper, which is kept; may be repeated
        #[arg(long, value_name = "FILE", requires = "on_behalf_of")]
        paper: Vec<PathBuf>,
        /// With what `task draft` kept, where nothing else is given
        #[arg(long, conflicts_with = "on_behalf_of")]
        draft: bool,
        #[command(flatten)]
        fields: Fields,
    },
    /// Decide about a step that cannot go on by itself
    #[command(
        after_help = "Examples:\n  yizhan task settle task_01hsk3v9q2r4t again\n  yizhan task settle task_01hsk3v9q2r4t happened --set number=17"
    )]
    Settle {
        #[command(flatten)]
        whose: Whose,
        /// It happened (with these values); try it again; skip it (with these values); fail; leave it
        verdict: Verdict,
        #[command(flatten)]
        fields: Fields,
    },
}

#[derive(Debug, clap::Args)]
pub(crate) struct Given {
    #[command(flatten)]
    whose: Whose,
    /// Who is to do it: `person:li.na`, `group:…`, `role:…`; several may
    #[arg(required = true, value_name = "TO")]
    to: Vec<String>,
    /// Why, for whoever gets it
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,
}

impl Given {
    fn body(&self, delegate: bool) -> Value {
        json!({ "by": self.whose.by, "via": VIA, "to": self.to, "note": self.note, "delegate": delegate })
    }
}

/// How acts from here are called in the journal.
const VIA: &str = "cli";

#[derive(Debug, clap::Args)]
pub(crate) struct Whose {
    /// The task's id, as `yizhan tasks` lists it
    task: String,
    /// Who acts, as `person:li.na`; else whoever owns the daemon's socket
    #[arg(long, value_name = "WHO")]
    by: Option<String>,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub(crate) enum Verdict {
    Happened,
    Again,
    Skip,
    Fail,
    Leave,
}

impl Verdict {
    fn word(self) -> &'static str {
        match self {
            Self::Happened => "happened",
            Self::Again => "again",
            Self::Skip => "skip",
            Self::Fail => "fail",
            Self::Leave => "leave",
        }
    }
}

pub(crate) fn run(action: &Action, context: &Context) -> Result<Exit, Failure> {
    let client = context.client()?;
    let path = |task: &str, verb: &str| format!("/api/v1/tasks/{}{verb}", escaped(task));
    if let Action::Show { task, looks } = action {
        let task = client.get(format!("{}{}", path(task, ""), looks.query(&[]))).send()?;
        let said = shown(&task, context);
        context.answer(&task, |_| said);
        return Ok(Exit::Ok);
    }
    if let Action::Draft { whose, fields } = action {
        let body = json!({ "by": whose.by, "fields": fields.read(&client)? });
        let answer = client.put(path(&whose.task, "/draft")).json(&body).send()?;
        let (zh, en) = if answer["kept"] == json!(true) {
            ("已存草稿", "kept")
        } else {
            ("草稿已清除", "thrown away")
        };
        context.answer(&answer, |_| context.language.pick(zh, en).to_owned());
        return Ok(Exit::Ok);
    }
    let Some(Act { task, verb, body, said }) = act(action, &client)? else { return Ok(Exit::Ok) };
    let answer = client.post(path(&task, verb)).json(&body).send()?;
    context.answer(&answer, |_| context.language.pick(said.0, said.1).to_owned());
    Ok(Exit::Ok)
}

/// What somebody does with a task, as the API takes it, and what is said when it is done.
struct Act {
    task: String,
    verb: &'static str,
    body: Value,
    said: (&'static str, &'static str),
}

/// None of who only looks.
fn act(action: &Action, client: &Client) -> Result<Option<Act>, Failure> {
    let by = |whose: &Whose, verb, more: Value, said| {
        let mut body = Map::from_iter([("by".to_owned(), json!(whose.by)), ("via".to_owned(), json!(VIA))]);
        if let Value::Object(more) = more {
            body.extend(more);
        }
        Act { task: whose.task.clone(), verb, body: body.into(), said }
    };
    let none = Value::Null;
    Ok(Some(match action {
        Action::Show { .. } | Action::Draft { .. } => return Ok(None),
        Action::Claim(whose) => by(whose, "/claim", none, ("已领取", "it is yours")),
        Action::Release(whose) => by(whose, "/release", none, ("已退回", "it was given back")),
        Action::HandOver { given } => {
            by(&given.whose, "/hand-over", given.body(false), ("已转交", "handed over"))
        }
        Action::Delegate { given } => {
            by(&given.whose, "/hand-over", given.body(true), ("已委托", "delegated"))
        }
        Action::Comment { whose, text } => by(whose, "/comment", json!({ "text": text }), ("已留言", "said")),
        Action::Answer { whose, on_behalf_of, paper, draft, fields } => {
            let mut given = if *draft { drafted(whose, client)? } else { Map::new() };
            given.extend(fields.read(client)?);
            let kept = paper.iter().map(|path| upload(client, path)).collect::<Result<Vec<Value>, _>>()?;
            let body = match on_behalf_of {
                Some(whom) => json!({ "on_behalf_of": whom, "paper": kept, "fields": given }),
                None => json!({ "fields": given }),
            };
            by(whose, "/answer", body, ("已答复", "answered"))
        }
        Action::Settle { whose, verdict, fields } => {
            let values = fields.read(client)?;
            let mut body = Map::from_iter([
                ("by".to_owned(), json!(whose.by)),
                ("verdict".to_owned(), verdict.word().into()),
            ]);
            if !values.is_empty() {
                body.insert("values".to_owned(), Value::Object(values));
            }
            Act {
                task: whose.task.clone(), verb: "/settle", body: body.into(), said: ("已决定", "settled")
            }
        }
    }))
}

/// What whoever acts has filled in before.
fn drafted(whose: &Whose, client: &Client) -> Result<Map<String, Value>, Failure> {
    let asked = query(&[("by", whose.by.as_deref())]);
    let task = client.get(format!("/api/v1/tasks/{}{asked}", escaped(&whose.task))).send()?;
    Ok(task["draft"]["fields"].as_object().cloned().unwrap_or_default())
}

fn shown(task: &Value, context: &Context) -> String {
    let zone = context.zone();
    let say = |zh: &'static str, en: &'static str| context.language.pick(zh, en);
    let mut lines = vec![format!("{}  {}", text(task, "id"), text(task, "title"))];
    let who = list(&task["who"], "、");
    for (name, said) in [
        (say("谁", "who"), who),
        (say("已由", "taken by"), text(task, "claimed_by")),
        (say("受谁委托", "done for"), text(task, "delegated_by")),
        (say("回避", "not"), list(&task["not"], "、")),
        (say("期限", "due"), due(task, &zone, context.language)),
        (say("运行", "run"), format!("{} {}", text(task, "run"), text(task, "workflow"))),
        (say("案件", "case"), value(&task["case"]["input"], 4)),
    ] {
        if !said.trim().is_empty() {
            lines.push(format!("  {name}: {said}"));
        }
    }
    for field in task["form"]["fields"].as_array().into_iter().flatten() {
        lines.push(field_line(field, context));
    }
    lines.extend(question(task, context.language));
    if let Some(kept) = task.get("draft") {
        let at = instant(kept, "at", &zone);
        lines.push(format!("  {}: {} ({at})", say("草稿", "draft"), value(&kept["fields"], 4)));
    }
    lines.extend(ledger(&task["clock"], &zone, context.language).into_iter().map(|line| format!("  {line}")));
    for said in task["comments"].as_array().into_iter().flatten() {
        lines.push(format!("  {} {}: {}", instant(said, "at", &zone), text(said, "by"), text(said, "text")));
    }
    lines.join("\n")
}

/// What is asked of the owner of a step that cannot go on by itself, and how to say it.
fn question(task: &Value, language: Language) -> Vec<String> {
    let say = |zh: &'static str, en: &'static str| language.pick(zh, en);
    let words: Vec<&str> =
        task["answers"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    if words.is_empty() || words == ["answer"] {
        return Vec::new();
    }
    let mut lines = Vec::new();
    if let Some(item) = task["item"].as_u64() {
        lines.push(format!("  {}: {} {item}", say("哪一项", "which"), say("第", "item")));
    }
    let (code, message) = (text(&task["evidence"], "code"), text(&task["evidence"], "message"));
    let message = reason(&code, &message, language.lang());
    if !code.is_empty() {
        lines.push(format!("  {}: {code} {message}", say("出了什么", "what happened")));
    }
    lines.push(format!("  {}:", say("怎样答复", "how to answer")));
    for word in words {
        let meant = match word {
            "happened" => say("已经办成;结果用 --set 补上", "it happened; give what it returned with --set"),
            "again" => say("再来一次", "once more"),
            "skip" => say(
                "跳过;后面要用的值用 --set 补上",
                "go on without it; give what later steps need with --set",
            ),
            "leave" => say("就这样,往下走", "leave it as it is, and go on"),
            _ => say("算失败", "it failed"),
        };
        lines.push(format!("    yizhan task settle {} {word}    # {meant}", text(task, "id")));
    }
    lines
}

/// `  result* (choice): 处理结果 — fixed 已修复 | complex 复杂问题`
fn field_line(field: &Value, context: &Context) -> String {
    let name = text(field, "name");
    let star = if field["required"] == json!(true) { "*" } else { "" };
    let mut line = format!("  {name}{star} ({}): {}", text(field, "type"), text(field, "label"));
    let options: Vec<String> = field["options"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|one| format!("{} {}", text(one, "code"), text(one, "label")))
        .collect();
    if !options.is_empty() {
        line.push_str(" — ");
        line.push_str(&options.join(" | "));
    }
    for (key, zh, en) in [
        ("default", "缺省", "default"),
        ("value", "内容", "value"),
        ("by", "签字人", "by"),
        ("witness", "见证", "witness"),
        ("kinds", "收", "takes"),
        ("size", "每个最多字节", "bytes at most"),
        ("updates", "更正", "corrects"),
    ] {
        if !field[key].is_null() {
            line.push_str(&format!(" [{} {}]", context.language.pick(zh, en), value(&field[key], 4)));
        }
    }
    // The columns of a table that are asked.
    for column in field["fields"].as_array().into_iter().flatten() {
        if column["shown"] != json!(true) {
            line.push_str("\n  ");
            line.push_str(&field_line(column, context));
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_to_the_owner_says_what_happened_to_which_item_and_how_to_answer() {
        let task = json!({
            "id": "task_1", "item": 2, "answers": ["again", "skip", "fail"],
            "evidence": { "code": "http.503", "message": "busy" },
        });
        let said = question(&task, Language::En);
        assert_eq!(said[..2], ["  which: item 2", "  what happened: http.503 busy"]);
        assert!(said[4].starts_with("    yizhan task settle task_1 skip    # go on without it"), "{said:?}");
        assert_eq!(said.len(), 6);
        assert!(question(&task, Language::Zh)[3].ends_with("again    # 再来一次"));
        assert!(
            question(&json!({ "answers": ["answer"] }), Language::En).is_empty(),
            "a form is no question"
        );
    }
}
