"""Where training starts: weights whose size keeps the signal alive through many layers.

A sum of d_in terms has d_in times the variance of one. With weights of variance gain / d_in the
activations neither fade to 0 nor explode, however deep the network is; the gain makes good what
the activation loses. Every function draws (d_in, d_out) from the Generator that it is given, normal
or uniform, with the same variance.
"""

import numpy as np


def fixed(
    rng: np.random.Generator, d_in: int, d_out: int, *, std: float = 0.01, uniform: bool = False
) -> np.ndarray:
    """The same standard deviation whatever the width: fades or explodes in a deep network."""
    if uniform:
        return rng.uniform(-np.sqrt(3) * std, np.sqrt(3) * std, (d_in, d_out))
    return rng.normal(0, std, (d_in, d_out))


def xavier(rng: np.random.Generator, d_in: int, d_out: int, *, uniform: bool = False) -> np.ndarray:
    """Variance 2 / (d_in + d_out), for sigmoid and tanh. (Glorot and Bengio 2010, equation 12)"""
    return fixed(rng, d_in, d_out, std=np.sqrt(2 / (d_in + d_out)), uniform=uniform)


def he(rng: np.random.Generator, d_in: int, d_out: int, *, uniform: bool = False) -> np.ndarray:
    """Variance 2 / d_in, for ReLU, which silences half of its inputs. (He 2015, equation 10)"""
    return fixed(rng, d_in, d_out, std=np.sqrt(2 / d_in), uniform=uniform)


def lecun(rng: np.random.Generator, d_in: int, d_out: int, *, uniform: bool = False) -> np.ndarray:
    """Variance 1 / d_in, for SELU and for outputs. (LeCun 1998, section 4.6)"""
    return fixed(rng, d_in, d_out, std=np.sqrt(1 / d_in), uniform=uniform)


def orthogonal(rng: np.random.Generator, d: int) -> np.ndarray:
    """(d, d) with Wᵀ W = I: a recurrent net may apply it for ever. (Saxe 2014)"""
    q, r = np.linalg.qr(rng.normal(size=(d, d)))
    return q * np.sign(np.diag(r))  # without the signs, some rotations would come more often
