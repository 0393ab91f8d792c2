"""What scale.py stored, as ratios to the pipeline's and as exponents of the rows."""

import itertools
import json
from collections.abc import Sequence
from math import log
from pathlib import Path
from typing import Any

PRESETS = ("quick", "default", "best")
FITTING = ("tune", "train")
Line = dict[str, Any]


def lines(out: Path) -> list[Line]:
    file = out / "results.jsonl"
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def key(line: Line) -> tuple[str, int, str, float | None]:
    return line["table"], line["rows"], line["method"], line["memory"]


def seconds(line: Line) -> float:
    """Of all stages but `new`, which is for once."""
    return sum(each["seconds"] for name, each in line["stages"].items() if name != "new")


def peak(line: Line) -> float:
    return max(each["peak"] for each in line["stages"].values())


def summary(out: Path) -> None:
    stored = lines(out)
    done = {key(line): line for line in stored if "error" not in line}
    for line in stored:
        if "error" in line:
            print(*key(line), "failed:", line["error"].splitlines()[-1])
    tables = sorted({(line["table"], line["rows"], line["memory"] or 0) for line in done.values()})
    for table, rows, memory in tables:
        found = [
            line
            for line in done.values()
            if (line["table"], line["rows"], line["memory"] or 0) == (table, rows, memory)
        ]
        compare(table, rows, found)
    ordered = sorted(done.values(), key=series)
    for (table, method, _), same in itertools.groupby(ordered, key=series):
        exponents(table, method, sorted(same, key=lambda line: line["rows"]))


def series(line: Line) -> tuple[str, str, float]:
    return line["table"], line["method"], line["memory"] or 0


def compare(table: str, rows: int, found: Sequence[Line]) -> None:
    """The methods on the same rows; ratios are to the first preset."""
    ours = next((line for line in found if line["method"] in PRESETS), None)
    limit = next((f", {line['limit']}" for line in found if line["limit"]), "")
    print(f"\n{table}, {rows:,} training rows{limit}")
    print(f"{'method':<16} {'seconds':>8} {'ratio':>6} {'peak MB':>8} {'ratio':>6} {'accuracy':>9}")
    for line in found:
        shown = f"{line['method']:<16}"
        for of, digits in ((seconds, 1), (peak, 0)):
            shown += f" {of(line):8.{digits}f} {of(line) / of(ours or line):6.2f}"
        print(shown, f"{line['score']:9.4f}" if "score" in line else "")
    for line in found:
        if line["method"] in PRESETS:
            describe(line, next((each for each in found if each["method"] == "read_csv"), None))


def describe(line: Line, read: Line | None) -> None:
    """One run of the pipeline, stage by stage."""
    stages = line["stages"]
    each = ", ".join(
        f"{name} {of['seconds']:.1f} s {of['peak']:.0f} MB" for name, of in stages.items()
    )
    rest = 1 - sum(stages[name]["seconds"] for name in FITTING) / seconds(line)
    print(f"  {each}")
    print(f"  {rest:.0%} of the time beside tune and train; disk {line['disk']:.2f} of the CSVs")
    error = f"{line['expected']:.4f} ± {line['expected_error']:.4f}"
    print(f"  promised {error}, achieved {line['score']:.4f}")
    if read is not None:
        ratio = stages["load"]["seconds"] / read["load"]
        print(f"  load takes {ratio:.2f} times as long as pyarrow.csv.read_csv")


def exponents(table: str, method: str, found: Sequence[Line]) -> None:
    """Time and memory grow as rows to this power, between one number of rows and the next."""
    for less, more in itertools.pairwise(found):
        growth = log(more["rows"] / less["rows"])
        time, memory = (log(of(more) / of(less)) / growth for of in (seconds, peak))
        by_stage = ", ".join(
            f"{name} {log(more['stages'][name]['seconds'] / of['seconds']) / growth:.2f}"
            for name, of in less["stages"].items()
            if name in more["stages"] and of["seconds"] > 0
        )
        print(
            f"{table} {method}, {less['rows']:,} to {more['rows']:,} rows: time {time:.2f}, memory "
            f"{memory:.2f} ({by_stage})"
        )
