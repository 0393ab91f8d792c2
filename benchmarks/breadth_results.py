"""What breadth.py has found, kept in a folder, and the tables that it makes.

RESULTS/results.jsonl                 a line a table, seed and method: the score, or an error
RESULTS/<table>/<seed>/<method>.npz   y (m,) and prediction (m, k) of the held-out rows
"""

import argparse
import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from tables import TABLES, Table

from pipeline import metrics

Results: TypeAlias = dict[tuple[str, int, str], dict[str, Any]]


def results(out: Path) -> Results:
    """By table, seed and method; of two lines the later one counts."""
    file = out / "results.jsonl"
    lines = map(json.loads, file.read_text().splitlines() if file.exists() else ())
    return {(line["table"], line["seed"], line["method"]): line for line in lines}


def summary(options: argparse.Namespace) -> None:
    """A line a table and method, then ranks and promises."""
    stored, against = results(options.out), options.against
    for (table, seed, method), line in stored.items():
        if "error" in line:
            print(f"{table}, seed {seed}, {method}: {line['error'].splitlines()[-1]}")
    methods = list(dict.fromkeys(method for _, _, method in stored))
    lines = [each for table in TABLES for each in _lines(table, stored, methods, options)]
    columns = ("table", "metric", against, "method", "seeds", "score", "better by", "error")
    print(pd.DataFrame(lines, columns=columns).to_string(index=False))
    for method in methods:
        z = np.array([each[6] / (each[7] or 1) for each in lines if each[3] == method])
        if len(z):
            beyond = f"better on {(z > 2).sum()}, worse on {(z < -2).sum()} by 2 standard errors"
            print(f"{against} beside {method}, {len(z)} tables: ahead on {(z > 0).sum()}, {beyond}")
    print_ranks(stored, options.rank or methods)
    print_promises(options.out, stored)


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
        both = [np.load(out / table.name / str(seed) / f"{m}.npz") for m in (one, other)]
        predictions = (each["prediction"] for each in both)
        found = metrics.paired_difference(metric, both[0]["y"], *predictions)
        gains.append(metric.sign * found.score)
        errors.append(found.standard_error)
    between = float(np.std(gains, ddof=1)) if len(seeds) > 1 else 0.0
    over_rows = float(np.sqrt(np.mean(np.square(errors))))
    return float(np.mean(gains)), max(between, over_rows) / float(np.sqrt(len(seeds)))


def print_ranks(stored: Results, methods: Iterable[str]) -> None:
    """Mean rank over the tables and seeds that all of these methods have."""
    signs = {table.name: metrics.METRICS[table.metric].sign for table in TABLES}
    places = dict.fromkeys((table, seed) for table, seed, _ in stored)
    scores = pd.DataFrame(
        {
            m: {p: signs[p[0]] * stored.get((*p, m), {}).get("score", np.nan) for p in places}
            for m in methods
        }
    )
    complete = scores.dropna()
    ranks = complete.rank(axis=1, ascending=False)
    firsts = ranks.eq(1).sum()
    print(f"of {len(complete)} tables and seeds with all methods, mean rank (times first):")
    print(
        "  "
        + ", ".join(
            f"{m} {ranks[m].mean():.2f} ({firsts[m]})" for m in ranks.mean().sort_values().index
        )
    )


def print_promises(out: Path, stored: Results) -> None:
    """Of methods that expect a score: how often the 68% interval held what was achieved.

    The interval is of both errors: that of the expected score, and that of the achieved one over
    the held-out rows, which is often the greater one.
    """
    named, held = {table.name: table for table in TABLES}, defaultdict(list)
    for (name, seed, method), line in stored.items():
        if line.get("expected") is not None and "score" in line:
            found = np.load(out / name / str(seed) / f"{method}.npz")
            metric = metrics.METRICS[named[name].metric]
            achieved = metrics.estimate(metric, found["y"], found["prediction"])
            error = np.hypot(line["expected_error"], achieved.standard_error)
            held[method].append(metric.sign * (line["expected"] - achieved.score) / error)
    for method, off in held.items():
        right, bias = np.sum(np.abs(off) <= 1), np.mean(off)
        error = np.std(off) / np.sqrt(len(off))
        print(
            f"{method}: the 68% interval held the achieved score in {right} of {len(off)}; "
            f"expected better than achieved by {bias:+.2f} ± {error:.2f} of its errors"
        )
