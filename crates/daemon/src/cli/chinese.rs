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
    ("tasks", "列出未完成的待办,逾期的在前,再按期限"),
    ("task", "查看、领取、退回、答复一项待办"),
    ("event", "发布一个事件,等它的运行和触发器会收到"),
    ("next", "查看定时触发的下几次时间"),
    ("people", "谁是谁,谁当班,谁上哪个班"),
    ("people show", "一个人是谁,一个组或岗位现在是谁,或者所有人"),
    ("people roster", "值班表一个月里谁上哪个班,哪里空班"),
    ("account", "谁能登录,程序用的令牌,以及审计"),
    ("account list", "谁有密码,谁登录着"),
    ("account invite", "给 people.toml 里的一个人做一个设密码的链接,用一次作废"),
    ("account shut-out", "收回一个人的密码、登录和令牌"),
    ("account sessions", "谁登录着,从哪里"),
    ("account end", "结束一个登录"),
    ("account tokens", "程序用的令牌"),
    ("account token", "给程序做一个令牌,只显示这一次"),
    ("account revoke", "收回一个令牌"),
    ("account audit", "谁在什么时候从哪里做了什么,新的在前"),
    ("account verify", "审计的每一行是不是原样"),
    ("calendar", "查看工作日历,导入节假日"),
    ("calendar show", "把一个月印出来:哪几天上班、几点到几点、为什么休息"),
    ("calendar import", "把日历软件导出的假日变成工作日历"),
    ("register", "台账:记录、是否完整、导出和导入"),
    ("register list", "列出台账:各有多少行,怎么编号"),
    ("register show", "查看台账的栏目,或一条记录及其更正、作废的经过"),
    ("register find", "查找现在有效的记录:更正过的按更正后的,作废的不算"),
    ("register verify", "检查台账有没有被改动、删除、插入、调换、截断"),
    ("register export", "导出台账:csv 给人看,JSON 带有算哈希用的全部内容"),
    ("register erase", "擦除一笔的保密内容,或所有满了保存期的;台账照样完整"),
    ("register import", "从 csv、xlsx、JSON、TOML 文件补录;不合的行写回一个文件"),
    ("query", "统计运行和待办:多少件、多久、几成按时"),
    ("plugin", "有哪些插件,一个插件提供什么"),
    ("explain", "解释一个代码,例如 YZ0101"),
    ("doctor", "检查本目录和守护进程有没有问题"),
    ("backup", "把整个家备份成一个文件,守护进程照常运行"),
    ("restore", "用备份建一个家,或者看看备份是否完好"),
    ("bench steps", "许多运行同时进行,每个由若干空步骤组成,两种载体各测一次"),
    ("bench fanout", "一步对一千个元素各做一次,两种载体各测一次"),
    ("bench webhook", "经 HTTP 送来带签名的 webhook,每个都是一次运行,落盘后才应答"),
    ("bench timers", "睡着的运行,以及醒来晚多少"),
    ("bench recover", "带着未完的运行重新启动,直到每个都又往下走"),
    ("bench list", "存了许多运行之后的清单和页面"),
    ("bench load", "带着许多流程文件启动,再全部重读一遍"),
    ("bench idle", "无事可做的守护进程"),
    ("reload", "立即重新读取流程、人员和表"),
    ("completions", "输出命令补全脚本"),
    ("bench", "测量这台机器担得起多少"),
    ("plugin list", "列出插件"),
    ("plugin inspect", "查看一个插件文件或一个已装载的插件"),
    ("plugin release", "让崩溃太多次而停用的插件再试"),
    ("workflow diff", "运行的文本(或现行文本)与现在的文件有什么差别"),
    ("task show", "查看一项待办:表单、选项、案情"),
    ("task hand-over", "把一项待办转给别人,以后由他们办"),
    ("task delegate", "请别人代办一项待办,自己仍可以办"),
    ("task comment", "在一项待办上留言"),
    ("task claim", "领取一项待办"),
    ("task release", "退回已领取的待办"),
    ("task draft", "存下填了一半的答复,只有自己看得到;什么都不给则清除"),
    ("clock", "计时:一项待办、一个步骤、整个运行的停表、恢复、改期限、延期"),
    ("clock pause", "停表,期限随之后移"),
    ("clock resume", "恢复计时"),
    ("clock move", "改期限"),
    ("clock extend", "到期以前申请延期"),
    ("trigger", "流程由什么发起:查看、暂停、恢复"),
    ("trigger list", "列出流程由什么发起,哪些暂停了"),
    ("trigger pause", "暂停触发器,恢复以前什么也不由它发起"),
    ("trigger resume", "恢复暂停的触发器,错过的按文件的写法补办"),
    ("task answer", "答复一项待办"),
    ("task settle", "对自己走不下去的步骤作出决定"),
];

const ARGUMENTS: &[(&str, &str)] = &[
    ("home", "驿站的家:设置、流程、数据。缺省为向上最近的含 config/yizhan.toml 的目录,再缺省为 /etc/yizhan"),
    ("url", "用 HTTP 访问守护进程,口令取自 $YIZHAN_TOKEN"),
    ("lang", "文字的语言;缺省按系统语言"),
    ("json", "以 JSON 输出,供程序使用"),
    ("private", "显示保密的值"),
    ("by", "以谁的名义,例如 person:li.na"),
    ("on_behalf_of", "用传真或纸件答复的外部人员(`mail:…`),代其录入"),
    ("draft", "没有另给的字段用 `task draft` 存下的内容"),
    ("paper", "传真或纸件的扫描件,一并存档;可以写多次"),
    ("input", "JSON 或 TOML 文件,- 为标准输入"),
    ("set", "一个字段:名=文字,或 名:=JSON"),
    ("file", "一个附件字段:名=路径"),
    ("of", "待办或运行的编号,`yizhan tasks`、`yizhan runs` 里有"),
    ("step", "运行里的哪个步骤;不写就是运行自己的期限"),
    ("clock move to", "`2026-11-30 18:00`,或只写日期,到那天结束"),
    ("rows", "一个表格字段:名=路径,从 csv、JSON 或 TOML 文件读入各行"),
    ("wait", "等到运行结束"),
    ("calendar", "日历的名字;查看时不写,是设置里的"),
    ("month", "哪个月,如 2026-10;不写是本月"),
    ("ics", "导出的 .ics 文件"),
    ("based_on", "没有说的按哪个日历"),
    ("junit", "把结果写成 CI 读的 JUnit XML"),
    ("filter", "只做名字或文件名里有这些字的测试"),
    ("rows", "一个表格字段:名=路径,各行取自 csv、JSON 或 TOML 文件"),
    ("workflow", "流程的名字,或它的文件"),
    ("run", "运行的编号,或能认出它的开头几位"),
    ("runs", "运行的编号,或能认出它们的开头几位"),
    ("task", "待办的编号,`yizhan tasks` 里有"),
    ("paths", "文件或目录;不写是家里的 `workflows/`"),
    ("output", "写到哪里;不写就是标准输出"),
    ("answers", "各步的答复,JSON 或 TOML"),
    ("limit", "最多列多少"),
    ("cursor", "接着上一页(它的 JSON 里的 `next`)"),
    ("reason", "记在流水里"),
    ("dir", "放在哪个目录"),
    ("most", "最多等多久(`30s`、`2h`)"),
    ("check strict", "有警告也算不合格"),
    ("check format", "错误怎样写出"),
    ("fmt check", "什么都不改,只指出要改的文件"),
    ("graph format", "画成哪一种"),
    ("graph workflow", "流程的名字,或它的文件"),
    ("read file", "流程的文件,或它的名字"),
    ("what-if at", "何时开始,如 `2026-09-30 16:55`;只写日期就从上班时算起"),
    ("what-if late", "每个待办到期限那一刻才答复:得到最晚的日程,不写则是最早的"),
    ("test paths", "测试文件、有测试的流程或目录;不写是家里的 `workflows/`"),
    ("run workflow", "流程的名字,就是文件名"),
    ("run trigger", "当作这个触发器触发"),
    ("run idempotency_key", "同一个键说两次,只开始一次"),
    ("runs workflow", "只看这个流程的"),
    ("runs state", "open、closing、done、failed、cancelled"),
    ("runs key", "只看这个案件的"),
    ("runs text", "只看编号、流程名称或任务标题里有这些词的"),
    ("runs waits", "只看在等这个的:step、child、unknown、task、slot、event、time"),
    ("runs open", "只看未结束的"),
    ("runs late", "只看逾期的:到期限还没有办完,或办完时已经逾期"),
    ("tasks late", "只看逾期的"),
    ("show journal", "从头到尾,一行一行"),
    ("retry from", "从这一步起全部重做"),
    ("migrate to", "哪个文本:它的哈希,或现行的(latest)"),
    ("migrate dry_run", "只说会怎样,什么都不改"),
    ("tasks who", "只看这个人、组或岗位可以办的"),
    ("tasks run", "只看这个运行的"),
    ("event name", "事件的名字,`await` 和触发器里写的"),
    ("event key", "是谁的事:在等它的运行的编号"),
    ("event id", "同一个编号说两次,还是一个事件"),
    ("trigger list workflow", "只看这个流程的"),
    ("trigger pause workflow", "流程的名字"),
    ("trigger resume workflow", "流程的名字"),
    ("trigger pause reason", "为什么;看到这个触发器的人都看得到"),
    ("trigger pause trigger", "触发器的名字;不写就是这个流程的全部"),
    ("trigger resume trigger", "触发器的名字;不写就是这个流程的全部"),
    ("next workflow", "只看这个流程的"),
    ("next days", "往后看多少天"),
    ("explain code", "`错误[…]` 里的代码"),
    ("doctor all", "重演每一个运行的流水,不只是抽查"),
    ("backup file", "新的写好之后才顶替旧的;放在家的外面,最好在另一块盘上"),
    ("backup secrets", "连密钥一起:谁拿到文件,谁就有密钥"),
    ("restore file", "`yizhan backup` 写的文件"),
    ("restore dir", "还没有的目录"),
    ("restore check", "只通读一遍,说是否完好"),
    ("demo once", "各件办完就结束,不留着"),
    ("init dir", "没有就新建;里面已有的不动"),
    ("serve config", "另用一份设置"),
    ("serve log_format", "日志的写法;不写就按设置"),
    ("bench fsync_delay", "每次提交多等这么久:老实的磁盘要 2ms 左右"),
    ("bench dir", "测量时库放在哪里,用完即删"),
    ("bench steps runs", "同时多少个运行"),
    ("bench steps steps", "每个运行多少步"),
    ("bench steps seconds", "每种载体测多少秒"),
    ("bench steps carrier", "只测一种载体"),
    ("bench fanout runs", "同时多少个运行"),
    ("bench fanout each", "每个运行多少个元素"),
    ("bench fanout at_once", "一个运行里同时做多少个"),
    ("bench fanout seconds", "每种载体测多少秒"),
    ("bench fanout carrier", "只测一种载体"),
    ("bench webhook connections", "多少个发送方,各占一条连接,一次送一件"),
    ("bench webhook seconds", "送多少秒"),
    ("bench timers runs", "多少个运行要睡上几年"),
    ("bench timers spread", "多少个运行在二十秒里均匀地醒来"),
    ("bench timers together", "此后有多少个运行在同一秒醒来"),
    ("bench recover runs", "启动时有多少个运行正停在一步当中"),
    ("bench recover steps", "它们此前各做完多少步"),
    ("bench list runs", "九十天里存下多少个运行,二十分之一未完"),
    ("bench list asks", "每个问题问几次"),
    ("bench load files", "多少个流程文件"),
    ("bench idle files", "现行的流程文件有多少个"),
    ("bench idle seconds", "看多少秒"),
    ("to", "交给谁:`person:li.na`、`group:…`、`role:…`,可以几个"),
    ("note", "给接手的人的说明"),
    ("task comment text", "留言的内容"),
    ("task settle verdict", "已经发生(附结果)、再试一次、跳过(附结果)、算失败、就这样"),
    ("people show who", "`person:li.na` 或只写编号,`group:…`、`role:…`"),
    ("people show at", "按什么时候看,如 `2026-10-01 20:00`"),
    ("people roster name", "班表的名字"),
    ("people roster month", "如 `2026-10`;不写就是本月"),
    ("account invite person", "这个人的工号"),
    ("account shut-out person", "这个人的工号"),
    ("account end session", "`yizhan account sessions` 列出的编号"),
    ("account token name", "令牌叫什么"),
    ("account token may", "viewer、worker、operator、author 或 admin"),
    ("account token on", "对哪些流程;不写就是全部"),
    ("account token days", "多少天内有效"),
    ("account token person", "以谁的名义:权限不超过这个人"),
    ("account revoke name", "令牌叫什么"),
    ("register show number", "一笔的编号"),
    ("register show private", "连保密的值一起"),
    ("wanted", "一列和它的值:`card=A-7`,或 `amount:={\"from\": 10}`;可以几个"),
    ("period", "看哪一段时间:`today`、`last month`、`2026-11-01..2026-11-30`"),
    ("register find by", "按哪一列分组;可以几列"),
    ("register find show", "要算什么:`total=sum(amount)`、`n=count`;可以几个"),
    ("register find order", "按哪一列排;`-列名` 从大到小"),
    ("register find first", "只要前几笔"),
    ("query what", "统计什么"),
    ("query by", "按哪一列分组;可以几列"),
    ("query show", "要算什么:`n=count`、`timely=share(in_time)`、`mean=mean(hours)`;可以几个"),
    ("query order", "按哪一列排;`-列名` 从大到小"),
    ("query first", "只要前几行"),
    ("query ended", "时段按结束时间算,不按开始时间"),
    ("query calendar", "按哪个工作日历算 `workhours`;不写就是本单位的"),
    ("history", "每一行都要,照当时写的"),
    ("register import file", "每一列上面写着列名或标题"),
    ("register import dry_run", "只说哪些行不合"),
    ("register import skip_bad", "有的行不合,合的照样写入"),
    ("register import by", "由谁带进来"),
    ("register erase number", "一笔的编号"),
    ("register erase due", "比台账的 `keep` 更早的每一笔"),
    ("register erase why", "原因:写进台账"),
    ("register erase by", "由谁擦除"),
    ("register erase dry_run", "只说是哪些"),
    ("register export format", "写成哪一种"),
    ("register export private", "连保密的值一起"),
    ("register verify register", "只看这一本台账"),
    ("register verify heads", "另存在别处的链头文件,家里自己的之外再比;可以几个"),
    ("register", "台账的名字"),
    ("plugin inspect plugin", "插件的编号,或它的文件"),
    ("plugin release plugin", "插件的编号"),
    ("workflow diff from", "一次运行,或文本的哈希;不写就是现行的文本"),
    ("completions shell", "哪一种命令行:bash、zsh、fish……"),
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
    let said = |id: &str| of(ARGUMENTS, format!("{path} {id}").trim_start()).or_else(|| of(ARGUMENTS, id));
    let command = arguments.iter().fold(command, |command, id| match said(id) {
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

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    fn without(command: &clap::Command, path: &str, found: &mut Vec<String>) {
        let chinese = |text: &str| text.chars().any(|sign| ('\u{4e00}'..'\u{a000}').contains(&sign));
        for argument in command.get_arguments().filter(|argument| !argument.is_hide_set()) {
            let id = argument.get_id().as_str();
            let help = argument.get_help().map(ToString::to_string).unwrap_or_default();
            // The states of a run are words of the API.
            if !["help", "version"].contains(&id)
                && !chinese(&help)
                && format!("{path} {id}") != " runs state"
            {
                found.push(format!("{path} {id}: {help}"));
            }
        }
        for inner in command.get_subcommands().filter(|inner| !inner.is_hide_set()) {
            without(inner, &format!("{path} {}", inner.get_name()), found);
        }
    }

    #[test]
    fn every_argument_of_every_command_is_explained_in_chinese() {
        let mut found = Vec::new();
        without(&translated(super::super::Cli::command()), "", &mut found);
        assert!(found.is_empty(), "{}", found.join("\n"));
    }
}
