//! What is said of steps, for what no shipped workflow shows.

use std::collections::BTreeMap;

use super::*;
use crate::plan::Source;

fn said(step: &str, language: Lang) -> Vec<String> {
    let text = format!(
        "title = \"x\"\n[input]\narea = {{ label = \"区域\" }}\nurgent = {{ label = \"紧急\", type = \"yesno\" }}\n[step.a]\nuse = \"echo.echo\"\n{step}"
    );
    let source = Source { name: "x".to_owned(), text, files: BTreeMap::new() };
    let read = crate::definition::read(&source, &source.files).unwrap();
    reading(&read.workflow, language).steps.remove(0).sentences
}

#[test]
fn a_limit_is_said_with_what_shares_it_how_often_and_who_comes_first() {
    let most = said("limit.most = 2", Lang::Zh);
    assert!(most.contains(&"所有案件合起来,同时最多 2 个在做,先到先做。".to_owned()), "{most:?}");
    let whole = "limit.key = \"{{ input.area }}\"\nlimit.most = 2\nlimit.rate = \"30 per 1h\"\npriority = \"{{ input.urgent }}\"";
    let zh = said(whole, Lang::Zh).join("");
    assert!(zh.contains("「区域」相同的合起来,同时最多 2 个在做,每"), "{zh}");
    assert!(zh.contains("最多开始 30 个,「紧急」大的先做"), "{zh}");
    let en = said(whole, Lang::En).join(" ");
    assert!(en.contains("At most 2 at once, at most 30 within 1h over all with the same"), "{en}");
}

#[test]
fn an_answer_is_called_as_its_form_calls_it() {
    let said = |language| {
        let text = "[step.a]\nask = \"starter\"\nform.ok = { label = \"行吗\", type = \"yesno\" }\non.ok.no = { go = \"done:no\" }\n";
        let source = Source { name: "x".to_owned(), text: text.to_owned(), files: BTreeMap::new() };
        let read = crate::definition::read(&source, &source.files).unwrap();
        reading(&read.workflow, language).steps.remove(0).sentences.join(" ")
    };
    assert!(said(Lang::Zh).contains("「行吗」为「否」时"), "{}", said(Lang::Zh));
    assert!(said(Lang::En).contains("If “行吗” is “no”"), "{}", said(Lang::En));
}

#[test]
fn one_of_two_things_is_no_condition() {
    let whom = |value: &str, language| {
        let input = "[input]\narea = { label = \"区域\" }\nurgent = { label = \"紧急\", type = \"yesno\" }\n";
        let text =
            format!("{input}[step.a]\nask = \"{{{{ {value} }}}}\"\nform.ok = {{ type = \"yesno\" }}\n");
        let source = Source { name: "x".to_owned(), text, files: BTreeMap::new() };
        let read = crate::definition::read(&source, &source.files).unwrap();
        reading(&read.workflow, language).steps.remove(0).sentences.join(" ")
    };
    let or = "input.area or 'group:热线'";
    assert!(whom(or, Lang::Zh).contains("「区域」,没有时为「group:热线」"), "{}", whom(or, Lang::Zh));
    assert!(whom(or, Lang::En).contains("“区域”, or else “group:热线”"), "{}", whom(or, Lang::En));
    let and = whom("input.urgent and input.area", Lang::Zh);
    assert!(and.contains("「紧急」为“是”时为「区域」"), "{and}");
    let flags = whom("input.urgent or input.area == 'x'", Lang::Zh);
    assert!(flags.contains("「紧急」为“是”或「区域」为「x」"), "{flags}");
    let there = said("when = \"input.area or input.urgent\"", Lang::Zh).join("");
    assert!(there.contains("有「区域」或「紧急」为“是”"), "{there}");
}

#[test]
fn what_a_where_lets_through_is_said_in_clauses() {
    let said = |language| {
        let text = "[step.a]\nawait = \"paid\"\nkey = \"x\"\ndue = \"1 day\"\nwhere = { amount = { from = 1, before = 5 }, state = [\"a\", \"b\"], note = { empty = true } }\n";
        let source = Source { name: "x".to_owned(), text: text.to_owned(), files: BTreeMap::new() };
        let read = crate::definition::read(&source, &source.files).unwrap();
        reading(&read.workflow, language).steps.remove(0).sentences.join(" ")
    };
    let zh = said(Lang::Zh);
    assert!(zh.contains("「amount」从 1 起、在 5 之前,且「state」为a或b,且「note」为空"), "{zh}");
    let en = said(Lang::En);
    assert!(
        en.contains("“amount” is 1 or after and is before 5 and “state” is a or b and “note” is empty"),
        "{en}"
    );
}
