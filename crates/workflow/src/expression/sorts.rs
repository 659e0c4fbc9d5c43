//! Works out which sort of value an expression gives, as far as its names are known, and finds what can never work.

#![expect(clippy::wildcard_enum_match_arm, reason = "of most forms of an expression no sort is known")]

use std::ops::Range;

use minijinja::Value;
use minijinja::machinery::ast::{BinOpKind, CompareOpKind, Expr, UnaryOpKind};
use minijinja::machinery::parse_expr;
use minijinja::value::ValueKind;

use super::arguments::{self, Refused};
use super::dates;
use super::names::{self, Name, span};
use super::sort::{Sort, Sorts};
use super::{plain, syntax};

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

/// What a name may be.
pub(super) type SortsOf<'s> = &'s dyn Fn(&Name) -> Sorts;

/// What a whole expression may give.
pub fn of_expression(text: &str, known: SortsOf<'_>) -> Sorts {
    let Ok(expression) = parse_expr(text) else { return Sorts::UNKNOWN };
    Walk::new(text, known).sorts(&expression)
}

/// What the elements of a list may be.
pub fn of_elements(text: &str, known: SortsOf<'_>, elements: SortsOf<'_>) -> Sorts {
    let Ok(expression) = parse_expr(text) else { return Sorts::UNKNOWN };
    let mut walk = Walk::new(text, known);
    walk.elements(&expression, elements)
}

/// What is wrong with an expression; `truth`: it is a condition.
pub fn faults_of_expression(text: &str, truth: bool, known: SortsOf<'_>) -> Vec<SortFault> {
    let Ok(expression) = parse_expr(text) else { return Vec::new() };
    let mut walk = Walk::new(text, known);
    let sorts = walk.sorts(&expression);
    if let (true, Some(sort @ (Sort::Number | Sort::Text | Sort::Map))) = (truth, sorts.only()) {
        walk.faults.push(SortFault { at: 0..text.len(), what: SortProblem::NoTruth { sort } });
    }
    walk.faults
}

/// The same for each hole of a string.
pub fn faults_of_template(text: &str, known: SortsOf<'_>) -> Vec<SortFault> {
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
    known: SortsOf<'w>,
    faults: Vec<SortFault>,
    /// Within what a condition may pass over.
    guarded: bool,
}

impl<'w> Walk<'w> {
    fn new(text: &'w str, known: SortsOf<'w>) -> Self {
        Self { text, known, faults: Vec::new(), guarded: false }
    }

    /// What a name may be. Behind a condition it may be fewer: `fee is number and fee > 50`, `vip and fee > 50`.
    fn of_name(&self, name: &Name) -> Sorts {
        let sorts = (self.known)(name);
        if self.guarded { sorts.unless_several() } else { sorts }
    }

    fn guarded(&mut self, expression: &Expr<'_>) -> Sorts {
        let before = std::mem::replace(&mut self.guarded, true);
        let sorts = self.sorts(expression);
        self.guarded = before;
        sorts
    }
}

impl Walk<'_> {
    fn written(&self, expression: &Expr<'_>) -> String {
        self.text.get(at(expression)).unwrap_or_default().to_owned()
    }

    #[expect(clippy::too_many_lines, reason = "one arm for each kind of expression")]
    fn sorts(&mut self, expression: &Expr<'_>) -> Sorts {
        if let Some(name) = names::path(expression) {
            return self.of_name(&name);
        }
        if let Some((name, call)) = names::called(expression) {
            self.keys(&name, &call.args);
            return self.of_name(&name);
        }
        match expression {
            Expr::Const(value) => constant(&value.value),
            Expr::UnaryOp(unary) => {
                let inner = self.sorts(&unary.expr);
                match unary.op {
                    UnaryOpKind::Not => Sort::Flag.into(),
                    UnaryOpKind::Neg => {
                        self.number("-", &unary.expr, inner);
                        Sort::Number.into()
                    }
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
                Sort::Flag.into()
            }
            Expr::IfExpr(choice) => {
                self.sorts(&choice.test_expr);
                if let Some(always) = self.always(&choice.test_expr) {
                    let taken = if always { Some(&choice.true_expr) } else { choice.false_expr.as_ref() };
                    return taken.map_or(Sorts::UNKNOWN, |taken| self.sorts(taken));
                }
                let one = self.guarded(&choice.true_expr);
                let other = choice.false_expr.as_ref().map(|other| self.guarded(other));
                other.map_or(Sorts::UNKNOWN, |other| one.or(other))
            }
            Expr::Filter(filter) => {
                let inner = filter.expr.as_ref().map_or(Sorts::UNKNOWN, |value| self.sorts(value));
                let words = self.arguments(&filter.args);
                self.column(filter);
                let receiver = inner.with_blank().find_map(|sort| arguments::of_receiver(filter.name, sort));
                if let Some(why) = receiver.or_else(|| arguments::of_filter(self.text, filter)) {
                    let from = filter.expr.as_ref().map_or(usize::MAX, |receiver| at(receiver).start);
                    let own = span(&expression.span());
                    self.refuse(from.min(own.start)..own.end, filter.name, why);
                }
                filtered(filter.name, inner, words.first().copied())
            }
            Expr::Test(test) => {
                self.sorts(&test.expr);
                self.arguments(&test.args);
                Sort::Flag.into()
            }
            Expr::Call(call) => {
                let words = self.arguments(&call.args);
                if let Expr::Var(function) = &call.expr {
                    let word = words
                        .iter()
                        .enumerate()
                        .find_map(|(at, word)| arguments::of_word(function.id, at, *word));
                    if let Some(why) = word.or_else(|| arguments::of_call(self.text, call)) {
                        self.refuse(at(expression), function.id, why);
                    }
                }
                match &call.expr {
                    Expr::Var(function) => of_function(function.id),
                    _ => Sorts::UNKNOWN,
                }
            }
            Expr::GetAttr(attr) => {
                self.sorts(&attr.expr);
                Sorts::UNKNOWN
            }
            Expr::GetItem(item) => {
                let (list, place) = (self.sorts(&item.expr), self.sorts(&item.subscript_expr));
                if (list.only(), place.only()) == (Some(Sort::List), Some(Sort::Text)) {
                    let (list, place) = (self.written(&item.expr), self.written(&item.subscript_expr));
                    let at = at(expression);
                    self.faults.push(SortFault { at, what: SortProblem::NoPlace { list, place } });
                }
                Sorts::UNKNOWN
            }
            Expr::List(list) => {
                for item in &list.items {
                    self.sorts(item);
                }
                Sort::List.into()
            }
            Expr::Map(_) => Sort::Map.into(),
            _ => Sorts::UNKNOWN,
        }
    }

    /// How a condition comes out whatever the values are, where constants alone decide it.
    fn always(&self, condition: &Expr<'_>) -> Option<bool> {
        match condition {
            Expr::Const(value) => Some(value.value.is_true()),
            Expr::UnaryOp(unary) if matches!(unary.op, UnaryOpKind::Not) => {
                self.always(&unary.expr).map(|always| !always)
            }
            Expr::BinOp(binary) if matches!(binary.op, BinOpKind::ScAnd | BinOpKind::ScOr) => {
                let decides = matches!(binary.op, BinOpKind::ScOr);
                match self.always(&binary.left) {
                    Some(left) if left == decides => Some(left),
                    Some(_) => self.always(&binary.right),
                    None => self.always(&binary.right).filter(|right| *right == decides),
                }
            }
            Expr::IfExpr(choice) => match self.always(&choice.test_expr)? {
                true => self.always(&choice.true_expr),
                false => self.always(choice.false_expr.as_ref()?),
            },
            other => plain::condition(self.text, other)?.holds(&Value::UNDEFINED),
        }
    }

    fn elements(&mut self, list: &Expr<'_>, of_name: SortsOf<'_>) -> Sorts {
        if let Some(name) = names::path(list) {
            return of_name(&name);
        }
        match list {
            Expr::Const(value) => match value.value.try_iter() {
                Ok(items) => Sorts::of_any(items.map(|item| constant(&item))),
                Err(_) => Sorts::UNKNOWN,
            },
            Expr::List(list) => Sorts::of_any(list.items.iter().map(|item| self.sorts(item))),
            Expr::IfExpr(choice) => {
                let other = choice.false_expr.as_ref().map(|other| self.elements(other, of_name));
                other.map_or(Sorts::UNKNOWN, |other| self.elements(&choice.true_expr, of_name).or(other))
            }
            Expr::Call(call) if matches!(&call.expr, Expr::Var(function) if function.id == "range") => {
                Sort::Number.into()
            }
            Expr::Filter(filter) => {
                let Some(inner) = &filter.expr else { return Sorts::UNKNOWN };
                match filter.name {
                    "split" | "lines" => Sort::Text.into(),
                    "unique" | "sort" | "reverse" | "list" | "select" | "reject" | "selectattr"
                    | "rejectattr" => self.elements(inner, of_name),
                    "default" | "d" => match filter.args.as_slice() {
                        [minijinja::machinery::ast::CallArg::Pos(other)] => {
                            self.elements(inner, of_name).or(self.elements(other, of_name))
                        }
                        _ => Sorts::UNKNOWN,
                    },
                    _ => Sorts::UNKNOWN,
                }
            }
            _ => Sorts::UNKNOWN,
        }
    }

    /// What a table is asked by, held against what stands in its columns.
    fn keys(&mut self, table: &Name, asked: &[minijinja::machinery::ast::CallArg<'_>]) {
        let all = self.arguments(asked);
        for (argument, sorts) in asked.iter().zip(all) {
            let minijinja::machinery::ast::CallArg::Kwarg(column, value) = argument else { continue };
            let cells = Name {
                kind: names::NameKind::Column,
                path: table.path.iter().take(2).cloned().chain(["*".into(), (*column).into()]).collect(),
                call: None,
                ..table.clone()
            };
            let found = (self.known)(&cells);
            let never = sorts.known().find(|sort| !found.may_be(*sort));
            if let (Some(sort), Some(cell)) = (never, found.known().next()) {
                let column = format!("{}.column('{column}')", table.path.join("."));
                let what = SortProblem::Unlike { left: (self.written(value), sort), right: (column, cell) };
                self.faults.push(SortFault { at: at(value), what });
            }
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
        if let Some(sort) = (self.known)(&name).known().find(|sort| *sort != Sort::Number) {
            let side = self.text.get(name.at.clone()).unwrap_or_default().to_owned();
            self.faults.push(SortFault { at: name.at, what: SortProblem::NoNumber { sign, side, sort } });
        }
    }

    fn arguments(&mut self, arguments: &[minijinja::machinery::ast::CallArg<'_>]) -> Vec<Sorts> {
        use minijinja::machinery::ast::CallArg::{Kwarg, KwargSplat, Pos, PosSplat};
        let each = arguments.iter().map(|argument| match argument {
            Pos(value) | Kwarg(_, value) | PosSplat(value) | KwargSplat(value) => self.sorts(value),
        });
        each.collect()
    }

    fn binary(&mut self, op: BinOpKind, left: &Expr<'_>, right: &Expr<'_>) -> Sorts {
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
                Sort::Flag.into()
            }
            ScAnd => self.sorts(left).of_what_is_false().or(self.guarded(right)),
            ScOr => self.sorts(left).of_what_is_true().or(self.guarded(right)),
            Concat => {
                self.sorts(left);
                self.sorts(right);
                Sort::Text.into()
            }
            Add => self.sum(left, right),
            Sub | Mul | Div | FloorDiv | Rem | Pow => {
                let sign = match op {
                    Sub => "-",
                    Mul => "*",
                    Div => "/",
                    FloorDiv => "//",
                    Rem => "%",
                    _ => "**",
                };
                let (one, other) = (self.sorts(left), self.sorts(right));
                if !self.number(sign, left, one) {
                    self.number(sign, right, other);
                }
                if ["/", "//", "%"].contains(&sign) && arguments::is_zero(right) {
                    self.refuse(at(right), sign, Refused::Zero);
                }
                Sort::Number.into()
            }
        }
    }

    /// `+` is of numbers, of texts and of lists, and of no two of them. Of a sum with one side unknown nobody can say
    /// that it is none of texts.
    fn sum(&mut self, left: &Expr<'_>, right: &Expr<'_>) -> Sorts {
        let (one, other) = (self.sorts(left), self.sorts(right));
        let adds = |sort: &Sort| matches!(sort, Sort::Number | Sort::Text | Sort::List);
        let mut pairs = one.with_blank().flat_map(|a| other.with_blank().map(move |b| (a, b)));
        if let Some((a, b)) = pairs.find(|(a, b)| a != b || !adds(a)) {
            let wrong = if a == Sort::Number { (right, b) } else { (left, a) };
            self.no_number("+", wrong.0, wrong.1);
            return Sort::Number.into();
        }
        Sorts::of_any(one.with_blank().chain(other.with_blank()).filter(adds).map(Sorts::from))
    }

    fn refuse(&mut self, at: Range<usize>, called: &str, why: Refused) {
        let written = self.text.get(at.clone()).unwrap_or_default().to_owned();
        let what = SortProblem::Refused { written, called: called.to_owned(), why };
        self.faults.push(SortFault { at, what });
    }

    /// Whether a side of a sign is found to be no number.
    fn number(&mut self, sign: &'static str, side: &Expr<'_>, sorts: Sorts) -> bool {
        let wrong = sorts.with_blank().find(|sort| *sort != Sort::Number);
        if let Some(sort) = wrong {
            self.no_number(sign, side, sort);
        }
        wrong.is_some()
    }

    fn no_number(&mut self, sign: &'static str, side: &Expr<'_>, sort: Sort) {
        let what = SortProblem::NoNumber { sign, side: self.written(side), sort };
        self.faults.push(SortFault { at: at(side), what });
    }

    fn compared(&mut self, left: &Expr<'_>, right: &Expr<'_>, how: How) {
        let (one, other) = (self.sorts(left), self.sorts(right));
        // Only what is looked for in a text is one also when it is blank.
        let looked: Vec<Sort> =
            if how == How::Within { one.with_blank().collect() } else { one.known().collect() };
        let pairs = looked.into_iter().flat_map(|a| other.known().map(move |b| (a, b)));
        let Some((one, other)) = pairs.into_iter().find(|(a, b)| !goes_with(*a, *b, how)) else { return };
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

fn goes_with(one: Sort, other: Sort, how: How) -> bool {
    match how {
        How::Equal => one == other,
        How::Order => one == other && matches!(one, Sort::Number | Sort::Text),
        How::Within => other == Sort::List || one == Sort::Text && matches!(other, Sort::Text | Sort::Map),
    }
}

/// Where an expression stands; the parser gives a path's own place without its beginning.
fn at(expression: &Expr<'_>) -> Range<usize> {
    let name = names::path(expression).or_else(|| names::called(expression).map(|(name, _)| name));
    name.map_or_else(|| span(&expression.span()), |name| name.at)
}

/// What a value that is written in a file is.
pub fn constant(value: &minijinja::Value) -> Sorts {
    match value.kind() {
        ValueKind::Bool => Sort::Flag.into(),
        ValueKind::Number => Sort::Number.into(),
        ValueKind::String if value.as_str() == Some("") => Sorts::BLANK,
        ValueKind::String if dates::is_one(value) => Sort::Text.into(),
        ValueKind::String => Sorts::WORD,
        ValueKind::Seq => Sort::List.into(),
        _ => Sorts::UNKNOWN,
    }
}

fn of_function(function: &str) -> Sorts {
    match function {
        "days" | "hours" | "months" | "workdays" => Sort::Number.into(),
        "superiors" | "members" | "gaps" | "range" => Sort::List.into(),
        "shift" => Sort::Text.into(),
        _ => Sorts::UNKNOWN,
    }
}

/// `other`: the first word of the filter.
fn filtered(filter: &str, inner: Sorts, other: Option<Sorts>) -> Sorts {
    match filter {
        "length" | "count" | "int" | "number" | "round" | "abs" | "sum" | "year" | "month" | "day" => {
            Sort::Number.into()
        }
        "string" | "upper" | "lower" | "trim" | "date" | "time" | "datetime" | "money" | "join" | "title"
        | "replace" | "csv" | "json" | "tojson" | "capitalize" | "indent" | "format" => Sort::Text.into(),
        "bool" => Sort::Flag.into(),
        "list" | "lines" | "split" | "map" | "select" | "selectattr" | "reject" | "rejectattr" | "unique"
        | "batch" | "slice" | "sort" => Sort::List.into(),
        "default" | "d" => inner.or(other.unwrap_or(Sorts::BLANK)),
        _ => Sorts::UNKNOWN,
    }
}
