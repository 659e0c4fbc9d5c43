//! Works out which sort of value an expression gives, as far as its names are known, and finds what can never work.

#![expect(clippy::wildcard_enum_match_arm, reason = "of most forms of an expression no sort is known")]

use std::ops::Range;

use minijinja::machinery::ast::{BinOpKind, CompareOpKind, Expr, UnaryOpKind};
use minijinja::machinery::parse_expr;
use minijinja::value::ValueKind;

use super::arguments::{self, Refused};
use super::names::{self, Name, span};
use super::syntax;

/// What a value is like, for those who compare it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sort {
    Flag,
    Number,
    Text,
    List,
    Map,
}

/// Two things that do not go together, or one that does not go with what is done to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SortFault {
    pub at: Range<usize>,
    pub what: SortProblem,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SortProblem {
    /// `left` and `right` are the expressions as written.
    Unlike { left: (String, Sort), right: (String, Sort) },
    /// Neither is more than the other: only numbers, texts and dates have an order.
    NoOrder { left: (String, Sort), right: (String, Sort) },
    /// A sign of arithmetic needs numbers.
    NoNumber { sign: &'static str, side: String, sort: Sort },
    /// A filter or a function that refuses what is written.
    Refused { written: String, called: String, why: Refused },
    /// A list has places, counted from 0, and no names.
    NoPlace { list: String, place: String },
    /// A condition that holds as soon as there is anything.
    NoTruth { sort: Sort },
}

/// The sort of a name, where it is known.
pub(super) type SortOf<'s> = &'s dyn Fn(&Name) -> Option<Sort>;

/// The sort of a whole expression.
pub fn of_expression(text: &str, known: SortOf<'_>) -> Option<Sort> {
    let expression = parse_expr(text).ok()?;
    Walk { text, known, faults: Vec::new() }.sort(&expression)
}

/// The sort of the elements of a list, where all are of one.
pub fn of_elements(text: &str, known: SortOf<'_>, elements: SortOf<'_>) -> Option<Sort> {
    let expression = parse_expr(text).ok()?;
    let mut walk = Walk { text, known, faults: Vec::new() };
    walk.elements(&expression, elements)
}

/// What is wrong with an expression; `truth`: it is a condition.
pub fn faults_of_expression(text: &str, truth: bool, known: SortOf<'_>) -> Vec<SortFault> {
    let Ok(expression) = parse_expr(text) else { return Vec::new() };
    let mut walk = Walk { text, known, faults: Vec::new() };
    let sort = walk.sort(&expression);
    if let (true, Some(sort @ (Sort::Number | Sort::Text | Sort::Map))) = (truth, sort) {
        walk.faults.push(SortFault { at: 0..text.len(), what: SortProblem::NoTruth { sort } });
    }
    walk.faults
}

/// The same for each hole of a string.
pub fn faults_of_template(text: &str, known: SortOf<'_>) -> Vec<SortFault> {
    let mut faults = Vec::new();
    for piece in syntax::split(text).unwrap_or_default() {
        let syntax::Piece::Hole(range) = piece else { continue };
        for mut fault in faults_of_expression(&text[range.clone()], false, known) {
            fault.at = fault.at.start + range.start..fault.at.end + range.start;
            faults.push(fault);
        }
    }
    faults
}

/// How two values are compared.
#[derive(Clone, Copy, PartialEq, Eq)]
enum How {
    Equal,
    Order,
    Within,
}

struct Walk<'w> {
    text: &'w str,
    known: SortOf<'w>,
    faults: Vec<SortFault>,
}

impl Walk<'_> {
    fn written(&self, expression: &Expr<'_>) -> String {
        self.text.get(at(expression)).unwrap_or_default().to_owned()
    }

    #[expect(clippy::too_many_lines, reason = "one arm for each kind of expression")]
    fn sort(&mut self, expression: &Expr<'_>) -> Option<Sort> {
        if let Some(name) = names::path(expression) {
            return (self.known)(&name);
        }
        if let Some((name, call)) = names::called(expression) {
            self.arguments(&call.args);
            return (self.known)(&name);
        }
        match expression {
            Expr::Const(value) => constant(&value.value),
            Expr::UnaryOp(unary) => {
                let inner = self.sort(&unary.expr);
                match unary.op {
                    UnaryOpKind::Not => Some(Sort::Flag),
                    UnaryOpKind::Neg => inner,
                }
            }
            Expr::BinOp(binary) => self.binary(binary.op, &binary.left, &binary.right),
            Expr::Compare(compare) => {
                let mut left = &compare.expr;
                for op in &compare.ops {
                    let how = match op.op {
                        CompareOpKind::Eq | CompareOpKind::Ne => How::Equal,
                        CompareOpKind::In | CompareOpKind::NotIn => How::Within,
                        _ => How::Order,
                    };
                    self.compared(left, &op.expr, how);
                    left = &op.expr;
                }
                Some(Sort::Flag)
            }
            Expr::IfExpr(choice) => {
                self.sort(&choice.test_expr);
                let one = self.sort(&choice.true_expr);
                let other = choice.false_expr.as_ref().and_then(|other| self.sort(other));
                if one == other { one } else { None }
            }
            Expr::Filter(filter) => {
                let inner = filter.expr.as_ref().and_then(|value| self.sort(value));
                self.arguments(&filter.args);
                self.column(filter);
                let receiver = arguments::of_receiver(filter.name, inner);
                if let Some(why) = receiver.or_else(|| arguments::of_filter(self.text, filter)) {
                    let from = filter.expr.as_ref().map_or(usize::MAX, |receiver| at(receiver).start);
                    let own = span(&expression.span());
                    self.refuse(from.min(own.start)..own.end, filter.name, why);
                }
                filtered(filter.name, inner)
            }
            Expr::Test(test) => {
                self.sort(&test.expr);
                self.arguments(&test.args);
                Some(Sort::Flag)
            }
            Expr::Call(call) => {
                self.arguments(&call.args);
                if let (Some(why), Expr::Var(function)) = (arguments::of_call(self.text, call), &call.expr) {
                    self.refuse(at(expression), function.id, why);
                }
                match &call.expr {
                    Expr::Var(name) if matches!(name.id, "days" | "hours" | "months" | "workdays") => {
                        Some(Sort::Number)
                    }
                    Expr::Var(name) if matches!(name.id, "superiors" | "members" | "gaps") => {
                        Some(Sort::List)
                    }
                    Expr::Var(name) if name.id == "shift" => Some(Sort::Text),
                    _ => None,
                }
            }
            Expr::GetAttr(attr) => {
                self.sort(&attr.expr);
                None
            }
            Expr::GetItem(item) => {
                let (list, place) = (self.sort(&item.expr), self.sort(&item.subscript_expr));
                if (list, place) == (Some(Sort::List), Some(Sort::Text)) {
                    let (list, place) = (self.written(&item.expr), self.written(&item.subscript_expr));
                    let at = at(expression);
                    self.faults.push(SortFault { at, what: SortProblem::NoPlace { list, place } });
                }
                None
            }
            Expr::List(list) => {
                for item in &list.items {
                    self.sort(item);
                }
                Some(Sort::List)
            }
            Expr::Map(_) => Some(Sort::Map),
            _ => None,
        }
    }

    fn elements(&mut self, list: &Expr<'_>, of_name: SortOf<'_>) -> Option<Sort> {
        if let Some(name) = names::path(list) {
            return of_name(&name);
        }
        match list {
            Expr::Const(value) => one_sort(value.value.try_iter().ok()?.map(|item| constant(&item))),
            Expr::List(list) => one_sort(list.items.iter().map(|item| self.sort(item))),
            Expr::IfExpr(choice) => {
                let other = choice.false_expr.as_ref().and_then(|other| self.elements(other, of_name));
                self.elements(&choice.true_expr, of_name).filter(|one| Some(*one) == other)
            }
            Expr::Filter(filter) => match filter.name {
                "split" | "lines" => Some(Sort::Text),
                "unique" | "sort" | "reverse" | "list" | "select" | "reject" | "selectattr"
                | "rejectattr" => self.elements(filter.expr.as_ref()?, of_name),
                "default" | "d" => match filter.args.as_slice() {
                    [minijinja::machinery::ast::CallArg::Pos(other)] => {
                        let other = self.elements(other, of_name);
                        self.elements(filter.expr.as_ref()?, of_name).filter(|one| Some(*one) == other)
                    }
                    _ => None,
                },
                _ => None,
            },
            _ => None,
        }
    }

    /// Only numbers add up.
    fn column(&mut self, filter: &minijinja::machinery::ast::Filter<'_>) {
        let sign = match filter.name {
            "sum" => "sum",
            "mean" => "mean",
            _ => return,
        };
        let Some(name) = names::column(filter) else { return };
        if let Some(sort) = (self.known)(&name).filter(|sort| *sort != Sort::Number) {
            let side = self.text.get(name.at.clone()).unwrap_or_default().to_owned();
            self.faults.push(SortFault { at: name.at, what: SortProblem::NoNumber { sign, side, sort } });
        }
    }

    fn arguments(&mut self, arguments: &[minijinja::machinery::ast::CallArg<'_>]) {
        use minijinja::machinery::ast::CallArg::{Kwarg, KwargSplat, Pos, PosSplat};
        for argument in arguments {
            match argument {
                Pos(value) | Kwarg(_, value) | PosSplat(value) | KwargSplat(value) => drop(self.sort(value)),
            }
        }
    }

    fn binary(&mut self, op: BinOpKind, left: &Expr<'_>, right: &Expr<'_>) -> Option<Sort> {
        use BinOpKind::{
            Add, Concat, Div, Eq, FloorDiv, Gt, Gte, In, Lt, Lte, Mul, Ne, Pow, Rem, ScAnd, ScOr, Sub,
        };
        match op {
            Eq | Ne | Lt | Lte | Gt | Gte | In => {
                let how = match op {
                    Eq | Ne => How::Equal,
                    In => How::Within,
                    _ => How::Order,
                };
                self.compared(left, right, how);
                Some(Sort::Flag)
            }
            ScAnd | ScOr => {
                let (one, other) = (self.sort(left), self.sort(right));
                if one == other { one } else { None }
            }
            Concat => {
                self.sort(left);
                self.sort(right);
                Some(Sort::Text)
            }
            Add => {
                let (one, other) = (self.sort(left), self.sort(right));
                match (one, other) {
                    (Some(Sort::Text | Sort::List), _) | (_, Some(Sort::Text | Sort::List))
                        if one == other =>
                    {
                        one
                    }
                    _ => {
                        self.number("+", [(left, one), (right, other)]);
                        Some(Sort::Number)
                    }
                }
            }
            Sub | Mul | Div | FloorDiv | Rem | Pow => {
                let sign = match op {
                    Sub => "-",
                    Mul => "*",
                    Div => "/",
                    FloorDiv => "//",
                    Rem => "%",
                    _ => "**",
                };
                let (one, other) = (self.sort(left), self.sort(right));
                self.number(sign, [(left, one), (right, other)]);
                if ["/", "//", "%"].contains(&sign) && arguments::is_zero(right) {
                    self.refuse(at(right), sign, Refused::Zero);
                }
                Some(Sort::Number)
            }
        }
    }

    fn refuse(&mut self, at: Range<usize>, called: &str, why: Refused) {
        let written = self.text.get(at.clone()).unwrap_or_default().to_owned();
        let what = SortProblem::Refused { written, called: called.to_owned(), why };
        self.faults.push(SortFault { at, what });
    }

    fn number(&mut self, sign: &'static str, sides: [(&Expr<'_>, Option<Sort>); 2]) {
        // Of a sum with one side unknown nobody can say that it is none of texts.
        if sign == "+" && sides.iter().any(|(_, sort)| sort.is_none()) {
            return;
        }
        for (side, sort) in sides {
            if let Some(sort) = sort.filter(|sort| *sort != Sort::Number) {
                let what = SortProblem::NoNumber { sign, side: self.written(side), sort };
                self.faults.push(SortFault { at: at(side), what });
                return;
            }
        }
    }

    fn compared(&mut self, left: &Expr<'_>, right: &Expr<'_>, how: How) {
        let (Some(one), Some(other)) = (self.sort(left), self.sort(right)) else { return };
        let fits = match how {
            How::Equal => one == other,
            How::Order => one == other && matches!(one, Sort::Number | Sort::Text),
            How::Within => {
                other == Sort::List || one == Sort::Text && matches!(other, Sort::Text | Sort::Map)
            }
        };
        if fits {
            return;
        }
        let range = at(left).start..at(right).end;
        let (left, right) = ((self.written(left), one), (self.written(right), other));
        let what = if how == How::Order && one == other {
            SortProblem::NoOrder { left, right }
        } else {
            SortProblem::Unlike { left, right }
        };
        self.faults.push(SortFault { at: range, what });
    }
}

/// Where an expression stands; the parser gives a path's own place without its beginning.
fn at(expression: &Expr<'_>) -> Range<usize> {
    let name = names::path(expression).or_else(|| names::called(expression).map(|(name, _)| name));
    name.map_or_else(|| span(&expression.span()), |name| name.at)
}

fn one_sort(mut sorts: impl Iterator<Item = Option<Sort>>) -> Option<Sort> {
    let first = sorts.next()??;
    sorts.all(|sort| sort == Some(first)).then_some(first)
}

/// An empty text or nothing goes with everything.
fn constant(value: &minijinja::Value) -> Option<Sort> {
    match value.kind() {
        ValueKind::Bool => Some(Sort::Flag),
        ValueKind::Number => Some(Sort::Number),
        ValueKind::String => value.as_str().filter(|text| !text.is_empty()).map(|_| Sort::Text),
        ValueKind::Seq => Some(Sort::List),
        _ => None,
    }
}

fn filtered(filter: &str, inner: Option<Sort>) -> Option<Sort> {
    match filter {
        "length" | "count" | "int" | "number" | "round" | "abs" | "sum" | "year" | "month" | "day" => {
            Some(Sort::Number)
        }
        "string" | "upper" | "lower" | "trim" | "date" | "time" | "datetime" | "money" | "join" | "title"
        | "replace" | "csv" | "json" | "tojson" | "capitalize" | "indent" | "format" => Some(Sort::Text),
        "bool" => Some(Sort::Flag),
        "list" | "lines" | "split" | "map" | "select" | "selectattr" | "reject" | "rejectattr" | "unique"
        | "batch" | "slice" | "sort" => Some(Sort::List),
        "default" | "d" => inner,
        _ => None,
    }
}
