"""What is to be predicted, from which columns, and what a submission must look like."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import numpy as np

from pipeline.reading.notation import PLAIN_NOTATION, Notation
from pipeline.table import Table, whole

if TYPE_CHECKING:
    import pandas as pd

Task = Literal["binary", "multiclass", "regression"]
Kind = Literal["number", "category", "date", "text"]
Aggregate = Literal["mean", "median", "min", "max", "last", "any"]


@dataclass(frozen=True)
class Feature:
    """A column that models may see, and how the words of the file's column become its values.

    `source` is the file's column where the feature has another name, as the date that an id holds.
    `formats` are those of dates, or of times: numbers with formats are hours since midnight. `zone`
    is their offset from UTC in minutes, None where no word has one. `missing` words stand for a
    value that is missing.
    """

    name: str
    kind: Kind
    source: str | None = None
    formats: tuple[str, ...] = ()
    zone: float | None = None
    notation: Notation = PLAIN_NOTATION
    missing: tuple[str, ...] = ()

    @property
    def column(self) -> str:
        """The file's column that the feature is read from."""
        return self.source or self.name


@dataclass(frozen=True)
class Form:
    """The sample's form: what a submission must look like.

    `kind` "target": the column `target` holds labels, probabilities or values. "classes":
    `class_columns` hold a probability each, in the order of the classes. `id` is None where the
    sample has only predictions; `by_row`: its rows stand for test's rows in order; `made_up`: there
    was no sample. `header`, `separator`, `decimal` and `encoding` are the sample file's own.
    `places` are those of the columns in the sample, where it has those of other targets, too.
    `aggregate`: the sample's ids name groups of test's rows, and so the predictions of a group's
    rows become one; None where each row has its own.
    """

    columns: tuple[str, ...]
    kind: Literal["target", "classes"]
    id: str | None
    by_row: bool
    target: str | None = None
    class_columns: tuple[str, ...] = ()
    made_up: bool = False
    header: tuple[str, ...] | None = None
    separator: str = ","
    decimal: str = "."
    encoding: str = "utf-8"
    places: tuple[int, ...] = ()
    aggregate: Aggregate | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """The file's line of names; empty where the sample has none."""
        return self.columns if self.header is None else self.header


@dataclass(frozen=True)
class Problem:
    """What is asked: the target, its task and classes, the features, the form of a submission.

    `classes` are the labels in code order, None for regression; of two, the second is the positive
    one. `id` names the column of test that identifies its rows, None where there is none.
    """

    target: str
    id: str | None
    task: Task
    classes: tuple[str, ...] | None
    positive: str | None
    form: Form
    features: tuple[Feature, ...]

    @property
    def outputs(self) -> int:
        """Columns of a prediction, k: one a class, or 1 for regression."""
        return len(self.classes) if self.classes else 1

    @property
    def names(self) -> list[str]:
        """The features' names, in order."""
        return [feature.name for feature in self.features]

    @property
    def labels(self) -> np.ndarray | None:
        """The classes (k,) as a person reads the file: numbers where all are; None for values."""
        if self.classes is None:
            return None
        try:
            numbers = np.array([float(label) for label in self.classes])
        except ValueError:
            return np.array(self.classes)
        return numbers.astype(int) if (numbers == np.round(numbers)).all() else numbers


@dataclass(frozen=True)
class File:
    """One of the organiser's files: its name below the raw folder, its SHA-256 and its rows."""

    name: str
    sha256: str
    rows: int


@dataclass(frozen=True)
class JoinKey:
    """A column of train and test, the side table's that it is compared with, and how.

    `formats` are those of dates in the one, `other_formats` in the other.
    """

    column: str
    other: str
    compared: Literal["text", "number", "date"] = "text"
    formats: tuple[str, ...] = ()
    other_formats: tuple[str, ...] = ()


@dataclass(frozen=True)
class SideTable:
    """A table with one row a key, whose columns every row with this key gets.

    `spelled` (k, 1) holds the key of each row as one text, `values` (k, c) the words of the columns
    that are joined; `counts` are those that are 0, not missing, for a key that is not there.
    """

    keys: tuple[JoinKey, ...]
    spelled: "Table | pd.DataFrame"
    values: "Table | pd.DataFrame"
    counts: tuple[str, ...] = ()


@dataclass(frozen=True)
class ExtraRows:
    """Rows to learn from that are never validated: their features (e rows), and y (e,)."""

    table: "Table | pd.DataFrame"
    y: np.ndarray


@dataclass(frozen=True)
class Loaded:
    """What the load stage gives: the tables, the target and the problem.

    `train` (n rows) and `test` (m rows) hold every column of the file, the features with their
    types; in the store's files they are read when they are asked for. y (n,) class codes int64 or
    values float64; `sample` is the organiser's, as words. `files` go by role (train, test, sample,
    labels); `notes` report what was found. `sides` are the side tables that were joined, by name,
    in their order: new rows get them too. The rows of `extra` are in no other table.
    """

    train: "Table | pd.DataFrame"
    test: "Table | pd.DataFrame"
    sample: "Table | pd.DataFrame"
    y: np.ndarray
    problem: Problem
    files: Mapping[str, File]
    simulated: bool
    notes: tuple[str, ...]
    sides: Mapping[str, SideTable] = field(default_factory=dict)
    extra: ExtraRows | None = None

    def train_with_target(self) -> "pd.DataFrame":
        """Train, with labels and values of the target that are numbers as such."""
        table, labels, target = whole(self.train), self.problem.labels, self.problem.target
        if target not in table:
            return table
        return table.assign(**{target: self.y if labels is None else labels[self.y]})
