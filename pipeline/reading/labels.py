"""The organiser's files -> train, test and sample: labels joined to train, a sample completed.

Features and labels in two files are joined by the columns that both have, or row by row.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pipeline.errors import DataError
from pipeline.reading.archives import Source
from pipeline.reading.contract import comparable, differences
from pipeline.reading.csv_files import TextTable
from pipeline.reading.kinds import align
from pipeline.reading.notation import numbers
from pipeline.reading.schema import RawTables
from pipeline.reading.tables import read_table
from pipeline.wording import count, quoted

if TYPE_CHECKING:
    import pandas as pd

    from pipeline.stage_settings import LoadStage

MOST_NAMES = 5
PLACE = "\x1f"  # no column is named so
REMEDY = (
    'Correct the files, or name the right one in the TOML: [load] labels = "..."; if train has a '
    'target of its own, [load] labels = "none" leaves the file out'
)


@dataclass(frozen=True)
class Joined:
    """The train table with its labels; `added` are the columns that they brought, if any."""

    train: "pd.DataFrame"
    added: tuple[str, ...]
    note: str


def read_files(sources: Mapping[str, Source], settings: "LoadStage") -> dict[str, TextTable]:
    """Role -> table. The TOML declares whether train and test have a line of names; others may
    differ."""
    headless = {"train": False, "test": False, "sample": None, "labels": None}
    return {
        role: read_table(source, True if settings.header else headless.get(role))
        for role, source in sources.items()
    }


def joined_tables(
    read: Mapping[str, TextTable], settings: "LoadStage"
) -> tuple[RawTables, list[str]]:
    """Role -> table, with labels apart joined to train and the sample completed; notes on how.

    A train table that has the target which is asked for needs no other file. Columns of test whose
    names differ from train's by case or blanks alone get train's. Where there are no rows to
    predict, test is train without its rows.
    """
    notes = [f"{role}: {note}" for role, table in read.items() for note in table.notes]
    joined = Joined(read["train"].words, (), "")
    if "labels" in read and settings.target in joined.train:
        note = f"the file of labels is not used: train has the target {settings.target!r}"
        joined = replace(joined, note=note)
    elif "labels" in read:
        joined = join(joined.train, read["labels"].words)
    train = joined.train
    test = read["test"].words if "test" in read else train.iloc[:0]
    if not settings.header:
        targets = (settings.target, *settings.others)
        test = named_by_place(test, [name for name in train.columns if name not in targets])
    test, renamed = align(test, list(train.columns))
    notes += filter(None, [joined.note])
    notes += [f"test's column {one!r} is train's {other!r}" for one, other in renamed.items()]
    tables = RawTables(train, test, label_columns=joined.added)
    if "sample" not in read:
        return tables, notes
    sample = read["sample"].words
    if not read["sample"].header:  # its columns are none of train's, though named alike
        sample = sample.add_prefix("sample ")
    sample, completed = complete(sample, test)
    notes += filter(None, [completed])
    return replace(tables, sample=sample, sample_file=read["sample"]), notes


def named_by_place(table: "pd.DataFrame", names: Sequence[str]) -> "pd.DataFrame":
    """Columns without names are known by their place, where there are as many as names."""
    return table.set_axis(list(names), axis=1) if len(names) == table.shape[1] else table


def complete(sample: "pd.DataFrame", test: "pd.DataFrame") -> tuple["pd.DataFrame", str]:
    """A sample (k, c) with some of test's ids (n) -> (n, c) with all, in test's order; and why.

    Test's rows are what there is to predict, so a sample with at most half of them is taken for an
    example. Any other stays as it is, and the note is empty: where few ids are absent, sample
    and test may be of two versions.
    """
    import numpy as np

    known, _ = align(sample, list(test.columns))
    id = next((name for name in known.columns if name in test), None)
    if id is None or len(sample) > len(test) / 2:
        return sample, ""
    place = list(known.columns).index(id)
    ids, listed = comparable(test[id], sample.iloc[:, place])
    if not (listed.isin(ids).all() and _names_rows(known, [id]) and _names_rows(test, [id])):
        return sample, ""
    repeated = sample.iloc[np.arange(len(test)) % len(sample)].reset_index(drop=True)
    completed = repeated.assign(**{sample.columns[place]: ids.reset_index(drop=True)})
    return completed, (
        f"the sample lists {count(len(sample))} of test's {count(len(test))} ids: taken for an "
        "example, so a submission has all of test's rows, in test's order"
    )


def join(train: "pd.DataFrame", labels: "pd.DataFrame") -> Joined:
    """Train (n, d) and labels (n, k) -> train with the columns that only the labels have.

    The rows are matched by the columns that both have, if these name each row once; else by their
    order. Raises DataError where neither is possible, or a row of one is not in the other.
    """
    shared = [name for name in labels.columns if name in train]
    own = [name for name in labels.columns if name not in train]
    if not own:
        return Joined(train, (), "the file of labels is not used: train has all of its columns")
    key = _key(train, labels, shared)
    if key:
        spelled = labels.assign(**{name: _spelled_alike(train, labels, name) for name in key})
        _refuse_other_ids(train, spelled, key)
        placed = spelled[key].assign(**{PLACE: range(len(labels))})
        rows = train[key].merge(placed, on=key, how="left", validate="one_to_one")[PLACE]
        joined = train.assign(**{name: labels[name].array.take(rows.to_numpy()) for name in own})
        return Joined(joined, tuple(own), f"labels joined to train by {quoted(key, MOST_NAMES)}")
    if group := _group(train, labels, shared):
        _refuse_unlabelled_groups(train[group], labels[group])
        return _one_a_group(train, labels, group, own)
    _refuse_other_rows(train, labels, shared)
    own = _without_numbering(labels, own)
    joined = train.assign(**{name: labels[name].to_numpy() for name in own})
    how = "row by row: no column of both names each row once"
    return Joined(joined.astype(labels[own].dtypes), tuple(own), f"labels joined to train {how}")


def _key(train: "pd.DataFrame", labels: "pd.DataFrame", shared: Sequence[str]) -> list[str]:
    """The column, or the columns together, that name each row once in both; [] if none do."""
    for key in [*([name] for name in shared), list(shared)]:
        if key and all(_names_rows(table, key) for table in (train, labels)):
            return key
    return []


def _group(train: "pd.DataFrame", labels: "pd.DataFrame", shared: Sequence[str]) -> str:
    """The column that names each label once, and several rows of train; "" if none does.

    One that lacks some of train's ids is taken where none has all of them.
    """
    some_known = ""
    for name in shared:
        ours, theirs = comparable(train[name], labels[name])
        if not (ours.duplicated().any() and _names_rows(labels, [name])):
            continue
        known = ours.isin(theirs)
        if known.all():
            return name
        some_known = some_known or (name if known.any() else "")
    return some_known


def _refuse_unlabelled_groups(ours: "pd.Series", theirs: "pd.Series") -> None:
    """Every group of train's rows has its label, and every label its rows."""
    ours, theirs = comparable(ours, theirs)
    lacking = int((~ours.isin(theirs)).sum())
    sides = {"train": ours.drop_duplicates(), "the labels": theirs}
    if found := differences(sides):
        rows = f"; {count(lacking, 'row')} of train without a label" if lacking else ""
        raise DataError(
            f"train and its labels must have the same ids in {ours.name!r}, of which each has one "
            f"label; found {found}{rows}. {REMEDY}."
        )


def _one_a_group(
    train: "pd.DataFrame", labels: "pd.DataFrame", group: str, own: Sequence[str]
) -> Joined:
    """Every row of a group gets its label."""
    ours, theirs = comparable(train[group], labels[group])
    places = {id: place for place, id in enumerate(theirs)}
    rows = ours.map(places).to_numpy()
    added = {name: labels[name].array.take(rows) for name in own}
    note = f"labels joined to train by {group!r}: {count(len(labels), 'label')} for "
    return Joined(train.assign(**added), tuple(own), f"{note}{count(len(train), 'row')}")


def _spelled_alike(train: "pd.DataFrame", labels: "pd.DataFrame", name: str) -> "pd.Series":
    """The labels' ids as train writes them: 5 for 5.0, where all of one table have a point."""
    one, other = comparable(train[name], labels[name])
    written = dict(zip(one, train[name], strict=True))
    return other.map(lambda id: written.get(id, id))


def _names_rows(table: "pd.DataFrame", key: list[str]) -> bool:
    return bool(table[key].notna().all(axis=None) and not table.duplicated(key).any())


def _refuse_other_ids(train: "pd.DataFrame", labels: "pd.DataFrame", key: list[str]) -> None:
    """Every row of train has its label, and every label its row."""
    import pandas as pd

    rows = {
        side: pd.Series(map(", ".join, zip(*(table[name] for name in key), strict=True)))
        for side, table in (("train", train), ("the labels", labels))
    }
    if found := differences(rows):
        raise DataError(
            f"train and its labels must have the same ids in {quoted(key, MOST_NAMES)}; found "
            f"{found}. {REMEDY}."
        )


def _refuse_other_rows(
    train: "pd.DataFrame", labels: "pd.DataFrame", shared: Sequence[str]
) -> None:
    """Without an id the rows are matched by order: as many, and equal in what both have."""
    rows = f"train has {count(len(train), 'row')}, its labels {count(len(labels), 'row')}"
    if len(train) != len(labels):
        names = quoted(shared, MOST_NAMES)
        why = f"{names} does not name each row once" if shared else "they share no column"
        raise DataError(f"{rows}, and {why}: they cannot be matched. {REMEDY}.")
    for name in shared:
        if not train[name].equals(labels[name]):
            raise DataError(
                f"train and its labels share {name!r}, which is missing or the same in several "
                f"rows, and differs between them row by row: they cannot be matched. {REMEDY}."
            )


def _without_numbering(labels: "pd.DataFrame", own: list[str]) -> list[str]:
    """Row by row, a column of the labels that numbers their rows is no label."""
    import numpy as np

    counted = {name: numbers(labels[name]) for name in own if len(labels) > 1}
    numbering = [name for name, row in counted.items() if (np.diff(row.to_numpy()) == 1).all()]
    return [name for name in own if name not in numbering] or own
