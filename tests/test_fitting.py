"""An encoder and a model as one thing: what it is taught of the target."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from pipeline import fitting
from pipeline.encoding.columns import code_table
from pipeline.errors import SettingsError
from pipeline.fitting import Objective
from pipeline.folds import Fold
from pipeline.lookup_matrix import Lookup, LookupMatrix
from pipeline.problem import Feature
from pipeline.settings import EncoderSettings
from tests import values


@pytest.mark.parametrize("kind", ["linear", "lightgbm"])
def test_errors_of_logarithms_are_those_of_a_target_of_logarithms(kind) -> None:
    """Target means among them: one enormous target would be all that a level's mean shows."""
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"size": rng.normal(size=300), "city": rng.integers(40, size=300)})
    table["city"] = "c" + table["city"].astype(str)
    y = np.exp(table["size"] + rng.normal(size=300) + (table["city"] < "c2")).to_numpy()
    features, rows = (Feature("size", "number"), Feature("city", "category")), np.arange(300)
    settings = {"max_rounds": 20, "n_models": 1} if kind == "lightgbm" else {}
    encoder = EncoderSettings(target_means=("city",))
    member, coded = values.member(kind, encoder, **settings), code_table(table, features)
    of_logs, plain = (
        fitting.fit(member, Objective("regression", 1, loss), features, coded, target, fold)
        for loss, target, fold in (
            ("squared_log_error", y, Fold(0, 0, rows, rows[:0])),
            ("squared_error", np.log1p(y), Fold(0, 0, rows, rows[:0])),
        )
    )
    expected = np.maximum(np.expm1(plain.predict(coded)), 0)
    assert_allclose(of_logs.predict(coded), expected, rtol=1e-9)
    assert any("city" in name for name in of_logs.encoder.names(member.view))


def test_a_sample_of_rows_has_every_class(monkeypatch):
    monkeypatch.setattr(fitting, "MOST_CELLS", 60)
    y = np.repeat([0, 1, 2], [100, 1, 100])
    X = LookupMatrix((Lookup(None, np.arange(201, dtype=np.float32)[:, None]),), 201)
    rows, classes, _ = fitting.learnt(values.member("linear"), X, y, None)
    assert set(classes.tolist()) == {0, 1, 2} and 60 <= len(rows) <= 61
    assert (y[rows[:, 0].astype(int)] == classes).all()


def fit_few(y, loss="absolute_error", task="regression", outputs=1, **asked):
    """LightGBM on one column; what it predicts of the same rows (n, k), and its stored state."""
    table, rows = pd.DataFrame({"size": np.arange(len(y)) % 17.0}), np.arange(len(y))
    features = (Feature("size", "number"),)
    member = replace(values.member("lightgbm", max_rounds=20, n_models=1), **asked)
    coded, objective = code_table(table, features), Objective(task, outputs, loss)
    fitted = fitting.fit(member, objective, features, coded, y, Fold(0, 0, rows, rows[:0]))
    again = fitting.restore(member, objective, features, fitted.state())
    assert_array_equal(again.predict(coded), fitted.predict(coded))
    return fitted.predict(coded)


@pytest.mark.parametrize("loss", ["absolute_error", "squared_error"])
def test_a_member_may_learn_logarithms_where_the_metric_does_not(loss):
    y = np.exp(np.random.default_rng(0).normal(3, 2, size=300))
    expected = np.maximum(np.expm1(fit_few(np.log1p(y), loss)), 0)
    assert_allclose(fit_few(y, loss, as_logarithms=True), expected, rtol=1e-6)
    assert not np.allclose(fit_few(y, loss), expected, rtol=0.01)


def test_logarithms_that_there_are_not_are_refused():
    y = np.arange(60.0)
    with pytest.raises(SettingsError, match="of a lightgbm: the target goes down to -1; allowed"):
        fit_few(y - 1, as_logarithms=True)
    with pytest.raises(SettingsError, match="the metric has it learn poisson; allowed"):
        fit_few(y, "poisson", as_logarithms=True)
    with pytest.raises(SettingsError, match="as_classes = true as well; allowed"):
        fit_few(y, as_logarithms=True, as_classes=True)
    with pytest.raises(SettingsError, match="the metric has it learn log_loss; allowed"):
        fit_few(np.arange(60) % 2, "log_loss", "binary", 2, as_logarithms=True)
