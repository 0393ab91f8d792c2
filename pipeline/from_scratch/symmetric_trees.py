"""Boosting of trees that ask one question a level, all leaves the same: is column j at least c?

A tree of depth 7 is seven questions and 128 numbers, one for each way to answer them. Tree after
tree corrects what those before it leave, t - p or y - f, the downhill slope of the loss (Friedman
2001). That a question must serve all leaves at once restrains a tree far more than a choice in each
would, which small tables thank (oblivious trees: Kohavi and Li 1995; boosted, as CatBoost's:
Prokhorenkova et al. 2018, arXiv:1706.09516). Time grows as rows x columns x outputs: a second
for 300 trees on 3,000 rows of 25 columns and two classes, 40 s on 80,000 rows.
"""

from collections.abc import Callable
from typing import Any, NamedTuple, Self

import numpy as np

from pipeline.from_scratch import inputs
from pipeline.from_scratch.activations import identity, sigmoid, softmax
from pipeline.from_scratch.binning import bin_edges, bin_numbers
from pipeline.from_scratch.estimator import Classifier, Estimator, Regressor, whole
from pipeline.from_scratch.losses import (
    binary_cross_entropy,
    cross_entropy,
    distribution,
    mean_squared_error,
)

DEEPEST = 16


class Cuts(NamedTuple):
    """All questions that may be asked of the rows: q cuts, and the rows' place between them.

    `column` (q,) and `threshold` (q,): yes is x >= threshold. A missing value lies above all, and a
    column's last threshold, inf, asks for it. The levels between cuts are numbered through from
    column to column: `codes` (n, d) of the rows; yes begins at `level` (q,) and ends before `end`
    (q,), the next column's first.
    """

    codes: np.ndarray
    column: np.ndarray
    threshold: np.ndarray
    level: np.ndarray
    end: np.ndarray

    @classmethod
    def of(cls, X: np.ndarray, bins: int) -> "Cuts":
        """X (n, d), NaN for missing; columns with more than `bins` values are cut at quantiles."""
        edges = bin_edges(X, bins)
        cuts = np.array([len(between) + 1 for between in edges])
        end = np.cumsum(cuts + 1)
        first = end - cuts - 1
        column = np.repeat(np.arange(len(edges)), cuts)
        threshold = np.concatenate([np.append(between, np.inf) for between in edges])
        level = np.delete(np.arange(end[-1]), first)
        return cls(bin_numbers(X, edges) + first, column, threshold, level, end[column])

    def grow(self, residuals: np.ndarray, depth: int, l2: float) -> tuple[np.ndarray, np.ndarray]:
        """The tree of the questions that tell most: residuals (n, k) -> cuts (depth,), leaf (n,).

        Each question is the one with the most Σ (Σ r)² / (rows + l2), over leaves and outputs. With
        l2 = 0 that is how far Σ r² falls where each leaf answers with its mean. (Curvature in the
        place of rows, as a Newton step would have it, finds worse questions on small tables.)

        Sums are taken of those who answer in the rarer way; what is left belongs to the others.
        """
        n = len(residuals)
        asked, leaf = np.empty(depth, dtype=np.int64), np.zeros(n, dtype=np.int64)
        sums = self._sums(np.arange(n), leaf, residuals, 1)
        for number in range(depth):
            asked[number] = cut = _best(sums, l2)
            answer = self.codes[:, self.column[cut]] >= self.level[cut]
            if number + 1 < depth:
                rarer = 2 * np.count_nonzero(answer) <= n
                few = np.flatnonzero(answer == rarer)
                half = self._sums(few, leaf[few], residuals[few], 2**number)
                pair = (sums - half, half) if rarer else (half, sums - half)
                sums = np.stack(pair, axis=-1).reshape(*sums.shape[:2], -1)
            leaf = 2 * leaf + answer
        return asked, leaf

    def _sums(
        self, rows: np.ndarray, leaf: np.ndarray, residuals: np.ndarray, leaves: int
    ) -> np.ndarray:
        """By leaf, how many of the rows (m,) say yes to each cut, and sums of their residuals.

        leaf (m,), residuals (m, k) -> (1 + k, q + 1, leaves); after the cuts those of all rows.
        """
        place = (self.codes[rows] * leaves + leaf[:, None]).ravel()
        levels, d = int(self.end[-1]), self.codes.shape[1]
        below = np.zeros((1 + residuals.shape[1], levels + 1, leaves))  # sums of all levels before
        for number, r in enumerate([None, *residuals.T]):
            weights = None if r is None else np.repeat(r, d)
            cells = np.bincount(place, weights, minlength=levels * leaves)
            np.cumsum(cells.reshape(levels, leaves), axis=0, out=below[number, 1:])
        yes = np.empty((len(below), len(self.column) + 1, leaves))
        np.subtract(below[:, self.end], below[:, self.level], out=yes[:, :-1])
        yes[:, -1] = below[:, self.end[0]]
        return yes


def _best(sums: np.ndarray, l2: float) -> int:
    """The cut that tells most; sums (1 + k, q + 1, leaves) as from Cuts.grow."""
    yes = sums[:, :-1]
    told = np.zeros(yes.shape[1])
    for side in (sums[:, -1:] - yes, yes):
        told += (side[1:] ** 2 / (side[0] + l2)).sum(axis=(0, 2))
    return int(np.argmax(told))


class Loss(NamedTuple):
    """A mean over rows whose slope by f is p - t, up to 1 / n.

    `response`: f (n, k) -> p (n, k). `bend`: p -> the second derivative (n, k), of each output
    alone. `value`: p and t (n, k) -> the loss. `reach`: how far one Newton step may go.
    """

    response: Callable[[np.ndarray], np.ndarray]
    bend: Callable[[np.ndarray], np.ndarray]
    value: Callable[[np.ndarray, np.ndarray], float]
    reach: float = 2.0


SQUARES = Loss(identity, np.ones_like, lambda y, t: mean_squared_error(y, t) / 2, np.inf)
TWO_CLASSES = Loss(sigmoid, lambda p: p * (1 - p), binary_cross_entropy)
# all k logits move at once, each as if alone: (k - 1) / k of a step (Friedman 2001, section 4.6)
CLASSES = Loss(softmax, lambda p: p * (1 - p) * p.shape[1] / (p.shape[1] - 1), cross_entropy)


class SymmetricTrees(Estimator):
    """What classifier and regressor share: f(x) = start + Σ over the trees of x's leaf's value.

    `n_trees` trees of `depth` questions each, which cost twice as much a level; `lr`: how much of
    its correction a tree makes. `bins`: a column with more values is cut into as many levels. `l2`:
    rows without an opinion in each leaf; the more, the less a leaf of few rows says.

    X may hold NaN, which lies above all other values, in columns that had none in `fit` too. No
    chance is in it, so that it takes no seed.

    Learns start_ (k,), columns_ and thresholds_ (trees, depth), values_ (trees, 2^depth, k), where
    a leaf's number is its answers, read as binary digits, and loss_curve_ (trees,), before each.
    """

    _missing_allowed = True
    _maybe_infinite = ("thresholds_",)

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
        """Take over the trees of another fit; ValueError where a question or a leaf is missing."""
        super().set_state(state)
        trees, depth = self.columns_.shape
        if self.thresholds_.shape != (trees, depth) or self.values_.shape[:2] != (trees, 2**depth):
            raise ValueError("columns_, thresholds_ and values_ are not of the same trees.")
        columns, d = self.columns_, self.n_features_in_
        if columns.dtype.kind != "i" or ((columns < 0) | (columns >= d)).any():
            raise ValueError(f"columns_ must be whole numbers below {self.n_features_in_}.")
        return self

    def _boost(
        self, X: np.ndarray, T: np.ndarray, start: np.ndarray, loss: Loss, steps: int
    ) -> None:
        """Learn from X (n, d) and T (n, k), 0 and 1 or values; start (k,)."""
        cuts, F = Cuts.of(X, self.bins), np.tile(start, (len(X), 1))
        trees, values, losses = [], [], []
        for _ in range(self.n_trees):
            p = loss.response(F)
            losses.append(loss.value(p, T))
            asked, leaf = cuts.grow(T - p, self.depth, self.l2)
            trees.append(asked)
            values.append(self.lr * self._leaf_values(T, F, leaf, loss, steps))
            F = F + values[-1][leaf]
        self.columns_, self.thresholds_ = cuts.column[trees], cuts.threshold[trees]
        self.start_, self.values_, self.loss_curve_ = start, np.array(values), np.array(losses)

    def _leaf_values(
        self, T: np.ndarray, F: np.ndarray, leaf: np.ndarray, loss: Loss, steps: int
    ) -> np.ndarray:
        """What each leaf would add to the F (n, k) of its rows by itself, (leaves, k).

        A Newton step is Σ (t - p) / (Σ bend + l2). Where p is next to 0 or 1 the loss bends so
        little that a step could go too far to come back from: hence its `reach`.
        """
        value = np.zeros((2**self.depth, T.shape[1]))
        for _ in range(steps):
            p = loss.response(F + value[leaf])
            down, bend = (_sums(each, leaf, len(value)) for each in (T - p, loss.bend(p)))
            value += np.clip(down / (bend + self.l2), -loss.reach, loss.reach)
        return value

    def _f(self, X: Any) -> np.ndarray:
        """X (m, d) -> f (m, k)."""
        self._require_fit("values_")
        X = self._known_features(X)
        F = np.tile(self.start_, (len(X), 1))
        trees = zip(self.columns_, self.thresholds_, self.values_, strict=True)
        for columns, thresholds, values in trees:
            leaf = np.zeros(len(X), dtype=np.int64)
            for column, threshold in zip(columns, thresholds, strict=True):
                leaf = 2 * leaf + ~(X[:, column] < threshold)  # a missing value is below nothing
            F += values[leaf]
        return F

    def _check_parameters(self) -> None:
        self._require_whole(1, "n_trees")
        self._require_whole(2, "bins")
        allowed = f"whole numbers, 1 to {DEEPEST}: each more doubles the leaves"
        self._require("depth", lambda found: whole(found, 1) and found <= DEEPEST, allowed)
        self._require("lr", lambda lr: 0 < lr <= 1, "numbers above 0, up to 1")
        self._require("l2", lambda l2: l2 > 0, "numbers above 0")


class SymmetricTreesRegressor(SymmetricTrees, Regressor):
    """Least squares: a tree answers with the mean residual of each leaf, shrunken by l2.

    loss_curve_ is in units of the variance of y.
    """

    def fit(self, X: Any, y: Any) -> Self:
        """X (n, d), NaN for missing, y (n,) -> self."""
        self._check_parameters()
        X = self._learn_features(X)
        y = inputs.targets(y, len(X))[:, None]
        mean, spread = y.mean(axis=0), y.std() or 1.0
        self._boost(X, (y - mean) / spread, np.zeros(1), SQUARES, steps=1)
        self.start_, self.values_ = mean, self.values_ * spread
        return self

    def predict(self, X: Any) -> np.ndarray:
        """X (m, d) -> (m,), float64."""
        return self._f(X)[:, 0]


class SymmetricTreesClassifier(SymmetricTrees, Classifier):
    """Cross-entropy: trees add up to logits. Of k > 2 classes all share a tree's questions.

    A leaf adds `lr` times where `newton_steps` lead to: with many of them to the classes' shares in
    the leaf, `l2` being no more than a brake then; ten go far where all rows agree (they are
    CatBoost's leaf_estimation_iterations). Learns classes_ (k,) besides.
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
        self._require_whole(1, "newton_steps")
        X = self._learn_features(X)
        self.classes_, codes = inputs.labels(y, len(X))
        T = distribution(codes, (len(X), len(self.classes_)))
        start, loss = np.log(T.mean(axis=0)), CLASSES
        if len(self.classes_) == 2:
            T, start, loss = T[:, 1:], start[1:] - start[:1], TWO_CLASSES
        self._boost(X, T, start, loss, self.newton_steps)
        return self

    def predict_proba(self, X: Any) -> np.ndarray:
        """X (m, d) -> (m, k), each row summing to 1, float64."""
        F = self._f(X)
        return np.hstack([sigmoid(-F), sigmoid(F)]) if F.shape[1] == 1 else softmax(F)

    def predict(self, X: Any) -> np.ndarray:
        """X (m, d) -> the likeliest class, (m,)."""
        p = self.predict_proba(X)
        return self.classes_[p.argmax(axis=1)]


def _sums(values: np.ndarray, leaf: np.ndarray, leaves: int) -> np.ndarray:
    """values (n, k) -> the sum of each leaf's rows, (leaves, k)."""
    return np.stack([np.bincount(leaf, v, minlength=leaves) for v in values.T], axis=1)
