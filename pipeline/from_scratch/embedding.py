"""A trainable vector for each category."""

import numpy as np

from pipeline.from_scratch.layers import Layer, of_shape, with_width


class Embedding(Layer):
    """y = T[code]: a row of a table, equal to a one-hot vector times T but without the zeros.

    Similar categories get similar rows, which helps where there are many categories. (Guo and
    Berkhahn 2016, arXiv:1604.06737)

    Shapes: x (n, 1), codes as floats; T (count, e) -> y (n, e). A code outside 0 to count - 1,
    missing or not seen in training, gets the zero vector.
    """

    parameters = ("T",)

    def __init__(self, T: np.ndarray) -> None:
        self.T, self.dT = T, np.zeros_like(T)

    def forward(self, x: np.ndarray) -> np.ndarray:
        count = len(self.T)
        codes = np.clip(np.rint(with_width(x, 1, self)[:, 0]), -1, count).astype(np.intp)
        self.codes = np.where(codes < 0, count, codes)  # `count` stands for all unknown codes
        y = self.T.take(self.codes, axis=0, mode="clip")
        y[self.codes == count] = 0
        return y

    def backward(self, dy: np.ndarray) -> np.ndarray:
        """dL/dx = 0, because the codes are discrete."""
        self.backward_to_parameters(dy)
        return np.zeros((len(dy), 1), dy.dtype)

    def backward_to_parameters(self, dy: np.ndarray) -> None:
        """dL/dT[c] = Σ dy over the rows with code c."""
        dy, count = of_shape(dy, (len(self.codes), self.T.shape[1]), self), len(self.T)
        for j in range(dy.shape[1]):  # bincount is far faster than np.add.at
            self.dT[:, j] = np.bincount(self.codes, dy[:, j], count + 1)[:count]
