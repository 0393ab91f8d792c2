"""Regularisation by small weights: L2 penalty and decoupled weight decay.

Small weights make smooth functions, which cannot follow the noise of single rows (overfitting). The
two are equivalent for SGD, and different for Adam.

The penalty adds l2/2 |theta|² to the loss, hence l2 theta to the gradient. Decoupled weight decay
multiplies theta by 1 - rate after each step instead. For SGD the two are the same with rate = lr
l2. Adam divides every gradient by its typical size, the penalty's included, so that in the loss it
hardly affects weights with large gradients (Loshchilov and Hutter 2019). Apply either to the weight
matrices only: biases are few and need no regularisation.
"""

import numpy as np


def add_l2(grad: np.ndarray, theta: np.ndarray, l2: float) -> None:
    """grad <- grad + l2 theta, in place: the gradient of l2/2 |theta|²."""
    grad += l2 * theta


def decay(theta: np.ndarray, rate: float) -> None:
    """theta <- (1 - rate) theta, in place."""
    theta *= 1 - rate
