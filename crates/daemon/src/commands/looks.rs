//! Who looks at a case: some of it is not for everybody.

use crate::client::query;

#[derive(Debug, clap::Args)]
pub(crate) struct Looks {
    /// As whom, as `person:li.na`; else whoever owns the daemon's socket
    #[arg(long, value_name = "WHO")]
    by: Option<String>,
    /// Show private values, which whoever owns the daemon's socket may see
    #[arg(long, conflicts_with = "by")]
    private: bool,
}

impl Looks {
    /// The end of an address, with what else is asked for.
    pub(crate) fn query(&self, more: &[(&str, Option<&str>)]) -> String {
        query(&[more, &self.asked()].concat())
    }

    /// What the API is asked with.
    pub(crate) fn asked(&self) -> [(&'static str, Option<&str>); 2] {
        [("by", self.by.as_deref()), ("private", self.private.then_some("true"))]
    }
}
