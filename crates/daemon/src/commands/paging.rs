//! The pages of lists: how much of one, and where the next begins.

use serde_json::Value;

use crate::language::Language;

#[derive(Debug, clap::Args)]
pub(crate) struct Paging {
    /// So many at most
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..=500))]
    limit: u16,
    /// Where an earlier list ended (`next` of its JSON)
    #[arg(long)]
    cursor: Option<String>,
}

impl Paging {
    /// What the API is asked with, behind what the command asks itself.
    pub(crate) fn query(&self, own: &[(&str, Option<&str>)]) -> String {
        let limit = self.limit.to_string();
        let page = [("limit", Some(&*limit)), ("cursor", self.cursor.as_deref())];
        crate::client::query(&[own, &page].concat())
    }
}

/// Under a table that is not the whole list.
pub(crate) fn more(list: &Value, language: Language) -> &'static str {
    if list["next"].is_string() {
        language.pick("(还有更多:--limit、--cursor)", "(there are more: --limit, --cursor)")
    } else {
        ""
    }
}
