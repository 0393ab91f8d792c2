"""Combinations of columns as categories of their own: a job title in a department.

Which pairs say more than their columns do alone is found by a score test on the training rows: the
pair's cross-fitted target means, as one more column of a least-squares fit on those of the single
columns, must have a coefficient clearly above zero. No other row is looked at.
"""

import itertools
from collections.abc import Mapping, Sequence

import numpy as np

from pipeline.encoding.columns import CodedColumn, narrowed, to_label
from pipeline.encoding.target_means import Smoothing, cross_fit

SEPARATOR = "\x1f"  # between the labels of a combination: the character meant for that
BINS = 16  # of numbers that are no categories
FEWEST_ROWS = 10_000  # of fewer, what pairs add is noise as often as not
MOST_QUANTITIES = 1 / 3  # of the columns; beside more of them pairs cost more than they bring
FEWEST_VALUES = 13  # of a quantity: a number of fewer is a category as much
MOST_ROWS = 50_000  # that the test looks at
MOST_COLUMNS = 12  # that are combined
MOST_BASE = 40  # columns of the least-squares fit
MOST_OUTPUTS = 4
MOST_PAIRS = 8
LEAST_Z = 5.0  # standard errors


def combined(columns: Sequence[CodedColumn], name: str) -> CodedColumn:
    """The values that columns have together in a row, as one category; a gap is a value too."""
    codes = _joint_codes(columns)
    first = np.unique(codes, return_index=True)[1]
    labels = [_labels(column)[column.codes[first]] for column in columns]
    values = np.array([SEPARATOR.join(each) for each in zip(*labels, strict=True)], dtype=object)
    return CodedColumn(name, values, narrowed(codes, len(values)), "category")


def find_pairs(
    columns: Mapping[str, CodedColumn],
    many: Sequence[str],
    targets: np.ndarray,
    inner: np.ndarray,
    smoothing: Smoothing,
) -> list[tuple[str, str]]:
    """Pairs of categories, one of them at least of many levels; the clearest first. None where
    there are too few rows, or where more than a few columns are quantities.

    `many` are the names of those, of numbers that act as codes too. Targets (n, outputs) and inner
    folds (n,) are those of the training rows.
    """
    if len(inner) < FEWEST_ROWS or not many:
        return []
    rows = np.arange(0, len(inner), max(1, len(inner) // MOST_ROWS))
    columns = {name: each.take(rows) for name, each in columns.items() if each.kind != "cycle"}
    quantities = [name for name, column in columns.items() if _is_quantity(column, name in many)]
    if len(quantities) > MOST_QUANTITIES * len(columns):
        return []
    targets, inner = targets[rows], inner[rows]
    targets = targets[:, np.argsort(-targets.var(axis=0), kind="stable")[:MOST_OUTPUTS]]
    columns = {name: each for name, each in columns.items() if each.kind != "text"}
    means = {
        name: cross_fit(
            each if each.kind == "category" or name in many else _binned(each),
            targets,
            inner,
            smoothing,
        )
        for name, each in columns.items()
    }
    ranked = sorted(columns, key=lambda name: -means[name].var(axis=0).sum())
    categories = [name for name in ranked if columns[name].kind == "category" or name in many]
    chosen = categories[:MOST_COLUMNS]
    base = [*chosen, *(name for name in ranked if name not in chosen)][:MOST_BASE]
    test = ScoreTest(targets, [means[name] for name in base])
    found = []
    for pair in itertools.combinations(chosen, 2):
        if {*pair} & {*many}:
            joint = _by_codes(_joint_codes([columns[name] for name in pair]))
            found.append((test.z(cross_fit(joint, targets, inner, smoothing)), pair))
    clear = sorted((each for each in found if each[0] > LEAST_Z), key=lambda each: -each[0])
    return [pair for _, pair in clear[:MOST_PAIRS]]


def _is_quantity(column: CodedColumn, is_code: bool) -> bool:
    """Numbers and dates that are no codes."""
    is_name = column.kind in ("category", "text") or is_code
    return not is_name and len(column.values) >= FEWEST_VALUES


class ScoreTest:
    """Whether one more column would improve a least-squares fit of targets (n, outputs)."""

    def __init__(self, targets: np.ndarray, base: Sequence[np.ndarray]) -> None:
        """base: columns of the fit, each (n, outputs); an output is fitted on its own parts."""
        constant = np.ones(len(targets))
        self.bases, self.residuals = [], []
        for output, target in enumerate(targets.T):
            columns = np.column_stack([constant, *(each[:, output] for each in base)])
            q, r = np.linalg.qr(columns)
            # columns that the others determine have no direction of their own
            q = q[:, np.abs(np.diag(r)) > 1e-9 * np.sqrt(len(targets))]
            self.bases.append(q)
            self.residuals.append(target - q @ (q.T @ target))

    def z(self, column: np.ndarray) -> float:
        """Column (n, outputs) -> its coefficient in standard errors, the largest of the outputs.

        The standard error is that of residuals whose variance differs from row to row.
        """
        found = []
        for q, residual, own in zip(self.bases, self.residuals, column.T, strict=True):
            products = residual * (own - q @ (q.T @ own))
            error = np.sqrt((products**2).sum())
            found.append(products.sum() / error if error > 0 else 0.0)
        return float(max(found))


def _joint_codes(columns: Sequence[CodedColumn]) -> np.ndarray:
    """(n,) int64: 0, 1, ... for what the columns have together, in the order of their values."""
    import pandas as pd

    codes = np.zeros(len(columns[0].codes), dtype=np.int64)
    for column in columns:
        # numbered anew each time, so that no product overflows
        codes = pd.factorize(codes * (len(column.values) + 1) + column.codes, sort=True)[0]
    return codes


def _by_codes(codes: np.ndarray) -> CodedColumn:
    values = np.arange(codes.max(initial=-1) + 1)
    return CodedColumn("", values, narrowed(codes, len(values)), "category")


def _binned(column: CodedColumn) -> CodedColumn:
    """Numbers in bins of as many rows each as the values allow; a gap is a bin too."""
    counts = column.counts()
    middle = np.cumsum(counts) - counts / 2
    bins = np.minimum((middle / max(counts.sum(), 1) * BINS).astype(int), BINS - 1)
    return _by_codes(np.append(bins[:-1], BINS)[column.codes])


def _labels(column: CodedColumn) -> np.ndarray:
    """(m + 1,) texts, an empty one for a gap."""
    return np.array([*(to_label(value) for value in column.values), ""], dtype=object)
