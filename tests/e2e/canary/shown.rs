//! Everything that can be asked for, by the lists of the router and of the API's document.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::furnished::{ADMIN, Furnished, ask};

/// Where all addresses of the console are named.
const ROUTES: &str = include_str!("../../../crates/console/src/routes.rs");

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asker {
    Token,
    Admin,
    Clerk,
    Stranger,
}

pub(super) struct Answer {
    pub(super) place: String,
    pub(super) status: u16,
    /// Head and body.
    pub(super) text: String,
}

pub(super) struct Shown<'f> {
    furnished: &'f Furnished,
    document: Value,
    /// What stands for a part of an address, by what stands before it.
    names: BTreeMap<&'static str, Vec<String>>,
}

/// The addresses that routes of one kind have, as they stand in the source; what is sent only to look is a POST as well.
pub(super) fn addresses(kind: &str) -> BTreeSet<&'static str> {
    let of = |begin: &str| -> Vec<&'static str> {
        let after = ROUTES.split(begin).skip(1).filter_map(|rest| rest.trim_start().strip_prefix('"'));
        after.map(|rest| rest.split('"').next().unwrap()).collect()
    };
    let looks = if kind == "post" { of(".look(") } else { vec![] };
    of(&format!(".{kind}(")).into_iter().chain(looks).collect()
}

impl<'f> Shown<'f> {
    pub(super) fn of(furnished: &'f Furnished) -> Self {
        let house = &furnished.house;
        let document = house.get("/api/v1/openapi.json");
        let of_document = |kind: &str| -> BTreeSet<String> {
            let paths = document["paths"].as_object().unwrap().iter();
            let named = paths.filter(|(_, item)| item.get(kind).is_some()).map(|(path, _)| path.clone());
            named.filter(|path| !path.ends_with("/openapi.json")).collect()
        };
        // Whatever the document has was found in the source, so nothing is written there in a way that is not read here.
        for (kind, in_source) in
            [("get", addresses("get")), ("post", addresses("post")), ("put", addresses("put"))]
        {
            let missing: Vec<_> =
                of_document(kind).into_iter().filter(|path| !in_source.contains(path.as_str())).collect();
            assert!(missing.is_empty(), "{kind}: {missing:?}");
        }
        let text =
            house.get(&format!("/api/v1/runs/{}", furnished.calls))["text"].as_str().unwrap().to_owned();
        let one = |name: &str| vec![name.to_owned()];
        let names = BTreeMap::from([
            ("runs", vec![furnished.calls.clone(), furnished.waits.clone()]),
            ("tasks", one(&furnished.task)),
            ("workflows", vec!["calls".into(), "waits".into()]),
            ("new", one("waits")),
            ("triggers", one("calls")),
            ("registers", one("%E5%8F%B0%E8%B4%A6")),
            ("plugins", vec!["email".into(), "webhook".into()]),
            ("texts", one(&text)),
            ("files", one(&furnished.file)),
            ("accounts", one("wang.wei")),
            ("sessions", one("x")),
            ("tokens", one("crm")),
            ("assets", one("page.css")),
            ("invitation", one("yzi_x")),
            ("m", one("x")),
            ("hooks", one("calls")),
            ("by-hand", one("append")),
            ("query", one("runs")),
            ("{workflow}", vec!["form".into(), "hook".into()]),
        ]);
        Self { furnished, document, names }
    }

    /// An address with all names that it can have.
    fn filled(&self, path: &str) -> Vec<String> {
        let parts: Vec<&str> = path.split('/').collect();
        let mut filled = vec![path.to_owned()];
        for (of, part) in parts.iter().zip(&parts[1..]).filter(|(_, part)| part.starts_with('{')) {
            let names = self.names.get(of).unwrap_or_else(|| panic!("what stands for `{part}` in {path}?"));
            let each = |one: &String| names.iter().map(|name| one.replace(part, name)).collect::<Vec<_>>();
            filled = filled.iter().flat_map(each).collect();
        }
        // A stream would go on for ever.
        let media = &self.document["paths"][path]["get"]["responses"]["200"]["content"];
        let goes_on = path.ends_with("/wait") || media.get("text/event-stream").is_some();
        let end = if goes_on { "?seconds=0" } else { "" };
        filled.into_iter().map(|path| path + end).collect()
    }

    fn asked(&self, asker: Asker, method: &str, path: &str, (kind, body): (&str, &str)) -> Answer {
        let Furnished { house, clerk, admin, .. } = self.furnished;
        let own = match asker {
            Asker::Token => format!("authorization: Bearer {ADMIN}\r\n"),
            Asker::Admin => format!("cookie: {admin}\r\n"),
            Asker::Clerk => format!("cookie: {clerk}\r\n"),
            Asker::Stranger => String::new(),
        };
        let headers = format!("{own}{kind}accept-language: zh\r\n");
        let (head, text) = ask(house, method, path, (&headers, body));
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Answer { place: format!("{asker:?} {method} {path}"), status, text: format!("{head}\n{text}") }
    }

    /// All that can be looked at, and where its links lead.
    pub(super) fn all(&self, asker: Asker) -> Vec<Answer> {
        let mut waiting: Vec<String> = vec![];
        let mut seen = BTreeSet::new();
        let mut answers = vec![];
        for path in addresses("get") {
            let filled = self.filled(path);
            let mut was_shown = false;
            for path in filled {
                seen.insert(path.clone());
                let answer = self.asked(asker, "GET", &path, ("", ""));
                was_shown |= matches!(answer.status, 200 | 303)
                    || path.contains("/m/")
                    || path.contains("/invitation/");
                waiting.extend(links(&answer.text));
                answers.push(answer);
            }
            // Or nothing was searched but a refusal.
            assert!(
                was_shown || asker != Asker::Token,
                "{path} shows nothing: {}",
                answers.last().unwrap().text
            );
        }
        while let Some(path) = waiting.pop() {
            if answers.len() < 400 && seen.insert(path.clone()) {
                let answer = self.asked(asker, "GET", &path, ("", ""));
                waiting.extend(links(&answer.text));
                answers.push(answer);
            }
        }
        answers
    }

    /// All that can be done, with nothing that fits.
    pub(super) fn acts(&self) -> Vec<Answer> {
        let mut answers = vec![];
        for (method, kind) in [("POST", "post"), ("PUT", "put")] {
            for path in addresses(kind) {
                for path in self.filled(path) {
                    let json = ("content-type: application/json\r\n", "{}");
                    let form = ("content-type: application/x-www-form-urlencoded\r\n", "a=b");
                    let sent =
                        if path.starts_with("/api/") || path.starts_with("/hooks/") { json } else { form };
                    answers.push(self.asked(Asker::Token, method, &path, sent));
                }
            }
        }
        answers
    }
}

/// Where a page leads within the house.
fn links(page: &str) -> Vec<String> {
    let of = |name: &str| {
        let begin = format!("{name}=\"/");
        let found = page.split(&begin).skip(1).map(|rest| rest.split('"').next().unwrap_or_default());
        found
            .map(|path| format!("/{}", path.replace("&amp;", "&").split('#').next().unwrap_or_default()))
            .collect::<Vec<_>>()
    };
    let mut all = of("href");
    all.extend(of("src"));
    all.extend(of("data-watch").into_iter().map(|path| {
        let sign = if path.contains('?') { '&' } else { '?' };
        format!("{path}{sign}seconds=0")
    }));
    all
}
