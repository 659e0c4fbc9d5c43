//! What is said of a file of tests that is wrong, and where.

use std::collections::BTreeMap;

use super::*;
use crate::definition::read;
use crate::plan::Source;
use crate::problem::{Lang, render};

const WORKFLOW: &str = r#"
title = "t"
[input]
area = { type = "text" }
[trigger.shop]
webhook = { signature = "none" }
[step.dispatch]
use = "email.send"
with.to = "a@example.com"
[step.repair]
ask = "group:crew"
form.result = { type = "choice", options = ["fixed", "complex"] }
due = "4h"
escalate = [{ at = "+1h", ask = "group:crew", form.why = { type = "text" } }]
"#;

const PEOPLE: &str = "[person.\"wang\"]\nname = \"王\"\n[group.\"crew\"]\nmembers = [\"wang\"]\n";

const REGISTERS: &str = "[register.\"fines\"]\nnumber = \"F-{n}\"\nfield.card = { type = \"text\" }\n";

fn said(tests: &str) -> String {
    let source = Source { name: "fault".to_owned(), text: WORKFLOW.to_owned(), files: BTreeMap::new() };
    let workflow = read(&source, &source.files).unwrap().workflow;
    let mut catalogue = Catalogue::default();
    let describe = r#"{"actions":{"send":{"input":{"type":"object","additionalProperties":false,"properties":{
        "to":{},"subject":{},"text":{}}},"output":{"type":"object","properties":{"id":{"type":"string"}}}}}}"#;
    catalogue.add("email", describe).unwrap();
    let people = People::read(PEOPLE).unwrap();
    let registers = Registers::read(REGISTERS).unwrap();
    let others = ["fault".to_owned(), "refund".to_owned()];
    let among = Among {
        workflow: &workflow,
        catalogue: &catalogue,
        people: Some(&people),
        registers: Some(&registers),
        others: &others,
    };
    match read_tests(tests, among) {
        Ok(_) => String::new(),
        Err(problems) => {
            let texts = BTreeMap::from([(String::new(), tests.to_owned())]);
            let shown = render(&problems, "fault.test.toml", &texts, Lang::En, false);
            let zh = render(&problems, "fault.test.toml", &texts, Lang::Zh, false);
            assert!(zh.chars().any(|sign| sign > '\u{2e80}'), "{zh}");
            shown
        }
    }
}

fn line(play: &str) -> String {
    said(&format!("[[test]]\nname = \"x\"\ninput = {{ area = \"a\" }}\nplay = [\n{play}\n]\n"))
}

/// Each wrong line is told with this code, and with these words in what is said.
#[test]
fn a_slip_is_told_with_its_place_and_the_nearest_that_is_right() {
    for (wrong, code, words) in [
        ("{ anser = \"repair\" }", "YZ0105", "did you mean `answer`"),
        ("{ answer = \"repiar\" }", "YZ0122", "did you mean `repair`"),
        ("{ extend = \"repiar\" }", "YZ0122", "did you mean `repair`"),
        ("{ append = \"fines\", with = { kard = \"A\" } }", "YZ0671", "did you mean `card`"),
        ("{ void = \"fines\" }", "YZ0108", "number"),
        ("{ expect_entry = \"fine\" }", "YZ0670", "did you mean `fines`"),
        ("{ expect_entry = \"fines\", with = { kard = \"A\" } }", "YZ0671", "did you mean `card`"),
        ("{ expect_entry = \"fines\", nummer = \"F-1\" }", "YZ0105", "did you mean `number`"),
        ("{ answer = \"repair[x]\" }", "YZ0122", "repair[x]"),
        ("{ answer = \"repair\", wiht = {} }", "YZ0105", "did you mean `with`"),
        ("{ answer = \"repair\", with = { reslt = \"fixed\" } }", "YZ0105", "did you mean `result`"),
        ("{ answer = \"repair\", by = \"person:wagn\" }", "YZ0185", "did you mean `person:wang`"),
        ("{ answer = \"repair\", refused = 3 }", "YZ0107", "refused"),
        ("{ answer = \"repair\", pass = \"1h\" }", "YZ0133", "exclude each other"),
        ("{ by = \"person:wang\" }", "YZ0108", "answer"),
        ("{ pass = \"2 houers\" }", "YZ0155", "hours"),
        ("{ pass = 30 }", "YZ0107", "a moment"),
        ("{ expect = \"email.sent\" }", "YZ0130", "did you mean `email.send`"),
        ("{ expect = \"emial.send\" }", "YZ0131", "did you mean `email`"),
        ("{ expect = \"email\" }", "YZ0129", "not the name of an action"),
        ("{ expect = \"email.send\", sujbect = \"x\" }", "YZ0180", "did you mean `subject`"),
        ("{ expect_due = \"repair\" }", "YZ0108", "at"),
        ("{ expect_task = \"repair\", who = \"group:crw\" }", "YZ0185", "did you mean `group:crew`"),
        ("{ settle = \"repair\", verdict = \"agian\" }", "YZ0116", "did you mean `again`"),
        ("{ load = \"refnd\" }", "YZ0189", "did you mean `refund`"),
        ("{ trigger = \"shp\" }", "YZ0116", "did you mean `shop`"),
        ("{ fake = { \"email.sned\" = {} } }", "YZ0130", "did you mean `email.send`"),
        ("{ fake = { \"email.send\" = { idd = \"x\" } } }", "YZ0105", "did you mean `id`"),
        ("{ start = { aera = \"x\" } }", "YZ0105", "did you mean `area`"),
        ("{ hand_over = \"repair\" }", "YZ0108", "to"),
        ("{ hand_over = \"repair\", to = \"group:crw\" }", "YZ0185", "did you mean `group:crew`"),
        ("{ comment = \"repair\" }", "YZ0108", "text"),
        ("{ pause = \"repair\", by = \"person:wang\" }", "YZ0108", "reason"),
        ("{ move_due = \"repair\", reason = \"x\" }", "YZ0108", "to"),
        ("{ move_due = \"repair\", reason = \"x\", to = \"2 houers\" }", "YZ0155", "hours"),
        ("{ expect_tell = \"repiar\" }", "YZ0122", "did you mean `repair`"),
        ("{ expect_tell = \"repair\", about = \"remind\" }", "YZ0116", "did you mean `reminds`"),
        ("{ expect_tell = \"repair\", to = \"group:crw\" }", "YZ0185", "did you mean `group:crew`"),
        ("{ expect_tell = \"repair\", sbject = \"x\" }", "YZ0105", "did you mean `subject`"),
        ("{ expect_task = \"repair.escalate[1]\" }", "YZ0122", "escalate"),
        ("{ answer = \"repair.escalate[0]\", with = { wy = \"x\" } }", "YZ0105", "did you mean `why`"),
        ("3", "YZ0107", "play"),
    ] {
        let shown = line(wrong);
        assert!(shown.contains(&format!("error[{code}]")) && shown.contains(words), "{wrong}\n{shown}");
        assert_eq!(shown.matches("error[").count(), 1, "{wrong}\n{shown}");
        assert!(shown.contains("fault.test.toml:5"), "{wrong}\n{shown}");
    }
}

#[test]
fn a_test_has_a_name_of_its_own_and_no_unknown_key() {
    for (wrong, code, words) in [
        ("[[test]]\n", "YZ0108", "name"),
        ("[[test]]\nname = \"x\"\n[[test]]\nname = \"x\"\n", "YZ0110", "written twice"),
        ("[[test]]\nname = \"x\"\nsate = \"open\"\n", "YZ0105", "did you mean `state`"),
        ("tests = []\n", "YZ0105", "did you mean `test`"),
        ("[[test]]\nname = \"x\"\ntrigger = \"shop\"\ninput = {}\n", "YZ0133", "exclude each other"),
        ("[[test]]\nname = \"x\"\nbegins = \"latr\"\n", "YZ0116", "did you mean `later`"),
        ("[test]\nname = \"x\"\n", "YZ0107", "a list"),
        ("entries = [{ with = {} }]\n", "YZ0108", "register"),
        ("entries = [{ register = \"fine\" }]\n", "YZ0670", "did you mean `fines`"),
        ("entries = [{ register = \"fines\", with = { kard = \"A\" } }]\n", "YZ0671", "did you mean `card`"),
        ("entries = [{ register = \"fines\", wih = {} }]\n", "YZ0105", "did you mean `with`"),
        ("[[test]]\nname = \"x\"\nentries = [3]\n", "YZ0107", "a list of tables"),
    ] {
        let shown = said(wrong);
        assert!(shown.contains(&format!("error[{code}]")) && shown.contains(words), "{wrong}\n{shown}");
    }
}

#[test]
fn numbers_keep_the_digits_that_the_file_has() {
    let source = Source { name: "fault".to_owned(), text: WORKFLOW.to_owned(), files: BTreeMap::new() };
    let workflow = read(&source, &source.files).unwrap().workflow;
    let catalogue = Catalogue::default();
    let among =
        Among { workflow: &workflow, catalogue: &catalogue, people: None, registers: None, others: &[] };
    let text = "[[test]]\nname = \"x\"\ntrigger = \"shop\"\nbody = { a = 1.10, b = 1_000, c = 0x10, d = [true, \"é\"], e = 2026-09-30 }\n";
    let tests = read_tests(text, among).unwrap();
    let Begins::Fired(firing) = &tests.tests[0].begins else { panic!("it begins by a trigger") };
    assert_eq!(firing.body.get(), r#"{"a":1.10,"b":1000,"c":16,"d":[true,"é"],"e":"2026-09-30"}"#);
}
