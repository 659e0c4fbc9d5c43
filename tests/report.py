"""Works the figures of a report out again from the exported entries, and opens its spreadsheet.

Usage: report.py ENTRIES.json FIGURES.json REPORT.xlsx [FOLDER]   With a folder LibreOffice opens the spreadsheet as well.
Prints what differs; the exit code is 1 if something does."""

import csv
import json
import subprocess
import sys
from decimal import ROUND_HALF_UP, Decimal, localcontext
from pathlib import Path

import openpyxl


def quotient(part, whole):
    with localcontext() as context:
        context.prec = 60
        return (part / whole).quantize(Decimal(1).scaleb(-16), ROUND_HALF_UP)


def median(numbers):
    half = len(numbers) // 2
    return numbers[half] if len(numbers) % 2 else quotient(numbers[half - 1] + numbers[half], Decimal(2))


def figures(entries):
    items = {}
    for entry in entries:
        values = json.loads(entry["body"], parse_float=Decimal) if isinstance(entry["body"], str) else entry["body"]
        items.setdefault(values["item"], []).append(Decimal(str(values["turnover"])))
    rows = []
    for item, amounts in sorted(items.items()):
        amounts.sort()
        total = sum(amounts, Decimal(0))
        rows.append({
            "item": item,
            "n": len(amounts),
            "sum": total,
            "mean": quotient(total, Decimal(len(amounts))),
            "middle": median(amounts),
            "high": amounts[-(-len(amounts) * 9 // 10) - 1],
        })
    return rows


def same(what, ours, theirs):
    return [] if ours == theirs else [f"{what}: {ours!r}, and it should be {theirs!r}"]


def of_figures(path, rows):
    told = json.loads(Path(path).read_text("utf-8"), parse_float=Decimal)["rows"]
    found = same("groups", [row["item"] for row in told], [row["item"] for row in rows])
    for ours, theirs in zip(told, rows):
        for name, value in theirs.items():
            own = ours[name]
            found += same(f"{name} of {theirs['item']}", own if name == "item" else Decimal(own), value if name == "item" else Decimal(value))
    return found


def expected(rows):
    whole = sum((row["sum"] for row in rows), Decimal(0))
    lines = [["项目", "笔数", "营业额", "占比"]]
    lines += [[row["item"], row["n"], row["sum"], quotient(row["sum"], whole)] for row in rows]
    return lines + [["合计", sum(row["n"] for row in rows), whole, None]]


def close(ours, theirs):
    if isinstance(theirs, (int, Decimal)) and isinstance(ours, (int, float)):
        return abs(Decimal(str(ours)) - theirs) < Decimal("1e-9")
    return ours == theirs


def of_sheet(path, rows):
    sheet = openpyxl.load_workbook(path).active
    lines = [[cell.value for cell in line] for line in sheet.iter_rows(min_row=2)]
    wanted = expected(rows)
    found = same("lines", len(lines), len(wanted)) + same("frozen", sheet.freeze_panes, "A3")
    found += same("money", sheet["C3"].number_format, "#,##0.00") + same("share", sheet["D3"].number_format, "0.00%")
    for at, (ours, theirs) in enumerate(zip(lines, wanted)):
        found += [f"line {at}: {a!r}, not {b!r}" for a, b in zip(ours, theirs) if not close(a, b)]
    return found


def of_office(path, folder, rows):
    profile = f"-env:UserInstallation=file://{Path(folder).resolve()}/profile"
    convert = ["soffice", profile, "--headless", "--convert-to", "csv:Text - txt - csv (StarCalc):44,34,76"]
    subprocess.run([*convert, "--outdir", folder, path], check=True, stdout=subprocess.DEVNULL, timeout=120)
    with open(Path(folder) / (Path(path).stem + ".csv"), encoding="utf-8-sig", newline="") as file:
        lines = list(csv.reader(file))[1:]
    wanted = expected(rows)
    found = same("lines in LibreOffice", len(lines), len(wanted))
    for ours, theirs in zip(lines, wanted):
        found += same("name in LibreOffice", ours[0], theirs[0])
        if isinstance(theirs[2], Decimal):
            found += same("amount in LibreOffice", Decimal(ours[2].replace(",", "")), theirs[2])
    return found


def main(entries, told, sheet, folder=None):
    lines = json.loads(Path(entries).read_text("utf-8"))
    rows = figures([line for line in lines if line["kind"] == "entry"])
    found = of_figures(told, rows) + of_sheet(sheet, rows)
    if folder:
        found += of_office(sheet, folder, rows)
    print("\n".join(found))
    return 1 if found or not rows else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
