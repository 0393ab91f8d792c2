"""Some rows of a coded table, of which no copy is made: a column is taken where it is read."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from pipeline.encoding.columns import CodedColumn, CodedTable


@dataclass(frozen=True)
class Selection:
    """The rows of `table` that have these `numbers` (n,), in this order."""

    table: CodedTable
    numbers: np.ndarray

    @property
    def rows(self) -> int:
        return len(self.numbers)


@dataclass(frozen=True)
class Columns(Mapping[str, CodedColumn]):
    """By distinct name the columns of a table: `places` holds the feature of each, and which of the
    feature's columns it is. Those of a selection are taken anew whenever they are asked for."""

    table: CodedTable | Selection
    places: Mapping[str, tuple[str, int]]

    def __getitem__(self, name: str) -> CodedColumn:
        feature, place = self.places[name]
        if isinstance(self.table, Selection):
            return self.table.table.columns[feature][place].take(self.table.numbers)
        return self.table.columns[feature][place]

    def __iter__(self) -> Iterator[str]:
        return iter(self.places)

    def __len__(self) -> int:
        return len(self.places)
