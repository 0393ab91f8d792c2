"""Numbers: as they are in the tree view; scaled, and one-hot where few and whole, in the dense one.

A rating is both an order and a set of choices: the scaled column carries the one, the one-hot
columns the other. Whole numbers beyond 2^53 are counted from an origin, and numbers that float32
would merge are ranks in the tree view: the differences between values survive.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from pipeline.config import Encode
from pipeline.encoding.categories import Levels
from pipeline.encoding.columns import Column
from pipeline.encoding.missing import Median, indicator
from pipeline.encoding.precision import Ranks, counted_from, exact_origin
from pipeline.encoding.scaling import Scaling


@dataclass(frozen=True)
class NumberEncoder:
    """What the training rows tell about one column of numbers."""

    median: Median
    scaling: Scaling
    levels: Levels | None
    missing: bool
    origin: int = 0
    ranks: Ranks | None = None

    @classmethod
    def fit(cls, column: Column, settings: Encode) -> "NumberEncoder":
        raw = column.distribution()
        origin = exact_origin(raw)
        distribution = replace(raw, values=counted_from(origin, raw.values))
        return cls(
            Median.fit(distribution),
            Scaling.fit(distribution, settings.log_skew),
            Levels.fit(raw, settings.rare) if _is_rating(column, settings) else None,
            distribution.missing > 0 and not column.repeats,
            origin,
            Ranks.fit(distribution),
        )

    def tree(self, column: Column) -> np.ndarray:
        """(m + 1, 1) float32, NaN kept."""
        numbers = column.with_missing(self.origin)
        places = numbers if self.ranks is None else self.ranks.of(numbers)
        return places.astype(np.float32)[:, np.newaxis]

    def dense(self, column: Column) -> np.ndarray:
        """(m + 1, 1 + levels + 1) float32 by value: scaled, one-hot, missing."""
        filled = self.median.fill(column.with_missing(self.origin))
        tables = [self.scaling.transform(filled).astype(np.float32)[:, np.newaxis]]
        if self.levels is not None:
            tables.append(self.levels.one_hot(column.values))
        if self.missing:
            tables.append(indicator(len(column.values)))
        return np.hstack(tables)

    def tree_names(self, name: str) -> list[str]:
        return [name]

    def dense_names(self, name: str) -> list[str]:
        levels = [] if self.levels is None else self.levels.names(name)
        return [name, *levels, *[f"{name} is missing"] * self.missing]

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, state: Mapping[str, Any]) -> "NumberEncoder":
        levels = None if state["levels"] is None else Levels(**state["levels"])
        median, scaling = Median(**state["median"]), Scaling(**state["scaling"])
        ranks = None if state["ranks"] is None else Ranks(**state["ranks"])
        return cls(median, scaling, levels, state["missing"], state["origin"], ranks)


def _is_rating(column: Column, settings: Encode) -> bool:
    """Whole numbers, few of them or choices; of two values one is the other's complement."""
    values = column.distribution().values
    few = column.choices or len(values) <= settings.one_hot_levels
    return len(values) > 2 and few and bool(np.all(values == np.floor(values)))
