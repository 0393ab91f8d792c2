"""A competition's own way to split: `split(frame)` in pipeline/competitions/NAME.py.

It is given the training table, the target among its columns, and returns or yields pairs of row
numbers, (rows to train on, rows to validate): what `split` of scikit-learn's splitters gives.
"""

import importlib
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.errors import SettingsError
from pipeline.problem import Loaded
from pipeline.splitting.windows import Pair
from pipeline.wording import some

MOST_FOLDS = 50


def own_pairs(name: str, load: Loaded) -> list[Pair]:
    """Each fold's row numbers, ascending. Raises SettingsError for what is no split."""
    where, split = f"[split] own = '{name}'", _function(name)
    frame = load.train.copy()
    try:
        found = list(split(frame))
    except Exception as error:
        reason = f"{type(error).__name__}: {' '.join(str(error).split())}"
        raise SettingsError(
            f"{where}: split(frame) raised {reason}{_line(name, error)}. Correct "
            f"pipeline/competitions/{name}.py."
        ) from None
    if not frame.equals(load.train):
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


def _function(name: str) -> Callable[[Any], Any]:
    place = f"pipeline.competitions.{name}"
    try:
        module = importlib.import_module(place)
    except ModuleNotFoundError as error:
        if error.name != place:
            raise
        raise SettingsError(
            f"[split] own: found '{name}', but there is no pipeline/competitions/{name}.py. "
            "Correct the name, or write that file with `split(frame)`."
        ) from None
    except Exception as error:
        raise SettingsError(
            f"[split] own: pipeline/competitions/{name}.py cannot be imported: "
            f"{type(error).__name__}: {error}. Correct it."
        ) from None
    if not hasattr(module, "split"):
        raise SettingsError(
            f"[split] own: pipeline/competitions/{name}.py has no `split(frame)`. Write it: it "
            "returns pairs of row numbers (rows to train on, rows to validate)."
        )
    function: Callable[[Any], Any] = module.split
    return function


def _line(name: str, error: Exception) -> str:
    """The line of the competition's file that raised it."""
    calls = traceback.extract_tb(error.__traceback__)
    lines = [call.lineno for call in calls if Path(call.filename).name == f"{name}.py"]
    return f" (line {lines[-1]})" if lines else ""


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
