//! Finds what is wrong with the syntax of an expression, and the holes in a string.

use std::ops::Range;

use minijinja::ErrorKind;
use minijinja::machinery::ast::Stmt;
use minijinja::machinery::{parse, parse_expr};

use super::machine;
use super::names::{self, NameKind};
use crate::problem::nearest;

/// What is wrong with the text of an expression or a template, and where in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyntaxFault {
    pub at: Range<usize>,
    pub what: SyntaxProblem,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SyntaxProblem {
    /// A sign of full width where the language has one of half width.
    FullWidth {
        sign: char,
        ascii: &'static str,
    },
    /// `{{` without `}}`.
    NotClosed,
    /// The machine's own words.
    Other {
        cause: String,
    },
    Empty,
    UnknownWord {
        kind: NameKind,
        word: String,
        nearest: Option<String>,
    },
    /// `{% include %}` and others that need files or make code.
    Statement,
}

impl SyntaxFault {
    /// The same fault in a text that has the first one at `by`.
    #[must_use]
    pub fn moved(mut self, by: usize) -> Self {
        self.at = self.at.start + by..self.at.end + by;
        self
    }
}

pub(super) enum Piece {
    Text(Range<usize>),
    /// Without its braces.
    Hole(Range<usize>),
}

/// Divides a string at its `{{ … }}`. Braces and quotes within a hole are stepped over.
pub(super) fn split(text: &str) -> Result<Vec<Piece>, SyntaxFault> {
    let mut pieces = Vec::new();
    let mut from = 0;
    while let Some(open) = text[from..].find("{{").map(|at| at + from) {
        let end = hole_end(text, open + 2)
            .ok_or(SyntaxFault { at: open..text.len().min(open + 2), what: SyntaxProblem::NotClosed })?;
        if open > from {
            pieces.push(Piece::Text(from..open));
        }
        pieces.push(Piece::Hole(open + 2..end));
        from = end + 2;
    }
    if from < text.len() {
        pieces.push(Piece::Text(from..text.len()));
    }
    Ok(pieces)
}

fn hole_end(text: &str, start: usize) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut at = start;
    let mut depth = 0_usize;
    let mut quote = None;
    while at < bytes.len() {
        let byte = bytes[at];
        match quote {
            Some(_) if byte == b'\\' => at += 1,
            Some(open) if byte == open => quote = None,
            Some(_) => {}
            None => match byte {
                b'"' | b'\'' => quote = Some(byte),
                b'{' => depth += 1,
                b'}' if depth > 0 => depth -= 1,
                b'}' if bytes.get(at + 1) == Some(&b'}') => return Some(at),
                _ => {}
            },
        }
        at += 1;
    }
    None
}

pub(super) fn check_expression(text: &str) -> Result<(), SyntaxFault> {
    if text.trim().is_empty() {
        return Err(SyntaxFault { at: 0..text.len(), what: SyntaxProblem::Empty });
    }
    parse_expr(text).map(drop).map_err(|error| fault(text, &error))?;
    check_words(&names::of_expression(text))
}

pub(super) fn check_program(text: &str) -> Result<(), SyntaxFault> {
    let program = parse(text, "text", machine::syntax()).map_err(|error| fault(text, &error))?;
    if let Stmt::Template(template) = &program {
        check_statements(&template.children)?;
    }
    check_words(&names::of_program(text))
}

fn check_statements(statements: &[Stmt<'_>]) -> Result<(), SyntaxFault> {
    let refused = |span: minijinja::machinery::Span| {
        let at = span.start_offset as usize..span.end_offset as usize;
        Err(SyntaxFault { at, what: SyntaxProblem::Statement })
    };
    for statement in statements {
        match statement {
            Stmt::EmitExpr(_) | Stmt::EmitRaw(_) | Stmt::Set(_) => {}
            Stmt::Template(template) => check_statements(&template.children)?,
            Stmt::ForLoop(each) if each.recursive => refused(each.span())?,
            Stmt::ForLoop(each) => {
                check_statements(&each.body)?;
                check_statements(&each.else_body)?;
            }
            Stmt::IfCond(condition) => {
                check_statements(&condition.true_body)?;
                check_statements(&condition.false_body)?;
            }
            Stmt::WithBlock(with) => check_statements(&with.body)?,
            Stmt::SetBlock(block) => refused(block.span())?,
            Stmt::AutoEscape(block) => refused(block.span())?,
            Stmt::FilterBlock(block) => refused(block.span())?,
            Stmt::Block(block) => refused(block.span())?,
            Stmt::Import(block) => refused(block.span())?,
            Stmt::FromImport(block) => refused(block.span())?,
            Stmt::Extends(block) => refused(block.span())?,
            Stmt::Include(block) => refused(block.span())?,
            Stmt::Macro(block) => refused(block.span())?,
            Stmt::CallBlock(block) => refused(block.span())?,
            Stmt::Do(block) => refused(block.span())?,
        }
    }
    Ok(())
}

fn check_words(names: &[names::Name]) -> Result<(), SyntaxFault> {
    for name in names {
        let word = &*name.path[0];
        if name.kind != NameKind::Value && !machine::knows(name.kind, word) {
            let nearest = nearest(word, machine::known(name.kind));
            let what = SyntaxProblem::UnknownWord { kind: name.kind, word: word.to_owned(), nearest };
            return Err(SyntaxFault { at: name.at.clone(), what });
        }
    }
    Ok(())
}

/// What people type with a Chinese input method, and what it should be.
const FULL_WIDTH: &[(char, &str)] = &[
    ('“', "\""),
    ('”', "\""),
    ('‘', "'"),
    ('’', "'"),
    ('，', ","),
    ('（', "("),
    ('）', ")"),
    ('【', "["),
    ('】', "]"),
    ('：', ":"),
    ('；', ";"),
    ('。', "."),
    ('、', ","),
    ('＝', "="),
    ('＜', "<"),
    ('＞', ">"),
    ('！', "!"),
    ('＋', "+"),
    ('－', "-"),
    ('＊', "*"),
    ('／', "/"),
    ('｜', "|"),
    ('《', "<"),
    ('》', ">"),
    ('　', " "),
];

fn fault(text: &str, error: &minijinja::Error) -> SyntaxFault {
    if let Some((at, sign, ascii)) = full_width(text) {
        return SyntaxFault { at: at..at + sign.len_utf8(), what: SyntaxProblem::FullWidth { sign, ascii } };
    }
    let cause = error.detail().map_or_else(|| ErrorKind::SyntaxError.to_string(), str::to_owned);
    let range = error.range().unwrap_or(0..text.len());
    let end = range.end.min(text.len());
    SyntaxFault { at: range.start.min(end)..end, what: SyntaxProblem::Other { cause } }
}

/// The first such sign outside of quotes.
fn full_width(text: &str) -> Option<(usize, char, &'static str)> {
    let mut quote = None;
    for (at, sign) in text.char_indices() {
        match quote {
            Some(open) if sign == open => quote = None,
            Some(_) => {}
            None if sign == '"' || sign == '\'' => quote = Some(sign),
            None => {
                if let Some((_, ascii)) = FULL_WIDTH.iter().find(|(wide, _)| *wide == sign) {
                    return Some((at, sign, ascii));
                }
            }
        }
    }
    None
}
