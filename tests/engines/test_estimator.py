import io

import numpy as np
import pytest
from scipy.sparse import csr_array
from sklearn.base import clone

from pipeline.engines.linear_regression import LinearRegression
from pipeline.engines.logistic_regression import LogisticRegression
from pipeline.engines.neural_network import NeuralNetworkClassifier, NeuralNetworkRegressor

ESTIMATORS = [
    LinearRegression(l2=0.1),
    LogisticRegression(l2=0.1),
    NeuralNetworkClassifier(epochs=3, n_networks=2, dropout=0.2),
    NeuralNetworkRegressor(epochs=3, n_networks=2, dropout=0.2, early_stopping=True),
]
each = pytest.mark.parametrize("estimator", ESTIMATORS, ids=lambda e: type(e).__name__)


@pytest.fixture
def rows(rng):
    X = rng.normal(size=(60, 4)).astype(np.float32)
    return X, (X[:, 0] + 0.3 * rng.normal(size=60) > 0).astype(int)


def output(estimator, X) -> np.ndarray:
    return getattr(estimator, "predict_proba", estimator.predict)(X)


@each
def test_state_is_saved_and_loaded_without_pickle(estimator, rows) -> None:
    X, y = rows
    fitted = clone(estimator).fit(X, y)
    file = io.BytesIO()
    np.savez(file, **fitted.state())
    file.seek(0)
    state = dict(np.load(file, allow_pickle=False))
    loaded = clone(estimator).set_state(state)
    assert output(loaded, X).tobytes() == output(fitted, X).tobytes()
    assert loaded.predict(X).tobytes() == fitted.predict(X).tobytes()
    assert loaded.state().keys() == fitted.state().keys()


@each
def test_fitting_is_deterministic_to_the_byte(estimator, rows) -> None:
    X, y = rows
    one, two = clone(estimator).fit(X, y).state(), clone(estimator).fit(X, y).state()
    assert all(one[name].tobytes() == two[name].tobytes() for name in one)


@each
def test_get_params_and_set_params(estimator) -> None:
    copy = clone(estimator)
    assert copy.get_params() == estimator.get_params()
    assert copy.set_params(seed=7).get_params()["seed"] == 7
    with pytest.raises(ValueError, match="'depth', allowed are "):
        copy.set_params(depth=3)
    with pytest.raises(ValueError, match="'lr' is not the name of a fitted attribute"):
        copy.set_state({"lr": np.ones(1)})


def test_an_invalid_name_changes_no_parameter() -> None:
    model = LogisticRegression(l2=0.1)
    with pytest.raises(ValueError, match="'depth'"):
        model.set_params(l2=0.5, depth=3)
    assert model.l2 == 0.1


def test_repr_is_the_constructor_call() -> None:
    assert repr(LinearRegression()) == "LinearRegression()"
    assert (
        repr(LinearRegression(solver="plain", l2=0.5)) == "LinearRegression(l2=0.5, solver='plain')"
    )


INVALID = {
    "NaN": (lambda X, y: (np.where(X[3, 2] == X, np.nan, X), y), "row 3, column 2"),
    "one dimension": (lambda X, y: (X[:, 0], y), "2 dimensions"),
    "no rows": (lambda X, y: (X[:0], y[:0]), "0 sample"),
    "y too short": (lambda X, y: (X, y[:-1]), r"y has shape \(59,\), expected \(60,\)"),
    "no y": (lambda X, y: (X, None), "y is None"),
    "NaN in y": (
        lambda X, y: (X, np.where(np.arange(60) == 5, np.nan, y)),
        "y contains NaN.*row 5",
    ),
    "text": (lambda X, y: (X.astype(str).astype(object) + "cm", y), "must be a number"),
    "complex": (lambda X, y: (X + 1j, y), "Complex"),
    "beyond floats": (lambda X, y: (np.full(X.shape, 10**400, dtype=object), y), "too large"),
    "sparse": (lambda X, y: (csr_array(X), y), "sparse matrix: pass a dense one"),
}


@each
@pytest.mark.parametrize("case", INVALID)
def test_invalid_input_raises_a_clear_error(estimator, rows, case) -> None:
    change, message = INVALID[case]
    with pytest.raises(ValueError, match=message):
        clone(estimator).fit(*change(*rows))


@each
def test_invalid_rows_to_predict_and_invalid_weights(estimator, rows) -> None:
    X, y = rows
    with pytest.raises(ValueError, match="call fit first"):
        clone(estimator).predict(X)
    fitted = clone(estimator).fit(X, y)
    with pytest.raises(ValueError, match=r"X has 3 features, but .* is expecting 4 features"):
        fitted.predict(X[:, :3])
    with pytest.raises(ValueError, match="row 0, column 0"):
        fitted.predict(np.full((1, 4), np.inf))
    for weights, message in [
        (np.ones(3), r"shape \(3,\)"),
        (np.where(np.arange(60) == 7, -0.5, 1), "found the negative value -0.5"),
        (np.zeros(60), "found only zeros"),
        (np.full(60, np.nan), "NaN"),
    ]:
        with pytest.raises(ValueError, match=f"sample_weight.*{message}"):
            clone(estimator).fit(X, y, weights)


def test_invalid_labels(rows) -> None:
    X, _ = rows
    for y, message in [
        (np.zeros(60), r"only one class, 0\.0: a classifier"),
        (np.linspace(0, 1, 60), "fractions"),
        (np.full(60, None), "label type"),
        (np.where(np.arange(60) == 7, np.nan, np.full(60, "a", dtype=object)), "mixes text"),
        (np.where(np.arange(60) == 7, 1, np.full(60, "a", dtype=object)), "mixes text"),
    ]:
        with pytest.raises(ValueError, match=message):
            LogisticRegression().fit(X, y)
    model = LogisticRegression().partial_fit(X, np.arange(60) % 2, classes=[0, 1])
    with pytest.raises(ValueError, match=r"the class 2; allowed are \[0, 1\]"):
        model.partial_fit(X, np.arange(60) % 3)


@pytest.mark.parametrize("estimator", ESTIMATORS[:2])
def test_an_unknown_solver_is_named(estimator, rows) -> None:
    with pytest.raises(ValueError, match="'magic'; allowed are nesterov, plain"):
        clone(estimator).set_params(solver="magic").fit(*rows)
