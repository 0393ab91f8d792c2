"""What every prediction must be before it is written: whole, finite, and within 0 and 1; and how
many digits of it are kept."""

import numpy as np

from pipeline.errors import DataError
from pipeline.plan import MANY_ROWS

DIGITS = float(np.finfo(np.float32).eps)  # float32 rounds a number by half of that share of it
FINE, LARGEST = 1e-5, 1e30  # what that may be of the targets' standard deviation; and of a target
ROUNDING = 1e-9  # weights that sum to 1 may carry a probability a last digit beyond 0 or 1


def check(prediction: np.ndarray, rows: int, outputs: int, source: str, remedy: str) -> None:
    """(rows, outputs): a probability a class, or the value where `outputs` is 1.

    Raises DataError naming `source`, where the prediction comes from, and the `remedy`.
    """
    wanted = (rows, outputs)
    if prediction.shape != wanted:
        found = f"an array of shape {prediction.shape}, where {wanted} is needed"
    elif unknown := int((~np.isfinite(prediction)).any(axis=1).sum()):
        found = f"no finite number for {unknown:,} of {rows:,} rows"
    elif outputs > 1 and (outside := int(_outside(prediction).any(axis=1).sum())):
        found = f"probabilities below 0 or above 1 for {outside:,} of {rows:,} rows"
    else:
        return
    raise DataError(f"{source} predicts {found}. Nothing of it was written. {remedy}")


def precision(y: np.ndarray, outputs: int) -> np.dtype:
    """What predictions of a training table with the target y (n,) are kept in: float64; of many
    rows float32, half as large, unless values are so close together that it would round them off.
    """
    is_close = False
    if outputs == 1:
        largest, spread = float(np.abs(y).max(initial=0.0)), float(y.std())
        is_close = not DIGITS * largest < FINE * spread or largest > LARGEST
    return np.dtype(np.float64 if len(y) <= MANY_ROWS or is_close else np.float32)


def rounded(prediction: np.ndarray, kind: np.dtype) -> np.ndarray:
    """(..., k) with this precision. Of two classes the probabilities then sum to 1 exactly, so that
    the second tells the first, and the second does not become 1 where it was less."""
    if kind == np.float64:
        return prediction
    found = prediction.astype(kind)
    if found.shape[-1] == 2:
        one, below = found[..., 1], np.nextafter(kind.type(1), kind.type(0))
        one[(one == 1) & (prediction[..., 1] < 1)] = below
        found[..., 0] = 1 - one
    return found


def off_rounding(probabilities: np.ndarray) -> np.ndarray:
    """A last digit beyond 0 or 1 is taken off; what lies farther outside is left to be refused."""
    return np.where(_outside(probabilities), probabilities, np.clip(probabilities, 0.0, 1.0))


def _outside(probabilities: np.ndarray) -> np.ndarray:
    return np.abs(probabilities - np.clip(probabilities, 0.0, 1.0)) >= ROUNDING
