"""What a fit on all rows would take, from samples; and a model that would take too long."""

import math
import time

import numpy as np
import pytest

from pipeline import models, pace
from pipeline.artifacts import Folder
from pipeline.budget import MANY_ROWS, Allowance, Attempt
from pipeline.config import TrainStage
from pipeline.folds import folds_of
from pipeline.pace import extrapolated
from pipeline.progress import Progress
from pipeline.stages import train

ROWS = 640_000


@pytest.mark.parametrize(
    ("cost", "within"),
    [
        (lambda n: 1e-3 * n, 1.01),
        (lambda n: 1e-7 * n**2, 1.01),
        (lambda n: 1e-10 * n**3, 1.01),
        (lambda n: 0.05 + 1e-3 * n, 1.2),  # what a fit costs whatever its rows does not grow
        (lambda n: 1e-5 * n * math.log(n), 1.3),
    ],
    ids=["linear", "quadratic", "cubic", "overhead", "sorting"],
)
def test_growth_is_found_from_small_samples(cost, within):
    asked = []

    def measured(rows):
        asked.append(rows)
        return cost(rows)

    found = extrapolated(measured, ROWS, enough=1.0)
    assert cost(ROWS) / within <= found <= cost(ROWS) * within
    assert cost(asked[-2]) < 1.0  # the search ends with the first sample that takes enough
    assert asked == [500 * 2**i for i in range(len(asked))]


def test_what_is_cheap_is_measured_whole():
    assert extrapolated(lambda n: 1e-8 * n, 1200, enough=1.0) == 1e-8 * 1200
    assert extrapolated(lambda n: 0.0, 1200, enough=1.0) == 0.0
    assert extrapolated(lambda n: n, 80, enough=1.0) == 80


def bounded(share, **more):
    attempt = Attempt("k", "d", "b", share, 0.0)
    return Allowance(2.0, attempt, started=0.0, clock=lambda: 0.0, **more)


def test_only_what_fits_is_begun_unless_the_record_or_the_first_repeat_asks():
    assert bounded(120.0).affords(100.0)
    assert not bounded(120.0).affords(600.0)
    assert bounded(120.0, follow=1).affords(600.0)
    assert bounded(120.0, at_least=1).affords(600.0)


def test_few_rows_and_endless_time_are_not_measured(monkeypatch):
    monkeypatch.setattr(pace, "workers", None)  # nothing may be tried
    few = [pace.Fold(0, 0, range(8_000), range(2_000))]
    many = [pace.Fold(0, 0, range(80_000), range(20_000))]
    for folds, budget in ((few, bounded(1.0)), (many, Allowance()), (many, bounded(1.0, follow=0))):
        assert pace.repeat_seconds("linear", {}, "rmse", None, None, folds, budget) == 0.0


def test_it_says_how_long_and_of_what():
    told = bounded(120.0).too_long("one repeat", 720.0)
    assert told == (
        "one repeat would take about 12 minutes, with 2 minutes left of "
        "its share of [budget] minutes = 2"
    )
    told = bounded(0.0).too_long("one repeat", math.inf)
    assert told == "there is no time for one repeat in its share of [budget] minutes = 2"


@pytest.fixture(scope="module")
def stages(tmp_path_factory):
    """What load, split, encode and tune leave behind: two folds of numbers with two classes."""
    root, rng, rows = Folder(tmp_path_factory.mktemp("many")), np.random.default_rng(0), 12_000
    X = rng.normal(size=(rows, 6)).astype(np.float32)
    y = (X[:, 0] + rng.normal(size=rows) > 0).astype(np.int64)
    numbers = (np.arange(rows) % 2).astype(np.int16)
    folders = {name: root.folder(name) for name in ("load", "split", "encode", "tune")}
    folders["load"].write_array("y", y)
    folders["load"].write_json("schema", {"task": "binary", "classes": [0, 1]})
    folders["split"].write_array("folds-0", numbers)
    folders["split"].write_json("split", {"repeats": 1})
    for fold in folds_of(0, numbers):
        out = folders["encode"].folder(fold.name)
        out.write_json("columns", {"dense": {"columns": [f"x{i}" for i in range(6)]}})
        for part, chosen in (("train", fold.train), ("valid", fold.valid), ("test", fold.valid)):
            out.write_array(f"dense-{part}", X[chosen])
    settings = {"epochs": 10, "n_networks": 1, "hidden": [64]}
    folders["tune"].write_json("best", {"settings": settings})
    return folders


def test_the_time_of_a_real_fit_is_foreseen(stages):
    load, encode = stages["load"], stages["encode"]
    folds = train.read_folds(stages["split"])
    assert len(load.read_array("y")) > MANY_ROWS
    chosen = stages["tune"].read_json("best")["settings"]
    view = train.read_view(encode, folds[0], "dense")
    problem = models.describe(load.read_json("schema"), view.columns, (), "accuracy")
    model, started = models.build("neural_net", chosen, problem), time.process_time()
    model.fit(view.train, load.read_array("y")[folds[0].train])
    took = time.process_time() - started
    found = pace.fold_seconds("neural_net", chosen, "accuracy", load, encode, took / 20, folds[0])
    assert took / 2.5 < found < took * 2.5


def run_train(stages, tmp_path, budget):
    out, partial = Folder(tmp_path / "out"), Folder(tmp_path / "partial")
    settings = TrainStage(name="neural_net", model={}, metric="accuracy")
    progress = Progress(live=False)
    train.run(settings, **stages, partial=partial, out=out, progress=progress, budget=budget)
    return out, partial


def test_what_would_take_too_long_is_not_begun_and_the_record_says_so(stages, tmp_path, capsys):
    kept = []
    attempt = Attempt("k", "d", "b", 0.3, 0.0)
    budget = Allowance(1.0, attempt, kept.append, started=time.perf_counter())
    out, partial = run_train(stages, tmp_path / "short", budget)
    assert out.read_json("work")["repeats"] == [0, 1]
    assert out.read_array("oof").shape == (0, 12_000, 2)
    assert not partial.path.exists()
    told = capsys.readouterr().out
    assert "left out: " in told and "one repeat" in told
    assert [(each.state, each.done) for each in kept] == [("cut short", 0)]
    again, _ = run_train(stages, tmp_path / "again", Allowance(1.0, attempt, follow=0))
    names = {path.relative_to(out.path) for path in out.path.rglob("*")}
    assert names == {path.relative_to(again.path) for path in again.path.rglob("*")}
    for name in names:
        assert (out.path / name).read_bytes() == (again.path / name).read_bytes()


def test_the_strongest_model_is_begun_in_any_case(stages, tmp_path):
    attempt = Attempt("k", "d", "b", 0.0, 0.0)
    budget = Allowance(1.0, attempt, at_least=1, started=time.perf_counter())
    out, _ = run_train(stages, tmp_path, budget)
    assert out.read_json("work")["repeats"] == [1, 1]
