"""A whole run on windows of time: test is predicted by a fit on all rows, the rest as ever."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from tests.finished import Small, new_competition

ROWS, TEST = 110, 20
TOML = """
[competition]
metric = "accuracy"
[explore]
max_rows = 100
permutations = 9
[split]
time = "day"
horizon = "2 weeks"
gap = "3 days"
folds = 1
[models.linear]
[models.logistic]
[evaluate]
learning_curve = [1.0]
importance_rows = 20
importance_repeats = 1
dependence_rows = 0
"""


@pytest.fixture
def small(tmp_path, monkeypatch) -> Small:
    """Rows of consecutive days; test has the last ones."""
    rng = np.random.default_rng(0)
    n = ROWS + TEST
    frame = pd.DataFrame({"id": np.arange(n), "day": pd.date_range("2023-01-01", periods=n)})
    frame["x"], frame["z"] = rng.normal(size=(2, n)).round(3)
    frame["target"] = (frame["x"] + 0.5 * rng.normal(size=n) > 0).astype(int)
    small = new_competition(tmp_path, TOML, frame[:ROWS], frame[ROWS:].drop(columns="target"))
    monkeypatch.setattr("pipeline.workspace.COMPETITIONS", small.settings)
    monkeypatch.chdir(small.root)
    return small


def test_one_window_goes_through_every_stage(small):
    done = small.run()
    flow, train = done.flow, pd.read_csv(small.workspace.raw / "train.csv")
    folds, blend = flow.value("split"), flow.value("blend")
    assert [(len(fold.train), len(fold.valid)) for fold in folds.folds] == [(93, 14)]
    assert np.isfinite(blend.oof).all(axis=1).sum() == 14
    assert (done.experiment.validated, len(small.submissions)) == (
        blend.expected.cross_validated,
        1,
    )
    page = (small.build / "report.html").read_text()
    assert "fitted once more, on all rows" in page
    # what the test rows get is what a fit on all 110 rows predicts
    logistic = flow.value("train", "logistic")
    assert [fit.fold for fit in logistic.fits] == [0, 1]
    assert logistic.test_by_fold.shape == (1, TEST, 2)
    assert_allclose(logistic.test, logistic.test_by_fold[0])
    fitted = flow.fits().fitted(logistic.member, folds.whole)
    assert_allclose(fitted.predict(flow.value("encode").tables[""].test), logistic.test)
    assert folds.whole.train.tolist() == [*range(len(train))]
