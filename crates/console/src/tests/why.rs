//! Every kind of waiting has its sentence, in both languages.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::json;
use yizhan_store::Memory;
use yizhan_workflow::id::{DueRung, Item, Millis, RunId, ScopeNo, StepAt, StepNo};
use yizhan_workflow::plan::{Choose, Ending, GRANTS, Workflow};
use yizhan_workflow::run::World;
use yizhan_workflow::run::clock::{Ahead, ClockState, Stands, StoppedBy, WHOLE};
use yizhan_workflow::run::event::{
    EndState, Failure, Happened, Listening, Question, Raw, RunError, SlotAsk, Standing, Started, TaskSheet,
};
use yizhan_workflow::run::sight::Viewer;
use yizhan_workflow::run::state::{
    At, Beside, Closing, GoingBack, ItemState, Phase, Run, ScopeState, StepPhase, StepState,
};

use super::place::{TEN, entry, world};
use crate::house::Language;
use crate::view::Look;
use crate::why::Reader;

const TEXT: &str = r#"
title = "报修"
[step.call]
use = "play.say"
retry = { times = 2 }
[step.visit]
title = "上门"
ask = "group:热线"
due = "4h"
escalate = [{ at = "+0h", tell = "role:班长" }]
pause = ["papers"]
[step.visit.extend]
form.until = { type = "datetime" }
approve = "role:班长"
[step.papers]
title = "补材料"
needs = []
ask = "group:热线"
[step.paid]
needs = ["call"]
await = "invoice.paid"
[step.sleep]
needs = ["call"]
wait = "1h"
[step.child]
needs = ["call"]
run = "other"
[step.hold]
needs = ["call"]
[step.hold.step.in]
wait = "1h"
[step.night]
needs = ["call"]
use = "play.say"
hours = "weekdays"
[step.over]
needs = ["visit", "papers", "paid", "sleep", "child", "hold", "night"]
check = "true"
"#;

struct House {
    text: Arc<Workflow>,
    world: World,
}

const HOUR: i64 = 3_600_000;

fn later(hours: i64) -> Millis {
    Millis(TEN + hours * HOUR)
}

impl House {
    fn run(&self) -> Run {
        let started = Started {
            workflow: "repair".into(),
            text: self.text.hash.clone(),
            input: Raw::from(&json!({})),
            key: None,
            trigger: None,
            by: "operator".into(),
            parent: None,
            origin: None,
        };
        let mut run = Run::begin(RunId::mint(Millis(TEN), None), Arc::new(started), Millis(TEN));
        let count = u16::try_from(self.text.steps.len()).unwrap();
        run.top = ScopeState::begin(None, None, StepNo(0), count);
        run
    }

    fn no(&self, step: &str) -> StepNo {
        self.text.step_named(step).unwrap()
    }

    /// A run in which one item stands somewhere.
    fn at(&self, step: &str, state: ItemState) -> Run {
        let mut run = self.run();
        let open = StepState { round: 1, phase: StepPhase::Open, items: vec![state], ..StepState::default() };
        Arc::make_mut(&mut run.top.steps)[self.no(step).index()] = Arc::new(open);
        run.derive();
        run
    }

    /// The first sentence, in Chinese and in English.
    fn why(&self, run: &Run) -> [String; 2] {
        let store = Memory::new();
        [Language::Zh, Language::En].map(|language| {
            let look = Look {
                run,
                text: &self.text,
                world: &self.world,
                now: later(1),
                viewer: Viewer::House { private: true },
                before: &[],
            };
            Reader { look, language, titles: false, reads: &store }.sentences().into_iter().next().unwrap()
        })
    }
}

fn standing(at: Standing) -> ItemState {
    ItemState { at: At::Is(at), attempts: 1, tries: 1, opened: Some(Millis(TEN)), ..ItemState::default() }
}

fn failure() -> Failure {
    Failure {
        code: "play.failed".into(),
        message: "没有应答".into(),
        retry: true,
        retry_after_ms: None,
        happened: Happened::Maybe,
    }
}

fn task(choose: Option<Choose>) -> Standing {
    let task = TaskSheet {
        nobody: vec![],
        title: "上门".into(),
        who: vec!["group:热线".into()],
        choose,
        not: vec![],
        delegated_by: None,
        due: None,
        ends_late: false,
    };
    Standing::Asked { a: 1, task: Box::new(task) }
}

fn timed(at: Standing, due: i64, change: impl FnOnce(&mut ClockState)) -> ItemState {
    let mut clock = ClockState { n: 1, from: Millis(TEN), ..ClockState::default() };
    change(&mut clock);
    ItemState { due: Some(later(due)), clock: Some(Arc::new(clock)), ..standing(at) }
}

fn stands(file: Option<&str>, person: bool) -> impl FnOnce(&mut ClockState) {
    let person = person.then(|| StoppedBy { by: "person:li.na".into(), reason: "客户不在".into() });
    let stands = Stands { since: Millis(TEN), file: file.map(Into::into), person };
    |clock| clock.stands = Some(Box::new(stands))
}

fn asking(why: Question) -> ItemState {
    standing(Standing::Asking { a: 1, why: Box::new(why) })
}

fn listening() -> Standing {
    let to = Listening {
        event: "invoice.paid".into(),
        key: "H1".into(),
        filter: None,
        due: None,
        ends_late: false,
    };
    Standing::Listening { a: 1, to: Box::new(to) }
}

/// A kind of waiting; one more stops the build here, and asks for a sentence below.
fn kind(standing: &Standing) -> &'static str {
    match standing {
        Standing::Queued {} => "queued",
        Standing::Running { begun: true, .. } => "running",
        Standing::Running { begun: false, .. } => "to run",
        Standing::Stopping { .. } => "stopping",
        Standing::Resting { .. } => "resting",
        Standing::Unknown { .. } => "unknown",
        Standing::Asking { why, .. } => match &**why {
            Question::Failed { .. } => "asking: failed",
            Question::UndoFailed { .. } => "asking: undo",
            Question::RungFailed { .. } => "asking: rung",
            Question::WayUsedUp { .. } => "asking: way",
        },
        Standing::Asked { .. } => "asked",
        Standing::Sleeping { .. } => "sleeping",
        Standing::Child { .. } => "child",
        Standing::StoppingChild { .. } => "stopping a child",
        Standing::Slot { .. } => "slot",
        Standing::Listening { .. } => "listening",
        Standing::Holding { .. } => "holding",
    }
}

const KINDS: usize = 17;

type Row = (&'static str, ItemState, &'static str, &'static str);

#[expect(clippy::too_many_lines, reason = "a table")]
fn attempts() -> Vec<Row> {
    let running = |a, begun| standing(Standing::Running { a, begun, first: None });
    let failed = || Some(Arc::new(failure()));
    vec![
        (
            "call",
            standing(Standing::Queued {}),
            "步骤“call”排队等待:同时办理的数量已满。",
            "Step `call` waits for its turn: `at_once` is full.",
        ),
        (
            "call",
            running(1, true),
            "步骤“call”正在执行 play.say,自 2026-11-22 10:00:00 起。",
            "Step `call` has been running play.say since 2026-11-22 10:00:00.",
        ),
        (
            "call",
            running(2, true),
            "步骤“call”正在执行 play.say,第 2 次,首次开始于 2026-11-22 10:00:00。",
            "Step `call` is running play.say for the 2. time; the first began at 2026-11-22 10:00:00.",
        ),
        (
            "call",
            running(1, false),
            "步骤“call”等待空位:同时进行的调用已满。",
            "Step `call` waits for a place: as many calls as may be are under way.",
        ),
        (
            "call",
            standing(Standing::Stopping { a: 1 }),
            "步骤“call”已要求停止,正在等插件答复。",
            "Step `call` was told to stop and has not answered yet.",
        ),
        (
            "call",
            ItemState { failure: failed(), ..standing(Standing::Resting { until: later(2) }) },
            "步骤“call”第 1 次失败(共可试 3 次):play.failed 没有应答。2026-11-22 12:00:00 再试。",
            "Step `call` failed on try 1 of 3: play.failed, 没有应答. It is tried again at 2026-11-22 12:00:00.",
        ),
        (
            "night",
            ItemState { tries: 0, ..standing(Standing::Resting { until: later(23) }) },
            "步骤“night”在“weekdays”的时间以外,2026-11-23 09:00:00 才开始办。",
            "Step `night` waits for the hours of `weekdays`, which open at 2026-11-23 09:00:00.",
        ),
        (
            "call",
            ItemState { failure: failed(), ..standing(Standing::Unknown { a: 1 }) },
            "步骤“call”是否办成不得而知(play.failed 没有应答;已知:可能已经办成),需要负责人确认:已办成、重试或算失败。",
            "Step `call`: nobody knows whether it happened (play.failed, 没有应答; known: it may have happened); its owner must say: it happened, again, or fail.",
        ),
        (
            "child",
            standing(Standing::Child {
                a: 1,
                child: RunId::child_of("x"),
                workflow: "other".into(),
                with: Raw::from(&json!({})),
                detach: false,
            }),
            "步骤“child”等待子流程 other({child})。",
            "Step `child` waits for its child {child} (other).",
        ),
        (
            "child",
            standing(Standing::StoppingChild { a: 1, child: RunId::child_of("x") }),
            "步骤“child”等待子流程 {child} 取消完毕。",
            "Step `child` waits for its child {child} to be cancelled.",
        ),
        (
            "call",
            standing(Standing::Slot {
                a: 1,
                ask: Box::new(SlotAsk { key: "crm".into(), most: Some(1), rate: None, priority: 0 }),
            }),
            "步骤“call”等“crm”的名额。",
            "Step `call` waits for a place of `crm`.",
        ),
        (
            "sleep",
            standing(Standing::Sleeping { a: 1, until: later(2) }),
            "步骤“sleep”等到 2026-11-22 12:00:00。",
            "Step `sleep` sleeps until 2026-11-22 12:00:00.",
        ),
    ]
}

#[expect(clippy::too_many_lines, reason = "a table")]
fn people() -> Vec<Row> {
    let used_up = Question::WayUsedUp { way: 0, outcome: None, output: None };
    vec![
        (
            "call",
            asking(Question::Failed { failure: failure() }),
            "步骤“call”失败(play.failed 没有应答),需要负责人决定:重试、跳过(可补上结果),或算失败。",
            "Step `call` failed (play.failed, 没有应答); its owner must say: again, skip (with values), or fail.",
        ),
        (
            "call",
            asking(Question::UndoFailed { failure: failure() }),
            "步骤“call”失败(play.failed 没有应答),需要负责人决定:再撤一次,或就此保留。",
            "Step `call` failed (play.failed, 没有应答); its owner must say: again, or leave it.",
        ),
        (
            "call",
            asking(Question::RungFailed { failure: failure() }),
            "步骤“call”失败(play.failed 没有应答),需要负责人决定:再办一次,或就这样算了。",
            "Step `call` failed (play.failed, 没有应答); its owner must say: again, or leave it.",
        ),
        (
            "call",
            asking(used_up),
            "步骤“call”的退回次数已用完,需要负责人决定:再来一轮、照此继续,或算失败。",
            "Step `call` went back as often as it may; its owner must say: one more round, go on, or fail.",
        ),
        (
            "papers",
            standing(task(None)),
            "步骤“papers”等待 热线 办理“上门”。",
            "Step `papers` waits for 热线 to answer “上门”.",
        ),
        (
            "papers",
            ItemState { claimed: Some("person:li.na".into()), ..standing(task(None)) },
            "步骤“papers”由 李娜 办理“上门”。",
            "Step `papers`: 李娜 has claimed “上门”.",
        ),
        (
            "papers",
            standing(task(Some(Choose::Fewest))),
            "步骤“papers”的“上门”正在从 热线 中选定办理人。",
            "Step `papers`: who of 热线 is to answer “上门” is being chosen.",
        ),
        (
            "visit",
            standing(task(None)),
            "步骤“visit”等待 热线 办理“上门”,期限还没有开始计算。",
            "Step `visit` waits for 热线 to answer “上门”, and its clock has not begun.",
        ),
        (
            "visit",
            timed(task(None), 4, |clock| clock.ahead = vec![Ahead { rung: 0, at: later(4), nth: 0 }]),
            "步骤“visit”等待 热线 办理“上门”,应于 2026-11-22 14:00:00 前完成(还有 3 小时);2026-11-22 14:00:00 告知 班长。",
            "Step `visit` waits for 热线 to answer “上门”, due at 2026-11-22 14:00:00 (in 3 h); 班长 is told at 2026-11-22 14:00:00.",
        ),
        (
            "visit",
            ItemState { late: true, ..timed(task(None), -1, |_| {}) },
            "步骤“visit”等待 热线 办理“上门”,应于 2026-11-22 09:00:00 前完成,已超时 2 小时。",
            "Step `visit` waits for 热线 to answer “上门”, was due at 2026-11-22 09:00:00 and is late by 2 h.",
        ),
        (
            "visit",
            timed(task(None), 4, stands(Some("papers"), true)),
            "步骤“visit”等待 热线 办理“上门”,应于 2026-11-22 14:00:00 前完成(还有 4 小时);时钟自 2026-11-22 10:00:00 起停住(“补材料”办理期间; 李娜 暂停:客户不在)。",
            "Step `visit` waits for 热线 to answer “上门”, due at 2026-11-22 14:00:00 (in 4 h); its clock has stood since 2026-11-22 10:00:00 (while “补材料” is open; 李娜 stopped it: 客户不在).",
        ),
        (
            "paid",
            standing(listening()),
            "步骤“paid”等待事件“invoice.paid”(H1)。",
            "Step `paid` waits for the event `invoice.paid` of `H1`.",
        ),
        (
            "paid",
            timed(listening(), 4, stands(None, true)),
            "步骤“paid”等待事件“invoice.paid”(H1),应于 2026-11-22 14:00:00 前完成(还有 4 小时);时钟自 2026-11-22 10:00:00 起停住(李娜 暂停:客户不在)。",
            "Step `paid` waits for the event `invoice.paid` of `H1`, due at 2026-11-22 14:00:00 (in 4 h); its clock has stood since 2026-11-22 10:00:00 (李娜 stopped it: 客户不在).",
        ),
        (
            "hold",
            timed(Standing::Holding { a: 1, scope: ScopeNo(1), first: StepNo(7), steps: 1 }, 4, |_| {}),
            "步骤“hold”正在办理其中的步骤,应于 2026-11-22 14:00:00 前完成(还有 3 小时)。",
            "Step `hold` is at work on the steps that it holds, due at 2026-11-22 14:00:00 (in 3 h).",
        ),
    ]
}

fn house() -> House {
    House { text: entry("repair", TEXT).workflow.unwrap(), world: world() }
}

#[test]
fn every_kind_of_waiting_has_a_sentence_in_both_languages() {
    let house = house();
    let mut kinds = BTreeSet::new();
    for (step, state, zh, en) in attempts().into_iter().chain(people()) {
        if let At::Is(standing) = &state.at {
            kinds.insert(kind(standing));
        }
        let child = RunId::child_of("x").to_string();
        let expected = [zh, en].map(|said| said.replace("{child}", &child));
        assert_eq!(house.why(&house.at(step, state)), expected);
    }
    assert_eq!(kinds.len(), KINDS, "{kinds:?}");
}

#[test]
fn what_stands_beside_a_step_and_the_run_itself_are_called_what_they_are() {
    let house = house();
    let visit = StepAt { step: house.no("visit"), scope: ScopeNo::RUN }.item(1, 0);
    let beside = |rung, state| {
        let mut run = house.run();
        run.beside.push(Beside { of: Item { rung: Some(DueRung(2, rung)), ..visit }, state });
        run.derive();
        house.why(&run)
    };
    assert_eq!(
        beside(GRANTS, standing(task(None))),
        [
            "步骤“visit”的延期申请等待 热线 办理“上门”。",
            "The request for more time: Step `visit` waits for 热线 to answer “上门”."
        ]
    );
    assert_eq!(
        beside(0, standing(Standing::Sleeping { a: 1, until: later(2) })),
        [
            "步骤“visit”到时要办的事等到 2026-11-22 12:00:00。",
            "What the due time set off: Step `visit` sleeps until 2026-11-22 12:00:00."
        ]
    );
    let mut run = house.run();
    let holds = Standing::Holding { a: 1, scope: ScopeNo::RUN, first: StepNo(0), steps: 0 };
    run.whole = Some(Arc::new(timed(holds, 4, |_| {})));
    run.derive();
    assert!(run.item(WHOLE).is_some());
    assert_eq!(
        house.why(&run),
        [
            "整个流程正在办理其中的步骤,应于 2026-11-22 14:00:00 前完成(还有 3 小时)。",
            "The run is at work on the steps that it holds, due at 2026-11-22 14:00:00 (in 3 h)."
        ]
    );
}

#[test]
fn a_run_that_closes_goes_back_or_is_over_says_so_first() {
    let house = house();
    let closing = |phase, ending| {
        let mut run = house.run();
        run.top.phase = phase;
        run.top.closing =
            Some(Closing { ending, withdrawn: false, by_step: None, used_up: None, output: None });
        house.why(&run)
    };
    assert_eq!(
        closing(Phase::Stopping, Ending::Cancel { reason: "客户撤回".into() }),
        [
            "正在收尾(取消:客户撤回):先等正在办的各项停下。",
            "It is closing as cancelled (客户撤回): what is under way is being stopped first."
        ]
    );
    assert_eq!(
        closing(Phase::Finishing, Ending::Fail { reason: "x".into() }),
        [
            "正在收尾(失败:x):撤回已办的事项并执行收尾步骤。",
            "It is closing as failed (x): what was done is taken back and the closing steps run."
        ]
    );
    let back = |until| {
        let mut run = house.run();
        let cover = [house.no("call"), house.no("visit")].into();
        run.top.back = Some(GoingBack { cover, after_ms: 0, until });
        house.why(&run)
    };
    assert_eq!(
        back(Some(later(2))),
        [
            "流程退回(call, visit),2026-11-22 12:00:00 重新开始。",
            "The flow goes back over call, visit; the new round begins at 2026-11-22 12:00:00."
        ]
    );
    assert_eq!(
        back(None),
        [
            "流程正在退回(call, visit):先等这些步骤停下并撤回。",
            "The flow goes back over call, visit: they are being stopped and taken back first."
        ]
    );
    let ended = |state, outcome: &str, error| {
        let mut run = house.run();
        run.top.phase = Phase::Over { state, outcome: outcome.into(), output: None };
        run.top.error = error;
        house.why(&run)
    };
    let over = |state, error| ended(state, "已修复", error);
    let zh = |run: [String; 2]| run[0].clone();
    assert_eq!(zh(over(EndState::Done, None)), "已于 2026-11-22 10:00:00 结束:已修复。");
    assert_eq!(zh(ended(EndState::Done, "done", None)), "已于 2026-11-22 10:00:00 办结。");
    assert_eq!(zh(over(EndState::Cancelled, None)), "已于 2026-11-22 10:00:00 取消:已修复。");
    let error =
        RunError { step: "call".into(), item: 0, code: "play.failed".into(), message: "没有应答".into() };
    assert_eq!(
        zh(over(EndState::Failed, Some(error))),
        "已于 2026-11-22 10:00:00 失败:步骤“call”play.failed 没有应答。可以重新办理(页面上的按钮,或 `yizhan retry`)。"
    );
}
