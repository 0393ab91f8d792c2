"""Search a model's settings with Optuna: folds of a trial in parallel, trials one after another."""

import functools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline import metrics, models
from pipeline.artifacts import Folder, digest_of
from pipeline.config import TuneStage
from pipeline.folds import Fold, read_folds, read_view
from pipeline.parallel import Map, workers
from pipeline.progress import Progress

if TYPE_CHECKING:
    import optuna


def run(
    settings: TuneStage,
    *,
    load: Folder,
    split: Folder,
    encode: Folder,
    journal: Path,
    inputs_digest: str,
    out: Folder,
    progress: Progress,
) -> None:
    """Write the best settings; with no trials these are the TOML's.

    A label metric such as accuracy moves in steps of single rows, so the search minimises log loss
    instead.
    """
    if settings.trials == 0:
        progress.detail("no trials asked for: the settings of the TOML")
        _write_best(settings, None, out)
        return
    from pipeline import studies

    search = _Search(settings, load, split, encode)
    study = _open(search, journal, inputs_digest)
    studies.abandon_running(study)
    _spend_budget(study, search, progress)
    _write_best(settings, study, out)
    trials = studies.finished(study)
    found = "none beat the TOML" if study.best_trial.number == trials[0].number else "improved"
    progress.say(
        f"{search.metric.label} {study.best_value:.4f} (mean of folds) after {len(trials)} trials, "
        f"{found}  ({progress.seconds:.1f} s)"
    )


def join(
    settings: TuneStage,
    *,
    load: Folder,
    split: Folder,
    encode: Folder,
    journal: Path,
    inputs_digest: str,
    progress: Progress,
) -> None:
    """Help a search that runs in another process: the same study, until its budget is spent."""
    search = _Search(settings, load, split, encode)
    added = 0
    if settings.trials:
        added = _spend_budget(_open(search, journal, inputs_digest), search, progress)
    progress.say(f"added {added} trials to a budget of {settings.trials}")


class _Search:
    """What is searched: one model's settings, judged on the folds of the first repeat."""

    def __init__(self, settings: TuneStage, load: Folder, split: Folder, encode: Folder) -> None:
        schema = load.read_json("schema")
        task = schema["task"]
        asked = metrics.get_metric(settings.metric, task)
        self.settings, self.model = settings, models.module(settings.name)
        self.folds = [fold for fold in read_folds(split) if fold.repeat == 0]
        self.metric = judge(asked, load.read_array("y"), self.folds)
        self.score_of = functools.partial(
            fold_score, settings.name, load, encode, asked.name, self.metric.name
        )

    def scores(self, chosen: dict[str, Any], parallel_map: Map) -> Iterator[float]:
        return parallel_map(functools.partial(self.score_of, chosen), self.folds)


def judge(asked: metrics.Metric, y: np.ndarray, folds: Sequence[Fold]) -> metrics.Metric:
    """What a trial is judged by: a smooth metric, and one that every fold can compute."""
    lacking = any(len(np.unique(y[fold.valid])) < len(np.unique(y)) for fold in folds)
    if asked.name == "roc_auc" and lacking:
        return metrics.METRICS["log_loss"]
    return metrics.smooth_metric(asked)


def fold_score(
    name: str,
    load: Folder,
    encode: Folder,
    metric: str,
    judge: str,
    chosen: dict[str, Any],
    fold: Fold,
) -> float:
    """Fit on a fold's training rows; the score on its validation rows."""
    view = read_view(encode, fold, models.module(name).VIEW)
    y = load.read_array("y")
    schema = load.read_json("schema")
    problem = models.describe(schema, view.columns, view.categorical, metric)
    model = models.build(name, chosen, problem)
    model.fit(view.train, y[fold.train])
    return metrics.METRICS[judge].score(y[fold.valid], model.predict(view.valid))


def _open(search: _Search, journal: Path, inputs_digest: str) -> "optuna.Study":
    """The study's name holds a hash of all but the budget: more trials go on with it."""
    from pipeline import studies

    settings = search.settings
    identity = settings.model_dump(mode="json", exclude={"trials", "seconds"})
    name = f"{settings.name} {digest_of([identity, inputs_digest])[:8]}"
    return studies.open_study(
        journal,
        name,
        settings,
        dict(settings.model),
        greater_is_better=search.metric.greater_is_better,
    )


def _spend_budget(study: "optuna.Study", search: _Search, progress: Progress) -> int:
    """Trials until their number or the seconds are used up, those of earlier runs counted in.

    Returns how many this process added.
    """
    from pipeline import studies

    settings, label, added = search.settings, search.metric.label, 0
    with workers() as parallel_map, progress.task("trials", settings.trials) as task:
        for _ in studies.finished(study):
            task.advance()
        while not _is_spent(study, settings):
            trial, chosen = studies.next_trial(
                study, settings, settings.model, search.model.suggest
            )
            scores = search.scores({**settings.model, **chosen}, parallel_map)
            value = studies.evaluate_trial(study, trial, scores)
            added += 1
            task.advance(f"best {label} {study.best_value:.4f}")
            progress.detail(f"trial {trial.number}: {label} {value:.4f}  {chosen}")
    return added


def _is_spent(study: "optuna.Study", settings: TuneStage) -> bool:
    from pipeline import studies

    out_of_time = settings.seconds and studies.seconds_used(study) >= settings.seconds
    return len(studies.finished(study)) >= settings.trials or bool(out_of_time)


def _write_best(settings: TuneStage, study: "optuna.Study | None", out: Folder) -> None:
    trials = []
    if study:
        from pipeline import studies

        trials = studies.finished(study)
    best = {**settings.model, **(study.best_params if study else {})}
    pruned = sum(trial.state.name == "PRUNED" for trial in trials)
    out.write_json(
        "best",
        {
            "settings": best,
            "value": study.best_value if study else None,
            "trials": len(trials),
            "pruned": pruned,
            "budget": {"trials": settings.trials, "seconds": settings.seconds},
            "cut_short": len(trials) < settings.trials,
        },
    )
    out.write_json(
        "trials",
        [
            {"number": i, "value": t.value, "state": t.state.name.lower(), "params": t.params}
            for i, t in enumerate(trials)
        ],
    )
