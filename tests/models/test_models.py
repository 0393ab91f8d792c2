"""Every model there is: it learns, it is deterministic, and restored it predicts the same bytes."""

import functools
import math
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib.util import find_spec

import numpy as np
import optuna
import pytest
from numpy.testing import assert_array_equal, assert_equal
from sklearn.linear_model import QuantileRegressor

from pipeline import codec, models
from pipeline.config import model_names
from pipeline.early_stopping import Clusters, TwoFits, held_out_rows
from pipeline.errors import DataError, SettingsError
from pipeline.lookup_matrix import LookupMatrix
from pipeline.models import ModelProblem, State
from tests import values

SMALL: dict[str, dict[str, object]] = {
    "catboost": {"iterations": 100, "n_models": 2},
    "kernel": {"steps": 15},
    "lightgbm": {"max_rounds": 60, "n_models": 2},
    "random_effects": {"rounds": 4, "pairs": 2},
    "neural_net": {"epochs": 30, "n_networks": 2, "hidden": [16], "dropout": 0.0},
    "rnn": {
        "epochs": 15,
        "n_networks": 2,
        "hidden": [16],
        "state_width": 8,
        "sequence": list("abcdef"),
    },
    "symmetric_trees": {"n_trees": 60},
    "xgboost": {"max_rounds": 60, "n_models": 2, "max_depth": 4},
}

UNRESTRAINED = {
    "hidden": [16],
    "dropout": 0.0,
    "sparsity": 0.0,
    "weight_decay": 0.0,
    "lr": 0.02,
    "epochs": 80,
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
    """X (n, 6) float32 and a target that a straight line through it predicts well."""
    rng = np.random.default_rng(5)
    X = rng.normal(size=(n, 6)).astype(np.float32)
    signal = X[:, 0] - X[:, 1] + 0.3 * rng.normal(size=n)
    if task == "regression":
        return X, 1000 + 50 * signal
    return X, np.digitize(signal, [0.0] if task == "binary" else [-0.7, 0.7])


def problem(task, loss=None):
    suits = "squared_error" if task == "regression" else "zero_one"
    parts = {name: (place,) for place, name in enumerate("abcdef")}
    return ModelProblem(task, OUTPUTS[task], loss or suits, tuple("abcdef"), parts=parts)


def build(name, task, loss=None):
    return models.build(name, SMALL.get(name, {}), problem(task, loss))


@functools.cache
def fitted_to_sample(name, task):
    """Fitted once for all tests; `centred` is regression on a target around 0."""
    X, y = sample("regression" if task == "centred" else task)
    if task == "centred":
        return build(name, "regression").fit(X, (y - 1000) / 50)
    return build(name, task).fit(X, y)


def restore(name, task, state, settings=None):
    return models.restore(name, settings or SMALL.get(name, {}), problem(task), state)


def stored(state: State, folder) -> State:
    """The state as it comes back from files."""
    for name, content in values.contents(Stored(state)).items():
        (folder / name).write_bytes(content)
    return codec.decode(Stored, folder).state


@dataclass(frozen=True)
class Stored:
    state: State


@pytest.mark.parametrize(("name", "task"), CASES)
def test_it_beats_a_constant_prediction_on_rows_it_did_not_see(name, task):
    X, y = sample(task)
    prediction = build(name, task).fit(X[:400], y[:400]).predict(X[400:])
    if task == "regression":
        residuals = y[400:] - prediction[:, 0]
        assert 1 - residuals.var() / y[400:].var() > 0.6
    else:
        commonest = np.bincount(y[400:]).max() / 200
        assert (prediction.argmax(axis=1) == y[400:]).mean() > commonest + 0.15
        np.testing.assert_allclose(prediction.sum(axis=1), 1, rtol=1e-6)


@pytest.mark.parametrize(("name", "task"), CASES)
def test_stored_and_restored_it_predicts_the_same_bytes(name, task, tmp_path):
    X, _ = sample(task)
    fitted = fitted_to_sample(name, task)
    restored = restore(name, task, stored(fitted.state(), tmp_path))
    assert restored.predict(X).tobytes() == fitted.predict(X).tobytes()


def altered(array):
    """What an array may have become in a file that is damaged, or that a stranger wrote."""
    values = {"i": (-1, 10**6), "f": (-1, 10**6, np.nan, np.inf)}.get(array.dtype.kind, ())
    yield from (np.full_like(array, value) for value in values)
    yield array[..., :-1] if array.ndim else np.array([array, array])
    yield np.concatenate([np.atleast_1d(array)] * 2)
    yield array[np.newaxis]
    yield array.astype(np.complex128) if array.dtype.kind in "bif" else array.astype("S3")


def leaves(state, path=()):
    """Every array, text and number in a state, by its path."""
    inner = state.items() if isinstance(state, Mapping) else enumerate(state)
    for key, value in inner:
        if isinstance(value, Mapping | list):
            yield from leaves(value, (*path, key))
        else:
            yield (*path, key), value


def changed(state, path, *values):
    """The state with another value at a path, or, without one, with none there."""
    key, rest = path[0], path[1:]
    inner = (changed(state[key], rest, *values),) if rest else values
    if isinstance(state, Mapping):
        others = {other: value for other, value in state.items() if other != key}
        return others | dict.fromkeys((key,), *inner) if inner else others
    return [*state[:key], *inner, *state[key + 1 :]]


@pytest.mark.parametrize(("name", "task"), CASES)
def test_a_state_that_is_no_such_models_is_refused_or_predicts_numbers(name, task):
    """Neither a crash, nor a row that never comes to a leaf, nor another kind of error."""
    if name in EXTRAS:
        pytest.skip("its loader is the library's own, and is not checked")
    X, y = sample(task, 150)
    state, refused = build(name, task).fit(X, y).state(), 0
    for path, value in leaves(state):
        others = [(), *((each,) for each in (None, "x", -1, b"x", [], {}))]
        if isinstance(value, np.ndarray):
            others += [(each,) for each in altered(value)]
        if isinstance(value, str):
            others += [(value[: len(value) // 2],), (value + value,)]
        for other in others:
            try:
                with np.errstate(all="ignore"):
                    prediction = restore(name, task, changed(state, path, *other)).predict(X)
            except DataError as error:
                assert f"a stored {name} model is damaged" in str(error)
                refused += 1
            else:
                assert prediction.shape == (len(X), OUTPUTS[task])
                assert np.isfinite(prediction).all()
    assert refused


@pytest.mark.parametrize("state", [None, {}, [], "x", {"model": {}}])
@pytest.mark.parametrize("name", ["linear", "lightgbm"])
@pytest.mark.parametrize("task", ["binary", "regression"])
def test_what_is_no_state_at_all_is_refused(name, task, state):
    with pytest.raises(DataError, match=f"a stored {name} model is damaged"):
        restore(name, task, state)


@pytest.mark.parametrize("task", ["binary", "regression"])
def test_the_state_of_another_problem_is_refused(task):
    """Of other columns, and of other settings."""
    X, y = sample(task, 150)
    for name, settings in (("linear", {}), ("lightgbm", SMALL["lightgbm"])):
        narrow = ModelProblem(task, OUTPUTS[task], "squared_error", tuple("abc"))
        state = models.build(name, settings, narrow).fit(X[:, :3], y).state()
        with pytest.raises(DataError, match=f"a stored {name} model is damaged"):
            restore(name, task, state)
    state = build("lightgbm", task).fit(X, y).state()
    with pytest.raises(DataError, match="a stored lightgbm model is damaged"):
        restore("lightgbm", task, state, {**SMALL["lightgbm"], "n_models": 3})


def test_a_network_with_embedded_numbers_comes_back(tmp_path):
    """Where a column has few values, what is learned of its levels ends in NaN."""
    X, y = sample("binary", 150)
    X[:, 0] = np.round(X[:, 0])
    settings = {**SMALL["neural_net"], "numbers": "piecewise", "number_width": 20}
    fitted = models.build("neural_net", settings, problem("binary")).fit(X, y)
    state = fitted.state()
    assert np.isnan(state["model"]["bin_edges_"]).any()
    restored = restore("neural_net", "binary", stored(state, tmp_path), settings)
    assert restored.predict(X).tobytes() == fitted.predict(X).tobytes()


@pytest.mark.parametrize(("name", "task"), CASES)
def test_the_same_rows_give_the_same_bytes(name, task):
    X, y = sample(task)
    one, other = fitted_to_sample(name, task), build(name, task).fit(X, y)
    assert one.predict(X).tobytes() == other.predict(X).tobytes()


@pytest.mark.parametrize(
    "name", [named(name) for name in model_names() if name not in CLASSES_ONLY]
)
def test_regression_does_not_depend_on_the_unit_of_the_target(name):
    X, y = sample("regression")
    metres = fitted_to_sample(name, "regression").predict(X)
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
    near = fitted_to_sample(name, "centred").predict(X)
    fitted = build(name, "regression").fit(X, origin + unit * y)
    far = fitted.predict(X)
    assert np.sqrt(np.mean(((far - origin) / unit - near) ** 2)) < 0.1 * y.std()
    restored = restore(name, "regression", stored(fitted.state(), tmp_path))
    assert restored.predict(X).tobytes() == far.tobytes()


@pytest.mark.parametrize("name", ["linear", "lightgbm"])
def test_an_ordinary_target_is_fitted_as_it_is(name):
    X, y = sample("regression")
    model = build(name, "regression").fit(X, y)
    assert model.predict(X).tobytes() == model.model.predict(X).tobytes()
    assert (model.scale.origin, model.scale.unit) == (0, 1)


@pytest.mark.parametrize("name", ["linear", "lightgbm"])
def test_the_squared_log_error_is_made_small_on_logarithms(name):
    X, y = sample("regression")
    skewed = np.exp(y / 25 - 38)
    errors = []
    for loss in ("squared_log_error", "squared_error"):
        found = np.maximum(build(name, "regression", loss).fit(X, skewed).predict(X)[:, 0], 0)
        errors.append(np.sqrt(np.mean((np.log1p(skewed) - np.log1p(found)) ** 2)))
    assert errors[0] < 0.7 * errors[1]


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("lightgbm", SMALL["lightgbm"]),
        ("xgboost", SMALL["xgboost"]),
        ("symmetric_trees", {"n_trees": 100}),
        ("linear", {"l2": 0.0}),
        ("neural_net", UNRESTRAINED),
    ],
)
def test_the_absolute_error_is_made_small_by_medians(name, settings):
    """Of a skewed target they are less than the mean, which the squared error goes for."""
    rng = np.random.default_rng(0)
    X = np.repeat([[0.0], [1.0]], 300, axis=0).astype(np.float32)
    y = rng.exponential(size=600) + X[:, 0]
    by_loss = {
        loss: models.build(
            name, settings, replace(problem("regression", loss), columns=("a",), parts={})
        )
        .fit(X, y)
        .predict(X[[0, -1]])[:, 0]
        for loss in ("absolute_error", "squared_error")
    }
    medians, means = ([part(y[:300]), part(y[300:])] for part in (np.median, np.mean))
    np.testing.assert_allclose(by_loss["absolute_error"], medians, atol=0.1)
    np.testing.assert_allclose(by_loss["squared_error"], means, atol=0.1)


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        named("lightgbm", SMALL["lightgbm"]),
        named("xgboost", SMALL["xgboost"]),
        named("catboost", {"iterations": 300}),
        named("symmetric_trees", {"n_trees": 100}),
        named("neural_net", UNRESTRAINED),
    ],
)
def test_the_losses_of_quantiles_and_deviances_are_made_small(name, settings):
    """Of two groups: their quantiles, and their means, which are never below 0."""
    rng = np.random.default_rng(0)
    X = np.repeat([[0.0], [1.0]], 400, axis=0).astype(np.float32)
    y = rng.poisson(1 + 4 * X[:, 0]).astype(float) + rng.random(800)
    for loss, parameter, expected in (
        ("quantile", 0.8, lambda part: np.quantile(part, 0.8)),
        ("poisson", None, np.mean),
        ("tweedie", 1.5, np.mean),
        ("absolute_log_error", None, np.median),
    ):
        asked = replace(
            problem("regression", loss), loss_parameter=parameter, columns=("a",), parts={}
        )
        model = models.build(name, settings, asked).fit(X, y)
        found = model.predict(X[[0, -1]])
        np.testing.assert_allclose(found[:, 0], [expected(y[:400]), expected(y[400:])], atol=0.4)
        again = models.restore(name, settings, asked, model.state())
        assert again.predict(X).tobytes() == model.predict(X).tobytes()


def test_a_line_of_quantiles_is_scikit_learns():
    """But for errors below 0.3 standard deviations, which count as Huber's."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(500, 2)).astype(np.float32)
    y = 3 * X[:, 0] + rng.exponential(size=500)
    for loss, quantile in (("absolute_error", None), ("quantile", 0.9)):
        asked = replace(problem("regression", loss), loss_parameter=quantile, columns=("a", "b"))
        found = models.build("linear", {"l2": 0.0}, asked).fit(X, y).predict(X)[:, 0]
        oracle = QuantileRegressor(quantile=quantile or 0.5, alpha=0.0).fit(X, y).predict(X)
        assert np.abs(found - oracle).max() < 0.35


def test_where_a_deviance_counts_every_model_predicts_above_zero():
    X, y = sample("regression")
    counts = np.maximum(y - 1000, 0)
    for loss in ("poisson", "tweedie"):
        assert build("linear", "regression", loss).fit(X, counts).predict(X).min() > 0


def test_labels_are_smoothed_more_where_the_metric_counts_labels():
    chosen = {
        loss: models.build_bare("neural_net", {}, problem("binary", loss)).estimator.label_smoothing
        for loss in ("zero_one", "log_loss")
    }
    assert chosen == {"zero_one": 0.2, "log_loss": 0.02}


def test_for_the_squared_log_error_nothing_below_zero_is_predicted():
    X, y = sample("regression")
    small = np.where(y > 1040, 1.0, 0.0)
    assert build("linear", "regression", "squared_log_error").fit(X, small).predict(X).min() == 0


def test_a_class_that_no_fitted_row_has_gets_probability_zero():
    X, y = sample("binary")
    model = build("logistic", "multiclass").fit(X, np.where(y == 1, 2, 0))
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


@pytest.mark.parametrize("name", ["lightgbm", "xgboost"])
def test_without_a_graphics_card_one_message_names_the_line(name):
    """The wheels that the project installs are built for CPUs."""
    X, y = sample("binary", 100)
    model = models.build(name, {**SMALL[name], "device": "cuda"}, problem("binary"))
    with pytest.raises(SettingsError, match=rf"\[models.{name}\] device: found 'cuda'.* or take"):
        model.fit(X, y)


@pytest.mark.parametrize("name", ["catboost", "lightgbm", "xgboost"])
def test_a_fit_on_the_processor_is_not_named_by_a_device(name):
    """So that the keys of such fits are those from before the setting was there."""
    settings = models.module(name).Settings
    assert "device" not in settings().of_model()
    assert settings(device="cuda").of_model()["device"] == "cuda"


def test_early_stopping_rows_are_spread_over_the_classes():
    _, y = sample("multiclass")
    held_out = held_out_rows(y, 0.15, seed=0)
    shares = [held_out[y == code].mean() for code in range(3)]
    np.testing.assert_allclose(shares, 0.15, atol=0.02)


def test_early_stopping_holds_out_whole_groups_or_the_latest_rows():
    groups = np.repeat(np.arange(20), 10)
    y = np.tile([0, 1], 100)
    held_out = held_out_rows(y, 0.15, seed=0, clusters=Clusters(groups))
    assert held_out.sum() == 30
    assert {held_out[groups == group].mean() for group in range(20)} == {0.0, 1.0}
    latest = held_out_rows(y, 0.15, seed=0, clusters=Clusters(groups[::-1], by_time=True))
    assert_array_equal(np.flatnonzero(latest), np.arange(30))
    with_others = Clusters(np.append(groups, [-1] * 50), by_time=True)
    latest = held_out_rows(np.append(y, y[:50]), 0.12, seed=0, clusters=with_others)
    assert_array_equal(np.flatnonzero(latest), np.arange(170, 200))


@pytest.mark.parametrize("groups", [np.zeros(100), np.arange(100) > 30, np.arange(100) % 2])
def test_where_groups_would_take_a_class_or_most_rows_single_rows_are_held_out(groups):
    """Where there is one group, where the later one has most rows, and where each is a class."""
    y = np.arange(100) % 2
    clusters = Clusters(groups.astype(int), by_time=True)
    assert_array_equal(held_out_rows(y, 0.15, 0, clusters), held_out_rows(y, 0.15, 0))
    few = Clusters(np.arange(100) // 7)  # 15% of 15 groups are two
    assert_array_equal(held_out_rows(y, 0.15, 0, few), held_out_rows(y, 0.15, 0))


@pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")
@pytest.mark.parametrize("name", model_names())
def test_a_search_can_begin_with_the_defaults(name):
    """The first trial is what the TOML says: the defaults must lie in the ranges of the search."""
    module = models.module(name)
    defaults = module.Settings().model_dump()
    sampler = optuna.samplers.PartialFixedSampler(defaults, optuna.samplers.RandomSampler(seed=0))
    trial = optuna.create_study(sampler=sampler).ask()
    module.suggest(trial)
    assert trial.params == {key: defaults[key] for key in trial.params} != {}


@pytest.mark.parametrize(("name", "task"), CASES)
@pytest.mark.parametrize("columns", [0, 2])
def test_without_a_column_that_varies_it_predicts_the_base_rate(name, task, columns, tmp_path):
    _, y = sample(task, n=50)
    X = np.full((50, columns), np.nan, dtype=np.float32)
    fitted = build(name, task).fit(X, y)
    shares = [y.mean()] if task == "regression" else np.bincount(y) / 50
    unseen = np.ones((3, columns), dtype=np.float32)
    np.testing.assert_allclose(fitted.predict(unseen), np.tile(shares, (3, 1)))
    again = build(name, task).set_state(stored(fitted.state(), tmp_path))
    np.testing.assert_array_equal(again.predict(unseen), fitted.predict(unseen))


def test_as_a_constant_the_median_suits_the_absolute_error_and_the_mean_of_logs_that_of_logs():
    X, y = np.zeros((4, 1), dtype=np.float32), np.array([1.0, 2.0, 3.0, 100.0])
    assert build("linear", "regression", "absolute_error").fit(X, y).predict(X)[0, 0] == 2.5
    expected = np.exp(np.log(1 + y).mean()) - 1
    found = build("linear", "regression", "squared_log_error").fit(X, y).predict(X)[0, 0]
    np.testing.assert_allclose(found, expected)
    assert build("linear", "regression", "absolute_log_error").fit(X, y).predict(X)[
        0, 0
    ] == pytest.approx(np.sqrt(3 * 4) - 1)


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


def test_a_network_embeds_quantities_and_not_ratings_that_are_one_hot():
    columns = ("Age", "Seat", "Seat=1", "Seat=2", "Class=a", "Class=b", "Class target mean")
    parts = {"Age": (0,), "Seat": (1, 2, 3), "Class": (4, 5)}
    asked = ModelProblem("binary", 2, "log_loss", columns, parts=parts)
    estimator = models.build_bare("neural_net", {"epochs": 1}, asked).estimator
    X = np.random.default_rng(0).normal(size=(50, 7)).astype(np.float32)
    assert estimator.fit(X, np.arange(50) % 2).number_columns_.tolist() == [0, 6]
    many = replace(asked, columns=(*columns, *(f"Sensor {number}" for number in range(100))))
    assert models.build_bare("neural_net", {}, many).estimator.embedded == ()


def test_left_out_the_layers_are_two_for_values_and_one_for_classes():
    hidden = [
        models.build_bare("neural_net", {}, problem(task)).estimator.hidden
        for task in ("binary", "multiclass", "regression")
    ]
    assert hidden == [(256,), (256,), (256, 128)]


@pytest.mark.skipif(find_spec("catboost") is None, reason="the optional catboost is not installed")
def test_catboost_reads_codes_as_categories_and_comes_back():
    """Which codes go with 1 has nothing to do with their order; a missing one is a level too."""
    rng = np.random.default_rng(0)
    codes = rng.integers(-1, 60, 2000)
    y = (rng.random(2000) < rng.choice([0.1, 0.9], 61)[codes]).astype(int)
    X = np.column_stack([np.where(codes < 0, np.nan, codes), rng.normal(size=2000)])
    asked = ModelProblem("binary", 2, "log_loss", ("a", "b"), (0,))
    settings = {"iterations": 60}
    fitted = models.build("catboost", settings, asked).fit(X[:1500].astype(np.float32), y[:1500])
    found = fitted.predict(X[1500:].astype(np.float32))
    assert (found.argmax(axis=1) == y[1500:]).mean() > 0.8
    again = models.restore("catboost", settings, asked, fitted.state())
    assert again.predict(X[1500:].astype(np.float32)).tobytes() == found.tobytes()


@pytest.mark.parametrize("kind", ["lightgbm", "xgboost"])
@pytest.mark.parametrize("task", ["multiclass", "regression"])
def test_a_booster_learns_the_same_in_blocks_of_any_size_as_of_an_array(kind, task, monkeypatch):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(400, 6)).astype(np.float32).round(1)
    X[rng.random(X.shape) < 0.1] = np.nan
    value = np.nan_to_num(X[:, 0]) + rng.normal(size=400)
    y = value if task == "regression" else np.digitize(value, [-0.5, 0.5])
    read = LookupMatrix.of([("all", np.arange(400), X)], 400)

    def learned(rows):
        settings = {"max_rounds": 10, "n_models": 2}
        return models.build(kind, settings, problem(task)).fit(rows, y).state()

    expected = learned(X)
    for size in (64, 399):
        monkeypatch.setattr(models.module(kind), "BLOCK", size)
        assert_equal(learned(read), expected)


@pytest.mark.parametrize("kind", ["lightgbm", "xgboost"])
def test_of_very_many_rows_the_fit_that_is_stopped_is_the_model(kind, monkeypatch):
    X, y = sample("multiclass", 400)
    monkeypatch.setattr("pipeline.early_stopping.ONE_FIT", 399)
    monkeypatch.setattr("pipeline.early_stopping.MOST_WATCHED", 40)
    fits, train = [], models.module(kind).Boosting._train

    def kept(*given, **how):
        fits.append(train(*given, **how))
        return fits[-1]

    monkeypatch.setattr(models.module(kind).Boosting, "_train", kept)
    settings = {"n_models": 1, "patience": 3}
    model = models.build_bare(kind, settings, problem("multiclass")).fit(X, y)
    (stopped,), (booster,) = fits, model.boosters
    if kind == "lightgbm":
        assert booster.num_trees() == 3 * stopped.best_iteration
    else:
        assert booster.num_boosted_rounds() == stopped.best_iteration + 1
        assert stopped.num_boosted_rounds() == stopped.best_iteration + 1 + settings["patience"]
    restored = models.build_bare(kind, settings, problem("multiclass")).set_state(model.state())
    assert_array_equal(restored.predict(X), model.predict(X))
    assert np.mean(model.predict(X).argmax(axis=1) == y) > 0.8


@pytest.mark.parametrize("kind", ["lightgbm", "xgboost"])
def test_of_one_seed_both_fits_share_the_rounds(kind):
    """Found after `best` rounds, half as many again are fitted on all rows, or as many as are left,
    if these are not fewer than `best`; else the fit that was stopped is the model."""
    X, y = sample("multiclass", 400)
    patience = 3

    def fitted(most, seeds=1):
        settings = {"n_models": seeds, "patience": patience, "max_rounds": most}
        model = models.build_bare(kind, settings, problem("multiclass")).fit(X, y)
        return rounds_of(model.boosters[0]), model.predict(X)

    def rounds_of(booster):
        return booster.num_trees() // 3 if kind == "lightgbm" else booster.num_boosted_rounds()

    plenty, _ = fitted(2000, seeds=2)
    best = round(plenty / 1.5)
    enough = best + patience + math.ceil(plenty / 0.85) + 1
    assert fitted(enough)[0] == plenty
    fewer = best + patience + math.ceil(best / 0.85) + 1
    assert best <= fitted(fewer)[0] < plenty
    stopped, prediction = fitted(fewer - 5)
    assert stopped == best
    assert_array_equal(fitted(best + patience)[1], prediction)
    # of several seeds each has as many as there may be
    assert fitted(10)[0] == fitted(10, seeds=2)[0] == 10
    assert fitted(plenty - 1, seeds=2)[0] == plenty - 1


@pytest.mark.parametrize("kind", ["lightgbm", "xgboost"])
def test_where_the_latest_rows_are_watched_a_second_fit_has_them(kind, monkeypatch):
    X, y = sample("multiclass", 400)
    learnt, train = [], models.module(kind).Boosting._train

    def kept(self, data, *given, **how):
        learnt.append(data.num_row() if kind == "xgboost" else len(data.get_label()))
        return train(self, data, *given, **how)

    monkeypatch.setattr(models.module(kind).Boosting, "_train", kept)
    model = models.build_bare(kind, {"n_models": 1, "max_rounds": 10}, problem("multiclass"))
    model.fit(X, y, Clusters(np.arange(400) // 4, by_time=True))
    assert learnt == [340, 400]
    (booster,) = model.boosters
    trees = booster.num_trees() / 3 if kind == "lightgbm" else booster.num_boosted_rounds()
    assert trees == 5


def test_of_very_many_rows_the_one_fit_has_all_rounds_by_time_too(monkeypatch):
    monkeypatch.setattr("pipeline.early_stopping.ONE_FIT", 399)
    settings = models.module("lightgbm").Settings(n_models=1, max_rounds=10)
    clusters = Clusters(np.arange(400), by_time=True)
    fits = TwoFits.of(np.arange(400) % 2, settings, clusters)
    assert (fits.first, fits.second(10)) == (10, 0)
