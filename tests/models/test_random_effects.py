"""Random effects: what they predict against ridge regression with the variances of the data."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import Ridge
from sklearn.metrics import roc_auc_score

from pipeline import models
from pipeline.config import load_configuration
from pipeline.encoding.columns import code_table
from pipeline.fitting import Objective, fit
from pipeline.folds import Fold
from pipeline.member import Member
from pipeline.models import ModelProblem, random_effects
from pipeline.problem import Feature
from pipeline.settings import EncoderSettings
from pipeline.stage_settings import members


def fitted(X, y, task="binary", categorical=None, **settings):
    """A model of the columns of X (n, d), all of them categories where nothing else is said."""
    names = tuple(f"c{place}" for place in range(X.shape[1]))
    places = tuple(range(X.shape[1])) if categorical is None else categorical
    parts = {name: (place,) for place, name in enumerate(names)}
    outputs = 1 if task == "regression" else len(np.unique(y))
    problem = ModelProblem(task, outputs, "log_loss", names, places, parts)
    return models.build("random_effects", settings, problem).fit(X.astype(np.float32), y)


def crossed(rng, n=1500):
    """Levels of two columns with effects of variance 1 and 1/4, and noise of variance 1."""
    X = np.column_stack([rng.zipf(1.5, n) % 200, rng.integers(0, 60, n)])
    effects = rng.normal(size=200), 0.5 * rng.normal(size=60)
    return X, effects[0][X[:, 0]] + effects[1][X[:, 1]]


def test_values_are_predicted_as_by_ridge_regression_with_the_variances_that_made_them():
    rng = np.random.default_rng(0)
    X, mean = crossed(rng)
    y = mean + rng.normal(size=len(X))
    train, test = np.arange(1000), np.arange(1000, 1500)
    one_hot = np.hstack([np.eye(200)[X[:, 0]], 0.5 * np.eye(60)[X[:, 1]]])
    oracle = Ridge(alpha=1.0).fit(one_hot[train], y[train]).predict(one_hot[test])
    found = fitted(X[train], y[train], "regression", pairs=0).predict(X[test].astype(np.float32))
    errors = [np.mean((each - mean[test]) ** 2) for each in (found[:, 0], oracle, y[train].mean())]
    assert errors[0] < 1.1 * errors[1] < 0.5 * errors[2]


@pytest.mark.parametrize("classes", [2, 3])
def test_pairs_of_levels_are_found_where_no_column_alone_says_anything(classes):
    rng = np.random.default_rng(1)
    X = rng.integers(0, 12, (3000, 3))
    logits = 3 * rng.normal(size=(12, 12, classes))[X[:, 0], X[:, 1]]
    y = (logits + rng.gumbel(size=logits.shape)).argmax(axis=1)
    rows = X[2000:].astype(np.float32)
    with_pairs, without = (
        (fitted(X[:2000], y[:2000], pairs=pairs).predict(rows).argmax(axis=1) == y[2000:]).mean()
        for pairs in (3, 0)
    )
    assert with_pairs > without + 0.2


def test_a_level_that_training_never_had_adds_nothing():
    X, mean = crossed(np.random.default_rng(2))
    model = fitted(X, (mean > 0).astype(int), pairs=0)
    new, half = np.array([[999, 999], [999, X[0, 1]]], dtype=np.float32)
    bare = model.model if hasattr(model, "model") else model
    expected = 1 / (1 + np.exp(-bare.intercept[0]))
    np.testing.assert_allclose(model.predict(np.array([new]))[0, 1], expected)
    assert model.predict(np.array([half]))[0, 1] != pytest.approx(expected)


def test_numbers_whose_exact_values_carry_the_label_need_no_declaration():
    """The sign of a value's effect is drawn for each: neighbours have nothing in common."""
    rng = np.random.default_rng(3)
    X = rng.integers(0, 300, (4000, 1))
    y = (rng.random(4000) < rng.choice([0.2, 0.8], 300)[X[:, 0]]).astype(int)
    found = fitted(X[:3000], y[:3000], categorical=()).predict(X[3000:].astype(np.float32))
    assert roc_auc_score(y[3000:], found[:, 1]) > 0.75


def test_levels_of_few_rows_keep_their_own_effect_in_a_member():
    """Of four rows a level is 'rare' to other models: here each has an effect."""
    rng = np.random.default_rng(4)
    level = rng.integers(0, 500, 2000)
    y = (rng.random(2000) < np.where(rng.random(500) < 0.5, 0.05, 0.95)[level]).astype(int)
    frame = pd.DataFrame({"a": [f"v{each}" for each in level]})
    table = code_table(frame, [Feature("a", "category")])
    chosen = models.module("random_effects").Settings()
    member = Member("random_effects", chosen.of_model(), EncoderSettings(**chosen.encode))
    rows = np.arange(1500)
    features, objective = [Feature("a", "category")], Objective("binary", 2, "log_loss")
    learnt = fit(member, objective, features, table.take(rows), y[rows], Fold(0, 0, rows, rows[:0]))
    found = learnt.predict(table.take(np.arange(1500, 2000)))[:, 1]
    assert roc_auc_score(y[1500:], found) > 0.85


def test_a_table_of_its_own_keeps_the_encoding_that_the_model_needs(tmp_path):
    (tmp_path / "tiny.toml").write_text(
        '[competition]\ntitle = "t"\ntask = "binary"\nmetric = "accuracy"\n'
        '[load]\ntrain = "a.csv"\ntest = "b.csv"\ntarget = "y"\n'
        "[models.random_effects.encode]\none_hot_levels = 9\n"
    )
    configuration = load_configuration("tiny", "default", tmp_path)
    encoder = members(configuration)["random_effects"].encoder
    assert (encoder.rare, encoder.one_hot_levels, encoder.target_means) == (1, 9, ())


def same_from_its_state(problem, X, y, **settings):
    """Whether a fitted model and the one restored from its state predict the same bytes."""
    model = models.build("random_effects", settings, problem).fit(X, y)
    later = models.restore("random_effects", settings, problem, model.state())
    return model.predict(X).tobytes() == later.predict(X).tobytes()


def test_a_number_that_is_nearly_always_0_is_restored_as_it_was_fitted():
    """It has no quantile above its least value: of coarse bins there is one alone."""
    rng = np.random.default_rng(5)
    X = np.where(rng.random(2000) < 0.91, 0, rng.random(2000))[:, np.newaxis].astype(np.float32)
    problem = ModelProblem("binary", 2, "log_loss", ("gain",), (), {"gain": (0,)})
    assert same_from_its_state(problem, X, (rng.random(2000) < 0.4).astype(int))


def test_columns_that_are_no_part_of_a_feature_leave_the_intercept_alone():
    rng = np.random.default_rng(6)
    X, y = rng.normal(size=(100, 1)).astype(np.float32), np.arange(100) % 4 // 3
    problem = ModelProblem("binary", 2, "log_loss", ("mean",))
    assert same_from_its_state(problem, X, y)
    found = models.build("random_effects", {}, problem).fit(X, y).predict(X)
    np.testing.assert_allclose(found[:, 1], 0.25, atol=1e-3)


def test_a_sample_of_the_rows_keeps_every_class():
    rng = np.random.default_rng(7)
    y = (np.arange(500) == 7).astype(int)
    found = fitted(rng.normal(size=(500, 1)), y, categorical=(), most_rows=50)
    totals = found.predict(np.zeros((3, 1), np.float32)).sum(axis=1)
    np.testing.assert_allclose(totals, 1)


def test_many_classes_have_as_many_levels_of_pairs_as_memory_allows(monkeypatch):
    """Of 12 x 12 levels of each of 3 pairs, those of one pair."""
    rng = np.random.default_rng(8)
    X, y = rng.integers(0, 12, (3000, 3)), np.arange(3000) % 3
    names, parts = ("a", "b", "c"), {"a": (0,), "b": (1,), "c": (2,)}
    problem = ModelProblem("multiclass", 3, "log_loss", names, (0, 1, 2), parts)
    monkeypatch.setattr(random_effects, "MOST_COEFFICIENTS", 2 * 144 * 3 - 1)
    model = random_effects.build(random_effects.Settings(), problem)
    model.fit(X.astype(np.float32), y)
    assert [len(each.groupings) for each in model.effects].count(2) == 1
