"""Two ways to keep weights small, the same for plain descent and different for Adam.

In the loss: L + l2/2 |theta|², whose gradient is l2 theta. Decoupled from it: shrink theta by a
factor each step. For SGD lr l2 is that factor; Adam divides every gradient by its usual size, the
penalty's too, so that in the loss it hardly restrains the weights of large gradient (Loshchilov and
Hutter 2019). Pass the weight matrices alone: biases are few and need no restraint.
"""

import numpy as np


def add_l2(grad: np.ndarray, theta: np.ndarray, l2: float) -> None:
    """grad <- grad + l2 theta, in place: the gradient of l2/2 |theta|²."""
    grad += l2 * theta


def decay(theta: np.ndarray, rate: float) -> None:
    """theta <- (1 - rate) theta, in place."""
    theta *= 1 - rate
