"""When working days and open hours end, worked out day by day and minute by minute, with Python's own zones and dates.

Usage: moments.py CHINA_TOML COUNT SEED. Reads which days are off and which are made up from the calendar that comes
along, prints the calendars (TOML) that both sides use, and then COUNT random questions of ten years with the answers:
minutes since 1970.
"""

import json
import random
import sys
import zoneinfo
from datetime import date, datetime, timedelta, timezone

import tomllib

DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)
FIRST, LAST = 2017, 2026


def days_of(table):
    for key, name in table.items():
        first, _, last = key.partition("..")
        day, last = date.fromisoformat(first), date.fromisoformat(last or first)
        while day <= last:
            yield day
            day += DAY


def span(text):
    first, last = text.split("-")
    minute = lambda clock: int(clock[:2]) * 60 + int(clock[3:])
    return minute(first), minute(last)


class Calendar:
    def __init__(self, name, zone, week, cut_off, holidays=(), made_up=()):
        self.name, self.zone_name, self.zone = name, zone, zoneinfo.ZoneInfo(zone)
        self.week = [[span(text) for text in hours] for hours in week]
        self.texts, self.cut_off = week, cut_off
        self.holidays, self.made_up = set(holidays), set(made_up)

    def toml(self):
        names = "monday tuesday wednesday thursday friday saturday sunday".split()
        lines = [f'timezone = "{self.zone_name}"']
        if self.holidays:
            lines += ['based_on = "china"']
        if self.cut_off is not None:
            lines += [f'cut_off = "{self.cut_off // 60:02}:{self.cut_off % 60:02}"']
        return "\n".join(lines + ["[hours]"] + [f"{n} = {json.dumps(h)}" for n, h in zip(names, self.texts)])

    def hours(self, day):
        if day in self.made_up:
            return next(hours for hours in self.week if hours)
        return [] if day in self.holidays else self.week[day.weekday()]

    def worked(self, day):
        return bool(self.hours(day))

    def clock(self, minute):
        return datetime.fromtimestamp(minute * 60, timezone.utc).astimezone(self.zone)

    def instant(self, day, minute):
        """The first minute whose clock shows that time of that day, or a later one: a skipped time is made up for."""
        wanted = datetime(day.year, day.month, day.day) + timedelta(minutes=minute)
        guess = int(wanted.replace(tzinfo=timezone.utc).timestamp()) // 60 - 15 * 60
        low, high = guess, guess + 30 * 60
        shown = lambda minute: self.clock(minute).replace(tzinfo=None)
        while low < high:
            middle = (low + high) // 2
            if max(shown(middle), shown(middle - 60)) >= wanted:
                high = middle
            else:
                low = middle + 1
        while shown(low) < wanted:
            low += 1
        return low

    def after(self, day, n):
        while n > 0 or not self.worked(day):
            day += DAY
            if self.worked(day):
                n -= 1
            if n <= 0 and self.worked(day):
                break
        return day

    def workdays(self, at, n):
        shown = self.clock(at)
        day = shown.date()
        if self.cut_off is not None and not (self.worked(day) and shown.hour * 60 + shown.minute < self.cut_off):
            day = self.after(day, 1)
        day = self.after(day, n)
        return self.instant(day, self.hours(day)[-1][1])

    def workhours(self, at, n):
        left, minute = n * 60, at
        open_now = None
        while True:
            shown = self.clock(minute)
            of_day = shown.hour * 60 + shown.minute
            is_open = any(first <= of_day < last for first, last in self.hours(shown.date()))
            if left == 0 and (n > 0 or is_open):
                return minute
            if is_open:
                left -= 1
            minute += 1
            if left == 0 and n > 0:
                return minute

    def months(self, at, n):
        day = self.clock(at).date()
        month = day.year * 12 + day.month - 1 + n
        year, month = divmod(month, 12)
        last = (date(year + month // 11, (month + 1) % 12 + 1, 1) - DAY).day
        end = date(year, month + 1, min(day.day, last))
        return self.instant(end + DAY, 0)

    def nth(self, at, place, time):
        shown = self.clock(at)
        first = shown.date().replace(day=1)
        while True:
            following = (first + timedelta(days=32)).replace(day=1)
            days = [first + DAY * i for i in range((following - first).days)]
            worked = [day for day in days if self.worked(day)]
            if place <= len(worked):
                found = self.instant(worked[place - 1], time)
                if found > at:
                    return found
            first = following


def calendars(china):
    holidays, made_up = list(days_of(china["holidays"])), list(days_of(china["workdays"]))
    split = ["08:30-12:00", "13:30-17:30"]
    return [
        Calendar("water", "Asia/Shanghai", [split] * 5 + [[], []], 16 * 60 + 30, holidays, made_up),
        Calendar("plain", "Asia/Shanghai", [["09:00-18:00"]] * 5 + [[], []], None, holidays, made_up),
        Calendar("berlin", "Europe/Berlin", [["08:00-16:00"]] * 5 + [["09:00-12:00"], []], 15 * 60),
        Calendar("night", "America/New_York", [["00:00-06:00", "22:00-24:00"]] * 7, None),
    ]


def question(all_of_them, chance):
    calendar = chance.choice(all_of_them)
    start = datetime(FIRST, 1, 1, tzinfo=timezone.utc)
    length = int((datetime(LAST, 9, 1, tzinfo=timezone.utc) - start).total_seconds()) // 60
    at = int(start.timestamp()) // 60 + chance.randrange(length)
    what = chance.choice(["workdays", "workhours", "months", "nth"])
    if what == "workdays":
        n = chance.randrange(0, 40)
        return calendar, at, f"{n} workdays", calendar.workdays(at, n)
    if what == "workhours":
        n = chance.randrange(1, 24)
        return calendar, at, f"{n} workhours", calendar.workhours(at, n)
    if what == "months":
        n = chance.randrange(1, 20)
        return calendar, at, f"{n} months", calendar.months(at, n)
    n = chance.randrange(1, 16)
    suffix = {1: "st", 2: "nd", 3: "rd"}.get(n, "th")
    return calendar, at, f"{n}{suffix} workday of month at 02:30", calendar.nth(at, n, 150)


def main():
    china, count, seed = sys.argv[1:4]
    with open(china, "rb") as file:
        all_of_them = calendars(tomllib.load(file))
    print(json.dumps({"calendars": {calendar.name: calendar.toml() for calendar in all_of_them}}))
    chance = random.Random(int(seed))
    for _ in range(int(count)):
        calendar, at, moment, end = question(all_of_them, chance)
        print(json.dumps({"calendar": calendar.name, "at": at, "moment": moment, "is": end}))


if __name__ == "__main__":
    main()
