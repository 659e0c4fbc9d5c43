//! The plugin `file`: writes, appends, copies, moves, deletes, lists, reads and archives files below its roots.

#![forbid(unsafe_code)]

mod append;
mod archive;
mod columns;
mod content;
mod delete;
mod digest;
mod encoding;
mod glob;
mod history;
mod list;
mod read;
mod rows;
mod transfer;
mod write;

use jiff::tz::TimeZone;
use yizhan_plugin_api::prelude::*;
use yizhan_plugin_roots::{Place, RootFolders, Roots};

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Config {
    /// The folders that files may be in; the first one is meant where a path names none
    #[serde(default)]
    roots: RootFolders,
    /// In which a file's year is told and days begin
    #[serde(default = "utc")]
    timezone: String,
}

fn utc() -> String {
    "UTC".to_owned()
}

#[plugin(id = "file", capabilities(fs_read, fs_write))]
struct Files {
    roots: Roots,
    timezone: TimeZone,
    histories: history::Histories,
}

impl Files {
    fn place(&self, path: &str, pointer: &str) -> Result<Place> {
        self.roots.place(path).map_err(|error| error.at(pointer))
    }
}

#[actions]
impl Files {
    fn new(config: Config) -> Result<Self> {
        let timezone = TimeZone::get(&config.timezone).map_err(|error| {
            Error::refused("plugin.config_invalid", format!("config.timezone: {error}")).at("/timezone")
        })?;
        Ok(Self { roots: Roots::open(&config.roots)?, timezone, histories: history::Histories::default() })
    }

    /// Writes a file whole: readers see the old one or the new one, never a half.
    #[action(idempotent, blocking, example = r#"{"path": "reports/2026.txt", "text": "完"}"#)]
    fn write(&self, ctx: Ctx, input: write::Write) -> Result<write::Written> {
        write::write(self, &ctx, &input)
    }

    /// Adds a text or a row of a csv at the end of a file, once, also when the step is tried again.
    #[action(
        keyed,
        blocking,
        example = r#"{"path": "book.csv", "csv": {"日期": "2026-11-22", "金额": 12.5}}"#
    )]
    fn append(&self, ctx: Ctx, input: append::Append) -> Result<append::Appended> {
        append::append(self, &ctx, &input)
    }

    /// Copies a file.
    #[action(idempotent, blocking, example = r#"{"from": "a.txt", "to": "b/a.txt"}"#)]
    fn copy(&self, ctx: Ctx, input: transfer::Copy) -> Result<transfer::Transferred> {
        transfer::copy(self, &ctx, &input)
    }

    /// Moves a file or a folder. When it is gone from there and is here, an earlier attempt has done it.
    #[action(idempotent, blocking, name = "move", example = r#"{"from": "a.txt", "to": "b/a.txt"}"#)]
    fn move_there(&self, ctx: Ctx, input: transfer::Move) -> Result<transfer::Transferred> {
        transfer::move_there(self, &ctx, &input)
    }

    /// Deletes a file, or with `recursive` a folder with all that is in it. What is not there counts as deleted.
    #[action(idempotent, blocking, example = r#"{"path": "a.txt"}"#)]
    fn delete(&self, ctx: Ctx, input: delete::Delete) -> Result<delete::Deleted> {
        delete::delete(self, &ctx, &input)
    }

    /// Lists the files of a folder, sorted by path.
    #[action(pure, blocking, example = r#"{"path": "records", "recursive": true, "older_than": "10 years"}"#)]
    fn list(&self, ctx: Ctx, input: list::List) -> Result<list::Listed> {
        list::list(self, &ctx, &input)
    }

    /// Reads a file: its text, its rows, its JSON, or into an artifact.
    #[action(pure, blocking, example = r#"{"path": "a.csv", "as": "csv"}"#)]
    fn read(&self, ctx: Ctx, input: read::Read) -> Result<read::ReadOut> {
        read::read(self, &ctx, &input)
    }

    /// Moves a file or a folder into `archive/<year>/<name>.tar`, with a list of hashes, and takes away the right to write.
    #[action(
        idempotent,
        blocking,
        timeout = "1h",
        example = r#"{"from": "records/1998", "name": "records-1998"}"#
    )]
    fn archive(&self, ctx: Ctx, input: archive::Archive) -> Result<archive::Archived> {
        archive::archive(self, &ctx, &input)
    }
}

/// An action looks here between its parts, so that a cancel does not wait for the end.
fn go_on(ctx: &Ctx) -> Result<()> {
    if ctx.is_cancelled() { Err(Error::cancelled()) } else { Ok(()) }
}

#[cfg(test)]
mod tests;
