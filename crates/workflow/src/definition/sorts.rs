//! Finds comparisons and sums of things that never go together: a number with a text, a yes or no with a word.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use super::names::place;
use super::schema::{choices, resolved};
use super::uses::{At, Own, Stand, Use, Walk};
use super::{Checker, House, Neighbours, Read, parts};
use crate::catalogue::Catalogue;
use crate::expression::{self, Name, Refused, Sort, SortFault, SortProblem, Sorts, Tree};
use crate::form::{Kind, Options};
use crate::id::StepNo;
use crate::plan::{Work, Workflow};
use crate::problem::{Place, Problem, listed, nearest};
use crate::table::Cell;

/// How checklists and signatures come out, which are parts of them.
const OUTCOMES: [&str; 4] = ["complete", "missing", "signed", "refused"];

/// How far names are followed through `let`.
const MOST_NAMES: u8 = 8;

pub(super) fn check(checker: &Checker<'_>) -> Vec<Problem> {
    let read = checker.read;
    let mut problems = Vec::new();
    Walk::over(&read.workflow, &mut |one| {
        let known = |name: &Name| checker.sorts(&one.stand, name, MOST_NAMES);
        let faults = if let Some(truth) = one.truth {
            expression::faults_of_expression(one.source, truth, &known)
        } else if one.source.contains("{%") {
            // What a template file makes by itself has no sort that is known.
            Vec::new()
        } else {
            expression::faults_of_template(one.source, &known)
        };
        problems.extend(faults.into_iter().filter_map(|fault| problem(read, &one, fault)));
        problems.extend(no_list(read, &one, &known));
        problems.extend(checker.codes(&one));
    });
    problems
}

/// What a workflow gives to those that start it; `workflows` say what it has from those that it starts itself.
pub(super) fn of_outputs(
    read: &Read,
    catalogue: &Catalogue,
    workflows: &Neighbours,
) -> BTreeMap<String, Sorts> {
    let entries = match &read.workflow.output {
        Some(Tree::Map(entries)) => entries,
        Some(Tree::Json(text)) => return of_constants(text),
        Some(Tree::Text(_) | Tree::List(_)) | None => return BTreeMap::new(),
    };
    let house = House { catalogue, people: None, calendars: None, workflows, registers: None, today: None };
    let checker = Checker::of(read, house);
    let stand = Stand { at: At::Everything, step: None, own: Own::default() };
    entries.iter().map(|(key, value)| (key.to_string(), checker.of_tree(&stand, value))).collect()
}

fn of_constants(text: &str) -> BTreeMap<String, Sorts> {
    let all: BTreeMap<String, Value> = serde_json::from_str(text).unwrap_or_default();
    all.into_iter().map(|(key, value)| (key, of_json(&value))).collect()
}

fn of_json(value: &Value) -> Sorts {
    match value {
        Value::Null => Sorts::UNKNOWN,
        Value::Bool(_) => Sort::Flag.into(),
        Value::Number(_) => Sort::Number.into(),
        Value::String(text) => of_text(text),
        Value::Array(_) => Sort::List.into(),
        Value::Object(_) => Sort::Map.into(),
    }
}

fn of_text(text: &str) -> Sorts {
    expression::sorts_of_value(&text.into())
}

/// `each` over what is no list.
fn no_list(read: &Read, one: &Use<'_>, known: &dyn Fn(&Name) -> Sorts) -> Option<Problem> {
    let inner = one.source.trim().strip_prefix("{{")?.strip_suffix("}}")?;
    let sort =
        expression::sorts_of_expression(inner.trim(), known).known().find(|sort| *sort != Sort::List)?;
    one.path.ends_with(".each").then(|| {
        let place = Place::at(read.spans.value(&one.path));
        let problem = Problem::error("YZ0107", place).name("key", "each").name("wanted", "a list");
        problem.name("found", in_words(sort))
    })
}

fn problem(read: &Read, one: &Use<'_>, fault: SortFault) -> Option<Problem> {
    let at = place(read, &one.path, one.source, &fault.at);
    Some(match fault.what {
        SortProblem::Unlike { left, right } => unlike(read, one, at, (&left.0, left.1), (&right.0, right.1)),
        SortProblem::NoNumber { sign, side, sort } => {
            let join = sign == "+" && is_quoted(&side);
            let problem = Problem::error("YZ0604", at).name("sign", sign).name("side", side);
            let problem = problem.name("sort", in_words(sort));
            if join { problem.case("join") } else { problem }
        }
        SortProblem::Refused { written, called, why } => {
            let problem = Problem::error("YZ0619", at).name("written", written).name("called", called);
            match why {
                Refused::TooFew => problem.case("few"),
                Refused::TooMany => problem.case("many"),
                Refused::Length => problem.case("length"),
                Refused::Pattern => problem.case("pattern"),
                Refused::Sort(sort) => problem.case("sort").name("sort", in_words(sort)),
                Refused::Zero => problem.case("zero"),
                Refused::Day => problem.case("day"),
                Refused::Word => problem,
            }
        }
        SortProblem::NoPlace { list, place } => {
            let table = list.strip_prefix("table.");
            let table = table.and_then(|name| read.workflow.tables.iter().find(|table| *table.name == *name));
            let problem = Problem::error("YZ0615", at).name("list", &list).name("place", &place);
            match table.map(|table| table.key.as_slice()) {
                Some([key]) => problem.name("call", format!("{list}({key} = {place})")),
                _ => problem,
            }
        }
        SortProblem::NoOrder { left, right } => {
            let problem = Problem::error("YZ0603", at).name("one", &left.0).name("other", &right.0);
            problem.name("sort", in_words(left.1)).case("order")
        }
        SortProblem::NoTruth { sort } => {
            Problem::warning("YZ0605", at).name("sort", in_words(sort)).name("value", one.source.trim())
        }
    })
}

fn unlike(read: &Read, one: &Use<'_>, at: Place, left: (&str, Sort), right: (&str, Sort)) -> Problem {
    let problem = Problem::error("YZ0603", at).name("one", left.0).name("other", right.0);
    let problem = problem.name("sort", in_words(left.1)).name("unlike", in_words(right.1));
    match (left, right) {
        ((name, Sort::Flag), (word, Sort::Text)) | ((word, Sort::Text), (name, Sort::Flag))
            if is_quoted(word) =>
        {
            let no = ["no", "false", "否", "n"].contains(&bare(word).to_lowercase().as_str());
            let right = if no { format!("not {name}") } else { name.to_owned() };
            problem.case("flag").name("right", right)
        }
        ((name, Sort::Map), (word, Sort::Text)) | ((word, Sort::Text), (name, Sort::Map))
            if is_quoted(word) && OUTCOMES.contains(&bare(word)) =>
        {
            problem.case("part").name("right", format!("{name}.{}", bare(word)))
        }
        ((name, Sort::Number), (word, Sort::Text)) | ((word, Sort::Text), (name, Sort::Number))
            if is_quoted(word) && bare(word).trim().parse::<f64>().is_ok() =>
        {
            problem.case("number").name("name", name).name("right", bare(word).trim())
        }
        ((name, Sort::Text), (number, Sort::Number)) | ((number, Sort::Number), (name, Sort::Text))
            if number.parse::<f64>().is_ok() && is_date(read, one, name) =>
        {
            problem.case("date").name("name", name).name("number", number)
        }
        ((name, Sort::Text), (number, Sort::Number)) | ((number, Sort::Number), (name, Sort::Text))
            if number.parse::<f64>().is_ok() =>
        {
            problem.case("text").name("name", name).name("right", format!("'{number}'"))
        }
        _ => problem,
    }
}

/// Whether a name is a day or a time, which is ordered like a text and never meant as one.
fn is_date(read: &Read, one: &Use<'_>, name: &str) -> bool {
    let own = one.names.iter().find(|known| one.source.get(known.at.clone()) == Some(name));
    let Some(own) = own else { return false };
    match own.path.iter().map(|part| &**part).collect::<Vec<_>>().as_slice() {
        ["now" | "today"] | ["step", _, "due" | "opened" | "ended"] => true,
        _ => parts::field_at(&read.workflow, &one.stand, &own.path)
            .is_some_and(|found| matches!(found.field.kind, Kind::Date | Kind::Time | Kind::Datetime)),
    }
}

fn is_quoted(word: &str) -> bool {
    word.starts_with(['\'', '"'])
}

fn bare(word: &str) -> &str {
    word.trim_matches(['\'', '"'])
}

fn in_words(sort: Sort) -> &'static str {
    match sort {
        Sort::Flag => "yes or no",
        Sort::Number => "a number",
        Sort::Text => "a text",
        Sort::List => "a list",
        Sort::Map => "a group of values",
    }
}

fn of_schema(schema: &Value) -> Option<Sort> {
    match schema.get("type")?.as_str()? {
        "integer" | "number" => Some(Sort::Number),
        "boolean" => Some(Sort::Flag),
        "string" => Some(Sort::Text),
        "array" => Some(Sort::List),
        "object" => Some(Sort::Map),
        _ => None,
    }
}

/// The clock of a step, or a part of it.
fn of_clock(part: &[&str]) -> Option<Sort> {
    match part {
        [] => Some(Sort::Map),
        ["left" | "used"] => Some(Sort::Number),
        ["late" | "stands"] => Some(Sort::Flag),
        ["stood"] => Some(Sort::List),
        _ => None,
    }
}

/// What a value must be to be found in a column.
fn of_key(workflow: &Workflow, table: &str, column: &str) -> Sorts {
    let table = workflow.tables.iter().find(|known| *known.name == *table);
    let at = table.and_then(|table| {
        table
            .key
            .iter()
            .find(|known| ***known == *column)
            .and(table.columns.iter().position(|known| **known == *column))
    });
    let (Some(table), Some(at)) = (table, at) else { return Sorts::UNKNOWN };
    Sorts::of_any(table.rows.iter().map(|row| row.get(at).map_or(Sorts::UNKNOWN, Cell::finds)))
}

impl Checker<'_> {
    pub(super) fn sorts(&self, stand: &Stand<'_>, name: &Name, left: u8) -> Sorts {
        let workflow = &self.read.workflow;
        let lost = &self.read.lost;
        let root = &*name.path[0];
        if left == 0 {
            return Sorts::UNKNOWN;
        }
        if let Some(found) = parts::field_at(workflow, stand, &name.path) {
            // Where a column could not be read, or its type, nobody knows what it holds.
            let columns = found.rest.iter().filter(|part| part.parse::<usize>().is_err() && &***part != "*");
            let columns = columns.map(|column| format!("{}.fields.{column}", found.at));
            let is_lost = std::iter::once(found.at.clone()).chain(columns).any(|at| lost.has(&at));
            return match (&found.field.options, found.field.kind) {
                _ if is_lost => Sorts::UNKNOWN,
                (Options::Fixed(all), Kind::Choice) if found.rest.is_empty() => {
                    Sorts::of_any(all.iter().map(|choice| of_text(&choice.code)))
                }
                _ => parts::sort_of(found.field, &found.rest).into(),
            };
        }
        let lets = stand.own.lets.iter().chain(workflow.lets.iter());
        if let Some(own) = lets.clone().find(|own| &*own.name == root) {
            return self.of_let(stand, &own.value, name, left - 1);
        }
        if Some(root) == stand.own.each {
            return if name.path.len() == 1 { self.of_element(stand, root, left) } else { Sorts::UNKNOWN };
        }
        match name.path.iter().map(|part| &**part).collect::<Vec<_>>().as_slice() {
            ["table", _] if name.call.is_none() => Sort::List.into(),
            ["table", table, "*", column] => of_key(workflow, table, column),
            ["table", table] => match name.call.as_ref().and_then(|call| call.attribute.as_deref()) {
                Some(column) => self.of_column(table, column),
                None => Sorts::UNKNOWN,
            },
            ["table", _, "column"] if name.call.is_some() => Sort::List.into(),
            ["round"] => Sort::Number.into(),
            ["now" | "today" | "workflow"] | ["run", "by" | "id" | "key" | "started" | "url"] => {
                Sort::Text.into()
            }
            ["run", "joined"] => Sort::List.into(),
            ["step", id, rest @ ..] => self.of_step(stand, id, rest),
            // An element of what holds the step.
            [root] => self.of_element(stand, root, left),
            _ => Sorts::UNKNOWN,
        }
    }

    /// What the cells of a column are.
    fn of_column(&self, table: &str, column: &str) -> Sorts {
        let found = self.read.workflow.tables.iter().find(|known| *known.name == *table);
        let at = found.and_then(|table| table.columns.iter().position(|known| **known == *column));
        let (Some(found), Some(at)) = (found, at) else { return Sorts::UNKNOWN };
        if self.read.lost.touches(&format!("table.{table}")) {
            return Sorts::UNKNOWN;
        }
        let cells = Sorts::of_any(found.rows.iter().map(|row| match row.get(at) {
            Some(Cell::Value(value)) => expression::sorts_of_value(value),
            _ => Sorts::UNKNOWN,
        }));
        // Which row is found, nobody knows: `-` may stand where there is no day.
        cells.without_words_among_texts()
    }

    fn of_step(&self, stand: &Stand<'_>, id: &str, rest: &[&str]) -> Sorts {
        let Some(no) = super::names::find(&self.read.workflow, stand.step, id) else { return Sorts::UNKNOWN };
        let is_each = self.read.workflow.step(no).each.is_some();
        match rest {
            ["round"] => Sort::Number.into(),
            ["state"] => Sorts::WORD,
            // One for each item.
            [] | [_] if is_each => Sort::List.into(),
            [_, ..] if is_each => Sorts::UNKNOWN,
            ["late"] => Sort::Flag.into(),
            ["outcome" | "by" | "due" | "opened" | "ended"] => Sort::Text.into(),
            ["clock", rest @ ..] => of_clock(rest).into(),
            [field] => self.of_output(no, field).unwrap_or(Sorts::UNKNOWN),
            _ => Sorts::UNKNOWN,
        }
    }

    fn of_let(&self, stand: &Stand<'_>, value: &Tree, name: &Name, left: u8) -> Sorts {
        let Tree::Text(template) = value else { return Sorts::UNKNOWN };
        let Some(expression) = template.expression() else {
            return match name.path.len() {
                1 if template.is_literal() => of_text(template.source()),
                // What stands around a hole may make a day of it.
                1 => Sort::Text.into(),
                _ => Sorts::UNKNOWN,
            };
        };
        match (name.path.as_slice(), expression.names().as_slice()) {
            ([_], _) => {
                let known = |inner: &Name| self.sorts(stand, inner, left);
                expression::sorts_of_expression(expression.source(), &known)
            }
            // `route.limit`, where `route` is a row of a table.
            ([_, part], [row, ..])
                if &*row.path[0] == "table" && row.at == (0..expression.source().len()) =>
            {
                let plain =
                    row.call.as_ref().is_some_and(|call| call.attribute.is_none()) && row.path.len() == 2;
                if plain { self.of_column(&row.path[1], part) } else { Sorts::UNKNOWN }
            }
            _ => Sorts::UNKNOWN,
        }
    }

    fn of_output(&self, no: StepNo, field: &str) -> Option<Sorts> {
        match &self.read.workflow.step(no).work {
            Work::Ask(ask) if ask.approve.is_some() && field == "signatures" => Some(Sort::List.into()),
            Work::Use { action, .. } => {
                let action = self.house.catalogue.action(action)?;
                let schema = resolved(&action.output, &action.output);
                Some(of_schema(resolved(schema.get("properties")?.get(field)?, &action.output)).into())
            }
            Work::Run { workflow, .. } => Some(self.house.workflows.sorts(workflow, field)),
            Work::Ask(_)
            | Work::Await(_)
            | Work::Wait { .. }
            | Work::Check { .. }
            | Work::End { .. }
            | Work::Hold { .. } => None,
        }
    }

    fn of_tree(&self, stand: &Stand<'_>, value: &Tree) -> Sorts {
        match value {
            Tree::Text(template) => match template.expression() {
                None => of_text(template.source()),
                Some(expression) => {
                    let known = |name: &Name| self.sorts(stand, name, MOST_NAMES);
                    expression::sorts_of_expression(expression.source(), &known)
                }
            },
            Tree::Json(text) => serde_json::from_str(text).map_or(Sorts::UNKNOWN, |value| of_json(&value)),
            Tree::List(_) => Sort::List.into(),
            Tree::Map(_) => Sort::Map.into(),
        }
    }

    /// Words that an output, or a choice behind a name, never is.
    fn codes(&self, one: &Use<'_>) -> Vec<Problem> {
        let mut problems = Vec::new();
        for name in one.names.iter().filter(|name| !name.against.is_empty()) {
            let Some((field, codes)) = self.known_codes(&one.stand, name) else { continue };
            let wrong = name.against.iter().find(|(word, _)| !word.is_empty() && !codes.contains(word));
            if let Some((word, at)) = wrong {
                let at = place(self.read, &one.path, one.source, at);
                let problem = Problem::error("YZ0152", at).name("value", &**word).name("field", field);
                problems.push(problem.name("known", listed(&codes)).near(nearest(word, &codes)));
            }
        }
        problems
    }

    fn known_codes(&self, stand: &Stand<'_>, name: &Name) -> Option<(String, Vec<Arc<str>>)> {
        let workflow = &self.read.workflow;
        match name.path.iter().map(|part| &**part).collect::<Vec<_>>().as_slice() {
            ["step", id, field] => {
                let step = workflow.step(super::names::find(workflow, stand.step, id)?);
                let Work::Use { action, .. } = &step.work else { return None };
                let action = self.house.catalogue.action(action)?;
                let schema = resolved(&action.output, &action.output);
                let own = resolved(schema.get("properties")?.get(field)?, &action.output);
                let codes: Vec<Arc<str>> = choices(own, &action.output).into_iter().map(Arc::from).collect();
                (!codes.is_empty() && step.each.is_none()).then(|| ((*field).to_owned(), codes))
            }
            [own] => {
                let own = stand.own.lets.iter().chain(workflow.lets.iter()).find(|one| *one.name == **own)?;
                let Tree::Text(template) = &own.value else { return None };
                let expression = template.expression()?;
                match expression.names().as_slice() {
                    [name] if name.at == (0..expression.source().len()) && &*name.path[0] == "input" => {
                        let field = workflow.input.field(name.path.get(1)?)?;
                        let (Kind::Choice, Options::Fixed(all)) = (field.kind, &field.options) else {
                            return None;
                        };
                        let codes = all.iter().map(|choice| choice.code.clone()).collect();
                        Some((field.name.to_string(), codes))
                    }
                    _ => None,
                }
            }
            _ => None,
        }
    }
}
