//! Shows faults to a person, with the line and a caret, and to programs.

use std::collections::BTreeMap;

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};
use serde_json::json;

use super::messages::{Lang, Message, filled};
use super::{Place, Problem, Severity};

/// The one sentence that says what is wrong.
#[must_use]
pub fn sentence(problem: &Problem, language: Lang) -> String {
    said(problem.code, problem.case, &problem.names, language)
}

/// The sentence of a code with its names.
#[must_use]
pub fn worded(code: &str, names: &BTreeMap<&'static str, String>, language: Lang) -> String {
    said(code, None, names, language)
}

fn said(code: &str, case: Option<&str>, names: &BTreeMap<&'static str, String>, language: Lang) -> String {
    Message::of(code, language)
        .and_then(|message| filled(message.line("sentence", case), names, language))
        .unwrap_or_else(|| format!("{code} {names:?}"))
}

/// Next steps, where we know some.
pub(super) fn help(problem: &Problem, language: Lang) -> Vec<String> {
    let Some(message) = Message::of(problem.code, language) else { return Vec::new() };
    let lines = message.lines("help", problem.case);
    lines.into_iter().filter_map(|line| filled(line, &problem.names, language)).collect()
}

/// `path` is how the file is called for the reader; `texts` has the file's own text under "" and those of the files it
/// names under their paths.
#[must_use]
pub fn render(
    problems: &[Problem],
    path: &str,
    texts: &BTreeMap<String, String>,
    language: Lang,
    colour: bool,
) -> String {
    let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
    let mut shown = String::new();
    for problem in problems {
        if !shown.is_empty() {
            shown.push_str("\n\n");
        }
        shown.push_str(&one(problem, path, texts, language, &renderer));
    }
    if !shown.is_empty() {
        shown.push('\n');
    }
    shown
}

fn one(
    problem: &Problem,
    path: &str,
    texts: &BTreeMap<String, String>,
    language: Lang,
    renderer: &Renderer,
) -> String {
    let level = match (problem.severity, language) {
        (Severity::Error, Lang::En) => Level::ERROR,
        (Severity::Error, Lang::Zh) => Level::ERROR.with_name("错误"),
        (Severity::Warning, Lang::En) => Level::WARNING,
        (Severity::Warning, Lang::Zh) => Level::WARNING.with_name("注意"),
    };
    let assist = if language == Lang::Zh { Level::HELP.with_name("怎么办") } else { Level::HELP };
    let message = Message::of(problem.code, language);
    let words = |line: &str| filled(line, &problem.names, language).unwrap_or_default();
    let label = message.map(|message| words(message.line("label", problem.case))).unwrap_or_default();
    let cause = message.map(|message| words(message.line("cause", problem.case))).unwrap_or_default();
    let title = sentence(problem, language);
    let mut group = annotate_snippets::Group::with_title(level.primary_title(title).id(problem.code));
    let (name, text) = text_of(&problem.place, path, texts);
    let mut snippet = Snippet::source(text)
        .path(name)
        .annotation(AnnotationKind::Primary.span(within(&problem.place, text)).label(label));
    for place in problem.causes.iter().filter(|place| place.file == problem.place.file) {
        snippet = snippet.annotation(AnnotationKind::Context.span(within(place, text)).label(cause.clone()));
    }
    group = group.element(snippet);
    for place in problem.causes.iter().filter(|place| place.file != problem.place.file) {
        let (name, text) = text_of(place, path, texts);
        let annotation = AnnotationKind::Context.span(within(place, text)).label(cause.clone());
        group = group.element(Snippet::source(text).path(name).annotation(annotation));
    }
    for line in help(problem, language) {
        group = group.element(assist.clone().message(line));
    }
    renderer.render(&[group]).trim_end().to_owned()
}

pub(super) fn text_of<'a>(
    place: &Place,
    path: &str,
    texts: &'a BTreeMap<String, String>,
) -> (String, &'a str) {
    match &place.file {
        None => (path.to_owned(), texts.get("").map_or("", String::as_str)),
        Some(file) => {
            // A template file is named as seen from where the workflow's path is seen from.
            let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
            let name = if folder.is_empty() { file.to_string() } else { format!("{folder}/{file}") };
            (name, texts.get(&**file).map_or("", String::as_str))
        }
    }
}

/// A span that the text really has, on the borders of characters.
pub(super) fn within(place: &Place, text: &str) -> std::ops::Range<usize> {
    let start = text.floor_char_boundary(place.start.min(text.len()));
    let end = text.ceil_char_boundary(place.end.clamp(start, text.len()));
    start..end
}

/// Faults for editors and scripts: lines and columns count from 1, columns in characters.
#[must_use]
pub fn to_json(
    problems: &[Problem],
    path: &str,
    texts: &BTreeMap<String, String>,
    language: Lang,
) -> serde_json::Value {
    problems
        .iter()
        .map(|problem| {
            let (file, text) = text_of(&problem.place, path, texts);
            let span = within(&problem.place, text);
            let (line, column) = position(text, span.start);
            let (end_line, end_column) = position(text, span.end);
            json!({
                "code": problem.code,
                "severity": if problem.is_error() { "error" } else { "warning" },
                "message": sentence(problem, language),
                "help": help(problem, language),
                "file": file,
                "line": line, "column": column, "end_line": end_line, "end_column": end_column,
                "names": problem.names,
            })
        })
        .collect()
}

pub(super) fn position(text: &str, at: usize) -> (usize, usize) {
    let before = &text[..at];
    let line = before.matches('\n').count() + 1;
    let start = before.rfind('\n').map_or(0, |at| at + 1);
    (line, before[start..].chars().count() + 1)
}
