"""Does the target depend on a row's place in the file, or on its id?

It should not: an order or a number on which it depends was made by someone who knew the target, or
is that of time, or of groups of rows that belong together.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pipeline.answers import answer_rows, train_groups
from pipeline.exploration.significance import holm
from pipeline.exploration.strength import FoldedTarget, rank_correlation_ratio, skill, strength
from pipeline.reading import distinct
from pipeline.report.alarm import Alarm
from pipeline.report.evidence import MOST_LOOKED_AT, Evidence

if TYPE_CHECKING:
    import pandas as pd

SIGNIFICANT = 1e-4  # after correction: a file is looked at in several ways
LEAST_SKILL = 0.005  # about an AUC of 0.55: less is real on many rows, and does not matter
LEAST_CORRELATION = 0.05  # of neighbouring rows
FEWEST_OF_CLASS = 20
MOST_BLOCKS = 20
EXPECTED = 5.0  # rows of a class in each bin, for chi-square to hold
NUMBERED = r"^(?P<head>[^0-9]*)(?P<number>[0-9]{1,18})$"
EXPECTED_PAIRS = 25.0  # neighbours both of a class, or both not, for the normal law to hold
MOST_PREFIXES = 30
REPEATED = 0.1  # how many different values a column may have that ids are made of, of the rows
MIXED = 0.5  # of the runs that chance makes
STRETCH = 1000  # neighbouring rows, of files that are not looked at as a whole


def alarms(evidence: Evidence, target: FoldedTarget) -> Iterator[Alarm]:
    """Neighbouring rows may belong together.

    The score holds where folds by group allow for that, or where test's rows lie between train's
    and have the same neighbours; and of a file that is sorted by the target no more is known.
    """
    ids, test_ids = _ids(evidence)
    groups, rows = train_groups(evidence.load), np.arange(len(target.y))
    if groups is not None:  # whose rows have one target and follow one another
        rows = answer_rows(groups)
        target = target.take(rows)
        ids = None if ids is None else ids.iloc[rows]
    some = stretches(len(target.y))
    found = find_orders(None if ids is None else ids.iloc[some], target.take(some))
    names = list(dict.fromkeys(order.name for order in found))
    if ids is not None:
        parts = {name: part for name, part in _parts(ids.iloc[some]) if name in names}
        known = {name for name, part in parts.items() if _is_known(part, rows[some], evidence)}
        names = [name for name in names if name not in known]
    if not names:
        return
    in_id_order = [] if ids is None else [target.y[np.argsort(natural_order(ids), kind="stable")]]
    holds = (
        evidence.split.group is not None
        or evidence.split.time
        or interleaved(ids, test_ids)
        or any(is_sorted(y) for y in (target.y, *in_id_order))
    )
    yield Alarm(
        "id or order",
        f"The target depends on {' and '.join(names)}, beyond chance (p < {SIGNIFICANT:.4f})"
        + f", in {len(some):,} of {len(target.y):,} rows" * (len(some) < len(target.y)),
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


def stretches(rows: int) -> np.ndarray:
    """Numbers of the rows that are looked at, ascending: all, or of many rows some parts of
    neighbours, evenly spaced."""
    if rows <= MOST_LOOKED_AT:
        return np.arange(rows)
    starts = np.linspace(0, rows - STRETCH, MOST_LOOKED_AT // STRETCH).astype(int)
    return np.unique(starts[:, np.newaxis] + np.arange(STRETCH))


@dataclass(frozen=True)
class Order:
    """A place or an id on which the target may depend: its name, p-value and skill.

    `skill` is that of bins on rows that they were not fitted on; of neighbours their correlation.
    """

    name: str
    p: float
    skill: float
    least: float = LEAST_SKILL


def find_orders(ids: "pd.Series | None", target: FoldedTarget) -> list[Order]:
    """Those that the target depends on beyond chance, the clearest first; `ids` are train's."""
    common = _common(target)
    orders = [*_ordered("the row's place in the file", np.arange(len(target.y)), target, common)]
    orders.append(_neighbours(target))
    if ids is not None:
        orders += _of_ids(ids, target, common)
    corrected = holm(np.array([order.p for order in orders]))
    found = [
        order
        for order, p in zip(orders, corrected, strict=True)
        if p < SIGNIFICANT and order.skill >= order.least
    ]
    return sorted(found, key=lambda order: -order.skill)


def _common(target: FoldedTarget) -> np.ndarray:
    """Rows whose class is common enough for the tests, (n,) bool; for values all rows.

    None where fewer than two classes are: there is then nothing to distinguish.
    """
    if not target.classes:
        return np.ones(len(target.y), dtype=bool)
    is_common = np.bincount(target.y) >= FEWEST_OF_CLASS
    return np.asarray(is_common[target.y] & (is_common.sum() > 1))


def _rarest(y: np.ndarray) -> int:
    """Rows of the rarest class of y (n,)."""
    return int(np.unique(y, return_counts=True)[1].min())


def _ordered(
    name: str, order: np.ndarray, target: FoldedTarget, common: np.ndarray
) -> Iterator[Order]:
    """From end to end, and by blocks of rows; order (n,) is any number.

    Nothing where no class is common enough.
    """
    from scipy.stats import rankdata, spearmanr

    if not common.any():
        return
    y, blocks = target.y[common], MOST_BLOCKS
    if target.classes:
        blocks = int(min(blocks, _rarest(y) // EXPECTED))
    codes = ((rankdata(order) - 1) * blocks // len(order)).astype(np.int64)
    own_skill = skill(codes, target)
    if target.classes:
        trend = rank_correlation_ratio(y, order[common])[1]
    else:
        trend = float(spearmanr(order, y).pvalue) if np.ptp(order) and np.ptp(y) else 1.0
    yield Order(name, trend, own_skill)
    yield Order(name, strength(codes[common], y, target.classes)[1], own_skill)


def _neighbours(target: FoldedTarget) -> Order:
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
        return Order("the previous row", 1.0, 0.0, LEAST_CORRELATION)
    total = float((parts[1:] * parts[:-1]).sum())
    p = float(2 * norm.sf(max(total, 0.0) / spread / np.sqrt(len(parts))))
    return Order("the previous row", p, total / size / len(parts), LEAST_CORRELATION)


def interleaved(ids: "pd.Series | None", others: "pd.Series | None") -> bool:
    """Whether two tables' ids alternate in their common order about as often as by chance.

    n and m shuffled ids have 1 + 2nm / (n + m) runs on average (Wald and Wolfowitz 1940).
    """
    import pandas as pd

    if ids is None or others is None or not len(ids) or not len(others):
        return False
    order = np.argsort(natural_order(pd.concat([ids, others])), kind="stable")
    runs = 1 + np.count_nonzero(np.diff(order < len(ids)))
    return bool(runs >= MIXED * (1 + 2 * len(ids) * len(others) / len(order)))


def is_sorted(y: np.ndarray) -> bool:
    """Whether targets (n,) lie class by class, or rise or fall all the way."""
    steps = np.diff(y)
    blocks = np.count_nonzero(steps) + 1
    return blocks == len(np.unique(y)) or bool((steps >= 0).all() or (steps <= 0).all())


# -- ids -------------------------------------------------------------------------------------------


def _of_ids(ids: "pd.Series", target: FoldedTarget, common: np.ndarray) -> Iterator[Order]:
    """The id's order where it is not the file's, its last character, and the letters at its
    start."""
    order = natural_order(ids)
    steps = np.diff(order)
    if not ((steps >= 0).all() or (steps <= 0).all()):
        yield from _ordered("the id's order", order, target, common)
    for name, part in _parts(ids):
        yield _by_level(name, part, target, common)


def _parts(ids: "pd.Series") -> "Iterator[tuple[str, pd.Series]]":
    """The last character, and the letters at the start where there are a few different ones."""
    words = _words(ids)
    yield "the id's last character", words.str[-1:]
    heads = words.str.extract(r"^(\D*)", expand=False)
    if 2 <= heads.nunique() <= MOST_PREFIXES:
        yield "the letters at the start of the id", heads


def _is_known(part: "pd.Series", rows: np.ndarray, evidence: Evidence) -> bool:
    """Whether a feature whose values repeat tells this part of the ids of these rows: an id such as
    2023-05-01_s07 is made of a day and a shop, which models may see."""
    codes = np.unique(part.to_numpy(dtype=str), return_inverse=True)[1]
    for name in evidence.problem.names:
        column = evidence.load.train[name].iloc[rows]
        values = column.astype("str").factorize()[0]
        pairs = len(np.unique(values.astype(np.int64) * (codes.max() + 1) + codes))
        if pairs == values.max() + 1 <= REPEATED * len(rows):
            return True
    return False


def _words(ids: "pd.Series") -> "pd.Series":
    return ids.astype("str").fillna("")


def natural_order(ids: "pd.Series") -> np.ndarray:
    """Ranks (n,) of ids with numbers in them sorted as numbers: a2 before a10."""
    words = _words(ids)
    ranks = _of_numbered(words)
    return _of_any(words) if ranks is None else ranks


def _of_numbered(words: "pd.Series") -> np.ndarray | None:
    """Of ids that are one number after letters or alone, as most are; None of others."""
    import pyarrow as pa
    import pyarrow.compute as pc

    parts = pc.extract_regex(distinct.arrow(words).combine_chunks(), NUMBERED)
    heads = pc.struct_field(parts, "head").dictionary_encode()
    known = heads.dictionary.to_pylist()
    if parts.null_count or any(re.search(r"\d", head) for head in known):
        return None
    numbers = pc.cast(pc.struct_field(parts, "number"), pa.int64()).to_numpy()
    head_ranks = np.argsort(np.argsort(known))[heads.indices.to_numpy()]
    order = np.lexsort((numbers, head_ranks))
    is_new = (np.diff(numbers[order]) != 0) | (np.diff(head_ranks[order]) != 0)
    ranks = np.empty(len(words))
    ranks[order] = np.concatenate([[0], np.cumsum(is_new)])[: len(words)]
    return ranks


def _of_any(words: "pd.Series") -> np.ndarray:
    parts = [re.split(r"(\d+)", word) for word in words]
    keys = [tuple((int(p), "") if p.isdecimal() else (-1, p) for p in part) for part in parts]
    ranks = {key: rank for rank, key in enumerate(sorted(set(keys)))}
    return np.array([ranks[key] for key in keys], dtype=float)


def _by_level(name: str, levels: "pd.Series", target: FoldedTarget, common: np.ndarray) -> Order:
    """By level, leaving out those that are too rare for chi-square to hold."""
    codes = np.unique(levels.to_numpy(dtype=str), return_inverse=True)[1]
    own_skill, share = skill(codes, target), 1.0
    if target.classes and common.any():
        share = _rarest(target.y[common]) / common.sum()
    kept = common & (np.bincount(codes)[codes] * share >= EXPECTED)
    if not kept.any():
        return Order(name, 1.0, own_skill)
    p = strength(codes[kept], target.y[kept], target.classes)[1]
    return Order(name, p, own_skill)
