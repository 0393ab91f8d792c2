"""A competition's own way to split: `split(frame)` in pipeline/competitions/NAME.py.

It is given the training table, the target among its columns (as numbers where the file has such),
and returns or yields pairs of row numbers, (rows to train on, rows to validate): what `split` of
scikit-learn's splitters gives.
"""

from typing import Any

import numpy as np

from pipeline.errors import SettingsError
from pipeline.own_functions import own_module, reporting
from pipeline.problem import Loaded
from pipeline.splitting.windows import Pair
from pipeline.wording import some

CALL = "split(frame)"
MOST_FOLDS = 50


def own_pairs(name: str, load: Loaded) -> list[Pair]:
    """Each fold's row numbers, ascending. Raises SettingsError for what is no split, DataError
    where the function fails."""
    where, module = f"[split] own = '{name}'", own_module(name, CALL, "[split] own")
    kept = load.train_with_target()
    frame = kept.copy()
    with reporting(name, CALL):
        found = list(module.split(frame))
    if not frame.equals(kept):
        raise SettingsError(
            f"{where}: split(frame) changed the frame that it was given. Begin it with "
            "frame = frame.copy(), or compute columns apart."
        )
    if not 1 <= len(found) <= MOST_FOLDS:
        raise SettingsError(
            f"{where}: split(frame) gave {len(found):,} folds; allowed are 1 to {MOST_FOLDS}. "
            "Return a list of pairs (rows to train on, rows to validate)."
        )
    return [_pair(where, number, each, len(frame)) for number, each in enumerate(found)]


def _pair(where: str, number: int, found: Any, rows: int) -> Pair:
    try:
        train, valid = found
    except (TypeError, ValueError):
        raise SettingsError(
            f"{where}: fold {number} is {_shown(found)}; allowed is a pair of row numbers (rows to "
            "train on, rows to validate)."
        ) from None
    sides = {"trains on": train, "validates": valid}
    one, other = (_row_numbers(where, number, side, each, rows) for side, each in sides.items())
    return one, other


def _row_numbers(where: str, number: int, side: str, found: Any, rows: int) -> np.ndarray:
    """Ascending int64."""
    numbers = np.asarray(found)
    start = f"{where}: what fold {number} {side}"
    if numbers.ndim != 1 or (len(numbers) and numbers.dtype.kind not in "iu"):
        mask = numbers.dtype.kind == "b"
        raise SettingsError(
            f"{start} is {_shown(found)}; allowed are whole numbers of rows, 0 to {rows - 1:,}"
            + (": np.flatnonzero(mask) makes them of a mask." if mask else ".")
        )
    numbers = np.sort(numbers.astype(np.int64))
    if len(numbers) and (numbers[0] < 0 or numbers[-1] >= rows):
        wrong = numbers[0] if numbers[0] < 0 else numbers[-1]
        raise SettingsError(
            f"{start} has row {wrong:,}; the training table has rows 0 to {rows - 1:,}. Return "
            "places of rows, not labels of the index or ids."
        )
    if (np.diff(numbers) == 0).any():
        twice = numbers[:-1][np.diff(numbers) == 0]
        raise SettingsError(
            f"{start} has row {some([f'{row:,}' for row in twice.tolist()], 1)} twice. Return each "
            "row once."
        )
    return numbers


def _shown(found: Any) -> str:
    """What was found, in short."""
    text = " ".join(repr(found).split())
    return f"{type(found).__name__} {text[:60]}{'...' if len(text) > 60 else ''}"
