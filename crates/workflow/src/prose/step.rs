//! Says what a step does, when, by when, and what then.

use super::{Said, Teller};
use crate::expression::{Template, Tree, with_holes};
use crate::form::{Field, Form, Kind, Options};
use crate::id::StepNo;
use crate::moment::Span;
use crate::plan::{
    ActionName, Approve, Ask, BackTo, Choose, Ending, Goes, Limit, Need, OnError, OutcomePattern, Section,
    Step, Undo, Work,
};
use crate::problem::Lang;

/// What an answer that `on` names by its code is called.
#[must_use]
pub fn answer(field: &Field, code: &str, language: Lang) -> String {
    if let Options::Fixed(all) = &field.options
        && let Some(option) = all.iter().find(|one| &*one.code == code)
    {
        return option.label.to_string();
    }
    let (zh, en) = match (field.kind, code) {
        (Kind::Yesno, "yes") => ("是", "yes"),
        (Kind::Yesno, "no") => ("否", "no"),
        (Kind::Checklist, "complete") => ("齐全", "complete"),
        (Kind::Checklist, "missing") => ("不全", "incomplete"),
        (Kind::Signature, "signed") => ("已签", "signed"),
        (Kind::Signature, "refused") => ("拒签", "refused"),
        _ => return code.to_owned(),
    };
    match language {
        Lang::Zh => zh.to_owned(),
        Lang::En => en.to_owned(),
    }
}

/// Sentences are put together from phrases, and begin with a capital.
fn capital(sentence: String) -> String {
    let mut letters = sentence.chars();
    match letters.next() {
        Some(first) => first.to_uppercase().chain(letters).collect(),
        None => sentence,
    }
}

impl Teller<'_> {
    /// The steps and those that they hold, with their numbers.
    pub(super) fn steps(&self, numbers: &[StepNo], above: &str, said: &mut Vec<Said>) {
        for (at, no) in numbers.iter().enumerate() {
            let own = Teller { at: Some(*no), brought: None, ..*self };
            let step = self.workflow.step(*no);
            let number = format!("{above}{}", at + 1);
            let title = step.title.as_ref().map_or_else(|| step.id.to_string(), |title| own.text(title));
            let before = at.checked_sub(1).map(|before| numbers[before]);
            let sentences = own.sentences(*no, before);
            let sentences = sentences.into_iter().map(capital).collect();
            said.push(Said { number: number.clone(), step: step.path().into_owned(), title, sentences });
            self.steps(self.workflow.steps_in(Some(*no)), &format!("{number}."), said);
        }
    }

    fn sentences(&self, no: StepNo, before: Option<StepNo>) -> Vec<String> {
        let step = self.workflow.step(no);
        let mut said = Vec::new();
        said.extend(step.note.clone());
        said.extend(self.order(step, before));
        if let Some(calendar) = &step.calendar {
            said.push(self.pick(
                format!("工作日按日历「{calendar}」。"),
                format!("Its working days are those of the calendar “{calendar}”."),
            ));
        }
        if let Some(hours) = &step.hours {
            said.push(self.pick(
                format!("只在日历「{hours}」的上班时间。"),
                format!("Only in the hours of the calendar “{hours}”."),
            ));
        }
        if let Some(when) = &step.when {
            let when = self.condition(when);
            said.push(self.pick(
                format!("只有{when}时才做,否则跳过。"),
                format!("Only if {when}; else it is skipped."),
            ));
        }
        if let Some(each) = &step.each {
            let list = self.text(&each.list);
            let most = each.at_once.map(|most| match most {
                1 => self.pick(",一项做完再做下一项", ", one after the other"),
                most => self.pick(format!(",同时最多 {most} 项"), format!(", at most {most} at once")),
            });
            let most = most.unwrap_or_default();
            said.push(self.pick(
                format!("对{list}的每一项各做一次{most}。"),
                format!("Once for each of {list}{most}."),
            ));
        }
        said.extend(step.limit.as_ref().map(|limit| self.limit(limit)));
        said.extend(self.guard(step));
        said.extend(self.work_and_clock(step));
        said.extend(step.on.iter().map(|on| {
            let outcome = self.outcome(step, &on.outcome);
            let then = self.goes(&on.goes);
            self.pick(format!("{outcome}:{then}。"), format!("{outcome}: {then}."))
        }));
        if let Work::Check { .. } = &step.work
            && !step.on.iter().any(|on| matches!(&on.outcome, OutcomePattern::Word(word) if &**word == "no"))
        {
            let title = step.title.as_ref().map_or_else(|| step.id.to_string(), |title| self.text(title));
            said.push(self.pick(
                format!("不成立:取消整个流程,原因「{title}」。"),
                format!("If not: all is cancelled, because “{title}”."),
            ));
        }
        said.extend(self.on_error(step));
        said.extend(step.undo.as_ref().map(|undo| self.undo(undo)));
        said
    }

    /// What a step holds is said behind it.
    fn work_and_clock(&self, step: &Step) -> Vec<String> {
        let clock = step.clock.iter().flat_map(|clock| self.clock(clock));
        match (&step.work, self.work(&step.work)) {
            (Work::Hold { .. }, work) => clock.chain(work).collect(),
            (_, work) => work.into_iter().chain(clock).collect(),
        }
    }

    pub(super) fn limit(&self, limit: &Limit) -> String {
        let most = limit
            .most
            .map(|most| self.pick(format!("同时最多 {most} 个在做"), format!("at most {most} at once")));
        let rate = limit.rate.map(|rate| {
            let span = self.span(Span { ms: rate.per_ms });
            self.pick(
                format!("每{span}最多开始 {} 个", rate.times),
                format!("at most {} within {span}", rate.times),
            )
        });
        let all: Vec<String> = most.into_iter().chain(rate).collect();
        let all = all.join(&self.pick(",", ", "));
        let whom = match &limit.key {
            None => self.pick("所有案件合起来".to_owned(), "over all cases".to_owned()),
            Some(key) => {
                let key = self.text(key);
                self.pick(format!("{key}相同的合起来"), format!("over all with the same {key}"))
            }
        };
        let first = match &limit.priority {
            None => self.pick("先到先做".to_owned(), "first come, first served".to_owned()),
            Some(priority) => {
                let priority = self.text(priority);
                self.pick(
                    format!("{priority}大的先做,一样大的先到先做"),
                    format!("the highest {priority} first, then who came first"),
                )
            }
        };
        self.pick(format!("{whom},{all},{first}。"), format!("{all} {whom}, {first}."))
    }

    /// Nothing where it simply follows the step above.
    fn order(&self, step: &Step, before: Option<StepNo>) -> Option<String> {
        if step.needs.as_slice() == before.as_slice() {
            return None;
        }
        if step.needs.is_empty() {
            return Some(self.pick("一开始就做,不等别的步骤。", "At once, beside the others."));
        }
        let needs: Vec<String> = step.needs.iter().map(|need| self.step_name(*need)).collect();
        let needs = self.listed(&needs);
        if step.first_is_enough {
            return Some(self.pick(
                format!("{needs}中有一个办完就开始,其余的撤回。"),
                format!("Begins when the first of {needs} is over; the others are withdrawn."),
            ));
        }
        if before.is_some_and(|before| !step.before.contains(&before)) {
            return Some(self.pick(
                format!("{needs}办完就开始,不等上一步。"),
                format!("Begins when {needs} is over, beside the step above."),
            ));
        }
        Some(self.pick(format!("{needs}都办完后开始。"), format!("Begins when {needs} are over.")))
    }

    pub(super) fn work(&self, work: &Work) -> Option<String> {
        Some(match work {
            Work::Use { action, with } => self.action(action, with),
            Work::Ask(ask) => self.ask(ask),
            Work::Wait { until } => {
                let until = self.until(until);
                self.pick(format!("等待:{until}。"), format!("Waits: {until}."))
            }
            Work::Await(event) => {
                let name = self.text(&event.event);
                let only = event.filter.as_ref().map(|filter| self.filter(filter, &Form::default()));
                let only = only.filter(|only| !only.is_empty());
                let only = only.map_or_else(String::new, |only| {
                    self.pick(format!("(仅当 {only})"), format!(" (only if {only})"))
                });
                let due = event.due.as_ref().map(|due| self.until(due));
                let due = due.map(|due| self.pick(format!("。期限:{due}"), format!(". Due {due}")));
                let due = due.unwrap_or_default();
                self.pick(
                    format!("等待事件「{name}」{only}{due}。"),
                    format!("Waits for the event “{name}”{only}{due}."),
                )
            }
            Work::Run { workflow, with, detach: true } => {
                let given = self.given(with, &Form::default());
                self.pick(
                    format!("另开流程「{workflow}」,不等它结束({given})。"),
                    format!("Starts the workflow “{workflow}” and does not wait for it ({given})."),
                )
            }
            Work::Run { workflow, with, detach: false } => {
                let given = self.given(with, &Form::default());
                self.pick(
                    format!("另开流程「{workflow}」并等它结束({given})。"),
                    format!("Starts the workflow “{workflow}” and waits for its end ({given})."),
                )
            }
            Work::Check { holds } => {
                let holds = self.condition(holds);
                self.pick(format!("核对:{holds}。"), format!("Checks that {holds}."))
            }
            Work::End { ending } => {
                let ending = self.ending(ending);
                self.pick(format!("到此{ending}。"), format!("Here {ending}."))
            }
            Work::Hold { .. } => self.pick("依次做下面各步:", "These steps:"),
        })
    }

    fn chosen(&self, ask: &Ask) -> String {
        let who = self.who(&ask.who);
        match ask.choose {
            None => who,
            Some(Choose::Fewest) => {
                self.pick(format!("{who}中待办最少的一位"), format!("whoever has fewest tasks: {who}"))
            }
            Some(Choose::InTurn) => {
                self.pick(format!("{who}中轮到的一位"), format!("whoever's turn it is: {who}"))
            }
        }
    }

    fn ask(&self, ask: &Ask) -> String {
        let who = match &ask.approve {
            Some(approve) => return self.approval(ask, approve),
            None => self.chosen(ask),
        };
        let not = self.but(ask);
        let fields = self.listed(&self.fields(&ask.form, false));
        let fields = match fields.is_empty() {
            true => String::new(),
            false => self.pick(format!(",填写{fields}"), format!(" and gives {fields}")),
        };
        let due = ask.due.as_ref().map(|due| self.until(due));
        let due = due.map(|due| self.pick(format!("。期限:{due}"), format!(". Due {due}")));
        let due = due.unwrap_or_default();
        self.pick(format!("由{who}办理{not}{fields}{due}。"), format!("{who} does it{not}{fields}{due}."))
    }

    /// Who must keep out.
    fn but(&self, ask: &Ask) -> String {
        if ask.not.is_empty() {
            return String::new();
        }
        let who = self.who(&ask.not);
        self.pick(format!("({who}回避)"), format!(" (but not {who})"))
    }

    fn approval(&self, ask: &Ask, approve: &Approve) -> String {
        let mut stages: Vec<(u16, Vec<String>)> = Vec::new();
        for signer in &approve.signers {
            let mut who = self.who(&signer.who);
            if let Some(when) = &signer.when {
                let when = self.condition(when);
                who = self.pick(format!("{who}({when}时)"), format!("{who} (if {when})"));
            }
            match stages.last_mut().filter(|(stage, _)| *stage == signer.stage) {
                Some((_, of_stage)) => of_stage.push(who),
                None => stages.push((signer.stage, vec![who])),
            }
        }
        let stages: Vec<String> = stages.into_iter().map(|(_, who)| self.listed(&who)).collect();
        let who = stages.join(&self.pick(",然后", ", then "));
        let each = stages.len() > 1 && approve.need != Need::InOrder;
        let rule = match approve.need {
            Need::One => self.pick("有一人同意即可", "one of them is enough"),
            Need::All | Need::InOrder => self.pick("全部同意才算", "all of them must approve"),
            Need::Count(count) => {
                self.pick(format!("有 {count} 人同意即可"), format!("{count} of them are enough"))
            }
        };
        let rule =
            if each { self.pick(format!("每一级{rule}"), format!("{rule} in each stage")) } else { rule };
        let not = self.but(ask);
        let due = ask.due.as_ref().map(|due| self.until(due));
        let due = due.map(|due| self.pick(format!("。期限:{due}"), format!(". Due {due}")));
        let due = due.unwrap_or_default();
        self.pick(format!("请{who}审批{not},{rule}{due}。"), format!("{who} approve it{not}; {rule}{due}."))
    }

    fn action(&self, action: &ActionName, with: &Tree) -> String {
        let value = |key: &str| match with {
            Tree::Map(entries) => entries.iter().find(|(name, _)| &**name == key).map(|(_, value)| value),
            Tree::Json(_) | Tree::Text(_) | Tree::List(_) => None,
        };
        let said = |key: &str| value(key).map(|value| self.tree(value)).unwrap_or_default();
        let one = |who: &Tree| match who {
            Tree::Text(who) if who.is_literal() => self.all_of(who.source()),
            Tree::Text(who) if who.source().starts_with("group:") => {
                self.all_of(&with_holes(who.source(), self))
            }
            Tree::Text(who) => self.who(std::slice::from_ref(who)),
            other @ (Tree::Json(_) | Tree::List(_) | Tree::Map(_)) => self.tree(other),
        };
        let whom = |key: &str| match value(key) {
            Some(Tree::List(all)) => self.listed(&all.iter().map(one).collect::<Vec<_>>()),
            other => other.map(one).unwrap_or_default(),
        };
        match (&*action.plugin, &*action.action) {
            ("email", "send") => {
                let (to, subject) = (
                    whom("to").replace("组的任何一人", "组全体").replace("anybody of", "all of"),
                    said("subject"),
                );
                self.pick(format!("自动发邮件给{to}:{subject}。"), format!("Mails {to}: {subject}."))
            }
            ("webhook", "call") => {
                let (method, url) = (said("method"), said("url"));
                self.pick(format!("自动调用 {method} {url}。"), format!("Calls {method} {url}."))
            }
            ("file", name) => {
                let path = if value("path").is_some() { said("path") } else { said("from") };
                let (zh, en) = match name {
                    "append" => ("在文件末尾添一行", "Adds a line to the file"),
                    "write" => ("写文件", "Writes the file"),
                    "read" => ("读文件", "Reads the file"),
                    "list" => ("列出文件夹", "Lists the folder"),
                    "delete" => ("删除文件", "Deletes the file"),
                    "archive" => ("归档文件", "Archives the file"),
                    "copy" => ("复制文件", "Copies the file"),
                    "move" => ("移动文件", "Moves the file"),
                    _ => ("处理文件", "Works on the file"),
                };
                self.pick(format!("自动{zh}:{path}。"), format!("{en} {path}."))
            }
            ("query", name) => {
                let (zh, en) = if name == "tasks" { ("待办", "tasks") } else { ("运行", "runs") };
                self.pick(format!("自动统计{zh}。"), format!("Counts and measures {en}."))
            }
            ("register", name @ ("append" | "amend" | "void")) => self.entry(name, &said("register")),
            ("register", name @ ("find" | "count")) => {
                self.looked_up(name, &said("register"), value("where"))
            }
            _ => {
                let keys = self.tree(with);
                self.pick(format!("自动执行 {action}({keys})。"), format!("Does {action} ({keys})."))
            }
        }
    }

    fn entry(&self, does: &str, register: &str) -> String {
        let (zh, en) = match does {
            "append" => ("登记一条", "Enters a line in"),
            "amend" => ("补登、更正", "Amends an entry of"),
            _ => ("作废登记", "Makes an entry void in"),
        };
        self.pick(format!("自动在台账「{register}」{zh}。"), format!("{en} the register “{register}”."))
    }

    fn looked_up(&self, does: &str, register: &str, only: Option<&Tree>) -> String {
        let none = Form::default();
        let form = self.registers.register(register).map_or(&none, |register| &register.form);
        let only = only.map(|only| self.filter(only, form)).filter(|only| !only.is_empty());
        let only =
            only.map_or_else(String::new, |only| self.pick(format!("({only})"), format!(" where {only}")));
        match does {
            "count" => self.pick(
                format!("自动数台账「{register}」里的记录{only}。"),
                format!("Counts the entries of the register “{register}”{only}."),
            ),
            _ => self.pick(
                format!("自动查台账「{register}」里的记录{only}。"),
                format!("Looks for entries of the register “{register}”{only}."),
            ),
        }
    }

    fn outcome(&self, step: &Step, outcome: &OutcomePattern) -> String {
        match outcome {
            OutcomePattern::Word(word) => match (&**word, &step.work) {
                ("no", _) => self.pick("不成立", "If not"),
                ("yes", _) => self.pick("成立", "If so"),
                ("approved", _) => self.pick("获准后", "When approved"),
                ("refused", Work::Use { action, .. }) if &*action.plugin == "register" => {
                    self.pick("没有登记成时", "If it is not entered")
                }
                ("refused", Work::Use { .. }) => self.pick("被拒绝时", "If refused"),
                ("refused", _) => self.pick("不同意时", "If refused"),
                ("late", _) => self.pick("到期还没办完", "If it is late"),
                ("done", _) => self.pick("办完后", "When done"),
                (word, _) => self.pick(format!("结果为「{word}」时"), format!("If it ends “{word}”")),
            },
            OutcomePattern::Field { field, value } => {
                let form = if let Work::Ask(ask) = &step.work { Some(&ask.form) } else { None };
                let known = form.and_then(|form| form.field(field));
                let label = known.map_or(&**field, Field::label);
                let option =
                    known.map_or_else(|| value.to_string(), |known| answer(known, value, self.language));
                self.pick(format!("「{label}」为「{option}」时"), format!("If “{label}” is “{option}”"))
            }
        }
    }

    fn goes(&self, goes: &Goes) -> String {
        match goes {
            Goes::Back(back) => self.back(back),
            Goes::End(ending) => self.ending(ending),
        }
    }

    fn back(&self, back: &BackTo) -> String {
        let target = self.step_name(back.target);
        let after = back.after.map(|after| self.span(after));
        let after = after
            .map(|after| self.pick(format!("过 {after}后"), format!("after {after} ")))
            .unwrap_or_default();
        let mut said = self.pick(
            format!("{after}退回{target},从那里重做"),
            format!("{after}back to {target}, and again from there"),
        );
        if let Some(most) = back.most {
            let then = match &back.then {
                Some(then) => self.ending(then),
                None => self.pick("请负责人决定", "its owner decides"),
            };
            said.push_str(&self.pick(
                format!(",最多 {most} 次;再多则{then}"),
                format!(", at most {most} times; then {then}"),
            ));
        }
        said
    }

    fn ending(&self, ending: &Ending) -> String {
        match ending {
            Ending::Done { outcome } if &**outcome == "done" => self.pick("结束", "it is over"),
            Ending::Done { outcome } => {
                self.pick(format!("结束,结果「{outcome}」"), format!("it is over: “{outcome}”"))
            }
            Ending::Cancel { reason } => self.pick(
                format!("取消并撤销已做的,原因「{reason}」"),
                format!("it is cancelled and taken back, because “{reason}”"),
            ),
            Ending::Fail { reason } => self.pick(
                format!("按失败处理,撤销已做的,原因「{reason}」"),
                format!("it fails and is taken back, because “{reason}”"),
            ),
        }
    }

    fn on_error(&self, step: &Step) -> Vec<String> {
        let mut said = Vec::new();
        if let Some(retry) = step.retry.filter(|retry| retry.times > 0) {
            let (times, first) = (retry.times, self.span(retry.first));
            said.push(self.pick(
                format!("没办成会自动再试,最多 {times} 次,首次间隔 {first}。"),
                format!("Tried again up to {times} times, first after {first}."),
            ));
        }
        let usual = match step.section {
            Section::Main => &self.workflow.whole.on_error,
            // Of the closing sections that goes without saying.
            Section::OnCancel | Section::OnFailure => &OnError::Continue,
        };
        match &step.on_error {
            // The file says it of all its steps.
            own if std::mem::discriminant(own) == std::mem::discriminant(usual) => {}
            OnError::Fail => {
                said.push(self.pick("办不成就按失败处理。", "If it fails, what it stands in fails."));
            }
            OnError::Continue => {
                said.push(self.pick("办不成也继续往下走。", "If it fails, the flow goes on."))
            }
            OnError::Ask => said.push(self.pick(
                "办不成时请负责人决定:再办、跳过或算失败。",
                "If it fails, the owner says how to go on: again, skip it, or fail.",
            )),
            OnError::BackTo(back) => {
                let back = self.back(back);
                said.push(self.pick(format!("办不成:{back}。"), format!("If it fails: {back}.")));
            }
        }
        said
    }

    fn undo(&self, undo: &Undo) -> String {
        let work = undo.title.as_ref().map(|title: &Template| self.text(title));
        let work = work.or_else(|| self.work(&undo.work)).unwrap_or_default();
        let work = work.trim_end_matches(['。', '.']);
        match undo.keep {
            true => self.pick(
                format!("流程取消或失败时撤销:{work}。"),
                format!("Taken back if the run is cancelled or fails: {work}."),
            ),
            false => self.pick(
                format!("流程取消、失败或退回到此步之前时撤销:{work}。"),
                format!("Taken back if the run is cancelled, fails or goes back: {work}."),
            ),
        }
    }
}
