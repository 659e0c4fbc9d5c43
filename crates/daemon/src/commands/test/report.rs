//! Says where a test did not hold: the line, what was expected, what happened instead, the journal around it.

use serde_json::json;
use yizhan_engine::rehearsal::house::Happening;
use yizhan_engine::rehearsal::trial::{Differs, Failed, Kept, Miss, Near};
use yizhan_workflow::id::Millis;
use yizhan_workflow::run::Refusal;
use yizhan_workflow::testing::TELL;

use super::town::{TestFile, Town};
use crate::commands::Context;
use crate::show::instant;

/// Longer values are cut: the whole is in `--json`.
const MOST_SHOWN: usize = 240;

/// The whole of what a person is told.
pub(super) fn failed(
    file: &TestFile,
    test: usize,
    failed: &Failed,
    town: &Town,
    context: &Context,
) -> String {
    let line = file.line_at(failed.place.start);
    let head = context.language.pick("未通过", "FAILED");
    let mut lines = vec![format!("{head} {}:{line}  {}", file.shown, file.name_of(test))];
    lines.push(format!("  {line:>4} | {}", file.written(line).trim()));
    lines.extend(why(failed, town, context).into_iter().map(|line| format!("  {line}")));
    let journal = journal(failed, town, context);
    if !journal.is_empty() {
        lines.push(context.language.pick("  经过:", "  journal:").to_owned());
        lines.extend(journal.into_iter().map(|line| format!("    {line}")));
    }
    lines.join("\n")
}

struct Words<'c> {
    context: &'c Context,
    town: &'c Town,
}

impl Words<'_> {
    fn say(&self, zh: String, en: String) -> String {
        self.context.language.pick(zh, en)
    }

    fn at(&self, at: Millis) -> String {
        instant(&json!({ "at": at.0 }), "at", &self.town.world.zone)
    }

    /// An action by its name; words to people by ours.
    fn called(&self, action: &str) -> String {
        if action == TELL { self.say("告知".to_owned(), "a notice".to_owned()) } else { action.to_owned() }
    }

    fn near(&self, near: &Near) -> Vec<String> {
        let taken = match near.taken {
            true => self.say(",已有另一行说到".to_owned(), ", of which another line has spoken".to_owned()),
            false => String::new(),
        };
        let head = format!("{}  {}  {}{taken}", self.at(near.at), near.step, self.called(&near.action));
        let mut lines = vec![head];
        match near.differs.as_slice() {
            [] => lines.push(format!("  {}", cut(&near.with))),
            all => lines.extend(all.iter().map(|differs| format!("  {}", self.differs(differs)))),
        }
        lines
    }

    fn nearest(&self, near: &[Near]) -> Vec<String> {
        if near.is_empty() {
            return vec![self.say("实际:一次也没有".to_owned(), "instead: there was none".to_owned())];
        }
        let head = self.say("实际有:".to_owned(), "there was:".to_owned());
        let lines = near.iter().flat_map(|near| self.near(near)).map(|line| format!("  {line}"));
        std::iter::once(head).chain(lines).collect()
    }

    fn differs(&self, differs: &Differs) -> String {
        let Differs { name, wanted, found } = differs;
        let (wanted, found) = (cut(wanted), cut(found));
        if name == "contains" {
            return self.say(format!("里面没有 {wanted}"), format!("does not hold {wanted}"));
        }
        self.say(
            format!("{name}:期望 {wanted},实际 {found}"),
            format!("{name}: expected {wanted}, and it is {found}"),
        )
    }

    fn listed(&self, head: (&str, &str), all: &[String]) -> Vec<String> {
        let all = match all {
            [] => self.say("没有".to_owned(), "none".to_owned()),
            all => all.join("; "),
        };
        vec![format!("{} {}", self.context.language.pick(head.0, head.1), cut(&all))]
    }
}

fn cut(text: &str) -> String {
    let text = text.replace('\n', "⏎");
    match text.char_indices().nth(MOST_SHOWN) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text,
    }
}

/// What was expected and what happened instead, a line each.
#[expect(clippy::wildcard_enum_match_arm, reason = "what needs one sentence is told by `others`")]
pub(super) fn why(failed: &Failed, town: &Town, context: &Context) -> Vec<String> {
    let words = Words { context, town };
    let with = |head: String, more: Vec<String>| std::iter::once(head).chain(more).collect();
    match &*failed.miss {
        Miss::NoCall { action, near } => {
            let action = words.called(action);
            let head = format!("期望有一次 {action},没有合适的");
            with(words.say(head, format!("expected {action}, and none fits")), words.nearest(near))
        }
        Miss::Times { action, wanted, found, near } => {
            let action = words.called(action);
            let zh = format!("期望 {action} 共 {wanted} 次,实际 {found} 次");
            let en = format!("expected {action} {wanted} times, and it was {found} times");
            with(words.say(zh, en), words.nearest(near))
        }
        Miss::UnexpectedCall { call } => {
            let head =
                words.say("没有哪一行说到这次调用:".to_owned(), "no line expects this call:".to_owned());
            with(head, words.near(call).into_iter().map(|line| format!("  {line}")).collect())
        }
        Miss::Differs { what, all } => {
            let lines = all.iter().map(|differs| format!("{what}  {}", words.differs(differs)));
            lines.collect()
        }
        Miss::NoTask { step, stands, open } => {
            let stands = state(stands, context);
            let head = words.say(
                format!("`{step}` 没有未办的待办:它{stands}"),
                format!("`{step}` has no open task: it is {stands}"),
            );
            with(head, words.listed(("未办的待办:", "open tasks:"), open))
        }
        Miss::ATask { step, who } => vec![
            words.say(format!("`{step}` 有待办,交给 {who}"), format!("`{step}` has an open task, for {who}")),
        ],
        Miss::NotSo { step, stands } => {
            let stands = state(stands, context);
            vec![words.say(format!("`{step}` {stands}"), format!("`{step}` is {stands}"))]
        }
        Miss::NoSuchItem { step } => {
            vec![words.say(format!("此时没有 `{step}`"), format!("there is no `{step}` at this time"))]
        }
        Miss::NoRun { workflow, runs } => {
            let head = words
                .say(format!("没有这样的 {workflow} 运行"), format!("there is no such run of {workflow}"));
            with(head, words.listed(("现有运行:", "runs:"), runs))
        }
        other => others(other, &words),
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "the others are told by `why`")]
fn others(miss: &Miss, words: &Words<'_>) -> Vec<String> {
    vec![match miss {
        Miss::ARun { workflow } => {
            words.say(format!("{workflow} 已经开始了"), format!("{workflow} was begun"))
        }
        Miss::NoEvent { name, events } => {
            let head = words.say(format!("没有发布过事件 {name}"), format!("no event {name} was published"));
            let mut lines = vec![head];
            lines.extend(words.listed(("已发布:", "published:"), events));
            return lines;
        }
        Miss::Entry { register, wanted, found, count, near } => {
            return entries((register, *count), (*wanted, *found), near, words);
        }
        Miss::Refused(refusal) => {
            let why = refused(refusal, words);
            words.say(format!("被拒绝:{why}"), format!("refused: {why}"))
        }
        Miss::Hindered(why) => words.say(format!("做不成:{why}"), format!("it cannot be done: {why}")),
        Miss::NotRefused => {
            words.say("期望被拒绝,却接受了".to_owned(), "expected to be refused, and it was taken".to_owned())
        }
        Miss::OtherReason { wanted, found } => words.say(
            format!("拒绝的理由里应有「{wanted}」,实际是:{found}"),
            format!("the reason should hold \"{wanted}\", and it is: {found}"),
        ),
        Miss::Unreadable(why) => {
            words.say(format!("这个时间用不了:{why}"), format!("not a time that can be used: {why}"))
        }
        Miss::RunFailed { error } => words.say(
            format!("运行失败了,而没有哪一行期望它失败:{error}"),
            format!("the run failed, and no line expects that: {error}"),
        ),
        Miss::BrokenOff => words.say(
            "规则中途断了:这是程序的错误,请报告".to_owned(),
            "the rules broke off: a fault of the program, please report it".to_owned(),
        ),
        _ => String::new(),
    }]
}

/// Which entries there are, those first that are nearly the one.
fn entries(
    (register, count): (&str, usize),
    (wanted, found): (Option<u32>, usize),
    near: &[Kept],
    words: &Words<'_>,
) -> Vec<String> {
    let head = match wanted {
        None => words.say(
            format!("期望「{register}」有一条记录,没有合适的;现有 {count} 条"),
            format!("expected an entry of \"{register}\", and none of the {count} there fits"),
        ),
        Some(wanted) => words.say(
            format!("期望「{register}」有 {wanted} 条这样的记录,实际 {found} 条;现有 {count} 条"),
            format!("expected {wanted} such entries of \"{register}\", and {found} of the {count} there fit"),
        ),
    };
    let mut lines = vec![head];
    for entry in near {
        lines.push(format!("  {}", cut(&entry.values)));
        lines.extend(
            entry.differs.iter().map(|differs| format!("    {} {}", entry.number, words.differs(differs))),
        );
    }
    lines
}

/// What a form refuses is said field by field, in the reader's language.
fn refused(refusal: &Refusal, words: &Words<'_>) -> String {
    let Refusal::Form(faults) = refusal else { return refusal.to_string() };
    let language = words.context.language.lang();
    let all = faults.iter().map(|fault| format!("{}: {}", fault.field, fault.sentence(language)));
    all.collect::<Vec<_>>().join("; ")
}

/// How a step stands, in the reader's language.
fn state(word: &str, context: &Context) -> String {
    let zh = match word {
        "never" => "始终没有开始",
        "waiting" => "还在等前面的步骤",
        "open" => "正在进行",
        "done" => "已完成",
        "skipped" => "已跳过",
        "failed" => "失败了",
        "dropped" => "已撤下",
        "queued" | "slot" => "在排队",
        "running" => "正在执行",
        "resting" => "等着再试",
        "unknown" => "不知做成没有,在问负责人",
        "asking" => "在问负责人怎么办",
        "asked" => "有待办",
        "sleeping" => "在等时间",
        "child" => "在等另一个流程",
        "listening" => "在等事件",
        "holding" => "里面的步骤正在进行",
        other => other,
    };
    context
        .language
        .pick(zh, if word == "never" { "not begun, and the run is over" } else { word })
        .to_owned()
}

/// The lines of the journal before it.
pub(super) fn journal(failed: &Failed, town: &Town, context: &Context) -> Vec<String> {
    let words = Words { context, town };
    let one = |line: &Happening| {
        let happened = context.language.pick(happened_zh(line.word), line.word);
        let detail = detail(line, &words);
        format!("{}  {}  {happened} {}", words.at(line.at), line.step, cut(&detail)).trim_end().to_owned()
    };
    failed.around.iter().map(one).collect()
}

/// Instants are told on the house's clock.
fn detail(line: &Happening, words: &Words<'_>) -> String {
    let told = |word: &str| {
        let at: Option<jiff::Timestamp> = word.parse().ok();
        at.map(|at| words.at(Millis(at.as_millisecond())))
    };
    if !matches!(line.word, "task" | "waits" | "rests" | "due") {
        return line.detail.clone();
    }
    let all: Vec<String> =
        line.detail.split(' ').map(|word| told(word).unwrap_or_else(|| word.to_owned())).collect();
    all.join(" ")
}

fn happened_zh(word: &'static str) -> &'static str {
    match word {
        "started" => "开始",
        "call" => "调用",
        "task" => "待办",
        "answered" => "答复",
        "claimed" => "领取",
        "released" => "退回",
        "handed_over" => "转交",
        "commented" => "留言",
        "tell" => "告知",
        "slot" => "定时触发",
        "reassigned" => "改派给",
        "decided" => "由文件作答",
        "clock_stands" => "停表",
        "clock_goes_on" => "恢复计时",
        "due" => "期限",
        "due_moved" => "改期",
        "more_time" => "申请延期",
        "settled" => "决定",
        "done" => "完成",
        "skipped" => "跳过",
        "failed" => "失败",
        "dropped" => "撤下",
        "missed" => "未成,再试",
        "late" => "逾期",
        "back" => "退回重做",
        "waits" => "等到",
        "rests" => "歇到",
        "listens" => "等事件",
        "took" => "收到事件",
        "event" => "事件",
        "child" => "另开流程",
        "asking" => "问负责人",
        "unknown" => "不知做成没有",
        "joined" => "并入",
        "cancelled" => "取消",
        "retried" => "重试",
        "ended_done" => "结束:完成",
        "ended_failed" => "结束:失败",
        "ended_cancelled" => "结束:取消",
        other => other,
    }
}
