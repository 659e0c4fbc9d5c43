//! What needs no machine: a path (`input.mail`), and comparisons of paths and constants, joined by `and`, `or`, `not`.
//!
//! They are compared by the machine's own operators. Whatever is not at once there is left to the machine, which then
//! says what is missing or does not fit; so the two cannot differ.

#![expect(clippy::wildcard_enum_match_arm, reason = "every other expression is the machine's")]

use std::cmp::Ordering;
use std::sync::Arc;

use minijinja::Value;
use minijinja::machinery::ast::{BinOpKind, CompareOpKind, Expr, UnaryOpKind};
use minijinja::machinery::parse_expr;
use minijinja::value::ValueKind;

use super::number::number_of_text;
use super::{operators, rewrite};

#[derive(Clone, Debug)]
pub(super) enum Plain {
    Path(Path),
    Condition(Arc<Condition>),
}

type Path = Arc<[Arc<str>]>;

/// Yes or no.
#[derive(Debug)]
pub(super) enum Condition {
    Compare(Operand, Relation, Operand),
    Not(Box<Self>),
    Both(Box<Self>, Box<Self>),
    Either(Box<Self>, Box<Self>),
}

#[derive(Debug)]
pub(super) enum Operand {
    Path(Path),
    Constant(Value),
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Relation {
    Equal,
    Less,
    LessOrEqual,
    More,
    MoreOrEqual,
    In,
}

impl Plain {
    pub(super) fn of(text: &str) -> Option<Self> {
        let text = text.trim();
        let parsed = parse_expr(text).ok()?;
        match path(&parsed) {
            Some(path) => Some(Self::Path(path)),
            None => condition(text, &parsed).map(|condition| Self::Condition(Arc::new(condition))),
        }
    }

    /// `None`: the machine must say.
    pub(super) fn value(&self, scope: &Value) -> Option<Value> {
        match self {
            Self::Path(path) => follow(scope, path),
            Self::Condition(condition) => condition.holds(scope).map(Value::from),
        }
    }
}

fn path(expression: &Expr<'_>) -> Option<Path> {
    let mut parts = vec![];
    let mut at = expression;
    loop {
        match at {
            Expr::Var(variable) => {
                parts.push(Arc::from(variable.id));
                parts.reverse();
                return Some(parts.into());
            }
            Expr::GetAttr(attribute) => {
                parts.push(Arc::from(attribute.name));
                at = &attribute.expr;
            }
            _ => return None,
        }
    }
}

fn follow(scope: &Value, path: &[Arc<str>]) -> Option<Value> {
    let mut value = scope.get_attr(path.first()?).ok()?;
    for name in &path[1..] {
        value = value.get_attr(name).ok()?;
    }
    // What could not be worked out (a name of `[let]`) carries why; the machine tells it.
    (!value.is_undefined() && value.kind() != ValueKind::Invalid).then_some(value)
}

fn operand(text: &str, expression: &Expr<'_>) -> Option<Operand> {
    match expression {
        Expr::Const(constant) if constant.value.is_number() && !constant.value.is_integer() => {
            let digits = rewrite::digits_of(text, &constant.value, &constant.span());
            number_of_text(&digits).map(Operand::Constant)
        }
        Expr::Const(constant) => Some(Operand::Constant(constant.value.clone())),
        other => path(other).map(Operand::Path),
    }
}

pub(super) fn condition(text: &str, expression: &Expr<'_>) -> Option<Condition> {
    match expression {
        Expr::UnaryOp(unary) if matches!(unary.op, UnaryOpKind::Not) => {
            Some(Condition::Not(condition(text, &unary.expr)?.into()))
        }
        Expr::BinOp(binary) => {
            let compare = |op| compare(text, op, &binary.left, &binary.right);
            match binary.op {
                BinOpKind::ScAnd => Some(Condition::Both(
                    condition(text, &binary.left)?.into(),
                    condition(text, &binary.right)?.into(),
                )),
                BinOpKind::ScOr => Some(Condition::Either(
                    condition(text, &binary.left)?.into(),
                    condition(text, &binary.right)?.into(),
                )),
                BinOpKind::Eq => compare(CompareOpKind::Eq),
                BinOpKind::Ne => compare(CompareOpKind::Ne),
                BinOpKind::Lt => compare(CompareOpKind::Lt),
                BinOpKind::Lte => compare(CompareOpKind::Lte),
                BinOpKind::Gt => compare(CompareOpKind::Gt),
                BinOpKind::Gte => compare(CompareOpKind::Gte),
                BinOpKind::In => compare(CompareOpKind::In),
                _ => None,
            }
        }
        Expr::Compare(chain) => match chain.ops.as_slice() {
            [only] => compare(text, only.op, &chain.expr, &only.expr),
            _ => None,
        },
        _ => None,
    }
}

fn compare(text: &str, op: CompareOpKind, left: &Expr<'_>, right: &Expr<'_>) -> Option<Condition> {
    let (relation, holds) = match op {
        CompareOpKind::Eq => (Relation::Equal, true),
        CompareOpKind::Ne => (Relation::Equal, false),
        CompareOpKind::Lt => (Relation::Less, true),
        CompareOpKind::Lte => (Relation::LessOrEqual, true),
        CompareOpKind::Gt => (Relation::More, true),
        CompareOpKind::Gte => (Relation::MoreOrEqual, true),
        CompareOpKind::In => (Relation::In, true),
        CompareOpKind::NotIn => (Relation::In, false),
    };
    let compared = Condition::Compare(operand(text, left)?, relation, operand(text, right)?);
    Some(if holds { compared } else { Condition::Not(compared.into()) })
}

impl Operand {
    fn value(&self, scope: &Value) -> Option<Value> {
        match self {
            Self::Constant(value) => Some(value.clone()),
            Self::Path(path) => follow(scope, path),
        }
    }
}

impl Condition {
    /// `None`: the machine must say.
    pub(super) fn holds(&self, scope: &Value) -> Option<bool> {
        match self {
            Self::Not(other) => other.holds(scope).map(|holds| !holds),
            Self::Both(left, right) => {
                if left.holds(scope)? {
                    right.holds(scope)
                } else {
                    Some(false)
                }
            }
            Self::Either(left, right) => {
                if left.holds(scope)? {
                    Some(true)
                } else {
                    right.holds(scope)
                }
            }
            Self::Compare(left, relation, right) => {
                let (a, b) = (left.value(scope)?, right.value(scope)?);
                let order = |fits: fn(Ordering) -> bool| {
                    operators::order(&a, &b).ok().map(|order| order.is_some_and(fits))
                };
                match relation {
                    Relation::Equal => operators::equal(&a, &b).ok(),
                    Relation::Less => order(Ordering::is_lt),
                    Relation::LessOrEqual => order(Ordering::is_le),
                    Relation::More => order(Ordering::is_gt),
                    Relation::MoreOrEqual => order(Ordering::is_ge),
                    Relation::In => operators::contained(&a, &b).ok(),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expression::{machine, value_of_json};

    #[test]
    fn what_is_answered_without_the_machine_is_what_the_machine_answers() {
        let scope = value_of_json(
            r#"{"i":{"n":3,"half":0.5,"text":"3","no":false,"list":["a",3],"none":null,"e":""}}"#,
        );
        let operands = [
            "i.n", "i.half", "i.text", "i.no", "i.list", "i.none", "i.e", "i", "i.absent", "gone", "3",
            "3.0", "'3'", "''", "true", "none", "['a', 3]", "-1",
        ];
        let mut answered = 0;
        for op in ["==", "!=", "<", "<=", ">", ">=", "in", "not in"] {
            for left in operands {
                for right in operands {
                    for form in ["L", "not L", "L and i.n == 3", "L or i.n == 3", "i.n == 4 or not L"] {
                        let text: Arc<str> = form.replace('L', &format!("{left} {op} {right}")).into();
                        let Some(short) = Plain::of(&text).and_then(|plain| plain.value(&scope)) else {
                            continue;
                        };
                        answered += 1;
                        let machine = machine::evaluate(&text, &scope);
                        assert_eq!(machine.as_ref().ok(), Some(&short), "{text}: {machine:?}");
                    }
                }
            }
        }
        assert!(answered > 3_000, "{answered}: most of them need no machine");
    }

    #[test]
    fn a_name_that_could_not_be_worked_out_tells_why_wherever_it_is_read() {
        let error =
            |cause: &str| minijinja::Error::new(minijinja::ErrorKind::InvalidOperation, cause.to_owned());
        let scope = Value::from_pairs([("l0", Value::from(error("`input.n` is empty")))]);
        for text in ["l0", "l0.part", "l0 == 1", "not (l0 < 1)", "l0 + 1", "[l0]"] {
            let told = crate::expression::Expression::parse(text).unwrap().value(&scope).unwrap_err();
            assert!(
                told.message.ends_with("cannot be worked out: `input.n` is empty"),
                "{text}: {}",
                told.message
            );
        }
    }

    #[test]
    fn only_paths_and_conditions_need_no_machine() {
        for plain in ["input.mail", " now ", "a.b == 'x'", "not (a in b)", "a == 1 and (b > 2 or c != none)"]
        {
            assert!(Plain::of(plain).is_some(), "{plain}");
        }
        for other in
            ["a + 1", "a|upper", "a and b", "a if b", "f(a)", "a[0]", "a < b < c", "a is defined", "1", "'x'"]
        {
            assert!(Plain::of(other).is_none(), "{other}");
        }
    }
}
