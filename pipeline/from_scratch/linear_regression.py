"""Linear regression: the hypothesis H(x) = Wx + b, and the W and b that make its cost small.

The cost is the mean of the squared errors, halved:

    L(W, b) = 1/2n Σ (H(x_i) - y_i)²

The chain rule gives its partial derivatives. The derivative of ½ e² is e, that of e_i =
W x_i + b - y_i by W is x_i, and by b it is 1. So

    ∂L/∂W = 1/n Σ (H(x_i) - y_i) x_i        ∂L/∂b = 1/n Σ (H(x_i) - y_i)

and gradient descent repeats W <- W - lr ∂L/∂W, b <- b - lr ∂L/∂b. Simple regression has one column,
multiple regression d of them: W is then a vector (d,), x W a dot product, and nothing else changes.
"""

from typing import Self

import numpy as np

from pipeline.from_scratch.gradient_descent import descended, finite


def hypothesis(X: np.ndarray, W: np.ndarray, b: float) -> np.ndarray:
    """H(x) = x W + b. Shapes: X (n, d), W (d,) -> (n,)."""
    return X @ W + b


def errors(X: np.ndarray, y: np.ndarray, W: np.ndarray, b: float) -> np.ndarray:
    """H(x) - y, (n,); ValueError where y has another shape, which NumPy would broadcast."""
    prediction = hypothesis(X, W, b)
    if np.shape(y) != prediction.shape:
        raise ValueError(
            f"y has shape {np.shape(y)}, expected {prediction.shape}: one for each row."
        )
    return prediction - y


def cost(X: np.ndarray, y: np.ndarray, W: np.ndarray, b: float) -> float:
    """L = 1/2n Σ (H(x) - y)². Shapes: X (n, d), y (n,), W (d,)."""
    return float(np.mean(errors(X, y, W, b) ** 2) / 2)


def cost_gradient(
    X: np.ndarray, y: np.ndarray, W: np.ndarray, b: float
) -> tuple[np.ndarray, float]:
    """∂L/∂W (d,) and ∂L/∂b."""
    error = errors(X, y, W, b)
    return X.T @ error / len(y), float(error.mean())


class LinearRegression:
    """Gradient descent on all rows at once; with `l2` > 0 ridge regression.

    The penalty l2/2 |W|² adds l2 W to the gradient. lr must be below 2 / L, L the largest curvature
    (step_size.py): columns of very different scale need a tiny lr, so scale them first.
    """

    def __init__(self, *, lr: float = 0.1, epochs: int = 1000, l2: float = 0.0) -> None:
        self.lr, self.epochs, self.l2 = lr, epochs, l2

    @np.errstate(over="ignore", invalid="ignore")  # an overflow ends in one error
    def fit(self, X: np.ndarray, y: np.ndarray) -> Self:
        """X (n, d), y (n,) -> self; learns coef_ (d,), intercept_ and loss_curve_ (epochs,)."""
        self.coef_, self.intercept_, losses = np.zeros(X.shape[1]), 0.0, []
        for _ in range(self.epochs):
            penalty = self.l2 / 2 * float(np.sum(self.coef_**2))
            losses.append(finite(cost(X, y, self.coef_, self.intercept_) + penalty, self.lr))
            dW, db = cost_gradient(X, y, self.coef_, self.intercept_)
            self.coef_ = self.coef_ - self.lr * (dW + self.l2 * self.coef_)
            self.intercept_ -= self.lr * db
        self.loss_curve_ = descended(losses, self.lr)
        return self

    def predict(self, X: np.ndarray) -> np.ndarray:
        """X (n, d) -> H(x), (n,)."""
        return hypothesis(X, self.coef_, self.intercept_)


def simple_regression(x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """W and b for one column, without descent: where both derivatives are 0.

    W = Σ (x - x̄)(y - ȳ) / Σ (x - x̄)², b = ȳ - W x̄. Shapes: x (n,), y (n,).
    """
    dx, dy = x - x.mean(), y - y.mean()
    W = float(dx @ dy / (dx @ dx))
    return W, float(y.mean() - W * x.mean())


def normal_equation(X: np.ndarray, y: np.ndarray, l2: float = 0.0) -> tuple[np.ndarray, float]:
    """W and b for d columns, without descent: (AᵀA / n + l2) W = Aᵀ(y - ȳ) / n, A = X - x̄."""
    A = X - X.mean(axis=0)
    W = np.linalg.solve(A.T @ A / len(y) + l2 * np.eye(A.shape[1]), A.T @ (y - y.mean()) / len(y))
    return W, float(y.mean() - X.mean(axis=0) @ W)


def cost_surface(x: np.ndarray, y: np.ndarray, W: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The cost of simple regression at every W (p,) and b (q,): (q, p), a bowl with one minimum."""
    return np.array([[cost(x[:, None], y, np.array([w]), c) for w in W] for c in b])
