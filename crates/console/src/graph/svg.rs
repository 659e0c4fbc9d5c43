//! Draws a workflow as SVG: from the top, what runs side by side beside each other, what a step holds inside it, ways back dashed
//! and ends as squares with their words.

use std::collections::BTreeMap;

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};
use yizhan_workflow::id::StepNo;
use yizhan_workflow::plan::{Work, Workflow};
use yizhan_workflow::problem::Lang;

use super::layout::{GAP, HALT, Laid, Leads, Line, Place, Sizes, Word, lay};
use super::{Way, closing, label, steps_in, ways};
use crate::words::say;

/// Columns of a line in a box; a Chinese character takes two.
const COLUMNS: usize = 26;
const COLUMN: f64 = 7.2;
const LINE: f64 = 18.0;
const BOX: f64 = COLUMNS as f64 * COLUMN + 20.0;
/// Columns of the words at a way.
const WORDS: usize = 40;
/// Around everything.
const EDGE: f64 = 16.0;
/// The room above the first row.
const HEAD: f64 = 44.0;

/// Where a step of a run stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// A class for stylesheets: `done`, `open`, `failed`.
    pub state: &'static str,
    pub words: String,
    /// What it is called in this run; none: as the file has it.
    pub title: Option<String>,
}

/// Those of the steps of a run; none, where a workflow is drawn.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Marks(pub BTreeMap<StepNo, Mark>);

/// What is drawn.
#[derive(Clone, Copy)]
struct Plan<'p> {
    workflow: &'p Workflow,
    marks: &'p Marks,
}

impl Plan<'_> {
    fn label(self, no: StepNo) -> String {
        let title = self.marks.0.get(&no).and_then(|mark| mark.title.clone());
        title.unwrap_or_else(|| label(self.workflow, no))
    }
}

/// Colours stand in attributes, so that a file is drawn as it is and a page's stylesheet has the last word.
#[must_use]
pub fn svg(workflow: &Workflow, language: Lang, marks: &Marks) -> String {
    let plan = Plan { workflow, marks };
    let (mut laid, heads) = whole(plan, language);
    let title = workflow.title.width() as f64 * COLUMN * 1.2;
    let w = laid.w.max(title) + 2.0 * EDGE;
    let h = laid.h + HEAD + EDGE;
    let middle = w / 2.0;
    laid.shift((w - laid.w) / 2.0, HEAD);
    let mut out = vec![
        format!(r##"<svg xmlns="http://www.w3.org/2000/svg" role="img" viewBox="0 0 {w:.0} {h:.0}" width="{w:.0}" height="{h:.0}" font-family="sans-serif" font-size="14">"##),
        format!("<title>{}</title>", escaped(&workflow.title)),
        r##"<defs><marker id="a" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" orient="auto"><path class="tip" d="M0 0L8 4L0 8z" fill="#555"/></marker></defs>"##.to_owned(),
        r##"<rect class="ground" width="100%" height="100%" fill="#fff"/>"##.to_owned(),
        format!(r##"<text x="{middle:.0}" y="24" text-anchor="middle" font-weight="bold">{}</text>"##, escaped(&workflow.title)),
    ];
    for (section, y) in heads {
        let y = y + HEAD;
        out.push(format!(
            r##"<text class="stop" x="{middle:.0}" y="{y:.0}" text-anchor="middle" fill="#991b1b">{section}</text>"##
        ));
    }
    out.extend(laid.places.iter().map(|(no, place)| step(plan, *no, *place)));
    out.extend(laid.lines.iter().map(line));
    out.extend(laid.words.iter().map(word));
    out.push("</svg>".to_owned());
    out.join("\n")
}

/// Through the middles between its points, so that it has no corners.
fn line(line: &Line) -> String {
    let mut path = String::new();
    for (at, (x, y)) in line.points.iter().enumerate() {
        match (at, line.points.get(at + 1)) {
            (0, _) => path.push_str(&format!("M{x:.0} {y:.0}")),
            (_, Some(next)) => {
                let (to_x, to_y) = (f64::midpoint(*x, next.0), f64::midpoint(*y, next.1));
                path.push_str(&format!("Q{x:.0} {y:.0} {to_x:.0} {to_y:.0}"));
            }
            (_, None) => path.push_str(&format!("L{x:.0} {y:.0}")),
        }
    }
    let (class, colour) = match line.leads {
        Leads::On => ("edge", r##"stroke="#555""##),
        Leads::Back => ("back", r##"stroke="#b45309" stroke-dasharray="5 4""##),
        Leads::ToEnd => ("edge", r##"stroke="#991b1b""##),
    };
    format!(r##"<path class="{class}" d="{path}" fill="none" {colour} marker-end="url(#a)"/>"##)
}

/// The words of a way back stand on it; those of an end beside its square.
fn word(word: &Word) -> String {
    let Place { x, y, w, h } = word.place;
    let (text, foot) = (escaped(&word.text), y + h - 4.0);
    match word.leads {
        Leads::On | Leads::Back => {
            let middle = x + w / 2.0;
            format!(
                r##"<rect class="under" x="{x:.0}" y="{y:.0}" width="{w:.0}" height="{h:.0}" fill="#fff"/><text class="back" x="{middle:.0}" y="{foot:.0}" text-anchor="middle" font-size="12" fill="#b45309">{text}</text>"##
            )
        }
        Leads::ToEnd => {
            let (square, beside) = (foot - HALT, x + HALT + 5.0);
            format!(
                r##"<rect class="halt" x="{x:.0}" y="{square:.0}" width="{HALT}" height="{HALT}" fill="#991b1b"/><text class="stop" x="{beside:.0}" y="{foot:.0}" font-size="12" fill="#991b1b">{text}</text>"##
            )
        }
    }
}

/// The main steps, and below them those of the closing sections, each under its name.
fn whole(plan: Plan<'_>, language: Lang) -> (Laid, Vec<(&'static str, f64)>) {
    let workflow = plan.workflow;
    let ways = ways(workflow, language).into_iter();
    let ways: Vec<Way> = ways.map(|way| Way { label: cut(&way.label, WORDS), ..way }).collect();
    let own = |no: StepNo| {
        let marked = usize::from(plan.marks.0.contains_key(&no));
        (lines(&plan.label(no)).len() + marked) as f64 * LINE + 20.0
    };
    let sizes = Sizes { workflow, own: &own, narrow: BOX, ways: &ways };
    let mut all = lay(&sizes, &steps_in(workflow, None));
    let mut heads = Vec::new();
    for (_, words, steps) in closing(workflow) {
        let mut below = lay(&sizes, &steps);
        let wide = all.w.max(below.w);
        all.shift((wide - all.w) / 2.0, 0.0);
        heads.push((say(language, words), all.h + GAP));
        let top = all.h + GAP + LINE;
        below.shift((wide - below.w) / 2.0, top);
        (all.w, all.h) = (wide, top + below.h);
        all.take(below);
    }
    (all, heads)
}

fn step(plan: Plan<'_>, no: StepNo, place: Place) -> String {
    let own = plan.workflow.step(no);
    let (kind, fill, stroke) = match &own.work {
        Work::Ask(_) => ("ask", "#eff6ff", "#1d4ed8"),
        Work::Check { .. } => ("check", "#fefce8", "#a16207"),
        Work::Hold { .. } => ("hold", "#f8fafc", "#475569"),
        Work::Use { .. } | Work::Wait { .. } | Work::Run { .. } | Work::Await(_) | Work::End { .. } => {
            ("use", "#f0fdf4", "#15803d")
        }
    };
    let mark = plan.marks.0.get(&no);
    let state = mark.map_or_else(String::new, |mark| format!(" {}", mark.state));
    let dash = if own.when.is_some() { r##" stroke-dasharray="2 2""## } else { "" };
    let Place { x, y, w, h } = place;
    let mut out = format!(
        r##"<rect class="box {kind}{state}" x="{x:.0}" y="{y:.0}" width="{w:.0}" height="{h:.0}" rx="8" fill="{fill}" stroke="{stroke}"{dash}/>"##
    );
    let named = lines(&plan.label(no));
    let line = |at: usize, class: &str, text: &str| {
        let (cx, cy) = (x + w / 2.0, y + 24.0 + at as f64 * LINE);
        format!(r##"<text{class} x="{cx:.0}" y="{cy:.0}" text-anchor="middle">{}</text>"##, escaped(text))
    };
    for (at, text) in named.iter().enumerate() {
        out.push_str(&line(at, "", text));
    }
    if let Some(mark) = mark {
        let class = format!(r##" class="mark {}" font-size="12""##, mark.state);
        out.push_str(&line(named.len(), &class, &cut(&mark.words, COLUMNS)));
    }
    out
}

/// The words in lines that fit a box.
fn lines(text: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    for letter in text.chars() {
        let full = lines.last().is_some_and(|line| line.width() + letter.width().unwrap_or(0) > COLUMNS);
        if full {
            lines.push(String::new());
        }
        if let Some(line) = lines.last_mut() {
            line.push(letter);
        }
    }
    lines
}

fn cut(text: &str, columns: usize) -> String {
    let mut short = String::new();
    for letter in text.chars() {
        if short.width() + letter.width().unwrap_or(0) > columns {
            return short + "…";
        }
        short.push(letter);
    }
    short
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
