"""Give every training row a fold number, once per repeat: all models are compared on these."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.artifacts import Folder
from pipeline.config import Split
from pipeline.errors import DataError, SettingsError
from pipeline.folds import folds_of
from pipeline.progress import Progress

if TYPE_CHECKING:
    from sklearn.model_selection import BaseCrossValidator

SCHEMES = {"stratified": "stratified", "group": "grouped", "plain": "plain"}


def run(settings: Split, *, load: Folder, out: Folder, progress: Progress) -> None:
    """Write fold numbers (n,) int16 per repeat. Rows keep their place: only numbers are drawn."""
    schema, y = load.read_json("schema"), load.read_array("y")
    scheme = choose_scheme(settings, schema["task"])
    groups = read_groups(settings, schema, load) if scheme == "group" else None
    check_size(settings, scheme, schema, y, groups)
    for repeat in range(settings.repeats):
        splitter = make_splitter(settings, scheme, schema["task"], repeat)
        numbers = np.full(len(y), -1, dtype=np.int16)
        for fold, rows in enumerate(_validation_rows(splitter, y, groups)):
            numbers[rows] = fold
        check_folds(settings, schema, y, repeat, numbers)
        out.write_array(f"folds-{repeat}", numbers)
    out.write_json(
        "split", {"scheme": scheme, "folds": settings.folds, "repeats": settings.repeats}
    )
    times = f", {settings.repeats} times" if settings.repeats > 1 else ""
    progress.say(f"{len(y):,} rows in {settings.folds} {SCHEMES[scheme]} folds{times}")


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


def check_size(
    settings: Split,
    scheme: str,
    schema: dict[str, Any],
    y: np.ndarray,
    groups: np.ndarray | None,
) -> None:
    """Raise DataError where there are more folds than rows, groups, or members of a class."""
    if scheme == "group" and groups is not None:
        found, what = len(np.unique(groups)), f"groups in column '{settings.group}'"
    else:
        found, what = len(y), "training rows"
    if settings.folds > found:
        raise _too_many_folds(settings, f"there are {found} {what}", found)
    if scheme == "plain" or schema["task"] == "regression":
        return
    counts = np.bincount(y, minlength=len(schema["classes"]))
    rarest = int(counts.argmin())
    if settings.folds > counts[rarest]:
        told = (
            f"class '{schema['classes'][rarest]}' of the target '{schema['target']}' has "
            f"{counts[rarest]} training row{'s' if counts[rarest] != 1 else ''}"
        )
        raise _too_many_folds(settings, told, int(counts[rarest]))


def check_folds(
    settings: Split, schema: dict[str, Any], y: np.ndarray, repeat: int, numbers: np.ndarray
) -> None:
    """Raise DataError where a fold is empty, or leaves a class out of its training rows."""
    empty = np.flatnonzero(np.bincount(numbers, minlength=settings.folds) == 0)
    if len(empty) > 0:
        raise DataError(
            f"train: fold {empty[0]} of repeat {repeat} got no rows, as the groups in column "
            f"'{settings.group}' are too uneven for {settings.folds} folds. "
            "Lower [split] folds, or name another group."
        )
    if schema["task"] == "regression":
        return
    for fold in folds_of(repeat, numbers):
        seen = np.bincount(y[fold.train], minlength=len(schema["classes"]))
        if seen.min() == 0:
            raise DataError(
                f"train: all rows of class '{schema['classes'][int(seen.argmin())]}' fell into "
                f"fold {fold.number} of repeat {repeat}, so that no model could learn it there. "
                "Lower [split] folds, or use [split] scheme = 'stratified' without a group."
            )


def make_splitter(settings: Split, scheme: str, task: str, repeat: int) -> "BaseCrossValidator":
    """scikit-learn's splitter for one repeat; repeats differ by their seed alone."""
    from sklearn.model_selection import GroupKFold, KFold, StratifiedGroupKFold, StratifiedKFold

    if scheme == "group":
        kind = GroupKFold if task == "regression" else StratifiedGroupKFold
    else:
        kind = StratifiedKFold if scheme == "stratified" else KFold
    seed = int(np.random.SeedSequence([settings.seed, repeat]).generate_state(1)[0])
    return kind(settings.folds, shuffle=True, random_state=seed)


def _validation_rows(
    splitter: "BaseCrossValidator", y: np.ndarray, groups: np.ndarray | None
) -> Iterator[np.ndarray]:
    y = np.asarray(y)
    for _, rows in splitter.split(np.empty((len(y), 0)), y, groups):
        yield rows


def _too_many_folds(settings: Split, found: str, most: int) -> DataError:
    allowed = (
        f"at most {most} folds are allowed. Set [split] folds to 2 to {most}"
        if most >= 2
        else "no number of folds is allowed. Remove these rows, or give more of them"
    )
    return DataError(
        f"train: {found}, fewer than the {settings.folds} of [split] folds; {allowed}."
    )
