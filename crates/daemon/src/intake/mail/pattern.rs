//! The fields that a trigger's patterns find in a mail.

use regex::{Regex, RegexBuilder};
use serde_json::{Map, Value};
use yizhan_workflow::definition::PATTERN_MOST;
use yizhan_workflow::plan::MailRule;

use super::letter::Letter;

/// Compiled once for as long as the text is in force.
#[derive(Debug)]
pub(super) struct Patterns {
    subject: Vec<Regex>,
    body: Vec<Regex>,
}

/// A pattern that found nothing.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NotFound {
    /// `subject` or `body`.
    pub(super) place: &'static str,
    pub(super) pattern: String,
}

impl Patterns {
    /// Whoever read the file has tried them, so this does not fail.
    pub(super) fn of(rule: &MailRule) -> Result<Self, regex::Error> {
        let compile = |all: &[String]| -> Result<Vec<Regex>, regex::Error> {
            all.iter().map(|one| RegexBuilder::new(one).size_limit(PATTERN_MOST).build()).collect()
        };
        Ok(Self { subject: compile(&rule.subject)?, body: compile(&rule.body)? })
    }

    pub(super) fn fields(&self, letter: &Letter) -> Result<Map<String, Value>, NotFound> {
        let mut fields = Map::new();
        let places = [("subject", &self.subject, &letter.subject), ("body", &self.body, &letter.text)];
        for (place, patterns, text) in places {
            for pattern in patterns {
                let found = pattern.captures(text);
                let found = found.ok_or_else(|| NotFound { place, pattern: pattern.as_str().to_owned() })?;
                for name in pattern.capture_names().flatten() {
                    // A group that took no part is a field that was not given: its default may stand in.
                    if let Some(part) = found.name(name) {
                        fields.insert(name.to_owned(), part.as_str().trim().into());
                    }
                }
            }
        }
        Ok(fields)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn patterns(subject: &[&str], body: &[&str]) -> Patterns {
        let compile = |all: &[&str]| all.iter().map(|one| Regex::new(one).unwrap()).collect();
        Patterns { subject: compile(subject), body: compile(body) }
    }

    fn letter() -> Letter {
        Letter {
            subject: "订单 A-17 加急".to_owned(),
            text: "客户：白沙路水厂\n数量: １２ \n".to_owned(),
            ..Letter::default()
        }
    }

    #[test]
    fn named_groups_are_fields_and_each_pattern_must_be_found() {
        let both = patterns(
            &[r"订单 (?<order>\S+)( 加急(?<客户级别>VIP)?)?"],
            &[r"(?m)^客户[：:]\s*(?<customer>.+)$", r"数量[：:]\s*(?<count>\d+)"],
        );
        let fields = both.fields(&letter()).unwrap();
        // The group for the level took no part; digits of full width are digits.
        assert_eq!(
            Value::Object(fields),
            json!({"order": "A-17", "customer": "白沙路水厂", "count": "１２"})
        );
    }

    #[test]
    fn a_pattern_that_finds_nothing_is_named_with_its_place() {
        let wanting = patterns(&["订单"], &["金额"]);
        let missed = NotFound { place: "body", pattern: "金额".to_owned() };
        assert_eq!(wanting.fields(&letter()), Err(missed));
        assert_eq!(patterns(&[], &[]).fields(&letter()), Ok(Map::new()));
    }
}
