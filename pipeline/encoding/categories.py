"""Categories: a code for trees, one column per level for the dense view, one level for the rare."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from pipeline.encoding import View
from pipeline.encoding.columns import CodedColumn, positions
from pipeline.encoding.distribution import Distribution
from pipeline.settings import Encode

MOST_ONE_HOT = 64  # levels of a column
# columns in all: hundreds of categories would make a matrix that few models can learn from in time
WIDEST_ONE_HOT, FEWEST_ONE_HOT = 3000, 4


def one_hot_levels(categories: int) -> int:
    """How many levels a category may have one-hot where there are so many categories."""
    each = WIDEST_ONE_HOT // max(1, categories)
    return max(FEWEST_ONE_HOT, min(MOST_ONE_HOT, each))


@dataclass(frozen=True)
class Levels:
    """Levels of the training rows in ascending order; the rare ones share a level after the last.

    A level that training never showed counts as rare too, or, where none was rare, as missing: the
    same as scikit-learn's OneHotEncoder(min_frequency=rare, handle_unknown="infrequent_if_exist").
    """

    levels: list[str] | list[int]
    rare: bool

    @classmethod
    def fit(cls, distribution: Distribution, rare: int, most: int | None = None) -> "Levels":
        """Keep levels of at least `rare` rows; if there are more than `most`, the most common."""
        common = np.flatnonzero(distribution.counts >= rare)
        if most is not None and len(common) > most:
            order = np.argsort(-distribution.counts[common], kind="stable")
            common = np.sort(common[order[:most]])
        return cls(plain(distribution.values[common]), len(common) < len(distribution.values))

    def codes(self, values: np.ndarray) -> np.ndarray:
        """(m,) -> (m + 1,): 0, 1, ... for the levels, the next one for rare, -1 for missing."""
        found = positions(values, self.levels)
        known = np.where((found < 0) & self.rare, len(self.levels), found)
        return np.append(known, -1)

    def ordinal(self, values: np.ndarray) -> np.ndarray:
        """(m,) -> (m + 1, 1) float32: the code, NaN for missing."""
        codes = self.codes(values).astype(np.float32)
        return np.where(codes < 0, np.float32(np.nan), codes)[:, np.newaxis]

    def one_hot(self, values: np.ndarray) -> np.ndarray:
        """(m,) -> (m + 1, levels) float32, rare last; a row of zeros for missing."""
        codes = self.codes(values)
        table = np.zeros((len(codes), len(self.levels) + self.rare), dtype=np.float32)
        known = np.flatnonzero(codes >= 0)
        table[known, codes[known]] = 1
        return table

    def names(self, name: str) -> list[str]:
        """Column names of `one_hot`."""
        return [f"{name}={level}" for level in [*self.levels, *["rare"] * self.rare]]


@dataclass(frozen=True)
class CategoryEncoder:
    """A category: its code in the tree view; one-hot and a missing indicator in the dense view."""

    ordinal: Levels
    one_hot: Levels
    missing: bool

    @classmethod
    def fit(
        cls, column: CodedColumn, settings: Encode, most: int = MOST_ONE_HOT
    ) -> "CategoryEncoder":
        """One-hot are the `most` common levels, at most."""
        distribution, rare = column.distribution(), settings.rare
        return cls(
            Levels.fit(distribution, rare),
            Levels.fit(distribution, rare, most),
            distribution.missing > 0,
        )

    def by_value(self, column: CodedColumn, view: View) -> np.ndarray:
        """(m + 1, 1) or (m + 1, levels + 1) float32."""
        if view == "tree":
            return self.ordinal.ordinal(column.values)
        table = self.one_hot.one_hot(column.values)
        return np.hstack([table, column.missing_indicator()]) if self.missing else table

    def names(self, name: str, view: View) -> list[str]:
        if view == "tree":
            return [name]
        return self.one_hot.names(name) + [f"{name} is missing"] * self.missing


def plain(values: np.ndarray) -> list[Any]:
    """Levels as JSON holds them: texts, or whole numbers without a point."""
    return [value if isinstance(value, str) else int(value) for value in values]
