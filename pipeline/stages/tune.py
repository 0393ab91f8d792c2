"""Search a model's settings with Optuna: folds of a trial in parallel, trials one after another."""

import functools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline import metrics, models, pace
from pipeline.artifacts import Folder, digest_of
from pipeline.budget import UNBOUNDED, Allowance
from pipeline.config import TuneStage
from pipeline.folds import Fold, read_folds, read_view
from pipeline.parallel import Map, OutOfTime, workers
from pipeline.progress import Progress

if TYPE_CHECKING:
    import optuna
    from optuna.trial import FrozenTrial


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
    budget: Allowance = UNBOUNDED,
) -> dict[str, Any] | None:
    """Write the best settings; with no trials these are the TOML's. Returns what was cut short.

    A label metric such as accuracy moves in steps of single rows, so the search minimises log loss
    instead.
    """
    if settings.trials == 0:
        progress.detail("no trials asked for: the settings of the TOML")
        _write_best(settings, [], None, out)
        budget.finish(0, 0)
        return None
    from pipeline import studies

    search = _Search(settings, load, split, encode)
    study = _open(search, journal, inputs_digest, progress)
    with studies.deletion_reported(study, journal):
        studies.abandon_running(study)
        trial = 0.0 if studies.finished(study) else search.expected_seconds(budget)
        # the first trial is the TOML's settings: without a second it tells nothing
        fits = budget.affords(min(2, settings.trials) * trial)
        if fits:
            _spend_budget(study, search, budget, progress)
        # of more trials, which another process may have added, the record's are the first
        trials = studies.finished(study)[: budget.follow]
        best = studies.best_of(study, trials)
    _write_best(settings, trials, best, out)
    is_cut = budget.finish(len(trials), settings.trials)
    if not fits:
        told = f"the settings of the TOML: {budget.too_long('one trial', trial)}"
    elif best is None:
        told = f"no trial fits into {budget.told}: the settings of the TOML"
    else:
        cut = f" of {settings.trials}" if is_cut else ""
        where = f" in {budget.told}" if is_cut else ""
        found = "none beat the TOML" if best.number == trials[0].number else "improved"
        told = f"{search.metric.label} {best.value:.4f} (mean of folds)"
        told = f"{told} after {len(trials)}{cut} trials{where}, {found}"
    progress.say(told)
    return {"trials": [len(trials), settings.trials]} if is_cut else None


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
    from pipeline import studies

    search = _Search(settings, load, split, encode)
    added = 0
    if settings.trials:
        from pipeline import studies

        study = _open(search, journal, inputs_digest, progress)
        with studies.deletion_reported(study, journal):
            added = _spend_budget(study, search, UNBOUNDED, progress)
    progress.say(f"added {added} trials to a budget of {settings.trials}")


class _Search:
    """What is searched: one model's settings, judged on the folds of the first repeat."""

    def __init__(self, settings: TuneStage, load: Folder, split: Folder, encode: Folder) -> None:
        schema = load.read_json("schema")
        task = schema["task"]
        asked = metrics.get_metric(settings.metric, task)
        self.settings, self.model = settings, models.module(settings.name)
        self.load, self.encode, self.asked = load, encode, asked
        self.folds = [fold for fold in read_folds(split) if fold.repeat == 0]
        self.metric = judge(asked, load.read_array("y"), self.folds)
        self.score_of = functools.partial(
            fold_score, settings.name, load, encode, asked.name, self.metric.name
        )

    def expected_seconds(self, budget: Allowance) -> float:
        """Of one trial, with the settings of the TOML."""
        name, chosen = self.settings.name, self.settings.model
        return pace.repeat_seconds(
            name, chosen, self.asked.name, self.load, self.encode, self.folds, budget
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


def _open(search: _Search, journal: Path, inputs_digest: str, progress: Progress) -> "optuna.Study":
    """The study's name holds a hash of all but the budget: more trials go on with it."""
    from pipeline import studies

    damage = studies.mend(journal)
    if damage:
        progress.say(damage)
    settings = search.settings
    identity = settings.model_dump(mode="json", exclude={"trials"})
    name = f"{settings.name} {digest_of([identity, inputs_digest])[:8]}"
    return studies.open_study(
        journal,
        name,
        settings,
        dict(settings.model),
        greater_is_better=search.metric.greater_is_better,
    )


def _spend_budget(
    study: "optuna.Study", search: _Search, budget: Allowance, progress: Progress
) -> int:
    """Trials until their number, those of earlier runs counted in, or the budget is used up.

    Returns how many this process added.
    """
    from pipeline import studies

    settings, label, added = search.settings, search.metric.label, 0
    left = budget.left if budget.is_bound else None
    with workers(left=left) as parallel_map, progress.task("trials", settings.trials) as task:
        done = len(studies.finished(study))
        for _ in range(done):
            task.advance()
        while done < settings.trials and budget.goes_on(done):
            trial, chosen = studies.next_trial(
                study, settings, settings.model, search.model.suggest
            )
            scores = search.scores({**settings.model, **chosen}, parallel_map)
            try:
                value = studies.evaluate_trial(study, trial, scores)
            except OutOfTime:
                studies.abandon(study, trial)
                break
            added += 1
            done = len(studies.finished(study))
            budget.note(done)
            task.advance(f"best {label} {study.best_value:.4f}")
            progress.detail(f"trial {trial.number}: {label} {value:.4f}  {chosen}")
    return added


def _write_best(
    settings: TuneStage,
    trials: "Sequence[FrozenTrial]",
    found: "FrozenTrial | None",
    out: Folder,
) -> None:
    best = {**settings.model, **(found.params if found else {})}
    pruned = sum(trial.state.name == "PRUNED" for trial in trials)
    out.write_json(
        "best",
        {
            "settings": best,
            "value": found.value if found else None,
            "trials": len(trials),
            "pruned": pruned,
            "asked": settings.trials,
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
