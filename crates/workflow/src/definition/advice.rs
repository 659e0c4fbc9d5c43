//! What somebody who wrote a key, a word or a value of another language probably meant in ours.

use toml::de::{DeTable, DeValue};

use crate::expression::Expression;

/// Keys of other tools, and what they are called here. The first that is known in the table is meant.
const KEYS: &[(&str, &[&str])] = &[
    ("action", &["use"]),
    ("after", &["at", "needs"]),
    ("args", &["with"]),
    ("assign", &["ask"]),
    ("assignee", &["ask"]),
    ("condition", &["when"]),
    ("cron", &["schedule"]),
    ("deadline", &["due"]),
    ("delay", &["wait"]),
    ("depends_on", &["needs"]),
    ("desc", &["note", "help"]),
    ("description", &["note", "help"]),
    ("for_each", &["each"]),
    ("foreach", &["each"]),
    ("goto", &["back_to", "go"]),
    ("hint", &["help"]),
    ("http", &["webhook"]),
    ("if", &["when"]),
    ("inputs", &["input", "with"]),
    ("jobs", &["[step.<name>]"]),
    ("manual", &["by_hand"]),
    ("max_attempts", &["times"]),
    ("maximum", &["max"]),
    ("minimum", &["min"]),
    ("name", &["title", "label"]),
    ("next", &["go"]),
    ("notify", &["tell"]),
    ("optional", &["required"]),
    ("params", &["with"]),
    ("regex", &["pattern"]),
    ("repeat", &["times"]),
    ("requires", &["needs"]),
    ("sleep", &["wait"]),
    ("steps", &["[step.<name>]"]),
    ("tasks", &["[step.<name>]"]),
    ("to", &["tell", "back_to"]),
    ("triggers", &["trigger"]),
    ("uses", &["use"]),
];

/// Words that a key takes, as others write them.
const WORDS: &[(&str, &str)] = &[
    ("array", "table"),
    ("attachment", "file"),
    ("bool", "yesno"),
    ("boolean", "yesno"),
    ("checkbox", "yesno"),
    ("currency", "money"),
    ("decimal", "number"),
    ("double", "number"),
    ("dropdown", "choice"),
    ("enum", "choice"),
    ("float", "number"),
    ("int", "whole"),
    ("integer", "whole"),
    ("mobile", "phone"),
    ("multiselect", "choices"),
    ("radio", "choice"),
    ("select", "choice"),
    ("str", "text"),
    ("string", "text"),
    ("tel", "phone"),
    ("textarea", "text"),
    ("timestamp", "datetime"),
    ("upload", "file"),
    ("user", "person"),
    ("人员", "person"),
    ("单选", "choice"),
    ("图片", "file"),
    ("多选", "choices"),
    ("数字", "number"),
    ("整数", "whole"),
    ("文件", "file"),
    ("文字", "text"),
    ("文本", "text"),
    ("日期", "date"),
    ("时间", "time"),
    ("是否", "yesno"),
    ("电话", "phone"),
    ("签字", "signature"),
    ("表格", "table"),
    ("身份证", "id_card"),
    ("选择", "choice"),
    ("邮箱", "email"),
    ("金额", "money"),
    ("附件", "file"),
];

/// What a key of other tools is called here, of those that the table knows.
pub(super) fn our_key<'k>(key: &str, known: impl Fn(&str) -> bool) -> Option<&'k str> {
    let (_, ours) = KEYS.iter().find(|(theirs, _)| *theirs == key)?;
    ours.iter().copied().find(|ours| match ours.strip_prefix("[step") {
        Some(_) => known("step") && known("on_failure"),
        None => known(ours),
    })
}

pub(super) fn our_word(word: &str, known: &[&str]) -> Option<String> {
    let small = word.to_lowercase();
    let (_, ours) = WORDS.iter().find(|(theirs, _)| *theirs == small)?;
    known.contains(ours).then(|| (*ours).to_owned())
}

/// A table whose keys are those of a step: `[record]` for `[step.record]`.
pub(super) fn is_step(value: &DeValue<'_>) -> bool {
    let kinds = ["use", "ask", "wait", "await", "run", "check", "end"];
    value.as_table().is_some_and(|own| kinds.iter().any(|kind| own.contains_key(*kind)))
}

/// How a value of the wrong type may have been meant; `written` is the value as the file has it.
pub(super) fn right_type(key: &str, wanted: &str, value: &DeValue<'_>, written: &str) -> Option<String> {
    let fixed = match value {
        DeValue::Integer(_) if wanted.starts_with("a moment") => format!("{key} = \"{written}h\""),
        DeValue::Integer(_) if ["timeout", "give_up", "first", "most"].contains(&key) => {
            format!("{key} = \"{written}s\"")
        }
        DeValue::Integer(_) if key == "retry" => format!("retry = {{ times = {written} }}"),
        DeValue::Integer(_) if key == "limit" => format!("limit = {{ most = {written} }}"),
        DeValue::Integer(_) | DeValue::Float(_) | DeValue::Boolean(_) | DeValue::Datetime(_) => {
            match wanted {
                "a text" => format!("{key} = \"{written}\""),
                "a list of texts" if key == "by_hand" => "by_hand = [\"group:…\"]".to_owned(),
                "a list of texts" => format!("\"{written}\""),
                "a table" if key == "webhook" => {
                    "webhook = { signature = \"standard\", secret = \"…\" }".to_owned()
                }
                _ => return None,
            }
        }
        DeValue::String(text) => of_text(key, wanted, text.trim())?,
        DeValue::Array(list) => of_list(key, list, written)?,
        _ => return None,
    };
    Some(fixed)
}

fn of_text(key: &str, wanted: &str, text: &str) -> Option<String> {
    Some(match wanted {
        "a whole number" if text.parse::<i64>().is_ok() => format!("{key} = {text}"),
        "`true` or `false`" => {
            let right = matches!(text.to_lowercase().as_str(), "true" | "yes" | "是" | "y" | "on");
            format!("{key} = {right}")
        }
        "`{ back_to = \"step\" }` or `{ go = \"done:word\" }`" => {
            let ends = ["done", "cancel", "fail"];
            let is_end = text.split_once(':').is_some_and(|(how, _)| ends.contains(&how));
            let word = if is_end { "go" } else { "back_to" };
            format!("{} = {{ {word} = \"{text}\" }}", quoted_key(key))
        }
        _ if key == "each" && Expression::parse(text).is_ok() => format!("each = \"{{{{ {text} }}}}\""),
        _ if key == "remind" => format!("remind = [\"-{}\"]", text.trim_start_matches('-')),
        _ if key == "trigger" && ["manual", "hand", "by_hand"].contains(&text) => {
            "trigger.start.by_hand = [\"group:…\"]".to_owned()
        }
        _ if key == "trigger" => format!("trigger.start.schedule = \"{text}\""),
        _ if key == "then" && text.contains(':') => format!("then = {{ go = \"{text}\" }}"),
        _ if key == "with" || key == "where" => format!("{key}.… = \"{text}\""),
        _ => return None,
    })
    .filter(|fixed| fixed.contains('…') || DeTable::parse(fixed).is_ok())
}

fn of_list(key: &str, list: &[toml::Spanned<DeValue<'_>>], written: &str) -> Option<String> {
    let texts: Option<Vec<&str>> = list.iter().map(|one| one.get_ref().as_str()).collect();
    match key {
        "each" if texts.is_some() && !written.contains('\'') => {
            Some(format!("each = \"{{{{ {} }}}}\"", written.replace('"', "'")))
        }
        "form" | "input" => {
            let label = texts.and_then(|texts| texts.first().copied()).unwrap_or("…");
            let name = if super::is_name(label) { label } else { "result" };
            Some(format!("{key}.{name} = {{ label = \"{label}\", type = \"text\" }}"))
        }
        _ => None,
    }
}

fn quoted_key(key: &str) -> String {
    let bare = key.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
    if bare { key.to_owned() } else { format!("\"{key}\"") }
}

/// A name by the rules for names, from one that is none: `Send-Mail` is `send_mail`.
pub(super) fn as_name(word: &str) -> Option<String> {
    let joined: String = word
        .trim()
        .chars()
        .map(|sign| if matches!(sign, '-' | ' ' | '.') { '_' } else { sign.to_ascii_lowercase() })
        .collect();
    let fine = joined.starts_with(|sign: char| sign.is_ascii_lowercase())
        && joined.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    fine.then_some(joined)
}
