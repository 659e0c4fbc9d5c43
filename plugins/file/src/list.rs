//! `file.list`: the files of a folder, by pattern and age.

use jiff::tz::TimeZone;
use jiff::{Span, Timestamp, civil};
use rustix::fs::{Dir, FileType, Stat};
use rustix::io::Errno;
use yizhan_plugin_api::prelude::*;
use yizhan_plugin_roots::{Folder, fault, is_own_name};

use crate::glob::matches;
use crate::{Files, go_on};

const LIMIT: usize = 5_000;
/// A step may give 1 MiB.
const OUTPUT_MAX: usize = 900 << 10;
/// What a file takes in the output beside its path and name.
const FIELDS: usize = 110;
const SEEN_MAX: usize = 1_000_000;
const DEPTH_MAX: u32 = 64;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct List {
    /// The folder; left out, the first root
    #[serde(default)]
    #[schemars(extend("format" = "path-below-root"))]
    path: String,
    /// `*.csv` for the name, `2026/**/*.csv` for the path below the folder
    #[serde(default)]
    glob: Option<String>,
    /// Also looks into the folders in it
    #[serde(default)]
    recursive: bool,
    /// Only files last written longer ago than this: `30 years`, `90 days`, `12h`
    #[serde(default)]
    older_than: Option<String>,
    /// Only files last written before this day or moment: `2016-01-01`
    #[serde(default)]
    modified_before: Option<String>,
    /// No more than this many; `more` tells whether there were
    #[serde(default)]
    limit: Option<u32>,
}

#[derive(Serialize, JsonSchema)]
pub(crate) struct Listed {
    path: String,
    files: Vec<Found>,
    /// There are more files than `limit`, or than a step may give
    more: bool,
}

#[derive(Serialize, JsonSchema)]
pub(crate) struct Found {
    path: String,
    name: String,
    size: u64,
    /// When it was last written
    modified: String,
    /// The year of that, in the plugin's time zone
    year: i16,
}

pub(crate) fn list(files: &Files, ctx: &Ctx, input: &List) -> Result<Listed> {
    let place = files.place(&input.path, "/path")?;
    let limit = input.limit.map_or(LIMIT, |limit| usize::try_from(limit).unwrap_or(usize::MAX)).min(LIMIT);
    let before = before(input, ctx, &files.timezone)?;
    let mut walk = Walk { ctx, input, timezone: &files.timezone, before, seen: 0, found: Vec::new() };
    walk.folder(&place.folder().map_err(|error| error.at("/path"))?, "", DEPTH_MAX)?;
    let mut found = walk.found;
    found.sort_by(|a, b| a.path.cmp(&b.path));
    let mut room = OUTPUT_MAX;
    let fit = found.iter().take(limit).take_while(|file| {
        let needs = file.path.len() + file.name.len() + FIELDS;
        room = room.saturating_sub(needs);
        room > 0
    });
    let fit = fit.count();
    let more = found.len() > fit;
    found.truncate(fit);
    Ok(Listed { path: place.path().to_owned(), files: found, more })
}

/// The earlier of what the two keys say.
fn before(input: &List, ctx: &Ctx, timezone: &TimeZone) -> Result<Option<Timestamp>> {
    let bad = |key: &str, words: String, help: &str| {
        Error::refused("file.bad_time", format!("{key}: {words}")).at(format!("/{key}")).help(help)
    };
    let older_than = input.older_than.as_deref().map(|text| {
        let now = Timestamp::try_from(ctx.began()).map_err(|error| error.to_string());
        now.and_then(|now| moment_before(now, text, timezone))
            .map_err(|why| bad("older_than", why, "write `30 years`, `90 days` or `12h`"))
    });
    let modified_before = input.modified_before.as_deref().map(|text| {
        moment(text, timezone)
            .map_err(|why| bad("modified_before", why, "write `2016-01-01` or `2016-01-01T08:00:00+08:00`"))
    });
    Ok(older_than.transpose()?.into_iter().chain(modified_before.transpose()?).min())
}

fn moment_before(now: Timestamp, span: &str, timezone: &TimeZone) -> Result<Timestamp, String> {
    let span: Span = span.trim().parse().map_err(|error: jiff::Error| error.to_string())?;
    if span.is_negative() {
        return Err(format!("`{span}` is negative"));
    }
    // By the calendar: thirty years are thirty years, whatever leap days are in them.
    let then = now.to_zoned(timezone.clone()).checked_sub(span).map_err(|error| error.to_string())?;
    Ok(then.timestamp())
}

fn moment(text: &str, timezone: &TimeZone) -> Result<Timestamp, String> {
    if let Ok(moment) = text.parse::<Timestamp>() {
        return Ok(moment);
    }
    let date: civil::Date = text.trim().parse().map_err(|error: jiff::Error| error.to_string())?;
    Ok(date.to_zoned(timezone.clone()).map_err(|error| error.to_string())?.timestamp())
}

struct Walk<'a> {
    ctx: &'a Ctx,
    input: &'a List,
    timezone: &'a TimeZone,
    before: Option<Timestamp>,
    seen: usize,
    found: Vec<Found>,
}

impl Walk<'_> {
    /// Links are passed by, and so are names that no workflow could write.
    fn folder(&mut self, folder: &Folder, below: &str, depth: u32) -> Result<()> {
        let failed = |errno: Errno| fault(folder.path(), errno);
        for entry in Dir::read_from(folder).map_err(failed)? {
            go_on(self.ctx)?;
            let entry = entry.map_err(failed)?;
            let Ok(name) = std::str::from_utf8(entry.file_name().to_bytes()) else { continue };
            if matches!(name, "." | "..") || is_own_name(name) {
                continue;
            }
            self.seen += 1;
            if self.seen > SEEN_MAX {
                let words = format!("there are more than {SEEN_MAX} files below `{}`", self.input.path);
                return Err(Error::refused("file.too_many", words).help("list its folders one by one"));
            }
            let spot = folder.spot(name)?;
            let Some(stat) = spot.stat()? else { continue };
            let path = if below.is_empty() { name.to_owned() } else { format!("{below}/{name}") };
            let kind = FileType::from_raw_mode(stat.st_mode);
            if kind == FileType::Directory && self.input.recursive && depth > 0 {
                self.folder(&spot.folder()?, &path, depth - 1)?;
            } else if kind == FileType::RegularFile {
                self.file(&path, spot.path(), &spot.name, &stat)?;
            }
        }
        Ok(())
    }

    fn file(&mut self, below: &str, path: &str, name: &str, stat: &Stat) -> Result<()> {
        let nanos = i32::try_from(stat.st_mtime_nsec).unwrap_or_default();
        let modified = Timestamp::new(stat.st_mtime, nanos)?;
        let fits = self.input.glob.as_deref().is_none_or(|glob| matches(glob, below))
            && self.before.is_none_or(|before| modified < before);
        if fits {
            let seconds = Timestamp::from_second(stat.st_mtime)?;
            self.found.push(Found {
                path: path.to_owned(),
                name: name.to_owned(),
                size: u64::try_from(stat.st_size).unwrap_or_default(),
                modified: seconds.to_string(),
                year: modified.to_zoned(self.timezone.clone()).year(),
            });
        }
        Ok(())
    }
}
