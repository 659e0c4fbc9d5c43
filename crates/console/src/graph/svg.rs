//! Draws a workflow as SVG: rows from the top, what runs side by side beside each other, what a step holds inside it.

use std::collections::BTreeMap;

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};
use yizhan_workflow::id::StepNo;
use yizhan_workflow::plan::{Work, Workflow};
use yizhan_workflow::problem::Lang;

use super::layout::{Bend, GAP, Laid, Place, Sizes, WORD, lay};
use super::{Way, closing, label, steps_in, ways};

/// Columns of a line in a box; a Chinese character takes two.
const COLUMNS: usize = 26;
const COLUMN: f64 = 7.2;
const LINE: f64 = 18.0;
const BOX: f64 = COLUMNS as f64 * COLUMN + 20.0;
/// Room at the right of the boxes for the words of what ends.
const MARGIN: f64 = 90.0;
/// At the left of ways back, and where nothing is drawn at a side.
const EDGE: f64 = 16.0;
/// From one way back to the next.
const LANE: f64 = 13.0;
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
    let ways = ways(workflow, language);
    let (mut laid, heads) = whole(plan, &ways);
    let back = ways.iter().filter(|way| way.to.is_some()).count();
    let left = EDGE + back as f64 * LANE;
    let right = if ways.iter().any(|way| way.to.is_none()) { MARGIN } else { EDGE };
    laid.shift(left, HEAD);
    let places: BTreeMap<StepNo, Place> = laid.places.iter().copied().collect();
    let (w, h) = (laid.w + left + right, laid.h + HEAD + 20.0);
    let middle = left + laid.w / 2.0;
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
    for (no, place) in &laid.places {
        out.push(step(plan, *no, *place));
    }
    for (no, place) in &places {
        for (need, from) in workflow.step(*no).needs.iter().filter_map(|need| Some((need, places.get(need)?)))
        {
            let bends = laid.bends.get(&(*need, *no)).map_or(&[][..], Vec::as_slice);
            out.push(edge(*from, *place, bends));
        }
    }
    out.extend(drawn_ways(&ways, &places));
    out.push("</svg>".to_owned());
    out.join("\n")
}

/// From the foot of one box to the head of another, past the rows between.
fn edge(from: Place, to: Place, bends: &[Bend]) -> String {
    let (mut x, mut y) = (from.x + from.w / 2.0, from.row_end);
    let mut path = format!("M{x:.0} {:.0}V{y:.0}", from.y + from.h);
    let mut lead = |to_x: f64, to_y: f64, end: Option<f64>| {
        let half = (to_y - y) / 2.0;
        path.push_str(&format!("C{x:.0} {:.0} {to_x:.0} {:.0} {to_x:.0} {to_y:.0}", y + half, to_y - half));
        (x, y) = (to_x, to_y);
        if let Some(end) = end {
            path.push_str(&format!("V{end:.0}"));
            y = end;
        }
    };
    for bend in bends {
        lead(bend.x, bend.top, Some(bend.end));
    }
    lead(to.x + to.w / 2.0, to.y, None);
    format!(r##"<path class="edge" d="{path}" fill="none" stroke="#555" marker-end="url(#a)"/>"##)
}

/// Ways back run below the row that they leave, at the left of all, and above the row that they lead to; what ends is said
/// below its box.
fn drawn_ways(ways: &[Way], places: &BTreeMap<StepNo, Place>) -> Vec<String> {
    let mut out = Vec::new();
    // The words below one row stand under each other, and each way back has a lane of its own.
    let mut below: BTreeMap<(u64, u64), u32> = BTreeMap::new();
    let mut lanes: BTreeMap<u64, u32> = BTreeMap::new();
    for way in ways {
        let Some(from) = places.get(&way.from) else { continue };
        let row = below.entry((from.left.to_bits(), from.row_end.to_bits())).or_default();
        let y = from.row_end + 14.0 + f64::from(*row) * WORD;
        *row += 1;
        let text = escaped(&cut(&way.label, 30));
        match way.to.and_then(|to| places.get(&to)) {
            Some(to) => {
                let number = lanes.entry(from.left.to_bits()).or_default();
                let lane = from.left.min(to.left) - 8.0 - f64::from(*number) * LANE;
                *number += 1;
                let (x1, y1, x2, y2) = (from.x + 14.0, from.y + from.h, to.x + 14.0, to.y);
                out.push(format!(r##"<path class="back" d="M{x1:.0} {y1:.0}V{y:.0}H{lane:.0}V{:.0}H{x2:.0}V{y2:.0}" fill="none" stroke="#b45309" stroke-dasharray="5 4" marker-end="url(#a)"/>"##, y2 - 12.0));
                out.push(format!(
                    r##"<text class="back" x="{:.0}" y="{:.0}" font-size="12" fill="#b45309">{text}</text>"##,
                    x1 + 6.0,
                    y + 1.0
                ));
            }
            None => {
                let x = from.x + 14.0;
                out.push(format!(
                    r##"<rect class="halt" x="{x:.0}" y="{:.0}" width="8" height="8" fill="#991b1b"/>"##,
                    y - 7.0
                ));
                out.push(format!(
                    r##"<text class="stop" x="{:.0}" y="{:.0}" font-size="12" fill="#991b1b">{text}</text>"##,
                    x + 13.0,
                    y + 1.0
                ));
            }
        }
    }
    out
}

/// The main steps, and below them those of the closing sections, each under its name.
fn whole(plan: Plan<'_>, ways: &[Way]) -> (Laid, Vec<(&'static str, f64)>) {
    let workflow = plan.workflow;
    let own = |no: StepNo| {
        let marked = usize::from(plan.marks.0.contains_key(&no));
        (lines(&plan.label(no)).len() + marked) as f64 * LINE + 20.0
    };
    let words = |no: StepNo| ways.iter().filter(|way| way.from == no).count();
    let sizes = Sizes { workflow, own: &own, narrow: BOX, words: &words };
    let mut all = lay(&sizes, &steps_in(workflow, None));
    let mut heads = Vec::new();
    for (section, steps) in closing(workflow) {
        let mut below = lay(&sizes, &steps);
        let wide = all.w.max(below.w);
        all.shift((wide - all.w) / 2.0, 0.0);
        heads.push((section, all.h + GAP));
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
    let Place { x, y, w, h, .. } = place;
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
