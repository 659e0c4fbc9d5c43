//! Walks over every expression of a workflow, with its place in the file and what it may read there.

use crate::expression::{Expression, Name, Template, Tree};
use crate::form::{Field, Form, Options, Required};
use crate::id::StepNo;
use crate::moment::{Anchor, Measure, Moment};
use crate::plan::{
    Approve, Clock, Does, Extend, Let, Limit, Pause, RungAt, Section, Small, Undo, Work, Workflow,
};

/// From where an expression looks.
#[derive(Clone, Copy)]
pub(super) struct Stand<'w> {
    pub(super) at: At,
    /// The step it belongs to.
    pub(super) step: Option<StepNo>,
    /// Names that hold only here: of the step's `let`, its `each`, the form.
    pub(super) own: Own<'w>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum At {
    /// Before there is a run: `key`, a trigger's `with`, the start form.
    Start,
    /// When the run may begin, before any of its steps: the file's own `limit`.
    Begin,
    /// What the file's own `let` gives, wherever it is used.
    FileLet,
    /// In a step of the main section: what is before it, itself and what is after it.
    Step,
    /// Undos, closing sections and `[output]` read every step as it stands.
    Everything,
}

impl At {
    /// No step has anything to give yet.
    pub(super) fn is_before_steps(self) -> bool {
        matches!(self, Self::Start | Self::Begin)
    }

    /// The case of the message that says what can be read there.
    pub(super) fn said(self) -> &'static str {
        if self == Self::Begin { "begin" } else { "start" }
    }
}

#[derive(Clone, Copy, Default)]
pub(super) struct Own<'w> {
    pub(super) lets: &'w [Let],
    /// The names of an element.
    pub(super) each: Option<&'w str>,
    /// Sibling fields, and `value`.
    pub(super) form: Option<&'w Form>,
    /// Of a table's columns: the form that the table is a field of.
    pub(super) around: Option<&'w Form>,
    pub(super) attempt: bool,
    /// An expression within the list of file-wide names may read those above it: so many.
    pub(super) file_lets: Option<usize>,
}

/// One expression or template.
pub(super) struct Use<'w> {
    /// The dotted path of the string that holds it.
    pub(super) path: String,
    pub(super) source: &'w str,
    /// An expression without braces: whether it is a condition. `None`: a string with holes.
    pub(super) truth: Option<bool>,
    pub(super) names: Vec<Name>,
    pub(super) stand: Stand<'w>,
}

pub(super) struct Walk<'w, 's> {
    see: &'s mut dyn FnMut(Use<'w>),
}

impl<'w> Own<'w> {
    /// The field of the form, or of the one around a table, that a bare name means.
    pub(super) fn field(&self, name: &str) -> Option<&'w Field> {
        let found = self.form.and_then(|form| form.field(name));
        found.or_else(|| self.around.and_then(|form| form.field(name)))
    }
}

impl<'w, 's> Walk<'w, 's> {
    pub(super) fn over(workflow: &'w Workflow, see: &'s mut dyn FnMut(Use<'w>)) {
        let mut walk = Self { see };
        let start = Stand { at: At::Start, step: None, own: Own::default() };
        for (at, one) in workflow.lets.iter().enumerate() {
            let own = Own { file_lets: Some(at), ..Own::default() };
            walk.tree(&format!("let.{}", one.name), &one.value, Stand { at: At::FileLet, step: None, own });
        }
        if let Some(key) = &workflow.key {
            walk.template("key", key, start);
        }
        for trigger in &workflow.triggers {
            let mut inside = start;
            if let Some(each) = &trigger.each {
                walk.template(&format!("trigger.{}.each", trigger.name), &each.list, start);
                // What is gathered is mapped as a whole.
                inside.own.each = trigger.gather.is_none().then_some(&each.name);
            }
            if trigger.dates().is_some() && trigger.gather.is_none() {
                inside.own.each = Some(crate::schedule::ENTRY);
            }
            if let Some(with) = &trigger.with {
                walk.tree(&format!("trigger.{}.with", trigger.name), with, inside);
            }
            if let Some(filter) = &trigger.filter {
                walk.tree(&format!("trigger.{}.where", trigger.name), filter, start);
            }
            if let Some(publish) = &trigger.publish {
                walk.template(&format!("trigger.{}.publish", trigger.name), &publish.name, start);
                if let Some(key) = &publish.key {
                    walk.template(&format!("trigger.{}.key", trigger.name), key, start);
                }
            }
        }
        walk.form("input", &workflow.input, start);
        for no in workflow.numbers() {
            walk.step(workflow, no);
        }
        if let Some(limit) = &workflow.whole.limit {
            walk.limit("", limit, Stand { at: At::Begin, ..start });
        }
        if let Some(clock) = &workflow.whole.clock {
            let own = Own { lets: &[], ..Own::default() };
            walk.clock("", clock, Stand { at: At::Everything, step: None, own });
        }
        if let Some(output) = &workflow.output {
            walk.tree("output", output, Stand { at: At::Everything, step: None, own: Own::default() });
        }
    }

    fn template(&mut self, path: &str, template: &'w Template, stand: Stand<'w>) {
        if template.is_literal() {
            return;
        }
        let (source, names) = (template.source(), template.names());
        (self.see)(Use { path: path.to_owned(), source, truth: None, names, stand });
    }

    fn expression(&mut self, path: &str, expression: &'w Expression, stand: Stand<'w>) {
        let names = expression.names();
        let source = expression.source();
        (self.see)(Use { path: path.to_owned(), source, truth: Some(true), names, stand });
    }

    fn tree(&mut self, path: &str, tree: &'w Tree, stand: Stand<'w>) {
        match tree {
            Tree::Json(_) => {}
            Tree::Text(template) => self.template(path, template, stand),
            Tree::List(items) => {
                for (at, item) in items.iter().enumerate() {
                    self.tree(&format!("{path}[{at}]"), item, stand);
                }
            }
            Tree::Map(entries) => {
                for (key, item) in entries {
                    self.tree(&format!("{path}.{key}"), item, stand);
                }
            }
        }
    }

    fn step(&mut self, workflow: &'w Workflow, no: StepNo) {
        let (step, path) = (workflow.step(no), super::path_of(workflow, no));
        let at = if step.section == Section::Main { At::Step } else { At::Everything };
        let before = Stand { at, step: Some(no), own: Own::default() };
        let mut stand = before;
        if let Some(each) = &step.each {
            self.template(&format!("{path}.each"), &each.list, before);
            stand.own.each = Some(&each.name);
        }
        for (count, one) in step.lets.iter().enumerate() {
            let own = Own { lets: &step.lets[..count], ..stand.own };
            self.tree(&format!("{path}.let.{}", one.name), &one.value, Stand { own, ..stand });
        }
        if let Some(when) = &step.when {
            // `when` is looked at before `let` is worked out.
            self.expression(&format!("{path}.when"), when, stand);
        }
        stand.own.lets = &step.lets;
        if let Some(title) = &step.title {
            self.template(&format!("{path}.title"), title, stand);
        }
        self.work(&path, &step.work, stand);
        if let Some(limit) = &step.limit {
            self.limit(&format!("{path}."), limit, stand);
        }
        if let Some(clock) = &step.clock {
            self.clock(&format!("{path}."), clock, stand);
        }
        if let Some(undo) = &step.undo {
            self.undo(&format!("{path}.undo"), undo, stand);
        }
    }

    /// `above`: the step's path with its dot, nothing for the file itself.
    fn limit(&mut self, above: &str, limit: &'w Limit, stand: Stand<'w>) {
        for (key, template) in [("limit.key", &limit.key), ("priority", &limit.priority)] {
            if let Some(template) = template {
                self.template(&format!("{above}{key}"), template, stand);
            }
        }
    }

    fn clock(&mut self, above: &str, clock: &'w Clock, stand: Stand<'w>) {
        if let Some(due) = &clock.due {
            self.moment(&format!("{above}due"), due, stand);
        }
        for rung in &clock.rungs {
            let path = format!("{above}{}", rung.written);
            if let RungAt::Moment(moment) = &rung.at {
                self.moment(&format!("{path}.at"), moment, stand);
            }
            match &rung.does {
                Does::Tell(who) => self.templates(&format!("{path}.tell"), who, stand),
                Does::Reassign(who) => self.templates(&format!("{path}.reassign"), who, stand),
                Does::Decide(fields) => self.tree(&format!("{path}.decide"), fields, stand),
                Does::Act(small) => self.small(&path, small, stand),
            }
        }
        if let Some(Pause::While(holds)) = &clock.pause {
            self.expression(&format!("{above}pause"), holds, stand);
        }
        if let Some(extend) = &clock.extend {
            self.extend(&format!("{above}extend"), extend, stand);
        }
    }

    /// What asks for it and what follows see what was filled in.
    fn extend(&mut self, path: &str, extend: &'w Extend, stand: Stand<'w>) {
        self.form(&format!("{path}.form"), &extend.form, stand);
        let stand = Stand { own: Own { form: Some(&extend.form), ..stand.own }, ..stand };
        if let Some(Small { work: Work::Ask(ask), title, .. }) = &extend.grant {
            self.templates(&format!("{path}.approve"), &ask.who, stand);
            if let Some(title) = title {
                self.template(&format!("{path}.title"), title, stand);
            }
        }
        if let Some(then) = &extend.then {
            self.work(path, &then.work, stand);
        }
    }

    fn small(&mut self, path: &str, small: &'w Small, stand: Stand<'w>) {
        if let Some(title) = &small.title {
            self.template(&format!("{path}.title"), title, stand);
        }
        self.work(path, &small.work, stand);
    }

    fn templates(&mut self, path: &str, templates: &'w [Template], stand: Stand<'w>) {
        for (at, template) in templates.iter().enumerate() {
            self.template(&format!("{path}[{at}]"), template, stand);
        }
    }

    fn undo(&mut self, path: &str, undo: &'w Undo, stand: Stand<'w>) {
        let own = Own { attempt: true, ..stand.own };
        let stand = Stand { at: At::Everything, own, ..stand };
        if let Some(title) = &undo.title {
            self.template(&format!("{path}.title"), title, stand);
        }
        self.work(path, &undo.work, stand);
    }

    fn work(&mut self, path: &str, work: &'w Work, stand: Stand<'w>) {
        match work {
            Work::Use { with, .. } | Work::Run { with, .. } => {
                self.tree(&format!("{path}.with"), with, stand)
            }
            Work::Ask(ask) => {
                for (at, who) in ask.who.iter().enumerate() {
                    self.template(&format!("{path}.ask[{at}]"), who, stand);
                }
                for (at, who) in ask.not.iter().enumerate() {
                    self.template(&format!("{path}.not[{at}]"), who, stand);
                }
                if let Some(approve) = &ask.approve {
                    self.signers(path, approve, stand);
                }
                self.form(&format!("{path}.form"), &ask.form, stand);
                if let Some(due) = &ask.due {
                    self.moment(&format!("{path}.due"), due, stand);
                }
            }
            Work::Await(event) => {
                self.template(&format!("{path}.await"), &event.event, stand);
                if let Some(key) = &event.key {
                    self.template(&format!("{path}.key"), key, stand);
                }
                if let Some(filter) = &event.filter {
                    self.tree(&format!("{path}.where"), filter, stand);
                }
                if let Some(due) = &event.due {
                    self.moment(&format!("{path}.due"), due, stand);
                }
            }
            Work::Wait { until } => self.moment(&format!("{path}.wait"), until, stand),
            Work::Check { holds } => self.expression(&format!("{path}.check"), holds, stand),
            Work::End { .. } | Work::Hold { .. } => {}
        }
    }

    fn signers(&mut self, path: &str, approve: &'w Approve, stand: Stand<'w>) {
        for signer in &approve.signers {
            let path = format!("{path}.ask{}", signer.place);
            for (at, who) in signer.who.iter().enumerate() {
                self.template(&format!("{path}.who[{at}]"), who, stand);
            }
            if let Some(when) = &signer.when {
                self.expression(&format!("{path}.when"), when, stand);
            }
            if let Some(due) = &signer.due {
                self.moment(&format!("{path}.due"), due, stand);
            }
        }
    }

    fn moment(&mut self, path: &str, moment: &'w Moment, stand: Stand<'w>) {
        match moment {
            Moment::Worked(template) => self.template(path, template, stand),
            Moment::Earliest(all) => {
                for (at, one) in all.iter().enumerate() {
                    self.moment(&format!("{path}[{at}]"), one, stand);
                }
            }
            Moment::Within { length, of, before } => {
                if let Measure::Worked(template) = length {
                    let key = if *before { "before" } else { "within" };
                    self.template(&format!("{path}.{key}"), template, stand);
                }
                for (at, anchor) in of.iter().enumerate() {
                    if let Anchor::Value(template) = anchor {
                        self.template(&format!("{path}.of[{at}]"), template, stand);
                    }
                }
            }
            Moment::Length(_)
            | Moment::Next(_)
            | Moment::AfterToday(_)
            | Moment::Date(_)
            | Moment::Local(_)
            | Moment::Instant(_) => {}
        }
    }

    fn form(&mut self, path: &str, form: &'w Form, stand: Stand<'w>) {
        let stand = Stand { own: Own { form: Some(form), ..stand.own }, ..stand };
        self.form_in(path, form, stand);
    }

    fn form_in(&mut self, path: &str, form: &'w Form, stand: Stand<'w>) {
        for field in &form.fields {
            self.field(&format!("{path}.{}", field.name), field, stand, form);
        }
    }

    fn field(&mut self, path: &str, field: &'w Field, stand: Stand<'w>, form: &'w Form) {
        for (key, tree) in
            [("default", &field.default), ("value", &field.value), ("min", &field.min), ("max", &field.max)]
        {
            if let Some(tree) = tree {
                self.tree(&format!("{path}.{key}"), tree, stand);
            }
        }
        if let Options::Worked(template) = &field.options {
            self.template(&format!("{path}.options"), template, stand);
        }
        if let Required::Worked(template) = &field.required {
            self.template(&format!("{path}.required"), template, stand);
        }
        for (key, expression) in [("when", &field.when), ("check", &field.check)] {
            if let Some(expression) = expression {
                self.expression(&format!("{path}.{key}"), expression, stand);
            }
        }
        for (key, template) in [("message", &field.message), ("by", &field.by)] {
            if let Some(template) = template {
                self.template(&format!("{path}.{key}"), template, stand);
            }
        }
        // In a row its columns stand before the fields of the form.
        let own = Own { form: Some(&field.columns), around: Some(form), ..stand.own };
        self.form_in(&format!("{path}.fields"), &field.columns, Stand { own, ..stand });
    }
}
