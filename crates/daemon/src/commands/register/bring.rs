//! `yizhan register import`: entries of a file, all of them checked before the first is written.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use yizhan_workflow::register::{Register, Registers};

use super::super::Context;
use crate::client::escaped;
use crate::exit::{Exit, Failure};
use crate::intake::folder::content::{self, Content};

/// Entries that are sent at once, each lot a commit of its own,
const AT_ONCE: usize = 500;
/// and about so many bytes of them.
const BYTES_AT_ONCE: usize = 256 * 1024;

/// It is said how far it is whenever so many more rows are in.
const TOLD_EACH: usize = 10_000;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The register's name
    register: String,
    /// Rows with a column's name or label over each column
    file: PathBuf,
    /// Only say which rows do not fit
    #[arg(long)]
    dry_run: bool,
    /// Write the rows that fit, though others do not
    #[arg(long)]
    skip_bad: bool,
    /// Who brings them in
    #[arg(long, value_name = "WHO")]
    by: Option<String>,
}

/// A row that does not fit: its number in the file, counted from 1, and why.
struct Bad {
    row: usize,
    why: String,
}

pub(super) fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let register = register(args, context)?;
    let bytes = std::fs::read(&args.file).map_err(|error| {
        Failure::new(Exit::Faults, "YZ0535", format!("`{}`: {error}", args.file.display()))
    })?;
    let rows = rows(&args.file, &bytes, context)?;
    let (good, bad) = sorted(&register, &rows);
    let report = if bad.is_empty() { None } else { Some(report(&args.file, &rows, &bad)?) };
    let mut written = 0;
    if !args.dry_run && (bad.is_empty() || args.skip_bad) {
        written = send(args, &Sha256::digest(&bytes), &good, context)?;
    }
    let faults: Vec<Value> = bad.iter().map(|bad| json!({ "row": bad.row, "why": bad.why })).collect();
    let report = report.map(|path| path.display().to_string());
    let answer = json!({ "rows": rows.len(), "good": good.len(), "written": written, "bad": faults, "report": report });
    context.answer(&answer, |_| said(&answer, &bad, context));
    Ok(if bad.is_empty() || args.skip_bad { Exit::Ok } else { Exit::Faults })
}

fn register(args: &Args, context: &Context) -> Result<Register, Failure> {
    let home = context.home()?;
    let text = std::fs::read_to_string(home.registers()).unwrap_or_default();
    let registers = Registers::read(&text).map_err(|_| {
        Failure::new(Exit::Faults, "YZ0519", "config/registers.toml has faults")
            .help("`yizhan check` says which")
    })?;
    registers.register(&args.register).map(|register| (**register).clone()).ok_or_else(|| {
        let near = registers.near(&args.register).map(|near| format!("did you mean `{near}`?"));
        let failure =
            Failure::new(Exit::Faults, "YZ0404", format!("there is no register `{}`", args.register));
        failure.help(near.as_deref().unwrap_or("`yizhan register list` shows which there are"))
    })
}

fn rows(path: &Path, bytes: &[u8], context: &Context) -> Result<Vec<Map<String, Value>>, Failure> {
    let unreadable =
        |why: String| Failure::new(Exit::Faults, "YZ0535", format!("`{}`: {why}", path.display()));
    match content::read(path, bytes) {
        Ok(Content::Rows(rows)) => Ok(rows),
        Ok(Content::Fields(row)) => Ok(vec![row]),
        Ok(Content::Other) => Err(unreadable("it is no csv, xlsx, json or toml".to_owned())),
        Err(error) => Err(unreadable(error.said(context.language))),
    }
}

/// Those that the register takes, and those that it does not.
fn sorted(register: &Register, rows: &[Map<String, Value>]) -> (Vec<Value>, Vec<Bad>) {
    let (mut good, mut bad) = (Vec::new(), Vec::new());
    for (at, row) in rows.iter().enumerate() {
        let named = row.iter().map(|(name, value)| {
            let by_label = register.form.fields.iter().find(|field| field.label() == name);
            let name = by_label.map_or_else(|| name.clone(), |field| field.name.to_string());
            (name, value.clone())
        });
        let row = Value::Object(named.collect());
        match register.accept(&row.to_string()) {
            Ok(_) => good.push(row),
            Err(fault) => bad.push(Bad { row: at + 1, why: fault.to_string() }),
        }
    }
    (good, bad)
}

/// `old.csv` → `old.bad.csv`: the rows that do not fit, with the reason before them.
fn report(path: &Path, rows: &[Map<String, Value>], bad: &[Bad]) -> Result<PathBuf, Failure> {
    let to = path.with_extension("bad.csv");
    let failed = |error: csv::Error| Failure::of(Exit::Failed, "YZ0535", &error);
    let mut names: Vec<&String> = Vec::new();
    for name in bad.iter().filter_map(|bad| rows.get(bad.row - 1)).flat_map(Map::keys) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let mut writer = csv::Writer::from_path(&to).map_err(failed)?;
    let head = ["row", "why"].into_iter().chain(names.iter().map(|name| name.as_str()));
    writer.write_record(head).map_err(failed)?;
    for bad in bad {
        let Some(row) = rows.get(bad.row - 1) else { continue };
        let shown = |value: Option<&Value>| match value {
            Some(Value::String(text)) => text.clone(),
            Some(other) => other.to_string(),
            None => String::new(),
        };
        let cells = names.iter().map(|name| shown(row.get(*name)));
        writer
            .write_record([bad.row.to_string(), bad.why.clone()].into_iter().chain(cells))
            .map_err(failed)?;
    }
    writer.flush()?;
    Ok(to)
}

/// The rows in lots. The same rows make the same lots, so that a lot keeps its id.
fn lots(good: &[Value]) -> Vec<&[Value]> {
    let (mut lots, mut first, mut bytes) = (Vec::new(), 0, 0);
    for (at, row) in good.iter().enumerate() {
        let more = row.to_string().len();
        if at > first && (at - first == AT_ONCE || bytes + more > BYTES_AT_ONCE) {
            lots.push(&good[first..at]);
            (first, bytes) = (at, 0);
        }
        bytes += more;
    }
    lots.extend(good.get(first..).filter(|rest| !rest.is_empty()));
    lots
}

/// The same file sent again writes nothing twice: each lot goes under the file's hash. So whatever cut it off, the same
/// command goes on.
fn send(args: &Args, hash: &[u8], good: &[Value], context: &Context) -> Result<usize, Failure> {
    let hash: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    let client = context.client()?;
    let path = format!("/api/v1/registers/{}/by-hand/append", escaped(&args.register));
    let mut sent = 0;
    for (part, entries) in lots(good).into_iter().enumerate() {
        let id = format!("import/{}/{hash}/{part}", args.register);
        let mut body = json!({ "with": { "entries": entries }, "id": id });
        if let Some(by) = &args.by {
            body["by"] = json!(by);
        }
        client.post(path.clone()).json(&body).send().map_err(|failure| cut_off(failure, sent, context))?;
        if sent / TOLD_EACH < (sent + entries.len()) / TOLD_EACH && good.len() > TOLD_EACH {
            let (so_far, all) = (sent + entries.len(), good.len());
            let told = context
                .language
                .pick(format!("已写入 {so_far}/{all} 行"), format!("{so_far} of {all} rows are in"));
            eprintln!("{told}");
        }
        sent += entries.len();
    }
    Ok(sent)
}

fn cut_off(failure: Failure, sent: usize, context: &Context) -> Failure {
    let help = context.language.pick(
        format!("前 {sent} 行已写入;排除问题后再执行同一条命令,从断开处接着写,不会写两遍"),
        format!("the first {sent} rows are in; once that is mended the same command goes on from there, and writes nothing twice"),
    );
    failure.help(help)
}

fn said(answer: &Value, bad: &[Bad], context: &Context) -> String {
    let (rows, written) = (&answer["rows"], &answer["written"]);
    let mut lines = vec![context.language.pick(
        format!("共 {rows} 行,写入 {written} 行,{} 行不合", bad.len()),
        format!("{rows} rows, {written} written, {} do not fit", bad.len()),
    )];
    // The file has them all.
    lines.extend(bad.iter().take(20).map(|bad| {
        context
            .language
            .pick(format!("  第 {} 行:{}", bad.row, bad.why), format!("  row {}: {}", bad.row, bad.why))
    }));
    if let Some(path) = answer["report"].as_str() {
        lines.push(context.language.pick(
            format!("不合的行在 `{path}`:改好后再导入它,或用 --skip-bad 先写入其余的行"),
            format!("the rows that do not fit are in `{path}`: mend it and import it, or write the others first with --skip-bad"),
        ));
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_go_in_lots_of_which_none_is_too_large() {
        let small: Vec<Value> = (0..1_201).map(|at| json!({ "n": at })).collect();
        let sizes = |rows: &[Value]| lots(rows).iter().map(|lot| lot.len()).collect::<Vec<_>>();
        assert_eq!(sizes(&small), [500, 500, 201]);
        let large: Vec<Value> = (0..5).map(|_| json!({ "text": "x".repeat(100 * 1024) })).collect();
        assert_eq!(sizes(&large), [2, 2, 1], "two of a hundred thousand bytes are in 256 KiB, three are not");
        assert_eq!(sizes(&[]), [0; 0]);
        let huge = vec![json!({ "text": "x".repeat(300 * 1024) })];
        assert_eq!(sizes(&huge), [1], "a row alone is sent, and refused by the register in words");
    }
}
