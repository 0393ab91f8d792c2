"""Gradient boosting with symmetric (oblivious) trees: all nodes of a level share one split.

A tree of depth 7 is seven splits, x_j >= c, and 128 leaf values, one for each combination of their
outcomes. Each tree is fitted to the residuals t - p or y - f, the negative gradient of the loss
(Friedman 2001). Sharing the splits regularises a tree far more than a split per node would, which
helps on small tables (oblivious trees: Kohavi and Li 1995; boosted, as in CatBoost: Prokhorenkova
et al. 2018, arXiv:1706.09516). Time grows as rows x columns x outputs: a second for 300 trees on
3,000 rows of 25 columns and two classes, 40 s on 80,000 rows.
"""

from collections.abc import Callable
from typing import Any, NamedTuple, Self

import numpy as np

from pipeline.engines import inputs
from pipeline.engines.binning import bin_edges, bin_numbers
from pipeline.engines.estimator import Classifier, Estimator, Regressor, is_integer
from pipeline.engines.magnitude import mean_and_std
from pipeline.from_scratch.activations import identity, sigmoid, softmax
from pipeline.from_scratch.losses import (
    binary_cross_entropy,
    cross_entropy,
    label_distribution,
    mean_squared_error,
)

MAX_DEPTH = 16


class Splits(NamedTuple):
    """All candidate splits of the rows, and each row's bin numbers between them.

    Split q sends the rows with x >= `threshold` (q,) in `column` (q,) to the right. A missing value
    is greater than any number, and a column's last threshold, inf, separates it. Bins are numbered
    consecutively over all columns: `bins` (n, d) are those of the rows; the right side of a split
    begins at the bin `first` (q,) and ends before `end` (q,), the next column's first bin.
    """

    bins: np.ndarray
    column: np.ndarray
    threshold: np.ndarray
    first: np.ndarray
    end: np.ndarray

    @classmethod
    def of(cls, X: np.ndarray, max_bins: int) -> "Splits":
        """X (n, d), NaN for missing; columns with more than `max_bins` values are binned."""
        edges = bin_edges(X, max_bins)
        counts = np.array([len(column_edges) + 1 for column_edges in edges])
        end = np.cumsum(counts + 1)
        start = end - counts - 1
        column = np.repeat(np.arange(len(edges)), counts)
        threshold = np.concatenate([np.append(column_edges, np.inf) for column_edges in edges])
        first = np.delete(np.arange(end[-1]), start)
        return cls(bin_numbers(X, edges) + start, column, threshold, first, end[column])

    def grow(self, residuals: np.ndarray, depth: int, l2: float) -> tuple[np.ndarray, np.ndarray]:
        """A tree, greedily: residuals (n, k) -> numbers of its splits (depth,), leaf (n,) of rows.

        Each split maximises Σ (Σ r)² / (rows + l2) over leaves and outputs. With l2 = 0 that is the
        decrease of Σ r² when each leaf predicts its mean. (With second derivatives instead of row
        counts, as in a Newton step, the splits are worse on small tables.)

        Histograms are computed for the side with fewer rows; the other side's are the difference.
        """
        n = len(residuals)
        chosen, leaf = np.empty(depth, dtype=np.int64), np.zeros(n, dtype=np.int64)
        sums = self._right_sums(np.arange(n), leaf, residuals, 1)
        for level in range(depth):
            chosen[level] = split = _best_split(sums, l2)
            right = self.bins[:, self.column[split]] >= self.first[split]
            if level + 1 < depth:
                right_is_smaller = 2 * np.count_nonzero(right) <= n
                rows = np.flatnonzero(right == right_is_smaller)
                smaller = self._right_sums(rows, leaf[rows], residuals[rows], 2**level)
                larger = sums - smaller
                sides = (larger, smaller) if right_is_smaller else (smaller, larger)
                sums = np.stack(sides, axis=-1).reshape(*sums.shape[:2], -1)
            leaf = 2 * leaf + right
        return chosen, leaf

    def _right_sums(
        self, rows: np.ndarray, leaf: np.ndarray, residuals: np.ndarray, leaves: int
    ) -> np.ndarray:
        """By split and leaf, how many of the rows (m,) are on the right, and their residuals' sums.

        leaf (m,), residuals (m, k) -> (1 + k, q + 1, leaves); the last of q + 1 is of all rows.
        """
        cell = (self.bins[rows] * leaves + leaf[:, None]).ravel()
        n_bins, d = int(self.end[-1]), self.bins.shape[1]
        cumulative = np.zeros((1 + residuals.shape[1], n_bins + 1, leaves))
        for number, r in enumerate([None, *residuals.T]):
            weights = None if r is None else np.repeat(r, d)
            histogram = np.bincount(cell, weights, minlength=n_bins * leaves)
            np.cumsum(histogram.reshape(n_bins, leaves), axis=0, out=cumulative[number, 1:])
        right = np.empty((len(cumulative), len(self.column) + 1, leaves))
        np.subtract(cumulative[:, self.end], cumulative[:, self.first], out=right[:, :-1])
        right[:, -1] = cumulative[:, self.end[0]]
        return right


def _best_split(sums: np.ndarray, l2: float) -> int:
    """The split of largest gain; sums (1 + k, q + 1, leaves) as in Splits.grow."""
    right = sums[:, :-1]
    gain = np.zeros(right.shape[1])
    for side in (sums[:, -1:] - right, right):
        gain += (side[1:] ** 2 / (side[0] + l2)).sum(axis=(0, 2))
    return int(np.argmax(gain))


class BoostingLoss(NamedTuple):
    """A mean over rows whose derivative by f is p - t, up to 1 / n.

    `inverse_link`: f (n, k) -> p (n, k). `hessian`: p -> the second derivative by each output
    (n, k). `value`: p and t (n, k) -> the loss. `max_step`: the largest Newton step.
    """

    inverse_link: Callable[[np.ndarray], np.ndarray]
    hessian: Callable[[np.ndarray], np.ndarray]
    value: Callable[[np.ndarray, np.ndarray], float]
    max_step: float = 2.0


SQUARED_ERROR = BoostingLoss(
    identity, np.ones_like, lambda y, t: mean_squared_error(y, t) / 2, np.inf
)
BINARY = BoostingLoss(sigmoid, lambda p: p * (1 - p), binary_cross_entropy)
# all k logits are updated at once, hence steps of (k - 1) / k (Friedman 2001, section 4.6)
MULTICLASS = BoostingLoss(
    softmax, lambda p: p * (1 - p) * p.shape[1] / (p.shape[1] - 1), cross_entropy
)


class SymmetricTrees(Estimator):
    """What classifier and regressor share: f(x) = baseline + Σ over the trees of x's leaf value.

    `n_trees` trees of `depth` splits each, whose cost doubles with each level; `lr`: the learning
    rate that leaf values are multiplied by. `bins`: columns with more values are cut into that many
    bins. `l2`: added to the row count (or second derivative) of each leaf, which shrinks the values
    of leaves with few rows.

    X may contain NaN, which is greater than any number, also in columns without NaN in `fit`.
    Fitting is deterministic, so that there is no seed.

    Learns baseline_ (k,), columns_ and thresholds_ (trees, depth), values_ (trees, 2^depth, k),
    where a leaf's number has one binary digit per split, and loss_curve_ (trees,), before each.
    """

    _allow_nan = True
    _allow_nonfinite = ("thresholds_",)

    def __init__(
        self,
        *,
        n_trees: int = 300,
        lr: float = 0.05,
        depth: int = 7,
        bins: int = 32,
        l2: float = 3.0,
    ) -> None:
        self.n_trees, self.lr, self.depth, self.bins, self.l2 = n_trees, lr, depth, bins, l2

    def set_state(self, state: dict[str, np.ndarray]) -> Self:
        """Restore the trees of another fit; ValueError if the arrays are inconsistent."""
        super().set_state(state)
        trees, depth = self.columns_.shape
        if self.thresholds_.shape != (trees, depth) or self.values_.shape[:2] != (trees, 2**depth):
            raise ValueError("columns_, thresholds_ and values_ have inconsistent shapes.")
        columns, d = self.columns_, self.n_features_in_
        if columns.dtype.kind != "i" or ((columns < 0) | (columns >= d)).any():
            raise ValueError(f"columns_ must be integers from 0 to {self.n_features_in_ - 1}.")
        return self

    def _boost(
        self, X: np.ndarray, T: np.ndarray, baseline: np.ndarray, loss: BoostingLoss, steps: int
    ) -> None:
        """Fit to X (n, d) and the targets T (n, k), 0 and 1 or values; baseline (k,)."""
        splits, F = Splits.of(X, self.bins), np.tile(baseline, (len(X), 1))
        trees, values, losses = [], [], []
        for _ in range(self.n_trees):
            p = loss.inverse_link(F)
            losses.append(loss.value(p, T))
            tree, leaf = splits.grow(T - p, self.depth, self.l2)
            trees.append(tree)
            values.append(self.lr * self._leaf_values(T, F, leaf, loss, steps))
            F = F + values[-1][leaf]
        self.columns_, self.thresholds_ = splits.column[trees], splits.threshold[trees]
        self.baseline_, self.values_, self.loss_curve_ = (
            baseline,
            np.array(values),
            np.array(losses),
        )

    def _leaf_values(
        self, T: np.ndarray, F: np.ndarray, leaf: np.ndarray, loss: BoostingLoss, steps: int
    ) -> np.ndarray:
        """The values (leaves, k) that, added to the F (n, k) of each leaf's rows, lower the loss.

        A Newton step is Σ (t - p) / (Σ hessian + l2). Where p is close to 0 or 1 the second
        derivative is so small that the step could overshoot, hence `max_step`.
        """
        value = np.zeros((2**self.depth, T.shape[1]))
        for _ in range(steps):
            p = loss.inverse_link(F + value[leaf])
            residuals, hessian = (
                _leaf_sums(each, leaf, len(value)) for each in (T - p, loss.hessian(p))
            )
            value += np.clip(residuals / (hessian + self.l2), -loss.max_step, loss.max_step)
        return value

    def _raw_predict(self, X: Any) -> np.ndarray:
        """X (m, d) -> f (m, k)."""
        self._require_fitted("values_")
        X = self._predict_features(X)
        F = np.tile(self.baseline_, (len(X), 1))
        trees = zip(self.columns_, self.thresholds_, self.values_, strict=True)
        for columns, thresholds, values in trees:
            leaf = np.zeros(len(X), dtype=np.int64)
            for column, threshold in zip(columns, thresholds, strict=True):
                leaf = 2 * leaf + ~(X[:, column] < threshold)  # right for NaN, too
            F += values[leaf]
        return F

    def _check_parameters(self) -> None:
        self._require_integers(1, "n_trees")
        self._require_integers(2, "bins")
        allowed = f"integers from 1 to {MAX_DEPTH}, because each level doubles the leaves"
        self._require("depth", lambda found: is_integer(found, 1) and found <= MAX_DEPTH, allowed)
        self._require("lr", lambda lr: 0 < lr <= 1, "numbers > 0 and <= 1")
        self._require("l2", lambda l2: l2 > 0, "numbers > 0")


class SymmetricTreesRegressor(SymmetricTrees, Regressor):
    """Least squares: a leaf's value is its mean residual, shrunk by l2.

    loss_curve_ is relative to the variance of y.
    """

    def fit(self, X: Any, y: Any) -> Self:
        """X (n, d), NaN for missing, y (n,) -> self."""
        self._check_parameters()
        X = self._fit_features(X)
        y = inputs.check_targets(y, len(X))
        mean, std = mean_and_std(y)
        self._boost(X, ((y - mean) / std)[:, None], np.zeros(1), SQUARED_ERROR, steps=1)
        self.baseline_, self.values_ = np.array([mean]), self.values_ * std
        return self

    def predict(self, X: Any) -> np.ndarray:
        """X (m, d) -> (m,), float64."""
        return self._raw_predict(X)[:, 0]


class SymmetricTreesClassifier(SymmetricTrees, Classifier):
    """Cross-entropy: the leaf values sum to logits. For k > 2 classes each leaf has k values.

    A leaf's value is `lr` times the result of `newton_steps` Newton steps (CatBoost's
    leaf_estimation_iterations). Many steps converge to the class frequencies of the leaf, and `l2`
    then only slows them down. Also learns classes_ (k,).
    """

    def __init__(
        self,
        *,
        n_trees: int = 300,
        lr: float = 0.05,
        depth: int = 7,
        bins: int = 32,
        l2: float = 3.0,
        newton_steps: int = 10,
    ) -> None:
        super().__init__(n_trees=n_trees, lr=lr, depth=depth, bins=bins, l2=l2)
        self.newton_steps = newton_steps

    def fit(self, X: Any, y: Any) -> Self:
        """X (n, d), NaN for missing, y (n,) of numbers or text -> self."""
        self._check_parameters()
        self._require_integers(1, "newton_steps")
        X = self._fit_features(X)
        self.classes_, codes = inputs.encode_labels(y, len(X))
        T = label_distribution(codes, (len(X), len(self.classes_)))
        baseline, loss = np.log(T.mean(axis=0)), MULTICLASS
        if len(self.classes_) == 2:
            T, baseline, loss = T[:, 1:], baseline[1:] - baseline[:1], BINARY
        self._boost(X, T, baseline, loss, self.newton_steps)
        return self

    def predict_proba(self, X: Any) -> np.ndarray:
        """X (m, d) -> (m, k), each row summing to 1, float64."""
        F = self._raw_predict(X)
        return np.hstack([sigmoid(-F), sigmoid(F)]) if F.shape[1] == 1 else softmax(F)


def _leaf_sums(values: np.ndarray, leaf: np.ndarray, leaves: int) -> np.ndarray:
    """values (n, k) -> the sum of each leaf's rows, (leaves, k)."""
    return np.stack([np.bincount(leaf, v, minlength=leaves) for v in values.T], axis=1)
