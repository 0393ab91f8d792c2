"""Assign every training row to a validation fold, once per repeat: all models share these folds."""

import warnings
from typing import TYPE_CHECKING

import numpy as np

from pipeline.answers import answer_rows, train_groups
from pipeline.errors import DataError, SettingsError
from pipeline.folds import Fold, Folds, folds_of
from pipeline.problem import Loaded, Problem, Task
from pipeline.progress import Progress
from pipeline.wording import count, some

if TYPE_CHECKING:
    from pipeline.config import Split

MOST_NAMED = 2  # classes
SCHEMES = {"stratified": "stratified", "group": "grouped", "plain": "plain"}


def split(settings: "Split", load: Loaded, progress: Progress) -> Folds:
    """Folds of every repeat. Rows keep their place: only the folds' numbers are drawn."""
    settings, answered = by_answer(settings, load), train_groups(load)
    y, scheme = load.y, choose_scheme(settings, load.problem.task)
    groups = group_numbers(settings, load) if scheme == "group" else None
    check_size(settings, y, groups)
    folds: list[Fold] = []
    for repeat in range(settings.repeats):
        (seed,) = np.random.SeedSequence([settings.seed, repeat]).generate_state(1).tolist()
        numbers = assign_folds(settings, scheme, y, groups, seed)
        refuse_empty_folds(settings, repeat, numbers)
        folds += folds_of(repeat, numbers)
    times = f", {settings.repeats} times" if settings.repeats > 1 else ""
    progress.say(f"{len(y):,} rows in {settings.folds} {SCHEMES[scheme]} folds{times}")
    missing = missing_classes(load.problem, y, folds)
    if missing:
        progress.say(
            f"missing from a fold's training rows, whose models give it probability 0: "
            f"{some(missing, MOST_NAMED)}"
        )
    if answered is not None:
        refuse_divided(folds, answered, load.problem)
    rows = None if answered is None else answer_rows(answered)
    return Folds(len(y), tuple(folds), scheme, settings.group, rows)


def by_answer(settings: "Split", load: Loaded) -> "Split":
    """Rows that have one answer together stay together, unless the TOML chooses the folds."""
    free = settings.scheme == "auto" and not settings.model_fields_set & {"group", "column", "own"}
    if train_groups(load) is None or not free:
        return settings
    return settings.model_copy(update={"group": load.problem.id})


def refuse_divided(folds: list[Fold], groups: np.ndarray, problem: Problem) -> None:
    """DataError where rows of one answer are on both sides of a fold: it would be known."""
    for fold in folds:
        both = np.intersect1d(groups[fold.train], groups[fold.valid])
        if len(both):
            raise DataError(
                f"[split]: {count(len(both), 'group')} of {problem.id!r}, which have one answer "
                f"each, are on both sides of fold {fold.name}. Set [split] group = "
                f"'{problem.id}', or leave scheme and group out."
            )


def choose_scheme(settings: "Split", task: Task) -> str:
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


def group_numbers(settings: "Split", load: Loaded) -> np.ndarray:
    """Group numbers (n,); a row whose group is missing is a group of its own."""
    import pandas as pd

    if settings.group not in load.train.columns:
        raise SettingsError(
            f"[split] group: found '{settings.group}', but the training file has no such column; "
            f"allowed are {', '.join(map(str, load.train.columns))}. Correct the name."
        )
    if settings.group == load.problem.target:
        raise SettingsError(
            f"[split] group: found the target '{settings.group}'; rows of one label must not be "
            "kept together. Name another column."
        )
    numbers, known = pd.factorize(load.train[settings.group])
    alone = numbers < 0
    return np.where(alone, len(known) + np.cumsum(alone), numbers)


def check_size(settings: "Split", y: np.ndarray, groups: np.ndarray | None) -> None:
    """Raise DataError where there are more folds than rows or groups."""
    if groups is not None:
        found = len(np.unique(groups))
        counted = f"{count(found, 'group')} in column '{settings.group}'"
    else:
        found = len(y)
        counted = count(found, "training row")
    if settings.folds <= found:
        return
    advice = f"Set [split] folds to {'2' if found == 2 else f'2 to {found}'}"
    if found < 2:
        advice = "Two folds need two" + (": remove [split] group" if groups is not None else "")
    raise DataError(
        f"train: there {'is' if found == 1 else 'are'} {counted}, fewer than the {settings.folds} "
        f"of [split] folds. {advice}."
    )


def assign_folds(
    settings: "Split", scheme: str, y: np.ndarray, groups: np.ndarray | None, seed: int
) -> np.ndarray:
    """Each row's fold, (n,); every class over as many folds as it has rows, at most all.

    Groups are dealt so that folds have their shares of the classes, where scikit-learn can: where
    one class has as many rows as there are folds.
    """
    from sklearn.model_selection import GroupKFold, KFold, StratifiedGroupKFold, StratifiedKFold

    is_classes = np.issubdtype(y.dtype, np.integer)
    has_large_class = is_classes and np.bincount(y).max() >= settings.folds
    if scheme == "stratified" and not has_large_class:
        return round_robin(y, settings.folds, seed)
    if scheme == "group":
        kind = StratifiedGroupKFold if has_large_class else GroupKFold
    else:
        kind = StratifiedKFold if scheme == "stratified" else KFold
    splitter = kind(settings.folds, shuffle=True, random_state=seed)
    numbers = np.full(len(y), -1)
    with warnings.catch_warnings():
        # that a class has fewer rows than there are folds: see `missing_classes`
        warnings.filterwarnings("ignore", "The least populated class", UserWarning)
        for fold, (_, rows) in enumerate(splitter.split(np.empty((len(y), 0)), y, groups)):
            numbers[rows] = fold
    return numbers


def round_robin(y: np.ndarray, folds: int, seed: int) -> np.ndarray:
    """Rows in the order of their class, each class shuffled, dealt to the folds in turn, (n,).

    For classes that all have fewer rows than there are folds: scikit-learn refuses these.
    """
    shuffled = np.random.default_rng(seed).permutation(len(y))
    order = shuffled[np.argsort(y[shuffled], kind="stable")]
    numbers = np.empty(len(y), dtype=int)
    numbers[order] = np.arange(len(y)) % folds
    return numbers


def refuse_empty_folds(settings: "Split", repeat: int, numbers: np.ndarray) -> None:
    """Raise DataError where a fold is empty, which only groups can bring about."""
    empty = np.flatnonzero(np.bincount(numbers, minlength=settings.folds) == 0)
    if len(empty) > 0:
        raise DataError(
            f"train: fold {empty[0]} of repeat {repeat} got no rows, as the groups in column "
            f"'{settings.group}' are too uneven for {settings.folds} folds. "
            "Lower [split] folds, or name another group."
        )


def missing_classes(problem: Problem, y: np.ndarray, folds: list[Fold]) -> list[str]:
    """The classes that a fold's training rows lack, each with its rows and the fold."""
    if problem.classes is None:
        return []
    rows = np.bincount(y, minlength=problem.outputs)
    notes = []
    for fold in folds:
        seen = np.bincount(y[fold.train], minlength=problem.outputs)
        for code in np.flatnonzero((seen == 0) & (rows > 0)):
            counted = count(int(rows[code]), "row")
            notes.append(f"class '{problem.classes[code]}' ({counted}) from {fold.name}'s")
    return notes
