"""A competition's rows as matrices: what a model of its TOML is given, fold by fold."""

from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose

import pipeline
from pipeline.errors import SettingsError
from pipeline.matrices import Matrices, matrices


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("project")


@pytest.fixture(scope="module")
def airline(root) -> Matrices:
    return matrices("airline", "linear", root=root)


@pytest.fixture(scope="module")
def oof(airline) -> dict[str, np.ndarray]:
    """Out-of-fold predictions of linear regression, and of one that learns nothing."""
    predictions = {name: np.full((len(airline.y), 2), 0.5) for name in ("constant", "linear")}
    for fold, X in zip(airline.folds, airline.matrices, strict=True):
        model = airline.model("linear", X).fit(X.train, airline.y[fold.train])
        predictions["linear"][fold.valid] = model.predict(X.valid)
    return predictions


def test_a_model_fitted_on_them_predicts_what_the_pipeline_predicts(oof, root):
    flow = pipeline.compute("airline", "train-linear", "quick", root=root)

    assert_allclose(oof["linear"], flow.value("train", "linear").oof[0], rtol=0, atol=1e-9)


def test_a_row_of_a_matrix_is_a_row_of_the_fold(airline):
    for fold, X in zip(airline.folds, airline.matrices, strict=True):
        columns = len(X.problem.columns)
        assert X.train.shape == (len(fold.train), columns)
        assert X.valid.shape == (len(fold.valid), columns)


def test_a_model_has_the_settings_of_the_toml_and_the_changes(airline):
    (X, *_) = airline.matrices
    toml = airline.configuration.models["neural_net"]

    estimator = airline.model("neural_net", X, epochs=3).estimator

    assert (estimator.epochs, estimator.batch_size) == (3, toml.batch_size)


def test_the_leaderboard_has_the_best_first(airline, oof):
    board = airline.leaderboard(oof)

    hits = (oof["linear"].argmax(axis=1) == airline.y).mean()
    assert list(board.index) == ["linear", "constant"]
    assert board.loc["linear", "accuracy"] == pytest.approx(hits, abs=5e-5)
    assert board.loc["constant", "verdict"] == "worse"


def test_simulated_rows_are_named_so(airline):
    assert repr(airline) == "<Matrices: 3,000 SIMULATED rows in 5 folds>"


def test_a_model_that_the_toml_does_not_have_is_refused(airline, root):
    with pytest.raises(SettingsError, match="found 'forest', allowed are linear, "):
        matrices("airline", "forest", root=root)
