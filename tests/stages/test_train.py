"""Training: out-of-fold means out of fold, and what a killed run fitted is not fitted again."""

import numpy as np
import pytest

from pipeline import models
from pipeline.artifacts import Folder
from pipeline.budget import UNBOUNDED, Allowance, Attempt
from pipeline.config import TrainStage
from pipeline.folds import read_folds
from pipeline.progress import Progress
from pipeline.stages import train
from tests.stages.encoded import problem, write_encoded


def run(root, y, X, partial=None, repeats=1, budget=UNBOUNDED):
    folders = write_encoded(root, y, X, repeats=repeats)
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
        budget=budget,
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


def test_predictions_by_fold_are_the_mean_over_the_repeats_that_were_made(tmp_path):
    y, X = problem()
    out, folders = run(tmp_path, y, X, repeats=3, budget=timed(6.5, 1.0))
    schema, by_fold = folders["load"].read_json("schema"), out.read_array("by_fold")
    expected = {}
    for fold in read_folds(folders["split"]):
        if fold.repeat < 2:
            view = train.read_view(folders["encode"], fold, "dense")
            posed = models.describe(schema, view.columns, view.categorical, "accuracy")
            model = models.build("logistic", {}, posed).load(out.folder("models"), fold.name)
            expected.setdefault(fold.number, []).append(model.predict(view.test))
    assert len(by_fold) == len(expected)
    for number, parts in expected.items():
        np.testing.assert_array_equal(by_fold[number], np.mean(parts, axis=0))
    assert not np.array_equal(by_fold[0], by_fold[1])


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


def timed(share, seconds_a_fold, at_least=0):
    """An allowance whose clock moves on by as much with every fold."""
    now = [0.0]
    attempt = Attempt("key", "data", "budget", share, first=share)
    bound = Allowance(1.0, attempt, at_least=at_least, clock=lambda: now[0])
    note = bound.note

    def noting(done):
        now[0] += seconds_a_fold
        note(done)

    bound.note = noting
    return bound


def files(folder):
    return {
        str(path.relative_to(folder.path)): path.read_bytes()
        for path in sorted(folder.path.rglob("*"))
        if path.is_file() and path.name != "timing.json"
    }


@pytest.mark.parametrize(
    ("share", "done"), [(0.2, 0), (3.4, 1), (5.5, 1), (6.5, 2), (9.5, 3), (99.0, 3)]
)
def test_as_many_repeats_are_made_as_there_is_time_for(tmp_path, share, done):
    y, X = problem()
    out, _ = run(tmp_path / "cut", y, X, repeats=3, budget=timed(share, 1.0))
    assert out.read_json("work")["repeats"] == [done, 3]
    assert len(out.read_array("oof")) == done
    follow = Allowance(1.0, follow=done)
    again, _ = run(tmp_path / "again", y, X, repeats=3, budget=follow)
    assert files(again) == files(out)
    whole, _ = run(tmp_path / "whole", y, X, repeats=3)
    assert whole.read_array("oof")[:done].tobytes() == out.read_array("oof").tobytes()


def test_the_first_model_makes_its_first_repeat_in_any_case(tmp_path):
    y, X = problem()
    out, _ = run(tmp_path, y, X, repeats=3, budget=timed(0.0, 1.0, at_least=1))
    assert out.read_json("work")["repeats"] == [1, 3]
    assert out.read_array("oof").shape == (1, len(y), 2)


def test_labels_that_mean_nothing_score_chance(tmp_path):
    y, X = problem(n=3000)
    shuffled = np.random.default_rng(1).permutation(y)
    out, _ = run(tmp_path, shuffled, X)
    accuracy = (out.read_array("oof")[0].argmax(axis=1) == shuffled).mean()
    assert accuracy == pytest.approx(0.5, abs=3 * np.sqrt(0.25 / 3000))
