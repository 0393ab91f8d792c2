"""scikit-learn's estimator checks and tools applied to our estimators; and use without it."""

import copy
import json
import subprocess
import sys
import warnings

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import linear_model
from sklearn.ensemble import VotingClassifier
from sklearn.exceptions import DataConversionWarning, NotFittedError
from sklearn.metrics import accuracy_score, r2_score
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import (
    check_dataframe_column_names_consistency,
    check_inplace_ensure_writeable,
    parametrize_with_checks,
)

from pipeline.engines.gaussian_process import (
    GaussianProcessClassifier,
    GaussianProcessRegressor,
)
from pipeline.engines.gradient_boosting import (
    SymmetricTreesClassifier,
    SymmetricTreesRegressor,
)
from pipeline.engines.linear_regression import LinearRegression
from pipeline.engines.logistic_regression import LogisticRegression
from pipeline.engines.neural_network import NeuralNetworkClassifier, NeuralNetworkRegressor
from pipeline.engines.recurrent_network import RecurrentClassifier, RecurrentRegressor
from tests.project import ROOT

# one batch of all rows and no dropout, so that a weight of 2 equals two rows for a network, too
ONE_BATCH = {"hidden": (16,), "lr": 0.03, "epochs": 40, "batch_size": 1000, "n_networks": 2}
MINI_BATCHES = {"hidden": (16,), "lr": 0.03, "epochs": 20, "batch_size": 16, "n_networks": 1}

ESTIMATORS = [
    LinearRegression(),
    LinearRegression(solver="closed_form"),
    LinearRegression(solver="plain", epochs=300),
    LogisticRegression(),
    LogisticRegression(solver="plain", epochs=300),
    NeuralNetworkClassifier(dropout=0.0, **ONE_BATCH),
    NeuralNetworkClassifier(dropout=0.1, early_stopping=True, **MINI_BATCHES),
    NeuralNetworkRegressor(**ONE_BATCH),
    NeuralNetworkRegressor(dropout=0.1, early_stopping=True, **MINI_BATCHES),
    RecurrentClassifier(step_dropout=0.0, **ONE_BATCH),
    RecurrentRegressor(step_dropout=0.0, **ONE_BATCH),
    GaussianProcessClassifier(steps=10),
    GaussianProcessRegressor(steps=10),
    SymmetricTreesClassifier(n_trees=20),
    SymmetricTreesRegressor(n_trees=50),
]
each = pytest.mark.parametrize("estimator", ESTIMATORS, ids=repr)


def expected_failures(estimator) -> dict[str, str]:
    """Dropout draws two masks for a repeated row, but only one for a row of weight 2."""
    if not getattr(estimator, "dropout", 0):
        return {}
    return {"check_sample_weight_equivalence_on_dense_data": "dropout draws a mask for each row"}


with warnings.catch_warnings():
    warnings.filterwarnings("ignore", ".* does not inherit from `sklearn.base.BaseEstimator`")
    every_check = parametrize_with_checks(
        ESTIMATORS, expected_failed_checks=expected_failures, xfail_strict=True
    )


@every_check
def test_check(estimator, check, monkeypatch) -> None:
    monkeypatch.setenv("SCIPY_ARRAY_API", "1")  # else scikit-learn skips one
    check(estimator)


@each
@pytest.mark.parametrize(
    "check", [check_dataframe_column_names_consistency, check_inplace_ensure_writeable]
)
def test_checks_that_are_not_in_the_generated_list(estimator, check) -> None:
    check(type(estimator).__name__, estimator)


@pytest.fixture
def survey(rng):
    """Rows, a class of three by name, a number, weights."""
    X = rng.normal(size=(150, 4))
    names = np.array(["low", "middle", "high"])
    noisy = X @ [2.0, -1, 0.5, 0] + rng.normal(size=150)
    return X, names[np.digitize(noisy, [-1, 1])], noisy, rng.uniform(size=150)


def test_scores_equal_scikit_learns(survey) -> None:
    X, classes, numbers, w = survey
    model = LogisticRegression().fit(X, classes)
    assert_allclose(
        model.score(X, classes, w), accuracy_score(classes, model.predict(X), sample_weight=w)
    )
    line = LinearRegression().fit(X, numbers)
    assert_allclose(line.score(X, numbers, w), r2_score(numbers, line.predict(X), sample_weight=w))
    assert line.score(X, np.zeros(150)) == 0
    assert LinearRegression().fit(X, np.zeros(150)).score(X, np.zeros(150)) == 1


def test_cross_validation_scores_equal_the_oracles(survey) -> None:
    X, _, numbers, _ = survey
    expected = cross_val_score(linear_model.LinearRegression(), X, numbers)
    assert_allclose(cross_val_score(LinearRegression(), X, numbers), expected, atol=1e-9)


def test_grid_search_over_a_pipeline_equals_the_oracles(survey) -> None:
    X, classes, _, _ = survey
    penalties = np.array([1e-3, 1e-2, 0.1])
    ours = make_pipeline(StandardScaler(), LogisticRegression())
    search = GridSearchCV(ours, {"logisticregression__l2": penalties}, cv=3, scoring="neg_log_loss")
    theirs = make_pipeline(StandardScaler(), linear_model.LogisticRegression(tol=1e-9))
    grid = {"logisticregression__C": 1 / (100 * penalties)}
    oracle = GridSearchCV(theirs, grid, cv=3, scoring="neg_log_loss").fit(X, classes)
    search.fit(X, classes, logisticregression__sample_weight=np.ones(150))
    found, expected = (s.cv_results_["mean_test_score"] for s in (search, oracle))
    assert_allclose(found, expected, atol=1e-5)
    assert search.best_index_ == oracle.best_index_
    assert search.predict(X).tolist() == oracle.predict(X).tolist()


def test_soft_voting_averages_the_probabilities(survey) -> None:
    X, classes, _, _ = survey
    network = NeuralNetworkClassifier(**MINI_BATCHES)
    models = [("a", LogisticRegression()), ("b", network)]
    vote = VotingClassifier(models, voting="soft").fit(X, classes)
    expected = [LogisticRegression().fit(X, classes), network.fit(X, classes)]
    assert_allclose(
        vote.predict_proba(X), np.mean([m.predict_proba(X) for m in expected], axis=0), atol=1e-6
    )


@each
def test_fitting_again_resets_the_estimator(estimator, survey, rng) -> None:
    """Nothing of the fit before is left: width, names, classes, curves."""
    X, _, numbers, _ = survey
    y = numbers > 0
    with pytest.raises(NotFittedError, match="not fitted yet: call fit first"):
        estimator.score(X, y)
    reused, fresh = copy.copy(estimator), copy.copy(estimator)
    reused.fit(pd.DataFrame(X[:50, :3], columns=["a", "b", "c"]), rng.integers(2, size=50))
    one, two = reused.fit(X, y).state(), fresh.fit(X, y).state()
    assert one.keys() == two.keys()
    assert all(one[name].tobytes() == two[name].tobytes() for name in one)


@each
def test_column_names_are_saved_and_loaded_without_pickle(estimator, survey, tmp_path) -> None:
    X, _, numbers, _ = survey
    table = pd.DataFrame(X, columns=["a", "b", "c", "d"])
    fitted = copy.copy(estimator).fit(table, numbers > 0)
    np.savez(tmp_path / "state.npz", **fitted.state())
    with np.load(tmp_path / "state.npz", allow_pickle=False) as state:
        loaded = copy.copy(estimator).set_state(dict(state))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert_array_equal(loaded.predict(table), fitted.predict(table))
    with pytest.raises(ValueError, match=r"yet now missing:\n- c\n$"):
        loaded.predict(table[["a", "b", "d"]])
    with pytest.warns(UserWarning, match="was fitted with feature names"):
        loaded.predict(X)
    with pytest.raises(TypeError, match="also has the column 7"):
        loaded.predict(table.rename(columns={"b": 7}))


@pytest.mark.parametrize("kind", [NeuralNetworkClassifier, NeuralNetworkRegressor])
def test_a_copy_continues_partial_fit_like_a_loaded_estimator(survey, kind) -> None:
    """It keeps the weights, but not the optimizer's state."""
    X, _, numbers, _ = survey
    y = numbers > 0
    network = kind(**MINI_BATCHES).partial_fit(X, y)
    state, after = network.state(), copy.deepcopy(network).partial_fit(X, y)
    loaded = kind(**MINI_BATCHES).set_state(state).partial_fit(X, y)
    assert_array_equal(after.theta_, loaded.theta_)
    assert not np.array_equal(after.theta_, state["theta_"])
    assert_array_equal(network.theta_, state["theta_"])


def test_partial_fit_refuses_changed_classes(survey) -> None:
    X, classes, _, _ = survey
    for model in (LogisticRegression(), NeuralNetworkClassifier(**MINI_BATCHES)):
        named = np.array(["low", "middle", "high"], dtype=object)
        model.partial_fit(X[:9], classes[:9], classes=named)
        assert model.state()["classes_"].dtype.kind == "U"
        model.partial_fit(X, classes, classes=["high", "low", "middle"])
        with pytest.raises(ValueError, match=r"classes is \['low', 'high'\], but an earlier"):
            model.partial_fit(X, classes, classes=["low", "high"])


def test_a_column_of_targets_is_accepted_with_a_warning(survey) -> None:
    X, _, numbers, _ = survey
    with pytest.warns(DataConversionWarning, match="A column-vector y was passed"):
        column = LinearRegression().fit(X, numbers[:, None])
    assert_array_equal(column.coef_, LinearRegression().fit(X, numbers).coef_)


SCRIPT = """
import importlib, json, sys
for absent in ("sklearn", "scipy", "pandas"):
    sys.modules[absent] = None
import numpy as np
rng = np.random.default_rng(0)
X = rng.normal(size=(60, 3))
y = (X[:, :1] > 0).astype(int)  # a column, for the warning
for module, name, params in json.load(sys.stdin):
    estimator = getattr(importlib.import_module(module), name)(**params)
    try:
        estimator.predict(X)
    except (ValueError, AttributeError) as error:
        assert type(error).__name__ == "NotFittedError", repr(error)
        assert isinstance(error, ValueError) and isinstance(error, AttributeError)
    print(name, estimator.fit(X, y).score(X, y))
assert not [name for name in sys.modules if name.startswith(("sklearn.", "scipy.", "pandas."))]
"""


def test_everything_works_without_scikit_learn(rng) -> None:
    """With NumPy alone, every estimator is fitted to an easy target."""
    estimators = [(type(e).__module__, type(e).__name__, e.get_params()) for e in ESTIMATORS]
    done = subprocess.run(
        [sys.executable, "-W", "error::RuntimeWarning", "-c", SCRIPT],
        input=json.dumps(estimators),
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    scores = [line.split() for line in done.stdout.splitlines()]
    assert [name for name, _ in scores] == [type(e).__name__ for e in ESTIMATORS]
    assert min(float(score) for _, score in scores) > 0.4
    assert "UserWarning: A column-vector y was passed" in done.stderr
