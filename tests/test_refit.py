"""A whole run of grouped rows by absolute errors; a fit on all rows has half the weight."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from pipeline.predictor import Predictor
from tests.finished import Small, new_competition

ROWS, TEST = 90, 15
TOML = """
[competition]
metric = "mae"
[explore]
max_rows = 100
permutations = 9
[split]
group = "who"
folds = 3
[load]
drop = ["who"]
[models.linear]
refit = 0.5
[models.lightgbm]
max_rounds = 10
n_models = 1
[evaluate]
learning_curve = [1.0]
importance_rows = 20
importance_repeats = 1
dependence_rows = 0
"""


@pytest.fixture
def small(tmp_path, monkeypatch) -> Small:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"id": np.arange(ROWS + TEST), "who": np.arange(ROWS + TEST) // 5})
    frame["x"], frame["z"] = rng.normal(size=(2, ROWS + TEST)).round(3)
    frame["target"] = np.exp(frame["x"] + 0.5 * rng.normal(size=ROWS + TEST)).round(3)
    small = new_competition(tmp_path, TOML, frame[:ROWS], frame[ROWS:].drop(columns="target"))
    monkeypatch.setattr("pipeline.workspace.COMPETITIONS", small.settings)
    monkeypatch.chdir(small.root)
    return small


def test_what_a_run_predicts_of_test_its_models_predict_of_new_rows(small):
    flow = small.run().flow
    load, split, blend = (flow.value(stage) for stage in ("load", "split", "blend"))
    train = {name: flow.value("train", name) for name in ("linear", "lightgbm")}
    linear, fits = train["linear"], flow.fits()
    of_folds = np.mean([fits.test(linear.member, fold).values for fold in split.folds], axis=0)
    of_whole = fits.test(linear.member, split.whole).values
    assert_allclose(linear.test, (of_folds + of_whole) / 2, rtol=1e-12)
    assert [len(each.fits) for each in train.values()] == [4, 3]
    found = Predictor(load, split, train, blend, fits).predict(load.test)
    assert_allclose(found, blend.test, rtol=1e-9)
    who = np.arange(ROWS) // 5
    for fold in split.folds:
        assert len(set(zip(fold.clusters, who[fold.train], strict=True))) == 12
