//! `yizhan read`: says a workflow in sentences.

use std::io::IsTerminal as _;
use std::path::PathBuf;

use yizhan_workflow::plan::Workflow;
use yizhan_workflow::prose::reading;

use super::Context;
use super::check::read_all;
use super::plan::registers_of;
use crate::exit::{Exit, Failure};
use crate::home::Home;
use crate::workflows::FileRead;

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  yizhan read returns\n  yizhan read workflows/shop/returns.toml --lang zh\n  yizhan read returns --json | jq -r '.steps[].title'"
)]
pub(crate) struct Args {
    /// A workflow's file, or its name
    file: String,
}

pub(crate) fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let home = context.home().ok();
    let file = named(&args.file, home.as_ref())?;
    let workflow = sound(&file, context)?;
    let language = context.language.lang();
    let registers = home.as_ref().and_then(|home| registers_of(home).ok()).unwrap_or_default();
    let reading = reading(workflow, &registers, language);
    context.answer(&serde_json::json!(reading), |_| reading.text(language));
    Ok(Exit::Ok)
}

/// The file of that path, or of that name in the home.
pub(crate) fn named(file: &str, home: Option<&Home>) -> Result<FileRead, Failure> {
    let mut files = read_all(&[PathBuf::from(file)], home)?;
    match (files.pop(), files.is_empty()) {
        (Some(file), true) => Ok(file),
        _ => Err(Failure::new(Exit::Usage, "YZ0519", format!("`{file}` is not one file"))),
    }
}

/// The workflow, where the file has no faults; else they are said.
pub(crate) fn sound<'f>(file: &'f FileRead, context: &Context) -> Result<&'f Workflow, Failure> {
    match &file.outcome {
        Ok(read) => Ok(&read.workflow),
        Err(problems) => {
            let colour = std::io::stderr().is_terminal();
            let mut failure = Failure::new(Exit::Faults, "YZ0519", format!("`{}` has faults", file.shown));
            failure.details = file.render(problems, context.language, colour);
            Err(failure.help("`yizhan check` says more"))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use yizhan_workflow::problem::Lang;
    use yizhan_workflow::register::Registers;

    use super::*;

    fn told(path: &str, language: Lang) -> String {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../workflows");
        let root = std::fs::canonicalize(root).unwrap();
        let file = crate::workflows::read_file(&root.join(path), &root, &root);
        let registers = std::fs::read_to_string(root.join("../config/registers.toml")).unwrap();
        let registers = Registers::read(&registers).unwrap();
        reading(&file.outcome.unwrap().workflow, &registers, language).text(language)
    }

    /// After a change of the words or the workflows, read the difference as a clerk would.
    #[test]
    fn the_shipped_workflows_are_told_so_that_a_clerk_understands_them() {
        for path in [
            "shop/returns",
            "shop/refund",
            "water/fault-dispatch",
            "archive/retention",
            "customer/new-customer",
            "customer/credit-change",
            "complaint/complaints",
            "staff/fines",
        ] {
            let name = path.rsplit('/').next().unwrap();
            insta::assert_snapshot!(format!("{name}.zh"), told(&format!("{path}.toml"), Lang::Zh));
            insta::assert_snapshot!(format!("{name}.en"), told(&format!("{path}.toml"), Lang::En));
        }
    }
}
