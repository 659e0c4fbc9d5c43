//! Whatever becomes of a file, it is checked without a panic, and every fault has a place that the file has.

use proptest::prelude::*;

use super::{Town, files_of, problems_of, survey_text, texts};
use yizhan_workflow::problem::{Lang, render};

/// Words that stand where words of a workflow stand: put in the place of another they make likely faults.
const WORDS: &[&str] = &[
    "[",
    "]",
    "{",
    "}",
    "{{",
    "}}",
    "{%",
    "%}",
    "\"",
    "'",
    "\"\"\"",
    "=",
    ",",
    "，",
    "“",
    "”",
    ".",
    "#",
    "\n",
    "\t",
    "\r\n",
    "\u{feff}",
    "\u{3000}",
    "\\",
    "\u{0}",
    "[step.x]\n",
    "[step]\n",
    "[[step]]\n",
    "[input]\n",
    "[let]\n",
    "[on_failure.x]\n",
    "[table.t]\nkey = [\"a\"]\nrows = [{ a = 1 }]\n",
    "use = \"email.send\"\n",
    "use = \"nothing.here\"\n",
    "ask = \"group:热线\"\n",
    "wait = \"4m\"\n",
    "check = \"step.x.y == 1\"\n",
    "end = \"done:x\"\n",
    "run = \"x\"\n",
    "needs = []\n",
    "needs = [\"x\"]\n",
    "when = \"input.x > 1\"\n",
    "each = \"{{ input }}\"\n",
    "on.no = { back_to = \"x\" }\n",
    "on.late = { go = \"done:x\" }\n",
    "form.x = { type = \"choice\" }\n",
    "due = { within = \"1h\", of = \"x\" }\n",
    "like = \"input.a\"\n",
    "title = \"{{ step.x.by }}\"\n",
    "with.x = { secret = \"a\" }\n",
    "with.x = { file = \"mail/dispatch.txt\" }\n",
    "undo = { use = \"echo.echo\" }\n",
    "retry = { times = 3 }\n",
    "schedule = \"18:00\"\n",
    "😀",
    "一",
    "99999999999999999999",
    "-1",
    "1e999",
    "2026-13-01",
    "true",
    "null",
    "(((((((((((",
    "{{ table.t(a = 1).b }}",
];

/// A file of the corpus or one of the four processes.
fn texts_to_change() -> Vec<String> {
    let mut paths = files_of("wrong");
    paths.extend(files_of("right"));
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../workflows");
    for path in ["water/fault-dispatch", "shop/returns", "archive/retention", "customer/new-customer"] {
        paths.push(root.join(format!("{path}.toml")));
    }
    paths.iter().filter_map(|path| std::fs::read_to_string(path).ok()).collect()
}

#[derive(Clone, Debug)]
enum Change {
    /// Cuts some bytes out.
    Cut(usize, usize),
    /// Puts a word in.
    Put(usize, usize),
    /// Puts a word in the place of another.
    Replace(usize, usize),
    /// Takes a line to another place.
    Move(usize, usize),
    /// A byte becomes another one.
    Byte(usize, u8),
}

fn change() -> impl Strategy<Value = Change> {
    let at = any::<usize>;
    prop_oneof![
        (at(), 0_usize..30).prop_map(|(at, most)| Change::Cut(at, most)),
        (at(), at()).prop_map(|(at, word)| Change::Put(at, word)),
        (at(), at()).prop_map(|(at, word)| Change::Replace(at, word)),
        (at(), at()).prop_map(|(from, to)| Change::Move(from, to)),
        (at(), any::<u8>()).prop_map(|(at, byte)| Change::Byte(at, byte)),
    ]
}

fn changed(text: String, change: &Change) -> String {
    let place = |at: usize| text.floor_char_boundary(at % (text.len() + 1));
    match *change {
        Change::Cut(at, most) => {
            let start = place(at);
            let end = text.ceil_char_boundary((start + most).min(text.len()));
            format!("{}{}", &text[..start], &text[end..])
        }
        Change::Put(at, word) => {
            let start = place(at);
            format!("{}{}{}", &text[..start], WORDS[word % WORDS.len()], &text[start..])
        }
        Change::Replace(at, word) => {
            let words: Vec<&str> = text.split_inclusive([' ', '\n']).collect();
            if words.is_empty() {
                return text.clone();
            }
            let at = at % words.len();
            let mut words = words;
            words[at] = WORDS[word % WORDS.len()];
            words.concat()
        }
        Change::Move(from, to) => {
            let mut lines: Vec<&str> = text.split_inclusive('\n').collect();
            if lines.is_empty() {
                return text.clone();
            }
            let line = lines.remove(from % lines.len());
            lines.insert(to % (lines.len() + 1), line);
            lines.concat()
        }
        Change::Byte(at, byte) => {
            let mut bytes = text.clone().into_bytes();
            if let Some(own) = bytes.get_mut(at % text.len().max(1)) {
                *own = byte;
            }
            String::from_utf8_lossy(&bytes).into_owned()
        }
    }
}

#[test]
fn a_file_that_was_changed_anyhow_is_checked_without_a_panic() {
    let cases = std::env::var("YIZHAN_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(300);
    let (town, all) = (Town::new(), texts_to_change());
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig {
        cases,
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    let changes = (any::<usize>(), prop::collection::vec(change(), 1..6));
    runner
        .run(&changes, |(file, changes)| {
            let text = changes.iter().fold(all[file % all.len()].clone(), changed);
            let problems = problems_of(survey_text("x", &text), &town);
            for problem in &problems {
                let length = match &problem.place.file {
                    None => text.len(),
                    Some(_) => usize::MAX,
                };
                prop_assert!(
                    problem.place.start <= problem.place.end && problem.place.end <= length,
                    "{problem:?}"
                );
            }
            let texts = texts(&text, &problems);
            let shown = render(&problems, "x.toml", &texts, Lang::Zh, false);
            prop_assert_eq!(shown.is_empty(), problems.is_empty());
            Ok(())
        })
        .unwrap();
}
