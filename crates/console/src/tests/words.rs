//! What we say has its page.

use yizhan_workflow::problem::{Lang, explain};

#[test]
fn each_code_of_ours_has_its_page_in_both_languages() {
    let source = include_str!("../refusal.rs");
    let codes: Vec<_> = source.match_indices("\"YZ04").map(|(at, _)| &source[at + 1..at + 7]).collect();
    assert!(codes.len() > 25);
    for (at, code) in codes.iter().enumerate() {
        assert!(!codes[..at].contains(code), "{code} has two meanings");
        assert!(explain(code, Lang::Zh).is_some() && explain(code, Lang::En).is_some(), "{code}");
    }
}
