//! `report.html`: a table in the body of a mail, whose styles stand with each cell as mail programs want it.

use jiff::tz::TimeZone;
use yizhan_plugin_api::prelude::*;

use crate::records::Rows;
use crate::table::{Column, Table};

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Html {
    /// Tables of names and values
    #[schemars(with = "Vec<serde_json::Value>")]
    rows: Rows,
    /// Left out, all values of the rows under their names
    #[serde(default)]
    columns: Option<Vec<Column>>,
    /// Above the table
    #[serde(default)]
    title: Option<String>,
    /// The word before the totals; left out, 合计
    #[serde(default)]
    total: Option<String>,
}

#[derive(Serialize, JsonSchema)]
pub(crate) struct HtmlOut {
    html: String,
    rows: u64,
}

const TABLE: &str =
    "border-collapse:collapse;font-family:'Microsoft YaHei','PingFang SC',sans-serif;font-size:14px";
const CELL: &str = "border:1px solid #c8d0d8;padding:4px 10px";
const HEAD: &str = "background:#dde6f0;text-align:center";

pub(crate) fn html(input: &Html, zone: &TimeZone) -> Result<HtmlOut> {
    let table = Table::read(&input.rows, input.columns.as_deref(), (input.total.as_deref(), ""), zone)?;
    let mut html = String::new();
    if let Some(title) = &input.title {
        html.push_str(&format!("<p style=\"font-weight:bold\">{}</p>\n", escaped(title)));
    }
    html.push_str(&format!("<table style=\"{TABLE}\">\n<tr>"));
    for column in &table.columns {
        html.push_str(&format!("<th style=\"{CELL};{HEAD}\">{}</th>", escaped(column.heading())));
    }
    html.push_str("</tr>\n");
    let aligns: Vec<&str> = (0..table.columns.len())
        .map(|at| if table.is_of_numbers(at) { ";text-align:right" } else { "" })
        .collect();
    for row in &table.rows {
        let texts = table.columns.iter().zip(row).map(|(column, cell)| cell.shown(column.digits(), true));
        line(&mut html, texts, &aligns, "");
    }
    if let Some(totals) = &table.totals {
        let texts =
            table.columns.iter().zip(totals).map(|(column, cell)| cell.shown(column.total_digits(), true));
        line(&mut html, texts, &aligns, ";font-weight:bold");
    }
    html.push_str("</table>\n");
    Ok(HtmlOut { html, rows: table.rows.len() as u64 })
}

fn line(html: &mut String, texts: impl Iterator<Item = String>, aligns: &[&str], more: &str) {
    html.push_str("<tr>");
    for (text, align) in texts.zip(aligns) {
        html.push_str(&format!("<td style=\"{CELL}{align}{more}\">{}</td>", escaped(&text)));
    }
    html.push_str("</tr>\n");
}

fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            '\n' => escaped.push_str("<br>"),
            other => escaped.push(other),
        }
    }
    escaped
}
