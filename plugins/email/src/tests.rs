//! What a workflow may rely on. The mail server of these stories is in `tests/server.rs`.

mod aiosmtpd;
mod folder;
mod headers;
mod server;
mod smtp;

use std::collections::BTreeMap;

use mailparse::{MailHeaderMap as _, ParsedMail};
use serde_json::{Value, json};
use yizhan_plugin_api::Harness;
use yizhan_plugin_api::prelude::*;
use yizhan_plugin_api::sdk::Plugin;

use crate::Email;

const KEY: &str = "abcdefghijklmnopqrstuvwxyz234567";

/// The smallest mail, with `more` in it.
fn mail(more: Value) -> Value {
    let mut input = json!({ "to": "li@example.com", "subject": "你好", "text": "一切就绪。" });
    for (name, value) in more.as_object().unwrap() {
        input[name] = value.clone();
    }
    input
}

struct Office {
    home: tempfile::TempDir,
    plugin: Harness<Email>,
}

/// Mails go into the folder `mail`, attachments come from `files`.
fn office() -> Office {
    let home = tempfile::tempdir().unwrap();
    let plugin = Harness::new(&json!({
        "folder": home.path().join("mail").to_str().unwrap(),
        "from": "驿站 <yizhan@example.com>",
        "roots": { "files": home.path().join("files").to_str().unwrap() },
    }));
    Office { plugin: plugin.unwrap(), home }
}

impl Office {
    fn send(&self, more: Value) -> Result<Value> {
        self.plugin.run("send", &mail(more))
    }

    /// The bytes of the one mail in the folder.
    #[track_caller]
    fn kept(&self) -> Vec<u8> {
        let files: Vec<_> = std::fs::read_dir(self.home.path().join("mail")).unwrap().collect();
        assert_eq!(files.len(), 1, "{files:?}");
        std::fs::read(files[0].as_ref().unwrap().path()).unwrap()
    }

    fn is_empty(&self) -> bool {
        std::fs::read_dir(self.home.path().join("mail")).unwrap().count() == 0
    }
}

/// All headers of one name, decoded by another program's code than wrote them.
fn all(bytes: &[u8], name: &str) -> Vec<String> {
    mailparse::parse_mail(bytes).unwrap().headers.get_all_values(name)
}

fn parsed(bytes: &[u8]) -> ParsedMail<'_> {
    mailparse::parse_mail(bytes).unwrap()
}

/// Names of the headers with how often each stands there.
fn names(bytes: &[u8]) -> BTreeMap<String, usize> {
    parsed(bytes).headers.iter().fold(BTreeMap::new(), |mut names, header| {
        *names.entry(header.get_key()).or_default() += 1;
        names
    })
}

#[test]
fn schemas_use_only_what_a_check_of_a_workflow_can_walk() {
    for action in Email::actions() {
        for schema in [(action.input)(), (action.output)()] {
            let mut schema = schema.to_value();
            // One of several lists of keys is what the check knows `anyOf` beside `properties` for.
            let branches = schema.as_object_mut().and_then(|own| own.remove("anyOf"));
            let keys = branches.iter().flat_map(|all| all.as_array().unwrap());
            assert!(keys.clone().all(|one| one["required"].as_array().is_some_and(|keys| !keys.is_empty())));
            assert!(keys.clone().all(|one| one.as_object().is_some_and(|words| words.len() == 1)));
            let text = schema.to_string();
            for word in ["anyOf", "allOf", "\"not\"", "patternProperties"] {
                assert!(!text.contains(word), "{word}: {text}");
            }
        }
    }
}

#[test]
fn settings_that_cannot_work_are_refused_with_their_place() {
    let from = "a@example.com";
    for (config, pointer) in [
        (json!({}), "/folder"),
        (json!({ "folder": "relative" }), "/folder"),
        (json!({ "transport": "smtp" }), "/host"),
        (json!({ "host": "m", "from": "nobody" }), "/from"),
        (json!({ "host": "m", "from": from, "instance": "a b" }), "/instance"),
        (json!({ "host": "m", "from": from, "hello": "a\r\nMAIL" }), "/hello"),
        (json!({ "host": "m", "from": from, "user": "u" }), "/password"),
        (json!({ "host": "m", "from": from, "password": { "secret": "p" } }), "/user"),
        (json!({ "host": "m", "from": from, "timeout_s": 0 }), "/timeout_s"),
        (json!({ "host": "m", "from": from, "accept_timeout_s": -1 }), "/accept_timeout_s"),
        (json!({ "host": "m", "from": from, "ca_file": "/nowhere.pem" }), "/ca_file"),
        (json!({ "host": "m", "tls": "none", "user": "u", "password": { "secret": "p" } }), "/tls"),
    ] {
        let Err(error) = Harness::<Email>::new(&config) else { panic!("{config} was taken") };
        assert_eq!(
            (error.code.as_str(), error.pointer.as_deref()),
            ("plugin.config_invalid", Some(pointer)),
            "{config}"
        );
    }
}
