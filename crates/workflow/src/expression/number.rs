//! Numbers as people write them: exact decimals of up to 28 digits. No float is ever made.
//!
//! A whole number is the machine's own integer; one with a point is a `Numeral`, which keeps its digits as they were
//! written until something is calculated with it.

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use minijinja::value::{DynObject, Object, ObjectRepr, ValueKind};
use minijinja::{Error, Value};
use rust_decimal::{Decimal, RoundingStrategy};

use super::operators::refused;

/// A quotient is rounded half up to so many places, so that `10 / 3` can be read and calculated with again.
pub const QUOTIENT_PLACES: u32 = 16;

/// Money is printed with so many.
const MONEY_PLACES: u32 = 2;

/// The code of what has more digits than a decimal holds.
pub(super) const TOO_LARGE: &str = "YZ0325";

/// A number that is no integer of the machine.
#[derive(Debug)]
struct Numeral {
    /// `None`: it has more digits than can be calculated with, and can only be handed on.
    exact: Option<Decimal>,
    /// Where the decimal would not be written like that: `1.5e2`, `-0.0`.
    written: Option<Box<str>>,
}

impl fmt::Display for Numeral {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.written, self.exact) {
            (Some(written), _) => f.write_str(written),
            (None, Some(exact)) => exact.fmt(f),
            (None, None) => Ok(()),
        }
    }
}

impl Object for Numeral {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn is_true(self: &Arc<Self>) -> bool {
        self.exact.is_none_or(|exact| !exact.is_zero())
    }

    /// The machine's own sorting and equality ask here; it must always know an order.
    fn custom_cmp(self: &Arc<Self>, other: &DynObject) -> Option<Ordering> {
        let other = other.downcast_ref::<Self>()?;
        Some(match (self.exact, other.exact) {
            (Some(one), Some(two)) => one.cmp(&two),
            _ => self.to_string().cmp(&other.to_string()),
        })
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A number as JSON, TOML and csv files write it: `12`, `-1.50`, `1.5e3`. Its digits are kept.
#[must_use]
pub fn number_of_text(text: &str) -> Option<Value> {
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let exponent = unsigned.find(['e', 'E']);
    let plain = &unsigned[..exponent.unwrap_or(unsigned.len())];
    let (whole, places) = match plain.split_once('.') {
        Some((whole, places)) => (whole, Some(places)),
        None => (plain, None),
    };
    // `007` is a code and no number.
    if whole.len() > 1 && whole.starts_with('0') {
        return None;
    }
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || !places.is_none_or(digits) {
        return None;
    }
    if let Some(at) = exponent {
        let power = &unsigned[at + 1..];
        if !digits(power.strip_prefix(['-', '+']).unwrap_or(power)) {
            return None;
        }
    }
    if places.is_none() && exponent.is_none() && text != "-0" {
        if let Ok(number) = text.parse::<i64>() {
            return Some(Value::from(number));
        }
        if let Ok(number) = text.parse::<i128>() {
            return Some(Value::from(number));
        }
    }
    let exact = match exponent {
        Some(_) => scientific(text),
        None => Decimal::from_str_exact(text).ok(),
    };
    let written = exact.is_none_or(|exact| exact.to_string() != text).then(|| text.into());
    Some(Value::from_object(Numeral { exact, written }))
}

/// `None` where a digit would be lost.
fn scientific(text: &str) -> Option<Decimal> {
    let (digits, power) = text.split_once(['e', 'E'])?;
    let power: i32 = power.parse().ok()?;
    let digits = Decimal::from_str_exact(digits).ok()?.normalize();
    if digits.is_zero() {
        return Some(Decimal::ZERO);
    }
    let places = i32::try_from(digits.scale()).ok()?.checked_sub(power)?;
    match u32::try_from(places) {
        Ok(places) => Decimal::try_from_i128_with_scale(digits.mantissa(), places).ok(),
        Err(_) => {
            let factor = 10_i128.checked_pow(places.unsigned_abs())?;
            Decimal::try_from_i128_with_scale(digits.mantissa().checked_mul(factor)?, 0).ok()
        }
    }
}

/// As a person types it: `+5`, `.5` and `007` are numbers too.
pub(crate) fn number_of_words(text: &str) -> Option<Value> {
    let text = text.trim();
    if let Some(number) = number_of_text(text) {
        return Some(number);
    }
    let (minus, rest) = match text.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", text.strip_prefix('+').unwrap_or(text)),
    };
    if !rest.starts_with(|sign: char| sign.is_ascii_digit() || sign == '.') || rest == "." {
        return None;
    }
    let rest = rest.strip_suffix('.').unwrap_or(rest).trim_start_matches('0');
    let zero = if rest.starts_with(|sign: char| sign.is_ascii_digit()) { "" } else { "0" };
    number_of_text(&format!("{minus}{zero}{rest}"))
}

#[must_use]
pub fn is_number(value: &Value) -> bool {
    let kind = value.kind();
    kind == ValueKind::Number || kind == ValueKind::Plain && numeral(value).is_some()
}

fn numeral(value: &Value) -> Option<&Numeral> {
    value.downcast_object_ref::<Numeral>()
}

/// A whole number; `3.0` is one too.
#[must_use]
pub fn whole(value: &Value) -> Option<i128> {
    if value.is_integer() {
        return i128::try_from(value.clone()).ok();
    }
    let exact = numeral(value)?.exact?.normalize();
    (exact.scale() == 0).then_some(exact.mantissa())
}

/// What can be calculated with. `None`: no number, or one of too many digits.
pub(crate) fn exact(value: &Value) -> Option<Decimal> {
    if let Some(numeral) = numeral(value) {
        return numeral.exact;
    }
    if value.kind() != ValueKind::Number {
        return None;
    }
    if let Some(number) = value.as_i64() {
        return Some(Decimal::from(number));
    }
    if value.is_integer() {
        return Decimal::try_from_i128_with_scale(i128::try_from(value.clone()).ok()?, 0).ok();
    }
    // No value of ours is a float; one that comes all the same is read by its shortest digits.
    let text = f64::try_from(value.clone()).ok()?.to_string();
    Decimal::from_str_exact(&text).ok()
}

/// A result: without the zeros at its end, and an integer where it is whole.
pub(crate) fn value_of(result: Decimal) -> Value {
    let result = result.normalize();
    if result.scale() == 0 {
        let number = result.mantissa();
        return i64::try_from(number).map_or_else(|_| Value::from(number), Value::from);
    }
    Value::from_object(Numeral { exact: Some(result), written: None })
}

/// With exactly two places, which it keeps: what a field for money holds. `None`: it has more.
pub(crate) fn money_of(amount: Decimal) -> Option<Value> {
    let mut exact = amount.normalize();
    if exact.scale() > MONEY_PLACES {
        return None;
    }
    exact.rescale(MONEY_PLACES);
    // A number with too many digits has no room for the places.
    (exact.scale() == MONEY_PLACES).then(|| Value::from_object(Numeral { exact: Some(exact), written: None }))
}

/// How two numbers stand to each other. `None`: one has too many digits, and they are not written alike.
pub(crate) fn compare(one: &Value, two: &Value) -> Option<Ordering> {
    if one.kind() == ValueKind::Number && two.kind() == ValueKind::Number {
        return Some(one.cmp(two));
    }
    match (exact(one), exact(two)) {
        (Some(one), Some(two)) => Some(one.cmp(&two)),
        // An integer of the machine that no decimal holds lies beyond every decimal.
        (Some(_), None) if two.is_integer() => {
            Some(if is_negative(two) { Ordering::Greater } else { Ordering::Less })
        }
        (None, Some(_)) if one.is_integer() => {
            Some(if is_negative(one) { Ordering::Less } else { Ordering::Greater })
        }
        _ => (one.to_string() == two.to_string()).then_some(Ordering::Equal),
    }
}

fn is_negative(number: &Value) -> bool {
    i128::try_from(number.clone()).is_ok_and(|number| number < 0)
}

/// What the operators do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sign {
    Add,
    Subtract,
    Multiply,
    Divide,
    Floor,
    Remainder,
    Power,
}

impl Sign {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Multiply => "*",
            Self::Divide => "/",
            Self::Floor => "//",
            Self::Remainder => "%",
            Self::Power => "**",
        }
    }

    /// Integers that stay integers, which most are.
    pub(super) fn of_whole(self, a: i64, b: i64) -> Option<i64> {
        match self {
            Self::Add => a.checked_add(b),
            Self::Subtract => a.checked_sub(b),
            Self::Multiply => a.checked_mul(b),
            Self::Divide => (a.checked_rem(b)? == 0).then(|| a.checked_div(b)).flatten(),
            Self::Floor => a.checked_div_euclid(b),
            Self::Remainder => a.checked_rem_euclid(b),
            Self::Power => a.checked_pow(u32::try_from(b).ok()?),
        }
    }

    /// `None`: the result has more digits than a decimal holds.
    fn of_decimals(self, a: Decimal, b: Decimal) -> Option<Decimal> {
        match self {
            Self::Add => sum(a, b),
            Self::Subtract => sum(a, -b),
            Self::Multiply => a.checked_mul(b),
            Self::Divide => quotient(a, b),
            Self::Floor => a.checked_sub(remainder(a, b)?)?.checked_div(b).map(|whole| whole.round()),
            Self::Remainder => remainder(a, b),
            Self::Power => power(a, b),
        }
    }
}

/// What most numbers are; nothing else needs to be asked of them.
pub(super) fn both_whole(a: &Value, b: &Value) -> Option<(i64, i64)> {
    if !a.is_integer() || !b.is_integer() {
        return None;
    }
    Some((a.as_i64()?, b.as_i64()?))
}

/// Both are numbers.
pub(super) fn calculate(sign: Sign, a: &Value, b: &Value) -> Result<Value, Error> {
    let (left, right) = (needed(a)?, needed(b)?);
    if sign == Sign::Power && right.normalize().scale() > 0 {
        return Err(refused("YZ0310", "`**` needs a whole number on its right"));
    }
    if right.is_zero() && matches!(sign, Sign::Divide | Sign::Floor | Sign::Remainder) {
        return Err(refused("YZ0324", "it divides by zero"));
    }
    sign.of_decimals(left, right).map(value_of).ok_or_else(|| too_large(sign.as_str()))
}

pub(super) fn needed(value: &Value) -> Result<Decimal, Error> {
    exact(value).ok_or_else(|| {
        let shown: String = value.to_string().chars().take(40).collect();
        refused(TOO_LARGE, format_args!("`{shown}` has more than the 28 digits that can be calculated with"))
    })
}

pub(super) fn too_large(sign: &str) -> Error {
    refused(TOO_LARGE, format_args!("`{sign}` gives a number of more than 28 digits"))
}

/// Exact or not at all: where the digits of both do not fit side by side, the crate would round.
pub(super) fn sum(a: Decimal, b: Decimal) -> Option<Decimal> {
    let (a, b) = (a.normalize(), b.normalize());
    if a.is_zero() || b.is_zero() {
        return Some(if a.is_zero() { b } else { a });
    }
    let result = a.checked_add(b)?;
    (result.scale() == a.scale().max(b.scale())).then_some(result)
}

/// Rounded half up to 16 places, or to as many as its whole part leaves room for.
pub(super) fn quotient(a: Decimal, b: Decimal) -> Option<Decimal> {
    let (a, b) = (a.normalize(), b.normalize());
    let negative = a.is_sign_negative() != b.is_sign_negative();
    for places in (0..=QUOTIENT_PLACES).rev() {
        let shift = i64::from(places) + i64::from(b.scale()) - i64::from(a.scale());
        let Some(digits) = divided(a.mantissa().unsigned_abs(), b.mantissa().unsigned_abs(), shift) else {
            continue;
        };
        let Some((digits, places)) = short(digits, places) else { continue };
        let digits = if negative { -digits } else { digits };
        if let Ok(result) = Decimal::try_from_i128_with_scale(digits, places) {
            return Some(result);
        }
    }
    None
}

/// `a / b`, moved by so many places and rounded half up, digit by digit as on paper. Both are below 2⁹⁶.
fn divided(a: u128, b: u128, shift: i64) -> Option<u128> {
    let (mut whole, mut rest) = (a.checked_div(b)?, a.checked_rem(b)?);
    for _ in 0..shift.max(0) {
        rest *= 10;
        whole = whole.checked_mul(10)?.checked_add(rest / b)?;
        rest %= b;
    }
    if shift < 0 {
        let unit = 10_u128.checked_pow(u32::try_from(-shift).ok()?)?;
        let cut = whole % unit;
        return Some(whole / unit + u128::from(cut * 2 >= unit));
    }
    Some(whole + u128::from(rest * 2 >= b))
}

/// Without the zeros at its end.
fn short(digits: u128, mut places: u32) -> Option<(i128, u32)> {
    let mut digits = i128::try_from(digits).ok()?;
    while places > 0 && digits % 10 == 0 {
        digits /= 10;
        places -= 1;
    }
    Some((digits, places))
}

/// Never negative, as for whole numbers: `a == a // b * b + a % b`.
fn remainder(a: Decimal, b: Decimal) -> Option<Decimal> {
    let rest = a.checked_rem(b)?;
    if rest.is_sign_negative() && !rest.is_zero() { rest.checked_add(b.abs()) } else { Some(rest) }
}

fn power(a: Decimal, b: Decimal) -> Option<Decimal> {
    let times = i64::try_from(b.normalize().mantissa()).ok()?;
    // More are never exact, and would only take long.
    const MOST: u64 = 1_000;
    if times.unsigned_abs() > MOST {
        return None;
    }
    let mut result = Decimal::ONE;
    for _ in 0..times.unsigned_abs() {
        result = result.checked_mul(a)?;
    }
    if times < 0 {
        (!result.is_zero()).then(|| quotient(Decimal::ONE, result)).flatten()
    } else {
        Some(result)
    }
}

/// The ways to round, as a file names them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rounding {
    HalfUp,
    HalfEven,
    Up,
    Down,
}

impl Rounding {
    const NAMES: [(&str, Self); 4] =
        [("half_up", Self::HalfUp), ("half_even", Self::HalfEven), ("ceil", Self::Up), ("floor", Self::Down)];

    pub(super) fn named(name: &str) -> Result<Self, Error> {
        Self::NAMES.iter().find(|(known, _)| *known == name).map(|(_, way)| *way).ok_or_else(|| {
            let known = Self::NAMES.map(|(known, _)| format!("`{known}`")).join(", ");
            refused("YZ0310", format_args!("`{name}` is no way to round; there are {known}"))
        })
    }

    fn strategy(self) -> RoundingStrategy {
        match self {
            Self::HalfUp => RoundingStrategy::MidpointAwayFromZero,
            Self::HalfEven => RoundingStrategy::MidpointNearestEven,
            Self::Up => RoundingStrategy::ToPositiveInfinity,
            Self::Down => RoundingStrategy::ToNegativeInfinity,
        }
    }
}

/// `places` below zero round to tens and hundreds.
pub(super) fn round(number: Decimal, places: i32, way: Rounding) -> Option<Decimal> {
    if let Ok(places) = u32::try_from(places) {
        return Some(number.round_dp_with_strategy(places, way.strategy()));
    }
    let unit = Decimal::try_from_i128_with_scale(10_i128.checked_pow(places.unsigned_abs())?, 0).ok()?;
    // Only the point is moved; no digit is divided away.
    let mut tens = number.normalize();
    tens.set_scale(tens.scale().checked_add(places.unsigned_abs())?).ok()?;
    tens.round_dp_with_strategy(0, way.strategy()).checked_mul(unit)
}

/// With exactly so many places.
pub(super) fn fixed(number: Decimal, places: u32) -> String {
    let rounded = number.round_dp_with_strategy(places, RoundingStrategy::MidpointAwayFromZero).normalize();
    let mut text = rounded.to_string();
    if places > 0 {
        if rounded.scale() == 0 {
            text.push('.');
        }
        for _ in rounded.scale()..places {
            text.push('0');
        }
    }
    text
}

pub(super) fn money(number: Decimal) -> String {
    fixed(number, MONEY_PLACES)
}

#[cfg(test)]
mod tests;
