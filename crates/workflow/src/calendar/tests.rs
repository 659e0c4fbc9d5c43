//! Stories about working days and hours.

use jiff::civil::date;

use super::*;
use crate::schedule::zone;

fn house() -> Calendar {
    Calendar::weekdays(zone("Asia/Shanghai").unwrap())
}

#[test]
fn a_saturday_is_not_worked_and_a_make_up_saturday_is() {
    let mut calendar = house();
    let saturday = date(2026, 10, 10);
    assert!(!calendar.is_workday(saturday));
    calendar.dates.insert(saturday, Dated { what: Special::Workday(None), name: Some("调休".into()) });
    assert_eq!(calendar.hours(saturday), [Open { from: 540, until: 1080 }]);
    assert_eq!(calendar.name_of(saturday), Some("调休"));
}
