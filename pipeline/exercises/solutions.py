"""One solution of each exercise, under its name: read it after an attempt of your own."""

from collections.abc import Callable
from typing import Any, Self

import numpy as np

# -- from_perceptron_to_network --------------------------------------------------------------------


def nor(x: np.ndarray) -> np.ndarray:
    w, b = np.array([-0.5, -0.5]), 0.2
    return (x @ w + b > 0).astype(float)


def sigmoid(x: np.ndarray) -> np.ndarray:
    e = np.exp(-np.abs(x))  # at most 1
    return np.where(x >= 0, 1, e) / (1 + e)


def softmax(z: np.ndarray) -> np.ndarray:
    e = np.exp(z - z.max(axis=1, keepdims=True))
    found: np.ndarray = e / e.sum(axis=1, keepdims=True)
    return found


def forward(
    x: np.ndarray, W1: np.ndarray, b1: np.ndarray, W2: np.ndarray, b2: np.ndarray
) -> np.ndarray:
    return softmax(sigmoid(x @ W1 + b1) @ W2 + b2)


def cross_entropy(p: np.ndarray, t: np.ndarray) -> float:
    return float(-np.mean(np.sum(t * np.log(p), axis=1)))


def affine_backward(
    x: np.ndarray, W: np.ndarray, dy: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return dy @ W.T, x.T @ dy, dy.sum(axis=0)


def softmax_with_loss_backward(z: np.ndarray, t: np.ndarray) -> np.ndarray:
    return (softmax(z) - np.eye(z.shape[1])[t]) / len(z)


class MyPerceptron:
    def fit(self, X: np.ndarray, y: np.ndarray) -> Self:
        self.w, self.b = np.zeros(X.shape[1]), 0.0
        for _ in range(30):
            for x, t in zip(X, y, strict=True):
                error = t - int(x @ self.w + self.b > 0)
                self.w += error * x
                self.b += error
        return self

    def predict(self, X: np.ndarray) -> np.ndarray:
        return (X @ self.w + self.b > 0).astype(int)


# -- regression_and_gradient_descent ---------------------------------------------------------------


def line_gradient(x: np.ndarray, y: np.ndarray, W: float, b: float) -> tuple[float, float]:
    error = W * x + b - y
    return 2 * np.mean(error * x), 2 * np.mean(error)


def numerical_gradient(f: Callable[[np.ndarray], float], x: np.ndarray) -> np.ndarray:
    gradient, h = np.empty_like(x), 1e-5
    for i in np.ndindex(x.shape):
        e = np.zeros_like(x)
        e[i] = h
        gradient[i] = (f(x + e) - f(x - e)) / (2 * h)
    return gradient


def ridge(X: np.ndarray, y: np.ndarray, l2: float) -> tuple[np.ndarray, float]:
    centre, mean = X.mean(axis=0), y.mean()
    A = X - centre
    w = np.linalg.solve(A.T @ A + len(y) * l2 * np.eye(X.shape[1]), A.T @ (y - mean))
    return w, mean - centre @ w


def logistic_gradient(X: np.ndarray, y: np.ndarray, w: np.ndarray) -> np.ndarray:
    return X.T @ (sigmoid(X @ w) - y) / len(y)


class MyLinearRegression:
    def fit(self, X: np.ndarray, y: np.ndarray) -> Self:
        self.w, self.b = np.zeros(X.shape[1]), 0.0
        lr = 1 / np.linalg.norm(np.column_stack([X, np.ones(len(X))]), 2) ** 2 * len(X)
        for _ in range(500):
            error = X @ self.w + self.b - y
            self.w -= lr * X.T @ error / len(y)
            self.b -= lr * error.mean()
        return self

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        return np.clip(X @ self.w + self.b, 0, 1)


class MyRidge:
    def fit(self, X: np.ndarray, y: np.ndarray) -> Self:
        self.w, self.b = ridge(X, y, 1e-3)
        return self

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        return np.clip(X @ self.w + self.b, 0, 1)


class MyLogisticRegression:
    def fit(self, X: np.ndarray, y: np.ndarray) -> Self:
        A = np.column_stack([X, np.ones(len(X))])
        self.w = np.zeros(A.shape[1])
        lr = 4 / np.linalg.norm(A, 2) ** 2 * len(A)
        for _ in range(500):
            self.w -= lr * logistic_gradient(A, y, self.w)
        return self

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        return sigmoid(X @ self.w[:-1] + self.w[-1])


# -- training_a_network ----------------------------------------------------------------------------


def momentum_step(
    theta: np.ndarray, v: np.ndarray, grad: np.ndarray, lr: float, beta: float
) -> tuple[np.ndarray, np.ndarray]:
    v = beta * v - lr * grad
    return theta + v, v


def adam(theta: np.ndarray, gradients: np.ndarray, lr: float) -> np.ndarray:
    m, v = np.zeros_like(theta), np.zeros_like(theta)
    for t, grad in enumerate(gradients, 1):
        m = 0.9 * m + 0.1 * grad
        v = 0.999 * v + 0.001 * grad**2
        theta = theta - lr * (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8)
    return theta


def initial_std(d_in: int, d_out: int, activation: str) -> float:
    variance = 2 / d_in if activation == "relu" else 2 / (d_in + d_out)
    return float(np.sqrt(variance))


def decay_step(theta: np.ndarray, grad: np.ndarray, lr: float, weight_decay: float) -> np.ndarray:
    return (1 - lr * weight_decay) * theta - lr * grad


def dropout(x: np.ndarray, mask: np.ndarray, rate: float) -> np.ndarray:
    return x * mask / (1 - rate)


def normalise(x: np.ndarray) -> np.ndarray:
    found: np.ndarray = (x - x.mean(axis=0)) / np.sqrt(x.var(axis=0) + 1e-5)
    return found


class MyNetwork:
    """d - hidden - 1, tanh and sigmoid, mini-batch SGD."""

    def __init__(self, hidden: int = 32, lr: float = 0.2, epochs: int = 60, seed: int = 0) -> None:
        self.hidden, self.lr, self.epochs, self.seed = hidden, lr, epochs, seed

    def fit(self, X: np.ndarray, y: np.ndarray) -> Self:
        rng = np.random.default_rng(self.seed)
        d = X.shape[1]
        self.W1, self.b1 = rng.normal(0, np.sqrt(1 / d), (d, self.hidden)), np.zeros(self.hidden)
        self.W2, self.b2 = rng.normal(0, np.sqrt(1 / self.hidden), self.hidden), 0.0
        for _ in range(self.epochs):
            for rows in np.array_split(rng.permutation(len(X)), max(len(X) // 32, 1)):
                self._step(X[rows], y[rows])
        return self

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        return sigmoid(np.tanh(X @ self.W1 + self.b1) @ self.W2 + self.b2)

    def _step(self, X: np.ndarray, y: np.ndarray) -> None:
        h = np.tanh(X @ self.W1 + self.b1)
        dz = (sigmoid(h @ self.W2 + self.b2) - y) / len(y)  # dL/dlogit
        dh = np.outer(dz, self.W2) * (1 - h**2)
        self.W2 -= self.lr * h.T @ dz
        self.b2 -= self.lr * dz.sum()
        self.W1 -= self.lr * X.T @ dh
        self.b1 -= self.lr * dh.sum(axis=0)


class MyRegularisedNetwork:
    """d - hidden - 1, ReLU, dropout, Adam and decoupled weight decay."""

    def __init__(
        self, hidden: int = 64, lr: float = 0.005, epochs: int = 40, seed: int = 0
    ) -> None:
        self.hidden, self.lr, self.epochs, self.seed = hidden, lr, epochs, seed
        self.rate, self.decay = 0.2, 0.1

    def fit(self, X: np.ndarray, y: np.ndarray) -> Self:
        rng = np.random.default_rng(self.seed)
        shapes = ((X.shape[1], self.hidden), (self.hidden,), (self.hidden,), ())
        scales = (np.sqrt(2 / X.shape[1]), 0.0, np.sqrt(1 / self.hidden), 0.0)
        self.theta = [rng.normal(0, 1, s) * c for s, c in zip(shapes, scales, strict=True)]
        m, v, t = [np.zeros(s) for s in shapes], [np.zeros(s) for s in shapes], 0
        for _ in range(self.epochs):
            for rows in np.array_split(rng.permutation(len(X)), max(len(X) // 32, 1)):
                t += 1
                for i, g in enumerate(self._gradients(X[rows], y[rows], rng)):
                    m[i], v[i] = 0.9 * m[i] + 0.1 * g, 0.999 * v[i] + 0.001 * g**2
                    step = m[i] / (1 - 0.9**t) / (np.sqrt(v[i] / (1 - 0.999**t)) + 1e-8)
                    decay = self.decay if i in (0, 2) else 0.0  # weights, not biases
                    self.theta[i] = self.theta[i] * (1 - self.lr * decay) - self.lr * step
        return self

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        W1, b1, W2, b2 = self.theta
        return sigmoid(np.maximum(X @ W1 + b1, 0) @ W2 + b2)

    def _gradients(self, X: np.ndarray, y: np.ndarray, rng: np.random.Generator) -> list[Any]:
        W1, b1, W2, b2 = self.theta
        z = X @ W1 + b1
        mask = (rng.random(z.shape) >= self.rate) / (1 - self.rate)
        h = np.maximum(z, 0) * mask
        dy = (sigmoid(h @ W2 + b2) - y) / len(y)
        dz = np.outer(dy, W2) * mask * (z > 0)
        return [X.T @ dz, dz.sum(axis=0), h.T @ dy, dy.sum()]


# -- recurrent_networks ----------------------------------------------------------------------------


def recurrent_forward(x: np.ndarray, Wx: np.ndarray, Wh: np.ndarray, b: np.ndarray) -> np.ndarray:
    h, states = np.zeros((len(x), len(Wh))), []
    for t in range(x.shape[1]):
        h = np.tanh(x[:, t] @ Wx + h @ Wh + b)
        states.append(h)
    return np.stack(states, axis=1)


def recurrent_weight_gradient(
    x: np.ndarray, Wx: np.ndarray, Wh: np.ndarray, last: np.ndarray
) -> np.ndarray:
    h = recurrent_forward(x, Wx, Wh, np.zeros(len(Wh)))
    dh, dWh = last, np.zeros_like(Wh)
    for t in range(x.shape[1] - 1, 0, -1):  # before step 0 the state is 0
        dz = dh * (1 - h[:, t] ** 2)
        dWh += h[:, t - 1].T @ dz
        dh = dz @ Wh.T
    return dWh


def gru_step(
    x: np.ndarray, h: np.ndarray, Wz: np.ndarray, Uz: np.ndarray, Wn: np.ndarray, Un: np.ndarray
) -> np.ndarray:
    z = sigmoid(x @ Wz + h @ Uz)
    n = np.tanh(x @ Wn + h @ Un)
    return z * h + (1 - z) * n


def perplexity(p: np.ndarray, t: np.ndarray) -> float:
    return float(np.exp(-np.mean(np.log(p[np.arange(len(t)), t]))))


class MyRecurrentNetwork:
    """The columns one after another; the last state through a logistic regression. Adam."""

    def __init__(
        self, hidden: int = 24, lr: float = 0.005, epochs: int = 30, seed: int = 0
    ) -> None:
        self.hidden, self.lr, self.epochs, self.seed = hidden, lr, epochs, seed

    def fit(self, X: np.ndarray, y: np.ndarray) -> Self:
        rng, k = np.random.default_rng(self.seed), self.hidden
        orthogonal = np.linalg.qr(rng.normal(size=(k, k)))[0]
        Wx, w = rng.normal(0, 0.3, (1, k)), rng.normal(0, 0.3, k)
        self.theta = [Wx, orthogonal, np.zeros(k), w, np.zeros(())]
        m, v, t = [0.0] * 5, [0.0] * 5, 0
        for _ in range(self.epochs):
            for rows in np.array_split(rng.permutation(len(X)), max(len(X) // 32, 1)):
                t += 1
                for i, g in enumerate(self._gradients(X[rows][:, :, None], y[rows])):
                    m[i], v[i] = 0.9 * m[i] + 0.1 * g, 0.999 * v[i] + 0.001 * g**2
                    step = m[i] / (1 - 0.9**t) / (np.sqrt(v[i] / (1 - 0.999**t)) + 1e-8)
                    self.theta[i] = self.theta[i] - self.lr * step
        return self

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        Wx, Wh, b, w, c = self.theta
        return sigmoid(recurrent_forward(X[:, :, None], Wx, Wh, b)[:, -1] @ w + c)

    def _gradients(self, x: np.ndarray, y: np.ndarray) -> list[Any]:
        Wx, Wh, b, w, c = self.theta
        h = recurrent_forward(x, Wx, Wh, b)
        dy = (sigmoid(h[:, -1] @ w + c) - y) / len(y)
        dh, dWx, dWh, db = np.outer(dy, w), np.zeros_like(Wx), np.zeros_like(Wh), np.zeros_like(b)
        for t in range(x.shape[1] - 1, -1, -1):
            dz = dh * (1 - h[:, t] ** 2)
            dWx += x[:, t].T @ dz
            db += dz.sum(axis=0)
            if t:
                dWh += h[:, t - 1].T @ dz
            dh = dz @ Wh.T
        return [dWx, dWh, db, h[:, -1].T @ dy, dy.sum()]


# -- boosting_and_kernels --------------------------------------------------------------------------


def best_split(x: np.ndarray, r: np.ndarray) -> float:
    values = np.unique(x)
    middles = (values[:-1] + values[1:]) / 2
    gains = [
        r[x < c].sum() ** 2 / np.sum(x < c) + r[x >= c].sum() ** 2 / np.sum(x >= c) for c in middles
    ]
    return float(middles[int(np.argmax(gains))])


def newton_leaf(t: np.ndarray, p: np.ndarray, l2: float) -> float:
    return float(np.sum(t - p) / (np.sum(p * (1 - p)) + l2))


def rbf_kernel(A: np.ndarray, B: np.ndarray, length_scale: float) -> np.ndarray:
    squares = (A**2).sum(axis=1)[:, None] + (B**2).sum(axis=1) - 2 * A @ B.T
    return np.exp(-np.maximum(squares, 0) / (2 * length_scale**2))


class MyBoosting:
    """Symmetric trees of two splits; thresholds are eight quantiles of each column."""

    def __init__(self, trees: int = 60, lr: float = 0.3, depth: int = 2, l2: float = 3.0) -> None:
        self.trees, self.lr, self.depth, self.l2 = trees, lr, depth, l2

    def fit(self, X: np.ndarray, y: np.ndarray) -> Self:
        edges = [np.unique(np.quantile(column, np.arange(1, 9) / 9)) for column in X.T]
        self.splits = [(j, c) for j, own in enumerate(edges) for c in own]
        right = np.stack([X[:, j] >= c for j, c in self.splits])  # (splits, n)
        self.baseline = np.log(y.mean() / (1 - y.mean()))
        f, self.grown = np.full(len(y), self.baseline), []
        for _ in range(self.trees):
            p = sigmoid(f)
            chosen, leaf = self._grow(right, y - p)
            values = np.array(
                [newton_leaf(y[leaf == i], p[leaf == i], self.l2) for i in range(2**self.depth)]
            )
            self.grown.append((chosen, self.lr * values))
            f = f + self.lr * values[leaf]
        return self

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        f = np.full(len(X), self.baseline)
        for chosen, values in self.grown:
            leaf = np.zeros(len(X), dtype=int)
            for j, c in (self.splits[q] for q in chosen):
                leaf = 2 * leaf + (X[:, j] >= c)
            f += values[leaf]
        return sigmoid(f)

    def _grow(self, right: np.ndarray, r: np.ndarray) -> tuple[list[int], np.ndarray]:
        chosen, leaf = [], np.zeros(len(r), dtype=int)
        for level in range(self.depth):
            gain = np.zeros(len(right))
            for i in range(2**level):
                rows = leaf == i
                counts, sums = right[:, rows].sum(axis=1), right[:, rows] @ r[rows]
                gain += sums**2 / (counts + self.l2)
                gain += (r[rows].sum() - sums) ** 2 / (rows.sum() - counts + self.l2)
            chosen.append(int(np.argmax(gain)))
            leaf = 2 * leaf + right[chosen[-1]]
        return chosen, leaf


class MyKernel:
    def fit(self, X: np.ndarray, y: np.ndarray) -> Self:
        self.X, self.scale, self.mean = X.copy(), np.sqrt(X.shape[1]), y.mean()
        K = rbf_kernel(X, X, self.scale)
        self.alpha = np.linalg.solve(K + 0.3 * np.eye(len(X)), y - self.mean)
        return self

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        return np.clip(self.mean + rbf_kernel(X, self.X, self.scale) @ self.alpha, 0, 1)


class MyEnsemble:
    def fit(self, X: np.ndarray, y: np.ndarray) -> Self:
        self.models = [kind().fit(X, y) for kind in (MyBoosting, MyKernel, MyRegularisedNetwork)]
        return self

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        return np.asarray(np.mean([model.predict_proba(X) for model in self.models], axis=0))
