"""Give every training row a fold number, once per repeat: all models are compared on these."""

import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.artifacts import Folder
from pipeline.config import Split
from pipeline.errors import DataError, SettingsError
from pipeline.folds import folds_of
from pipeline.progress import Progress
from pipeline.wording import count, shortened

if TYPE_CHECKING:
    from sklearn.model_selection import BaseCrossValidator

MOST_TOLD = 2  # classes
SCHEMES = {"stratified": "stratified", "group": "grouped", "plain": "plain"}


def run(settings: Split, *, load: Folder, out: Folder, progress: Progress) -> None:
    """Write fold numbers (n,) int16 per repeat. Rows keep their place: only numbers are drawn."""
    schema, y = load.read_json("schema"), load.read_array("y")
    scheme = choose_scheme(settings, schema["task"])
    groups = read_groups(settings, schema, load) if scheme == "group" else None
    check_size(settings, y, groups)
    unlearnt: list[str] = []
    for repeat in range(settings.repeats):
        numbers = fold_numbers(settings, scheme, schema["task"], repeat, y, groups)
        refuse_empty_folds(settings, repeat, numbers)
        unlearnt += missing_classes(schema, y, repeat, numbers)
        out.write_array(f"folds-{repeat}", numbers)
    out.write_json(
        "split",
        {
            "scheme": scheme,
            "group": settings.group,
            "folds": settings.folds,
            "repeats": settings.repeats,
        },
    )
    times = f", {settings.repeats} times" if settings.repeats > 1 else ""
    progress.say(f"{len(y):,} rows in {settings.folds} {SCHEMES[scheme]} folds{times}")
    if unlearnt:
        progress.say(
            f"missing from a fold's training rows, whose models give it probability 0: "
            f"{shortened(unlearnt, MOST_TOLD)}"
        )


def choose_scheme(settings: Split, task: str) -> str:
    """The scheme asked for; `auto`: by group where one is named, else what the task calls for."""
    scheme, group = settings.scheme, settings.group
    if scheme == "auto":
        return "group" if group else "plain" if task == "regression" else "stratified"
    if scheme == "group" and group is None:
        raise SettingsError(
            "[split] scheme: found 'group', but [split] group names no column. "
            "Name the column whose rows must stay together, or choose another scheme."
        )
    if scheme != "group" and group is not None:
        raise SettingsError(
            f"[split] scheme: found '{scheme}' beside group = '{group}', which it would ignore; "
            "allowed with a group are 'group' and 'auto'. Change the scheme, or remove the group."
        )
    if scheme == "stratified" and task == "regression":
        raise SettingsError(
            "[split] scheme: found 'stratified', but the target is a regression one and has no "
            "classes; allowed are 'auto', 'plain' and 'group'. Choose one of them."
        )
    return scheme


def read_groups(settings: Split, schema: dict[str, Any], load: Folder) -> np.ndarray:
    """Group numbers (n,); a row whose group is missing is a group of its own."""
    import pandas as pd

    train = load.read_table("train")
    if settings.group not in train.columns:
        raise SettingsError(
            f"[split] group: found '{settings.group}', but the training file has no such column; "
            f"allowed are {', '.join(map(str, train.columns))}. Correct the name."
        )
    if settings.group == schema["target"]:
        raise SettingsError(
            f"[split] group: found the target '{settings.group}'; rows of one label must not be "
            "kept together. Name another column."
        )
    numbers, known = pd.factorize(train[settings.group])
    alone = numbers < 0
    return np.where(alone, len(known) + np.cumsum(alone), numbers)


def check_size(settings: Split, y: np.ndarray, groups: np.ndarray | None) -> None:
    """Raise DataError where there are more folds than rows or groups."""
    if groups is not None:
        found, told = len(np.unique(groups)), f" in column '{settings.group}'"
        told = count(found, "group") + told
    else:
        found = len(y)
        told = count(found, "training row")
    if settings.folds <= found:
        return
    advice = f"Set [split] folds to {'2' if found == 2 else f'2 to {found}'}"
    if found < 2:
        advice = "Two folds need two" + (": remove [split] group" if groups is not None else "")
    raise DataError(
        f"train: there {'is' if found == 1 else 'are'} {told}, fewer than the {settings.folds} of "
        f"[split] folds. {advice}."
    )


def fold_numbers(
    settings: Split, scheme: str, task: str, repeat: int, y: np.ndarray, groups: np.ndarray | None
) -> np.ndarray:
    """Each row's fold, (n,) int16; every class over as many folds as it has rows, at most all."""
    has_large_class = task != "regression" and np.bincount(y).max() >= settings.folds
    if scheme == "stratified" and not has_large_class:
        return dealt(y, settings.folds, _seed(settings, repeat))
    splitter = make_splitter(settings, scheme, repeat, by_class=has_large_class)
    numbers = np.full(len(y), -1, dtype=np.int16)
    for fold, rows in enumerate(_validation_rows(splitter, y, groups)):
        numbers[rows] = fold
    return numbers


def dealt(y: np.ndarray, folds: int, seed: int) -> np.ndarray:
    """Rows in the order of their class, each class shuffled, dealt to the folds in turn, (n,).

    For classes that all have fewer rows than there are folds: scikit-learn refuses these.
    """
    shuffled = np.random.default_rng(seed).permutation(len(y))
    order = shuffled[np.argsort(y[shuffled], kind="stable")]
    numbers = np.empty(len(y), dtype=np.int16)
    numbers[order] = np.arange(len(y)) % folds
    return numbers


def refuse_empty_folds(settings: Split, repeat: int, numbers: np.ndarray) -> None:
    """Raise DataError where a fold is empty, which only groups can bring about."""
    empty = np.flatnonzero(np.bincount(numbers, minlength=settings.folds) == 0)
    if len(empty) > 0:
        raise DataError(
            f"train: fold {empty[0]} of repeat {repeat} got no rows, as the groups in column "
            f"'{settings.group}' are too uneven for {settings.folds} folds. "
            "Lower [split] folds, or name another group."
        )


def missing_classes(
    schema: dict[str, Any], y: np.ndarray, repeat: int, numbers: np.ndarray
) -> list[str]:
    """The classes that a fold's training rows lack, each with its rows and the fold."""
    if schema["task"] == "regression":
        return []
    rows = np.bincount(y, minlength=len(schema["classes"]))
    notes = []
    for fold in folds_of(repeat, numbers):
        seen = np.bincount(y[fold.train], minlength=len(rows))
        for code in np.flatnonzero((seen == 0) & (rows > 0)):
            told = count(int(rows[code]), "row")
            notes.append(f"class '{schema['classes'][code]}' ({told}) from {fold.name}'s")
    return notes


def make_splitter(
    settings: Split, scheme: str, repeat: int, *, by_class: bool
) -> "BaseCrossValidator":
    """scikit-learn's splitter for one repeat; repeats differ by their seed alone.

    With `by_class` groups are dealt so that folds have their shares of the classes: scikit-learn
    does that where one class has as many rows as there are folds.
    """
    from sklearn.model_selection import GroupKFold, KFold, StratifiedGroupKFold, StratifiedKFold

    if scheme == "group":
        kind = StratifiedGroupKFold if by_class else GroupKFold
    else:
        kind = StratifiedKFold if scheme == "stratified" else KFold
    return kind(settings.folds, shuffle=True, random_state=_seed(settings, repeat))


def _seed(settings: Split, repeat: int) -> int:
    return int(np.random.SeedSequence([settings.seed, repeat]).generate_state(1)[0])


def _validation_rows(
    splitter: "BaseCrossValidator", y: np.ndarray, groups: np.ndarray | None
) -> Iterator[np.ndarray]:
    y = np.asarray(y)
    with warnings.catch_warnings():
        # that a class has fewer rows than there are folds: see `missing_classes`
        warnings.filterwarnings("ignore", "The least populated class", UserWarning)
        for _, rows in splitter.split(np.empty((len(y), 0)), y, groups):
            yield rows
