//! Wrong files and right ones.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::*;
use crate::expression::Sort;
use crate::problem::{Lang, render};

struct Folder(PathBuf);

impl Files for Folder {
    fn read(&self, path: &str) -> Result<String, String> {
        std::fs::read_to_string(self.0.join(path)).map_err(|error| error.to_string())
    }
}

fn workflow_files() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../workflows");
    let mut found = Vec::new();
    let mut folders = vec![root];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|end| end == "toml")
                && !path.to_string_lossy().ends_with(".test.toml")
            {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

fn read_file(path: &Path) -> Result<Read, String> {
    let text = std::fs::read_to_string(path).unwrap();
    let name = path.file_stem().unwrap().to_string_lossy().into_owned();
    let source = Source { name: name.clone(), text: text.clone(), files: BTreeMap::new() };
    let files = Folder(path.parent().unwrap().to_owned());
    read(&source, &files).map_err(|problems| {
        let mut texts = BTreeMap::from([(String::new(), text)]);
        for problem in &problems {
            if let Some(file) = &problem.place.file {
                texts.insert(file.to_string(), files.read(file).unwrap_or_default());
            }
        }
        render(&problems, &format!("{name}.toml"), &texts, Lang::En, false)
    })
}

#[test]
fn every_workflow_that_comes_along_can_be_read_and_read_again_from_what_is_kept() {
    let mut wrong = String::new();
    for path in workflow_files() {
        match read_file(&path) {
            Err(shown) => wrong.push_str(&shown),
            Ok(first) => {
                let again = read(&first.source, &first.source.files).expect("what was read once reads again");
                assert_eq!(again.workflow.hash, first.workflow.hash);
                assert_eq!(again.workflow.steps.len(), first.workflow.steps.len());
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

/// A house with three plugins, one group, and two workflows beside the one that is looked at.
fn house() -> (crate::catalogue::Catalogue, crate::people::People, Neighbours) {
    let mut catalogue = crate::catalogue::Catalogue::built_in();
    let email = r##"{"actions":{"send":{"effect":"keyed","input":{"type":"object","additionalProperties":false,
        "required":["to","subject"],"properties":{
        "to":{"x-yz":"recipients","anyOf":[{"type":"string"},{"type":"array","items":{"type":"string"}}]},
        "cc":{"x-yz":"recipients","anyOf":[{"type":"string"},{"type":"array","items":{"type":"string"}}]},
        "subject":{"type":"string"},"text":{"type":"string"},
        "attachments":{"type":"array","items":{"$ref":"#/$defs/Attachment"}}},
        "$defs":{"Attachment":{"type":"object","additionalProperties":false,"required":["path"],
        "properties":{"path":{"type":"string"},"name":{"type":["string","null"]}}}}},
        "output":{"type":"object","properties":{"message_id":{"type":"string"}}}}}}"##;
    let webhook = r##"{"actions":{"call":{"effect":"once","outcome":"result","input":{"type":"object",
        "additionalProperties":false,"required":["url"],"properties":{"url":{"type":"string"},
        "method":{"enum":["GET","POST","PUT","DELETE"]},"bearer":{"$ref":"#/$defs/Secret"},
        "sign":{"anyOf":[{"$ref":"#/$defs/Secret"},{"type":"null"}]},"password":{"x-yz":"secret","type":"string"},
        "attempts":{"type":"integer","minimum":1},"json":true},
        "$defs":{"Secret":{"type":"object","additionalProperties":false,"required":["secret"],
        "properties":{"secret":{"x-yz":"secret","type":"string"}}}}},
        "output":{"type":"object","properties":{"status":{"type":"integer"},
        "result":{"enum":["taken","refused"]}}}}}}"##;
    catalogue.add("email", email).unwrap();
    catalogue.add("webhook", webhook).unwrap();
    catalogue.add("echo", r#"{"actions":{"say":{"effect":"pure"}}}"#).unwrap();
    catalogue.add("pay", r#"{"actions":{"transfer":{"effect":"once"}}}"#).unwrap();
    let fetch = r#"{"actions":{"get":{"effect":"pure","input":{"type":"object","additionalProperties":false,
        "anyOf":[{"required":["url"]},{"required":["host","port"]}],"properties":{
        "url":{"type":"string"},"host":{"type":"string"},"port":{"type":"integer"}}}}}}"#;
    catalogue.add("fetch", fetch).unwrap();
    let people =
        crate::people::People::read("[person.a]\nname = \"a\"\n[group.\"热线\"]\nmembers = [\"a\"]\n")
            .unwrap();
    let customer = "[input]\nphone = { type = \"phone\" }\narea = { required = false }\n[step.a]\nend = \"done:taken\"\n[output]\nnumber = \"{{ input.phone }}\"\n";
    let source = Source { name: "customer".to_owned(), text: customer.to_owned(), files: BTreeMap::new() };
    let customer = read(&source, &BTreeMap::new()).unwrap();
    let file = |name, path, read| FileOf { name, path, read };
    let files = [
        file("x", "x.toml", None),
        file("other", "other.toml", None),
        file("customer", "customer.toml", Some(&customer)),
    ];
    let workflows = Neighbours::of(files, &catalogue);
    (catalogue, people, workflows)
}

fn registers() -> crate::register::Registers {
    let text = "[register.\"来电登记\"]\nnumber = \"LD{year}-{n:04}\"\nfield.phone = { type = \"phone\" }\n\
                field.area = { required = false }\nfield.amount = { type = \"money\", required = false }\n\
                [register.\"大客户\"]\nfield.name = {}\nfield.birthday = { type = \"date\" }\n\
                [sequence.\"合同\"]\nnumber = \"HT{n}\"\n";
    crate::register::Registers::read(text).unwrap()
}

/// Everything that is said of a text, as codes.
fn said(text: &str) -> Vec<Problem> {
    let source = Source { name: "x".to_owned(), text: text.to_owned(), files: BTreeMap::new() };
    let Survey { read, mut problems } = survey(&source, &BTreeMap::new());
    if let Some(read) = read {
        let (catalogue, people, workflows) = house();
        let house = House {
            catalogue: &catalogue,
            people: Some(&people),
            calendars: Some(&crate::calendar::Calendars::default()),
            workflows: &workflows,
            registers: Some(&registers()),
            today: Some(jiff::civil::date(2026, 12, 15)),
        };
        problems.extend(check(&read, house));
        problems.extend(read.warnings);
    }
    problems.sort_by(|one, other| one.place.cmp(&other.place).then(one.code.cmp(other.code)));
    problems
}

/// Codes of which no file alone is an example: what a file's bytes, name or size are, and other files.
const WITHOUT_EXAMPLES: &[&str] = &[
    "YZ0100", "YZ0102", "YZ0103", "YZ0104", "YZ0111", "YZ0113", "YZ0114", "YZ0149", "YZ0173", "YZ0194",
    "YZ0199", "YZ0614", "YZ0673", "YZ0674",
];

/// Codes whose examples are of `config/people.toml`.
const OF_PEOPLE: &[&str] = &[
    "YZ0191", "YZ0192", "YZ0640", "YZ0641", "YZ0642", "YZ0643", "YZ0644", "YZ0645", "YZ0646", "YZ0647",
    "YZ0649", "YZ0650", "YZ0651", "YZ0652", "YZ0653", "YZ0654", "YZ0655",
];

/// Codes whose examples are of `config/calendars`.
const OF_CALENDARS: &[&str] = &["YZ0690", "YZ0691", "YZ0692", "YZ0693", "YZ0694", "YZ0695"];

fn said_of(code: &str, text: &str) -> Vec<Problem> {
    if OF_CALENDARS.contains(&code) {
        let texts = BTreeMap::from([("own".to_owned(), text.to_owned())]);
        let (_, mut faults) = crate::calendar::Calendars::read(&texts, &jiff::tz::TimeZone::UTC);
        return faults.remove("own").unwrap_or_default();
    }
    if OF_PEOPLE.contains(&code) {
        let calendars = crate::calendar::Calendars::default();
        crate::people::People::check(text, jiff::civil::date(2026, 10, 1), Some(&calendars)).1
    } else {
        said(text)
    }
}

#[test]
fn the_wrong_example_of_each_page_is_wrong_in_that_way_alone_and_the_right_one_is_right() {
    let mut faults = String::new();
    let of_files = |code: &&str| code.starts_with("YZ01") || code.starts_with("YZ06");
    for code in crate::problem::codes().into_iter().filter(of_files) {
        for language in [Lang::En, Lang::Zh] {
            let page = crate::problem::explain(code, language).unwrap();
            let examples: Vec<&str> =
                page.split("```toml\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
            let [wrong, right] = examples.as_slice() else {
                if !WITHOUT_EXAMPLES.contains(&code) {
                    faults.push_str(&format!("{code} {language:?} has no two examples\n"));
                }
                continue;
            };
            let problems = said_of(code, wrong);
            if problems.is_empty() || problems.iter().any(|problem| problem.code != code) {
                faults.push_str(&format!("{code} {language:?} wrong: {}\n", shown(wrong, &problems)));
            }
            let problems = said_of(code, right);
            if !problems.is_empty() {
                faults.push_str(&format!("{code} {language:?} right: {}\n", shown(right, &problems)));
            }
        }
    }
    assert!(faults.is_empty(), "{faults}");
}

fn shown(text: &str, problems: &[Problem]) -> String {
    let texts = BTreeMap::from([(String::new(), text.to_owned())]);
    render(problems, "x.toml", &texts, Lang::En, false)
}

#[test]
fn a_secret_stands_where_the_plugin_asks_for_one_in_each_of_its_forms() {
    let call =
        |with: &str| said(&format!("[step.a]\nuse = \"webhook.call\"\nwith.url = \"x\"\nwith.{with}\n"));
    for right in [
        "bearer = { secret = \"crm\" }",
        "sign = { secret = \"crm\" }",
        "password = \"crm\"",
        "bearer.secret = \"crm\"",
    ] {
        assert_eq!(call(right), [], "{right}");
    }
    for (wrong, code) in [
        ("bearer = \"crm\"", "YZ0188"),
        ("password = { secret = \"crm\" }", "YZ0182"),
        ("password = \"pass word!\"", "YZ0188"),
        ("method = { secret = \"crm\" }", "YZ0183"),
    ] {
        assert_eq!(call(wrong).iter().map(|problem| problem.code).collect::<Vec<_>>(), [code], "{wrong}");
    }
}

#[test]
fn a_secret_may_not_hide_in_a_name_a_list_or_a_table() {
    for wrong in [
        "[let]\nx = { secret = \"crm\" }\n[step.a]\nwait = \"1h\"\n",
        "[step.a]\nlet.x = { secret = \"crm\" }\nwait = \"1h\"\n",
        "[step.a]\neach = [{ secret = \"crm\" }]\nuse = \"webhook.call\"\nwith.url = \"x\"\n",
        "[table.t]\nkey = [\"a\"]\nrows = [{ a = 1, b = { secret = \"crm\" } }]\n[step.a]\nwait = \"1h\"\n",
        "[output]\nx = { secret = \"crm\" }\n[step.a]\nwait = \"1h\"\n",
    ] {
        assert!(
            said(wrong).iter().any(|problem| problem.severity == crate::problem::Severity::Error),
            "{wrong}"
        );
    }
}

/// A plugin may describe itself with a schema that leads into itself.
#[test]
fn a_schema_without_end_does_not_hold_the_check_up() {
    let mut catalogue = crate::catalogue::Catalogue::default();
    let endless =
        r##"{"actions":{"do":{"input":{"anyOf":[{"$ref":"#"},{"$ref":"#"}]},"output":{"$ref":"#"}}}}"##;
    catalogue.add("liar", endless).unwrap();
    let text =
        "[step.a]\nuse = \"liar.do\"\nwith.a = [1]\n[step.b]\ntitle = \"{{ step.a.x }}\"\nwait = \"1h\"\n";
    let source = Source { name: "x".to_owned(), text: text.to_owned(), files: BTreeMap::new() };
    let read = read(&source, &BTreeMap::new()).unwrap();
    assert!(
        check(
            &read,
            House {
                catalogue: &catalogue,
                people: None,
                calendars: None,
                workflows: &Neighbours::default(),
                registers: None,
                today: None
            }
        )
        .iter()
        .all(|problem| problem.code != "YZ0131")
    );
}

#[test]
fn bytes_that_are_no_text_are_refused_with_the_reason() {
    fn code(bytes: &[u8]) -> Result<&str, &'static str> {
        text_of(bytes).map_err(|problem| problem.code)
    }
    assert_eq!(code(b"\x7fELF\0\0"), Err("YZ0102"));
    assert_eq!(code(b"title = \"\xc4\xe3\xba\xc3\"\n"), Err("YZ0104"), "GB18030");
    assert_eq!(code(&vec![b'#'; 10 << 20]), Err("YZ0103"));
    assert_eq!(code("\u{feff}title = \"x\"".as_bytes()), Ok("title = \"x\""), "a mark of Windows is no text");
}

#[test]
fn a_file_with_too_many_steps_or_brackets_is_refused_at_once() {
    let steps: String = (0..1001).map(|at| format!("[step.s{at}]\nwait = \"1h\"\n")).collect();
    assert_eq!(said(&steps)[0].code, "YZ0113");
    assert_eq!(said(&format!("x = {}1{}\n", "[".repeat(10_000), "]".repeat(10_000)))[0].code, "YZ0114");
    let steps: String = (0..1000).map(|at| format!("[step.s{at}]\nwait = \"1h\"\n")).collect();
    assert!(said(&steps).is_empty());
}

/// A file that is something else altogether holds nobody up.
#[test]
fn of_very_many_faults_the_first_are_told_and_how_many_are_left() {
    for text in ["a = “x”\n".repeat(20_000), "a = 1\n".repeat(20_000), "a: 1\n".repeat(20_000)] {
        let problems = said(&text);
        assert!(!problems.is_empty() && problems.len() <= MOST_FAULTS + 1, "{}", problems.len());
    }
    let fields: String = (0..1000).map(|at| format!("f{at} = {{ type = \"txt\" }}\n")).collect();
    let problems = said(&format!("[input]\n{fields}[step.a]\nwait = \"1h\"\n"));
    assert_eq!(problems.len(), MOST_FAULTS + 1);
    assert_eq!(problems[MOST_FAULTS].names["left"], (1000 - MOST_FAULTS).to_string());
}

#[test]
fn all_faults_of_a_file_are_told_together_in_the_order_of_their_places() {
    let text = "title = 7\nowner = \"热线\"\n[input]\nA = {}\n[step.a]\nwait = \"1x\"\nwith.x = 1\n[step.b]\nneeds = [\"c\"]\nuse = \"echo.say\"\non.no = { go = \"stop\" }\n";
    let codes: Vec<&str> = said(text).iter().map(|problem| problem.code).collect();
    assert_eq!(codes, ["YZ0107", "YZ0186", "YZ0109", "YZ0155", "YZ0127", "YZ0122", "YZ0132"]);
}

#[test]
fn a_wrong_name_is_told_together_with_a_wrong_key_and_not_when_it_would_be_guessed() {
    let codes = |text: &str| said(text).iter().map(|problem| problem.code).collect::<Vec<_>>();
    assert_eq!(codes("[step.a]\nwait = \"1h\"\nx = 1\ntitle = \"{{ input.x }}\"\n"), ["YZ0105", "YZ0145"]);
    let lost = "[input]\nx = { type = \"txt\" }\n[step.a]\nwait = \"1h\"\ntitle = \"{{ input.x }}\"\n";
    assert_eq!(codes(lost), ["YZ0116"], "the field is there, only its type is wrong");
}

#[test]
fn the_hash_is_that_of_the_text_and_of_every_file_that_it_names() {
    let source = |text: &str, mail: &str| Source {
        name: "x".to_owned(),
        text: text.to_owned(),
        files: BTreeMap::from([("m.txt".to_owned(), mail.to_owned())]),
    };
    let text = "[step.a]\nuse = \"email.send\"\nwith.text = { file = \"m.txt\" }\n";
    let first = hash_of(&source(text, "a"));
    assert_eq!(first, hash_of(&source(text, "a")));
    assert_ne!(first, hash_of(&source(text, "b")));
    assert_ne!(first, hash_of(&source(&format!("{text}#"), "a")));
    let read = read(&source(text, "a"), &source(text, "a").files).unwrap();
    assert_eq!(read.workflow.hash, first);
}

mod properties {
    use proptest::prelude::*;

    use super::*;

    const SNIPPETS: &[&str] = &[
        "[",
        "]",
        "{{",
        "}}",
        "{%",
        "\"",
        "'",
        "\n[step.x]\n",
        " = ",
        "\u{feff}",
        "“",
        "{ back_to = \"a\" }",
        "\0",
        "needs = []\n",
        "[step.a.b]\n",
        ".",
        "each = \"{{ input }}\"\n",
        "use = \"a.b\"\n",
        "like = \"input.a\"\n",
        "\\",
        "😀",
    ];

    fn mutated(text: &str, changes: &[(usize, usize, usize)]) -> String {
        let mut text = text.to_owned();
        for (at, cut, put) in changes {
            let start = text.floor_char_boundary(at % (text.len() + 1));
            let end = text.ceil_char_boundary((start + cut % 40).min(text.len()));
            text.replace_range(start..end, SNIPPETS[put % SNIPPETS.len()]);
        }
        text
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

        /// Whatever becomes of a file, it is read or refused with places that it has.
        #[test]
        fn reading_never_panics(file in 0_usize..16, changes in prop::collection::vec((any::<usize>(), any::<usize>(), any::<usize>()), 1..6)) {
            let files = workflow_files();
            let path = &files[file % files.len()];
            let text = mutated(&std::fs::read_to_string(path).unwrap(), &changes);
            let source = Source { name: "x".to_owned(), text: text.clone(), files: BTreeMap::new() };
            let Survey { read, mut problems } = survey(&source, &Folder(path.parent().unwrap().to_owned()));
            prop_assert!(read.is_some() || !problems.is_empty());
            if let Some(read) = read {
                let (catalogue, people, workflows) = house();
                let house = House { catalogue: &catalogue, people: Some(&people), calendars: None, workflows: &workflows, registers: Some(&registers()), today: None };
                problems.extend(check(&read, house));
            }
            let shown = shown(&text, &problems);
            prop_assert_eq!(shown.is_empty(), problems.is_empty());
        }

        #[test]
        fn an_expression_is_worked_out_or_refused(text in "[a-z0-9 .()'\"+*/<>=!|,\\[\\]{}%~-]{0,40}") {
            if let Ok(template) = crate::expression::Template::parse(&format!("{{{{ {text} }}}}")) {
                let scope = crate::expression::value_of_json(r#"{"a":{"b":1},"c":[1,2],"d":"x"}"#);
                drop(template.text(&scope));
            }
        }
    }
}

/// What is said of an expression over two names of one form, `n` a number and `t` a text.
fn said_of_check(expression: &str) -> Vec<&'static str> {
    let form = "form.n = { type = \"number\", required = false }\nform.t = { required = false }\n";
    let ask = format!("[step.a]\nask = \"group:热线\"\ndue = \"4h\"\n{form}");
    let let_ = "[let]\nmixed = \"{{ step.a.n | default('none') }}\"\nfirst = \"{{ step.a.t }}-01\"\n";
    let each = "[step.each]\neach = \"{{ ['x'] }}\"\nuse = \"echo.say\"\n";
    let table = "[table.t]\nkey = [\"c\"]\nrows = [{ c = \"leak\", n = 1 }, { c = \"12\", n = 2 }]\n\
                 [table.u]\nkey = [\"c\"]\nrows = [{ c = \"leak\", n = 1 }, { c = [\"a\", \"b\"], n = 2 }]\n";
    let text = format!("owner = \"person:a\"\n{let_}{table}{ask}{each}[step.b]\ncheck = \"{expression}\"\n");
    said(&text).into_iter().map(|problem| problem.code).collect()
}

#[test]
fn what_is_no_day_is_not_counted_from() {
    for wrong in ["days('x' in ['x'], today) > 3", "months(today, 1 == 2) > 3", "add('1 day', ['x'])"] {
        assert_eq!(said_of_check(wrong), ["YZ0619"], "{wrong}");
    }
    assert!(!said_of_check("days(step.a.t, today) > 3").contains(&"YZ0619"));
    assert!(
        !said_of_check("days(first, today) > 3").contains(&"YZ0619"),
        "the text around it makes it a day"
    );
}

#[test]
fn what_may_be_of_two_sorts_is_compared_with_neither() {
    for wrong in [
        "(step.a.n | default('none')) > 3",
        "mixed == 'none'",
        "(step.a.n if step.a.t == 'x' else 'none') == 3",
        "['x'] < (today if step.a.late else ['x'])",
        "3 == (step.a.t or step.a.n)",
        "(step.a.n and step.a.t == 'x') == true",
        "step.each.outcome == 'done'",
        "table.u(c = step.a.n).n == 1",
        "table.t(c = step.a.late).n == 1",
    ] {
        assert_eq!(said_of_check(wrong), ["YZ0603"], "{wrong}");
    }
    for wrong in [
        "(step.a.n | default('')) + 1 > 3",
        "-step.a.t == 3",
        "1 + (step.a.t or 1) > 3",
        "step.each.state * 2 > 1",
    ] {
        assert_eq!(said_of_check(wrong), ["YZ0604"], "{wrong}");
    }
    for right in [
        "(step.a.n | default('')) == 3",
        "step.a.n == ''",
        "(step.a.t and step.a.n > 3) == true",
        "(step.a.n | default(0)) + 1 > 3",
        "(step.a.t ~ mixed) == 'x'",
        "table.t(c = step.a.n).n == 1",
        "table.u(c = step.a.t).n == 1",
    ] {
        assert_eq!(said_of_check(right), [] as [&str; 0], "{right}");
    }
}

#[test]
fn what_a_child_has_from_its_own_children_is_known_also_where_they_start_each_other() {
    let (catalogue, _, _) = house();
    let texts = [
        ("a", "[step.b]\nrun = \"b\"\n[output]\nsum = \"{{ step.b.sum }}\"\n"),
        ("b", "[step.c]\nrun = \"c\"\n[output]\nsum = \"{{ step.c.sum }}\"\n"),
        ("c", "[step.s]\nwait = \"1h\"\n[output]\nsum = \"{{ 1 + 2 }}\"\n"),
        ("x", "[step.y]\nrun = \"y\"\n[output]\nsum = \"{{ step.y.sum | default('none') }}\"\n"),
        ("y", "[step.x]\nrun = \"x\"\n[output]\nsum = \"{{ step.x.sum }}\"\n"),
    ];
    let reads = texts.map(|(name, text)| {
        let source = Source { name: name.to_owned(), text: text.to_owned(), files: BTreeMap::new() };
        (name, read(&source, &BTreeMap::new()).unwrap())
    });
    let files = reads.iter().map(|(name, read)| FileOf { name, path: name, read: Some(read) });
    let all = Neighbours::of(files, &catalogue);
    assert_eq!(all.sorts("a", "sum").only(), Some(Sort::Number));
    // They start each other for ever; what is known of it is what stands there.
    assert!(all.sorts("y", "sum").has(Sort::Text));
}

#[test]
fn of_lists_of_keys_that_are_no_pairs_one_must_be_there_as_a_whole() {
    let missing = |with: &str| -> Vec<String> {
        let problems = said(&format!("[step.a]\nuse = \"fetch.get\"\n{with}"));
        problems.iter().map(|problem| format!("{} {:?}", problem.code, problem.names)).collect()
    };
    assert_eq!(missing("with.url = \"u\"\n"), Vec::<String>::new());
    assert_eq!(missing("with.host = \"h\"\nwith.port = 1\n"), Vec::<String>::new());
    let half = missing("with.port = 1\n");
    assert_eq!(half.len(), 1, "one key completes it: {half:?}");
}
