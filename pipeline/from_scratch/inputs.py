"""What `fit` and `predict` accept; everything else ends in a ValueError of one clear sentence.

scikit-learn's own phrases are kept where its tools look for them.
"""

from typing import Any

import numpy as np


def features(X: Any, *, estimator: str, width: int | None = None) -> np.ndarray:
    """X as finite floats (n, d), n and d at least 1, d equal to `width` where that is given.

    float32 stays float32, every other number becomes float64; nothing is copied without need.
    """
    if hasattr(X, "toarray"):
        raise ValueError("X is a sparse matrix: pass a dense one, X.toarray().")
    X = _floats(X, "X")
    if X.ndim != 2:
        raise ValueError(
            f"X has shape {X.shape}, expected is 2 dimensions (rows, features). "
            "Reshape your data: X.reshape(-1, 1) for one feature, X.reshape(1, -1) for one row."
        )
    if 0 in X.shape:
        raise ValueError(
            f"Found array with {X.shape[0]} sample(s) and {X.shape[1]} feature(s) "
            f"(shape={X.shape}) while a minimum of 1 is required."
        )
    if width is not None and X.shape[1] != width:
        raise ValueError(
            f"X has {X.shape[1]} features, but {estimator} is expecting {width} features as input."
        )
    _require_finite(X, "X")
    return X


def targets(y: Any, n: int) -> np.ndarray:
    """y as finite float64 (n,)."""
    y = _floats(_column(y, n), "y").astype(np.float64, copy=False)
    _require_finite(y, "y")
    return y


def labels(y: Any, n: int, classes: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    """y (n,) -> the sorted classes (k,), k at least 2, and each row's class number (n,).

    Classes may be given; then a label outside them is refused. Text becomes NumPy's own text.
    """
    y = _column(y, n)
    if y.dtype == object:
        y = np.array(y.tolist())
    if y.dtype.kind not in "biufUS":
        raise ValueError(f"Unknown label type: y has dtype {y.dtype}; allowed are numbers or text.")
    if y.dtype.kind == "f":
        _require_finite(y, "y")
        if np.any(y != np.floor(y)):
            raise ValueError("Unknown label type: y holds fractions; allowed are whole numbers.")
    found = np.unique(y)
    classes = found if classes is None else np.unique(np.asarray(classes))
    unknown = found[~np.isin(found, classes)]
    if len(unknown):
        raise ValueError(f"y holds the class {unknown[0]!r}; allowed are {classes.tolist()}.")
    if len(classes) < 2:
        raise ValueError(f"y holds one class only, {classes[0]!r}: a classifier needs two or more.")
    return classes, np.searchsorted(classes, y)


def weights(sample_weight: Any, n: int) -> np.ndarray:
    """sample_weight (n,), not below 0, as float64 scaled to mean 1; all 1 where it is None."""
    if sample_weight is None:
        return np.ones(n)
    w = _floats(sample_weight, "sample_weight").astype(np.float64, copy=False)
    if w.shape != (n,):
        raise ValueError(
            f"sample_weight has shape {w.shape}, expected is ({n},), one for each row."
        )
    _require_finite(w, "sample_weight")
    if w.min() < 0 or w.sum() == 0:
        raise ValueError("sample_weight: found a negative one, or all 0; allowed are 0 and more.")
    return w * (n / w.sum())


def _floats(values: Any, name: str) -> np.ndarray:
    array = np.asarray(values)
    if array.dtype.kind == "c":
        raise ValueError(f"Complex data not supported: {name} has dtype {array.dtype}.")
    if array.dtype == np.float32:
        return array
    try:
        return array.astype(np.float64, copy=False)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name}: every value must be a number ({error}).") from None


def _column(y: Any, n: int) -> np.ndarray:
    if y is None:
        raise ValueError("This estimator requires y to be passed, but the target y is None.")
    y = np.asarray(y)
    if y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    if y.shape != (n,):
        raise ValueError(f"y has shape {y.shape}, expected is ({n},), one value for each row of X.")
    return y


def _require_finite(array: np.ndarray, name: str) -> None:
    with np.errstate(all="ignore"):
        if np.isfinite(array.sum()):  # one fast pass: a NaN or infinity anywhere survives a sum
            return
    finite = np.isfinite(array)
    if not finite.all():
        where = np.argwhere(~finite)[0]
        place = f"row {where[0]}" + (f", column {where[1]}" if array.ndim == 2 else "")
        raise ValueError(
            f"{name} holds NaN or infinity, first in {place} ({array[tuple(where)]}). Allowed are "
            "finite numbers: fill or drop missing values first."
        )
