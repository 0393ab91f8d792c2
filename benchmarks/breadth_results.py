"""What breadth.py has found, kept in a folder, and the tables that it makes.

RESULTS/results.jsonl                 a line a table, seed and method: the score, or an error
RESULTS/<table>/<seed>/<method>.npz   y (m,) and prediction (m, k) of the held-out rows
"""

import argparse
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from results import refuse
from tables import TABLES, Table

from pipeline import metrics

HEADING = (
    "method",
    "mean rank",
    "first on",
    "AGAINST better / even / worse by 2 standard errors",
    "logarithm of its error beside AGAINST's",
    "68% intervals that held",
    "expected minus achieved, in errors",
    "median minutes",
)

Results: TypeAlias = dict[tuple[str, int, str], dict[str, Any]]


def results(out: Path) -> Results:
    """By table, seed and method; of two lines the later one counts."""
    file = out / "results.jsonl"
    lines = map(json.loads, file.read_text().splitlines() if file.exists() else ())
    return {(line["table"], line["seed"], line["method"]): line for line in lines}


def summary(options: argparse.Namespace) -> None:
    """A line a table and method, then a line a method over all tables, as the README has them."""
    stored, against = results(options.out), options.against
    for blend in options.blend:
        stored |= _blended(options.out, stored, blend)
    for (table, seed, method), line in stored.items():
        if "error" in line:
            print(f"{table}, seed {seed}, {method}: {line['error'].splitlines()[-1]}")
    methods = list(dict.fromkeys(method for _, _, method in stored))
    lines = [each for table in TABLES for each in _lines(table, stored, methods, options)]
    columns = ("table", "metric", against, "method", "seeds", "score", "better by", "error")
    print(pd.DataFrame(lines, columns=columns).to_string(index=False))
    ranked = options.rank or methods
    ranks = _ranks(stored, ranked)
    print(f"\nRanks are over the {len(ranks)} tables that all of these methods have.\n")
    ordered = sorted(ranked, key=lambda method: ranks[method].mean())
    rows = [_row(method, options, stored, lines, ranks) for method in ordered]
    for row in (HEADING, ["---"] * len(HEADING), *rows):
        print(f"| {' | '.join(row)} |".replace("AGAINST", against))


def _blended(out: Path, stored: Results, blend: str) -> Results:
    """The equal mean of methods, `A+B`, wherever all of them have a prediction."""
    parts, named = blend.split("+"), {table.name: table for table in TABLES}
    found: Results = {}
    for name, seed in dict.fromkeys((name, seed) for name, seed, _ in stored):
        lines = [stored.get((name, seed, part), {}) for part in parts]
        if all("score" in line for line in lines):
            y, prediction = _predicted(out, name, seed, blend)
            score = metrics.METRICS[named[name].metric].score(y, prediction)
            seconds = sum(line["seconds"] for line in lines)
            found[name, seed, blend] = {"score": score, "seconds": seconds}
    return found


def _predicted(out: Path, table: str, seed: int, method: str) -> tuple[np.ndarray, np.ndarray]:
    """y (m,) and the prediction (m, k) of a method, or the mean of several, `A+B`.

    Stops where they were scored on different rows.
    """
    parts = [np.load(out / table / str(seed) / f"{part}.npz") for part in method.split("+")]
    for part in parts:
        _refuse_others(parts[0]["y"], part["y"], f"{table}, seed {seed}: {method}")
    return parts[0]["y"], np.mean([part["prediction"] for part in parts], axis=0)


def _refuse_others(one: np.ndarray, other: np.ndarray, what: str) -> None:
    """Stops if two targets are of different rows; two versions of pandas may read a last digit
    differently."""
    if one.shape != other.shape or not np.allclose(one, other, rtol=1e-12, atol=0):
        refuse(f"{what} were scored on different rows.")


def _lines(
    table: Table, stored: Results, methods: Sequence[str], options: argparse.Namespace
) -> Iterable[tuple[Any, ...]]:
    """Of each other method: what it scored, by how much `against` is better, and the error."""

    def scored(method: str) -> set[int]:
        found = {
            seed: line
            for (name, seed, m), line in stored.items()
            if (name, m) == (table.name, method)
        }
        return {seed for seed, line in found.items() if "score" in line}

    for method in methods:
        seeds = sorted(scored(options.against) & scored(method))
        if method != options.against and seeds:
            one, other = (
                np.mean([stored[table.name, seed, each]["score"] for seed in seeds])
                for each in (options.against, method)
            )
            gain, error = difference(options.out, table, seeds, options.against, method)
            yield table.name, table.metric, one, method, len(seeds), other, gain, error


def difference(
    out: Path, table: Table, seeds: Sequence[int], one: str, other: str
) -> tuple[float, float]:
    """How much better `one` is, and its standard error.

    The error is that over the held-out rows or that between seeds, whichever is greater, over the
    root of the seeds: their rows are other ones, but for small tables and those split by time.
    """
    metric, gains, errors = metrics.METRICS[table.metric], [], []
    for seed in seeds:
        (y, first), (y_other, second) = (_predicted(out, table.name, seed, m) for m in (one, other))
        _refuse_others(y, y_other, f"{table.name}, seed {seed}: {one} and {other}")
        found = metrics.paired_difference(metric, y, first, second)
        gains.append(metric.sign * found.score)
        errors.append(found.standard_error)
    between = float(np.std(gains, ddof=1)) if len(seeds) > 1 else 0.0
    over_rows = float(np.sqrt(np.mean(np.square(errors))))
    return float(np.mean(gains)), max(between, over_rows) / float(np.sqrt(len(seeds)))


def _row(
    method: str,
    options: argparse.Namespace,
    stored: Results,
    lines: Sequence[tuple[Any, ...]],
    ranks: pd.DataFrame,
) -> list[str]:
    """A method over all tables, as HEADING has it."""
    mine = [line for line in lines if line[3] == method]
    z = np.array([gain / (error or 1) for *_, gain, error in mine])
    even = np.abs(z) <= 2
    counts = f"{(z > 2).sum()} / {even.sum()} / {(z < -2).sum()}" if mine else ""
    worse = _mean(np.array([_logarithm(*line[:3], line[5]) for line in mine]), "+.3f")
    held, off = _intervals(options.out, stored, method)
    minutes = [
        line["seconds"] / 60
        for (_, _, m), line in stored.items()
        if m == method and "score" in line
    ]
    return [
        method,
        _mean(ranks[method].to_numpy(), ".2f"),
        f"{ranks.eq(ranks.min(axis=1), axis=0)[method].sum()}",
        counts,
        worse,
        f"{held.sum()} of {len(held)}" if len(held) else "",
        _mean(off, "+.2f"),
        f"{np.median(minutes):.2g}" if minutes else "",
    ]


def _mean(values: np.ndarray, form: str) -> str:
    """The mean of values (n,) and its standard error; empty for none of them."""
    if not len(values):
        return ""
    error = np.std(values, ddof=1) / np.sqrt(len(values)) if len(values) > 1 else np.nan
    return f"{np.mean(values):{form}} ± {error:{form.lstrip('+')}}"


def _logarithm(table: str, metric: str, one: float, other: float) -> float:
    """log(error of the other method / error of the one): 0.1 is an error greater by 10%."""
    asked = metrics.METRICS[metric]
    errors = [asked.highest - s if asked.greater_is_better else s for s in (one, other)]
    smallest = np.finfo(float).tiny  # a perfect score has no error
    return float(np.log(max(errors[1], smallest) / max(errors[0], smallest)))


def _ranks(stored: Results, methods: Iterable[str]) -> pd.DataFrame:
    """Each method's rank (1 is the best) on each table that all have, the mean over its seeds."""
    signs = {table.name: metrics.METRICS[table.metric].sign for table in TABLES}
    places = dict.fromkeys((table, seed) for table, seed, _ in stored)
    scores = pd.DataFrame(
        {
            m: {p: signs[p[0]] * stored.get((*p, m), {}).get("score", np.nan) for p in places}
            for m in methods
        }
    )
    return scores.dropna().rank(axis=1, ascending=False).groupby(level=0).mean()


def _intervals(out: Path, stored: Results, method: str) -> tuple[np.ndarray, np.ndarray]:
    """Of a method that expects a score, for each of its runs (r,): whether the 68% interval held
    what was achieved, and by how many of its errors more was expected.

    The interval is of both errors: that of the expected score, and that of the achieved one over
    the held-out rows, which is often the greater one.
    """
    named, off = {table.name: table for table in TABLES}, []
    for (name, seed, m), line in stored.items():
        if m == method and line.get("expected") is not None and "score" in line:
            metric = metrics.METRICS[named[name].metric]
            achieved = metrics.estimate(metric, *_predicted(out, name, seed, method))
            error = np.hypot(line["expected_error"], achieved.standard_error)
            off.append(metric.sign * (line["expected"] - achieved.score) / error)
    return np.abs(off) <= 1, np.array(off)
