"""Logistic regression: class probabilities from a linear function of the features."""

from functools import partial
from typing import Any, Self

import numpy as np

from pipeline.engines import inputs
from pipeline.engines.descent import Preconditioner, nesterov_descent, proximal_descent
from pipeline.engines.estimator import Classifier
from pipeline.engines.lbfgs import lbfgs
from pipeline.engines.linear_regression import safe_step_size
from pipeline.engines.logistic_loss import (
    LogisticLoss,
    approximate_mean,
    loss_and_error,
    n_logits,
)
from pipeline.engines.magnitude import power_of_two, require_visible
from pipeline.engines.matrix_products import inverse_square_root
from pipeline.engines.row_space import is_faster, row_space
from pipeline.from_scratch.activations import sigmoid, softmax
from pipeline.from_scratch.gradient_descent import descended, finite, mini_batches
from pipeline.from_scratch.sparsity import soft_threshold

Solution = tuple[np.ndarray, np.ndarray, np.ndarray]  # coef (k, d), intercept (k,), loss curve
Batch = tuple[np.ndarray, np.ndarray, np.ndarray]  # X (m, d), class numbers (m,), weights (m,)

SOLVERS = ("nesterov", "plain", "lbfgs")
MAX_L2 = 1e300  # so that sums with it stay finite
L1_TOL = 1e-4  # relative to the L1 penalty: how small a gradient counts as converged


class LogisticRegression(Classifier):
    """p = sigmoid(x · coef + intercept), or softmax for k > 2 classes, minimising cross-entropy.

    L = -1/n Σ log p(y_i | x_i) + l2/2 |coef|²; the intercept is not penalised. The optimum is that
    of scikit-learn's LogisticRegression with C = 1 / (n l2). If l1 > 0, the penalty is λ Σ |coef|
    instead, which sets most coefficients to 0; l1 is λ as a fraction of the smallest λ that sets
    all of them to 0 (Tibshirani 1996; Koh, Kim and Boyd 2007). It is fitted by proximal gradient
    descent whatever the solver.

    solver: "plain", gradient descent on `batch_size` rows per step (None: all of them); "nesterov",
    with momentum; "lbfgs", L-BFGS from a subsampled inverse Hessian (the default). lr=None
    uses a step size that is sure to converge. It stops when the gradient is below `tol`, which the
    last two measure in the norm of the inverse Hessian. A row with the weight w counts as w rows.

    Learns classes_ (k,), coef_ (1, d) for two classes and (k, d) for more, intercept_ (1,) or (k,),
    and loss_curve_ (one value per epoch; if there are `epochs` of them, it has not converged). If
    l2 is 0 and the classes are linearly separable, there is no optimum: coef_ grows until the loss
    is 0 up to rounding, or for `epochs`.
    """

    def __init__(
        self,
        *,
        lr: float | None = None,
        epochs: int = 1000,
        l2: float = 1e-3,
        l1: float = 0.0,
        solver: str = "lbfgs",
        batch_size: int | None = None,
        tol: float = 1e-8,
        seed: int = 0,
    ) -> None:
        self.lr, self.epochs, self.l2, self.l1, self.solver = lr, epochs, l2, l1, solver
        self.batch_size, self.tol, self.seed = batch_size, tol, seed

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """X (n, d), y (n,) of numbers or text -> self."""
        self._check_parameters()
        X = self._fit_features(X)
        self.classes_, codes = inputs.encode_labels(y, len(X))
        w = inputs.check_sample_weight(sample_weight, len(X))
        if self.solver == "plain" and self.l1 == 0:
            require_visible(X)
            coef, intercept, losses = self._plain(
                LogisticLoss(X, codes, w, self.l2, approximate_mean(X))
            )
        else:
            coef, intercept, losses = self._solve_any_magnitude(X, codes, w)
        self.coef_, self.intercept_ = coef.astype(X.dtype), intercept.astype(X.dtype)
        self.loss_curve_ = losses
        return self

    def _solve_any_magnitude(self, X: np.ndarray, codes: np.ndarray, w: np.ndarray) -> Solution:
        """The solver on X whose squares are in the range of float64.

        With an L1 penalty, X is brought near 1 sooner, because `tol` is absolute.
        """
        magnitude = float(power_of_two(X, exponent=16 if self.l1 > 0 else 300))
        if magnitude == 1:
            return self._solve(X, codes, w, self.l2)
        with np.errstate(over="ignore"):
            l2 = min(self.l2 / magnitude / magnitude, MAX_L2)
        coef, intercept, losses = self._solve(X / magnitude, codes, w, l2)
        return coef / magnitude, intercept, losses

    def _solve(self, X: np.ndarray, codes: np.ndarray, w: np.ndarray, l2: float) -> Solution:
        if self.l1 > 0:
            X = X.astype(np.float64, copy=False)
            return self._proximal(LogisticLoss(X, codes, w, 0.0, approximate_mean(X)))
        solve = getattr(self, f"_{self.solver}")
        if not is_faster(X, l2):
            return solve(LogisticLoss(X, codes, w, l2, approximate_mean(X)))
        space = row_space(X)
        loss = LogisticLoss(space.Z, codes, w, l2, approximate_mean(space.Z))
        coef, intercept, losses = solve(loss)
        return *space.coefficients(coef, intercept), losses

    def partial_fit(self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None) -> Self:
        """One step of gradient descent; the first call needs all classes, in `classes` or y."""
        self._check_parameters()
        self._require("l1", lambda l1: l1 == 0, "0 in partial_fit")
        X = self._partial_fit_features(X)
        codes = self._partial_fit_labels(y, len(X), classes)
        w = inputs.check_sample_weight(sample_weight, len(X)).astype(X.dtype)
        k = n_logits(self.classes_)
        if not hasattr(self, "coef_"):
            self.coef_, self.intercept_ = np.zeros((k, X.shape[1]), X.dtype), np.zeros(k, X.dtype)
            self.loss_curve_ = np.array([])
        lr = self.lr or safe_step_size(X, w, self.l2, None, _max_curvature(k))
        W, b = self.coef_.T.copy(), self.intercept_.copy()
        with np.errstate(over="ignore", invalid="ignore"):
            loss, _ = self._step(W, b, (X, codes, w), lr)
            finite(loss / len(X) + float(np.abs(W).max()), lr)
        self.coef_, self.intercept_ = W.T, b
        self.loss_curve_ = np.append(self.loss_curve_, loss / len(X))
        return self

    def decision_function(self, X: Any) -> np.ndarray:
        """X (n, d) -> logits: (n,) for two classes, (n, k) for more."""
        self._require_fitted("coef_")
        X = self._predict_features(X)
        logits = X.astype(self.coef_.dtype, copy=False) @ self.coef_.T + self.intercept_
        return logits[:, 0] if len(self.classes_) == 2 else logits

    def predict_proba(self, X: Any) -> np.ndarray:
        """X (n, d) -> (n, k), each row summing to 1, float64."""
        logits = self.decision_function(X).astype(np.float64)
        if logits.ndim == 1:
            return np.column_stack([sigmoid(-logits), sigmoid(logits)])
        return softmax(logits)

    @np.errstate(over="ignore", invalid="ignore")  # an overflow ends in one error
    def _plain(self, loss: LogisticLoss) -> Solution:
        """Plain gradient descent, on all rows or on mini-batches."""
        X, codes, w = loss.X, loss.codes, loss.w.astype(loss.X.dtype)
        k = n_logits(self.classes_)
        lr = self.lr or safe_step_size(X, w, self.l2, self.batch_size, _max_curvature(k))
        rng = np.random.default_rng(self.seed)
        W, b = np.zeros((X.shape[1], k), X.dtype), np.zeros(k, X.dtype)
        losses = []
        for _ in range(self.epochs):
            total = 0.0
            for batch in mini_batches(len(X), self.batch_size, rng):
                value, largest = self._step(W, b, (X[batch], codes[batch], w[batch]), lr)
                total += value
            losses.append(finite(total / len(X), lr))
            if self.batch_size is None and largest <= self.tol:
                break
        return W.T, b, descended(losses, lr)

    def _step(self, W: np.ndarray, b: np.ndarray, batch: Batch, lr: float) -> tuple[float, float]:
        """W <- W - lr (Xᵀ(p - t) / n + l2 W), b <- b - lr mean(p - t), in place.

        Returns the rows' summed loss before the step, penalty included, and the largest absolute
        element of the gradient.
        """
        X, codes, w = batch
        loss, error = loss_and_error(X @ W + b, codes, w)
        loss += len(X) * self.l2 / 2 * float(np.vdot(W, W))
        dW, db = X.T @ error / len(X) + self.l2 * W, error.mean(axis=0)
        W -= lr * dW
        b -= lr * db
        return loss, float(max(np.abs(dW).max(), np.abs(db).max()))

    def _nesterov(self, loss: LogisticLoss) -> Solution:
        """Momentum, preconditioned by the inverse of an upper bound on the Hessian, so that lr = 1.

        With two classes the Hessian is largest where both are equally likely, which is the initial
        theta; with more, each class has at most twice that (Böhning 1992).
        """
        start = loss.initial_theta(n_logits(self.classes_))
        T = inverse_square_root(loss.hessian(start[:1]) * min(len(start), 2))
        theta, losses = nesterov_descent(
            loss.loss_and_gradient,
            start,
            lambda g: g @ T.T @ T,
            lr=self.lr or 1.0,
            steps=self.epochs,
            tol=self.tol,
        )
        return *loss.coefficients(theta), losses

    def _lbfgs(self, loss: LogisticLoss) -> Solution:
        """L-BFGS with the inverse Hessian on a sample of the rows as its initial approximation.

        It first minimises the loss on the sample, which comes close to the minimum at a fraction of
        the cost, then the loss on all rows. (Byrd, Chin, Neveitt and Nocedal 2011) The sample and
        the Hessian affect only the number of steps, not the result.
        """
        rng, theta = np.random.default_rng(self.seed), loss.initial_theta(n_logits(self.classes_))
        n, sufficient = len(loss.X), 8 * theta.size
        size = max(n // (8 * len(theta)), sufficient, 2048)
        sample = loss.sample(size, rng)

        def make_preconditioner(theta: np.ndarray, i: int) -> Preconditioner:
            affordable = n * (100 + 200 * i) // theta.size  # rows, for the cost of the steps so far
            if affordable < min(n, sufficient):
                return sample.inverse_hessian_diagonal(theta)
            rows = loss.sample(min(size * 4**i, affordable), rng) if i else sample
            return rows.inverse_hessian(theta)

        descend = partial(lbfgs, lr=self.lr or 1.0, steps=self.epochs)
        sampling_error = np.sqrt(theta.size / len(sample.X))
        theta, _ = descend(
            sample.loss_and_gradient, make_preconditioner, theta, tol=sampling_error / 4
        )
        theta, losses = descend(loss.loss_and_gradient, make_preconditioner, theta, tol=self.tol)
        return *loss.coefficients(theta), losses

    def _proximal(self, loss: LogisticLoss) -> Solution:
        """Proximal gradient descent for the L1 penalty, from 0 and the class frequencies."""
        theta = loss.initial_theta(n_logits(self.classes_))
        frequencies = np.bincount(loss.codes, loss.w, len(self.classes_)) / loss.w.sum()
        logits = np.log(np.maximum(frequencies, np.finfo(float).tiny))
        theta[:, -1] = logits[1:] - logits[0] if len(theta) == 1 else logits
        gradient = loss.loss_and_gradient(theta)[1][:, :-1]
        penalty = self.l1 * float(np.abs(gradient).max())
        centred = loss.X - loss.origin
        lr = self.lr or safe_step_size(centred, loss.w, 0.0, None, _max_curvature(len(theta)))

        def proximal_operator(theta: np.ndarray) -> np.ndarray:
            theta = theta.copy()
            soft_threshold(theta[:, :-1], lr * penalty)
            return theta

        theta, losses = proximal_descent(
            loss.loss_and_gradient,
            proximal_operator,
            theta,
            lr=lr,
            steps=self.epochs,
            tol=max(self.tol, L1_TOL * penalty),
        )
        # not loss.coefficients, which subtracts the mean over the classes and leaves none at 0
        coef = np.ascontiguousarray(theta[:, :-1])
        return coef, theta[:, -1] - coef @ loss.origin, losses

    def _check_parameters(self) -> None:
        self._require_one_of("solver", SOLVERS)
        self._require("lr", lambda lr: lr is None or lr > 0, "None or numbers > 0")
        self._require("l2", lambda l2: l2 >= 0, "numbers >= 0")
        self._require("l1", lambda l1: 0 <= l1 < 1, "numbers >= 0 and < 1")
        self._require_integers(1, "epochs")
        self._require_integers(0, "seed")
        self._require("tol", lambda tol: tol >= 0, "numbers >= 0")
        if self.batch_size is not None:
            self._require_integers(1, "batch_size")


def _max_curvature(k: int) -> float:
    """The largest second derivative of the loss by a logit: sigmoid for k = 1, softmax above."""
    return 1 / 4 if k == 1 else 1 / 2
