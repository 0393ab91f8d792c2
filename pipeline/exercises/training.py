"""Exercises of training_a_network: optimizers, dropout, batch normalisation, own networks."""

import numpy as np

from pipeline.exercises.exercise import Arguments, Exercise
from pipeline.exercises.own_class import OwnClass
from pipeline.exercises.rows import circles
from pipeline.from_scratch import optimizers
from pipeline.from_scratch.batch_normalisation import BatchNormalisation


def _step(rng: np.random.Generator) -> list[Arguments]:
    return [(*rng.normal(size=(3, 4)), 0.1, 0.9)]


def _momentum(
    theta: np.ndarray, v: np.ndarray, grad: np.ndarray, lr: float, beta: float
) -> tuple[np.ndarray, np.ndarray]:
    optimizer = optimizers.Momentum(lr, beta)
    optimizer.v = v
    optimizer.update(theta, grad)
    return theta, optimizer.v


def _gradients(rng: np.random.Generator) -> list[Arguments]:
    return [(rng.normal(size=3), rng.normal(size=(n, 3)), 0.05) for n in (1, 6)]


def _adam(theta: np.ndarray, gradients: np.ndarray, lr: float) -> np.ndarray:
    optimizer = optimizers.Adam(lr)
    for grad in gradients:
        optimizer.update(theta, grad)
    return theta


def _adam_with(theta: np.ndarray, gradients: np.ndarray, lr: float, mistake: str) -> np.ndarray:
    """Adam with one thing wrong."""
    m, v = np.zeros_like(theta), np.zeros_like(theta)
    for t, grad in enumerate(gradients, 1):
        m = 0.9 * m + 0.1 * grad
        v = 0.999 * v + 0.001 * grad**2
        first, second = (1, 1) if mistake == "bias" else (1 - 0.9**t, 1 - 0.999**t)
        root = v / second if mistake == "root" else np.sqrt(v / second)
        theta = theta - lr * (m / first) / (root + 1e-8)
    return theta


def _initial_std(d_in: int, d_out: int, activation: str) -> float:
    variance = 2 / d_in if activation == "relu" else 2 / (d_in + d_out)
    return float(np.sqrt(variance))


def _decayed(rng: np.random.Generator) -> list[Arguments]:
    return [(*rng.normal(size=(2, 5)), 0.1, 0.3)]


def _masked(rng: np.random.Generator) -> list[Arguments]:
    return [(rng.normal(size=(5, 4)), rng.random((5, 4)) > 0.4, 0.4)]


def _normalise(x: np.ndarray) -> np.ndarray:
    layer = BatchNormalisation(x.shape[1])
    return layer.forward(x)


def _inside(X: np.ndarray, y: np.ndarray, X_new: np.ndarray) -> np.ndarray:
    return ((X_new**2).sum(axis=1) > 1.4).astype(int)


EXERCISES = (
    Exercise(
        "momentum_step",
        _step,
        _momentum,
        outputs=("theta", "v"),
        mistakes={
            "It walks uphill: v is beta v minus lr times "
            "the gradient.": lambda theta, v, g, lr, beta: (
                theta + beta * v + lr * g,
                beta * v + lr * g,
            ),
            "theta is moved by the v of the step before: "
            "compute the new v first.": lambda theta, v, g, lr, beta: (
                theta + v,
                beta * v - lr * g,
            ),
        },
        rows=lambda arguments: 1,
    ),
    Exercise(
        "adam",
        _gradients,
        _adam,
        mistakes={
            "m and v start at 0 and are too small at first: divide them by 1 - 0.9ᵗ and 1 - "
            "0.999ᵗ.": lambda theta, gradients, lr: _adam_with(theta, gradients, lr, "bias"),
            "The root is missing: divide by √v̂ + ε.": lambda theta, gradients, lr: _adam_with(
                theta, gradients, lr, "root"
            ),
        },
        rows=lambda arguments: 1,
    ),
    Exercise(
        "initial_std",
        lambda rng: [(100, 50, "relu"), (64, 10, "tanh")],
        _initial_std,
        mistakes={
            "That is the variance: the standard deviation is its root.": lambda d_in, d_out, name: (
                _initial_std(d_in, d_out, name) ** 2
            ),
            "ReLU sets half of its inputs to 0, so that "
            "its weights need twice the variance: 2 / "
            "d_in.": lambda d_in, d_out, name: (
                (1 / d_in if name == "relu" else 2 / (d_in + d_out)) ** 0.5
            ),
        },
        rows=lambda arguments: 1,
    ),
    Exercise(
        "decay_step",
        _decayed,
        lambda theta, grad, lr, decay: (1 - lr * decay) * theta - lr * grad,
        mistakes={
            "The decay is not multiplied by the learning rate.": lambda theta, grad, lr, decay: (
                (1 - decay) * theta - lr * grad
            ),
            "The weights grow: the factor is 1 minus lr "
            "times the decay.": lambda theta, grad, lr, decay: (1 + lr * decay) * theta - lr * grad,
            "Without the decay.": lambda theta, grad, lr, decay: theta - lr * grad,
        },
        rows=lambda arguments: 1,
    ),
    Exercise(
        "dropout",
        _masked,
        lambda x, mask, rate: x * mask / (1 - rate),
        mistakes={
            "The kept units are not scaled up: divide by 1 - rate, so that the expectation "
            "is x.": lambda x, mask, rate: x * mask,
            "Divided by the rate: units are kept with "
            "probability 1 - rate.": lambda x, mask, rate: x * mask / rate,
            "The mask is inverted: True is kept.": lambda x, mask, rate: x * ~mask / (1 - rate),
        },
    ),
    Exercise(
        "normalise",
        lambda rng: [(rng.normal(3, 2, (6, 4)),)],
        _normalise,
        mistakes={
            "Each row is normalised (layer normalisation): mean and variance are those of a "
            "unit over the batch, axis=0.": lambda x: _normalise(x.T).T,
            "Divided by the variance: take its square root.": lambda x: (
                (x - x.mean(axis=0)) / (x.var(axis=0) + 1e-5)
            ),
            "The variance has n - 1 in its denominator: batch normalisation takes n, "
            "ddof=0.": lambda x: (x - x.mean(axis=0)) / np.sqrt(x.var(axis=0, ddof=1) + 1e-5),
            "One mean and variance for all numbers: each unit has its own, axis=0.": lambda x: (
                (x - x.mean()) / np.sqrt(x.var() + 1e-5)
            ),
        },
    ),
    OwnClass(
        "MyNetwork",
        circles,
        _inside,
    ),
    OwnClass(
        "MyRegularisedNetwork",
        circles,
        _inside,
    ),
)
