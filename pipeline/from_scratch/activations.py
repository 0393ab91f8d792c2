"""Activation functions, applied to a unit's weighted sum.

Each takes numbers of any shape and returns the same shape, float32 for float32 and float64 for
everything else. None overflows: they are accurate for arguments of ±1e4 and beyond.
"""

import numpy as np
from numpy.typing import ArrayLike

SELU_SCALE, SELU_ALPHA = 1.0507009873554805, 1.6732632423543772  # Klambauer 2017, equation 14


def step(x: ArrayLike) -> np.ndarray:
    """1 where x > 0, else 0: the perceptron's decision."""
    x = floating(x)
    return (x > 0).astype(x.dtype)


def identity(x: ArrayLike) -> np.ndarray:
    """x: the output of a regression."""
    return floating(x)


def sigmoid(x: ArrayLike) -> np.ndarray:
    """1 / (1 + exp(-x)): from a logit to a probability."""
    x = floating(x)
    e = np.exp(-np.abs(x))  # at most 1, so that nothing overflows for either sign of x
    return np.where(x >= 0, 1, e) / (1 + e)


def tanh(x: ArrayLike) -> np.ndarray:
    """(exp(x) - exp(-x)) / (exp(x) + exp(-x)): a sigmoid centred on 0."""
    return np.tanh(floating(x))


def relu(x: ArrayLike) -> np.ndarray:
    """max(x, 0)."""
    return np.maximum(floating(x), 0)


def selu(x: ArrayLike) -> np.ndarray:
    """scale · (x if x > 0 else alpha (exp(x) - 1)): keeps mean 0, variance 1. (Klambauer 2017)"""
    x = floating(x)
    return SELU_SCALE * np.where(x > 0, x, SELU_ALPHA * np.expm1(np.minimum(x, 0)))


def softplus(x: ArrayLike) -> np.ndarray:
    """log(1 + exp(x)): a smooth ReLU, and the negative log of sigmoid(-x)."""
    x = floating(x)
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


def mish(x: ArrayLike) -> np.ndarray:
    """x · tanh(softplus(x)). (Misra 2019)"""
    return floating(x) * np.tanh(softplus(x))


def softmax(x: ArrayLike) -> np.ndarray:
    """exp(x_k) / Σ_j exp(x_j) over the last axis: logits (n, k) -> probabilities (n, k)."""
    x = floating(x)
    e = np.exp(x - x.max(axis=-1, keepdims=True))  # softmax(x) = softmax(x - c) for every c
    e /= e.sum(axis=-1, keepdims=True)
    return e


def log_softmax(x: ArrayLike) -> np.ndarray:
    """x_k - log Σ_j exp(x_j): the log of softmax, accurate even where softmax rounds to 0."""
    x = floating(x)
    x = x - x.max(axis=-1, keepdims=True)
    return x - np.log(np.exp(x).sum(axis=-1, keepdims=True))


def floating(x: ArrayLike) -> np.ndarray:
    """x as an array of floats: float32 stays float32, everything else becomes float64."""
    x = np.asarray(x)
    return x if x.dtype == np.float32 else x.astype(np.float64, copy=False)
