//! One journal line in one sentence: what happened, and what came of it step by step.

use std::sync::Arc;

use yizhan_workflow::id::{Item, Millis, ScopeNo, StepAt, StepNo};
use yizhan_workflow::plan::{Step, Workflow};
use yizhan_workflow::problem::reason;
use yizhan_workflow::run::clock::{ClockSet, ClockWhy, RungDid};
use yizhan_workflow::run::event::{
    AttemptResult, EndState, Event, Fact, ItemEnd, Standing, StepEnd, Verdict,
};
use yizhan_workflow::run::sight::Sight;
use yizhan_workflow::run::{Line, World};

use super::Eyes;
use super::spoken::spoken;
use crate::house::Language;
use crate::words::{called, outcome_word};

/// Things that came of one event and are told one by one.
const TOLD_MAX: usize = 8;

/// Steps of which a line says that it goes back over them.
const STEPS_TOLD: usize = 3;

/// A line is told by whoever knows the text and the reader's language.
pub(crate) struct Teller<'a> {
    pub text: &'a Workflow,
    pub language: Language,
    pub eyes: &'a Eyes<'a>,
    pub sight: &'a Sight<'a>,
    pub world: &'a World,
    /// For whoever does not read the file: what a step is called, its id behind it in `⟨ ⟩`, and people by their names.
    pub titles: Option<Titles<'a>>,
}

/// What a step is called in a round, or in the one that a line finds; none, where that cannot be told.
pub(crate) type Titles<'a> = &'a dyn Fn(StepAt, Option<u32>) -> Option<String>;

/// An instant on a clock of the house.
pub(crate) fn local(at: Millis, world: &World) -> String {
    let instant = at.timestamp().map(|at| at.to_zoned(world.zone.clone()));
    instant.map_or_else(|| at.to_string(), |local| local.strftime("%Y-%m-%d %H:%M:%S").to_string())
}

impl Teller<'_> {
    fn pick(&self, zh: &str, en: &str) -> String {
        match self.language {
            Language::Zh => zh.to_owned(),
            Language::En => en.to_owned(),
        }
    }

    pub(crate) fn line(&self, line: &Line) -> String {
        let happened = self.event(&line.event);
        // Where it goes back at once, the steps of the next round are those.
        let goes_back = line.did.iter().any(|fact| matches!(fact, Fact::GoingBack { .. }));
        let told_twice =
            |fact: &&Fact| self.titles.is_some() && goes_back && matches!(fact, Fact::Round { .. });
        let facts = line.did.iter().filter(|fact| !told_twice(fact));
        let mut came: Vec<_> = facts.filter_map(|fact| self.fact(fact)).collect();
        if came.len() > TOLD_MAX {
            let more = came.len() - TOLD_MAX;
            came.truncate(TOLD_MAX);
            came.push(format!("+{more}"));
        }
        if came.is_empty() { happened } else { format!("{happened} → {}", came.join(", ")) }
    }

    /// From what to what it moved.
    fn due(&self, at: Item, set: &ClockSet) -> String {
        let (item, due) = (self.item(at), set.due.map_or_else(String::new, |due| self.clock(due)));
        match set.was.filter(|was| Some(*was) != set.due).map(|was| self.clock(was)) {
            Some(was) => {
                self.pick(&format!("{item} 期限从 {was} 改到 {due}"), &format!("{item} due {due}, not {was}"))
            }
            None => format!("{item} {} {due}", self.pick("期限", "due")),
        }
    }

    fn clock(&self, at: Millis) -> String {
        local(at, self.world)
    }

    fn step(&self, no: StepNo) -> String {
        // A line may speak of a step that this text does not have.
        if no == StepNo::WHOLE {
            return self.pick("整个流程", "the run");
        }
        let at = StepAt { step: no, scope: ScopeNo::RUN };
        if no.index() < self.text.steps.len() { self.titled(at, None) } else { no.0.to_string() }
    }

    /// For whoever does not read the file the first few without their ids, and how many they are: the others are in the line
    /// as it is kept.
    fn steps(&self, all: &[StepNo]) -> String {
        if self.titles.is_none() {
            return all.iter().map(|no| self.step(*no)).collect::<Vec<_>>().join(" ");
        }
        let called = |no: &StepNo| {
            let at = StepAt { step: *no, scope: ScopeNo::RUN };
            self.titles.and_then(|titles| titles(at, None)).unwrap_or_else(|| self.text.dotted(*no))
        };
        let first: Vec<_> = all.iter().take(STEPS_TOLD).map(called).collect();
        let (first, count) = (first.join(self.pick("、", ", ").as_str()), all.len());
        match (count > STEPS_TOLD, self.language) {
            (false, _) => first,
            (true, Language::Zh) => format!("{first} 等 {count} 步"),
            (true, Language::En) => format!("{first}, … ({count} steps)"),
        }
    }

    fn titled(&self, at: StepAt, round: Option<u32>) -> String {
        let id = self.text.dotted(at.step);
        match self.titles.and_then(|titles| titles(at, round)) {
            Some(title) if title != id => format!("{title} ⟨{id}⟩"),
            Some(_) | None => id,
        }
    }

    fn who(&self, who: &str) -> String {
        if self.titles.is_none() {
            return who.to_owned();
        }
        called(self.language.lang(), &self.world.people, who)
    }

    fn all(&self, who: &[impl AsRef<str>]) -> String {
        let all: Vec<String> = who.iter().map(|who| self.who(who.as_ref())).collect();
        all.join(if self.titles.is_some() { self.pick("、", ", ") } else { " ".to_owned() }.as_str())
    }

    fn item(&self, of: Item) -> String {
        let is_each = self.text.steps.get(of.step.index()).is_some_and(Step::has_items);
        // In brackets a number is a name, as expressions have it, and counts from 0.
        let number = of.item + 1;
        let number = match (is_each, self.language) {
            (true, Language::Zh) => format!(" 第 {number} 项"),
            (true, Language::En) => format!(", item {number},"),
            (false, _) => String::new(),
        };
        if of.step == StepNo::WHOLE && of.rung.is_none() {
            return self.pick("整个流程", "the run");
        }
        let undo = match (of.undo, of.rung) {
            (true, _) => self.pick(" 撤回", " undo"),
            (false, Some(_)) => self.pick(" 到时要办的事", " set off by its due time"),
            (false, None) => String::new(),
        };
        let step = match self.text.steps.get(of.step.index()) {
            Some(_) => self.titled(of.place(), Some(of.round)),
            None => self.step(of.step),
        };
        format!("{step}{number}{undo}")
    }

    fn event(&self, event: &Event) -> String {
        match event {
            Event::Started(started) => {
                format!("{} {}", self.who(&started.by), self.pick("发起", "started it"))
            }
            Event::Woke {} => self.pick("到时", "a time came"),
            Event::Begun { of } => format!("{} {}", self.item(of.item), self.pick("发出", "went out")),
            Event::Ended { of, result, .. } => format!("{} {}", self.item(of.item), self.result(result)),
            Event::ChildEnded { of, child, state, .. } => {
                format!("{} {child} {}", self.item(of.item), self.end_state(*state))
            }
            Event::ChildStarted { of, child } => {
                format!("{} {child} {}", self.item(of.item), self.pick("已发起", "was begun"))
            }
            Event::EventTaken { of, id, .. } => {
                format!("{} {} {id}", self.item(of.item), self.pick("收到事件", "took the event"))
            }
            Event::SlotGranted { of } => {
                format!("{} {}", self.item(of.item), self.pick("得到名额", "got its place"))
            }
            Event::Assigned { of, to } => self.assigned(of.item, to.as_deref()),
            Event::Claimed { of, by, .. } => self.did(by, ["认领", "claimed"], of.item),
            Event::Released { of, by, .. } => self.did(by, ["退还", "gave back"], of.item),
            Event::Answered { of, by, .. } => self.did(by, ["答复", "answered"], of.item),
            Event::AnsweredFor { of, by, whom, .. } => self.answered_for(of.item, by, whom),
            Event::HandedOver { of, by, to, note, delegate, .. } => {
                let note = note.as_ref().map_or_else(String::new, |note| self.because(by, note));
                let (by, to) = (self.who(by), self.all(to));
                format!("{by} {} {} → {to}{note}", self.handed(*delegate), self.item(of.item))
            }
            Event::Commented { of, by, text, .. } => {
                self.did(by, ["留言", "said of"], of.item) + &self.because(by, text)
            }
            Event::Settled { of, by, verdict, .. } => {
                format!("{}: {}", self.did(by, ["决定", "settled"], of.item), self.verdict(verdict))
            }
            Event::Cancelled { by, reason, .. } => {
                format!("{} {}{}", self.who(by), self.pick("取消", "cancelled it"), self.because(by, reason))
            }
            Event::Retried { by, from, .. } => {
                let from = from.map_or_else(String::new, |no| format!(" {}", self.step(no)));
                format!("{} {}{from}", self.who(by), self.pick("重新办理", "retried it"))
            }
            Event::Migrated { by, .. } => {
                format!("{} {}", self.who(by), self.pick("换用新文本", "took another text"))
            }
            Event::Paused { of, by, reason, .. } => {
                self.did(by, ["暂停计时", "stopped the clock of"], of.item) + &self.because(by, reason)
            }
            Event::Resumed { of, by, .. } => self.did(by, ["恢复计时", "let the clock go on of"], of.item),
            Event::DueMoved { of, to, by, reason, .. } => {
                let moved = self.did(by, ["改了期限", "moved the due time of"], of.item);
                format!("{moved} → {}{}", self.clock(*to), self.because(by, reason))
            }
            Event::MoreTimeAsked { of, by, .. } => {
                self.did(by, ["申请延期", "asked for more time for"], of.item)
            }
            Event::CalendarsChanged {} => self.pick("日历有变", "the calendars changed"),
            Event::Joined { trigger, .. } => format!("{trigger} {}", self.pick("并入", "joined it")),
        }
    }

    fn assigned(&self, item: Item, to: Option<&str>) -> String {
        let to = to.map_or_else(|| self.pick("无人", "nobody"), |to| self.who(to));
        format!("{} {} {to}", self.item(item), self.pick("分给", "goes to"))
    }

    fn did(&self, by: &str, [zh, en]: [&str; 2], item: Item) -> String {
        format!("{} {} {}", self.who(by), self.pick(zh, en), self.item(item))
    }

    /// Somebody's own words.
    fn because(&self, by: &str, words: &str) -> String {
        format!(": {}", spoken(self.sight, by, words))
    }

    fn answered_for(&self, item: Item, by: &str, whom: &str) -> String {
        let (item, by, whom) = (self.item(item), self.who(by), self.who(whom));
        match self.language {
            Language::Zh => format!("{by} 代 {whom} 答复 {item}(有来件)"),
            Language::En => format!("{by} answered {item} for {whom}, whose paper is kept"),
        }
    }

    fn handed(&self, delegate: bool) -> String {
        if delegate { self.pick("委托", "delegated") } else { self.pick("转交", "handed over") }
    }

    fn verdict(&self, verdict: &Verdict) -> String {
        match verdict {
            Verdict::Happened { .. } => self.pick("已办成", "it happened"),
            Verdict::Again {} => self.pick("重试", "again"),
            Verdict::Skip { .. } => self.pick("跳过", "skip"),
            Verdict::Fail {} => self.pick("算失败", "fail"),
            Verdict::Leave {} => self.pick("就此保留", "leave it"),
        }
    }

    fn result(&self, result: &AttemptResult) -> String {
        match result {
            AttemptResult::Done { .. } => self.pick("办成", "was carried out"),
            AttemptResult::Failed(failure) => {
                let why = reason(&failure.code, &failure.message, self.language.lang());
                format!("{}: {} {why}", self.pick("失败", "failed"), failure.code)
            }
            AttemptResult::Lost { message, .. } => format!("{} {message}", self.pick("没有回音", "was lost")),
        }
    }

    fn end_state(&self, state: EndState) -> String {
        match state {
            EndState::Done => self.pick("办结", "done"),
            EndState::Failed => self.pick("失败", "failed"),
            EndState::Cancelled => self.pick("取消", "cancelled"),
        }
    }

    /// What a reader wants to see come of it; the rest is in `did`.
    fn fact(&self, fact: &Fact) -> Option<String> {
        Some(match fact {
            Fact::Entered { at, state } => format!("{} {}", self.item(*at), self.standing(state)),
            Fact::Over { at, end, .. } => format!("{} {}", self.item(*at), self.item_end(*end)),
            Fact::StepOver { s, state: StepEnd::Skipped, .. } => {
                format!("{} {}", self.step(*s), self.pick("跳过", "skipped"))
            }
            // Whoever acts for somebody else is named with them.
            Fact::Acted { acts, .. } => {
                let whom = acts.for_whom.as_ref()?;
                format!("{} {}", self.pick("代", "for"), self.who(whom))
            }
            Fact::Late { at } => format!("{} {}", self.item(*at), self.pick("超时", "late")),
            Fact::Clock { set, .. } if set.why == ClockWhy::Opened => return None,
            Fact::Clock { at, set } => self.due(*at, set),
            Fact::MoreTimeAsked { asked, .. } => {
                format!("{} {}", self.pick("到", "until"), self.clock(asked.until))
            }
            Fact::Stands { at, .. } => {
                format!("{} {}", self.item(*at), self.pick("时钟停住", "clock stands"))
            }
            Fact::Rung { at, did, .. } => format!("{} {}", self.item(*at), self.rung(did)),
            Fact::GoingBack { cover, .. } => {
                format!("{} {}", self.pick("退回", "back over"), self.steps(cover))
            }
            Fact::Round { steps, .. } => {
                format!("{} {}", self.pick("新一轮", "next round of"), self.steps(steps))
            }
            Fact::InputUpdated { fields, .. } => self.corrected(fields),
            Fact::Left { at } => format!("{} {}", self.item(*at), self.pick("保留", "left")),
            // Of a step that holds steps its item tells the end.
            Fact::Closing { scope, .. } | Fact::Ended { scope, .. } | Fact::Reopened { scope, .. }
                if !scope.is_run() =>
            {
                return None;
            }
            Fact::Closing { .. } => self.pick("收尾", "closing"),
            Fact::Ended { state, outcome, .. } => self.ended(*state, outcome),
            Fact::Reopened { .. } => self.pick("重新打开", "open again"),
            Fact::Opened { .. }
            | Fact::StepOpened { .. }
            | Fact::StepOver { .. }
            | Fact::Missed { .. }
            | Fact::Cleared { .. }
            | Fact::TaskClaimed { .. }
            | Fact::TaskReleased { .. }
            | Fact::TaskHandedOver { .. }
            | Fact::Commented { .. }
            | Fact::StandsOn { .. }
            | Fact::BackPaused { .. }
            | Fact::Finishing { .. }
            | Fact::Outrun { .. }
            | Fact::Anew { .. }
            | Fact::Migrated(_)
            | Fact::InputJoined {} => return None,
        })
    }

    /// An end that says no more than its state is said once.
    fn ended(&self, state: EndState, outcome: &str) -> String {
        let (end, came_to) = (self.end_state(state), outcome_word(self.language.lang(), outcome));
        if outcome == "done" || came_to == end { end } else { format!("{end}: {came_to}") }
    }

    fn corrected(&self, fields: &[Arc<str>]) -> String {
        let label = |name: &Arc<str>| {
            let field = self.text.input.field(name);
            field.map_or_else(|| name.to_string(), |field| field.label().to_owned())
        };
        let labels: Vec<String> = fields.iter().map(label).collect();
        format!("{} {}", self.pick("更正", "corrected"), labels.join(self.pick("、", ", ").as_str()))
    }

    /// Words that named nobody then.
    fn nobody(&self, words: &[String]) -> String {
        if words.is_empty() {
            return String::new();
        }
        let words = words.join(" ");
        self.pick(&format!("({words} 没有人)"), &format!(" (there is nobody of {words})"))
    }

    fn rung(&self, did: &RungDid) -> String {
        match did {
            RungDid::Told { who, nobody } => {
                format!("{} {}{}", self.pick("告知", "told"), self.all(who), self.nobody(nobody))
            }
            RungDid::Reassigned { who, nobody } => {
                format!("{} {}{}", self.pick("转给", "given to"), self.all(who), self.nobody(nobody))
            }
            RungDid::Decided {} => self.pick("自动决定", "decided by itself"),
            RungDid::Begun {} => self.pick("到时开始", "set off"),
            RungDid::Dropped {} => self.pick("不再催办", "dropped what is past"),
            RungDid::Failed { failure } => {
                let failed = self.pick("到时要办的事失败", "what was set off failed");
                let why = reason(&failure.code, &failure.message, self.language.lang());
                format!("{failed}: {} {why}", failure.code)
            }
        }
    }

    fn standing(&self, state: &Standing) -> String {
        match state {
            Standing::Queued {} => self.pick("排队", "queued"),
            Standing::Running { .. } => self.pick("执行", "running"),
            Standing::Stopping { .. } => self.pick("停止中", "stopping"),
            Standing::Resting { until } => {
                format!("{} {}", self.pick("稍后再试", "again at"), self.clock(*until))
            }
            Standing::Unknown { .. } => self.pick("结果不明", "outcome unknown"),
            Standing::Asking { .. } => self.pick("请负责人决定", "asks its owner"),
            Standing::Asked { task, .. } => {
                let gap = self.nobody(&task.nobody);
                format!("{} {}{gap}", self.pick("等待", "asks"), self.all(&task.who))
            }
            Standing::Sleeping { until, .. } => {
                format!("{} {}", self.pick("等到", "sleeps until"), self.clock(*until))
            }
            Standing::Child { child, .. } => format!("{} {child}", self.pick("子流程", "child")),
            Standing::StoppingChild { child, .. } => format!("{} {child}", self.pick("取消子流程", "stops")),
            Standing::Slot { ask, .. } => {
                format!("{} {}", self.pick("等名额", "waits for a place of"), ask.key)
            }
            Standing::Listening { to, .. } => format!("{} {}", self.pick("等事件", "waits for"), to.event),
            Standing::Holding { .. } => self.pick("开始", "begun"),
        }
    }

    fn item_end(&self, end: ItemEnd) -> String {
        match end {
            ItemEnd::Done => self.pick("完成", "done"),
            ItemEnd::Skipped => self.pick("跳过", "skipped"),
            ItemEnd::Failed => self.pick("失败", "failed"),
            ItemEnd::Dropped => self.pick("放弃", "dropped"),
        }
    }
}
