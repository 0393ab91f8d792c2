"""Logic gates as perceptrons, in two forms: a threshold θ to exceed, or a bias b to add.

    threshold form    1 if w1 x1 + w2 x2 > θ         else 0
    bias form         1 if w1 x1 + w2 x2 + b > 0     else 0        b = -θ

They are the same unit. The bias form is the one that learns: b is one more weight, that of a
constant input 1, and moves like the others.
"""

import numpy as np

from pipeline.from_scratch.activations import step

# weights w and threshold θ; in the bias form b = -θ
GATES = {
    "AND": ((0.5, 0.5), 0.7),
    "NAND": ((-0.5, -0.5), -0.7),
    "OR": ((0.5, 0.5), 0.2),
}


def threshold_unit(x: np.ndarray, w: np.ndarray, theta: float) -> np.ndarray:
    """1 where x · w > θ, else 0. Shapes: x (n, d), w (d,) -> (n,)."""
    return (x @ w > theta).astype(float)


def perceptron(x: np.ndarray, w: np.ndarray, b: float) -> np.ndarray:
    """1 where x · w + b > 0, else 0. Shapes: x (n, d), w (d,) -> (n,)."""
    return step(x @ w + b)


def AND(x: np.ndarray) -> np.ndarray:
    """1 where both inputs are 1: 0.5 + 0.5 is above 0.7, a single 0.5 is not. x (n, 2) -> (n,)."""
    return perceptron(x, np.array([0.5, 0.5]), -0.7)


def NAND(x: np.ndarray) -> np.ndarray:
    """AND with the sign of every parameter reversed."""
    return perceptron(x, np.array([-0.5, -0.5]), 0.7)


def OR(x: np.ndarray) -> np.ndarray:
    """The weights of AND with a lower threshold."""
    return perceptron(x, np.array([0.5, 0.5]), -0.2)


def XOR(x: np.ndarray) -> np.ndarray:
    """AND(NAND, OR): two layers, because no single unit can.

    A unit is 1 on one side of a straight line. Suppose it were right on all four corners: b <= 0,
    w1 + b > 0 and w2 + b > 0, hence w1 + w2 + b > -b >= 0, so that it is 1 at (1, 1), too.
    """
    return AND(np.column_stack([NAND(x), OR(x)]))
