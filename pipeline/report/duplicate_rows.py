"""Rows with the same features as another row: by chance, or because they were duplicated?

On a coarse table some rows are equal by chance. There is then a column that the others leave
free: rows that agree in all others agree in it hardly more often than any two rows do. Duplicates
agree in every column.
"""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from pipeline.config import BLEND
from pipeline.exploration.duplicates import Duplicates, fingerprints
from pipeline.exploration.strength import FoldedTarget
from pipeline.page import percent
from pipeline.problem import Feature
from pipeline.report.alarm import Alarm, score
from pipeline.report.evidence import Evidence
from pipeline.wording import count

if TYPE_CHECKING:
    from pipeline.table import Frame

FEWEST = 10  # rows, and
FEWEST_SHARE = 0.01  # of their table: fewer hardly move a score
DUPLICATED = 0.8  # share of the pairs that agree in the last column as well, or
LIFT = 50.0  # times that of any two rows
DISTINCT = 0.5  # two random rows agree no more often in a column that can show duplicates
ASKED = 8  # columns
TIMES, ERRORS = 2.0, 5.0  # more often than in the other table: how many times, standard errors
FEWEST_LEFT = 30  # rows without duplicates, for a score


def alarms(evidence: Evidence, target: FoldedTarget) -> Iterator[Alarm]:
    """Duplicates in different folds, and rows of test that are in train as well."""
    load, found = evidence.load, evidence.explore.findings.duplicates
    n, m, within = len(found.train), len(found.test), found.repeated_share
    features, shared = evidence.problem.features, float(found.shared.sum() / max(1, m))
    across = found.differs(target.fold)[found.train] & target.validated
    if _enough(int(across.sum()), n) and (
        _exceeds(within, n, shared, m) or are_duplicates(load.train, None, features)
    ):
        yield _fold_alarm(across, evidence, target, found)
    if _enough(int(found.shared.sum()), m) and (
        _exceeds(shared, m, within, n) or are_duplicates(load.train, load.test, features)
    ):
        yield _test_alarm(target, found)


def _fold_alarm(
    across: np.ndarray, evidence: Evidence, target: FoldedTarget, found: Duplicates
) -> Alarm:
    """across (n,): rows that have an equal one in another fold."""
    y, blend = target.y, evidence.predictions[BLEND]
    rows, kept = target.validated, target.validated & ~across
    agreeing = 1 - found.differs(y)[found.train][across].mean()
    scores = f"{evidence.metric.in_sentence} {score(evidence, y[rows], blend[rows])} with them"
    if kept.sum() >= FEWEST_LEFT:
        without = score(evidence, y[kept], blend[kept])
        # a metric may have no value on what is left
        scores += "" if without == "nan" else f" and {without} without"
    why = "A model that has memorised a row is right on its duplicate."
    is_rarer_in_test = False
    if len(found.test):
        shared = float(found.shared.mean())
        is_rarer_in_test = found.repeated_share > TIMES * shared
        why += f" Of the test table's rows {percent(shared)} have an equal one in train."
    return Alarm(
        "duplicates across folds",
        f"{count(int(across.sum()), 'row')} of train ({percent(float(across.mean()))}) have an "
        f"equal row in another fold, more than by chance, and {percent(agreeing)} of them have the "
        f"same target as all their equal rows: {scores}",
        why,
        "Remove the duplicates from train.csv, or keep them in one fold by a column that names "
        "their origin: [split] group. Then run again; that score can be trusted.",
        "duplicates of rows are in different folds, and test has few" * is_rarer_in_test,
    )


def _test_alarm(target: FoldedTarget, found: Duplicates) -> Alarm:
    shared = found.shared
    sure = ~found.differs(target.y)[found.test[shared]]
    return Alarm(
        "shared rows",
        f"{count(int(shared.sum()), 'row')} of test ({percent(float(shared.mean()))}) equal a row "
        f"of train in all features; for {count(int(sure.sum()))} of them the equal rows of train "
        f"agree on the target. Within train {percent(found.repeated_share)} of the rows have an "
        "equal one",
        "Their targets can be looked up, so that a leaderboard may reward memorising. A private "
        "leaderboard, or new rows, may contain none of them.",
        "Ask the organiser whether that is intended, and read the rules before making use of it. "
        "Compare models by cross-validation, not by the leaderboard.",
    )


def _enough(rows: int, of: int) -> bool:
    return rows >= max(FEWEST, FEWEST_SHARE * of)


def _exceeds(share: float, n: int, other: float, m: int) -> bool:
    """Whether a share of n rows is clearly above that of m rows, which chance would make equal."""
    if not m:
        return False
    pooled = (share * n + other * m) / (n + m)
    error = np.sqrt(pooled * (1 - pooled) * (1 / n + 1 / m))
    return bool(share > TIMES * other and share - other > ERRORS * error)


def are_duplicates(train: "Frame", test: "Frame | None", features: Sequence[Feature]) -> bool:
    """Whether rows that agree in all columns but one agree in that one too, whichever it is.

    Pairs within train, or between train and test. Asked of the columns in which two random rows
    agree least; False where they mostly agree even in these, since then nothing can be decided.
    """
    equal = _pairs(train, test, features)
    if not equal or len(features) < 2:
        return False
    collisions = {each: _collision(train, each) for each in features}
    asked = sorted((c for c in features if collisions[c] <= DISTINCT), key=collisions.__getitem__)
    for one in asked[:ASKED]:
        others = [other for other in features if other != one]
        if equal / _pairs(train, test, others) < min(DUPLICATED, LIFT * collisions[one]):
            return False
    return bool(asked)


def _collision(train: "Frame", feature: Feature) -> float:
    """How often two random rows agree in a column."""
    counts = np.unique(fingerprints(train, [feature]), return_counts=True)[1]
    return float((counts * (counts - 1)).sum() / (len(train) * max(len(train) - 1, 1)))


def _pairs(train: "Frame", test: "Frame | None", features: Sequence[Feature]) -> int:
    """Pairs of rows that agree in all these columns: within train, or one in train, one in test."""
    one, counts = np.unique(fingerprints(train, features), return_counts=True)
    if test is None:
        return int((counts * (counts - 1) // 2).sum())
    other, others = np.unique(fingerprints(test, features), return_counts=True)
    _, first, second = np.intersect1d(one, other, assume_unique=True, return_indices=True)
    return int((counts[first] * others[second]).sum())
