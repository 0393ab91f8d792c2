"""A last step of one's own is judged out of fold, and applied to test's rows and new ones alike."""

import sys

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from pipeline import competitions, postprocessing, session, workspace
from pipeline.errors import DataError, SettingsError
from pipeline.flow import Reporter
from pipeline.parallel import one_thread
from pipeline.postprocessing import postprocessed
from pipeline.workspace import Workspace
from tests.small_loaded import loaded


def nothing_sold_on_closed_days(prediction, frame):
    prediction[frame["closed"] == 1] = 0.0
    return prediction


def own(folder, monkeypatch, code):
    (folder / "own_step.py").write_text(code)
    monkeypatch.setattr(competitions, "__path__", [*competitions.__path__, str(folder)])
    monkeypatch.delitem(sys.modules, "pipeline.competitions.own_step", raising=False)


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("x = 1", r"has no function `postprocess\(prediction, frame\)`"),
        ("def postprocess(p, f): return p[:2]", r"shape \(2, 2\), where \(3, 2\) is needed"),
        ("def postprocess(p, f): return 'a'", r"returned str, and needed is an array"),
        ("def postprocess(p, f): return p * float('nan')", r"no finite number for 3 of 3 rows"),
        ("def postprocess(p, f): return p * 3", r"below 0 or above 1 for 3 of 3 rows"),
        ("def postprocess(p, f): return f['x']", r"raised KeyError: 'x' \("),
    ],
)
def test_what_is_no_prediction_is_one_message(tmp_path, monkeypatch, code, expected):
    own(tmp_path, monkeypatch, code)
    load, prediction = loaded([0, 1, 1]), np.full((3, 2), 0.5)
    with pytest.raises((DataError, SettingsError), match=expected):
        postprocessed("own_step", prediction, load.train, load.problem)
    assert (prediction == 0.5).all()


def test_it_counts_in_the_score_the_submission_and_predictions_of_new_rows(tmp_path, monkeypatch):
    # any module of the project, for its code is in the blend's key
    monkeypatch.setattr(postprocessing, "own_function", lambda *of: nothing_sold_on_closed_days)
    monkeypatch.setattr(workspace, "COMPETITIONS", tmp_path)
    place, rng = Workspace(tmp_path, "tiny"), np.random.default_rng(0)
    table = pd.DataFrame({"id": range(150), "x": rng.normal(size=150).round(2)})
    table["closed"] = rng.integers(2, size=150)
    table["y"] = np.where(
        table["closed"] == 1, 0, (10 + table["x"] + rng.normal(size=150)).round(2)
    )
    place.raw.mkdir(parents=True)
    table[:100].to_csv(place.raw / "train.csv", index=False)
    table[100:].drop(columns="y").to_csv(place.raw / "test.csv", index=False)
    (tmp_path / "tiny.toml").write_text(
        '[split]\nfolds = 2\n[models.linear]\ndrop = ["closed"]\n[submit]\npostprocess = "airline"'
    )
    with one_thread():
        flow = session.run(place, "submit", reporter=Reporter(silent=True)).flow
    blend = flow.value("blend")
    closed = table["closed"].to_numpy() == 1
    assert (blend.oof[closed[:100]] == 0).all() and (blend.oof[~closed[:100]] > 1).all()
    assert blend.candidates["equal"].score > 4.5 > 4.2 > blend.expected.cross_validated
    assert "rmse after minus before it -" in blend.rule.lower()
    (file,) = place.submissions.glob("*.csv")
    assert_allclose(pd.read_csv(file)["y"] == 0, closed[100:])
    scored = session.predict_file(place, place.raw / "test.csv", tmp_path / "out.csv")
    assert_allclose(pd.read_csv(scored.path)["y"], blend.test[:, 0])
