//! Draws a workflow as SVG: rows from the top, what runs side by side beside each other, what a step holds inside it.

use std::collections::BTreeMap;

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};
use yizhan_workflow::id::StepNo;
use yizhan_workflow::plan::{Work, Workflow};
use yizhan_workflow::problem::Lang;

use super::{Way, closing, label, steps_in, ways};

/// Columns of a line in a box; a Chinese character takes two.
const COLUMNS: usize = 26;
const COLUMN: f64 = 7.2;
const LINE: f64 = 18.0;
const GAP: f64 = 34.0;
const BOX: f64 = COLUMNS as f64 * COLUMN + 20.0;
/// Room at the left for ways back, and at the right for what ends.
const MARGIN: f64 = 150.0;
/// Where nothing is drawn at a side.
const EDGE: f64 = 16.0;

#[derive(Clone, Copy)]
struct Place {
    x: f64,
    y: f64,
    w: f64,
    h: f64,
}

/// Where a step of a run stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// A class for stylesheets: `done`, `open`, `failed`.
    pub state: &'static str,
    pub words: String,
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

/// Everything in a box that holds steps, or in the drawing.
struct Laid {
    w: f64,
    h: f64,
    places: Vec<(StepNo, Place)>,
}

/// Colours stand in attributes, so that a file is drawn as it is and a page's stylesheet has the last word.
#[must_use]
pub fn svg(workflow: &Workflow, language: Lang, marks: &Marks) -> String {
    let plan = Plan { workflow, marks };
    let (laid, heads) = whole(plan);
    let ways = ways(workflow, language);
    let left = if ways.iter().any(|way| way.to.is_some()) { MARGIN } else { EDGE };
    let right = if ways.iter().any(|way| way.to.is_none()) { MARGIN } else { EDGE };
    let places: BTreeMap<StepNo, Place> =
        laid.places.iter().map(|(no, place)| (*no, moved(*place, left, 40.0))).collect();
    let (w, h) = (laid.w + left + right, laid.h + 60.0);
    let middle = left + laid.w / 2.0;
    let mut out = vec![
        format!(r##"<svg xmlns="http://www.w3.org/2000/svg" role="img" viewBox="0 0 {w:.0} {h:.0}" width="{w:.0}" height="{h:.0}" font-family="sans-serif" font-size="14">"##),
        format!("<title>{}</title>", escaped(&workflow.title)),
        r##"<defs><marker id="a" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" orient="auto"><path class="tip" d="M0 0L8 4L0 8z" fill="#555"/></marker></defs>"##.to_owned(),
        r##"<rect class="ground" width="100%" height="100%" fill="#fff"/>"##.to_owned(),
        format!(r##"<text x="{middle:.0}" y="24" text-anchor="middle" font-weight="bold">{}</text>"##, escaped(&workflow.title)),
    ];
    for (section, y) in heads {
        let y = y + 40.0;
        out.push(format!(
            r##"<text class="stop" x="{middle:.0}" y="{y:.0}" text-anchor="middle" fill="#991b1b">{section}</text>"##
        ));
    }
    for (no, place) in &laid.places {
        out.push(step(plan, *no, moved(*place, left, 40.0)));
    }
    for (no, place) in &places {
        for from in workflow.step(*no).needs.iter().filter_map(|need| places.get(need)) {
            let (x1, y1, x2, y2) = (from.x + from.w / 2.0, from.y + from.h, place.x + place.w / 2.0, place.y);
            let half = (y2 - y1) / 2.0;
            out.push(format!(r##"<path class="edge" d="M{x1:.0} {y1:.0}C{x1:.0} {:.0} {x2:.0} {:.0} {x2:.0} {y2:.0}" fill="none" stroke="#555" marker-end="url(#a)"/>"##, y1 + half, y2 - half));
        }
    }
    out.extend(drawn_ways(&ways, &places));
    out.push("</svg>".to_owned());
    out.join("\n")
}

/// Ways back at the left, ends at the right.
fn drawn_ways(ways: &[Way], places: &BTreeMap<StepNo, Place>) -> Vec<String> {
    let mut out = Vec::new();
    let mut below: BTreeMap<StepNo, u32> = BTreeMap::new();
    for (at, way) in ways.iter().enumerate() {
        let Some(from) = places.get(&way.from) else { continue };
        let count = below.entry(way.from).or_default();
        let y = from.y + 14.0 + f64::from(*count) * 16.0;
        *count += 1;
        let text = escaped(&cut(&way.label, 24));
        match way.to.and_then(|to| places.get(&to)) {
            Some(to) => {
                // Each way back has a lane of its own, so that no two lie on each other.
                let lane = from.x.min(to.x) - 24.0 - (at % 8) as f64 * 13.0;
                let (x1, x2, y2) = (from.x, to.x, to.y + to.h / 2.0);
                out.push(format!(r##"<path class="back" d="M{x1:.0} {y:.0}H{lane:.0}V{y2:.0}H{x2:.0}" fill="none" stroke="#b45309" stroke-dasharray="5 4" marker-end="url(#a)"/>"##));
                out.push(format!(r##"<text class="back" x="{:.0}" y="{:.0}" font-size="11" text-anchor="end" fill="#b45309">{text}</text>"##, x1 - 4.0, y - 3.0));
            }
            None => out.push(format!(
                r##"<text class="stop" x="{:.0}" y="{:.0}" font-size="11" fill="#991b1b">⏹ {text}</text>"##,
                from.x + from.w + 6.0,
                y
            )),
        }
    }
    out
}

/// The main steps, and below them those of the closing sections, each under its name.
fn whole(plan: Plan<'_>) -> (Laid, Vec<(&'static str, f64)>) {
    let workflow = plan.workflow;
    let mut all = lay(plan, &steps_in(workflow, None));
    let mut heads = Vec::new();
    for (section, steps) in closing(workflow) {
        let below = lay(plan, &steps);
        let wide = all.w.max(below.w);
        all.places =
            all.places.iter().map(|(no, place)| (*no, moved(*place, (wide - all.w) / 2.0, 0.0))).collect();
        heads.push((section, all.h + GAP));
        let top = all.h + GAP + LINE;
        let placed = below.places.iter().map(|(no, place)| (*no, moved(*place, (wide - below.w) / 2.0, top)));
        all.places.extend(placed);
        (all.w, all.h) = (wide, top + below.h);
    }
    (all, heads)
}

fn moved(place: Place, x: f64, y: f64) -> Place {
    Place { x: place.x + x, y: place.y + y, ..place }
}

fn lay(plan: Plan<'_>, steps: &[StepNo]) -> Laid {
    let workflow = plan.workflow;
    let mut ranks: BTreeMap<StepNo, usize> = BTreeMap::new();
    for no in steps {
        let rank =
            workflow.step(*no).needs.iter().filter_map(|need| ranks.get(need)).map(|rank| rank + 1).max();
        ranks.insert(*no, rank.unwrap_or(0));
    }
    let boxes: BTreeMap<StepNo, (f64, f64, Laid)> = steps.iter().map(|no| (*no, size(plan, *no))).collect();
    let rows = ranks.values().max().map_or(0, |most| most + 1);
    let row =
        |rank: usize| steps.iter().filter(|no| ranks.get(*no) == Some(&rank)).copied().collect::<Vec<_>>();
    let rows: Vec<Vec<StepNo>> = (0..rows).map(row).collect();
    let width_of = |row: &[StepNo]| row.iter().map(|no| boxes[no].0 + GAP).sum::<f64>() - GAP;
    let w = rows.iter().map(|row| width_of(row)).fold(0.0, f64::max);
    let (mut places, mut y) = (Vec::new(), 0.0);
    for row in &rows {
        let mut x = (w - width_of(row)) / 2.0;
        let mut deepest = 0.0_f64;
        for no in row {
            let (bw, bh, inner) = &boxes[no];
            places.push((*no, Place { x, y, w: *bw, h: *bh }));
            let head = bh - inner.h - GAP / 2.0;
            places.extend(inner.places.iter().map(|(no, place)| (*no, moved(*place, x + GAP, y + head))));
            x += bw + GAP;
            deepest = deepest.max(*bh);
        }
        y += deepest + GAP;
    }
    Laid { w, h: (y - GAP).max(0.0), places }
}

/// How large a step's box is, with what it holds.
fn size(plan: Plan<'_>, no: StepNo) -> (f64, f64, Laid) {
    let workflow = plan.workflow;
    let marked = usize::from(plan.marks.0.contains_key(&no));
    let own = (lines(&label(workflow, no)).len() + marked) as f64 * LINE + 20.0;
    if let Work::Hold { .. } = &workflow.step(no).work {
        let inner = lay(plan, &steps_in(workflow, Some(no)));
        return ((inner.w + 2.0 * GAP).max(BOX), own + inner.h + GAP / 2.0, inner);
    }
    (BOX, own, Laid { w: 0.0, h: 0.0, places: Vec::new() })
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
    let named = lines(&label(plan.workflow, no));
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
