import numpy as np

from pipeline import models
from pipeline.models import ModelProblem
from pipeline.normal_scores import NormalScores


def test_of_a_large_table_it_keeps_no_more_than_most_rows() -> None:
    """The sample has each class, and one that no row has keeps probability 0."""
    rng = np.random.default_rng(3)
    X = rng.normal(size=(3000, 2)).astype(np.float32)
    y = np.where(X[:, 0] > 0, 2, 0)
    problem = ModelProblem("multiclass", 3, "zero_one", ("a", "b"))
    model = models.build_bare("kernel", {"most_rows": 300, "steps": 5}, problem).fit(X, y)
    assert model.state()["rows_"].shape == (300, 2)
    p = model.predict(X)
    assert (p[:, 1] == 0).all()
    assert np.mean(p.argmax(axis=1) == y) > 0.97


def test_for_absolute_errors_it_learns_the_order_of_targets_alone() -> None:
    """So that a long tail changes nothing: predictions go along with any such transformation."""
    rng = np.random.default_rng(3)
    X = rng.normal(size=(200, 2)).astype(np.float32)
    y = X[:, 0] + 0.3 * rng.normal(size=200)
    problem = ModelProblem("regression", 1, "absolute_error", ("a", "b"))
    plain, skewed = (
        NormalScores.fit(target).apply(
            models.build("kernel", {"steps": 5}, problem).fit(X, target).predict(X)
        )
        for target in (y, np.exp(3 * y))
    )
    np.testing.assert_allclose(skewed, plain, atol=1e-6)
    assert plain.std() > 0.5
