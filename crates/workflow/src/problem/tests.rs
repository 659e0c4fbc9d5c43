//! Stories about faults and their words.

use super::*;

/// The codes that the sources of the whole workspace name.
fn codes_in_use() -> Vec<String> {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut folders = vec![root];
    let mut found = std::collections::BTreeSet::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let text = std::fs::read_to_string(&path).unwrap();
                for (at, _) in text.match_indices("\"YZ0") {
                    let code = &text[at + 1..at + 7];
                    if code[2..].bytes().all(|byte| byte.is_ascii_digit()) {
                        found.insert(code.to_owned());
                    }
                }
            }
        }
    }
    found.into_iter().collect()
}

#[test]
fn every_code_has_its_words_in_both_languages() {
    let mut missing = Vec::new();
    for code in codes_in_use() {
        for language in [Lang::Zh, Lang::En] {
            if explain(&code, language).is_none() {
                missing.push(format!("{code} {language:?}"));
            }
        }
    }
    assert!(missing.is_empty(), "no page for {missing:?}");
}

/// The texts of several words between a call's brackets, as the source writes them.
fn phrases(source: &str, call: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (at, _) in source.match_indices(call) {
        let own = &source[at + call.len()..];
        let end = [");", ")]", "),"].iter().filter_map(|end| own.find(end)).min();
        let own = own[..end.unwrap_or(own.len())].replace("\\\"", "\u{1}");
        let texts = own.split('"').skip(1).step_by(2).filter(|text| text.trim().contains(' '));
        found.extend(texts.map(|text| text.replace('\u{1}', "\"")));
    }
    found
}

/// The sources below a file or folder of this crate, without their own tests.
fn sources(of: &str) -> Vec<String> {
    let mut paths = vec![std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(of)];
    let mut sources = Vec::new();
    while let Some(path) = paths.pop() {
        if path.is_dir() {
            paths.extend(std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()));
        } else if path.file_stem().is_some_and(|name| name != "tests") {
            let source = std::fs::read_to_string(&path).unwrap();
            sources.push(source.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default().to_owned());
        }
    }
    sources
}

#[test]
fn what_a_value_must_be_is_said_in_chinese_too() {
    let wanted: Vec<String> =
        sources("definition").iter().flat_map(|source| phrases(source, "wrong_type(")).collect();
    assert!(wanted.len() > 15, "{wanted:?}");
    let english: Vec<&String> =
        wanted.iter().filter(|phrase| messages::in_language(phrase, Lang::Zh) == **phrase).collect();
    assert!(english.is_empty(), "{english:?}");
}

/// A sentence with something in its places: `{sign}` and `{}` become `x`, `{{` is a brace.
fn filled_in(phrase: &str) -> String {
    let phrase = phrase.replace("{{", "\u{1}").replace("}}", "\u{2}");
    let mut text = String::new();
    for (at, piece) in phrase.split('{').enumerate() {
        match piece.split_once('}').filter(|_| at > 0) {
            Some((_, rest)) => text.extend(["x", rest]),
            None => text.push_str(piece),
        }
    }
    text.replace('\u{1}', "{").replace('\u{2}', "}")
}

#[test]
fn why_a_value_a_moment_or_a_register_is_not_taken_is_said_in_chinese_too() {
    let places =
        ["expression", "moment.rs", "moment", "schedule", "register.rs", "register", "query.rs", "table.rs"];
    let calls = ["refused(", "#[error(", "AskFault(", "Err(", "ok_or(", "map_err(", "fn help("];
    let mut told = std::collections::BTreeSet::new();
    for source in places.iter().flat_map(|place| sources(place)) {
        told.extend(calls.iter().flat_map(|call| phrases(&source, call)));
    }
    assert!(told.len() > 60, "{told:?}");
    // Sentences that are put together from two.
    let together = [
        "`x` is not a date, a time or a length of time: `x` has no unit; write `1min` or `1 months`",
        "there is no column `x` There are a, b",
        "there is no column `x`; did you mean `y`? There are a, b",
        "the register `x` has no column `y`; did you mean `z`?",
        "write a length (`4h`, `3 days`), a day and time (`monday at 09:00`, `last workday of month at 17:00`), a date (`2026-10-01`), or `every 8h`",
    ];
    let in_parts =
        |phrase: &str| ["{near}", "\n", " / ", "write a length"].iter().any(|part| phrase.contains(part));
    let whole = |phrase: &String| {
        phrase.strip_suffix("{}").filter(|whole| !whole.ends_with(' ')).unwrap_or(phrase).to_owned()
    };
    let english: Vec<String> = told
        .iter()
        .filter(|phrase| !in_parts(phrase))
        .map(whole)
        .chain(together.map(str::to_owned))
        .filter(|phrase| {
            let said = |phrase: &str| messages::is_foreign(&messages::in_language(phrase, Lang::Zh));
            said(phrase) && said(&filled_in(phrase))
        })
        .collect();
    assert!(english.is_empty(), "{english:#?}");
}

#[test]
fn every_page_is_headed_by_words_and_not_by_a_blank() {
    for code in codes() {
        for language in [Lang::Zh, Lang::En] {
            let page = explain(code, language).unwrap();
            let heading = page.lines().next().unwrap();
            let words = heading.split_once(": ").unwrap().1;
            let is_blank = words.starts_with('‹') && words.find('›') == Some(words.len() - '›'.len_utf8());
            assert!(!is_blank, "{heading}");
        }
    }
}

#[test]
fn both_languages_ask_for_the_same_names() {
    let names = |code: &str, language| {
        let message = messages::Message::of(code, language).unwrap();
        let mut names: Vec<String> = Vec::new();
        let kinds = ["sentence", "label", "cause", "help"];
        for line in message.head.lines().filter(|line| kinds.iter().any(|kind| line.starts_with(kind))) {
            for part in line.split('{').skip(1) {
                let name = part.split('}').next().unwrap();
                if !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase()) {
                    names.push(name.to_owned());
                }
            }
        }
        names.sort();
        names.dedup();
        names
    };
    for code in codes() {
        assert_eq!(names(code, Lang::Zh), names(code, Lang::En), "{code}");
    }
}

/// Compared letter by letter this would take minutes and gigabytes: names come from requests, too.
#[test]
fn a_word_without_end_is_compared_with_no_name() {
    let long = "name".repeat(1 << 18);
    let known: Vec<String> = (0..1_000).map(|number| format!("field{number}")).collect();
    assert_eq!(nearest(&long, &known), None);
    assert_eq!(nearest(&long, known.iter().map(String::as_str).chain(["name"])), Some("name".to_owned()));
}

#[test]
fn the_nearest_name_is_found_and_a_far_one_is_not_guessed() {
    assert_eq!(nearest("recrod", ["record", "repair"]), Some("record".to_owned()));
    assert_eq!(nearest("group:热钱", ["group:热线", "group:财务部"]), Some("group:热线".to_owned()));
    assert_eq!(nearest("x", ["a", "b"]), None);
    assert_eq!(nearest("dispatch", ["record", "repair"]), None);
}

#[test]
fn a_caret_stands_right_under_chinese_text() {
    let text = "[step.派工]\nwait = \"1h\"\n";
    let problem = Problem::error("YZ0109", Place::at(6..12)).name("name", "派工");
    let texts = BTreeMap::from([(String::new(), text.to_owned())]);
    insta::assert_snapshot!(render(&[problem], "a.toml", &texts, Lang::Zh, false), @r"
    错误[YZ0109]: `派工` 不能作名字
     --> a.toml:1:7
      |
    1 | [step.派工]
      |       ^^^^ 只能用小写字母、数字和 `_`,以字母开头
      |
      = 怎么办: 取一个简短的英文名,给人看的字写在 `title` 或 `label` 里
    ");
}

/// None of them can be read by both of the libraries that read patterns.
const BROKEN: &str = r"
    (a a) (?=a) (?<!a) (?) (?<a>.)(?<a>.) (?<>a) (?<a (?<a-b>.) (?P< (?zz) (?i-) (?i--s) (?ii) (?i a{x} a{
    a{2 a{2, a{2,3 a{3,2} a{99999999999} *a {2}a [a [a- [^a [] []a [z-a] [\d-z] [\q] [[:nope:]] [a&&b \ \q \1
    \p{Nope} \x \x{ \x{} \x{zz} \x{110000} \xg0 \b{ \b{nope} \b{nope a**{
";

#[test]
fn what_is_wrong_with_a_pattern_is_said_in_the_readers_language() {
    let mut english = std::collections::BTreeSet::new();
    for pattern in BROKEN.split_whitespace() {
        let ours = regex_lite::Regex::new(pattern).err().map(|error| error.to_string());
        let mails = match regex_syntax::Parser::new().parse(pattern).err() {
            Some(regex_syntax::Error::Parse(error)) => Some(error.kind().to_string()),
            Some(regex_syntax::Error::Translate(error)) => Some(error.kind().to_string()),
            _ => None,
        };
        assert!(ours.is_some() || mails.is_some(), "{pattern} is not broken");
        for cause in [ours, mails].into_iter().flatten() {
            let problem =
                Problem::error("YZ0164", Place::at(0..0)).name("pattern", "x").name("cause", &*cause);
            let said = render(&[problem], "a.toml", &BTreeMap::new(), Lang::Zh, false);
            if said.contains(&cause) {
                english.insert(cause);
            }
        }
    }
    assert!(english.is_empty(), "{english:#?}");
}

/// Expressions that no parser reads, one a line.
const UNREADABLE: &str = "
a b
a +
(a
[1, 2
{'a': 1
a.
a..b
a[
a |
| upper
a if
not
1.5.2
99999999999999999999999999999999999999999999
1_
a ? b
a;b
f(a=1, a
a == == b
";

#[test]
fn what_is_wrong_with_an_expression_is_said_in_the_readers_language() {
    let mut english = Vec::new();
    for text in UNREADABLE.lines().filter(|line| !line.is_empty()) {
        let Err(fault) = crate::expression::Expression::parse(text) else { continue };
        let crate::expression::SyntaxProblem::Other { cause } = fault.what else { continue };
        let problem = Problem::error("YZ0140", Place::at(0..0)).name("cause", &*cause);
        let said = render(&[problem], "a.toml", &BTreeMap::new(), Lang::Zh, false);
        if said.contains(&cause) {
            english.push(cause);
        }
    }
    assert!(english.is_empty(), "{english:#?}");
}

#[test]
fn what_a_library_says_that_we_do_not_know_stands_in_brackets() {
    let of = |cause: &str| {
        let problem = Problem::error("YZ0173", Place::at(0..0)).name("cause", cause);
        render(&[problem], "a.toml", &BTreeMap::new(), Lang::Zh, false)
    };
    assert!(of("the moon is not full").contains("csv 文件读不懂:(the moon is not full)"));
    assert!(of("the row has 3 cells, and the header 2").contains("csv 文件读不懂:这一行有 3 格,列名有 2 个"));
    assert!(of("Permission denied (os error 13)").contains("没有权限"));
}
