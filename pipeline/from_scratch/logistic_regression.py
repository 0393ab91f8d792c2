"""The probability of a class from a straight line through the features."""

from functools import partial
from typing import Any, Self

import numpy as np

from pipeline.from_scratch import inputs
from pipeline.from_scratch.activations import sigmoid, softmax
from pipeline.from_scratch.descent import (
    Precondition,
    inverse_root,
    mini_batches,
    nesterov_descent,
    preconditioned_descent,
    proximal_descent,
)
from pipeline.from_scratch.estimator import Classifier
from pipeline.from_scratch.linear_regression import safe_step
from pipeline.from_scratch.logistic_loss import LogisticLoss, loss_and_error, near, outputs
from pipeline.from_scratch.row_span import is_worth_it, row_span
from pipeline.from_scratch.sparsity import soft_threshold

Solution = tuple[np.ndarray, np.ndarray, np.ndarray]  # coef (k, d), intercept (k,), loss curve
Batch = tuple[np.ndarray, np.ndarray, np.ndarray]  # X (m, d), class numbers (m,), weights (m,)

SOLVERS = ("nesterov", "plain", "preconditioned")
SETTLED = 1e-4  # of the L1 penalty: a slope that moves no weight any more
CURVATURE = {True: 1 / 4, False: 1 / 2}  # the loss's second derivative: sigmoid, softmax


class LogisticRegression(Classifier):
    """p = sigmoid(x · coef + intercept), or softmax for k > 2 classes, of least cross-entropy.

    L = -1/n Σ log p(y_i | x_i) + l2/2 |coef|²; the intercept is free of l2. The optimum is that of
    scikit-learn's LogisticRegression with C = 1 / (n l2). Where l1 is above 0, λ Σ |coef| takes the
    place of l2, and leaves most columns out; l1 is λ as a share of the least that leaves all out
    (Tibshirani 1996; Koh, Kim and Boyd 2007), and proximal steps take the place of the solver.

    solver: "plain", the gradient and nothing else, on `batch_size` rows a step (None: all of them);
    "nesterov", momentum; "preconditioned", a step length for every direction (the default). lr=None
    takes a step that is safe. It ends where the slope is below `tol`, in the last two in units of
    the curvature. sample_weight counts a row that many times.

    Learns classes_ (k,), coef_ (1, d) for two classes and (k, d) for more, intercept_ (1,) or (k,),
    and loss_curve_ (one value an epoch; as many as `epochs` tell that descent has not settled).
    Where l2 is 0 and a line separates the classes there is no optimum: coef_ grows until the loss
    is 0 but for rounding, or the epochs are over.
    """

    def __init__(
        self,
        *,
        lr: float | None = None,
        epochs: int = 1000,
        l2: float = 1e-3,
        l1: float = 0.0,
        solver: str = "preconditioned",
        batch_size: int | None = None,
        tol: float = 1e-8,
        seed: int = 0,
    ) -> None:
        self.lr, self.epochs, self.l2, self.l1, self.solver = lr, epochs, l2, l1, solver
        self.batch_size, self.tol, self.seed = batch_size, tol, seed

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """X (n, d), y (n,) of numbers or text -> self."""
        self._check_parameters()
        X = self._learn_features(X)
        self.classes_, codes = inputs.labels(y, len(X))
        w, descend = inputs.weights(sample_weight, len(X)), getattr(self, f"_{self.solver}")
        if self.l1 > 0:
            X64 = X.astype(np.float64, copy=False)
            coef, intercept, losses = self._sparse(LogisticLoss(X64, codes, w, 0.0, near(X)))
        elif self.solver != "plain" and is_worth_it(X, self.l2):
            span = row_span(X)
            coef, intercept, losses = descend(LogisticLoss(span.Z, codes, w, self.l2, near(span.Z)))
            coef, intercept = span.line(coef, intercept)
        else:
            coef, intercept, losses = descend(LogisticLoss(X, codes, w, self.l2, near(X)))
        self.coef_, self.intercept_ = coef.astype(X.dtype), intercept.astype(X.dtype)
        self.loss_curve_ = losses
        return self

    def partial_fit(self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None) -> Self:
        """One plain step on these rows; the first call names all the classes there will be."""
        self._check_parameters()
        self._require("l1", lambda l1: l1 == 0, "0 where rows come in parts")
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

    def _plain(self, rows: LogisticLoss) -> Solution:
        """Every step follows the gradient of its rows, and nothing else."""
        X, codes, w = rows.X, rows.codes, rows.w.astype(rows.X.dtype)
        k = outputs(self.classes_)
        lr = self.lr or safe_step(X, w, self.l2, self.batch_size, CURVATURE[k == 1])
        rng = np.random.default_rng(self.seed)
        W, b = np.zeros((X.shape[1], k), X.dtype), np.zeros(k, X.dtype)
        losses = []
        for _ in range(self.epochs):
            total = 0.0
            for batch in mini_batches(len(X), self.batch_size, rng):
                loss, slope = self._step(W, b, (X[batch], codes[batch], w[batch]), lr)
                total += loss
            losses.append(total / len(X))
            if self.batch_size is None and slope <= self.tol:
                break
        return W.T, b, np.array(losses)

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

    def _nesterov(self, loss: LogisticLoss) -> Solution:
        """Momentum, and the inverse of a bound on the curvature, safe with a step of 1 everywhere.

        Two classes have the most curvature where both are equally likely, which is the start; more
        classes have at most twice as much as two, each (Böhning 1992).
        """
        start = loss.start(outputs(self.classes_))
        T = inverse_root(loss.curvature(start[:1]) * min(len(start), 2))
        theta, losses = nesterov_descent(
            loss.loss_and_gradient,
            start,
            lambda g: g @ T.T @ T,
            lr=self.lr or 1.0,
            steps=self.epochs,
            tol=self.tol,
        )
        return *loss.line(theta), losses

    def _preconditioned(self, loss: LogisticLoss) -> Solution:
        """Each direction's step from the curvature, which a sample of the rows is enough to guess.

        On the sample first: where its loss is least the whole loss is nearly so, at a small part of
        the price. Then on all rows. (Byrd, Chin, Neveitt and Nocedal 2011) Sample and curvature
        may be rough, for they decide how long it takes, and not where it ends.
        """
        rng, theta = np.random.default_rng(self.seed), loss.start(outputs(self.classes_))
        n, enough = len(loss.X), 8 * theta.size
        size = max(n // (8 * len(theta)), enough, 2048)
        sample = loss.sample(size, rng)

        def guess(theta: np.ndarray, i: int) -> Precondition:
            affordable = n * (100 + 200 * i) // theta.size  # rows, at the price of the steps so far
            if affordable < min(n, enough):
                return sample.inverse_diagonal(theta)
            rows = loss.sample(min(size * 4**i, affordable), rng) if i else sample
            return rows.inverse_curvature(theta)

        descend = partial(preconditioned_descent, lr=self.lr or 1.0, steps=self.epochs)
        rough = np.sqrt(theta.size / len(sample.X)) / 4  # a quarter of what chance decides
        theta, _ = descend(sample.loss_and_gradient, guess, theta, tol=rough)
        theta, losses = descend(loss.loss_and_gradient, guess, theta, tol=self.tol)
        return *loss.line(theta), losses

    def _sparse(self, loss: LogisticLoss) -> Solution:
        """From no weight at all, where the intercept alone tells how common the classes are."""
        theta = loss.start(outputs(self.classes_))
        shares = np.bincount(loss.codes, loss.w, len(self.classes_)) / loss.w.sum()
        logits = np.log(np.maximum(shares, np.finfo(float).tiny))
        theta[:, -1] = logits[1:] - logits[0] if len(theta) == 1 else logits
        slope = loss.loss_and_gradient(theta)[1][:, :-1]
        penalty = self.l1 * float(np.abs(slope).max())
        centred, curvature = loss.X - loss.origin, CURVATURE[len(theta) == 1]
        lr = self.lr or safe_step(centred, loss.w, 0.0, None, curvature)

        def shrink(theta: np.ndarray) -> np.ndarray:
            theta = theta.copy()
            soft_threshold(theta[:, :-1], lr * penalty)
            return theta

        theta, losses = proximal_descent(
            loss.loss_and_gradient,
            shrink,
            theta,
            lr=lr,
            steps=self.epochs,
            tol=max(self.tol, SETTLED * penalty),
        )
        # not loss.line: of several classes' weights it makes sums of 0, and leaves none at 0
        coef = np.ascontiguousarray(theta[:, :-1])
        return coef, theta[:, -1] - coef @ loss.origin, losses

    def _check_parameters(self) -> None:
        self._require_one_of("solver", SOLVERS)
        self._require("lr", lambda lr: lr is None or lr > 0, "None and numbers above 0")
        self._require("l2", lambda l2: l2 >= 0, "0 and more")
        self._require("l1", lambda l1: 0 <= l1 < 1, "0 and more, below 1")
        self._require_whole(1, "epochs")
        if self.batch_size is not None:
            self._require_whole(1, "batch_size")
