//! Says what a due time sets off: reminders, rungs, what stops the clock.

use super::Teller;
use crate::expression::Template;
use crate::moment::{Length, Moment, Offset};
use crate::plan::{Clock, Does, Extend, Pause, Rung, RungAt, Small, Work};

impl Teller<'_> {
    /// `due`: where no sentence of the step's work says it.
    pub(super) fn clock(&self, clock: &Clock) -> Vec<String> {
        let due = clock.due.as_ref().map(|due| {
            let due = self.until(due);
            self.pick(format!("期限:{due}。"), format!("Due {due}."))
        });
        let pause = clock.pause.as_ref().map(|pause| match pause {
            Pause::Steps(steps) => {
                let steps: Vec<String> = steps.iter().map(|step| self.step_name(*step)).collect();
                let steps = self.listed(&steps);
                self.pick(
                    format!("{steps}没有办完时,钟不走。"),
                    format!("Its clock stands while {steps} is open."),
                )
            }
            Pause::While(holds) => {
                let holds = self.condition(holds);
                self.pick(format!("{holds}时,钟不走。"), format!("Its clock stands while {holds}."))
            }
        });
        let rungs = clock.rungs.iter().map(|rung| self.rung(rung));
        let extend = clock.extend.as_ref().map(|extend| self.extend(extend));
        due.into_iter().chain(pause).chain(rungs).chain(extend).collect()
    }

    fn extend(&self, extend: &Extend) -> String {
        let granted = match extend.grant.as_ref().map(|grant| &grant.work) {
            Some(Work::Ask(ask)) => {
                let who = self.who(&ask.who);
                self.pick(format!(",须{who}同意"), format!("; {who} grants it"))
            }
            Some(_) | None => String::new(),
        };
        let then = extend.then.as_ref().map(|then| self.small(then));
        let then = then.map(|then| self.pick(format!(";延期后:{then}"), format!("; then: {then}")));
        let then = then.unwrap_or_default();
        self.pick(
            format!("到期以前可以申请延期{granted}{then}。"),
            format!("More time may be asked for before it is due{granted}{then}."),
        )
    }

    fn rung(&self, rung: &Rung) -> String {
        let at = self.at(&rung.at);
        let does = match &rung.does {
            Does::Tell(who) if rung.reminds => {
                let who = self.told(who);
                self.pick(format!("提醒{who}"), format!("{who} is reminded"))
            }
            Does::Tell(who) => {
                let who = self.told(who);
                self.pick(format!("还没有办完的,告诉{who}"), format!("if it is still open, {who} is told"))
            }
            Does::Reassign(who) => {
                let who = self.who(who);
                self.pick(
                    format!("还没有办完的,改由{who}办理"),
                    format!("if it is still open, it is for {who}"),
                )
            }
            Does::Decide(fields) => {
                let fields = self.tree(fields);
                self.pick(
                    format!("还没有办完的,按{fields}办结"),
                    format!("if it is still open, it is decided: {fields}"),
                )
            }
            Does::Act(small) => {
                let small = self.small(small);
                self.pick(format!("还没有办完的,{small}"), format!("if it is still open: {small}"))
            }
        };
        self.pick(format!("{at},{does}。"), format!("{at} {does}."))
    }

    fn small(&self, small: &Small) -> String {
        let title = small.title.as_ref().map(|title| self.text(title));
        let said = title.or_else(|| self.work(&small.work)).unwrap_or_default();
        said.trim_end_matches(['。', '.']).to_owned()
    }

    fn told(&self, who: &[Template]) -> String {
        if who.is_empty() {
            return self.pick("办理的人", "whoever does it");
        }
        let all: Vec<String> = who.iter().map(|one| self.who(std::slice::from_ref(one))).collect();
        self.listed(&all).replace("组的任何一人", "组全体").replace("anybody of", "all of")
    }

    fn at(&self, at: &RungAt) -> String {
        match at {
            RungAt::Due(Offset { before: true, length }) => {
                let length = self.length(*length);
                self.pick(format!("到期前 {length}"), format!("{length} before it is due"))
            }
            RungAt::Due(Offset { length, .. }) if is_none(*length) => self.pick("到期时", "When it is due"),
            RungAt::Due(Offset { length, .. }) => {
                let length = self.length(*length);
                self.pick(format!("过期 {length}"), format!("{length} after it was due"))
            }
            RungAt::Moment(Moment::Length(length)) => {
                let length = self.length(*length);
                self.pick(format!("开始后 {length}"), format!("{length} after it began"))
            }
            RungAt::Moment(moment) => self.until(moment),
            RungAt::Every(pattern) => {
                let slot = self.pattern(pattern);
                self.pick(slot.clone(), format!("At {slot}"))
            }
        }
    }
}

fn is_none(length: Length) -> bool {
    match length {
        Length::Clock(span) | Length::Open(span) => span.ms == 0,
        Length::Days { n, .. } | Length::Workdays(n) => n == 0,
    }
}
