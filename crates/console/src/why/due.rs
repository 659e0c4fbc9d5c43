//! Says of what waits by when it is due, how much is left, what is set off next, and why its clock stands.

use yizhan_workflow::id::{Item, Millis};
use yizhan_workflow::plan::Does;
use yizhan_workflow::run::clock::{Ahead, Stands};
use yizhan_workflow::run::guess::{Guess, guess};
use yizhan_workflow::run::state::ItemState;

use super::Reader;
use crate::house::Language;
use crate::view::spoken;

impl Reader<'_> {
    /// What follows the sentence about an item that waits, before its full stop.
    pub(super) fn time_of(&self, of: Item, state: &ItemState) -> String {
        let clock = state.clock.as_deref();
        let mut said = match state.due {
            Some(due) => self.due(due, state),
            None if self.has_no_due_yet(of) => {
                say!(self, ",期限还没有开始计算", ", and its clock has not begun")
            }
            None => String::new(),
        };
        let Some(clock) = clock else { return said };
        if let Some(Guess { calendar, year }) = guess(self.look.text, self.look.world, of, state) {
            said.push_str(&say!(
                self,
                "(日历“{calendar}”没有 {year} 年的节假日,期限是估计的)",
                " (a guess: the calendar `{calendar}` does not know the holidays of {year})"
            ));
        }
        match &clock.stands {
            Some(stands) => said.push_str(&self.stands(stands)),
            None => said.push_str(&clock.next().map_or_else(String::new, |next| self.next(of, next))),
        }
        said
    }

    fn has_no_due_yet(&self, of: Item) -> bool {
        !of.is_beside() && self.look.text.step(of.step).due().is_some()
    }

    fn due(&self, due: Millis, state: &ItemState) -> String {
        let at = self.clock(due);
        let now = self.look.now;
        if state.late || due <= now {
            let by = self.length(now.0 - due.0);
            return say!(self, ",应于 {at} 前完成,已超时 {by}", ", was due at {at} and is late by {by}");
        }
        let since = state.clock.as_ref().and_then(|clock| clock.stands.as_ref()).map(|stands| stands.since);
        let left = self.length(due.0 - since.unwrap_or(now).0);
        say!(self, ",应于 {at} 前完成(还有 {left})", ", due at {at} (in {left})")
    }

    fn stands(&self, stands: &Stands) -> String {
        let since = self.clock(stands.since);
        let file = stands.file.as_ref().map(|why| self.stopped_by_file(why));
        let person = stands.person.as_ref().map(|person| {
            let by = self.people(&[person.by.to_string()]);
            let reason = spoken(&self.look.sight(), &person.by, &person.reason);
            say!(self, "{by} 暂停:{reason}", "{by} stopped it: {reason}")
        });
        let why = [file, person].into_iter().flatten().collect::<Vec<_>>().join("; ");
        say!(self, ";时钟自 {since} 起停住({why})", "; its clock has stood since {since} ({why})")
    }

    /// The step that is open, by its title; else the expression.
    fn stopped_by_file(&self, why: &str) -> String {
        let step = self.look.text.steps.iter().find(|step| step.path() == why);
        match step {
            Some(step) => {
                let title = step.title.as_ref().filter(|title| title.is_literal());
                let name = title.map_or_else(|| step.id.to_string(), |title| title.source().to_owned());
                say!(self, "“{name}”办理期间", "while “{name}” is open")
            }
            None => say!(self, "{why}", "{why}"),
        }
    }

    fn next(&self, of: Item, next: Ahead) -> String {
        let Some(rung) = self.look.text.step(of.step).rung(next.rung) else { return String::new() };
        let at = self.clock(next.at);
        let who = |names: &[yizhan_workflow::expression::Template]| {
            let names: Vec<String> = names.iter().map(|name| name.source().to_owned()).collect();
            self.people(&names)
        };
        match &rung.does {
            Does::Tell(names) if names.is_empty() => say!(self, ";{at} 催办", "; reminded at {at}"),
            Does::Tell(names) => {
                let who = who(names);
                say!(self, ";{at} 告知 {who}", "; {who} is told at {at}")
            }
            Does::Reassign(names) => {
                let who = who(names);
                say!(self, ";{at} 转给 {who}", "; given to {who} at {at}")
            }
            Does::Decide(_) => say!(self, ";{at} 自动决定", "; decided by itself at {at}"),
            Does::Act(small) => {
                let kind = small.work.kind();
                let title = small.title.as_ref().filter(|title| title.is_literal());
                let what = title.map_or_else(|| kind.to_owned(), |title| title.source().to_owned());
                say!(self, ";{at} 开始“{what}”", "; “{what}” begins at {at}")
            }
        }
    }

    /// Days, hours and minutes, the two largest.
    pub(super) fn length(&self, ms: i64) -> String {
        let minutes = ms / 60_000;
        let (days, hours, rest) = (minutes / 1440, minutes / 60 % 24, minutes % 60);
        let parts = match (days, hours, rest) {
            (0, 0, minutes) => vec![(minutes, "分钟", "min")],
            (0, hours, 0) => vec![(hours, "小时", "h")],
            (0, hours, minutes) => vec![(hours, "小时", "h"), (minutes, "分钟", "min")],
            (days, 0, _) => vec![(days, "天", "d")],
            (days, hours, _) => vec![(days, "天", "d"), (hours, "小时", "h")],
        };
        let said = parts.into_iter().map(|(number, zh, en)| match self.language {
            Language::Zh => format!("{number} {zh}"),
            Language::En => format!("{number} {en}"),
        });
        said.collect::<Vec<_>>().join(" ")
    }
}
