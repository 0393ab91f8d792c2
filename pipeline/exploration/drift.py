"""Do train and test come from the same source? Column by column, and for all columns together.

A column's statistic says how far apart the two are; its p-value says how often chance alone makes
them differ so much. Testing many columns makes small p-values likely, so they are corrected (Holm).
"""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.metrics import roc_auc
from pipeline.models.lightgbm import native
from pipeline.parallel import Map
from pipeline.progress import Task

if TYPE_CHECKING:
    import pandas as pd

SIGNIFICANT = 0.05
SMALL = 0.1  # of either statistic: less is real but hardly matters to a model
FEWEST_EXPECTED = 5.0
UNTESTED = "none, all levels are rare"
MOST_TIED = 50
GRID, SHORTEST_STEP = 400, 1e-3
# two repeats and few rounds: more than half of the AUC's noise comes from the draw of the folds
FOLDS, REPEATS, ROUNDS = 4, 2, 10
BATCH = 5
FEWEST_ROWS = 20
BOOSTING = {
    "objective": "binary",
    "num_leaves": 8,
    "learning_rate": 0.1,
    "min_data_in_leaf": 20,
    "max_bin": 63,
    "feature_pre_filter": False,
    "num_threads": 1,
    "deterministic": True,
    "force_col_wise": True,
    "seed": 0,
    "verbosity": -1,
}


@dataclass(frozen=True)
class ColumnDrift:
    """How far one column of test is from train; `unseen`: share of test rows with a new level."""

    column: str
    statistic: str
    value: float
    p: float
    p_corrected: float
    unseen: float | None

    @property
    def is_tested(self) -> bool:
        return self.statistic != UNTESTED

    @property
    def is_noise(self) -> bool:
        return self.p_corrected >= SIGNIFICANT

    @property
    def verdict(self) -> str:
        if not self.is_tested:
            return "not tested"
        if self.is_noise:
            return "noise"
        return "small drift" if self.value < SMALL else "drift"


@dataclass(frozen=True)
class Adversarial:
    """How well a model tells test rows from train rows, against the same with shuffled labels."""

    auc: float
    p: float
    shuffled: tuple[float, ...]
    rows: int
    telling: tuple[tuple[str, float], ...]  # column, share of the model's gain

    @property
    def is_noise(self) -> bool:
        return self.p >= SIGNIFICANT


def column_drifts(
    train: "pd.DataFrame", test: "pd.DataFrame", columns: Sequence[tuple[str, str]]
) -> list[ColumnDrift]:
    """One test a column, p-values corrected together; `columns` are (name, kind)."""
    found = [_column_drift(train[name], test[name], kind) for name, kind in columns]
    corrected = holm(np.array([p for _, _, p, _ in found]))
    return [
        ColumnDrift(name, statistic, value, p, float(adjusted), unseen)
        for (name, _), (statistic, value, p, unseen), adjusted in zip(
            columns, found, corrected, strict=True
        )
    ]


def _column_drift(
    train: "pd.Series", test: "pd.Series", kind: str
) -> tuple[str, float, float, float | None]:
    if kind == "category":
        counts = level_counts(train, test)
        unseen = float(counts[1, 1:][counts[0, 1:] == 0].sum() / len(test))
        pooled = pool_rare(counts)
        if (counts.sum(axis=0) > 0).sum() > 1 and (pooled.sum(axis=0) > 0).sum() == 1:
            return UNTESTED, 0.0, 1.0, unseen
        return "total variation", *total_variation(*pooled), unseen
    name = "Kolmogorov-Smirnov, length" if kind == "text" else "Kolmogorov-Smirnov"
    value, p = kolmogorov_smirnov(as_numbers(train, kind), as_numbers(test, kind))
    return name, value, p, None


def as_numbers(values: "pd.Series", kind: str) -> np.ndarray:
    """A column as float64 (n,), NaN where missing; dates are days since 1970, text its length."""
    if kind == "date":
        days = values.to_numpy("datetime64[us]").astype("datetime64[us]").view("int64") / 86_400e6
        return np.where(values.isna(), np.nan, days)
    if kind == "text":
        return values.str.len().to_numpy(dtype=float, na_value=np.nan)
    return values.to_numpy(dtype=float, na_value=np.nan)


def kolmogorov_smirnov(one: np.ndarray, other: np.ndarray) -> tuple[float, float]:
    """D = max |F(x) - G(x)| and its asymptotic p-value, for few values with regard to ties.

    A missing value counts as the smallest value, so that missing more often is drift too.
    """
    one, other = (np.where(np.isnan(values), -np.inf, values) for values in (one, other))
    points = np.union1d(one, other)
    gap = np.searchsorted(np.sort(one), points, "right") / len(one)
    gap -= np.searchsorted(np.sort(other), points, "right") / len(other)
    distance = float(np.abs(gap).max())
    root = np.sqrt(len(one) * len(other) / (len(one) + len(other)))
    if len(points) > MOST_TIED:
        return distance, _kolmogorov_p((root + 0.12 + 0.11 / root) * distance)
    both = np.sort(np.concatenate([one, other]))
    times = np.searchsorted(both, points[:-1], "right") / len(both)
    return distance, bridge_p(root * distance, times)


def _kolmogorov_p(reach: float) -> float:
    """P(sup |B| >= reach) of a Brownian bridge B; Stephens' (1970) reach suits small samples."""
    from scipy.special import kolmogorov

    return float(kolmogorov(reach))


def bridge_p(reach: float, times: np.ndarray) -> float:
    """P(max |B(t)| >= reach) over some times (k,) in (0, 1) of a Brownian bridge B.

    Where few values differ, the two distribution functions can part at these times alone, and the
    usual p-value, over all times, is too great. The density of a Brownian motion that has stayed
    inside is carried from time to time on a grid, and closed at B(1) = 0.
    """
    times = times[np.diff(times, prepend=0.0) > SHORTEST_STEP]
    if not len(times) or reach <= 0:
        return 1.0
    grid = reach * ((np.arange(GRID) + 0.5) / GRID * 2 - 1)
    inside = _normal_density(grid, times[0])
    for step in np.diff(times):
        inside = _normal_density(grid[:, None] - grid, step) @ inside * (2 * reach / GRID)
    closed = (inside * _normal_density(grid, 1 - times[-1])).sum() * (2 * reach / GRID)
    return float(np.clip(1 - closed / _normal_density(np.zeros(1), 1.0)[0], 0.0, 1.0))


def _normal_density(x: np.ndarray, variance: float) -> np.ndarray:
    return np.asarray(np.exp(-(x**2) / (2 * variance)) / np.sqrt(2 * np.pi * variance))


def level_codes(train: "pd.Series", test: "pd.Series") -> np.ndarray:
    """Train above test, each value as the number of its level, missing -1.

    Levels are numbered by the alphabet: by their appearance, those of train would come first, and
    their numbers alone would tell train from test.
    """
    import pandas as pd

    both = pd.concat([train.astype("str"), test.astype("str")], ignore_index=True)
    return np.asarray(pd.factorize(both, sort=True)[0])


def level_counts(train: "pd.Series", test: "pd.Series") -> np.ndarray:
    """Rows a level in train and in test, (2, 1 + levels); the first counts the missing values."""
    codes = level_codes(train, test) + 1
    levels = codes.max(initial=0) + 1
    sides = np.split(codes, [len(train)])
    return np.array([np.bincount(side, minlength=levels) for side in sides])


def pool_rare(counts: np.ndarray) -> np.ndarray:
    """Count levels together that are too rare for chi-square to hold, (2, levels) -> (2, fewer).

    Rare: fewer than 5 rows expected in the smaller of the two.
    """
    smaller = counts.sum(axis=1).min() / counts.sum()
    rare = counts.sum(axis=0) * smaller < FEWEST_EXPECTED
    kept = counts[:, ~rare]
    kept = kept[:, np.argsort(-kept.sum(axis=0), kind="stable")]
    pool = counts[:, rare].sum(axis=1, keepdims=True)
    if pool.sum() * smaller < FEWEST_EXPECTED and kept.shape[1]:
        kept, pool = kept[:, :-1], pool + kept[:, -1:]
    return np.hstack([kept, pool])


def total_variation(one: np.ndarray, other: np.ndarray) -> tuple[float, float]:
    """½ Σ |p - q| over the levels, and the p-value of the chi-square test of equal shares."""
    p, q = one / max(one.sum(), 1), other / max(other.sum(), 1)
    return float(np.abs(p - q).sum() / 2), chi_square_p(np.array([one, other]))


def chi_square_p(table: np.ndarray) -> float:
    """P(chi-square as great as this if rows and columns of the table of counts are independent)."""
    from scipy.special import chdtrc

    table = table[table.sum(axis=1) > 0][:, table.sum(axis=0) > 0]
    freedom = (table.shape[0] - 1) * (table.shape[1] - 1)
    if freedom == 0:
        return 1.0
    return float(chdtrc(freedom, chi_square(table)))


def chi_square(table: np.ndarray) -> float:
    """Σ (observed - expected)² / expected; no row or column of the table may be empty."""
    expected = np.outer(table.sum(axis=1), table.sum(axis=0)) / table.sum()
    return float(((table - expected) ** 2 / expected).sum())


def holm(p: np.ndarray, tests: int = 0) -> np.ndarray:
    """The i-th smallest of m p-values times m - i + 1, never decreasing, at most 1 (Holm 1979).

    tests: m, where these are the smallest p-values of more than they are.
    """
    order, m = np.argsort(p, kind="stable"), max(tests, len(p))
    steps = np.maximum.accumulate(p[order] * np.arange(m, m - len(p), -1))
    corrected = np.empty(len(p))
    corrected[order] = np.minimum(steps, 1.0)
    return corrected


def joint_matrix(
    train: "pd.DataFrame", test: "pd.DataFrame", columns: Sequence[tuple[str, str]]
) -> np.ndarray:
    """Train above test as float64 (n, d): a category is its rank by frequency in both together."""
    matrix = np.empty((len(train) + len(test), len(columns)))
    for position, (name, kind) in enumerate(columns):
        if kind != "category":
            parts = [as_numbers(frame[name], kind) for frame in (train, test)]
            matrix[:, position] = np.concatenate(parts)
            continue
        codes = level_codes(train[name], test[name])
        order = np.argsort(-np.bincount(codes[codes >= 0]), kind="stable")
        matrix[:, position] = np.nan
        matrix[codes >= 0, position] = np.argsort(order)[codes[codes >= 0]]
    return matrix


@dataclass(frozen=True)
class Trial:
    """Some of the shuffles, with all they need; number 0 is the true labels.

    matrix (n, d), is_test (n,), folds (repeats, n).
    """

    matrix: np.ndarray
    is_test: np.ndarray
    folds: np.ndarray
    numbers: tuple[int, ...]
    seed: int


def adversarial_validation(
    matrix: np.ndarray,
    is_test: np.ndarray,
    names: Sequence[str],
    *,
    permutations: int,
    seed: int,
    spread: Map[Any, Any],
    task: Task | None = None,
) -> Adversarial | None:
    """Cross-validated AUC of telling test (1) from train (0), and its permutation p-value.

    matrix (n, d), is_test (n,) bool; `spread` is a `map` over worker processes. p is (1 + how many
    shuffles did as well) / (1 + shuffles). None where either side has too few rows to say.
    """
    if min(is_test.sum(), (~is_test).sum()) < FEWEST_ROWS or not matrix.shape[1]:
        return None
    rng = np.random.default_rng([seed, 0])
    folds = np.array([stratified(is_test, rng) for _ in range(REPEATS)])
    numbers = range(permutations + 1)
    trials = [
        Trial(matrix, is_test, folds, tuple(numbers[start : start + BATCH]), seed)
        for start in numbers[::BATCH]
    ]
    results: list[tuple[float, np.ndarray]] = []
    for batch in spread(run_trial, trials):
        results += batch
        if task is not None:
            task.advance()
    aucs = [auc for auc, _ in results]
    as_good = sum(auc >= aucs[0] for auc in aucs[1:])
    gain = results[0][1] / max(results[0][1].sum(), np.finfo(float).tiny)
    order = np.argsort(-gain, kind="stable")[:3]
    return Adversarial(
        auc=aucs[0],
        p=(1 + as_good) / (1 + permutations),
        shuffled=tuple(aucs[1:]),
        rows=len(is_test),
        telling=tuple((names[column], float(gain[column])) for column in order if gain[column] > 0),
    )


def batches(permutations: int) -> int:
    """How many steps `adversarial_validation` reports."""
    return -(-(permutations + 1) // BATCH)


def stratified(is_test: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A fold number for each row, both sides spread evenly over the folds, (n,)."""
    folds = np.empty(len(is_test), dtype=np.int64)
    for side in (False, True):
        rows = rng.permutation(np.flatnonzero(is_test == side))
        folds[rows] = np.arange(len(rows)) % FOLDS
    return folds


def run_trial(trial: Trial) -> list[tuple[float, np.ndarray]]:
    """For each shuffle: mean AUC over the folds, and gain by column (d,)."""
    fit = _fitter(trial.matrix)
    results = []
    for number in trial.numbers:
        order = np.arange(len(trial.is_test))
        if number:
            order = np.random.default_rng([trial.seed, number]).permutation(len(order))
        results.append(_cross_validate(fit, trial.is_test[order], trial.folds[:, order]))
    return results


Fit = Callable[[np.ndarray, np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]


def _cross_validate(fit: Fit, is_test: np.ndarray, folds: np.ndarray) -> tuple[float, np.ndarray]:
    scores, gains = [], []
    for repeat, fold in itertools.product(folds, range(FOLDS)):
        rows, held_out = np.flatnonzero(repeat != fold), np.flatnonzero(repeat == fold)
        p, gain = fit(rows, is_test[rows], held_out)
        scores.append(roc_auc(is_test[held_out].astype(int), np.column_stack([1 - p, p])))
        gains.append(gain)
    return float(np.mean(scores)), np.sum(gains, axis=0)


def _fitter(matrix: np.ndarray) -> Fit:
    """Binning is the dear part of a small fit, and the same for all: it is done once."""
    lightgbm = native()
    binned = lightgbm.Dataset(matrix, params=dict(BOOSTING), free_raw_data=False).construct()

    def fit(
        rows: np.ndarray, labels: np.ndarray, held_out: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        part = binned.subset(rows.tolist()).construct()
        part.set_label(labels.astype(float))
        booster = lightgbm.train(dict(BOOSTING), part, num_boost_round=ROUNDS)
        probability = np.asarray(booster.predict(matrix[held_out], num_threads=1))
        return probability, booster.feature_importance("gain")

    return fit
