//! Says what starts a case.

use super::Teller;
use crate::plan::{FilePer, Publish, Starts, Trigger, WebhookAuth};
use crate::schedule::{Holiday, OfRegister, Pattern, Schedule};

impl Teller<'_> {
    pub(super) fn trigger(&self, trigger: &Trigger) -> String {
        let said = self.occasion(trigger);
        let own = Teller { brought: trigger.each.as_ref(), ..*self };
        let with =
            trigger.with.as_ref().map(|with| own.given(with, &self.workflow.input)).unwrap_or_default();
        let only = trigger.filter.as_ref().map(|filter| self.filter(filter, &self.workflow.input));
        let only = only.map(|only| self.pick(format!(",仅当{only}"), format!(", only if {only}")));
        let each = trigger.each.as_ref().map(|each| {
            let list = self.text(&each.list);
            match trigger.gather {
                None => {
                    self.pick(format!(",对{list}的每一项各办一件"), format!(", a case for each of {list}"))
                }
                Some(_) => self.pick(format!(",取{list}的每一项"), format!(", each of {list}")),
            }
        });
        let gather = trigger.gather.as_ref().map(|gather| {
            let when = self.when(&gather.pattern);
            self.pick(
                format!(",攒到{when}一并办一件,没有就不办"),
                format!("; what has come by then makes one case: {when}, and none where nothing came"),
            )
        });
        let complete = (!trigger.complete.is_empty()).then(|| {
            let who: Vec<String> = trigger.complete.iter().map(|who| self.one_who(who)).collect();
            let who = self.listed(&who);
            self.pick(format!(",先由{who}补全登记"), format!("; {who} completes the form first"))
        });
        let publish = trigger.publish.as_ref().map(|publish| self.publishes(publish));
        let with =
            if with.is_empty() { with } else { self.pick(format!(",{with}"), format!(", with {with}")) };
        let more = [only, each, gather, complete, publish].into_iter().flatten().collect::<String>();
        format!("{said}{more}{with}{}", self.pick("。", "."))
    }

    fn publishes(&self, publish: &Publish) -> String {
        let name = self.text(&publish.name);
        let key = publish.key.as_ref().map(|key| self.text(key));
        let key = key.map(|key| self.pick(format!("(编号 {key})"), format!(" with the key {key}")));
        let key = key.unwrap_or_default();
        self.pick(
            format!(",不开始新的一件,只发布事件「{name}」{key}"),
            format!(": no case begins, the event “{name}”{key} is published"),
        )
    }

    /// `台账「大客户」每条记录的 birthday 那天 08:30,每年一次`.
    fn dates(&self, of: &OfRegister, pattern: &Pattern) -> String {
        let OfRegister { register, date, yearly } = of;
        let time = match pattern {
            Pattern::On { time: Some(time), .. } => format!("{:02}:{:02}", time.hour(), time.minute()),
            Pattern::On { time: None, .. } | Pattern::Every(_) | Pattern::Cron(_) => String::new(),
        };
        let (every, yearly) = if *yearly { (",每年一次", "each year ") } else { ("", "") };
        self.pick(
            format!("台账「{register}」每条记录的 {date} 那天 {time}{every}"),
            format!(
                "{yearly}at {time} on the day that `{date}` of each entry of the register “{register}” names"
            ),
        )
    }

    /// When a schedule fires.
    pub(super) fn by_the_clock(&self, schedule: &Schedule) -> String {
        let when = match &schedule.of {
            Some(of) => self.dates(of, &schedule.pattern),
            None => self.when(&schedule.pattern),
        };
        let (zh, en) = match schedule.holiday {
            Holiday::Keep => ("", ""),
            Holiday::Skip => (",非工作日不做", ", not on days off"),
            Holiday::Next => (",非工作日顺延到下一个工作日", ", on days off on the next working day"),
            Holiday::Previous => (",非工作日提前到上一个工作日", ", on days off on the working day before"),
        };
        let ahead = schedule.ahead.map(|length| self.length(length));
        let ahead = ahead.map(|length| self.pick(format!(",提前 {length}"), format!(", {length} ahead")));
        let more = format!("{}{}", self.pick(zh, en), ahead.unwrap_or_default());
        format!("{when}{more}")
    }

    /// What happens, before anything is made of it.
    pub(super) fn occasion(&self, trigger: &Trigger) -> String {
        match &trigger.starts {
            Starts::Schedule(schedule) => {
                let when = self.by_the_clock(schedule);
                self.pick(format!("定时:{when}"), format!("By the clock: {when}"))
            }
            Starts::Webhook(auth) => {
                let path = format!("/hooks/{}/{}", self.workflow.name, trigger.name);
                let open = *auth == WebhookAuth::None;
                let (zh, en) = if open {
                    ("不核验来历", "from anybody")
                } else {
                    ("核验签名或口令", "signed")
                };
                self.pick(format!("其他系统发到 {path}({zh})"), format!("Another system calls {path} ({en})"))
            }
            Starts::Files { pattern, per } => {
                let (zh, en) = match per {
                    FilePer::File => ("一个文件一件", "a case for each file"),
                    FilePer::Row => ("一行一件", "a case for each row"),
                };
                self.pick(format!("文件放进 {pattern},{zh}"), format!("A file lands at {pattern}: {en}"))
            }
            Starts::Mail(mail) => {
                let (account, folder) = (&mail.account, &mail.folder);
                self.pick(
                    format!("邮箱「{account}」的 {folder} 收到邮件"),
                    format!("A mail comes to “{account}”, {folder}"),
                )
            }
            Starts::Event { name } => {
                self.pick(format!("发布了事件「{name}」"), format!("The event “{name}” is published"))
            }
            Starts::ByHand { who } => {
                let who: Vec<String> = who.iter().map(|who| self.one_who(who)).collect();
                let who = self.listed(&who);
                self.pick(format!("由{who}手工登记"), format!("{who} enters it by hand"))
            }
        }
    }
}
