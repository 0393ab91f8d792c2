"""A matrix that is looked up where it is read, a block at a time, and never exists as a whole.

An encoded matrix takes four bytes a cell, and a copy of the codes that it is looked up by as much;
a booster keeps one byte of a cell. So of many rows a model that can learn in blocks is given this.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np

CHUNK = 4096  # rows: the part of the result that is being filled stays in the cache
BINNED_FROM = 200_000  # rows that a booster's thresholds are found on, as in LightGBM itself
BLOCK = 2**15  # rows that a booster encodes and bins at a time
# name, codes (n,) and a table (m + 1, d); a range where the table has a row of its own for each row
Blocks: TypeAlias = Iterable[tuple[str, np.ndarray | range, np.ndarray]]


@dataclass(frozen=True)
class Lookup:
    """Some columns of a matrix: row i is `table[codes[i]]`, table (m + 1, d) float32.

    codes (n,); None where the table has a row of its own for each row.
    """

    codes: np.ndarray | None
    table: np.ndarray

    def take(self, places: slice | np.ndarray, rows: slice | np.ndarray) -> np.ndarray:
        """(b, d) of the rows at these places of the matrix, which are these rows of the table."""
        return self.table[places if self.codes is None else self.codes[rows]]


@dataclass(frozen=True)
class LookupMatrix:
    """A matrix (n, d) float32 that is looked up where it is read: X[start:stop], X[places].

    `numbers` (n,): which of the coded rows they are, None for all. `places` (n,): where they stand
    among the rows that were encoded together, None for all of them.
    """

    lookups: tuple[Lookup, ...]
    rows: int
    numbers: np.ndarray | None = None
    places: np.ndarray | None = None
    width: int = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "width", sum(each.table.shape[1] for each in self.lookups))

    @classmethod
    def of(cls, blocks: Blocks, rows: int, numbers: np.ndarray | None = None) -> "LookupMatrix":
        """Of blocks as `FoldEncoder.by_value` gives them."""
        lookups = []
        for _, codes, table in blocks:
            own = None if isinstance(codes, range) else codes
            lookups.append(Lookup(own, table.astype(np.float32, copy=False)))
        return cls(tuple(lookups), rows, numbers)

    @property
    def shape(self) -> tuple[int, int]:
        """(n, d)"""
        return self.rows, self.width

    def __len__(self) -> int:
        return self.rows

    def __getitem__(self, chosen: slice | np.ndarray) -> np.ndarray:
        """(b, d) float32: a slice of the rows, or those at these places."""
        if isinstance(chosen, slice):
            start, stop, step = chosen.indices(self.rows)
            if step == 1:
                return self._matrix(start, stop)
            chosen = np.arange(start, stop, step)
        return self.take(chosen)[:]

    def take(self, chosen: np.ndarray, axis: int = 0) -> "LookupMatrix":
        """The rows at these places; nothing is looked up yet."""
        assert axis == 0
        numbers = chosen if self.numbers is None else self.numbers[chosen]
        places = chosen if self.places is None else self.places[chosen]
        return LookupMatrix(self.lookups, len(chosen), numbers, places)

    def sample(self, seed: int) -> np.ndarray:
        """(b, d) float32: BINNED_FROM of the rows at most, drawn at random, in their order."""
        drawn = np.random.default_rng(seed).choice(
            self.rows, min(self.rows, BINNED_FROM), replace=False, shuffle=False
        )
        return self[np.sort(drawn)]

    def beside(self, columns: np.ndarray) -> "LookupMatrix":
        """With these columns (n, j) after the others."""
        assert self.places is None
        added = Lookup(None, columns.astype(np.float32, copy=False))
        return LookupMatrix((*self.lookups, added), self.rows, self.numbers)

    def _matrix(self, start: int, stop: int) -> np.ndarray:
        result = np.empty((max(0, stop - start), self.width), dtype=np.float32)
        for first in range(start, stop, CHUNK):
            here = slice(first, min(first + CHUNK, stop))
            rows = here if self.numbers is None else self.numbers[here]
            places = here if self.places is None else self.places[here]
            part, column = result[here.start - start : here.stop - start], 0
            for lookup in self.lookups:
                end = column + lookup.table.shape[1]
                part[:, column:end] = lookup.take(places, rows)
                column = end
        return result


Matrix: TypeAlias = np.ndarray | LookupMatrix
