//! Says an expression in the words of a person: `step.look.result == 'open'` is 「结果」为「需要处理」.

#![expect(clippy::wildcard_enum_match_arm, reason = "what has no words is shown as it is written")]

use std::ops::Range;
use std::sync::Arc;

use minijinja::machinery::ast::{BinOpKind, Call, CallArg, CompareOpKind, Expr, UnaryOpKind};
use minijinja::machinery::parse_expr;
use minijinja::value::ValueKind;

use super::names::{self, span};
use super::{print, syntax};
use crate::problem::Lang;

/// How deep names are followed into what they stand for.
const DEEPEST: u8 = 4;

/// What a reader calls the names of a file.
pub trait Dictionary {
    fn language(&self) -> Lang;
    /// `["step", "look", "result"]`.
    fn name(&self, path: &[Arc<str>]) -> Option<String>;
    /// The column of a table's row, or the row.
    fn cell(&self, table: &str, column: Option<&str>) -> String;
    /// What a code of that field is called.
    fn option(&self, path: &[Arc<str>], code: &str) -> Option<String>;
    /// Whether what it names is answered by yes or no; `None`: nobody can say.
    fn is_yes_or_no(&self, path: &[Arc<str>]) -> Option<bool>;
    /// The expression that a name of `let` stands for.
    fn meaning(&self, name: &str) -> Option<Arc<str>>;
}

/// A condition as a clause.
pub fn condition(text: &str, dictionary: &dyn Dictionary) -> String {
    Speaker { text, dictionary, deep: 0 }.whole(true)
}

/// A value as a phrase.
pub fn phrase(text: &str, dictionary: &dyn Dictionary) -> String {
    Speaker { text, dictionary, deep: 0 }.whole(false)
}

/// A string, its holes as phrases between `‹` and `›`.
pub fn with_holes(text: &str, dictionary: &dyn Dictionary) -> String {
    let mut said = String::new();
    for piece in syntax::split(text).unwrap_or_default() {
        match piece {
            syntax::Piece::Text(range) => said.push_str(&text[range]),
            syntax::Piece::Hole(range) => {
                said.push_str(&format!("‹{}›", bare(&phrase(text[range].trim(), dictionary))));
            }
        }
    }
    said
}

/// Without the quotes around it, where they are the only ones.
fn bare(phrase: &str) -> &str {
    let inner = |open, close| phrase.strip_prefix(open)?.strip_suffix(close);
    let bare = inner('「', '」').or_else(|| inner('“', '”'));
    bare.filter(|bare| !bare.contains(['「', '“'])).unwrap_or(phrase)
}

struct Speaker<'s> {
    text: &'s str,
    dictionary: &'s dyn Dictionary,
    deep: u8,
}

impl Speaker<'_> {
    fn pick(&self, zh: String, en: String) -> String {
        match self.dictionary.language() {
            Lang::Zh => zh,
            Lang::En => en,
        }
    }

    fn whole(&self, truth: bool) -> String {
        match parse_expr(self.text) {
            Ok(expression) if truth => self.truth(&expression),
            Ok(expression) => self.value(&expression),
            Err(_) => self.text.to_owned(),
        }
    }

    fn inner(&self, text: &str, truth: bool) -> Option<String> {
        (self.deep < DEEPEST)
            .then(|| Speaker { text, dictionary: self.dictionary, deep: self.deep + 1 }.whole(truth))
    }

    fn as_written(&self, expression: &Expr<'_>) -> String {
        format!("`{}`", self.text.get(place(expression)).unwrap_or(self.text))
    }

    fn truth(&self, expression: &Expr<'_>) -> String {
        match expression {
            Expr::BinOp(binary) if matches!(binary.op, BinOpKind::ScAnd | BinOpKind::ScOr) => {
                let and = matches!(binary.op, BinOpKind::ScAnd);
                let side = |side: &Expr<'_>| {
                    let said = self.truth(side);
                    let or = matches!(side, Expr::BinOp(inner) if matches!(inner.op, BinOpKind::ScOr));
                    if and && or { self.pick(format!("({said})"), format!("({said})")) } else { said }
                };
                let (left, right) = (side(&binary.left), side(&binary.right));
                match and {
                    true => self.pick(format!("{left},且{right}"), format!("{left} and {right}")),
                    false => self.pick(format!("{left}或{right}"), format!("{left} or {right}")),
                }
            }
            Expr::UnaryOp(unary) if matches!(unary.op, UnaryOpKind::Not) => {
                if let Some((left, right)) = within(&unary.expr) {
                    return self.compared(CompareOpKind::NotIn, left, right);
                }
                let path = names::path(&unary.expr).map(|name| name.path);
                let is_flag = path.and_then(|path| self.dictionary.is_yes_or_no(&path));
                match is_flag {
                    Some(true) => {
                        let said = self.value(&unary.expr);
                        return self.pick(format!("{said}不为“是”"), format!("{said} is not yes"));
                    }
                    Some(false) => {
                        let said = self.value(&unary.expr);
                        return self.pick(format!("没有{said}"), format!("there is no {said}"));
                    }
                    None => {}
                }
                let said = self.truth(&unary.expr);
                self.pick(format!("并非“{said}”"), format!("not ({said})"))
            }
            Expr::BinOp(_) | Expr::Compare(_) | Expr::Test(_) | Expr::Const(_) => self.value(expression),
            _ => {
                let path = names::path(expression).map(|name| name.path).unwrap_or_default();
                if let [name] = path.as_slice()
                    && let Some(said) = self.dictionary.meaning(name).and_then(|own| self.inner(&own, true))
                {
                    return said;
                }
                let said = self.value(expression);
                if self.dictionary.is_yes_or_no(&path) == Some(false) {
                    return self.pick(format!("有{said}"), format!("there is {said}"));
                }
                self.pick(format!("{said}为“是”"), format!("{said} is yes"))
            }
        }
    }

    /// Whether it is a thing, and no condition: `input.mail or 'group:热线'` is one of two.
    fn is_thing(&self, expression: &Expr<'_>) -> bool {
        if let Some(path) = names::path(expression).map(|name| name.path) {
            return match path.as_slice() {
                [name] if self.deep < DEEPEST => match self.dictionary.meaning(name) {
                    Some(own) => {
                        let inner = Speaker { text: &own, dictionary: self.dictionary, deep: self.deep + 1 };
                        parse_expr(&own).is_ok_and(|own| inner.is_thing(&own))
                    }
                    None => true,
                },
                path => self.dictionary.is_yes_or_no(path) != Some(true),
            };
        }
        match expression {
            Expr::Const(constant) => constant.value.kind() != ValueKind::Bool,
            Expr::BinOp(binary) => match binary.op {
                BinOpKind::ScAnd => self.is_thing(&binary.right),
                BinOpKind::ScOr => self.is_thing(&binary.left) || self.is_thing(&binary.right),
                BinOpKind::Eq
                | BinOpKind::Ne
                | BinOpKind::Lt
                | BinOpKind::Lte
                | BinOpKind::Gt
                | BinOpKind::Gte
                | BinOpKind::In => false,
                BinOpKind::Add
                | BinOpKind::Sub
                | BinOpKind::Mul
                | BinOpKind::Div
                | BinOpKind::FloorDiv
                | BinOpKind::Rem
                | BinOpKind::Pow
                | BinOpKind::Concat => true,
            },
            Expr::Compare(_) | Expr::Test(_) | Expr::UnaryOp(_) => false,
            _ => true,
        }
    }

    /// `a or b`, `a and b` of things: the first that there is, the second if the first holds.
    fn one_of_two(&self, op: BinOpKind, left: &Expr<'_>, right: &Expr<'_>) -> String {
        if matches!(op, BinOpKind::ScOr) {
            let (one, other) = (self.value(left), self.value(right));
            return self.pick(format!("{one},没有时为{other}"), format!("{one}, or else {other}"));
        }
        let (test, said) = (self.truth(left), self.value(right));
        self.pick(format!("{test}时为{said}"), format!("{said} (if {test})"))
    }

    fn value(&self, expression: &Expr<'_>) -> String {
        if let Some(name) = names::path(expression) {
            return self.name(expression, &name.path);
        }
        if let Some((name, _)) = names::called(expression) {
            let own = name.call.unwrap_or_default();
            let table = name.path.get(1).map(|table| &**table).unwrap_or_default();
            let column = if name.path.len() > 2 { own.first } else { own.attribute };
            return self.dictionary.cell(table, column.as_deref());
        }
        match expression {
            Expr::Const(constant) => self.constant(&constant.value),
            Expr::BinOp(binary) => self.binary(binary.op, &binary.left, &binary.right, expression),
            Expr::Compare(compare) => {
                let mut said = Vec::new();
                let mut left = &compare.expr;
                for op in &compare.ops {
                    said.push(self.compared(op.op, left, &op.expr));
                    left = &op.expr;
                }
                said.join(&self.pick(",且".to_owned(), " and ".to_owned()))
            }
            Expr::IfExpr(choice) => {
                let (test, yes) = (self.truth(&choice.test_expr), self.value(&choice.true_expr));
                let no = choice.false_expr.as_ref().map(|no| self.value(no)).unwrap_or_default();
                self.pick(format!("{yes}({test}时),否则{no}"), format!("{yes} (if {test}), else {no}"))
            }
            Expr::Filter(filter) => self.filtered(filter.name, filter.expr.as_ref(), expression),
            Expr::GetAttr(attr) => {
                let of = self.value(&attr.expr);
                self.pick(format!("{of}的「{}」", attr.name), format!("“{}” of {of}", attr.name))
            }
            Expr::List(list) => self.list(&list.items),
            Expr::Call(call) => self.superior(call).unwrap_or_else(|| self.as_written(expression)),
            _ => self.as_written(expression),
        }
    }

    /// `superior('role:班长')`: the one function that says who does something.
    fn superior(&self, call: &Call<'_>) -> Option<String> {
        let (Expr::Var(name), [CallArg::Pos(of)]) = (&call.expr, call.args.as_slice()) else { return None };
        if name.id != "superior" {
            return None;
        }
        let of = match of {
            Expr::Const(who) => {
                let who = who.value.as_str()?;
                let who = who.split_once(':').map_or(who, |(_, who)| who);
                self.pick(format!("「{who}」"), format!("“{who}”"))
            }
            of => self.value(of),
        };
        Some(self.pick(format!("{of}的上级"), format!("the superior of {of}")))
    }

    fn name(&self, expression: &Expr<'_>, path: &[Arc<str>]) -> String {
        if let Some(said) = self.dictionary.name(path) {
            return said;
        }
        let Some((first, rest)) = path.split_first() else { return self.as_written(expression) };
        let Some(own) = self.dictionary.meaning(first) else { return self.as_written(expression) };
        // A row of a table and what is read of it are said in one.
        let column: String = rest.iter().map(|part| format!(".{part}")).collect();
        let text = if rest.is_empty() { own.to_string() } else { format!("({own}){column}") };
        let row = parse_expr(&own).ok().and_then(|own| names::called(&own).map(|(name, _)| name));
        match (row, rest.last()) {
            (Some(name), Some(column)) => {
                self.dictionary.cell(name.path.get(1).map(|table| &**table).unwrap_or_default(), Some(column))
            }
            _ => self.inner(&text, false).unwrap_or_else(|| self.as_written(expression)),
        }
    }

    fn constant(&self, value: &minijinja::Value) -> String {
        let mut text = String::new();
        print(value, &mut text);
        match value.kind() {
            ValueKind::String if text.is_empty() => self.pick("空".to_owned(), "nothing".to_owned()),
            ValueKind::String => self.pick(format!("「{text}」"), format!("“{text}”")),
            _ => text,
        }
    }

    fn list(&self, items: &[Expr<'_>]) -> String {
        let items: Vec<String> = items.iter().map(|item| self.value(item)).collect();
        items.join(&self.pick("、".to_owned(), ", ".to_owned()))
    }

    /// A code is said by its label, where the other side is a field with options.
    fn against(&self, side: &Expr<'_>, other: &Expr<'_>) -> String {
        let Some(path) = names::path(other).map(|name| name.path) else { return self.value(side) };
        let label = |code: &Expr<'_>| match code {
            Expr::Const(code) => code.value.as_str().and_then(|code| self.dictionary.option(&path, code)),
            _ => None,
        };
        let quoted = |label: String| self.pick(format!("「{label}」"), format!("“{label}”"));
        match side {
            Expr::List(list) => {
                let items =
                    list.items.iter().map(|item| label(item).map_or_else(|| self.value(item), quoted));
                let items: Vec<String> = items.collect();
                items.join(&self.pick("或".to_owned(), " or ".to_owned()))
            }
            Expr::Const(_) => label(side).map_or_else(|| self.value(side), quoted),
            _ => self.value(side),
        }
    }

    fn compared(&self, op: CompareOpKind, left: &Expr<'_>, right: &Expr<'_>) -> String {
        if let (Some(of), Expr::Const(bound)) = (counted(left), right)
            && bound.value.as_i64() == Some(0)
            && matches!(op, CompareOpKind::Gt | CompareOpKind::Eq)
        {
            let of = self.value(of);
            return match op {
                CompareOpKind::Eq => self.pick(format!("{of}为空"), format!("{of} is empty")),
                _ => self.pick(format!("{of}不为空"), format!("{of} is not empty")),
            };
        }
        let (one, other) = (self.against(left, right), self.against(right, left));
        let listed = matches!(right, Expr::List(_));
        let (zh, en) = match op {
            CompareOpKind::Eq => ("为", "is"),
            CompareOpKind::Ne => ("不为", "is not"),
            CompareOpKind::Lt => ("小于", "is below"),
            CompareOpKind::Lte => ("不超过", "is at most"),
            CompareOpKind::Gt => ("大于", "is above"),
            CompareOpKind::Gte => ("不少于", "is at least"),
            CompareOpKind::In if listed => ("为", "is"),
            CompareOpKind::NotIn if listed => ("不为", "is neither"),
            CompareOpKind::In => ("属于", "is among"),
            CompareOpKind::NotIn => ("不在", "is not among"),
        };
        let behind = if matches!(op, CompareOpKind::NotIn) && !listed { "之中" } else { "" };
        self.pick(format!("{one}{zh}{other}{behind}"), format!("{one} {en} {other}"))
    }

    fn binary(&self, op: BinOpKind, left: &Expr<'_>, right: &Expr<'_>, whole: &Expr<'_>) -> String {
        let sign = match op {
            BinOpKind::ScAnd | BinOpKind::ScOr if self.is_thing(whole) => {
                return self.one_of_two(op, left, right);
            }
            BinOpKind::ScAnd | BinOpKind::ScOr => return self.truth(whole),
            BinOpKind::Eq => return self.compared(CompareOpKind::Eq, left, right),
            BinOpKind::Ne => return self.compared(CompareOpKind::Ne, left, right),
            BinOpKind::Lt => return self.compared(CompareOpKind::Lt, left, right),
            BinOpKind::Lte => return self.compared(CompareOpKind::Lte, left, right),
            BinOpKind::Gt => return self.compared(CompareOpKind::Gt, left, right),
            BinOpKind::Gte => return self.compared(CompareOpKind::Gte, left, right),
            BinOpKind::In => return self.compared(CompareOpKind::In, left, right),
            BinOpKind::Add => "+",
            BinOpKind::Sub => "-",
            BinOpKind::Mul => "×",
            BinOpKind::Div | BinOpKind::FloorDiv => "÷",
            BinOpKind::Rem => "%",
            BinOpKind::Pow => "^",
            BinOpKind::Concat => "",
        };
        format!("{} {sign} {}", self.value(left), self.value(right))
    }

    fn filtered(&self, filter: &str, of: Option<&Expr<'_>>, whole: &Expr<'_>) -> String {
        let Some(of) = of else { return self.as_written(whole) };
        let said = self.value(of);
        match filter {
            "length" | "count" => self.pick(format!("{said}的个数"), format!("the length of {said}")),
            // What is left of a list cannot be said by the list.
            "selectattr" | "rejectattr" | "select" | "reject" => self.as_written(whole),
            // These change how a value is written, or pick one part of it.
            _ => said,
        }
    }
}

/// Where it stands. The parser counts a filter from its name, without what it is for.
fn place(expression: &Expr<'_>) -> Range<usize> {
    if let Expr::Filter(filter) = expression
        && let Some(of) = &filter.expr
    {
        let own = span(&expression.span());
        return place(of).start.min(own.start)..own.end;
    }
    names::path(expression).map_or_else(|| span(&expression.span()), |name| name.at)
}

/// `x in y`, however the parser has it.
fn within<'e, 'a>(expression: &'e Expr<'a>) -> Option<(&'e Expr<'a>, &'e Expr<'a>)> {
    match expression {
        Expr::BinOp(binary) if matches!(binary.op, BinOpKind::In) => Some((&binary.left, &binary.right)),
        Expr::Compare(compare) => match compare.ops.as_slice() {
            [op] if matches!(op.op, CompareOpKind::In) => Some((&compare.expr, &op.expr)),
            _ => None,
        },
        _ => None,
    }
}

/// What `x | length` counts.
fn counted<'e, 'a>(expression: &'e Expr<'a>) -> Option<&'e Expr<'a>> {
    match expression {
        Expr::Filter(filter) if matches!(filter.name, "length" | "count") => filter.expr.as_ref(),
        _ => None,
    }
}
