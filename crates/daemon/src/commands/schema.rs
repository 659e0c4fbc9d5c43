//! `yizhan schema`: the JSON Schema of workflow files, for editors.

use std::path::PathBuf;

use serde_json::json;

use super::Context;
use crate::exit::{Exit, Failure};
use crate::plugins;
use crate::schema::{of_tests, of_workflows};

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  yizhan schema -o schema/workflow.json\n  yizhan schema --lang zh > workflow.json\n  yizhan schema --tests -o schema/tests.json\n\nWith `#:schema ../schema/workflow.json` in its first line, Taplo and Even Better TOML complete and explain a file's keys."
)]
pub(crate) struct Args {
    /// Where it is written; else the standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// That of files of tests (`*.test.toml`)
    #[arg(long)]
    tests: bool,
}

pub(crate) fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let home = context.home().ok();
    let (catalogue, _) = plugins::offline_catalogue(home.as_ref())?;
    let schema = match args.tests {
        true => of_tests(&catalogue, context.language),
        false => of_workflows(&catalogue, context.language),
    };
    match &args.output {
        None => context.say_json(&schema),
        Some(path) => {
            if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
                std::fs::create_dir_all(folder)?;
            }
            std::fs::write(path, format!("{schema:#}\n"))?;
            let shown = path.display().to_string();
            context.answer(&json!({ "file": shown }), |_| {
                context.language.pick(format!("已写到 {shown}"), format!("written to {shown}"))
            });
        }
    }
    Ok(Exit::Ok)
}
