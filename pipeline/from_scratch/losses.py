"""Losses: the error of predictions as one number, which training minimises.

Accuracy is none: a small change of a weight changes no row's class, so that its gradient is 0 where
it exists. Cross-entropy takes the logarithm of a probability clipped to at least ε, because log 0
is infinite.

Labels of a classification are class numbers 0 to k - 1 of shape (n,), or rows of shape (n, k) that
sum to 1, such as one-hot rows. Every loss except the sum of squared errors is a mean over the n
rows of a batch, so that it does not depend on n; with `sample_weight` (n,) it is a weighted mean.

Shapes that do not match are refused with a ValueError: broadcasting would pair different rows.
"""

import numpy as np
from numpy.typing import ArrayLike

from pipeline.from_scratch.activations import floating, log_softmax, softplus


def sum_of_squared_errors(prediction: ArrayLike, target: ArrayLike) -> float:
    """½ Σ (y - t)²."""
    return float(0.5 * np.sum(_difference(prediction, target) ** 2))


def mean_squared_error(
    prediction: ArrayLike, target: ArrayLike, sample_weight: ArrayLike | None = None
) -> float:
    """1/n Σ (y - t)²: a mean over the rows, and over the outputs where there are several."""
    squared = _difference(prediction, target) ** 2
    return _mean(squared.reshape(len(squared), -1).mean(axis=1), sample_weight)


def binary_cross_entropy(
    probability: ArrayLike, label: ArrayLike, sample_weight: ArrayLike | None = None
) -> float:
    """-1/n Σ t log p + (1 - t) log(1 - p), p and t (n,): minus the mean log-likelihood."""
    p = _clipped(probability)
    t = binary_labels(label, p.shape)
    return _mean(-(t * np.log(p) + (1 - t) * np.log1p(-p)), sample_weight)


def binary_cross_entropy_from_logits(
    logit: ArrayLike, label: ArrayLike, sample_weight: ArrayLike | None = None
) -> float:
    """1/n Σ softplus(z) - t z: the same with p = sigmoid(z), accurate for any |z|."""
    z = floating(logit)
    t = binary_labels(label, z.shape)
    return _mean(softplus(z) - t * z, sample_weight)


def cross_entropy(
    probability: ArrayLike,
    label: ArrayLike,
    sample_weight: ArrayLike | None = None,
    smoothing: float = 0.0,
) -> float:
    """-1/n Σ_i Σ_k t_ik log p_ik, p (n, k)."""
    log_p = np.atleast_2d(np.log(_clipped(probability)))
    return _mean(
        -np.sum(label_distribution(label, log_p.shape, smoothing) * log_p, 1), sample_weight
    )


def cross_entropy_from_logits(
    logits: ArrayLike,
    label: ArrayLike,
    sample_weight: ArrayLike | None = None,
    smoothing: float = 0.0,
) -> float:
    """The same with p = softmax(z), accurate for any |z|."""
    log_p = np.atleast_2d(log_softmax(logits))
    return _mean(
        -np.sum(label_distribution(label, log_p.shape, smoothing) * log_p, 1), sample_weight
    )


def binary_labels(label: ArrayLike, shape: tuple[int, ...]) -> np.ndarray:
    """The labels of two classes as floats: 0, 1, or a probability of 1 between them.

    Errors: ValueError for other labels, such as -1 and 1, and for another shape than `shape`.
    """
    t = floating(label)
    _require_same_shape(shape, t.shape)
    wrong = ~((t >= 0) & (t <= 1))
    if wrong.any():
        raise ValueError(f"The labels contain {t[wrong][0]:g}; allowed are numbers from 0 to 1.")
    return t


def label_distribution(
    label: ArrayLike, shape: tuple[int, ...], smoothing: float = 0.0
) -> np.ndarray:
    """(1 - ε) one-hot + ε / k: the labels as n distributions over k classes, float64.

    With label smoothing, ε > 0, the optimal logits are finite. (Szegedy 2016, section 7)
    """
    if len(shape) != 2:
        raise ValueError(
            f"The prediction has shape {shape}, expected (n, k): a number for each class."
        )
    n, k = shape
    label = np.asarray(label)
    if n == 1 and label.shape in ((), (k,)):  # of a single row
        label = label[None]
    if label.shape == (n, k):
        target = label.astype(np.float64)
        wrong = (target < 0).any(axis=1) | ~np.isclose(target.sum(axis=1), 1)
        allowed = "rows of numbers >= 0 that sum to 1"
    elif label.shape == (n,):
        target = (label[:, None] == np.arange(k)).astype(np.float64)
        wrong, allowed = ~target.any(axis=1), f"class numbers from 0 to {k - 1}"
    else:
        raise ValueError(
            f"The labels have shape {label.shape}; allowed are ({n},), a class number a row, and "
            f"({n}, {k}), a distribution a row."
        )
    if wrong.any():
        found = label.reshape(n, -1)[wrong][0].tolist()
        raise ValueError(f"The labels contain {found}; allowed are {allowed}.")
    return (1 - smoothing) * target + smoothing / k


def _difference(prediction: ArrayLike, target: ArrayLike) -> np.ndarray:
    """y - t, of the same shape."""
    y, t = floating(prediction), floating(target)
    _require_same_shape(y.shape, t.shape)
    return np.atleast_1d(y - t)


def _require_same_shape(prediction: tuple[int, ...], target: tuple[int, ...]) -> None:
    if prediction != target:
        raise ValueError(
            f"The prediction has shape {prediction}, the target {target}: they must be the same."
        )


def _clipped(probability: ArrayLike) -> np.ndarray:
    """p clipped to [ε, 1 - ε], so that a certain but wrong prediction has a finite loss."""
    p = floating(probability)
    epsilon = np.finfo(p.dtype).eps
    return np.clip(p, epsilon, 1 - epsilon)


def _mean(loss: np.ndarray, sample_weight: ArrayLike | None) -> float:
    """Σ w_i loss_i / Σ w_i."""
    if sample_weight is None:
        return float(np.mean(loss))
    weights = floating(sample_weight)
    if weights.shape != loss.shape or not weights.sum() > 0:
        raise ValueError(
            f"sample_weight has shape {weights.shape} and the sum {weights.sum():g}; expected are "
            f"{loss.shape}, one weight a row, and a sum above 0."
        )
    return float(np.average(loss, weights=weights))
