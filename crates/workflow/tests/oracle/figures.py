"""Figures of tasks worked out on their own, for the answers of `query.tasks` to be held against.

Usage: figures.py COUNT SEED   Prints the tasks, one a line, and then questions with their answers as exact texts."""

import json
import random
import sys
from datetime import datetime, time, timedelta, timezone
from decimal import ROUND_HALF_UP, Decimal, localcontext

HOUSE = timezone(timedelta(hours=8))
NOW = int(datetime(2026, 11, 22, 17, 0, tzinfo=HOUSE).timestamp() * 1000)
PEOPLE = ["person:li.na", "person:wang.wei", "person:wu.gang", None]


def local(ms):
    return datetime.fromtimestamp(ms // 1000, HOUSE)


def task(rng, number):
    began = NOW - rng.randrange(60 * 86_400_000)
    ended = began + rng.choice([rng.randrange(7_200_000), rng.randrange(20 * 86_400_000)])
    if ended >= NOW or rng.random() < 0.1:
        ended = None
    due = began + rng.randrange(5 * 86_400_000) if rng.random() < 0.8 else None
    if due is not None and ended is not None and rng.random() < 0.05:
        due = ended
    return {
        "number": number,
        "workflow": rng.choice(["returns", "fault-dispatch"]),
        "person": rng.choice(PEOPLE),
        "outcome": rng.choice(["fixed", "complex"]) if ended is not None else None,
        "began": began,
        "ended": ended,
        "due": due,
        "stands": rng.random() < 0.05,
        "round": rng.choice([1, 1, 1, 2]),
    }


def hours(ms):
    return (Decimal(ms) / 360).quantize(Decimal(1), ROUND_HALF_UP) / 10_000


def open_time(began, ended):
    """Monday to Friday, nine to six."""
    total, day = 0, local(began).date()
    while day <= local(ended).date():
        if day.weekday() < 5:
            opens = int(datetime.combine(day, time(9), HOUSE).timestamp() * 1000)
            closes = int(datetime.combine(day, time(18), HOUSE).timestamp() * 1000)
            total += max(0, min(ended, closes) - max(began, opens))
        day += timedelta(days=1)
    return total


def in_time(task):
    if task["due"] is None:
        return None
    if task["ended"] is not None:
        return task["stands"] or task["ended"] < task["due"]
    return False if not task["stands"] and NOW >= task["due"] else None


def quotient(part, whole):
    with localcontext() as context:
        context.prec = 60
        return (Decimal(part) / Decimal(whole)).quantize(Decimal(1).scaleb(-16), ROUND_HALF_UP)


def mean(numbers):
    return quotient(sum(numbers, Decimal(0)), len(numbers)) if numbers else None


def share(flags):
    known = [flag for flag in flags if flag is not None]
    return quotient(sum(known), len(known)) if known else None


def median(numbers):
    if not numbers:
        return None
    numbers, half = sorted(numbers), len(numbers) // 2
    return numbers[half] if len(numbers) % 2 else mean(numbers[half - 1 : half + 1])


def ninety(numbers):
    return sorted(numbers)[-(-len(numbers) * 9 // 10) - 1] if numbers else None


def figures(tasks):
    over = [task for task in tasks if task["ended"] is not None]
    long = [hours(task["ended"] - task["began"]) for task in over]
    worked = [hours(open_time(task["began"], task["ended"])) for task in over]
    known = [in_time(task) for task in tasks]
    fixed = [task["outcome"] == "fixed" for task in tasks if task["outcome"] is not None]
    first = [task["round"] == 1 for task in over]
    return {
        "n": len(tasks),
        "over": len(over),
        "mean": mean(long),
        "middle": median(long),
        "ninety": ninety(long),
        "most": max(long, default=None),
        "worked": sum(worked, Decimal(0)),
        "timely": share(known),
        "late_now": sum(task["ended"] is None and flag is False for task, flag in zip(tasks, known)),
        "fixed": share(fixed),
        "first": share(first),
    }


SHOW = {
    "n": "count",
    "over": "count(finished)",
    "mean": "mean(hours)",
    "middle": "median(hours)",
    "ninety": "p90(hours)",
    "most": "max(hours)",
    "worked": "sum(workhours)",
    "timely": "share(in_time)",
    "late_now": "count(late_now)",
    "fixed": "share(outcome = 'fixed')",
    "first": "share(first_time)",
}


def text(value):
    if isinstance(value, dict):
        return "{" + ",".join(f"{json.dumps(key)}:{text(one)}" for key, one in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(text, value)) + "]"
    if isinstance(value, Decimal):
        return format(value.normalize() if value else Decimal(0), "f")
    return json.dumps(value, ensure_ascii=False)


def answer(tasks, by, instant="began"):
    rows = []
    parts = {"person": lambda task: task["person"], "workflow": lambda task: task["workflow"]}
    parts["day"] = lambda task: local(task[instant]).strftime("%Y-%m-%d")
    parts["week"] = lambda task: "{}-W{:02}".format(*local(task[instant]).isocalendar())
    groups = {}
    for task in sorted(tasks, key=lambda task: (task[instant], task["id"])):
        groups.setdefault(tuple(parts[name](task) for name in by), []).append(task)
    for key, members in groups.items():
        rows.append(dict(zip(by, key)) | figures(members))
    whole = rows[0] if not by and rows else None
    return {"count": len(tasks), "figures": whole, "rows": rows}


def main(count, seed):
    rng = random.Random(int(seed))
    tasks = [task(rng, number) for number in range(int(count))]
    for one in tasks:
        # As wide as it takes: the order of those of one instant is that of their ids.
        one["id"] = f"{one['number']:08}"
        print(json.dumps({"task": one}))
    whole = {"show": SHOW}
    ended = [one for one in tasks if one["ended"] is not None]
    november = [one for one in tasks if local(one["began"]).strftime("%Y-%m") == "2026-11"]
    first = [one for one in ended if local(one["ended"]).date().isoformat() == "2026-11-20"]
    fault = [one for one in tasks if one["workflow"] == "fault-dispatch"]
    questions = [
        (whole, answer(tasks, [])),
        (whole | {"by": "person"}, answer(tasks, ["person"])),
        (whole | {"by": ["workflow", "week"]}, answer(tasks, ["workflow", "week"])),
        (whole | {"by": "day", "where": {"workflow": "fault-dispatch"}}, answer(fault, ["day"])),
        (whole | {"by": "person", "period": "this month"}, answer(november, ["person"])),
        (
            whole | {"by": "day", "period_of": "ended", "period": {"from": "2026-11-20", "to": "2026-11-20"}},
            answer(first, ["day"], "ended"),
        ),
    ]
    for with_, expected in questions:
        print(json.dumps({"with": json.dumps(with_), "now": NOW, "is": text(expected)}))


if __name__ == "__main__":
    main(*sys.argv[1:])
