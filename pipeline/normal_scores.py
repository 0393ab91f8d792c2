"""A target by its order alone: a model of means then learns medians, whatever the target's tail.

A median goes along with any transformation that keeps the order, where a mean doesn't; and where
errors are symmetric, as those of normal scores nearly are, the mean is the median.
"""

from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from pipeline.early_stopping import Clusters

if TYPE_CHECKING:
    from pipeline.lookup_matrix import Matrix
    from pipeline.models import State

KNOTS = 1000  # at most; between them it is a straight line


@dataclass(frozen=True)
class NormalScores:
    """y -> Φ⁻¹((rank - ½) / n), equal values with their mean rank  (van der Waerden 1952).

    `values` (m,) of y, ascending, and their `scores` (m,). Back, a score below the least is the
    least value, and one above the greatest the greatest.
    """

    values: np.ndarray
    scores: np.ndarray

    @classmethod
    def fit(cls, y: np.ndarray) -> "NormalScores":
        """Of the training rows' targets y (n,)."""
        values, counts = np.unique(np.asarray(y, dtype=float), return_counts=True)
        ranks = np.cumsum(counts) - counts / 2
        if len(values) > KNOTS:
            chosen = np.searchsorted(ranks, np.linspace(ranks[0], ranks[-1], KNOTS))
            chosen = np.unique(np.minimum(chosen, len(values) - 1))
            values, ranks = values[chosen], ranks[chosen]
        inverse = NormalDist().inv_cdf
        return cls(values, np.array([inverse(rank / len(y)) for rank in ranks.tolist()]))

    def apply(self, y: np.ndarray) -> np.ndarray:
        """y (n,) -> (n,) float64."""
        return np.interp(y, self.values, self.scores)

    def undo(self, scores: np.ndarray) -> np.ndarray:
        """Scores of any shape -> values."""
        return np.interp(scores, self.scores, self.values)


class OfNormalScores:
    """A model of values that learns the normal scores of y, and predicts in the unit of y."""

    def __init__(self, model: Any) -> None:
        self.model = model

    def fit(self, X: "Matrix", y: np.ndarray, clusters: Clusters | None = None) -> Self:
        """X (n, d), y (n,)."""
        self.scores = NormalScores.fit(y)
        self.model.fit(X, self.scores.apply(y), clusters)
        return self

    def predict(self, X: np.ndarray) -> np.ndarray:
        """X (n, d) -> (n, 1)."""
        return self.scores.undo(self.model.predict(X))

    def state(self) -> "State":
        learned = {"values": self.scores.values, "scores": self.scores.scores}
        return {**learned, "model": self.model.state()}

    def set_state(self, state: "State") -> Self:
        values, scores = (np.array(state[name], dtype=float) for name in ("values", "scores"))
        ascending = (np.diff(values) > 0).all() and (np.diff(scores) > 0).all()
        if values.ndim != 1 or values.shape != scores.shape or not len(values) or not ascending:
            raise ValueError("its normal scores do not ascend with the values")
        self.scores = NormalScores(values, scores)
        self.model.set_state(state["model"])
        return self
