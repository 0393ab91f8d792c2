"""What a submission may expect on rows that nobody has seen, and how far off that may be.

It starts from the nested score of cross-validation. That says too little, for the submission is the
mean of more fits; and its error over rows is too small, for other rows would train other models.
"""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from pipeline.blending import Blend
from pipeline.metrics import Metric, estimate

DRAWS = 100  # of the test rows' targets; fewer where rows are many, which then tell enough
MANY_CLASSES = 10  # of so many more, rows count as often
FEWEST_DRAWS, DRAWN = 10, 500_000  # rows drawn in all
NEAR = 25  # errors to each side, in the order of the predictions, that may be a row's own
# Bates, Hastie and Tibshirani 2024, doi:10.1080/01621459.2023.2197686: the error over rows is too
# small. On 140 draws of 3,000 airline passengers accuracy and truth lay 1.16 ± 0.06 times as far
# apart as it says for LightGBM, 1.14 ± 0.06 times for a network, five folds each.
WIDER = 1.15


def expectation(
    metric: Metric, y: np.ndarray, blended: np.ndarray, gain: float
) -> dict[str, float]:
    """The score to expect and its standard error, from y (n,), the nested blend (n, k), and what
    averaging brings."""
    found = estimate(metric, y, blended)
    return {
        "score": found.score + gain,
        "standard_error": WIDER * found.standard_error,
        "cross_validated": found.score,
        "averaging": gain,
    }


def averaging(
    metric: Metric,
    blend: Blend,
    by_fold: Mapping[str, np.ndarray],
    known: tuple[np.ndarray, np.ndarray],
) -> float:
    """By how much the mean of all folds' fits scores above the fits of one fold.

    Cross-validation judges a row by the fits of one fold, the submission takes the mean of all. The
    test rows have both: `by_fold` (folds, n_test, k) of each model. They need no labels: targets
    are drawn as if the mean were right, values with errors like those of `known`, y (n,) and its
    out-of-fold blend (n, k). Of squared errors that makes the spread of the folds around their
    mean (Krogh and Vedelsby 1995). 0 where no draw has a score.
    """
    rng = np.random.default_rng(0)
    means = {name: each.mean(axis=0) for name, each in by_fold.items()}
    whole = blend.combine(means)
    chances = replace(blend, class_weights=None).combine(means)
    folds = range(len(next(iter(by_fold.values()))))
    parts = [blend.combine({name: each[i] for name, each in by_fold.items()}) for i in folds]
    gains = []
    read = len(whole) * max(1, whole.shape[1] // MANY_CLASSES)
    for _ in range(int(np.clip(DRAWN // read, FEWEST_DRAWS, DRAWS))):
        y = drawn_targets(chances, known, rng)
        gains.append(metric.score(y, whole) - np.mean([metric.score(y, part) for part in parts]))
    told = np.isfinite(gains)  # ROC AUC has no number where a class is absent
    return float(np.mean(np.array(gains)[told])) if told.any() else 0.0


def drawn_targets(
    predicted: np.ndarray, known: tuple[np.ndarray, np.ndarray], rng: np.random.Generator
) -> np.ndarray:
    """Targets (m,) that may belong to predictions (m, k): classes by their chances; values with
    the error of a row of `known` that was predicted alike, for large values err more."""
    if predicted.shape[1] > 1:
        edges = predicted.cumsum(axis=1)
        drawn = rng.random(len(edges))[:, None] * edges[:, -1:]
        return np.asarray((drawn > edges[:, :-1]).sum(axis=1))
    y, blended = known
    order = np.argsort(blended[:, 0], kind="stable")
    place = np.searchsorted(blended[order, 0], predicted[:, 0])
    place = np.clip(place + rng.integers(-NEAR, NEAR, len(place)), 0, len(y) - 1)
    drawn = predicted[:, 0] + (y - blended[:, 0])[order[place]]
    return np.asarray(np.maximum(drawn, y.min()))
