"""What score a submission may expect on new rows, and how far off that may be.

It starts from the nested score of cross-validation, which is too low: the submission is the mean of
more fits. Its error over rows is too small, too: other rows would train other models, and rows of
one group, or of one stretch of time, err alike.
"""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from pipeline.blending import Expected, FittedBlend
from pipeline.metrics import METRICS, Metric, clustering, estimate, row_losses
from pipeline.metrics.own import alike

DRAWS = 100  # of the test rows' targets; of many rows fewer suffice
MANY_CLASSES = 10  # a row counts once for each 10 classes
FEWEST_DRAWS, DRAWN = 10, 500_000  # rows drawn in all
NEIGHBOURS = 25  # errors to each side, in the order of the predictions, that may be a row's own
# Bates, Hastie and Tibshirani 2024, doi:10.1080/01621459.2023.2197686: the error over rows is too
# small. On 140 draws of 3,000 airline passengers accuracy and truth lay 1.16 ± 0.06 times as far
# apart as it says for LightGBM, 1.14 ± 0.06 times for a network, five folds each.
WIDER = 1.15


def expectation(
    metric: Metric, y: np.ndarray, oof: np.ndarray, gain: float, clusters: np.ndarray | None = None
) -> Expected:
    """From y (n,), the nested blend's out-of-fold predictions (n, k), and what averaging brings.

    `clusters` (n,) number the rows that are not independent, as those of a patient or of a week.
    """
    found = estimate(metric, y, oof)
    score = metric.clip(found.score + gain)
    times = 1.0 if clusters is None else clustering(row_losses(metric, y, oof), clusters)
    return Expected(score, WIDER * times * found.standard_error, found.score, gain, times)


def averaging(
    metric: Metric,
    blend: FittedBlend,
    by_fold: Mapping[str, np.ndarray],
    known: tuple[np.ndarray, np.ndarray],
) -> float:
    """By how much the mean of all folds' fits scores above the fits of one fold.

    Cross-validation scores a row by the fits of one fold, the submission takes the mean of all. The
    test rows have both: `by_fold` (folds, m, k) of each model. They need no labels: targets are
    drawn as if the mean were right, values with errors like those of `known`, y (n,) and its
    out-of-fold blend (n, k), before a rule that makes whole numbers of it. Of squared errors that
    makes the spread of the folds around their mean (Krogh and Vedelsby 1995). 0 where no draw has
    a score, test has no rows, or the metric reads columns that test need not have.

    Absolute errors gain the share that root mean squared ones do, as they would if errors became
    smaller and kept their shape: rows that the fits disagree on err most, which draws do not know.
    """
    if metric.loss_for_models == "absolute_error" and not metric.is_own:
        squares, plain = METRICS["rmse"], replace(blend, decision_rule=None)
        before = squares.score(*known)
        gain = averaging(squares, plain, by_fold, known)
        return metric.score(*known) * gain / before if before > 0 else 0.0
    rng = np.random.default_rng(0)
    means = {name: each.mean(axis=0) for name, each in by_fold.items()}
    mean = blend.combine(means)
    if not len(mean) or metric.reads_rows:
        return 0.0
    whole = blend.decision_rule is not None and blend.decision_rule.gives_whole
    before_rule = whole or mean.shape[1] > 1
    drawn_as = replace(blend, decision_rule=None).combine(means) if before_rule else mean
    folds = range(len(next(iter(by_fold.values()))))
    parts = [blend.combine({name: each[i] for name, each in by_fold.items()}) for i in folds]
    gains = []
    read = len(mean) * max(1, mean.shape[1] // MANY_CLASSES)
    for _ in range(int(np.clip(DRAWN // read, FEWEST_DRAWS, DRAWS))):
        y = alike(drawn_targets(drawn_as, known, rng, whole), known[0])
        gains.append(metric.score(y, mean) - np.mean([metric.score(y, part) for part in parts]))
    scored = np.isfinite(gains)  # ROC AUC has no number where a class is absent
    return float(np.mean(np.array(gains)[scored])) if scored.any() else 0.0


def drawn_targets(
    predicted: np.ndarray,
    known: tuple[np.ndarray, np.ndarray],
    rng: np.random.Generator,
    whole: bool = False,
) -> np.ndarray:
    """Targets (m,) that may belong to predictions (m, k): classes by their probabilities; values
    with the error of a row of `known` that was predicted alike, for large values err more; `whole`
    numbers are those of such a row."""
    if predicted.shape[1] > 1:
        edges = predicted.cumsum(axis=1)
        drawn = rng.random(len(edges))[:, None] * edges[:, -1:]
        return np.asarray((drawn > edges[:, :-1]).sum(axis=1))
    y, oof = known
    order = np.argsort(oof[:, 0], kind="stable")
    place = np.searchsorted(oof[order, 0], predicted[:, 0])
    place = np.clip(place + rng.integers(-NEIGHBOURS, NEIGHBOURS, len(place)), 0, len(y) - 1)
    if whole:
        return np.asarray(y)[order[place]]
    drawn = predicted[:, 0] + (y - oof[:, 0])[order[place]]
    return np.asarray(np.maximum(drawn, y.min()))
