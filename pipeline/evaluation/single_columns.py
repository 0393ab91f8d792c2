"""How much one column, taken alone, predicts of the target on rows that it was not fitted on.

A column is cut into its levels or many quantile bins; the prediction for a row is the target's mean
in the row's bin over the training rows of the row's fold. So fine bins cost a little and cannot
overfit, and a blend's own predictions can be judged by the same yardstick.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pipeline.exploration.association import middle_ranks
from pipeline.exploration.drift import as_numbers
from pipeline.figures import label
from pipeline.page import number
from pipeline.wording import count

if TYPE_CHECKING:
    import pandas as pd

MOST_BINS = 200
ROWS_A_BIN = 30
SMOOTHING = 5.0  # weight of the overall mean, in rows
CONFIDENCES = 8  # bins of a class's probability
PURE_SHARE, PURE_EXPECTED = 0.15, 30.0  # of the rows; rows of another class, were it by chance


@dataclass(frozen=True)
class Judged:
    """What is to be predicted: y (n,), `classes` (0 for values) and a fold number a row (n,)."""

    y: np.ndarray
    classes: int
    fold: np.ndarray

    @property
    def aims(self) -> np.ndarray:
        """(n, k): an indicator a class; or the ranks, which no outlier can govern, from 0 to 1."""
        if self.classes:
            return np.eye(self.classes)[self.y]
        return (middle_ranks(self.y)[:, np.newaxis] - 0.5) / len(self.y)


def skill(codes: np.ndarray, judged: Judged) -> float:
    """Share of what there is to know that bins (n,) tell: 0 nothing, 1 all, below 0 misleading.

    For classes 1 - log loss / log loss of the class shares; for values R² of the ranks.
    """
    aims = judged.aims
    told = out_of_fold(codes, aims, judged.fold)
    guessed = out_of_fold(np.zeros(len(codes), dtype=np.int64), aims, judged.fold)
    if judged.classes:
        own, base = (-np.log((aims * part).sum(axis=1)).sum() for part in (told, guessed))
    else:
        own, base = (((aims - part) ** 2).sum() for part in (told, guessed))
    return float(1 - own / base) if base > 0 else 0.0


def predictions(codes: np.ndarray, judged: Judged) -> np.ndarray:
    """(n, k) probabilities, or (n, 1) values in the target's own units, as metrics take them."""
    aims = judged.aims if judged.classes else judged.y[:, np.newaxis].astype(float)
    return out_of_fold(codes, aims, judged.fold)


def out_of_fold(codes: np.ndarray, aims: np.ndarray, fold: np.ndarray) -> np.ndarray:
    """Smoothed mean of aims (n, k) in each row's bin over the rows of all other folds, (n, k)."""
    bins, folds = int(codes.max()) + 1, int(fold.max()) + 1
    place = fold * bins + codes
    rows = np.bincount(place, minlength=folds * bins).reshape(folds, bins)
    rows = rows.sum(axis=0) - rows
    means = np.empty(aims.shape)
    for column, aim in enumerate(aims.T):
        sums = np.bincount(place, weights=aim, minlength=folds * bins).reshape(folds, bins)
        sums = sums.sum(axis=0) - sums
        # half a row keeps probabilities off zero where a class is absent
        prior = (sums.sum(axis=1) + 0.5 * aim.mean()) / (rows.sum(axis=1) + 0.5)
        smooth = (sums + SMOOTHING * prior[:, np.newaxis]) / (rows + SMOOTHING)
        means[:, column] = smooth[fold, codes]
    return means


# -- bins ------------------------------------------------------------------------------------------


def column_codes(values: "pd.Series", kind: str) -> np.ndarray:
    """A column's bins (n,): categories by level, all else by quantile; missing is its own."""
    import pandas as pd

    if kind == "category":
        codes = pd.factorize(values)[0]
        return np.where(codes < 0, codes.max(initial=-1) + 1, codes)
    return number_codes(as_numbers(values, kind))


def number_codes(numbers: np.ndarray) -> np.ndarray:
    """Numbers (n,) cut into single values where they are few, else into quantile bins."""
    known = np.unique(numbers[~np.isnan(numbers)])
    most = int(np.clip(len(numbers) // ROWS_A_BIN, 10, MOST_BINS))
    edges = known[1:]
    if len(known) > most:
        shares = np.arange(1, most) / most
        edges = np.unique(np.nanquantile(numbers, shares, method="higher"))
    codes = np.searchsorted(edges, numbers, side="right")
    return np.where(np.isnan(numbers), len(edges) + 1, codes)


def blend_codes(prediction: np.ndarray) -> list[np.ndarray]:
    """Out-of-fold predictions (n, k) as bins, in the ways that may tell most."""
    if prediction.shape[1] <= 2:
        return [number_codes(prediction[:, -1])]
    best = prediction.argmax(axis=1)
    sure = number_codes(prediction.max(axis=1))
    sure = sure * CONFIDENCES // (int(sure.max()) + 1)
    return [best, best * CONFIDENCES + sure]


def best_skills(
    frame: "pd.DataFrame", columns: list[tuple[str, str]], judged: Judged
) -> Iterator[tuple[float, str, np.ndarray]]:
    """(skill, name, bins) of every column, in their order."""
    for name, kind in columns:
        codes = column_codes(frame[name], kind)
        yield skill(codes, judged), name, codes


# -- parts without an exception --------------------------------------------------------------------


def pure_part(values: "pd.Series", kind: str, judged: Judged) -> str:
    """A large part of a column in which every row is of one class, in words; '' if none, or values.

    Parts: missing or not, a level that many rows share or any other.
    """
    if not judged.classes:
        return ""
    shares = np.bincount(judged.y, minlength=judged.classes) / len(judged.y)
    for words, part in _parts(values, kind):
        rows = int(part.sum())
        seen = np.bincount(judged.y[part], minlength=judged.classes)
        # of another class by the shares of all rows
        others = rows * (1 - shares[seen.argmax()])
        if rows >= PURE_SHARE * len(part) and seen.max() == rows and others >= PURE_EXPECTED:
            return (
                f"{words} in {count(rows, 'row')}, and all of them are of one class, where "
                f"{others:,.0f} of another were to be expected"
            )
    return ""


def _parts(values: "pd.Series", kind: str) -> Iterator[tuple[str, np.ndarray]]:
    missing = values.isna().to_numpy()
    if missing.any():
        yield "is missing", missing
        yield "is not missing", ~missing
    if kind not in ("category", "number"):
        return
    counts = values.value_counts()
    for level in counts.index[counts >= PURE_SHARE * len(values)]:
        part = (values == level).to_numpy(dtype=bool, na_value=False)
        shown = number(float(level)) if kind == "number" else f"'{label(level)}'"
        yield f"is {shown}", part
        yield f"is not {shown}", ~part & ~missing
