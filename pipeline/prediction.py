"""What every prediction must be before it is written: whole, finite, and within 0 and 1."""

import numpy as np

from pipeline.errors import DataError

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


def off_rounding(probabilities: np.ndarray) -> np.ndarray:
    """A last digit beyond 0 or 1 is taken off; what lies farther outside is left to be refused."""
    return np.where(_outside(probabilities), probabilities, np.clip(probabilities, 0.0, 1.0))


def _outside(probabilities: np.ndarray) -> np.ndarray:
    return np.abs(probabilities - np.clip(probabilities, 0.0, 1.0)) >= ROUNDING
