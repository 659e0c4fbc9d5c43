//! The help of each command in Chinese.

const ABOUT: &[(&str, &str)] = &[
    ("serve", "在前台运行本目录的守护进程"),
    ("init", "在一个目录里建立驿站的家"),
    ("demo", "演示:四个流程,从触发到结束"),
    ("check", "指出流程文件里的全部错误"),
    ("fmt", "整理流程文件:对齐、拆开过长的内联表"),
    ("read", "用句子说明一个流程:谁做什么,何时做,之后怎样"),
    ("plan", "走一遍流程而不真做:这一件会发的邮件、调用、待办和走哪条路"),
    ("what-if", "如果那时开始:这一件的日程,每个期限和等待是哪天、星期几、第几个工作日"),
    ("test", "试验流程:在虚拟时钟下走一遍流程旁边的测试,什么都不会真的发生"),
    ("schema", "输出流程文件的 JSON Schema,供编辑器补全和解释"),
    ("graph", "画出流程图:SVG、Mermaid 或 DOT"),
    ("run", "手工发起一次运行"),
    ("runs", "列出运行,最新的在前"),
    ("show", "查看一次运行:步骤、结果、在等什么"),
    ("why", "用一句话说明一次运行在等什么"),
    ("cancel", "取消一次运行:流程写明的撤销步骤会执行"),
    ("migrate", "让未结的运行换用流程的新文本"),
    ("workflow", "流程的两个文本有什么差别"),
    ("retry", "重试失败的运行,从失败的步骤或指定的步骤开始"),
    ("tasks", "列出未完成的待办"),
    ("task", "查看、领取、退回、答复一项待办"),
    ("event", "发布一个事件,等它的运行和触发器会收到"),
    ("next", "查看定时触发的下几次时间"),
    ("people", "谁是谁,谁当班,谁上哪个班"),
    ("people show", "一个人是谁,一个组或岗位现在是谁,或者所有人"),
    ("people roster", "值班表一个月里谁上哪个班,哪里空班"),
    ("calendar", "查看工作日历,导入节假日"),
    ("calendar show", "把一个月印出来:哪几天上班、几点到几点、为什么休息"),
    ("calendar import", "把日历软件导出的假日变成工作日历"),
    ("register", "台账:记录、是否完整、导出和导入"),
    ("register list", "列出台账:各有多少行,怎么编号"),
    ("register show", "查看台账的栏目,或一条记录及其更正、作废的经过"),
    ("register find", "查找现在有效的记录:更正过的按更正后的,作废的不算"),
    ("register verify", "检查台账有没有被改动、删除、插入、调换、截断"),
    ("register export", "导出台账:csv 给人看,JSON 带有算哈希用的全部内容"),
    ("register import", "从 csv、JSON、TOML 文件补录;不合的行写回一个文件"),
    ("plugin", "有哪些插件,一个插件提供什么"),
    ("explain", "解释一个代码,例如 YZ0101"),
    ("doctor", "检查本目录和守护进程有没有问题"),
    ("bench steps", "许多运行同时进行,每个由若干空步骤组成,两种载体各测一次"),
    ("reload", "立即重新读取流程、人员和表"),
    ("completions", "输出命令补全脚本"),
    ("bench", "测量每一步的开销"),
    ("plugin list", "列出插件"),
    ("plugin inspect", "查看一个插件文件或一个已装载的插件"),
    ("workflow diff", "运行的文本(或现行文本)与现在的文件有什么差别"),
    ("task show", "查看一项待办:表单、选项、案情"),
    ("task claim", "领取一项待办"),
    ("task release", "退回已领取的待办"),
    ("task pause", "停下一项待办的计时,期限随之后移"),
    ("task resume", "让一项待办的计时继续"),
    ("task due", "给一项待办改期限"),
    ("task answer", "答复一项待办"),
    ("task settle", "对自己走不下去的步骤作出决定"),
];

const ARGUMENTS: &[(&str, &str)] = &[
    ("home", "驿站的家:设置、流程、数据。缺省为向上最近的含 config/yizhan.toml 的目录,再缺省为 /etc/yizhan"),
    ("url", "用 HTTP 访问守护进程,口令取自 $YIZHAN_TOKEN"),
    ("lang", "文字的语言;缺省按系统语言"),
    ("json", "以 JSON 输出,供程序使用"),
    ("by", "以谁的名义,例如 person:li.na"),
    ("input", "JSON 或 TOML 文件,- 为标准输入"),
    ("set", "一个字段:名=文字,或 名:=JSON"),
    ("file", "一个附件字段:名=路径"),
    ("rows", "一个表格字段:名=路径,从 csv、JSON 或 TOML 文件读入各行"),
    ("wait", "等到运行结束"),
    ("calendar", "日历的名字;查看时不写,是设置里的"),
    ("month", "哪个月,如 2026-10;不写是本月"),
    ("ics", "导出的 .ics 文件"),
    ("based_on", "没有说的按哪个日历"),
    ("junit", "把结果写成 CI 读的 JUnit XML"),
    ("filter", "只做名字或文件名里有这些字的测试"),
    ("tests", "测试文件(*.test.toml)的"),
];

/// The command with what is known in Chinese; the rest stays as it is.
pub(super) fn translated(command: clap::Command) -> clap::Command {
    let about = "执行写在 TOML 里的业务流程:发邮件、调系统、写文件、派待办、守期限,并留下全部记录。";
    each(command.about(about), "")
}

fn each(command: clap::Command, path: &str) -> clap::Command {
    let arguments: Vec<String> =
        command.get_arguments().map(|argument| argument.get_id().to_string()).collect();
    let command = arguments.iter().fold(command, |command, id| match of(ARGUMENTS, id) {
        Some(help) => command.mut_arg(id, |argument| argument.help(help).long_help(None::<&str>)),
        None => command,
    });
    let names: Vec<String> = command.get_subcommands().map(|inner| inner.get_name().to_owned()).collect();
    names.iter().fold(command, |command, name| {
        let path = format!("{path} {name}");
        command.mut_subcommand(name, |inner| match of(ABOUT, path.trim_start()) {
            Some(about) => each(inner.about(about).long_about(None::<&str>), &path),
            None => each(inner, &path),
        })
    })
}

fn of(table: &'static [(&str, &str)], name: &str) -> Option<&'static str> {
    table.iter().find(|(known, _)| *known == name).map(|(_, text)| *text)
}
