//! Stories about expressions and templates.

use minijinja::Value;

use super::*;

fn scope() -> Value {
    value_of_json(
        r#"{"input":{"name":"李娜","n":3,"price":12.5,"ok":true,"list":["a","b"]},"step":{"a":{"result":"fixed"}}}"#,
    )
}

#[track_caller]
fn worked(text: &str) -> String {
    match Template::parse(text).unwrap().text(&scope()) {
        Ok(text) => text,
        Err(error) => format!("{}: {error}", error.code),
    }
}

#[test]
fn a_template_prints_as_its_reader_writes() {
    for (template, printed) in [
        ("你好 {{ input.name }}!", "你好 李娜!"),
        ("{{ input.n }}", "3"),
        ("{{ input.price }}元", "12.5元"),
        ("{{ input.ok }}", "是"),
        ("{{ input.n > 4 }}", "否"),
        ("{{ input.list }}", "a、b"),
        ("{{ {'a': {'b': '}}'}}.a.b }}", "}}"),
        ("no braces { } here }}", "no braces { } here }}"),
        ("{{ input.price | money }}", "12.50"),
        ("{{ '=1+1' | csv }}", "'=1+1"),
        ("{{ add('3 days', '2026-10-01') }}", "2026-10-04"),
        ("{{ days('2026-10-01', '2026-11-01') }}", "31"),
        ("{{ '2026-10-01' | date('%Y年%m月%d日') }}", "2026年10月01日"),
        ("{{ input.nam }}", "YZ0311: `input.nam`: there is no `nam` in `input`; did you mean `name`?"),
        ("x {{ step.b.result }}", "YZ0311: `step.b.result`: there is no `b` in `step`"),
    ] {
        assert_eq!(worked(template), printed, "{template}");
    }
}
