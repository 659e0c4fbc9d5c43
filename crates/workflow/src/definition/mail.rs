//! Reads the trigger `mail`: which folder, whose mails, and the fields that patterns find in them.

use std::collections::BTreeSet;
use std::ops::Range;

use super::section::{Section, Text};
use crate::plan::MailRule;

/// What one pattern may take when it is compiled: a few characters can ask for gigabytes.
pub const PATTERN_MOST: usize = 1024 * 1024;

pub(super) fn rule(trigger: &Section<'_, '_>) -> Option<MailRule> {
    let own = trigger.section("mail")?;
    let account = own.string("account");
    let folder = folder(&own, "folder");
    let done = folder_of(&own, "done");
    let failed = folder_of(&own, "failed");
    let from = senders(&own);
    let (mut subject, mut body) = (Vec::new(), Vec::new());
    if let Some(fields) = own.section("fields") {
        let mut names = BTreeSet::new();
        subject = patterns(&fields, "subject", &mut names);
        body = patterns(&fields, "body", &mut names);
        fields.close(&[]);
    }
    own.close(&[]);
    for key in ["account", "from"] {
        if !own.has(key) {
            own.missing(key);
        }
    }
    let (folder, done, failed) = (folder?, done?, failed?);
    let failed = failed.unwrap_or_else(|| "Failed".to_owned());
    for (key, place) in [("done", done.as_ref()), ("failed", Some(&failed))] {
        // Or what is put there would come in again for ever.
        if place == Some(&folder) {
            let span = own.key_span(if own.has(key) { key } else { "folder" });
            own.say(own.error("YZ0223", span).name("key", key).name("folder", folder));
            return None;
        }
    }
    Some(MailRule { account: account?, folder, from: from?, subject, body, done, failed })
}

fn folder(own: &Section<'_, '_>, key: &'static str) -> Option<String> {
    folder_of(own, key).map(|name| name.unwrap_or_else(|| "INBOX".to_owned()))
}

/// The outer `None`: it is there and cannot be one.
#[expect(clippy::option_option, reason = "not said, and said wrongly, are two things")]
fn folder_of(own: &Section<'_, '_>, key: &'static str) -> Option<Option<String>> {
    if !own.has(key) {
        return Some(None);
    }
    let text = own.text(key)?;
    // The one name that servers read without regard to case.
    if text.value.eq_ignore_ascii_case("inbox") {
        return Some(Some("INBOX".to_owned()));
    }
    if text.value.trim().is_empty() || text.value.chars().any(char::is_control) {
        own.say(own.error("YZ0224", text.span).name("key", key));
        return None;
    }
    Some(Some(text.value.to_owned()))
}

fn senders(own: &Section<'_, '_>) -> Option<Vec<String>> {
    let rules = own.texts("from")?;
    let mut all = Vec::with_capacity(rules.len());
    for rule in &rules {
        let (local, domain) = rule.value.rsplit_once('@').unwrap_or(("", ""));
        let address = !local.is_empty() && !domain.is_empty() && !local.contains('@');
        if rule.value.contains(char::is_whitespace) || !(address || rule.value == "*") {
            own.say(own.error("YZ0222", rule.span.clone()).name("rule", rule.value));
            continue;
        }
        all.push(rule.value.to_owned());
    }
    if rules.is_empty() {
        own.say(own.error("YZ0222", own.key_span("from")).name("rule", "[]"));
    }
    (!all.is_empty() && all.len() == rules.len()).then_some(all)
}

/// One text, or several of which each must be found.
fn patterns<'r>(fields: &Section<'_, 'r>, key: &'static str, names: &mut BTreeSet<String>) -> Vec<String> {
    let texts: Vec<Text<'r>> = fields.texts(key).unwrap_or_default();
    for text in &texts {
        let found = match group_names(text.value) {
            Ok(found) => found,
            Err((part, cause)) => {
                let span = part
                    .map_or(text.span.clone(), |part| fields.reader.within(&text.span, text.value, &part));
                fields.say(fields.error("YZ0220", span).name("key", key).name("cause", cause));
                continue;
            }
        };
        for name in found {
            if !names.insert(name.clone()) {
                fields.say(fields.error("YZ0221", text.span.clone()).name("name", name));
            }
        }
    }
    texts.iter().map(|text| text.value.to_owned()).collect()
}

/// The names that a pattern gives, or which part of it is wrong and why.
fn group_names(pattern: &str) -> Result<Vec<String>, (Option<Range<usize>>, String)> {
    if let Err(error) = regex_syntax::Parser::new().parse(pattern) {
        return Err(match error {
            regex_syntax::Error::Parse(error) => {
                (Some(part(pattern, error.span())), error.kind().to_string())
            }
            regex_syntax::Error::Translate(error) => {
                (Some(part(pattern, error.span())), error.kind().to_string())
            }
            other => (None, other.to_string()),
        });
    }
    let compiled = regex::RegexBuilder::new(pattern).size_limit(PATTERN_MOST).build();
    let compiled = compiled.map_err(|error| {
        let too_much = matches!(error, regex::Error::CompiledTooBig(_));
        (None, if too_much { "it asks for too much".to_owned() } else { error.to_string() })
    })?;
    Ok(compiled.capture_names().flatten().map(str::to_owned).collect())
}

/// Never empty, so that a caret stands under something.
fn part(pattern: &str, span: &regex_syntax::ast::Span) -> Range<usize> {
    let from = span.start.offset;
    let one = pattern.get(from..).and_then(|rest| rest.chars().next()).map_or(0, char::len_utf8);
    from..span.end.offset.max(from + one)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(from: &[&str]) -> MailRule {
        MailRule {
            account: "orders".to_owned(),
            folder: "INBOX".to_owned(),
            from: from.iter().map(ToString::to_string).collect(),
            subject: Vec::new(),
            body: Vec::new(),
            done: None,
            failed: "Failed".to_owned(),
        }
    }

    #[test]
    fn a_sender_rule_is_an_address_with_stars_on_either_side_of_its_at() {
        let rules = rule(&["*@example.com", "li.*@*.example.org", "boss@example.net"]);
        for address in ["a@example.com", "A.B@Example.COM", "li.na@mail.example.org", "boss@example.net"] {
            assert!(rules.admits(address), "{address}");
        }
        for address in [
            "a@evil.com",
            "a@example.com.evil.com",
            "a@sub.example.com",
            "a@example.com@evil.com",
            "li.na@example.org",
            "bigboss@example.net",
            "example.com",
            "",
        ] {
            assert!(!rules.admits(address), "{address}");
        }
        assert!(rule(&["*"]).admits("anybody@anywhere") && rule(&["*"]).admits(""));
    }
}
