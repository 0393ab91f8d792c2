"""A straight line through the data, found by walking down the squared error, and in one step."""

from collections.abc import Iterator
from typing import Any, Self

import numpy as np

from pipeline.from_scratch import inputs
from pipeline.from_scratch.descent import largest_eigenvalue, mini_batches, nesterov_descent
from pipeline.from_scratch.estimator import Estimator

ROWS_AT_A_TIME = 4096

Solution = tuple[np.ndarray, float, np.ndarray]  # coef (d,), intercept, loss curve


class LinearRegression(Estimator):
    """H(x) = x · coef + intercept with the least L = 1/2n Σ (H(x) - y)² + l2/2 |coef|².

    solver: "nesterov", all rows at once with momentum (the default); "plain", H(x)'s own gradient
    and nothing else, on `batch_size` rows a step (None: all of them, 1: stochastic descent);
    "closed_form", the normal equations. lr=None takes the largest step that is safe. l2 > 0 is
    ridge regression with alpha = n l2; the intercept is free of it. sample_weight counts a row
    that many times.

    Learns coef_ (d,), intercept_ and loss_curve_ (one value an epoch).
    """

    def __init__(
        self,
        *,
        lr: float | None = None,
        epochs: int = 20_000,
        l2: float = 0.0,
        solver: str = "nesterov",
        batch_size: int | None = None,
        tol: float = 1e-12,
        seed: int = 0,
    ) -> None:
        self.lr, self.epochs, self.l2, self.solver = lr, epochs, l2, solver
        self.batch_size, self.tol, self.seed = batch_size, tol, seed

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """X (n, d), y (n,) -> self."""
        X = inputs.features(X, estimator="LinearRegression")
        y = inputs.targets(y, len(X))
        weight = inputs.weights(sample_weight, len(X))
        solvers = {
            "nesterov": self._nesterov,
            "plain": self._plain,
            "closed_form": self._closed_form,
        }
        if self.solver not in solvers:
            raise ValueError(f"solver is {self.solver!r}; allowed are {', '.join(solvers)}.")
        coef, intercept, losses = solvers[self.solver](X, y, weight)
        self.coef_, self.intercept_ = coef.astype(X.dtype), float(intercept)
        self.loss_curve_, self.n_features_in_ = losses, X.shape[1]
        return self

    def predict(self, X: Any) -> np.ndarray:
        """X (n, d) -> (n,)."""
        self._require_fit("coef_")
        X = inputs.features(X, estimator="LinearRegression", width=self.n_features_in_)
        return X.astype(self.coef_.dtype, copy=False) @ self.coef_ + self.intercept_

    def _nesterov(self, X: np.ndarray, y: np.ndarray, w: np.ndarray) -> Solution:
        """Nesterov's descent on the loss as ½ v·Hv - c·v, which costs d² a step whatever n is.

        Every column is measured in the unit that makes H's diagonal 1: without it, a column of
        distances beside one of ages would make the bowl so long and narrow that descent crawls.
        """
        mean, H, c, variance = _normal_equations(X, y, w, self.l2)
        diagonal = np.diag(H)
        unit = np.where(diagonal > 0, 1 / np.sqrt(np.where(diagonal > 0, diagonal, 1)), 1)
        H, c = unit[:, None] * H * unit, unit * c
        lr = self.lr or 1 / (largest_eigenvalue(lambda v: H @ v, len(c), seed=self.seed) or 1)

        def loss_and_gradient(v: np.ndarray) -> tuple[float, np.ndarray]:
            Hv = H @ v
            return float(v @ (Hv / 2 - c) + variance / 2), Hv - c

        tol = self.tol * max(np.abs(c).max(), np.finfo(float).tiny)
        v, losses = nesterov_descent(
            loss_and_gradient, np.zeros_like(c), lr=lr, steps=self.epochs, tol=tol
        )
        coef = unit * v
        return coef, mean[-1] - mean[:-1] @ coef, losses

    def _plain(self, X: np.ndarray, y: np.ndarray, w: np.ndarray) -> Solution:
        """coef <- coef - lr (Xᵀe / n + l2 coef), intercept <- intercept - lr mean(e), e = H - y."""
        lr = self.lr or safe_step(X, w, self.l2, self.batch_size, curvature=1.0)
        rng = np.random.default_rng(self.seed)
        y, w = y.astype(X.dtype), w.astype(X.dtype)
        coef, intercept = np.zeros(X.shape[1], X.dtype), X.dtype.type(0)
        losses = []
        for _ in range(self.epochs):
            loss = 0.0
            for rows in mini_batches(len(X), self.batch_size, rng):
                x, error = X[rows], X[rows] @ coef + intercept - y[rows]
                loss += float(error @ (w[rows] * error)) / 2
                error *= w[rows]
                slope = error @ x / len(x) + self.l2 * coef
                coef -= lr * slope
                intercept -= lr * error.mean()
            losses.append(loss / len(X) + self.l2 / 2 * float(coef @ coef))
            if self.batch_size is None and max(np.abs(slope).max(), abs(error.mean())) <= self.tol:
                break
        return coef, float(intercept), np.array(losses)

    def _closed_form(self, X: np.ndarray, y: np.ndarray, w: np.ndarray) -> Solution:
        """∇L = H coef - c = 0, hence coef = H⁻¹ c; the shortest such coef where there are many."""
        mean, H, c, variance = _normal_equations(X, y, w, self.l2)
        coef = np.linalg.lstsq(H, c)[0]
        loss = float(coef @ (H @ coef / 2 - c) + variance / 2)
        return coef, mean[-1] - mean[:-1] @ coef, np.array([loss])


def _normal_equations(
    X: np.ndarray, y: np.ndarray, w: np.ndarray, l2: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
    """H = XᵀX / n + l2 I and c = Xᵀy / n of the centred data: the loss is ½ v·Hv - c·v + const.

    Centring takes the intercept out of the search: it is mean(y) - mean(X) · coef in the end.
    Returns the means (d + 1,) of X and y, H (d, d), c (d,) and the variance of y.
    """
    mean, covariance = moments(X, w, y)
    H = covariance[:-1, :-1] + l2 * np.eye(X.shape[1])
    return mean, H, covariance[:-1, -1], float(covariance[-1, -1])


def moments(
    X: np.ndarray, w: np.ndarray, y: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """The weighted mean and covariance of X's columns, and of y as one column more; float64.

    A few thousand rows at a time, so that no second copy of X is ever held.
    """
    n, width = len(X), X.shape[1] + (y is not None)
    total, covariance = np.zeros(width), np.zeros((width, width))

    def blocks() -> Iterator[tuple[np.ndarray, np.ndarray]]:
        for start in range(0, n, ROWS_AT_A_TIME):
            rows = slice(start, start + ROWS_AT_A_TIME)
            yield w[rows], X[rows] if y is None else np.column_stack([X[rows], y[rows]])

    for weight, block in blocks():
        total += weight @ block
    mean = total / n
    for weight, block in blocks():
        block = np.sqrt(weight)[:, None] * (block - mean)
        covariance += block.T @ block
    return mean, covariance / n


def safe_step(
    X: np.ndarray, w: np.ndarray, l2: float, batch_size: int | None, curvature: float
) -> float:
    """1 / L for a loss whose second derivative by the prediction is at most `curvature`.

    On all rows L is the largest eigenvalue of the Hessian, intercept included; a mini-batch may be
    any rows, so that the longest row decides.
    """
    n, d = X.shape
    if batch_size:
        return 1 / (curvature * float((w * (1 + np.einsum("ij,ij->i", X, X))).max()) + l2)

    def hessian(v: np.ndarray) -> np.ndarray:
        v = v.astype(X.dtype)
        z = w.astype(X.dtype) * (X @ v[:-1] + v[-1])
        return np.append(z @ X, z.sum()) / n

    return 1 / (curvature * largest_eigenvalue(hessian, d + 1) + l2)
