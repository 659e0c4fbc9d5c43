//! The keys of the language: what each may hold, and what it is for.

/// One key.
pub(super) struct Key {
    pub(super) name: &'static str,
    /// JSON Schema.
    pub(super) schema: &'static str,
    pub(super) zh: &'static str,
    pub(super) en: &'static str,
}

pub(super) const fn key(name: &'static str, schema: &'static str, zh: &'static str, en: &'static str) -> Key {
    Key { name, schema, zh, en }
}

const TEXT: &str = r#"{ "type": "string" }"#;
const TEXTS: &str = r#"{ "type": ["string", "array"], "items": { "type": "string" } }"#;
/// People; with `approve` signers and stages of them, or who did another step.
const WHOM: &str =
    r#"{ "type": ["string", "array", "object"], "items": { "type": ["string", "object", "array"] } }"#;
const LIST: &str = r#"{ "type": "array", "items": { "type": "string" } }"#;
const FLAG: &str = r#"{ "type": "boolean" }"#;
const COUNT: &str = r#"{ "type": "integer", "minimum": 1 }"#;
const MOMENT: &str = r#"{ "type": ["string", "object", "array"] }"#;
const OBJECT: &str = r#"{ "type": "object" }"#;
const LIMIT: &str = r#"{ "type": "object", "properties": { "key": { "type": "string" }, "most": { "type": "integer", "minimum": 1 }, "rate": { "type": "string" } }, "additionalProperties": false }"#;
const PRIORITY: &str = r#"{ "type": ["string", "integer"] }"#;
const ANY: &str = "{}";
const STEPS: &str = r##"{ "type": "object", "additionalProperties": { "$ref": "#/$defs/step" } }"##;
const FORM: &str = r##"{ "type": "object", "additionalProperties": { "$ref": "#/$defs/field" } }"##;

/// The kinds of a step.
pub(super) const KINDS: &[&str] = &["use", "ask", "wait", "await", "run", "check", "end", "step"];

pub(super) const TOP: &[Key] = &[
    key("title", TEXT, "流程的名称,给人看", "What people call it"),
    key("note", TEXT, "说明", "A note for the reader"),
    key("owner", TEXT, "负责的人、组或岗位:group:热线", "Whose it is: `group:desk`"),
    key(
        "readers",
        TEXTS,
        "除参与的人之外,谁可以看这些事",
        "Who may see its cases beside those who take part",
    ),
    key("implements", LIST, "落实了哪些制度条目", "The processes that this file stands for"),
    key(
        "calendar",
        TEXT,
        "按哪个工作日历:config/calendars 里的名字",
        "The calendar of its working days and hours",
    ),
    key(
        "key",
        TEXT,
        "辨认同一件事的文字,如 {{ input.order }}",
        "The case: shown, searched, told from others",
    ),
    key(
        "on_duplicate",
        r#"{ "enum": ["allow", "join", "reject"] }"#,
        "同一件再来时:照办、并入、拒绝",
        "What becomes of a second start with the same key",
    ),
    key(
        "unique",
        TEXT,
        "key 往前比较多久:open、ever 或一段时间",
        "How far back `key` is compared: `open`, `ever`, a length",
    ),
    key("let", OBJECT, "全文件可用的名字", "Names for the whole file"),
    key("input", FORM, "开始时要知道的内容", "The start form"),
    key(
        "trigger",
        r##"{ "type": "object", "additionalProperties": { "$ref": "#/$defs/trigger" } }"##,
        "由什么开始",
        "What sets it off",
    ),
    key(
        "table",
        r##"{ "type": "object", "additionalProperties": { "$ref": "#/$defs/table" } }"##,
        "决策表",
        "Decision tables",
    ),
    key("due", MOMENT, "整个流程的期限", "By when the whole is to be over"),
    key(
        "remind",
        r#"{ "type": "array", "items": { "type": ["string", "object"] } }"#,
        "催办:-1h,或 { at = \"every 4h\", tell = \"role:班长\" }",
        "Reminders: `-1h`, or with whom they tell",
    ),
    key(
        "escalate",
        r#"{ "type": "array", "items": { "type": "object", "required": ["at"] } }"#,
        "到时做什么:tell、reassign、decide 或一个小步骤",
        "What is done then: `tell`, `reassign`, `decide`, a small step",
    ),
    key(
        "limit",
        LIMIT,
        "这个流程的运行合起来最多同时几个、多久开始几个",
        "How many runs at once, and how often one begins",
    ),
    key("priority", PRIORITY, "名额满时谁先开始:数大的先", "Who begins first: the highest"),
    key(
        "on_error",
        r#"{ "enum": ["fail", "ask"] }"#,
        "步骤没有另说时,办不成就怎样:失败、问负责人",
        "What a step does that fails and does not say: fail, ask the owner",
    ),
    key("step", STEPS, "步骤", "The steps"),
    key("output", ANY, "交给上级流程的结果", "What a parent reads when it is over"),
    key("on_failure", STEPS, "失败时做的步骤", "Steps when it fails"),
    key("on_cancel", STEPS, "取消时做的步骤", "Steps when it is cancelled"),
];

pub(super) const STEP: &[Key] = &[
    key("use", TEXT, "自动执行一个动作:插件.动作", "Calls an action: `plugin.action`"),
    key(
        "ask",
        WHOM,
        "派待办给谁:group:热线、role:班长、person:li.na、starter、外部的 mail:zhou@example.com;只给其中一位:{ fewest = … } 手上待办最少的,{ in_turn = … } 轮到的",
        "Opens a task for: `group:desk`, `role:chief`, `person:li.na`, `starter`, `mail:zhou@example.com` outside the house; for one of them: `{ fewest = … }` with fewest open tasks, `{ in_turn = … }` the next",
    ),
    key(
        "approve",
        r#"{ "anyOf": [{ "enum": ["one", "all", "in order"] }, { "type": "integer", "minimum": 1 }] }"#,
        "要几个人同意:one、all、in order 或一个数",
        "How many must approve: `one`, `all`, `in order`, a number",
    ),
    key(
        "not",
        TEXTS,
        "谁要回避:如填表的人 {{ step.fill.by }}",
        "Who may not: `{{ step.fill.by }}` (four eyes)",
    ),
    key(
        "tell",
        FLAG,
        "待办一到就发邮件给办理人(缺省为是)",
        "Whether its people get a mail when it opens; they do",
    ),
    key("wait", MOMENT, "等到什么时候", "Sleeps until then"),
    key("await", TEXT, "等一个事件", "Waits for an event"),
    key("where", OBJECT, "事件的内容要符合什么", "What the event must hold"),
    key(
        "key",
        TEXT,
        "等哪个关键字的事件;不写就是本件的",
        "Whose event it waits for; without it the run's own key",
    ),
    key("run", TEXT, "另开一个流程", "Starts another workflow"),
    key("detach", FLAG, "不等另开的流程结束", "Does not wait for the workflow it starts"),
    key(
        "check",
        TEXT,
        "核对一个条件,不成立则取消(或按 on.no)",
        "A gate: a no cancels, unless `on.no` says otherwise",
    ),
    key("end", TEXT, "到此结束:done:、cancel:、fail:", "Ends it: `done:…`, `cancel:…`, `fail:…`"),
    key("step", STEPS, "里面的步骤", "The steps that it holds"),
    key("private", TEXTS, "它给出的哪些字段保密", "Which of what it gives is confidential"),
    key("readers", TEXTS, "保密的内容谁可以看", "Who may see what is confidential"),
    key("title", TEXT, "步骤的名称,给人看", "What people call it"),
    key("note", TEXT, "说明", "A note for the reader"),
    key("with", OBJECT, "给动作或流程的值", "What the action or the workflow is given"),
    key("form", FORM, "办理人要填写的内容", "What is asked of the person"),
    key(
        "due",
        MOMENT,
        "期限:4h、3 days、{ within = \"24h\", of = \"步骤\" }",
        "The due time: `4h`, `3 days`, `{ within = \"24h\", of = \"step\" }`",
    ),
    key(
        "remind",
        r#"{ "type": "array", "items": { "type": ["string", "object"] } }"#,
        "催办:-1h,或 { at = \"every 4h\", tell = \"role:班长\" }",
        "Reminders: `-1h`, or with whom they tell",
    ),
    key(
        "escalate",
        r#"{ "type": "array", "items": { "type": "object", "required": ["at"] } }"#,
        "到时做什么:tell、reassign、decide 或一个小步骤",
        "What is done then: `tell`, `reassign`, `decide`, a small step",
    ),
    key(
        "pause",
        TEXTS,
        "这些步骤开着,或条件成立时,计时停住",
        "Its clock stands while one of these steps is open, or this holds",
    ),
    key(
        "extend",
        OBJECT,
        "怎样申请延期:form.until 是新的期限",
        "How more time is asked for: `form.until` is the new due time",
    ),
    key("calendar", TEXT, "这一步按哪个工作日历", "The calendar of this step's working days and hours"),
    key("hours", TEXT, "只在哪个日历的上班时间开始和计时", "The calendar in whose hours alone it starts"),
    key(
        "needs",
        r#"{ "type": ["array", "object"], "items": { "type": "string" } }"#,
        "要等哪些步骤办完;缺省为上一步",
        "What must be over first; without it the step above",
    ),
    key("when", TEXT, "只有条件成立才做,否则跳过", "Done only if this holds, else skipped"),
    key("each", TEXT, "对列表的每一项各做一次", "Once for each item of a list"),
    key("as", TEXT, "每一项的名字", "The name of the item"),
    key("at_once", COUNT, "同时最多几项", "How many items at once"),
    key("let", OBJECT, "这一步可用的名字", "Names for this step"),
    key(
        "on",
        r##"{ "type": "object", "additionalProperties": { "anyOf": [{ "$ref": "#/$defs/rule" }, { "type": "object", "additionalProperties": { "$ref": "#/$defs/rule" } }] } }"##,
        "结果如何,之后怎样:on.no、on.late、on.字段.选项",
        "What follows from an outcome: `on.no`, `on.late`, `on.field.option`",
    ),
    key(
        "on_error",
        r##"{ "anyOf": [{ "enum": ["fail", "continue", "ask"] }, { "$ref": "#/$defs/rule" }] }"##,
        "办不成时:失败、继续、问负责人、退回",
        "If it fails: fail, continue, ask the owner, go back",
    ),
    key(
        "retry",
        r#"{ "type": "object", "properties": { "times": { "type": "integer", "minimum": 0 }, "first": { "type": "string" }, "factor": { "type": "number" }, "most": { "type": "string" }, "jitter": { "type": "number" } }, "additionalProperties": false }"#,
        "没办成时再试几次,间隔多久",
        "How it is tried again",
    ),
    key("timeout", TEXT, "一次最多用多久", "The bound of one attempt"),
    key("give_up", TEXT, "连同重试最多用多久", "The bound of all attempts together"),
    key(
        "effect",
        r#"{ "enum": ["pure", "idempotent", "keyed", "once"] }"#,
        "重复执行会怎样:收紧动作自己的说法",
        "Tightens the action's class",
    ),
    key("undo", OBJECT, "取消、失败或退回时怎样撤销", "How it is taken back"),
    key(
        "limit",
        LIMIT,
        "所有运行合起来最多同时几个、多久几次",
        "How many at once over all runs, and how often",
    ),
    key("priority", PRIORITY, "名额满时谁先:数大的先", "Who has a place first: the highest"),
];

pub(super) const FIELD: &[Key] = &[
    key("label", TEXT, "给人看的名称", "What people call it"),
    key("type", r#"{ "type": "string" }"#, "填什么:文字、数、金额、日期、选一项……", "What it takes"),
    key(
        "required",
        r#"{ "type": ["boolean", "string"] }"#,
        "必须填写;缺省为是",
        "Whether it must be given; it must where nothing is said",
    ),
    key("default", ANY, "不填时的值", "The value where nothing is given"),
    key("value", ANY, "只给人看,不用填", "Shown, not asked"),
    key(
        "options",
        r#"{ "type": ["array", "object", "string"] }"#,
        "可选的项:代码 = \"名称\"",
        "What can be chosen: `code = \"label\"`",
    ),
    key("min", ANY, "最小", "The least"),
    key("max", ANY, "最大,或最长", "The most, or the longest"),
    key("pattern", TEXT, "要符合的格式(正则表达式)", "A regular expression that it must match"),
    key("when", TEXT, "什么时候要填", "When it is asked"),
    key("check", TEXT, "填的值要满足的条件", "What the value must satisfy"),
    key("message", TEXT, "不满足时的提示", "What is said if it does not"),
    key("help", TEXT, "填写说明", "A help for whoever fills it in"),
    key("private", FLAG, "保密", "Confidential"),
    key("lines", COUNT, "输入框几行", "How many lines the box has"),
    key("like", TEXT, "与另一个字段相同", "As another field"),
    key("fields", FORM, "表格的列", "The columns of a table"),
    key("by", TEXT, "签字:该谁签", "Of a signature: who is to sign"),
    key(
        "witness",
        r#"{ "enum": ["refused", "always"] }"#,
        "签字:何时要另一人见证",
        "Of a signature: when somebody else must witness it",
    ),
    key("kinds", TEXTS, "文件:收哪些结尾", "Of files: the endings that are taken"),
    key("size", TEXT, "文件:每个最大多少", "Of files: the most that each may have"),
    key("updates", TEXT, "更正登记的哪一项:input.字段", "The field of the input that it corrects"),
];

pub(super) const RULE: &[Key] = &[
    key("back_to", TEXT, "退回到哪一步", "The step to go back to"),
    key("most", COUNT, "最多退回几次", "How often at most"),
    key("after", TEXT, "过多久再重做", "The pause before"),
    key("then", OBJECT, "次数用完之后", "What follows when that is used up"),
    key("go", TEXT, "结束:done:、cancel:、fail:", "Ends it: `done:…`, `cancel:…`, `fail:…`"),
];

pub(super) const TRIGGER: &[Key] = &[
    key(
        "schedule",
        r#"{ "type": ["string", "object"], "required": ["register", "date"], "additionalProperties": false,
            "properties": { "register": { "type": "string" }, "date": { "type": "string" },
                            "yearly": { "type": "boolean" }, "at": { "type": "string" } } }"#,
        "定时:monday at 09:00、every 8h、0 9 * * 1;或按台账里的日期",
        "By the clock: `monday at 09:00`, `every 8h`, a cron line; or by the dates of a register",
    ),
    key("timezone", TEXT, "时区", "The time zone"),
    key(
        "holiday",
        r#"{ "enum": ["keep", "skip", "next", "previous"] }"#,
        "落在非工作日时:照常、不做、顺延、提前",
        "On a day that is not worked: keep, skip, the next working day, the one before",
    ),
    key(
        "ahead",
        TEXT,
        "比那个时刻早多久:1 day、2 workdays",
        "So long before that moment: `1 day`, `2 workdays`",
    ),
    key(
        "missed",
        r#"{ "enum": ["none", "one", "all"] }"#,
        "停机错过的:不补、补一次、全补",
        "What becomes of missed slots",
    ),
    key("missed_within", TEXT, "错过多久之内才补", "How long a missed slot is of use"),
    key(
        "overlap",
        r#"{ "enum": ["queue", "skip", "allow"] }"#,
        "上一次还没完时:排队、跳过、照开",
        "What becomes of a slot while an earlier run is open",
    ),
    key("webhook", OBJECT, "其他系统调用", "Another system calls"),
    key("files", TEXT, "放进文件夹的文件:inbox/orders/*.csv", "A file in a folder: `inbox/orders/*.csv`"),
    key(
        "per",
        r#"{ "enum": ["file", "row"] }"#,
        "一个文件一件,还是一行一件",
        "A case for each file, or for each row",
    ),
    key("mail", r#"{ "type": ["string", "object"] }"#, "收到邮件", "A mail comes in"),
    key("by_hand", TEXTS, "谁可以手工登记", "Who may enter it by hand"),
    key("each", TEXT, "对列表的每一项各开一件", "A case for each item of a list"),
    key("as", TEXT, "每一项的名字(不写是 item)", "The item's name (`item` where not said)"),
    key("event", TEXT, "发布了这个事件", "This event is published"),
    key(
        "gather",
        TEXT,
        "攒到这些时刻,一并办一件:workday at 16:30",
        "One case of all that came, at these times: `workday at 16:30`",
    ),
    key("complete", TEXTS, "开始之前,谁来补全登记", "Who completes the start form before the run begins"),
    key("where", OBJECT, "带来的内容要符合什么才算", "What the firing must bring"),
    key("with", OBJECT, "怎样填开始的内容", "How the start form is filled"),
    key("publish", TEXT, "不开始新的一件,只发布这个事件", "No run begins: this event is published"),
    key("key", TEXT, "事件的关键字", "The key of that event"),
    key(
        "gap",
        r#"{ "enum": ["after", "skip"] }"#,
        "拨快时没有的那一刻:随后、跳过",
        "What becomes of a time that the clock skips",
    ),
    key(
        "fold",
        r#"{ "enum": ["first", "second", "both"] }"#,
        "拨慢时来两次的那一刻",
        "Which of a time that comes twice",
    ),
    key(
        "holiday",
        r#"{ "enum": ["keep", "skip", "next", "previous"] }"#,
        "遇上休息日:照办、不办、顺延、提前",
        "What becomes of a slot on a day off",
    ),
    key("ahead", TEXT, "提前多久", "So long before it"),
    key("calendar", TEXT, "按哪本日历", "By which calendar"),
];

pub(super) const TABLE: &[Key] = &[
    key("key", LIST, "按哪些列查", "The columns that a call names"),
    key(
        "rows",
        r#"{ "type": "array", "items": { "type": "object" } }"#,
        "各行,从上往下第一行符合的为准",
        "The rows: the first that fits",
    ),
    key("file", TEXT, "表放在 CSV 文件里", "The table is a CSV file"),
];
