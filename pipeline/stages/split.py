"""Assign the training rows to folds: all models share them.

Folds that are drawn at random are drawn once per repeat; windows of time, a column of fold numbers
and a competition's own split are the same every time, and are made once.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from pipeline.answers import answer_rows, train_groups
from pipeline.errors import DataError, SettingsError
from pipeline.folds import DRAWN, Fold, Folds, folds_of
from pipeline.plan import MANY_ROWS
from pipeline.problem import Loaded, Problem, Task
from pipeline.progress import Progress
from pipeline.splitting import kfold, own, windows
from pipeline.splitting.extra_rows import with_allowed_rows
from pipeline.splitting.fold_column import fold_numbers
from pipeline.splitting.groups import split_groups
from pipeline.splitting.kfold import Rows
from pipeline.splitting.lengths import parse_length
from pipeline.splitting.times import described, row_times, undated
from pipeline.splitting.windows import Pair, Windows
from pipeline.wording import count, some

if TYPE_CHECKING:
    from pipeline.config import Split

MOST_NAMED = 2  # classes
STRETCHES = 20  # of time, in each of which rows err alike
# the keys that a scheme reads, beside folds, repeats and seed; some need the first of them
READS = {
    "stratified": ("bins", "numbering"),
    "plain": ("numbering",),
    "group": ("group", "group_before", "numbering"),
    "stratified_group": ("group", "group_before", "bins", "numbering"),
    "time": ("time", "horizon", "gap", "history", "within", "group", "group_before"),
    "column": ("column",),
    "own": ("own", "time"),
}
NEEDS = {
    scheme: READS[scheme][0] for scheme in ("group", "stratified_group", "time", "column", "own")
}


def split(settings: "Split", load: Loaded, progress: Progress) -> Folds:
    """The folds of every repeat. Rows keep their place: only the folds' numbers are drawn."""
    settings, answered = by_answer(settings, load), train_groups(load)
    scheme = choose_scheme(settings, load.problem.task)
    if scheme in DRAWN:
        folds = _drawn(settings, scheme, load)
    else:
        folds = _fixed(settings, scheme, load)
    found = Folds(len(load.y), tuple(folds), scheme, settings.group, time_columns(settings))
    if scheme in ("time", "own"):
        found = replace(found, refit=len(found.validated) < found.rows)
    found = replace(found, clusters=_clusters(settings, found, load))
    found = with_early_stopping(settings, found, load)
    allowed, notes = with_allowed_rows(settings, found.time, load, found.folds)
    found = replace(found, folds=tuple(allowed))
    progress.say(summary(settings, found))
    if without := undated(found.time, load):
        progress.say(f"{count(without, 'row')} without a time: taken as the earliest")
    for note in notes:
        progress.say(note)
    missing = missing_classes(load.problem, load.y, folds)
    if missing:
        progress.say(
            f"missing from a fold's training rows, whose models give it probability 0: "
            f"{some(missing, MOST_NAMED)}"
        )
    if answered is not None:
        refuse_divided(folds, answered, load.problem, scheme)
        found = replace(found, answers=answer_rows(answered))
    return found if found.rows <= MANY_ROWS else found.narrowed()


def by_answer(settings: "Split", load: Loaded) -> "Split":
    """Rows that have one answer together stay together, unless the TOML chooses the folds."""
    chosen = (settings.group, settings.column, settings.own, settings.within)
    if train_groups(load) is None or settings.scheme != "auto" or any(chosen):
        return settings
    return settings.model_copy(update={"group": load.problem.id})


def refuse_divided(folds: list[Fold], groups: np.ndarray, problem: Problem, scheme: str) -> None:
    """DataError where rows of one answer are on both sides of a fold: it would be known."""
    remedy = f"Set [split] group = '{problem.id}', or leave scheme and group out."
    if scheme in ("own", "column"):
        remedy = f"Keep the rows of one {problem.id!r} together, or leave [split] {scheme} out."
    for fold in folds:
        both = np.intersect1d(groups[fold.train], groups[fold.valid])
        if len(both):
            raise DataError(
                f"[split]: {count(len(both), 'group')} of {problem.id!r}, which have one answer "
                f"each, are on both sides of fold {fold.name}. {remedy}"
            )


def time_columns(settings: "Split") -> tuple[str, ...]:
    """The columns of [split] time; none where there is none."""
    time = settings.time
    return () if time is None else (time,) if isinstance(time, str) else tuple(time)


def summary(settings: "Split", found: Folds) -> str:
    """'3,000 rows in 5 stratified folds, 3 times'."""
    names = {"group": "grouped", "stratified_group": "stratified grouped", "column": "", "own": ""}
    number = len(found.repeat(0))
    kind = names.get(found.scheme, found.scheme)
    text = f"{found.rows:,} rows in {count(number, f'{kind} fold'.strip())}"
    if found.scheme == "time" and settings.within is None:
        text = f"{found.rows:,} rows: {count(number, 'window')} by {described(found.time)}"
    elif found.scheme == "time":
        text = f"{found.rows:,} rows in {number} blocks of every {settings.within}"
    elif found.scheme == "column":
        text += f" of column '{settings.column}'"
    elif found.scheme == "own":
        text += f" of pipeline/competitions/{settings.own}.py"
    times = f", {found.repeats} times" if found.repeats > 1 else ""
    never = found.rows - len(found.validated)
    return text + times + (f"; {count(never, 'row')} never validated" if never else "")


def _clusters(settings: "Split", found: Folds, load: Loaded) -> np.ndarray | None:
    """Numbers of the groups; of folds by time, stretches of equally many validated rows, (n,)."""
    if settings.group is not None:
        return split_groups(settings, load)
    if not found.time:
        return None
    times = row_times(found.time, load)
    edges = np.quantile(
        times[found.validated].astype(float), np.linspace(0, 1, STRETCHES + 1)[1:-1]
    )
    return np.searchsorted(edges, times.astype(float), side="right")


def with_early_stopping(settings: "Split", found: Folds, load: Loaded) -> Folds:
    """The folds with what early stopping keeps together, to stop where new groups or times would.

    Blocks of every month leave gaps between the training rows, which none are held out as.
    """
    if settings.within is not None or (settings.group is None and not found.time):
        return found
    if found.time:
        kept = np.unique(row_times(found.time, load), return_inverse=True)[1]
    else:
        kept = split_groups(settings, load)
    folds = tuple(fold.with_clusters(kept, bool(found.time)) for fold in found.folds)
    return replace(found, folds=folds, kept=kept)


# -- which scheme ----------------------------------------------------------------------------------


def choose_scheme(settings: "Split", task: Task) -> str:
    """The scheme asked for; `auto`: by the keys that are given, else what the task calls for."""
    scheme = _auto(settings, task) if settings.scheme == "auto" else settings.scheme
    given = settings.model_dump(exclude_defaults=True)
    _refuse_ignored(scheme, given)
    if scheme in NEEDS and NEEDS[scheme] not in given:
        needed = NEEDS[scheme]
        what = "no module" if needed == "own" else "no column"
        raise SettingsError(
            f"[split] scheme: found '{scheme}', but [split] {needed} names {what}. "
            f"Set {needed}, or choose another scheme."
        )
    if task == "regression" and scheme.startswith("stratified") and not settings.bins:
        raise SettingsError(
            f"[split] scheme: found '{scheme}', but the target is a regression one and has no "
            "classes; allowed are 'auto', 'plain', 'group', 'time', 'column' and 'own', or bins "
            "beside it, such as bins = 10. Choose one of them."
        )
    _refuse_numbers(settings, scheme, task)
    return scheme


def _auto(settings: "Split", task: Task) -> str:
    for scheme in ("own", "column", "time"):
        if getattr(settings, scheme) is not None:
            return scheme
    if settings.group is not None:
        return "stratified_group" if settings.bins else "group"
    return "plain" if task == "regression" and not settings.bins else "stratified"


def _refuse_ignored(scheme: str, given: dict[str, object]) -> None:
    """Raise SettingsError for a key that the scheme does not read."""
    keys = dict.fromkeys(key for read in READS.values() for key in read)
    for key in keys:
        if key in given and key not in READS[scheme]:
            reading = ", ".join(f"'{each}'" for each, read in READS.items() if key in read)
            raise SettingsError(
                f"[split] scheme: found '{scheme}' beside {key} = {given[key]!r}, which it would "
                f"ignore; allowed with {key} are 'auto' and {reading}. Change the scheme, or "
                f"remove {key}."
            )
    for key, other in (("group_before", "group"), ("horizon", "time"), ("within", "time")):
        if key in given and other not in given:
            raise SettingsError(
                f"[split] {key}: found {given[key]!r} without {other}, of which it is a part. "
                f'Name the column: {other} = "...", or remove {key}.'
            )
    beside = [key for key in ("horizon", "gap", "history", "group") if key in given]
    if "within" in given and beside:
        raise SettingsError(
            f"[split] within: found '{given['within']}' beside {beside[0]} = "
            f"{given[beside[0]]!r}, which windows of time alone have. Remove one of them."
        )


def _refuse_numbers(settings: "Split", scheme: str, task: Task) -> None:
    """Raise SettingsError for folds, repeats and bins that the scheme cannot have."""
    if settings.repeats > 1 and (
        scheme not in DRAWN or (scheme == "group" and settings.numbering == kfold.SCIKIT_LEARN)
    ):
        raise SettingsError(
            f"[split] repeats: found {settings.repeats}, but folds of scheme '{scheme}' are the "
            "same every time; allowed is 1. Set repeats = 1, in the presets too."
        )
    single = scheme in ("column", "own") or (scheme == "time" and settings.within is None)
    if settings.folds < 2 and not single:
        raise SettingsError(
            f"[split] folds: found {settings.folds}, but folds of scheme '{scheme}' validate all "
            "rows in turn; allowed are 2 to 50. Set folds = 5."
        )
    if settings.bins == 1 or (settings.bins and task != "regression"):
        raise SettingsError(
            f"[split] bins: found {settings.bins} of a {task} target; allowed are 2 to 100 bins of "
            "a regression one, or 0. Correct the value, or remove the line."
        )


# -- folds drawn at random -------------------------------------------------------------------------


def _drawn(settings: "Split", scheme: str, load: Loaded) -> list[Fold]:
    """Once per repeat, every row validated once in each."""
    y = load.y
    groups = split_groups(settings, load) if "group" in scheme else None
    check_size(settings, y, groups)
    classes: np.ndarray | None = y if load.problem.classes is not None else None
    if settings.bins:
        classes = kfold.quantile_bins(y, settings.bins)
    rows = Rows(classes, groups, len(y))
    folds: list[Fold] = []
    for repeat in range(settings.repeats):
        numbers = kfold.draw(settings, scheme, rows, _seed(settings, repeat))
        refuse_empty_folds(settings, repeat, numbers)
        folds += folds_of(repeat, numbers)
    return folds


def _seed(settings: "Split", repeat: int) -> int:
    """Of a repeat; scikit-learn's numbering is that of random_state = seed, seed + 1, ..."""
    if settings.numbering == kfold.SCIKIT_LEARN:
        return settings.seed + repeat
    (seed,) = np.random.SeedSequence([settings.seed, repeat]).generate_state(1).tolist()
    return int(seed)


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


def refuse_empty_folds(settings: "Split", repeat: int, numbers: np.ndarray) -> None:
    """Raise DataError where a fold is empty, which only groups can bring about."""
    empty = np.flatnonzero(np.bincount(numbers, minlength=settings.folds) == 0)
    if len(empty) > 0:
        raise DataError(
            f"train: fold {empty[0]} of repeat {repeat} got no rows, as the groups in column "
            f"'{settings.group}' are too uneven for {settings.folds} folds. "
            "Lower [split] folds, or name another group."
        )


# -- folds that are the same every time ------------------------------------------------------------


def _fixed(settings: "Split", scheme: str, load: Loaded) -> list[Fold]:
    """Windows or blocks of time, the folds of a column, or the competition's own."""
    if scheme == "column":
        numbers = fold_numbers(str(settings.column), load)
        return _checked(f"[split] column = '{settings.column}'", pairs_of(numbers), len(numbers))
    names = time_columns(settings)
    times = row_times(names, load) if names else np.empty(0)
    where = described(names)
    if scheme == "own":
        pairs = own.own_pairs(str(settings.own), load)
        folds = _checked(f"[split] own = '{settings.own}'", pairs, len(load.y))
        if names:
            _refuse_future(settings, times, pairs)
        return folds
    if settings.within is not None:
        numbers = windows.blocks(times, settings.within, settings.folds, where)
        return _checked(where, pairs_of(numbers), len(numbers))
    pairs = _windows(settings).pairs(times, where)
    if settings.group is not None:
        pairs = _without_groups(pairs, split_groups(settings, load))
    return _checked(f"windows of {where}", pairs, len(times))


def _windows(settings: "Split") -> Windows:
    keys = ("horizon", "gap", "history")
    lengths = {key: getattr(settings, key) for key in keys if getattr(settings, key) is not None}
    return Windows(settings.folds, **{key: parse_length(each) for key, each in lengths.items()})


def _without_groups(pairs: Sequence[Pair], groups: np.ndarray) -> list[Pair]:
    """Training rows of a group that the fold validates are left out."""
    return [(train[~np.isin(groups[train], groups[valid])], valid) for train, valid in pairs]


def pairs_of(numbers: np.ndarray) -> list[Pair]:
    """The rows of each fold by fold number (n,); -1 is in training alone."""
    return [(fold.train, fold.valid) for fold in folds_of(0, numbers)]


def _checked(where: str, pairs: Sequence[Pair], rows: int) -> list[Fold]:
    """Raise DataError for folds without rows, with a row on both sides, or validated twice."""
    validated = np.full(rows, -1)
    for number, (train, valid) in enumerate(pairs):
        for side, found in (("trains on", train), ("validates", valid)):
            if not len(found):
                raise DataError(
                    f"{where}: fold {number} {side} no rows; allowed is at least one. Correct it, "
                    "or leave the fold out."
                )
        both = np.intersect1d(train, valid)
        if len(both):
            raise DataError(
                f"{where}: fold {number} trains on {count(len(both), 'row')} that it validates, "
                f"row {both[0]:,} (counted from 0) for one. Take them out of one of the two."
            )
        twice = valid[validated[valid] >= 0]
        if len(twice):
            raise DataError(
                f"{where}: folds {validated[twice[0]]} and {number} overlap: both validate row "
                f"{twice[0]:,} (counted from 0). Validate each row once at most."
            )
        validated[valid] = number
    return [Fold(0, number, train, valid) for number, (train, valid) in enumerate(pairs)]


def _refuse_future(settings: "Split", times: np.ndarray, pairs: Sequence[Pair]) -> None:
    number = windows.future_in_training(times, pairs)
    if number is not None:
        train, valid = pairs[number]
        last, first = windows.shown(times[train].max()), windows.shown(times[valid].min())
        raise DataError(
            f"[split] own = '{settings.own}': fold {number} trains on the future: by "
            f"{described(time_columns(settings))} its training rows reach {last}, and the rows "
            f"that it validates begin at {first}. Train on earlier rows alone, or remove [split] "
            "time."
        )


def missing_classes(problem: Problem, y: np.ndarray, folds: Sequence[Fold]) -> list[str]:
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
