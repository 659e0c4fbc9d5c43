//! Writes an expression anew with our own operators in place of the machine's.
//!
//! The machine orders unlike kinds by rank, so that nothing (of a skipped step) would be more than 100, and divides by
//! zero into infinity. Our operators know the empty value, refuse what cannot be compared, and calculate as people do.

#![expect(clippy::wildcard_enum_match_arm, reason = "what the syntax check refuses is never written")]

use minijinja::Value;
use minijinja::machinery::ast::{BinOpKind, CallArg, CompareOpKind, Expr, Stmt, UnaryOpKind};
use minijinja::machinery::{Span, parse, parse_expr};
use minijinja::value::ValueKind;

use super::functions;
use super::number::number_of_text;
use super::{machine, print};

/// The text itself where it cannot be read: the machine then says why.
pub(super) fn expression(text: &str) -> String {
    let Ok(parsed) = parse_expr(text) else { return text.to_owned() };
    let mut writer = Writer { source: text, text: String::new() };
    writer.expression(&parsed);
    writer.text
}

pub(super) fn program(text: &str) -> String {
    let Ok(Stmt::Template(parsed)) = parse(text, "text", machine::syntax()) else { return text.to_owned() };
    let mut writer = Writer { source: text, text: String::new() };
    writer.statements(&parsed.children);
    writer.text
}

struct Writer<'s> {
    source: &'s str,
    text: String,
}

impl Writer<'_> {
    fn put(&mut self, text: &str) {
        self.text.push_str(text);
    }

    fn statements(&mut self, statements: &[Stmt<'_>]) {
        for statement in statements {
            self.statement(statement);
        }
    }

    fn statement(&mut self, statement: &Stmt<'_>) {
        match statement {
            // As a constant, so that no brace in it is read again and no line end is taken away.
            Stmt::EmitRaw(raw) => {
                self.put("{{ ");
                print::write_string(raw.raw, &mut self.text);
                self.put(" }}");
            }
            Stmt::EmitExpr(emit) => self.wrapped("{{ ", &emit.expr, " }}"),
            Stmt::ForLoop(each) => {
                self.put("{% for ");
                self.target(&each.target);
                self.wrapped(" in ", &each.iter, "");
                if let Some(filter) = &each.filter_expr {
                    self.wrapped(" if ", filter, "");
                }
                self.put(" %}");
                self.statements(&each.body);
                if !each.else_body.is_empty() {
                    self.put("{% else %}");
                    self.statements(&each.else_body);
                }
                self.put("{% endfor %}");
            }
            Stmt::IfCond(condition) => {
                self.wrapped("{% if ", &condition.expr, " %}");
                self.statements(&condition.true_body);
                if !condition.false_body.is_empty() {
                    self.put("{% else %}");
                    self.statements(&condition.false_body);
                }
                self.put("{% endif %}");
            }
            Stmt::WithBlock(with) => {
                self.put("{% with ");
                for (at, (target, value)) in with.assignments.iter().enumerate() {
                    self.put(if at > 0 { ", " } else { "" });
                    self.target(target);
                    self.wrapped(" = ", value, "");
                }
                self.put(" %}");
                self.statements(&with.body);
                self.put("{% endwith %}");
            }
            Stmt::Set(set) => {
                self.put("{% set ");
                self.target(&set.target);
                self.wrapped(" = ", &set.expr, " %}");
            }
            _ => {}
        }
    }

    fn target(&mut self, target: &Expr<'_>) {
        match target {
            Expr::List(list) => self.targets(&list.items),
            Expr::Tuple(tuple) => self.targets(&tuple.items),
            other => self.expression(other),
        }
    }

    fn targets(&mut self, items: &[Expr<'_>]) {
        self.put("(");
        for item in items {
            self.target(item);
            self.put(",");
        }
        self.put(")");
    }

    fn wrapped(&mut self, before: &str, expression: &Expr<'_>, after: &str) {
        self.put(before);
        self.expression(expression);
        self.put(after);
    }

    fn list(&mut self, items: &[Expr<'_>]) {
        for (at, item) in items.iter().enumerate() {
            self.put(if at > 0 { ", " } else { "" });
            self.expression(item);
        }
    }

    fn call(&mut self, function: &str, left: &Expr<'_>, right: &Expr<'_>) {
        self.put(function);
        self.wrapped("(", left, ", ");
        self.wrapped("", right, ")");
    }

    #[expect(clippy::too_many_lines, reason = "one arm for each kind of expression")]
    fn expression(&mut self, expression: &Expr<'_>) {
        match expression {
            Expr::Var(variable) => self.put(variable.id),
            Expr::Const(constant) => self.constant(&constant.value, &constant.span()),
            Expr::Slice(slice) => {
                self.wrapped("(", &slice.expr, ")[");
                for (at, part) in [&slice.start, &slice.stop, &slice.step].into_iter().enumerate() {
                    self.put(if at > 0 { ":" } else { "" });
                    if let Some(part) = part {
                        self.expression(part);
                    }
                }
                self.put("]");
            }
            Expr::UnaryOp(unary) => match unary.op {
                UnaryOpKind::Not => self.wrapped("(not ", &unary.expr, ")"),
                UnaryOpKind::Neg => self.wrapped("_neg(", &unary.expr, ")"),
            },
            Expr::BinOp(binary) => self.binary(binary.op, &binary.left, &binary.right),
            Expr::Compare(compare) => {
                let mut left = &compare.expr;
                self.put("(");
                for (at, op) in compare.ops.iter().enumerate() {
                    self.put(if at > 0 { " and " } else { "" });
                    self.compare(op.op, left, &op.expr);
                    left = &op.expr;
                }
                self.put(")");
            }
            Expr::IfExpr(choice) => {
                self.wrapped("(", &choice.true_expr, " if ");
                self.expression(&choice.test_expr);
                match &choice.false_expr {
                    Some(other) => self.wrapped(" else ", other, ")"),
                    // `{{ '!' if late }}` prints nothing otherwise.
                    None => self.put(" else none)"),
                }
            }
            Expr::Filter(filter) => {
                self.put("(");
                if let Some(value) = &filter.expr {
                    self.expression(value);
                }
                self.put(functions::filled_for(filter.name));
                self.put("|");
                self.put(filter.name);
                self.arguments(&filter.args);
                self.put(")");
            }
            Expr::Test(test) => {
                self.wrapped("(", &test.expr, " is ");
                self.put(test.name);
                if !test.args.is_empty() {
                    self.arguments(&test.args);
                }
                self.put(")");
            }
            Expr::GetAttr(attr) => {
                self.inner(&attr.expr);
                self.put(".");
                self.put(attr.name);
            }
            Expr::GetItem(item) => {
                self.inner(&item.expr);
                self.wrapped("[", &item.subscript_expr, "]");
            }
            Expr::Call(call) => {
                self.inner(&call.expr);
                self.arguments(&call.args);
            }
            Expr::List(list) => {
                self.put("[");
                self.list(&list.items);
                self.put("]");
            }
            Expr::Tuple(tuple) => {
                self.put("(");
                for item in &tuple.items {
                    self.wrapped("", item, ",");
                }
                self.put(")");
            }
            Expr::Map(map) => {
                self.put("{");
                for (at, (key, value)) in map.keys.iter().zip(&map.values).enumerate() {
                    self.put(if at > 0 { ", " } else { "" });
                    self.wrapped("", key, ": ");
                    self.expression(value);
                }
                self.put("}");
            }
        }
    }

    /// What stands before a point or a bracket: a call must stay one of a method.
    fn inner(&mut self, expression: &Expr<'_>) {
        match expression {
            Expr::Var(_) | Expr::GetAttr(_) | Expr::GetItem(_) | Expr::Call(_) => self.expression(expression),
            other => self.wrapped("(", other, ")"),
        }
    }

    fn arguments(&mut self, arguments: &[CallArg<'_>]) {
        self.put("(");
        for (at, argument) in arguments.iter().enumerate() {
            self.put(if at > 0 { ", " } else { "" });
            match argument {
                CallArg::Pos(value) => self.expression(value),
                CallArg::Kwarg(word, value) => {
                    self.put(word);
                    self.wrapped("=", value, "");
                }
                CallArg::PosSplat(value) => self.wrapped("*", value, ""),
                CallArg::KwargSplat(value) => self.wrapped("**", value, ""),
            }
        }
        self.put(")");
    }

    fn binary(&mut self, op: BinOpKind, left: &Expr<'_>, right: &Expr<'_>) {
        let function = match op {
            BinOpKind::ScAnd | BinOpKind::ScOr => {
                self.wrapped("(", left, if matches!(op, BinOpKind::ScAnd) { " and " } else { " or " });
                self.wrapped("", right, ")");
                return;
            }
            BinOpKind::Eq => "_eq",
            BinOpKind::Ne => "not _eq",
            BinOpKind::Lt => "_lt",
            BinOpKind::Lte => "_le",
            BinOpKind::Gt => "_gt",
            BinOpKind::Gte => "_ge",
            BinOpKind::In => "_in",
            BinOpKind::Add => "_add",
            BinOpKind::Sub => "_sub",
            BinOpKind::Mul => "_mul",
            BinOpKind::Div => "_div",
            BinOpKind::FloorDiv => "_floor",
            BinOpKind::Rem => "_rem",
            BinOpKind::Pow => "_pow",
            BinOpKind::Concat => "_concat",
        };
        self.put("(");
        self.call(function, left, right);
        self.put(")");
    }

    fn compare(&mut self, op: CompareOpKind, left: &Expr<'_>, right: &Expr<'_>) {
        let function = match op {
            CompareOpKind::Eq => "_eq",
            CompareOpKind::Ne => "not _eq",
            CompareOpKind::Lt => "_lt",
            CompareOpKind::Lte => "_le",
            CompareOpKind::Gt => "_gt",
            CompareOpKind::Gte => "_ge",
            CompareOpKind::In => "_in",
            CompareOpKind::NotIn => "not _in",
        };
        self.call(function, left, right);
    }

    fn constant(&mut self, value: &Value, at: &Span) {
        match value.kind() {
            ValueKind::String => print::write_string(value.as_str().unwrap_or_default(), &mut self.text),
            ValueKind::Number if !value.is_integer() => {
                let digits = digits_of(self.source, value, at);
                self.put("_number(\"");
                self.put(&digits);
                self.put("\")");
            }
            ValueKind::None => self.put("none"),
            _ => {
                let shown = value.to_string();
                self.put(&shown);
            }
        }
    }
}

/// As the file wrote it, for the machine has read it as a float.
pub(super) fn digits_of(source: &str, value: &Value, at: &Span) -> String {
    let written = source.get(at.start_offset as usize..at.end_offset as usize).unwrap_or_default();
    let digits = written.replace('_', "");
    if number_of_text(&digits).is_some() { digits } else { value.to_string() }
}
