"""The two views of the features: `tree` (codes and raw numbers) and `dense` (one-hot, scaled).

The encoder of a fold is fitted on the fold's training rows and on nothing else. Its state is JSON.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import numpy as np

from pipeline.config import Encode
from pipeline.encoding.categories import CategoryEncoder, one_hot_levels
from pipeline.encoding.codes import are_codes, may_be_codes
from pipeline.encoding.columns import Table, distinct_names, read_table
from pipeline.encoding.numbers import NumberEncoder
from pipeline.encoding.target_means import TargetMeans, inner_folds, target_columns
from pipeline.encoding.text import TokenEncoder

if TYPE_CHECKING:
    import pandas as pd

Rows: TypeAlias = "pd.DataFrame | Table"
Block: TypeAlias = tuple[np.ndarray, np.ndarray]  # codes (n,), table (m + 1, d)
CHUNK = 4096


class ColumnEncoder(Protocol):
    """Both views of one column, as tables by value (m + 1, d), and the names of their columns."""

    def tree(self, column: Any) -> np.ndarray: ...

    def dense(self, column: Any) -> np.ndarray: ...

    def tree_names(self, name: str) -> list[str]: ...

    def dense_names(self, name: str) -> list[str]: ...

    def to_json(self) -> dict[str, Any]: ...


ENCODERS: dict[str, Any] = {
    "number": NumberEncoder,
    "category": CategoryEncoder,
    "text": TokenEncoder,
}


class FoldEncoder:
    """Rows -> {"tree": (n, d) float32, "dense": (n, d') float32}.

    `columns` are names and kinds as in the schema; `classes` is the number of classes, None for
    regression. Rows come as a data frame, or as a Table that was read from one. Dense columns that
    are constant in the training rows are left out.
    """

    def __init__(
        self, settings: Encode, columns: Sequence[Mapping[str, str]], classes: int | None
    ) -> None:
        self.settings, self.columns, self.classes = settings, columns, classes

    def fit(self, rows: Rows, y: np.ndarray, rng: np.random.Generator) -> "FoldEncoder":
        """Learn from n training rows and their targets y (n,)."""
        self._fit(self._table(rows), y, rng)
        return self

    def fit_transform(
        self, rows: Rows, y: np.ndarray, rng: np.random.Generator
    ) -> dict[str, np.ndarray]:
        """Learn from the rows and encode them, each one's target means from other rows."""
        table = self._table(rows)
        crossed = self._fit(table, y, rng)
        own = np.arange(table.rows)
        return self._encode(table, {name: (own, means) for name, means in crossed.items()})

    def transform(self, rows: Rows) -> dict[str, np.ndarray]:
        """Encode rows that the encoder was not fitted on."""
        table = self._table(rows)
        means = {
            name: (table.columns[name].codes, fitted.by_value(table.columns[name]))
            for name, fitted in self.target_means_.items()
        }
        return self._encode(table, means)

    def describe(self) -> dict[str, Any]:
        """Names of both views' columns, and which of the tree view's hold category codes."""
        tree: list[str] = []
        dense: list[str] = []
        categorical: list[int] = []
        for name, encoder in self.encoders_.items():
            if isinstance(encoder, CategoryEncoder):
                categorical.append(len(tree))
            tree += encoder.tree_names(name)
            names = encoder.dense_names(name)
            dense += [names[place] for place in self.varying_[name]]
        means = [mean for name, fitted in self.target_means_.items() for mean in fitted.names(name)]
        return {
            "tree": {"columns": distinct_names(tree + means), "categorical": categorical},
            "dense": {"columns": distinct_names(dense + means)},
        }

    def places(self) -> dict[str, dict[str, list[int]]]:
        """Raw columns of numbers and categories -> where each stands in both views."""
        alone = ("number", "category")  # a date or a text becomes columns of other names
        raw = [column["name"] for column in self.columns if column["kind"] in alone]
        found: dict[str, dict[str, list[int]]] = {name: {"tree": [], "dense": []} for name in raw}
        width = {"tree": 0, "dense": 0}

        def add(name: str, **added: int) -> None:
            for view, columns in added.items():
                if name in found:
                    found[name][view] += range(width[view], width[view] + columns)
                width[view] += columns

        for name, encoder in self.encoders_.items():
            add(name, tree=len(encoder.tree_names(name)), dense=len(self.varying_[name]))
        for name, fitted in self.target_means_.items():
            add(name, tree=len(fitted.overall), dense=len(fitted.overall))
        return found

    def codes(self) -> list[str]:
        """The columns of numbers that have target means."""
        return [
            name for name in self.target_means_ if isinstance(self.encoders_[name], NumberEncoder)
        ]

    def to_json(self) -> dict[str, Any]:
        """Everything that was learned; `from_json` gives an encoder of the same bytes."""
        encoders = [
            {
                "name": name,
                "kind": next(kind for kind, type_ in ENCODERS.items() if type(encoder) is type_),
                "varying": self.varying_[name],
                "state": encoder.to_json(),
            }
            for name, encoder in self.encoders_.items()
        ]
        means = [
            {"name": name, "state": fitted.to_json()} for name, fitted in self.target_means_.items()
        ]
        return {
            "settings": self.settings.model_dump(mode="json"),
            "columns": [dict(column) for column in self.columns],
            "classes": self.classes,
            "encoders": encoders,
            "target_means": means,
        }

    @classmethod
    def from_json(cls, state: Mapping[str, Any]) -> "FoldEncoder":
        settings = Encode.model_validate(state["settings"])
        encoder = cls(settings, state["columns"], state["classes"])
        parts = state["encoders"]
        encoder.encoders_ = {
            part["name"]: ENCODERS[part["kind"]].from_json(part["state"]) for part in parts
        }
        encoder.varying_ = {part["name"]: part["varying"] for part in parts}
        encoder.target_means_ = {
            part["name"]: TargetMeans.from_json(part["state"]) for part in state["target_means"]
        }
        return encoder

    def _table(self, rows: Rows) -> Table:
        return rows if isinstance(rows, Table) else read_table(rows, self.columns)

    def _fit(self, table: Table, y: np.ndarray, rng: np.random.Generator) -> dict[str, np.ndarray]:
        """Set what is learned; returns the rows' own, cross-fitted target means by column."""
        categories = sum(column.kind == "category" for column in table.columns.values())
        fit = {kind: type_.fit for kind, type_ in ENCODERS.items()}
        fit["category"] = partial(CategoryEncoder.fit, most=one_hot_levels(categories))
        self.encoders_: dict[str, ColumnEncoder] = {
            name: fit[column.kind](column, self.settings) for name, column in table.columns.items()
        }
        self.varying_ = {
            name: _varying(self.encoders_[name].dense(column), column.counts())
            for name, column in table.columns.items()
        }
        targets, inner = target_columns(y, self.classes), inner_folds(table.rows, rng)
        self.target_means_: dict[str, TargetMeans] = {}
        crossed = {}
        for name in self._target_mean_names(table, targets, inner):
            self.target_means_[name], crossed[name] = TargetMeans.fit(
                table.columns[name], targets, inner, self.settings.smoothing
            )
        return crossed

    def _target_mean_names(self, table: Table, targets: np.ndarray, inner: np.ndarray) -> list[str]:
        """Categories of many levels, and the whole numbers that turn out to be codes."""
        if self.settings.target_means != "auto":
            return list(self.settings.target_means)
        most = self.settings.target_mean_levels
        # a date's parts are numbers too, and no codes: the days of new rows are new
        raw = {column["name"] for column in self.columns if column["kind"] == "number"}
        return [
            name
            for name, column in table.columns.items()
            if (column.kind == "category" and len(column.distribution().values) > most)
            or (name in raw and may_be_codes(column, most) and are_codes(column, targets, inner))
        ]

    def _encode(self, table: Table, means: Mapping[str, Block]) -> dict[str, np.ndarray]:
        tree: list[Block] = []
        dense: list[Block] = []
        for name, encoder in self.encoders_.items():
            column = table.columns[name]
            tree.append((column.codes, encoder.tree(column)))
            dense.append((column.codes, encoder.dense(column)[:, self.varying_[name]]))
        for name, (codes, values) in means.items():
            tree.append((codes, values))
            dense.append((codes, self.target_means_[name].dense(values)))
        return {"tree": _matrix(tree, table.rows), "dense": _matrix(dense, table.rows)}


def _matrix(blocks: Sequence[Block], rows: int) -> np.ndarray:
    """Look up each block's table (m + 1, d) by its codes (n,) -> (n, sum of d) float32.

    A chunk of rows at a time, so that the part of the result being filled stays in the cache.
    """
    tables = [(codes, table.astype(np.float32, copy=False)) for codes, table in blocks]
    result = np.empty((rows, sum(table.shape[1] for _, table in tables)), dtype=np.float32)
    for start in range(0, rows, CHUNK):
        part, place = result[start : start + CHUNK], 0
        for codes, table in tables:
            part[:, place : place + table.shape[1]] = table[codes[start : start + CHUNK]]
            place += table.shape[1]
    return result


def _varying(table: np.ndarray, counts: np.ndarray) -> list[int]:
    """Columns of a table by value that are not constant over the rows counted."""
    present = table[np.flatnonzero(counts)]
    return [int(place) for place in np.flatnonzero((present != present[:1]).any(axis=0))]
