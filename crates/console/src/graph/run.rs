//! The picture of a run: its workflow with where each step stands, under the titles that its page has for the steps.

use std::collections::BTreeMap;
use std::sync::Arc;

use yizhan_engine::live;
use yizhan_workflow::calendar::Calendar;
use yizhan_workflow::id::{RunId, ScopeNo, StepAt, StepNo};
use yizhan_workflow::plan::Workflow;
use yizhan_workflow::problem::Lang;
use yizhan_workflow::run::names::state_word;
use yizhan_workflow::run::state::{Run, StepState};

use super::svg::{Mark, Marks, svg};
use crate::desk::Desk;
use crate::refusal::Refusal;
use crate::view::StepView;
use crate::words::steps::step_word;
use crate::words::{catalogue as t, say, say_with};

/// A run's picture, with the text and the calendar that it goes by.
pub(crate) struct Drawn {
    pub picture: String,
    pub calendar: Option<Arc<Calendar>>,
    pub text: Arc<Workflow>,
}

/// What stands first where a step is at several places at once.
const FIRST: [&str; 6] = ["open", "failed", "done", "withdrawn", "skipped", "waiting"];

/// The titles of the steps, worked out, as this reader may see them; of what stands at several places the first.
pub(crate) fn titles(steps: &[StepView]) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    for step in steps {
        all.entry(step.key()).or_insert_with(|| step.title.clone());
        let inner = step.items.first().map(|item| titles(&item.steps)).unwrap_or_default();
        for (key, title) in inner {
            all.entry(key).or_insert(title);
        }
    }
    all
}

pub(crate) fn of(
    desk: &Desk,
    id: RunId,
    titles: &BTreeMap<String, String>,
    lang: Lang,
) -> Result<Drawn, Refusal> {
    let loaded = live::load(id, desk.reads())?;
    let text = desk.shared().library.text(loaded.run.text(), desk.reads())?;
    let calendar = desk.shared().world().calendars.named(text.calendar.as_deref()).cloned();
    let picture = svg(&text, lang, &marks(&loaded.run, (&text, titles), lang));
    Ok(Drawn { picture, calendar, text })
}

fn marks(run: &Run, (text, titles): (&Workflow, &BTreeMap<String, String>), lang: Lang) -> Marks {
    let mark = |no: StepNo| {
        let places = places(run, text, no);
        let words = places.iter().map(|state| state_word(state));
        let state = FIRST.into_iter().find(|first| words.clone().any(|word| word == *first));
        let state = state.unwrap_or("waiting");
        // Of what is carried out for each of several, one title would be a lie for the others.
        let several = places.len() > 1 || text.step(no).each.is_some();
        let title = titles.get(&*text.step(no).path()).filter(|_| !several).cloned();
        (no, Mark { state, words: told(&places, state, lang), title })
    };
    Marks(text.numbers().map(mark).collect())
}

/// The step in every scope in which it stands.
fn places<'r>(run: &'r Run, text: &Workflow, no: StepNo) -> Vec<&'r StepState> {
    let holder = text.step(no).holder;
    let inner =
        run.inner.iter().filter(|(_, scope)| scope.holder_step() == holder).map(|(number, _)| *number);
    let scopes: Vec<ScopeNo> = match holder {
        None => vec![ScopeNo::RUN],
        Some(_) => inner.collect(),
    };
    scopes.into_iter().map(|scope| run.step(StepAt { step: no, scope })).collect()
}

fn told(places: &[&StepState], state: &str, lang: Lang) -> String {
    let mut words = vec![say(lang, step_word(state)).to_owned()];
    let items: usize = places.iter().map(|place| place.items.len()).sum();
    if items > 1 {
        let over: usize = places.iter().map(|place| place.over as usize).sum();
        words.push(format!("{over}/{items}"));
    }
    let round = places.iter().map(|place| place.round).max().unwrap_or(1);
    if round > 1 {
        words.push(say_with(lang, t::ROUND, &[&round.to_string()]));
    }
    words.join(" · ")
}
