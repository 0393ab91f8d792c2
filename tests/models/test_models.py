"""Every model there is: it learns, it is deterministic, and saved it predicts the same bytes."""

import sys
from importlib.util import find_spec

import numpy as np
import optuna
import pytest

from pipeline import models
from pipeline.artifacts import Folder
from pipeline.config import model_names
from pipeline.errors import DataError, SettingsError
from pipeline.metrics import METRICS
from pipeline.models import Problem

SMALL: dict[str, dict[str, object]] = {
    "catboost": {"iterations": 100, "n_models": 2},
    "kernel": {"steps": 15},
    "lightgbm": {"max_rounds": 60, "n_models": 2},
    "neural_net": {"epochs": 30, "n_networks": 2, "hidden": [16], "dropout": 0.0},
    "rnn": {"epochs": 15, "n_networks": 2, "hidden": [16], "state_width": 8},
    "symmetric_trees": {"n_trees": 60},
}
CLASSES_ONLY = ("logistic",)
EXTRAS = ("catboost",)
OUTPUTS = {"binary": 2, "multiclass": 3, "regression": 1}


def named(*parameters):
    """A case of the model that is named first; skipped where its package is not installed."""
    name = parameters[0]
    away = name in EXTRAS and find_spec(name) is None
    mark = pytest.mark.skipif(away, reason=f"the optional {name} is not installed")
    return pytest.param(*parameters, marks=mark)


CASES = [
    named(name, task)
    for name in model_names()
    for task in ("binary", "multiclass", "regression")
    if task != "regression" or name not in CLASSES_ONLY
]


def sample(task, n=600):
    """X (n, 6) float32 and a target that a straight line through it tells well."""
    rng = np.random.default_rng(5)
    X = rng.normal(size=(n, 6)).astype(np.float32)
    signal = X[:, 0] - X[:, 1] + 0.3 * rng.normal(size=n)
    if task == "regression":
        return X, 1000 + 50 * signal
    return X, np.digitize(signal, [0.0] if task == "binary" else [-0.7, 0.7])


def build(name, task, metric=None):
    problem = Problem(task, OUTPUTS[task], metric or "accuracy", tuple("abcdef"))
    return models.build(name, SMALL.get(name, {}), problem)


@pytest.mark.parametrize(("name", "task"), CASES)
def test_it_beats_the_constant_answer_on_rows_it_did_not_see(name, task):
    X, y = sample(task)
    prediction = build(name, task).fit(X[:400], y[:400]).predict(X[400:])
    if task == "regression":
        assert METRICS["r2"].score(y[400:], prediction) > 0.6
    else:
        commonest = np.bincount(y[400:]).max() / 200
        assert METRICS["accuracy"].score(y[400:], prediction) > commonest + 0.15
        np.testing.assert_allclose(prediction.sum(axis=1), 1, rtol=1e-6)


@pytest.mark.parametrize(("name", "task"), CASES)
def test_saved_and_loaded_it_predicts_the_same_bytes(name, task, tmp_path):
    X, y = sample(task)
    fitted = build(name, task).fit(X, y)
    fitted.save(Folder(tmp_path), "r0-f0")
    loaded = build(name, task).load(Folder(tmp_path), "r0-f0")
    assert loaded.predict(X).tobytes() == fitted.predict(X).tobytes()


def load(name, task, folder):
    problem = Problem(task, OUTPUTS[task], "accuracy", tuple("abcdef"))
    with np.errstate(all="ignore"):
        return models.load(name, SMALL.get(name, {}), problem, folder, "r0-f0")


def altered(array):
    """What an array may have become in a file that is damaged, or that a stranger wrote."""
    values = {"i": (-1, 10**6), "f": (-1, 10**6, np.nan, np.inf)}.get(array.dtype.kind, ())
    yield from (np.full_like(array, value) for value in values)
    yield array[..., :-1] if array.ndim else np.array([array, array])
    yield np.concatenate([np.atleast_1d(array)] * 2)
    yield array[np.newaxis]
    yield array.astype(np.complex128) if array.dtype.kind in "bif" else array.astype("S3")


@pytest.mark.parametrize(("name", "task"), CASES)
def test_arrays_that_are_no_such_model_are_refused_or_predict_numbers(name, task, tmp_path):
    """Neither a crash, nor a row that never comes to a leaf, nor another kind of error."""
    X, y = sample(task, 150)
    folder = Folder(tmp_path)
    build(name, task).fit(X, y).save(folder, "r0-f0")
    refused = 0
    for file in sorted(tmp_path.glob("*.npz")):
        arrays = folder.read_arrays(file.stem)
        for key in arrays:
            others = {other: array for other, array in arrays.items() if other != key}
            for changed in ({}, *({key: array} for array in altered(arrays[key]))):
                folder.write_arrays(file.stem, {**others, **changed})
                try:
                    prediction = load(name, task, folder).predict(X)
                except DataError:
                    refused += 1
                else:
                    assert prediction.shape == (len(X), OUTPUTS[task])
                    assert np.isfinite(prediction).all()
    assert refused or not list(tmp_path.glob("*.npz"))


def test_a_network_with_embedded_numbers_comes_back(tmp_path):
    """Where a column has few values, what is learned of its levels ends in NaN."""
    X, y = sample("binary", 150)
    X[:, 0] = np.round(X[:, 0])
    problem = Problem("binary", 2, "accuracy", tuple("abcdef"))
    settings = {**SMALL["neural_net"], "numbers": "piecewise", "number_width": 20}
    fitted = models.build_bare("neural_net", settings, problem).fit(X, y)
    fitted.save(Folder(tmp_path), "r0-f0")
    assert np.isnan(fitted.estimator.bin_edges_).any()
    loaded = models.load("neural_net", settings, problem, Folder(tmp_path), "r0-f0")
    assert loaded.predict(X).tobytes() == fitted.predict(X).tobytes()


@pytest.mark.parametrize(("name", "task"), CASES)
def test_a_file_that_is_cut_short_is_named_with_what_to_do(name, task, tmp_path):
    X, y = sample(task, 150)
    stage = tmp_path / "train" / name
    folder = Folder(stage / "models")
    build(name, task).fit(X, y).save(folder, "r0-f0")
    (stage / "DONE").touch()
    for file in sorted(folder.path.iterdir()):
        whole = file.read_bytes()
        for size in (0, len(whole) // 2):
            file.write_bytes(whole[:size])
            with pytest.raises(DataError, match=f"{file.name}: .* damaged .* Delete {stage} and"):
                load(name, task, folder)
        file.write_bytes(whole)
    load(name, task, folder)


@pytest.mark.parametrize(("name", "task"), CASES)
def test_the_same_rows_give_the_same_bytes(name, task):
    X, y = sample(task)
    one, other = (build(name, task).fit(X, y).predict(X) for _ in range(2))
    assert one.tobytes() == other.tobytes()


@pytest.mark.parametrize(
    "name", [named(name) for name in model_names() if name not in CLASSES_ONLY]
)
def test_regression_does_not_depend_on_the_unit_of_the_target(name):
    X, y = sample("regression")
    metres = build(name, "regression").fit(X, y).predict(X)
    millimetres = build(name, "regression").fit(X, 1000 * y).predict(X)
    np.testing.assert_allclose(millimetres, 1000 * metres, rtol=1e-3)


@pytest.mark.parametrize(
    ("origin", "unit"), [(1e8, 1.0), (-1e12, 1.0), (1e18, 1e16), (0.0, 1e-22), (0.0, 1e300)]
)
@pytest.mark.parametrize(
    "name", [named(name) for name in model_names() if name not in CLASSES_ONLY]
)
def test_regression_does_not_depend_on_where_the_target_lies(name, origin, unit, tmp_path):
    X, y = sample("regression")
    y = (y - 1000) / 50
    near = build(name, "regression").fit(X, y).predict(X)
    fitted = build(name, "regression").fit(X, origin + unit * y)
    far = fitted.predict(X)
    assert np.sqrt(np.mean(((far - origin) / unit - near) ** 2)) < 0.1 * y.std()
    fitted.save(Folder(tmp_path), "r0-f0")
    loaded = build(name, "regression").load(Folder(tmp_path), "r0-f0")
    assert loaded.predict(X).tobytes() == far.tobytes()


@pytest.mark.parametrize("name", ["linear", "lightgbm"])
def test_an_ordinary_target_is_fitted_as_it_is(name):
    X, y = sample("regression")
    model = build(name, "regression").fit(X, y)
    assert model.predict(X).tobytes() == model.model.predict(X).tobytes()
    assert (model.scale.origin, model.scale.unit) == (0, 1)


@pytest.mark.parametrize("name", ["linear", "lightgbm"])
def test_rmsle_is_fitted_on_logarithms(name):
    X, y = sample("regression")
    skewed = np.exp(y / 25 - 38)
    as_logs = build(name, "regression", "rmsle").fit(X, skewed).predict(X)
    as_values = build(name, "regression", "rmse").fit(X, skewed).predict(X)
    rmsle = METRICS["rmsle"].score
    assert rmsle(skewed, as_logs) < 0.7 * rmsle(skewed, as_values)


def test_rmsle_refuses_a_target_below_zero_and_never_answers_one():
    X, y = sample("regression")
    with pytest.raises(DataError, match="goes down to -"):
        build("linear", "regression", "rmsle").fit(X, y - 1000)
    small = np.where(y > 1040, 1.0, 0.0)
    assert build("linear", "regression", "rmsle").fit(X, small).predict(X).min() == 0


def test_a_class_that_no_fitted_row_has_gets_probability_zero():
    X, y = sample("binary")
    problem = Problem("multiclass", 3, "accuracy", tuple("abcdef"))
    model = models.build("logistic", {}, problem).fit(X, np.where(y == 1, 2, 0))
    assert (model.predict(X)[:, 1] == 0).all()


@pytest.mark.parametrize("name", CLASSES_ONLY)
def test_a_model_of_classes_refuses_a_value_to_predict(name):
    with pytest.raises(SettingsError, match=rf"\[models.{name}\].*needs classes"):
        build(name, "regression")


@pytest.mark.parametrize("name", EXTRAS)
def test_an_extra_that_is_not_installed_says_how_to_install_it(name, monkeypatch):
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(SettingsError, match=rf"\[models.{name}\].*not installed.*pip install"):
        build(name, "binary")


def test_early_stopping_rows_are_spread_over_the_classes():
    _, y = sample("multiclass")
    held_out = build("lightgbm", "multiclass").model._held_out(y)
    shares = [held_out[y == code].mean() for code in range(3)]
    np.testing.assert_allclose(shares, 0.15, atol=0.02)


@pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")
@pytest.mark.parametrize("name", model_names())
def test_a_search_can_begin_with_the_defaults(name):
    """The first trial is what the TOML says: the defaults must lie in the ranges of the search."""
    module = models.module(name)
    defaults = module.Settings().model_dump()
    sampler = optuna.samplers.PartialFixedSampler(defaults, optuna.samplers.RandomSampler(seed=0))
    trial = optuna.create_study(sampler=sampler).ask()
    suggested = module.suggest(trial)
    assert suggested == {key: defaults[key] for key in suggested}


@pytest.mark.parametrize(("name", "task"), CASES)
@pytest.mark.parametrize("columns", [0, 2])
def test_without_a_column_that_varies_it_predicts_the_base_rate(name, task, columns, tmp_path):
    _, y = sample(task, n=50)
    X = np.full((50, columns), np.nan, dtype=np.float32)
    fitted = build(name, task).fit(X, y)
    shares = [y.mean()] if task == "regression" else np.bincount(y) / 50
    unseen = np.ones((3, columns), dtype=np.float32)
    np.testing.assert_allclose(fitted.predict(unseen), np.tile(shares, (3, 1)))
    fitted.save(Folder(tmp_path), "r0-f0")
    loaded = build(name, task).load(Folder(tmp_path), "r0-f0")
    np.testing.assert_array_equal(loaded.predict(unseen), fitted.predict(unseen))


def test_of_a_constant_prediction_the_median_suits_mae_and_the_mean_of_logs_rmsle():
    X, y = np.zeros((4, 1), dtype=np.float32), np.array([1.0, 2.0, 3.0, 100.0])
    assert build("linear", "regression", "mae").fit(X, y).predict(X)[0, 0] == 2.5
    expected = np.exp(np.log(1 + y).mean()) - 1
    found = build("linear", "regression", "rmsle").fit(X, y).predict(X)[0, 0]
    np.testing.assert_allclose(found, expected)


@pytest.mark.parametrize(("name", "task"), CASES)
@pytest.mark.parametrize("rows", [1, 2, 3, 5])
def test_a_handful_of_rows_is_enough_to_fit(name, task, rows):
    X, y = sample(task)
    y = y[:rows] if task == "regression" else np.arange(rows) % 3 % (y.max() + 1)
    prediction = build(name, task).fit(X[:rows], y).predict(X)
    assert np.isfinite(prediction).all()


@pytest.mark.parametrize("name", [name for name in model_names() if name not in EXTRAS])
@pytest.mark.parametrize("known", [[1], [0, 2]])
def test_a_class_without_a_training_row_is_next_to_impossible(name, known):
    X, y = sample("multiclass")
    rows = np.isin(y, known)
    prediction = build(name, "multiclass").fit(X[rows], y[rows]).predict(X)
    np.testing.assert_allclose(prediction[:, known].sum(axis=1), 1, atol=1e-6)
