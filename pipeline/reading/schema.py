"""What the tables are: the target, the id, the task and the sample's form.

All is found by looking at the words of train, test and sample, unless the competition's TOML names
it, and each finding comes with a note. What the other columns hold is for `kinds`.
"""

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from pipeline.errors import DataError, SettingsError
from pipeline.problem import Aggregate, Form, SideTable, Task
from pipeline.reading import distinct
from pipeline.reading.contract import (
    WHOLE,
    check_ids,
    check_sample,
    check_target,
    comparable,
    differences,
)
from pipeline.reading.csv_files import TextTable
from pipeline.reading.finding import NONE
from pipeline.reading.notation import (
    NULL_WORDS,
    find_notation,
    is_plain_number,
    numbers,
    read_numbers,
    value_of,
)
from pipeline.reading.typed_tables import as_words
from pipeline.wording import count, folded, quoted, spelled_alike

if TYPE_CHECKING:
    import pandas as pd

    from pipeline.stage_settings import LoadStage

MOST_CLASSES = 20  # whole numbers with at most so many values are classes
ID_NAME = re.compile(
    r"(?i:(.*[\W_])?(id|idx|index|uid|uuid|key)|id[\W_].*|identifier)|.*[a-z]I[dD]"
    r"|.*(번호|아이디|식별자|순번)"
)
NAMED = "named in the TOML"
PADDED = re.compile(r"[+-]?0\d+")  # 01 is a name, not a number
GUESSED = '; GUESSED: [competition] positive = "..." in the TOML settles it'
# of two labels, those that affirm and that deny; names of events, and of the usual case
YES, NO = frozenset(("yes", "y", "true", "t")), frozenset(("no", "n", "false", "f"))
EVENT = frozenset(("positive", "pos", "present", "on", "success", "spam", "default", "fraud"))
USUAL = frozenset(
    [
        *("negative", "neg", "absent", "off", "none", "normal", "healthy", "control", "benign"),
        *("ham", "retained", "stayed", "아니오", "정상"),
    ]
)
NOT = re.compile(r"(?i)(?:not?|non)[\s_-]+|non")


class UnknownTarget(DataError):
    """The tables leave open which column is to be predicted."""


@dataclass(frozen=True)
class RawTables:
    """The organiser's tables as words; `sample` is None where there is none.

    `sample_file` is how the sample's file is written; `label_columns` are those of train that come
    from a file of labels; `sides` are the side tables that were joined, by name; `extra`
    are further labelled rows. `places` are those of the sample's columns in its file, where the
    columns of other targets are left out.
    """

    train: "pd.DataFrame"
    test: "pd.DataFrame"
    sample: "pd.DataFrame | None" = None
    sample_file: TextTable | None = None
    label_columns: tuple[str, ...] = ()
    places: tuple[int, ...] = ()
    sides: Mapping[str, SideTable] = field(default_factory=dict)
    extra: "pd.DataFrame | None" = None

    @classmethod
    def of(cls, frames: "Mapping[str, pd.DataFrame]") -> "RawTables":
        """Frames of any types by role -> the words that CSV files of them would hold."""
        words = {role: as_words(frame) for role, frame in frames.items()}
        return cls(words["train"], words["test"], words.get("sample"))


@dataclass(frozen=True)
class Roles:
    """Target, id, task and, of two classes, the positive one; `notes` explains each.

    `sample_id` is the sample's id column. `classes` are spelled as train spells them; of two, the
    second is the positive one. `values` (n,) is the target: numbers if all words are, else words,
    NaN where it is missing; `labels` is the class of every word. `alike` are classes that differ in
    case or blanks alone.
    """

    target: str
    id: str | None
    task: Task
    classes: tuple[str, ...] | None
    sample_id: str | None
    notes: Mapping[str, str]
    values: "pd.Series"
    labels: Mapping[str, str] | None = None
    positive: str | None = None
    positive_guessed: bool = False
    alike: tuple[tuple[str, ...], ...] = ()


def find_roles(tables: RawTables, settings: "LoadStage") -> Roles:
    """What the columns are. Raises DataError where the tables leave it open or contradict each
    other."""
    _refuse_unknown(tables, settings)
    sample_id, asked_for = _sample_parts(tables, settings)
    target, why_target = find_target(tables, settings, asked_for)
    id, why_id = find_id(tables, settings, target, sample_id)
    values = target_values(tables.train[target], settings)
    task, why_task = find_task(values, settings.task, settings.prefers_values)
    check_target(values.dropna() if settings.missing_target == "drop" else values, task)
    notes = {
        "target": f"target {target!r}: {why_target}",
        "id": f"no id: {why_id}" if id is None else f"id {id!r}: {why_id}",
        "task": f"task {task}: {why_task}",
    }
    if task == "regression":
        return Roles(target, id, task, None, sample_id, notes, values)
    words = tables.train[target][values.notna()]
    classes, labels = classes_of(words, values.dropna())
    alike = tuple(spelled_alike(classes))
    roles = Roles(target, id, task, classes, sample_id, notes, values, labels, alike=alike)
    return _with_positive(roles, words, asked_for, settings) if task == "binary" else roles


# -- target ----------------------------------------------------------------------------------------


def find_target(
    tables: RawTables, settings: "LoadStage", asked_for: Sequence[str]
) -> tuple[str, str]:
    """The column to predict, which the TOML names, the sample asks for or only train has; and why.

    asked_for: the columns of the sample that are to be filled in.
    """
    train, missing = tables.train, _only_in_train(tables, settings)
    if settings.target is not None:
        _require_name(settings.target, train.columns, "train: no target", "target")
        return settings.target, NAMED
    is_one, wanted = len(asked_for) == 1, [folded(name) for name in asked_for]
    named = [name for name in train.columns if is_one and folded(name) in wanted]
    spelled = [name for name in missing if not is_one and _spells(train[name], asked_for)]
    for names, why in (
        (named, "the column that the sample asks for"),
        (missing, "the only column of train that test lacks"),
        (spelled, "the sample has a column for each of its values"),
    ):
        if len(names) == 1:
            return names[0], why
    only_test = [name for name in tables.test.columns if name not in train]
    if only_test and not missing:
        raise DataError(
            f"test has {quoted(only_test)}, which train lacks, and train has no column that test "
            "lacks: are the two files swapped? Name them the other way round, or in the TOML: "
            '[load] train = "...", [load] test = "...".'
        )
    found = f"train has {quoted(missing) if missing else 'no column'} that test lacks"
    found += f", and the sample asks for {quoted(asked_for)}" if asked_for else ""
    raise UnknownTarget(
        f"the target is not clear: {'there is no test table' if settings.test == NONE else found}. "
        'Name it in the competition\'s TOML: [load] target = "...", and list in drop what no model '
        "may see."
    )


def _only_in_train(tables: RawTables, settings: "LoadStage") -> list[str]:
    elsewhere = {*tables.test.columns, *settings.drop, settings.id}
    return [name for name in tables.train.columns if name not in elsewhere]


def _spells(column: "pd.Series", values: Sequence[str]) -> bool:
    known = column.dropna()
    if known.nunique() != len(values):
        return False
    return class_columns(sorted(known.unique()), values) is not None


def class_columns(classes: Sequence[str], columns: Sequence[str]) -> tuple[str, ...] | None:
    """Which of the columns belongs to which class, in the order of the classes; None: they do not.

    A column is named like its class ("setosa"), or all have the same letters before or behind it
    ("Status_C", "low_prob").
    """
    words = [WHOLE.sub(r"\1", label.strip()).casefold() for label in classes]
    by_name = {name.strip().casefold(): name for name in columns}
    if len(by_name) != len(words):
        return None
    first = min(by_name)
    around = {
        (first[:place], first[place + len(word) :])
        for word in words
        for place in range(len(first) - len(word) + 1)
        if first.startswith(word, place)
    }
    for before, behind in sorted(around, key=lambda affixes: sum(map(len, affixes))):
        if set(by_name) == {before + word + behind for word in words}:
            return tuple(by_name[before + word + behind] for word in words)
    return None


# -- several targets -------------------------------------------------------------------------------


def find_targets(tables: RawTables, settings: "LoadStage") -> tuple[str, ...]:
    """The targets, where the files show that there are several, else none: columns of train that
    test lacks and that all of the sample's columns to fill in are named after; without a sample,
    the columns that a file of labels adds."""
    if settings.target is not None:
        return ()
    if tables.sample is None:
        return tables.label_columns if len(tables.label_columns) > 1 else ()
    _, asked_for = _sample_parts(tables, settings)
    names = _only_in_train(tables, settings)
    owners = _owners(asked_for, names)
    found = [name for name in names if name in owners.values()]
    return tuple(found) if len(found) > 1 and len(owners) == len(asked_for) else ()


def of_one_target(tables: RawTables, settings: "LoadStage") -> RawTables:
    """The tables as they would be if the target were the only one: without the other targets, and
    without the columns of the sample that are theirs.

    Raises DataError where the sample has no column for the target.
    """
    target, others = settings.target, list(settings.others)
    if target is None or not others:
        return tables
    _require_name(target, tables.train.columns, "train: no target", "target")
    train, test = (table.drop(columns=others, errors="ignore") for table in _both(tables))
    tables = replace(tables, train=train, test=test)
    if tables.sample is None:
        return tables
    columns = list(tables.sample.columns)
    places = _places(tables, settings, [target, *others])
    file = tables.sample_file
    if file is not None and file.header:
        file = replace(file, header=tuple(file.header[place] for place in places))
    kept = [columns[place] for place in places]
    return replace(tables, sample=tables.sample[kept], sample_file=file, places=places)


def _both(tables: RawTables) -> "tuple[pd.DataFrame, pd.DataFrame]":
    return tables.train, tables.test


def _places(tables: RawTables, settings: "LoadStage", targets: Sequence[str]) -> tuple[int, ...]:
    """Where in the sample the id and the columns of the first of these targets stand.

    A sample without a line of names has one column for each target, in the order of the TOML.
    """
    assert tables.sample is not None
    id, asked_for = _sample_parts(tables, settings, targets)
    columns = list(tables.sample.columns)
    nameless = tables.sample_file is not None and not tables.sample_file.header
    if nameless and len(asked_for) == len(targets):
        owners = dict(zip(asked_for, settings.targets, strict=True))
    else:
        owners = _owners(asked_for, targets)
    free = [name for name in asked_for if name not in owners]
    own = [name for name in asked_for if owners.get(name) == targets[0]]
    if not own or free:
        found = quoted(asked_for if not own else free)
        raise DataError(
            f"sample: found {found} to fill in, and "
            + (f"no column for the target {targets[0]!r}" if not own else "no target named so")
            + f"; allowed is a column named after each of {quoted(sorted(targets))}. Correct the "
            "file, or the list in [load] target of the competition's TOML."
        )
    return tuple(i for i, name in enumerate(columns) if name == id or name in own)


def _owners(columns: Sequence[str], targets: Sequence[str]) -> dict[str, str]:
    """By column of the sample, the target that it is named after: `Y1`, or `Y1_a` for a class."""
    found = {}
    by_name = {folded(target): target for target in targets}
    for column in columns:
        word = folded(column)
        begun = [name for name in by_name if word.startswith(name)]
        if word in by_name or begun:
            found[column] = by_name[word if word in by_name else max(begun, key=len)]
    return found


# -- id --------------------------------------------------------------------------------------------


def find_id(
    tables: RawTables, settings: "LoadStage", target: str, sample_id: str | None
) -> tuple[str | None, str]:
    """The column of test that identifies its rows, None where their order alone does; and why."""
    train, test = tables.train, tables.test
    if settings.id is not None:
        _require_name(settings.id, test.columns, "test: no id", "id")
        return settings.id, NAMED
    others = [name for name in test.columns if name != target and name not in settings.drop]
    if tables.sample is not None and sample_id is not None:
        counterpart = _counterpart(tables.sample, test, sample_id, others)
        if counterpart:
            return counterpart, "the sample names its rows by it"
    for name in filter(ID_NAME.fullmatch, others):
        if _is_unique(test[name]) and (name not in train or _is_unique(train[name])):
            return name, "named like one, and never twice the same"
    return None, "rows are identified by their order" + _repeating(tables, settings, others)


def _repeating(tables: RawTables, settings: "LoadStage", names: Iterable[str]) -> str:
    """Columns of a competition's own reading that are named like ids and are none."""
    found = [name for name in names if settings.read and ID_NAME.fullmatch(name)]
    what = "is named like one, and stands" if len(found) == 1 else "are named like one, and stand"
    more = f"; {quoted(found)} {what} in several rows each, as after a join that multiplies rows"
    return more if found else ""


def _sample_parts(
    tables: RawTables, settings: "LoadStage", targets: Sequence[str] = ()
) -> tuple[str | None, list[str]]:
    """The sample's id column (None if it has only predictions) and the columns to fill in."""
    if tables.sample is None:
        return None, []
    columns = list(tables.sample.columns)
    targets = [
        *targets,
        *filter(None, [settings.target]),
        *_only_in_train(tables, settings),
    ]
    if settings.id in columns:
        id = settings.id
    elif len(columns) == 1 or folded(columns[0]) in map(folded, targets):
        id = None
    else:
        id = columns[0]
    return id, [name for name in columns if name != id]


def _counterpart(
    sample: "pd.DataFrame", test: "pd.DataFrame", sample_id: str, names: Sequence[str]
) -> str | None:
    """The column of test with the ids of the sample's id column: by its name, or by its values."""
    for name in sorted(names, key=lambda name: name != sample_id):
        if folded(name) == folded(sample_id):
            return name
    ids = sample[sample_id]
    for name in names:
        column, wanted = comparable(test[name], ids)
        if not column.hasnans and _is_unique(wanted) and distinct.are_same(column, wanted):
            return name
    return None


def _is_unique(column: "pd.Series") -> bool:
    """All different, and none missing."""
    return not column.hasnans and distinct.is_unique(column)


# -- task ------------------------------------------------------------------------------------------


def target_values(words: "pd.Series", settings: "LoadStage") -> "pd.Series":
    """The target's words (n,) -> numbers if all are, else words; NaN where it is missing.

    Words such as NA and None are labels like others; 01 is a name, unless numbers are asked for.
    Where the TOML merges labels, those that differ in case or blanks alone become one word.
    """
    declared = settings.columns.get(str(words.name))
    missing = declared.missing_words if declared else None
    known = words.dropna()
    found = read_numbers(known, missing) if len(known) else None
    padded = settings.task != "regression" and known.str.fullmatch(PADDED.pattern).any()
    if found is not None and not found.strays and not padded:
        return numbers(words.mask(words.isin(found.missing)), found.notation)
    labels = words.mask(words.isin(NULL_WORDS if missing is None else missing))
    return labels.map(folded, na_action="ignore") if settings.merge_labels else labels


def find_task(
    target: "pd.Series", declared: Task | None, prefers_values: bool = False
) -> tuple[Task, str]:
    """Classes or values, and why. Few whole numbers, words and any two values are classes; the
    whole numbers are values where the metric `prefers_values`."""
    known = target.dropna()
    count = int(known.nunique())
    if declared == "multiclass" and count == 2:
        return "binary", "the target has two values, though the TOML names more"
    if declared is not None:
        return declared, NAMED
    if count == 2:
        return "binary", f"the target has two values, {quoted(sorted(known.unique().tolist()))}"
    if str(target.dtype) == "str":
        return _task_of_words(known, count)
    whole = bool((known == known.round()).all())
    if whole and prefers_values:
        return "regression", f"the target has {count:,} values, and the metric compares numbers"
    if whole and count <= min(MOST_CLASSES, len(known) / 2):
        return "multiclass", f"the target has {count} values, all whole numbers"
    what = "whole numbers" if whole else "numbers"
    return "regression", f"the target has {count:,} different {what}"


def _task_of_words(known: "pd.Series", count: int) -> tuple[Task, str]:
    found = read_numbers(known)
    if count > MOST_CLASSES and found is not None and found.strays:
        return "regression", "nearly all values of the target are numbers"
    if count > max(MOST_CLASSES, len(known) / 2):
        raise DataError(
            f"train: the target {known.name!r} holds {count:,} different texts in {len(known):,} "
            "rows; allowed are numbers, or classes with several rows each. Correct the file, or "
            "name the right column in [load] target of the competition's TOML."
        )
    return "multiclass", f"the target has {count} values, which are words"


def classes_of(words: "pd.Series", values: "pd.Series") -> tuple[tuple[str, ...], dict[str, str]]:
    """The classes in code order, and the class of every word; words and values (n,), none missing.

    Numbers come in their order, words in the alphabet's. Words of one value, such as 1 and 1.0, are
    one class, spelled as most of its rows.
    """
    import numpy as np
    import pandas as pd

    is_words = str(values.dtype) == "str"
    codes, levels = pd.factorize(words)
    one = np.zeros(len(levels), dtype=np.int64)  # a row of each word: all have the same value
    one[codes] = np.arange(len(codes))
    keys, counts = values.iloc[one].array, np.bincount(codes, minlength=len(levels))
    rows = pd.DataFrame({"key": keys, "word": levels, "count": counts})
    rows = rows.sort_values(["key", "count", "word"], ascending=[True, False, True])
    spelled = rows.drop_duplicates("key").set_index("key")["word"]
    classes = sorted(spelled) if is_words else spelled.tolist()
    return tuple(classes), dict(zip(rows["word"], rows["key"].map(spelled), strict=True))


def alike_messages(roles: Roles) -> Iterator[str]:
    """A message on each group of classes that are perhaps one."""
    for labels in roles.alike:
        yield (
            f"classes of {roles.target!r} that differ only in case or blanks, "
            f"{', '.join(map(repr, labels))}, are learnt as different ones. If they are one, merge "
            "them in the competition's TOML: [load] merge_labels = true"
        )


# -- the positive class ----------------------------------------------------------------------------


def _with_positive(
    roles: Roles, words: "pd.Series", asked_for: Sequence[str], settings: "LoadStage"
) -> Roles:
    """Put the positive class second: a column of probabilities is of it."""
    assert roles.classes is not None and roles.labels is not None
    label, why, guessed = find_positive(
        roles.classes, words.map(roles.labels), asked_for, settings.positive
    )
    other = next(each for each in roles.classes if each != label)
    if {value_of(each) for each in roles.classes} == {0.0, 1.0} and settings.positive is None:
        return replace(roles, positive=label)
    return replace(
        roles,
        classes=(other, label),
        positive=label,
        positive_guessed=guessed,
        notes={**roles.notes, "positive": f"positive class {label!r}: {why}"},
    )


def find_positive(
    classes: Sequence[str], labels: "pd.Series", asked_for: Sequence[str], declared: str | None
) -> tuple[str, str, bool]:
    """The class whose probability a submission holds, why, and whether it is a guess.

    labels (n,): each row's class; asked_for: the sample's columns to fill in; declared: by the
    TOML.
    """
    if declared is not None:
        same = [label for label in classes if folded(label) == folded(declared)]
        if declared not in classes and len(same) != 1:
            raise SettingsError(
                f"[competition] positive: found {declared!r}, but the target has "
                f"{quoted(classes)}. Name one of the two."
            )
        return declared if declared in classes else same[0], NAMED, False
    if all(map(is_plain_number, classes)):
        is_truth = {value_of(label) for label in classes} == {0.0, 1.0}
        return classes[-1], f"the greater number{'' if is_truth else GUESSED}", not is_truth
    named = [label for label in classes for name in asked_for if _ends_with(name, label)]
    if len({*named}) == 1:
        return named[0], "the sample's column is named after it", False
    pairs = ((classes[0], classes[1]), (classes[1], classes[0]))
    for label, other in pairs:
        if folded(label) in YES or folded(other) in NO or _denies(other, label):
            return label, f"{other!r} denies it", False
    for label, other in pairs:
        if folded(label) in EVENT or (folded(other) in USUAL and folded(label) not in USUAL):
            return label, f"{other!r} is the usual case{GUESSED}", True
    rarer = labels.value_counts().reindex(list(classes)).idxmin()
    return str(rarer), f"the rarer one{GUESSED}", True


def _ends_with(name: str, label: str) -> bool:
    return bool(re.search(rf"(?i)(?:^|[\W_]){re.escape(label.strip())}$", name.strip()))


def _denies(word: str, of: str) -> bool:
    """Whether one label is the other with "not", "un-" or the like before it."""
    start = NOT.match(word.strip())
    return start is not None and folded(word.strip()[start.end() :]) == folded(of)


# -- the sample's form -----------------------------------------------------------------------------


def find_form(tables: RawTables, roles: Roles, aggregate: Aggregate = "mean") -> tuple[Form, str]:
    """What a submission must look like; the sample is checked against test.

    aggregate: what a sample with one row for several of test makes of their predictions.
    """
    if tables.sample is None:
        made = (roles.id, roles.target) if roles.id is not None else (roles.target,)
        by_row = roles.id is None
        form = Form(made, "target", roles.id, by_row, roles.target, made_up=True, header=made)
        return form, f"no sample: a submission has {quoted(made)}"
    columns = tuple(tables.sample.columns)
    values = [name for name in columns if name != roles.sample_id]
    grouped = _names_groups(tables.sample, tables.test, roles)
    by_row = not grouped and _is_by_row(tables.sample, tables.test, roles)
    places = tables.places
    form = Form(columns, "target", roles.sample_id, by_row, header=columns, places=places)
    if len(values) == 1:
        form = replace(form, target=values[0])
        note = f"a submission has {quoted(columns)}, as the sample"
    else:
        form = replace(form, kind="classes", class_columns=_spelled(roles, values))
        note = f"a submission has a probability for each of {len(values)} classes"
    if (file := tables.sample_file) is not None:
        form = replace(form, header=file.header, separator=file.separator, encoding=file.encoding)
        shown = {word for name in values for word in tables.sample[name].dropna().unique()}
        notation = find_notation(sorted(shown)) if file.separator != "," else None
        form = replace(form, decimal=notation.decimal) if notation is not None else form
    if grouped:
        _refuse_mixed(tables.train, roles)
        if aggregate == "any" and roles.task != "binary":
            raise SettingsError(
                f"[submit] aggregate: found 'any', but the target is a {roles.task} one; allowed "
                "are mean, median, min, max and last. Choose one of them."
            )
        rows = f"{len(tables.test):,} rows of test in {len(tables.sample):,} groups by {roles.id!r}"
        return replace(form, aggregate=aggregate), f"{note}; {rows}: {aggregate} of each"
    return form, note + ("; its rows stand for those of test, in order" if by_row else "")


def _names_groups(sample: "pd.DataFrame", test: "pd.DataFrame", roles: Roles) -> bool:
    """Whether the sample has one row for each id, and test several rows."""
    if roles.id is None or roles.sample_id is None or len(sample) >= len(test):
        return False
    known, wanted = comparable(test[roles.id], sample[roles.sample_id])
    return not known.hasnans and _is_unique(wanted) and distinct.are_same(known, wanted)


def _refuse_other_groups(wanted: "pd.Series", known: "pd.Series") -> None:
    """DataError where the sample names each id once, test has several rows of some, and they are
    not the same ids: one answer a group, or rows that repeat by mistake."""
    known, wanted = comparable(known, wanted)
    repeated = known[known.duplicated()].unique()
    found = differences({"test": known.drop_duplicates(), "the sample": wanted})
    if len(wanted) < len(known) and len(repeated) and found and _is_unique(wanted):
        raise DataError(
            f"sample and test must have the same ids in column {str(known.name)!r}, of which the "
            f"sample has one row each; found {found}; test has several rows of "
            f"{count(len(repeated), 'id')}, as of {repeated[0]!r}. Download both again from the "
            "same competition, or correct [load] id in the TOML."
        )


def _refuse_mixed(train: "pd.DataFrame", roles: Roles) -> None:
    """DataError where a group of train has several targets: its answer is not known."""
    if roles.id not in train:
        return
    targets = train[roles.target].groupby(train[roles.id]).nunique(dropna=False)
    mixed = targets[targets > 1]
    if len(mixed):
        raise DataError(
            f"sample: it has one row for each {roles.id!r}, and train has several targets "
            f"{roles.target!r} for {len(mixed):,} of them, as {mixed.index[0]!r}. Make one row of "
            "each group, with its target, in read(raw) of pipeline/competitions/NAME.py, with "
            '[load] read = "NAME"; or, if the sample is none, set [load] sample = "none".'
        )


def _is_by_row(sample: "pd.DataFrame", test: "pd.DataFrame", roles: Roles) -> bool:
    """Whether sample and test are matched by order, having no ids in common."""
    if roles.id is not None:
        if _repeats_in_order(sample, test, roles):
            return True
        if roles.sample_id is None or not _counterpart(sample, test, roles.sample_id, [roles.id]):
            raise DataError(
                f"sample: no column holds the ids of test's column {roles.id!r}; found "
                f"{quoted(sample.columns)}. Download both again from the same competition, or "
                f"correct [load] id in the TOML; if {roles.id!r} is no id, list it in drop."
            )
        _refuse_other_groups(sample[roles.sample_id], test[roles.id])
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


def _repeats_in_order(sample: "pd.DataFrame", test: "pd.DataFrame", roles: Roles) -> bool:
    """Ids that occur more than once, in the same order in both: the order then names the rows."""
    if roles.id not in test or roles.sample_id is None or distinct.is_unique(test[roles.id]):
        return False
    known, wanted = comparable(test[roles.id], sample[roles.sample_id])
    return distinct.are_alike(known, wanted)


def _spelled(roles: Roles, values: Sequence[str]) -> tuple[str, ...]:
    """The sample's columns in the order of the classes."""
    spelled = class_columns(roles.classes or (), values)
    if spelled is None:
        allowed = f"one named after each of {quoted(roles.classes)}" if roles.classes else "one"
        raise DataError(
            f"sample: found {len(values)} columns to fill in, {quoted(values)}; for the "
            f"{roles.task} target {roles.target!r} allowed is {allowed}. Correct the file, or name "
            "the right column in [load] target of the competition's TOML."
        )
    return spelled


# -- words -----------------------------------------------------------------------------------------


def _refuse_unknown(tables: RawTables, settings: "LoadStage") -> None:
    """Names in `drop` must exist, and must not be needed."""
    known = [*tables.train.columns, *tables.test.columns]
    for name in settings.drop:
        _require_name(name, known, "train and test: no column", "drop")
        if name in (settings.target, settings.id):
            role = "target" if name == settings.target else "id"
            raise SettingsError(
                f"[load] drop: found {name!r}, which is the {role}. Remove it from one of the two."
            )


def _require_name(name: str, known: Iterable[Any], what: str, key: str) -> None:
    names = list(dict.fromkeys(map(str, known)))
    if name in names:
        return
    near = difflib.get_close_matches(name, names, n=1)
    meant = f" Did you mean {near[0]!r}?" if near else ""
    raise DataError(
        f"{what} {name!r}; the columns are {quoted(names)}.{meant} "
        f"Correct the file, or [load] {key} in the competition's TOML."
    )
