"""Least squares and ridge regression, by gradient descent and in closed form."""

from collections.abc import Iterator
from typing import Any, NamedTuple, Self

import numpy as np

from pipeline.engines import inputs
from pipeline.engines.descent import nesterov_descent
from pipeline.engines.estimator import Regressor
from pipeline.engines.magnitude import power_of_two, require_visible
from pipeline.engines.row_space import is_faster, row_space
from pipeline.from_scratch.gradient_descent import descended, finite, mini_batches
from pipeline.from_scratch.step_size import largest_eigenvalue

BLOCK_ROWS = 4096
MAX_L2 = 1e300  # of a column, so that its square root and sums stay finite

Solution = tuple[np.ndarray, float, np.ndarray]  # coef (d,), intercept, loss curve
SOLVERS = ("nesterov", "plain", "closed_form")


class LinearRegression(Regressor):
    """H(x) = x · coef + intercept, minimising L = 1/2n Σ (H(x) - y)² + l2/2 |coef|².

    solver: "nesterov", all rows at once with momentum (the default); "plain", gradient descent on
    `batch_size` rows per step (None: all of them, 1: stochastic gradient descent); "closed_form",
    without descent. lr=None uses the largest step size that is sure to converge. l2 > 0 is ridge
    regression with alpha = n l2; the intercept is not penalised. A row with the weight w counts
    as w rows.

    Descent takes about as many steps as the condition number of the columns, so that for nearly
    collinear columns the closed form, or some l2, is better. Learns coef_ (d,), intercept_ and
    loss_curve_ (one value per epoch; if there are `epochs` of them, it has not converged).
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
        self._check_parameters()
        X = self._fit_features(X)
        y = inputs.check_targets(y, len(X))
        weight = inputs.check_sample_weight(sample_weight, len(X))
        solve = self._plain if self.solver == "plain" else self._solve_any_magnitude
        coef, intercept, self.loss_curve_ = solve(X, y, weight, np.full(X.shape[1], self.l2))
        with np.errstate(over="ignore"):
            self.coef_, self.intercept_ = coef.astype(X.dtype), float(intercept)
        if not np.isfinite([*self.coef_, self.intercept_]).all():
            raise ValueError(
                f"The coefficients leave the range of {X.dtype}: scale X and y to about -1 to 1."
            )
        return self

    def _solve_any_magnitude(
        self, X: np.ndarray, y: np.ndarray, w: np.ndarray, l2: np.ndarray
    ) -> Solution:
        """The solver on columns and y whose squares are within the range of float64."""
        column, target = power_of_two(X, axis=0), power_of_two(y)
        if (column == 1).all() and target == 1:
            return self._solve(X, y, w, l2)
        with np.errstate(over="ignore"):
            l2 = np.minimum(l2 / column / column, MAX_L2)
        coef, intercept, losses = self._solve(X / column, y / target, w, l2)
        with np.errstate(over="ignore"):  # beyond 1e154 the squared error is no number
            return coef / column * target, intercept * float(target), losses * target * target

    def _solve(self, X: np.ndarray, y: np.ndarray, w: np.ndarray, l2: np.ndarray) -> Solution:
        solve = getattr(self, f"_{self.solver}")
        if np.ptp(l2) > 0 or not is_faster(X, float(l2[0])):
            return solve(X, y, w, l2)
        space = row_space(X)
        coef, intercept, losses = solve(space.Z, y, w, np.full(space.Z.shape[1], l2[0]))
        coef, intercept = space.coefficients(coef, intercept)
        return coef, float(intercept), losses

    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """One step of plain gradient descent from the current coefficients, initially 0."""
        self._check_parameters()
        X = self._partial_fit_features(X)
        y = inputs.check_targets(y, len(X)).astype(X.dtype)
        w = inputs.check_sample_weight(sample_weight, len(X)).astype(X.dtype)
        if not hasattr(self, "coef_"):
            self.coef_, self.intercept_ = np.zeros(X.shape[1], X.dtype), 0.0
            self.loss_curve_ = np.array([])
        coef, lr = self.coef_.copy(), self.lr or safe_step_size(X, w, self.l2, None, curvature=1.0)
        with np.errstate(over="ignore", invalid="ignore"):
            intercept, loss, _ = self._step(coef, self.intercept_, (X, y, w), lr)
            finite(loss / len(X) + float(np.abs(coef).max()), lr)
        self.coef_, self.intercept_ = coef, intercept
        self.loss_curve_ = np.append(self.loss_curve_, loss / len(X))
        return self

    def predict(self, X: Any) -> np.ndarray:
        """X (n, d) -> (n,)."""
        self._require_fitted("coef_")
        X = self._predict_features(X)
        return X.astype(self.coef_.dtype, copy=False) @ self.coef_ + self.intercept_

    def _nesterov(self, X: np.ndarray, y: np.ndarray, w: np.ndarray, l2: np.ndarray) -> Solution:
        """Nesterov's descent on the quadratic loss, where a step costs d² operations for any n."""
        quadratic = _quadratic_loss(X, y, w, l2)
        L = largest_eigenvalue(lambda v: quadratic.H @ v, len(quadratic.c), seed=self.seed)
        tol = self.tol * max(np.abs(quadratic.c).max(), np.finfo(float).tiny)
        v, losses = nesterov_descent(
            quadratic.loss_and_gradient,
            np.zeros_like(quadratic.c),
            lr=self.lr or 1 / (L or 1),
            steps=self.epochs,
            tol=tol,
        )
        return *quadratic.coefficients(v), losses

    @np.errstate(over="ignore", invalid="ignore")  # an overflow ends in one error
    def _plain(self, X: np.ndarray, y: np.ndarray, w: np.ndarray, l2: np.ndarray) -> Solution:
        """Plain gradient descent, on all rows or on mini-batches."""
        require_visible(X)
        lr = self.lr or safe_step_size(X, w, self.l2, self.batch_size, curvature=1.0)
        rng = np.random.default_rng(self.seed)
        y, w = y.astype(X.dtype), w.astype(X.dtype)
        coef, intercept, losses = np.zeros(X.shape[1], X.dtype), 0.0, []
        for _ in range(self.epochs):
            total = 0.0
            for rows in mini_batches(len(X), self.batch_size, rng):
                batch = X[rows], y[rows], w[rows]
                intercept, loss, largest = self._step(coef, intercept, batch, lr)
                total += loss
            losses.append(finite(total / len(X), lr))
            if self.batch_size is None and largest <= self.tol:
                break
        return coef, intercept, descended(losses, lr)

    def _step(
        self, coef: np.ndarray, intercept: float, batch: tuple[np.ndarray, ...], lr: float
    ) -> tuple[float, float, float]:
        """coef <- coef - lr (Xᵀe / n + l2 coef) in place, intercept - lr mean(e), e = H(X) - y.

        Returns the new intercept, the rows' summed loss before the step (penalty included), and the
        largest absolute element of the gradient.
        """
        X, y, w = batch
        error = X @ coef + X.dtype.type(intercept) - y
        loss = float(error @ (w * error) + len(X) * self.l2 * (coef @ coef)) / 2
        error *= w
        gradient, mean = error @ X / len(X) + self.l2 * coef, float(error.mean())
        coef -= lr * gradient
        return intercept - lr * mean, loss, float(max(np.abs(gradient).max(), abs(mean)))

    def _closed_form(self, X: np.ndarray, y: np.ndarray, w: np.ndarray, l2: np.ndarray) -> Solution:
        """∇L = 0: coef = (AᵀA)⁻¹ Aᵀz for A = X and z = y, centred; if not unique, of minimum norm.

        Forming AᵀA would square A's condition number and lose half of the digits. The factor R of
        A = QR avoids that, since AᵀA = RᵀR. √l2 I, stacked below R, is the ridge penalty.
        """
        mean = _weighted_mean(X, y, w)
        R = _qr_factor(X, y, w, mean) / np.sqrt(len(X))
        scale = _inverse_scales(np.sqrt(np.linalg.norm(R[:, :-1], axis=0) ** 2 + l2), mean[:-1])
        A = np.vstack([R[:, :-1], np.diag(np.sqrt(l2))]) * scale
        z = np.append(R[:, -1], np.zeros(len(scale)))
        coef = _minimum_norm_solution(A, z, scale)
        error = np.append(R[:, :-1] @ coef - R[:, -1], np.sqrt(l2) * coef)
        return coef, float(mean[-1] - mean[:-1] @ coef), np.array([error @ error / 2])

    def _check_parameters(self) -> None:
        self._require_one_of("solver", SOLVERS)
        self._require("lr", lambda lr: lr is None or lr > 0, "None or numbers > 0")
        self._require("l2", lambda l2: l2 >= 0, "numbers >= 0")
        self._require_integers(1, "epochs")
        self._require_integers(0, "seed")
        self._require("tol", lambda tol: tol >= 0, "numbers >= 0")
        if self.batch_size is not None:
            self._require_integers(1, "batch_size")


class QuadraticLoss(NamedTuple):
    """The loss without the intercept: L = ½ v·Hv - c·v + variance / 2, coef = scale v.

    H = scale (XᵀX / n + l2 I) scale and c = scale Xᵀy / n for the centred X (n, d) and y (n,).
    Centring removes the intercept from the problem: it is mean(y) - mean(X) · coef in the end. The
    scale (d,) makes H's diagonal 1: without it, columns of very different size, such as distances
    and ages, would give H a large condition number, and descent would be slow.
    """

    H: np.ndarray  # (d, d)
    c: np.ndarray  # (d,)
    variance: float  # of y
    scale: np.ndarray  # (d,)
    mean: np.ndarray  # (d + 1,), of X and y

    def loss_and_gradient(self, v: np.ndarray) -> tuple[float, np.ndarray]:
        """v (d,) -> L, and Hv - c (d,)."""
        Hv = self.H @ v
        return float(v @ (Hv / 2 - self.c) + self.variance / 2), Hv - self.c

    def coefficients(self, v: np.ndarray) -> tuple[np.ndarray, float]:
        """v (d,) -> coef (d,) and intercept."""
        coef = self.scale * v
        return coef, float(self.mean[-1] - self.mean[:-1] @ coef)


def _quadratic_loss(X: np.ndarray, y: np.ndarray, w: np.ndarray, l2: np.ndarray) -> QuadraticLoss:
    mean, covariance = _mean_and_covariance(X, y, w)
    H, c = covariance[:-1, :-1] + np.diag(l2), covariance[:-1, -1]
    scale = _inverse_scales(np.sqrt(np.diag(H)), mean[:-1])
    return QuadraticLoss(
        scale[:, None] * H * scale, scale * c, float(covariance[-1, -1]), scale, mean
    )


def _inverse_scales(std: np.ndarray, mean: np.ndarray) -> np.ndarray:
    """1 / std (d,), and 0 for a constant column, whose std is only rounding error."""
    varies = std > 10 * np.finfo(float).eps * np.abs(mean)
    return np.where(varies, 1 / np.where(varies, std, 1), 0)


def _qr_factor(X: np.ndarray, y: np.ndarray, w: np.ndarray, mean: np.ndarray) -> np.ndarray:
    """R of √w [X y] = QR, centred: (at most d + 1, d + 1), upper triangular.

    Computed block by block: R of the previous blocks is stacked on the next block's rows.
    """
    R = np.empty((0, len(mean)))
    for weight, block in _blocks(X, y, w):
        rows = np.sqrt(weight)[:, None] * (block - mean)
        R = np.asarray(np.linalg.qr(np.vstack([R, rows]), mode="r"))
    return R


def _minimum_norm_solution(A: np.ndarray, z: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """coef = scale v (d,), v minimising |A v - z|; if not unique, of minimum |coef|.

    A has d columns and at least d rows.
    """
    U, singular_values, Vt = np.linalg.svd(A, full_matrices=False)
    cutoff = max(A.shape) * np.finfo(float).eps * singular_values[0]
    rank = np.count_nonzero(singular_values > cutoff)
    v = (U[:, :rank].T @ z / singular_values[:rank]) @ Vt[:rank]
    null_space = scale[:, None] * Vt[rank:].T  # directions of coef that leave A v unchanged
    return scale * v - null_space @ np.linalg.lstsq(null_space, scale * v)[0]


def _mean_and_covariance(
    X: np.ndarray, y: np.ndarray, w: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The weighted mean (d + 1,) and covariance of the columns [X y], float64."""
    mean = _weighted_mean(X, y, w)
    covariance = np.zeros((len(mean), len(mean)))
    for weight, block in _blocks(X, y, w):
        block = np.sqrt(weight)[:, None] * (block - mean)
        covariance += block.T @ block
    return mean, covariance / len(X)


def _weighted_mean(X: np.ndarray, y: np.ndarray, w: np.ndarray) -> np.ndarray:
    """The weighted mean (d + 1,) of the columns [X y], float64."""
    return sum(weight @ block for weight, block in _blocks(X, y, w)) / len(X)


def _blocks(X: np.ndarray, y: np.ndarray, w: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Weights and [X y] of a few thousand rows at a time, to avoid a second copy of X."""
    for start in range(0, len(X), BLOCK_ROWS):
        rows = slice(start, start + BLOCK_ROWS)
        yield w[rows], np.column_stack([X[rows], y[rows]])


def safe_step_size(
    X: np.ndarray, w: np.ndarray, l2: float, batch_size: int | None, curvature: float
) -> float:
    """1 / L for a loss whose second derivative with respect to the prediction is <= `curvature`.

    On all rows L is a bound on the largest eigenvalue of the Hessian, intercept included. A
    mini-batch may consist of any rows, so that the row with the largest norm determines L.
    """
    n, d = X.shape
    if batch_size:
        return 1 / (curvature * float((w * (1 + np.einsum("ij,ij->i", X, X))).max()) + l2)

    def hessian(v: np.ndarray) -> np.ndarray:
        v = v.astype(X.dtype)
        z = w.astype(X.dtype) * (X @ v[:-1] + v[-1])
        return np.append(z @ X, z.sum()) / n

    return 1 / (curvature * largest_eigenvalue(hessian, d + 1) + l2)
