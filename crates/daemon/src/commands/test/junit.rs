//! The results of tests as a CI reads them: JUnit's XML.

use super::town::{TestFile, Town};
use super::{Outcome, report};
use crate::commands::Context;

pub(super) fn written(outcomes: &[Outcome], files: &[TestFile], town: &Town, context: &Context) -> String {
    let failures = outcomes.iter().filter(|outcome| outcome.result.is_err()).count();
    let errors = files.iter().filter(|file| file.tests.is_err()).count();
    let tests = outcomes.len() + errors;
    let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    xml.push_str(&format!("<testsuites tests=\"{tests}\" failures=\"{failures}\" errors=\"{errors}\">\n"));
    for (at, file) in files.iter().enumerate() {
        let own: Vec<&Outcome> = outcomes.iter().filter(|outcome| outcome.file == at).collect();
        suite(&mut xml, file, &own, town, context);
    }
    xml.push_str("</testsuites>\n");
    xml
}

fn suite(xml: &mut String, file: &TestFile, own: &[&Outcome], town: &Town, context: &Context) {
    let faults = file.rendered(context);
    let errors = usize::from(file.tests.is_err());
    if own.is_empty() && errors == 0 {
        return;
    }
    let failures = own.iter().filter(|outcome| outcome.result.is_err()).count();
    let time: f64 = own.iter().map(|outcome| outcome.took.as_secs_f64()).sum();
    let (shown, tests) = (escaped(&file.shown), own.len() + errors);
    xml.push_str(&format!(
        "  <testsuite name=\"{shown}\" tests=\"{tests}\" failures=\"{failures}\" errors=\"{errors}\" time=\"{time:.6}\">\n"
    ));
    if errors > 0 {
        let why = escaped(&faults.join("\n\n"));
        xml.push_str(&format!(
            "    <testcase name=\"{shown}\" classname=\"{shown}\" file=\"{shown}\" time=\"0\">\n"
        ));
        xml.push_str(&format!(
            "      <error message=\"the file has faults\">{why}</error>\n    </testcase>\n"
        ));
    }
    for outcome in own {
        let (name, time) = (escaped(file.name_of(outcome.test)), outcome.took.as_secs_f64());
        let line = file.line_of(outcome.test);
        let head = format!(
            "    <testcase name=\"{name}\" classname=\"{shown}\" file=\"{shown}\" line=\"{line}\" time=\"{time:.6}\""
        );
        match &outcome.result {
            Ok(()) => xml.push_str(&format!("{head}/>\n")),
            Err(failed) => {
                let why = report::why(failed, town, context);
                let first = escaped(why.first().map_or("", String::as_str));
                let whole = escaped(&report::failed(file, outcome.test, failed, town, context));
                xml.push_str(&format!(
                    "{head}>\n      <failure message=\"{first}\">{whole}</failure>\n    </testcase>\n"
                ));
            }
        }
    }
    xml.push_str("  </testsuite>\n");
}

/// As text and as an attribute; signs that XML cannot hold are left out.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for sign in text.chars() {
        match sign {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&apos;"),
            '\n' | '\t' => safe.push(sign),
            sign if sign.is_control() || matches!(sign, '\u{fffe}' | '\u{ffff}') => {}
            sign => safe.push(sign),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_xml_cannot_hold_is_escaped_or_left_out() {
        assert_eq!(
            escaped("a<b> & \"c\"\u{1b}[0m'中'\n"),
            "a&lt;b&gt; &amp; &quot;c&quot;[0m&apos;中&apos;\n"
        );
    }
}
