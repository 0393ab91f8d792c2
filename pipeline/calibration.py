"""Temperature scaling: one number makes probabilities as confident as they are right.

A network trained on smoothed labels is right more often than it predicts, a deep tree less often.
The ranking of the rows stays; blending and log loss, which use the probabilities as such, gain.
"""

import numpy as np

from pipeline.from_scratch.activations import softmax

LOWEST, HIGHEST = 0.2, 5.0
TINY = 1e-6
MOST_ROWS = 25_000  # that a temperature is found on: more of them change nothing
FEW_CLASSES = 100  # of so many, sums of columns are quicker than of rows


def inverse_temperature(y: np.ndarray, probabilities: np.ndarray) -> float:
    """The s = 1 / T with the least log loss of `temperature_scale`, within [0.2, 5].

    T is that of Guo et al. 2017, arXiv:1706.04599. With z = log p the loss is
    1/n Σ log Σ_k exp(s z_k) - s z_y, convex in s: Newton's method finds the minimum.
    Shapes: y (n,) class codes, probabilities (n, k).
    """
    if len(y) > MOST_ROWS:
        some = np.linspace(0, len(y) - 1, MOST_ROWS).astype(np.int64)
        y, probabilities = y[some], probabilities[some]
    z = _log(probabilities)
    z_true, s = z[np.arange(len(y)), y], 1.0
    low, high = LOWEST, HIGHEST
    for _ in range(50):
        p = softmax(s * z)
        expected = (p * z).sum(axis=1)
        slope = float(np.mean(expected - z_true))
        low, high = (low, s) if slope > 0 else (s, high)
        curvature = float(np.mean((p * z**2).sum(axis=1) - expected**2))
        step = slope / curvature if curvature > 0 else np.inf
        # a step beyond the bounds of the minimum is replaced by bisection
        before, s = s, s - step if low < s - step < high else (low + high) / 2
        if abs(s - before) < TINY:
            break
    return s


def temperature_scale(probabilities: np.ndarray, inverse_temperature: float) -> np.ndarray:
    """p_k^s / Σ p^s with s = 1 / T, (n, k): more confident for s > 1, less for s < 1."""
    return softmax(inverse_temperature * _log(probabilities))


def _log(probabilities: np.ndarray) -> np.ndarray:
    """(n, k), column by column in memory for few classes: sums over a row's numbers are then sums
    of columns, several times as fast."""
    z = np.log(np.clip(probabilities, TINY, 1.0))
    return np.asfortranarray(z) if z.shape[1] < FEW_CLASSES else z
