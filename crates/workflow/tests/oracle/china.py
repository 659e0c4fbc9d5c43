"""The public holidays of mainland China with their make-up days, from the PyPI package chinesecalendar.

`china.py` writes the calendar that comes along (crates/workflow/src/calendar/china.toml); only facts are taken from the
package: which days are off, which weekend days are worked, and for which festival. `china.py days` prints one line for
each day of the years that the package knows, with 1 where it is worked: what the calendar is compared with.
"""

import importlib.metadata
import sys
from datetime import date, timedelta

import chinese_calendar
from chinese_calendar import constants

NAMES = {
    "New Year's Day": "元旦",
    "Spring Festival": "春节",
    "Tomb-sweeping Day": "清明节",
    "Labour Day": "劳动节",
    "Dragon Boat Festival": "端午节",
    "National Day": "国庆节",
    "Mid-autumn Festival": "中秋节",
    "Anti-Fascist 70th Day": "抗战胜利 70 周年纪念日",
}
DAY = timedelta(days=1)
FIRST = min(constants.holidays).year
LAST = max(constants.holidays).year


def spans(days):
    """Runs of days of one name."""
    runs = []
    for day, name in sorted(days.items()):
        if runs and runs[-1][1] + DAY == day and runs[-1][2] == name:
            runs[-1][1] = day
        else:
            runs.append([day, day, name])
    return runs


def section(title, days, suffix=""):
    print(f"\n[{title}]")
    for first, last, name in spans(days):
        key = str(first) if first == last else f'"{first}..{last}"'
        print(f'{key} = "{NAMES[name]}{suffix}"')


def calendar():
    version = importlib.metadata.version("chinesecalendar")
    print(f"# Written by tests/oracle/china.py from the facts in chinesecalendar {version} (PyPI). Do not edit: a calendar of")
    print("# your own is based on this one, and says what is different.")
    print('title = "中国法定节假日"')
    print('based_on = "weekdays"')
    print(f'years = "{FIRST}..{LAST}"')
    section("holidays", constants.holidays)
    section("workdays", constants.workdays, "调休")


def days():
    day = date(FIRST, 1, 1)
    while day.year <= LAST:
        print(day, int(chinese_calendar.is_workday(day)))
        day += DAY


if __name__ == "__main__":
    days() if sys.argv[1:] == ["days"] else calendar()
