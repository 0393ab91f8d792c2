"""Each feature of a layer is brought to mean 0 and variance 1, batch by batch."""

import numpy as np

from pipeline.from_scratch.layers import Layer, of_shape, with_width


class BatchNormalisation(Layer):
    """y = gamma (x - mean) / √(variance + ε) + beta, with mean and variance over the batch's rows.

    Training uses the batch's own mean and variance and updates their running averages; prediction
    uses the running averages, so that a row's output does not depend on the other rows. Training
    then hardly depends on the scale of the preceding weights. (Ioffe and Szegedy 2015, algorithm 1;
    the running variance leaves out the n / (n - 1) of algorithm 2)

    A row's weight counts in the loss, but not in the mean and variance, so that a row of weight 2
    is not quite two rows.

    Shapes: x, y (n, d); gamma, beta, running_mean and running_variance (d,).
    """

    parameters = ("gamma", "beta")
    buffers = ("running_mean", "running_variance")

    def __init__(self, d: int, *, momentum: float = 0.9, epsilon: float = 1e-5) -> None:
        self.momentum, self.epsilon = momentum, epsilon
        self.gamma, self.beta = np.ones(d), np.zeros(d)
        self.dgamma, self.dbeta = np.zeros(d), np.zeros(d)
        self.running_mean, self.running_variance = np.zeros(d), np.ones(d)

    def forward(self, x: np.ndarray) -> np.ndarray:
        x = with_width(x, len(self.gamma), self)
        mean, variance = self.running_mean, self.running_variance
        if self.training:
            mean, variance = x.mean(axis=0), x.var(axis=0)
            if len(x) > 1:  # a single row has no variance
                self._update_running(mean, variance)
        self.std = np.sqrt(variance + self.epsilon).astype(x.dtype)
        self.z = (x - mean.astype(x.dtype)) / self.std
        return self.gamma * self.z + self.beta

    def backward(self, dy: np.ndarray) -> np.ndarray:
        """Mean and variance depend on every row, and so does their gradient.

        dx = gamma / std (dy - mean(dy) - z mean(dy z)) in training, gamma / std dy otherwise.
        """
        dy = of_shape(dy, self.z.shape, self)
        np.sum(dy, axis=0, out=self.dbeta)
        np.sum(dy * self.z, axis=0, out=self.dgamma)
        if not self.training:
            return dy * (self.gamma / self.std)
        n = len(dy)
        return (dy - self.dbeta / n - self.z * (self.dgamma / n)) * (self.gamma / self.std)

    def _update_running(self, mean: np.ndarray, variance: np.ndarray) -> None:
        """running <- momentum running + (1 - momentum) batch, in place."""
        self.running_mean += (1 - self.momentum) * (mean - self.running_mean)
        self.running_variance += (1 - self.momentum) * (variance - self.running_variance)
