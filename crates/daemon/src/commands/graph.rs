//! `yizhan graph`: draws a workflow.

use std::path::PathBuf;

use serde_json::json;
use yizhan_console::graph::{dot, mermaid, svg};

use super::Context;
use super::read::{named, sound};
use crate::exit::{Exit, Failure};

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  yizhan graph returns -o returns.svg\n  yizhan graph returns --format mermaid\n  yizhan graph returns --format dot | dot -Tpdf > returns.pdf"
)]
pub(crate) struct Args {
    /// The workflow's name, or its file
    workflow: String,
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// Where it is written; else the standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, Default, clap::ValueEnum)]
enum Format {
    #[default]
    Svg,
    Mermaid,
    Dot,
}

pub(crate) fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let file = named(&args.workflow, context.home().ok().as_ref())?;
    let workflow = sound(&file, context)?;
    let language = context.language.lang();
    let drawn = match args.format {
        Format::Svg => svg::svg(workflow, language, &svg::Marks::default()),
        Format::Mermaid => mermaid(workflow, language),
        Format::Dot => dot(workflow, language),
    };
    match &args.output {
        Some(path) => std::fs::write(path, format!("{drawn}\n"))?,
        None => context.answer(&json!({ "graph": drawn }), |_| drawn.clone()),
    }
    Ok(Exit::Ok)
}
