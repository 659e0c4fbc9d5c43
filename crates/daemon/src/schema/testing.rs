//! The JSON Schema of files of tests: `*.test.toml` beside workflows.

use serde_json::{Map, Value, json};
use yizhan_workflow::catalogue::Catalogue;

use super::keys::{Key, key};
use super::{Words, write_out};
use crate::language::Language;

const MOMENT: &str = r#"{ "type": "string" }"#;
const TEXT: &str = r#"{ "type": "string" }"#;
const TEXTS: &str = r#"{ "type": ["string", "array"], "items": { "type": "string" } }"#;
const TABLE: &str = r#"{ "type": "object" }"#;
const FLAG: &str = r#"{ "type": "boolean" }"#;
const ANY: &str = "{}";

/// At the top of the file and in each test.
const USUAL: &[Key] = &[
    key("at", MOMENT, "从什么时候开始", "when it begins"),
    key("by", TEXT, "谁发起,例如 person:li.na", "who begins it, as person:li.na"),
    key("input", TABLE, "起始表单的字段", "the fields of the start form"),
    key("fake", TABLE, "动作和另开的流程答复什么", "what actions and child runs answer"),
    key(
        "entries",
        r#"{ "type": "array", "items": { "type": "object" } }"#,
        "之前台账里已有的记录:register、with,可写 at、times",
        "what registers hold before: `register`, `with`, and `at`, `times`",
    ),
    key("load", TEXTS, "还有哪些流程真的在", "workflows that are really there"),
    key("strict", FLAG, "每一次调用都要有一行说到", "a line must speak of every call"),
];

const TEST: &[Key] = &[
    key("name", TEXT, "一句话:这一件该怎样", "a sentence: what must become of the case"),
    key(
        "begins",
        r#"{ "enum": ["later"] }"#,
        "由 play 里的事件或触发开始",
        "by an event or trigger in `play`",
    ),
    key("trigger", TEXT, "由哪个触发开始", "the trigger that begins it"),
    key("body", TABLE, "触发带来的字段", "the fields that the trigger brings"),
    key("headers", TABLE, "webhook 的头", "the webhook's headers"),
    key("file", TABLE, "触发的文件", "the file of the trigger"),
    key("event", TABLE, "触发的事件", "the event of the trigger"),
    key("mail", TABLE, "触发的邮件", "the mail of the trigger"),
    key("items", r#"{ "type": "array" }"#, "收集到的各项", "what was gathered"),
    key(
        "play",
        r##"{ "type": "array", "items": { "$ref": "#/$defs/line" } }"##,
        "一行一行地演",
        "what happens, line by line",
    ),
    key(
        "state",
        r#"{ "enum": ["open", "closing", "done", "failed", "cancelled"] }"#,
        "最后怎样",
        "how it stands in the end",
    ),
    key("outcome", ANY, "结束时的结果", "the outcome"),
    key("reason", ANY, "取消或失败的理由", "why it was cancelled or failed"),
    key("output", TABLE, "交还的值", "what it gives back"),
];

/// What a line of `play` may hold, beside the fields of the call that it expects.
const LINE: &[Key] = &[
    key("answer", TEXT, "答复待办", "answers a task"),
    key("claim", TEXT, "领取待办", "claims a task"),
    key("release", TEXT, "退回待办", "gives a task back"),
    key("hand_over", TEXT, "把待办转交给 to", "hands a task over, `to` somebody"),
    key("delegate", TEXT, "委托给 to,自己仍看得见", "lends a task `to` somebody, for oneself"),
    key("comment", TEXT, "在待办上留言 text", "puts the words `text` on a task"),
    key("pause", TEXT, "停表,写明 reason", "stops the clock, with the reason"),
    key("resume", TEXT, "恢复计时", "lets the clock go on"),
    key("move_due", TEXT, "期限改到 to,写明 reason", "gives it another due time, `to`, with the reason"),
    key("extend", TEXT, "申请延期,with 是它的表单", "asks for more time, `with` the fields of its form"),
    key("append", TEXT, "有人手工登记一条", "somebody writes an entry by hand"),
    key("amend", TEXT, "有人更正 number 那一条", "somebody corrects the entry `number`"),
    key("void", TEXT, "有人作废 number 那一条", "somebody voids the entry `number`"),
    key("erase", TEXT, "有人擦除保密栏目", "somebody erases what is private"),
    key("why", TEXT, "为什么更正、作废、擦除", "why it is corrected, voided or erased"),
    key("fields", TEXTS, "擦除哪些栏目", "which columns are erased"),
    key("settle", TEXT, "对走不下去的步骤作决定", "decides where nobody else can"),
    key(
        "verdict",
        r#"{ "enum": ["again", "happened", "skip", "fail", "leave"] }"#,
        "怎样决定",
        "what is decided",
    ),
    key("cancel", TEXT, "取消,写明理由", "cancels, with the reason"),
    key("retry", r#"{ "type": ["string", "boolean"] }"#, "重试,可写从哪一步", "tries again, from a step"),
    key("pass", MOMENT, "时间过去这么久", "so much time goes by"),
    key("until", MOMENT, "时间到了那一刻", "time goes by until then"),
    key("event", ANY, "来了一个事件", "an event comes in"),
    key("trigger", TEXT, "触发一次", "a trigger fires"),
    key("start", TABLE, "再来一件,这里是它的表单", "another case begins with this form"),
    key("load", TEXT, "从这里起有了另一个流程", "from here on there is another workflow"),
    key("fake", TABLE, "从这里起换了答复", "from here on they answer otherwise"),
    key("expect", TEXT, "有一次这样的调用", "there was such a call"),
    key("expect_none", ANY, "没有别的调用", "there was no other call"),
    key("expect_tell", ANY, "通知或催办了人", "people were told or reminded"),
    key("expect_no_tell", ANY, "没有别的通知", "nobody else was told"),
    key(
        "about",
        r#"{ "enum": ["reminds", "tells", "tells_late", "task", "gone", "form", "unknown", "failed", "undo_failed", "rung_failed", "way_used_up"] }"#,
        "通知为了什么",
        "what they were told of",
    ),
    key("to", ANY, "给谁;改到何时", "to whom; until when"),
    key("reason", ANY, "理由", "the reason"),
    key("note", TEXT, "转交时说的话", "what is said with it"),
    key("text", ANY, "留言;通知的内容", "the words"),
    key("for", TEXT, "替哪位外部人员录入纸面答复", "whose answer on paper it is"),
    key("expect_due", TEXT, "期限是 at", "it is due `at`"),
    key("expect_late", TEXT, "已经逾期", "it is late"),
    key("expect_task", TEXT, "有未办的待办", "it has an open task"),
    key("expect_no_task", TEXT, "没有未办的待办", "it has no open task"),
    key("expect_wait", TEXT, "等到 until", "it waits `until`"),
    key("expect_step", TEXT, "步骤怎样", "how a step stands"),
    key("expect_run", TEXT, "有那样的一次运行", "there is such a run"),
    key("expect_no_run", TEXT, "没有那个流程的运行", "there is no run of it"),
    key("expect_event", TEXT, "发布过事件", "it was published"),
    key("expect_entry", TEXT, "台账里有这样的记录", "the register has such an entry"),
    key("expect_no_entry", TEXT, "台账里没有这样的记录", "the register has no such entry"),
    key("number", ANY, "记录的编号", "the number of the entry"),
    key("expect_state", TEXT, "运行现在怎样", "how the run stands now"),
    key("by", TEXT, "谁做的", "who acts"),
    key("with", TABLE, "答复的字段", "the fields of the answer"),
    key(
        "refused",
        r#"{ "type": ["boolean", "string"] }"#,
        "期望被拒绝;文字是理由里要有的字",
        "it must be refused; a text is what the reason holds",
    ),
    key("of", TEXT, "哪个流程的运行", "of which workflow"),
    key("case", TEXT, "哪一件,按它的编号", "which case, by its key"),
    key("step", TEXT, "哪一步的调用", "the step that calls"),
    key("times", r#"{ "type": "integer", "minimum": 1 }"#, "一共几次", "how many in all"),
    key("contains", TEXTS, "内容里要有的文字", "texts that it holds"),
    key("who", TEXTS, "待办交给谁", "whom the task asks"),
    key("is", FLAG, "false 为还没有逾期", "false: it is not late"),
];

pub(crate) fn of_tests(catalogue: &Catalogue, language: Language) -> Value {
    let words = Words(language);
    let (mut top, mut test) = (words.all(USUAL), words.all(USUAL));
    test.extend(words.all(TEST));
    let names = catalogue.actions.keys().map(|name| (name.clone(), json!({}))).collect::<Map<_, _>>();
    let fakes = json!({ "type": "object", "properties": names });
    let mut line = words.all(LINE);
    for properties in [&mut top, &mut test, &mut line] {
        write_out(properties, "fake", &fakes);
    }
    if let Some(expect) = line.get_mut("expect").filter(|_| !catalogue.actions.is_empty()) {
        expect["enum"] = catalogue.actions.keys().cloned().collect();
    }
    let tests = json!({ "type": "array", "items": { "$ref": "#/$defs/test" } });
    top.insert("test".to_owned(), tests);
    json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": language.pick("驿站流程的测试", "Tests of a Yizhan workflow"),
        "type": "object",
        "properties": top,
        "additionalProperties": false,
        "$defs": {
            "test": { "type": "object", "properties": test, "required": ["name"], "additionalProperties": false },
            "line": { "type": "object", "properties": line, "if": true, "then": { "allOf": calls(catalogue) } },
        },
    })
}

/// The fields of a call that is expected follow from its action: any value may be a condition.
fn calls(catalogue: &Catalogue) -> Value {
    let one = |(name, action): (&String, &std::sync::Arc<yizhan_workflow::catalogue::Action>)| {
        let known = action.input.get("properties").and_then(Value::as_object);
        let fields: Map<String, Value> = known
            .into_iter()
            .flatten()
            .filter(|(field, _)| !LINE.iter().any(|ours| ours.name == **field))
            .map(|(field, schema)| {
                let told = schema.get("description").or_else(|| schema.get("title")).cloned();
                (field.clone(), told.map_or_else(|| json!({}), |told| json!({ "description": told })))
            })
            .collect();
        json!({
            "if": { "properties": { "expect": { "const": name } }, "required": ["expect"] },
            "then": { "properties": fields },
        })
    };
    let all: Vec<Value> = catalogue.actions.iter().map(one).collect();
    // An empty list is no schema.
    if all.is_empty() { json!([true]) } else { Value::Array(all) }
}
