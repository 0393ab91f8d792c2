"""Does a row's place in the file, or its id, tell the target?

Neither should: an order or a number that does was made by somebody who knew the answers, or stands
for time or for a group of rows that belong together.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pipeline.evaluation.single_columns import Judged, skill
from pipeline.exploration.association import correlation_ratio, middle_ranks, strength
from pipeline.exploration.drift import holm

if TYPE_CHECKING:
    import pandas as pd

SIGNIFICANT = 1e-4  # after correction: a file is looked at in several ways
LEAST_SKILL = 0.005  # about an AUC of 0.55: less is real on many rows, and of no consequence
LEAST_CORRELATION = 0.05  # of neighbouring rows
FEWEST_OF_CLASS = 20
MOST_BLOCKS = 20
EXPECTED = 5.0  # rows of a class in each bin, for chi-square to hold
EXPECTED_PAIRS = 25.0  # neighbours both of a class, or both not, for the normal law to hold
MOST_PREFIXES = 30


@dataclass(frozen=True)
class Clue:
    """One way in which place or id tells the target: `what` it is, its p-value and its skill.

    `skill` is that of the bins on rows that they were not fitted on; of neighbours it is their
    correlation.
    """

    what: str
    p: float
    skill: float
    least: float

    @property
    def matters(self) -> bool:
        return self.skill >= self.least


def find_clues(ids: "pd.Series | None", judged: Judged) -> list[Clue]:
    """The clues beyond chance, the clearest first; `ids` are train's, None where it has none."""
    place = np.arange(len(judged.y))
    common = _common(judged)
    clues = [*_ordered("the row's place in the file", place, judged, common)]
    clues.append(_neighbours(judged))
    if ids is not None:
        clues += _of_ids(ids, judged, common)
    corrected = holm(np.array([clue.p for clue in clues]))
    found = [
        clue for clue, p in zip(clues, corrected, strict=True) if p < SIGNIFICANT and clue.matters
    ]
    return sorted(found, key=lambda clue: -clue.skill)


def _common(judged: Judged) -> np.ndarray:
    """Rows whose class is common enough for the tests, (n,) bool; for values all rows.

    None where fewer than two classes are: there is then nothing to tell apart.
    """
    if not judged.classes:
        return np.ones(len(judged.y), dtype=bool)
    is_common = np.bincount(judged.y) >= FEWEST_OF_CLASS
    return np.asarray(is_common[judged.y] & (is_common.sum() > 1))


def _ordered(what: str, order: np.ndarray, judged: Judged, common: np.ndarray) -> Iterator[Clue]:
    """From end to end, and by blocks of rows; order (n,) is any number.

    Nothing where no class is common enough.
    """
    if not common.any():
        return
    y, blocks = judged.y[common], MOST_BLOCKS
    if judged.classes:
        counts = np.bincount(y)
        blocks = int(min(blocks, counts[counts > 0].min() // EXPECTED))
    codes = ((middle_ranks(order) - 1) * blocks // len(order)).astype(np.int64)
    worth = skill(codes, judged)
    yield Clue(what, _trend_p(order[common], y, judged.classes), worth, LEAST_SKILL)
    yield Clue(what, strength(codes[common], y, judged.classes)[1], worth, LEAST_SKILL)


def _trend_p(order: np.ndarray, y: np.ndarray, classes: int) -> float:
    """Kruskal-Wallis of the order by class, or the normal p-value of Spearman's correlation."""
    from scipy.special import erfc

    if classes:
        return correlation_ratio(y, order)[1]
    return float(
        erfc(abs(_correlation(middle_ranks(order), middle_ranks(y))) * (len(y) / 2) ** 0.5)
    )


def _correlation(one: np.ndarray, other: np.ndarray) -> float:
    one, other = one - one.mean(), other - other.mean()
    size = float(np.sqrt((one**2).sum() * (other**2).sum()))
    return float((one * other).sum()) / size if size > 0 else 0.0


def _neighbours(judged: Judged) -> Clue:
    """Σ a_i · a_(i+1) over centred indicators (or ranks) a; normal if the order is by chance."""
    from scipy.special import erfc

    aims = judged.aims
    if judged.classes:
        shares = aims.mean(axis=0)
        aims = aims[:, len(aims) * np.minimum(shares, 1 - shares) ** 2 >= EXPECTED_PAIRS]
    aims = aims - aims.mean(axis=0)
    covariance = aims.T @ aims / len(aims)
    size, spread = float(np.trace(covariance)), float(np.sqrt((covariance**2).sum()))
    if spread == 0:
        return Clue("the row before", 1.0, 0.0, LEAST_CORRELATION)
    total = float((aims[1:] * aims[:-1]).sum())
    p = float(erfc(max(total, 0.0) / spread / np.sqrt(2 * len(aims))))
    return Clue("the row before", p, total / size / len(aims), LEAST_CORRELATION)


# -- ids -------------------------------------------------------------------------------------------


def _of_ids(ids: "pd.Series", judged: Judged, common: np.ndarray) -> Iterator[Clue]:
    """The id's order where it is not the file's, its last character, and the letters it begins
    with."""
    words = ids.astype("str").fillna("").to_numpy(dtype=object)
    order = natural_order(words)
    if abs(_correlation(order, np.arange(len(order)))) < 1 - 1e-9:
        yield from _ordered("the id's order", order, judged, common)
    endings = _levels([word[-1:] for word in words])
    yield _levelled("the id's last character", endings, judged, common)
    heads = _levels([re.match(r"\D*", word)[0] for word in words])  # type: ignore[index]
    if 1 <= heads.max() < MOST_PREFIXES:
        yield _levelled("the letters that the id begins with", heads, judged, common)


def natural_order(words: np.ndarray) -> np.ndarray:
    """Ranks (n,) of texts with numbers in them sorted as numbers: a2 before a10."""
    parts = [re.split(r"(\d+)", word) for word in words]
    keys = [tuple((int(p), "") if p.isdecimal() else (-1, p) for p in part) for part in parts]
    ranks = {key: rank for rank, key in enumerate(sorted(set(keys)))}
    return np.array([ranks[key] for key in keys], dtype=float)


def _levels(words: list[str]) -> np.ndarray:
    return np.unique(np.array(words, dtype=str), return_inverse=True)[1]


def _levelled(what: str, codes: np.ndarray, judged: Judged, common: np.ndarray) -> Clue:
    """By level, leaving out those that are too rare for chi-square to hold."""
    worth, kept = skill(codes, judged), common
    rarest = 1.0
    if judged.classes and common.any():
        counts = np.bincount(judged.y[common])
        rarest = counts[counts > 0].min() / common.sum()
    kept = common & (np.bincount(codes)[codes] * rarest >= EXPECTED)
    if not kept.any():
        return Clue(what, 1.0, worth, LEAST_SKILL)
    p = strength(codes[kept], judged.y[kept], judged.classes)[1]
    return Clue(what, p, worth, LEAST_SKILL)
