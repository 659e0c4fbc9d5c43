//! Stories about numbers: what is calculated agrees with fractions of whole numbers, which know no rounding.

use proptest::prelude::*;

use super::*;
use crate::expression::json_of_value;
use crate::expression::operators::calculate;

/// `digits / 10^places`, and what it is as text.
#[derive(Clone, Copy, Debug)]
struct Fraction {
    digits: i128,
    places: u32,
}

impl Fraction {
    fn value(self) -> Value {
        let digits = self.digits.unsigned_abs().to_string();
        let width = self.places as usize + 1;
        let padded = format!("{digits:0>width$}");
        let (whole, rest) = padded.split_at(padded.len() - self.places as usize);
        let sign = if self.digits < 0 { "-" } else { "" };
        let point = if rest.is_empty() { "" } else { "." };
        number_of_text(&format!("{sign}{whole}{point}{rest}")).unwrap()
    }

    fn unit(self) -> i128 {
        10_i128.pow(self.places)
    }
}

fn any_fraction() -> impl Strategy<Value = Fraction> {
    (-1_000_000_000_000_i128..1_000_000_000_000, 0_u32..7)
        .prop_map(|(digits, places)| Fraction { digits, places })
}

/// The same number, whatever zeros are written.
#[track_caller]
fn as_fraction(value: &Value) -> (i128, i128) {
    let text = json_of_value(value);
    let (whole, places) = text.split_once('.').unwrap_or((&text, ""));
    let digits: i128 = format!("{whole}{places}").parse().unwrap();
    (digits, 10_i128.pow(u32::try_from(places.len()).unwrap()))
}

/// The nearest whole number to `a / b`, and of two the one away from zero: the oracle of half up.
fn nearest(a: i128, b: i128) -> i128 {
    let (positive, a, b) = ((a < 0) == (b < 0), a.abs(), b.abs());
    let rounded = (a * 2 + b) / (b * 2);
    if positive { rounded } else { -rounded }
}

proptest! {
    #[test]
    fn sums_differences_and_products_are_exact(a in any_fraction(), b in any_fraction()) {
        let of = |sign| as_fraction(&calculate(sign, &a.value(), &b.value()).unwrap());
        let (up, down) = of(Sign::Add);
        prop_assert_eq!(up * a.unit() * b.unit(), (a.digits * b.unit() + b.digits * a.unit()) * down);
        let (up, down) = of(Sign::Subtract);
        prop_assert_eq!(up * a.unit() * b.unit(), (a.digits * b.unit() - b.digits * a.unit()) * down);
        let exact = a.digits * b.digits;
        let (up, down) = of(Sign::Multiply);
        // Both sides are divided, so that they fit.
        prop_assert_eq!(up * (a.unit() * b.unit() / down), exact);
    }

    #[test]
    fn a_quotient_is_the_nearest_of_sixteen_places(a in -1_000_000_000_i128..1_000_000_000, b in any_fraction()) {
        prop_assume!(b.digits != 0);
        let (up, down) = as_fraction(&calculate(Sign::Divide, &Value::from(a), &b.value()).unwrap());
        let unit = 10_i128.pow(QUOTIENT_PLACES);
        prop_assert_eq!(up * (unit / down), nearest(a * b.unit() * unit, b.digits));
    }

    #[test]
    fn what_division_leaves_over_is_never_negative_and_makes_up_the_whole(a in any_fraction(), b in any_fraction()) {
        prop_assume!(b.digits != 0);
        let (floor, rest) = (
            calculate(Sign::Floor, &a.value(), &b.value()).unwrap(),
            calculate(Sign::Remainder, &a.value(), &b.value()).unwrap(),
        );
        prop_assert!(whole(&floor).is_some(), "{floor}");
        let (up, down) = as_fraction(&rest);
        // On one unit: 0 ≤ rest < |b|, and a == floor × b + rest.
        let one = a.unit() * b.unit();
        let (a, b, rest) = (a.digits * (one / a.unit()), b.digits * (one / b.unit()), up * (one / down));
        prop_assert!(0 <= rest && rest < b.abs());
        prop_assert_eq!(i128::try_from(floor).unwrap() * b + rest, a);
    }

    #[test]
    fn numbers_stand_in_the_order_of_their_size(a in any_fraction(), b in any_fraction()) {
        let exact = (a.digits * b.unit()).cmp(&(b.digits * a.unit()));
        prop_assert_eq!(compare(&a.value(), &b.value()), Some(exact));
    }

    #[test]
    fn rounding_half_up_gives_the_nearest(a in any_fraction(), places in 0_u32..5) {
        let rounded = round(exact(&a.value()).unwrap(), i32::try_from(places).unwrap(), Rounding::HalfUp).unwrap();
        let unit = 10_i128.pow(places);
        let (up, down) = as_fraction(&value_of(rounded));
        prop_assert_eq!(up * (unit / down), nearest(a.digits * unit, a.unit()));
    }

    #[test]
    fn a_number_is_printed_as_it_was_read(text in "-?(0|[1-9][0-9]{0,40})(\\.[0-9]{1,40})?([eE][+-]?[0-9]{1,4})?") {
        let value = number_of_text(&text).unwrap();
        prop_assert_eq!(value.to_string(), text.clone());
        prop_assert_eq!(json_of_value(&value), text);
    }

    #[test]
    fn a_result_is_read_again_as_itself(a in any_fraction(), b in any_fraction()) {
        let result = calculate(Sign::Multiply, &a.value(), &b.value()).unwrap();
        let again = number_of_text(&result.to_string()).unwrap();
        prop_assert_eq!(compare(&again, &result), Some(Ordering::Equal));
        prop_assert!(!result.to_string().contains('.') || !result.to_string().ends_with('0'), "{result}");
    }
}

#[test]
fn a_number_of_more_digits_can_be_handed_on_and_not_calculated_with() {
    let long = number_of_text("12345678901234567890123456789012345678901234567890").unwrap();
    assert!(is_number(&long) && exact(&long).is_none());
    assert_eq!(compare(&long, &long), Some(Ordering::Equal));
    assert_eq!(compare(&long, &Value::from(1)), None);
    let large = number_of_text("100000000000000000000000000000000000").unwrap();
    assert_eq!(compare(&large, &number_of_text("0.5").unwrap()), Some(Ordering::Greater));
    for (sign, a, b) in [
        (Sign::Add, "79228162514264337593543950335", "1"),
        (Sign::Add, "79228162514264337593543950335", "0.1"),
        (Sign::Multiply, "10000000000000000", "10000000000000"),
        (Sign::Power, "10", "29"),
        (Sign::Power, "1.5", "1001"),
        (Sign::Divide, "10000000000000000000000000000", "0.001"),
        (Sign::Add, "100000000000000000000000000000000000", "1"),
    ] {
        let error = calculate(sign, &number_of_text(a).unwrap(), &number_of_text(b).unwrap()).unwrap_err();
        assert!(error.detail().unwrap().starts_with(TOO_LARGE), "{a} {} {b}: {error}", sign.as_str());
    }
}

#[test]
fn what_people_type_is_a_number_and_a_code_is_none() {
    for (text, number) in [
        ("+5", "5"),
        (" 7 ", "7"),
        (".5", "0.5"),
        ("-.5", "-0.5"),
        ("5.", "5"),
        ("007", "7"),
        ("0", "0"),
        ("00", "0"),
    ] {
        assert_eq!(number_of_words(text).map(|value| value.to_string()).as_deref(), Some(number), "{text}");
    }
    for text in ["", ".", "-", "1.2.3", "0x10", "１", "inf", "nan", "--5", "+-5", "1 2", "e5", "5e"] {
        assert!(number_of_words(text).is_none(), "{text}");
    }
    assert!(number_of_text("007").is_none(), "a code keeps its zeros");
}

#[test]
fn there_are_four_ways_to_round() {
    for (number, places, way, rounded) in [
        ("2.5", 0, "half_up", "3"),
        ("-2.5", 0, "half_up", "-3"),
        ("2.5", 0, "half_even", "2"),
        ("3.5", 0, "half_even", "4"),
        ("2.1", 0, "ceil", "3"),
        ("-2.1", 0, "floor", "-3"),
        ("2.345", 2, "half_up", "2.35"),
        ("1250", -2, "half_up", "1300"),
        ("1250", -2, "half_even", "1200"),
        ("1.5", 40, "half_up", "1.5"),
    ] {
        let number = exact(&number_of_text(number).unwrap()).unwrap();
        assert_eq!(
            value_of(round(number, places, Rounding::named(way).unwrap()).unwrap()).to_string(),
            rounded,
            "{number} {way}"
        );
    }
    assert!(Rounding::named("up").unwrap_err().detail().unwrap().contains("`half_even`"));
}

#[test]
fn money_is_rounded_half_up_to_two_places() {
    for (number, printed) in [
        ("0", "0.00"),
        ("12.5", "12.50"),
        ("0.005", "0.01"),
        ("-0.005", "-0.01"),
        ("-0.001", "0.00"),
        ("2.675", "2.68"),
        ("1e3", "1000.00"),
    ] {
        assert_eq!(money(exact(&number_of_text(number).unwrap()).unwrap()), printed, "{number}");
    }
    assert!(money_of(exact(&number_of_text("1.005").unwrap()).unwrap()).is_none(), "it has three places");
    assert_eq!(money_of(Decimal::from(12)).unwrap().to_string(), "12.00");
}
