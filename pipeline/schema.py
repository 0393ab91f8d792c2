"""What the tables are: the target, the id, the task, the sample's form, what each column holds.

All is found by looking at train, test and sample, unless the competition's TOML says it, and each
finding comes with one sentence. Tables hold int64, float64 and str columns, as `reading` serves
them.
"""

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from pipeline.config import LoadStage
from pipeline.contract import FIRST_ROW, Column, check_ids, check_sample, check_target
from pipeline.errors import DataError, SettingsError
from pipeline.metrics import Task
from pipeline.wording import count, shortened

if TYPE_CHECKING:
    import pandas as pd

MOST_CLASSES = 20  # whole numbers with at most so many values are classes
NEARLY_ALL = 0.9  # share of rows
FEW_ROWS = 20  # fewer values say nothing about what a column holds
LONG = 5  # words a value, on average: prose, not a category
MOST_STRAY = 3  # so few different words among numbers are mistakes, not categories
STRAY_SHARE = 0.002
ID_NAME = re.compile(
    r"(?i:(.*[\W_])?(id|idx|index|uid|uuid|key)|id[\W_].*|identifier)|.*[a-z]I[dD]"
)
DATE = re.compile(r"\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}([ T]\d{1,2}:\d{2}.*)?")
DAYS = ("%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d", "%m/%d/%Y", "%d/%m/%Y", "%d.%m.%Y", "%d-%m-%Y")
TIMES = ("", " %H:%M", " %H:%M:%S", " %H:%M:%S.%f", "T%H:%M", "T%H:%M:%S", "T%H:%M:%S.%f")

LETTERS = {
    "%Y": "YYYY",
    "%m": "MM",
    "%d": "DD",
    "%H": "HH",
    "%M": "MM",
    "%S": "SS",
    "%f": "ffffff",
}
THOUSANDS = r"[+-]?\d{1,3}(?:,\d{3})+(?:\.\d+)?"  # 87,974
MOSTLY = 0.5  # share of a column's values


class UnknownTarget(DataError):
    """The tables leave open which column is to be predicted."""


@dataclass(frozen=True)
class Tables:
    """The organiser's tables; `sample` is None where there is none."""

    train: "pd.DataFrame"
    test: "pd.DataFrame"
    sample: "pd.DataFrame | None" = None


@dataclass(frozen=True)
class Form:
    """The sample's form: what a submission must look like.

    `kind` "target": the column `target` holds labels, probabilities or values. "classes":
    `class_columns` hold a probability each, in the order of the classes. `id` is None where the
    sample has only predictions; `by_row` says that its rows stand for test's rows in order;
    `made_up` that there was no sample.
    """

    columns: tuple[str, ...]
    kind: Literal["target", "classes"]
    id: str | None
    by_row: bool
    target: str | None = None
    class_columns: tuple[str, ...] = ()
    made_up: bool = False

    def to_json(self) -> dict[str, Any]:
        return {
            "columns": list(self.columns),
            "form": self.kind,
            "id": self.id,
            "by_row": self.by_row,
            "target": self.target,
            "class_columns": list(self.class_columns),
            "made_up": self.made_up,
        }


@dataclass(frozen=True)
class Roles:
    """Target and id, what the task is, and a sentence on each; `sample_id` is the sample's id."""

    target: str
    id: str | None
    task: Task
    classes: tuple[int | float | str, ...] | None
    sample_id: str | None
    found: tuple[str, ...]


def column_names(table: "pd.DataFrame") -> list[str]:
    return [str(name) for name in table.columns]


def find_roles(tables: Tables, settings: LoadStage) -> Roles:
    """Who is who. Raises DataError where the tables leave it open or contradict each other."""
    _refuse_unknown(tables, settings)
    sample_id, values = _sample_parts(tables, settings)
    target, target_found = find_target(tables, settings, values)
    id, id_found = find_id(tables, settings, target, sample_id)
    column = tables.train[target]
    task, task_found = find_task(column, settings.task)
    check_target(column, task)
    classes = None if task == "regression" else classes_of(column)
    return Roles(target, id, task, classes, sample_id, (target_found, id_found, task_found))


# -- target ----------------------------------------------------------------------------------------


def find_target(tables: Tables, settings: LoadStage, values: Sequence[str]) -> tuple[str, str]:
    """The column to predict: the one that the TOML names, that the sample asks for, or that only
    train has.

    values: the columns of the sample that are to be filled in.
    """
    train, missing = tables.train, _only_in_train(tables, settings)
    if settings.target is not None:
        _require(settings.target, train.columns, "train: no target", "target")
        return settings.target, f"target {settings.target!r}: named in the TOML"
    named = [
        name for name in column_names(train) if len(values) == 1 and _same_name(name, values[0])
    ]
    if len(named) == 1:
        return named[0], f"target {named[0]!r}: the column that the sample asks for"
    if len(missing) == 1:
        return missing[0], f"target {missing[0]!r}: the only column of train that test lacks"
    spelled = [name for name in missing if len(values) > 1 and _spells(train[name], values)]
    if len(spelled) == 1:
        return spelled[0], f"target {spelled[0]!r}: the sample has a column for each of its values"
    raise UnknownTarget(
        f"the target cannot be told: train has {_names(missing) if missing else 'no column'} that "
        f"test lacks{f', and the sample asks for {_names(values)}' if values else ''}. Name it in "
        'the competition\'s TOML: [load] target = "...", and list in drop what no model may see.'
    )


def _only_in_train(tables: Tables, settings: LoadStage) -> list[str]:
    elsewhere = {*tables.test.columns, *settings.drop, settings.id}
    return [name for name in column_names(tables.train) if name not in elsewhere]


def _spells(column: "pd.Series", values: Sequence[str]) -> bool:
    if not column.notna().all() or column.nunique() != len(values):
        return False
    return class_columns(classes_of(column), values) is not None


def class_columns(classes: Sequence[Any], columns: Sequence[str]) -> tuple[str, ...] | None:
    """Which of the columns belongs to which class, in the order of the classes; None: they do not.

    A column is named like its class ("setosa"), or all have one prefix before it ("Status_C").
    """
    words = [str(label).casefold() for label in classes]
    by_name = {name.casefold(): name for name in columns}
    if len(by_name) != len(words):
        return None
    first = min(by_name)
    prefixes = [first.removesuffix(word) for word in words if first.endswith(word)]
    for prefix in prefixes:
        if set(by_name) == {prefix + word for word in words}:
            return tuple(by_name[prefix + word] for word in words)
    return None


# -- id --------------------------------------------------------------------------------------------


def find_id(
    tables: Tables, settings: LoadStage, target: str, sample_id: str | None
) -> tuple[str | None, str]:
    """The column of test that names its rows; None where rows are told by their order alone."""
    test = tables.test
    if settings.id is not None:
        _require(settings.id, test.columns, "test: no id", "id")
        return settings.id, f"id {settings.id!r}: named in the TOML"
    others = [name for name in column_names(test) if name != target and name not in settings.drop]
    if tables.sample is not None and sample_id is not None:
        twin = _twin(tables.sample, test, sample_id, others)
        if twin:
            return twin, f"id {twin!r}: the sample names its rows by it"
    for name in others:
        if (
            ID_NAME.fullmatch(name)
            and _is_unique(test[name])
            and _is_unique(tables.train.get(name))
        ):
            return name, f"id {name!r}: named like one, and never twice the same"
    return None, "no id: rows are told by their order"


def _sample_parts(tables: Tables, settings: LoadStage) -> tuple[str | None, list[str]]:
    """The sample's id column (None if it has only predictions) and the columns to fill in."""
    if tables.sample is None:
        return None, []
    columns = list(tables.sample.columns)
    answers = {settings.target, *_only_in_train(tables, settings)} - {None}
    if settings.id in columns:
        id = settings.id
    elif len(columns) == 1 or any(_same_name(columns[0], str(name)) for name in answers):
        id = None
    else:
        id = columns[0]
    return id, [name for name in columns if name != id]


def _twin(
    sample: "pd.DataFrame", test: "pd.DataFrame", sample_id: str, names: Sequence[str]
) -> str | None:
    """The column of test that the sample's id column stands for: by its name, or by its values."""
    for name in sorted(names, key=lambda name: name != sample_id):
        if _same_name(name, sample_id):
            return name
    ids = sample[sample_id]
    for name in names:
        column = test[name]
        if column.dtype == ids.dtype and _is_unique(column) and set(column) == set(ids):
            return name
    return None


def _is_unique(column: "pd.Series | None") -> bool:
    """Whole numbers or words, all different; a column that is not there does no harm."""
    if column is None:
        return True
    return str(column.dtype) != "float64" and bool(column.notna().all() and column.is_unique)


# -- task ------------------------------------------------------------------------------------------


def find_task(target: "pd.Series", asked: Task | None) -> tuple[Task, str]:
    """Classes or values. Few whole numbers, words and any two values are classes."""
    known = target.dropna()
    count = int(known.nunique())
    if asked == "regression":
        return "regression", "task regression: named in the TOML"
    if asked is not None:
        task = asked if count != 2 else "binary"
        return task, f"task {task}: named in the TOML"
    if count == 2:
        return (
            "binary",
            f"task binary: the target has two values, {_names(sorted(known.unique().tolist()))}",
        )
    if str(target.dtype) == "str":
        return _task_of_words(known, count)
    whole = bool((known == known.round()).all())
    if whole and count <= MOST_CLASSES and count <= len(known) / 2:
        return "multiclass", f"task multiclass: the target has {count} values, all whole numbers"
    what = "whole numbers" if whole else "numbers"
    return "regression", f"task regression: the target has {count:,} different {what}"


def _task_of_words(known: "pd.Series", count: int) -> tuple[Task, str]:
    if count > MOST_CLASSES and _numbers(known).notna().mean() >= NEARLY_ALL:
        return "regression", "task regression: nearly all values of the target are numbers"
    if count > max(MOST_CLASSES, len(known) / 2):
        raise DataError(
            f"train: the target {known.name!r} holds {count:,} different texts in {len(known):,} "
            "rows; allowed are numbers, or classes with several rows each. Correct the file, or "
            "name the right column in [load] target of the competition's TOML."
        )
    return "multiclass", f"task multiclass: the target has {count} values, which are words"


def classes_of(target: "pd.Series") -> tuple[int | float | str, ...]:
    """The labels in code order, ascending: 0, 1, ... or the alphabet; whole numbers as such."""
    labels = sorted(target.dropna().unique().tolist())
    if all(isinstance(label, float) and label.is_integer() for label in labels):
        return tuple(int(label) for label in labels)
    return tuple(labels)


# -- the sample's form -----------------------------------------------------------------------------


def find_form(tables: Tables, roles: Roles) -> tuple[Form, str]:
    """What a submission must look like; the sample is checked against test."""
    if tables.sample is None:
        made = (roles.id, roles.target) if roles.id is not None else (roles.target,)
        form = Form(made, "target", roles.id, roles.id is None, roles.target, made_up=True)
        return form, f"no sample: a submission has {_names(made)}"
    columns = tuple(column_names(tables.sample))
    values = [name for name in columns if name != roles.sample_id]
    by_row = _is_by_row(tables.sample, tables.test, roles)
    if len(values) == 1:
        form = Form(columns, "target", roles.sample_id, by_row, values[0])
        sentence = f"a submission has {_names(columns)}, as the sample"
    else:
        spelled = _spelled(roles, values)
        form = Form(columns, "classes", roles.sample_id, by_row, class_columns=spelled)
        sentence = f"a submission has a probability for each of {len(values)} classes"
    return form, sentence + ("; its rows stand for those of test, in order" if by_row else "")


def _is_by_row(sample: "pd.DataFrame", test: "pd.DataFrame", roles: Roles) -> bool:
    """Whether sample and test are matched by order, having no ids in common."""
    if roles.id is not None:
        if roles.sample_id is None or not _twin(sample, test, roles.sample_id, [roles.id]):
            raise DataError(
                f"sample: no column holds the ids of test's column {roles.id!r}; found "
                f"{_names(sample.columns)}. Download both again from the same competition, or "
                f"correct [load] id in the TOML; if {roles.id!r} is no id, list it in drop."
            )
        check_sample(sample.rename(columns={roles.sample_id: roles.id}), test, roles.id, [])
        return False
    if len(sample) != len(test):
        raise DataError(
            f"sample has {len(sample):,} rows and test {len(test):,}, and they share no id column "
            "by which to match them. Download both again, or name the column: [load] id."
        )
    if roles.sample_id is not None:
        check_ids(sample, roles.sample_id, "sample")
    return True


def _spelled(roles: Roles, values: Sequence[str]) -> tuple[str, ...]:
    """The sample's columns in the order of the classes."""
    spelled = class_columns(roles.classes or (), values)
    if spelled is None:
        allowed = f"one named after each of {_names(roles.classes)}" if roles.classes else "one"
        raise DataError(
            f"sample: found {len(values)} columns to fill in, {_names(values)}; for the "
            f"{roles.task} target {roles.target!r} allowed is {allowed}. Correct the file, or name "
            "the right column in [load] target of the competition's TOML."
        )
    return spelled


# -- columns ---------------------------------------------------------------------------------------


def describe_column(
    name: str, train: "pd.Series", test: "pd.Series", declared: Column | None = None
) -> dict[str, str]:
    """{"name", "kind"}, and for a date its "format", as `conform` needs them."""
    values = (train if train.notna().any() else test).dropna()
    if declared is not None:
        kind = "number" if declared.kind == "integer" else declared.kind
        return {"name": name, "kind": kind}
    if str(values.dtype) != "str":
        return {"name": name, "kind": "number"}
    pattern = date_format(values)
    if pattern:
        known = test.dropna()
        both = date_format(known) if str(known.dtype) == "str" else None
        # 03/04 leaves open which is the day; the other table may tell
        agreed = both if both and _parses(values, both) else pattern
        return {"name": name, "kind": "date", "format": agreed}
    _refuse_stray_words(name, values)
    return {"name": name, "kind": "text" if _is_prose(values) else "category"}


def date_format(values: "pd.Series") -> str | None:
    """The first format that every value (n,) str is written in; None: they are no dates."""
    first = values.head(FEW_ROWS)
    if values.empty or not first.str.fullmatch(DATE.pattern).all():
        return None
    for pattern in (day + time for day in DAYS for time in TIMES):
        if _parses(first, pattern) and _parses(values, pattern):
            return pattern
    return None


def _parses(values: "pd.Series", pattern: str) -> bool:
    return bool(_dates(values, pattern).notna().all())


def _refuse_stray_words(name: str, values: "pd.Series") -> None:
    """A few words in a column of numbers are mistakes, or somebody's sign for nothing."""
    stray = values[_numbers(values).isna()]
    most = max(MOST_STRAY, STRAY_SHARE * len(values))
    if len(values) < FEW_ROWS or not 0 < len(stray) <= most or stray.nunique() > MOST_STRAY:
        return
    raise DataError(
        f"train, row {stray.index[0] + FIRST_ROW}: column {name!r} holds {stray.iloc[0]!r}, where "
        f"{len(values) - len(stray):,} other rows hold numbers. Correct the file; or, if these are "
        f'categories, say so in the TOML: [load.columns] "{name}" = {{ kind = "category" }}.'
    )


def _is_prose(values: "pd.Series") -> bool:
    """Nearly every row has its own text, or texts are long."""
    distinct = values.drop_duplicates()
    if len(values) < FEW_ROWS:
        return False
    if len(distinct) >= NEARLY_ALL * len(values):
        return True
    return len(distinct) > 50 and distinct.head(1000).str.count(r"\S+").mean() >= LONG


def conform(
    frame: "pd.DataFrame", columns: Iterable[Mapping[str, str]], where: str
) -> "pd.DataFrame":
    """The features alone, in the order and with the types that the training table has.

    Numbers are int64 or float64, categories and text str, dates datetime64; values stay as they
    are. Raises DataError naming column, row and value; `where` names the table.
    """
    import pandas as pd

    described = list(columns)
    absent = [column["name"] for column in described if column["name"] not in frame]
    if absent:
        raise DataError(
            f"{where}: no column {_names(absent)}; found {_names(frame.columns)}. "
            "Add what is missing: a row must have the columns that the models were trained on."
        )
    return pd.DataFrame({c["name"]: _typed(frame[c["name"]], c, where) for c in described})


def _typed(values: "pd.Series", column: Mapping[str, str], where: str) -> "pd.Series":
    kind = column["kind"]
    if kind in ("category", "text"):
        return _as_words(values)
    typed = _dates(values, column["format"]) if kind == "date" else _numbers(values)
    lost = (values.notna() & typed.isna()).to_numpy().nonzero()[0]
    if len(lost):
        example = f" written as {_shape(column['format'])}" if kind == "date" else ""
        raise DataError(
            f"{where}, row {lost[0] + FIRST_ROW}: column {column['name']!r} holds "
            f"{values.iloc[lost[0]]!r}, allowed are {kind}s{example}. Correct the file."
        )
    return typed


def _shape(pattern: str) -> str:
    """A date's format as people write it: YYYY-MM-DD."""
    for code, letters in LETTERS.items():
        pattern = pattern.replace(code, letters)
    return pattern


def _as_words(values: "pd.Series") -> "pd.Series":
    """Text as it is; a number as a person writes it, 3 for 3.0."""
    if str(values.dtype) != "float64":
        return values.astype("str")
    known = values.dropna()
    whole = bool((known == known.round()).all()) and bool((known.abs() < 2**53).all())
    words = (known.astype("int64") if whole else known).astype("str")
    return words.reindex(values.index)


def _dates(values: "pd.Series", pattern: str) -> "pd.Series":
    import pandas as pd

    # format= does not look at numbers, which are no dates: 20200131 must not become one
    words = values if str(values.dtype) == "str" else values.where(values.isna())
    return pd.to_datetime(words, format=pattern, errors="coerce")


def _numbers(values: "pd.Series") -> "pd.Series":
    import pandas as pd

    return pd.to_numeric(values, errors="coerce")


# -- what is odd, and yet allowed ------------------------------------------------------------------


def infinite_numbers(tables: Mapping[str, "pd.DataFrame"]) -> list[str]:
    """A sentence a table that holds infinite numbers; `tables` by name."""
    return [found for name, table in tables.items() for found in _infinite(name, table)]


def _infinite(where: str, table: "pd.DataFrame") -> Iterator[str]:
    import numpy as np

    floats = table.select_dtypes("float64")
    counts = np.isinf(floats).sum()
    columns = [str(name) for name in counts.index[counts > 0]]
    if columns:
        yield (
            f"{where}: {count(int(counts.sum()), 'infinite number')} in "
            f"{count(len(columns), 'column')} ({_names(columns, 5)}), counted as missing"
        )


def numbers_with_commas(
    table: "pd.DataFrame", columns: Iterable[Mapping[str, str]]
) -> Iterator[str]:
    """A hint for each column of words that are mostly numbers such as 87,974."""
    for column in columns:
        name = column["name"]
        if column["kind"] not in ("category", "text") or str(table[name].dtype) != "str":
            continue
        known = table[name].dropna()
        written = known.str.fullmatch(THOUSANDS).astype(bool)
        if not written.any() or (written | _numbers(known).notna()).mean() <= MOSTLY:
            continue
        yield (
            f"column {name!r} is read as {column['kind']}, yet holds numbers with commas, such as "
            f"{known[written].iloc[0]!r}: take the commas out of train and test to learn from them "
            "as numbers"
        )


def unseen_values(train: "pd.DataFrame", rows: "pd.DataFrame") -> dict[str, list[str]]:
    """Column of words -> the values that train never had, missing ones left out."""
    unseen = {}
    for name in column_names(rows):
        values = rows[name].dropna()
        new = values[~values.isin(train[name].unique())].unique().tolist()
        if new:
            unseen[name] = [str(value) for value in new]
    return unseen


# -- words -----------------------------------------------------------------------------------------


def _refuse_unknown(tables: Tables, settings: LoadStage) -> None:
    """Names in `drop` must exist, and must not be needed."""
    known = [*tables.train.columns, *tables.test.columns]
    for name in settings.drop:
        _require(name, known, "train and test: no column", "drop")
        if name in (settings.target, settings.id):
            role = "target" if name == settings.target else "id"
            raise SettingsError(
                f"[load] drop: found {name!r}, which is the {role}. Remove it from one of the two."
            )


def _require(name: str, known: Iterable[Any], what: str, key: str) -> None:
    names = list(dict.fromkeys(map(str, known)))
    if name in names:
        return
    near = difflib.get_close_matches(name, names, n=1)
    meant = f" Did you mean {near[0]!r}?" if near else ""
    raise DataError(
        f"{what} {name!r}; the columns are {_names(names)}.{meant} "
        f"Correct the file, or [load] {key} in the competition's TOML."
    )


def _same_name(one: str, other: str) -> bool:
    return str(one).strip().casefold() == str(other).strip().casefold()


def _names(values: Iterable[Any], most: int = 30) -> str:
    return shortened([repr(value) for value in values], most)
