//! `yizhan register import`: entries of a file, all of them checked before the first is written.

use std::ops::Range;
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

/// Rows that go in one commit.
struct Lot<'r> {
    /// Which of the file, counted from 0.
    rows: Range<usize>,
    good: Vec<&'r Value>,
}

pub(super) fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let register = register(args, context)?;
    let bytes = std::fs::read(&args.file).map_err(|error| {
        Failure::new(Exit::Faults, "YZ0535", format!("`{}`: {error}", args.file.display()))
    })?;
    let rows = rows(&args.file, &bytes, context)?;
    let (taken, bad) = sorted(&register, &rows);
    let report = if bad.is_empty() { None } else { Some(report(&args.file, &rows, &bad)?) };
    let mut written = 0;
    if !args.dry_run && (bad.is_empty() || args.skip_bad) {
        written = send(args, &Sha256::digest(&bytes), &good_of(&rows, &taken), context)?;
    }
    let faults: Vec<Value> = bad.iter().map(|bad| json!({ "row": bad.row, "why": bad.why })).collect();
    let report = report.map(|path| path.display().to_string());
    let answer = json!({ "rows": rows.len(), "good": taken.iter().flatten().count(), "written": written, "bad": faults, "report": report });
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

/// Row by row what the register takes of the file, and what it does not.
fn sorted(register: &Register, rows: &[Map<String, Value>]) -> (Vec<Option<Value>>, Vec<Bad>) {
    let (mut taken, mut bad) = (Vec::new(), Vec::new());
    for (at, row) in rows.iter().enumerate() {
        let named = row.iter().map(|(name, value)| {
            let by_label = register.form.fields.iter().find(|field| field.label() == name);
            let name = by_label.map_or_else(|| name.clone(), |field| field.name.to_string());
            (name, value.clone())
        });
        let row = Value::Object(named.collect());
        match register.accept(&row.to_string()) {
            Ok(_) => taken.push(Some(row)),
            Err(fault) => {
                taken.push(None);
                bad.push(Bad { row: at + 1, why: fault.to_string() });
            }
        }
    }
    (taken, bad)
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

/// The rows of a file in lots: which, counted from 0. The same file makes the same lots, whatever the register takes of it, so
/// that a lot keeps its id.
fn lots(rows: &[Map<String, Value>]) -> Vec<Range<usize>> {
    let (mut lots, mut first, mut bytes) = (Vec::new(), 0, 0);
    for (at, row) in rows.iter().enumerate() {
        let more = row.iter().map(|(name, value)| name.len() + value.to_string().len()).sum::<usize>();
        if at > first && (at - first == AT_ONCE || bytes + more > BYTES_AT_ONCE) {
            lots.push(first..at);
            (first, bytes) = (at, 0);
        }
        bytes += more;
    }
    lots.extend(Some(first..rows.len()).filter(|rest| !rest.is_empty()));
    lots
}

/// What the register takes of each lot.
fn good_of<'r>(rows: &[Map<String, Value>], taken: &'r [Option<Value>]) -> Vec<Lot<'r>> {
    let lot = |rows: Range<usize>| Lot { good: taken[rows.clone()].iter().flatten().collect(), rows };
    lots(rows).into_iter().map(lot).collect()
}

/// The same file sent again writes nothing twice: each lot goes under the file's hash. So whatever cut it off, the same
/// command goes on.
fn send(args: &Args, hash: &[u8], lots: &[Lot<'_>], context: &Context) -> Result<usize, Failure> {
    let hash: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    let client = context.client()?;
    let path = format!("/api/v1/registers/{}/by-hand/append", escaped(&args.register));
    let all: usize = lots.iter().map(|lot| lot.good.len()).sum();
    let mut sent = 0;
    for (part, lot) in lots.iter().enumerate().filter(|(_, lot)| !lot.good.is_empty()) {
        let entries = &lot.good;
        let id = format!("import/{}/{hash}/{part}", args.register);
        let mut body = json!({ "with": { "entries": entries }, "id": id });
        if let Some(by) = &args.by {
            body["by"] = json!(by);
        }
        let answer = client.post(path.clone()).json(&body).send();
        let answer = answer.map_err(|failure| cut_off(failure, sent, context))?;
        if answer["numbers"].as_array().is_some_and(|numbers| numbers.len() != entries.len()) {
            return Err(others_were_written(lot, context));
        }
        if sent / TOLD_EACH < (sent + entries.len()) / TOLD_EACH && all > TOLD_EACH {
            let so_far = sent + entries.len();
            let told = context
                .language
                .pick(format!("已写入 {so_far}/{all} 行"), format!("{so_far} of {all} rows are in"));
            eprintln!("{told}");
        }
        sent += entries.len();
    }
    Ok(sent)
}

/// The register took more or fewer of these rows when the file was brought in before. Nobody can say which of them are in.
fn others_were_written(lot: &Lot<'_>, context: &Context) -> Failure {
    let (from, to) = (lot.rows.start + 1, lot.rows.end);
    let why = context.language.pick(
        format!("第 {from} 到 {to} 行以前导入过,那时台账收下的行数不同:这次没有写入它们"),
        format!("rows {from} to {to} were imported before, when the register took more or fewer of them: nothing of them is written now"),
    );
    let help = context.language.pick(
        "把当时没有写入的行(那次的 `*.bad.csv`)放进一个新文件,再导入那个文件",
        "put the rows that were not written then (`*.bad.csv` of that time) into a new file, and import that",
    );
    Failure::new(Exit::Faults, "YZ0535", why).help(help)
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

    fn row(value: Value) -> Map<String, Value> {
        value.as_object().unwrap().clone()
    }

    #[test]
    fn rows_go_in_lots_of_which_none_is_too_large() {
        let small: Vec<_> = (0..1_201).map(|at| row(json!({ "n": at }))).collect();
        let sizes = |rows: &[_]| lots(rows).iter().map(ExactSizeIterator::len).collect::<Vec<_>>();
        assert_eq!(sizes(&small), [500, 500, 201]);
        let large: Vec<_> = (0..5).map(|_| row(json!({ "text": "x".repeat(100 * 1024) }))).collect();
        assert_eq!(sizes(&large), [2, 2, 1], "two of a hundred thousand bytes are in 256 KiB, three are not");
        assert_eq!(sizes(&[]), [0; 0]);
        let huge = vec![row(json!({ "text": "x".repeat(300 * 1024) }))];
        assert_eq!(sizes(&huge), [1], "a row alone is sent, and refused by the register in words");
    }

    /// So that a row which the register takes later moves no other into another lot.
    #[test]
    fn a_lot_has_the_same_rows_of_the_file_however_many_of_them_are_taken() {
        let rows: Vec<_> = (0..1_201).map(|at| row(json!({ "n": at }))).collect();
        let mut taken: Vec<_> = rows.iter().cloned().map(|row| Some(Value::Object(row))).collect();
        let last = |taken: &[Option<Value>]| {
            good_of(&rows, taken)[2].good.iter().map(|row| row["n"].clone()).collect::<Vec<_>>()
        };
        let before = last(&taken);
        taken[3] = None;
        assert_eq!(good_of(&rows, &taken)[0].good.len(), 499);
        assert_eq!(last(&taken), before);
    }
}
