"""What a text's words say of the target: ridge regression on TF-IDF, cross-fitted.

The main directions of TF-IDF are those in which texts differ most, with no look at the target;
where hundreds of words each say a little, these few miss most of it. A linear model of all terms
does not. As with target means, a row's own label enters none of its features: training rows are
scored by fits on other inner folds.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pipeline.encoding import View
from pipeline.encoding.columns import CodedColumn
from pipeline.encoding.distribution import Distribution
from pipeline.encoding.scaling import Scaling
from pipeline.encoding.tfidf import Tfidf

if TYPE_CHECKING:
    from scipy import sparse

PENALTY = 1.0  # each text's weights have length 1


@dataclass(frozen=True)
class TextScores:
    """weights · x + intercept, x the TF-IDF of a text; `weights` (outputs, terms).

    `intercept` (outputs,); `scaling` is that of the dense view, one for each output.
    """

    weights: list[list[float]]
    intercept: list[float]
    scaling: list[Scaling]

    def __post_init__(self) -> None:
        """ValueError where the parts do not fit together: they may have been read from a file."""
        if len({len(self.weights), len(self.intercept), len(self.scaling)}) != 1:
            raise ValueError("its scores have other outputs")

    @classmethod
    def fit(
        cls, tfidf: Tfidf, column: CodedColumn, targets: np.ndarray, inner: np.ndarray
    ) -> tuple["TextScores", np.ndarray]:
        """Column and targets (n, outputs) of the training rows -> what scores all other rows, and
        these rows' own scores (n, outputs), cross-fitted over the folds `inner`."""
        rows = tfidf.matrix(column)[column.codes]
        crossed = np.zeros(targets.shape)
        for fold in range(int(inner.max(initial=0)) + 1):
            others, own = np.flatnonzero(inner != fold), np.flatnonzero(inner == fold)
            if len(others) and len(own):
                weights, intercept = _ridge(rows[others], targets[others])
                crossed[own] = rows[own] @ weights.T + intercept
        weights, intercept = _ridge(rows, targets)
        scaling = [
            Scaling.fit(Distribution(*np.unique(output, return_counts=True)), log_skew=np.inf)
            for output in crossed.T
        ]
        return cls(weights.tolist(), intercept.tolist(), scaling), crossed

    def by_value(self, tfidf: Tfidf, column: CodedColumn, view: View) -> np.ndarray:
        """(m + 1, outputs) float64."""
        matrix = tfidf.matrix(column)
        weights = np.array(self.weights).reshape(len(self.intercept), matrix.shape[1])
        return self.in_view(matrix @ weights.T + np.array(self.intercept), view)

    def in_view(self, scores: np.ndarray, view: View) -> np.ndarray:
        """Scores (rows, outputs) as the view has them: the dense one scales them."""
        if view == "tree":
            return scores
        columns = zip(self.scaling, scores.T, strict=True)
        return np.stack([scaling.transform(output) for scaling, output in columns], axis=1)

    def names(self, name: str) -> list[str]:
        outputs = len(self.intercept)
        return [f"{name} score{f' {i + 1}' if outputs > 1 else ''}" for i in range(outputs)]


def _ridge(rows: "sparse.csr_matrix", targets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Weights (outputs, terms) and intercept (outputs,)."""
    from sklearn.linear_model import Ridge

    # in units of the target's spread, so that the solver's tolerance is none of its unit
    unit = np.where(targets.std(axis=0) > 0, targets.std(axis=0), 1.0)
    found = Ridge(alpha=PENALTY, solver="sparse_cg").fit(rows, targets / unit)
    weights = np.reshape(found.coef_, (targets.shape[1], rows.shape[1]))
    return weights * unit[:, np.newaxis], np.atleast_1d(found.intercept_) * unit
