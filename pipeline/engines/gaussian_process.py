"""Gaussian process regression and classification: f(x) = k(x)ᵀ (K + σ²I)⁻¹ y.

That is the posterior mean given noisy values y (Rasmussen and Williams 2006, equation 2.25), and
the prediction of kernel ridge regression, too. length_scales.py has the kernel and the loss that
its parameters are fitted by. A step of gradient descent costs n³ operations, hence mini-batches.
"""

from collections.abc import Iterator
from functools import partial
from typing import Any, Self

import numpy as np

from pipeline.engines import inputs
from pipeline.engines.estimator import Classifier, Estimator, Regressor
from pipeline.engines.fast_adam import Adam
from pipeline.engines.length_scales import (
    Kernel,
    LossFunction,
    leave_one_out,
    log_loss,
    loss_and_gradient,
    squared_error,
)
from pipeline.engines.logistic_regression import LogisticRegression
from pipeline.engines.magnitude import mean_and_std, power_of_two
from pipeline.from_scratch.activations import sigmoid
from pipeline.from_scratch.schedules import cosine

PREDICTION_BATCH = 512  # rows; the temporaries of larger batches are slow to allocate
INITIAL = np.log([1.0, 0.1, 0.1])  # s², c and σ², for y of variance 1


def stratified_sample(y: np.ndarray, size: int, rng: np.random.Generator) -> np.ndarray:
    """The numbers of at most `size` rows whose y are distributed as all y, extremes included.

    The rows, sorted by y, are cut into `size` equal strata, and one row is drawn from each.
    """
    if len(y) <= size:
        return np.arange(len(y))
    edges = np.linspace(0, len(y), size + 1).astype(int)
    drawn = rng.integers(edges[:-1], edges[1:])
    drawn[0], drawn[-1] = 0, len(y) - 1
    return np.sort(np.argsort(y, kind="stable")[drawn])


def fast_loss_and_gradient(
    theta: np.ndarray, X: np.ndarray, Y: np.ndarray, loss_function: LossFunction, exponent: float
) -> tuple[float, np.ndarray]:
    """loss_and_gradient in float32, which is enough for a step; in float64 if K is near singular.

    theta (d + 3,), X (n, d), Y (n, k) -> loss, gradient (d + 3,).
    """
    try:
        single = X.astype(np.float32), Y.astype(np.float32)
        return loss_and_gradient(theta, *single, loss_function, exponent)
    except np.linalg.LinAlgError:  # hardly any noise: by rounding K is not positive definite
        return loss_and_gradient(theta, X, Y, loss_function, exponent)


class GaussianProcess(Estimator):
    """What classifier and regressor share: fitting the kernel, and the weight of each row.

    Columns should have comparable scales. All length scales are equal at first and are then fitted
    by `steps` of Adam, each on `batch_size` rows. Few steps act as regularisation: with more of
    them the length scales overfit. A low `exponent` allows a rough f, which suits binary columns
    and ratings. Time grows as n³ and memory as n², so that of more than `most_rows` rows only a
    seeded sample of `most_rows` is used.

    Learns length_scale_ (d,), signal_, constant_, noise_, rows_ (n, d), weights_ (n, k) and
    loss_curve_ (one value per step).
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

    def _fit_kernel(
        self, X: np.ndarray, Y: np.ndarray, loss_function: LossFunction, rng: np.random.Generator
    ) -> np.ndarray:
        """Fit to X (n, d) and Y (n, k); returns the leave-one-out predictions (n, k)."""
        self.rows_, self.center_ = X, X.mean(axis=0, dtype=np.float64)
        X = X - self.center_  # leaves the distances as they are, and makes them more accurate
        magnitude = float(power_of_two(X, exponent=16))  # within the range of float32, squared
        X = X / magnitude
        theta = np.append(np.full(X.shape[1], -np.log(2 * X.var(axis=0).sum() or 1)), INITIAL)
        losses, adam = [], Adam(self.lr, betas=(0.9, 0.99))
        for step, batch in enumerate(self._batches(len(X), rng)):
            adam.lr = self.lr * cosine(step / self.steps)
            loss, gradient = fast_loss_and_gradient(
                theta, X[batch], Y[batch], loss_function, self.exponent
            )
            adam.update(theta, gradient)
            losses.append(loss)
        kernel = Kernel.of(theta, self.exponent)
        Q = kernel.precision(kernel.matrix(X, X))
        self.length_scale_, self.signal_, self.constant_, self.noise_, _ = kernel
        self.length_scale_ = self.length_scale_ * magnitude
        self.loss_curve_ = np.array(losses)
        self.weights_ = Q @ Y
        return leave_one_out(Q, Y)

    def _batches(self, n: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
        """The rows of each step, drawn without replacement until nearly all have been used."""
        order = np.empty(0, dtype=int)
        for _ in range(self.steps):
            if len(order) < min(self.batch_size, n):
                order = rng.permutation(n)
            yield order[: self.batch_size]
            order = order[self.batch_size :]

    def _posterior_mean(self, X: Any) -> np.ndarray:
        """f(x) of each row: (m, d) -> (m, k), float64."""
        self._require_fitted("weights_")
        X = self._predict_features(X) - self.center_
        scale, exponent = self.length_scale_, self.exponent
        kernel = Kernel(scale, self.signal_, self.constant_, self.noise_, exponent)
        rows = self.rows_ - self.center_
        batches = [X[i : i + PREDICTION_BATCH] for i in range(0, len(X), PREDICTION_BATCH)]
        return np.vstack([kernel.matrix(batch, rows) @ self.weights_ for batch in batches])

    def _check_parameters(self) -> None:
        self._require_integers(0, "steps", "seed")
        self._require_integers(2, "batch_size", "most_rows")
        self._require("lr", lambda lr: lr > 0, "numbers > 0")
        self._require("exponent", lambda p: 0 < p <= 2, "numbers > 0 and <= 2")


class GaussianProcessRegressor(GaussianProcess, Regressor):
    """Regression on y at mean 0 and variance 1; also learns target_mean_ and target_scale_."""

    def fit(self, X: Any, y: Any) -> Self:
        """X (n, d), y (n,) -> self."""
        self._check_parameters()
        X = self._fit_features(X)
        y, rng = inputs.check_targets(y, len(X)), np.random.default_rng(self.seed)
        sample = stratified_sample(y, self.most_rows, rng)
        self.target_mean_, self.target_scale_ = mean_and_std(y[sample])
        Y = (y[sample, None] - self.target_mean_) / self.target_scale_
        self._fit_kernel(X[sample], Y, squared_error, rng)
        return self

    def predict(self, X: Any) -> np.ndarray:
        """X (m, d) -> (m,), float64."""
        return self._posterior_mean(X)[:, 0] * self.target_scale_ + self.target_mean_


class GaussianProcessClassifier(GaussianProcess, Classifier):
    """Regression on -1 and 1, and Platt scaling for the probabilities.

    The sigmoid p = sigmoid(a f + b) is fitted to the leave-one-out predictions (Rasmussen and
    Williams 2006, section 6.5; Platt 2000). For k > 2 classes there is one regression per class
    against the rest, all with the same kernel, and the k probabilities are normalised to sum to 1.
    `steepness`: the factor of f in the logistic loss that the length scales are fitted by.

    Also learns classes_ (k,) and sigmoid_ (k, 2), which has one row for two classes.
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
        self._require("steepness", lambda found: found > 0, "numbers > 0")
        X = self._fit_features(X)
        self.classes_, codes = inputs.encode_labels(y, len(X))
        rng = np.random.default_rng(self.seed)
        sample = stratified_sample(codes, self.most_rows, rng)
        positive = np.arange(len(self.classes_)) if len(self.classes_) > 2 else np.array([1])
        Y = np.where(codes[sample, None] == positive, 1.0, -1.0)
        F = self._fit_kernel(X[sample], Y, partial(log_loss, steepness=self.steepness), rng)
        self.sigmoid_ = np.array([platt_scaling(f, t > 0) for f, t in zip(F.T, Y.T, strict=True)])
        return self

    def predict_proba(self, X: Any) -> np.ndarray:
        """X (m, d) -> (m, k), each row summing to 1, float64."""
        f = self._posterior_mean(X)
        slope, intercept = self.sigmoid_.T
        p = sigmoid(f * slope + intercept)
        return np.hstack([1 - p, p]) if p.shape[1] == 1 else p / p.sum(axis=1, keepdims=True)


def platt_scaling(f: np.ndarray, label: np.ndarray) -> tuple[float, float]:
    """a, b of P(label) = sigmoid(a f + b), a >= 0; f (n,), label (n,) of booleans.

    Where the best a is not positive, it is 0 and b gives the label's frequency (add-one smoothed).
    """
    frequency = (label.sum() + 1) / (len(label) + 2)
    constant = 0.0, float(np.log(frequency / (1 - frequency)))
    if label.all() or not label.any():
        return constant
    model = LogisticRegression(l2=1e-4).fit(f[:, None], label)
    slope, intercept = float(model.coef_[0, 0]), float(model.intercept_[0])
    return (slope, intercept) if slope > 0 else constant
