"""Fit one model on every fold: out-of-fold and test predictions, and the fitted models."""

import functools
import shutil
import time
from typing import Any

import numpy as np

from pipeline import metrics, models
from pipeline.artifacts import Folder, replace_folder
from pipeline.config import TrainStage
from pipeline.folds import Fold, read_folds, read_view
from pipeline.parallel import workers
from pipeline.progress import Progress


def run(
    settings: TrainStage,
    *,
    load: Folder,
    split: Folder,
    encode: Folder,
    tune: Folder,
    partial: Folder,
    out: Folder,
    progress: Progress,
) -> None:
    """Write oof (repeats, n, k), test (n_test, k), a score a fold, times, and models/.

    Finished folds are kept in `partial`: a run that is killed goes on with the ones it lacks.
    """
    schema = load.read_json("schema")
    metric = metrics.get_metric(settings.metric, schema["task"])
    folds = read_folds(split)
    chosen = tune.read_json("best")["settings"]
    fit = functools.partial(fit_fold, settings.name, chosen, metric.name, load, encode, partial)
    missing = [fold for fold in folds if not partial.has(fold.name)]
    with workers() as parallel_map, progress.task("fits", len(folds)) as task:
        for _ in range(len(folds) - len(missing)):
            task.advance()
        for _ in parallel_map(fit, missing):
            task.advance()
    out.write_json("settings", chosen)
    score = _gather(load.read_array("y"), folds, metric, partial, out)
    for fit_found in out.read_json("fits"):
        progress.detail("repeat {repeat}, fold {fold}: {score}".format(**fit_found))
    progress.say(f"{metric.label} {score:.4f}, {len(folds)} fits  ({progress.seconds:.1f} s)")


def fit_fold(
    name: str,
    chosen: dict[str, Any],
    metric: str,
    load: Folder,
    encode: Folder,
    partial: Folder,
    fold: Fold,
) -> None:
    """Fit on a fold's training rows, predict its validation rows and the test rows.

    What it writes into `partial` appears whole or not at all.
    """
    view = read_view(encode, fold, models.module(name).VIEW)
    schema = load.read_json("schema")
    problem = models.describe(schema, view.columns, view.categorical, metric)
    started = time.perf_counter()
    model = models.build(name, chosen, problem)
    model.fit(view.train, load.read_array("y")[fold.train])
    fitted = time.perf_counter()
    unfinished = partial.folder(f".{fold.name}.tmp")
    shutil.rmtree(unfinished.path, ignore_errors=True)
    unfinished.write_array("valid", model.predict(view.valid))
    unfinished.write_array("test", model.predict(view.test))
    model.save(unfinished.folder("models"), fold.name)
    seconds = {"fit": fitted - started, "predict": time.perf_counter() - fitted}
    unfinished.write_json("seconds", seconds)
    replace_folder(unfinished.path, partial.path / fold.name)


def _gather(
    y: np.ndarray, folds: list[Fold], metric: metrics.Metric, partial: Folder, out: Folder
) -> float:
    """Put the folds' pieces together; the score of the predictions averaged over repeats."""
    pieces = [partial.folder(fold.name) for fold in folds]
    outputs = pieces[0].read_array("valid").shape[1]
    oof = np.full((folds[-1].repeat + 1, len(y), outputs), np.nan)
    fits, seconds = [], {"fit_seconds": 0.0, "predict_seconds": 0.0}
    for fold, piece in zip(folds, pieces, strict=True):
        valid = piece.read_array("valid")
        oof[fold.repeat, fold.valid] = valid
        score = metric.score(y[fold.valid], valid)
        # ROC AUC of a fold that lacks a class is no number
        known = score if np.isfinite(score) else None
        fits.append({"repeat": fold.repeat, "fold": fold.number, "score": known})
        for part, spent in piece.read_json("seconds").items():
            seconds[f"{part}_seconds"] += spent
        shutil.copytree(piece.path / "models", out.path / "models", dirs_exist_ok=True)
    out.write_array("oof", oof)
    out.write_array("test", np.mean([piece.read_array("test") for piece in pieces], axis=0))
    out.write_json("fits", fits)
    out.write_json("timing", seconds)
    return metric.score(y, oof.mean(axis=0))
