"""Exercises of recurrent_networks: a recurrent layer forward and backward, and an own network."""

import numpy as np

from pipeline.exercises.exercise import Arguments, Exercise
from pipeline.exercises.own_class import OwnClass
from pipeline.exercises.rows import ordered
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
    OwnClass(
        "MyRecurrentNetwork",
        ordered,
        lambda X, y, X_new: (X_new.sum(axis=1) > 0).astype(int),
    ),
)
