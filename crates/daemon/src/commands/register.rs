//! `yizhan register …`: what registers there are, their entries, whether they are whole, and what goes in and out.

mod bring;
mod erase;
mod export;
mod verify;

use serde_json::{Value, json};

use super::Context;
use super::asked::{Asked, shown};
use crate::client::{escaped, query};
use crate::exit::{Exit, Failure};
use crate::show::{instant, table, text};

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Action {
    /// List the registers: how many lines each has, how it is numbered
    #[command(after_help = "Example:\n  yizhan register list")]
    List,
    /// Show a register's columns, or an entry with everything that was written about it
    #[command(
        after_help = "Examples:\n  yizhan register show 来电登记\n  yizhan register show 来电登记 LD2026-00001"
    )]
    Show {
        /// The register's name
        register: String,
        /// An entry's number
        number: Option<String>,
        /// Show private values
        #[arg(long)]
        private: bool,
    },
    /// Find entries as they stand: amended, and without those that were voided
    #[command(
        after_help = "Examples:\n  yizhan register find 罚单 --where card=A-7 --period \"this year\"\n  yizhan register find 罚单 --by card --show total=sum(amount) --order -total"
    )]
    Find(Find),
    /// Look for what was changed, taken out or put in
    #[command(after_help = verify::HELP)]
    Verify(verify::Args),
    /// Write a register out, as csv for people or as JSON with everything that was hashed
    #[command(
        after_help = "Examples:\n  yizhan register export 来电登记 > 2026.csv\n  yizhan register export 来电登记 --format json --output 来电登记.json"
    )]
    Export(export::Args),
    /// Bring entries in from a csv, xlsx, JSON or TOML file; rows that do not fit come back in a file
    #[command(
        after_help = "Examples:\n  yizhan register import 水表 old.csv --dry-run\n  yizhan register import 水表 old.xlsx --skip-bad"
    )]
    Import(bring::Args),
    /// Erase private values of an entry, or of all that were kept for long enough; the register stays whole
    #[command(after_help = erase::HELP)]
    Erase(erase::Args),
}

#[derive(Debug, clap::Args)]
pub(crate) struct Find {
    /// The register's name
    register: String,
    #[command(flatten)]
    asked: Asked,
    /// Every line as it was written
    #[arg(long)]
    history: bool,
    /// Show private values, and look by them
    #[arg(long)]
    private: bool,
}

pub(crate) fn run(action: &Action, context: &Context) -> Result<Exit, Failure> {
    match action {
        Action::List => list(context),
        Action::Show { register, number, private } => match number {
            Some(number) => entry(register, number, *private, context),
            None => columns(register, context),
        },
        Action::Find(find) => find.run(context),
        Action::Verify(args) => verify::run(args, context),
        Action::Export(args) => export::run(args, context),
        Action::Import(args) => bring::run(args, context),
        Action::Erase(args) => erase::run(args, context),
    }
}

fn list(context: &Context) -> Result<Exit, Failure> {
    let answer = context.client()?.get("/api/v1/registers").send()?;
    context.answer(&answer, |answer| {
        let row = |one: &Value| {
            let gone = context.language.pick("(文件里没有了)", "(no longer in the file)");
            let title = if one["declared"] == json!(true) { text(one, "title") } else { gone.to_owned() };
            vec![text(one, "name"), text(one, "lines"), text(one, "number"), title]
        };
        let rows: Vec<Vec<String>> = answer["items"].as_array().into_iter().flatten().map(row).collect();
        if rows.is_empty() {
            return context.language.pick("没有台账", "there is no register").to_owned();
        }
        let (zh, en) = (["台账", "行数", "编号", "标题"], ["REGISTER", "LINES", "NUMBER", "TITLE"]);
        table(&context.language.pick(zh, en), &rows)
    });
    Ok(Exit::Ok)
}

/// The declaration of one.
pub(super) fn declared(register: &str, context: &Context) -> Result<Value, Failure> {
    let answer = context.client()?.get("/api/v1/registers").send()?;
    let found = answer["items"].as_array().into_iter().flatten().find(|one| one["name"] == json!(register));
    found.cloned().ok_or_else(|| {
        Failure::new(Exit::Faults, "YZ0404", format!("there is no register `{register}`"))
            .help("`yizhan register list` shows which there are")
    })
}

fn columns(register: &str, context: &Context) -> Result<Exit, Failure> {
    let answer = declared(register, context)?;
    context.answer(&answer, |answer| {
        let private = context.language.pick("保密", "private");
        let row = |one: &Value| {
            let mark = if one["private"] == json!(true) { private } else { "" };
            vec![text(one, "name"), text(one, "type"), text(one, "label"), mark.to_owned()]
        };
        let rows: Vec<Vec<String>> = answer["columns"].as_array().into_iter().flatten().map(row).collect();
        let (zh, en) = (["栏目", "类型", "名称", ""], ["COLUMN", "TYPE", "LABEL", ""]);
        table(&context.language.pick(zh, en), &rows)
    });
    Ok(Exit::Ok)
}

fn entry(register: &str, number: &str, private: bool, context: &Context) -> Result<Exit, Failure> {
    let asked = query(&[("number", Some(number)), ("private", private.then_some("true"))]);
    let path = format!("/api/v1/registers/{}/lines{asked}", escaped(register));
    let answer = context.client()?.get(path).send()?;
    context.answer(&answer, |answer| {
        let zone = context.zone();
        let mut told = String::new();
        for line in answer["items"].as_array().into_iter().flatten() {
            let kind = kind(&text(line, "kind"), context);
            let (place, at, by) = (text(line, "place"), instant(line, "at", &zone), text(line, "by"));
            told.push_str(&format!("#{place}  {at}  {kind}  {by}  {}\n", text(line, "why")));
            for (name, value) in line["values"].as_object().into_iter().flatten() {
                told.push_str(&format!("    {name}: {}\n", crate::show::value(value, 8)));
            }
        }
        told
    });
    Ok(Exit::Ok)
}

fn kind(word: &str, context: &Context) -> String {
    let chinese = match word {
        "entry" => "登记",
        "amend" => "更正",
        "void" => "作废",
        "erase" => "擦除保密内容",
        other => other,
    };
    context.language.pick(chinese, word).to_owned()
}

impl Find {
    fn run(&self, context: &Context) -> Result<Exit, Failure> {
        let asked = query(&[("private", self.private.then_some("true"))]);
        let path = format!("/api/v1/registers/{}/find{asked}", escaped(&self.register));
        let mut with = self.asked.with()?;
        with["history"] = json!(self.history);
        let answer = context.client()?.post(path).json(&with).send()?;
        context.answer(&answer, |answer| {
            shown(answer, context.language.pick("没有符合的记录", "no entry fits"), context)
        });
        Ok(Exit::Ok)
    }
}
