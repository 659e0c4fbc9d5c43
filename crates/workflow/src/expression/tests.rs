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
        ("skipped.n | default(input.none)", "null"),
        ("input.none | default(skipped.n)", "null"),
        ("skipped.n | default", "\"\""),
        ("input.none == skipped", "true"),
        ("input.none > 1", "false"),
        ("input.n == ''", "false"),
        ("(skipped | default('')) == 3", "false"),
        ("'' < input.n", "false"),
        ("input.n in ''", "false"),
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

#[test]
fn numbers_are_exact_decimals() {
    for (expression, is) in [
        ("0.1 + 0.2 == 0.3", "true"),
        ("0.1 + 0.2", "0.3"),
        ("19.99 * 3", "59.97"),
        ("1.10 + 1.10", "2.2"),
        ("1.1 * 1.1", "1.21"),
        ("2 / 3", "0.6666666666666667"),
        ("-2 / 3", "-0.6666666666666667"),
        ("10 / 4", "2.5"),
        ("7.5 // 2", "3"),
        ("-7.5 % 2", "0.5"),
        ("1.5 ** 2", "2.25"),
        ("2 ** -2", "0.25"),
        ("2 ** 70", "1180591620717411303424"),
        ("9007199254740993 + 0", "9007199254740993"),
        ("9223372036854775807 + 1", "9223372036854775808"),
        ("-0.5 + 0.5", "0"),
        ("1.10", "1.10"),
        ("-1.10", "-1.1"),
        ("0.1234567890123456789012345678", "0.1234567890123456789012345678"),
        ("1.0 == 1", "true"),
        ("[1, 2.50] == [1.0, 2.5]", "true"),
        ("{'a': 1.0} == {'a': 1}", "true"),
        ("2.0 in [1, 2]", "true"),
        ("1.5 < 2 and 2 < 2.5 and 2.5 > 2 and 2.0 >= 2", "true"),
        ("0.0 or 'zero is no'", "\"zero is no\""),
        ("'x' ~ 1.50", "\"x1.50\""),
        ("input.price * input.n", "37.5"),
        ("[0.1, 0.2, 0.3] | sum", "0.6"),
        ("[1, none, 2] | mean", "1.5"),
        ("[] | sum", "0"),
        ("[] | mean", "null"),
        ("[1, 2, 2] | mean", "1.6666666666666667"),
        ("[2, 1.5, none, 10] | sort", "[1.5,2,10,null]"),
        ("[2, 1.5, none, 10] | sort(reverse=true)", "[10,2,1.5,null]"),
        ("[2, 1.5, none, 10] | min", "1.5"),
        ("[2, 1.5, 10.01] | max", "10.01"),
        ("[1.0, 1, 2.5, 2.50] | unique", "[1.0,2.5]"),
        ("[1.5, 2, 3] | select('ge', 2) | list", "[2,3]"),
        (
            "[1, 1.0, 2] | groupby",
            "YZ0310: `[1, 1.0, 2] | groupby` cannot be worked out: `groupby` needs the name of an attribute",
        ),
        ("2.0 is even and 3.0 is odd and 2.5 is not even and 1.5 is number and 2.0 is integer", "true"),
        ("4.5 is divisibleby(1.5)", "true"),
        ("'%05d|%-6.2f|%+d|%s%%' | format(7, 2.675, 3, 1.10)", "\"00007|2.68  |+3|1.10%\""),
        ("12.50 | string", "\"12.50\""),
        ("' 12.50 ' | number * 2", "25"),
        ("'x' | number(0)", "0"),
        ("-2.7 | int", "-2"),
        ("(-2.7) | abs", "2.7"),
    ] {
        assert_eq!(value(expression), is, "{expression}");
    }
}

#[test]
fn what_a_number_cannot_be_is_said() {
    for (expression, code, words) in [
        ("input.price / 0.0", "YZ0324", "divides by zero"),
        ("input.price % (1 - 1)", "YZ0324", "divides by zero"),
        ("10 ** 40", "YZ0325", "more than 28 digits"),
        ("12345678901234567890123456789 + 0.01", "YZ0325", "more than 28 digits"),
        ("2 ** 0.5", "YZ0310", "whole number"),
        ("input.price == '12.5'", "YZ0323", "a number (`12.5`) cannot be compared with a text (`12.5`)"),
        ("[1, 'a'] | sort", "YZ0323", "a text (`a`) cannot be compared with a number (`1`)"),
        ("[1, 'a'] | sum", "YZ0310", "`a` in the list is not a number"),
        ("[{'a': 1}, {}] | sum(attribute='a')", "YZ0311", "has no `a`"),
        ("'12' | round", "YZ0310", "`| number` reads one from a text"),
        ("1.5 | round(1, 'up')", "YZ0310", "`half_even`"),
        ("'%d' | format('x')", "YZ0310", "needs a number"),
        ("'%x' | format(1)", "YZ0310", "`%x` is no way"),
        ("'%s' | format()", "YZ0310", "needs more values"),
        ("add('5 workdays', '2026-10-01')", "YZ0326", "no calendar to count with"),
        ("'x' | money", "YZ0310", "is not an amount of money"),
        ("input.ok > 1", "YZ0323", "yes or no (`是`) cannot be compared with a number (`1`)"),
        ("input.list == 'a'", "YZ0323", "a list (`a、b`) cannot be compared with a text (`a`)"),
    ] {
        let told = value(expression);
        assert!(told.starts_with(code) && told.contains(words), "{expression}: {told}");
    }
}

#[test]
fn digits_pass_through_as_they_were_written() {
    let json =
        r#"{"id":9007199254740993,"long":123456789012345678901234567890,"price":1.10,"list":[1.0,2.50]}"#;
    let scope = value_of_json(&format!(r#"{{"input":{json}}}"#));
    let of = |text: &str| json_of_value(&Template::parse(text).unwrap().value(&scope).unwrap());
    assert_eq!(of("{{ input }}"), json);
    assert_eq!(of("{{ [input.id, input.price] }}"), "[9007199254740993,1.10]");
    assert_eq!(of("{{ input.long }} {{ input.list }}"), "\"123456789012345678901234567890 1.0、2.50\"");
    assert_eq!(of("{{ {'a': input.list | last} }}"), r#"{"a":2.50}"#);
    let text = value_of_text(json.to_owned());
    assert_eq!(json_of_value(&text.get_attr("price").unwrap()), "1.10", "also where one field is looked up");
}

#[test]
fn a_text_in_a_list_is_ordered_without_regard_to_case_and_groups_keep_their_items() {
    for (expression, is) in [
        ("['b', 'A', 'a'] | sort", r#"["A","a","b"]"#),
        ("['b', 'A', 'a'] | unique | join", "\"b、A\""),
        ("['b', 'A', 'a'] | sort(case_sensitive=true)", r#"["A","a","b"]"#),
        ("input.rows | sort(attribute='a', reverse=true) | map(attribute='a') | list", "[2,1]"),
        ("input.rows | sum(attribute='a')", "3"),
        ("input.rows | groupby('b') | map(attribute='grouper') | list", r#"["x","y"]"#),
        ("(input.rows | groupby('b') | last)[1] | map(attribute='a') | list", "[2]"),
        ("{'b': 1, 'a': 2.5} | dictsort", r#"[["a",2.5],["b",1]]"#),
        ("{'b': 1, 'a': 2.5} | dictsort(by='value')", r#"[["b",1],["a",2.5]]"#),
        ("input.rows | max(attribute='a')", r#"{"a":2,"b":"y"}"#),
    ] {
        assert_eq!(value(expression), is, "{expression}");
    }
}

#[test]
fn how_far_a_time_is_that_is_not_yet_known_is_empty() {
    for (expression, is) in [
        ("days(skipped.ended, '2026-10-01')", "null"),
        ("days(skipped.ended, '2026-10-01') > 3", "false"),
        ("add('3 days', skipped.ended)", "null"),
        ("hours('2026-10-01T09:00:00+08:00', '2026-10-01T10:20:00+08:00')", "1.3333333333333333"),
        ("hours('2026-10-01 09:00', '2026-10-01 10:30') == 1.5", "true"),
        ("months('2026-01-31', '2026-04-30')", "2"),
        ("'2026-11-22' | weekday ~ ('2026-11-23' | weekday)", "\"星期日星期一\""),
        ("'2026-11-22' | weekday('number')", "7"),
        ("'2026-11-22' | weekday('en')", "\"Sunday\""),
        ("'09:05:30' | time", "\"09:05\""),
        ("'2026-10-01T09:05:00+08:00' | datetime", "\"2026-10-01 09:05\""),
        ("skipped.at | date ~ skipped.at | weekday", "\"\""),
        ("'2026-10-01' | year + ('2026-10-01' | month) + ('2026-10-01' | day)", "2037"),
    ] {
        assert_eq!(value(expression), is, "{expression}");
    }
}

#[test]
fn a_range_counts_up_and_down_from_any_bound() {
    for (expression, is) in [
        ("range(3)", "0、1、2"),
        ("range(1, 8, 3)", "1、4、7"),
        ("range(3, 0, -2)", "3、1"),
        ("range(3, 3)", ""),
        ("range(0, 5, -1)", ""),
        (
            "range(-9223372036854775807 - 1, 9223372036854775807, 9223372036854775807)",
            "-9223372036854775808、-1、9223372036854775806",
        ),
        ("range(9, 8, -9223372036854775807 - 1)", "9"),
        ("range(4) | length + (range(2) | last)", "5"),
    ] {
        let printed = Template::parse(&format!("{{{{ {expression} }}}}")).unwrap().text(&scope());
        assert_eq!(printed.as_deref(), Ok(is), "{expression}");
    }
}

#[test]
fn no_step_of_an_expression_makes_more_than_a_value_may_have() {
    let tenfold = " | replace('a', 'aaaaaaaaaa')".repeat(12);
    for (expression, code) in [
        (format!("'a'{tenfold}"), "YZ0313"),
        ("'a\nb' | indent(100000000000)".to_owned(), "YZ0313"),
        ("[1] | batch(1000000000, 0) | list".to_owned(), "YZ0313"),
        ("[1] | slice(1000000000, 0) | list".to_owned(), "YZ0313"),
        ("range(60000) | list + (range(60000) | list)".to_owned(), "YZ0313"),
        ("'%999999999d' | format(1)".to_owned(), "YZ0310"),
        ("range(100000) | join('0123456789012345')".to_owned(), "YZ0313"),
        ("2 ** 99999999999".to_owned(), "YZ0325"),
        ("range(1000000000) | list".to_owned(), "YZ0313"),
        ("range(9223372036854775807, -9223372036854775807, -1)".to_owned(), "YZ0313"),
        ("range(1, 9, 0)".to_owned(), "YZ0310"),
    ] {
        let told = Template::parse(&format!("{{{{ {expression} }}}}")).unwrap().text(&scope());
        assert_eq!(told.map_err(|error| error.code.to_string()), Err(code.to_owned()), "{expression}");
    }
}

#[test]
fn a_list_of_lists_that_grows_at_each_name_is_stopped_where_it_is_printed() {
    let mut value = Value::from(vec![1; 1000]);
    for _ in 0..40 {
        value = Value::from(vec![value.clone(), value]);
    }
    let scope = Value::from_pairs([("v", value)]);
    for text in ["{{ v }}", "x {{ v }}", "{{ v | string }}", "{{ v | join }}", "{{ v ~ 'x' }}"] {
        assert_eq!(&*Template::parse(text).unwrap().text(&scope).unwrap_err().code, "YZ0313", "{text}");
    }
    let tree = Tree::Map(vec![("a".into(), Tree::Text(Template::parse("{{ v }}").unwrap()))]);
    let code = tree.json(&scope).unwrap_err().code;
    assert!(["YZ0310", "YZ0313"].contains(&&*code), "{code}");
}

#[test]
fn what_was_not_given_goes_through_filters_as_nothing_does() {
    let same = |rest: &str, wanted: &str| {
        for nothing in ["input.none", "skipped"] {
            assert_eq!(value(&format!("{nothing}{rest}")), wanted, "{nothing}{rest}");
        }
    };
    for counted in ["length", "count", "sum"] {
        same(&format!(" | {counted}"), "0");
    }
    for text in ["upper", "lower", "title", "capitalize", "trim", "string", "replace('a', 'b')", "indent(2)"]
    {
        same(&format!(" | {text}"), "\"\"");
    }
    for list in
        ["list", "reverse | list", "unique | list", "map(attribute='a') | list", "select | list", "sort"]
    {
        same(&format!(" | {list}"), "[]");
    }
    same(" | join('、')", "\"\"");
    same(" | split(',') | list | length == 0 or true", "true");
    for one in ["first", "last"] {
        assert_eq!(worked(&format!("「{{{{ input.none | {one} }}}}」")), "「」");
        assert_eq!(worked(&format!("「{{{{ skipped | {one} }}}}」")), "「」");
    }
    same(" | default('无')", "\"无\"");
}

#[test]
fn a_key_names_a_person_by_their_word_as_two_may_have_one_name() {
    let text = "[person.\"li.na\"]\nname = \"李娜\"\n[person.\"li.na2\"]\nname = \"李娜\"\n";
    let people = std::sync::Arc::new(crate::people::People::read(text).unwrap());
    let template = Template::parse("{{ who }}/{{ n }}").unwrap();
    let of = |word: &str| Value::from_pairs([("who", person(word, &people)), ("n", Value::from(3))]);
    let (one, other) = (of("person:li.na"), of("person:li.na2"));
    assert_eq!(template.text(&one).unwrap(), template.text(&other).unwrap());
    assert_eq!(template.key(&one).unwrap(), "person:li.na/3");
    assert_eq!(template.key(&other).unwrap(), "person:li.na2/3");
}
