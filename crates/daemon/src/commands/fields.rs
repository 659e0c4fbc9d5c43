//! Reads the fields of a form from the command line: a file, single values, uploads.

use std::io::Read as _;
use std::path::Path;

use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};
use yizhan_workflow::definition::fields_of_toml;

use crate::client::{Client, query};
use crate::exit::{Exit, Failure};
use crate::intake::folder::rows_of;
use crate::language::Language;

#[derive(Debug, clap::Args)]
pub(crate) struct Fields {
    /// A file with the fields, JSON or TOML; `-` is the standard input (JSON)
    #[arg(long, value_name = "FILE")]
    input: Option<String>,
    /// One field: `name=text`, or `name:=JSON` for lists and the like; may be repeated
    #[arg(long, value_name = "FIELD")]
    set: Vec<String>,
    /// A field that holds a file: `name=PATH` uploads it; several of one name make a list
    #[arg(long, value_name = "FIELD")]
    file: Vec<String>,
    /// A table: `name=PATH` reads its rows from a csv, JSON or TOML file
    #[arg(long, value_name = "FIELD")]
    rows: Vec<String>,
}

fn wrong(message: String) -> Failure {
    Failure::new(Exit::Usage, "YZ0534", message)
}

impl Fields {
    pub(crate) fn read(&self, client: &Client) -> Result<Map<String, Value>, Failure> {
        self.read_with(|path| upload(client, path))
    }

    /// Without a daemon: a file is named as it would be kept.
    pub(crate) fn read_alone(&self) -> Result<Map<String, Value>, Failure> {
        self.read_with(|path| {
            let (name, bytes) = read(path)?;
            let hash: String = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
            Ok(json!({ "artifact": hash, "name": name, "size": bytes.len() }))
        })
    }

    fn read_with(
        &self,
        file: impl Fn(&Path) -> Result<Value, Failure>,
    ) -> Result<Map<String, Value>, Failure> {
        let mut fields = match self.input.as_deref() {
            None => Map::new(),
            Some(path) => object(path, &text_of(path)?)?,
        };
        for field in &self.set {
            let (name, value) = one(field)
                .ok_or_else(|| wrong(format!("`{field}` is neither `name=text` nor `name:=JSON`")))?;
            fields.insert(name, value);
        }
        for field in &self.file {
            let (name, path) =
                field.split_once('=').ok_or_else(|| wrong(format!("`{field}` does not read `name=PATH`")))?;
            add(&mut fields, name, file(Path::new(path))?);
        }
        for field in &self.rows {
            let (name, path) =
                field.split_once('=').ok_or_else(|| wrong(format!("`{field}` does not read `name=PATH`")))?;
            fields.insert(name.to_owned(), rows(path)?);
        }
        Ok(fields)
    }
}

pub(super) fn text_of(path: &str) -> Result<String, Failure> {
    let mut text = String::new();
    let read = if path == "-" {
        std::io::stdin().lock().read_to_string(&mut text).map(drop)
    } else {
        std::fs::read_to_string(path).map(|read| text = read)
    };
    read.map_err(|error| {
        Failure::of(Exit::Faults, "YZ0519", &error).help(format!("`{path}` is what was named"))
    })?;
    Ok(text)
}

pub(super) fn object(path: &str, text: &str) -> Result<Map<String, Value>, Failure> {
    let read: Result<Value, String> = if Path::new(path).extension().is_some_and(|ending| ending == "toml") {
        fields_of_toml(text).map(Value::Object)
    } else {
        serde_json::from_str(text).map_err(|error| error.to_string())
    };
    match read {
        Ok(Value::Object(map)) => Ok(map),
        Ok(_) => Err(wrong(format!("`{path}` holds no object with fields"))),
        Err(why) => Err(wrong(format!("`{path}` cannot be read: {why}"))),
    }
}

fn rows(path: &str) -> Result<Value, Failure> {
    let bytes = std::fs::read(path).map_err(|error| {
        Failure::of(Exit::Faults, "YZ0519", &error).help(format!("`{path}` is what was named"))
    })?;
    let rows = rows_of(Path::new(path), &bytes, Language::En);
    rows.map(Value::from).map_err(|why| wrong(format!("`{path}` cannot be read: {why}")))
}

pub(super) fn one(field: &str) -> Option<(String, Value)> {
    let (name, text) = field.split_once('=')?;
    match name.strip_suffix(':') {
        None => Some((name.to_owned(), text.into())),
        Some(name) => Some((name.to_owned(), serde_json::from_str(text).ok()?)),
    }
}

/// The second of a name makes a list of both.
fn add(fields: &mut Map<String, Value>, name: &str, value: Value) {
    match fields.get_mut(name) {
        None => drop(fields.insert(name.to_owned(), value)),
        Some(Value::Array(list)) => list.push(value),
        Some(first) => *first = json!([first.take(), value]),
    }
}

/// A file's name and content.
fn read(path: &Path) -> Result<(String, Vec<u8>), Failure> {
    let bytes = std::fs::read(path).map_err(|error| {
        Failure::of(Exit::Faults, "YZ0519", &error).help(format!("`{}` is what was named", path.display()))
    })?;
    Ok((path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default(), bytes))
}

pub(super) fn upload(client: &Client, path: &Path) -> Result<Value, Failure> {
    let (name, bytes) = read(path)?;
    client.post(format!("/api/v1/artifacts{}", query(&[("name", Some(&name))]))).bytes(bytes).send()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_text_unless_it_is_said_to_be_json() {
        assert_eq!(one("phone=138"), Some(("phone".into(), json!("138"))));
        assert_eq!(one("papers:=[1, 2]"), Some(("papers".into(), json!([1, 2]))));
        assert_eq!(one("amount:=50.10").unwrap().1.to_string(), "50.10", "with its digits");
        assert_eq!(one("note=a=b"), Some(("note".into(), json!("a=b"))));
        assert_eq!(one("papers:=[1"), None);
        assert_eq!(one("phone"), None);
    }

    #[test]
    fn a_file_of_fields_may_be_toml_or_json() {
        assert_eq!(object("a.toml", "n = 3").unwrap()["n"], json!(3));
        assert_eq!(object("a.json", "{\"n\": 3}").unwrap()["n"], json!(3));
        assert!(object("a.json", "[1]").is_err());
    }

    #[test]
    fn the_rows_of_a_table_come_from_a_file_with_a_heading() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("goods.csv");
        std::fs::write(&path, "品名,数量\n水表,2\n阀门,1\n").unwrap();
        let read = rows(path.to_str().unwrap()).unwrap();
        assert_eq!(read, json!([{ "品名": "水表", "数量": "2" }, { "品名": "阀门", "数量": "1" }]));
        assert!(rows("goods.csv.of.nobody").is_err());
    }

    #[test]
    fn a_second_file_of_one_field_makes_a_list() {
        let mut fields = Map::new();
        for value in ["a", "b", "c"] {
            add(&mut fields, "photos", value.into());
        }
        assert_eq!(fields["photos"], json!(["a", "b", "c"]));
    }
}
