"""Fit one model on every fold: out-of-fold and test predictions, and the fitted models."""

import contextlib
import functools
import math
import shutil
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from pipeline import metrics, models, pace
from pipeline.artifacts import Folder, replace_folder
from pipeline.budget import UNBOUNDED, Allowance
from pipeline.config import TrainStage
from pipeline.folds import Fold, read_folds, read_view
from pipeline.parallel import OutOfTime, workers
from pipeline.prediction import check
from pipeline.progress import Progress

REMEDY = "Leave this model out of the competition's TOML, or change its settings."


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
    budget: Allowance = UNBOUNDED,
) -> dict[str, Any] | None:
    """Write oof (repeats, n, k), test (n_test, k), a score a fold, times, and models/.

    by_fold (folds, n_test, k) are the test predictions of each fold's fits, averaged over repeats.

    Finished folds are kept in `partial`: a run that is killed goes on with the ones it lacks. A
    repeat that the budget does not allow for is left out; without any, so is the model: its oof is
    (0, n, k). Returns what was cut short.
    """
    schema = load.read_json("schema")
    metric = metrics.get_metric(settings.metric, schema["task"])
    folds = read_folds(split)
    best = tune.read_json("best")
    chosen = best["settings"]
    fit = functools.partial(fit_fold, settings.name, chosen, metric.name, load, encode, partial)
    repeats = folds[-1].repeat + 1
    begun = any(partial.has(fold.name) for fold in folds)
    inputs = (settings.name, chosen, metric.name, load, encode, folds, budget)
    expected = 0.0 if begun else pace.repeat_seconds(*inputs)
    fits = budget.affords(expected)
    done = _fit_all(fit, folds, partial, budget, progress) if fits else 0
    out.write_json("settings", chosen)
    fitted = [fold for fold in folds if fold.repeat < done]
    outputs = len(schema["classes"] or [""])
    score = _gather(load.read_array("y"), fitted, outputs, metric, partial, out)
    for fit_found in out.read_json("fits"):
        progress.detail("repeat {repeat}, fold {fold}: {score}".format(**fit_found))
    trials = [best.get(key, 0) for key in ("trials", "asked")]
    out.write_json("work", {"repeats": [done, repeats], "trials": trials})
    is_cut = budget.finish(done, repeats)
    cut = f", {done} of {repeats} repeats in {budget.told}" if is_cut else ""
    if not fits:
        progress.say(f"left out: {budget.too_long('one repeat', expected)}")
    elif not done:
        progress.say(f"left out: no repeat fits into {budget.told}")
    else:
        found = f"{metric.label} {score:.4f}, {len(fitted)} fits"
        progress.say(f"{found}{cut}")
    return {"repeats": [done, repeats]} if is_cut else None


def _fit_all(
    fit: Callable[[Fold], None],
    folds: list[Fold],
    partial: Folder,
    budget: Allowance,
    progress: Progress,
) -> int:
    """Repeat by repeat, as many as the budget allows for; returns how many are whole."""
    whole, left = 0, budget.left if budget.is_bound else None
    asked = [fold for fold in folds if budget.follow is None or fold.repeat < budget.follow]
    missing = {fold.name: fold for fold in asked if not partial.has(fold.name)}
    with workers(left=left) as parallel_map, progress.task("fits", len(asked)) as task:
        # the next repeat is begun while the last folds of one are under way: no core waits
        fits = parallel_map(fit, missing.values())
        with contextlib.suppress(OutOfTime):
            for fold in asked:
                if fold.number == 0 and not budget.goes_on(whole):
                    break
                if fold.name in missing:
                    next(fits)
                task.advance()
                if fold.number == folds[-1].number:
                    whole += 1
                budget.note(whole)
    return whole


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
    for part, rows in (("valid", view.valid), ("test", view.test)):
        predicted = model.predict(rows)
        check(predicted, rows.shape[0], problem.outputs, f"{name}, fold {fold.name},", REMEDY)
        unfinished.write_array(part, predicted)
    model.save(unfinished.folder("models"), fold.name)
    seconds = {"fit": fitted - started, "predict": time.perf_counter() - fitted}
    unfinished.write_json("seconds", seconds)
    replace_folder(unfinished.path, partial.path / fold.name)


def _gather(
    y: np.ndarray,
    folds: list[Fold],
    outputs: int,
    metric: metrics.Metric,
    partial: Folder,
    out: Folder,
) -> float:
    """Put the folds' pieces together; the score of the predictions averaged over repeats."""
    pieces = [partial.folder(fold.name) for fold in folds]
    repeats = folds[-1].repeat + 1 if folds else 0
    oof = np.full((repeats, len(y), outputs), np.nan)
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
    out.write_json("fits", fits)
    out.write_json("timing", seconds)
    if not folds:
        return math.nan
    tests = np.stack([piece.read_array("test") for piece in pieces])
    out.write_array("test", tests.mean(axis=0))
    out.write_array("by_fold", tests.reshape(repeats, -1, *tests.shape[1:]).mean(axis=0))
    return metric.score(y, oof.mean(axis=0))
