"""Initial weights with which activations neither vanish nor explode in a deep network.

A sum of d_in terms has d_in times the variance of one term. Weights of variance gain / d_in
therefore keep the variance of the activations from layer to layer; the gain compensates for the
activation function. Every function draws (d_in, d_out) from the given Generator, either normal or
uniform, with the same variance.
"""

from collections.abc import Callable

import numpy as np


def fixed_std(
    rng: np.random.Generator, d_in: int, d_out: int, *, std: float = 0.01, uniform: bool = False
) -> np.ndarray:
    """The same standard deviation for any width: deep activations vanish or explode."""
    if uniform:
        return rng.uniform(-np.sqrt(3) * std, np.sqrt(3) * std, (d_in, d_out))
    return rng.normal(0, std, (d_in, d_out))


def xavier(rng: np.random.Generator, d_in: int, d_out: int, *, uniform: bool = False) -> np.ndarray:
    """Variance 2 / (d_in + d_out), for sigmoid and tanh. (Glorot and Bengio 2010, equation 12)"""
    return fixed_std(rng, d_in, d_out, std=np.sqrt(2 / (d_in + d_out)), uniform=uniform)


def he(rng: np.random.Generator, d_in: int, d_out: int, *, uniform: bool = False) -> np.ndarray:
    """Variance 2 / d_in, for ReLU, which sets half of its inputs to 0. (He 2015, equation 10)"""
    return fixed_std(rng, d_in, d_out, std=np.sqrt(2 / d_in), uniform=uniform)


def lecun(rng: np.random.Generator, d_in: int, d_out: int, *, uniform: bool = False) -> np.ndarray:
    """Variance 1 / d_in, for SELU and for output layers. (LeCun 1998, section 4.6)"""
    return fixed_std(rng, d_in, d_out, std=np.sqrt(1 / d_in), uniform=uniform)


def orthogonal(rng: np.random.Generator, d: int) -> np.ndarray:
    """(d, d) with Wᵀ W = I: keeps norms, however often a recurrent layer applies it. (Saxe 2014)"""
    q, r = np.linalg.qr(rng.normal(size=(d, d)))
    return q * np.sign(np.diag(r))  # without the signs the distribution would not be uniform


def hidden_activations(
    rng: np.random.Generator,
    initialise: Callable[[np.random.Generator, int, int], np.ndarray],
    activation: Callable[[np.ndarray], np.ndarray],
    *,
    rows: int = 1000,
    width: int = 100,
    layers: int = 5,
) -> list[np.ndarray]:
    """The activations (rows, width) of each layer for normal input, whose histograms to look at.

    With sigmoid and std 1 they gather at 0 and 1, where the slope is 0 and gradients vanish; with
    std 0.01 all units give nearly the same, so that many do no more than one. Xavier keeps them
    spread; ReLU needs He.
    """
    x, found = rng.normal(size=(rows, width)), []
    for _ in range(layers):
        x = activation(x @ initialise(rng, width, width))
        found.append(x)
    return found
