"""The forward pass of a network by three matrices, and which output layer suits which task.

    a1 = f(x W1 + b1)      a2 = f(a1 W2 + b2)      y = output(a2 W3 + b3)

Each layer is one matrix product; its columns are units. Without the nonlinear f the three matrices
would collapse into one, x (W1 W2 W3), and the network be a linear regression. What the last layer
applies depends on the task alone:

    regression          identity    any number              squared error
    two classes         sigmoid     a probability           binary cross-entropy
    several classes     softmax     k that sum to 1         cross-entropy
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from pipeline.from_scratch import activations, losses


class ThreeLayers(NamedTuple):
    """The parameters: W1 (d, h1), b1 (h1,), W2 (h1, h2), b2 (h2,), W3 (h2, k), b3 (k,)."""

    W1: np.ndarray
    b1: np.ndarray
    W2: np.ndarray
    b2: np.ndarray
    W3: np.ndarray
    b3: np.ndarray


class OutputLayer(NamedTuple):
    """What the last layer applies, and the loss that goes with it."""

    activation: Callable[[np.ndarray], np.ndarray]
    loss: Callable[..., float]


OUTPUT_LAYERS = {
    "regression": OutputLayer(activations.identity, losses.mean_squared_error),
    "two classes": OutputLayer(activations.sigmoid, losses.binary_cross_entropy),
    "several classes": OutputLayer(activations.softmax, losses.cross_entropy),
}

# two inputs, three and two hidden units, two outputs: small enough to compute by hand
EXAMPLE = ThreeLayers(
    W1=np.array([[0.1, 0.3, 0.5], [0.2, 0.4, 0.6]]),
    b1=np.array([0.1, 0.2, 0.3]),
    W2=np.array([[0.1, 0.4], [0.2, 0.5], [0.3, 0.6]]),
    b2=np.array([0.1, 0.2]),
    W3=np.array([[0.1, 0.3], [0.2, 0.4]]),
    b3=np.array([0.1, 0.2]),
)


def forward(
    network: ThreeLayers,
    x: np.ndarray,
    task: str,
    activation: Callable[[np.ndarray], np.ndarray] = activations.sigmoid,
) -> np.ndarray:
    """x (n, d) -> y (n, k), with the output layer of the task, a key of OUTPUT_LAYERS."""
    W1, b1, W2, b2, W3, b3 = network
    a1 = activation(x @ W1 + b1)
    a2 = activation(a1 @ W2 + b2)
    return OUTPUT_LAYERS[task].activation(a2 @ W3 + b3)
