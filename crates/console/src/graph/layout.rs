//! Where the steps of a drawing stand: rows from the top, what runs side by side beside each other, what a step holds inside
//! it, and a way past the boxes for each line that leads further down than to the next row.

use std::collections::BTreeMap;

use yizhan_workflow::id::StepNo;
use yizhan_workflow::plan::{Work, Workflow};

use super::steps_in;

/// Between boxes, and between rows.
pub(super) const GAP: f64 = 34.0;
/// What each line that begins below a row, and has a word of its own, takes there.
pub(super) const WORD: f64 = 16.0;
/// Between a box and the lines that pass it, and from one of those to the next.
const PAST: f64 = 14.0;

#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub x: f64,
    pub y: f64,
    pub w: f64,
    pub h: f64,
    /// Where the deepest box of its row ends.
    pub row_end: f64,
    /// Left of everything that stands in the same box.
    pub left: f64,
}

/// Where a line passes a row: its place, and where the row begins and ends.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bend {
    pub x: f64,
    pub top: f64,
    pub end: f64,
}

/// Everything in a box that holds steps, or in the drawing.
#[derive(Debug, Default)]
pub(super) struct Laid {
    pub w: f64,
    pub h: f64,
    pub places: Vec<(StepNo, Place)>,
    /// By the step that a line leaves and the one that it leads to.
    pub bends: BTreeMap<(StepNo, StepNo), Vec<Bend>>,
}

impl Laid {
    pub(super) fn shift(&mut self, x: f64, y: f64) {
        for (_, place) in &mut self.places {
            *place = Place {
                x: place.x + x,
                y: place.y + y,
                row_end: place.row_end + y,
                left: place.left + x,
                ..*place
            };
        }
        for bend in self.bends.values_mut().flatten() {
            *bend = Bend { x: bend.x + x, top: bend.top + y, end: bend.end + y };
        }
    }

    pub(super) fn take(&mut self, other: Self) {
        self.places.extend(other.places);
        self.bends.extend(other.bends);
    }
}

/// What is known of the boxes.
pub(super) struct Sizes<'s> {
    pub workflow: &'s Workflow,
    /// The height of a step's own words.
    pub own: &'s dyn Fn(StepNo) -> f64,
    /// The width of a box that holds nothing.
    pub narrow: f64,
    /// How many lines with a word leave a step below it.
    pub words: &'s dyn Fn(StepNo) -> usize,
}

/// One row: its boxes in the middle, and lines that pass it at both sides.
struct Row {
    steps: Vec<StepNo>,
    past: [Vec<(StepNo, StepNo)>; 2],
    width: f64,
}

impl Row {
    /// Half of what it takes, the wider side counting: its boxes stand in the middle of the drawing.
    fn half(&self) -> f64 {
        let most = self.past.iter().map(Vec::len).max().unwrap_or(0);
        self.width / 2.0 + most as f64 * PAST
    }
}

pub(super) fn lay(sizes: &Sizes<'_>, steps: &[StepNo]) -> Laid {
    let mut boxes: BTreeMap<StepNo, (f64, f64, Laid)> =
        steps.iter().map(|no| (*no, size(sizes, *no))).collect();
    let rows = rows(sizes.workflow, steps, &|no| boxes.get(&no).map_or(0.0, |one| one.0));
    let half = rows.iter().map(Row::half).fold(0.0, f64::max);
    let mut all = Laid { w: 2.0 * half, ..Laid::default() };
    let mut y = 0.0;
    for row in &rows {
        let mut x = half - row.width / 2.0;
        let deepest = row.steps.iter().filter_map(|no| boxes.get(no)).map(|one| one.1).fold(0.0, f64::max);
        for (side, past) in row.past.iter().enumerate() {
            for (at, line) in past.iter().enumerate() {
                let away = row.width / 2.0 + (at as f64 + 1.0) * PAST;
                let x = if side == 0 { half - away } else { half + away };
                all.bends.entry(*line).or_default().push(Bend { x, top: y, end: y + deepest });
            }
        }
        for no in &row.steps {
            let Some((w, h, mut inner)) = boxes.remove(no) else { continue };
            all.places.push((*no, Place { x, y, w, h, row_end: y + deepest, left: 0.0 }));
            let head = h - inner.h - GAP / 2.0;
            inner.shift(x + (w - inner.w) / 2.0, y + head);
            all.take(inner);
            x += w + GAP;
        }
        let words: usize = row.steps.iter().map(|no| (sizes.words)(*no)).sum();
        y += deepest + GAP + words as f64 * WORD;
        all.h = y - GAP;
    }
    all
}

/// How large a step's box is, with what it holds.
fn size(sizes: &Sizes<'_>, no: StepNo) -> (f64, f64, Laid) {
    let own = (sizes.own)(no);
    if let Work::Hold { .. } = &sizes.workflow.step(no).work {
        let inner = lay(sizes, &steps_in(sizes.workflow, Some(no)));
        return ((inner.w + 2.0 * GAP).max(sizes.narrow), own + inner.h + GAP / 2.0, inner);
    }
    (sizes.narrow, own, Laid::default())
}

/// Each step stands below all that it needs, and beneath the middle of those as far as there is room.
fn rows(workflow: &Workflow, steps: &[StepNo], width: &dyn Fn(StepNo) -> f64) -> Vec<Row> {
    let mut ranks: BTreeMap<StepNo, usize> = BTreeMap::new();
    for no in steps {
        let needed = workflow.step(*no).needs.iter().filter_map(|need| ranks.get(need));
        let rank = needed.map(|rank| rank + 1).max().unwrap_or(0);
        ranks.insert(*no, rank);
    }
    let needs = |to: &StepNo| workflow.step(*to).needs.clone();
    let lines = steps.iter().flat_map(|to| needs(to).into_iter().map(|from| (from, *to)));
    let lines: Vec<(StepNo, StepNo)> = lines.filter(|(from, _)| ranks.contains_key(from)).collect();
    // How far right of the middle each stands; of a line, where it passed the row above.
    let mut middles: BTreeMap<StepNo, f64> = BTreeMap::new();
    let mut passed: BTreeMap<(StepNo, StepNo), f64> = BTreeMap::new();
    let most = ranks.values().max().map_or(0, |most| most + 1);
    let mut rows = Vec::with_capacity(most);
    for rank in 0..most {
        let above = |no: StepNo| {
            let all: Vec<f64> =
                workflow.step(no).needs.iter().filter_map(|need| middles.get(need)).copied().collect();
            if all.is_empty() { 0.0 } else { all.iter().sum::<f64>() / all.len() as f64 }
        };
        let mut row: Vec<StepNo> = steps.iter().filter(|no| ranks[*no] == rank).copied().collect();
        row.sort_by(|one, other| above(*one).total_cmp(&above(*other)));
        let wide = row.iter().map(|no| width(*no) + GAP).sum::<f64>() - GAP;
        let mut x = -wide / 2.0;
        for no in &row {
            middles.insert(*no, x + width(*no) / 2.0);
            x += width(*no) + GAP;
        }
        let mut past = [Vec::new(), Vec::new()];
        for line in lines.iter().copied().filter(|(from, to)| ranks[from] < rank && rank < ranks[to]) {
            let came = passed.get(&line).or_else(|| middles.get(&line.0)).copied().unwrap_or(0.0);
            let side = usize::from(came >= 0.0);
            past[side].push(line);
            passed.insert(line, if side == 0 { -wide } else { wide });
        }
        rows.push(Row { steps: row, past, width: wide });
    }
    rows
}
