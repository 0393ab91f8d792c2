"""The pipeline as a library: data frames in, data frames out, the same stages and checks.

`fit` writes the frames into a folder of its own and runs them like any competition; `run` runs a
competition of the project. Both give a `Run`. `compute` gives the values of single stages.
"""

import tempfile
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline import session
from pipeline.config import Configuration, load_configuration
from pipeline.errors import DataError, SettingsError
from pipeline.estimates import interval, verdict
from pipeline.experiments import Experiment, is_comparable, what_differs
from pipeline.flow import Flow, Reporter
from pipeline.metrics import Estimate
from pipeline.new import configuration_for, settings_given
from pipeline.parallel import one_thread, workers
from pipeline.prediction_file import labelled, side_by_side
from pipeline.predictor import Predictor
from pipeline.reading.new_rows import rows_of
from pipeline.targets import Mean, Scored, mean_difference, refuse_other_rows, scored
from pipeline.wording import FRAMES, count, quoted
from pipeline.workspace import Workspace

if TYPE_CHECKING:
    import pandas as pd

MOST_NAMED = 12  # columns in a message


@dataclass
class Run:
    """What came of a run. In Jupyter it shows itself as its leaderboard.

    `experiment` is what is kept of it; `flow` has the value of every stage, by name.
    """

    flow: Flow
    experiment: Experiment
    _folder: Any = field(default=None, repr=False)  # a temporary one lives as long as the run

    @cached_property
    def leaderboard(self) -> "pd.DataFrame":
        """Every model and the blend, best first: score, standard error, the paired difference to
        the best with its 95% interval, and a verdict. Of several targets, their mean."""
        if self._is_several:
            return frame_of(self.flow.value("average").entries, self.experiment.metric)
        return self.flow.value("evaluate").leaderboard.frame()

    @property
    def targets(self) -> "dict[str, Run]":
        """By target, a run of this target alone; empty where there is one only."""
        return {each.target: self.of(each.target) for each in self.experiment.targets}

    def of(self, target: str) -> "Run":
        """This run, of one of several targets: its leaderboard, report and predictions.

        Raises SettingsError for a name that is none of them.
        """
        names = [each.target for each in self.experiment.targets]
        if target not in names:
            there = quoted(names) or "none, as there is one target only"
            raise SettingsError(
                f"there is no target {target!r}; there are: {there}. Name one of them."
            )
        return Run(self.flow.of(target), self.experiment.of(target), self._folder)

    @property
    def _is_several(self) -> bool:
        return len(self.flow.targets) > 1

    def _one_target(self, what: str) -> None:
        """Raise SettingsError for what each of several targets has of its own."""
        if self._is_several:
            names = quoted(self.experiment.target_names)
            raise SettingsError(
                f"each of several targets has {what} of its own. Ask one of them, "
                f"run.of(...): {names}."
            )

    @property
    def expected(self) -> Estimate:
        """The score to expect on rows that nobody has seen, with its standard error."""
        return self.experiment.expected

    @property
    def weights(self) -> dict[str, float]:
        """What the blend is made of: a weight a model."""
        return dict(self.experiment.weights)

    @property
    def cut_short(self) -> str:
        """What the minutes left undone, as in `rnn (1 of 3 repeats), kernel (left out)`."""
        undone = {name: self.flow.of(name).value("blend").undone for name in self.flow.targets}
        named = [f"{name}: {each}" if name else each for name, each in undone.items() if each]
        return ", ".join(named)

    @cached_property
    def out_of_fold(self) -> "pd.DataFrame":
        """The blend's out-of-fold prediction of every training row, as `predict` gives them.

        Rows that no fold validates are missing values. Raises DataError where several targets are
        known in different rows.
        """
        refuse_other_rows([self.flow.of(name).value("load") for name in self.flow.targets])
        tables = []
        for name in self.flow.targets:
            flow = self.flow.of(name)
            problem, oof = flow.value("load").problem, flow.value("blend").oof
            tables.append(_as_predicted(oof, problem, self._is_several))
        return side_by_side(tables)

    def compare(self, other: "Run") -> "pd.DataFrame":
        """This run minus another one on the same rows: the blends, and every model of both.

        Paired differences with their standard error and 95% interval, and what they amount to.
        Raises DataError where the two were validated on other rows, other folds, or by another
        metric.
        """
        import pandas as pd

        if not is_comparable(self.experiment, other.experiment):
            raise DataError(
                "these runs are not comparable row by row: found "
                f"{what_differs(self.experiment, other.experiment)}. Give both the same rows, "
                "[split] settings and metric."
            )
        theirs, found = other._scored(self), {}
        for name, own in self._scored(self).items():
            if name in theirs:
                each = mean_difference(own, theirs[name], self.experiment.measure)
                amounts_to = verdict(each, self.experiment.measure.greater_is_better)
                found[name] = (each.score, each.standard_error, *interval(each), amounts_to)
        columns = ["difference", "standard_error", "low", "high", "verdict"]
        return pd.DataFrame.from_dict(found, orient="index", columns=columns)

    def _scored(self, rows: "Run") -> dict[str, list[Scored]]:
        """By name of the blend and of every model, its out-of-fold predictions of a run's validated
        rows, target by target."""
        found: dict[str, list[Scored]] = {}
        for target in self.flow.targets:
            load, split = (rows.flow.of(target).value(name) for name in ("load", "split"))
            metric = self.experiment.metric_of(target)
            for name, oof in _out_of_fold(self.flow.of(target), self.experiment.models).items():
                each = scored(load, metric, oof, split.validated, split.validated_clusters)
                found.setdefault(name, []).append(each)
        return found

    def predict(self, frame: "pd.DataFrame") -> "pd.DataFrame":
        """New rows -> their label and a probability a class, or their value; the index is kept.

        Raises DataError where the rows lack a column or hold what training rows could not.
        """
        tables = []
        for target, predictor in self._predictors.items():
            loaded = self.flow.of(target).value("load")
            settings = session.load_settings(self.experiment, target)
            with one_thread(), workers() as parallel_map:
                rows = rows_of(frame, loaded, settings)
                prediction = predictor.predict(rows.frame, parallel_map, rows.groups)
            table = labelled(prediction, loaded.problem, several=self._is_several)
            tables.append(_with_numbers(table, loaded.problem))
        predicted = side_by_side(tables)
        predicted.index = frame.index
        return predicted

    def submission(self) -> "pd.DataFrame":
        """The file to upload, as a frame. Raises DataError where there were no rows to predict."""
        import pandas as pd

        form = self.flow.of(self.flow.targets[0]).value("load").problem.form
        return pd.read_csv(
            self.submission_path, sep=form.separator, decimal=form.decimal, encoding=form.encoding
        )

    @property
    def submission_path(self) -> Path:
        """Where the file to upload lies.

        Raises DataError where there were no rows to predict.
        """
        name = self.experiment.submission
        if name is None:
            raise DataError(
                "there is no submission, for there were no rows to predict. Give them to fit, as "
                "test=..., or predict new rows by .predict(frame)."
            )
        return self.flow.workspace.submissions / name

    def report(self) -> "Page":
        """The report; Jupyter shows it, `.save(path)` keeps it as a file.

        Of several targets it is the page on all of them.
        """
        return self._page("average" if self._is_several else "evaluate")

    def exploration(self) -> "Page":
        """The page on the data before any model; each of several targets has one."""
        self._one_target("an exploration")
        return self._page("explore")

    def _page(self, stage: str) -> "Page":
        html = self.flow.value(stage).html
        return Page(session.page_with_run_details(html, self.flow.workspace, self.experiment))

    @cached_property
    def _predictors(self) -> dict[str, Predictor]:
        return {name: session.predictor_of(self.flow.of(name)) for name in self.flow.targets}

    def __repr__(self) -> str:
        score = f"{self.expected.score:.4f} ± {self.expected.standard_error:.4f}"
        undone = self.cut_short and f"; cut short: {self.cut_short}"
        return f"<Run: {self.experiment.metric} {score} ({self.experiment.method}){undone}>"

    def _repr_html_(self) -> str:
        html: str = self.leaderboard.to_html(index=False, float_format="{:.4f}".format)
        return html + (self.cut_short and f"<p>Cut short: {self.cut_short}</p>")


@dataclass(frozen=True)
class Page:
    """A page of HTML that needs no network."""

    html: str = field(repr=False)

    def save(self, path: str | Path) -> Path:
        from pipeline.files import write_atomically

        write_atomically(Path(path), self.html)
        return Path(path)

    def _repr_html_(self) -> str:
        from html import escape

        return (
            f'<iframe srcdoc="{escape(self.html, quote=True)}" width="100%" height="800" '
            'style="border: 0"></iframe>'
        )


def run(
    competition: str,
    preset: str = "default",
    *,
    models: Sequence[str] | None = None,
    settings: Mapping[str, Any] | None = None,
    note: str = "",
    root: str | Path = ".",
    new_plan: bool = False,
    verbose: bool = False,
) -> Run:
    """Run a competition of the project below `root`: `make C=competition PRESET=preset all`.

    `models` are those to fit, by default all of the TOML; `settings` are laid over the TOML, as in
    {"models.small.kind": "lightgbm"}. Nothing is computed twice: what earlier runs left is taken
    from the store. `new_plan` divides the minutes of [budget] again, where they cut a run short.
    """
    workspace, configuration = Workspace(Path(root).resolve(), competition), None
    if settings or models is not None:
        overlay = tables_of(settings or {})
        configuration = load_configuration(competition, preset, overlay=overlay, only=models)
    asked = {"preset": preset, "note": note, "new_plan": new_plan}
    return _run(workspace, configuration, verbose, **asked)


def compute(
    competition: str,
    goal: str,
    preset: str = "default",
    *,
    root: str | Path = ".",
    verbose: bool = False,
) -> Flow:
    """One stage and what it needs, as `make C=competition goal`: the values by `.value(stage)`."""
    workspace, reporter = Workspace(Path(root).resolve(), competition), _reporter(verbose)
    with one_thread():
        return session.run(workspace, goal, preset, reporter=reporter).flow


def fit(
    train: "pd.DataFrame",
    target: str | Sequence[str],
    *,
    test: "pd.DataFrame | None" = None,
    metric: str | None = None,
    task: str | None = None,
    id: str | None = None,
    models: Sequence[str] | None = None,
    preset: str = "default",
    minutes: float | None = None,
    settings: Mapping[str, Any] | None = None,
    folder: str | Path | None = None,
    note: str = "",
    new_plan: bool = False,
    verbose: bool = False,
) -> Run:
    """Fit the models that suit a table, blend them, and estimate the score on other rows.

    train: the labelled rows; target: the column to predict, or a list of several; test: rows to
    predict for a submission, without the target. `metric`, `task` and `id` are found by looking, if
    left out: the metric is then accuracy or RMSE. `models` names files of pipeline/models; left
    out, the size of the table decides, as it does on folds and minutes. `settings` are other lines
    of a competition's TOML, as {"split.folds": 10, "models.lightgbm.num_leaves": 15}. `folder`
    keeps everything, so that the next call takes from it what it would compute again; left out, all
    is deleted with the run. `new_plan`, with a folder, divides the minutes again, where they cut
    the last call short.

    Raises SettingsError for wrong arguments, DataError for tables that cannot be learnt from.
    """
    several = isinstance(target, Sequence) and not isinstance(target, str)
    targets = [str(name) for name in target] if several else [str(target)]
    id = None if id is None else str(id)
    _check_frames(train, targets, test)
    if isinstance(models, str):
        raise SettingsError(f"models: found {models!r}, a list is needed. Give [{models!r}].")
    overlay = tables_of(settings or {})
    if minutes is not None:
        overlay.setdefault("budget", {})["minutes"] = minutes
    temporary = tempfile.TemporaryDirectory(prefix="pipeline-") if folder is None else None
    kept = temporary.name if temporary else folder
    workspace = Workspace(Path(str(kept)).resolve(), FRAMES)
    asked_for = targets if len(targets) > 1 else targets[0]
    named = {"target": asked_for, "metric": metric, "task": task, "id": id}
    given = settings_given(named, tables=overlay, where="fit")
    frames = {"train": train} if test is None else {"train": train, "test": test}
    with one_thread():
        configuration = configuration_for(frames, workspace.raw, given, preset, overlay, models)
    asked = {"preset": preset, "note": note, "new_plan": new_plan}
    return _run(workspace, configuration, verbose, temporary, **asked)


def tables_of(settings: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """{"models.lightgbm.num_leaves": 15} -> {"models": {"lightgbm": {"num_leaves": 15}}}.

    Raises SettingsError for what is no such mapping, and for a name that stands in no table.
    """
    if not isinstance(settings, Mapping):
        raise SettingsError(
            f"settings: found {type(settings).__name__}, a mapping is needed, as in "
            '{"split.folds": 10}.'
        )
    tables: dict[str, dict[str, Any]] = {}
    for name, value in settings.items():
        *path, key = str(name).split(".")
        table: Any = tables
        for part in path:
            table = table.setdefault(part, {}) if isinstance(table, dict) else None
        if not path or not isinstance(table, dict):
            raise SettingsError(
                f"settings: found {name!r}, allowed is TABLE.KEY, as in "
                '{"split.folds": 10}. Name the table of the TOML that it stands in.'
            )
        table[key] = value
    return tables


def _check_frames(train: Any, targets: Sequence[str], test: Any) -> None:
    """Raise UserError for what is no table of rows, or for tables that do not belong together."""
    import pandas as pd

    for name, frame in {"train": train, **({} if test is None else {"test": test})}.items():
        if not isinstance(frame, pd.DataFrame):
            raise SettingsError(
                f"{name}: found {type(frame).__name__}, a pandas.DataFrame is needed. Give "
                "pd.DataFrame(...) of it."
            )
        if not len(frame):
            raise DataError(f"{name}: found no rows, at least one is needed.")
    columns = list(map(str, train.columns))
    absent = [name for name in targets if name not in columns]
    if absent:
        raise SettingsError(
            f"target: train has no column {absent[0]!r}; its columns are "
            f"{quoted(columns, MOST_NAMED)}. Name one of them."
        )
    known = columns if test is None else [*targets, *map(str, test.columns)]
    absent = [name for name in columns if name not in known]
    if absent:
        raise DataError(
            f"test lacks {count(len(absent), 'column')} of train: {quoted(absent, MOST_NAMED)}. "
            "Add what is missing, or leave it out of train."
        )


def _run(
    workspace: Workspace,
    configuration: Configuration | None,
    verbose: bool,
    temporary: Any = None,
    **asked: Any,
) -> Run:
    """Everything, as session.run does it; `asked` are its preset, note and new_plan."""
    reporter = _reporter(verbose)
    with one_thread():
        done = session.run(workspace, reporter=reporter, configuration=configuration, **asked)
    if done.experiment is None:
        raise DataError("the run ended without a blend. Run it again with verbose=True.")
    run = Run(done.flow, done.experiment, temporary)
    if run.cut_short:
        warnings.warn(
            f"not all of the work was done: {run.cut_short}. Give it more minutes, or memory.",
            stacklevel=3,
        )
    return run


def _reporter(verbose: bool) -> Reporter:
    return Reporter(live=None if verbose else False, verbose=verbose, silent=not verbose)


def _out_of_fold(flow: Flow, models: Iterable[str]) -> dict[str, np.ndarray]:
    """Out-of-fold predictions (n, k) of the blend and of these models, of a run of one target."""
    trained = {name: flow.value("train", name).mean_oof for name in models}
    return {"blend": flow.value("blend").oof, **trained}


def frame_of(entries: Sequence[Mean], metric: str) -> "pd.DataFrame":
    """A row an entry: mean and standard error, the paired difference to the best, each target."""
    import pandas as pd

    rows = []
    for entry in entries:
        difference = entry.to_best or Estimate(0.0, 0.0)
        low, high = interval(difference)
        about = {"to_best": difference.score, "low": low, "high": high, "verdict": entry.verdict}
        rows.append(
            {
                "model": entry.name,
                metric: entry.estimate.score,
                "standard_error": entry.estimate.standard_error,
                **about,
                **{name: each.score for name, each in entry.by_target.items()},
            }
        )
    return pd.DataFrame(rows)


def _as_predicted(prediction: np.ndarray, problem: Any, several: bool = False) -> "pd.DataFrame":
    """Predictions with missing rows -> a frame as `predict` gives it."""
    known = ~np.isnan(prediction).any(axis=1)
    return (
        _with_numbers(labelled(prediction[known], problem, several=several), problem)
        .set_axis(np.flatnonzero(known))
        .reindex(range(len(prediction)))
    )


def _with_numbers(predicted: "pd.DataFrame", problem: Any) -> "pd.DataFrame":
    """Labels that are numbers as numbers, as they were in the training frame."""
    import pandas as pd

    if problem.classes is not None:
        numbers = pd.to_numeric(pd.Series(problem.classes), errors="coerce")
        if numbers.notna().all():
            predicted[problem.target] = pd.to_numeric(predicted[problem.target])
    return predicted
