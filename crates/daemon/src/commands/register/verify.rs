//! `yizhan register verify`: against itself, the runs' journals, and the heads that were written down meanwhile.

use std::path::PathBuf;

use serde_json::{Value, json};
use yizhan_engine::registers::{self, Signet, Witness};
use yizhan_store::Sqlite;
use yizhan_workflow::register::{Head, told};

use super::super::Context;
use crate::client::query;
use crate::exit::{Exit, Failure};
use crate::heads;
use crate::home::Home;
use crate::keys;
use crate::show::text;

pub(super) const HELP: &str = "Examples:\n  yizhan register verify\n  yizhan register verify 来电登记 --heads /mnt/safe/registers.heads\n\nIt finds what was edited, deleted, put in, swapped or cut off, and a register that was written anew as a whole: by the\nheads in the runs' journals, and by those that the daemon writes into data/registers.heads and its log each day.\nKeep a copy of that file where nobody who can reach the store can reach it. Without a daemon it opens the store itself.";

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Only this register
    register: Option<String>,
    /// A file of heads that was kept elsewhere, beside the home's own; may be repeated
    #[arg(long, value_name = "FILE")]
    heads: Vec<PathBuf>,
}

pub(super) fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let known = known(args, context)?;
    let asked = query(&[("lang", Some(context.language.tag()))]);
    let heads: Vec<Value> = known
        .iter()
        .map(|Witness { name, head }| {
            json!({ "witness": name, "register": &*head.register, "seq": head.seq, "hash": &*head.hash })
        })
        .collect();
    let body = json!({ "register": args.register, "heads": heads });
    let asked =
        context.client().and_then(|client| client.post(format!("/api/v1/verify{asked}")).json(&body).send());
    let answer = match asked {
        Ok(answer) => answer,
        Err(failure) if failure.exit == Exit::NoDaemon && context.url.is_none() => {
            store_alone(args, &context.home()?, known, context)?
        }
        Err(failure) => return Err(failure),
    };
    let items = answer["items"].as_array().map(Vec::as_slice).unwrap_or_default();
    if let Some(name) = args.register.as_deref().filter(|_| items.is_empty()) {
        super::declared(name, context)?;
    }
    context.answer(&answer, |_| shown(items, context));
    let whole = items.iter().all(|one| one["faults"].as_array().is_none_or(Vec::is_empty));
    Ok(if whole { Exit::Ok } else { Exit::Faults })
}

/// Heads of the home's own file and of those that were named.
fn known(args: &Args, context: &Context) -> Result<Vec<Witness>, Failure> {
    let own = if context.url.is_none() { vec![heads::file(&context.home()?)] } else { vec![] };
    let mut known = Vec::new();
    for path in own.iter().filter(|path| path.exists()).chain(&args.heads) {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let text = std::fs::read_to_string(path).map_err(|error| {
            Failure::new(Exit::Faults, "YZ0535", format!("`{}`: {error}", path.display()))
        })?;
        let heads = heads::read(&text).map_err(|line| {
            let message = format!("`{}`: line {line} is no head of a register", path.display());
            Failure::new(Exit::Faults, "YZ0535", message).help("take the file as the daemon wrote it")
        })?;
        known.extend(
            heads
                .into_iter()
                .map(|(at, head): (String, Head)| Witness { name: format!("{name} ({at})"), head }),
        );
    }
    Ok(known)
}

/// What can be said of a store that no daemon holds.
fn store_alone(args: &Args, home: &Home, known: Vec<Witness>, context: &Context) -> Result<Value, Failure> {
    let path = home.data.join(home.config(None)?.store.path);
    if !path.exists() {
        return Ok(json!({ "items": [] }));
    }
    let broken = |error: &yizhan_engine::store::StoreError| Failure::of(Exit::Failed, "YZ0509", error);
    let store = Sqlite::open(&path)
        .map_err(|error| Failure::of(Exit::Failed, error.code(), &error).help(error.help()))?;
    let reads = store.reads();
    let mut witnesses = registers::witnesses(&*reads).map_err(|error| broken(&error))?;
    witnesses.extend(known);
    let signet = keys::known(home, keys::REGISTERS)?.map(Signet::new);
    let verified = registers::verify(&*reads, args.register.as_deref(), &witnesses, signet.as_ref())
        .map_err(|error| broken(&error))?;
    let item = |one: &registers::Verified| {
        let sentences: Vec<String> =
            one.faults.iter().map(|fault| told(fault, context.language.lang())).collect();
        json!({ "register": &*one.register, "lines": one.lines, "faults": one.faults, "sentences": sentences,
            "signatures": signet.is_some(),
            "hash": one.head.as_ref().map(|head| head.hash.to_string()) })
    };
    Ok(json!({ "items": verified.iter().map(item).collect::<Vec<_>>() }))
}

fn shown(items: &[Value], context: &Context) -> String {
    if items.is_empty() {
        return context.language.pick("台账里还没有记录", "no register has an entry yet").to_owned();
    }
    let mut said = Vec::new();
    if items.iter().any(|one| one["signatures"] == json!(false)) {
        said.push(context.language.pick(
            "没有核对签章:这里没有 data/registers.key。把备份里的钥匙放回去再核对一遍",
            "no signature was checked: there is no data/registers.key here. Put back the one of the backup, and verify again",
        ).to_owned());
    }
    for one in items {
        let (name, lines) = (text(one, "register"), text(one, "lines"));
        let sentences = one["sentences"].as_array().map(Vec::as_slice).unwrap_or_default();
        if sentences.is_empty() {
            let hash: String = text(one, "hash").chars().take(12).collect();
            said.push(context.language.pick(
                format!("{name}:{lines} 行,完整,末行 {hash}"),
                format!("{name}: {lines} lines, whole, ends with {hash}"),
            ));
            continue;
        }
        said.push(context.language.pick(
            format!("{name}:{lines} 行,有 {} 处不对:", sentences.len()),
            format!("{name}: {lines} lines, {} faults:", sentences.len()),
        ));
        said.extend(sentences.iter().filter_map(Value::as_str).map(|sentence| format!("  - {sentence}")));
    }
    said.join("\n")
}
