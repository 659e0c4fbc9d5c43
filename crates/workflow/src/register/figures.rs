//! The figures of a group: what `show` says, and what comes of it.

use std::cmp::Ordering;

use minijinja::Value;
use minijinja::value::ValueKind;

use super::AskFault;
use crate::expression::{self, Expression, is_empty, is_number, operators, value_of_json};
use crate::query::Holds;

/// A figure of a group: `sum(amount)`, `share(outcome = 'signed')`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Show {
    pub name: String,
    measure: Measure,
    /// None for a bare `count`.
    pub column: Option<String>,
    /// The value that is counted, as JSON; without it the column says yes or no.
    is: Option<String>,
    text: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Measure {
    Count,
    Sum,
    Mean,
    Min,
    Max,
    Median,
    /// Of a hundred: this many are not above it.
    Percentile(u8),
    Share,
}

/// As they are said to whoever wrote another one.
const THERE_ARE: &str = "`count`, `count(column = value)`, `share(column = value)`, `sum(column)`, `mean(column)`, \
                         `median(column)`, `p90(column)`, `min(column)` and `max(column)`";

impl Measure {
    fn named(word: &str) -> Option<Self> {
        Some(match word {
            "count" => Self::Count,
            "sum" => Self::Sum,
            "mean" => Self::Mean,
            "min" => Self::Min,
            "max" => Self::Max,
            "median" => Self::Median,
            "share" => Self::Share,
            other => {
                let digits = other.strip_prefix('p')?;
                let percent = digits.parse().ok().filter(|percent| (1..=99).contains(percent))?;
                Self::Percentile(percent)
            }
        })
    }

    /// It may ask for one value of a column.
    fn counts(self) -> bool {
        matches!(self, Self::Count | Self::Share)
    }
}

impl Show {
    /// Each name with what it shows.
    pub(crate) fn all(show: &serde_json::Map<String, serde_json::Value>) -> Result<Vec<Self>, AskFault> {
        let read = |(name, text): (&String, &serde_json::Value)| match text.as_str() {
            Some(text) => Self::parse(name, text),
            None => Err(AskFault(format!("`show.{name}` is a text as `sum(amount)`"))),
        };
        show.iter().map(read).collect()
    }

    pub(crate) fn parse(name: &str, text: &str) -> Result<Self, AskFault> {
        let wrong = || AskFault(format!("`{text}` is no figure: there are {THERE_ARE}"));
        let said = text.trim();
        let (word, inside) = match said.split_once('(') {
            None => (said, None),
            Some((word, rest)) => (word.trim(), Some(rest.strip_suffix(')').ok_or_else(wrong)?.trim())),
        };
        let measure = Measure::named(word).ok_or_else(wrong)?;
        let (column, is) = match inside.map(|inside| inside.split_once('=').unwrap_or((inside, ""))) {
            None => (None, None),
            Some((column, "")) => (Some(column.trim()), None),
            Some((column, value)) => (Some(column.trim()), Some(constant(value.trim()))),
        };
        let fits = match column {
            None => measure == Measure::Count,
            Some(column) => !column.is_empty() && (is.is_none() || measure.counts()),
        };
        if !fits {
            return Err(wrong());
        }
        let column = column.map(str::to_owned);
        Ok(Self { name: name.to_owned(), measure, column, is, text: said.to_owned() })
    }

    /// Whether there is such a figure of what a column holds.
    pub(crate) fn fits(&self, holds: Holds) -> Result<(), &'static str> {
        let calculates = !self.measure.counts() && !matches!(self.measure, Measure::Min | Measure::Max);
        match (holds, &self.is) {
            (Holds::Text | Holds::Flag, _) if calculates => Err("the column holds no numbers"),
            (Holds::Text | Holds::Number, None) if self.measure.counts() => {
                Err("the column says neither yes nor no; say `column = value`")
            }
            (Holds::Text | Holds::Number | Holds::Flag, _) => Ok(()),
        }
    }

    /// What the figure is of the members of a group.
    pub(super) fn of(&self, members: &[&Value]) -> Result<Value, AskFault> {
        let Some(name) = &self.column else { return Ok(Value::from(members.len())) };
        let list: Vec<Value> = members.iter().map(|row| super::find::column(row, name)).collect();
        self.measured(list).map_err(|cause| AskFault(format!("`{}`: {cause}", self.text)))
    }

    fn measured(&self, list: Vec<Value>) -> Result<Value, String> {
        match self.measure {
            Measure::Sum => by_filter(list, "sum"),
            Measure::Mean => by_filter(list, "mean"),
            Measure::Min => by_filter(list, "min"),
            Measure::Max => by_filter(list, "max"),
            Measure::Count => Ok(Value::from(self.counted(&list)?.0)),
            Measure::Share => {
                let (those, known) = self.counted(&list)?;
                if known == 0 { Ok(expression::empty()) } else { quotient(those, known) }
            }
            Measure::Median => {
                let numbers = in_order(list)?;
                let Some(last) = numbers.len().checked_sub(1) else { return Ok(expression::empty()) };
                // The one in the middle, or of two the mean.
                by_filter(vec![numbers[last / 2].clone(), numbers[last - last / 2].clone()], "mean")
            }
            Measure::Percentile(percent) => {
                let numbers = in_order(list)?;
                // The smallest that is not below so many of a hundred.
                let place = (numbers.len() * usize::from(percent)).div_ceil(100);
                Ok(place.checked_sub(1).map_or_else(expression::empty, |place| numbers[place].clone()))
            }
        }
    }

    /// How many are meant, and of how many it is known. What is empty is not known.
    fn counted(&self, list: &[Value]) -> Result<(usize, usize), String> {
        let wanted = self.is.as_deref().map(value_of_json);
        let known: Vec<&Value> = list.iter().filter(|value| !is_empty(value)).collect();
        let mut those = 0;
        for value in &known {
            let meant = match &wanted {
                Some(wanted) => operators::equal(value, wanted).map_err(|error| operators::told(&error))?,
                None if value.kind() == ValueKind::Bool => value.is_true(),
                None => return Err(format!("`{value}` is neither yes nor no; say `column = value`")),
            };
            those += usize::from(meant);
        }
        Ok((those, known.len()))
    }
}

/// `'signed'`, `"signed"`, `signed`, `3`, `true`.
fn constant(text: &str) -> String {
    let quoted = text.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\''));
    match (quoted, serde_json::from_str::<&serde_json::value::RawValue>(text)) {
        (None, Ok(json)) => json.get().to_owned(),
        (quoted, _) => serde_json::Value::from(quoted.unwrap_or(text)).to_string(),
    }
}

fn worked(expression: &str, names: Vec<(Value, Value)>) -> Result<Value, String> {
    let expression = Expression::parse(expression).map_err(|_| "no such figure".to_owned())?;
    expression.value(&Value::from_pairs(names)).map_err(|error| error.message.to_string())
}

fn by_filter(list: Vec<Value>, filter: &str) -> Result<Value, String> {
    worked(&format!("list | {filter}"), vec![(Value::from("list"), Value::from(list))])
}

fn quotient(part: usize, whole: usize) -> Result<Value, String> {
    let names = [("part", part), ("whole", whole)];
    worked("part / whole", names.map(|(name, count)| (Value::from(name), Value::from(count))).to_vec())
}

/// The numbers of a list, the smallest first, without what is empty.
fn in_order(list: Vec<Value>) -> Result<Vec<Value>, String> {
    let mut numbers: Vec<Value> = list.into_iter().filter(|value| !is_empty(value)).collect();
    if let Some(other) = numbers.iter().find(|value| !is_number(value)) {
        return Err(format!("`{other}` is not a number"));
    }
    numbers.sort_by(|a, b| expression::compare(a, b).unwrap_or(Ordering::Equal));
    Ok(numbers)
}
