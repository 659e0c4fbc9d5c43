//! Wrong files and right ones.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::*;
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
            } else if path.extension().is_some_and(|end| end == "toml") {
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
fn house() -> (crate::catalogue::Catalogue, crate::people::People, Vec<String>) {
    let mut catalogue = crate::catalogue::Catalogue::default();
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
    let people =
        crate::people::People::read("[person.a]\nname = \"a\"\n[group.\"热线\"]\nmembers = [\"a\"]\n")
            .unwrap();
    (catalogue, people, vec!["x".to_owned(), "other".to_owned()])
}

/// Everything that is said of a text, as codes.
fn said(text: &str) -> Vec<Problem> {
    let source = Source { name: "x".to_owned(), text: text.to_owned(), files: BTreeMap::new() };
    match read(&source, &BTreeMap::new()) {
        Err(problems) => problems,
        Ok(read) => {
            let (catalogue, people, workflows) = house();
            let mut problems = check(&read, &catalogue, &people, &workflows);
            problems.extend(read.warnings);
            problems
        }
    }
}

#[test]
fn the_wrong_example_of_each_page_is_wrong_in_that_way_and_the_right_one_is_right() {
    let mut tried = 0;
    let mut faults = String::new();
    for code in crate::problem::codes() {
        let page = crate::problem::explain(code, Lang::En).unwrap();
        let examples: Vec<&str> =
            page.split("```toml\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
        let [wrong, right] = examples.as_slice() else { continue };
        tried += 1;
        let problems = said(wrong);
        if !problems.iter().any(|problem| problem.code == code) {
            faults.push_str(&format!("{code} wrong: {}\n", shown(wrong, &problems)));
        }
        // A page shows one fault; the rest of its example is as it should be.
        let problems = said(right);
        if problems.iter().any(|problem| problem.is_error() || problem.code == code) {
            faults.push_str(&format!("{code} right: {}\n", shown(right, &problems)));
        }
    }
    assert!(faults.is_empty(), "{faults}");
    assert!(tried > 60, "{tried}");
}

fn shown(text: &str, problems: &[Problem]) -> String {
    let texts = BTreeMap::from([(String::new(), text.to_owned())]);
    render(problems, "x.toml", &texts, Lang::En, false)
}

#[track_caller]
fn message(text: &str) -> String {
    shown(text, &said(text))
}

#[test]
fn a_missing_quote_says_where_the_text_began() {
    insta::assert_snapshot!(message("title = \"报漏\nowner = \"group:热线\"\n"), @r##"
    error[YZ0101]: the file is not valid TOML: invalid basic string, expected `"`
     --> x.toml:1:12
      |
    1 | title = "报漏
      |              ^ here
      |
      = help: texts stand in quotes, lists in `[ ]`, and each key is written once as `key = value`
    "##);
}

#[test]
fn a_quote_of_full_width_is_named_with_its_twin() {
    insta::assert_snapshot!(message("title = “报漏”\n[step.a]\nwait = \"1h\"\n"), @r##"
    error[YZ0101]: the file is not valid TOML: string values must be quoted, expected literal string
     --> x.toml:1:9
      |
    1 | title = “报漏”
      |         ^ here
      |
      = help: write `"` for `“`: it is a sign of full width, as a Chinese input method gives it
      = help: texts stand in quotes, lists in `[ ]`, and each key is written once as `key = value`
    "##);
}

#[test]
fn a_key_in_the_wrong_table_is_told_where_it_belongs() {
    insta::assert_snapshot!(message("[input]\na = { type = \"text\" }\n[let]\nowner = \"group:热线\"\nx = 1\n[step.a]\nwait = \"1h\"\ntitel = \"等\"\nimplements = [\"001-07\"]\n"), @r##"
    error[YZ0105]: `owner` is not a key of [let]
     --> x.toml:4:1
      |
    4 | owner = "group:热线"
      | ^^^^^ not known here
      |
      = help: it belongs to the top of the file, above the first `[…]`

    error[YZ0105]: `titel` is not a key of [step.a]
     --> x.toml:8:1
      |
    8 | titel = "等"
      | ^^^^^ not known here
      |
      = help: did you mean `title`?

    error[YZ0105]: `implements` is not a key of [step.a]
     --> x.toml:9:1
      |
    9 | implements = ["001-07"]
      | ^^^^^^^^^^ not known here
      |
      = help: it belongs to the top of the file, above the first `[…]`
      = help: known here: `as`, `ask`, `at_once`, `check`, `due`, `each`, `effect`, `end`, `form`, `give_up`, `let`, `needs`, `note`, `on`, `on_error`, `retry`, `run`, `step`, `timeout`, `title`, `undo`, `use`, `wait`, `when`, …
    "##);
}

#[test]
fn a_step_named_twice_is_told() {
    insta::assert_snapshot!(message("[step.a]\nwait = \"1h\"\n\n[step.a]\nwait = \"2h\"\n"), @r##"
    error[YZ0110]: `a` is written twice
     --> x.toml:4:7
      |
    1 | [step.a]
      | -------- the first
    ...
    4 | [step.a]
      |       ^ a second time
      |
      = help: take one of the two away, or give it another name
    "##);
}

#[test]
fn a_wrong_action_is_told_with_the_nearest() {
    insta::assert_snapshot!(message("[step.a]\nuse = \"email.sent\"\nwith.to = \"x@example.com\"\n"), @r##"
    error[YZ0130]: plugin `email` has no action `sent`
     --> x.toml:2:7
      |
    2 | use = "email.sent"
      |       ^^^^^^^^^^^^ no such action
      |
      = help: did you mean `email.send`?
      = help: it has `send`
    "##);
}

#[test]
fn a_slip_in_a_field_within_a_template_has_its_caret_there() {
    insta::assert_snapshot!(message("[input]\nphone = { type = \"phone\" }\n[step.a]\nwait = \"1h\"\ntitle = \"回访 {{ input.phone }}{{ input.phne }}\"\n"), @r##"
    error[YZ0145]: `input` has no `phne`
     --> x.toml:5:33
      |
    5 | title = "回访 {{ input.phone }}{{ input.phne }}"
      |                                   ^^^^^^^^^^ not known
      |
      = help: did you mean `phone`?
      = help: it has `phone`
    "##);
}

#[test]
fn a_comma_of_full_width_in_an_expression_is_named_with_its_twin() {
    insta::assert_snapshot!(message("[step.a]\nwait = \"1h\"\nwhen = \"round in [1，2]\"\n"), @r##"
    error[YZ0141]: `，` is a sign of full width
     --> x.toml:3:20
      |
    3 | when = "round in [1，2]"
      |                    ^^ write `,`
      |
      = help: write `,` instead: switch the input method to half width
    "##);
}

#[test]
fn a_bad_duration_is_told_with_what_to_write() {
    insta::assert_snapshot!(message("[step.a]\nwait = \"4 hous\"\n[step.b]\nuse = \"echo.say\"\ntimeout = \"5m\"\n"), @r##"
    error[YZ0155]: `4 hous`: `hous` is not a unit of time
     --> x.toml:2:8
      |
    2 | wait = "4 hous"
      |        ^^^^^^^^ no moment
      |
      = help: the units are `s`, `min`, `h`, `days`, `weeks`, `months` and `years`

    error[YZ0155]: `5m`: `m` may mean minutes or months
     --> x.toml:5:11
      |
    5 | timeout = "5m"
      |           ^^^^ no moment
      |
      = help: write `5min` or `5 months`
    "##);
}

#[test]
fn a_circle_is_shown_with_arrows() {
    insta::assert_snapshot!(message("[step.a]\nneeds = [\"c\"]\nwait = \"1h\"\n[step.b]\nwait = \"1h\"\n[step.c]\nwait = \"1h\"\n"), @r##"
    error[YZ0123]: steps wait for each other: a → c → b → a
     --> x.toml:2:1
      |
    2 | needs = ["c"]
      | ^^^^^ each needs the next
    3 | wait = "1h"
    4 | [step.b]
      |       - and this
    5 | wait = "1h"
    6 | [step.c]
      |       - and this
      |
      = help: take one of these `needs` away; to go back, use `on.<outcome> = { back_to = … }`
    "##);
}

#[test]
fn a_forgotten_cell_of_a_table_is_told() {
    insta::assert_snapshot!(message("[table.t]\nkey = [\"area\"]\nrows = [\n  { area = \"城南\", unit = \"南\" },\n  { area = \"城北\" },\n]\n[step.a]\nwait = \"1h\"\n"), @r##"
    error[YZ0172]: the row lacks the column `unit`
     --> x.toml:5:3
      |
    5 |   { area = "城北" },
      |   ^^^^^^^^^^^^^^^^^ no `unit`
      |
      = help: add `unit = …`; `"*"` in a key column stands for anything
    "##);
}

#[test]
fn reading_what_stands_beside_is_refused_through_a_name_too() {
    insta::assert_snapshot!(message("[let]\nfirst = \"{{ step.a.ended }}\"\n[step.a]\nwait = \"1h\"\n[step.b]\nneeds = []\ntitle = \"{{ first }}\"\nwait = \"1h\"\n"), @r##"
    error[YZ0147]: `b` reads step `a`, which stands beside it and may not be over
     --> x.toml:7:13
      |
    7 | title = "{{ first }}"
      |             ^^^^^ may not be over yet
      |
      = help: add `a` to `needs` of `b`
      = help: it is read through the name `first`
    "##);
}

#[test]
fn a_secret_deep_in_what_a_plugin_says_nothing_of_is_refused() {
    insta::assert_snapshot!(message("[step.a]\nuse = \"webhook.call\"\nwith.url = \"https://example.com\"\nwith.json.a.b = [{ secret = \"crm\" }]\n"), @r##"
    error[YZ0183]: `with.json.a.b[0]` may not hold a secret
     --> x.toml:4:18
      |
    4 | with.json.a.b = [{ secret = "crm" }]
      |                  ^^^^^^^^^^^^^^^^^^ not here
      |
      = help: name the secret where the plugin asks for one
    "##);
}

#[test]
fn a_fault_in_a_list_within_a_schema_has_its_caret_inside() {
    insta::assert_snapshot!(message("[step.a]\nuse = \"email.send\"\nwith.to = [\"group:热线\", \"group:热\"]\nwith.subject = \"x\"\nwith.attachments = [{ path = \"a\", nam = \"b\" }]\n"), @r##"
    error[YZ0185]: nobody is called `group:热`
     --> x.toml:3:24
      |
    3 | with.to = ["group:热线", "group:热"]
      |                          ^^^^^^^^^^ in no file
      |
      = help: did you mean `group:热线`?
      = help: add it to `config/people.toml`

    error[YZ0180]: `email.send` takes no `nam`
     --> x.toml:5:35
      |
    5 | with.attachments = [{ path = "a", nam = "b" }]
      |                                   ^^^ not known
      |
      = help: did you mean `name`?
      = help: it takes `path`, `name`
    "##);
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
        ("bearer = \"crm\"", "YZ0182"),
        ("password = { secret = \"crm\" }", "YZ0182"),
        ("password = \"pass word!\"", "YZ0188"),
        ("method = { secret = \"crm\" }", "YZ0183"),
    ] {
        assert_eq!(call(wrong).iter().map(|problem| problem.code).collect::<Vec<_>>(), [code], "{wrong}");
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
        check(&read, &catalogue, &crate::people::People::default(), &[])
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
            let problems = match read(&source, &Folder(path.parent().unwrap().to_owned())) {
                Err(problems) => { prop_assert!(!problems.is_empty()); problems }
                Ok(read) => { let (catalogue, people, workflows) = house(); check(&read, &catalogue, &people, &workflows) }
            };
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
