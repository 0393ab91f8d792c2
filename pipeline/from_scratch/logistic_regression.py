"""The probability of a class from a straight line through the features."""

from typing import Any, Self

import numpy as np

from pipeline.from_scratch import inputs
from pipeline.from_scratch.activations import sigmoid, softmax
from pipeline.from_scratch.descent import mini_batches, nesterov_descent
from pipeline.from_scratch.estimator import Classifier
from pipeline.from_scratch.linear_regression import moments, safe_step, units

Solution = tuple[np.ndarray, np.ndarray, np.ndarray]  # W (d, k), b (k,), loss curve
Batch = tuple[np.ndarray, np.ndarray, np.ndarray]  # X (m, d), class numbers (m,), weights (m,)

CURVATURE = {True: 1 / 4, False: 1 / 2}  # the loss's second derivative: sigmoid, softmax


class LogisticRegression(Classifier):
    """p = sigmoid(x · coef + intercept), or softmax for k > 2 classes, of least cross-entropy.

    L = -1/n Σ log p(y_i | x_i) + l2/2 |coef|²; the intercept is free of l2. The optimum is that of
    scikit-learn's LogisticRegression with C = 1 / (n l2). solver: "nesterov", momentum in whitened
    coordinates (the default); "plain", the gradient and nothing else, on `batch_size` rows a step
    (None: all of them). lr=None takes a step that is safe. sample_weight counts a row that many
    times.

    Learns classes_ (k,), coef_ (1, d) for two classes and (k, d) for more, intercept_ (1,) or (k,),
    and loss_curve_ (one value an epoch).
    """

    def __init__(
        self,
        *,
        lr: float | None = None,
        epochs: int = 1000,
        l2: float = 1e-3,
        solver: str = "nesterov",
        batch_size: int | None = None,
        tol: float = 1e-7,
        seed: int = 0,
    ) -> None:
        self.lr, self.epochs, self.l2, self.solver = lr, epochs, l2, solver
        self.batch_size, self.tol, self.seed = batch_size, tol, seed

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """X (n, d), y (n,) of numbers or text -> self."""
        X = self._learn_features(X)
        self.classes_, codes = inputs.labels(y, len(X))
        weight = inputs.weights(sample_weight, len(X)).astype(X.dtype)
        solvers = {"nesterov": self._nesterov, "plain": self._plain}
        if self.solver not in solvers:
            raise ValueError(f"solver is {self.solver!r}; allowed are {', '.join(solvers)}.")
        W, b, losses = solvers[self.solver](X, codes, weight)
        self.coef_, self.intercept_ = W.T.astype(X.dtype), b.astype(X.dtype)
        self.loss_curve_ = losses
        return self

    def partial_fit(self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None) -> Self:
        """One plain step on these rows; the first call names all the classes there will be."""
        X = self._more_features(X)
        codes = self._more_labels(y, len(X), classes)
        w = inputs.weights(sample_weight, len(X)).astype(X.dtype)
        k = outputs(self.classes_)
        if not hasattr(self, "coef_"):
            self.coef_, self.intercept_ = np.zeros((k, X.shape[1]), X.dtype), np.zeros(k, X.dtype)
            self.loss_curve_ = np.array([])
        lr = self.lr or safe_step(X, w, self.l2, None, CURVATURE[k == 1])
        W, b = self.coef_.T.copy(), self.intercept_.copy()
        loss, _ = self._step(W, b, (X, codes, w), lr)
        self.coef_, self.intercept_ = W.T, b
        self.loss_curve_ = np.append(self.loss_curve_, loss / len(X))
        return self

    def decision_function(self, X: Any) -> np.ndarray:
        """X (n, d) -> logits: (n,) for two classes, (n, k) for more."""
        self._require_fit("coef_")
        X = self._known_features(X)
        logits = X.astype(self.coef_.dtype, copy=False) @ self.coef_.T + self.intercept_
        return logits[:, 0] if len(self.classes_) == 2 else logits

    def predict_proba(self, X: Any) -> np.ndarray:
        """X (n, d) -> (n, k), each row summing to 1, float64."""
        logits = self.decision_function(X).astype(np.float64)
        if logits.ndim == 1:
            return np.column_stack([sigmoid(-logits), sigmoid(logits)])
        return softmax(logits)

    def predict(self, X: Any) -> np.ndarray:
        """X (n, d) -> the likeliest class, (n,)."""
        p = self.predict_proba(X)
        return self.classes_[p.argmax(axis=1)]

    def _nesterov(self, X: np.ndarray, codes: np.ndarray, w: np.ndarray) -> Solution:
        """Nesterov's descent in coordinates V, W = T V, in which no curvature is above 1.

        The Hessian of the cross-entropy is never above c XᵀX / n, c = ¼ for two classes, ½ for more
        (Böhning 1992). With T Tᵀ = (c XᵀX / n + l2 I)⁻¹ a step of 1 is safe and needs no search,
        and correlated or badly scaled columns slow nothing down.
        """
        k = outputs(self.classes_)
        curvature = CURVATURE[k == 1]
        mean, covariance = moments(X, w.astype(np.float64))
        T = _whitening(curvature * covariance + self.l2 * np.eye(len(mean)), mean)
        n = len(X)

        def unpack(theta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            W = T @ theta[:-1]
            return W, theta[-1] / np.sqrt(curvature) - mean @ W

        def loss_and_gradient(theta: np.ndarray) -> tuple[float, np.ndarray]:
            W, b = unpack(theta)
            loss, error = loss_and_error(X @ W.astype(X.dtype) + b.astype(X.dtype), codes, w)
            slope, total = (X.T @ error).astype(np.float64), error.sum(axis=0, dtype=np.float64)
            slope = (slope - np.outer(mean, total)) / n + self.l2 * W
            gradient = np.vstack([T.T @ slope, total / n / np.sqrt(curvature)])
            return loss / n + self.l2 / 2 * float(np.vdot(W, W)), gradient

        start = np.zeros((len(mean) + 1, k))
        tol = max(self.tol, 10 * float(np.finfo(X.dtype).eps))
        theta, losses = nesterov_descent(
            loss_and_gradient, start, lr=self.lr or 1.0, steps=self.epochs, tol=tol
        )
        return *unpack(theta), losses

    def _plain(self, X: np.ndarray, codes: np.ndarray, w: np.ndarray) -> Solution:
        """Every step follows the gradient of its rows, and nothing else."""
        k = outputs(self.classes_)
        lr = self.lr or safe_step(X, w, self.l2, self.batch_size, CURVATURE[k == 1])
        rng = np.random.default_rng(self.seed)
        W, b = np.zeros((X.shape[1], k), X.dtype), np.zeros(k, X.dtype)
        losses = []
        for _ in range(self.epochs):
            total = 0.0
            for rows in mini_batches(len(X), self.batch_size, rng):
                loss, slope = self._step(W, b, (X[rows], codes[rows], w[rows]), lr)
                total += loss
            losses.append(total / len(X))
            if self.batch_size is None and slope <= self.tol:
                break
        return W, b, np.array(losses)

    def _step(self, W: np.ndarray, b: np.ndarray, batch: Batch, lr: float) -> tuple[float, float]:
        """W <- W - lr (Xᵀ(p - t) / n + l2 W), b <- b - lr mean(p - t), in place.

        Returns the rows' summed loss before the step, penalty included, and the largest part of
        the gradient.
        """
        X, codes, w = batch
        loss, error = loss_and_error(X @ W + b, codes, w)
        loss += len(X) * self.l2 / 2 * float(np.vdot(W, W))
        slope_W, slope_b = X.T @ error / len(X) + self.l2 * W, error.mean(axis=0)
        W -= lr * slope_W
        b -= lr * slope_b
        return loss, float(max(np.abs(slope_W).max(), np.abs(slope_b).max()))


def _whitening(H: np.ndarray, mean: np.ndarray) -> np.ndarray:
    """T with Tᵀ H T = I; directions in which H is 0 get a little curvature first.

    Every column is measured in its own unit, so that a little is little for each of them.
    """
    unit = units(np.sqrt(np.diag(H)), mean)
    H = unit[:, None] * H * unit + 1e-12 * np.eye(len(H))
    return unit[:, None] * np.linalg.inv(np.linalg.cholesky(H)).T


def outputs(classes: np.ndarray) -> int:
    """How many logits k classes need: one for two, k for more."""
    return 1 if len(classes) == 2 else len(classes)


def loss_and_error(
    logits: np.ndarray, codes: np.ndarray, w: np.ndarray
) -> tuple[float, np.ndarray]:
    """Σ_i w_i (-log p_i) and its derivative by the logits, w_i (p_i - t_i): (n, k) -> (n, k)."""
    rows = np.arange(len(logits))
    if logits.shape[1] == 1:
        z, t = logits[:, 0], codes.astype(logits.dtype)
        e = np.exp(-np.abs(z))
        loss = np.maximum(z, 0) - t * z + np.log1p(e)
        error = (np.where(z >= 0, 1, e) / (1 + e) - t)[:, None]
    else:
        error = softmax(logits)
        loss = -np.log(np.maximum(error[rows, codes], np.finfo(error.dtype).tiny))
        error[rows, codes] -= 1
    return float(w @ loss), w[:, None] * error
