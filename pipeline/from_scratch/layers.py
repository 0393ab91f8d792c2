"""The pieces of a network, each with its way forward and its way back.

`forward` takes a batch (n, d_in) and returns (n, d_out); it keeps what `backward` will need.
`backward` takes dL/d(output), returns dL/d(input), and fills the gradients of the layer's own
parameters: parameter W has its gradient in dW. That is the chain rule, one link a layer. No
method changes an array that it was given.
"""

from typing import Any

import numpy as np

from pipeline.from_scratch import activations
from pipeline.from_scratch.logistic_loss import loss_and_error


class Layer:
    """What a network may ask of each of its layers."""

    parameters: tuple[str, ...] = ()  # names of the attributes that training changes
    statistics: tuple[str, ...] = ()  # names of those that remember the data, without a gradient
    layers: tuple["Layer", ...] = ()  # those that this one consists of
    training = True  # some layers behave otherwise at prediction

    def forward(self, x: np.ndarray) -> np.ndarray:
        """(n, d_in) -> (n, d_out)."""
        raise NotImplementedError

    def backward(self, dy: np.ndarray) -> np.ndarray:
        """dL/dy (n, d_out) -> dL/dx (n, d_in); fills the parameters' gradients."""
        raise NotImplementedError

    def backward_to_parameters(self, dy: np.ndarray) -> None:
        """The same where nobody needs dL/dx: in the first layer, which reads the data."""
        self.backward(dy)


class Affine(Layer):
    """y = x W + b.

    Shapes: x (n, d_in), W (d_in, d_out), b (d_out,) -> y (n, d_out).
    """

    parameters = ("W", "b")

    def __init__(self, W: np.ndarray, b: np.ndarray | None = None) -> None:
        self.W, self.b = W, np.zeros(W.shape[1], W.dtype) if b is None else b
        self.dW, self.db = np.zeros_like(self.W), np.zeros_like(self.b)

    def forward(self, x: np.ndarray) -> np.ndarray:
        self.x = x
        y = x @ self.W
        y += self.b
        return y

    def backward(self, dy: np.ndarray) -> np.ndarray:
        """dL/dx = dy Wᵀ, dL/dW = xᵀ dy, dL/db = Σ_n dy."""
        self.backward_to_parameters(dy)
        if dy.shape[1] == 1:  # n numbers times d_in: BLAS takes four times as long for this
            return np.einsum("no,io->ni", dy, self.W)
        return dy @ self.W.T

    def backward_to_parameters(self, dy: np.ndarray) -> None:
        np.matmul(self.x.T, dy, out=self.dW)
        np.matmul(np.ones(len(dy), dy.dtype), dy, out=self.db)  # four times as fast as a sum


class Relu(Layer):
    """y = max(x, 0);  dx = dy where x > 0, else 0."""

    def forward(self, x: np.ndarray) -> np.ndarray:
        self.y = np.maximum(x, 0)
        return self.y

    def backward(self, dy: np.ndarray) -> np.ndarray:
        dx = (self.y > 0).astype(dy.dtype)  # a product of floats with booleans takes twice as long
        dx *= dy
        return dx


class Sigmoid(Layer):
    """y = 1 / (1 + exp(-x));  dx = dy y (1 - y)."""

    def forward(self, x: np.ndarray) -> np.ndarray:
        self.y = activations.sigmoid(x)
        return self.y

    def backward(self, dy: np.ndarray) -> np.ndarray:
        return dy * self.y * (1 - self.y)


class Tanh(Layer):
    """y = tanh(x);  dx = dy (1 - y²)."""

    def forward(self, x: np.ndarray) -> np.ndarray:
        self.y = np.tanh(x)
        return self.y

    def backward(self, dy: np.ndarray) -> np.ndarray:
        return dy * (1 - self.y**2)


class Selu(Layer):
    """y = selu(x);  dx = dy scale where x > 0, else dy (y + scale alpha)."""

    def forward(self, x: np.ndarray) -> np.ndarray:
        self.y = activations.selu(x)
        return self.y

    def backward(self, dy: np.ndarray) -> np.ndarray:
        scale, alpha = activations.SELU_SCALE, activations.SELU_ALPHA
        return dy * np.where(self.y > 0, scale, self.y + scale * alpha)


class Mish(Layer):
    """y = x t, t = tanh(softplus(x));  dx = dy (t + x sigmoid(x) (1 - t²))."""

    def forward(self, x: np.ndarray) -> np.ndarray:
        self.x, self.t = x, np.tanh(activations.softplus(x))
        return x * self.t

    def backward(self, dy: np.ndarray) -> np.ndarray:
        return dy * (self.t + self.x * activations.sigmoid(self.x) * (1 - self.t**2))


class Identity(Layer):
    """y = x;  dx = dy."""

    def forward(self, x: np.ndarray) -> np.ndarray:
        return x

    def backward(self, dy: np.ndarray) -> np.ndarray:
        return dy


class Loss:
    """The last piece: the mean loss of a batch, and where the way back begins.

    Weights have mean 1 over the data, so that L = 1/n Σ w_i loss_i is unbiased on every batch.
    """

    error: np.ndarray  # dL/d(output), kept by forward

    def forward(self, output: np.ndarray, target: np.ndarray, weight: Any = None) -> float:
        """Output (n, k), target as the loss wants it, weight (n,) or None -> L."""
        raise NotImplementedError

    def backward(self) -> np.ndarray:
        """dL/d(output), (n, k)."""
        return self.error


class SoftmaxWithLoss(Loss):
    """L = -1/n Σ_i w_i Σ_k t_ik log p_ik, p = softmax(output);  dL/d(output) = w (p - t) / n.

    The target is class numbers (n,); t is one-hot, smoothed to (1 - ε) t + ε / k.
    """

    def __init__(self, smoothing: float = 0.0) -> None:
        self.smoothing = smoothing

    def forward(self, output: np.ndarray, target: np.ndarray, weight: Any = None) -> float:
        share, label = _shares(output, weight), (target, np.arange(len(output)))
        z = output.T.copy()  # (k, n): a few long rows are reduced faster than many short ones
        z -= z.max(axis=0)
        e = np.exp(z)
        total = e.sum(axis=0)
        loss = np.log(total) - (1 - self.smoothing) * z[label]
        e *= share / total  # w p / n, from which w t / n is taken
        e[label] -= (1 - self.smoothing) * share
        if self.smoothing:
            loss -= self.smoothing * z.mean(axis=0)
            e -= self.smoothing / len(z) * share
        self.error = e.T
        return float(loss @ share)


class SigmoidWithLoss(Loss):
    """L = -1/n Σ w (t log p + (1 - t) log(1 - p)), p = sigmoid(output);  backward: w (p - t) / n.

    That is logistic regression, on what the layers before have made of the data.
    Shapes: output (n, 1), target (n,) of 0 and 1.
    """

    def forward(self, output: np.ndarray, target: np.ndarray, weight: Any = None) -> float:
        loss, self.error = loss_and_error(output, target, _shares(output, weight))
        return loss


class SquaredErrorLoss(Loss):
    """L = 1/n Σ w (y - t)²;  backward: 2 w (y - t) / n.

    Shapes: output (n, 1), target (n,).
    """

    def forward(self, output: np.ndarray, target: np.ndarray, weight: Any = None) -> float:
        error = output[:, 0] - target.astype(output.dtype)
        share = _shares(output, weight)
        self.error = (2 * share * error)[:, None]
        return float(error**2 @ share)


def _shares(output: np.ndarray, weight: Any) -> np.ndarray:
    """w_i / n, what each row counts in the mean: (n,), of the output's dtype."""
    n = len(output)
    if weight is None:
        return np.full(n, 1 / n, output.dtype)
    return (weight / n).astype(output.dtype, copy=False)
