"""Windows of time: each fold validates one, and trains on rows that lie before it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pipeline.errors import DataError, SettingsError
from pipeline.splitting.lengths import Length, before, end_of, fits
from pipeline.wording import count

Pair = tuple[np.ndarray, np.ndarray]  # row numbers to train on and to validate, ascending


@dataclass(frozen=True)
class Windows:
    """`number` windows at the end of the rows, one after the other, the oldest first.

    Each is `horizon` long, or, without one, has as many rows as there are before the first. Rows
    less than `gap` before a window are left out, as are those more than `history` before that.
    """

    number: int
    horizon: Length | None = None
    gap: Length | None = None
    history: Length | None = None

    def pairs(self, times: np.ndarray, where: str) -> list[Pair]:
        """times (n,) datetime64 or float64 -> each fold's rows; equal times stay together.

        Raises SettingsError for lengths that are none of these times, DataError where the rows are
        too few for the windows; `where` names the columns.
        """
        self._refuse_units(times, where)
        order = np.sort(times)
        found = []
        for place in range(self.number, 0, -1):
            start, end = self._bounds(order, place)
            train, valid = self._rows(times, order, start, end)
            if not len(train):
                raise self._too_many(order, where)
            if not len(valid):
                raise DataError(
                    f"train: the window of {where} from {shown(start)} to {shown(end)} holds no "
                    "rows. Choose another [split] horizon, or fewer folds; left out, horizon "
                    "gives windows of equally many rows."
                )
            found.append((train, valid))
        return found

    def possible(self, times: np.ndarray) -> int:
        """How many of these windows have rows to validate and rows to train on before them."""
        order = np.sort(times)
        for place in range(1, self.number + 1):
            pair = self._rows(times, order, *self._bounds(order, place))
            if not all(map(len, pair)):
                return place - 1
        return self.number

    def _bounds(self, order: np.ndarray, place: int) -> tuple[Any, Any]:
        """Where the window begins and ends, None for after the last row; place 1 is the last."""
        if self.horizon is not None and not self.horizon.is_rows:
            last = end_of(order[-1], self.horizon)
            return before(last, self.horizon, place), before(last, self.horizon, place - 1)
        size = len(order) // (self.number + 1) if self.horizon is None else int(self.horizon.value)
        size = max(1, size)
        start, end = len(order) - place * size, len(order) - (place - 1) * size
        return order[max(0, start)], order[end] if end < len(order) else None

    def _rows(self, times: np.ndarray, order: np.ndarray, start: Any, end: Any) -> Pair:
        """Rows to train on, (n,), and to validate, (m,)."""
        valid = times >= start
        if end is not None:
            valid &= times < end
        limit = _earlier(order, start, self.gap)
        train = times < limit if limit is not None else np.zeros(len(times), dtype=bool)
        if self.history is not None and limit is not None:
            first = _earlier(order, limit, self.history)
            train &= times >= (order[0] if first is None else first)
        return np.flatnonzero(train), np.flatnonzero(valid)

    def _refuse_units(self, times: np.ndarray, where: str) -> None:
        for key in ("horizon", "gap", "history"):
            length = getattr(self, key)
            if length is not None and not length.value and key != "gap":
                raise SettingsError(
                    f"[split] {key}: found {length}; allowed is a length above 0. Correct the "
                    "value, or remove the line."
                )
            if not fits(length, times):
                held, example = (
                    ("dates", '"14 days"') if times.dtype.kind == "M" else ("numbers", "2")
                )
                raise SettingsError(
                    f"[split] {key}: found {length}, but {where} holds {held}; allowed is a length "
                    f'such as {example}, or rows, such as "500 rows". Correct the value.'
                )

    def _too_many(self, order: np.ndarray, where: str) -> DataError:
        most = self.possible(order)
        length = "" if self.horizon is None else f" of {self.horizon}"
        gap = "" if self.gap is None else f", each {self.gap} after the rows that it trains on,"
        advice = f"Set [split] folds to {most}" if most else "Set fewer folds"
        shorter = " or name a shorter horizon or gap" if self.horizon or self.gap else ""
        return DataError(
            f"train: {count(self.number, 'window')}{length}{gap} and rows before the first are "
            f"more than {where} has, from {shown(order[0])} to {shown(order[-1])}: "
            f"{most} fit. {advice}{shorter}."
        )


def _earlier(order: np.ndarray, instant: Any, length: Length | None) -> Any:
    """The instant a length earlier; None where so many rows do not lie before it."""
    if length is None:
        return instant
    if not length.is_rows:
        return before(instant, length)
    place = int(np.searchsorted(order, instant)) - int(length.value)
    return order[place] if place >= 0 else None


def shown(instant: Any) -> str:
    """A date without a midnight, or a number."""
    if isinstance(instant, np.datetime64):
        return str(instant.astype("datetime64[s]")).removesuffix("T00:00:00").replace("T", " ")
    return "the end" if instant is None else f"{instant:g}"


# -- parts of each month, week or day --------------------------------------------------------------

PERIODS = {"year": "months", "month": "days", "week": "weekdays", "day": "hours"}


def places(times: np.ndarray, period: str) -> np.ndarray:
    """Each row's place in its year, month, week or day: month, day, weekday or hour, (n,) int."""
    import pandas as pd

    index = pd.DatetimeIndex(times)
    found = {"year": index.month, "month": index.day, "week": index.day_of_week, "day": index.hour}
    return np.asarray(found[period], dtype=int)


def blocks(times: np.ndarray, period: str, folds: int, where: str) -> np.ndarray:
    """Fold numbers (n,): the days of every month, or the like, cut into blocks one after the other.

    Raises DataError where there are fewer days than folds.
    """
    if times.dtype.kind != "M":
        raise SettingsError(
            f"[split] within: found '{period}', but {where} holds numbers; allowed is a column of "
            "dates. Name one, or remove the line."
        )
    numbers = places(times, period)
    different = np.unique(numbers)
    if len(different) < folds:
        raise DataError(
            f"train: {where} has {count(len(different), 'different place')} "
            f"({PERIODS[period]}) in its {period}, fewer than the {folds} of [split] folds. "
            f"Set [split] folds to {len(different)} or fewer."
        )
    return np.searchsorted(different, numbers) * folds // len(different)


def future_in_training(times: np.ndarray, pairs: Sequence[Pair]) -> int | None:
    """The first pair that trains on a row which is not earlier than one that it validates."""
    for number, (train, valid) in enumerate(pairs):
        if times[train].max() >= times[valid].min():
            return number
    return None
