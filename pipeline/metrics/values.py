"""Metrics of values: y (n,), prediction (n, 1)."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from pipeline.metrics.metric import Metric

TINY = 1e-6  # deviances have no number for a prediction of 0

# -- errors ----------------------------------------------------------------------------------------


def squared_error(y: np.ndarray, prediction: np.ndarray) -> np.ndarray:
    return (y - prediction[:, 0]) ** 2


def absolute_error(y: np.ndarray, prediction: np.ndarray) -> np.ndarray:
    return np.abs(y - prediction[:, 0])


def median_absolute_error(y: np.ndarray, prediction: np.ndarray) -> float:
    return float(np.median(absolute_error(y, prediction)))


@dataclass(frozen=True)
class Pinball:
    """q (y - p) where the target is above the prediction, (1 - q) (p - y) where it is below."""

    quantile: float

    def __call__(self, y: np.ndarray, prediction: np.ndarray) -> np.ndarray:
        error = y - prediction[:, 0]
        return np.maximum(self.quantile * error, (self.quantile - 1) * error)


def r2(y: np.ndarray, prediction: np.ndarray) -> float:
    """1 - residual sum of squares / total sum of squares."""
    total = np.sum((y - y.mean()) ** 2)
    return float(1 - squared_error(y, prediction).sum() / total) if total > 0 else 0.0


# -- errors in proportion to the target ------------------------------------------------------------


def squared_log_error(y: np.ndarray, prediction: np.ndarray) -> np.ndarray:
    """(log(1+y) - log(1+p))² per row; negative predictions count as zero."""
    return (np.log1p(y) - np.log1p(np.maximum(prediction[:, 0], 0.0))) ** 2


def relative_error(y: np.ndarray, prediction: np.ndarray) -> np.ndarray:
    """|y - p| / |y| per row, so that their mean is that of the rows whose target is not 0.

    A row whose target is 0 has no relative error and is left out, as organisers do who meet one.
    """
    return _of_the_others(y, absolute_error(y, prediction) / np.where(y == 0, 1, np.abs(y)))


def squared_relative_error(y: np.ndarray, prediction: np.ndarray) -> np.ndarray:
    """((y - p) / y)² per row; rows whose target is 0 are left out as in `relative_error`."""
    return _of_the_others(y, squared_error(y, prediction) / np.where(y == 0, 1, y) ** 2)


def _of_the_others(y: np.ndarray, errors: np.ndarray) -> np.ndarray:
    """errors (n,) with 0 where y is 0, and the others scaled so that the mean over all rows is the
    mean over the others."""
    known = y != 0
    return np.where(known, errors, 0.0) * (len(y) / max(1, int(known.sum())))


def symmetric_error(y: np.ndarray, prediction: np.ndarray) -> np.ndarray:
    """200 |y - p| / (|y| + |p|) per row, in percent; 0 where both are 0."""
    size = np.abs(y) + np.abs(prediction[:, 0])
    return 200 * absolute_error(y, prediction) / np.where(size == 0, 1, size)


def normalised_error(y: np.ndarray, prediction: np.ndarray) -> float:
    """Σ |y - p| / Σ |y|; 0 where all targets are 0."""
    total = float(np.abs(y).sum())
    return float(absolute_error(y, prediction).sum()) / total if total > 0 else 0.0


# -- deviances -------------------------------------------------------------------------------------


def poisson_deviance(y: np.ndarray, prediction: np.ndarray) -> np.ndarray:
    """2 (y log(y / p) - y + p) per row; predictions below a millionth count as that."""
    p = np.maximum(prediction[:, 0], TINY)
    return np.asarray(2 * (y * np.log(np.where(y == 0, 1, y) / p) - y + p))


@dataclass(frozen=True)
class TweedieDeviance:
    """The unit deviance of power 1 < d < 2, between Poisson (1) and gamma (2).

    2 (y^(2-d) / ((1-d) (2-d)) - y p^(1-d) / (1-d) + p^(2-d) / (2-d)) per row; predictions below a
    millionth count as that.
    """

    power: float

    def __call__(self, y: np.ndarray, prediction: np.ndarray) -> np.ndarray:
        d, p = self.power, np.maximum(prediction[:, 0], TINY)
        parts = y ** (2 - d) / (1 - d) / (2 - d), -y * p ** (1 - d) / (1 - d), p ** (2 - d)
        return np.asarray(2 * (parts[0] + parts[1] + parts[2] / (2 - d)))


# -- order and agreement ---------------------------------------------------------------------------


def concordance(y: np.ndarray, prediction: np.ndarray) -> float:
    """Of pairs with different targets, the share that is predicted in this order, ties a half.

    With Kendall's tau_b = (C - D) / √((N - t_p) (N - t_y)) of N pairs, t tied in one of the two, it
    is (1 + (C - D) / (N - t_y)) / 2. NaN where all targets are the same.
    """
    from scipy.stats import kendalltau

    pairs, tied, tied_p = len(y) * (len(y) - 1) / 2, _tied(y), _tied(prediction[:, 0])
    if pairs == tied:
        return math.nan
    if pairs == tied_p:
        return 0.5
    tau = kendalltau(y, prediction[:, 0], method="asymptotic").statistic
    return float(1 + tau * math.sqrt((pairs - tied_p) / (pairs - tied))) / 2


def _tied(values: np.ndarray) -> float:
    """Pairs of equal values."""
    counts = np.unique(values, return_counts=True)[1].astype(float)
    return float((counts * (counts - 1) / 2).sum())


def normalised_gini(y: np.ndarray, prediction: np.ndarray) -> float:
    """Gini of the targets in the order of the predictions, over that in their own order.

    G = Σ y rank(p) - n (n + 1) ȳ / 2, equal predictions sharing their mean rank. Of two classes it
    is 2 AUC - 1. NaN where all targets are the same.
    """
    from pandas import Series

    centred = np.asarray(y, dtype=float) - np.mean(y)
    best = float(centred @ Series(centred).rank().to_numpy())
    found = float(centred @ Series(prediction[:, -1]).rank().to_numpy())
    return found / best if best > 0 else math.nan


def quadratic_kappa(y: np.ndarray, prediction: np.ndarray) -> float:
    """1 - Σ (y - p)² / the same of pairs by chance, predictions rounded into the target's range.

    Whole numbers weigh by their distance squared: 1 - mean (y-p)² / (var y + var p + (ȳ - p̄)²)
    (Cohen 1968). 0 where both are one value throughout.
    """
    p = np.clip(np.rint(prediction[:, 0]), y.min(), y.max())
    chance = y.var() + p.var() + (y.mean() - p.mean()) ** 2
    return float(1 - np.mean((y - p) ** 2) / chance) if chance > 0 else 0.0


# -- entries ---------------------------------------------------------------------------------------

UNIT = "in units of {target}"
AGREEMENT: dict[str, Any] = {"greater_is_better": True, "lowest": -1.0, "highest": 1.0}
NO_ZERO = "rows whose target is 0 are left out"

METRICS = (
    Metric(
        "rmse",
        "RMSE",
        needs="values",
        loss_for_models="squared_error",
        formula="√ mean (y - p)²",
        per_row=squared_error,
        root=True,
        unit=UNIT,
        decision="rounding",
    ),
    Metric(
        "mse",
        "MSE",
        needs="values",
        loss_for_models="squared_error",
        formula="mean (y - p)²",
        per_row=squared_error,
        decision="rounding",
    ),
    Metric(
        "mae",
        "MAE",
        needs="values",
        loss_for_models="absolute_error",
        formula="mean |y - p|",
        per_row=absolute_error,
        unit=UNIT,
        decision="rounding",
    ),
    Metric(
        "median_ae",
        "Median absolute error",
        needs="values",
        loss_for_models="absolute_error",
        formula="median |y - p|",
        overall=median_absolute_error,
        unit=UNIT,
        tuned_by="mae",
    ),
    Metric(
        "rmsle",
        "RMSLE",
        needs="values",
        loss_for_models="squared_log_error",
        formula="√ mean (log(1 + y) - log(1 + p))²",
        per_row=squared_log_error,
        root=True,
        least_value=0.0,
        decision="rounding",
    ),
    Metric(
        "r2",
        "R²",
        needs="values",
        loss_for_models="squared_error",
        formula="1 - Σ (y - p)² / Σ (y - ȳ)²",
        overall=r2,
        greater_is_better=True,
        lowest=-math.inf,
        highest=1.0,
        decision="rounding",
    ),
    Metric(
        "mape",
        "MAPE",
        needs="values",
        loss_for_models="absolute_log_error",
        formula=f"mean |y - p| / |y|, 0.05 for 5%; {NO_ZERO}",
        per_row=relative_error,
        decision="factor",
    ),
    Metric(
        "smape",
        "SMAPE",
        needs="values",
        loss_for_models="absolute_log_error",
        formula="mean 200 |y - p| / (|y| + |p|), in percent; 0 where both are 0",
        per_row=symmetric_error,
        highest=200.0,
        unit="%",
        decision="factor",
    ),
    Metric(
        "rmspe",
        "RMSPE",
        needs="values",
        loss_for_models="squared_log_error",
        formula=f"√ mean ((y - p) / y)²; {NO_ZERO}",
        per_row=squared_relative_error,
        root=True,
        least_value=0.0,
        decision="factor",
    ),
    Metric(
        "nmae_mean",
        "NMAE (mean of ratios)",
        needs="values",
        loss_for_models="absolute_log_error",
        formula=f"mean |y - p| / |y|; {NO_ZERO}",
        per_row=relative_error,
        decision="factor",
    ),
    Metric(
        "nmae_sum",
        "NMAE (ratio of sums)",
        needs="values",
        loss_for_models="absolute_error",
        formula="Σ |y - p| / Σ |y|",
        overall=normalised_error,
        tuned_by="mae",
        decision="rounding",
    ),
    Metric(
        "poisson_deviance",
        "Poisson deviance",
        needs="values",
        loss_for_models="poisson",
        formula="mean 2 (y log(y / p) - y + p), for counts",
        per_row=poisson_deviance,
        least_value=0.0,
        least_prediction=TINY,
    ),
    Metric(
        "qwk",
        "Quadratic weighted kappa",
        needs="values",
        loss_for_models="squared_error",
        formula="agreement of whole numbers beyond chance, errors squared",
        overall=quadratic_kappa,
        decision="cut_points",
        tuned_by="rmse",
        whole_values=True,
        **AGREEMENT,
    ),
    Metric(
        "concordance",
        "Concordance index",
        needs="values",
        loss_for_models="squared_error",
        formula="share of pairs that are predicted in their order",
        overall=concordance,
        greater_is_better=True,
        highest=1.0,
        tuned_by="rmse",
    ),
    Metric(
        "gini",
        "Gini (normalised)",
        needs="probabilities",
        loss_for_models="log_loss",
        formula="Gini in the order of the predictions over the best one; of classes 2 AUC - 1",
        overall=normalised_gini,
        needs_every_class=True,
        for_tasks=("binary", "regression"),
        **AGREEMENT,
    ),
)


def pinball(quantile: float) -> Metric:
    return Metric(
        f"pinball@{quantile:g}",
        f"Pinball loss ({quantile:g})",
        needs="values",
        loss_for_models="quantile",
        formula=f"mean of {quantile:g} (y - p) above and {1 - quantile:g} (p - y) below",
        per_row=Pinball(quantile),
        unit=UNIT,
        decision="shift",
        loss_parameter=quantile,
    )


def tweedie(power: float) -> Metric:
    return Metric(
        f"tweedie@{power:g}",
        f"Tweedie deviance ({power:g})",
        needs="values",
        loss_for_models="tweedie",
        formula=f"mean unit deviance of power {power:g}, for amounts that are often 0",
        per_row=TweedieDeviance(power),
        least_value=0.0,
        least_prediction=TINY,
        loss_parameter=power,
    )
