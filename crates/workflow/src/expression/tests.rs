//! Stories about expressions and templates.

use minijinja::Value;

use super::*;

fn scope() -> Value {
    let known = value_of_json(
        r#"{"input":{"name":"李娜","n":3,"price":12.5,"ok":true,"list":["a","b"],"rows":[{"a":1,"b":"x"},{"a":2,"b":"y"}],"none":null},"step":{"a":{"result":"fixed"}}}"#,
    );
    let mut all: Vec<(String, Value)> =
        known.try_iter().unwrap().map(|key| (key.to_string(), known.get_item(&key).unwrap())).collect();
    all.push(("skipped".to_owned(), empty()));
    Value::from_pairs(all)
}

#[track_caller]
fn worked(text: &str) -> String {
    match Template::parse(text).unwrap().text(&scope()) {
        Ok(text) => text,
        Err(error) => format!("{}: {error}", error.code),
    }
}

#[track_caller]
fn value(expression: &str) -> String {
    match Expression::parse(expression).unwrap().value(&scope()) {
        Ok(value) => json_of_value(&value),
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
        ("{{ add('90min', '2026-10-01T09:00:00+08:00') }}", "2026-10-01T10:30:00+08:00"),
        ("{{ days('2026-10-01', '2026-11-01') }}", "31"),
        ("{{ '2026-10-01' | date('%Y年%m月%d日') }}", "2026年10月01日"),
        ("{{ '2026-10-01T09:05:00+08:00' | date('%H:%M') }}", "09:05"),
        ("{{ input.rows | map(attribute='b') | join('/') }}", "x/y"),
        ("{{ 4 / 2 }} {{ 7 / 2 }} {{ 0.1 + 0.2 }} {{ 3 * 19.99 }}", "2 3.5 0.3 59.97"),
        ("{{ 'n' ~ input.n ~ input.ok }}", "n3是"),
    ] {
        assert_eq!(worked(template), printed, "{template}");
    }
}

#[test]
fn a_name_that_does_not_exist_is_told_with_the_nearest() {
    for (template, told) in [
        ("{{ input.nam }}", "YZ0311: `input.nam`: there is no `nam` in `input`; did you mean `name`?"),
        ("x {{ step.b.result }}", "YZ0311: `step.b.result`: there is no `b` in `step`"),
        (
            "{{ input.nam | upper }}",
            "YZ0311: `input.nam | upper`: there is no `nam` in `input`; did you mean `name`?",
        ),
        (
            "{{ 'x' if input.nam == 'y' else 'z' }}",
            "YZ0311: `'x' if input.nam == 'y' else 'z'`: there is no `nam` in `input`; did you mean `name`?",
        ),
    ] {
        assert_eq!(worked(template), told, "{template}");
    }
}

#[test]
fn what_a_skipped_step_returned_prints_nothing_and_is_false_and_orders_with_nothing() {
    assert_eq!(worked("[{{ skipped }}{{ skipped.any.field }}]"), "[]");
    assert_eq!(worked("{% raw %}"), "{% raw %}", "blocks are text outside of template files");
    for (expression, is) in [
        ("skipped", "null"),
        ("not skipped.result", "true"),
        ("skipped.result == 'x'", "false"),
        ("skipped.result != 'x'", "true"),
        ("skipped.n > 100", "false"),
        ("skipped.n <= 100", "false"),
        ("'x' in skipped.list", "false"),
        ("skipped.list | length", "0"),
        ("skipped.n | default(7)", "7"),
        ("input.none == skipped", "true"),
        ("input.none > 1", "false"),
        ("[skipped, 1]", "[null,1]"),
    ] {
        assert_eq!(value(expression), is, "{expression}");
    }
    assert!(value("skipped.n + 1").starts_with("YZ0310"), "{}", value("skipped.n + 1"));
}

#[test]
fn unlike_kinds_are_not_compared_and_nothing_is_divided_by_zero() {
    assert_eq!(
        value("input.n == '3'"),
        "YZ0323: `input.n == '3'` cannot be worked out: a number (`3`) cannot be compared with a text (`3`)"
    );
    assert!(value("input.name > 3").starts_with("YZ0323"));
    assert!(value("input.n / 0").starts_with("YZ0324"));
    assert!(value("input.n % 0").starts_with("YZ0324"));
    assert!(value("'a' * 1000000000").starts_with("YZ0310"), "a text is not multiplied");
}

#[test]
fn operators_keep_their_order_and_their_brackets() {
    for (expression, is) in [
        ("1 + 2 * 3", "7"),
        ("(1 + 2) * 3", "9"),
        ("-input.n + 1", "-2"),
        ("2 ** 3", "8"),
        ("7 // 2", "3"),
        ("1 < input.n < 5", "true"),
        ("1 < input.n < 3", "false"),
        ("not input.n == 3", "false"),
        ("input.n in [1, 2, 3] and 'a' not in input.list", "false"),
        ("'x' if input.n is odd else 'y'", "\"x\""),
        ("input.list[0] ~ input.list[1:] | join", "\"ab\""),
        ("{'a': 1, 'b': [1.5, none, true]}", r#"{"a":1,"b":[1.5,null,true]}"#),
        ("input.rows | selectattr('a', 'gt', 1) | map(attribute='b') | list", r#"["y"]"#),
        ("'a\\nb\"c'", r#""a\nb\"c""#),
        ("(input.rows | first).a", "1"),
        ("input.name == '李娜'", "true"),
    ] {
        assert_eq!(value(expression), is, "{expression}");
    }
}

#[test]
fn a_string_that_is_one_expression_keeps_its_type() {
    let tree = Tree::Map(vec![
        ("whole".into(), Tree::Text(Template::parse("{{ input.n }}").unwrap())),
        ("mixed".into(), Tree::Text(Template::parse("{{ input.n }} 件").unwrap())),
        ("list".into(), Tree::List(vec![Tree::Text(Template::parse("{{ input.list }}").unwrap())])),
        ("plain".into(), Tree::Json("1.50".into())),
    ]);
    assert_eq!(tree.json(&scope()).unwrap(), r#"{"whole":3,"mixed":"3 件","list":[["a","b"]],"plain":1.50}"#);
}

#[test]
fn a_template_file_may_loop_and_choose_and_leaves_no_empty_lines() {
    let text = "清单:\n{% for row in input.rows %}\n- {{ row.a }} {{ row.b }}{{ '!' if row.a > 1 }}\n{% endfor %}\n{% if skipped.n > 1 %}\n多\n{% else %}\n少 {{ '{{' }}\n{% endif %}\n";
    let file = Template::parse_file(text).unwrap();
    assert_eq!(file.text(&scope()).unwrap(), "清单:\n- 1 x\n- 2 y!\n少 {{\n");
    let names: Vec<String> = file.names().iter().map(|name| name.path.join(".")).collect();
    assert_eq!(names, ["input.rows", "skipped.n"], "what the file makes itself is no name from outside");
}

#[test]
fn an_expression_has_a_bound_of_work_and_of_size() {
    let busy = "range(100000) | map('string') | join | length";
    let error = Expression::parse(
        "{'a': range(99999) | list}['a'] | map('int') | list | length > 0 and range(100000)|list",
    );
    assert!(error.is_ok());
    let loops =
        Template::parse_file("{% for a in range(9999) %}{% for b in range(9999) %}x{% endfor %}{% endfor %}")
            .unwrap();
    assert_eq!(&*loops.text(&scope()).unwrap_err().code, "YZ0312");
    let large = Template::parse_file(
        "{% for a in range(20000) %}0123456789012345678901234567890123456789012345678901234567890123456789{% endfor %}",
    );
    assert_eq!(&*large.unwrap().text(&scope()).unwrap_err().code, "YZ0313");
    assert!(value(busy).parse::<u64>().is_ok() || value(busy).starts_with("YZ03"));
}

#[test]
fn syntax_is_checked_when_it_is_read() {
    use SyntaxProblem::{Empty, FullWidth, NotClosed, Statement, UnknownWord};
    let fault = |text: &str| Template::parse(text).unwrap_err();
    assert_eq!(fault("好 {{ “a” }}").what, FullWidth { sign: '“', ascii: "\"" });
    assert_eq!(&"好 {{ “a” }}"[fault("好 {{ “a” }}").at], "“");
    assert_eq!(fault("{{ a").what, NotClosed);
    assert_eq!(fault("{{  }}").what, Empty);
    assert!(
        matches!(fault("{{ a | uper }}").what, UnknownWord { nearest: Some(near), .. } if near == "upper")
    );
    assert_eq!(Template::parse_file("{% include 'x' %}").unwrap_err().what, Statement);
    assert!(Template::parse("{{ '全角，在引号里' }}").is_ok());
}

#[test]
fn many_expressions_share_the_small_cache_and_all_keep_working() {
    for round in 0..2 {
        for number in 0..600 {
            assert_eq!(value(&format!("input.n + {number}")), (3 + number).to_string(), "round {round}");
        }
    }
}

#[test]
fn names_are_found_with_their_places() {
    let text = "step.a.result == 'fixed' and table.branch(area = input.area).unit and item['列']";
    let names = Expression::parse(text).unwrap().names();
    let found: Vec<(&str, String)> =
        names.iter().map(|name| (&text[name.at.clone()], name.path.join("/"))).collect();
    assert_eq!(found[0], ("step.a.result", "step/a/result".to_owned()));
    assert_eq!(found[1].1, "table/branch");
    assert_eq!(found[2], ("input.area", "input/area".to_owned()));
    assert_eq!(found[3].1, "item/列");
    assert_eq!(&*names[0].against[0].0, "fixed");
    let call = names[1].call.as_ref().unwrap();
    assert_eq!(
        (call.words.as_slice(), call.attribute.as_deref()),
        (["area".into()].as_slice(), Some("unit"))
    );
}
