//! Paths into a JSON reply: `$.a.b[0]['a name']`.

use serde_json::Value;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct JsonPath {
    text: String,
    steps: Vec<Step>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Name(String),
    /// From the end where negative.
    Index(i64),
}

impl JsonPath {
    /// Says what is wrong with `text` where it is no path.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut rest = text.trim().strip_prefix('$').ok_or("a path begins with `$`")?;
        let mut steps = Vec::new();
        while !rest.is_empty() {
            let step;
            (step, rest) = if let Some(after) = rest.strip_prefix("['") {
                let (name, after) = after.split_once("']").ok_or("`['` without `']`")?;
                (Step::Name(name.to_owned()), after)
            } else if let Some(after) = rest.strip_prefix('[') {
                let (index, after) = after.split_once(']').ok_or("`[` without `]`")?;
                (Step::Index(index.parse().map_err(|_| format!("`[{index}]` is no number"))?), after)
            } else if let Some(after) = rest.strip_prefix('.') {
                let end = after.find(['.', '[']).unwrap_or(after.len());
                let (name, after) = after.split_at(end);
                if name.is_empty() || name == "*" {
                    return Err("a name must follow `.`; wildcards are not read".to_owned());
                }
                (Step::Name(name.to_owned()), after)
            } else {
                return Err(format!("`{rest}` follows without `.` or `[`"));
            };
            steps.push(step);
        }
        Ok(Self { text: text.trim().to_owned(), steps })
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    pub(crate) fn find<'a>(&self, value: &'a Value) -> Option<&'a Value> {
        self.steps.iter().try_fold(value, |value, step| match step {
            Step::Name(name) => value.get(name),
            Step::Index(index) => {
                let items = value.as_array()?;
                let from_start = if *index < 0 { i64::try_from(items.len()).ok()? + index } else { *index };
                items.get(usize::try_from(from_start).ok()?)
            }
        })
    }
}
