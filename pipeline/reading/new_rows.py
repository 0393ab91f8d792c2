"""Rows that are new to a run -> features and ids, read and checked as load reads the test table."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pipeline.answers import group_numbers
from pipeline.problem import Feature, Loaded
from pipeline.reading import contract, finding, joins, kinds, labels, tables
from pipeline.reading.typed_tables import as_words
from pipeline.wording import count, quoted, some

if TYPE_CHECKING:
    import pandas as pd

    from pipeline.stage_settings import LoadStage

MOST_UNSEEN = 3  # values a column, and columns, that a note names
LONGEST = 60  # letters of a value
REMEDY = f"{contract.REMEDY}, which counts from the next complete run on"


@dataclass(frozen=True)
class NewRows:
    """The features of n rows, their ids (None where they have none), and what is odd about them.

    `groups` (n,) are the numbers of groups that have one answer, None where each row has its own.
    """

    frame: "pd.DataFrame"
    ids: "pd.Series | None"
    notes: tuple[str, ...] = ()
    groups: np.ndarray | None = None


def read_rows(file: Path, loaded: Loaded, settings: "LoadStage") -> NewRows:
    """The rows of a file, which may be a member of a zip: "archive.zip/new.csv".

    Raises DataError where load would refuse the file as a test table.
    """
    table = tables.read_table(finding.locate(file), settings.header)
    return _checked(table.words, loaded, settings, str(file))


def rows_of(frame: "pd.DataFrame", loaded: Loaded, settings: "LoadStage") -> NewRows:
    """The rows of a data frame, as those of a CSV file with these values."""
    where = "the data frame"
    return _checked(as_words(frame, where), loaded, settings, where)


def _checked(words: "pd.DataFrame", loaded: Loaded, settings: "LoadStage", where: str) -> NewRows:
    problem = loaded.problem
    columns = {feature.column: feature for feature in problem.features}
    if not settings.header:
        made = {feature.name for feature in problem.features if feature.source}
        made |= {str(name) for side in loaded.sides.values() for name in side.values}
        names = [name for name in loaded.test.columns if name not in made]
        words = labels.named_by_place(words, names)
    if loaded.sides:
        words, _ = kinds.align(words, list(loaded.test.columns))
        words = joins.join_rows(words, loaded.sides)
    words, _ = kinds.align(words, [*columns, *filter(None, [problem.id])])
    id = problem.id if problem.id in words else None
    needed = {id, *columns} & {*words.columns}
    rules = {name: rule for name, rule in settings.columns.items() if name in needed}
    cleaned = {
        name: kinds.cleaned(words[name], columns.get(name) or Feature(name, "text"))
        for name in rules
    }
    contract.check(words.assign(**cleaned), rules, where, REMEDY, written=words)
    if id is not None and not problem.form.by_row and problem.form.aggregate is None:
        contract.check_ids(words, id, where)
    rows = kinds.conform(words, problem.features, where)
    ids = None if id is None else words[id]
    groups = None
    if ids is not None and problem.form.aggregate is not None:
        groups = group_numbers(ids)
    return NewRows(rows, ids, tuple(_notes(rows, loaded, where)), groups)


def _notes(rows: "pd.DataFrame", loaded: Loaded, where: str) -> Iterator[str]:
    """What is odd about the rows and yet allowed."""
    features = loaded.problem.features
    names = [feature.name for feature in features if feature.kind == "category"]
    unseen = kinds.unseen_values(loaded.train[names], rows[names])
    if unseen:
        yield _unseen_note(unseen)
    yield from kinds.infinite_numbers({where: rows})


def _unseen_note(unseen: Mapping[str, Sequence[str]]) -> str:
    """2 values in 1 column were never seen in training ('city': 'Graz', 'Wels')."""
    total = sum(map(len, unseen.values()))
    listed = [
        f"{name!r}: {quoted([word[:LONGEST] for word in words], MOST_UNSEEN)}"
        for name, words in unseen.items()
    ]
    verb = "was" if total == 1 else "were"
    return (
        f"{count(total, 'value')} in {count(len(unseen), 'column')} {verb} never seen in training "
        f"({some(listed, MOST_UNSEEN)})"
    )
