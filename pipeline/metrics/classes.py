"""Metrics of classes: y (n,) codes, prediction (n, k) probabilities."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from pipeline.metrics.confusion import likeliest
from pipeline.metrics.metric import Metric

# -- labels: the likeliest class counts ------------------------------------------------------------


def hits(y: np.ndarray, prediction: np.ndarray) -> np.ndarray:
    """1 where the most probable class is the true one, else 0, (n,)."""
    return (likeliest(prediction) == y).astype(float)


# -- labels: how many rows of each class are predicted as each, counts (k, k) ----------------------


def mean_recall(counts: np.ndarray) -> float:
    """Mean over the classes present of the share of their rows that is found."""
    rows, found = counts.sum(axis=1), np.diagonal(counts)
    return float(np.mean(found[rows > 0] / rows[rows > 0]))


def f1_by_class(counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """2 TP / (2 TP + FP + FN) a class, 0 where a class is neither true nor predicted, (k,); and the
    rows that are true plus those that are predicted, (k,)."""
    rows = counts.sum(axis=1) + counts.sum(axis=0)
    return 2 * np.diagonal(counts) / np.maximum(rows, 1), rows


def f1_macro(counts: np.ndarray) -> float:
    """Mean over classes of F1, over the classes in truth or prediction."""
    scores, rows = f1_by_class(counts)
    return float(np.mean(scores[rows > 0]))


def f1_weighted(counts: np.ndarray) -> float:
    """Mean of F1 over the rows' true classes."""
    scores, _ = f1_by_class(counts)
    return float(scores @ counts.sum(axis=1) / counts.sum())


def f1_positive(counts: np.ndarray) -> float:
    """F1 of the positive class, the second of two."""
    return float(f1_by_class(counts)[0][1])


def agreement(counts: np.ndarray) -> tuple[float, float, np.ndarray, np.ndarray]:
    """The share of rows predicted right, the share that would be by chance, and the shares of the
    classes in truth and in prediction, (k,) each."""
    shares = counts / counts.sum()
    true_shares, predicted_shares = shares.sum(axis=1), shares.sum(axis=0)
    return (
        float(np.trace(shares)),
        float(true_shares @ predicted_shares),
        true_shares,
        predicted_shares,
    )


def matthews(counts: np.ndarray) -> float:
    """Correlation of true and predicted classes, in [-1, 1] (Matthews 1975; of several classes
    Gorodkin 2004); 0 where one of them does not vary."""
    observed, chance, true_shares, predicted_shares = agreement(counts)
    spread = (1 - true_shares @ true_shares) * (1 - predicted_shares @ predicted_shares)
    return float((observed - chance) / math.sqrt(spread)) if spread > 0 else 0.0


def cohens_kappa(counts: np.ndarray) -> float:
    """(p_o - p_e) / (1 - p_e): agreement beyond that of chance (Cohen 1960); 0 where both are one
    class throughout."""
    observed, chance, _, _ = agreement(counts)
    return (observed - chance) / (1 - chance) if chance < 1 else 0.0


# -- places: the order of the probabilities counts -------------------------------------------------


def places(y: np.ndarray, prediction: np.ndarray) -> np.ndarray:
    """The place of the true class in the order of the probabilities, from 0 on, (n,); of equal
    ones, the earlier class comes first."""
    rows = np.arange(len(y))
    true = prediction[rows, np.asarray(y)][:, np.newaxis]
    earlier = np.arange(prediction.shape[1]) < np.asarray(y)[:, np.newaxis]
    return np.asarray(((prediction > true) | ((prediction == true) & earlier)).sum(axis=1))


@dataclass(frozen=True)
class TopAccuracy:
    """1 where the true class is among the k likeliest, else 0."""

    k: int

    def __call__(self, y: np.ndarray, prediction: np.ndarray) -> np.ndarray:
        return (places(y, prediction) < self.k).astype(float)


@dataclass(frozen=True)
class AveragePrecisionAt:
    """1 / place of the true class among the k likeliest labels, 0 where it is not among them."""

    k: int

    def __call__(self, y: np.ndarray, prediction: np.ndarray) -> np.ndarray:
        place = places(y, prediction)
        return np.where(place < self.k, 1 / (1 + place), 0.0)


# -- probabilities ---------------------------------------------------------------------------------


def row_log_loss(y: np.ndarray, prediction: np.ndarray) -> np.ndarray:
    """-log p(true class) per row, (n,); probabilities are kept off zero by the float's epsilon."""
    if prediction.shape[1] == 1:  # that of the true class alone
        true = prediction[:, 0]
    else:
        true = prediction[np.arange(len(y)), np.asarray(y, dtype=int)]
    return -np.log(np.clip(true, np.finfo(float).eps, 1.0)).astype(float)


def brier(y: np.ndarray, prediction: np.ndarray) -> np.ndarray:
    """Squared error of the probabilities: of the positive class, of several summed over all."""
    if prediction.shape[1] == 2:
        return (prediction[:, 1] - y) ** 2
    true = prediction[np.arange(len(y)), y]
    return np.asarray(np.einsum("ij,ij->i", prediction, prediction) - 2 * true + 1)


def roc_auc(y: np.ndarray, prediction: np.ndarray) -> float:
    """P(a random positive scores above a random negative), ties a half; several classes one against
    the rest, averaged. NaN where a class is absent."""
    columns = [(y == code, prediction[:, code]) for code in _scored_classes(prediction)]
    positives = np.array([np.count_nonzero(positive) for positive, _ in columns])
    pairs = positives * (len(y) - positives)
    if not pairs.all() or np.isnan(prediction).any():
        return math.nan
    above = [_pairs_above(values, positive) for positive, values in columns]
    return float(np.mean(above / pairs))


def _scored_classes(prediction: np.ndarray) -> range:
    """Of two classes the positive one, else all."""
    return range(1 if prediction.shape[1] == 2 else 0, prediction.shape[1])


def _pairs_above(values: np.ndarray, positive: np.ndarray) -> float:
    """How often a positive's value is above a negative's, ties a half: Mann and Whitney's U."""
    ones, zeros = np.sort(values[positive]), np.sort(values[~positive])
    sides = (np.searchsorted(zeros, ones, side) for side in ("left", "right"))
    return sum(float(below.sum()) for below in sides) / 2


def auc_influence(y: np.ndarray, prediction: np.ndarray) -> np.ndarray:
    """By how much each row moves `roc_auc`, times n and but for a constant, (n,).

    Of a positive the share of the negatives below it, of a negative that of the positives above it,
    each over the class's share (DeLong, DeLong and Clarke-Pearson 1988).
    """
    parts = [_auc_influence(prediction[:, code], y == code) for code in _scored_classes(prediction)]
    return np.asarray(np.mean(parts, axis=0))


def _auc_influence(values: np.ndarray, positive: np.ndarray) -> np.ndarray:
    found, numbers = np.empty(len(values)), (np.flatnonzero(~positive), np.flatnonzero(positive))
    zeros, ones = (rows[np.argsort(values[rows])] for rows in numbers)  # by value, as is quicker
    for own, others, sign in ((ones, zeros, 1.0), (zeros, ones, -1.0)):
        sides = [np.searchsorted(values[others], values[own], side) for side in ("left", "right")]
        share = np.sum(sides, axis=0) / (2 * len(others))
        found[own] = sign * (share - share.mean()) * (len(values) / len(own))
    return found


def average_precision(y: np.ndarray, prediction: np.ndarray) -> float:
    """Sum of precision times the step in recall; several classes one against the rest, averaged.
    NaN where a class is absent."""
    columns = [(y == code, prediction[:, code]) for code in _scored_classes(prediction)]
    return float(np.mean([_precision_of(positive, values) for positive, values in columns]))


def _precision_of(positive: np.ndarray, values: np.ndarray) -> float:
    """Mean over positives of the share of positives among the rows that score as high."""
    if not positive.any():
        return math.nan
    every, ones = np.sort(values), np.sort(values[positive])
    rows, found = (len(of) - np.searchsorted(of, ones) for of in (every, ones))
    return float(np.mean(found / rows))


def precision_influence(y: np.ndarray, prediction: np.ndarray) -> np.ndarray:
    """By how much each row moves `average_precision`, times n and but for a constant, (n,).

    A positive brings its own precision; and to the precision p = t / r of every positive that
    scores no higher, t positives among r rows, a further positive adds (1 - p) / r, another row
    -p / r.
    """
    columns = _scored_classes(prediction)
    parts = [_precision_influence(y == code, prediction[:, code]) for code in columns]
    return np.asarray(np.mean(parts, axis=0))


def _precision_influence(positive: np.ndarray, values: np.ndarray) -> np.ndarray:
    order = np.argsort(values)  # searches of ascending values are the quicker ones
    every, is_one = values[order], positive[order]
    ones = every[is_one]
    rows, found = (len(of) - np.searchsorted(of, ones) for of in (every, ones))
    precision = found / rows
    gained, lost = (np.append(0, np.cumsum(of / rows)) for of in (1 - precision, precision))
    no_higher = np.searchsorted(ones, every, "right")
    moved = -lost[no_higher]
    moved[is_one] = gained[no_higher[is_one]] + precision - precision.mean()
    by_row = np.empty(len(order))
    by_row[order] = moved * (len(order) / len(ones))
    return by_row


# -- entries ---------------------------------------------------------------------------------------

SHARE: dict[str, Any] = {"greater_is_better": True, "highest": 1.0}
AGREEMENT: dict[str, Any] = {**SHARE, "lowest": -1.0}

METRICS = (
    Metric(
        "accuracy",
        "Accuracy",
        needs="labels",
        loss_for_models="zero_one",
        formula="share of rows whose label is right",
        per_row=hits,
        unit="share of rows",
        **SHARE,
    ),
    Metric(
        "balanced_accuracy",
        "Balanced accuracy",
        needs="labels",
        loss_for_models="zero_one",
        formula="mean over classes of the share of their rows that is found",
        of_counts=mean_recall,
        decision="class_weights",
        **SHARE,
    ),
    Metric(
        "f1",
        "F1",
        needs="labels",
        loss_for_models="zero_one",
        formula="2 TP / (2 TP + FP + FN) of the positive class",
        of_counts=f1_positive,
        decision="threshold",
        for_tasks=("binary",),
        **SHARE,
    ),
    Metric(
        "f1_macro",
        "F1 (macro)",
        needs="labels",
        loss_for_models="zero_one",
        formula="mean of the classes' F1",
        of_counts=f1_macro,
        decision="class_weights",
        **SHARE,
    ),
    Metric(
        "f1_micro",
        "F1 (micro)",
        needs="labels",
        loss_for_models="zero_one",
        formula="F1 of all rows together: with one label a row, the accuracy",
        per_row=hits,
        **SHARE,
    ),
    Metric(
        "f1_weighted",
        "F1 (weighted)",
        needs="labels",
        loss_for_models="zero_one",
        formula="mean of the classes' F1, each weighted by its rows",
        of_counts=f1_weighted,
        decision="threshold",
        **SHARE,
    ),
    Metric(
        "mcc",
        "Matthews correlation",
        needs="labels",
        loss_for_models="zero_one",
        formula="correlation of true and predicted classes",
        of_counts=matthews,
        decision="threshold",
        **AGREEMENT,
    ),
    Metric(
        "kappa",
        "Cohen's kappa",
        needs="labels",
        loss_for_models="zero_one",
        formula="agreement beyond that of chance",
        of_counts=cohens_kappa,
        decision="threshold",
        **AGREEMENT,
    ),
    Metric(
        "roc_auc",
        "ROC AUC",
        needs="probabilities",
        loss_for_models="log_loss",
        formula="chance that a positive row scores above a negative one; classes averaged",
        overall=roc_auc,
        influence=auc_influence,
        needs_every_class=True,
        **SHARE,
    ),
    Metric(
        "average_precision",
        "Average precision",
        needs="probabilities",
        loss_for_models="log_loss",
        formula="area under precision against recall, in steps; classes averaged",
        overall=average_precision,
        influence=precision_influence,
        needs_every_class=True,
        **SHARE,
    ),
    Metric(
        "log_loss",
        "Log loss",
        needs="probabilities",
        loss_for_models="log_loss",
        formula="mean of -log p(true class)",
        per_row=row_log_loss,
        reads_true_class_alone=True,
    ),
    Metric(
        "brier",
        "Brier score",
        needs="probabilities",
        loss_for_models="log_loss",
        formula="mean squared error of p(positive), of several classes summed over them",
        per_row=brier,
        highest=2.0,
    ),
)


def map_at(k: float) -> Metric:
    """Mean average precision of the k likeliest labels, where one label is right."""
    return Metric(
        f"map@{k:g}",
        f"MAP@{k:g}",
        needs="labels",
        loss_for_models="log_loss",
        formula=f"mean of 1 / place of the true label among the {k:g} given, else 0",
        per_row=AveragePrecisionAt(int(k)),
        labels_a_cell=int(k),
        **SHARE,
    )


def top_accuracy(k: float) -> Metric:
    return Metric(
        f"top_accuracy@{k:g}",
        f"Top-{k:g} accuracy",
        needs="labels",
        loss_for_models="log_loss",
        formula=f"share of rows whose label is among the {k:g} given",
        per_row=TopAccuracy(int(k)),
        labels_a_cell=int(k),
        **SHARE,
    )
