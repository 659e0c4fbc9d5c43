"""What a schedule should do, worked out in the slowest and plainest way: minute by minute, with Python's own time zones.

Usage: schedule.py FOLDER FIRST_YEAR LAST_YEAR [all]

FOLDER holds the zones' data as the daemon has it, so that both sides read the same rules. Prints one JSON object per
line: a line with "zone" names the zone of those that follow, one with "same" the zones whose data is that of another,
the others give the slots (minutes since 1970) of one schedule after `from`, up to `until`. With `all` every zone of the
folder, else some that are odd.
"""

import functools
import json
import multiprocessing
import os
import sys
import zoneinfo
from datetime import date, datetime, timedelta, timezone
from pathlib import Path

ZONES = """
Africa/Cairo Africa/Casablanca Africa/El_Aaiun Africa/Lagos America/Adak America/Asuncion America/Caracas
America/Havana America/Los_Angeles America/New_York America/Nuuk America/Port-au-Prince America/Santiago
America/Sao_Paulo America/St_Johns Antarctica/Troll Asia/Amman Asia/Beirut Asia/Gaza Asia/Jerusalem Asia/Kathmandu
Asia/Kolkata Asia/Pyongyang Asia/Shanghai Asia/Tehran Atlantic/Azores Australia/Lord_Howe Australia/Sydney
Europe/Berlin Europe/Dublin Europe/Istanbul Europe/Lisbon Europe/London Europe/Moscow Europe/Volgograd
Pacific/Apia Pacific/Auckland Pacific/Chatham Pacific/Easter Pacific/Norfolk Pacific/Tongatapu UTC
""".split()
FOLDER = Path(sys.argv[1])
FIRST, LAST = (datetime(int(year), 1, 1, tzinfo=timezone.utc) for year in sys.argv[2:4])
MINUTE = timedelta(minutes=1)


def minutes(instant):
    return int(instant.timestamp()) // 60


# --- What a pattern says of a minute of the clock, each written down anew from its words. ---


def field(text, low, high):
    taken = set()
    for part in text.split(","):
        part, _, step = part.partition("/")
        if part == "*":
            start, end = low, high
        else:
            start, _, end = part.partition("-")
            start, end = int(start), int(end or start)
        taken.update(range(start, end + 1, int(step or 1)))
    return taken


def cron(line):
    minute, hour, day, month, weekday = line.split()
    hours = field(hour, 0, 23)
    times = {h * 60 + m for h in hours for m in field(minute, 0, 59)}
    days, months = field(day, 1, 31), field(month, 1, 12)
    weekdays = {number % 7 for number in field(weekday, 0, 7)}

    def takes(d):
        in_days, in_weekdays = d.day in days, d.isoweekday() % 7 in weekdays
        both_said = day != "*" and weekday != "*"
        return d.month in months and ((in_days or in_weekdays) if both_said else (in_days and in_weekdays))

    return takes, times, len(hours) == 24


def last_of_month(d):
    return (d + timedelta(days=1)).month != d.month


def weeks(d):
    return (d - date(1970, 1, 5)).days // 7


def at(clock):
    hour, minute = clock.split(":")
    return {int(hour) * 60 + int(minute)}


def steps(length):
    return set(range(0, 1440, length))


# pattern: (takes a day, minutes of the day, runs through both halves of a repeated hour)
CLOCK = {
    "00:00": (lambda d: True, at("0:00"), False),
    "01:30": (lambda d: True, at("1:30"), False),
    "02:30": (lambda d: True, at("2:30"), False),
    "23:45": (lambda d: True, at("23:45"), False),
    "every 30min": (lambda d: True, steps(30), True),
    "every 90min": (lambda d: True, steps(90), True),
    "every 8h": (lambda d: True, steps(480), True),
    "03:00": (lambda d: True, at("3:00"), False),
    "12:05": (lambda d: True, at("12:05"), False),
    "every 15min": (lambda d: True, steps(15), True),
    "every day at 00:15": (lambda d: True, at("0:15"), False),
    "every 7h": 420,
    "every 100min": 100,
    **{
        line: cron(line)
        for line in (
            "30 1 * * *",
            "*/30 * * * *",
            "0 */2 * * *",
            "15 0,1,2,3 * * *",
            "*/20 2 * * 0,6",
            "5 * * * 1-5",
            "59 23,0 * * *",
        )
    },
}
DAYS = {
    "saturday at 02:15": (lambda d: d.isoweekday() == 6, at("2:15"), False),
    "sunday at 00:30": (lambda d: d.isoweekday() == 7, at("0:30"), False),
    "15th of month at 09:00": (lambda d: d.day == 15, at("9:00"), False),
    "31st of month at 01:00": (lambda d: d.day == 31 or d.day < 31 and last_of_month(d), at("1:00"), False),
    "last day of month at 17:00": (last_of_month, at("17:00"), False),
    "last sunday of month at 02:00": (
        lambda d: d.isoweekday() == 7 and (d + timedelta(days=7)).month != d.month,
        at("2:00"),
        False,
    ),
    "second sunday of month at 02:30": (
        lambda d: d.isoweekday() == 7 and 8 <= d.day <= 14,
        at("2:30"),
        False,
    ),
    "first monday of year": (lambda d: d.isoweekday() == 1 and (d - timedelta(days=7)).year != d.year, at("0:00"), False),
    "last day of year at 23:30": (lambda d: (d.month, d.day) == (12, 31), at("23:30"), False),
    "every 2 months at 09:00": (lambda d: d.day == 1 and d.month % 2 == 1, at("9:00"), False),
    "every 2 weeks": (lambda d: d.isoweekday() == 1 and weeks(d) % 2 == 0, at("0:00"), False),
    "every 10 days at 12:00": (lambda d: (d - date(1970, 1, 1)).days % 10 == 0, at("12:00"), False),
    "0 3 13 * 5": cron("0 3 13 * 5"),
    "30 0 29 2 *": cron("30 0 29 2 *"),
}
RULES = [("after", "first"), ("skip", "first"), ("after", "second"), ("skip", "both")]


# --- The zone's clock, minute by minute. ---


class Stroll:
    """The minutes of the clock from one instant to another: what it shows, and what it skipped to get there."""

    def __init__(self, zone, start, end):
        self.seen, self.skipped = [], []
        before = start.astimezone(zone).replace(tzinfo=None)
        instant = start
        while instant < end:
            instant += MINUTE
            shown = instant.astimezone(zone)
            clock = shown.replace(tzinfo=None, fold=0)
            number = minutes(instant)
            self.seen.append((number, clock.date(), clock.hour * 60 + clock.minute, shown.fold))
            if clock - before > MINUTE:
                gone = []
                while (before := before + MINUTE) < clock:
                    gone.append((before.date(), before.hour * 60 + before.minute))
                self.skipped.append((number, gone))
            before = clock

    def slots(self, pattern, gap, fold):
        if isinstance(pattern, int):
            return [number for number, *_ in self.seen if number % pattern == 0]
        takes, times, interval = pattern
        fits = {"first": (0,), "second": (1,), "both": (0, 1)}[fold]
        found = set()
        for number, day, minute, half in self.seen:
            if minute in times and (interval or half in fits or not self.twice(number, half)) and takes(day):
                found.add(number)
        if gap == "after":
            for number, gone in self.skipped:
                if any(minute in times and takes(day) for day, minute in gone):
                    found.add(number)
        return sorted(found)

    def twice(self, number, half):
        """Whether the clock shows this minute a second time; Python only says of the second that it is one."""
        if half == 1:
            return True
        return number in self.first_halves

    def know_first_halves(self):
        again = {(day, minute) for _, day, minute, half in self.seen if half == 1}
        self.first_halves = {number for number, day, minute, half in self.seen if half == 0 and (day, minute) in again}


def changes(zone):
    """The instants at which the zone's offset changes, to the minute."""
    instant, step = FIRST, timedelta(hours=6)
    offset = instant.astimezone(zone).utcoffset()
    while instant < LAST:
        low, instant = instant, instant + step
        new = instant.astimezone(zone).utcoffset()
        if new == offset:
            continue
        high = instant
        while high - low > MINUTE:
            middle = low + (high - low) // 2 // MINUTE * MINUTE
            low, high = (middle, high) if middle.astimezone(zone).utcoffset() == offset else (low, middle)
        yield high
        offset = new


@functools.cache
def days(pattern):
    takes, day, found = DAYS[pattern][0], FIRST.date() - timedelta(days=2), []
    while day < LAST.date() + timedelta(days=2):
        if takes(day):
            found.append(day)
        day += timedelta(days=1)
    return found


def day_slots(zone, pattern):
    """Slots over all years, day by day; only the days of a change are looked at minute by minute."""
    found = set()
    for day in days(pattern):
        for minute in DAYS[pattern][1]:
            clock = datetime(day.year, day.month, day.day, minute // 60, minute % 60)
            instant = clock.replace(tzinfo=zone).astimezone(timezone.utc)
            if instant.astimezone(zone).replace(tzinfo=None, fold=0) != clock:
                # It does not exist: go back until the clock shows less, then on to the first that shows more.
                while instant.astimezone(zone).replace(tzinfo=None, fold=0) > clock:
                    instant -= MINUTE
                while instant.astimezone(zone).replace(tzinfo=None, fold=0) < clock:
                    instant += MINUTE
            found.add(instant)
    return sorted(minutes(instant) for instant in found if FIRST < instant <= LAST)


def told(name):
    """All lines of one zone."""
    with (FOLDER / name).open("rb") as file:
        zone = zoneinfo.ZoneInfo.from_file(file, key=name)
    lines = [json.dumps({"zone": name})]
    for change in changes(zone):
        start, end = change - timedelta(hours=7), change + timedelta(hours=7)
        stroll = Stroll(zone, start, end)
        stroll.know_first_halves()
        for pattern, rule in CLOCK.items():
            for gap, fold in RULES:
                line = {"pattern": pattern, "gap": gap, "fold": fold, "from": minutes(start), "until": minutes(end)}
                lines.append(json.dumps(line | {"slots": stroll.slots(rule, gap, fold)}, separators=(",", ":")))
    for pattern in DAYS:
        line = {"pattern": pattern, "gap": "after", "fold": "first", "from": minutes(FIRST), "until": minutes(LAST)}
        lines.append(json.dumps(line | {"slots": day_slots(zone, pattern)}, separators=(",", ":")))
    return "\n".join(lines)


def main(every):
    if not every:
        names = ZONES
    else:
        names, known = [], {}
        for path in sorted(path for path in FOLDER.rglob("*") if path.is_file()):
            name = str(path.relative_to(FOLDER))
            first = known.setdefault(path.read_bytes(), name)
            if first == name:
                names.append(name)
            else:
                print(json.dumps({"same": name, "first": first}))
    with multiprocessing.Pool(min(4, os.cpu_count() or 1)) as pool:
        for lines in pool.imap(told, names):
            print(lines, flush=True)


if __name__ == "__main__":
    main(sys.argv[4:] == ["all"])
