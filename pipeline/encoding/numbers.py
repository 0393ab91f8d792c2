"""Numbers: as they are in the tree view; scaled, and one-hot where few and whole, in the dense one.

A rating is both an order and a set of choices: the scaled column carries the one, the one-hot
columns the other. Whole numbers beyond 2^53 are counted from an origin, and numbers that float32
would merge are ranks in the tree view: the differences between values survive.
"""

from dataclasses import dataclass, replace

import numpy as np

from pipeline.encoding import View
from pipeline.encoding.categories import Levels
from pipeline.encoding.columns import CodedColumn
from pipeline.encoding.precision import Ranks, counted_from, exact_origin
from pipeline.encoding.scaling import Scaling
from pipeline.settings import Encode


@dataclass(frozen=True)
class NumberEncoder:
    """A number: itself in the tree view; scaled, one-hot and a missing indicator in the dense.

    In the dense view the training rows' median stands in where a value is missing.
    """

    median: float
    scaling: Scaling
    levels: Levels | None
    missing: bool
    origin: int = 0
    ranks: Ranks | None = None

    @classmethod
    def fit(cls, column: CodedColumn, settings: Encode) -> "NumberEncoder":
        raw = column.distribution()
        origin = exact_origin(raw)
        distribution = replace(raw, values=counted_from(origin, raw.values))
        return cls(
            distribution.quantile(0.5),
            Scaling.fit(distribution, settings.log_skew),
            Levels.fit(raw, settings.rare) if _is_rating(column, settings) else None,
            distribution.missing > 0 and not column.repeats,
            origin,
            Ranks.fit(distribution),
        )

    def by_value(self, column: CodedColumn, view: View) -> np.ndarray:
        """(m + 1, 1) float32, NaN kept; or (m + 1, 1 + levels + 1): scaled, one-hot, missing."""
        numbers = column.with_missing(self.origin)
        if view == "tree":
            places = numbers if self.ranks is None else self.ranks.of(numbers)
            return places.astype(np.float32)[:, np.newaxis]
        filled = np.where(np.isnan(numbers), self.median, numbers)
        tables = [self.scaling.transform(filled).astype(np.float32)[:, np.newaxis]]
        if self.levels is not None:
            tables.append(self.levels.one_hot(column.values))
        if self.missing:
            tables.append(column.missing_indicator())
        return np.hstack(tables)

    def names(self, name: str, view: View) -> list[str]:
        if view == "tree":
            return [name]
        levels = [] if self.levels is None else self.levels.names(name)
        return [name, *levels, *[f"{name} is missing"] * self.missing]


def _is_rating(column: CodedColumn, settings: Encode) -> bool:
    """Whole numbers, few of them or choices; of two values one is the other's complement."""
    values = column.distribution().values
    few = column.choices or len(values) <= settings.one_hot_levels
    return len(values) > 2 and few and bool(np.all(values == np.floor(values)))
