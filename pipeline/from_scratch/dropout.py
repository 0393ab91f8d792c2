"""Against overfitting: units set to 0 at random in training, so that none can rely on another."""

import numpy as np

from pipeline.from_scratch.layers import Layer, of_shape


class Dropout(Layer):
    """y = x mask / (1 - rate): each unit is 0 with probability `rate`, the others are scaled up.

    So the expectation of y is x, and at prediction the layer is the identity: inverted dropout
    (Srivastava 2014, section 10). Shapes: x, y and mask (n, d).
    """

    def __init__(self, rate: float, rng: np.random.Generator) -> None:
        self.rate, self.rng = rate, rng

    def forward(self, x: np.ndarray) -> np.ndarray:
        self.shape = x.shape
        if not self.training:
            return x
        kept = self.rng.random(x.shape, dtype=np.float32) >= self.rate
        self.mask = kept * x.dtype.type(1 / (1 - self.rate))
        return x * self.mask

    def backward(self, dy: np.ndarray) -> np.ndarray:
        dy = of_shape(dy, self.shape, self)
        return dy * self.mask if self.training else dy
