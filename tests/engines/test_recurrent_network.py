import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from pipeline.engines.recurrent_network import (
    RecurrentClassifier,
    RecurrentRegressor,
    StepEmbedding,
)
from pipeline.from_scratch.embedding import Embedding
from pipeline.from_scratch.gradients import numerical_gradient

SMALL = {"step_width": 3, "state_width": 4, "hidden": (5,), "n_networks": 1, "epochs": 3}


def embedding(rng) -> StepEmbedding:
    """Steps of 2, 1 and 3 columns, each embedded with width 4."""
    layer = StepEmbedding([rng.normal(size=(d, 4)) for d in (2, 1, 3)])
    layer.b[:] = rng.normal(size=12)
    return layer


def test_step_embedding_matches_finite_differences(rng) -> None:
    layer, x = embedding(rng), rng.normal(size=(5, 6))
    dy = rng.normal(size=layer.forward(x).shape)
    dx = layer.backward(dy)

    def loss(_) -> float:
        return float(np.sum(layer.forward(x) * dy))

    for gradient, of in ((dx, x), (layer.dE, layer.E), (layer.db, layer.b)):
        assert_allclose(gradient, numerical_gradient(loss, of), rtol=1e-6, atol=1e-9)


def test_step_embedding_of_one_hot_columns_is_an_embedding_table_per_step(rng) -> None:
    tables = [rng.normal(size=(count, 4)) for count in (3, 5)]
    codes = np.column_stack([rng.integers(count, size=20) for count in (3, 5)])
    one_hot = np.hstack([np.eye(3)[codes[:, 0]], np.eye(5)[codes[:, 1]]])
    vectors = StepEmbedding(tables).forward(one_hot)
    for t, table in enumerate(tables):
        expected = Embedding(table).forward(codes[:, [t]].astype(float))
        assert_allclose(vectors[:, t], expected, atol=1e-15)


@pytest.mark.parametrize("pooling", ["last", "mean", "max"])
def test_gradient_matches_finite_differences(rng, pooling) -> None:
    X, y = rng.normal(size=(6, 7)), rng.integers(3, size=6)
    sequence = ((4, 1), (0,), (2, 5))
    model = RecurrentClassifier(
        sequence=sequence,
        pooling=pooling,
        step_dropout=0.0,
        clip=np.inf,
        activation="tanh",
        **SMALL,
    )
    network = model.fit(X, y)._network(rng, X.dtype)
    network.loss_and_gradient(X, y)
    expected = numerical_gradient(
        lambda _: network.loss.forward(network.forward(X), y), network.theta
    )
    assert_allclose(network.gradient, expected, rtol=1e-6, atol=1e-9)


def used_columns(model, X) -> list[int]:
    """The columns that the prediction depends on."""
    before = model.predict(X)
    changed = []
    for column in range(X.shape[1]):
        other = X.copy()
        other[:, column] += 1
        if not np.array_equal(model.predict(other), before):
            changed.append(column)
    return changed


@pytest.mark.parametrize(
    "options", [{}, {"categories": (5,)}, {"categories": (5,), "numbers": "plr"}]
)
def test_steps_static_features_and_categories_are_all_used(rng, options) -> None:
    X = np.column_stack([rng.normal(size=(40, 5)), rng.integers(3, size=40)])
    model = RecurrentRegressor(sequence=((3,), (0, 1)), **options, **SMALL).fit(X, X[:, 0])
    assert used_columns(model, X) == [0, 1, 2, 3, 4, 5]


def test_by_default_every_column_is_a_step(rng) -> None:
    X, y = rng.normal(size=(40, 3)), rng.normal(size=40)
    named = RecurrentRegressor(sequence=((0,), (1,), (2,)), **SMALL).fit(X, y)
    assert_array_equal(RecurrentRegressor(**SMALL).fit(X, y).theta_, named.theta_)


def test_by_default_category_columns_are_no_steps(rng) -> None:
    X, y = np.column_stack([rng.normal(size=(40, 2)), np.arange(40) % 3]), rng.normal(size=40)
    named = RecurrentRegressor(sequence=((0,), (1,)), categories=(2,), **SMALL).fit(X, y)
    assert_array_equal(RecurrentRegressor(categories=(2,), **SMALL).fit(X, y).theta_, named.theta_)


def test_poolings_differ_except_for_a_single_step(rng) -> None:
    X, y = rng.normal(size=(40, 3)), rng.normal(size=40)
    for sequence, same in ((((0, 1, 2),), True), (((0,), (1,), (2,)), False)):
        predictions = [
            RecurrentRegressor(sequence=sequence, pooling=pooling, **SMALL).fit(X, y).predict(X)
            for pooling in ("last", "mean", "max")
        ]
        last, mean, maximum = predictions
        assert np.allclose(last, mean) == np.allclose(last, maximum) == same
        assert np.allclose(mean, maximum) == same


def test_the_order_of_the_steps_matters_and_that_of_the_columns_does_not(rng) -> None:
    X, y = rng.normal(size=(60, 5)), rng.integers(2, size=60)
    steps, order = ((3,), (0, 1), (4,)), np.array([4, 2, 1, 0, 3])  # column 2 is static
    permuted = tuple(tuple(int(order[column]) for column in step) for step in steps)
    Z = np.empty_like(X)
    Z[:, order] = X
    one = RecurrentClassifier(sequence=steps, **SMALL).fit(X, y)
    same = RecurrentClassifier(sequence=permuted, **SMALL).fit(Z, y)
    assert_array_equal(same.predict_proba(Z), one.predict_proba(X))
    reversed_steps = RecurrentClassifier(sequence=steps[::-1], **SMALL).fit(X, y)
    assert not np.allclose(reversed_steps.predict_proba(X), one.predict_proba(X))


def test_it_learns_the_parity_of_six_answers(rng) -> None:
    """No subset of five columns contains any information about the target."""
    X = rng.choice([-1.0, 1.0], size=(1500, 6))
    y = (X > 0).sum(axis=1) % 2
    model = RecurrentClassifier(n_networks=1, label_smoothing=0.0).fit(X[:1000], y[:1000])
    assert model.score(X[1000:], y[1000:]) > 0.99


def test_the_gradient_is_clipped_to_the_norm_clip(rng) -> None:
    X, y = rng.normal(size=(50, 4)), rng.normal(size=50)
    model = RecurrentRegressor(clip=1e-3, **SMALL).fit(X, y)
    network = model._network(rng, X.dtype)
    network.loss_and_gradient(X, 100 * y)
    assert np.linalg.norm(network.gradient) == pytest.approx(1e-3)


def test_float32_stays_float32(rng) -> None:
    X, y = rng.normal(size=(50, 4)).astype(np.float32), rng.integers(2, size=50)
    model = RecurrentClassifier(sequence=((0, 1), (2,)), **SMALL).fit(X, y)
    network = model._network(rng, X.dtype)
    assert model.theta_.dtype == network.forward(X).dtype == np.float32
    network.loss_and_gradient(X, y)
    recurrent = network.layers[0].layers[2]
    assert [vars(recurrent)[name].dtype for name in ("x", "h", "dz")] == [np.float32] * 3


@pytest.mark.parametrize(
    ("parameter", "message"),
    [
        ({"sequence": ()}, r"sequence is \(\); allowed are one or more steps of .* 0 to 3"),
        ({"sequence": ((0,), ())}, "sequence is .*; allowed are one or more steps"),
        ({"sequence": ((0,), (4,))}, "sequence is .* from 0 to 3"),
        ({"sequence": ((0,), (-1,))}, "sequence is .* from 0 to 3"),
        ({"pooling": "first"}, "pooling is 'first'; allowed are last, mean, max"),
        ({"clip": 0.0}, "clip is 0.0; allowed are numbers > 0"),
        ({"step_dropout": 1.0}, "step_dropout is 1.0; allowed are numbers >= 0 and < 1"),
        ({"state_width": 0}, "state_width is 0; allowed are integers >= 1"),
    ],
)
def test_invalid_parameters_are_named(rng, parameter, message) -> None:
    X, y = rng.normal(size=(10, 4)), np.arange(10) % 2
    with pytest.raises(ValueError, match=message):
        RecurrentClassifier(**parameter).fit(X, y)
