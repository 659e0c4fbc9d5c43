//! What is drawn of a workflow.

use std::collections::BTreeMap;
use std::sync::Arc;

use yizhan_workflow::definition;
use yizhan_workflow::plan::Source;

use super::svg::{Mark, Marks};
use super::*;

fn workflow() -> Arc<Workflow> {
    let text = "title = \"t\"\n[step.a]\ntitle = \"登记 <{{ run.id }}>\"\nuse = \"x.y\"\n\
        [step.b]\nask = \"starter\"\nform.ok = { type = \"yesno\" }\non.ok.no = { back_to = \"a\", most = 2 }\n\
        [step.c]\nneeds = [\"a\"]\nwhen = \"run.id == 'x'\"\nuse = \"x.y\"\n\
        [step.d]\nneeds = [\"b\", \"c\"]\n[step.d.step.e]\ncheck = \"run.id == 'x'\"\non.no = { go = \"cancel:no\" }\n\
        [on_failure.a]\ntitle = \"告知\"\nuse = \"x.y\"\n[on_failure.b]\nuse = \"x.y\"\n[on_cancel.c]\nuse = \"x.y\"\n";
    let source = Source { name: "t".into(), text: text.to_owned(), files: BTreeMap::new() };
    definition::survey(&source, &source.files).read.unwrap().workflow
}

#[test]
fn mermaid_shows_order_ways_back_and_what_a_step_holds() {
    let drawn = mermaid(&workflow(), Lang::En);
    for line in [
        "  s_a[\"登记 <…>\"]",
        "  s_a --> s_b",
        "  s_a -->|when| s_c",
        "  s_b -. \"ok: no ≤2\" .-> s_a",
        "  subgraph s_d[\"d\"]",
        "    s_e{\"e\"}",
        "  s_e --> end1([\"no → cancel: no\"])",
        "  subgraph on_failure[\"on_failure\"]",
        "    s_on_failure_a[\"告知\"]",
        "  s_on_failure_a --> s_on_failure_b",
        "  subgraph on_cancel[\"on_cancel\"]",
    ] {
        assert!(drawn.lines().any(|drawn| drawn == line), "{line}\n{drawn}");
    }
    // An answer is called as its form calls it.
    assert!(mermaid(&workflow(), Lang::Zh).contains("s_b -. \"ok: 否 ≤2\" .-> s_a"));
}

#[test]
fn a_drawing_has_a_box_for_each_step_inside_the_one_that_holds_it_and_dashed_ways_back() {
    let drawn = svg::svg(&workflow(), Lang::En, &Marks::default());
    assert_eq!(drawn.matches("rx=\"8\"").count(), 8, "{drawn}");
    for shown in ["告知", ">on_failure<", ">on_cancel<"] {
        assert!(drawn.contains(shown), "{shown}: {drawn}");
    }
    assert!(drawn.contains("登记 &lt;…&gt;"), "{drawn}");
    assert_eq!(drawn.matches("stroke-dasharray=\"5 4\"").count(), 1);
    assert!(dot(&workflow(), Lang::En).contains("s_b -> s_a [style=dashed"));
    assert!(dot(&workflow(), Lang::En).contains("subgraph cluster_on_cancel"));
}

#[test]
fn a_drawing_of_a_run_says_where_each_step_stands_in_words_and_keeps_them_apart_from_its_name() {
    let workflow = workflow();
    let mark = |state: &'static str, words: &str| Mark { state, words: words.to_owned(), title: None };
    let marks = Marks([(StepNo(0), mark("done", "办结 · 2 轮")), (StepNo(1), mark("open", "3/5 <"))].into());
    let drawn = svg::svg(&workflow, Lang::Zh, &marks);
    for shown in
        ["class=\"box use done\"", ">办结 · 2 轮</text>", "class=\"box ask open\"", ">3/5 &lt;</text>"]
    {
        assert!(drawn.contains(shown), "{shown}: {drawn}");
    }
    assert!(drawn.contains("class=\"box check\""), "a step without a mark has none: {drawn}");
}

/// Whether a point lies in a box, its border left out.
fn inside(x: f64, y: f64, place: (f64, f64, f64, f64)) -> bool {
    let (left, top, w, h) = place;
    x > left + 1.0 && x < left + w - 1.0 && y > top + 1.0 && y < top + h - 1.0
}

fn numbers(text: &str) -> Vec<f64> {
    text.split(|sign: char| !(sign.is_ascii_digit() || matches!(sign, '.' | '-')))
        .filter_map(|one| one.parse().ok())
        .collect()
}

fn attribute<'l>(line: &'l str, name: &str) -> &'l str {
    line.split_once(&format!(" {name}=\"")).unwrap().1.split('"').next().unwrap()
}

#[test]
fn a_line_that_leads_past_rows_runs_beside_their_boxes() {
    let mut text =
        "title = \"t\"\n[step.a]\nuse = \"x.y\"\n[step.b]\nneeds = [\"a\"]\nuse = \"x.y\"\n".to_owned();
    text.push_str("[step.c]\nneeds = [\"b\"]\nuse = \"x.y\"\non_error = { back_to = \"a\", most = 2 }\n");
    text.push_str("[step.d]\nneeds = [\"c\", \"a\"]\nuse = \"x.y\"\n");
    let source = Source { name: "t".into(), text, files: BTreeMap::new() };
    let workflow = definition::survey(&source, &source.files).read.unwrap().workflow;
    let drawn = svg::svg(&workflow, Lang::En, &Marks::default());
    let boxes: Vec<_> = drawn
        .lines()
        .filter(|line| line.contains("rx=\"8\""))
        .map(|line| ["x", "y", "width", "height"].map(|name| attribute(line, name).parse::<f64>().unwrap()))
        .map(|[x, y, w, h]| (x, y, w, h))
        .collect();
    assert_eq!(boxes.len(), 4, "{drawn}");
    let edges: Vec<&str> = drawn.lines().filter(|line| line.contains("class=\"edge\"")).collect();
    assert_eq!(edges.len(), 4, "{drawn}");
    // From a to d: down, past the row of b, past that of c, and in.
    let long = edges.iter().find(|line| attribute(line, "d").matches('C').count() == 3);
    let path = attribute(long.unwrap_or_else(|| panic!("no line has bends: {drawn}")), "d");
    for bend in path.split('C').skip(1).take(2) {
        let all = numbers(bend);
        let (x, top, end) = (all[4], all[5], all[6]);
        for y in [top, (top + end) / 2.0, end] {
            assert!(!boxes.iter().any(|place| inside(x, y, *place)), "{x} {y}: {boxes:?}");
        }
    }
    // The way back stands left of every box.
    let back = drawn.lines().find(|line| line.contains("class=\"back\" d=")).unwrap();
    let lane = numbers(attribute(back, "d").split('H').nth(1).unwrap())[0];
    assert!(boxes.iter().all(|place| lane < place.0), "{lane}: {boxes:?}");
}
