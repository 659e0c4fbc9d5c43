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
    for shown in ["告知", ">When it fails<", ">When it is cancelled<"] {
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

/// The corner and the size of a box of the drawing.
type Corners = (f64, f64, f64, f64);

fn attribute<'l>(line: &'l str, name: &str) -> &'l str {
    line.split_once(&format!(" {name}=\"")).unwrap().1.split('"').next().unwrap()
}

fn corners(line: &str) -> Corners {
    let [x, y, w, h] =
        ["x", "y", "width", "height"].map(|name| attribute(line, name).parse::<f64>().unwrap());
    (x, y, w, h)
}

fn boxes(drawn: &str, class: &str) -> Vec<Corners> {
    drawn.lines().filter(|line| line.starts_with(&format!("<rect class=\"{class}"))).map(corners).collect()
}

/// The points of each line of a class, its beginning first.
fn lines(drawn: &str, class: &str) -> Vec<Vec<(f64, f64)>> {
    let numbers = |text: &str| -> Vec<f64> {
        text.split(|sign: char| !(sign.is_ascii_digit() || matches!(sign, '.' | '-')))
            .filter_map(|one| one.parse().ok())
            .collect()
    };
    let paths = drawn.lines().filter(|line| line.starts_with(&format!("<path class=\"{class}\"")));
    paths
        .map(|line| numbers(attribute(line, "d")).chunks(2).map(|point| (point[0], point[1])).collect())
        .collect()
}

/// Whether a point lies in a box, its border left out.
fn inside((x, y): (f64, f64), (left, top, w, h): Corners) -> bool {
    x > left + 1.5 && x < left + w - 1.5 && y > top + 1.5 && y < top + h - 1.5
}

fn apart(one: Corners, other: Corners) -> bool {
    let (x, y, w, h) = one;
    let (left, top, wide, high) = other;
    x + w <= left || left + wide <= x || y + h <= top || top + high <= y
}

fn holds(outer: Corners, inner: Corners) -> bool {
    let (x, y, w, h) = outer;
    let (left, top, wide, high) = inner;
    x <= left && y <= top && left + wide <= x + w && top + high <= y + h
}

fn read(name: &str, text: String) -> Option<Arc<Workflow>> {
    let source = Source { name: name.into(), text, files: BTreeMap::new() };
    Some(definition::survey(&source, &source.files).read?.workflow)
}

#[test]
fn a_line_that_leads_past_a_row_runs_beside_its_boxes_and_a_way_back_leads_up() {
    let text = "title = \"t\"\n[step.a]\nuse = \"x.y\"\n[step.b]\nneeds = [\"a\"]\nuse = \"x.y\"\n\
        [step.c]\nneeds = [\"b\"]\nuse = \"x.y\"\non_error = { back_to = \"a\", most = 2 }\n\
        [step.d]\nneeds = [\"c\", \"a\"]\nuse = \"x.y\"\n";
    let drawn = svg::svg(&read("t", text.to_owned()).unwrap(), Lang::En, &Marks::default());
    let boxes = boxes(&drawn, "box");
    let edges = lines(&drawn, "edge");
    assert_eq!((boxes.len(), edges.len()), (4, 4), "{drawn}");
    let (first, last) = (boxes[0], boxes[3]);
    let ends_at = |line: &[(f64, f64)], place: Corners| (line[line.len() - 1].1 - place.1).abs() <= 1.0;
    let begins_at = |line: &[(f64, f64)], place: Corners| (line[0].1 - place.1 - place.3).abs() <= 1.0;
    let long = edges.iter().find(|line| begins_at(line, first) && ends_at(line, last));
    let long = long.unwrap_or_else(|| panic!("no line from a to d: {drawn}"));
    assert!(
        long.iter().any(|point| point.1 > boxes[1].1 && point.1 < boxes[2].1),
        "it passes b and c: {long:?}"
    );
    assert!(
        !long.iter().any(|point| boxes.iter().any(|place| inside(*point, *place))),
        "{long:?}: {boxes:?}"
    );
    let back = &lines(&drawn, "back")[0];
    assert!((back[0].1 - boxes[2].1).abs() <= 1.0, "from c: {back:?}");
    assert!((back[back.len() - 1].1 - first.1 - first.3).abs() <= 1.0, "to a: {back:?}");
}

#[test]
fn ways_back_and_ends_of_what_a_step_holds_are_drawn_inside_it() {
    let text = "title = \"t\"\n[step.a]\nuse = \"x.y\"\n[step.d]\nneeds = [\"a\"]\n[step.d.step.e]\nask = \"starter\"\n\
        form.ok = { type = \"yesno\" }\non.ok.no = { go = \"cancel:no\" }\n\
        [step.d.step.f]\nuse = \"x.y\"\non_error = { back_to = \"e\", most = 2 }\n";
    let drawn = svg::svg(&read("t", text.to_owned()).unwrap(), Lang::En, &Marks::default());
    let held = boxes(&drawn, "box hold")[0];
    let back = lines(&drawn, "back");
    assert_eq!(back.len(), 1, "{drawn}");
    assert!(back[0].iter().all(|point| inside(*point, held)), "{back:?} {held:?}");
    assert!(holds(held, boxes(&drawn, "halt")[0]), "{drawn}");
}

/// All workflows that the product comes with, and all right ones of the language's tests.
fn shipped() -> Vec<(String, Arc<Workflow>)> {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut folders = vec![root.join("../../workflows"), root.join("../workflow/tests/corpus/right")];
    let mut all = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let name = path.display().to_string();
            if name.ends_with(".toml") && !name.ends_with(".test.toml") {
                let text = std::fs::read_to_string(&path).unwrap();
                all.extend(read(&name, text).map(|workflow| (name, workflow)));
            }
        }
    }
    all
}

#[test]
fn each_workflow_that_comes_with_the_product_is_drawn_with_boxes_and_words_that_do_not_cover_each_other() {
    let all = shipped();
    assert!(all.len() > 50, "{} were read", all.len());
    let mut ways_back = 0;
    for (name, workflow) in &all {
        let drawn = svg::svg(workflow, Lang::Zh, &Marks::default());
        let boxes = boxes(&drawn, "box");
        assert_eq!(boxes.len(), workflow.numbers().count(), "{name}");
        let words: Vec<Corners> =
            drawn.lines().filter(|line| line.starts_with("<rect class=\"under\"")).map(corners).collect();
        ways_back += words.len();
        for (at, one) in boxes.iter().enumerate() {
            for other in &boxes[at + 1..] {
                assert!(
                    apart(*one, *other) || holds(*one, *other) || holds(*other, *one),
                    "{name}: {one:?} {other:?}"
                );
            }
            for word in &words {
                assert!(apart(*one, *word) || holds(*one, *word), "{name}: words {word:?} on {one:?}");
            }
        }
        let (w, h) =
            (attribute(&drawn, "width").parse().unwrap(), attribute(&drawn, "height").parse().unwrap());
        let whole = (0.0, 0.0, w, h);
        assert!(boxes.iter().chain(&words).all(|one| holds(whole, *one)), "{name}: {whole:?}");
        assert_eq!(drawn, svg::svg(workflow, Lang::Zh, &Marks::default()), "{name} is drawn the same again");
    }
    assert!(ways_back > 10, "{ways_back} ways back have their words");
}
