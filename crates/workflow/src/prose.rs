//! Says a workflow in sentences, for those who know the process and not the language.

use std::sync::Arc;

use serde::Serialize;

use crate::expression::{Dictionary, Template, Tree, condition, phrase, with_holes};
use crate::form::{Field, Form, Kind, Options, Required, Witness};
use crate::id::StepNo;
use crate::plan::{Each, Let, OnDuplicate, OnError, Section, Starts, Trigger, Work, Workflow};
use crate::problem::Lang;
use crate::register::{Register, Registers};

mod clock;
mod filter;
mod guard;
mod step;
mod time;
mod trigger;
mod when;

pub use step::answer;

#[cfg(test)]
mod tests;

/// A workflow as a person reads it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Reading {
    pub name: String,
    pub title: String,
    /// Whose it is, and what makes two cases one.
    pub about: Vec<String>,
    pub starts: Vec<String>,
    /// The start form, a field each.
    pub input: Vec<String>,
    pub steps: Vec<Said>,
    pub on_cancel: Vec<Said>,
    pub on_failure: Vec<Said>,
}

/// One step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Said {
    /// `3.1`: the first step that the third holds.
    pub number: String,
    pub step: String,
    pub title: String,
    pub sentences: Vec<String>,
}

/// The workflow in that language; `registers` know what its columns are called.
#[must_use]
pub fn reading(workflow: &Workflow, registers: &Registers, language: Lang) -> Reading {
    let teller = Teller { workflow, registers, language, at: None, brought: None };
    let steps = |section: Section| {
        let first =
            |no: &StepNo| workflow.step(*no).section == section && workflow.step(*no).holder.is_none();
        let numbers: Vec<StepNo> = workflow.numbers().filter(first).collect();
        let mut said = Vec::new();
        teller.steps(&numbers, "", &mut said);
        said
    };
    Reading {
        name: workflow.name.to_string(),
        title: workflow.title.clone(),
        about: teller.about(),
        starts: workflow.triggers.iter().map(|trigger| teller.trigger(trigger)).collect(),
        input: teller.fields(&workflow.input, true),
        steps: steps(Section::Main),
        on_cancel: steps(Section::OnCancel),
        on_failure: steps(Section::OnFailure),
    }
}

/// What starts a trigger, in words: of a schedule when it fires.
#[must_use]
pub fn occasion(workflow: &Workflow, registers: &Registers, trigger: &Trigger, language: Lang) -> String {
    let teller = Teller { workflow, registers, language, at: None, brought: None };
    match &trigger.starts {
        Starts::Schedule(schedule) => teller.by_the_clock(schedule),
        Starts::Webhook(_)
        | Starts::Files { .. }
        | Starts::Mail(_)
        | Starts::ByHand { .. }
        | Starts::Event { .. } => teller.occasion(trigger),
    }
}

impl Reading {
    /// As one text.
    #[must_use]
    pub fn text(&self, language: Lang) -> String {
        let pick = |zh, en| if language == Lang::Zh { zh } else { en };
        let mut lines = vec![format!("{} ({})", self.title, self.name)];
        lines.extend(self.about.iter().cloned());
        let mut list = |head: &str, items: &[String]| {
            if !items.is_empty() {
                lines.extend([String::new(), head.to_owned()]);
                lines.extend(items.iter().map(|item| format!("  - {item}")));
            }
        };
        list(pick("怎样开始", "How it begins"), &self.starts);
        list(pick("开始时要知道", "What must be known"), &self.input);
        let parts = [
            (pick("步骤", "Steps"), &self.steps),
            (pick("取消时", "When it is cancelled"), &self.on_cancel),
            (pick("失败时", "When it fails"), &self.on_failure),
        ];
        for (head, steps) in parts.into_iter().filter(|(_, steps)| !steps.is_empty()) {
            lines.extend([String::new(), head.to_owned()]);
            for step in steps {
                let indent = "   ".repeat(step.number.matches('.').count());
                lines.push(format!("{indent}{}. {}  [{}]", step.number, step.title, step.step));
                lines.extend(step.sentences.iter().map(|sentence| format!("{indent}   {sentence}")));
            }
        }
        lines.join("\n")
    }
}

/// Knows the file's names, and the language.
struct Teller<'w> {
    workflow: &'w Workflow,
    registers: &'w Registers,
    language: Lang,
    /// Whose names hold: the step that is told, then those that hold it.
    at: Option<StepNo>,
    /// The list of the trigger that is told.
    brought: Option<&'w Each>,
}

impl Teller<'_> {
    fn pick(&self, zh: impl Into<String>, en: impl Into<String>) -> String {
        match self.language {
            Lang::Zh => zh.into(),
            Lang::En => en.into(),
        }
    }

    fn quoted(&self, text: &str) -> String {
        self.pick(format!("「{text}」"), format!("“{text}”"))
    }

    fn listed(&self, items: &[String]) -> String {
        items.join(&self.pick("、", ", "))
    }

    fn text(&self, template: &Template) -> String {
        match template.expression() {
            Some(expression) => phrase(expression.source(), self),
            None => with_holes(template.source(), self),
        }
    }

    fn condition(&self, expression: &crate::expression::Expression) -> String {
        condition(expression.source(), self)
    }

    /// How other sentences call a step: its title as far as it is the same for all cases.
    fn step_name(&self, no: StepNo) -> String {
        let step = self.workflow.step(no);
        let title = step.title.as_ref().map(Template::source).unwrap_or_default();
        let fixed = title.split("{{").next().unwrap_or_default();
        let fixed = fixed.trim_end_matches(|letter: char| !letter.is_alphanumeric());
        self.quoted(if fixed.chars().count() > 1 { fixed } else { &step.id })
    }

    /// What a name of `let` stands for, where that is a text.
    fn fixed(&self, name: &str) -> Option<&str> {
        let found = self.lets().find(|own| &*own.name == name)?;
        match &found.value {
            Tree::Text(template) if template.expression().is_none() => Some(template.source()),
            Tree::Text(_) | Tree::Json(_) | Tree::List(_) | Tree::Map(_) => None,
        }
    }

    /// The names that hold here, the innermost first.
    fn lets(&self) -> impl Iterator<Item = &Let> {
        let own = self.at.into_iter().flat_map(|at| {
            let steps = std::iter::once(at).chain(self.workflow.holders(at));
            steps.flat_map(|no| self.workflow.step(no).lets.iter())
        });
        own.chain(self.workflow.lets.iter())
    }

    fn about(&self) -> Vec<String> {
        let workflow = self.workflow;
        let mut said = Vec::new();
        said.extend(workflow.note.clone());
        if let Some(owner) = &workflow.owner {
            let owner = self.all_of(owner);
            said.push(self.pick(format!("负责:{owner}。"), format!("Owned by {owner}.")));
        }
        said.extend(match workflow.whole.on_error {
            OnError::Ask => Some(self.pick(
                "哪一步办不成,都请负责人决定:再办、跳过或算失败;另有说明的照说明。",
                "If a step fails, the owner says how to go on: again, skip it, or fail; unless the step says otherwise.",
            )),
            OnError::Continue => Some(self.pick(
                "哪一步办不成,都继续往下走;另有说明的照说明。",
                "If a step fails, the flow goes on; unless the step says otherwise.",
            )),
            OnError::Fail | OnError::BackTo(_) => None,
        });
        if let Some(readers) = self.readers(&workflow.whole) {
            said.push(self.pick(
                format!("除参与的人外,只有{readers}可以看。"),
                format!("Beside those who take part, only {readers} may see it."),
            ));
        }
        if let Some(calendar) = &workflow.calendar {
            said.push(self.pick(
                format!("工作日按日历「{calendar}」。"),
                format!("Working days are those of the calendar “{calendar}”."),
            ));
        }
        said.extend(workflow.whole.limit.iter().map(|limit| self.limit(limit)));
        said.extend(workflow.whole.clock.iter().flat_map(|clock| self.clock(clock)));
        if !workflow.implements.is_empty() {
            let processes = self.listed(&workflow.implements);
            said.push(self.pick(format!("落实的制度:{processes}。"), format!("Stands for {processes}.")));
        }
        if let Some(key) = &workflow.key {
            let key = self.text(key);
            let (zh, en) = match workflow.on_duplicate {
                OnDuplicate::Allow => ("", ""),
                OnDuplicate::Join => {
                    (";已有未结的一件时,新来的并入它", "; what comes while one is open joins it")
                }
                OnDuplicate::Reject => (";已有一件时,不再受理", "; while there is one, no other is taken"),
            };
            said.push(
                self.pick(
                    format!("同一件事:以{key}辨认{zh}。"),
                    format!("Cases are told apart by {key}{en}."),
                ),
            );
        }
        said
    }

    /// What a trigger or a child is given: `类别 = …`.
    fn given(&self, with: &Tree, form: &Form) -> String {
        let Tree::Map(entries) = with else { return String::new() };
        let one = |(name, value): &(Arc<str>, Tree)| {
            let field = form.field(name);
            let label = field.map_or(&**name, Field::label);
            let value = self.tree(value);
            let option = field.and_then(|field| label_of(field, &value));
            format!("{label} = {}", option.unwrap_or(value))
        };
        self.listed(&entries.iter().map(one).collect::<Vec<_>>())
    }

    /// A value of `with` in short.
    fn tree(&self, tree: &Tree) -> String {
        match tree {
            Tree::Json(json) => json.trim_matches('"').to_owned(),
            Tree::Text(template) => self.text(template),
            Tree::List(items) => self.listed(&items.iter().map(|item| self.tree(item)).collect::<Vec<_>>()),
            Tree::Map(entries) => {
                let names: Vec<String> = entries.iter().map(|(name, _)| name.to_string()).collect();
                self.listed(&names)
            }
        }
    }

    /// `group:热线` as a person says it.
    fn one_who(&self, who: &str) -> String {
        match who.split_once(':') {
            Some(("group", name)) => {
                self.pick(format!("「{name}」组的任何一人"), format!("anybody of “{name}”"))
            }
            Some(("role", name)) => self.pick(format!("「{name}」"), format!("the “{name}” on duty")),
            Some((_, name)) => self.pick(format!("「{name}」"), format!("“{name}”")),
            None if who == "starter" => self.pick("发起人", "whoever started it"),
            None => who.to_owned(),
        }
    }

    /// The same, of what is everybody's.
    fn all_of(&self, who: &str) -> String {
        match who.split_once(':') {
            Some(("group", name)) => self.pick(format!("「{name}」组"), format!("the group “{name}”")),
            _ => self.one_who(who),
        }
    }

    fn who(&self, who: &[Template]) -> String {
        let one = |who: &Template| match who.source().split_once(':') {
            Some((kind, _)) if who.is_literal() || !kind.contains("{{") => {
                self.one_who(&with_holes(who.source(), self))
            }
            _ if who.is_literal() => self.one_who(who.source()),
            _ => self.text(who),
        };
        let all: Vec<String> = who.iter().map(one).collect();
        all.join(&self.pick("或", " or "))
    }

    /// The fields that are asked, each as a phrase.
    fn fields(&self, form: &Form, long: bool) -> Vec<String> {
        let asked = form.fields.iter().filter(|field| field.value.is_none() || field.kind == Kind::Table);
        asked.map(|field| self.field(field, long)).collect()
    }

    fn field(&self, field: &Field, long: bool) -> String {
        let mut notes = Vec::new();
        match (&field.options, field.kind) {
            (Options::Fixed(choices), _) => {
                let labels: Vec<String> = choices.iter().map(|choice| choice.label.to_string()).collect();
                notes.push(labels.join(" / "));
            }
            (Options::Worked(_), _) => {}
            (Options::None, Kind::Yesno) => notes.push(self.pick("是 / 否", "yes / no")),
            (Options::None, Kind::Table) => notes.push(self.rows(field)),
            (Options::None, Kind::Signature) => notes.push(self.signature(field)),
            (Options::None, _) if long => notes.push(self.kind(field.kind)),
            (Options::None, _) => {}
        }
        match &field.required {
            Required::Always(true) => {}
            Required::Always(false) => notes.push(self.pick("可不填", "may stay empty")),
            Required::Worked(when) => {
                let when = when.expression().map(|when| self.condition(when)).unwrap_or_default();
                notes.push(self.pick(format!("{when}时必填"), format!("required if {when}")));
            }
        }
        if let Some(when) = &field.when {
            let when = self.condition(when);
            notes.push(self.pick(format!("仅当{when}"), format!("only if {when}")));
        }
        if let Some(updates) = &field.updates {
            let corrected = self.workflow.input.field(updates).map_or(&**updates, Field::label);
            let corrected = self.quoted(corrected);
            notes.push(
                self.pick(format!("更正登记的{corrected}"), format!("corrects {corrected} of the case")),
            );
        }
        let label = self.quoted(field.label());
        if notes.is_empty() {
            return label;
        }
        let notes = notes.join(&self.pick(",", ", "));
        self.pick(format!("{label}({notes})"), format!("{label} ({notes})"))
    }

    /// The columns of a table that are asked.
    fn rows(&self, field: &Field) -> String {
        let columns = self.listed(&self.fields(&field.columns, false));
        match &field.value {
            Some(_) => self.pick(format!("每行填{columns}"), format!("in each row {columns}")),
            None => self.pick(format!("每行:{columns}"), format!("rows of {columns}")),
        }
    }

    fn signature(&self, field: &Field) -> String {
        let mut notes = vec![self.kind(Kind::Signature)];
        if let Some(by) = &field.by {
            let by = self.who(std::slice::from_ref(by));
            notes.push(self.pick(format!("由{by}签"), format!("by {by}")));
        }
        match field.witness {
            Witness::Never => {}
            Witness::Refused => {
                notes.push(self.pick("拒签须另有人见证", "somebody else must witness a refusal"));
            }
            Witness::Always => notes.push(self.pick("须另有人见证", "somebody else must witness it")),
        }
        notes.join(&self.pick(",", ", "))
    }

    fn kind(&self, kind: Kind) -> String {
        let (zh, en) = match kind {
            Kind::Text => ("文字", "text"),
            Kind::Number | Kind::Whole => ("数", "a number"),
            Kind::Money => ("金额", "money"),
            Kind::Yesno => ("是 / 否", "yes / no"),
            Kind::Date => ("日期", "a date"),
            Kind::Time => ("时刻", "a time of day"),
            Kind::Datetime => ("日期和时刻", "a date and time"),
            Kind::Choice => ("选一项", "one of a list"),
            Kind::Choices => ("可选多项", "some of a list"),
            Kind::Phone => ("电话", "a phone number"),
            Kind::Email => ("邮箱", "a mail address"),
            Kind::IdCard => ("身份证号", "an identity number"),
            Kind::File => ("一个文件", "a file"),
            Kind::Files => ("若干文件", "files"),
            Kind::Person => ("人员", "a person"),
            Kind::Table => ("若干行", "rows"),
            Kind::Checklist => ("逐项核对", "a checklist"),
            Kind::Signature => ("签字或拒签", "signed or refused"),
        };
        self.pick(zh, en)
    }

    /// The form that a path like `input` or `step.look` leads to.
    fn form(&self, path: &[Arc<str>]) -> Option<(&Form, usize)> {
        match &**path.first()? {
            "input" => Some((&self.workflow.input, 1)),
            "step" => {
                let (no, taken) = self.step_of(path)?;
                if let Work::Ask(ask) = &self.workflow.step(no).work {
                    Some((&ask.form, taken))
                } else {
                    None
                }
            }
            _ => None,
        }
    }

    /// The step that `step.a.b…` names, the innermost, and how many words that takes.
    fn step_of(&self, path: &[Arc<str>]) -> Option<(StepNo, usize)> {
        if &**path.first()? != "step" {
            return None;
        }
        let named = |id: &str, holder: Option<StepNo>| {
            let fits = |no: &StepNo| {
                let step = self.workflow.step(*no);
                &*step.id == id && (holder.is_none() || step.holder == holder)
            };
            self.workflow.numbers().find(fits)
        };
        let mut found = (named(path.get(1)?, None)?, 2);
        while let Some(inner) = path.get(found.1).and_then(|id| named(id, Some(found.0))) {
            found = (inner, found.1 + 1);
        }
        Some(found)
    }

    /// The register in which a step looks, where the file names it.
    fn looked_in(&self, no: StepNo) -> Option<&Register> {
        let Work::Use { action, with: Tree::Map(with) } = &self.workflow.step(no).work else { return None };
        if (&*action.plugin, &*action.action) != ("register", "find") {
            return None;
        }
        let (_, named) = with.iter().find(|(name, _)| &**name == "register")?;
        self.registers.register(&self.tree(named)).map(|register| &**register)
    }

    /// What `register.find` found: an entry, and what a column of it is called.
    fn found(&self, no: StepNo, words: &[&str]) -> Option<String> {
        let Work::Use { action, .. } = &self.workflow.step(no).work else { return None };
        if (&*action.plugin, &*action.action) != ("register", "find") {
            return None;
        }
        let (entry, column) = match words {
            ["entry", column @ ..] => (self.pick("查到的记录", "the entry found"), column),
            ["entries", column @ ..] => (self.pick("查到的各条记录", "the entries found"), column),
            ["count"] => return Some(self.pick("查到的条数", "the number of entries found")),
            _ => return None,
        };
        if column.is_empty() {
            return Some(entry);
        }
        let field = self.looked_in(no).and_then(|register| register.form.field(column.first()?));
        let column = self.quoted(&field.map_or_else(|| column.join("."), |field| field.label().to_owned()));
        Some(self.pick(format!("{entry}的{column}"), format!("{column} of {entry}")))
    }

    fn own_word(&self, word: &str) -> Option<String> {
        let (zh, en) = match word {
            "by" => ("办理人", "who did it"),
            "opened" => ("开始时间", "when it opened"),
            "ended" => ("完成时间", "when it was over"),
            "due" => ("期限", "its due time"),
            "clock" => ("计时", "its clock"),
            "late" => ("是否逾期", "whether it was late"),
            "state" => ("状态", "its state"),
            "outcome" => ("结果", "its outcome"),
            "round" => ("轮次", "its round"),
            _ => return None,
        };
        Some(self.pick(zh, en))
    }

    fn run_word(&self, word: &str) -> Option<String> {
        let (zh, en) = match word {
            "id" => ("运行编号", "the run's number"),
            "key" => ("案件", "the case"),
            "by" => ("发起人", "who started it"),
            "started" => ("开始时间", "when it began"),
            "url" => ("网页地址", "its page"),
            "error" => ("失败原因", "why it failed"),
            "joined" => ("并入的内容", "what joined it"),
            _ => return None,
        };
        Some(self.pick(zh, en))
    }
}

/// What a code of a field's options is called.
fn label_of(field: &Field, code: &str) -> Option<String> {
    match &field.options {
        Options::Fixed(all) => {
            all.iter().find(|choice| &*choice.code == code).map(|choice| choice.label.to_string())
        }
        Options::None | Options::Worked(_) => None,
    }
}

impl Dictionary for Teller<'_> {
    fn language(&self) -> Lang {
        self.language
    }

    fn name(&self, path: &[Arc<str>]) -> Option<String> {
        let words: Vec<&str> = path.iter().map(|word| &**word).collect();
        match words.as_slice() {
            ["run", word] => self.run_word(word),
            ["round"] => Some(self.pick("轮次", "the round")),
            ["today"] => Some(self.pick("今天", "today")),
            ["now"] => Some(self.pick("此刻", "now")),
            ["input", name] => Some(self.quoted(self.workflow.input.field(name)?.label())),
            ["table", name] => Some(self.pick(format!("「{name}」表"), format!("the table “{name}”"))),
            ["step", ..] => {
                let (no, taken) = self.step_of(path)?;
                let of = self.step_name(no);
                let Some(word) = path.get(taken) else { return Some(of) };
                if let Some(found) = self.found(no, &words[taken..]) {
                    return Some(self.pick(format!("{of}{found}"), format!("{found} of {of}")));
                }
                let own = self.own_word(word).or_else(|| {
                    let label = self.form(path).and_then(|(form, _)| form.field(word)).map(Field::label);
                    Some(self.quoted(label.unwrap_or(word)))
                })?;
                let own = own.trim_matches(['「', '」', '“', '”']).to_owned();
                Some(self.pick(format!("{of}的「{own}」"), format!("“{own}” of {of}")))
            }
            [name] if self.fixed(name).is_some() => self.fixed(name).map(|text| with_holes(text, self)),
            [name, rest @ ..] => {
                // The element of an `each`.
                let around =
                    self.at.into_iter().chain(self.at.into_iter().flat_map(|at| self.workflow.holders(at)));
                let lists = around.filter_map(|no| self.workflow.step(no).each.as_ref()).chain(self.brought);
                let each = lists.into_iter().find(|each| &*each.name == *name)?;
                let list = self.text(&each.list);
                let item = self.pick(format!("{list}中的一项"), format!("an item of {list}"));
                Some(match rest {
                    [] => item,
                    _ => self.pick(
                        format!("该项的「{}」", rest.join(".")),
                        format!("“{}” of the item", rest.join(".")),
                    ),
                })
            }
            [] => None,
        }
    }

    fn cell(&self, table: &str, column: Option<&str>) -> String {
        match column {
            Some(column) => self
                .pick(format!("「{table}」表的「{column}」"), format!("“{column}” of the table “{table}”")),
            None => self.pick(format!("「{table}」表的一行"), format!("a row of the table “{table}”")),
        }
    }

    fn option(&self, path: &[Arc<str>], code: &str) -> Option<String> {
        if let Some((no, taken)) = self.step_of(path)
            && let Some([word, column]) = path.get(taken..)
            && matches!(&**word, "entry" | "entries")
        {
            return label_of(self.looked_in(no)?.form.field(column)?, code);
        }
        if let Some("state") = path.last().map(|word| &**word) {
            let (zh, en) = match code {
                "done" => ("已完成", "done"),
                "skipped" => ("未做", "skipped"),
                "failed" => ("失败", "failed"),
                _ => return None,
            };
            return Some(self.pick(zh, en));
        }
        let (form, at) = self.form(path)?;
        label_of(form.field(path.get(at)?)?, code)
    }

    fn is_yes_or_no(&self, path: &[Arc<str>]) -> Option<bool> {
        let last = path.last().map(|word| &**word);
        if matches!(last, Some("late" | "approved" | "complete" | "signed" | "refused")) {
            return Some(true);
        }
        if let Some((no, taken)) = self.step_of(path)
            && let [word, column @ ..] = path.get(taken..)?
            && &**word == "entry"
            && let Some(register) = self.looked_in(no)
        {
            let flag = column.first().and_then(|column| register.form.field(column));
            return Some(flag.is_some_and(|field| field.kind == Kind::Yesno));
        }
        let (form, at) = self.form(path)?;
        let field = form.field(path.get(at)?).filter(|_| path.len() == at.saturating_add(1))?;
        Some(field.kind == Kind::Yesno)
    }

    fn meaning(&self, name: &str) -> Option<Arc<str>> {
        let found = self.lets().find(|own| &*own.name == name)?;
        match &found.value {
            Tree::Text(template) => Some(template.expression()?.source().into()),
            Tree::Json(json) => Some(Arc::clone(json)),
            Tree::List(_) | Tree::Map(_) => None,
        }
    }
}
