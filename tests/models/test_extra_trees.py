import numpy as np
import pytest
from sklearn.ensemble import ExtraTreesClassifier, ExtraTreesRegressor

from pipeline import models
from pipeline.models import Problem


def sample():
    """X (600, 4) float32, a column with few values, gaps; a signal (600,)."""
    rng = np.random.default_rng(2)
    X = rng.normal(size=(600, 4)).astype(np.float32)
    X[:, 1] = rng.integers(5, size=600)
    X[rng.random(X.shape) < 0.1] = np.nan
    return X, np.nan_to_num(X[:, 0]) + np.isnan(X[:, 1]) + np.nan_to_num(X[:, 2]) ** 2


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_walked_by_numpy_the_trees_say_what_scikit_learn_says(task) -> None:
    X, y = sample()
    if task != "regression":
        y = np.digitize(y, [1.0] if task == "binary" else [0.3, 1.5])
    outputs = {"binary": 2, "multiclass": 3, "regression": 1}[task]
    problem = Problem(task, outputs, "accuracy", tuple("abcd"))
    model = models.build("extra_trees", {"n_trees": 20, "seed": 3}, problem).fit(X[:400], y[:400])
    oracle = ExtraTreesRegressor if task == "regression" else ExtraTreesClassifier
    fitted = oracle(20, max_features=0.5, random_state=3).fit(X[:400], y[:400])
    known = fitted.predict if task == "regression" else fitted.predict_proba
    expected = known(X[400:]).reshape(200, -1)
    np.testing.assert_allclose(model.predict(X[400:]), expected, rtol=1e-5, atol=1e-6)


def test_a_class_that_no_fitted_row_has_gets_probability_zero() -> None:
    X, y = sample()
    problem = Problem("multiclass", 3, "accuracy", tuple("abcd"))
    model = models.build("extra_trees", {"n_trees": 3}, problem).fit(X, np.where(y > 1, 2, 0))
    assert (model.predict(X)[:, 1] == 0).all()
