"""What is wrong with a result, seen from the right one: a factor, a sign, a shape, a number."""

from dataclasses import dataclass
from typing import Any

import numpy as np

RTOL, ATOL = 1e-6, 1e-8


@dataclass(frozen=True)
class Verdict:
    """Whether an answer is right, and what there is to say about it."""

    correct: bool
    message: str

    def __repr__(self) -> str:
        return self.message


def agrees(found: Any, expected: np.ndarray) -> bool:
    """The same shape and, but for rounding, the same numbers (NaN where NaN is)."""
    found = np.asarray(found)
    return found.shape == expected.shape and bool(
        np.allclose(found.astype(float), expected, RTOL, ATOL, equal_nan=True)
    )


def diagnose(found: Any, expected: np.ndarray, n: int, name: str) -> str | None:
    """One sentence on how `found` differs from `expected`, or None. n: the rows of the batch."""
    if found is None:
        return f"{name} is None: is the `return` missing? Expected is shape {expected.shape}."
    try:
        array = np.asarray(found, dtype=float)
    except (TypeError, ValueError):
        return f"{name} is {type(found).__name__}, but should be numbers of shape {expected.shape}."
    if agrees(array, expected):
        return None
    for judge in (_shape, _not_finite, _nothing, _factor, _offset):
        if message := judge(array, expected, n):
            return f"{name} {message}"
    return f"{name} {_single_numbers(array, expected)}"


def _shape(found: np.ndarray, expected: np.ndarray, n: int) -> str | None:
    if found.shape == expected.shape:
        return _transposed(found, expected) if found.ndim == 2 else None
    shapes = f"has shape {found.shape}, expected is {expected.shape}"
    if found.size == expected.size == 0 or found.size != expected.size:
        return f"{shapes}: along which axis is the sum or the mean?"
    if found.ndim == expected.ndim == 2 and agrees(found.T, expected):
        return f"{shapes}: it is transposed."
    return f"{shapes}: the numbers fit, but reshape them (or leave out keepdims)."


def _transposed(found: np.ndarray, expected: np.ndarray) -> str | None:
    square = expected.shape[0] == expected.shape[1]
    return "is transposed: swap rows and columns." if square and agrees(found.T, expected) else None


def _not_finite(found: np.ndarray, expected: np.ndarray, n: int) -> str | None:
    bad = ~np.isfinite(found)
    if not bad.any() or not np.isfinite(expected).all():
        return None
    share = "everywhere" if bad.all() else f"in {bad.sum()} of {bad.size} places"
    return f"is not a finite number {share}: does exp overflow, or is it the log of 0?"


def _nothing(found: np.ndarray, expected: np.ndarray, n: int) -> str | None:
    if found.any() or not expected.any():
        return None
    return "is 0 everywhere: is it computed at all, or set to 0 afterwards?"


def _factor(found: np.ndarray, expected: np.ndarray, n: int) -> str | None:
    """found = c · expected, with a reason for the usual c."""
    if not expected.any():
        return None
    c = float(np.sum(found * expected) / np.sum(expected * expected))
    if not np.allclose(found, c * expected, 1e-4, ATOL) or np.isclose(c, 0):
        return None
    reasons = {
        -1.0: "has the wrong sign: is the difference taken the other way round?",
        float(n): f"is off by a factor n = {n}: it is a sum, the mean is asked for.",
        1 / n: f"is off by a factor 1/n, n = {n}: is the mean taken twice?",
        2.0: "is twice what it should be: the derivative of ½ e² is e, and that of e² is 2 e.",
        0.5: "is half of what it should be: the derivative of e² is 2 e.",
        2.0 * n: f"is off by a factor 2n, n = {n}: a sum for a mean, and a factor 2 too much.",
        n / 2: f"is off by a factor n/2, n = {n}: a sum for a mean, and a factor 2 is missing.",
    }
    for usual, reason in reasons.items():
        for sign in (1, -1):
            if np.isclose(c, sign * usual, 1e-4):
                opposite = usual != -1 and sign == -1
                return reason + (" And it has the wrong sign." if opposite else "")
    return f"is {c:.4g} times what it should be."


def _offset(found: np.ndarray, expected: np.ndarray, n: int) -> str | None:
    difference = found - expected
    if expected.size < 3 or not np.allclose(difference, difference.flat[0], 1e-6, ATOL):
        return None
    return f"is {difference.flat[0]:+.4g} off everywhere: is a term missing, or there twice?"


def _single_numbers(found: np.ndarray, expected: np.ndarray) -> str:
    wrong = ~np.isclose(found, expected, RTOL, ATOL)
    place = tuple(int(i) for i in np.argwhere(wrong)[0])
    where = f" at {list(place)}" if place else ""
    count = "all" if wrong.all() else f"{wrong.sum()} of {wrong.size}"
    return (
        f"differs in {count} numbers; the first{where}: found {found[place]:.6g}, expected "
        f"{expected[place]:.6g}."
    )
