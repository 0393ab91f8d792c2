import numpy as np
import pytest

from pipeline import models
from pipeline.models import Problem


def sample(n=1200):
    """X (n, 8) of 0, 1, 2, some missing."""
    rng = np.random.default_rng(4)
    X = rng.integers(3, size=(n, 8)).astype(np.float32)
    X[rng.random(X.shape) < 0.1] = np.nan
    return X


def fit(X, y, *, outputs=2, **settings):
    task = "binary" if outputs == 2 else "multiclass"
    problem = Problem(task, outputs, "accuracy", tuple("abcdefgh"), (2, 5))
    return models.build_bare("interactions", settings, problem).fit(X, y)


def right(model, X, y):
    return (model.predict(X).argmax(axis=1) == y).mean()


@pytest.mark.parametrize("outputs", [2, 3])
def test_a_pair_that_tells_only_together_is_found(outputs) -> None:
    X = sample()
    y = ((np.nan_to_num(X[:, 1], nan=3) + np.nan_to_num(X[:, 6], nan=3)) % outputs).astype(int)
    model = fit(X[:800], y[:800], outputs=outputs, pairs=1, triples=0)
    assert model.groups[-1] == (1, 6)
    assert right(model, X[800:], y[800:]) > 0.98
    assert right(fit(X[:800], y[:800], outputs=outputs, pairs=0), X[800:], y[800:]) < 0.75


def test_a_triple_is_found_beyond_its_pairs() -> None:
    X = sample()
    y = (np.nan_to_num(X[:, [0, 3, 5]]) > 0).sum(axis=1) % 2
    model = fit(X[:800], y[:800], pairs=28, triples=1)
    assert model.groups[-1] == (0, 3, 5)
    assert right(model, X[800:], y[800:]) > 0.85
    assert right(fit(X[:800], y[:800], pairs=28, triples=0), X[800:], y[800:]) < 0.65


def test_of_many_columns_those_that_tell_alone_are_combined() -> None:
    X = sample()
    y = (np.nan_to_num(X[:, 4]) * np.nan_to_num(X[:, 7]) > 0).astype(int)
    assert fit(X, y, most_columns=2).groups[8:] == [(4, 7)]


def test_a_class_that_no_fitted_row_has_gets_probability_zero() -> None:
    X = sample()
    p = fit(X, np.where(X[:, 0] > 0, 2, 0), outputs=3).predict(X)
    assert (p[:, 1] == 0).all()
    np.testing.assert_allclose(p.sum(axis=1), 1)


def test_of_a_large_table_a_sample_is_fitted() -> None:
    """A cell has no more rows than the sample: of 100 none has 101."""
    X = sample()
    y = (X[:, 0] > 0).astype(int)
    assert len(fit(X, y, most_rows=100, least_rows=101).line.coef_[0]) < 8 * 4 + 1
    assert len(fit(X, y, least_rows=101).line.coef_[0]) > 8 * 4
