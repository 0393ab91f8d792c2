"""The layers of a network, each with its forward and its backward pass.

`forward` takes a batch (n, d_in), returns (n, d_out), and keeps what `backward` will need.
`backward` takes dL/d(output), returns dL/d(input), and fills the gradients of the layer's own
parameters: parameter W has its gradient in dW. Calling it layer by layer, from the last to the
first, is the chain rule. No method changes an array that it was given. Shapes that do not match are
refused with a ValueError: NumPy would broadcast them, and pair rows with other rows.
"""

from typing import Any

import numpy as np

from pipeline.from_scratch import activations, losses


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
        if self.b.shape != (W.shape[1],):
            raise ValueError(
                f"b has shape {self.b.shape}, expected ({W.shape[1]},): one a column of W."
            )
        self.dW, self.db = np.zeros_like(self.W), np.zeros_like(self.b)

    def forward(self, x: np.ndarray) -> np.ndarray:
        self.x = with_width(x, len(self.W), self)
        return x @ self.W + self.b

    def backward(self, dy: np.ndarray) -> np.ndarray:
        """dL/dx = dy Wᵀ, dL/dW = xᵀ dy, dL/db = Σ_n dy."""
        self.backward_to_parameters(dy)
        return dy @ self.W.T

    def backward_to_parameters(self, dy: np.ndarray) -> None:
        dy = of_shape(dy, (len(self.x), len(self.b)), self)
        np.matmul(self.x.T, dy, out=self.dW)
        np.sum(dy, axis=0, out=self.db)


class Relu(Layer):
    """y = max(x, 0);  dx = dy where x > 0, else 0."""

    def forward(self, x: np.ndarray) -> np.ndarray:
        self.y = np.maximum(x, 0)
        return self.y

    def backward(self, dy: np.ndarray) -> np.ndarray:
        return of_shape(dy, self.y.shape, self) * (self.y > 0)


class Sigmoid(Layer):
    """y = 1 / (1 + exp(-x));  dx = dy y (1 - y)."""

    def forward(self, x: np.ndarray) -> np.ndarray:
        self.y = activations.sigmoid(x)
        return self.y

    def backward(self, dy: np.ndarray) -> np.ndarray:
        return of_shape(dy, self.y.shape, self) * self.y * (1 - self.y)


class Tanh(Layer):
    """y = tanh(x);  dx = dy (1 - y²)."""

    def forward(self, x: np.ndarray) -> np.ndarray:
        self.y = np.tanh(x)
        return self.y

    def backward(self, dy: np.ndarray) -> np.ndarray:
        return of_shape(dy, self.y.shape, self) * (1 - self.y**2)


class Selu(Layer):
    """y = selu(x);  dx = dy scale where x > 0, else dy (y + scale alpha)."""

    def forward(self, x: np.ndarray) -> np.ndarray:
        self.y = activations.selu(x)
        return self.y

    def backward(self, dy: np.ndarray) -> np.ndarray:
        scale, alpha = activations.SELU_SCALE, activations.SELU_ALPHA
        slope = np.where(self.y > 0, scale, self.y + scale * alpha)
        return of_shape(dy, self.y.shape, self) * slope


class Mish(Layer):
    """y = x t, t = tanh(softplus(x));  dx = dy (t + x sigmoid(x) (1 - t²))."""

    def forward(self, x: np.ndarray) -> np.ndarray:
        self.x, self.t = x, np.tanh(activations.softplus(x))
        return x * self.t

    def backward(self, dy: np.ndarray) -> np.ndarray:
        slope = self.t + self.x * activations.sigmoid(self.x) * (1 - self.t**2)
        return of_shape(dy, self.x.shape, self) * slope


class Identity(Layer):
    """y = x;  dx = dy."""

    def forward(self, x: np.ndarray) -> np.ndarray:
        self.shape = x.shape
        return x

    def backward(self, dy: np.ndarray) -> np.ndarray:
        return of_shape(dy, self.shape, self)


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

    The target is class numbers (n,), or rows (n, k) that sum to 1, such as one-hot rows; with
    `smoothing` ε, t is (1 - ε) t + ε / k. Shapes: output (n, k).
    """

    def __init__(self, smoothing: float = 0.0) -> None:
        self.smoothing = smoothing

    def forward(self, output: np.ndarray, target: np.ndarray, weight: Any = None) -> float:
        t = losses.label_distribution(target, output.shape, self.smoothing).astype(output.dtype)
        p, w = activations.softmax(output), scaled_weights(output, weight)
        self.error = w[:, None] * (p - t)
        return float(-w @ (t * activations.log_softmax(output)).sum(axis=1))


class SigmoidWithLoss(Loss):
    """L = -1/n Σ w (t log p + (1 - t) log(1 - p)), p = sigmoid(output);  backward: w (p - t) / n.

    Logistic regression on the output of the layers before it.
    Shapes: output (n, 1), target (n,) of numbers from 0 to 1.
    """

    def forward(self, output: np.ndarray, target: np.ndarray, weight: Any = None) -> float:
        z, w = output[:, 0], scaled_weights(output, weight)
        t = losses.binary_labels(one_output(output, target), z.shape)
        self.error = (w * (activations.sigmoid(z) - t))[:, None]
        return float(w @ (activations.softplus(z) - t * z))


class SquaredErrorLoss(Loss):
    """L = 1/n Σ w (y - t)²;  backward: 2 w (y - t) / n.

    Shapes: output (n, 1), target (n,).
    """

    def forward(self, output: np.ndarray, target: np.ndarray, weight: Any = None) -> float:
        error = output[:, 0] - one_output(output, target)
        w = scaled_weights(output, weight)
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
        error = output[:, 0] - one_output(output, target)
        w = scaled_weights(output, weight)
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
        error = output[:, 0] - one_output(output, target)
        w, slope = scaled_weights(output, weight), 0.5 - self.quantile
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
        y, t = np.minimum(output[:, 0], self.largest), one_output(output, target)
        p, w = np.exp(y), scaled_weights(output, weight)
        self.error = (w * (p - t))[:, None]
        return float((p - t * y) @ w)


def with_width(x: np.ndarray, width: int, layer: Layer) -> np.ndarray:
    """x itself; ValueError unless its last axis has `width` columns, as the layer expects."""
    if x.ndim < 2 or x.shape[-1] != width:
        raise ValueError(
            f"{type(layer).__name__}: x has shape {x.shape}, expected {width} columns (n, {width})."
        )
    return x


def of_shape(dy: np.ndarray, shape: tuple[int, ...], layer: Layer) -> np.ndarray:
    """dy itself; ValueError unless it has the shape of the layer's output."""
    if dy.shape != shape:
        raise ValueError(
            f"{type(layer).__name__}: dy has shape {dy.shape}, expected {shape}, as forward gave."
        )
    return dy


def one_output(output: np.ndarray, target: np.ndarray) -> np.ndarray:
    """The target (n,) in the output's dtype; ValueError unless the output is (n, 1)."""
    t = np.asarray(target)
    if output.shape != (len(output), 1) or t.shape != (len(output),):
        raise ValueError(
            f"The output has shape {output.shape}, the target {t.shape}; expected are (n, 1) and "
            "(n,): this loss is that of one output a row."
        )
    return t.astype(output.dtype, copy=False)


def scaled_weights(output: np.ndarray, weight: Any) -> np.ndarray:
    """w_i / n (n,), in the output's dtype; ValueError unless there is one weight a row."""
    n = len(output)
    if weight is None:
        return np.full(n, 1 / n, output.dtype)
    if np.shape(weight) != (n,):
        raise ValueError(f"The weight has shape {np.shape(weight)}, expected ({n},): one a row.")
    return (weight / n).astype(output.dtype, copy=False)
