"""Weights by least squares against an oracle, and blends of many models, or of the same ones."""

import numpy as np
import pytest
from scipy.optimize import minimize

from pipeline import blend_weights
from pipeline.blending import MOST_MODELS, FittedBlend, Fitter, OutOfFold
from pipeline.metrics import METRICS
from pipeline.report.blend import shares_of
from pipeline.stages.blend import without_duplicates
from pipeline.store import Key, Store
from tests.report.values import folds, trained


@pytest.fixture
def rng():
    return np.random.default_rng(3)


def probabilities(odds):
    """Log-odds (...,) -> (..., 2)."""
    p = 1 / (1 + np.exp(-odds))
    return np.stack([1 - p, p], axis=-1)


def fit(method, metric, y, predictions):
    names = tuple(f"m{i}" for i in range(len(predictions)))
    known = OutOfFold(predictions, y, np.arange(len(y)) % 5)
    return Fitter(names, METRICS[metric], rounds=10, l2=0.01).fit((method,), known)[method]


@pytest.mark.parametrize("l2", [0.0, 0.1])
def test_ridge_weights_are_the_least_on_the_simplex(l2, rng):
    y = rng.normal(size=300)
    models = (y + rng.normal(size=(6, 300)) * np.arange(1, 7)[:, None] / 3)[:, :, None]
    found = blend_weights.ridge_weights(y, models, l2)

    matrix = blend_weights.penalised(blend_weights.error_products(y, models), l2)
    sums = {"type": "eq", "fun": lambda w: w.sum() - 1}
    bounds, start = [(0, None)] * 6, np.full(6, 1 / 6)
    oracle = minimize(lambda w: w @ matrix @ w, start, bounds=bounds, constraints=sums, tol=1e-12)
    np.testing.assert_allclose(found, oracle.x, atol=1e-4)
    assert found.sum() == pytest.approx(1.0) and (found >= 0).all()


def test_ridge_finds_the_pair_whose_errors_cancel(rng):
    y, error = rng.normal(size=200), rng.normal(size=200)
    models = np.stack([y + error, y - error, y + 5])[:, :, None]
    np.testing.assert_allclose(
        blend_weights.ridge_weights(y, models, 0.0), [0.5, 0.5, 0], atol=1e-6
    )


def test_the_shortlist_has_the_few_that_know_something(rng):
    y = rng.integers(2, size=400)
    odds = rng.normal(size=(60, 400))
    odds[[7, 50]] += 3 * (2 * y - 1)
    chosen = blend_weights.shortlist(y, probabilities(odds), 10, 0.01)
    assert {7, 50} <= {*chosen} and len(chosen) == 10 and (np.diff(chosen) > 0).all()


@pytest.mark.parametrize("method", ["equal", "greedy", "stack", "ridge", "levels"])
def test_a_blend_of_many_is_one_of_few_and_no_worse_than_the_best(method, rng):
    y = rng.integers(2, size=400)
    odds = (2 * y - 1) + rng.normal(size=(MOST_MODELS + 5, 400)) * 1.5
    models = probabilities(odds)
    blend = fit(method, "log_loss", y, models)
    assert len(blend.models) == MOST_MODELS
    named = {f"m{i}": each for i, each in enumerate(models)}
    loss = METRICS["log_loss"].loss
    assert loss(y, blend.combine(named)) < min(loss(y, each) for each in models)


@pytest.mark.parametrize("method", ["ridge", "levels"])
@pytest.mark.parametrize("task", ["binary", "regression"])
def test_a_blend_that_is_stored_combines_to_the_same_bytes(method, task, rng, tmp_path):
    y = rng.integers(2, size=200) if task == "binary" else rng.normal(size=200)
    noisy = 2 * y - 1 + rng.normal(size=(3, 200))
    models = probabilities(noisy) if task == "binary" else noisy[:, :, None]
    fitted = fit(method, "f1_macro" if task == "binary" else "rmse", y, models)
    store, key = Store(tmp_path), Key("blend", "0")
    store.put(key, fitted)
    named = {f"m{i}": each for i, each in enumerate(models)}
    again = store.get(key, FittedBlend)
    assert again.combine(named).tobytes() == fitted.combine(named).tobytes()
    assert bool(again.parts) is (method == "levels") and again.needed == fitted.needed


def test_two_members_that_predict_the_same_count_once(rng):
    split = folds(60)
    one, other = (probabilities(rng.normal(size=(2, 60))) for _ in range(2))
    members = {
        name: trained("linear", oof, split)
        for name, oof in {"a": one, "b": other, "c": one.copy(), "d": other.copy()}.items()
    }
    kept, duplicates = without_duplicates(members)
    assert list(kept) == ["a", "b"] and duplicates == {"c": "a", "d": "b"}


def test_small_shares_are_grouped_where_models_are_many():
    assert shares_of([("a", 0.7), ("b", 0.3)]) == "a 70%, b 30%"
    many = [("a", 0.5), *((f"m{i}", 0.5 / 50) for i in range(50))]
    assert shares_of(many).endswith("m9 1%, and 40 more with 40% together")
