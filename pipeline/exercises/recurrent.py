"""Exercises of recurrent_networks: a recurrent layer forward and backward, and an own network."""

import numpy as np

from pipeline.exercises.exercise import Arguments, Exercise
from pipeline.exercises.own_class import OwnClass
from pipeline.exercises.rows import ordered
from pipeline.from_scratch.activations import sigmoid, softmax
from pipeline.from_scratch.losses import cross_entropy
from pipeline.from_scratch.recurrent import Recurrent


def _sequence(rng: np.random.Generator) -> list[Arguments]:
    x, Wx, Wh = rng.normal(size=(4, 5, 2)), rng.normal(size=(2, 3)), rng.normal(0, 0.5, (3, 3))
    return [(x, Wx, Wh, rng.normal(size=3))]


def _layer(x: np.ndarray, Wx: np.ndarray, Wh: np.ndarray, b: np.ndarray) -> np.ndarray:
    layer = Recurrent(Wx, Wh)
    layer.b = b
    return layer.forward(x)


def _without_memory(x: np.ndarray, Wx: np.ndarray, Wh: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.tanh(x @ Wx + b)


def _states(rng: np.random.Generator) -> list[Arguments]:
    """x, Wx, Wh and the gradient of the last state."""
    x, Wx, Wh, _ = _sequence(rng)[0]
    return [(x, Wx, Wh, rng.normal(size=(4, 3)))]


def _backward(x: np.ndarray, Wx: np.ndarray, Wh: np.ndarray, last: np.ndarray) -> np.ndarray:
    layer = Recurrent(Wx, Wh)
    dy = np.zeros_like(layer.forward(x))
    dy[:, -1] = last
    layer.backward(dy)
    return layer.dWh


def _last_step_only(x: np.ndarray, Wx: np.ndarray, Wh: np.ndarray, last: np.ndarray) -> np.ndarray:
    h = _layer(x, Wx, Wh, np.zeros(3))
    found: np.ndarray = h[:, -2].T @ (last * (1 - h[:, -1] ** 2))
    return found


def _without_slopes(x: np.ndarray, Wx: np.ndarray, Wh: np.ndarray, last: np.ndarray) -> np.ndarray:
    """tanh's derivative forgotten."""
    h, dWh, dh = _layer(x, Wx, Wh, np.zeros(3)), np.zeros_like(Wh), last
    for t in range(x.shape[1] - 1, 0, -1):
        dWh, dh = dWh + h[:, t - 1].T @ dh, dh @ Wh.T
    return dWh


def _not_transposed(x: np.ndarray, Wx: np.ndarray, Wh: np.ndarray, last: np.ndarray) -> np.ndarray:
    h, dWh, dh = _layer(x, Wx, Wh, np.zeros(3)), np.zeros_like(Wh), last
    for t in range(x.shape[1] - 1, 0, -1):
        dz = dh * (1 - h[:, t] ** 2)
        dWh, dh = dWh + h[:, t - 1].T @ dz, dz @ Wh
    return dWh


def _gates(rng: np.random.Generator) -> list[Arguments]:
    shapes = ((4, 2), (4, 3), (2, 3), (3, 3), (2, 3), (3, 3))
    return [tuple(rng.normal(size=shape) for shape in shapes)]


def _gru(
    x: np.ndarray, h: np.ndarray, Wz: np.ndarray, Uz: np.ndarray, Wn: np.ndarray, Un: np.ndarray
) -> np.ndarray:
    z, n = sigmoid(x @ Wz + h @ Uz), np.tanh(x @ Wn + h @ Un)
    return z * h + (1 - z) * n


def _letters(rng: np.random.Generator) -> list[Arguments]:
    return [(softmax(rng.normal(size=(7, 4))), rng.integers(0, 4, 7))]


EXERCISES = (
    Exercise(
        "recurrent_forward",
        _sequence,
        _layer,
        mistakes={
            "The state is not passed on: every step starts from 0. Keep h for the next "
            "step.": _without_memory,
            "h is multiplied by the transpose of Wh.": lambda x, Wx, Wh, b: _layer(
                x, Wx, Wh.T.copy(), b
            ),
            "The bias is missing.": lambda x, Wx, Wh, b: _layer(x, Wx, Wh, 0 * b),
        },
    ),
    Exercise(
        "recurrent_weight_gradient",
        _states,
        _backward,
        mistakes={
            "That is the last step's share alone: Wh acts at every step, so go back through all of "
            "them and add up.": _last_step_only,
            "The derivative of tanh, 1 - h², is missing.": _without_slopes,
            "The gradient goes back through the transpose: dh = dz @ Wh.T.": _not_transposed,
        },
    ),
    Exercise(
        "gru_step",
        _gates,
        _gru,
        mistakes={
            "z and 1 - z have changed places: where the "
            "gate is near 1 the old state is kept.": lambda x, h, Wz, Uz, Wn, Un: (
                h + np.tanh(x @ Wn + h @ Un) - _gru(x, h, Wz, Uz, Wn, Un)
            ),
            "The gate is a sigmoid, between 0 and 1, and not tanh.": lambda x, h, Wz, Uz, Wn, Un: (
                np.tanh(x @ Wz + h @ Uz) * h
                + (1 - np.tanh(x @ Wz + h @ Uz)) * np.tanh(x @ Wn + h @ Un)
            ),
        },
    ),
    Exercise(
        "perplexity",
        _letters,
        lambda p, t: np.exp(cross_entropy(p, t)),
        mistakes={
            "That is the cross-entropy: take exp of it.": cross_entropy,
            "The mean comes first, then exp: exp(mean(-log "
            "p)), not the mean of 1 / p.": lambda p, t: np.mean(1 / p[np.arange(len(t)), t]),
            "The logarithm is natural, so the base is e and not 2.": lambda p, t: (
                2 ** cross_entropy(p, t)
            ),
        },
    ),
    OwnClass(
        "MyRecurrentNetwork",
        ordered,
        lambda X, y, X_new: (X_new.sum(axis=1) > 0).astype(int),
    ),
)
