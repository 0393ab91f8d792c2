"""Exercises of from_perceptron_to_network: gates, activations, losses, backpropagation."""

import numpy as np

from pipeline.exercises.exercise import Arguments, Exercise
from pipeline.exercises.own_class import OwnClass
from pipeline.exercises.rows import separable
from pipeline.from_scratch import activations, losses
from pipeline.from_scratch.gradients import numerical_gradient
from pipeline.from_scratch.layers import Affine

INPUTS = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], dtype=float)


def _logits(rng: np.random.Generator) -> list[Arguments]:
    return [(rng.normal(size=(5, 3)),), (np.array([[1000.0, 0.0, -1000.0], [-1000, -1001, 3]]),)]


def _two_layers(rng: np.random.Generator) -> list[Arguments]:
    shapes = ((5, 3), (3, 4), (4,), (4, 2), (2,))
    return [tuple(rng.normal(size=shape) for shape in shapes)]


def _forward(
    x: np.ndarray, W1: np.ndarray, b1: np.ndarray, W2: np.ndarray, b2: np.ndarray
) -> np.ndarray:
    return activations.softmax(activations.sigmoid(x @ W1 + b1) @ W2 + b2)


def _probabilities(rng: np.random.Generator) -> list[Arguments]:
    labels = np.eye(3)[rng.integers(0, 3, 7)]
    return [(activations.softmax(rng.normal(size=(7, 3))), labels)]


def _affine(rng: np.random.Generator) -> list[Arguments]:
    return [(rng.normal(size=(6, 3)), rng.normal(size=(3, 2)), rng.normal(size=(6, 2)))]


def _affine_backward(
    x: np.ndarray, W: np.ndarray, dy: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    layer = Affine(W)
    layer.forward(x)
    return layer.backward(dy), layer.dW, layer.db


def _softmax_gradient(z: np.ndarray, t: np.ndarray) -> np.ndarray:
    return numerical_gradient(lambda v: losses.cross_entropy_from_logits(v, t), z.copy())


EXERCISES = (
    Exercise(
        "nor",
        lambda rng: [(INPUTS,)],
        lambda x: (x.sum(axis=1) == 0).astype(float),
        mistakes={
            "That is OR: reverse the sign of every weight and of the bias.": lambda x: (
                x.sum(axis=1) > 0
            ).astype(float),
            "That is NAND: a single 1 has to be enough to switch the unit off.": lambda x: (
                x.sum(axis=1) < 2
            ).astype(float),
        },
    ),
    Exercise(
        "sigmoid",
        lambda rng: [(rng.normal(size=9),), (np.array([-1000.0, 0, 1000]),)],
        activations.sigmoid,
        mistakes={
            "That is sigmoid(-x): the exponent has the wrong sign.": lambda x: activations.sigmoid(
                -x
            ),
            "That is its derivative.": lambda x: (
                activations.sigmoid(x) * (1 - activations.sigmoid(x))
            ),
        },
    ),
    Exercise(
        "softmax",
        _logits,
        activations.softmax,
        mistakes={
            "Normalised over the rows: the classes are the last axis. Sum with axis=1, "
            "keepdims=True.": lambda z: activations.softmax(z.T).T,
            "Normalised over all numbers at once: sum with axis=1, keepdims=True.": lambda z: (
                activations.softmax(z.ravel()).reshape(z.shape)
            ),
            "It overflows at a logit of 1000: subtract the largest logit of each row "
            "first.": lambda z: np.exp(z) / np.exp(z).sum(axis=1, keepdims=True),
        },
    ),
    Exercise(
        "forward",
        _two_layers,
        _forward,
        mistakes={
            "The hidden layer lacks its activation: "
            "without it two layers are no more than one.": lambda x, W1, b1, W2, b2: (
                activations.softmax((x @ W1 + b1) @ W2 + b2)
            ),
            "The output layer of several classes is "
            "softmax, whose rows sum to 1, not sigmoid.": lambda x, W1, b1, W2, b2: (
                activations.sigmoid(activations.sigmoid(x @ W1 + b1) @ W2 + b2)
            ),
            "The biases are missing.": lambda x, W1, b1, W2, b2: _forward(
                x, W1, 0 * b1, W2, 0 * b2
            ),
        },
    ),
    Exercise(
        "cross_entropy",
        _probabilities,
        losses.cross_entropy,
        mistakes={
            "A mean over the classes too: sum over them, "
            "and take the mean over the rows only.": lambda p, t: -np.mean(t * np.log(p)),
            "That is the squared error: cross-entropy has the logarithm of p.": lambda p, t: (
                np.mean((p - t) ** 2)
            ),
            "The logarithm is to the base 2: np.log is the natural one.": lambda p, t: (
                -np.mean(np.sum(t * np.log2(p), axis=1))
            ),
            "p and t have changed places: the logarithm is of the probabilities.": lambda p, t: (
                -np.mean(np.sum(p * np.log(t + 1e-7), axis=1))
            ),
        },
    ),
    Exercise(
        "affine_backward",
        _affine,
        _affine_backward,
        outputs=("dx", "dW", "db"),
        mistakes={
            "dW and db are sums over the rows: dy already "
            "holds the 1/n of a mean loss.": lambda x, W, dy: (
                dy @ W.T,
                x.T @ dy / len(x),
                dy.mean(axis=0),
            ),
            "The gradient of the bias is missing: b is added to every row, so db is the sum of "
            "dy over the rows.": lambda x, W, dy: (dy @ W.T, x.T @ dy, np.zeros(W.shape[1])),
        },
    ),
    Exercise(
        "softmax_with_loss_backward",
        lambda rng: [(rng.normal(size=(6, 3)), rng.integers(0, 3, 6))],
        _softmax_gradient,
        mistakes={
            "That is p: the labels are not subtracted.": lambda z, t: (
                activations.softmax(z) / len(z)
            ),
            "That is p - t without the 1/n of the mean.": lambda z, t: (
                activations.softmax(z) - np.eye(3)[t]
            ),
        },
    ),
    OwnClass(
        "MyPerceptron",
        separable,
        lambda X, y, X_new: (X_new[:, 0] > X_new[:, 1]).astype(int),
    ),
)
