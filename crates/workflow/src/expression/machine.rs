//! The one machine that works expressions out, and the cache of what it compiled.

#![expect(clippy::wildcard_enum_match_arm, reason = "every other kind of error is told in its own words")]

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use minijinja::{Environment, Error, ErrorKind, UndefinedBehavior, Value};

use super::names::{self, Name};
use super::{ExpressionError, MOST_OUTPUT, functions, operators, print, rewrite};
use crate::problem::nearest;

/// How many instructions one expression may take.
const FUEL: u64 = 200_000;

/// How many compiled ones are kept for the whole process: some 3 MiB.
const MOST_COMPILED: usize = 256;

/// A compiled expression borrows its environment, so there is one for the life of the process.
static ENVIRONMENT: LazyLock<Environment<'static>> = LazyLock::new(environment);

static COMPILED: Mutex<Cache> = Mutex::new(Cache { entries: BTreeMap::new(), turn: 0 });

fn environment() -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
    environment.set_fuel(Some(FUEL));
    environment.set_formatter(|out, _, value| {
        if value.is_undefined() {
            return Err(Error::from(ErrorKind::UndefinedError));
        }
        let mut text = String::new();
        print::print(value, &mut text);
        out.write_str(&text).map_err(|_| Error::from(ErrorKind::WriteFailure))
    });
    functions::add(&mut environment);
    operators::add(&mut environment);
    environment
}

/// How template files are read: a line with nothing but a block leaves nothing behind.
pub(super) fn syntax() -> minijinja::syntax::SyntaxConfig {
    let mut syntax = minijinja::syntax::SyntaxConfig::builder();
    syntax.trim_blocks(true).lstrip_blocks(true).keep_trailing_newline(true);
    syntax.build().unwrap_or_default()
}

enum Compiled {
    Expression(minijinja::Expression<'static, 'static>),
    /// A template file with blocks: an environment of its own, which shares all but the template with the one above.
    Program(Box<Environment<'static>>),
}

struct Cache {
    entries: BTreeMap<(bool, Arc<str>), (u64, Arc<Compiled>)>,
    turn: u64,
}

fn compiled(text: &Arc<str>, program: bool) -> Result<Arc<Compiled>, Error> {
    let key = (program, Arc::clone(text));
    {
        let mut cache = COMPILED.lock().unwrap_or_else(PoisonError::into_inner);
        cache.turn += 1;
        let turn = cache.turn;
        if let Some((used, compiled)) = cache.entries.get_mut(&key) {
            *used = turn;
            return Ok(Arc::clone(compiled));
        }
    }
    let compiled = Arc::new(if program {
        let mut own = ENVIRONMENT.clone();
        own.add_template_owned("text", rewrite::program(text))?;
        Compiled::Program(Box::new(own))
    } else {
        Compiled::Expression(ENVIRONMENT.compile_expression_owned(rewrite::expression(text))?)
    });
    let mut cache = COMPILED.lock().unwrap_or_else(PoisonError::into_inner);
    if cache.entries.len() >= MOST_COMPILED
        && let Some(oldest) =
            cache.entries.iter().min_by_key(|(_, (used, _))| *used).map(|(key, _)| key.clone())
    {
        cache.entries.remove(&oldest);
    }
    let turn = cache.turn;
    cache.entries.insert(key, (turn, Arc::clone(&compiled)));
    Ok(compiled)
}

pub(super) fn evaluate(source: &Arc<str>, scope: &Value) -> Result<Value, ExpressionError> {
    let work = || match &*compiled(source, false)? {
        Compiled::Expression(expression) => expression.eval(scope.clone()),
        Compiled::Program(_) => Err(Error::new(ErrorKind::InvalidOperation, "a file is no expression")),
    };
    let value = work().map_err(|error| explain(source, &error, || names::of_expression(source), scope))?;
    if value.is_undefined() {
        return Err(undefined(source, names::of_expression(source), scope));
    }
    Ok(value)
}

pub(super) fn render(source: &Arc<str>, scope: &Value) -> Result<String, ExpressionError> {
    let mut bytes = Bounded(Vec::new());
    let work = || match &*compiled(source, true)? {
        Compiled::Program(own) => {
            own.get_template("text")?.render_captured_to(scope.clone(), &mut bytes).map(drop)
        }
        Compiled::Expression(_) => Err(Error::new(ErrorKind::InvalidOperation, "an expression is no file")),
    };
    let result: Result<(), Error> = { work }();
    match result {
        Ok(()) => Ok(String::from_utf8_lossy(&bytes.0).into_owned()),
        Err(error) if error.kind() == ErrorKind::WriteFailure => Err(too_large(source)),
        Err(error) => Err(explain(source, &error, || names::of_program(source), scope)),
    }
}

/// Takes up to 1 MiB.
struct Bounded(Vec<u8>);

impl std::io::Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if self.0.len() + bytes.len() > MOST_OUTPUT {
            return Err(std::io::ErrorKind::FileTooLarge.into());
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn explain(source: &str, error: &Error, names: impl Fn() -> Vec<Name>, scope: &Value) -> ExpressionError {
    match error.kind() {
        ErrorKind::UndefinedError => undefined(source, names(), scope),
        ErrorKind::OutOfFuel => {
            ExpressionError::new("YZ0312", format!("`{}` takes too many steps to work out", brief(source)))
        }
        // A method of nothing is told by the name that is nothing.
        ErrorKind::UnknownMethod if find_undefined(source, &names(), scope).is_some() => {
            undefined(source, names(), scope)
        }
        _ if error.detail().is_some_and(|detail| detail.contains(operators::MARK)) => {
            let (code, cause) =
                error.detail().and_then(|detail| detail.split_once(operators::MARK)).unwrap_or_default();
            ExpressionError::new(code, format!("`{}` cannot be worked out: {cause}", brief(source)))
        }
        _ => failed(source, &error.detail().map_or_else(|| error.kind().to_string(), str::to_owned)),
    }
}

pub(super) fn failed(source: &str, cause: &str) -> ExpressionError {
    ExpressionError::new("YZ0310", format!("`{}` cannot be worked out: {cause}", brief(source)))
}

pub(super) fn too_large(source: &str) -> ExpressionError {
    ExpressionError::new("YZ0313", format!("`{}` gives more than 1 MiB", brief(source)))
}

/// Says which of the names does not exist, and what there is instead.
pub(super) fn undefined(source: &str, names: Vec<Name>, scope: &Value) -> ExpressionError {
    let message = find_undefined(source, &names, scope)
        .unwrap_or_else(|| format!("`{}` reads a name that does not exist", brief(source)));
    ExpressionError::new("YZ0311", message)
}

fn find_undefined(source: &str, names: &[Name], scope: &Value) -> Option<String> {
    for name in names.iter().filter(|name| name.kind == names::NameKind::Value) {
        let mut value = scope.clone();
        for (at, part) in name.path.iter().enumerate() {
            let next = value.get_attr(part).unwrap_or(Value::UNDEFINED);
            if !next.is_undefined() {
                value = next;
                continue;
            }
            let known =
                value.try_iter().into_iter().flatten().filter_map(|key| key.as_str().map(str::to_owned));
            let instead =
                nearest(part, known).map_or(String::new(), |near| format!("; did you mean `{near}`?"));
            let of = match at {
                0 => "here".to_owned(),
                _ => format!("in `{}`", name.path[..at].join(".")),
            };
            return Some(format!("`{}`: there is no `{part}` {of}{instead}", brief(source)));
        }
    }
    None
}

/// The first line of it, so that a message stays one.
fn brief(source: &str) -> String {
    let line = source.trim().lines().next().unwrap_or_default();
    match line.char_indices().nth(80) {
        Some((at, _)) => format!("{}…", &line[..at]),
        None => line.to_owned(),
    }
}

/// Every name that the machine itself knows, for the check.
pub(super) fn knows(kind: names::NameKind, name: &str) -> bool {
    match kind {
        names::NameKind::Value | names::NameKind::Column => true,
        names::NameKind::Function => ENVIRONMENT.globals().any(|(known, _)| known == name),
        names::NameKind::Filter => functions::FILTERS.contains(&name),
        names::NameKind::Test => functions::TESTS.contains(&name),
    }
}

/// Names of that kind, to find the nearest.
pub(super) fn known(kind: names::NameKind) -> Vec<String> {
    match kind {
        names::NameKind::Value | names::NameKind::Column => Vec::new(),
        names::NameKind::Function => ENVIRONMENT
            .globals()
            .map(|(name, _)| name.to_owned())
            .filter(|name| !name.starts_with('_'))
            .collect(),
        names::NameKind::Filter => functions::FILTERS.iter().map(|name| (*name).to_owned()).collect(),
        names::NameKind::Test => functions::TESTS.iter().map(|name| (*name).to_owned()).collect(),
    }
}
