"""How numbers move together: against pandas, and the words for it."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from pipeline.exploration.correlations import Correlations, caption, correlations, rank_correlations
from pipeline.exploration.target import Target
from pipeline.problem import Feature


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def test_spearman_matches_pandas(rng):
    matrix = rng.normal(size=(200, 4))
    matrix[:, 1] += matrix[:, 0]
    matrix[:, 2] = matrix[:, 2].round()

    assert_allclose(rank_correlations(pd.DataFrame(matrix)), pd.DataFrame(matrix).corr("spearman"))


def test_with_holes_ranks_are_correlated_over_the_rows_that_both_know(rng):
    matrix = rng.normal(size=(200, 4))
    matrix[rng.random(matrix.shape) < 0.2] = np.nan

    assert_allclose(rank_correlations(pd.DataFrame(matrix)), pd.DataFrame(matrix).rank().corr())


def test_a_column_that_does_not_vary_correlates_with_nothing(rng):
    matrix = np.column_stack([rng.normal(size=50), np.full(50, 3.0), np.full(50, np.nan)])

    found = rank_correlations(pd.DataFrame(matrix))

    assert found[0, 0] == 1.0
    assert np.isnan(found[1:]).all()


def test_correlations_set_the_target_apart():
    matrix = np.array([[1.0, -0.97, 0.4], [-0.97, 1.0, 0.2], [0.4, 0.2, 1.0]])

    text = caption(Correlations(("a", "b", "t"), matrix, "t"))

    assert text.startswith("'a' correlates most with the target, 0.40.")
    assert "'a' and 'b' correlate most, −0.97. 1 pair above 0.95" in text


def test_the_target_is_a_column_unless_it_has_several_classes(rng):
    frame = pd.DataFrame({"a": rng.normal(size=90), "word": "x", "b": rng.normal(size=90)})
    features = [Feature("a", "number"), Feature("word", "category"), Feature("b", "number")]
    y = (frame["a"] > 0).to_numpy().astype(int)

    two = correlations(frame, features, Target("y", y, ("no", "yes")))
    three = correlations(frame, features, Target("y", y, ("no", "yes", "may")))

    assert two.names == ("a", "b", "y (target)") and three.names == ("a", "b")
    assert two.strongest[0][:2] == ("a", "y (target)")
    assert correlations(frame, features[1:2], Target("y", y, None)) is None


def test_the_most_correlated_columns_keep_their_order():
    matrix = np.eye(4)
    matrix[0, 3] = matrix[3, 0] = 0.9

    kept = Correlations(("a", "b", "c", "d"), matrix, None).most_correlated(2)

    assert kept.names == ("a", "d")
    assert_allclose(kept.matrix, [[1, 0.9], [0.9, 1]])
