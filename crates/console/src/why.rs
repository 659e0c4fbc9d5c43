//! Why a run is where it is: one sentence for each thing it waits for, in the reader's language.

use yizhan_workflow::id::{DueRung, Item, Millis, ScopeNo, StepAt, StepNo};
use yizhan_workflow::plan::{EXTENDS, Effect, Ending, GRANTS, Retry, Work};
use yizhan_workflow::problem::reason;
use yizhan_workflow::run::event::{
    EndState, Failure, Happened, Listening, Question, SlotAsk, Standing, TaskSheet,
};
use yizhan_workflow::run::sight::HIDDEN;
use yizhan_workflow::run::state::{At, ItemState, Phase};

use yizhan_engine::store::{Reads, SlotStands};

use crate::graph::label;
use crate::house::Language;
use crate::view::{Look, local, title_at};

/// Runs that are named as having what is waited for.
const HOLDERS_SHOWN: usize = 5;

/// Sentences of one run; a fan-out does not fill the screen.
const SENTENCES_MAX: usize = 50;

/// What the sentences are made from.
pub(crate) struct Reader<'a> {
    pub look: Look<'a>,
    pub language: Language,
    /// Steps are called as their files title them, and not by their names.
    pub titles: bool,
    pub reads: &'a dyn Reads,
}

/// The sentence in the reader's language. Both stand side by side, so that neither is forgotten.
macro_rules! say {
    ($reader:expr, $zh:literal, $en:literal) => {
        match $reader.language {
            Language::Zh => format!($zh),
            Language::En => format!($en),
        }
    };
}

// Behind the macro, which it uses.
mod due;
mod many;

impl Reader<'_> {
    pub(crate) fn sentences(&self) -> Vec<String> {
        if let Phase::Over { state, outcome, .. } = &self.look.run.top.phase {
            return vec![self.over(*state, outcome)];
        }
        let mut sentences: Vec<String> = self.closing().into_iter().chain(self.going_back()).collect();
        let waiting = || {
            let all = self.look.run.standing_items();
            // What a step that holds steps waits for are these; its own time is told where it has one.
            all.filter(|(_, state)| {
                !matches!(state.at, At::Is(Standing::Holding { .. })) || state.clock.is_some()
            })
        };
        let mut told = self.waiting(waiting());
        let more = told.len().saturating_sub(SENTENCES_MAX);
        told.truncate(SENTENCES_MAX);
        sentences.extend(told);
        if more > 0 {
            sentences.push(say!(self, "另有 {more} 项也在等待。", "{more} more are waiting, too."));
        }
        if !self.look.run.is_accounted_for() {
            sentences.push(say!(
                self,
                "它什么也没有在等:这是驿站的错误,请运行 `yizhan doctor` 并报告。",
                "It waits for nothing: this is a fault of the daemon; run `yizhan doctor` and report it."
            ));
        }
        sentences
    }

    fn over(&self, state: EndState, outcome: &str) -> String {
        let at = self.clock(self.look.run.last);
        let error = self.look.run.top.error.as_ref();
        match (state, error) {
            // What a run ends with that says nothing of its own.
            (EndState::Done, _) if outcome == "done" => {
                say!(self, "已于 {at} 办结。", "It was done at {at}.")
            }
            (EndState::Done, _) => say!(self, "已于 {at} 结束:{outcome}。", "It ended at {at}: {outcome}."),
            (EndState::Cancelled, _) => {
                let by = self.canceller();
                say!(self, "已于 {at} 取消{by}:{outcome}。", "It was cancelled at {at}{by}: {outcome}.")
            }
            (EndState::Failed, Some(error)) => {
                let (code, message) = (&error.code, self.reason(&error.code, &error.message));
                let failed =
                    self.look.text.numbers().find(|no| *self.look.text.step(*no).path() == *error.step);
                let step = failed.map_or_else(|| error.step.to_string(), |no| self.step(no));
                say!(
                    self,
                    "已于 {at} 失败:步骤“{step}”{code} {message}。可以重新办理(页面上的按钮,或 `yizhan retry`)。",
                    "It failed at {at}: step `{step}`, {code}, {message}. It can be retried: by the button on its page, or with `yizhan retry`."
                )
            }
            (EndState::Failed, None) => {
                say!(self, "已于 {at} 失败:{outcome}。", "It failed at {at}: {outcome}.")
            }
        }
    }

    /// Words of the daemon in the reader's language; those of others as they came.
    fn reason(&self, code: &str, words: &str) -> String {
        reason(code, words, self.language.lang())
    }

    fn canceller(&self) -> String {
        match self.look.run.top.closing.as_ref().and_then(|closing| closing.by_step) {
            Some(no) => {
                let step = self.step(no);
                say!(self, "(步骤“{step}”)", " by step `{step}`")
            }
            None => String::new(),
        }
    }

    fn closing(&self) -> Option<String> {
        let stopping = match self.look.run.top.phase {
            Phase::Stopping => true,
            Phase::Finishing => false,
            Phase::Open | Phase::Over { .. } => return None,
        };
        let closing = self.look.run.top.closing.as_ref()?;
        let (how_zh, how_en, why) = match &closing.ending {
            Ending::Done { outcome } => ("办结", "done", outcome),
            Ending::Cancel { reason } => ("取消", "cancelled", reason),
            Ending::Fail { reason } => ("失败", "failed", reason),
        };
        Some(if stopping {
            say!(
                self,
                "正在收尾({how_zh}:{why}):先等正在办的各项停下。",
                "It is closing as {how_en} ({why}): what is under way is being stopped first."
            )
        } else {
            say!(
                self,
                "正在收尾({how_zh}:{why}):撤回已办的事项并执行收尾步骤。",
                "It is closing as {how_en} ({why}): what was done is taken back and the closing steps run."
            )
        })
    }

    fn going_back(&self) -> Option<String> {
        let back = self.look.run.top.back.as_ref()?;
        let steps: Vec<_> = back.cover.iter().map(|no| self.step(*no)).collect();
        let steps = steps.join(", ");
        Some(match back.until {
            Some(until) => {
                let until = self.clock(until);
                say!(
                    self,
                    "流程退回({steps}),{until} 重新开始。",
                    "The flow goes back over {steps}; the new round begins at {until}."
                )
            }
            None => say!(
                self,
                "流程正在退回({steps}):先等这些步骤停下并撤回。",
                "The flow goes back over {steps}: they are being stopped and taken back first."
            ),
        })
    }

    fn item(&self, of: Item, state: &ItemState) -> String {
        let name = self.name(of);
        let At::Is(standing) = &state.at else { return name };
        match standing {
            Standing::Queued {} => say!(
                self,
                "{name}排队等待:同时办理的数量已满。",
                "{name} waits for its turn: `at_once` is full."
            ),
            Standing::Running { a, begun: true, .. } => self.running(&name, of, *a, state),
            Standing::Running { begun: false, .. } => say!(
                self,
                "{name}等待空位:同时进行的调用已满。",
                "{name} waits for a place: as many calls as may be are under way."
            ),
            Standing::Stopping { .. } => {
                say!(
                    self,
                    "{name}已要求停止,正在等插件答复。",
                    "{name} was told to stop and has not answered yet."
                )
            }
            Standing::Resting { until } => self.resting(&name, of, *until, state),
            Standing::Unknown { .. } => self.unknown(&name, state),
            Standing::Asking { why, .. } => self.asking(&name, why),
            Standing::Asked { task, .. } => self.asked(&name, of, task, state),
            Standing::Sleeping { until, .. } => {
                let until = self.clock(*until);
                say!(self, "{name}等到 {until}。", "{name} sleeps until {until}.")
            }
            Standing::Slot { ask, .. } => self.slot(&name, of, ask),
            Standing::Listening { to, .. } => self.listening(&name, of, to, state),
            Standing::Child { child, workflow, .. } => {
                say!(
                    self,
                    "{name}等待子流程 {workflow}({child})。",
                    "{name} waits for its child {child} ({workflow})."
                )
            }
            Standing::StoppingChild { child, .. } => {
                say!(
                    self,
                    "{name}等待子流程 {child} 取消完毕。",
                    "{name} waits for its child {child} to be cancelled."
                )
            }
            // What it waits for are its own steps, which have sentences of their own.
            Standing::Holding { .. } => {
                let time = self.time_of(of, state);
                say!(
                    self,
                    "{name}正在办理其中的步骤{time}。",
                    "{name} is at work on the steps that it holds{time}."
                )
            }
        }
    }

    fn step(&self, no: StepNo) -> String {
        let at = StepAt { step: no, scope: ScopeNo::RUN };
        if self.titles { self.titled(at) } else { self.look.text.step(no).path().into_owned() }
    }

    /// Its title worked out, as far as it may be read; without its values where there are none yet.
    fn titled(&self, at: StepAt) -> String {
        let said = title_at(&self.look, at);
        said.map_or_else(|| label(self.look.text, at.step), |said| self.words(&said))
    }

    /// A title, for whoever looks.
    fn words(&self, title: &str) -> String {
        self.look.sight().title(title).unwrap_or_else(|| HIDDEN.to_owned())
    }

    fn name(&self, of: Item) -> String {
        let step = self.look.text.step(of.step);
        let path = match self.titles {
            true => self.titled(of.place()),
            false => self.look.run.path_of(self.look.text, of.place()),
        };
        let item = of.item + 1;
        let is_each = step.each.is_some();
        if of.step == StepNo::WHOLE && of.rung.is_none() {
            return say!(self, "整个流程", "The run");
        }
        if let Some(DueRung(_, rung)) = of.rung {
            let of = self.name(of.main());
            return match rung {
                GRANTS => say!(self, "{of}的延期申请", "The request for more time: {of}"),
                EXTENDS => say!(self, "{of}延期后要办的事", "What follows from more time: {of}"),
                _ => say!(self, "{of}到时要办的事", "What the due time set off: {of}"),
            };
        }
        match (of.undo, is_each) {
            (false, false) => say!(self, "步骤“{path}”", "Step `{path}`"),
            (false, true) => say!(self, "步骤“{path}”第 {item} 项", "Item {item} of step `{path}`"),
            (true, false) => say!(self, "步骤“{path}”的撤回", "What takes step `{path}` back"),
            (true, true) => {
                say!(self, "步骤“{path}”第 {item} 项的撤回", "What takes item {item} of step `{path}` back")
            }
        }
    }

    fn running(&self, name: &str, of: Item, attempt: u32, state: &ItemState) -> String {
        let step = self.look.text.step(of.step);
        let action = match step.work_of(of) {
            Work::Use { action, .. } => action.to_string(),
            Work::Ask(_)
            | Work::Await(_)
            | Work::Wait { .. }
            | Work::Run { .. }
            | Work::Check { .. }
            | Work::End { .. }
            | Work::Hold { .. } => String::new(),
        };
        let since = state.opened.map_or_else(String::new, |at| self.clock(at));
        match attempt {
            1 => say!(
                self,
                "{name}正在执行 {action},自 {since} 起。",
                "{name} has been running {action} since {since}."
            ),
            _ => say!(
                self,
                "{name}正在执行 {action},第 {attempt} 次,首次开始于 {since}。",
                "{name} is running {action} for the {attempt}. time; the first began at {since}."
            ),
        }
    }

    fn resting(&self, name: &str, of: Item, until: Millis, state: &ItemState) -> String {
        let until = self.clock(until);
        let (tries, most) = (state.tries, self.tries_most(of, state));
        match state.failure.as_deref() {
            Some(Failure { code, message, .. }) => {
                let message = self.reason(code, message);
                say!(
                    self,
                    "{name}第 {tries} 次失败(共可试 {most} 次):{code} {message}。{until} 再试。",
                    "{name} failed on try {tries} of {most}: {code}, {message}. It is tried again at {until}."
                )
            }
            None => match &self.look.text.step(of.step).hours {
                Some(hours) => say!(
                    self,
                    "{name}在“{hours}”的时间以外,{until} 才开始办。",
                    "{name} waits for the hours of `{hours}`, which open at {until}."
                ),
                None => say!(self, "{name}{until} 再试。", "{name} is tried again at {until}."),
            },
        }
    }

    /// Tries in all: the first, and as often again as `retry` says.
    fn tries_most(&self, of: Item, state: &ItemState) -> u32 {
        let step = self.look.text.step(of.step);
        let written = step.doing(of).and_then(|doing| doing.retry);
        let once = state.first.as_ref().is_none_or(|first| first.effect == Effect::Once);
        let default = if once { Retry::NONE } else { self.look.world.retry };
        written.unwrap_or(default).times + 1
    }

    fn unknown(&self, name: &str, state: &ItemState) -> String {
        let Some(Failure { code, message, happened, .. }) = state.failure.as_deref() else {
            return say!(
                self,
                "{name}是否办成不得而知,需要负责人确认。",
                "Nobody knows whether it happened: {name} needs its owner's word."
            );
        };
        let message = self.reason(code, message);
        let evidence = match (self.language, happened) {
            (Language::Zh, Happened::Yes) => "已知:已经办成",
            (Language::Zh, Happened::Maybe | Happened::No) => "已知:可能已经办成",
            (Language::En, Happened::Yes) => "known: it happened",
            (Language::En, Happened::Maybe | Happened::No) => "known: it may have happened",
        };
        say!(
            self,
            "{name}是否办成不得而知({code} {message};{evidence}),需要负责人确认:已办成、重试或算失败。",
            "{name}: nobody knows whether it happened ({code}, {message}; {evidence}); its owner must say: it happened, again, or fail."
        )
    }

    fn asking(&self, name: &str, why: &Question) -> String {
        match why {
            Question::Failed { failure } => {
                let (code, message) = (&failure.code, self.reason(&failure.code, &failure.message));
                say!(
                    self,
                    "{name}失败({code} {message}),需要负责人决定:重试、跳过(可补上结果),或算失败。",
                    "{name} failed ({code}, {message}); its owner must say: again, skip (with values), or fail."
                )
            }
            Question::UndoFailed { failure } => {
                let (code, message) = (&failure.code, self.reason(&failure.code, &failure.message));
                say!(
                    self,
                    "{name}失败({code} {message}),需要负责人决定:再撤一次,或就此保留。",
                    "{name} failed ({code}, {message}); its owner must say: again, or leave it."
                )
            }
            Question::RungFailed { failure } => {
                let (code, message) = (&failure.code, self.reason(&failure.code, &failure.message));
                say!(
                    self,
                    "{name}失败({code} {message}),需要负责人决定:再办一次,或就这样算了。",
                    "{name} failed ({code}, {message}); its owner must say: again, or leave it."
                )
            }
            Question::WayUsedUp { .. } => say!(
                self,
                "{name}的退回次数已用完,需要负责人决定:再来一轮、照此继续,或算失败。",
                "{name} went back as often as it may; its owner must say: one more round, go on, or fail."
            ),
        }
    }

    fn asked(&self, name: &str, of: Item, task: &TaskSheet, state: &ItemState) -> String {
        let title = self.words(&task.title);
        // Where the task is called as its step is, it is named once.
        let once = self.titles && of == of.main() && !self.look.text.step(of.step).has_items();
        let once = once && title == self.titled(of.place());
        let who = state
            .claimed
            .as_deref()
            .map_or_else(|| self.people(&task.who), |one| self.people(&[one.to_owned()]));
        let claimed = state.claimed.is_some();
        let due = self.time_of(of, state);
        if task.choose.is_some() {
            return say!(
                self,
                "{name}的“{title}”正在从 {who} 中选定办理人{due}。",
                "{name}: who of {who} is to answer “{title}” is being chosen{due}."
            );
        }
        if once && (claimed || task.nobody.is_empty()) {
            return match claimed {
                true => say!(self, "{who} 正在办理“{title}”{due}。", "{who} has claimed “{title}”{due}."),
                false => say!(self, "等待 {who} 办理“{title}”{due}。", "“{title}” waits for {who}{due}."),
            };
        }
        if !claimed && !task.nobody.is_empty() {
            let gap = self.people(&task.nobody);
            return say!(
                self,
                "{name}等待 {who} 办理“{title}”{due};{gap} 当时没有人,所以转到了上级或负责人。",
                "{name} waits for {who} to answer “{title}”{due}; there was nobody of {gap}, so it went to the superior or the owner."
            );
        }
        if claimed {
            say!(self, "{name}由 {who} 办理“{title}”{due}。", "{name}: {who} has claimed “{title}”{due}.")
        } else {
            say!(
                self,
                "{name}等待 {who} 办理“{title}”{due}。",
                "{name} waits for {who} to answer “{title}”{due}."
            )
        }
    }

    fn slot(&self, name: &str, of: Item, ask: &SlotAsk) -> String {
        let key = &ask.key;
        // What cannot be read is left out: that it waits is known all the same.
        let place = self.reads.slot(self.look.run.id, of).ok().flatten();
        let holders = self.reads.slot_holders(Some(key)).unwrap_or_default();
        let counted = holders.iter().filter(|row| row.stands == SlotStands::Holds);
        let runs: Vec<_> = counted.map(|row| row.run.to_string()).collect();
        let taken = self.taken(ask, &runs);
        match place.map(|(_, ahead)| ahead + 1) {
            Some(1) => say!(
                self,
                "{name}等“{key}”的名额,排在第 1 位{taken}。",
                "{name} is next in line for `{key}`{taken}."
            ),
            Some(at) => {
                let nth = ordinal(at);
                say!(
                    self,
                    "{name}等“{key}”的名额,排在第 {at} 位{taken}。",
                    "{name} is {nth} in line for `{key}`{taken}."
                )
            }
            None => {
                say!(self, "{name}等“{key}”的名额{taken}。", "{name} waits for a place of `{key}`{taken}.")
            }
        }
    }

    /// Who has the places now, and what else keeps the next one out.
    fn taken(&self, ask: &SlotAsk, runs: &[String]) -> String {
        let count = runs.len();
        let more = if count > HOLDERS_SHOWN { ", …" } else { "" };
        let runs =
            format!("{}{more}", runs.iter().take(HOLDERS_SHOWN).cloned().collect::<Vec<_>>().join(", "));
        let full = ask.most.is_some_and(|most| count >= most as usize);
        match (ask.most, ask.rate) {
            (Some(most), _) if full || count > 0 => {
                say!(self, "(共 {most} 个,已占 {count} 个:{runs})", " ({count} of {most} taken by {runs})")
            }
            (_, Some(rate)) => {
                let (times, per) = (rate.times, yizhan_workflow::moment::Span { ms: rate.per_ms });
                say!(self, "(每 {per} 至多 {times} 次)", " (at most {times} per {per})")
            }
            (_, None) => String::new(),
        }
    }

    fn listening(&self, name: &str, of: Item, to: &Listening, state: &ItemState) -> String {
        let event = &to.event;
        let key = match &*to.key {
            "" => String::new(),
            key => say!(self, "({key})", " of `{key}`"),
        };
        let due = self.time_of(of, state);
        say!(self, "{name}等待事件“{event}”{key}{due}。", "{name} waits for the event `{event}`{key}{due}.")
    }

    fn people(&self, who: &[String]) -> String {
        let names: Vec<_> = who
            .iter()
            .map(|one| match one.split_once(':') {
                Some(("person", id)) => self
                    .look
                    .world
                    .people
                    .people
                    .get(id)
                    .map_or_else(|| id.to_owned(), |person| person.name.clone()),
                Some((_, name)) => name.to_owned(),
                None => one.clone(),
            })
            .collect();
        match self.language {
            Language::Zh => names.join("、"),
            Language::En => names.join(" or "),
        }
    }

    fn clock(&self, at: Millis) -> String {
        local(at, self.look.world)
    }
}

fn ordinal(number: u64) -> String {
    match number {
        2 => "second".to_owned(),
        3 => "third".to_owned(),
        _ => format!("number {number}"),
    }
}
