import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from pipeline.from_scratch.embedding import Embedding
from pipeline.from_scratch.gradients import numerical_gradient
from pipeline.from_scratch.recurrent_network import (
    RecurrentClassifier,
    RecurrentRegressor,
    StepEmbedding,
)

SMALL = {"step_width": 3, "state_width": 4, "hidden": (5,), "n_networks": 1, "epochs": 3}


def embedding(rng) -> StepEmbedding:
    """Steps of 2, 1 and 3 columns, four numbers each."""
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


def test_of_one_hot_columns_it_is_a_table_of_vectors_for_each_question(rng) -> None:
    tables = [rng.normal(size=(count, 4)) for count in (3, 5)]
    codes = np.column_stack([rng.integers(count, size=20) for count in (3, 5)])
    one_hot = np.hstack([np.eye(3)[codes[:, 0]], np.eye(5)[codes[:, 1]]])
    vectors = StepEmbedding(tables).forward(one_hot)
    for t, table in enumerate(tables):
        expected = Embedding(table).forward(codes[:, [t]].astype(float))
        assert_allclose(vectors[:, t], expected, atol=1e-15)


@pytest.mark.parametrize("summary", ["last", "mean", "max"])
def test_finite_differences_through_sequence_and_facts(rng, summary) -> None:
    X, y = rng.normal(size=(6, 7)), rng.integers(3, size=6)
    sequence = ((4, 1), (0,), (2, 5))
    model = RecurrentClassifier(
        sequence=sequence,
        summary=summary,
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


def columns_that_matter(model, X) -> list[int]:
    """Those whose change changes the prediction."""
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
def test_steps_facts_and_codes_all_reach_the_output(rng, options) -> None:
    X = np.column_stack([rng.normal(size=(40, 5)), rng.integers(3, size=40)])
    model = RecurrentRegressor(sequence=((3,), (0, 1)), **options, **SMALL).fit(X, X[:, 0])
    assert columns_that_matter(model, X) == [0, 1, 2, 3, 4, 5]


def test_left_out_every_column_is_a_step_of_its_own_in_order(rng) -> None:
    X, y = rng.normal(size=(40, 3)), rng.normal(size=40)
    named = RecurrentRegressor(sequence=((0,), (1,), (2,)), **SMALL).fit(X, y)
    assert_array_equal(RecurrentRegressor(**SMALL).fit(X, y).theta_, named.theta_)


def test_left_out_codes_are_no_steps(rng) -> None:
    X, y = np.column_stack([rng.normal(size=(40, 2)), np.arange(40) % 3]), rng.normal(size=40)
    named = RecurrentRegressor(sequence=((0,), (1,)), categories=(2,), **SMALL).fit(X, y)
    assert_array_equal(RecurrentRegressor(categories=(2,), **SMALL).fit(X, y).theta_, named.theta_)


def test_summaries_differ_but_for_a_single_step(rng) -> None:
    X, y = rng.normal(size=(40, 3)), rng.normal(size=40)
    for sequence, same in ((((0, 1, 2),), True), (((0,), (1,), (2,)), False)):
        said = [
            RecurrentRegressor(sequence=sequence, summary=summary, **SMALL).fit(X, y).predict(X)
            for summary in ("last", "mean", "max")
        ]
        assert [np.allclose(one, said[0]) for one in said] == [True, same, same]
        assert np.allclose(said[1], said[2]) == same


def test_where_the_columns_stand_does_not_matter_only_the_order_of_the_steps(rng) -> None:
    X, y = rng.normal(size=(60, 5)), rng.integers(2, size=60)
    steps, there = ((3,), (0, 1), (4,)), np.array([4, 2, 1, 0, 3])  # column 2 is the fact
    moved = tuple(tuple(int(there[column]) for column in step) for step in steps)
    Z = np.empty_like(X)
    Z[:, there] = X
    one = RecurrentClassifier(sequence=steps, **SMALL).fit(X, y)
    same = RecurrentClassifier(sequence=moved, **SMALL).fit(Z, y)
    assert_array_equal(same.predict_proba(Z), one.predict_proba(X))
    turned = RecurrentClassifier(sequence=steps[::-1], **SMALL).fit(X, y)
    assert not np.allclose(turned.predict_proba(X), one.predict_proba(X))


def test_it_learns_the_parity_of_six_answers(rng) -> None:
    """No column, and no five of them, tells anything."""
    X = rng.choice([-1.0, 1.0], size=(1500, 6))
    y = (X > 0).sum(axis=1) % 2
    model = RecurrentClassifier(n_networks=1, label_smoothing=0.0).fit(X[:1000], y[:1000])
    assert model.score(X[1000:], y[1000:]) > 0.99


def test_no_gradient_of_the_training_is_longer_than_clip(rng) -> None:
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
    reader = network.layers[0].layers
    assert [vars(reader[2])[name].dtype for name in ("x", "h", "dz")] == [np.float32] * 3


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"sequence": ()}, r"sequence is \(\); allowed are one or more steps of .* 0 to 3"),
        ({"sequence": ((0,), ())}, "sequence is .*; allowed are one or more steps"),
        ({"sequence": ((0,), (4,))}, "sequence is .* from 0 to 3"),
        ({"sequence": ((0,), (-1,))}, "sequence is .* from 0 to 3"),
        ({"summary": "first"}, "summary is 'first'; allowed are last, mean, max"),
        ({"clip": 0.0}, "clip is 0.0; allowed are numbers above 0"),
        ({"step_dropout": 1.0}, "step_dropout is 1.0; allowed are 0 to below 1"),
        ({"state_width": 0}, "state_width is 0; allowed are whole numbers, 1 and more"),
    ],
)
def test_parameters_that_no_network_can_have_are_named(rng, wrong, sentence) -> None:
    X, y = rng.normal(size=(10, 4)), np.arange(10) % 2
    with pytest.raises(ValueError, match=sentence):
        RecurrentClassifier(**wrong).fit(X, y)
