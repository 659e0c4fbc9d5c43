//! Which names an expression reads, and where they stand.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "what the template language may add has no names of its own"
)]

use std::ops::Range;
use std::sync::Arc;

use minijinja::machinery::ast::{self, CallArg, Expr, Stmt};
use minijinja::machinery::{parse, parse_expr};
use minijinja::value::ValueKind;

use super::{machine, syntax};

/// A name that an expression reads: `step.record.number` as its parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name {
    pub kind: NameKind,
    pub path: Vec<Arc<str>>,
    /// Where it stands in the text.
    pub at: Range<usize>,
    /// It is called: `table.branch(…)`.
    pub call: Option<Call>,
    /// It is read only where a condition within the expression holds.
    pub conditional: bool,
    /// Texts that it is compared with, and where they stand.
    pub against: Vec<(Arc<str>, Range<usize>)>,
    /// A sign of arithmetic stands beside it, which takes nothing that is empty.
    pub counted: bool,
}

/// How a name is called.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Call {
    /// The names of its arguments.
    pub words: Vec<Arc<str>>,
    /// The same, with what is given for each where that is a plain name.
    pub arguments: Vec<Argument>,
    /// Its first argument, where that is a text.
    pub first: Option<Arc<str>>,
    /// What is read of its result: `table.branch(…).unit`.
    pub attribute: Option<Arc<str>>,
}

/// An argument of a call by its name, and what is given for it.
pub type Argument = (Arc<str>, Given);

/// What stands for an argument, as far as that is plain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Given {
    Name(Vec<Arc<str>>),
    /// A text as it stands there.
    Text(Arc<str>),
    /// One of these: `a if x else b`, `a | default(b)`, `a or b`.
    OneOf(Vec<Given>),
    /// Something that is worked out.
    Other,
}

/// What a whole expression stands for.
pub(super) fn of_whole(text: &str) -> Given {
    parse_expr(text).map_or(Given::Other, |expression| given(&expression))
}

fn given(value: &Expr<'_>) -> Given {
    if let Some(name) = path(value) {
        return Given::Name(name.path);
    }
    match value {
        Expr::Const(text) => text.value.as_str().map_or(Given::Other, |text| Given::Text(text.into())),
        Expr::IfExpr(choice) => {
            let mut tested = Walk::default();
            tested.expression(&choice.test_expr);
            // A name that is tested is not there with all that it may be.
            let side = |side: &Expr<'_>| match given(side) {
                Given::Name(path) if tested.found.iter().any(|name| name.path == path) => Given::Other,
                other => other,
            };
            let other = choice.false_expr.as_ref().map_or(Given::Other, side);
            Given::OneOf(vec![side(&choice.true_expr), other])
        }
        Expr::BinOp(binary) if matches!(binary.op, ast::BinOpKind::ScOr) => {
            Given::OneOf(vec![given(&binary.left), given(&binary.right)])
        }
        Expr::Filter(filter) if matches!(filter.name, "default" | "d") => {
            match (&filter.expr, filter.args.as_slice()) {
                (Some(inner), [CallArg::Pos(other)]) => Given::OneOf(vec![given(inner), given(other)]),
                _ => Given::Other,
            }
        }
        _ => Given::Other,
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameKind {
    Value,
    Filter,
    Test,
    Function,
    /// What a filter reads of each item of a list: of `rows | sum(attribute='price')` it is `rows.*.price`.
    Column,
}

pub(super) fn of_expression(text: &str) -> Vec<Name> {
    let mut walk = Walk::default();
    if let Ok(expression) = parse_expr(text) {
        walk.expression(&expression);
    }
    walk.found
}

pub(super) fn of_template(text: &str) -> Vec<Name> {
    let mut found = Vec::new();
    for piece in syntax::split(text).unwrap_or_default() {
        if let syntax::Piece::Hole(range) = piece {
            let start = range.start;
            found.extend(of_expression(&text[range]).into_iter().map(|mut name| {
                name.at = name.at.start + start..name.at.end + start;
                for (_, at) in &mut name.against {
                    *at = at.start + start..at.end + start;
                }
                name
            }));
        }
    }
    found
}

pub(super) fn of_program(text: &str) -> Vec<Name> {
    let mut walk = Walk::default();
    if let Ok(Stmt::Template(template)) = parse(text, "text", machine::syntax()) {
        walk.statements(&template.children);
    }
    walk.found
}

#[derive(Default)]
struct Walk {
    found: Vec<Name>,
    /// Names that the text itself makes: of `for` and `set`.
    own: Vec<String>,
    /// Within what a condition may pass over.
    conditional: bool,
}

impl Walk {
    fn statements(&mut self, statements: &[Stmt<'_>]) {
        for statement in statements {
            self.statement(statement);
        }
    }

    fn statement(&mut self, statement: &Stmt<'_>) {
        match statement {
            Stmt::EmitExpr(emit) => self.expression(&emit.expr),
            Stmt::ForLoop(each) => {
                self.expression(&each.iter);
                let before = self.own.len();
                self.own.push("loop".to_owned());
                self.bind(&each.target);
                if let Some(filter) = &each.filter_expr {
                    self.expression(filter);
                }
                self.statements(&each.body);
                self.own.truncate(before);
                self.statements(&each.else_body);
            }
            Stmt::IfCond(condition) => {
                self.expression(&condition.expr);
                self.statements(&condition.true_body);
                self.statements(&condition.false_body);
            }
            Stmt::WithBlock(with) => {
                let before = self.own.len();
                for (target, value) in &with.assignments {
                    self.expression(value);
                    self.bind(target);
                }
                self.statements(&with.body);
                self.own.truncate(before);
            }
            Stmt::Set(set) => {
                self.expression(&set.expr);
                self.bind(&set.target);
            }
            // The others are refused by the syntax check.
            _ => {}
        }
    }

    fn bind(&mut self, target: &Expr<'_>) {
        match target {
            Expr::Var(name) => self.own.push(name.id.to_owned()),
            Expr::List(list) => list.items.iter().for_each(|item| self.bind(item)),
            Expr::Tuple(tuple) => tuple.items.iter().for_each(|item| self.bind(item)),
            other => self.expression(other),
        }
    }

    #[expect(clippy::too_many_lines, reason = "one arm for each kind of expression")]
    fn expression(&mut self, expression: &Expr<'_>) {
        if let Some(name) = path(expression) {
            self.name(name);
            return;
        }
        if let Some((name, call)) = called(expression) {
            self.name(name);
            self.arguments(&call.args);
            return;
        }
        match expression {
            Expr::Var(_) | Expr::Const(_) => {}
            Expr::Slice(slice) => {
                self.expression(&slice.expr);
                for part in [&slice.start, &slice.stop, &slice.step].into_iter().flatten() {
                    self.expression(part);
                }
            }
            Expr::UnaryOp(unary) => {
                self.expression(&unary.expr);
                if matches!(unary.op, ast::UnaryOpKind::Neg) {
                    self.counted(&unary.expr);
                }
            }
            Expr::BinOp(binary) => {
                self.expression(&binary.left);
                let counts = is_arithmetic(binary.op);
                if counts {
                    self.counted(&binary.left);
                }
                if matches!(binary.op, ast::BinOpKind::Eq | ast::BinOpKind::Ne | ast::BinOpKind::In) {
                    self.compared(&binary.left, &binary.right);
                }
                let lazy = matches!(binary.op, ast::BinOpKind::ScAnd | ast::BinOpKind::ScOr);
                self.perhaps(lazy, |walk| walk.expression(&binary.right));
                if counts {
                    self.counted(&binary.right);
                }
            }
            Expr::Compare(compare) => {
                self.expression(&compare.expr);
                if let [op] = compare.ops.as_slice() {
                    self.compared(&compare.expr, &op.expr);
                }
                compare.ops.iter().for_each(|op| self.expression(&op.expr));
            }
            Expr::IfExpr(choice) => {
                self.expression(&choice.test_expr);
                self.perhaps(true, |walk| {
                    walk.expression(&choice.true_expr);
                    if let Some(other) = &choice.false_expr {
                        walk.expression(other);
                    }
                });
            }
            Expr::Filter(filter) => {
                if let Some(value) = &filter.expr {
                    self.expression(value);
                }
                self.word(NameKind::Filter, filter.name, span(&filter.span()));
                self.arguments(&filter.args);
                if let Some(name) = column(filter) {
                    self.name(name);
                }
            }
            Expr::Test(test) => {
                self.expression(&test.expr);
                self.word(NameKind::Test, test.name, span(&test.span()));
                self.arguments(&test.args);
            }
            Expr::GetAttr(attr) => self.expression(&attr.expr),
            Expr::GetItem(item) => {
                self.expression(&item.expr);
                self.expression(&item.subscript_expr);
            }
            Expr::Call(call) => {
                self.call(call);
                self.arguments(&call.args);
            }
            Expr::List(list) => list.items.iter().for_each(|item| self.expression(item)),
            Expr::Tuple(tuple) => tuple.items.iter().for_each(|item| self.expression(item)),
            Expr::Map(map) => map.keys.iter().chain(&map.values).for_each(|item| self.expression(item)),
        }
    }

    fn perhaps(&mut self, conditional: bool, walk: impl FnOnce(&mut Self)) {
        let before = self.conditional;
        self.conditional |= conditional;
        walk(self);
        self.conditional = before;
    }

    fn call(&mut self, call: &ast::Spanned<ast::Call<'_>>) {
        match &call.expr {
            Expr::Var(function) if !self.own.iter().any(|own| own == function.id) => {
                self.word(NameKind::Function, function.id, span(&function.span()));
                if let (Some(CallArg::Pos(Expr::Const(text))), Some(found)) =
                    (call.args.first(), self.found.last_mut())
                {
                    let first = text.value.as_str().map(Arc::from);
                    found.call = Some(Call { first, ..Call::default() });
                }
            }
            // A method: `input.list.split(',')`.
            Expr::GetAttr(attr) => self.expression(&attr.expr),
            other => self.expression(other),
        }
    }

    /// Notes that a path, just found, is calculated with.
    fn counted(&mut self, side: &Expr<'_>) {
        if let (Some(name), Some(found)) = (path(side), self.found.last_mut()) {
            found.counted |= found.at == name.at;
        }
    }

    /// Notes the texts that a path, just found, is compared with.
    fn compared(&mut self, left: &Expr<'_>, right: &Expr<'_>) {
        let Some(name) = path(left) else { return };
        let Some(found) = self.found.last_mut().filter(|found| found.at == name.at) else { return };
        let items = match right {
            Expr::List(list) => list.items.iter().collect(),
            Expr::Tuple(tuple) => tuple.items.iter().collect(),
            other => vec![other],
        };
        for item in items {
            if let Expr::Const(text) = item
                && let Some(word) = text.value.as_str()
            {
                found.against.push((word.into(), span(&text.span())));
            }
        }
    }

    fn arguments(&mut self, arguments: &[CallArg<'_>]) {
        for argument in arguments {
            match argument {
                CallArg::Pos(value)
                | CallArg::Kwarg(_, value)
                | CallArg::PosSplat(value)
                | CallArg::KwargSplat(value) => self.expression(value),
            }
        }
    }

    fn word(&mut self, kind: NameKind, word: &str, at: Range<usize>) {
        self.found.push(Name {
            kind,
            path: vec![word.into()],
            at,
            call: None,
            conditional: self.conditional,
            against: Vec::new(),
            counted: false,
        });
    }

    fn name(&mut self, name: Name) {
        if !self.own.iter().any(|own| **own == *name.path[0]) {
            self.found.push(Name { conditional: self.conditional, ..name });
        }
    }
}

fn is_arithmetic(op: ast::BinOpKind) -> bool {
    use ast::BinOpKind::{Add, Div, FloorDiv, Mul, Pow, Rem, Sub};
    matches!(op, Add | Sub | Mul | Div | FloorDiv | Rem | Pow)
}

/// A call of a table, or of its `column`, with what is read of the result.
pub(super) fn called<'e, 'a>(expression: &'e Expr<'a>) -> Option<(Name, &'e ast::Call<'a>)> {
    match expression {
        Expr::GetAttr(attr) => {
            let (mut name, call) = called(&attr.expr)?;
            let own = name.call.as_mut()?;
            if own.attribute.is_none() {
                own.attribute = Some(attr.name.into());
                name.at.end = name.at.end.max(span(&attr.span()).end);
            }
            Some((name, call))
        }
        Expr::Call(call) => {
            let mut name = path(&call.expr)?;
            if &*name.path[0] != "table" {
                return None;
            }
            let mut own = Call::default();
            for (at, argument) in call.args.iter().enumerate() {
                match argument {
                    CallArg::Kwarg(word, value) => {
                        own.words.push((*word).into());
                        own.arguments.push(((*word).into(), given(value)));
                    }
                    CallArg::Pos(Expr::Const(text)) if at == 0 => {
                        own.first = text.value.as_str().map(Arc::from)
                    }
                    CallArg::Pos(_) | CallArg::PosSplat(_) | CallArg::KwargSplat(_) => {}
                }
            }
            name.at.end = name.at.end.max(span(&call.span()).end);
            name.call = Some(own);
            Some((name, call))
        }
        _ => None,
    }
}

/// The column of a list that a filter reads.
pub(super) fn column(filter: &ast::Filter<'_>) -> Option<Name> {
    let mut name = list_of(filter.expr.as_ref()?)?;
    let first = matches!(filter.name, "selectattr" | "rejectattr" | "groupby");
    let (attribute, at) = filter.args.iter().enumerate().find_map(|(at, argument)| match argument {
        CallArg::Kwarg("attribute", Expr::Const(text)) => Some((text.value.as_str()?, span(&text.span()))),
        CallArg::Pos(Expr::Const(text)) if first && at == 0 => {
            Some((text.value.as_str()?, span(&text.span())))
        }
        _ => None,
    })?;
    name.kind = NameKind::Column;
    name.path.push("*".into());
    name.path.extend(attribute.split('.').map(Arc::from));
    name.at = at;
    Some(name)
}

/// The list itself, where filters only took some of it or put it in another order.
fn list_of(expression: &Expr<'_>) -> Option<Name> {
    match expression {
        Expr::Filter(filter)
            if matches!(
                filter.name,
                "selectattr" | "rejectattr" | "select" | "reject" | "sort" | "unique" | "reverse" | "list"
            ) =>
        {
            list_of(filter.expr.as_ref()?)
        }
        other => path(other),
    }
}

/// A variable with attributes and constant keys behind it.
pub(super) fn path(expression: &Expr<'_>) -> Option<Name> {
    match expression {
        Expr::Var(variable) => Some(Name {
            kind: NameKind::Value,
            path: vec![variable.id.into()],
            at: span(&variable.span()),
            call: None,
            conditional: false,
            against: Vec::new(),
            counted: false,
        }),
        Expr::GetAttr(attr) => {
            let mut name = path(&attr.expr)?;
            name.path.push(attr.name.into());
            name.at.end = name.at.end.max(span(&attr.span()).end);
            Some(name)
        }
        Expr::GetItem(item) => {
            let mut name = path(&item.expr)?;
            let Expr::Const(key) = &item.subscript_expr else { return None };
            match key.value.kind() {
                ValueKind::String => name.path.push(key.value.as_str()?.into()),
                // A place in a list.
                ValueKind::Number => name.path.push(key.value.as_usize()?.to_string().into()),
                _ => return None,
            }
            name.at.end = name.at.end.max(span(&item.span()).end);
            Some(name)
        }
        _ => None,
    }
}

pub(super) fn span(span: &minijinja::machinery::Span) -> Range<usize> {
    span.start_offset as usize..span.end_offset as usize
}
