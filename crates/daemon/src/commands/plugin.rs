//! `yizhan plugin …`: what plugins there are, what one offers, and a way back for one that was put aside. Without a daemon
//! the files are asked.

use std::path::PathBuf;

use serde_json::{Value, json};
use yizhan_plugin_host::PluginInfo;

use super::Context;
use crate::client::escaped;
use crate::exit::{Exit, Failure};
use crate::plugins;
use crate::show::{list, table, text};

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Action {
    /// List the plugins
    #[command(after_help = "Example:\n  yizhan plugin list")]
    List,
    /// Show what a plugin offers: its actions, what they take and return
    #[command(
        after_help = "Examples:\n  yizhan plugin inspect email\n  yizhan plugin inspect target/debug/libyizhan_echo.so --json"
    )]
    Inspect {
        /// A plugin's id, or its file
        plugin: String,
    },
    /// Let a plugin that was put aside after too many crashes try again
    #[command(after_help = "Example:\n  yizhan plugin release email")]
    Release {
        /// The plugin's id
        plugin: String,
    },
}

pub(crate) fn run(action: &Action, context: &Context) -> Result<Exit, Failure> {
    match action {
        Action::List => {
            let list = all(context)?;
            context.answer(&list, |list| listed(list, context));
        }
        Action::Inspect { plugin } => {
            let view = inspect(plugin, context)?;
            context.answer(&view, inspected);
        }
        Action::Release { plugin } => {
            let path = format!("/api/v1/plugins/{}/release", escaped(plugin));
            let view = context.client()?.post(path).send()?;
            context.answer(&view, |view| format!("{}  {}", text(view, "id"), text(view, "state")));
        }
    }
    Ok(Exit::Ok)
}

fn all(context: &Context) -> Result<Value, Failure> {
    match context.client().and_then(|client| client.get("/api/v1/plugins").send()) {
        Err(failure) if failure.exit == Exit::NoDaemon && context.url.is_none() => {
            let (host, refused) = plugins::offline(Some(&context.home()?), Vec::new())?;
            let mut items: Vec<Value> = host.plugins().iter().map(view).collect();
            host.close();
            items.extend(refused.iter().map(|refusal| {
                json!({ "id": refusal.plugin, "state": "refused", "path": refusal.path, "fault": plugins::said(refusal, context.language) })
            }));
            Ok(json!({ "items": items, "next": null }))
        }
        answer => answer,
    }
}

fn inspect(plugin: &str, context: &Context) -> Result<Value, Failure> {
    let path = PathBuf::from(plugin);
    let is_file = plugin.contains('/') || path.extension().is_some_and(|ending| ending == "so");
    let asked = if is_file {
        None
    } else {
        let answer = context
            .client()
            .and_then(|client| client.get(format!("/api/v1/plugins/{}", escaped(plugin))).send());
        match answer {
            Err(failure) if failure.exit == Exit::NoDaemon && context.url.is_none() => None,
            answer => Some(answer?),
        }
    };
    if let Some(view) = asked {
        return Ok(view);
    }
    let home = context.home().ok();
    let files = if is_file { vec![path.clone()] } else { Vec::new() };
    let (host, refused) = plugins::offline(home.as_ref(), files)?;
    let found =
        host.plugins().iter().find(|one| if is_file { one.path == path } else { one.id == plugin }).map(view);
    host.close();
    let mine = |refusal: &&yizhan_plugin_host::Refusal| {
        refusal.path == path || refusal.plugin.as_deref() == Some(plugin)
    };
    match (found, refused.iter().find(mine)) {
        (Some(view), _) => Ok(view),
        (None, Some(refusal)) => {
            let failure = Failure::new(Exit::Faults, refusal.code(), refusal.to_string());
            Err(match refusal.help() {
                Some(help) => failure.help(help),
                None => failure,
            })
        }
        (None, None) => Err(Failure::new(Exit::Faults, "YZ0536", format!("there is no plugin `{plugin}`"))
            .help("`yizhan plugin list` shows those that are found")),
    }
}

/// The same shape as the API's.
pub(crate) fn view(info: &PluginInfo) -> Value {
    let actions: Vec<Value> = info
        .actions
        .iter()
        .map(|action| {
            json!({ "name": action.name, "summary": action.summary, "effect": action.effect, "input": action.input,
                "output": action.output, "examples": action.examples })
        })
        .collect();
    json!({ "id": info.id, "version": info.version, "state": info.state.name, "isolation": info.isolation.name(),
        "path": info.path, "hash": info.sha256, "capabilities": info.capabilities, "config": info.config,
        "actions": actions, "calls": info.calls, "crashes": info.crashes, "fault": info.state.reason })
}

fn listed(list: &Value, context: &Context) -> String {
    let rows: Vec<Vec<String>> = list["items"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|plugin| {
            let fault = text(plugin, "fault");
            let last = if fault.is_empty() { text(plugin, "path") } else { fault };
            vec![
                text(plugin, "id"),
                text(plugin, "version"),
                text(plugin, "state"),
                text(plugin, "isolation"),
                last,
            ]
        })
        .collect();
    if rows.is_empty() {
        return context.language.pick("没有插件", "no plugins").to_owned();
    }
    let head = context
        .language
        .pick(["插件", "版本", "状态", "隔离", "文件"], ["PLUGIN", "VERSION", "STATE", "ISOLATION", "FILE"]);
    table(&head, &rows)
}

fn inspected(plugin: &Value) -> String {
    let mut lines =
        vec![format!("{} {}  {}", text(plugin, "id"), text(plugin, "version"), text(plugin, "path"))];
    for action in plugin["actions"].as_array().into_iter().flatten() {
        lines.push(format!(
            "\n{}.{}  ({})",
            text(plugin, "id"),
            text(action, "name"),
            text(action, "effect")
        ));
        lines.push(format!("  {}", text(action, "summary")));
        for (title, schema) in [("with", &action["input"]), ("returns", &action["output"])] {
            lines.push(format!("  {title}:"));
            lines.extend(fields(schema));
        }
    }
    lines.join("\n")
}

/// `    to*  string | array  — who it goes to`
fn fields(schema: &Value) -> Vec<String> {
    let required: Vec<&str> =
        schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let Some(properties) = schema["properties"].as_object() else { return Vec::new() };
    properties
        .iter()
        .map(|(name, field)| {
            let star = if required.contains(&name.as_str()) { "*" } else { "" };
            let kind = list(&field["type"], " | ");
            format!("    {name}{star}  {kind}  {}", text(field, "description")).trim_end().to_owned()
        })
        .collect()
}
