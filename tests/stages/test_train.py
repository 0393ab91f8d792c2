"""Training: out-of-fold means out of fold, and what a killed run fitted is not fitted again."""

import numpy as np
import pytest

from pipeline import models
from pipeline.artifacts import Folder
from pipeline.config import TrainStage
from pipeline.folds import read_folds
from pipeline.progress import Progress
from pipeline.stages import train
from tests.stages.encoded import problem, write_encoded


def run(root, y, X, partial=None):
    folders = write_encoded(root, y, X)
    tune = Folder(root / "tune")
    tune.write_json("best", {"settings": {"l2": 0.01, "seed": 0}})
    out = Folder(root / "train")
    train.run(
        TrainStage(name="logistic", model={}),
        **folders,
        tune=tune,
        partial=partial or Folder(root / "partial"),
        out=out,
        progress=Progress(live=False),
    )
    return out, folders


def test_out_of_fold_predictions_come_from_models_that_never_saw_the_row(tmp_path):
    y, X = problem()
    out, folders = run(tmp_path / "one", y, X)
    valid = read_folds(folders["split"])[1].valid
    turned = y.copy()
    turned[valid] = 1 - turned[valid]
    other, _ = run(tmp_path / "two", turned, X)
    before, after = (folder.read_array("oof")[0] for folder in (out, other))
    assert before[valid].tobytes() == after[valid].tobytes()
    assert before.tobytes() != after.tobytes()


def test_test_predictions_are_the_mean_over_the_saved_models(tmp_path):
    y, X = problem()
    out, folders = run(tmp_path, y, X)
    schema = folders["load"].read_json("schema")
    parts = []
    for fold in read_folds(folders["split"]):
        view = train.read_view(folders["encode"], fold, "dense")
        posed = models.describe(schema, view.columns, view.categorical, "accuracy")
        model = models.build("logistic", {}, posed)
        parts.append(model.load(out.folder("models"), fold.name).predict(view.test))
    assert out.read_array("test").tobytes() == np.mean(parts, axis=0).tobytes()


def test_finished_folds_of_an_interrupted_run_are_used(tmp_path, monkeypatch):
    y, X = problem()
    whole, _ = run(tmp_path / "whole", y, X)
    monkeypatch.setattr("pipeline.parallel.cores", lambda: 1)
    partial = Folder(tmp_path / "partial")
    fit, fitted = train.fit_fold, []

    def counting(*arguments):
        fitted.append(arguments[-1].name)
        if len(fitted) == 3:
            raise KeyboardInterrupt
        fit(*arguments)

    monkeypatch.setattr(train, "fit_fold", counting)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "stopped", y, X, partial)
    resumed, _ = run(tmp_path / "stopped", y, X, partial)
    assert fitted == ["r0-f0", "r0-f1", "r0-f2", "r0-f2"]
    assert resumed.read_array("oof").tobytes() == whole.read_array("oof").tobytes()


def test_labels_that_mean_nothing_score_chance(tmp_path):
    y, X = problem(n=3000)
    shuffled = np.random.default_rng(1).permutation(y)
    out, _ = run(tmp_path, shuffled, X)
    accuracy = (out.read_array("oof")[0].argmax(axis=1) == shuffled).mean()
    assert accuracy == pytest.approx(0.5, abs=3 * np.sqrt(0.25 / 3000))
