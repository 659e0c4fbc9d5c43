//! `yizhan register export`: csv for people and spreadsheets, JSON with all that the hashes are over.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::super::Context;
use crate::client::{escaped, query};
use crate::exit::{Exit, Failure};
use crate::show::{instant, text};

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Format {
    /// The entries as they stand, a line each
    Csv,
    /// Every line as it was written, with what its hash is over
    Json,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The register's name
    register: String,
    #[arg(long, value_enum, default_value_t = Format::Csv)]
    format: Format,
    /// Every line as it was written, also in csv
    #[arg(long)]
    history: bool,
    /// With private values
    #[arg(long)]
    private: bool,
    /// A file instead of the standard output
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

pub(super) fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let lines = lines(&args.register, args.private, context)?;
    let text = match args.format {
        Format::Json => json_of(&lines),
        Format::Csv => csv(&lines, args, context)?,
    };
    match &args.output {
        Some(path) => std::fs::write(path, text)?,
        None => context.say(&text),
    }
    Ok(Exit::Ok)
}

pub(super) fn lines(register: &str, private: bool, context: &Context) -> Result<Vec<Value>, Failure> {
    let client = context.client()?;
    let (mut lines, mut after) = (Vec::new(), "0".to_owned());
    loop {
        let private = private.then_some("true");
        let asked = query(&[("after", Some(&after)), ("limit", Some("1000")), ("private", private)]);
        let path = format!("/api/v1/registers/{}/lines{asked}", escaped(register));
        let mut answer = client.get(path).send()?;
        if let Value::Array(items) = answer["items"].take() {
            lines.extend(items);
        }
        match answer["next"].as_str() {
            Some(next) => after = next.to_owned(),
            None => return Ok(lines),
        }
    }
}

/// A line of the register in each line of the text, as it is hashed: without spaces.
fn json_of(lines: &[Value]) -> String {
    let lines: Vec<String> = lines.iter().map(ToString::to_string).collect();
    format!("[\n{}\n]\n", lines.join(",\n"))
}

/// The line with the present values of each entry that is not void, under the entry's own place.
fn standing(lines: &[Value]) -> Vec<(&Value, &Value)> {
    let by_place: std::collections::HashMap<u64, &Value> =
        lines.iter().filter_map(|line| Some((line["place"].as_u64()?, line))).collect();
    let of_place = |place: &Value| by_place.get(&place.as_u64()?).copied();
    let mut latest = std::collections::HashMap::new();
    let stands = |line: &&Value| line["kind"] == json!("entry") && !line["shown"].is_null();
    for line in lines.iter().filter(stands) {
        if let Some(card) = line["card"].as_str() {
            latest.insert(card, &line["place"]);
        }
    }
    let current =
        |line: &&Value| line["card"].as_str().is_none_or(|card| latest.get(card) == Some(&&line["place"]));
    lines
        .iter()
        .filter(stands)
        .filter(current)
        .filter_map(|line| Some((line, of_place(&line["shown"])?)))
        .collect()
}

#[derive(Default)]
struct Column {
    name: String,
    label: String,
    /// What its codes are called; `import` takes these words as well.
    options: Value,
}

fn column(declared: &Value) -> Column {
    let options = declared["options"].clone();
    Column { name: text(declared, "name"), label: text(declared, "label"), options }
}

impl Column {
    fn cell(&self, values: &Value) -> String {
        let word = |code: &Value| {
            let code = code.as_str()?;
            Some(self.options[code].as_str().unwrap_or(code).to_owned())
        };
        let several = || {
            let codes = values[&self.name].as_array().filter(|_| self.options.is_object())?;
            codes.iter().map(word).collect::<Option<Vec<_>>>()
        };
        let words = several().map(|words| words.join("、")).or_else(|| word(&values[&self.name]));
        words.unwrap_or_else(|| text(values, &self.name))
    }
}

fn csv(lines: &[Value], args: &Args, context: &Context) -> Result<String, Failure> {
    let zone = context.zone();
    let declared = super::declared(&args.register, context)?;
    let mut columns: Vec<Column> = declared["columns"].as_array().into_iter().flatten().map(column).collect();
    if columns.is_empty() {
        let first = lines.iter().find(|line| line["kind"] == json!("entry"));
        let names = first.and_then(|line| line["values"].as_object()).into_iter().flat_map(|map| map.keys());
        columns = names
            .map(|name| Column { name: name.clone(), label: name.clone(), ..Column::default() })
            .collect();
    }
    let rows = if args.history { lines.iter().map(|line| (line, line)).collect() } else { standing(lines) };
    let own = context.language.pick(["编号", "登记时间"], ["number", "at"]);
    let more = context
        .language
        .pick(["行", "类别", "针对", "原因", "来源", "哈希"], ["line", "kind", "of", "why", "by", "hash"]);
    let mut writer = csv::Writer::from_writer(Vec::new());
    let failed = |error: csv::Error| Failure::of(Exit::Failed, "YZ0535", &error);
    let mut head: Vec<String> = own.iter().map(ToString::to_string).collect();
    head.extend(columns.iter().map(|column| column.label.clone()));
    if args.history {
        head.extend(more.iter().map(ToString::to_string));
    }
    writer.write_record(&head).map_err(failed)?;
    for (entry, shown) in rows {
        let mut row = vec![text(entry, "number"), instant(entry, "at", &zone)];
        row.extend(columns.iter().map(|column| safe(&column.cell(&shown["values"]))));
        if args.history {
            let of = ["place", "kind", "of", "why", "by", "hash"];
            row.extend(of.iter().map(|name| safe(&text(entry, name))));
        }
        writer.write_record(&row).map_err(failed)?;
    }
    let bytes = writer.into_inner().map_err(|error| Failure::of(Exit::Failed, "YZ0535", &error))?;
    // The mark tells spreadsheets that it is UTF-8.
    Ok(format!("\u{feff}{}", String::from_utf8_lossy(&bytes)))
}

/// A spreadsheet would run what begins with one of these signs.
fn safe(text: &str) -> String {
    let is_number = text.parse::<f64>().is_ok();
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) && !is_number {
        format!("'{text}")
    } else {
        text.to_owned()
    }
}
