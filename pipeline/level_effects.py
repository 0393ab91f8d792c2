"""Which effects a row has: one for its level in each column, and one for each pair of levels.

A category's levels are its codes. A number's are bins, coarse and fine, and where its values repeat
the values themselves: which of these matter is for the model to find out. A row has one level of
each, so that all rows' effects together are a sparse matrix of ones.
"""

import itertools
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from scipy import sparse

BINS = (8, 64)  # of a number, as many rows in each as the values allow
MOST_BINS_OF_PAIRS = 16  # what a pair takes of a number has at most so many, or exact values
FEW_VALUES = 64  # a number of fewer is its values
REPEATED = 2  # rows a value, on average, of a number whose values are levels too
FEWEST_ROWS = 2  # that a pair of levels has
MISSING, UNSEEN = 0, -1


@dataclass(frozen=True)
class Grouping:
    """A column of the matrix as levels: bins between `edges` (m,), or these values themselves."""

    column: int
    exact: bool
    edges: np.ndarray

    @property
    def levels(self) -> int:
        """Of numbers 0, 1, ..., the missing one among them."""
        return len(self.edges) + 2

    def of(self, X: np.ndarray) -> np.ndarray:
        """X (n, d) -> level numbers (n,): 0 for missing, -1 for a value that training never had."""
        values = X[:, self.column].astype(float)
        if not self.exact:
            found = np.searchsorted(self.edges, values, side="right") + 1
        else:
            place = np.minimum(np.searchsorted(self.edges, values), len(self.edges) - 1)
            found = np.where(self.edges[place] == values, place + 1, UNSEEN)
        return np.where(np.isnan(values), MISSING, found)


@dataclass(frozen=True)
class Effect:
    """One grouping's levels, or those of a pair; `keys` (m,) are the ones that have an effect."""

    groupings: tuple[int, ...]
    keys: np.ndarray

    def of(self, levels: np.ndarray, sizes: Sequence[int]) -> np.ndarray:
        """Levels (groupings, n) -> place among the keys, (n,); -1 where a row has none."""
        found = joint_keys(levels, self.groupings, sizes)
        place = np.minimum(np.searchsorted(self.keys, found), len(self.keys) - 1)
        return np.where(self.keys[place] == found, place, UNSEEN)


def group_columns(
    X: np.ndarray, columns: Collection[int], categorical: Collection[int]
) -> Iterator[Grouping]:
    """All groupings of these columns of the training rows X (n, d); none of constant ones."""
    for column in columns:
        values, counts = np.unique(X[:, column].astype(float), return_counts=True)
        counts, values = counts[~np.isnan(values)], values[~np.isnan(values)]
        if len(values) < 1 or (len(values) == 1 and counts[0] == len(X)):
            continue
        few = column in categorical or len(values) < FEW_VALUES
        if few or len(values) * REPEATED <= len(X):
            yield Grouping(column, True, values)
        if not few:
            cumulated = np.cumsum(counts)
            for bins in BINS:
                cuts = np.searchsorted(cumulated, cumulated[-1] * np.arange(1, bins) / bins)
                if cuts[-1] > 0:  # else nearly all rows have the least value
                    yield Grouping(column, False, values[np.unique(cuts[cuts > 0])])


def single_effects(levels: np.ndarray) -> list[Effect]:
    """One effect for each grouping: levels (groupings, n) of the training rows."""
    return [Effect((number,), np.unique(each)) for number, each in enumerate(levels)]


def pair_effects(
    levels: np.ndarray, sizes: Sequence[int], chosen: Sequence[int], most: int, most_levels: int
) -> list[Effect]:
    """Effects of the pairs of these groupings, at most so many, and of so many levels in all: the
    first groupings' first."""
    ranked = sorted(itertools.combinations(range(len(chosen)), 2), key=lambda pair: pair[::-1])
    found = []
    for one, other in ranked[:most]:
        groupings = chosen[one], chosen[other]
        keys, rows = np.unique(joint_keys(levels, groupings, sizes), return_counts=True)
        keys = keys[(rows >= FEWEST_ROWS) & (keys >= 0)]
        if 0 < len(keys) <= most_levels:
            found.append(Effect(groupings, keys))
            most_levels -= len(keys)
    return found


def suit_pairs(grouping: Grouping) -> bool:
    """Whether its levels are coarse enough, or meant to be levels, to be taken in pairs."""
    return grouping.exact or grouping.levels <= MOST_BINS_OF_PAIRS + 2


def joint_keys(levels: np.ndarray, groupings: Sequence[int], sizes: Sequence[int]) -> np.ndarray:
    """(n,) int64: a number for what the groupings have together in a row, -1 for an unseen one."""
    keys = levels[groupings[0]].astype(np.int64)
    for number in groupings[1:]:
        unseen = (keys < 0) | (levels[number] < 0)
        keys = np.where(unseen, UNSEEN, keys * sizes[number] + levels[number])
    return keys


def design_matrix(
    levels: np.ndarray, sizes: Sequence[int], effects: Sequence[Effect]
) -> "sparse.csr_matrix":
    """(n, effects' levels in all): 1 for each effect that a row has."""
    from scipy import sparse

    starts = np.cumsum([0, *(len(effect.keys) for effect in effects)])
    places = np.empty((levels.shape[1], len(effects)), dtype=np.int32)
    for number, effect in enumerate(effects):
        place = effect.of(levels, sizes)
        places[:, number] = np.where(place < 0, UNSEEN, place + starts[number])
    there = places >= 0
    ends = np.append(0, np.cumsum(there.sum(axis=1)))
    ones = np.ones(int(ends[-1]))
    return sparse.csr_matrix((ones, places[there], ends), (len(places), int(starts[-1])))
