//! The plugin `report`: what a workflow found, as a table for a spreadsheet, a mail or a program, and as a chart.

#![forbid(unsafe_code)]

mod cell;
mod chart;
mod csv;
mod html;
mod records;
mod table;
mod xlsx;

use jiff::tz::TimeZone;
use yizhan_plugin_api::prelude::*;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Config {
    /// By which times of day are told
    #[serde(default = "utc")]
    timezone: String,
    /// The font of spreadsheets; a program that does not have it takes another one
    #[serde(default = "font")]
    font: String,
}

fn utc() -> String {
    "UTC".to_owned()
}

fn font() -> String {
    "Microsoft YaHei".to_owned()
}

#[plugin(id = "report")]
struct Reports {
    timezone: TimeZone,
    font: String,
}

/// A stored file, as mails take it for an attachment and `file.write` for its content.
#[derive(Serialize, JsonSchema)]
struct ReportFile {
    artifact: String,
    name: String,
    #[serde(rename = "type")]
    media_type: String,
    size: u64,
}

#[derive(Serialize, JsonSchema)]
struct Reported {
    file: ReportFile,
    /// How many rows it has, without header and totals
    rows: u64,
}

#[actions]
impl Reports {
    fn new(config: Config) -> Result<Self> {
        let timezone = TimeZone::get(&config.timezone).map_err(|error| {
            Error::refused("plugin.config_invalid", format!("config.timezone: {error}")).at("/timezone")
        })?;
        Ok(Self { timezone, font: config.font })
    }

    /// Makes a spreadsheet: header that stays in sight, widths that fit, totals.
    #[action(
        pure,
        blocking,
        example = r#"{"rows": [{"day": "2026-11-20", "n": 12}], "columns": [{"field": "day", "title": "日期", "format": "date"}, {"field": "n", "title": "件数", "total": "sum"}]}"#
    )]
    fn xlsx(&self, ctx: Ctx, input: xlsx::Xlsx) -> Result<Reported> {
        let (bytes, rows) = xlsx::workbook(&input, &self.timezone, &self.font)?;
        let kept = Kept {
            name: input.name.as_deref(),
            ending: "xlsx",
            media_type: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        };
        kept.keep(&ctx, &bytes, rows)
    }

    /// Makes a csv whose cells no spreadsheet takes for formulas.
    #[action(pure, blocking, example = r#"{"rows": [{"day": "2026-11-20", "n": 12}]}"#)]
    fn csv(&self, ctx: Ctx, input: csv::Csv) -> Result<Reported> {
        let (text, rows) = csv::csv(&input, &self.timezone)?;
        let kept = Kept { name: input.name.as_deref(), ending: "csv", media_type: "text/csv" };
        kept.keep(&ctx, text.as_bytes(), rows)
    }

    /// Makes a table for the body of a mail.
    #[action(pure, blocking, example = r#"{"rows": [{"day": "2026-11-20", "n": 12}]}"#)]
    fn html(&self, _ctx: Ctx, input: html::Html) -> Result<html::HtmlOut> {
        html::html(&input, &self.timezone)
    }

    /// Draws bars or lines as an svg picture.
    #[action(
        pure,
        blocking,
        example = r#"{"rows": [{"day": "周一", "n": 12}, {"day": "周二", "n": 9}], "label": "day", "values": [{"field": "n", "title": "件数"}]}"#
    )]
    fn chart(&self, ctx: Ctx, input: chart::Chart) -> Result<Reported> {
        let (text, rows) = chart::chart(&input)?;
        let kept = Kept { name: input.name.as_deref(), ending: "svg", media_type: "image/svg+xml" };
        kept.keep(&ctx, text.as_bytes(), rows)
    }
}

struct Kept<'a> {
    name: Option<&'a str>,
    ending: &'a str,
    media_type: &'a str,
}

impl Kept<'_> {
    fn keep(&self, ctx: &Ctx, bytes: &[u8], rows: usize) -> Result<Reported> {
        let name = self.name.unwrap_or("report").trim();
        if name.is_empty() || name.contains(['/', '\\']) || name.chars().any(char::is_control) {
            let words = "a name is that of a file, without folders: `日报-2026-11-20`";
            return Err(Error::refused("report.bad_name", words).at("/name"));
        }
        let ending = format!(".{}", self.ending);
        let name = if name.ends_with(&ending) { name.to_owned() } else { format!("{name}{ending}") };
        let stored = ctx.block_on(ctx.artifact_put(&name, self.media_type, bytes))?;
        let file = ReportFile {
            artifact: stored.artifact,
            name,
            media_type: self.media_type.to_owned(),
            size: bytes.len() as u64,
        };
        Ok(Reported { file, rows: rows as u64 })
    }
}

#[cfg(test)]
mod tests;
