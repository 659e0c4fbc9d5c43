//! `"%05d / %.2f" | format(n, price)`: numbers in columns, to the last digit.

use std::iter::Peekable;
use std::str::Chars;

use minijinja::value::Rest;
use minijinja::{Error, Value};
use rust_decimal::RoundingStrategy;

use super::operators::refused;
use super::{number, print};

/// Wider fields and more places are a slip.
const WIDEST: usize = 200;

#[derive(Default)]
struct Spec {
    left: bool,
    zeros: bool,
    plus: bool,
    width: usize,
    places: Option<usize>,
}

pub(super) fn format(pattern: &str, values: Rest<Value>) -> Result<String, Error> {
    let mut values = values.iter();
    let mut text = String::with_capacity(pattern.len());
    let mut signs = pattern.chars().peekable();
    while let Some(sign) = signs.next() {
        if sign != '%' {
            text.push(sign);
            continue;
        }
        let mut spec = Spec::default();
        while let Some(flag) = signs.next_if(|sign| "-0+".contains(*sign)) {
            match flag {
                '-' => spec.left = true,
                '0' => spec.zeros = true,
                _ => spec.plus = true,
            }
        }
        spec.width = digits(&mut signs);
        if signs.next_if_eq(&'.').is_some() {
            spec.places = Some(digits(&mut signs));
        }
        if spec.width > WIDEST || spec.places.is_some_and(|places| places > WIDEST) {
            return Err(refused("YZ0310", format_args!("`%` takes up to {WIDEST} places")));
        }
        let kind = signs.next();
        if kind == Some('%') {
            text.push('%');
            continue;
        }
        let value =
            values.next().ok_or_else(|| refused("YZ0310", format_args!("`{pattern}` needs more values")))?;
        put(&spec, kind, value, &mut text)?;
    }
    if values.next().is_some() {
        return Err(refused("YZ0310", format_args!("`{pattern}` needs fewer values")));
    }
    Ok(text)
}

fn digits(signs: &mut Peekable<Chars<'_>>) -> usize {
    let mut number = 0_usize;
    while let Some(digit) = signs.peek().and_then(|sign| sign.to_digit(10)) {
        signs.next();
        number = number.saturating_mul(10).saturating_add(digit as usize);
    }
    number
}

fn put(spec: &Spec, kind: Option<char>, value: &Value, to: &mut String) -> Result<(), Error> {
    let mut shown = match kind {
        Some('s') => {
            let mut shown = String::new();
            print::print(value, &mut shown);
            match spec.places {
                Some(places) => shown.chars().take(places).collect(),
                None => shown,
            }
        }
        Some('d' | 'i' | 'f') if print::is_empty(value) => String::new(),
        Some(kind @ ('d' | 'i' | 'f')) => {
            if !number::is_number(value) {
                return Err(refused("YZ0310", format_args!("`%{kind}` needs a number, and got `{value}`")));
            }
            let exact = number::needed(value)?;
            if kind == 'f' {
                let places = spec.places.unwrap_or(6);
                number::fixed(exact, u32::try_from(places).unwrap_or(u32::MAX))
            } else {
                exact.round_dp_with_strategy(0, RoundingStrategy::ToZero).normalize().to_string()
            }
        }
        other => {
            let found = other.map_or_else(|| "%".to_owned(), |kind| format!("%{kind}"));
            return Err(refused(
                "YZ0310",
                format_args!("`{found}` is no way to show a value; there are `%s`, `%d`, `%f`"),
            ));
        }
    };
    let is_number = kind != Some('s') && !shown.is_empty();
    if spec.plus && is_number && !shown.starts_with('-') {
        shown.insert(0, '+');
    }
    let missing = spec.width.saturating_sub(shown.chars().count());
    if missing > 0 && spec.zeros && is_number && !spec.left {
        let after_sign = usize::from(shown.starts_with(['-', '+']));
        shown.insert_str(after_sign, &"0".repeat(missing));
        to.push_str(&shown);
        return Ok(());
    }
    let blanks = " ".repeat(missing);
    if spec.left {
        to.extend([shown.as_str(), &blanks]);
    } else {
        to.extend([blanks.as_str(), &shown]);
    }
    Ok(())
}
