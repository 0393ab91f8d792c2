"""What draws.py has found, kept in a folder, and the table that it makes.

    RESULTS/<table>-<rows>/results.jsonl          a line a method and draw: the scores
    RESULTS/<table>-<rows>/<draw>/<method>.npy    probability of class 1 of each scored row, float32
    RESULTS/<table>-<rows>/<draw>/labels.npy      what is true of them, uint8

Several processes may write at once: a file appears whole, a line is appended in one piece.
"""

import json
import os
import sys
import urllib.parse
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from sklearn.metrics import roc_auc_score

LEAST = 1e-7  # probability: float32 has none between 1 - 6e-8 and 1, whose loss would be infinite


class Results:
    """Scores and predictions by draw and method, for samples of `rows` rows of one table."""

    def __init__(self, out: Path, table: str, rows: int) -> None:
        self.table, self.rows, self.folder = table, rows, out / f"{table}-{rows}"
        self.file = self.folder / "results.jsonl"

    def scores(self) -> dict[tuple[int, str], dict[str, Any]]:
        """By draw and method; of two lines the later one counts."""
        lines = self.file.read_text().splitlines() if self.file.exists() else []
        return {(line["draw"], line["method"]): line for line in map(json.loads, lines)}

    def probabilities(self, draw: int, method: str) -> np.ndarray:
        return np.load(self._place(draw, method), allow_pickle=False)

    def labels(self, draw: int) -> np.ndarray:
        return np.load(self._place(draw, "labels"), allow_pickle=False)

    def add(self, draw: int, method: str, probabilities: np.ndarray, found: dict[str, Any]) -> None:
        self._save(draw, method, probabilities.astype(np.float32))
        kept = {"table": self.table, "rows": self.rows, "draw": draw, "method": method, **found}
        with self.file.open("a") as file:
            file.write(json.dumps(kept) + "\n")

    def check(self, draw: int, y: np.ndarray) -> None:
        """Keep the labels (m,) of the scored rows; stop where other rows were scored before."""
        if not self._place(draw, "labels").exists():
            self._save(draw, "labels", y.astype(np.uint8))
        elif not np.array_equal(self.labels(draw), y):
            refuse(
                f"{self._place(draw, 'labels')}: draw {draw} held other rows when it was made. "
                "Give the same files as then, or another folder as --out."
            )

    def _place(self, draw: int, name: str) -> Path:
        return self.folder / str(draw) / f"{urllib.parse.quote(name, safe='@=,:[]')}.npy"

    def _save(self, draw: int, name: str, array: np.ndarray) -> None:
        place = self._place(draw, name)
        place.parent.mkdir(parents=True, exist_ok=True)
        unfinished = place.with_suffix(f".{os.getpid()}.tmp")
        with unfinished.open("wb") as file:
            np.save(file, array, allow_pickle=False)
        unfinished.replace(place)


def refuse(message: str) -> NoReturn:
    """What was asked for or given cannot be worked with: one message, exit code 2."""
    print(message, file=sys.stderr)
    sys.exit(2)


def score(y: np.ndarray, probabilities: np.ndarray) -> dict[str, float]:
    """y (m,) in {0, 1}, probabilities of class 1 (m,) -> accuracy, log loss, area under the ROC."""
    p = np.clip(probabilities.astype(float), LEAST, 1 - LEAST)
    return {
        "accuracy": float(np.mean((p > 0.5) == (y == 1))),
        "log_loss": float(-np.mean(np.log(np.where(y == 1, p, 1 - p)))),
        "auc": float(roc_auc_score(y, p)),
    }


def blend(results: Results, methods: Sequence[str], draws: Iterable[int]) -> dict[int, Any]:
    """Draw -> scores of the mean of the methods' predictions, where all of them are stored."""
    stored, blended = results.scores(), {}
    for draw in draws:
        if all((draw, method) in stored for method in methods):
            mean = np.mean([results.probabilities(draw, method) for method in methods], axis=0)
            parts = [stored[draw, method] for method in methods]
            spent = {key: sum(part[key] for part in parts) for key in ("seconds", "cpu_seconds")}
            blended[draw] = score(results.labels(draw), mean) | spent
    return blended


def print_table(
    results: Results, draws: range, against: str | None, blends: Sequence[str] = ()
) -> None:
    """A line for each method stored of these draws, the most accurate first."""
    methods: dict[str, dict[int, Any]] = {}
    for (draw, method), found in results.scores().items():
        if draw in draws:
            methods.setdefault(method, {})[draw] = found
    methods |= {name: blend(results, name.split("+"), draws) for name in blends}
    for name in [*blends, *([against] if against else [])]:
        if not methods.get(name):
            print(f"{name}: not stored, or not all of it, for these draws.")
    stored = [name for name in methods if methods[name]]
    stored.sort(key=lambda name: -np.mean(column(methods[name], "accuracy")))
    reference = methods.get(against or "", {})
    lines = [line(name, methods[name], {} if name == against else reference) for name in stored]
    print(f"{results.table}, {results.rows:,} training rows, draws {draws[0]} to {draws[-1]}")
    header = (
        "method",
        "draws",
        "accuracy, %",
        f"minus {against}" if against else "",
        "log loss",
        "AUC",
        "seconds",
        "CPU s",
    )
    widths = [max(map(len, cells)) for cells in zip(header, *lines, strict=True)]
    for first, *others in (header, *lines):
        cells = (cell.rjust(width) for cell, width in zip(others, widths[1:], strict=True))
        print(first.ljust(widths[0]), *cells, sep="  ")


def print_honesty(results: Results, draws: range) -> None:
    """Of methods that give a score to expect: expected minus achieved accuracy, and how often the
    68% interval held what was achieved."""
    promising: dict[str, list[dict[str, Any]]] = {}
    for (draw, method), found in results.scores().items():
        if draw in draws and "expected" in found:
            promising.setdefault(method, []).append(found)
    for method, lines in promising.items():
        excess = np.array([line["expected"] - line["accuracy"] for line in lines])
        held = np.abs(excess) <= [line["expected_error"] for line in lines]
        print(
            f"{method}: expected minus achieved {with_error(list(excess), '+.3f')} points, "
            f"68% interval right in {held.sum()} of {len(held)} draws"
        )


def line(name: str, found: dict[int, Any], reference: dict[int, Any]) -> tuple[str, ...]:
    """The cells of one method; the difference in points over the draws that both have."""
    both = [draw for draw in found if draw in reference]
    gained = [found[draw]["accuracy"] - reference[draw]["accuracy"] for draw in both]
    return (
        name,
        str(len(found)),
        with_error(column(found, "accuracy"), ".3f"),
        with_error(gained, "+.3f") + (f" ({len(both)})" if 0 < len(both) < len(found) else ""),
        f"{np.mean(column(found, 'log_loss')):.4f}",
        f"{np.mean(column(found, 'auc')):.4f}",
        f"{np.median(column(found, 'seconds')):.1f}",
        f"{np.median(column(found, 'cpu_seconds')):.1f}",
    )


def column(found: dict[int, Any], measure: str) -> list[float]:
    return [scores[measure] for scores in found.values()]


def with_error(shares: Sequence[float], form: str) -> str:
    """Mean ± its standard error, in percent; of one there is no error, of none nothing."""
    if not shares:
        return ""
    mean = f"{100 * np.mean(shares):{form}}"
    if len(shares) == 1:
        return mean
    return f"{mean} ± {100 * np.std(shares, ddof=1) / np.sqrt(len(shares)):.3f}"
