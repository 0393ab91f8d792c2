"""The layers of a network, each with its forward and its backward pass.

`forward` takes a batch (n, d_in), returns (n, d_out), and keeps what `backward` will need.
`backward` takes dL/d(output), returns dL/d(input), and fills the gradients of the layer's own
parameters: parameter W has its gradient in dW. Calling it layer by layer, from the last to the
first, is the chain rule. No method changes an array that it was given.
"""

from typing import Any

import numpy as np

from pipeline.from_scratch import activations
from pipeline.from_scratch.logistic_loss import loss_and_error


class Layer:
    """The interface of a layer."""

    parameters: tuple[str, ...] = ()  # names of the attributes that the optimizer changes
    buffers: tuple[str, ...] = ()  # names of other fitted attributes, which have no gradient
    layers: tuple["Layer", ...] = ()  # the layers that this one contains
    training = True  # False for prediction, where some layers behave differently

    def forward(self, x: np.ndarray) -> np.ndarray:
        """(n, d_in) -> (n, d_out)."""
        raise NotImplementedError

    def backward(self, dy: np.ndarray) -> np.ndarray:
        """dL/dy (n, d_out) -> dL/dx (n, d_in); fills the parameters' gradients."""
        raise NotImplementedError

    def backward_to_parameters(self, dy: np.ndarray) -> None:
        """The same without dL/dx, which the first layer does not need."""
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
        if dy.shape[1] == 1:  # an outer product, for which BLAS takes four times as long
            return np.einsum("no,io->ni", dy, self.W)
        return dy @ self.W.T

    def backward_to_parameters(self, dy: np.ndarray) -> None:
        np.matmul(self.x.T, dy, out=self.dW)
        np.matmul(np.ones(len(dy), dy.dtype), dy, out=self.db)  # four times as fast as np.sum


class Relu(Layer):
    """y = max(x, 0);  dx = dy where x > 0, else 0."""

    def forward(self, x: np.ndarray) -> np.ndarray:
        self.y = np.maximum(x, 0)
        return self.y

    def backward(self, dy: np.ndarray) -> np.ndarray:
        dx = (self.y > 0).astype(dy.dtype)  # multiplying floats by booleans takes twice as long
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
    """The mean loss of a batch, with which the backward pass starts.

    Weights have mean 1 over the data, so that L = 1/n Σ w_i loss_i is unbiased on every batch.
    """

    error: np.ndarray  # dL/d(output), kept by forward

    def forward(self, output: np.ndarray, target: np.ndarray, weight: Any = None) -> float:
        """Output (n, k), target (its form depends on the loss), weight (n,) or None -> L."""
        raise NotImplementedError

    def backward(self) -> np.ndarray:
        """dL/d(output), (n, k)."""
        return self.error


class SoftmaxWithLoss(Loss):
    """L = -1/n Σ_i w_i Σ_k t_ik log p_ik, p = softmax(output);  dL/d(output) = w (p - t) / n.

    The target is class numbers (n,); t is their one-hot form, smoothed to (1 - ε) t + ε / k.
    """

    def __init__(self, smoothing: float = 0.0) -> None:
        self.smoothing = smoothing

    def forward(self, output: np.ndarray, target: np.ndarray, weight: Any = None) -> float:
        w, label = _scaled_weights(output, weight), (target, np.arange(len(output)))
        z = output.T.copy()  # (k, n): reducing a few long rows is faster than many short ones
        z -= z.max(axis=0)
        e = np.exp(z)
        total = e.sum(axis=0)
        loss = np.log(total) - (1 - self.smoothing) * z[label]
        e *= w / total  # w p / n, from which w t / n is subtracted
        e[label] -= (1 - self.smoothing) * w
        if self.smoothing:
            loss -= self.smoothing * z.mean(axis=0)
            e -= self.smoothing / len(z) * w
        self.error = e.T
        return float(loss @ w)


class SigmoidWithLoss(Loss):
    """L = -1/n Σ w (t log p + (1 - t) log(1 - p)), p = sigmoid(output);  backward: w (p - t) / n.

    Logistic regression on the output of the layers before it.
    Shapes: output (n, 1), target (n,) in {0, 1}.
    """

    def forward(self, output: np.ndarray, target: np.ndarray, weight: Any = None) -> float:
        loss, self.error = loss_and_error(output, target, _scaled_weights(output, weight))
        return loss


class SquaredErrorLoss(Loss):
    """L = 1/n Σ w (y - t)²;  backward: 2 w (y - t) / n.

    Shapes: output (n, 1), target (n,).
    """

    def forward(self, output: np.ndarray, target: np.ndarray, weight: Any = None) -> float:
        error = output[:, 0] - target.astype(output.dtype)
        w = _scaled_weights(output, weight)
        self.error = (2 * w * error)[:, None]
        return float(error**2 @ w)


class AbsoluteErrorLoss(Loss):
    """L = 1/n Σ w (√(e² + δ²) - δ), e = y - t;  backward: w e / √(e² + δ²) / n.

    |e|, rounded off below δ: the pseudo-Huber loss, divided by δ. Its minimum is a median, on which
    a few enormous targets have no hold  (Charbonnier et al. 1997).

    Shapes: output (n, 1), target (n,).
    """

    def __init__(self, delta: float = 0.1) -> None:
        self.delta = delta

    def forward(self, output: np.ndarray, target: np.ndarray, weight: Any = None) -> float:
        error = output[:, 0] - target.astype(output.dtype)
        w = _scaled_weights(output, weight)
        size = np.sqrt(error**2 + self.delta**2)
        self.error = (w * error / size)[:, None]
        return float((size - self.delta) @ w)


class PinballLoss(Loss):
    """L = 1/n Σ w (½ (√(e² + δ²) - δ) + (½ - q) e), e = y - t;  backward: its derivative.

    q (t - y) where the target is above, (1 - q) (y - t) where it is below, rounded off below δ. Its
    minimum is the q-quantile  (Koenker and Bassett 1978).

    Shapes: output (n, 1), target (n,).
    """

    def __init__(self, quantile: float = 0.5, delta: float = 0.1) -> None:
        self.quantile, self.delta = quantile, delta

    def forward(self, output: np.ndarray, target: np.ndarray, weight: Any = None) -> float:
        error = output[:, 0] - target.astype(output.dtype)
        w, slope = _scaled_weights(output, weight), 0.5 - self.quantile
        size = np.sqrt(error**2 + self.delta**2)
        self.error = (w * (0.5 * error / size + slope))[:, None]
        return float((0.5 * (size - self.delta) + slope * error) @ w)


class PoissonLoss(Loss):
    """L = 1/n Σ w (p - t y), p = exp(y);  backward: w (p - t) / n.

    Up to a constant minus the log-likelihood of counts t with mean p. It is least where p is the
    mean of any t >= 0, so that effects multiply and no mean is below 0. The exponent is capped.

    Shapes: output (n, 1), target (n,).
    """

    largest = 30.0  # of the exponent: float32 holds its exponential

    def forward(self, output: np.ndarray, target: np.ndarray, weight: Any = None) -> float:
        y, t = np.minimum(output[:, 0], self.largest), target.astype(output.dtype)
        p, w = np.exp(y), _scaled_weights(output, weight)
        self.error = (w * (p - t))[:, None]
        return float((p - t * y) @ w)


def _scaled_weights(output: np.ndarray, weight: Any) -> np.ndarray:
    """w_i / n (n,), in the output's dtype."""
    n = len(output)
    if weight is None:
        return np.full(n, 1 / n, output.dtype)
    return (weight / n).astype(output.dtype, copy=False)
