//! The filters for lists and numbers, and the tests: they order and add as our operators do.
//!
//! In a list, what is empty counts for nothing: an item that was left out has no sum, no mean and no place in an order
//! but the last.

use std::cmp::Ordering;
use std::sync::Arc;

use minijinja::value::{Enumerator, Kwargs, Object, ObjectRepr, ValueKind};
use minijinja::{Environment, Error, ErrorKind, Value};
use rust_decimal::Decimal;

use super::functions::not_too_many;
use super::number::{self, Rounding, Sign};
use super::operators::{self, refused};
use super::print::{empty, is_empty};

pub(super) fn add(environment: &mut Environment<'static>) {
    environment.add_filter("sum", sum);
    environment.add_filter("mean", mean);
    environment.add_filter("min", |value: &Value, words: Kwargs| extreme(value, &words, Ordering::Less));
    environment.add_filter("max", |value: &Value, words: Kwargs| extreme(value, &words, Ordering::Greater));
    environment.add_filter("sort", sort);
    environment.add_filter("unique", unique);
    environment.add_filter("groupby", groupby);
    environment.add_filter("dictsort", dictsort);
    environment.add_filter("round", round);
    environment.add_filter("abs", abs);
    environment.add_filter("int", int);
    environment.add_filter("number", number);
    environment.remove_filter("float");
    environment.add_function("range", range);
    add_tests(environment);
}

fn add_tests(environment: &mut Environment<'static>) {
    for name in ["eq", "equalto", "=="] {
        environment.add_test(name, operators::equal);
    }
    for name in ["ne", "!="] {
        environment.add_test(name, |a: &Value, b: &Value| operators::equal(a, b).map(|equal| !equal));
    }
    ordering(environment, &["lt", "lessthan", "<"], Ordering::is_lt);
    ordering(environment, &["le", "<="], Ordering::is_le);
    ordering(environment, &["gt", "greaterthan", ">"], Ordering::is_gt);
    ordering(environment, &["ge", ">="], Ordering::is_ge);
    environment.add_test("in", operators::contained);
    environment.add_test("number", |value: &Value| number::is_number(value));
    let whole = |value: &Value| number::is_number(value) && number::whole(value).is_some();
    environment.add_test("integer", whole);
    environment.add_test("int", whole);
    environment.add_test("even", |value: &Value| number::whole(value).is_some_and(|number| number % 2 == 0));
    environment.add_test("odd", |value: &Value| number::whole(value).is_some_and(|number| number % 2 != 0));
    environment.add_test("divisibleby", |value: &Value, by: &Value| {
        let rest = operators::calculate(Sign::Remainder, value, by)?;
        Ok::<_, Error>(!rest.is_true())
    });
    environment.remove_test("float");
}

/// Numbers from the first to before the last, as the machine's own gives them, and with any bounds.
fn range(first: i64, last: Option<i64>, step: Option<i64>) -> Result<Value, Error> {
    let (from, to) = last.map_or((0, first), |last| (first, last));
    let step = step.unwrap_or(1);
    let span = i128::from(to) - i128::from(from);
    if step == 0 {
        return Err(refused("YZ0310", "the steps of a `range` are never 0"));
    }
    let ahead = if step > 0 { span } else { -span };
    let count = ahead.max(0).unsigned_abs().div_ceil(step.unsigned_abs().into());
    not_too_many(usize::try_from(count).unwrap_or(usize::MAX))?;
    let count = i64::try_from(count).unwrap_or_default();
    // Each number is between two that have room, whatever is wrapped around on the way to it.
    Ok(Value::make_iterable(move || (0..count).map(move |at| from.wrapping_add(step.wrapping_mul(at)))))
}

fn ordering(environment: &mut Environment<'static>, names: &[&'static str], fits: fn(Ordering) -> bool) {
    for name in names {
        environment.add_test(*name, move |a: &Value, b: &Value| {
            operators::order(a, b).map(|order| order.is_some_and(fits))
        });
    }
}

/// `a.b` of an item. What is not there is an error, as a name that does not exist is everywhere.
fn attribute(item: &Value, path: Option<&str>) -> Result<Value, Error> {
    let Some(path) = path else { return Ok(item.clone()) };
    let mut value = item.clone();
    for part in path.split('.') {
        let next = match part.parse::<usize>() {
            Ok(at) => value.get_item(&Value::from(at))?,
            Err(_) => value.get_attr(part)?,
        };
        if next.is_undefined() {
            return Err(refused("YZ0311", format_args!("an item of the list has no `{path}`")));
        }
        value = next;
    }
    Ok(value)
}

/// Each item with what it is judged by.
fn keyed(list: &Value, path: Option<&str>) -> Result<Vec<(Value, Value)>, Error> {
    if is_empty(list) {
        return Ok(Vec::new());
    }
    list.try_iter()?.map(|item| Ok((attribute(&item, path)?, item))).collect()
}

/// The numbers of a list, without what is empty.
fn numbers(list: &Value, words: &Kwargs) -> Result<Vec<Decimal>, Error> {
    let path: Option<String> = words.get("attribute")?;
    let mut numbers = Vec::new();
    for (value, _) in keyed(list, path.as_deref())? {
        if is_empty(&value) {
            continue;
        }
        if !number::is_number(&value) {
            return Err(refused("YZ0310", format_args!("`{value}` in the list is not a number")));
        }
        numbers.push(number::needed(&value)?);
    }
    Ok(numbers)
}

fn added(numbers: &[Decimal]) -> Result<Decimal, Error> {
    let mut total = Decimal::ZERO;
    for number in numbers {
        total = number::sum(total, *number).ok_or_else(|| number::too_large("sum"))?;
    }
    Ok(total)
}

fn sum(list: &Value, words: Kwargs) -> Result<Value, Error> {
    let numbers = numbers(list, &words)?;
    words.assert_all_used()?;
    added(&numbers).map(number::value_of)
}

/// Of no numbers there is no mean.
fn mean(list: &Value, words: Kwargs) -> Result<Value, Error> {
    let numbers = numbers(list, &words)?;
    words.assert_all_used()?;
    if numbers.is_empty() {
        return Ok(empty());
    }
    let mean = number::quotient(added(&numbers)?, Decimal::from(numbers.len()));
    mean.map(number::value_of).ok_or_else(|| number::too_large("mean"))
}

fn extreme(list: &Value, words: &Kwargs, wanted: Ordering) -> Result<Value, Error> {
    let path: Option<String> = words.get("attribute")?;
    words.assert_all_used()?;
    let mut best: Option<(Value, Value)> = None;
    for (key, item) in keyed(list, path.as_deref())?.into_iter().filter(|(key, _)| !is_empty(key)) {
        let better = match &best {
            None => true,
            Some((known, _)) => operators::order(&key, known)? == Some(wanted),
        };
        if better {
            best = Some((key, item));
        }
    }
    Ok(best.map_or_else(empty, |(_, item)| item))
}

/// What is empty comes last, whichever way the rest goes.
fn sort_by_key(items: &mut [(Value, Value)], reverse: bool, exact_case: bool) -> Result<(), Error> {
    let mut fault = None;
    items.sort_by(|(one, _), (two, _)| {
        let order = match (is_empty(one), is_empty(two)) {
            (true, true) => return Ordering::Equal,
            (true, false) => return Ordering::Greater,
            (false, true) => return Ordering::Less,
            (false, false) => compared(one, two, exact_case),
        };
        let order = order.unwrap_or_else(|error| {
            fault.get_or_insert(error);
            Ordering::Equal
        });
        if reverse { order.reverse() } else { order }
    });
    fault.map_or(Ok(()), Err)
}

fn compared(one: &Value, two: &Value, exact_case: bool) -> Result<Ordering, Error> {
    if let (Some(left), Some(right)) = (one.as_str(), two.as_str())
        && !exact_case
    {
        return Ok(left.to_lowercase().cmp(&right.to_lowercase()));
    }
    if let (ValueKind::Bool, ValueKind::Bool) = (one.kind(), two.kind()) {
        return Ok(one.is_true().cmp(&two.is_true()));
    }
    Ok(operators::order(one, two)?.unwrap_or(Ordering::Equal))
}

fn sort(list: &Value, reverse: Option<bool>, words: Kwargs) -> Result<Value, Error> {
    let path: Option<String> = words.get("attribute")?;
    let exact_case = words.get::<Option<bool>>("case_sensitive")?.unwrap_or(false);
    let reverse = reverse.or(words.get("reverse")?).unwrap_or(false);
    words.assert_all_used()?;
    let mut items = keyed(list, path.as_deref())?;
    sort_by_key(&mut items, reverse, exact_case)?;
    Ok(items.into_iter().map(|(_, item)| item).collect())
}

fn alike(one: &Value, two: &Value, exact_case: bool) -> bool {
    match (one.as_str(), two.as_str()) {
        (Some(left), Some(right)) if !exact_case => left.to_lowercase() == right.to_lowercase(),
        _ => operators::same(one, two),
    }
}

/// The first of those that are alike stays.
fn unique(list: &Value, words: Kwargs) -> Result<Value, Error> {
    let path: Option<String> = words.get("attribute")?;
    let exact_case = words.get::<Option<bool>>("case_sensitive")?.unwrap_or(false);
    words.assert_all_used()?;
    let mut kept: Vec<(Value, Value)> = Vec::new();
    for (key, item) in keyed(list, path.as_deref())? {
        if !kept.iter().any(|(known, _)| alike(known, &key, exact_case)) {
            kept.push((key, item));
        }
    }
    Ok(kept.into_iter().map(|(_, item)| item).collect())
}

/// What `groupby` gives: `grouper` and `list`, also as the first and the second.
#[derive(Debug)]
struct Group {
    key: Value,
    items: Vec<Value>,
}

impl Object for Group {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Seq
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        match (key.as_usize(), key.as_str()) {
            (Some(0), None) | (None, Some("grouper")) => Some(self.key.clone()),
            (Some(1), None) | (None, Some("list")) => Some(Value::from(self.items.clone())),
            _ => None,
        }
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Seq(2)
    }
}

fn groupby(list: &Value, path: Option<&str>, words: Kwargs) -> Result<Value, Error> {
    let named: Option<String> = words.get("attribute")?;
    let exact_case = words.get::<Option<bool>>("case_sensitive")?.unwrap_or(false);
    words.assert_all_used()?;
    let path = path.or(named.as_deref());
    if path.is_none() {
        return Err(Error::new(ErrorKind::MissingArgument, "`groupby` needs the name of an attribute"));
    }
    let mut items = keyed(list, path)?;
    sort_by_key(&mut items, false, exact_case)?;
    let mut groups: Vec<Group> = Vec::new();
    for (key, item) in items {
        match groups.last_mut().filter(|group| alike(&group.key, &key, exact_case)) {
            Some(group) => group.items.push(item),
            None => groups.push(Group { key, items: vec![item] }),
        }
    }
    Ok(groups.into_iter().map(Value::from_object).collect())
}

fn dictsort(map: &Value, words: Kwargs) -> Result<Value, Error> {
    let by: Option<String> = words.get("by")?;
    let reverse = words.get::<Option<bool>>("reverse")?.unwrap_or(false);
    let exact_case = words.get::<Option<bool>>("case_sensitive")?.unwrap_or(false);
    words.assert_all_used()?;
    let mut items = Vec::new();
    for name in map.try_iter()? {
        let value = map.get_item(&name)?;
        let key = if by.as_deref() == Some("value") { value.clone() } else { name.clone() };
        items.push((key, Value::from(vec![name, value])));
    }
    sort_by_key(&mut items, reverse, exact_case)?;
    Ok(items.into_iter().map(|(_, pair)| pair).collect())
}

/// `| round`, `| round(2)`, `| round(2, "half_even")`. Half up is away from zero.
fn round(value: &Value, places: Option<i32>, way: Option<&str>, words: Kwargs) -> Result<Value, Error> {
    let named: Option<String> = words.get("method")?;
    words.assert_all_used()?;
    if is_empty(value) {
        return Ok(empty());
    }
    let way = Rounding::named(way.or(named.as_deref()).unwrap_or("half_up"))?;
    let number = one(value)?;
    number::round(number, places.unwrap_or(0), way)
        .map(number::value_of)
        .ok_or_else(|| number::too_large("round"))
}

fn one(value: &Value) -> Result<Decimal, Error> {
    if !number::is_number(value) {
        return Err(refused(
            "YZ0310",
            format_args!("`{value}` is not a number; `| number` reads one from a text"),
        ));
    }
    number::needed(value)
}

fn abs(value: &Value) -> Result<Value, Error> {
    if is_empty(value) { Ok(empty()) } else { one(value).map(|number| number::value_of(number.abs())) }
}

/// A number of a text, as it is written there.
fn number(value: &Value, default: Option<Value>, words: Kwargs) -> Result<Value, Error> {
    let default = default.or(words.get("default")?);
    words.assert_all_used()?;
    let read = match value.as_str() {
        Some(text) => number::number_of_words(text),
        None => number::is_number(value).then(|| value.clone()),
    };
    match (read, default) {
        (Some(number), _) => Ok(number),
        (None, Some(default)) => Ok(default),
        (None, None) if is_empty(value) => Ok(empty()),
        (None, None) => Err(refused("YZ0310", format_args!("`{value}` is not a number"))),
    }
}

/// Without what is behind the point.
fn int(value: &Value, default: Option<Value>, words: Kwargs) -> Result<Value, Error> {
    if value.kind() == ValueKind::Bool {
        return Ok(Value::from(i64::from(value.is_true())));
    }
    let read = number(value, default, words)?;
    if !number::is_number(&read) || read.is_integer() {
        return Ok(read);
    }
    Ok(number::value_of(number::needed(&read)?.trunc()))
}
