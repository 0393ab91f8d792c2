"""An exercise whose answer is a class with fit and predict: a model for the leaderboard."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from pipeline.exercises.diagnosis import Verdict

Data = tuple[np.ndarray, np.ndarray]  # X (n, d), y (n,) of 0 and 1
MARGIN = 0.03  # of accuracy below the reference: chance, or another path to the minimum


@dataclass(frozen=True)
class OwnClass:
    """`reference(X, y, X_new)` predicts classes; the answer has to do about as well.

    `data` draws rows that the model should be able to learn.
    """

    name: str
    data: Callable[[np.random.Generator], Data]
    reference: Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]

    def check(self, answer: type) -> Verdict:
        """How the class does on new rows, and whether it keeps to the interface."""
        X, y = self.data(np.random.default_rng(0))
        half = len(y) // 2
        given = X[:half].copy(), y[:half].copy()
        try:
            with np.errstate(all="ignore"):
                model = answer()
                returned = model.fit(*given)
                predicted = positive(model, X[half:])
                second = answer()
                second.fit(X[:half].copy(), y[:half].copy())
                again = positive(second, X[half:])
        except Exception as error:  # whatever a learner's code raises is part of the answer
            return Verdict(False, _raised(error, self.name))
        expected = self.reference(X[:half], y[:half], X[half:])
        judges = (
            lambda: None if returned is model else "fit should end with `return self`.",
            lambda: _kept((X[:half], y[:half]), given),
            lambda: _form(predicted, len(y) - half),
            lambda: _repeatable(predicted, again),
            lambda: _quality(predicted, expected, y[half:]),
        )
        for judge in judges:
            if message := judge():
                return Verdict(False, message)
        accuracy = np.mean((predicted > 0.5) == y[half:])
        return Verdict(True, f"Correct: accuracy {accuracy:.3f} on {len(y) - half} new rows.")


def positive(model: Any, X: np.ndarray) -> np.ndarray:
    """The probability of class 1, (n,): by predict_proba where there is one, else the class."""
    if not hasattr(model, "predict_proba"):
        return np.asarray(model.predict(X), dtype=float)
    p = np.asarray(model.predict_proba(X), dtype=float)
    return p[:, 1] if p.ndim == 2 and p.shape[1] == 2 else p


def _raised(error: Exception, name: str) -> str:
    return (
        f"{type(error).__name__}: {error}. The check calls {name}().fit(X, y), then "
        "predict_proba(X) or predict(X)."
    )


def _kept(original: Data, given: Data) -> str | None:
    for name, before, after in zip("Xy", original, given, strict=True):
        if not np.array_equal(before, after):
            return f"fit changed {name}: compute with a copy."
    return None


def _form(p: np.ndarray, n: int) -> str | None:
    if p.shape != (n,):
        return (
            f"The prediction of {n} rows has shape {p.shape}; expected is ({n},), or ({n}, 2) of "
            "predict_proba."
        )
    if not np.isfinite(p).all():
        return "The predictions are not finite: the learning rate is too large, or exp overflows."
    if p.min() < 0 or p.max() > 1:
        return f"Probabilities lie between 0 and 1; found {p.min():.3g} to {p.max():.3g}."
    return None


def _repeatable(one: np.ndarray, other: np.ndarray) -> str | None:
    if np.allclose(one, other):
        return None
    return "A second fit predicts otherwise: draw random numbers from np.random.default_rng(seed)."


def _quality(p: np.ndarray, expected: np.ndarray, y: np.ndarray) -> str | None:
    accuracy, aim = np.mean((p > 0.5) == y), np.mean(expected == y)
    if accuracy >= aim - MARGIN:
        return None
    result = f"Accuracy {accuracy:.3f}; the library's has {aim:.3f}."
    if len(np.unique(p > 0.5)) == 1:
        return f"{result} All rows get the same class: are the weights changed at all?"
    if 1 - accuracy >= aim - MARGIN:
        return f"{result} It predicts the opposite class: a sign, in the step or in the prediction."
    hint = "It learns, but not enough: more epochs, another learning rate, and is there a bias?"
    return f"{result} {hint}"
