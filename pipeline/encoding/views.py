"""A fold's encoder: fitted on the fold's training rows, it turns columns into matrices.

It learns the same whichever view is asked for, and nothing from any other row.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import Self, TypeAlias, overload

import numpy as np
from pydantic import BaseModel, ConfigDict

from pipeline.encoding import View
from pipeline.encoding.additions import Additions
from pipeline.encoding.categories import CategoryEncoder, one_hot_levels
from pipeline.encoding.columns import CodedColumn, CodedTable, code_column
from pipeline.encoding.cycles import CycleEncoder
from pipeline.encoding.numbers import NumberEncoder
from pipeline.encoding.selection import Columns, Selection
from pipeline.encoding.target_means import inner_folds, target_columns
from pipeline.encoding.text import TokenEncoder
from pipeline.errors import refusing_damage
from pipeline.lookup_matrix import Blocks, LookupMatrix, Matrix
from pipeline.problem import Feature, Kind
from pipeline.settings import Encode

Encoder: TypeAlias = NumberEncoder | CategoryEncoder | TokenEncoder | CycleEncoder
ENCODERS: dict[str, type[Encoder]] = {
    "number": NumberEncoder,
    "category": CategoryEncoder,
    "text": TokenEncoder,
    "cycle": CycleEncoder,
}
VIEWS: tuple[View, ...] = ("tree", "dense")


class Learned(BaseModel):
    """Everything that an encoder has learned, by column; it may have been read from a file.

    `varying` are the dense columns that are not constant in the training rows.
    """

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)
    encoders: dict[str, Encoder]
    varying: dict[str, list[int]]
    added: Additions


class FoldEncoder:
    """Rows of a table -> a matrix (n, d) float32: one view of these features.

    `classes` is the number of classes, None for regression. The table may hold more features than
    the encoder reads. Dense columns that are constant in the training rows are left out.
    """

    def __init__(self, settings: Encode, features: Sequence[Feature], classes: int | None) -> None:
        self.settings, self.features, self.classes = settings, tuple(features), classes

    def fit(self, table: CodedTable, y: np.ndarray, rng: np.random.Generator) -> Self:
        """Learn from n training rows and their targets y (n,)."""
        self._fit(table, y, rng)
        return self

    @overload
    def fit_transform(
        self, table: CodedTable, y: np.ndarray, rng: np.random.Generator, view: View
    ) -> np.ndarray: ...

    @overload
    def fit_transform(
        self, table: Selection, y: np.ndarray, rng: np.random.Generator, view: View
    ) -> LookupMatrix: ...

    def fit_transform(
        self, table: CodedTable | Selection, y: np.ndarray, rng: np.random.Generator, view: View
    ) -> Matrix:
        """Learn from the rows and encode them, each one's target means from other rows.

        Those of a selection are encoded where they are read.
        """
        return _matrix(table, self.by_value(_whole(table), view, self._fit(table, y, rng)))

    @overload
    def transform(self, table: CodedTable, view: View) -> np.ndarray: ...

    @overload
    def transform(self, table: Selection, view: View) -> LookupMatrix: ...

    def transform(self, table: CodedTable | Selection, view: View) -> Matrix:
        """Encode rows that the encoder was not fitted on."""
        return _matrix(table, self.by_value(_whole(table), view))

    def by_value(
        self, table: CodedTable, view: View, crossed: Mapping[str, np.ndarray] | None = None
    ) -> Blocks:
        """What the matrix is looked up in, in its order: name, codes (n,) and a table (m + 1, d).

        First every column's own; then what is added, under the name of the column again or of a
        combination. `crossed`: the target means that rows have of their own, as in `Additions`.
        """
        yield from self._own(table, view)
        yield from self.added_.by_value(self.columns(table), view, crossed)

    def columns(self, table: CodedTable | Selection) -> Columns:
        """What the features became, under distinct names; a feature's own name stays its own."""
        places = {name: (feature, place) for feature, place, name, _ in self._parts(_whole(table))}
        return Columns(table, places)

    def names(self, view: View) -> tuple[str, ...]:
        """Names of the matrix's columns, (d,)."""
        return tuple(_distinct([name for *_, names in self._blocks(view) for name in names]))

    def categorical(self, view: View) -> tuple[int, ...]:
        """Places in the matrix that hold category codes; only the tree view has any."""
        if view == "dense":
            return ()
        parts, encoders = self.parts(view), self.encoders_.items()
        return tuple(parts[name][0] for name, each in encoders if isinstance(each, CategoryEncoder))

    def parts(self, view: View) -> dict[str, tuple[int, ...]]:
        """By column that the features became, its own places in the matrix: no target means."""
        own = self._blocks(view)[: len(self.encoders_)]
        return {name: tuple(places) for name, places, _ in own}

    def places(self, view: View) -> dict[str, list[int]]:
        """By feature, the places in the matrix of what it became alone: no combinations."""
        features = {name: feature for feature, _, name, _ in self._parts(_gaps(self.features))}
        found: dict[str, list[int]] = {feature.name: [] for feature in self.features}
        for name, places, _ in self._blocks(view):
            if name not in self.combinations:
                found[features[name]] += places
        return found

    @property
    def combinations(self) -> dict[str, list[str]]:
        """The columns that are taken together as one category, by its name."""
        return self.added_.combinations

    @property
    def texts(self) -> list[str]:
        """The columns of which TF-IDF is taken."""
        return list(self.added_.texts)

    def codes(self) -> list[str]:
        """Columns of numbers that have target means: they act as codes, or were asked for."""
        return [
            name
            for name in self.added_.target_means
            if isinstance(self.encoders_.get(name), NumberEncoder)
        ]

    def shortened(self) -> dict[str, tuple[int, int]]:
        """Categories of which the dense view has only the commonest levels: kept, and all seen."""
        return {
            name: (len(each.one_hot.levels), len(each.ordinal.levels))
            for name, each in self.encoders_.items()
            if isinstance(each, CategoryEncoder)
            and len(each.one_hot.levels) < len(each.ordinal.levels)
        }

    def state(self) -> str:
        """Everything that was learned, as JSON; `set_state` gives an encoder of the same bytes."""
        return Learned(
            encoders=self.encoders_, varying=self.varying_, added=self.added_
        ).model_dump_json()

    def set_state(self, state: str) -> Self:
        """Take over what an encoder of the same settings and features has learned.

        Raises DataError where it is no such thing: it is tried on a row of gaps.
        """
        with refusing_damage("a stored encoder"), np.errstate(all="ignore"):
            learned = Learned.model_validate_json(state)
            self.encoders_, self.varying_ = learned.encoders, learned.varying
            self.added_ = learned.added
            self._check()
        return self

    def _fit(
        self, table: CodedTable | Selection, y: np.ndarray, rng: np.random.Generator
    ) -> dict[str, np.ndarray]:
        """Set what is learned; returns the rows' own, cross-fitted target means by column."""
        kinds = [column.kind for *_, column in self._parts(_whole(table))]
        columns, most = self.columns(table), one_hot_levels(kinds.count("category"))
        self.encoders_, self.varying_ = {}, {}
        for name, column in columns.items():
            self.encoders_[name] = encoder = (
                CategoryEncoder.fit(column, self.settings, most)
                if column.kind == "category"
                else ENCODERS[column.kind].fit(column, self.settings)
            )
            self.varying_[name] = _varying(encoder.by_value(column, "dense"), column.counts())
        # a date's parts are numbers too, and no codes: the days of new rows are new
        numbers = {feature.name for feature in self.features if feature.kind == "number"}
        targets, inner = target_columns(y, self.classes), inner_folds(table.rows, rng)
        self.added_, crossed = Additions.fit(self.settings, columns, numbers, targets, inner)
        return crossed

    def _parts(self, table: CodedTable) -> Iterator[tuple[str, int, str, CodedColumn]]:
        """All that the features became: feature, place among its columns, distinct name, column."""
        features, taken = {feature.name for feature in self.features}, set()
        for feature in self.features:
            for place, column in enumerate(table.columns[feature.name]):
                name = column.name
                while name in taken or (name in features and name != feature.name):
                    name += "'"
                taken.add(name)
                yield feature.name, place, name, column

    def _own(self, table: CodedTable, view: View) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
        """Of every column its name, its codes and its own table by value."""
        for name, column in self.columns(table).items():
            values = self.encoders_[name].by_value(column, view)
            own = values[:, self.varying_[name]] if view == "dense" else values
            yield name, column.codes, own

    def _blocks(self, view: View) -> list[tuple[str, range, list[str]]]:
        """A column's name, places in the matrix and their names, in the order of `by_value`."""
        found = []
        for name, encoder in self.encoders_.items():
            names = encoder.names(name, view)
            found.append(
                (name, names if view == "tree" else [names[i] for i in self.varying_[name]])
            )
        found += self.added_.names(view)
        ends = np.cumsum([len(names) for _, names in found], dtype=int).tolist()
        return [
            (name, range(end - len(names), end), names)
            for (name, names), end in zip(found, ends, strict=True)
        ]

    def _check(self) -> None:
        """ValueError where what was learned is of other columns, or encodes no numbers."""
        gaps = _gaps(self.features)
        kinds = [(name, ENCODERS[column.kind]) for name, column in self.columns(gaps).items()]
        if kinds != [(name, type(encoder)) for name, encoder in self.encoders_.items()]:
            raise ValueError("it encodes other columns")
        for view in VIEWS:
            matrix = self.transform(gaps, view)
            if matrix.shape != (1, len(self.names(view))):
                raise ValueError("its parts do not fit together")
            if view == "dense" and not np.isfinite(matrix).all():
                raise ValueError("it encodes something else than numbers")


def _gaps(features: Sequence[Feature]) -> CodedTable:
    """One row that has none of the features."""
    columns = {
        each.name: tuple(replace(part, name=each.name + part.name) for part in _gap(each.kind))
        for each in features
    }
    return CodedTable(columns, 1)


@cache
def _gap(kind: Kind) -> tuple[CodedColumn, ...]:
    """What a feature of this kind, called "", becomes in one row that does not have it."""
    import pandas as pd

    return code_column(Feature("", kind), pd.Series([None], dtype=object))


def _distinct(names: Sequence[str]) -> list[str]:
    """The names, with a ' behind each that an earlier one has taken."""
    distinct: dict[str, None] = {}
    for name in names:
        while name in distinct:
            name += "'"
        distinct[name] = None
    return list(distinct)


def _whole(table: CodedTable | Selection) -> CodedTable:
    """The table that rows are selected of."""
    return table.table if isinstance(table, Selection) else table


def _matrix(table: CodedTable | Selection, blocks: Blocks) -> Matrix:
    """Look up each block's table (m + 1, d) by its codes (n,) -> (n, sum of d) float32."""
    if isinstance(table, Selection):
        return LookupMatrix.of(blocks, table.rows, table.numbers)
    return LookupMatrix.of(blocks, table.rows)[:]


def _varying(table: np.ndarray, counts: np.ndarray) -> list[int]:
    """Columns of a table by value that are not constant over the rows counted."""
    present = table[np.flatnonzero(counts)]
    return [int(place) for place in np.flatnonzero((present != present[:1]).any(axis=0))]
