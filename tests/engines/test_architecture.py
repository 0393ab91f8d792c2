import io

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from pipeline.engines.neural_network import NeuralNetworkClassifier, NeuralNetworkRegressor
from pipeline.from_scratch.gradients import numerical_gradient

SMALL = {"hidden": (12,), "epochs": 4, "n_networks": 2, "batch_size": 32, "dropout": 0.1}
OPTIONS = {
    "scaling": {"scaling": 6.0},
    "parametric": {"parametric_activation": True, "activation": "mish"},
    "batch normalisation": {"batch_normalisation": True},
    "averaging": {"averaging": 0.9},
    "categories": {"categories": (3,), "category_width": 3},
    "plr": {"numbers": "plr"},
    "pbld": {"numbers": "pbld", "frequency_std": 0.5},
    "piecewise": {"numbers": "piecewise", "number_width": 6},
    "submodels": {"submodels": 3},
}
OPTIONS["all"] = {name: value for each in OPTIONS.values() for name, value in each.items()}
KINDS = [NeuralNetworkClassifier, NeuralNetworkRegressor]
option = pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
each_kind = pytest.mark.parametrize("kind", KINDS)


@pytest.fixture
def rows(rng):
    """Two numerical columns, a binary one and category codes; the target has three classes."""
    X = rng.normal(size=(150, 4)).astype(np.float32)
    X[:, 2] = X[:, 2] > 0
    X[:, 3] = rng.integers(5, size=150)
    return X, (np.abs(X[:, 0]) + X[:, 3] % 2 > 1).astype(int) + (X[:, 1] > 1)


def output(model, X) -> np.ndarray:
    return getattr(model, "predict_proba", model.predict)(X)


@option
def test_gradient_matches_finite_differences(rows, options) -> None:
    X, y = rows
    model = NeuralNetworkClassifier(**{**SMALL, "dropout": 0.0, **options})
    X, y = model._fit_features(X[:8].astype(float)), y[:8]
    model.classes_ = np.arange(3)
    rng = np.random.default_rng(1)
    network = model._network(rng, np.dtype(float))
    network.theta += 0.1 * rng.normal(size=len(network.theta))
    network.loss_and_gradient(X, y)
    gradient = network.gradient.copy()
    expected = numerical_gradient(
        lambda _: network.loss.forward(network.forward(X), y), network.theta
    )
    assert_allclose(gradient, expected, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize(("numbers", "width"), [("plr", 5), ("pbld", 5), ("piecewise", 5)])
def test_every_number_is_embedded_with_number_width(rows, numbers, width) -> None:
    X, y = rows
    settings = {"numbers": numbers, "number_width": width, "categories": (3,), "category_width": 2}
    model = NeuralNetworkClassifier(**SMALL, **settings).fit(X, y)
    first = model._network(np.random.default_rng(0), X.dtype).layers[0]
    x = first.forward(X)
    assert x.shape == (150, 2 * width + 2 + 1)
    assert_array_equal(x[:, -1], X[:, 2])  # the binary column passes unchanged
    if numbers == "plr":
        assert x[:, : 2 * width].min() == 0  # the R in PLR is a ReLU
    unchanged = [j for j in range(2) if any(np.array_equal(X[:, j], column) for column in x.T)]
    assert unchanged == ([0, 1] if numbers == "pbld" else [])


def test_order_of_the_layers(rows) -> None:
    model = NeuralNetworkClassifier(**{**SMALL, **OPTIONS["all"]}).fit(*rows)
    names = [type(one).__name__ for one in model._network(np.random.default_rng(0), float).layers]
    hidden = ["Affine", "BatchNormalisation", "ParametricActivation", "Dropout"]
    outputs = ["SubmodelsAsColumns", "AffineByColumn"]
    assert names == ["Branches", "LearnedScaling", "ScaleEnsemble", *hidden, *outputs]


@option
@each_kind
def test_saved_and_loaded_state_predicts_the_same_bytes(rows, kind, options) -> None:
    X, y = rows
    fitted, again = (kind(**SMALL, **options).fit(X, y) for _ in range(2))
    assert output(fitted, X).tobytes() == output(again, X).tobytes()
    assert fitted.theta_.dtype == np.float32
    file = io.BytesIO()
    np.savez(file, **fitted.state())
    file.seek(0)
    loaded = kind(**SMALL, **options).set_state(dict(np.load(file, allow_pickle=False)))
    assert output(loaded, X).tobytes() == output(fitted, X).tobytes()
    assert_allclose(output(loaded, X[7:8]), output(fitted, X)[7:8], rtol=1e-5)


@option
@each_kind
def test_partial_fit_continues_training(rows, kind, options) -> None:
    X, y = rows
    at_once = kind(schedule="constant", **SMALL, **options).fit(X, y)
    parts = kind(schedule="constant", **SMALL, **options)
    for _ in range(4):
        parts.partial_fit(X, y)
    assert_array_equal(parts.theta_, at_once.theta_)


@option
def test_early_stopping_with_every_option(rows, options) -> None:
    X, y = rows
    settings = {**SMALL, "epochs": 40, "early_stopping": True, "patience": 3, "lr": 0.03}
    model = NeuralNetworkClassifier(**settings, **options).fit(X, y)
    assert len(model.validation_curve_) == len(model.loss_curve_) <= 40
    assert np.isfinite(output(model, X)).all()


@pytest.mark.parametrize("name", ["scaling", "parametric", "categories", "pbld", "submodels"])
def test_a_weight_of_two_equals_a_repeated_row(rows, name) -> None:
    X, y = rows
    settings = {**SMALL, "dropout": 0.0, "batch_size": 999, **OPTIONS[name]}
    twice = NeuralNetworkClassifier(**settings).fit(np.vstack([X, X[:50]]), np.append(y, y[:50]))
    weighted = NeuralNetworkClassifier(**settings).fit(X, y, np.repeat([2.0, 1.0], [50, 100]))
    assert_allclose(output(weighted, X), output(twice, X), atol=1e-5)


def test_only_columns_with_more_than_two_values_are_embedded(rows) -> None:
    X, y = rows
    model = NeuralNetworkClassifier(numbers="pbld", **SMALL).fit(X, y)
    assert_array_equal(model.number_columns_, [0, 1, 3])
    model.set_params(categories=(3,)).fit(X, y)
    assert_array_equal(model.number_columns_, [0, 1])
    assert_array_equal(model.code_counts_, [5])
    plain = NeuralNetworkClassifier(numbers="pbld", **SMALL).fit(np.sign(X[:, :2]), y)
    assert len(plain.number_columns_) == 0
    expected = NeuralNetworkClassifier(**SMALL).fit(np.sign(X[:, :2]), y)
    assert_array_equal(plain.theta_, expected.theta_)


def test_an_unknown_code_predicts_the_same_as_a_missing_one(rows) -> None:
    X, y = rows
    model = NeuralNetworkClassifier(categories=(3,), **SMALL).fit(X, y)
    new, missing = X.copy(), X.copy()
    new[:, 3], missing[:, 3] = 77, -1
    assert_array_equal(output(model, new), output(model, missing))
    assert not np.array_equal(output(model, new), output(model, X))


@pytest.mark.parametrize("numbers", ["plr", "pbld", "piecewise"])
def test_embedded_numbers_fit_a_sine_that_plain_ones_do_not(rng, numbers) -> None:
    X = rng.uniform(-1, 1, size=(800, 1))
    y = np.sin(20 * X[:, 0])
    settings = {"lr": 0.01, "weight_decay": 0.0, "n_networks": 1, "hidden": (32,), "epochs": 30}
    settings |= {"number_width": 16, "frequency_std": 2.0}
    plain, embedded = (
        NeuralNetworkRegressor(numbers=n, **settings).fit(X[:600], y[:600]).predict(X[600:])
        for n in ("plain", numbers)
    )
    error, plain_error = np.mean((embedded - y[600:]) ** 2), np.mean((plain - y[600:]) ** 2)
    assert error < 0.1 < 0.3 < plain_error


def test_learned_scaling_is_largest_for_the_informative_column(rng) -> None:
    X = rng.normal(size=(500, 10))
    model = NeuralNetworkRegressor(scaling=6.0, n_networks=1, weight_decay=0.1, activation="tanh")
    model.fit(X, np.sin(3 * X[:, 4]))
    network = model._network(np.random.default_rng(0), np.dtype(float))
    network.theta[:] = model.theta_[0]
    assert np.abs(network.layers[0].u).argmax() == 4


def test_running_statistics_are_part_of_the_fitted_state(rng) -> None:
    X = rng.normal(5, 3, size=(300, 2))
    model = NeuralNetworkRegressor(batch_normalisation=True, n_networks=1, hidden=(4,))
    model.fit(X, X[:, 0])
    network = model._network(np.random.default_rng(0), np.dtype(float))
    network.theta[:] = model.theta_[0]
    affine, normalisation = network.layers[:2]
    z = affine.forward(X)
    assert_allclose(normalisation.running_mean, z.mean(axis=0), rtol=0.2, atol=0.2)
    assert_allclose(normalisation.running_variance, z.var(axis=0), rtol=0.3)


@pytest.mark.parametrize(
    ("parameter", "value", "allowed"),
    [
        ("numbers", "magic", "plain, plr"),
        ("scaling", -1.0, "numbers >= 0"),
        ("averaging", 1.0, "numbers >= 0 and < 1"),
        ("number_width", 1, "integers >= 2"),
        ("frequency_std", 0.0, "numbers > 0"),
        ("category_width", 0, "integers >= 1"),
        ("submodels", 0, "integers >= 1"),
        ("categories", (9,), "column numbers from 0 to 3"),
        ("categories", ("class",), "column numbers from 0 to 3"),
    ],
)
def test_invalid_parameters_are_named(rows, parameter, value, allowed) -> None:
    model = NeuralNetworkClassifier(**{**SMALL, parameter: value})
    with pytest.raises(ValueError, match=f"{parameter} is .*; allowed are {allowed}"):
        model.fit(*rows)


def test_a_code_that_is_too_large_is_refused(rows) -> None:
    X, y = rows
    X[0, 3] = 3e9
    with pytest.raises(ValueError, match="found the code 3000000000; allowed are whole numbers"):
        NeuralNetworkClassifier(categories=(3,)).fit(X, y)
