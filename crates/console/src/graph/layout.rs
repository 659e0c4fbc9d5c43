//! Where everything in a drawing stands. `dagre` lays out the steps that stand beside each other, with the lines between them
//! and the words on those; what a step holds is laid out first, and the step is a box of that size for what is around it.

use dagre::graph::{Graph, GraphOptions};
use dagre::layout::types::LabelPos;
use dagre::{EdgeLabel, GraphLabel, LayoutOptions, NodeLabel, layout};
use unicode_width::UnicodeWidthStr;
use yizhan_workflow::id::StepNo;
use yizhan_workflow::plan::{Work, Workflow};

use super::{Way, steps_in};

/// Between boxes, and between rows.
pub(super) const GAP: f64 = 34.0;
/// Of the words at a line: the width of a column and the height.
const COLUMN: f64 = 6.3;
const LINE: f64 = 16.0;
/// The square before the words of what ends.
pub(super) const HALT: f64 = 8.0;
/// How much straighter the order of steps is drawn than ways back and ends.
const STRAIGHT: i32 = 4;

/// A box; its corner is at the top, left.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub x: f64,
    pub y: f64,
    pub w: f64,
    pub h: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Leads {
    On,
    Back,
    ToEnd,
}

#[derive(Clone, Debug)]
pub(super) struct Line {
    pub leads: Leads,
    pub points: Vec<(f64, f64)>,
}

/// Words at a way back, or those of an end; the place has room for them.
#[derive(Clone, Debug)]
pub(super) struct Word {
    pub leads: Leads,
    pub place: Place,
    pub text: String,
}

/// Everything in a box that holds steps, or in the drawing.
#[derive(Debug, Default)]
pub(super) struct Laid {
    pub w: f64,
    pub h: f64,
    pub places: Vec<(StepNo, Place)>,
    pub lines: Vec<Line>,
    pub words: Vec<Word>,
}

impl Laid {
    pub(super) fn shift(&mut self, x: f64, y: f64) {
        let places = self.places.iter_mut().map(|(_, place)| place);
        for place in places.chain(self.words.iter_mut().map(|word| &mut word.place)) {
            *place = Place { x: place.x + x, y: place.y + y, ..*place };
        }
        for point in self.lines.iter_mut().flat_map(|line| &mut line.points) {
            *point = (point.0 + x, point.1 + y);
        }
    }

    pub(super) fn take(&mut self, other: Self) {
        self.places.extend(other.places);
        self.lines.extend(other.lines);
        self.words.extend(other.words);
    }
}

/// What is known of the boxes, and the ways that are no `needs`.
pub(super) struct Sizes<'s> {
    pub workflow: &'s Workflow,
    /// The height of a step's own words.
    pub own: &'s dyn Fn(StepNo) -> f64,
    /// The width of a box that holds nothing.
    pub narrow: f64,
    pub ways: &'s [Way],
}

/// A line between two boxes of a drawing; the upper one stands in a row above that of the lower one.
struct Joined {
    upper: String,
    lower: String,
    leads: Leads,
    text: String,
}

impl Joined {
    /// A way back is laid out from the step that it leads to, so that it never turns the order of the steps round.
    fn way(way: &Way, at: usize) -> Self {
        let (from, text) = (key(way.from), way.label.clone());
        match way.to {
            Some(to) => Self { upper: key(to), lower: from, leads: Leads::Back, text },
            None => Self { upper: from, lower: format!("end {at}"), leads: Leads::ToEnd, text },
        }
    }

    fn put(&self, at: usize, graph: &mut Graph<NodeLabel, EdgeLabel>) {
        let (width, height) = (self.text.width() as f64 * COLUMN + LINE, LINE);
        let line = match self.leads {
            Leads::On => EdgeLabel { weight: STRAIGHT, ..EdgeLabel::default() },
            Leads::Back => EdgeLabel { width, height, labelpos: LabelPos::Center, ..EdgeLabel::default() },
            Leads::ToEnd => {
                let end = NodeLabel { width: width + HALT, height, ..NodeLabel::default() };
                graph.set_node(self.lower.clone(), Some(end));
                EdgeLabel::default()
            }
        };
        graph.set_edge(self.upper.clone(), self.lower.clone(), Some(line), Some(&at.to_string()));
    }

    /// Where it runs from its beginning to its end, and where its words stand.
    fn read(&self, at: usize, graph: &Graph<NodeLabel, EdgeLabel>) -> Option<(Line, Option<Word>)> {
        let line = graph.edge(&self.upper, &self.lower, Some(&at.to_string()))?;
        let mut points: Vec<(f64, f64)> = line.points.iter().map(|point| (point.x, point.y)).collect();
        let place = match self.leads {
            Leads::On => None,
            Leads::Back => {
                points.reverse();
                Some(place((line.x?, line.y?), line.width, line.height))
            }
            Leads::ToEnd => {
                let end = graph.node(&self.lower)?;
                Some(place((end.x?, end.y?), end.width, end.height))
            }
        };
        let word = place.map(|place| Word { leads: self.leads, place, text: self.text.clone() });
        Some((Line { leads: self.leads, points }, word))
    }
}

fn key(no: StepNo) -> String {
    no.0.to_string()
}

/// Of what stands in the middle of it.
fn place((x, y): (f64, f64), w: f64, h: f64) -> Place {
    Place { x: x - w / 2.0, y: y - h / 2.0, w, h }
}

/// Lays out steps that stand beside each other.
pub(super) fn lay(sizes: &Sizes<'_>, steps: &[StepNo]) -> Laid {
    let mut all = Laid::default();
    if steps.is_empty() {
        return all;
    }
    let mut graph = Graph::with_options(GraphOptions { directed: true, multigraph: true, compound: false });
    let mut held = Vec::new();
    for no in steps {
        let (width, height, inner) = size(sizes, *no);
        graph.set_node(key(*no), Some(NodeLabel { width, height, ..NodeLabel::default() }));
        held.push((*no, inner));
    }
    let joined = joined(sizes, steps);
    for (at, one) in joined.iter().enumerate() {
        one.put(at, &mut graph);
    }
    let room = LayoutOptions { nodesep: GAP, edgesep: LINE, ranksep: GAP, ..LayoutOptions::default() };
    layout(&mut graph, Some(room));
    if let Some(whole) = graph.graph_label::<GraphLabel>() {
        (all.w, all.h) = (whole.width, whole.height);
    }
    for (no, mut inner) in held {
        let Some(own) = graph.node(&key(no)) else { continue };
        let Some(middle) = own.x.zip(own.y) else { continue };
        let place = place(middle, own.width, own.height);
        all.places.push((no, place));
        inner.shift(place.x + (place.w - inner.w) / 2.0, place.y + place.h - inner.h - GAP / 2.0);
        all.take(inner);
    }
    for (line, word) in joined.iter().enumerate().filter_map(|(at, one)| one.read(at, &graph)) {
        all.lines.push(line);
        all.words.extend(word);
    }
    all
}

fn joined(sizes: &Sizes<'_>, steps: &[StepNo]) -> Vec<Joined> {
    let mut all = Vec::new();
    for to in steps {
        let needs = sizes.workflow.step(*to).needs.iter().filter(|need| steps.contains(need));
        all.extend(needs.map(|from| Joined {
            upper: key(*from),
            lower: key(*to),
            leads: Leads::On,
            text: String::new(),
        }));
    }
    // A way leads to a step of the same box only.
    for way in sizes.ways.iter().filter(|way| steps.contains(&way.from)) {
        all.push(Joined::way(way, all.len()));
    }
    all
}

/// How large a step's box is, with what it holds.
fn size(sizes: &Sizes<'_>, no: StepNo) -> (f64, f64, Laid) {
    let own = (sizes.own)(no);
    if let Work::Hold { .. } = &sizes.workflow.step(no).work {
        let inner = lay(sizes, &steps_in(sizes.workflow, Some(no)));
        return ((inner.w + GAP).max(sizes.narrow), own + inner.h + GAP / 2.0, inner);
    }
    (sizes.narrow, own, Laid::default())
}
