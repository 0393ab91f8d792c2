"""Adversarial validation: can a model that sees all columns separate test rows from train rows?"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline import figures
from pipeline.exploration.bins import as_numbers
from pipeline.exploration.column_drift import level_codes
from pipeline.exploration.part import Part
from pipeline.exploration.significance import SIGNIFICANT
from pipeline.figures import Draft
from pipeline.native_library import import_module_bare
from pipeline.page import p_value, percent
from pipeline.parallel import Map
from pipeline.problem import Feature

if TYPE_CHECKING:
    import pandas as pd

    from pipeline.exploration.findings import Exploration

# two repeats and few rounds: more than half of the AUC's noise comes from the draw of the folds
FOLDS, REPEATS, ROUNDS = 4, 2, 10
BATCH = 5
FEWEST_ROWS = 20
BARELY = 0.55  # AUC
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
class Adversarial:
    """The AUC of separating test rows from train rows, and those with shuffled labels.

    `leading`: the columns that the model uses most, with their shares of its gain.
    """

    auc: float
    p: float
    shuffled: tuple[float, ...]
    rows: int
    leading: tuple[tuple[str, float], ...]

    @property
    def is_noise(self) -> bool:
        return self.p >= SIGNIFICANT


def joint_matrix(
    train: "pd.DataFrame", test: "pd.DataFrame", features: Sequence[Feature]
) -> np.ndarray:
    """Train above test as float64 (n, d): a category is its rank by frequency in both together."""
    matrix = np.full((len(train) + len(test), len(features)), np.nan)
    for column, each in zip(matrix.T, features, strict=True):
        if each.kind == "category":
            codes = level_codes(train[each.name], test[each.name])
            known = codes >= 0
            order = np.argsort(-np.bincount(codes[known]), kind="stable")
            column[known] = np.argsort(order)[codes[known]]
        else:
            parts = [as_numbers(frame[each.name], each.kind) for frame in (train, test)]
            column[:] = np.concatenate(parts)
    return matrix


def adversarial_validation(
    matrix: np.ndarray,
    is_test: np.ndarray,
    names: Sequence[str],
    *,
    permutations: int,
    seed: int,
    parallel_map: Map[Any, Any],
) -> Adversarial | None:
    """Cross-validated AUC of separating test (1) from train (0), and its permutation p-value.

    matrix (n, d), is_test (n,) bool. p is (1 + how many shuffles did as well) / (1 + shuffles).
    None where either side has too few rows.
    """
    if min(is_test.sum(), (~is_test).sum()) < FEWEST_ROWS or not matrix.shape[1]:
        return None
    rng = np.random.default_rng([seed, 0])
    folds = np.array([stratified(is_test, rng) for _ in range(REPEATS)])
    numbers = range(permutations + 1)
    jobs = [numbers[start : start + BATCH] for start in numbers[::BATCH]]
    run = partial(run_shuffles, matrix, is_test, folds, seed)
    (auc, gain), *others = itertools.chain.from_iterable(parallel_map(run, jobs))
    shuffled = tuple(each for each, _ in others)
    shares = gain / max(gain.sum(), np.finfo(float).tiny)
    leading = [column for column in np.argsort(-shares, kind="stable")[:3] if shares[column] > 0]
    return Adversarial(
        auc=auc,
        p=(1 + sum(each >= auc for each in shuffled)) / (1 + permutations),
        shuffled=shuffled,
        rows=len(is_test),
        leading=tuple((names[column], float(shares[column])) for column in leading),
    )


def batches(permutations: int) -> int:
    """How many results of the map `adversarial_validation` takes."""
    return len(range(0, permutations + 1, BATCH))


def stratified(is_test: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A fold number for each row, both sides spread evenly over the folds, (n,)."""
    folds = np.empty(len(is_test), dtype=np.int64)
    for side in (False, True):
        rows = rng.permutation(np.flatnonzero(is_test == side))
        folds[rows] = np.arange(len(rows)) % FOLDS
    return folds


def run_shuffles(
    matrix: np.ndarray, is_test: np.ndarray, folds: np.ndarray, seed: int, numbers: Sequence[int]
) -> list[tuple[float, np.ndarray]]:
    """For each shuffle of is_test (n,) and folds (repeats, n): mean AUC, and gain by column (d,).

    Number 0 is the true labels. Binning is the slow part of a small fit, and the same for all.
    """
    lightgbm = import_module_bare("lightgbm")
    binned = lightgbm.Dataset(matrix, params=dict(BOOSTING), free_raw_data=False).construct()
    results = []
    for number in numbers:
        order = np.arange(len(is_test))
        if number:
            order = np.random.default_rng([seed, number]).permutation(len(order))
        results.append(_cross_validate(binned, matrix, is_test[order], folds[:, order]))
    return results


def _cross_validate(
    binned: Any, matrix: np.ndarray, is_test: np.ndarray, folds: np.ndarray
) -> tuple[float, np.ndarray]:
    """`binned` is the matrix as a lightgbm.Dataset."""
    from scipy.stats import mannwhitneyu

    aucs, gain = [], np.zeros(matrix.shape[1])
    for repeat, fold in itertools.product(folds, range(FOLDS)):
        train, valid = np.flatnonzero(repeat != fold), np.flatnonzero(repeat == fold)
        part = binned.subset(train.tolist()).construct()
        part.set_label(is_test[train].astype(float))
        booster = import_module_bare("lightgbm").train(dict(BOOSTING), part, num_boost_round=ROUNDS)
        probability = booster.predict(matrix[valid], num_threads=1)
        known = is_test[valid].astype(bool)
        sides = probability[known], probability[~known]
        pairs = len(sides[0]) * len(sides[1])
        aucs.append(mannwhitneyu(*sides, method="asymptotic").statistic / pairs)
        gain += booster.feature_importance("gain")
    return float(np.mean(aucs)), gain


# -- on the page -----------------------------------------------------------------------------------


def caption(found: Adversarial) -> str:
    """Can test be separated from train, and by what?"""
    measured = f"AUC {found.auc:.3f}, p = {p_value(found.p)} from {len(found.shuffled)} shuffles"
    if found.is_noise:
        if found.auc < min(found.shuffled):
            return (
                f"A model separates test rows from train rows worse than chance ({measured}): look "
                "for near duplicates of the same rows in both."
            )
        return (
            f"A model cannot separate test rows from train rows ({measured}): cross-validation on "
            "train should hold for test."
        )
    leading = ", ".join(f"'{column}' ({percent(share, 0)})" for column, share in found.leading)
    can, advice = "can", "Scores on train may not hold for test; look at these columns"
    if found.auc < BARELY:
        can, advice = "can barely", "The difference is too small to matter much"
    return (
        f"A model {can} separate test rows from train rows ({measured}); most of its gain comes "
        f"from {leading}. {advice}."
    )


def part(exploration: "Exploration") -> Part | None:
    found, title = exploration.findings.adversarial, "Adversarial validation"
    if not exploration.findings.rows.test:
        return None
    if found is None:
        few = "There are too few rows to test whether a model can separate test from train."
        return Part("adversarial", title, [few])
    text = (
        "A small LightGBM learns to separate test rows from train rows, cross-validated. The same "
        "with shuffled labels, many times, shows what chance achieves. An AUC of 0.5 is guessing."
    )
    verdict = "train and test look alike" if found.is_noise else "train and test differ"
    return Part(
        "adversarial",
        title,
        [text],
        [partial(plot, found)],
        conclusion=caption(found),
        facts=[("Adversarial AUC", f"{found.auc:.3f}", f"p = {p_value(found.p)}: {verdict}")],
    )


def plot(found: Adversarial) -> Draft:
    """The AUC with true labels among those with shuffled labels."""
    with figures.style():
        figure, axes = figures.new(4.4, 2.6)
        axes.hist(found.shuffled, bins=15, color=figures.GREY, label="shuffled labels")
        axes.axvline(found.auc, color=figures.VERMILION, linewidth=2.5, label="true labels")
        axes.set_xlabel("AUC of separating test from train")
        axes.set_ylabel("shuffles")
        figures.legend_above(axes)
        text = caption(found)
        alt = f"Histogram of AUCs under shuffled labels, with the true one. {text}"
        return Draft(figure, "adversarial", "Adversarial validation", text, alt)
