"""Pairs that tell more than a sum: planted ones are found, and sums of effects are not."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from sklearn.linear_model import LinearRegression

from pipeline.exploration import pairs
from pipeline.exploration.additive import predict_out_of_fold, sums_of_two
from pipeline.exploration.bins import cut
from pipeline.exploration.pairs import find_pairs, interactions
from pipeline.problem import Feature

NAMES = ("a", "b", "c", "d", "word", "pixel")
COLUMNS = [Feature(name, "category" if name == "word" else "number") for name in NAMES]


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def table(rng: np.random.Generator, rows: int = 2000) -> pd.DataFrame:
    frame = pd.DataFrame({name: rng.integers(0, 4, rows) for name in ("a", "b")})
    frame["c"] = frame["a"] + rng.normal(size=rows)
    frame["d"] = np.where(rng.random(rows) < 0.2, np.nan, rng.normal(size=rows))
    frame["word"] = pd.Series(rng.choice(["x", "y", "z"], rows), dtype="str")
    return frame.assign(pixel=1)


def added_up(frame: pd.DataFrame) -> np.ndarray:
    """A strong sum of effects, (n,)."""
    d = frame["d"].fillna(1.0)
    return (frame["a"] - 1.5) + np.sin(2 * frame["c"]) + d + 2 * (frame["word"] == "x")


def labels(task: str, logits: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, int]:
    if task == "values":
        return np.exp(logits + rng.normal(size=len(logits))), 0  # ranks do not mind the exponent
    noisy = logits + rng.logistic(size=len(logits))
    cuts = [0.0] if task == "two classes" else [-1.0, 1.0]
    return np.digitize(noisy, cuts).astype("int64"), len(cuts) + 1


def test_of_200_classes_the_sum_is_fitted_to_the_commonest_and_the_rest(rng, monkeypatch):
    """200 effects a bin would take minutes. A pair that tells the commonest is still found."""
    frame, fitted = table(rng), []
    y = np.where((frame["a"] > 1) ^ (frame["word"] == "x"), 7, rng.integers(0, 200, len(frame)))

    def remember(columns, y, fold, classes):
        fitted.append(classes)
        return predict_out_of_fold(columns, y, fold, classes)

    monkeypatch.setattr(pairs, "predict_out_of_fold", remember)
    found = find_pairs(frame, y, COLUMNS, 200, rng)
    assert fitted == [pairs.MOST_CLASSES + 1]
    assert found[0].columns == ("a", "word") and found[0].cells.code == 7


@pytest.mark.parametrize("task", ["two classes", "three classes", "values"])
def test_a_planted_pair_comes_first_though_neither_column_tells_anything_alone(task, rng):
    frame = table(rng)
    unlike = (frame["a"] > 1) ^ (frame["word"] == "x")
    y, classes = labels(task, 2.0 * unlike - 1.0 + added_up(frame) / 3, rng)

    found = find_pairs(frame, y, COLUMNS, classes, rng)

    echo = ("c", "word")  # c goes with a
    assert found[0].columns == ("a", "word")
    assert {pair.columns for pair in found if pair.matters} <= {("a", "word"), echo}
    cells = found[0].cells
    row, column = cells.most_different
    assert abs(cells.observed[row, column] - cells.expected[row, column]) > 0.05


@pytest.mark.parametrize("task", ["two classes", "three classes", "values"])
def test_a_sum_of_effects_of_correlated_columns_is_no_interaction(task):
    named = 0
    for seed in range(10):
        rng = np.random.default_rng(seed)
        frame = table(rng, 1000)
        y, classes = labels(task, added_up(frame), rng)
        named += sum(pair.matters for pair in find_pairs(frame, y, COLUMNS, classes, rng))

    assert named <= 1  # one in twenty tables may name a pair


def test_noise_has_even_p_values(rng):
    p = []
    for _ in range(20):
        frame = table(rng, 800)
        y = rng.integers(0, 2, 800)
        p += [pair.p for pair in find_pairs(frame, y, COLUMNS, 2, rng)]

    assert 0.02 < np.mean(np.array(p) < 0.05) < 0.09
    assert 0.4 < np.mean(np.array(p) < 0.5) < 0.6


def test_the_cells_are_those_of_the_table(rng):
    frame = table(rng)
    y = ((frame["a"] > 1) ^ (frame["b"] > 1)).to_numpy() ^ (rng.random(len(frame)) < 0.2)

    (found,) = [p for p in find_pairs(frame, y * 1, COLUMNS, 2, rng) if p.columns == ("a", "b")]

    groups = pd.Series(y).groupby([frame["a"], frame["b"]])
    assert found.cells.rows.tolist() == groups.size().unstack().to_numpy().tolist()
    assert_allclose(found.cells.observed, groups.mean().unstack())


def test_too_few_rows_columns_or_classes_give_no_pairs(rng):
    frame = table(rng)
    y = rng.integers(0, 2, len(frame))

    assert find_pairs(frame.head(99), y[:99], COLUMNS, 2, rng) == []
    assert find_pairs(frame, y, [Feature("a", "number"), Feature("pixel", "number")], 2, rng) == []
    single = find_pairs(frame, np.zeros_like(y), COLUMNS, 2, rng)
    assert not any(pair.matters for pair in single)


def test_sums_of_two_are_those_of_weighted_least_squares(rng):
    weights, totals = rng.integers(1, 30, (2, 4, 3)).astype(float), rng.normal(size=(2, 4, 3))
    weights[0, 2, 1] = totals[0, 2, 1] = 0.0
    one_hot = np.hstack([np.repeat(np.eye(4), 3, axis=0), np.tile(np.eye(3), (4, 1))])

    found = sums_of_two(weights, totals)

    for weight, total, sums in zip(weights, totals, found, strict=True):
        mean = total / np.where(weight > 0, weight, 1.0)
        line = LinearRegression().fit(one_hot, mean.ravel(), weight.ravel())
        assert_allclose(sums.ravel(), line.predict(one_hot), atol=1e-4)


def test_the_gain_is_what_the_cells_save_on_other_rows(rng):
    """Over many pairs of samples; the steps of one sample are tried on the other."""
    effects = 0.2 * np.outer([1, -1, 1, -1], [1, -1, -1, 1]).ravel()
    promised, saved = [], []
    for _ in range(400):
        (one, other), noise = rng.integers(16, size=(2, 800)), rng.normal(size=(2, 800))
        r = effects[one] + noise[0]
        rows, sums = (np.bincount(one, part, 16).reshape(1, 4, 4) for part in (None, r))
        promised.append(interactions(rows, rows, sums, (r**2).mean())[0, 0])
        steps, additive = (each.ravel()[other] for each in (sums / rows, sums_of_two(rows, sums)))
        left = effects[other] + noise[1]
        saved.append(np.mean((left - additive) ** 2 - (left - steps) ** 2) / 2)

    error = np.hypot(np.std(promised), np.std(saved)) / 20
    assert np.mean(promised) == pytest.approx(np.mean(saved), abs=3 * error)
    assert np.mean(promised) > 5 * error


def test_a_row_is_predicted_by_other_folds_alone(rng):
    frame = table(rng, 300)
    fold = np.arange(300) % 5
    bins = [cut(frame[each.name], each.kind) for each in COLUMNS]
    y = rng.integers(0, 2, 300)
    before = predict_out_of_fold(bins, y, fold, 2)

    changed = predict_out_of_fold(bins, np.where(fold == 2, 1 - y, y), fold, 2)

    assert_allclose(changed[fold == 2], before[fold == 2])
    assert not np.allclose(changed[fold != 2], before[fold != 2])
