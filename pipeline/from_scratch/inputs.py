"""What `fit` and `predict` accept; everything else ends in one clear sentence, a ValueError.

scikit-learn's own phrases are kept where its tools look for them, and its TypeError for a value
that is not even text.
"""

import warnings
from typing import Any

import numpy as np

from pipeline.from_scratch import scikit_learn


def features(
    X: Any, *, estimator: str, width: int | None = None, missing: bool = False
) -> np.ndarray:
    """X as floats (n, d), n and d at least 1, d equal to `width` where that is given.

    All are finite, but for NaN where values may be `missing`. float32 stays float32, every other
    number becomes float64; nothing is copied without need.
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
    _require_finite(X, "X", missing=missing)
    return X


def column_names(X: Any) -> np.ndarray | None:
    """A data frame's column names (d,) where they are text, else None."""
    columns = list(getattr(X, "columns", ()))
    text = [isinstance(name, str) for name in columns]
    if any(text) and not all(text):
        raise TypeError(
            "Feature names are only supported if all input features have string names, but X "
            f"also has the column {columns[text.index(False)]!r}: rename it, or pass X.to_numpy()."
        )
    return np.array(columns, dtype=object) if columns and all(text) else None


def require_names(found: np.ndarray | None, known: np.ndarray | None, *, estimator: str) -> None:
    """ValueError where the columns are not those of `fit`, a warning where only one has names."""
    if found is None and known is not None:
        told = f"X does not have valid feature names, but {estimator} was fitted with feature names"
        warnings.warn(told, stacklevel=4)
    elif found is not None and known is None:
        told = f"X has feature names, but {estimator} was fitted without feature names"
        warnings.warn(told, stacklevel=4)
    elif found is not None and known is not None and not np.array_equal(found, known):
        told = _listed("Feature names unseen at fit time", set(found) - set(known))
        told += _listed("Feature names seen at fit time, yet now missing", set(known) - set(found))
        told = told or "Feature names must be in the same order as they were in fit.\n"
        raise ValueError(
            f"The feature names should match those that were passed during fit.\n{told}"
        )


def targets(y: Any, n: int) -> np.ndarray:
    """y as finite float64 (n,)."""
    y = _floats(column(y, n), "y").astype(np.float64, copy=False)
    _require_finite(y, "y")
    return y


def labels(y: Any, n: int, classes: Any = None) -> tuple[np.ndarray, np.ndarray]:
    """y (n,) -> the sorted classes (k,), k at least 2, and each row's class number (n,).

    Classes may be given; then a label outside them is refused. Text becomes NumPy's own text.
    """
    y = _whole_or_text(column(y, n))
    found = np.unique(y)
    classes = found if classes is None else np.unique(_whole_or_text(np.asarray(classes)))
    unknown = found[~np.isin(found, classes)]
    if len(unknown):
        raise ValueError(
            f"y holds the class {unknown[0].item()!r}; allowed are {classes.tolist()}."
        )
    if len(classes) < 2:
        only = classes[0].item()
        raise ValueError(f"y holds one class only, {only!r}: a classifier needs two or more.")
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
    if w.min() < 0 or w.max() == 0:
        found = f"a negative one, {w.min():g}" if w.min() < 0 else "nothing but zero"
        raise ValueError(f"sample_weight: found {found}; allowed are 0 and more, one above 0.")
    w = w / w.max()  # so that no sum of them overflows
    return w * (n / w.sum())


def column(y: Any, n: int) -> np.ndarray:
    """y as an array (n,); one column (n, 1) is taken for that, with a warning."""
    if y is None:
        raise ValueError("This estimator requires y to be passed, but the target y is None.")
    y = np.asarray(y)
    if y.shape == (n, 1):
        told = "A column-vector y was passed when a 1d array was expected: pass y.ravel()."
        warnings.warn(told, scikit_learn.conversion_warning(), stacklevel=4)
        y = y[:, 0]
    if y.shape != (n,):
        raise ValueError(f"y has shape {y.shape}, expected is ({n},), one value for each row of X.")
    return y


def _floats(values: Any, name: str) -> np.ndarray:
    array = np.asarray(values)
    if array.dtype.kind == "c":
        raise ValueError(f"Complex data not supported: {name} has dtype {array.dtype}.")
    if array.dtype == np.float32:
        return array
    try:
        return array.astype(np.float64, copy=False)
    except (TypeError, ValueError, OverflowError) as error:
        kind = TypeError if isinstance(error, TypeError) else ValueError
        raise kind(f"{name}: every value must be a number ({error}).") from None


def _whole_or_text(y: np.ndarray) -> np.ndarray:
    """y of booleans, whole numbers or text, and of no Python objects; ValueError for other y."""
    if y.dtype == object:
        if len({isinstance(label, str) for label in y}) == 2:
            raise ValueError("Unknown label type: y mixes text with other values, or lacks some.")
        y = np.array(y.tolist())
    if y.dtype.kind not in "biufUS":
        raise ValueError(f"Unknown label type: y has dtype {y.dtype}; allowed are numbers or text.")
    if y.dtype.kind == "f":
        _require_finite(y, "y")
        if np.any(y != np.floor(y)):
            raise ValueError("Unknown label type: y holds fractions; allowed are whole numbers.")
    return y


def _require_finite(array: np.ndarray, name: str, *, missing: bool = False) -> None:
    with np.errstate(all="ignore"):
        if np.isfinite(array.sum()):  # one fast pass: a NaN or infinity anywhere survives a sum
            return
    finite = ~np.isinf(array) if missing else np.isfinite(array)
    if not finite.all():
        where = np.argwhere(~finite)[0]
        place = f"row {where[0]}" + (f", column {where[1]}" if array.ndim == 2 else "")
        found, allowed = "NaN or infinity", "finite numbers: fill or drop missing values first."
        if missing:
            found, allowed = "infinity", "finite numbers and NaN."
        raise ValueError(
            f"{name} holds {found}, first in {place} ({array[tuple(where)]}). Allowed are {allowed}"
        )


def _listed(what: str, found: set[str]) -> str:
    """The heading and up to five of the names, in lines; nothing where there is none."""
    return f"{what}:\n- " + "\n- ".join(sorted(found)[:5]) + "\n" if found else ""
