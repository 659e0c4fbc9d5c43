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
    reading(&read.workflow, &Registers::default(), language).steps.remove(0).sentences
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
        reading(&read.workflow, &Registers::default(), language).steps.remove(0).sentences.join(" ")
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
        reading(&read.workflow, &Registers::default(), language).steps.remove(0).sentences.join(" ")
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
        reading(&read.workflow, &Registers::default(), language).steps.remove(0).sentences.join(" ")
    };
    let zh = said(Lang::Zh);
    assert!(zh.contains("「amount」从 1 起、在 5 之前,且「state」为a或b,且「note」为空"), "{zh}");
    let en = said(Lang::En);
    assert!(
        en.contains("“amount” is 1 or after and is before 5 and “state” is a or b and “note” is empty"),
        "{en}"
    );
}

const CARDS: &str = "[register.\"卡片\"]\nnumber = \"K{n}\"\nfield.card = { label = \"卡号\" }\n\
                     field.state = { label = \"状况\", options = { kept = \"在册\", gone = \"销毁\" } }\n";

fn told(text: &str, language: Lang) -> String {
    let source = Source { name: "x".to_owned(), text: text.to_owned(), files: BTreeMap::new() };
    let read = crate::definition::read(&source, &source.files).unwrap();
    reading(&read.workflow, &Registers::read(CARDS).unwrap(), language).text(language)
}

#[test]
fn what_a_register_has_is_called_as_it_calls_it() {
    let text = r#"title = "x"
[input]
card = { label = "卡" }
[step.find]
title = "查卡"
use = "register.find"
with.register = "卡片"
with.where = { card = "{{ input.card }}", state = "kept" }
[step.add]
when = "step.find.entry.state == 'kept' or not step.find.entry"
use = "register.append"
with.register = "卡片"
with.entry = { card = "{{ input.card }}", state = "kept" }
with.only_if = { where = { card = "{{ input.card }}" }, fewer = 1 }
on.refused = { go = "cancel:有了" }
"#;
    let zh = told(text, Lang::Zh);
    assert!(zh.contains("自动查台账「卡片」里的记录(「卡号」为「卡」,且「状况」为在册)。"), "{zh}");
    assert!(zh.contains("「查卡」查到的记录的「状况」为「在册」"), "{zh}");
    assert!(zh.contains("没有「查卡」查到的记录"), "{zh}");
    assert!(zh.contains("没有登记成时:取消"), "{zh}");
    let en = told(text, Lang::En);
    assert!(
        en.contains("Looks for entries of the register “卡片” where “卡号” is “卡” and “状况” is 在册."),
        "{en}"
    );
    assert!(en.contains("If it is not entered: it is cancelled"), "{en}");
}

#[test]
fn what_holds_for_all_steps_that_fail_is_said_once() {
    let text = r#"title = "x"
on_error = "ask"
owner = "group:a"
[step.a]
use = "echo.echo"
[step.b]
use = "echo.echo"
on_error = "continue"
[step.c]
use = "echo.echo"
on_error = "fail"
[on_failure.d]
use = "echo.echo"
on_error = "ask"
"#;
    let zh = told(text, Lang::Zh);
    assert_eq!(zh.matches("请负责人决定").count(), 2, "of all, and where a run closes: {zh}");
    assert_eq!(zh.matches("办不成也继续往下走。").count(), 1, "{zh}");
    assert_eq!(zh.matches("办不成就按失败处理。").count(), 1, "{zh}");
}

#[test]
fn what_is_taken_out_of_a_list_is_shown_as_it_is_written() {
    let list = "step.b.list | selectattr('state', 'eq', 'gone') | list";
    let text = format!(
        "title = \"x\"\n[step.b]\nuse = \"echo.echo\"\n[step.a]\nuse = \"echo.echo\"\nwhen = \"({list} | length) > 0\"\n"
    );
    let zh = told(&text, Lang::Zh);
    assert!(zh.contains("只有`step.b.list | selectattr('state', 'eq', 'gone')`不为空时才做"), "{zh}");
}
