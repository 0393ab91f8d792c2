"""Validation of the arguments of `fit` and `predict`: invalid ones raise a ValueError.

Messages use scikit-learn's wording where its tools look for it, as does the TypeError for values
that are neither numbers nor text.
"""

import warnings
from typing import Any

import numpy as np

from pipeline.engines import scikit_learn


def check_features(
    X: Any, *, estimator: str, n_features: int | None = None, allow_nan: bool = False
) -> np.ndarray:
    """X as floats (n, d), n and d at least 1, d equal to `n_features` if given.

    All values are finite, or NaN with `allow_nan`. float32 stays float32, every other type becomes
    float64; X is copied only if it has to be converted.
    """
    if hasattr(X, "toarray"):
        raise ValueError("X is a sparse matrix: pass a dense one, X.toarray().")
    X = _floats(X, "X")
    if X.ndim != 2:
        raise ValueError(
            f"X has shape {X.shape}, expected 2 dimensions (rows, features). "
            "Reshape your data: X.reshape(-1, 1) for one feature, X.reshape(1, -1) for one row."
        )
    if 0 in X.shape:
        raise ValueError(
            f"Found array with {X.shape[0]} sample(s) and {X.shape[1]} feature(s) "
            f"(shape={X.shape}) while a minimum of 1 is required."
        )
    if n_features is not None and X.shape[1] != n_features:
        raise ValueError(
            f"X has {X.shape[1]} features, but {estimator} is expecting {n_features} features as "
            "input."
        )
    _require_finite(X, "X", allow_nan=allow_nan)
    return X


def feature_names(X: Any) -> np.ndarray | None:
    """A data frame's column names (d,) if they are strings, else None."""
    columns = list(getattr(X, "columns", ()))
    text = [isinstance(name, str) for name in columns]
    if any(text) and not all(text):
        raise TypeError(
            "Feature names are only supported if all input features have string names, but X "
            f"also has the column {columns[text.index(False)]!r}: rename it, or pass X.to_numpy()."
        )
    return np.array(columns, dtype=object) if columns and all(text) else None


def check_feature_names(
    found: np.ndarray | None, expected: np.ndarray | None, *, estimator: str
) -> None:
    """ValueError if the names are not those of `fit`, a warning if only one of them has names."""
    if found is None and expected is not None:
        warnings.warn(
            f"X does not have valid feature names, but {estimator} was fitted with feature names",
            stacklevel=4,
        )
    elif found is not None and expected is None:
        warnings.warn(
            f"X has feature names, but {estimator} was fitted without feature names", stacklevel=4
        )
    elif found is not None and expected is not None and not np.array_equal(found, expected):
        unseen, missing = set(found) - set(expected), set(expected) - set(found)
        message = _listed("Feature names unseen at fit time", unseen)
        message += _listed("Feature names seen at fit time, yet now missing", missing)
        message = message or "Feature names must be in the same order as they were in fit.\n"
        raise ValueError(
            f"The feature names should match those that were passed during fit.\n{message}"
        )


def check_targets(y: Any, n: int) -> np.ndarray:
    """y as finite float64 (n,)."""
    y = _floats(column_or_1d(y, n), "y").astype(np.float64, copy=False)
    _require_finite(y, "y")
    return y


def encode_labels(y: Any, n: int, classes: Any = None) -> tuple[np.ndarray, np.ndarray]:
    """y (n,) -> the sorted classes (k,), k at least 2, and each row's class number (n,).

    ValueError for a label that is not among the given `classes`. Text becomes NumPy's string dtype.
    """
    y = _integers_or_text(column_or_1d(y, n))
    found = np.unique(y)
    classes = found if classes is None else np.unique(_integers_or_text(np.asarray(classes)))
    unknown = found[~np.isin(found, classes)]
    if len(unknown):
        raise ValueError(
            f"y contains the class {unknown[0].item()!r}; allowed are {classes.tolist()}."
        )
    if len(classes) < 2:
        only = classes[0].item()
        raise ValueError(f"y contains only one class, {only!r}: a classifier needs two or more.")
    return classes, np.searchsorted(classes, y)


def check_sample_weight(sample_weight: Any, n: int) -> np.ndarray:
    """sample_weight (n,), non-negative, as float64 scaled to mean 1; all 1 if it is None."""
    if sample_weight is None:
        return np.ones(n)
    w = _floats(sample_weight, "sample_weight").astype(np.float64, copy=False)
    if w.shape != (n,):
        raise ValueError(
            f"sample_weight has shape {w.shape}, expected ({n},), one weight for each row."
        )
    _require_finite(w, "sample_weight")
    if w.min() < 0 or w.max() == 0:
        found = f"the negative value {w.min():g}" if w.min() < 0 else "only zeros"
        raise ValueError(
            f"sample_weight: found {found}; allowed are numbers >= 0, at least one of them > 0."
        )
    w = w / w.max()  # so that their sum cannot overflow
    return w * (n / w.sum())


def column_or_1d(y: Any, n: int) -> np.ndarray:
    """y as an array (n,); a single column (n, 1) is accepted with a warning."""
    if y is None:
        raise ValueError("This estimator requires y to be passed, but the target y is None.")
    y = np.asarray(y)
    if y.shape == (n, 1):
        warnings.warn(
            "A column-vector y was passed when a 1d array was expected: pass y.ravel().",
            scikit_learn.conversion_warning(),
            stacklevel=4,
        )
        y = y[:, 0]
    if y.shape != (n,):
        raise ValueError(f"y has shape {y.shape}, expected ({n},), one value for each row of X.")
    return y


def _floats(values: Any, name: str) -> np.ndarray:
    array = np.asarray(values)
    if array.dtype.kind == "c":
        raise ValueError(f"Complex data not supported: {name} has dtype {array.dtype}.")
    if array.dtype.kind in "mM":
        raise ValueError(
            f"{name} has dtype {array.dtype}; allowed are numbers. Turn dates into numbers first, "
            "such as days since 2020."
        )
    if array.dtype == np.float32:
        return array
    try:
        return array.astype(np.float64, copy=False)
    except (TypeError, ValueError, OverflowError) as error:
        kind = TypeError if isinstance(error, TypeError) else ValueError
        raise kind(f"{name}: every value must be a number ({error}).") from None


def _integers_or_text(y: np.ndarray) -> np.ndarray:
    """y with a NumPy dtype of booleans, integral numbers or text; ValueError for other y."""
    if y.dtype == object:
        if len({isinstance(label, str) for label in y}) == 2:
            raise ValueError(
                "Unknown label type: y mixes text with other values, or has missing ones."
            )
        y = np.array(y.tolist())
    if y.dtype.kind not in "biufUS":
        raise ValueError(f"Unknown label type: y has dtype {y.dtype}; allowed are numbers or text.")
    if y.dtype.kind == "f":
        _require_finite(y, "y")
        if np.any(y != np.floor(y)):
            raise ValueError("Unknown label type: y contains fractions; allowed are whole numbers.")
    return y


def _require_finite(array: np.ndarray, name: str, *, allow_nan: bool = False) -> None:
    with np.errstate(all="ignore"):
        if np.isfinite(array.sum()):  # one fast pass: NaN and infinity propagate to the sum
            return
    valid = ~np.isinf(array) if allow_nan else np.isfinite(array)
    if not valid.all():
        where = np.argwhere(~valid)[0]
        place = f"row {where[0]}" + (f", column {where[1]}" if array.ndim == 2 else "")
        found, allowed = "NaN or infinity", "finite numbers: fill or drop missing values first."
        if allow_nan:
            found, allowed = "infinity", "finite numbers and NaN."
        raise ValueError(
            f"{name} contains {found}, first in {place} ({array[tuple(where)]}). "
            f"Allowed are {allowed}"
        )


def _listed(what: str, found: set[str]) -> str:
    """A heading and up to five of the names, one per line; empty without names."""
    return f"{what}:\n- " + "\n- ".join(sorted(found)[:5]) + "\n" if found else ""
