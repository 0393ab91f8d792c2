"""Which extra rows a fold may learn from: none of a validated group, none of a later time."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from pipeline.folds import Fold
from pipeline.problem import ExtraRows, Loaded
from pipeline.splitting.groups import split_groups
from pipeline.splitting.times import held, row_times
from pipeline.wording import count

if TYPE_CHECKING:
    from pipeline.config import Split


def with_allowed_rows(
    settings: "Split", time: Sequence[str], load: Loaded, folds: Sequence[Fold]
) -> tuple[list[Fold], list[str]]:
    """The folds with the extra rows that each may learn from, and notes on what was left out.

    Where the extra rows do not have the columns of groups or times, nothing can be looked at: a
    note says so.
    """
    extra, allowed, notes = load.extra, list(folds), list[str]()
    if extra is None:
        return allowed, notes
    both = _joined([settings.group, *time, *(held(name, load) for name in time)], load, extra)
    if settings.group is not None:
        groups = _groups(settings, both, len(load.y))
        if groups is not None:
            allowed = [_without_groups(fold, *groups) for fold in allowed]
        notes.append(_note(f"[split] group = '{settings.group}'", allowed, groups is not None))
    if time:
        times = _times(time, both, len(load.y))
        if times is not None:
            is_block = settings.within is not None
            allowed = [_without_later(fold, *times, is_block) for fold in allowed]
        named = f"[split] time = {', '.join(map(repr, time))}"
        notes.append(_note(named, allowed, times is not None))
    return allowed, notes


def _joined(names: Sequence[str | None], load: Loaded, extra: ExtraRows) -> Loaded:
    """Train's rows and the extra rows after them, as one table of those columns that are there."""
    import pandas as pd

    asked = list(dict.fromkeys(name for name in names if name))
    tables = (load.train, extra.table)
    parts = [table[[name for name in asked if name in table]] for table in tables]
    return replace(load, train=pd.concat(parts, ignore_index=True))


def _note(line: str, folds: Sequence[Fold], is_known: bool) -> str:
    """What a line of the TOML has left of the extra rows, or why it could not look at them."""
    if not is_known:
        return (
            f"extra rows: they lack what {line} reads, so that it cannot be seen whether they "
            "are of a group or a time that a fold validates"
        )
    fewest = min(len(fold.extra) for fold in folds if fold.extra is not None)
    return f"extra rows: {line} leaves a fold {count(fewest, 'row')} of them at least"


def _groups(settings: "Split", both: Loaded, rows: int) -> tuple[np.ndarray, np.ndarray] | None:
    """Numbers of the groups of train (n,) and of the extra rows (e,); None if these have none."""
    assert settings.group is not None
    if both.train[settings.group].iloc[rows:].isna().all():
        return None
    numbers = split_groups(settings, both)
    return numbers[:rows], numbers[rows:]


def _times(names: Sequence[str], both: Loaded, rows: int) -> tuple[np.ndarray, np.ndarray] | None:
    """Times of train (n,) and of the extra rows (e,); None where some of these have none."""
    there = [name for name in names if name in both.train]
    if len(there) < len(names) or both.train[there].iloc[rows:].isna().any(axis=None):
        return None
    times = row_times(names, both)
    return times[:rows], times[rows:]


def _without_groups(fold: Fold, ours: np.ndarray, theirs: np.ndarray) -> Fold:
    known = np.isin(theirs, ours[fold.valid])
    return _allowing(fold, ~known)


def _without_later(fold: Fold, ours: np.ndarray, theirs: np.ndarray, block: bool) -> Fold:
    """Times up to the last that the fold trains on; of blocks, those whose nearest row of train is
    trained on."""
    if not block:
        return _allowing(fold, theirs <= ours[fold.train].max())
    rows = np.concatenate([fold.train, fold.valid])
    order = rows[np.argsort(ours[rows], kind="stable")]
    place = np.searchsorted(ours[order], theirs)
    before, after = order[np.maximum(place - 1, 0)], order[np.minimum(place, len(order) - 1)]
    validated = np.isin([before, after], fold.valid)
    return _allowing(fold, np.asarray(~validated.any(axis=0)))


def _allowing(fold: Fold, allowed: np.ndarray) -> Fold:
    """Those of the extra rows (e,) bool that were allowed before, too."""
    numbers = np.flatnonzero(allowed)
    both = numbers if fold.extra is None else np.intersect1d(fold.extra, numbers)
    return replace(fold, extra=both)
