"""A straight line through the data, found by walking down the squared error, and in one step."""

from collections.abc import Iterator
from typing import Any, NamedTuple, Self

import numpy as np

from pipeline.from_scratch import inputs
from pipeline.from_scratch.descent import largest_eigenvalue, mini_batches, nesterov_descent
from pipeline.from_scratch.estimator import Regressor
from pipeline.from_scratch.row_span import is_worth_it, row_span

ROWS_AT_A_TIME = 4096

Solution = tuple[np.ndarray, float, np.ndarray]  # coef (d,), intercept, loss curve
SOLVERS = ("nesterov", "plain", "closed_form")


class LinearRegression(Regressor):
    """H(x) = x · coef + intercept with the least L = 1/2n Σ (H(x) - y)² + l2/2 |coef|².

    solver: "nesterov", all rows at once with momentum (the default); "plain", H(x)'s own gradient
    and nothing else, on `batch_size` rows a step (None: all of them, 1: stochastic descent);
    "closed_form", no descent at all. lr=None takes the largest step that is safe. l2 > 0 is
    ridge regression with alpha = n l2; the intercept is free of it. sample_weight counts a row
    that many times.

    Descent takes about as many steps as the columns' condition number, so that almost equal columns
    want the closed form, or some l2. Learns coef_ (d,), intercept_ and loss_curve_ (one value an
    epoch; as many as `epochs` tell that descent has not settled).
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
        X = self._learn_features(X)
        y = inputs.targets(y, len(X))
        weight = inputs.weights(sample_weight, len(X))
        solve = getattr(self, f"_{self.solver}")
        if self.solver != "plain" and is_worth_it(X, self.l2):
            span = row_span(X)
            coef, intercept, self.loss_curve_ = solve(span.Z, y, weight)
            coef, intercept = span.line(coef, intercept)
        else:
            coef, intercept, self.loss_curve_ = solve(X, y, weight)
        self.coef_, self.intercept_ = coef.astype(X.dtype), float(intercept)
        return self

    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """One step of plain descent on these rows, from where the last one led, or from 0."""
        self._check_parameters()
        X = self._more_features(X)
        y = inputs.targets(y, len(X)).astype(X.dtype)
        w = inputs.weights(sample_weight, len(X)).astype(X.dtype)
        if not hasattr(self, "coef_"):
            self.coef_, self.intercept_ = np.zeros(X.shape[1], X.dtype), 0.0
            self.loss_curve_ = np.array([])
        coef, lr = self.coef_.copy(), self.lr or safe_step(X, w, self.l2, None, curvature=1.0)
        self.intercept_, loss, _ = self._step(coef, self.intercept_, (X, y, w), lr)
        self.coef_, self.loss_curve_ = coef, np.append(self.loss_curve_, loss / len(X))
        return self

    def predict(self, X: Any) -> np.ndarray:
        """X (n, d) -> (n,)."""
        self._require_fit("coef_")
        X = self._known_features(X)
        return X.astype(self.coef_.dtype, copy=False) @ self.coef_ + self.intercept_

    def _nesterov(self, X: np.ndarray, y: np.ndarray, w: np.ndarray) -> Solution:
        """Nesterov's descent on the bowl, which costs d² a step whatever n is."""
        bowl = _bowl(X, y, w, self.l2)
        top = largest_eigenvalue(lambda v: bowl.H @ v, len(bowl.c), seed=self.seed)
        tol = self.tol * max(np.abs(bowl.c).max(), np.finfo(float).tiny)
        start = np.zeros_like(bowl.c)
        v, losses = nesterov_descent(
            bowl.loss_and_gradient, start, lr=self.lr or 1 / (top or 1), steps=self.epochs, tol=tol
        )
        return *bowl.line(v), losses

    def _plain(self, X: np.ndarray, y: np.ndarray, w: np.ndarray) -> Solution:
        """Every step follows the gradient of its rows, and nothing else."""
        lr = self.lr or safe_step(X, w, self.l2, self.batch_size, curvature=1.0)
        rng = np.random.default_rng(self.seed)
        y, w = y.astype(X.dtype), w.astype(X.dtype)
        coef, intercept, losses = np.zeros(X.shape[1], X.dtype), 0.0, []
        for _ in range(self.epochs):
            total = 0.0
            for rows in mini_batches(len(X), self.batch_size, rng):
                batch = X[rows], y[rows], w[rows]
                intercept, loss, slope = self._step(coef, intercept, batch, lr)
                total += loss
            losses.append(total / len(X))
            if self.batch_size is None and slope <= self.tol:
                break
        return coef, intercept, np.array(losses)

    def _step(
        self, coef: np.ndarray, intercept: float, batch: tuple[np.ndarray, ...], lr: float
    ) -> tuple[float, float, float]:
        """coef <- coef - lr (Xᵀe / n + l2 coef) in place, intercept - lr mean(e), e = H(X) - y.

        Returns the new intercept, the rows' summed loss before the step (penalty included), and the
        largest part of the gradient.
        """
        X, y, w = batch
        error = X @ coef + X.dtype.type(intercept) - y
        loss = float(error @ (w * error) + len(X) * self.l2 * (coef @ coef)) / 2
        error *= w
        slope, mean = error @ X / len(X) + self.l2 * coef, float(error.mean())
        coef -= lr * slope
        return intercept - lr * mean, loss, float(max(np.abs(slope).max(), abs(mean)))

    def _closed_form(self, X: np.ndarray, y: np.ndarray, w: np.ndarray) -> Solution:
        """∇L = 0 at once: coef = (AᵀA)⁻¹ Aᵀz for A = X, z = y centred; the shortest, if many are.

        To write AᵀA down would square A's condition number and lose half of the digits. The
        triangle R of A = QR has AᵀA = RᵀR and keeps them; √l2 I below it is the ridge penalty.
        """
        mean = column_means(X, w, y)
        R = _triangle(X, y, w, mean) / np.sqrt(len(X))
        unit = units(np.sqrt(np.linalg.norm(R[:, :-1], axis=0) ** 2 + self.l2), mean[:-1])
        A = np.vstack([R[:, :-1], np.sqrt(self.l2) * np.eye(len(unit))]) * unit
        z = np.append(R[:, -1], np.zeros(len(unit)))
        coef = _shortest(A, z, unit)
        error = np.append(R[:, :-1] @ coef - R[:, -1], np.sqrt(self.l2) * coef)
        return coef, float(mean[-1] - mean[:-1] @ coef), np.array([error @ error / 2])

    def _check_parameters(self) -> None:
        self._require_one_of("solver", SOLVERS)
        self._require("lr", lambda lr: lr is None or lr > 0, "None and numbers above 0")
        self._require("l2", lambda l2: l2 >= 0, "0 and more")
        self._require_whole(1, "epochs")
        if self.batch_size is not None:
            self._require_whole(1, "batch_size")


class Bowl(NamedTuple):
    """The loss without its intercept: L = ½ v·Hv - c·v + variance / 2, coef = unit v.

    H = unit (XᵀX / n + l2 I) unit and c = unit Xᵀy / n of the centred X (n, d) and y (n,).
    Centring takes the intercept out of the search: it is mean(y) - mean(X) · coef in the end. Every
    column is measured in the unit (d,) that makes H's diagonal 1: without it, a column of distances
    beside one of ages would make the bowl so long and narrow that descent crawls.
    """

    H: np.ndarray  # (d, d)
    c: np.ndarray  # (d,)
    variance: float  # of y
    unit: np.ndarray  # (d,)
    mean: np.ndarray  # (d + 1,), of X and y

    def loss_and_gradient(self, v: np.ndarray) -> tuple[float, np.ndarray]:
        """v (d,) -> L, and Hv - c (d,)."""
        Hv = self.H @ v
        return float(v @ (Hv / 2 - self.c) + self.variance / 2), Hv - self.c

    def line(self, v: np.ndarray) -> tuple[np.ndarray, float]:
        """v (d,) -> coef (d,) and intercept."""
        coef = self.unit * v
        return coef, float(self.mean[-1] - self.mean[:-1] @ coef)


def _bowl(X: np.ndarray, y: np.ndarray, w: np.ndarray, l2: float) -> Bowl:
    mean, covariance = moments(X, w, y)
    H, c = covariance[:-1, :-1] + l2 * np.eye(X.shape[1]), covariance[:-1, -1]
    unit = units(np.sqrt(np.diag(H)), mean[:-1])
    return Bowl(unit[:, None] * H * unit, unit * c, float(covariance[-1, -1]), unit, mean)


def units(spread: np.ndarray, mean: np.ndarray) -> np.ndarray:
    """1 / spread (d,), and 0 for a constant column, whose spread is nothing but rounding."""
    varies = spread > 10 * np.finfo(float).eps * np.abs(mean)
    return np.where(varies, 1 / np.where(varies, spread, 1), 0)


def _triangle(X: np.ndarray, y: np.ndarray, w: np.ndarray, mean: np.ndarray) -> np.ndarray:
    """R of √w [X y] = QR, centred: (at most d + 1, d + 1), upper triangular.

    The triangle of what came before stands for it when the next rows come.
    """
    R = np.empty((0, len(mean)))
    for weight, block in _blocks(X, w, y):
        rows = np.sqrt(weight)[:, None] * (block - mean)
        R = np.asarray(np.linalg.qr(np.vstack([R, rows]), mode="r"))
    return R


def _shortest(A: np.ndarray, z: np.ndarray, unit: np.ndarray) -> np.ndarray:
    """coef = unit v (d,) of the least |A v - z|, and of these the shortest; A (at least d, d)."""
    U, bend, axes = np.linalg.svd(A, full_matrices=False)
    rank = np.count_nonzero(bend > max(A.shape) * np.finfo(float).eps * bend[0])
    v = (U[:, :rank].T @ z / bend[:rank]) @ axes[:rank]
    flat = unit[:, None] * axes[rank:].T  # coef may move along these at no cost
    return unit * v - flat @ np.linalg.lstsq(flat, unit * v)[0]


def moments(
    X: np.ndarray, w: np.ndarray, y: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """The weighted mean and covariance of X's columns, and of y as one column more; float64."""
    mean = column_means(X, w, y)
    covariance = np.zeros((len(mean), len(mean)))
    for weight, block in _blocks(X, w, y):
        block = np.sqrt(weight)[:, None] * (block - mean)
        covariance += block.T @ block
    return mean, covariance / len(X)


def column_means(X: np.ndarray, w: np.ndarray, y: np.ndarray | None = None) -> np.ndarray:
    """The weighted mean of X's columns (d,), and of y as one column more; float64."""
    return sum(weight @ block for weight, block in _blocks(X, w, y)) / len(X)


def _blocks(
    X: np.ndarray, w: np.ndarray, y: np.ndarray | None
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """A few thousand rows at a time, so that no second copy of X is ever held."""
    for start in range(0, len(X), ROWS_AT_A_TIME):
        rows = slice(start, start + ROWS_AT_A_TIME)
        yield w[rows], X[rows] if y is None else np.column_stack([X[rows], y[rows]])


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
