import re

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.linear_model import LogisticRegression, Ridge

from pipeline.engines.neural_network import NeuralNetworkClassifier, NeuralNetworkRegressor

PLAIN = {"dropout": 0.0, "weight_decay": 0.0, "n_networks": 1}


@pytest.fixture
def checkerboard(rng):
    """Four squares of alternating classes: no linear classifier is better than chance."""
    X = rng.uniform(-1, 1, size=(600, 2)).astype(np.float32)
    return X, np.where(X[:, 0] * X[:, 1] > 0, "same", "other")


def test_it_learns_what_a_linear_model_cannot(checkerboard) -> None:
    X, y = checkerboard
    assert LogisticRegression().fit(X[:400], y[:400]).score(X[400:], y[400:]) < 0.65
    model = NeuralNetworkClassifier(label_smoothing=0.0, lr=0.01, batch_size=32, **PLAIN)
    model.fit(X[:400], y[:400])
    assert np.mean(model.predict(X[400:]) == y[400:]) > 0.95
    assert model.loss_curve_.shape == (40,) and model.loss_curve_[-1] < model.loss_curve_[0] / 3
    assert model.theta_.dtype == np.float32


def test_without_hidden_layers_it_is_logistic_regression(rng) -> None:
    X = rng.normal(size=(300, 4))
    y = (X @ rng.normal(size=(4, 3)) + rng.gumbel(size=(300, 3))).argmax(axis=1)
    model = NeuralNetworkClassifier(
        hidden=(), lr=0.05, epochs=300, batch_size=300, label_smoothing=0.0, **PLAIN
    ).fit(X, y)
    oracle = LogisticRegression(C=1e6).fit(X, y)
    assert_allclose(model.predict_proba(X), oracle.predict_proba(X), atol=1e-3)


def test_without_hidden_layers_it_is_linear_regression(rng) -> None:
    X = rng.normal(size=(300, 4))
    y = X @ [1.0, 2, 3, 4] + 5 + rng.normal(size=300)
    model = NeuralNetworkRegressor(hidden=(), lr=0.05, epochs=300, batch_size=300, **PLAIN)
    expected = Ridge(alpha=0).fit(X, y).predict(X)
    assert_allclose(model.fit(X, y).predict(X), expected, atol=1e-2)
    assert_allclose(model.fit(X, 1e6 * y - 7).predict(X), 1e6 * expected - 7, rtol=1e-2, atol=2e4)


@pytest.mark.parametrize("kind", [NeuralNetworkClassifier, NeuralNetworkRegressor])
def test_a_weight_of_two_equals_a_repeated_row(rng, kind) -> None:
    X, y = rng.normal(size=(40, 3)), rng.integers(2, size=40)
    model = kind(epochs=20, batch_size=100, lr=1e-3, **PLAIN)
    twice = model.fit(np.vstack([X, X[:10]]), np.append(y, y[:10])).theta_
    weighted = model.fit(X, y, np.repeat([2.0, 1.0], [10, 30])).theta_
    assert_allclose(weighted, twice, atol=1e-6)


def test_networks_are_averaged_and_do_not_depend_on_their_number(checkerboard) -> None:
    X, y = checkerboard
    one, three = (NeuralNetworkClassifier(epochs=3, n_networks=n).fit(X, y) for n in (1, 3))
    assert_array_equal(three.theta_[0], one.theta_[0])
    assert not np.array_equal(three.theta_[0], three.theta_[1])
    each = []
    for theta in three.theta_:
        state = {**three.state(), "theta_": theta[None]}
        each.append(NeuralNetworkClassifier().set_state(state).predict_proba(X))
    assert_allclose(three.predict_proba(X), np.mean(each, axis=0))
    assert_allclose(three.predict_proba(X).sum(axis=1), 1)


def test_early_stopping_ends_before_the_last_epoch(rng) -> None:
    X, y = rng.normal(size=(100, 5)), rng.integers(2, size=100)
    model = NeuralNetworkClassifier(
        early_stopping=True, patience=3, epochs=200, lr=0.01, n_networks=2, batch_size=20
    ).fit(X, y)
    assert len(model.validation_curve_) == len(model.loss_curve_) < 200


@pytest.mark.parametrize("kind", [NeuralNetworkClassifier, NeuralNetworkRegressor])
def test_partial_fit_continues_training(rng, kind) -> None:
    X, y = rng.normal(size=(80, 5)), rng.integers(2, size=80)
    at_once = kind(epochs=4, schedule="constant").fit(X, y)
    parts = kind(schedule="constant")
    for _ in range(4):
        parts.partial_fit(X, y)
    assert_array_equal(parts.theta_, at_once.theta_)
    assert_allclose(parts.loss_curve_, at_once.loss_curve_)
    loaded = kind(lr=1e-12).set_state(parts.state()).partial_fit(X, y)
    assert not np.array_equal(loaded.theta_, parts.theta_)
    assert_allclose(loaded.theta_, parts.theta_, atol=1e-8)


def test_with_strong_weight_decay_only_the_biases_are_fitted(rng) -> None:
    """Then every row gets the class frequencies, smoothed like the labels."""
    X, y = rng.normal(size=(100, 3)), np.arange(100) < 80
    model = NeuralNetworkClassifier(
        hidden=(4,), lr=0.01, weight_decay=99.0, label_smoothing=0.5, epochs=500, dropout=0.0
    ).fit(X, y)
    assert_allclose(model.predict_proba(X)[:, 1], 0.5 * 0.8 + 0.25, atol=1e-2)


def test_dropout_affects_training(checkerboard) -> None:
    one, two = (NeuralNetworkClassifier(epochs=1, dropout=p).fit(*checkerboard) for p in (0, 0.5))
    assert not np.array_equal(one.theta_, two.theta_)


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        ("activation", "magic"),
        ("schedule", "never"),
        ("epochs", 0),
        ("epochs", 2.5),
        ("dropout", 1.0),
        ("hidden", (8, 0)),
        ("hidden", 64),
        ("lr", -0.1),
        ("lr", "0.1"),
        ("betas", (1.0, 0.95)),
        ("betas", 0.9),
        ("weight_decay", -1.0),
        ("label_smoothing", 1.5),
        ("validation_fraction", 2.0),
        ("patience", 0),
    ],
)
def test_invalid_parameters_are_named(rng, parameter, value) -> None:
    model = NeuralNetworkClassifier(**{parameter: value})
    with pytest.raises(ValueError, match=re.escape(f"{parameter} is {value!r}; allowed are")):
        model.fit(rng.normal(size=(10, 2)), np.arange(10) % 2)
