"""An encoder and a model as one thing: what it is taught of the target."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from pipeline import fitting
from pipeline.encoding.columns import code_table
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
