"""Does the target depend on a row's place in the file, or on its id?

It should not: an order or a number on which it depends was made by someone who knew the target, or
is that of time, or of groups of rows that belong together.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pipeline.exploration.significance import holm
from pipeline.exploration.strength import (
    FoldedTarget,
    rank_correlation_ratio,
    skill,
    strength,
)
from pipeline.report.alarm import Alarm
from pipeline.report.evidence import Evidence

if TYPE_CHECKING:
    import pandas as pd

SIGNIFICANT = 1e-4  # after correction: a file is looked at in several ways
LEAST_SKILL = 0.005  # about an AUC of 0.55: less is real on many rows, and does not matter
LEAST_CORRELATION = 0.05  # of neighbouring rows
FEWEST_OF_CLASS = 20
MOST_BLOCKS = 20
EXPECTED = 5.0  # rows of a class in each bin, for chi-square to hold
EXPECTED_PAIRS = 25.0  # neighbours both of a class, or both not, for the normal law to hold
MOST_PREFIXES = 30
MIXED = 0.5  # of the runs that chance makes


def alarms(evidence: Evidence, target: FoldedTarget) -> Iterator[Alarm]:
    """Neighbouring rows may belong together.

    The score holds where folds by group allow for that, or where test's rows lie between train's
    and have the same neighbours; and of a file that is sorted by the target no more is known.
    """
    ids, test_ids = _ids(evidence)
    clues = find_clues(ids, target)
    if not clues:
        return
    names = list(dict.fromkeys(clue.name for clue in clues))
    holds = (
        evidence.split.group is not None
        or interleaved(ids, test_ids)
        or any(is_sorted(order) for order in _orders(target.y, ids))
    )
    yield Alarm(
        "id or order",
        f"The target depends on {' and '.join(names)}, beyond chance (p < {SIGNIFICANT:.4f})",
        "The rows were sorted or numbered by someone who knew the target, or neighbouring rows "
        "belong together (one day, one customer): then random folds put related rows on both "
        "sides, and the score is too good. No model sees the id or the order itself.",
        "Find out what the order stands for. If it is time or origin, keep such rows together by a "
        "column that names it ([split] group); do not build features from the id.",
        ""
        if holds
        else "neighbouring rows of the file seem to belong together, but are in different folds",
    )


def _ids(evidence: Evidence) -> "tuple[pd.Series | None, pd.Series | None]":
    """Of train and of test. An id that is a date is a feature too, and may predict the target."""
    load, id = evidence.load, evidence.problem.id
    is_feature = any(name.rstrip("'") == f"{id} (date)" for name in evidence.problem.names)
    if id is None or is_feature:
        return None, None
    return load.train.get(id), load.test.get(id)


@dataclass(frozen=True)
class Clue:
    """A place or an id on which the target depends: its name, p-value and skill.

    `skill` is that of the bins on rows that they were not fitted on; of neighbours it is their
    correlation.
    """

    name: str
    p: float
    skill: float
    least: float = LEAST_SKILL

    @property
    def matters(self) -> bool:
        return self.skill >= self.least


def find_clues(ids: "pd.Series | None", target: FoldedTarget) -> list[Clue]:
    """The clues beyond chance, the clearest first; `ids` are train's, None where it has none."""
    common = _common(target)
    clues = [*_ordered("the row's place in the file", np.arange(len(target.y)), target, common)]
    clues.append(_neighbours(target))
    if ids is not None:
        clues += _of_ids(ids, target, common)
    corrected = holm(np.array([clue.p for clue in clues]))
    found = [
        clue for clue, p in zip(clues, corrected, strict=True) if p < SIGNIFICANT and clue.matters
    ]
    return sorted(found, key=lambda clue: -clue.skill)


def _common(target: FoldedTarget) -> np.ndarray:
    """Rows whose class is common enough for the tests, (n,) bool; for values all rows.

    None where fewer than two classes are: there is then nothing to distinguish.
    """
    if not target.classes:
        return np.ones(len(target.y), dtype=bool)
    is_common = np.bincount(target.y) >= FEWEST_OF_CLASS
    return np.asarray(is_common[target.y] & (is_common.sum() > 1))


def _ordered(
    name: str, order: np.ndarray, target: FoldedTarget, common: np.ndarray
) -> Iterator[Clue]:
    """From end to end, and by blocks of rows; order (n,) is any number.

    Nothing where no class is common enough.
    """
    from scipy.stats import rankdata, spearmanr

    if not common.any():
        return
    y, blocks = target.y[common], MOST_BLOCKS
    if target.classes:
        counts = np.bincount(y)
        blocks = int(min(blocks, counts[counts > 0].min() // EXPECTED))
    codes = ((rankdata(order) - 1) * blocks // len(order)).astype(np.int64)
    own_skill = skill(codes, target)
    if target.classes:
        trend = rank_correlation_ratio(y, order[common])[1]
    else:
        trend = float(spearmanr(order, y).pvalue) if np.ptp(order) and np.ptp(y) else 1.0
    yield Clue(name, trend, own_skill)
    yield Clue(name, strength(codes[common], y, target.classes)[1], own_skill)


def _neighbours(target: FoldedTarget) -> Clue:
    """Σ a_i · a_(i+1) over centred indicators (or ranks) a; normal if the order is by chance."""
    from scipy.stats import norm

    parts = target.scores
    if target.classes:
        shares = parts.mean(axis=0)
        parts = parts[:, len(parts) * np.minimum(shares, 1 - shares) ** 2 >= EXPECTED_PAIRS]
    parts = parts - parts.mean(axis=0)
    covariance = parts.T @ parts / len(parts)
    size, spread = float(np.trace(covariance)), float(np.sqrt((covariance**2).sum()))
    if spread == 0:
        return Clue("the previous row", 1.0, 0.0, LEAST_CORRELATION)
    total = float((parts[1:] * parts[:-1]).sum())
    p = float(2 * norm.sf(max(total, 0.0) / spread / np.sqrt(len(parts))))
    return Clue("the previous row", p, total / size / len(parts), LEAST_CORRELATION)


def interleaved(ids: "pd.Series | None", others: "pd.Series | None") -> bool:
    """Whether two tables' ids alternate in their common order about as often as by chance.

    n and m shuffled ids have 1 + 2nm / (n + m) runs on average (Wald and Wolfowitz 1940).
    """
    if ids is None or others is None or not len(ids) or not len(others):
        return False
    words = np.concatenate([_words(ids), _words(others)])
    side = np.arange(len(words)) < len(ids)
    side = side[np.argsort(natural_order(words), kind="stable")]
    runs = 1 + int((side[1:] != side[:-1]).sum())
    return runs >= MIXED * (1 + 2 * len(ids) * len(others) / len(words))


def _orders(y: np.ndarray, ids: "pd.Series | None") -> Iterator[np.ndarray]:
    """The targets in the order of the file, and in that of the ids."""
    yield y
    if ids is not None:
        yield y[np.argsort(natural_order(_words(ids)), kind="stable")]


def is_sorted(y: np.ndarray) -> bool:
    """Whether targets (n,) lie class by class, or rise or fall all the way."""
    steps = np.diff(y)
    blocks = int((steps != 0).sum()) + 1
    return blocks == len(np.unique(y)) or bool((steps >= 0).all() or (steps <= 0).all())


# -- ids -------------------------------------------------------------------------------------------


def _of_ids(ids: "pd.Series", target: FoldedTarget, common: np.ndarray) -> Iterator[Clue]:
    """The id's order where it is not the file's, its last character, and the letters at its
    start."""
    words = _words(ids)
    order = natural_order(words)
    steps = np.diff(order)
    if not ((steps >= 0).all() or (steps <= 0).all()):
        yield from _ordered("the id's order", order, target, common)
    endings = _levels([word[-1:] for word in words])
    yield _by_level("the id's last character", endings, target, common)
    heads = _levels([re.match(r"\D*", word)[0] for word in words])  # type: ignore[index]
    if 1 <= heads.max() < MOST_PREFIXES:
        yield _by_level("the letters at the start of the id", heads, target, common)


def _words(ids: "pd.Series") -> np.ndarray:
    return ids.astype("str").fillna("").to_numpy(dtype=object)


def natural_order(words: np.ndarray) -> np.ndarray:
    """Ranks (n,) of texts with numbers in them sorted as numbers: a2 before a10."""
    parts = [re.split(r"(\d+)", word) for word in words]
    keys = [tuple((int(p), "") if p.isdecimal() else (-1, p) for p in part) for part in parts]
    ranks = {key: rank for rank, key in enumerate(sorted(set(keys)))}
    return np.array([ranks[key] for key in keys], dtype=float)


def _levels(words: list[str]) -> np.ndarray:
    return np.unique(np.array(words, dtype=str), return_inverse=True)[1]


def _by_level(name: str, codes: np.ndarray, target: FoldedTarget, common: np.ndarray) -> Clue:
    """By level, leaving out those that are too rare for chi-square to hold."""
    own_skill, rarest = skill(codes, target), 1.0
    if target.classes and common.any():
        counts = np.bincount(target.y[common])
        rarest = counts[counts > 0].min() / common.sum()
    kept = common & (np.bincount(codes)[codes] * rarest >= EXPECTED)
    if not kept.any():
        return Clue(name, 1.0, own_skill)
    p = strength(codes[kept], target.y[kept], target.classes)[1]
    return Clue(name, p, own_skill)
