"""Every known row has its say, the more the more alike it is: f(x) = k(x)ᵀ (K + σ²I)⁻¹ y.

That is the mean of a Gaussian process given noisy values y (Rasmussen and Williams 2006, equation
2.25), and kernel ridge regression too. length_scales.py says what is alike, and how it is learned:
by descent, where one step costs n³, hence steps on batches of rows.
"""

from collections.abc import Iterator
from functools import partial
from typing import Any, Self

import numpy as np

from pipeline.from_scratch import inputs
from pipeline.from_scratch.activations import sigmoid
from pipeline.from_scratch.estimator import Classifier, Estimator, Regressor
from pipeline.from_scratch.length_scales import (
    Judge,
    Kernel,
    leave_one_out,
    loss_and_gradient,
    squared_error,
    surprise,
)
from pipeline.from_scratch.logistic_regression import LogisticRegression
from pipeline.from_scratch.optimizers import Adam
from pipeline.from_scratch.schedules import cosine

CHUNK = 512  # rows predicted at a time; of more, memory is asked for anew in every step
START = np.log([1.0, 0.1, 0.1])  # s², c and σ², for y of variance 1


def spread_sample(y: np.ndarray, most: int, rng: np.random.Generator) -> np.ndarray:
    """Numbers of `most` of the rows, y of them spread as that of all; least and largest y too.

    Rows in the order of y are cut into `most` equal parts, and each part draws one of its rows.
    """
    if len(y) <= most:
        return np.arange(len(y))
    edges = np.linspace(0, len(y), most + 1).astype(int)
    drawn = rng.integers(edges[:-1], edges[1:])
    drawn[0], drawn[-1] = 0, len(y) - 1
    return np.sort(np.argsort(y, kind="stable")[drawn])


def quick_slope(
    theta: np.ndarray, X: np.ndarray, Y: np.ndarray, judge: Judge, exponent: float
) -> tuple[float, np.ndarray]:
    """loss_and_gradient in float32, digits enough for a step; in float64 where K asks for them.

    theta (d + 3,), X (n, d), Y (n, k) -> loss, slope (d + 3,).
    """
    try:
        rough = X.astype(np.float32), Y.astype(np.float32)
        return loss_and_gradient(theta, *rough, judge, exponent)
    except np.linalg.LinAlgError:  # next to no noise: rounding has left K without an inverse
        return loss_and_gradient(theta, X, Y, judge, exponent)


class GaussianProcess(Estimator):
    """What classifier and regressor share: the kernel's learning and the weight of each row.

    Columns are expected in comparable units. The first length scales are equal; `steps` of Adam,
    each on `batch_size` rows, then move apart those of the columns that matter. Few steps restrain:
    with more of them the length scales fit the rows too well. A low `exponent` lets f bend sharply,
    which answers that are yes or no, or marks, ask for. Of more than `most_rows` rows a
    seeded sample of that many is all that it learns from, for time grows as n³ and memory as n².

    Learns length_scale_ (d,), signal_, constant_, noise_, rows_ (n, d), weights_ (n, k) and
    loss_curve_ (one value a step).
    """

    def __init__(
        self,
        *,
        steps: int = 60,
        lr: float = 0.1,
        batch_size: int = 800,
        exponent: float = 0.6,
        most_rows: int = 5000,
        seed: int = 0,
    ) -> None:
        self.steps, self.lr, self.batch_size = steps, lr, batch_size
        self.exponent, self.most_rows, self.seed = exponent, most_rows, seed

    def _solve(self, X: np.ndarray, Y: np.ndarray, judge: Judge, rng: Any) -> np.ndarray:
        """Learn from X (n, d) and Y (n, k); returns the leave-one-out predictions (n, k)."""
        self.rows_, self.center_ = X, X.mean(axis=0, dtype=np.float64)
        X = X - self.center_  # distances stay, and keep more of their digits
        theta = np.append(np.full(X.shape[1], -np.log(2 * X.var(axis=0).sum() or 1)), START)
        losses, adam = [], Adam(self.lr, betas=(0.9, 0.99))
        for step, batch in enumerate(self._batches(len(X), rng)):
            adam.lr = self.lr * cosine(step / self.steps)
            loss, gradient = quick_slope(theta, X[batch], Y[batch], judge, self.exponent)
            adam.update(theta, gradient)
            losses.append(loss)
        kernel = Kernel.of(theta, self.exponent)
        self.length_scale_, self.signal_, self.constant_, self.noise_, _ = kernel
        self.loss_curve_ = np.array(losses)
        Q = kernel.inverse(kernel.between(X, X))
        self.weights_ = Q @ Y
        return leave_one_out(Q, Y)

    def _batches(self, n: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
        """For each step its rows: no row a second time before nearly all were there once."""
        order = np.empty(0, dtype=int)
        for _ in range(self.steps):
            if len(order) < min(self.batch_size, n):
                order = rng.permutation(n)
            yield order[: self.batch_size]
            order = order[self.batch_size :]

    def _mean(self, X: Any) -> np.ndarray:
        """f(x) of each row: (m, d) -> (m, k), float64."""
        self._require_fit("weights_")
        X = self._known_features(X) - self.center_
        scale, exponent = self.length_scale_, self.exponent
        kernel = Kernel(scale, self.signal_, self.constant_, self.noise_, exponent)
        rows, chunks = self.rows_ - self.center_, range(0, len(X), CHUNK)
        return np.vstack([kernel.between(X[i : i + CHUNK], rows) @ self.weights_ for i in chunks])

    def _check_parameters(self) -> None:
        self._require_whole(0, "steps")
        self._require_whole(2, "batch_size", "most_rows")
        self._require("lr", lambda lr: lr > 0, "numbers above 0")
        self._require("exponent", lambda p: 0 < p <= 2, "numbers above 0, up to 2")


class GaussianProcessRegressor(GaussianProcess, Regressor):
    """y as a smooth function of the rows; learns mean_ and spread_ of y besides."""

    def fit(self, X: Any, y: Any) -> Self:
        """X (n, d), y (n,) -> self."""
        self._check_parameters()
        X = self._learn_features(X)
        y, rng = inputs.targets(y, len(X)), np.random.default_rng(self.seed)
        sample = spread_sample(y, self.most_rows, rng)
        self.mean_, self.spread_ = float(y[sample].mean()), float(y[sample].std() or 1)
        Y = (y[sample, None] - self.mean_) / self.spread_
        self._solve(X[sample], Y, squared_error, rng)
        return self

    def predict(self, X: Any) -> np.ndarray:
        """X (m, d) -> (m,), float64."""
        return self._mean(X)[:, 0] * self.spread_ + self.mean_


class GaussianProcessClassifier(GaussianProcess, Classifier):
    """A regression on -1 and 1, and a sigmoid that makes probabilities of it.

    The sigmoid, p = sigmoid(a f + b), is fitted on the leave-one-out predictions (Rasmussen and
    Williams 2006, section 6.5; Platt 2000). Of k > 2 classes each has a regression against the
    rest, all with one kernel, and the k probabilities are divided by their sum. `steepness`: how
    sharply the loss that chooses the length scales tells right from wrong.

    Learns classes_ (k,) and sigmoid_ (k, 2), one row for two classes, besides.
    """

    def __init__(
        self,
        *,
        steps: int = 60,
        lr: float = 0.1,
        batch_size: int = 800,
        exponent: float = 0.6,
        steepness: float = 3.0,
        most_rows: int = 5000,
        seed: int = 0,
    ) -> None:
        super().__init__(
            steps=steps,
            lr=lr,
            batch_size=batch_size,
            exponent=exponent,
            most_rows=most_rows,
            seed=seed,
        )
        self.steepness = steepness

    def fit(self, X: Any, y: Any) -> Self:
        """X (n, d), y (n,) of numbers or text -> self."""
        self._check_parameters()
        self._require("steepness", lambda found: found > 0, "numbers above 0")
        X = self._learn_features(X)
        self.classes_, codes = inputs.labels(y, len(X))
        rng = np.random.default_rng(self.seed)
        sample = spread_sample(codes, self.most_rows, rng)
        own = np.arange(len(self.classes_)) if len(self.classes_) > 2 else np.array([1])
        Y = np.where(codes[sample, None] == own, 1.0, -1.0)
        F = self._solve(X[sample], Y, partial(surprise, steepness=self.steepness), rng)
        self.sigmoid_ = np.array([fitted_sigmoid(f, t > 0) for f, t in zip(F.T, Y.T, strict=True)])
        return self

    def predict_proba(self, X: Any) -> np.ndarray:
        """X (m, d) -> (m, k), each row summing to 1, float64."""
        f = self._mean(X)
        slope, intercept = self.sigmoid_.T
        p = sigmoid(f * slope + intercept)
        return np.hstack([1 - p, p]) if p.shape[1] == 1 else p / p.sum(axis=1, keepdims=True)

    def predict(self, X: Any) -> np.ndarray:
        """X (m, d) -> the likeliest class, (m,)."""
        p = self.predict_proba(X)
        return self.classes_[p.argmax(axis=1)]


def fitted_sigmoid(f: np.ndarray, label: np.ndarray) -> tuple[float, float]:
    """a, b of P(label) = sigmoid(a f + b), a not below 0; f (n,), label (n,) of booleans."""
    share = (label.sum() + 1) / (len(label) + 2)
    nothing_known = 0.0, float(np.log(share / (1 - share)))
    if label.all() or not label.any():
        return nothing_known
    line = LogisticRegression(l2=1e-4).fit(f[:, None], label)
    slope, intercept = float(line.coef_[0, 0]), float(line.intercept_[0])
    return (slope, intercept) if slope > 0 else nothing_known
