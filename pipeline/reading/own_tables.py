"""A competition's own reading: `read(raw)` of pipeline/competitions/NAME.py -> its tables.

For what no line of the TOML can say. What it returns is checked like the organiser's files.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.errors import DataError
from pipeline.own_functions import own_function
from pipeline.problem import Form
from pipeline.reading import distinct
from pipeline.reading.schema import RawTables, Roles
from pipeline.wording import count

if TYPE_CHECKING:
    import pandas as pd

TABLES = ("train", "test", "sample")


def read_own(module: str, raw: Path) -> "dict[str, pd.DataFrame]":
    """Frames by role, of any types: train; test and sample where there are such.

    Raises SettingsError where there is no such function, DataError where it fails or returns
    something else.
    """
    found = own_function(module, "read(raw)", "[load] read")(raw)
    if not isinstance(found, Mapping):
        raise _refused(module, f"returned {type(found).__name__}")
    frames = {str(name): frame for name, frame in found.items() if frame is not None}
    others = [name for name in frames if name not in TABLES]
    if others or "train" not in frames:
        held = f"the table {others[0]!r}" if others else "no table 'train'"
        raise _refused(module, f"returned {held}")
    for name, frame in frames.items():
        if not hasattr(frame, "columns"):
            raise _refused(module, f"returned {type(frame).__name__} for {name!r}")
        if name == "train" and not len(frame):
            raise _refused(module, "returned a table 'train' without rows")
    return frames


def raw_tables(module: str, raw: Path) -> RawTables:
    """The same as words, as files of them would hold; without a test table one of no rows."""
    frames = read_own(module, raw)
    return RawTables.of({"test": frames["train"].iloc[:0], **frames})


def refuse_multiplied(module: str, tables: RawTables, roles: Roles, form: Form) -> None:
    """DataError where several rows have an id of which one is expected: a join to a table with
    several rows of it multiplies rows.

    These are rows of train alone that agree in the target, or rows of test alone.
    """
    id = roles.id
    if id is None or id not in tables.train:
        return
    ids, which = tables.train[id], "train"
    is_unique = distinct.is_unique(ids)
    if form.aggregate is not None:
        if not is_unique:
            return  # one target a group, in train and in test
        ids, which = tables.test[id], "test"
    elif is_unique or tables.train[roles.target].groupby(ids).nunique(dropna=False).max() != 1:
        return
    known = ids.dropna()
    repeated = known[known.duplicated()].unique()
    if len(repeated):
        other = "train" if which == "test" else "test"
        raise DataError(
            f"pipeline/competitions/{module}.py: read(raw) gives {which} several rows of "
            f"{count(len(repeated), 'id')} in column {id!r}, as of {repeated[0]!r}, and {other} "
            "one of each: a join to a table with several rows of an id multiplies rows. Make one "
            "row of each id before the join (groupby, drop_duplicates), or, where the rows are "
            f"meant, leave {id!r} out of {which}, or give it another name there, as for [split] "
            "group."
        )


def _refused(module: str, what: str) -> DataError:
    return DataError(
        f"pipeline/competitions/{module}.py: read(raw) {what}; needed is a dictionary of data "
        "frames, {'train': ..., 'test': ..., 'sample': ...}, the last two if there are such. "
        "Correct the function."
    )
